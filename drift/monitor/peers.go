package monitor

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/quell-stream/quell/internal/wire"
)

const (
	// mostPeers bounds the channels that are compared: what is kept grows with
	// their square, and the time to learn it with their cube.
	mostPeers = 16
	// coherence is the least share of a channel's variance that the others must
	// explain for a bias to be told from a move of its own.
	coherence = 0.7
	// offPeers is how many deviations of a hop a segment must be off what the
	// others say, and withPeers how many what remains may be once the channel is
	// taken for broken.
	offPeers, withPeers = 6, 3.5
	// gradual is how many segments a bias takes to grow from a quarter to three
	// quarters where it is no step.
	gradual = 4
)

// peers knows how the levels of the channels usually go together.
//
// With Σ the covariance of the levels of a hop and d how far they are off the
// usual, (Σ⁻¹d)ᵢ/(Σ⁻¹)ᵢᵢ is how far channel i is off what the others say, and
// 1/(Σ⁻¹)ᵢᵢ how far that usually is, squared. A fault of one sensor is one that
// taking back the offset of one channel explains (reconstruction: Dunia and Qin
// 1998, "Subspace approach to multidimensional fault identification and
// reconstruction").
type peers struct {
	n    float64
	mean []float64
	sum  []float64 // of products about the mean, [channel][channel]
	inv  []float64 // Σ⁻¹ as learnt last; nil: unknown
}

func newPeers(channels int) peers {
	if channels < 2 || channels > mostPeers {
		return peers{}
	}
	return peers{mean: make([]float64, channels), sum: make([]float64, channels*channels)}
}

// learn takes the newest hop of all channels as usual; one without a channel
// says nothing.
func (p *peers) learn(profiles []profile) {
	c := len(p.mean)
	for i := range c {
		if profiles[i].hops == 0 || profiles[i].latest().n == 0 {
			return
		}
	}
	if c == 0 {
		return
	}
	p.n++
	var d [mostPeers]float64 // from the mean before
	for i := range c {
		d[i] = float64(profiles[i].latest().level) - p.mean[i]
		p.mean[i] += d[i] / p.n
	}
	for i := range c {
		now := float64(profiles[i].latest().level) - p.mean[i]
		for k := range c {
			p.sum[i*c+k] += now * d[k]
		}
	}
}

// fit inverts what was learnt; a channel that never moved leaves nothing to say.
func (p *peers) fit() {
	c := len(p.mean)
	if c == 0 || p.n < 64 {
		return
	}
	s := mat.NewSymDense(c, nil)
	for i := range c {
		for k := i; k < c; k++ {
			s.SetSym(i, k, (p.sum[i*c+k]+p.sum[k*c+i])/2/p.n)
		}
		if !(s.At(i, i) > 0) {
			p.inv = nil
			return
		}
		s.SetSym(i, i, s.At(i, i)*(1+1e-4)) // copies of each other stay invertible
	}
	var chol mat.Cholesky
	var inv mat.SymDense
	if !chol.Factorize(s) || chol.InverseTo(&inv) != nil {
		p.inv = nil
		return
	}
	p.inv = make([]float64, c*c)
	for i := range c {
		for k := range c {
			p.inv[i*c+k] = inv.At(i, k)
		}
	}
}

// coherent says whether the others know where channel i is.
func (p *peers) coherent(i int) bool {
	c := len(p.mean)
	return 1-p.n/(p.sum[i*c+i]*p.inv[i*c+i]) >= coherence
}

// off fills d with how far the channels were off their usual levels k segments
// ago; false where one was missing.
func (p *peers) off(d *[mostPeers]float64, profiles []profile, k int64) bool {
	for i := range p.mean {
		q := &profiles[i]
		v := q.blocks[(q.hops/segment+mostBlocks-k)%mostBlocks][statLevel]
		if d[i] = float64(v) - p.mean[i]; math.IsNaN(d[i]) {
			return false
		}
	}
	return true
}

// standing returns how far channel i is off what the others say, and that in
// deviations.
func (p *peers) standing(d *[mostPeers]float64, i int) (off, z float64) {
	c := len(p.mean)
	for k := range c {
		off += p.inv[i*c+k] * d[k]
	}
	v := p.inv[i*c+i]
	return off / v, off / math.Sqrt(v)
}

// astray returns the channel whose sensor alone is off its peers over the latest
// segments, −1 where none or more than one is.
func (p *peers) astray(profiles []profile) int {
	const segments = 3
	if p.inv == nil || profiles[0].hops < (segments+1)*segment {
		return -1
	}
	culprit, least := -1, math.Inf(1)
	for i := range p.mean {
		if !p.coherent(i) {
			continue
		}
		worst, sign := 0.0, 0.0
		for k := range int64(segments) {
			var d [mostPeers]float64
			if !p.off(&d, profiles, k) {
				return -1
			}
			off, z := p.standing(&d, i)
			if math.Abs(z) < offPeers || sign*z < 0 {
				worst = math.Inf(1)
				break
			}
			sign = z
			d[i] -= off
			for o := range p.mean {
				if o != i {
					_, rest := p.standing(&d, o)
					worst = max(worst, math.Abs(rest))
				}
			}
		}
		if worst < withPeers && worst < least {
			culprit, least = i, worst
		}
	}
	return culprit
}

// growth returns how far channel i is off its peers, in deviations, and over how
// many segments that grew from a quarter to three quarters.
func (p *peers) growth(profiles []profile, i int) (z float64, segments int) {
	quarter, most := -1, -1
	now := 0.0
	for k := range min(mostBlocks, profiles[i].hops/segment) {
		var d [mostPeers]float64
		if !p.off(&d, profiles, k) {
			break
		}
		_, e := p.standing(&d, i)
		if k == 0 {
			z, now = e, e
		}
		if e/now > 0.75 && most == int(k)-1 {
			most = int(k)
		}
		if e/now > 0.25 && quarter == int(k)-1 {
			quarter = int(k)
		}
	}
	return z, quarter - most
}

// straying applies the rule on peers, once a segment.
func (m *Monitor) straying() (int, faultCode) {
	if m.hops%segment != 0 || len(m.profiles) < 2 {
		return -1, sound
	}
	c := m.peers.astray(m.profiles)
	if c < 0 {
		return -1, sound
	}
	// What moves the level alone leaves the rest as it was; later it may change too.
	known := m.open && c == m.channel && (m.code == biased || m.code == drifting)
	if j := m.profiles[c].judge(3 * segment); !known && (j.speedMoved || j.noiseMoved) {
		return -1, sound
	}
	if _, n := m.peers.growth(m.profiles, c); n >= gradual {
		return c, drifting
	}
	return c, biased
}

// describePeers says in words what the rule on peers saw.
func (m *Monitor) describePeers(c int, code faultCode) string {
	z, n := m.peers.growth(m.profiles, c)
	s := fmt.Sprintf("off what the %d other channels say by %.1f of its usual deviations from that, these among themselves as usual", len(m.profiles)-1, z)
	if code == drifting {
		return fmt.Sprintf("%s, grown over %d samples: sensor drift (NE 107: maintenance required)", s, 2*n*segment*m.cfg.Hop)
	}
	return s + ", in one step: bias (NE 107: out of specification)"
}

func (p *peers) appendState(dst []byte) []byte {
	dst = wire.F64s(wire.F64s(wire.F64(dst, p.n), p.mean), p.sum)
	return wire.F64s(dst, p.inv)
}

func (p *peers) restoreState(r *wire.Reader) {
	c := len(p.mean)
	n, mean, sum, inv := r.F64(), r.F64s(nil), r.F64s(nil), r.F64s(nil)
	if len(mean) != c || len(sum) != c*c || len(inv) != 0 && len(inv) != c*c {
		r.Fail(errForeign)
		return
	}
	p.n, p.mean, p.sum, p.inv = n, mean, sum, inv
	if len(inv) == 0 {
		p.inv = nil
	}
}
