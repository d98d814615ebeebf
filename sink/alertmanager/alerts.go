package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/sink"
)

// alert is what is known of one alert. Its fields are those of the state file.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Link        string            `json:"link,omitempty"`
	StartsAt    time.Time         `json:"starts_at"`
	EndsAt      time.Time         `json:"ends_at,omitzero"`  // zero: it is open
	Resolved    time.Time         `json:"resolved,omitzero"` // when that was told, or it was forgotten, by the clock here
	Epoch       int               `json:"epoch"`             // of the latest event,
	Time        int64             `json:"time"`              // and its time
	Settled     bool              `json:"settled,omitempty"` // it is over, or forgotten, and not sent
}

// mostSettled bounds the alerts that are over and kept, so that what is delivered
// again opens none of them anew.
const mostSettled = 1000

// summaries are the names and the summaries of the families of alerts.
var summaries = map[string]struct{ name, text string }{
	"drift":  {"QuellDrift", "%s of %s drifted"},
	"source": {"QuellSource", "%s%s gets no messages"},
	"sink":   {"QuellSink", "%s%s can't deliver"},
}

// apply takes an event and says whether it changed anything. An event that is not
// later than the latest one of its alert was delivered before.
func (s *Sink) apply(e *sink.Event) bool {
	id, phase := e.Alert()
	if phase == sink.NoAlert {
		return false
	}
	a := s.alerts[id]
	if a != nil && (e.Epoch < a.Epoch || e.Epoch == a.Epoch && e.Time <= a.Time) {
		return false
	}
	// A clock that is ahead must not open an alert in the future, where it would
	// wait, nor end one there, where it would go on.
	at := time.Unix(0, e.Time).UTC()
	if now := s.cfg.Now().UTC(); at.After(now) {
		at = now
	}
	if a == nil || a.over() || a.Labels == nil || a.Settled && phase == sink.Open {
		if phase == sink.Resolve {
			if a != nil {
				a.Epoch, a.Time = e.Epoch, e.Time
			}
			return a != nil
		}
		a = &alert{Labels: s.labels(e), StartsAt: at}
		s.alerts[id] = a
	}
	a.Epoch, a.Time, a.Link, a.Settled = e.Epoch, e.Time, e.Link, false
	a.Annotations = annotations(e, a.Labels)
	if phase == sink.Resolve {
		a.EndsAt, a.Resolved = at, s.cfg.Now().UTC()
		if at.Before(a.StartsAt) { // a series whose clock was set back
			a.StartsAt = at
		}
	}
	return true
}

// Forget drops alerts that another process goes on with, see sink.Forgetter. One
// that was resolved is still sent as such.
func (s *Sink) Forget(marks []sink.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now().UTC()
	for _, m := range marks {
		a := s.alerts[m.Alert]
		if a == nil && m.Time == 0 {
			continue
		}
		if a == nil {
			a = &alert{StartsAt: now}
			s.alerts[m.Alert] = a
		}
		if !a.over() && !a.Settled {
			a.Resolved, a.Settled = now, true
			s.dirty = true
		}
		if m.Epoch > a.Epoch || m.Epoch == a.Epoch && m.Time > a.Time {
			a.Epoch, a.Time = m.Epoch, m.Time
			s.dirty = true
		}
	}
	return s.save()
}

// Remember goes on with alerts that were forgotten; they are sent with the next that
// are sent again.
func (s *Sink) Remember(alerts []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range alerts {
		if a := s.alerts[id]; a != nil && a.Settled && !a.over() && a.Labels != nil {
			a.Resolved, a.Settled = time.Time{}, false
			s.dirty = true
		}
	}
	return s.save()
}

func (a *alert) over() bool { return !a.EndsAt.IsZero() }

// labels are those of a new alert.
func (s *Sink) labels(e *sink.Event) map[string]string {
	l := maps.Clone(s.cfg.Labels)
	if l == nil {
		l = map[string]string{}
	}
	l["alertname"] = summaries[family(e)].name
	for name, value := range map[string]string{"stream": e.Stream, "series": e.Series, "severity": e.Severity} {
		if value != "" { // Alertmanager knows no empty ones
			l[name] = value
		}
	}
	if name, ok := e.Data["sink"].(string); ok && family(e) == "sink" {
		l["sink"] = name
	}
	return l
}

// annotations say what the newest event says.
func annotations(e *sink.Event, labels map[string]string) map[string]string {
	f := summaries[family(e)]
	of, what := "", e.Stream
	switch f.name {
	case "QuellDrift":
		of, what = e.Series, e.Stream
	case "QuellSink":
		of = "sink " + labels["sink"] + " of "
	}
	a := map[string]string{"summary": fmt.Sprintf(f.text, of, what), "why": e.Why}
	if kind, ok := e.Data["kind"].(string); ok {
		a["kind"] = kind
	}
	if e.Link != "" {
		a["link"] = e.Link
	}
	return a
}

func family(e *sink.Event) string {
	for f := range summaries {
		if len(e.Kind) > len(f) && e.Kind[:len(f)] == f && e.Kind[len(f)] == '.' {
			return f
		}
	}
	return ""
}

// settle ends what has been sent as resolved for long enough, and bounds what is
// kept of it.
func (s *Sink) settle(now time.Time) {
	var over []string
	for id, a := range s.alerts {
		if a.over() && now.Sub(a.Resolved) >= s.cfg.ResolveTimeout {
			a.Settled = true
		}
		if a.Settled {
			over = append(over, id)
		}
	}
	if len(over) <= mostSettled {
		return
	}
	slices.SortFunc(over, func(x, y string) int { return s.alerts[x].Resolved.Compare(s.alerts[y].Resolved) })
	for _, id := range over[:len(over)-mostSettled] {
		delete(s.alerts, id)
	}
}

// posted is an alert as the API takes it.
type posted struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// body returns the alerts of the ids that are to be sent, nil if there are none.
// An open one ends when it would time out, as Prometheus has it.
func (s *Sink) body(ids []string, now time.Time) ([]byte, error) {
	var out []posted
	for _, id := range ids {
		a := s.alerts[id]
		if a == nil || a.Settled {
			continue
		}
		p := posted{a.Labels, a.Annotations, a.StartsAt, a.EndsAt, a.Link}
		if !a.over() {
			p.EndsAt = now.Add(s.cfg.ResolveTimeout).UTC()
		}
		out = append(out, p)
	}
	if out == nil {
		return nil, nil
	}
	return json.Marshal(out)
}

// load reads the alerts that an earlier process knew. A damaged file is set aside:
// what was open then times out.
func (s *Sink) load() error {
	if s.cfg.StateFile == "" {
		return nil
	}
	b, err := os.ReadFile(s.cfg.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("alertmanager: open alerts: %w", err)
	}
	var known map[string]*alert
	if err := json.Unmarshal(b, &known); err == nil && known != nil {
		n := len(known)
		maps.DeleteFunc(known, func(_ string, a *alert) bool {
			return a == nil || s.cfg.Keep != nil && a.Labels != nil && !s.cfg.Keep(a.Labels["stream"], a.Labels["sink"])
		})
		s.dirty = len(known) < n
		s.alerts = known
		return nil
	}
	aside, err := atomicfile.SetAside(s.cfg.StateFile)
	if err != nil {
		return fmt.Errorf("alertmanager: open alerts: %w", err)
	}
	s.cfg.Log.Error("the open alerts are damaged, and time out", "file", aside)
	return nil
}

// save keeps the alerts, if they changed, before they are sent: what is sent and
// not known would never be resolved. One that failed is due until one works.
func (s *Sink) save() error {
	if !s.dirty || s.cfg.StateFile == "" {
		return nil
	}
	b, err := json.Marshal(s.alerts)
	if err == nil {
		err = atomicfile.WriteFile(s.cfg.StateFile, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("alertmanager: keep open alerts: %w", err)
	}
	s.dirty = false
	return nil
}
