package demo

import (
	"fmt"
	"math"
	"strings"
)

// sentence tells an event in a line: what, where, and why.
func sentence(e *event) string {
	tell := func(what, text string) string { return fmt.Sprintf("%-9s  %-8s  %s", what, e.series, text) }
	kind, _ := e.data["kind"].(string)
	switch e.kind {
	case "drift.opened":
		return tell("DRIFT", kind+": "+e.why)
	case "drift.updated":
		return tell("drift", "now "+kind+": "+e.why)
	case "drift.resolved":
		return tell("drift", "over: "+e.why)
	case "finetune.started":
		return tell("fine-tune", "begins: "+e.why)
	case "finetune.finished":
		verdict, _ := e.data["verdict"].(string)
		if gain, ok := e.data["gain_db"].(float64); ok {
			return tell("fine-tune", fmt.Sprintf("challenger %+.1f dB → %s", gain, strings.ToUpper(verdict)))
		}
		return tell("fine-tune", "→ "+strings.ToUpper(verdict)+": "+e.why)
	case "finetune.rejected":
		return tell("fine-tune", "rejected: "+e.why)
	}
	return tell(e.kind, e.why)
}

// sparkWidth is the number of characters of a sparkline, and sparkEach that of readings
// to a character.
const sparkWidth, sparkEach = 16, 4

var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws values as a line of characters between lo and hi; what is not known is a
// space.
func spark(values []float64, lo, hi float64) string {
	var b strings.Builder
	for len(values) >= sparkEach {
		v := values[0] // of the piece
		values = values[sparkEach:]
		switch {
		case math.IsNaN(v):
			b.WriteByte(' ')
		case !(hi > lo):
			b.WriteRune(bars[0])
		default:
			at := int(float64(len(bars)) * (v - lo) / (hi - lo))
			b.WriteRune(bars[min(max(at, 0), len(bars)-1)])
		}
	}
	return b.String()
}

// bounds returns the least and the largest of the values that are known.
func bounds(values []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi
}

// latest keeps the newest values of a sensor, raw and clean, for a picture.
type latest struct {
	raw, clean [sparkWidth * sparkEach]float64
	n          int
}

func (l *latest) add(v value) {
	i := l.n % len(l.raw)
	l.raw[i], l.clean[i] = known(v.Raw), known(v.Clean)
	l.n++
}

func known(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// series returns the values of one of the rings, oldest first.
func (l *latest) series(ring *[sparkWidth * sparkEach]float64) []float64 {
	n := min(l.n, len(ring))
	out := make([]float64, 0, n)
	for k := l.n - n; k < l.n; k++ {
		out = append(out, ring[k%len(ring)])
	}
	return out
}

// before returns a picture of the raw values, an arrow, and one of the clean ones on the
// same scale.
func (l *latest) before() string {
	raw, clean := l.series(&l.raw), l.series(&l.clean)
	lo, hi := bounds(raw)
	return spark(raw, lo, hi) + " → " + spark(clean, lo, hi)
}

// portraits tells how each sensor is, in a line.
func (c *counter) portraits() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for i, s := range c.fleet {
		t := &c.series[i]
		gain := "   –   "
		if g := t.gain(); !math.IsNaN(g) {
			gain = fmt.Sprintf("%+5.1f dB", g)
		}
		out = append(out, fmt.Sprintf("%-8s  %s  %s", s.Spec().Name, t.latest.before(), gain))
	}
	return out
}
