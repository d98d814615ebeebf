package host

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shirou/gopsutil/v4/sensors"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestThisMachine reads whatever the machine of the test has; that may be
// nothing.
func TestThisMachine(t *testing.T) {
	r := NewReader()
	for range 2 {
		names := make(map[string]bool)
		for _, x := range r.Read(t.Context()) {
			if names[x.Name] || x.Name == "" || math.IsNaN(x.Value) || math.IsInf(x.Value, 0) {
				t.Errorf("reading %+v", x)
			}
			if x.Unit == "%" && (x.Value < 0 || x.Value > 100) {
				t.Errorf("%s is %v %%", x.Name, x.Value)
			}
			names[x.Name] = true
		}
	}
	if Machine() == "" {
		t.Error("the machine has no name")
	}
}

func TestTemperatures(t *testing.T) {
	got := appendTemperatures(nil, []sensors.TemperatureStat{
		{SensorKey: "nvme Composite", Temperature: 31.9}, {SensorKey: "coretemp-core 0", Temperature: 45},
		{SensorKey: "acpitz", Temperature: 0}, {SensorKey: "acpitz", Temperature: 27.8}, {SensorKey: "iwl", Temperature: -273},
		{SensorKey: "--", Temperature: 20},
	})
	want := []Reading{{"temp_sensor", "°C", 20}, {"temp_acpitz_2", "°C", 27.8}, {"temp_coretemp_core_0", "°C", 45}, {"temp_nvme_composite", "°C", 31.9}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestProcessorShare(t *testing.T) {
	r := &Reader{}
	for _, c := range []struct {
		busy, total float64
		want        []Reading
	}{
		{25, 100, []Reading{{"cpu_percent", "%", 25}}},
		{75, 200, []Reading{{"cpu_percent", "%", 50}}},
		{75, 200, nil},
		{70, 210, []Reading{{"cpu_percent", "%", 0}}},
		{1, 2, nil},
	} {
		if d := cmp.Diff(c.want, r.share(nil, c.busy, c.total)); d != "" {
			t.Errorf("%v of %v (-want +got):\n%s", c.busy, c.total, d)
		}
	}
}

func TestReaderLeavesOutWhatIsNoNumber(t *testing.T) {
	r := &Reader{probes: []probe{func(_ context.Context, dst []Reading) []Reading {
		return append(dst, Reading{"a", "", math.NaN()}, Reading{"b", "", 1}, Reading{"c", "", math.Inf(1)})
	}}}
	if d := cmp.Diff([]Reading{{"b", "", 1}}, r.Read(t.Context())); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// fake returns a source over readings that count up; the second sensor is
// missing every other time.
func fake(t *testing.T, c Config) *Source {
	t.Helper()
	n := -1.0 // Open reads once
	s, err := newSource(c, func(context.Context) []Reading {
		out := []Reading{{"load1", "", n}}
		if int(n)%2 != 0 {
			out = append(out, Reading{"temp_x", "°C", 40 + n})
		}
		n++
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func resume(t *testing.T, s *Source, first int64) {
	t.Helper()
	d, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.Assignment == nil {
		t.Fatalf("first delivery %+v is no Assignment", d)
	}
	if _, err := s.Next(expired(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Next before Resume: %v", err)
	}
	d.Assignment.Resume([]int64{first})
}

func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return ctx
}

// TestClockWasAhead: after a clock that was ahead no reading is taken until it is there
// again, since stamps never go back, and the source says so meanwhile.
func TestClockWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake(t, Config{Series: "box"})
		resume(t, s, time.Now().Add(time.Hour).Unix())
		if up, err := s.Status(); !up || err != nil {
			t.Errorf("before the first reading is due: %v, %v", up, err)
		}
		if _, err := s.Next(expired(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a reading ahead of the clock: %v", err)
		}
		if up, err := s.Status(); up || err == nil || !strings.Contains(err.Error(), "1h0m0s ahead") {
			t.Errorf("an hour ahead: up %v, %v", up, err)
		}
		time.Sleep(time.Hour)
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if up, err := s.Status(); !up || err != nil {
			t.Errorf("the clock is there again: %v, %v", up, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestSourceReadsOnItsGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond) // off the grid
		s := fake(t, Config{Series: "box"})
		base := time.Now().Truncate(time.Second).UnixNano()
		resume(t, s, base/1e9+2) // a tick to come
		for i := range int64(3) {
			d, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at := base + (2+i)*1e9
			want := []ingest.Sample{
				{Series: "box", Channel: 0, Time: at, Value: float64(i), TimeSource: ingest.TimeArrival},
				{Series: "box", Channel: 1, Time: at, Missing: ingest.Null, TimeSource: ingest.TimeArrival},
			}
			if i%2 == 1 {
				want[1].Value, want[1].Missing = 41, ingest.Present
			}
			if d := cmp.Diff(want, d.Samples); d != "" {
				t.Errorf("tick %d (-want +got):\n%s", i, d)
			}
			if d.Offset != at/1e9 || d.Stored != at || !json.Valid(d.Payload) {
				t.Errorf("tick %d: offset %d, stored %d, payload %s", i, d.Offset, d.Stored, d.Payload)
			}
			if got := time.Now().UnixNano(); got != at {
				t.Errorf("tick %d read at %d, want %d", i, got, at)
			}
		}
		if _, err := s.Next(expired(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("poll between ticks: %v", err)
		}
		// A reader that was away misses ticks rather than getting them all at once.
		time.Sleep(10*time.Second + 500*time.Millisecond)
		d, err := s.Next(expired(t))
		if err != nil || d.Offset != base/1e9+14 {
			t.Errorf("poll after a pause: offset %d, %v, want %d", d.Offset, err, base/1e9+14)
		}
		if _, err := s.Next(expired(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second poll after a pause: %v", err)
		}
		for range 2 {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Next(t.Context()); err == nil {
			t.Error("Next after Close: want an error")
		}
	})
}

func TestMachineWithoutSensors(t *testing.T) {
	s, err := newSource(Config{}, func(context.Context) []Reading { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	resume(t, s, -1)
	if _, err := s.Next(expired(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("poll: %v", err)
	}
	if up, err := s.Status(); up || err == nil || !strings.Contains(err.Error(), "no sensors") {
		t.Errorf("Status: %v, %v", up, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConfigErrors(t *testing.T) {
	_, err := NewSource(Config{Interval: time.Millisecond, Series: "a\n", Channels: []field.Channel{{}}})
	for _, want := range []string{"interval 1ms: must be at least 10ms", "series", "a name is needed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	s, err := newSource(Config{Channels: named("load")}, func(context.Context) []Reading { return []Reading{{"load1", "", 1}} })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), `this machine has no sensor "load"; it has load1; did you mean load1?`) {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff([]string{"load1", "temp_x"}, fake(t, Config{}).Channels()); d != "" {
		t.Errorf("channels (-want +got):\n%s", d)
	}
	if up, err := fake(t, Config{}).Status(); !up || err != nil {
		t.Errorf("Status: %v, %v", up, err)
	}
}

func named(name string) []field.Channel { return []field.Channel{{Name: name}} }
