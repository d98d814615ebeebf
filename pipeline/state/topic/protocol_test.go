package topic_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestProtocol goes through all runs of the scenarios that leave the quiet course once
// or twice, with QUELL_LONG set twice or three times: that crash, lose or delay a write, move the partition, let an owner of
// before go on, or compact the log.
func TestProtocol(t *testing.T) {
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			budget := c.budget
			if os.Getenv("QUELL_LONG") != "" {
				budget++
			}
			if testing.Short() {
				budget = 1
			}
			n, found := explore(c, none, budget)
			t.Logf("%d runs", n)
			if found != nil {
				t.Fatal(found)
			}
		})
	}
}

// TestProtocolDrawn goes through longer runs, drawn at random.
func TestProtocolDrawn(t *testing.T) {
	seeds := uint64(1000)
	if os.Getenv("QUELL_LONG") != "" {
		seeds = 300_000
	}
	for seed := range seeds {
		w := newWorld(scenarios[seed%uint64(len(scenarios))], none)
		w.choose = drawing(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(scenarios).Draw(t, "scenario")
		share := rapid.IntRange(2, 12).Draw(t, "share")
		choices := 0
		w := newWorld(c, none)
		w.choose = func(n int) int {
			if choices++; choices > 60 || rapid.IntRange(0, share).Draw(t, "leave") != 0 {
				return 0
			}
			return rapid.IntRange(0, n-1).Draw(t, "choice")
		}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
	})
}

// drawing returns a course that is left one time in five.
func drawing(seed uint64) func(n int) int {
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(n int) int {
		if rng.IntN(5) > 0 {
			return 0
		}
		return rng.IntN(n)
	}
}

// TestMistakes seeds mistakes into the protocol, each of which has to be found: by going
// through the runs that leave the course once, or by drawing longer ones. A run without an
// end counts for nothing.
func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			runs := 0
			for _, c := range scenarios {
				n, found := explore(c, m, 1)
				if runs += n; found != nil {
					t.Logf("found after %d runs: %v", runs, found)
					return
				}
			}
			for seed := m.seed; seed < m.seed+40_000; seed++ {
				w := newWorld(scenarios[seed%uint64(len(scenarios))], m)
				w.choose = drawing(seed)
				runs++
				if found := w.run(); found != nil && !errors.Is(found, errNever) {
					t.Logf("found after %d runs, by seed %d: %v", runs, seed, found)
					return
				}
			}
			t.Errorf("not found in %d runs", runs)
		})
	}
}

// finding is what is wrong with a run, and how it came about.
type finding struct {
	err   error
	trail []string
}

func (f *finding) Unwrap() error { return f.err }

func (f *finding) Error() string {
	return fmt.Sprintf("%v\n\t%s", f.err, strings.Join(f.trail, "\n\t"))
}

// explore goes through all runs that leave the course up to budget times, and returns
// their number, up to the first one that goes wrong.
func explore(c scenario, m mistake, budget int) (runs int, found error) {
	var from func(prefix []int, left int)
	from = func(prefix []int, left int) {
		at, options := 0, []int(nil)
		w := newWorld(c, m)
		w.choose = func(n int) int {
			options = append(options, n)
			if at++; at <= len(prefix) {
				return prefix[at-1]
			}
			return 0
		}
		runs++
		if found = w.run(); m.name != "" && errors.Is(found, errNever) {
			found = nil
			return
		}
		if found != nil || left == 0 {
			return
		}
		for i := len(prefix); i < len(options); i++ {
			for alt := 1; alt < options[i]; alt++ {
				next := append(slices.Clone(prefix), make([]int, i-len(prefix))...)
				if from(append(next, alt), left-1); found != nil {
					return
				}
			}
		}
	}
	from(nil, budget)
	return runs, found
}
