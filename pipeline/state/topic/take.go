package topic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
)

// Take implements state.Shared.
func (s *Store) Take(ctx context.Context, parts []state.Partition, confirm func(context.Context) error) ([]state.Taken, error) {
	count, err := s.log.Prepare(ctx)
	if err != nil {
		return nil, err
	}
	topics := map[int32][]string{}
	var numbers []int32
	for _, p := range parts {
		topic, number, err := parsePart(p.Name)
		if err != nil || number != p.Number {
			return nil, fmt.Errorf("%w: %q is not partition %d of a topic", state.ErrRefused, p.Name, p.Number)
		}
		if topics[number] == nil {
			numbers = append(numbers, number)
		}
		topics[number] = append(topics[number], topic)
	}
	all := make([]*loading, len(numbers))
	for i, n := range numbers {
		slices.Sort(topics[n])
		all[i] = &loading{s: s, number: n, count: count, topics: topics[n]}
	}
	// First all others are told, then the assignment is confirmed: whoever is confirmed
	// after this process finds its claim in the log. See docs/decisions/0008.
	if err := each(all, func(l *loading) error { return l.claim(ctx) }); err != nil {
		return nil, err
	}
	if confirm != nil {
		if err := confirm(ctx); err != nil {
			return nil, err
		}
	}
	if err := each(all, func(l *loading) error { return l.read(ctx) }); err != nil {
		return nil, err
	}
	tenures := make(map[int32]*tenure, len(all))
	for _, l := range all {
		tenures[l.number] = l.t
	}
	s.tenures = tenures
	taken := make([]state.Taken, len(parts))
	for i, p := range parts {
		topic, number, _ := parsePart(p.Name)
		taken[i] = all[slices.Index(numbers, number)].taken(topic)
	}
	return taken, nil
}

// each does something for several partitions side by side, and returns an error of
// those, one that can't pass first.
func each(all []*loading, do func(*loading) error) error {
	errs := make([]error, len(all))
	slots := make(chan struct{}, most)
	var wg sync.WaitGroup
	for i, l := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(l)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if errors.Is(err, state.ErrRefused) {
			return err
		}
	}
	return errors.Join(errs...)
}

// loading is a partition on its way to a tenure.
type loading struct {
	s      *Store
	number int32
	count  int // partitions of the source
	topics []string
	t      *tenure
	kept   bool
	was    int
	at     int64 // offset of the claim

	head headValue

	states   map[id]held
	choices  []numbered
	switches []state.Switch
	models   map[string][]byte
}

// found is the newest record of a key.
type found struct {
	at    int64
	value []byte
}

// held is a state that was read.
type held struct {
	v     seriesValue
	state []byte
}

// claim tells all others that the partition is taken over, unless it is this process
// that had it last.
func (l *loading) claim(ctx context.Context) error {
	if t := l.s.tenures[l.number]; t != nil && !t.over && !t.claimed && t.stood && t.partitions == l.count && slices.Equal(t.topics, l.topics) {
		alone, next, err := l.alone(ctx, t)
		if err != nil {
			return err
		}
		if alone {
			t.next = next
			l.t, l.kept = t, true
			return nil
		}
	}
	// A key of its own, so that each claim is there until a head makes it needless.
	k := key{kind: claim, partition: l.number, number: rand.Uint64()}
	at, err := l.s.log.Append(ctx, l.number, []Record{{Key: k.append(nil), Value: wire.U8(nil, valueVersion)}})
	l.at = at
	return err
}

// alone says that nobody has claimed a partition since this process wrote to it.
func (l *loading) alone(ctx context.Context, t *tenure) (bool, int64, error) {
	alone := true
	next, err := l.s.log.Read(ctx, l.number, t.next, -1, func(r Record) error {
		k, err := readKey(r.Key)
		if err == nil && r.Value != nil && (k.kind == claim || k.generation > t.generation) {
			alone = false
		}
		return nil // what it is shows when the partition is taken
	})
	return alone, next, err
}

// read reads what there is. It goes on until nothing is left: what a compaction has
// removed on the way stands, newer, further on.
func (l *loading) read(ctx context.Context) error {
	if l.kept {
		return nil
	}
	newest := map[key]found{}
	take := func(r Record) error {
		k, err := readKey(r.Key)
		if err != nil {
			return refuse(l.s.log, l.number, fmt.Errorf("at offset %d: %w", r.Offset, err))
		}
		if r.Value == nil {
			delete(newest, k)
		} else {
			newest[k] = found{r.Offset, slices.Clone(r.Value)}
		}
		return nil
	}
	end := int64(0)
	for {
		next, err := l.s.log.Read(ctx, l.number, end, -1, take)
		if err != nil {
			return err
		}
		if next <= end {
			break
		}
		end = next
	}
	if end <= l.at {
		return fmt.Errorf("state topic %s, partition %d ends at %d, before the record that was written at %d", l.s.log.Name(), l.number, end, l.at)
	}
	l.t = &tenure{number: l.number, partitions: l.count, generation: 1 + l.at, next: end, topics: l.topics,
		slots: map[key]uint8{}, models: map[string]bool{}, inherited: map[id]bool{}, ahead: map[id][]place{}}
	return l.sort(newest)
}
