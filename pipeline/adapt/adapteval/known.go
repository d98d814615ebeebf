package adapteval

import (
	"context"
	"sync"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// budget is what a training may cost, in updates.
type budget struct {
	each int // one of the three or five trainings of a fine-tune in the pipeline
	tune int // what serves before a change
	anew int // the rival
}

// budgetOf returns that of the pipeline. In quick runs it is less than half, the others a
// fifth.
func budgetOf(o *scoreboard.Options) budget {
	if o.Quick {
		return budget{40, 60, 120}
	}
	return budget{100, 300, 600}
}

// home is a regime with the models that know it.
type home struct {
	regime
	tuned *model.Model // the base model, tuned on the past: what serves before a change
	anew  *model.Model // tuned on what comes in after a change, but for what is scored: the rival

	frozen, late float64 // gains of tuned and anew on the late hold-out
	best         float64 // gain of anew on what comes next after the change

	once     sync.Once
	sentinel *nn.Net
	err      error
}

// nursery holds the models of regimes, so that studies of one run tune them once. It is
// safe for concurrent use.
type nursery struct {
	mu    sync.Mutex
	homes map[nursed]*home
}

// nursed is what the models of a regime depend on.
type nursed struct {
	regime string
	seed   uint64
	budget budget
}

// get returns the first n regimes with a model for each, and where anew is set a rival.
func (y *nursery) get(ctx context.Context, o *scoreboard.Options, n int, anew bool) ([]*home, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	rs, err := load(o, sources()[:n])
	if err != nil {
		return nil, err
	}
	base, err := model.Base(8)
	if err != nil {
		return nil, err
	}
	if y.homes == nil {
		y.homes = map[nursed]*home{}
	}
	out := make([]*home, n)
	for i, r := range rs {
		key := nursed{r.name, o.Seed, budgetOf(o)}
		if y.homes[key] == nil {
			y.homes[key] = &home{regime: r}
		}
		out[i] = y.homes[key]
	}
	return out, each(ctx, n, func(i int) error { return out[i].learn(ctx, o, base, anew) })
}

// learn tunes the models of a regime that it has not yet.
func (h *home) learn(ctx context.Context, o *scoreboard.Options, base *model.Model, anew bool) (err error) {
	if h.tuned == nil {
		if h.tuned, err = tune(ctx, base, h.past.noisy, budgetOf(o).tune, o.Seed); err != nil {
			return err
		}
		if h.frozen, err = h.gain(h.tuned); err != nil {
			return err
		}
	}
	if !anew || h.anew != nil {
		return nil
	}
	err = h.rival(ctx, base, budgetOf(o).anew, o.Seed)
	o.Tell("%s: %.2f dB tuned on its past, %.2f on %d samples of the present", h.name, h.frozen, h.late, 2000+moreLen)
	return err
}

// rival tunes a model on 2,000 samples after a change and 20,000 more that come after what
// is scored, by what the base model makes of them and by what the one with the largest
// look-ahead does, at the learning rate of a training and at that of the pipeline, and keeps the one of the four
// that is nearest to the truth.
func (h *home) rival(ctx context.Context, base *model.Model, steps int, seed uint64) error {
	teacher, err := model.Base(-1)
	if err != nil {
		return err
	}
	var seen []train.Window
	for _, x := range [][]float64{h.live.noisy[:2000], h.live.noisy[liveLen+nextLen:]} {
		ws, err := windowsOf(x)
		if err != nil {
			return err
		}
		whole := train.Window{Channels: 1}
		for i := range ws {
			whole.Cols = append(whole.Cols, ws[i].Cols...)
		}
		whole.Weight = float64(len(whole.Cols))
		seen = append(seen, whole)
	}
	for i := range 4 {
		cfg := train.FineTuneConfig{Steps: steps, Length: windowLen, Seed: seed, Workers: 1, Peak: 1e-3}
		if i&1 > 0 {
			cfg.Teacher = teacher
		}
		if i&2 > 0 {
			cfg.Peak = 2e-3
		}
		m, _, err := train.FineTune(ctx, base, seen, cfg)
		if err != nil {
			return err
		}
		g, err := h.gainFrom(m, liveLen)
		if err != nil {
			return err
		}
		if h.anew == nil || g > h.best {
			h.anew, h.best = m, g
		}
	}
	h.late, err = h.gain(h.anew)
	return err
}

// tune fine-tunes on noisy readings alone.
func tune(ctx context.Context, m *model.Model, noisy []float64, steps int, seed uint64) (*model.Model, error) {
	ws, err := windowsOf(noisy)
	if err != nil {
		return nil, err
	}
	out, _, err := train.FineTune(ctx, m, ws, train.FineTuneConfig{Steps: steps, Length: windowLen, Seed: seed, Workers: 1})
	return out, err
}

// fit returns the sentinel of what is streamed before a change. It is the same
// for every change from this regime, and fitted once.
func (h *home) fit(windows [][]float32, channels int, seed uint64) (*nn.Net, error) {
	h.once.Do(func() { h.sentinel, h.err = train.Sentinel(windows, channels, seed) })
	return h.sentinel, h.err
}
