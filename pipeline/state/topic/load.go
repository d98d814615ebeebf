package topic

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/quell-stream/quell/pipeline/state"
)

// sort makes of the newest record of each key what the partition goes on from: the
// newest generation that has a head, and nothing else.
func (l *loading) sort(newest map[key]found) error {
	from := int64(-1)
	for k, f := range newest {
		switch {
		case k.kind == claim && f.at > l.at:
			l.t.claimed = true
		case k.kind == claim && f.at < l.at || k.kind != claim && k.generation < l.t.generation:
			l.t.old = append(l.t.old, k)
		}
		if k.kind != head {
			continue
		}
		from = max(from, k.generation)
		if k.generation > l.t.generation {
			if f.at > l.at {
				return fmt.Errorf("%w: another process has taken partition %d over", state.ErrStale, l.number)
			}
			return refuse(l.s.log, l.number, errors.New("it was copied from another cluster, and its records do not stand where they did"))
		}
	}
	slices.SortFunc(l.t.old, compare)
	if from < 0 {
		return nil
	}
	u := new(unpacker)
	defer u.close()
	l.states, l.models = map[id]held{}, map[string][]byte{}
	for _, k := range l.t.old { // what counts is older than this tenure
		if k.generation != from || k.piece != 0 || k.kind == claim {
			continue
		}
		if err := l.take(u, k, newest); err != nil {
			return refuse(l.s.log, l.number, err)
		}
	}
	l.obey(newest, from-1)
	return l.adopt()
}

func compare(a, b key) int {
	return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.kind, b.kind), cmp.Compare(a.topic, b.topic),
		cmp.Compare(a.name, b.name), cmp.Compare(a.number, b.number), cmp.Compare(a.piece, b.piece))
}

// take reads one value.
func (l *loading) take(u *unpacker, k key, newest map[key]found) (err error) {
	value := newest[k].value
	open := func(b *blob) ([]byte, error) {
		return b.open(u, func(i uint64) []byte { return newest[pieceKey(k, i, b.slot)].value })
	}
	switch k.kind {
	case head:
		l.head, err = readHead(value)
		if err == nil && l.head.group != l.s.group {
			err = fmt.Errorf("it holds the state of group %s, and this is %s", l.head.group, l.s.group)
		}
		return err
	case series:
		h := held{}
		if h.v, err = readSeries(value); err == nil && !h.v.gone {
			h.state, err = open(&h.v.blob)
		}
		if err != nil {
			return fmt.Errorf("series %q: %w", k.name, err)
		}
		l.states[id{k.topic, k.name}] = h
	case choice:
		b, err := readBlob(value)
		if err != nil {
			return err
		}
		data, err := open(&b)
		if err != nil {
			return fmt.Errorf("a switch of series %q: %w", k.name, err)
		}
		l.choices = append(l.choices, numbered{k, newest[k].at, data})
	case weight:
		b, err := readBlob(value)
		if err != nil {
			return err
		}
		if l.models[k.name], err = open(&b); err != nil {
			return fmt.Errorf("model %s: %w", k.name, err)
		}
	}
	return nil
}

// numbered is a switch that was read.
type numbered struct {
	key
	at   int64
	data []byte
}

// obey keeps the switches that no state holds, in their order. Those that came behind
// the claim of another process count for nobody: it may have worked without them.
// claimed is the offset of the claim of the generation that decided on them.
func (l *loading) obey(newest map[key]found, claimed int64) {
	until := l.at
	for k, f := range newest {
		if k.kind == claim && f.at > claimed {
			until = min(until, f.at)
		}
	}
	slices.SortFunc(l.choices, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	for _, c := range l.choices {
		if c.at > until {
			continue
		}
		if h, ok := l.states[id{c.topic, c.name}]; ok && c.number <= h.v.decided {
			continue
		}
		l.switches = append(l.switches, state.Switch{Part: c.topic, Series: c.name, Data: c.data})
	}
}

// adopt notes what the first checkpoint of the tenure has to hold, and which series
// are ahead of the head.
func (l *loading) adopt() error {
	for _, topic := range l.topics {
		if !slices.ContainsFunc(l.head.parts, func(p headPart) bool { return p.topic == topic }) {
			l.s.slog.Warn("a topic is new to the stream: it begins where the group is", "topic", topic, "partition", l.number)
		}
	}
	for i, h := range l.states {
		if !h.v.gone {
			if !slices.Contains(l.topics, i.topic) {
				return refuse(l.s.log, l.number, fmt.Errorf("it holds states of topic %s, which the stream does not read any more", i.topic))
			}
			l.t.inherited[i] = true
		}
		for _, p := range h.v.applied {
			if p.offset >= l.next(p.topic) {
				l.t.ahead[i] = h.v.applied
			}
		}
	}
	if l.head.partitions != l.count {
		l.was = l.head.partitions
	}
	if l.head.partitions < 1 {
		return refuse(l.s.log, l.number, errors.New("its head tells of no partitions"))
	}
	return nil
}

// next returns the head of a topic, -1 if there is none.
func (l *loading) next(topic string) int64 {
	for _, p := range l.head.parts {
		if p.topic == topic {
			return p.next
		}
	}
	return -1
}

// taken returns what is known of one topic's partition.
func (l *loading) taken(topic string) state.Taken {
	if l.kept {
		return state.Taken{Kept: true, Term: l.t.generation, Next: -1}
	}
	out := state.Taken{Term: l.t.generation, Next: l.next(topic), Was: l.was, Models: l.models, Series: map[string][]byte{}, Ahead: map[string]int64{}}
	for _, p := range l.head.parts {
		if p.topic == topic {
			out.Meta = p.meta
		}
	}
	for i, h := range l.states {
		if i.topic == topic && !h.v.gone {
			out.Series[i.name] = h.state
		}
	}
	for i, applied := range l.t.ahead {
		for _, p := range applied {
			if p.topic == topic && p.offset >= out.Next {
				out.Ahead[i.name] = p.offset
			}
		}
	}
	for _, sw := range l.switches {
		if sw.Part == topic {
			sw.Part = topic + "/" + strconv.Itoa(int(l.number))
			out.Switches = append(out.Switches, sw)
		}
	}
	return out
}
