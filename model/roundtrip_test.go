package model

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/model/nn"
)

func small(t testing.TB, h Header, spec nn.Spec) *Model {
	t.Helper()
	net, err := nn.New(spec, 3)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] += 0.2 * float32(rng.NormFloat64())
		}
	}
	net.Pack()
	m, err := New(h, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func smallTCN(t testing.TB) *Model {
	return small(t, Header{Name: "small", Kind: TCN, Inputs: []Input{Signal, Level, Mask}, Residual: true,
		Scaler: Scaler{Kind: ScaleRunning}, Licence: "Apache-2.0", Metrics: map[string]float64{"gain": 3.5}},
		nn.TCN(3, 1, 6, 3, []int{1, 2, 4}, 4))
}

func smallDAE(t testing.TB) *Model {
	return small(t, Header{Name: "dae", Kind: DAE, Inputs: []Input{Signal, Mask}, Channels: 2, Scaler: Scaler{Kind: ScaleRunning}},
		nn.DAE(4, 2, []int{6, 8}, 5, 3))
}

func TestFileRoundTrip(t *testing.T) {
	m := smallTCN(t)
	path := filepath.Join(t.TempDir(), "m.quell")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name() != m.Name() {
		t.Errorf("name %s, want %s", got.Name(), m.Name())
	}
	if d := cmp.Diff(m.Header(), got.Header()); d != "" {
		t.Error(d)
	}
	for i, p := range got.Net().Params() {
		if !slices.Equal(p.Data, m.Net().Params()[i].Data) {
			t.Errorf("%s differs", p.Name)
		}
	}
}

// TestDamageIsTold flips every byte and cuts at every length: a damaged file
// never passes for a model.
func TestDamageIsTold(t *testing.T) {
	whole, err := smallTCN(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x20
		if _, err := Decode(b); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := Decode(whole[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.quell")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := smallTCN(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzztest.Bounded(t, len(b), 1000, 1<<20, func() {
			if _, err := Decode(b); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("unexpected error %v", err)
			}
		})
	})
}

func columns(n int) []Column {
	rng := rand.New(rand.NewPCG(5, 6))
	cols := make([]Column, n)
	for i := range cols {
		cols[i] = Column{X: float32(rng.NormFloat64()), Level: -1, Missing: rng.IntN(10) == 0}
	}
	return cols
}

// TestStreamEqualsBatch pushes the same slots in other pieces, and goes on from
// a warmed stream at several points: the values are the same, bit for bit.
func TestStreamEqualsBatch(t *testing.T) {
	for _, m := range []*Model{smallTCN(t), smallDAE(t)} {
		const c, slots = 2, 403
		cols := columns(c * slots)
		stream := func() *Stream {
			s, err := m.NewStream(c)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := stream()
		want := slices.Clone(s.Push(cols))
		want = append(want, s.Finish()...)
		if len(want) != c*slots {
			t.Fatalf("%s: %d values, want %d", m.Kind(), len(want), c*slots)
		}
		for _, chunk := range []int{1, 7, 100} {
			s.Reset()
			var got []float32
			for from := 0; from < slots; from += chunk {
				got = append(got, s.Push(cols[from*c:min(from+chunk, slots)*c])...)
			}
			got = append(got, s.Finish()...)
			if !slices.Equal(got, want) {
				t.Errorf("%s: pieces of %d slots give other values", m.Kind(), chunk)
			}
		}
		for _, cut := range []int{0, 1, 30, 200, 401} {
			a := stream()
			got := slices.Clone(a.Push(cols[:cut*c]))
			b := stream()
			keep := min(cut, b.HistoryLen())
			b.Warm(cols[(cut-keep)*c:cut*c], int64(cut))
			got = append(got, b.Push(cols[cut*c:])...)
			got = append(got, b.Finish()...)
			if !slices.Equal(got, want) {
				t.Errorf("%s: warmed at %d gives other values", m.Kind(), cut)
			}
		}
	}
}

func TestHeaderMistakesAreNamed(t *testing.T) {
	net, err := nn.New(nn.TCN(3, 1, 4, 3, []int{1}, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	good := Header{Name: "x", Kind: TCN, Inputs: []Input{Signal, Level, Mask}, Scaler: Scaler{Kind: ScaleRunning}}
	if _, err := New(good, net); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Header){
		"name":   func(h *Header) { h.Name = "../x" },
		"kind":   func(h *Header) { h.Kind = "rnn" },
		"inputs": func(h *Header) { h.Inputs = h.Inputs[1:] },
		"scaler": func(h *Header) { h.Scaler.Kind = "" },
	} {
		h := good
		h.Inputs = slices.Clone(good.Inputs)
		spoil(&h)
		if _, err := New(h, net); err == nil {
			t.Errorf("a header with a wrong %s was accepted", name)
		}
	}
}
