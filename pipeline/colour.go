package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// takesColour says whether a model can be told the noise's colour by an estimate.
// The base models and what is fine-tuned from them were trained with it; nets with a
// scale of their own have seen the noise of their training only.
func takesColour(m *model.Model) bool {
	if m == nil {
		return false
	}
	h := m.Header()
	return h.Scaler.Kind == model.ScaleRunning && slices.Contains(h.Inputs, model.Level) && slices.Contains(h.Inputs, model.Colour)
}

// followsColour says whether the test for coloured noise is of use to a model.
func followsColour(m *model.Model) bool { return m != nil && !m.NotWhite() }

// verdict is what events say of the noise of a channel.
type verdict uint8

const (
	white verdict = iota
	isColoured
	colourTold // and the net is told how
)

// colourOf says whether the noise of a channel is taken to be coloured, and what the
// net is told of it: what the user knows, and where that is nothing, what is
// estimated. Where there is no Sigma, the scale has it.
func (l *lane) colourOf(channel int) (coloured bool, told Noise) {
	known := l.eng.noise(channel)
	if known.Colour > 0 || !l.follows {
		return known.Colour > 0, known
	}
	test := l.colours[channel]
	if known.Sigma == 0 && l.takes {
		e := test.Estimate()
		known = Noise{Sigma: e.Sigma, Colour: e.Rho}
	}
	return test.Coloured(), known
}

// tell sets what the net is told of the noise in a new cell, and returns the scale as
// others see it: without what is estimated of coloured noise, of which the scaler
// knows nothing.
func (l *lane) tell(channel int, wc *waitCell) window.Scale {
	coloured, told := l.colourOf(channel)
	wc.coloured, wc.colour = coloured, float32(told.Colour)
	scale := wc.scale
	switch {
	case told.Sigma == 0 || !scale.Known():
	case l.eng.noise(channel).Sigma > 0:
		wc.scale.Sigma = told.Sigma
		return wc.scale
	default:
		wc.scale.Sigma = min(told.Sigma, scale.Dev)
	}
	return scale
}

// hearColour takes the readings of a slot, which waits as w, and says in an event what the noise is taken
// for where that changes with the next one.
func (l *lane) hearColour(s *window.Slot, w *waitSlot) {
	changed := false
	for i := range s.Cells {
		if l.follows && l.colours[i].Push(s.Index, s.Cells[i].Value, w.cells[i].Valid()) {
			changed = true
		}
	}
	if !changed {
		return
	}
	var words []string
	data := make(map[string]any)
	for i, name := range l.eng.cfg.Channels {
		coloured, told := l.colourOf(i)
		now := white
		if coloured {
			now = isColoured
		}
		if told.Colour > 0 {
			now = colourTold
		}
		if now == l.announced[i] {
			continue
		}
		l.announced[i] = now
		words = append(words, name+": "+colourWords(coloured, told))
		data[name] = map[string]any{"coloured": coloured, "sigma": round(told.Sigma), "colour": round(told.Colour)}
	}
	if len(words) > 0 {
		l.eng.event(l, s.Time, "noise.colour", "info", strings.Join(words, "; "), data)
	}
}

func colourWords(coloured bool, told Noise) string {
	switch {
	case !coloured:
		return "the noise is taken for white again"
	case told.Colour > 0:
		return fmt.Sprintf("the noise is taken to be coloured, with an estimated deviation of %.3g and autocorrelation of %.2g from reading to reading; the network is told so, and serves", told.Sigma, told.Colour)
	}
	return "the noise is taken to be coloured; what served goes on serving, since there is no evidence which is better"
}

// round leaves three digits of an estimate.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*unit) / unit
}
