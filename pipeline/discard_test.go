package pipeline

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline/state"
)

// onlyForgets is a store that can forget, and nothing else.
type onlyForgets struct{ state.Shared }

func (onlyForgets) Forget() {}

// TestNothingIsLeftOver: of what comes again under the next assignment nothing is
// computed, nor left over: not in the inbox, nor by a look for idle series.
func TestNothingIsLeftOver(t *testing.T) {
	g := &gate{is: "up"}
	w := behind(t, newOutlet(OutletConfig{Name: "out", Sink: g, Emit: "records"}, nothing, NewMetrics(prometheus.NewRegistry()), nil))
	w.cfg.Shared, w.cfg.IdleFlush, w.idle = onlyForgets{}, time.Second, time.NewTimer(time.Hour)
	tap := &onlooker{}
	w.eng.cfg.Tap = tap
	if err := w.eng.Push("p", disorder(100), 0); err != nil {
		t.Fatal(err)
	}
	l := w.eng.lanes["x"]
	w.com.over.Store(true)
	begun := len(tap.lines)
	if err := w.flushIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(tap.lines) != begun || w.cur.len() > 0 {
		t.Errorf("the adapter saw %d slots that come again", len(tap.lines)-begun)
	}
	w.discard(nil)
	if n := len(w.eng.inbox); n > 0 || len(w.eng.dirty) > 0 || l.unseen() > 0 {
		t.Errorf("%d samples and %d series are left over", n, len(w.eng.dirty))
	}
}
