package pipeline

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
)

// TestSpike: one absurd reading changes its own record and hardly any other; its record
// has it, marked, beside what the others say. However the input is cut, and over restarts.
func TestSpike(t *testing.T) {
	const at = 2000
	in := partly(3000, false, func(int) bool { return true })
	spiked := append([]ingest.Sample(nil), in...)
	spiked[2*at].Value = 4294967295 // of channel b, the first of a slot
	lost := append([]ingest.Sample(nil), in...)
	lost[2*at].Missing, lost[2*at].Value = ingest.Null, 0
	want := inPieces(t, spiked, len(spiked))
	for _, piece := range []int{11, 2*at + 1} {
		if d := cmp.Diff(want, inPieces(t, spiked, piece)); d != "" {
			t.Fatalf("pieces of %d: %.2000s", piece, d)
		}
	}
	without := parsedAll(t, inPieces(t, lost, len(lost)))
	for i, r := range parsedAll(t, want) {
		b, o := r.Values[1], without[i].Values[1]
		if i == at {
			if b.Raw != 4294967295 || b.Quality != sink.Uncertain || b.Flags&sink.Spike == 0 {
				t.Errorf("the record of the reading is %+v", b)
			}
			b.Raw, b.Quality, b.Flags = o.Raw, o.Quality, o.Flags
		}
		if !cmp.Equal(b, o, cmpopts.EquateNaNs()) || b.Flags&sink.Spike != 0 {
			t.Fatalf("slot %d is %+v, with the reading missing %+v", i, b, o)
		}
	}
}

// TestSpikeThatStays: a level far off is served as it is once it has stayed.
func TestSpikeThatStays(t *testing.T) {
	in := partly(3000, false, func(int) bool { return true })
	for i := range in {
		if in[i].Channel == 1 && i >= 4000 {
			in[i].Value += 1000
		}
	}
	spikes := 0
	for i, r := range parsedAll(t, inPieces(t, in, len(in))) {
		b := r.Values[1]
		if b.Flags&sink.Spike != 0 {
			spikes++
		} else if i >= 2000 && (math.Abs(b.Raw-1005) > 3 || b.Clean-b.Clean != 0) {
			t.Fatalf("slot %d is %+v", i, b)
		}
	}
	if spikes != 3 {
		t.Errorf("%d readings are spikes, want 3", spikes)
	}
}
