//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const outageConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  plant: {type: mqtt, url: "mqtt://@MQTT@", client_id: outage}
  far: {type: mqtt, url: "mqtt://FAR", client_id: outage-far}
streams:
  s:
    source: {connection: plant, topics: ["outage/{series}"], codec: {type: json, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: 100}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [near, far]
sinks:
  near: {type: mqtt, connection: plant, topic: "near/{series}"}
  far: {type: mqtt, connection: far, topic: "far/{series}", spool: {max_bytes: 64MiB, spill_after: 500ms}}
`

// link is a way to a broker that can be cut (connections end and new ones are
// refused) or hold still (they stay, and nothing passes).
type link struct {
	to string
	ln net.Listener

	mu    sync.Mutex
	state string // open, cut, still
	turn  *sync.Cond
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{to: to, ln: ln, state: "open", conns: map[net.Conn]bool{}}
	l.turn = sync.NewCond(&l.mu)
	l.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		l.set("cut")
		l.wg.Wait()
	})
	return l
}

func (l *link) serve(c net.Conn) {
	defer c.Close()
	l.mu.Lock()
	cut := l.state == "cut"
	l.conns[c] = true
	l.mu.Unlock()
	if cut {
		return
	}
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer far.Close()
	l.mu.Lock()
	l.conns[far] = true
	l.mu.Unlock()
	back := make(chan struct{})
	go func() { defer close(back); defer c.Close(); _, _ = io.Copy(passing{l, c}, far) }()
	_, _ = io.Copy(passing{l, far}, c)
	far.Close()
	<-back
}

// passing lets bytes pass while the link is open.
type passing struct {
	l *link
	w io.Writer
}

func (p passing) Write(b []byte) (int, error) {
	p.l.mu.Lock()
	for p.l.state == "still" {
		p.l.turn.Wait()
	}
	cut := p.l.state == "cut"
	p.l.mu.Unlock()
	if cut {
		return 0, net.ErrClosed
	}
	return p.w.Write(b)
}

func (l *link) set(state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
	if state == "cut" {
		for c := range l.conns {
			c.Close()
		}
		clear(l.conns)
	}
	l.turn.Broadcast()
}

// TestSinkOutage cuts the way to one of two required sinks again and again, with
// refused connections and with such that hold still, and kills the process while
// it is away: the other sink goes on meanwhile, and both have the same in the end.
func TestSinkOutage(t *testing.T) {
	needBrokers(t)
	const series, each, outages = 4, 4000, 6
	way := newLink(t, address(lab.MQTTPort))
	near, far := subscribe(t, "outage-near", "near/#"), subscribe(t, "outage-far-reader", "far/#")
	j := newJob(t, strings.ReplaceAll(outageConfig, "FAR", way.ln.Addr().String()))
	j.startReady()
	var sent []message
	for i := range each {
		for k := range series {
			x := math.Sin(float64(i)/20) + 0.1*math.Sin(float64(i*i%997))
			sent = append(sent, message{topic: fmt.Sprintf("outage/p%d", k), payload: fmt.Appendf(nil, `{"ts":%d,"x":%g}`, 1767225600000+10*int64(i), x)})
		}
	}
	sensor := mqttClient(t, "outage-sensor")
	sending := inBackground(t, func(ctx context.Context) error { return publish(ctx, sensor, sent, 800, nil) })
	for n := range outages {
		way.set([]string{"cut", "still"}[n%2])
		time.Sleep(time.Second)
		before := near.count()
		j.until("the other sink goes on", func() bool { return near.count() > before+200 })
		if n%3 == 1 {
			j.kill()
			j.start()
			// The source and the other sink come back; the one that is away must not
			// keep them from it.
			before = near.count()
			j.until("the other sink goes on after a kill", func() bool { return near.count() > before+200 })
		}
		way.set("cut") // what holds still is over one day
		way.set("open")
		behind := far.count()
		j.until("what waited arrives", func() bool { return far.count() > behind })
	}
	if err := <-sending; err != nil {
		t.Fatal(err)
	}
	const want = series * (each - lookahead)
	j.until("all records are there", func() bool { return near.count() >= want && far.count() >= want })
	j.ready()
	s := j.stop("s")
	drainMQTT(t, "near/marker", near)
	drainMQTT(t, "far/marker", far)
	near.check(t)
	far.check(t)
	far.compare(t, near)
	t.Logf("%d outages, 2 kills: %d messages, %d records at both sinks, of copies %d at the one and %d at the other; fates %v",
		outages, len(sent), far.count(), near.copies, far.copies, s.Fates)
	if far.count() != want || s.Fates["raw"] != want {
		t.Errorf("%d records, fates %v, want %d", far.count(), s.Fates, want)
	}
}
