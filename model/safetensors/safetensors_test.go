package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/model/safetensors"
)

// file puts a header before data.
func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestDecode(t *testing.T) {
	data := []byte{
		0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, // f32: 1, -2
		0x00, 0x3c, 0x01, 0x00, 0xff, 0xfb, 0x00, 0x80, // f16: 1, 2^-24, -65504, -0
		0x80, 0x3f, 0x20, 0xc1, // bf16: 1, -10
		0, 0, 0, 0, 0, 0, 0xe0, 0x3f, // f64: 0.5
	}
	b := file(`{"__metadata__":{"a":"b","":"ü"},
		"last":{"data_offsets":[20,28],"dtype":"F64","shape":[]},
		"f32":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
		"empty":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},
		"f16":{"dtype":"F16","shape":[4],"data_offsets":[8,16]},
		"bf16":{"dtype":"BF16","shape":[1,2],"data_offsets":[16,20]}}   `, data...)
	got, err := safetensors.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &safetensors.File{Meta: map[string]string{"a": "b", "": "ü"}, Tensors: []safetensors.Tensor{
		{Name: "f32", DType: "F32", Shape: []int{2, 1}, Data: []float32{1, -2}},
		{Name: "empty", DType: "F32", Shape: []int{0, 3}, Data: []float32{}},
		{Name: "f16", DType: "F16", Shape: []int{4}, Data: []float32{1, 0x1p-24, -65504, float32(math.Copysign(0, -1))}},
		{Name: "bf16", DType: "BF16", Shape: []int{1, 2}, Data: []float32{1, -10}},
		{Name: "last", DType: "F64", Shape: []int{}, Data: []float32{.5}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if x, ok := got.Tensor("bf16"); !ok || x.Data[1] != -10 {
		t.Errorf("Tensor(bf16) is %v, %v", x, ok)
	}
	if _, ok := got.Tensor("other"); ok {
		t.Error("there is a tensor other")
	}

	again, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Tensors {
		want.Tensors[i].DType = "F32"
	}
	if got, err = safetensors.Decode(again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("written and read again (-want +got):\n%s", d)
	}
	if n := binary.LittleEndian.Uint64(again); n%8 != 0 {
		t.Errorf("a header of %d bytes; want a multiple of 8", n)
	}
}

// The golden weights were written by the reference implementation.
func TestReference(t *testing.T) {
	f, err := safetensors.Open(filepath.Join("..", "nn", "testdata", "golden", "A.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, x := range f.Tensors {
		sum += len(x.Data)
	}
	if len(f.Tensors) != 10 || sum != 15332 || f.Tensors[1].Name != "l0.weight" || !cmp.Equal(f.Tensors[1].Shape, []int{16, 4, 7}) {
		t.Errorf("%d tensors of %d values, the second %s of %v", len(f.Tensors), sum, f.Tensors[1].Name, f.Tensors[1].Shape)
	}
}

func TestDecodeErrors(t *testing.T) {
	one := []byte{0, 0, 0x80, 0x3f}
	two := append(bytes.Clone(one), one...)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":              {nil, "0 bytes"},
		"short":              {make([]byte, 7), "7 bytes"},
		"header beyond file": {binary.LittleEndian.AppendUint64(nil, 1), "a header of 1 bytes in a file of 8"},
		"huge header":        {binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "a header of 18446744073709551615 bytes"},
		"no header":          {file(""), "does not begin with {"},
		"space before":       {file(` {}`), "does not begin with {"},
		"cut":                {file(`{"a":{"dtype":"F32","shape":[1]`), "unexpected EOF"},
		"two values":         {file(`{}{}`), "something follows its end"},
		"not JSON":           {file(`{"a"=1}`), "header: "},
		"not an object":      {file(`{"a":[]}`), `tensor "a": [ where { should be`},
		"huge axis":          {file(`{"a":{"dtype":"F32","shape":[4294967297],"data_offsets":[0,4]}}`, one...), "shape: an axis of 4294967297"},
		"twice":              {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, two...), `"a" is there twice`},
		"field twice":        {file(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, one...), "dtype is there twice"},
		"other field":        {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"Shape":[1]}}`, one...), `it has a field "Shape"`},
		"field missing":      {file(`{"a":{"dtype":"F32","shape":[1]}}`, one...), "it lacks one of"},
		"metadata twice":     {file(`{"__metadata__":{"a":"","a":""}}`), `__metadata__: "a" is there twice`},
		"metadata number":    {file(`{"__metadata__":{"a":1}}`), "1 where a string should be"},
		"type":               {file(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, two...), `type "I64"; this version reads F32`},
		"negative shape":     {file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, one...), `the number "-1" is out of range`},
		"fraction":           {file(`{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, one...), `the number "1.0" is out of range`},
		"huge number":        {file(`{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}`, one...), "out of range"},
		"huge shape":         {file(`{"a":{"dtype":"F32","shape":[1000000000,1000000000,1000000000],"data_offsets":[0,4]}}`, one...), "shape [1000000000 1000000000 1000000000] is out of range"},
		"rank":               {file(`{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}`, one...), "more than 8 numbers"},
		"shape":              {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, one...), "shape [2] of F32 takes 8 bytes; it has 4"},
		"one offset":         {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}`, one...), "not two numbers"},
		"offsets turned":     {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, one...), "leave a gap after 0"},
		"beyond":             {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, one...), "bytes 0 to 8 of 4"},
		"overlap":            {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, two...), `tensor "b": its bytes 2 to 6 overlap`},
		"gap":                {file(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, two...), `tensor "b": its bytes 4 to 8 leave a gap after 2`},
		"rest":               {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, two...), "8 bytes of tensors; the header accounts for 4"},
		"not a number":       {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0xc0, 0x7f), `tensor "a": value 0 is not a finite float32`},
		"infinite half":      {file(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 0, 0x7c), "not a finite float32"},
		"too large a double": {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 0, 0, 0, 0, 0, 0, 0, 0x7f), "not a finite float32"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := safetensors.Decode(c.b)
			if !errors.Is(err, safetensors.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v and error %v, want ErrCorrupt with %q", f, err, c.want)
			}
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	x := func(name string, shape []int, data ...float32) safetensors.Tensor {
		return safetensors.Tensor{Name: name, Shape: shape, Data: data}
	}
	for name, c := range map[string]struct {
		tensors []safetensors.Tensor
		want    string
	}{
		"twice":      {[]safetensors.Tensor{x("a", nil, 1), x("a", nil, 1)}, "the name is taken"},
		"reserved":   {[]safetensors.Tensor{x("__metadata__", nil, 1)}, "the name is taken"},
		"shape":      {[]safetensors.Tensor{x("a", []int{2}, 1)}, "1 values; shape [2] wants 2"},
		"negative":   {[]safetensors.Tensor{x("a", []int{-1, -1}, 1)}, "shape [-1 -1]"},
		"not finite": {[]safetensors.Tensor{x("a", nil, float32(math.Inf(1)))}, "value 0 is not finite"},
		"name":       {[]safetensors.Tensor{x("a\xff", nil, 1)}, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			f := safetensors.File{Tensors: c.tensors}
			if _, err := f.Encode(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// Whatever the bytes are, what Decode takes is written and read as the same.
func FuzzDecode(f *testing.F) {
	whole, err := os.ReadFile(filepath.Join("..", "nn", "testdata", "golden", "A.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	n := 8 + binary.LittleEndian.Uint64(whole)
	f.Add(whole[:n])
	f.Add(file(`{}`))
	f.Add(file(`{"__metadata__":{"a":"b"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]}}`, 0, 0, 0x80, 0x3f, 0, 0x3c, 1, 0))
	f.Add(file(`{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"z":{"dtype":"F64","shape":[1],"data_offsets":[2,10]}}`, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f))
	f.Fuzz(func(t *testing.T, b []byte) {
		var file *safetensors.File
		var err error
		fuzztest.Bounded(t, len(b), 400, 1<<20, func() { file, err = safetensors.Decode(b) })
		if err != nil {
			if !errors.Is(err, safetensors.ErrCorrupt) {
				t.Errorf("error %v is not ErrCorrupt", err)
			}
			return
		}
		again, err := file.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		got, err := safetensors.Decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		for i := range file.Tensors {
			file.Tensors[i].DType = "F32"
		}
		if d := cmp.Diff(file, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
