package train

import (
	"math"
	"math/rand/v2"

	"github.com/quell-stream/quell/model"
)

// examples cuts training windows out of longer ones.
type examples struct {
	arch    Arch
	length  int
	seed    uint64
	windows []stretch
	shares  *shares // nil: all are drawn alike
}

// stretch is a window as one net sees it: all channels of a multi-channel
// model, one of a per-channel one.
type stretch struct {
	window *Window
	first  int // channel
	cols   []model.Column
	clean  []float32   // pseudo-clean, [T][channels of the net]; set by refinement
	from   int         // the first slot that is learnt from: before, the net had little past
	to     int         // after the last one that had its whole look-ahead
	sigma  []float64   // deviation of the noise, scaled; NaN where unknown
	noise  [][]float64 // as in Window, of the channels of the net
	held   bool        // only to look at the loss: see Brake
}

// edge is how many slots at the start of a window are not learnt from.
const edge = 32

// add takes in a window, a net's share at a time, where a noise level is known.
func (x *examples) add(w *Window, lookahead int) {
	n, slots := x.arch.perNet(), w.slots()
	for first := 0; first < w.Channels; first += n {
		s := stretch{window: w, first: first, from: min(edge, slots/8), to: max(slots-lookahead, slots/2)}
		known := false
		for t := range slots {
			at := t*w.Channels + first
			s.cols = append(s.cols, w.Cols[at:at+n]...)
			for i := at; i < at+n; i++ {
				sigma := w.sigma(i)
				known = known || !math.IsNaN(sigma)
				s.sigma = append(s.sigma, sigma)
			}
		}
		if w.Noise != nil {
			s.noise = w.Noise[first : first+n]
		}
		if known {
			x.windows = append(x.windows, s)
		}
	}
}

// cut chooses a window and where to begin in it.
func (x *examples) cut(e *Example, rng *rand.Rand) (s *stretch, start int) {
	i := 0
	if x.shares != nil {
		i = x.shares.draw(rng)
	} else {
		i = rng.IntN(len(x.windows))
	}
	s = &x.windows[i]
	e.desk.old = s.window.Old
	return s, rng.IntN(len(s.cols)/x.arch.perNet() - x.length + 1)
}

// learnt says whether a net should learn from slot t: its own guess teaches it
// nothing, and at the ends it is worse than what the net could know from the
// neighbours.
func (s *stretch) learnt(t int, missing bool) bool {
	return !missing && t >= s.from && t < s.to && (s.window.Context == nil || !s.window.Context[t])
}

// hiss is noise of deviation 1.
type hiss struct {
	rng  *rand.Rand
	z    []float64 // a recording to read from; nil: white noise
	at   int
	sign float64
}

// hiss returns noise like that of channel k, from a random place of a recording
// on and of random sign.
func (s *stretch) hiss(k int, rng *rand.Rand) hiss {
	if s.noise == nil {
		return hiss{rng: rng}
	}
	return recordedHiss(s.noise[k], rng)
}

func recordedHiss(z []float64, rng *rand.Rand) hiss {
	h := hiss{z: z, at: rng.IntN(len(z)), sign: 1}
	if rng.Uint64()&1 == 0 {
		h.sign = -1
	}
	return h
}

// next returns the next value. A recording goes round.
func (h *hiss) next() float64 {
	if h.z == nil {
		return h.rng.NormFloat64()
	}
	v := h.sign * h.z[h.at]
	h.at = (h.at + 1) % len(h.z)
	return v
}

// refinement draws windows of pseudo-clean signals with fresh noise.
type refinement struct {
	examples
	rehearse float64
	base     baseData
}

// denoise makes the pseudo-clean signals: of old windows the model that knows them,
// of others the teacher.
func (r *refinement) denoise(known, teacher *model.Model) error {
	n := r.arch.perNet()
	var whole *Window
	var clean []float32
	for k := range r.windows {
		s := &r.windows[k]
		if s.window != whole {
			whole = s.window
			from := teacher
			if whole.Old {
				from = known
			}
			st, err := from.NewStream(whole.Channels)
			if err != nil {
				return err
			}
			clean = append(clean[:0], st.Push(whole.Cols)...)
			clean = append(clean, st.Finish()...)
		}
		for at := s.first; at < len(whole.Cols); at += whole.Channels {
			s.clean = append(s.clean, clean[at:at+n]...)
		}
	}
	return nil
}

// Example cuts a window and adds fresh noise to its pseudo-clean values. What
// was missing is missing again and holds the noisy value before it.
func (r *refinement) Example(e *Example, step, i int) {
	rng := e.draw(r.seed, step, i)
	if r.rehearse > 0 && r.arch.Channels == 0 && rng.Float64() < r.rehearse {
		r.base.Example(e, step, i)
		e.desk.old = false
		return
	}
	n := r.arch.perNet()
	s, start := r.cut(e, rng)
	shift := -.15 + .3*rng.Float64()
	gain := math.Pow(10, shift)
	cols, want := e.columns(r.length * n)
	for k := range n {
		held := s.clean[start*n+k]
		z := s.hiss(k, rng)
		for t := range r.length {
			at, to := (start+t)*n+k, t*n+k
			c := s.cols[at]
			sigma := s.sigma[at] * gain
			fresh := z.next()
			if !c.Missing && !math.IsNaN(sigma) {
				held = s.clean[at] + float32(sigma*fresh)
			} else if !c.Missing {
				held = s.clean[at]
			}
			cols[to] = model.Column{X: held, Level: raise(c.Level, shift), Colour: c.Colour, Missing: c.Missing}
			want[to] = target{float64(s.clean[at]), sigma}
			if !s.learnt(start+t, c.Missing) {
				want[to].sigma = math.NaN()
			}
		}
	}
	r.arch.fill(e, cols, want)
}

// raise returns a noise level that is so many powers of ten higher; one that is
// unknown stays so.
func raise(level float32, by float64) float32 {
	if level <= -3 {
		return level
	}
	return float32(min(max(float64(level)+by, -3), .5))
}

func (r *refinement) with(x examples) Batcher {
	o := *r
	o.examples, o.rehearse = x, 0
	return &o
}
