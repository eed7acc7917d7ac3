package linode

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

var (
	opDiagonalStates = tensor.Register("linode.DiagonalStates", diagonalBackward)
	opDenseStates    = tensor.Register("linode.DenseStates", denseBackward)
)

// DiagonalStates evaluates tokens with real diagonal generators,
//
//	z_k' = lambda_k z_k + b_k,  z(t) = e^(lambda t) z0 + t phi1(lambda t) b:
//
// lambda, z0 and b [N,n], tau [N,Q] or [Q] without gradient, result [N,Q,n].
// Panics on other shapes. Exponents are clamped at [MaxExponent].
func DiagonalStates(t *tensor.Tape, lambda, z0, b, tau *tensor.Tensor) *tensor.Tensor {
	n, width := tokensByWidth("DiagonalStates", lambda)
	expect("DiagonalStates", "z0", z0, n, width)
	expect("DiagonalStates", "b", b, n, width)
	queries, stride := times("DiagonalStates", tau, n)
	z := t.Output(tensor.MakeShape(n, queries, width), lambda, z0, b)
	node := t.Record(opDiagonalStates, z, lambda, z0, b, tau)
	var e, f []float32
	if node != nil {
		e, f = t.Scratch(len(z.Data)), t.Scratch(len(z.Data))
		node.Saved[0], node.Saved[1] = e, f
	}
	mark := t.Mark()
	if node == nil {
		e, f = t.Scratch(len(z.Data)), t.Scratch(len(z.Data))
	}
	k := 0
	for i := 0; i < n; i++ {
		l := lambda.Data[i*width : (i+1)*width]
		for _, tq := range tau.Data[i*stride : i*stride+queries] {
			for _, v := range l {
				e[k] = min(v*tq, MaxExponent)
				k++
			}
		}
	}
	asm.Expm1OverX(f, e)
	asm.Exp(e, e)
	k = 0
	for i := 0; i < n; i++ {
		s, d := z0.Data[i*width:(i+1)*width], b.Data[i*width:(i+1)*width]
		for _, tq := range tau.Data[i*stride : i*stride+queries] {
			for j, v := range s {
				z.Data[k] = e[k]*v + tq*f[k]*d[j]
				k++
			}
		}
	}
	t.Release(mark)
	return z
}

// phi1Diff returns phi1'(x) = phi1 - phi2 = (e^x - phi1)/x from e = e^x and
// f = phi1(x), by its series near zero.
func phi1Diff(x, e, f float32) float32 {
	if x > -seriesRadius && x < seriesRadius {
		s := float32(0)
		for k := moments - 1; k >= 0; k-- {
			s = s*x + phi1Slope[k]
		}
		return s
	}
	return (e - f) / x
}

func diagonalBackward(t *tensor.Tape, node *tensor.Node) {
	lambda, z0, b, tau := node.In[0], node.In[1], node.In[2], node.In[3]
	n, width := tokensByWidth("DiagonalStates", lambda)
	queries, stride := times("DiagonalStates", tau, n)
	e, f, dz := node.Saved[0], node.Saved[1], node.Out.Grad
	k := 0
	for i := 0; i < n; i++ {
		for _, tq := range tau.Data[i*stride : i*stride+queries] {
			for j := i * width; j < (i+1)*width; j++ {
				g := dz[k]
				if lambda.Grad != nil {
					x := min(lambda.Data[j]*tq, MaxExponent)
					lambda.Grad[j] += g * tq * (e[k]*z0.Data[j] + tq*phi1Diff(x, e[k], f[k])*b.Data[j])
				}
				if z0.Grad != nil {
					z0.Grad[j] += g * e[k]
				}
				if b.Grad != nil {
					b.Grad[j] += g * tq * f[k]
				}
				k++
			}
		}
	}
}

// denseShape validates the operands of DenseStates.
func denseShape(a, z0, b, tau *tensor.Tensor) (n, order, queries, stride int) {
	n, order = tokensByWidth("DenseStates", z0)
	if order < 1 || order > MaxDense {
		panic(fmt.Sprintf("linode: DenseStates: z0 has shape %v, the order must be 1 to %d", z0.Shape, MaxDense))
	}
	if a.Shape.Last() != order || len(a.Data) != n*order*order {
		panic(fmt.Sprintf("linode: DenseStates: a has shape %v, needs [%d %d %d]", a.Shape, n, order, order))
	}
	expect("DenseStates", "b", b, n, order)
	queries, stride = times("DenseStates", tau, n)
	return n, order, queries, stride
}

// denseWork holds what the dense operation needs beside the tape; one for each
// concurrent tape, recycled.
type denseWork struct {
	w                        *Dense
	a, z0, b, z, da, dz0, db []float64
}

var denseFree = make(chan *denseWork, 64)

func takeDense() *denseWork {
	select {
	case d := <-denseFree:
		return d
	default:
		v := func(n int) []float64 { return make([]float64, n) }
		const n = MaxDense
		return &denseWork{NewDense(n), v(n * n), v(n), v(n), v(n), v(n * n), v(n), v(n)}
	}
}

func giveDense(d *denseWork) {
	select {
	case denseFree <- d:
	default:
	}
}

func widen(dst []float64, src []float32) []float64 {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = float64(v)
	}
	return dst
}

// maxPropagator is e^MaxExponent, the largest norm of e^(At) that is used.
var maxPropagator = math.Exp(MaxExponent)

// maxNarrow is the greatest 1-norm of an augmented generator whose exponential is
// taken in float32. The error of scaling and squaring doubles with every squaring,
// and decayed modes of a stiff generator keep no digits relative to themselves; up
// to here, at most one squaring, it is about 1e-6 of the norm. Beyond, and for the
// bound on growth, which needs the propagator itself, [Dense] works in float64.
const maxNarrow = 4

// denseBlock is the number of exponentials in float32 that are collected before
// they are taken: enough to fill stacks of equal degree.
const denseBlock = 128

// DenseStates evaluates tokens with dense generators z' = A z + b: a [N,n,n]
// (or any shape of N*n*n values with last axis n), z0 and b [N,n], tau [N,Q] or
// [Q] without gradient, result [N,Q,n], n at most 16. Panics on other shapes.
//
// One exponential of the augmented matrix [[A, b], [0, 0]] t for each query, as
// [ExpBatch] while its norm is at most 4, in float64 beyond; backward by its
// Frechet derivative, which stays exact where eigenvalues coincide. Where e^(At),
// for an unstable A, would exceed e^80, the time is halved until it does not:
// values and gradients are those of that earlier time.
func DenseStates(t *tensor.Tape, a, z0, b, tau *tensor.Tensor) *tensor.Tensor {
	n, order, queries, stride := denseShape(a, z0, b, tau)
	z := t.Output(tensor.MakeShape(n, queries, order), a, z0, b)
	node := t.Record(opDenseStates, z, a, z0, b, tau)
	var used []float32 // times after the limit on growth
	if node != nil {
		used = t.Scratch(n * queries)
		node.Saved[0] = used
	}
	w := takeDense()
	d := denseOp{a: a, z0: z0, b: b, order: order, queries: queries}
	mark := t.Mark()
	d.begin(t, false)
	zw := w.z[:order]
	for i := 0; i < n; i++ {
		wide := false
		for q := 0; q < queries; q++ {
			tq := tau.Data[i*stride+q]
			if d.add(i, q, tq, nil) {
				if used != nil {
					used[i*queries+q] = tq
				}
				if d.count == denseBlock {
					d.flushStates(z.Data)
				}
				continue
			}
			if !wide {
				wide = true
				widen(w.a, a.Data[i*order*order:(i+1)*order*order])
				widen(w.z0, z0.Data[i*order:(i+1)*order])
				widen(w.b, b.Data[i*order:(i+1)*order])
			}
			t64 := w.w.boundedState(zw, w.a[:order*order], w.z0[:order], w.b[:order], float64(tq))
			if used != nil {
				used[i*queries+q] = float32(t64)
			}
			out := z.Data[(i*queries+q)*order:]
			for j, v := range zw {
				out[j] = float32(v)
			}
		}
	}
	d.flushStates(z.Data)
	t.Release(mark)
	giveDense(w)
	return z
}

// denseOp collects exponentials of the dense operation.
type denseOp struct {
	a, z0, b       *tensor.Tensor
	order, queries int

	count int
	x, d  []float32 // denseBlock augmented generators, and directions on the way back
	eta   []float32
	time  []float32
	at    []int32 // token*queries + query
}

func (d *denseOp) begin(t *tensor.Tape, back bool) {
	k := d.order + 1
	d.x = t.Scratch(denseBlock * k * k)
	if back {
		d.d = t.Scratch(denseBlock * k * k)
	}
	d.eta, d.time, d.at = t.Scratch(denseBlock), t.Scratch(denseBlock), t.Ints(denseBlock)
}

// add appends the generator of a query, unless its norm is too large: then it
// returns false. With dz, the gradient of the state, it appends the transposed
// generator and the direction of the derivative, see Dense.stateGrad.
func (d *denseOp) add(token, query int, t float32, dz []float32) bool {
	n := d.order
	k := n + 1
	x := d.x[d.count*k*k : (d.count+1)*k*k]
	a, b, z0 := d.a.Data[token*n*n:(token+1)*n*n], d.b.Data[token*n:(token+1)*n], d.z0.Data[token*n:(token+1)*n]
	var norm, drive float32
	for j := range n {
		var col float32
		for i := range n {
			v := a[i*n+j] * t
			if dz == nil {
				x[i*k+j] = v
			} else {
				x[j*k+i] = v
			}
			col += max(v, -v)
		}
		norm = max(norm, col) // NaN stays
		v := b[j] * t
		drive += max(v, -v)
	}
	if !(norm <= maxNarrow) || !(drive <= math.MaxFloat32) {
		return false
	}
	eta := float32(1)
	if limit := max(norm, 0.25); drive > limit {
		_, exp := math.Frexp(float64(drive / limit))
		eta = float32(math.Ldexp(1, exp))
	}
	if eta > math.MaxFloat32 {
		return false
	}
	for i := range n {
		v := b[i] * t / eta
		if dz == nil {
			x[i*k+n], x[n*k+i] = v, 0
		} else {
			x[n*k+i], x[i*k+n] = v, 0
		}
	}
	x[k*k-1] = 0
	if dz != nil {
		g := d.d[d.count*k*k : (d.count+1)*k*k]
		for i, v := range dz {
			for j, s := range z0 {
				g[i*k+j] = v * s
			}
			g[i*k+n] = v * eta
		}
		clear(g[n*k:])
	}
	d.eta[d.count], d.time[d.count], d.at[d.count] = eta, t, int32(token*d.queries+query)
	d.count++
	return true
}

// flushStates takes the exponentials and writes the states.
func (d *denseOp) flushStates(z []float32) {
	n := d.order
	k := n + 1
	x := d.x[:d.count*k*k]
	ExpBatch(x, x, k, d.count)
	for c := range d.count {
		at := int(d.at[c])
		z0 := d.z0.Data[at/d.queries*n:][:n]
		out := z[at*n:][:n]
		for i := range out {
			row := x[c*k*k+i*k:][:k]
			s := d.eta[c] * row[n]
			for j, v := range z0 {
				s += row[j] * v
			}
			out[i] = s
		}
	}
	d.count = 0
}

// flushGrads takes the exponentials and their derivatives and adds the gradients.
func (d *denseOp) flushGrads(dz []float32) {
	n := d.order
	k := n + 1
	m := d.count * k * k
	w := takeExp()
	w.exp(d.x[:m], d.d[:m], d.x[:m], d.d[:m], k, d.count)
	giveExp(w)
	for c := range d.count {
		at := int(d.at[c])
		token := at / d.queries
		x, g := d.x[c*k*k:][:k*k], d.d[c*k*k:][:k*k]
		dzc := dz[at*n:][:n]
		t := d.time[c]
		if d.z0.Grad != nil {
			out := d.z0.Grad[token*n:][:n]
			for i := range out {
				s := float32(0)
				for j, v := range dzc {
					s += x[i*k+j] * v
				}
				out[i] += s
			}
		}
		if d.a.Grad != nil {
			out := d.a.Grad[token*n*n:][:n*n]
			for i := range n {
				for j, v := range g[i*k:][:n] {
					out[i*n+j] += t * v
				}
			}
		}
		if d.b.Grad != nil {
			out := d.b.Grad[token*n:][:n]
			f := t / d.eta[c]
			for i := range out {
				out[i] += f * g[i*k+n]
			}
		}
	}
	d.count = 0
}

// boundedState is state at the largest of t, t/2, t/4, ... where the propagator
// is not above its limit; it returns that time. Halving a float32 is exact.
func (w *Dense) boundedState(z, a, z0, b []float64, t float64) float64 {
	k := len(z0) + 1
	for try := 0; ; try++ {
		w.state(z, nil, a, z0, b, t, &limits32)
		top := 0.0
		ok := true
		for i, v := range w.mat[:k*k] {
			if i%k < k-1 { // the last column is the drive's
				top = max(top, math.Abs(v))
			}
			ok = ok && !math.IsNaN(v)
		}
		if (ok && top <= maxPropagator) || t == 0 || try == 200 {
			return t
		}
		t /= 2
	}
}

func denseBackward(t *tensor.Tape, node *tensor.Node) {
	a, z0, b, tau := node.In[0], node.In[1], node.In[2], node.In[3]
	n, order, queries, stride := denseShape(a, z0, b, tau)
	w := takeDense()
	d := denseOp{a: a, z0: z0, b: b, order: order, queries: queries}
	d.begin(t, true)
	da, dz0, db := w.da[:order*order], w.dz0[:order], w.db[:order]
	for i := 0; i < n; i++ {
		wide := false
		for q := i * queries; q < (i+1)*queries; q++ {
			dz := node.Out.Grad[q*order : (q+1)*order]
			if d.add(i, q-i*queries, tau.Data[i*stride+q-i*queries], dz) {
				if d.count == denseBlock {
					d.flushGrads(node.Out.Grad)
				}
				continue
			}
			if !wide {
				wide = true
				widen(w.a, a.Data[i*order*order:(i+1)*order*order])
				widen(w.z0, z0.Data[i*order:(i+1)*order])
				widen(w.b, b.Data[i*order:(i+1)*order])
				clear(da)
				clear(dz0)
				clear(db)
			}
			w.w.stateGrad(da, dz0, db, widen(w.z, dz), w.a[:order*order], w.z0[:order], w.b[:order], float64(node.Saved[0][q]), &limits32)
		}
		if wide {
			addNarrow(a.Grad, i*order*order, da)
			addNarrow(z0.Grad, i*order, dz0)
			addNarrow(b.Grad, i*order, db)
		}
	}
	d.flushGrads(node.Out.Grad)
	giveDense(w)
}

// addNarrow adds src to dst from position at, unless dst is nil.
func addNarrow(dst []float32, at int, src []float64) {
	if dst == nil {
		return
	}
	for i, v := range src {
		dst[at+i] += float32(v)
	}
}
