package offline

import (
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// cell is one channel of a row.
type cell struct {
	value   float64
	missing ingest.Missing
	absent  bool // the row has no such field: no sample was pushed
	placed  bool // its time falls into a slot
	fate    window.Fate
}

// row is an input row that is not written yet.
type row struct {
	of       *series
	unplaced int   // samples whose fate is not known yet
	record   int64 // of the series, that it belongs to; -1: none
	next     int64 // the row before it that belongs to the same record; -1: none
	done     bool  // line is complete
	cells    []cell
	line     []byte // what is known of the output row
}

// rows are the waiting rows by their number: a ring that reuses its memory, and
// older ones that were moved out of it.
type rows struct {
	channels   int
	ring       []row // its length is a power of two
	first, end int64 // in the ring
	old        spill
}

// len returns the number of rows in the ring.
func (q *rows) len() int { return int(q.end - q.first) }

func (q *rows) at(number int64) *row {
	if number < q.first {
		return q.old.pending[number]
	}
	return &q.ring[number&int64(len(q.ring)-1)]
}

func (q *rows) push() (number int64, r *row) {
	if q.len() == len(q.ring) {
		ring := make([]row, max(64, 2*len(q.ring)))
		mask := int64(len(ring) - 1)
		for n := q.first; n < q.end; n++ {
			ring[n&mask] = *q.at(n)
		}
		for n := q.end; n < q.first+mask+1; n++ {
			ring[n&mask].cells = make([]cell, q.channels)
		}
		q.ring = ring
	}
	number = q.end
	q.end++
	r = q.at(number)
	*r = row{record: -1, next: -1, cells: r.cells, line: r.line}
	return number, r
}

// held is a record that rows may still ask for.
type held struct {
	values []sink.Value
	score  float64
	drift  string
}

// memory is how many records are kept per series: as many as the window tells
// closed slots of.
const memory = 64

// series follows the records of one series.
type series struct {
	name    string
	placing []int64 // rows with samples not placed, from head on, oldest first
	head    int

	time  int64 // of the latest row, if one has begun it
	begun bool

	fitted int         // rows kept in fit so far
	fit    [][]float64 // [channel][row], NaN where missing

	emitted int64   // records seen
	chains  []int64 // for records from emitted on: the latest row of each, -1 where there is none; a ring
	recent  []held  // the latest records, a ring once it is full

	filters []filter
	waiting []held // records that wait for the filters' look-ahead: a ring that grows
	pushed  int64  // records seen by the filters, emitted ones among them
}

func newSeries(name string) *series {
	return &series{name: strings.Clone(name)}
}

// link makes a row the latest of a record that is still to come and returns the
// one before it.
func (s *series) link(record, number int64) (before int64) {
	if need := record - s.emitted + 1; need > int64(len(s.chains)) {
		chains := make([]int64, max(16, 2*len(s.chains), int(need)))
		for i := range chains {
			chains[i] = -1
		}
		for i := range int64(len(s.chains)) {
			n := s.emitted + i
			chains[n%int64(len(chains))] = s.chains[n%int64(len(s.chains))]
		}
		s.chains = chains
	}
	at := &s.chains[record%int64(len(s.chains))]
	before, *at = *at, number
	return before
}

// take returns the latest row of the next record and counts the record.
func (s *series) take() int64 {
	row := int64(-1)
	if len(s.chains) > 0 {
		at := &s.chains[s.emitted%int64(len(s.chains))]
		row, *at = *at, -1
	}
	s.emitted++
	return row
}

// wait returns memory for the next record that waits for the filters.
func (s *series) wait() *held {
	if n := int64(len(s.waiting)); s.pushed-s.emitted == n {
		ring := make([]held, max(16, 2*n))
		for i := s.emitted; i < s.pushed; i++ {
			ring[i%int64(len(ring))] = s.waiting[i%n]
		}
		s.waiting = ring
	}
	s.pushed++
	return &s.waiting[(s.pushed-1)%int64(len(s.waiting))]
}

// slot returns memory for the next record.
func (s *series) slot() *held {
	if s.emitted < memory {
		s.recent = append(s.recent, held{})
	}
	return &s.recent[s.emitted%memory]
}

// remembered returns a record that is out already.
func (s *series) remembered(record int64) *held {
	if record < s.emitted-memory {
		return nil
	}
	return &s.recent[record%memory]
}
