package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/state"
)

// TestBankForgets has two streams go from model to model: what is in use, its
// two predecessors and what was used lately stays, the rest goes.
func TestBankForgets(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	parent := ""
	for range 9 {
		m := testModel(t, uint64(len(names)+1))
		h := m.Header()
		h.Provenance.Parent = parent
		if m, err = model.New(h, m.Net()); err != nil {
			t.Fatal(err)
		}
		if err := bank.Save(m); err != nil {
			t.Fatal(err)
		}
		parent = m.Name()
		names = append(names, parent)
	}
	durable := map[string]int64{} // as if a checkpoint were taken after each
	refer := func(stream string, n ...int) {
		t.Helper()
		defer func() { durable[stream] = bank.Calls(stream) }()
		if err := bank.Refer(stream, durable[stream], func(name string) bool { return slices.Contains(n, slices.Index(names, name)) }); err != nil {
			t.Fatal(err)
		}
	}
	there := func(want ...int) {
		t.Helper()
		var got []int
		for i, name := range names {
			if _, err := os.Stat(bank.path(name)); err == nil {
				got = append(got, i)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	refer("one", 8)
	there(0, 1, 2, 3, 4, 5, 6, 7, 8) // it is not known what there is
	bank.streams = 2
	refer("one", 8)
	there(0, 1, 2, 3, 4, 5, 6, 7, 8) // the other has not said
	refer("two", 1)
	there(0, 1, 6, 7, 8)
	for range 5 { // as a model that all series share makes one call of each
		refer("two", 1, 8)
	}
	refer("two", 8)
	there(0, 1, 6, 7, 8) // 1 was used lately
	refer("two", 7, 8)
	refer("two", 7)
	refer("two", 7)
	refer("two", 8)
	there(6, 7, 8)
	// A damaged file stops it: nobody knows what it descends from.
	if err := os.WriteFile(bank.path("rubbish@123456"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bank.Refer("two", durable["two"], func(name string) bool { return name == "rubbish@123456" }); err == nil {
		t.Error("no word about a damaged file")
	}
	there(6, 7, 8)
}

// TestBankKeepsWhatACheckpointNames: however often a stream goes from model to model
// before its next checkpoint, what it would be restored from is there.
func TestBankKeepsWhatACheckpointNames(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bank.streams = 1
	var names []string
	use := func(durable int64, n int) {
		t.Helper()
		m := testModel(t, uint64(n+1))
		if err := bank.Save(m); err != nil {
			t.Fatal(err)
		}
		names = append(names, m.Name())
		if err := bank.Refer("s", durable, func(name string) bool { return name == names[n] }); err != nil {
			t.Fatal(err)
		}
	}
	there := func(n int) bool {
		_, err := os.Stat(bank.path(names[n]))
		return err == nil
	}
	for n := range 7 {
		use(1, n)
	}
	if !there(0) {
		t.Error("what the checkpoint names is gone")
	}
	use(bank.Calls("s"), 7)
	if there(0) || there(4) {
		t.Error("what no checkpoint names any more stays")
	}
	if !there(5) || !there(6) {
		t.Error("what the checkpoint names, or one before it, is gone")
	}
}

// TestBankHolds: what a stream is about to use stays until it has said what it needs,
// however often others do meanwhile, and whether it was there before or came as bytes.
func TestBankHolds(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bank.streams = 2
	none := func(string) bool { return false }
	refer := func(stream string, needs func(string) bool) {
		t.Helper()
		for range 2 * remembered {
			if err := bank.Refer(stream, bank.Calls(stream), needs); err != nil {
				t.Fatal(err)
			}
		}
	}
	refer("one", none)
	refer("two", none)
	there := func(m *model.Model) bool {
		_, err := os.Stat(bank.path(m.Name()))
		return err == nil
	}
	saved, sent := testModel(t, 1), testModel(t, 2)
	raw, err := sent.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is there the second time
		if err := errors.Join(bank.Hold("one", saved), bank.put("one", sent.Name(), raw)); err != nil {
			t.Fatal(err)
		}
	}
	refer("two", none)
	if !there(saved) || !there(sent) {
		t.Error("what another stream is about to use was removed")
	}
	uses := func(name string) bool { return name == sent.Name() }
	refer("one", uses)
	if !there(saved) {
		t.Error("what a checkpoint on its way may name was removed")
	}
	for range remembered {
		refer("one", none)
		refer("one", uses)
	}
	if there(saved) || !there(sent) {
		t.Errorf("what was not used after all is there: %v, what was: %v", there(saved), there(sent))
	}
	if err := os.Remove(bank.path(sent.Name())); err != nil {
		t.Fatal(err)
	}
	if err := bank.put("one", sent.Name(), raw); err != nil || !there(sent) {
		t.Errorf("a model in use whose file is gone was not kept: %v", err)
	}
}

// TestNeedsWhatARestoreNeeds: a switch that waits for a later life of its series is read
// with the state, and its model is needed.
func TestNeedsWhatARestoreNeeds(t *testing.T) {
	serves, waits := testModel(t, 1), testModel(t, 2)
	e := testEngine(t, serves, &lines{})
	l, err := e.lane("p", "x")
	if err != nil {
		t.Fatal(err)
	}
	l.later = []Switch{{Series: "x", Model: waits}}
	needs := (&worker{eng: e, snap: &state.Snapshot{}}).needs()
	if !needs(serves.Name()) || !needs(waits.Name()) || needs("other") {
		t.Errorf("serving %v, of a later life %v, another %v", needs(serves.Name()), needs(waits.Name()), needs("other"))
	}
}

func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	streams := []StreamConfig{{Engine: EngineConfig{Stream: "a"}}}
	if strangers(dir, streams) {
		t.Error("a new directory has none")
	}
	if err := os.MkdirAll(filepath.Join(dir, "streams", "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if strangers(dir, streams) {
		t.Error("a configured stream is none")
	}
	if err := os.MkdirAll(filepath.Join(dir, "streams", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if !strangers(dir, streams) {
		t.Error("b is one")
	}
}
