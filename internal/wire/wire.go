// Package wire reads and writes the little-endian fields that checkpoints are
// made of. Writers append to a caller's buffer; a Reader remembers the first
// error, so that a restore checks once at the end.
package wire

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrShort says that the input ended inside a field or held a length that
// can't be true.
var ErrShort = errors.New("state is cut short")

// U64 appends v.
func U64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// I64 appends v.
func I64(dst []byte, v int64) []byte { return U64(dst, uint64(v)) }

// F64 appends the bits of v.
func F64(dst []byte, v float64) []byte { return U64(dst, math.Float64bits(v)) }

// F32 appends the bits of v.
func F32(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

// U8 appends v.
func U8(dst []byte, v uint8) []byte { return append(dst, v) }

// Bool appends v as one byte.
func Bool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// Bytes appends the length of v and v.
func Bytes(dst, v []byte) []byte { return append(U64(dst, uint64(len(v))), v...) }

// String appends the length of v and v.
func String(dst []byte, v string) []byte { return append(U64(dst, uint64(len(v))), v...) }

// F64s appends the length of v and its elements.
func F64s(dst []byte, v []float64) []byte {
	dst = U64(dst, uint64(len(v)))
	for _, x := range v {
		dst = F64(dst, x)
	}
	return dst
}

// F32s appends the length of v and its elements.
func F32s(dst []byte, v []float32) []byte {
	dst = U64(dst, uint64(len(v)))
	for _, x := range v {
		dst = F32(dst, x)
	}
	return dst
}

// Reader takes fields off the front of a byte slice. After an error every read
// returns a zero value.
type Reader struct {
	src []byte
	err error
}

// NewReader returns a Reader over src, which it does not copy.
func NewReader(src []byte) *Reader { return &Reader{src: src} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Fail records err unless there is one already.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Rest returns what has not been read.
func (r *Reader) Rest() []byte { return r.src }

// SetRest replaces what has not been read, after another decoder took its part.
func (r *Reader) SetRest(src []byte, err error) {
	r.src = src
	if err != nil {
		r.Fail(err)
	}
}

func (r *Reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.src) {
		r.Fail(ErrShort)
		return nil
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

// U64 reads one value.
func (r *Reader) U64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// I64 reads one value.
func (r *Reader) I64() int64 { return int64(r.U64()) }

// Int reads one value written by I64 into an int.
func (r *Reader) Int() int { return int(r.I64()) }

// F64 reads one value.
func (r *Reader) F64() float64 { return math.Float64frombits(r.U64()) }

// F32 reads one value.
func (r *Reader) F32() float32 {
	if b := r.take(4); b != nil {
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// U8 reads one byte.
func (r *Reader) U8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Bool reads one byte.
func (r *Reader) Bool() bool { return r.U8() != 0 }

// Len reads a length and fails if fewer than size bytes per element are left.
func (r *Reader) Len(size int) int {
	n := r.U64()
	if r.err != nil || size > 0 && n > uint64(len(r.src)/size) {
		r.Fail(ErrShort)
		return 0
	}
	return int(n)
}

// Bytes reads a slice written by Bytes; it aliases the source.
func (r *Reader) Bytes() []byte { return r.take(r.Len(1)) }

// String reads a string.
func (r *Reader) String() string { return string(r.Bytes()) }

// F64s reads a slice into dst, which it returns resized.
func (r *Reader) F64s(dst []float64) []float64 {
	n := r.Len(8)
	dst = dst[:0]
	for range n {
		dst = append(dst, r.F64())
	}
	return dst
}

// F32s reads a slice into dst, which it returns resized.
func (r *Reader) F32s(dst []float32) []float32 {
	n := r.Len(4)
	dst = dst[:0]
	for range n {
		dst = append(dst, r.F32())
	}
	return dst
}
