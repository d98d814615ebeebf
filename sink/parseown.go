package sink

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// parseOwn reads a record exactly as AppendRecord writes it, many times faster than
// encoding/json does: what waits in a spool is read back at the speed of the sink.
// Anything else, escaped strings included, is not its business: ok is false then,
// and nothing is known of the input.
func parseOwn(b []byte) (r *Record, ok bool) {
	s := scanner{b: b}
	s.lit(`{"v":1,"type":"record","ts":`)
	ts := s.text()
	r = &Record{Stream: s.field(`,"stream":`), Series: s.field(`,"series":`)}
	s.lit(`,"epoch":`)
	r.Epoch = s.whole()
	s.lit(`,"rev":`)
	r.Rev = s.whole()
	s.lit(`,"channels":{`)
	for i := 0; !s.bad && s.peek() != '}'; i++ {
		if i > 0 {
			s.lit(`,`)
		}
		name := s.text()
		s.bad = s.bad || slices.Contains(r.Channels, name)
		r.Channels = append(r.Channels, name)
		r.Values = append(r.Values, s.value())
	}
	s.lit(`},"score":`)
	r.Score = s.number()
	r.Drift, r.Model = s.field(`,"drift":`), s.field(`,"model":`)
	s.lit(`,"lookahead":`)
	r.Lookahead = s.whole()
	s.lit(`,"interval":`)
	r.Interval = s.number()
	r.TimeSource = s.field(`,"time_source":`)
	s.lit(`}`)
	if s.bad || len(s.b) > 0 {
		return nil, false
	}
	var err error
	if r.Time, err = header(Version, "record", "record", ts); err != nil {
		return nil, false
	}
	return r, true
}

// scanner takes fields off the JSON of a record. Once something is not as it
// should be it is bad, and all that it returns worthless.
type scanner struct {
	b   []byte
	bad bool
}

func (s *scanner) lit(text string) {
	if s.bad || len(s.b) < len(text) || string(s.b[:len(text)]) != text {
		s.bad = true
		return
	}
	s.b = s.b[len(text):]
}

func (s *scanner) peek() byte {
	if len(s.b) == 0 {
		s.bad = true
		return 0
	}
	return s.b[0]
}

func (s *scanner) field(before string) string {
	s.lit(before)
	return s.text()
}

// text takes a string without escapes.
func (s *scanner) text() string {
	s.lit(`"`)
	n := bytes.IndexByte(s.b, '"')
	if s.bad || n < 0 {
		s.bad = true
		return ""
	}
	t := s.b[:n]
	for _, c := range t {
		if c < ' ' || c == '\\' {
			s.bad = true
			return ""
		}
	}
	s.bad = s.bad || !utf8.Valid(t)
	s.b = s.b[n+1:]
	return string(t)
}

// digits takes the text of a number as JSON has it.
func (s *scanner) digits() []byte {
	n := 0
	for n < len(s.b) && (s.b[n] >= '0' && s.b[n] <= '9' || s.b[n] == '-' || s.b[n] == '+' || s.b[n] == '.' || s.b[n] == 'e' || s.b[n] == 'E') {
		n++
	}
	t := s.b[:n]
	s.b = s.b[n:]
	// What strconv takes beyond JSON: a sign +, zeros in front, a point without
	// digits on both sides.
	d := bytes.TrimPrefix(t, []byte("-"))
	point := bytes.IndexByte(d, '.')
	digit := func(i int) bool { return i >= 0 && i < len(d) && d[i] >= '0' && d[i] <= '9' }
	if !digit(0) || d[0] == '0' && digit(1) || point >= 0 && !digit(point+1) {
		s.bad = true
	}
	return t
}

func (s *scanner) whole() int {
	n, err := strconv.Atoi(string(s.digits()))
	s.bad = s.bad || err != nil
	return n
}

// number takes a number, or null, which is NaN.
func (s *scanner) number() float64 {
	if !s.bad && s.peek() == 'n' {
		s.lit(`null`)
		return math.NaN()
	}
	v, err := strconv.ParseFloat(string(s.digits()), 64)
	s.bad = s.bad || err != nil
	return v
}

func (s *scanner) value() (v Value) {
	for _, f := range [...]struct {
		before string
		to     *float64
	}{{`:{"raw":`, &v.Raw}, {`,"clean":`, &v.Clean}, {`,"lo":`, &v.Lo}, {`,"hi":`, &v.Hi}} {
		s.lit(f.before)
		*f.to = s.number()
	}
	q, err := ParseQuality(s.field(`,"quality":`))
	s.bad = s.bad || err != nil
	v.Quality, v.Method = q, s.field(`,"method":`)
	s.lit(`,"flags":[`)
	for i := 0; !s.bad && s.peek() != ']'; i++ {
		if i > 0 {
			s.lit(`,`)
		}
		if bit := slices.Index(FlagNames, s.text()); bit >= 0 {
			v.Flags |= 1 << bit
		}
	}
	s.lit(`]}`)
	return v
}
