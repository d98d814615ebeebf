package assemble

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink/dlq"
)

// TestReplayRoundTrip has a message that can't be read go to the dead letter, from
// there back to its partition, and be read once the configuration is mended.
func TestReplayRoundTrip(t *testing.T) {
	c := kafkatest.Cluster(t, kfake.SeedTopics(3, "raw", "dead"))
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	at := time.UnixMilli(1_795_435_200_123)
	sent := &kgo.Record{Topic: "raw", Partition: 2, Key: []byte("pump-1"), Value: []byte(`{"w":1.5}`), Timestamp: at,
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte{0, 255}}}}
	if err := k.ProduceSync(t.Context(), sent).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, dead := range []string{`{type: file}`, `{type: kafka, connection: k, topic: dead}`} {
		dir := t.TempDir()
		cfg := replayConfig(t, dir, "v", dead, c.ListenAddrs())
		stop := runUntil(t, cfg, func() bool { return len(lettersOf(t, cfg)) > 0 })
		letters := lettersOf(t, cfg)
		stop()
		letters = letters[:1] // in the second round what the first one has sent is there too
		l := letters[0]
		want := &dlq.Letter{ID: "s/raw/2/0", Time: at.UnixNano(), Stream: "s", Reason: "field_missing", Detail: l.Detail, Topic: "raw", Partition: "raw/2",
			Key: sent.Key, Payload: sent.Value, Headers: []dlq.Header{{Key: "trace", Value: []byte{0, 255}}}}
		l.Value = 0
		if d := cmp.Diff(want, l); d != "" {
			t.Fatalf("%s: -want +got:\n%s", dead, d)
		}
		r := NewReplayer(cfg, slog.New(slog.DiscardHandler))
		if err := r.Takes(l); err != nil {
			t.Fatal(err)
		}
		if err := r.Send(t.Context(), letters); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := partition(t, c, 2)
	if len(got) != 3 {
		t.Fatalf("%d messages in the partition, want the one and two replays", len(got))
	}
	for _, r := range got[1:] {
		headers := append(sent.Headers, kgo.RecordHeader{Key: ReplayHeader, Value: []byte("s/raw/2/0")})
		if d := cmp.Diff(headers, r.Headers); d != "" || string(r.Key) != "pump-1" || string(r.Value) != string(sent.Value) || !r.Timestamp.Equal(at) {
			t.Errorf("replayed as %s %s at %v, headers:\n%s", r.Key, r.Value, r.Timestamp, d)
		}
	}
}

func TestReplayerRefuses(t *testing.T) {
	cfg := replayConfig(t, t.TempDir(), "v", `{type: file}`, []string{"127.0.0.1:1"})
	r := NewReplayer(cfg, slog.New(slog.DiscardHandler))
	good := dlq.Letter{Stream: "s", Topic: "raw", Partition: "raw/0", Payload: []byte("x")}
	for want, change := range map[string]func(*dlq.Letter){
		"":                       func(*dlq.Letter) {},
		"not configured":         func(l *dlq.Letter) { l.Stream = "t" },
		"read other any more":    func(l *dlq.Letter) { l.Topic, l.Partition = "other", "other/0" },
		"does not read raw":      func(l *dlq.Letter) { l.Partition = "journal" },
		"no message is kept":     func(l *dlq.Letter) { l.Topic = "" },
		"no payload is kept":     func(l *dlq.Letter) { l.Payload = nil },
		"of type sim":            func(l *dlq.Letter) { l.Stream = "sim" },
		"first 1 of 2 bytes are": func(l *dlq.Letter) { l.Size = 2 },
	} {
		l := good
		change(&l)
		if err := r.Takes(&l); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := r.Send(t.Context(), []*dlq.Letter{&good}); err == nil || !strings.Contains(err.Error(), "raw/0") {
		t.Errorf("without a broker: %v", err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func replayConfig(t *testing.T, dir, path, dead string, brokers []string) *config.Config {
	t.Helper()
	text := `
version: 1
state_dir: ` + dir + `
connections: {k: {type: kafka, brokers: ["` + strings.Join(brokers, `","`) + `"]}}
streams:
  s: {source: {connection: k, topics: [raw]}, channels: {v: {path: ` + path + `}}, adapt: {mode: off}, sinks: [o]}
  sim: {source: {type: sim}, adapt: {mode: off}, sinks: [o]}
sinks: {o: {type: file, path: ` + filepath.Join(dir, "out.jsonl") + `}}
dead_letter: ` + dead
	cfg, _, err := config.Parse("test.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// runUntil runs a configuration until the condition holds.
func runUntil(t *testing.T, cfg *config.Config, is func() bool) (stop func()) {
	t.Helper()
	one := *cfg
	one.Streams = cfg.Streams[:1]
	one.Streams[0].Source.Group = "g-" + filepath.Base(cfg.StateDir) + cfg.DeadLetter.Type
	one.Streams[0].Source.StateTopic = one.Streams[0].Source.Group + ".state"
	p, err := Pipeline(&one, Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			stop()
			t.Fatal("no dead letter came")
		}
	}
	return stop
}

func lettersOf(t *testing.T, cfg *config.Config) (out []*dlq.Letter) {
	t.Helper()
	passed, err := Letters(t.Context(), cfg, slog.New(slog.DiscardHandler), func(l *dlq.Letter) error { out = append(out, l); return nil })
	if err != nil || passed != 0 {
		t.Fatalf("%d lines are no letters, %v", passed, err)
	}
	return out
}

// partition reads a partition of the topic raw.
func partition(t *testing.T, c *kfake.Cluster, n int32) (out []*kgo.Record) {
	t.Helper()
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"raw": {n: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	info := c.PartitionInfo("raw", n)
	for int64(len(out)) < info.HighWatermark {
		f := k.PollFetches(t.Context())
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		out = append(out, f.Records()...)
	}
	return out
}
