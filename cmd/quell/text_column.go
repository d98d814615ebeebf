package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/quell-stream/quell/ingest/file"
)

// textColumn reads a column of a CSV file, plain or gzip, as it stands, without the
// space around a field.
func textColumn(path, column string) (texts []string, err error) {
	if path == file.Stdin {
		return nil, usageError("column %s: the recording is read once more for it, which standard input can't be", column)
	}
	r, err := file.Open(path, file.Options{Channels: file.Named(column)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	at := slices.Index(r.Columns(), column)
	for {
		_, err := r.Read()
		var bad *file.RowError
		switch {
		case errors.Is(err, io.EOF):
			return texts, nil
		case errors.As(err, &bad) && (bad.Reason == "not_a_number" || bad.Reason == "time"): // it is text that is wanted
		case err != nil:
			return nil, err
		}
		if r.Texts() == nil {
			return nil, fmt.Errorf("%s: column %s: text is read from CSV, not from JSON lines", path, column)
		}
		texts = append(texts, string(bytes.TrimSpace(r.Texts()[at])))
	}
}
