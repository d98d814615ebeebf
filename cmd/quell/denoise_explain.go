package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/quell-stream/quell/cmd/quell/wizard"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/pipeline/offline"
)

// explain says how a recording was read, and what denoised each channel and why.
// s is nil where a filter that was asked for did.
func (o *denoiseOptions) explain(note func(string), r *file.Reader, s *offline.Summary) {
	time := o.untimed() + " (--time names one): the row makes the time, "
	switch words := r.TimeWords(); {
	case words != "":
		time = "the time is in " + words
	case o.rateGiven:
		time += fmt.Sprintf("at %g Hz", o.rate)
	default:
		time += "at 1 Hz (--rate gives another)"
	}
	var left []string
	for _, c := range r.Columns() {
		if !slices.Contains(r.TimeColumns(), c) && c != o.series && !slices.Contains(r.Channels(), c) {
			left = append(left, c)
		}
	}
	if len(left) > 0 {
		time += "; not denoised, as they hold no numbers, are labels or were not asked for: " + strings.Join(left, ", ")
	}
	note(time)
	if s == nil {
		return
	}
	note(fmt.Sprintf("%s, look-ahead %d samples (%.3g s at %.6g Hz)", listShares(s.Models), s.Lookahead, float64(s.Lookahead)/s.RateHz, s.RateHz))
	for i := range s.Channels {
		c := &s.Channels[i]
		text := c.Name + " is by " + listShares(c.Methods)
		// What the guard would say counts only where something denoises.
		if len(c.Reasons) > 0 && !(c.Methods[0].Name == "raw" && c.Methods[0].Share > mostRaw) {
			text += ", since " + listShares(c.Reasons)
		}
		if len(c.Flags) > 0 {
			text += "; flags: " + listShares(c.Flags)
		}
		note(text)
	}
}

// mostRaw is the share of records beyond which a channel counts as not denoised: what a grid
// takes to warm up is less, but of the shortest recordings.
const mostRaw = .9

// fewRecords is a recording that is too short for its channels to have warmed up.
const fewRecords = 64

// tellRaw says which channels are not denoised, and why.
func tellRaw(note func(string), channels []string, rep *offline.Report) {
	for i, n := range rep.Raw {
		switch {
		case rep.Records < fewRecords || float64(n) <= mostRaw*float64(rep.Records):
		case rep.Present[i] == 0:
			note(channels[i] + " has no readings")
		default:
			note(channels[i] + " is not denoised: its readings do not move, move by less than a thousand-millionth of their size, or are beyond ±1e30, so that there is no scale to denoise on")
		}
	}
}

// untimed says why no time column was found.
func (o *denoiseOptions) untimed() string {
	for _, c := range o.channels {
		if file.NamedTime(c) {
			return "column " + c + " is taken for a channel"
		}
	}
	return "no column is named ts, time, timestamp or datetime"
}

// tellTime says that rows were counted though a column holds times, or is named so.
func (o *denoiseOptions) tellTime(note func(string), in string, r *file.Reader) {
	if st, err := os.Stat(in); r.TimeColumn() != "" || o.rateGiven || err != nil || !st.Mode().IsRegular() {
		return // a pipe can't be read once more
	}
	if c := wizard.TimeIn(in, r.Columns(), r.Channels()); c != "" && c != o.series {
		note(fmt.Sprintf("the rows count as one a second, since %s: column %s holds times, --time %q uses it", o.untimed(), c, c))
		return
	}
	if c := wizard.StampsIn(in, r.Channels()); c != "" {
		note(fmt.Sprintf("the rows count as one a second, and column %s is denoised as a channel, though it looks like times: --time %q uses it", c, c))
		return
	}
	for _, c := range r.Columns() {
		name := strings.ToLower(c)
		if !slices.Contains(r.Channels(), c) && (strings.Contains(name, "time") || strings.Contains(name, "date")) {
			note(fmt.Sprintf("the rows count as one a second, since column %s holds no times that are understood, such as 2026-11-27T08:30:00Z: --rate says how fast they come", c))
			return
		}
	}
}

// tellMixed says which columns were left out though they hold numbers.
func tellMixed(note func(string), in string, r *file.Reader) {
	if _, left := r.Mixed(); len(left) > 0 {
		note(fmt.Sprintf("%s: left out, as they hold texts beside numbers, and more of them: %s; a channel's fields must be numbers or empty", in, strings.Join(left, ", ")))
	}
}

// whatToDo adds to an error of a row what a reader can do about it.
func whatToDo(err error) error {
	if bad := (*file.RowError)(nil); errors.As(err, &bad) && bad.Reason == "not_a_number" {
		return fmt.Errorf("%w: empty such fields, or choose other columns with --channels", err)
	}
	return err
}

// listShares lists what holds for some share of the slots, with its percentage
// unless it holds for all.
func listShares(shares []offline.Share) string {
	var parts []string
	for _, s := range shares {
		text := s.Name
		switch p := 100 * s.Share; {
		case p < .1:
			text += " below 0.1 %"
		case p < 100:
			text += fmt.Sprintf(" %.3g %%", p)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
