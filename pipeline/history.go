package pipeline

import "github.com/quell-stream/quell/model"

// history keeps the latest input columns of a series: enough to warm a stream,
// so that activations need not be stored.
type history struct {
	channels int
	slots    int
	buf      []model.Column // up to an eighth more than slots slots; the tail counts
}

func newHistory(slots, channels int) *history {
	return &history{channels: channels, slots: slots}
}

func (h *history) add(cols []model.Column) {
	n := h.slots * h.channels
	most := n + n/8
	if len(cols) > n {
		cols = cols[len(cols)-n:]
	}
	if over := len(h.buf) + len(cols) - most; over > 0 {
		h.buf = h.buf[:copy(h.buf, h.buf[max(0, len(h.buf)+len(cols)-n):])]
	}
	if need := len(h.buf) + len(cols); need > cap(h.buf) {
		h.buf = append(make([]model.Column, 0, min(max(2*cap(h.buf), need, 16), most)), h.buf...)
	}
	h.buf = append(h.buf, cols...)
}

// columns returns the columns that count, oldest first.
func (h *history) columns() []model.Column {
	if n := h.slots * h.channels; len(h.buf) > n {
		return h.buf[len(h.buf)-n:]
	}
	return h.buf
}

// resize keeps at least n slots from now on. A longer history than was kept
// so far fills up over time.
func (h *history) resize(n int) { h.slots = max(h.slots, n) }

func (h *history) reset() { h.buf = h.buf[:0] }
