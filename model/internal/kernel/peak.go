package kernel

import "time"

// Peak measures the multiply-add rate of one core for about d, in GFLOP/s: the
// best of many short runs of independent multiply-adds in registers. It returns
// 0 where there is no tier with vectors.
func Peak(d time.Duration) float64 {
	const times = 20_000
	best := 0.0
	for stop := time.Now().Add(d); ; {
		start := time.Now()
		flops := burn(times)
		now := time.Now()
		if s := now.Sub(start).Seconds(); s > 0 {
			best = max(best, float64(flops)/s/1e9)
		}
		if flops == 0 || now.After(stop) {
			return best
		}
	}
}
