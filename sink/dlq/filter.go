package dlq

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Filter chooses letters. The zero value takes all.
type Filter struct {
	IDs     []string // exact
	Streams []string
	Series  []string
	Reasons []string
	Topics  []string  // exact, or with a * at the end
	Since   time.Time // of when a letter's message was stored, else of a sample's own time
	Until   time.Time // likewise, exclusive
}

// Empty says that the filter takes all.
func (f *Filter) Empty() bool {
	return len(f.IDs)+len(f.Streams)+len(f.Series)+len(f.Reasons)+len(f.Topics) == 0 && f.Since.IsZero() && f.Until.IsZero()
}

// Takes says whether the filter takes a letter: one value of each list, and a time
// within the bounds. A letter without a stamp is within none.
func (f *Filter) Takes(l *Letter) bool {
	one := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	topic := func(p string) bool {
		head, open := strings.CutSuffix(p, "*")
		return p == l.Topic || open && l.Topic != "" && strings.HasPrefix(l.Topic, head)
	}
	at := cmp.Or(l.Stored, l.Time)
	t := time.Unix(0, at)
	return one(f.IDs, l.ID) && one(f.Streams, l.Stream) && one(f.Series, l.Series) && one(f.Reasons, l.Reason) &&
		(len(f.Topics) == 0 || slices.ContainsFunc(f.Topics, topic)) &&
		(f.Since.IsZero() || at != 0 && !t.Before(f.Since)) && (f.Until.IsZero() || at != 0 && t.Before(f.Until))
}
