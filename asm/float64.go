package asm

import (
	"fmt"
	"math"
)

// Lanes is the number of independent systems that the lane kernels work on
// side by side: element i of system l lies at index Lanes*i + l.
const Lanes = 4

// Bounds of one assembly call, each some tens of microseconds at most.
const (
	// gemm64Call bounds the multiply-adds of a product, gemm64Steps its steps: 4 rows of 8
	// columns are the least that a call does.
	gemm64Call  = 1 << 17
	gemm64Steps = 1 << 12
	// call64 bounds the elements of maps and sums.
	call64 = 1 << 12
	// factorCall bounds the elements (of four lanes) of a factor that are read.
	factorCall = 1 << 15
	// rollCall bounds the cost of the steps of a Rollout, see Rollout.cost.
	rollCall = 1 << 15
	// pentaCall bounds the equations of Pentadiagonal.
	pentaCall = 1 << 10
)

// Gemm64 adds the product of A (m x k) and B (k x n) to C (m x n), all float64.
// A[i][q] lies at a[i*ai+q*ak], so that A may be transposed, or have
// overlapping rows as the delay matrix of a series has; B and C are row-major
// with row strides ldb and ldc. n must be a multiple of 4. C must not overlap A
// or B. Each element is its old value plus one sum over q in increasing order (in
// blocks of 4096 that are added in turn), multiply-adds fused where the tier has them.
// It panics when a slice is too short.
func Gemm64(c []float64, ldc int, a []float64, ai, ak int, b []float64, ldb, m, n, k int) {
	if m <= 0 || n <= 0 || k <= 0 {
		return
	}
	if n%4 != 0 {
		panic(fmt.Sprintf("asm: Gemm64: n = %d is not a multiple of 4", n))
	}
	need64("Gemm64", "c", c, (m-1)*ldc+n)
	need64("Gemm64", "a", a, (m-1)*ai+(k-1)*ak+1)
	need64("Gemm64", "b", b, (k-1)*ldb+n)
	for ; k > gemm64Steps; k -= gemm64Steps {
		gemm64(c, ldc, a, ai, ak, b, ldb, m, n, gemm64Steps)
		a, b = a[gemm64Steps*ak:], b[gemm64Steps*ldb:]
	}
	gemm64(c, ldc, a, ai, ak, b, ldb, m, n, k)
}

func gemm64(c []float64, ldc int, a []float64, ai, ak int, b []float64, ldb, m, n, k int) {
	if !simd64() {
		gemm64Generic(c, ldc, a, ai, ak, b, ldb, m, n, k)
		return
	}
	raceWrite64(c[:(m-1)*ldc+n])
	raceRead64(a[:(m-1)*ai+(k-1)*ak+1])
	raceRead64(b[:(k-1)*ldb+n])
	width := gemm64Width(k)
	for i := 0; i < m; i += 4 {
		for j := 0; j < n; j += width {
			gemm64SIMD(&c[i*ldc+j], ldc, &a[i*ai], ai, ak, &b[j], ldb, min(4, m-i), min(width, n-j), k)
		}
	}
}

// gemm64Width is the number of columns of one call of k steps. Few steps count as 16, by
// the memory that they write.
func gemm64Width(k int) int { return gemm64Call / (4 * max(k, 16)) &^ 7 }

func gemm64Generic(c []float64, ldc int, a []float64, ai, ak int, b []float64, ldb, m, n, k int) {
	for i := range m {
		for j := 0; j < n; j += 4 {
			var s0, s1, s2, s3 float64
			for q := range k {
				v := a[i*ai+q*ak]
				x := b[q*ldb+j:][:4]
				s0 += v * x[0]
				s1 += v * x[1]
				s2 += v * x[2]
				s3 += v * x[3]
			}
			y := c[i*ldc+j:][:4]
			y[0] += s0
			y[1] += s1
			y[2] += s2
			y[3] += s3
		}
	}
}

func need64(kernel, name string, x []float64, n int) {
	if len(x) < n {
		panic(fmt.Sprintf("asm: %s: len(%s) = %d, need %d", kernel, name, len(x), n))
	}
}

// Interleave writes n elements of four slices side by side:
// dst[4*i+l] = s_l[i]. The sources may be the same slice. It panics when a
// slice is too short.
func Interleave(dst, s0, s1, s2, s3 []float64, n int) {
	need64("Interleave", "dst", dst, 4*n)
	s0, s1, s2, s3 = s0[:n], s1[:n], s2[:n], s3[:n]
	i := 0
	if simd64() && n >= 4 {
		raceWrite64(dst[:4*n])
		raceRead64(s0)
		raceRead64(s1)
		raceRead64(s2)
		raceRead64(s3)
		for ; i < n&^3; i += call64 {
			interleaveSIMD(&dst[4*i], &s0[i], &s1[i], &s2[i], &s3[i], min(call64, n&^3-i))
		}
		i = n &^ 3
	}
	for ; i < n; i++ {
		d := dst[4*i:][:4]
		d[0], d[1], d[2], d[3] = s0[i], s1[i], s2[i], s3[i]
	}
}

// Deinterleave takes lanes apart: d_l[i] = src[step*i+l] for i < len(d_l), the
// same length for all four. step is at least 4. It panics when src is too short.
func Deinterleave(d0, d1, d2, d3, src []float64, step int) {
	n := len(d0)
	if n == 0 {
		return
	}
	need64("Deinterleave", "src", src, step*(n-1)+4)
	d1, d2, d3 = d1[:n], d2[:n], d3[:n]
	i := 0
	if simd64() && n >= 4 {
		raceWrite64(d0)
		raceWrite64(d1)
		raceWrite64(d2)
		raceWrite64(d3)
		raceRead64(src[:step*(n-1)+4])
		for ; i < n&^3; i += call64 {
			deinterleaveSIMD(&d0[i], &d1[i], &d2[i], &d3[i], &src[step*i], step, min(call64, n&^3-i))
		}
		i = n &^ 3
	}
	for ; i < n; i++ {
		s := src[step*i:][:4]
		d0[i], d1[i], d2[i], d3[i] = s[0], s[1], s[2], s[3]
	}
}

// CholeskyLanes factors four symmetric matrices in place into L with L L' = g,
// and solves L z = b for further right-hand sides. l holds rows x n elements of
// four lanes each, row-major: first the lower triangles of the n x n matrices
// (what is above the diagonal is neither read nor kept), then the right-hand
// sides, one per row, which z replaces. n and rows must be multiples of 4.
// 1/L_ii goes to inv (n elements of four lanes). A pivot not above floor of its
// lane (rounding on a singular matrix, or NaN) is raised to it. Sums run over
// increasing columns; multiply-adds are fused where the tier has them. The
// result of a lane does not depend on the other lanes. It panics when a slice
// is too short.
func CholeskyLanes(l []float64, n, rows int, floor *[Lanes]float64, inv []float64) {
	if n%4 != 0 || rows%4 != 0 || rows < n {
		panic(fmt.Sprintf("asm: CholeskyLanes: %d columns and %d rows are not multiples of 4", n, rows))
	}
	if n == 0 {
		return
	}
	need64("CholeskyLanes", "l", l, rows*n*Lanes)
	need64("CholeskyLanes", "inv", inv, n*Lanes)
	if !simd64() || n > factorCall/4 {
		choleskyLanesGeneric(l, n, rows, floor, inv)
		return
	}
	raceWrite64(l[:rows*n*Lanes])
	raceWrite64(inv[:n*Lanes])
	width := factorPiece(n)
	for i := 0; i < rows; i += 4 {
		for j := 0; j <= min(i, n-1); j += width {
			choleskyPanelSIMD(&l[0], n, i, j, j+width, &floor[0], &inv[0])
		}
	}
}

// factorPiece is how many columns of a panel of CholeskyLanes, or rows of BackLanes, go
// into one call.
func factorPiece(n int) int { return max(4, factorCall/n&^3) }

func choleskyLanesGeneric(l []float64, n, rows int, floor *[Lanes]float64, inv []float64) {
	for i := range rows {
		li := l[i*n*Lanes : (i+1)*n*Lanes]
		for j := 0; j < n && j <= i; j++ {
			lj := l[j*n*Lanes : (j+1)*n*Lanes]
			v := ([Lanes]float64)(li[j*Lanes:])
			for k := 0; k < j*Lanes; k += Lanes {
				a, b := li[k:][:Lanes], lj[k:][:Lanes]
				v[0] -= a[0] * b[0]
				v[1] -= a[1] * b[1]
				v[2] -= a[2] * b[2]
				v[3] -= a[3] * b[3]
			}
			for k := range v {
				x := v[k]
				if j < i {
					x *= inv[j*Lanes+k]
				} else {
					if !(x > floor[k]) {
						x = floor[k]
					}
					x = math.Sqrt(x)
					inv[j*Lanes+k] = 1 / x
				}
				li[j*Lanes+k] = x
			}
		}
	}
}

// BackLanes solves L' x = z in place, four systems side by side: l is a factor
// as CholeskyLanes leaves it, of which the leading n x n block counts (n a
// multiple of 4), stride the elements of four lanes per row of it, inv its
// inverse diagonal, and z holds m right-hand sides (m even) of stride elements.
// It panics when a slice is too short.
func BackLanes(z, l []float64, n, stride, m int, inv []float64) {
	if n%4 != 0 || m%2 != 0 || n > stride {
		panic(fmt.Sprintf("asm: BackLanes: n = %d of %d, m = %d", n, stride, m))
	}
	if n == 0 || m == 0 {
		return
	}
	need64("BackLanes", "l", l, ((n-1)*stride+n)*Lanes)
	need64("BackLanes", "z", z, ((m-1)*stride+n)*Lanes)
	need64("BackLanes", "inv", inv, n*Lanes)
	if !simd64() || n > factorCall/4 {
		backLanesGeneric(z, l, n, stride, m, inv)
		return
	}
	raceWrite64(z[:((m-1)*stride+n)*Lanes])
	raceRead64(l[:((n-1)*stride+n)*Lanes])
	raceRead64(inv[:n*Lanes])
	piece := factorPiece(n)
	for j := 0; j < m; j += 2 {
		for i := n; i > 0; i -= piece {
			backPairSIMD(&z[j*stride*Lanes], &l[0], i, max(i-piece, 0), stride, &inv[0])
		}
	}
}

func backLanesGeneric(z, l []float64, n, stride, m int, inv []float64) {
	for j := range m {
		b := z[j*stride*Lanes:]
		for i := n - 1; i >= 0; i-- {
			x := b[i*Lanes:][:Lanes]
			for k := range x {
				x[k] *= inv[i*Lanes+k]
			}
			x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
			li := l[i*stride*Lanes:]
			for k := 0; k < i*Lanes; k += Lanes {
				y, a := b[k:][:Lanes], li[k:][:Lanes]
				y[0] -= x0 * a[0]
				y[1] -= x1 * a[1]
				y[2] -= x2 * a[2]
				y[3] -= x3 * a[3]
			}
		}
	}
}

// Rollout continues four series of C channels each by an autoregression that
// is linear in features of the past rows, each lane with its own weights.
//
// The features of row t, after a constant one, are:
//   - linear: the rows t-Order*Stride, ..., t-Stride, oldest first;
//   - Poly: u, then the products of pairs u_i u_j, i <= j, where u is row
//     t-Stride, from Order 2 on the difference to row t-2 Stride times S1, and
//     for Order 3 the second difference to row t-3 Stride times S2; then with
//     Cubic the products of three entries of row t-Stride, indices ascending.
//     The weights predict the change from row t-Stride.
type Rollout struct {
	Buf           []float64 // rows x C x Lanes
	W             []float64 // C x WStride x Lanes: the constant's weight, then one per feature
	WStride       int
	Lo, Hi        []float64 // C x Lanes: bounds of the values
	S1, S2        []float64 // C, only for Poly
	Phi           []float64 // scratch, Features elements of Lanes; not used by a linear form of Stride 1
	C             int
	Order, Stride int
	Poly, Cubic   bool
}

// Features is the number of features after the constant.
func (r *Rollout) Features() int {
	m := r.Order * r.C
	if !r.Poly {
		return m
	}
	m += m * (m + 1) / 2
	if r.Cubic {
		m += r.C * (r.C + 1) * (r.C + 2) / 6
	}
	return m
}

// Run writes rows [t,t+steps) of Buf. A value beyond Lo or Hi is set to it, NaN
// is replaced by the value Stride rows before; count rises by the number of
// such events of each lane. Sums run in four interleaved parts, added in
// pairs; multiply-adds are fused where the tier has them. A lane does not
// depend on the others. It panics when a slice is too short.
func (r *Rollout) Run(t, steps int, count *[Lanes]int64) {
	k := r.Features()
	c := r.C
	if steps <= 0 || c <= 0 {
		return
	}
	if t < r.Order*r.Stride || r.Order < 1 || r.Stride < 1 || r.Poly && r.Order > 3 {
		panic(fmt.Sprintf("asm: Rollout: order %d and stride %d before row %d", r.Order, r.Stride, t))
	}
	need64("Rollout", "Buf", r.Buf, (t+steps)*c*Lanes)
	need64("Rollout", "W", r.W, ((c-1)*r.WStride+1+k)*Lanes)
	need64("Rollout", "Lo", r.Lo, c*Lanes)
	need64("Rollout", "Hi", r.Hi, c*Lanes)
	if r.Poly || r.Stride > 1 {
		need64("Rollout", "Phi", r.Phi, k*Lanes)
	}
	if r.Poly {
		need64("Rollout", "S1", r.S1, c)
		need64("Rollout", "S2", r.S2, c)
	}
	if !simd64() || r.cost(k) > rollCall {
		r.generic(t, steps, k, count)
		return
	}
	raceWrite64(r.Buf[:(t+steps)*c*Lanes])
	raceRead64(r.W[:((c-1)*r.WStride+1+k)*Lanes])
	raceRead64(r.Lo[:c*Lanes])
	raceRead64(r.Hi[:c*Lanes])
	a := rollArgs{
		w: &r.W[0], lo: &r.Lo[0], hi: &r.Hi[0], count: &count[0],
		c: c, features: k, wstride: r.WStride * Lanes * 8, back: -r.Stride * c * Lanes * 8,
		order: r.Order, lifted: r.Order * c, window: -r.Order * c * Lanes * 8,
	}
	if r.Poly || r.Stride > 1 {
		raceWrite64(r.Phi[:k*Lanes])
		a.phi = &r.Phi[0]
		a.mode = rollGather
	}
	if r.Poly {
		a.mode = rollLift
		a.s1, a.s2 = &r.S1[0], &r.S2[0]
		if r.Cubic {
			a.mode = rollCubic
		}
		a.poly = ^uint64(0)
	}
	piece := rollCall / r.cost(k)
	for steps > 0 {
		a.row, a.steps = &r.Buf[t*c*Lanes], min(steps, piece)
		rollSIMD(&a)
		t += a.steps
		steps -= a.steps
	}
}

// cost is the cost of a step in features times channels: writing the features counts as
// one channel, and what is left of a step as 32.
func (r *Rollout) cost(features int) int { return features*(r.C+1) + 32 }

// rollArgs are the arguments of rollSIMD; distances are in bytes.
type rollArgs struct {
	row      *float64 // first row to write
	w        *float64
	lo, hi   *float64
	phi      *float64
	s1, s2   *float64
	count    *int64
	c        int
	features int
	wstride  int
	back     int // from row t to row t-Stride
	window   int // from row t to row t-Order, linear with Stride 1
	order    int
	lifted   int // Order * C
	steps    int
	mode     int
	poly     uint64 // all ones: weights predict a change
}

const (
	rollWindow = iota // features are a contiguous stretch of the buffer
	rollGather        // linear with Stride > 1
	rollLift          // Poly
	rollCubic         // Poly with Cubic
)

func (r *Rollout) generic(t, steps, features int, count *[Lanes]int64) {
	c, s := r.C, r.Stride
	for ; steps > 0; t, steps = t+1, steps-1 {
		phi := r.Phi
		switch {
		case r.Poly:
			r.lift(phi, t)
		case s == 1:
			phi = r.Buf[(t-r.Order)*c*Lanes:]
		default:
			for i := range r.Order {
				copy(phi[i*c*Lanes:(i+1)*c*Lanes], r.Buf[(t-(r.Order-i)*s)*c*Lanes:])
			}
		}
		for j := range c {
			w := r.W[j*r.WStride*Lanes:][:(1+features)*Lanes]
			prev := r.Buf[((t-s)*c+j)*Lanes:][:Lanes]
			dst := r.Buf[(t*c+j)*Lanes:][:Lanes]
			for l := range Lanes {
				sum := [4]float64{w[l]}
				k := 0
				for ; k+4 <= features; k += 4 {
					for q := range sum {
						sum[q] += w[(1+k+q)*Lanes+l] * phi[(k+q)*Lanes+l]
					}
				}
				for ; k < features; k++ {
					sum[0] += w[(1+k)*Lanes+l] * phi[k*Lanes+l]
				}
				v := (sum[0] + sum[1]) + (sum[2] + sum[3])
				if r.Poly {
					v += prev[l]
				}
				lo, hi := r.Lo[j*Lanes+l], r.Hi[j*Lanes+l]
				switch {
				case v < lo:
					v = lo
					count[l]++
				case v > hi:
					v = hi
					count[l]++
				case v != v:
					v = prev[l]
					count[l]++
				}
				dst[l] = v
			}
		}
	}
}

// lift writes the polynomial features of row t.
func (r *Rollout) lift(phi []float64, t int) {
	c, s := r.C, r.Stride
	n := c * Lanes
	m := r.Order * n
	a := r.Buf[(t-s)*n:][:n]
	copy(phi, a)
	if r.Order >= 2 {
		b := r.Buf[(t-2*s)*n:][:n]
		for i := range a {
			phi[n+i] = r.S1[i/Lanes] * (a[i] - b[i])
		}
		if r.Order >= 3 {
			d := r.Buf[(t-3*s)*n:][:n]
			for i := range a {
				phi[2*n+i] = r.S2[i/Lanes] * (a[i] - 2*b[i] + d[i])
			}
		}
	}
	o := m
	for i := 0; i < m; i += Lanes {
		for j := i; j < m; j += Lanes {
			for l := range Lanes {
				phi[o+l] = phi[i+l] * phi[j+l]
			}
			o += Lanes
		}
	}
	if !r.Cubic {
		return
	}
	for i := 0; i < n; i += Lanes {
		for j := i; j < n; j += Lanes {
			for k := j; k < n; k += Lanes {
				for l := range Lanes {
					phi[o+l] = phi[i+l] * phi[j+l] * phi[k+l]
				}
				o += Lanes
			}
		}
	}
}

// SquaredDistance returns the sum of (a[i]-b[i])^2 in four interleaved parts,
// added in pairs; nothing is fused. Lengths must be equal.
func SquaredDistance(a, b []float64) float64 {
	if len(a) != len(b) {
		panic(fmt.Sprintf("asm: SquaredDistance: len(a) = %d, len(b) = %d", len(a), len(b)))
	}
	var s [4]float64
	i := 0
	if n := len(a) &^ 3; simd64() && n > 0 {
		raceRead64(a)
		raceRead64(b)
		for ; i < n; i += call64 {
			squaredDistanceSIMD(&a[i], &b[i], min(call64, n-i), &s[0])
		}
		i = n
	} else {
		for ; i < n; i += 4 {
			x, y := a[i:][:4], b[i:][:4]
			d0, d1, d2, d3 := x[0]-y[0], x[1]-y[1], x[2]-y[2], x[3]-y[3]
			s[0] += float64(d0 * d0)
			s[1] += float64(d1 * d1)
			s[2] += float64(d2 * d2)
			s[3] += float64(d3 * d3)
		}
	}
	for ; i < len(a); i++ {
		d := a[i] - b[i]
		s[0] += float64(d * d)
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// Moments returns the sum of x, the sum of its squares, and the largest
// distance from mid (0 when x is empty; NaN elements are passed over there).
// Sums run in four interleaved parts, added in pairs; nothing is fused.
func Moments(x []float64, mid float64) (sum, square, top float64) {
	var s, q, m [4]float64
	i := 0
	if n := len(x) &^ 3; simd64() && n > 0 {
		raceRead64(x)
		var out [12]float64
		for ; i < n; i += call64 {
			momentsSIMD(&x[i], min(call64, n-i), mid, &out[0])
		}
		s, q, m = [4]float64(out[:4]), [4]float64(out[4:8]), [4]float64(out[8:])
		i = n
	} else {
		for ; i < n; i += 4 {
			for k, v := range x[i : i+4] {
				s[k] += v
				q[k] += float64(v * v)
				if d := math.Abs(v - mid); d > m[k] {
					m[k] = d
				}
			}
		}
	}
	for ; i < len(x); i++ {
		v := x[i]
		s[0] += v
		q[0] += float64(v * v)
		if d := math.Abs(v - mid); d > m[0] {
			m[0] = d
		}
	}
	return (s[0] + s[1]) + (s[2] + s[3]), (q[0] + q[1]) + (q[2] + q[3]), max(m[0], m[1], m[2], m[3])
}

// Slide64 writes dst = src + alpha x - beta y, element by element; dst may be
// src. Nothing is fused. It panics when lengths differ.
func Slide64(dst, src []float64, alpha float64, x []float64, beta float64, y []float64) {
	if len(src) != len(dst) || len(x) != len(dst) || len(y) != len(dst) {
		panic(fmt.Sprintf("asm: Slide64: lengths %d, %d, %d, %d", len(dst), len(src), len(x), len(y)))
	}
	i := 0
	if n := len(dst) &^ 3; simd64() && n > 0 {
		raceWrite64(dst)
		raceRead64(src)
		raceRead64(x)
		raceRead64(y)
		for ; i < n; i += call64 {
			slideSIMD(&dst[i], &src[i], &x[i], &y[i], min(call64, n-i), alpha, beta)
		}
		i = n
	}
	for ; i < len(dst); i++ {
		dst[i] = src[i] + float64(alpha*x[i]) - float64(beta*y[i])
	}
}

// Pentadiagonal solves n equations M x = b for four values of lambda, M being
// symmetric with the diagonals r0 + lambda q0, r1 + lambda q1 and lambda q2
// (those off the main diagonal at [i] couple i with i+1 and i+2, and do not
// count in the last rows). It returns b' M^-1 b and log det M. A pivot not above
// 1e-300 is raised to it. Multiply-adds are fused where the tier has them. It panics
// when a slice is shorter than r0.
func Pentadiagonal(r0, r1, q0, q1, q2, b []float64, lambda *[Lanes]float64) (quad, logdet [Lanes]float64) {
	n := len(r0)
	if n == 0 {
		return
	}
	r1, q0, q1, q2, b = r1[:n], q0[:n], q1[:n], q2[:n], b[:n]
	prod := [Lanes]float64{1, 1, 1, 1}
	var exponent [Lanes]int64
	if simd64() {
		for _, x := range [][]float64{r0, r1, q0, q1, q2, b} {
			raceRead64(x)
		}
		a := pentaArgs{r0: &r0[0], r1: &r1[0], q0: &q0[0], q1: &q1[0], q2: &q2[0], b: &b[0], lambda: *lambda, prod: prod}
		for done := 0; done < n; done += a.n {
			a.n = min(n-done, pentaCall)
			pentadiagonalSIMD(&a)
			a.r0, a.r1, a.b = &r0[min(done+a.n, n-1)], &r1[min(done+a.n, n-1)], &b[min(done+a.n, n-1)]
			a.q0, a.q1, a.q2 = &q0[min(done+a.n, n-1)], &q1[min(done+a.n, n-1)], &q2[min(done+a.n, n-1)]
		}
		quad, prod, exponent = a.quad, a.prod, a.exponent
	} else {
		for l, lam := range lambda {
			var l1, l2, l2old, e1, f, g1, g2, q float64
			p := 1.0
			for i := range n {
				d := r0[i] + lam*q0[i] - l1*e1 - l2old*lam*qBefore(q2, i)
				if !(d > 1e-300) {
					d = 1e-300
				}
				g := b[i] - l1*g1 - l2old*g2
				e := r1[i] + lam*q1[i] - l1*f
				f = lam * q2[i]
				inv := 1 / d
				q += g * g * inv
				l2old, l1, l2 = l2, e*inv, f*inv
				e1 = e
				g2, g1 = g1, g
				frac, exp := math.Frexp(p * d)
				p = 2 * frac
				exponent[l] += int64(exp - 1)
			}
			quad[l], prod[l] = q, p
		}
		for l := range exponent {
			exponent[l] += 1023 * int64(n)
		}
	}
	for l := range logdet {
		logdet[l] = math.Log(prod[l]) + float64(exponent[l]-1023*int64(n))*math.Ln2
	}
	return quad, logdet
}

// qBefore is q[i-2], 0 before the start.
func qBefore(q []float64, i int) float64 {
	if i < 2 {
		return 0
	}
	return q[i-2]
}

// pentaArgs are the arguments and the state of pentadiagonalSIMD.
type pentaArgs struct {
	r0, r1, q0, q1, q2, b *float64
	n                     int
	lambda                [Lanes]float64
	quad, prod            [Lanes]float64
	exponent              [Lanes]int64
	l1, e1, l2, f, m      [Lanes]float64 // m: l2 f of the row before the last
	l2old, g1, g2         [Lanes]float64
}
