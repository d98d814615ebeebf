package window

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// uneven returns samples of three channels that send at 100, 50 and 20 Hz, some of them
// swapped with the one before.
func uneven(n int, seed uint64) (out []ingest.Sample) {
	rng := rand.New(rand.NewPCG(seed, 9))
	for i := range n {
		for c, every := range []int{1, 2, 5} {
			if i%every == 0 {
				out = append(out, ingest.Sample{Series: "a", Channel: c, Time: int64(i) * 1e7, Value: float64(i + 1000*c)})
			}
		}
		if k := len(out) - 1; k > 0 && rng.IntN(10) == 0 {
			out[k], out[k-1] = out[k-1], out[k]
		}
	}
	return out
}

// moved returns samples with channel at[i] as channel i; those of other channels are left out.
func moved(in []ingest.Sample, at []int) (out []ingest.Sample) {
	for _, s := range in {
		if s.Channel = slices.Index(at, s.Channel); s.Channel >= 0 {
			out = append(out, s)
		}
	}
	return out
}

// TestTakeOrder: after channels have changed places at any sample all is as if they had
// been where they are from the start, with a rate that is given or learnt.
func TestTakeOrder(t *testing.T) {
	in, at := uneven(120, 1), []int{2, 0, 1}
	for _, hz := range []float64{100, 0} {
		cfg := Config{Channels: 3, RateHz: hz, Lateness: 50 * time.Millisecond}
		for n := range in {
			a, b := series(t, cfg), series(t, cfg)
			for _, s := range in[:n] {
				a.Push(s, 0, &recorder{})
			}
			for _, s := range moved(in[:n], at) {
				b.Push(s, 0, &recorder{})
			}
			taken := series(t, cfg)
			taken.Take(a, at)
			if !bytes.Equal(taken.AppendState(nil), b.AppendState(nil)) {
				t.Fatalf("rate %g, after %d samples: the states differ", hz, n)
			}
		}
	}
}

// TestTakeOthers leaves a channel out at any sample and has a new one: no sample of those
// that stay is lost, what waited of the other one is counted, and the new one is waited for.
func TestTakeOthers(t *testing.T) {
	in, at := uneven(120, 2), []int{0, -1, 2}
	for _, hz := range []float64{100, 0} {
		cfg := Config{Channels: 3, RateHz: hz, Lateness: 50 * time.Millisecond}
		for n := range in {
			s, r := series(t, cfg), &recorder{}
			was := series(t, cfg)
			for _, sample := range in[:n] {
				was.Push(sample, 0, &recorder{})
			}
			waits := was.Waiting()
			s.Take(was, at)
			f := s.Fates()
			if f.In() != int64(n) || f[Pending]+f[NotMine] != waits {
				t.Fatalf("rate %g, after %d samples, of which %d wait: %v", hz, n, waits, f)
			}
			for _, sample := range in[n:] {
				s.Push(sample, 0, r)
			}
			s.Finish(r)
			if f = s.Fates(); f.In() != int64(len(in)) || f[Pending] != 0 {
				t.Fatalf("rate %g, changed after %d samples: %v", hz, n, f)
			}
			if late := r.dead[Late]; hz > 0 && late > 0 {
				t.Fatalf("changed after %d samples: %d are late", n, late)
			}
		}
	}
}
