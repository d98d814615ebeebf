package guard

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/floor"
	"github.com/quell-stream/quell/model/classic"
)

// Panel is the filters that a network of one look-ahead is compared with, and
// what all guards of one goroutine work on. It is not safe for concurrent use.
type Panel struct {
	lookahead int
	params    []classic.Params
	own       []float64        // weight of the own sample; of a median it is 1 where it passes the sample
	ranks     []bool           // medians
	filters   []classic.Filter // nil for Wiener filters, which each channel learns for itself
	lags      int              // that those need to know the autocovariance of
	out       []float64
	owns      []float64 // by slot, where many readings are missing
	raw       []float64
	sums      []float64   // of an impulse response
	taps      [][]float64 // impulse responses, see tapsOf
	phi       []float64   // of a mixer
	factor    []float64   // what it solves with
	spectra   *floor.Spectra
	print     uint64 // of the filters, see fingerprint
}

// families are those whose settings are on a panel: they run on a stream, and it
// is known how much of an estimate is the sample's own doing.
var families = []string{classic.MovingAverageName, classic.SavitzkyGolayName, classic.MedianName, classic.KalmanName,
	classic.EMAName, classic.ButterworthName, classic.WienerName}

// mostOwn is the largest weight of the own sample. Beside gaps it may be larger, but the
// rest counts for leastRest at least.
const (
	mostOwn   = .99
	leastRest = 1e-3
)

// NewPanel returns the panel of a look-ahead in samples.
func NewPanel(lookahead int) (*Panel, error) {
	if lookahead < 0 || lookahead > MaxLookahead {
		return nil, fmt.Errorf("guard: a look-ahead of %d; 0 to %d samples", lookahead, MaxLookahead)
	}
	p := &Panel{lookahead: lookahead, phi: make([]float64, mixed(lookahead)), spectra: floor.NewSpectra(block)}
	grid := []classic.Params{{Family: classic.IdentityName}}
	for _, f := range classic.FamiliesAt(lookahead) {
		for _, name := range families {
			if f.Name == name {
				grid = append(grid, f.Grid...)
			}
		}
	}
	for _, c := range grid {
		if c.Family == classic.WienerName {
			p.params, p.filters = append(p.params, c), append(p.filters, nil)
			p.own, p.ranks = append(p.own, 0), append(p.ranks, false)
			p.lags = max(p.lags, c.Window)
			continue
		}
		f, err := classic.NewFilter(c)
		if err != nil {
			return nil, fmt.Errorf("guard: %w", err)
		}
		own, linear := c.OwnWeight()
		// One that passes the sample on as it is foretells nothing.
		if !linear && c.Family != classic.MedianName || f.Lookahead() > lookahead || own > mostOwn && c.Family != classic.IdentityName {
			continue
		}
		p.params, p.filters = append(p.params, c), append(p.filters, f)
		p.own, p.ranks = append(p.own, own), append(p.ranks, !linear)
	}
	p.print = fingerprint(p.params)
	return p, nil
}

// Params returns the settings of the filters, the identity first, Wiener filters
// before they have learnt.
func (p *Panel) Params() []classic.Params { return append([]classic.Params(nil), p.params...) }

// made is what a filter makes of each part of a block: sums over the readings
// that are there.
type made struct {
	squares [parts]float64 // Σ (y-x̂)²
	own     [parts]float64 // Σ ∂x̂/∂y
	alone   [parts]float64 // Σ (y-x̂)² of the filter without the sample itself
}

// run runs a filter, number k or a Wiener filter as learnt, over readings, NaN
// where one is missing, and returns what it makes of the block that begins at
// slot from. No reading counts as more than most off.
func (p *Panel) run(k int, learnt classic.Params, ys []float64, from int, most float64) (m made) {
	f, own := p.filters[k], p.own[k]
	if f == nil {
		f = newFilter(learnt)
		own, _ = learnt.OwnWeight()
	}
	gaps := k > 0 && gappy(ys[from:][:block])
	if gaps && !p.ranks[k] {
		if learnt.Family == "" {
			learnt = p.params[k]
		}
		m.addGappy(p, f, learnt, ys, from, most)
		return m
	}
	if p.ranks[k] && !gaps {
		if mid, below, above, ok := classic.MedianOver(p.out, f, ys, from, block); ok {
			p.out = mid
			for i, x := range mid {
				m.addMedian(i, ys[from+i], x, below[i], above[i], most)
			}
			return m
		}
	}
	p.out = classic.Over(p.out, f, ys, from, block)
	if gaps {
		m.addGappyMedian(p, ys, from, p.params[k].Window, f.Lookahead(), most)
	} else if p.ranks[k] {
		m.addMedians(ys, p.out, from, p.params[k].Window, f.Lookahead(), most)
	} else {
		m.addLinear(ys[from:], p.out, own, most)
	}
	return m
}

// gappy says whether so many readings are missing that the weights of the others are not
// what they are among all.
func gappy(ys []float64) bool {
	n := 0
	for _, y := range ys {
		if y-y != 0 {
			n++
		}
	}
	return n > mostGaps
}

// addGappy takes what a linear filter makes of the block of readings that begins at slot
// from, where many are missing: one before a gap, or after it, has more weight in its own
// estimate, since it stands for what is missing.
func (m *made) addGappy(p *Panel, f classic.Filter, c classic.Params, ys []float64, from int, most float64) {
	p.out = classic.Over(p.out, f, ys, 0, len(ys))
	p.owns = append(p.owns[:0], ys...)
	classic.Divergence(p.owns, ys, p.out, c)
	for i, y := range ys[from:][:block] {
		d, own := y-p.out[from+i], p.owns[from+i]
		if d-d != 0 {
			continue
		}
		at := i / part
		near := cut(d, most)
		m.squares[at] += near * near
		m.own[at] += own
		alone := cut(d/max(1-own, leastRest), most)
		m.alone[at] += alone * alone
	}
}

// addLinear takes a block of readings and what a linear filter with that weight of the own
// sample makes of it.
func (m *made) addLinear(ys, xs []float64, own, most float64) {
	rest := 1 - own
	for at := range parts {
		ys, xs := ys[at*part:][:part], xs[at*part:][:part]
		var squares, owns, alones float64
		for i, y := range ys {
			d := y - xs[i]
			if d-d != 0 {
				continue
			}
			near, alone := cut(d, most), cut(d/rest, most)
			squares += near * near
			owns += own
			alones += alone * alone
		}
		m.squares[at], m.own[at], m.alone[at] = squares, owns, alones
	}
}

// addGappyMedian does so of the median of a window, in which the reading before stands for
// a missing one. A reading that nothing else foretells is one foretold wrongly.
func (m *made) addGappyMedian(p *Panel, ys []float64, from, window, ahead int, most float64) {
	held := p.owns[:0]
	for i, y := range ys {
		if y-y != 0 && i > 0 {
			y = held[i-1]
		}
		held = append(held, y)
	}
	p.owns = held
	others := make([]float64, 0, window)
	for i, x := range p.out {
		t := from + i
		y := ys[t]
		d := y - x
		if d-d != 0 {
			continue
		}
		at := i / part
		near := cut(d, most)
		m.squares[at] += near * near
		if d == 0 {
			m.own[at]++
		}
		next := t + 1 // reading
		for next < len(ys) && ys[next]-ys[next] != 0 {
			next++
		}
		last := min(t+ahead, len(ys)-1)
		others = others[:0]
		for j := max(0, last-window+1); j <= last; j++ {
			if v := held[j]; (j < t || j >= next) && v-v == 0 {
				others = append(others, v)
			}
		}
		e := most
		if n := len(others); n > 0 {
			slices.Sort(others)
			e = cut(y-(others[(n-1)/2]+others[n/2])/2, most)
		}
		m.alone[at] += e * e
	}
}

// addMedians takes the block of readings that begins at slot from, and what the median of
// a window makes of it.
func (m *made) addMedians(ys, xs []float64, from, window, ahead int, most float64) {
	for i, x := range xs {
		y := ys[from+i]
		if d := y - x; d-d != 0 {
			continue
		}
		last := min(from+i+ahead, len(ys)-1)
		first := max(0, last-window+1)
		below, above := beside(ys[first:last+1], x)
		m.addMedian(i, y, x, below, above, most)
	}
}

// addMedian takes reading i of a block, the median of its window, and the values in it next
// to that. The median without the reading is the mean of it and of its neighbour on the side
// away from the reading, or, where the reading is the median, of both neighbours.
func (m *made) addMedian(i int, y, x, below, above, most float64) {
	at, d := i/part, y-x
	near := cut(d, most)
	m.squares[at] += near * near
	if d == 0 {
		m.own[at]++
	}
	if y > x {
		above = x
	}
	if y < x {
		below = x
	}
	alone := x
	if !math.IsInf(above, 1) && !math.IsInf(below, -1) {
		alone = (above + below) / 2
	}
	e := cut(y-alone, most)
	m.alone[at] += e * e
}

// beside returns the values of a window next to its median x, -Inf and +Inf where there is
// none that is less, or more.
func beside(window []float64, x float64) (below, above float64) {
	below, above = math.Inf(-1), math.Inf(1)
	for _, v := range window {
		if v > x && v < above {
			above = v
		}
		if v < x && v > below {
			below = v
		}
	}
	return below, above
}

// ownOf returns the weight of the own sample in a filter's estimate, NaN where it
// hangs on the readings.
func ownOf(p classic.Params) float64 {
	if own, linear := p.OwnWeight(); linear {
		return own
	}
	return math.NaN()
}

// newFilter returns the filter of settings that are known to be right.
func newFilter(p classic.Params) classic.Filter {
	f, err := classic.NewFilter(p)
	if err != nil {
		panic("guard: a filter of the panel: " + err.Error())
	}
	return f
}
