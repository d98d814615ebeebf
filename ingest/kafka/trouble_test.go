package kafka

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/ingest"
)

func TestBrokerUnreachable(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	cfg := config(c, "in")
	cfg.Conn.Brokers = []string{"127.0.0.1:1"}
	s := open(t, cfg)
	if up, err := s.Status(); up || err == nil {
		t.Errorf("Status before the first contact: up %v, error %v", up, err)
	}
	until(t, "the status names the reason", func() bool {
		up, err := s.Status()
		return !up && err != nil && strings.Contains(err.Error(), "refused")
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next: %v, want it to wait until its context ends", err)
	}
}

// A broker that accepts and then says nothing must not hold up Close.
func TestBrokerSilent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := cluster(t)
	cfg := config(c, "in")
	cfg.Conn.Brokers = []string{l.Addr().String()}
	s := open(t, cfg)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Next: %v, want it to wait", err)
	}
	// The context of Close has ended already: it must cut, not wait.
	if err := s.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "ann", "pa"), kfake.Superuser("SCRAM-SHA-256", "bob", "pb"), kfake.Superuser("SCRAM-SHA-512", "cid", "pc"))
	for _, sasl := range []kafkaconn.SASL{
		{Mechanism: "plain", Username: "ann", Password: "pa"},
		{Mechanism: "scram-sha-256", Username: "bob", Password: "pb"},
		{Mechanism: "scram-sha-512", Username: "cid", Password: "pc"},
	} {
		t.Run(sasl.Mechanism, func(t *testing.T) {
			cfg := config(c, "in")
			cfg.Group, cfg.Conn.SASL = sasl.Mechanism, sasl
			s := open(t, cfg)
			if a := assigned(t, s); len(a.Parts) != 1 {
				t.Errorf("assigned %v, want one partition", a.Parts)
			}
			shut(t, s)

			cfg.Conn.SASL.Password = "wrong"
			s = open(t, cfg)
			err := waitErr(t, s)
			if !errors.Is(err, ingest.ErrRejected) || strings.Contains(err.Error(), "wrong") {
				t.Errorf("Next with a wrong password: %v, want ErrRejected", err)
			}
			if again := waitErr(t, s); !errors.Is(again, ingest.ErrRejected) {
				t.Errorf("Next again: %v", again)
			}
		})
	}
}

// A group or a topic that we have no right to.
func TestNoRight(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]kfake.Fault{
		"group":       {Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed, Count: -1},
		"topic":       {Keys: []kmsg.Key{kmsg.Metadata}, Topic: "in", Err: kerr.TopicAuthorizationFailed, Count: -1},
		"topic fetch": {Keys: []kmsg.Key{kmsg.Fetch}, Topic: "in", Err: kerr.TopicAuthorizationFailed, Count: -1},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster(t, kfake.SeedTopics(1, "in"))
			c.Fault(f)
			if err := waitErr(t, open(t, config(c, "in"))); !errors.Is(err, ingest.ErrRejected) || !strings.Contains(err.Error(), "no right") {
				t.Errorf("Next: %v, want ErrRejected", err)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(2, "a"), kfake.SeedTopics(3, "b"))
	for _, tc := range []struct {
		topics []string
		want   string
	}{
		{[]string{"a", "gone"}, "topic gone does not exist"},
		{[]string{"a", "b"}, "a has 2, b has 3"},
	} {
		if err := waitErr(t, open(t, config(c, tc.topics...))); !strings.Contains(err.Error(), tc.want) {
			t.Errorf("topics %v: %v, want %q", tc.topics, err, tc.want)
		}
	}
	if c.TopicInfo("gone") != nil {
		t.Error("asking for a topic has created it")
	}
}

// A topic that appears while we wait for it is taken.
func TestTopicAppears(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	cfg := config(c, "late")
	cfg.TopicWait = patience
	s := open(t, cfg)
	until(t, "the status names the topic", func() bool {
		_, err := s.Status()
		return err != nil && strings.Contains(err.Error(), "topic late does not exist")
	})
	if err := c.CreateTopic("late", 1, nil); err != nil {
		t.Fatal(err)
	}
	publish(t, client(t, c), "late", 0, "1")
	if d := message(t, s); d.Topic != "late" {
		t.Errorf("message of %s", d.Topic)
	}
}

// Errors of the coordinator and of a leader pass.
func TestPassingErrors(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, "in"))
	publish(t, client(t, c), "in", 0, numbers(0, 3)...)
	c.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.LeaderNotAvailable, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "in", Err: kerr.NotLeaderForPartition, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "in", Err: kerr.KafkaStorageError, Count: 1},
	)
	s := open(t, config(c, "in"))
	for want := range int64(3) {
		if d := message(t, s); d.Offset != want {
			t.Fatalf("offset %d, want %d", d.Offset, want)
		}
	}
}

// A connection on which an answer got lost is given up, and the reader connects
// anew.
func TestReaderStalls(t *testing.T) {
	t.Parallel()
	var m kafkatest.Mute
	c := cluster(t, kfake.SeedTopics(1, "in"), m.Listen())
	k := client(t, c)
	publish(t, k, "in", 0, "0")
	cfg := config(c, "in")
	cfg.tune.answer = 50 * time.Millisecond
	s := open(t, cfg)
	message(t, s).Ack.Done()
	until(t, "commit of 1", func() bool { return committed(c, "in", 0) == 1 }) // it would come again where the group gives the silent member up
	m.On.Store(true)
	until(t, "the silence shows", func() bool { up, _ := s.Status(); return !up })
	m.On.Store(false)
	publish(t, k, "in", 0, "1")
	if d := message(t, s); d.Offset != 1 {
		t.Errorf("offset %d, want 1", d.Offset)
	}
	until(t, "the source is up again", func() bool { up, _ := s.Status(); return up })
}

func TestConfig(t *testing.T) {
	bad := Config{Conn: kafkaconn.Config{Brokers: []string{"http://x"}}, Topics: []string{"a", "a", ""}, Start: "now", MaxBytes: -1}
	err := bad.Validate()
	for _, want := range []string{"is a URL", "a is named twice", "topics[2] is empty", "consumer group is needed", `"now" is neither`, "not be negative", "a decoder is needed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate does not say %q:\n%v", want, err)
		}
	}
	if _, err := New(bad); err == nil {
		t.Error("New takes a bad configuration")
	}
}
