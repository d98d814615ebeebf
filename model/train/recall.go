package train

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/quell-stream/quell/model/nn"
)

// Recall says how a fine-tune keeps what the model knew, besides drawing old
// windows (Window.Old) among the new ones. The zero Recall does nothing. It does not
// go with the losses that compare spectra or features, which have no target for
// each value.
type Recall struct {
	// Alpha and Beta are those of DER++: on old windows the loss is
	//
	//	Alpha·‖f(x)-z‖² + Beta·‖f(x)-target‖²
	//
	// with z the output of the model as it was before, see distilled. Beta is 1
	// unless given.
	Alpha, Beta float64
	// Distil is the weight of ‖f(x)-z‖² on new windows: learning without forgetting.
	Distil float64
	// Elastic is the strength of elastic weight consolidation, see elastic.
	Elastic float64
	// Retrieve says which of the old windows are drawn, by default all alike.
	Retrieve Retrieval
}

// Retrieval names a way of choosing among the old windows.
type Retrieval string

// The ways.
const (
	Uniform Retrieval = ""
	// Interfered draws those whose loss the training has raised most, see interfered.
	Interfered Retrieval = "mir"
	// Diverse draws those whose gradients differ most, see diverse.
	Diverse Retrieval = "gss"
)

func (r *Recall) checkRecall() error {
	for _, v := range []float64{r.Alpha, r.Beta, r.Distil, r.Elastic} {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("train: recall: a weight of %g: want 0 or more", v)
		}
	}
	switch r.Retrieve {
	case Uniform, Interfered, Diverse:
		return nil
	}
	return fmt.Errorf("train: there is no retrieval %q: choose mir or gss", string(r.Retrieve))
}

// distils says whether the old model is asked.
func (r *Recall) distils() bool { return r.Alpha > 0 || r.Beta > 0 || r.Distil > 0 }

// excerpts is a Batcher that cuts examples out of windows.
type excerpts interface {
	Batcher
	material() *examples
	with(x examples) Batcher // the same on other windows, without rehearsal
}

func (x *examples) material() *examples { return x }

// recall has the training of net, which begins as the old model's, keep what that
// one knew. It returns the Batcher to train on.
func (t *tuner) recall(net *nn.Net, data Batcher, cfg *FitConfig) (Batcher, error) {
	c, ok := data.(excerpts)
	if !ok {
		return data, nil
	}
	x, r := c.material(), &t.cfg.Recall
	x.share()
	if r.distils() {
		switch t.cfg.Recipe.Loss.(type) {
		case Spectral, Feature:
			return nil, errors.New("train: recall: distillation needs a loss with a target for each value: leave the spectral or feature loss out")
		}
		data = newDistilled(data, t.model.Net(), t.arch, *r)
	}
	if !x.any(true) {
		return data, nil
	}
	if r.Elastic > 0 {
		cfg.Penalty = newElastic(net, c, cfg.Loss, r.Elastic).add
	}
	switch r.Retrieve {
	case Interfered:
		cfg.Next = newInterfered(net, c, cfg.Loss).next
	case Diverse:
		diverse(net, c, cfg.Loss)
	}
	return data, nil
}

// shares says how often each of several is drawn.
type shares struct {
	weight []float64
	sum    []float64 // of the weights up to each
}

func newShares(weight []float64) *shares {
	s := &shares{weight: weight, sum: make([]float64, len(weight))}
	s.update()
	return s
}

// update is called after a change of the weights.
func (s *shares) update() {
	all := 0.
	for i, w := range s.weight {
		all += w
		s.sum[i] = all
	}
}

func (s *shares) draw(rng *rand.Rand) int {
	x := rng.Float64() * s.sum[len(s.sum)-1]
	return min(sort.Search(len(s.sum), func(i int) bool { return s.sum[i] > x }), len(s.sum)-1)
}

// share has windows drawn by their weights, if any has one.
func (x *examples) share() {
	if !slices.ContainsFunc(x.windows, func(s stretch) bool { return s.window.Weight > 0 }) {
		return
	}
	x.weigh()
	for i := range x.windows {
		x.shares.weight[i] = max(x.windows[i].window.Weight, 0)
	}
	x.shares.update()
}

// weigh sees to it that there are weights.
func (x *examples) weigh() {
	if x.shares == nil {
		x.shares = newShares(slices.Repeat([]float64{1}, len(x.windows)))
	}
}

// any says whether there are old windows, or new ones, that are drawn.
func (x *examples) any(old bool) bool {
	return slices.ContainsFunc(x.windows, func(s stretch) bool { return s.window.Old == old && !s.held })
}

// oldest returns the indices of the old windows, at most n, evenly spaced.
func (x *examples) oldest(n int) []int {
	var at []int
	for i := range x.windows {
		if x.windows[i].window.Old && !x.windows[i].held && (x.shares == nil || x.shares.weight[i] > 0) {
			at = append(at, i)
		}
	}
	if len(at) <= n {
		return at
	}
	out := make([]int, n)
	for i := range out {
		out[i] = at[i*len(at)/n]
	}
	return out
}

// favour has only some of the candidates drawn, in place of all of them and as
// often as these were together.
func (x *examples) favour(candidates, some []int, base []float64) {
	all := 0.
	for _, i := range candidates {
		all += base[i]
		x.shares.weight[i] = 0
	}
	for _, i := range some {
		x.shares.weight[i] = all / float64(len(some))
	}
	x.shares.update()
}

// alone returns the same Batcher on one window.
func alone(c excerpts, i int) Batcher {
	x := *c.material()
	x.windows, x.shares = x.windows[i:i+1], nil
	return c.with(x)
}
