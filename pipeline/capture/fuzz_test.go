package capture

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/fuzztest"
	"github.com/quell-stream/quell/internal/seglog"
)

// FuzzPlay: whatever the frames of a capture hold, its deliveries are of partitions and
// channels that there are, or it says that it is none.
func FuzzPlay(f *testing.F) {
	const header = `{"version":1,"streams":[{"name":"s","channels":["a"],"messages":true},{"name":"t","channels":["a"]}]}`
	part := assignment("p")
	d := message(0, 1, "a 1")
	f.Add([]byte(header), appendAssignment(nil, 0, part.Assignment), uint8(kindDelivery), appendDelivery(nil, 0, &d, true))
	d = row(3, ingest.Sample{Series: "s", Value: 1})
	f.Add([]byte(header), appendAssignment(nil, 1, part.Assignment), uint8(kindDelivery), appendDelivery(nil, 1, &d, false))
	f.Add([]byte(`{"version":1,"streams":null}`), []byte{}, uint8(kindSwitch), []byte{})
	f.Fuzz(func(t *testing.T, header, assigned []byte, kind uint8, frame []byte) {
		dir := filepath.Join(t.TempDir(), "c")
		log, err := seglog.Open(dir, seglog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = log.Append(kindHeader, header)
		_, err2 := log.Append(kindAssignment, assigned)
		_, err3 := log.Append(kind, frame)
		if err := errors.Join(err, err2, err3, log.Close()); err != nil {
			return // a kind that the log keeps for itself
		}
		fuzztest.Bounded(t, len(header)+len(assigned)+len(frame), 4000, 8<<20, func() { play(t, dir) })
	})
}

func play(t *testing.T, dir string) {
	r, err := Open(dir)
	if err != nil {
		return
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if e, err := r.Extent(); err == nil && (e.Deliveries < 0 || e.Deliveries > 1) {
		t.Errorf("the extent is %+v", e)
	}
	for _, s := range r.h.Streams {
		if _, err := r.Switches(s.Name); err != nil && err.Error() == "" {
			t.Error("an error without a word")
		}
		ctx, cancel := context.WithCancel(t.Context())
		src, err := r.Source(s.Name, numbers{}, cancel)
		if err != nil {
			t.Fatal(err)
		}
		for parts := 0; ; {
			d, err := src.Next(ctx)
			if err != nil {
				if errors.Is(err, io.EOF) != (err == io.EOF) {
					t.Errorf("the end is wrapped: %v", err)
				}
				break
			}
			if d.Assignment != nil {
				parts = len(d.Assignment.Parts)
				d.Assignment.Resume(make([]int64, parts))
				continue
			}
			if d.Part < 0 || d.Part >= parts {
				t.Errorf("a delivery of partition %d of %d", d.Part, parts)
			}
			for _, v := range d.Samples {
				if v.Channel < 0 || !s.Messages && v.Channel >= len(s.Channels) {
					t.Errorf("a sample of channel %d of %d", v.Channel, len(s.Channels))
				}
			}
		}
		cancel()
		if err := src.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}
