package model

import (
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// What the net says of a slot hangs on everything but the reading there, which
// enters by posterior alone, bit for bit: also where a missing slot after it holds
// that reading.
func TestBlindSpotIsBlind(t *testing.T) {
	for _, name := range []string{"blind", "blind-int8"} {
		m := models(t)[name]
		const slots, at = 60, 30
		run := func(change func(cols []Column)) (y, dev float32) {
			cols := randomColumns(slots, 3)
			cols[at].Missing, cols[at+1].Missing, cols[at+2].Missing = false, true, false
			change(cols)
			cols[at+1].X = cols[at].X // held
			s := mustStream(t, m, 1)
			clean, spread := slices.Clone(s.Push(cols)), slices.Clone(s.Spread())
			clean, spread = append(clean, s.Finish()...), append(spread, s.Spread()...)
			return clean[at], spread[at]
		}
		mu, s := run(func(c []Column) { c[at].Missing = true })
		if beside, _ := run(func(c []Column) { c[at].Missing = true; c[at+2].X += 3 }); beside == mu {
			t.Errorf("%s: the slot two later is not seen", name)
		}
		for _, reading := range []float32{-2, .5, 90} {
			var sigma float32
			y, dev := run(func(c []Column) { c[at].X, sigma = reading, unitOf(c[at].Level) })
			if wantY, wantDev := posterior(reading, sigma, mu, s); y != wantY || dev != wantDev {
				t.Errorf("%s: reading %g: %v ± %v, want %v ± %v: what the net says has changed", name, reading, y, dev, wantY, wantDev)
			}
		}
	}
}

func TestPosterior(t *testing.T) {
	for _, c := range []struct{ y, sigma, mu, s, mean, dev float32 }{
		{5, 0, 2, 3, 2, 3},              // no reading
		{4, 1, 2, 1, 3, .70710678},      // both as sure
		{4, 1e-3, 2, 10, 4, 1e-3},       // the reading is sure
		{4, 3, 2, 1e-3, 2, 1e-3},        // the others are
		{1, 2, 0, 1, .2, .8944272},      // 1·1/(1+4)
		{-1, .3, 3, .4, .4400001, .24},  // 3 - 4·.16/.25
		{100, 3, -100, 3, 0, 2.1213203}, // nothing overflows
	} {
		mean, dev := posterior(c.y, c.sigma, c.mu, c.s)
		if !near(mean, c.mean) || !near(dev, c.dev) {
			t.Errorf("posterior(%v, %v, %v, %v) = %v, %v; want %v, %v", c.y, c.sigma, c.mu, c.s, mean, dev, c.mean, c.dev)
		}
	}
}

func near(a, b float32) bool { return max(a-b, b-a) < 2e-5 }

func TestBlindSpotHeader(t *testing.T) {
	good := models(t)["blind"]
	for want, change := range map[string]func(h *Header){
		"needs spread":                func(h *Header) { h.Spread = false },
		"no residual":                 func(h *Header) { h.Residual = true },
		`"signal" tells of other`:     func(h *Header) { h.Inputs[0] = Signal },
		`"step4" tells of other`:      func(h *Header) { h.Inputs[3] = Step4 },
		"may see the column":          func(h *Header) { h.Spec = nn.TCN(4, 2, 4, 3, []int{1, 2}, 1) },
		`kind "blind"; want "tcn", "`: func(h *Header) { h.Kind = "blind" },
	} {
		h := good.Header()
		change(&h)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
	if _, err := New(good.Header(), randomNet(t, nn.TCN(4, 2, 4, 3, []int{1, 2}, 1), 1)); err == nil {
		t.Error("a net that sees its column is taken")
	}
}

// Other formats know nothing of masks; the model comes back the same.
func TestBlindSpotElsewhere(t *testing.T) {
	m := models(t)["blind"]
	for name, round := range map[string]func() (*Model, error){
		"onnx": func() (*Model, error) {
			b, err := m.ONNX()
			if err != nil {
				return nil, err
			}
			return FromONNX(b, ImportConfig{})
		},
		"safetensors": func() (*Model, error) {
			b, err := m.Safetensors()
			if err != nil {
				return nil, err
			}
			return FromSafetensors(b, ImportConfig{})
		},
	} {
		got, err := round()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got.Name() != m.Name() {
			t.Errorf("%s: %s has become %s", name, m.Name(), got.Name())
		}
	}
}
