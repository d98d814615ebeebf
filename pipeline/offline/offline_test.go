package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// testModel is a small net with random weights: what it says is of no use, but
// any value that ends in the wrong row shows.
func testModel(t *testing.T) *model.Model {
	t.Helper()
	net, err := nn.New(nn.TCN(3, 1, 4, 3, []int{1, 2}, 5), 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 0))
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] += 0.1 * float32(rng.NormFloat64())
		}
	}
	net.Pack()
	m, err := model.New(model.Header{Name: "test", Kind: model.TCN, Inputs: []model.Input{model.Signal, model.Level, model.Mask},
		Residual: true, Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// untrained stands in for a fitted sentinel.
func untrained(_ [][]float32, channels int, seed uint64) (*nn.Net, error) {
	return nn.New(nn.DAE(2*channels, channels, []int{4, 8}, 3, 4), seed)
}

func testEngine(m *model.Model) pipeline.EngineConfig {
	return pipeline.EngineConfig{Stream: "s", Model: m, Guard: true, Watch: true, FitSentinel: untrained, SentinelSlots: 256, Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond}}
}

// disorder is a recording of two series with everything that happens to one:
// swapped, doubled, off-grid and contradicting rows, missing values, short and
// long gaps, stragglers, a clock that is set back.
func disorder(n int) string {
	rng := rand.New(rand.NewPCG(9, 9))
	var lines []string
	for i := range n {
		if i%701 > 680 || i%97 > 94 {
			continue
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 10 * time.Millisecond)
		if i > n/2 {
			at = at.Add(-5 * time.Second)
		}
		for _, name := range []string{"x", "y"} {
			v := []string{"", "NaN"}[rng.IntN(2)]
			if rng.IntN(50) > 0 {
				v = strconv.FormatFloat(math.Sin(float64(i)/20)+0.3*rng.NormFloat64(), 'g', -1, 64)
			}
			line := func(at time.Time, v string) string {
				return fmt.Sprintf("%s,%s,%s,%d", at.Format(time.RFC3339Nano), name, v, i%13)
			}
			lines = append(lines, line(at, v))
			switch rng.IntN(60) {
			case 0:
				lines = append(lines, line(at, v))
			case 1:
				lines = append(lines, line(at, "7"))
			case 2:
				lines = append(lines, line(at.Add(-3*time.Millisecond), "8"))
			case 3:
				lines = append(lines, line(at.Add(-400*time.Millisecond), "9"))
			}
		}
		if m := len(lines); m > 20 && rng.IntN(10) == 0 {
			lines[m-1], lines[m-6] = lines[m-6], lines[m-1]
		}
	}
	return "ts,series,a,b\n" + strings.Join(lines, "\n") + "\n"
}

// run denoises text and returns the rows of the output, the header first.
func run(t *testing.T, text string, o file.Options, c Config) ([]string, Report) {
	t.Helper()
	r, err := file.NewReader("in.csv", strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	rep, err := Denoise(t.Context(), r, &out, c)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), rep
}

// TestWholeFilter: a filter that needs all of a recording has all of it, from one
// long gap to the next and of each series by itself, and says that nothing is early.
func TestWholeFilter(t *testing.T) {
	const n, gap = 500, 300 // rows, and the one before which time jumps
	rng := rand.New(rand.NewPCG(5, 5))
	y := map[string][]float64{}
	text := strings.Builder{}
	text.WriteString("ts,series,a\n")
	for i := range n {
		at := float64(i) / 100
		if i >= gap {
			at += 100
		}
		for _, name := range []string{"x", "y"} {
			v := math.NaN()
			cell := ""
			if rng.IntN(20) > 0 {
				v = math.Sin(float64(i)/20) + .3*rng.NormFloat64()
				cell = strconv.FormatFloat(v, 'g', -1, 64)
			}
			y[name] = append(y[name], v)
			fmt.Fprintf(&text, "%.2f,%s,%s\n", at, name, cell)
		}
	}
	for _, spec := range []string{"butterworth:l=full", "wavelet:level=3", "kalman:l=full"} {
		p, err := classic.ParseFilter(spec)
		if err != nil {
			t.Fatal(err)
		}
		c := Config{Engine: testEngine(nil), Filter: &p, Whole: true, SeriesColumn: "series", Chunk: 64}
		rows, _ := run(t, text.String(), file.Options{Series: "series"}, c)
		want := map[string][]float64{}
		for name, x := range y {
			want[name] = make([]float64, n)
			classic.Apply(want[name][:gap], x[:gap], p)
			classic.Apply(want[name][gap:], x[gap:], p)
		}
		if len(rows) != 2*n+1 {
			t.Fatalf("%s: %d rows", spec, len(rows))
		}
		for k, row := range rows[1:] {
			f := strings.Split(row, ",")
			if got, err := strconv.ParseFloat(f[3], 64); err != nil || got != want[f[1]][k/2] || f[7] != p.Family || strings.Contains(f[8], "no_lookahead") {
				t.Fatalf("%s: row %d is %s, want %v", spec, k, row, want[f[1]][k/2])
			}
		}
	}
}

// TestChunksChangeNothing: how the input is cut changes no byte of the output.
func TestChunksChangeNothing(t *testing.T) {
	text := disorder(3000)
	f, err := classic.ParseFilter("median:w=7")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"net":    {Engine: testEngine(testModel(t)), SeriesColumn: "series"},
		"filter": {Engine: testEngine(nil), SeriesColumn: "series", Filter: &f},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, c.Chunk = range []int{1, 7, 1000, math.MaxInt} {
				got, _ := run(t, text, file.Options{Series: "series"}, c)
				if want == nil {
					want = got
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("chunks of %d (-want +got):\n%s", c.Chunk, d)
				}
			}
		})
	}
}

// records collects what an engine says by series, epoch and time.
type records map[string]string

func (o records) Record(r *sink.Record) {
	v := &r.Values[0]
	o[fmt.Sprint(r.Series, "/", r.Epoch, "/", r.Time)] = fmt.Sprintf("%v %v %v %v %v", v.Clean, v.Lo, v.Hi, v.Quality, v.Method)
}
func (records) Event(sink.Event)                {}
func (records) Dead(ingest.Sample, window.Fate) {}

// TestRowsMatchRecords finds the record of each row that has one by its time and
// compares; every row comes out, in order, and the flags add up to the fates.
func TestRowsMatchRecords(t *testing.T) {
	text := disorder(3000)
	o := file.Options{Series: "series", Channels: file.Named("a")}
	m := testModel(t)
	got, rep := run(t, text, o, Config{Engine: testEngine(m), SeriesColumn: "series", Chunk: 100})

	want := records{}
	cfg := testEngine(m)
	cfg.Channels = []string{"a"}
	e, err := pipeline.NewEngine(cfg, want)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r, err := file.NewReader("in.csv", strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	type line struct{ time, series, raw string }
	var in []line
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c := row.Cells[0]
		raw := ""
		if c.Missing == ingest.Present {
			raw = strconv.FormatFloat(c.Value, 'f', -1, 64)
		}
		in = append(in, line{string(row.TimeText), row.Series, raw})
		if err := e.Push("", []ingest.Sample{{Series: row.Series, Time: row.Time, Value: c.Value, Missing: c.Missing}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	e.Finish()

	if len(got) != len(in)+1 {
		t.Fatalf("%d rows for %d", len(got)-1, len(in))
	}
	if want := "ts,series,a,a_clean,a_lo,a_hi,a_quality,a_method,a_flags,score,drift"; got[0] != want {
		t.Errorf("header %s, want %s", got[0], want)
	}
	var fates window.Fates
	epoch := map[string]int{}
	compared := 0
	for i, l := range in {
		f := strings.Split(got[i+1], ",")
		if len(f) != 11 || f[0] != l.time || f[1] != l.series || f[2] != l.raw {
			t.Fatalf("row %d is %s, want %+v", i, got[i+1], l)
		}
		fate := window.Raw
		for k := window.Duplicate; k < window.NumFates; k++ {
			if strings.HasSuffix(" "+f[8], " "+k.String()) {
				fate = k
			}
		}
		fates[fate]++
		at, err := time.Parse(time.RFC3339Nano, l.time)
		if err != nil {
			t.Fatal(err)
		}
		clean := fmt.Sprintf("%v %v %v %v %v", number(f[3]), number(f[4]), number(f[5]), f[6], f[7])
		if fate == window.Raw && at.Nanosecond()%1e7 == 0 {
			w, ok := want[fmt.Sprint(l.series, "/", epoch[l.series], "/", at.UnixNano())]
			if later, has := want[fmt.Sprint(l.series, "/", epoch[l.series]+1, "/", at.UnixNano())]; has && later == clean && w != clean {
				epoch[l.series]++
				w = later
			}
			if ok && w != clean {
				t.Fatalf("row %d is %s, its record says %s", i, got[i+1], w)
			}
			if ok {
				compared++
			}
		}
		if f[3] == "" && (f[6] != "bad" || f[8] == "") {
			t.Errorf("row %d has no clean value and says not why: %s", i, got[i+1])
		}
	}
	if compared < len(in)*7/10 {
		t.Errorf("only %d of %d rows could be compared", compared, len(in))
	}
	if d := cmp.Diff(rep.Fates, fates); d != "" {
		t.Errorf("flags do not add up to the fates (-fates +flags):\n%s", d)
	}
	for _, k := range []window.Fate{window.Duplicate, window.Conflicting, window.Surplus, window.Late} {
		if fates[k] == 0 {
			t.Errorf("the recording has no %s sample", k)
		}
	}
	if rep.Rows != int64(len(in)) {
		t.Errorf("the report says %d rows, want %d", rep.Rows, len(in))
	}
}

func number(s string) float64 {
	if s == "" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.Inf(1)
	}
	return v
}

// TestColumns: every kind of row, with a filter that changes nothing so that the
// values are known.
func TestColumns(t *testing.T) {
	f, err := classic.ParseFilter("moving_average:w=1")
	if err != nil {
		t.Fatal(err)
	}
	text := `"my,time",a
1.0,1
1.25,2
1.5,
1.40,nan
1.75,4
1.75,4
1.75,5
1.0,1
0.5,9
2.00,0.1
2.75,1e300
`
	e := pipeline.EngineConfig{Stream: "s", Window: window.Config{RateHz: 4, Lateness: time.Millisecond}}
	got, _ := run(t, text, file.Options{Time: "my,time", Channels: file.Named("a")}, Config{Engine: e, Filter: &f})
	want := []string{
		`"my,time",a,a_clean,a_lo,a_hi,a_quality,a_method,a_flags,score,drift`,
		"1.0,1,1,,,good,moving_average,,,learning",
		"1.25,2,2,,,good,moving_average,,,learning",
		"1.5,,2,,,filled,moving_average,null,,learning",
		"1.40,,2,,,filled,moving_average,null late,,learning",
		"1.75,4,4,,,good,moving_average,,,learning",
		"1.75,4,4,,,good,moving_average,duplicate,,learning",
		"1.75,5,4,,,good,moving_average,conflicting,,learning",
		"1.0,1,1,,,good,moving_average,duplicate,,learning",
		"0.5,9,,,,bad,raw,late,,",
		"2.00,0.1,0.1,,,good,moving_average,,,learning",
		"2.75,1e+300,1e+300,,,good,moving_average,,,learning",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestSurplus: the latest reading of a slot counts, whatever the order.
func TestSurplus(t *testing.T) {
	text := "ts,a\n10,1\n10.6,2\n10.7,3\n10.65,4\n12,5\n"
	f := classic.Params{Family: classic.MovingAverageName, Window: 1}
	e := pipeline.EngineConfig{Stream: "s", Window: window.Config{RateHz: 1, Lateness: 2 * time.Second}}
	got, _ := run(t, text, file.Options{}, Config{Engine: e, Filter: &f})
	want := []string{
		"10,1,1,,,good,moving_average,,,learning",
		"10.6,2,3,,,good,moving_average,surplus,,learning",
		"10.7,3,3,,,good,moving_average,,,learning",
		"10.65,4,3,,,good,moving_average,surplus,,learning",
		"12,5,5,,,good,moving_average,,,learning",
	}
	if d := cmp.Diff(want, got[1:]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestFilterEqualsWholeRecording compares with the filter over all of it at once.
func TestFilterEqualsWholeRecording(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var text strings.Builder
	text.WriteString("a\n")
	x := make([]float64, 700)
	for i := range x {
		x[i] = math.Sin(float64(i)/9) + rng.NormFloat64()
		fmt.Fprintln(&text, x[i])
	}
	for _, spec := range []string{"median:w=5", "hampel", "ema", "kalman:l=3", "savitzky_golay:l=2"} {
		f, err := classic.ParseFilter(spec)
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float64, len(x))
		classic.Apply(y, x, f)
		got, _ := run(t, text.String(), file.Options{RateHz: 100}, Config{Engine: testEngine(nil), Filter: &f})
		for i, l := range got[1:] {
			if c := strings.Split(l, ","); number(c[1]) != y[i] || c[5] != f.Family {
				t.Fatalf("%s: row %d is %s, want %v", spec, i, l, y[i])
			}
		}
	}
}

// TestMemory: rows wait for their own slot only, however long the recording.
func TestMemory(t *testing.T) {
	var text strings.Builder
	text.WriteString("a,b\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "%d,%d\n", i%17, i%19)
	}
	r, err := file.NewReader("in.csv", strings.NewReader(text.String()), file.Options{RateHz: 100})
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDenoiser(r, io.Discard, Config{Engine: testEngine(testModel(t)), Chunk: math.MaxInt})
	if err != nil {
		t.Fatal(err)
	}
	defer d.eng.Close()
	if err := d.read(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n := len(d.rows.ring); n > 512 {
		t.Errorf("%d rows were held at once", n)
	}
	if d.finish(); d.err != nil || d.rows.len() > 0 {
		t.Errorf("%d rows are left, error %v", d.rows.len(), d.err)
	}
}

// TestErrors: a bad row, a writer that fails and a cancel end the work.
func TestErrors(t *testing.T) {
	long := "a\n" + strings.Repeat("1\n", 5000)
	open := func(text string) *file.Reader {
		r, err := file.NewReader("in.csv", strings.NewReader(text), file.Options{Channels: file.Named("a")})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	c := Config{Engine: testEngine(testModel(t))}
	if _, err := Denoise(t.Context(), open("a\n1\nhot\n"), io.Discard, c); err == nil || err.Error() != `in.csv:3: column a: "hot" is not a number` {
		t.Errorf("a text among numbers: %v", err)
	}
	if _, err := Denoise(t.Context(), open(long), full{}, c); !errors.Is(err, errFull) {
		t.Errorf("a writer that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Denoise(ctx, open(long), io.Discard, c); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancel: %v", err)
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestSpill: a recording sorted by series makes nearly all rows wait for the last
// ones of its first series; they do so on disk, and nothing else changes.
func TestSpill(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rng := rand.New(rand.NewPCG(4, 4))
	var text strings.Builder
	text.WriteString("ts,id,a\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "%d.%02d,s%d,%.4f\n", i/100, i%100, i/400, rng.NormFloat64())
	}
	denoise := func(most int) (string, *denoiser) {
		r, err := file.NewReader("in.csv", strings.NewReader(text.String()), file.Options{Series: "id"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		d, err := newDenoiser(r, &out, Config{Engine: testEngine(testModel(t)), SeriesColumn: "id", Chunk: 10})
		if err != nil {
			t.Fatal(err)
		}
		defer d.eng.Close()
		d.most = most
		if err := d.read(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if d.finish(); d.err != nil {
			t.Fatal(d.err)
		}
		if err := d.rows.old.close(); err != nil {
			t.Error(err)
		}
		return out.String(), d
	}
	want, _ := denoise(mostRows)
	if n := strings.Count(want, "\n"); n != 2001 {
		t.Errorf("%d rows, want 2001", n)
	}
	for _, most := range []int{2, 50, 301} {
		got, d := denoise(most)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("at most %d rows in memory (-want +got):\n%s", most, d)
		}
		if n := len(d.rows.ring); n > max(64, 2*most) {
			t.Errorf("%d rows were in memory, want at most %d", n, most)
		}
		if most > 2 && d.rows.old.f == nil { // with 2 all that leave memory are incomplete
			t.Errorf("at most %d rows in memory: none went to disk", most)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// A number that is written again is written as it was, and not where another one is.
func TestWritten(t *testing.T) {
	var w written
	var got, want []byte
	for _, v := range []float64{0, math.Copysign(0, -1), 0, 1.5, 1.5, math.NaN(), math.NaN(), 1e300, math.Inf(1), -2} {
		got, want = append(w.append(got, v), ' '), append(appendNumber(want, v), ' ')
	}
	if string(got) != string(want) {
		t.Errorf("%q, want %q", got, want)
	}
}
