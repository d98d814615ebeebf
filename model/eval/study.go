package eval

// Study is all that was measured of one channel: at each noise level, for each
// seed, a row per method. The rows of all runs are the same, in order.
type Study struct {
	Channel string
	// Levels are the signal-to-noise ratios asked for, in dB; NaN where the
	// recording was noisy as it came.
	Levels []float64
	// Runs holds the models, then the filters of the table: [level][seed][row].
	Runs [][][]Result
	// Equal holds the filters tuned to look ahead no further than Limit samples;
	// nil where those of Runs are such filters already.
	Equal [][][]Result
	Limit int
}

// Results returns the rows of Runs, each score the median over the seeds, level
// by level.
func (s *Study) Results() []Result { return medians(s.Runs) }

// EqualResults is Results for Equal.
func (s *Study) EqualResults() []Result { return medians(s.Equal) }

func medians(runs [][][]Result) (out []Result) {
	for _, seeds := range runs {
		out = append(out, Median(seeds...)...)
	}
	return out
}
