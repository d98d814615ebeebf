package guard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quell-stream/quell/model/classic"
)

func newPanel(t testing.TB, lookahead int) *Panel {
	t.Helper()
	p, err := NewPanel(lookahead)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// player plays readings to a guard of one channel, with a network whose errors
// have the given deviation and hang on nothing.
type player struct {
	clean   func(t int) float64
	sigma   float64 // of the noise
	told    float64 // σ̂
	off     float64 // of the network's errors, in σ
	claimed float64 // what it says of them, in σ
	lost    float64 // share of missing readings
	wild    float64 // what is read at slot wildSlot; 0: as anywhere
}

const wildSlot = 5000

type played struct {
	x, y, served []float64
	choices      []Choice
}

func (p *player) play(g *Guard, n int, seed uint64) played {
	rng := rand.New(rand.NewPCG(seed, 2))
	var out played
	net := make([]float64, n)
	for t := range n {
		x := p.clean(t)
		y := x + p.sigma*rng.NormFloat64()
		net[t] = x + p.off*p.sigma*rng.NormFloat64()
		if t == wildSlot && p.wild != 0 {
			y, net[t] = p.wild, p.wild
		}
		if rng.Float64() < p.lost {
			y = math.NaN()
		}
		out.x, out.y = append(out.x, x), append(out.y, y)
	}
	choices := make([]Choice, 1)
	for t := range n {
		for g.Ahead() > 0 && int(g.in) < n {
			g.Read(out.y[g.in : g.in+1])
		}
		if int(g.in) == n && g.Ahead() > 0 {
			g.Finish()
		}
		// An error that hangs on no reading has no derivative by one.
		g.Estimate(choices, []Value{{Net: net[t], Spread: p.claimed * p.sigma, Own: 0, Sigma: p.told}})
		out.served, out.choices = append(out.served, choices[0].Clean), append(out.choices, choices[0])
	}
	return out
}

// mse returns the mean squared error from slot from on, in σ².
func (p *player) mse(o *played, of []float64, from int) float64 {
	sum := 0.0
	for t := from; t < len(o.x); t++ {
		sum += (of[t] - o.x[t]) * (of[t] - o.x[t])
	}
	return sum / float64(len(o.x)-from) / (p.sigma * p.sigma)
}

func (o *played) share(name string, from int) float64 {
	n := 0.0
	for _, c := range o.choices[from:] {
		if c.Filter == name {
			n++
		}
	}
	return n / float64(len(o.choices)-from)
}

func fast(t int) float64 { return 3*math.Sin(float64(t)/2.5) + 2*math.Sin(float64(t)/1.7) }

// steps is a signal that nothing can foretell.
func steps(t int) float64 { return 3 * float64(Nudge(9, 1, int64(t/3))/step) }

func slow(t int) float64 { return 4 * math.Sin(float64(t)/60) }

// TestVerdict: who serves after 4,000 samples, and how good that is.
func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		player
		net   float64 // least share of the network
		filt  float64 // least share of filters
		worst float64 // largest mean squared error of what is served
	}{
		"a good network on jumps":           {player{clean: steps, sigma: 1, told: 1, off: .3, claimed: .3}, .99, 0, .1},
		"a poor network on a slow signal":   {player{clean: slow, sigma: 1, told: 1, off: .5, claimed: .5}, 0, .99, .08},
		"a useless network":                 {player{clean: fast, sigma: 1, told: 1, off: 2, claimed: .3}, 0, .99, 1.02},
		"a good network, readings missing":  {player{clean: steps, sigma: 1, told: 1, off: .3, claimed: .3, lost: .2}, .99, 0, .1},
		"another unit":                      {player{clean: func(t int) float64 { return 1e6 + 1e-3*slow(t) }, sigma: 1e-3, told: 1e-3, off: .5, claimed: .5}, 0, .99, .08},
		"σ̂ too large: the signal is rough": {player{clean: fast, sigma: .2, told: 3, off: 8, claimed: 8}, 0, .99, 1.05},
	} {
		for _, lookahead := range []int{0, 8} {
			t.Run(fmt.Sprint(name, ", look-ahead ", lookahead), func(t *testing.T) {
				g := New(newPanel(t, lookahead), 1)
				o := c.play(g, 12_000, 7)
				net := o.share("", 4000)
				if net < c.net || 1-net < c.filt {
					t.Errorf("the network serves %.1f %%", 100*net)
				}
				for i, v := range o.served { // what is lost is the caller's to fill
					if v-v != 0 {
						t.Fatalf("slot %d is served %g", i, v)
					}
				}
				worst := c.worst
				if lookahead == 0 && c.filt > 0 {
					worst = max(2*worst, worst)
				}
				if c.lost == 0 {
					if e := c.mse(&o, o.served, 4000); e > worst {
						t.Errorf("the error is %.3f σ², want at most %.3f", e, worst)
					}
				}
			})
		}
	}
}

// TestNeverWorse: what is served is hardly worse than the best filter of the
// panel, chosen with the truth, nor than the network, whatever the signal.
func TestNeverWorse(t *testing.T) {
	for k, c := range []player{
		{clean: slow, sigma: 1, told: 1, off: .2, claimed: .2},
		{clean: fast, sigma: 1, told: 1.05, off: .6, claimed: .4},
		{clean: func(t int) float64 { return float64(t / 300 % 2 * 4) }, sigma: 1, told: .97, off: .35, claimed: .5},
		{clean: func(t int) float64 { return slow(t) + .3*fast(t) }, sigma: 1, told: 1, off: .7, claimed: .7},
	} {
		p := newPanel(t, 8)
		o := c.play(New(p, 1), 12_000, uint64(k))
		served := c.mse(&o, o.served, 4000)
		best := math.Inf(1)
		y := make([]float64, len(o.x))
		for _, f := range p.Params() {
			if f.Family == classic.WienerName {
				continue // is learnt as it goes
			}
			classic.Apply(y, o.y, f)
			best = min(best, c.mse(&o, y, 4000))
		}
		best = min(best, c.off*c.off)
		if db := 10 * math.Log10(served/best); db > .35 {
			t.Errorf("signal %d: what is served is %.2f dB worse than the best there is", k, db)
		}
	}
}

// TestLearns: on a signal that repeats, a filter that has learnt how serves, far
// better than those that cannot.
func TestLearns(t *testing.T) {
	beat := func(t int) float64 { return 6 * math.Exp(-.5*math.Pow(float64(t%40-20)/2, 2)) }
	c := player{clean: beat, sigma: 1, told: 1, off: 1.5, claimed: 1}
	p := newPanel(t, 0)
	o := c.play(New(p, 1), 16_000, 5)
	if s := o.share(classic.WienerName, 8000); s < .99 {
		t.Errorf("the Wiener filter serves %.1f %%", 100*s)
	}
	best, y := math.Inf(1), make([]float64, len(o.x))
	for _, f := range p.Params() {
		if f.Family != classic.WienerName {
			classic.Apply(y, o.y, f)
			best = min(best, c.mse(&o, y, 8000))
		}
	}
	if e := c.mse(&o, o.served, 8000); e > .7*best {
		t.Errorf("the error is %.3f σ², that of the best other filter %.3f", e, best)
	}
}

// TestFactor: a network that claims half of its error, or twice, is corrected
// where the error is large enough beside the noise to be measured.
func TestFactor(t *testing.T) {
	for _, claimed := range []float64{.35, .7, 1.4} {
		c := player{clean: steps, sigma: 1, told: 1, off: .7, claimed: claimed}
		o := c.play(New(newPanel(t, 0), 1), 12_000, 3)
		last := o.choices[len(o.choices)-1]
		if last.Filter != "" {
			t.Fatalf("%s serves", last.Filter)
		}
		// What is mixed in takes some of the error away.
		truth := math.Sqrt(c.mse(&o, o.served, 8000))
		if r := last.Spread / truth; math.Abs(math.Log(r)) > .35*math.Abs(math.Log(claimed/.7))+.1 {
			t.Errorf("claimed %.2f, corrected to %.3f, the truth is %.3f", claimed, last.Spread, truth)
		}
	}
}

// TestRestore: a snapshot at any slot goes on bit for bit.
func TestRestore(t *testing.T) {
	beat := func(t int) float64 { return 6 * math.Exp(-.5*math.Pow(float64(t%40-20)/2, 2)) }
	t.Run("filters", func(t *testing.T) { testRestore(t, slow) })
	t.Run("learnt", func(t *testing.T) { testRestore(t, beat) })
}

func testRestore(t *testing.T, clean func(int) float64) {
	p := newPanel(t, 8)
	c := player{clean: clean, sigma: 1, told: 1, off: .65, claimed: .4, lost: .05}
	want := c.play(New(p, 1), 3500, 1)
	choices := make([]Choice, 1)
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.IntRange(0, 3400).Draw(t, "cut")
		rng := rand.New(rand.NewPCG(1, 2)) // the errors of play, in its order
		net := make([]float64, len(want.x))
		for i := range net {
			rng.NormFloat64()
			net[i] = want.x[i] + c.off*c.sigma*rng.NormFloat64()
			rng.Float64()
		}
		g := New(p, 1)
		step := func(i int) {
			for g.Ahead() > 0 && int(g.in) < len(want.y) {
				g.Read(want.y[g.in : g.in+1])
			}
			g.Estimate(choices, []Value{{Net: net[i], Spread: c.claimed, Own: 0, Sigma: 1}})
			if choices[0] != want.choices[i] {
				t.Fatalf("cut at %d: slot %d is %+v, want %+v", cut, i, choices[0], want.choices[i])
			}
		}
		for i := range cut {
			step(i)
		}
		state := g.AppendState(nil)
		g = New(p, 1)
		rest, err := g.RestoreState(append(slices.Clone(state), 1, 2, 3))
		if err != nil || len(rest) != 3 {
			t.Fatalf("%v, %d bytes left", err, len(rest))
		}
		if again := g.AppendState(nil); !slices.Equal(again, state) {
			t.Fatal("a restored guard has another state")
		}
		for i := cut; i < min(cut+700, len(want.x)-9); i++ {
			step(i)
		}
	})
}

// TestReadingsAreThere: wherever a guard is restored, the readings that its filters are
// judged by are there when it is time, though it keeps no more than it must meanwhile.
func TestReadingsAreThere(t *testing.T) {
	p := newPanel(t, 8)
	const begin, end = 37, 837 // filters are being judged by the first block
	step := func(g *Guard, from, to int) []byte {
		choices := make([]Choice, 1)
		for i := from; i < to; i++ {
			for g.Ahead() > 0 {
				g.Read([]float64{slow(int(g.in)) + float64(Nudge(3, 0, g.in))*32})
			}
			g.Estimate(choices, []Value{{Net: slow(i), Spread: .4, Own: 0, Sigma: 1}})
		}
		return g.AppendState(nil)
	}
	whole, g := New(p, 1), New(p, 1)
	whole.Begin(begin)
	g.Begin(begin)
	want := step(whole, begin, end)
	longest := 0
	for cut := begin; cut < end; cut++ {
		state := step(g, cut, cut+1)
		if longest = max(longest, len(g.channels[0].raw)); cut%13 != 0 {
			continue
		}
		again := New(p, 1)
		if _, err := again.RestoreState(state); err != nil {
			t.Fatal(err)
		}
		if got := step(again, cut+1, end); !slices.Equal(got, want) {
			t.Fatalf("restored after %d slots it is in another state after %d", cut+1, end)
		}
	}
	if longest != ring {
		t.Errorf("%d readings are kept at most, want %d", longest, ring)
	}
	step(g, end, begin+settle+dense*block+settle)
	if got := len(g.channels[0].raw); got != block {
		t.Errorf("%d readings are kept between blocks, want %d", got, block)
	}
}

// TestRestoreRefuses: a state that is cut, of other filters or of other channels.
func TestRestoreRefuses(t *testing.T) {
	p := newPanel(t, 8)
	g := New(p, 1)
	c := player{clean: slow, sigma: 1, told: 1, off: .6, claimed: .4}
	c.play(g, 5000, 1)
	state := g.AppendState(nil)
	for n := 0; n < len(state); n += 97 {
		if _, err := New(p, 1).RestoreState(state[:n]); err == nil {
			t.Fatalf("%d of %d bytes are a state", n, len(state))
		}
	}
	if _, err := New(newPanel(t, 0), 1).RestoreState(state); err == nil {
		t.Error("a state of another look-ahead is taken")
	}
	if _, err := New(p, 2).RestoreState(state); err == nil {
		t.Error("a state of one channel is taken for two")
	}
	if err := func() error { _, err := NewPanel(MaxLookahead + 1); return err }(); err == nil {
		t.Error("there is no largest look-ahead")
	}
}

// TestReset: a new context goes on with what was learnt, and Renew forgets it.
func TestReset(t *testing.T) {
	p := newPanel(t, 8)
	g := New(p, 1)
	c := player{clean: slow, sigma: 1, told: 1, off: .6, claimed: .4}
	c.play(g, 5000, 1)
	f, ok := g.Serving(0)
	if !ok {
		t.Fatal("the network serves")
	}
	g.Reset()
	if again, ok := g.Serving(0); !ok || again.String() != f.String() {
		t.Errorf("after a reset %s serves, before %s", again, f)
	}
	o := c.play(g, 1000, 2)
	if s := o.share(g.channels[0].family, 0); s < 1 {
		t.Errorf("after a reset %s serves %.3f of the slots", f, s)
	}
	g.Renew(p)
	if f, ok := g.Serving(0); ok {
		t.Errorf("after Renew %s serves", f)
	}
}

// TestReadingsLast: what the filters run over is still there, also for the last
// of them, for every look-ahead.
func TestReadingsLast(t *testing.T) {
	for _, lookahead := range []int{0, 8, 32, MaxLookahead} {
		p := newPanel(t, lookahead)
		// The last filter runs len(params) slots after the block, when its look-ahead
		// and one slot more have been read.
		oldest := len(p.params) + lookahead + 1 + block - ring
		if before := -oldest; before < settle/2 {
			t.Errorf("look-ahead %d: %d filters leave only %d slots before a block", lookahead, len(p.params), before)
		}
	}
}

// TestSchedule: dense at first, then one block in four, and known beforehand.
func TestSchedule(t *testing.T) {
	g := New(newPanel(t, 0), 1)
	gathered := 0
	for slot := range int64(settle + block*(dense+2*period)) {
		if g.Wants(slot, slot+1) {
			gathered++
		}
	}
	if want := block * (dense + 2); gathered != want {
		t.Errorf("evidence on %d slots, want %d", gathered, want)
	}
	if g.Wants(0, settle) || !g.Wants(0, settle+1) || g.Wants(settle+block*dense, settle+block*(dense+period-1)) || !g.Wants(settle+block*dense, settle+block*(dense+period-1)+1) {
		t.Error("Wants does not see the ends of blocks")
	}
	late := int64(settle + block*(dense+period-1))
	for from, want := range map[int64]int64{0: 0, settle - 1: settle - 1, settle: settle + block*dense, settle + block + 1: settle + block*dense,
		settle + block*dense: settle + block*dense, late: late + block, late + block - 1: late + block, late + block: late + block} {
		if got := g.WantsUntil(from); got != want {
			t.Errorf("from slot %d on evidence is wanted up to %d, want %d", from, got, want)
		}
	}
}

// TestMedians: what is made of a median at once is what is made of each window by itself.
func TestMedians(t *testing.T) {
	p := newPanel(t, 8)
	rng := rand.New(rand.NewPCG(4, 4))
	ys := make([]float64, settle+block+9)
	for i := range ys {
		if ys[i] = math.Round(2 * rng.NormFloat64()); i%2 == 0 {
			ys[i] = rng.NormFloat64()
		}
	}
	medians := 0
	for k, rank := range p.ranks {
		if !rank {
			continue
		}
		medians++
		got := p.run(k, classic.Params{}, ys, settle, 2)
		var want made
		xs := classic.Over(nil, p.filters[k], ys, settle, block)
		want.addMedians(ys, xs, settle, p.params[k].Window, p.filters[k].Lookahead(), 2)
		if got != want {
			t.Errorf("%v: %+v, want %+v", p.params[k], got, want)
		}
	}
	if medians == 0 {
		t.Error("no medians on the panel")
	}
}

func TestNudge(t *testing.T) {
	sum, n := 0.0, 10_000
	for i := range n {
		v := Nudge(1, 0, int64(i))
		if math.Abs(float64(v)) != step {
			t.Fatalf("nudge %g", v)
		}
		sum += float64(v / step)
	}
	if math.Abs(sum) > 4*math.Sqrt(float64(n)) {
		t.Errorf("%g more to one side", sum)
	}
}

// TestAllocations: nothing per slot once filters are made.
func TestAllocations(t *testing.T) {
	g := New(newPanel(t, 8), 1)
	c := player{clean: slow, sigma: 1, told: 1, off: .3, claimed: .3}
	c.play(g, 6000, 1)
	choices, values, y := make([]Choice, 1), []Value{{Net: 1, Spread: .3, Own: .1, Sigma: 1}}, []float64{1}
	if n := testing.AllocsPerRun(3000, func() {
		y[0] = float64(g.in % 7)
		g.Read(y)
		g.Estimate(choices, values)
	}); n > 0 {
		t.Errorf("%g allocations a slot", n)
	}
}

func BenchmarkGuard(b *testing.B) {
	g := New(newPanel(b, 8), 1)
	choices, values, y := make([]Choice, 1), []Value{{Net: 0, Spread: .3, Own: .1, Sigma: 1}}, []float64{0}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		y[0] = rng.NormFloat64()
		g.Read(y)
		if g.Ahead() <= 0 {
			g.Estimate(choices, values)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		y[0] = rng.NormFloat64()
		g.Read(y)
		g.Estimate(choices, values)
	}
}
