package train

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/model"
)

// A soup has the mean of the weights, by the shares.
func TestSoup(t *testing.T) {
	a, _, err := Base(t.Context(), tinyBase(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := Base(t.Context(), tinyBase(1, 9))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Soup([]float64{1, 3}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	va, vb, vm := values(a.Net()), values(b.Net()), values(m.Net())
	apart := 0.
	for i := range vm {
		for k, got := range vm[i] {
			want := .25*float64(va[i][k]) + .75*float64(vb[i][k])
			if math.Abs(float64(got)-want) > 1e-6 {
				t.Fatalf("weight %d of %d: %g, want %g", k, i, got, want)
			}
			apart = max(apart, math.Abs(float64(va[i][k]-vb[i][k])))
		}
	}
	if apart < 1e-3 {
		t.Fatalf("the models do not differ: %g", apart)
	}
	other, _, err := Base(t.Context(), BaseConfig{Lookahead: 1, Channels: 6, Taps: 3, Dilations: []int{1, 2}, Steps: 1, Batch: 2, Window: 64, Seed: 1, HoldOut: 2})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]struct {
		shares []float64
		models []*model.Model
	}{"nothing": {}, "shares": {[]float64{1}, []*model.Model{a, b}}, "shapes": {[]float64{1, 1}, []*model.Model{a, other}}} {
		if _, err := Soup(in.shares, in.models...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A teacher makes what is to be learnt of new windows, and of no old ones; context is
// seen and not learnt.
func TestTeacherAndContext(t *testing.T) {
	base, ws := recallCase(t)
	teacher, _, err := Base(t.Context(), tinyBase(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	for i := range ws {
		ws[i].Context = make([]bool, ws[i].slots())
		for k := range ws[i].Context {
			ws[i].Context[k] = k < ws[i].slots()/2
		}
	}
	tn, _, err := newTuner(base, ws, FineTuneConfig{Length: 64})
	if err != nil {
		t.Fatal(err)
	}
	data := &refinement{examples: tn.examples(0)}
	if err := data.denoise(base, teacher); err != nil {
		t.Fatal(err)
	}
	olds := 0
	for i := range data.windows {
		s := &data.windows[i]
		from := teacher
		if s.window.Old {
			from, olds = base, olds+1
		}
		want, err := from.NewStream(1)
		if err != nil {
			t.Fatal(err)
		}
		clean := append([]float32(nil), want.Push(s.window.Cols)...)
		for k, v := range clean {
			if s.clean[k] != v {
				t.Fatalf("window %d, slot %d, old %v: %g, want %g", i, k, s.window.Old, s.clean[k], v)
			}
		}
		for k := range s.window.Context {
			if s.window.Context[k] && s.learnt(k, false) {
				t.Fatalf("slot %d of the context is learnt", k)
			}
		}
		if !s.learnt(s.window.slots()/2, false) {
			t.Error("nothing is learnt")
		}
	}
	if olds == 0 || olds == len(data.windows) {
		t.Fatalf("%d of %d windows are old", olds, len(data.windows))
	}
}

// What is to be kept of old windows is what the model that knows them makes of them:
// the one that is tuned, unless another is named.
func TestKnown(t *testing.T) {
	base, ws := recallCase(t)
	other, _, err := Base(t.Context(), tinyBase(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	tuned := func(known *model.Model) string {
		m, _, err := FineTune(t.Context(), base, ws, FineTuneConfig{Steps: 2, Batch: 4, Length: 64, Known: known})
		if err != nil {
			t.Fatal(err)
		}
		return m.Name()
	}
	if a, b := tuned(nil), tuned(base); a != b {
		t.Errorf("%s by itself, %s where it is named", a, b)
	}
	if a, b := tuned(base), tuned(other); a == b {
		t.Error("it does not matter who knows the old windows")
	}
}
