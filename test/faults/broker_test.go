//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// memoryBound is what a process of a scenario may take: a few series, bounded queues,
// and a broker's messages in flight.
const memoryBound = 192 << 20

// pipe is a job between two ends, fed and listened to.
type pipe struct {
	t *testing.T
	r *row
	l *ledger
	j *job
	f *feeder
}

// mqttPipe is a running stream from Mosquitto to Mosquitto.
func mqttPipe(t *testing.T, r *row, name string, perSecond int, words ...string) *pipe {
	t.Helper()
	p := &pipe{t: t, r: r, l: newLedger()}
	collectMQTT(t, p.l, name+"/out/#")
	p.j = newJob(t, mqttConfig, append(words, plain(name, "@MQTT@", "@MQTT@")...)...)
	p.j.startReady()
	p.f = feed(t, &mqttSender{topic: name + "/in"}, p.l, &signal{prefix: "p", series: 4}, perSecond)
	p.flows("")
	return p
}

// kafkaPipe is a running stream from Kafka to Kafka.
func kafkaPipe(t *testing.T, r *row, name string, perSecond int, words ...string) *pipe {
	t.Helper()
	p := &pipe{t: t, r: r, l: newLedger()}
	createTopics(t, 1, name+".in", name+".out")
	collectKafka(t, p.l, name+".out")
	p.j = newJob(t, kafkaConfig, append(words, plain(name, "@KAFKA@", "@KAFKA@")...)...)
	p.j.startReady()
	p.f = feed(t, newKafkaSender(t, name+".in"), p.l, &signal{prefix: "p", series: 4}, perSecond)
	p.flows("")
	return p
}

// flows waits until records arrive.
func (p *pipe) flows(when string) {
	p.t.Helper()
	before := p.l.progress()
	p.j.until("records arrive"+when, func() bool { return p.l.progress() > before })
}

// finish ends the sending, waits for all that is due, and fills in the row.
func (p *pipe) finish(times int) {
	p.t.Helper()
	p.f.stop(p.t)
	settle(p.t, p.l, p.j)
	p.j.ready()
	s := p.j.stop(p.r)
	c := p.l.balance(p.t)
	p.r.add(times, c, p.j.peak)
	if n := s.Fates["raw"] + s.Fates["pending"]; n != int64(c.sent) {
		p.r.miss("%d samples are raw or pending of %d that were sent: %v", n, c.sent, s.Fates)
	}
	if p.j.peak > memoryBound {
		p.r.miss("%d MiB of memory at most, the bound is %d", p.j.peak>>20, memoryBound>>20)
	}
	whole(p.t, p.r, p.l)
}

func TestBroker(t *testing.T) {
	scenario(t, "broker")
	n := count(t, 50, 1)
	t.Run("mosquitto", func(t *testing.T) {
		r := newRow(t, "Mosquitto restarts (SIGTERM)")
		p := mqttPipe(t, r, "restart", 400)
		restarts(t, p, n, func(int) error { return lab.Mosquitto("down") }, func() error { return lab.Mosquitto("up") })
		p.finish(n)
	})
	kafka := func(t *testing.T, r *row, name, verb string) {
		p := kafkaPipe(t, r, name, 200)
		restarts(t, p, n, func(int) error { return lab.Kafka(verb) }, func() error { return lab.Kafka("up") })
		p.finish(n)
	}
	t.Run("kafka-term", func(t *testing.T) { kafka(t, newRow(t, "Kafka restarts (SIGTERM)"), "restartterm", "down") })
	t.Run("kafka-kill", func(t *testing.T) { kafka(t, newRow(t, "Kafka restarts (SIGKILL)"), "restartkill", "kill") })
}

// restarts takes a broker down and up again n times while the pipe runs.
func restarts(t *testing.T, p *pipe, n int, down func(i int) error, up func() error) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(11, 1))
	for i := range n {
		time.Sleep(time.Duration(rnd.IntN(1000)) * time.Millisecond)
		if err := down(i); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rnd.IntN(1000)) * time.Millisecond)
		if err := up(); err != nil {
			t.Fatal(err)
		}
		p.flows(fmt.Sprintf(" after restart %d", i))
	}
}

func TestLink(t *testing.T) {
	scenario(t, "link")
	n := count(t, 50, 2)
	for _, c := range []struct {
		fault, name string
		ill         func(w *link, rnd *rand.Rand)
	}{
		{"cut", "cut", func(w *link, _ *rand.Rand) { w.cut() }},
		{"half open", "half", func(w *link, _ *rand.Rand) { w.halfOpen() }},
		{"slow", "slow", func(w *link, rnd *rand.Rand) { w.slow(4 + rnd.IntN(30)) }},
	} {
		t.Run("mqtt-"+c.name, func(t *testing.T) {
			w := newLink(t, "127.0.0.1:0", harness.Address(lab.MQTTPort))
			p := mqttPipe(t, newRow(t, "link to Mosquitto "+c.fault), c.name, 400, "@IN@", w.address(), "@OUT@", w.address())
			ills(p, w, n, c.ill)
			p.finish(n)
		})
		t.Run("kafka-"+c.name, func(t *testing.T) {
			w := newLink(t, harness.Address(lab.KafkaPort+4), harness.Address(lab.KafkaPort+3))
			p := kafkaPipe(t, newRow(t, "link to Kafka "+c.fault), c.name, 200, "@IN@", w.address(), "@OUT@", w.address())
			ills(p, w, n, c.ill)
			p.finish(n)
		})
	}
}

// ills makes a link ill n times, for up to 2.5 s each.
func ills(p *pipe, w *link, n int, ill func(*link, *rand.Rand)) {
	p.t.Helper()
	rnd := rand.New(rand.NewPCG(13, 1))
	for i := range n {
		time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
		ill(w, rnd)
		time.Sleep(time.Duration(500+rnd.IntN(2000)) * time.Millisecond)
		p.j.look()
		w.heal()
		p.flows(fmt.Sprintf(" after fault %d of the link", i))
	}
}
