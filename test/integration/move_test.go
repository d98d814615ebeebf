//go:build integration

package integration

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// The fleet of TestMove: so many devices, each with so many readings.
const (
	moveDevices    = 24
	moveReadings   = 900
	movePartitions = 4
)

// moveConfig goes from Kafka to Kafka. Replicas of a name share a group and a state
// topic, and no disk.
func moveConfig(name string) string {
	return strings.ReplaceAll(`
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  cluster: {type: kafka, brokers: ["@KAFKA@"]}
streams:
  fleet:
    source: {connection: cluster, topics: [NAME.raw], group: NAME, state_topic: NAME.state, codec: {type: json, series: device, time: ts, time_unit: ms}}
    channels: {v: {path: v}}
    window: {rate_hz: 10}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [clean]
sinks:
  clean: {type: kafka, connection: cluster, topic: NAME.clean}
`, "NAME", name)
}

func moveMessages() (out []message) {
	rnd := rand.New(rand.NewPCG(7, 7))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range moveReadings {
		for d := range moveDevices {
			v := 10*float64(d) + math.Sin(float64(i)/(5+float64(d))) + .2*rnd.NormFloat64()
			device := fmt.Sprint("device-", d)
			out = append(out, message{key: device, payload: fmt.Appendf(nil, `{"device":%q,"ts":%d,"v":%g}`, device, start.Add(time.Duration(i)*100*time.Millisecond).UnixMilli(), v)})
		}
	}
	return out
}

// TestMove has two replicas without a shared disk read one topic. One is killed, comes
// back with nothing on its disk, and then the other is killed: what comes out is what one
// replica gives that nobody disturbs, bit for bit, and copies are identical.
func TestMove(t *testing.T) {
	needBrokers(t)
	messages := moveMessages()
	var whole *arrivals
	if !t.Run("whole", func(t *testing.T) { whole = moveWhole(t, messages) }) {
		t.Fatal("there is no uninterrupted run to compare the other with")
	}
	t.Run("moved", func(t *testing.T) { moveKilled(t, messages, whole) })
}

func moveWhole(t *testing.T, messages []message) *arrivals {
	const name = "move-whole"
	createTopicOf(t, name+".raw", movePartitions)
	createTopic(t, name+".clean")
	got := consume(t, name+".clean")
	j := newJob(t, moveConfig(name))
	j.startReady()
	if err := produce(t.Context(), name+".raw", messages, 0, nil); err != nil {
		t.Fatal(err)
	}
	want := len(messages) - moveDevices*lookahead
	j.until("all records are there", func() bool { return got.count() >= want })
	j.stop("fleet")
	drainKafka(t, name+".clean", got)
	got.check(t)
	if got.count() != want {
		t.Errorf("%d records, want %d", got.count(), want)
	}
	return got
}

func moveKilled(t *testing.T, messages []message, whole *arrivals) {
	const name = "move"
	createTopicOf(t, name+".raw", movePartitions)
	createTopic(t, name+".clean")
	got := consume(t, name+".clean")
	a, b := newJob(t, moveConfig(name)), newJob(t, moveConfig(name))
	a.startReady()
	b.startReady()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sender sync.WaitGroup
	sender.Go(func() {
		// No faster than what comes out: what is killed then has work left.
		room := func(i int) bool { return i < got.count()+4000 }
		if err := produce(ctx, name+".raw", messages, 0, room); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	defer sender.Wait()
	defer cancel()
	share := func(percent int) int { return len(messages) * percent / 100 }
	b.until("a quarter is there", func() bool { return got.count() >= share(25) })
	a.kill()
	b.until("half is there: the replica that is left has taken over", func() bool { return got.count() >= share(50) })
	back := newJob(t, moveConfig(name)) // another machine
	back.startReady()
	b.until("partitions have gone back", func() bool { return strings.Contains(back.logTail(50), "state restored") })
	b.until("three quarters are there", func() bool { return got.count() >= share(75) })
	b.kill()
	back.until("all records are there", func() bool { return got.count() >= whole.count() })
	back.stop("fleet")
	sender.Wait()
	drainKafka(t, name+".clean", got)
	got.check(t)
	got.compare(t, whole)
	t.Logf("%d records, %d copies of them", got.count(), got.copies)
	for _, j := range []*job{b, back} {
		if log := j.logTail(1000); !strings.Contains(log, "state restored") || strings.Contains(log, "begin anew") && j == back {
			t.Errorf("a replica did not go on from the state topic:\n%s", log)
		}
	}
}
