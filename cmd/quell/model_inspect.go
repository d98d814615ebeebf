package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

func modelInspectCmd(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Show a model's layers, sizes, look-ahead and receptive field",
		Long: `Show a model: how it is used, how far it sees, and its layers with their weights.
Look-ahead, receptive field and hop are in samples; the hop is the number of
samples that are computed at a time.`,
		Example: "  quell model inspect base",
		Args:    exactly(1, "one model"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := loadModel(args[0], anyLookahead)
			if err != nil {
				return err
			}
			in := inspect(m)
			if asJSON {
				return json.NewEncoder(s.out).Encode(in)
			}
			return in.print(s.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// inspection is what quell model inspect prints.
type inspection struct {
	Model     string           `json:"model"`
	Kind      model.Kind       `json:"kind"`
	Channels  int              `json:"channels"` // 0: each by itself
	Inputs    []model.Input    `json:"inputs"`
	Residual  bool             `json:"residual"`
	InSigma   bool             `json:"in_sigma"`
	Spread    bool             `json:"spread"`
	Outputs   []model.Output   `json:"outputs,omitempty"`
	Classes   []string         `json:"classes,omitempty"`
	Condition model.Condition  `json:"condition,omitempty"`
	Scaler    model.ScalerKind `json:"scaler"`
	Lookahead int              `json:"lookahead"`
	Field     int              `json:"receptive_field"`
	Hop       int              `json:"hop"`
	Window    int              `json:"window,omitempty"` // of a dense layer
	Weights   int              `json:"weights"`
	Bytes     int              `json:"bytes"`
	Int8      bool             `json:"int8,omitempty"`
	Layers    []layerLine      `json:"layers"`
}

// layerLine is one layer; those within a residual block follow it, a level
// deeper.
type layerLine struct {
	Path     string `json:"path"` // as in the names of its weights
	Op       nn.Op  `json:"op"`
	In       int    `json:"in"` // channels
	Out      int    `json:"out"`
	Kernel   int    `json:"kernel,omitempty"`
	Stride   int    `json:"stride,omitempty"`
	Dilation int    `json:"dilation,omitempty"`
	Pad      []int  `json:"pad,omitempty"`
	Steps    int    `json:"steps,omitempty"`
	Weights  int    `json:"weights"`
	depth    int
}

func inspect(m *model.Model) *inspection {
	h := m.Header()
	in := &inspection{Model: m.Name(), Kind: h.Kind, Channels: h.Channels, Inputs: h.Inputs, Residual: h.Residual, InSigma: h.InSigma, Spread: h.Spread, Outputs: h.Outputs, Classes: h.Classes,
		Condition: h.Condition, Scaler: h.Scaler.Kind, Lookahead: m.Lookahead(), Field: h.Spec.ReceptiveField(), Hop: h.Spec.Stride(), Window: h.Spec.Window,
		Weights: m.Net().NumParams(), Bytes: m.Size(), Int8: m.Quantized() != nil}
	if h.Spec.Window > 0 {
		in.Hop = h.Spec.Window
	}
	sizes := map[string]int{}
	for _, p := range m.Net().Params() {
		sizes[p.Name[:strings.LastIndexByte(p.Name, '.')]] += len(p.Data)
	}
	in.walk("layers", h.Spec.Layers, h.Spec.In, 0, sizes)
	return in
}

func (in *inspection) walk(path string, layers []nn.LayerSpec, c, depth int, sizes map[string]int) {
	for i, l := range layers {
		line := layerLine{Path: fmt.Sprintf("%s.%d", path, i), Op: l.Op, In: c, Out: c, depth: depth}
		switch l.Op {
		case nn.Conv, nn.ConvT:
			line.Kernel, line.Stride, line.Dilation, line.Pad = max(l.Kernel, 1), max(l.Stride, 1), max(l.Dilation, 1), l.Pad[:]
			line.Out = l.Out
		case nn.Dense:
			line.Out, line.Steps = l.Out, l.Steps
		}
		line.Weights = sizes[line.Path]
		in.Layers = append(in.Layers, line)
		if l.Op == nn.Residual {
			in.walk(line.Path+".layers", l.Layers, c, depth+1, sizes)
		}
		c = line.Out
	}
}

func (in *inspection) print(out io.Writer) error {
	serves := "serves each channel by itself"
	if in.Channels > 0 {
		serves = fmt.Sprintf("serves %d channels at once", in.Channels)
	}
	gives := "the clean signal"
	switch {
	case in.InSigma:
		gives = "the noise in units of its level"
	case in.Residual:
		gives = "the noise"
	}
	if in.Kind == model.BlindSpot {
		gives = "what all other readings foretell"
	}
	if in.Spread {
		gives += " and its own spread"
	}
	for k, o := range in.Outputs {
		if o != model.Value {
			gives += fmt.Sprintf(", of channel %d a %s", k+1, o)
		}
	}
	if in.Classes != nil {
		gives += ", and which of " + strings.Join(in.Classes, ", ") + " it is"
	}
	if len(in.Condition) > 0 {
		gives += "\ncan be told " + told(in.Condition)
	}
	bits := ""
	if in.Int8 {
		bits = " of 8 bits"
	}
	var inputs []string
	for _, x := range in.Inputs {
		inputs = append(inputs, string(x))
	}
	if _, err := fmt.Fprintf(out, "%s: %s, %s\ninputs %s; scaler %s; gives %s\nlook-ahead %d, receptive field %d, hop %d samples\n%d weights%s, %d bytes\n\n",
		in.Model, in.Kind, serves, strings.Join(inputs, ", "), in.Scaler, gives, in.Lookahead, in.Field, in.Hop, in.Weights, bits, in.Bytes); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "layer\tchannels\ttaps\tstride\tdilation\tpad\tweights") //nolint:errcheck // Flush tells
	for _, l := range in.Layers {
		name := strings.Repeat("  ", l.depth) + string(l.Op)
		channels, taps := fmt.Sprintf("%d", l.Out), "\t\t\t"
		if l.In != l.Out {
			channels = fmt.Sprintf("%d → %d", l.In, l.Out)
		}
		switch {
		case l.Kernel > 0:
			taps = fmt.Sprintf("%d\t%d\t%d\t%d, %d", l.Kernel, l.Stride, l.Dilation, l.Pad[0], l.Pad[1])
		case l.Steps > 0:
			channels += fmt.Sprintf(" × %d", l.Steps)
		}
		weights := ""
		if l.Weights > 0 {
			weights = fmt.Sprint(l.Weights)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, channels, taps, weights) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

// told lists the keys of a condition.
func told(c model.Condition) string {
	var keys []string
	for _, k := range c {
		key := k.Name + " (a number)"
		if len(k.Values) > 0 {
			key = fmt.Sprintf("%s (%s)", k.Name, strings.Join(k.Values, ", "))
		}
		keys = append(keys, key)
	}
	return strings.Join(keys, ", ") + ": see quell model condition"
}
