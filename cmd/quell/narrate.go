package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/quell-stream/quell/internal/plain"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// narrator tells what happens in a demo, a line each with the time since it began, and
// on a terminal below them how far a fine-tune is.
type narrator struct {
	w     io.Writer
	began time.Time
	live  bool

	mu  sync.Mutex
	bar string // on the terminal now
}

func newNarrator(w io.Writer) *narrator {
	return &narrator{w: w, began: time.Now(), live: onTerminal(w)}
}

// line tells a line.
func (n *narrator) line(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
	t := time.Since(n.began)
	fmt.Fprintf(n.w, "%02d:%02d  %s\n", int(t.Minutes()), int(t.Seconds())%60, plain.Text(text))
}

func (n *narrator) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
}

func (n *narrator) clear() {
	if n.bar != "" {
		fmt.Fprint(n.w, "\r\x1b[K")
		n.bar = ""
	}
}

// follow draws how far a fine-tune is until ctx ends, on a terminal only.
func (n *narrator) follow(ctx context.Context, p *pipeline.Pipeline) {
	if !n.live {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(300 * time.Millisecond):
		}
		n.draw(barOf(p.Adapting()))
	}
}

func (n *narrator) draw(bar string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if bar == n.bar {
		return
	}
	n.clear()
	fmt.Fprint(n.w, bar)
	n.bar = bar
}

// barOf returns how far the first fine-tune that trains is, "" where none does.
func barOf(all []view.Adaptation) string {
	for i := range all {
		a := &all[i]
		if a.Phase != view.Training || a.Steps == 0 {
			continue
		}
		done := 0
		if n := len(a.Curve); n > 0 {
			done = a.Curve[n-1].Step
		}
		share := min(1, float64(done)/float64(a.Steps))
		return fmt.Sprintf("       fine-tune  %-8s  %s %3.0f %%", plain.Text(a.Series), fields(share), 100*share)
	}
	return ""
}
