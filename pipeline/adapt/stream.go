package adapt

// streamDrifted says whether enough of the series that a model serves drifted
// for it to be trained, or exchanged for one of the bank; of the model of one series that is always so. The caller
// holds mu.
func (a *Adapter) streamDrifted(g *group) bool {
	if !a.cfg.Shared {
		return true
	}
	members := a.members(g)
	var ages []int64
	for _, t := range members {
		if trainable(t.drift.kind) {
			ages = append(ages, t.end()-t.drift.from)
		}
	}
	return a.cfg.Fleet.Judge(len(members), ages).Drift()
}
