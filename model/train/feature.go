package train

import (
	"errors"
	"sync"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/nn"
)

// Feature is SquaredError plus Weight times the distance of the features φ of the
// clean signal x and its estimate x̂, the feature reconstruction loss of Johnson,
// Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
// Super-Resolution", 2016, eq. 2,
//
//	mean over features and time of (φ(x̂) - φ(x))²/var φ
//
// where φ are the encoders, up to their codes, of five Sentinels that were fitted to
// the clean recordings and stay as they are: of one alone it depends on the draw of
// its first weights whether the log-spectral distance falls. Supervised fits them.
type Feature struct {
	Weight float64

	from []*features // nil until fitted
}

// featureNets is how many sentinels are fitted.
const featureNets = 5

// features is a frozen net whose outputs are compared. It is safe for concurrent
// use.
type features struct {
	net      *nn.Net   // [T][2·channels], as of Sentinel
	channels int       // of the signal
	inverse  []float32 // per feature 1/var, 0 of one that does not move

	mu   sync.Mutex
	free []*comparison
}

// comparison is room to compare a signal with its estimate.
type comparison struct {
	tape   *nn.Tape
	x, est []float32 // clean signal and estimate, as the net takes them
	truth  []float32 // features of x
	dz     []float32
}

// featureWindows is how many windows of the clean recordings a sentinel is fitted
// to at most.
const featureWindows = 64

// fitted returns the loss with nets fitted to the training part.
func (l Feature) fitted(p *pairs) (Feature, error) {
	n := len(p.scales)
	length := p.cfg.Window / 4 * 4
	if length == 0 {
		return l, errors.New("train: the feature loss needs windows of 4 samples or more")
	}
	var windows [][]float32
	count := min(p.part.Len()/length, featureWindows)
	for k := range count {
		start := p.part.From + (p.part.Len()-length)*k/max(count-1, 1)
		windows = append(windows, p.clean(nil, start, length))
	}
	l.from = nil
	for k := range uint64(featureNets) {
		net, err := Sentinel(windows, n, mix.Next(p.cfg.Seed)+k)
		if err != nil {
			return l, err
		}
		f, err := newFeatures(net, n, windows)
		if err != nil {
			return l, err
		}
		l.from = append(l.from, f)
	}
	return l, nil
}

// newFeatures takes the encoder of a sentinel, which it scales by its windows.
func newFeatures(sentinel *nn.Net, channels int, windows [][]float32) (*features, error) {
	layers, _, err := encoder(sentinel.Spec())
	if err != nil {
		return nil, err
	}
	net, err := firstLayers(sentinel, layers[:len(layers)-1]) // the code is linear
	if err != nil {
		return nil, err
	}
	f := &features{net: net, channels: channels}
	outs := net.Spec().OutChannels()
	sum, squares, count := make([]float64, outs), make([]float64, outs), 0.
	run := net.NewRunner(1)
	var y []float32
	for _, w := range windows {
		y = run.Run(y, w)
		for i, v := range y {
			sum[i%outs] += float64(v)
			squares[i%outs] += float64(v) * float64(v)
		}
		count += float64(len(y) / outs)
	}
	for i := range outs {
		inverse := float32(0)
		mean := sum[i] / count
		if v := squares[i]/count - mean*mean; v > 1e-6 {
			inverse = float32(1 / v)
		}
		f.inverse = append(f.inverse, inverse)
	}
	return f, nil
}

// firstLayers returns a net of the first layers of another, with its weights.
func firstLayers(net *nn.Net, layers []nn.LayerSpec) (*nn.Net, error) {
	part, err := nn.New(nn.Spec{In: net.Spec().In, Layers: layers}, 0)
	if err != nil {
		return nil, err
	}
	copyParams(part.Params(), net.Params())
	part.Pack()
	return part, nil
}

// copyParams copies the values of as many parameters as dst has.
func copyParams(dst, src []nn.Param) {
	for i, p := range dst {
		copy(p.Data, src[i].Data)
	}
}

// Gradient implements Loss.
func (l Feature) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	loss := SquaredError{}.Gradient(dy, y, e, scale)
	for _, f := range l.from {
		loss += f.gradient(dy, y, e, l.Weight/float64(len(l.from)), scale)
	}
	return loss
}

// gradient returns weight times the distance of the features, and adds its gradient
// times scale to dy.
func (f *features) gradient(dy, y []float32, e *Example, weight, scale float64) float64 {
	c := f.take()
	defer f.put(c)
	n := f.channels
	width := 2 * n // signals, then masks
	slots := len(y) / n
	c.x, c.est = grow(c.x, slots*width), grow(c.est, slots*width)
	clear(c.x)
	clear(c.est)
	for i := range slots * n {
		truth, gain := e.signal(i)
		at := i/n*width + i%n
		c.x[at], c.est[at] = float32(truth), float32(truth+gain*float64(y[i]-e.Y[i]))
	}
	return weight * c.distance(f, weight*scale, func(dx []float32) {
		for i := range slots * n {
			_, gain := e.signal(i)
			dy[i] += float32(gain) * dx[i/n*width+i%n]
		}
	})
}

// distance returns the distance of the features of est from those of x, and hands
// on its gradient with regard to est, times scale.
func (c *comparison) distance(f *features, scale float64, gradient func(dx []float32)) float64 {
	c.truth = append(c.truth[:0], c.tape.Forward(c.x)...)
	z := c.tape.Forward(c.est)
	if len(z) == 0 {
		return 0
	}
	c.dz = grow(c.dz, len(z))
	k := float32(2 * scale / float64(len(z)))
	sum := 0.0
	for i, v := range z {
		d, inverse := v-c.truth[i], f.inverse[i%len(f.inverse)]
		sum += float64(d * d * inverse)
		c.dz[i] = k * d * inverse
	}
	gradient(c.tape.Backward(c.dz))
	c.tape.ZeroGrads()
	return sum / float64(len(z))
}

func (f *features) take() *comparison {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.free); n > 0 {
		c := f.free[n-1]
		f.free = f.free[:n-1]
		return c
	}
	return &comparison{tape: f.net.NewTape(1)}
}

func (f *features) put(c *comparison) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = append(f.free, c)
}
