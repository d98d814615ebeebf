package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ordered writes the rows of a sine, one a second and as order has them, and returns the
// path of the file.
func ordered(t *testing.T, n int, order func(rows []string) []string) string {
	t.Helper()
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf("%d,%.3f\n", 1690000000+i, 60+5*math.Sin(float64(i)/25)+float64(i*7919%13)/10)
	}
	path := filepath.Join(t.TempDir(), "d.csv")
	if err := os.WriteFile(path, []byte("ts,a\n"+strings.Join(order(rows), "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOrderIsTold: a recording most of which comes after later rows is refused and leaves
// the output as it was; where a few do it is denoised and a note says where they are.
func TestOrderIsTold(t *testing.T) {
	for _, c := range []struct {
		name  string
		order func([]string) []string
		code  int
		want  string
	}{
		{"descending", func(r []string) []string { slices.Reverse(r); return r }, 1,
			"d.csv: the rows are not in order of time, so that 599 of 600 readings would not be used: sort them by column ts, or name the column of the series with --series"},
		{"a stretch behind", func(r []string) []string { return append(append(r[:200:200], r[240:]...), r[200:240]...) }, 0,
			"note: the times go back by 6m39s at line 562: rows that come after later ones are not used: sort the file by time"},
		{"twice", func(r []string) []string {
			return slices.Concat(r[:100], r[110:300], r[100:110], r[320:], r[300:320])
		}, 0, "note: the times go back 2 times, by up to 4m59s at line 582: rows"},
		{"in order", func(r []string) []string { return r }, 0, ""},
		{"within what is waited for", func(r []string) []string { r[300], r[301] = r[301], r[300]; return r }, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := ordered(t, 600, c.order)
			out := filepath.Join(t.TempDir(), "o.csv")
			if err := os.WriteFile(out, []byte("old\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errs, code := quell(t, "denoise", in, "-o", out)
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("rc %d, want %d; told %q, want %q in it", code, c.code, errs, c.want)
			}
			if c.want == "" && errs != "" {
				t.Errorf("told %q of rows in order", errs)
			}
			got, err := os.ReadFile(out)
			if err != nil || (string(got) == "old\n") != (c.code != 0) {
				t.Errorf("rc %d, and the output begins with %.20q (%v)", code, got, err)
			}
		})
	}
}

// TestEndOfSummerTime: an hour that comes twice is told of as such.
func TestEndOfSummerTime(t *testing.T) {
	var b strings.Builder
	b.WriteString("ts,a\n")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 10, 27, 0, 0, 0, 0, time.UTC)
	for i := range 300 { // 03:00 becomes 02:00 at 01:00 UTC
		fmt.Fprintf(&b, "%s,%.3f\n", at.Add(time.Duration(i)*time.Minute).In(berlin).Format("2006-01-02T15:04:05"), 60+5*math.Sin(float64(i)/25)+float64(i*7919%13)/10)
	}
	in := filepath.Join(t.TempDir(), "d.csv")
	if err := os.WriteFile(in, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := quell(t, "denoise", in, "--tz", "Europe/Berlin", "-o", filepath.Join(t.TempDir(), "o.csv"))
	if want := "note: the times go back by 59m0s at line 62 (the end of summer time?)"; code != 0 || !strings.Contains(errs, want) {
		t.Errorf("rc %d; told %q, want %q in it", code, errs, want)
	}
}
