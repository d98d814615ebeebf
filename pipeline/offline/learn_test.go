package offline

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/window"
)

// table makes a recording of one column.
func table(n int, value func(i int) float64) string {
	rng := rand.New(rand.NewPCG(6, 1))
	var b strings.Builder
	b.WriteString("x\n")
	for i := range n {
		fmt.Fprintf(&b, "%.4f\n", value(i)+.3*rng.NormFloat64())
	}
	return b.String()
}

// column returns the cells of a column of CSV.
func column(t *testing.T, csv, name string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(csv), "\n")
	at := -1
	for i, h := range strings.Split(lines[0], ",") {
		if h == name {
			at = i
		}
	}
	if at < 0 {
		t.Fatalf("no column %s in %s", name, lines[0])
	}
	var out []string
	for _, l := range lines[1:] {
		out = append(out, strings.Split(l, ",")[at])
	}
	return out
}

func denoised(t *testing.T, csv string, c Config) string {
	t.Helper()
	r, err := file.NewReader("s.csv", strings.NewReader(csv), file.Options{RateHz: 1})
	if err != nil {
		t.Fatal(err)
	}
	c.Series = "s"
	c.Engine.Window = window.Config{RateHz: 1}
	var out bytes.Buffer
	if _, err := Denoise(t.Context(), r, &out, c); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Nothing is watched for in the rows that a series is fitted on, everything after
// them, and the model is the one that Tune gives from then on.
func TestFitRows(t *testing.T) {
	const n = 1200
	csv := table(2400, func(i int) float64 {
		if i >= 1800 {
			return 6 * math.Sin(float64(i)/3)
		}
		return math.Sin(float64(i) / 20)
	})
	tuned := testModel(t)
	h := tuned.Header()
	h.Name = "tuned"
	tuned, err := model.New(h, tuned.Net())
	if err != nil {
		t.Fatal(err)
	}
	run := func(chunk int) (string, []string) {
		var notes []string
		c := Config{Engine: testEngine(testModel(t)), FitRows: n, Chunk: chunk, Note: func(s string) { notes = append(notes, s) }}
		c.Engine.FitSentinel = train.Sentinel
		c.Tune = func(_ context.Context, m *model.Model, x [][]float64) (*model.Model, string, error) {
			if len(x) != 1 || len(x[0]) != n {
				t.Errorf("%d channels to tune on", len(x))
			}
			return tuned, "tuned serves", nil
		}
		return denoised(t, csv, c), notes
	}
	want, notes := run(4096)
	if diff := cmp.Diff([]string{"s: tuned serves"}, notes); diff != "" {
		t.Error(diff)
	}
	drift := column(t, want, "drift")
	for i, d := range drift {
		switch {
		case i < n && d != "learning", i >= n && d == "learning":
			t.Fatalf("row %d: %s", i, d)
		case i >= n && i < 1800 && d != "normal" && d != "warning":
			t.Fatalf("row %d: %s, nothing has changed yet", i, d)
		}
	}
	if last := drift[len(drift)-1]; last == "normal" || last == "warning" {
		t.Errorf("the last row is %s", last)
	}
	for _, chunk := range []int{1, 7} {
		if got, _ := run(chunk); got != want {
			t.Errorf("chunks of %d give other values", chunk)
		}
	}
}

// Too few rows to learn from are said.
func TestFitFewRows(t *testing.T) {
	var notes []string
	out := denoised(t, table(900, func(i int) float64 { return math.Sin(float64(i) / 20) }),
		Config{Engine: testEngine(testModel(t)), FitRows: 100, Note: func(s string) { notes = append(notes, s) }})
	if len(notes) != 1 || !strings.Contains(notes[0], "only jumps are watched: 100 slots are too few") {
		t.Errorf("%q", notes)
	}
	if d := column(t, out, "drift"); d[899] != "learning" {
		t.Errorf("the last row is %s", d[899])
	}
}

// An adapter switches within the recording, at a row that the chunks do not move.
func TestAdaptInStep(t *testing.T) {
	if testing.Short() {
		t.Skip("it fine-tunes twice")
	}
	base, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	csv := table(4500, func(i int) float64 {
		if i >= 3000 {
			return 5 * math.Exp(8*(math.Cos(float64(i)/8)-1))
		}
		return math.Sin(float64(i) / 40)
	})
	run := func(chunk int) (string, string) {
		a, err := adapt.New(adapt.Config{Mode: adapt.Auto, Channels: 1, CPUShare: 1, InStep: true, Steps: 20, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		var notes []string
		c := Config{Engine: testEngine(base), Chunk: chunk, Adapter: a, Note: func(s string) { notes = append(notes, s) }}
		c.Engine.FitSentinel = train.Sentinel
		return denoised(t, csv, c), strings.Join(notes, "\n")
	}
	want, notes := run(4096)
	if !strings.Contains(notes, "serves from record") {
		t.Errorf("no switch: %s", notes)
	}
	if got, again := run(7); got != want || again != notes {
		t.Errorf("chunks of 7: %s\nof 4096: %s", again, notes)
	}
}

// A reading of a sensor that is stuck is bad in the rows too, by whatever they are
// denoised, from where it is known until it is over.
func TestStuckRows(t *testing.T) {
	csv := strings.Split(table(3000, func(i int) float64 { return math.Sin(float64(i) / 20) }), "\n")
	for i := range csv[1700:2100] {
		csv[1700+i] = "0.25"
	}
	for _, filter := range []string{"", "ema", "hampel"} {
		c := Config{Engine: testEngine(testModel(t))}
		if filter != "" {
			p, err := classic.ParseFilter(filter)
			if err != nil {
				t.Fatal(err)
			}
			c.Filter = &p
		}
		out := denoised(t, strings.Join(csv, "\n"), c)
		drift, bad := column(t, out, "drift"), 0
		for i, q := range column(t, out, "x_quality") {
			if q == "bad" {
				bad++
			}
			if (q == "bad") != (drift[i] == "fault") {
				t.Fatalf("%s: row %d: drift %s, quality %s", filter, i, drift[i], q)
			}
		}
		if bad < 300 || bad > 1100 {
			t.Errorf("%s: %d rows are bad", filter, bad)
		}
	}
}
