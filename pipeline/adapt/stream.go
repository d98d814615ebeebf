package adapt

// streamDrifted says whether enough of the series that a model serves drifted
// for it to be trained, or exchanged for one of the bank; of the model of one
// series that is always so. A series that is not back yet since a restart counts as
// it was before: else the first one back would be all of the stream. The caller
// holds mu.
func (a *Adapter) streamDrifted(g *group) bool {
	if !a.cfg.Shared {
		return true
	}
	all := a.everyone(g)
	var ages []int64
	for _, t := range all {
		if trainable(t.drift.kind) {
			ages = append(ages, t.end()-t.drift.from)
		}
	}
	return a.cfg.Fleet.Judge(len(all), ages).Drift()
}
