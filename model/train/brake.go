package train

import (
	"errors"

	"github.com/quell-stream/quell/model/nn"
)

// Brake says how a fine-tune looks at itself. The zero Brake does not.
type Brake struct {
	// Watch is the share of the new windows that the loss is looked at on, ten times
	// in a round, in place of being trained on; the weights that did best there are
	// kept. At most ½.
	Watch float64
	// Backoff is what the learning rate is multiplied by whenever that loss has
	// risen, 0 for 1.
	Backoff float64
	// Patience is after how many looks without a new best the round ends; 0: never.
	Patience int
}

func (b *Brake) checkBrake() error {
	switch {
	case !(b.Watch >= 0 && b.Watch <= .5) || !(b.Backoff >= 0 && b.Backoff <= 1) || b.Patience < 0:
		return errors.New("train: brake: want a share to watch of 0 to .5, a back-off of 0 to 1 and a patience of 0 or more")
	case b.Watch == 0 && (b.Backoff > 0 || b.Patience > 0):
		return errors.New("train: brake: backing off and patience go by the loss on windows held back: give a share to watch")
	}
	return nil
}

// watchExamples is the number of examples that a look takes.
const watchExamples = 16

// brake adds to cfg what the Brake asks for, if there are enough new windows to
// hold some back.
func (t *tuner) brake(data Batcher, cfg *FitConfig) {
	b := &t.cfg.Brake
	if d, ok := data.(*distilled); ok {
		data = d.Batcher
	}
	c, ok := data.(excerpts)
	if b.Watch == 0 || !ok {
		return
	}
	held := c.material().hold(b.Watch)
	if len(held.windows) == 0 {
		return
	}
	looked := c.with(held)
	pace := &backoff{Schedule: cfg.Schedule, by: b.Backoff, rate: 1}
	if b.Backoff > 0 {
		cfg.Schedule = pace
	}
	cfg.Patience = b.Patience
	cfg.Validate = func(net *nn.Net) float64 {
		p, sum := newProbe(net, cfg.Loss), 0.
		for i := range watchExamples {
			sum += p.value(looked, i)
		}
		pace.look(sum)
		return sum / watchExamples
	}
}

// hold takes every k-th of the new windows out of what is drawn and returns them,
// none where that would leave less than two.
func (x *examples) hold(share float64) examples {
	out := *x
	out.windows, out.shares = nil, nil
	k := int(1 / share)
	var fresh []int
	for i := range x.windows {
		if !x.windows[i].window.Old {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) < k || len(fresh) < 4 {
		return out
	}
	x.weigh()
	all, left := 0., 0.
	for n, i := range fresh {
		all += x.shares.weight[i]
		if n%k == k-1 {
			x.windows[i].held = true
			out.windows = append(out.windows, x.windows[i])
			x.shares.weight[i] = 0
		} else {
			left += x.shares.weight[i]
		}
	}
	for _, i := range fresh { // together the others are drawn as often as before
		x.shares.weight[i] *= all / left
	}
	x.shares.update()
	return out
}

// backoff is a schedule whose rate falls where a loss rises.
type backoff struct {
	Schedule
	by, rate float64
	last     float64 // loss; 0 before the first
}

// At implements Schedule.
func (b *backoff) At(step int) (lr, beta1 float64) {
	lr, beta1 = b.Schedule.At(step)
	return lr * b.rate, beta1
}

// look hears of the loss.
func (b *backoff) look(loss float64) {
	if b.last > 0 && loss > b.last && b.by > 0 {
		b.rate *= b.by
	}
	b.last = loss
}
