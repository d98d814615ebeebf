package topic_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/pipeline/state/topic/memlog"
)

// scenario is what goes through a partition. A message is its series, in capitals
// where it also has series b forgotten.
type scenario struct {
	name     string
	messages string
	step     int  // messages between two checkpoints
	max      int  // bytes of an append; 0: all fits
	long     bool // states take several pieces then
	budget   int  // how many times runs leave the course
	decide   int  // offset from which on an owner switches series a to a model; 0: never
}

var scenarios = []scenario{
	{name: "plain", messages: "abca", step: 2, budget: 1},
	{name: "forget", messages: "abACb", step: 2, budget: 1},
	{name: "switch", messages: "abaa", step: 2, decide: 2, budget: 2},
	{name: "pieces", messages: "aaa", step: 1, max: 500, long: true, budget: 1},
}

// world is the log, the group and the processes of one run, and what came of it.
type world struct {
	scenario
	mistake
	choose func(n int) int
	log    *memlog.Log
	procs  []*proc
	trail  []string
	err    error

	// The group: who has the partition, and up to where it is finished.
	generation int
	owner      int
	committed  int64

	out map[string]string // what was told, by key
}

func newWorld(c scenario, m mistake) *world {
	w := &world{scenario: c, mistake: m, log: memlog.New(), out: map[string]string{}, generation: 1}
	for i := range 2 {
		w.procs = append(w.procs, newProc(w, i))
	}
	return w
}

// errNever is what a run ends with that does not come to an end.
var errNever = errors.New("it never ends")

// action is something that may happen next.
type action struct {
	name string
	do   func()
}

// run has things happen until the owner is through with all messages.
func (w *world) run() error {
	for steps := 0; w.err == nil; steps++ {
		p := w.procs[w.owner]
		if p.through() {
			break
		}
		if steps > 2000 {
			w.err = errNever
			break
		}
		all := w.actions(p)
		a := all[w.choose(len(all))]
		w.trail = append(w.trail, a.name)
		a.do()
	}
	for _, p := range w.procs {
		p.end()
	}
	if w.err == nil {
		w.complete()
	}
	if w.err != nil {
		return &finding{w.err, w.trail}
	}
	return nil
}

// actions returns what may happen: first what does on a quiet day.
func (w *world) actions(p *proc) []action {
	other := 1 - w.owner
	all := []action{{fmt.Sprintf("%d: %s", p.id, p.about), func() { p.step(memlog.Done) }}}
	if p.writes {
		all = append(all,
			action{fmt.Sprintf("%d: %s, late", p.id, p.about), func() { p.step(memlog.Late) }},
			action{fmt.Sprintf("%d: %s, lost", p.id, p.about), func() { p.step(memlog.Lost) }})
	}
	all = append(all,
		action{fmt.Sprintf("%d ends before: %s", p.id, p.about), func() { w.crash(p) }},
		action{fmt.Sprintf("%d ends after: %s", p.id, p.about), func() { p.step(memlog.Done); w.crash(p) }},
		action{fmt.Sprintf("the partition goes to %d", other), func() { w.move(other) }},
		action{fmt.Sprintf("the partition is given to %d anew", w.owner), func() { w.move(w.owner) }})
	if q := w.procs[other]; q.busy() {
		all = append(all,
			action{fmt.Sprintf("%d, of before: %s", q.id, q.about), func() { q.step(memlog.Done) }},
			action{fmt.Sprintf("%d, of before, goes on", q.id), func() {
				for q.busy() && w.err == nil {
					q.step(memlog.Done)
				}
			}})
	}
	if w.log.Pending() > 0 {
		all = append(all, action{"a late write arrives", func() { w.log.Land(0) }})
	}
	if w.log.End(0) > 1 {
		all = append(all,
			action{"the log is compacted", func() { w.log.Compact(0, w.log.End(0), true) }},
			action{"the older half of the log is compacted", func() { w.log.Compact(0, w.log.End(0)/2, false) }})
	}
	return all
}

// move gives the partition to a process, as the group does.
func (w *world) move(to int) { w.owner, w.generation = to, w.generation+1 }

// crash ends a process and starts another one in its place; the group notices.
func (w *world) crash(p *proc) {
	p.end()
	w.procs[p.id] = newProc(w, p.id)
	if p.id == w.owner {
		w.move(1 - p.id)
	}
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// tell takes what a process gives out, which has to be the same each time.
func (w *world) tell(key, value string) {
	if had, ok := w.out[key]; ok && had != value {
		w.fail("%s was told as %q and as %q", key, had, value)
	}
	w.out[key] = value
}

// complete looks for what was never told, and at what the next owner would begin with.
func (w *world) complete() {
	for i := range w.messages {
		if _, ok := w.out[fmt.Sprint("record ", i)]; !ok {
			w.fail("message %d was lost", i)
		}
		if _, ok := w.out[fmt.Sprint("forgotten at ", i)]; ok != w.forgets(int64(i)) {
			w.fail("at message %d a series was forgotten: %v", i, ok)
		}
	}
	w.move(0)
	p := newProc(w, 0)
	w.procs[0] = p
	for p.next == 0 && w.err == nil {
		p.step(memlog.Done)
	}
	if p.next != int64(len(w.messages)) {
		w.fail("the next owner begins at %d", p.next)
	}
	p.end()
}

// forgets says whether a message has series b forgotten.
func (w *world) forgets(i int64) bool { return w.messages[i] >= 'A' && w.messages[i] <= 'Z' }

// series returns the series of a message.
func (w *world) series(i int64) string { return string(w.messages[i] | 0x20) }

// past returns the messages before offset that the state of a series is made of.
func (w *world) past(name string, offset int64) (seq []int64) {
	for i := range offset {
		if w.forgets(i) && name == "b" {
			seq = nil
		}
		if w.series(i) == name {
			seq = append(seq, i)
		}
	}
	return seq
}

// confirm says whether a process has the partition still.
func (w *world) confirm(p *proc) bool { return w.owner == p.id && w.generation == p.generation }

// commit takes what a process has finished.
func (w *world) commit(p *proc, next int64) bool {
	if !w.confirm(p) {
		return false
	}
	w.committed = max(w.committed, next)
	return true
}

// check compares what a process goes on with, once the group has confirmed it, with
// what it has to be.
func (w *world) check(p *proc) {
	if p.next < p.floor {
		w.fail("%d resumes at %d, and %d was finished", p.id, p.next, p.floor)
	}
	for i := range int64(len(w.messages)) {
		name := w.series(i)
		l := p.lanes[name]
		covered := p.next
		if a, ok := p.ahead[name]; ok {
			covered = max(covered, a+1)
		}
		var have []int64
		if l != nil {
			have = l.seq
		}
		if want := w.past(name, covered); !slices.Equal(have, want) {
			w.fail("%d resumes at %d with a state of %s of %v, want %v", p.id, p.next, name, have, want)
		}
	}
}
