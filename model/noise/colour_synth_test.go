package noise

import (
	"testing"

	"github.com/quell-stream/quell/model/synth"
)

// Rates on signals of package synth that are not like noise themselves, from seeds that
// the network was not fitted to. The limits guard what there is, a few recordings
// beside the rates measured on 480: .8 % without noise, 0, .6 and 2.3 % with white
// noise, 1.9 % of quantised ones; 96, 89, 77, 58 and 31 % with AR(1) at 0 to 20 dB. The
// aim of 2 % is met but with white noise at 20 dB, that of 95 % at 0 dB alone.
func TestColourOnSynth(t *testing.T) {
	if testing.Short() {
		t.Skip("many recordings")
	}
	const runs = 40
	rate := func(spec string) float64 {
		raised, n := 0.0, 0.0
		for _, f := range synth.Families() {
			if f.Rough() { // has the spectrum of AR(1) for some draws
				continue
			}
			for seed := range uint64(runs) {
				rng, x := newRand(9000+seed), make([]float64, 24*ColourBlock)
				f.Generate(x, rng)
				_, dev := moments(x)
				mustParse(t, spec).Apply(x, nil, dev, rng)
				n++
				if judged(x).Coloured() {
					raised++
				}
			}
		}
		return raised / n
	}
	for _, c := range []struct {
		spec   string
		lo, hi float64
	}{
		{"none", 0, .02}, {"gaussian:snr=0", 0, .02}, {"gaussian:snr=10", 0, .02}, {"gaussian:snr=20", 0, .03},
		{"quantize:step=0.05", 0, .03},
		{"ar1:snr=0", .93, 1}, {"ar1:snr=5", .85, 1}, {"ar1:snr=10", .73, 1}, {"ar1:snr=15", .53, 1}, {"ar1:snr=20", .27, 1},
	} {
		got := rate(c.spec)
		t.Logf("%-20s raised on %4.1f %%", c.spec, 100*got)
		if got < c.lo || got > c.hi {
			t.Errorf("%s: raised on %.0f %%, want %.0f to %.0f", c.spec, 100*got, 100*c.lo, 100*c.hi)
		}
	}
}
