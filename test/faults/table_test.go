//go:build faults

package faults

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/quell-stream/quell/test/harness"
)

// row is a line of the table: what a fault, so many times, did to what was sent.
type row struct {
	fault    string
	times    int
	counts   counts
	peak     int64 // resident memory at most, bytes; 0: not looked at
	differ   int   // copies that differ, as the log has said they may
	problems []string
	mu       sync.Mutex
}

// table is all rows, in the order in which they were begun.
type table struct {
	mu     sync.Mutex
	rows   []*row
	failed map[string]bool // tests that failed by the verdict on a row
}

var results = table{failed: map[string]bool{}}

// newRow begins a row. It fails the test at its end where a must is broken that is
// not listed as open.
func newRow(t *testing.T, fault string) *row {
	t.Helper()
	r := &row{fault: fault}
	results.mu.Lock()
	results.rows = append(results.rows, r)
	results.mu.Unlock()
	t.Cleanup(func() {
		if t.Failed() && !results.failed[t.Name()] {
			r.miss("the test did not get through: see its log")
		}
		if v := r.verdict(); strings.HasPrefix(v, "MISSED") {
			results.failed[t.Name()] = true
			t.Errorf("%s: %s", fault, strings.Join(r.missed(), "; "))
		}
	})
	return r
}

// add counts further faults and what they did.
func (r *row) add(times int, c counts, peak int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times += times
	r.counts.add(c)
	r.peak = max(r.peak, peak)
}

// told counts copies that differ since the disk lost what they were computed from, which
// the log has told of.
func (r *row) told(different int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.differ += different
}

// miss notes that a must is broken.
func (r *row) miss(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// missed lists the musts that are broken.
func (r *row) missed() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	for _, m := range []struct {
		n    int
		what string
	}{{c.lost, "lost"}, {c.different, "duplicates differ"}, {c.reordered, "out of order"}, {c.wrong, "hold another raw value, or none"}} {
		if m.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", m.n, m.what))
		}
	}
	return append(out, r.problems...)
}

func (r *row) verdict() string {
	missed := r.missed()
	why, open := openRows()[r.fault]
	switch {
	case len(missed) == 0 && open:
		return "holds, and is listed as open"
	case len(missed) == 0:
		return "holds"
	case open:
		return "OPEN: " + why
	default:
		return "MISSED: " + missed[0]
	}
}

// openRows reads the rows that miss their must and are being worked on: the row, a
// tab, why.
func openRows() map[string]string {
	f, err := os.Open(filepath.Join(harness.Root(), ".ci", "open-faults.txt"))
	if err != nil {
		return nil
	}
	defer f.Close()
	out := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, why, ok := strings.Cut(s.Text(), "\t"); ok && !strings.HasPrefix(name, "#") {
			out[name] = why
		}
	}
	return out
}

// print writes the table, and returns 1 where a must is broken.
func (tb *table) print(w io.Writer) (code int) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if len(tb.rows) == 0 {
		return 0
	}
	fmt.Fprintln(w, "\n| fault | times | sent | received | lost | duplicates identical | duplicates different | reordered | peak MiB | must |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
	for _, r := range tb.rows {
		c, peak := r.counts, "–"
		if r.peak > 0 {
			peak = fmt.Sprint(r.peak >> 20)
		}
		v := r.verdict()
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %d | %s | %s |\n",
			r.fault, r.times, c.sent, c.received, c.lost, c.identical, c.different+r.differ, c.reordered, peak, v)
		if strings.HasPrefix(v, "MISSED") {
			code = 1
		}
	}
	return code
}
