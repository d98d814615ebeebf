package main

// What every query is narrowed down to.
const (
	in      = `instance=~"$instance"`
	streams = in + `,stream=~"$stream"`
	sinks   = in + `,sink=~"$sink"`
)

// content returns the panels in the order in which they are read: is it well, what
// comes in, what goes out, what are the series like, what does the machine say.
func content() []panel {
	return []panel{
		{title: "Is it well?"},
		{title: "Sources up", kind: "stat", columns: 6, about: "Sources that are up, of all.", queries: []query{
			{`sum(quell_source_up{` + streams + `})`, "up"}, {`count(quell_source_up{` + streams + `})`, "of"}}},
		{title: "Sinks up", kind: "stat", columns: 6, about: "Sinks and dead letters that are up, of all.", queries: []query{
			{`sum(quell_sink_up{` + sinks + `})`, "up"}, {`count(quell_sink_up{` + sinks + `})`, "of"}}},
		{title: "Series", kind: "stat", columns: 6, about: "Series held, and those that drift.", queries: []query{
			{`sum(quell_series{` + streams + `})`, "held"}, {`sum(quell_drift_series{` + streams + `,state=~"noise|regime|fault|unknown"})`, "drift"}}},
		{title: "Dropped", kind: "stat", columns: 6, about: "Items that will never reach a sink, in the time shown.", queries: []query{
			{`sum(increase(quell_dropped_total{` + in + `}[$__range]))`, "dropped"}}},

		{title: "In"},
		{title: "Messages", unit: "cps", columns: 8, min0: true, queries: []query{
			{`sum by (instance, stream) (rate(quell_ingest_messages_total{` + streams + `}[$__rate_interval]))`, "{{stream}} {{instance}}"}}},
		{title: "Samples by fate", unit: "cps", columns: 8, min0: true, about: "Every sample ends in one fate; raw is that of a sample that a record carries.", queries: []query{
			{`sum by (fate) (rate(quell_samples_total{` + streams + `}[$__rate_interval]))`, "{{fate}}"}}},
		{title: "Dead letters", unit: "cps", columns: 8, min0: true, queries: []query{
			{`sum by (stream, reason) (rate(quell_dead_letter_total{` + streams + `}[$__rate_interval]))`, "{{stream}} {{reason}}"}}},
		{title: "Behind and lag", unit: "s", columns: 8, about: "Behind: how old messages are when they are taken off the source. Lag: how far event times lie behind the stamp of their message.", queries: []query{
			{`max by (instance, stream) (quell_behind_seconds{` + streams + `})`, "{{stream}} behind {{instance}}"},
			{`max by (instance, stream) (quell_lag_seconds{` + streams + `})`, "{{stream}} lag {{instance}}"}}},
		{title: "Journal", unit: "percentunit", columns: 8, min0: true, percent: true, about: "Of source.journal_bytes; MQTT only.", queries: []query{
			{`quell_journal_bytes{` + streams + `} / quell_journal_limit_bytes{` + streams + `}`, "{{stream}} {{instance}}"}}},
		{title: "Sources", columns: 8, min0: true, percent: true, about: "1 while the source is up.", queries: []query{
			{`quell_source_up{` + streams + `}`, "{{stream}} {{instance}}"}}},

		{title: "Out"},
		{title: "Records and events", unit: "cps", columns: 8, min0: true, queries: []query{
			{`sum by (instance, sink) (rate(quell_sink_records_total{` + sinks + `}[$__rate_interval]))`, "{{sink}} {{instance}}"}}},
		{title: "Latency", unit: "s", columns: 8, min0: true, about: "From taking a message to its records being durable. Look-ahead is not part of it.", queries: []query{
			{`histogram_quantile(0.5, sum by (le, stream) (rate(quell_latency_seconds_bucket{` + streams + `}[$__rate_interval])))`, "{{stream}} p50"},
			{`histogram_quantile(0.99, sum by (le, stream) (rate(quell_latency_seconds_bucket{` + streams + `}[$__rate_interval])))`, "{{stream}} p99"}}},
		{title: "Checkpoints", unit: "cps", columns: 8, min0: true, about: "No rise while messages come in: nothing is being finished.", queries: []query{
			{`sum by (instance, stream) (rate(quell_checkpoints_total{` + streams + `}[$__rate_interval]))`, "{{stream}} {{instance}}"}}},
		{title: "Sinks", columns: 8, min0: true, percent: true, about: "1 while the circuit is closed: the sink takes what it is given.", queries: []query{
			{`quell_sink_circuit{` + sinks + `,state="closed"}`, "{{sink}} {{instance}}"}}},
		{title: "Spools", unit: "percentunit", columns: 8, min0: true, percent: true, about: "Of spool.max_bytes.", queries: []query{
			{`quell_spool_bytes{` + sinks + `} / quell_spool_limit_bytes{` + sinks + `}`, "{{sink}} {{instance}}"}}},
		{title: "Retries and drops", unit: "cps", columns: 8, min0: true, queries: []query{
			{`sum by (sink) (rate(quell_sink_retries_total{` + sinks + `}[$__rate_interval]))`, "{{sink}} retries"},
			{`sum by (reason) (rate(quell_dropped_total{` + in + `}[$__rate_interval]))`, "dropped: {{reason}}"}}},

		{title: "Series"},
		{title: "Drift by state", columns: 12, min0: true, about: "How many series are in which state. docs/explain.md says what they mean.", queries: []query{
			{`sum by (state) (quell_drift_series{` + streams + `})`, "{{state}}"}}},
		{title: "Series held, forgotten, muted", columns: 12, min0: true, queries: []query{
			{`sum by (stream) (quell_series{` + streams + `})`, "{{stream}} held"},
			{`sum by (stream) (increase(quell_series_evicted_total{` + streams + `}[$__rate_interval]))`, "{{stream}} forgotten"},
			{`sum by (stream) (increase(quell_events_muted_total{` + streams + `}[$__rate_interval]))`, "{{stream}} events muted"}}},
		{title: "Revised and provisional records", unit: "cps", columns: 12, min0: true, queries: []query{
			{`sum by (stream) (rate(quell_revised_records_total{` + streams + `}[$__rate_interval]))`, "{{stream}} revised"},
			{`sum by (stream) (rate(quell_provisional_records_total{` + streams + `}[$__rate_interval]))`, "{{stream}} provisional"}}},
		{title: "What serves", kind: "table", columns: 12, queries: []query{
			{`max by (instance, stream, model) (quell_model_info{` + streams + `})`, ""},
			{`max by (instance, version, kernel) (quell_build_info{` + in + `})`, ""}}},

		{title: "Machine"},
		{title: "CPU", unit: "percentunit", columns: 8, min0: true, about: "Cores in use.", queries: []query{
			{`rate(process_cpu_seconds_total{job="quell",` + in + `}[$__rate_interval])`, "{{instance}}"}}},
		{title: "Memory", unit: "bytes", columns: 8, min0: true, queries: []query{
			{`process_resident_memory_bytes{job="quell",` + in + `}`, "{{instance}}"}}},
		{title: "Goroutines and files", columns: 8, min0: true, queries: []query{
			{`go_goroutines{job="quell",` + in + `}`, "{{instance}} goroutines"}, {`process_open_fds{job="quell",` + in + `}`, "{{instance}} files"}}},
	}
}
