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
)

// TestConfiguredModelServes: a series that is restored where another model is configured
// than before is served by that, as if it had been from the start. One that was switched to
// a model keeps it, and so does one whose slots wait for another look-ahead.
func TestConfiguredModelServes(t *testing.T) {
	first, second, tuned := testModel(t, 1), testModel(t, 2), testModel(t, 3)
	further := aheadModel(t, 16)
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
