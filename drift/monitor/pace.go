package monitor

import "math"

// paces are the factors on the speed of a signal that are tried, from half to twice.
var paces = [...]float64{0.5, math.Sqrt2 / 2, math.Sqrt2, 2}

// A change is one of the pace where, in deviations of the differences and as mean
// squares, it is off by no more than paceFit, and white noise would be off by
// paceBeats times as much and leastWhite, while the power is less than twice or half of
// what is usual.
const (
	paceFit, paceBeats, leastWhite = 0.3, 4, 0.35
	leastPaced                     = 3 // lags that must tell
)

// paced says whether what moved like noise is the same signal at another pace: over l
// samples it differs by what it usually does over a·l. A smooth signal that runs twice
// as fast has more in its third differences, which the noise is read from, and where
// its segments differ much, as those of a heart's beat do, white noise explains the
// rest nearly as well. So the two are compared, over the lags that both predict. of is
// the statistic that the noise is read from.
func (c *comparison) paced(of int) bool {
	if math.Abs(c.ratio(statPower)) >= math.Ln2 {
		return false
	}
	n := c.change(of)
	for _, a := range paces {
		pace, white, lagged := 0.0, 0.0, 0.0
		for k, l := range lags {
			i := statDiff + k
			want := c.over(a * float64(l))
			if math.IsNaN(want) || math.IsNaN(c.s[i]) || !(c.u[i].mean > c.floor) {
				continue
			}
			pace += c.off(i, want)
			white += c.off(i, c.expected(i, 2, n)-c.floor)
			lagged++
		}
		if pace /= lagged; lagged >= leastPaced && pace <= paceFit && white/lagged >= max(leastWhite, paceBeats*pace) {
			return true
		}
	}
	return false
}

// off returns the square of how many deviations a statistic is off what is wanted.
func (c *comparison) off(i int, want float64) float64 {
	d := math.Log((c.s[i]+c.floor)/(want+c.floor)) / logSD(c.relative(i))
	return d * d
}

// over returns the usual mean squared difference over so many samples, between lags by
// a power law; NaN beyond them.
func (c *comparison) over(lag float64) float64 {
	x := math.Log2(lag)
	if x < 0 || x > float64(len(lags)-1) {
		return math.NaN()
	}
	k := min(int(x), len(lags)-2)
	a, b := c.u[statDiff+k].mean, c.u[statDiff+k+1].mean
	if !(a > c.floor) || !(b > c.floor) {
		return math.NaN()
	}
	f := x - float64(k)
	return math.Exp((1-f)*math.Log(a) + f*math.Log(b))
}
