package fuzztest

import (
	"errors"
	"testing"
)

// told is a testing.TB that remembers what it was told.
type told struct {
	testing.TB
	failed bool
}

func (f *told) Helper()               {}
func (f *told) Errorf(string, ...any) { f.failed = true }
func (f *told) Error(...any)          { f.failed = true }
func (f *told) Fatal(...any)          { f.failed = true }
func (f *told) Fatalf(string, ...any) { f.failed = true }

var keep []byte

func TestBounded(t *testing.T) {
	for _, c := range []struct {
		size int
		want bool
	}{{100, false}, {64 << 20, true}} {
		var f told
		Bounded(&f, 10, 100, 1<<20, func() { keep = make([]byte, c.size) })
		if f.failed != c.want {
			t.Errorf("%d bytes: failed %v, want %v", c.size, f.failed, c.want)
		}
	}
}

// box keeps one byte; forgetful ones write another.
type box struct {
	v         byte
	forgetful bool
}

func (b *box) AppendState(dst []byte) []byte {
	if b.forgetful {
		b.v++
	}
	return append(dst, b.v)
}

func (b *box) RestoreState(src []byte) ([]byte, error) {
	if len(src) == 0 {
		return nil, errors.New("nothing is there")
	}
	b.v = src[0]
	return src[1:], nil
}

func TestRestore(t *testing.T) {
	if b, ok := Restore(t, []byte{3, 4}, func() *box { return &box{} }); !ok || b.v != 3 {
		t.Errorf("got %v %v", b, ok)
	}
	if _, ok := Restore(t, nil, func() *box { return &box{} }); ok {
		t.Error("nothing was taken")
	}
	var f told
	if Restore(&f, []byte{3}, func() *box { return &box{forgetful: true} }); !f.failed {
		t.Error("one that writes other bytes passes")
	}
}
