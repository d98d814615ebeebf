package field

import (
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/topic"
)

// Layout says what a payload codec is to find. It is valid by construction:
// package codec checks the configuration it comes from.
type Layout struct {
	Channels      []Channel
	Series, Time  string // fields; "": not in the payload
	Unit          Unit
	Columns       []string // CSV only
	Separator     byte     // CSV only
	Topics        []*topic.Template
	DefaultSeries string
	MaxBytes      int
	Strict        bool
}

// AllChannels is Origin.Channel where the topic names none.
const AllChannels = -1

// Origin is what is known of a message apart from its payload.
type Origin struct {
	Series  string // "": unknown
	Channel int    // the only channel it may hold, or AllChannels
}

// Resolver finds the Origin of messages. It remembers topics and is not safe for
// concurrent use.
type Resolver struct {
	layout *Layout
	byName map[string]int
	topics map[string]Origin
	keys   Names
}

// NewResolver returns a resolver for a layout, which must not change any more.
func NewResolver(l *Layout) *Resolver {
	r := &Resolver{layout: l, byName: make(map[string]int, len(l.Channels)), topics: make(map[string]Origin)}
	for i := range l.Channels {
		r.byName[l.Channels[i].Name] = i
	}
	return r
}

// Resolve checks a message's size and finds out what its topic and key say. The
// series is that of the topic, else the message's key, else the default; where
// the payload names the series, the codec replaces it.
func (r *Resolver) Resolve(m *ingest.Message) (Origin, error) {
	l := r.layout
	if l.MaxBytes > 0 && len(m.Payload) > l.MaxBytes {
		return Origin{}, ingest.Malformed("too_large", "the payload has %d bytes, at most %d are allowed", len(m.Payload), l.MaxBytes)
	}
	o, ok := r.topics[m.Topic]
	if !ok {
		var err error
		if o, err = r.match(m.Topic); err != nil {
			return Origin{}, err
		}
		if len(r.topics) >= maxNames {
			clear(r.topics)
		}
		r.topics[m.Topic] = o
	}
	if o.Series == "" && l.Series == "" {
		if len(m.Key) == 0 {
			o.Series = l.DefaultSeries
		} else {
			s, err := r.keys.Get(m.Key)
			if err != nil {
				return Origin{}, err
			}
			o.Series = s
		}
		if o.Series == "" {
			return Origin{}, ingest.Malformed("series", "neither payload, topic nor key names the series: set codec.series, or {series} in the topic")
		}
	}
	return o, nil
}

func (r *Resolver) match(name string) (Origin, error) {
	o := Origin{Channel: AllChannels}
	if len(r.layout.Topics) == 0 {
		return o, nil
	}
	for _, t := range r.layout.Topics {
		s, c, ok := t.Match(name)
		if !ok {
			continue
		}
		if t.HasSeries() {
			if err := CheckSeries(s); err != nil {
				return Origin{}, err
			}
			o.Series = s
		}
		if t.HasChannel() {
			i, ok := r.byName[c]
			if !ok {
				return Origin{}, ingest.Malformed("topic", "topic %.200q names the channel %.60q; the stream has %s", name, c, List(r.names()))
			}
			o.Channel = i
		}
		return o, nil
	}
	return Origin{}, ingest.Malformed("topic", "topic %.200q falls under none of the stream's topics", name)
}

func (r *Resolver) names() []string {
	out := make([]string, len(r.layout.Channels))
	for i := range r.layout.Channels {
		out[i] = r.layout.Channels[i].Name
	}
	return out
}

// Arrival returns the time of a message whose payload tells none: the broker's
// stamp, else that of its arrival.
func Arrival(m *ingest.Message) (int64, ingest.TimeSource, error) {
	switch {
	case m.Stored <= 0:
		return 0, ingest.TimeArrival, ingest.Malformed("time", "neither the payload nor the transport says when the message was made")
	case m.Broker:
		return m.Stored, ingest.TimeBroker, nil
	default:
		return m.Stored, ingest.TimeArrival, nil
	}
}

// maxListed bounds the names in an error message.
const maxListed = 12

// List joins names for an error message: "a, b, c", cut where it gets long, or
// "nothing".
func List(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for i, n := range names {
		if i == maxListed {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if len(n) > 60 {
			n = strings.ToValidUTF8(n[:60], "") + "…"
		}
		b.WriteString(n)
	}
	return b.String()
}

// Nearest returns the name most like want, "" if none is near: at most a third
// of its letters away (Levenshtein distance), case ignored.
func Nearest(want string, names []string) string {
	best, at := "", len(want)/3+1
	for _, n := range names {
		if d := distance(strings.ToLower(want), strings.ToLower(n), at); d < at {
			best, at = n, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b in bytes, or limit if it is
// not below.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
