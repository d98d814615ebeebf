package train

import "math"

// Binary is the loss of estimates some of which are the logarithms z of the odds
// that a state is 1: of those the cross-entropy
//
//	log(1+exp z) - t·z
//
// with the state t, which is -t·log p - (1-t)·log(1-p) of the probability p. It is
// weighted by Example.Odds, summed and divided by the number of all estimates; the
// rest is another loss's.
type Binary struct{ Others Loss }

// Gradient implements Loss.
func (l Binary) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	loss := l.Others.Gradient(dy, y, e, scale)
	n := float64(len(y))
	for i, w := range e.Odds {
		if w == 0 {
			continue
		}
		z, t := float64(y[i]), float64(e.Y[i])
		k := float64(w) / n
		loss += k * (max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - t*z)
		dy[i] = float32(scale * k * (1/(1+math.Exp(-z)) - t))
	}
	return loss
}

// Head is the loss of a net that also tells which class a slot is: behind the
// outputs of another loss, per slot the logarithms of the probabilities p of the
// classes, but for a common addend. With q for the class that a slot is labelled as,
//
//	loss = other + Weight · mean over slots of -Σ q·log p
//
// where slots without a label count 0. Labels may be wrong: Smoothing ε gives every
// class a share of q, (1-ε)·q + ε/Classes (Szegedy et al., "Rethinking the Inception
// Architecture for Computer Vision", 2016, section 7), and Bootstrap b the class
// that the net takes for the likeliest, (1-b)·q + b·z (Reed et al., "Training Deep
// Neural Networks on Noisy Labels with Bootstrapping", 2015, eq. 7, hard, whose β
// is 1-b).
type Head struct {
	Loss                         Loss
	Classes                      int
	Weight, Smoothing, Bootstrap float64
}

// Gradient implements Loss.
func (l Head) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	d := &e.desk
	slots := len(e.Y) / max(e.Channels, 1)
	if slots == 0 {
		return 0
	}
	outs := len(y) / slots
	rest := outs - l.Classes
	d.all, d.dall = grow(d.all, slots*rest), grow(d.dall, slots*rest)
	for t := range slots {
		copy(d.all[t*rest:(t+1)*rest], y[t*outs:])
	}
	loss := l.Loss.Gradient(d.dall, d.all, e, scale)
	k := l.Weight / float64(slots)
	for t := range slots {
		copy(dy[t*outs:], d.dall[t*rest:(t+1)*rest])
		dz := dy[t*outs+rest : (t+1)*outs]
		if len(e.Class) == 0 || e.Class[t] < 0 {
			clear(dz)
			continue
		}
		loss += k * l.slot(dz, y[t*outs+rest:(t+1)*outs], e.Class[t], k*scale)
	}
	return loss
}

// slot returns the cross-entropy of one slot and sets dz to its gradient times
// scale. What the net takes for the likeliest is taken as given.
func (l Head) slot(dz, z []float32, class int, scale float64) float64 {
	likeliest := 0
	for i, v := range z {
		if v > z[likeliest] {
			likeliest = i
		}
	}
	most, sum := float64(z[likeliest]), 0.0
	for _, v := range z {
		sum += math.Exp(float64(v) - most)
	}
	norm := most + math.Log(sum)
	loss := 0.0
	for i, v := range z {
		q := l.Smoothing / float64(l.Classes)
		if i == class {
			q += 1 - l.Smoothing
		}
		q *= 1 - l.Bootstrap
		if i == likeliest {
			q += l.Bootstrap
		}
		logp := float64(v) - norm
		loss -= q * logp
		dz[i] = float32(scale * (math.Exp(logp) - q))
	}
	return loss
}
