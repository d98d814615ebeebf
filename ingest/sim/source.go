package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// DefaultStart is when the first sample was taken unless configured:
// 2026-01-01T00:00:00Z. It is a fixed time so that a restarted simulation gives
// each sample the time that it had before.
const DefaultStart = 1767225600 * int64(time.Second)

// Config describes a Source.
type Config struct {
	// Seed of the default sensors; Sensors takes precedence.
	Seed uint64
	// Sensors are read by the source; each is a series of one channel. Default:
	// Fleet(Seed).
	Sensors []*Sensor
	// Start is the time of the first sample, Unix nanoseconds. Default:
	// DefaultStart.
	Start int64
	// Speed is how fast samples come: 1 is real time, 0 as fast as they are taken.
	Speed float64
	// Samples ends the input after so many samples. Default: it never ends.
	Samples int64
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	var errs []error
	if c.Start < 0 {
		errs = append(errs, fmt.Errorf("sim: start %d: must not be before 1970", c.Start))
	}
	if !(c.Speed >= 0) || math.IsInf(c.Speed, 0) {
		errs = append(errs, fmt.Errorf("sim: speed %g: must be 0 (as fast as possible) or more", c.Speed))
	}
	if c.Samples < 0 {
		errs = append(errs, fmt.Errorf("sim: samples %d: must not be negative", c.Samples))
	}
	names := make(map[string]bool)
	for _, s := range c.Sensors {
		if names[s.spec.Name] {
			errs = append(errs, fmt.Errorf("sim: two sensors are named %s", s.spec.Name))
		}
		names[s.spec.Name] = true
	}
	return errors.Join(errs...)
}

// partition is the name of the only partition.
const partition = "sim"

// turn is one sample within a second.
type turn struct {
	sensor int
	k      int64 // of the sensor's samples in that second
	after  int64 // ns
}

// Source delivers the samples of a set of sensors in the order of their times,
// each a message on the topic sim/SERIES/CHANNEL with the payload of
// Sensor.AppendJSON. Its only partition is named "sim"; an offset is a sample's
// place in that order. Nothing is remembered but the offset: acks have no effect.
type Source struct {
	cfg     Config
	turns   []turn // of one second: the schedule repeats
	topics  []string
	offset  int64
	began   time.Time // wall time of the sample at from
	from    int64
	timer   *time.Timer
	asked   bool
	resumed chan struct{} // closed by Resume, after first is set
	first   int64
	closed  bool
	samples [1]ingest.Sample
}

var _ ingest.Source = (*Source)(nil)

// NewSource returns a source of simulated sensors.
func NewSource(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(c.Sensors) == 0 {
		c.Sensors = Fleet(c.Seed)
	}
	if c.Start == 0 {
		c.Start = DefaultStart
	}
	s := &Source{cfg: c, resumed: make(chan struct{})}
	for i, sensor := range c.Sensors {
		rate := int64(sensor.spec.RateHz)
		for k := range rate {
			s.turns = append(s.turns, turn{i, k, k * int64(time.Second) / rate})
		}
		s.topics = append(s.topics, "sim/"+sensor.spec.Name+"/"+sensor.Channel())
	}
	slices.SortStableFunc(s.turns, func(a, b turn) int { return cmp.Compare(a.after, b.after) })
	return s, nil
}

// Open implements ingest.Source. There is nothing to open.
func (s *Source) Open(context.Context) error { return nil }

// errClosed is what Next says after Close.
var errClosed = errors.New("sim: the source is closed")

// Next implements ingest.Source.
func (s *Source) Next(ctx context.Context) (ingest.Delivery, error) {
	if s.closed {
		return ingest.Delivery{}, errClosed
	}
	if !s.asked {
		s.asked = true
		var once sync.Once
		return ingest.Delivery{Assignment: &ingest.Assignment{
			Parts: []ingest.Partition{{Name: partition, Committed: -1}},
			Resume: func(first []int64) {
				once.Do(func() {
					s.first = first[0]
					close(s.resumed)
				})
			},
		}}, nil
	}
	select {
	case <-s.resumed:
	default:
		select {
		case <-s.resumed:
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	if s.began.IsZero() {
		s.offset = max(s.first, 0)
		s.began, s.from = time.Now(), s.time(s.offset)
	}
	if s.cfg.Samples > 0 && s.offset >= s.cfg.Samples {
		return ingest.Delivery{}, io.EOF
	}
	if err := s.wait(ctx); err != nil {
		return ingest.Delivery{}, err
	}
	d := s.deliver(s.offset)
	s.offset++
	return d, nil
}

// place returns the schedule's entry for an offset, and the second it is in.
func (s *Source) place(offset int64) (turn, int64) {
	n := int64(len(s.turns))
	return s.turns[offset%n], offset / n
}

// time returns the event time of an offset.
func (s *Source) time(offset int64) int64 {
	t, second := s.place(offset)
	return s.cfg.Start + second*int64(time.Second) + t.after
}

func (s *Source) deliver(offset int64) ingest.Delivery {
	t, second := s.place(offset)
	sensor := s.cfg.Sensors[t.sensor]
	at := s.time(offset)
	r := sensor.At(second*int64(sensor.spec.RateHz) + t.k)
	out := ingest.Sample{Series: sensor.spec.Name, Time: at, Value: r.Measured}
	if r.Missing {
		out.Missing = ingest.Null
	}
	s.samples[0] = out
	d := ingest.Delivery{
		Message:  ingest.Message{Topic: s.topics[t.sensor], Payload: appendJSON(make([]byte, 0, 48), r, at), Stored: at},
		Position: ingest.Position{Offset: offset},
		Samples:  s.samples[:],
	}
	d.Ack.Position = d.Position
	return d
}

// wait holds a sample back until it is due.
func (s *Source) wait(ctx context.Context) error {
	if s.cfg.Speed == 0 {
		return nil
	}
	due := s.began.Add(time.Duration(float64(s.time(s.offset)-s.from) / s.cfg.Speed))
	left := time.Until(due)
	if left <= 0 {
		return nil
	}
	if s.timer == nil {
		s.timer = time.NewTimer(left)
	} else {
		s.timer.Reset(left)
	}
	select {
	case <-s.timer.C:
		return nil
	case <-ctx.Done():
		s.timer.Stop()
		return ctx.Err()
	}
}

// Close implements ingest.Source.
func (s *Source) Close(context.Context) error {
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	return nil
}
