package model

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model/nn"
)

// What is carried over, and what is not.
func TestQuantizeHeader(t *testing.T) {
	m := richModel(t)
	q := mustQuantize(t, m)
	want, got := m.Header(), q.Header()
	want.Provenance.Parent = m.Name()
	want.Int8 = got.Int8
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("header (-want +got): %s", d)
	}
	if got.Int8.Calibration != "random columns" || len(got.Int8.Inputs) != 5 {
		t.Errorf("int8: %+v, want those of 5 layers", got.Int8)
	}
	for name, in := range got.Int8.Inputs {
		if !(in.Scale > 0) {
			t.Errorf("%s: a step is worth %g", name, in.Scale)
		}
	}
	got.Int8.Inputs["layers.0"] = Int8Input{1, 1}
	if len(q.Header().Int8.Inputs) != 5 {
		t.Error("the header can be changed from outside")
	}
	if err := m.Trainable(); err != nil {
		t.Error(err)
	}
	if err := q.Trainable(); !errors.Is(err, ErrInt8) || !strings.Contains(err.Error(), q.Name()) {
		t.Errorf("Trainable: %v", err)
	}
	if m.Quantized() != nil || q.Quantized() == nil {
		t.Error("it is not told which of the two is the int8 model")
	}
	// What New makes of it is a float32 model again.
	again := mustNew(t, q.Header(), q.Net())
	if again.Header().Int8 != nil || again.Trainable() != nil {
		t.Error("New keeps what says that weights have 8 bits")
	}
}

// The clean values are near those of the float32 model. (In the file they are
// the same bits, see TestStreamEqualsOnePass and TestRoundTrip.)
func TestQuantizeIsNear(t *testing.T) {
	ms := models(t)
	for _, name := range []string{"tcn3", "joint", "dae"} {
		m, q := ms[name], ms[name+"-int8"]
		c := m.header.perNet()
		cols := randomColumns(2000*c, 7)
		power, sum := 0.0, 0.0
		y, z := mustStream(t, m, c).Push(cols), mustStream(t, q, c).Push(cols)
		if len(y) != len(z) || len(y) == 0 {
			t.Fatalf("%s: %d and %d values", name, len(y), len(z))
		}
		for i := range y {
			power += float64(y[i]) * float64(y[i])
			sum += math.Pow(float64(y[i])-float64(z[i]), 2)
		}
		if sum == 0 || sum > .01*power {
			t.Errorf("%s: differs by %.2g of the power, want something, and at most .01", name, sum/power)
		}
	}
}

func TestQuantizeRefuses(t *testing.T) {
	m := richModel(t)
	q := mustQuantize(t, m)
	joint := models(t)["joint"]
	for _, tc := range []struct {
		m    *Model
		cols [][]Column
		want string
	}{
		{q, [][]Column{randomColumns(10, 1)}, "8 bits already"},
		{m, nil, "no columns"},
		{joint, [][]Column{randomColumns(3, 1)}, "recording 0 has 3 columns"},
		{m, [][]Column{{{X: float32(math.NaN())}}}, "not finite"},
	} {
		if _, err := Quantize(tc.m, tc.cols, ""); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}

// A net of a fixed window is calibrated with windows.
func TestQuantizeDense(t *testing.T) {
	m := mustNew(t, Header{Name: "dense", Kind: DAE, Inputs: []Input{Signal}, Scaler: running},
		randomNet(t, nn.Spec{In: 1, Window: 16, Layers: []nn.LayerSpec{{Op: nn.Dense, Out: 4, Steps: 1}, {Op: nn.ReLU}, {Op: nn.Dense, Out: 1, Steps: 16}}}, 1))
	q, err := Quantize(m, [][]Column{randomColumns(40, 1)}, "")
	if err != nil {
		t.Fatal(err)
	}
	b := encode(t, q)
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 16)
	x[3] = 1
	if y, z := got.Quantized().NewRunner(16).Run(nil, x), q.Quantized().NewRunner(16).Run(nil, x); !slices.Equal(y, z) {
		t.Errorf("%v from the file, %v before", y, z)
	}
	if _, err := Quantize(m, [][]Column{randomColumns(15, 1)}, ""); err == nil {
		t.Error("less than a window went through")
	}
}

// Any reader of safetensors finds the tensors, the floats aligned.
func TestInt8IsSafetensors(t *testing.T) {
	m := mustQuantize(t, richModel(t))
	b := encode(t, m)
	n := binary.LittleEndian.Uint64(b)
	var head map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &head); err != nil {
		t.Fatal(err)
	}
	entry := func(name string) (e tensorEntry) {
		if err := json.Unmarshal(head[name], &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return e
	}
	for _, l := range m.Quantized().Layers() {
		w := entry(l.Name + ".weight")
		data := b[8+n:][w.Offsets[0]:w.Offsets[1]]
		if l.Float != nil {
			if w.DType != "F32" || len(data) != 4*len(l.Float) || !slices.Equal(w.Shape, l.Shape) {
				t.Errorf("%s: %+v", l.Name, w)
			}
			continue
		}
		if w.DType != "I8" || len(data) != len(l.Weight) || !slices.Equal(w.Shape, l.Shape) {
			t.Errorf("%s: %+v", l.Name, w)
		}
		for i, v := range l.Weight {
			if int8(data[i]) != v {
				t.Fatalf("%s: weight %d is %d, want %d", l.Name, i, int8(data[i]), v)
			}
		}
		s := entry(l.Name + ".weight_scale")
		if s.DType != "F32" || s.Offsets[0]%4 != 0 || s.Offsets[1]-s.Offsets[0] != int64(4*len(l.Scale)) {
			t.Errorf("%s: scales %+v", l.Name, s)
		}
	}
	// A reader of before refuses it: it knows no such field.
	if !strings.Contains(string(head["__metadata__"]), `\"int8\":{`) {
		t.Error("the header does not say that it is an int8 model")
	}
}

// What is wrong behind a checksum that is right.
func TestInt8Malformed(t *testing.T) {
	good := encode(t, mustQuantize(t, richModel(t)))
	n := int(binary.LittleEndian.Uint64(good))
	head, data := string(good[8:8+n]), good[8+n:]
	if _, err := Decode(reseal(head, data)); err != nil {
		t.Fatalf("resealed: %v", err)
	}
	cut := func(from, to, now string) string {
		a := strings.Index(head, from)
		if a < 0 {
			t.Fatalf("header has no %q", from)
		}
		b := strings.Index(head[a:], to)
		return head[:a] + now + head[a+b:]
	}
	at := func(name string) int {
		var all map[string]json.RawMessage
		var e tensorEntry
		if err := errors.Join(json.Unmarshal([]byte(head), &all), json.Unmarshal(all[name], &e)); err != nil {
			t.Fatal(err)
		}
		return int(e.Offsets[0])
	}
	with := func(at int, b ...byte) []byte {
		d := slices.Clone(data)
		copy(d[at:], b)
		return d
	}
	scale := at("layers.1.layers.0.weight_scale")
	for name, c := range map[string]struct {
		head string
		data []byte
		want string
	}{
		"weight -128":     {head, with(at("layers.1.layers.0.weight"), 0x80), "-128"},
		"scale 0":         {head, with(scale, 0, 0, 0, 0), "weight scale is 0"},
		"scale NaN":       {head, with(scale, 0, 0, 0xc0, 0x7f), "not finite"},
		"scale negative":  {head, with(scale, 0, 0, 0x80, 0xbf), "weight scale is -1"},
		"short":           {head, data[:len(data)-1], "bytes"},
		"long":            {head, append(slices.Clone(data), 0), "want"},
		"type":            {strings.Replace(head, `"I8"`, `"U8"`, 1), data, `type "U8"; want I8`},
		"no int8":         {cut(`\"int8\":`, `\"provenance\"`, ``), data, "tensors"},
		"empty":           {cut(`\"int8\":`, `\"provenance\"`, `\"int8\":{\"inputs\":{}},`), data, "tensors"},
		"unknown layer":   {strings.Replace(head, `\"layers.1.layers.0\":`, `\"layers.9\":`, 1), data, "inputs of 5 layers, of which the network has 4"},
		"input scale":     {strings.Replace(head, `\"scale\":`, `\"scale\":-`, 1), data, "scale of its input"},
		"zero":            {regexp.MustCompile(`\\"zero\\":[0-9]+`).ReplaceAllString(head, `\"zero\":256`), data, "256"},
		"unknown in int8": {strings.Replace(head, `\"inputs\":{`, `\"x\":1,\"inputs\":{`, 1), data, "unknown field"},
	} {
		_, err := Decode(reseal(c.head, c.data))
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want ErrCorrupt and %q", name, err, c.want)
		}
	}
}
