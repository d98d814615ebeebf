package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a source that delivers what it is given, and then err.
type script struct {
	deliveries []ingest.Delivery
	err        error
}

func (s *script) Open(context.Context) error  { return nil }
func (s *script) Close(context.Context) error { return nil }
func (s *script) Next(ctx context.Context) (ingest.Delivery, error) {
	if len(s.deliveries) == 0 {
		if s.err == nil {
			<-ctx.Done()
			return ingest.Delivery{}, ctx.Err()
		}
		return ingest.Delivery{}, s.err
	}
	d := s.deliveries[0]
	s.deliveries = s.deliveries[1:]
	return d, nil
}

// numbers decodes "SERIES V" with the stored stamp as time.
type numbers struct{}

func (numbers) Decode(dst []ingest.Sample, m *ingest.Message) ([]ingest.Sample, error) {
	var s ingest.Sample
	if _, err := fmt.Sscanf(string(m.Payload), "%s %g", &s.Series, &s.Value); err != nil {
		return dst, ingest.Malformed("numbers", "%v", err)
	}
	s.Time, s.TimeSource = m.Stored, ingest.TimeArrival
	return append(dst, s), nil
}

func assignment(parts ...string) ingest.Delivery {
	a := &ingest.Assignment{Resume: func([]int64) {}}
	for i, p := range parts {
		a.Parts = append(a.Parts, ingest.Partition{Name: p, Number: int32(i), Committed: int64(10*i) - 1})
	}
	return ingest.Delivery{Assignment: a}
}

func message(part int, offset int64, payload string) ingest.Delivery {
	m := ingest.Message{Topic: "t", Key: []byte("k"), Payload: []byte(payload), Stored: 1000 + offset, Broker: part == 1}
	d := ingest.Delivery{Message: m, Position: ingest.Position{Part: part, Offset: offset}}
	if d.Samples, d.Err = (numbers{}).Decode(nil, &m); d.Err != nil {
		d.Samples = nil
	}
	return d
}

func row(offset int64, samples ...ingest.Sample) ingest.Delivery {
	return ingest.Delivery{Message: ingest.Message{Stored: offset}, Position: ingest.Position{Offset: offset}, Samples: samples}
}

var twoStreams = Header{Release: "v1", Kernel: "avx2", Streams: []Stream{
	{Name: "files", Channels: []string{"x", "y"}}, {Name: "broker", Channels: []string{"x"}, Messages: true}}}

// take reads all that a source delivers; an assignment is answered.
func take(t *testing.T, src ingest.Source) (got []ingest.Delivery, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := src.Open(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		d, err := src.Next(ctx)
		if err != nil {
			return got, errors.Join(err, src.Close(ctx))
		}
		if d.Assignment != nil {
			d.Assignment.Resume(make([]int64, len(d.Assignment.Parts)))
			d.Assignment.Resume = nil
		}
		d.Samples = append([]ingest.Sample(nil), d.Samples...)
		got = append(got, d)
	}
}

// record puts deliveries through a Writer.
func record(t *testing.T, w *Writer, stream string, end error, ds ...ingest.Delivery) {
	t.Helper()
	src := w.Source(stream, &script{deliveries: ds, err: end})
	for range ds {
		if _, err := src.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if end != nil {
		if _, err := src.Next(t.Context()); !errors.Is(err, end) {
			t.Fatalf("got %v, want %v", err, end)
		}
	}
}

// TestSwitchesOfAFullCapture fills a capture: switches still fit, and one that does
// not is told.
func TestSwitchesOfAFullCapture(t *testing.T) {
	ended := 0
	ctx, cancel := context.WithCancel(t.Context())
	w, dir := create(t, twoStreams, 1<<20, func() { ended++; cancel() })
	src := w.Source("files", &script{deliveries: slices.Repeat([]ingest.Delivery{row(1, make([]ingest.Sample, 50)...)}, 10_000)})
	var err error
	for err == nil {
		_, err = src.Next(ctx)
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	kept := 0
	for err = nil; err == nil && kept < 1<<20; kept++ {
		err = w.Switch("files", Switch{Part: "p", Series: "a", Data: make([]byte, 1000)})
	}
	if kept--; kept < 50 || ended != 1 || err == nil || !strings.Contains(err.Error(), "series a") {
		t.Fatalf("%d switches fitted, then %v; told %d times that it is full", kept, err, ended)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := reader(t, dir).Switches("files"); err != nil || len(got) != kept {
		t.Errorf("%d switches are read, %v; want %d", len(got), err, kept)
	}
}

func create(t *testing.T, h Header, maxBytes int64, full func()) (*Writer, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "capture")
	w, err := Create(dir, h, maxBytes, full)
	if err != nil {
		t.Fatal(err)
	}
	return w, dir
}

func reader(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRoundTrip(t *testing.T) {
	w, dir := create(t, twoStreams, 0, nil)
	skipped := message(0, 7, "a 1")
	skipped.Skip = true
	cut := message(0, 8, "b 2")
	cut.Err, cut.Samples = ingest.Malformed(tooLarge, "9 bytes"), nil
	broker := []ingest.Delivery{assignment("t/0", "t/1"), message(0, 5, "a 1.5"), message(1, 3, "rubbish"), skipped, cut, assignment("t/1"), message(0, 9, "a 2")}
	bad := row(2)
	bad.Err, bad.Topic, bad.Payload = ingest.Malformed("csv", "a quote"), "in.csv", []byte(`"`)
	files := []ingest.Delivery{assignment("file"), row(0, ingest.Sample{Series: "s", Channel: 1, Time: -5, Value: 1.25, TimeSource: ingest.TimeBroker},
		ingest.Sample{Series: "ü", Missing: ingest.NonFinite}), row(1), bad}
	for i := range broker { // interleaved, as two workers do
		record(t, w, "broker", nil, broker[i])
		if i < len(files) {
			record(t, w, "files", nil, files[i])
		}
	}
	record(t, w, "files", io.EOF)
	sw := Switch{Part: "t/0", Series: "a", Data: []byte("to that")}
	if err := w.Switch("broker", sw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	r := reader(t, dir)
	want := twoStreams
	want.Version = Version
	if d := cmp.Diff(want, r.Header()); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		stream string
		dec    ingest.Decoder
		want   []ingest.Delivery
		end    error
	}{{"files", nil, files, io.EOF}, {"broker", numbers{}, broker, context.Canceled}} {
		ctx, cancel := context.WithCancel(t.Context())
		src, err := r.Source(c.stream, c.dec, cancel)
		if err != nil {
			t.Fatal(err)
		}
		got, err := take(t, &within{src, ctx})
		if !errors.Is(err, c.end) {
			t.Errorf("%s: ended with %v, want %v", c.stream, err, c.end)
		}
		for i := range c.want {
			d := c.want[i]
			if d.Assignment != nil {
				d.Assignment.Resume = nil
			}
			if c.stream == "files" && d.Err == nil {
				d.Topic, d.Key, d.Payload = "", nil, nil
			}
			if d.Skip {
				d.Samples = nil // nobody counts them, they are another shard's
			}
			if diff := cmp.Diff(d, got[i], cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) }), cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) }),
				cmp.Comparer(func(a, b []ingest.Sample) bool { return fmt.Sprint(a) == fmt.Sprint(b) }), cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Assignment.Resume" }, cmp.Ignore())); diff != "" {
				t.Errorf("%s, delivery %d: %s", c.stream, i, diff)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d deliveries, want %d", c.stream, len(got), len(c.want))
		}
	}
	if got, err := r.Switches("broker"); err != nil || len(got) != 1 || cmp.Diff(sw, got[0]) != "" {
		t.Errorf("switches %v, %v", got, err)
	}
	if got, err := r.Switches("files"); err != nil || got != nil {
		t.Errorf("switches of the other stream: %v, %v", got, err)
	}
}

// within is a source whose context ends when ctx does.
type within struct {
	ingest.Source
	ctx context.Context
}

func (w *within) Next(context.Context) (ingest.Delivery, error) { return w.Source.Next(w.ctx) }

// TestFull: what does not fit is not handed on.
func TestFull(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	w, dir := create(t, twoStreams, 64<<10, stop)
	ds := []ingest.Delivery{assignment("t/0")}
	for i := range 1000 {
		ds = append(ds, message(0, int64(i), "a "+strings.Repeat("1", 200)))
	}
	src := w.Source("broker", &script{deliveries: ds})
	n := 0
	for ; ; n++ {
		if _, err := src.Next(ctx); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			break
		}
	}
	if _, err := src.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("and after that: %v", err)
	}
	if w.Bytes() > 64<<10 || n < 100 || n > 400 {
		t.Errorf("%d deliveries took %d bytes", n, w.Bytes())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithCancel(t.Context())
	play, err := reader(t, dir).Source("broker", numbers{}, stop)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := take(t, &within{play, ctx})
	if len(got) != n {
		t.Errorf("%d deliveries are kept, %d were handed on", len(got), n)
	}
}

func TestRefused(t *testing.T) {
	w, dir := create(t, twoStreams, 0, nil)
	record(t, w, "broker", nil, assignment("t/0"), message(0, 1, "a 1"), message(3, 1, "a 1"))
	record(t, w, "files", nil, assignment("f"), row(0, ingest.Sample{Channel: 2}))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, twoStreams, 0, nil); err == nil {
		t.Error("a folder with a capture was written to")
	}
	r := reader(t, dir)
	if _, err := r.Source("other", nil, nil); err == nil {
		t.Error("a stream that is not there was played")
	}
	if _, err := r.Source("broker", nil, nil); err == nil {
		t.Error("messages were played with nothing that reads them")
	}
	for _, stream := range []string{"broker", "files"} {
		src, err := r.Source(stream, numbers{}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := take(t, src); !errors.Is(err, ErrNone) {
			t.Errorf("%s: what can't be was played: %v", stream, err)
		}
	}
	empty := t.TempDir()
	if _, err := Open(empty); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	if names, err := os.ReadDir(empty); err != nil || len(names) > 0 {
		t.Errorf("and it holds %v by now, %v", names, err)
	}
	damage(t, dir)
	for range 2 { // a replay mends nothing
		if _, err := Open(dir); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("a damaged capture: %v", err)
		}
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) != 1 {
		t.Errorf("and the folder holds %v by now, %v", names, err)
	}
}

func TestNewerVersion(t *testing.T) {
	dir := t.TempDir()
	log, err := seglog.Open(dir, seglog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(kindHeader, []byte(`{"version":9}`)); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("a newer version: %v", err)
	}
}

// damage turns a byte in the middle of the capture.
func damage(t *testing.T, dir string) {
	t.Helper()
	seg, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(seg) == 0 {
		t.Fatal("no segment")
	}
	b, err := os.ReadFile(seg[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(seg[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCutFrames: no frame that is cut short is read as a whole one.
func TestCutFrames(t *testing.T) {
	bad := row(1, ingest.Sample{Series: "abc"})
	bad.Err = ingest.Malformed("csv", "x")
	for name, d := range map[string]ingest.Delivery{"message": message(0, 1, "a 1"), "samples": row(1, ingest.Sample{Series: "abc"}, ingest.Sample{}), "malformed": bad} {
		b := appendDelivery(nil, 1, &d, name == "message")
		for n := range b {
			r := wire.NewReader(b[:n])
			r.U64()
			if readDelivery(r, nil, name == "message"); r.Err() == nil {
				t.Errorf("%s: %d of %d bytes were read", name, n, len(b))
			}
		}
	}
	b := appendAssignment(nil, 1, assignment("a", "b").Assignment)
	for n := range b {
		r := wire.NewReader(b[:n])
		r.U64()
		if readAssignment(r); r.Err() == nil {
			t.Errorf("assignment: %d of %d bytes were read", n, len(b))
		}
	}
}

// FuzzDelivery: no bytes harm the reader, and what it reads whole is written alike.
func FuzzDelivery(f *testing.F) {
	for _, messages := range []bool{false, true} {
		d := message(0, 1, "a 1")
		f.Add(appendDelivery(nil, 0, &d, messages), messages)
		d = row(3, ingest.Sample{Series: "s", Value: 1}, ingest.Sample{Missing: ingest.Null})
		f.Add(appendDelivery(nil, 0, &d, messages), messages)
	}
	f.Fuzz(func(t *testing.T, b []byte, messages bool) {
		r := wire.NewReader(b)
		r.U64()
		d, _ := readDelivery(r, nil, messages)
		if r.Err() != nil || messages && d.Err != nil { // which is for the decoder to say anew
			return
		}
		again := wire.NewReader(appendDelivery(nil, 0, &d, messages))
		again.U64()
		got, _ := readDelivery(again, nil, messages)
		if again.Err() != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", d) {
			t.Errorf("%+v came back as %+v, %v", d, got, again.Err())
		}
	})
}
