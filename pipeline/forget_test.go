package pipeline

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
)

// forgetful is a sink that keeps what it is to forget.
type forgetful struct {
	memSink
	marks []sink.Mark
	back  []string
}

func (s *forgetful) Forget(marks []sink.Mark) error {
	s.marks = append(s.marks, marks...)
	return nil
}

func (s *forgetful) Remember(alerts []string) error {
	s.back = append(s.back, alerts...)
	return nil
}

// TestGivenUpAlertsAreForgotten takes partitions away: the sinks forget the alerts
// that were open, up to where the series was, and those that an earlier process may
// have left; not those of what stays, nor those that are over. What comes back is
// remembered.
func TestGivenUpAlertsAreForgotten(t *testing.T) {
	eng, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"x"}}, &lines{})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	out := new(forgetful)
	w := &worker{name: "s", log: slog.New(slog.DiscardHandler), eng: eng, lost: map[string]bool{}, outs: []*outlet{{cfg: OutletConfig{Sink: out}}},
		snap: &state.Snapshot{Heads: map[string]int64{}, Series: map[string]map[string][]byte{"old": {"left": nil}, "stays": {}}}}
	for part, series := range map[string]string{"stays": "kept", "goes": "open", "goes too": "over"} {
		if err := eng.Push(part, []ingest.Sample{{Series: series, Time: 7e9, Value: 1}}, 0); err != nil {
			t.Fatal(err)
		}
		l := eng.lanes[series]
		l.publish(sink.Event{Stream: "s", Series: series, Kind: "drift.opened", Time: 7e9})
		if series == "over" {
			l.publish(sink.Event{Stream: "s", Series: series, Kind: "drift.resolved", Time: 8e9})
		}
	}
	w.forget(w.giveUp(map[string]bool{"stays": true}, map[string]int64{"stays": 1, "goes": 1, "goes too": 1}))
	slices.SortFunc(out.marks, func(a, b sink.Mark) int { return strings.Compare(a.Alert, b.Alert) })
	want := []sink.Mark{{Alert: "s/left/drift"}, {Alert: "s/open/drift", Time: 7e9}}
	if d := cmp.Diff(want, out.marks); d != "" {
		t.Error(d)
	}
	out.marks = nil
	w.lost["old"] = true
	if w.forget(w.giveUp(map[string]bool{"stays": true}, map[string]int64{"stays": 1})); out.marks != nil {
		t.Errorf("forgot %v once more", out.marks)
	}
	for _, part := range []string{"goes", "goes too"} {
		if next, err := w.restore(ingest.Partition{Name: part, Committed: 1}); err != nil || next != 1 {
			t.Fatalf("%s came back at %d, %v", part, next, err)
		}
	}
	if want := []string{"s/open/drift"}; !slices.Equal(out.back, want) {
		t.Errorf("remembered %v, want %v", out.back, want)
	}
}
