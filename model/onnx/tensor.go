package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

func float32frombits(b uint32) float32 { return math.Float32frombits(b) }

// dim is a number of elements along an axis: n where sym is 0, else n more than
// the length that sym stands for, which the file leaves open.
type dim struct {
	sym int
	n   int64
}

// The symbols that are always there; further ones are lengths that strides make
// of open lengths.
const (
	symBatch = 1
	symTime  = 2
)

func fixed(n int64) dim { return dim{n: n} }

func (d dim) String() string {
	switch {
	case d.sym == 0:
		return fmt.Sprint(d.n)
	case d.sym == symBatch:
		return "N"
	case d.n == 0:
		return "T"
	}
	return fmt.Sprintf("T%+d", d.n)
}

// tensor is a constant: floats or integers, row-major. Integers may be symbolic,
// as they stand for shapes.
type tensor struct {
	name string
	dims []int
	f    []float32
	i    []dim
}

func (t *tensor) size() int { return len(t.f) + len(t.i) }

// decodeTensor reads a constant.
func decodeTensor(p *tensorProto) (*tensor, error) {
	t, err := decodeValues(p)
	if err != nil {
		return nil, fmt.Errorf("tensor %s: %w", quote(p.name), err)
	}
	return t, nil
}

func decodeValues(p *tensorProto) (*tensor, error) {
	if p.external {
		return nil, errors.New("its values are in another file (external data); save the model with all in one file")
	}
	t := &tensor{name: p.name}
	n := int64(1)
	for _, d := range p.dims {
		if d < 0 || d > maxFile || n*d > maxFile {
			return nil, fmt.Errorf("shape %v is out of range", p.dims)
		}
		n *= d
		t.dims = append(t.dims, int(d))
	}
	count := int(n)
	switch p.typ {
	case typeFloat:
		return t, t.floats(p, count, 4, p.floats, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case typeDouble:
		return t, t.floats(p, count, 8, p.doubles, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) })
	case typeFloat16:
		return t, t.halves(p, count, halfToFloat)
	case typeBFloat16:
		return t, t.halves(p, count, func(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) })
	case typeInt64:
		return t, t.integers(p, count, 8, p.int64s)
	case typeInt32:
		return t, t.integers(p, count, 4, p.int32s)
	}
	return nil, fmt.Errorf("element type %s; supported are float, float16, bfloat16 and double", typeName(p.typ))
}

var typeNames = map[int64]string{2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool", 12: "uint32", 13: "uint64"}

func typeName(typ int64) string {
	if s := typeNames[typ]; s != "" {
		return s
	}
	return fmt.Sprint("number ", typ)
}

// wrongSize is the error for values that do not fill a shape.
func wrongSize(got, want int) error {
	return fmt.Errorf("%d values; its shape wants %d", got, want)
}

func (t *tensor) floats(p *tensorProto, n, size int, typed []byte, at func([]byte) float32) error {
	b := typed
	if p.hasRaw {
		b = p.raw
	}
	if len(b) != n*size {
		return wrongSize(len(b)/size, n)
	}
	t.f = make([]float32, n)
	for i := range t.f {
		t.f[i] = at(b[i*size:])
	}
	return nil
}

// halves reads values of 16 bits: raw, or as the low bits of int32 varints.
func (t *tensor) halves(p *tensorProto, n int, value func(uint16) float32) error {
	if p.hasRaw {
		return t.floats(p, n, 2, nil, func(b []byte) float32 { return value(binary.LittleEndian.Uint16(b)) })
	}
	if n > len(p.int32s) {
		return wrongSize(len(p.int32s), n)
	}
	t.f = make([]float32, 0, n)
	for b := p.int32s; len(b) > 0; {
		v, k := protowire.ConsumeVarint(b)
		if k < 0 || v > math.MaxUint16 {
			return errWire
		}
		if len(t.f) == n {
			return wrongSize(n+1, n)
		}
		t.f, b = append(t.f, value(uint16(v))), b[k:]
	}
	if len(t.f) != n {
		return wrongSize(len(t.f), n)
	}
	return nil
}

func (t *tensor) integers(p *tensorProto, n, size int, typed []byte) error {
	if n > maxShape {
		return fmt.Errorf("%d integers; at most %d", n, maxShape)
	}
	t.i = make([]dim, 0, n)
	if p.hasRaw {
		if len(p.raw) != n*size {
			return wrongSize(len(p.raw)/size, n)
		}
		for b := p.raw; len(b) > 0; b = b[size:] {
			if size == 8 {
				t.i = append(t.i, fixed(int64(binary.LittleEndian.Uint64(b))))
			} else {
				t.i = append(t.i, fixed(int64(int32(binary.LittleEndian.Uint32(b)))))
			}
		}
		return nil
	}
	for b := typed; len(b) > 0 && len(t.i) <= n; {
		v, k := protowire.ConsumeVarint(b)
		if k < 0 {
			return errWire
		}
		t.i, b = append(t.i, fixed(int64(v))), b[k:]
	}
	if len(t.i) != n {
		return wrongSize(len(t.i), n)
	}
	return nil
}

// halfToFloat widens an IEEE 754 binary16 value, exactly.
func halfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0: // zero and subnormal: frac·2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// finite says whether all values are numbers.
func finite(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return false
		}
	}
	return true
}

// scalar returns the value of a constant of one element.
func (t *tensor) scalar() (float64, bool) {
	if len(t.f) != 1 {
		return 0, false
	}
	return float64(t.f[0]), true
}

// transposed returns the tensor with its axes in another order.
func (t *tensor) transposed(perm []int) *tensor {
	out := &tensor{name: t.name, dims: make([]int, len(perm))}
	strides := make([]int, len(perm))
	step := 1
	for i := len(t.dims) - 1; i >= 0; i-- {
		strides[i] = step
		step *= t.dims[i]
	}
	for i, p := range perm {
		out.dims[i] = t.dims[p]
	}
	at := make([]int, len(perm))
	for range t.size() {
		from := 0
		for i, p := range perm {
			from += at[i] * strides[p]
		}
		if t.f != nil {
			out.f = append(out.f, t.f[from])
		} else {
			out.i = append(out.i, t.i[from])
		}
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < out.dims[i] {
				break
			}
			at[i] = 0
		}
	}
	return out
}

// reshaped returns the tensor with another shape of the same size.
func (t *tensor) reshaped(dims []int) *tensor {
	return &tensor{name: t.name, dims: dims, f: t.f, i: t.i}
}
