package mqtt

import (
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/conn/mqttconn"
)

// message is an item ready to be published.
type message struct {
	topic   string
	payload []byte
}

// job is one Write on its way.
type job struct {
	messages []message
	qos      byte
	retain   bool
	tokens   chan paho.Token // one per message, in order; its capacity, one at each end besides, bounds what is in flight
}

// link is one connection and the goroutine that publishes over it.
//
// Publishing needs a goroutine of its own because paho's Publish can block:
// it hands the message over to a goroutine that may have ended a moment ago
// with the connection, and then waits for the whole write timeout. Write does
// not wait with it.
type link struct {
	c    *mqttconn.Client
	jobs chan job
}

func (l *link) lost() bool {
	select {
	case <-l.c.Lost():
		return true
	default:
		return false
	}
}

// publish works until the connection is lost.
func (l *link) publish() {
	for {
		select {
		case j := <-l.jobs:
			if !l.run(j) {
				return
			}
		case <-l.c.Lost():
			return
		}
	}
}

func (l *link) run(j job) bool {
	for i := range j.messages {
		m := &j.messages[i]
		token := l.c.Publish(m.topic, j.qos, j.retain, m.payload)
		select {
		case j.tokens <- token:
		case <-l.c.Lost():
			return false
		}
	}
	return true
}
