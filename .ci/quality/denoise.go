package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quell-stream/quell/internal/csvtable"
)

// denoised is a channel of the output of quell denoise.
type denoised struct {
	clean, lo, hi []float64
	method, flags []string
}

// denoise runs quell denoise on columns, and returns the channels by name; one
// that is called ts is the time.
func (l *lab) denoise(names []string, cols [][]float64, args ...string) (all map[string]*denoised, err error) {
	dir, err := os.MkdirTemp("", "quality-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in, out := filepath.Join(dir, "noisy.csv"), filepath.Join(dir, "clean.csv")
	if err := csvtable.Write(in, names, cols...); err != nil {
		return nil, err
	}
	if _, err := l.command(append([]string{"denoise", in, "-o", out}, args...)...); err != nil {
		return nil, err
	}
	var words []string
	for _, n := range names {
		words = append(words, n+"_method", n+"_flags", n+"_quality")
	}
	t, err := csvtable.Read(out, append(words, "drift")...)
	if err != nil {
		return nil, err
	}
	all = map[string]*denoised{}
	for i, n := range names {
		if n == "ts" {
			continue
		}
		d := &denoised{method: t.Text[3*i], flags: t.Text[3*i+1]}
		for _, c := range []struct {
			to   *[]float64
			name string
		}{{&d.clean, "_clean"}, {&d.lo, "_lo"}, {&d.hi, "_hi"}} {
			if *c.to, err = t.Column(n + c.name); err != nil {
				return nil, err
			}
		}
		if len(d.clean) != len(cols[i]) {
			return nil, fmt.Errorf("quell denoise gave %d rows for %d", len(d.clean), len(cols[i]))
		}
		all[n] = d
	}
	return all, nil
}
