package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// everything is an Out that keeps all that comes, in order.
type everything struct{ lines []string }

func (o *everything) Record(r *sink.Record) {
	o.lines = append(o.lines, string(sink.AppendRecord(nil, r)))
}
func (o *everything) Event(e sink.Event) {
	o.lines = append(o.lines, string(sink.AppendEvent(nil, &e)))
}
func (o *everything) Dead(s ingest.Sample, why window.Fate) {
	o.lines = append(o.lines, fmt.Sprint(s.Series, s.Time, why))
}

// encoder is an Out that takes records with their JSON, as a worker does.
type encoder struct {
	everything
	saw func(*sink.Record) // not nil: as a worker, it shows records to who looks on
}

func (o *encoder) Record(r *sink.Record) {
	o.everything.Record(r)
	if o.saw != nil {
		o.saw(r)
	}
}

func (o *encoder) Encoded(r *sink.Record, json []byte) {
	if own := sink.AppendRecord(nil, r); string(own) != string(json) {
		json = own // and the lines differ from those of another run
		o.lines = append(o.lines, "the record and its JSON differ")
	}
	if o.saw != nil {
		o.saw(r)
	}
	o.lines = append(o.lines, string(json))
}

// onlooker is a Tap that keeps all it sees, in order.
type onlooker struct{ lines []string }

func (o *onlooker) Slot(series string, epoch int, index int64, cols []model.Column, scales []window.Scale, state string) {
	o.lines = append(o.lines, fmt.Sprint(series, epoch, index, cols, scales, state))
}
func (o *onlooker) Serving(series string, m *model.Model) {
	o.lines = append(o.lines, fmt.Sprint(series, m.Name()))
}
func (o *onlooker) Dropped(series string) { o.lines = append(o.lines, series) }
func (o *onlooker) Opened(series string, since int64, kind string) {
	o.lines = append(o.lines, fmt.Sprint(series, since, kind))
}
func (o *onlooker) Resolved(series string, index int64) {
	o.lines = append(o.lines, fmt.Sprint(series, index))
}

// fleetOf draws the samples of many series: each with gaps and disorder of its own.
func fleetOf(rng *rand.Rand, series, slots int) []ingest.Sample {
	var in []ingest.Sample
	for i := range slots {
		for k := range series {
			if rng.IntN(50) == 0 || (i+k*37)%211 > 195 {
				continue
			}
			in = append(in, ingest.Sample{Series: fmt.Sprintf("s%02d", k), Time: int64(1e18) + int64(i)*1e7,
				Value: float64(k) + math.Sin(float64(i)/(20+float64(k))) + 0.3*rng.NormFloat64()})
			if m := len(in); m > 2*series && rng.IntN(20) == 0 {
				in[m-1], in[m-series] = in[m-series], in[m-1]
			}
			if m := len(in); m > 9*series && rng.IntN(100) == 0 { // too late
				in[m-1], in[m-9*series] = in[m-9*series], in[m-1]
			}
		}
	}
	return in
}

// fleetWay is how an engine works on a fleet.
type fleetWay struct {
	allowed  time.Duration // lateness that revises records
	learnt   bool          // the rate
	forgets  bool          // series that are silent for long
	lookedOn bool
}

// shardedRun returns all that an engine of so many shards hands out, and what its Tap and
// who looks on see.
func shardedRun(t testing.TB, shards int, in []ingest.Sample, models []*model.Model, way fleetWay, cut func() int) (lines, seen []string) {
	t.Helper()
	rate, ttl := 100.0, time.Duration(0)
	if way.learnt {
		rate = 0
	}
	if way.forgets {
		ttl = 130 * time.Millisecond
	}
	out, tap := &encoder{}, &onlooker{}
	next := 0
	e, err := NewEngine(EngineConfig{
		Stream: "s", Channels: []string{"a"}, Guard: true, Watch: true, FitSentinel: untrained, FalseAlarms: monitor.DefaultRate, SentinelSlots: 128, Tap: tap,
		Window:   window.Config{RateHz: rate, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond, AllowedLateness: way.allowed},
		StateTTL: ttl,
		AtRate: func(float64) (*model.Model, monitor.Rate) {
			next++
			return models[next%len(models)], monitor.DefaultRate
		},
	}, out)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.shards = newShards(shards)
	feed := view.NewFeed([]string{"a"})
	if way.lookedOn {
		e.eyes = &eyes{feeds: map[string]*view.Feed{"s01": feed}}
		out.saw = e.eyes.record
	}
	parallel := 0
	for len(in) > 0 {
		n := min(len(in), cut())
		if err := e.Push("p", in[:n], 0); err != nil {
			t.Fatal(err)
		}
		in = in[n:]
		if e.sharded() {
			parallel++
		}
		e.Run()
	}
	e.Finish()
	if shards > 1 && parallel == 0 {
		t.Fatal("nothing was computed in parallel")
	}
	if way.lookedOn {
		points, _, _ := feed.Since(0, 0)
		if len(points.TimeMS) == 0 {
			t.Fatal("who looks on saw nothing")
		}
		text, err := json.Marshal(points)
		if err != nil {
			t.Fatal(err)
		}
		tap.lines = append(tap.lines, string(text))
	}
	if way.forgets == (e.evicted == 0) {
		t.Fatalf("%d series were forgotten", e.evicted)
	}
	return out.lines, tap.lines
}

// TestShardsChangeNothing: what comes out of any number of shards is what comes of one,
// byte for byte and in the same order, whatever the series, models and calls, and whether
// the rate is given or learnt, series are forgotten, or somebody looks on. So is what the
// Tap and who looks on see.
func TestShardsChangeNothing(t *testing.T) {
	models := []*model.Model{testModel(t, 1), testModel(t, 1), testModel(t, 1), testModel(t, 1)}
	for seed := range uint64(8) {
		draw := rand.New(rand.NewPCG(seed, 0))
		series, slots := 8+draw.IntN(30), 100+draw.IntN(250)
		if seed == 0 { // until guards have judged a block, on the panels of their shards
			series, slots = 12, 1300
		}
		served, longest, shards := models[:1+draw.IntN(len(models))], 1+draw.IntN(3000), 2+draw.IntN(4)
		in := fleetOf(draw, series, slots)
		run := func(shards int) ([]string, []string) {
			cuts := rand.New(rand.NewPCG(seed, 2))
			way := fleetWay{allowed: time.Duration(seed%2) * time.Second, learnt: seed&2 > 0, forgets: seed&4 > 0, lookedOn: seed%3 == 0}
			return shardedRun(t, shards, slices.Clone(in), served, way, func() int { return 400 + cuts.IntN(longest) })
		}
		want, wantSeen := run(1)
		got, gotSeen := run(shards)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, %d series, %d models, %d shards (-one +many):\n%s", seed, series, len(served), shards, diff)
		}
		if diff := cmp.Diff(wantSeen, gotSeen); diff != "" {
			t.Fatalf("seed %d, %d shards, what the Tap sees (-one +many):\n%s", seed, shards, diff)
		}
		all := strings.Join(want, "\n")
		for _, s := range []string{`"method":"net"`, `"kind":"series.reset"`, window.Late.String()} {
			if !strings.Contains(all, s) && (seed%2 == 0 || s != window.Late.String()) { // else late ones revise records
				t.Fatalf("seed %d: there is no %s in what came out", seed, s)
			}
		}
	}
}
