package alertmanager

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quell-stream/quell/sink"
)

// FuzzLoad: no file of open alerts has the sink fail, and one that is damaged is kept.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"a":null,"b":{}}`))
	f.Add([]byte(`{"x":{"labels":{"alertname":"QuellDrift","stream":"s","series":"p"},"annotations":{"why":"w"},"starts_at":"2026-11-23T12:00:00Z","epoch":1,"time":5}}`))
	now := time.Unix(1_795_435_200, 0)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "alerts.json")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := New(Config{URLs: []string{"http://h"}, StateFile: path, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
		if err := s.load(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			aside, err := filepath.Glob(path + ".*")
			if err != nil || len(aside) != 1 {
				t.Fatalf("the file is gone: %v, %v", aside, err)
			}
			if err := os.Remove(aside[0]); err != nil {
				t.Fatal(err)
			}
		}
		var ids []string
		for id := range s.alerts {
			ids = append(ids, id)
		}
		s.settle(now)
		if _, err := s.body(ids, now); err != nil {
			t.Error(err)
		}
		e := sink.Event{Stream: "s", Series: "p", Kind: "drift.opened", Time: 7}
		if _, err := s.take([]sink.Item{{Event: &e}}); err != nil {
			t.Error(err)
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	})
}
