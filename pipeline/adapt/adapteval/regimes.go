package adapteval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/train"
)

// A regime is a stretch of a recording with noise added, cut into what was there
// before a change, what comes in after it, and a late hold-out that nothing is trained
// on. The lengths are in samples.
const (
	pastLen = 8192  // that the model of the regime is tuned on
	leadLen = 14336 // that is streamed before a change to another regime
	liveLen = 2048  // that is looked at after a change to it
	nextLen = 5120  // that comes next: what is in use by then is scored on it
	moreLen = 20000 // that a model trained anew sees beside the first 2,000 of live
	holdLen = 6144
	warmLen = 1024 // before what is scored, while the scale settles
	// liveMost is all that comes in after a change.
	liveMost = liveLen + nextLen + moreLen
	regimes  = pastLen + leadLen + liveMost + holdLen
)

// source names a recording and how much noise is added to it.
type source struct {
	file, column string
	snr          float64 // dB
}

func (s source) String() string { return fmt.Sprintf("%s %s at %g dB", s.file, s.column, s.snr) }

// sources returns eleven regimes: what differs is the heart and the lead, the
// machine and its damage, or the noise alone. Every ordered pair of them is a
// drift. Noise is strong in most, where there is a decibel to gain by knowing the
// signal.
func sources() []source {
	return []source{
		{"ecg_mitdb/mitdb_100", "mlii_mv", 10},
		{"ecg_mitdb/mitdb_117", "mlii_mv", 0},
		{"cwru/1797rpm_or6_7", "de_g", 10},
		{"ecg_mitdb/mitdb_100", "mlii_mv", 0},
		{"ecg_mitdb/mitdb_103", "mlii_mv", 0},
		{"ecg_mitdb/mitdb_112", "mlii_mv", 5},
		{"ecg_mitdb/mitdb_115", "mlii_mv", 0},
		{"ecg_mitdb/mitdb_122", "mlii_mv", 0},
		{"ecg_mitdb/mitdb_123", "v5_mv", 5},
		{"ecg_mitdb/mitdb_209", "mlii_mv", 0},
		{"cwru/1797rpm_normal", "de_g", 10},
	}
}

// signal is what a sensor gives and what is behind it.
type signal struct{ clean, noisy []float64 }

func (s signal) slice(from, to int) signal { return signal{s.clean[from:to], s.noisy[from:to]} }

// regime is a source, cut.
type regime struct {
	name                   string
	past, lead, live, hold signal
	onward                 signal // lead and live in one
}

// load reads regimes of the folder.
func load(o *scoreboard.Options, of []source) ([]regime, error) {
	tables := map[string]*csvtable.Table{}
	var out []regime
	for i, s := range of {
		t := tables[s.file]
		if t == nil {
			var err error
			if t, err = csvtable.Read(filepath.Join(o.Data, filepath.FromSlash(s.file)+".csv.gz")); err != nil {
				return nil, err
			}
			tables[s.file] = t
		}
		x, err := t.Column(s.column)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.file, err)
		}
		r, err := cut(s, x, rand.New(rand.NewPCG(o.Seed, uint64(i))))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// cut takes a stretch of a recording from a random place on, brings it to a mean of 0
// and a deviation of 1, since a change of amplitude alone is not for a model to
// learn, and adds noise to it.
func cut(s source, x []float64, rng *rand.Rand) (regime, error) {
	if len(x) < regimes {
		return regime{}, fmt.Errorf("%v: %d rows, %d are needed", s, len(x), regimes)
	}
	from := rng.IntN(len(x) - regimes + 1)
	x = x[from : from+regimes]
	all := signal{clean: make([]float64, regimes), noisy: make([]float64, regimes)}
	mean, dev := moments(x[:pastLen])
	sigma := math.Pow(10, -s.snr/20)
	for i, v := range x {
		if v-v != 0 {
			return regime{}, fmt.Errorf("%v: row %d is missing", s, from+i)
		}
		all.clean[i] = (v - mean) / dev
		all.noisy[i] = all.clean[i] + sigma*rng.NormFloat64()
	}
	r, whole := regime{name: s.String()}, all
	for _, p := range []struct {
		to *signal
		n  int
	}{{&r.past, pastLen}, {&r.lead, leadLen}, {&r.live, liveMost}, {&r.hold, holdLen}} {
		*p.to = all.slice(0, p.n)
		all = all.slice(p.n, len(all.clean))
	}
	r.onward = whole.slice(pastLen, pastLen+leadLen+liveMost)
	return r, nil
}

func moments(x []float64) (mean, dev float64) {
	m2 := 0.0
	for i, v := range x {
		d := v - mean
		mean += d / float64(i+1)
		m2 += d * (v - mean)
	}
	return mean, math.Sqrt(m2 / float64(len(x)))
}

// gain returns by how many dB a model brings the late hold-out of a regime nearer to
// the truth, streaming and scaled as the pipeline does it.
func (r *regime) gain(m *model.Model) (float64, error) { return r.hold.gain(m) }

// gainFrom is gain on the samples that come next at a place of live.
func (r *regime) gainFrom(m *model.Model, at int) (float64, error) {
	from := leadLen + at
	return r.onward.slice(from-warmLen, from+nextLen).gain(m)
}

func (s signal) gain(m *model.Model) (float64, error) {
	clean, err := train.Denoise(m, s.noisy, nil)
	if err != nil {
		return math.NaN(), err
	}
	return noise.Gain(s.clean[warmLen:], s.noisy[warmLen:], clean[warmLen:]), nil
}
