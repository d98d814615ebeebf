package adapt

import (
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
	sign    signature // of the windows that it was good on
	loss    float64   // estimated error on them, in units of the noise's variance
	windows int
	used    int64 // clock
}

// bank holds the models of the regimes that there were, so that one that comes
// back is served by its model at once (recurring concepts: Gonçalves and Barros,
// "RCD: A recurring concept drift framework", 2013). There is one per regime.
type bank struct{ all []banked }

// put takes a model in, in place of the one that its regime had. Where there is
// no more room the one goes that has not been used for longest.
func (b *bank) put(cfg Config, m banked) {
	b.remove(func(had *banked) bool { return had.regime == m.regime || had.model.Name() == m.model.Name() })
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

// learnt takes in what a job's verdict says: that the champion was as good as
// that at the regime before, and that the challenger is at the new one.
func (b *bank) learnt(cfg Config, j *job, v *Verdict, at int64) {
	for _, p := range j.shadow.past {
		if p.regime != j.before {
			continue
		}
		var of []*replay.Window
		for i, w := range j.heldOld {
			if j.bore[i] == p.regime {
				of = append(of, w)
			}
		}
		b.put(cfg, banked{j.champion, p.regime, signatureOfWindows(of), p.error, p.windows, at})
	}
	b.put(cfg, banked{j.challenger, j.learns, signatureOfWindows(windowsIn(j.held[:j.next])), v.Error, v.Recent, at})
}

// recall asks the bank for a model after an alarm.
type recall struct {
	from int64 // position of the first slot after the alarm; 0: nothing is asked
	next int   // look
}

// looks are the numbers of slots after an alarm at which the bank is asked: soon,
// because a regime that comes back is to be served at once, and again while the
// answer is not clear.
var looks = [...]int64{32, 64, 96, 128, 192, 256}

const (
	// beforeAlarm is the number of slots before the alarm that are judged by too:
	// it is never raised sooner than that after a change.
	beforeAlarm = 32
	// recallPiece is the number of slots of a piece: fewer than the gate's, as
	// there are few slots.
	recallPiece = 8
	// recallLevel bounds, over all models of the bank, the chance that one is taken
	// that is no better than what serves. A mistake is mended by probation.
	recallLevel = .05
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
	if t.serving == nil || t.drift.done || g.job != nil || len(g.bank.all) == 0 || a.cfg.Mode != Auto {
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
	excerpt excerpt
	bank    []banked
	at      int64 // clock
}

// found is a model that is better than the one that serves and as good as it ever was.
type found struct {
	*banked
	error, apart, db, e float64
}

// answer tries the models of the bank and has the best one serve, if one fits.
func (a *Adapter) answer(q *question) {
	best, err := choose(q.bank, q.serving, &q.excerpt, a.pacer(a.ctx).rest)
	if a.ctx.Err() != nil || best == nil {
		if err != nil && a.ctx.Err() == nil {
			a.cfg.Log.Warn("a model of the bank can't be tried", "series", q.t.name, "error", err)
		}
		return
	}
	why := fmt.Sprintf("a regime that was seen before is back: on %d slots the error of its model is %.2f dB lower than that of %s (e = %.3g), %.2f times the noise's variance against %.2f in its own past",
		q.excerpt.To-q.excerpt.From, best.db, q.serving.Name(), best.e, best.error, best.loss)
	a.mu.Lock()
	t, g := q.t, q.t.group
	if a.tracks[t.name] != t || t.serving != q.serving || g.job != nil || t.drift.from != q.drift || t.drift.done || !trainable(t.drift.kind) {
		a.mu.Unlock()
		return // it is over, or something else serves by now
	}
	t.drift.done, t.drift.learnt, t.recall = true, true, recall{}
	t.mark(t.drift.from, best.regime)
	if had := g.bank.find(best.model.Name()); had != nil {
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
	var all []found
	rivals := 0
	for i := range bank {
		if bank[i].model.Name() != serving.Name() {
			rivals++
		}
	}
	least := math.Inf(1)
	scatter := 0.0
	for i := range bank {
		b := &bank[i]
		if b.model.Name() == serving.Name() {
			continue
		}
		c, err := train.Compare(serving, b.model, []train.Evidence{x.Evidence}, train.CompareConfig{Piece: recallPiece, Pause: pause})
		if err != nil {
			return nil, err
		}
		if len(c.Gain) < leastPieces {
			continue
		}
		var w wealth
		w.add(c.Gain)
		own := make([]float64, len(c.Gain))
		for k := range own {
			own[k] = c.Errors[k] - c.Gain[k]
		}
		f := found{banked: b, error: mean(own), apart: b.sign.distance(x.sign), db: c.DB(), e: 1 / w.p()}
		se := standardError(own)
		if f.e < float64(rivals)/recallLevel || f.db < recallGain || f.error-se > nearHistory*b.loss {
			continue
		}
		all = append(all, f)
		if f.error < least {
			least, scatter = f.error, se
		}
	}
	var best *found
	for i := range all {
		if f := &all[i]; f.error <= least+scatter && (best == nil || f.apart < best.apart) {
			best = f
		}
	}
	return best, nil
}

// standardError returns that of the mean of x.
func standardError(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(x)-1) / float64(len(x)))
}
