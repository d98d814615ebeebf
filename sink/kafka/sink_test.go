package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leaks) }

const patience = 20 * time.Second

func config(c *kfake.Cluster) Config {
	return Config{Conn: kafkaconn.Config{Brokers: c.ListenAddrs()}, Topic: "out", retryWait: time.Millisecond, lasting: time.Millisecond}
}

func open(t testing.TB, c Config) *Sink {
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

func shut(t testing.TB, s *Sink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// records reads everything that the topic holds, partition by partition.
func records(c *kfake.Cluster) ([]*kgo.Record, error) {
	left := int64(0)
	start := make(map[int32]kgo.Offset)
	for _, p := range c.PartitionInfos("out") {
		left += p.HighWatermark - p.LogStartOffset
		start[p.Partition] = kgo.NewOffset().AtStart()
	}
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"out": start}))
	if err != nil {
		return nil, err
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var recs []*kgo.Record
	for int64(len(recs)) < left {
		f := k.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return nil, err
		}
		recs = append(recs, f.Records()...)
	}
	slices.SortStableFunc(recs, func(a, b *kgo.Record) int { return int(a.Partition - b.Partition) })
	return recs, nil
}

func TestContract(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		c := kafkatest.Cluster(t, kfake.SeedTopics(3, "out"))
		var fault *kfake.FaultHandle
		return sinktest.Harness{
			New: func() sink.Sink {
				s, err := New(config(c))
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Read: func() ([]json.RawMessage, error) {
				recs, err := records(c)
				var out []json.RawMessage
				for _, r := range recs {
					out = append(out, r.Value)
				}
				return out, err
			},
			Down: func(down bool) {
				if down {
					fault = c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
				} else {
					fault.Remove()
				}
			},
		}
	})
}

// Keys, headers and partitions are what other clients expect: franz-go's default
// partitioner hashes as Java's does.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, codec := range codecs {
		t.Run(codec, func(t *testing.T) {
			c := kafkatest.Cluster(t, kfake.SeedTopics(7, "out"))
			cfg := config(c)
			cfg.Compression = codec
			s := open(t, cfg)
			items := make([]sink.Item, 50)
			for i := range items {
				e := &sink.Event{ID: fmt.Sprint(i), Stream: "st", Series: fmt.Sprintf("pump-%d", i), Kind: "source.up"}
				items[i] = sink.Item{Event: e, JSON: sink.AppendEvent(nil, e)}
			}
			if err := s.Write(t.Context(), items); err != nil {
				t.Fatal(err)
			}
			recs, err := records(c)
			if err != nil {
				t.Fatal(err)
			}
			if len(recs) != len(items) {
				t.Fatalf("%d messages, want %d", len(recs), len(items))
			}
			hash := kgo.StickyKeyPartitioner(nil).ForTopic("out")
			for _, r := range recs {
				if want := hash.Partition(r, 7); int(r.Partition) != want {
					t.Errorf("key %s is in partition %d, want %d", r.Key, r.Partition, want)
				}
				e, err := sink.ParseEvent(r.Value)
				if err != nil || string(r.Key) != "st/"+e.Series {
					t.Errorf("message of key %s: %v, %+v", r.Key, err, e)
				}
				if d := cmp.Diff([]kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}, r.Headers); d != "" {
					t.Fatalf("headers (-want +got):\n%s", d)
				}
			}
		})
	}
}

// Batches of one partition that fail now and then: the first arrivals of each
// series keep their order, and nothing is missing.
func TestOrderThroughFailures(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "out"))
	rng := rand.New(rand.NewPCG(1, 2)) // used on the cluster's goroutine only
	c.Fault(
		// Some produce requests fail before, some after the batch was stored.
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotLeaderForPartition, Count: -1, When: func(kmsg.Request) bool { return rng.IntN(4) == 0 }},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicasAfterAppend, Count: -1, When: func(kmsg.Request) bool { return rng.IntN(6) == 0 }},
	)
	cfg := config(c)
	cfg.MaxMessageBytes = 2048 // several batches per Write
	s := open(t, cfg)
	items := sinktest.Items(0, 200)
	for chunk := range slices.Chunk(items, 50) {
		for tries := 0; ; tries++ {
			err := s.Write(t.Context(), chunk)
			if err == nil {
				break
			}
			if tries == 500 {
				t.Fatal(err)
			}
		}
	}
	recs, err := records(c)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	seen := make(map[string]bool)
	for _, key := range []string{"pumps/pump-1", "pumps/pump-2", `pumps/odd "name" °`} {
		for i := range items {
			if stream, series := items[i].Series(); stream+"/"+series == key {
				want = append(want, string(items[i].JSON))
			}
		}
		for _, r := range recs {
			if v := string(r.Value); string(r.Key) == key && !seen[v] {
				seen[v] = true
				got = append(got, v)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("first arrivals by series (-want +got):\n%s", d)
	}
	if len(recs) == len(items) {
		t.Error("no message came twice: the test does not test")
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t, kfake.SeedTopics(1, "out"))
	cfg := config(c)
	cfg.MaxMessageBytes = 3000
	s := open(t, cfg)
	items := sinktest.Items(0, 3)
	items[1].JSON = []byte(`"` + strings.Repeat("x", 3000) + `"`)
	var large *TooLargeError
	err := s.Write(t.Context(), items)
	if !errors.As(err, &large) || !errors.Is(err, sink.ErrPermanent) || large.Index != 1 || large.Limit != 3000 || !strings.Contains(err.Error(), items[1].Key()) {
		t.Errorf("Write: %v, want a TooLargeError of item 1", err)
	}
	if p := c.PartitionInfo("out", 0); p.HighWatermark != 0 {
		t.Errorf("%d messages were written all the same", p.HighWatermark)
	}
}

// The topic takes less than configured here: batches are halved until they fit,
// and a single message that does not is permanent.
func TestTopicTakesLess(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t)
	limit := "2000"
	if err := c.CreateTopic("out", 1, map[string]string{"max.message.bytes": limit}); err != nil {
		t.Fatal(err)
	}
	s := open(t, config(c))
	items := sinktest.Items(0, 40)
	if err := s.Write(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	recs, err := records(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range recs {
		if string(r.Value) != string(items[i].JSON) {
			t.Fatalf("message %d: %s, want %s", i, r.Value, items[i].JSON)
		}
	}
	items[7].JSON = []byte(`"` + strings.Repeat("x", 3000) + `"`)
	var large *TooLargeError
	err = s.Write(t.Context(), items)
	if !errors.As(err, &large) || !errors.Is(err, sink.ErrPermanent) || large.Index != 7 || large.Key != items[7].Key() || !strings.Contains(err.Error(), "max.message.bytes") {
		t.Errorf("Write: %v, want a TooLargeError of item 7", err)
	}
}

func TestTopicMissing(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t)
	s := open(t, config(c))
	err := s.Write(t.Context(), sinktest.Items(0, 1))
	if err == nil || errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), "topic out does not exist") {
		t.Errorf("Write: %v, want a missing topic, not permanent", err)
	}
	if up, why := s.Status(); up || why == nil {
		t.Errorf("Status: up %v, %v", up, why)
	}
	if c.TopicInfo("out") != nil {
		t.Error("the topic was created")
	}
	if err := c.CreateTopic("out", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), sinktest.Items(0, 1)); err != nil {
		t.Errorf("Write after the topic was created: %v", err)
	}
	if up, why := s.Status(); !up || why != nil {
		t.Errorf("Status: up %v, %v", up, why)
	}
}

// Wrong credentials, and a topic that we have no right to, are permanent, but
// only once they have repeated.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := kafkatest.Cluster(t, kfake.SeedTopics(1, "out"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "bob", "pb"))
	for name, try := range map[string]func(*Config){
		"password": func(c *Config) { c.Conn.SASL.Password = "wrong" },
		"topic": func(*Config) {
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.TopicAuthorizationFailed, Count: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(c)
			cfg.Conn.SASL = kafkaconn.SASL{Mechanism: "scram-sha-256", Username: "bob", Password: "pb"}
			try(&cfg)
			s := open(t, cfg)
			for n := 1; ; n++ {
				err := s.Write(t.Context(), sinktest.Items(0, 1))
				if errors.Is(err, sink.ErrPermanent) {
					if n < 3 {
						t.Errorf("permanent at attempt %d: %v", n, err)
					}
					break
				}
				if err == nil || n == 200 {
					t.Fatalf("attempt %d: %v", n, err)
				}
			}
		})
	}
}

// A broker that takes requests and never answers: Write ends with its context,
// requests under way stay within the bound, and Close does not hang.
func TestSilentBroker(t *testing.T) {
	t.Parallel()
	var m kafkatest.Mute
	c := kafkatest.Cluster(t, kfake.SeedTopics(4, "out"), m.Listen())
	cfg := config(c)
	cfg.InFlight = 2
	s := open(t, cfg)
	if err := s.Write(t.Context(), sinktest.Items(0, 3)); err != nil {
		t.Fatal(err)
	}
	m.On.Store(true)
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := s.Write(ctx, sinktest.Items(3, 9)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Write: %v, want its context's error", err)
		}
		cancel()
	}
	if n := len(s.slots); n == 0 {
		t.Error("no request is under way: the test does not test")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v, want its context's error", err)
	}
	if err := s.Write(t.Context(), sinktest.Items(0, 1)); !errors.Is(err, errClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := open(t, Config{Conn: kafkaconn.Config{Brokers: []string{"127.0.0.1:1"}}, Topic: "out", retryWait: time.Millisecond})
	if err := s.Write(t.Context(), sinktest.Items(0, 1)); err == nil || errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Write: %v, want a refused connection, not permanent", err)
	}
}

func TestConfig(t *testing.T) {
	bad := Config{Compression: "rar", MaxMessageBytes: 5, Timeout: -1}
	err := bad.Validate()
	for _, want := range []string{"at least one host:port", "a topic is needed", `"rar" is none of`, "less than 1024", "must not be negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate does not say %q:\n%v", want, err)
		}
	}
}
