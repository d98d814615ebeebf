package main

import (
	"fmt"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// encoders say how a net of several channels begins.
type encoders string

const (
	perChannel encoders = "per-channel" // a net for each, side by side, of what the file describes
	sharedOnes encoders = "shared"      // one net that reads all channels in its first layer
)

// arch returns the net for so many channels, or that of one of them where each has
// one: if the file does not say, where it names no layers and the whole is not too
// large.
func (n *netFile) arch(channels int) (train.Arch, error) {
	if channels > 1 && (n.Encoders == perChannel || n.Encoders == "" && n.Layers == nil) {
		a, err := n.sized(1, channels)
		if err == nil {
			_, err = a.Beside(channels)
		}
		if err == nil || n.Encoders == perChannel {
			return a, err
		}
	}
	return n.sized(channels, 1)
}

// sized returns the net for so many channels, of which there will be so many side by
// side.
func (n *netFile) sized(channels, beside int) (train.Arch, error) {
	file := *n
	file.size(beside)
	signals := channels
	if channels == 1 {
		signals = 0
	}
	var a train.Arch
	switch file.Kind {
	case "tcn":
		a = train.TCNArch(signals, file.Channels, file.Taps, file.Dilations, *file.Lookahead)
	case "blindspot":
		a = train.BlindArch(signals, file.Channels, file.Taps, file.Dilations, *file.Lookahead)
	default: // its look-ahead follows from widths and taps
		a = train.DAEArch(channels, file.Widths, file.Taps, file.Latent)
	}
	if file.Layers != nil {
		a.Spec = nn.Spec{In: a.Spec.In, Layers: file.Layers}
		a.Spread = a.Spread && a.Spec.OutChannels() == 2*channels
	}
	a, err := file.with(a)
	if err != nil {
		return a, err
	}
	return a, checkShape(a, channels)
}

// size fills in the widths that the file does not say, of a net that is one of so
// many side by side.
func (n *netFile) size(beside int) {
	if n.Channels == 0 {
		n.Channels = train.WidthBeside(24, beside)
	}
	if n.Widths == nil {
		n.Widths = []int{train.WidthBeside(16, beside), train.WidthBeside(32, beside)}
	}
	if n.Latent == 0 {
		n.Latent = train.WidthBeside(8, beside)
	}
}

// checkShape finds what a net makes of so many channels that cannot be trained.
func checkShape(a train.Arch, channels int) error {
	net, err := nn.New(a.Spec, 0)
	if err != nil {
		return err
	}
	const window = 512
	got := len(net.NewRunner(window).Run(nil, make([]float32, window*a.Spec.In)))
	want := window * channels
	if a.Spread {
		want *= 2
	}
	if got != want {
		return fmt.Errorf("%d samples of %d channels come out as %d values; there must be one for each", window, channels, got)
	}
	return nil
}
