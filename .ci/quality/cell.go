package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
)

const (
	settled   = 4000 // samples after which what is served counts, and that filters are chosen on
	beginning = 500  // samples that are reported apart
	block     = 1000 // samples
	blockLo   = .82
	blockHi   = .97
	nominal   = .9
)

// noiseless is the kind of a cell with nothing added.
const noiseless eval.Kind = "none"

// cell is what quell denoise with no option makes of a recording with noise.
type cell struct {
	Recording, Kind string
	Noise           eval.Kind
	SNR             float64 // dB, asked for
	Realised        float64 // dB
	Ahead           int     // samples, of the base model

	Gain float64        // dB, of what is served, after settled samples
	By   map[string]int // samples after that, by method
	// Flagged is the share of those samples that carry coloured_noise.
	Flagged float64

	Blind, Oracle         float64 // dB, of the classical filter chosen without and with the truth
	BlindName, OracleName string

	Band  interval
	First float64 // coverage of the first samples
}

// loss says by how much what is served is below the filter chosen without truth.
func (c *cell) loss() float64 { return c.Blind - c.Gain }

func (c *cell) String() string {
	s := fmt.Sprintf("%-16s %-46s %5s %2g dB (%.2f): served %6.2f dB", c.Kind, c.Recording, c.Noise, c.SNR, c.Realised, c.Gain)
	if c.Noise == eval.White {
		s += fmt.Sprintf(", blind %6.2f (%s), oracle %6.2f (%s); coverage %.3f, blocks %d of %d, width %.2f, first %.3f",
			c.Blind, c.BlindName, c.Oracle, c.OracleName, c.Band.coverage(), c.Band.GoodBlocks, c.Band.Blocks, c.Band.Width, c.First)
	}
	return s + fmt.Sprintf("; coloured %.0f %%; look-ahead %d", 100*c.Flagged, c.Ahead)
}

// sweep returns the cells of all recordings at all levels of a kind of noise.
func (l *lab) sweep(kind eval.Kind) ([]cell, error) {
	l.sweeping.Lock()
	defer l.sweeping.Unlock()
	if cells, ok := l.swept[kind]; ok {
		return cells, nil
	}
	all, err := l.recordings()
	if err != nil {
		return nil, err
	}
	at := levels
	if kind == noiseless {
		at = at[:1]
	}
	which := part(len(all), len(at), l.every)
	cells := make([]cell, len(which))
	err = each(len(cells), func(k int) (err error) {
		i := which[k]
		r := &all[i/len(at)]
		if cells[k], err = l.cell(r, kind, at[i%len(at)], 1); err != nil {
			return fmt.Errorf("%s, %s: %w", r.File, r.Column, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if l.verbose {
		for i := range cells {
			fmt.Println(" ", &cells[i])
		}
	}
	l.swept[kind] = cells
	return cells, nil
}

// part returns each every-th of so many recordings at so many levels, of all levels
// alike: from one group of four recordings to the next the levels move on.
func part(recordings, levels, every int) (which []int) {
	for i := range recordings * levels {
		if (i+1+i/levels/4)%every == 0 {
			which = append(which, i)
		}
	}
	return which
}

// cell measures one, or remembers it: what quell does by the binary, what the
// filters do by this program, which holds them.
func (l *lab) cell(r *recording, kind eval.Kind, snr float64, seed uint64) (cell, error) {
	hash, err := l.hashOf(filepath.Join(l.data, filepath.FromSlash(r.File)))
	if err != nil {
		return cell{}, err
	}
	key := []string{l.self, hash, r.Column, string(kind), strconv.FormatFloat(snr, 'g', -1, 64), strconv.FormatUint(seed, 10)}
	c, err := remember(&l.cache, append(key, l.binary), func() (cell, error) { return l.serve(r, kind, snr, seed) })
	if err != nil || kind != eval.White {
		return c, err
	}
	rivals, err := remember(&l.cache, append(key, "filters"), func() (cell, error) {
		y, _ := r.noisy(kind, snr, seed)
		return rival(r.Clean, y, c.Ahead), nil
	})
	c.Blind, c.BlindName, c.Oracle, c.OracleName = rivals.Blind, rivals.BlindName, rivals.Oracle, rivals.OracleName
	return c, err
}

// noisy returns the recording with seeded noise, its level relative to the
// variance of the first three fifths, and how it came out in dB.
func (r *recording) noisy(kind eval.Kind, snr float64, seed uint64) ([]float64, float64) {
	if kind == noiseless {
		return r.Clean, math.Inf(1)
	}
	h := fnv.New64a()
	fmt.Fprint(h, r.File, r.Column, kind, snr, seed)
	_, v := eval.Variance(r.Clean[:len(r.Clean)*6/10])
	return eval.AddNoise(r.Clean, snr, kind, h.Sum64(), v)
}

// rival lets the classical filters of a look-ahead compete.
func rival(x, y []float64, ahead int) (c cell) {
	f := selectBlind(y[:settled], ahead)
	out := make([]float64, len(y))
	f.apply(out, y)
	c.Blind, c.BlindName = eval.Gain(x[settled:], y[settled:], out[settled:]), f.String()
	g, most := oracle(x, y, ahead, settled)
	c.Oracle, c.OracleName = most, g.String()
	return c
}

// serve runs quell denoise on a recording with noise, with a column of time
// where its rate is known and no option but the output.
func (l *lab) serve(r *recording, kind eval.Kind, snr float64, seed uint64) (c cell, err error) {
	y, realised := r.noisy(kind, snr, seed)
	c = cell{Recording: r.name(), Kind: r.Kind, Noise: kind, SNR: snr, Realised: realised}
	rate := r.Rate
	names, cols := []string{"x"}, [][]float64{y}
	if rate > 0 {
		names, cols = []string{"x", "ts"}, append(cols, stamps(len(y), rate))
	} else {
		rate = 1
	}
	c.Ahead = model.BaseWithin(0, rate)
	d, err := l.denoise(names, cols)
	if err != nil {
		return c, err
	}
	c.score(r.Clean, y, d["x"])
	return c, nil
}

// stamps returns times in seconds.
func stamps(n int, rate float64) []float64 {
	ts := make([]float64, n)
	for i := range ts {
		ts[i] = math.Round(float64(i)/rate*1e9) / 1e9
	}
	return ts
}

// score scores the output against the truth.
func (c *cell) score(x, y []float64, d *denoised) {
	// Where it gives no value the reading itself is what a user is left with.
	for i, v := range d.clean {
		if math.IsNaN(v) {
			d.clean[i] = y[i]
		}
	}
	c.Gain = eval.Gain(x[settled:], y[settled:], d.clean[settled:])
	c.By = map[string]int{}
	flagged := 0
	for i := settled; i < len(x); i++ {
		c.By[d.method[i]]++
		if slices.Contains(strings.Fields(d.flags[i]), "coloured_noise") {
			flagged++
		}
	}
	c.Flagged = float64(flagged) / float64(len(x)-settled)
	c.Band = measure(x[settled:], d.clean[settled:], d.lo[settled:], d.hi[settled:])
	first := measure(x[:beginning], d.clean[:beginning], d.lo[:beginning], d.hi[:beginning])
	c.First = first.coverage()
}
