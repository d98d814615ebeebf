package replay

// Mix says which share of what is trained on comes from where. Shares count beside
// each other; what there is nothing of falls to the others.
type Mix struct {
	Recent    float64 // windows of the new regime, all alike
	Balanced  float64 // older ones, each regime alike
	Reservoir float64 // older ones, all alike
}

// DefaultMix learns a new regime from one half, and keeps the earlier ones by the
// other: those that lasted long, and each that there was.
var DefaultMix = Mix{Recent: .5, Balanced: .25, Reservoir: .25}

// Weights returns how often each of the windows is to be drawn, beside 1 in all.
// fresh says which are of the new regime.
func (m Mix) Weights(ws []*Window, fresh func(w *Window) bool) []float64 {
	out := make([]float64, len(ws))
	regimes := map[class]int{}
	recent, old := 0, 0
	for _, w := range ws {
		if fresh(w) {
			recent++
			continue
		}
		old++
		regimes[classOf(w)]++
	}
	all := 0.
	if recent > 0 {
		all += m.Recent
	}
	if old > 0 {
		all += m.Balanced + m.Reservoir
	}
	if !(all > 0) {
		return out
	}
	for i, w := range ws {
		if fresh(w) {
			out[i] = m.Recent / all / float64(recent)
			continue
		}
		out[i] = (m.Reservoir/float64(old) + m.Balanced/float64(len(regimes)*regimes[classOf(w)])) / all
	}
	return out
}
