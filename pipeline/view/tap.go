package view

import (
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Arrows are the places at which a stream can be tapped, from left to right: what came
// in, what the grid makes of it, what serves it, what the monitor says, what the sinks
// are given.
var Arrows = []string{"source", "window", "model", "drift", "sink"}

// ArrowNumber returns the place of an arrow's name among Arrows, -1 where there is none.
func ArrowNumber(name string) int {
	for i, a := range Arrows {
		if a == name {
			return i
		}
	}
	return -1
}

// Tapped is a look at what goes through an arrow.
type Tapped struct {
	Stream  string `json:"stream"`
	Arrow   string `json:"arrow"`
	Text    string `json:"text"`    // at most 2 KiB
	Dropped int64  `json:"dropped"` // what went through since the one before and is not shown
}

const (
	tapEvery = 200 * time.Millisecond
	tapKept  = 16
	mostText = 2 << 10
)

// Tap shows what goes through an arrow of a stream, five times a second at most. It is
// safe for concurrent use.
type Tap struct {
	stream, arrow string
	now           func() time.Time
	passed        atomic.Int64 // since the latest one shown

	mu   sync.Mutex
	last time.Time
	ring Ring[Tapped]
}

// NewTap returns a tap at an arrow of a stream; now is the clock that it is slow by.
func NewTap(stream, arrow string, now func() time.Time) *Tap {
	return &Tap{stream: stream, arrow: arrow, now: now, ring: Ring[Tapped]{all: make([]Tapped, tapKept)}}
}

// Through says that something goes through, and shows it, as text makes it, where it is
// time to.
func (t *Tap) Through(text func() string) {
	if t == nil {
		return
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() && now.Sub(t.last) < tapEvery {
		t.passed.Add(1)
		return
	}
	t.last = now
	t.ring.Add(Tapped{t.stream, t.arrow, clip(text()), t.passed.Swap(0)})
}

// Since returns what was shown from number from on, and the number that comes next.
func (t *Tap) Since(from int64) (shown []Tapped, next int64) {
	shown, next, _ = t.ring.Since(from)
	return shown, next
}

// Next returns the number of what is shown next.
func (t *Tap) Next() int64 { return t.ring.Next() }

// clip shortens a text to its bound.
func clip(s string) string {
	if len(s) <= mostText {
		return s
	}
	end := mostText - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
