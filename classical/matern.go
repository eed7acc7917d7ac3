package classical

import "math"

// matern is the posterior mean of a Gaussian process with Matern 5/2 covariance
// on noisy observations, computed in its state-space form: the process is the
// stationary solution of a linear stochastic differential equation of third
// order, so that a Kalman filter and a smoother do in O(n) what a dense solve
// does in O(n^3) (Hartikainen and Sarkka, MLSP 2010). Between the observations
// the mean is interpolated by the quintic through value, rate and acceleration
// of the smoother.
type matern struct {
	t []float64
	x [][3]float64 // mean of value, rate and acceleration

	mean         float64
	filt, pred   [][3]float64
	filtP, predP [][6]float64
	step         [][9]float64
}

// maternSearch is the number of observations that choose the length.
const maternSearch = 96

// maternLengths are the lengths tried, in mean steps of the observations.
var maternLengths = [...]float64{1, 2, 4, 8, 16, 32, 64}

// symmetric 3x3 matrices are stored as 00 01 02 11 12 22.

// transition is exp(F h) of the process of rate l = sqrt(5)/length.
func transition(h, l float64) (a [9]float64) {
	e := math.Exp(-h * l)
	x := h * l
	a[0] = e * (1 + x + x*x/2)
	a[1] = e * h * (1 + x)
	a[2] = e * h * h / 2
	a[3] = -e * l * l * l * h * h / 2
	a[4] = e * (1 + x - x*x)
	a[5] = e * h * (1 - x/2)
	a[6] = e * l * l * l * h * (x/2 - 1)
	a[7] = e * l * x * (x - 3)
	a[8] = e * (1 - 2*x + x*x/2)
	return a
}

// predict writes a p a' + (s - a s a') to q for the stationary covariance s with
// entries 1, k = l^2/3 and l^4.
func predict(q, p *[6]float64, a *[9]float64, l float64) {
	k, l4 := l*l/3, l*l*l*l
	d := [6]float64{p[0] - 1, p[1], p[2] + k, p[3] - k, p[4], p[5] - l4}
	var m [9]float64 // a d
	for i := 0; i < 9; i += 3 {
		m[i] = a[i]*d[0] + a[i+1]*d[1] + a[i+2]*d[2]
		m[i+1] = a[i]*d[1] + a[i+1]*d[3] + a[i+2]*d[4]
		m[i+2] = a[i]*d[2] + a[i+1]*d[4] + a[i+2]*d[5]
	}
	q[0] = 1 + m[0]*a[0] + m[1]*a[1] + m[2]*a[2]
	q[1] = m[0]*a[3] + m[1]*a[4] + m[2]*a[5]
	q[2] = -k + m[0]*a[6] + m[1]*a[7] + m[2]*a[8]
	q[3] = k + m[3]*a[3] + m[4]*a[4] + m[5]*a[5]
	q[4] = m[3]*a[6] + m[4]*a[7] + m[5]*a[8]
	q[5] = l4 + m[6]*a[6] + m[7]*a[7] + m[8]*a[8]
}

// likelihood returns the log marginal likelihood of (t, y) with the amplitude
// profiled out; noise is the variance over the amplitude.
func likelihood(t, y []float64, mean, l, noise float64) float64 {
	var x [3]float64
	p := [6]float64{1, 0, -l * l / 3, l * l / 3, 0, l * l * l * l}
	var q [6]float64
	var a [9]float64
	last := math.NaN()
	square, logs := 0., 0.
	for i, v := range y {
		if i > 0 {
			h := t[i] - t[i-1]
			if h != last {
				a, last = transition(h, l), h
			}
			x = [3]float64{a[0]*x[0] + a[1]*x[1] + a[2]*x[2], a[3]*x[0] + a[4]*x[1] + a[5]*x[2], a[6]*x[0] + a[7]*x[1] + a[8]*x[2]}
			predict(&q, &p, &a, l)
			p = q
		}
		s := p[0] + noise
		e := v - mean - x[0]
		square += e * e / s
		logs += math.Log(s)
		update(&x, &p, e, s)
	}
	n := float64(len(y))
	return -.5*n*math.Log(math.Max(square/n, 1e-300)) - .5*logs
}

// update conditions state x with covariance p on an innovation e of variance s.
func update(x *[3]float64, p *[6]float64, e, s float64) {
	g0, g1, g2 := p[0]/s, p[1]/s, p[2]/s
	x[0] += g0 * e
	x[1] += g1 * e
	x[2] += g2 * e
	p0, p1, p2 := p[0], p[1], p[2]
	p[0] -= g0 * p0
	p[1] -= g0 * p1
	p[2] -= g0 * p2
	p[3] -= g1 * p1
	p[4] -= g1 * p2
	p[5] -= g2 * p2
}

// fit conditions the process on observations y at times t, which it keeps, with
// noise of the given standard deviation.
func (g *matern) fit(mem *arena, t, y []float64, noise float64) {
	n := len(t)
	g.t = t
	g.x = grow(g.x, n)
	g.mean = 0
	for i, v := range y {
		g.mean += (v - g.mean) / float64(i+1)
	}
	if n < 4 || !(t[n-1] > t[0]) {
		for i := range g.x {
			g.x[i] = [3]float64{y[i], 0, 0}
			if i > 0 {
				g.x[i][1] = (y[i] - y[i-1]) / (t[i] - t[i-1])
			}
		}
		if n > 1 {
			g.x[0][1] = g.x[1][1]
		}
		return
	}
	variance := 0.
	for _, v := range y {
		variance += (v - g.mean) * (v - g.mean) / float64(n)
	}
	ratio := clamp(noise*noise/math.Max(variance, 1e-12), 1e-7, 10)
	unit := (t[n-1] - t[0]) / float64(n-1)
	st, sy := thin(mem, t, y, maternSearch)
	best, length := math.Inf(-1), 0.
	try := func(k float64) {
		if v := likelihood(st, sy, g.mean, math.Sqrt(5)/(k*unit), ratio); v > best {
			best, length = v, k
		}
	}
	for _, k := range maternLengths {
		if k > float64(n) {
			break
		}
		try(k)
	}
	try(length * math.Sqrt2)
	try(length / math.Sqrt2)
	l := math.Sqrt(5) / (length * unit)

	// Filter, then the smoother of Rauch, Tung and Striebel.
	g.filt, g.pred = grow(g.filt, n), grow(g.pred, n)
	g.filtP, g.predP = grow(g.filtP, n), grow(g.predP, n)
	g.step = grow(g.step, n)
	var x [3]float64
	p := [6]float64{1, 0, -l * l / 3, l * l / 3, 0, l * l * l * l}
	for i, v := range y {
		if i > 0 {
			h := t[i] - t[i-1]
			a := &g.step[i]
			if i > 1 && h == t[i-1]-t[i-2] {
				*a = g.step[i-1]
			} else {
				*a = transition(h, l)
			}
			x = [3]float64{a[0]*x[0] + a[1]*x[1] + a[2]*x[2], a[3]*x[0] + a[4]*x[1] + a[5]*x[2], a[6]*x[0] + a[7]*x[1] + a[8]*x[2]}
			predict(&g.predP[i], &p, a, l)
			p = g.predP[i]
		}
		g.pred[i] = x
		update(&x, &p, v-g.mean-x[0], p[0]+ratio)
		g.filt[i], g.filtP[i] = x, p
	}
	g.x[n-1] = g.filt[n-1]
	for i := n - 2; i >= 0; i-- {
		// gain = P_i A' Ppred^-1; d = x_{i+1} - pred_{i+1}.
		var d [3]float64
		for k := range d {
			d[k] = g.x[i+1][k] - g.pred[i+1][k]
		}
		w := solve3(&g.predP[i+1], d)
		a := &g.step[i+1]
		u := [3]float64{a[0]*w[0] + a[3]*w[1] + a[6]*w[2], a[1]*w[0] + a[4]*w[1] + a[7]*w[2], a[2]*w[0] + a[5]*w[1] + a[8]*w[2]}
		f, q := &g.filt[i], &g.filtP[i]
		g.x[i] = [3]float64{
			f[0] + q[0]*u[0] + q[1]*u[1] + q[2]*u[2],
			f[1] + q[1]*u[0] + q[3]*u[1] + q[4]*u[2],
			f[2] + q[2]*u[0] + q[4]*u[1] + q[5]*u[2],
		}
	}
	for i := range g.x {
		g.x[i][0] += g.mean
	}
}

// solve3 solves the symmetric positive definite system p w = d by scaling to a
// unit diagonal and Cholesky with a floor.
func solve3(p *[6]float64, d [3]float64) [3]float64 {
	s0, s1, s2 := 1/math.Sqrt(p[0]), 1/math.Sqrt(p[3]), 1/math.Sqrt(p[5])
	b01, b02, b12 := p[1]*s0*s1, p[2]*s0*s2, p[4]*s1*s2
	l11 := math.Sqrt(math.Max(1-b01*b01, 1e-14))
	l21 := (b12 - b02*b01) / l11
	l22 := math.Sqrt(math.Max(1-b02*b02-l21*l21, 1e-14))
	y0 := d[0] * s0
	y1 := (d[1]*s1 - b01*y0) / l11
	y2 := (d[2]*s2 - b02*y0 - l21*y1) / l22
	w2 := y2 / l22
	w1 := (y1 - l21*w2) / l11
	w0 := y0 - b01*w1 - b02*w2
	return [3]float64{w0 * s0, w1 * s1, w2 * s2}
}

// at returns value and rate at time u; outside the observations it goes on
// linearly.
func (g *matern) at(u float64) (float64, float64) {
	n := len(g.t)
	switch {
	case n == 0:
		return 0, 0
	case n == 1:
		return g.x[0][0], 0
	case u <= g.t[0]:
		return g.x[0][0] + g.x[0][1]*(u-g.t[0]), g.x[0][1]
	case u >= g.t[n-1]:
		return g.x[n-1][0] + g.x[n-1][1]*(u-g.t[n-1]), g.x[n-1][1]
	}
	lo, hi := 0, n-1
	for hi-lo > 1 {
		if k := (lo + hi) >> 1; g.t[k] <= u {
			lo = k
		} else {
			hi = k
		}
	}
	h := g.t[hi] - g.t[lo]
	s := (u - g.t[lo]) / h
	a, b := &g.x[lo], &g.x[hi]
	// Quintic: value, h rate, h^2 acceleration / 2 at both ends.
	d := b[0] - a[0]
	a1, a2 := h*a[1], h*h*a[2]/2
	b1, b2 := h*b[1], h*h*b[2]/2
	e0, e1, e2 := d-a1-a2, b1-a1-2*a2, b2-a2
	c3 := 10*e0 - 4*e1 + e2
	c4 := -15*e0 + 7*e1 - 2*e2
	c5 := 6*e0 - 3*e1 + e2
	v := a[0] + s*(a1+s*(a2+s*(c3+s*(c4+s*c5))))
	r := (a1 + s*(2*a2+s*(3*c3+s*(4*c4+s*5*c5)))) / h
	return v, r
}

// grow returns a slice of n entries, s's memory where it is long enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
