package assemble

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// TestOffered: what lies in the folder is offered while it lies there, as it is now, and
// to streams that it can serve.
func TestOffered(t *testing.T) {
	dir := t.TempDir()
	o := newOffered(dir)
	if got := o.to([]string{"v"}); got != nil {
		t.Errorf("without a folder %v is offered", got)
	}
	at := filepath.Join(dir, offeredDirectory, "mine.quell")
	if err := os.Mkdir(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	base, err := model.Base(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte("half of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := o.to([]string{"v"}); got != nil {
		t.Errorf("a file that is being copied is offered: %v", got)
	}
	if err := base.Save(at); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(at, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	got := o.to([]string{"v"})
	if len(got) != 1 || got[0].Model.Name() != base.Name() || got[0].Unfit != "" {
		t.Fatalf("offered is %+v", got)
	}
	if again := o.to([]string{"v"}); again[0].Model != got[0].Model {
		t.Error("a file that has not changed was read again")
	}
	net, err := nn.New(nn.TCN(1, 1, 2, 3, []int{1}, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := model.New(model.Header{Name: "raw", Kind: model.TCN, Inputs: []model.Input{model.Signal}, Scaler: model.Scaler{Kind: model.ScaleNone}}, net)
	if err != nil {
		t.Fatal(err)
	}
	if why := unfit(raw, []string{"v"}); !strings.Contains(why, "no scaler") {
		t.Errorf("a model that adaptation has no use for: %q", why)
	}
	for _, name := range []string{"notes.txt", ".mine.quell", "folder.quell"} {
		if err := os.Mkdir(filepath.Join(filepath.Dir(at), name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.to([]string{"v"}); len(got) != 1 {
		t.Errorf("%d are offered", len(got))
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if got := o.to([]string{"v"}); got != nil {
		t.Errorf("what was taken away is offered: %v", got)
	}
}
