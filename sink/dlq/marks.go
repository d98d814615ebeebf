package dlq

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// Marks remember which letters were replayed, in a file of JSON lines. They are not
// safe for concurrent use, by processes neither.
type Marks struct {
	path string
	size int64 // of whole lines
	at   map[Key]mark
}

type mark struct {
	ID  string    `json:"id"`
	Sum string    `json:"sum"` // of the original: an id may come again where a state was begun anew
	At  time.Time `json:"at"`
}

// OpenMarks reads the marks in a folder, none where there is no file of them. A last
// line that was torn is left out.
func OpenMarks(dir string) (*Marks, error) {
	m := &Marks{path: filepath.Join(dir, "replayed.jsonl"), at: map[Key]mark{}}
	b, err := os.ReadFile(m.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("marks of replayed letters: %w", err)
	}
	for n := 1; ; n++ {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return m, nil
		}
		var one mark
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("%s:%d: %w: mend the line, or remove the file and what was replayed is forgotten", m.path, n, err)
		}
		m.at[one.key()] = one
		m.size += int64(len(line)) + 1
		b = rest
	}
}

func sum(l *Letter) string {
	h := sha256.Sum256(l.Payload)
	return hex.EncodeToString(h[:8])
}

// Key is what copies of a letter have in common, and no other letter.
type Key struct {
	ID  string
	Sum string // of the original
}

// KeyOf returns the key of a letter.
func KeyOf(l *Letter) Key { return Key{l.ID, sum(l)} }

func (m mark) key() Key { return Key{m.ID, m.Sum} }

// Replayed says when a letter was replayed last.
func (m *Marks) Replayed(l *Letter) (at time.Time, ok bool) {
	one, ok := m.at[KeyOf(l)]
	return one.At, ok
}

// Add marks letters, durably.
func (m *Marks) Add(letters []*Letter, at time.Time) error {
	var b []byte
	for _, l := range letters {
		one := mark{l.ID, sum(l), at.UTC().Truncate(time.Second)}
		line, err := json.Marshal(one)
		if err != nil {
			return fmt.Errorf("marks of replayed letters: %w", err)
		}
		b = append(append(b, line...), '\n')
		m.at[one.key()] = one
	}
	if err := m.append(b); err != nil {
		return fmt.Errorf("marks of replayed letters: %w", err)
	}
	return nil
}

func (m *Marks) append(b []byte) (err error) {
	f, err := os.OpenFile(m.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(m.size); err != nil {
		return err
	}
	if _, err := f.WriteAt(b, m.size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	m.size += int64(len(b))
	return atomicfile.SyncDir(filepath.Dir(m.path))
}

// Prune forgets the letters that are not kept any more, of which have says no. It
// does so only where they are most of what is remembered.
func (m *Marks) Prune(have func(Key) bool) error {
	gone := 0
	for key := range m.at {
		if !have(key) {
			gone++
		}
	}
	if gone < 1000 || gone < len(m.at)/2 {
		return nil
	}
	maps.DeleteFunc(m.at, func(key Key, _ mark) bool { return !have(key) })
	kept := slices.SortedFunc(maps.Values(m.at), func(a, b mark) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Sum, b.Sum))
	})
	var b []byte
	for _, one := range kept {
		line, err := json.Marshal(one)
		if err != nil {
			return fmt.Errorf("marks of replayed letters: %w", err)
		}
		b = append(append(b, line...), '\n')
	}
	if err := atomicfile.WriteFile(m.path, b, 0o600); err != nil {
		return fmt.Errorf("marks of replayed letters: %w", err)
	}
	m.size = int64(len(b))
	return nil
}
