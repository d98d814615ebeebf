package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/model/train"
)

func TestBarOfWork(t *testing.T) {
	for _, c := range []struct {
		share float64
		took  time.Duration
		want  string
	}{
		{0, 0, "denoise " + strings.Repeat("░", 24) + "   0%"},
		{.5, 10 * time.Second, "denoise " + strings.Repeat("█", 12) + strings.Repeat("░", 12) + "  50%  10s left"},
		{.75, 90 * time.Second, "denoise " + strings.Repeat("█", 18) + strings.Repeat("░", 6) + "  75%  30s left"},
		{2, time.Minute, "denoise " + strings.Repeat("█", 24) + " 100%  0s left"},
	} {
		if got := barLine("denoise", c.share, c.took); got != c.want {
			t.Errorf("%g after %s: %q, want %q", c.share, c.took, got, c.want)
		}
	}
	var out strings.Builder
	b := newBar(&out, "denoise")
	b.next = time.Time{}
	b.at(1, 2)
	b.clear()
	if out.String() != "" {
		t.Errorf("%q where nobody looks", out.String())
	}
	b.live = true
	b.at(1, 2)
	b.at(1, 2) // too soon
	b.clear()
	b.clear()
	if n := strings.Count(out.String(), "denoise"); n != 1 || !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("%d lines: %q", n, out.String())
	}
}

// A search has one bar for all of its trials, and training on a stream, whose end nobody
// knows, has none.
func TestBarOfTraining(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out, "tune")
	p.of(train.Progress{Step: 5, Steps: 10, Loss: .5}, .25, time.Minute)
	if out.Len() > 0 {
		t.Errorf("%q where nobody looks", out.String())
	}
	p.live = true
	p.of(train.Progress{Step: 5, Steps: 10, Loss: .5}, .25, time.Minute)
	if want := "tune " + strings.Repeat("█", 6) + strings.Repeat("░", 18) + "  25%  3m0s left  step 5 of 10, loss 0.5000"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	p.tell(train.Progress{Step: 7, Steps: math.MaxInt, Loss: .5}, 2*time.Minute)
	if got := out.String(); !strings.HasSuffix(got, "step 7, loss 0.5000") {
		t.Errorf("%q", got)
	}
}
