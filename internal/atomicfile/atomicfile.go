// Package atomicfile replaces files so that a reader, or a restart after a
// crash, sees either the old content or the new one, never a mixture; and sets
// damaged files aside instead of overwriting them.
//
//	if err := atomicfile.WriteFile("state/head", data, 0o600); err != nil {
//		return err // the old file is untouched
//	}
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// WriteFile replaces the file at path by one that holds data and has exactly
// the permissions perm. When it returns nil, the content and the name are
// durable. On an error the old file, if there was one, is unchanged.
//
// Two concurrent writers of one path each write a whole file; the later rename
// wins.
func WriteFile(path string, data []byte, perm fs.FileMode) (err error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+base+".tmp-*")
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // the name of the temporary file helps nobody
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, errors.Join(err, removeIfThere(f.Name())))
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

func fill(f *os.File, data []byte, perm fs.FileMode) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	// Without this the rename may reach the disk before the data does.
	return f.Sync()
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SetAside renames a damaged file to NAME.corrupt-N, with the first N from 1
// that is free, and returns the new path. The rename is durable when it
// returns. Nothing is ever overwritten.
func SetAside(path string) (newPath string, err error) {
	for n := 1; ; n++ {
		newPath = fmt.Sprintf("%s.corrupt-%d", path, n)
		if _, err := os.Lstat(newPath); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", fmt.Errorf("set %s aside: %w", path, err)
		}
	}
	if err := os.Rename(path, newPath); err != nil {
		return "", fmt.Errorf("set %s aside: %w", path, err)
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return "", fmt.Errorf("set %s aside: %w", path, err)
	}
	return newPath, nil
}

// SyncDir makes the names in a directory durable: files created, renamed and
// removed. Windows offers no such call and needs none.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MkdirAll creates a directory and its parents, each with the permissions perm before the
// umask, and makes the names of those it created durable.
func MkdirAll(dir string, perm fs.FileMode) error { return mkdirAll(dir, perm, SyncDir) }

func mkdirAll(dir string, perm fs.FileMode, sync func(dir string) error) error {
	var made []string // directories that are not there, the deepest one first
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break // what else is wrong with it os.MkdirAll says
		}
		made = append(made, d)
	}
	if err := os.MkdirAll(dir, perm); err != nil {
		return err
	}
	for _, d := range slices.Backward(made) {
		// One that may be written to and not read can't be synced by who may not read it.
		if err := sync(filepath.Dir(d)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("make %s durable: %w", d, err)
		}
	}
	return nil
}
