package train

// Running lets the external test see the scale of each sample.
func Running(x []float64, lost []bool, visit func(i int, mean, dev, sigma float64)) {
	running(x, lost, func(i int, s scale) { visit(i, s.mean, s.dev, s.sigma) })
}
