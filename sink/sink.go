// Package sink holds the vocabulary of the output side: the Record of one grid
// slot, the Event, their JSON form, and the Sink interface that the drivers
// below (sink/mqtt, sink/kafka, sink/file, sink/stdout, sink/webhook,
// sink/alertmanager) implement.
//
// Drivers import this package only.
package sink

import (
	"context"
	"errors"
	"fmt"
)

// Quality is the quality code of one value.
type Quality uint8

// The quality codes, as written in records.
const (
	Good        Quality = iota // measured and denoised
	Filled                     // missing, filled by the model
	Substituted                // an outlier, replaced
	Uncertain
	Bad // no usable value, or the reading of a sensor that is stuck
)

// String returns good, filled, substituted, uncertain or bad.
func (q Quality) String() string {
	return [...]string{"good", "filled", "substituted", "uncertain", "bad"}[q]
}

// Flags are the remarks on a value, a bit set.
type Flags uint16

// The flags; FlagNames gives their names in bit order.
const (
	WarmingUp       Flags = 1 << iota // scale or context still being learnt
	ColouredNoise                     // the noise is not white: the net may not help
	Held                              // the value of an earlier message, held on the grid
	FlagNull                          // the reading was null or absent
	FlagNonFinite                     // the reading was NaN or infinite
	FlagSentinel                      // the reading was a configured missing code
	FlagRange                         // the reading was outside min..max
	NoLookahead                       // finalised before its look-ahead was there (end of input, long gap)
	Cycles                            // earlier cycles of the signal had their share in the clean value
	ColourEstimated                   // the net is told the colour of the noise as the readings tell it
	Spike                             // the reading is far beyond what the channel reads; nothing rests on it
)

// FlagNames lists the names of the flags in bit order.
var FlagNames = []string{"warming_up", "coloured_noise", "held", "null", "non_finite", "sentinel", "out_of_range", "no_lookahead", "cycles", "colour_estimated", "spike"}

// Value is one channel of a record. NaN stands for null.
type Value struct {
	Raw, Clean, Lo, Hi float64
	Quality            Quality
	Method             string // net, raw, or a filter's name
	Flags              Flags
}

// Record is everything said about one grid slot of one series.
type Record struct {
	Time       int64 // event time of the slot, Unix ns
	Stream     string
	Series     string
	Epoch      int
	Rev        int      // 0 final, -1 provisional, n revised n times
	Channels   []string // names, shared by all records of the stream: read only
	Values     []Value  // one per channel
	Score      float64  // standardised log reconstruction error; NaN while unknown
	Drift      string   // learning, normal, warning, noise, regime, fault, unknown
	Model      string   // NAME@hhhhhh
	Lookahead  int
	Interval   float64 // the coverage that lo..hi claims
	TimeSource string
}

// Event is a change of state that people or machines may want to act on.
type Event struct {
	ID       string
	Time     int64 // Unix ns
	Stream   string
	Series   string
	Epoch    int
	Kind     string // drift.opened, model.promoted, …
	Severity string // info, warning, critical
	Why      string
	Model    string
	Data     map[string]any // small, JSON-encodable
	Link     string         // where a person looks, "" where none is configured
}

// Item is what a sink writes: exactly one of Record and Event is set. JSON is
// its encoded form without a trailing newline. All memory is shared and read
// only, and valid until Write returns.
type Item struct {
	Record *Record
	Event  *Event
	JSON   []byte
}

// Series returns the stream and the series that the item is about.
func (it *Item) Series() (stream, series string) {
	if it.Record != nil {
		return it.Record.Stream, it.Record.Series
	}
	return it.Event.Stream, it.Event.Series
}

// Sink writes items somewhere durable. Its methods are called in the order
// Open, Write …, Close, one after the other.
type Sink interface {
	// Open prepares the sink. An unreachable broker is not an error here:
	// Write reports it.
	Open(ctx context.Context) error
	// Write writes the items in order and returns nil once all of them are
	// durable on the other side. On an error any subset may have been written:
	// the caller sends the same items again (at least once; the key
	// (stream, series, epoch, ts, rev) makes that harmless). ErrPermanent says
	// that trying again can't help, ErrAll that other items can't either, and a
	// PartlyError that all others are written. With no items it returns nil once the other
	// side is known to be there and to take us, as far as that can be told.
	// A Write whose context has ended is to return soon. One that can't is left behind: its
	// items, which stay as they are, count as not written, and nothing else is called
	// before it returns.
	Write(ctx context.Context, items []Item) error
	// Close flushes and releases everything.
	Close(ctx context.Context) error
}

// ErrPermanent is wrapped by Write errors that a retry can't mend: a rejected
// credential, an item that the other side will never take.
var ErrPermanent = errors.New("permanent")

// ErrAll is an ErrPermanent that any other item would meet too.
var ErrAll = fmt.Errorf("no item will be taken: %w", ErrPermanent)

// PartlyError says that a Write is done but for items that the other side will never
// take. It wraps why, an ErrPermanent.
type PartlyError struct {
	Refused int // items
	Err     error
}

// Error implements error.
func (e *PartlyError) Error() string {
	if e.Refused == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (and %d more)", e.Err, e.Refused-1)
}

// Unwrap returns why the first of them is refused.
func (e *PartlyError) Unwrap() error { return e.Err }
