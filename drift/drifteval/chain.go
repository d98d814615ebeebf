package drifteval

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/model/train"
)

// A sentinel sees windows of 32 samples and is fitted to the first 1,024, as in
// quell run.
const (
	sentinelWindow = 32
	sentinelFit    = 1024
)

// chain is all that watches a series, of one channel of raw samples.
type chain struct {
	cfg     monitor.Config
	feed    *monitor.Feed
	watch   *monitor.Watch
	raw     [1]float64
	missing [1]bool
	index   int64
}

// newChain fits a sentinel to the first samples of a series.
func newChain(cfg monitor.Config, next func() float64, seed uint64) (*chain, error) {
	x := make([]float64, sentinelFit)
	for i := range x {
		x[i] = next()
	}
	mean, dev := meanDev(x)
	var windows [][]float32
	for from := 0; from+sentinelWindow <= len(x); from += 8 {
		w := make([]float32, 2*sentinelWindow) // [window][value, mask]
		for t := range sentinelWindow {
			w[2*t] = float32((x[from+t] - mean) / dev)
		}
		windows = append(windows, w)
	}
	net, err := train.Sentinel(windows, 1, seed)
	if err != nil {
		return nil, fmt.Errorf("drifteval: %w", err)
	}
	r := &chain{cfg: cfg, feed: monitor.NewFeed(1, cfg.Hop)}
	r.feed.Sentinel = monitor.NewSentinel(net, []float64{mean}, []float64{dev}, sentinelWindow, cfg.Hop)
	r.restart()
	return r, nil
}

func meanDev(x []float64) (mean, dev float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		dev += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(dev)
}

// restart lets everything be learnt again; the sentinel stays.
func (r *chain) restart() {
	r.watch = monitor.NewWatch(r.cfg)
	r.watch.Feed = r.feed
}

// push takes a sample and returns what is said after it.
func (r *chain) push(x float64) monitor.Decision {
	r.raw[0] = x
	d, _ := r.watch.Push(r.index, r.index*int64(r.cfg.Every), r.raw[:], r.missing[:])
	r.index++
	return d
}

// learn feeds samples until the monitor has learnt.
func (r *chain) learn(next func() float64) {
	for !r.watch.Learnt() {
		r.push(next())
	}
}

// bytes returns how much a snapshot takes.
func (r *chain) bytes() int {
	return len(r.watch.AppendState(r.feed.Sentinel.AppendState(r.feed.Extract[0].AppendState(nil))))
}
