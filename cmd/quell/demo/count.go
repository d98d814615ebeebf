package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/ingest/sim"
)

// counter is the subscriber that checks the pipeline from outside: it knows
// what the sensors measured and what is true, and sees nothing but what arrives
// at the broker.
type counter struct {
	fleet  []*sim.Sensor
	byName map[string]int
	start  int64

	mu      sync.Mutex
	total   int64
	series  []tally
	machine int64 // records of this machine's own sensors
	events  []event
	bad     int64 // messages that can't be read
	told    func(event)
}

// tally is what arrived of one sensor.
type tally struct {
	seen       []bool // by index
	duplicates int64
	stray      int64 // records of no sample that was ever taken
	high       int64 // largest index seen, -1 if none
	noisy      float64
	clean      float64 // squared errors against the truth
	scored     int64
	stuckFrom  int64 // from here on readings say nothing of the truth
	latest     latest
}

// The part of a record or an event that the counter reads.
type message struct {
	Type     string           `json:"type"`
	TS       time.Time        `json:"ts"`
	Stream   string           `json:"stream"`
	Series   string           `json:"series"`
	Rev      int              `json:"rev"`
	Channels map[string]value `json:"channels"`
	Kind     string           `json:"kind"`
	Why      string           `json:"why"`
	Data     map[string]any   `json:"data"`
}

type value struct {
	Raw   *float64 `json:"raw"`
	Clean *float64 `json:"clean"`
}

// event is one that the pipeline published about a sensor.
type event struct {
	series, kind, why string
	ts                int64
	data              map[string]any
}

// warmUp is the index from which a sensor's gain is scored: before, the scale
// is still being learnt.
const warmUp = 512

func newCounter(fleet []*sim.Sensor, start int64, injected []injection) *counter {
	c := &counter{fleet: fleet, byName: map[string]int{}, start: start, series: make([]tally, len(fleet))}
	for i, s := range fleet {
		c.byName[s.Spec().Name] = i
		c.series[i] = tally{high: -1, stuckFrom: math.MaxInt64}
	}
	for _, j := range injected {
		if j.kind == sim.Stuck {
			c.series[j.sensor].stuckFrom = j.at
		}
	}
	return c
}

// subscribe starts counting everything the pipeline publishes.
func (c *counter) subscribe(client paho.Client) error {
	t := client.Subscribe("quell/#", 1, func(_ paho.Client, m paho.Message) { c.take(m.Payload()) })
	if !t.WaitTimeout(10*time.Second) || t.Error() != nil {
		return fmt.Errorf("count: subscribe: %v", t.Error())
	}
	return nil
}

func (c *counter) take(payload []byte) {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		c.mu.Lock()
		c.bad++
		c.mu.Unlock()
		return
	}
	c.mu.Lock()
	if m.Type == "event" {
		e := event{m.Series, m.Kind, m.Why, m.TS.UnixNano(), m.Data}
		c.events = append(c.events, e)
		c.mu.Unlock()
		if c.told != nil {
			c.told(e)
		}
		return
	}
	defer c.mu.Unlock()
	if m.Stream != fleetStream {
		c.machine++
		return
	}
	if m.Rev == 0 {
		c.record(&m)
	}
}

func (c *counter) record(m *message) {
	k, ok := c.byName[m.Series]
	if !ok {
		c.bad++
		return
	}
	c.total++
	t := &c.series[k]
	rate := int64(c.fleet[k].Spec().RateHz)
	off := m.TS.UnixNano() - c.start
	i := off / int64(time.Second) * rate
	i += off % int64(time.Second) * rate / int64(time.Second)
	if i < 0 || off%(int64(time.Second)/rate) != 0 {
		t.stray++
		return
	}
	for int64(len(t.seen)) <= i {
		t.seen = append(t.seen, false)
	}
	if t.seen[i] {
		t.duplicates++
		return
	}
	t.seen[i] = true
	t.high = max(t.high, i)
	v := m.Channels["value"]
	t.latest.add(v)
	if i < warmUp || i >= t.stuckFrom || v.Raw == nil || v.Clean == nil {
		return
	}
	truth := c.fleet[k].At(i).Truth
	t.noisy += (*v.Raw - truth) * (*v.Raw - truth)
	t.clean += (*v.Clean - truth) * (*v.Clean - truth)
	t.scored++
}

// records returns the number of records of simulated sensors seen so far.
func (c *counter) records() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// missing returns how many of the readings sent are not there: before the
// newest one seen of their sensor, where nothing may be missing, and after it,
// where readings wait for their look-ahead.
func (t *tally) missing(sent int64) (before, behind int64) {
	for i := range sent {
		if i < int64(len(t.seen)) && t.seen[i] {
			continue
		}
		if i < t.high {
			before++
		} else {
			behind++
		}
	}
	return before, behind
}

// gain returns the gain against the truth in dB, NaN before anything was
// scored.
func (t *tally) gain() float64 {
	if t.scored == 0 || t.noisy == 0 {
		return math.NaN()
	}
	return 10 * math.Log10(t.noisy/t.clean)
}
