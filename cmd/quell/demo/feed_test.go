package demo

import (
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/ingest/sim"
)

// sink is a broker whose subscriber has seen each message when it is published.
type sink struct {
	paho.Client
	count *counter
}

func (s sink) Publish(string, byte, bool, any) paho.Token {
	s.count.mu.Lock()
	s.count.total++
	s.count.mu.Unlock()
	return new(paho.DummyToken)
}

// TestFeedLasts: the time that a demo lasts begins with its first live reading, however
// long the history before took, and how far that is is told.
func TestFeedLasts(t *testing.T) {
	fleet := sim.Fleet(1)[:2]
	count := newCounter(fleet, sim.DefaultStart, nil)
	var told []string
	f := &feed{client: sink{count: count}, fleet: fleet, start: sim.DefaultStart, count: count, sent: make([]int64, 2),
		tell: func(s string) { told = append(told, s) }, live: make(chan struct{})}
	if err := f.run(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	rate := int64(fleet[0].Spec().RateHz)
	if want := historySeconds*rate + rate/20; f.sent[0] != want || f.sent[1] != want {
		t.Errorf("%d readings were sent, want %d each", f.sent, want)
	}
	if len(told) != 3 || told[0] != "25 of 100 seconds of history are out" {
		t.Errorf("told: %q", told)
	}
}
