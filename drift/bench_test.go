package drift

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkUpdate(b *testing.B) {
	for _, name := range Names() {
		b.Run("detector="+name, func(b *testing.B) {
			d, err := New(name, nil)
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			xs := make([]float64, 1<<14)
			for i := range xs {
				xs[i] = r.NormFloat64()
			}
			if d, ok := d.(Bounded); ok {
				low, high := d.Bounds()
				for i, x := range xs {
					xs[i] = (low + high) / 2
					if x > 1.28 {
						xs[i] = high
					}
				}
			}
			i := 0
			b.SetBytes(8)
			b.ReportAllocs()
			for b.Loop() {
				d.Update(xs[i&(1<<14-1)])
				i++
			}
		})
	}
}
