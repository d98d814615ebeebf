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

// mostPerChannel is the largest number of channels that have a net each if the
// file does not say.
const mostPerChannel = 16

// perChannel says whether so many channels have a net each.
func (n *netFile) perChannel(channels int) bool {
	if n.Encoders == "" {
		return channels > 1 && channels <= mostPerChannel && n.Kind == "tcn" && n.Layers == nil
	}
	return channels > 1 && n.Encoders == perChannel
}

// width returns the hidden channels of a tcn, of so many channels that are side
// by side.
func (n *netFile) width(beside int) int {
	if n.Channels > 0 {
		return n.Channels
	}
	return train.WidthBeside(24, beside)
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
