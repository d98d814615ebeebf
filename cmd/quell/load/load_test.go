package load

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/sink"
)

func testFleet() *Fleet {
	return &Fleet{Devices: 3, Every: 500 * time.Millisecond, Start: time.Unix(1_700_000_000, 0)}
}

func TestMessages(t *testing.T) {
	f := testFleet()
	for device := range 3 {
		b := f.Append(nil, device, 7)
		if len(b) < 180 || len(b) > 220 {
			t.Errorf("%d bytes, want some 200: %s", len(b), b)
		}
		var m struct {
			Device string
			TS     int64
			Value  float64
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		if f.device(m.Device) != device || m.TS != f.Start.UnixMilli()+3500 || m.Value < 5 || m.Value > 35 {
			t.Errorf("message 7 of device %d: %+v", device, m)
		}
	}
	for _, name := range []string{"", "dev-", "dev-000003", "dev-3", "dev--00001", "abc-000001"} {
		if d := f.device(name); d != -1 {
			t.Errorf("%q is device %d", name, d)
		}
	}
}

// record returns the JSON of a record of slot k.
func record(f *Fleet, device string, at time.Duration) []byte {
	return sink.AppendRecord(nil, &sink.Record{Time: f.Start.Add(at).UnixNano(), Stream: "load", Series: device, Channels: []string{"value"}, Values: make([]sink.Value, 1)})
}

func TestTally(t *testing.T) {
	f := testFleet()
	c := newTally(f, 2)
	began := time.Now()
	for k := range 4 {
		c.sent(1, k, time.Now().Add(-time.Second))
	}
	for k := range 70 { // more than a word of bits
		c.take(record(f, f.Name(1), time.Duration(k)*f.Every))
	}
	if c.records != 70 || c.copies != 0 || c.strays != 0 {
		t.Errorf("%d records, %d copies, %d strays, want 70, none, none", c.records, c.copies, c.strays)
	}
	if p := c.quantile(.99); len(c.latencies) != 2 || p < time.Second || p > time.Second+time.Since(began) {
		t.Errorf("%d latencies, p99 %s, want those of slots 0 and 1, which messages 2 and 3 made due a second ago", len(c.latencies), p)
	}
	c.take(record(f, f.Name(1), 69*f.Every))
	if c.copies != 1 {
		t.Error("a copy is not counted")
	}
	for _, b := range [][]byte{[]byte("{"), record(f, "dev-000009", 0), record(f, f.Name(1), -f.Every), record(f, f.Name(1), 1)} {
		c.take(b)
	}
	if c.strays != 4 || c.records != 70 {
		t.Errorf("%d strays, %d records, want 4 and 70", c.strays, c.records)
	}
}

func TestChild(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	c, err := Start("/bin/sh", 1, "-c", `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo "threads $GOMAXPROCS" >&2; exec sleep 60`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err == nil || !strings.Contains(err.Error(), "threads 1") {
			t.Errorf("a process that a signal ended: %v", err)
		}
	}()
	for until := time.Now().Add(20 * time.Second); c.tail.String() == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it does not come to its end")
		}
	}
	cpu, err := c.CPU()
	if err != nil || cpu < 10*time.Millisecond || cpu > 20*time.Second {
		t.Errorf("processor time %s, %v", cpu, err)
	}
	now, peak, err := c.Memory()
	if err != nil || now <= 0 || peak < now {
		t.Errorf("memory %d, at most %d, %v", now, peak, err)
	}
}
