package capture

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/internal/wire"
)

// Extent is how far a capture goes.
type Extent struct {
	// Whole says that the capture was closed in order, or that the input of each of
	// its streams had ended. Without it the other fields tell what there is.
	Whole      bool
	Deliveries int64     // of all streams
	Until      time.Time // the latest stamp of a delivery, zero where none has one
	TornBytes  int64     // at its end, which are no whole frame
}

// String says it in words: "12 deliveries, until 2026-01-31T10:00:00Z".
func (e Extent) String() string {
	s := fmt.Sprintf("%d deliveries", e.Deliveries)
	if !e.Until.IsZero() {
		s += ", until " + e.Until.UTC().Format(time.RFC3339Nano)
	}
	return s
}

// Extent returns how far the capture goes. It reads a whole capture's end alone, and
// all of one that is not.
func (r *Reader) Extent() (e Extent, err error) {
	last := r.log.Reader(r.log.Next() - 1)
	rec, err := last.Next()
	if err = errors.Join(err, last.Close()); err != nil {
		return e, fmt.Errorf("capture: %w", err)
	}
	if rec.Kind == kindClosed {
		return Extent{Whole: true}, nil
	}
	e.TornBytes = r.log.Report().Torn
	all := r.log.Reader(0)
	err = e.count(all, len(r.h.Streams))
	if err = errors.Join(err, all.Close()); err != nil {
		return e, fmt.Errorf("capture: %w", err)
	}
	return e, nil
}

// count goes through the frames of a capture that was not closed.
func (e *Extent) count(in *seglog.Reader, streams int) error {
	ended := map[uint64]bool{}
	for {
		rec, err := in.Next()
		if errors.Is(err, io.EOF) {
			e.Whole = len(ended) == streams
			return nil
		}
		if err != nil {
			return err
		}
		body := wire.NewReader(rec.Payload)
		switch stream := body.U64(); rec.Kind {
		case kindEnd:
			if stream < uint64(streams) {
				ended[stream] = true
			}
		case kindDelivery:
			body.U8()
			body.I64()
			body.I64()
			stored := body.I64()
			if e.Deliveries++; body.Err() == nil && stored > 0 {
				if at := time.Unix(0, stored); at.After(e.Until) {
					e.Until = at
				}
			}
		}
	}
}
