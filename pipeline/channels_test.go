package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic/memlog"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// levelOf is the level of a channel of the plant: whoever takes one for another is off by
// a hundred.
var levelOf = map[string]float64{"a": 0, "b": 100, "c": 200}

// plant returns samples of series x and y, messages of all channels each.
func plant(channels []string, from, to int) (out []ingest.Sample) {
	for i := from; i < to; i++ {
		for _, series := range []string{"x", "y"} {
			for c, name := range channels {
				v := levelOf[name] + math.Sin(float64(i)/9) + .2*math.Sin(float64(i*i))
				out = append(out, ingest.Sample{Series: series, Channel: c, Time: int64(i) * 1e7, Value: v, TimeSource: ingest.TimePayload})
			}
		}
	}
	return out
}

// planted is a life of a pipeline over the plant.
type planted struct {
	dir      string
	channels []string
	model    *model.Model // nil: the base model
	log      strings.Builder
	out      *memSink
	p        *Pipeline
}

func (l *planted) make(t *testing.T, in []ingest.Sample) *memSource {
	t.Helper()
	m, err := l.model, error(nil)
	if m == nil {
		m, err = model.Base(8)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.out = newSink(1)
	src := &memSource{log: in, finished: map[int64]bool{}}
	l.p, err = New(Config{
		StateDir: l.dir,
		Streams: []StreamConfig{{
			Engine: EngineConfig{Stream: "s", Channels: l.channels, Model: m, Guard: true, Watch: true, FitSentinel: untrained,
				FalseAlarms: monitor.DefaultRate, SentinelSlots: 256,
				Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond}},
			Source: src, Sinks: []string{"out"}, Checkpoint: time.Millisecond, StateDir: filepath.Join(l.dir, "streams", "s", "state"),
		}},
		Sinks:      []OutletConfig{{Name: "out", Sink: l.out, Emit: "records", Required: true}},
		DeadLetter: OutletConfig{Sink: newSink(2)},
		Log:        slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Metrics:    NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// until runs over in, and stops before message n; it returns how many were read.
func (l *planted) until(t *testing.T, in []ingest.Sample, n int64) int64 {
	t.Helper()
	src := l.make(t, in)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src.wake = func(next int64) {
		if next == n {
			cancel()
		}
	}
	if err := l.p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return src.next
}

// killed runs over in, and dies before message n without a checkpoint.
func (l *planted) killed(t *testing.T, in []ingest.Sample, n int64) {
	t.Helper()
	src := l.make(t, in)
	l.p.workers[0].cfg.Checkpoint = time.Hour
	src.wake = func(next int64) {
		if next == n {
			l.out.mu.Lock()
			l.out.done = true
			l.out.mu.Unlock()
			l.p.kill(errKilled)
		}
	}
	if err := l.p.Run(t.Context()); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
}

// records returns what came out by series and time, and fails where a key came twice and
// differs, or a clean value is of another channel.
func (l *planted) records(t *testing.T, all map[string]*sink.Record) {
	t.Helper()
	for _, line := range distinct(t, l.out.got) {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		key := r.Series + "/" + time.Unix(0, r.Time).UTC().String() + "/" + string(rune('0'+r.Epoch))
		if had := all[key]; had != nil && fmt.Sprint(*had) != fmt.Sprint(*r) {
			t.Fatalf("key %s came as\n%v\nand as\n%v", key, *had, *r)
		}
		all[key] = r
		for i, name := range r.Channels {
			if v := r.Values[i].Clean; math.Abs(v-levelOf[name]) > 5 {
				t.Fatalf("channel %s at %s is %g", name, key, v)
			}
		}
	}
}

// told says whether the log tells of other channels.
func (l *planted) told() bool { return strings.Contains(l.log.String(), "of other channels") }

// keptAside returns the states that were kept aside.
func keptAside(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "streams", "s", "state", "channels-*.full"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const (
	// plantTurn is the number of slots up to the change: the messages of whole fetches,
	// behind which alone a source stops for sure, and enough for the guards to have chosen.
	plantTurn = 3 * fetched
	plantEnd  = plantTurn + 400
)

// TestChannelsMove goes on with the state of other channels: nothing ends the process, no
// channel takes the state of another one, what stays goes on as if nothing had happened,
// and each sample is counted once.
func TestChannelsMove(t *testing.T) {
	for _, c := range []struct {
		name     string
		was, is  []string
		goes     []string // on, without learning anew
		warn     string
		unwanted int64 // samples of channels left out that no record has
	}{
		{"another order", []string{"a", "b"}, []string{"b", "a"}, []string{"a", "b"}, "monitors of drift", 0},
		{"one more", []string{"a"}, []string{"a", "b"}, []string{"a"}, "channels_begun=b", 0},
		{"one more in front", []string{"b"}, []string{"a", "b"}, []string{"b"}, "channels_begun=a", 0},
		{"one less", []string{"a", "b", "c"}, []string{"c", "a"}, []string{"a", "c"}, "channels_left_out=b", 2 * 8},
		{"all others", []string{"a"}, []string{"b"}, nil, "begin anew", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := &planted{dir: t.TempDir(), channels: c.was}
			whole.until(t, plant(c.was, 0, plantEnd), -1)
			want := map[string]*sink.Record{}
			whole.records(t, want)

			l := &planted{dir: t.TempDir(), channels: c.was}
			before := plant(c.was, 0, plantTurn)
			l.until(t, append(before, plant(c.was, plantTurn, plantEnd)...), int64(len(before)))
			got := map[string]*sink.Record{}
			l.records(t, got)

			// The log goes on with messages of the new channels, from the same offset on.
			// The first that reads them is killed, and they come to the next one again.
			after := append(before[:len(before):len(before)], plant(c.is, plantTurn, plantEnd)...)
			l = &planted{dir: l.dir, channels: c.is}
			l.killed(t, after, int64(len(before)+40))
			l.records(t, got)
			// That one stops before any message.
			l = &planted{dir: l.dir, channels: c.is}
			l.until(t, after, int64(len(before)))
			l.records(t, got)
			if n := strings.Count(l.log.String(), "of other channels"); n != 1 || !strings.Contains(l.log.String(), c.warn) {
				t.Errorf("the log says\n%s", l.log.String())
			}
			l = &planted{dir: l.dir, channels: c.is}
			l.until(t, after, -1)
			l.records(t, got)
			if l.told() {
				t.Errorf("the next start says\n%s", l.log.String())
			}
			if len(got) != len(want) {
				t.Errorf("%d records, want %d", len(got), len(want))
			}
			goesOn(t, c.goes, want, got)
			if n := len(keptAside(t, l.dir)); n != 1 {
				t.Errorf("%d states are kept aside", n)
			}
			s := l.p.Summaries()["s"]
			if in := int64(2 * (plantTurn*len(c.was) + (plantEnd-plantTurn)*len(c.is))); s.In != in || s.Fates["not_mine"] != c.unwanted || s.Fates["raw"] != in-c.unwanted {
				t.Errorf("%d samples in, want %d, of which %d no record has: %v", s.In, in, c.unwanted, s.Fates)
			}
		})
	}
}

// goesOn fails unless the channels of got that are named come to the values of want, but
// for a few where the guard's evidence hangs on the place of the channel.
func goesOn(t *testing.T, channels []string, want, got map[string]*sink.Record) {
	t.Helper()
	for _, name := range channels {
		n, same := 0, 0
		for key, w := range want {
			g := got[key]
			if g == nil {
				t.Fatalf("no record of key %s", key)
			}
			i, k := slices.Index(w.Channels, name), slices.Index(g.Channels, name)
			n++
			if g.Values[k].Clean == w.Values[i].Clean {
				same++
			}
			if d := math.Abs(g.Values[k].Clean - w.Values[i].Clean); d > .1 {
				t.Fatalf("channel %s at %s is %g, without a change %g", name, key, g.Values[k].Clean, w.Values[i].Clean)
			}
		}
		if same < n*99/100 {
			t.Errorf("channel %s: %d of %d values are the same", name, same, n)
		}
	}
}

// TestChannelsMoveInTopic does that where the state lies in a topic: the process that goes on
// has nothing else.
func TestChannelsMoveInTopic(t *testing.T) {
	was, is := []string{"a", "b"}, []string{"c", "b", "a"}
	before := plant(was, 0, plantTurn)
	turn := int64(len(before))
	g, log := &brokers{log: append(before, plant(was, plantTurn, plantEnd)...), finished: map[int64]bool{}}, memlog.New()
	got := map[string]*sink.Record{}
	for life, channels := range [][]string{was, is, is} {
		l := &planted{dir: t.TempDir(), channels: channels}
		l.make(t, nil)
		s := intoTopic(t, l.p, g, &memlog.Client{Log: log, Partitions: 1})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.wake = func(next int64) {
			if life == 0 && next == turn {
				cancel()
			}
		}
		if err := l.p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		l.records(t, got)
		if told := life == 1; l.told() != told || told != (len(keptAside(t, l.dir)) == 1) {
			t.Errorf("life %d: the log says\n%s", life, l.log.String())
		}
		if life == 0 {
			g.serial++
			g.log = append(before[:turn:turn], plant(is, plantTurn, plantEnd)...)
		}
	}
	whole := &planted{dir: t.TempDir(), channels: was}
	whole.until(t, plant(was, 0, plantEnd), -1)
	want := map[string]*sink.Record{}
	whole.records(t, want)
	goesOn(t, was, want, got)
}

// TestChannelsUnnamed reads a state of an earlier version: with as many channels it is
// taken to be in the order of the configuration, with more or fewer its series begin anew.
func TestChannelsUnnamed(t *testing.T) {
	for _, is := range [][]string{{"a", "b"}, {"a"}, {"a", "b", "c"}} {
		was := []string{"a", "b"}
		l := &planted{dir: t.TempDir(), channels: was}
		before := plant(was, 0, plantTurn)
		l.until(t, append(before, plant(was, plantTurn, plantEnd)...), int64(len(before)))
		got := map[string]*sink.Record{}
		l.records(t, got)
		unname(t, filepath.Join(l.dir, "streams", "s", "state"), l.p.workers[0])

		l = &planted{dir: l.dir, channels: is}
		l.until(t, append(before[:len(before):len(before)], plant(is, plantTurn, plantEnd)...), -1)
		l.records(t, got)
		if other := len(is) != len(was); strings.Contains(l.log.String(), "begin anew") != other || other != (len(keptAside(t, l.dir)) == 1) {
			t.Errorf("channels %v: the log says\n%s", is, l.log.String())
		}
		if s := l.p.Summaries()["s"]; s.In != int64(2*(plantTurn*len(was)+(plantEnd-plantTurn)*len(is))) || s.Fates["pending"] != 0 {
			t.Errorf("channels %v: %d samples in: %v", is, s.In, s.Fates)
		}
	}
}

// unname takes the names out of the newest checkpoint.
func unname(t *testing.T, dir string, w *worker) {
	t.Helper()
	s, snap, err := state.Open(dir, nothing)
	if err != nil {
		t.Fatal(err)
	}
	cut := len(snap.Extra) - len(w.appendMade(nil))
	c := state.Checkpoint{Extra: snap.Extra[:cut]}
	for part, next := range snap.Heads {
		c.Heads = append(c.Heads, state.Head{Part: part, Next: next})
		for series, data := range snap.Series[part] {
			c.Entries = append(c.Entries, state.Entry{Part: part, Series: series, State: data})
		}
	}
	if err := errors.Join(s.Full(c), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestKeptStateComesBack puts what was kept aside in the place of a checkpoint: with the
// channels of before it goes on from there.
func TestKeptStateComesBack(t *testing.T) {
	was, is := []string{"a"}, []string{"a", "b"}
	l := &planted{dir: t.TempDir(), channels: was}
	before := plant(was, 0, plantTurn)
	end := int64(len(before))
	l.until(t, append(before, plant(was, plantTurn, plantEnd)...), end)
	l = &planted{dir: l.dir, channels: is}
	l.until(t, append(before[:len(before):len(before)], plant(is, plantTurn, plantEnd)...), -1)
	fresh := filepath.Join(t.TempDir(), "streams", "s", "state")
	if err := os.MkdirAll(fresh, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(keptAside(t, l.dir)[0], filepath.Join(fresh, "000000000001.full")); err != nil {
		t.Fatal(err)
	}
	l = &planted{dir: filepath.Dir(filepath.Dir(filepath.Dir(fresh))), channels: was}
	src := l.make(t, append(before[:len(before):len(before)], plant(was, plantTurn, plantEnd)...))
	if err := l.p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if src.from != end || l.told() {
		t.Errorf("it begins at %d, want %d: %s", src.from, end, l.log.String())
	}
}
