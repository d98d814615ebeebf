package pipeline

import "github.com/quell-stream/quell/internal/wire"

// Life tells the lives of a series apart: StateTTL ends one, and in the next records
// are counted anew. The zero value stands for the life that there is, or for the first.
type Life struct {
	Begun bool  // the rest is known
	Time  int64 // event time of its first sample, Unix ns
	Epoch int   // that it began in
}

func (f *Life) append(dst []byte) []byte {
	return wire.I64(wire.I64(wire.Bool(dst, f.Begun), f.Time), int64(f.Epoch))
}

func readLife(r *wire.Reader) Life { return Life{r.Bool(), r.I64(), r.Int()} }

// live begins the life of a lane with the time of its first sample.
func (l *lane) live(t int64) {
	if l.life.Begun {
		return
	}
	l.life = Life{true, t, l.win.Epoch()}
	known := l.later
	l.later = nil
	for _, sw := range known {
		l.obey(sw)
	}
}

// obey schedules a switch that was decided before, in the life that it was decided in.
func (l *lane) obey(sw Switch) {
	switch {
	case sw.Life.Begun && sw.Life != l.life:
		l.changes()
		l.later = append(l.later, sw)
	case sw.Record >= l.emitted:
		l.schedule(sw)
	}
}

// succeed has what is known of later lives of a forgotten series wait for them.
func (e *Engine) succeed(l *lane) error {
	if len(l.later) == 0 {
		return nil
	}
	next, err := e.lane(l.part, l.series)
	if err != nil || next == nil {
		return err
	}
	next.changes()
	next.later = l.later
	return nil
}
