package train

import (
	"slices"

	"github.com/quell-stream/quell/model/noise"
)

// curriculum goes from easy to hard over the first half of a training (Bengio et
// al., "Curriculum Learning", 2009): in level, as what is drawn from a range begins
// at its easy end, and in kind, as the corruptions of a chain come in one by one.
type curriculum struct {
	stages []noise.Chain
	until  int // the step from which nothing is eased
}

const (
	curriculumStages = 16
	// easySNR is by how many dB a level that has no range is eased.
	easySNR = 20
)

func newCurriculum(c noise.Chain, steps int) *curriculum {
	k := &curriculum{until: steps / 2}
	for i := range curriculumStages {
		k.stages = append(k.stages, ease(c, float64(i)/curriculumStages))
	}
	return k
}

// at returns how hard a step is, 0 to 1, and its chain; full is the one of 1.
func (k *curriculum) at(step int, full noise.Chain) (float64, noise.Chain) {
	if k == nil || step >= k.until {
		return 1, full
	}
	stage := step * curriculumStages / k.until
	return float64(stage) / curriculumStages, k.stages[stage]
}

// ease returns a chain of hardness p, below 1: the first of n corruptions and all
// from number p·n down, with ranges that reach from the easy end as far as p goes.
func ease(c noise.Chain, p float64) noise.Chain {
	c = slices.Clone(c[:min(len(c), 1+int(p*float64(len(c))))])
	for i := range c {
		c[i].Args = slices.Clone(c[i].Args)
		for j := range c[i].Args {
			a := &c[i].Args[j]
			switch lo, hi := a.Value.Lo, a.Value.Hi; {
			case a.Name == "snr" && lo == hi:
				a.Value.Lo, a.Value.Hi = lo+easySNR*(1-p), hi+easySNR*(1-p)
			case a.Name == "snr":
				a.Value.Lo = hi - p*(hi-lo)
			case slices.Contains([]string{"p", "amp", "sigma", "step", "gain"}, a.Name):
				a.Value.Hi = lo + p*(hi-lo)
			}
		}
	}
	return c
}
