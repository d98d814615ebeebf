package nn

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// genCompact draws a network whose streams may be compact, the base model's shape
// among them.
func genCompact(t *rapid.T) (*Net, *rand.Rand) {
	specs := []Spec{TCN(3, 1, 8, 5, []int{1, 2, 4, 8}, 8), TCN(2, 2, 4, 3, []int{1, 2, 4}, 0), wideB(8), layeredSpec()}
	if rapid.Bool().Draw(t, "drawn") {
		for range 20 {
			if n, rng := genNet(t); n.shop != nil {
				return n, rng
			}
		}
	}
	n, rng := genParams(t, rapid.SampledFrom(specs).Draw(t, "spec"))
	return n, rng
}

// TestCompactStream checks that a compact stream gives what another one does, alone
// and in a batch, from its start to its end, warmed and copied.
func TestCompactStream(t *testing.T) {
	compact := 0
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genCompact(t)
		if n.shop == nil {
			return
		}
		compact++
		in := n.Spec().In
		b := n.NewBatch()
		var full, small []*Stream
		var all [][]float32
		for range rapid.IntRange(1, 40).Draw(t, "streams") {
			f, err := n.NewStream()
			if err != nil {
				t.Fatal(err)
			}
			s, err := n.NewCompactStream()
			if err != nil {
				t.Fatal(err)
			}
			full, small, all = append(full, f), append(small, s), append(all, nil)
		}
		for range 30 {
			var streams []*Stream
			var xs, want [][]float32
			for i := range small {
				k := rng.IntN([]int{3, 12, 40}[rng.IntN(3)])
				x := noise(rng, k*in)
				all[i] = append(all[i], x...)
				w := append([]float32(nil), full[i].Push(x)...)
				if rng.IntN(4) == 0 {
					sameBits(t, "alone", small[i].Push(x), w)
					continue
				}
				streams, xs, want = append(streams, small[i]), append(xs, x), append(want, w)
			}
			ys := make([][]float32, len(streams))
			b.Push(ys, streams, xs)
			for i := range ys {
				sameBits(t, "batch", ys[i], want[i])
			}
			moveCompact(t, n, rng, small, all)
		}
		for i := range small {
			samePosition(t, small[i], full[i])
			sameBits(t, "end", small[i].Finish(), full[i].Finish())
			samePosition(t, small[i], full[i])
			sameBits(t, "after the end", small[i].Finish(), nil)
			full[i].Reset()
			small[i].Reset()
			x := noise(rng, 30*in)
			sameBits(t, "anew", small[i].Push(x), full[i].Push(x))
		}
	})
	if compact == 0 {
		t.Error("no network of those drawn has compact streams")
	}
}

// moveCompact puts another stream, warmed or a copy, in the place of one of small.
func moveCompact(t *rapid.T, n *Net, rng *rand.Rand, small []*Stream, all [][]float32) {
	i, in := rng.IntN(len(small)), n.Spec().In
	s, err := n.NewCompactStream()
	if err != nil {
		t.Fatal(err)
	}
	s.Push(noise(rng, 7*in))
	if rng.IntN(2) == 0 {
		s.CopyFrom(small[i])
	} else {
		cols := len(all[i]) / in
		keep := min(cols, s.HistoryLen())
		s.Warm(all[i][(cols-keep)*in:], int64(cols))
	}
	samePosition(t, s, small[i])
	small[i] = s
}

func samePosition(t *rapid.T, got, want *Stream) {
	in, out := got.Position()
	if i, o := want.Position(); in != i || out != o {
		t.Fatalf("at %d, %d; want %d, %d", in, out, i, o)
	}
}

// TestCompactSize holds a compact stream of the base model's shape to what its taps
// reach back to.
func TestCompactSize(t *testing.T) {
	s, err := mustNew(t, TCN(7, 2, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), 1).NewCompactStream()
	if err != nil {
		t.Fatal(err)
	}
	for range 600 {
		s.Push(make([]float32, 7))
	}
	if got := s.Size(); got > 33<<10 {
		t.Errorf("a stream takes %d bytes, want no more than 33 KiB", got)
	}
}
