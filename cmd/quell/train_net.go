package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// netFile is what --arch reads: one of the architectures by its few
// numbers, or by a list of layers in their place.
type netFile struct {
	Kind      string         `yaml:"kind"` // tcn, dae or blindspot: what goes in and what comes out; stacked: a dae, pretrained layer by layer
	Channels  int            `yaml:"channels"`
	Taps      int            `yaml:"taps"`
	Dilations []int          `yaml:"dilations"`
	Lookahead *int           `yaml:"lookahead"` // goes before --lookahead
	Widths    []int          `yaml:"widths"`
	Latent    int            `yaml:"latent"`
	Pretrain  int            `yaml:"pretrain"` // of a stacked: updates per layer
	Layers    []nn.LayerSpec `yaml:"layers"`
	Encoders  encoders       `yaml:"encoders"` // of several channels
	Window    int            `yaml:"window"`   // of a list with a dense layer, which can be imported only

	layersFile `yaml:",inline"`
}

// unknownKey is what the decoder says of a key that it does not know.
var unknownKey = regexp.MustCompile(`field (\S+) not found in type (?s:.*)`)

// noMap is what the decoder says of a file that is no map of keys, such as a recording.
var noMap = regexp.MustCompile(`cannot (?:unmarshal|construct) \S+ .*into (?s:struct.*)`)

// plainYAML takes the names of Go types out of an error of decoding.
func plainYAML(err error) error {
	if noMap.MatchString(err.Error()) {
		return errors.New("holds no keys: want YAML or JSON such as channels: [8, 16]")
	}
	return errors.New(unknownKey.ReplaceAllString(err.Error(), `there is no key "$1"`))
}

// readNet reads the file of --arch, and without one what is the default. The
// look-ahead counts where the file names none.
func readNet(path string, lookahead int) (*netFile, error) {
	var data []byte
	if path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("--arch: %w", err)
		}
	}
	return parseNet(path, data, lookahead)
}

// parseNet reads the content of a file of --arch, without a path the default.
func parseNet(path string, data []byte, lookahead int) (*netFile, error) {
	n := &netFile{Kind: "tcn", Lookahead: &lookahead}
	if path != "" {
		if err := yaml.Load(data, n, yaml.WithKnownFields()); err != nil {
			return nil, fmt.Errorf("--arch: %s: %w", path, plainYAML(err))
		}
	}
	if n.Taps == 0 {
		n.Taps = 5
		if n.Kind == "blindspot" {
			n.Taps = 3 // to each side
		}
	}
	if n.Encoders != "" && n.Encoders != perChannel && n.Encoders != sharedOnes {
		return nil, fmt.Errorf("--arch: %s: encoders must be per-channel or shared, got %q", path, n.Encoders)
	}
	switch n.Kind {
	case "tcn", "blindspot":
		if n.Dilations == nil {
			n.Dilations = []int{1, 2, 4, 8, 16, 32}
		}
		if n.Channels < 0 || n.Taps < 1 || *n.Lookahead < fullLookahead || slices.Min(append([]int{1}, n.Dilations...)) < 1 {
			return nil, fmt.Errorf("--arch: %s: channels, taps and dilations must be positive, and lookahead at least 0 (or -1: as far as back)", path)
		}
	case "dae", "stacked":
		if n.Kind == "stacked" && n.Pretrain == 0 {
			n.Pretrain = 200
		}
		if n.Latent < 0 || n.Taps < 1 || n.Pretrain < 0 || slices.Min(append([]int{1}, n.Widths...)) < 1 {
			return nil, fmt.Errorf("--arch: %s: widths, taps, latent and pretrain must be positive", path)
		}
	default:
		return nil, fmt.Errorf("--arch: %s: kind must be tcn, dae, stacked or blindspot, got %q", path, n.Kind)
	}
	if n.Pretrain > 0 && n.Kind != "stacked" {
		return nil, fmt.Errorf("--arch: %s: pretrain is for nets of kind stacked", path)
	}
	return n, nil
}

// architecture returns the net to train for so many channels, or for one of them
// where each has a net, and how many updates each layer gets before.
func (o *trainOptions) architecture(channels int) (a train.Arch, pretrain int, err error) {
	n, err := readNet(o.arch, int(o.lookahead))
	if err != nil {
		return a, 0, err
	}
	if n.Window != 0 {
		return a, 0, fmt.Errorf("--arch: %s: window: a net of a fixed window can be imported, but not trained by this version", o.arch)
	}
	if o.aheadSet && (n.Kind == "dae" || n.Kind == "stacked") {
		return a, 0, usageError("--lookahead: that of a net of kind %s follows from its widths and taps; leave it out", n.Kind)
	}
	if a, err = n.arch(channels); err != nil {
		return a, 0, fmt.Errorf("--arch: %s: %w", o.arch, err)
	}
	return a, n.Pretrain, nil
}
