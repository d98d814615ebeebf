package pipeline

import (
	"slices"

	"github.com/quell-stream/quell/model"
)

// history keeps the latest input columns of a series: enough to warm a stream,
// so that activations need not be stored. Of what is told of the noise, which changes
// once in hundreds of slots, it keeps the changes.
type history struct {
	channels int
	slots    int
	x        []float32 // slot-major, up to an eighth more than slots slots; the tail counts
	missing  []bool    // parallel to x
	first    int64     // slot of x[0], of those added since reset
	noise    [][]told  // per channel, oldest first; the first of them at first or before
}

// told is what the net is told of the noise of a channel from a slot on.
type told struct {
	slot          int64
	level, colour float32
}

func newHistory(slots, channels int) *history {
	return &history{channels: channels, slots: slots, noise: make([][]told, channels)}
}

func (h *history) add(cols []model.Column) {
	c := h.channels
	n := h.slots * c
	most := n + n/8/c*c
	if len(cols) > n || len(h.x)+len(cols) > most {
		h.drop(min(len(h.x), len(h.x)+len(cols)-n))
	}
	if need := len(h.x) + min(len(cols), n); need > cap(h.x) {
		size := min(max(2*cap(h.x), need, 16), most)
		h.x = append(make([]float32, 0, size), h.x...)
		h.missing = append(make([]bool, 0, size), h.missing...)
	}
	slot, skip := h.first+int64(len(h.x)/c), max(0, len(cols)-n)
	for i := 0; i < len(cols); i += c {
		for ch := range c {
			col := &cols[i+ch]
			h.tell(ch, told{slot + int64(i/c), col.Level, col.Colour})
			if i >= skip {
				h.x, h.missing = append(h.x, col.X), append(h.missing, col.Missing)
			}
		}
	}
	if skip > 0 {
		h.begin(slot + int64(skip/c))
	}
}

// tell notes what is told of the noise of a channel where that is new.
func (h *history) tell(channel int, now told) {
	all := h.noise[channel]
	if n := len(all); n == 0 || all[n-1].level != now.level || all[n-1].colour != now.colour {
		h.noise[channel] = append(all, now)
	}
}

// drop forgets the oldest n columns.
func (h *history) drop(n int) {
	h.x = h.x[:copy(h.x, h.x[n:])]
	h.missing = h.missing[:copy(h.missing, h.missing[n:])]
	h.begin(h.first + int64(n/h.channels))
}

// begin says that x[0] is of a slot from now on, and forgets what was told before that
// was another thing by then.
func (h *history) begin(slot int64) {
	h.first = slot
	for c, all := range h.noise {
		old := 0
		for old+1 < len(all) && all[old+1].slot <= slot {
			old++
		}
		h.noise[c] = slices.Delete(all, 0, old)
	}
}

// len returns the number of columns that count.
func (h *history) len() int { return min(len(h.x), h.slots*h.channels) }

// columns sets dst to the columns that count, oldest first, and returns it.
func (h *history) columns(dst []model.Column) []model.Column { return h.part(dst, 0, h.len()) }

// part sets dst to columns from..to-1 of those that count, whole slots, and returns it.
func (h *history) part(dst []model.Column, from, to int) []model.Column {
	dst = slices.Grow(dst[:0], to-from)[:to-from]
	at := len(h.x) - h.len() + from
	for i := range dst {
		dst[i] = model.Column{X: h.x[at+i], Missing: h.missing[at+i]}
	}
	slot := h.first + int64(at/h.channels)
	for c, all := range h.noise {
		for i := c; i < len(dst); i += h.channels {
			for len(all) > 1 && all[1].slot <= slot+int64(i/h.channels) {
				all = all[1:]
			}
			dst[i].Level, dst[i].Colour = all[0].level, all[0].colour
		}
	}
	return dst
}

// set changes column i of those that count.
func (h *history) set(i int, x float32, missing bool) {
	i += len(h.x) - h.len()
	h.x[i], h.missing[i] = x, missing
}

// resize keeps at least n slots from now on. A longer history than was kept
// so far fills up over time.
func (h *history) resize(n int) { h.slots = max(h.slots, n) }

func (h *history) reset() {
	h.x, h.missing, h.first = h.x[:0], h.missing[:0], 0
	for c := range h.noise {
		h.noise[c] = h.noise[c][:0]
	}
}
