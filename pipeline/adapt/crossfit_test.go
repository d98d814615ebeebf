package adapt

import (
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/replay"
)

// Each new window is in one part, which the net that it judges does not learn from;
// there are four parts where there are few slots.
func TestDeal(t *testing.T) {
	ws := windowsOf(t, slow, 12, 256, 1)
	for _, c := range []struct {
		sides [2]int
		want  []int // windows per part
	}{
		{[2]int{2, 2}, []int{1, 1, 1, 1}},
		{[2]int{3, 3}, []int{2, 1, 2, 1}},
		{[2]int{5, 3}, []int{3, 2, 2, 1}},
		{[2]int{5, 4}, []int{4, 5}},
		{[2]int{6, 6}, []int{6, 6}},
	} {
		sides := [2][]*replay.Window{ws[:c.sides[0]], ws[c.sides[0] : c.sides[0]+c.sides[1]]}
		parts := deal(sides)
		var got []int
		seen := map[*replay.Window]bool{}
		for _, p := range parts {
			got = append(got, len(p))
			for _, w := range p {
				if seen[w] {
					t.Errorf("%v: a window is in two parts", c.sides)
				}
				seen[w] = true
			}
		}
		if !slices.Equal(got, c.want) || len(seen) != c.sides[0]+c.sides[1] {
			t.Errorf("%v: parts of %v windows, want %v", c.sides, got, c.want)
		}
	}
}
