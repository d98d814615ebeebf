package pipeline

import (
	"sync"

	"github.com/quell-stream/quell/window"
)

// fateCounts keeps by stream up to where fates are in the counters. Fates are those of the
// series that a worker holds: they fall where a partition goes and rise where one comes, and
// a counter must do neither. The zero value is ready; it is safe for concurrent use.
type fateCounts struct {
	mu   sync.Mutex
	upTo map[string]window.Fates
}

// held says which fates a worker holds after partitions came or went. Those that the first
// worker of a stream begins with are counted, so that the counters go on where an earlier
// process had them.
func (m *Metrics) held(stream string, f window.Fates) {
	c := &m.fates
	c.mu.Lock()
	_, known := c.upTo[stream]
	if c.upTo == nil {
		c.upTo = map[string]window.Fates{}
	}
	if known {
		c.upTo[stream] = f
	} else {
		c.upTo[stream] = window.Fates{}
	}
	c.mu.Unlock()
	m.ended(stream, f)
}

// ended counts what became of samples since the last time.
func (m *Metrics) ended(stream string, f window.Fates) {
	c := &m.fates
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known := c.upTo[stream]
	if !known {
		return // nothing is restored yet
	}
	for i, n := range f {
		if fate := window.Fate(i); fate == window.Pending {
			m.pending.WithLabelValues(stream).Set(float64(n))
		} else if v := m.samples.WithLabelValues(stream, fate.String()); n > was[i] {
			v.Add(float64(n - was[i]))
			was[i] = n
		}
	}
	c.upTo[stream] = was
}

// forget lets go of a stream that is no more.
func (c *fateCounts) forget(stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.upTo, stream)
}
