package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/pipeline/view"
)

// SeriesQuery chooses series. The zero value takes the first 200 of all, those that need
// somebody first.
type SeriesQuery struct {
	Stream string   // "": all
	Text   string   // part of the name
	State  []string // of view.Rank; none: all
	Sort   string   // view.ByProblem, view.ByName or view.ByAge
	Offset int
	Limit  int // up to 1,000
}

// Values returns the query as it stands in a URL.
func (q SeriesQuery) Values() url.Values {
	v := url.Values{}
	set(v, "stream", q.Stream)
	set(v, "q", q.Text)
	set(v, "state", strings.Join(q.State, ","))
	set(v, "sort", q.Sort)
	setInt(v, "offset", int64(q.Offset))
	setInt(v, "limit", int64(q.Limit))
	return v
}

// EventQuery chooses events. The zero value takes the newest 200.
type EventQuery struct {
	Stream, Series string
	Kind           string // or its beginning up to a dot
	Before         string // the id of an event: older ones
	Limit          int
}

// Where narrows a switch of models to a stream, and to a series of it. The zero value is
// everywhere.
type Where struct{ Stream, Series string }

func (w Where) values() url.Values {
	v := url.Values{}
	set(v, "stream", w.Stream)
	set(v, "series", w.Series)
	return v
}

func set(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func setInt(v url.Values, name string, n int64) {
	if n != 0 {
		v.Set(name, strconv.FormatInt(n, 10))
	}
}

// Status returns what there is to know of the process.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "status", nil)
}

// Streams returns streams and sinks.
func (c *Client) Streams(ctx context.Context) (Streams, error) {
	return get[Streams](ctx, c, "streams", nil)
}

// Series returns a page of series.
func (c *Client) Series(ctx context.Context, q SeriesQuery) (SeriesPage, error) {
	return get[SeriesPage](ctx, c, "series", q.Values())
}

// OneSeries returns a series, what serves it and why.
func (c *Client) OneSeries(ctx context.Context, stream, series string) (view.Detail, error) {
	return get[view.Detail](ctx, c, at("series", stream, series), nil)
}

// Acknowledge notes that somebody has seen an event, or the alert of that id.
func (c *Client) Acknowledge(ctx context.Context, stream, series, id string) error {
	_, err := post[struct{}](ctx, c, at("series", stream, series)+"/acknowledge", nil, map[string]string{"event": id})
	return err
}

// Events returns events, newest first, of the latest 2,000.
func (c *Client) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	v := url.Values{}
	set(v, "stream", q.Stream)
	set(v, "series", q.Series)
	set(v, "kind", q.Kind)
	set(v, "before", q.Before)
	setInt(v, "limit", int64(q.Limit))
	all, err := get[struct{ Events []Event }](ctx, c, "events", v)
	return all.Events, err
}

// Letters returns dead letters, newest first, of the latest 256: at most limit of them
// where it is above 0, and those before number before where that is.
func (c *Client) Letters(ctx context.Context, limit int, before int64) (view.Letters, error) {
	v := url.Values{}
	setInt(v, "limit", int64(limit))
	setInt(v, "before", before)
	return get[view.Letters](ctx, c, "dlq", v)
}

// Models returns the models that serve or may, and how far adaptation has come.
func (c *Client) Models(ctx context.Context) (view.Models, error) {
	return get[view.Models](ctx, c, "models", nil)
}

// Promote has a model serve, by hand, and returns the series that are switched, as
// stream/series.
func (c *Client) Promote(ctx context.Context, model string, in Where) ([]string, error) {
	all, err := post[struct{ Series []string }](ctx, c, at("models", model)+"/promote", in.values(), nil)
	return all.Series, err
}

// RollBack has the predecessor of a model serve where it serves, and returns the series
// that are switched.
func (c *Client) RollBack(ctx context.Context, model string, in Where) ([]string, error) {
	all, err := post[struct{ Series []string }](ctx, c, at("models", model)+"/rollback", in.values(), nil)
	return all.Series, err
}

// Replay returns what the replay buffer holds of a series.
func (c *Client) Replay(ctx context.Context, stream, series string) (view.Replay, error) {
	return get[view.Replay](ctx, c, at("replay", stream, series), nil)
}

// ReplayWindow returns the readings of a window of it.
func (c *Client) ReplayWindow(ctx context.Context, stream, series, id string) ([]view.Trace, error) {
	all, err := get[struct{ Channels []view.Trace }](ctx, c, at("replay", stream, series, id), nil)
	return all.Channels, err
}

// Exclude takes a window out of what is learnt from, Include back in.
func (c *Client) Exclude(ctx context.Context, stream, series, id string) error {
	_, err := post[struct{}](ctx, c, at("replay", stream, series, id)+"/exclude", nil, nil)
	return err
}

// Include takes a window back into what is learnt from.
func (c *Client) Include(ctx context.Context, stream, series, id string) error {
	_, err := post[struct{}](ctx, c, at("replay", stream, series, id)+"/include", nil, nil)
	return err
}

// Reload has the configuration read again. The error is *Mistakes where it can't be used.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return post[Reloaded](ctx, c, "reload", nil, nil)
}
