package model

import (
	"embed"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// baseFiles are the models that come with the binary, base-L<look-ahead>.quell;
// base/MODEL_CARD.md tells what they are.
//
//go:embed base
var baseFiles embed.FS

// BaseVariants returns the look-aheads of the embedded base models, rising.
func BaseVariants() []int {
	var ls []int
	entries, err := baseFiles.ReadDir("base")
	if err != nil {
		panic("model: the base models are not embedded: " + err.Error())
	}
	for _, e := range entries {
		l, isBase := strings.CutPrefix(e.Name(), "base-L")
		l, isModel := strings.CutSuffix(l, ".quell")
		if n, err := strconv.Atoi(l); isBase && isModel && err == nil {
			ls = append(ls, n)
		}
	}
	slices.Sort(ls)
	return ls
}

// Base returns the embedded base model with the largest look-ahead of at most
// the given number of samples, or the one with the largest if lookahead is
// negative.
func Base(lookahead int) (*Model, error) {
	best := -1
	for _, l := range BaseVariants() {
		if l <= lookahead || lookahead < 0 {
			best = l
		}
	}
	if best < 0 {
		return nil, fmt.Errorf("model: no base model has a look-ahead of at most %d", lookahead)
	}
	b, err := baseFiles.ReadFile("base/base-L" + strconv.Itoa(best) + ".quell")
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return Decode(b)
}

// BaseWithin returns the look-ahead of the base model for a grid of the given
// rate: the largest that lasts no longer than maxDelay. With a maxDelay of 0 it
// is 8 samples where they last no longer than a second, else the largest that
// does. Where none is short enough it is the smallest there is; it is -1 where
// there are no base models.
func BaseWithin(maxDelay time.Duration, rateHz float64) int {
	most := math.MaxInt
	if maxDelay == 0 {
		maxDelay, most = time.Second, 8
	}
	best := -1
	for i, l := range BaseVariants() {
		// A grid at a learnt rate may be off by a rounding error.
		if i == 0 || l <= most && float64(l) <= maxDelay.Seconds()*rateHz*(1+1e-9) {
			best = l
		}
	}
	return best
}

// Bases are the embedded base models by their look-ahead, for those who choose
// one per series.
type Bases map[int]*Model

// LoadBases returns all embedded base models; there is at least one.
func LoadBases() (Bases, error) {
	all := Bases{}
	for _, l := range BaseVariants() {
		m, err := Base(l)
		if err != nil {
			return nil, err
		}
		all[l] = m
	}
	if len(all) == 0 {
		return nil, errors.New("model: this binary has no base model: name a .quell file")
	}
	return all, nil
}

// Within returns the model of BaseWithin.
func (b Bases) Within(maxDelay time.Duration, rateHz float64) *Model {
	return b[BaseWithin(maxDelay, rateHz)]
}
