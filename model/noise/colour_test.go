package noise

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"
)

// judged runs a Colour over x.
func judged(x []float64) *Colour {
	c := NewColour()
	for ; len(x) >= ColourBlock; x = x[ColourBlock:] {
		c.Block(x[:ColourBlock])
	}
	return c
}

// disturbed returns n readings of a signal with the noise of a chain.
func disturbed(t *testing.T, n int, signal func(i int) float64, spec string, rng *rand.Rand) []float64 {
	t.Helper()
	x := make([]float64, n)
	for i := range x {
		x[i] = signal(i)
	}
	mustParse(t, spec).Apply(x, nil, 1, rng)
	return x
}

// Signals of deviation about 1, smooth and sharp.
var colourSignals = map[string]func(i int) float64{
	"nothing": func(int) float64 { return 0 },
	"sine":    func(i int) float64 { return math.Sqrt2 * math.Sin(2*math.Pi*float64(i)/700) },
	"two sines": func(i int) float64 {
		return math.Sin(2*math.Pi*float64(i)/300) + math.Sin(2*math.Pi*float64(i)/4000)
	},
	"pulses": func(i int) float64 {
		d := float64(i%300-150) / 12
		return 4 * math.Exp(-d*d/2)
	},
	"steps": func(i int) float64 { return []float64{0, 1.8, .6, 2.4, -.6}[i/777%5] },
	"saw":   func(i int) float64 { return 3.4 * float64(i%450) / 450 },
}

func TestColourOnKnownSignals(t *testing.T) {
	const n, runs = 40 * ColourBlock, 8
	for name, signal := range colourSignals {
		for spec, want := range map[string]bool{
			"gaussian:snr=0": false, "gaussian:snr=10": false, "gaussian:snr=20": false,
			"gaussian:snr=10+quantize:step=0.1": false, "quantize:step=0.01": false, "none": false,
			"ar1:snr=0": true, "ar1:snr=10": true, "ar1:snr=15": true,
			"ar1:snr=10+quantize:step=0.02": true,
		} {
			right := 0
			for k := range uint64(runs) {
				c := judged(disturbed(t, n, signal, spec, newRand(100+k)))
				if c.Coloured() == want {
					right++
				}
			}
			if right < runs {
				t.Errorf("%s with %s: coloured %v in %d of %d runs, want all", name, spec, want, right, runs)
			}
		}
	}
}

// The evidence shows what theory says of white noise and of AR(1).
func TestColourEvidence(t *testing.T) {
	zero := colourSignals["nothing"]
	white := judged(disturbed(t, 100*ColourBlock, zero, "gaussian:sigma=3", newRand(1))).Evidence()
	if white.Blocks != 100 {
		t.Errorf("%d blocks, want 100", white.Blocks)
	}
	for l := range 5 { // the coarser ones have few details
		within(t, "white, level", white.Sigma[l], 3, .08)
		within(t, "white, floor", white.Floor[l], 3, .12)
		if l < 4 {
			within(t, "white, ratio", white.Ratio[l], 1, .1)
		}
	}
	red := judged(disturbed(t, 100*ColourBlock, zero, "ar1:sigma=3,rho=0.9", newRand(2))).Evidence()
	within(t, "AR(1), finest level", red.Sigma[0], 3*.268, .05)
	for k := range lags {
		m := float64(int(1) << k)
		for what, d := range map[string]float64{
			"white": white.Correlation[k] + .5,
			"AR(1)": red.Correlation[k] + (1-math.Pow(.9, m))/2,
		} {
			if math.Abs(d) > .012*math.Sqrt(m)+.01 {
				t.Errorf("%s, differences over %g: correlation off by %.3f", what, m, d)
			}
		}
	}
	if !(red.Score > raiseAt && white.Score < clearAt) {
		t.Errorf("scores: AR(1) %g, white %g", red.Score, white.Score)
	}
}

// The flag follows a change of the noise within some memories, and holds
// otherwise.
func TestColourChanges(t *testing.T) {
	sine := colourSignals["sine"]
	c := NewColour()
	feed := func(spec string, blocks int, seed uint64, want bool) {
		x := disturbed(t, blocks*ColourBlock, sine, spec, newRand(seed))
		turns := 0
		for b := range blocks {
			before := c.Coloured()
			c.Block(x[b*ColourBlock : (b+1)*ColourBlock])
			if c.Coloured() != before {
				turns++
			}
		}
		if c.Coloured() != want || turns > 1 {
			t.Errorf("after %d blocks of %s: coloured %v with %d turns, want %v with at most one", blocks, spec, c.Coloured(), turns, want)
		}
	}
	feed("gaussian:snr=10", 60, 1, false)
	feed("ar1:snr=10", 150, 2, true)
	feed("gaussian:snr=10", 200, 3, false)
}

func TestColourIsFreeOfScaleAndOffset(t *testing.T) {
	x := disturbed(t, 30*ColourBlock, colourSignals["pulses"], "ar1:snr=10", newRand(4))
	want := judged(x).Evidence()
	y := slices.Clone(x)
	for i := range y {
		y[i] *= 1 << 40 // exact
	}
	if got := judged(y).Evidence(); math.Abs(got.Score-want.Score) > 1e-9 { // logarithms round
		t.Errorf("scaled: score %g, want %g", got.Score, want.Score)
	}
	for i := range x {
		y[i] = x[i] + 1000
	}
	if got := judged(y).Evidence(); math.Abs(got.Score-want.Score) > 1e-3 {
		t.Errorf("shifted: score %g, want %g", got.Score, want.Score)
	}
}

func TestColourOnOddReadings(t *testing.T) {
	fill := func(v func(i int) float64) []float64 {
		x := make([]float64, 20*ColourBlock)
		for i := range x {
			x[i] = v(i)
		}
		return x
	}
	for name, x := range map[string][]float64{
		"constant":      fill(func(int) float64 { return 21.4 }),
		"zero":          fill(func(int) float64 { return 0 }),
		"huge":          fill(func(i int) float64 { return math.MaxFloat64 * float64(i%3-1) }),
		"smallest":      fill(func(i int) float64 { return math.SmallestNonzeroFloat64 * float64(i%5) }),
		"one spike":     fill(func(i int) float64 { return float64(i / 5000 * (i % 5000 / 4999)) }),
		"growing":       fill(func(i int) float64 { return math.Exp2(float64(i) / 30) }),
		"two values":    fill(func(i int) float64 { return float64(i / 7 % 2) }),
		"rare readings": fill(func(i int) float64 { return float64(i / 512 % 2) }),
	} {
		c := judged(x)
		if c.Coloured() {
			t.Errorf("%s: coloured", name)
		}
		finite(t, name, c)
	}
}

func finite(t *testing.T, name string, c *Colour) {
	t.Helper()
	for i, f := range c.AppendFeatures(nil) {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			t.Errorf("%s: feature %d is %g", name, i, f)
		}
	}
	if s := c.Evidence().Score; math.IsNaN(s) {
		t.Errorf("%s: score is %g", name, s)
	}
}

// Quantiles are exact within a bin, wherever the numbers lie; what lies beyond ten
// octaves counts at the ends.
func TestBins(t *testing.T) {
	p := []float64{.1, .25, .5, .75, .9}
	want := make([]float64, len(p))
	for i, q := range p { // |z| of a standard normal z
		want[i] = math.Log2(math.Sqrt2 * math.Erfinv(q))
	}
	for _, scale := range []float64{1e-300, 1e-6, 1, 1e6, 1e150} {
		var b bins
		x := normal(20_000, 9)
		for i := range x {
			x[i] *= scale
		}
		b.push(x[:100], 1)
		b.push(x, 1)
		got := make([]float64, len(p))
		b.quantiles(got, p)
		for i := range p {
			if d := got[i] - math.Log2(scale) - want[i]; math.Abs(d) > .1 {
				t.Errorf("scale %g: quantile %g is off by %.3f octaves", scale, p[i], d)
			}
		}
		if b.total() != 20_100 {
			t.Errorf("scale %g: %g numbers counted, want 20100", scale, b.total())
		}
		x[0], x[1], x[2] = 0, 1e-9*scale, math.Inf(1)
		b.push(x[:3], 1)
		if b.total() != 20_103 || b.zero != 1 || b.n[binCount-1] < 1 {
			t.Errorf("scale %g: %g numbers and %g zeros counted, %g at the end", scale, b.total(), b.zero, b.n[binCount-1])
		}
	}
}

// A level that moves by twelve decades leaves the histograms of where it was.
func TestColourFollowsTheLevel(t *testing.T) {
	rng := newRand(8)
	c := NewColour()
	x := make([]float64, ColourBlock)
	for _, sigma := range []float64{1e-6, 1e6, 1e-6} {
		for range 400 {
			for i := range x {
				x[i] = sigma * rng.NormFloat64()
			}
			c.Block(x)
		}
		within(t, "level", c.Evidence().Sigma[0], sigma, .1)
	}
}

func TestColourState(t *testing.T) {
	x := disturbed(t, 40*ColourBlock, colourSignals["pulses"], "ar1:snr=12", newRand(5))
	for _, at := range []int{0, 1, 5, 6, 17} {
		want := judged(x[:at*ColourBlock])
		state := want.AppendState([]byte("x"))[1:]
		got := judged(x[20*ColourBlock:]) // what it was must not matter
		rest, err := got.RestoreState(append(slices.Clone(state), 7))
		if err != nil || len(rest) != 1 {
			t.Fatalf("after %d blocks: %v, %d bytes left, want 1", at, err, len(rest))
		}
		if got.Evidence() != want.Evidence() || got.Coloured() != want.Coloured() || got.Estimate() != want.Estimate() {
			t.Errorf("after %d blocks: restored evidence differs", at)
		}
		for b := at; b < 40; b++ {
			want.Block(x[b*ColourBlock : (b+1)*ColourBlock])
			got.Block(x[b*ColourBlock : (b+1)*ColourBlock])
		}
		if !bytes.Equal(got.AppendState(nil), want.AppendState(nil)) {
			t.Errorf("after %d blocks: the state goes on differently", at)
		}
	}
}

func TestColourRestoresNothingBroken(t *testing.T) {
	x := disturbed(t, 10*ColourBlock, colourSignals["sine"], "ar1:snr=12", newRand(6))
	state := judged(x).AppendState(nil)
	rng := newRand(7)
	for range 400 {
		c := NewColour()
		if _, err := c.RestoreState(state[:rng.IntN(len(state))]); err == nil {
			t.Fatal("a state cut short was taken")
		}
		if c.Evidence() != NewColour().Evidence() {
			t.Fatal("after an error the test is not as new")
		}
		broken := slices.Clone(state)
		broken[rng.IntN(len(broken))] ^= byte(1 + rng.IntN(255))
		if _, err := c.RestoreState(broken); err != nil {
			continue
		}
		for b := range 10 { // no panic
			c.Block(x[b*ColourBlock : (b+1)*ColourBlock])
			finite(t, "restored from a broken state", c)
		}
	}
}

func TestColourBlockDoesNotAllocate(t *testing.T) {
	x := disturbed(t, ColourBlock, colourSignals["pulses"], "ar1:snr=12", newRand(5))
	c := NewColour()
	if n := testing.AllocsPerRun(50, func() { c.Block(x) }); n != 0 {
		t.Errorf("%g allocations per block, want 0", n)
	}
}

// One of these runs for every channel of every series.
func TestColourIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Colour{}); size > 5<<10 {
		t.Errorf("a Colour takes %d bytes, want at most 5 KiB", size)
	}
	x := disturbed(t, 40*ColourBlock, colourSignals["pulses"], "ar1:snr=12", newRand(5))
	if n := len(judged(x).AppendState(nil)); n > 5<<10 {
		t.Errorf("a snapshot takes %d bytes, want at most 5 KiB", n)
	}
	if name := reference(reflect.TypeFor[Colour]()); name != "" {
		t.Errorf("%s refers to memory that its size does not count", name)
	}
}

// reference names a part of a type that points elsewhere.
func reference(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Array:
		return reference(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if name := reference(t.Field(i).Type); name != "" {
				return t.Field(i).Name + "." + name
			}
		}
	case reflect.Bool, reflect.Uint8, reflect.Int32, reflect.Int64, reflect.Int, reflect.Float32, reflect.Float64:
	default:
		return t.String()
	}
	return ""
}

func TestColourWantsWholeBlocks(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a block of 511 readings was taken")
		}
	}()
	NewColour().Block(make([]float64, ColourBlock-1))
}

func BenchmarkColourBlock(b *testing.B) {
	c, x, rng := NewColour(), make([]float64, ColourBlock), newRand(1)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	b.SetBytes(8 * ColourBlock)
	for b.Loop() {
		c.Block(x)
	}
}
