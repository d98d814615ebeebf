package pipeline

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"weak"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/model"
)

// Bank keeps the models that series were switched to, and those configured, one file per model, by
// name. It is safe for concurrent use.
type Bank struct {
	dir string

	// What is in use anywhere, by name: series that one model serves are to share
	// it, and to go through its net together.
	mu    sync.Mutex
	known map[string]weak.Pointer[model.Model]

	streams int                        // that have to Refer before anything is removed; 0: nothing is
	used    map[string][]usedSet       // what streams referred to lately
	held    map[string]map[string]bool // by stream the names of what it holds

	files sync.Mutex // held while files come or go; taken before mu
	// intact holds the digest of each file that was read or written; guarded by files.
	intact map[string][sha256.Size]byte
}

// ErrNameTaken is wrapped by the errors about a model whose name another one has.
var ErrNameTaken = errors.New("another model has this name")

// NewBank returns the bank in dir, which it creates.
func NewBank(dir string) (*Bank, error) {
	if err := atomicfile.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("model bank: %w", err)
	}
	return &Bank{dir: dir, known: make(map[string]weak.Pointer[model.Model]), used: make(map[string][]usedSet), held: make(map[string]map[string]bool), intact: make(map[string][sha256.Size]byte)}, nil
}

func (b *Bank) path(name string) string {
	return filepath.Join(b.dir, strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '_'
		}
		return r
	}, name)+".quell")
}

// file returns where the model of a name is: versions whose names had fewer digits left
// files of such names.
func (b *Bank) file(name string) string {
	if _, err := os.Stat(b.path(name)); errors.Is(err, fs.ErrNotExist) {
		if old := b.path(model.OldName(name)); old != b.path(name) {
			if _, err := os.Stat(old); err == nil {
				return old
			}
		}
	}
	return b.path(name)
}

// Save makes a model durable under its name. What is there already is left alone; the
// error wraps ErrNameTaken where it is another model.
func (b *Bank) Save(m *model.Model) error {
	b.files.Lock()
	defer b.files.Unlock()
	return b.save(m, m.Name())
}

// Hold is Save for a stream that is about to use the model: it stays until the stream
// Refers, whatever others do meanwhile, and counts as used when it does.
func (b *Bank) Hold(stream string, m *model.Model) error {
	b.files.Lock()
	defer b.files.Unlock()
	if err := b.save(m, m.Name()); err != nil {
		return err
	}
	b.hold(stream, m.Name())
	return nil
}

func (b *Bank) hold(stream, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[stream] == nil {
		b.held[stream] = make(map[string]bool)
	}
	b.held[stream][name] = true
}

// save makes a model durable under one of its names. A file that is damaged is written
// anew. The caller holds files.
func (b *Bank) save(m *model.Model, name string) error {
	if _, err := b.know(m); err != nil {
		return err
	}
	path := b.path(name)
	if _, err := os.Stat(path); err == nil {
		if b.intact[name] == m.Sum() {
			return nil
		}
		had, err := model.Open(path)
		switch {
		case err == nil && had.Sum() == m.Sum():
			b.intact[name] = m.Sum()
			return nil
		case err == nil && had.Called(name):
			return fmt.Errorf("model bank: %s: %w", name, ErrNameTaken)
		}
	}
	if err := m.Save(path); err != nil {
		return fmt.Errorf("model bank: %w", err)
	}
	b.intact[name] = m.Sum()
	return nil
}

// know remembers a model for as long as somebody uses it, and returns it, or the
// same one that is known already. The error wraps ErrNameTaken where another model is
// known by its name.
func (b *Bank) know(m *model.Model) (*model.Model, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if had := b.known[m.Name()].Value(); had != nil {
		if had.Sum() != m.Sum() {
			return nil, fmt.Errorf("model bank: %s: %w", m.Name(), ErrNameTaken)
		}
		return had, nil
	}
	for name, w := range b.known {
		if w.Value() == nil {
			delete(b.known, name)
		}
	}
	b.known[m.Name()] = weak.Make(m)
	return m, nil
}

// Load returns a saved model, or the embedded base variant of that name, which may be
// one that earlier versions gave. As long as a model is in use it is the same one each time.
func (b *Bank) Load(name string) (*model.Model, error) {
	b.mu.Lock()
	had := b.known[name].Value()
	b.mu.Unlock()
	if had != nil {
		return had, nil
	}
	m, err := b.read(name)
	if err != nil {
		return nil, err
	}
	return b.know(m)
}

func (b *Bank) read(name string) (*model.Model, error) {
	for _, l := range model.BaseVariants() {
		if m, err := model.Base(l); err == nil && m.Called(name) {
			return m, nil
		}
	}
	m, err := model.Open(b.file(name))
	if err != nil {
		return nil, fmt.Errorf("model bank: %s: %w", name, err)
	}
	if !m.Called(name) {
		return nil, fmt.Errorf("model bank: the file of %s holds %s", name, m.Name())
	}
	return m, nil
}

// put keeps a model that came as bytes, unless it is here already, until the stream
// Refers. It stays under the name that it came with, which the states name that came with it.
func (b *Bank) put(stream, name string, raw []byte) error {
	b.files.Lock()
	defer b.files.Unlock()
	had, err := b.read(name)
	switch {
	case err != nil:
		m, err := model.Decode(raw)
		if err != nil {
			return fmt.Errorf("model bank: %s: %w", name, err)
		}
		if !m.Called(name) {
			return fmt.Errorf("model bank: the bytes of %s are those of %s", name, m.Name())
		}
		if err := b.save(m, name); err != nil {
			return err
		}
	case had.Sum() != sha256.Sum256(raw):
		return fmt.Errorf("model bank: %s: %w", name, ErrNameTaken)
	}
	b.hold(stream, name)
	return nil
}

// bytes returns those of a model that is in use or in the bank.
func (b *Bank) bytes(name string) ([]byte, error) {
	m, err := b.Load(name)
	if err != nil {
		return nil, err
	}
	return m.Encode()
}
