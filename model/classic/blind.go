package classic

import (
	"math"
	"math/rand/v2"
)

// Risk returns Stein's unbiased estimate of the mean squared error of the
// estimates clean of y against a truth that nobody knows (Stein 1981,
// Estimation of the mean of a multivariate normal distribution):
//
//	mean((y-x̂)² - σ² + 2σ²·div)
//
// with div the divergence of the estimates, as Divergence tells it, and sigma
// the deviation of white Gaussian noise in y. It can be negative. Samples missing
// in any of the three don't count; it is NaN where none is left. The three must
// have one length. Noise that is not Gaussian but white gives the same for linear
// filters; spikes and coloured noise mislead it.
func Risk(y, clean, div []float64, sigma float64) float64 {
	checkLengths(clean, y)
	checkLengths(div, y)
	v, sum, n := sigma*sigma, 0.0, 0
	for t, d := range div {
		if e := y[t] - clean[t]; finite(e) && finite(d) {
			sum += e*e - v + 2*v*d
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// TuneBlind returns the setting of the family's grid that is best by the noisy
// recording y alone, and its estimated risk; of equal ones the first.
//
// With sigma > 0, the deviation of white noise in y, the risk is the estimate of
// the mean squared error by Stein (see Risk). The whole-recording wavelet counts
// the coefficients that survive soft shrinkage. With hard shrinkage or the rule
// SURE, and for hampel, the estimate jumps as the samples move, which Divergence
// does not see: there y is moved a little at random, with a fixed seed (Ramani,
// Blu and Unser 2008, Monte-Carlo SURE).
//
// With sigma 0 the noise need only be independent from sample to sample, and the
// risk is the mean squared error in foretelling each sample from the others
// (Batson and Royer 2019, Noise2Self): the mean squared error of a filter that is
// not shown the own sample, plus the variance of the noise.
//   - A linear filter leaves (y-x̂)/(1-w) with w from Divergence.
//   - Median and hampel take the median of the other samples. Where hampel would
//     pass the sample its noise counts twice, with the noise level estimated from
//     the finest wavelet details.
//   - wavelet and haar see the mean of its neighbours in place of every fourth
//     sample, in four passes. The setting of wavelet is chosen as above, with the
//     noise level from the finest details, which wavelet itself goes by.
//   - identity has twice the mean square of the finest wavelet details.
//
// A family that learns is judged on each fifth of y after it has learnt from the
// others, and learns from all of y at last; with sigma 0 it goes by the noise level
// of the finest details. The risk is NaN where y has nothing to
// judge by. It panics where the grid is empty.
func TuneBlind(f Family, y []float64, sigma float64) (Params, float64) {
	if len(f.Grid) == 0 {
		panic("classic: TuneBlind of a family without a grid")
	}
	if sigma == 0 && f.Name == WaveletName {
		if level := levelOf(y); level > 0 {
			p, _ := TuneBlind(f, y, level)
			return p, maskedLoss(y, p)
		}
	}
	best, least := Params{}, math.NaN()
	for i, p := range f.Grid {
		risk := 0.0
		if f.LearnBlind != nil {
			p, risk = f.learnBlind(y, sigma, p)
		} else {
			risk = blindRisk(y, sigma, p)
		}
		if i == 0 || risk < least || math.IsNaN(least) && !math.IsNaN(risk) {
			best, least = p, risk
		}
	}
	return best, least
}

// SelectBlind returns the best setting of all families by TuneBlind, and its
// risk, or identity where none is better than doing nothing.
func SelectBlind(fs []Family, y []float64, sigma float64) (Params, float64) {
	best := Params{Family: IdentityName}
	least := blindRisk(y, sigma, best)
	for _, f := range fs {
		if p, risk := TuneBlind(f, y, sigma); risk < least {
			best, least = p, risk
		}
	}
	return best, least
}

// learnBlind learns p from y, and its risk by cross-validation.
func (f Family) learnBlind(y []float64, sigma float64, p Params) (Params, float64) {
	const folds = 5
	level := sigma
	if level == 0 {
		level = levelOf(y)
	}
	others, clean, div := make([]float64, len(y)), make([]float64, len(y)), make([]float64, len(y))
	sum, n := 0.0, 0
	for k := range folds {
		from, to := k*len(y)/folds, (k+1)*len(y)/folds
		copy(others, y)
		noValue(others[from:to])
		learnt := f.LearnBlind(others, level, p)
		f.Apply(clean, y, learnt)
		Divergence(div, y, clean, learnt)
		if risk := judge(y[from:to], clean[from:to], div[from:to], sigma); finite(risk) {
			sum += risk
			n++
		}
	}
	return f.LearnBlind(y, level, p), ratio(sum, n)
}

// levelOf is the noise level of y, 0 where it has no value.
func levelOf(y []float64) float64 {
	if z, _ := fill(y); len(z) > 0 {
		return noiseLevel(z)
	}
	return 0
}

// blindRisk is the risk of one setting, see TuneBlind.
func blindRisk(y []float64, sigma float64, p Params) float64 {
	clean, div := make([]float64, len(y)), make([]float64, len(y))
	_, linear := p.OwnWeight()
	switch {
	case sigma > 0 && (p.Family == WaveletName || p.Family == HampelName):
		return deciderRisk(y, sigma, p)
	case sigma > 0 || linear && p.Family != IdentityName:
		Apply(clean, y, p)
		Divergence(div, y, clean, p)
		return judge(y, clean, div, sigma)
	case p.Family == MedianName || p.Family == HampelName:
		return rankLoss(y, p)
	case p.Family == IdentityName:
		return identityLoss(y)
	default:
		return maskedLoss(y, p)
	}
}

// judge returns Stein's risk, or with sigma 0 the leave-one-out loss of a linear
// filter.
func judge(y, clean, div []float64, sigma float64) float64 {
	if sigma > 0 {
		return Risk(y, clean, div, sigma)
	}
	return leaveOneOut(y, clean, div)
}

// leaveOneOut returns the mean of ((y-x̂)/(1-w))². A sample that makes its
// estimate all by itself can't be foretold and does not count.
func leaveOneOut(y, clean, div []float64) float64 {
	sum, n := 0.0, 0
	for t, w := range div {
		if e := (y[t] - clean[t]) / (1 - w); finite(e) && w < 1-1e-6 {
			sum += e * e
			n++
		}
	}
	return ratio(sum, n)
}

// ratio returns sum/n, NaN where n is 0.
func ratio(sum float64, n int) float64 {
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// deciderRisk is the risk of the whole-recording wavelet and of hampel.
func deciderRisk(y []float64, sigma float64, p Params) float64 {
	clean, div := make([]float64, len(y)), make([]float64, len(y))
	z, _ := fill(y)
	sum := 0.0
	switch {
	case p.Family == HampelName:
		Apply(clean, y, p)
		sum = probe(z, sigma/10, p)
	case p.Hard || p.Rule == SURE:
		wavelet(clean, y, p)
		sum = probe(z, sigma/30, p)
	default:
		sum = wavelet(clean, y, p)
	}
	for t := range div { // Risk takes their mean
		div[t] = sum / float64(len(z))
	}
	return Risk(y, clean, div, sigma)
}

// probe estimates Σ ∂x̂_t/∂z_t as b'(f(z+εb)-f(z-εb))/2ε with b of random signs, the
// mean of a few. ε must be large enough for some jumps to be met.
func probe(z []float64, step float64, p Params) float64 {
	const probes = 4
	rng := rand.New(rand.NewPCG(1, 2))
	b, up, down := make([]float64, len(z)), make([]float64, len(z)), make([]float64, len(z))
	sum := 0.0
	for range probes {
		for t, v := range z {
			b[t] = float64(2*rng.IntN(2) - 1)
			up[t], down[t] = v+step*b[t], v-step*b[t]
		}
		Apply(up, up, p)
		Apply(down, down, p)
		for t, v := range up {
			sum += b[t] * (v - down[t]) / (2 * step)
		}
	}
	return sum / probes
}

// identityLoss is twice the mean square of the finest details.
func identityLoss(y []float64) float64 {
	z, _ := fill(y)
	sum, d := 0.0, fineDetails(z)
	for _, v := range d {
		sum += v * v
	}
	return 2 * ratio(sum, len(d))
}

// rankLoss foretells each sample by the median of the others in its window.
func rankLoss(y []float64, p Params) float64 {
	z, lead := fill(y)
	if len(z) == 0 {
		return math.NaN()
	}
	ahead, passing := p.Latency(), 0.0
	clean := make([]float64, len(z))
	if p.Family == HampelName {
		ahead = newHampel(p.Window, ahead, p.Threshold).first.ahead
		passing = noiseLevel(z)
		Apply(clean, z, p)
	}
	others := make([]float64, 0, p.Window)
	sum, n := 0.0, 0
	for t, s := range spansOf(y[lead:]) {
		others = others[:0]
		for i := t + ahead - p.Window + 1; i <= t+ahead; i++ {
			if s.within(i, i) == 0 {
				others = append(others, z[min(max(i, 0), len(z)-1)])
			}
		}
		if len(others) == 0 || s.to < s.from {
			continue
		}
		e := z[t] - medianOf(others)
		sum += e * e
		if p.Family == HampelName && clean[t] == z[t] {
			sum += passing * passing
		}
		n++
	}
	return ratio(sum, n)
}

// maskedLoss foretells every fourth sample, in turn, from a recording in which
// the mean of its neighbours stands for it.
func maskedLoss(y []float64, p Params) float64 {
	const passes = 4
	z, lead := fill(y)
	masked, out := make([]float64, len(z)), make([]float64, len(z))
	sum, n := 0.0, 0
	for k := range passes {
		copy(masked, z)
		for t := k + 1; t < len(z)-1; t += passes {
			masked[t] = (z[t-1] + z[t+1]) / 2
		}
		Apply(out, masked, p)
		for t := k + 1; t < len(z)-1; t += passes {
			if e := y[lead+t] - out[t]; finite(e) && finite(y[lead+t-1]) && finite(y[lead+t+1]) {
				sum += e * e
				n++
			}
		}
	}
	return ratio(sum, n)
}
