package train

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/quell-stream/quell/model"
)

// noisy adds white noise to a recording.
type noisy struct {
	*pulses
	rng *rand.Rand
}

func newNoisy(n int) *noisy { return &noisy{newPulses(n, 1), rand.New(rand.NewPCG(8, 8))} }

func (n *noisy) Read(row, _ []float64) error {
	if err := n.pulses.Read(row, nil); err != nil {
		return err
	}
	for i := range row {
		row[i] += .7 * n.rng.NormFloat64()
	}
	return nil
}

// TestSampleHoldsWhatTheStreamSees: the windows of a recording that fits are those of
// one that is read whole.
func TestSampleHoldsWhatTheStreamSees(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	const n = 3*historyWindow + 2000
	var x []float64
	var lost []bool
	src := &faulty{RowReader: newNoisy(n), spoil: func(i int, row []float64) error {
		gone := i%211 == 7
		if gone {
			row[0] = math.NaN()
		}
		x, lost = append(x, row[0]), append(lost, gone)
		return nil
	}}
	windows, rows, err := Sample(t.Context(), src, m, SampleConfig{Channels: 1, Memory: 16 << 20, Sigma: .7})
	if err != nil || rows != n || len(windows) != 1 || len(windows[0]) != 4 {
		t.Fatalf("%d rows, %d channels, %v", rows, len(windows), err)
	}
	cols, scales := columns(m, x, lost)
	from := 0
	for scales[from].dev <= 0 {
		from++
	}
	for _, w := range windows[0] {
		for i, c := range w.Cols {
			want := cols[from]
			if math.Abs(float64(c.X-want.X)) > 1e-5 || math.Abs(float64(c.Level-want.Level)) > 1e-5 || c.Missing != want.Missing {
				t.Fatalf("row %d is %+v, want %+v", from, c, want)
			}
			if got := w.Sigma[i] * scales[from].dev; math.Abs(got-.7) > 1e-9 {
				t.Fatalf("row %d has a noise of %g", from, got)
			}
			from++
		}
	}
	if from != n {
		t.Errorf("%d of %d rows are in windows", from, n)
	}
}

// TestSampleIsBounded: what is kept does not grow with the recording, comes from all
// of it, and is what a model learns from.
func TestSampleIsBounded(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("a long recording")
	}
	m, _, err := Base(t.Context(), tinyBase(4, 100))
	if err != nil {
		t.Fatal(err)
	}
	const bound = 4 << 20
	heap := func(n int) (uint64, []Window) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		windows, _, err := Sample(t.Context(), newNoisy(n), m, SampleConfig{Channels: 1, Memory: bound, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		return after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc), windows[0]
	}
	const short = 200_000
	a, _ := heap(short)
	b, windows := heap(10 * short)
	t.Logf("%d KiB kept of %d rows, %d KiB of %d", a>>10, short, b>>10, 10*short)
	if b > a+a/10 || b > bound {
		t.Errorf("ten times the rows, and what is kept grows from %d to %d bytes", a, b)
	}
	tuned, rep, err := Truthless(t.Context(), m, windows, TruthlessConfig{Method: IDR, FineTuneConfig: FineTuneConfig{Steps: 100, Seed: 1}})
	if err != nil || len(rep.Kept()) == 0 {
		t.Fatalf("%+v, %v", rep.Attempts, err)
	}
	clean := newPulses(20_000, 2).all(t)
	y := addWhite(clean, .7, 3)
	if was, is := gainOf(t, m, clean, y), gainOf(t, tuned, clean, y); !(is > was+.2) {
		t.Errorf("%.2f dB, %.2f dB before", is, was)
	}
}

// broken breaks off every so many rows.
type broken struct {
	RowReader
	every, i int
}

func (b *broken) Read(row, hiss []float64) error {
	if b.i++; b.i%b.every == 0 {
		return ErrBreak
	}
	return b.RowReader.Read(row, hiss)
}

func TestSampleBreaks(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	cfg := SampleConfig{Channels: 2, Memory: 32 << 20}
	windows, rows, err := Sample(t.Context(), &broken{RowReader: newNoisy(9000), every: 3000}, m, cfg)
	if err != nil || rows != 9000 || len(windows) != 2 || len(windows[0]) != 3 || len(windows[1][0].Cols) > 3000 {
		t.Errorf("%d rows, %d windows, %v", rows, len(windows[0]), err)
	}
	if _, _, err := Sample(t.Context(), newNoisy(9), m, SampleConfig{Channels: 2, Memory: 1 << 20}); err == nil {
		t.Error("too little memory is enough")
	}
	if _, _, err := Sample(t.Context(), newNoisy(9), m, SampleConfig{Channels: 1, Noise: [][]float64{{1, 2}}}); err == nil {
		t.Error("two samples of noise are enough")
	}
	src := &faulty{RowReader: newNoisy(9), spoil: func(int, []float64) error { return io.ErrUnexpectedEOF }}
	if _, _, err := Sample(t.Context(), src, m, cfg); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}
