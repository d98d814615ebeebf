package file_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/ingest/ingesttest"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newSource(t *testing.T, c file.Config) *file.Source {
	t.Helper()
	s, err := file.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSourceContract(t *testing.T) {
	var csv, jsonl strings.Builder
	csv.WriteString("ts,a,b\n")
	for i := range 20 {
		fmt.Fprintf(&csv, "%d,%d,%d.5\n", i, i*i, i)
		fmt.Fprintf(&jsonl, "{\"ts\":%d,\"a\":%d}\n", i, i*i)
	}
	for name, c := range map[string]struct{ file, text string }{
		"csv": {"a.csv", csv.String()}, "jsonl": {"a.jsonl", jsonl.String()}, "gzip": {"a.csv.gz", zip(t, csv.String())},
	} {
		t.Run(name, func(t *testing.T) {
			ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
				path := write(t, c.file, c.text)
				return ingesttest.Harness{
					New:   func(t *testing.T) ingest.Source { return newSource(t, file.Config{Path: path}) },
					Total: 20,
				}
			})
		})
	}
}

// TestStdinContract runs the suite over a pipe that is fed as it goes.
func TestStdinContract(t *testing.T) {
	ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
		var text strings.Builder
		text.WriteString("ts,a\n")
		for i := range 20 {
			fmt.Fprintf(&text, "%d,%d\n", i, i)
		}
		return ingesttest.Harness{
			New: func(t *testing.T) ingest.Source {
				return newSource(t, file.Config{Path: "-", Stdin: strings.NewReader(text.String()), Options: file.Options{Channels: file.Named("a")}})
			},
			Total: 20,
		}
	})
}

// drain reads a source to its end.
func drain(t *testing.T, s *file.Source, first int64) []ingest.Delivery {
	t.Helper()
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var out []ingest.Delivery
	for {
		d, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if d.Assignment != nil {
			if p := d.Assignment.Parts; len(p) != 1 || p[0].Name != "file" || p[0].Committed != -1 {
				t.Errorf("partitions are %+v", p)
			}
			d.Assignment.Resume([]int64{first})
			continue
		}
		d.Samples = append([]ingest.Sample(nil), d.Samples...)
		out = append(out, d)
	}
}

func TestSourceGoesOnBehindBadRows(t *testing.T) {
	path := write(t, "pumps.csv", "ts,temp\n1,20\n2,cold\n3\n4,\n")
	got := drain(t, newSource(t, file.Config{Path: path, Options: file.Options{Channels: file.Named("temp")}}), -1)
	type row struct {
		Offset  int64
		Payload string
		Err     string
		Samples []ingest.Sample
	}
	var rows []row
	for _, d := range got {
		r := row{d.Offset, string(d.Payload), "", d.Samples}
		if d.Err != nil {
			r.Err = d.Err.Error()
		}
		rows = append(rows, r)
	}
	want := []row{
		{0, "1,20", "", []ingest.Sample{{Series: "pumps", Time: 1e9, Value: 20}}},
		{1, "2,cold", `not_a_number: line 3: column temp: "cold" is not a number`, nil},
		{2, "3", "csv: line 4: 1 fields, but the header names 2 columns", nil},
		{3, "4,", "", []ingest.Sample{{Series: "pumps", Time: 4e9, Missing: ingest.Null}}},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestSourceResumesAtRow(t *testing.T) {
	var b strings.Builder
	b.WriteString("a\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "%d\n", i)
	}
	path := write(t, "x.csv.gz", zip(t, b.String()))
	got := drain(t, newSource(t, file.Config{Path: path, DefaultSeries: "s"}), 9_998)
	if len(got) != 2 || got[0].Offset != 9_998 || got[0].Samples[0].Value != 9_998 {
		t.Fatalf("got %+v, want rows 9998 and 9999", got)
	}
	if s := got[0].Samples[0]; s.Series != "s" || s.Time != 9_998e9 || s.TimeSource != ingest.TimeArrival {
		t.Errorf("sample is %+v", s)
	}
}

func TestJSONLinesWithoutAnyChannelAreMalformed(t *testing.T) {
	path := write(t, "x.jsonl", `{"ts":1,"a":1}`+"\n"+`{"ts":1,"b":2}`+"\n"+`{"ts":2,"c":2}`+"\n")
	got := drain(t, newSource(t, file.Config{Path: path, Options: file.Options{Channels: file.Named("a", "b")}}), 0)
	if len(got) != 3 || len(got[0].Samples) != 1 || len(got[1].Samples) != 1 || got[1].Samples[0].Channel != 1 || got[2].Err == nil {
		t.Errorf("got %+v", got)
	}
}

func TestSourceErrors(t *testing.T) {
	if _, err := file.NewSource(file.Config{DefaultSeries: "a\n"}); err == nil || !strings.Contains(err.Error(), "a path is needed") {
		t.Errorf("got %v", err)
	}
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.csv"): "no such file",
		t.TempDir():                            "is a folder",
		write(t, "empty.csv", ""):              "the file is empty",
	} {
		s := newSource(t, file.Config{Path: path})
		if err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: got %v, want …%s…", err, want)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close after a failed Open: %v", err)
		}
	}
	// A live input fails when it is read.
	s := newSource(t, file.Config{Path: "-", Stdin: strings.NewReader("")})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Assignment.Resume([]int64{-1})
	for range 2 {
		if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "stdin: the file is empty") {
			t.Errorf("Next: got %v", err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSilentStdin: a pipe that says nothing holds up neither a poll nor Close.
func TestSilentStdin(t *testing.T) {
	in, out := io.Pipe()
	s := newSource(t, file.Config{Path: "-", Stdin: in})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Assignment.Resume([]int64{0})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: got %v, want context.Canceled", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil { // lets the goroutine go, for goleak
		t.Error(err)
	}
}
