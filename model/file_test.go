package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/model/nn"
)

func richModel(t testing.TB) *Model {
	return mustNew(t, Header{
		Name: "small", Kind: TCN, Inputs: []Input{Signal, Level, Mask}, Residual: true,
		Scaler:     Scaler{Kind: ScaleFixed, Mean: []float64{1.5}, Dev: []float64{.1}, Sigma: []float64{0}},
		Interval:   Interval{Levels: []float64{-1, 0}, Coverages: []float64{.5, .9}, Half: [][]float64{{.1, .2}, {.3, .4}}},
		Provenance: Provenance{Data: "none, \"sha256\":\"\" <&>", Command: "test", Seed: 1 << 60, Go: "go1.26"},
		Metrics:    map[string]float64{"b": 1.25, "a": -3}, Licence: "Apache-2.0", Card: "# Card\n\nüñí\u2028",
	}, randomNet(t, nn.TCN(3, 1, 2, 3, []int{1, 2}, 1), 1))
}

func encode(t testing.TB, m *Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	all := models(t)
	all["small"] = richModel(t)
	for name, m := range all {
		b := encode(t, m)
		got, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(m.Header(), got.Header()); d != "" {
			t.Errorf("%s: header: %s", name, d)
		}
		if d := cmp.Diff(m.Net().Params(), got.Net().Params()); d != "" {
			t.Errorf("%s: weights: %s", name, d)
		}
		sum := sha256.Sum256(b)
		if want := name + "@" + hex.EncodeToString(sum[:])[:16]; got.Name() != want || m.Name() != want {
			t.Errorf("names %s and %s, want %s", m.Name(), got.Name(), want)
		}
		old := name + "@" + hex.EncodeToString(sum[:])[:6]
		if OldName(m.Name()) != old || OldName(old) != old || !m.Called(old) || !m.Called(m.Name()) || m.Called(old[:len(old)-1]) || got.Sum() != sum {
			t.Errorf("%s: called %s before, digest %x", m.Name(), OldName(m.Name()), got.Sum())
		}
		if !bytes.Equal(encode(t, got), b) {
			t.Errorf("%s: not the same bytes again", name)
		}
		if got.Size() != len(b) || m.Size() != len(b) {
			t.Errorf("%s: sizes %d and %d, want %d", name, m.Size(), got.Size(), len(b))
		}
		if m.Lookahead() != m.Header().Spec.Lookahead() {
			t.Errorf("%s: look-ahead %d", name, m.Lookahead())
		}
	}
}

// Any reader of safetensors finds the tensors.
func TestIsSafetensors(t *testing.T) {
	m := richModel(t)
	b := encode(t, m)
	n := binary.LittleEndian.Uint64(b)
	var head map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &head); err != nil {
		t.Fatal(err)
	}
	var meta map[string]string
	if err := json.Unmarshal(head["__metadata__"], &meta); err != nil {
		t.Fatalf("metadata must map strings to strings: %v", err)
	}
	if n%8 != 0 {
		t.Error("tensors are not aligned")
	}
	for _, p := range m.Net().Params() {
		var e struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets []int  `json:"data_offsets"`
		}
		if err := json.Unmarshal(head[p.Name], &e); err != nil || e.DType != "F32" || !slices.Equal(e.Shape, p.Shape) {
			t.Fatalf("%s: %+v, %v", p.Name, e, err)
		}
		data := b[8+n:][e.Offsets[0]:e.Offsets[1]]
		for i, v := range p.Data {
			if math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])) != v {
				t.Fatalf("%s: value %d differs", p.Name, i)
			}
		}
	}
}

// A model is not changed by what its maker or its user do to what they hold.
func TestImmutable(t *testing.T) {
	net := randomNet(t, nn.TCN(1, 1, 2, 3, []int{1}, 0), 1)
	h := Header{Name: "x", Kind: TCN, Inputs: []Input{Signal}, Scaler: running, Metrics: map[string]float64{"a": 1}}
	m := mustNew(t, h, net)
	before := encode(t, m)
	net.Params()[0].Data[0]++
	h.Inputs[0], h.Metrics["a"] = Mask, 2
	got := m.Header()
	got.Inputs[0], got.Metrics["a"] = Mask, 3
	if !bytes.Equal(encode(t, m), before) {
		t.Error("the model changed")
	}
}

func TestEveryBitIsGuarded(t *testing.T) {
	t.Run("float32", func(t *testing.T) { everyBitIsGuarded(t, encode(t, richModel(t))) })
	t.Run("int8", func(t *testing.T) { everyBitIsGuarded(t, encode(t, mustQuantize(t, richModel(t)))) })
}

func everyBitIsGuarded(t *testing.T, b []byte) {
	t.Helper()
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if _, err := Decode(b); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d flipped: error %v, want ErrCorrupt", bit, i, err)
			}
			b[i] ^= 1 << bit
		}
	}
	for n := range b {
		if _, err := Decode(b[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: error %v, want ErrCorrupt", n, err)
		}
	}
	if _, err := Decode(append(slices.Clone(b), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: error %v, want ErrCorrupt", err)
	}
}

// reseal sets the length of the header and the checksum right again.
func reseal(head string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	b = append(append(b, head...), data...)
	if len(b) >= sumAt+64 {
		copy(b[sumAt:], sumZeros)
		sum := sha256.Sum256(b)
		hex.Encode(b[sumAt:], sum[:])
	}
	return b
}

// What is wrong behind a checksum that is right.
func TestMalformed(t *testing.T) {
	good := encode(t, richModel(t))
	n := int(binary.LittleEndian.Uint64(good))
	head, data := string(good[8:8+n]), good[8+n:]
	if _, err := Decode(reseal(head, data)); err != nil {
		t.Fatalf("resealed: %v", err)
	}
	replace := func(old, now string) string {
		if !strings.Contains(head, old) {
			t.Fatalf("header has no %q", old)
		}
		return strings.Replace(head, old, now, 1)
	}
	nan := slices.Clone(data)
	binary.LittleEndian.PutUint32(nan[8:], math.Float32bits(float32(math.NaN())))
	inf := slices.Clone(data)
	binary.LittleEndian.PutUint32(inf[8:], math.Float32bits(float32(math.Inf(-1))))
	for name, c := range map[string]struct {
		head string
		data []byte
		want string
	}{
		"NaN":              {head, nan, "not finite"},
		"infinity":         {head, inf, "not finite"},
		"short data":       {head, data[:len(data)-4], "bytes"},
		"long data":        {head, append(slices.Clone(data), 0, 0, 0, 0), "want"},
		"type":             {replace(`"F32"`, `"F16"`), data, "F16"},
		"shape":            {replace(`"shape":[2,3,1]`, `"shape":[3,2,1]`), data, "shape"},
		"offsets":          {replace(`"data_offsets":[0,24]`, `"data_offsets":[4,24]`), data, "bytes"},
		"missing tensor":   {replace(`"layers.0.bias"`, `"layers.0.bios"`), data, "missing"},
		"unknown field":    {replace(`"dtype"`, `"dtypo"`), data, "unknown field"},
		"trailing":         {strings.TrimRight(head, " ") + "{}", data, "follows"},
		"format":           {replace(`\"format\":1`, `\"format\":2`), data, "format 2"},
		"name":             {replace(`\"name\":\"small\"`, `\"name\":\"../../x\"`), data, "name"},
		"kind":             {replace(`\"kind\":\"tcn\"`, `\"kind\":\"gru\"`), data, "kind"},
		"input":            {replace(`\"mask\"]`, `\"musk\"]`), data, "unknown input"},
		"twice":            {replace(`\"mask\"]`, `\"level\"]`), data, "twice"},
		"lookahead":        {replace(`\"lookahead\":1`, `\"lookahead\":2`), data, "look-ahead"},
		"channels":         {replace(`\"residual\":true`, `\"channels\":2,\"residual\":true`), data, "input channels"},
		"scaler":           {replace(`\"dev\":[0.1]`, `\"dev\":[0]`), data, "scaler"},
		"interval":         {replace(`\"levels\":[-1,0]`, `\"levels\":[0,-1]`), data, "interval"},
		"huge":             {strings.ReplaceAll(head, `\"out\":2`, `\"out\":1000`), data, "weights"},
		"unknown property": {replace(`\"residual\":true`, `\"residual\":true,\"x\":1`), data, "unknown field"},
	} {
		_, err := Decode(reseal(c.head, c.data))
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want ErrCorrupt and %q", name, err, c.want)
		}
	}
	huge := binary.LittleEndian.AppendUint64(nil, 1<<62)
	if _, err := Decode(append(huge, good...)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a header of 2^62 bytes: error %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	net := randomNet(t, nn.TCN(3, 1, 2, 3, []int{1}, 0), 1)
	good := Header{Name: "x", Kind: TCN, Inputs: []Input{Signal, Level, Mask}, Scaler: running}
	for want, edit := range map[string]func(*Header){
		"name":             func(h *Header) { h.Name = "a/b" },
		"is missing":       func(h *Header) { h.Inputs = []Input{Step1, Level, Mask} },
		"input channels":   func(h *Header) { h.Inputs = []Input{Signal} },
		"in_sigma":         func(h *Header) { h.InSigma = true },
		"takes no numbers": func(h *Header) { h.Scaler.Dev = []float64{1} },
		"values of mean":   func(h *Header) { h.Scaler = Scaler{Kind: ScaleFixed} },
		"metrics":          func(h *Header) { h.Metrics = map[string]float64{"a": math.NaN()} },
		"want 2 to 64":     func(h *Header) { h.Classes = []string{"fault"} },
		"given twice":      func(h *Header) { h.Classes = []string{"a", "a"} },
		"output channels":  func(h *Header) { h.Classes = []string{"a", "b"} },
		"outputs: 2":       func(h *Header) { h.Outputs = []Output{Value, State} },
		"want \"value\"":   func(h *Header) { h.Outputs = []Output{"bit"} },
		"needs raw values": func(h *Header) { h.Outputs = []Output{Probability} },
		"rows for":         func(h *Header) { h.Interval = Interval{Levels: []float64{1}, Coverages: []float64{.9}} },
	} {
		h := good
		edit(&h)
		if _, err := New(h, net); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	net.Params()[0].Data[0] = float32(math.Inf(1))
	if _, err := New(good, net); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("an infinite weight: error %v", err)
	}
}

func TestSaveAndOpen(t *testing.T) {
	m := richModel(t)
	path := filepath.Join(t.TempDir(), "m.quell")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name() != m.Name() {
		t.Errorf("opened %s, want %s", got.Name(), m.Name())
	}
	var w bytes.Buffer
	if n, err := m.WriteTo(&w); err != nil || int(n) != w.Len() || w.Len() != m.Size() {
		t.Errorf("WriteTo: %d of %d bytes, %v", n, m.Size(), err)
	}
	if err := os.WriteFile(path, w.Bytes()[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "m.quell") {
		t.Errorf("a cut file: %v", err)
	}
	if _, err := Open(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func FuzzContainer(f *testing.F) {
	good := encode(f, richModel(f))
	n := int(binary.LittleEndian.Uint64(good))
	f.Add(string(good[8:8+n]), good[8+n:], true)
	f.Add(string(good[8:8+n]), good[8+n:], false)
	bytes8 := encode(f, mustQuantize(f, richModel(f)))
	n8 := int(binary.LittleEndian.Uint64(bytes8))
	f.Add(string(bytes8[8:8+n8]), bytes8[8+n8:], true)
	f.Add(`{"__metadata__":{"sha256":"`+sumZeros+`","quell":"{}"}}`, []byte{}, true)
	f.Fuzz(func(t *testing.T, head string, data []byte, seal bool) {
		b := reseal(head, data)
		if !seal {
			b = append([]byte(head), data...)
		}
		var m *Model
		var err error
		fuzztest.Bounded(t, len(b), 1000, 16<<20, func() { m, err = Decode(b) })
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		if err := m.header.Validate(); err != nil {
			t.Fatalf("an invalid header was let through: %v", err)
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		twin, err := Decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if twice, err := twin.Encode(); err != nil || !bytes.Equal(again, twice) {
			t.Fatalf("it is written as other bytes when it was read again, %v", err)
		}
	})
}
