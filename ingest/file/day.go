package file

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/ingest/codec/field"
)

// dayColumn is the name that a column of dates goes by whose times of day stand in
// another one.
const dayColumn = "date"

// order says how a date with slashes is written.
type order uint8

const (
	unordered  order = iota // no slashes, or not known
	dayFirst                // 30/03/2024
	monthFirst              // 03/30/2024
)

// splitTime settles that the time stands in two columns of CSV: those that were asked
// for (DATE,TIME), or a column of dates and the time column where the first row has a
// day in the one and a time of day in the other.
func (r *Reader) splitTime(o *Options) error {
	if o.Time != "" {
		day, clock, two := strings.Cut(o.Time, ",")
		day, clock = strings.TrimSpace(day), strings.TrimSpace(clock)
		if !two || slices.Contains(r.columns, o.Time) {
			return nil
		}
		for _, c := range []string{day, clock} {
			if c == "" || !slices.Contains(r.columns, c) {
				return noColumn(r.name, c, r.columns)
			}
		}
		r.day, r.time = day, clock
		return r.orderDays()
	}
	at := slices.IndexFunc(r.columns, func(c string) bool { return strings.EqualFold(c, dayColumn) })
	if at < 0 || r.time == "" || !(o.TimeUnit == "" || o.TimeUnit == "rfc3339") {
		return nil
	}
	day := r.columns[at]
	if day == o.Series || slices.ContainsFunc(o.Channels, func(c field.Channel) bool { return c.Field() == day }) {
		return nil
	}
	if err := r.readAhead(len(r.queue) + 1); err != nil {
		return err
	}
	pair := false
	r.eachDay(at, slices.Index(r.columns, r.time), func(day, clock []byte) bool {
		_, _, _, _, ok1 := readDay(day)
		_, ok2 := readClock(nil, clock)
		pair = ok1 && ok2
		return false
	})
	if !pair {
		return nil
	}
	r.day = day
	return r.orderDays()
}

// orderDays tells from the first rows which number of dates with slashes is the day.
func (r *Reader) orderDays() error {
	at := slices.Index(r.columns, r.day)
	for n := 16; r.order == unordered; n *= 4 {
		had, slashes := len(r.queue), false
		if err := r.readAhead(min(n, sniffRows)); err != nil {
			return err
		}
		var first, second int
		r.eachDay(at, at, func(b, _ []byte) bool {
			a, m, _, slashed, ok := readDay(b)
			if ok && slashed {
				slashes, first, second = true, max(first, a), max(second, m)
			}
			return true
		})
		switch {
		case !slashes:
			return nil
		case first > 12 && second <= 12:
			r.order = dayFirst
		case second > 12 && first <= 12:
			r.order = monthFirst
		case first > 12 || n > sniffRows || len(r.queue) == had && n > 16:
			return fmt.Errorf("%s: column %s: with slashes day and month can't be told apart here: write dates as 2024-03-30", r.name, r.day)
		}
	}
	return nil
}

// eachDay calls f with two fields of each row that was read ahead until it has enough.
func (r *Reader) eachDay(day, clock int, f func(day, clock []byte) bool) {
	for _, q := range r.queue {
		if q.err != nil || r.hollow(q.row) {
			continue
		}
		fields, _ := split(nil, q.row, nil, r.lines.sep)
		if len(fields) == len(r.columns) && !f(fields[day], fields[clock]) {
			return
		}
	}
}

// hollow says whether a row is nothing but separators, as spreadsheets write below the
// last one.
func (r *Reader) hollow(row []byte) bool {
	return len(bytes.Trim(row, string(r.lines.sep)+" \t\r")) == 0
}

// joined returns the date and time of day of two fields as field.Date reads them, or
// false.
func (r *Reader) joined(day, clock []byte) ([]byte, bool) {
	a, b, year, slashed, ok := readDay(day)
	month, date := b, a
	if slashed && r.order == monthFirst {
		month, date = a, b
	}
	if !ok || slashed && r.order == unordered {
		return nil, false
	}
	r.stamp = append(strconv.AppendInt(r.stamp[:0], int64(year), 10), '-')
	r.stamp = append(two(append(two(r.stamp, month), '-'), date), 'T')
	r.stamp, ok = readClock(r.stamp, clock)
	return r.stamp, ok
}

// readDay reads a date without a time of day, 2024-03-30, 2024/03/30, 30.03.2024 or with
// slashes and the year behind. Of these it returns the numbers as they stand, else the
// day and the month.
func readDay(b []byte) (day, month, year int, slashed, ok bool) {
	b = bytes.TrimSpace(b)
	at := bytes.IndexAny(b, "-./")
	if at < 0 {
		return 0, 0, 0, false, false
	}
	sep := b[at]
	var n [3]int
	var width [3]int
	for i := range n {
		if n[i], width[i], b = digits(b); width[i] == 0 {
			return 0, 0, 0, false, false
		}
		if i < 2 {
			if len(b) == 0 || b[0] != sep {
				return 0, 0, 0, false, false
			}
			b = b[1:]
		}
	}
	switch {
	case len(b) > 0:
	case width[0] == 4 && sep != '.' && width[1] <= 2 && width[2] <= 2:
		return n[2], n[1], n[0], false, true
	case width[2] == 4 && sep != '-' && width[0] <= 2 && width[1] <= 2:
		return n[0], n[1], n[2], sep == '/', true
	}
	return 0, 0, 0, false, false
}

// readClock appends a time of day, 18:00, 18:00:00.5, 18.00.00 or 6:00 PM, as RFC 3339
// writes it.
func readClock(dst, b []byte) ([]byte, bool) {
	b = bytes.TrimSpace(b)
	late, twelve := false, false
	if n := len(b); n > 2 && (b[n-1]|32) == 'm' && ((b[n-2]|32) == 'a' || (b[n-2]|32) == 'p') {
		late, twelve = (b[n-2]|32) == 'p', true
		b = bytes.TrimSpace(b[:n-2])
	}
	hour, w, rest := digits(b)
	if w == 0 || w > 2 || len(rest) == 0 || rest[0] != ':' && rest[0] != '.' {
		return dst, false
	}
	sep := rest[0]
	minute, w, rest := digits(rest[1:])
	if w != 2 {
		return dst, false
	}
	sec := 0
	if len(rest) > 0 && rest[0] == sep {
		if sec, w, rest = digits(rest[1:]); w != 2 {
			return dst, false
		}
	} else if sep == '.' { // 18.00 is a number
		return dst, false
	}
	if twelve {
		if hour < 1 || hour > 12 {
			return dst, false
		}
		if hour %= 12; late {
			hour += 12
		}
	}
	if hour > 23 || minute > 59 || sec > 59 || len(rest) > 0 && (rest[0] != '.' && rest[0] != ',' || !allDigits(rest[1:])) {
		return dst, false
	}
	dst = two(append(two(append(two(dst, hour), ':'), minute), ':'), sec)
	return append(dst, rest...), true
}

// two appends a number of two digits.
func two(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10), '0'+byte(n%10)) }

// digits reads a number from the front, and how many digits it has, at most 4.
func digits(b []byte) (n, width int, rest []byte) {
	for width < len(b) && width < 4 && b[width]-'0' <= 9 {
		n = 10*n + int(b[width]-'0')
		width++
	}
	return n, width, b[width:]
}

func allDigits(b []byte) bool {
	return len(b) > 0 && len(b) <= 9 && !slices.ContainsFunc(b, func(c byte) bool { return c-'0' > 9 })
}

// TimeColumns returns the columns of the time: none where the row index makes it, and
// the date before the time of day where it stands in two.
func (r *Reader) TimeColumns() []string {
	switch {
	case r.time == "":
		return nil
	case r.day == "":
		return []string{r.time}
	}
	return []string{r.day, r.time}
}

// TimeWords says in words from which columns the time is taken, "" where the row index
// makes it.
func (r *Reader) TimeWords() string {
	switch {
	case r.time == "":
		return ""
	case r.day == "":
		return "column " + r.time
	}
	return fmt.Sprintf("columns %s and %s%s", r.day, r.time, [...]string{"", ", the day before the month", ", the month before the day"}[r.order])
}
