package pipeline

import (
	"errors"
	"os"
	"testing"
	"weak"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/state"
)

// twins returns two models that differ and that versions of six digits gave one name.
func twins(t *testing.T) (a, b *model.Model) {
	t.Helper()
	m := testModel(t, 1)
	net, seen := m.Net().Clone(), map[string]*model.Model{}
	for range 100_000 {
		net.Params()[0].Data[0] += 1e-4
		b, err := model.New(m.Header(), net)
		if err != nil {
			t.Fatal(err)
		}
		if a := seen[model.OldName(b.Name())]; a != nil {
			return a, b
		}
		seen[model.OldName(b.Name())] = b
	}
	t.Fatal("of 100,000 models no two share 24 bits")
	return nil, nil
}

// TestBankTellsTwinsApart: models that share 24 bits of their digest are two.
func TestBankTellsTwinsApart(t *testing.T) {
	a, b := twins(t)
	dir := t.TempDir()
	bank := newBank(t, dir)
	if err := errors.Join(bank.Hold("s", a), bank.Hold("s", b)); err != nil {
		t.Fatal(err)
	}
	for _, bank := range []*Bank{bank, newBank(t, dir)} {
		for _, m := range []*model.Model{a, b} {
			if got, err := bank.Load(m.Name()); err != nil || got.Sum() != m.Sum() {
				t.Errorf("for %s there is %v: %v", m.Name(), got, err)
			}
		}
	}
}

// TestBankRefusesATakenName: the digest decides, not the name.
func TestBankRefusesATakenName(t *testing.T) {
	a, b := twins(t)
	rawA, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	rawB, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	dir, name := t.TempDir(), model.OldName(a.Name())
	bank := newBank(t, dir)
	if err := errors.Join(bank.put("s", name, rawA), bank.put("s", name, rawA)); err != nil {
		t.Fatal(err)
	}
	if err := bank.put("s", name, rawB); !errors.Is(err, ErrNameTaken) {
		t.Errorf("two models called %s: %v", name, err)
	}
	if err := newBank(t, dir).save(b, name); !errors.Is(err, ErrNameTaken) {
		t.Errorf("saved in the place of another: %v", err)
	}
	bank.known[b.Name()] = weak.Make(a)
	if m, err := bank.know(b); !errors.Is(err, ErrNameTaken) {
		t.Errorf("%v for another model: %v", m, err)
	}
	if err := os.WriteFile(bank.path(b.Name()), rawA, 0o600); err != nil { // no model of that name
		t.Fatal(err)
	}
	if err := newBank(t, dir).Save(b); err != nil {
		t.Fatal(err)
	}
	if m, err := newBank(t, dir).Load(b.Name()); err != nil || m.Sum() != b.Sum() {
		t.Errorf("a damaged file was left alone: %v, %v", m, err)
	}
}

// TestBankReadsOldNames: a file of a version whose names had six digits is found by
// either name, stays while the model is in use or a state names it, and goes after that.
func TestBankReadsOldNames(t *testing.T) {
	m := testModel(t, 1)
	dir, old := t.TempDir(), model.OldName(m.Name())
	bank := newBank(t, dir)
	bank.streams = 1
	if err := m.Save(bank.path(old)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{old, m.Name()} {
		if got, err := newBank(t, dir).Load(name); err != nil || got.Sum() != m.Sum() {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
	}
	e := testEngine(t, m, &lines{})
	l, err := e.lane("p", "x")
	if err != nil {
		t.Fatal(err)
	}
	if !l.called(old) || !l.called(m.Name()) || l.called("") {
		t.Error("the lane does not know its model")
	}
	needs := (&worker{eng: e, snap: &state.Snapshot{}}).needs()
	refer := func(needs func(string) bool) bool {
		if err := bank.Refer("s", bank.Calls("s"), needs); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(bank.path(old))
		return err == nil
	}
	for range 2 * remembered {
		if !refer(needs) {
			t.Fatal("the file of what serves was removed")
		}
	}
	other, there := testModel(t, 2), true
	if err := bank.Save(other); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * remembered {
		there = refer(func(name string) bool { return i%2 == 0 && name == other.Name() })
	}
	if there {
		t.Error("the file of what nobody needs stays")
	}
}

func newBank(t *testing.T, dir string) *Bank {
	t.Helper()
	b, err := NewBank(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
