package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/quell-stream/quell/ingest/file"
)

// barWidth is the number of fields of a bar.
const barWidth = 24

// bar shows how far long work is and how long it will take, on a terminal only.
type bar struct {
	w     io.Writer
	what  string
	live  bool
	began time.Time
	next  time.Time
	shown bool
}

func newBar(w io.Writer, what string) *bar {
	now := time.Now()
	return &bar{w: w, what: what, live: onTerminal(w) && os.Getenv("TERM") != "dumb", began: now, next: now.Add(500 * time.Millisecond)}
}

// at shows that so much of the whole is done, a few times per second and not for work
// that is soon over.
func (b *bar) at(done, whole float64) {
	if !b.live || whole <= 0 {
		return
	}
	now := time.Now()
	if now.Before(b.next) {
		return
	}
	b.next, b.shown = now.Add(200*time.Millisecond), true
	fmt.Fprintf(b.w, "\r\x1b[K%s", barLine(b.what, done/whole, now.Sub(b.began)))
}

// barLine returns the line for a share of the work that took so long.
func barLine(what string, share float64, took time.Duration) string {
	share = min(max(share, 0), 1)
	line := fmt.Sprintf("%s %s %3.0f%%", what, fields(share), 100*share)
	if share > .01 && took > time.Second {
		left := time.Duration(float64(took) * (1 - share) / share)
		line += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return line
}

// clear takes the line away.
func (b *bar) clear() {
	if b.shown {
		b.shown = false
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

// counted tells a bar what was read of a file.
type counted struct {
	*os.File
	bar   *bar
	n     int64
	whole int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.n += int64(n)
	c.bar.at(float64(c.n), float64(c.whole))
	return n, err
}

// openTableWithBar is openTable with a bar of how far the file is read.
func openTableWithBar(s streams, path string, o file.Options, b *bar) (*file.Reader, func() error, error) {
	none := func() error { return nil }
	info, err := os.Stat(path)
	if !b.live || path == file.Stdin || err != nil || !info.Mode().IsRegular() {
		r, err := openTable(s, path, o)
		return r, none, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, none, err
	}
	r, err := file.NewReader(path, &counted{File: f, bar: b, whole: info.Size()}, o)
	if err != nil {
		return nil, none, errors.Join(err, f.Close())
	}
	return r, f.Close, nil
}

// fields draws a share of 0 to 1.
func fields(share float64) string {
	full := int(share * barWidth)
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}
