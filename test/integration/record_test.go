//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// record is the part of a record that the tests look at.
type record struct {
	Type     string
	ID       string // of an event
	TS       time.Time
	Stream   string
	Series   string
	Epoch    int
	Rev      int
	Kind     string // of an event
	Why      string
	Data     struct{ Value float64 } // of a dead letter
	Channels map[string]struct {
		Raw, Clean *float64
		Quality    string
	}
}

// recordKey is the key of a first revision in the first epoch.
func recordKey(stream, series string, ts int64) string {
	return fmt.Sprintf("%s/%s/0/%d/0", stream, series, ts)
}

func parse(t *testing.T, payload []byte) record {
	t.Helper()
	var r record
	if err := json.Unmarshal(payload, &r); err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	return r
}

// arrivals keeps what came out of a sink, records and events by their keys. It
// may be used by several goroutines.
type arrivals struct {
	mu      sync.Mutex
	items   map[string][]byte
	at      map[string]time.Time // of the first copy
	copies  int                  // beyond the first of each key
	wrong   []string             // what should not have come
	records int                  // different ones
	markers int
}

func newArrivals() *arrivals {
	return &arrivals{items: map[string][]byte{}, at: map[string]time.Time{}}
}

// marker is a message that a test sends behind all others to see that nothing is
// on its way any more.
const marker = `{"type":"marker"}`

func (a *arrivals) add(payload []byte, now time.Time) {
	var r struct {
		Type, ID, Stream, Series string
		TS                       time.Time
		Epoch, Rev               int
	}
	err := json.Unmarshal(payload, &r)
	a.mu.Lock()
	defer a.mu.Unlock()
	key := r.ID
	switch {
	case err != nil:
		a.wrong = append(a.wrong, fmt.Sprintf("%v in %s", err, payload))
		return
	case r.Type == "marker":
		a.markers++
		return
	case r.Type == "record":
		key = fmt.Sprintf("%s/%s/%d/%d/%d", r.Stream, r.Series, r.Epoch, r.TS.UnixNano(), r.Rev)
	}
	before, known := a.items[key]
	switch {
	case !known:
		a.items[key], a.at[key] = payload, now
		if r.Type == "record" {
			a.records++
		}
	case bytes.Equal(before, payload):
		a.copies++
	default:
		a.copies++
		a.wrong = append(a.wrong, fmt.Sprintf("copies of %s differ:\n%s\n%s", key, before, payload))
	}
}

// count returns the number of different records so far.
func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.records
}

// all returns the number of items so far, copies included.
func (a *arrivals) all() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.items) + a.copies
}

func (a *arrivals) marked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.markers
}

// get returns the item of a key.
func (a *arrivals) get(key string) (payload []byte, at time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	payload, ok = a.items[key]
	return payload, a.at[key], ok
}

// check reports whatever came that should not have: what is no JSON, and copies
// that differ.
func (a *arrivals) check(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, w := range a.wrong {
		if i == 5 {
			t.Errorf("... and %d more", len(a.wrong)-i)
			break
		}
		t.Error(w)
	}
}

// compare reports how a's items differ from those of want, by key and byte.
func (a *arrivals) compare(t *testing.T, want *arrivals) {
	t.Helper()
	var lost, more, differ []string
	for key, payload := range want.items {
		switch got, ok := a.items[key]; {
		case !ok:
			lost = append(lost, key)
		case !bytes.Equal(got, payload):
			differ = append(differ, fmt.Sprintf("\ngot  %s\nwant %s", got, payload))
		}
	}
	for key := range a.items {
		if _, ok := want.items[key]; !ok {
			more = append(more, key)
		}
	}
	for what, list := range map[string][]string{"lost": lost, "too many": more, "different": differ} {
		if len(list) > 0 {
			t.Errorf("%d %s, such as %s", len(list), what, list[:min(3, len(list))])
		}
	}
}
