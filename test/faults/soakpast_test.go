//go:build faults

package faults

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// soakLive is a source of soakConfig that is live, and soakPast one of what was before.
const (
	soakLive = `{connection: in, topics: ["soak/@NAME@/{series}"], journal_bytes: 64MiB, codec: {type: json, series: device, time: ts, time_unit: ms}}`
	soakPast = `{type: file, path: "@DIR@/@NAME@.csv", time: ts, time_unit: ms, series: device}`
)

// soakKind is some series of a soak that are alike.
type soakKind struct {
	name string
	n    int
	step time.Duration
	// past is how many samples the first series has from before the soak; the last one has
	// nearly spread less, since devices do not begin all at once.
	past, spread int
}

// cycle is after how many samples a guard that is grown does the same again: of that many it
// gathers evidence in a quarter, which takes memory.
const cycle = 2048

// first returns the slot of the first sample of series k.
func (c *soakKind) first(k int) int { return c.spread * k / c.n }

// before returns how many samples the series have from before the soak.
func (c *soakKind) before() (sum int) {
	for k := range c.n {
		sum += c.past - c.first(k)
	}
	return sum
}

// soakSignal is what the devices of a soak measure. Slots are counted from the beginning of
// the longest past.
type soakSignal struct {
	began time.Time // of the soak
	kinds [2]soakKind
	next  [2]int // samples since then
}

// newSoakSignal returns that of a soak of so long, with so many samples a second: the few
// take their share, what is left goes round the many.
func newSoakSignal(length time.Duration, many, rate, past int) *soakSignal {
	fewRate := float64(few*accelerated) / fewStep.Seconds()
	step := time.Duration(float64(many*accelerated) / (float64(rate) - fewRate) * float64(time.Second)).Truncate(time.Millisecond)
	return &soakSignal{began: time.Now().Add(-accelerated * length), kinds: [2]soakKind{
		{name: "many", n: many, step: step, past: past, spread: min(past/2, cycle)},
		{name: "few", n: few, step: fewStep, past: past},
	}}
}

// words are those of soakConfig, with the source of its streams.
func (g *soakSignal) words(source string) (words []string) {
	for i := range g.kinds {
		c := &g.kinds[i]
		word := "@" + strings.ToUpper(c.name)
		words = append(words, word+"HZ@", fmt.Sprint(1/c.step.Seconds()), word+"@", strings.ReplaceAll(source, "@NAME@", c.name))
	}
	return words
}

// until returns what the many and the few have measured up to an event time since
// the beginning.
func (g *soakSignal) until(at time.Duration) (out [2][]sample) {
	for i := range g.kinds {
		c := &g.kinds[i]
		// Series k measures k/n of a step after the first one, at times of its own grid.
		for {
			k, slot := g.next[i]%c.n, g.next[i]/c.n
			due := time.Duration(slot)*c.step + c.step*time.Duration(k)/time.Duration(c.n)
			if due > at {
				break
			}
			out[i] = append(out[i], g.sample(i, k, c.past+slot))
			g.next[i]++
		}
	}
	return out
}

func (g *soakSignal) sample(kind, k, slot int) sample {
	c := &g.kinds[kind]
	return sample{c.name[:1] + strconv.Itoa(k), g.began.Add(time.Duration(slot-c.past) * c.step).UnixMilli(), g.value(kind, k, slot)}
}

func (g *soakSignal) value(kind, k, slot int) float64 {
	rnd := rand.New(rand.NewPCG(uint64(k)<<1|uint64(kind), uint64(slot)))
	period, noise := 15+float64(k%40), 0.1
	if kind == 1 {
		// Every 5,000 samples another noise, every 7,000 another process.
		noise *= []float64{1, 3, 0.5}[(slot+700*k)/5000%3]
		period *= []float64{1, 0.4, 1.7}[(slot+900*k)/7000%3]
	}
	return math.Round((math.Sin(2*math.Pi*float64(slot)/period)+noise*rnd.NormFloat64())*1e4) / 1e4
}

// pastBlock is how many samples of a series stand together in a recording of many.
const pastBlock = 256

// write writes what was before the soak, as CSV, the kinds side by side.
func (g *soakSignal) write(to [2]io.Writer) error {
	for i := range to {
		if _, err := io.WriteString(to[i], "ts,device,x\n"); err != nil {
			return err
		}
	}
	var b []byte
	for from := 0; from < g.kinds[0].past; from += pastBlock {
		for i := range g.kinds {
			c := &g.kinds[i]
			for k := range c.n {
				b = b[:0]
				for slot := max(from, c.first(k)); slot < min(from+pastBlock, c.past); slot++ {
					s := g.sample(i, k, slot)
					b = append(append(append(strconv.AppendInt(b, s.ms, 10), ','), s.series...), ',')
					b = append(strconv.AppendFloat(b, s.x, 'g', -1, 64), '\n')
				}
				if _, err := to[i].Write(b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// grow has a process of the job read what was before the soak from recordings, as quickly
// as it can, and end: the next one goes on with its state. The recordings come through
// pipes, which have no end here: the context of a series goes on.
func grow(j *job, r *row, g *soakSignal) {
	t := j.t
	t.Helper()
	began := time.Now()
	j.configure(soakConfig, g.words(soakPast)...)
	written := record(j, g)
	j.startReady()
	total, looked, all := g.kinds[0].before()+g.kinds[1].before(), began, false
	j.untilWithin(mostGrowing, "what was before the soak is read", func() bool {
		select {
		case err := <-written:
			if all = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
		if !all || time.Since(looked) < time.Second {
			return false
		}
		looked = time.Now()
		return j.metric("quell_ingest_messages_total") >= float64(total)
	})
	took := time.Since(began)
	l, processor := j.measure(took), j.metric("process_cpu_seconds_total")
	j.stopAll(r)
	j.configure(soakConfig, g.words(soakLive)...)
	m := &g.kinds[0]
	t.Logf("before the soak: %d samples of %d series, %d to %d of each of the many, from recordings in %s, %.0f a second (%.0f s of processor time); then %.0f MiB, at most %d",
		total, m.n+g.kinds[1].n, m.past-m.first(m.n-1), m.past, took.Round(time.Second), float64(total)/took.Seconds(), processor, l.rss/(1<<20), j.peak>>20)
}

// mostGrowing bounds a test that hangs: series by the thousand take minutes.
const mostGrowing = time.Hour

// record makes a pipe of each kind, in the job's folder, and begins to write into them. What
// is returned says when all is written.
func record(j *job, g *soakSignal) <-chan error {
	j.t.Helper()
	var to [2]io.Writer
	for i := range g.kinds {
		path := filepath.Join(j.dir, g.kinds[i].name+".csv")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			j.t.Fatal(err)
		}
		// For both ways: that needs no reader, and keeps the pipe open behind the last row.
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			j.t.Fatal(err)
		}
		j.t.Cleanup(func() { f.Close() })
		to[i] = f
	}
	written := make(chan error, 1)
	go func() { written <- g.write(to) }()
	return written
}
