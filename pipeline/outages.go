package pipeline

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/sink"
)

// outage is what was told of a component that is not up.
type outage struct {
	Kind  string    `json:"kind"`
	Since time.Time `json:"since"`
}

// outages is the file that outlives the process.
type outages struct {
	Latest  int64                        `json:"latest"`            // time of the latest event, Unix ns
	Told    map[string]outage            `json:"told"`              // by id of the alert
	Waiting map[string][]json.RawMessage `json:"waiting,omitempty"` // events, by the sink that does not have them yet
}

// notice is the newest event of one alert that an outlet does not have for good.
// Those before it need not be told: whoever missed them learns how it is now.
type notice struct {
	event *sink.Event
	given bool         // it is in the outlet's queue
	done  *atomic.Bool // the outlet has settled it
}

// post has an outlet wait for an event, in place of what waits of the same alert.
func (h *health) post(o *outlet, e *sink.Event) {
	if h.waiting[o] == nil {
		h.waiting[o] = map[string]*notice{}
	}
	id, _ := e.Alert()
	h.waiting[o][id] = &notice{event: e, done: new(atomic.Bool)}
}

// offer gives an outlet what waits for it, in the order of what happened, as far as
// its queue has room.
func (h *health) offer(o *outlet) {
	var due []*notice
	for _, n := range h.waiting[o] {
		if !n.given {
			due = append(due, n)
		}
	}
	slices.SortFunc(due, func(x, y *notice) int { return cmp.Compare(x.event.Time, y.event.Time) })
	for _, n := range due {
		b := h.batch(n)
		if !o.offer(b) {
			b.release()
			return
		}
		n.given = true
	}
}

func (h *health) batch(n *notice) *batch {
	b := h.pool.get()
	b.addEvent(*n.event, false)
	b.seal()
	b.left.Store(1)
	b.held.Store(1)
	b.done = func(*batch) {}
	b.settled = func() { n.done.Store(true) }
	return b
}

// strike takes out what the outlets have settled and says whether there was any.
func (h *health) strike() (some bool) {
	for o, notices := range h.waiting {
		for id, n := range notices {
			if n.done.Load() {
				delete(notices, id)
				some = true
			}
		}
		if len(notices) == 0 {
			delete(h.waiting, o)
		}
	}
	return some
}

// load reads what an earlier process told and had still to tell. What is not
// configured any more is dropped. A damaged file is set aside: what it told may then
// be told twice.
func (h *health) load() error {
	b, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if h.restore(b) {
			return nil
		}
		var aside string
		if aside, err = atomicfile.SetAside(h.path); err == nil {
			h.log.Error("the outages that were told are damaged, and may be told again", "file", aside)
			return nil
		}
	}
	return fmt.Errorf("outages that were told: %w", err)
}

// restore takes over what is kept and says whether it could be read.
func (h *health) restore(b []byte) bool {
	var f outages
	if json.Unmarshal(b, &f) != nil || f.Told == nil {
		return false
	}
	waiting := map[string][]*sink.Event{}
	for name, texts := range f.Waiting {
		for _, text := range texts {
			e, err := sink.ParseEvent(text)
			if err != nil {
				return false
			}
			waiting[name] = append(waiting[name], e)
		}
	}
	h.latest = f.Latest
	for _, c := range h.parts {
		id := c.alert()
		if was, ok := f.Told[id]; ok {
			h.told[id] = was
		}
		for _, o := range c.outs {
			for _, e := range waiting[o.cfg.Name] {
				if of, _ := e.Alert(); of == id {
					h.post(o, e)
				}
			}
		}
	}
	return true
}

// save keeps what was told and what waits. Without it the next process may tell
// something twice, or not at all.
func (h *health) save() {
	f := outages{Latest: h.latest, Told: h.told, Waiting: map[string][]json.RawMessage{}}
	for o, notices := range h.waiting {
		for _, id := range slices.Sorted(maps.Keys(notices)) {
			f.Waiting[o.cfg.Name] = append(f.Waiting[o.cfg.Name], sink.AppendEvent(nil, notices[id].event))
		}
	}
	b, err := json.Marshal(&f)
	if err == nil {
		err = atomicfile.WriteFile(h.path, b, 0o600)
	}
	if err != nil && !h.unsaved {
		h.log.Warn("outages that were told can't be kept, trying again", "err", err)
	}
	h.unsaved = err != nil
}

// close keeps what the outlets have settled, once they are drained.
func (h *health) close() {
	if h.strike() || h.unsaved {
		h.save()
	}
}
