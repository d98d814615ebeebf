package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/eval"
)

// TestServed: the worst recording decides, and a version without a guard is
// told from one whose guard serves a filter somewhere.
func TestServed(t *testing.T) {
	cells := []cell{
		{Recording: "a", Kind: "ecg", Noise: eval.White, SNR: 0, Gain: 9, Blind: 7, By: map[string]int{"net": 10}, Band: interval{Samples: 10, Covered: 9, Blocks: 1, GoodBlocks: 1, Width: 1}},
		{Recording: "b", Kind: "pump", Noise: eval.White, SNR: 5, Gain: 1, Blind: 1.5, By: map[string]int{"net": 10}, Band: interval{Samples: 10, Covered: 5, Blocks: 1, Width: 2}},
		{Recording: "c", Kind: "pump", Noise: eval.White, SNR: 10, Gain: 1, Blind: 1, By: map[string]int{"net": 10}},
		{Recording: "d", Kind: "pump", Noise: eval.White, SNR: 20, Gain: 1, Blind: 1, By: map[string]int{"net": 10}},
	}
	_, err := servedWorst(cells)
	var na notAvailable
	if !errors.As(err, &na) || !strings.Contains(string(na), "0.50 dB") {
		t.Errorf("without a guard: %v", err)
	}
	cells[0].By["kalman"] = 1
	f, err := servedWorst(cells)
	if err != nil || f.value != .5 || !strings.Contains(f.detail, "worst: b at 5 dB") || !strings.Contains(f.detail, "kalman 2.4 %") {
		t.Errorf("with one: %+v, %v", f, err)
	}
	if !strings.Contains(strings.Join(f.below, "\n"), "pump                     3") {
		t.Errorf("no line for a kind of three:\n%s", strings.Join(f.below, "\n"))
	}
	if f, err := coverage(cells); err != nil || f.value != .7 {
		t.Errorf("coverage %+v, %v", f, err)
	}
	if f, err := blocks(cells); err != nil || f.value != 50 {
		t.Errorf("blocks %+v, %v", f, err)
	}
}
