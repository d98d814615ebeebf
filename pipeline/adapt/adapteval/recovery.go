package adapteval

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/adapt"
)

const (
	// worthwhile is what there must be to gain for a drift to count, in dB.
	worthwhile = 1.
	// worse is by how much a model has to be worse to be called so, in dB: less
	// than that is the scatter of the hold-out's noise.
	worse = .05
)

// recovery is the study of what one drift costs and what comes back.
func recovery(y *nursery) scoreboard.Study {
	return scoreboard.Study{Name: "recovery", Doc: "one drift from each of eleven real regimes to each other, through detection, fine-tune and gate", Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
		return runRecovery(ctx, o, y)
	}}
}

// drift is one change from a regime to another, and what became of it.
type drift struct {
	from, to *home
	outcome

	next, late scored
}

// scored is what models did on samples that were not trained on: those that come next, where each
// is in use, or the late hold-outs.
type scored struct {
	frozen    float64 // gains in the new regime
	at        map[int]float64
	forgotten float64   // dB lost in the old one at the end
	steps     []float64 // gain of each promoted model over the one it replaced
}

// The numbers of samples since the change at which is looked, and how many are streamed: all
// fine-tunes of a drift begin within 24 windows and are judged by 8 more at least.
var marks = []int{1000, 1500, 2000}

const driftLen = 40 * windowLen

func runRecovery(ctx context.Context, o *scoreboard.Options, y *nursery) ([]scoreboard.Row, error) {
	if o.Data == "" {
		return recoveryRows(nil, needsData), nil
	}
	n := len(sources())
	if o.Quick {
		n = 3
	}
	hs, err := y.get(ctx, o, n, true)
	if err != nil {
		return nil, err
	}
	var ds []*drift
	for _, from := range hs {
		for _, to := range hs {
			if from != to {
				ds = append(ds, &drift{from: from, to: to})
			}
		}
	}
	err = each(ctx, len(ds), func(i int) error {
		if err := ds[i].run(o); err != nil {
			return err
		}
		o.Tell("%d of %d: %v", i+1, len(ds), ds[i])
		return nil
	})
	return recoveryRows(ds, fmt.Sprintf("%d drifts", len(ds))), err
}

// run streams the drift and scores what served.
func (d *drift) run(o *scoreboard.Options) error {
	r, err := newRig(d.from.tuned, adapt.Config{Seed: o.Seed, Steps: budgetOf(o).each}, d.from.fit)
	if err != nil {
		return err
	}
	err = r.push(d.from.lead.noisy)
	if err == nil {
		err = r.push(d.to.live.noisy[:driftLen])
	}
	d.outcome = r.outcome
	if e := r.close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return d.score()
}

// score measures the models that served on what they were not trained on: after the marks and after
// each switch on the samples that come next, and all of them on the late hold-out.
func (d *drift) score() error {
	before := d.serving(d.from.tuned, leadLen)
	next := gains{of: func(r *home, m *model.Model, at int) (float64, error) { return r.gainFrom(m, at) }}
	late := gains{of: func(r *home, m *model.Model, _ int) (float64, error) { return r.gain(m) }, anywhere: true}
	for _, how := range []struct {
		*scored
		*gains
	}{{&d.next, &next}, {&d.late, &late}} {
		s, g := how.scored, how.gains
		s.frozen = g.gain(d.to, before, liveLen)
		s.at = map[int]float64{}
		for _, m := range marks {
			s.at[m] = g.gain(d.to, d.serving(d.from.tuned, leadLen+m), liveLen)
		}
		last := before
		for _, c := range d.changes {
			if c.at <= leadLen {
				continue
			}
			if c.kind == "model.promoted" {
				s.steps = append(s.steps, g.gain(d.to, c.model, c.at-leadLen)-g.gain(d.to, last, c.at-leadLen))
			}
			last = c.model
		}
		if last != before {
			s.forgotten = g.gain(d.from, before, 0) - g.gain(d.from, last, 0)
		}
		if g.err != nil {
			return g.err
		}
	}
	return nil
}

// gains knows what was measured already.
type gains struct {
	of       func(r *home, m *model.Model, at int) (float64, error)
	anywhere bool // it is the same at any place
	known    map[measured]float64
	err      error
}

type measured struct {
	regime, model string
	at            int
}

func (g *gains) gain(r *home, m *model.Model, at int) float64 {
	if g.anywhere {
		at = 0
	}
	key := measured{r.name, m.Name(), at}
	if v, ok := g.known[key]; ok || g.err != nil {
		return v
	}
	v, err := g.of(r, m, at)
	if g.err = err; g.known == nil {
		g.known = map[measured]float64{}
	}
	g.known[key] = v
	return v
}

// worth says whether there is enough to gain.
func (d *drift) worth() bool { return d.to.best-d.next.frozen >= worthwhile }

// recovered is the share of what there is to gain that is there after n samples.
func (d *drift) recovered(n int) float64 {
	return (d.next.at[n] - d.next.frozen) / (d.to.best - d.next.frozen)
}

// recoveredLate is recovered on the late hold-out, NaN where there is not enough to gain.
func (d *drift) recoveredLate(n int) float64 {
	if d.to.late-d.late.frozen < worthwhile {
		return math.NaN()
	}
	return (d.late.at[n] - d.late.frozen) / (d.to.late - d.late.frozen)
}

// noticed is the number of samples from the change to the alarm, -1 without one.
func (d *drift) noticed() int {
	for _, at := range d.opened {
		if at >= leadLen {
			return at - leadLen
		}
	}
	return -1
}

func (d *drift) String() string {
	s := fmt.Sprintf("%s → %s: frozen %.2f dB, anew %.2f", d.from.name, d.to.name, d.next.frozen, d.to.best)
	for _, m := range marks {
		s += fmt.Sprintf(", after %d samples %.2f", m, d.next.at[m])
	}
	if at := d.noticed(); at >= 0 {
		s += fmt.Sprintf("; alarm after %d", at)
	}
	for _, t := range d.told {
		if t.at >= leadLen {
			s += fmt.Sprintf("; %s at %d", t.what, t.at-leadLen)
		}
	}
	for _, c := range d.changes {
		s += fmt.Sprintf("; %s after %d: %s", c.kind, c.at-leadLen, c.why)
	}
	if len(d.changes) > 0 {
		s += fmt.Sprintf("; promotions gained %.2f dB (late %.2f); forgot %.2f dB of the earlier regime (late %.2f)", d.next.steps, d.late.steps, d.next.forgotten, d.late.forgotten)
	}
	for _, why := range d.refused {
		s += "; " + why
	}
	return s
}

// promotedAt is the number of samples from the change to the first promotion, -1
// without one.
func (d *drift) promotedAt() int {
	for _, c := range d.changes {
		if c.at > leadLen && c.kind == "model.promoted" {
			return c.at - leadLen
		}
	}
	return -1
}

// tally is what there is to say of many drifts.
type tally struct {
	drifts           int
	delays, switched []float64 // samples to the alarm and to the promotion, where there were such
	next, late       outcomes

	// Of the drifts that are worth it.
	worth, promoted, soon int          // those that end in a promotion, and within 2,000 samples
	share                 [3][]float64 // recovered at the marks
	seen                  []float64    // recovered after 2000 samples, where there was an alarm by then
	lateShare             []float64    // recovered after 2000 samples, on the late hold-out
}

// outcomes are those of promotions.
type outcomes struct {
	gains     []float64 // of each promoted model over the one before, dB
	bad       int       // of them that were worse
	forgotten []float64 // dB, where there was a promotion
}

func (o *outcomes) add(s *scored, promoted bool) {
	for _, g := range s.steps {
		o.gains = append(o.gains, g)
		if g < -worse {
			o.bad++
		}
	}
	if promoted {
		o.forgotten = append(o.forgotten, s.forgotten)
	}
}

func (t *tally) add(d *drift) {
	t.drifts++
	if at := d.noticed(); at >= 0 {
		t.delays = append(t.delays, float64(at))
	}
	at := d.promotedAt()
	if at >= 0 {
		t.switched = append(t.switched, float64(at))
	}
	t.next.add(&d.next, at >= 0)
	t.late.add(&d.late, at >= 0)
	if share := d.recoveredLate(2000); share == share {
		t.lateShare = append(t.lateShare, 100*share)
	}
	if !d.worth() {
		return
	}
	t.worth++
	if at >= 0 {
		t.promoted++
		if at <= 2000 {
			t.soon++
		}
	}
	for i, m := range marks {
		t.share[i] = append(t.share[i], 100*d.recovered(m))
	}
	if n := d.noticed(); n >= 0 && n < 2000 {
		t.seen = append(t.seen, 100*d.recovered(2000))
	}
}

// recoveryRows sums up.
func recoveryRows(ds []*drift, note string) []scoreboard.Row {
	var t tally
	for _, d := range ds {
		t.add(d)
	}
	of := fmt.Sprintf("%s, %d with ≥ %g dB to gain", note, t.worth, worthwhile)
	count := fmt.Sprintf("%d promotions", len(t.next.gains))
	rows := []scoreboard.Row{
		{Name: "recovered after 1000 samples, mean, %", Aim: scoreboard.AtLeast(95), Got: mean(t.share[0]), Note: of},
		{Name: "recovered after 1500 samples, mean, %", Got: mean(t.share[1]), Note: of},
		{Name: "recovered after 2000 samples, mean, %", Must: scoreboard.AtLeast(80), Got: mean(t.share[2]), Note: of},
		{Name: "the same of drifts that raised an alarm by then, %", Got: mean(t.seen), Note: fmt.Sprintf("%d drifts", len(t.seen))},
		{Name: "recovered after 2000 samples, on late ones, %", Got: mean(t.lateShare), Note: fmt.Sprintf("%s, %d with ≥ %g dB to gain there", note, len(t.lateShare), worthwhile)},
		{Name: "drifts with ≥ 1 dB to gain that end in a promotion, %", Must: scoreboard.AtLeast(80), Aim: scoreboard.AtLeast(95),
			Got: 100 * float64(t.promoted) / float64(t.worth), Note: of + fmt.Sprintf(", %d samples each", driftLen)},
		{Name: "the same within 2000 samples, %", Got: 100 * float64(t.soon) / float64(t.worth), Note: of},
		{Name: "promoted models that were worse than what they replaced", Must: scoreboard.AtMost(1), Aim: scoreboard.AtMost(0), Got: float64(t.next.bad), Note: count},
		{Name: "the same on late samples", Got: float64(t.late.bad), Note: count},
		{Name: "gain by a promotion, worst, dB", Got: least(t.next.gains), Note: count},
		{Name: "the same on late samples, dB", Got: least(t.late.gains), Note: count},
		{Name: "forgotten of the earlier regime, worst, dB", Must: scoreboard.AtMost(.3), Aim: scoreboard.AtMost(.1), Got: most(t.next.forgotten), Note: count},
		{Name: "forgotten on late samples, dB", Got: most(t.late.forgotten), Note: count},
		{Name: "drifts that raised an alarm, %", Got: 100 * float64(len(t.delays)) / float64(t.drifts), Note: note},
		{Name: "samples to the alarm, median", Got: median(t.delays), Note: fmt.Sprintf("%d alarms", len(t.delays))},
		{Name: "samples to the promotion, median", Got: median(t.switched), Note: fmt.Sprintf("%d drifts", len(t.switched))},
	}
	if ds == nil {
		for i := range rows {
			rows[i].Got, rows[i].Note = math.NaN(), note
		}
	}
	return rows
}
