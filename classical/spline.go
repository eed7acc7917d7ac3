package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// spline is a cubic spline over strictly increasing knots in second
// derivative form, with linear continuation outside.
type spline struct {
	t []float64 // knots
	y []float64 // values at the knots
	m []float64 // second derivatives at the knots
}

// at returns value and rate at time t.
func (s *spline) at(t float64) (float64, float64) {
	n := len(s.t)
	switch n {
	case 0:
		return 0, 0
	case 1:
		return s.y[0], 0
	}
	lo := pieceAt(s.t, t)
	hi := lo + 1
	h := s.t[hi] - s.t[lo]
	slope := (s.y[hi] - s.y[lo]) / h
	switch {
	case t < s.t[0]:
		r := slope - h*(2*s.m[0]+s.m[1])/6
		return s.y[0] + r*(t-s.t[0]), r
	case t > s.t[n-1]:
		r := slope + h*(s.m[n-2]+2*s.m[n-1])/6
		return s.y[n-1] + r*(t-s.t[n-1]), r
	}
	a := (s.t[hi] - t) / h
	b := 1 - a
	v := a*s.y[lo] + b*s.y[hi] + ((a*a*a-a)*s.m[lo]+(b*b*b-b)*s.m[hi])*h*h/6
	r := slope + ((3*b*b-1)*s.m[hi]-(3*a*a-1)*s.m[lo])*h/6
	return v, r
}

// pieceAt returns the piece between two of the knots, two at least, that holds t: the number
// of the knot before it.
func pieceAt(knots []float64, t float64) int {
	lo, hi := 0, len(knots)-1
	for hi-lo > 1 {
		if k := (lo + hi) >> 1; knots[k] <= t {
			lo = k
		} else {
			hi = k
		}
	}
	return lo
}

// endCurvature is the second derivative at t0 of the cubic through four
// points (t_i, y_i), by divided differences.
func endCurvature(t0, t1, t2, t3, y0, y1, y2, y3 float64) float64 {
	d01 := (y1 - y0) / (t1 - t0)
	d12 := (y2 - y1) / (t2 - t1)
	d23 := (y3 - y2) / (t3 - t2)
	d012 := (d12 - d01) / (t2 - t0)
	d123 := (d23 - d12) / (t3 - t1)
	d0123 := (d123 - d012) / (t3 - t0)
	return 2*d012 + 2*d0123*((t0-t1)+(t0-t2))
}

// interpolate fits the interpolating cubic spline to (t,y), m receiving the
// second derivatives. End curvatures are those of the cubics through the
// outer four points (fourth-order accurate up to the ends, where the natural
// end condition is only second-order); fewer than five points use the natural
// condition. work needs 2 n floats.
func (s *spline) interpolate(t, y, m, work []float64) {
	n := len(t)
	s.t, s.y, s.m = t, y, m[:n]
	clear(s.m)
	if n < 3 {
		return
	}
	if n >= 5 {
		s.m[0] = endCurvature(t[0], t[1], t[2], t[3], y[0], y[1], y[2], y[3])
		s.m[n-1] = endCurvature(t[n-1], t[n-2], t[n-3], t[n-4], y[n-1], y[n-2], y[n-3], y[n-4])
		// A clustered pair of noisy end points must not throw the ends off.
		lim := 40 / ((t[n-1] - t[0]) / float64(n-1)) / ((t[n-1] - t[0]) / float64(n-1))
		s.m[0] = clamp(s.m[0], -lim, lim)
		s.m[n-1] = clamp(s.m[n-1], -lim, lim)
	}
	// Thomas algorithm on h_{i-1} m_{i-1} + 2(h_{i-1}+h_i) m_i + h_i m_{i+1} = 6 (slope_i - slope_{i-1}).
	c, d := work[:n], work[n:2*n]
	c[0], d[0] = 0, s.m[0]
	for i := 1; i < n-1; i++ {
		h0, h1 := t[i]-t[i-1], t[i+1]-t[i]
		r := 6 * ((y[i+1]-y[i])/h1 - (y[i]-y[i-1])/h0)
		q := 1 / (2*(h0+h1) - h0*c[i-1])
		c[i] = h1 * q
		d[i] = (r - h0*d[i-1]) * q
	}
	for i := n - 2; i >= 1; i-- {
		s.m[i] = d[i] - c[i]*s.m[i+1]
	}
}

// smoothingLambdas is the number of smoothing parameters tried, half a decade
// to a decade apart.
const smoothingLambdas = 13

var smoothingLambda = func() (l [smoothingLambdas]float64) {
	for i := range l {
		l[i] = math.Pow(10, -4+0.75*float64(i))
	}
	return l
}()

// leastStep is the least step, in mean steps, that the smoothing spline tells from a
// longer one. Its equations add a step to the square of the inverse one times lambda, of
// which float64 must not lose the former.
const leastStep = 1e-3

// smooth fits the cubic smoothing spline that minimises
// sum (y-f)^2 + lambda int f”^2 (Reinsch 1967) with lambda chosen by
// generalised maximum likelihood (Wahba 1985, the REML of the integrated
// Wiener prior), which undersmooths less often than GCV on few points. It
// returns the estimated standard deviation of the noise. f and m (n each)
// receive values and second derivatives; work needs 9 n floats. O(n) per
// lambda: with Q the second-difference and R the tridiagonal Gram matrix,
// (R + lambda Q'Q) gamma = Q'y is pentadiagonal, f = y - lambda Q gamma, and
// the criterion is y'(I-A)y * (det(R + lambda Q'Q) / lambda^(n-2))^(1/(n-2)).
func (s *spline) smooth(t, y, f, m, work []float64) float64 {
	n := len(t)
	f, m = f[:n], m[:n]
	copy(f, y)
	clear(m)
	s.t, s.y, s.m = t, f, m
	if n < 4 {
		return 0
	}
	unit := (t[n-1] - t[0]) / float64(n-1) // time in mean steps makes lambda scale-free
	k := n - 2
	h := work[:n-1]
	r0, r1 := work[n:n+k], work[2*n:2*n+k]                          // R: diagonal, first off-diagonal
	q0, q1, q2 := work[3*n:3*n+k], work[4*n:4*n+k], work[5*n:5*n+k] // Q'Q bands
	b := work[6*n : 6*n+k]                                          // Q'y
	g := work[7*n : 7*n+k]
	lf := work[8*n : 9*n] // reused below: l1 and l2 are folded into m and lf
	perUnit := 1 / unit
	step := func(i int) float64 { return max((t[i+1]-t[i])*perUnit, leastStep) }
	for i := range h {
		h[i] = 1 / step(i)
	}
	for i := 0; i < k; i++ {
		a0, a2 := h[i], h[i+1]
		a1 := -a0 - a2
		r0[i] = (step(i) + step(i+1)) * (1. / 3)
		q0[i] = a0*a0 + a1*a1 + a2*a2
		b[i] = a0*y[i] + a1*y[i+1] + a2*y[i+2]
		r1[i], q1[i], q2[i] = 0, 0, 0
		if i+1 < k {
			r1[i] = step(i+1) * (1. / 6)
			c0 := a2
			c1 := -a2 - h[i+2]
			q1[i] = a1*c0 + a2*c1
		}
		if i+2 < k {
			q2[i] = a2 * h[i+2]
		}
	}
	solve := func(lambda float64) float64 {
		// LDL' of the pentadiagonal matrix, then g = its solution for b.
		var d1, d2, l1p, l2p, l2pp, g1, g2, quad float64
		d := lf[:k] // one over the diagonal
		l1, l2 := m[:k], f[:k]
		for i := 0; i < k; i++ {
			di := r0[i] + lambda*q0[i]
			if i >= 1 {
				di -= l1p * l1p * d1
			}
			if i >= 2 {
				di -= l2pp * l2pp * d2
			}
			if !(di > 1e-300) {
				di = 1e-300
			}
			inv := 1 / di
			e1, e2 := 0.0, 0.0
			if i+1 < k {
				e1 = r1[i] + lambda*q1[i]
				if i >= 1 {
					e1 -= l1p * l2p * d1
				}
				e1 *= inv
			}
			if i+2 < k {
				e2 = lambda * q2[i] * inv
			}
			gi := b[i]
			if i >= 1 {
				gi -= l1p * g1
			}
			if i >= 2 {
				gi -= l2pp * g2
			}
			d[i], l1[i], l2[i], g[i] = inv, e1, e2, gi
			quad += gi * gi * inv // b'(R+lambda Q'Q)^-1 b
			d2, d1 = d1, di
			l2pp, l2p, l1p = l2p, e2, e1
			g2, g1 = g1, gi
		}
		return quad
	}
	bestLambda, best := 0.0, math.Inf(1)
	var scores [smoothingLambdas]float64
	arg := 0
	var lambdas, quads, logdets [lanes]float64
	for i := 0; i < smoothingLambdas; i++ {
		if i%lanes == 0 {
			for l := range lambdas {
				lambdas[l] = smoothingLambda[min(i+l, smoothingLambdas-1)]
			}
			quads, logdets = asm.Pentadiagonal(r0, r1, q0, q1, q2, b, &lambdas)
		}
		lambda, quad := lambdas[i%lanes], quads[i%lanes]
		// y'(I-A)y = lambda quad
		score := math.Log(lambda*quad+1e-300) + logdets[i%lanes]/float64(k) - math.Log(lambda)
		scores[i] = score
		if score < best {
			best, arg, bestLambda = score, i, lambda
		}
	}
	if arg > 0 && arg < smoothingLambdas-1 { // one parabolic step between decades
		c := scores[arg-1] - 2*scores[arg] + scores[arg+1]
		if c > 1e-12 {
			o := clamp(0.5*(scores[arg-1]-scores[arg+1])/c, -0.5, 0.5)
			bestLambda *= math.Pow(10, 0.75*o)
		}
	}
	quad := solve(bestLambda)
	d, l1, l2 := lf[:k], m[:k], f[:k]
	for i := k - 1; i >= 0; i-- {
		v := g[i] * d[i]
		if i+1 < k {
			v -= l1[i] * g[i+1]
		}
		if i+2 < k {
			v -= l2[i] * g[i+2]
		}
		g[i] = v
	}
	copy(f, y)
	for i := 0; i < k; i++ {
		a0, a2 := h[i], h[i+1]
		v := bestLambda * g[i]
		f[i] -= a0 * v
		f[i+1] += (a0 + a2) * v
		f[i+2] -= a2 * v
	}
	m[0], m[n-1] = 0, 0
	for i := k - 1; i >= 0; i-- {
		m[i+1] = g[i] / (unit * unit)
	}
	return math.Sqrt(math.Max(bestLambda*quad, 0) / float64(k))
}
