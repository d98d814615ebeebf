package file

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/quell-stream/quell/sink"
)

// The columns are those of quell denoise with the record's key and model added:
// ts, series, epoch, rev, then per channel X, X_clean, X_lo, X_hi, X_quality,
// X_method, X_flags (separated by spaces), then score, drift, model.

var channelColumns = []string{"", "_clean", "_lo", "_hi", "_quality", "_method", "_flags"}

// appendHeader appends the header of the record's channels, with its newline.
func appendHeader(dst []byte, r *sink.Record) []byte {
	dst = append(dst, "ts,series,epoch,rev"...)
	for _, name := range r.Channels {
		for _, suffix := range channelColumns {
			dst = append(dst, ',')
			dst = appendCell(dst, name+suffix)
		}
	}
	return append(dst, ",score,drift,model\n"...)
}

// sameHeader says whether header is that of the record's channels. It is asked
// for every record, so it compares without building one.
func sameHeader(header string, r *sink.Record) bool {
	rest, ok := strings.CutPrefix(header, "ts,series,epoch,rev")
	for _, name := range r.Channels {
		if !ok {
			return false
		}
		if !plainCell(name) {
			return header == string(appendHeader(nil, r))
		}
		for _, suffix := range channelColumns {
			if rest, ok = strings.CutPrefix(rest, ","); !ok {
				return false
			}
			if rest, ok = strings.CutPrefix(rest, name); !ok {
				return false
			}
			if rest, ok = strings.CutPrefix(rest, suffix); !ok {
				return false
			}
		}
	}
	return ok && rest == ",score,drift,model\n"
}

// appendRow appends a record as one row with its newline.
func appendRow(dst []byte, r *sink.Record) []byte {
	dst = sink.AppendTime(dst, r.Time)
	dst = append(dst, ',')
	dst = appendCell(dst, r.Series)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(r.Epoch), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(r.Rev), 10)
	for i := range r.Values {
		v := &r.Values[i]
		for _, x := range [...]float64{v.Raw, v.Clean, v.Lo, v.Hi} {
			dst = append(dst, ',')
			dst = appendNumber(dst, x)
		}
		dst = append(dst, ',')
		dst = append(dst, v.Quality.String()...)
		dst = append(dst, ',')
		dst = appendCell(dst, v.Method)
		dst = append(dst, ',')
		dst = appendFlags(dst, v.Flags)
	}
	dst = append(dst, ',')
	dst = appendNumber(dst, r.Score)
	dst = append(dst, ',')
	dst = appendCell(dst, r.Drift)
	dst = append(dst, ',')
	dst = appendCell(dst, r.Model)
	return append(dst, '\n')
}

func appendFlags(dst []byte, f sink.Flags) []byte {
	first := true
	for bit, name := range sink.FlagNames {
		if f&(1<<bit) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ' ')
		}
		first = false
		dst = append(dst, name...)
	}
	return dst
}

// appendNumber appends the shortest round-trip form of v, nothing where there is
// no number.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst
	}
	return sink.AppendFloat(dst, v)
}

func plainCell(s string) bool {
	return !strings.ContainsAny(s, "\",\r\n") && utf8.ValidString(s) && strings.TrimSpace(s) == s
}

// appendCell appends a cell, quoted as in RFC 4180 where that is needed. A line
// break is written as a space between quotes, so that a line is always a row:
// the torn end of a file could not be told from a break within a cell.
func appendCell(dst []byte, s string) []byte {
	if plainCell(s) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for _, r := range s {
		switch r {
		case '"':
			dst = append(dst, '"', '"')
		case '\r', '\n':
			dst = append(dst, ' ')
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
