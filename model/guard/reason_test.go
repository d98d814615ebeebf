package guard

import "testing"

// TestReason: why a channel is served as it is follows from the evidence.
func TestReason(t *testing.T) {
	for name, c := range map[string]struct {
		player
		slots int
		want  Reason
	}{
		"nothing seen":       {player{clean: steps, sigma: 1, told: 1, off: .3, claimed: .3}, 700, Early},
		"a good network":     {player{clean: steps, sigma: 1, told: 1, off: .3, claimed: .3}, 8000, Better},
		"a poor network":     {player{clean: slow, sigma: 1, told: 1, off: .6, claimed: .4}, 8000, Worse},
		"no level":           {player{clean: slow, sigma: 1, told: 0, off: .6, claimed: .4}, 8000, Early},
		"a rough signal":     {player{clean: fast, sigma: .2, told: 3, off: 8, claimed: 8}, 8000, Rough},
		"as good as filters": {player{clean: slow, sigma: 1, told: 1, off: .18, claimed: .2}, 8000, NotShown},
	} {
		g := New(newPanel(t, 8), 1)
		o := c.play(g, c.slots, 3)
		if got := g.Reason(0); got != c.want {
			t.Errorf("%s, served by %q: %s, want: %s", name, o.choices[c.slots-1].Filter, got, c.want)
		}
	}
}
