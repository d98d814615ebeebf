package adapteval

import (
	"context"
	"fmt"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/adapt"
)

const (
	// unchangedOld and unchangedNew are the windows before and after a false alarm.
	unchangedOld, unchangedNew = 12, 4
	unchangedLen               = (leadIn + unchangedOld + unchangedNew) * windowLen
)

// unchanged is the study of the gate where there is nothing to learn.
func unchanged(y *nursery) scoreboard.Study {
	return scoreboard.Study{Name: "unchanged", Doc: "fine-tunes after a false alarm, in a regime that the model knows: what the gate lets through of four nets that judge each other's windows",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			return runUnchanged(ctx, o, y)
		}}
}

func runUnchanged(ctx context.Context, o *scoreboard.Options, y *nursery) ([]scoreboard.Row, error) {
	if o.Data == "" {
		return unchangedRows(nil, needsData), nil
	}
	n, places := len(sources()), liveMost/unchangedLen
	if o.Quick {
		n, places = 3, 2
	}
	hs, err := y.get(ctx, o, n, false)
	if err != nil {
		return nil, err
	}
	all := make([]challenge, n*places)
	err = each(ctx, len(all), func(i int) error {
		h := hs[i%n]
		c, err := h.falseAlarm(ctx, o, i/n)
		all[i] = c
		o.Tell("%d of %d: %s: %.2f dB in truth, let through: %v", i+1, len(all), h.name, c.truth, c.promoted)
		return err
	})
	return unchangedRows(all, fmt.Sprintf("%d fine-tunes of %d regimes", len(all), n)), err
}

// falseAlarm has the model of a regime fine-tuned on four more windows of it, as if it had
// changed. place says where on what comes in.
func (h *home) falseAlarm(ctx context.Context, o *scoreboard.Options, place int) (challenge, error) {
	rec, err := newRecorder(replay.Config{Bytes: 4 << 20, HoldoutEvery: 2})
	if err != nil {
		return challenge{}, err
	}
	x := h.live.noisy[place*unchangedLen:][:unchangedLen]
	before := (leadIn + unchangedOld) * windowLen
	rec.add(x[:before])
	rec.buf.SetRegime(recorded, 1)
	rec.add(x[before:])
	s := rec.buf.Snapshot()
	fresh := func(w *replay.Window) bool { return w.Regime == 1 }
	recent, old := split(append(s.Old, s.Recent...), fresh)
	held, heldOld := split(s.Holdout, fresh)
	seed := o.Seed + uint64(place)
	next, v, err := adapt.CrossFit(ctx, h.tuned, [2][]*replay.Window{recent, held}, old, heldOld,
		train.FineTuneConfig{Steps: budgetOf(o).each, Workers: 1, Seed: seed}, adapt.GateConfig{Seed: seed, Regime: regimeOf})
	if err != nil {
		return challenge{}, err
	}
	g, err := h.gain(next)
	return challenge{g - h.frozen, v.Promote}, err
}

// unchangedRows sums up.
func unchangedRows(all []challenge, note string) []scoreboard.Row {
	var passed, wrong []float64
	poorer := 0
	for _, c := range all {
		if c.truth < -worse {
			poorer++
		}
		if !c.promoted {
			continue
		}
		passed = append(passed, c.truth)
		if c.truth < -worse {
			wrong = append(wrong, c.truth)
		}
	}
	share := func(k int) float64 { return 100 * float64(k) / float64(len(all)) } // NaN of none
	return []scoreboard.Row{
		{Name: "fine-tunes without a change that make it worse in truth, %", Got: share(poorer), Note: note},
		{Name: "of all, let through, %", Got: share(len(passed)), Note: note},
		{Name: "of all, let through and worse in truth, %", Must: scoreboard.AtMost(1), Aim: scoreboard.AtMost(0), Got: share(len(wrong)), Note: note},
		{Name: "true gain of what was let through without a change, worst, dB", Got: least(passed), Note: fmt.Sprintf("%s; %d let through", note, len(passed))},
	}
}
