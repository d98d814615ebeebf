package demo

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestSentence(t *testing.T) {
	for want, e := range map[string]event{
		"DRIFT      pump-1    noise: louder":                      {series: "pump-1", kind: "drift.opened", why: "louder", data: map[string]any{"kind": "noise"}},
		"drift      pump-1    now fault: stuck":                   {series: "pump-1", kind: "drift.updated", why: "stuck", data: map[string]any{"kind": "fault"}},
		"drift      pump-1    over: as usual":                     {series: "pump-1", kind: "drift.resolved", why: "as usual"},
		"fine-tune  motor-1   challenger +3.1 dB → PROMOTED":      {series: "motor-1", kind: "finetune.finished", data: map[string]any{"verdict": "promoted", "gain_db": 3.14}},
		"fine-tune  motor-1   → REJECTED: too little to judge on": {series: "motor-1", kind: "finetune.finished", why: "too little to judge on", data: map[string]any{"verdict": "rejected"}},
		"fine-tune  motor-1   rejected: the noise is not white":   {series: "motor-1", kind: "finetune.rejected", why: "the noise is not white"},
		"model.promoted  motor-1   a@1 serves":                    {series: "motor-1", kind: "model.promoted", why: "a@1 serves"},
	} {
		if got := sentence(&e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestSpark draws raw and clean values on one scale.
func TestSpark(t *testing.T) {
	var l latest
	for i := range 200 {
		x := float64(i % 64)
		half := x / 2
		v := value{Raw: &x, Clean: &half}
		if i%64 >= 32 && i%64 < 36 {
			v.Raw = nil
		}
		l.add(v)
	}
	want := "▂▂▃▃▄▄ ▅▆▆▇▇██▁▁ → ▁▁▂▂▂▂▃▃▃▃▄▄▄▄▁▁"
	if got := l.before(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := spark([]float64{1, 1, 1, 1, math.NaN(), 1, 1, 1}, 1, 1); got != "▁ " {
		t.Errorf("a line that does not move: %q", got)
	}
	var none latest
	if got := none.before(); got != " → " {
		t.Errorf("of nothing: %q", got)
	}
}

func TestSum(t *testing.T) {
	kind, at := "noise", "now"
	r := &Report{SamplesIn: 1000, Lost: 1, Memory: 38e6,
		Drifts:    []Drift{{InjectedKind: &kind, DetectedAt: &at}, {InjectedKind: &kind}, {DetectedAt: &at}},
		FineTunes: []FineTune{{Verdict: "promoted"}, {Verdict: "rejected"}}}
	if got, want := r.sum(), "1000 samples, 1 lost, 1 of 2 drifts found, 1 false alarms, 1 of 2 fine-tunes promoted, 38 MB"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHappened: what a demo that was stopped early did not come to was not missed.
func TestHappened(t *testing.T) {
	d := harness(t, 100, []injection{{sensor: 0, at: 50}, {sensor: 1, at: 100}})
	if got := d.happened(); len(got) != 1 || got[0].sensor != 0 {
		t.Errorf("%+v", got)
	}
	r := d.report(nil, time.Second)
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || r.NotYet != 1 || !strings.Contains(b.String(), "1 of 3 changes were not injected") {
		t.Errorf("%d not injected, %v:\n%s", r.NotYet, err, b.String())
	}
}
