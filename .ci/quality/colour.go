package main

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/model/eval"
)

// recorded is the net that is trained with noise recorded beside the signal.
var recorded = net{from: "recorded", ahead: full}

func colourRows() []row {
	return []row{
		{"colour/ar1", "samples flagged coloured_noise under AR(1) noise, ρ .9, all recordings at 0, 5, 10, 20 dB", "%", atLeast(95), atLeast(99), true, flagRate(eval.AR1)},
		{"colour/ar1/known", "the same for a rival that knows the spectrum of the recording before, without noise", "%", none, none, true, flagsOfRival},
		{"colour/white", "the same under white noise", "%", atMost(2), atMost(1), true, flagRate(eval.White)},
		{"colour/clean", "the same with no noise added", "%", atMost(2), atMost(1), true, flagRate(noiseless)},
		{"colour/recorded", "ECG 100, AR(1) noise at 10 dB, trained with recorded noise, full window", "dB", atLeast(5), atLeast(5.5), false, gain(ecg100, recorded, eval.AR1, false)},
		{"colour/without", "ECG 100, AR(1) noise at 10 dB, what is served without", "dB", atLeast(0), atLeast(3), true, servedColoured},
		{"colour/without/worst", "the same, worst of all recordings", "dB", none, none, true, worstColoured},
	}
}

// flagRate is the share of samples that carry the flag, once settled.
func flagRate(kind eval.Kind) func(*lab) (figure, error) {
	return func(l *lab) (figure, error) {
		if err := l.flags(); err != nil {
			return figure{}, err
		}
		cells, err := l.sweep(kind)
		if err != nil {
			return figure{}, err
		}
		sum, some, most := 0.0, 0, 0
		var odd []string
		for i := range cells {
			share := cells[i].Flagged
			sum += share / float64(len(cells))
			if share > 0 {
				some++
			}
			if share > .5 {
				most++
			}
			if (share > .5) != (kind == eval.AR1) && len(odd) < worstShown {
				odd = append(odd, fmt.Sprintf("%s at %g dB (%.0f %%)", cells[i].Recording, cells[i].SNR, 100*share))
			}
		}
		return figure{100 * sum, fmt.Sprintf("of %d, %d flagged at some time, %d most of the time; mean by kind %s", len(cells), some, most, flagsByKind(cells)), odd}, nil
	}
}

// flags says so where no recording at all is flagged, which the rates of false
// flags would look good by.
func (l *lab) flags() error {
	cells, err := l.sweep(eval.AR1)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(cells, func(c cell) bool { return c.Flagged > 0 }) {
		return notAvailable(fmt.Sprintf("quell denoise flags none of %d noisy recordings under AR(1) noise", len(cells)))
	}
	return nil
}

func flagsByKind(cells []cell) string {
	by := map[string][]float64{}
	for i := range cells {
		by[cells[i].Kind] = append(by[cells[i].Kind], 100*cells[i].Flagged)
	}
	text := ""
	for _, k := range slices.Sorted(maps.Keys(by)) {
		sum := 0.0
		for _, v := range by[k] {
			sum += v / float64(len(by[k]))
		}
		text += fmt.Sprintf(" %s %.0f %%,", k, sum)
	}
	return text[1 : len(text)-1]
}

// servedColoured is the gain on record 100 of what quell denoise serves.
func servedColoured(l *lab) (figure, error) {
	all, err := l.recordings()
	if err != nil {
		return figure{}, err
	}
	i := slices.IndexFunc(all, func(r recording) bool { return r.File == ecg100.file && r.Column == ecg100.column })
	if i < 0 {
		return figure{}, noData(ecg100.file + " is not there")
	}
	var gains []float64
	by := map[string]int{}
	for seed := range uint64(runs) {
		c, err := l.cell(&all[i], eval.AR1, level, seed+1)
		if err != nil {
			return figure{}, err
		}
		gains = append(gains, c.Gain)
		for m, n := range c.By {
			by[m] += n
		}
	}
	return figure{median(gains), fmt.Sprintf("%d runs, %.2f…%.2f; served by %s", runs, slices.Min(gains), slices.Max(gains), shares(by)), nil}, nil
}

func worstColoured(l *lab) (figure, error) {
	cells, err := l.sweep(eval.AR1)
	if err != nil {
		return figure{}, err
	}
	cells = slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.SNR != level })
	gains := collect(cells, func(c cell) float64 { return c.Gain })
	worst := slices.Index(gains, slices.Min(gains))
	return figure{gains[worst], fmt.Sprintf("%s; median %.2f of %d", cells[worst].Recording, median(gains), len(gains)), nil}, nil
}

// fromRecorded trains on the clean recording with noise of its own file.
func (l *lab) fromRecorded(p string, s subject, n net, seed int) (string, error) {
	x, err := l.clean(s)
	if err != nil {
		return "", err
	}
	z, err := l.file("data", ".csv", []string{l.self, s.file, s.column, "noise", strconv.Itoa(seed)}, func(path string) error {
		parts, err := eval.Split(len(x), field)
		if err != nil {
			return err
		}
		_, v := eval.Variance(parts.Train.Of(x))
		z, _ := eval.AddNoise(make([]float64, len(x)), level, eval.AR1, uint64(100+seed), v)
		return csvtable.Write(path, []string{s.column}, z)
	})
	if err != nil {
		return "", err
	}
	m, err := l.train([]string{p, z}, "--clean", s.column+"="+s.column, "--noise", z, "--lookahead", strconv.Itoa(n.ahead), "--seed", strconv.Itoa(seed))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path.Base(s.file), err)
	}
	return m, nil
}

// decibels is the ratio of two root mean squares in dB.
func decibels(a, b float64) float64 { return 20 * math.Log10(a/b) }
