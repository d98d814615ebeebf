package monitor

import (
	"math"
	"testing"
)

// TestFeed compares a feed with extractors and sentinel of its own hand.
func TestFeed(t *testing.T) {
	const channels, hop = 3, 8
	raw, missing := slots(2, channels, 300)
	f := NewFeed(channels, hop)
	if _, ok := f.Push(0, raw[0], missing[0]); ok {
		t.Error("observed something without a sentinel")
	}
	f.Sentinel = testSentinel(t, channels, 32, hop)
	s := testSentinel(t, channels, 32, hop)
	var ex [channels]*Extractor
	for c := range ex {
		ex[c] = NewExtractor(hop)
	}
	for i := range raw {
		o, ok := f.Push(int64(i), raw[i], missing[i])
		score, scored := s.Push(raw[i], missing[i])
		if ok != ((i+1)%hop == 0) {
			t.Fatalf("slot %d: observed %v", i, ok)
		}
		for c := range ex {
			want, _ := ex[c].Push(raw[i][c], missing[i][c])
			if ok && math.Float64bits(o.Features[c].Level) != math.Float64bits(want.Level) {
				t.Fatalf("slot %d, channel %d: level %v, want %v", i, c, o.Features[c].Level, want.Level)
			}
		}
		if !ok {
			continue
		}
		if o.Index != int64(i) || scored && o.Score != score || !scored && !math.IsNaN(o.Score) {
			t.Fatalf("slot %d: index %d, score %v, want %v (%v)", i, o.Index, o.Score, score, scored)
		}
	}
	f.Reset()
	for i := range hop - 1 {
		if _, ok := f.Push(int64(i), raw[i], missing[i]); ok {
			t.Fatalf("a hop ended %d slots after a reset", i+1)
		}
	}
}

func TestScalingAndWindows(t *testing.T) {
	nan := math.NaN()
	raw := []float64{1, 5, nan, 5, 3, 5, 5, 5} // [4][2]
	mean, dev := Scaling(raw, 2)
	if mean[0] != 3 || math.Abs(dev[0]-math.Sqrt(8.0/3)) > 1e-12 || mean[1] != 5 || dev[1] != 1 {
		t.Fatalf("mean %v, deviation %v", mean, dev)
	}
	ws := Windows(raw, mean, dev, 2, 1)
	if len(ws) != 3 {
		t.Fatalf("%d windows, want 3", len(ws))
	}
	if w := ws[1]; w[0] != 0 || w[2] != 1 || w[1] != 0 || w[3] != 0 || w[4] != 0 || w[6] != 0 {
		t.Errorf("window of a missing value and the mean: %v", w)
	}
}
