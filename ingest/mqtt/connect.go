package mqtt

import (
	"context"
	"fmt"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/conn/mqttconn"
)

const (
	subscribeWait  = 20 * time.Second // for a SUBACK
	subscribeAgain = 30 * time.Second // between attempts for refused filters
)

// serve subscribes over a new connection and waits for its end.
func (s *Source) serve(ctx context.Context, c *mqttconn.Client) error {
	s.connections.Add(1)
	defer s.setSubscribed(false)
	s.news = s.news || !c.SessionPresent
	if s.news {
		// Before the subscription, and so before any message of the new session.
		if !s.enqueue(c, arrival{from: c, reset: true}) {
			return nil
		}
		s.news = false
	}
	// Subscribing again makes the broker send retained messages again. Where they
	// are wanted, once is enough; else it does no harm and mends a session that
	// lost a subscription.
	if !s.cfg.Retained || !s.before || !c.SessionPresent {
		if err := s.subscribe(ctx, c, s.cfg.Topics); err != nil {
			return err
		}
		s.before = true
	}
	s.setSubscribed(true)
	again := time.NewTicker(subscribeAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.Lost():
			return nil
		case <-again.C:
			if refused := s.refusedFilters(); refused != nil {
				if err := s.subscribe(ctx, c, refused); err != nil {
					return err
				}
			}
		}
	}
}

func (s *Source) setSubscribed(yes bool) {
	s.subMu.Lock()
	defer s.subMu.Unlock()
	s.subscribed = yes
}

// refusedError lists the filters that the broker does not grant.
type refusedError struct {
	broker  string
	filters []string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("mqtt: the broker %s refuses the subscription to %s: this client has no right to read it",
		e.broker, strings.Join(e.filters, ", "))
}

func (s *Source) subscribe(ctx context.Context, c *mqttconn.Client, filters []string) error {
	ctx, cancel := context.WithTimeout(ctx, subscribeWait)
	defer cancel()
	qos := byte(1)
	if s.cfg.AtMostOnce {
		qos = 0
	}
	refused, weaker, err := c.Subscribe(ctx, filters, qos)
	if err != nil {
		return err
	}
	if len(weaker) > 0 {
		s.log.Warn("mqtt: the broker grants QoS 0 only: it drops messages while quell is away or slow", "topics", weaker)
	}
	var why error
	if len(refused) > 0 {
		why = &refusedError{s.cfg.Conn.Broker(), refused}
	}
	s.subMu.Lock()
	was := s.subRefused
	s.subRefused = why
	s.subMu.Unlock()
	switch {
	case why != nil && (was == nil || was.Error() != why.Error()):
		s.log.Error(why.Error())
	case why == nil && was != nil:
		s.log.Info("mqtt: the broker grants every subscription now")
	}
	return nil
}

func (s *Source) refusedFilters() []string {
	s.subMu.Lock()
	defer s.subMu.Unlock()
	if e, ok := s.subRefused.(*refusedError); ok {
		return e.filters
	}
	return nil
}

// arrive is paho's handler. It decides without touching the payload and leaves
// the rest to the journal.
func (s *Source) arrive(c *mqttconn.Client, m paho.Message) {
	s.received.Add(1)
	a := arrival{from: c, topic: m.Topic(), payload: m.Payload(), at: s.now().UnixNano()}
	if m.Qos() > 0 {
		a.id = m.MessageID()
		a.flags |= flagQoS1
	}
	if m.Duplicate() {
		a.flags |= flagDup
	}
	if m.Retained() {
		a.flags |= flagRetained
	}
	switch {
	case m.Retained() && !s.cfg.Retained:
		s.retained.Add(1)
		a.skip = true
	case !s.wanted(a.topic):
		s.stray.Add(1)
		a.skip = true
	}
	if a.skip {
		if a.id == 0 {
			return
		}
		a.payload = nil
	}
	s.enqueue(c, a)
}

// wanted says whether a topic falls under a configured filter.
func (s *Source) wanted(topic string) bool {
	for _, f := range s.filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}

// enqueue hands a to the journal. With the queue full a QoS 0 message is
// dropped. For a QoS 1 message it waits: then paho reads no further, and the
// broker's own window fills. It returns whether a is queued.
func (s *Source) enqueue(c *mqttconn.Client, a arrival) bool {
	for {
		select {
		case <-s.closing:
			return false // not acknowledged: the broker keeps it
		default:
		}
		if s.in.offer(a) {
			return true
		}
		if a.id == 0 && !a.reset {
			s.dropped.Add(1)
			return false
		}
		select {
		case <-s.in.room:
		case <-c.Lost():
			return false // it comes again
		case <-s.closing:
			return false
		}
	}
}
