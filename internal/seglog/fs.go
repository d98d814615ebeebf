package seglog

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// fsys is what the log asks of a file system; a test puts one in its place
// that forgets what was not synced.
type fsys interface {
	MkdirAll(dir string) error
	ReadDir(dir string) ([]string, error)
	Create(path string) (file, error) // fails if the file is there
	Open(path string) (file, error)   // for reading and writing
	OpenRead(path string) (file, error)
	Rename(from, to string) error
	SetAside(path string) (newPath string, err error)
	Remove(path string) error
	SyncDir(dir string) error
}

type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
	Close() error
}

// osFS is the real one. Segments hold what users measure: only the owner may
// read them.
type osFS struct{}

func (osFS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o700) }

func (osFS) ReadDir(dir string) ([]string, error) {
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

func (osFS) Create(path string) (file, error) {
	return open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) Open(path string) (file, error) { return open(path, os.O_RDWR) }

func (osFS) OpenRead(path string) (file, error) { return open(path, os.O_RDONLY) }

func open(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error         { return os.Rename(from, to) }
func (osFS) SetAside(path string) (string, error) { return atomicfile.SetAside(path) }
func (osFS) Remove(path string) error             { return os.Remove(path) }
func (osFS) SyncDir(dir string) error             { return atomicfile.SyncDir(dir) }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// removeIfThere removes a file that may not exist.
func removeIfThere(fsys fsys, path string) error {
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
