package kafka

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
)

func publisher(t *testing.T, c *kfake.Cluster) *Publisher {
	t.Helper()
	p, err := NewPublisher(kafkaconn.Config{Brokers: c.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestPublish sends messages as they are and reads them back.
func TestPublish(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t, kfake.SeedTopics(3, "out", "empty"))
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotLeaderForPartition, Count: 1})
	p := publisher(t, c)
	at := time.UnixMilli(1_795_435_200_123)
	msgs := []Message{
		{Topic: "out", Partition: 2, Key: []byte("k"), Value: []byte("one"), Headers: []Header{{"h", []byte("v")}}, Time: at},
		{Topic: "out", Partition: 2, Value: []byte("two"), Time: at},
		{Topic: "out", Partition: 0, Value: []byte("three"), Time: at},
	}
	if err := p.Publish(t.Context(), msgs); err != nil {
		t.Fatal(err)
	}
	recs, err := records(c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range recs {
		got = append(got, fmt.Sprintf("%d %s %s %v %v", r.Partition, r.Key, r.Value, r.Timestamp.Equal(at), r.Key == nil))
	}
	if want := []string{"0  three true true", "2 k one true false", "2  two true true"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if d := cmp.Diff([]kgo.RecordHeader{{Key: "h", Value: []byte("v")}}, recs[1].Headers); d != "" {
		t.Error(d)
	}
	var values []string
	each := func(v []byte) error { values = append(values, string(v)); return nil }
	for _, topic := range []string{"out", "empty"} {
		if err := p.Read(t.Context(), topic, each); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(values, []string{"three", "one", "two"}) {
		t.Errorf("read back %q", values)
	}
	stop := errors.New("enough")
	if err := p.Read(t.Context(), "out", func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if err := p.Read(t.Context(), "none", each); err == nil {
		t.Error("a topic that is not there was read")
	}
}

// TestReadMuch reads more than one response holds.
func TestReadMuch(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t, kfake.SeedTopics(1, "out"))
	p := publisher(t, c)
	var msgs []Message
	for i := range 60 {
		msgs = append(msgs, Message{Topic: "out", Value: fmt.Appendf(make([]byte, 0, 1<<17), "%0*d", 1<<17, i)})
	}
	for m := range slices.Chunk(msgs, 5) {
		if err := p.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := p.Read(t.Context(), "out", func(v []byte) error {
		if string(v) != string(msgs[n].Value) {
			t.Fatalf("message %d is another one", n)
		}
		n++
		return nil
	}); err != nil || n != len(msgs) {
		t.Errorf("%d of %d messages, %v", n, len(msgs), err)
	}
}

// TestReadTransactions reads a topic in which offsets are taken by what is no message,
// the last ones too.
func TestReadTransactions(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t, kfake.SeedTopics(1, "out"))
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("t"), kgo.DefaultProduceTopic("out"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	want := []string{"one", "two", "three"}
	for _, text := range want {
		if err := k.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := k.ProduceSync(t.Context(), kgo.StringRecord(text)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := k.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.PartitionInfo("out", 0).HighWatermark; n != int64(2*len(want)) {
		t.Fatalf("it ends at offset %d, want one of each message and one of each transaction", n)
	}
	var got []string
	if err := publisher(t, c).Read(t.Context(), "out", func(v []byte) error { got = append(got, string(v)); return nil }); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}
