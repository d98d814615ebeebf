package drifteval

import (
	"math"
	"slices"
	"testing"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/internal/sharedtest"
)

// TestSKABKnown checks what is known of the board without a detector. The
// published files have 127 windows, those at hand 70; the figures of all of them
// are in brackets.
func TestSKABKnown(t *testing.T) {
	recs, err := readSKAB(sharedtest.Path(t, "data"))
	if err != nil {
		t.Fatal(err)
	}
	labels, all := boardSilent(recs), boardSilent(recs)
	for i := range recs {
		for _, p := range recs[i].points {
			if p >= skabTrain {
				labels[i].opened = append(labels[i].opened, p)
			}
		}
		for row := range all[i].open {
			all[i].open[row] = true
		}
	}
	opened := func(o *outcome) []int { return o.opened }
	_, p := skabOf(recs, labels, opened)
	if p.windows != 70 || p.hits != 63 {
		t.Errorf("labels: %d of %d hit, want 63 of 70", p.hits, p.windows)
	}
	near(t, "labels (92.91)", p.score(0), 90)
	r, _ := skabOf(recs, all, opened)
	if math.Abs(r.f1()-.70) > .02 || r.far() != 100 || r.mar() != 0 {
		t.Errorf("all rows flagged: F1 %.3f, FAR %v, MAR %v, want about .70, 100 and 0", r.f1(), r.far(), r.mar())
	}
	rows := 0
	for i := range recs {
		rows += len(recs[i].rows) - skabTrain
	}
	for every, want := range map[int]float64{60: 52, 120: 27, 300: 7} {
		got := overPhases(recs, rows/every, 0, func(out []outcome) float64 { _, p := skabOf(recs, out, opened); return p.score(0) })
		if math.Abs(got-want) > 5 {
			t.Errorf("clock every %d rows: %.1f, want about %v", every, got, want)
		}
	}
}

// TestBoards runs both studies on what must hold, and on the blind rows.
func TestBoards(t *testing.T) {
	o := &scoreboard.Options{Data: sharedtest.Path(t, "data"), Quick: true, Seed: 1}
	got := map[string]scoreboard.Row{}
	for _, s := range []scoreboard.Study{boardSKAB(), boardNAB()} {
		rows, err := s.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			got[r.Name] = r
			if r.Verdict() == scoreboard.Missed {
				t.Errorf("%s: %v, must be %v", r.Name, r.Got, r.Must)
			}
		}
	}
	ours, clock := got["SKAB, pipeline: change points hit"].Got, got["SKAB, clock: change points hit"]
	if !clock.Blind || !(ours > 1.5*clock.Got) {
		t.Errorf("%v change points hit, a clock with as many alarms %v", ours, clock.Got)
	}
	if r := got["SKAB, silent: change points, standard"]; !r.Blind || r.Got != 0 {
		t.Errorf("the silent detector scores %v", r.Got)
	}
}

func TestBoardsWithoutData(t *testing.T) {
	for _, s := range []scoreboard.Study{boardSKAB(), boardNAB()} {
		rows, err := s.Run(t.Context(), &scoreboard.Options{})
		if err != nil || len(rows) != 1 || rows[0].Verdict() != scoreboard.Empty || rows[0].Note == "" {
			t.Errorf("%s without data: %v, %v", s.Name, rows, err)
		}
	}
}

// TestEvents checks that the study of synthetic events finds most of them, far more
// than a clock would, and that equal seeds give equal series.
func TestEvents(t *testing.T) {
	got := map[string]scoreboard.Row{}
	rows, err := events().Run(t.Context(), &scoreboard.Options{Quick: true, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		got[r.Name] = r
	}
	ours, clock := got["events, pipeline: standard"].Got, got["events, clock: standard"]
	if !(ours > 60) || !clock.Blind || !(ours > clock.Got+40) {
		t.Errorf("the pipeline scores %.1f, a clock with as many alarms %.1f", ours, clock.Got)
	}
	s := eventSources()[0]
	a, b := eventRecording(&s, 1, 2), eventRecording(&s, 1, 2)
	for i := range a.rows {
		if a.rows[i][0] != b.rows[i][0] || a.anomalous[i] != b.anomalous[i] {
			t.Fatalf("row %d: %v and %v of the same seed", i, a.rows[i], b.rows[i])
		}
	}
}

// jumping returns a recording of two channels, the second of which jumps at 700
// and back at 1,000.
func jumping() *recording {
	r := &recording{name: "made", train: 400}
	for i := range 1300 {
		row := []float64{math.Sin(float64(i) * 1.7), math.Cos(float64(i) * 2.3)}
		if i >= 700 && i < 1000 {
			row[1] += 6
		}
		r.rows = append(r.rows, row)
	}
	return r
}

// TestSubjectsAreCausal checks that what comes later changes nothing of what was
// said, and that no subject speaks of the rows it learns from.
func TestSubjectsAreCausal(t *testing.T) {
	whole := jumping()
	const cut = 900
	for _, s := range subjects() {
		a, err := s.watch(whole, 1)
		if err != nil {
			t.Fatal(err)
		}
		short := *whole
		short.rows = whole.rows[:cut]
		b, err := s.watch(&short, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.open[:cut], b.open) {
			t.Errorf("%s: rows that come later change what is said", s.name)
		}
		if len(a.changed) > 0 && a.changed[0] < whole.train {
			t.Errorf("%s speaks at row %d", s.name, a.changed[0])
		}
		if s.asked && (len(a.changed) != 2 || a.changed[0] < 700 || a.changed[0] > 720 || a.changed[1] < 1000 || a.changed[1] > 1032) {
			t.Errorf("%s: changes at %v, want soon after 700 and 1000", s.name, a.changed)
		}
	}
}

// TestJumps checks that the study finds what is there and nothing else.
func TestJumps(t *testing.T) {
	s := jumpSources()[0]
	found, alarms := 0, 0
	for i := range uint64(10) {
		tally := jumpSeries(&s, 1, i)
		found += tally.found[1]
		alarms += tally.alarms
	}
	if found != 10 || alarms != 0 {
		t.Errorf("%d of 10 jumps by 4 deviations found, %d false alarms", found, alarms)
	}
}

// TestBoardClock checks that a clock is as loud as it is told to be.
func TestBoardClock(t *testing.T) {
	recs := []recording{*jumping(), *jumping()}
	for _, phase := range []float64{0, .5, .9} {
		alarms, open := 0, 0
		for i, o := range boardClock(recs, 9, .25, phase) {
			alarms += len(o.opened)
			for _, on := range o.open[recs[i].train:] {
				if on {
					open++
				}
			}
		}
		if alarms != 9 || open < 1800/4-60 || open > 1800/4+60 {
			t.Errorf("phase %v: %d alarms, %d of 1800 rows flagged, want 9 and about 450", phase, alarms, open)
		}
	}
}
