package linode

import (
	"fmt"
	"math"
)

// MaxDense is the largest order of a dense generator.
const MaxDense = 16

// Limits of the 1-norm up to which the Taylor polynomials of degree 1, 2, 4, 8,
// 12 and 18 reach the rounding error of the format (Bader, Blanes, Casas,
// "Computing the matrix exponential with an optimized Taylor polynomial
// approximation", Mathematics 7(12), 2019, table 1). All arithmetic is float64; the
// float32 limits only stop the polynomial where float32 would not see more.
var (
	limits64 = [6]float64{2.2e-16, 2.58e-8, 3.40e-4, 4.99e-2, 0.300, 1.09}
	limits32 = [6]float64{1.19e-7, 5.98e-4, 5.12e-2, 0.580, 1.46, 3.01}
)

// Coefficients of the degree 8 scheme, in closed form with sqrt(177).
var (
	sqrt177 = math.Sqrt(177)
	t8x3    = 2.0 / 3
	t8x1    = t8x3 * ((1 + sqrt177) / 88)
	t8x2    = t8x3 * ((1 + sqrt177) / 352)
	t8x4    = (-271 + 29*sqrt177) / (315 * t8x3)
	t8x5    = (-11 + 11*sqrt177) / (1260 * t8x3)
	t8x6    = (-99 + 11*sqrt177) / (5040 * t8x3)
	t8x7    = (89 - sqrt177) / (5040 * t8x3 * t8x3)
	t8y2    = (857 - 58*sqrt177) / 630
)

// Coefficients of I, A, A^2, A^3 in the factors of the degree 12 scheme.
var t12 = [4][4]float64{
	{9.0198e-16, 0.46932117595418237389, -0.20099424927047284052, -0.04623946134063071740},
	{5.31597895759871264183, 1.19926790417132231573, 0.01179296240992997031, 0.01108844528519167989},
	{0.18188869982170434744, 0.05502798439925399070, 0.09351590770535414968, 0.00610700528898058230},
	{-2.0861320e-13, -0.13181061013830184015, -0.02027855540589259079, -0.00675951846863086359},
}

// Coefficients of I, A, A^2, A^3, A^6 in the factors of the degree 18 scheme.
var t18 = [5][5]float64{
	{0, -1.00365581030144618291e-01, -8.02924648241156932449e-03, -8.92138498045729985177e-04, 0},
	{0, 3.97849749499645077844e-01, 1.36783778460411720168e+00, 4.98289622525382669416e-01, -6.37898194594723280150e-04},
	{-1.09676396052962061844e+01, 1.68015813878906206114e+00, 5.71779846478865511061e-02, -6.98210122488052056106e-03, 3.34975017086070470649e-05},
	{-9.04316832390810593223e-02, -6.76404519071381882256e-02, 6.75961301770459654925e-02, 2.95552570429315521194e-02, -1.39180257516060693404e-05},
	{0, 0, -9.23364619367118555360e-02, -1.69364939002081722752e-02, -1.40086798182036094347e-05},
}

// expmBuffers is the number of matrices that one exponential needs.
const expmBuffers = 8

// Dense is the workspace for exponentials and propagators of dense matrices up
// to a fixed order. It belongs to one goroutine; its methods do not allocate.
type Dense struct {
	order int
	buf   []float64 // expmBuffers dual matrices, for exp
	mat   []float64 // one dual matrix, for the methods
}

// NewDense returns a workspace for generators up to order x order. Panics
// unless 1 <= order <= 16.
func NewDense(order int) *Dense {
	if order < 1 || order > MaxDense {
		panic(fmt.Sprintf("linode: NewDense: order %d, needs 1 to %d", order, MaxDense))
	}
	// A dual matrix (value and derivative) of the augmented order.
	w := 2 * (order + 1) * (order + 1)
	return &Dense{order: order, buf: make([]float64, expmBuffers*w), mat: make([]float64, 2*w)}
}

// Exp writes the matrix exponential e^a to dst, both n x n row-major with n at
// most the order of the workspace; dst may be a. The relative error in norm is
// a few units of float64 rounding times the number of squarings.
func (w *Dense) Exp(dst, a []float64, n int) {
	if n < 1 || n > w.order || len(dst) != n*n || len(a) != n*n {
		panic(fmt.Sprintf("linode: Dense.Exp: order %d in a workspace of %d, slices of %d and %d", n, w.order, len(dst), len(a)))
	}
	e := dual{n: n, val: n * n}
	e.exp(dst, a, w.buf, &limits64)
}

// State writes the solution z(t) of z' = A z + b, z(0) = z0, and its rate z'(t)
// unless rate is nil, in float64. a is n x n row-major; z, z0 and b are n long. b may be nil
// for zero.
func (w *Dense) State(z, rate, a, z0, b []float64, t float64) {
	w.state(z, rate, a, z0, b, t, &limits64)
}

func (w *Dense) state(z, rate, a, z0, b []float64, t float64, limits *[6]float64) {
	n := len(z0)
	if n > w.order || len(a) != n*n || len(z) != n || (b != nil && len(b) != n) || (rate != nil && len(rate) != n) {
		panic(fmt.Sprintf("linode: Dense.State: order %d in a workspace of %d, a %d, z %d, b %d, rate %d",
			n, w.order, len(a), len(z), len(b), len(rate)))
	}
	k := n + 1
	x := w.mat[:k*k]
	eta := augment(x, a, b, n, t)
	e := dual{n: k, val: k * k}
	e.exp(x, x, w.buf, limits)
	applyAugmented(z, x, z0, eta, n)
	if rate == nil {
		return
	}
	// z' = e^(At) (A z0 + b): no cancellation at a fixed point.
	v := w.mat[k*k : k*k+n]
	for i := range v {
		v[i] = 0
		for j, s := range z0 {
			v[i] += a[i*n+j] * s
		}
		if b != nil {
			v[i] += b[i]
		}
	}
	for i := range rate {
		rate[i] = 0
		for j, s := range v {
			rate[i] += x[i*k+j] * s
		}
	}
}

// augment writes [[A t, b t/eta], [0, 0]] to x and returns eta. Its exponential
// holds e^(At) and t phi1(At) b/eta; eta is a power of two that brings the norm
// of the last column down to that of A, so that a large drive does not cause
// more squarings than A itself needs.
func augment(x, a, b []float64, n int, t float64) (eta float64) {
	k := n + 1
	clear(x[:k*k])
	norm, drive := 0.0, 0.0
	for j := 0; j < n; j++ {
		col := 0.0
		for i := 0; i < n; i++ {
			x[i*k+j] = a[i*n+j] * t
			col += math.Abs(x[i*k+j])
		}
		norm = max(norm, col)
		if b != nil {
			drive += math.Abs(b[j] * t)
		}
	}
	eta = 1
	// With A near zero any norm up to 1/4 is as cheap.
	if limit := max(norm, 0.25); drive > limit {
		_, exp := math.Frexp(drive / limit)
		eta = math.Ldexp(1, exp)
	}
	if b != nil {
		for i := 0; i < n; i++ {
			x[i*k+n] = b[i] * t / eta
		}
	}
	return eta
}

// applyAugmented writes z = Y[:n,:n] z0 + eta Y[:n,n].
func applyAugmented(z, y, z0 []float64, eta float64, n int) {
	k := n + 1
	for i := 0; i < n; i++ {
		s := 0.0
		for j, v := range z0 {
			s += y[i*k+j] * v
		}
		z[i] = s + eta*y[i*k+n]
	}
}

// dual describes matrices M = V + eps D with eps^2 = 0, stored as V followed by
// D when der is set: arithmetic on them carries a directional derivative along,
// which is the upper right block of exp([[X, D], [0, X]]) without its zeros.
type dual struct {
	n   int
	val int // n*n
	der bool
}

func (e *dual) size() int {
	if e.der {
		return 2 * e.val
	}
	return e.val
}

// mul computes c = a b. c must not be a or b.
func (e *dual) mul(c, a, b []float64) {
	v := e.val
	product(c[:v], a[:v], b[:v], e.n, false)
	if e.der {
		product(c[v:2*v], a[:v], b[v:2*v], e.n, false)
		product(c[v:2*v], a[v:2*v], b[:v], e.n, true)
	}
}

func product(c, a, b []float64, n int, acc bool) {
	if !acc {
		clear(c)
	}
	for i := 0; i < n; i++ {
		row := c[i*n : (i+1)*n]
		for l, x := range a[i*n : (i+1)*n] {
			if x == 0 {
				continue
			}
			for j, y := range b[l*n : (l+1)*n] {
				row[j] += x * y
			}
		}
	}
}

// combine computes c = c0 I + sum c_k m_k over up to four matrices; nil ones
// are left out. c may be one of them.
func (e *dual) combine(c []float64, c0 float64, c1 float64, m1 []float64, c2 float64, m2 []float64, c3 float64, m3 []float64, c4 float64, m4 []float64) {
	for i := range c[:e.size()] {
		s := c1 * m1[i]
		if m2 != nil {
			s += c2 * m2[i]
		}
		if m3 != nil {
			s += c3 * m3[i]
		}
		if m4 != nil {
			s += c4 * m4[i]
		}
		c[i] = s
	}
	for i := 0; i < e.val; i += e.n + 1 {
		c[i] += c0
	}
}

// exp writes e^x to dst, which may be x. buf holds expmBuffers matrices.
func (e *dual) exp(dst, x, buf []float64, limits *[6]float64) {
	n, size := e.n, e.size()
	var m [expmBuffers][]float64
	for i := range m {
		m[i] = buf[i*size : (i+1)*size]
	}
	a := m[0]
	copy(a, x[:size])
	norm := 0.0
	for j := 0; j < n; j++ {
		col := 0.0
		for i := 0; i < n; i++ {
			col += math.Abs(a[i*n+j])
		}
		norm = max(norm, col)
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		for i := range dst[:size] {
			dst[i] = math.NaN()
		}
		return
	}
	squarings := 0
	if norm > limits[5] {
		squarings = int(math.Ceil(math.Log2(norm / limits[5])))
		scale := math.Ldexp(1, -squarings)
		for i := range a {
			a[i] *= scale
		}
	}
	y, a2, a3, a6, p, q := m[1], m[2], m[3], m[4], m[5], m[6]
	switch {
	case norm <= limits[0]:
		e.combine(y, 1, 1, a, 0, nil, 0, nil, 0, nil)
	case norm <= limits[1]:
		e.mul(a2, a, a)
		e.combine(y, 1, 1, a, 0.5, a2, 0, nil, 0, nil)
	case norm <= limits[2]:
		// I + A + A^2 (I/2 + A/6 + A^2/24)
		e.mul(a2, a, a)
		e.combine(p, 0.5, 1.0/6, a, 1.0/24, a2, 0, nil, 0, nil)
		e.mul(q, a2, p)
		e.combine(y, 1, 1, a, 1, q, 0, nil, 0, nil)
	case norm <= limits[3]:
		e.mul(a2, a, a)
		e.combine(p, 0, t8x1, a, t8x2, a2, 0, nil, 0, nil)
		e.mul(a3, a2, p) // A4 of the scheme
		e.combine(p, 0, t8x3, a2, 1, a3, 0, nil, 0, nil)
		e.combine(q, t8x4, t8x5, a, t8x6, a2, t8x7, a3, 0, nil)
		e.mul(a6, p, q)
		e.combine(y, 1, 1, a, t8y2, a2, 1, a6, 0, nil)
	case norm <= limits[4]:
		e.mul(a2, a, a)
		e.mul(a3, a2, a)
		e.combine(p, t12[3][0], t12[3][1], a, t12[3][2], a2, t12[3][3], a3, 0, nil)
		e.mul(q, p, p)
		e.combine(p, t12[2][0], t12[2][1], a, t12[2][2], a2, t12[2][3], a3, 1, q) // A6 of the scheme
		e.combine(q, t12[1][0], t12[1][1], a, t12[1][2], a2, t12[1][3], a3, 1, p)
		e.mul(a6, q, p)
		e.combine(y, t12[0][0], t12[0][1], a, t12[0][2], a2, t12[0][3], a3, 1, a6)
	default:
		e.mul(a2, a, a)
		e.mul(a3, a2, a)
		e.mul(a6, a3, a3)
		e.combine(p, t18[0][0], t18[0][1], a, t18[0][2], a2, t18[0][3], a3, t18[0][4], a6)
		e.combine(q, t18[4][0], t18[4][1], a, t18[4][2], a2, t18[4][3], a3, t18[4][4], a6)
		e.mul(y, p, q)
		e.combine(p, t18[3][0], t18[3][1], a, t18[3][2], a2, t18[3][3], a3, t18[3][4], a6)
		for i := range p {
			p[i] += y[i] // A9 of the scheme
		}
		e.combine(q, t18[2][0], t18[2][1], a, t18[2][2], a2, t18[2][3], a3, t18[2][4], a6)
		for i := range q {
			q[i] += p[i]
		}
		e.mul(y, q, p)
		e.combine(p, t18[1][0], t18[1][1], a, t18[1][2], a2, t18[1][3], a3, t18[1][4], a6)
		for i := range y {
			y[i] += p[i]
		}
	}
	for ; squarings > 0; squarings-- {
		e.mul(p, y, y)
		y, p = p, y
	}
	copy(dst[:size], y)
}

// stateGrad adds the gradients of one state: given dz = dL/dz(t), the adjoint
// of Y = e^X is the Frechet derivative L(X^T, dY), and dY = dz [z0; eta]^T has
// zeros in its last row. da, dz0 and db may be nil.
func (w *Dense) stateGrad(da, dz0, db, dz, a, z0, b []float64, t float64, limits *[6]float64) {
	n := len(z0)
	k := n + 1
	x := w.mat[:2*k*k]
	eta := augment(x, a, b, n, t)
	d := x[k*k:]
	clear(d)
	for i, g := range dz {
		for j, v := range z0 {
			d[i*k+j] = g * v
		}
		d[i*k+n] = g * eta
	}
	// Transpose X in place; the direction stays dY: L(X^T, dY).
	for i := 0; i < k; i++ {
		for j := 0; j < i; j++ {
			x[i*k+j], x[j*k+i] = x[j*k+i], x[i*k+j]
		}
	}
	e := dual{n: k, val: k * k, der: true}
	e.exp(x, x, w.buf, limits)
	// x holds Y^T, so dz0 = (Y[:n,:n])^T dz; d holds dL/dX.
	for i := 0; i < n; i++ {
		for j := 0; j < n; j++ {
			if dz0 != nil {
				dz0[i] += x[i*k+j] * dz[j]
			}
			if da != nil {
				da[i*n+j] += t * d[i*k+j]
			}
		}
		if db != nil {
			db[i] += t / eta * d[i*k+n]
		}
	}
}
