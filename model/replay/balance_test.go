package replay

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/wire"
)

// byRegime counts windows.
func byRegime(ws []*Window) map[int]int {
	n := map[int]int{}
	for _, w := range ws {
		n[w.Regime]++
	}
	return n
}

// A regime that was short is kept beside one that lasted a hundred times as long.
func TestBalanceKeepsTheShortRegime(t *testing.T) {
	for _, c := range []struct {
		share float64
		least int
	}{{-1, 0}, {.5, 6}} {
		b := build(t, Config{Steps: 2, Channels: 1, Bytes: 100 * windowBytes(2, 1), BalancedShare: c.share})
		var f feeder
		for regime, n := range []int{3000, 40, 3000} {
			b.SetRegime("a", regime)
			for range n {
				f.add(b, "a", nil, false)
			}
		}
		s := b.Snapshot()
		if n := byRegime(s.Old); n[1] < c.least || c.share < 0 && n[1] > 3 {
			t.Errorf("share %g: windows of the regimes %v", c.share, n)
		}
		if b.Bytes() > b.cfg.Bytes || b.Regime("a") != 2 {
			t.Errorf("%d bytes, regime %d", b.Bytes(), b.Regime("a"))
		}
	}
}

// However many regimes there were, what is known of them is bounded.
func TestBalanceIsBounded(t *testing.T) {
	b := build(t, Config{Steps: 2, Channels: 1, Bytes: 40 * windowBytes(2, 1)})
	var f feeder
	for regime := range 2000 {
		b.SetRegime("a", regime)
		for range 5 {
			f.add(b, "a", nil, false)
		}
	}
	if n := len(b.train.balanced.seen); n > mostSeen+b.train.balanced.room {
		t.Errorf("%d regimes are counted", n)
	}
	c := build(t, b.cfg)
	if _, err := c.RestoreState(b.AppendState(nil)); err != nil || cmp.Diff(b.AppendState(nil), c.AppendState(nil)) != "" {
		t.Errorf("restored: %v", err)
	}
}

func TestMix(t *testing.T) {
	var ws []*Window
	for regime, n := range []int{6, 2, 4} {
		for range n {
			ws = append(ws, &Window{Regime: regime})
		}
	}
	for _, c := range []struct {
		mix   Mix
		fresh int
		want  [3]float64 // of each regime
	}{
		{DefaultMix, 2, [3]float64{.25*.75 + .125, .25*.25 + .125, .5}},
		{Mix{Recent: 1, Reservoir: 1}, 2, [3]float64{.375, .125, .5}},
		{Mix{Balanced: 2}, 2, [3]float64{.5, .5, 0}},
		{DefaultMix, 9, [3]float64{.5*6/12 + .5/3, .5*2/12 + .5/3, .5*4/12 + .5/3}},
		{Mix{}, 2, [3]float64{}},
	} {
		var got [3]float64
		for i, v := range c.mix.Weights(ws, func(w *Window) bool { return w.Regime == c.fresh }) {
			got[ws[i].Regime] += v
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-12 {
				t.Errorf("%+v: %v, want %v", c.mix, got, c.want)
				break
			}
		}
	}
	if w := DefaultMix.Weights(nil, nil); len(w) != 0 {
		t.Errorf("weights of nothing: %v", w)
	}
}

// What is known of how much is held stays true, over a restart too.
func TestBalanceCounts(t *testing.T) {
	b := build(t, Config{Steps: 2, Channels: 1, Bytes: 200 * windowBytes(2, 1)})
	check := func(b *balance) {
		t.Helper()
		held := map[class]int{}
		for _, e := range b.held {
			held[classOf(e.w)]++
		}
		for _, c := range b.seen {
			if c.held != held[c.class] {
				t.Fatalf("%d windows of %v are counted, %d are held", c.held, c.class, held[c.class])
			}
			delete(held, c.class)
		}
		if len(held) > 0 {
			t.Fatalf("held and not counted: %v", held)
		}
	}
	var f feeder
	for i := range 5000 {
		series := string(rune('a' + i%7))
		if i%97 == 0 {
			b.SetRegime(series, i%5)
		}
		f.add(b, series, nil, false)
		check(&b.train.balanced)
	}
	c := build(t, b.cfg)
	if _, err := c.RestoreState(b.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	check(&c.train.balanced)
	check(&c.holdout.balanced)
}

// A full buffer of a stream of many series: what a window costs under the lock of
// whoever adds.
func BenchmarkAdd(b *testing.B) {
	for _, series := range []int{1, 1000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			buf, err := New(Config{Steps: 256, Channels: 1, Bytes: 8 << 20, HoldoutEvery: 2})
			if err != nil {
				b.Fatal(err)
			}
			names := make([]string, series)
			for i := range names {
				names[i] = fmt.Sprintf("pump-%d", i)
			}
			values, scales, n := make([]float32, 256), []Scale{{Dev: 1, Sigma: 1}}, 0
			add := func() {
				buf.Add(names[n%series], int64(n/series*256), values, nil, scales)
				n++
			}
			for range 20_000 {
				add()
			}
			b.ReportAllocs()
			for b.Loop() {
				add()
			}
		})
	}
}

// appendVersion1 writes a snapshot as version 1 had it.
func appendVersion1(b *Buffer) []byte {
	dst := wire.I64(wire.I64(wire.U8(nil, 1), int64(b.cfg.Steps)), int64(b.cfg.Channels))
	dst = wire.U64(wire.U64(dst, b.added), b.refused)
	put := func(e *entry) {
		w := e.w
		dst = wire.F32s(wire.I64(wire.String(wire.Bool(dst, e.quarantined), w.Series), w.Start), w.Values)
		for _, s := range w.Scales {
			dst = wire.F64(wire.F64(wire.F64(dst, s.Mean), s.Dev), s.Sigma)
		}
		dst = wire.U64(dst, 0)
	}
	for _, s := range []*store{&b.train, &b.holdout} {
		dst = wire.U64(wire.U64(dst, s.offered), uint64(len(s.reservoir)))
		for i := range s.reservoir {
			put(&s.reservoir[i])
		}
		dst = wire.U64(dst, uint64(len(s.ring)))
		s.recent(put)
	}
	return dst
}

// TestRestoreVersion1: what an older program saved is read, and its sample shared out.
func TestRestoreVersion1(t *testing.T) {
	old := build(t, Config{Steps: 2, Channels: 1, Bytes: 100 * windowBytes(2, 1), BalancedShare: -1})
	var f feeder
	for range 1000 {
		f.add(old, "a", nil, false)
	}
	state := appendVersion1(old)
	b := build(t, Config{Steps: 2, Channels: 1, Bytes: 100 * windowBytes(2, 1)})
	rest, err := b.RestoreState(append(state, 7))
	if err != nil || len(rest) != 1 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	was, is := old.Snapshot(), b.Snapshot()
	if !cmp.Equal(was.Recent, is.Recent, cmp.AllowUnexported(Window{})) {
		t.Error("the latest windows differ")
	}
	if n := len(is.Old); n < len(was.Old)*3/4 || len(b.train.balanced.held) == 0 || b.train.offered < 200 {
		t.Errorf("%d of %d older windows, %d balanced, of %d offered", n, len(was.Old), len(b.train.balanced.held), b.train.offered)
	}
	if _, err := b.RestoreState(state[:len(state)-1]); err == nil || b.Len() != 0 {
		t.Error("a state cut short was taken")
	}
}
