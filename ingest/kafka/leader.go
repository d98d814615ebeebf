package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/ingest/kafka/wire"
)

// maxFrame bounds a response: larger ones are no Kafka responses.
const maxFrame = 256 << 20

// leaderConn is a connection to the leader of one partition. The library makes
// it; fetches go over the same connection, between the library's own requests.
type leaderConn struct {
	lib     *kafka.Conn
	net     net.Conn
	version int16
	client  string
	wait    time.Duration // that a fetch grants the broker
	answer  time.Duration // a connection silent for longer is given up, whatever TCP believes
	serial  int32
	request []byte
	once    sync.Once
}

// dialLeader connects to the leader of a partition, as known after since.
func (l *layout) dialLeader(ctx context.Context, p *part, since time.Time, t *tuning) (*leaderConn, error) {
	led, err := l.leader(ctx, p.topic, p.number, since)
	if err != nil {
		return nil, err
	}
	c := &leaderConn{wait: t.fetchWait, answer: t.answer}
	d := l.client.Dialer()
	c.client = d.ClientID
	d.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		n, err := l.client.Dial(ctx, network, addr)
		c.net = n
		return n, err
	}
	if c.lib, err = d.DialPartition(ctx, "tcp", "", led); err != nil {
		return nil, err
	}
	if c.version, err = c.fetchVersion(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// fetchVersion asks the broker which Fetch requests it takes.
func (c *leaderConn) fetchVersion() (int16, error) {
	if err := c.lib.SetDeadline(time.Now().Add(c.answer)); err != nil {
		return 0, err
	}
	versions, err := c.lib.ApiVersions()
	if err != nil {
		return 0, err
	}
	for _, v := range versions {
		if v.ApiKey == wire.Key && v.MinVersion <= wire.MaxVersion && v.MaxVersion >= wire.MinVersion {
			return min(v.MaxVersion, wire.MaxVersion), nil
		}
	}
	return 0, fmt.Errorf("the broker takes no fetch request of versions %d to %d: Kafka 0.11 or later is needed", wire.MinVersion, wire.MaxVersion)
}

// close may be called more than once, also while a fetch waits.
func (c *leaderConn) close() {
	c.once.Do(func() {
		// The connection is given up: what it thinks of that changes nothing.
		_ = c.lib.Close()
	})
}

// fetch asks for records from offset on.
func (c *leaderConn) fetch(p *part, offset int64, size int32) (wire.Response, error) {
	c.serial++
	r := wire.Request{
		Version: c.version, CorrelationID: c.serial, ClientID: c.client,
		Topic: p.topic, Partition: int32(p.number), Offset: offset, MaxBytes: size, MaxWait: c.wait,
	}
	c.request = r.Append(c.request[:0])
	if err := c.net.SetDeadline(time.Now().Add(c.wait + c.answer)); err != nil {
		return wire.Response{}, err
	}
	if _, err := c.net.Write(c.request); err != nil {
		return wire.Response{}, err
	}
	var head [4]byte
	if _, err := io.ReadFull(c.net, head[:]); err != nil {
		return wire.Response{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return wire.Response{}, fmt.Errorf("a response of %d bytes: not a Kafka broker", n)
	}
	// Memory of its own: the messages in it live until they are finished.
	body := make([]byte, n)
	if _, err := io.ReadFull(c.net, body); err != nil {
		return wire.Response{}, err
	}
	res, err := wire.Parse(body, c.version)
	if err == nil && res.CorrelationID != c.serial {
		err = fmt.Errorf("answer to request %d, asked %d", res.CorrelationID, c.serial)
	}
	return res, err
}

// bounds returns the first offset of the log and the one behind its last.
func (c *leaderConn) bounds() (first, last int64, err error) {
	if err := c.lib.SetDeadline(time.Now().Add(c.answer)); err != nil {
		return 0, 0, err
	}
	return c.lib.ReadOffsets()
}
