package mqtt

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/internal/seglog"
)

const (
	groupRecords = 1000                 // an fsync at the latest after so many messages
	groupTime    = 5 * time.Millisecond // or after so long
	// groupSpace is the least time between two groups. An idle source syncs at
	// once; under load an fsync for each handful of messages, with the wake-ups
	// around it, would cost more than everything else here together.
	groupSpace = time.Millisecond
	cutBytes   = 64 << 10 // how much of a message too large is kept
	// mostUnderWay is of how many of the latest messages the broker may send one again.
	// It has 65,535 identifiers and commonly takes them in turn: what has one that is half
	// a round old is another message, though it may read the same.
	mostUnderWay = 1 << 15
)

// appender is what the journal asks of a seglog.Log; tests make one fail.
type appender interface {
	Append(kind uint8, payload ...[]byte) (int64, error)
	Sync() error
	MaxPayload() int64
	Bytes() int64
}

// journal moves arrivals into the log, makes them durable in groups, and
// acknowledges them. One goroutine runs it.
type journal struct {
	log  appender
	in   *intake
	slog *slog.Logger
	// committed is called after each successful group.
	committed func()
	wait      *backoff.ExponentialBackOff // while the disk refuses

	// pending is what was taken from the intake and is not acknowledged.
	pending []pending
	began   time.Time // when the first of pending was taken
	synced  time.Time // when the last group was
	head    []byte
	ids     []uint16

	// seen holds, by packet identifier, the hash of the last QoS 1 message journalled
	// under it, and heard how many of QoS 1 had come before it.
	seen  [1 << 16]uint64
	heard [1 << 16]uint64
	count uint64 // messages of QoS 1
	seed  maphash.Seed

	room    chan struct{}   // signalled by trimming while stalled
	stop    <-chan struct{} // closed: finish what is queued, if nothing stands in the way
	stalled atomic.Bool
	failed  atomic.Pointer[error] // why the disk refuses, nil while it doesn't

	journalled, redelivered, cut, syncs atomic.Int64
}

// pending is an arrival on its way to its acknowledgement.
type pending struct {
	arrival
	index int64 // in the log; unstored, or noRecord
}

const (
	unstored = -1
	noRecord = -2 // acknowledge only
)

// remember fills seen from the newest records, so that what the broker sends
// again after a restart is recognised.
func (j *journal) remember(log *seglog.Log) error {
	r := log.Reader(log.Next() - mostUnderWay)
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return r.Close()
		}
		if err != nil {
			return errors.Join(err, r.Close())
		}
		e, err := parseRecord(rec)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		if e.id == 0 {
			continue
		}
		j.count++
		if e.flags&flagCut == 0 {
			j.seen[e.id], j.heard[e.id] = j.hash(string(e.topic), e.payload), j.count
		}
	}
}

// again says whether a message of QoS 1 has come before. If so, its first copy is in the
// log, or before it in pending: either way durable once this group is.
func (j *journal) again(a *arrival) bool {
	h := j.hash(a.topic, a.payload)
	had := a.flags&flagDup != 0 && j.seen[a.id] == h && j.count-j.heard[a.id] < mostUnderWay
	j.seen[a.id], j.heard[a.id] = h, j.count
	return had
}

// hash never returns 0, which stands for nothing in seen.
func (j *journal) hash(topic string, payload []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(j.seed)
	h.WriteString(topic) // writes to a hash never fail
	h.WriteByte(0)
	h.Write(payload)
	return h.Sum64() | 1
}

// run works until stop is closed and everything queued is durable, or can't
// become so, or ctx ends.
func (j *journal) run(ctx context.Context) {
	space := time.NewTimer(0)
	defer space.Stop()
	var batch []arrival
	for {
		// Once a group is open, more may join it until the timer fires.
		var due <-chan time.Time
		if len(j.pending) > 0 {
			due = space.C
		}
		stopped := false
		select {
		case <-j.in.wake:
		case <-due:
			if !j.commit(ctx) {
				return
			}
		case <-ctx.Done():
			return
		case <-j.stop:
			stopped = true
		}
		for !j.in.empty() {
			batch = j.in.take(batch)
			for i := range batch {
				j.add(batch[i])
				if len(j.pending) < groupRecords && time.Since(j.began) < groupTime {
					continue
				}
				if !j.commit(ctx) {
					return
				}
			}
		}
		left := groupSpace - time.Since(j.synced)
		if (left <= 0 || stopped) && !j.commit(ctx) {
			return
		}
		if stopped {
			return
		}
		if len(j.pending) > 0 {
			space.Reset(left)
		}
	}
}

// add decides what becomes of an arrival.
func (j *journal) add(a arrival) {
	if a.reset {
		// Packet identifiers begin anew: what they meant before must not be taken
		// for a redelivery.
		clear(j.seen[:])
		return
	}
	if len(j.pending) == 0 {
		j.began = time.Now()
	}
	p := pending{arrival: a, index: unstored}
	if a.id != 0 {
		j.count++
	}
	switch {
	case a.skip:
		p.index = noRecord
	case a.id != 0 && j.again(&a):
		p.index = noRecord
		j.redelivered.Add(1)
	}
	j.pending = append(j.pending, p)
}

// commit makes everything pending durable and acknowledges it, however long
// that takes. It returns false if ctx ended first, or if it would have to wait
// after stop.
func (j *journal) commit(ctx context.Context) bool {
	for len(j.pending) > 0 {
		n, err := j.store()
		if n > 0 {
			// When the log is full, what still went in must not wait for room.
			if serr := j.log.Sync(); serr == nil {
				j.acknowledge(n)
			} else {
				err = serr
			}
		}
		if err == nil {
			j.recovered()
		} else if !j.bide(ctx, err) {
			return false
		}
	}
	return true
}

// store appends what is not in the log yet. It returns how many of pending are
// in it, or need not be, before the first that is refused.
func (j *journal) store() (int, error) {
	for i := range j.pending {
		p := &j.pending[i]
		if p.index != unstored {
			continue
		}
		index, err := j.append(&p.arrival)
		if err != nil {
			var we *seglog.WriteError
			if errors.As(err, &we) {
				return j.unstore(we), err
			}
			return i, err
		}
		p.index = index
	}
	return len(j.pending), nil
}

// unstore marks what a failed write took back, and returns how many of pending
// come before it.
func (j *journal) unstore(we *seglog.WriteError) int {
	n := len(j.pending)
	for i := len(j.pending) - 1; i >= 0; i-- {
		p := &j.pending[i]
		if p.index >= we.From {
			p.index = unstored
		}
		if p.index == unstored {
			n = i
		}
	}
	return n
}

func (j *journal) append(a *arrival) (int64, error) {
	payload := a.payload
	if int64(recordHeader+len(a.topic)+len(payload)) > j.log.MaxPayload() {
		a.flags |= flagCut
		payload = payload[:min(len(payload), cutBytes)]
	}
	j.head = appendHeader(j.head[:0], a)
	j.head = append(j.head, a.topic...)
	return j.log.Append(kindMessage, j.head, payload)
}

// acknowledge sends the PUBACKs of the first n of pending, which are durable,
// in order, each over the connection that its message came by.
func (j *journal) acknowledge(n int) {
	j.syncs.Add(1)
	var c *mqttconn.Client
	flush := func() {
		if len(j.ids) > 0 {
			// A connection that was lost meanwhile has no use for them: the broker
			// will send the messages again, and they will be recognised.
			_ = c.Ack(j.ids)
		}
		j.ids = j.ids[:0]
	}
	stored := int64(0)
	for i := range j.pending[:n] {
		p := &j.pending[i]
		if p.index >= 0 {
			stored++
			if p.flags&flagCut != 0 {
				j.cut.Add(1)
			}
		}
		if p.id == 0 {
			continue
		}
		if p.from != c {
			flush()
			c = p.from
		}
		j.ids = append(j.ids, p.id)
	}
	flush()
	j.journalled.Add(stored)
	rest := copy(j.pending, j.pending[n:])
	clear(j.pending[rest:])
	j.pending = j.pending[:rest]
	j.began = time.Now()
	j.synced = j.began
	j.committed()
}

// bide waits until it makes sense to try again after err.
func (j *journal) bide(ctx context.Context, err error) bool {
	if errors.Is(err, seglog.ErrFull) {
		if !j.stalled.Swap(true) {
			// Trimming may have come just before stalled was set: try once more.
			j.slog.Warn("mqtt: the journal is full; acknowledgements stop until the pipeline has caught up", "bytes", j.log.Bytes())
			return ctx.Err() == nil
		}
		select {
		case <-j.room:
			return true
		case <-j.stop:
			return false // the broker keeps what is not acknowledged
		case <-ctx.Done():
			return false
		}
	}
	var we *seglog.WriteError
	if errors.As(err, &we) {
		j.unstore(we)
	}
	if j.failed.Swap(&err) == nil {
		j.slog.Error("mqtt: the journal can't be written; acknowledgements stop and the messages stay with the broker until it can", "err", err)
		j.wait.Reset()
	}
	t := time.NewTimer(j.wait.NextBackOff())
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.stop:
		return false
	case <-ctx.Done():
		return false
	}
}

// recovered notes that a group was stored.
func (j *journal) recovered() {
	if j.stalled.Swap(false) {
		j.slog.Info("mqtt: the journal has room again")
	}
	if j.failed.Swap(nil) != nil {
		j.slog.Info("mqtt: the journal can be written again")
	}
}

// err returns why the journal takes nothing at the moment.
func (j *journal) err() error {
	if p := j.failed.Load(); p != nil {
		return *p
	}
	return nil
}
