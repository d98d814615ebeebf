package state

import "context"

// Promotion is the word that a model serves all series of a stream from now on.
type Promotion struct {
	// Term is that of the process that decides on the models: whoever decided before
	// it had a smaller one.
	Term      int64
	Lookahead int    // of the model, samples: it replaces others of the same
	Name      string // of the model
	Model     []byte // its file
	Kind, Why string // of the event
	Rebase    bool   // what there is at present is what it was made for
}

// Models passes promotions on between processes that have the series of one stream
// among them. Its methods are for one goroutine at a time, but for Close.
type Models interface {
	// Announce returns once all others will hear of a promotion, and whoever comes
	// later. After an error they may. An error that wraps ErrRefused can't pass.
	Announce(ctx context.Context, p Promotion) error
	// News returns the promotions since the last call, at first that of each look-ahead
	// that holds, in their order. Of one look-ahead that of the latest term holds, whatever
	// a process of an earlier one adds.
	News(ctx context.Context) ([]Promotion, error)
	Close() error
}
