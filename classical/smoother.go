package classical

import "math"

// The third interpolant inside the context is the posterior mean of a Gaussian
// process with Matern 5/2 covariance. In state-space form (value and two
// derivatives, in units of the length) its likelihood and its posterior take
// O(n) by the Kalman filter and the modified Bryson-Frazier smoother.

const (
	processSearch = 64   // observations the length and the noise are chosen on
	processFit    = 1024 // observations of the posterior
	processKnots  = 256  // knots without observation, in gaps
)

// process25 are the parameters of the process.
type process25 struct {
	rate  float64 // sqrt(5) over the length
	noise float64 // variance of the noise over that of the process
}

// transition is the matrix that carries the state over a time.
type transition struct {
	a00, a01, a02, a10, a11, a12, a20, a21, a22 float64
}

// over sets m to the transition over time u in units of 1/rate.
func (m *transition) over(u float64) {
	e := math.Exp(-u)
	h := 0.5 * u * u
	m.a00, m.a01, m.a02 = e*(1+u+h), e*(u+2*h), e*h
	m.a10, m.a11, m.a12 = -e*h, e*(1+u-2*h), e*(u-h)
	m.a20, m.a21, m.a22 = e*(h-u), e*(2*h-3*u), e*(1-2*u+h)
}

// equalSteps is how far two steps may differ, as a share, to count as equal: the rounding of
// times moves them apart.
const equalSteps = 1e-10

// repeats tells which of the steps d, the first of which has no meaning, equal those before
// them.
func repeats(repeat []bool, d []float64) {
	for i, first := 2, 1; i < len(d); i++ {
		if repeat[i] = math.Abs(d[i]-d[first]) <= equalSteps*d[i]; !repeat[i] {
			first = i
		}
	}
}

// settled reports whether the predicted covariance of the value with the state has come to
// rest, but for rounding: it was q a step ago, s is the variance of the observation.
func settled(c0, c1, c2, q0, q1, q2, s float64) bool {
	tol := 4e-16 + 1e-14*s
	return math.Abs(c0-q0) <= tol && math.Abs(c1-q1) <= tol && math.Abs(c2-q2) <= tol
}

// likelihood returns the log marginal likelihood of observations y, whose state
// steps carries from each to the next, the variance of the process in closed
// form, up to a constant. repeat tells which steps are those before them.
func likelihood(steps []transition, repeat []bool, y []float64, noise float64) float64 {
	var x0, x1, x2 float64
	// Covariance minus the stationary one, ((1,0,-1/3),(0,1/3,0),(-1/3,0,1)).
	var p00, p01, p02, p11, p12, p22 float64
	var q0, q1, q2 float64
	steps, repeat = steps[:len(y)], repeat[:len(y)]
	quad, logs, prod := 0.0, 0.0, 1.0
	for i := 0; i < len(y); i++ {
		v := y[i]
		if i > 0 {
			m := &steps[i]
			x0, x1, x2 = m.a00*x0+m.a01*x1+m.a02*x2, m.a10*x0+m.a11*x1+m.a12*x2, m.a20*x0+m.a21*x1+m.a22*x2
			b00, b01, b02 := m.a00*p00+m.a01*p01+m.a02*p02, m.a00*p01+m.a01*p11+m.a02*p12, m.a00*p02+m.a01*p12+m.a02*p22
			b10, b11, b12 := m.a10*p00+m.a11*p01+m.a12*p02, m.a10*p01+m.a11*p11+m.a12*p12, m.a10*p02+m.a11*p12+m.a12*p22
			b20, b21, b22 := m.a20*p00+m.a21*p01+m.a22*p02, m.a20*p01+m.a21*p11+m.a22*p12, m.a20*p02+m.a21*p12+m.a22*p22
			p00 = b00*m.a00 + b01*m.a01 + b02*m.a02
			p01 = b10*m.a00 + b11*m.a01 + b12*m.a02
			p02 = b20*m.a00 + b21*m.a01 + b22*m.a02
			p11 = b10*m.a10 + b11*m.a11 + b12*m.a12
			p12 = b20*m.a10 + b21*m.a11 + b22*m.a12
			p22 = b20*m.a20 + b21*m.a21 + b22*m.a22
		}
		c0, c1, c2 := 1+p00, p01, p02-1./3
		s := max(c0, 1e-12) + noise
		inv := 1 / s
		e := v - x0
		quad += e * e * inv
		if prod *= s; i&7 == 7 {
			logs += math.Log(prod)
			prod = 1
		}
		e *= inv
		x0, x1, x2 = x0+c0*e, x1+c1*e, x2+c2*e
		p00 -= c0 * c0 * inv
		p01 -= c0 * c1 * inv
		p02 -= c0 * c2 * inv
		p11 -= c1 * c1 * inv
		p12 -= c1 * c2 * inv
		p22 -= c2 * c2 * inv
		if repeat[i] && settled(c0, c1, c2, q0, q1, q2, s) {
			// While the steps repeat, so do the gains.
			m, first := &steps[i], i+1
			g0, g1, g2 := c0*inv, c1*inv, c2*inv
			sum := 0.0
			for ; i+1 < len(y) && repeat[i+1]; i++ {
				x0, x1, x2 = m.a00*x0+m.a01*x1+m.a02*x2, m.a10*x0+m.a11*x1+m.a12*x2, m.a20*x0+m.a21*x1+m.a22*x2
				e := y[i+1] - x0
				sum += e * e
				x0, x1, x2 = x0+g0*e, x1+g1*e, x2+g2*e
			}
			quad += sum * inv
			logs += math.Log(prod) + float64(i+1-first)*math.Log(s)
			prod = 1
		}
		q0, q1, q2 = c0, c1, c2
	}
	logs += math.Log(prod)
	n := float64(len(y))
	v := -0.5 * (n*math.Log(math.Max(quad, 1e-12)/n) + logs)
	if v != v {
		return math.Inf(-1)
	}
	return v
}

// curve is a piecewise quintic with given value, first and second derivative at
// its knots; a curve without states is a cubic spline.
type curve struct {
	t     []float64
	x     []float64 // three per knot
	cubic *spline
}

// at returns value and rate at time t, linear outside the knots.
func (s *curve) at(t float64) (float64, float64) {
	if s.cubic != nil {
		return s.cubic.at(t)
	}
	n := len(s.t)
	switch {
	case n == 0:
		return 0, 0
	case t <= s.t[0] || n == 1:
		return s.x[0] + s.x[1]*(t-s.t[0]), s.x[1]
	case t >= s.t[n-1]:
		return s.x[3*n-3] + s.x[3*n-2]*(t-s.t[n-1]), s.x[3*n-2]
	}
	lo := pieceAt(s.t, t)
	hi := lo + 1
	h := s.t[hi] - s.t[lo]
	u := (t - s.t[lo]) / h
	a, b := s.x[3*lo:3*lo+3], s.x[3*hi:3*hi+3]
	c1, c2 := a[1]*h, 0.5*a[2]*h*h
	// What the quadratic from the left misses at the right end.
	dv, d1, d2 := b[0]-a[0]-c1-c2, b[1]*h-c1-2*c2, b[2]*h*h-2*c2
	c3, c4, c5 := 10*dv-4*d1+0.5*d2, -15*dv+7*d1-d2, 6*dv-3*d1+0.5*d2
	return a[0] + u*(c1+u*(c2+u*(c3+u*(c4+u*c5)))), (c1 + u*(2*c2+u*(3*c3+u*(4*c4+u*5*c5)))) / h
}

// process fits the curve to the observations (t,y) with the most likely
// parameters, which it returns. The knots stay, scratch is released.
func (s *curve) process(mem *arena, t, y []float64) process25 {
	mean := 0.0
	for _, v := range y {
		mean += v
	}
	mean /= float64(len(t))
	k := choose(mem, t, y, mean, processNoises[:])
	s.condition(mem, t, y, mean, k)
	return k
}

// condition makes the curve the posterior mean of process k, about the given
// mean, under the observations (t,y), thinned where they are many. The knots
// stay, scratch is released.
func (s *curve) condition(mem *arena, t, y []float64, mean float64, k process25) {
	n := len(t)
	if k := (n + processFit - 1) / processFit; k > 1 {
		m := (n-1)/k + 1
		tt, yy := mem.raw(m), mem.raw(m)
		for i := range tt {
			tt[i], yy[i] = t[n-1-(m-1-i)*k], y[n-1-(m-1-i)*k]
		}
		t, y, n = tt, yy, m
	}
	most := n + processKnots
	s.t, s.x, s.cubic = mem.raw(most), mem.zeros(3*most), nil
	blk, off := mem.mark()
	defer mem.release(blk, off)
	// Knots: the observations, and points in gaps that the state would forget.
	z := mem.raw(most)
	seen := 0
	spare := processKnots
	for i := range n {
		if i > 0 {
			h := t[i] - t[i-1]
			parts := min(int(clamp(h*k.rate/1.5, 0, processKnots)), spare)
			spare -= parts
			for q := range parts {
				s.t[seen] = t[i-1] + h*float64(q+1)/float64(parts+1)
				z[seen] = math.NaN()
				seen++
			}
		}
		s.t[seen], z[seen] = t[i], y[i]-mean
		seen++
	}
	s.t, s.x = s.t[:seen], s.x[:3*seen]
	k.posterior(mem, s.t, z[:seen], s.x)
	for i := 0; i < len(s.x); i += 3 {
		s.x[i] += mean
	}
}

// Noises, relative to the variance of the process, that the search starts from:
// for observations, and for what a Fourier series leaves over, which may be
// nothing but noise.
var (
	processNoises = [...]float64{1e-4, 3e-2}
	restNoises    = [...]float64{3e-2, 1, 30}
)

// choose returns the most likely parameters of a process about mean through
// (t,y), starting from the given noises.
func choose(mem *arena, t, y []float64, mean float64, noises []float64) process25 {
	n := len(t)
	k := (n + processSearch - 1) / processSearch
	m := (n-1)/k + 1
	d, z := mem.raw(m), mem.raw(m)
	for i := range z {
		o := n - 1 - (m-1-i)*k
		z[i] = y[o] - mean
		d[i] = 0
		if i > 0 {
			d[i] = t[o] - t[o-k]
		}
	}
	span := t[n-1] - t[n-1-(m-1)*k]
	var room [processSearch + 1]transition
	var repeat [processSearch + 1]bool
	steps := room[:]
	repeats(repeat[:m], d)
	best, pick := math.Inf(-1), process25{math.Sqrt(5) / span, 0.1}
	at := 0.0
	try := func(rate, noise float64) bool {
		if rate != at {
			at = rate
			for i := 1; i < m; i++ {
				if repeat[i] {
					steps[i] = steps[i-1]
				} else {
					steps[i].over(d[i] * rate)
				}
			}
		}
		if v := likelihood(steps[:m], repeat[:m], z, noise); v > best {
			best, pick = v, process25{rate, noise}
			return true
		}
		return false
	}
	for length := 2 * span; length > 1.2*span/float64(m-1); length /= 2 {
		for _, noise := range noises {
			try(math.Sqrt(5)/length, noise)
		}
	}
	step, turn := 1.4, 4.0
	for range 3 {
		if !try(pick.rate, pick.noise*turn) {
			try(pick.rate, pick.noise/turn)
		}
		if !try(pick.rate*step, pick.noise) {
			try(pick.rate/step, pick.noise)
		}
		step, turn = math.Sqrt(step), math.Sqrt(turn)
	}
	return pick
}

// posterior writes the posterior mean of value and derivatives at the times t
// to x, given the observations z (NaN: none).
func (k process25) posterior(mem *arena, t, z, x []float64) {
	n := len(t)
	const width = 19 // per knot: transition 9, state 3, covariance 6 before the update, weighted innovation
	keep := mem.raw(n * width)
	var m transition
	var x0, x1, x2 float64
	var p00, p01, p02, p11, p12, p22 float64
	step, rests := 0.0, false // of m, and whether the covariance rests
	for i, v := range z {
		r := keep[i*width:][:width:width]
		repeat := false
		if i > 0 {
			h := t[i] - t[i-1]
			if repeat = math.Abs(h-step) <= equalSteps*h; !repeat {
				m.over(h * k.rate)
				step, rests = h, false
			}
			x0, x1, x2 = m.a00*x0+m.a01*x1+m.a02*x2, m.a10*x0+m.a11*x1+m.a12*x2, m.a20*x0+m.a21*x1+m.a22*x2
		}
		if rests && v == v {
			copy(r, keep[(i-1)*width:i*width])
			r[9], r[10], r[11] = x0, x1, x2
			e := (v - x0) / (math.Max(r[12], 1e-12) + k.noise)
			r[18] = e
			x0, x1, x2 = x0+r[12]*e, x1+r[13]*e, x2+r[14]*e
			continue
		}
		rests = false
		if i > 0 {
			b00, b01, b02 := m.a00*p00+m.a01*p01+m.a02*p02, m.a00*p01+m.a01*p11+m.a02*p12, m.a00*p02+m.a01*p12+m.a02*p22
			b10, b11, b12 := m.a10*p00+m.a11*p01+m.a12*p02, m.a10*p01+m.a11*p11+m.a12*p12, m.a10*p02+m.a11*p12+m.a12*p22
			b20, b21, b22 := m.a20*p00+m.a21*p01+m.a22*p02, m.a20*p01+m.a21*p11+m.a22*p12, m.a20*p02+m.a21*p12+m.a22*p22
			p00 = b00*m.a00 + b01*m.a01 + b02*m.a02
			p01 = b10*m.a00 + b11*m.a01 + b12*m.a02
			p02 = b20*m.a00 + b21*m.a01 + b22*m.a02
			p11 = b10*m.a10 + b11*m.a11 + b12*m.a12
			p12 = b20*m.a10 + b21*m.a11 + b22*m.a12
			p22 = b20*m.a20 + b21*m.a21 + b22*m.a22
		}
		r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8] = m.a00, m.a01, m.a02, m.a10, m.a11, m.a12, m.a20, m.a21, m.a22
		r[9], r[10], r[11] = x0, x1, x2
		r[12], r[13], r[14], r[15], r[16], r[17] = 1+p00, p01, p02-1./3, 1./3+p11, p12, 1+p22
		if v != v {
			r[18] = v
			continue
		}
		c0, c1, c2 := r[12], r[13], r[14]
		s := math.Max(c0, 1e-12) + k.noise
		if repeat {
			q := keep[(i-1)*width:][:width]
			rests = q[18] == q[18] && settled(c0, c1, c2, q[12], q[13], q[14], s)
		}
		inv := 1 / s
		e := (v - x0) * inv
		r[18] = e
		x0, x1, x2 = x0+c0*e, x1+c1*e, x2+c2*e
		p00 -= c0 * c0 * inv
		p01 -= c0 * c1 * inv
		p02 -= c0 * c2 * inv
		p11 -= c1 * c1 * inv
		p12 -= c1 * c2 * inv
		p22 -= c2 * c2 * inv
	}
	// Backwards the adjoint: the smoothed state is the predicted one plus its
	// covariance times g.
	var g0, g1, g2 float64
	for i := n - 1; i >= 0; i-- {
		r := keep[i*width:][:width:width]
		if e := r[18]; e == e {
			inv := 1 / (math.Max(r[12], 1e-12) + k.noise)
			g0 += e - (r[12]*g0+r[13]*g1+r[14]*g2)*inv
		}
		x[3*i] = r[9] + r[12]*g0 + r[13]*g1 + r[14]*g2
		x[3*i+1] = (r[10] + r[13]*g0 + r[15]*g1 + r[16]*g2) * k.rate
		x[3*i+2] = (r[11] + r[14]*g0 + r[16]*g1 + r[17]*g2) * k.rate * k.rate
		g0, g1, g2 = r[0]*g0+r[3]*g1+r[6]*g2, r[1]*g0+r[4]*g1+r[7]*g2, r[2]*g0+r[5]*g1+r[8]*g2
	}
}
