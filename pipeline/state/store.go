package state

import (
	"context"
	"errors"
)

// Store is where the checkpoints of a stream go: the files of a Stream, or a log that
// other processes read. Its methods are not safe for concurrent use.
type Store interface {
	// WantsFull says that the next checkpoint should be one of everything.
	WantsFull() bool
	// Full writes a checkpoint of everything, Change one of what changed since the
	// last one. They return once it is durable.
	Full(c Checkpoint) error
	Change(c Checkpoint) error
	// Decide makes a switch durable between two checkpoints.
	Decide(sw Switch) error
	// Decided returns the number of the latest switch made durable.
	Decided() uint64
	Close() error
}

// Shared is a Store of partitions that go from process to process.
type Shared interface {
	Store
	// Take begins with the partitions of a new assignment, which replaces the one
	// before, and returns what is known of each, in order. confirm says whether the
	// assignment still holds by the word of whoever gave it. It is asked after this
	// process has told all others that it takes over, and before anything is read.
	// Errors: ErrStale, one that wraps ErrRefused, or one that may pass. After an
	// error nothing has changed.
	Take(ctx context.Context, parts []Partition, confirm func(context.Context) error) ([]Taken, error)
	// Forget has the next Take keep nothing.
	Forget()
	// Abandon has writes that are under way fail. It may be called at any time.
	Abandon()
}

// Partition is a partition to take.
type Partition struct {
	Name   string // topic/number
	Number int32  // the same for co-partitioned topics: they are taken together
}

// Taken is what is known of a partition that was taken.
type Taken struct {
	// Kept: this process had the partition, and nobody else has had it since. What
	// it knows is the newest there is, and the rest is empty.
	Kept bool
	// Term is larger than that of whoever had the partition before.
	Term int64
	// Next is the first offset that the states do not reflect; -1: nothing is known.
	Next     int64
	Series   map[string][]byte
	Switches []Switch // that the states do not hold, in the order of their decision
	Meta     []byte   // of the head
	// Ahead are the series whose state reflects more than the head tells, with the
	// last offset that it does: the process before ended between the two. Series that
	// are gone are among them.
	Ahead map[string]int64
	// Models are what states and switches name, by name.
	Models map[string][]byte
	// Was is the number of partitions that the source had when this was written,
	// where it has another one now; else 0. Series have moved, then.
	Was int
}

// Errors of a Shared.
var (
	// ErrOver says that a checkpoint may or may not have become durable, or that
	// another process has taken over: nothing more may be written for the present
	// assignment, which is to be ended.
	ErrOver = errors.New("the partition has to be taken anew")
	// ErrStale says that the assignment does not hold any more.
	ErrStale = errors.New("the assignment is over")
	// ErrRefused says that trying again can't help.
	ErrRefused = errors.New("refused")
)

var _ Store = (*Stream)(nil)
