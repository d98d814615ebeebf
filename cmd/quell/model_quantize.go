package main

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/train"
)

// quantizeOptions are the flags of quell model quantize.
type quantizeOptions struct {
	data, out, time string
	channels        []string
	lookahead       int
	snr             float64
	seed            uint64
	asJSON          bool
}

// calibrationMost bounds the samples per channel that a model is calibrated
// with: more do not change the ranges.
const calibrationMost = 1 << 15

// lostMost is the loss of gain in dB from which on it is told that the data may
// be at fault.
const lostMost = .1

func modelQuantizeCmd(s streams) *cobra.Command {
	var o quantizeOptions
	cmd := &cobra.Command{
		Use:   "quantize MODEL --data DATA -o OUT",
		Short: "Make an int8 model: a third of the size",
		Long: `Make an int8 model of a float32 one: 8-bit weights, a third of the size, and the same
clean values on every machine. On CPUs with AVX-512 VNNI it is up to twice as fast for
one series; where many series come together float32 is as fast or faster, since it
takes them through the net at once. It does not learn any more: fine-tuning takes the
float32 model. It takes models that serve each channel by itself.

The ranges of what goes on inside the net are found on DATA (CSV or JSON lines, plain
or gzip): the beginning of its first three fifths, as it is and with white noise
added. It should be like what the model will see.

Two errors are measured on the last fifth of DATA, which the ranges don't come from:
how far the output is from that of the float32 model, as a share of its deviation,
and how many decibels less --snr white noise is reduced by.`,
		Example: `  quell model quantize base --data history.csv --channels pressure -o base8.quell
  quell model quantize mine.quell --data history.csv.gz -o mine8.quell --json`,
		Args: exactly(1, "one model"),
		RunE: func(_ *cobra.Command, args []string) error { return runQuantize(s, args[0], &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.data, "data", "", "`file` to find the ranges with")
	f.StringVarP(&o.out, "out", "o", "", "`file` of the int8 model")
	f.StringSliceVar(&o.channels, "channels", nil, "`columns` of DATA; default: all numeric ones but labels")
	f.StringVar(&o.time, "time", "", "time `column`, or DATE,TIME where it stands in two")
	f.IntVar(&o.lookahead, "lookahead", anyLookahead, "`samples` of look-ahead of the base model; default: the most there is")
	f.Float64Var(&o.snr, "snr", 10, "signal-to-noise ratio in `dB` of the noise whose reduction is compared")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the noise")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func (o *quantizeOptions) check(name string) error {
	switch {
	case o.data == "":
		return usageError("--data FILE is needed: what the model will see")
	case o.out == "":
		return usageError("-o FILE is needed: where the model goes")
	case o.lookahead < anyLookahead:
		return usageError("--lookahead %d: 0 samples or more", o.lookahead)
	case math.IsNaN(o.snr) || math.Abs(o.snr) > 100:
		return usageError("--snr %g: -100 to 100", o.snr)
	}
	if err := notRead("-o", o.out, name, o.data); err != nil {
		return err
	}
	return outModel(o.out)
}

// quantized is what int8 has done to a model on one channel.
type quantized struct {
	Channel string  `json:"channel"`
	NRMSE   float64 `json:"nrmse"` // of the output, by the deviation of the float32 one
	SNR     float64 `json:"snr_db"`
	Float   float64 `json:"gain_float32_db"`
	Gain    float64 `json:"gain_db"`
	Lost    float64 `json:"lost_db"`
}

func runQuantize(s streams, name string, o *quantizeOptions) error {
	if err := o.check(name); err != nil {
		return err
	}
	m, err := loadStreaming(name, o.lookahead)
	if err != nil {
		return err
	}
	if m.Quantized() != nil {
		return fmt.Errorf("%s is an int8 model already: name the float32 model", name)
	}
	t, err := readTable(s, o.data, o.time, o.channels)
	if err != nil {
		return err
	}
	var recordings [][]float64
	var lost [][]bool
	for i, x := range t.cols {
		y, ok := filled(x)
		if !ok {
			return fmt.Errorf("%s: column %s has no value", o.data, t.names[i])
		}
		parts, err := eval.Split(len(y), m.Header().Spec.ReceptiveField())
		if err != nil {
			return fmt.Errorf("%s: %w", o.data, err)
		}
		n := min(parts.Train.To, calibrationMost)
		recordings, lost = append(recordings, y[:n]), append(lost, lostOf(x[:n]))
	}
	small, err := train.Quantize(m, recordings, lost, o.seed)
	if err != nil {
		return fmt.Errorf("%s: %w", o.data, err)
	}
	var rows []quantized
	for i, x := range t.cols {
		r, err := o.compare(m, small, t.names[i], x)
		if err != nil {
			return fmt.Errorf("%s: %w", o.data, err)
		}
		rows = append(rows, r)
	}
	if err := small.Save(o.out); err != nil {
		return err
	}
	return o.tell(s, m, small, rows)
}

// compare measures both errors on a channel.
func (o *quantizeOptions) compare(m, small *model.Model, name string, x []float64) (quantized, error) {
	r := quantized{Channel: name, SNR: o.snr}
	t, err := eval.NoisyTrial(name, x, o.snr, eval.White, o.seed, m.Header().Spec.ReceptiveField())
	if err != nil {
		return r, err
	}
	results := t.Compare(eval.Options{NoFamilies: true}, methodOf(m), methodOf(small))
	r.Float, r.Gain = results[0].Gain, results[1].Gain
	r.Lost = r.Float - r.Gain
	a, _, _ := methodOf(m).Denoise(x)
	b, _, _ := methodOf(small).Denoise(x)
	a, b = t.Parts.Test.Of(a), t.Parts.Test.Of(b)
	_, v := eval.Variance(a)
	if r.NRMSE = eval.RMSE(a, b) / math.Sqrt(v); v == 0 {
		return r, fmt.Errorf("channel %s does not move in its last fifth, so there is nothing to compare", name)
	}
	return r, nil
}

func (o *quantizeOptions) tell(s streams, m, small *model.Model, rows []quantized) error {
	for _, r := range rows {
		if r.Lost > lostMost {
			fmt.Fprintf(s.err, "quell: %s: %.2f dB lost on channel %s: is %s like what the model is for?\n", small.Name(), r.Lost, r.Channel, o.data)
		}
	}
	if small.Size() >= m.Size() {
		fmt.Fprintf(s.err, "quell: %s is no smaller than %s: of so few weights the scales take more than the bytes save\n", small.Name(), m.Name())
	}
	if o.asJSON {
		return json.NewEncoder(s.out).Encode(struct {
			Model    string      `json:"model"`
			File     string      `json:"file"`
			Bytes    int         `json:"bytes"`
			Of       string      `json:"of"`
			OfBytes  int         `json:"of_bytes"`
			Channels []quantized `json:"channels"`
		}{small.Name(), o.out, small.Size(), m.Name(), m.Size(), rows})
	}
	if _, err := fmt.Fprintf(s.out, "%s of %s: %d bytes instead of %d, written to %s\n", small.Name(), m.Name(), small.Size(), m.Size(), o.out); err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(s.out, "%s: output off by %.2f %% of its deviation; gain at %g dB %.2f dB, %.3f lost\n",
			r.Channel, 100*r.NRMSE, r.SNR, r.Gain, r.Lost); err != nil {
			return err
		}
	}
	return nil
}
