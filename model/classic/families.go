package classic

import "math"

// Family is a kind of filter with the settings worth trying.
type Family struct {
	Name string
	Grid []Params
	// Apply filters y into dst, which may alias it. Both have the same length.
	Apply func(dst, y []float64, p Params)
	// Learn completes p from a clean recording and the variance of the noise to
	// come. Nil where a filter needs no learning.
	Learn func(x []float64, noiseVar float64, p Params) Params
	// LearnBlind completes p of a linear filter from a noisy recording and the
	// deviation of its white noise.
	LearnBlind func(y []float64, sigma float64, p Params) Params
}

// Apply filters y into dst, which may alias it, with the filter that p names.
// It panics where p is not valid or the lengths differ.
func Apply(dst, y []float64, p Params) {
	switch p.Family {
	case MovingAverageName:
		MovingAverage(dst, y, p)
	case EMAName:
		EMA(dst, y, p)
	case SavitzkyGolayName:
		SavitzkyGolay(dst, y, p)
	case MedianName:
		Median(dst, y, p)
	case HampelName:
		Hampel(dst, y, p)
	case KalmanName:
		Kalman(dst, y, p)
	case WaveletName:
		Wavelet(dst, y, p)
	case WienerName:
		Wiener(dst, y, p)
	case ButterworthName:
		Butterworth(dst, y, p)
	case HaarName:
		Haar(dst, y, p)
	case IdentityName:
		runStream(dst, y, p, IdentityName)
	default:
		panic("classic: " + unknownFamily(p.Family).Error())
	}
}

// Families returns all families with the grids that the published comparisons
// use, free to look ahead as far as they can. The first five are the ones that
// quality targets name; ema, hampel, wiener, butterworth and haar follow.
func Families() []Family { return FamiliesAt(Full) }

// FamiliesAt returns the families that can do with the given look-ahead in
// samples, or all of them for Full. The wavelet is missing where it is limited,
// haar where there is none. A causal Butterworth filter makes up for its delay as
// far as the look-ahead allows.
func FamiliesAt(lookahead int) []Family {
	var all []Family
	add := func(name string, grid []Params) {
		for i := range grid {
			grid[i].Family, grid[i].Lookahead = name, lookahead
		}
		all = append(all, Family{Name: name, Grid: grid, Apply: Apply})
	}
	windows := func(ws ...int) (grid []Params) {
		for _, w := range ws {
			grid = append(grid, Params{Window: w})
		}
		return grid
	}
	add(MovingAverageName, windows(3, 5, 7, 9, 13, 17, 21, 31, 45, 61, 91))
	add(SavitzkyGolayName, savGolGrid())
	add(MedianName, windows(3, 5, 7, 9, 13, 17, 25, 35))
	add(KalmanName, kalmanGrid())
	if lookahead == Full {
		add(WaveletName, waveletGrid())
	}

	var emas, hampels []Params
	for _, a := range []float64{.9, .75, .6, .5, .4, .3, .2, .15, .1, .07, .05} {
		emas = append(emas, Params{Alpha: a})
	}
	add(EMAName, emas)
	for _, w := range []int{5, 7, 9, 13} {
		for _, t := range []float64{2, 3, 4} {
			hampels = append(hampels, Params{Window: w, Threshold: t})
		}
	}
	add(HampelName, hampels)

	all = append(all, Family{Name: WienerName, Grid: wienerGrid(lookahead), Apply: Apply,
		Learn: LearnWiener, LearnBlind: LearnWienerBlind},
		Family{Name: ButterworthName, Grid: butterworthGrid(lookahead), Apply: Apply})
	if lookahead != 0 {
		add(HaarName, haarGrid(lookahead))
	}
	return all
}

// wienerGrid goes from 200 taps that reach back, as published, to few, which less
// can be learnt wrongly. As many look ahead where nothing limits them.
func wienerGrid(lookahead int) (grid []Params) {
	for _, past := range []int{200, 50, 25, 12} {
		ahead := past
		if lookahead != Full {
			ahead = min(lookahead, past)
		}
		grid = append(grid, Params{Family: WienerName, Window: past + 1 + ahead, Lookahead: ahead})
	}
	return grid
}

func butterworthGrid(lookahead int) (grid []Params) {
	for _, order := range []int{1, 2, 4} {
		for _, fc := range []float64{.005, .01, .02, .035, .05, .07, .1, .14, .2, .3, .4} {
			p := Params{Family: ButterworthName, Order: order, Cutoff: fc, Lookahead: lookahead}
			if lookahead != Full {
				// The delay of slow signals is that of the analogue prototype.
				delay := 1 / (2 * math.Tan(math.Pi*fc) * math.Sin(math.Pi/float64(2*order)))
				p.Lookahead = min(lookahead, int(math.Round(delay)))
			}
			grid = append(grid, p)
		}
	}
	return grid
}

func haarGrid(lookahead int) (grid []Params) {
	for l := 1; l <= 7; l++ {
		if p := (Params{Levels: l, Lookahead: lookahead}); p.haarLevels() < l {
			break
		}
		grid = append(grid, Params{Levels: l, Rule: Bayes}, Params{Levels: l, Rule: SURE})
	}
	return grid
}

func savGolGrid() (grid []Params) {
	for p := 2; p <= 4; p++ {
		for _, w := range []int{5, 7, 9, 11, 15, 19, 25, 31, 41, 51, 71, 101} {
			if w > p+1 {
				grid = append(grid, Params{Window: w, Order: p})
			}
		}
	}
	return grid
}

// kalmanGrid goes in half decades of λ from 10^-2 to 10^7.5 with a trend, whose
// smoothing grows with the fourth root of λ, and to 10^3.5 without.
func kalmanGrid() (grid []Params) {
	for e := -4; e < 16; e++ {
		grid = append(grid, Params{Trend: true, Lambda: math.Pow(10, float64(e)/2)})
	}
	for e := -4; e < 8; e++ {
		grid = append(grid, Params{Lambda: math.Pow(10, float64(e)/2)})
	}
	return grid
}

func waveletGrid() (grid []Params) {
	for l := 2; l <= 7; l++ {
		grid = append(grid,
			Params{Levels: l, Shifts: 8, Rule: Bayes},
			Params{Levels: l, Shifts: 8, Rule: SURE},
			Params{Levels: l, Shifts: 8, Rule: Universal, Hard: true})
	}
	return grid
}

// Tune returns the setting of the family's grid with the smallest mean squared
// error of y, filtered, against the clean truth x of the same samples; of equal
// ones the first. Samples missing in either don't count. A family that learns
// does so from x and the variance of y-x.
//
// It panics where the grid is empty or the lengths differ.
func Tune(f Family, y, x []float64) Params {
	checkLengths(y, x)
	if len(f.Grid) == 0 {
		panic("classic: Tune of a family without a grid")
	}
	noise := meanSquare(y, x)
	best, least := Params{}, math.Inf(1)
	out := make([]float64, len(y))
	for i, p := range f.Grid {
		if f.Learn != nil {
			p = f.Learn(x, noise, p)
		}
		f.Apply(out, y, p)
		if e := meanSquare(out, x); i == 0 || e < least {
			best, least = p, e
		}
	}
	return best
}

// meanSquare returns the mean of (a-b)² over the samples that both have, 0
// where there are none.
func meanSquare(a, b []float64) float64 {
	sum, n := 0.0, 0
	for i, v := range a {
		if d := v - b[i]; finite(d) {
			sum += d * d
			n++
		}
	}
	return sum / float64(max(1, n))
}
