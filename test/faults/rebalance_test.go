//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestRebalance has three replicas of one group, each with a state directory of its
// own, leave, join and be killed, while records of 24 series come in over 12
// partitions.
func TestRebalance(t *testing.T) {
	scenario(t, "rebalance")
	n := count(t, 50, 3)
	moved := newRow(t, "rebalances, 3 replicas, 12 partitions")
	seam := newRow(t, "rebalances, without a seam")
	const name = "rebalance"
	l := newLedger()
	createTopics(t, 12, name+".in")
	createTopics(t, 1, name+".out")
	collectKafka(t, l, name+".out")
	jobs := make([]*job, 3)
	for i := range jobs {
		jobs[i] = newJob(t, kafkaConfig, plain(name, "@KAFKA@", "@KAFKA@")...)
		jobs[i].startReady()
	}
	f := feed(t, newKafkaSender(t, name+".in"), l, &signal{prefix: "p", series: 24}, 240)
	flows := func(when string) {
		before := l.progress()
		jobs[0].until("records arrive"+when, func() bool { return l.progress() > before })
	}
	flows("")
	rnd := rand.New(rand.NewPCG(17, 1))
	// Each turn takes a replica away, in order or not, and brings it back: two
	// rebalances. The first one stays, so that there is always somebody.
	for i := 0; i < n; i += 2 {
		j := jobs[1+rnd.IntN(2)]
		if i%4 == 0 {
			j.kill()
		} else {
			j.stop(moved)
		}
		time.Sleep(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		flows(fmt.Sprintf(" after rebalance %d", i))
		j.startReady()
		time.Sleep(time.Duration(1000+rnd.IntN(3000)) * time.Millisecond)
		flows(fmt.Sprintf(" after rebalance %d", i+1))
	}
	f.stop(t)
	settle(t, l, jobs...)
	var peak int64
	for _, j := range jobs {
		j.stop(moved)
		peak = max(peak, j.peak)
	}
	c := l.balance(t)
	// Whether copies are identical, and everything is as if nobody had moved, is the
	// second row's business.
	seam.add(n, counts{sent: c.sent, received: c.received, identical: c.identical, different: c.different}, peak)
	c.different = 0
	moved.add(n, c, peak)
	if peak > memoryBound {
		moved.miss("%d MiB of memory at most, the bound is %d", peak>>20, memoryBound>>20)
	}
	whole(t, seam, l)
}
