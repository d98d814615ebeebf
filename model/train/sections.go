package train

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
)

// Section is a stretch of a recording of which something is known.
type Section struct {
	From, To int               // samples, To not included
	Known    map[string]string // by the keys of Arch.Condition; what is left out is unknown
}

// untold is the share of windows that are trained on as if nothing were known of
// them, so that the net can do with nothing, too (as Ho and Salimans,
// "Classifier-Free Diffusion Guidance", 2022, algorithm 1, have it).
const untold = .1

// place is a stretch that pieces are cut from.
type place struct {
	eval.Range
	cond  []float32 // nil where nothing is told
	known map[string]string
}

// placesOf returns where in a part of a recording pieces of n samples can be cut:
// in all of it, or within its sections, if there are any.
func placesOf(sections []Section, c model.Condition, part eval.Range, n int) ([]place, error) {
	if sections == nil {
		return []place{{Range: part}}, nil
	}
	var all []place
	for i, s := range sections {
		cond, err := c.Vector(s.Known)
		if err != nil {
			return nil, fmt.Errorf("train: section %d: %w", i, err)
		}
		r := eval.Range{From: max(s.From, part.From), To: min(s.To, part.To)}
		if r.To-r.From >= n {
			all = append(all, place{r, cond, s.Known})
		}
	}
	if all == nil {
		return nil, fmt.Errorf("train: no section has %d samples among %d to %d", n, part.From, part.To-1)
	}
	return all, nil
}

// cut returns where a piece of n samples begins, each of them as likely, and the
// place that it is in.
func (p *pairs) cut(n int, rng *rand.Rand) (start int, at *place) {
	if p.piece > 0 {
		return p.part.From + begin(rng, p.part.Len(), p.piece, n), &p.places[0]
	}
	total := 0
	for i := range p.places {
		total += p.places[i].Len() - n + 1
	}
	k := rng.IntN(total)
	for i := range p.places {
		at = &p.places[i]
		starts := at.Len() - n + 1
		if k < starts {
			break
		}
		k -= starts
	}
	return at.From + k, at
}

// checkSections says whether sections and architecture go together.
func (c *SupervisedConfig) checkSections() error {
	told := len(c.Arch.Condition) > 0
	switch {
	case told && c.Sections == nil:
		return errors.New("train: the net takes a condition: say in which sections of the recording which one holds")
	case !told && c.Sections != nil:
		return errors.New("train: sections with a condition; the net takes none")
	}
	for i, s := range c.Sections {
		if s.From < 0 || s.To > len(c.Clean[0]) || s.From >= s.To {
			return fmt.Errorf("train: section %d of %d to %d in %d samples", i, s.From, s.To, len(c.Clean[0]))
		}
	}
	return nil
}
