package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMonitorTable prints how often and how fast changes are found and named,
// with 100 scores of calibration at a hop of 8.
func TestMonitorTable(t *testing.T) {
	const seeds, within = 20, 304
	type row struct {
		n, found, right int
		delays          []int
		kinds           map[string]int
		whys            map[string]string
	}
	total := map[string]*row{}
	var lines []string
	early := 0
	for _, ch := range changes {
		all := &row{kinds: map[string]int{}}
		total[ch.name] = all
		for _, p := range processes {
			if ch.on != nil && !ch.on(p) {
				continue
			}
			r := row{kinds: map[string]int{}}
			for seed := range uint64(seeds) {
				g := newRig(newSensor(p, seed+1), ShortHistory(1, 1e-6))
				g.learn()
				before := false
				for range 40 * 8 {
					if d, ok := g.step(); ok && d.Opened {
						before = true
					}
				}
				if before {
					early++
					continue
				}
				ch.make(g.s)
				at := g.index
				kind, delay := "missed", 0
				for g.index < at+within {
					if d, ok := g.step(); ok && (d.Opened || d.Updated) {
						if delay == 0 {
							delay = int(g.index - at)
						}
						kind = d.Kind
						if testing.Verbose() && d.Kind != ch.want {
							t.Logf("%s %s %d: %s", p, ch.name, seed, d.Why)
						}
					}
				}
				r.n++
				r.kinds[kind]++
				if delay > 0 {
					r.found++
					r.delays = append(r.delays, delay)
				}
				if kind == ch.want {
					r.right++
				}
			}
			all.n += r.n
			all.found += r.found
			all.right += r.right
			all.delays = append(all.delays, r.delays...)
			for k, v := range r.kinds {
				all.kinds[k] += v
			}
			lines = append(lines, fmt.Sprintf("%-16s %-10s %3d %4.0f%% %4.0f%% %6d  %v", ch.name, p, r.n, 100*float64(r.found)/float64(r.n), 100*float64(r.right)/float64(r.n), quantile(r.delays, .5), r.kinds))
		}
	}
	t.Logf("early %d\n%s", early, strings.Join(lines, "\n"))
	for _, ch := range changes {
		r := total[ch.name]
		t.Logf("%-16s %3d found %4.0f%% right %4.0f%% median %d p95 %d %v", ch.name, r.n, 100*float64(r.found)/float64(r.n), 100*float64(r.right)/float64(r.n), quantile(r.delays, .5), quantile(r.delays, .95), r.kinds)
	}
}

func quantile(x []int, q float64) int {
	if len(x) == 0 {
		return -1
	}
	slices.Sort(x)
	return x[min(int(q*float64(len(x))), len(x)-1)]
}

func TestStationary(t *testing.T) {
	for _, p := range processes {
		n, e := 0, 0.0
		for seed := range uint64(20) {
			g := newRig(newSensor(p, seed+101), ShortHistory(1, 1e-6))
			g.learn()
			for range 10000 {
				if d, ok := g.step(); ok {
					e = max(e, d.Evidence)
					if d.Opened {
						n++
						t.Logf("%s seed %d at %d: %s; score B=%d ar=%.2f power B=%d ar=%.2f ev %.1f/%.1f %.1f/%.1f", p, seed, g.index, d.Why, g.m.score.size, g.m.score.ar[:g.m.score.order], g.m.power[0].size, g.m.power[0].ar[:g.m.power[0].order],
							g.m.score.evidence, g.m.score.log, g.m.power[0].evidence, g.m.power[0].log)
					}
				}
			}
		}
		t.Logf("%-10s %d false alarms in 200,000 samples", p, n)
	}
}
