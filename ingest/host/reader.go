// Package host reads the sensors that the machine has itself: load, use of
// processor and memory, and temperatures where there are any. They are the real
// noisy signals that every installation can show without a broker.
package host

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/sensors"
)

// Reading is one value.
type Reading struct {
	Name  string // load1, cpu_percent, memory_percent, temp_…
	Unit  string // %, °C; "" for load
	Value float64
}

// maxTemperatures bounds the thermometers that are read: big servers have
// hundreds.
const maxTemperatures = 32

// Reader reads the machine's sensors. It is not safe for concurrent use.
type Reader struct {
	probes      []probe
	busy, total float64 // processor seconds at the last reading
	out         []Reading
}

// probe appends what one kind of sensor says now, nothing if it can't tell.
type probe func(ctx context.Context, dst []Reading) []Reading

// NewReader returns a reader.
func NewReader() *Reader {
	r := &Reader{}
	r.probes = []probe{readLoad, r.readCPU, readMemory, readTemperatures}
	return r
}

// Read returns what can be read now, in the same order each time; nothing if the
// machine tells nothing. Values are finite. The use of the processor is that
// since the call before, or since the machine started. The result is valid until
// the next call.
func (r *Reader) Read(ctx context.Context) []Reading {
	r.out = r.out[:0]
	for _, p := range r.probes {
		r.out = p(ctx, r.out)
	}
	r.out = slices.DeleteFunc(r.out, func(x Reading) bool { return math.IsNaN(x.Value) || math.IsInf(x.Value, 0) })
	return r.out
}

// Machine returns the machine's name, "host" if it has none.
func Machine() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "host"
}

func readLoad(ctx context.Context, dst []Reading) []Reading {
	if l, err := load.AvgWithContext(ctx); err == nil {
		dst = append(dst, Reading{"load1", "", l.Load1})
	}
	return dst
}

func readMemory(ctx context.Context, dst []Reading) []Reading {
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil && m.Total > 0 {
		dst = append(dst, Reading{"memory_percent", "%", m.UsedPercent})
	}
	return dst
}

func (r *Reader) readCPU(ctx context.Context, dst []Reading) []Reading {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(all) == 0 {
		return dst
	}
	t := &all[0]
	// Guest time is part of user time.
	busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
	return r.share(dst, busy, busy+t.Idle+t.Iowait)
}

// share appends the share of time that the processors were busy since last time.
func (r *Reader) share(dst []Reading, busy, total float64) []Reading {
	db, dt := busy-r.busy, total-r.total
	r.busy, r.total = busy, total
	if dt <= 0 {
		return dst // too soon for the clock's resolution, or it was set back
	}
	return append(dst, Reading{"cpu_percent", "%", 100 * min(max(db/dt, 0), 1)})
}

func readTemperatures(ctx context.Context, dst []Reading) []Reading {
	// The error is a list of warnings about single thermometers; what could be
	// read is there in spite of it.
	all, _ := sensors.TemperaturesWithContext(ctx)
	return appendTemperatures(dst, all)
}

// appendTemperatures names the thermometers and leaves out those that are not
// connected, which say 0 or something absurd.
func appendTemperatures(dst []Reading, all []sensors.TemperatureStat) []Reading {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b sensors.TemperatureStat) int { return cmp.Compare(a.SensorKey, b.SensorKey) })
	count := make(map[string]int)
	n := 0
	for _, t := range all {
		name := "temp_" + plainName(t.SensorKey)
		if count[name]++; count[name] > 1 {
			name = fmt.Sprintf("%s_%d", name, count[name])
		}
		if t.Temperature == 0 || t.Temperature < -60 || t.Temperature > 200 || n == maxTemperatures {
			continue
		}
		n++
		dst = append(dst, Reading{name, "°C", t.Temperature})
	}
	return dst
}

// plainName makes a name of letters, digits and single underscores.
func plainName(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "sensor"
	}
	return strings.Join(words, "_")
}
