package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/ingest"
)

// generation is the time between two changes of the group's membership, during
// which the same partitions are ours.
type generation struct {
	src    *Source
	serial int64 // ours: the brokers' numbers begin anew when a group empties
	group  *kafka.Generation
	parts  []*part
	counts map[string]int // partitions per topic, in the member that leads the group
	resume chan []int64
	over   atomic.Bool
	end    context.CancelFunc // ends the generation early: the group is joined again
}

func (g *generation) ended() bool { return g.over.Load() }

// serve starts a generation. It returns at once; the library does not hand out
// another generation before this one has ended.
func (s *Source) serve(kg *kafka.Generation, counts map[string]int) {
	s.serial++
	s.stats.generations.Add(1)
	g := &generation{src: s, serial: s.serial, group: kg, counts: counts, resume: make(chan []int64, 1)}
	var torn error
	for _, topic := range s.cfg.Topics {
		assigned := kg.Assignments[topic]
		slices.SortFunc(assigned, func(a, b kafka.PartitionAssignment) int { return a.ID - b.ID })
		for _, a := range assigned {
			g.parts = append(g.parts, &part{
				topic: topic, number: a.ID, name: topic + "/" + strconv.Itoa(a.ID), index: len(g.parts), start: a.Offset,
			})
		}
		first := kg.Assignments[s.cfg.Topics[0]]
		if !slices.EqualFunc(assigned, first, func(a, b kafka.PartitionAssignment) bool { return a.ID == b.ID }) {
			torn = fmt.Errorf("kafka: topics %s and %s have different numbers of partitions now: give both the same", s.cfg.Topics[0], topic)
		}
	}
	kg.Start(func(ctx context.Context) {
		ctx, g.end = context.WithCancel(ctx)
		defer context.AfterFunc(ctx, func() { g.over.Store(true) })()
		// Where the function returns by itself, nothing of it may be delivered any
		// more either.
		defer g.over.Store(true)
		var watcher sync.WaitGroup
		watcher.Go(func() { g.watch(ctx) })
		defer watcher.Wait()
		defer g.end()
		if torn != nil {
			// Reading on would tear series apart. Whoever adds partitions to one
			// topic adds them to the others next, and that ends this generation.
			s.health.group(torn)
			<-ctx.Done()
			return
		}
		s.health.group(nil)
		g.run(ctx)
	})
}

// watch ends the generation when a topic has other partitions than the assignment
// went by, so that all get an owner. The member that leads the group watches.
func (g *generation) watch(ctx context.Context) {
	s := g.src
	for g.counts != nil && sleep(ctx, s.cfg.tune.watch) {
		counts, err := s.client.KnownPartitions(ctx, s.cfg.Topics...)
		if err != nil {
			continue // heartbeats and fetches say so if the cluster is away
		}
		for topic, n := range counts {
			// A topic that was deleted is waited for where we are.
			if n > 0 && n != g.counts[topic] {
				s.cfg.Logger.Info("kafka: the topic's partitions have changed; the group is assigned anew", "topic", topic, "before", g.counts[topic], "now", n)
				g.end()
				return
			}
		}
	}
}

// run announces the partitions, fetches from where the reader wants to resume,
// and commits, until ctx ends.
func (g *generation) run(ctx context.Context) {
	if !g.findStarts(ctx) || !g.announce(ctx) {
		return
	}
	var first []int64
	select {
	case first = <-g.resume:
	case <-ctx.Done():
		return
	}
	var fetchers sync.WaitGroup
	size := min(maxFetch, max(minFetch, g.src.cfg.MaxBytes/(len(g.parts)+queue)))
	for i, p := range g.parts {
		offset := p.start
		if i < len(first) && first[i] >= 0 {
			offset = first[i]
		}
		p.begin(offset, p.start)
		f := &fetcher{gen: g, part: p, offset: offset, size: int32(size)}
		fetchers.Go(func() { f.run(ctx) })
	}
	ticker := time.NewTicker(g.src.cfg.CommitInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
			g.commit()
		case <-ctx.Done():
		}
	}
	fetchers.Wait()
	// While the group settles, the broker still takes this generation's offsets.
	g.commit()
}

// announce hands the assignment to Next, behind what is left of the generation
// before. False: the generation ended meanwhile.
func (g *generation) announce(ctx context.Context) bool {
	a := &ingest.Assignment{Resume: func(first []int64) {
		select {
		case g.resume <- slices.Clone(first):
		default: // answered before
		}
	}, Confirm: g.confirm}
	for _, p := range g.parts {
		a.Parts = append(a.Parts, ingest.Partition{Name: p.name, Number: int32(p.number), Committed: p.start})
	}
	select {
	case g.src.pieces <- &piece{gen: g, assignment: a}:
		return true
	case <-ctx.Done():
		return false
	}
}

// confirm asks the group whether the generation is the present one: it commits what the
// group holds already, which is taken of a member of the present generation only.
func (g *generation) confirm(ctx context.Context) error {
	if g.ended() {
		return fmt.Errorf("kafka: group %s: %w", g.src.cfg.Group, ingest.ErrStale)
	}
	if len(g.parts) == 0 {
		return nil
	}
	offsets := make(map[string]map[int]int64)
	put(offsets, g.parts[0], g.parts[0].start)
	err := g.group.CommitOffsets(offsets)
	if err != nil {
		g.commitFailed(err)
		for _, stale := range passedOn {
			if errors.Is(err, stale) {
				return fmt.Errorf("kafka: group %s: %w", g.src.cfg.Group, ingest.ErrStale)
			}
		}
		return fmt.Errorf("kafka: group %s: %w", g.src.cfg.Group, err)
	}
	return ctx.Err()
}

// passedOn are the answers that a member gets whose generation is over.
var passedOn = [...]kafka.Error{kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress}

// Rejoin implements ingest.Rejoiner.
func (s *Source) Rejoin() {
	if g := s.live.Load(); g != nil {
		g.over.Store(true)
		g.end()
	}
}

// findStarts finds where partitions begin that the group has no offset of. False:
// the generation ended meanwhile.
func (g *generation) findStarts(ctx context.Context) bool {
	s := g.src
	wait := s.newBackoff()
	for ctx.Err() == nil {
		ask := make(map[string][]kafka.OffsetRequest)
		for _, p := range g.parts {
			if p.start < 0 {
				ask[p.topic] = append(ask[p.topic], kafka.OffsetRequest{Partition: p.number, Timestamp: s.startOffset()})
			}
		}
		if len(ask) == 0 {
			s.health.group(nil)
			return true
		}
		if err := g.askStarts(ctx, ask); err != nil {
			s.health.group(fmt.Errorf("kafka: first offsets: %w", err))
			s.client.Refresh()
			sleep(ctx, wait.NextBackOff())
		}
	}
	return false
}

func (s *Source) startOffset() int64 {
	if s.cfg.Start == Latest {
		return kafka.LastOffset
	}
	return kafka.FirstOffset
}

// askStarts sets the starts of the partitions asked for.
func (g *generation) askStarts(ctx context.Context, ask map[string][]kafka.OffsetRequest) error {
	r, err := g.src.client.Requests(10*time.Second).ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: ask})
	if err != nil {
		return err
	}
	found := make(map[string]map[int]int64)
	for _, p := range g.parts {
		for _, o := range r.Topics[p.topic] {
			if o.Partition != p.number || p.start >= 0 {
				continue
			}
			if o.Error != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", p.name, o.Error))
				continue
			}
			if p.start = o.FirstOffset; g.src.cfg.Start == Latest {
				p.start = o.LastOffset
			}
			put(found, p, p.start)
		}
	}
	if g.src.cfg.Start == Latest && len(found) > 0 {
		// From now on it is this place, and not the end of the log at the time of
		// the next start: what arrives in between would be skipped.
		if err := g.group.CommitOffsets(found); err != nil {
			g.commitFailed(err)
		}
	}
	return err
}

func put(offsets map[string]map[int]int64, p *part, offset int64) {
	if offsets[p.topic] == nil {
		offsets[p.topic] = make(map[int]int64)
	}
	offsets[p.topic][p.number] = offset
}

// commit tells the group up to where everything is finished.
func (g *generation) commit() {
	offsets := make(map[string]map[int]int64)
	for _, p := range g.parts {
		if low, due := p.due(); due {
			put(offsets, p, low)
		}
	}
	if len(offsets) == 0 {
		return
	}
	if err := g.group.CommitOffsets(offsets); err != nil {
		g.commitFailed(err)
		return
	}
	for _, p := range g.parts {
		if low, ok := offsets[p.topic][p.number]; ok {
			p.wasCommitted(low)
		}
	}
}

// commitFailed notes a commit that did not arrive. The next one, or the next
// owner's, covers it.
func (g *generation) commitFailed(err error) {
	log := g.src.cfg.Logger.Warn
	for _, stale := range passedOn {
		if errors.Is(err, stale) {
			log = g.src.cfg.Logger.Debug // the group has moved on: expected
		}
	}
	g.src.stats.commitErrors.Add(1)
	log("kafka: commit failed; messages since the last commit may be delivered again", "group", g.src.cfg.Group, "error", err)
}
