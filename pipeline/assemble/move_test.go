package assemble_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink"
)

const moving = `
version: 1
state_dir: DIR
http: {listen: "off"}
connections: {k: {type: kafka, brokers: ["BROKER"]}}
streams:
  s:
    source: {connection: k, topics: [raw], group: GROUP, state_topic: GROUP.state, codec: {type: json, series: d, time: t, time_unit: ms}}
    channels: {v: {path: v}}
    window: {rate_hz: 10}
    model: {lookahead: 8}
    adapt: {mode: off}
    sinks: [out]
sinks: {out: {type: stdout}}
`

// records keeps the lines that were written, and tells how many there are.
type records struct {
	mu   sync.Mutex
	text bytes.Buffer
	n    int
	full func() // called when so many are there
	want int
}

func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n += bytes.Count(b, []byte("\n")); r.n >= r.want {
		r.full()
	}
	return r.text.Write(b)
}

// replica runs a member of a group, with a state directory of its own, until so many
// records have come out, and adds them to got, by key.
func replica(t *testing.T, c *kfake.Cluster, group string, want int, got map[string]string) (log string) {
	t.Helper()
	text := strings.NewReplacer("DIR", t.TempDir(), "BROKER", c.ListenAddrs()[0], "GROUP", group).Replace(moving)
	cfg, _, err := config.Parse("moving", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out := &records{full: stop, want: want}
	var said bytes.Buffer
	p, err := assemble.Pipeline(cfg, assemble.Options{Log: slog.New(slog.NewTextHandler(&said, nil)), Registerer: prometheus.NewRegistry(), Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if out.n < want {
		t.Fatalf("%d records, want %d:\n%s", out.n, want, &said)
	}
	for line := range strings.Lines(out.text.String()) {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			continue // an event
		}
		key := fmt.Sprint(r.Series, " ", r.Time)
		if had, ok := got[key]; ok && had != line {
			t.Errorf("two records of %s differ:\n%s%s", key, had, line)
		}
		got[key] = line
	}
	return said.String()
}

// TestReplicasShareState has four replicas, one after the other and each with an empty
// disk, read what one reads that nobody disturbs: the same comes out.
func TestReplicasShareState(t *testing.T) {
	const devices, readings = 6, 200
	c := kafkatest.Cluster(t, kfake.SeedTopics(2, "raw"))
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	got := map[string]string{}
	var log string
	const step = readings / 4
	for from := 0; from < readings; from += step {
		for i := from; i < from+step; i++ {
			for d := range devices {
				v := math.Sin(float64(i)/float64(5+d)) + math.Sin(float64(i*i))/5
				rec := &kgo.Record{Topic: "raw", Key: fmt.Append(nil, d), Value: fmt.Appendf(nil, `{"d":"d%d","t":%d,"v":%g}`, d, 1767225600000+100*int64(i), v)}
				k.Produce(t.Context(), rec, nil)
			}
		}
		if err := k.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		log = replica(t, c, "moved", devices*(from+step-8)-len(got), got)
	}
	if !strings.Contains(log, "state restored") {
		t.Errorf("the last replica did not go on from the state topic:\n%s", log)
	}
	const all = devices * (readings - 8)
	want := map[string]string{}
	if replica(t, c, "whole", all, want); len(want) != all {
		t.Fatalf("%d records, want %d", len(want), all)
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
		t.Errorf("%.2000s", d)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%.2000s", d)
	}
}
