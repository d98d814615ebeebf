package adapteval

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/internal/sharedtest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/pipeline/adapt"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-9) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// The measures of continual learning on a matrix that can be checked by hand.
func TestMatrix(t *testing.T) {
	a := matrix{
		{1, 2, 3}, // before all
		{5, 3, 2},
		{4, 6, 5},
		{4.5, 4, 9},
	}
	near(t, "ACC", a.accuracy(), 17.5/3)
	near(t, "BWT", a.backward(), (-.5-2)/2)
	near(t, "FWT", a.forward(), (1.+2)/2)
	f := a.forgotten()
	if len(f) != 2 {
		t.Fatalf("forgotten %v", f)
	}
	near(t, "forgotten of the first", f[0], .5)
	near(t, "forgotten of the second", f[1], 2)
	s := summarise([]matrix{a, a})
	near(t, "worst", s.worst, 2)
	near(t, "mean forgotten", s.forgotten, 1.25)
}

func row(t *testing.T, rows []scoreboard.Row, name string) scoreboard.Row {
	t.Helper()
	for _, r := range rows {
		if strings.HasPrefix(r.Name, name) {
			return r
		}
	}
	t.Fatalf("no row %q", name)
	return scoreboard.Row{}
}

// Two drifts that are worth it, one of them recovered, and one that is not worth it.
func TestRecoveryRows(t *testing.T) {
	m := &model.Model{}
	to := &home{best: 10, late: 9}
	ds := []*drift{
		{to: to, next: scored{frozen: 8, at: map[int]float64{1000: 8, 1500: 9, 2000: 9.5}, steps: []float64{2}, forgotten: .2},
			late:    scored{frozen: 8, at: map[int]float64{2000: 8.5}, steps: []float64{-1}, forgotten: .7},
			outcome: outcome{changes: []change{{at: leadLen + 1500, model: m, kind: "model.promoted"}}, opened: []int{leadLen + 100}}},
		{to: to, next: scored{frozen: 6, at: map[int]float64{1000: 6, 1500: 6, 2000: 6}}, late: scored{frozen: 8.6}, outcome: outcome{opened: []int{100}}},
		{to: to, next: scored{frozen: 9.5, at: map[int]float64{1000: 9.5, 1500: 9, 2000: 9}, steps: []float64{-.5}, forgotten: -.1}, late: scored{frozen: 8.6},
			outcome: outcome{changes: []change{{at: leadLen + 900, model: m, kind: "model.promoted"}}, opened: []int{leadLen + 300}}},
	}
	rows := recoveryRows(ds, "test")
	near(t, "recovered", row(t, rows, "recovered after 2000").Got, 37.5)
	near(t, "noticed", row(t, rows, "the same of drifts").Got, 75)
	near(t, "recovered later", row(t, rows, "recovered after 2000 samples, on late").Got, 50)
	near(t, "promoted", row(t, rows, "drifts with ≥ 1 dB").Got, 50)
	near(t, "promoted soon", row(t, rows, "the same within").Got, 50)
	near(t, "worse", row(t, rows, "promoted models that were worse").Got, 1)
	near(t, "worst gain", row(t, rows, "gain by a promotion").Got, -.5)
	near(t, "forgotten", row(t, rows, "forgotten").Got, .2)
	near(t, "worst gain later", row(t, rows, "the same on late samples, dB").Got, -1)
	near(t, "forgotten later", row(t, rows, "forgotten on late").Got, .7)
	near(t, "alarms", row(t, rows, "drifts that raised").Got, 200./3)
	near(t, "delay", row(t, rows, "samples to the alarm").Got, 200)
	near(t, "switch", row(t, rows, "samples to the promotion").Got, 1200)
	for _, r := range recoveryRows(nil, needsData) {
		if r.Verdict() != scoreboard.Empty {
			t.Errorf("%s: %s without data", r.Name, r.Verdict())
		}
	}
}

// Without recordings every row that needs them is there and says so.
func TestStudiesWithoutData(t *testing.T) {
	for _, st := range Studies() {
		if st.Name == "latency" {
			continue
		}
		rows, err := st.Run(t.Context(), &scoreboard.Options{})
		if err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", st.Name, len(rows), err)
		}
		for _, r := range rows {
			if r.Verdict() != scoreboard.Empty || r.Note != needsData && !strings.HasPrefix(r.Note, needsData+";") {
				t.Errorf("%s: %s: %s, %s", st.Name, r.Name, r.Verdict(), r.Note)
			}
		}
	}
}

func TestEach(t *testing.T) {
	var n atomic.Int64
	if err := each(t.Context(), 50, func(int) error { n.Add(1); return nil }); err != nil || n.Load() != 50 {
		t.Errorf("%d calls, %v", n.Load(), err)
	}
	broken := errors.New("broken")
	n.Store(0)
	err := each(t.Context(), 1000, func(i int) error { n.Add(1); return broken })
	if !errors.Is(err, broken) || n.Load() > 100 {
		t.Errorf("%d calls, %v", n.Load(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := each(ctx, 3, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What a recorder hands to training is what the pipeline's window would hold.
func TestRecorder(t *testing.T) {
	r, err := newRecorder(replay.Config{Bytes: 1 << 20, HoldoutEvery: 2})
	if err != nil {
		t.Fatal(err)
	}
	x := hiss(20 * windowLen)
	r.add(x[:700])
	r.add(x[700:])
	ws := r.buf.Snapshot()
	all := append(ws.Recent, ws.Holdout...)
	if len(all) != 20-leadIn {
		t.Fatalf("%d windows", len(all))
	}
	for _, w := range all {
		for k := range windowLen {
			if got, want := w.Raw(k, 0), x[int(w.Start)+k]; math.Abs(got-want) > 1e-5 {
				t.Fatalf("window %d: slot %d is %g, want %g", w.Start, k, got, want)
			}
		}
	}
	for _, w := range trainWindows(ws.Recent, true) {
		if s := math.Pow(10, float64(w.Cols[0].Level)); math.Abs(s-.3/math.Sqrt(.5+.09)) > .06 {
			t.Errorf("noise level %.3f", s)
		}
	}
}

// A rig with the base model raises an alarm where the signal changes, and takes
// the same way twice.
func TestRig(t *testing.T) {
	base, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	x := hiss(4096)
	for i := 3072; i < len(x); i++ {
		x[i] *= 4
	}
	var runs [2]outcome
	for i := range runs {
		r, err := newRig(base, adapt.Config{Seed: 1, Steps: 1}, (&home{}).fit)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.push(x); err != nil {
			t.Fatal(err)
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		runs[i] = r.outcome
	}
	a, b := runs[0].opened, runs[1].opened
	if len(a) == 0 || len(b) != len(a) || a[0] != b[0] || a[0] < 3072 {
		t.Errorf("alarms at %v and %v", a, b)
	}
}

// The regimes are cut side by side out of one recording, and differ by noise of
// the level asked for.
func TestLoad(t *testing.T) {
	rs, err := load(&scoreboard.Options{Data: sharedtest.Path(t, "data"), Seed: 1}, sources()[:1])
	if err != nil {
		t.Fatal(err)
	}
	r := rs[0]
	if r.onward.noisy[leadLen] != r.live.noisy[0] || len(r.past.noisy) != pastLen || len(r.live.clean) != liveMost || len(r.hold.noisy) != holdLen {
		t.Errorf("%d, %d and %d samples", len(r.past.noisy), len(r.live.clean), len(r.hold.noisy))
	}
	e := make([]float64, pastLen)
	for i := range e {
		e[i] = r.past.noisy[i] - r.past.clean[i]
	}
	mean, dev := moments(r.past.clean)
	if math.Abs(mean) > 1e-9 || math.Abs(dev-1) > 1e-9 {
		t.Errorf("mean %g, deviation %g", mean, dev)
	}
	_, noise := moments(e)
	if snr := -20 * math.Log10(noise); math.Abs(snr-10) > .2 {
		t.Errorf("%.2f dB, want 10", snr)
	}
}
