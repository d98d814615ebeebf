// Package calmlog bounds how often a log says the same thing, so that what flaps or
// fails for thousands of series at once does not bury the line that matters, nor fill
// a disk.
//
//	h := calmlog.New(slog.NewTextHandler(os.Stderr, nil), calmlog.Options{})
//	defer h.Flush()
//	log := slog.New(h)
package calmlog

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say how much is too much. The zero value has defaults.
type Options struct {
	// Burst is how many lines that are alike may be written within Per. Default 30.
	Burst int
	// Per is the time after which as many may be written again. Default 1 m.
	Per time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// mostKinds bounds the kinds of lines that are told apart; those beyond count as one.
const mostKinds = 1024

// Handler passes records on, within bounds. Records are alike where they have the
// level, the attributes of their logger (such as stream or sink), and the message up
// to its first digit in common. What was left out is counted, and told once Per is
// over. It is safe for concurrent use.
type Handler struct {
	next slog.Handler
	root *root
	with string // the attributes of the logger, as part of the key
}

// root is what all handlers that are made of one have in common.
type root struct {
	opts Options
	base slog.Handler

	mu    sync.Mutex
	kinds map[string]*kind
	swept time.Time
}

type kind struct {
	since   time.Time
	passed  int
	leftOut int
	level   slog.Level
	message string
}

// New returns a handler before next.
func New(next slog.Handler, opts Options) *Handler {
	if opts.Burst <= 0 {
		opts.Burst = 30
	}
	if opts.Per <= 0 {
		opts.Per = time.Minute
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Handler{next: next, root: &root{opts: opts, base: next, kinds: map[string]*kind{}}}
}

// Enabled is that of the handler behind.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// WithAttrs returns a handler whose records are alike among themselves only.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := h.with
	for _, a := range attrs {
		with += "\x00" + a.String()
	}
	return &Handler{next: h.next.WithAttrs(attrs), root: h.root, with: with}
}

// WithGroup returns a handler with a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(name), root: h.root, with: h.with + "\x00" + name}
}

// Handle passes a record on unless there were too many like it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	pass, told := h.root.count(r, h.with)
	for _, t := range told {
		_ = h.root.base.Handle(ctx, t) // as with any line of a log, nobody can be told
	}
	if !pass {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// Flush tells what was left out and not told yet.
func (h *Handler) Flush() {
	h.root.mu.Lock()
	told := h.root.sweep(h.root.opts.Now(), true)
	h.root.mu.Unlock()
	for _, t := range told {
		_ = h.root.base.Handle(context.Background(), t)
	}
}

// count says whether a record may pass, and what is to be told of earlier ones.
func (r *root) count(rec slog.Record, with string) (pass bool, told []slog.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.opts.Now()
	if now.Sub(r.swept) >= r.opts.Per {
		told = r.sweep(now, false)
	}
	key := rec.Level.String() + "\x00" + likeness(rec.Message) + with
	k := r.kinds[key]
	if k == nil && len(r.kinds) >= mostKinds {
		key = ""
		k = r.kinds[key]
	}
	if k == nil {
		k = &kind{since: now, level: rec.Level, message: rec.Message}
		r.kinds[key] = k
	}
	if k.passed >= r.opts.Burst {
		k.leftOut++
		return false, told
	}
	k.passed++
	return true, told
}

// sweep forgets the kinds whose time is over, all of them with all, and returns what
// is to be told of them.
func (r *root) sweep(now time.Time, all bool) (told []slog.Record) {
	for _, key := range slices.Sorted(maps.Keys(r.kinds)) {
		k := r.kinds[key]
		if !all && now.Sub(k.since) < r.opts.Per {
			continue
		}
		delete(r.kinds, key)
		if k.leftOut > 0 {
			t := slog.NewRecord(now, k.level, "left out of the log: lines like one that came too often", 0)
			t.Add("line", k.message, "lines", k.leftOut, "within", r.opts.Per.String())
			told = append(told, t)
		}
	}
	r.swept = now
	return told
}

// likeness is a message up to its first digit: those of one cause differ in addresses
// and numbers.
func likeness(message string) string {
	if i := strings.IndexAny(message, "0123456789"); i >= 0 {
		return message[:i]
	}
	return message
}
