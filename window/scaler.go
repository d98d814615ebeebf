package window

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
)

// Scale is what one channel's samples are scaled with: x = (raw − Mean)/Dev.
type Scale struct {
	Mean  float64 // in the channel's unit
	Dev   float64 // deviation, same unit; 0 while unknown or where the signal does not move
	Sigma float64 // noise level σ̂, same unit; 0 while unknown
}

// Known says whether samples can be scaled.
func (s Scale) Known() bool { return s.Dev > 0 }

// The scale changes after 16, 32, 64 and 128 samples and then after each block.
const (
	scaleBlock  = 256
	firstScale  = 16
	scaleMemory = 32 // blocks; beyond it the mean forgets exponentially
)

// db4High is the finest high-pass filter of the Daubechies wavelet with four
// vanishing moments (Daubechies 1988, table 1): it answers to noise and hardly
// to anything smooth.
var db4High = [8]float64{
	-0.23037781330885523, 0.7148465705525415, -0.6308807679295904, -0.02798376941698385,
	0.18703481171888114, 0.030841381835986965, -0.032883011666982945, -0.010597401784997278,
}

// Scaler follows mean, deviation and noise level of one channel. The scale
// changes only at fixed indices of the series' grid: after 16, 32, 64 and 128
// slots, and after every 256. The noise level is the median of the absolute
// finest wavelet details of a block over 0.6745 (Donoho and Johnstone 1994),
// pooled over blocks as a variance.
//
// The zero value is ready to use. It is not safe for concurrent use, and
// allocates nothing after the first block.
type Scaler struct {
	index int64 // slots since the context was reset
	scale Scale

	// Pooled statistics of the closed blocks.
	n, mean, m2 float64 // weight, mean, sum of squared deviations
	w, noise    float64 // weight and mean of σ̂²

	// The open block.
	bn, bmean, bm2 float64
	tail           [8]float64 // the latest values, newest last
	run            int        // valid values in a row, up to 8
	detail         []float64  // |finest detail| of the block
	scratch        []float64
}

// Scale returns the scale of the next slot to be pushed.
func (s *Scaler) Scale() Scale { return s.scale }

// Index returns the number of slots pushed since the last ResetIndex.
func (s *Scaler) Index() int64 { return s.index }

// Push takes the channel's value at the next slot; valid is false where there
// is none (value is then ignored). A non-finite value counts as missing. Push
// returns the scale of this very slot, which was decided before it.
func (s *Scaler) Push(value float64, valid bool) Scale {
	now := s.scale
	if valid && !math.IsNaN(value) && !math.IsInf(value, 0) {
		s.add(value)
	} else {
		s.run = 0
	}
	s.index++
	switch i := s.index; {
	case i%scaleBlock == 0:
		s.closeBlock()
		s.update()
	case i < scaleBlock && (i == firstScale || i == 2*firstScale || i == 4*firstScale || i == 8*firstScale):
		s.update()
	}
	return now
}

// ResetIndex starts a new context: the index begins at 0, what was learnt stays.
func (s *Scaler) ResetIndex() {
	s.closeBlock()
	s.index, s.run = 0, 0
}

func (s *Scaler) add(v float64) {
	s.bn++
	d := v - s.bmean
	s.bmean += d / s.bn
	s.bm2 += d * (v - s.bmean)
	copy(s.tail[:], s.tail[1:])
	s.tail[7] = v
	if s.run++; s.run >= 8 {
		s.run = 8
		h := 0.0
		for k, f := range db4High {
			h += f * s.tail[k]
		}
		if s.detail == nil {
			s.detail = make([]float64, 0, scaleBlock)
			s.scratch = make([]float64, 0, scaleBlock)
		}
		s.detail = append(s.detail, math.Abs(h))
	}
}

// pooled returns the statistics with the open block merged in (Chan, Golub and
// LeVeque 1983, eq. 1.5).
func (s *Scaler) pooled() (n, mean, m2, w, noise float64) {
	n, mean, m2, w, noise = s.n, s.mean, s.m2, s.w, s.noise
	if s.bn > 0 {
		d := s.bmean - mean
		t := n + s.bn
		m2 += s.bm2 + d*d*n*s.bn/t
		mean += d * s.bn / t
		n = t
	}
	if k := len(s.detail); k >= 8 {
		sigma := s.medianDetail() / 0.6744897501960817
		t := w + float64(k)
		noise += (sigma*sigma - noise) * float64(k) / t
		w = t
	}
	return n, mean, m2, w, noise
}

func (s *Scaler) medianDetail() float64 {
	s.scratch = append(s.scratch[:0], s.detail...)
	slices.Sort(s.scratch)
	k := len(s.scratch)
	return (s.scratch[(k-1)/2] + s.scratch[k/2]) / 2
}

func (s *Scaler) closeBlock() {
	s.n, s.mean, s.m2, s.w, s.noise = s.pooled()
	const most = scaleBlock * scaleMemory
	if s.n > most {
		s.m2 *= most / s.n
		s.n = most
	}
	s.w = min(s.w, most)
	s.bn, s.bmean, s.bm2 = 0, 0, 0
	s.detail = s.detail[:0]
}

func (s *Scaler) update() {
	n, mean, m2, _, noise := s.pooled()
	if n < firstScale/2 {
		return
	}
	dev := math.Sqrt(m2 / n)
	// A deviation that is rounding error of the mean is a signal that stands still.
	if !(dev > 1e-9*math.Abs(mean)) || math.IsInf(dev, 0) || math.IsInf(mean, 0) {
		dev = 0
	}
	s.scale = Scale{Mean: mean, Dev: dev, Sigma: min(math.Sqrt(noise), dev)}
}

// AppendState appends a snapshot to dst.
func (s *Scaler) AppendState(dst []byte) []byte {
	dst = wire.I64(dst, s.index)
	for _, v := range [...]float64{s.scale.Mean, s.scale.Dev, s.scale.Sigma, s.n, s.mean, s.m2, s.w, s.noise, s.bn, s.bmean, s.bm2} {
		dst = wire.F64(dst, v)
	}
	for _, v := range s.tail {
		dst = wire.F64(dst, v)
	}
	dst = wire.I64(dst, int64(s.run))
	return wire.F64s(dst, s.detail)
}

// RestoreState reads a snapshot back and returns the rest of src.
func (s *Scaler) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	s.index = r.I64()
	for _, p := range [...]*float64{&s.scale.Mean, &s.scale.Dev, &s.scale.Sigma, &s.n, &s.mean, &s.m2, &s.w, &s.noise, &s.bn, &s.bmean, &s.bm2} {
		*p = r.F64()
	}
	for i := range s.tail {
		s.tail[i] = r.F64()
	}
	s.run = r.Int()
	if d := r.F64s(nil); len(d) > 0 && len(d) <= scaleBlock {
		s.detail = append(make([]float64, 0, scaleBlock), d...)
		s.scratch = make([]float64, 0, scaleBlock)
	} else if len(d) > scaleBlock {
		r.Fail(wire.ErrShort)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("window: scaler state: %w", err)
	}
	return r.Rest(), nil
}
