package mqtttest

import (
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// patience guards against hanging; no test measures it.
const patience = 20 * time.Second

// Script is a broker that does nothing by itself.
type Script struct {
	URL string
	l   net.Listener
}

// NewScript listens on loopback until the test ends.
func NewScript(t testing.TB) *Script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &Script{URL: "mqtt://" + l.Addr().String(), l: l}
}

// Peer is the broker's end of one connection.
type Peer struct {
	Connect *packets.ConnectPacket // what the client said
	conn    net.Conn
	t       testing.TB
}

// Accept waits for the next connection and its CONNECT, and does not answer.
// Connections that end before their CONNECT are passed over.
func (s *Script) Accept(t testing.TB) *Peer {
	t.Helper()
	for {
		if err := s.l.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		c, err := s.l.Accept()
		if err != nil {
			t.Fatalf("no client connects: %v", err)
		}
		t.Cleanup(func() { c.Close() })
		p := &Peer{conn: c, t: t}
		cp, err := p.Next()
		if err != nil {
			continue
		}
		connect, ok := cp.(*packets.ConnectPacket)
		if !ok {
			t.Fatalf("the client begins with a %T", cp)
		}
		p.Connect = connect
		return p
	}
}

// Subscriber accepts connections until one subscribes, and grants that.
// present says which session the CONNACKs report. Unlike Welcome and Suback it
// passes over clients that are gone again, as after a restart.
func (s *Script) Subscriber(t testing.TB, present bool) *Peer {
	t.Helper()
	for {
		p := s.Accept(t)
		a := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
		a.SessionPresent = present
		if err := a.Write(p.conn); err != nil {
			continue
		}
		cp, err := p.Next()
		if err != nil {
			continue
		}
		sub, ok := cp.(*packets.SubscribePacket)
		if !ok {
			continue // a DISCONNECT
		}
		sa := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		sa.MessageID = sub.MessageID
		sa.ReturnCodes = append(sa.ReturnCodes, sub.Qoss...)
		if err := sa.Write(p.conn); err != nil {
			continue
		}
		return p
	}
}

// Welcome accepts the next connection and answers with a CONNACK.
func (s *Script) Welcome(t testing.TB, sessionPresent bool) *Peer {
	t.Helper()
	p := s.Accept(t)
	p.Connack(packets.Accepted, sessionPresent)
	return p
}

// Connack answers the CONNECT.
func (p *Peer) Connack(code byte, sessionPresent bool) {
	p.t.Helper()
	a := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	a.ReturnCode, a.SessionPresent = code, sessionPresent
	p.Send(a)
}

// Send writes a packet.
func (p *Peer) Send(cp packets.ControlPacket) {
	p.t.Helper()
	if err := cp.Write(p.conn); err != nil {
		p.t.Fatalf("send %T: %v", cp, err)
	}
}

// Publish sends a QoS 1 message, or with id 0 a QoS 0 one.
func (p *Peer) Publish(id uint16, dup bool, topic, payload string) {
	p.t.Helper()
	if err := p.TryPublish(id, dup, topic, payload); err != nil {
		p.t.Fatalf("publish: %v", err)
	}
}

// TryPublish is Publish where the client may be gone.
func (p *Peer) TryPublish(id uint16, dup bool, topic, payload string) error {
	m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	m.TopicName, m.Payload, m.MessageID, m.Dup = topic, []byte(payload), id, dup
	if id != 0 {
		m.Qos = 1
	}
	return m.Write(p.conn)
}

// Suback answers the next SUBSCRIBE with one code for each filter, and returns
// the filters.
func (p *Peer) Suback(code func(filter string) byte) []string {
	p.t.Helper()
	s := Read[*packets.SubscribePacket](p)
	a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	a.MessageID = s.MessageID
	for _, f := range s.Topics {
		a.ReturnCodes = append(a.ReturnCodes, code(f))
	}
	p.Send(a)
	return s.Topics
}

// Granted is a code for Suback: every filter is granted with QoS 1.
func Granted(string) byte { return 1 }

// Puback acknowledges a message of the client.
func (p *Peer) Puback(id uint16) {
	p.t.Helper()
	a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	a.MessageID = id
	p.Send(a)
}

// Hangup closes the connection.
func (p *Peer) Hangup() { p.conn.Close() }

// Next returns the next packet, or the error that ended the connection.
func (p *Peer) Next() (packets.ControlPacket, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return packets.ReadPacket(p.conn)
}

// Silent says that the client sends nothing within d.
func (p *Peer) Silent(d time.Duration) bool {
	if err := p.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return false
	}
	_, err := packets.ReadPacket(p.conn)
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// Read returns the next packet, which must be a T, passing over pings.
func Read[T packets.ControlPacket](p *Peer) T {
	p.t.Helper()
	for {
		cp, err := p.Next()
		if err != nil {
			p.t.Fatalf("the client sends no %T: %v", *new(T), err)
		}
		if _, ok := cp.(*packets.PingreqPacket); ok {
			p.Send(packets.NewControlPacket(packets.Pingresp))
			continue
		}
		want, ok := cp.(T)
		if !ok {
			p.t.Fatalf("the client sends a %T (%s), want a %T", cp, cp, *new(T))
		}
		return want
	}
}
