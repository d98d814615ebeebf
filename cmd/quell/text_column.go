package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest/file"
)

// textColumn reads a column of a CSV file, plain or gzip, as it stands, without the
// space around a field.
func textColumn(path, column string) (texts []string, err error) {
	if path == file.Stdin {
		return nil, usageError("column %s: the recording is read once more for it, which standard input can't be", column)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := bufio.NewReader(f)
	var r io.Reader = b
	if head, err := b.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		if r, err = gzip.NewReader(b); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	c := csv.NewReader(r)
	c.ReuseRecord = true
	row, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at := slices.Index(row, column)
	if at < 0 {
		return nil, fmt.Errorf("%s has no column %s: it has %s", path, column, strings.Join(row, ", "))
	}
	for {
		switch row, err = c.Read(); {
		case errors.Is(err, io.EOF):
			return texts, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		texts = append(texts, strings.TrimSpace(row[at]))
	}
}
