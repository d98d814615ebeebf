package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestWatchRebase ends a drift that is open, at the next slot and once: a jump and a
// drop-out while the monitor learns, with a sentinel and without one, a jump after it,
// and what the monitor has named. A snapshot in between changes nothing.
func TestWatchRebase(t *testing.T) {
	jump := func(at int) func(int, float64) float64 {
		return func(i int, x float64) float64 {
			if i >= at {
				x += 12
			}
			return x
		}
	}
	lost := func(i int, x float64) float64 {
		if i >= 500 {
			return math.NaN()
		}
		return x
	}
	for _, x := range []struct {
		name        string
		bare        bool // without a sentinel
		until       int
		change      func(int, float64) float64
		kind, fault string
	}{
		{"jump, learning", false, 700, jump(600), Unknown, ""},
		{"jump, no sentinel", true, 700, jump(600), Unknown, ""},
		{"drop-out, learning", false, 600, lost, Fault, DropOut},
		{"drop-out, no sentinel", true, 600, lost, Fault, DropOut},
		{"jump, learnt", false, 3010, jump(3000), Unknown, ""},
		{"fault, learnt", false, 3400, func(i int, x float64) float64 {
			if i >= 3000 {
				return 0.5
			}
			return x
		}, Fault, Stuck},
	} {
		fresh := func() *Watch {
			if x.bare {
				return unwatched(Config{})
			}
			return watched(t, Config{})
		}
		w := fresh()
		if script(t, w, 0, x.until, x.change); !w.Open() {
			t.Fatalf("%s: nothing opened", x.name)
		}
		w.Rebase()
		if w.State() != Learning || w.Learnt() || !w.Open() {
			t.Errorf("%s: after Rebase the state is %s, learnt %v, open %v", x.name, w.State(), w.Learnt(), w.Open())
		}
		w.Rebase() // once more changes nothing
		again := fresh()
		if rest, err := again.RestoreState(w.AppendState(nil)); err != nil || len(rest) > 0 {
			t.Fatalf("%s: rest %q, %v", x.name, rest, err)
		}
		told, at := script(t, again, x.until, x.until+40, x.change)
		if len(told) != 1 || at[0] != x.until || !told[0].Resolved || told[0].Kind != x.kind || told[0].Fault != x.fault ||
			told[0].State != Learning || told[0].Why != x.kind+" drift taken as the new normal" {
			t.Errorf("%s: told at %v %+v", x.name, at, told)
		}
	}
}

// TestHandOver has jumps begin and end at each of the slots about where the monitor
// learns: none is told without its end, nor an end without its beginning.
func TestHandOver(t *testing.T) {
	var w *Watch
	learns := 0
	for w = watched(t, Config{}); !w.Learnt(); learns++ {
		script(t, w, learns, learns+1, func(_ int, x float64) float64 { return x })
	}
	const length = 16
	begins, ends := 0, 0
	for shift := -40; shift <= 20; shift++ {
		for _, by := range []float64{-20, 20} {
			end := learns + shift
			jumps := NewJumps(Config{})
			told, at := script(t, watched(t, Config{}), 0, learns+100, func(i int, x float64) float64 {
				if i >= end-length && i < end {
					x += by
				}
				if d := jumps.Push(int64(i)*1e9, []float64{x}, []bool{false}); i == learns-1 && d.Opened {
					begins++
				} else if i == learns-1 && d.Resolved {
					ends++
				}
				return x
			})
			for k, d := range told {
				if at[k] == learns-1 && (d.Opened || d.State != Normal || d.Kind != Unknown || d.Why == "") {
					t.Errorf("a jump that ends at %d: where the monitor learns, at %d: %+v", end, at[k], d)
				}
			}
		}
	}
	if begins == 0 || ends == 0 {
		t.Errorf("%d jumps began and %d ended at the slot at which the monitor learns: nothing was tried", begins, ends)
	}
}

// TestWatchTellsEnds takes a Watch through jumps, drop-outs, gaps, Rebase and restarts
// at random, with a sentinel from the beginning, from later on or never: every drift
// that opens is told as over once, and none is open for long where all is quiet.
func TestWatchTellsEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		cfg := Config{Channels: channels, NewNormal: rapid.SampledFrom([]int{200, 500, 1200}).Draw(t, "new normal")}
		p := player{w: unwatched(cfg), r: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0x77)),
			values: make([]float64, channels), missing: make([]bool, channels)}
		enters := rapid.SampledFrom([]int{0, 2, 5, 99}).Draw(t, "the sentinel enters")
		for k := range rapid.IntRange(4, 12).Draw(t, "acts") {
			if k == enters {
				p.w.Feed.Sentinel = untrained(t, channels)
			}
			c := rapid.IntRange(0, channels-1).Draw(t, "channel")
			n := rapid.SampledFrom([]int{1, 9, 70, 300, 500, 1000}).Draw(t, "slots")
			switch act := rapid.SampledFrom([]string{"quiet", "jump", "jump there", "drop-out", "gap", "rebase", "restart"}).Draw(t, "act"); act {
			case "jump":
				p.jump(t, c, 25, n/8+1)
			case "jump there":
				p.level[c] += 25
				p.play(t, n)
			case "drop-out":
				p.lost[c] = true
				p.play(t, n)
				p.lost[c] = false
			case "gap":
				p.at += n
				p.w.Gap()
			case "rebase":
				p.w.Rebase()
			case "restart":
				again := unwatched(cfg)
				if _, err := again.RestoreState(p.w.AppendState(nil)); err != nil {
					t.Fatal(err)
				}
				again.Feed = p.w.Feed
				p.w = again
			default:
				p.play(t, n)
			}
		}
		p.play(t, 1)
		for range 80 {
			if p.told.open {
				p.play(t, 100)
			}
		}
		if p.w.Learnt() && p.w.State() == Fault { // is never taken for normal by itself
			p.w.Rebase()
			p.play(t, 1)
		}
		if p.told.open {
			t.Fatalf("still open where all has been quiet for long: the state is %s", p.w.State())
		}
	})
}

// player feeds a Watch with noise.
type player struct {
	w       *Watch
	r       *rand.Rand
	at      int
	told    ledger
	level   [2]float64
	lost    [2]bool
	values  []float64
	missing []bool
}

// play feeds n slots, and checks what is told of each.
func (p *player) play(t *rapid.T, n int) {
	for range n {
		for c := range p.values {
			if p.values[c], p.missing[c] = p.level[c]+p.r.NormFloat64(), p.lost[c]; p.lost[c] {
				p.values[c] = math.NaN()
			}
		}
		d, _ := p.w.Push(int64(p.at), int64(p.at)*1e9, p.values, p.missing)
		p.told.take(t, p.at, p.w, &d)
		p.at++
	}
}

// jump has a level be another one for n slots.
func (p *player) jump(t *rapid.T, c int, by float64, n int) {
	p.level[c] += by
	p.play(t, n)
	p.level[c] -= by
}
