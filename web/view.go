package web

import (
	"context"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// View is what the handlers may know of a pipeline. Its methods must be safe for
// concurrent use.
type View interface {
	// Ready says whether every source and every required sink is up, and the
	// status of each.
	Ready() (bool, []pipeline.Status)
	Catalogue
	Told
	Watcher
	Learner
}

// Catalogue lists what there is. Errors wrap pipeline.ErrUnknown or pipeline.ErrBusy.
type Catalogue interface {
	Streams(ctx context.Context) []view.Stream
	Sinks() []view.Sink
	Series(ctx context.Context, q view.Query) (total int, page []view.Series, err error)
	OneSeries(ctx context.Context, stream, series string) (*view.Detail, error)
}

// Told lists what was told, newest first, and takes that somebody has seen it.
type Told interface {
	Events(q pipeline.EventQuery) []view.Event
	Letters(limit int, before int64) view.Letters
	// Told returns the events from number from on, oldest first, and the number that
	// comes next; below 0 only that.
	Told(from int64) (events []view.Event, next, lost int64)
	Acknowledge(ctx context.Context, stream, series, id string) error
}

// Learner shows what serves and what is learnt, and takes windows out of what is learnt
// from. Errors are those of Catalogue.
type Learner interface {
	Models(ctx context.Context) (view.Models, error)
	Replay(ctx context.Context, stream, series string) (*view.Replay, error)
	ReplayWindow(stream, series, id string) ([]view.Trace, error)
	ExcludeWindow(stream, series, id string, excluded bool) error
}

// Watcher has things kept while they are watched. What it returns as stop must be
// called in the end.
type Watcher interface {
	Watch(stream, series string) (f *view.Feed, stop func(), err error)
	Tap(stream, arrow string) (t *view.Tap, stop func(), err error)
}
