package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/internal/wire"
)

// A share of switchShare of a bounded capture is for switches alone, so that those
// that the last deliveries lead to have room.
const switchShare = 16

// syncEvery is how long a frame may wait for its fsync.
const syncEvery = time.Second

// Writer writes a capture. It is safe for concurrent use by the streams' workers.
type Writer struct {
	dir  string
	log  *seglog.Log
	h    Header
	full func()
	room int64 // for all but switches; 0: no bound

	mu     sync.Mutex
	synced time.Time
	ended  bool // there is no more room
}

// Create begins a capture in dir, which must be empty or not there. maxBytes, if not
// 0, bounds it: a delivery that does not fit is neither kept nor given to the workers,
// and full is called once, which should end the run.
func Create(dir string, h Header, maxBytes int64, full func()) (*Writer, error) {
	if names, err := os.ReadDir(dir); err == nil && len(names) > 0 {
		return nil, fmt.Errorf("capture: %s is not empty: name a new folder", dir)
	}
	log, err := seglog.Open(dir, seglog.Options{MaxBytes: maxBytes})
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	h.Version = Version
	w := &Writer{dir: dir, log: log, h: h, full: full, room: maxBytes - maxBytes/switchShare, synced: time.Now()}
	b, err := json.Marshal(h)
	if err == nil {
		_, err = log.Append(kindHeader, b)
	}
	if err == nil {
		err = log.Sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("capture: %w", err), log.Close())
	}
	return w, nil
}

// append adds a frame that is no switch. It returns false where there is no more
// room.
func (w *Writer) append(kind uint8, payload []byte) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false, nil
	}
	var err error
	if full := w.room > 0 && w.log.Bytes()+int64(len(payload)) > w.room; !full {
		err = w.put(kind, payload)
		full = errors.Is(err, seglog.ErrFull)
		if !full {
			return err == nil, err
		}
	}
	w.ended = true
	if w.full != nil {
		w.full()
	}
	return false, nil
}

// put adds a frame and has it durable within syncEvery or so.
func (w *Writer) put(kind uint8, payload []byte) error {
	_, err := w.log.Append(kind, payload)
	if err == nil && time.Since(w.synced) >= syncEvery {
		w.synced = time.Now()
		err = w.log.Sync()
	}
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// Switch keeps a switch of a stream's series. One that does not fit is an error that
// should end the run: what comes after it would not be what a replay that obeys the
// switches gives.
func (w *Writer) Switch(stream string, s Switch) error {
	b := wire.U64(nil, uint64(w.index(stream)))
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.put(kindSwitch, wire.Bytes(wire.String(wire.String(b, s.Part), s.Series), s.Data))
	if errors.Is(err, seglog.ErrFull) {
		return fmt.Errorf("%w: a switch of series %s can't be kept, and a replay of what follows would do without it: give the capture more room", err, s.Series)
	}
	return err
}

func (w *Writer) index(stream string) int {
	return slices.IndexFunc(w.h.Streams, func(s Stream) bool { return s.Name == stream })
}

// Models returns the folder for the models that were switched to.
func (w *Writer) Models() string { return filepath.Join(w.dir, models) }

// State returns the folder for the state that the streams begin with.
func (w *Writer) State() string { return filepath.Join(w.dir, state) }

// Bytes returns the size of the log.
func (w *Writer) Bytes() int64 { return w.log.Bytes() }

// Close ends the capture with a frame that says so, makes it durable and closes it.
// Its sources must be closed.
func (w *Writer) Close() error {
	_, err := w.log.Append(kindClosed)
	if errors.Is(err, seglog.ErrFull) || errors.Is(err, seglog.ErrClosed) {
		err = nil // without room for it the run has ended with the error of a switch
	}
	if err = errors.Join(err, w.log.Close()); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// Source returns src with a memory: what it delivers is kept before it is handed
// on. stream is one of the header's.
func (w *Writer) Source(stream string, src ingest.Source) ingest.Source {
	i := w.index(stream)
	return &tee{Source: src, w: w, stream: i, messages: w.h.Streams[i].Messages}
}

// tee is a source whose deliveries are kept.
type tee struct {
	ingest.Source
	w        *Writer
	stream   int
	messages bool
	buf      []byte
}

// Next returns the next delivery once it is kept. After the last one that fits it
// waits for the end of ctx.
func (t *tee) Next(ctx context.Context) (ingest.Delivery, error) {
	d, err := t.Source.Next(ctx)
	if errors.Is(err, io.EOF) {
		if _, kept := t.w.append(kindEnd, wire.U64(nil, uint64(t.stream))); kept != nil {
			return d, kept
		}
	}
	if err != nil {
		return d, err
	}
	kind := uint8(kindDelivery)
	if t.buf = t.buf[:0]; d.Assignment != nil {
		kind, t.buf = kindAssignment, appendAssignment(t.buf, t.stream, d.Assignment)
	} else {
		t.buf = appendDelivery(t.buf, t.stream, &d, t.messages)
	}
	ok, err := t.w.append(kind, t.buf)
	if err != nil {
		return ingest.Delivery{}, err
	}
	if !ok { // not acknowledged, so it comes again another time
		<-ctx.Done()
		return ingest.Delivery{}, ctx.Err()
	}
	return d, nil
}

// Status is that of the source, which is up if it can't tell.
func (t *tee) Status() (up bool, err error) {
	if r, is := t.Source.(ingest.StatusReporter); is {
		return r.Status()
	}
	return true, nil
}

// Rejoin is that of the source, which does nothing if it has none.
func (t *tee) Rejoin() {
	if r, is := t.Source.(ingest.Rejoiner); is {
		r.Rejoin()
	}
}

// JournalBytes is that of the source, 0 if it has none.
func (t *tee) JournalBytes() int64 {
	if j, is := t.Source.(interface{ JournalBytes() int64 }); is {
		return j.JournalBytes()
	}
	return 0
}

// JournalLimit is that of the source, 0 if it has none.
func (t *tee) JournalLimit() int64 {
	if j, is := t.Source.(interface{ JournalLimit() int64 }); is {
		return j.JournalLimit()
	}
	return 0
}
