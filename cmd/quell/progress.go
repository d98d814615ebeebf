package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/quell-stream/quell/model/train"
)

// progress writes one line that is written again and again, on a terminal only: a bar
// of how far training is, what is left, and the loss.
type progress struct {
	w    io.Writer
	what string
	next time.Duration
	loss float64
	live bool
}

func newProgress(w io.Writer, what string) *progress {
	return &progress{w: w, what: what, live: onTerminal(w)}
}

// onTerminal says whether what is written to w is read by a person as it comes.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// tell shows where training is, a few times per second.
func (p *progress) tell(t train.Progress, elapsed time.Duration) {
	p.of(t, float64(t.Step)/float64(max(t.Steps, 1)), elapsed)
}

// of is tell for training that is a part of what takes so long and is done for a share.
func (p *progress) of(t train.Progress, share float64, elapsed time.Duration) {
	if p.loss == 0 {
		p.loss = t.Loss
	}
	p.loss += .02 * (t.Loss - p.loss)
	if !p.live || elapsed < p.next {
		return
	}
	p.next = elapsed + 250*time.Millisecond
	if t.Steps == math.MaxInt { // as many as the recording has room for
		fmt.Fprintf(p.w, "\r\x1b[Kstep %d, loss %.4f", t.Step, p.loss)
		return
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s  step %d of %d, loss %.4f", barLine(p.what, share, elapsed), t.Step, t.Steps, p.loss)
}

// end clears the line.
func (p *progress) end() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
