package adapt

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One bad sensor among a dozen does not train the model of all; two do.
func TestOneSensorOfADozenDoesNotTrainTheSharedModel(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Shared = true
	a := open(t, cfg)
	r := read(t, a)
	var all []*sensor
	for i := range 12 {
		s := newSensor(a, fmt.Sprintf("pump-%d", i), uint64(i+1))
		s.feed(8*256, slow, "normal")
		all = append(all, s)
	}
	drifted(all[3], 20, "regime")
	settled(t, a, r)
	if kinds := r.kinds(); len(kinds) > 0 {
		t.Fatalf("after one of twelve: %v", kinds)
	}
	drifted(all[7], 20, "regime")
	settled(t, a, r)
	if kinds := r.kinds(); !slices.Contains(kinds, "finetune.started") {
		t.Errorf("after two of twelve: %v", kinds)
	}
}

// A fault that is found late was there before: what came in since is not learnt
// from either.
func TestAFaultFoundLateIsQuarantinedSinceItBegan(t *testing.T) {
	a := open(t, quick(identity(t)))
	s := newSensor(a, "x", 1)
	s.feed(10*256, slow, "normal")
	began := s.index
	s.feed(6*256, func(i int) float64 { return slow(i) + float64(i)/1e3 }, "normal")
	a.Opened("x", began, "fault")
	s.feed(2*256, slow, "fault")
	s.feed(4*256, slow, "normal")
	snap := a.tracks["x"].group.buf.Snapshot()
	var starts []int64
	for _, w := range slices.Concat(snap.Old, snap.Recent, snap.Holdout) {
		starts = append(starts, w.Start/256)
	}
	slices.Sort(starts)
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 18, 19, 20, 21}, starts); diff != "" {
		t.Error(diff)
	}
	a.Close()
}

// Nor does one bad sensor have a model of the bank serve all; two do.
func TestOneSensorOfADozenDoesNotAskTheSharedBank(t *testing.T) {
	knowsSlow, knowsPulses := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses)
	cfg := quick(knowsSlow)
	cfg.Shared = true
	a := open(t, cfg)
	r := read(t, a)
	var all []*sensor
	for i := range 12 {
		s := newSensor(a, fmt.Sprintf("pump-%d", i), uint64(i+1))
		s.feed(8*256+37, slow, "normal")
		all = append(all, s)
	}
	keep(t, a, "pump-0", knowsSlow, 0, slow)
	keep(t, a, "pump-0", knowsPulses, 1, pulses)
	comesBack := func(s *sensor) {
		s.feed(120, pulses, "normal") // until the alarm
		s.feed(257, pulses, "regime")
		quickly(t, a, r)
	}
	comesBack(all[3])
	if sw := r.switched(); len(sw) > 0 {
		t.Fatalf("after one of twelve %d were switched: %s", len(sw), sw[0].Why)
	}
	comesBack(all[7])
	if sw := r.switched(); len(sw) != 12 || sw[0].Model != knowsPulses {
		t.Errorf("after two of twelve %d were switched", len(sw))
	}
}
