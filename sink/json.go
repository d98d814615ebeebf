package sink

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Version is the value of the field v of every record and event.
const Version = 1

// AppendRecord appends the JSON of r to dst, without a newline, and returns it.
//
// The fields come in the order of docs/formats/record.md, channels in the order
// of r.Channels. Times are RFC 3339 in UTC with as many digits of the second as
// needed; numbers are the shortest that read back as the same float64; NaN and
// the infinities are null. Strings are escaped as encoding/json escapes them, so
// the result is always valid UTF-8 and safe inside HTML. Beyond growing dst,
// AppendRecord allocates nothing.
//
// r.Values must have as many elements as r.Channels.
func AppendRecord(dst []byte, r *Record) []byte {
	if len(r.Values) != len(r.Channels) {
		panic("sink: record with different numbers of channels and values")
	}
	dst = append(dst, `{"v":1,"type":"record","ts":"`...)
	dst = AppendTime(dst, r.Time)
	dst = append(dst, `","stream":`...)
	dst = appendString(dst, r.Stream)
	dst = append(dst, `,"series":`...)
	dst = appendString(dst, r.Series)
	dst = append(dst, `,"epoch":`...)
	dst = strconv.AppendInt(dst, int64(r.Epoch), 10)
	dst = append(dst, `,"rev":`...)
	dst = strconv.AppendInt(dst, int64(r.Rev), 10)
	dst = append(dst, `,"channels":{`...)
	for i := range r.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, r.Channels[i])
		dst = appendValue(dst, &r.Values[i])
	}
	dst = append(dst, `},"score":`...)
	dst = AppendFloat(dst, r.Score)
	dst = append(dst, `,"drift":`...)
	dst = appendString(dst, r.Drift)
	dst = append(dst, `,"model":`...)
	dst = appendString(dst, r.Model)
	dst = append(dst, `,"lookahead":`...)
	dst = strconv.AppendInt(dst, int64(r.Lookahead), 10)
	dst = append(dst, `,"interval":`...)
	dst = AppendFloat(dst, r.Interval)
	dst = append(dst, `,"time_source":`...)
	dst = appendString(dst, r.TimeSource)
	return append(dst, '}')
}

func appendValue(dst []byte, v *Value) []byte {
	dst = append(dst, `:{"raw":`...)
	dst = AppendFloat(dst, v.Raw)
	dst = append(dst, `,"clean":`...)
	dst = AppendFloat(dst, v.Clean)
	dst = append(dst, `,"lo":`...)
	dst = AppendFloat(dst, v.Lo)
	dst = append(dst, `,"hi":`...)
	dst = AppendFloat(dst, v.Hi)
	dst = append(dst, `,"quality":"`...)
	dst = append(dst, v.Quality.String()...)
	dst = append(dst, `","method":`...)
	dst = appendString(dst, v.Method)
	dst = append(dst, `,"flags":[`...)
	first := true
	for bit, name := range FlagNames {
		if v.Flags&(1<<bit) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, '"')
	}
	return append(dst, "]}"...)
}

// AppendTime appends ns, nanoseconds since the Unix epoch, as RFC 3339 in UTC.
func AppendTime(dst []byte, ns int64) []byte {
	return time.Unix(0, ns).UTC().AppendFormat(dst, time.RFC3339Nano)
}

// AppendFloat appends the shortest decimal that reads back as v, formatted as
// encoding/json does, and null for NaN and the infinities.
func AppendFloat(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	// As in ECMAScript: exponents only where a plain number would be long.
	if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	// strconv writes e-09, ECMAScript e-9.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, byte for byte what json.Marshal
// gives: <, >, &, U+2028 and U+2029 are escaped, and each invalid byte becomes
// the escape of U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, `\b`...)
			case '\f':
				dst = append(dst, `\f`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[from:i]...)
			dst = append(dst, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[from:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&15])
		default:
			i += size
			continue
		}
		i += size
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
