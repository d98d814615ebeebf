package pipeline

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/window"
)

// About is what is told of a stream that the pipeline itself has no use for.
type About struct {
	Units       []string // of the channels, in their order
	Scope       string   // per-series or shared
	FalseAlarms string   // as configured
	Adapt       string   // off, shadow or auto
}

// counters fills in what the metrics know of the stream.
func (w *worker) counters(s *view.Stream) {
	m := w.met
	s.Messages = int64(number(m.ingestMessages.WithLabelValues(w.name)))
	s.Lag = view.Number(number(m.lag.WithLabelValues(w.name)))
	s.Journal = int64(number(m.journalBytes.WithLabelValues(w.name)))
	s.Fates, s.Drift = map[string]int64{}, map[string]int64{}
	for i := range (window.Fates{}) {
		name := window.Fate(i).String()
		s.Fates[name] = int64(number(m.samples.WithLabelValues(w.name, name)))
	}
	for _, state := range driftStates {
		s.Drift[state] = int64(number(m.driftSeries.WithLabelValues(w.name, state)))
	}
	s.Dead = 0
	for _, n := range deadByReason(m, w.name) {
		s.Dead += n
	}
	s.Latency = quantiles(m.latency.WithLabelValues(w.name).(prometheus.Histogram))
}

var driftStates = []string{"learning", "normal", "warning", "noise", "regime", "fault", "unknown"}

// Sinks returns the sinks of the pipeline, the dead letter last.
func (p *Pipeline) Sinks() []view.Sink {
	var all []view.Sink
	for _, o := range append(p.sinks(), p.dead) {
		s := view.Sink{Name: o.cfg.Name, Type: o.cfg.Type, Required: o.cfg.Required, Dropped: o.dropped.Load(), Pending: int64(len(o.queue))}
		s.Records = int64(number(o.met.sinkRecords.WithLabelValues(o.cfg.Name)))
		s.Retries = int64(number(o.met.sinkRetries.WithLabelValues(o.cfg.Name)))
		if q := o.spill.queue; q != nil {
			s.Pending += q.Len()
		}
		all = append(all, s)
	}
	return all
}

// number returns the value of a counter or a gauge.
func number(m prometheus.Metric) float64 {
	var d dto.Metric
	if m.Write(&d) != nil {
		return math.NaN()
	}
	if d.Counter != nil {
		return d.Counter.GetValue()
	}
	return d.Gauge.GetValue()
}

// deadByReason returns the dead letters of a stream, of all where it is "", by reason.
func deadByReason(m *Metrics, stream string) map[string]int64 {
	all := make(chan prometheus.Metric, 16)
	go func() { m.deadLetter.Collect(all); close(all) }()
	count := map[string]int64{}
	for one := range all {
		var d dto.Metric
		if one.Write(&d) != nil {
			continue
		}
		label := map[string]string{}
		for _, l := range d.Label {
			label[l.GetName()] = l.GetValue()
		}
		if stream == "" || label["stream"] == stream {
			count[label["reason"]] += int64(d.Counter.GetValue())
		}
	}
	return count
}

// quantiles reads the median and the 99th percentile off a histogram, as Prometheus's
// histogram_quantile does: evenly spread within a bucket. nil where it is empty.
func quantiles(h prometheus.Histogram) *view.Quantiles {
	var d dto.Metric
	if h.Write(&d) != nil || d.Histogram.GetSampleCount() == 0 {
		return nil
	}
	return &view.Quantiles{P50: quantile(d.Histogram, .5), P99: quantile(d.Histogram, .99)}
}

func quantile(h *dto.Histogram, q float64) view.Number {
	rank := q * float64(h.GetSampleCount())
	from, below := 0., 0.
	for _, b := range h.Bucket {
		n := float64(b.GetCumulativeCount())
		if n >= rank {
			return view.Number(from + (b.GetUpperBound()-from)*(rank-below)/(n-below))
		}
		from, below = b.GetUpperBound(), n
	}
	return view.Number(from) // beyond the last bound
}
