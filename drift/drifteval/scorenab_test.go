package drifteval

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpans(t *testing.T) {
	got := spans([]bool{true, true, false, true, false, false, true})
	want := []span{{0, 1}, {3, 3}, {6, 6}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(span{})); d != "" {
		t.Error(d)
	}
}

func TestNABProbation(t *testing.T) {
	for rows, want := range map[int]int{1127: 169, 2500: 375, 5000: 750, 22695: 750} {
		if got := nabProbation(rows); got != want {
			t.Errorf("%d rows: %d, want %d", rows, got, want)
		}
	}
}

// TestNABCurve holds the values that NAB's sweeper states of its own.
func TestNABCurve(t *testing.T) {
	for place, want := range map[float64]float64{-1: .98661, -.5: .84828, 0: 0, 1: -.98661, 3: -1, 100: -1} {
		near(t, "curve", nabCurve(place), want)
	}
}

// TestNABScore works cases by hand: 1,000 rows, of which 150 are not scored.
func TestNABScore(t *testing.T) {
	windows := []span{{400, 499}, {700, 799}}
	// Right behind a window an alarm costs hardly anything, a window later nearly all.
	near99 := .11 * nabCurve(1.0/99)
	for _, c := range []struct {
		name                   string
		alarms                 []int
		hits, falseAlarms      int
		standard, lowFP, lowFN float64
	}{
		{"silent", nil, 0, 0, 0, 0, 0},
		{"perfect", []int{400, 700}, 2, 0, 100, 100, 100},
		{"again in a window", []int{400, 450, 700, 799}, 2, 0, 100, 100, 100},
		{"half", []int{400}, 1, 0, 50, 50, 50},
		{"not scored", []int{0, 149, 400, 700}, 2, 0, 100, 100, 100},
		{"before all windows", []int{150, 400, 700}, 2, 1, 100 - 100*.11/4, 100 - 100*.22/4, 100 - 100*.11/6},
		{"right behind", []int{400, 500, 700}, 2, 1, 100 + 100*near99/4, 100 + 200*near99/4, 100 + 100*near99/6},
		{"middle of a window", []int{450}, 1, 0, 100 * (1 + .84828/.98661) / 4, 100 * (1 + .84828/.98661) / 4, 100 * (2 + .84828/.98661) / 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s nabScore
			s.add(1000, windows, c.alarms)
			if s.hits != c.hits || s.falseAlarms != c.falseAlarms || s.windows != 2 {
				t.Errorf("%d of %d hit, %d false alarms, want %d of 2 and %d", s.hits, s.windows, s.falseAlarms, c.hits, c.falseAlarms)
			}
			for k, want := range []float64{c.standard, c.lowFP, c.lowFN} {
				near(t, profileNames[k], s.score(k), want)
			}
		})
	}
}
