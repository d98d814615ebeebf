package stdout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// flaky takes at most limit bytes, then fails, if down.
type flaky struct {
	bytes.Buffer
	down  bool
	limit int
}

func (f *flaky) Write(b []byte) (int, error) {
	if !f.down {
		return f.Buffer.Write(b)
	}
	n, err := f.Buffer.Write(b[:min(f.limit, len(b))])
	return n, errors.Join(err, errors.New("full"))
}

func lines(b []byte) (out []json.RawMessage) {
	for l := range bytes.Lines(b) {
		out = append(out, json.RawMessage(bytes.TrimSuffix(l, []byte("\n"))))
	}
	return out
}

func TestContract(t *testing.T) {
	for _, limit := range []int{0, 1, 100, 700} {
		t.Run(fmt.Sprint("taking=", limit), func(t *testing.T) {
			sinktest.Run(t, func(*testing.T) sinktest.Harness {
				w := &flaky{limit: limit}
				return sinktest.Harness{
					New:  func() sink.Sink { return New(w) },
					Read: func() ([]json.RawMessage, error) { return lines(w.Bytes()), nil },
					Down: func(down bool) { w.down = down },
				}
			})
		})
	}
}

// TestTornLine fails at every step of a line and on the way to its end.
func TestTornLine(t *testing.T) {
	w := &flaky{down: true, limit: 3}
	s := New(w)
	items := sinktest.Items(0, 1)
	for range 4 {
		if err := s.Write(t.Context(), items); err == nil {
			t.Fatal("no error from a writer that is full")
		}
		w.limit = 0 // the second time nothing is taken at all, then two bytes
		if w.Len() == 3 {
			w.limit = 2
		}
	}
	w.down = false
	if err := s.Write(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines(w.Bytes()) {
		if string(l) != string(items[0].JSON) {
			t.Errorf("got line %s", l)
		}
	}
}

func TestReaderWentAway(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	pr, pw := io.Pipe()
	if err := pr.Close(); err != nil {
		t.Fatal(err)
	}
	for _, to := range []io.Writer{w, pw} {
		if err := New(to).Write(t.Context(), sinktest.Items(0, 1)); !errors.Is(err, sink.ErrPermanent) {
			t.Errorf("%T: got %v, want a permanent error", to, err)
		}
	}
}

func Example() {
	s := New(os.Stdout)
	e := &sink.Event{ID: "1", Stream: "pumps", Series: "pump-1", Kind: "series.reset", Severity: "info"}
	if err := s.Write(context.Background(), []sink.Item{{Event: e, JSON: sink.AppendEvent(nil, e)}}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"v":1,"type":"event","id":"1","ts":"1970-01-01T00:00:00Z","stream":"pumps","series":"pump-1","epoch":0,"kind":"series.reset","severity":"info","why":"","model":"","data":{}}
}
