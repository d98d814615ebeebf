package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/pipeline"
)

// knownNoise returns what --sigma or --noise says of the channels' noise, nil if
// neither is given.
func (o *denoiseOptions) knownNoise(s streams, channels []string) ([]pipeline.Noise, error) {
	switch {
	case o.noise != "":
		return recordedNoise(s, o.noise, channels)
	case len(o.sigma) > 0:
		return parseSigmas(o.sigma, channels)
	}
	return nil, nil
}

// parseSigmas reads deviations, of all channels or of a named one each.
func parseSigmas(args, channels []string) ([]pipeline.Noise, error) {
	out := make([]pipeline.Noise, len(channels))
	for _, a := range args {
		name, number, named := strings.Cut(a, "=")
		if !named {
			number = a
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !(v > 0 && v <= math.MaxFloat64) {
			return nil, usageError("--sigma %s: a deviation above 0 is needed, as X or CH=X", a)
		}
		if named && !slices.Contains(channels, name) {
			return nil, usageError("--sigma %s: no channel %s is denoised: there are %s", a, name, strings.Join(channels, ", "))
		}
		for i, c := range channels {
			if !named || c == name {
				out[i].Sigma = v
			}
		}
	}
	return out, nil
}

// leastColour is the autocorrelation below which recorded noise counts as white.
const leastColour = .05

// recordedNoise measures deviation and colour of recorded noise.
func recordedNoise(s streams, path string, channels []string) ([]pipeline.Noise, error) {
	t, err := readTable(s, path, "", channels)
	if err != nil {
		return nil, fmt.Errorf("--noise: %w", err)
	}
	out := make([]pipeline.Noise, len(channels))
	for i := range channels {
		x, ok := filled(t.cols[i])
		if !ok {
			return nil, fmt.Errorf("--noise: %s: column %s has no value", path, channels[i])
		}
		r, err := noise.NewRecorded(x)
		if err != nil {
			return nil, fmt.Errorf("--noise: %s: column %s: %w", path, channels[i], err)
		}
		out[i].Sigma = r.Sigma()
		if c := r.Autocovariance(1); c[0] > 0 && c[1] > leastColour*c[0] {
			out[i].Colour = min(c[1]/c[0], .99)
		}
	}
	return out, nil
}
