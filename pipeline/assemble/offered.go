package assemble

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/adapt"
)

// The bounds of what is looked at, in the order of the names: files, and their bytes in
// all.
const (
	mostOffered      = 64
	mostOfferedBytes = 64 << 20
	offeredDirectory = "offered"
)

// offered are the models that somebody has put into a folder so that they can be promoted
// by hand. Links are followed to files. A file is read again where it has changed. It is
// safe for concurrent use.
type offered struct {
	dir  string
	log  *slog.Logger
	load func(path string) (*model.Model, error)

	mu    sync.Mutex
	known map[string]*offer // by the name of the file
}

// offer is what was found in a file.
type offer struct {
	size  int64
	mod   time.Time
	m     *model.Model      // nil: err says why
	err   error             // nil: m is one
	unfit map[string]string // for streams of these channels, joined by a zero byte
	read  bool              // it was read, else it was not looked into
	told  bool              // err is in the log
}

func newOffered(stateDir string, log *slog.Logger) *offered {
	return &offered{dir: filepath.Join(stateDir, offeredDirectory), log: log, load: Load, known: map[string]*offer{}}
}

// prepare makes the folder, for its owner alone.
func (o *offered) prepare() error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("state_dir: the folder of models that are offered: %w", err)
	}
	return nil
}

// to returns the models that are offered to a stream of these channels, each with why it
// can't be promoted there, and the files that hold none.
func (o *offered) to(channels []string) (out []adapt.Offer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.look(); err != nil {
		return []adapt.Offer{{File: offeredDirectory, Unfit: err.Error()}}
	}
	names := make([]string, 0, len(o.known))
	for name := range o.known {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := o.known[name]
		if f.m == nil {
			out = append(out, adapt.Offer{File: name, Unfit: f.err.Error()})
			continue
		}
		if !slices.ContainsFunc(out, func(a adapt.Offer) bool { return a.Model != nil && a.Model.Name() == f.m.Name() }) {
			out = append(out, adapt.Offer{Model: f.m, File: name, Unfit: f.unfitFor(channels)})
		}
	}
	return out
}

// unfitFor is unfit, asked once for each list of channels. The caller holds mu.
func (f *offer) unfitFor(channels []string) string {
	key := strings.Join(channels, "\x00")
	why, asked := f.unfit[key]
	if !asked {
		why = unfit(f.m, channels)
		f.unfit[key] = why
	}
	return why
}

// look brings known up to what lies in the folder. The caller holds mu.
func (o *offered) look() error {
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return reason(err)
	}
	now := map[string]*offer{}
	left := int64(mostOfferedBytes)
	for _, e := range entries {
		name := e.Name()
		if ext := filepath.Ext(name); ext != ".quell" && ext != ".onnx" || strings.HasPrefix(name, ".") {
			continue
		}
		if len(now) == mostOffered {
			o.refuse(name, now, offer{}, fmt.Errorf("and those behind it are left out: %d files are offered at most", mostOffered))
			break
		}
		o.see(name, now, &left)
	}
	o.known = now
	return nil
}

// see looks at one file, of which there are so many bytes left to be taken.
func (o *offered) see(name string, now map[string]*offer, left *int64) {
	path := filepath.Join(o.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		o.refuse(name, now, offer{}, reason(err))
		return
	}
	is := offer{size: info.Size(), mod: info.ModTime()}
	if !info.Mode().IsRegular() {
		o.refuse(name, now, is, errors.New("it is no file"))
		return
	}
	if info.Size() > *left {
		o.refuse(name, now, is, fmt.Errorf("it has %d bytes, and %d of the %d that may be offered in all are left", info.Size(), *left, mostOfferedBytes))
		return
	}
	*left -= info.Size()
	if f := o.known[name]; f != nil && f.read && f.same(&is) && !passing(f.err) {
		if now[name] = f; f.err != nil {
			o.refuse(name, now, *f, f.err)
		}
		return
	}
	m, err := o.load(path)
	is.read = true
	if err != nil {
		o.refuse(name, now, is, reason(err))
		return
	}
	is.m, is.unfit = m, map[string]string{}
	now[name] = &is
}

func (f *offer) same(as *offer) bool { return f.size == as.size && f.mod.Equal(as.mod) }

// refuse keeps why a file is not offered. It is told in the log the second time that the
// file is found as it is, and once: one that is being copied changes.
func (o *offered) refuse(name string, now map[string]*offer, is offer, err error) {
	is.err = err
	if f := o.known[name]; f != nil && f.err != nil && f.same(&is) && f.err.Error() == err.Error() {
		if is.told = true; !f.told {
			o.log.Warn("a model is not offered", "file", filepath.Join(o.dir, name), "err", err)
		}
	}
	now[name] = &is
}

// passing says that an error is of the system and not of the file: the next look may find
// it gone, as after a chown, which does not change a file's time.
func passing(err error) bool {
	var errno syscall.Errno
	return errors.Is(err, fs.ErrPermission) || errors.As(err, &errno)
}

// reason leaves the path out of an error, which is named beside it.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
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
