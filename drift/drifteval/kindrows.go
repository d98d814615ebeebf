package drifteval

import (
	"fmt"
	"math"
	"strings"

	"github.com/quell-stream/quell/internal/scoreboard"
)

// matrix prints what was injected against what it was named.
func matrix(trials []trial) []string {
	names := []string{"noise", "regime", "stuck", "spikes", "bias", "sensor_drift", "saturation", "dropout", "unknown", "nothing"}
	lines := []string{fmt.Sprintf("%-20s %s", "injected, named", strings.Join(names, " "))}
	for k := range faults {
		for _, real := range []bool{true, false} {
			count, n := map[string]int{}, 0
			for i := range trials {
				if t := &trials[i]; t.fault == &faults[k] && t.source.real == real && !t.early {
					count[t.named]++
					n++
				}
			}
			if n == 0 {
				continue
			}
			line := fmt.Sprintf("%-20s", faults[k].name+[]string{" *", ""}[b2i(real)])
			for _, name := range names {
				line += fmt.Sprintf(" %*d", len(name), count[name])
			}
			lines = append(lines, line)
		}
	}
	return append(lines, "(* into synthetic signals)")
}

// score counts trials.
type score struct {
	n, found, right int // right: of those found
	quiet           int // not found, and need not be
	early           int // a drift was open already; not among n
}

func (s *score) add(t *trial) {
	switch {
	case t.early:
		s.early++
		return
	case t.found():
		s.found++
		s.right += b2i(t.right())
	case t.fault.silent:
		s.quiet++
	}
	s.n++
}

// row says how many of those found were named right.
func (s *score) row(name string) scoreboard.Row {
	r := scoreboard.Row{Name: name + ", named right of those found, %", Got: math.NaN(), Note: "no data"}
	if s.n+s.early > 0 {
		r.Note = fmt.Sprintf("%d right of %d found, %d injected", s.right, s.found, s.n)
		r.Got = share(s.right, s.found)
		if s.quiet > 0 {
			r.Note += fmt.Sprintf(", %d need not be found", s.quiet)
		}
		if s.early > 0 {
			r.Note += fmt.Sprintf("; %d left out, a drift was open before", s.early)
		}
	}
	return r
}

// all says how many were found and named right, of all that had to be.
func (s *score) all(name string) scoreboard.Row {
	return scoreboard.Row{Name: name + ", found and named right of all injected, %", Got: share(s.right, s.n-s.quiet)}
}

func share(a, of int) float64 { return 100 * float64(a) / float64(of) } // NaN of none

// kindRows sums the trials up.
func kindRows(trials []trial) []scoreboard.Row {
	var real, made score
	var nothing [2]score
	each := make([]score, len(faults))
	wants := map[string]int{}
	for i := range trials {
		t := &trials[i]
		if t.fault.want == "nothing" {
			nothing[b2i(t.source.real)].add(t)
			continue
		}
		if t.source.real {
			real.add(t)
		} else {
			made.add(t)
		}
		if !t.early {
			wants[t.fault.want]++
		}
		for k := range faults {
			if t.fault == &faults[k] {
				each[k].add(t)
			}
		}
	}
	rows := []scoreboard.Row{real.row("changes in real recordings"), made.row("changes in synthetic signals")}
	for i := range rows {
		rows[i].Must, rows[i].Aim = scoreboard.AtLeast(90), scoreboard.AtLeast(97)
	}
	rows = append(rows, real.all("changes in real recordings"), made.all("changes in synthetic signals"))
	for k := range faults {
		if faults[k].want != "nothing" {
			rows = append(rows, each[k].row(faults[k].name))
		}
	}
	for k, what := range []string{"synthetic signals", "real recordings"} {
		s := &nothing[k]
		rows = append(rows, scoreboard.Row{Name: "nothing injected, drifts told in " + what + ", %", Got: share(s.found, s.n),
			Note: fmt.Sprintf("%d in %d stretches of at most %d samples", s.found, s.n, watched)})
	}
	return append(rows, blindKinds(&real, &made, wants)...)
}

// blindKinds are the rows of two that do not look: a clock that opens as many
// drifts and gives all the name that is right most often, and silence.
func blindKinds(real, made *score, wants map[string]int) []scoreboard.Row {
	n, found, most := real.n+made.n, real.found+made.found, 0
	for _, k := range wants {
		most = max(most, k)
	}
	return []scoreboard.Row{
		{Name: "clock, found and named right of all injected, %", Blind: true, Got: share(found, n) * float64(most) / float64(max(n, 1)),
			Note: "as many drifts, all given the name that is right most often"},
		{Name: "silence, found and named right of all injected, %", Blind: true, Got: 0, Note: "what need not be found is not counted for anyone"},
	}
}
