package pipeline

import (
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// passThrough gives the first of the samples, of a series beyond MaxSeries, out as it
// is, in one record with those that follow it at the same time, and returns how many
// that are.
func (e *Engine) passThrough(part string, samples []ingest.Sample) int {
	first := &samples[0]
	r := sink.Record{Time: first.Time, Stream: e.cfg.Stream, Series: first.Series,
		Score: nan, Drift: "learning", Interval: e.cfg.Interval, TimeSource: first.TimeSource.String()}
	n := 0
	for n < len(samples) && samples[n].Series == first.Series && samples[n].Time == first.Time &&
		!slices.Contains(r.Channels, e.cfg.Channels[samples[n].Channel]) {
		v := sink.Value{Raw: nan, Clean: nan, Lo: nan, Hi: nan, Quality: sink.Bad, Method: "raw"}
		if s := &samples[n]; s.Missing == ingest.Present {
			v.Raw, v.Clean, v.Quality = s.Value, s.Value, sink.Uncertain
		}
		r.Channels, r.Values = append(r.Channels, e.cfg.Channels[samples[n].Channel]), append(r.Values, v)
		n++
	}
	e.spend(part, window.Raw, int64(n))
	e.out.Record(&r)
	return n
}
