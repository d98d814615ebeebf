package pipeline

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the counters of one process, on a registry of their own. Labels
// are stream, sink, reason, state, fate and model; never a series.
type Metrics struct {
	ingestMessages *prometheus.CounterVec
	samples        *prometheus.CounterVec
	pending        *prometheus.GaugeVec
	sinkRecords    *prometheus.CounterVec
	sinkRetries    *prometheus.CounterVec
	sinkCircuit    *prometheus.GaugeVec
	spoolBytes     *prometheus.GaugeVec
	spoolItems     *prometheus.GaugeVec
	spoolLimit     *prometheus.GaugeVec
	sourceUp       *prometheus.GaugeVec
	sinkUp         *prometheus.GaugeVec
	dropped        *prometheus.CounterVec
	deadLetter     *prometheus.CounterVec
	muted          *prometheus.CounterVec
	provisional    *prometheus.CounterVec
	revised        *prometheus.CounterVec
	evicted        *prometheus.CounterVec
	series         *prometheus.GaugeVec
	seriesLimit    *prometheus.GaugeVec
	lag            *prometheus.GaugeVec
	behind         *prometheus.GaugeVec
	latency        *prometheus.HistogramVec
	driftSeries    *prometheus.GaugeVec
	modelInfo      *prometheus.GaugeVec
	journalBytes   *prometheus.GaugeVec
	journalLimit   *prometheus.GaugeVec
	checkpoints    *prometheus.CounterVec

	fates fateCounts
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "quell_latency_seconds",
		Help:    "Time from taking a message off the source to its records being durable in every required sink or its spool.",
		Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30},
	}, []string{"stream"})
	reg.MustRegister(latency)
	m := &Metrics{
		ingestMessages: counter("quell_ingest_messages_total", "Messages taken off the source.", "stream"),
		samples:        counter("quell_samples_total", "Input samples by what became of them; raw: the reading of a record, denoised or not. With those pending they add up to what came in.", "stream", "fate"),
		pending:        gauge("quell_samples_pending", "Input samples whose fate is open: they wait for later ones, or for the look-ahead.", "stream"),
		sinkRecords:    counter("quell_sink_records_total", "Records and events made durable by a sink.", "sink"),
		sinkRetries:    counter("quell_sink_retries_total", "Attempts to write that followed a failed one.", "sink"),
		sinkCircuit:    gauge("quell_sink_circuit", "1 for the state that the sink's circuit is in: closed, open (left alone after a failure) or half_open (being tried).", "sink", "state"),
		spoolBytes:     gauge("quell_spool_bytes", "Size on disk of what waits for the sink in its spool.", "sink"),
		spoolItems:     gauge("quell_spool_items", "Records and events that wait for the sink in its spool.", "sink"),
		spoolLimit:     gauge("quell_spool_limit_bytes", "How large the spool of the sink may become.", "sink"),
		sourceUp:       gauge("quell_source_up", "1 while the source of the stream is up.", "stream"),
		sinkUp:         gauge("quell_sink_up", "1 while the sink takes what it is given.", "sink"),
		dropped:        counter("quell_dropped_total", "Items that a sink will never get, by why: an optional one was behind or refused them, its spool was full, a disk damaged what was in a spool.", "reason"),
		deadLetter:     counter("quell_dead_letter_total", "Messages and samples sent to the dead letter.", "stream", "reason"),
		muted:          counter("quell_events_muted_total", "Events kept back, or told only by a later one, because a series had too many.", "stream"),
		provisional:    counter("quell_provisional_records_total", "Records of idle series given out before their final ones.", "stream"),
		revised:        counter("quell_revised_records_total", "Records given out again because samples came late.", "stream"),
		evicted:        counter("quell_series_evicted_total", "Series forgotten after state_ttl without a sample.", "stream"),
		series:         gauge("quell_series", "Series whose state is held.", "stream"),
		seriesLimit:    gauge("quell_series_limit", "How many series the stream may hold; samples of further ones pass raw.", "stream"),
		lag:            gauge("quell_lag_seconds", "How far the newest event time lies behind the stored stamp of its message.", "stream"),
		behind:         gauge("quell_behind_seconds", "How old the newest message was, by its stored stamp, when it was taken off the source.", "stream"),
		latency:        latency,
		driftSeries:    gauge("quell_drift_series", "Series by the state of their drift monitor.", "stream", "state"),
		modelInfo:      gauge("quell_model_info", "The model that new series start with.", "stream", "model"),
		journalBytes:   gauge("quell_journal_bytes", "Size of the local journal.", "stream"),
		journalLimit:   gauge("quell_journal_limit_bytes", "How large the local journal may become.", "stream"),
		checkpoints:    counter("quell_checkpoints_total", "Checkpoints made durable.", "stream"),
	}
	for _, why := range dropReasons {
		m.dropped.WithLabelValues(why)
	}
	return m
}

// forgetStream removes what is shown of a stream that is no more.
func (m *Metrics) forgetStream(name string) {
	of := prometheus.Labels{"stream": name}
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.ingestMessages, m.samples, m.pending, m.deadLetter, m.muted, m.provisional, m.revised, m.evicted, m.series, m.lag, m.latency, m.driftSeries, m.modelInfo, m.journalBytes, m.checkpoints, m.behind, m.sourceUp, m.seriesLimit, m.journalLimit} {
		v.DeletePartialMatch(of)
	}
	m.fates.forget(name)
}

// forgetPresent removes what is shown of a stream as it was and may not be true of the
// one that takes its place.
func (m *Metrics) forgetPresent(name string) {
	of := prometheus.Labels{"stream": name}
	for _, v := range []*prometheus.GaugeVec{m.lag, m.modelInfo, m.journalBytes, m.journalLimit, m.sourceUp} {
		v.DeletePartialMatch(of)
	}
}

// forgetSink removes what is shown of a sink that is no more.
func (m *Metrics) forgetSink(name string) {
	of := prometheus.Labels{"sink": name}
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.sinkRecords, m.sinkRetries, m.sinkCircuit, m.spoolBytes, m.spoolItems, m.spoolLimit, m.sinkUp} {
		v.DeletePartialMatch(of)
	}
}
