package pipeline

import (
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// record hands one record out, with the estimates of the slot where it is served.
func (l *lane) record(w *waitSlot, served, early bool) {
	for i := range w.cells {
		if w.cells[i].Own {
			l.waitingRaw--
		}
		if e := &l.estimates[i]; served && e.known {
			e.per = l.halfPerDev(float64(l.levelsY[i].of(w.cells[i].scale)))
		}
	}
	fill(&l.rec, w, l.estimates, served, early, l.eng.cfg.Noise)
	l.emitted++
	l.give()
	l.past.add(l, w, served)
}

// fill makes the record of a slot.
func fill(r *sink.Record, w *waitSlot, estimates []estimate, served, early bool, noise []Noise) {
	r.Time, r.Epoch, r.Score, r.Drift = w.time, w.epoch, w.score, w.state
	r.TimeSource = w.source.String()
	for i := range w.cells {
		wc := &w.cells[i]
		v := &r.Values[i]
		*v = sink.Value{Raw: nan, Clean: nan, Lo: nan, Hi: nan, Method: "net"}
		if wc.Valid() || wc.Held || wc.wild {
			v.Raw = wc.Value
		}
		if w.index < warmUp {
			v.Flags |= sink.WarmingUp
		}
		if early && served {
			v.Flags |= sink.NoLookahead
		}
		v.Flags |= missingFlag(&wc.Cell)
		if wc.wild {
			v.Flags |= sink.Spike
		}
		if wc.Valid() {
			v.Quality = wc.doubt
		}
		if served {
			e := &estimates[i]
			v.Flags |= estimateFlags(e, noise != nil && noise[i].Colour > 0)
			if e.known && (wc.Valid() || wc.Held || !wc.unfilled) {
				e.fill(v, wc.Valid())
				if wc.wild {
					v.Quality = sink.Uncertain
				}
				continue
			}
		}
		switch v.Method = "raw"; {
		case wc.Valid():
			v.Clean = wc.Value
		case wc.wild && !served: // there is nothing better
			v.Clean, v.Quality = wc.Value, sink.Uncertain
		default:
			v.Quality = sink.Bad
		}
	}
}

// missingFlag says why a cell has no value of its own.
func missingFlag(c *window.Cell) sink.Flags {
	switch c.Missing {
	case ingest.NonFinite:
		return sink.FlagNonFinite
	case ingest.Sentinel:
		return sink.FlagSentinel
	case ingest.OutOfRange:
		return sink.FlagRange
	case ingest.Null:
		if c.Held {
			return sink.Held
		}
		return sink.FlagNull
	}
	return 0
}

// estimateFlags says on what an estimate rests; known that the user told the colour
// of the noise.
func estimateFlags(e *estimate, known bool) (f sink.Flags) {
	if e.coloured {
		f |= sink.ColouredNoise
	}
	if e.cycles {
		f |= sink.Cycles
	}
	if e.coloured && e.colour > 0 && !known {
		f |= sink.ColourEstimated
	}
	return f
}

// fill sets clean value, interval, quality and method of one channel.
func (e *estimate) fill(v *sink.Value, reading bool) {
	v.Clean, v.Method = e.clean, e.method
	if !reading {
		v.Quality = sink.Filled
	}
	if e.dev > 0 {
		half := e.dev * e.per
		v.Lo, v.Hi = v.Clean-half, v.Clean+half
	}
}

// warmUp is the index from which the scale rests on a whole block.
const warmUp = 256
