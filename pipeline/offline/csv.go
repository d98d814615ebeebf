package offline

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// suffixes of a channel's columns; the first is the raw value.
var suffixes = [...]string{"", "_clean", "_lo", "_hi", "_quality", "_method", "_flags"}

// appendHeader appends the names of the columns; those of the time may be none, and
// series may be "".
func appendHeader(dst []byte, time []string, series string, channels []string) []byte {
	for _, name := range time {
		dst = append(appendCell(dst, []byte(name)), ',')
	}
	if series != "" {
		dst = append(appendCell(dst, []byte(series)), ',')
	}
	for _, name := range channels {
		for _, suffix := range suffixes {
			dst = append(appendCell(dst, []byte(name+suffix)), ',')
		}
	}
	return append(dst, "score,drift\n"...)
}

// checkHeader refuses channels by which two columns would have one name, such as a and a_clean.
func checkHeader(time []string, series string, channels []string) error {
	of := map[string]string{"score": "", "drift": ""}
	for _, name := range append(slices.Clone(time), series) {
		of[name] = ""
	}
	of[""] = "" // no series column
	twice := make(map[string]bool)
	first := ""
	for _, c := range channels {
		for _, suffix := range suffixes {
			name := c + suffix
			if _, taken := of[name]; taken {
				twice[c], twice[of[name]] = true, true
				first = cmp.Or(first, name)
			}
			of[name] = c
		}
	}
	if first == "" {
		return nil
	}
	var left []string
	for _, c := range channels {
		if !twice[c] || slices.ContainsFunc(channels, func(o string) bool { return strings.HasPrefix(o, c+"_") }) {
			left = append(left, c)
		}
	}
	text := fmt.Sprintf("two columns of the output would be named %s, as where what was denoised is denoised again", first)
	if len(left) > 0 {
		return fmt.Errorf("%s: choose the channels with --channels %s", text, strings.Join(left, ","))
	}
	return fmt.Errorf("%s: rename it, or choose other channels", text)
}

// appendValues appends the columns behind time and series, with the line's end.
// h is the record of the row's slot, nil where there is none; score has the latest one's
// score.
func appendValues(dst []byte, cells []cell, h *held, score *written) []byte {
	for i := range cells {
		c := &cells[i]
		if c.missing == ingest.Present && !c.absent {
			dst = sink.AppendFloat(dst, c.value)
		}
		if h != nil && (c.placed || c.absent) {
			dst = appendValue(dst, &h.values[i])
		} else {
			dst = append(dst, ",,,,bad,"+rawMethod+","...)
			dst = appendFlags(dst, own(c))
		}
		dst = appendFate(dst, c)
		dst = append(dst, ',')
	}
	if h != nil {
		dst = score.append(dst, h.score)
		dst = append(dst, ',')
		dst = append(dst, h.drift...)
	} else {
		dst = append(dst, ',')
	}
	return append(dst, '\n')
}

// appendValue appends what a record says of a channel, but for its raw value,
// which need not be this row's.
func appendValue(dst []byte, v *sink.Value) []byte {
	for _, x := range [...]float64{v.Clean, v.Lo, v.Hi} {
		dst = append(dst, ',')
		dst = appendNumber(dst, x)
	}
	dst = append(dst, ',')
	dst = append(dst, v.Quality.String()...)
	dst = append(dst, ',')
	dst = append(dst, v.Method...)
	dst = append(dst, ',')
	return appendFlags(dst, v.Flags)
}

// own are the flags that a cell has by itself.
func own(c *cell) sink.Flags {
	switch c.missing {
	case ingest.Null:
		return sink.FlagNull
	case ingest.NonFinite:
		return sink.FlagNonFinite
	case ingest.Sentinel:
		return sink.FlagSentinel
	case ingest.OutOfRange:
		return sink.FlagRange
	}
	return 0
}

func appendFlags(dst []byte, f sink.Flags) []byte {
	for bit := 0; f != 0; bit, f = bit+1, f>>1 {
		if f&1 != 0 {
			dst = appendFlag(dst, sink.FlagNames[bit])
		}
	}
	return dst
}

// appendFate appends, as one more flag, why a reading is not the raw value of
// its slot's record.
func appendFate(dst []byte, c *cell) []byte {
	if c.absent || c.fate == window.Pending {
		return dst
	}
	return appendFlag(dst, c.fate.String())
}

// appendFlag appends a flag to a cell that may have others already.
func appendFlag(dst []byte, name string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != ',' {
		dst = append(dst, ' ')
	}
	return append(dst, name...)
}

// appendNumber appends the shortest text that reads back as v, nothing where
// there is no number.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst
	}
	return sink.AppendFloat(dst, v)
}

// written is a number and its text: the score is the same for as many rows as a hop has.
type written struct {
	known bool
	bits  uint64 // of the number
	text  []byte
}

// append is appendNumber.
func (w *written) append(dst []byte, v float64) []byte {
	if bits := math.Float64bits(v); !w.known || bits != w.bits {
		*w = written{true, bits, appendNumber(w.text[:0], v)}
	}
	return append(dst, w.text...)
}

// appendCell appends text as it is, quoted as in RFC 4180 where it must be.
func appendCell(dst, text []byte) []byte {
	if !bytes.ContainsAny(text, "\",\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(string(text), `"`, `""`)...)
	return append(dst, '"')
}
