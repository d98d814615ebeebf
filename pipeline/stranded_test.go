package pipeline

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/spool"
)

// TestStrandedSpools: what sinks of earlier configurations left behind is told, and
// neither a spool of a later version nor a folder of something else keeps a pipeline
// from its start.
func TestStrandedSpools(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gone", "later"} {
		q, err := spool.Open(filepath.Join(dir, "spools", name), spool.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := &sink.Record{Stream: "s"}
		if _, err := q.Push([]sink.Item{{Record: r, JSON: sink.AppendRecord(nil, r)}}); err != nil {
			t.Fatal(err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
	bumpVersion(t, filepath.Join(dir, "spools", "later"))
	other := filepath.Join(dir, "spools", "lost+found")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p := spoolPipeline(t, dir, &memSource{log: disorder(10), finished: map[int64]bool{}}, out("out", &gate{is: "up"}, true, nil))
	p.log = slog.New(slog.NewTextHandler(&said, nil))
	p.strandedSpools(filepath.Join(dir, "spools"))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sink=gone items=1", "can't be read: run the version that wrote it, or remove the folder\" sink=later"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("%q is not said once: %s", want, said.String())
		}
	}
	if left, err := os.ReadDir(other); err != nil || len(left) != 0 || strings.Contains(said.String(), "lost+found") {
		t.Errorf("a folder of something else holds %v, %v, and is told of: %s", left, err, said.String())
	}
}

// bumpVersion has the segments of a spool say that a later version wrote them
// (docs/formats/seglog.md).
func bumpVersion(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d segments, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[8]++
		binary.LittleEndian.PutUint32(b[36:], crc32.Checksum(b[:36], crc32.MakeTable(crc32.Castagnoli)))
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
