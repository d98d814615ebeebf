package drift

import "math"

// merged walks two sorted samples value by value. Each step ends behind all
// copies of the next greater value.
type merged struct {
	x, y []float64
	i, j int // how many of each are at most the value
	v    float64
}

func (m *merged) next() bool {
	switch {
	case m.i == len(m.x) && m.j == len(m.y):
		return false
	case m.j == len(m.y) || m.i < len(m.x) && m.x[m.i] <= m.y[m.j]:
		m.v = m.x[m.i]
	default:
		m.v = m.y[m.j]
	}
	for m.i < len(m.x) && m.x[m.i] == m.v {
		m.i++
	}
	for m.j < len(m.y) && m.y[m.j] == m.v {
		m.j++
	}
	return true
}

// ksSides returns how far the distribution function of the sorted sample x
// exceeds that of y, and falls below it, at most, in units of 1/(|x|·|y|).
func ksSides(x, y []float64) (above, below int) {
	for m := (merged{x: x, y: y}); m.next(); {
		d := m.i*len(y) - m.j*len(x)
		above, below = max(above, d), max(below, -d)
	}
	return above, below
}

// ksSteps returns the Kolmogorov–Smirnov distance of two sorted samples in units
// of one over the least common multiple of their sizes.
func ksSteps(x, y []float64) int {
	above, below := ksSides(x, y)
	return max(above, below) / gcd(len(x), len(y))
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// ksEqual returns the probability that two samples of n have a distance of h/n
// or more, exactly (Hodges 1958, "The significance probability of the Smirnov
// two-sample test"), summed after the manner of Horner to keep digits.
func ksEqual(n, h int) float64 {
	if h == 0 {
		return 1
	}
	p := 0.0
	for k := n / h; k >= 0; k-- {
		term := 1.0
		for j := range h {
			term = float64(n-k*h-j) * term / float64(n+k*h+j+1)
		}
		p = term * (1 - p)
	}
	return min(max(2*p, 0), 1)
}

// ksUnequal is ksEqual for samples of m and n, the distance in units of one over
// their least common multiple: the share of lattice paths from (0, 0) to (m, n)
// that touch a line at that distance from the diagonal (Hodges 1958), column
// by column. share is scratch of length n+1 at least, and n at most m.
func ksUnequal(m, n, h int, share []float64) float64 {
	if h == 0 {
		return 1
	}
	g := gcd(m, n)
	a, b := m/g, n/g // the distance of (i, j) is |i·b − j·a|
	share = share[:n+1]
	for i := 0; i <= m; i++ {
		for j := range share {
			if d := i*b - j*a; d >= h || -d >= h {
				share[j] = 1
				continue
			}
			below := 0.0
			if j > 0 {
				below = share[j-1] * float64(j)
			}
			left := 0.0
			if i > 0 {
				left = share[j] * float64(i)
			}
			if i+j > 0 {
				share[j] = (left + below) / float64(i+j)
			} else {
				share[j] = 0
			}
		}
	}
	return math.Min(share[n], 1)
}
