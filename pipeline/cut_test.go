package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/window"
)

// cutting takes checkpoints of an engine while everything happens to its series that can,
// and keeps what a restore would find.
type cutting struct {
	*worker
	t     *testing.T
	rng   *rand.Rand
	other *model.Model
	step  int64
	rare  map[int]bool      // series that come at another rate
	sleep map[int]bool      // series that send nothing
	disk  map[string][]byte // states, as the checkpoints say
	saw   map[string]int    // what happened to lanes whose state was still to be written
}

const cutSeries = 40

func newCutting(t *testing.T, seed uint64) *cutting {
	m := testModel(t, 1)
	e, err := NewEngine(EngineConfig{
		Stream: "s", Channels: []string{"a"}, Guard: true, Watch: true, FitSentinel: untrained, SentinelSlots: 64,
		AtRate:   func(float64) (*model.Model, monitor.Rate) { return m, monitor.DefaultRate },
		StateTTL: 600 * time.Millisecond,
		Window:   window.Config{Lateness: 50 * time.Millisecond, MaxGap: 200 * time.Millisecond},
	}, &lines{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, snap, err := state.Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := &worker{eng: e, log: log, snap: snap, com: newCommitter(store, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "x"}))}
	e.save = w.saveOne
	return &cutting{worker: w, t: t, rng: rand.New(rand.NewPCG(seed, 2)), other: testModel(t, 2),
		rare: map[int]bool{}, sleep: map[int]bool{}, disk: map[string][]byte{}, saw: map[string]int{}}
}

func (c *cutting) push(part, series string, at, stored int64) {
	c.t.Helper()
	if err := c.eng.Push(part, []ingest.Sample{{Series: series, Time: at, Value: c.rng.NormFloat64()}}, stored); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cutting) now() int64 { return int64(1e18) + c.step*1e7 }

// advance has a step's samples come.
func (c *cutting) advance() {
	c.step++
	for i := range cutSeries {
		if !c.sleep[i] && c.rng.IntN(20) > 0 && (!c.rare[i] || c.step%4 == 0) {
			c.push("p", fmt.Sprint("s", i), c.now(), 0)
		}
	}
}

// due notes what is about to happen to a series, where its state is still to be written.
func (c *cutting) due(series, what string) *lane {
	l := c.eng.lanes[series]
	if l != nil && l.due {
		c.saw[what]++
	}
	return l
}

// happen has one thing happen that is not a sample.
func (c *cutting) happen() {
	c.t.Helper()
	series := fmt.Sprint("s", c.rng.IntN(cutSeries))
	switch c.rng.IntN(5) {
	case 0:
		c.due(series, "decide")
		c.eng.Decide(Switch{Series: series, Model: c.other, Kind: "model.promoted", Rebase: c.rng.IntN(2) == 0})
	case 1:
		if c.due(series, "obey") != nil {
			if err := c.eng.Obey("p", Switch{Series: series, Model: c.other, Life: Life{Begun: true, Time: 1, Epoch: 99}}); err != nil {
				c.t.Fatal(err)
			}
		}
	case 2:
		c.due(series, "heard")
		c.eng.heard("p", &ingest.Sample{Series: series, Time: c.now()}, 0)
	case 3:
		c.eng.Run()
		c.eng.Tick(c.eng.now + int64(time.Second))
		n, err := c.eng.FlushIdle(time.Second, 8)
		if c.saw["flush"] += n; err != nil {
			c.t.Fatal(err)
		}
	case 4:
		c.eng.Run()
	}
}

// slumber has some series send nothing for a little less than it takes to be forgotten;
// switches of their next lives are known of them.
func (c *cutting) slumber() {
	clear(c.sleep)
	for range 12 {
		i := c.rng.IntN(cutSeries)
		c.sleep[i] = true
		if series := fmt.Sprint("s", i); c.eng.lanes[series] != nil {
			if err := c.eng.Obey("p", Switch{Series: series, Model: c.other, Life: Life{Begun: true, Time: 1, Epoch: 99}}); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	for range 59 {
		c.advance()
		if c.rng.IntN(3) == 0 {
			c.eng.Run()
		}
	}
}

// take takes a checkpoint. Meanwhile everything goes on.
func (c *cutting) take(round int) {
	c.t.Helper()
	wrong := fmt.Sprint("w", round) // a series whose clock is wrong, in a partition that no other was heard of in
	c.push(wrong, wrong, c.now()+int64(240*time.Hour), c.now())
	c.eng.Run()
	want := map[string][]byte{}
	for name, l := range c.eng.lanes {
		want[name] = l.appendState(nil)
	}
	rates := map[*lane]float64{}
	c.begin()
	for _, l := range c.cut.lanes {
		rates[l] = l.rateHz
	}
	if c.due(wrong, "expired") == nil {
		c.t.Fatal("the wrong clock's series is not there")
	}
	c.push(wrong, fmt.Sprint("r", round), c.now(), c.now())
	for left := c.cut; len(left.lanes) > 0; left.lanes = left.lanes[1:] {
		gone := c.eng.evicted
		for range c.rng.IntN(3) {
			c.happen()
		}
		if c.rng.IntN(4) == 0 {
			c.advance()
		}
		if n := int(c.eng.evicted - gone); n > 0 {
			c.saw["end"] += n
		}
		c.save(left.lanes[:1])
	}
	for l, was := range rates {
		if l.rateHz != was && was > 0 {
			c.saw["rate"]++
		}
	}
	p := c.taken()
	if p.full {
		c.saw["full"]++
		clear(c.disk)
	} else {
		c.saw["changes"]++
	}
	for _, en := range p.Entries {
		if delete(c.disk, en.Series); en.State != nil {
			c.disk[en.Series] = bytes.Clone(en.State)
		}
		if en.Series == "quiet" && !p.full {
			c.t.Errorf("round %d: a series that nothing came of is among what changed", round)
		}
	}
	for name := range c.disk {
		if _, ok := want[name]; !ok {
			c.t.Errorf("round %d: series %s is kept, and was gone when the checkpoint was begun", round, name)
		}
	}
	for name, is := range want {
		if got, ok := c.disk[name]; !ok || !bytes.Equal(got, is) {
			c.t.Errorf("round %d, full %v: series %s is kept %v, and not as it was when the checkpoint was begun", round, p.full, name, ok)
		}
	}
	for name, l := range c.eng.lanes {
		if l.due {
			c.t.Errorf("round %d: the state of series %s is still due", round, name)
		}
	}
	if err := c.com.write(p); err != nil {
		c.t.Fatal(err)
	}
	p.states.release()
}

// TestCutIsOfOneMoment: whatever comes while a checkpoint is being taken, be it samples,
// switches, series that are forgotten, another rate, a look for idle series or what was
// applied before, it and those before it hold every series as it was when it was begun.
func TestCutIsOfOneMoment(t *testing.T) {
	c := newCutting(t, 1)
	c.push("z", "quiet", c.now(), 0)
	for range 300 {
		c.advance()
	}
	for round := range 8 {
		if round == 3 {
			for i := range cutSeries / 4 {
				c.rare[i] = true
			}
		}
		c.slumber()
		c.take(round)
	}
	for _, what := range []string{"decide", "obey", "heard", "flush", "expired", "end", "rate", "full", "changes"} {
		if c.saw[what] == 0 {
			t.Errorf("%s: that never happened", what)
		}
	}
}
