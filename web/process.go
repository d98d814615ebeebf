package web

import (
	"runtime"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// process tells what this process uses, as far as the system says so. The zero value
// is ready.
type process struct {
	once sync.Once
	from prometheus.Collector
}

// figures returns bytes of memory, seconds of CPU time and the number of goroutines.
func (p *process) figures() (memory int64, cpu float64, goroutines int) {
	p.once.Do(func() { p.from = collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}) })
	all := make(chan prometheus.Metric, 32)
	go func() { p.from.Collect(all); close(all) }()
	for m := range all {
		var d dto.Metric
		if m.Write(&d) != nil {
			continue
		}
		switch name := m.Desc().String(); {
		case strings.Contains(name, `"process_resident_memory_bytes"`):
			memory = int64(d.Gauge.GetValue())
		case strings.Contains(name, `"process_cpu_seconds_total"`):
			cpu = d.Counter.GetValue()
		}
	}
	return memory, cpu, runtime.NumGoroutine()
}
