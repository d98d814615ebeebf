package field

import "bytes"

// gaps are the words that programs write where there is no value. NaN is a number.
var gaps = [...][]byte{[]byte("-"), []byte("--"), []byte("?"), []byte("na"), []byte("n/a"), []byte("#n/a"), []byte("<na>"), []byte("null"), []byte("none")}

// Gap says whether a field of CSV stands for a missing value though it is not empty.
func Gap(b []byte) bool {
	if b = bytes.TrimSpace(b); len(b) > 4 {
		return false
	}
	for _, g := range gaps {
		if bytes.EqualFold(b, g) {
			return true
		}
	}
	return false
}

// DecimalPoint returns a number that is written with a comma as one with a point, which
// lies in scratch; other text as it is.
func DecimalPoint(b, scratch []byte) []byte {
	at := bytes.IndexByte(b, ',')
	if at < 0 || bytes.IndexByte(b[at+1:], ',') >= 0 || bytes.IndexByte(b, '.') >= 0 {
		return b
	}
	scratch = append(scratch[:0], b...)
	scratch[at] = '.'
	return scratch
}
