package adapt

import (
	"errors"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// An int8 model is refused at the start, not when it is to be trained.
func TestInt8IsRefused(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 4096)
	for i := range x {
		x[i] = float64(i % 7)
	}
	q, err := train.Quantize(m, [][]float64{x}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*model.Model{m, q} {
		a, err := New(Config{Mode: Shadow, Channels: 1, Model: m})
		if refused := m == q; refused != errors.Is(err, model.ErrInt8) {
			t.Errorf("%s: %v", m.Name(), err)
		}
		if a != nil {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
