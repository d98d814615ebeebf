// Package safetensors reads and writes named tensors in the container of that
// name: the length of a JSON header as 8 bytes little-endian, the header, which
// gives each tensor's type, shape and place, and the tensors, row-major and
// little-endian, without gaps.
//
// The format is that of https://github.com/huggingface/safetensors (README,
// "Format"). This reader is strict about it: a file that it takes means one
// thing only.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"unicode/utf8"
)

// ErrCorrupt is wrapped by the errors of Decode for bytes that are no intact
// file of tensors.
var ErrCorrupt = errors.New("not an intact safetensors file")

// Limits on what a file may hold.
const (
	maxFile    = 1 << 30
	maxHeader  = 8 << 20
	maxTensors = 1 << 14
	maxRank    = 8
	maxMeta    = 1 << 8
)

// Tensor is a tensor with finite values. What a file holds as F16, BF16 or F64
// is converted to float32.
type Tensor struct {
	Name  string
	DType string // as in the file: F32, F16, BF16 or F64
	Shape []int
	Data  []float32 // row-major
}

// File is what a file holds: the tensors in the order of their data, and the
// strings of __metadata__, nil without it.
type File struct {
	Tensors []Tensor
	Meta    map[string]string
}

// Tensor returns the tensor of a name.
func (f *File) Tensor(name string) (t Tensor, ok bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Open reads a file; see Decode.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("safetensors: read %s: %w", filepath.Base(path), err)
	}
	file, err := Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return file, nil
}

// Decode reads the bytes of a file, which it does not keep. The error wraps
// ErrCorrupt and names the fault: a header or tensors that do not fit the file,
// overlap or leave gaps, names that come twice, types that are not read, values
// that are not finite. It is safe for concurrent use.
func Decode(b []byte) (*File, error) {
	f, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w: %w", ErrCorrupt, err)
	}
	return f, nil
}

// entry is a tensor as the header describes it.
type entry struct {
	name       string
	dtype      string
	shape      []int
	begin, end int64
	has        int // which fields have been seen, as bits
}

// The types that are read: their sizes in bytes, and how.
var (
	sizes    = map[string]int64{"F32": 4, "F16": 2, "BF16": 2, "F64": 8}
	readable = map[string]func([]byte) float32{
		"F32":  func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) },
		"F64":  func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) },
		"BF16": func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) },
		"F16":  func(b []byte) float32 { return halfToFloat(binary.LittleEndian.Uint16(b)) },
	}
)

func decode(b []byte) (*File, error) {
	if len(b) < 8 || len(b) > maxFile {
		return nil, fmt.Errorf("%d bytes", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader || n > uint64(len(b)-8) {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d", n, len(b))
	}
	entries, meta, err := parseHeader(b[8 : 8+n])
	if err != nil {
		return nil, err
	}
	data := b[8+n:]
	slices.SortStableFunc(entries, func(a, b entry) int {
		if a.begin != b.begin {
			return int(max(-1, min(1, a.begin-b.begin)))
		}
		return int(max(-1, min(1, a.end-b.end)))
	})
	f := &File{Meta: meta}
	at := int64(0)
	for _, e := range entries {
		t, err := e.read(data, at)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", quote(e.name), err)
		}
		f.Tensors = append(f.Tensors, t)
		at = e.end
	}
	if at != int64(len(data)) {
		return nil, fmt.Errorf("%d bytes of tensors; the header accounts for %d", len(data), at)
	}
	return f, nil
}

// read reads a tensor whose data must begin at a place.
func (e *entry) read(data []byte, at int64) (Tensor, error) {
	t := Tensor{Name: e.name, DType: e.dtype, Shape: e.shape}
	size, ok := sizes[e.dtype]
	if !ok {
		return t, fmt.Errorf("type %s; this version reads F32, F16, BF16 and F64", quote(e.dtype))
	}
	switch {
	case e.begin < at:
		return t, fmt.Errorf("its bytes %d to %d overlap those before, up to %d", e.begin, e.end, at)
	case e.begin > at:
		return t, fmt.Errorf("its bytes %d to %d leave a gap after %d", e.begin, e.end, at)
	case e.end < e.begin || e.end > int64(len(data)):
		return t, fmt.Errorf("bytes %d to %d of %d", e.begin, e.end, len(data))
	}
	n := int64(1)
	for _, d := range e.shape {
		if d > maxFile || n*int64(d) > maxFile {
			return t, fmt.Errorf("shape %v is out of range", e.shape)
		}
		n *= int64(d)
	}
	if n*size != e.end-e.begin {
		return t, fmt.Errorf("shape %v of %s takes %d bytes; it has %d", e.shape, e.dtype, n*size, e.end-e.begin)
	}
	data = data[e.begin:e.end]
	value := readable[e.dtype]
	t.Data = make([]float32, n)
	for i := range t.Data {
		v := value(data[int64(i)*size:])
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return t, fmt.Errorf("value %d is not a finite float32", i)
		}
		t.Data[i] = v
	}
	return t, nil
}

// parseHeader reads the header token by token: a decoder into a map would let
// the last of two tensors of one name win, and take fields of any case.
func parseHeader(b []byte) ([]entry, map[string]string, error) {
	if len(b) == 0 || b[0] != '{' {
		return nil, nil, errors.New("header: it does not begin with {")
	}
	p := parser{json.NewDecoder(bytes.NewReader(b))}
	p.d.UseNumber()
	var entries []entry
	var meta map[string]string
	names := map[string]bool{}
	err := p.object(func(name string) error {
		if names[name] {
			return fmt.Errorf("%s is there twice", quote(name))
		}
		names[name] = true
		if name == "__metadata__" {
			meta = map[string]string{}
			return p.object(func(key string) error {
				if _, twice := meta[key]; twice {
					return fmt.Errorf("__metadata__: %s is there twice", quote(key))
				}
				if len(meta) == maxMeta {
					return fmt.Errorf("__metadata__: more than %d strings", maxMeta)
				}
				var err error
				meta[key], err = p.string()
				return err
			})
		}
		if len(entries) == maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		e, err := p.entry(name)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", quote(name), err)
		}
		entries = append(entries, e)
		return nil
	})
	if err == nil {
		if _, err = p.d.Token(); err == io.EOF {
			err = nil
		} else {
			err = errors.New("something follows its end")
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	return entries, meta, nil
}

type parser struct{ d *json.Decoder }

// object calls field for each key of an object; it must read the value.
func (p parser) object(field func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.d.More() {
		key, err := p.string()
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p parser) token() (json.Token, error) {
	t, err := p.d.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return t, err
}

func (p parser) delim(want json.Delim) error {
	t, err := p.token()
	if err == nil && t != want {
		err = fmt.Errorf("%v where %v should be", t, want)
	}
	return err
}

func (p parser) string() (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%v where a string should be", t)
	}
	return s, nil
}

// integers reads a list of up to most numbers that are whole and not negative.
func (p parser) integers(most int) ([]int64, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for p.d.More() {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		num, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%v where a number should be", t)
		}
		v, err := strconv.ParseInt(num.String(), 10, 64)
		if err != nil || v < 0 || v > 1<<40 {
			return nil, fmt.Errorf("the number %s is out of range", quote(num.String()))
		}
		if len(list) == most {
			return nil, fmt.Errorf("more than %d numbers", most)
		}
		list = append(list, v)
	}
	return list, p.delim(']')
}

func (p parser) entry(name string) (entry, error) {
	e := entry{name: name}
	err := p.object(func(key string) error {
		field := slices.Index([]string{"dtype", "shape", "data_offsets"}, key)
		if field < 0 {
			return fmt.Errorf("it has a field %s", quote(key))
		}
		bit := 1 << field
		if e.has&bit != 0 {
			return fmt.Errorf("%s is there twice", key)
		}
		e.has |= bit
		var list []int64
		var err error
		switch key {
		case "dtype":
			e.dtype, err = p.string()
		case "shape":
			list, err = p.integers(maxRank)
			e.shape = make([]int, len(list))
			for i, d := range list {
				if d > maxFile { // before it is cut to what an int holds on small platforms
					return fmt.Errorf("shape: an axis of %d", d)
				}
				e.shape[i] = int(d)
			}
		case "data_offsets":
			if list, err = p.integers(2); err == nil && len(list) != 2 {
				return errors.New("data_offsets are not two numbers")
			}
			if err == nil {
				e.begin, e.end = list[0], list[1]
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err == nil && e.has != 7 {
		err = errors.New("it lacks one of dtype, shape and data_offsets")
	}
	return e, err
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

// quote prints a name out of a file: visibly, and not at any length.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}

// Encode returns the tensors in their order, as F32 whatever DType says, with
// the strings of Meta. The same File gives the same bytes. The error says which
// tensor does not fit its shape, has a name that is there already, or a value
// that is not finite.
func (f *File) Encode() ([]byte, error) {
	fail := func(format string, args ...any) ([]byte, error) {
		return nil, fmt.Errorf("safetensors: "+format, args...)
	}
	var head bytes.Buffer
	sep := "{"
	put := func(key string, v any) error {
		if !utf8.ValidString(key) {
			return errors.New("its name is not UTF-8")
		}
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		b, err := json.Marshal(v)
		head.WriteString(sep)
		head.Write(k)
		head.WriteString(":")
		head.Write(b)
		sep = ","
		return err
	}
	if f.Meta != nil {
		if len(f.Meta) > maxMeta {
			return fail("%d strings of metadata; at most %d", len(f.Meta), maxMeta)
		}
		if err := put("__metadata__", f.Meta); err != nil { // sorted by key
			return fail("%w", err)
		}
	}
	at := int64(0)
	names := map[string]bool{"__metadata__": true}
	for _, t := range f.Tensors {
		n := 1
		for _, d := range t.Shape {
			if d < 0 || d > maxFile || int64(n)*int64(d) > maxFile {
				return fail("tensor %s: shape %v", quote(t.Name), t.Shape)
			}
			n *= d
		}
		switch {
		case names[t.Name]:
			return fail("tensor %s: the name is taken", quote(t.Name))
		case len(t.Shape) > maxRank || len(t.Data) != n:
			return fail("tensor %s: %d values; shape %v wants %d", quote(t.Name), len(t.Data), t.Shape, n)
		}
		names[t.Name] = true
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		end := at + 4*int64(n)
		if err := put(t.Name, struct {
			DType   string   `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{"F32", shape, [2]int64{at, end}}); err != nil {
			return fail("tensor %s: %w", quote(t.Name), err)
		}
		at = end
	}
	if sep == "{" {
		head.WriteString(sep)
	}
	head.WriteByte('}')
	for head.Len()%8 != 0 { // the data begin at a multiple of 8
		head.WriteByte(' ')
	}
	if head.Len() > maxHeader || int64(head.Len())+8+at > maxFile || len(f.Tensors) > maxTensors {
		return fail("%d tensors with a header of %d bytes and data of %d are too many", len(f.Tensors), head.Len(), at)
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+head.Len()+int(at)), uint64(head.Len()))
	b = append(b, head.Bytes()...)
	for _, t := range f.Tensors {
		for i, v := range t.Data {
			if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
				return fail("tensor %s: value %d is not finite", quote(t.Name), i)
			}
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b, nil
}
