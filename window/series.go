package window

import (
	"fmt"
	"math"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// jitter is the share of a slot by which a stamp may lie after the slot's time
// and still belong to it. Without it a clock that wanders around the grid would
// put two readings into one slot and none into the next.
const jitter = 0.25

// reading is what a channel has in a waiting slot.
type reading struct {
	time    int64
	value   float64
	missing ingest.Missing
	source  ingest.TimeSource
	own     bool
}

// Series lays the samples of one series on its grid. It is not safe for
// concurrent use. Memory is bounded by MaxPending slots; nothing is allocated
// per sample once the buffers have grown to what the stream's disorder needs.
type Series struct {
	cfg   Config
	epoch int
	fates Fates

	learning []ingest.Sample // samples before the grid exists

	step   float64 // ns between slots, 0 while the rate is being learnt
	origin int64   // time of slot 0 of the present context
	next   int64   // first slot that has not closed
	newest int64   // largest event time accepted in this epoch
	began  bool    // a grid is laid: origin, next and newest mean something

	ring []reading // waiting slots × channels, slot s at (s mod cap)
	cap  int64
	high int64 // one past the last waiting slot; next == high: none waits

	last     []reading // per channel: the latest closed reading with a value
	seen     []int64   // per channel: its largest event time
	liveTill []int64   // per channel: the time until which a slot waits for it
	recent   []reading // ring of closed readings × channels, for duplicates
	late     int       // late samples in a row, rising in time
	lateTime int64
	stored   bool  // the message of the latest sample has a stored stamp
	astray   int64 // of the latest sample that was quarantined
	message  int64 // stored stamp of the latest sample's message, 0: none

	pace   pace // of a series whose rate was learnt
	slot   Slot
	placed func(channel int, slot int64, fate Fate)
	revise func(in ingest.Sample, slot int64) Fate
}

// recentSlots is how many closed slots are remembered to tell a duplicate from
// a late sample.
const recentSlots = 64

// NewSeries returns an empty series. The config must be valid.
func NewSeries(cfg Config) *Series {
	s := &Series{cfg: cfg, cap: 8}
	c := cfg.Channels
	s.ring = make([]reading, s.cap*int64(c))
	s.last = make([]reading, c)
	s.seen = make([]int64, c)
	s.liveTill = make([]int64, c)
	s.recent = make([]reading, recentSlots*c)
	s.slot.Cells = make([]Cell, c)
	if cfg.RateHz > 0 {
		s.step = stepOf(cfg.RateHz)
	}
	return s
}

func stepOf(rateHz float64) float64 { return 1e9 / rateHz }

// RateHz returns the rate of the grid, 0 while it is being learnt.
func (s *Series) RateHz() float64 {
	if s.step == 0 {
		return 0
	}
	return 1e9 / s.step
}

// Epoch returns the current epoch: that it began in and the number of accepted
// backward jumps.
func (s *Series) Epoch() int { return s.epoch }

// BeginIn has a new series begin in an epoch other than 0.
func (s *Series) BeginIn(epoch int) { s.epoch = epoch }

// Newest returns the largest event time accepted in this epoch, Unix ns.
func (s *Series) Newest() int64 { return s.newest }

// Astray returns by how much the sample that was quarantined last lay ahead of its stored
// stamp; below 0, by how much it lay behind the newest one.
func (s *Series) Astray() time.Duration { return time.Duration(s.astray) }

// Stored returns the stored stamp of the message of the latest sample, 0 where there was none.
func (s *Series) Stored() int64 { return s.message }

// Fates returns how many samples ended how; Pending is what waits in here.
func (s *Series) Fates() Fates { return s.fates }

// Closed returns the number of slots handed out since the context began.
func (s *Series) Closed() int64 { return s.next }

// OnPlaced has f called once for every sample, in the order of Push, as soon as
// its fate is known. While a rate is being learnt that is not so, but for
// samples quarantined by their stored stamp, which then come first. slot is the
// slot of the present context that the sample's time falls into, -1 where there
// is none or it closed more than 64 slots ago. Pending is the fate of a sample
// that the slot took: a later reading may still make it surplus; Raw that of a late one
// that it took after all.
func (s *Series) OnPlaced(f func(channel int, slot int64, fate Fate)) { s.placed = f }

// OnLate has f asked what becomes of a sample whose slot of the present context has
// closed, and that is no more than AllowedLateness behind the newest: Raw where its
// slot takes it after all, Duplicate, Conflicting, or Late. It is called before Push
// returns, and never while a slot is handed out.
func (s *Series) OnLate(f func(in ingest.Sample, slot int64) Fate) { s.revise = f }

func (s *Series) tell(in *ingest.Sample, slot int64, fate Fate) {
	if s.placed != nil {
		s.placed(in.Channel, slot, fate)
	}
}

// Push takes one sample. stored is the stored stamp of its message in Unix ns,
// 0 where there is none. Slots that close are handed to h before Push returns.
func (s *Series) Push(in ingest.Sample, stored int64, h Handler) {
	s.message = stored
	if stored != 0 && in.Time-stored > int64(s.cfg.MaxFuture) {
		s.astray = in.Time - stored
		s.kill(in, Quarantined, h)
		s.tell(&in, -1, Quarantined)
		return
	}
	s.stored = stored != 0
	if s.step == 0 {
		s.learn(in, h)
		return
	}
	s.layLearnt(h)
	if !s.began {
		s.begin(in.Time)
	}
	s.place(in, h)
}

// Finish closes everything that waits, as at the end of a file. The handler's
// Reset is called last.
func (s *Series) Finish(h Handler) { s.End(EndOfInput, h) }

// EndOfInput is the reason that Finish gives the handler's Reset.
const EndOfInput = "end of input"

// Waiting returns the number of samples that wait for their slot to close.
func (s *Series) Waiting() int64 { return s.fates[Pending] }

// End does what Finish does, for a reason of its own.
func (s *Series) End(reason string, h Handler) {
	if s.step == 0 && len(s.learning) > 0 {
		s.settle(h)
	}
	s.layLearnt(h)
	for s.next < s.high {
		s.close(h)
	}
	if s.began {
		h.Reset(reason)
	}
	s.began = false
}

func (s *Series) kill(in ingest.Sample, why Fate, h Handler) {
	s.fates[why]++
	h.Dead(in, why)
}

// begin lays slot 0 at time t.
func (s *Series) begin(t int64) {
	s.began = true
	s.origin, s.next, s.high, s.newest = t, 0, 0, t
	s.late = 0
	for i := range s.last {
		s.last[i] = reading{}
		s.seen[i] = math.MinInt64
		// Nothing is known of the channels yet: the first slots wait for all.
		s.liveTill[i] = t + int64(s.cfg.Lateness)
	}
	clear(s.recent)
}

// slotOf returns the slot that time t belongs to: the first one not before it,
// allowing for jitter.
func (s *Series) slotOf(t int64) int64 {
	return int64(math.Ceil(float64(t-s.origin)/s.step - jitter))
}

// timeOf returns the time of a slot. It multiplies rather than adds up, so that
// a rate like 360 Hz does not drift away from its grid.
func (s *Series) timeOf(slot int64) int64 {
	return s.origin + int64(math.Round(float64(slot)*s.step))
}

func (s *Series) place(in ingest.Sample, h Handler) {
	k := s.slotOf(in.Time)
	if k < s.next {
		s.tooLate(in, k, h)
		return
	}
	s.late = 0
	if s.changed(&in, k, h) {
		k = 0
	}
	gap := s.maxGap()
	if s.began && k-max(s.high, s.next) > gap {
		// Nothing came for longer than the model may fill: what waits is closed,
		// the context ends, and the grid starts anew at this sample.
		for s.next < s.high {
			s.close(h)
		}
		h.Reset(fmt.Sprintf("gap of %v", time.Duration(in.Time-s.newest)))
		s.begin(in.Time)
		k = 0
	}
	s.reserve(k, h)
	r := &s.ring[(k%s.cap)*int64(s.cfg.Channels)+int64(in.Channel)]
	switch {
	case !r.own:
		*r = reading{in.Time, in.Value, in.Missing, in.TimeSource, true}
		s.fates[Pending]++
	case r.time == in.Time && r.value == in.Value && r.missing == in.Missing:
		s.fates[Duplicate]++
		s.tell(&in, k, Duplicate)
		return
	case r.time == in.Time:
		s.kill(in, Conflicting, h)
		s.tell(&in, k, Conflicting)
		return
	case in.Time > r.time:
		old := ingest.Sample{Series: in.Series, Channel: in.Channel, Time: r.time, Value: r.value, Missing: r.missing, TimeSource: r.source}
		*r = reading{in.Time, in.Value, in.Missing, in.TimeSource, true}
		s.kill(old, Surplus, h)
	default:
		s.kill(in, Surplus, h)
		s.tell(&in, k, Surplus)
		return
	}
	s.tell(&in, k, Pending)
	s.newest = max(s.newest, in.Time)
	s.alive(in)
	s.drain(h)
}

// alive notes that a channel sends.
func (s *Series) alive(in ingest.Sample) {
	s.seen[in.Channel] = max(s.seen[in.Channel], in.Time)
	s.liveTill[in.Channel] = max(s.liveTill[in.Channel], in.Time+s.patience())
}

// patience is how long slots go on waiting for a channel that fell silent.
func (s *Series) patience() int64 {
	return max(int64(s.cfg.Hold), int64(float64(s.maxGap())*s.step)) + int64(s.cfg.Lateness)
}

// mostFilled bounds a gap in slots: a rate that was learnt is what a sender made it,
// and at a nanosecond a slot a second would be a thousand million of them.
const mostFilled = 1 << 16

// MaxGap returns the longest run of empty slots that the model fills. The rate of the
// grid must be known.
func (s *Series) MaxGap() int64 { return s.maxGap() }

// MaxGapSet says whether the configuration tells it.
func (s *Series) MaxGapSet() bool { return s.cfg.MaxGap != 0 }

func (s *Series) maxGap() int64 {
	if s.cfg.MaxGap == 0 {
		return 8
	}
	return int64(min(float64(s.cfg.MaxGap)/s.step, mostFilled))
}

// reserve makes slot k wait, growing the ring or closing the oldest slots.
func (s *Series) reserve(k int64, h Handler) {
	for k-s.next >= int64(s.cfg.MaxPending) {
		if s.next >= s.high {
			s.high = s.next + 1
		}
		s.close(h)
	}
	if need := k - s.next + 1; need > s.cap {
		c := int64(s.cfg.Channels)
		n := min(max(2*s.cap, need), int64(s.cfg.MaxPending))
		ring := make([]reading, n*c)
		for i := s.next; i < s.high; i++ {
			copy(ring[(i%n)*c:(i%n)*c+c], s.ring[(i%s.cap)*c:(i%s.cap)*c+c])
		}
		s.ring, s.cap = ring, n
	}
	s.high = max(s.high, k+1)
}

// drain closes slots in order while the oldest one is complete or its time of
// waiting is over.
func (s *Series) drain(h Handler) {
	for s.next < s.high {
		t := s.timeOf(s.next)
		if !s.complete(s.next, t) && s.newest < t+int64(s.cfg.Lateness)+int64(s.step*jitter) {
			return
		}
		s.close(h)
	}
}

// complete says that no live channel can have a later reading for the slot: it
// has one right at the slot's time, or it has been seen beyond.
func (s *Series) complete(k, t int64) bool {
	c := int64(s.cfg.Channels)
	row := s.ring[(k%s.cap)*c : (k%s.cap)*c+c]
	j := int64(s.step * jitter)
	some := false
	for i := range row {
		switch {
		case row[i].own:
			some = true
			if row[i].time < t-j && s.seen[i] <= t+j {
				return false
			}
		case s.liveTill[i] >= t:
			// Having been seen beyond is not enough here: its reading for this
			// slot may still be on the way.
			return false
		}
	}
	return some
}

// close hands the oldest waiting slot out.
func (s *Series) close(h Handler) {
	k, c := s.next, int64(s.cfg.Channels)
	t := s.timeOf(k)
	row := s.ring[(k%s.cap)*c : (k%s.cap)*c+c]
	keep := s.recent[(k%recentSlots)*c : (k%recentSlots)*c+c]
	s.slot.Index, s.slot.Time, s.slot.Epoch, s.slot.TimeSource = k, t, s.epoch, 0
	any := false
	for i := range row {
		r := &row[i]
		cell := &s.slot.Cells[i]
		*cell = Cell{}
		if r.own {
			any = true
			s.fates[Pending]--
			s.fates[Raw]++
			cell.Own, cell.Missing, cell.Value, cell.At = true, r.missing, r.value, r.time
			s.slot.TimeSource = max(s.slot.TimeSource, r.source)
			if r.missing == ingest.Present {
				s.last[i] = *r
			}
		} else {
			cell.Missing = ingest.Null
		}
		keep[i] = *r
		*r = reading{}
	}
	if !any { // the time of what is filled in goes by the readings around it
		for i := range s.last {
			if l := &s.last[i]; l.own {
				s.slot.TimeSource = max(s.slot.TimeSource, l.source)
			}
		}
	}
	if any && s.cfg.Hold > 0 {
		for i := range s.slot.Cells {
			if l := &s.last[i]; !s.slot.Cells[i].Own && l.own && t-l.time <= int64(s.cfg.Hold) {
				c := &s.slot.Cells[i]
				c.Value, c.At, c.Held = l.value, l.time, true
			}
		}
	}
	s.next++
	s.high = max(s.high, s.next)
	h.Slot(&s.slot)
}
