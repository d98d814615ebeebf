package scale

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/quell-stream/quell/bench"
	"github.com/quell-stream/quell/cmd/quell/load"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

var nan = math.NaN()

// nowhere takes records and forgets them.
type nowhere struct{}

func (nowhere) Record(*sink.Record)             {}
func (nowhere) Event(sink.Event)                {}
func (nowhere) Dead(ingest.Sample, window.Fate) {}

// rig is an engine over the values of a fleet, without codec, broker or sink.
type rig struct {
	eng    *pipeline.Engine
	fleet  *load.Fleet
	names  []string
	slot   int
	sample []ingest.Sample
}

// newRig returns an engine of so many series; bare: the net alone.
func newRig(series int, bare bool) (*rig, error) {
	m, err := model.Base(load.Lookahead)
	if err != nil {
		return nil, err
	}
	const rateHz = 2
	cfg := pipeline.EngineConfig{Stream: "s", Channels: []string{"value"}, Model: m, Window: window.Config{RateHz: rateHz}, MaxSeries: series,
		Guard: !bare, Watch: !bare, FalseAlarms: monitor.DefaultRate, FitSentinel: train.Sentinel}
	e, err := pipeline.NewEngine(cfg, nowhere{})
	if err != nil {
		return nil, err
	}
	r := &rig{eng: e, fleet: &load.Fleet{Devices: series, Every: time.Second / rateHz, Start: time.Unix(1_700_000_000, 0)}, sample: make([]ingest.Sample, 1)}
	for i := range series {
		r.names = append(r.names, r.fleet.Name(i))
	}
	return r, nil
}

// chunk is how many samples are pushed between two runs, as the worker does under load.
const chunk = 512

// step pushes the next slots of all series.
func (r *rig) step(slots int) error {
	n := 0
	for range slots {
		t := r.fleet.Start.Add(time.Duration(r.slot) * r.fleet.Every).UnixNano()
		for i, name := range r.names {
			r.sample[0] = ingest.Sample{Series: name, Time: t, Value: r.fleet.Value(i, r.slot)}
			if err := r.eng.Push("p", r.sample, 0); err != nil {
				return err
			}
			if n++; n%chunk == 0 {
				r.eng.Run()
			}
		}
		r.slot++
	}
	r.eng.Run()
	return nil
}

// floor returns what decoding a message and running the net take, in µs of processor
// time: the best of several rounds on one core.
func (o *Options) floor() (float64, error) {
	decode, err := jsonNanoseconds(5)
	if err != nil {
		return 0, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := newRig(o.Series, true)
	if err != nil {
		return 0, err
	}
	defer r.eng.Close()
	if err := r.step(20); err != nil {
		return 0, err
	}
	best := math.Inf(1)
	for range 15 {
		began := threadTime()
		if err := r.step(2); err != nil {
			return 0, err
		}
		best = min(best, (threadTime()-began).Seconds()*1e6/float64(2*o.Series))
	}
	return decode/1e3 + best, nil
}

// jsonNanoseconds is the best of some rounds of decoding a message.
func jsonNanoseconds(rounds int) (float64, error) {
	for _, c := range bench.Codecs(1) {
		if c.Name != "json" {
			continue
		}
		rep, err := bench.Measure(context.Background(), []bench.Case{c}, bench.Options{Rounds: rounds})
		if err != nil {
			return 0, err
		}
		return rep.Results[0].Min, nil
	}
	return 0, fmt.Errorf("bench has no codec json")
}

func (o *Options) codec(_ context.Context, so *scoreboard.Options) ([]scoreboard.Row, error) {
	rounds := 60
	if so.Quick {
		rounds = 10
	}
	ns, err := jsonNanoseconds(rounds)
	r := scoreboard.Row{Name: "JSON of 200 bytes with field paths, decode, ns", Anchor: "stdlib 2,200, fastjson 950, sonic 750, own flat scanner 380–460",
		Got: ns, Note: fmt.Sprintf("best of %d rounds", rounds)}
	if !so.Quick { // else a matter of the machine, and of who else is on it
		r.Must, r.Aim = scoreboard.AtMost(600), scoreboard.AtMost(400)
	}
	return []scoreboard.Row{r}, err
}

// cores times two engines in turn over the same values, one made on one core and one
// on two. Both have run until their guards gather evidence, which is when there is most
// to compute. The second figure goes by the processor time of the goroutine that drives
// the engine, which waits for the others: what the first comes to where nobody else
// wants the cores.
func (o *Options) cores(_ context.Context, so *scoreboard.Options) ([]scoreboard.Row, error) {
	row := scoreboard.Row{Name: "two cores ÷ one, engine", Must: scoreboard.AtLeast(1.7), Aim: scoreboard.AtLeast(1.9), Got: nan}
	if runtime.NumCPU() < 2 {
		row.Note = "this machine has one core"
		return []scoreboard.Row{row}, nil
	}
	rounds, series := 40, 256
	if so.Quick { // a busy machine has no second core to give: shown, not asked for
		rounds, row.Must, row.Aim = 10, scoreboard.Bound{}, scoreboard.Bound{}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	rigs, err := coreRigs(series)
	if err != nil {
		return nil, err
	}
	passed, had := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(1), math.Inf(1)}
	for range rounds {
		for i, r := range rigs {
			runtime.GOMAXPROCS(i + 1)
			began, begun := time.Now(), threadTime()
			if err := r.step(4); err != nil {
				return nil, err
			}
			passed[i], had[i] = min(passed[i], time.Since(began).Seconds()), min(had[i], (threadTime()-begun).Seconds())
		}
	}
	for _, r := range rigs {
		r.eng.Close()
	}
	row.Got = passed[0] / passed[1]
	row.Note = fmt.Sprintf("%d series, best of %d interleaved rounds; one core: %.1f µs of processor time a sample", series, rounds, had[0]*1e6/float64(4*series))
	return []scoreboard.Row{row, {Name: "two cores ÷ one, engine, by processor time of its goroutine", Got: had[0] / had[1], Note: "what a quiet machine would come to"}}, nil
}

// coreRigs returns engines that were made on one core, two, and have run for a while.
func coreRigs(series int) (rigs [2]*rig, err error) {
	for i := range rigs {
		runtime.GOMAXPROCS(i + 1)
		if rigs[i], err = newRig(series, false); err != nil {
			return rigs, err
		}
		if err := rigs[i].step(300); err != nil {
			return rigs, err
		}
	}
	return rigs, nil
}
