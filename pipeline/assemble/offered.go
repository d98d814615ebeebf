package assemble

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/adapt"
)

// The bounds of what is looked at: files, in the order of their names, and the size of one.
const (
	mostOffered      = 64
	largestOffered   = 64 << 20
	offeredDirectory = "offered"
)

// offered are the models that somebody has put into a folder so that they can be promoted
// by hand. A file is read again where it has changed. It is safe for concurrent use.
type offered struct {
	dir string

	mu    sync.Mutex
	known map[string]offer // by path
}

type offer struct {
	size int64
	mod  time.Time
	m    *model.Model // nil: it can't be read
}

func newOffered(stateDir string) *offered {
	return &offered{dir: filepath.Join(stateDir, offeredDirectory), known: map[string]offer{}}
}

// to returns the models that are offered to a stream of these channels, each with why it
// can't be promoted there.
func (o *offered) to(channels []string) (out []adapt.Offer) {
	for _, m := range o.models() {
		out = append(out, adapt.Offer{Model: m, Unfit: unfit(m, channels)})
	}
	return out
}

// models returns those that can be read: a file that is being copied is none yet.
func (o *offered) models() (out []*model.Model) {
	o.mu.Lock()
	defer o.mu.Unlock()
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // it can't be read: nothing is offered
	}
	now := map[string]offer{}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".quell" && ext != ".onnx" || strings.HasPrefix(e.Name(), ".") || len(now) == mostOffered {
			continue
		}
		path := filepath.Join(o.dir, e.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > largestOffered {
			continue
		}
		f, same := o.known[path]
		if !same || f.size != info.Size() || !f.mod.Equal(info.ModTime()) {
			f = offer{size: info.Size(), mod: info.ModTime()}
			if f.m, err = Load(path); err != nil {
				f.m = nil
			}
		}
		now[path] = f
		if f.m != nil && !slices.ContainsFunc(out, func(m *model.Model) bool { return m.Name() == f.m.Name() }) {
			out = append(out, f.m)
		}
	}
	o.known = now
	return out
}

// unfit says why a model can't serve a stream of these channels that adapts, "" if it can.
func unfit(m *model.Model, channels []string) string {
	if err := m.Header().Spec.Streamable(); err != nil {
		return err.Error()
	}
	if err := m.Takes(channels); err != nil {
		return err.Error()
	}
	if _, err := m.NewStream(len(channels)); err != nil {
		return err.Error()
	}
	return cannotLearn(m)
}
