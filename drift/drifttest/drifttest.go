// Package drifttest holds the suite that every drift.Detector passes: it
// states in code what the interface promises.
package drifttest

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/drift"
)

// Run checks the promises of drift.Detector. fresh returns a new detector,
// always with the same parameters, that finds a jump by five deviations within
// 2,000 samples of unit variance.
func Run(t *testing.T, fresh func() drift.Detector) {
	t.Helper()
	t.Run("finds a jump", func(t *testing.T) { findsJump(t, fresh()) })
	t.Run("is quiet on a constant", func(t *testing.T) { constant(t, fresh()) })
	t.Run("is deterministic", func(t *testing.T) { deterministic(t, fresh) })
	t.Run("ignores non-finite input", func(t *testing.T) { nonFinite(t, fresh) })
	t.Run("survives extreme input", func(t *testing.T) { extreme(t, fresh()) })
	t.Run("resets to its beginning", func(t *testing.T) { reset(t, fresh) })
	t.Run("restores bit for bit", func(t *testing.T) { restore(t, fresh) })
	t.Run("refuses broken state", func(t *testing.T) { broken(t, fresh) })
	t.Run("allocates nothing", func(t *testing.T) { allocations(t, fresh()) })
	t.Run("has bounded state", func(t *testing.T) { bounded(t, fresh()) })
}

// Jump returns n samples of unit variance whose mean moves by size at half.
func Jump(n int, size float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0xd1f7))
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = r.NormFloat64()
		if i >= n/2 {
			xs[i] += size
		}
	}
	return xs
}

// trace is everything that can be seen of a detector over a stream.
type trace struct {
	States []drift.State
	Bits   []uint64 // of all variables after each update
}

func (tr *trace) step(d drift.Detector, x float64) {
	tr.States = append(tr.States, d.Update(x))
	d.Vars(func(_ string, v float64) { tr.Bits = append(tr.Bits, math.Float64bits(v)) })
}

// diff returns "" where two traces are equal.
func diff(a, b trace) string {
	if slices.Equal(a.States, b.States) && slices.Equal(a.Bits, b.Bits) {
		return ""
	}
	return cmp.Diff(a, b)
}

func run(d drift.Detector, xs []float64) trace {
	var tr trace
	for _, x := range xs {
		tr.step(d, x)
	}
	return tr
}

func findsJump(t *testing.T, d drift.Detector) {
	xs := Jump(4000, 5, 1)
	for i, x := range xs {
		s := d.Update(x)
		if s > drift.Drift {
			t.Fatalf("sample %d: state %d is none of stable, warning, drift", i, s)
		}
		if s == drift.Drift && i >= 2000 {
			return
		}
	}
	t.Error("a jump by five deviations was not found within 2,000 samples")
}

func constant(t *testing.T, d drift.Detector) {
	for i := range 3000 {
		if s := d.Update(7.25); s == drift.Drift {
			t.Fatalf("sample %d: drift on a constant", i)
		}
	}
}

func deterministic(t *testing.T, fresh func() drift.Detector) {
	xs := Jump(3000, 3, 2)
	if d := diff(run(fresh(), xs), run(fresh(), xs)); d != "" {
		t.Errorf("two runs differ (-first +second):\n%s", d)
	}
}

func nonFinite(t *testing.T, fresh func() drift.Detector) {
	xs := Jump(3000, 3, 3)
	want := run(fresh(), xs)
	d := fresh()
	bad := []float64{math.NaN(), math.Inf(1), math.Inf(-1)}
	var got trace
	last := drift.Stable
	for i, x := range xs {
		before := d.AppendState(nil)
		if s := d.Update(bad[i%len(bad)]); s != last {
			t.Fatalf("sample %d: %v gave %v, want the last state %v", i, bad[i%len(bad)], s, last)
		}
		if !bytes.Equal(before, d.AppendState(nil)) {
			t.Fatalf("sample %d: %v changed the state", i, bad[i%len(bad)])
		}
		got.step(d, x)
		last = got.States[i]
	}
	if d := diff(want, got); d != "" {
		t.Errorf("non-finite input left a trace (-want +got):\n%s", d)
	}
}

func extreme(t *testing.T, d drift.Detector) {
	for _, x := range []float64{math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 0, math.Copysign(0, -1)} {
		for range 40 {
			d.Update(x)
		}
	}
	// Neither of these may have made it deaf for good.
	d.Reset()
	findsJump(t, d)
}

func reset(t *testing.T, fresh func() drift.Detector) {
	xs := Jump(3000, 3, 4)
	d := fresh()
	begin := d.AppendState(nil)
	want := run(d, xs)
	d.Reset()
	if !bytes.Equal(begin, d.AppendState(nil)) {
		t.Error("the state after a reset is not the initial one")
	}
	if d := diff(want, run(d, xs)); d != "" {
		t.Errorf("a run after a reset differs (-want +got):\n%s", d)
	}
}

func restore(t *testing.T, fresh func() drift.Detector) {
	xs := Jump(3000, 3, 5)
	prefix, suffix := []byte("before"), []byte("after")
	d := fresh()
	for i, x := range xs {
		if i%373 == 0 || i < 3 {
			snap := d.AppendState(append([]byte(nil), prefix...))
			if !bytes.HasPrefix(snap, prefix) {
				t.Fatal("AppendState did not append")
			}
			e := fresh()
			e.Update(1e3) // what was there before must not matter
			rest, err := e.RestoreState(append(snap[len(prefix):], suffix...))
			if err != nil {
				t.Fatalf("sample %d: %v", i, err)
			}
			if string(rest) != string(suffix) {
				t.Fatalf("sample %d: rest is %q, want %q", i, rest, suffix)
			}
			if !bytes.Equal(e.AppendState(nil), d.AppendState(nil)) {
				t.Fatalf("sample %d: the restored state writes other bytes", i)
			}
			ahead := xs[i:min(i+800, len(xs))]
			f := fresh()
			if _, err := f.RestoreState(d.AppendState(nil)); err != nil {
				t.Fatal(err)
			}
			if d := diff(run(f, ahead), run(e, ahead)); d != "" {
				t.Fatalf("sample %d: restored detectors differ:\n%s", i, d)
			}
		}
		d.Update(x)
	}
	want := run(fresh(), xs)
	e := fresh()
	half := run(e, xs[:1777])
	g := fresh()
	if _, err := g.RestoreState(e.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	tail := run(g, xs[1777:])
	got := trace{States: append(half.States, tail.States...), Bits: append(half.Bits, tail.Bits...)}
	if d := diff(want, got); d != "" {
		t.Errorf("a run with a restore in the middle differs (-want +got):\n%s", d)
	}
}

func broken(t *testing.T, fresh func() drift.Detector) {
	d := fresh()
	run(d, Jump(500, 0, 6))
	snap := d.AppendState(nil)
	for n := range snap {
		if n > 1000 && n%97 != 0 && n < len(snap)-100 {
			continue // large states are arrays
		}
		e := fresh()
		before := e.AppendState(nil)
		if _, err := e.RestoreState(snap[:n]); err == nil {
			t.Fatalf("took a state cut to %d of %d bytes", n, len(snap))
		}
		if !bytes.Equal(before, e.AppendState(nil)) {
			t.Fatalf("a refused state (%d of %d bytes) left a trace", n, len(snap))
		}
	}
	// Flipped bytes may go unseen here (checkpoints carry checksums), but must not panic.
	for i := range snap {
		if i > 1000 && i%97 != 0 {
			continue
		}
		bad := append([]byte(nil), snap...)
		bad[i] ^= 0xff
		e := fresh()
		if _, err := e.RestoreState(bad); err == nil {
			e.Update(1)
		}
	}
}

func allocations(t *testing.T, d drift.Detector) {
	xs := Jump(4096, 3, 7)
	for _, x := range xs {
		d.Update(x)
	}
	i := 0
	if n := testing.AllocsPerRun(len(xs), func() { d.Update(xs[i%len(xs)]); i++ }); n != 0 {
		t.Errorf("%v allocations per update, want 0", n)
	}
}

func bounded(t *testing.T, d drift.Detector) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 20000 {
		d.Update(r.NormFloat64())
	}
	if n := len(d.AppendState(nil)); n > 32<<10 {
		t.Errorf("the state takes %d bytes, want at most 32 KiB", n)
	}
}
