package pipeline

import (
	"errors"
	"math"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/window"
)

// silence is for how long a channel has had no reading while others of its series went
// on, or said that it has none. The model fills as much of that as of empty slots.
type silence struct {
	slots int64   // since its latest reading
	heard bool    // there was one
	usual float64 // slots from one reading to the next, a mean of the latest; 0 before the second
}

const (
	usualMemory = 16 // distances that usual is a mean of
	mostUsual   = 4  // times the usual distance, or that of max_gap, that one counts for at most
	mostSilence = 2  // usual distances that are filled of a channel that reads more rarely
)

// take counts a slot. It says whether the slot lies further from the latest reading than
// is filled: window.Series.MaxGap slots, and where that is left to Quell two of the
// distances that the channel usually has, or any number where a joint net has it from
// other channels.
func (s *silence) take(w *window.Series, own, joint bool) bool {
	if !own {
		s.slots++
		most := float64(w.MaxGap())
		if !w.MaxGapSet() {
			if joint {
				return false
			}
			most = max(most, mostSilence*s.usual)
		}
		return float64(s.slots) > most
	}
	d := float64(s.slots + 1)
	switch {
	case !s.heard:
	case s.usual == 0:
		s.usual = d
	default:
		s.usual += (min(d, mostUsual*max(s.usual, float64(w.MaxGap()))) - s.usual) / usualMemory
	}
	s.slots, s.heard = 0, true
	return false
}

func (s *silence) append(dst []byte) []byte {
	return wire.F64(wire.Bool(wire.I64(dst, s.slots), s.heard), s.usual)
}

var errSilence = errors.New("a silence that there can't be")

func readSilence(r *wire.Reader) silence {
	s := silence{r.I64(), r.Bool(), r.F64()}
	if s.slots < 0 || !(s.usual >= 0) || math.IsInf(s.usual, 0) {
		r.Fail(errSilence)
		return silence{}
	}
	return s
}
