package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// ErrUntold says that the cluster does not tell what a user may do.
var ErrUntold = errors.New("kafka: the cluster does not tell what we may do")

// What a user may do to a topic, as bits of TopicAuthorizedOperations (KIP-430).
const (
	opWrite = 1 << 4
	// untoldOps stands for an answer to nobody's question.
	untoldOps = math.MinInt32
	// opsFrom is the version of metadata that tells.
	opsFrom = 8
)

// CanWrite asks whether this user may write a topic that is there, and says why not,
// nil where it may. Nothing is written. The error wraps ErrUntold where a cluster is too
// old to tell (before Kafka 2.3).
func (k *Client) CanWrite(ctx context.Context, topic string) error {
	ops, err := k.operations(ctx, topic)
	switch {
	case errors.Is(err, ErrUntold):
		return err
	case err != nil:
		return fmt.Errorf("kafka: rights of topic %s: %w", topic, k.Explain(ctx, err))
	case ops&opWrite == 0:
		return fmt.Errorf("kafka: write topic %s: %w", topic, kafka.TopicAuthorizationFailed)
	}
	return nil
}

// operations asks a broker, on a connection of its own: the transport answers questions
// about metadata from its own memory, which knows no rights.
func (k *Client) operations(ctx context.Context, topic string) (ops int32, err error) {
	raw, addr, err := k.dialAny(ctx)
	if err != nil {
		return 0, err
	}
	c := protocol.NewConn(raw, k.cfg.ClientID)
	defer func() { err = errors.Join(err, c.Close()) }()
	end := time.Now().Add(k.cfg.DialTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	if err := c.SetDeadline(end); err != nil {
		return 0, err
	}
	if err := negotiate(c); err != nil {
		return 0, err
	}
	if err := k.authenticate(ctx, c, addr); err != nil {
		return 0, err
	}
	got, err := c.RoundTrip(&metadata.Request{TopicNames: []string{topic}, IncludeTopicAuthorizedOperations: true})
	if err != nil {
		return 0, err
	}
	for _, t := range got.(*metadata.Response).Topics {
		if t.Name == topic && t.ErrorCode != 0 {
			return 0, kafka.Error(t.ErrorCode)
		}
		if t.Name == topic && t.TopicAuthorizedOperations != untoldOps {
			return t.TopicAuthorizedOperations, nil
		}
	}
	return 0, ErrUntold
}

// dialAny connects to the first broker that answers.
func (k *Client) dialAny(ctx context.Context) (c net.Conn, addr string, err error) {
	var errs []error
	for _, addr := range k.brokers {
		c, err := k.Dial(ctx, "tcp", addr)
		if err == nil {
			return c, addr, nil
		}
		errs = append(errs, err)
	}
	return nil, "", errors.Join(errs...)
}

// negotiate agrees on the versions of what is asked.
func negotiate(c *protocol.Conn) error {
	got, err := c.RoundTrip(new(apiversions.Request))
	if err != nil {
		return err
	}
	r := got.(*apiversions.Response)
	if r.ErrorCode != 0 {
		return kafka.Error(r.ErrorCode)
	}
	versions := map[protocol.ApiKey]int16{}
	for _, v := range r.ApiKeys {
		versions[protocol.ApiKey(v.ApiKey)] = protocol.ApiKey(v.ApiKey).SelectVersion(v.MinVersion, v.MaxVersion)
	}
	if versions[protocol.Metadata] < opsFrom {
		return ErrUntold
	}
	c.SetVersions(versions)
	return nil
}

// authenticate shows the broker at an address who we are, where SASL is configured.
func (k *Client) authenticate(ctx context.Context, c *protocol.Conn, addr string) error {
	if k.mechanism == nil {
		return nil
	}
	got, err := c.RoundTrip(&saslhandshake.Request{Mechanism: k.mechanism.Name()})
	if err != nil {
		return err
	}
	if r := got.(*saslhandshake.Response); r.ErrorCode != 0 {
		return kafka.Error(r.ErrorCode)
	}
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	session, say, err := k.mechanism.Start(sasl.WithMetadata(ctx, &sasl.Metadata{Host: host, Port: port}))
	for done := false; err == nil && !done; {
		if got, err = c.RoundTrip(&saslauthenticate.Request{AuthBytes: say}); err != nil {
			return err
		}
		r := got.(*saslauthenticate.Response)
		if r.ErrorCode != 0 {
			return kafka.Error(r.ErrorCode)
		}
		done, say, err = session.Next(ctx, r.AuthBytes)
	}
	return err
}
