package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/classic"
)

// Advice is a verdict in words, for all levels in a row that have the same.
type Advice struct {
	Channel string
	Levels  []float64 // dB; none where the recording was noisy as it came
	Use     string    // the method
	Gain    []float64 // dB, by level
	Text    string    // sentences, without the channel
}

// quietFrom is the ratio in dB from which a noise that nothing removes is said
// to be too small, rather than too much like the signal.
const quietFrom = 15

// Advise puts the verdicts of one channel into words. rateHz is 0 where it is
// unknown: delays are told in samples then.
func Advise(verdicts []Verdict, rateHz float64) (out []Advice) {
	for from := 0; from < len(verdicts); {
		to := from + 1
		for to < len(verdicts) && alike(&verdicts[from], &verdicts[to]) {
			to++
		}
		out = append(out, advise(verdicts[from:to], rateHz))
		from = to
	}
	return out
}

// alike says whether two verdicts can share their words.
func alike(a, b *Verdict) bool {
	return a.Use.Method == b.Use.Method && a.Tied == b.Tied && a.Better == b.Better && !math.IsNaN(b.SNR) &&
		(!a.Better || a.Whole.Method == b.Whole.Method) && (a.Use.Method != Raw || a.quiet() == b.quiet())
}

func (v *Verdict) quiet() bool { return v.In >= quietFrom }

func advise(v []Verdict, rateHz float64) Advice {
	a := Advice{Channel: v[0].Channel, Use: v[0].Use.Method}
	for i := range v {
		if !math.IsNaN(v[i].SNR) {
			a.Levels = append(a.Levels, v[i].SNR)
		}
		a.Gain = append(a.Gain, v[i].Use.Gain)
	}
	first := &v[0]
	var s []string
	switch {
	case first.Use.Method == Raw:
		s = append(s, adviseNone(v))
	case first.Use.Model:
		s = append(s, adviseModel(v)+"; "+delay(first.Use.Ahead, rateHz))
	default:
		s = append(s, adviseFilter(v)+"; "+delay(first.Use.Ahead, rateHz))
	}
	if whole := first.Whole; whole != nil {
		name, gain := names(v, wholeOf), gains(v, wholeOf)
		switch {
		case first.Better:
			s = append(s, fmt.Sprintf("where it may be later, %s gains %s dB (%s)", name, gain, delay(whole.Ahead, rateHz)))
		case first.Use.Method != Raw && !whole.Model:
			s = append(s, fmt.Sprintf("of the filters that may look further ahead the best gains %s dB (%s)", gain, name))
		}
	}
	if text := caution(v); text != "" {
		s = append(s, text)
	}
	for i := range s {
		s[i] = strings.ToUpper(s[i][:1]) + s[i][1:]
	}
	a.Text = strings.Join(s, ". ") + "."
	return a
}

func adviseNone(v []Verdict) string {
	text := "no method helps"
	if v[0].Better {
		text = fmt.Sprintf("no method helps that is at most %d samples late", v[0].Limit)
	}
	if v[0].quiet() {
		text += ": the noise is below what these methods can remove"
	} else {
		text += ": the noise is too much like the signal"
	}
	if v[0].Rival != nil {
		text += fmt.Sprintf("; the best, %s, gains %s dB", names(v, rivalOf), gains(v, rivalOf))
	}
	return text
}

func adviseModel(v []Verdict) string {
	text := fmt.Sprintf("use %s: %s dB gained", v[0].Use.Method, gains(v, useOf))
	if v[0].Rival != nil {
		text += fmt.Sprintf(" against %s of the best classical filter that looks no further ahead (%s)", gains(v, rivalOf), names(v, rivalOf))
	}
	return text
}

func adviseFilter(v []Verdict) string {
	use := &v[0].Use
	text := fmt.Sprintf("use the %s filter here (%s): %s dB gained", strings.ReplaceAll(use.Method, "_", " "), use.Setting, gains(v, useOf))
	switch {
	case v[0].Rival == nil:
	case v[0].Tied:
		text += fmt.Sprintf("; %s with %s dB is no better beyond chance, and not as simple", names(v, rivalOf), gains(v, rivalOf))
	default:
		text += fmt.Sprintf(" against %s of %s", gains(v, rivalOf), names(v, rivalOf))
	}
	if use.Method == classic.WienerName {
		text += "; its coefficients are learnt from the recording, as quell denoise and quell run do by themselves where it is the better one"
	}
	return text
}

func useOf(v *Verdict) *Result   { return &v.Use }
func rivalOf(v *Verdict) *Result { return v.Rival }
func wholeOf(v *Verdict) *Result { return v.Whole }

// gains writes the gains of a method over several levels.
func gains(v []Verdict, of func(*Verdict) *Result) string {
	var g []float64
	for i := range v {
		if r := of(&v[i]); r != nil {
			g = append(g, r.Gain)
		}
	}
	return span(g)
}

// names writes the names of a method over several levels.
func names(v []Verdict, of func(*Verdict) *Result) string {
	var all []string
	for i := range v {
		if r := of(&v[i]); r != nil && !slices.Contains(all, r.Method) {
			all = append(all, r.Method)
		}
	}
	return strings.Join(all, ", ")
}

// caution says where the interval of the method does not hold.
func caution(v []Verdict) string {
	least, most := math.Inf(1), math.Inf(-1)
	for i := range v {
		if c := v[i].Use.Coverage; finite(c) {
			least, most = min(least, c), max(most, c)
		}
	}
	switch {
	case least < blockLeast:
		return fmt.Sprintf("don't rely on its interval: it covers %.0f %% of the truth where it claims 90", 100*least)
	case most > blockMost:
		return fmt.Sprintf("its interval is wider than it need be: it covers %.0f %% where it claims 90", 100*most)
	}
	return ""
}

// span writes the first and the last of several figures.
func span(g []float64) string {
	if len(g) == 0 {
		return "-"
	}
	a, b := fixed(g[0], 1), fixed(g[len(g)-1], 1)
	if a == b {
		return a
	}
	return a + " to " + b
}

// delay says how late a method is.
func delay(ahead int, rateHz float64) string {
	switch {
	case ahead == classic.Full:
		return "it needs the whole recording"
	case ahead == 0:
		return "it is not late at all"
	case ahead == 1 && !(rateHz > 0):
		return "1 sample late"
	case !(rateHz > 0):
		return fmt.Sprintf("%d samples late", ahead)
	}
	unit := "samples"
	if ahead == 1 {
		unit = "sample"
	}
	return fmt.Sprintf("%d %s, %s, late", ahead, unit, lasting(float64(ahead)/rateHz))
}

// lasting writes a time in the unit that a person would take.
func lasting(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.3g s", seconds)
	case seconds < 2*3600:
		return fmt.Sprintf("%.0f min", seconds/60)
	case seconds < 48*3600:
		return fmt.Sprintf("%.0f h", seconds/3600)
	}
	return fmt.Sprintf("%.0f d", seconds/86400)
}

// Where returns the channel and the levels that an advice is about, as a person
// would write them.
func (a *Advice) Where() string {
	switch n := len(a.Levels); {
	case n == 0:
		return a.Channel
	case n == 1 || a.Levels[0] == a.Levels[n-1]:
		return fmt.Sprintf("%s at %g dB", a.Channel, a.Levels[0])
	default:
		return fmt.Sprintf("%s at %g to %g dB", a.Channel, a.Levels[0], a.Levels[n-1])
	}
}
