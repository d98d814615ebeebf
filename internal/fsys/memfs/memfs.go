// Package memfs is a file system in memory for tests of what a crash leaves
// behind: it forgets what was not synced, tears writes, refuses them.
package memfs

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

	"github.com/quell-stream/quell/internal/fsys"
)

// FS is a file system in memory that knows what would survive a power
// failure: file content up to the last Sync of the file, names up to the last
// SyncDir. It holds one directory: of a path only the last element counts. What
// implements fsys.FS is safe for concurrent use, the rest is for a test's own
// goroutine.
type FS struct {
	mu      sync.Mutex
	names   map[string]*inode
	safe    map[string]*inode // names as of the last SyncDir
	pending []func(map[string]*inode)

	Space     int  // bytes that may still be written; negative: no bound
	FailSyncs int  // how many of the next Syncs fail
	FailTrunc int  // how many of the next Truncates fail
	FailDir   int  // which of the next SyncDirs fails, counted from 1; 0: none
	Reorder   bool // a crash may leave later writes without earlier ones, and any sectors of a write
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

// ErrDisk is what a refused call returns.
var ErrDisk = errors.New("disk error")

// New returns an empty file system without bounds.
func New() *FS {
	return &FS{names: map[string]*inode{}, safe: map[string]*inode{}, Space: -1}
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

// sectors are the parts of a write that a disk may write or not.
func (c change) sectors(size int64) (out []change) {
	for from := int64(0); from < int64(len(c.data)); {
		to := min((c.off+from)/size*size+size-c.off, int64(len(c.data)))
		out = append(out, change{c.off + from, c.data[from:to]})
		from = to
	}
	return out
}

// Crash forgets what was not durable, apart from whatever the kernel happened
// to write back by itself: the first of the pending writes or, with Reorder, any of
// them, each perhaps only in part; and any first part of the name changes. Sectors are
// as small as the writes of tests are.
func (m *FS) Crash(rng *rand.Rand) {
	for _, op := range m.pending[:rng.IntN(len(m.pending)+1)] {
		op(m.safe)
	}
	m.pending = nil
	m.names = maps.Clone(m.safe)
	sector := int64(16) << rng.IntN(6)
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		n := m.names[name]
		b := slices.Clone(n.safe)
		mode := rng.IntN(2)
		if m.Reorder {
			mode = rng.IntN(3)
		}
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
			if c.data == nil || !m.Reorder || rng.IntN(3) > 0 {
				b = c.apply(b)
				continue
			}
			for _, s := range c.sectors(sector) {
				if rng.IntN(3) > 0 {
					b = s.apply(b)
				}
			}
		}
		n.data, n.safe, n.pending = b, slices.Clone(b), nil
	}
	m.Mend()
}

// Mend makes the disk take everything again.
func (m *FS) Mend() { m.Space, m.FailSyncs, m.FailTrunc, m.FailDir = -1, 0, 0, 0 }

// Clone returns a copy with all content durable.
func (m *FS) Clone() *FS {
	c := New()
	for name, n := range m.names {
		c.names[name] = &inode{data: slices.Clone(n.data), safe: slices.Clone(n.data)}
	}
	c.safe = maps.Clone(c.names)
	return c
}

func (m *FS) change(op func(map[string]*inode)) {
	op(m.names)
	m.pending = append(m.pending, op)
}

// MkdirAll implements fsys.FS.
func (m *FS) MkdirAll(string) error { return nil }

// ReadDir implements fsys.FS.
func (m *FS) ReadDir(string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.names)), nil
}

// Create implements fsys.FS.
func (m *FS) Create(path string) (fsys.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := filepath.Base(path)
	if m.names[name] != nil {
		return nil, fmt.Errorf("create %s: %w", name, fs.ErrExist)
	}
	if m.Space == 0 {
		return nil, ErrDisk
	}
	n := &inode{}
	m.change(func(d map[string]*inode) { d[name] = n })
	return &memFile{m, n}, nil
}

// Open implements fsys.FS.
func (m *FS) Open(path string) (fsys.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[filepath.Base(path)]
	if n == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return &memFile{m, n}, nil
}

// OpenRead implements fsys.FS.
func (m *FS) OpenRead(path string) (fsys.File, error) { return m.Open(path) }

// Rename implements fsys.FS.
func (m *FS) Rename(from, to string) error {
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

// SetAside implements fsys.FS.
func (m *FS) SetAside(path string) (string, error) {
	for i := 1; ; i++ {
		to := fmt.Sprintf("%s.corrupt-%d", path, i)
		m.mu.Lock()
		free := m.names[filepath.Base(to)] == nil
		m.mu.Unlock()
		if free {
			return to, errors.Join(m.Rename(path, to), m.SyncDir(""))
		}
	}
}

// Remove implements fsys.FS.
func (m *FS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := filepath.Base(path)
	if m.names[name] == nil {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	m.change(func(d map[string]*inode) { delete(d, name) })
	return nil
}

// SyncDir implements fsys.FS.
func (m *FS) SyncDir(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.FailDir > 0 {
		if m.FailDir--; m.FailDir == 0 {
			return ErrDisk
		}
	}
	m.safe, m.pending = maps.Clone(m.names), nil
	return nil
}

// Aside returns the names of the files that were set aside.
func (m *FS) Aside() (names []string) {
	for name := range m.names {
		if strings.Contains(name, ".corrupt-") {
			names = append(names, name)
		}
	}
	return names
}

// Has says whether a file of the name is there.
func (m *FS) Has(name string) bool { return m.names[name] != nil }

// Data returns the content of a file, which may be changed in place.
func (m *FS) Data(name string) []byte { return m.names[name].data }

// SetData gives a file other content, and creates it if need be.
func (m *FS) SetData(name string, data []byte) {
	if m.names[name] == nil {
		m.names[name] = &inode{}
	}
	m.names[name].data = data
}

// Delete removes a file without a trace.
func (m *FS) Delete(name string) { delete(m.names, name) }

type memFile struct {
	fs *FS
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
	if f.fs.Space >= 0 && n > f.fs.Space {
		n, err = f.fs.Space, ErrDisk
	}
	if f.fs.Space >= 0 {
		f.fs.Space -= n
	}
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
	if f.fs.FailTrunc > 0 {
		f.fs.FailTrunc--
		return ErrDisk
	}
	c := change{off: size}
	f.n.data = c.apply(f.n.data)
	f.n.pending = append(f.n.pending, c)
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.FailSyncs > 0 {
		f.fs.FailSyncs--
		return ErrDisk
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
