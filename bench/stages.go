package bench

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec"
	"github.com/quell-stream/quell/sink"
)

// monitorHop is the number of samples from one score to the next, the
// monitor's default.
const monitorHop = 32

// Detectors are the drift detectors with their default parameters, fed with
// white noise, those of errors with a one where it exceeds 1; an operation is the update by one sample. "default" is the chart
// of the monitor over one series. "monitor" is the whole of it but for the
// network that gives it its score: statistics of each sample, and a decision
// every 32.
func Detectors(threads int) []Case {
	var cases []Case
	add := func(name string, warm int, newUpdate func() (func(x float64), error)) {
		cases = append(cases, Case{
			Name: name, Units: []Unit{{"samples", 1}}, Threads: threads,
			Make: func() (Op, error) {
				update, err := newUpdate()
				if err != nil {
					return nil, err
				}
				xs := make([]float64, 1<<14)
				rng := rand.New(rand.NewPCG(1, 2))
				for i := range xs {
					xs[i] = rng.NormFloat64()
				}
				i := 0
				op := loop(func() {
					update(xs[i&(len(xs)-1)])
					i++
				})
				op.Run(warm)
				return op, nil
			},
		})
	}
	for _, name := range drift.Names() {
		warm := 1 << 11 // fills every window
		if name == "ADWIN" {
			warm = 1 << 15 // whose window grows
		}
		add(name, warm, func() (func(float64), error) {
			d, err := drift.New(name, nil)
			if err != nil {
				return nil, err
			}
			if _, errors := d.(drift.Bounded); errors {
				return func(x float64) { d.Update(math.Round(min(max(x/2, 0), 1))) }, nil
			}
			return func(x float64) { d.Update(x) }, nil
		})
	}
	add("default", 1<<13, func() (func(float64), error) { // learns from 2,000
		d := monitor.NewDetector(0, 0, 1)
		return func(x float64) { d.Update(x) }, nil
	})
	add("monitor", 2500*monitorHop, func() (func(float64), error) {
		m, ex := monitor.New(monitor.Config{Hop: monitorHop, Seed: 1}), monitor.NewExtractor(monitorHop)
		o := monitor.Observation{Index: -1, Features: make([]monitor.Features, 1)}
		return func(x float64) {
			o.Index++
			if f, ok := ex.Push(x, false); ok {
				o.Score, o.Features[0] = x, f
				m.Update(o)
			}
		}, nil
	})
	return cases
}

// message is about 200 bytes of what a device sends.
const message = `{"device":"pump-1","ts":1700000000123,"seq":48211,"temp_c":21.4375,"p":2.1873,"vib":{"rms":0.1204,"peak":1.87},"fw":"2.4.1","site":"north-hall","rssi":-67,"battery":3.71,"status":"running","uptime_s":86412}`

// Codecs are what payloads are read with and records written; an operation is
// one message.
func Codecs(threads int) []Case {
	lo, hi := -40., 150.
	three := []codec.Channel{
		{Name: "temp", Path: "temp_c", Min: &lo, Max: &hi, Missing: []float64{-127}},
		{Name: "pressure", Path: "p"},
		{Name: "vibration", Path: "vib.rms"},
	}
	cases := []Case{
		decode("json", message, threads, codec.Config{Type: codec.JSON, Series: "device", Time: "ts", Channels: three}),
		decode("csv", "1700000000123,pump-1,21.4375,2.1873,0.1204", threads, codec.Config{
			Type: codec.CSV, Series: "device", Time: "ts", Columns: []string{"ts", "device", "temp_c", "p", "vib.rms"}, Channels: three}),
		decode("plain", "21.4375", threads, codec.Config{Type: codec.Plain, TopicTemplates: []string{"sensors/{series}/{channel}"}, Channels: three}),
	}
	r := &sink.Record{
		Time: 1700000000123000000, Stream: "pumps", Series: "pump-1", Channels: []string{"temp", "pressure", "vibration"},
		Score: .83, Drift: "normal", Model: "base@3f2a91c07d5e48b2", Lookahead: 8, Interval: .9, TimeSource: "payload",
	}
	for _, v := range []float64{21.4375, 2.1873, .1204} {
		r.Values = append(r.Values, sink.Value{Raw: v, Clean: v * (1 + 1./3), Lo: v * .97, Hi: v * math.Pi / 3, Method: "net"})
	}
	return append(cases, Case{
		Name: "record", Units: []Unit{{"messages", 1}}, Bytes: len(sink.AppendRecord(nil, r)), Threads: threads,
		Make: func() (Op, error) {
			var buf []byte
			return loop(func() { buf = sink.AppendRecord(buf[:0], r) }), nil
		},
	})
}

// decode is the decoding of one payload, which must give a sample.
func decode(name, payload string, threads int, cfg codec.Config) Case {
	return Case{
		Name: name, Units: []Unit{{"messages", 1}}, Bytes: len(payload), Threads: threads,
		Make: func() (Op, error) {
			d, err := codec.New(cfg)
			if err != nil {
				return nil, err
			}
			m := &ingest.Message{Topic: "sensors/pump-1/temp", Payload: []byte(payload), Stored: 1700000000e9}
			dst, err := d.Decode(nil, m)
			if err != nil {
				return nil, err
			}
			if len(dst) == 0 || dst[0].Missing != ingest.Present {
				return nil, fmt.Errorf("%s decodes to %+v", payload, dst)
			}
			return loop(func() {
				// It succeeded on the same bytes just now.
				dst, _ = d.Decode(dst[:0], m)
			}), nil
		},
	}
}
