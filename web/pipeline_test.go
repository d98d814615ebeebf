package web

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/sink"
)

// feeder is a source of two series: a noisy sine whose level jumps, and the same
// without the jump. One message can't be read. At the end of what it holds it waits.
type feeder struct {
	messages int
	next     int
	more     chan int // messages to come
	rng      *rand.Rand
	start    int64
}

func newFeeder(messages int) *feeder {
	return &feeder{messages: messages, next: -1, more: make(chan int, 16), rng: rand.New(rand.NewPCG(1, 2)), start: time.Now().Add(-time.Hour).UnixNano()}
}

func (f *feeder) Open(context.Context) error { return nil }

func (f *feeder) Next(ctx context.Context) (ingest.Delivery, error) {
	if f.next < 0 {
		f.next = 0
		return ingest.Delivery{Assignment: &ingest.Assignment{Parts: []ingest.Partition{{Name: "test"}}, Resume: func([]int64) {}}}, nil
	}
	for f.next >= f.messages {
		select {
		case n := <-f.more:
			f.messages += n
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	i := f.next
	f.next++
	d := ingest.Delivery{Message: ingest.Message{Topic: "plant/hall", Stored: f.start + int64(i)*1e7}, Position: ingest.Position{Offset: int64(i)}}
	if i == 5 {
		d.Err, d.Key, d.Payload = ingest.Malformed("json", "not an object"), []byte("k"), []byte("{")
		return d, nil
	}
	for k, series := range []string{"jumps/1", "steady"} {
		x := math.Sin(float64(i)/20) + .2*f.rng.NormFloat64()
		if k == 0 && i > 1200 {
			x += 30
		}
		d.Samples = append(d.Samples, ingest.Sample{Series: series, Time: f.start + int64(i)*1e7, Value: x})
	}
	return d, nil
}

func (f *feeder) Close(context.Context) error { return nil }

// nowhere is a sink.
type nowhere struct{}

func (nowhere) Open(context.Context) error               { return nil }
func (nowhere) Write(context.Context, []sink.Item) error { return nil }
func (nowhere) Close(context.Context) error              { return nil }

// running is a pipeline that runs, and what asks it.
type running struct {
	*pipeline.Pipeline
	feed   *feeder
	server *httptest.Server
	t      *testing.T
}

const testToken = "s3cret"

// runPipeline runs a pipeline of a stream until the test ends.
func runPipeline(t *testing.T, messages int, c Config) *running {
	t.Helper()
	base, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	a, err := adapt.New(adapt.Config{Mode: adapt.Auto, Channels: 1, Model: base, Window: 64})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	r := &running{feed: newFeeder(messages), t: t}
	r.Pipeline, err = pipeline.New(pipeline.Config{
		StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Metrics: pipeline.NewMetrics(reg),
		Sinks: []pipeline.OutletConfig{{Name: "clean", Sink: nowhere{}, Type: "none", Emit: "all", Required: true}}, DeadLetter: pipeline.OutletConfig{Sink: nowhere{}, Type: "none"},
		Streams: []pipeline.StreamConfig{{
			Engine: pipeline.EngineConfig{Stream: "pumps", Channels: []string{"temp"}, Model: base, Guard: true, Watch: true, FitSentinel: train.Sentinel, FalseAlarms: 1e-6, SentinelSlots: 256},
			Source: r.feed, Sinks: []string{"clean"}, Adapter: a, Checkpoint: 20 * time.Millisecond, About: pipeline.About{Units: []string{"°C"}, Scope: "per-series", FalseAlarms: "1/month", Adapt: "auto"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	c.View, c.Models, c.Gatherer, c.Token, c.Loopback = r, r, reg, testToken, true
	c.quit = make(chan struct{})
	r.server = httptest.NewServer(Handler(c))
	t.Cleanup(func() {
		close(c.quit)
		r.server.CloseClientConnections()
		r.server.Close()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return r
}

// request returns the answer to a request with the token.
func (r *running) request(ctx context.Context, method, path, body string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { res.Body.Close() })
	return res
}

// wait waits until something is so.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
