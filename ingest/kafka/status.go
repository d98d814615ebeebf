package kafka

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
)

// errNotYet is the state before the first contact.
var errNotYet = errors.New("kafka: not connected yet")

// health knows whether the source is connected: a member of the group, and
// fetching from every partition it owns.
type health struct {
	log  *slog.Logger
	name string

	mu    sync.Mutex
	err   error           // why the group is not joined; nil when it is
	parts map[*part]error // why partitions can't be fetched
	told  bool            // the log says that the source is down
}

// group notes that the group is joined (nil) or why not.
func (h *health) group(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
	clear(h.parts)
	h.tell()
}

// part notes that a partition is fetched from (nil) or why not.
func (h *health) part(p *part, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.parts, p)
	} else {
		h.parts[p] = err
	}
	h.tell()
}

// tell logs going down and coming up, each once.
func (h *health) tell() {
	up, err := h.state()
	switch {
	case !up && !h.told && !errors.Is(err, errClosed):
		h.told = true
		h.log.Warn("kafka: source down", "group", h.name, "error", err)
	case up && h.told:
		h.told = false
		h.log.Info("kafka: source up again", "group", h.name)
	}
}

func (h *health) state() (up bool, err error) {
	if h.err != nil {
		return false, h.err
	}
	for _, err := range h.parts {
		return false, err
	}
	return true, nil
}

// Status returns whether the source is a member of its group and reaches all its
// partitions, and if not, why. It implements ingest.StatusReporter.
func (s *Source) Status() (up bool, err error) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.state()
}

// PartitionLag says how far the reader of one partition is.
type PartitionLag struct {
	Name      string // "topic/number"
	Position  int64  // first offset that Next has not delivered, to the nearest fetch
	Finished  int64  // first unfinished offset
	HighWater int64  // the offset behind the newest message, as of the last fetch
}

// Behind returns how many offsets are still to be delivered. Offsets without a
// message (compaction, transactions) count.
func (l PartitionLag) Behind() int64 { return max(0, l.HighWater-l.Position) }

// Lag returns the state of the partitions owned now, in the order of the
// assignment.
func (s *Source) Lag() []PartitionLag {
	g := s.live.Load()
	if g == nil || g.ended() {
		return nil
	}
	lags := make([]PartitionLag, len(g.parts))
	for i, p := range g.parts {
		lags[i] = PartitionLag{Name: p.name, Finished: p.low(), Position: p.position.Load(), HighWater: p.highWater.Load()}
	}
	return lags
}

// counters are the numbers behind Stats.
type counters struct {
	generations, outOfRange, corrupt, commitErrors atomic.Int64
}

// Stats counts what happened since the source was made.
type Stats struct {
	Generations  int64 // assignments taken
	OutOfRange   int64 // wanted offsets that did not exist: reading went on at the earliest one
	Corrupt      int64 // batches delivered as one malformed message
	CommitErrors int64 // commits that failed; the next one covers them
}

// Stats returns the counts so far.
func (s *Source) Stats() Stats {
	return Stats{
		Generations:  s.stats.generations.Load(),
		OutOfRange:   s.stats.outOfRange.Load(),
		Corrupt:      s.stats.corrupt.Load(),
		CommitErrors: s.stats.commitErrors.Load(),
	}
}
