package drift

import "math/bits"

// mersenne is the generator behind Python's random.Random, the Mersenne
// Twister MT19937 (Matsumoto and Nishimura 1998, "Mersenne Twister: a
// 623-dimensionally equidistributed uniform pseudorandom number generator"), so
// that samples are drawn as River draws them.
type mersenne struct {
	word [624]uint32
	next int
}

// seed begins as random.Random(seed) does: by the 32-bit words of the absolute
// value, with the authors' init_by_array.
func (m *mersenne) seed(seed int) {
	u := uint64(seed)
	if seed < 0 {
		u = -u
	}
	key := [2]uint32{uint32(u), uint32(u >> 32)}
	n := 1
	if key[1] != 0 {
		n = 2
	}
	w := &m.word
	w[0] = 19650218
	for i := 1; i < len(w); i++ {
		w[i] = 1812433253*(w[i-1]^w[i-1]>>30) + uint32(i)
	}
	i, j := 1, 0
	for range len(w) {
		w[i] = (w[i] ^ (w[i-1]^w[i-1]>>30)*1664525) + key[j] + uint32(j)
		if i++; i == len(w) {
			w[0], i = w[len(w)-1], 1
		}
		j = (j + 1) % n
	}
	for range len(w) - 1 {
		w[i] = (w[i] ^ (w[i-1]^w[i-1]>>30)*1566083941) - uint32(i)
		if i++; i == len(w) {
			w[0], i = w[len(w)-1], 1
		}
	}
	w[0] = 0x80000000
	m.next = len(w)
}

func (m *mersenne) uint32() uint32 {
	if m.next == len(m.word) {
		m.twist()
	}
	y := m.word[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *mersenne) twist() {
	w := &m.word
	for i := range w {
		y := w[i]&0x80000000 | w[(i+1)%len(w)]&0x7fffffff
		w[i] = w[(i+397)%len(w)] ^ y>>1 ^ -(y&1)&0x9908b0df
	}
	m.next = 0
}

// below returns a number from 0 to n−1, n from 1 to 2³¹.
func (m *mersenne) below(n int) int {
	shift := 32 - bits.Len32(uint32(n))
	for {
		if r := int(m.uint32() >> shift); r < n {
			return r
		}
	}
}

// sample fills dst with distinct numbers from 0 to n−1 as random.sample(range(n),
// len(dst)) does. pool is scratch of length n.
func (m *mersenne) sample(dst []int, n int, pool []int) {
	pool = pool[:n]
	if n <= poolLimit(len(dst)) {
		for i := range pool {
			pool[i] = i
		}
		for i := range dst {
			j := m.below(n - i)
			dst[i] = pool[j]
			pool[j] = pool[n-i-1]
		}
		return
	}
	clear(pool) // marks what was drawn
	for i := range dst {
		j := m.below(n)
		for pool[j] != 0 {
			j = m.below(n)
		}
		pool[j], dst[i] = 1, j
	}
}

// poolLimit returns the population up to which Python draws k from a list: 21,
// and beyond five the size of a set's table, 4^⌈log₄ 3k⌉.
func poolLimit(k int) int {
	limit := 21
	if k > 5 {
		table := 1
		for table < 3*k {
			table *= 4
		}
		limit += table
	}
	return limit
}

func (m *mersenne) code(c *codec) {
	for i := range m.word {
		c.u32(&m.word[i])
	}
	c.count(&m.next)
	if m.next > len(m.word) {
		c.r.Fail(errForeign)
	}
}
