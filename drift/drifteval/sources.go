package drifteval

import (
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/quell-stream/quell/internal/csvtable"
)

// source is a normal recording, real or made, that changes are put into.
type source struct {
	name string
	real bool
	// rhythm says that the signal has a pace of its own, so that it can run
	// faster; without it a slow signal that runs faster is one of larger amplitude.
	rhythm bool
	// peers says that every channel follows the others.
	peers bool
	x     [][]float64 // [channel][sample], what is under the noise
	noise [][]float64 // [channel][sample], added at its own pace; nil: none
	steps []float64   // per channel, what readings are rounded to; 0: nothing
}

func (s *source) length() int { return len(s.x[0]) }

// value is what the sensor reads at sample t while the process is where it
// would be at sample at.
func (s *source) value(c, at, t int) float64 {
	v := s.x[c][min(at, len(s.x[c])-1)]
	if s.noise != nil {
		v += s.noise[c][t]
	}
	return v
}

func (s *source) quantum(c int) float64 {
	if s.steps == nil {
		return 0
	}
	return s.steps[c]
}

// reading returns samples [from, to) of all channels.
func (s *source) reading(from, to int) [][]float64 {
	out := make([][]float64, len(s.x))
	for c := range out {
		out[c] = make([]float64, to-from)
		for t := range out[c] {
			out[c][t] = s.value(c, from+t, from+t)
		}
	}
	return out
}

// recorded is a stretch of a file that is normal by its labels or its file name.
type recorded struct {
	file          string
	columns       []string
	from, to      int // rows; 0, 0: all
	rhythm, peers bool
}

// normals are the recordings that changes are put into: families that differ in
// pace, noise and resolution. The rows of the NAB file lie between two of its
// labelled windows, those of the UCR files before the anomaly in their names.
var normals = []recorded{
	{file: "ecg_mitdb/mitdb_100", columns: []string{"mlii_mv"}, rhythm: true},
	{file: "ecg_mitdb/mitdb_117", columns: []string{"mlii_mv"}, rhythm: true},
	{file: "ecg_mitdb/mitdb_122", columns: []string{"mlii_mv"}, rhythm: true},
	{file: "cwru/1797rpm_normal", columns: []string{"de_g"}, rhythm: true},
	{file: "ucr_anomaly/135_UCR_Anomaly_InternalBleeding16_1200_4187_4199", columns: []string{"value"}, to: 4187, rhythm: true},
	{file: "skab/anomaly-free", columns: []string{"accelerometer1rms"}},
	{file: "skab/anomaly-free", columns: []string{"volume_flow_raterms"}},
	{file: "nab/machine_temperature_system_failure", columns: []string{"value"}, from: 4300, to: 16000},
	{file: "femto/Bearing2_4_temp", columns: []string{"temp_c"}, from: 34000, to: 64000},
	{file: "wsn_single_hop/mote3_outdoor", columns: []string{"temp_c"}},
	{file: "qmul_air/node3_lowcost", columns: []string{"rh_pct"}},
	{file: "uci_air_quality/airquality_2004-03_2004-10", columns: []string{"pt08_s1_co", "pt08_s2_nmhc", "pt08_s4_no2", "pt08_s5_o3"}, peers: true},
}

// realSources reads the recordings that are there.
func realSources(dir string) (found []*source, err error) {
	for i := range normals {
		n := &normals[i]
		t, err := csvtable.Read(filepath.Join(dir, filepath.FromSlash(n.file)+".csv.gz"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		s := &source{name: filepath.Dir(n.file) + " " + n.columns[0], real: true, rhythm: n.rhythm, peers: n.peers}
		for _, name := range n.columns {
			x, err := t.Column(name)
			if err != nil {
				return nil, err
			}
			if n.to > 0 {
				x = x[n.from:min(n.to, len(x))]
			}
			s.x = append(s.x, x)
			s.steps = append(s.steps, resolution(x))
		}
		found = append(found, s)
	}
	return found, nil
}

// resolution returns the step that readings seem to be rounded to: the smallest
// difference between neighbours, where half of all differences are multiples.
func resolution(x []float64) float64 {
	step := math.Inf(1)
	for k := 1; k < len(x); k++ {
		if d := math.Abs(x[k] - x[k-1]); d > 1e-9*math.Abs(x[k]) && d < step {
			step = d
		}
	}
	n, fit := 0, 0
	for k := 1; k < len(x); k++ {
		if d := math.Abs(x[k]-x[k-1]) / step; d > 0 {
			n++
			if math.Abs(d-math.Round(d)) < 0.05 {
				fit++
			}
		}
	}
	if n == 0 || 10*fit < 9*n {
		return 0
	}
	return step
}

// madeLength is how many samples a synthetic recording has.
const madeLength = 12_000

// madeSources returns synthetic recordings: a signal of unit variance, white
// noise on it, and one of three sensors rounds its readings.
func madeSources(seed uint64) []*source {
	var out []*source
	for i, p := range []string{"sine", "two tones", "saw", "resonance", "autoregression", "level", "four peers"} {
		r := rand.New(rand.NewPCG(seed, uint64(0x50ce+i)))
		s := &source{name: "synthetic " + p, rhythm: i < 4, peers: p == "four peers"}
		common := made(p, r)
		for c := range 1 + 3*b2i(s.peers) {
			sigma, gain, offset := 0.1+0.2*r.Float64(), math.Exp(0.5*r.NormFloat64()), 20*r.NormFloat64()
			x, e := slices.Clone(common), make([]float64, madeLength)
			for t := range x {
				x[t] = offset + gain*x[t]
				e[t] = gain * sigma * r.NormFloat64()
			}
			step := 0.0
			if (i+c)%3 == 2 {
				step = gain * 0.02
			}
			s.x, s.noise, s.steps = append(s.x, x), append(s.noise, e), append(s.steps, step)
		}
		out = append(out, s)
	}
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// made returns a process of variance 1.
func made(process string, r *rand.Rand) []float64 {
	x := make([]float64, madeLength)
	step, phase, y, y1 := 1/(24+32*r.Float64()), r.Float64(), 0.0, 0.0
	for t := range x {
		phase += step
		switch process {
		case "sine":
			x[t] = math.Sqrt2 * math.Sin(2*math.Pi*phase)
		case "two tones":
			x[t] = math.Sin(2*math.Pi*phase) + math.Sin(2*math.Pi*phase*2.37+1)
		case "saw":
			x[t] = math.Sqrt(12) * (phase - math.Floor(phase) - 0.5)
		case "resonance": // poles of radius .98 at the pace
			y, y1 = 1.96*math.Cos(2*math.Pi*step)*y-0.9604*y1+r.NormFloat64(), y
			x[t] = y
		case "autoregression", "four peers":
			y = 0.95*y + r.NormFloat64()
			x[t] = y
		}
	}
	if d := deviationOf(x); d > 0 {
		for t := range x {
			x[t] /= d
		}
	}
	return x
}

func quantileOf(x []float64, q float64) float64 {
	v := slices.DeleteFunc(slices.Clone(x), math.IsNaN)
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(int(q*float64(len(v))), len(v)-1)]
}
