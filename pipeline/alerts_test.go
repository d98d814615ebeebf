package pipeline

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// eventsOf keeps the events that it is told.
type eventsOf struct{ got []sink.Event }

func (o *eventsOf) Record(*sink.Record)             {}
func (o *eventsOf) Event(e sink.Event)              { o.got = append(o.got, e) }
func (o *eventsOf) Dead(ingest.Sample, window.Fate) {}
func (o *eventsOf) kinds() (kinds []string) {
	for _, e := range o.got {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func alertLane(t *testing.T) (*lane, *eventsOf) {
	t.Helper()
	out := &eventsOf{}
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"v"}, Window: window.Config{RateHz: 1}, Link: "https://q/{series}"}, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	l, err := e.lane("p", "a/b")
	if err != nil {
		t.Fatal(err)
	}
	return l, out
}

func (l *lane) say(at time.Duration, kind string) {
	l.eng.event(l, int64(at), kind, "warning", "because", map[string]any{"kind": "noise"})
}

// TestAlertLife checks what every event of an alert carries.
func TestAlertLife(t *testing.T) {
	l, out := alertLane(t)
	l.say(time.Second, "drift.opened")
	l.say(2*time.Second, "drift.updated")
	l.say(3*time.Second, "drift.resolved")
	l.say(4*time.Second, "drift.opened")
	if want := []string{"drift.opened", "drift.updated", "drift.resolved", "drift.opened"}; !slices.Equal(out.kinds(), want) {
		t.Fatalf("told %v, want %v", out.kinds(), want)
	}
	ids := map[string]bool{}
	for i, e := range out.got {
		if id, _ := e.Alert(); id != "s/a%2Fb/drift" {
			t.Errorf("event %d belongs to the alert %q", i, id)
		}
		since := []string{"1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z", "1970-01-01T00:00:04Z"}[i]
		if e.Data["since"] != since || e.Link != "https://q/a%2Fb" {
			t.Errorf("event %d: since %v, link %q; want since %s", i, e.Data["since"], e.Link, since)
		}
		ids[e.ID] = true
	}
	if len(ids) != len(out.got) {
		t.Errorf("the events share keys: %v", ids)
	}
}

// TestAwayWaits: that a level that stays away is taken as usual is told only once it was quiet,
// also over a restart, and what the monitor names before goes on with the alert.
func TestAwayWaits(t *testing.T) {
	away := func(l *lane, at time.Duration) {
		l.eng.event(l, int64(at), "drift.resolved", "info", "stays moved", map[string]any{"kind": "unknown", stayedAway: true})
	}
	l, out := alertLane(t)
	l.say(100*time.Second, "drift.opened")
	away(l, 115*time.Second)
	l.release(int64(200 * time.Second))
	l.say(210*time.Second, "drift.opened")
	l.release(int64(211 * time.Second))
	if want := []string{"drift.opened", "drift.updated"}; !slices.Equal(out.kinds(), want) {
		t.Fatalf("told %v, want %v", out.kinds(), want)
	}
	away(l, 300*time.Second)
	state := l.alerts.appendState(nil)
	l.alerts = alerts{}
	if r := wire.NewReader(state); true {
		if l.alerts.restoreState(r); r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	l.release(int64(555 * time.Second))
	if n := len(out.got); n != 2 {
		t.Fatalf("told %v before it was quiet for %d slots", out.kinds(), awaySlots)
	}
	l.release(int64(556 * time.Second))
	if n := len(out.got); n != 3 || out.got[2].Kind != "drift.resolved" || out.got[2].Time != int64(300*time.Second) {
		t.Fatalf("told %+v, want the end of the alert at 300 s", out.got)
	}
}

// TestFlapping lets a series flap for half an hour. What is told stays within
// the bound, says of every event that was kept back, and ends with the truth.
func TestFlapping(t *testing.T) {
	for _, last := range []string{"drift.resolved", "drift.opened"} {
		l, out := alertLane(t)
		n := 0
		at := time.Duration(0)
		kind := ""
		for kind != last || at < 30*time.Minute {
			at += 30 * time.Second
			l.release(int64(at))
			kind = []string{"drift.opened", "drift.resolved"}[n%2]
			l.say(at, kind)
			n++
		}
		at += alertEvery
		l.release(int64(at))
		told := int64(0)
		for i, e := range out.got {
			_, phase := e.Alert()
			open := i > 0 && out.got[i-1].Kind != "drift.resolved"
			if open == (phase == sink.Open) {
				t.Errorf("event %d is %s after %v", i, e.Kind, out.kinds()[:i])
			}
			if m, ok := e.Data["muted"].(int64); ok {
				told += m
			}
		}
		if most := alertBurst + int(at/alertEvery); len(out.got) > most {
			t.Errorf("%d events were told in %s, the bound is %d", len(out.got), at, most)
		}
		told += l.alerts.muted // the next event will say so
		if int(told)+len(out.got) != n || l.eng.muted != told {
			t.Errorf("%d were told, %d are said to be kept back and %d counted; there were %d", len(out.got), told, l.eng.muted, n)
		}
		if closed := out.got[len(out.got)-1].Kind == "drift.resolved"; closed != (last == "drift.resolved") {
			t.Errorf("the last event told is %s, the truth is %s", out.got[len(out.got)-1].Kind, last)
		}
	}
}

func TestRemarksAreBounded(t *testing.T) {
	l, out := alertLane(t)
	for i := range 100 {
		l.say(time.Duration(i)*time.Second, "series.reset")
	}
	l.say(100*time.Second, "model.promoted")
	l.say(101*time.Second, "drift.opened")
	if len(out.got) != alertBurst+2 {
		t.Fatalf("told %v", out.kinds())
	}
	if m := out.got[alertBurst+1].Data["muted"]; m != int64(100-alertBurst) {
		t.Errorf("the alert says that %v events were kept back, want %d", m, 100-alertBurst)
	}
}

func TestAlertsState(t *testing.T) {
	l, _ := alertLane(t)
	for i := range 2*alertBurst + 1 {
		l.say(time.Duration(i)*time.Second, []string{"drift.opened", "drift.resolved"}[i%2])
	}
	if l.alerts.held == nil {
		t.Fatal("nothing is held")
	}
	b := l.alerts.appendState(nil)
	var got alerts
	r := wire.NewReader(b)
	got.restoreState(r)
	if r.Err() != nil || len(r.Rest()) != 0 {
		t.Fatalf("restore: %v, %d bytes left", r.Err(), len(r.Rest()))
	}
	if d := cmp.Diff(l.alerts, got, cmp.AllowUnexported(alerts{}, bucket{})); d != "" {
		t.Error(d)
	}
	for n := range b {
		r := wire.NewReader(b[:n])
		if new(alerts).restoreState(r); r.Err() == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(b))
		}
	}
}
