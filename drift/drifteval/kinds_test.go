package drifteval

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
)

// TestKindsOfSyntheticSignals runs the study where no recording is needed.
func TestKindsOfSyntheticSignals(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	trials, err := injectAll(t.Context(), nil, 0, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var s score
	injected := map[string]bool{}
	for i := range trials {
		tr := &trials[i]
		injected[tr.fault.name] = true
		if tr.fault.want == "nothing" {
			if tr.found() {
				t.Errorf("%s: nothing was injected, and named %s", tr.source.name, tr.named)
			}
			continue
		}
		s.add(tr)
	}
	for i := range faults {
		if !injected[faults[i].name] {
			t.Errorf("%s suits no source", faults[i].name)
		}
	}
	if s.n < 50 || share(s.right, s.found) < 90 || share(s.found+s.quiet, s.n) < 90 {
		t.Errorf("%+v: want nine of ten found, and nine of ten of these named right", s)
	}
}

// TestKindsAreKeyed checks that equal seeds give equal trials.
func TestKindsAreKeyed(t *testing.T) {
	s := madeSources(1)[0]
	a, err := place(s, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := place(madeSources(1)[0], 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if a[i].named != b[i].named || a[i].delay != b[i].delay {
			t.Errorf("%s: %s after %d samples, then %s after %d", a[i].fault.name, a[i].named, a[i].delay, b[i].named, b[i].delay)
		}
	}
}

// TestFaultsKeepWhatWasBefore checks that no fault touches what was before it, and
// that all but nothing change what comes after.
func TestFaultsKeepWhatWasBefore(t *testing.T) {
	for _, s := range madeSources(3) {
		for k := range faults {
			f := &faults[k]
			if f.on != nil && !f.on(s) {
				continue
			}
			const at = 2000
			x, want := s.reading(0, at+watchedLong), s.reading(0, at+watchedLong)
			f.inject(&injection{r: rand.New(rand.NewPCG(1, 1)), s: s, x: x, at: at, from: at - 1024})
			changed := 0
			for c := range x {
				for i, v := range x[c] {
					if v == want[c][i] {
						continue
					}
					if changed++; i < at {
						t.Fatalf("%s in %s: sample %d was changed", f.name, s.name, i)
					}
				}
			}
			if changed == 0 && f.want != "nothing" {
				t.Errorf("%s in %s changes nothing", f.name, s.name)
			}
		}
	}
}

func TestScoreOfKinds(t *testing.T) {
	var s score
	needed, free := &faulted{want: "stuck"}, &faulted{want: "unknown", silent: true}
	for _, tr := range []trial{
		{fault: needed, named: "stuck"}, {fault: needed, named: "spikes"}, {fault: needed, named: "nothing"},
		{fault: free, named: "unknown"}, {fault: free, named: "nothing"}, {fault: free, named: "noise"},
		{fault: needed, named: "stuck", early: true},
	} {
		s.add(&tr)
	}
	if want := (score{n: 6, found: 4, right: 2, quiet: 1, early: 1}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if r := s.row("x"); r.Got != 50 {
		t.Errorf("of those found %v, want 50", r.Got)
	}
	if r := s.all("x"); r.Got != 40 {
		t.Errorf("of all %v, want 40", r.Got)
	}
	rows := kindRows(nil)
	if r := rows[0]; !math.IsNaN(r.Got) || r.Note != "no data" {
		t.Errorf("without trials: %+v", r)
	}
	blind := 0
	for i := range rows {
		if rows[i].Blind {
			blind++
		}
	}
	if blind != 2 {
		t.Errorf("%d blind rows, want 2", blind)
	}
}

func TestResolution(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	coarse, fine := make([]float64, 1000), make([]float64, 1000)
	for i := range coarse {
		fine[i] = r.NormFloat64()
		coarse[i] = math.Round(fine[i]/0.25) * 0.25
	}
	if got := resolution(coarse); math.Abs(got-0.25) > 1e-9 {
		t.Errorf("readings in steps of 0.25: %v", got)
	}
	if got := resolution(fine); got != 0 {
		t.Errorf("readings without steps: %v", got)
	}
}

func TestRealSources(t *testing.T) {
	sources, err := realSources(sharedtest.Path(t, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) != len(normals) {
		t.Errorf("%d sources, want %d", len(sources), len(normals))
	}
	for _, s := range sources {
		if need := kindsWarm + 800 + watched; s.length() < need || !s.real || !strings.Contains(s.name, " ") {
			t.Errorf("%s has %d samples, it takes %d", s.name, s.length(), need)
		}
	}
	if none, err := realSources(t.TempDir()); err != nil || len(none) != 0 {
		t.Errorf("without recordings: %d sources, %v", len(none), err)
	}
}
