package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/browser/mock"
)

// smoothFor counts the frames that a page draws in a time, and the longest of them.
func smoothFor(p *tab, d time.Duration) (frames int, longest float64) {
	got := eval[[]float64](p, fmt.Sprintf(`new Promise(done => {
		let n = 0, longest = 0, last = performance.now(), end = last + %d;
		const f = t => { n++; longest = Math.max(longest, t - last); last = t; t < end ? requestAnimationFrame(f) : done([n, longest]); };
		requestAnimationFrame(f);
	})`, d.Milliseconds()))
	return int(got[0]), got[1]
}

// A hundred series at 10 Hz: the page draws as many frames as it does when paused, or
// not many fewer. Others that want the processors can only make frames fewer, so the best
// round counts, of both.
func TestHundredSeriesStaySmooth(t *testing.T) {
	p := open(t, 1280, 900)
	_, address := play(t, mock.Config{Series: 100})
	p.visit(address)
	p.wait("cards", cards+" > 8", 20*time.Second)
	live, still := 0, 0
	for range 5 {
		moving, longest := smoothFor(p, 2*time.Second)
		p.press(" ")
		p.wait("paused", status+` === "paused"`, 5*time.Second)
		paused, _ := smoothFor(p, 2*time.Second)
		p.press(" ")
		p.wait("live", status+` === "live"`, 5*time.Second)
		t.Logf("%d frames in 2 s live, %d paused; the longest took %.0f ms", moving, paused, longest)
		live, still = max(live, moving), max(still, paused)
	}
	p.clean(address)
	if share := float64(live) / float64(still); share < 0.7 {
		t.Errorf("%.0f %% of the frames of a page that is paused: more than 30 %% are dropped", 100*share)
	}
}
