package pipeline

import "github.com/quell-stream/quell/window"

// sparseLook is the number of slots with a reading over which it is looked at how many stand
// alone: as of a recording (quell denoise --rate), nine in ten say that the grid's rate is not
// that of the readings.
const sparseLook = 64

// sparse is what is known of how the readings of a series lie on a grid of a given rate. It
// is not kept over a restart, after which a series is told of once more.
type sparse struct {
	n, alone int32 // slots with a reading since the look began, and those with none right before
	told     bool
	epoch    int
	last     int64 // the latest of them
	from     int64 // time of the first
}

// look takes the next slot. It says whether it is time to tell that the rate is too high, and
// how many readings came a second.
func (p *sparse) look(s *window.Slot) (hz float64, tell bool) {
	own := false
	for i := range s.Cells {
		own = own || s.Cells[i].Own
	}
	if p.told || !own {
		return 0, false
	}
	if p.n == 0 || s.Epoch != p.epoch || s.Time <= p.from {
		*p = sparse{n: 1, epoch: s.Epoch, last: s.Index, from: s.Time}
		return 0, false
	}
	if s.Index != p.last+1 { // in a new context it is 0
		p.alone++
	}
	p.n, p.last = p.n+1, s.Index
	if p.n <= sparseLook {
		return 0, false
	}
	if p.alone*10 < sparseLook*9 {
		*p = sparse{n: 1, epoch: s.Epoch, last: s.Index, from: s.Time}
		return 0, false
	}
	p.told = true
	return sparseLook / (float64(s.Time-p.from) / 1e9), true
}

// sparseOut is an Out that is told of a series whose readings come at hz, far less than the
// grid of a given rate has slots.
type sparseOut interface {
	Sparse(series string, hz float64)
}

// sparseNote is what a sparseOut is told.
type sparseNote struct {
	series string
	hz     float64
}

func (n *sparseNote) give(out Out) {
	if o, ok := out.(sparseOut); ok {
		o.Sparse(n.series, n.hz)
	}
}

// lookSparse looks at a slot of a lane.
func (l *lane) lookSparse(s *window.Slot) {
	if l.eng.cfg.Window.RateHz == 0 {
		return
	}
	hz, tell := l.sparse.look(s)
	if !tell {
		return
	}
	n, k := sparseNote{l.series, hz}, l.kept
	if k == nil {
		n.give(l.eng.out)
		return
	}
	l.note(keptSparse, len(k.sparse))
	k.sparse = append(k.sparse, n)
}

// Sparse says that the rate of the file is too high for a series.
func (w *worker) Sparse(series string, hz float64) {
	w.log.Warn("readings of a series are further apart than window.rate_hz says, so that nearly every one stands alone and is hardly denoised: set the rate that is seen, or leave it out and it is learnt",
		"series", series, "rate_hz", rounded(w.cfg.Engine.Window.RateHz), "seen_hz", rounded(hz))
}
