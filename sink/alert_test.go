package sink

import "testing"

func TestAlert(t *testing.T) {
	for _, c := range []struct {
		kind, series string
		data         map[string]any
		id           string
		phase        Phase
	}{
		{"drift.opened", "a/b", nil, "pumps/a%2Fb/drift", Open},
		{"drift.updated", "a/b", nil, "pumps/a%2Fb/drift", Update},
		{"drift.resolved", "a/b", nil, "pumps/a%2Fb/drift", Resolve},
		{"source.down", "", nil, "pumps//source", Open},
		{"source.no_data", "", nil, "pumps//source", Open},
		{"source.up", "", nil, "pumps//source", Resolve},
		{"sink.down", "", map[string]any{"sink": "clean"}, "pumps//sink/clean", Open},
		{"sink.up", "", map[string]any{"sink": "clean"}, "pumps//sink/clean", Resolve},
		{"model.promoted", "a", nil, "", NoAlert},
		{"series.reset", "a", nil, "", NoAlert},
		{"drift", "a", nil, "", NoAlert},
		{"", "", nil, "", NoAlert},
	} {
		e := &Event{Stream: "pumps", Series: c.series, Kind: c.kind, Data: c.data}
		if id, p := e.Alert(); id != c.id || p != c.phase {
			t.Errorf("%s of %q: alert %q, %q; want %q, %q", c.kind, c.series, id, p, c.id, c.phase)
		}
	}
}

func TestFillLink(t *testing.T) {
	e := &Event{Stream: "pumps", Series: "hall 2/pump&3", Kind: "drift.opened", Time: 1_795_435_200_123_456_789}
	for tmpl, want := range map[string]string{
		"": "",
		"https://q/?stream={stream}&series={series}&at={ms}": "https://q/?stream=pumps&series=hall+2%2Fpump%263&at=1795435200123",
		"https://q/{kind}/{nothing}":                         "https://q/drift.opened/{nothing}",
	} {
		if got := FillLink(tmpl, e); got != want {
			t.Errorf("%q gives %q, want %q", tmpl, got, want)
		}
	}
}
