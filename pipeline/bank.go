package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/quell-stream/quell/model"
)

// Bank keeps the models that series were switched to, one file per model, by
// name. It is safe for concurrent use.
type Bank struct{ dir string }

// NewBank returns the bank in dir, which it creates.
func NewBank(dir string) (*Bank, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("model bank: %w", err)
	}
	return &Bank{dir}, nil
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
	if _, err := os.Stat(b.path(m.Name())); err == nil {
		return nil
	}
	if err := m.Save(b.path(m.Name())); err != nil {
		return fmt.Errorf("model bank: %w", err)
	}
	return nil
}

// Load returns a saved model, or the embedded base variant of that name.
func (b *Bank) Load(name string) (*model.Model, error) {
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
