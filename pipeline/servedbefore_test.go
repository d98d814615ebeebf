package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/sink"
)

// TestConfiguredModelServes: a series that is restored where another model is configured
// than before is served by that, as if it had been from the start. One that was switched to
// a model keeps it, and so does one whose slots wait for another look-ahead.
func TestConfiguredModelServes(t *testing.T) {
	first, second, tuned := testModel(t, 1), testModel(t, 2), testModel(t, 3)
	further, raw := aheadModel(t, 16), rawModel(t)
	in := noisy("x", 900)
	cut := 2 * 600
	begun := func(m, switched *model.Model) []byte {
		e := testEngine(t, m, &lines{})
		e.cfg.Guard = false
		if switched != nil {
			if err := e.Obey("p", Switch{Series: "x", Model: switched, Record: 100, Kind: "model.promoted"}); err != nil {
				t.Fatal(err)
			}
		}
		push(t, e, in[:cut])
		return e.lanes["x"].appendState(nil)
	}
	// earlier makes a state what version 11 would have written.
	earlier := func(state []byte, m *model.Model) []byte {
		name := wire.String(nil, m.Name())
		at := bytes.Index(state, name) + len(name)
		if state[0] != 12 || at < len(name) || state[at] > 1 {
			t.Fatal("where does a state say what it was switched to?")
		}
		return append(wire.U8(nil, 11), slices.Delete(slices.Clone(state[1:]), at-1, at)...)
	}
	unkept, kept := newBank(t, t.TempDir()), newBank(t, t.TempDir())
	for _, m := range []*model.Model{first, tuned} {
		if err := kept.Save(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name       string
		state      []byte
		configured *model.Model
		bank       *Bank
		serves     *model.Model
		was        string
	}{
		{"another one", begun(first, nil), second, kept, second, first.Name()},
		{"another one, the first is gone", begun(first, nil), second, unkept, second, first.Name()},
		{"the same", begun(first, nil), first, unkept, first, ""},
		{"after a switch", begun(first, tuned), second, kept, tuned, ""},
		{"switched to what is configured then", begun(first, second), second, unkept, second, ""},
		{"switched back to what was configured", begun(first, first), second, unkept, second, first.Name()},
		{"further ahead", begun(first, nil), further, kept, first, first.Name()},
		{"with no scaler", begun(first, nil), raw, kept, first, first.Name()},
		{"version 11", earlier(begun(first, nil), first), second, unkept, second, first.Name()},
		{"version 11, after a switch", earlier(begun(first, tuned), tuned), second, kept, tuned, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := &lines{}
			e := testEngine(t, c.configured, out)
			e.cfg.Guard = false
			l, err := restoreLane(e, "p", "x", c.state, c.bank)
			if err != nil {
				t.Fatal(err)
			}
			if l.mod.Sum() != c.serves.Sum() || l.was != c.was {
				t.Errorf("%s serves, %q before; want %s, %q", l.mod.Name(), l.was, c.serves.Name(), c.was)
			}
			again, err := restoreLane(e, "p", "x", l.appendState(nil), c.bank)
			if err != nil || again.mod.Name() != c.serves.Name() {
				t.Errorf("after another restart: %v, %v", again, err)
			}
			e.lanes["x"] = l
			push(t, e, in[cut:])
			whole := &lines{}
			all := testEngine(t, c.serves, whole)
			all.cfg.Guard = false
			push(t, all, in)
			if n := len(out.records); n == 0 || !slices.Equal(computedOf(out.records), computedOf(whole.records[len(whole.records)-n:])) {
				t.Errorf("%d records, other ones than of a series that %s served from the start", n, c.serves.Name())
			}
		})
	}
	for name, c := range map[string]struct {
		state      []byte
		configured *model.Model
		says       string
	}{
		"what it was switched to is gone":               {begun(first, tuned), second, tuned.Name()},
		"what served is gone, and the look-ahead other": {begun(first, nil), further, "another number of samples ahead"},
	} {
		e := testEngine(t, c.configured, &lines{})
		e.cfg.Guard = false
		if _, err := restoreLane(e, "p", "x", c.state, unkept); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		} else if gone := errors.Is(err, fs.ErrNotExist); gone != strings.Contains(name, "switched") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestModelConfiguredAnew: with a guard, and by way of the bank, another model than before
// serves the series that there are from the first record after the start on, the same ones
// in each life though one of them is killed, also where channels have moved at once. What is
// known of the net before it counts for nothing. One whose look-ahead is another serves none.
func TestModelConfiguredAnew(t *testing.T) {
	first, second, further := testModel(t, 1), testModel(t, 2), aheadModel(t, 16)
	for _, c := range []struct {
		name       string
		is         []string
		configured *model.Model
		serves     *model.Model
		says       string
	}{
		{"another", []string{"a", "b"}, second, second, ""},
		{"another, of other channels", []string{"b", "a"}, second, second, ""},
		{"further ahead", []string{"a", "b"}, further, first, "go on with the model that was configured"},
		{"further ahead, of other channels", []string{"b", "a"}, further, first, "go on with the model that was configured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := []string{"a", "b"}
			whole := &planted{dir: t.TempDir(), channels: was, model: first}
			whole.until(t, plant(was, 0, plantEnd), -1)
			want := map[string]*sink.Record{}
			whole.records(t, want)

			dir := t.TempDir()
			before := plant(was, 0, plantTurn)
			after := append(before[:len(before):len(before)], plant(c.is, plantTurn, plantEnd)...)
			l := &planted{dir: dir, channels: was, model: first}
			l.until(t, after, int64(len(before)))
			got := map[string]*sink.Record{}
			l.records(t, got)
			old := len(got)
			l = &planted{dir: dir, channels: c.is, model: c.configured}
			l.killed(t, after, int64(len(before)+40))
			l.records(t, got)
			if !strings.Contains(l.log.String(), c.says) {
				t.Errorf("the log says\n%s", l.log.String())
			}
			l = &planted{dir: dir, channels: c.is, model: c.configured}
			l.until(t, after, -1)
			l.records(t, got)
			if len(got) != len(want) {
				t.Errorf("%d records, want %d", len(got), len(want))
			}
			by := map[string]int{}
			for _, r := range got {
				by[r.Model]++
			}
			if c.serves == first {
				old = len(want)
			}
			if by[first.Name()] != old || by[first.Name()]+by[c.serves.Name()] < len(want) {
				t.Errorf("records by model: %v, of which %d by the first", by, old)
			}
		})
	}
}

// TestGuardOfReplaced: the guard of a series that another model serves than before knows as much
// of its net as after a switch to it.
func TestGuardOfReplaced(t *testing.T) {
	first, second := testModel(t, 1), testModel(t, 2)
	e := testEngine(t, first, &lines{})
	push(t, e, noisy("x", 6000))
	state := e.lanes["x"].appendState(nil)
	bank := newBank(t, t.TempDir())
	guardOf := func(configured *model.Model) *laneGuard {
		l, err := restoreLane(testEngine(t, configured, &lines{}), "p", "x", state, bank)
		if err != nil {
			t.Fatal(err)
		}
		if configured == first {
			if err := l.serve(second); err != nil { // as a switch does
				t.Fatal(err)
			}
		}
		return l.guard
	}
	if a, b := guardOf(second).AppendState(nil), guardOf(first).AppendState(nil); !bytes.Equal(a, b) {
		t.Errorf("%d bytes after a restart, other ones than the %d after a switch", len(a), len(b))
	}
}

// TestUnlike: neither a switch nor a restart has a model serve whose stride is another, though
// it looks as far ahead.
func TestUnlike(t *testing.T) {
	net, err := nn.New(nn.DAE(3, 1, []int{4, 8}, 3, 4), 1)
	if err != nil {
		t.Fatal(err)
	}
	strided, err := model.New(model.Header{Name: "strided", Kind: model.DAE, Inputs: []model.Input{model.Signal, model.Level, model.Mask},
		Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	dense := aheadModel(t, strided.Lookahead())
	if strided.CertainAhead() == dense.CertainAhead() {
		t.Fatal("both look as far ahead for certain")
	}
	out := &lines{}
	e := testEngine(t, dense, out)
	push(t, e, noisy("x", 601))
	l := e.lanes["x"]
	l.schedule(Switch{Series: "x", Model: strided, Record: 600, Kind: "model.promoted"})
	push(t, e, noisy("x", 700)[2*601:])
	if l.mod != dense || !slices.ContainsFunc(out.events, func(s string) bool { return strings.Contains(s, "strides differ") }) {
		t.Errorf("%s serves: %q", l.mod.Name(), out.events)
	}
	bank := newBank(t, t.TempDir())
	if err := bank.Save(dense); err != nil {
		t.Fatal(err)
	}
	back, err := restoreLane(testEngine(t, strided, &lines{}), "p", "x", l.appendState(nil), bank)
	if err != nil || back.mod.Sum() != dense.Sum() || back.replaced() {
		t.Errorf("after a restart: %v, %v", back, err)
	}
}

// computedOf returns what records have of the net.
func computedOf(records []string) (all []string) {
	for _, r := range records {
		all = append(all, strings.Join(computed.FindAllString(r, -1), " "))
	}
	return all
}

// TestEarlierBaseGivesWay: a base model of an earlier version, which replicas hand on with
// the state of their series, gives way to the one that is configured; a fine-tune of it does not.
func TestEarlierBaseGivesWay(t *testing.T) {
	named := func(seed uint64, parent string) *model.Model {
		m := testModel(t, seed)
		h := m.Header()
		h.Name, h.Provenance.Parent = "base", parent
		m, err := model.New(h, m.Net())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	old, is := named(1, ""), named(2, "")
	tuned := named(3, old.Name())
	for _, c := range []struct{ was, want *model.Model }{{old, is}, {tuned, tuned}} {
		bank := newBank(t, t.TempDir())
		if err := bank.Save(c.was); err != nil {
			t.Fatal(err)
		}
		l, err := newLane(testEngine(t, is, &lines{}), "p", "x")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.servedBefore(c.was.Name(), true, switchedSince-1, bank); err != nil || l.mod.Sum() != c.want.Sum() || l.switched != (c.was == tuned) {
			t.Errorf("%s: %s serves, switched to %v: %v", c.was.Name(), l.mod.Name(), l.switched, err)
		}
	}
}

// rawModel is testModel for values as they come.
func rawModel(t *testing.T) *model.Model {
	t.Helper()
	m := testModel(t, 4)
	h := m.Header()
	h.Scaler = model.Scaler{Kind: model.ScaleNone}
	m, err := model.New(h, m.Net())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// aheadModel is testModel with another look-ahead.
func aheadModel(t *testing.T, lookahead int) *model.Model {
	t.Helper()
	net, err := nn.New(nn.TCN(3, 1, 8, 5, []int{1, 2, 4, 8}, lookahead), 5)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Header{Name: "ahead", Kind: model.TCN, Inputs: []model.Input{model.Signal, model.Level, model.Mask},
		Residual: true, Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
