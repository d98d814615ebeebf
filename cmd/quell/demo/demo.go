// Package demo shows Quell at work with nothing but itself: an MQTT broker in
// the process, simulated sensors and this machine's own, the pipeline with the
// base model, changes injected at times and on sensors that the seed draws, and
// a subscriber that counts from outside.
//
// Truth and injections are known to the counter only; they never enter the
// pipeline, which sees the messages on the broker and is set up from a
// configuration as any other.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/cmd/quell/embedded"
	"github.com/quell-stream/quell/ingest/sim"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
)

// Options say how to run the demo.
type Options struct {
	For      time.Duration // of live readings, the history not counted; 0: until ctx ends
	Seed     uint64
	Inject   bool
	RealOnly bool   // only this machine's own sensors
	Listen   string // of the HTTP server; "off": none
	Log      *slog.Logger
	// Serve, when not nil, is called with what is about to run, and what it
	// returns when the demo ends.
	Serve func(Running) (stop func(), err error)
	// Tell, when not nil, hears what happens, a sentence each, from one goroutine
	// at a time.
	Tell func(string)
}

// Running is a demo that is about to run.
type Running struct {
	Pipeline *pipeline.Pipeline
	Gatherer prometheus.Gatherer
	Broker   string // URL of the embedded MQTT broker
}

const (
	fleetStream   = "sensors"
	machineStream = "machine"
	// historySeconds is how much of the past the pipeline is given first, so that
	// its monitors have learnt what is usual before anything happens.
	historySeconds = 100
	// calibration is the number of scores the monitors learn from: one every 8
	// samples, most of the history.
	calibration = 1000
)

// Run runs the demo until its time is over.
func Run(ctx context.Context, opt Options) (rep *Report, err error) {
	dir, err := os.MkdirTemp("", "quell-demo-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := embedded.StartMQTT()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	d := &demo{opt: opt, broker: b, dir: dir, tell: func(string) {}}
	if opt.Tell != nil {
		var mu sync.Mutex
		d.tell = func(s string) {
			mu.Lock()
			defer mu.Unlock()
			opt.Tell(s)
		}
	}
	return d.run(ctx)
}

type demo struct {
	opt    Options
	broker *embedded.MQTT
	dir    string
	tell   func(string)

	injected []injection
	count    *counter
	feed     *feed
}

func (d *demo) run(ctx context.Context) (*Report, error) {
	d.prepare()
	watching, err := dial(d.broker.URL, "demo-counter")
	if err != nil {
		return nil, err
	}
	defer watching.Disconnect(100)
	if err := d.count.subscribe(watching); err != nil {
		return nil, err
	}
	publishing, err := dial(d.broker.URL, "demo-sensors")
	if err != nil {
		return nil, err
	}
	defer publishing.Disconnect(100)
	d.feed.client = publishing

	reg := prometheus.NewRegistry()
	p, err := d.pipeline(reg)
	if err != nil {
		return nil, err
	}
	if d.opt.Serve != nil {
		stop, err := d.opt.Serve(Running{p, reg, d.broker.URL})
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		defer stop()
	}
	began := time.Now()
	// The pipeline goes on when the sensors have ended, until it is done.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(running) }()
	sensors, cancel := context.WithCancel(ctx)
	defer cancel()
	fed := make(chan error, 1)
	go func() { fed <- d.sense(sensors, p, began) }()
	var pipeErr error
	select {
	case pipeErr = <-done: // it ended by itself, which it has no reason to
		cancel()
		if pipeErr == nil {
			pipeErr = errors.New("the pipeline ended before the demo")
		}
		return nil, errors.Join(pipeErr, <-fed)
	case err := <-fed:
		d.settle()
		stop()
		if err = errors.Join(err, <-done); err != nil {
			return nil, err
		}
	}
	d.settle()
	return d.report(p.Summaries(), time.Since(began)), nil
}

// prepare draws the fleet and what happens to it, twice: once for those who
// publish and once for the counter, since a sensor is not safe for concurrent
// use.
func (d *demo) prepare() {
	feeding, counting := sim.Fleet(d.opt.Seed), sim.Fleet(d.opt.Seed)
	if d.opt.RealOnly {
		feeding, counting = nil, nil
	} else if d.opt.Inject {
		d.injected = script(feeding, d.opt.Seed)
	}
	for _, j := range d.injected {
		change := sim.Injection{Kind: j.kind, At: j.at, Factor: factor[j.kind]}
		feeding[j.sensor].Inject(change)
		counting[j.sensor].Inject(change)
	}
	start := time.Now().Truncate(time.Second).Add(-historySeconds * time.Second).UnixNano()
	d.count = newCounter(counting, start, d.injected)
	d.feed = &feed{fleet: feeding, start: start, count: d.count, sent: make([]int64, len(feeding)), tell: d.tell, live: make(chan struct{})}
	d.count.told = func(e event) { d.tell(sentence(&e)) }
}

// pipeline sets the pipeline up, from text, as a user would.
func (d *demo) pipeline(reg prometheus.Registerer) (*pipeline.Pipeline, error) {
	text := d.config()
	cfg, _, err := config.Parse("demo", []byte(text), nil)
	if err != nil {
		return nil, fmt.Errorf("the demo's configuration: %w\n%s", err, text)
	}
	return assemble.Pipeline(cfg, assemble.Options{Log: d.opt.Log, Registerer: reg, Seed: d.opt.Seed, Calibration: calibration, Tune: tune})
}

// tune has a fine-tune fit into a minute: it starts sooner and takes fewer steps, which
// come to eight seconds of one core.
func tune(c *adapt.Config) {
	c.Need = 4
	c.Steps = 60
}

func (d *demo) config() string {
	text := fmt.Sprintf(`version: 1
state_dir: %q
http: {listen: off}
connections:
  broker: {type: mqtt, url: %q, client_id: quell-demo}
sinks:
  clean: {type: mqtt, connection: broker, topic: "quell/{stream}/{series}", emit: all}
dead_letter: {type: file, path: %q}
streams:
  %s:
    source: {type: host, every: 1s}
    adapt: {mode: off}
    sinks: [clean]
`, filepath.Join(d.dir, "state"), d.broker.URL, filepath.Join(d.dir, "dlq"), machineStream)
	if d.opt.RealOnly {
		return text
	}
	return text + fmt.Sprintf(`  %s:
    source: {connection: broker, topics: ["sensors/{series}"], codec: {type: json, time: ts, time_unit: ms}}
    channels: [value]
    window: {rate_hz: %d, lateness: 200ms}
    model: {lookahead: 8}
    adapt: {mode: auto, cpu_share: 1}
    sinks: [clean]
`, fleetStream, d.feed.fleet[0].Spec().RateHz)
}

// sense publishes readings until ctx ends. A broker keeps nothing for those who
// have never subscribed, so it waits for the pipeline first.
func (d *demo) sense(ctx context.Context, p *pipeline.Pipeline, began time.Time) error {
	for ready := false; !ready; ready, _ = p.Ready() {
		if !sleepUntil(ctx, time.Now().Add(10*time.Millisecond)) {
			return nil
		}
	}
	if d.opt.RealOnly {
		var over <-chan time.Time
		if d.opt.For > 0 {
			over = time.After(d.opt.For)
		}
		select {
		case <-ctx.Done():
		case <-over:
		}
		return nil
	}
	d.tell(fmt.Sprintf("%d seconds of history come first, as fast as this machine takes them", historySeconds))
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-d.feed.live:
			d.tell(fmt.Sprintf("%d seconds of history are through after %.1f s; from here on it is live: raw → clean, gain against the truth", historySeconds, time.Since(began).Seconds()))
			for _, line := range d.count.portraits() {
				d.tell("  " + line)
			}
		case <-stopped:
		}
	})
	err := d.feed.run(ctx, d.opt.For)
	close(stopped)
	wg.Wait()
	return err
}

// settle waits until nothing more arrives at the counter.
func (d *demo) settle() {
	last, quiet := int64(-1), 0
	for range 200 {
		n := d.count.records()
		if quiet++; n != last {
			last, quiet = n, 0
		}
		if quiet >= 10 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
