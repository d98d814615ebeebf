package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// layersFile is the part of --arch that adds layers to a tcn or a dae.
type layersFile struct {
	Norm      string          `yaml:"norm"`      // batch or layer
	Dropout   float64         `yaml:"dropout"`   // rate
	Spatial   bool            `yaml:"spatial"`   // drop whole channels
	Condition model.Condition `yaml:"condition"` // what the net is told of a recording
}

// extra returns the layers to add to a tcn or a dae.
func (n *netFile) extra() (nn.Extra, error) {
	x := nn.Extra{Dropout: n.Dropout, Spatial: n.Spatial}
	switch n.Norm {
	case "":
	case "batch":
		x.Norm = nn.BatchNorm
	case "layer":
		x.Norm = nn.LayerNorm
	default:
		return x, fmt.Errorf("norm must be batch or layer, got %q", n.Norm)
	}
	if !(n.Dropout >= 0 && n.Dropout < 1) {
		return x, fmt.Errorf("dropout must be 0 up to, but not, 1, got %g", n.Dropout)
	}
	if n.Spatial && n.Dropout == 0 {
		return x, errors.New("spatial is about dropout: give it, too")
	}
	if n.Layers != nil && x != (nn.Extra{}) {
		return x, errors.New("norm and dropout are for tcn and dae: put them into the list of layers")
	}
	return x, n.Condition.Validate()
}

// with adds the layers to an architecture, or to a list of layers only the
// condition, for it has its own.
func (n *netFile) with(a train.Arch) (train.Arch, error) {
	x, err := n.extra()
	if err != nil {
		return a, err
	}
	if n.Layers != nil {
		a.Condition, a.Spec.Cond = n.Condition, n.Condition.Size()
		return a, nil
	}
	return a.With(x, n.Condition), nil
}

// sections reads the columns that say what is known of a recording, KEY=COL each:
// stretches of rows in which all of them are the same.
func sections(path string, keys []string) ([]train.Section, error) {
	var all []train.Section
	for _, p := range keys {
		key, column, ok := strings.Cut(p, "=")
		if !ok || key == "" || column == "" {
			return nil, usageError("--condition %s: want KEY=COL", p)
		}
		values, err := textColumn(path, column)
		if err != nil {
			return nil, err
		}
		all = split(all, key, values)
	}
	return all, nil
}

// split cuts sections, or one of all rows, where the value of a key changes. An
// empty value is unknown.
func split(sections []train.Section, key string, values []string) []train.Section {
	if sections == nil {
		sections = []train.Section{{To: len(values)}}
	}
	var out []train.Section
	for _, s := range sections {
		for from := s.From; from < s.To; {
			to := from + 1
			for to < s.To && values[to] == values[from] {
				to++
			}
			known := map[string]string{}
			for k, v := range s.Known {
				known[k] = v
			}
			if values[from] != "" {
				known[key] = values[from]
			}
			out = append(out, train.Section{From: from, To: to, Known: known})
			from = to
		}
	}
	return out
}
