package train

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

// One value, three steps with the gradients 1, -2 and .5, worked out by hand
// from the formula with lr .1, β₁ .9, β₂ .999, λ .01.
func TestAdamByHand(t *testing.T) {
	p := [][]float32{{1}}
	a := NewAdam(p)
	a.Decay = .01
	// Step 1: m̂ = g, v̂ = g², so p = 1·(1-.001) - .1·1/(1+1e-8).
	a.Step(p, [][]float32{{1}}, .1, .9)
	near(t, "step 1", float64(p[0][0]), .899, 1e-6)
	// Step 2: m = .9·.1 - .1·2 = -.11, m̂ = -.11/.19; v = .999·.001 + .001·4 =
	// .004999, v̂ = .004999/.001999.
	a.Step(p, [][]float32{{-2}}, .1, .9)
	want := .899*.999 + .1*(.11/.19)/math.Sqrt(.004999/.001999)
	near(t, "step 2", float64(p[0][0]), want, 1e-6)
	// Step 3: m = -.099 + .05, v = .999·.004999 + .001·.25.
	a.Step(p, [][]float32{{.5}}, .1, .9)
	v := .999*.004999 + .001*.25
	want = want*.999 + .1*(.049/(1-.729))/math.Sqrt(v/(1-math.Pow(.999, 3)))
	near(t, "step 3", float64(p[0][0]), want, 1e-6)
}

// The trace of a quadratic bowl against the formula written out in float64.
func TestAdamTrace(t *testing.T) {
	const n = 5
	p, g := [][]float32{make([]float32, 2), make([]float32, n-2)}, [][]float32{make([]float32, 2), make([]float32, n-2)}
	at := func(x [][]float32, i int) *float32 {
		if i < 2 {
			return &x[0][i]
		}
		return &x[1][i-2]
	}
	var ref, m, v [n]float64
	for i := range n {
		*at(p, i), ref[i] = float32(i)-2, float64(i)-2
	}
	a := NewAdam(p)
	a.Decay = 1e-2
	cycle := OneCycle{Peak: 3e-2, Steps: 200}
	for step := range 200 {
		lr, b1 := cycle.At(step)
		for i := range n {
			// The reference takes the rounded gradient, so that only the update counts.
			*at(g, i) = float32(float64(i+1) * (ref[i] - 1))
		}
		a.Step(p, g, lr, b1)
		for i := range n {
			gi := float64(*at(g, i))
			ref[i] -= lr * a.Decay * ref[i]
			m[i] = b1*m[i] + (1-b1)*gi
			v[i] = .999*v[i] + .001*gi*gi
			mh, vh := m[i]/(1-math.Pow(b1, float64(step+1))), v[i]/(1-math.Pow(.999, float64(step+1)))
			ref[i] -= lr * mh / (math.Sqrt(vh) + 1e-8)
			near(t, "value", float64(*at(p, i)), ref[i], 2e-6)
		}
		if t.Failed() {
			t.Fatalf("after step %d", step)
		}
	}
}

func TestClip(t *testing.T) {
	g := [][]float32{{3}, {0, 4}}
	near(t, "norm", clip(g, 10), 5, 1e-9)
	near(t, "untouched", float64(g[1][1]), 4, 0)
	near(t, "norm", clip(g, 1), 5, 1e-9)
	near(t, "first", float64(g[0][0]), .6, 1e-6)
	near(t, "last", float64(g[1][1]), .8, 1e-6)
	g[0][0] = float32(math.NaN())
	if clip(g, 1); g[0][0] != 0 || g[1][1] != 0 {
		t.Errorf("a gradient that is not a number survives: %v", g)
	}
	g = [][]float32{{30}}
	if clip(g, -1); g[0][0] != 30 {
		t.Error("a negative limit clips")
	}
}

// Rates and β₁ of torch.optim.lr_scheduler.OneCycleLR(max_lr=3e-3,
// total_steps=100, pct_start=.1), from its formula: up in steps 0 to 9, down in
// 9 to 99.
func TestOneCycle(t *testing.T) {
	o := OneCycle{Peak: 3e-3, Steps: 100}
	for _, c := range []struct {
		step     int
		lr, beta float64
	}{
		{0, 3e-3 / 25, .95},
		{3, 3e-3/25 + (3e-3-3e-3/25)*.25, .95 - .1*.25}, // a third of the way: (1-cos(π/3))/2 = 1/4
		{9, 3e-3, .85},
		{54, (3e-3 + 3e-3/25e4) / 2, .9}, // half of the way down
		{99, 3e-3 / 25e4, .95},
		{1000, 3e-3 / 25e4, .95},
	} {
		lr, beta := o.At(c.step)
		near(t, "rate", lr*1e3, c.lr*1e3, 1e-9)
		near(t, "beta", beta, c.beta, 1e-9)
	}
	for _, steps := range []int{1, 2, 5, 10, 11} {
		for s := range steps {
			if lr, beta := (OneCycle{Steps: steps}).At(s); !(lr > 0 && lr <= 3e-3) || !(beta >= .85-1e-9 && beta <= .95+1e-9) {
				t.Errorf("%d steps: step %d has rate %g and β₁ %g", steps, s, lr, beta)
			}
		}
	}
}

func TestSquaredError(t *testing.T) {
	y, target, w := []float32{1, 2, -3, 0}, []float32{0, 0, 0, 0}, []float32{1, .25, 1, 5}
	dy := make([]float32, 4)
	near(t, "loss", SquaredError{}.Gradient(dy, y, &Example{Y: target, W: w}, .5), (1+1+9)/4., 1e-6)
	for i, want := range []float64{.25, .125, -.75, 0} {
		near(t, "gradient", float64(dy[i]), want, 1e-6)
	}
	// Beyond 2 the loss is 2·(2|r| - 2) and its slope stays 2·2.
	near(t, "Huber", SquaredError{Huber: 2}.Gradient(dy, y, &Example{Y: target, W: w}, 1), (1+1+8)/4., 1e-6)
	near(t, "Huber gradient", float64(dy[2]), -1, 1e-6)
	near(t, "unweighted", SquaredError{}.Gradient(dy, y, &Example{Y: target}, 1), 14/4., 1e-6)
}

// TestSpreadGradient compares with finite differences, in the spread with the
// error held, and the estimates with SquaredError.
func TestSpreadGradient(t *testing.T) {
	rng := draw(4, 0, 0)
	const slots, n = 5, 2
	loss := Spread{Estimate: SquaredError{Huber: 2}, Weight: .3, Targets: n}
	y, target, w := make([]float32, 2*n*slots), make([]float32, n*slots), make([]float32, n*slots)
	for i := range y {
		y[i] = float32(rng.NormFloat64())
	}
	for i := range target {
		target[i], w[i] = float32(rng.NormFloat64()), rng.Float32()
	}
	w[3] = 0
	var est []float32
	for t := range slots {
		est = append(est, y[2*n*t:2*n*t+n]...)
	}
	dy, want := make([]float32, len(y)), make([]float32, len(est))
	near(t, "loss", loss.Gradient(dy, y, &Example{Y: target, W: w}, .5), SquaredError{2}.Gradient(want, est, &Example{Y: target, W: w}, .5), 1e-6)
	likelihood := func(k int, l float64) float64 { // of target k
		e := math.Abs(float64(est[k] - target[k]))
		return .5 * .3 * (e*math.Exp(-l) + l) / (n * slots)
	}
	for k := range target {
		i := k/n*2*n + k%n
		near(t, "estimate", float64(dy[i]), float64(want[k]), 1e-6)
		l := float64(y[i+n])
		slope := (likelihood(k, l+1e-5) - likelihood(k, l-1e-5)) / 2e-5
		if k == 3 {
			slope = 0
		}
		near(t, "spread", float64(dy[i+n]), slope, 1e-6)
	}
	loss.Gradient(dy, append(y[:n:n], -9, -9), &Example{Y: target[:n], W: w[:n]}, 1)
	near(t, "bounded", float64(dy[n]), .3/n*(1-8), 1e-6)
}
