package pipeline

import (
	"math"
	"sync"
	"time"

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
		s.Fates[name] = w.shown[i].Load()
	}
	for _, state := range driftStates {
		s.Drift[state] = int64(number(m.driftSeries.WithLabelValues(w.name, state)))
	}
	s.Dead = 0
	for _, n := range deadByReason(m, w.name) {
		s.Dead += n
	}
	s.Latency = w.desk.latency.look(m.latency.WithLabelValues(w.name).(prometheus.Histogram), time.Now())
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

// latencies tell the quantiles of a histogram over the latest minute, as far as somebody
// has looked for so long: each look keeps what the histogram was. The zero value is ready.
type latencies struct {
	mu   sync.Mutex
	past []past60 // oldest first
}

// past60 is what a histogram was, at most about a minute ago.
type past60 struct {
	at    time.Time
	count []uint64 // by bucket, those below included; the total is the last
}

// keepEvery and keepFor are the times from one past that is kept to the next, and for
// how long.
const keepEvery, keepFor = 10 * time.Second, time.Minute

// look returns the median and the 99th percentile since the oldest past, as Prometheus's
// histogram_quantile does: evenly spread within a bucket. nil where there is nothing.
func (l *latencies) look(h prometheus.Histogram, now time.Time) *view.Quantiles {
	var d dto.Metric
	if h.Write(&d) != nil {
		return nil
	}
	var bounds []float64
	var count []uint64
	for _, b := range d.Histogram.Bucket {
		bounds, count = append(bounds, b.GetUpperBound()), append(count, b.GetCumulativeCount())
	}
	count = append(count, d.Histogram.GetSampleCount())
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.past) > 1 && now.Sub(l.past[1].at) >= keepEvery && now.Sub(l.past[0].at) > keepFor {
		l.past = l.past[1:]
	}
	if n := len(l.past); n == 0 || now.Sub(l.past[n-1].at) >= keepEvery {
		l.past = append(l.past, past60{now, count})
	}
	since := make([]uint64, len(count))
	if old := &l.past[0]; now.Sub(old.at) >= keepEvery {
		for i := range since {
			since[i] = count[i] - old.count[i]
		}
	}
	if since[len(since)-1] == 0 { // a first look, or a quiet minute: since the beginning
		since = count
	}
	if since[len(since)-1] == 0 {
		return nil
	}
	return &view.Quantiles{P50: quantile(bounds, since, .5), P99: quantile(bounds, since, .99)}
}

func quantile(bounds []float64, count []uint64, q float64) view.Number {
	rank := q * float64(count[len(count)-1])
	from, below := 0., 0.
	for i, bound := range bounds {
		n := float64(count[i])
		if n >= rank && n > below {
			return view.Number(from + (bound-from)*(rank-below)/(n-below))
		}
		from, below = bound, n
	}
	return view.Number(from) // beyond the last bound
}
