//go:build faults

package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// lookahead is how many later samples the model of every scenario waits for: as many
// of each series have no record in the end.
const lookahead = 8

// start and step are the event time of the samples: 100 Hz, however fast they are
// sent.
const (
	start = 1_767_225_600_000 // ms
	step  = 10                // ms
)

// sample is one message: a reading of a series.
type sample struct {
	series string
	ms     int64
	x      float64
}

// payload is the JSON that devices send.
func (s sample) payload() []byte {
	return fmt.Appendf(nil, `{"ts":%d,"device":%q,"x":%g}`, s.ms, s.series, s.x)
}

// signal gives the samples of some series in turn: a sine with noise on it, that of
// each sample following from its number alone.
type signal struct {
	prefix string
	series int
	next   int
}

func (g *signal) take(n int) []sample {
	out := make([]sample, n)
	for i := range out {
		k, t := g.next%g.series, g.next/g.series
		rnd := rand.New(rand.NewPCG(uint64(g.next), 77))
		x := math.Sin(float64(t)/(15+float64(k%20))) + 0.1*rnd.NormFloat64()
		out[i] = sample{fmt.Sprintf("%s%d", g.prefix, k), start + step*int64(t), math.Round(x*1e6) / 1e6}
		g.next++
	}
	return out
}

// counts is what became of what was sent.
type counts struct {
	sent, received, lost, identical, different, reordered, wrong int
}

func (c *counts) add(d counts) {
	c.sent += d.sent
	c.received += d.received
	c.lost += d.lost
	c.identical += d.identical
	c.different += d.different
	c.reordered += d.reordered
	c.wrong += d.wrong
}

// ledger knows every sample that was sent and every item that was received. It may
// be used by several goroutines.
type ledger struct {
	mu       sync.Mutex
	sent     []sample
	have     map[slot]float64  // raw values that came, by series and time; NaN: missing
	items    map[string][]byte // by key; what came first
	newest   map[string]int64  // of each series and epoch, the latest time that came first
	arrived  int               // items, copies included
	counts   counts            // identical, different, reordered
	examples []string          // of what should not have come
}

type slot struct {
	series string
	ms     int64
}

func newLedger() *ledger {
	return &ledger{have: map[slot]float64{}, items: map[string][]byte{}, newest: map[string]int64{}}
}

// send notes samples that are about to be sent.
func (l *ledger) send(s []sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, s...)
}

// sending returns how many samples were sent.
func (l *ledger) sending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sent)
}

// item is the part of a record or event that the suite looks at.
type item struct {
	Type, ID, Kind, Why string
	Stream, Series      string
	TS                  time.Time
	Epoch, Rev          int
	Channels            map[string]struct {
		Raw, Clean *float64
		Quality    string
	}
	Data map[string]any
}

// receive notes an item that came out of a sink.
func (l *ledger) receive(payload []byte) {
	var it item
	err := json.Unmarshal(payload, &it)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived++
	if err != nil {
		l.counts.wrong++
		l.example("%v in %s", err, payload)
		return
	}
	key := it.ID
	if it.Type == "record" {
		key = fmt.Sprintf("%s/%s/%d/%d/%d", it.Stream, it.Series, it.Epoch, it.TS.UnixNano(), it.Rev)
	}
	before, known := l.items[key]
	switch {
	case known && bytes.Equal(before, payload):
		l.counts.identical++
	case known:
		l.counts.different++
		l.example("copies of %s differ:\n%s\n%s", key, before, payload)
	default:
		l.items[key] = payload
		if it.Type == "record" {
			l.first(&it)
		}
	}
}

// first notes a record that comes for the first time.
func (l *ledger) first(it *item) {
	at := it.TS.UnixMilli()
	line := fmt.Sprintf("%s/%s/%d", it.Stream, it.Series, it.Epoch)
	if newest, ok := l.newest[line]; ok && it.Rev == 0 && at < newest {
		l.counts.reordered++
		l.example("%s at %d comes behind %d", it.Series, at, newest)
	}
	l.newest[line] = max(l.newest[line], at)
	raw := math.NaN()
	if v := it.Channels["x"].Raw; v != nil {
		raw = *v
	}
	if s := (slot{it.Series, at}); it.Rev >= 0 {
		l.have[s] = raw
	}
}

func (l *ledger) example(format string, args ...any) {
	if len(l.examples) < 3 {
		l.examples = append(l.examples, fmt.Sprintf(format, args...)) // told by balance
	}
}

// progress returns the number of items that have come, copies included.
func (l *ledger) progress() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived
}

// due are the samples that must have a record: all but the last ones of each series.
func (l *ledger) due() []sample {
	left := map[string]int{}
	var out []sample
	for i := len(l.sent) - 1; i >= 0; i-- {
		if s := l.sent[i]; left[s.series] == lookahead {
			out = append(out, s)
		} else {
			left[s.series]++
		}
	}
	return out
}

// missing returns how many samples that are due have no record.
func (l *ledger) missing() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.due() {
		if _, ok := l.have[slot{s.series, s.ms}]; !ok {
			n++
		}
	}
	return n
}

// balance returns what became of everything so far.
func (l *ledger) balance(t *testing.T) counts {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.sent = len(l.sent)
	due := l.due()
	slices.Reverse(due)
	for _, s := range due {
		switch raw, ok := l.have[slot{s.series, s.ms}]; {
		case !ok:
			c.lost++
			l.example("no record of %s at %d", s.series, s.ms)
		case raw != s.x:
			c.wrong++
			l.example("%s at %d: raw is %v, sent was %v", s.series, s.ms, raw, s.x)
		default:
			c.received++
		}
	}
	for _, e := range l.examples {
		t.Log(e)
	}
	return c
}

// events returns the events that came, by kind.
func (l *ledger) events() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int{}
	for _, b := range l.items {
		var it item
		if json.Unmarshal(b, &it) == nil && it.Type == "event" {
			out[it.Kind]++
		}
	}
	return out
}

// differ compares the records with those of an uninterrupted run, key by key and
// byte by byte, and returns how many are others, or in one of both only.
func (l *ledger) differ(t *testing.T, whole map[string][]byte) (n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	tell := func(format string, args ...any) {
		if n++; n <= 3 {
			t.Logf(format, args...)
		}
	}
	for key, want := range whole {
		switch got, ok := l.items[key]; {
		case !ok:
			tell("the uninterrupted run has %s", want)
		case !bytes.Equal(got, want):
			tell("got  %s\nwant %s", got, want)
		}
	}
	for key, got := range l.items {
		if _, ok := whole[key]; !ok {
			tell("the uninterrupted run has no %s", got)
		}
	}
	return n
}
