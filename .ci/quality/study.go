package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
)

const (
	// full stands for as much look-ahead as a net can use: half of a receptive
	// field of 253 samples where one is trained here, the furthest of the base
	// models where it looks at least leastFull samples ahead.
	full      = 126
	leastFull = 64
	furthest  = -1 // the look-ahead of the base model that looks furthest
	// field is purged at each border of the parts.
	field = 256
	level = 10 // dB, of the studies
	runs  = 3  // seeds of training, and seeds of noise
)

// subject is a channel of a recording of the shared data.
type subject struct{ file, column string }

// net is a way to come by a model.
type net struct {
	from    string // truth, recorded, noisy or base
	ahead   int
	arch    string // in place of the default net
	corrupt string // noise to train with; default: white at the level
	seeds   int    // of training; default those of -seeds
}

// score is what one run gained, in dB: the net alone, and what is served with its
// guard on; and the best of the five classical filters beside it.
type score struct {
	Net, Served, Five float64
	Best              string // which of the five
	Realised          float64
	Coverage          float64
}

// gain is that of the net alone, or of what is served.
func (s score) gain(served bool) float64 {
	if served {
		return s.Served
	}
	return s.Net
}

// five are the classical filters that the targets name.
var five = []string{classic.MovingAverageName, classic.SavitzkyGolayName, classic.MedianName, classic.KalmanName, classic.WaveletName}

// seedsOf returns the seeds of training.
func (l *lab) seedsOf(n net) []int {
	k := n.seeds
	if k == 0 {
		k = l.seeds
	}
	seeds := make([]int, k)
	for i := range seeds {
		seeds[i] = i + 1
	}
	return seeds
}

// models trains the models of a net for a subject, one per seed.
func (l *lab) models(s subject, n net) ([]string, error) {
	path, err := l.recording(s.file)
	if err != nil {
		return nil, err
	}
	if n.from == "base" {
		name, _, err := l.base(n.ahead)
		return []string{name}, err
	}
	var models []string
	for _, seed := range l.seedsOf(n) {
		var m string
		switch n.from {
		case "noisy":
			m, err = l.fromNoisy(s, n, seed)
		case "recorded":
			m, err = l.fromRecorded(path, s, n, seed)
		default:
			m, err = l.fromTruth(path, s.column, n, seed)
		}
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}

// fromTruth trains on the clean recording, of which quell train takes the first
// three fifths and validates on the next.
func (l *lab) fromTruth(path, column string, n net, seed int) (string, error) {
	corrupt := n.corrupt
	if corrupt == "" {
		corrupt = fmt.Sprintf("gaussian:snr=%d", level)
	}
	args := []string{"--clean", column + "=" + column, "--corrupt", corrupt, "--seed", strconv.Itoa(seed)}
	files := []string{path}
	if n.arch == "" {
		args = append(args, "--lookahead", strconv.Itoa(n.ahead))
	} else {
		arch, err := l.text(n.arch, ".yaml")
		if err != nil {
			return "", err
		}
		args, files = append(args, "--arch", arch), append(files, arch)
	}
	return l.train(files, args...)
}

// fromNoisy trains on the first three fifths with noise on them, and nothing
// else. Each seed has a history with noise of its own.
func (l *lab) fromNoisy(s subject, n net, seed int) (string, error) {
	_, ahead, err := l.base(n.ahead)
	if err != nil {
		return "", err
	}
	t, err := l.trial(s, eval.White, uint64(100+seed))
	if err != nil {
		return "", err
	}
	history, err := l.file("data", ".csv", []string{l.self, s.file, s.column, "history", strconv.Itoa(seed)}, func(path string) error {
		return csvtable.Write(path, []string{s.column}, t.Parts.Train.Of(t.Noisy))
	})
	if err != nil {
		return "", err
	}
	return l.train([]string{history}, "--channels", s.column, "--lookahead", strconv.Itoa(ahead), "--seed", strconv.Itoa(seed))
}

// trial makes a noisy form of a subject.
func (l *lab) trial(s subject, kind eval.Kind, seed uint64) (*eval.Trial, error) {
	x, err := l.clean(s)
	if err != nil {
		return nil, err
	}
	return eval.NoisyTrial(s.column, x, level, kind, seed, field)
}

// clean reads a subject.
func (l *lab) clean(s subject) ([]float64, error) {
	path, err := l.recording(s.file)
	if err != nil {
		return nil, err
	}
	t, err := csvtable.Read(path)
	if err != nil {
		return nil, err
	}
	return t.Column(s.column)
}

// text returns a file that holds a text.
func (l *lab) text(s, ext string) (string, error) {
	return l.file("data", ext, []string{s}, func(path string) error { return writeText(path, s) })
}

// scores scores the models of a net on a subject with noise of each seed, by
// quell eval.
func (l *lab) scores(s subject, n net, kind eval.Kind) ([]score, error) {
	models, err := l.models(s, n)
	if err != nil {
		return nil, err
	}
	var all [runs][]score
	err = each(runs, func(i int) (err error) {
		all[i], err = l.score(s, models, kind, i+1)
		return err
	})
	return slices.Concat(all[:]...), err
}

func (l *lab) score(s subject, models []string, kind eval.Kind, seed int) ([]score, error) {
	path, err := l.recording(s.file)
	if err != nil {
		return nil, err
	}
	hash, err := l.hashOf(path)
	if err != nil {
		return nil, err
	}
	args := []string{"eval", path, "--channels", s.column, "--snr", strconv.Itoa(level), "--noise", string(kind), "--seed", strconv.Itoa(seed), "--json"}
	for _, m := range models {
		args = append(args, "--model", m)
	}
	return remember(&l.cache, append([]string{l.binary, hash}, args[2:]...), func() ([]score, error) {
		var r struct {
			Results  []eval.Result
			Realised []struct {
				Realised float64 `json:"realised_db"`
			} `json:"realised_snr"`
		}
		if err := l.json(&r, args...); err != nil {
			return nil, err
		}
		ours := 2 * len(models) // each, and what is served with it
		if len(r.Results) < ours || len(r.Realised) != 1 {
			return nil, fmt.Errorf("quell %s: %d results", strings.Join(args, " "), len(r.Results))
		}
		best, rivals := r.Results[0], 0
		for _, x := range r.Results[ours:] {
			if slices.Contains(five, x.Method) {
				if rivals++; rivals == 1 || x.Gain > best.Gain {
					best = x
				}
			}
		}
		if rivals != len(five) {
			return nil, fmt.Errorf("quell eval scored %d of the %d filters to compare with", rivals, len(five))
		}
		var out []score
		for i := 0; i < ours; i += 2 {
			x, served := r.Results[i], r.Results[i+1]
			if !strings.HasPrefix(served.Method, "served") {
				return nil, fmt.Errorf("quell eval: %s beside %s; want what is served", served.Method, x.Method)
			}
			out = append(out, score{x.Gain, served.Gain, best.Gain, best.Method, r.Realised[0].Realised, x.Coverage})
		}
		return out, nil
	})
}
