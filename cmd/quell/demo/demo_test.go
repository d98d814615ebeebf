package demo

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest/sim"
	"github.com/quell-stream/quell/pipeline"
)

func TestScriptFollowsTheSeed(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(50) {
		fleet := sim.Fleet(seed)
		a, b := script(fleet, seed), script(fleet, seed)
		if len(a) != 3 || !cmp.Equal(a, b, cmp.AllowUnexported(injection{})) {
			t.Fatalf("seed %d: %v, then %v", seed, a, b)
		}
		used := map[int]bool{}
		for _, j := range a {
			if used[j.sensor] {
				t.Errorf("seed %d: two changes on one sensor: %v", seed, a)
			}
			used[j.sensor] = true
			if j.at < historySeconds*int64(fleet[j.sensor].Spec().RateHz) {
				t.Errorf("seed %d: %v is injected into the history", seed, j)
			}
		}
		seen[fmt.Sprint(a)] = true
	}
	if len(seen) < 40 {
		t.Errorf("50 seeds gave only %d scripts", len(seen))
	}
}

// harness is a counter with a feed that sent n readings of each sensor.
func harness(t *testing.T, n int64, injected []injection) *demo {
	t.Helper()
	fleet := sim.Fleet(1)
	d := &demo{injected: injected, count: newCounter(fleet, sim.DefaultStart, injected)}
	d.feed = &feed{fleet: fleet, start: sim.DefaultStart, count: d.count, sent: make([]int64, len(fleet))}
	for i := range d.feed.sent {
		d.feed.sent[i] = n
	}
	return d
}

// arrive hands the counter the record of one reading; clean is half way between
// the reading and the truth.
func (d *demo) arrive(sensor int, i int64) {
	s := d.count.fleet[sensor]
	r := s.At(i)
	raw, clean := "null", "null"
	if !r.Missing {
		raw, clean = fmt.Sprint(r.Measured), fmt.Sprint((r.Measured+r.Truth)/2)
	}
	d.count.take(fmt.Appendf(nil, `{"type":"record","ts":%q,"stream":"sensors","series":%q,"rev":0,"channels":{"value":{"raw":%s,"clean":%s}}}`,
		time.Unix(0, d.feed.time(i, int64(s.Spec().RateHz))).UTC().Format(time.RFC3339Nano), s.Spec().Name, raw, clean))
}

func TestCounterNoticesEverything(t *testing.T) {
	const n = 2000
	sum := func(raw, pending int64) map[string]pipeline.Summary {
		return map[string]pipeline.Summary{fleetStream: {In: 8 * n, Fates: map[string]int64{"raw": raw, "pending": pending}}}
	}
	for _, c := range []struct {
		name     string
		skip     func(sensor int, i int64) bool
		double   bool
		raw      int64
		pending  int64
		lost     int64
		balanced bool
	}{
		{name: "all there", raw: 8*n - 64, pending: 64, balanced: true},
		{name: "a hole", skip: func(s int, i int64) bool { return s == 3 && i == 777 }, raw: 8*n - 64, pending: 64, lost: 1},
		{name: "a tail that does not wait for look-ahead", skip: func(s int, i int64) bool { return s == 0 && i >= n-20 }, raw: 8*n - 64, pending: 64, lost: 12},
		{name: "twice", double: true, raw: 8*n - 64, pending: 64, balanced: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := harness(t, n, nil)
			for s := range d.count.fleet {
				for i := range int64(n - 8) {
					if c.skip != nil && c.skip(s, i) {
						continue
					}
					d.arrive(s, i)
				}
			}
			if c.double {
				d.arrive(2, 5)
			}
			r := d.report(sum(c.raw, c.pending), time.Second)
			if r.Lost != c.lost || r.Balanced != c.balanced {
				t.Errorf("lost %d, balanced %v; want %d, %v", r.Lost, r.Balanced, c.lost, c.balanced)
			}
			if want := map[bool]int64{true: 1}[c.double]; r.Duplicates != want {
				t.Errorf("duplicates %d, want %d", r.Duplicates, want)
			}
			// Half the error is 6.02 dB.
			if m := r.median(); m < 6 || m > 6.05 {
				t.Errorf("median gain %g dB", m)
			}
			if failed := r.Err() != nil; failed != (c.lost > 0) {
				t.Errorf("Err says %v", r.Err())
			}
		})
	}
}

func TestDriftsAreMatched(t *testing.T) {
	injected := []injection{{0, sim.NoiseLevel, 10_000}, {2, sim.Regime, 11_000}}
	d := harness(t, 1, injected)
	tell := func(series string, second float64, kind, name string) {
		at := time.Unix(0, sim.DefaultStart+int64(second*1e9)).UTC().Format(time.RFC3339Nano)
		d.count.take(fmt.Appendf(nil, `{"type":"event","ts":%q,"stream":"sensors","series":%q,"kind":%q,"why":"because","data":{"kind":%q}}`, at, series, kind, name))
	}
	tell("motor-1", 50, "drift.opened", "unknown") // before the injection
	tell("motor-1", 51, "drift.resolved", "unknown")
	tell("motor-1", 102, "drift.opened", "regime")
	tell("motor-1", 103, "drift.updated", "noise")
	tell("tank-1", 104, "drift.opened", "regime")
	got := drifts(d.count, injected)
	type row struct {
		series, injected, kind string
		delay                  float64
	}
	var rows []row
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, g := range got {
		r := row{g.Series, text(g.InjectedKind), text(g.Kind), -1}
		if g.Delay != nil {
			r.delay = *g.Delay
		}
		rows = append(rows, r)
	}
	want := []row{{"motor-1", "noise", "noise", 2}, {"pump-1", "regime", "", -1}, {"motor-1", "", "unknown", -1}, {"tank-1", "", "regime", -1}}
	if diff := cmp.Diff(want, rows, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("drifts (-want +got):\n%s", diff)
	}
}
