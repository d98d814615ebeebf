package guard

// Take makes g, which is new, what from is, with channel at[i] of it as channel i; where
// that is -1 the channel is one that had no reading so far. Both are of one panel, and
// from is not used any more.
func (g *Guard) Take(from *Guard, at []int) {
	g.schedule, g.in, g.out, g.blocks = from.schedule, from.in, from.out, from.blocks
	for i, k := range at {
		if k >= 0 {
			g.channels[i] = from.channels[k]
		}
	}
	g.tidy()
}
