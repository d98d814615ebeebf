// Package view holds what a running pipeline shows of itself: the words that the HTTP
// API speaks (docs/api.md), and the memory behind a live view, which is bounded and of
// which the oldest goes first.
//
// Nothing here decides anything. What is live is kept only while somebody watches.
package view

import (
	"math"
	"strconv"
	"time"

	"github.com/quell-stream/quell/sink"
)

// Number is a figure that may be missing: NaN and the infinities are null in JSON.
type Number float64

// NaN is the Number that is missing.
var NaN = Number(math.NaN())

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) { return sink.AppendFloat(nil, float64(n)), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = NaN
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*n = Number(v)
	return err
}

// Known says whether there is a figure.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// Stamp is a time in nanoseconds since the Unix epoch, RFC 3339 in JSON; 0 is null.
type Stamp int64

// MarshalJSON implements json.Marshaler.
func (s Stamp) MarshalJSON() ([]byte, error) {
	if s == 0 {
		return []byte("null"), nil
	}
	return append(sink.AppendTime([]byte{'"'}, int64(s)), '"'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*s = 0
		return nil
	}
	var t time.Time
	if err := t.UnmarshalJSON(b); err != nil {
		return err
	}
	*s = Stamp(t.UnixNano())
	return nil
}

// Stream is what there is to know of a stream. Counters are since the process began,
// fates and samples since the state did.
type Stream struct {
	Name        string           `json:"name"`
	Channels    []Channel        `json:"channels"`
	Scope       string           `json:"scope"`        // per-series or shared
	Model       string           `json:"model"`        // that serves most series
	Lookahead   int              `json:"lookahead"`    // of it, in samples
	FalseAlarms string           `json:"false_alarms"` // as configured
	Adapt       string           `json:"adapt"`        // off, shadow or auto
	Series      int              `json:"series"`
	Drift       map[string]int64 `json:"drift"` // series by the state of their monitor
	Fates       map[string]int64 `json:"fates"` // samples by what became of them
	Messages    int64            `json:"messages"`
	Records     int64            `json:"records"`
	Events      int64            `json:"events"`
	Dead        int64            `json:"dead"`
	Dropped     int64            `json:"dropped"` // items that its sinks will never get
	Lag         Number           `json:"lag_s"`
	Journal     int64            `json:"journal_bytes"`
	Latency     *Quantiles       `json:"latency_s"` // of the latest minute, as far as somebody looked
	Queues      Queues           `json:"queues"`
	Sinks       []string         `json:"sinks"`
}

// Channel is a channel of a stream.
type Channel struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// Quantiles are those of a distribution in seconds.
type Quantiles struct {
	P50 Number `json:"p50"`
	P99 Number `json:"p99"`
}

// Queues are what waits: messages of the latest read of the source, and batches for
// the sinks.
type Queues struct {
	Source int64 `json:"source"`
	Batch  int64 `json:"batch"`
}

// Sink is what there is to know of a sink.
type Sink struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Records  int64  `json:"records"` // records and events made durable
	Retries  int64  `json:"retries"`
	Dropped  int64  `json:"dropped"`
	Pending  int64  `json:"pending"` // batches in its queue and items in its spool
}

// Series is the state of a series as of its newest record.
type Series struct {
	Stream    string    `json:"stream"`
	Series    string    `json:"series"`
	Epoch     int       `json:"epoch"`
	N         int64     `json:"n"` // number of its newest record, from 0 on; -1: none yet
	Time      Stamp     `json:"ts"`
	Arrived   Stamp     `json:"arrived"` // clock time of the newest sample
	Drift     string    `json:"drift"`
	Since     Stamp     `json:"since"` // when the drift that is open was told
	Why       *string   `json:"why"`
	NE107     *string   `json:"ne107"`
	Learning  *Progress `json:"learning"`
	Rate      Number    `json:"rate_hz"`
	Model     string    `json:"model"`
	Lookahead int       `json:"lookahead"`
	Score     Number    `json:"score"`
	Channels  []Value   `json:"channels"`
	Alert     *Alert    `json:"alert"`
}

// Progress is how many of the samples that are needed there are.
type Progress struct {
	Have int64 `json:"have"`
	Need int64 `json:"need"`
}

// Value is the newest value of a channel.
type Value struct {
	Name    string   `json:"name"`
	Raw     Number   `json:"raw"`
	Clean   Number   `json:"clean"`
	Lo      Number   `json:"lo"`
	Hi      Number   `json:"hi"`
	Quality string   `json:"quality"`
	Method  string   `json:"method"`
	Flags   []string `json:"flags"`
	Sigma   Number   `json:"sigma"` // deviation of the noise, as estimated or told
}

// Alert is an alert that is open.
type Alert struct {
	ID           string `json:"id"`
	Kind         string `json:"kind"`
	Opened       Stamp  `json:"opened"`
	Acknowledged bool   `json:"acknowledged"`
}

// Detail is a series with what is known of it beside its state.
type Detail struct {
	Series
	History  *Points     `json:"history"`
	Guard    []Guard     `json:"guard"` // null: there is no guard
	Versions []Version   `json:"versions"`
	Adapt    *Adaptation `json:"adapt"` // null: it does not adapt
}

// Guard says what serves a channel, and why. Losses are estimated errors in units of
// the noise's variance.
type Guard struct {
	Channel    string `json:"channel"`
	Serves     string `json:"serves"` // net or the filter's name
	Why        string `json:"why"`
	NetLoss    Number `json:"net_loss"`
	FilterLoss Number `json:"filter_loss"`
	Filter     string `json:"filter"` // the best one; "" while none is known
}

// Version is a switch of a series' model.
type Version struct {
	Model string `json:"model"`
	Since int64  `json:"since_index"` // number of the first record that it served; -1: unknown
	Time  Stamp  `json:"ts"`
	Why   string `json:"why"`
}
