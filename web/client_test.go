package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quell-stream/quell/client"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// TestClient: the client reads what a pipeline that runs answers, and each path of the API
// is one that it asks.
func TestClient(t *testing.T) {
	r := runPipeline(t, 2000, Config{Version: "1.0", Reload: nothingNew{}})
	wait(t, "a drift, and the end of what came", func() bool {
		d, err := r.OneSeries(t.Context(), "pumps", "jumps/1")
		return err == nil && d.N > 1970 && len(r.Events(pipeline.EventQuery{Kind: "drift", Limit: 1})) > 0
	})
	var mu sync.Mutex
	var asked []string
	inner := r.server.Config.Handler
	seen := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		asked = append(asked, req.Method+" "+req.URL.EscapedPath())
		mu.Unlock()
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(seen.Close)
	t.Cleanup(seen.CloseClientConnections)
	c, err := client.New(seen.URL, testToken)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	try := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	status, err := c.Status(ctx)
	if try("status", err); status.Version != "1.0" || !status.Writes || len(status.Parts) == 0 || status.Now.IsZero() {
		t.Errorf("%+v", status)
	}
	streams, err := c.Streams(ctx)
	if try("streams", err); len(streams.Streams) != 1 || streams.Streams[0].Records == 0 || len(streams.Sinks) < 2 {
		t.Errorf("%+v", streams)
	}
	page, err := c.Series(ctx, client.SeriesQuery{Stream: "pumps", Text: "JUMPS", Sort: view.ByName, Limit: 5})
	if try("series", err); page.Total != 1 || page.Series[0].Series != "jumps/1" {
		t.Errorf("%+v", page)
	}
	one, err := c.OneSeries(ctx, "pumps", "jumps/1")
	if try("one series", err); one.Series.Series != "jumps/1" || len(one.Guard) == 0 {
		t.Errorf("%+v", one)
	}
	events, err := c.Events(ctx, client.EventQuery{Kind: "drift", Limit: 3})
	if try("events", err); len(events) == 0 || events[0].Why == "" || events[0].Time.IsZero() {
		t.Fatalf("%+v", events)
	}
	try("acknowledge", c.Acknowledge(ctx, "pumps", "jumps/1", events[0].ID))
	if _, err := c.Events(ctx, client.EventQuery{Stream: "nope"}); err == nil || !strings.Contains(err.Error(), `there is no stream "nope"`) {
		t.Errorf("events of a stream that is not there: %v", err)
	}
	if events, err = c.Events(ctx, client.EventQuery{Kind: "drift", Limit: 1}); err != nil || !events[0].Acknowledged {
		t.Errorf("it is not acknowledged: %+v, %v", events, err)
	}
	letters, err := c.Letters(ctx, 10, 0)
	if try("letters", err); len(letters.Letters) != 1 || string(letters.Letters[0].Payload) != "{" {
		t.Errorf("%+v", letters)
	}
	models, err := c.Models(ctx)
	if try("models", err); len(models.Models) == 0 {
		t.Errorf("%+v", models)
	}
	var replay view.Replay
	wait(t, "a window", func() bool {
		replay, err = c.Replay(ctx, "pumps", "steady")
		return err == nil && len(replay.Windows) > 0
	})
	id := replay.Windows[0].ID
	traces, err := c.ReplayWindow(ctx, "pumps", "steady", id)
	if try("window", err); len(traces) != 1 || len(traces[0].Values) != 64 {
		t.Errorf("%+v", traces)
	}
	try("exclude", c.Exclude(ctx, "pumps", "steady", id))
	try("include", c.Include(ctx, "pumps", "steady", id))
	_, err = c.Reload(ctx)
	try("reload", err)
	var no *client.Error
	for _, do := range []func(context.Context, string, client.Where) ([]string, error){c.Promote, c.RollBack} {
		if _, err := do(ctx, "none@123456", client.Where{Stream: "pumps"}); !errors.As(err, &no) || no.Code != http.StatusNotFound {
			t.Errorf("a model that is not there: %v", err)
		}
	}
	var kinds []string
	for m, err := range c.Live(ctx, client.TopicStatus, client.TopicGrid("pumps"), client.TopicSeries("pumps", "jumps/1"), client.TopicTap("pumps", "sink")) {
		try("live", err)
		if kinds = append(kinds, m.Kind); m.Kind == "grid" {
			break
		}
	}
	if !slices.Contains(kinds, "hello") || !slices.Contains(kinds, "status") {
		t.Errorf("the live stream told %v", kinds)
	}
	if _, err := (&client.Client{Base: c.Base}).Status(ctx); !errors.Is(err, client.ErrToken) {
		t.Errorf("without the token: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for pattern := range descriptions {
		like := regexp.MustCompile("^" + regexp.MustCompile(`\\{[a-z]+\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), "[^/]+") + "$")
		if !strings.HasSuffix(pattern, "openapi.json") && !slices.ContainsFunc(asked, like.MatchString) {
			t.Errorf("the client never asks %s; it asked %v", pattern, asked)
		}
	}
}
