package browser

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
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

// contention is how many times as long as its work takes a thread needs for it: 1 on
// a machine that has a processor for it, more where others take their share.
func contention(t *testing.T) float64 {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rusageThread = 1
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(rusageThread, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start, from := time.Now(), used()
	for used()-from < 100*time.Millisecond {
		for range 1000 {
		}
	}
	return float64(time.Since(start)) / float64(used()-from)
}

// A hundred series at 10 Hz: the page draws as many frames as it does when paused, or
// not many fewer. Rounds in which others wanted the processors tell nothing of it.
func TestHundredSeriesStaySmooth(t *testing.T) {
	p := open(t, 1280, 900)
	_, address := play(t, mock.Config{Series: 100})
	p.visit(address)
	p.wait("cards", cards+" > 8", 20*time.Second)
	time.Sleep(2 * time.Second)
	var shares []float64
	worst := 0.0
	for end := time.Now().Add(2 * time.Minute); len(shares) < 5 && time.Now().Before(end); {
		before := contention(t)
		live, longest := smoothFor(p, 2*time.Second)
		p.press(" ")
		p.wait("paused", status+` === "paused"`, 5*time.Second)
		still, _ := smoothFor(p, 2*time.Second)
		p.press(" ")
		p.wait("live", status+` === "live"`, 5*time.Second)
		busy := max(before, contention(t))
		worst = max(worst, busy)
		share := float64(live) / float64(still)
		t.Logf("%d frames in 2 s live, %d paused: %.0f %%; the longest took %.0f ms; contention %.1f", live, still, 100*share, longest, busy)
		if busy < 1.5 {
			shares = append(shares, share)
		}
	}
	p.clean(address)
	if len(shares) < 3 {
		t.Skipf("others want the processors, %.1f times what there is: frames tell nothing of the page", worst)
	}
	slices.Sort(shares)
	if median := shares[len(shares)/2]; median < 0.7 {
		t.Errorf("%.0f %% of the frames of a page that is paused, in the median: more than 30 %% are dropped", 100*median)
	}
}
