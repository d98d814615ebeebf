package train

import (
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// scale is what samples are scaled with; the zero scale is unknown.
type scale struct{ mean, dev, sigma float64 }

// scaleBlock is the number of samples after which a scale rests on a whole block.
const scaleBlock = 256

// level is the noise level as nets take it.
func (s scale) level() float32 {
	if s.dev <= 0 || s.sigma <= 0 {
		return -3
	}
	return float32(min(max(math.Log10(s.sigma/s.dev), -3), .5))
}

// scalesOf has the scaler of live series go over a recording and sets dst to the scale of each
// sample, which rests on those before it. lost samples, which may be nil, don't count. So
// nets are trained on input as imperfect as they will get.
func scalesOf(dst []scale, x []float64, lost []bool) {
	var live window.Scaler
	for i, v := range x {
		s := live.Push(v, lost == nil || !lost[i])
		dst[i] = scale{s.Mean, s.Dev, s.Sigma}
	}
}

func meanSquares(x []float64) (mean, squares float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return mean, squares
}

// inputLimit bounds scaled input and rawLimit raw input, as the pipeline does.
const (
	inputLimit = 100
	rawLimit   = 1e30
)

// columns scales a recording of one channel as the model's header says and
// returns the input columns with the scale of each sample.
func columns(m *model.Model, x []float64, lost []bool) ([]model.Column, []scale) {
	return columnsOf(m, 0, x, lost)
}

// columnsOf is columns for channel k of the model.
func columnsOf(m *model.Model, k int, x []float64, lost []bool) ([]model.Column, []scale) {
	cols, scales := make([]model.Column, len(x)), make([]scale, len(x))
	h := m.Header()
	if h.Scaler.Kind != model.ScaleFixed || h.Scaler.Sigma[k] == 0 {
		scalesOf(scales, x, lost)
	}
	f := newFeed(m, k)
	for i, v := range x {
		cols[i], scales[i] = f.take(v, lost != nil && lost[i], scales[i])
	}
	return cols, scales
}

// feed makes input columns of a channel for a model, sample by sample.
type feed struct {
	model  *model.Model
	k      int // the channel
	scaler model.Scaler
	limit  float64 // of the input
	held   float64
	any    bool // held is a value
}

func newFeed(m *model.Model, k int) feed {
	f := feed{model: m, k: k, scaler: m.Header().Scaler, limit: inputLimit}
	if f.scaler.Kind == model.ScaleNone {
		f.limit = rawLimit
	}
	return f
}

// take returns the column of the next sample and the scale that holds there, where
// the running one is now.
func (f *feed) take(x float64, gone bool, now scale) (model.Column, scale) {
	switch f.scaler.Kind {
	case model.ScaleFixed:
		now.mean, now.dev = f.scaler.Mean[f.k], f.scaler.Dev[f.k]
		if f.scaler.Sigma[f.k] > 0 {
			now.sigma = f.scaler.Sigma[f.k]
		}
	case model.ScaleNone:
		now = scale{dev: 1, sigma: now.sigma}
	}
	if !gone {
		f.held, f.any = x, true
	}
	col := model.Column{Missing: true, Level: now.level()}
	if now.dev > 0 && f.any {
		v := (f.held - now.mean) / now.dev
		col.X, col.Missing = float32(min(max(v, -f.limit), f.limit)), gone
	}
	return col, now
}

// Denoise runs a model over a recording of one channel as the pipeline would,
// streaming and with the scaler of the model's header, and returns the clean
// values in the unit of x. Where the scale is unknown the raw value is
// returned. lost marks missing samples and may be nil; what x holds there is
// ignored. Values must be finite.
func Denoise(m *model.Model, x []float64, lost []bool) ([]float64, error) {
	clean, _, err := denoise(m, x, lost)
	return clean, err
}

// DenoiseInterval is Denoise with the interval of the given coverage around each
// value; where nothing is known of the error it is NaN.
func DenoiseInterval(m *model.Model, x []float64, lost []bool, coverage float64) (clean, lo, hi []float64, err error) {
	clean, scales, err := denoise(m, x, lost)
	if err != nil {
		return nil, nil, nil, err
	}
	lo, hi = make([]float64, len(x)), make([]float64, len(x))
	width := m.HalfWidth(coverage)
	for i, s := range scales {
		half := math.NaN()
		if s.unit > 0 {
			half = s.unit * width.At(float64(s.level()))
		}
		lo[i], hi[i] = clean[i]-half, clean[i]+half
	}
	return clean, lo, hi, nil
}

// served is the scale of a sample and what half widths of intervals count in
// there: the spread of a net that tells it, else the noise level; 0 if unknown.
type served struct {
	scale
	unit float64
}

// Windows cuts a recording of one channel, scaled as the pipeline would scale
// it for m, into windows of the given length for FineTune. Where no scale is
// known yet there is no window.
func Windows(m *model.Model, x []float64, lost []bool, length int) []Window {
	cols, scales := columns(m, x, lost)
	var out []Window
	for from := 0; from+length <= len(cols); from += length {
		if scales[from].dev > 0 {
			out = append(out, Window{Channels: 1, Cols: cols[from : from+length]})
		}
	}
	return out
}

func denoise(m *model.Model, x []float64, lost []bool) ([]float64, []served, error) {
	st, err := m.NewStream(1)
	if err != nil {
		return nil, nil, err
	}
	cols, scales := columns(m, x, lost)
	clean, out := make([]float64, 0, len(x)), make([]served, len(x))
	take := func(y []float32) {
		spread := st.Spread()
		for k, v := range y {
			i := len(clean)
			s := scales[i]
			out[i] = served{s, s.sigma}
			if spread != nil {
				out[i].unit = s.dev * float64(spread[k])
			}
			switch {
			case s.dev <= 0:
				clean = append(clean, x[i])
			case lost != nil && lost[i]:
				clean = append(clean, s.mean+s.dev*float64(v))
			default:
				clean = append(clean, x[i]-s.dev*float64(cols[i].X-v))
			}
		}
	}
	const piece = 4096
	for at := 0; at < len(cols); at += piece {
		take(st.Push(cols[at:min(at+piece, len(cols))]))
	}
	take(st.Finish())
	return clean, out, nil
}
