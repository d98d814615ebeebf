package classic

import (
	"math"
	"math/cmplx"
)

// OwnWeight returns the weight that a linear filter gives, far from the ends of
// a recording and from missing samples, to the sample itself:
//
//	w = ∂x̂_t/∂y_t
//
// It is the filter's degrees of freedom per sample: white noise of variance σ²
// leaves the estimate correlated with its sample by w·σ² (Efron 1986). linear is
// false, and w 0, for median, hampel, wavelet and haar, whose weights depend on
// the samples: Divergence tells those. p must be valid.
func (p Params) OwnWeight() (w float64, linear bool) {
	ahead := p.Latency()
	switch p.Family {
	case IdentityName:
		return 1, true
	case MovingAverageName:
		return 1 / float64(p.Window), true
	case EMAName:
		return p.Alpha, true
	case SavitzkyGolayName:
		at := p.Window - 1 - ahead
		return polyWeight(p.Window, p.Order, at, at), true
	case KalmanName:
		return kalmanWeight(p.Lambda, p.Trend, ahead), true
	case WienerName:
		return p.Taps[ahead], true
	case ButterworthName:
		b := newButter(p.Order, p.Cutoff, 0)
		if ahead == Full {
			return b.energy(), true
		}
		return b.impulse(ahead + 1)[ahead], true
	}
	return 0, false
}

// kalmanWeight is the variance of the steady estimate over that of the
// measurement, which under a Gaussian model equals the weight of the own sample
// (Tweedie's formula for the variance).
//
// Of the smoother it is the mean over all frequencies ω of 1/(1+λ·s^d) with
// s = 2 - 2·cos ω. At a limited look-ahead it is 1 - D, with D the variance of the
// estimated measurement error (Durbin and Koopman 2012, section 4.5):
//
//	D = 1/F + K'·N·K,  N ← Z'Z/F + L'·N·L for each sample ahead
func kalmanWeight(lambda float64, trend bool, ahead int) float64 {
	switch {
	case ahead == Full && trend:
		return real(1 / cmplx.Sqrt(1+4i*cmplx.Sqrt(complex(lambda, 0))))
	case ahead == Full:
		return 1 / math.Sqrt(1+4*lambda)
	}
	// The innovations have the moving-average polynomial with root z inside the
	// unit circle, (2 - z - 1/z)^d = -q: its coefficients are the steady gains, and
	// its lowest one is 1/F. Of z and 1-z either can be small.
	c := complex(1/lambda, 0)
	if trend {
		c = 1i * cmplx.Sqrt(c)
	}
	root := cmplx.Sqrt(c*c + 4*c)
	z, d := 2/(2+c+root), (root-c)/2
	k0, k1, f := real(d), 0.0, 1/real(z) // gains of the prediction, variance of the innovations
	if trend {
		k0, k1 = 2*real(d), real(d)*real(d)+imag(d)*imag(d)
		f = 1 / (real(z)*real(z) + imag(z)*imag(z))
	}
	a := 1 - k0
	var n00, n01, n11 float64
	for range ahead {
		m00, m01, m11 := n00, n01, n11
		n00 = 1/f + a*(a*m00-k1*m01) - k1*(a*m01-k1*m11)
		if trend {
			n01, n11 = a*(m00+m01)-k1*(m01+m11), m00+2*m01+m11
		}
		if n00 == m00 && n01 == m01 && n11 == m11 {
			break
		}
	}
	return 1 - (1/f + k0*k0*n00 + 2*k0*k1*n01 + k1*k1*n11)
}
