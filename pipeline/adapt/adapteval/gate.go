package adapteval

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/window"
)

const (
	gateSlots  = 256
	gateWarm   = 8  // windows, in which the scale settles
	gateJudged = 12 // windows that the gate is given
	// gateTruth is the number of windows that the truth is taken from: many more,
	// so that which of two nets is better is no matter of the windows judged.
	gateTruth = 160
	atLeast   = .3 // dB by which a net has to be better for the gate to find it
)

// spoils are how much the weights of a net are changed, in shares: from what
// makes no difference to what costs a decibel or more.
var spoils = []float64{0, .003, .05, .1, .15, .2}

// gated is the study of the gate by itself.
func gated() scoreboard.Study {
	return scoreboard.Study{Name: "gate", Doc: "the base model against spoilt copies of it on real recordings: what the gate lets through", Run: runGate}
}

// gateSources are recordings that differ in where their losses lie: heart beats
// have peaks, bearings none.
func gateSources() [][2]string {
	return [][2]string{{"ecg_mitdb/mitdb_100", "mlii_mv"}, {"cwru/1797rpm_normal", "de_g"}, {"ecg_mitdb/mitdb_117", "mlii_mv"}, {"ecg_mitdb/mitdb_209", "mlii_mv"},
		{"ecg_mitdb/mitdb_103", "mlii_mv"}, {"ecg_mitdb/mitdb_115", "mlii_mv"}, {"ecg_mitdb/mitdb_122", "mlii_mv"}, {"cwru/1797rpm_or6_7", "de_g"}}
}

// challenge is one net against another: the truth, and what the gate said.
type challenge struct {
	truth    float64 // dB that the challenger is better by
	promoted bool
}

func runGate(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	if o.Data == "" {
		return gateRows(nil, "needs --data"), nil
	}
	base, err := model.Base(8)
	if err != nil {
		return nil, err
	}
	nets, err := spoilt(base, o.Seed)
	if err != nil {
		return nil, err
	}
	from := gateSources()
	if o.Quick {
		from = from[:2]
	}
	var all []challenge
	for i, s := range from {
		t, err := csvtable.Read(filepath.Join(o.Data, filepath.FromSlash(s[0])+".csv.gz"))
		if err != nil {
			return nil, err
		}
		x, err := t.Column(s[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s[0], err)
		}
		cs, err := challenges(ctx, x, nets, [2]uint64{o.Seed, uint64(i)})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s[0], err)
		}
		all = append(all, cs...)
		o.Tell("%d of %d: %s", i+1, len(from), s[0])
	}
	return gateRows(all, fmt.Sprintf("%d challenges on %d recordings", len(all), len(from))), nil
}

// gateRows returns the rows of challenges.
func gateRows(all []challenge, note string) []scoreboard.Row {
	share := func(of func(c *challenge) bool) float64 {
		n, k := 0, 0
		for i := range all {
			if of(&all[i]) {
				n++
				if all[i].promoted {
					k++
				}
			}
		}
		return 100 * float64(k) / float64(n) // NaN of none
	}
	worst := math.NaN()
	for _, c := range all {
		if c.promoted && !(c.truth >= worst) {
			worst = c.truth
		}
	}
	return []scoreboard.Row{
		{Name: "challengers let through that are worse or equal in truth, %", Must: scoreboard.AtMost(1), Got: share(func(c *challenge) bool { return c.truth <= 0 }), Note: note},
		{Name: fmt.Sprintf("challengers let through that are better by %g dB or more, %%", atLeast), Must: scoreboard.AtLeast(80), Aim: scoreboard.AtLeast(95), Got: share(func(c *challenge) bool { return c.truth >= atLeast }), Note: note},
		{Name: "true gain of what was let through, worst, dB", Got: worst, Note: note},
	}
}

// spoilt returns copies of a net whose weights are off.
func spoilt(m *model.Model, seed uint64) ([]*model.Model, error) {
	var out []*model.Model
	for i, share := range spoils {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		net := m.Net().Clone()
		for _, p := range net.Params() {
			for k := range p.Data {
				p.Data[k] *= float32(1 + share*rng.NormFloat64())
			}
		}
		s, err := model.New(m.Header(), net)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// challenges has each net challenge each other on a recording with noise at 10 dB.
func challenges(ctx context.Context, x []float64, nets []*model.Model, seed [2]uint64) ([]challenge, error) {
	rng := rand.New(rand.NewPCG(seed[0], seed[1]))
	n := (gateWarm + 2*gateJudged + gateTruth) * gateSlots
	if len(x) < n {
		return nil, fmt.Errorf("%d rows, %d are needed", len(x), n)
	}
	at := rng.IntN(len(x) - n + 1)
	clean := x[at : at+n]
	sigma := math.Sqrt(variance(clean) / 10)
	noisy := make([]float64, n)
	for i, v := range clean {
		noisy[i] = v + sigma*rng.NormFloat64()
	}
	held, err := heldOut(noisy[:(gateWarm+2*gateJudged)*gateSlots])
	if err != nil {
		return nil, err
	}
	gains := make([]float64, len(nets))
	for i, m := range nets {
		y, err := train.Denoise(m, noisy, nil)
		if err != nil {
			return nil, err
		}
		from := gateWarm * gateSlots
		gains[i] = noise.Gain(clean[from:], noisy[from:], y[from:])
	}
	var out []challenge
	for i, champion := range nets {
		for k, challenger := range nets {
			if i == k {
				continue
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			v, err := adapt.Gate(champion, challenger, held, nil, adapt.GateConfig{Seed: seed[0]})
			if err != nil {
				return nil, err
			}
			out = append(out, challenge{gains[k] - gains[i], v.Promote})
		}
	}
	return out, nil
}

// heldOut cuts readings into windows, scaled as the pipeline scales them, and
// returns every second one.
func heldOut(noisy []float64) ([]*replay.Window, error) {
	buf, err := replay.New(replay.Config{Steps: gateSlots, Channels: 1, Bytes: 4 << 20, HoldoutEvery: 2})
	if err != nil {
		return nil, err
	}
	var scaler window.Scaler
	for at := 0; at+gateSlots <= len(noisy); at += gateSlots {
		values := make([]float32, gateSlots)
		var scale window.Scale
		for i := range values {
			scale = scaler.Push(noisy[at+i], true) // it changes between windows only, once it has settled
			if scale.Known() {
				values[i] = float32((noisy[at+i] - scale.Mean) / scale.Dev)
			}
		}
		if at >= gateWarm*gateSlots {
			buf.Add("x", int64(at), values, nil, []replay.Scale{replay.Scale(scale)})
		}
	}
	return buf.Holdout(), nil
}

func variance(x []float64) float64 {
	mean, m2 := 0.0, 0.0
	for i, v := range x {
		d := v - mean
		mean += d / float64(i+1)
		m2 += d * (v - mean)
	}
	return m2 / float64(len(x))
}
