// Package ingest holds the vocabulary of the input side: a Message as a broker
// handed it over, the Samples decoded from it, and the Ack that travels with
// them to the far end of the pipeline and comes back when the message is
// finished.
//
// The package imports the standard library only. Drivers live below it
// (ingest/mqtt, ingest/kafka, ingest/file, ingest/sim, ingest/host), payload
// codecs in ingest/codec.
package ingest

import (
	"context"
	"errors"
	"fmt"
)

// TimeSource says where a sample's event time came from.
type TimeSource uint8

// The sources of event time, best first.
const (
	TimePayload TimeSource = iota // read from the payload
	TimeBroker                    // the broker's stamp (Kafka record time)
	TimeArrival                   // the stamp given when the message was stored here
)

// String returns the name used in records: payload, broker or arrival.
func (t TimeSource) String() string {
	switch t {
	case TimePayload:
		return "payload"
	case TimeBroker:
		return "broker"
	default:
		return "arrival"
	}
}

// Missing says why a sample has no value. The zero value means it has one.
type Missing uint8

// The reasons for a missing value.
const (
	Present    Missing = iota // the value is a finite number in range
	Null                      // null or an empty field
	NonFinite                 // NaN or an infinity
	Sentinel                  // one of the channel's configured missing codes
	OutOfRange                // outside the channel's min..max
)

// String returns a lower-case name of the reason, "" for Present.
func (m Missing) String() string {
	return [...]string{"", "null", "non_finite", "sentinel", "out_of_range"}[m]
}

// Sample is one reading of one channel of one series.
type Sample struct {
	Series     string
	Channel    int     // index into the stream's list of channels
	Time       int64   // event time, nanoseconds since the Unix epoch
	Value      float64 // finite where Missing is Present; else 0
	Missing    Missing
	TimeSource TimeSource
}

// Position is a message's place in its partition.
type Position struct {
	Part   int   // index into the Assignment's Parts
	Offset int64 // rises by at least one from message to message of a partition
}

// Message is what a transport delivered, before decoding. Its byte slices are
// valid until the delivery's Ack is done and must not be changed.
type Message struct {
	Topic   string
	Key     []byte
	Payload []byte
	Stored  int64 // the stored stamp: journal arrival or Kafka time, Unix ns
	// Broker says that Stored is the broker's own stamp rather than an arrival time.
	Broker bool
	// Headers are those that the message came with. They are filled in where it could
	// not be decoded, for the dead letter.
	Headers []Header
	// Size is the length of the payload as it came, where Payload holds only the
	// beginning of it; else 0.
	Size int64
}

// Header is a header of a message.
type Header struct {
	Key   string
	Value []byte
}

// Partition is an independent ordered log that a source reads.
type Partition struct {
	Name      string // stable over restarts: "telemetry.raw/3", "journal", "file"
	Number    int32  // the Kafka partition number; 0 elsewhere
	Committed int64  // first offset that the source itself holds to be unfinished, -1 if it can't tell
	// Mark is by what this log is known again, where another one may come to bear its name,
	// as the next recording does; nil: none may. It is kept beside the offset, and Same says
	// whether a mark that was kept, by an earlier process maybe, is of this log: of another
	// one no offset counts.
	Mark []byte
	Same func(mark []byte) bool
}

// Assignment tells the reader which partitions it owns from now on. It
// replaces every earlier one: whatever is known of partitions not named is to
// be dropped, and deliveries of earlier assignments no longer count. The reader
// must call Resume exactly once, with one first wanted offset per partition
// (-1: from Committed), before the source delivers anything of it.
type Assignment struct {
	Parts  []Partition
	Resume func(first []int64)
	// Confirm, where it is not nil, says by the word of whoever gave the assignment
	// whether it still holds: ErrStale that it does not. It may be called before
	// Resume.
	Confirm func(ctx context.Context) error
}

// ErrStale says that an assignment does not hold any more: another one follows.
var ErrStale = errors.New("the assignment is over")

// Rejoiner is implemented by sources that can give their assignment back and ask for
// another one.
type Rejoiner interface {
	// Rejoin ends the present assignment. It does not wait for the next one, and may
	// be called at any time.
	Rejoin()
}

// Delivery is one message on its way through the pipeline, or (Assignment not
// nil) a change of ownership.
type Delivery struct {
	Message
	Position
	Assignment *Assignment
	Samples    []Sample // valid until the next call of Next
	Err        error    // why the payload is malformed; Samples is then empty
	Skip       bool     // not for this replica (another shard owns it): ack and count as not_mine
	Ack        Ack
}

// Acker takes back the positions of finished messages. Implementations must be
// safe for concurrent use with Next.
type Acker interface {
	// Finished says that a durable checkpoint reflects the message at pos, which
	// was delivered under the given generation. Stale generations are ignored.
	Finished(generation int64, pos Position)
}

// Ack says once that its message is finished: a durable checkpoint reflects it,
// and everything computed from it and emitted before that checkpoint is
// durable. The zero Ack does nothing.
type Ack struct {
	To         Acker
	Generation int64
	Position   Position
}

// Done reports the message as finished.
func (a Ack) Done() {
	if a.To != nil {
		a.To.Finished(a.Generation, a.Position)
	}
}

// Source is a stream of deliveries. Its methods are called in the order Open,
// Next …, Close; Next is called from one goroutine at a time, and its first
// delivery is an Assignment. A source reconnects by itself and for ever; it
// returns an error only where waiting can't help (ErrRejected, a file that does
// not exist) or the context ended.
type Source interface {
	// Open starts the source. It returns once the source is set up, not once it
	// is connected.
	Open(ctx context.Context) error
	// Next blocks for the next delivery. io.EOF says that the input has ended.
	// With a context whose deadline has passed it polls: it returns what is ready
	// now, else the context's error.
	Next(ctx context.Context) (Delivery, error)
	// Close stops reading, gives finished positions back to the broker, and
	// releases everything. No delivery is valid afterwards.
	Close(ctx context.Context) error
}

// Decoder turns one message into samples. It appends to dst and returns it; an
// error is a MalformedError and leaves nothing of the message in dst.
// A Decoder may keep scratch memory: it is not safe for concurrent use.
type Decoder interface {
	Decode(dst []Sample, m *Message) ([]Sample, error)
}

// StatusReporter is implemented by sources and sinks that know whether they
// are connected.
type StatusReporter interface {
	// Status returns whether the component is up, and if not, the last error.
	Status() (up bool, err error)
}

// ErrRejected says that the other side refused us (credentials, no right) and
// that trying again with the same configuration can't help.
var ErrRejected = errors.New("rejected")

// MalformedError says why a payload can't be decoded.
type MalformedError struct {
	Reason string // a short stable code: json, field_missing, not_a_number, time, series, csv, too_large, topic
	Detail string // one sentence for people
}

// Error implements error.
func (e *MalformedError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// Malformed returns a MalformedError with a formatted detail.
func Malformed(reason, format string, args ...any) error {
	return &MalformedError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
