package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func lines(b []byte) (out []json.RawMessage) {
	for l := range bytes.Lines(b) {
		out = append(out, json.RawMessage(bytes.TrimSuffix(l, []byte("\n"))))
	}
	return out
}

// readAll reads the rotated files, then the file in use.
func readAll(path string) (out []json.RawMessage, err error) {
	files, err := rotated(path)
	if err != nil {
		return nil, err
	}
	for _, f := range append(files, old{path: path}) {
		b, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		if f.gz {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil, err
			}
			if b, err = io.ReadAll(z); err != nil {
				return nil, err
			}
		}
		out = append(out, lines(b)...)
	}
	return out, nil
}

func open(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s := New(cfg)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSink(t, s) })
	return s
}

func closeSink(t *testing.T, s *Sink) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, s *Sink, items []sink.Item) {
	t.Helper()
	if err := s.Write(t.Context(), items); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	for name, cfg := range map[string]Config{
		"plain":     {},
		"by size":   {MaxBytes: 2000},
		"by age":    {MaxAge: 7 * time.Second},
		"each item": {MaxBytes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Harness {
				cfg.Path = filepath.Join(t.TempDir(), "sub", "out.jsonl")
				var last *Sink
				return sinktest.Harness{
					New:  func() sink.Sink { last = New(cfg); return last },
					Read: func() ([]json.RawMessage, error) { return readAll(cfg.Path) },
					// The file in use goes away under the sink, and its folder
					// becomes a file.
					Down: func(down bool) {
						dir := filepath.Dir(cfg.Path)
						if !down {
							must(t, os.Remove(dir), os.Rename(dir+".away", dir))
							return
						}
						must(t, os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600))
					},
				}
			})
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestTornEnd(t *testing.T) {
	items := sinktest.Items(0, 3)
	whole := string(items[0].JSON) + "\n"
	for name, c := range map[string]struct{ have, want string }{
		"none":                       {whole, whole},
		"half a line":                {whole + `{"v":1,"ty`, whole},
		"only half a line":           {`{"v":1,"ty`, ""},
		"zeros":                      {whole + "\x00\x00\x00", whole},
		"a whole line but its break": {whole + string(items[1].JSON), whole + string(items[1].JSON) + "\n"},
		"a long one":                 {whole + `{"` + strings.Repeat("x", 200_000), whole},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.jsonl")
			must(t, os.WriteFile(path, []byte(c.have), 0o600))
			var log bytes.Buffer
			s := open(t, Config{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
			write(t, s, items[2:])
			if got, want := read(t, path), c.want+string(items[2].JSON)+"\n"; got != want {
				t.Errorf("got  %.300q\nwant %.300q", got, want)
			}
			if said, cut := strings.Contains(log.String(), "torn last line"), len(c.want) < len(c.have); said != cut {
				t.Errorf("log %q, a line was cut: %v", log.String(), cut)
			}
		})
	}
}

// TestFailedWriteIsTakenBack lets a write fail half-way: the same items come
// again and the file must show no trace of the first try.
func TestFailedWriteIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	s := open(t, Config{Path: path})
	items := sinktest.Items(0, 4)
	write(t, s, items[:2])
	before := read(t, path)
	if _, err := s.f.WriteString(`{"half":`); err != nil {
		t.Fatal(err)
	}
	s.dirty = true // as flush leaves it
	write(t, s, items[2:])
	want := before + string(items[2].JSON) + "\n" + string(items[3].JSON) + "\n"
	if got := read(t, path); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	// The descriptor fails: the error is reported, the next try opens anew.
	ro, err := os.Open(path)
	must(t, err, s.f.Close())
	s.f = ro
	if err := s.Write(t.Context(), items[:1]); err == nil {
		t.Error("no error from a file that can't be written")
	}
	write(t, s, items[:1])
	if got := read(t, path); got != want+string(items[0].JSON)+"\n" {
		t.Errorf("after the second failure: %q", got)
	}
}

func TestSomeoneElseRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	s := open(t, Config{Path: path})
	items := sinktest.Items(0, 2)
	write(t, s, items[:1])
	must(t, os.Rename(path, path+".1"))
	write(t, s, items[1:])
	if got, want := read(t, path), string(items[1].JSON)+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestReplacedAfterFailure: a write fails half-way, and before it is tried again another
// file is put in place: nothing is taken from that, and nothing is left in the one that was
// moved away.
func TestReplacedAfterFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	s := open(t, Config{Path: path})
	items := sinktest.Items(0, 2)
	write(t, s, items[:1])
	first, other := string(items[0].JSON)+"\n", strings.Repeat(`{"other":true}`+"\n", 100)
	if _, err := s.f.WriteString(`{"half":`); err != nil {
		t.Fatal(err)
	}
	s.dirty = true // as flush leaves it
	must(t, os.Rename(path, path+".1"), os.WriteFile(path, []byte(other), 0o600))
	write(t, s, items[1:])
	if got, want := read(t, path), other+string(items[1].JSON)+"\n"; got != want {
		t.Errorf("%d bytes are left, want %d", len(got), len(want))
	}
	if got := read(t, path+".1"); got != first {
		t.Errorf("moved away: %q, want %q", got, first)
	}
}

func TestKeepAndGzip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	cfg := Config{Path: path, MaxBytes: 1, Keep: 3, Gzip: true}
	s := open(t, cfg)
	items := sinktest.Items(0, 12)
	write(t, s, items)
	closeSink(t, s)
	// The keeper may have looked before the last rotation: opening looks again.
	closeSink(t, open(t, cfg))
	files, err := rotated(path)
	must(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.path))
	}
	if d := cmp.Diff([]string{"out.000009.jsonl.gz", "out.000010.jsonl.gz", "out.000011.jsonl.gz"}, names); d != "" {
		t.Fatalf("rotated files, -want +got\n%s", d)
	}
	got, err := readAll(path)
	must(t, err)
	if len(got) != 4 {
		t.Fatalf("%d lines, want 4", len(got))
	}
	for i, b := range got {
		if string(b) != string(items[8+i].JSON) {
			t.Errorf("line %d: %s", i, b)
		}
	}
	if tmp, err := filepath.Glob(path + "*.tmp"); err != nil || len(tmp) > 0 {
		t.Errorf("left behind: %v, %v", tmp, err)
	}
	// Numbers go on after a restart.
	s = open(t, cfg)
	write(t, s, items[:2])
	closeSink(t, s)
	files, err = rotated(path)
	must(t, err)
	if last := files[len(files)-1]; last.seq != 13 {
		t.Errorf("newest rotated file is %d, want 13", last.seq)
	}
}

func TestTotalBytes(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Path: filepath.Join(dir, "dlq"), MaxBytes: 2000, TotalBytes: 8000, Mode: 0o600}
	s := open(t, cfg)
	for i := range 50 {
		write(t, s, sinktest.Items(i*4, 4))
	}
	closeSink(t, s)
	closeSink(t, open(t, cfg))
	entries, err := os.ReadDir(dir)
	must(t, err)
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		total += info.Size()
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode().Perm())
		}
	}
	if total > 8000 || total < 4000 {
		t.Errorf("%d bytes in %d files, want 4000 to 8000", total, len(entries))
	}
}

// TestCloseBreaksCompressionOff: a compression that has no time leaves the plain
// file and nothing else.
func TestCloseBreaksCompressionOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := compress(ctx, path, 0o600); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	left, err := filepath.Glob(path + "*")
	if must(t, err); len(left) != 1 {
		t.Errorf("files: %v", left)
	}
}

func TestAgeAfterRestart(t *testing.T) {
	for _, format := range []string{JSONL, CSV} {
		path := filepath.Join(t.TempDir(), "out."+format)
		cfg := Config{Path: path, Format: format, MaxAge: 10 * time.Second}
		items := slices.DeleteFunc(sinktest.Items(0, 13), func(it sink.Item) bool { return it.Event != nil })
		for _, it := range items { // one restart per item, one second apart
			s := open(t, cfg)
			write(t, s, []sink.Item{it})
			closeSink(t, s)
		}
		files, err := rotated(path)
		must(t, err)
		if len(files) != 1 {
			t.Errorf("%s: %d rotations in 12 s, want 1", format, len(files))
		}
	}
}

func TestCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.csv")
	rec := func(channels []string, series string, raw float64) sink.Item {
		r := &sink.Record{Time: 1_500_000_000, Stream: "s", Series: series, Channels: channels, Score: math.NaN(), Drift: "learning", Model: "base@1", Epoch: 1}
		for range channels {
			r.Values = append(r.Values, sink.Value{Raw: raw, Clean: 1e-9, Lo: -0.1, Hi: 0.30000000000000004, Quality: sink.Uncertain, Method: "median", Flags: sink.Held | sink.WarmingUp})
		}
		return sink.Item{Record: r}
	}
	s := open(t, Config{Path: path, Format: CSV})
	odd := "a,\"b\"\nc"
	write(t, s, []sink.Item{rec([]string{"t", "x,y"}, "p1", 1), rec([]string{"t", "x,y"}, odd, math.NaN())})
	closeSink(t, s)
	s = open(t, Config{Path: path, Format: CSV})
	write(t, s, []sink.Item{rec([]string{"t", "x,y"}, "p1", 2)})
	const want = `ts,series,epoch,rev,t,t_clean,t_lo,t_hi,t_quality,t_method,t_flags,"x,y","x,y_clean","x,y_lo","x,y_hi","x,y_quality","x,y_method","x,y_flags",score,drift,model
1970-01-01T00:00:01.5Z,p1,1,0,1,1e-9,-0.1,0.30000000000000004,uncertain,median,warming_up held,1,1e-9,-0.1,0.30000000000000004,uncertain,median,warming_up held,,learning,base@1
1970-01-01T00:00:01.5Z,"a,""b"" c",1,0,,1e-9,-0.1,0.30000000000000004,uncertain,median,warming_up held,,1e-9,-0.1,0.30000000000000004,uncertain,median,warming_up held,,learning,base@1
1970-01-01T00:00:01.5Z,p1,1,0,2,1e-9,-0.1,0.30000000000000004,uncertain,median,warming_up held,2,1e-9,-0.1,0.30000000000000004,uncertain,median,warming_up held,,learning,base@1
`
	if d := cmp.Diff(want, read(t, path)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if rows, err := csv.NewReader(strings.NewReader(read(t, path))).ReadAll(); err != nil || len(rows) != 4 {
		t.Errorf("encoding/csv reads %d rows, %v", len(rows), err)
	}
	// Other channels need another header, and so another file.
	write(t, s, []sink.Item{rec([]string{"t"}, "p1", 3)})
	if got := read(t, path); !strings.HasPrefix(got, "ts,series,epoch,rev,t,t_clean,t_lo,t_hi,t_quality,t_method,t_flags,score,drift,model\n") || strings.Count(got, "\n") != 2 {
		t.Errorf("after a change of channels: %s", got)
	}
	if got := read(t, numbered(path, 1)); got != want {
		t.Errorf("rotated file: %s", got)
	}
	err := s.Write(t.Context(), []sink.Item{{Event: &sink.Event{ID: "1"}}})
	if !errors.Is(err, sink.ErrPermanent) {
		t.Errorf("an event in csv: %v, want a permanent error", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := New(Config{Path: dir}).Open(t.Context()); err == nil {
		t.Error("a folder was opened as a file")
	}
	for _, cfg := range []Config{{}, {Path: "x", Format: "xml"}, {Path: "x", Keep: -1}, {Path: "x", TotalBytes: 5}} {
		if err := New(cfg).Open(t.Context()); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	if _, err := os.Stat("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused configuration left a file")
	}
	if runtime.GOOS == "linux" {
		if err := New(Config{Path: "/dev/null"}).Open(t.Context()); err == nil {
			t.Error("a device was opened as a file")
		}
	}
}

func TestStrangersAreNotRotatedFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"out.1.jsonl", "out.000001.txt", "out.00000a.jsonl", "out.000001.jsonl.bak", "out.99999999999999999999.jsonl", "xout.000001.jsonl"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	if got, err := rotated(filepath.Join(dir, "out.jsonl")); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCSVAllocates0(t *testing.T) {
	r := sinktest.Items(0, 1)[0].Record
	header := string(appendHeader(nil, r))
	buf := appendRow(nil, r)
	if n := testing.AllocsPerRun(100, func() {
		if !sameHeader(header, r) {
			t.Fatal("header not recognised")
		}
		buf = appendRow(buf[:0], r)
	}); n != 0 {
		t.Errorf("a row allocates %g times, want 0", n)
	}
	if sameHeader(header+"x", r) || sameHeader("", r) || sameHeader(header[:20], r) {
		t.Error("another header is taken for the record's")
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "quell")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s := New(Config{Path: filepath.Join(dir, "events.jsonl"), MaxBytes: 64 << 20, Keep: 5})
	if err := s.Open(ctx); err != nil {
		panic(err)
	}
	e := &sink.Event{ID: "1", Stream: "pumps", Series: "pump-1", Kind: "series.reset", Severity: "info"}
	if err := s.Write(ctx, []sink.Item{{Event: e, JSON: sink.AppendEvent(nil, e)}}); err != nil {
		panic(err)
	}
	if err := s.Close(ctx); err != nil {
		panic(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	fmt.Println(bytes.Count(b, []byte("\n")), err)
	// Output: 1 <nil>
}
