package offline

import (
	"cmp"
	"slices"

	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/sink"
)

// Summary says how a recording was denoised, over all series.
type Summary struct {
	Models    []Share // by name, of records
	Lookahead int     // samples; of several models the largest
	RateHz    float64 // of the grid of the series that began last
	Channels  []ChannelSummary
}

// ChannelSummary says what served a channel and why.
type ChannelSummary struct {
	Name    string
	Methods []Share
	Reasons []Share // in words, as of model/guard; empty without a guard
	Flags   []Share
}

// Share is for how many of all slots something holds, 0 to 1.
type Share struct {
	Name  string
	Share float64
}

// account counts what a Summary is made of.
type account struct {
	models    map[string]int
	lookahead int
	channels  []tally
}

// tally counts what was said of a channel, slot by slot.
type tally struct {
	methods map[string]int
	reasons [guard.Reasons]int
	flags   [16]int // by bit
}

func newAccount(channels int) *account {
	a := &account{models: make(map[string]int), channels: make([]tally, channels)}
	for i := range a.channels {
		a.channels[i].methods = make(map[string]int)
	}
	return a
}

// judged is pipeline.EngineConfig.Judged.
func (a *account) judged(_ string, channel int, why guard.Reason) { a.channels[channel].reasons[why]++ }

func (a *account) record(r *sink.Record) {
	a.models[r.Model]++
	a.lookahead = max(a.lookahead, r.Lookahead)
	for i := range r.Values {
		c := &a.channels[i]
		c.methods[r.Values[i].Method]++
		for bit := range sink.FlagNames {
			c.flags[bit] += int(r.Values[i].Flags >> bit & 1)
		}
	}
}

func (a *account) summary(names []string, rateHz float64) *Summary {
	s := &Summary{Models: shares(a.models, total(a.models)), Lookahead: a.lookahead, RateHz: rateHz}
	for i := range a.channels {
		c := &a.channels[i]
		reasons, flags := make(map[string]int), make(map[string]int)
		for r, k := range c.reasons {
			if k > 0 {
				reasons[guard.Reason(r).String()] = k
			}
		}
		for bit, name := range sink.FlagNames {
			if k := c.flags[bit]; k > 0 {
				flags[name] = k
			}
		}
		n := total(c.methods)
		s.Channels = append(s.Channels, ChannelSummary{names[i], shares(c.methods, n), shares(reasons, total(reasons)), shares(flags, n)})
	}
	return s
}

func total(count map[string]int) (n int) {
	for _, k := range count {
		n += k
	}
	return n
}

// shares returns the shares of n, the largest first.
func shares(count map[string]int, n int) []Share {
	var out []Share
	for name, k := range count {
		out = append(out, Share{name, float64(k) / float64(n)})
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
	return out
}
