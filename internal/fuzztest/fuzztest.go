// Package fuzztest holds what the fuzz targets have in common: a bound on what a
// decoder may allocate, and what must hold of every snapshot that is taken back.
package fuzztest

import (
	"bytes"
	"runtime/metrics"
	"testing"
)

const allocated = "/gc/heap/allocs:bytes"

// Bounded calls f and fails t where that allocated more than base and perByte for
// each of n bytes of input: a few bytes may claim that gigabytes follow. What other
// goroutines allocate meanwhile counts too.
func Bounded(t testing.TB, n int, perByte, base uint64, f func()) {
	t.Helper()
	before := total()
	f()
	if got, most := total()-before, base+perByte*uint64(n); got > most {
		t.Errorf("%d bytes of input had %d bytes allocated, want at most %d", n, got, most)
	}
}

func total() uint64 {
	s := [1]metrics.Sample{{Name: allocated}}
	metrics.Read(s[:])
	return s[0].Value.Uint64()
}

// Snapshot is what writes its state and reads it back.
type Snapshot interface {
	AppendState(dst []byte) []byte
	RestoreState(src []byte) (rest []byte, err error)
}

// Restore has a new snapshot read src, and returns it and whether src was taken.
// It fails t where a refusal does not say why, or where what was taken can't be
// written and read again as the same.
func Restore[S Snapshot](t testing.TB, src []byte, fresh func() S) (s S, ok bool) {
	t.Helper()
	s = fresh()
	rest, err := s.RestoreState(src)
	if err != nil {
		if err.Error() == "" {
			t.Error("a refusal that does not say why")
		}
		return s, false
	}
	if len(rest) > len(src) || !bytes.HasSuffix(src, rest) {
		t.Fatalf("%d bytes are left of %d, and are not the last of them", len(rest), len(src))
	}
	state := s.AppendState(nil)
	twin := fresh()
	rest, err = twin.RestoreState(append(bytes.Clone(state), 7))
	if err != nil || len(rest) != 1 {
		t.Fatalf("what was taken is refused when it is written again: %v, %d bytes left, want 1", err, len(rest))
	}
	if again := twin.AppendState(nil); !bytes.Equal(again, state) {
		t.Fatal("what was taken is other bytes when it was written and read again")
	}
	return s, true
}
