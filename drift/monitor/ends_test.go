package monitor

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestARegimeThatStaysBecomesTheNewNormal(t *testing.T) {
	cfg := ShortHistory(1, 1e-6)
	cfg.NewNormal = 2000
	g := newRig(newSensor("sine", 1), cfg)
	g.learn()
	for range 300 {
		g.step()
	}
	g.s.period /= 1.6
	g.until(t, "regime", 300, opened)
	at := g.index
	d := g.until(t, "new normal", 2300, resolved)
	if d.Kind != Regime || d.State != Learning || !d.Changed || !strings.Contains(d.Why, "has stayed for 2000 samples: taken as the new normal") {
		t.Errorf("resolved: %+v", d)
	}
	if stayed := g.index - at; stayed < 2000 {
		t.Errorf("resolved after %d samples, want at least 2000", stayed)
	}
	g.until(t, "learnt again", 900, func(d Decision) bool { return d.State == Normal })
	for range 4000 {
		if d, ok := g.step(); ok && d.Opened {
			t.Fatalf("in the new normal: %+v", d)
		}
	}
}

func TestADriftStaysOpenForEverWhereAsked(t *testing.T) {
	cfg := ShortHistory(1, 1e-6)
	cfg.NewNormal = -1
	g := newRig(newSensor("sine", 1), cfg)
	g.learn()
	g.s.period /= 1.6
	g.until(t, "regime", 600, opened)
	for range 1 << 15 {
		if d, ok := g.step(); ok && d.Resolved {
			t.Fatalf("resolved: %+v", d)
		}
	}
}

func TestAFaultNeverBecomesNormalAndEndsWithIt(t *testing.T) {
	cfg := ShortHistory(1, 1e-6)
	cfg.NewNormal = 1000
	g := newRig(newSensor("sine", 1), cfg)
	g.learn()
	for range 300 {
		g.step()
	}
	g.s.stuck = true
	if d := g.until(t, "stuck", 100, opened); d.Kind != Fault || d.Fault != Stuck {
		t.Fatalf("opened: %+v", d)
	}
	for range 5000 {
		if d, ok := g.step(); ok && (d.Resolved || d.Updated) {
			t.Fatalf("while stuck: %+v", d)
		}
	}
	g.s.stuck = false
	if d := g.until(t, "resolved", 8*(wellHops+1), resolved); d.State != Normal || d.Kind != Fault || d.Fault != Stuck {
		t.Errorf("resolved: %+v", d)
	}
}

// peerRig watches three channels that follow one process, with noise of their
// own.
type peerRig struct {
	r       *rand.Rand
	m       *Monitor
	ex      []*Extractor
	fs      []Features
	y       float64
	add     [3]float64 // to each channel
	ramp    [3]float64 // to add, with every sample
	process float64    // to all of them
	index   int64
}

func newPeerRig(seed uint64) *peerRig {
	g := &peerRig{r: rand.New(rand.NewPCG(seed, 3)), m: New(ShortHistory(3, 1e-6)), fs: make([]Features, 3)}
	for range 3 {
		g.ex = append(g.ex, NewExtractor(8))
	}
	return g
}

// run returns the decisions of n samples that opened or updated a drift.
func (g *peerRig) run(n int) (told []Decision) {
	gains := [3]float64{1, -2, 0.5}
	for range n {
		g.y = 0.95*g.y + math.Sqrt(1-0.95*0.95)*g.r.NormFloat64()
		hop := false
		for c, e := range g.ex {
			g.add[c] += g.ramp[c]
			x := 10 + gains[c]*(g.y+g.process+0.2*g.r.NormFloat64()) + g.add[c]
			if f, ok := e.Push(x, false); ok {
				g.fs[c], hop = f, true
			}
		}
		g.index++
		if !hop {
			continue
		}
		// The score is of no matter here.
		if d := g.m.Update(Observation{Index: g.index - 1, Score: g.r.NormFloat64(), Features: g.fs}); d.Opened || d.Updated {
			told = append(told, d)
		}
	}
	return told
}

func TestPeers(t *testing.T) {
	last := func(told []Decision) Decision {
		if len(told) == 0 {
			return Decision{}
		}
		return told[len(told)-1]
	}
	for seed := range uint64(10) {
		g := newPeerRig(seed)
		if told := g.run(4000); len(told) > 0 {
			t.Errorf("seed %d: while all is well: %+v", seed, told)
			continue
		}
		g.add[1] = 4
		if d := last(g.run(1200)); d.Fault != Bias || d.Channel != 1 || !strings.Contains(d.Why, "2 other channels") {
			t.Errorf("seed %d: a step of one channel is %+v", seed, d)
		}

		g = newPeerRig(seed)
		g.run(4000)
		g.ramp[2] = 0.002
		if d := last(g.run(2000)); d.Fault != SensorDrift || d.Channel != 2 {
			t.Errorf("seed %d: a ramp of one channel is %+v", seed, d)
		}

		g = newPeerRig(seed)
		g.run(4000)
		g.process = 6
		if d := last(g.run(1200)); d.Kind != Regime {
			t.Errorf("seed %d: a step of all channels is %+v", seed, d)
		}
	}
}

func TestNoPeersWithoutCoherence(t *testing.T) {
	p := newPeers(2)
	profiles := make([]profile, 2)
	r := rand.New(rand.NewPCG(1, 1))
	for range 40 * segment {
		for c := range profiles {
			f := Features{N: 8, Level: r.NormFloat64()}
			profiles[c].push(&f)
		}
		p.learn(profiles)
	}
	p.fit()
	for range 4 * segment {
		for c := range profiles {
			f := Features{N: 8, Level: 100 * float64(c)}
			profiles[c].push(&f)
		}
	}
	if c := p.astray(profiles); c != -1 {
		t.Errorf("channel %d is off another that it never followed", c)
	}
}
