package assemble

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
)

// TestReloadOffers: a stream that a reload makes anew is offered what lies in the folder,
// as it was before.
func TestReloadOffers(t *testing.T) {
	broker := mqtttest.Start(t, mqtttest.Rules{})
	dir := t.TempDir()
	path := filepath.Join(dir, "quell.yaml")
	text := strings.ReplaceAll(fmt.Sprintf(reloadFile, dir, broker.URL), "mode: off", "mode: shadow")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Stdout: io.Discard}
	p, err := Pipeline(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	base, err := model.Base(0)
	if err == nil {
		err = base.Save(filepath.Join(dir, "state", offeredDirectory, "mine.quell"))
	}
	if err != nil {
		t.Fatal(err)
	}
	offers := func(when string) {
		t.Helper()
		if _, err := p.Promote("none@000000", pipeline.Where{Stream: "a"}); err == nil || !strings.Contains(err.Error(), base.Name()) {
			t.Errorf("%s: %v", when, err)
		}
	}
	offers("before")
	if err := os.WriteFile(path, []byte(strings.Replace(text, "sinks: [a]}", "drift: {false_alarms: 1/week}, sinks: [a]}", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, _, err := NewReloader(path, cfg, opt, p).Reload(t.Context()); err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	offers("after")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
