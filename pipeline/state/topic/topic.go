// Package topic keeps the checkpoints of a stream in a compacted topic, one partition
// of it per partition of the source, so that a partition goes to another process with
// its state.
//
// Whoever is given a partition claims it by a record in its log. The place of the
// claim makes the number of the generation, under which all keys of this owner stand:
// what an owner of before still writes, or what arrives late of it, changes no key of
// this one. Then it reads the log up to its claim and goes on from the newest
// generation that has a head. Each checkpoint is written in the order models, states,
// head; the first one of a generation holds every state that there is, and removes the
// generations before once its head stands. A write of which nobody knows whether it
// arrived ends the generation (state.ErrOver).
//
// docs/decisions/0008-state-topic.md says why this loses nothing and repeats nothing,
// docs/formats/state.md has the bytes, and the test TestProtocol goes through crashes,
// delays, rebalances and compactions.
package topic

import (
	"context"
	"errors"
	"log/slog"

	"github.com/quell-stream/quell/pipeline/state"
)

// Record is a record of a partition of the log.
type Record struct {
	Offset int64 // set by Read
	Key    []byte
	Value  []byte // nil: the key is removed
}

// Log is a compacted topic: of each partition at least the newest record of every key
// is there, in order. Its methods are safe for concurrent use.
type Log interface {
	// Prepare sees to it that the topic is there, is compacted and has a partition for
	// each of the source's, and returns how many these are. An error that wraps
	// state.ErrRefused says what somebody has to do first.
	Prepare(ctx context.Context) (partitions int, err error)
	// Append adds records to a partition, all or none, and returns the offset of the
	// first once they are durable. After an error they may be there, or may yet arrive.
	Append(ctx context.Context, partition int32, recs []Record) (base int64, err error)
	// Read calls each with the records of a partition from one offset up to another, to
	// <0: up to the end as of now, and returns the offset behind them. A Record is valid
	// during the call. An error of each ends it and is returned as it is.
	Read(ctx context.Context, partition int32, from, to int64, each func(Record) error) (next int64, err error)
	// Limit returns how many bytes the keys and values of one Append may have in all.
	Limit() int
	// Name names the topic in messages.
	Name() string
	Close()
}

// errFormat is what a log that holds something else is refused with.
var errFormat = errors.New("it is no state of a stream")

// Store implements state.Shared on a Log.
type Store struct {
	log    Log
	group  string
	slog   *slog.Logger
	stop   context.Context // ends with Abandon
	cancel context.CancelFunc

	tenures map[int32]*tenure // by number of the partition
	decided uint64            // number of the latest switch
}

var _ state.Shared = (*Store)(nil)

// New returns a store on a log, which it closes. group names those that share the
// partitions: what another one has written is refused. Nothing is read or written yet.
func New(log Log, group string, logger *slog.Logger) *Store {
	s := &Store{log: log, group: group, slog: logger, tenures: map[int32]*tenure{}}
	s.stop, s.cancel = context.WithCancel(context.Background())
	return s
}

// WantsFull implements state.Store: the first checkpoint of a partition is one of
// everything, and no other.
func (s *Store) WantsFull() bool { return false }

// Full implements state.Store.
func (s *Store) Full(c state.Checkpoint) error { return s.Change(c) }

// Decided implements state.Store.
func (s *Store) Decided() uint64 { return s.decided }

// Forget implements state.Shared.
func (s *Store) Forget() { clear(s.tenures) }

// Abandon implements state.Shared.
func (s *Store) Abandon() { s.cancel() }

// Close implements state.Store.
func (s *Store) Close() error {
	s.cancel()
	s.log.Close()
	return nil
}
