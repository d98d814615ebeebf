package file

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Lines calls each with every whole line of a file that a sink writes, or has
// written, and of the files rotated from it, oldest first, without the line break.
// The line is valid during the call. A file that grows meanwhile is read to where
// it ended at first; a last line without its break is left out. An error of each
// ends it and is returned as it is. Without a file there are no lines.
func Lines(path string, each func(line []byte) error) error {
	seen := 0
	for {
		// Opened before the rotated ones are listed: if none of them is new then, it
		// is the file behind them, even if it is rotated a moment later.
		f, err := os.Open(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("file: %w", err)
		}
		next, err := linesOfRotated(path, seen, each)
		switch {
		case f == nil && (err != nil || next == seen):
			return err
		case f == nil:
		case err != nil:
			return errors.Join(err, f.Close())
		case next == seen:
			return errors.Join(linesOf(f, false, each), f.Close())
		default:
			if err := f.Close(); err != nil {
				return fmt.Errorf("file: %w", err)
			}
		}
		seen = next
	}
}

// linesOfRotated reads the rotated files with numbers above seen and returns the
// highest.
func linesOfRotated(path string, seen int, each func([]byte) error) (int, error) {
	files, err := rotated(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	for _, r := range files {
		if r.seq <= seen {
			continue // compression leaves two of a number for a moment
		}
		f, err := os.Open(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			if f, err = os.Open(r.path + ".gz"); errors.Is(err, fs.ErrNotExist) {
				seen = r.seq // the oldest go first
				continue
			}
			r.gz = true
		}
		if err != nil {
			return seen, fmt.Errorf("file: %w", err)
		}
		if err := errors.Join(linesOf(f, r.gz, each), f.Close()); err != nil {
			return seen, err
		}
		seen = r.seq
	}
	return seen, nil
}

func linesOf(f *os.File, gz bool, each func([]byte) error) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	var in io.Reader = io.LimitReader(f, info.Size())
	if gz {
		if in, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("file: %s: %w", f.Name(), err)
		}
	}
	r := bufio.NewReaderSize(in, 64<<10)
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
			continue
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("file: %s: %w", f.Name(), err)
		}
		line := part
		if len(long) > 0 {
			long = append(long, part...)
			line = long
		}
		if err := each(line[:len(line)-1]); err != nil {
			return err
		}
		long = long[:0]
	}
}
