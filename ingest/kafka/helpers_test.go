package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leaks) }

// patience guards against hanging; nothing is measured by it.
const patience = 20 * time.Second

// numberDecoder takes a decimal number for the only sample of a message.
type numberDecoder struct{}

func (numberDecoder) Decode(dst []ingest.Sample, m *ingest.Message) ([]ingest.Sample, error) {
	v, err := strconv.ParseFloat(string(m.Payload), 64)
	if err != nil {
		return dst, ingest.Malformed("not_a_number", "payload %q", m.Payload)
	}
	return append(dst, ingest.Sample{Series: string(m.Key), Time: m.Stored, Value: v, TimeSource: ingest.TimeBroker}), nil
}

// cluster starts a cluster that lets groups notice a silent member soon.
func cluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	return kafkatest.Cluster(t, append([]kfake.Opt{kfake.GroupMinSessionTimeout(time.Second)}, opts...)...)
}

// config returns a configuration with short waits.
func config(c *kfake.Cluster, topics ...string) Config {
	return Config{
		Conn:           kafkaconn.Config{Brokers: c.ListenAddrs(), LayoutAge: time.Second},
		Topics:         topics,
		Group:          "g",
		SessionTimeout: 2 * time.Second,
		CommitInterval: 10 * time.Millisecond,
		TopicWait:      100 * time.Millisecond,
		Decoder:        numberDecoder{},
		Logger:         slog.New(slog.DiscardHandler),
		tune: tuning{
			joinBackoff: 20 * time.Millisecond, watch: 50 * time.Millisecond,
			retryMin: 5 * time.Millisecond, retryMax: 50 * time.Millisecond,
			refusedFor: 20 * time.Millisecond, fetchWait: 50 * time.Millisecond,
		},
	}
}

// client returns another program's connection to the cluster.
func client(t testing.TB, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	k, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// publish writes values to one partition.
func publish(t testing.TB, k *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	recs := make([]*kgo.Record, len(values))
	for i, v := range values {
		recs[i] = &kgo.Record{Topic: topic, Partition: partition, Key: []byte("s"), Value: []byte(v)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := k.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		t.Fatalf("publish to %s/%d: %v", topic, partition, err)
	}
}

// numbers returns from, from+1, …, to-1 in decimal.
func numbers(from, to int) []string {
	var v []string
	for i := from; i < to; i++ {
		v = append(v, strconv.Itoa(i))
	}
	return v
}

// open opens a source that is closed with the test.
func open(t testing.TB, c Config) *Source {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *Source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// next returns the next delivery.
func next(t testing.TB, s *Source) ingest.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d, err := s.Next(ctx)
	if err != nil {
		up, why := s.Status()
		t.Fatalf("Next: %v (up %v: %v)", err, up, why)
	}
	return d
}

// assigned returns the next assignment, passing messages over, without an answer
// to it.
func assigned(t testing.TB, s *Source) *ingest.Assignment {
	t.Helper()
	for {
		if d := next(t, s); d.Assignment != nil {
			return d.Assignment
		}
	}
}

// resume answers an assignment: every partition from Committed.
func resume(a *ingest.Assignment) {
	first := make([]int64, len(a.Parts))
	for i := range first {
		first[i] = -1
	}
	a.Resume(first)
}

// message returns the next message; assignments are answered on the way.
func message(t testing.TB, s *Source) ingest.Delivery {
	t.Helper()
	for {
		d := next(t, s)
		if d.Assignment == nil {
			return d
		}
		resume(d.Assignment)
	}
}

// until polls until ok.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: waited for %v", what, patience)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// committed returns the group's offset of a partition, -1 for none.
func committed(c *kfake.Cluster, topic string, partition int32) int64 {
	g := c.GroupInfo("g")
	if g == nil {
		return -1
	}
	if o, ok := g.Commits[topic][partition]; ok {
		return o.Offset
	}
	return -1
}

// waitErr returns the error that Next ends in; assignments are answered.
func waitErr(t testing.TB, s *Source) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		d, err := s.Next(ctx)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("Next waits, want an error")
			}
			return err
		}
		if d.Assignment == nil {
			t.Fatalf("Next delivered %s, want an error", fmt.Sprint(d.Position))
		}
		resume(d.Assignment)
	}
}
