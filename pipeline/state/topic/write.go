package topic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
)

// tenure is the time during which this process has a partition, under one generation.
type tenure struct {
	number     int32
	partitions int // of the source
	generation int64
	next       int64 // the offset behind what this process has written or read
	over       bool  // nothing may be written any more
	claimed    bool  // somebody else has claimed it since
	topics     []string

	stood bool // the first head is in the log
	last  []headPart
	// inherited are the states that the first head may not come before; ahead are the
	// series that reflect more than the head told when the partition was taken.
	inherited map[id]bool
	ahead     map[id][]place
	old       []key // of earlier generations

	slots        map[key]uint8   // of values in pieces: the slot in use
	models       map[string]bool // that this generation has told of
	recent, done []key           // switches that no head holds yet, and that one does
	pack         packer
}

// id names a series of a partition.
type id struct{ topic, name string }

// most bounds what is written at a time: partitions are independent of each other.
const most = 8

// Change implements state.Store: it writes the partitions of c side by side, or behind
// each other where nobody waits for them, each in the order models, states, head. An
// error that wraps state.ErrOver says that the assignment is to be ended.
func (s *Store) Change(c state.Checkpoint) error {
	jobs, err := s.split(&c)
	if err != nil {
		return err
	}
	errs := make([]error, len(jobs))
	slots := make(chan struct{}, most)
	if c.Calm {
		slots = make(chan struct{}, 1)
	}
	var wg sync.WaitGroup
	for i, j := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = s.write(j)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// job is what a checkpoint says of one partition number.
type job struct {
	t       *tenure
	parts   []headPart
	entries []state.Entry
	decided uint64
	model   func(string) ([]byte, error)
	calm    bool
}

// split sorts a checkpoint by partition number.
func (s *Store) split(c *state.Checkpoint) ([]*job, error) {
	byNumber := map[int32]*job{}
	of := func(part string) (*job, string, error) {
		topic, number, err := parsePart(part)
		if err != nil {
			return nil, "", err
		}
		j := byNumber[number]
		if j == nil {
			t := s.tenures[number]
			if t == nil {
				return nil, "", fmt.Errorf("state: %s was never taken", part)
			}
			j = &job{t: t, decided: c.Decided, model: c.Model, calm: c.Calm}
			byNumber[number] = j
		}
		return j, topic, nil
	}
	for _, h := range c.Heads {
		j, topic, err := of(h.Part)
		if err != nil {
			return nil, err
		}
		j.parts = append(j.parts, headPart{topic, h.Next, h.Meta})
	}
	for _, e := range c.Entries {
		j, topic, err := of(e.Part)
		if err != nil {
			return nil, err
		}
		e.Part = topic
		j.entries = append(j.entries, e)
	}
	jobs := make([]*job, 0, len(byNumber))
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		j := byNumber[n]
		slices.SortFunc(j.parts, func(a, b headPart) int { return strings.Compare(a.topic, b.topic) })
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// write writes one partition's share of a checkpoint.
func (s *Store) write(j *job) error {
	t := j.t
	if t.over {
		return over(s.log, t, errors.New("an earlier write failed"))
	}
	if t.stood && len(j.entries) == 0 && slices.EqualFunc(t.last, j.parts, func(a, b headPart) bool { return a.topic == b.topic && a.next == b.next }) {
		return nil
	}
	if len(j.parts) != len(t.topics) {
		return fmt.Errorf("state: partition %d: a checkpoint tells of %d topics, %d are read", t.number, len(j.parts), len(t.topics))
	}
	b := batch{s: s, t: t}
	for _, k := range t.done {
		b.remove(k)
	}
	seen := map[id]bool{}
	var pace state.Pace
	for i := range j.entries {
		if err := b.entry(j, &j.entries[i]); err != nil {
			return err
		}
		if j.calm {
			pace.Rest()
		}
		seen[id{j.entries[i].Part, j.entries[i].Series}] = true
	}
	if err := t.inherit(&b, j, seen); err != nil {
		return err
	}
	h := headValue{group: s.group, partitions: t.partitions, parts: j.parts}
	b.add(key{kind: head}, h.append(nil))
	if err := b.flush(); err != nil {
		return err
	}
	t.stood, t.inherited, t.last = true, nil, j.parts
	t.done = nil
	t.recent = slices.DeleteFunc(t.recent, func(k key) bool {
		held := k.number <= j.decided
		if held {
			t.done = append(t.done, k)
		}
		return held
	})
	for _, k := range t.old {
		b.remove(k)
	}
	t.old = nil
	return b.flush()
}

// inherit completes the first checkpoint of a tenure: what was taken over has to be in
// it, and series that are gone are told of as long as the head is behind them.
func (t *tenure) inherit(b *batch, j *job, seen map[id]bool) error {
	if t.stood {
		return nil
	}
	for i := range t.inherited {
		if !seen[i] {
			return fmt.Errorf("state: partition %d: the first checkpoint lacks series %q", t.number, i.name)
		}
	}
	for _, i := range slices.SortedFunc(maps.Keys(t.ahead), func(a, b id) int { return strings.Compare(a.topic+"\x00"+a.name, b.topic+"\x00"+b.name) }) {
		if !seen[i] {
			v := seriesValue{gone: true, decided: j.decided, applied: t.applied(i, j.parts)}
			b.add(key{kind: series, topic: i.topic, name: i.name}, v.append(nil))
		}
	}
	return nil
}

// applied returns what the state of a series reflects at a checkpoint: all that is
// before its heads, and where it was ahead of them when it was taken, what it reflected
// then.
func (t *tenure) applied(i id, parts []headPart) []place {
	out := make([]place, len(parts))
	for n, p := range parts {
		out[n] = place{p.topic, p.next - 1}
		for _, a := range t.ahead[i] {
			if a.topic == p.topic {
				out[n].offset = max(out[n].offset, a.offset)
			}
		}
	}
	return out
}

// Decide implements state.Store. The partition must have a head: see Change. An error
// that wraps state.ErrOver says that nothing may be served by the switch.
func (s *Store) Decide(sw state.Switch) error {
	topic, number, err := parsePart(sw.Part)
	if err != nil {
		return err
	}
	t := s.tenures[number]
	if t == nil {
		return fmt.Errorf("state: %s was never taken", sw.Part)
	}
	if t.over || !t.stood {
		// Without a head nobody would obey it.
		return over(s.log, t, errors.New("a switch needs a head before it"))
	}
	// What decides is the order of the log: a switch counts that no claim of another
	// process comes before, and that process finds it.
	b := batch{s: s, t: t}
	if sw.Bytes != nil {
		if err := b.model(sw.Model, func(string) ([]byte, error) { return sw.Bytes() }); err != nil {
			return err
		}
	}
	v, err := t.pack.pack(sw.Data)
	if err != nil {
		return fmt.Errorf("state: a switch of series %q: %w", sw.Series, err)
	}
	k := key{kind: choice, topic: topic, name: sw.Series, number: s.decided + 1}
	b.add(k, v.append(wire.U8(nil, valueVersion)))
	if err := b.flush(); err != nil {
		return err
	}
	if t.claimed {
		return over(s.log, t, errors.New("another process has claimed it"))
	}
	s.decided++
	k.generation, k.partition = t.generation, t.number
	t.recent = append(t.recent, k)
	return nil
}

// over ends a tenure: from now on nothing of it is written.
func over(log Log, t *tenure, cause error) error {
	t.over = true
	return fmt.Errorf("state topic %s, partition %d: %w: %w", log.Name(), t.number, state.ErrOver, cause)
}

// batch collects records of a tenure and appends them, so many at a time.
type batch struct {
	s    *Store
	t    *tenure
	recs []Record
	size int
	err  error
}

// overhead is what a record takes beside key and value, at most.
const overhead = 64

func (b *batch) add(k key, value []byte) {
	k.partition, k.generation = b.t.number, b.t.generation
	b.put(Record{Key: k.append(nil), Value: value})
}

func (b *batch) remove(k key) { b.put(Record{Key: k.append(nil)}) }

func (b *batch) put(r Record) {
	n := len(r.Key) + len(r.Value) + overhead
	if b.size+n > b.s.log.Limit() && len(b.recs) > 0 {
		b.send()
	}
	b.recs, b.size = append(b.recs, r), b.size+n
}

// flush appends what is left and returns the first error.
func (b *batch) flush() error {
	b.send()
	return b.err
}

func (b *batch) send() {
	recs, t := b.recs, b.t
	b.recs, b.size = nil, 0
	if b.err != nil || len(recs) == 0 {
		return
	}
	if t.over {
		b.err = over(b.s.log, t, errors.New("an earlier write failed"))
		return
	}
	base, err := b.s.log.Append(b.s.stop, t.number, recs)
	switch {
	case errors.Is(err, state.ErrRefused):
		t.over, b.err = true, err
		return
	case err != nil:
		// It may be there, or arrive later than what would be written next.
		b.err = over(b.s.log, t, err)
		return
	}
	if base != t.next {
		b.err = b.s.strangers(b.s.stop, t, base)
	}
	t.next = base + int64(len(recs))
}

// strangers looks at what others wrote since this process did, a record of which stands
// at an offset: a state of a later generation means that the partition is another's. A claim
// alone need not, since whoever made it may have lost the partition by then.
func (s *Store) strangers(ctx context.Context, t *tenure, to int64) error {
	if to < t.next {
		return over(s.log, t, fmt.Errorf("the log went back from offset %d to %d", t.next, to))
	}
	later := int64(0)
	_, err := s.log.Read(ctx, t.number, t.next, -1, func(r Record) error {
		k, err := readKey(r.Key)
		if err == nil && r.Value != nil {
			later = max(later, k.generation)
			t.claimed = t.claimed || k.kind == claim
		}
		return nil // what it is shows when the partition is taken
	})
	if err == nil && later > t.generation {
		err = fmt.Errorf("generation %d has taken over from %d", later, t.generation)
	}
	if err != nil {
		return over(s.log, t, err)
	}
	return nil
}
