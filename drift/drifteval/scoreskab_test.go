package drifteval

import (
	"math"
	"testing"
)

// seconds returns the times of n rows, one a second.
func seconds(n int) []int64 {
	t := make([]int64, n)
	for i := range t {
		t[i] = int64(i)
	}
	return t
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 5e-3) {
		t.Errorf("%s: %.4f, want %.4f", what, got, want)
	}
}

// TestRowScore works a case by hand: 4 anomalous rows of 10, of which 3 are
// flagged, and 1 more.
func TestRowScore(t *testing.T) {
	labels := []bool{false, false, true, true, true, true, false, false, false, false}
	flags := []bool{false, true, false, true, true, true, false, false, false, false}
	var s rowScore
	s.add(labels, flags)
	near(t, "F1", s.f1(), 3.0/4)
	near(t, "FAR", s.far(), 100.0/6)
	near(t, "MAR", s.mar(), 25)
	s.add(labels, flags) // pooled, not averaged
	near(t, "F1 of two files", s.f1(), 3.0/4)
}

func TestSKABCurve(t *testing.T) {
	for _, c := range []struct{ place, want float64 }{{0, 1}, {1, -.11}, {.4995, .445}, {math.NaN(), 1}} {
		near(t, "curve", skabCurve(c.place, .11), c.want)
	}
	if a, b := skabCurve(.2, .11), skabCurve(.3, .11); !(a > b) {
		t.Errorf("a later hit counts %v, an earlier one %v", b, a)
	}
}

// TestPointScore works cases by hand.
func TestPointScore(t *testing.T) {
	half := func(falseAlarm float64) float64 { return skabCurve(.5, falseAlarm) }
	for _, c := range []struct {
		name                   string
		points, alarms         []int
		hits, falseAlarms      int
		standard, lowFP, lowFN float64
	}{
		{"silent", []int{500, 800}, nil, 0, 0, 0, 0, 0},
		{"perfect", []int{500, 800}, []int{500, 800}, 2, 0, 100, 100, 100},
		// One false alarm costs 11 of the 400 that two windows span in a hundred each.
		{"one too many", []int{500, 800}, []int{450, 500, 800}, 2, 1, 100 - 100*.11/4, 100 - 100*.22/4, 100 - 100*.11/6},
		{"half", []int{500, 800}, []int{500}, 1, 0, 50, 50, 50},
		// Sixty seconds after it a hit counts what a false alarm costs.
		{"late", []int{500}, []int{560}, 1, 0, 100 * .89 / 2, 100 * .78 / 2, 100 * 1.89 / 3},
		{"too late", []int{500}, []int{561}, 0, 1, -100 * .11 / 2, -100 * .22 / 2, -100 * .11 / 3},
		{"again in the window", []int{500}, []int{500, 501, 502}, 1, 0, 100, 100, 100},
		// The window of 530 is cut to 560 to 590: an alarm at 530 is the first one's.
		{"overlap", []int{500, 530}, []int{530, 560}, 2, 0, 100 * (3 + half(.11)) / 4, 100 * (3 + half(.22)) / 4, 100 * (5 + half(.11)) / 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s pointScore
			s.add(seconds(1000), c.points, c.alarms)
			if s.hits != c.hits || s.falseAlarms != c.falseAlarms || s.windows != len(c.points) {
				t.Errorf("%d of %d hit, %d false alarms, want %d of %d and %d", s.hits, s.windows, s.falseAlarms, c.hits, len(c.points), c.falseAlarms)
			}
			for k, want := range []float64{c.standard, c.lowFP, c.lowFN} {
				near(t, profileNames[k], s.score(k), want)
			}
		})
	}
}

// TestPublishedLabels gives the labels of all 34 files as their own detector: of
// 127 windows 9 begin in rows learnt from or are cut by the one before, which
// makes 92.91.
func TestPublishedLabels(t *testing.T) {
	var s pointScore
	for range 118 {
		s.add(seconds(1000), []int{500}, []int{500})
	}
	for range 9 {
		s.add(seconds(1000), []int{100}, nil)
	}
	for k := range skabProfiles {
		near(t, profileNames[k], s.score(k), 92.91)
	}
}
