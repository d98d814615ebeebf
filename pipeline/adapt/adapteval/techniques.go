package adapteval

import (
	"context"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// techniques are the studies of what keeps a fine-tune from forgetting: the default
// with one thing changed at a time, without the gate.
func techniques() []scoreboard.Study {
	study := func(name, doc string, ms []method) scoreboard.Study {
		return scoreboard.Study{Name: name, Doc: doc, Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			return runVariants(ctx, o, ms)
		}}
	}
	return []scoreboard.Study{
		study("replay", "shares of new and old windows in a fine-tune, without the gate", shares()),
		study("retrieval", "which old windows are drawn, and synthetic ones beside them, without the gate", retrievals()),
		study("recall", "distillation, consolidation and the brake, one at a time, without the gate", restraints()),
	}
}

// vary returns the default with one thing changed.
func vary(name string, change func(m *method)) method {
	m := method{name: name, mix: replay.DefaultMix}
	change(&m)
	return m
}

func shares() []method {
	return []method{
		vary("default: ½ recent, ¼ balanced, ¼ reservoir", func(*method) {}),
		vary("no replay", func(m *method) { m.mix = replay.Mix{Recent: 1} }),
		vary("½ recent, ½ reservoir", func(m *method) { m.mix = replay.Mix{Recent: .5, Reservoir: .5} }),
		vary("½ recent, ½ balanced", func(m *method) { m.mix = replay.Mix{Recent: .5, Balanced: .5} }),
	}
}

func retrievals() []method {
	return []method{
		vary("default and .1 synthetic", func(m *method) { m.tuning.Rehearse = .1 }),
		vary("default, MIR", func(m *method) { m.tuning.Retrieve = train.Interfered }),
		vary("default, GSS", func(m *method) { m.tuning.Retrieve = train.Diverse }),
	}
}

func restraints() []method {
	return []method{
		vary("DER++ α 1 β 1", func(m *method) { m.tuning.Alpha = 1 }),
		vary("LwF 1", func(m *method) { m.tuning.Distil = 1 }),
		vary("EWC .1", func(m *method) { m.tuning.Elastic = .1 }),
		vary("brake: watch ¼, back off ½, patience 3", func(m *method) { m.tuning.Brake = train.Brake{Watch: .25, Backoff: .5, Patience: 3} }),
	}
}

// runVariants has every method go through one sequence. Nothing is asked of these
// rows: they are what defaults are chosen by.
func runVariants(ctx context.Context, o *scoreboard.Options, ms []method) ([]scoreboard.Row, error) {
	p := plan{sequences: 1, regimes: 3, samples: 4096, updates: 100}
	if o.Quick {
		p.regimes, p.updates, ms = 2, 20, ms[:2]
	}
	note, sums := needsData, unknown(len(ms))
	if o.Data != "" {
		as, err := trials(ctx, o, ms, p)
		if err != nil {
			return nil, err
		}
		note, sums = p.String(), summariseAll(as)
	}
	var rows []scoreboard.Row
	for i, m := range ms {
		rows = append(rows, scoreboard.Row{Name: m.name + ": ACC, dB", Got: sums[i].accuracy, Note: note},
			scoreboard.Row{Name: m.name + ": forgotten, mean, dB", Got: sums[i].forgotten, Note: note})
	}
	return rows, nil
}
