package pipeline

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// The places of the arrows in view.Arrows.
const (
	tapSource = iota
	tapWindow
	tapModel
	tapDrift
	tapSink
)

// mostSamples bounds the samples of a message that are told.
const mostSamples = 16

func clock(ns int64) string { return time.Unix(0, ns).UTC().Format("15:04:05.000") }

// deliveryText says what a message brought.
func deliveryText(channels []string, part string, d *ingest.Delivery) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s offset %d", part, d.Offset)
	if d.Topic != "" {
		fmt.Fprintf(&b, " topic %s", d.Topic)
	}
	switch {
	case d.Err != nil:
		fmt.Fprintf(&b, ": can't be read: %v", d.Err)
	case d.Skip:
		b.WriteString(": not for this replica")
	}
	between := ":"
	for i := range d.Samples {
		if i == mostSamples {
			fmt.Fprintf(&b, ", and %d more", len(d.Samples)-i)
			break
		}
		s := &d.Samples[i]
		fmt.Fprintf(&b, "%s %s %s %s=", between, s.Series, clock(s.Time), channels[s.Channel])
		between = ","
		if s.Missing != ingest.Present {
			b.WriteString(s.Missing.String())
		} else {
			fmt.Fprintf(&b, "%g", s.Value)
		}
	}
	return b.String()
}

// slotText says what the grid made of the readings.
func slotText(l *lane, s *window.Slot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s slot %d %s", l.series, s.Index, clock(s.Time))
	for i := range s.Cells {
		c := &s.Cells[i]
		fmt.Fprintf(&b, " %s=", l.eng.cfg.Channels[i])
		switch {
		case c.Valid():
			fmt.Fprintf(&b, "%g", c.Value)
		case c.Held:
			fmt.Fprintf(&b, "%g (held)", c.Value)
		default:
			b.WriteString("missing")
		}
		if sc := l.scales[i]; sc.Known() {
			fmt.Fprintf(&b, " (mean %.4g, deviation %.3g, noise %.3g)", sc.Mean, sc.Dev, sc.Sigma)
		}
	}
	return b.String()
}

// driftText says what the monitor makes of a slot.
func driftText(l *lane, s *window.Slot) string {
	if l.watch == nil {
		return l.series + ": not watched"
	}
	value, threshold := l.watch.all.Statistic()
	text := fmt.Sprintf("%s slot %d: %s", l.series, s.Index, l.state)
	if !math.IsNaN(l.score) {
		text += fmt.Sprintf(", score %.3g", l.score)
	}
	if !math.IsNaN(value) {
		text += fmt.Sprintf(", evidence %.3g of %.3g", value, threshold)
	}
	return text
}

// recordText says what serves a slot.
func recordText(r *sink.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", r.Series, clock(r.Time), r.Model)
	if r.Rev != 0 {
		fmt.Fprintf(&b, " rev %d", r.Rev)
	}
	for i := range r.Values {
		v := &r.Values[i]
		fmt.Fprintf(&b, " %s %.6g → %.6g [%.6g, %.6g] %s %s", r.Channels[i], v.Raw, v.Clean, v.Lo, v.Hi, v.Method, v.Quality)
	}
	return b.String()
}
