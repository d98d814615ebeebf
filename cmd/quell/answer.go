package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
)

// jsonFlag adds --json to a verb that has something to tell.
func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON")
}

// answer tells what a verb has done: in a sentence, or the same as JSON.
func answer(s streams, asJSON bool, is any, format string, args ...any) error {
	if asJSON {
		return json.NewEncoder(s.out).Encode(is)
	}
	_, err := fmt.Fprintf(s.out, format+"\n", args...)
	return err
}

// savedModel is a model in a file, as JSON.
type savedModel struct {
	Model      string            `json:"model"`
	From       string            `json:"from,omitempty"`
	Condition  map[string]string `json:"condition,omitempty"`
	Kind       string            `json:"kind"`
	Weights    int               `json:"weights"`
	Lookahead  int               `json:"lookahead"`
	Streamable bool              `json:"streamable"` // it runs sample by sample
	File       string            `json:"file"`
	Bytes      int64             `json:"bytes"`
}

// savedAs tells of a model in a file of so many bytes; below 0 the file is asked.
func savedAs(m *model.Model, file string, bytes int64) savedModel {
	if bytes < 0 {
		if info, err := os.Stat(file); err == nil {
			bytes = info.Size()
		}
	}
	return savedModel{Model: m.Name(), Kind: string(m.Kind()), Weights: m.Net().NumParams(), Lookahead: m.Lookahead(),
		Streamable: m.Header().Spec.Streamable() == nil, File: file, Bytes: bytes}
}
