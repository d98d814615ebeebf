package train

import (
	"errors"
	"fmt"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
)

// The recordings that an int8 model is calibrated with are taken as they are
// and with white noise at these levels, so that what it will see lies within
// the ranges that are found whether the recordings are clean or not.
var calibrationSNRs = []float64{20, 10, 0}

// calibrationWindow is the number of samples that the net is run over at a time.
const calibrationWindow = 1024

// Quantize makes an int8 model of one that serves each channel by itself. It is
// calibrated with recordings of one channel each, scaled as the pipeline would
// scale them, as they are and with white noise added. lost marks missing samples
// of each and may be nil, as may its elements. The same input and seed give the
// same bytes. The error says if all recordings are too short, if the model
// serves several channels at once, or has 8-bit weights already.
func Quantize(m *model.Model, recordings [][]float64, lost [][]bool, seed uint64) (*model.Model, error) {
	if n := m.Header().Channels; n > 1 {
		return nil, fmt.Errorf("train: %s serves %d channels at once; this version makes int8 models of those that serve each channel by itself", m.Name(), n)
	}
	if m.Quantized() != nil {
		return nil, fmt.Errorf("train: %s is an int8 model already", m.Name())
	}
	var cols [][]model.Column
	samples := 0
	add := func(x []float64, lost []bool) {
		for _, w := range Windows(m, x, lost, calibrationWindow) {
			cols = append(cols, w.Cols)
		}
	}
	for i, x := range recordings {
		var gone []bool
		if lost != nil {
			gone = lost[i]
		}
		samples += len(x)
		add(x, gone)
		_, v := eval.Variance(x)
		if !(v > 0) {
			continue // there is no ratio to a signal that does not move
		}
		for k, snr := range calibrationSNRs {
			noisy, _ := eval.AddNoise(x, snr, eval.White, seed+uint64(i*len(calibrationSNRs)+k), v)
			add(noisy, gone)
		}
	}
	if len(cols) == 0 {
		return nil, errors.New("train: the recordings are too short to calibrate with: " +
			fmt.Sprintf("at least %d samples in a row are needed", 2*calibrationWindow))
	}
	return model.Quantize(m, cols, fmt.Sprintf("%d samples, as they are and with white noise at %v dB, seed %d", samples, calibrationSNRs, seed))
}
