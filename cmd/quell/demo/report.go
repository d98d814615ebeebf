package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/quell-stream/quell/ingest/sim"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/window"
)

// Report is what the demo ends with. The names of its JSON are fixed: scripts
// rely on them.
type Report struct {
	SamplesIn  int64      `json:"samples_in"`  // readings published
	SamplesOut int64      `json:"samples_out"` // readings whose record arrived at the counter
	Pending    int64      `json:"pending"`     // readings that waited for their look-ahead at the end
	Lost       int64      `json:"lost"`
	Duplicates int64      `json:"duplicates"`
	Balanced   bool       `json:"balanced"` // the fates add up to what came in, and agree with the counter
	Sensors    []Sensor   `json:"sensors"`
	Drifts     []Drift    `json:"drifts"`
	FineTunes  []FineTune `json:"finetunes"`
	Machine    int64      `json:"machine_records"` // records of this machine's own sensors
	Seconds    float64    `json:"seconds"`         // in all
	Live       float64    `json:"live_seconds"`    // without the history
	NotYet     int        `json:"not_injected"`    // changes that the end came before
	Memory     int64      `json:"memory_bytes"`    // of the whole process, as the runtime counts it
}

// Sensor says how well one sensor was denoised.
type Sensor struct {
	Series string   `json:"series"`
	Gain   *float64 `json:"gain_db"` // against the truth; null where nothing was scored
}

// Drift is an injected change, found or not, or an alarm without one.
type Drift struct {
	Series       string   `json:"series"`
	InjectedAt   *string  `json:"injected_at"` // RFC 3339, event time; null: nothing was injected
	DetectedAt   *string  `json:"detected_at"` // null: not found
	Delay        *float64 `json:"delay_s"`
	InjectedKind *string  `json:"injected_kind"` // noise, regime or fault
	Kind         *string  `json:"kind"`          // as the monitor named it last
	Why          string   `json:"why,omitempty"`
}

// FineTune is a fine-tune that came to a verdict.
type FineTune struct {
	Series  string   `json:"series"`
	Verdict string   `json:"verdict"` // promoted or rejected
	Gain    *float64 `json:"gain_db"` // as the gate estimates it without truth
	Why     string   `json:"why"`
}

func (d *demo) report(sums map[string]pipeline.Summary, took time.Duration) *Report {
	c := d.count
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &Report{Sensors: []Sensor{}, Drifts: []Drift{}, FineTunes: []FineTune{}, Machine: c.machine, Seconds: tenths(took), Balanced: true}
	if !d.feed.began.IsZero() {
		r.Live = tenths(time.Since(d.feed.began))
	}
	var behind int64
	for i, s := range c.fleet {
		t := &c.series[i]
		sent := d.feed.sent[i]
		before, after := t.missing(sent)
		r.SamplesIn += sent
		r.SamplesOut += sent - before - after
		r.Lost += before
		r.Duplicates += t.duplicates
		behind += after
		if t.stray > 0 {
			r.Balanced = false
		}
		r.Sensors = append(r.Sensors, Sensor{s.Spec().Name, finite(t.gain())})
	}
	r.balance(sums, behind, c)
	r.Memory = memory()
	happened := d.happened()
	r.Drifts, r.NotYet = drifts(c, happened), len(d.injected)-len(happened)
	r.FineTunes = fineTunes(c.events)
	return r
}

func tenths(d time.Duration) float64 { return math.Round(10*d.Seconds()) / 10 }

// happened returns the injections that were published: a short demo ends before.
func (d *demo) happened() []injection {
	return slices.DeleteFunc(slices.Clone(d.injected), func(j injection) bool { return d.feed.sent[j.sensor] <= j.at })
}

// fineTunes lists the verdicts: those of the gate, and of what was rejected
// before it came to the gate.
func fineTunes(events []event) []FineTune {
	out := []FineTune{}
	judged := map[string]bool{}
	for _, e := range events {
		switch e.kind {
		case "finetune.started":
			judged[e.series] = false
		case "finetune.finished":
			verdict, _ := e.data["verdict"].(string)
			g, ok := e.data["gain_db"].(float64)
			if !ok {
				g = math.NaN()
			}
			judged[e.series] = true
			out = append(out, FineTune{e.series, verdict, finite(g), e.why})
		case "finetune.rejected":
			if !judged[e.series] {
				out = append(out, FineTune{e.series, "rejected", nil, e.why})
			}
		}
	}
	return out
}

// balance compares the counter with the pipeline's own account. What is not
// there behind a sensor's newest record must be pending; else it is lost.
func (r *Report) balance(sums map[string]pipeline.Summary, behind int64, c *counter) {
	for name, s := range sums {
		total := int64(0)
		for _, n := range s.Fates {
			total += n
		}
		if total != s.In {
			r.Balanced = false
		}
		switch name {
		case fleetStream:
			r.Pending = min(behind, s.Fates[window.Pending.String()])
			r.Lost += behind - r.Pending
			if s.In != r.SamplesIn || s.Fates[window.Raw.String()] != r.SamplesOut {
				r.Balanced = false
			}
		case machineStream:
			if s.Records > c.machine {
				r.Lost += s.Records - c.machine
			}
		}
	}
	if c.bad > 0 {
		r.Balanced = false
	}
}

// kinds are the names that the monitor gives what is injected.
var kinds = map[sim.Kind]string{sim.NoiseLevel: "noise", sim.Regime: "regime", sim.Stuck: "fault"}

// drifts matches what the monitors said with what was injected.
func drifts(c *counter, injected []injection) []Drift {
	out := []Drift{}
	taken := map[string]bool{}
	for _, j := range injected {
		s := c.fleet[j.sensor].Spec()
		at := c.start + j.at*int64(time.Second)/int64(s.RateHz)
		kind := kinds[j.kind]
		d := Drift{Series: s.Name, InjectedAt: stamp(at), InjectedKind: &kind}
		open := false
		for _, e := range c.events {
			if e.series != s.Name || e.ts < at {
				continue
			}
			switch {
			case e.kind == "drift.opened" && d.DetectedAt == nil:
				open = true
				delay := float64(e.ts-at) / 1e9
				d.DetectedAt, d.Delay = stamp(e.ts), &delay
			case e.kind == "drift.updated" && open:
			case e.kind == "drift.resolved":
				open = false
				continue
			default:
				continue
			}
			if k, ok := e.data["kind"].(string); ok {
				d.Kind, d.Why = &k, e.why
			}
		}
		taken[s.Name] = true
		out = append(out, d)
	}
	for _, e := range c.events {
		if e.kind != "drift.opened" {
			continue
		}
		if taken[e.series] && e.ts >= firstInjection(c, injected, e.series) {
			continue
		}
		d := Drift{Series: e.series, DetectedAt: stamp(e.ts), Why: e.why}
		if k, ok := e.data["kind"].(string); ok {
			d.Kind = &k
		}
		out = append(out, d)
	}
	return out
}

// firstInjection returns when something was injected into a series.
func firstInjection(c *counter, injected []injection, series string) int64 {
	for _, j := range injected {
		if s := c.fleet[j.sensor].Spec(); s.Name == series {
			return c.start + j.at*int64(time.Second)/int64(s.RateHz)
		}
	}
	return math.MaxInt64
}

func stamp(ns int64) *string {
	s := time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = math.Round(100*v) / 100
	return &v
}

// median returns the median gain, NaN where none was scored.
func (r *Report) median() float64 {
	var g []float64
	for _, s := range r.Sensors {
		if s.Gain != nil {
			g = append(g, *s.Gain)
		}
	}
	if len(g) == 0 {
		return math.NaN()
	}
	slices.Sort(g)
	return (g[(len(g)-1)/2] + g[len(g)/2]) / 2
}

// Err says what went wrong, nil if nothing did.
func (r *Report) Err() error {
	switch {
	case r.Lost > 0:
		return fmt.Errorf("demo: %d of %d samples were lost", r.Lost, r.SamplesIn)
	case !r.Balanced:
		return fmt.Errorf("demo: the account of the samples does not balance")
	case r.SamplesIn > 0 && !(r.median() > 0):
		return fmt.Errorf("demo: nothing was gained")
	}
	return nil
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{w: w}
	if len(r.Sensors) > 0 {
		p.f("\n%d samples in, %d out, %d waiting for their look-ahead, %d lost, %d duplicates (%.0f s, %.0f of them live)\n", r.SamplesIn, r.SamplesOut, r.Pending, r.Lost, r.Duplicates, r.Seconds, r.Live)
	}
	if r.Machine > 0 || len(r.Sensors) == 0 {
		p.f("%d records of this machine's own sensors\n", r.Machine)
	}
	for _, s := range r.Sensors {
		if s.Gain != nil {
			p.f("  %-10s %+6.2f dB against the truth\n", s.Series, *s.Gain)
		}
	}
	if m := r.median(); !math.IsNaN(m) {
		p.f("  %-10s %+6.2f dB\n", "median", m)
	}
	for _, d := range r.Drifts {
		switch {
		case d.InjectedKind == nil:
			p.f("an alarm without a change: %s: %s\n", d.Series, d.Why)
		case d.DetectedAt == nil:
			p.f("%s on %s was not found\n", *d.InjectedKind, d.Series)
		default:
			p.f("%s on %s found after %.1f s: %s\n", *d.InjectedKind, d.Series, *d.Delay, d.Why)
		}
	}
	if r.NotYet > 0 {
		p.f("%d of %d changes were not injected: the demo ended before, and --for 60s has time for all\n", r.NotYet, len(after))
	}
	for _, f := range r.FineTunes {
		p.f("fine-tune for %s %s: %s\n", f.Series, f.Verdict, f.Why)
	}
	if len(r.Sensors) > 0 {
		p.f("%s\n", r.sum())
	}
	return p.err
}

// sum returns what came of it all, in a line.
func (r *Report) sum() string {
	injected, found, alarms, promoted := 0, 0, 0, 0
	for _, d := range r.Drifts {
		switch {
		case d.InjectedKind == nil:
			alarms++
		case d.DetectedAt != nil:
			found++
			injected++
		default:
			injected++
		}
	}
	for _, f := range r.FineTunes {
		if f.Verdict == "promoted" {
			promoted++
		}
	}
	return fmt.Sprintf("%d samples, %d lost, %d of %d drifts found, %d false alarms, %d of %d fine-tunes promoted, %.0f MB",
		r.SamplesIn, r.Lost, found, injected, alarms, promoted, len(r.FineTunes), float64(r.Memory)/1e6)
}

// memory returns the bytes that the runtime holds.
func memory() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
