package model

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model/nn"
)

func TestConditionVector(t *testing.T) {
	for _, tc := range []struct {
		known map[string]string
		want  []float32
		err   string
	}{
		{nil, []float32{0, 0, 0}, ""},
		{map[string]string{"type": "thermocouple"}, []float32{0, 1, 0}, ""},
		{map[string]string{"type": "pt100", "rate_hz": "10"}, []float32{1, 0, float32((math.Log(10) - 1) / 2)}, ""},
		{map[string]string{"type": "pt1000"}, nil, `condition type: there is no value "pt1000"; want pt100, thermocouple`},
		{map[string]string{"rate_hz": "fast"}, nil, `condition rate_hz: "fast" is no number`},
		{map[string]string{"rate_hz": "0"}, nil, `condition rate_hz: 0 is out of range`},
		{map[string]string{"rate_hz": "NaN"}, nil, `condition rate_hz: NaN is out of range`},
		{map[string]string{"unit": "K", "age": "3"}, nil, "condition age: there is no such key; want type, rate_hz"},
	} {
		got, err := types.Vector(tc.known)
		if tc.err != "" {
			if err == nil || err.Error() != tc.err {
				t.Errorf("%v: error %v, want %q", tc.known, err, tc.err)
			}
			continue
		}
		if d := cmp.Diff(tc.want, got); err != nil || d != "" {
			t.Errorf("%v: error %v, vector (-want +got):\n%s", tc.known, err, d)
		}
	}
}

func TestConditionValidate(t *testing.T) {
	bad := Condition{{Name: "a b"}, {Name: "x", Values: []string{"1", "1"}}, {Name: "x", Dev: -1}, {Name: "y", Values: []string{"1"}, Log: true}}
	want := "condition: key \"a b\": want a name without blanks and =\n" +
		"condition: x: value \"1\" is empty or given twice\n" +
		"condition: x is given twice\n" +
		"condition: x: mean 0 and dev -1; want finite numbers, dev 0 or more\n" +
		"condition: y: mean, dev and log are for numbers, not for values"
	if err := bad.Validate(); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant %s", err, want)
	}
	h := models(t)["told"].Header()
	h.Condition = h.Condition[:1]
	if err := h.Validate(); err == nil || !strings.Contains(err.Error(), "a condition of 3 values; want 2 for the keys of the condition") {
		t.Errorf("a net that is told other things: error %v", err)
	}
	h.Spec.Cond, h.Spec.Layers, h.Condition = 0, []nn.LayerSpec{{Op: nn.Conv, Out: 1}, {Op: nn.BatchNorm}}, nil
	if err := h.Validate(); err == nil || !strings.Contains(err.Error(), "batchnorm layers, which a model has folded") {
		t.Errorf("a model with batchnorm: error %v", err)
	}
}

// TestConditionedModel checks what becomes of a model that is told something: a
// model without a condition that gives what the net gives under it, shared by all
// of that condition.
func TestConditionedModel(t *testing.T) {
	m := models(t)["told"]
	known := map[string]string{"type": "pt100", "rate_hz": "4"}
	c := NewConditions(m)
	told, err := c.Of(known)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Of(map[string]string{"rate_hz": "4.0", "type": "pt100"}); err != nil || again != told {
		t.Errorf("the same condition gives another model, error %v", err)
	}
	other, err := c.Of(map[string]string{"type": "thermocouple", "rate_hz": "4"})
	if err != nil || other == told {
		t.Errorf("another condition gives the same model, error %v", err)
	}
	h := told.Header()
	if h.Condition != nil || h.Spec.Cond != 0 || h.Provenance.Parent != m.Name() || !cmp.Equal(h.Provenance.Condition, known) {
		t.Errorf("header %+v", h)
	}
	cols := randomColumns(60, 3)
	x := NewFeatures(h.Inputs, 1).Append(nil, cols, 1, 0)
	tape := m.Net().NewTape(60)
	if tape.Cond, err = m.Header().Condition.Vector(known); err != nil {
		t.Fatal(err)
	}
	want, got := tape.Forward(x), told.Net().NewRunner(60).Run(nil, x)
	near := func(a, b []float32) bool {
		worst := 0.
		for i := range a {
			worst = max(worst, math.Abs(float64(a[i]-b[i])))
		}
		return worst < 1e-5
	}
	if !near(got, want) {
		t.Error("the model gives other values than its net under the condition")
	}
	if near(other.Net().NewRunner(60).Run(nil, x), want) {
		t.Error("the condition changes nothing")
	}
	if _, err := told.ONNX(); err != nil {
		t.Error(err)
	}
	if _, err := m.ONNX(); err == nil || !strings.Contains(err.Error(), "give the network its condition first") {
		t.Errorf("ONNX of a model that is told nothing yet: error %v", err)
	}
	if _, err := Quantize(m, [][]Column{cols}, ""); err == nil || !strings.Contains(err.Error(), "has no 8-bit form") {
		t.Errorf("Quantize: error %v", err)
	}
	for _, tc := range []struct {
		m    *Model
		want string
	}{{m, "condition unit: there is no such key"}, {told, "the net takes no condition"}} {
		if _, err := tc.m.Conditioned(map[string]string{"unit": "K"}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
	if same, err := told.Conditioned(nil); err != nil || same != told {
		t.Errorf("a model without a condition is not returned as it is, error %v", err)
	}
}
