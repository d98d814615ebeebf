package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// DefaultInterval is how often sensors are read unless configured.
const DefaultInterval = time.Second

// Config describes a Source.
type Config struct {
	// Interval is how often sensors are read; at least 10 ms. Default:
	// DefaultInterval.
	Interval time.Duration
	// Series is the name of the one series. Default: the machine's name.
	Series string
	// Channels are the sensors wanted (Channel.Path, else Name, is a Reading.Name).
	// Default: all that Open finds.
	Channels []field.Channel
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	var errs []error
	if c.Interval != 0 && c.Interval < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("host: interval %s: must be at least 10ms", c.Interval))
	}
	if c.Series != "" {
		if err := field.CheckSeries(c.Series); err != nil {
			errs = append(errs, fmt.Errorf("host: series: %w", err))
		}
	}
	for i := range c.Channels {
		if err := c.Channels[i].Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// partition is the name of the only partition.
const partition = "host"

// Source reads the machine's sensors at each multiple of its interval since the
// Unix epoch, which is the event time, and delivers all channels in one message.
// Its only partition is named "host"; the offset is the number of intervals.
// What was not read can't be read later: offsets before the present one are
// gone, and acks have no effect.
//
// On a machine that tells nothing the source waits for ever, and its Status says
// so.
type Source struct {
	cfg     Config
	read    func(context.Context) []Reading
	timer   *time.Timer
	next    int64
	asked   bool
	resumed chan struct{} // closed by Resume, after first is set
	first   int64
	closed  bool
	ahead   bool // of the clock, by more than aheadTicks
	samples []ingest.Sample

	mu     sync.Mutex
	status error
}

var (
	_ ingest.Source         = (*Source)(nil)
	_ ingest.StatusReporter = (*Source)(nil)
)

// NewSource returns a source of the machine's sensors.
func NewSource(c Config) (*Source, error) { return newSource(c, NewReader().Read) }

func newSource(c Config, read func(context.Context) []Reading) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Series == "" {
		if c.Series = Machine(); field.CheckSeries(c.Series) != nil {
			c.Series = partition
		}
	}
	c.Channels = slices.Clone(c.Channels)
	return &Source{cfg: c, read: read, resumed: make(chan struct{})}, nil
}

// Open finds out which sensors there are. A configured channel that the machine
// doesn't have is an error.
func (s *Source) Open(ctx context.Context) error {
	var names []string
	for _, r := range s.read(ctx) {
		names = append(names, r.Name)
	}
	if len(s.cfg.Channels) == 0 {
		for _, n := range names {
			s.cfg.Channels = append(s.cfg.Channels, field.Channel{Name: n})
		}
	}
	for i := range s.cfg.Channels {
		c := &s.cfg.Channels[i]
		if slices.Contains(names, c.Field()) {
			continue
		}
		hint := ""
		if near := field.Nearest(c.Field(), names); near != "" {
			hint = fmt.Sprintf("; did you mean %s?", near)
		}
		return fmt.Errorf("host: channel %s: this machine has no sensor %q; it has %s%s", c.Name, c.Field(), field.List(names), hint)
	}
	if len(s.cfg.Channels) == 0 {
		s.report(errors.New("host: this machine has no sensors that can be read"))
	}
	return nil
}

// Channels returns the names of the channels that samples refer to; complete
// once the source is open.
func (s *Source) Channels() []string {
	out := make([]string, len(s.cfg.Channels))
	for i := range s.cfg.Channels {
		out[i] = s.cfg.Channels[i].Name
	}
	return out
}

// Status implements ingest.StatusReporter.
func (s *Source) Status() (up bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status == nil, s.status
}

func (s *Source) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = err
}

// errClosed is what Next says after Close.
var errClosed = errors.New("host: the source is closed")

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
	if len(s.cfg.Channels) == 0 {
		<-ctx.Done()
		return ingest.Delivery{}, ctx.Err()
	}
	tick, err := s.wait(ctx)
	if err != nil {
		return ingest.Delivery{}, err
	}
	s.next = tick + 1
	return s.deliver(ctx, tick), nil
}

// aheadTicks is how many ticks ahead of the clock the next reading may be before that is
// said: a clock that is set a little keeps nobody waiting for long.
const aheadTicks = 10

// wait waits for the next tick that is wanted and returns it. Ticks that passed
// since the last call are skipped: their readings are gone.
func (s *Source) wait(ctx context.Context) (int64, error) {
	interval := int64(s.cfg.Interval)
	tick := max(time.Now().UnixNano()/interval, s.next, s.first)
	left := time.Until(time.Unix(0, tick*interval))
	ahead := left > aheadTicks*s.cfg.Interval
	if ahead {
		s.report(fmt.Errorf("host: the latest readings are %v ahead of this machine's clock, which was wrong then or is now: the next are taken when it has come to them", left.Round(time.Second)))
	} else if s.ahead {
		s.report(nil)
	}
	s.ahead = ahead
	if left <= 0 {
		return tick, nil
	}
	if s.timer == nil {
		s.timer = time.NewTimer(left)
	} else {
		s.timer.Reset(left)
	}
	select {
	case <-s.timer.C:
		return tick, nil
	case <-ctx.Done():
		s.timer.Stop()
		return 0, ctx.Err()
	}
}

func (s *Source) deliver(ctx context.Context, tick int64) ingest.Delivery {
	at := tick * int64(s.cfg.Interval)
	// A poll's context has ended before it began; reading takes no time to speak of.
	readings := s.read(context.WithoutCancel(ctx))
	payload := strconv.AppendInt([]byte(`{"ts":`), at/1e6, 10)
	s.samples = s.samples[:0]
	for i := range s.cfg.Channels {
		c := &s.cfg.Channels[i]
		x := ingest.Sample{Series: s.cfg.Series, Channel: i, Time: at, TimeSource: ingest.TimeArrival, Missing: ingest.Null}
		payload = strconv.AppendQuote(append(payload, ','), c.Field())
		if k := slices.IndexFunc(readings, func(r Reading) bool { return r.Name == c.Field() }); k >= 0 {
			x.Value, x.Missing = c.Judge(readings[k].Value)
			payload = strconv.AppendFloat(append(payload, ':'), readings[k].Value, 'g', -1, 64)
		} else {
			payload = append(payload, ":null"...)
		}
		s.samples = append(s.samples, x)
	}
	d := ingest.Delivery{
		Message:  ingest.Message{Topic: partition + "/" + s.cfg.Series, Payload: append(payload, '}'), Stored: at},
		Position: ingest.Position{Offset: tick},
		Samples:  s.samples,
	}
	d.Ack.Position = d.Position
	return d
}

// Close implements ingest.Source.
func (s *Source) Close(context.Context) error {
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	return nil
}
