package monitor

import "math"

// reshaped is a change of shape.
type reshaped struct {
	contrast
	segments int // that have it
	z        float64
	was, is  float64 // the ratio of two differences, or the skewness
}

func (r *reshaped) skewed() bool { return r.of >= shapeCube }

// look returns the clearest change that the latest segments show; segments is 0 where
// there is none, or little noise: then other figures show what matters, and a shape that
// is known well is never quite the same. It has to be beyond critical deviations, beyond half as many in either
// half of them, so that no single beat does, and worth a name.
func (s *shape) look(critical float64) (best reshaped) {
	if s.n < shapeKnown || s.held < shapeLeast || s.mean[shapeFirst] < shapeNoisy*s.mean[shapeRise+2] {
		return best
	}
	var sums [shapeRing + 1]shapeSums // of the latest segments
	for k := 1; k <= int(min(s.held, shapeRing)); k++ {
		for i, v := range s.ring[(s.held-int64(k))%shapeRing] {
			sums[k][i] = sums[k-1][i] + float64(v)
		}
		if k < shapeLeast {
			continue
		}
		now := sums[k].less(&shapeSums{}, k)
		late, early := sums[k/2].less(&shapeSums{}, k/2), sums[k].less(&sums[k/2], k-k/2)
		for _, c := range contrasts {
			z := s.off(c, &now, k)
			if !(math.Abs(z) > max(critical, math.Abs(best.z))) || !s.signal(c.in) {
				continue
			}
			if !(min(s.off(c, &late, k/2)/z, s.off(c, &early, k-k/2)/z)*math.Abs(z) > critical/2) {
				continue
			}
			r := reshaped{contrast: c, segments: k, z: z, was: ratioOf(&s.mean, c), is: ratioOf(&now, c)}
			if r.worthwhile() && !(r.turned() && !s.bent(&now, k, critical/2)) {
				best = r
			}
		}
	}
	return best
}

// less returns the mean over n segments of what is left without other sums.
func (s *shapeSums) less(other *shapeSums, n int) (mean shapeSums) {
	for i := range mean {
		mean[i] = (s[i] - other[i]) / float64(n)
	}
	return mean
}

// off returns by how many deviations a contrast is off over k segments. More noise makes
// all of it scatter more.
func (s *shape) off(c contrast, now *shapeSums, k int) float64 {
	w := -s.mean[c.of] / s.mean[c.in]
	noise := max(1, now[shapeFirst]/s.mean[shapeFirst])
	return (now[c.of] + w*now[c.in]) / (noise * math.Sqrt(s.variance(c, w)*(1/float64(k)+1/s.n)))
}

// signal says whether there is more of a part than noise would leave.
func (s *shape) signal(part int) bool {
	return s.mean[part] > 3*math.Sqrt(s.variance(contrast{part, part}, 0)/s.n)
}

// ratioOf returns what a contrast is of: a ratio of differences, or the skewness.
func ratioOf(m *shapeSums, c contrast) float64 {
	if c.of >= shapeCube {
		return m[c.of] / math.Pow(max(m[c.in], 0), 1.5)
	}
	return m[c.of] / m[c.in]
}

// worthwhile says whether the change is large enough for a name.
func (r *reshaped) worthwhile() bool {
	if r.skewed() {
		return math.Abs(r.is-r.was) > max(shapeSkew, shapeShare*math.Abs(r.was))
	}
	return r.was > 0 && math.Abs(math.Log(max(r.is, 1e-3)/r.was)) > shapeRatio
}

// turned says whether the signal may be upside down, as of a sensor that was wired the
// other way round: what rose falls.
func (r *reshaped) turned() bool { return r.skewed() && r.is*r.was < 0 }

// bent says whether a ratio of differences is off, which no turning moves.
func (s *shape) bent(now *shapeSums, k int, critical float64) bool {
	for _, c := range contrasts {
		if c.of < shapeCube && s.signal(c.in) && math.Abs(s.off(c, now, k)) > critical {
			return true
		}
	}
	return false
}

// beyondChance returns how many deviations a mean must be off, of which the scatter is known
// with n degrees of freedom, to be no chance of one in 1/chance: the quantile of Student's
// t by the expansion of Cornish and Fisher (Abramowitz and Stegun 1964, 26.7.5).
func beyondChance(chance, n float64) float64 {
	z := -normalQuantile(chance / 2)
	return z + (z*z*z+z)/(4*n) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*n*n)
}
