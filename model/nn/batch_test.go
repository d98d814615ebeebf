package nn

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestRhythm checks that streams take up the rhythm, without which they would
// be right, but slow.
func TestRhythm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, spec := range map[string]Spec{"A": modelA(), "B": modelB(), "tcn": TCN(3, 1, 8, 5, []int{1, 2, 4, 8}, 8), "dae": DAE(2, 2, []int{4, 6, 8}, 7, 2)} {
		n := mustNew(t, spec, 1)
		s, err := n.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		hop := spec.Stride()
		for range 2*s.HistoryLen()/hop + 2 {
			s.Push(noise(rng, hop*spec.In))
		}
		if !s.e.steady {
			t.Errorf("%s: not in rhythm after %d columns", name, s.e.sigs[0].n)
		}
		if hop > 1 {
			s.Push(noise(rng, spec.In))
			if s.e.steady {
				t.Errorf("%s: in rhythm within a hop", name)
			}
			s.Push(noise(rng, (hop-1)*spec.In))
			if !s.e.steady {
				t.Errorf("%s: not in rhythm again", name)
			}
		}
	}
}

// TestBatch checks that streams pushed together return what they return alone.
func TestBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		in, hop := n.Spec().In, n.Spec().Stride()
		b := n.NewBatch()
		count := rapid.IntRange(1, 40).Draw(t, "streams")
		var together, alone []*Stream
		for range count {
			for _, to := range []*[]*Stream{&together, &alone} {
				s, err := n.NewStream()
				if err != nil {
					t.Fatal(err)
				}
				*to = append(*to, s)
			}
		}
		step := func(most int) {
			var streams []*Stream
			var xs, want [][]float32
			for i := range together {
				k := rng.IntN(most + 1)
				if rng.IntN(3) > 0 {
					k = k / hop * hop
				}
				if k == 0 && rng.IntN(2) > 0 {
					continue
				}
				x := noise(rng, k*in)
				streams, xs = append(streams, together[i]), append(xs, x)
				want = append(want, append([]float32(nil), alone[i].Push(x)...))
			}
			ys := make([][]float32, len(streams))
			b.Push(ys, streams, xs)
			for i := range ys {
				sameBits(t, "batch", ys[i], want[i])
			}
		}
		for range 4 {
			step(40)
		}
		for range 20 {
			step(3 * hop)
		}
		for i := range together {
			sameBits(t, "end", together[i].Finish(), alone[i].Finish())
		}
	})
}

func TestBatchMisuse(t *testing.T) {
	n := mustNew(t, modelA(), 1)
	other, err := mustNew(t, modelA(), 2).NewStream()
	if err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]func(){
		"another network": func() { n.NewBatch().Push(make([][]float32, 1), []*Stream{other}, make([][]float32, 1)) },
		"lengths":         func() { n.NewBatch().Push(nil, nil, make([][]float32, 1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}
