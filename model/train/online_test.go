package train

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
)

// pulses is a recording of beats whose distance wanders, made as it is read; with
// pairs, noise of a deviation beside it. In every second stretch of turn samples
// each has a ripple.
type pulses struct {
	n, turn int
	sigma   float64

	i     int
	phase float64
	rng   *rand.Rand
	read  func(i int) // called at each row, if set
}

func newPulses(n int, seed uint64) *pulses {
	return &pulses{n: n, turn: n, rng: rand.New(rand.NewPCG(seed, 7))}
}

func (p *pulses) Read(clean, hiss []float64) error {
	if p.i == p.n {
		return io.EOF
	}
	if p.read != nil {
		p.read(p.i)
	}
	p.i++
	p.phase += .01 + .002*p.rng.Float64()
	for i := range clean {
		d := math.Mod(p.phase+float64(i)/7, 1) - .5
		clean[i] = 50 + 8*math.Exp(-d*d*400) - 2*math.Exp(-(d-.2)*(d-.2)*90)
		if (p.i-1)/p.turn%2 == 1 {
			clean[i] += 4 * math.Sin(60*math.Pi*d) * math.Exp(-d*d*60)
		}
	}
	for i := range hiss {
		hiss[i] = p.sigma * p.rng.NormFloat64()
	}
	return nil
}

// all reads a whole recording.
func (p *pulses) all(t *testing.T) []float64 {
	t.Helper()
	var out []float64
	row := make([]float64, 1)
	for {
		err := p.Read(row, nil)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row[0])
	}
}

func tenDB(t testing.TB) noise.Chain {
	t.Helper()
	c, err := noise.ParseSpec("gaussian:snr=10")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onlineConfig trains a small net fast: a row in 128 is an update.
func onlineConfig(t testing.TB) OnlineConfig {
	return OnlineConfig{Channels: 1, Memory: 1 << 20, SupervisedConfig: SupervisedConfig{
		Arch: TCNArch(0, 6, 3, []int{1, 2, 4, 8}, 4), Corrupt: tenDB(t), Batch: 4, Window: 128, Seed: 6}}
}

// heapOf trains on a recording of n rows and returns the largest heap that was
// alive while it was read, beyond what was there before.
func heapOf(t *testing.T, n int) uint64 {
	t.Helper()
	cfg := onlineConfig(t)
	var before, m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	src := newPulses(n, 1)
	src.read = func(i int) {
		if i > 0 && i%(n/16) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc-min(before.HeapAlloc, m.HeapAlloc))
		}
	}
	_, rep, err := Online(t.Context(), src, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Rows != int64(n) || !rep.Ended || rep.Steps != n/cfg.Window {
		t.Fatalf("%d rows of %d were read in %d updates", rep.Rows, n, rep.Steps)
	}
	return most
}

// TestOnlineMemory: what is alive while a recording is read depends on the bound,
// not on the length. The longer one is 20 times the bound.
func TestOnlineMemory(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("a long recording")
	}
	const bound = 1 << 20
	long := 20 * bound / 8
	short, all := heapOf(t, long/10), heapOf(t, long)
	t.Logf("alive: %d KiB with %d rows, %d KiB with %d", short>>10, long/10, all>>10, long)
	if all > short+short/10 {
		t.Errorf("ten times the rows, and the heap grows from %d to %d bytes", short, all)
	}
	if most := uint64(bound + 4<<20); all > most {
		t.Errorf("%d bytes are alive, want at most %d", all, most)
	}
}

// TestOnlineMatchesWhole: trained as it is read, with a tenth of the recording
// kept, a net is as good as one that has all of it, for as many updates, on both
// that the recording changes between.
func TestOnlineMatchesWhole(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("two trainings")
	}
	const n = 500_000
	cfg := onlineConfig(t)
	cfg.Memory, cfg.Steps = n*8/10, 4000
	rec := func() *pulses {
		p := newPulses(n, 1)
		p.turn = n / 8
		return p
	}
	online, rep, err := Online(t.Context(), rec(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Kept+rep.Held > n/10 || rep.Rows < n*9/10 {
		t.Fatalf("%d samples are kept of %d", rep.Kept+rep.Held, rep.Rows)
	}
	whole := cfg.SupervisedConfig
	longer := rec()
	longer.n = n * 10 / 6 // of which the first 60 % are trained on
	whole.Clean = [][]float64{longer.all(t)}
	whole.Recipe = Recipe{Schedule: ConstantKind, EMA: onlineEMA}
	all, _, err := Supervised(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	p := newPulses(40_000, 2)
	p.turn = 20_000
	both := p.all(t)
	for _, clean := range [][]float64{both[:20_000], both[20_000:]} {
		_, dev := moments(clean)
		noisy := addWhite(clean, dev*math.Sqrt(.1), 3)
		a, b := gainOf(t, online, clean, noisy), gainOf(t, all, clean, noisy)
		t.Logf("%.2f dB as it is read, %.2f dB of the whole", a, b)
		if !(a > 3) || !(math.Abs(a-b) < .6) {
			t.Errorf("%.2f dB as it is read, %.2f dB of the whole; want .6 dB between them at most", a, b)
		}
	}
}

func TestOnlineIsSeeded(t *testing.T) {
	const n = 20_000
	train := func(change func(*OnlineConfig)) []byte {
		cfg := onlineConfig(t)
		change(&cfg)
		m, _, err := Online(t.Context(), newPulses(n, 1), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return encode(t, m)
	}
	first := train(func(c *OnlineConfig) { c.Workers = 1 })
	if !bytes.Equal(train(func(c *OnlineConfig) { c.Workers = 3 }), first) {
		t.Error("the number of workers changes the model")
	}
	if bytes.Equal(train(func(c *OnlineConfig) { c.Seed++ }), first) {
		t.Error("another seed gives the same model")
	}
}

// TestOnlinePairs: noise beside the clean values is what is learnt, in several
// channels too.
func TestOnlinePairs(t *testing.T) {
	cfg := onlineConfig(t)
	cfg.Corrupt, cfg.Pairs, cfg.Steps = nil, true, 300
	src := newPulses(100_000, 1)
	src.sigma = .8
	m, rep, err := Online(t.Context(), src, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header()
	if s := h.Scaler; s.Kind != model.ScaleFixed || math.Abs(s.Sigma[0]-.8) > .02 || math.Abs(s.Mean[0]-50) > 2 || h.NotWhite {
		t.Errorf("scaler %+v, not white: %v", s, h.NotWhite)
	}
	if rep.Steps != 300 || rep.Ended || rep.Rows != rep.Scaled || rep.Scaled < 1<<16 {
		t.Errorf("%d rows in %d updates", rep.Rows, rep.Steps)
	}
	clean := newPulses(8000, 2).all(t)
	if g := gainOf(t, m, clean, addWhite(clean, .8, 3)); !(g > 2) {
		t.Errorf("gain %.2f dB", g)
	}
	if len(h.Interval.Levels) == 0 {
		t.Error("the interval was not calibrated")
	}

	cfg.SupervisedConfig.Arch, cfg.Channels, cfg.Steps = TCNArch(2, 6, 3, []int{1, 2}, 2), 2, 20
	src = newPulses(60_000, 1)
	src.sigma = .8
	if m, _, err = Online(t.Context(), src, cfg); err != nil || m.Header().Channels != 2 {
		t.Errorf("two channels: %v", err)
	}
}

// TestOnlineEnds: without a number of steps training ends with the recording, with
// one it goes on with what is kept.
func TestOnlineEnds(t *testing.T) {
	const n = 6400
	cfg := onlineConfig(t)
	_, rep, err := Online(t.Context(), newPulses(n, 1), cfg)
	if err != nil || rep.Steps != n/cfg.Window || !rep.Ended {
		t.Errorf("%d updates, %v", rep.Steps, err)
	}
	cfg.Steps = 70
	_, rep, err = Online(t.Context(), newPulses(n, 1), cfg)
	if err != nil || rep.Steps != 70 || !rep.Ended {
		t.Errorf("%d updates, %v", rep.Steps, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Progress = func(p Progress) {
		if p.Step == 9 {
			cancel()
		}
	}
	if _, rep, err = Online(ctx, newPulses(n, 1), cfg); !errors.Is(err, context.Canceled) || rep.Steps != 9 {
		t.Errorf("cancelled after %d updates: %v", rep.Steps, err)
	}
}

// faulty spoils some rows of a recording.
type faulty struct {
	RowReader
	spoil func(i int, row []float64) error
	i     int
}

func (f *faulty) Read(clean, hiss []float64) error {
	f.i++
	if err := f.RowReader.Read(clean, hiss); err != nil {
		return err
	}
	return f.spoil(f.i-1, clean)
}

// TestOnlineSpoilt: missing readings and a burst of absurd ones reach neither the
// net nor the scale.
func TestOnlineSpoilt(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	const n = 40_000
	cfg := onlineConfig(t)
	good, _, err := Online(t.Context(), newPulses(n, 1), cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, rep, err := Online(t.Context(), &faulty{RowReader: newPulses(n, 1), spoil: func(i int, row []float64) error {
		switch {
		case i < 10 || i%97 == 0:
			row[0] = math.NaN()
		case i%89 == 0:
			row[0] = math.Inf(1)
		case i >= 5000 && i < 5050:
			row[0] = 1e7
		}
		return nil
	}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, b := good.Header().Scaler, m.Header().Scaler
	if math.Abs(a.Dev[0]-b.Dev[0]) > .05*a.Dev[0] || math.Abs(a.Mean[0]-b.Mean[0]) > .05*a.Dev[0] {
		t.Errorf("the scale is %v ± %v, without faults %v ± %v", b.Mean, b.Dev, a.Mean, a.Dev)
	}
	if math.IsNaN(rep.Best) || rep.Rows != n {
		t.Errorf("%+v", rep)
	}
	for _, p := range m.Net().Params() {
		for _, v := range p.Data {
			if v-v != 0 {
				t.Fatalf("%s holds %v", p.Name, v)
			}
		}
	}
}

func TestOnlineRefuses(t *testing.T) {
	for want, change := range map[string]func(*OnlineConfig){
		"at least one channel":  func(c *OnlineConfig) { c.Channels = 0 },
		"is read, not given":    func(c *OnlineConfig) { c.Clean = [][]float64{{1}} },
		"what was read is gone": func(c *OnlineConfig) { c.Patience = 3 },
		"not both":              func(c *OnlineConfig) { c.Pairs, c.Noise = true, [][]float64{{1}} },
		"length of the rec":     func(c *OnlineConfig) { c.Schedule = CosineKind },
		"no curriculum":         func(c *OnlineConfig) { c.Curriculum = true },
		"are too little":        func(c *OnlineConfig) { c.Memory = 1000 },
		"more than half":        func(c *OnlineConfig) { c.Noise = [][]float64{make([]float64, 1<<17)} },
		"the net takes 3":       func(c *OnlineConfig) { c.Channels, c.Arch = 2, TCNArch(3, 4, 3, []int{1}, 0) },
		"at least 3":            func(*OnlineConfig) {},
		"negative":              func(c *OnlineConfig) { c.Memory = -1 },
		"there is no schedule":  func(c *OnlineConfig) { c.Schedule, c.Steps = "sawtooth", 3 },
		"multiple of the net's": func(c *OnlineConfig) { c.Arch, c.Window = DAEArch(1, []int{4}, 5, 2), 127 },
		"noise on the line":     nil,
	} {
		cfg := onlineConfig(t)
		src := RowReader(newPulses(3000, 1))
		if change != nil {
			change(&cfg)
		} else {
			src = &faulty{RowReader: src, spoil: func(i int, _ []float64) error {
				if i == 2500 {
					return errors.New("noise on the line")
				}
				return nil
			}}
		}
		if want == "at least 3" {
			want = "at least 3103 in a row"
		}
		if _, _, err := Online(t.Context(), src, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want …%s…", err, want)
		}
	}
}

// TestReservoir: each piece is kept as often as any other, and one that is held out
// shares no receptive field with one that is not.
func TestReservoir(t *testing.T) {
	const size, pieces, runs = 10, 200, 400
	count := make([]float64, pieces)
	for run := range uint64(runs) {
		r := newReservoir(1, 1, size, false, run)
		for i := range pieces {
			r.add([][]float64{{float64(i)}}, nil)
		}
		if r.full != size {
			t.Fatalf("%d pieces are kept", r.full)
		}
		for _, v := range r.clean[0] {
			count[int(v)]++
		}
	}
	chi2, want := 0., float64(size*runs)/pieces
	for _, n := range count {
		chi2 += (n - want) * (n - want) / want
	}
	// 200 degrees of freedom: mean 200, deviation 20.
	if chi2 < 120 || chi2 > 280 {
		t.Errorf("χ² = %.0f over %d pieces", chi2, pieces)
	}
}

type counting struct{ i int }

func (c *counting) Read(clean, _ []float64) error {
	c.i++
	if c.i%5000 == 0 {
		return ErrBreak
	}
	clean[0] = float64(c.i)
	return nil
}

func TestCutter(t *testing.T) {
	cfg := onlineConfig(t)
	cfg.Memory = 4 << 20
	if err := cfg.defaults(); err != nil {
		t.Fatal(err)
	}
	c, err := newCutter(&counting{}, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 {
		if err := c.read(); err != nil {
			t.Fatal(err)
		}
	}
	own := make(map[int]bool)
	each := func(r *reservoir, visit func(from int)) {
		for k := range r.full {
			x := r.clean[0][k*r.length : (k+1)*r.length]
			for i, v := range x {
				if v != x[0]+float64(i) {
					t.Fatalf("a piece has %v after %v", v, x[i-1])
				}
			}
			visit(int(x[0]))
		}
	}
	each(c.kept, func(from int) {
		for i := range c.length {
			own[from+i] = true
		}
	})
	held := 0
	each(c.held, func(from int) {
		held++
		for i := -c.gap; i < c.length+c.gap; i++ {
			if own[from+i] && (from+i)/5000 == from/5000 {
				t.Fatalf("sample %d is trained on and in reach of a held-out piece", from+i)
			}
		}
	})
	if c.kept.seen < 100 || held < 20 || c.gap < 10 {
		t.Errorf("%d pieces kept, %d held out, %d between them", c.kept.seen, held, c.gap)
	}
}

func TestRobustMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	x := make([]float64, 30_000)
	for i := range x {
		x[i] = 1e6 + 3*math.Sin(float64(i)/400) + rng.NormFloat64()
	}
	mean, dev := robustMoments(x)
	wantMean, wantDev := moments(x)
	if math.Abs(mean-wantMean) > .05*wantDev || math.Abs(dev-wantDev) > .02*wantDev {
		t.Errorf("%g ± %g, want about %g ± %g", mean, dev, wantMean, wantDev)
	}
	for i := 9000; i < 9200; i++ {
		x[i] = -1e9
	}
	if m, d := robustMoments(x); math.Abs(m-mean) > .1*dev || math.Abs(d-dev) > .05*dev {
		t.Errorf("with a burst of wrong readings %g ± %g, without %g ± %g", m, d, mean, dev)
	}
	if m, d := robustMoments([]float64{1, 3}); m != 2 || d != 1 {
		t.Errorf("of two values %g ± %g", m, d)
	}
}
