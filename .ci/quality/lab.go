package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/quell-stream/quell/model/eval"
)

// lab drives the binary, and keeps what is dear to make. It is safe for
// concurrent use.
type lab struct {
	cache
	quell, data    string
	binary, self   string // hashes of the binary and of this program
	bases          map[int]string
	quick, verbose bool
	seeds          int // of training
	every          int // that so many cells of the sweep stand for

	once  sync.Once
	found []recording
	fault error

	sweeping sync.Mutex
	swept    map[eval.Kind][]cell
}

// baseLine is how quell version names a base model.
var baseLine = regexp.MustCompile(`^(\S+) \(look-ahead (\d+)\)$`)

func newLab(quell, data string, o *options) (*lab, error) {
	l := &lab{quell: quell, data: data, cache: cache{dir: o.cacheAt}, bases: map[int]string{}, swept: map[eval.Kind][]cell{}, quick: o.quick, verbose: o.verbose, seeds: o.seeds, every: o.every}
	if _, err := os.Stat(data); err != nil {
		return nil, fmt.Errorf("%w: the recordings are needed", err)
	}
	var err error
	if l.binary, err = l.hashOf(quell); err != nil {
		return nil, err
	}
	me, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if l.self, err = l.hashOf(me); err != nil {
		return nil, err
	}
	var v struct{ Models []string }
	if err := l.json(&v, "version", "--json"); err != nil {
		return nil, err
	}
	for _, m := range v.Models {
		f := baseLine.FindStringSubmatch(m)
		if f == nil {
			return nil, fmt.Errorf("quell version names a model %q", m)
		}
		ahead, err := strconv.Atoi(f[2])
		if err != nil {
			return nil, err
		}
		l.bases[ahead] = f[1]
	}
	if len(l.bases) == 0 {
		return nil, errors.New("quell version names no base model")
	}
	return l, nil
}

// command runs quell and returns what it prints.
func (l *lab) command(args ...string) ([]byte, error) {
	cmd := exec.Command(l.quell, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		text := strings.Split(strings.TrimSpace(errs.String()), "\n")
		return nil, fmt.Errorf("quell %s: %w: %s", strings.Join(args, " "), err, text[len(text)-1])
	}
	return out.Bytes(), nil
}

// json runs quell and reads the JSON that it prints.
func (l *lab) json(v any, args ...string) error {
	out, err := l.command(args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("quell %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// train trains a model, unless it is there from before, and returns its file.
// The first of files is what it is trained on; args may name the others.
func (l *lab) train(files []string, args ...string) (string, error) {
	key := []string{"model", l.binary}
	named := slices.Clone(args)
	for i, f := range files {
		h, err := l.hashOf(f)
		if err != nil {
			return "", err
		}
		for k := range named {
			if named[k] == f {
				named[k] = strconv.Itoa(i)
			}
		}
		key = append(key, h)
	}
	return l.file("models", ".quell", append(key, named...), func(path string) error {
		_, err := l.command(append([]string{"train", files[0], "-o", path}, args...)...)
		return err
	})
}

// recording returns the path of a recording of the shared data.
func (l *lab) recording(file string) (string, error) {
	path := filepath.Join(l.data, filepath.FromSlash(file))
	if _, err := os.Stat(path); err != nil {
		return "", noData(file + " is not there")
	}
	return path, nil
}

// base returns the name of the base model of a look-ahead.
func (l *lab) base(ahead int) (name string, samples int, err error) {
	if ahead == full || ahead == furthest {
		for a := range l.bases {
			samples = max(samples, a)
		}
		if ahead == full && samples < leastFull {
			return "", 0, notAvailable(fmt.Sprintf("no base model sees the full window; the furthest looks %d samples ahead", samples))
		}
		return l.bases[samples], samples, nil
	}
	name, ok := l.bases[ahead]
	if !ok {
		return "", 0, notAvailable(fmt.Sprintf("there is no base model that looks %d samples ahead", ahead))
	}
	return name, ahead, nil
}

// each calls f for 0 … n-1, as many at a time as there are cores, and returns
// the first error.
func each(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
