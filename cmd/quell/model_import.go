package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// importOptions are the flags of quell model import.
type importOptions struct {
	out, arch, name string
	asJSON          bool
}

func modelImportCmd(s streams) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import X.onnx|X.safetensors -o MODEL",
		Short: "Make a model of an ONNX or safetensors file",
		Long: `Make a model of a network that was trained elsewhere, or exported from here.

What quell model export wrote comes back as it was. Any other network must make as
many channels and samples as it gets; it runs on raw values and returns clean ones.
A network of one channel serves each channel by itself, any other all its channels
at once.

A safetensors file holds weights only: --arch describes the network, as for quell
train, but with the signal as its only input. Weights are matched by name, or by
order and shape.`,
		Example: `  quell model import denoiser.onnx -o denoiser.quell
  quell model import weights.safetensors --arch net.yaml -o denoiser.quell`,
		Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error { return importModel(s, args[0], &o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "", "`file` of the model")
	f.StringVar(&o.arch, "arch", "", "`file` that describes the network of a safetensors file (YAML or JSON)")
	f.StringVar(&o.name, "name", "", "`name` of the model; default: that in the file, else the file's own")
	jsonFlag(cmd, &o.asJSON)
	return cmd
}

func importModel(s streams, in string, o *importOptions) error {
	ext := strings.ToLower(filepath.Ext(in))
	switch {
	case ext != ".onnx" && ext != ".safetensors":
		return usageError("%s: what is imported ends in .onnx or .safetensors", in)
	case o.out == "":
		return usageError("-o FILE is needed: where the model goes")
	case o.arch != "" && ext == ".onnx":
		return usageError("--arch is for safetensors: an ONNX file says itself how its network looks")
	}
	if err := notRead("-o", o.out, in, o.arch); err != nil {
		return err
	}
	if err := outModel(o.out); err != nil {
		return err
	}
	m, err := readForeign(in, ext, o)
	if err != nil {
		return err
	}
	if err := m.Save(o.out); err != nil {
		return err
	}
	if err := m.Header().Spec.Streamable(); err != nil {
		fmt.Fprintf(s.err, "quell: %s cannot run on a stream, only be exported and looked into: %v\n", m.Name(), err)
	}
	return answer(s, o.asJSON, savedAs(m, o.out, -1), "%s: %s of %d weights, look-ahead %d, written to %s", m.Name(), m.Kind(), m.Net().NumParams(), m.Lookahead(), o.out)
}

func readForeign(in, ext string, o *importOptions) (*model.Model, error) {
	b, err := model.ReadFile(in)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", in)
	}
	if err != nil {
		return nil, err
	}
	cfg := model.ImportConfig{Name: o.name, Default: model.NameOf(in)}
	from := model.FromONNX
	if ext == ".safetensors" {
		from = model.FromSafetensors
		if o.arch != "" {
			n, err := readNet(o.arch, 8)
			if err != nil {
				return nil, err
			}
			x, err := n.extra()
			if err != nil || x.Norm == nn.BatchNorm || len(n.Condition) > 0 {
				return nil, usageError("--arch: %s: %w", o.arch, cmp.Or(err, errors.New("batchnorm and a condition cannot be imported")))
			}
			n.size(1)
			cfg.Arch = func(channels int) nn.Spec { return n.spec(channels).With(x) }
		}
	}
	m, err := from(b, cfg)
	switch {
	case errors.Is(err, model.ErrNoArch):
		return nil, usageError("%s: %w: describe it by --arch FILE", in, model.ErrNoArch)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	return m, nil
}

// spec returns the bare network of so many channels in and out.
func (n *netFile) spec(channels int) nn.Spec {
	switch {
	case n.Layers != nil:
		return nn.Spec{In: channels, Window: n.Window, Layers: n.Layers}
	case n.Kind == "blindspot":
		return nn.BlindSpot(channels, channels, n.Channels, n.Taps, n.Dilations, *n.Lookahead)
	case n.Kind != "tcn":
		return nn.DAE(channels, channels, n.Widths, n.Taps, n.Latent)
	}
	return nn.TCN(channels, channels, n.Channels, n.Taps, n.Dilations, *n.Lookahead)
}
