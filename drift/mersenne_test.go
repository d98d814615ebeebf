package drift

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
)

// TestPythonSample compares with draws of Python's random.Random(seed).sample.
func TestPythonSample(t *testing.T) {
	var cases []struct {
		Seed  int
		Range int
		K     int
		Draws [][]int `json:"first_three"`
	}
	b, err := os.ReadFile(sharedtest.Path(t, "golden/drift/expected/python_random_sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var m mersenne
		m.seed(c.Seed)
		got, pool := make([]int, c.K), make([]int, c.Range)
		for i, want := range c.Draws {
			if m.sample(got, c.Range, pool); !slices.Equal(got, want) {
				t.Errorf("seed %d, draw %d of %d from %d: %v, want %v", c.Seed, i, c.K, c.Range, got, want)
			}
		}
	}
}
