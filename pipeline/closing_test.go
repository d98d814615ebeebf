package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// leaver notes how long it may take to close.
type leaver struct {
	*gate
	left time.Duration
}

func (l *leaver) Close(ctx context.Context) error {
	end, _ := ctx.Deadline()
	l.left = time.Until(end)
	return l.gate.Close(ctx)
}

// TestTimeToClose: sinks that hang before their spools are drained side by side, and
// take nothing of the time that sinks have to close.
func TestTimeToClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &memSource{log: disorder(300), finished: map[int64]bool{}}
		spill := &SpoolConfig{SpillAfter: 10 * time.Millisecond}
		var sinks []*leaver
		for _, is := range []string{"hangs", "hangs", "up"} {
			sinks = append(sinks, &leaver{gate: &gate{is: is}})
		}
		p := spoolPipeline(t, t.TempDir(), src, out("a", sinks[0], true, spill), out("b", sinks[1], true, spill), out("c", sinks[2], true, nil))
		began := time.Now()
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > drainGrace+drainGrace*4/5 {
			t.Errorf("the end took %v: the spools were drained one after another", took)
		}
		for _, s := range sinks {
			if s.left < closeGrace/2 {
				t.Errorf("a sink that %s had %v left to close", s.is, s.left)
			}
		}
	})
}
