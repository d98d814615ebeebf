package train

import "github.com/quell-stream/quell/model/nn"

// distilled draws a fine-tune's examples together with what the model made of them
// before it. That is the distillation of
//
//   - DER++ on old windows (Buzzega et al., "Dark Experience for General Continual
//     Learning", 2020, eq. 6);
//   - LwF on new ones (Li and Hoiem, "Learning without Forgetting", 2017), without
//     its temperature, which is for classes.
//
// DER++ stores outputs with its examples. Here the model from before is at hand
// while a fine-tune lasts, and is asked anew: that takes no room in the buffer, and
// it answers for the very noise that was drawn. Where several models came after
// each other an answer is the latest one's, not that of the time.
//
// Two squared errors of one output are one, to the weighted mean of their targets
// and but for a constant, so that nothing else changes.
type distilled struct {
	Batcher
	teacher  *nn.Net
	per, out int // estimates and outputs per slot
	recall   Recall
}

func newDistilled(b Batcher, teacher *nn.Net, a Arch, r Recall) *distilled {
	if r.Beta == 0 {
		r.Beta = 1
	}
	return &distilled{Batcher: b, teacher: teacher, per: a.perNet(), out: a.Spec.OutChannels(), recall: r}
}

// Example implements Batcher.
func (d *distilled) Example(e *Example, step, i int) {
	d.Batcher.Example(e, step, i)
	target, taught := 1., d.recall.Distil
	if e.desk.old {
		target, taught = d.recall.Beta, d.recall.Alpha
	}
	all := target + taught
	if taught == 0 {
		for i := range e.W {
			e.W[i] *= float32(all)
		}
		return
	}
	if e.desk.teacher == nil {
		e.desk.teacher = d.teacher.NewRunner(len(e.X) / d.teacher.Spec().In)
	}
	z := e.desk.teacher.Run(e.desk.taught, e.X)
	e.desk.taught = z
	for i := range e.Y {
		y := z[i/d.per*d.out+i%d.per]
		e.Y[i] = float32((target*float64(e.Y[i]) + taught*float64(y)) / all)
		e.W[i] *= float32(all)
	}
}
