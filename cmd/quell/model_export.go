package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/internal/atomicfile"
)

func modelExportCmd(s streams) *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export MODEL -o X.onnx|X.safetensors",
		Short: "Write a model as ONNX or safetensors",
		Long: `Write a model as ONNX (operator set 17, one input x [N,C,T] and output y) or
safetensors (the weights under their names). What lies around the network, such as
scaling and the inputs it wants, is in the metadata "quell" as JSON, so that quell
model import gives the same model again.`,
		Example: "  quell model export base -o base.onnx",
		Args:    exactly(1, "one model"),
		RunE:    func(_ *cobra.Command, args []string) error { return exportModel(s, args[0], out, asJSON) },
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "`file` to write, .onnx or .safetensors")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func exportModel(s streams, name, out string, asJSON bool) error {
	ext := strings.ToLower(filepath.Ext(out))
	switch {
	case out == "":
		return usageError("-o FILE is needed, ending in .onnx or .safetensors")
	case ext != ".onnx" && ext != ".safetensors":
		return usageError("-o %s: a file to export to ends in .onnx or .safetensors", out)
	}
	if err := notRead("-o", out, name); err != nil {
		return err
	}
	if err := checkOut(out); err != nil {
		return err
	}
	m, err := loadModel(name, anyLookahead)
	if err != nil {
		return err
	}
	encode := m.ONNX
	if ext == ".safetensors" {
		encode = m.Safetensors
	}
	b, err := encode()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(out, b, 0o644); err != nil {
		return err
	}
	return answer(s, asJSON, savedAs(m, out, int64(len(b))), "%s: %d weights, %d bytes, written to %s", m.Name(), m.Net().NumParams(), len(b), out)
}
