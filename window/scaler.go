package window

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/quell-stream/quell/internal/floor"
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
	lateBlocks  = 4  // what remains after Forget

	leastDetails = 8 // of a block that says something of the noise
	leastSpectra = 4 // blocks with a spectrum that bound the noise
)

// absurd bounds what is taken for a reading: the square of one beyond it may be no
// number, and the scale would rest on it for good.
const absurd = 1e30

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
// pooled over blocks as a variance. Of a block with so many gaps that fewer than eight
// details can be had it is that of what differs from a cubic in five readings
// (SparseDetail). From the fourth block on it is bounded by the spectrum of the blocks
// (package floor), since the details of a rough signal are those of noise.
//
// The zero value is ready to use. It is not safe for concurrent use, and
// allocates nothing after the first block but what a garbage collection has taken of the
// memory for spectra, which all scalers share.
type Scaler struct {
	index  int64 // slots since the context was reset
	scale  Scale
	frozen bool

	pooled pool             // the closed blocks
	late   [lateBlocks]pool // each of the latest of them, oldest first

	// The open block.
	bn, bmean, bm2 float64
	tail           [8]float64 // the latest values, newest last
	run            int        // valid values in a row, up to 8
	detail         []float64  // |finest detail| of the block
	values         []float32  // of the block, relative to the first; NaN where there is none
	first          float64    // that they are relative to
	sparse         sparse
}

// pool holds the statistics of blocks.
type pool struct {
	n, mean, m2 float64 // weight, mean, sum of squared deviations
	w, noise    float64 // weight and mean of σ̂²

	// Of the blocks that have a spectrum: how many, the mean of σ̂², and of the power.
	spectra, level float64
	power          [floor.Bands]float64
}

// spectra are what scalers work spectra out with.
var spectra = sync.Pool{New: func() any { return floor.NewSpectra(scaleBlock) }}

// Scale returns the scale of the next slot to be pushed.
func (s *Scaler) Scale() Scale { return s.scale }

// Index returns the number of slots pushed since the last ResetIndex.
func (s *Scaler) Index() int64 { return s.index }

// Push takes the channel's value at the next slot; valid is false where there
// is none (value is then ignored). A non-finite value counts as missing, and so does
// one beyond ±1e30. Push returns the scale of this very slot, which was decided
// before it.
func (s *Scaler) Push(value float64, valid bool) Scale {
	now := s.scale
	if valid && math.Abs(value) <= absurd {
		s.add(value)
	} else {
		s.run = 0
		s.values = append(s.values, float32(math.NaN()))
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
	s.sparse.n = 0
}

func (s *Scaler) add(v float64) {
	s.bn++
	d := v - s.bmean
	s.bmean += d / s.bn
	s.bm2 += d * (v - s.bmean)
	if s.bn == 1 {
		s.first = v
	}
	s.values = append(s.values, float32(v-s.first))
	copy(s.tail[:], s.tail[1:])
	s.tail[7] = v
	s.sparse.saw(s.index)
	if s.run++; s.run < 8 {
		s.sparse.add(s.tail[:])
		return
	}
	s.run = 8
	h := 0.0
	for k, f := range db4High {
		h += f * s.tail[k]
	}
	s.detail = append(s.detail, math.Abs(h))
}

// Forget lets go of what the scale rests on but for the last four blocks and what
// there is of the open one. The scale changes where it would have changed anyway.
func (s *Scaler) Forget() {
	s.pooled = pool{}
	for _, p := range s.late {
		s.pooled = s.pooled.with(p)
	}
}

// Freeze has the scale be that of all values so far from the next slot on, and change
// no more.
func (s *Scaler) Freeze() {
	s.update()
	s.frozen = true
}

// open returns the statistics of the open block, none where they are no numbers.
func (s *Scaler) open() pool {
	p := pool{n: s.bn, mean: s.bmean, m2: s.bm2}
	if math.IsNaN(p.m2) || math.IsInf(p.m2, 0) {
		return pool{}
	}
	details := s.detail
	if len(details) < leastDetails {
		details = s.sparse.detail
	}
	if k := len(details); k >= leastDetails {
		sigma := median(details) / 0.6744897501960817
		p.w, p.noise = float64(k), sigma*sigma
	}
	if len(s.values) == scaleBlock && p.w > 0 {
		p.look(s.values)
	}
	return p
}

// look takes the spectrum of a block.
func (p *pool) look(values []float32) {
	var block [scaleBlock]float64
	for i, v := range values {
		block[i] = float64(v)
	}
	s := spectra.Get().(*floor.Spectra)
	power, ok := s.Power(block[:])
	spectra.Put(s)
	if ok {
		p.spectra, p.level, p.power = 1, p.noise, power
	}
}

// with returns a pool with another one merged in (Chan, Golub and LeVeque 1983,
// eq. 1.5).
func (p pool) with(o pool) pool {
	if o.n > 0 {
		d := o.mean - p.mean
		t := p.n + o.n
		p.m2 += o.m2 + d*d*p.n*o.n/t
		p.mean += d * o.n / t
		p.n = t
	}
	if o.w > 0 {
		t := p.w + o.w
		p.noise += (o.noise - p.noise) * o.w / t
		p.w = t
	}
	if o.spectra > 0 {
		t := p.spectra + o.spectra
		p.level += (o.level - p.level) * o.spectra / t
		for i, v := range o.power {
			p.power[i] += (v - p.power[i]) * o.spectra / t
		}
		p.spectra = t
	}
	return p
}

// median returns the median of at most a block of details.
func median(details []float64) float64 {
	var most [scaleBlock]float64
	x := append(most[:0], details...)
	slices.Sort(x)
	k := len(x)
	return (x[(k-1)/2] + x[k/2]) / 2
}

func (s *Scaler) closeBlock() {
	block := s.open()
	s.pooled = s.pooled.with(block)
	copy(s.late[:], s.late[1:])
	s.late[lateBlocks-1] = block
	const most = scaleBlock * scaleMemory
	if p := &s.pooled; p.n > most {
		p.m2 *= most / p.n
		p.n = most
	}
	s.pooled.w, s.pooled.spectra = min(s.pooled.w, most), min(s.pooled.spectra, scaleMemory)
	s.bn, s.bmean, s.bm2 = 0, 0, 0
	s.detail, s.values, s.sparse.detail = s.detail[:0], s.values[:0], s.sparse.detail[:0]
}

func (s *Scaler) update() {
	if s.frozen {
		return
	}
	p := s.pooled.with(s.open())
	if p.n < firstScale/2 {
		return
	}
	mean, dev := p.mean, math.Sqrt(p.m2/p.n)
	// A deviation that is rounding error of the mean is a signal that stands still.
	if !(dev > 1e-9*math.Abs(mean)) || math.IsInf(dev, 0) || math.IsInf(mean, 0) {
		dev = 0
	}
	s.scale = Scale{Mean: mean, Dev: dev, Sigma: min(math.Sqrt(p.variance()), dev)}
}

// variance returns that of the noise: σ̂², or the share of it that the spectrum allows, of the
// blocks that have one.
func (p *pool) variance() float64 {
	if !(p.level > 0) || p.spectra < leastSpectra {
		return p.noise
	}
	return p.noise * floor.Clear(floor.Most(&p.power, p.spectra, scaleBlock)/p.level, p.spectra, scaleBlock)
}

// numbers returns what a snapshot holds first.
func (s *Scaler) numbers() [11]*float64 {
	p := &s.pooled
	return [...]*float64{&s.scale.Mean, &s.scale.Dev, &s.scale.Sigma, &p.n, &p.mean, &p.m2, &p.w, &p.noise, &s.bn, &s.bmean, &s.bm2}
}

func (p *pool) numbers() [5]*float64 { return [...]*float64{&p.n, &p.mean, &p.m2, &p.w, &p.noise} }

// pools returns all pools of closed blocks.
func (s *Scaler) pools() [1 + lateBlocks]*pool {
	out := [1 + lateBlocks]*pool{&s.pooled}
	for i := range s.late {
		out[1+i] = &s.late[i]
	}
	return out
}

// AppendState appends a snapshot to dst.
func (s *Scaler) AppendState(dst []byte) []byte {
	dst = wire.I64(dst, s.index)
	for _, v := range s.numbers() {
		dst = wire.F64(dst, *v)
	}
	for i := range s.late {
		for _, v := range s.late[i].numbers() {
			dst = wire.F64(dst, *v)
		}
	}
	for _, v := range s.tail {
		dst = wire.F64(dst, v)
	}
	dst = wire.Bool(wire.I64(dst, int64(s.run)), s.frozen)
	return s.appendSpectra(s.sparse.appendState(wire.F64s(dst, s.detail)))
}

func (s *Scaler) appendSpectra(dst []byte) []byte {
	for _, p := range s.pools() {
		dst = wire.F64(wire.F64(dst, p.spectra), p.level)
		for _, v := range p.power {
			dst = wire.F64(dst, v)
		}
	}
	return wire.F32s(wire.F64(dst, s.first), s.values)
}

// Format is that of a snapshot of a Scaler.
type Format int

// The formats.
const (
	Gapless   Format = iota // from before details were taken of readings with gaps between them
	Unbounded               // from before spectra bounded the noise
	Current
)

// RestoreState reads a snapshot back and returns the rest of src.
func (s *Scaler) RestoreState(src []byte) ([]byte, error) { return s.RestoreFormat(src, Current) }

// RestoreFormat is RestoreState of a snapshot of a format.
func (s *Scaler) RestoreFormat(src []byte, f Format) ([]byte, error) {
	r := wire.NewReader(src)
	s.index = r.I64()
	for _, v := range s.numbers() {
		*v = r.F64()
	}
	for i := range s.late {
		for _, v := range s.late[i].numbers() {
			*v = r.F64()
		}
	}
	for i := range s.tail {
		s.tail[i] = r.F64()
	}
	s.run, s.frozen = r.Int(), r.Bool()
	if d := r.F64s(nil); len(d) > 0 && len(d) <= scaleBlock {
		s.detail = d
	} else if len(d) > scaleBlock {
		r.Fail(wire.ErrShort)
	}
	if f >= Unbounded {
		s.sparse.restoreState(r)
	}
	if f >= Current {
		s.restoreSpectra(r)
	} else {
		s.lost()
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("window: scaler state: %w", err)
	}
	return r.Rest(), nil
}

var errSpectra = errors.New("a spectrum that is none")

func (s *Scaler) restoreSpectra(r *wire.Reader) {
	for _, p := range s.pools() {
		p.spectra, p.level = r.F64(), r.F64()
		ok := p.spectra >= 0 && p.spectra <= scaleMemory && p.level >= 0 && p.level <= math.MaxFloat64
		for i := range p.power {
			p.power[i] = r.F64()
			ok = ok && p.power[i] >= 0 && p.power[i] <= math.MaxFloat64
		}
		if !ok {
			r.Fail(errSpectra)
		}
	}
	s.first = r.F64()
	s.values = r.F32s(nil)
	if r.Err() == nil && int64(len(s.values)) != s.index%scaleBlock {
		r.Fail(errSpectra)
	}
}

// lost has the values of the open block be missing, of a snapshot that has none.
func (s *Scaler) lost() {
	s.first = s.bmean
	for range s.index % scaleBlock {
		s.values = append(s.values, float32(math.NaN()))
	}
}
