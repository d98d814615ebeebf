package eval

import (
	"math"
	"slices"
	"testing"
)

func TestAddNoise(t *testing.T) {
	const n = 200_000
	x := make([]float64, n)
	for i := range x {
		x[i] = 5
	}
	const variance = 4
	for _, kind := range []Kind{White, AR1, Impulse} {
		y, realised := AddNoise(x, 10, kind, 3, variance)
		again, _ := AddNoise(x, 10, kind, 3, variance)
		other, _ := AddNoise(x, 10, kind, 4, variance)
		if !slices.Equal(y, again) || slices.Equal(y, other) {
			t.Errorf("%s: the noise does not follow the seed", kind)
		}
		power, next, spikes := 0.0, 0.0, 0
		for i, v := range y {
			e := v - 5
			power += e * e / n
			if i > 0 {
				next += e * (y[i-1] - 5) / n
			}
			if math.Abs(e) > 4*math.Sqrt(.4)+.1 {
				spikes++
			}
		}
		if want := 10 * math.Log10(variance/power); math.Abs(realised-want) > 1e-9 {
			t.Errorf("%s: realised SNR is given as %g dB, it is %g", kind, realised, want)
		}
		wantPower, wantNext := .4, 0.0
		switch kind {
		case AR1:
			wantNext = .9 * .4
		case Impulse: // 2 % of a size with E u² = (5³-1³)/(3·4) deviations²
			wantPower += .02 * variance * 124 / 12
		}
		if math.Abs(power-wantPower) > .03*wantPower || math.Abs(next-wantNext) > .03*wantPower {
			t.Errorf("%s: variance %.4f, lag one %.4f; want %.4f, %.4f", kind, power, next, wantPower, wantNext)
		}
		if share := float64(spikes) / n; (kind == Impulse) != (share > .01) {
			t.Errorf("%s: a share of %.4f are spikes", kind, share)
		}
	}
}

// TestAddNoiseKeepsPlace: a missing sample stays missing and moves nothing.
func TestAddNoiseKeepsPlace(t *testing.T) {
	x := make([]float64, 50)
	y := slices.Clone(x)
	y[10] = nan
	for _, kind := range []Kind{White, AR1, Impulse} {
		a, _ := AddNoise(x, 5, kind, 1, 1)
		b, _ := AddNoise(y, 5, kind, 1, 1)
		if !math.IsNaN(b[10]) || !slices.Equal(a[11:], b[11:]) {
			t.Errorf("%s: a missing sample changed the noise around it", kind)
		}
	}
}

func TestParseKind(t *testing.T) {
	if k, err := ParseKind("ar1"); k != AR1 || err != nil {
		t.Errorf("ParseKind(ar1) = %q, %v", k, err)
	}
	if _, err := ParseKind("pink"); err == nil || err.Error() != `eval: there is no noise "pink", choose one of white, ar1, impulse` {
		t.Errorf("ParseKind(pink): %v", err)
	}
}
