package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"weak"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/model"
)

// Bank keeps the models that series were switched to, one file per model, by
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
}

// NewBank returns the bank in dir, which it creates.
func NewBank(dir string) (*Bank, error) {
	if err := atomicfile.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("model bank: %w", err)
	}
	return &Bank{dir: dir, known: make(map[string]weak.Pointer[model.Model]), used: make(map[string][]usedSet), held: make(map[string]map[string]bool)}, nil
}

func (b *Bank) path(name string) string {
	return filepath.Join(b.dir, strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '_'
		}
		return r
	}, name)+".quell")
}

// Save makes a model durable under its name, which holds its checksum: one that
// is there already is left alone.
func (b *Bank) Save(m *model.Model) error {
	b.files.Lock()
	defer b.files.Unlock()
	return b.save(m)
}

// Hold is Save for a stream that is about to use the model: it stays until the stream
// Refers, whatever others do meanwhile, and counts as used when it does.
func (b *Bank) Hold(stream string, m *model.Model) error {
	b.files.Lock()
	defer b.files.Unlock()
	if err := b.save(m); err != nil {
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

func (b *Bank) save(m *model.Model) error {
	b.know(m)
	if _, err := os.Stat(b.path(m.Name())); err == nil {
		return nil
	}
	if err := m.Save(b.path(m.Name())); err != nil {
		return fmt.Errorf("model bank: %w", err)
	}
	return nil
}

// know remembers a model for as long as somebody uses it, and returns it, or the
// one that is known by its name already.
func (b *Bank) know(m *model.Model) *model.Model {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w, ok := b.known[m.Name()]; ok {
		if had := w.Value(); had != nil {
			return had
		}
	}
	for name, w := range b.known {
		if w.Value() == nil {
			delete(b.known, name)
		}
	}
	b.known[m.Name()] = weak.Make(m)
	return m
}

// Load returns a saved model, or the embedded base variant of that name. As long
// as a model is in use it is the same one each time.
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
	return b.know(m), nil
}

func (b *Bank) read(name string) (*model.Model, error) {
	for _, l := range model.BaseVariants() {
		if m, err := model.Base(l); err == nil && m.Name() == name {
			return m, nil
		}
	}
	m, err := model.Open(b.path(name))
	if err != nil {
		return nil, fmt.Errorf("model bank: %s: %w", name, err)
	}
	if m.Name() != name {
		return nil, fmt.Errorf("model bank: the file of %s holds %s", name, m.Name())
	}
	return m, nil
}

// put keeps a model that came as bytes, unless it is here already, until the stream
// Refers.
func (b *Bank) put(stream, name string, raw []byte) error {
	b.files.Lock()
	defer b.files.Unlock()
	if _, err := b.read(name); err == nil {
		b.hold(stream, name)
		return nil
	}
	m, err := model.Decode(raw)
	if err != nil {
		return fmt.Errorf("model bank: %s: %w", name, err)
	}
	if m.Name() != name {
		return fmt.Errorf("model bank: the bytes of %s are those of %s", name, m.Name())
	}
	if err := b.save(m); err != nil {
		return err
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
