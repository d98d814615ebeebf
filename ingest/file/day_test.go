package file_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest/file"
)

// TestDayAndTime reads times that stand in two columns.
func TestDayAndTime(t *testing.T) {
	// As the UCI repository has its air quality: a comma for the point, points for the
	// colons, columns without a name, rows of nothing at the end.
	air := "Date;Time;CO(GT);T;;\n10/03/2004;18.00.00;2,6;13,6;;\n13/03/2004;19.00.00;2;13,3;;\n;;;;;\n"
	for _, c := range []struct {
		name, in, time, words string
		o                     file.Options
		want                  []string
	}{
		{"air quality", air, "Date,Time", "columns Date and Time, the day before the month", file.Options{},
			[]string{"10/03/2004|18.00.00|2004-03-10T18:00:00Z", "13/03/2004|19.00.00|2004-03-13T19:00:00Z"}},
		{"in a zone", air, "Date,Time", "columns Date and Time, the day before the month", file.Options{Zone: time.FixedZone("", 3600)},
			[]string{"10/03/2004|18.00.00|2004-03-10T17:00:00Z", "13/03/2004|19.00.00|2004-03-13T18:00:00Z"}},
		{"the month first", "time,date,a\n6:00 PM,3/14/2004,1\n12:30:00 am,3/15/2004,1\n", "date,time", "columns date and time, the month before the day", file.Options{},
			[]string{"3/14/2004|6:00 PM|2004-03-14T18:00:00Z", "3/15/2004|12:30:00 am|2004-03-15T00:30:00Z"}},
		{"ISO", "date,time,a\n2024-03-30,07:15:00.25,1\n2024/3/30,7:16,1\n", "date,time", "columns date and time", file.Options{},
			[]string{"2024-03-30|07:15:00.25|2024-03-30T07:15:00.25Z", "2024/3/30|7:16|2024-03-30T07:16:00Z"}},
		{"dots", "Datum;Uhr;a\n30.03.2024;07:15;1\n", "Datum,Uhr", "columns Datum and Uhr", file.Options{Time: "Datum, Uhr"}, []string{"30.03.2024|07:15|2024-03-30T07:15:00Z"}},
		{"the time is whole", "date,time,a\n2024-03-30,2024-03-30 07:15:00,1\n", "time", "column time", file.Options{}, []string{"|2024-03-30 07:15:00|2024-03-30T07:15:00Z"}},
		{"seconds", "date,time,a\n2024-03-30,18.5,1\n", "time", "column time", file.Options{}, []string{"|18.5|1970-01-01T00:00:18.5Z"}},
		{"a comma in a name", "\"t,s\",a\n2024-03-30T07:15:00Z,1\n", "t,s", "column t,s", file.Options{Time: "t,s"}, []string{"|2024-03-30T07:15:00Z|2024-03-30T07:15:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := file.NewReader("x", strings.NewReader(c.in), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.TimeColumn(); got != c.time || r.TimeWords() != c.words {
				t.Errorf("the time is in %q (%s), want %q (%s)", got, r.TimeWords(), c.time, c.words)
			}
			var got []string
			for {
				row, err := r.Read()
				if err != nil {
					break
				}
				got = append(got, fmt.Sprintf("%s|%s|%s", row.DayText, row.TimeText, time.Unix(0, row.Time).UTC().Format(time.RFC3339Nano)))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestDayAndTimeErrors: what can't be told is not guessed.
func TestDayAndTimeErrors(t *testing.T) {
	const slashes = "x: column Date: with slashes day and month can't be told apart here: write dates as 2024-03-30"
	for _, c := range []struct {
		name, in string
		o        file.Options
		want     string
	}{
		{"may be either", "Date,Time,a\n" + strings.Repeat("03/04/2024,07:15,1\n", 2000), file.Options{}, slashes},
		{"few rows", "Date,Time,a\n03/04/2024,07:15,1\n", file.Options{Time: "Date,Time"}, slashes},
		{"both", "Date,Time,a\n13/04/2024,07:15,1\n04/13/2024,07:15,1\n", file.Options{}, slashes},
		{"no such column", "Date,Time,a\n1,2,3\n", file.Options{Time: "Date,Uhr"}, `x: there is no column "Uhr"; the file has Date, Time, a`},
	} {
		if _, err := file.NewReader("x", strings.NewReader(c.in), c.o); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	in := "date,time,a\n2024-03-30,07:15,1\n2024-02-30,07:15,1\n2024-03-30,25:15,1\n2024-03-30,,1\n2024-03-30,07:15:,1\n,07:15,1\n"
	r, err := file.NewReader("x", strings.NewReader(in), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := readAll(t, r)
	for i, row := range rows {
		if strings.HasPrefix(row, "x:") != (i > 0) {
			t.Errorf("row %d: %s", i, row)
		}
	}
	if want := `x:3: columns date and time: "2024-02-30" and "07:15" are no date and time of day between 1970 and 2262, such as 2026-11-27 and 08:30:00`; len(rows) != 6 || rows[1] != want {
		t.Errorf("got %q, want %s", rows, want)
	}
}

// TestDayAndTimeAllocatesNothing of a row.
func TestDayAndTimeAllocatesNothing(t *testing.T) {
	r, err := file.NewReader("x", strings.NewReader("date;time;a\n"+strings.Repeat("30/03/2024;07:15:00;1,5\n", 3000)), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 1500 { // what was read ahead, and the memory of a row
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%g allocations per row", n)
	}
}
