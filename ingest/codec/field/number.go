package field

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// pow10 holds the powers of ten that float64 represents exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// Number reads a decimal number, correctly rounded; surrounding spaces are
// ignored. The words nan, inf and infinity (any case, signed) give those values,
// and what is too large gives an infinity. Anything else, the empty text
// included, is not a number.
func Number(b []byte) (v float64, ok bool) {
	if len(b) > 0 && (b[0] <= ' ' || b[len(b)-1] <= ' ') {
		b = bytes.TrimSpace(b)
	}
	if v, ok := simple(b); ok {
		return v, true
	}
	if len(b) == 0 {
		return 0, false
	}
	// strconv also knows hexadecimal and underscores, which no sensor means.
	for _, c := range b {
		if (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return word(b)
		}
	}
	v, err := strconv.ParseFloat(string(b), 64)
	// Out of range comes with the infinity of the right sign.
	return v, err == nil || math.IsInf(v, 0)
}

// simple reads what nearly every number looks like: a sign, digits, a point and
// digits, with a mantissa below 2^53 and at most 22 decimals. Mantissa and power
// of ten are then exact, so that one division rounds correctly
// (W. D. Clinger, 1990, How to read floating point numbers accurately).
func simple(b []byte) (float64, bool) {
	i, neg := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, neg = 1, true
	}
	var m uint64
	digits, frac := 0, -1
	for ; i < len(b); i++ {
		c := b[i]
		if d := c - '0'; d <= 9 {
			m = m*10 + uint64(d)
			digits++
			if frac >= 0 {
				frac++
			}
		} else if c == '.' && frac < 0 {
			frac = 0
		} else {
			return 0, false
		}
	}
	// Nineteen digits can't overflow the mantissa.
	if digits == 0 || digits > 19 || m >= 1<<53 {
		return 0, false
	}
	v := float64(m)
	if frac > 0 {
		v /= pow10[frac]
	}
	if neg {
		v = -v
	}
	return v, true
}

func word(b []byte) (float64, bool) {
	if len(b) > len("-infinity") {
		return 0, false
	}
	s := strings.ToLower(string(b))
	sign := 1
	switch {
	case strings.HasPrefix(s, "-"):
		s, sign = s[1:], -1
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	switch s {
	case "nan":
		return math.NaN(), true
	case "inf", "infinity":
		return math.Inf(sign), true
	}
	return 0, false
}
