package eval

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Trace says sample by sample what served a channel whose method chooses among
// several, and why. The slices have one length.
type Trace struct {
	Methods []string
	Reasons []string // in words
}

// from returns the trace of the samples from i on.
func (t *Trace) from(i int) *Trace {
	if t == nil {
		return nil
	}
	return &Trace{t.Methods[i:], t.Reasons[i:]}
}

// Share is for how much of the test part something holds.
type Share struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // 0 to 1
}

// Served sums up what served the test part, the largest shares first.
type Served struct {
	Methods []Share `json:"methods"`
	Reasons []Share `json:"reasons"`
}

func (t *Trace) sum() *Served {
	if t == nil {
		return nil
	}
	return &Served{shares(t.Methods), shares(t.Reasons)}
}

func shares(names []string) []Share {
	count := make(map[string]float64)
	for _, n := range names {
		count[n]++
	}
	for n := range count {
		count[n] /= float64(len(names))
	}
	return sorted(count)
}

func sorted(count map[string]float64) []Share {
	out := []Share{}
	for n, s := range count {
		out = append(out, Share{n, s})
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// meanServed returns the mean of what served in several runs.
func meanServed(runs []*Served) *Served {
	methods, reasons := make(map[string]float64), make(map[string]float64)
	for _, r := range runs {
		if r == nil {
			return nil
		}
		for _, s := range r.Methods {
			methods[s.Name] += s.Share / float64(len(runs))
		}
		for _, s := range r.Reasons {
			reasons[s.Name] += s.Share / float64(len(runs))
		}
	}
	return &Served{sorted(methods), sorted(reasons)}
}

// By says how much each method served: "net 93 %, kalman 7 %".
func (s *Served) By() string {
	var parts []string
	whole := percents(s.Methods)
	for i, m := range s.Methods {
		parts = append(parts, m.Name+" "+whole[i])
	}
	return strings.Join(parts, ", ")
}

// Why says why, each reason with its share unless there is one only.
func (s *Served) Why() string {
	if len(s.Reasons) == 1 {
		return s.Reasons[0].Name
	}
	var parts []string
	whole := percents(s.Reasons)
	for i, r := range s.Reasons {
		parts = append(parts, whole[i]+": "+r.Name)
	}
	return strings.Join(parts, "; ")
}

// percents writes shares of one whole as percents that add up to what all of them round to:
// what rounding down leaves goes to those that it takes most from.
func percents(all []Share) []string {
	sum, down := 0., 0.
	order := make([]int, len(all))
	rest := make([]float64, len(all))
	for i, s := range all {
		order[i], rest[i] = i, 100*s.Share-math.Floor(100*s.Share)
		sum += 100 * s.Share
		down += math.Floor(100 * s.Share)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	left := int(math.Round(sum - down))
	out := make([]string, len(all))
	for k, i := range order {
		p := math.Floor(100 * all[i].Share)
		if k < left {
			p++
		}
		if out[i] = fmt.Sprintf("%g %%", p); p == 0 || p == 100 {
			out[i] = percent(all[i].Share)
		}
	}
	return out
}

// percent writes a share, with a decimal only where it would round to none or all.
func percent(share float64) string {
	if p := math.Round(100 * share); p > 0 && p < 100 || share == 0 || share == 1 {
		return fmt.Sprintf("%g %%", p)
	}
	switch p := 100 * share; {
	case p < .1:
		return "below 0.1 %"
	case p > 99.9 && share < 1-1e-9:
		return "above 99.9 %"
	default:
		return fmt.Sprintf("%.3g %%", p)
	}
}

// WriteServed writes a line for people about each of the results that say what
// served, with methods and reasons; nothing where there is none.
func WriteServed(w io.Writer, results []Result) error {
	out := bufio.NewWriter(w)
	for _, r := range results {
		if r.Served == nil {
			continue
		}
		loss := ""
		if text := fixed(-r.Gain, 1); r.Gain < 0 && text != "0.0" {
			loss = "; " + text + " dB worse than the readings as they are"
		}
		fmt.Fprintf(out, "%s, %s dB in, %s by %s: %s%s\n", r.Channel, fixed(r.SNRIn, 1), r.Method, r.Served.By(), r.Served.Why(), loss)
	}
	return out.Flush()
}
