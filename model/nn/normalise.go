package nn

// The functions here give the same bits on every kernel tier: products are rounded
// before they are added.

// affine sets the columns dst to x·scale + shift.
func affine(dst, x, scale, shift []float32) {
	for c := len(scale); len(dst) >= c; dst, x = dst[c:], x[c:] {
		to, from, add := dst[:c], x[:c], shift[:c]
		for i, k := range scale {
			to[i] = float32(from[i]*k) + add[i]
		}
	}
}

// affineGrad sets dx to the gradient with regard to the columns x, of which dy is
// that of x·scale + shift, and adds those of scale and shift.
func affineGrad(dx, dy, x, scale, dscale, dshift []float32) {
	for c := len(scale); len(x) >= c; dx, dy, x = dx[c:], dy[c:], x[c:] {
		for i, k := range scale {
			dscale[i] += float32(dy[i] * x[i])
			dshift[i] += dy[i]
			dx[i] = dy[i] * k
		}
	}
}

// layerNorm normalises each column of x to dst.
func layerNorm(dst, x, gain, bias []float32) {
	for c := len(gain); len(dst) >= c; dst, x = dst[c:], x[c:] {
		to, from, add := dst[:c], x[:c], bias[:c]
		mean, inv := columnMoments(from)
		for i, g := range gain {
			to[i] = float32(g*float32((float64(from[i])-mean)*inv)) + add[i]
		}
	}
}

// columnMoments returns the mean of a column and the inverse of its deviation.
func columnMoments(x []float32) (mean, inv float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	sum := 0.0
	for _, v := range x {
		d := float64(v) - mean
		sum += float64(d * d)
	}
	return mean, inverse(sum / float64(len(x)))
}

// layerNormGrad sets dx to the gradient with regard to the columns x, of which dy
// is that of the normalised ones, and adds those of gain and bias. With x̂ for what
// is normalised, g for dy·gain and means over the channels,
//
//	dx = (g - mean g - x̂·mean(g·x̂)) / deviation
func layerNormGrad(dx, dy, x, gain, dgain, dbias []float32) {
	for c := len(gain); len(x) >= c; dx, dy, x = dx[c:], dy[c:], x[c:] {
		mean, inv := columnMoments(x[:c])
		a, b := 0.0, 0.0
		for i, k := range gain {
			g, xh := float64(dy[i])*float64(k), (float64(x[i])-mean)*inv
			a += g
			b += float64(g * xh)
			dgain[i] += float32(float64(dy[i]) * xh)
			dbias[i] += dy[i]
		}
		a, b = a/float64(c), b/float64(c)
		for i, k := range gain {
			g, xh := float64(dy[i])*float64(k), (float64(x[i])-mean)*inv
			dx[i] = float32((g - a - float64(xh*b)) * inv)
		}
	}
}

// channelMoments sets mean and variance to those of the channels of x.
func channelMoments(mean, variance []float64, x []float32) {
	c := len(mean)
	k := float64(c) / float64(len(x))
	clear(mean)
	clear(variance)
	for at := 0; at < len(x); at += c {
		for i, v := range x[at : at+c] {
			mean[i] += float64(v)
		}
	}
	for i := range mean {
		mean[i] *= k
	}
	for at := 0; at < len(x); at += c {
		for i, v := range x[at : at+c] {
			d := float64(v) - mean[i]
			variance[i] += float64(d * d)
		}
	}
	for i := range variance {
		variance[i] *= k
	}
}

// batchNorm sets dst to (x - mean)·inv·gain + bias, by channel.
func batchNorm(dst, x []float32, mean, inv []float64, gain, bias []float32) {
	for c := len(gain); len(dst) >= c; dst, x = dst[c:], x[c:] {
		for i, g := range gain {
			dst[i] = float32(g*float32((float64(x[i])-mean[i])*inv[i])) + bias[i]
		}
	}
}

// batchNormGrad is layerNormGrad with means over the columns, of which the sums of
// dy and dy·x̂ are given.
func batchNormGrad(dx, dy, x []float32, mean, inv []float64, gain []float32, sum, sumx []float64) {
	c := len(gain)
	k := float64(c) / float64(len(x))
	for ; len(x) >= c; dx, dy, x = dx[c:], dy[c:], x[c:] {
		for i, g := range gain {
			xh := (float64(x[i]) - mean[i]) * inv[i]
			dx[i] = float32((float64(dy[i]) - float64(sum[i]*k) - float64(xh*float64(sumx[i]*k))) * inv[i] * float64(g))
		}
	}
}

// batchNormSums sets sum and sumx to the sums over the columns of dy and of dy·x̂:
// the gradients with regard to bias and gain.
func batchNormSums(sum, sumx []float64, dy, x []float32, mean, inv []float64) {
	clear(sum)
	clear(sumx)
	for c := len(sum); len(x) >= c; dy, x = dy[c:], x[c:] {
		for i := range sum {
			sum[i] += float64(dy[i])
			sumx[i] += float64(float64(dy[i]) * ((float64(x[i]) - mean[i]) * inv[i]))
		}
	}
}
