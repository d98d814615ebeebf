package monitor

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// pulsing is a pulse every 70 samples that rises and falls in so many, of a power of 1
// or nearly, in noise.
func pulsing(i, rise, fall int, noise float64) float64 {
	x, k := 0., i%70
	switch {
	case k < rise:
		x = float64(k+1) / float64(rise)
	case k < rise+fall:
		x = 1 - float64(k-rise)/float64(fall)
	}
	x *= math.Sqrt(3 * 70 / float64(rise+fall))
	return x + noise*rand.New(rand.NewPCG(uint64(i), 0x5a)).NormFloat64()
}

// TestShape has a signal in noise as large turn into another one of the same power, which
// only its shape tells.
func TestShape(t *testing.T) {
	const change, end, mean = 6400, 8400, 0.454
	for _, x := range []struct {
		name  string
		after func(i int) float64
		want  string // "": nothing is told
	}{
		{"nothing", func(i int) float64 { return pulsing(i, 3, 12, 1) }, ""},
		{"other edges", func(i int) float64 { return pulsing(i, 5, 5, 1) }, Regime},
		{"a little more noise", func(i int) float64 { return pulsing(i, 3, 12, 1.1) }, ""},
		{"upside down about its mean", func(i int) float64 { return 2*mean - pulsing(i, 3, 12, 1) }, ""},
	} {
		w := watched(t, Config{})
		told, at := script(t, w, 0, end, func(i int, _ float64) float64 {
			if i < change {
				return pulsing(i, 3, 12, 1)
			}
			return x.after(i)
		})
		switch {
		case x.want == "" && len(told) > 0:
			t.Errorf("%s: told at %d: %s", x.name, at[0], told[0].Why)
		case x.want != "" && len(told) == 0:
			t.Errorf("%s: nothing was told", x.name)
		case x.want != "":
			d := told[0]
			if d.Kind != x.want || at[0] < change || at[0] > change+1500 || math.Abs(float64(d.Since-change)) > 192 || w.State() != x.want {
				t.Errorf("%s: %s at %d, since %d, now %s: %s", x.name, d.Kind, at[0], d.Since, w.State(), d.Why)
			}
		}
	}
}

// TestShapeUnits has the same signal in units as small and as large as there are: what is
// found is the same.
func TestShapeUnits(t *testing.T) {
	var want []reshaped
	for _, unit := range []float64{1, 0x1p-60, 0x1p60} {
		var s shape
		var got []reshaped
		e := NewExtractor(8)
		for i := range 9600 {
			x := pulsing(i, 3, 12, 1)
			if i >= 7600 {
				x = pulsing(i, 5, 5, 1)
			}
			if f, ok := e.Push(x*unit, false); ok && s.push(&f, i < 7600) {
				got = append(got, s.look(5))
			}
		}
		if want == nil {
			want = got
		}
		last := len(want) - 1
		if want[last].segments == 0 || math.Abs(got[last].z/want[last].z-1) > 1e-4 || got[last].segments != want[last].segments {
			t.Errorf("in units of %g: %+v, want %+v", unit, got[last], want[last])
		}
	}
}

// TestShapeEnds has the signal that was there come back: the drift is over.
func TestShapeEnds(t *testing.T) {
	w := watched(t, Config{})
	told, at := script(t, w, 0, 12000, func(i int, _ float64) float64 {
		if i >= 6400 && i < 8400 {
			return pulsing(i, 5, 5, 1)
		}
		return pulsing(i, 3, 12, 1)
	})
	if len(told) != 2 || !told[1].Resolved || at[1] < 8400 {
		t.Fatalf("told at %v: %+v", at, told)
	}
}

// TestShapeOfNothing pushes what has no shape: nothing may come of it but no change.
func TestShapeOfNothing(t *testing.T) {
	var s shape
	f := Features{N: 8}
	for range 4000 {
		if s.push(&f, true); s.look(4).segments != 0 {
			t.Fatal("a constant changed its shape")
		}
	}
	f.Diff[3] = math.NaN()
	f.Cube[0] = math.Inf(1)
	f.Diff[4] = math.NaN()
	s.push(&f, true)
	if s.held != 0 {
		t.Errorf("%d segments after a hop that has no differences", s.held)
	}
}

// TestBeyondChance compares with tables of Student's t.
func TestBeyondChance(t *testing.T) {
	for _, x := range []struct{ chance, n, want float64 }{{.001, 20, 3.850}, {.001, 60, 3.460}, {.01, 15, 2.947}} {
		if got := beyondChance(x.chance, x.n); math.Abs(got-x.want) > .02*x.want {
			t.Errorf("%v with %v degrees of freedom: %.3f, want %.3f", x.chance, x.n, got, x.want)
		}
	}
}

// TestStateOfBefore reads snapshots of the versions that knew no shapes, and not which
// readings stand alone.
func TestStateOfBefore(t *testing.T) {
	w := watched(t, Config{})
	script(t, w, 0, 3000, func(_ int, x float64) float64 { return x })
	e := w.Feed.Extract[0].AppendState(nil)
	for version, lacks := range map[uint64]int{extractorState3: 8, extractorState2: 8 + 8*len(cubes) + 8} {
		old := bytes.Clone(e[:len(e)-lacks])
		binary.LittleEndian.PutUint64(old, version)
		n := NewExtractor(8)
		if rest, err := n.RestoreState(old); err != nil || len(rest) > 0 {
			t.Fatalf("extractor: %v, %d bytes are left", err, len(rest))
		}
	}
	s := w.mon.AppendState(nil)
	shapes := len(w.mon.shapes[0].appendState(nil)) + 1
	for version, tail := range map[uint64]int{monitorState4: 0, monitorState3: shapes} {
		old := withoutAlone(t, w.mon, s[:len(s)-tail])
		binary.LittleEndian.PutUint64(old, version)
		m := New(w.mon.cfg)
		if rest, err := m.RestoreState(old); err != nil || len(rest) > 0 {
			t.Fatalf("monitor: %v, %d bytes are left", err, len(rest))
		}
		got := m.AppendState(nil)
		if again := withoutAlone(t, m, got[:len(s)-tail]); !bytes.Equal(again[8:], old[8:]) || (m.shapes[0].n != 0) != (tail == 0) {
			t.Error("what was restored is not what there was of it")
		}
		if h := m.profiles[0].latest(); h.alone != h.peak {
			t.Errorf("of a reading %g off it says that %g stood alone", h.peak, h.alone)
		}
	}
}

// withoutAlone takes out of a snapshot of a monitor what the hops say of readings that
// stand alone, as it was before.
func withoutAlone(t *testing.T, m *Monitor, s []byte) []byte {
	p := m.profiles[0].appendState(nil)
	at := bytes.Index(s, p)
	if at < 0 {
		t.Fatal("the profile is not in the snapshot")
	}
	at += 9 // of its base
	old := bytes.Clone(s[:at])
	for range longest {
		before := 4 * (len(new(hop).counts()) + len(new(hop).floats()) - 1)
		old = append(old, s[at:at+before]...)
		old = append(old, s[at+before+4:at+before+4+4*len(lags)]...)
		at += before + 4 + 4*len(lags)
	}
	return append(old, s[at:]...)
}
