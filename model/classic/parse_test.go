package classic

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFilter(t *testing.T) {
	for in, want := range map[string]Params{
		"median:w=9":                       {Family: MedianName, Lookahead: Full, Window: 9},
		" median ":                         {Family: MedianName, Lookahead: Full, Window: 5},
		"moving_average:w=7,l=0":           {Family: MovingAverageName, Window: 7},
		"savitzky_golay: w = 9 , p=3,l=2":  {Family: SavitzkyGolayName, Window: 9, Order: 3, Lookahead: 2},
		"hampel:t=2.5":                     {Family: HampelName, Lookahead: Full, Window: 7, Threshold: 2.5},
		"ema:a=0.1":                        {Family: EMAName, Lookahead: Full, Alpha: .1},
		"kalman:model=level,lambda=3,l=8":  {Family: KalmanName, Lookahead: 8, Lambda: 3},
		"kalman:l=full":                    {Family: KalmanName, Lookahead: Full, Lambda: 10, Trend: true},
		"butterworth:fc=0.05,order=4,l=6":  {Family: ButterworthName, Lookahead: 6, Order: 4, Cutoff: .05},
		"butterworth:l=full":               {Family: ButterworthName, Lookahead: Full, Order: 2, Cutoff: .1},
		"butterworth":                      {Family: ButterworthName, Order: 2, Cutoff: .1},
		"haar:level=5,rule=sure,l=8":       {Family: HaarName, Lookahead: 8, Levels: 5, Rule: SURE},
		"haar:sigma=2":                     {Family: HaarName, Lookahead: Full, Levels: 3, Sigma: 2},
		"identity":                         {Family: IdentityName, Lookahead: Full},
		"wavelet:level=3,rule=sure":        {Family: WaveletName, Lookahead: Full, Levels: 3, Shifts: 8, Rule: SURE},
		"wavelet:mode=hard,rule=universal": {Family: WaveletName, Lookahead: Full, Levels: 5, Shifts: 8, Rule: Universal, Hard: true},
	} {
		got, err := ParseFilter(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", in, d)
		}
		again, err := ParseFilter(got.String())
		if err != nil || !cmp.Equal(again, got) {
			t.Errorf("%q: its form %q reads as %+v, %v", in, got, again, err)
		}
	}
}

// TestParseGrid: every setting that can win a comparison can be typed.
func TestParseGrid(t *testing.T) {
	for _, l := range []int{Full, 8} {
		for _, f := range FamiliesAt(l) {
			for _, p := range f.Grid {
				if f.Learn != nil {
					continue
				}
				if p.Family == EMAName {
					p.Lookahead = Full // it has none
				}
				got, err := ParseFilter(p.String())
				if err != nil || !cmp.Equal(got, p) {
					t.Errorf("%v reads as %+v, %v", p, got, err)
				}
			}
		}
	}
}

func TestParseFilterErrors(t *testing.T) {
	for in, want := range map[string]string{
		"mediam":                 `filter: there is no filter "mediam", choose one of moving_average, ema, savitzky_golay, median, hampel, kalman, wavelet, butterworth, haar, identity`,
		"":                       `filter: there is no filter "", choose one of moving_average, ema, savitzky_golay, median, hampel, kalman, wavelet, butterworth, haar, identity`,
		"median:w":               `filter median: "w" must be written as key=value`,
		"median:":                `filter median: "" must be written as key=value`,
		"median:x=3":             `filter median: there is no setting "x", it knows l, w`,
		"median:w=3,w=5":         `filter median: w is given twice`,
		"median:w=0":             `filter median: window w=0 must lie in 1..1048576`,
		"median:w=three":         `filter median: w is "three", a whole number is needed`,
		"median:l=-1":            `filter median: l is "-1", a number of samples or full is needed`,
		"savitzky_golay:w=3,p=3": `filter savitzky_golay: degree p=3 must lie in 0..12 and below the window w=3`,
		"ema:a=0":                `filter ema: weight a=0 must lie in (0, 1]`,
		"ema:a=NaN":              `filter ema: weight a=NaN must lie in (0, 1]`,
		"kalman:lambda=-1":       `filter kalman: ratio lambda=-1 must lie in 1e-12..1e12`,
		"kalman:model=x":         `filter kalman: model is "x", it must be one of level, trend`,
		"hampel:t=Inf":           `filter hampel: threshold t=+Inf must be a finite number that is not negative`,
		"wavelet:level=0":        `filter wavelet: level=0 must lie in 1..30`,
		"butterworth:order=9":    `filter butterworth: order=9 must lie in 1..8`,
		"butterworth:fc=0.5":     `filter butterworth: cutoff fc=0.5 must lie from 0.0001 to below 0.5 cycles per sample`,
		"haar:l=0":               `filter haar: look-ahead l=0 leaves it no level, give at least l=1`,
		"haar:level=11":          `filter haar: level=11 must lie in 1..10`,
		"haar:rule=universal":    `filter haar: rule is "universal", it must be one of bayes, sure`,
		"identity:l=3":           `filter identity: it has no settings, leave out "l"`,
		"wiener":                 `filter wiener: it has to be learnt from a recording first; quell eval does that`,
	} {
		if _, err := ParseFilter(in); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", in, err, want)
		}
	}
}
