package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
)

const (
	motionLevel  = 6 // dB
	motionWindow = 512
)

// motion is record 118 with real electrode motion: the noise of the last of the
// recorded segments is for the test, that of the others for training.
type motion struct{ clean, train, test []float64 }

func (l *lab) motion() (*motion, error) {
	clean, err := l.clean(subject{"ecg_nstdb/nst118_aligned.csv.gz", "clean_mlii_mv"})
	if err != nil {
		return nil, err
	}
	path, err := l.recording("ecg_nstdb/noise_em_from118e00.csv.gz")
	if err != nil {
		return nil, err
	}
	t, err := csvtable.Read(path)
	if err != nil {
		return nil, err
	}
	segment, err := t.Column("segment")
	if err != nil {
		return nil, err
	}
	z, err := t.Column("noise1_mv")
	if err != nil {
		return nil, err
	}
	last := slices.Max(segment)
	m := &motion{clean: clean}
	for i, v := range z {
		if segment[i] == last {
			m.test = append(m.test, v)
		} else {
			m.train = append(m.train, v)
		}
	}
	_, v := eval.Variance(clean[:len(clean)*6/10])
	for _, z := range [][]float64{m.train, m.test} {
		mean, noise := eval.Variance(z)
		scale := math.Sqrt(v * math.Pow(10, -motionLevel/10.) / noise)
		for i := range z {
			z[i] = scale * (z[i] - mean)
		}
	}
	return m, nil
}

// electrodeMotion is the PRD by DeepFilter's formula, mean over windows, of a
// net trained with recorded noise.
func electrodeMotion(l *lab) (figure, error) {
	m, err := l.motion()
	if err != nil {
		return figure{}, err
	}
	write := func(what string, x []float64) (string, error) {
		return l.file("data", ".csv", []string{l.self, "motion", what}, func(path string) error { return csvtable.Write(path, []string{"x"}, x) })
	}
	clean, err := write("clean", m.clean)
	if err != nil {
		return figure{}, err
	}
	z, err := write("noise", m.train)
	if err != nil {
		return figure{}, err
	}
	// The stream begins a while before the test part, which is as long as its noise.
	from := len(m.clean) * 8 / 10
	n := min(len(m.test), len(m.clean)-from)
	x, y := m.clean[from-settled:from+n], slices.Clone(m.clean[from-settled:from+n])
	for t := range n {
		y[settled+t] += m.test[t]
	}
	prd := func(denoised []float64) float64 {
		mean, _ := eval.WindowedPRD(x[settled:], denoised[settled:], motionWindow)
		return mean
	}
	var values, gains []float64
	for _, seed := range l.seedsOf(truthFull) {
		net, err := l.train([]string{clean, z}, "--clean", "x=x", "--noise", z, "--lookahead", strconv.Itoa(full), "--seed", strconv.Itoa(seed))
		if err != nil {
			return figure{}, err
		}
		d, err := l.denoise([]string{"x"}, [][]float64{y}, "--model", net)
		if err != nil {
			return figure{}, err
		}
		values, gains = append(values, prd(d["x"].clean)), append(gains, eval.Gain(x[settled:], y[settled:], d["x"].clean[settled:]))
	}
	name, least := bestPRD(y, prd)
	return figure{median(values), fmt.Sprintf("%d runs, %.1f…%.1f, gain %.2f dB; noisy as it is %.1f; the best setting of the five, chosen on the test itself %.1f (%s); %d samples of noise not trained on",
		len(values), slices.Min(values), slices.Max(values), median(gains), prd(y), least, name, n), nil}, nil
}

// bestPRD is the least PRD of all settings of the five.
func bestPRD(y []float64, prd func([]float64) float64) (name string, least float64) {
	least = math.Inf(1)
	out := make([]float64, len(y))
	for _, f := range classic.Families() {
		if !slices.Contains(five, f.Name) {
			continue
		}
		for _, p := range f.Grid {
			f.Apply(out, y, p)
			if v := prd(out); v < least {
				name, least = p.String(), v
			}
		}
	}
	return name, least
}
