package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quell-stream/quell/client"
	"github.com/quell-stream/quell/pipeline/view"
)

func TestTopTable(t *testing.T) {
	now := time.Unix(1000, 0).UTC()
	why := "stuck\x1b[31m\tfor long"
	g := &glance{
		status:  client.Status{Version: "1.0", Series: 12, Now: now, Parts: []client.Part{{Name: "sink clean", Up: true}, {Name: "source pumps"}}},
		streams: client.Streams{Streams: []view.Stream{{Name: "pumps", Messages: 300, Records: 280, Dead: 2, Latency: &view.Quantiles{P50: .001, P99: .0025}, Model: "base@1"}}},
		series: client.SeriesPage{Total: 12, Series: []view.Series{
			{Stream: "pumps", Series: "1", Drift: "fault", Arrived: view.Stamp(988e9), Why: &why, Score: 1.5, Channels: []view.Value{{Name: "temp", Raw: 21.5, Clean: 21, Lo: 20.5, Hi: 21.5, Method: "net"}, {}}},
			{Stream: "pumps", Series: "new", Drift: "learning", Learning: &view.Progress{Have: 25, Need: 100}, Score: view.NaN},
		}},
	}
	before := &glance{status: client.Status{Now: now.Add(-2 * time.Second)}, streams: client.Streams{Streams: []view.Stream{{Name: "fans", Messages: 7, Records: 7}, {Name: "pumps", Messages: 100, Records: 100}}}}
	var b bytes.Buffer
	g.write(&b, before, 0, false)
	want := `quell 1.0  not ready: source pumps is down  12 series  0 MB  00:16:40Z
pumps: 100 messages/s, 90 records/s, latency p50 1 ms, p99 2.5 ms, lag 0 s, model base@1, 2 dead letters
STATE          SERIES     RAW   CLEAN  ±    BY              SCORE  AGE  WHY
fault          pumps/1    21.5  21     0.5  net (temp, +1)  1.5    12s  stuck�[31m for long
learning 25 %  pumps/new  –     –      –                    –      –
… and 10 more
`
	if got := b.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	b.Reset()
	g.status.Version, g.status.Parts[1].Name = "\x1b[2J", "\x1b[2J"
	if g.write(&b, nil, 0, false); strings.Contains(b.String(), "\x1b") {
		t.Errorf("a terminal would obey %q", b.String())
	}
	b.Reset()
	g.write(&b, nil, 40, true)
	lines := strings.Split(b.String(), "\n")
	if !strings.Contains(lines[1], "300 messages, 280 records") || len([]rune(lines[1])) > 40 {
		t.Errorf("without a table before: %q", lines[1])
	}
	if !strings.HasPrefix(lines[3], "\x1b[31m") || !strings.HasSuffix(lines[3], "…\x1b[0m") {
		t.Errorf("in colour: %q", lines[3])
	}
}

// TestTopGoesOn: an instance that is away for a while ends no live table, one that is not
// there in the beginning does; after its restart counters are smaller and no rates.
func TestTopGoesOn(t *testing.T) {
	var looks atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look := looks.Load()
		switch {
		case look == 1 || look == 2:
			looks.Add(1)
			http.Error(w, `{"error":"the pipeline is not running"}`, http.StatusServiceUnavailable)
		case strings.HasSuffix(r.URL.Path, "/status"):
			fmt.Fprintf(w, `{"version":"1.%d","ready":true,"now":"2026-01-01T00:00:%02dZ"}`, look, look)
		case strings.HasSuffix(r.URL.Path, "/streams"):
			fmt.Fprintf(w, `{"streams":[{"name":"pumps","messages":%d,"records":1}]}`, 1000-100*look)
		default:
			looks.Add(1)
			fmt.Fprint(w, `{"total":0,"series":[]}`)
		}
	}))
	defer srv.Close()
	o := topOptions{every: time.Millisecond}
	o.address = srv.URL
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var b lines
	done := make(chan error, 1)
	go func() { done <- o.watch(ctx, &b, 10, 0) }()
	b.wait(t, `quell 1\.0 `)
	b.wait(t, "no answer, asking again: .*not running")
	b.wait(t, `quell 1\.4 .*\n.*pumps: 600 messages, 1 records`)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	looks.Store(1)
	if err := o.watch(t.Context(), io.Discard, 10, 0); err == nil {
		t.Error("an instance that was never there is waited for")
	}
}

// TestTopRow: a fault is shown as one though the series still learns, and of several channels
// the one that has a problem, or else a value.
func TestTopRow(t *testing.T) {
	none := view.Value{Name: "a", Raw: view.NaN, Clean: view.NaN, Quality: "bad"}
	well := view.Value{Name: "b", Raw: 1, Clean: 2, Quality: "good", Method: "net"}
	ill := view.Value{Name: "c", Raw: 3, Clean: 4, Quality: "uncertain", Method: "net"}
	for _, c := range []struct {
		series view.Series
		state  string
		raw    string
		by     string
	}{
		{view.Series{Drift: "fault", Learning: &view.Progress{Have: 7, Need: 100}, Channels: []view.Value{none, well}}, "fault", "1", "net (b, +1)"},
		{view.Series{Drift: "learning", Learning: &view.Progress{Have: 7, Need: 100}, Channels: []view.Value{well, ill}}, "learning 7 %", "3", "net (c, +1)"},
		{view.Series{Drift: "normal", Channels: []view.Value{none}}, "normal", "–", ""},
		{view.Series{Drift: "normal"}, "normal", "–", ""},
	} {
		if got := row(&c.series, time.Unix(0, 0)); got[0] != c.state || got[2] != c.raw || got[5] != c.by {
			t.Errorf("%v, want state %q, raw %q, by %q", got, c.state, c.raw, c.by)
		}
	}
}

func TestTapPrints(t *testing.T) {
	in := "event: hello\ndata: {\"v\":1}\n\n: beat\n\nevent: tap\ndata: {\"stream\":\"pumps\",\"arrow\":\"sink\",\"text\":\"a\\u001b[2J\",\"dropped\":3}\n\nevent: status\ndata: {}\n\nevent: tap\ndata: {\"stream\":\"pumps\",\"arrow\":\"drift\",\"text\":\"b\",\"dropped\":0}\n\n"
	o := tapOptions{lines: 2}
	var b bytes.Buffer
	if err := o.print(&b, strings.NewReader(in), true); err != nil {
		t.Fatal(err)
	}
	if want := "sink    pumps  a�[2J  (3 between)\ndrift   pumps  b\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	b.Reset()
	o.lines, o.asJSON = 0, true
	in += "event: tap\ndata: \x1b[2J\n\n"
	if err := o.print(&b, strings.NewReader(in), true); err == nil || strings.Count(b.String(), "\n") != 3 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("a stream that ends: %v, %q", err, b.String())
	}
}

func TestBarOfFineTune(t *testing.T) {
	all := []view.Adaptation{{Phase: view.Idle, Steps: 100}, {Phase: view.Training, Series: "pump-1", Steps: 300, Curve: []view.Step{{Step: 150}}}}
	if got, want := barOf(all), "       fine-tune  pump-1    ████████████░░░░░░░░░░░░  50 %"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := barOf(all[:1]); got != "" {
		t.Errorf("nothing trains: %q", got)
	}
}

func TestSpan(t *testing.T) {
	for seconds, want := range map[float64]string{.0025: "2.5 ms", -.03: "-30 ms", 30.2: "30.2 s", 5400: "1h30m0s"} {
		if got := brief(seconds); got != want {
			t.Errorf("brief %g: %q, want %q", seconds, got, want)
		}
	}
	for seconds, want := range map[float64]string{0: "0 s", .0251: "0.0251 s", 119: "119 s", 5400: "1h30m0s", 60e6: "694 days", 1.794e9: "57 years", -7180: "1h59m40s ahead", -.4: "-0.4 s"} {
		if got := span(seconds); got != want {
			t.Errorf("%g: %q, want %q", seconds, got, want)
		}
	}
}
