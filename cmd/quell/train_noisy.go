package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// checkNoisy finds flags that mean nothing without truth, or contradict.
func (o *trainOptions) checkNoisy(files []string) error {
	for _, f := range []given{{"--corrupt", o.corrupt != ""}, {"--checkpoint", o.checkpoint != ""}, {"--budget", o.budget > 0}, {"--curriculum", o.curriculum}, {"--init", o.init != "he"}, {"--condition", o.condition != nil}, {"--labels", o.labels != ""}, {"--labels-weight", o.labelsWeight != 0}, {"--labels-smooth", o.labelsSmooth != 0}, {"--labels-bootstrap", o.labelsBootstrap != 0}, {"--binary", o.binary != nil}} {
		if f.flag == "--budget" && f.is {
			return usageError("--budget needs --clean: without truth the base model is fine-tuned, for as many updates as --steps says")
		}
		if f.is {
			return usageError("%s needs --clean: without truth the base model is fine-tuned", f.flag)
		}
	}
	methods := train.Methods()
	switch m := train.Method(o.method); {
	case !slices.Contains(methods, m):
		return usageError("--method %s: choose one of %s", o.method, strings.Trim(strings.ReplaceAll(fmt.Sprint(methods), " ", ", "), "[]"))
	case o.arch != "" && m != train.BlindSpot:
		return usageError("--arch needs --clean or --method blind: the others fine-tune the net there is")
	case m == train.Noise2Noise && len(o.twins) == 0:
		return usageError("--method n2n needs --twin CH=COL: the second sensor")
	case o.noise != "" && o.quiet != "":
		return usageError("--noise and --quiet exclude each other: both are the recorded noise")
	case o.quiet != "" && len(files) > 1:
		return usageError("--quiet names rows of a recording, so that there is one file")
	case o.memory > 0 && o.quiet != "":
		return usageError("--quiet names rows of a recording that is read whole: leave --memory out, or give the noise by --noise FILE")
	case o.memory > 0 && len(o.twins) > 0:
		return usageError("--twin needs all readings at once, to learn how the two sensors go together: leave --memory out")
	case o.sigma < 0 || math.IsNaN(o.sigma) || math.IsInf(o.sigma, 0):
		return usageError("--sigma %g: a deviation is a positive number", o.sigma)
	}
	return nil
}

// trainNoisy fine-tunes on recordings whose truth is not known.
func trainNoisy(ctx context.Context, s streams, files []string, o *trainOptions) error {
	if err := o.checkNoisy(files); err != nil {
		return err
	}
	recipe, err := o.recipe()
	if err != nil {
		return err
	}
	ahead := int(o.lookahead)
	if o.from != "" && o.from != "base" && !o.aheadSet {
		ahead = anyLookahead
	}
	m, err := loadStreaming(o.from, ahead)
	if err != nil {
		return err
	}
	if err := m.Trainable(); err != nil {
		return err
	}
	if c := m.Header().Channels; c > 1 {
		return fmt.Errorf("%s serves %d channels at once; without truth this version trains models that serve each channel by itself", m.Name(), c)
	}
	windows, err := o.histories(ctx, s, files, m)
	if err != nil {
		return err
	}
	arch, err := o.blindNet(m)
	if err != nil {
		return err
	}
	slots := 0
	for _, w := range windows {
		slots += len(w.Cols)
	}
	if slots < leastSlots {
		return fmt.Errorf("%s: too short: at least %d rows with readings that move are needed behind those that the scale is learnt from, to train on and to judge by, and there are %d", files[0], leastSlots, slots)
	}
	return o.session(ctx, s, func(ctx context.Context, r *session) (*model.Model, train.FitReport, error) {
		cfg := train.TruthlessConfig{Method: train.Method(o.method), Arch: arch, FineTuneConfig: train.FineTuneConfig{Name: "tuned", Steps: r.steps, Seed: o.seed, Recipe: recipe, Progress: r.progress}}
		tuned, rep, err := train.Truthless(ctx, m, windows, cfg)
		if errors.Is(err, train.ErrNoLevel) && o.sigma == 0 {
			err = fmt.Errorf("%w: --sigma tells its deviation, --noise or --quiet what it is like", err)
		}
		fit := train.FitReport{Loss: rep.Fit.Loss, Best: rep.Fit.Best}
		for _, a := range rep.Attempts {
			fit.Steps += a.Steps
			r.attempts = append(r.attempts, attemptOf(a))
		}
		return tuned, fit, err
	})
}

// histories returns windows of all recordings.
func (o *trainOptions) histories(ctx context.Context, s streams, files []string, m *model.Model) (windows []train.Window, err error) {
	if o.memory > 0 {
		return o.sample(ctx, s, files, m)
	}
	for _, path := range files {
		ws, err := o.windows(s, path, m)
		if err != nil {
			return nil, err
		}
		windows = append(windows, ws...)
	}
	return windows, nil
}

// blindNet returns the net that --method blind begins anew with, where --arch
// describes it.
func (o *trainOptions) blindNet(m *model.Model) (train.Arch, error) {
	switch {
	case o.arch == "":
		return train.Arch{}, nil
	case m.Kind() == model.BlindSpot:
		return train.Arch{}, usageError("--from and --arch exclude each other: %s keeps its net", m.Name())
	}
	a, _, err := o.architecture(1)
	if err == nil && a.Kind != model.BlindSpot {
		err = fmt.Errorf("--arch: %s: kind %s; --method blind trains a net of kind blindspot", o.arch, a.Kind)
	}
	return a, err
}

// leastSlots is the shortest history that is trained on.
const leastSlots = 1024

// windows reads a recording and cuts its channels into windows for m.
func (o *trainOptions) windows(s streams, path string, m *model.Model) ([]train.Window, error) {
	twins, err := parsePairs("--twin", o.twins)
	if err != nil {
		return nil, err
	}
	channels := slices.Clone(o.channels)
	var second []string
	for _, p := range twins {
		second = append(second, p.truth)
		if len(o.channels) == 0 {
			channels = append(channels, p.channel)
		}
	}
	t, err := readTable(s, path, o.time, unique(append(slices.Clone(channels), second...)))
	if err != nil {
		return nil, err
	}
	if len(channels) == 0 {
		channels = t.names
	}
	if o.sigma > 0 && len(channels) > 1 {
		return nil, usageError("--sigma is the noise of one channel: choose it by --channels, of %s", strings.Join(channels, ", "))
	}
	recorded, err := o.recordedNoise(s, t, channels)
	if err != nil {
		return nil, err
	}
	var out []train.Window
	for i, name := range channels {
		x, err := t.column(name)
		if err != nil {
			return nil, err
		}
		y, ok := filled(x)
		if !ok {
			continue
		}
		h := train.History{X: y, Lost: lostOf(x), Sigma: o.sigma}
		if recorded != nil {
			h.Noise = recorded[i]
		}
		if len(twins) > 0 {
			if err := twinOf(&h, x, name, t, twins); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		ws, err := h.Windows(m)
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", name, err)
		}
		if len(ws) == 0 && len(x) >= leastSlots {
			fmt.Fprintf(s.err, "note: %s: channel %s is left out: its readings do not move, move by less than a thousand-millionth of their size, or are beyond ±1e30\n", path, name)
		}
		// Truthless sees all channels together, and knows no names.
		if recorded == nil && len(twins) == 0 {
			if err := o.checkWhite(ws, path, name); err != nil {
				return nil, err
			}
		}
		out = append(out, ws...)
	}
	return out, nil
}

// checkWhite refuses windows of a channel whose noise is not white.
func (o *trainOptions) checkWhite(ws []train.Window, path, channel string) error {
	err := train.CheckWhite(ws)
	if err != nil && o.method == string(train.BlindSpot) {
		return fmt.Errorf("%s: channel %s: %w: %w; take --method idr, with a recording of the noise by --noise FILE or a stretch by --quiet FROM..TO", path, channel, err, train.ErrBlindColour)
	}
	if err != nil && o.method == string(train.Auto) {
		return fmt.Errorf("%s: channel %s: %w; give a recording of it by --noise FILE or a stretch by --quiet FROM..TO, a second sensor by --twin, choose other --channels, or name a --method if you know better", path, channel, err)
	}
	return nil
}

// twinOf gives a channel its second sensor.
func twinOf(h *train.History, x []float64, name string, t *table, twins []pair) error {
	i := slices.IndexFunc(twins, func(p pair) bool { return p.channel == name })
	if i < 0 {
		return usageError("--twin: channel %s has none: either all channels have a second sensor, or none", name)
	}
	var err error
	if h.Twin, err = t.column(twins[i].truth); err != nil {
		return err
	}
	if twins[i].truth == name {
		return usageError("--twin %s=%s: a sensor is not its own twin", name, name)
	}
	if h.Fit, err = train.FitTwin(x, h.Twin); err != nil {
		return fmt.Errorf("--twin %s=%s: %w", name, twins[i].truth, err)
	}
	return nil
}

// recordedNoise returns the recorded noise of each channel, nil where there is
// none.
func (o *trainOptions) recordedNoise(s streams, t *table, channels []string) ([][]float64, error) {
	from, to := 0, 0
	flag := "--noise"
	var err error
	switch {
	case o.noise != "":
		if t, err = readTable(s, o.noise, "", channels); err != nil {
			return nil, err
		}
		to = len(t.cols[0])
	case o.quiet != "":
		flag = "--quiet"
		if from, to, err = t.rows(o.quiet); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	out := make([][]float64, len(channels))
	for i, name := range channels {
		x, err := t.column(name)
		if err != nil {
			return nil, err
		}
		z, ok := filled(x[from:to])
		if !ok {
			return nil, fmt.Errorf("%s: %s: column %s has no value there", flag, t.path, name)
		}
		out[i] = z
	}
	return out, nil
}

// rows returns the rows from ≤ i < to that a stretch FROM..TO of --quiet means.
func (t *table) rows(stretch string) (from, to int, err error) {
	a, b, ok := strings.Cut(stretch, "..")
	if !ok {
		return 0, 0, usageError("--quiet %s: write it as FROM..TO", stretch)
	}
	n := len(t.cols[0])
	from, errA := strconv.Atoi(a)
	to, errB := strconv.Atoi(b)
	if errA != nil || errB != nil {
		begin, err1 := time.Parse(time.RFC3339Nano, a)
		end, err2 := time.Parse(time.RFC3339Nano, b)
		switch {
		case err1 != nil || err2 != nil:
			return 0, 0, usageError("--quiet %s: both ends are row numbers, or both times such as 2026-11-23T12:00:00Z", stretch)
		case t.times == nil:
			return 0, 0, usageError("--quiet %s: %s has no time column: give row numbers", stretch, t.path)
		}
		from, to = t.rowAt(begin), t.rowAt(end)
	}
	if from < 0 || to > n || from >= to {
		return 0, 0, usageError("--quiet %s: want a stretch within the %d rows of %s", stretch, n, t.path)
	}
	return from, to, nil
}

// rowAt returns the first row that is not before a time.
func (t *table) rowAt(at time.Time) int {
	i := slices.IndexFunc(t.times, func(ns int64) bool { return ns >= at.UnixNano() })
	if i < 0 {
		return len(t.times)
	}
	return i
}

// attempt is a round of training without truth, as it is printed.
type attempt struct {
	Method string   `json:"method"`
	Steps  int      `json:"steps"`
	Gain   *float64 `json:"gain_db"` // estimated; null where there was nothing to judge on
	P      float64  `json:"p"`
	Kept   bool     `json:"kept"`

	windows int
}

func attemptOf(a train.Attempt) attempt {
	out := attempt{Method: string(a.Method), Steps: a.Steps, P: a.P, Kept: a.Kept, windows: a.Windows}
	if !math.IsNaN(a.GainDB) {
		out.Gain = &a.GainDB
	}
	return out
}

func (a attempt) String() string {
	verdict := "kept"
	if !a.Kept {
		verdict = "not kept: not surely better than before"
	}
	gain := "could not be judged"
	if a.Gain != nil {
		gain = fmt.Sprintf("estimated gain %.2f dB on %d held-out stretches (p = %.2g)", *a.Gain, a.windows, a.P)
	}
	return fmt.Sprintf("%s: %d steps, %s: %s", a.Method, a.Steps, gain, verdict)
}
