package sink

import (
	"strconv"
	"strings"
)

// Key returns the idempotency key of a record, (stream, series, epoch, ts, rev)
// joined by slashes, with ts in nanoseconds. A slash or a percent sign within a
// name is written %2F or %25, so different records never share a key.
func Key(stream, series string, epoch int, ts int64, rev int) string {
	b := appendKeyHead(make([]byte, 0, len(stream)+len(series)+40), stream, series, epoch)
	b = strconv.AppendInt(b, ts, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, int64(rev), 10))
}

// EventKey returns the idempotency key of an event, (stream, series, epoch,
// kind, ts), in the form of Key. It is what an Event's ID is unless its source
// has a better one.
func EventKey(stream, series string, epoch int, kind string, ts int64) string {
	b := appendKeyHead(make([]byte, 0, len(stream)+len(series)+len(kind)+40), stream, series, epoch)
	b = appendKeyPart(b, kind)
	b = append(b, '/')
	return string(strconv.AppendInt(b, ts, 10))
}

// Key returns the record's idempotency key.
func (r *Record) Key() string { return Key(r.Stream, r.Series, r.Epoch, r.Time, r.Rev) }

// Key returns the item's idempotency key: a record's Key, an event's ID.
func (it *Item) Key() string {
	if it.Record != nil {
		return it.Record.Key()
	}
	return it.Event.ID
}

// Time returns the item's event time in nanoseconds since the Unix epoch.
func (it *Item) Time() int64 {
	if it.Record != nil {
		return it.Record.Time
	}
	return it.Event.Time
}

func appendKeyHead(b []byte, stream, series string, epoch int) []byte {
	b = append(appendKeyPart(b, stream), '/')
	b = append(appendKeyPart(b, series), '/')
	return append(strconv.AppendInt(b, int64(epoch), 10), '/')
}

func appendKeyPart(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "/%") {
		return append(b, s...)
	}
	for i := range len(s) {
		switch s[i] {
		case '/':
			b = append(b, "%2F"...)
		case '%':
			b = append(b, "%25"...)
		default:
			b = append(b, s[i])
		}
	}
	return b
}
