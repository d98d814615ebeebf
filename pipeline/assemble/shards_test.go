package assemble

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink"
)

// seenBy counts the records of each series by the replica that published them.
type seenBy struct {
	mu   sync.Mutex
	seen map[string]map[string]int // by series and replica
	all  int
}

func (s *seenBy) published(m mqtttest.Message) {
	r, err := sink.ParseRecord(m.Payload)
	if err != nil {
		return // a message to the replicas
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[r.Series] == nil {
		s.seen[r.Series] = map[string]int{}
	}
	s.seen[r.Series][filepath.Dir(m.Topic)]++
	s.all++
}

func (s *seenBy) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

// TestTwoReplicasShareTheSeries: of two replicas that read the same topics each gives out
// its part of the series, and both together give each series once.
func TestTwoReplicasShareTheSeries(t *testing.T) {
	const series, slots = 40, 30
	seen := &seenBy{seen: map[string]map[string]int{}}
	b := mqtttest.Start(t, mqtttest.Rules{Published: seen.published})
	var stops []func()
	var replicas []*pipeline.Pipeline
	for i := range 2 {
		p, stop := startShard(t, b.URL, i)
		replicas, stops = append(replicas, p), append(stops, stop)
	}
	start := time.Now().Add(-slots * time.Second).Truncate(time.Second)
	for k := range slots {
		for n := range series {
			at := start.Add(time.Duration(k) * time.Second).UnixMilli()
			b.Publish(t, fmt.Sprintf("in/s%d", n), fmt.Sprintf(`{"ts":%d,"v":%d.5}`, at, n+k), false)
		}
	}
	const due = series * slots // with a look-ahead of 0
	for until := time.Now().Add(30 * time.Second); seen.count() < due; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d of %d records", seen.count(), due)
		}
	}
	for _, stop := range stops {
		stop()
	}
	parts := map[string]int{}
	for name, by := range seen.seen {
		if len(by) != 1 {
			t.Errorf("series %s came from %v, want one replica", name, by)
		}
		for replica, n := range by {
			parts[replica]++
			if n != slots {
				t.Errorf("%d records of series %s, want %d", n, name, slots)
			}
		}
	}
	if len(seen.seen) != series || len(parts) != 2 || min(parts["out/0"], parts["out/1"]) < series/5 {
		t.Errorf("%d series, %v by replica: want %d, divided about equally", len(seen.seen), parts, series)
	}
	for i, p := range replicas {
		s := p.Summaries()["s"]
		want := int64(slots * (series - parts[fmt.Sprint("out/", i)]))
		if s.In != series*slots || s.Fates["not_mine"] != want {
			t.Errorf("replica %d: %d samples came in, %d of them not_mine, want %d and %d", i, s.In, s.Fates["not_mine"], series*slots, want)
		}
	}
}

func startShard(t *testing.T, url string, i int) (*pipeline.Pipeline, func()) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "quell.yaml")
	text := fmt.Sprintf(`version: 1
state_dir: %q
http: {listen: "off"}
connections: {b: {type: mqtt, url: %q, client_id: replica-%d}}
streams:
  s:
    source: {connection: b, topics: ["in/{series}"], shard: {index: %d, count: 2}, codec: {type: json, time: ts, time_unit: ms}}
    channels: {v: {path: v}}
    window: {rate_hz: 1}
    model: {lookahead: 0}
    adapt: {mode: "off"}
    sinks: [clean]
sinks: {clean: {type: mqtt, connection: b, topic: "out/%d/{series}"}}
`, filepath.Join(dir, "state"), url, i, i, i)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Pipeline(cfg, Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if ok, parts := p.Ready(); ok {
			return p, stop
		} else if time.Now().After(until) {
			t.Fatalf("replica %d is not ready: %+v", i, parts)
		}
	}
}
