package model

import (
	"slices"
	"testing"
)

// TestBatch checks that streams pushed together, each at its own pace, give
// the values of one pass, bit for bit.
func TestBatch(t *testing.T) {
	for name, m := range models(t) {
		for _, c := range channelsOf(m) {
			const count, slots = 5, 160
			rng := newRand(9)
			var streams []*Stream
			var rest [][]Column
			got, want := make([][]float32, count), make([][]float32, count)
			gotClasses, wantClasses := make([][]float32, count), make([][]float32, count)
			gotDev, wantDev := make([][]float32, count), make([][]float32, count)
			for i := range count {
				cols := randomColumns(slots*c, uint64(i))
				streams, rest = append(streams, mustStream(t, m, c)), append(rest, cols)
				want[i], wantDev[i], wantClasses[i] = referenceAll(m, cols, c)
			}
			b := m.NewBatch()
			for left := true; left; {
				left = false
				var some []*Stream
				var cols [][]Column
				var at []int
				for i, s := range streams {
					k := min(rng.IntN(4), len(rest[i])/c) * c
					left = left || len(rest[i]) > 0
					if k == 0 && rng.IntN(2) > 0 {
						continue
					}
					some, cols, at = append(some, s), append(cols, rest[i][:k]), append(at, i)
					rest[i] = rest[i][k:]
				}
				ys := make([][]float32, len(some))
				b.Push(ys, some, cols)
				for j, i := range at {
					got[i] = append(got[i], ys[j]...)
					gotDev[i] = append(gotDev[i], streams[i].Spread()...)
					gotClasses[i] = append(gotClasses[i], streams[i].Classes()...)
				}
			}
			for i, s := range streams {
				got[i] = append(got[i], s.Finish()...)
				gotDev[i] = append(gotDev[i], s.Spread()...)
				gotClasses[i] = append(gotClasses[i], s.Classes()...)
				if !slices.Equal(got[i], want[i]) || !slices.Equal(gotDev[i], wantDev[i]) || !slices.EqualFunc(gotClasses[i], wantClasses[i], closeTo) {
					t.Fatalf("%s, %d channels: stream %d of a batch differs from one pass", name, c, i)
				}
			}
		}
	}
}

func TestBatchRefuses(t *testing.T) {
	ms := models(t)
	s := mustStream(t, ms["plain"], 1)
	for what, f := range map[string]func(){
		"another model": func() { ms["dae-odd"].NewBatch().Push(make([][]float32, 1), []*Stream{s}, make([][]Column, 1)) },
		"lengths":       func() { ms["plain"].NewBatch().Push(nil, []*Stream{s}, make([][]Column, 1)) },
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
