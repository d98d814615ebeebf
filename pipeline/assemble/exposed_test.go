package assemble

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink/dlq"
)

// TestLettersExposed: a password file that others can read is warned of by what looks
// at dead letters and sends them, and keeps neither from trying.
func TestLettersExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the bits of a file say nothing here")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "pw")
	if err := os.WriteFile(file, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := replayConfig(t, dir, "v", `{type: kafka, connection: k, topic: dead}`, []string{"127.0.0.1:1"})
	cfg.Connection("k").SASL = &config.SASL{Mechanism: "plain", Username: "u", PasswordFile: file}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, do := range map[string]func(*slog.Logger) error{
		"list": func(log *slog.Logger) error {
			_, err := Letters(ctx, cfg, log, func(*dlq.Letter) error { return nil })
			return err
		},
		"replay": func(log *slog.Logger) error {
			r := NewReplayer(cfg, log)
			return r.Send(ctx, []*dlq.Letter{{Stream: "s", Topic: "raw", Partition: "raw/0", Payload: []byte("x")}})
		},
	} {
		var said bytes.Buffer
		if err := do(slog.New(slog.NewTextHandler(&said, nil))); err == nil {
			t.Errorf("%s: no error without a broker", name)
		}
		if !strings.Contains(said.String(), file) {
			t.Errorf("%s: %s is not warned of: %q", name, file, said.String())
		}
	}
}
