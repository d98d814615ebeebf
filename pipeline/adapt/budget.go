package adapt

// mostDoublings bounds how much longer the cool-down gets: 16 times.
const mostDoublings = 4

// cool starts the cool-down after a verdict at the given clock. Where one
// challenger after the other is refused, the monitor or the gate sees something
// that training does not mend: each makes the wait twice as long.
func (g *group) cool(cfg Config, at int64, refused bool) {
	if refused {
		g.refused++
	} else {
		g.refused = 0
	}
	g.coolUntil = at + int64(cfg.Cooldown)<<min(max(g.refused-1, 0), mostDoublings)
}

// budget is what a group may still spend on training: updates of a net, in
// millionths, which come back by the slot and of which only so many gather.
type budget struct {
	left int64
	at   int64 // clock up to which updates have come back
}

// burst is the number of fine-tunes that may follow each other when the budget
// has gathered all it can: all those of two drifts, so that a false alarm does not have the
// drift behind it wait for thousands of slots.
const burst = int64(2 * len(stages))

func (c Config) cost() int64 { return mostTrainings * int64(c.Steps) * int64(c.Rounds) * 1e6 }

func fullBudget(c Config) budget { return budget{left: burst * c.cost()} }

// gather brings back what the slots up to clock are worth.
func (b *budget) gather(c Config, clock int64) {
	most := burst * c.cost()
	if slots := clock - b.at; slots > 0 {
		if slots > most/int64(c.StepBudget) {
			b.left = most
		} else {
			b.left = min(most, b.left+slots*int64(c.StepBudget))
		}
	}
	b.at = clock
}

// affords says whether there is enough for a fine-tune.
func (b *budget) affords(c Config, clock int64) bool {
	b.gather(c, clock)
	return b.left >= c.cost()
}

// refund gives a fine-tune's updates back that was not made.
func (b *budget) refund(c Config) { b.left = min(burst*c.cost(), b.left+c.cost()) }

// spend takes a fine-tune's updates away.
func (b *budget) spend(c Config, clock int64) {
	b.gather(c, clock)
	b.left -= c.cost()
}
