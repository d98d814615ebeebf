package pipeline

import (
	"errors"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/sink"
)

// errDoubt says that a state is damaged.
var errDoubt = errors.New("a doubt that there can't be")

// doubt is what the fault of a sensor that is open makes of the readings of its
// channel; the zero value: nothing.
type doubt struct {
	channel int
	quality sink.Quality
}

// doubtOf returns the quality of readings while a drift is open, as far as OPC UA has a
// status for it (monitor.OPCUA): bad of a sensor that is stuck, uncertain where readings
// end at a rail or stray from those they usually go with. Outliers among sound readings
// are told one by one, and those that do not come are missing.
func doubtOf(kind, fault string) sink.Quality {
	if kind != monitor.Fault {
		return sink.Good
	}
	switch fault {
	case monitor.Stuck:
		return sink.Bad
	case monitor.Saturation, monitor.Bias, monitor.SensorDrift:
		return sink.Uncertain
	}
	return sink.Good
}

// doubtBy takes over what the monitor says of the present slot.
func (l *lane) doubtBy(d *monitor.Decision) {
	l.doubt = doubt{}
	if q := doubtOf(d.State, d.Fault); q != sink.Good && d.Channel >= 0 {
		l.doubt = doubt{d.Channel, q}
	}
}

// stand takes down at a slot how things are.
func (l *lane) stand(w *waitSlot) {
	w.score, w.state = l.score, l.state
	for i := range w.cells {
		w.cells[i].doubt = sink.Good
	}
	if l.doubt.quality != sink.Good {
		w.cells[l.doubt.channel].doubt = l.doubt.quality
	}
}

func (d doubt) append(dst []byte) []byte {
	return wire.U8(wire.U64(dst, uint64(d.channel)), uint8(d.quality))
}

// readDoubt reads what append wrote for a series of so many channels.
func readDoubt(r *wire.Reader, channels int) (d doubt) {
	d.channel, d.quality = r.Int(), readQuality(r)
	if d.channel < 0 || d.channel >= channels {
		r.Fail(errDoubt)
		return doubt{}
	}
	return d
}

func readQuality(r *wire.Reader) sink.Quality {
	q := sink.Quality(r.U8())
	if q > sink.Bad {
		r.Fail(errDoubt)
		return sink.Good
	}
	return q
}
