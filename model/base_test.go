package model

import (
	"slices"
	"testing"
)

func TestBaseVariants(t *testing.T) {
	ls := BaseVariants()
	if len(ls) == 0 || !slices.IsSorted(ls) {
		t.Fatalf("variants %v", ls)
	}
	for _, l := range ls {
		m, err := Base(l)
		if err != nil {
			t.Fatal(err)
		}
		h := m.Header()
		if m.Lookahead() != l || m.Net().NumParams() > 70000 || h.Kind != TCN || h.Channels != 0 || h.Scaler.Kind != ScaleRunning || !h.Spread {
			t.Errorf("%s: look-ahead %d, %d weights, header %+v; want look-ahead %d", m.Name(), m.Lookahead(), m.Net().NumParams(), h, l)
		}
		if h.Card == "" || h.Licence == "" || h.Provenance.Command == "" || len(h.Interval.Levels) == 0 || len(h.Metrics) == 0 {
			t.Errorf("%s: the header is not complete: %+v", m.Name(), h)
		}
		// Nine tenths of normal errors are within 2.06 times their mean size.
		if half := m.HalfWidth(.9).At(-.5); !(half > 1.2 && half < 3) {
			t.Errorf("%s: half width %g times the spread", m.Name(), half)
		}
	}
	largest := ls[len(ls)-1]
	for wanted, want := range map[int]int{-1: largest, largest + 1000: largest, 9: 8, 8: 8} {
		if m, err := Base(wanted); err != nil || m.Lookahead() != want {
			t.Errorf("Base(%d) has look-ahead %d, %v; want %d", wanted, m.Lookahead(), err, want)
		}
	}
	if ls[0] > 0 {
		if _, err := Base(ls[0] - 1); err == nil {
			t.Errorf("Base(%d) found something", ls[0]-1)
		}
	}
}
