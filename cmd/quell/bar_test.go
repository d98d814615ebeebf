package main

import (
	"strings"
	"testing"
	"time"
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
