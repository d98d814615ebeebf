package pipeline

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/sink"
)

// ward is a health with one component whose condition the test sets, and an
// outlet that nobody empties.
type ward struct {
	*health
	clock time.Time
	is    condition
	out   *outlet
}

func newWard(t testing.TB, path string, queue int) *ward {
	t.Helper()
	w := &ward{clock: time.Unix(1_795_435_200, 0), is: condition{"up", "it is up"}, out: &outlet{queue: make(chan *batch, queue)}}
	w.health = &health{log: slog.New(slog.DiscardHandler), path: path,
		now: func() time.Time { return w.clock }, links: map[string]string{"s": "https://q/{stream}"},
		waiting: map[*outlet]map[string]*notice{}, told: map[string]outage{}}
	w.parts = []*component{{stream: "s", family: "sink", sink: "clean", outs: []*outlet{w.out}, probe: func() condition { return w.is }}}
	if err := w.load(); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestOutageIsLogged: an outage is a warning that says what is the matter, its end is not.
func TestOutageIsLogged(t *testing.T) {
	var log strings.Builder
	w := newWard(t, filepath.Join(t.TempDir(), "outages"), 9)
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	w.pass(10*time.Second, "down")
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `level=WARN msg="sink.down: because it is down"`) {
		t.Errorf("logged %q", text)
	}
	log.Reset()
	w.pass(time.Minute, "up")
	if text := log.String(); !strings.Contains(text, "level=INFO") || strings.Contains(text, "level=WARN") {
		t.Errorf("logged %q", text)
	}
}

// pass lets time pass, a second a look.
func (w *ward) pass(d time.Duration, kind string) {
	w.is = condition{kind, "because it is " + kind}
	for range d / healthEvery {
		w.clock = w.clock.Add(healthEvery)
		w.look()
	}
}

// events takes what is in the outlet's queue, as a sink does that has it for good.
func (w *ward) events() (got []*sink.Event) {
	for {
		select {
		case b := <-w.out.queue:
			got = append(got, b.items[0].Event)
			b.settled()
			b.finished(true)
		default:
			return got
		}
	}
}

func kindsOf(events []*sink.Event) (kinds []string) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestOutageIsToldOnce(t *testing.T) {
	w := newWard(t, filepath.Join(t.TempDir(), "outages.json"), 8)
	w.pass(time.Minute, "up")
	w.pass(downAfter-healthEvery, "down") // too short to tell
	w.pass(time.Minute, "up")
	if got := w.events(); got != nil {
		t.Fatalf("told %v while all was well", kindsOf(got))
	}
	w.pass(time.Hour, "down")
	w.pass(time.Hour, "up")
	got := w.events()
	if want := []string{"sink.down", "sink.up"}; !slices.Equal(kindsOf(got), want) {
		t.Fatalf("told %v, want %v", kindsOf(got), want)
	}
	down, up := got[0], got[1]
	if down.Why != "because it is down" || down.Link != "https://q/s" || down.Data["sink"] != "clean" || down.Severity != "warning" || up.Severity != "info" {
		t.Errorf("told %+v and %+v", down, up)
	}
	if down.Data["since"] != up.Data["since"] || down.ID == up.ID {
		t.Errorf("since %v and %v, ids %s and %s", down.Data["since"], up.Data["since"], down.ID, up.ID)
	}
	a, _ := down.Alert()
	if b, _ := up.Alert(); a != b || a == "" {
		t.Errorf("the events belong to the alerts %q and %q", a, b)
	}
}

func TestOutageOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outages.json")
	w := newWard(t, path, 8)
	w.pass(time.Minute, "down")
	since := w.events()[0].Data["since"]
	w.look()
	w = newWard(t, path, 8) // killed and started again
	w.pass(time.Minute, "down")
	if got := w.events(); got != nil {
		t.Errorf("told again: %v", kindsOf(got))
	}
	w.pass(time.Minute, "up")
	got := w.events()
	if !slices.Equal(kindsOf(got), []string{"sink.up"}) || got[0].Data["since"] != since {
		t.Errorf("told %v since %v, want sink.up since %v", kindsOf(got), got[0].Data["since"], since)
	}
}

func TestDamagedOutagesAreSetAside(t *testing.T) {
	for _, text := range []string{"{", "null", `{"told":null}`, `{"told":{},"waiting":{"s":[{}, 3]}}`} {
		path := filepath.Join(t.TempDir(), "outages.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w := newWard(t, path, 8)
		if aside, err := os.ReadFile(path + ".corrupt-1"); err != nil || string(aside) != text {
			t.Errorf("a damaged file was not set aside: %q, %v", aside, err)
		}
		if w.pass(time.Minute, "down"); len(w.events()) != 1 {
			t.Errorf("%q: nothing is told after a damaged file", text)
		}
	}
}

// TestFlappingOutage flips a component every few seconds for an hour: it counts
// as down throughout.
func TestFlappingOutage(t *testing.T) {
	w := newWard(t, filepath.Join(t.TempDir(), "outages.json"), 8)
	for range 3600 / 16 {
		w.pass(8*time.Second, "down")
		w.pass(8*time.Second, "up")
	}
	if got := kindsOf(w.events()); !slices.Equal(got, []string{"sink.down"}) {
		t.Errorf("told %v, want sink.down alone", got)
	}
}

// TestOutageWaitsForRoom tells an outlet whose queue is full how it is by now, once
// it has room.
func TestOutageWaitsForRoom(t *testing.T) {
	w := newWard(t, filepath.Join(t.TempDir(), "outages.json"), 1)
	w.parts[0].family, w.parts[0].sink = "source", ""
	w.pass(time.Minute, "down")
	w.pass(time.Minute, "no_data")
	w.pass(time.Minute, "up")
	var got []string
	for range 3 {
		got = append(got, kindsOf(w.events())...)
		w.pass(time.Second, "up")
	}
	if want := []string{"source.down", "source.up"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	if len(w.waiting) != 0 {
		t.Errorf("%d outlets wait for what they have", len(w.waiting))
	}
}

// TestOutageOutlivesAKill ends the process before the outlet has what it was handed,
// or could be handed it: the next one tells it under the same key.
func TestOutageOutlivesAKill(t *testing.T) {
	for _, queue := range []int{0, 8} {
		path := filepath.Join(t.TempDir(), "outages.json")
		w := newWard(t, path, queue)
		w.pass(time.Minute, "down")
		var handed string
		if queue > 0 {
			handed = (<-w.out.queue).items[0].Event.ID // written, and killed before it was settled
		}
		w = newWard(t, path, 8)
		w.pass(time.Second, "down")
		got := w.events()
		if !slices.Equal(kindsOf(got), []string{"sink.down"}) || queue > 0 && got[0].ID != handed {
			t.Fatalf("queue %d: the next process tells %v, want sink.down as before", queue, kindsOf(got))
		}
		w.pass(time.Minute, "up")
		w = newWard(t, path, 8) // nothing took sink.up either
		w.pass(time.Second, "up")
		if got := kindsOf(w.events()); !slices.Equal(got, []string{"sink.up"}) {
			t.Fatalf("queue %d: the next process tells %v, want sink.up", queue, got)
		}
		w.pass(time.Second, "up")
		w = newWard(t, path, 8)
		if w.pass(time.Minute, "up"); len(w.events()) != 0 || len(w.told) != 0 {
			t.Errorf("queue %d: told again what was settled", queue)
		}
	}
}

// TestClockSetBackOverARestart: the end of an outage is later than its beginning all
// the same, for those who drop what is old.
func TestClockSetBackOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outages.json")
	w := newWard(t, path, 8)
	w.pass(time.Minute, "down")
	down := w.events()[0]
	w.look()
	w = newWard(t, path, 8)
	w.clock = w.clock.Add(-24 * time.Hour)
	w.pass(time.Minute, "up")
	if got := w.events(); len(got) != 1 || got[0].Kind != "sink.up" || got[0].Time <= down.Time {
		t.Errorf("told %v, want sink.up later than %d", got, down.Time)
	}
}

// TestOutageOfWhatIsGone drops what was told of a sink that is not configured any
// more, and what waits for one.
func TestOutageOfWhatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outages.json")
	w := newWard(t, path, 0)
	w.parts[0].sink, w.out.cfg.Name = "gone", "gone"
	w.pass(time.Minute, "down")
	w = newWard(t, path, 8)
	if len(w.told) != 0 || len(w.waiting) != 0 {
		t.Errorf("told %v, waiting %v", w.told, w.waiting)
	}
}

// quietSource is a source that is up or not.
type quietSource struct {
	memSource
	up  bool
	err error
}

func (s *quietSource) Status() (bool, error) { return s.up, s.err }

func TestConditionOfASource(t *testing.T) {
	src := &quietSource{up: true}
	full, room := make(chan *batch, 1), make(chan *batch, 1)
	full <- nil
	w := &worker{cfg: StreamConfig{Source: src, NoData: time.Minute}, com: &committer{}, outs: []*outlet{{cfg: OutletConfig{Required: true}, queue: room}}}
	check := func(want, what string) {
		t.Helper()
		if is := w.condition(); is.kind != want || is.why == "" {
			t.Errorf("%s: %+v, want %s", what, is, want)
		}
	}
	check("up", "before the first message")
	w.heard.Store(time.Now().UnixNano())
	check("up", "a message came just now")
	w.heard.Store(time.Now().Add(-2 * time.Minute).UnixNano())
	check("no_data", "the last message is long ago")
	w.outs[0].queue = full
	check("up", "a sink holds the source up")
	w.outs[0].queue, w.cfg.NoData = room, 0
	check("up", "silence is not to be told of")
	noRoom := errors.New("no space left")
	w.com.noRoom.Store(&noRoom)
	check("down", "the disk is full")
	w.com.noRoom.Store(nil)
	src.up, src.err = false, errors.New("refused")
	check("down", "the broker is away")
	if is := w.condition(); !strings.Contains(is.why, "refused") {
		t.Errorf("the reason is missing: %s", is.why)
	}
}

func TestConditionOfASink(t *testing.T) {
	o := &outlet{cfg: OutletConfig{Sink: &quietSink{}}}
	if is := o.condition(); is.kind != "down" {
		t.Errorf("before the first write: %+v", is)
	}
	o.up.Store(true)
	if is := o.condition(); is.kind != "up" {
		t.Errorf("after a write: %+v", is)
	}
	o.cfg.Sink.(*quietSink).err = errors.New("refused")
	if is := o.condition(); is.kind != "down" || !strings.Contains(is.why, "refused") {
		t.Errorf("the sink knows better: %+v", is)
	}
}

// quietSink is a sink that knows how it is.
type quietSink struct {
	memSink
	err error
}

func (s *quietSink) Status() (bool, error) { return s.err == nil, s.err }
