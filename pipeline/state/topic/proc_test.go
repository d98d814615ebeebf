package topic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic"
	"github.com/quell-stream/quell/pipeline/state/topic/memlog"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// proc is a process: it does what pipeline's worker does with a store. It stops before
// each thing that others may notice, until it is told how that ends.
type proc struct {
	id     int
	w      *world
	store  *topic.Store
	fate   chan memlog.Fate
	paused chan struct{}
	dead   bool

	// Of its next step.
	about  string
	writes bool
	idle   bool // it waits for the partition
	ended  bool

	generation int // of the group, that it works for
	lanes      map[string]*lane
	next       int64
	ahead      map[string]int64
	decided    bool
	fresh      bool  // nothing was written since the partition was taken
	floor      int64 // what was finished when the group confirmed it
}

// lane is the state of a series.
type lane struct {
	seq   []int64 // messages applied
	model string
	at    int    // number of the record that the next model serves from
	later string // the next model; "": none
}

func (l *lane) String() string { return fmt.Sprint(l.seq, l.model) }

func newProc(w *world, id int) *proc {
	p := &proc{id: id, w: w, fate: make(chan memlog.Fate), paused: make(chan struct{})}
	client := &memlog.Client{Log: w.log, Partitions: 1, Max: w.max, Gate: func(op memlog.Op) memlog.Fate {
		if op.Records == nil {
			return p.pause("read", false)
		}
		var what []string
		for _, r := range op.Records {
			k := topic.Kind(r.Key)
			what = append(what, map[uint8]string{topic.Claim: "claim", topic.Head: "head", topic.Series: "state"}[k])
		}
		return p.pause("write "+strings.Join(what, " "), true)
	}}
	var log topic.Log = client
	if w.wrap != nil {
		log = w.wrap(client)
	}
	p.store = topic.New(log, "g", quiet)
	go func() {
		p.idle = true
		p.pause("wait for the partition", false)
		for !p.dead {
			p.idle = false
			p.tenure()
			p.idle = true
			p.pause("wait for the partition", false)
		}
		p.ended = true
		close(p.paused)
	}()
	<-p.paused
	return p
}

// pause lets the world decide how the next thing ends.
func (p *proc) pause(about string, writes bool) memlog.Fate {
	if p.dead {
		return memlog.Dead
	}
	p.about, p.writes = about, writes
	p.paused <- struct{}{}
	f := <-p.fate
	p.dead = f == memlog.Dead
	return f
}

// step has the process do its next thing.
func (p *proc) step(f memlog.Fate) {
	if p.ended || p.idle && !p.called() && f != memlog.Dead {
		return
	}
	p.fate <- f
	<-p.paused
}

func (p *proc) end() {
	for !p.ended {
		p.fate <- memlog.Dead
		<-p.paused
	}
}

// called says that the group has given the partition to the process anew.
func (p *proc) called() bool { return p.w.owner == p.id && p.w.generation != p.generation }

// busy says that the process is at work.
func (p *proc) busy() bool { return !p.ended && !p.idle }

// through says that all is done, by the group's word.
func (p *proc) through() bool {
	return p.idle && !p.called() && p.w.committed == int64(len(p.w.messages))
}

// tenure takes the partition and works until it is another's, or all is done.
func (p *proc) tenure() {
	if len(p.lanes) > 0 && p.next > 0 {
		if _, err := p.point(); err != nil && !errors.Is(err, state.ErrOver) {
			p.w.fail("%v", err)
		}
	}
	p.generation = p.w.generation
	taken := p.take()
	if taken == nil {
		return
	}
	p.restore(taken)
	p.w.check(p)
	// Nothing is finished by what another generation's head tells.
	if _, err := p.point(); err != nil {
		return
	}
	for p.next < int64(len(p.w.messages)) && p.w.err == nil {
		if p.called() {
			return // what it does first then is a checkpoint
		}
		for range min(p.w.step, len(p.w.messages)-int(p.next)) {
			p.apply()
		}
		next, err := p.point()
		if err != nil || !p.finish(next) || !p.decide() {
			return
		}
	}
	p.finish(p.next) // a checkpoint of before may have been the last one
}

func (p *proc) take() *state.Taken {
	for !p.dead {
		got, err := p.store.Take(context.Background(), []state.Partition{{Name: "t/0"}}, func(context.Context) error {
			if p.w.noConfirm {
				p.floor = p.w.committed
				return nil
			}
			if p.pause("confirm", false); p.dead || !p.w.confirm(p) {
				return state.ErrStale
			}
			p.floor = p.w.committed
			return nil
		})
		switch {
		case err == nil:
			return &got[0]
		case errors.Is(err, state.ErrRefused):
			p.w.fail("%v", err)
			return nil
		case errors.Is(err, state.ErrStale) || p.called():
			return nil
		}
		p.pause("try again", false)
	}
	return nil
}

func (p *proc) restore(t *state.Taken) {
	if t.Kept {
		return
	}
	p.lanes, p.ahead, p.next, p.decided = map[string]*lane{}, t.Ahead, max(t.Next, 0), false
	for name, b := range t.Series {
		l := new(lane)
		fields := strings.Split(strings.TrimLeft(string(b), "."), "|")
		for _, s := range strings.Fields(fields[0]) {
			n, _ := strconv.ParseInt(s, 10, 64)
			l.seq = append(l.seq, n)
		}
		l.model, l.later = fields[1], fields[3]
		l.at, _ = strconv.Atoi(fields[2])
		p.lanes[name] = l
		p.has(t, l)
	}
	for _, sw := range t.Switches {
		at, model, _ := strings.Cut(string(sw.Data), " ")
		n, _ := strconv.Atoi(at)
		l := p.lanes[sw.Series]
		if l == nil {
			l = new(lane)
			p.lanes[sw.Series] = l
		}
		if n >= len(l.seq) {
			l.at, l.later = n, model
			p.has(t, l)
		}
	}
	if p.w.trust {
		p.next = p.w.committed
	}
	if p.w.noSkip {
		p.ahead = nil
	}
	if p.w.taken != nil {
		p.w.taken(p)
	}
	p.fresh = true
}

// has looks for the models that a state names.
func (p *proc) has(t *state.Taken, l *lane) {
	for _, m := range []string{l.model, l.later} {
		if m != "" && string(t.Models[m]) != "weights of "+m {
			p.w.fail("model %s did not come with the state that names it", m)
		}
	}
}

// apply takes one message, unless its series is ahead of it.
func (p *proc) apply() {
	i, w := p.next, p.w
	p.next++
	if w.forgets(i) {
		if a, ok := p.ahead["b"]; !ok || a < i {
			w.tell(fmt.Sprint("forgotten at ", i), fmt.Sprint(p.lanes["b"]))
			delete(p.lanes, "b")
		}
	}
	name := w.series(i)
	if a, ok := p.ahead[name]; ok && a >= i {
		return
	}
	l := p.lanes[name]
	if l == nil {
		l = new(lane)
		p.lanes[name] = l
	}
	if want := w.past(name, i); !slices.Equal(l.seq, want) {
		w.fail("%d applies message %d to a state of %v, want %v", p.id, i, l.seq, want)
	}
	if l.later != "" && len(l.seq) >= l.at {
		l.model, l.later = l.later, ""
	}
	l.seq = append(l.seq, i)
	w.tell(fmt.Sprint("record ", i), l.String())
}

// point writes a checkpoint of everything that there is.
func (p *proc) point() (next int64, err error) {
	c := state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: p.next}}, Decided: p.store.Decided(), Model: weights}
	for _, name := range []string{"a", "b", "c"} {
		l := p.lanes[name]
		e := state.Entry{Part: "t/0", Series: name}
		if l != nil {
			var models []string
			for _, m := range []string{l.model, l.later} {
				if m != "" {
					models = append(models, m)
				}
			}
			text := strings.Trim(fmt.Sprint(l.seq), "[]") + "|" + l.model + "|" + strconv.Itoa(l.at) + "|" + l.later
			if p.w.long {
				text = strings.Repeat(".", 200-len(text)) + text
			}
			e.State, e.Models = []byte(text), models
		} else if name != "b" {
			continue
		}
		if name == "b" && l == nil && !strings.Contains(p.w.messages, "b") {
			continue
		}
		if p.w.onlyNew && p.fresh {
			continue
		}
		c.Entries = append(c.Entries, e)
	}
	first := p.fresh
	if p.fresh = false; first && p.w.late {
		return p.next, nil
	}
	err = p.store.Change(c)
	if err != nil && p.w.revive && errors.Is(err, state.ErrOver) && !p.dead {
		p.store.Revive()
		err = p.store.Change(c)
	}
	if errors.Is(err, state.ErrOver) && p.w.confirm(p) && !p.dead {
		p.w.move(p.id) // the process asks for a new assignment
	}
	if err != nil && !errors.Is(err, state.ErrOver) {
		p.w.fail("%v", err)
	}
	return p.next, err
}

func weights(name string) ([]byte, error) { return []byte("weights of " + name), nil }

// finish tells the group.
func (p *proc) finish(next int64) bool {
	p.pause("commit", false)
	return !p.dead && p.w.commit(p, next)
}

// decide switches series a to a model of this process, once.
func (p *proc) decide() bool {
	l := p.lanes["a"]
	if p.w.scenario.decide == 0 || p.next < int64(p.w.scenario.decide) || p.decided || l == nil || l.model+l.later != "" {
		return true
	}
	p.decided = true
	l.at, l.later = len(l.seq), fmt.Sprintf("m%d.%d", p.id, p.generation)
	err := p.store.Decide(state.Switch{Part: "t/0", Series: "a", Data: []byte(fmt.Sprint(l.at, " ", l.later)), Model: l.later,
		Bytes: func() ([]byte, error) { return weights(l.later) }})
	if err == nil || p.w.hasty {
		return true
	}
	if p.w.confirm(p) && !p.dead {
		p.w.move(p.id)
	}
	return false
}
