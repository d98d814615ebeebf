package adapt

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// banked is a model that was good at a regime.
type banked struct {
	model   *model.Model
	regime  int
	sign    signature      // of the windows that it was good on
	scales  []replay.Scale // of the latest of them
	loss    float64        // estimated error on them, in units of the noise's variance
	windows int
	used    int64 // clock
}

// bank holds the models of the regimes that there were, so that one that comes
// back is served by its model at once (recurring concepts: Gonçalves and Barros,
// "RCD: A recurring concept drift framework", 2013). There is one per regime; a
// model that was good at several is there for each.
type bank struct{ all []banked }

// put takes a model in, in place of the one that its regime had. Where there is
// no more room the one goes that has not been used for longest.
func (b *bank) put(cfg Config, m banked) {
	b.remove(func(had *banked) bool { return had.regime == m.regime })
	b.all = append(b.all, m)
	for len(b.all) > 1 && (len(b.all) > cfg.BankModels || b.bytes() > cfg.BankBytes) {
		oldest := 0
		for i := range b.all[:len(b.all)-1] {
			if b.all[i].used < b.all[oldest].used {
				oldest = i
			}
		}
		b.all = slices.Delete(b.all, oldest, oldest+1)
	}
}

func (b *bank) remove(gone func(*banked) bool) {
	b.all = slices.DeleteFunc(b.all, func(m banked) bool { return gone(&m) })
}

func (b *bank) bytes() int {
	n := 0
	for i := range b.all {
		n += b.all[i].model.Size()
	}
	return n
}

// find returns the model of that name, nil if there is none.
func (b *bank) find(name string) *banked {
	for i := range b.all {
		if b.all[i].model.Name() == name {
			return &b.all[i]
		}
	}
	return nil
}

// of returns the model of a regime, nil if there is none.
func (b *bank) of(regime int) *banked {
	for i := range b.all {
		if b.all[i].regime == regime {
			return &b.all[i]
		}
	}
	return nil
}

// learnt takes in what a job's verdict says: that the champion was as good as
// that at the regime before, unless it was learnt for the new one itself, and that the
// challenger is at the new one.
func (b *bank) learnt(cfg Config, j *job, v *Verdict, at int64) {
	had := b.of(j.learns)
	again := had != nil && had.model.Name() == j.champion.Name()
	for _, p := range j.shadow.past {
		if p.regime != j.before || again {
			continue
		}
		var of []*replay.Window
		for i, w := range j.heldOld {
			if j.bore[i] == p.regime {
				of = append(of, w)
			}
		}
		b.put(cfg, banked{j.champion, p.regime, signatureOfWindows(of), of[len(of)-1].Scales, p.error, p.windows, at})
	}
	of := windowsIn(j.held[:j.next])
	b.put(cfg, banked{j.challenger, j.learns, signatureOfWindows(of), of[len(of)-1].Scales, v.Error, v.Recent, at})
}

// recall asks the bank for a model after an alarm.
type recall struct {
	from int64 // position of the first slot after the alarm; 0: nothing is asked
	next int   // look
}

// looks are the numbers of slots after an alarm at which the bank is asked: soon,
// because a regime that comes back is to be served at once, and again while the
// answer is not clear.
var looks = [...]int64{32, 64, 96, 128, 160, 192, 224, 256}

const (
	// beforeAlarm is the number of slots before the alarm that are judged by too: it
	// is hardly ever raised sooner than that after a change.
	beforeAlarm = 64
	// recallDraws is the number of pairs of recorruptions: slots are few, draws are not.
	recallDraws = 8
	// recallPiece is the number of slots of a piece: fewer than the gate's, as
	// there are few slots.
	recallPiece = 8
	// recallLevel is that of the test on all models of the bank together. It is no
	// proof: that a model does as well as it ever did says more, after so few slots,
	// and probation mends a mistake.
	recallLevel = .2
	// recallGain is what a switch for a regime that came back must be worth, in dB.
	recallGain = .3
	// nearHistory is how much worse than in its own past a model may be.
	nearHistory = 1.05
)

// remind has the bank asked where a look is due. The caller holds mu.
func (a *Adapter) remind(t *track) {
	r, g := &t.recall, t.group
	if r.from == 0 || r.next == len(looks) || t.end() != r.from+looks[r.next] {
		return
	}
	n := looks[r.next] + beforeAlarm
	r.next++
	if !a.leads() || t.serving == nil || t.drift.done || g.job != nil || len(g.bank.all) == 0 || a.cfg.Mode != Auto || !a.streamDrifted(g) {
		return
	}
	e, ok := t.tail.excerpt(int(n), [2]uint64{keyed(a.cfg.Seed, t.name, t.end()), a.cfg.Seed})
	if !ok {
		return
	}
	ask := question{t: t, drift: t.drift.from, serving: t.serving, excerpt: e, bank: slices.Clone(g.bank.all), at: g.clock}
	a.pushQuick(func() { a.answer(&ask) })
}

// question is an excerpt that the models of a bank are to be tried on.
type question struct {
	t       *track
	drift   int64 // position at which it began
	serving *model.Model
	excerpt *excerpt
	bank    []banked
	at      int64 // clock
}

// found is a model that is better than the one that serves and as good as it ever was.
type found struct {
	*banked
	error, scatter, apart, db, e float64
}

// answer tries the models of the bank and has the best one serve, if one fits.
func (a *Adapter) answer(q *question) {
	best, err := choose(q.bank, q.serving, q.excerpt, a.pacer(a.ctx).rest)
	if a.ctx.Err() != nil || best == nil {
		if err != nil && a.ctx.Err() == nil {
			a.cfg.Log.Warn("a model of the bank can't be tried", "series", q.t.name, "error", err)
		}
		return
	}
	why := fmt.Sprintf("a regime that was seen before is back: on %d slots the error of its model is %.2f dB lower than that of %s (e = %.3g), %.2f times the noise's variance against %.2f in its own past",
		q.excerpt.to-q.excerpt.from, best.db, q.serving.Name(), best.e, best.error, best.loss)
	a.mu.Lock()
	t, g := q.t, q.t.group
	if a.tracks[t.name] != t || t.serving != q.serving || g.job != nil || t.drift.from != q.drift || t.drift.done || !trainable(t.drift.kind) || !a.streamDrifted(g) {
		a.mu.Unlock()
		return // it is over, or something else serves by now
	}
	t.drift.done, t.drift.learnt, t.recall = true, true, recall{}
	t.mark(t.drift.from, best.regime)
	if had := g.bank.of(best.regime); had != nil {
		had.used = q.at
	}
	to := &pending{best.model, "model.promoted", why, true}
	switched := a.exchange(g, q.serving, to)
	g.trial = a.newProbation(g, best.model, q.serving, keyed(a.cfg.Seed, t.name, q.drift), best.regime, q.at, switched)
	a.mu.Unlock()
	a.audit(record{Action: "reused", Series: t.name, Model: best.model.Name(), Before: q.serving.Name(), At: q.at, E: best.e, GainDB: number(best.db), Why: why, By: auto})
	a.save(g)
	a.ask(switched, to)
}

// choose returns the model of a bank that an excerpt is best served by, nil where
// that is none: it must be better than what serves by the gate's test, and its
// error must be within that of its own past, but for the scatter of the estimate.
// Of those that are equally good but for the scatter the one is taken whose
// regime looked most like this.
func choose(bank []banked, serving *model.Model, x *excerpt, pause func() error) (*found, error) {
	rivals := slices.DeleteFunc(bank, func(b banked) bool {
		return b.model.Name() == serving.Name() || b.model.Lookahead() != serving.Lookahead() || len(b.scales) != len(x.scales)
	})
	var fit []found
	for i := range rivals {
		f, ok, err := try(&rivals[i], serving, x, float64(len(rivals))/recallLevel, pause)
		if err != nil {
			return nil, err
		}
		if ok {
			fit = append(fit, f)
		}
	}
	if len(fit) == 0 {
		return nil, nil
	}
	least := slices.MinFunc(fit, func(a, b found) int { return cmp.Compare(a.error, b.error) })
	fit = slices.DeleteFunc(fit, func(f found) bool { return f.error > least.error+least.scatter })
	best := slices.MinFunc(fit, func(a, b found) int { return cmp.Compare(a.apart, b.apart) })
	return &best, nil
}

// try says whether a model of the bank may take over. It is compared with what
// serves at the scales of now, which those two get, and with its own past at the
// scales of then: they lag behind a change, and an error grows while they do.
func try(b *banked, serving *model.Model, x *excerpt, wanted float64, pause func() error) (found, bool, error) {
	f := found{banked: b, apart: b.sign.distance(x.sign)}
	cfg := train.CompareConfig{Piece: recallPiece, Draws: recallDraws, Pause: pause}
	now, err := train.Compare(serving, b.model, []train.Evidence{x.evidence(x.scales)}, cfg)
	if err != nil || len(now.Gain) < leastPieces {
		return f, false, err
	}
	var w wealth
	w.add(now.Gain)
	f.e, f.db = 1/w.p(), now.DB()
	if f.e < wanted || f.db < recallGain || mean(now.Gain) < leastErrors*standardError(now.Gain) {
		return f, false, nil
	}
	then, err := train.Compare(b.model, serving, []train.Evidence{x.evidence(b.scales)}, cfg)
	if err != nil || len(then.Errors) < leastPieces {
		return f, false, err
	}
	// An error in units of σ̂² is off by 2δ where σ̂ is off by δ, of which the median
	// of n details has some 1.2/√n.
	f.error, f.scatter = then.Error, math.Hypot(standardError(then.Errors), 2*1.2/math.Sqrt(float64(x.to-x.from)))
	return f, f.error-f.scatter <= nearHistory*b.loss, nil
}

// standardError returns that of the mean of x.
func standardError(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(x)-1) / float64(len(x)))
}
