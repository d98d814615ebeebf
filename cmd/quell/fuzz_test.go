package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzArch: an architecture is built, or refused with one line that says why.
func FuzzArch(f *testing.F) {
	for _, s := range []string{
		"kind: tcn\nchannels: 8\ntaps: 3\ndilations: [1, 2]\nlookahead: 4\n", "kind: dae\nwidths: [4, 8]\nlatent: 3\n",
		"kind: blindspot\nchannels: 4\ndilations: [1]\n", "kind: stacked\npretrain: 3\n", "layers: [{op: conv, out: 2, kernel: 3}]\n",
		"norm: batch\ndropout: .1\n", "{a: &a [*a]}", "kind: tcn\nchannels: 1000000000\ndilations: [1000000000]\n",
	} {
		f.Add([]byte(s))
	}
	bomb := "widths: &w0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("w%d: &w%d [*w%d, *w%d, *w%d, *w%d, *w%d, *w%d, *w%d, *w%d]\n", i+1, i+1, i, i, i, i, i, i, i, i)
	}
	f.Add([]byte(bomb))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Bounded(t, len(data), 1<<14, 32<<20, func() {
			n, err := parseNet("x.yaml", data, 8)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "--arch: x.yaml: ") {
					t.Errorf("%q names neither flag nor file", err)
				}
				return
			}
			n.size(1)
			if err := n.spec(1).Validate(); err != nil {
				return
			}
			if _, err := n.extra(); err != nil && err.Error() == "" {
				t.Error("an error without a word")
			}
		})
	})
}
