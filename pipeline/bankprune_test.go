package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model"
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
	refer := func(stream string, n ...int) {
		t.Helper()
		if err := bank.Refer(stream, func(name string) bool { return slices.Contains(n, slices.Index(names, name)) }); err != nil {
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
	refer("two", 8)
	refer("two", 8)
	there(0, 1, 6, 7, 8) // 1 was used lately
	refer("two", 8)
	there(6, 7, 8)
	// A damaged file stops it: nobody knows what it descends from.
	if err := os.WriteFile(bank.path("rubbish@123456"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bank.Refer("two", func(name string) bool { return name == "rubbish@123456" }); err == nil {
		t.Error("no word about a damaged file")
	}
	there(6, 7, 8)
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
