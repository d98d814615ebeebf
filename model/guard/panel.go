package guard

import (
	"fmt"

	"github.com/quell-stream/quell/model/classic"
)

// Panel is the filters that a network of one look-ahead is compared with, and
// what all guards of one goroutine work on. It is not safe for concurrent use.
type Panel struct {
	lookahead int
	params    []classic.Params
	own       []float64 // weight of the own sample; of a median it is 1 where it passes the sample
	ranks     []bool    // medians
	filters   []classic.Filter
	out       []float64
	raw       []float64
}

// families are those whose settings are on a panel: they run on a stream, learn
// nothing, and it is known how much of an estimate is the sample's own doing.
var families = []string{classic.MovingAverageName, classic.SavitzkyGolayName, classic.MedianName, classic.KalmanName,
	classic.EMAName, classic.ButterworthName}

// NewPanel returns the panel of a look-ahead in samples.
func NewPanel(lookahead int) (*Panel, error) {
	if lookahead < 0 || lookahead > MaxLookahead {
		return nil, fmt.Errorf("guard: a look-ahead of %d; 0 to %d samples", lookahead, MaxLookahead)
	}
	p := &Panel{lookahead: lookahead}
	grid := []classic.Params{{Family: classic.IdentityName}}
	for _, f := range classic.FamiliesAt(lookahead) {
		for _, name := range families {
			if f.Name == name {
				grid = append(grid, f.Grid...)
			}
		}
	}
	for _, c := range grid {
		f, err := classic.NewFilter(c)
		if err != nil {
			return nil, fmt.Errorf("guard: %w", err)
		}
		own, linear := c.OwnWeight()
		if !linear && c.Family != classic.MedianName || f.Lookahead() > lookahead {
			continue
		}
		p.params, p.filters = append(p.params, c), append(p.filters, f)
		p.own, p.ranks = append(p.own, own), append(p.ranks, !linear)
	}
	return p, nil
}

// Lookahead returns the look-ahead in samples.
func (p *Panel) Lookahead() int { return p.lookahead }

// Params returns the settings of the filters, the identity first.
func (p *Panel) Params() []classic.Params { return append([]classic.Params(nil), p.params...) }

// run runs filter k over readings, NaN where one is missing, and returns of each
// part of the block that begins at slot from Σ (y-x̂)² and Σ ∂x̂/∂y. Missing
// readings don't count.
func (p *Panel) run(k int, ys []float64, from int) (squares, own [parts]float64) {
	f := p.filters[k]
	p.out = p.out[:0]
	for _, y := range ys {
		if x, ok := f.Push(y); ok {
			p.out = append(p.out, x)
		}
	}
	p.out = f.Finish(p.out)
	for i := range block {
		d := ys[from+i] - p.out[from+i]
		if d-d != 0 {
			continue
		}
		squares[i/part] += d * d
		if p.ranks[k] && d == 0 {
			own[i/part]++
		} else {
			own[i/part] += p.own[k]
		}
	}
	return squares, own
}
