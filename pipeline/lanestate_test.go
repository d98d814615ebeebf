package pipeline

import (
	"compress/gzip"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/window"
)

// TestDamagedState: a state that is cut short anywhere is refused.
func TestDamagedState(t *testing.T) {
	m := testModel(t, 1)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t, m, &lines{})
	e.cfg.Window.AllowedLateness = 1e8
	push(t, e, both(200, 20))
	state := e.lanes["x"].appendState(nil)
	if _, err := restoreLane(e, "p", "x", append(wire.U8(nil, laneVersion+1), state[1:]...), bank); err == nil {
		t.Error("a state of a later version is read")
	}
	for n := 0; n < len(state); n += 1 + n/97 {
		if _, err := restoreLane(e, "p", "x", state[:n], bank); err == nil {
			t.Fatalf("%d of %d bytes are taken for a state", n, len(state))
		}
	}
}

// TestFindingKept: the reason of a drift that is open outlasts a restart.
func TestFindingKept(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t, testModel(t, 1), &lines{})
	push(t, e, both(200, 20))
	l := e.lanes["x"]
	l.found, l.alerts.told = &finding{monitor.Fault, monitor.Stuck, "it stands still"}, true
	back, err := restoreLane(e, "p", "x", l.appendState(nil), bank)
	if err != nil {
		t.Fatal(err)
	}
	var s view.Series
	if back.showDrift(&s); s.Why == nil || *s.Why != "it stands still" || s.NE107 == nil || *s.NE107 != monitor.NE107(monitor.Fault, monitor.Stuck) || s.Alert.Kind != monitor.Fault {
		t.Errorf("%+v", s)
	}
}

// TestEarlierState: a series whose state an earlier version wrote after 40 slots goes on
// as one that was never interrupted, within what kernels round otherwise. The fixtures
// are what appendState gave then.
func TestEarlierState(t *testing.T) {
	for _, name := range []string{"lane7.gz", "lane8.gz", "lane10.gz", "lane11.gz"} {
		t.Run(name, func(t *testing.T) { goesOnFrom(t, unpacked(t, "testdata/"+name)) })
	}
}

func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goesOnFrom(t *testing.T, state []byte) {
	t.Helper()
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var records [2][]string
	for i := range records {
		var out lines
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"value"}, Model: testModel(t, 1), Window: window.Config{RateHz: 1},
			MaxSeries: 1, Guard: true, Watch: true, FalseAlarms: monitor.DefaultRate, FitSentinel: untrained}, &out)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		rng := rand.New(rand.NewPCG(1, 2))
		push := func(from, to int) {
			for k := from; k < to; k++ {
				v := float64((37*k*k+11*k)%101) / 8
				if k >= 40 { // white, so that it is all the same since when there are spectra
					v = 6 + 4*rng.NormFloat64()
				}
				in := []ingest.Sample{{Series: "x", Time: int64(k) * int64(time.Second), Value: v}}
				if err := e.Push("p", in, 0); err != nil {
					t.Fatal(err)
				}
			}
			e.Run()
		}
		push(0, 40)
		if i == 1 {
			was := e.lanes["x"].place
			l, err := restoreLane(e, "p", "x", state, bank)
			if err != nil {
				t.Fatal(err)
			}
			l.place = was
			e.lanes["x"] = l
		}
		out.records = nil
		push(40, 2400)
		records[i] = out.records
	}
	if len(records[0]) == 0 || len(records[0]) != len(records[1]) {
		t.Fatalf("%d records, and %d of the one that was restored", len(records[0]), len(records[1]))
	}
	for i, want := range records[0] {
		if got := records[1][i]; !alike(got, want) {
			t.Fatalf("record %d of the one that was restored:\n%s\nof the other:\n%s", i, got, want)
		}
	}
}

// computed is what a record takes from the net.
var computed = regexp.MustCompile(`"(clean|lo|hi)":([^,}]*)`)

// alike says whether two records are the same but for the rounding of the kernels that
// wrote the fixture and of those that run here.
func alike(a, b string) bool {
	x, y := computed.FindAllStringSubmatch(a, -1), computed.FindAllStringSubmatch(b, -1)
	if len(x) != len(y) || computed.ReplaceAllString(a, "$1") != computed.ReplaceAllString(b, "$1") {
		return false
	}
	for i := range x {
		v, err1 := strconv.ParseFloat(x[i][2], 64)
		w, err2 := strconv.ParseFloat(y[i][2], 64)
		if near := err1 == nil && err2 == nil && math.Abs(v-w) <= 1e-5; !near && x[i][2] != y[i][2] {
			return false
		}
	}
	return true
}
