package train

import (
	"errors"

	"github.com/quell-stream/quell/model"
)

// Soup returns the model whose weights are the mean, by the given shares, of those
// of several that were tuned from one (Wortsman et al., "Model soups: averaging
// weights of multiple fine-tuned models improves accuracy without increasing
// inference time", 2022), or of what was tuned and what it was tuned from (Wortsman
// et al., "Robust fine-tuning of zero-shot models", 2022). It is about as good as the
// mean of what they say, as long as they have not gone far from each other. All but
// the weights is the last one's. The error says that they are not of one shape.
func Soup(shares []float64, models ...*model.Model) (*model.Model, error) {
	if len(models) == 0 || len(shares) != len(models) {
		return nil, errors.New("train: soup: give some models, and a share for each")
	}
	all := 0.
	for _, s := range shares {
		all += s
	}
	last := models[len(models)-1]
	net := last.Net().Clone()
	mean := values(net)
	for _, p := range mean {
		clear(p)
	}
	for k, m := range models {
		other, share := values(m.Net()), float32(shares[k]/all)
		if len(other) != len(mean) {
			return nil, errSoup
		}
		for i, p := range mean {
			if len(other[i]) != len(p) {
				return nil, errSoup
			}
			for j, v := range other[i] {
				p[j] += share * v
			}
		}
	}
	return model.New(last.Header(), net)
}

var errSoup = errors.New("train: soup: the models are not of one shape: give copies of one that were tuned")
