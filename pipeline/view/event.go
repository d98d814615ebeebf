package view

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/quell-stream/quell/sink"
)

// Event is an event that was told.
type Event struct {
	ID, Stream, Series, Kind string
	Time                     int64 // Unix ns
	Model, Why               string
	Record                   int64           // of a switch of models: the first that the model served; else -1
	Alert                    string          // that it belongs to; "": none
	JSON                     json.RawMessage // as sinks get it
	Acknowledged             bool
}

// NewEvent returns what is shown of an event.
func NewEvent(e *sink.Event) Event {
	out := Event{ID: e.ID, Stream: e.Stream, Series: e.Series, Kind: e.Kind, Time: e.Time, Model: e.Model, Why: e.Why, Record: -1, JSON: sink.AppendEvent(nil, e)}
	if id, phase := e.Alert(); phase != sink.NoAlert {
		since, _ := e.Data["since"].(string)
		out.Alert = AlertKey(id, since)
	}
	if n, ok := e.Data["record"].(int64); ok {
		out.Record = n
	}
	return out
}

// AlertKey tells the times apart that an alert is open: since is when it opened, as
// events tell it.
func AlertKey(id, since string) string { return id + "@" + since }

// MarshalJSON returns the event as sinks get it, and whether it is acknowledged.
func (e Event) MarshalJSON() ([]byte, error) {
	b := append([]byte(nil), bytes.TrimSuffix(e.JSON, []byte("}"))...)
	if e.Acknowledged {
		return append(b, `,"acknowledged":true}`...), nil
	}
	return append(b, `,"acknowledged":false}`...), nil
}

// mostAcks bounds what is remembered to be acknowledged.
const mostAcks = 4096

// Acks remember what was acknowledged, the newest of it. They are safe for concurrent
// use, and gone with the process.
type Acks struct {
	mu    sync.Mutex
	known map[string]bool
	order []string
}

// Add remembers an id or the key of an alert.
func (a *Acks) Add(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]bool{}
	}
	if key == "" || a.known[key] {
		return
	}
	if len(a.order) == mostAcks {
		delete(a.known, a.order[0])
		a.order = append(a.order[:0:0], a.order[1:]...)
	}
	a.known[key] = true
	a.order = append(a.order, key)
}

// Has says whether one of the keys is remembered.
func (a *Acks) Has(keys ...string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range keys {
		if a.known[k] {
			return true
		}
	}
	return false
}

// Letter is a dead letter.
type Letter struct {
	N       int64  `json:"n"` // number, from 0 on since the process began
	ID      string `json:"id"`
	Time    Stamp  `json:"time"`
	Stream  string `json:"stream"`
	Reason  string `json:"reason"`
	Series  string `json:"series"`
	Channel string `json:"channel"`
	Topic   string `json:"topic"`
	Key     []byte `json:"key"`     // base64
	Payload []byte `json:"payload"` // base64, at most 4 KiB
	Size    int64  `json:"size"`    // of the payload as it came
	Error   string `json:"error"`
}

// MostPayload bounds the payload of a Letter.
const MostPayload = 4 << 10

// Letters are dead letters, newest first.
type Letters struct {
	Letters []Letter         `json:"letters"`
	Totals  map[string]int64 `json:"total_by_reason"` // since the process began
}
