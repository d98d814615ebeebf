package classic

import "math"

// Divergence sets dst[t] to ∂x̂_t/∂y_t, how much of the estimate clean[t] is the
// doing of its own sample, edges and gaps included: a sample that stands in for
// missing ones acts through them too. clean must be what the filter p makes of
// the whole of y.
//
// For a linear filter it is exact and does not depend on the values. For median
// and hampel it is 1 where the estimate is the sample itself, else 0. For haar
// the thresholds, which earlier samples set, are held fixed. It is NaN where y or
// clean is missing. The whole-recording wavelet has none here: its Risk needs the
// sum alone, which TuneBlind finds. dst must not alias y or clean.
//
// It panics where p is not valid, a wavelet, or the lengths differ.
func Divergence(dst, y, clean []float64, p Params) {
	checkLengths(dst, y)
	checkLengths(clean, y)
	if err := p.Validate(); err != nil {
		panic("classic: " + err.Error())
	}
	z, lead := fill(y)
	if out := dst[lead:]; len(z) > 0 {
		own(out, z, spansOf(y[lead:]), y[lead:], clean[lead:], p)
	}
	for t, v := range y {
		if !finite(v) || !finite(clean[t]) {
			dst[t] = math.NaN()
		}
	}
}

// own is Divergence from the first value on. z is y with missing values filled.
func own(dst, z []float64, spans []span, y, clean []float64, p Params) {
	switch p.Family {
	case MedianName, HampelName, IdentityName:
		for t, v := range y {
			if dst[t] = 0; clean[t] == v {
				dst[t] = 1
			}
		}
	case EMAName:
		ownEMA(dst, y, p)
	case KalmanName:
		ownKalman(dst, y, p)
	case MovingAverageName:
		for t, s := range spans {
			to := t + p.Latency()
			dst[t] = float64(s.within(to-p.Window+1, to)) / float64(p.Window)
		}
	case SavitzkyGolayName:
		ownSavGol(dst, spans, p)
	case WienerName:
		ownWiener(dst, spans, p)
	case ButterworthName:
		if b := newButter(p.Order, p.Cutoff, 0); p.Lookahead == Full {
			ownBothWays(dst, spans, b)
		} else {
			ownCausal(dst, spans, b, p.Lookahead)
		}
	case HaarName:
		ownHaar(dst, z, y, spans, p)
	default:
		panic("classic: Divergence of a " + p.Family + ", which has none")
	}
}

// span is the slots that show the value of one sample: its own, the missing
// ones after it, and all beyond an end that the sample is nearest to.
type span struct{ from, to int }

// beyond lies further out than any filter looks.
const beyond = math.MaxInt / 4

// spansOf returns the span of each slot of y, whose first is a value. The span
// of a missing one is empty.
func spansOf(y []float64) []span {
	spans := make([]span, len(y))
	to := beyond
	for t := len(y) - 1; t >= 0; t-- {
		spans[t] = span{0, -1}
		if finite(y[t]) {
			spans[t] = span{t, to}
			to = t - 1
		}
	}
	if len(y) > 0 {
		spans[0].from = -beyond
	}
	return spans
}

// within returns how many of the slots from..to belong to the span.
func (s span) within(from, to int) int { return max(0, min(s.to, to)-max(s.from, from)+1) }

func ownEMA(dst, y []float64, p Params) {
	e := ema{alpha: p.Alpha}
	for t, v := range y {
		dst[t] = 1
		if e.started {
			dst[t] = e.weight()
		}
		e.push(v)
	}
}

// ownKalman takes the variance of each estimate, see kalmanWeight.
func ownKalman(dst, y []float64, p Params) {
	if p.Lookahead == Full {
		f, _ := factor(y, p.Lambda, p.Trend)
		f.inverseDiagonal(dst)
		return
	}
	k := newKalman(p.Lambda, p.Trend, p.Lookahead)
	k.vars = make([]float64, len(k.lags))
	at := func(t int) float64 { return k.vars[t%len(k.vars)] }
	for t, v := range y {
		if !finite(v) {
			v = math.NaN()
		}
		if _, ok := k.push(v); ok {
			dst[t-p.Lookahead] = at(t - p.Lookahead)
		}
	}
	for t := max(0, len(y)-p.Lookahead); t < len(y); t++ {
		dst[t] = at(t)
	}
}

func ownSavGol(dst []float64, spans []span, p Params) {
	n, ahead := len(dst), p.Latency()
	for t, s := range spans {
		to := min(t+ahead, n-1)
		from := max(0, to-p.Window+1)
		if p.Lookahead == Full && t < ahead { // fitted to the first whole window
			from, to = 0, min(n, p.Window)-1
		}
		m := to - from + 1
		dst[t] = 0
		for i := max(from, s.from); i <= min(to, s.to); i++ {
			dst[t] += polyWeight(m, min(p.Order, m-1), t-from, i-from)
		}
	}
}

func ownWiener(dst []float64, spans []span, p Params) {
	n, taps := len(dst), len(p.Taps)
	sum := make([]float64, taps+1) // of the first taps
	for k, h := range p.Taps {
		sum[k+1] = sum[k] + h
	}
	// over returns the weight of the slots from..to in the estimate made at u.
	over := func(u, from, to int) float64 {
		a, b := max(0, u-to), min(taps, u-from+1)
		if a >= b {
			return 0
		}
		return sum[b] - sum[a]
	}
	for t, s := range spans {
		u := t + p.Lookahead
		head, tail := min(u+1, n, wienerEdge), min(n, wienerEdge)
		dst[t] = over(u, max(0, s.from), min(n-1, s.to)) +
			over(u, -beyond, -1)*float64(s.within(0, head-1))/float64(head) +
			over(u, n, beyond)*float64(s.within(n-tail, n-1))/float64(tail)
	}
}

// ownCausal uses the step response up to the look-ahead: what lies further back
// is 1 less that.
func ownCausal(dst []float64, spans []span, b *butter, ahead int) {
	step := b.impulse(ahead + 1)
	for k := 1; k <= ahead; k++ {
		step[k] += step[k-1]
	}
	upTo := func(k int) float64 { // Σ h over lags up to k
		switch {
		case k < 0:
			return 0
		case k > ahead:
			return 1
		}
		return step[k]
	}
	for t, s := range spans {
		u := t + ahead
		dst[t] = upTo(u-s.from) - upTo(u-s.to-1)
	}
}

// ownBothWays: a sample far from the ends that stands for itself alone meets the
// impulse response h once forwards and once backwards, cut off at the end of the
// n samples after it and continued there with its last value. All others are
// found by filtering what they stand for.
func ownBothWays(dst []float64, spans []span, b *butter) {
	n := len(dst)
	m := b.mirrored(n)
	h := b.impulse(n + m)
	energy, rest := make([]float64, n+m), 1.0
	tail := make([]float64, n+m) // Σ h beyond each lag
	sum := 0.0
	for k, v := range h {
		sum += v * v
		rest -= v
		energy[k], tail[k] = sum, rest
	}
	var in, out []float64
	for t, s := range spans {
		if k := n + m - 1 - t; s.from == t && s.to == t && t > m && t < n-1-m {
			dst[t] = energy[k] + tail[k]*h[k]
			continue
		}
		if dst[t] = 0; s.to < s.from {
			continue
		}
		if in == nil {
			in, out = make([]float64, n), make([]float64, n)
		}
		for i := max(0, s.from); i <= min(n-1, s.to); i++ {
			in[i] = 1
		}
		b.bothWays(out, in)
		dst[t] = out[t]
		clear(in)
	}
}

// ownHaar: with s = 2^(j-1), a detail of slot t+i weighs ±2^-j in the estimate at t,
// where it survives its threshold, and holds ±2^-j of each sample; plus for the
// last s after t, minus for the s before those. What is left of the approximation
// weighs 2^-J.
func ownHaar(dst, z, y []float64, spans []span, p Params) {
	n, h := len(z), newHaar(p)
	ring := int64(h.ahead)
	alive := make([][]int, len(h.low)) // alive[j][i]: details of level j+1 before slot i that survive
	for j := range alive {
		alive[j] = make([]int, 1, n+h.ahead+1)
	}
	limits := make([]float64, len(h.low))
	for i := range n + h.ahead {
		copy(limits, h.stats.limits)
		v := z[min(i, n-1)]
		if i < n && !finite(y[i]) {
			v = math.NaN()
		}
		h.push(v)
		for j, kept := range h.kept {
			a := alive[j][i]
			if limits[j] == 0 || kept[int64(i)&ring] != 0 {
				a++
			}
			alive[j] = append(alive[j], a)
		}
	}
	for t, s := range spans {
		dst[t] = h.own(t, s, alive)
	}
}

// own returns the weight of the sample of span s in the estimate at t.
func (h *haar) own(t int, s span, alive [][]int) float64 {
	single := s.from == t && s.to == t
	sum := 0.0
	for j, a := range alive {
		half := 1 << j
		w := 1 / float64(4*half*half)
		if single {
			sum += w * float64(a[t+2*half]-a[t])
			continue
		}
		for i := t; i < t+2*half; i++ {
			if a[i+1] == a[i] {
				continue
			}
			held := float64(s.within(i-half+1, i) - s.within(i-2*half+1, i-half))
			if i >= t+half {
				held = -held
			}
			sum += w * held
		}
	}
	size := h.ahead + 1
	if single {
		return sum + 1/float64(size)
	}
	for i := t; i < t+size; i++ {
		sum += float64(s.within(i-size+1, i)) / float64(size*size)
	}
	return sum
}
