package file_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/internal/sharedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleNewReader() {
	const csv = "ts,temp,note\n2020-03-09 16:16:30,21.4,ok\n2020-03-09 16:16:31,,\"no, reading\"\n"
	r, err := file.NewReader("example.csv", strings.NewReader(csv), file.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Channels(), r.TimeColumn())
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		c := row.Cells[0]
		fmt.Printf("%s %d %v %t\n", row.TimeText, row.Time/1e9, c.Value, c.Missing == ingest.Present)
	}
	// Output:
	// [temp] ts
	// 2020-03-09 16:16:30 1583770590 21.4 true
	// 2020-03-09 16:16:31 1583770591 0 false
}

// flat is a row in a form that compares and prints well.
func flat(r *file.Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:%d %s@%d", r.Index, r.Line, r.TimeText, r.Time)
	if r.Series != "" {
		fmt.Fprintf(&b, " %s", r.Series)
	}
	for _, c := range r.Cells {
		switch {
		case c.Absent:
			b.WriteString(" absent")
		case c.Missing != ingest.Present:
			fmt.Fprintf(&b, " %s", c.Missing)
		default:
			fmt.Fprintf(&b, " %v", c.Value)
		}
	}
	return b.String()
}

// readAll reads everything; errors of rows become rows.
func readAll(t *testing.T, r *file.Reader) []string {
	t.Helper()
	var out []string
	for {
		row, err := r.Read()
		var bad *file.RowError
		switch {
		case errors.Is(err, io.EOF):
			return out
		case errors.As(err, &bad):
			out = append(out, bad.Error())
		case err != nil:
			t.Fatalf("Read: %v", err)
		default:
			out = append(out, flat(row))
		}
	}
}

func zip(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, c := range []struct {
		name, in string
		o        file.Options
		channels string
		time     string
		want     []string
	}{
		{"row index", "a,b\n1,2\n3,4\n", file.Options{}, "a b", "", []string{"0:2 @0 1 2", "1:3 @1000000000 3 4"}},
		{"rate", "a\n1\n2\n3\n4\n", file.Options{RateHz: 3}, "a", "", []string{"0:2 @0 1", "1:3 @333333333 2", "2:4 @666666667 3", "3:5 @1000000000 4"}},
		{"fractional rate", "a\n1\n2\n", file.Options{RateHz: 0.5}, "a", "", []string{"0:2 @0 1", "1:3 @2000000000 2"}},
		{"time verbatim", "v,timestamp\n1,1970-01-01 00:00:02.50\n", file.Options{}, "v", "timestamp", []string{"0:2 1970-01-01 00:00:02.50@2500000000 1"}},
		{"ts before time", "time,ts,v\n9,3,1\n", file.Options{}, "time v", "ts", []string{"0:2 3@3000000000 9 1"}},
		{"time in any case", "Time,v\n3,1\n", file.Options{}, "v", "Time", []string{"0:2 3@3000000000 1"}},
		{"time given", "ts,when,v\n9,3,1\n", file.Options{Time: "when", TimeUnit: "ms"}, "ts v", "when", []string{"0:2 3@3000000 9 1"}},
		{"zone", "ts,v\n1970-01-01T02:00,1\n1970-01-01T02:00Z,1\n", file.Options{Zone: berlin}, "v", "ts", []string{"0:2 1970-01-01T02:00@3600000000000 1", "1:3 1970-01-01T02:00Z@7200000000000 1"}},
		{"milliseconds by size", "ts,v\n1163462403453,1\n", file.Options{}, "v", "ts", []string{"0:2 1163462403453@1163462403453000000 1"}},
		{"nanoseconds by size", "ts,v\n1700000000000000001,1\n", file.Options{}, "v", "ts", []string{"0:2 1700000000000000001@1700000000000000001 1"}},
		{"labels and text are no channels", "ts,v,anomaly,changepoint,label,anomaly_window,note,\n1,2,0,0,0,0,x,7\n", file.Options{}, "v", "ts", []string{"0:2 1@1000000000 2"}},
		{"a label asked for", "ts,v,anomaly\n1,2,0\n", file.Options{Channels: file.Named("anomaly", "v")}, "anomaly v", "ts", []string{"0:2 1@1000000000 0 2"}},
		{"n is a channel", "n,mlii_mv\n0,-0.145\n", file.Options{RateHz: 360}, "n mlii_mv", "", []string{"0:2 @0 0 -0.145"}},
		{"time asked for as a channel", "ts,v\n1,2\n", file.Options{Channels: file.Named("ts")}, "ts", "", []string{"0:2 @0 1"}},
		{"series", "dev,ts,v\na 1,1,2\n", file.Options{Series: "dev"}, "v", "ts", []string{"0:2 1@1000000000 a 1 2"}},
		{"missing", "ts,v,w\n1,,2\n2,nan,1e999\n", file.Options{}, "v w", "ts", []string{"0:2 1@1000000000 null 2", "1:3 2@2000000000 non_finite non_finite"}},
		{"judged", "v\n85\n7\n", file.Options{Channels: []field.Channel{{Name: "temp", Path: "v", Missing: []float64{85}}}}, "temp", "", []string{"0:2 @0 sentinel", "1:3 @1000000000 7"}},
		{"empty lines", "a,b\n1,2\n\n3,4\n\n", file.Options{}, "a b", "", []string{"0:2 @0 1 2", "1:4 @1000000000 3 4"}},
		{"empty lines of one column are missing values", "a\n1\n\n\n3\n\n", file.Options{}, "a", "", []string{"0:2 @0 1", "1:3 @1000000000 null", "2:4 @2000000000 null", "3:5 @3000000000 3"}},
		{"no header, one column", "1.5\n2.5\n", file.Options{}, "value", "", []string{"0:1 @0 1.5", "1:2 @1000000000 2.5"}},
		{"byte order mark and CRLF", "\ufeffa,b\r\n1,2\r\n", file.Options{}, "a b", "", []string{"0:2 @0 1 2"}},
		{"no line end at the end", "a,b\n1,2", file.Options{}, "a b", "", []string{"0:2 @0 1 2"}},
		{"spaces", " a , b\n 1 ,\t2\n", file.Options{}, "a b", "", []string{"0:2 @0 1 2"}},
		{"quotes", "\"a\",\"b \"\"x\"\"\",c\n\"1\",2,\"x\ny,z\"\n3,4,5\" pipe\n", file.Options{}, "a b \"x\"", "", []string{"0:2 @0 1 2", "1:4 @1000000000 3 4"}},
		{"semicolons and decimal commas", "\ufeffZeit;a;b;ort\r\n30.03.2024 00:00:01;1,5;-2;Halle 1, links\r\n30.03.2024 00:00:02;1.234,5;;\r\n", file.Options{Time: "Zeit", Channels: file.Named("a", "b")}, "a b", "Zeit", []string{
			"0:2 30.03.2024 00:00:01@1711756801000000000 1.5 -2", `x:3: column a: "1.234,5" is not a number`}},
		{"semicolons, quoted", "ts;\"a;b\"\n0,25;1,5\n\"0,5\";\"2,5\"\n", file.Options{}, "a;b", "ts", []string{"0:2 0,25@250000000 1.5", "1:3 0,5@500000000 2.5"}},
		{"tabs", "ts\ta\n1\t2.5\n", file.Options{}, "a", "ts", []string{"0:2 1@1000000000 2.5"}},
		{"a comma between tabs may be one of thousands", "ts\ta\n1\t2,500\n", file.Options{Channels: file.Named("a")}, "a", "ts", []string{`x:2: column a: "2,500" is not a number; if its commas are between thousands write 2500`}},
		{"a word on the separator", "sep=;\nts;a\n1;2\n", file.Options{}, "a", "ts", []string{"0:3 1@1000000000 2"}},
		{"comments above", "# pump 7\n# exported\nts,a\n1,2\n", file.Options{}, "a", "ts", []string{"0:4 1@1000000000 2"}},
		{"names in a comment", "# pump 7\n# ts,a\n1,2\n", file.Options{}, "a", "ts", []string{"0:3 1@1000000000 2"}},
		{"names in a comment, dates behind", "# time,a\n1970-01-01 00:00:02,2\n", file.Options{}, "a", "time", []string{"0:2 1970-01-01 00:00:02@2000000000 2"}},
		{"a comment, one column", "# pump 7\n1.5\n", file.Options{}, "value", "", []string{"0:2 @0 1.5"}},
		{"words for missing values", "ts,a\n1,2\n2,-\n3,N/A\n4,null\n5,NaN\n6, ? \n", file.Options{}, "a", "ts", []string{
			"0:2 1@1000000000 2", "1:3 2@2000000000 null", "2:4 3@3000000000 null", "3:5 4@4000000000 null", "4:6 5@5000000000 non_finite", "5:7 6@6000000000 null"}},
		{"dates with dots", "time,a\n30.03.2024,1\n30.03.2024 07:15,2\n31.02.2024,3\n03/30/2024,4\n", file.Options{Channels: file.Named("a")}, "a", "time", []string{
			"0:2 30.03.2024@1711756800000000000 1", "1:3 30.03.2024 07:15@1711782900000000000 2",
			`x:4: column time: "31.02.2024" is no time between 1970 and 2262, such as 2026-11-27T08:30:00Z or seconds since 1970`,
			`x:5: column time: "03/30/2024" is no time between 1970 and 2262, such as 2026-11-27T08:30:00Z or seconds since 1970`}},
		{"errors of rows", "ts,a,b\n1,2,3\n2,cold,3\n3,4\nsoon,1,1\n,1,1\n4,5,6\n", file.Options{Channels: file.Named("a", "b")}, "a b", "ts", []string{
			"0:2 1@1000000000 2 3",
			`x:3: column a: "cold" is not a number`,
			"x:4: 2 fields, but the header names 3 columns",
			`x:5: column ts: "soon" is no time between 1970 and 2262, such as 2026-11-27T08:30:00Z or seconds since 1970`,
			`x:6: column ts: "" is no time between 1970 and 2262, such as 2026-11-27T08:30:00Z or seconds since 1970`,
			"5:7 4@4000000000 5 6"}},
		{"an open quote", "a,b\n1,2\n\"3,4\n5,6\n", file.Options{Channels: file.Named("a")}, "a", "", []string{"0:2 @0 1", "x:3: a quote is opened and never closed"}},
		{"a long row", "a,b\n1,2\n" + strings.Repeat("7", 1<<20) + ",1\n5,6\n", file.Options{Channels: file.Named("a")}, "a", "", []string{"0:2 @0 1", "x:3: the row is longer than 1048576 bytes", "2:4 @2000000000 5"}},

		{"JSON", `{"ts":"1970-01-01T00:00:01Z","temp":21.4,"vib":{"rms":0.5},"on":true,"dev":"a"}` + "\n\n" + `{"temp":null,"ts":"1970-01-01T00:00:02Z"}` + "\n",
			file.Options{}, "temp vib.rms", "ts", []string{"0:1 1970-01-01T00:00:01Z@1000000000 21.4 0.5", "1:3 1970-01-01T00:00:02Z@2000000000 null absent"}},
		{"JSON, chosen", `{"t":1000,"v":"7","dev":9}` + "\n" + `{"t":2000,"v":NaN,"dev":"b"}`,
			file.Options{Time: "t", TimeUnit: "ms", Series: "dev", Channels: file.Named("v")}, "v", "t", []string{"0:1 1000@1000000000 9 7", "1:2 2000@2000000000 b non_finite"}},
		{"JSON, errors of rows", `{"ts":1,"v":1}` + "\n" + `{"ts":2,` + "\n[]\n" + `{"ts":3,"v":"cold"}` + "\n" + `{"ts":3,"v":[1]}` + "\n" + `{"v":1}` + "\n", file.Options{Channels: file.Named("v")}, "v", "ts", []string{
			"0:1 1@1000000000 1",
			"x:2: the payload is not JSON: it ends too early",
			"x:3: an array, want an object",
			`x:4: column v: "cold" is not a number`,
			`x:5: column v: an array is not a number`,
			`x:6: column ts: "" is no time between 1970 and 2262, such as 2026-11-27T08:30:00Z or seconds since 1970`}},
	} {
		for _, z := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/gzip=%v", c.name, z), func(t *testing.T) {
				in := c.in
				if z {
					in = zip(t, in)
				}
				r, err := file.NewReader("x", strings.NewReader(in), c.o)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(r.Channels(), " "); got != c.channels {
					t.Errorf("channels are %q, want %q", got, c.channels)
				}
				if got := r.TimeColumn(); got != c.time {
					t.Errorf("time column is %q, want %q", got, c.time)
				}
				if d := cmp.Diff(c.want, readAll(t, r)); d != "" {
					t.Errorf("rows (-want +got):\n%s", d)
				}
			})
		}
	}
}

func TestOpenErrors(t *testing.T) {
	for _, c := range []struct {
		name, in string
		o        file.Options
		want     string
	}{
		{"empty", "", file.Options{}, "x: the file is empty"},
		{"blank", "\n \n", file.Options{}, "x: the file is empty"},
		{"header only", "a,b\n", file.Options{}, "x: no row follows the header"},
		{"no numbers", "a,b\nx,y\n", file.Options{}, `x: none of the columns a, b holds numbers (a: "x" in line 2); name the channels`},
		{"numbers with units", "ts,t\n1,20\n2,20 °C\n", file.Options{}, `x: none of the columns ts, t holds numbers (t: "20 °C" in line 3); name the channels`},
		{"a quote that stays open", "ts,t\n1,\"20\n2,30\n", file.Options{}, "x:2: a quote is opened and never closed"},
		{"rows of another width", "a,b\n1,2,3\n", file.Options{}, "x:2: 3 fields, but the header names 2 columns"},
		{"JSON array", "[{\"a\":1},\n{\"a\":2}]\n", file.Options{}, "x:1: is one JSON array: write an object a line, as jq -c '.[]' does"},
		{"Parquet", "PAR1\x15\x04", file.Options{}, "x: is not text: export it as CSV or JSON lines"},
		{"Latin-1", "ts;Temperatur \xb0C\n1;2\n", file.Options{}, "x:1: the text is not UTF-8: save it as UTF-8"},
		{"no such channel", "ts,temp_c\n1,2\n", file.Options{Channels: file.Named("temp_x")}, `x: there is no column "temp_x"; the file has ts, temp_c; did you mean temp_c?`},
		{"no such time", "ts,a\n1,2\n", file.Options{Time: "when"}, `x: there is no column "when"; the file has ts, a`},
		{"no such series", "ts,a\n1,2\n", file.Options{Series: "dev"}, `x: there is no column "dev"`},
		{"no such field", `{"ts":1,"v":2}`, file.Options{Channels: file.Named("w.x")}, `x: there is no column "w.x"; the file has ts, v`},
		{"not JSON", `{"ts":1,"v":2`, file.Options{}, "x:1: the payload is not JSON: it ends too early"},
		{"column twice", "a,b,a\n1,2,3\n", file.Options{}, `x:1: the column "a" occurs twice`},
		{"numbers for a header", "1,2\n3,4\n", file.Options{}, "x:1: the first line holds values, but must name the columns"},
		{"a date and a number for a header", "30.03.2024 07:15;2,5\n30.03.2024 07:16;2,5\n", file.Options{}, "x:1: the first line holds values, but must name the columns"},
		{"UTF-16", "\xff\xfea\x00", file.Options{}, "UTF-16; save it as UTF-8"},
		{"broken gzip", "\x1f\x8bxxxxxxxxxxxxxxxx", file.Options{}, "x: not a valid gzip file"},
		{"cut gzip", zip(t, "a,b\n1,2\n")[:20], file.Options{}, "x: the compressed file is cut off"},
		{"format", "a\n1\n", file.Options{Format: "xml"}, `format "xml": must be csv or jsonl`},
		{"unit", "a\n1\n", file.Options{TimeUnit: "h"}, `time_unit "h"`},
		{"rate", "a\n1\n", file.Options{RateHz: -1}, "must be a positive number of hertz"},
		{"channel twice", "a\n1\n", file.Options{Channels: file.Named("a", "a")}, "channel a occurs twice"},
	} {
		_, err := file.NewReader("x", strings.NewReader(c.in), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want …%s…", c.name, err, c.want)
		}
	}
	if _, err := file.Open(filepath.Join(t.TempDir(), "none.csv"), file.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := file.Open(t.TempDir(), file.Options{}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("folder: got %v", err)
	}
}

func TestDamagedGzipIsAnError(t *testing.T) {
	z := zip(t, "a,b\n"+strings.Repeat("1,2\n", 100_000))
	r, err := file.NewReader("x", strings.NewReader(z[:len(z)-12]), file.Options{Channels: file.Named("a")})
	for err == nil {
		_, err = r.Read()
	}
	if errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v, want an error that says the file is cut off", err)
	}
}

func TestNumericIsDecidedOnTheFirstRows(t *testing.T) {
	in := "a,b\n" + strings.Repeat("1,2\n", 1000) + "x,2\n"
	r, err := file.NewReader("x", strings.NewReader(in), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := readAll(t, r)
	if want := `x:1002: column a: "x" is not a number`; len(rows) != 1001 || rows[1000] != want {
		t.Errorf("%d rows, the last is %q, want 1001 and %q", len(rows), rows[len(rows)-1], want)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	for name, row := range map[string]string{
		"csv":   "ts,a,b,note\n" + strings.Repeat("2020-03-09 16:16:30,21.4,73.96732207000001,x\n", 5000),
		"semi":  "ts;a;b;note\n" + strings.Repeat("30.03.2020 16:16:30;21,4;-;x\n", 5000),
		"quote": "ts,a,b,note\n" + strings.Repeat("2020-03-09 16:16:30,21.4,73.9673220,\"x,y\"\n", 5000),
		"jsonl": strings.Repeat(`{"ts":"2020-03-09T16:16:30Z","a":21.4,"b":{"c":3}}`+"\n", 5000),
	} {
		r, err := file.NewReader("x", strings.NewReader(row), file.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 1500 { // past the rows read ahead
			if _, err := r.Read(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(3000, func() {
			if _, err := r.Read(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per row, want 0", name, n)
		}
	}
}

// TestSharedData reads every recording that the project is judged with.
func TestSharedData(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "data"), "*", "*.csv.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, p := range paths {
		if strings.HasSuffix(p, "_beats.csv.gz") {
			continue
		}
		r, err := file.Open(p, file.Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		rows := 0
		for rows < 3000 {
			_, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Error(err)
				break
			}
			rows++
		}
		if rows == 0 {
			t.Errorf("%s: no rows", p)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for name, row := range map[string]string{
		"csv":   "2020-03-09 16:16:30,21.4,73.96732207000001,0.12\n",
		"jsonl": `{"ts":"2020-03-09T16:16:30Z","a":21.4,"b":73.96732207000001,"c":0.12}` + "\n",
	} {
		b.Run("format="+name, func(b *testing.B) {
			text := strings.Repeat(row, 200_000)
			if name == "csv" {
				text = "ts,a,b,c\n" + text
			}
			var r *file.Reader
			left := 0
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				if left == 0 {
					b.StopTimer()
					var err error
					if r, err = file.NewReader("x", strings.NewReader(text), file.Options{Channels: file.Named("a", "b", "c")}); err != nil {
						b.Fatal(err)
					}
					left = 200_000
					b.StartTimer()
				}
				if _, err := r.Read(); err != nil {
					b.Fatal(err)
				}
				left--
			}
		})
	}
}
