package field

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Unit is how a time stamp is written.
type Unit uint8

// The units. Auto reads text as RFC 3339 and numbers as milliseconds.
const (
	Auto Unit = iota
	Seconds
	Millis
	Micros
	Nanos
	RFC3339
)

// ParseUnit reads "", s, ms, us, ns or rfc3339.
func ParseUnit(s string) (Unit, error) {
	switch s {
	case "":
		return Auto, nil
	case "s":
		return Seconds, nil
	case "ms":
		return Millis, nil
	case "us":
		return Micros, nil
	case "ns":
		return Nanos, nil
	case "rfc3339":
		return RFC3339, nil
	}
	return Auto, fmt.Errorf("time_unit %q: must be one of s, ms, us, ns, rfc3339", s)
}

// nanos is nanoseconds per second.
const nanos int64 = 1e9

// perUnit returns nanoseconds per unit.
func (u Unit) perUnit() int64 {
	switch u {
	case Seconds:
		return nanos
	case Micros:
		return 1e3
	case Nanos:
		return 1
	default:
		return 1e6
	}
}

// Stamp reads a time stamp in the given unit and returns nanoseconds since the
// Unix epoch. Numbers may have decimals and are read exactly, down to the
// nanosecond. Times before 1970 or that int64 nanoseconds can't hold (after
// April 2262) are refused, and so is anything else. Text without a zone is
// taken to be in loc; nil is UTC.
func Stamp(b []byte, u Unit, loc *time.Location) (int64, bool) {
	if len(b) > 0 && (b[0] <= ' ' || b[len(b)-1] <= ' ') {
		b = bytes.TrimSpace(b)
	}
	switch u {
	case RFC3339:
		return Date(b, loc)
	case Auto:
		if ns, ok := Date(b, loc); ok {
			return ns, true
		}
	}
	return decimal(b, u.perUnit())
}

// decimal reads a non-negative number of units of per nanoseconds each.
func decimal(b []byte, per int64) (int64, bool) {
	if len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	i, digits := 0, 0
	var n int64
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		d := int64(b[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
		digits++
	}
	if n > math.MaxInt64/per {
		return 0, false
	}
	n *= per
	if i < len(b) && b[i] == '.' {
		i++
		for scale := per / 10; i < len(b) && b[i]-'0' <= 9; i++ {
			add := int64(b[i]-'0') * scale
			if n > math.MaxInt64-add {
				return 0, false
			}
			n += add
			scale /= 10
			digits++
		}
	}
	if digits == 0 {
		return 0, false
	}
	if i == len(b) {
		return n, true
	}
	if b[i] != 'e' && b[i] != 'E' {
		return 0, false
	}
	// An exponent: some encoders write large integers so. A float64 is all they
	// had; it is rounded to a whole nanosecond.
	v, err := strconv.ParseFloat(string(b), 64)
	if v = math.Round(v * float64(per)); err != nil || !(v >= 0 && v < math.MaxInt64) {
		return 0, false
	}
	return int64(v), true
}

// Date reads a date and time as RFC 3339 writes it, with some latitude:
//
//	2006-01-02[(T|t|space)15:04[:05[(.|,)fraction]][Z|z|±07[[:]00]]]
//
// Without a zone the time is in loc; nil is UTC. Decimals beyond the nanosecond
// are cut off. The result is in nanoseconds since the Unix epoch, and false is
// returned for times before it or after April 2262.
func Date(b []byte, loc *time.Location) (int64, bool) {
	p := parser{b: b}
	year := p.digits(4)
	p.want('-')
	month := p.digits(2)
	p.want('-')
	day := p.digits(2)
	var hour, minute, sec, nsec int
	if !p.bad && len(p.b) > 0 && (p.b[0] == 'T' || p.b[0] == 't' || p.b[0] == ' ') {
		p.b = p.b[1:]
		hour = p.digits(2)
		p.want(':')
		minute = p.digits(2)
		if p.take(':') {
			sec = p.digits(2)
			if p.take('.') || p.take(',') {
				nsec = p.fraction()
			}
		}
	}
	zoned, offset := p.zone()
	if p.bad || len(p.b) != 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || sec > 59 {
		return 0, false
	}
	if year < 1969 || year > 2263 {
		return 0, false // keeps the sum below within int64
	}
	var s int64
	if zoned || loc == nil || loc == time.UTC {
		s = unixSeconds(year, month, day, hour, minute, sec) - int64(offset)
	} else {
		s = time.Date(year, time.Month(month), day, hour, minute, sec, 0, loc).Unix()
	}
	if s < 0 || s > (math.MaxInt64-int64(nsec))/nanos {
		return 0, false
	}
	return s*nanos + int64(nsec), true
}

// unixSeconds counts from the days since 1970-01-01 in the proleptic Gregorian
// calendar, years starting in March so that the leap day comes last
// (H. Hinnant, chrono-compatible low-level date algorithms, days_from_civil).
func unixSeconds(year, month, day, hour, minute, sec int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era, yoe := year/400, year%400
	doy := (153*(month-3)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	days := era*146097 + doe - 719468
	return int64(days)*86400 + int64(hour*3600+minute*60+sec)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// parser eats bytes from the front; bad sticks.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) digits(n int) (v int) {
	if len(p.b) < n {
		p.bad = true
		return 0
	}
	for _, c := range p.b[:n] {
		if c -= '0'; c > 9 {
			p.bad = true
			return 0
		}
		v = v*10 + int(c)
	}
	p.b = p.b[n:]
	return v
}

func (p *parser) take(c byte) bool {
	if !p.bad && len(p.b) > 0 && p.b[0] == c {
		p.b = p.b[1:]
		return true
	}
	return false
}

func (p *parser) want(c byte) {
	if !p.take(c) {
		p.bad = true
	}
}

// fraction reads the digits behind the point as nanoseconds.
func (p *parser) fraction() int {
	v, scale, n := 0, 100_000_000, 0
	for ; n < len(p.b) && p.b[n]-'0' <= 9; n++ {
		v += int(p.b[n]-'0') * scale
		scale /= 10
	}
	if n == 0 {
		p.bad = true
	}
	p.b = p.b[n:]
	return v
}

// zone reads Z or ±hh[[:]mm] and returns the offset from UTC in seconds.
func (p *parser) zone() (zoned bool, offset int) {
	if p.take('Z') || p.take('z') {
		return true, 0
	}
	sign := 1
	switch {
	case p.take('+'):
	case p.take('-'):
		sign = -1
	default:
		return false, 0
	}
	h, m := p.digits(2), 0
	if p.take(':') || len(p.b) > 0 {
		m = p.digits(2)
	}
	if h > 23 || m > 59 {
		p.bad = true
	}
	return true, sign * (h*3600 + m*60)
}
