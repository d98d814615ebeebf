package report

import "math"

// envelope returns the points of x to draw on n columns: of each column's
// samples the smallest and the largest, in their order, so that no peak is lost.
// A signal of at most 2n samples is returned as it is. A column without values
// is one point that is NaN.
func envelope(x []float64, n int) (at []int, y []float64) {
	if len(x) <= 2*n {
		at = make([]int, len(x))
		for i := range at {
			at[i] = i
		}
		return at, x
	}
	put := func(i int) {
		at, y = append(at, i), append(y, x[i])
	}
	for c := range n {
		from, to := c*len(x)/n, (c+1)*len(x)/n
		least, most := -1, -1
		for i := from; i < to; i++ {
			if x[i]-x[i] != 0 {
				continue
			}
			if least < 0 || x[i] < x[least] {
				least = i
			}
			if most < 0 || x[i] > x[most] {
				most = i
			}
		}
		switch {
		case least < 0:
			at, y = append(at, from), append(y, math.NaN())
		case least == most:
			put(least)
		default:
			put(min(least, most))
			put(max(least, most))
		}
	}
	return at, y
}

// stretchLength is how many samples a picture of a stretch shows.
const stretchLength = 500

// stretches returns where the stretches begin whose error is nearest to the
// median of all, and largest. Stretches without an error are left out; ok is
// false where there is none.
func stretches(truth, clean []float64) (typical, worst, length int, ok bool) {
	length = min(stretchLength, len(truth))
	var starts []int
	var errors []float64
	for from := 0; length > 0 && from+length <= len(truth); from += max(1, length/2) {
		sum, n := 0.0, 0.0
		for i := from; i < from+length; i++ {
			if d := clean[i] - truth[i]; d-d == 0 {
				sum += d * d
				n++
			}
		}
		if n > 0 {
			starts, errors = append(starts, from), append(errors, sum/n)
		}
	}
	if len(starts) == 0 {
		return 0, 0, 0, false
	}
	mid := middle(errors)
	t, w := 0, 0
	for i, e := range errors {
		if math.Abs(e-mid) < math.Abs(errors[t]-mid) {
			t = i
		}
		if e > errors[w] {
			w = i
		}
	}
	return starts[t], starts[w], length, true
}
