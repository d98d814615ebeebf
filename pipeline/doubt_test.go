package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
)

// sticking is a recording of a series whose channel b stands still in slots
// 1700..2099.
func sticking(n int) []ingest.Sample {
	rng := rand.New(rand.NewPCG(5, 1))
	var in []ingest.Sample
	for i := range n {
		for ch := range 2 {
			s := ingest.Sample{Series: "x", Channel: ch, Time: int64(1e18) + int64(i)*1e7, Value: math.Sin(float64(i)/7) + 0.3*rng.NormFloat64()}
			if ch == 1 && i >= 1700 && i < 2100 {
				s.Value = 0.25
			}
			in = append(in, s)
		}
	}
	return in
}

// TestQualityOfFault has a sensor stick: from the slot on in which that is known until
// it is over, its readings are bad, and those of the other channel good.
func TestQualityOfFault(t *testing.T) {
	out := &lines{}
	e := testEngine(t, testModel(t, 1), out)
	push(t, e, sticking(3200))
	e.Finish()
	first, last, n := -1, -1, 0
	for i, line := range out.records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		want := sink.Good
		if r.Drift == monitor.Fault {
			want, last = sink.Bad, i
			if n++; first < 0 {
				first = i
			}
		}
		if r.Values[0].Quality != sink.Good || r.Values[1].Quality != want {
			t.Fatalf("record %d, drift %s: quality %s and %s, want good and %s", i, r.Drift, r.Values[0].Quality, r.Values[1].Quality, want)
		}
		if math.IsNaN(r.Values[1].Clean) || math.IsNaN(r.Values[1].Raw) {
			t.Fatalf("record %d has no value: %s", i, line)
		}
	}
	if first < 1708 || first > 1800 || last < 2099 || last > 2900 || n < 300 {
		t.Errorf("%d records with a fault, from %d to %d: %q", n, first, last, out.events)
	}
}

// TestQualityOfFaultRestored interrupts a series while a sensor sticks, with records
// that wait for their look-ahead: what follows is what would have, revised records are
// no better than those they take the place of, and provisional ones foretell them.
func TestQualityOfFaultRestored(t *testing.T) {
	in, late := delayed(sticking(2000), 3, 80, 30)
	if late == 0 {
		t.Fatal("nothing is late")
	}
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var records [2][]string
	early := &lines{}
	for i := range records {
		out := &lines{}
		e := testEngine(t, testModel(t, 1), out)
		e.cfg.Window.AllowedLateness = 1e9
		for from := 0; from < len(in); from += 50 {
			push(t, e, in[from:min(from+50, len(in))])
			if i == 0 || from%1200 != 0 {
				continue
			}
			was := e.lanes["x"]
			state := was.appendState(nil)
			l, err := restoreLane(e, "p", "x", state, bank)
			if err != nil {
				t.Fatal(err)
			}
			if again := l.appendState(nil); !slices.Equal(state, again) {
				t.Fatalf("at %d: the state is another one once it is restored", from)
			}
			l.place = was.place
			e.lanes["x"] = l
			e.out = early
			if err := e.preview(l); err != nil {
				t.Fatal(err)
			}
			e.copies, e.out = nil, out
		}
		e.Finish()
		records[i] = out.records
	}
	final, revs := newest(t, records[0])
	if again, _ := newest(t, records[1]); len(again) != len(final) {
		t.Errorf("%d records with interruptions, %d without", len(again), len(final))
	}
	for at, got := range records[1] {
		if got != records[0][at] {
			t.Fatalf("record %d with interruptions:\n%s\nwithout:\n%s", at, got, records[0][at])
		}
	}
	foretold := 0
	for _, line := range early.records {
		if r, err := sink.ParseRecord([]byte(line)); err != nil {
			t.Fatal(err)
		} else if doubted(r) {
			foretold++
		}
	}
	revised := 0
	for _, line := range records[0] {
		if r, err := sink.ParseRecord([]byte(line)); err != nil {
			t.Fatal(err)
		} else if r.Rev > 0 && doubted(r) {
			revised++
		}
	}
	if revs == 0 || revised == 0 || foretold == 0 {
		t.Errorf("%d records revised, %d of them of the stuck sensor, %d provisional ones", revs, revised, foretold)
	}
}

func doubted(r *sink.Record) bool {
	return r.Values[1].Quality == sink.Bad && !math.IsNaN(r.Values[1].Raw)
}

// TestDoubt holds what a fault makes of readings against the status that OPC UA has
// for it.
func TestDoubt(t *testing.T) {
	for fault, want := range map[string]sink.Quality{
		monitor.Stuck: sink.Bad, monitor.Saturation: sink.Uncertain, monitor.Bias: sink.Uncertain, monitor.SensorDrift: sink.Uncertain,
		monitor.Spikes: sink.Good, monitor.DropOut: sink.Good,
	} {
		if got := doubtOf(monitor.Fault, fault); got != want {
			t.Errorf("%s: %s, want %s", fault, got, want)
		}
		status, _, _ := strings.Cut(monitor.OPCUA(monitor.Fault, fault), "_")
		if fault != monitor.DropOut && !strings.EqualFold(status, fmt.Sprint(want)) {
			t.Errorf("%s: OPC UA has %s, records %s", fault, status, want)
		}
	}
	for _, kind := range []string{monitor.Noise, monitor.Regime, monitor.Unknown, monitor.Normal} {
		if got := doubtOf(kind, ""); got != sink.Good {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
