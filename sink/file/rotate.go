package file

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// rotate makes what was written durable, renames the file to the next number
// and starts a new one.
func (s *Sink) rotate() error {
	if err := s.flush(); err != nil {
		return err
	}
	s.dirty = true // until the new file is open
	err := s.f.Close()
	s.f = nil
	if err != nil {
		return fmt.Errorf("file: rotate: %w", err)
	}
	name := numbered(s.cfg.Path, s.seq+1)
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("file: rotate: %s is in the way: move it elsewhere", name)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("file: rotate: %w", err)
	}
	if err := os.Rename(s.cfg.Path, name); err != nil {
		return fmt.Errorf("file: rotate: %w", err)
	}
	s.seq++
	s.size = unknownSize
	if err := s.reopen(); err != nil {
		return err
	}
	if s.keeper != nil {
		s.keeper.kick()
	}
	return nil
}

// numbered returns the name of the rotated file number seq: dir/clean.jsonl
// becomes dir/clean.000001.jsonl.
func numbered(path string, seq int) string {
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s.%06d%s", strings.TrimSuffix(path, ext), seq, ext)
}

// old is a rotated file.
type old struct {
	path string
	seq  int
	size int64
	gz   bool
}

// rotated lists the rotated files of path, oldest first.
func rotated(path string) ([]old, error) {
	ext := filepath.Ext(path)
	prefix := strings.TrimSuffix(filepath.Base(path), ext) + "."
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	var out []old
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		name, gz := strings.CutSuffix(name, ".gz")
		digits, ok := strings.CutSuffix(name, ext)
		if !ok || len(digits) < 6 || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		seq, err := strconv.Atoi(digits)
		if err != nil {
			continue // a number that no rotation gave
		}
		info, err := e.Info()
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("file: %w", err)
		}
		out = append(out, old{filepath.Join(filepath.Dir(path), e.Name()), seq, info.Size(), gz})
	}
	slices.SortFunc(out, func(a, b old) int { return a.seq - b.seq })
	return out, nil
}

// keeper compresses and removes rotated files beside the sink's own work. What
// it can't do now it tries again after the next rotation.
type keeper struct {
	cfg    Config
	log    *slog.Logger
	work   chan struct{}
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newKeeper(cfg Config, log *slog.Logger) *keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &keeper{cfg: cfg, log: log, work: make(chan struct{}, 1), cancel: cancel}
	k.wg.Go(func() {
		for range k.work {
			if err := k.tidy(ctx); err != nil && ctx.Err() == nil {
				k.log.Warn("tidying rotated files", "err", err)
			}
		}
	})
	return k
}

// kick asks for a round. One that is waiting already will see all there is.
func (k *keeper) kick() {
	select {
	case k.work <- struct{}{}:
	default:
	}
}

// close ends the keeper: rounds that were asked for are finished unless ctx ends
// first, which breaks compression off.
func (k *keeper) close(ctx context.Context) error {
	close(k.work)
	done := make(chan struct{})
	go func() {
		k.wg.Wait()
		close(done)
	}()
	defer k.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		k.cancel()
		<-done
		return ctx.Err()
	}
}

// tidy removes what is too much, then compresses the rest.
func (k *keeper) tidy(ctx context.Context) error {
	files, err := rotated(k.cfg.Path)
	if err != nil {
		return err
	}
	var errs []error
	total := k.cfg.MaxBytes // the file in use may grow to that
	for _, f := range files {
		total += f.size
	}
	for len(files) > 0 && (k.cfg.Keep > 0 && count(files) > k.cfg.Keep || k.cfg.TotalBytes > 0 && total > k.cfg.TotalBytes) {
		if err := os.Remove(files[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		total -= files[0].size
		files = files[1:]
	}
	if !k.cfg.Gzip {
		return errors.Join(errs...)
	}
	for _, f := range files {
		if !f.gz {
			errs = append(errs, compress(ctx, f.path, k.cfg.Mode))
		}
	}
	return errors.Join(errs...)
}

// count returns the number of rotated files, one that a crash left both plain
// and compressed counting once.
func count(files []old) int {
	n := 0
	for i := range files {
		if i == 0 || files[i].seq != files[i-1].seq {
			n++
		}
	}
	return n
}

// compress replaces path by path.gz. At any moment one of them is complete.
func compress(ctx context.Context, path string, mode fs.FileMode) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	tmp := path + ".gz.tmp"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, reader{ctx, in})
	err = errors.Join(err, z.Close(), out.Sync(), out.Close(), in.Close())
	if err == nil {
		err = os.Rename(tmp, path+".gz")
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return os.Remove(path)
}

// reader reads until ctx ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
