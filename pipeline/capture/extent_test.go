package capture

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// TestExtent: a capture that was stopped or has ended is whole, one that was cut short
// tells how far it goes.
func TestExtent(t *testing.T) {
	one := Header{Streams: []Stream{{Name: "s", Channels: []string{"x"}}}}
	at := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	rows := []ingest.Delivery{assignment("f"), row(at.UnixNano(), ingest.Sample{Value: 1}), row(at.UnixNano()+1e9, ingest.Sample{Value: 2})}
	for name, c := range map[string]struct {
		end error
		cut int // bytes off the end
		Extent
	}{
		"stopped":          {nil, 0, Extent{Whole: true}},
		"ended":            {io.EOF, 0, Extent{Whole: true}},
		"killed":           {nil, closedBytes, Extent{Deliveries: 2, Until: at.Add(time.Second)}},
		"killed at a row":  {nil, closedBytes + 1, Extent{Deliveries: 1, Until: at, TornBytes: rowBytes - 1}},
		"killed when over": {io.EOF, closedBytes, Extent{Whole: true, Deliveries: 2, Until: at.Add(time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := create(t, one, 0, nil)
			record(t, w, "s", c.end, rows...)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			segs, err := filepath.Glob(filepath.Join(dir, "*.seg"))
			if err != nil || len(segs) != 1 {
				t.Fatal(segs, err)
			}
			info, err := os.Stat(segs[0])
			if err == nil {
				err = os.Truncate(segs[0], info.Size()-int64(c.cut))
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := reader(t, dir).Extent()
			if err != nil || !got.Until.Equal(c.Until) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if got.Until = c.Until; got != c.Extent {
				t.Errorf("got %+v, want %+v", got, c.Extent)
			}
		})
	}
}

// The bytes of the last frame, and those of a row of a sample: 17 of the log, then the
// payload.
const (
	closedBytes = 17
	rowBytes    = 17 + 8 + 1 + 3*8 + 8 + (8 + 8 + 8 + 8 + 1 + 1)
)
