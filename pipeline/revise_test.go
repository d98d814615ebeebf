package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// fixedModel is a net with random weights and a scale of its own, so that what a
// record says hangs on the readings around it alone.
func fixedModel(t *testing.T, seed uint64, strided bool) *model.Model {
	t.Helper()
	spec, kind := nn.TCN(3, 1, 8, 5, []int{1, 2, 4}, 8), model.TCN
	if strided {
		spec, kind = nn.DAE(3, 1, []int{4, 8}, 3, 4), model.DAE
	}
	net, err := nn.New(spec, seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] += 0.1 * float32(rng.NormFloat64())
		}
	}
	net.Pack()
	m, err := model.New(model.Header{Name: fmt.Sprint("fixed", seed), Kind: kind, Inputs: []model.Input{model.Signal, model.Level, model.Mask},
		Residual: true, Scaler: model.Scaler{Kind: model.ScaleFixed, Mean: []float64{0.5}, Dev: []float64{2}, Sigma: []float64{0.3}}}, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func revising(t *testing.T, m *model.Model, guarded bool, hold time.Duration, out Out) *Engine {
	t.Helper()
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Guard: guarded, Model: m, Window: window.Config{
		RateHz: 100, Lateness: 20 * time.Millisecond, MaxGap: 300 * time.Millisecond, AllowedLateness: time.Second, Hold: hold}}, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// delayed returns samples of which every few come late, and how many do. Those of the
// first slots and of the last come in time, so that the grid is the same.
func delayed(in []ingest.Sample, seed uint64, every, by int) (out []ingest.Sample, late int) {
	rng := rand.New(rand.NewPCG(seed, 6))
	back := map[int][]ingest.Sample{}
	for i, s := range in {
		if i > 40 && i < len(in)-2*by && rng.IntN(every) == 0 {
			at := i + 20 + rng.IntN(by)
			back[at] = append(back[at], s)
			late++
		} else {
			out = append(out, s)
		}
		out = append(out, back[i]...)
	}
	return out, late
}

// newest returns the records with the highest rev of each slot, without it and in
// order of time; revs is the number of revised records. It fails where revisions of
// a slot do not count up.
func newest(t *testing.T, records []string) (all map[int64]string, revs int) {
	t.Helper()
	all = map[int64]string{}
	next := map[int64]int{}
	for _, line := range records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if r.Rev != next[r.Time] {
			t.Fatalf("rev %d where %d is due: %s", r.Rev, next[r.Time], line)
		}
		next[r.Time]++
		if r.Rev > 0 {
			revs++
		}
		all[r.Time] = strings.Replace(line, fmt.Sprintf(`"rev":%d`, r.Rev), `"rev":0`, 1)
	}
	return all, revs
}

// TestRevisedAsInTime: where nothing that revisions do not rewind has a say (the
// scale is fixed, the net serves), the newest records are those that come if nothing
// is late, byte for byte.
func TestRevisedAsInTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		strided bool
		hold    time.Duration
		every   int
	}{{"tcn", false, 0, 30}, {"many", false, 0, 4}, {"held", false, 50 * time.Millisecond, 8}, {"dae", true, 0, 30}} {
		m := fixedModel(t, 3, c.strided)
		in := steady("x", 0, 900)
		whole := &lines{}
		e := revising(t, m, false, c.hold, whole)
		push(t, e, in)
		e.Finish()
		want, _ := newest(t, whole.records)

		late, n := delayed(in, 1, c.every, 60)
		out := &lines{}
		e = revising(t, m, false, c.hold, out)
		for i := range late {
			push(t, e, late[i:i+1])
		}
		e.Finish()
		got, revs := newest(t, out.records)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %.3000s", c.name, d)
		}
		if n < 10 || revs < n || out.dead != 0 {
			t.Errorf("%s: %d samples late, %d records revised, %d samples dead", c.name, n, revs, out.dead)
		}
		if f := e.Fates(); f.In() != int64(len(in)) || f[window.Raw] != int64(len(in)) {
			t.Errorf("%s: fates %v, want all of %d raw", c.name, f, len(in))
		}
	}
}

// noisy are n slots of two noisy sines at 100 Hz.
func noisy(series string, n int) []ingest.Sample {
	rng := rand.New(rand.NewPCG(4, uint64(len(series))))
	in := steady(series, 0, n)
	for i := range in {
		in[i].Value += 0.5 * rng.NormFloat64()
	}
	return in
}

// both are two series by turns, of which some samples come late.
func both(n, every int) []ingest.Sample {
	x, _ := delayed(noisy("x", n), 1, every, 60)
	y, _ := delayed(noisy("yy", n), 2, every, 60)
	var in []ingest.Sample
	for i := range x {
		in = append(in, x[i], y[i])
	}
	return in
}

// TestRevisedAnyCut: with guard and monitor at work, the records, revised ones among
// them, are the same however Run is called, and across a restore at any point.
func TestRevisedAnyCut(t *testing.T) {
	in := both(800, 40)
	m := testModel(t, 1)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.Save(m); err != nil {
		t.Fatal(err)
	}
	make := func(out Out) *Engine {
		e := testEngine(t, m, out)
		e.cfg.Window.AllowedLateness = time.Second
		return e
	}
	var want map[string][]string
	for _, every := range []int{1, 7, 400} {
		out := &lines{}
		e := make(out)
		for i := range in {
			if err := e.Push("p", in[i:i+1], 0); err != nil {
				t.Fatal(err)
			}
			if i%every == 0 {
				e.Run()
			}
		}
		e.Finish()
		if f := e.Fates(); f[window.Raw] != int64(len(in)) || f.In() != int64(len(in)) {
			t.Errorf("fates %v, want all of %d raw", f, len(in))
		}
		got := bySeries(out.records)
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("Run after each %d samples: %.2000s", every, d)
		}
	}
	for _, cut := range []int{40, 333, 2100} {
		out := &lines{}
		a := make(out)
		for i := range cut {
			push(t, a, in[i:i+1])
		}
		b := make(out)
		for name, l := range a.lanes {
			state := l.appendState(nil)
			r, err := restoreLane(b, "p", name, state, bank)
			if err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
			if d := cmp.Diff(state, r.appendState(nil)); d != "" {
				t.Fatalf("cut %d: the state is not what was read", cut)
			}
			b.adopt("p", []*lane{r})
		}
		for i := cut; i < len(in); i++ {
			push(t, b, in[i:i+1])
		}
		b.Finish()
		if d := cmp.Diff(want, bySeries(out.records)); d != "" {
			t.Fatalf("cut %d: %.2000s", cut, d)
		}
		if f := b.Fates(); f[window.Raw] != int64(len(in)) {
			t.Errorf("cut %d: fates %v", cut, f)
		}
	}
}

// TestRevisedRewindsNothing: scaler and monitor have seen what came in time.
func TestRevisedRewindsNothing(t *testing.T) {
	m := testModel(t, 1)
	late, _ := delayed(noisy("x", 900), 1, 25, 60)
	var seen int64
	var timely []ingest.Sample
	for _, s := range late {
		if s.Time >= seen-int64(60*time.Millisecond) {
			seen, timely = max(seen, s.Time), append(timely, s)
		}
	}
	var states [2][]byte
	for i, in := range [][]ingest.Sample{late, timely} {
		e := testEngine(t, m, &lines{})
		e.cfg.Window.AllowedLateness = time.Second
		for k := range in {
			push(t, e, in[k:k+1])
		}
		l := e.lanes["x"]
		for ch := range l.scalers {
			states[i] = l.colours[ch].AppendState(l.scalers[ch].AppendState(states[i]))
		}
		states[i] = l.watch.appendState(states[i])
	}
	if len(timely) == len(late) {
		t.Fatal("nothing came late")
	}
	if d := cmp.Diff(states[1], states[0]); d != "" {
		t.Error("late readings have changed what had been learnt")
	}
}

// TestRevisedByFilter: where a filter serves, it makes the revised value, and the
// records tell what they would if the reading had come in time but for rounding and
// for what the evidence lacks.
func TestRevisedByFilter(t *testing.T) {
	m := testModel(t, 1)
	in := noisy("x", 4500)
	late, _ := delayed(in[8000:], 1, 15, 60)
	late = append(in[:8000:8000], late...)
	out, whole := &lines{}, &lines{}
	for _, c := range []struct {
		out *lines
		in  []ingest.Sample
	}{{out, late}, {whole, in}} {
		e := revising(t, m, true, 0, c.out)
		for i := range c.in {
			push(t, e, c.in[i:i+1])
		}
		e.Finish()
	}
	want := map[int64]*sink.Record{}
	for _, line := range whole.records {
		r, _ := sink.ParseRecord([]byte(line))
		want[r.Time] = r
	}
	byFilter, n := 0, 0
	before, after := 0.0, 0.0 // squared distance from what comes in time
	first, latest := map[int64]*sink.Record{}, map[int64]*sink.Record{}
	for _, line := range out.records {
		r, _ := sink.ParseRecord([]byte(line))
		if latest[r.Time] = r; r.Rev == 0 {
			first[r.Time] = r
		}
	}
	for at, r := range latest {
		if r.Rev == 0 {
			continue
		}
		for i, v := range r.Values {
			w := want[at].Values[i]
			n++
			if v.Method != "net" && v.Method != "raw" {
				byFilter++
			}
			before += math.Pow(first[at].Values[i].Clean-w.Clean, 2)
			after += math.Pow(v.Clean-w.Clean, 2)
			if !cmp.Equal(v.Raw, w.Raw, nanEqual) || v.Quality != w.Quality || !(v.Hi > v.Lo) {
				t.Fatalf("revised %+v, in time %+v", v, w)
			}
		}
	}
	if n < 50 || byFilter < n/2 || after > before/20 {
		t.Errorf("of %d revised values %d are of a filter; squared distance from those that had all in time %g, before %g", n, byFilter, after, before)
	}
}
