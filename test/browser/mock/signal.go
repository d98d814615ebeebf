package mock

import "math"

// Signals are functions of series and slot alone, so that nothing is kept: what is
// asked for again is the same again.

// hash mixes two numbers into 64 even bits (splitmix64).
func hash(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// gauss returns a draw of mean 0 and deviation 1 by the sum of four even ones.
func gauss(series int, slot int64) float64 {
	z := hash(uint64(series), uint64(slot))
	var sum float64
	for k := range 4 {
		sum += float64(z>>(16*k)&0xffff)/65536 - 0.5
	}
	return sum * math.Sqrt(3)
}

// truth is what a series would be without noise: two cycles and a slow drift.
func truth(series int, slot int64) float64 {
	t, k := float64(slot), float64(series%7)
	return 20 + 5*k + 3*math.Sin(2*math.Pi*t/(90+20*k)) + math.Sin(2*math.Pi*t/(31+3*k)) + math.Sin(t/4000)
}

// raw adds noise, three times of it where the series has drifted.
func raw(series int, slot int64, drifted bool) float64 {
	sd := 0.6
	if drifted {
		sd = 1.8
	}
	return truth(series, slot) + sd*gauss(series, slot)
}
