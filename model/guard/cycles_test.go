package guard

import (
	"math"
	"testing"
)

// beat is a signal that repeats itself every 171 slots, and that nothing else can
// foretell.
func beat(t int) float64 { return steps(t % 171) }

// cyclesShare returns the share of slots after 6,000 that earlier cycles had a say
// in.
func cyclesShare(o *played) float64 {
	n := 0.0
	for _, c := range o.choices[6000:] {
		if c.Cycles {
			n++
		}
	}
	return n / float64(len(o.choices)-6000)
}

// A network that is right to within half the noise gains most of what twelve
// earlier cycles know; the deviation that is claimed follows.
func TestCyclesHelpARepeatingSignal(t *testing.T) {
	for _, lookahead := range []int{0, 8, 126} {
		p := player{clean: beat, sigma: 1, told: 1, off: .5, claimed: .5}
		g := New(newPanel(t, lookahead), 1)
		o := p.play(g, 16_000, 3)
		if s := cyclesShare(&o); s < .9 {
			t.Errorf("look-ahead %d: earlier cycles have a say in %.0f %%", lookahead, 100*s)
		}
		off := p.mse(&o, o.served, 6000)
		if off > .12 {
			t.Errorf("look-ahead %d: a squared error of %.3f σ²; the network has .25, twelve cycles have .08", lookahead, off)
		}
		claim := 0.0
		for _, c := range o.choices[6000:] {
			claim += c.Spread * c.Spread
		}
		if claim /= float64(len(o.choices) - 6000); claim < off/2 || claim > off*2 {
			t.Errorf("look-ahead %d: claims a squared error of %.3f σ², it is %.3f", lookahead, claim, off)
		}
	}
}

// Where nothing repeats itself, or what looks alike is not, they do no harm.
func TestCyclesDoNoHarm(t *testing.T) {
	wander := make([]float64, 20_000)
	for t := 1; t < len(wander); t++ {
		wander[t] = wander[t-1] + float64(Nudge(5, 0, int64(t))/step)/2
	}
	for name, clean := range map[string]func(int) float64{
		"jumps": steps, "a walk": func(t int) float64 { return wander[t] },
		"one cycle and then another": func(t int) float64 { return beat(t) + 8*float64(Nudge(9, 1, int64(t/171))/step) },
		"nothing":                    func(int) float64 { return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			p := player{clean: clean, sigma: 1, told: 1, off: .3, claimed: .3}
			g := New(newPanel(t, 8), 1)
			o := p.play(g, 16_000, 4)
			if with, without := p.mse(&o, o.served, 4000), .09; o.share("", 4000) > .99 && with > 1.02*without {
				t.Errorf("a squared error of %.4f σ², the network alone has %.4f", with, without)
			}
			if o.share("", 4000) < .99 && name != "nothing" && name != "a walk" {
				t.Error("a filter serves")
			}
		})
	}
}

// One reading that is no measurement is no verdict, on the network or on anything
// else, and leaves no value that is no number.
func TestWildReading(t *testing.T) {
	for _, wild := range []float64{1e3, 1e8, 1e20, 1e160, math.Inf(-1)} {
		p := player{clean: beat, sigma: 1, told: 1, off: .3, claimed: .3, wild: wild}
		g := New(newPanel(t, 8), 1)
		o := p.play(g, 16_000, 3)
		if net, s := o.share("", 6000), cyclesShare(&o); net < .99 || s < .8 {
			t.Errorf("%g: the network serves %.0f %%, earlier cycles have a say in %.0f %%", wild, 100*net, 100*s)
		}
		for i, c := range o.choices {
			if i != wildSlot && (c.Clean-c.Clean != 0 || c.Spread-c.Spread != 0) {
				t.Fatalf("%g: slot %d is served %g, deviation %g", wild, i, c.Clean, c.Spread)
			}
		}
		if off := p.mse(&o, o.served, 6000); !(off < .09) {
			t.Errorf("%g: a squared error of %.3f σ², the network has .09", wild, off)
		}
		state := g.AppendState(nil)
		if _, err := New(newPanel(t, 8), 1).RestoreState(state); err != nil {
			t.Error(wild, err)
		}
	}
}

// A guard that begins late is one that begins at 0, but for the numbers of its slots.
func TestBeginsLate(t *testing.T) {
	late := New(newPanel(t, 8), 1)
	late.Begin(2993)
	if late.Slot() != 2993 || late.Wants(2993, 2993+settle) || !late.Wants(2993+settle, 2993+settle+1) {
		t.Errorf("slot %d, evidence before it has settled: %v", late.Slot(), late.Wants(2993, 2993+settle))
	}
	if late.Ahead() != New(newPanel(t, 8), 1).Ahead() {
		t.Errorf("%d slots ahead", late.Ahead())
	}
}
