package client

import (
	"encoding/json"
	"time"

	"github.com/quell-stream/quell/pipeline/view"
)

// Status is what there is to know of the process.
type Status struct {
	Version    string    `json:"version"`
	Kernel     string    `json:"kernel"` // tier of the kernels
	Started    time.Time `json:"started"`
	Now        time.Time `json:"now"` // the clock of the instance
	Ready      bool      `json:"ready"`
	Writes     bool      `json:"writes"` // something can be changed, with the token
	Series     int64     `json:"series"`
	Viewers    int32     `json:"viewers"` // open live streams
	Parts      []Part    `json:"parts"`
	Memory     int64     `json:"memory_bytes"`
	CPU        float64   `json:"cpu_seconds"`
	Goroutines int       `json:"goroutines"`
}

// Part is a source or a sink.
type Part struct {
	Name       string `json:"name"`
	Up         bool   `json:"up"`
	Err        string `json:"err"`
	Circuit    string `json:"circuit"` // of sinks: closed, open or half_open
	SpoolItems int64  `json:"spool_items"`
	SpoolBytes int64  `json:"spool_bytes"`
}

// Streams are the streams and sinks with their counters since the process began.
type Streams struct {
	Streams []view.Stream `json:"streams"`
	Sinks   []view.Sink   `json:"sinks"`
}

// SeriesPage is a page of series, of how many there are.
type SeriesPage struct {
	Total  int           `json:"total"`
	Series []view.Series `json:"series"`
}

// Event is an event that was told (docs/formats/record.md).
type Event struct {
	ID           string         `json:"id"`
	Time         time.Time      `json:"ts"`
	Stream       string         `json:"stream"`
	Series       string         `json:"series"`
	Epoch        int            `json:"epoch"`
	Kind         string         `json:"kind"`
	Severity     string         `json:"severity"`
	Why          string         `json:"why"`
	Model        string         `json:"model"`
	Data         map[string]any `json:"data"`
	Alert        string         `json:"alert"` // that it opens, updates or resolves; "": none
	Phase        string         `json:"phase"`
	Link         string         `json:"link"`
	Acknowledged bool           `json:"acknowledged"`
}

// Reloaded is what a reload put into effect, and what waits for a restart, as keys of the
// configuration.
type Reloaded struct {
	Changed      []string `json:"changed"`
	NeedsRestart []string `json:"needs_restart"`
}

// Mistake is a place in a configuration file and what is wrong with it.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1
	Column  int    `json:"column"`
	Path    string `json:"path"` // of the key
	Message string `json:"message"`
}

// Mistakes is the error of a reload whose file can't be used; what ran before runs on.
type Mistakes struct {
	Err  *Error
	List []Mistake
}

func (m *Mistakes) Error() string { return m.Err.Error() }

// Unwrap returns the answer.
func (m *Mistakes) Unwrap() error { return m.Err }

// Message is an event of the live stream: hello, status, grid, series, event or tap, and
// its data as docs/api.md describes it.
type Message struct {
	Kind string
	Data json.RawMessage
}

// LivePoints is the data of a message of kind series.
type LivePoints struct {
	Stream string       `json:"stream"`
	Series string       `json:"series"`
	Points *view.Points `json:"points"`
}
