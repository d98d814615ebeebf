package state

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
)

// A checkpoint of very many series goes into several frames, each of which can be read
// again: frames of series alone, and behind them one that closes the transaction, with
// all else. Without that one, or with another of them missing, none of it is taken.

// field is about what a number takes, or a length and what goes with it, and no less.
const field = 16

func (e *Entry) size() int64 {
	return int64(4*field + len(e.Part) + len(e.Series) + len(e.State))
}

// closingSize is about what the frame that closes a checkpoint takes beside its series.
func closingSize(c *Checkpoint) int64 {
	n := 8*field + len(c.Extra)
	for _, h := range c.Heads {
		n += 2*field + len(h.Part)
	}
	return int64(n)
}

// fits refuses a checkpoint that could not be read again.
func (s *Stream) fits(c *Checkpoint) error {
	n := closingSize(c)
	if n > s.most {
		return fmt.Errorf("state: what a checkpoint holds beside its series takes up to %d bytes, and may take %d: spread the partitions over several streams or replicas", n, s.most)
	}
	for i := range c.Entries {
		if e := &c.Entries[i]; e.size() > s.most-8*field {
			return fmt.Errorf("state: the state of series %q takes %d bytes, and may take %d: lower window.allowed_lateness", e.Series, len(e.State), s.most)
		}
	}
	return nil
}

// portions cuts the series of a checkpoint into those of its frames, in their order. The
// last portion, which may be empty, goes into the frame that closes it.
func (s *Stream) portions(c *Checkpoint) (all [][]Entry) {
	left, n := c.Entries, int64(0)
	for i := 0; i < len(left); {
		size := left[i].size()
		if n > 0 && n+size > s.part {
			all, left, i, n = append(all, left[:i]), left[i:], 0, 0
			continue
		}
		n, i = n+size, i+1
	}
	if len(left) > 0 && n+closingSize(c) > s.part {
		all, left = append(all, left), nil
	}
	return append(all, left)
}

// transaction takes one transaction off b: the payloads of its frames. Parts are numbered,
// and the frame that closes them says how many there are.
func transaction(b []byte) (payloads [][]byte, rest []byte, ok bool) {
	for rest = b; ; {
		var payload []byte
		if payload, rest, ok = frame(rest); !ok {
			return nil, nil, false
		}
		parts := len(payloads)
		payloads = append(payloads, payload)
		switch kind := payload[0]; {
		case kind == kindPart && numbered(payload, parts):
		case kind == kindPart, kind == kindLast && (parts == 0 || !numbered(payload, parts)), kind != kindLast && parts > 0:
			return nil, nil, false
		default:
			return payloads, rest, true
		}
	}
}

func numbered(payload []byte, n int) bool {
	return len(payload) >= 9 && binary.LittleEndian.Uint64(payload[1:]) == uint64(n)
}

// applyFull takes over what a full file holds.
func (snap *Snapshot) applyFull(raw []byte) error {
	body, one := bytes.CutPrefix(raw, []byte(magic))
	if !one {
		var several bool
		if body, several = bytes.CutPrefix(raw, []byte(magicParts)); !several {
			return unknownMagic(raw)
		}
	}
	payloads, rest, ok := transaction(body)
	switch {
	case !ok:
		return fmt.Errorf("%w: a checksum does not match, or the end is missing", ErrCorrupt)
	case len(rest) != 0 || one && len(payloads) != 1:
		return fmt.Errorf("%w: there is more than one checkpoint", ErrCorrupt)
	}
	for _, payload := range payloads {
		if err := snap.apply(payload); err != nil {
			return err
		}
	}
	return nil
}

// unknownMagic tells a file of a newer version from one that is damaged: in the latter all
// but the number of the version is as it should be.
func unknownMagic(raw []byte) error {
	body, ours := bytes.CutPrefix(raw, []byte(magic[:len(magic)-1]))
	if !ours || len(body) == 0 {
		return fmt.Errorf("%w: not a checkpoint", ErrCorrupt)
	}
	if _, rest, ok := transaction(body[1:]); ok && len(rest) == 0 {
		return fmt.Errorf("%w: the number of its version", ErrCorrupt)
	}
	return fmt.Errorf("it begins with %q: %w", raw[:len(magic)], ErrNewer)
}

// applyEntries takes over the states of series.
func (snap *Snapshot) applyEntries(r *wire.Reader) {
	for range r.Len(17) {
		part, series, gone := r.String(), r.String(), r.Bool()
		data := r.Bytes()
		if r.Err() != nil {
			return
		}
		if gone {
			delete(snap.Series[part], series)
			continue
		}
		if snap.Series[part] == nil {
			snap.Series[part] = map[string][]byte{}
		}
		snap.Series[part][series] = data
	}
}
