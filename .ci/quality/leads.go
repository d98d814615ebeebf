package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/model/eval"
)

const (
	shared    = .7 // correlation of the noise on the two leads
	leadSteps = "2000"
	// Stretches without readings of the second lead, in samples.
	deadEvery, deadFor = 2000, 200
)

var leadNames = []string{"a", "b"}

// leads are both leads of record 100, and the deviation of the noise on them.
type leads struct {
	clean, noisy [2][]float64
	sigma        [2]float64
}

// leads returns both leads with white noise at the level that they share to the
// given correlation.
func (l *lab) leads(correlation float64, seed int) (*leads, error) {
	path, err := l.recording(ecg100.file)
	if err != nil {
		return nil, err
	}
	t, err := csvtable.Read(path)
	if err != nil {
		return nil, err
	}
	p := new(leads)
	var white [2][]float64
	for i, column := range []string{ecg100.column, "v5_mv"} {
		if p.clean[i], err = t.Column(column); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		n := len(p.clean[i])
		white[i], _ = eval.AddNoise(make([]float64, n), 0, eval.White, uint64(10*seed+i), 1)
	}
	for i, x := range p.clean {
		_, v := eval.Variance(x[:len(x)*6/10])
		p.sigma[i] = math.Sqrt(v * math.Pow(10, -level/10.))
		p.noisy[i] = slices.Clone(x)
		for t := range x {
			e := white[0][t]
			if i == 1 {
				e = correlation*e + math.Sqrt(1-correlation*correlation)*white[1][t]
			}
			p.noisy[i][t] += p.sigma[i] * e
		}
	}
	return p, nil
}

// test returns the test part of both clean leads.
func (p *leads) test() (x [2][]float64) {
	for i, v := range p.clean {
		x[i] = v[len(v)*8/10:]
	}
	return x
}

// file writes the pairs of noisy and clean columns.
func (p *leads) file(l *lab, correlation float64, seed int) (string, error) {
	return l.cache.file("data", ".csv", []string{l.self, "leads", fmt.Sprint(correlation), strconv.Itoa(seed)}, func(path string) error {
		return csvtable.Write(path, []string{"a", "b", "a_clean", "b_clean"}, p.noisy[0], p.noisy[1], p.clean[0], p.clean[1])
	})
}

// rest returns the part after the training part, as a live stream begins, and
// how much of it comes before the test part.
func rest(x []float64) (y []float64, before int) {
	from := len(x) * 6 / 10
	return x[from:], len(x)*8/10 - from
}

// twoLeads is what a net of both leads gains more than one of each, where their
// noise is correlated.
func twoLeads(l *lab) (figure, error) {
	var more, both []float64
	var linear [2]float64
	for _, seed := range l.seedsOf(truthFull) {
		p, err := l.leads(shared, 100+seed)
		if err != nil {
			return figure{}, err
		}
		linear[0], linear[1] = linearGains(p.test(), p.sigma, shared)
		pairs, err := p.file(l, shared, 100+seed)
		if err != nil {
			return figure{}, err
		}
		fit := func(args ...string) (string, error) {
			return l.train([]string{pairs}, append(args, "--lookahead", strconv.Itoa(full), "--steps", leadSteps, "--seed", strconv.Itoa(seed))...)
		}
		joint, err := fit("--clean", "a=a_clean", "--clean", "b=b_clean")
		if err != nil {
			return figure{}, err
		}
		var alone [2]string
		for i, n := range leadNames {
			if alone[i], err = fit("--clean", n+"="+n+"_clean"); err != nil {
				return figure{}, err
			}
		}
		for k := range runs {
			g, err := l.leadGains(joint, alone, k+1)
			if err != nil {
				return figure{}, err
			}
			both, more = append(both, g[0]), append(more, g[0]-g[1])
		}
	}
	return figure{median(more), fmt.Sprintf("%d runs, %.2f…%.2f; both leads %.2f dB, in the mean of the leads; noise correlated %.1f; %s steps; the best linear filters have %.2f dB of both leads, %.2f of each",
		len(more), slices.Min(more), slices.Max(more), median(both), shared, leadSteps, linear[0], linear[1]), nil}, nil
}

// leadGains returns the mean gain of the leads, by the net of both and by those
// of each.
func (l *lab) leadGains(joint string, alone [2]string, seed int) (g [2]float64, err error) {
	p, err := l.leads(shared, seed)
	if err != nil {
		return g, err
	}
	cols := make([][]float64, 2)
	for i := range cols {
		cols[i], _ = rest(p.noisy[i])
	}
	together, err := l.denoise(leadNames, cols, "--model", joint)
	if err != nil {
		return g, err
	}
	for i, n := range leadNames {
		one, err := l.denoise([]string{n}, cols[i:i+1], "--model", alone[i])
		if err != nil {
			return g, err
		}
		x, before := rest(p.clean[i])
		for k, d := range []*denoised{together[n], one[n]} {
			g[k] += eval.Gain(x[before:], cols[i][before:], d.clean[before:]) / 2
		}
	}
	return g, nil
}

// deadLead is by how much a net of both leads restores stretches without
// readings of the second better than a straight line between the clean values
// that it gives before and after.
func deadLead(l *lab) (figure, error) {
	path, err := l.recording(ecg100.file)
	if err != nil {
		return figure{}, err
	}
	var better []float64
	for _, seed := range l.seedsOf(truthFull) {
		m, err := l.train([]string{path}, "--clean", ecg100.column+"="+ecg100.column, "--clean", "v5_mv=v5_mv", "--corrupt", "gaussian:snr=10+dropout:p=0.2,len=100",
			"--lookahead", strconv.Itoa(full), "--steps", leadSteps, "--seed", strconv.Itoa(seed))
		if err != nil {
			return figure{}, err
		}
		for k := range runs {
			b, err := l.restored(m, k+1)
			if err != nil {
				return figure{}, err
			}
			better = append(better, b)
		}
	}
	return figure{median(better), fmt.Sprintf("%d runs, %.2f…%.2f; stretches of %d samples; %s steps", len(better), slices.Min(better), slices.Max(better), deadFor, leadSteps), nil}, nil
}

func (l *lab) restored(m string, seed int) (float64, error) {
	p, err := l.leads(0, seed)
	if err != nil {
		return 0, err
	}
	a, before := rest(p.noisy[0])
	b, _ := rest(p.noisy[1])
	x, _ := rest(p.clean[1])
	b = slices.Clone(b)
	for t := range b {
		if t%deadEvery < deadFor && t >= deadEvery {
			b[t] = math.NaN()
		}
	}
	d, err := l.denoise([]string{ecg100.column, "v5_mv"}, [][]float64{a, b}, "--model", m)
	if err != nil {
		return 0, err
	}
	clean := d["v5_mv"].clean
	var truth, net, straight []float64
	for from := (before/deadEvery + 1) * deadEvery; from+deadFor < len(b); from += deadEvery {
		lo, hi := clean[from-1], clean[from+deadFor]
		for k := range deadFor {
			if math.IsNaN(clean[from+k]) {
				return 0, fmt.Errorf("quell denoise leaves a missing reading of one channel without a clean value")
			}
			truth, net = append(truth, x[from+k]), append(net, clean[from+k])
			straight = append(straight, lo+(hi-lo)*float64(k+1)/(deadFor+1))
		}
	}
	return decibels(eval.RMSE(truth, straight), eval.RMSE(truth, net)), nil
}
