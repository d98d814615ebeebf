package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/eval"
)

// levels of the sweep, in dB.
var levels = []float64{0, 5, 10, 20}

const worstShown = 10

func sweepRows() []row {
	var all []row
	add := func(name, what, unit string, must, aim bound, m func([]cell) (figure, error)) {
		all = append(all, row{"sweep/" + name, what, unit, must, aim, true, overWhite(m)})
	}
	add("served", "what is served below the classical filter chosen without truth, worst of all recordings at 0, 5, 10, 20 dB", "dB", atMost(.2), atMost(0), servedWorst)
	for _, snr := range levels {
		at := fmt.Sprintf("served/%gdB", snr)
		add(at, fmt.Sprintf("the same at %g dB", snr), "dB", none, none, atLevel(snr, served))
	}
	add("oracle", "what is served below the oracle choice, median of all", "dB", none, none, toOracle)
	add("coverage", "coverage of the 90 % interval, all recordings and levels", "", within(.88, .92), within(.89, .91), coverage)
	for _, snr := range levels {
		add(fmt.Sprintf("coverage/%gdB", snr), fmt.Sprintf("the same at %g dB", snr), "", none, none, atLevel(snr, coverage))
	}
	add("blocks", "blocks of 1,000 samples covered .82….97", "%", atLeast(90), none, blocks)
	add("width", "mean width over the truth-calibrated one", "", atMost(1.2), atMost(1.1), width)
	add("first", "coverage of the first 500 samples", "", none, none, first)
	return all
}

// overWhite has a figure found over all cells of white noise.
func overWhite(m func([]cell) (figure, error)) func(*lab) (figure, error) {
	return func(l *lab) (figure, error) {
		cells, err := l.sweep(eval.White)
		if err != nil {
			return figure{}, err
		}
		return m(cells)
	}
}

func atLevel(snr float64, m func([]cell) (figure, error)) func([]cell) (figure, error) {
	return func(cells []cell) (figure, error) {
		return m(slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.SNR != snr }))
	}
}

// served is the largest loss against the filter chosen without truth.
func served(cells []cell) (figure, error) {
	worst := slices.MaxFunc(cells, func(a, b cell) int { return cmp.Compare(a.loss(), b.loss()) })
	below := 0
	methods := map[string]int{}
	for i := range cells {
		if cells[i].loss() > .2 {
			below++
		}
		for m, n := range cells[i].By {
			methods[m] += n
		}
	}
	return figure{worst.loss(), fmt.Sprintf("%d of %d more than .2 dB below; worst: %s at %g dB; median %.2f dB above; served by %s",
		below, len(cells), worst.Recording, worst.SNR, -median(collect(cells, func(c cell) float64 { return c.loss() })), shares(methods)), nil}, nil
}

// servedWorst is served, with a summary and the worst cells.
func servedWorst(cells []cell) (figure, error) {
	f, err := served(cells)
	if err != nil {
		return f, err
	}
	f.below = summary(cells)
	sorted := slices.SortedFunc(slices.Values(cells), func(a, b cell) int { return cmp.Compare(b.loss(), a.loss()) })
	f.below = append(f.below, "", "the worst:")
	for i := range min(worstShown, len(sorted)) {
		f.below = append(f.below, sorted[i].String())
	}
	if !slices.ContainsFunc(cells, guarded) {
		return f, notAvailable(fmt.Sprintf("nothing but the net serves, so there is no guard; without one %.2f dB; %s", f.value, f.detail))
	}
	return f, nil
}

// guarded says whether a filter served at some time.
func guarded(c cell) bool {
	for m := range c.By {
		if m != "net" && m != "raw" {
			return true
		}
	}
	return false
}

// summary is a line per level and one per kind.
func summary(cells []cell) []string {
	lines := []string{fmt.Sprintf("%-20s %5s %11s %28s %9s %8s %7s %6s %6s", "", "cells", "served, dB", "over the blind filter, dB", "to oracle", "coverage", "blocks", "width", "first")}
	for _, snr := range levels {
		lines = append(lines, summarise(fmt.Sprintf("%g dB", snr), cells, func(c *cell) bool { return c.SNR == snr }))
	}
	var kinds []string
	for i := range cells {
		kinds = append(kinds, cells[i].Kind)
	}
	slices.Sort(kinds)
	for _, k := range slices.Compact(kinds) {
		lines = append(lines, summarise(k, cells, func(c *cell) bool { return c.Kind == k }))
	}
	return lines
}

// summarise is a line about the cells of a set: medians, and of the margin the
// range too.
func summarise(name string, all []cell, in func(*cell) bool) string {
	var gain, margin, gap, width, first []float64
	var sum interval
	for i := range all {
		c := &all[i]
		if !in(c) {
			continue
		}
		gain, margin, gap = append(gain, c.Gain), append(margin, -c.loss()), append(gap, c.Oracle-c.Gain)
		width, first = append(width, c.Band.Width), append(first, c.First)
		sum.Samples, sum.Covered = sum.Samples+c.Band.Samples, sum.Covered+c.Band.Covered
		sum.Blocks, sum.GoodBlocks = sum.Blocks+c.Band.Blocks, sum.GoodBlocks+c.Band.GoodBlocks
	}
	return fmt.Sprintf("%-20s %5d %11.2f %7.2f, %7.2f … %6.2f  %9.2f %8.3f %5.0f %% %6.2f %6.3f", name, len(gain), median(gain), median(margin), slices.Min(margin), slices.Max(margin),
		median(gap), sum.coverage(), 100*float64(sum.GoodBlocks)/float64(sum.Blocks), median(width), median(first))
}

// shares tells who served how much.
func shares(n map[string]int) string {
	var names []string
	sum := 0
	for m, k := range n {
		names, sum = append(names, m), sum+k
	}
	slices.Sort(names)
	for i, m := range names {
		names[i] = fmt.Sprintf("%s %.1f %%", m, 100*float64(n[m])/float64(sum))
	}
	return strings.Join(names, ", ")
}

func toOracle(cells []cell) (figure, error) {
	gap := collect(cells, func(c cell) float64 { return c.Oracle - c.Gain })
	chosen := collect(cells, func(c cell) float64 { return c.Oracle - c.Blind })
	return figure{median(gap), fmt.Sprintf("%.2f…%.2f; the choice without truth: median %.2f, at most %.2f", slices.Min(gap), slices.Max(gap), median(chosen), slices.Max(chosen)), nil}, nil
}

func coverage(cells []cell) (figure, error) {
	all, covered, silent := 0, 0, 0
	for i := range cells {
		all, covered, silent = all+cells[i].Band.Samples, covered+cells[i].Band.Covered, silent+cells[i].Band.Silent
	}
	share := collect(cells, func(c cell) float64 { return c.Band.coverage() })
	return figure{float64(covered) / float64(all), fmt.Sprintf("by recording %.3f…%.3f; %.2f %% of the samples have no interval",
		slices.Min(share), slices.Max(share), 100*float64(silent)/float64(all)), nil}, nil
}

func blocks(cells []cell) (figure, error) {
	all, good := 0, 0
	for i := range cells {
		all, good = all+cells[i].Band.Blocks, good+cells[i].Band.GoodBlocks
	}
	return figure{100 * float64(good) / float64(all), fmt.Sprintf("%d blocks", all), nil}, nil
}

func width(cells []cell) (figure, error) {
	w := slices.DeleteFunc(collect(cells, func(c cell) float64 { return c.Band.Width }), math.IsNaN)
	if len(w) == 0 {
		return figure{math.NaN(), "no recording has an interval", nil}, nil
	}
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	return figure{sum / float64(len(w)), fmt.Sprintf("mean of the recordings and levels, %.2f…%.2f, median %.2f", slices.Min(w), slices.Max(w), median(w)), nil}, nil
}

func first(cells []cell) (figure, error) {
	share := collect(cells, func(c cell) float64 { return c.First })
	sum := 0.0
	for _, v := range share {
		sum += v / float64(len(share))
	}
	return figure{sum, fmt.Sprintf("%.3f…%.3f; a sample without an interval counts as not covered", slices.Min(share), slices.Max(share)), nil}, nil
}
