package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/eval"
)

func writeText(path, s string) error { return os.WriteFile(path, []byte(s), 0o644) }

// gain measures what the models of a net gain on a subject: the median of all
// runs. With margin it is what they gain more than the best of the five.
func gain(s subject, n net, kind eval.Kind, margin bool) func(*lab) (figure, error) {
	return gains([]subject{s}, n, kind, margin)
}

// gains is gain over several recordings: the median of their medians.
func gains(all []subject, n net, kind eval.Kind, margin bool) func(*lab) (figure, error) {
	return func(l *lab) (figure, error) {
		var medians []float64
		var last []score
		for _, s := range all {
			scores, err := l.scores(s, n, kind)
			if err != nil {
				return figure{}, err
			}
			values := collect(scores, func(x score) float64 {
				g := x.gain(n.from == "base") // what quell denoise gives with no option
				if margin {
					g -= x.Five
				}
				return g
			})
			medians, last = append(medians, median(values)), scores
			if l.verbose {
				fmt.Printf("  %s %s: %s\n", s.file, s.column, describe(scores))
			}
		}
		f := figure{value: median(medians), detail: describe(last)}
		if len(all) > 1 {
			f.detail = fmt.Sprintf("%d recordings, %.2f…%.2f", len(all), slices.Min(medians), slices.Max(medians))
		}
		return f, nil
	}
}

// describe says how the runs of one recording came out.
func describe(s []score) string {
	net, served := collect(s, func(x score) float64 { return x.Net }), collect(s, func(x score) float64 { return x.Served })
	names := collect(s, func(x score) string { return x.Best })
	slices.Sort(names)
	return fmt.Sprintf("%d runs, net alone %.2f (%.2f…%.2f), served %.2f (%.2f…%.2f); the five: %.2f (%s); noise came out at %.2f dB; coverage %.3f",
		len(s), median(net), slices.Min(net), slices.Max(net), median(served), slices.Min(served), slices.Max(served), median(collect(s, func(x score) float64 { return x.Five })),
		strings.Join(slices.Compact(names), ", "), median(collect(s, func(x score) float64 { return x.Realised })),
		median(collect(s, func(x score) float64 { return x.Coverage })))
}

// collect returns f of each.
func collect[T, V any](x []T, f func(T) V) []V {
	out := make([]V, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

// median returns the median, of an even number of values the mean of the two in
// the middle.
func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}
