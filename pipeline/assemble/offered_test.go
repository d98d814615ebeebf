package assemble

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// shelf returns a folder of models on offer, what it logs, and a model.
func shelf(t *testing.T) (*offered, *bytes.Buffer, *model.Model) {
	t.Helper()
	var said bytes.Buffer
	o := newOffered(t.TempDir(), slog.New(slog.NewTextHandler(&said, nil)))
	if err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	base, err := model.Base(0)
	if err != nil {
		t.Fatal(err)
	}
	return o, &said, base
}

// on returns the models that are offered for a channel, and what is said of the rest.
func on(o *offered) (models []*model.Model, rest string) {
	for _, a := range o.to([]string{"v"}) {
		if a.Model != nil && a.Unfit == "" {
			models = append(models, a.Model)
		} else {
			rest += a.File + ": " + a.Unfit + "\n"
		}
	}
	return models, rest
}

// put writes a file into the folder.
func put(t *testing.T, o *offered, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOffered: what lies in the folder is offered while it lies there, as it is now.
func TestOffered(t *testing.T) {
	o, said, base := shelf(t)
	if info, err := os.Stat(o.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	if err := os.Remove(o.dir); err != nil {
		t.Fatal(err)
	}
	if got := o.to([]string{"v"}); got != nil {
		t.Errorf("without a folder %v is offered", got)
	}
	if err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	put(t, o, "mine.quell", []byte("half of a file"))
	got, rest := on(o)
	if got != nil || !strings.HasPrefix(rest, "mine.quell: ") {
		t.Errorf("a file that is being copied: %v is offered, %q said", got, rest)
	}
	at := filepath.Join(o.dir, "mine.quell")
	if err := base.Save(at); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(at, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got, rest = on(o); len(got) != 1 || got[0].Name() != base.Name() || rest != "" {
		t.Fatalf("offered is %v, said %q", got, rest)
	}
	if again, _ := on(o); again[0] != got[0] {
		t.Error("a file that has not changed was read again")
	}
	if said.Len() > 0 {
		t.Errorf("what was being copied was logged: %s", said)
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if got := o.to([]string{"v"}); got != nil {
		t.Errorf("what was taken away is offered: %v", got)
	}
}

// TestOfferedUnfit: a model that adaptation has no use for is not offered.
func TestOfferedUnfit(t *testing.T) {
	net, err := nn.New(nn.TCN(1, 1, 2, 3, []int{1}, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := model.New(model.Header{Name: "raw", Kind: model.TCN, Inputs: []model.Input{model.Signal}, Scaler: model.Scaler{Kind: model.ScaleNone}}, net)
	if err != nil {
		t.Fatal(err)
	}
	if why := unfit(raw, []string{"v"}); !strings.Contains(why, "no scaler") {
		t.Errorf("it is taken: %q", why)
	}
}

// TestOfferedFiles: of files that all hold a model those count whose names say so; a link
// is followed.
func TestOfferedFiles(t *testing.T) {
	o, _, base := shelf(t)
	for _, name := range []string{"notes.txt", ".mine.quell", "mine.quell.part"} {
		if err := base.Save(filepath.Join(o.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.to([]string{"v"}); got != nil {
		t.Errorf("offered is %+v", got)
	}
	if err := os.Mkdir(filepath.Join(o.dir, "folder.quell"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, rest := on(o); got != nil || !strings.Contains(rest, "folder.quell: it is no file") {
		t.Errorf("a folder: %v, %q", got, rest)
	}
	for name, to := range map[string]string{"link.quell": "notes.txt", "gone.quell": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(o.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got, rest := on(o); len(got) != 1 || !strings.Contains(rest, "gone.quell: ") {
		t.Errorf("links: %v, %q", got, rest)
	}
}

// TestOfferedBounds: files and their bytes in all are bounded, in the order of the names,
// and what is left out is said; once there is room it is taken.
func TestOfferedBounds(t *testing.T) {
	o, _, base := shelf(t)
	if err := base.Save(filepath.Join(o.dir, "z.quell")); err != nil {
		t.Fatal(err)
	}
	put(t, o, "a.quell", nil)
	big := filepath.Join(o.dir, "a.quell")
	if err := os.Truncate(big, mostOfferedBytes); err != nil { // sparse
		t.Fatal(err)
	}
	o.load = func(path string) (*model.Model, error) {
		if path == big {
			return nil, fmt.Errorf("it is all zero")
		}
		return Load(path)
	}
	if got, rest := on(o); got != nil || !strings.Contains(rest, "z.quell: it has ") {
		t.Errorf("beyond the bytes: %v, %q", got, rest)
	}
	if err := os.Truncate(big, mostOfferedBytes+1); err != nil {
		t.Fatal(err)
	}
	if got, rest := on(o); len(got) != 1 || !strings.Contains(rest, "a.quell: it has ") {
		t.Errorf("a file beyond the bytes, and one behind it: %v, %q", got, rest)
	}
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	for i := range mostOffered {
		put(t, o, fmt.Sprintf("b%03d.quell", i), nil)
	}
	if got, rest := on(o); got != nil || !strings.Contains(rest, "z.quell: and those behind it are left out") {
		t.Errorf("beyond the files: %v, %q", got, rest)
	}
	if err := os.Remove(filepath.Join(o.dir, "b000.quell")); err != nil {
		t.Fatal(err)
	}
	if got, _ := on(o); len(got) != 1 {
		t.Errorf("at the bound %v is offered", got)
	}
}

// TestOfferedRefused: why a file is not offered is logged once it stays as it is, and
// again where it has changed; what can't be read is tried again, what is broken is not.
func TestOfferedRefused(t *testing.T) {
	o, said, base := shelf(t)
	put(t, o, "mine.quell", []byte("broken"))
	for range 4 {
		on(o)
	}
	if n := strings.Count(said.String(), "level=WARN"); n != 1 || !strings.Contains(said.String(), "mine.quell") {
		t.Errorf("%d lines: %s", n, said)
	}
	put(t, o, "mine.quell", []byte("broken in another way"))
	for range 4 {
		on(o)
	}
	if n := strings.Count(said.String(), "level=WARN"); n != 2 {
		t.Errorf("after a change %d lines: %s", n, said)
	}
	tries, err := 0, error(&fs.PathError{Op: "open", Path: "p", Err: fs.ErrPermission})
	o.load = func(string) (*model.Model, error) { tries++; return base, err }
	if on(o); tries != 0 {
		t.Error("a broken file that has not changed was read again")
	}
	put(t, o, "other.quell", nil)
	for range 3 {
		if _, rest := on(o); !strings.Contains(rest, "other.quell: open: permission denied") && !strings.Contains(rest, "other.quell: open: "+fs.ErrPermission.Error()) {
			t.Errorf("%q", rest)
		}
	}
	if n := strings.Count(said.String(), "level=WARN"); n != 3 || tries != 3 {
		t.Errorf("%d tries, %d lines: %s", tries, n, said)
	}
	err = nil // as after a chown
	if got, _ := on(o); len(got) != 1 {
		t.Errorf("once it can be read %v is offered", got)
	}
}
