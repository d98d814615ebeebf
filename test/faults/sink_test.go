//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// TestSink has a sink's broker be away or slow while the source's goes on.
func TestSink(t *testing.T) {
	scenario(t, "sink")
	n := count(t, 50, 2)
	t.Run("outage", func(t *testing.T) {
		w := newLink(t, "127.0.0.1:0", harness.Address(lab.MQTTPort))
		p := mqttPipe(t, newRow(t, "sink away, with a spool"), "away", 400,
			"@OUT@", w.address(), "@SPOOL@", ", spool: {max_bytes: 64MiB, spill_after: 500ms}")
		for i := range n {
			if i%2 == 0 {
				w.cut()
			} else {
				w.halfOpen()
			}
			time.Sleep(awayFor(i, n))
			p.j.look()
			w.heal()
			p.flows(fmt.Sprintf(" after outage %d", i))
		}
		p.finish(n)
	})
	t.Run("slow", func(t *testing.T) {
		w := newLink(t, "127.0.0.1:0", harness.Address(lab.MQTTPort))
		p := mqttPipe(t, newRow(t, "slow sink, without a spool"), "slowsink", 400, "@OUT@", w.address())
		ills(p, w, n, func(w *link, rnd *rand.Rand) { w.slow(4 + rnd.IntN(30)) })
		p.finish(n)
	})
	t.Run("slow-spool", func(t *testing.T) {
		w := newLink(t, "127.0.0.1:0", harness.Address(lab.MQTTPort))
		p := mqttPipe(t, newRow(t, "slow sink, with a spool"), "slowspool", 400,
			"@OUT@", w.address(), "@SPOOL@", ", spool: {max_bytes: 64MiB, spill_after: 500ms}")
		ills(p, w, n, func(w *link, rnd *rand.Rand) { w.slow(4 + rnd.IntN(30)) })
		p.finish(n)
	})
}

// awayFor is how long outage i of n lasts: in a whole run two last three minutes and
// the others 5 s.
func awayFor(i, n int) time.Duration {
	switch {
	case n < 20:
		return 2 * time.Second
	case i == n/3, i == 2*n/3:
		return 3 * time.Minute
	default:
		return 5 * time.Second
	}
}
