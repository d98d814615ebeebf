// Package fsys is what code that must survive a crash asks of a file system, so
// that a test can put one in its place that forgets what was not synced
// (internal/fsys/memfs).
package fsys

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// FS is a file system. A name is durable once SyncDir of its directory has
// returned nil, content once Sync of its file has. Implementations are safe for
// concurrent use.
type FS interface {
	MkdirAll(dir string) error // what it makes is durable
	ReadDir(dir string) ([]string, error)
	Create(path string) (File, error) // fails if the file is there
	Open(path string) (File, error)   // for reading and writing
	OpenRead(path string) (File, error)
	Rename(from, to string) error
	SetAside(path string) (newPath string, err error) // see atomicfile.SetAside
	Remove(path string) error
	SyncDir(dir string) error
}

// File is an open file. Sync makes its content and its size durable.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
	Close() error
}

// Start has the disk begin to write what a file holds from off on, n bytes, where the
// system can be asked for that, and does not wait. It makes nothing durable: it spares
// the next Sync, and those of other files on the same disk, to wait for all of it.
func Start(f File, off, n int64) {
	if f, is := f.(osFile); is {
		start(f.File, off, n)
	}
}

// OS is the machine's own file system. Files hold what users measure: only their
// owner may read those that it creates.
type OS struct{}

// MkdirAll creates a directory that only its owner may enter, and its parents, and makes
// their names durable.
func (OS) MkdirAll(dir string) error { return atomicfile.MkdirAll(dir, 0o700) }

// ReadDir returns the names in a directory, sorted.
func (OS) ReadDir(dir string) ([]string, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(es))
	for i, e := range es {
		names[i] = e.Name()
	}
	return names, nil
}

// Create creates a file; one of that name must not be there.
func (OS) Create(path string) (File, error) {
	return open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open opens a file for reading and writing.
func (OS) Open(path string) (File, error) { return open(path, os.O_RDWR) }

// OpenRead opens a file for reading.
func (OS) OpenRead(path string) (File, error) { return open(path, os.O_RDONLY) }

func open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// SetAside implements FS.
func (OS) SetAside(path string) (string, error) { return atomicfile.SetAside(path) }

// Remove implements FS.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir implements FS.
func (OS) SyncDir(dir string) error { return atomicfile.SyncDir(dir) }

type osFile struct{ *os.File }

// Sync implements File. When the file was read or written last need not be durable.
func (f osFile) Sync() error { return syncData(f.File) }

func (f osFile) Size() (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// WithExt returns the paths of what lies in a directory of the machine and has an
// extension, sorted. No part of dir is taken for a pattern.
func WithExt(dir, ext string) ([]string, error) {
	names, err := OS{}.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, n := range names {
		if filepath.Ext(n) == ext {
			paths = append(paths, filepath.Join(dir, n))
		}
	}
	return paths, nil
}

// RemoveIfThere removes a file that may not exist.
func RemoveIfThere(f FS, path string) error {
	if err := f.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadFile returns what a file holds.
func ReadFile(f FS, path string) ([]byte, error) {
	file, err := f.OpenRead(path)
	if err != nil {
		return nil, err
	}
	b, err := ReadAll(file)
	return b, errors.Join(err, file.Close())
}

// ReadAll returns what an open file holds.
func ReadAll(file File) ([]byte, error) {
	n, err := file.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if k, err := file.ReadAt(b, 0); err != nil && (err != io.EOF || int64(k) < n) {
		return nil, err
	}
	return b, nil
}

// WriteFile replaces a file by one that holds data, or leaves the old one as it is.
// When it returns nil, the content and the name are durable. One caller at a time may
// write to a path.
func WriteFile(f FS, path string, data []byte) (err error) {
	return WriteWith(f, path, func(file File) error {
		_, err := file.WriteAt(data, 0)
		return err
	})
}

// WriteWith is WriteFile of what write writes to an empty file.
func WriteWith(f FS, path string, write func(File) error) (err error) {
	temp := path + ".tmp"
	if err := RemoveIfThere(f, temp); err != nil { // of a crash
		return err
	}
	file, err := f.Create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, RemoveIfThere(f, temp))
		}
	}()
	if err := write(file); err != nil {
		return errors.Join(err, file.Close())
	}
	// Without this the name may reach the disk before the content does.
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := f.Rename(temp, path); err != nil {
		return err
	}
	return f.SyncDir(filepath.Dir(path))
}
