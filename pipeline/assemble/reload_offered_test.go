package assemble

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
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
	p, r := running(t, path)
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
	if changed, _, err := r.Reload(t.Context()); err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	offers("after")
}
