package adapt

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherChannels opens states of a channel under its name, under another one and
// without any: those of another channel are not taken, and are kept.
func TestOtherChannels(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	run := func(names ...string) (seen int64, said string) {
		t.Helper()
		var log strings.Builder
		cfg.Names, cfg.Log = names, slog.New(slog.NewTextHandler(&log, nil))
		a := open(t, cfg)
		s := newSensor(a, "x", 1)
		s.feed(300, slow, "normal")
		seen = a.track("x").seen
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return seen, log.String()
	}
	if seen, _ := run(); seen != 300 { // of an earlier version
		t.Fatalf("%d slots", seen)
	}
	if seen, said := run("a"); seen <= 300 || strings.Contains(said, "set aside") {
		t.Errorf("with the first names: %d slots, %s", seen, said)
	}
	if seen, said := run("b"); seen != 300 || !strings.Contains(said, "set aside") || !strings.Contains(said, "channels=b") {
		t.Errorf("with another channel: %d slots, %s", seen, said)
	}
	if seen, said := run("b"); seen <= 300 || strings.Contains(said, "set aside") {
		t.Errorf("with the same again: %d slots, %s", seen, said)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, "channels-1", "series-x.adapt")); err != nil {
		t.Error(err)
	}
}
