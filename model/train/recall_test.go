package train

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model"
)

// recallBase is a tiny model that several tests begin with.
var recallBase = sync.OnceValues(func() (*model.Model, error) {
	m, _, err := Base(context.Background(), tinyBase(1, 60))
	return m, err
})

// recallCase is a tiny model with old windows of pulses and new ones of another
// kind.
func recallCase(t *testing.T) (*model.Model, []Window) {
	t.Helper()
	base, err := recallBase()
	if err != nil {
		t.Fatal(err)
	}
	old := windowsOf(base, addWhite(pulseTrain(2000, 0), .5, 1), 128)
	saw := make([]float64, 2000)
	for i := range saw {
		saw[i] = float64(i%23) / 6
	}
	fresh := windowsOf(base, addWhite(saw, .5, 2), 128)
	for i := range old {
		old[i].Old = true
	}
	return base, append(old, fresh...)
}

// distance is how far two models are apart on old windows, in the mean square.
func distance(t *testing.T, a, b *model.Model, ws []Window) float64 {
	t.Helper()
	sum, n := 0., 0
	for i := range ws {
		if !ws[i].Old {
			continue
		}
		var out [2][]float32
		for k, m := range []*model.Model{a, b} {
			st, err := m.NewStream(1)
			if err != nil {
				t.Fatal(err)
			}
			out[k] = append(out[k], st.Push(ws[i].Cols)...)
		}
		for j := range out[0] {
			d := float64(out[0][j] - out[1][j])
			sum += d * d
			n++
		}
	}
	return sum / float64(n)
}

// What is to hold a fine-tune back does: on old windows the model stays nearer to
// what it was than without, and the same input gives the same bytes.
func TestRecallHoldsBack(t *testing.T) {
	base, ws := recallCase(t)
	tune := func(r Recall) *model.Model {
		m, _, err := FineTune(t.Context(), base, ws, FineTuneConfig{Steps: 25, Batch: 2, Length: 128, Peak: 5e-3, Seed: 3, Recall: r})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	free := distance(t, base, tune(Recall{}), ws)
	for name, r := range map[string]Recall{"DER++": {Alpha: 20}, "LwF": {Distil: 20}, "EWC": {Elastic: 1000}} {
		m := tune(r)
		if d := distance(t, base, m, ws); !(d < .7*free) {
			t.Errorf("%s: %.4f from the old model, %.4f without it", name, d, free)
		}
		if again := tune(r); again.Name() != m.Name() {
			t.Errorf("%s: the same input made %s and %s", name, m.Name(), again.Name())
		}
	}
	plain := tune(Recall{})
	for _, r := range []Retrieval{Interfered, Diverse} {
		a, b := tune(Recall{Retrieve: r}), tune(Recall{Retrieve: r})
		if a.Name() != b.Name() || a.Name() == plain.Name() {
			t.Errorf("%s made %s and %s, %s without", r, a.Name(), b.Name(), plain.Name())
		}
	}
}

// The target of a distilled example lies between its own and what the old model
// says, by the weights.
func TestDistilled(t *testing.T) {
	base, ws := recallCase(t)
	for i := range ws {
		ws[i].Old = true
	}
	tn, _, err := newTuner(base, ws, FineTuneConfig{Length: 128})
	if err != nil {
		t.Fatal(err)
	}
	data := &refinement{examples: tn.examples(0)}
	if err := data.denoise(base, base); err != nil {
		t.Fatal(err)
	}
	d := newDistilled(data, base.Net(), tn.arch, Recall{Alpha: 3, Beta: .5})
	var plain, mixed Example
	data.Example(&plain, 2, 1)
	d.Example(&mixed, 2, 1)
	z := base.Net().NewRunner(128).Run(nil, plain.X)
	for i, y := range plain.Y {
		want := (.5*float64(y) + 3*float64(z[2*i])) / 3.5
		if math.Abs(want-float64(mixed.Y[i])) > 1e-5 || math.Abs(3.5*float64(plain.W[i])-float64(mixed.W[i])) > 1e-3*float64(plain.W[i]) {
			t.Fatalf("slot %d: target %g of weight %g, want %g of %g", i, mixed.Y[i], mixed.W[i], want, 3.5*plain.W[i])
		}
	}
}

// The gradient of the elastic penalty is none at home and points back elsewhere.
func TestElastic(t *testing.T) {
	base, ws := recallCase(t)
	tn, _, err := newTuner(base, ws, FineTuneConfig{Length: 128})
	if err != nil {
		t.Fatal(err)
	}
	data := &refinement{examples: tn.examples(0)}
	if err := data.denoise(base, base); err != nil {
		t.Fatal(err)
	}
	p := newElastic(base.Net(), data, tn.arch.lossWithoutTruth(nil), 2)
	var params, grads [][]float32
	for _, w := range p.home {
		params, grads = append(params, append([]float32(nil), w...)), append(grads, make([]float32, len(w)))
	}
	p.add(params, grads)
	all, n := 0., 0
	for i, g := range grads {
		for j, v := range g {
			if v != 0 {
				t.Fatal("a gradient at home")
			}
			all += float64(p.fisher[i][j])
			n++
		}
	}
	if math.Abs(all/float64(n)-1) > 1e-3 {
		t.Errorf("the mean information is %g, want 1", all/float64(n))
	}
	params[0][0] += .5
	p.add(params, grads)
	if want := p.fisher[0][0]; math.Abs(float64(grads[0][0]-want)) > 1e-3*float64(want) {
		t.Errorf("gradient %g, want %g", grads[0][0], want)
	}
}

func TestShares(t *testing.T) {
	s := newShares([]float64{0, 3, 0, 1, 0})
	var n [5]int
	rng := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		n[s.draw(rng)]++
	}
	if n[0]+n[2]+n[4] != 0 || n[1] < 2900 || n[1] > 3100 {
		t.Errorf("drawn %v times", n)
	}
}

// Windows of no weight beside others are not trained on.
func TestWeights(t *testing.T) {
	base, ws := recallCase(t)
	for i := range ws {
		ws[i].Weight = 1
		if ws[i].Old {
			ws[i].Weight = 0
		}
	}
	x := (&tuner{arch: archOf(base), model: base, usable: ws, length: 128}).examples(0)
	x.share()
	var e Example
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		if s, _ := x.cut(&e, rng); s.window.Old || e.desk.old {
			t.Fatal("an old window was drawn")
		}
	}
}

func TestFarthest(t *testing.T) {
	v := [][]float64{{1, 0}, {.995, .1}, {0, 1}, {.1, .995}, {-1, 0}}
	if diff := cmp.Diff([]int{0, 4, 2}, farthest(v, 3)); diff != "" {
		t.Error(diff)
	}
	a, b := make([][]float32, 1), make([][]float32, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		x, y := float32(rng.NormFloat64()), float32(rng.NormFloat64())
		a[0], b[0] = append(a[0], x), append(b[0], .6*x+.8*y)
	}
	if c := dot(sketch(a), sketch(b)); math.Abs(c-.6) > .2 {
		t.Errorf("the cosine of the sketches is %.2f, want .6", c)
	}
}

// MIR favours what has become worse, and leaves the new windows their share.
func TestInterfered(t *testing.T) {
	base, ws := recallCase(t)
	tn, _, err := newTuner(base, ws, FineTuneConfig{Length: 128})
	if err != nil {
		t.Fatal(err)
	}
	data := &refinement{examples: tn.examples(0)}
	if err := data.denoise(base, base); err != nil {
		t.Fatal(err)
	}
	m := newInterfered(base.Net(), data, tn.arch.lossWithoutTruth(nil))
	for k := range m.first {
		if k%2 == 1 {
			m.first[k] -= 100 // as if it had been better by so much
		}
	}
	for range retrievalEvery + 1 {
		if more, err := m.next(); !more || err != nil {
			t.Fatalf("%v, %v", more, err)
		}
	}
	all, spared := 0., 0
	for i, w := range data.shares.weight {
		all += w
		k := slices.Index(m.at, i)
		if k >= 0 && k%2 == 0 && w > 0 {
			spared++
		}
		if k < 0 && w != 1 || k >= 0 && k%2 == 1 && w == 0 {
			t.Errorf("window %d of %v is drawn %g times", i, m.at, w)
		}
	}
	if spared > 1 { // one makes up the half of an odd number
		t.Errorf("%d windows that have not become worse are drawn", spared)
	}
	if math.Abs(all-float64(len(ws))) > 1e-9 {
		t.Errorf("all weights are %g, want %d", all, len(ws))
	}
}

// The rate falls where the loss rises, and training ends for want of a new best.
func TestBrake(t *testing.T) {
	b := backoff{Schedule: Constant{Peak: 1, Steps: 1}, by: .5, rate: 1}
	for _, loss := range []float64{3, 2, 2.5, 2.4, 2.6} {
		b.look(loss)
	}
	if lr, _ := b.At(1); lr != .25 {
		t.Errorf("rate %g after two rises, want .25", lr)
	}
	base, ws := recallCase(t)
	cfg := FineTuneConfig{Steps: 60, Batch: 2, Length: 128, Peak: 2, Seed: 3, Brake: Brake{Watch: .25, Backoff: .5, Patience: 2}}
	m, rep, err := FineTune(t.Context(), base, ws, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r := rep.Rounds[0]; !r.Stopped || r.BestAt >= r.Steps || math.IsNaN(r.Best) {
		t.Errorf("a rate that does harm: %+v", r)
	}
	cfg.Workers = 2
	if again, _, err := FineTune(t.Context(), base, ws, cfg); err != nil || again.Name() != m.Name() {
		t.Errorf("two workers make another model: %v", err)
	}
}

func TestRecallRefuses(t *testing.T) {
	base, ws := recallCase(t)
	for name, cfg := range map[string]FineTuneConfig{
		"weight":     {Recall: Recall{Alpha: -1}},
		"not finite": {Recall: Recall{Elastic: math.Inf(1)}},
		"retrieval":  {Recall: Recall{Retrieve: "best"}},
		"watch":      {Brake: Brake{Watch: .8}},
		"patience":   {Brake: Brake{Patience: 2}},
		"loss":       {Recall: Recall{Distil: 1}, Recipe: Recipe{Loss: Spectral{Weight: .1}}},
	} {
		cfg.Steps = 1
		if _, _, err := FineTune(t.Context(), base, ws, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
