//go:build integration

package integration

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNAB takes a recording whose clock goes back an hour through a file source
// and a file sink, and counts from the files what the process says it did.
func TestNAB(t *testing.T) {
	path := shared(t, "nab/machine_temperature_system_failure.csv.gz")
	header, rows := table(t, path, 0)
	backward := 0
	var before time.Time
	for _, row := range rows {
		at, err := time.Parse(time.DateTime, row[0])
		if err != nil {
			t.Fatal(err)
		}
		if at.Before(before) {
			backward++
		}
		before = at
	}
	j := newJob(t, strings.ReplaceAll(`
version: 1
state_dir: "@DIR@/state"
http: {listen: off}
streams:
  nab:
    source: {type: file, path: PATH, time: TIME}
    channels: [value]
    model: {lookahead: 0}
    adapt: {mode: off}
    sinks: [clean]
sinks:
  clean: {type: file, path: "@DIR@/clean.jsonl"}
`, "PATH", path))
	text, err := os.ReadFile(j.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.config, []byte(strings.ReplaceAll(string(text), "TIME", header[0])), 0o600); err != nil {
		t.Fatal(err)
	}
	j.start()
	s := j.summary("nab")
	out, dead := lines(t, filepath.Join(j.dir, "clean.jsonl")), lines(t, filepath.Join(j.dir, "state", "dlq", "dead.jsonl"))
	emitted := newArrivals()
	// What came in, by time and value; what is there twice is a duplicate.
	in, duplicates := map[string]bool{}, int64(0)
	for _, row := range rows {
		at, err := time.Parse(time.DateTime, row[0])
		if err != nil {
			t.Fatal(err)
		}
		k := key(at, number(t, row[1]))
		if in[k] {
			duplicates++
		}
		in[k] = true
	}
	take := func(what string, at time.Time, v float64) {
		if k := key(at, v); !in[k] {
			t.Errorf("%s at %s with %g is of no row, or of one that is accounted for", what, at, v)
		} else {
			delete(in, k)
		}
	}
	withRaw := int64(0)
	for _, l := range out {
		emitted.add([]byte(l), time.Time{})
		r := parse(t, []byte(l))
		if v := r.Channels["value"]; v.Raw != nil {
			withRaw++
			take("a record", r.TS, *v.Raw)
		}
	}
	for _, l := range dead {
		r := parse(t, []byte(l))
		take("a dead letter", r.TS, r.Data.Value)
	}
	if len(in) > 0 {
		t.Errorf("%d rows are neither in a record nor in a dead letter", len(in))
	}
	emitted.check(t)
	t.Logf("in %d, backward %d, dropped to the dead letter %d, duplicates %d, emitted %d (%d with a reading)",
		s.In, backward, len(dead), duplicates, emitted.count(), withRaw)
	if backward == 0 {
		t.Error("the recording has no backward time: it is not the one that this test is about")
	}
	if s.In != int64(len(rows)) || s.Fates["raw"] != withRaw || s.dead() != int64(len(dead)) || s.Fates["duplicate"] != duplicates || s.Fates["pending"] != 0 || s.Records != int64(len(out)) {
		t.Errorf("%d rows, %d records with a reading, %d dead letters; the process says %d in, fates %v", len(rows), withRaw, len(dead), s.In, s.Fates)
	}
	if emitted.count() != len(out) || emitted.copies != 0 {
		t.Errorf("%d lines hold %d different records", len(out), emitted.count())
	}
	if n := withRaw + int64(len(dead)) + duplicates; n != int64(len(rows)) {
		t.Errorf("%d of %d rows are accounted for", n, len(rows))
	}
}

func key(at time.Time, v float64) string { return at.UTC().Format(time.RFC3339) + " " + shortest(v) }

func lines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		out = append(out, sc.Text())
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
