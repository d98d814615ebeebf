package field

import (
	"unicode"
	"unicode/utf8"

	"github.com/quell-stream/quell/ingest"
)

// MaxSeriesLen is the longest series name, in bytes.
const MaxSeriesLen = 256

// maxNames bounds an interning table. A deployment of more series than that
// still works; it then pays an allocation per message now and again.
const maxNames = 1 << 17

// Names turns the bytes of series names into strings, checking each name once
// and allocating once per name. The zero value is ready. It is not safe for
// concurrent use.
type Names struct {
	known map[string]string
}

// Get returns the name as a string. A name is kept verbatim, but one that is
// empty, longer than MaxSeriesLen, not UTF-8 or holds control characters is a
// MalformedError: it could not be printed, filed or put in a topic.
func (n *Names) Get(b []byte) (string, error) {
	if s, ok := n.known[string(b)]; ok {
		return s, nil
	}
	if err := CheckSeries(b); err != nil {
		return "", err
	}
	if n.known == nil || len(n.known) >= maxNames {
		n.known = make(map[string]string)
	}
	s := string(b)
	n.known[s] = s
	return s, nil
}

// CheckSeries returns a MalformedError if b is no series name (see Names.Get).
func CheckSeries[T ~string | ~[]byte](b T) error {
	if len(b) == 0 {
		return ingest.Malformed("series", "the series name is empty")
	}
	if len(b) > MaxSeriesLen {
		return ingest.Malformed("series", "the series name %.32q… has %d bytes, at most %d are allowed", string(b[:32]), len(b), MaxSeriesLen)
	}
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			if b[i] < ' ' || b[i] == 0x7f {
				return ingest.Malformed("series", "the series name %q holds a control character", string(b))
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(b[i:min(len(b), i+utf8.UTFMax)]))
		if r == utf8.RuneError && size == 1 {
			return ingest.Malformed("series", "the series name %q is not UTF-8", string(b))
		}
		if unicode.IsControl(r) {
			return ingest.Malformed("series", "the series name %q holds a control character", string(b))
		}
		i += size
	}
	return nil
}
