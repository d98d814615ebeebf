package window

import (
	"math"
	"slices"
)

// Take makes s, which is new, what from is, with channel at[i] of it as channel i; where
// that is -1 the channel is one that nothing has come of, and slots wait for it as for one
// that sends. What waits of channels that are left out counts as NotMine. The two differ
// in their channels alone, and from is not used any more.
func (s *Series) Take(from *Series, at []int) {
	s.epoch, s.fates, s.step = from.epoch, from.fates, from.step
	s.origin, s.next, s.newest, s.high, s.began = from.origin, from.next, from.newest, from.high, from.began
	s.late, s.lateTime, s.stored = from.late, from.lateTime, from.stored
	if s.cfg.RateHz == 0 && s.step != 0 { // a channel is followed
		if i := slices.Index(at, from.pace.channel); i >= 0 {
			s.pace = from.pace
			s.pace.channel = i
		}
	}
	for _, in := range from.learning {
		if in.Channel = slices.Index(at, in.Channel); in.Channel < 0 {
			s.pass()
			continue
		}
		s.learning = append(s.learning, in)
	}
	c, had := int64(len(at)), int64(from.cfg.Channels)
	s.cap = from.cap
	s.ring = make([]reading, s.cap*c)
	for k := s.next; k < s.high; k++ {
		row := from.ring[(k%s.cap)*had:][:had]
		for i := range row {
			if row[i].own && !slices.Contains(at, i) {
				s.pass()
			}
		}
		pick(s.ring[(k%s.cap)*c:][:c], row, at)
	}
	for k := range int64(recentSlots) {
		pick(s.recent[k*c:][:c], from.recent[k*had:][:had], at)
	}
	for i, k := range at {
		if k >= 0 {
			s.last[i], s.seen[i], s.liveTill[i] = from.last[k], from.seen[k], from.liveTill[k]
		} else if s.began {
			s.seen[i], s.liveTill[i] = math.MinInt64, s.newest+s.patience()
		}
	}
}

// pass has a sample that waits count as one that is not wanted.
func (s *Series) pass() {
	s.fates[Pending]--
	s.fates[NotMine]++
}

// Disown has n samples that count as raw, of channels that were left out, count as
// NotMine: no record will have them.
func (s *Series) Disown(n int64) {
	s.fates[Raw] -= n
	s.fates[NotMine] += n
}

// pick sets dst to the readings of the channels of a row that dst is to have.
func pick(dst, row []reading, at []int) {
	for i, k := range at {
		if k >= 0 {
			dst[i] = row[k]
		}
	}
}
