package view

import (
	"maps"
	"slices"
)

// Decimate returns at most about most points of p: of each bucket of slots the two where
// the raw value of the first channel is least and largest, with all that belongs to
// them, in order. So peaks stay what they are. Points that revise others are kept. p
// itself is returned where it is short enough.
func (p *Points) Decimate(most int) *Points {
	n := len(p.TimeMS)
	if n <= most || most < 2 || len(p.Channels) == 0 {
		return p
	}
	lead := p.Channels[slices.Min(slices.Collect(maps.Keys(p.Channels)))]
	buckets := most / 2
	keep := make([]int, 0, most)
	for b := range buckets {
		from, to := b*n/buckets, (b+1)*n/buckets
		keep = p.ends(keep, lead.Raw, from, to)
	}
	return p.only(keep)
}

// ends appends the points of a bucket that are kept.
func (p *Points) ends(keep []int, raw []Number, from, to int) []int {
	lo, hi := -1, -1
	for i := from; i < to; i++ {
		if !raw[i].Known() {
			continue
		}
		if lo < 0 || raw[i] < raw[lo] {
			lo = i
		}
		if hi < 0 || raw[i] > raw[hi] {
			hi = i
		}
	}
	for i := from; i < to; i++ {
		if i == lo || i == hi || p.Rev[i] > 0 || lo < 0 && i == from {
			keep = append(keep, i)
		}
	}
	return keep
}

// only returns the points with these numbers.
func (p *Points) only(keep []int) *Points {
	q := &Points{Channels: make(map[string]*Lines, len(p.Channels)), TimeMS: pick(p.TimeMS, keep), Score: pick(p.Score, keep),
		Stat: pick(p.Stat, keep), Threshold: pick(p.Threshold, keep), Drift: pick(p.Drift, keep), Rev: pick(p.Rev, keep), Epoch: pick(p.Epoch, keep)}
	for name, l := range p.Channels {
		q.Channels[name] = &Lines{Raw: pick(l.Raw, keep), Clean: pick(l.Clean, keep), Lo: pick(l.Lo, keep), Hi: pick(l.Hi, keep),
			Method: pick(l.Method, keep), Quality: pick(l.Quality, keep)}
	}
	return q
}

func pick[T any](all []T, keep []int) []T {
	out := make([]T, len(keep))
	for i, k := range keep {
		out[i] = all[k]
	}
	return out
}
