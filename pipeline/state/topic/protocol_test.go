package topic_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestProtocol goes through all runs of the scenarios that leave the quiet course so
// many times: that crash, lose or delay a write, move the partition, let an owner of
// before go on, or compact the log.
func TestProtocol(t *testing.T) {
	budget := 2
	if os.Getenv("QUELL_LONG") != "" {
		budget = 3
	}
	if testing.Short() {
		budget = 1
	}
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
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

// TestMistakes seeds mistakes into the protocol, each of which has to be found.
func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			runs := 0
			for budget := 0; budget <= 3; budget++ {
				for _, c := range scenarios {
					n, found := explore(c, m, budget)
					if runs += n; found != nil {
						t.Logf("found after %d runs, %d times off the course: %v", runs, budget, found)
						return
					}
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
		if found = w.run(); found != nil || left == 0 {
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
