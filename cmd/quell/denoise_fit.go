package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/pipeline/offline"
)

// leastFit is the least that --fit-rows takes: a sentinel sees 32 rows at a time.
const leastFit = 64

// checkFit finds what is wrong with --fit-rows and --adapt.
func (o *denoiseOptions) checkFit() error {
	switch {
	case o.filter != "" && (o.fitRows > 0 || o.adapt):
		return usageError("--fit-rows and --adapt are for models: a filter learns nothing")
	case o.fitRows != 0 && o.fitRows < leastFit:
		return usageError("--fit-rows %d: at least %d rows are needed", o.fitRows, leastFit)
	}
	return nil
}

// learner sets up what --fit-rows and --adapt ask for, and returns what ends it.
func (o *denoiseOptions) learner(c *offline.Config, channels []string) (end func() error, err error) {
	end = func() error { return nil }
	if m := c.Engine.Model; m != nil && (o.adapt || o.fitRows > 0) {
		if err := m.Trainable(); err != nil {
			return nil, err
		}
	}
	if o.fitRows > 0 {
		c.FitRows, c.Tune = o.fitRows, tuneOn
	}
	if o.adapt {
		a, err := adapt.New(adapt.Config{Mode: adapt.Auto, Channels: len(channels), Names: channels, CPUShare: 1, InStep: true, Seed: denoiseSeed, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		c.Adapter, end = a, a.Close
	}
	return end, nil
}

// tuneOn tunes a model on the first rows of a series, channel by channel, and keeps it
// where rows that were held out show it to be better.
func tuneOn(ctx context.Context, m *model.Model, x [][]float64) (*model.Model, string, error) {
	if m.Header().Channels > 1 || m.Header().Classes != nil {
		return m, fmt.Sprintf("%s is served as it is: it cannot be tuned without truth", m.Name()), nil
	}
	var windows []train.Window
	slots := 0
	for _, values := range x {
		h := historyOf(values)
		ws, err := h.Windows(m)
		if err != nil {
			return nil, "", err
		}
		windows = append(windows, ws...)
		slots += len(h.X)
	}
	if slots < leastSlots {
		return m, fmt.Sprintf("%s is served as it is: %d readings are too few to tune it on, it takes %d", m.Name(), slots, leastSlots), nil
	}
	tuned, rep, err := train.Truthless(ctx, m, windows, train.TruthlessConfig{FineTuneConfig: train.FineTuneConfig{Name: "fitted", Seed: denoiseSeed}})
	switch {
	case errors.Is(err, train.ErrColoured):
		return m, fmt.Sprintf("%s is served as it is: %v", m.Name(), err), nil
	case err != nil:
		return nil, "", err
	case len(rep.Kept()) == 0:
		return m, fmt.Sprintf("%s is served as it is: tuned on %d readings it was not better on those held out", m.Name(), rep.Slots), nil
	}
	return tuned, fmt.Sprintf("%s serves, tuned on %d readings", tuned.Name(), rep.Slots), nil
}

// historyOf returns readings, of which NaN are missing, with those before them in
// their place.
func historyOf(values []float64) train.History {
	h := train.History{X: make([]float64, len(values)), Lost: make([]bool, len(values))}
	last := 0.
	for i, v := range values {
		if h.Lost[i] = v-v != 0; !h.Lost[i] {
			last = v
		}
		h.X[i] = last
	}
	return h
}
