package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 4)) }

// randomNet returns a net none of whose weights is zero.
func randomNet(t testing.TB, spec nn.Spec, seed uint64) *nn.Net {
	t.Helper()
	net, err := nn.New(spec, seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := newRand(seed)
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] += .1 * float32(rng.NormFloat64())
		}
	}
	net.Pack()
	return net
}

func mustNew(t testing.TB, h Header, net *nn.Net) *Model {
	t.Helper()
	m, err := New(h, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// types is a condition of two keys and three values.
var types = Condition{{Name: "type", Values: []string{"pt100", "thermocouple"}}, {Name: "rate_hz", Log: true, Mean: 1, Dev: 2}}

var running = Scaler{Kind: ScaleRunning}

// models returns one model of every way to be used, by name.
func models(t testing.TB) map[string]*Model {
	all := []Input{Signal, Level, Mask, Step1, Step4, Step16}
	coloured := append(all[:6:6], Colour)
	plain := []Input{Signal, Level, Mask}
	ms := make(map[string]*Model)
	for _, l := range []int{0, 3, 8, -1} {
		name := fmt.Sprint("tcn", l)
		ms[name] = mustNew(t, Header{Name: name, Kind: TCN, Inputs: all, Residual: true, InSigma: true, Scaler: running},
			randomNet(t, nn.TCN(6, 1, 4, 3, []int{1, 2, 4}, l), 1))
	}
	ms["plain"] = mustNew(t, Header{Name: "plain", Kind: TCN, Inputs: plain, Residual: true, Scaler: running},
		randomNet(t, nn.TCN(3, 1, 4, 3, []int{1, 2}, 2), 2))
	ms["joint"] = mustNew(t, Header{Name: "joint", Kind: TCN, Channels: 2, Inputs: all, Residual: true, InSigma: true, Scaler: running},
		randomNet(t, nn.TCN(12, 2, 5, 3, []int{1, 2}, 3), 3))
	ms["spread"] = mustNew(t, Header{Name: "spread", Kind: TCN, Inputs: coloured, Residual: true, InSigma: true, Spread: true, Scaler: running},
		randomNet(t, nn.TCN(7, 2, 4, 3, []int{1, 2, 4}, 2), 6))
	ms["joint-spread"] = mustNew(t, Header{Name: "joint-spread", Kind: DAE, Channels: 2, Inputs: []Input{Signal, Mask}, Spread: true, Scaler: running},
		randomNet(t, nn.DAE(4, 4, []int{4, 6}, 4, 3), 7))
	unread := []Input{Reading, Level, Mask, Colour}
	ms["blind"] = mustNew(t, Header{Name: "blind", Kind: BlindSpot, Inputs: unread, Spread: true, Scaler: running},
		randomNet(t, nn.BlindSpot(4, 2, 6, 3, []int{1, 2, 4}, 3), 8))
	ms["joint-blind"] = mustNew(t, Header{Name: "joint-blind", Kind: BlindSpot, Channels: 2, Inputs: unread[:3], Spread: true, Scaler: running},
		randomNet(t, nn.BlindSpot(6, 4, 4, 2, []int{1, 2}, 0), 9))
	ms["dae"] = mustNew(t, Header{Name: "dae", Kind: DAE, Channels: 2, Inputs: []Input{Signal, Mask}, Scaler: running},
		randomNet(t, nn.DAE(4, 2, []int{4, 6}, 4, 3), 4))
	ms["dae-odd"] = mustNew(t, Header{Name: "dae-odd", Kind: DAE, Inputs: []Input{Mask, Signal}, Residual: true, Scaler: running},
		randomNet(t, nn.DAE(2, 1, []int{3, 4, 5}, 5, 2), 5))
	ms["classes"] = mustNew(t, Header{Name: "classes", Kind: TCN, Inputs: coloured, Residual: true, InSigma: true, Spread: true, Classes: []string{"ok", "a", "b"}, Scaler: running},
		randomNet(t, nn.TCN(7, 5, 4, 3, []int{1, 2, 4}, 2), 8))
	ms["joint-classes"] = mustNew(t, Header{Name: "joint-classes", Kind: DAE, Channels: 2, Inputs: []Input{Signal, Mask}, Spread: true, Classes: []string{"ok", "fault"},
		Outputs: []Output{Value, Probability}, Scaler: Scaler{Kind: ScaleFixed, Mean: []float64{5, 0}, Dev: []float64{2, 1}, Sigma: []float64{0, 0}}},
		randomNet(t, nn.DAE(4, 6, []int{4, 6}, 4, 3), 9))
	ms["state"] = mustNew(t, Header{Name: "state", Kind: TCN, Inputs: all, Residual: true, InSigma: true, Outputs: []Output{State}, Scaler: Scaler{Kind: ScaleNone}},
		randomNet(t, nn.TCN(6, 1, 4, 3, []int{1, 2, 4}, 1), 10))
	ms["told"] = mustNew(t, Header{Name: "told", Kind: TCN, Inputs: plain, Residual: true, Scaler: running, Condition: types},
		randomNet(t, nn.TCN(3, 1, 4, 3, []int{1, 2}, 2).With(nn.Extra{Norm: nn.LayerNorm, Cond: 3, Dropout: .2}), 8))
	ms["dropout"] = mustNew(t, Header{Name: "dropout", Kind: DAE, Channels: 2, Inputs: []Input{Signal, Mask}, Scaler: running},
		randomNet(t, nn.DAE(4, 2, []int{4, 6}, 4, 3).With(nn.Extra{Norm: nn.BatchNorm, Dropout: .2, Spatial: true}), 9))
	for _, name := range []string{"tcn3", "joint", "dae", "spread", "classes", "dropout", "blind"} {
		h := ms[name].Header()
		h.Name += "-int8"
		ms[h.Name] = mustQuantize(t, mustNew(t, h, ms[name].Net()))
	}
	return ms
}

// mustQuantize calibrates with random columns.
func mustQuantize(t testing.TB, m *Model) *Model {
	t.Helper()
	h := m.Header()
	q, err := Quantize(m, [][]Column{randomColumns(200*h.perNet(), 1), randomColumns(30*h.perNet(), 2)}, "random columns")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func randomColumns(n int, seed uint64) []Column {
	rng := newRand(seed)
	cols := make([]Column, n)
	level := float32(-1)
	for i := range cols {
		if i%64 == 0 {
			level = float32(-2 * rng.Float64())
		}
		cols[i] = Column{X: float32(rng.NormFloat64()), Level: level, Colour: float32(i%5) / 5, Missing: rng.Float64() < .1}
	}
	return cols
}

// reference denoises a whole series in one pass, straight from the definition.
func reference(m *Model, cols []Column, channels int) []float32 {
	clean, _, _ := referenceAll(m, cols, channels)
	return clean
}

// probability is that of class k by the logarithms of the probabilities.
func probability(x []float32, k int) float32 {
	most, sum := slices.Max(x), 0.0
	for _, v := range x {
		sum += math.Exp(float64(v - most))
	}
	return float32(math.Exp(float64(x[k]-most)) / sum)
}

// referenceAll is reference with what Stream.Spread and Stream.Classes have to
// return.
func referenceAll(m *Model, cols []Column, channels int) (clean, dev, classes []float32) {
	h := m.Header()
	per := max(h.Channels, 1)
	slots := len(cols) / channels
	clean = make([]float32, len(cols))
	classes = make([]float32, slots*channels/per*len(h.Classes))
	outs := per
	if h.Spread {
		outs, dev = 2*per, make([]float32, len(cols))
	}
	outs += len(h.Classes)
	for first := 0; first < channels; first += per {
		var x []float32
		for t := range slots {
			for _, in := range h.Inputs {
				for k := range per {
					c := cols[t*channels+first+k]
					switch in {
					case Signal:
						x = append(x, c.X)
					case Reading:
						v := c.X
						if c.Missing {
							v = 0
						}
						x = append(x, v)
					case Level:
						x = append(x, c.Level)
					case Colour:
						x = append(x, c.Colour)
					case Mask:
						v := float32(0)
						if c.Missing {
							v = 1
						}
						x = append(x, v)
					default:
						lag := map[Input]int{Step1: 1, Step4: 4, Step16: 16}[in]
						v := float32(0)
						if t >= lag {
							v = (c.X - cols[(t-lag)*channels+first+k].X) * (1 / float32(math.Pow(10, float64(c.Level))))
							v = min(max(v, -8), 8)
						}
						x = append(x, v)
					}
				}
			}
		}
		y := runnerOf(m, slots).Run(nil, x)
		for t := range slots {
			for k := range h.Classes {
				p := float32(0)
				if i := (t + 1) * outs; i <= len(y) {
					p = probability(y[i-len(h.Classes):i], k)
				}
				classes[(t*channels/per+first/per)*len(h.Classes)+k] = p
			}
		}
		for t := range slots {
			for k := range per {
				c := cols[t*channels+first+k]
				v := c.X // what a net leaves at the end stays as it came
				if i := t*outs + k; i < len(y) && h.Outputs != nil && h.Outputs[k] != Value {
					odds := math.Exp(float64(y[i]))
					v = float32(odds / (1 + odds))
					if h.Outputs[k] == State {
						v = float32(math.Round(odds / (1 + odds)))
					}
				} else if i := t*outs + k; i < len(y) && h.Kind == BlindSpot {
					s := math.Exp(min(max(float64(y[i+per]), -7), 3))
					s = float64(float32(s))
					v, dev[t*channels+first+k] = y[i], float32(s)
					if !c.Missing {
						sigma := float64(float32(math.Pow(10, float64(c.Level))))
						gain := s * s / (s*s + sigma*sigma)
						own := float64(gain * (float64(c.X) - float64(v)))
						v = float32(float64(v) + own)
						dev[t*channels+first+k] = float32(math.Sqrt(s * s * sigma * sigma / (s*s + sigma*sigma)))
					}
				} else if i < len(y) {
					v = y[i]
					unit := float32(1)
					if h.InSigma {
						unit = float32(math.Pow(10, float64(c.Level)))
						v *= unit
					}
					if h.Spread {
						dev[t*channels+first+k] = unit * float32(math.Exp(min(max(float64(y[i+per]), -7), 3)))
					}
					if h.Residual {
						v = c.X - v
					}
				}
				clean[t*channels+first+k] = v
			}
		}
	}
	return clean, dev, classes
}

func runnerOf(m *Model, slots int) *nn.Runner {
	if q := m.Quantized(); q != nil {
		return q.NewRunner(slots)
	}
	return m.Net().NewRunner(slots)
}
