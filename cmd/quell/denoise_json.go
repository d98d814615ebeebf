package main

import (
	"github.com/quell-stream/quell/pipeline/offline"
	"github.com/quell-stream/quell/window"
)

// denoised is what quell denoise --json tells.
type denoised struct {
	File      string             `json:"file"`
	Rows      int64              `json:"rows"`
	Fates     map[string]int64   `json:"fates"` // of readings; they add up to what came in
	Models    map[string]float64 `json:"models"`
	Lookahead *int               `json:"lookahead"` // null where a filter was asked for
	RateHz    *float64           `json:"rate_hz"`
	Channels  []denoisedChannel  `json:"channels"`
}

// denoisedChannel says for which share of the rows what served a channel, why, and
// which flags they have.
type denoisedChannel struct {
	Channel string             `json:"channel"`
	Methods map[string]float64 `json:"methods"`
	Reasons map[string]float64 `json:"reasons"`
	Flags   map[string]float64 `json:"flags"`
}

func denoisedOf(file string, rep *offline.Report) denoised {
	d := denoised{File: file, Rows: rep.Rows, Fates: map[string]int64{}, Models: map[string]float64{}, Channels: []denoisedChannel{}}
	for i, n := range rep.Fates {
		d.Fates[window.Fate(i).String()] = n
	}
	s := rep.Summary
	if s == nil {
		return d
	}
	d.Models, d.Lookahead = sharesOf(s.Models), &s.Lookahead
	if s.RateHz > 0 {
		d.RateHz = &s.RateHz
	}
	for i := range s.Channels {
		c := &s.Channels[i]
		d.Channels = append(d.Channels, denoisedChannel{c.Name, sharesOf(c.Methods), sharesOf(c.Reasons), sharesOf(c.Flags)})
	}
	return d
}

func sharesOf(all []offline.Share) map[string]float64 {
	m := make(map[string]float64, len(all))
	for _, s := range all {
		m[s.Name] = s.Share
	}
	return m
}
