package window

import (
	"fmt"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// tooLate settles a sample whose slot has closed.
func (s *Series) tooLate(in ingest.Sample, k int64, h Handler) {
	slot, taken := k, false
	if k < 0 || s.next-k > recentSlots {
		k = -1
	}
	if k >= 0 {
		r := &s.recent[(k%recentSlots)*int64(s.cfg.Channels)+int64(in.Channel)]
		taken = r.own
		if r.own && r.time == in.Time {
			if r.value == in.Value && r.missing == in.Missing {
				s.fates[Duplicate]++
				s.tell(&in, k, Duplicate)
				return
			}
			s.kill(in, Conflicting, h)
			s.tell(&in, k, Conflicting)
			return
		}
	}
	if s.revises(in, slot, h) {
		return
	}
	if in.Time > s.newest || taken && in.Time > s.seen[in.Channel] {
		s.inOrder(in, k, taken, h)
		return
	}
	fate := Late
	if s.newest-in.Time > int64(s.cfg.MaxBackward) {
		s.astray = in.Time - s.newest
		if fate, k = Quarantined, -1; s.stored {
			s.kill(in, fate, h)
			s.tell(&in, k, fate)
			return
		}
		// Nothing tells which stamp is wrong, this one or the newest: if what comes
		// goes on from this one, it was the newest.
	}
	s.alive(in)
	// A clock that was set back gives late samples that rise steadily; lone
	// stragglers do not.
	if s.late > 0 && in.Time < s.lateTime {
		s.late = 0
	}
	s.late++
	s.lateTime = in.Time
	if s.late <= s.cfg.BackwardAfter {
		s.kill(in, fate, h)
		s.tell(&in, k, fate)
		return
	}
	for s.next < s.high {
		s.close(h)
	}
	h.Reset(fmt.Sprintf("clock set back by %v", time.Duration(s.newest-in.Time)))
	s.epoch++
	s.pace.forget()
	s.begin(in.Time)
	s.place(in, h)
}

// inOrder settles a sample that is not behind those before it though its slot has closed: it
// came within the jitter of a slot that has a reading already, or of one that no longer waited
// for its channel. No clock was set back.
func (s *Series) inOrder(in ingest.Sample, k int64, taken bool, h Handler) {
	fate := Late
	if taken {
		fate = Surplus
	}
	s.alive(in)
	s.late = 0
	s.kill(in, fate, h)
	s.tell(&in, k, fate)
}

// revises settles a late sample that its slot takes after all, or that it has
// already.
func (s *Series) revises(in ingest.Sample, k int64, h Handler) bool {
	if s.revise == nil || k < 0 || s.newest-in.Time > int64(s.cfg.AllowedLateness) {
		return false
	}
	fate := s.revise(in, k)
	switch fate {
	case Raw:
		s.take(in, k)
	case Duplicate:
		s.fates[Duplicate]++
	case Conflicting:
		s.kill(in, Conflicting, h)
	default: // a clock that was set back shows by samples whose slots have others
		return false
	}
	s.tell(&in, k, fate)
	return true
}

// take notes a late sample that its slot took.
func (s *Series) take(in ingest.Sample, k int64) {
	s.fates[Raw]++
	r := reading{in.Time, in.Value, in.Missing, in.TimeSource, true}
	if s.next-k <= recentSlots {
		s.recent[(k%recentSlots)*int64(s.cfg.Channels)+int64(in.Channel)] = r
	}
	if l := &s.last[in.Channel]; in.Missing == ingest.Present && (!l.own || in.Time > l.time) {
		*l = r
	}
	s.alive(in)
}
