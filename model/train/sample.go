package train

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// SampleConfig says how to sample a noisy recording that is too long to be kept.
type SampleConfig struct {
	Channels int
	// Memory bounds in bytes what is kept, with what Truthless makes of it. Default
	// 64 MiB.
	Memory int64
	Seed   uint64
	Sigma  float64     // as in History
	Noise  [][]float64 // as in History, per channel; nil: the noise is white
}

// slotBytes is what a slot that is kept takes, a fine-tuning's copy, guess and
// levels of it included.
const slotBytes = 96

// Sample reads a noisy recording once and returns, for each channel, a uniform
// sample of its windows (Vitter 1985, algorithm R) for Truthless, scaled causally as
// the pipeline would scale them for m. It begins anew at an ErrBreak. Missing
// values are NaN. It returns the number of rows too.
func Sample(ctx context.Context, rows RowReader, m *model.Model, cfg SampleConfig) (windows [][]Window, n int64, err error) {
	all, err := newSamplers(m, cfg)
	if err != nil {
		return nil, 0, err
	}
	row := make([]float64, cfg.Channels)
	for ; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, n, fmt.Errorf("train: stopped at row %d: %w", n, context.Cause(ctx))
		}
		err := rows.Read(row, nil)
		switch {
		case errors.Is(err, ErrBreak):
			n--
			for _, s := range all {
				s.reset()
			}
			continue
		case errors.Is(err, io.EOF):
			for _, s := range all {
				s.reset()
				windows = append(windows, s.kept)
			}
			return windows, n, nil
		case err != nil:
			return nil, n, err
		}
		for i, v := range row {
			all[i].push(v)
		}
	}
}

// sampler keeps windows of one channel.
type sampler struct {
	noise [][]float64 // as in Window
	sigma float64     // deviation of the noise where it is known, else 0
	seed  uint64
	size  int // windows
	kept  []Window
	seen  int

	feed   feed
	scaler window.Scaler
	now    Window // being filled
}

func newSamplers(m *model.Model, cfg SampleConfig) (all []*sampler, err error) {
	if cfg.Channels < 1 || cfg.Noise != nil && len(cfg.Noise) != cfg.Channels {
		return nil, fmt.Errorf("train: %d channels, and noise of %d", cfg.Channels, len(cfg.Noise))
	}
	if cfg.Memory == 0 {
		cfg.Memory = defaultMemory
	}
	memory := cfg.Memory
	for _, z := range cfg.Noise {
		memory -= int64(16 * len(z)) // and without its slope
	}
	size := int(memory / (slotBytes * historyWindow) / int64(cfg.Channels))
	if size < leastPieces {
		return nil, fmt.Errorf("train: %d bytes of memory are too little for %d channels: give at least %d", cfg.Memory, cfg.Channels,
			cfg.Memory-memory+int64(leastPieces*slotBytes*historyWindow*cfg.Channels))
	}
	for i := range cfg.Channels {
		s := &sampler{seed: mix.Next(cfg.Seed ^ uint64(i)<<32), size: size, feed: newFeed(m, 0), now: Window{Channels: 1}}
		h := History{}
		if cfg.Noise != nil {
			h.Noise = cfg.Noise[i]
		}
		if s.noise, s.sigma, err = h.recorded(); err != nil {
			return nil, err
		}
		if cfg.Sigma > 0 {
			s.sigma = cfg.Sigma
		}
		all = append(all, s)
	}
	return all, nil
}

// push takes the next reading, NaN where it is missing.
func (s *sampler) push(v float64) {
	there := v-v == 0
	live := s.scaler.Push(v, there)
	col, sc := s.feed.take(v, !there, scale{live.Mean, live.Dev, live.Sigma})
	if sc.dev <= 0 && len(s.now.Cols) == 0 {
		return
	}
	s.now.Cols = append(s.now.Cols, col)
	if s.sigma > 0 {
		s.now.Sigma = append(s.now.Sigma, scaledBy([]scale{sc}, func(int) float64 { return s.sigma })[0])
	}
	if len(s.now.Cols) == historyWindow {
		s.add()
	}
}

// add keeps the window that is full, or leaves it, and begins the next in the
// memory of the one that is left.
func (s *sampler) add() {
	s.now.Noise = s.noise
	s.seen++
	if len(s.kept) < s.size {
		s.kept = append(s.kept, s.now)
		s.now = Window{Channels: 1}
		return
	}
	if at := draw(s.seed, s.seen, 0).IntN(s.seen); at < s.size {
		s.now, s.kept[at] = s.kept[at], s.now
	}
	s.now.Cols, s.now.Sigma = s.now.Cols[:0], s.now.Sigma[:0]
}

// reset ends a stretch: what there is of its last window is kept if it can be
// trained on and judged.
func (s *sampler) reset() {
	if len(s.now.Cols) >= leastWhole {
		s.add()
	}
	s.now.Cols, s.now.Sigma = s.now.Cols[:0], s.now.Sigma[:0]
	s.feed, s.scaler = newFeed(s.feed.model, 0), window.Scaler{}
}
