package file_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzReader throws any file at the reader: no panic, an end, rows in order.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"ts,a\n1,2\n", "a\n1\n\n\n2\n", "{\"ts\":1,\"a\":{\"b\":2}}\n{}\n", "a,b\n\"1\n,2\",3\n4,5\n", "\ufeffa\r\n1\r\n", "1\n2\n", "a,\"b\n1,2\n", "\x1f\x8b",
		"sep=;\n# x\nts;a\n30.03.2024 01:02:03;1,5\n", "# a\tb\n1\t-\n", "a;b,c;d\n,;1;,\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzztest.Bounded(t, len(b), 4000, 16<<20, func() { readRows(t, b) })
	})
}

func readRows(t *testing.T, b []byte) {
	r, err := file.NewReader("x", bytes.NewReader(b), file.Options{})
	if err != nil {
		return
	}
	line := 0
	for i := 0; ; i++ {
		row, err := r.Read()
		var bad *file.RowError
		switch {
		case errors.As(err, &bad):
			continue
		case err != nil:
			return
		case row.Index != int64(i) || row.Line <= line:
			t.Fatalf("row %d at line %d after row %d at line %d", row.Index, row.Line, i-1, line)
		}
		line = row.Line
		for _, c := range row.Cells {
			if c.Value-c.Value != 0 || c.Missing != 0 && c.Value != 0 {
				t.Fatalf("cell %+v", c)
			}
		}
	}
}

// TestGzipBomb: a few kilobytes that inflate to one endless row, or to a quote
// that never closes, cost no more memory than the longest row.
func TestGzipBomb(t *testing.T) {
	for _, head := range []string{"a,b\n", "a,b\n\""} {
		var packed bytes.Buffer
		z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		const size = 32 << 20
		_, err = io.WriteString(z, head+strings.Repeat("0", size))
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		fuzztest.Bounded(t, 0, 0, 8<<20, func() {
			r, err := file.NewReader("x", bytes.NewReader(packed.Bytes()), file.Options{})
			for err == nil {
				_, err = r.Read()
				if bad := new(file.RowError); errors.As(err, &bad) {
					err = nil
				}
			}
		})
	}
}
