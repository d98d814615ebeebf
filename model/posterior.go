package model

import "math"

// posterior returns the mean and the deviation of a clean value of which all
// other readings say N(mu, s²) and its own, y, with noise of deviation sigma,
// N(y, sigma²): the two multiplied (Laine et al., "High-Quality Self-Supervised
// Deep Image Denoising", 2019, section 3.2),
//
//	mean = (s²·y + σ²·μ)/(s²+σ²)   dev² = s²·σ²/(s²+σ²)
//
// A sigma of 0 says that there is no reading: what the others say stands.
func posterior(y, sigma, mu, s float32) (mean, dev float32) {
	if sigma == 0 {
		return mu, s
	}
	p, n := float64(s)*float64(s), float64(sigma)*float64(sigma)
	toward := float64(p / (p + n) * (float64(y) - float64(mu))) // rounded by itself: the same bits on every machine
	return float32(float64(mu) + toward), float32(math.Sqrt(p * n / (p + n)))
}
