package sink

import (
	"net/url"
	"strconv"
	"strings"
)

// Phase is the part that an event has in the life of an alert.
type Phase uint8

// The phases.
const (
	NoAlert Phase = iota // the event tells of something that is over when it is told
	Open
	Update
	Resolve
)

// String returns open, update or resolve, "" for NoAlert.
func (p Phase) String() string { return [...]string{"", "open", "update", "resolve"}[p] }

// phases lists the kinds of events that make an alert, by what comes before and
// after the dot.
var phases = map[string]map[string]Phase{
	"drift":  {"opened": Open, "updated": Update, "resolved": Resolve},
	"source": {"down": Open, "no_data": Open, "up": Resolve},
	"sink":   {"down": Open, "up": Resolve},
}

// Alert returns the alert that the event belongs to, and its part in it; "" and
// NoAlert for events that stand alone, such as model.promoted.
//
// There is one alert per stream, series and family of kinds (what comes before
// the dot); of the family sink one per sink, which Data names. Its id is these
// joined as in EventKey, so it is the same each time the alert opens: a receiver
// that opens an incident under it finds it again to close it, after a restart of
// either side too.
func (e *Event) Alert() (id string, p Phase) {
	family, what, _ := strings.Cut(e.Kind, ".")
	if p = phases[family][what]; p == NoAlert {
		return "", NoAlert
	}
	b := append(appendKeyPart(make([]byte, 0, len(e.Stream)+len(e.Series)+24), e.Stream), '/')
	b = append(append(appendKeyPart(b, e.Series), '/'), family...)
	if name, ok := e.Data["sink"].(string); ok && family == "sink" {
		b = appendKeyPart(append(b, '/'), name)
	}
	return string(b), p
}

// Mark is a place in the events of one alert.
type Mark struct {
	Alert string // its id
	Epoch int
	Time  int64 // Unix ns
}

// Forgetter is a Sink that keeps alerts open by itself. Forget has it drop those
// that another process goes on with: they are not resolved, and nothing is sent of
// them. Events up to the mark that it is still given are taken for old ones; a mark
// of time 0 says that there are none. Remember takes up those that came back, by their
// ids. Both are safe for concurrent use, once the sink is open.
type Forgetter interface {
	Forget(marks []Mark) error
	Remember(alerts []string) error
}

// FillLink returns the address that a template gives for an event, "" for an
// empty template. {stream}, {series} and {kind} stand for the event's, escaped as
// in a query, and {ms} for its time in milliseconds since 1970.
func FillLink(template string, e *Event) string {
	if template == "" {
		return ""
	}
	return strings.NewReplacer(
		"{stream}", url.QueryEscape(e.Stream), "{series}", url.QueryEscape(e.Series),
		"{kind}", url.QueryEscape(e.Kind), "{ms}", strconv.FormatInt(e.Time/1e6, 10),
	).Replace(template)
}
