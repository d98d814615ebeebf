package seglog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// memFS is a file system in memory that knows what would survive a power
// failure: file content up to the last Sync of the file, names up to the last
// SyncDir. It holds one directory.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*inode
	safe    map[string]*inode // names as of the last SyncDir
	pending []func(map[string]*inode)

	space     int   // bytes that may still be written; negative: no bound
	failSyncs int   // how many of the next Syncs fail
	failTrunc int   // how many of the next Truncates fail
	writes    int   // bytes written so far
	err       error // what a refused call returns
}

type inode struct {
	data, safe []byte
	pending    []change
}

// change is an unsynced write, or (data nil) truncation.
type change struct {
	off  int64
	data []byte
}

var errDisk = errors.New("disk error")

func newMemFS() *memFS {
	return &memFS{names: map[string]*inode{}, safe: map[string]*inode{}, space: -1, err: errDisk}
}

func (c change) apply(b []byte) []byte {
	if c.data == nil {
		if int64(len(b)) > c.off {
			b = b[:c.off]
		}
		return append(b, make([]byte, max(0, c.off-int64(len(b))))...)
	}
	if need := c.off + int64(len(c.data)); int64(len(b)) < need {
		b = append(b, make([]byte, need-int64(len(b)))...)
	}
	copy(b[c.off:], c.data)
	return b
}

// crash forgets what was not durable, apart from whatever the kernel happened
// to write back by itself: any subset of the pending writes, each perhaps only
// in part, and any first part of the name changes.
func (m *memFS) crash(rng *rand.Rand) {
	for _, op := range m.pending[:rng.IntN(len(m.pending)+1)] {
		op(m.safe)
	}
	m.pending = nil
	m.names = maps.Clone(m.safe)
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		n := m.names[name]
		b := slices.Clone(n.safe)
		mode := rng.IntN(3)
		for i, c := range n.pending {
			if mode == 0 || mode == 1 && i >= rng.IntN(len(n.pending)+1) {
				break
			}
			if mode == 2 && rng.IntN(2) == 0 {
				continue
			}
			if c.data != nil && rng.IntN(3) == 0 {
				c.data = c.data[:rng.IntN(len(c.data)+1)]
				if len(c.data) == 0 {
					continue
				}
			}
			b = c.apply(b)
		}
		n.data, n.safe, n.pending = b, slices.Clone(b), nil
	}
	m.space, m.failSyncs, m.failTrunc = -1, 0, 0
}

// clone returns a copy with all content durable.
func (m *memFS) clone() *memFS {
	c := newMemFS()
	for name, n := range m.names {
		c.names[name] = &inode{data: slices.Clone(n.data), safe: slices.Clone(n.data)}
	}
	c.safe = maps.Clone(c.names)
	return c
}

func (m *memFS) change(op func(map[string]*inode)) {
	op(m.names)
	m.pending = append(m.pending, op)
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) ReadDir(string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.names)), nil
}

func (m *memFS) Create(path string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := filepath.Base(path)
	if m.names[name] != nil {
		return nil, fmt.Errorf("create %s: %w", name, fs.ErrExist)
	}
	if m.space == 0 {
		return nil, m.err
	}
	n := &inode{}
	m.change(func(d map[string]*inode) { d[name] = n })
	return &memFile{m, n}, nil
}

func (m *memFS) Open(path string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[filepath.Base(path)]
	if n == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return &memFile{m, n}, nil
}

func (m *memFS) OpenRead(path string) (file, error) { return m.Open(path) }

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to = filepath.Base(from), filepath.Base(to)
	n := m.names[from]
	if n == nil {
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	}
	m.change(func(d map[string]*inode) { delete(d, from); d[to] = n })
	return nil
}

func (m *memFS) SetAside(path string) (string, error) {
	for i := 1; ; i++ {
		to := fmt.Sprintf("%s.corrupt-%d", path, i)
		if m.names[filepath.Base(to)] == nil {
			return to, errors.Join(m.Rename(path, to), m.SyncDir(""))
		}
	}
}

func (m *memFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := filepath.Base(path)
	if m.names[name] == nil {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	m.change(func(d map[string]*inode) { delete(d, name) })
	return nil
}

func (m *memFS) SyncDir(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.safe, m.pending = maps.Clone(m.names), nil
	return nil
}

func (m *memFS) corrupt() (names []string) {
	for name := range m.names {
		if strings.Contains(name, ".corrupt-") {
			names = append(names, name)
		}
	}
	return names
}

type memFile struct {
	fs *memFS
	n  *inode
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n, err := len(b), error(nil)
	if f.fs.space >= 0 && n > f.fs.space {
		n, err = f.fs.space, f.fs.err
	}
	if f.fs.space >= 0 {
		f.fs.space -= n
	}
	f.fs.writes += n
	c := change{off, slices.Clone(b[:n])}
	if n > 0 {
		f.n.data = c.apply(f.n.data)
		f.n.pending = append(f.n.pending, c)
	}
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.failTrunc > 0 {
		f.fs.failTrunc--
		return f.fs.err
	}
	c := change{off: size}
	f.n.data = c.apply(f.n.data)
	f.n.pending = append(f.n.pending, c)
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.failSyncs > 0 {
		f.fs.failSyncs--
		return f.fs.err
	}
	f.n.safe, f.n.pending = slices.Clone(f.n.data), nil
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *memFile) Close() error { return nil }
