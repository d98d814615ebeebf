// Package scoreboard holds figures against what they should be: a Study measures
// Rows, and a table says of each whether it keeps to its bound.
package scoreboard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Options are what a study is asked for.
type Options struct {
	Data  string // folder with recordings; "": none
	Quick bool   // the subset that takes minutes less, and would notice a regression
	Seed  uint64 // that all draws are keyed by
	// Told, when not nil, takes lines on how far a study is.
	Told func(format string, args ...any)
}

// Tell says how far a study is.
func (o *Options) Tell(format string, args ...any) {
	if o.Told != nil {
		o.Told(format, args...)
	}
}

// Study measures rows that come from the same runs.
type Study struct {
	Name string // one word or words with hyphens, what a user picks it by
	Doc  string // one line: what it does, on what
	// Run measures. Rows whose data are absent come with a Note and no figure; an
	// error is for what went wrong.
	Run func(ctx context.Context, o *Options) ([]Row, error)
}

// Row is a figure beside what is known and what is asked.
type Row struct {
	Name      string // what was measured, unit included
	Anchor    string // what the best known reach
	Must, Aim Bound
	Got       float64 // NaN: not measured, Note says why
	Note      string  // on how much, or why not
	Blind     bool    // a detector that does not look at the data: nothing is asked of it
	Open      bool    // known to miss what it must, and being worked on
}

// Bound is what a figure has to keep to; the zero Bound asks for nothing.
type Bound struct {
	lo, hi float64
	given  bool
}

// AtLeast is the bound from below.
func AtLeast(x float64) Bound { return Bound{x, math.Inf(1), true} }

// AtMost is the bound from above.
func AtMost(x float64) Bound { return Bound{math.Inf(-1), x, true} }

// Met says whether x keeps to the bound; NaN never does.
func (b Bound) Met(x float64) bool { return !b.given || x >= b.lo && x <= b.hi }

func (b Bound) String() string {
	switch {
	case !b.given:
		return ""
	case math.IsInf(b.hi, 1):
		return "≥ " + short(b.lo)
	case math.IsInf(b.lo, -1):
		return "≤ " + short(b.hi)
	}
	return short(b.lo) + "…" + short(b.hi)
}

// The verdicts of a row.
const (
	AimMet  = "aim met"
	MustMet = "met"
	Missed  = "MISSED"
	Known   = "open" // missed, and known to be
	Shown   = ""     // nothing is asked
	Empty   = "not measured"
)

// Verdict says how the figure stands.
func (r *Row) Verdict() string {
	switch {
	case math.IsNaN(r.Got):
		return Empty
	case !r.Must.given && !r.Aim.given:
		return Shown
	case !r.Must.Met(r.Got) && r.Open:
		return Known
	case !r.Must.Met(r.Got):
		return Missed
	case r.Aim.given && r.Aim.Met(r.Got):
		return AimMet
	case r.Must.given:
		return MustMet
	}
	return Shown
}

// MissedOf counts the rows that miss what they must.
func MissedOf(rows []Row) int {
	n := 0
	for i := range rows {
		if rows[i].Verdict() == Missed {
			n++
		}
	}
	return n
}

// MarkOpen marks the rows that a file names as open, a line each: the name, and behind
// a tab why. Lines that begin with # are for people. A name that no row has is an
// error: it would hide a row that comes to have it.
func MarkOpen(rows []Row, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
		if i < 0 {
			return fmt.Errorf("%s: there is no row %q", path, name)
		}
		rows[i].Open = true
	}
	return nil
}

// Print writes rows as a table for people.
func Print(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tanchor\tmust\taim\tmeasured\tverdict\ton")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(t, "%s\t%s\t%v\t%v\t%s\t%s\t%s\n", r.Name, r.Anchor, r.Must, r.Aim, short(r.Got), r.Verdict(), r.Note)
	}
	return t.Flush()
}

// WriteJSON writes rows as {"rows":[…]}; a figure that was not measured is null.
func WriteJSON(w io.Writer, rows []Row) error {
	type line struct {
		Name     string   `json:"name"`
		Anchor   string   `json:"anchor,omitempty"`
		Must     string   `json:"must,omitempty"`
		Aim      string   `json:"aim,omitempty"`
		Measured *float64 `json:"measured"`
		Verdict  string   `json:"verdict"`
		Note     string   `json:"note,omitempty"`
	}
	out := make([]line, len(rows))
	for i := range rows {
		r := &rows[i]
		out[i] = line{r.Name, r.Anchor, r.Must.String(), r.Aim.String(), nil, r.Verdict(), r.Note}
		if r.Got-r.Got == 0 {
			out[i].Measured = &r.Got
		}
	}
	return json.NewEncoder(w).Encode(map[string]any{"rows": out})
}

func short(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}
