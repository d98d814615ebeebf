// Package scale measures what one process carries, and what a capacity is reckoned from
// (docs/scaling.md): messages per second of processor time from broker to broker, latency,
// memory, state, disk, and what a second core is worth.
//
// Processor time is what the system counts for a process of its own that runs the real
// pipeline. Other processes on the machine make it grow, by tens of per cent on a busy one,
// and make latencies meaningless: so each latency stands beside how long a process that
// only sleeps is late at the same time.
package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/quell-stream/quell/cmd/quell/embedded"
	"github.com/quell-stream/quell/cmd/quell/load"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// Options say what is measured, and against what.
type Options struct {
	Exe     string   // this program
	MQTT    string   // URL of a broker; "": one in this process
	Kafka   []string // brokers; none: one in this process, where it has one
	Series  int
	Burst   int
	Rate    float64
	Steady  time.Duration
	Threads int
	Many    int // series of the row about 100,000; what fewer take is multiplied
}

// Studies returns all studies with the same options.
func Studies(o *Options) []scoreboard.Study {
	return []scoreboard.Study{
		{Name: "mqtt", Doc: "MQTT QoS 1 to MQTT QoS 1: messages per second and core, latency, memory", Run: o.mqtt},
		{Name: "kafka", Doc: "Kafka to Kafka: messages per second and core, latency", Run: o.kafka},
		{Name: "codec", Doc: "decoding 200 bytes of JSON", Run: o.codec},
		{Name: "denoise", Doc: "quell denoise on a file of one channel", Run: o.denoise},
		{Name: "cores", Doc: "an engine on two cores beside one", Run: o.cores},
		{Name: "state", Doc: "memory and checkpoint of a series that has run for a while", Run: o.state},
		{Name: "journal", Doc: "records per second at 1,000 per fsync", Run: o.journal},
		{Name: "many", Doc: "memory of very many series in one process", Run: o.many},
	}
}

// fitted returns the options as a quick run has them.
func (o *Options) fitted(quick bool) load.Options {
	l := load.Options{Exe: o.Exe, Devices: o.Series, Warm: 20, Burst: o.Burst, Rate: o.Rate, Steady: o.Steady, Threads: o.Threads}
	if quick {
		l.Devices, l.Burst, l.Steady = min(l.Devices, 500), min(l.Burst, 20_000), 0
	}
	return l
}

func runName() string { return fmt.Sprintf("quell-bench-%08x", rand.Uint32()) }

func (o *Options) mqtt(ctx context.Context, so *scoreboard.Options) ([]scoreboard.Row, error) {
	bus, err := load.MQTT(o.MQTT, runName())
	if err != nil {
		return nil, err
	}
	rows, r, err := o.carry(ctx, so, bus, carried{
		name: "MQTT QoS 1 → MQTT QoS 1", anchor: "Telegraf 6.7–9.9k, eKuiper 6.5–8.2k with a moving average of 5; bare floor without state 36–39k",
		must: scoreboard.AtLeast(25e3), aim: scoreboard.AtLeast(35e3), ratio: mostOfFloorMQTT,
	})
	if err != nil || so.Quick {
		return rows, err
	}
	return append(rows,
		scoreboard.Row{Name: fmt.Sprintf("latency beyond look-ahead, p99, at %.0f/s, ms", o.Rate), Anchor: "Telegraf 113–172, eKuiper 6–36, floor 7–12", Must: scoreboard.AtMost(15), Aim: scoreboard.AtMost(8),
			Got: ms(r.P99), Note: fmt.Sprintf("p50 %.1f ms; p99 by which a sleeping process was late meanwhile: %.1f ms", ms(r.P50), ms(r.Late99))},
		scoreboard.Row{Name: "resident memory in that run, MB", Anchor: "Telegraf 39, eKuiper 125, floor 14", Must: scoreboard.AtMost(64), Aim: scoreboard.AtMost(40),
			Got: mb(r.Resident), Note: fmt.Sprintf("%d series, at most %.0f; before the first message %.0f", o.Series, mb(r.PeakResident), mb(r.StartResident))}), nil
}

func (o *Options) kafka(ctx context.Context, so *scoreboard.Options) ([]scoreboard.Row, error) {
	c := carried{name: "Kafka → Kafka", anchor: "floor before the network 260–360k (kafka-go)",
		must: scoreboard.AtLeast(120e3), aim: scoreboard.AtLeast(200e3), ratio: mostOfFloorKafka}
	if len(o.Kafka) == 0 && !embedded.HasKafka {
		row := c.row(nan)
		row.Note = "this program has no Kafka broker inside: --kafka BROKERS, or build it with -tags kfake, as make scale does"
		return []scoreboard.Row{row}, nil
	}
	bus, err := load.Kafka(ctx, o.Kafka, runName())
	if err != nil {
		return nil, err
	}
	rows, r, err := o.carry(ctx, so, bus, c)
	if err != nil || so.Quick {
		return rows, err
	}
	return append(rows, scoreboard.Row{Name: fmt.Sprintf("Kafka → Kafka, latency beyond look-ahead, p99, at %.0f/s, ms", o.Rate), Got: ms(r.P99),
		Note: fmt.Sprintf("p50 %.1f ms; a sleeping process was late by %.1f ms", ms(r.P50), ms(r.Late99))}), nil
}

// carried is what is asked of a way from broker to broker.
type carried struct {
	name, anchor string
	must, aim    scoreboard.Bound
	ratio        float64 // most of processor time per message beside decode and net alone
}

func (c *carried) row(got float64) scoreboard.Row {
	return scoreboard.Row{Name: c.name + ", messages/s/core", Anchor: c.anchor, Must: c.must, Aim: c.aim, Got: got}
}

// A quick run is held against what it measures itself, decode and net alone, since a figure
// in seconds says as much of the machine as of the program. On a quiet machine the
// ratios are about 7 and 3; what makes the process a good deal slower goes beyond these.
const (
	mostOfFloorMQTT  = 16
	mostOfFloorKafka = 8
)

// carry sends the load over a bus, and makes the rows that all buses have.
func (o *Options) carry(ctx context.Context, so *scoreboard.Options, bus load.Bus, c carried) ([]scoreboard.Row, *load.Result, error) {
	l := o.fitted(so.Quick)
	l.Tell = so.Tell
	r, err := load.Run(ctx, bus, l)
	if err != nil {
		return nil, nil, err
	}
	floor, err := o.floor()
	if err != nil {
		return nil, nil, err
	}
	micros := r.BurstCPU.Seconds() * 1e6 / float64(r.BurstSent)
	main := c.row(r.PerCore())
	main.Note = fmt.Sprintf("%s, burst of %d from %d devices: %.1f µs a message", r.Broker, r.BurstSent, l.Devices, micros)
	ratio := scoreboard.Row{Name: c.name + ", processor time ÷ decode and net alone", Got: micros / floor, Note: fmt.Sprintf("those take %.1f µs", floor)}
	if so.Quick {
		main.Must, main.Aim, ratio.Must = scoreboard.Bound{}, scoreboard.Bound{}, scoreboard.AtMost(c.ratio)
	}
	rows := []scoreboard.Row{main, ratio, {Name: c.name + ", records lost, doubled or unknown", Must: scoreboard.AtMost(0),
		Got: float64(r.Lost + r.Copies + r.Strays), Note: fmt.Sprintf("of %d", r.Records)}}
	if r.SteadySent > 0 {
		rows = append(rows, scoreboard.Row{Name: c.name + fmt.Sprintf(", processor time at %.0f/s, µs a message", o.Rate),
			Got: r.SteadyCPU.Seconds() * 1e6 / float64(r.SteadySent), Note: fmt.Sprintf("%d messages, checkpoints included", r.SteadySent)})
	}
	return rows, r, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }
func mb(bytes int64) float64     { return float64(bytes) / 1e6 }
