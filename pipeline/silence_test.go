package pipeline

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// partly is a recording of series x in which channel a always has a reading, and b has
// one where has says so; else b says null, or nothing where absent.
func partly(n int, absent bool, has func(i int) bool) (in []ingest.Sample) {
	for i := range n {
		s := ingest.Sample{Series: "x", Time: int64(1e18) + int64(i)*1e7, Value: math.Sin(float64(i)/20) + .3*math.Sin(float64(i*i))}
		b := s
		if b.Channel, b.Value = 1, s.Value+5; !has(i) {
			b.Missing, b.Value = ingest.Null, 0
		}
		if has(i) || !absent {
			in = append(in, b)
		}
		in = append(in, s)
	}
	return in
}

// inPieces returns the records of samples that come so many at a time, with the series
// restored from its state in between.
func inPieces(t *testing.T, in []ingest.Sample, piece int) []string {
	t.Helper()
	m := testModel(t, 1)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out := &lines{}
	e := testEngine(t, m, out)
	for from := 0; from < len(in); from += piece {
		push(t, e, in[from:min(from+piece, len(in))])
		next := testEngine(t, m, out)
		for name, l := range e.lanes {
			if next.lanes[name], err = restoreLane(next, "p", name, l.appendState(nil), bank); err != nil {
				t.Fatal(err)
			}
		}
		e = next
	}
	e.Finish()
	return out.records
}

func parsedAll(t *testing.T, records []string) (all []sink.Record) {
	t.Helper()
	for _, line := range records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *r)
	}
	return all
}

// TestDeadChannel: of a channel that falls silent as much is filled as of empty slots, and
// from there on there is nothing until it reads again; however the input is cut, and over
// restarts.
func TestDeadChannel(t *testing.T) {
	const dies, back, fills = 400, 900, 10 // testEngine's max_gap
	for _, absent := range []bool{false, true} {
		in := partly(1000, absent, func(i int) bool { return i < dies || i >= back })
		want := inPieces(t, in, len(in))
		for _, piece := range []int{7, 811} {
			if d := cmp.Diff(want, inPieces(t, in, piece)); d != "" {
				t.Fatalf("pieces of %d: %.2000s", piece, d)
			}
		}
		for i, r := range parsedAll(t, want) {
			a, b := &r.Values[0], &r.Values[1]
			if i < 300 {
				continue
			}
			if a.Quality != sink.Good {
				t.Fatalf("slot %d: the other channel is %v", i, a.Quality)
			}
			quality, known := sink.Good, true
			switch {
			case i >= dies+fills && i < back:
				quality, known = sink.Bad, false
			case i >= dies && i < back:
				quality = sink.Filled
			}
			if b.Quality != quality || (b.Clean-b.Clean == 0) != known || (b.Hi-b.Hi == 0) != known || !known && b.Method != "raw" {
				t.Fatalf("absent %v, slot %d is %+v, want %v", absent, i, *b, quality)
			}
		}
	}
}

// TestRareChannel: where max_gap is left to Quell, a channel that reads more rarely than
// the others is filled between its readings, and not when it has died.
func TestRareChannel(t *testing.T) {
	const every, dies = 30, 2400
	out := &lines{}
	e := testEngine(t, testModel(t, 1), out)
	e.cfg.Window.MaxGap = 0
	push(t, e, partly(4000, true, func(i int) bool { return i%every == 0 && i < dies }))
	e.Finish()
	for i, r := range parsedAll(t, out.records) {
		b := &r.Values[1]
		if i > 600 && i < dies && i%every > 0 && b.Quality != sink.Filled {
			t.Fatalf("slot %d between two readings is %v", i, b.Quality)
		}
		if i > dies+2*every && b.Quality != sink.Bad {
			t.Fatalf("slot %d, after the last reading, is %v", i, b.Quality)
		}
	}
}

// TestJointFills: what a joint net has from other channels is filled for as long as it
// takes, unless max_gap is given.
func TestJointFills(t *testing.T) {
	left, given := window.NewSeries(window.Config{RateHz: 1, Channels: 2}), window.NewSeries(window.Config{RateHz: 1, Channels: 2, MaxGap: 3 * time.Second})
	for _, c := range []struct {
		w     *window.Series
		joint bool
		want  int64 // slots that are filled of 100
	}{{left, false, left.MaxGap()}, {left, true, 100}, {given, true, 3}} {
		var s silence
		s.take(c.w, true, c.joint)
		n := int64(0)
		for range 100 {
			if !s.take(c.w, false, c.joint) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("joint %v, max_gap given %v: %d slots are filled, want %d", c.joint, c.w.MaxGapSet(), n, c.want)
		}
	}
}
