package assemble_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/ingest/kafka"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic"
	"github.com/quell-stream/quell/sink"
)

// modelLog is the model topic as another replica has it.
type modelLog struct{ *kafka.Compacted }

func (l modelLog) Append(ctx context.Context, n int32, recs []topic.Record) (int64, error) {
	var entries []kafka.Entry
	for _, r := range recs {
		entries = append(entries, kafka.Entry{Key: r.Key, Value: r.Value})
	}
	return l.Compacted.Append(ctx, n, entries)
}

func (l modelLog) Read(ctx context.Context, n int32, from, to int64, each func(topic.Record) error) (int64, error) {
	return l.Compacted.Read(ctx, n, from, to, func(e kafka.Entry) error {
		return each(topic.Record{Offset: e.Offset, Key: e.Key, Value: e.Value})
	})
}

// served tells by which model each series was served last.
type served struct {
	mu sync.Mutex
	by map[string]string
}

func (s *served) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		if r, err := sink.ParseRecord([]byte(line)); err == nil {
			s.by[r.Series] = r.Model
		}
	}
	return len(b), nil
}

// all says whether all of n series are served by a model.
func (s *served) all(n int, by string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.by {
		if m != by {
			return false
		}
	}
	return len(s.by) == n
}

// TestReplicasShareTheModel: what a replica that led before has promoted, on the topic,
// serves the series of the next, which says it again under its own term.
func TestReplicasShareTheModel(t *testing.T) {
	const devices = 4
	c := kafkatest.Cluster(t, kfake.SeedTopics(2, "raw"))
	base, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	h := base.Header()
	h.Name = "promoted"
	other, err := model.New(h, base.Net())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := other.Encode()
	if err != nil {
		t.Fatal(err)
	}
	log, err := kafka.NewCompacted(kafka.CompactedConfig{Conn: kafkaconn.Config{Brokers: c.ListenAddrs()}, Topic: "g.state.models"})
	if err != nil {
		t.Fatal(err)
	}
	earlier := topic.NewModels(modelLog{log}, "g")
	defer earlier.Close()
	const term = 0
	if err := earlier.Announce(t.Context(), state.Promotion{Term: term, Lookahead: 8, Name: other.Name(), Model: raw, Kind: "model.promoted", Why: "it was better"}); err != nil {
		t.Fatal(err)
	}

	text := strings.NewReplacer("DIR", t.TempDir(), "BROKER", c.ListenAddrs()[0], "GROUP", "g", "{lookahead: 8}", "{lookahead: 8, scope: shared}", "mode: off", "mode: auto").Replace(moving)
	cfg, _, err := config.Parse("shared", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := &served{by: map[string]string{}}
	p, err := assemble.Pipeline(cfg, assemble.Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for i := 0; ctx.Err() == nil && !out.all(devices, other.Name()); i++ {
		for d := range devices {
			v := math.Sin(float64(i)/float64(5+d)) + math.Sin(float64(i*i))/5
			rec := &kgo.Record{Topic: "raw", Key: fmt.Append(nil, d), Value: fmt.Appendf(nil, `{"d":"d%d","t":%d,"v":%g}`, d, 1767225600000+100*int64(i), v)}
			k.Produce(ctx, rec, nil)
		}
		if err := k.Flush(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !out.all(devices, other.Name()) {
		t.Errorf("the series are served by %v, want %s", out.by, other.Name())
	}
	// It may serve before it is said again.
	last := state.Promotion{Term: term}
	for err == nil && last.Term == term {
		var news []state.Promotion
		if news, err = earlier.News(ctx); len(news) > 0 {
			last = news[len(news)-1]
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if news, nerr := earlier.News(t.Context()); err != nil || nerr != nil || len(news) > 0 || last.Name != other.Name() {
		t.Errorf("the model topic has %s of term %d, and %d promotions more: %v, %v", last.Name, last.Term, len(news), err, nerr)
	}
}
