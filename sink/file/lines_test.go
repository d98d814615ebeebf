package file

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/sink/sinktest"
)

func linesIn(t *testing.T, path string) (out []string) {
	t.Helper()
	if err := Lines(path, func(b []byte) error { out = append(out, string(b)); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLines(t *testing.T) {
	for name, cfg := range map[string]Config{"plain": {}, "rotated": {MaxBytes: 2000}, "gzip": {MaxBytes: 2000, Gzip: true}} {
		t.Run(name, func(t *testing.T) {
			cfg.Path = filepath.Join(t.TempDir(), "dead.jsonl")
			if got := linesIn(t, cfg.Path); got != nil {
				t.Fatalf("%d lines of no file", len(got))
			}
			s := open(t, cfg)
			items := sinktest.Items(0, 40)
			write(t, s, items)
			closeSink(t, s)
			f, err := os.OpenFile(cfg.Path, os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteString(`{"torn`)
			must(t, err, f.Close())
			var want []string
			for _, it := range items {
				want = append(want, string(it.JSON))
			}
			if got := linesIn(t, cfg.Path); !slices.Equal(got, want) {
				t.Errorf("%d lines, want %d", len(got), len(want))
			}
			stop := errors.New("enough")
			if err := Lines(cfg.Path, func([]byte) error { return stop }); !errors.Is(err, stop) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLinesLong reads lines beyond any buffer, and empty ones.
func TestLinesLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	long := strings.Repeat("x", 300_000)
	must(t, os.WriteFile(path, []byte(long+"\n\nshort\n"), 0o600))
	if got := linesIn(t, path); !slices.Equal(got, []string{long, "", "short"}) {
		t.Errorf("%d lines", len(got))
	}
}

// TestLinesWhileRotated rotates the file between two of its lines.
func TestLinesWhileRotated(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "dead.jsonl"), MaxBytes: 1}
	s := open(t, cfg)
	items := sinktest.Items(0, 9)
	write(t, s, items[:3])
	n := 0
	err := Lines(cfg.Path, func([]byte) error {
		n++
		if n < 5 {
			write(t, s, items[n+2:n+3])
		}
		return nil
	})
	must(t, err)
	if n < 3 || n > 8 {
		t.Errorf("%d lines, want the three of the beginning and at most those that came meanwhile", n)
	}
}
