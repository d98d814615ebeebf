package adapt

import "github.com/quell-stream/quell/model/replay"

// mark says which regime a series was in from a position on. Regimes are
// numbered within a group, 0 being what the series began with; a drift begins a
// new one, and its end, unless it was learnt, brings the one before back.
type mark struct {
	from   int64
	regime int
}

// mostMarks bounds what is known of the past of a series. Windows that are older
// count as of the oldest regime known.
const mostMarks = 64

func (t *track) mark(from int64, regime int) {
	if n := len(t.marks); n > 0 && t.marks[n-1].from >= from {
		t.marks = t.marks[:n-1]
	}
	t.marks = append(t.marks, mark{from, regime})
	if len(t.marks) > mostMarks {
		t.marks = append(t.marks[:0:0], t.marks[1:]...)
	}
}

// regime returns the present one.
func (t *track) regime() int { return t.regimeAt(t.end()) }

func (t *track) regimeAt(position int64) int {
	regime := 0
	for i, m := range t.marks {
		if m.from > position && i > 0 {
			break
		}
		if m.from <= position || len(t.marks) == mostMarks {
			regime = m.regime
		}
	}
	return regime
}

// regimeOf returns the regime that bore a window, -1 where nobody knows. The
// caller holds mu.
func (a *Adapter) regimeOf(w *replay.Window) int {
	t := a.tracks[w.Series]
	if t == nil {
		t = a.known[w.Series]
	}
	if t == nil {
		return -1
	}
	return t.regimeAt(w.Start)
}
