package linode

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
)

// maxStack is the largest order of the exponentials in float32: that of the
// augmented generator of DenseStates.
const maxStack = MaxDense + 1

// expBlock is the number of matrices that are sorted together.
const expBlock = 512

// maxSquarings is the largest number of squarings: norms are below 2^128.
const maxSquarings = 128

// Classes of matrices: the degrees without squarings, then the highest degree with
// 1, 2, ... squarings, then matrices that are not finite.
const (
	classSquared = 5
	classBad     = classSquared + maxSquarings + 1
	classes      = classBad + 1
)

// narrow rounds rows of coefficients to float32, with zeros for missing columns.
func narrow[R [4]float64 | [5]float64](rows []R) [][5]float32 {
	out := make([][5]float32, len(rows))
	for i, r := range rows {
		for k := range len(r) {
			out[i][k] = float32(r[k])
		}
	}
	return out
}

// Rows of asm.StackLinear for the schemes of [Dense.Exp]: coefficients of I and of
// up to four matrices.
var (
	rows1  = [][5]float32{{1, 1}}
	rows2  = [][5]float32{{1, 1, 0.5}}
	rows4  = [][5]float32{{0.5, 1.0 / 6, 1.0 / 24}, {1, 1}}
	rows8a = narrow([][4]float64{{0, t8x1, t8x2}})
	rows8b = narrow([][4]float64{{0, 0, t8x3, 1}, {t8x4, t8x5, t8x6, t8x7}, {1, 1, t8y2}})
	rows12 = narrow(t12[:])
	rows18 = narrow(t18[:])
	addTwo = [][5]float32{{0, 1, 1}}
)

// expWork is the scratch of exponentials in float32.
type expWork struct {
	stacks []float32 // expStacks dual stacks
	norms  [expBlock]float32
	class  [expBlock]uint8
	order  [expBlock]int32
}

const expStacks = 10

var expFree = make(chan *expWork, 64)

func takeExp() *expWork {
	select {
	case w := <-expFree:
		return w
	default:
		return &expWork{stacks: make([]float32, expStacks*2*maxStack*maxStack*asm.MaxStackLanes)}
	}
}

func giveExp(w *expWork) {
	select {
	case expFree <- w:
	default:
	}
}

// ExpBatch writes the matrix exponentials of batch matrices in float32: dst and a
// hold batch x n x n numbers, row-major, 1 <= n <= 17; dst may be a. The error is
// that of the degree-optimised Taylor polynomial with scaling and squaring in
// float32: a few roundings relative to the norm of the result, doubled by every
// squaring (norms above 3.01). Matrices that are not finite, or whose 1-norm
// overflows, give NaN; at most 128 squarings are done, which may overflow. The result
// for a matrix does not depend on the others in the batch. For float64 see
// [Dense.Exp].
func ExpBatch(dst, a []float32, n, batch int) {
	if n < 1 || n > maxStack || batch < 0 || len(a) != batch*n*n || len(dst) != len(a) {
		panic(fmt.Sprintf("linode: ExpBatch: %d matrices of order %d, slices of %d and %d", batch, n, len(dst), len(a)))
	}
	w := takeExp()
	w.exp(dst, nil, a, nil, n, batch)
	giveExp(w)
}

// exp writes e^a to dst and, unless d is nil, the derivatives of the exponential
// at a in the directions d to grad. dst may be a, grad may be d.
func (w *expWork) exp(dst, grad, a, d []float32, n, batch int) {
	nn := n * n
	for lo := 0; lo < batch; lo += expBlock {
		m := min(batch-lo, expBlock)
		from, to := lo*nn, (lo+m)*nn
		if d == nil {
			w.block(dst[from:to], nil, a[from:to], nil, n, m)
		} else {
			w.block(dst[from:to], grad[from:to], a[from:to], d[from:to], n, m)
		}
	}
}

// block handles up to expBlock matrices: their norms, a counting sort by class, and
// the classes stack by stack.
func (w *expWork) block(dst, grad, a, d []float32, n, m int) {
	lanes := asm.StackLanes(n)
	var at [asm.MaxStackLanes]int32
	asm.RowsNorm(w.norms[:m], a[:m*n*n], n)
	var start [classes + 1]int32
	for i, v := range w.norms[:m] {
		c := classOf(v)
		w.class[i] = c
		start[c+1]++
	}
	for c := range classes {
		start[c+1] += start[c]
	}
	next := start
	for i, c := range w.class[:m] {
		w.order[next[c]] = int32(i)
		next[c]++
	}
	for c := range classes {
		members := w.order[start[c]:start[c+1]]
		if c == classBad {
			for _, i := range members {
				fillNaN(dst[int(i)*n*n : (int(i)+1)*n*n])
				if grad != nil {
					fillNaN(grad[int(i)*n*n : (int(i)+1)*n*n])
				}
			}
			break
		}
		degree, squarings := min(c, classSquared), max(c-classSquared, 0)
		for len(members) > 0 {
			k := min(len(members), lanes)
			for l := range lanes {
				at[l] = members[min(l, k-1)] // the last one fills the stack
			}
			members = members[k:]
			s := stack{n: n, size: n * n * lanes, dual: d != nil}
			width := s.size
			if s.dual {
				width *= 2
			}
			for i := range s.m {
				s.m[i] = w.stacks[i*width : (i+1)*width]
			}
			scale := float32(math.Ldexp(1, -squarings))
			asm.StackLoad(s.m[0], a, &at, n, scale)
			if s.dual {
				asm.StackLoad(s.m[0][s.size:], d, &at, n, scale)
			}
			y := s.exp(degree, squarings)
			asm.StackStore(dst, y, &at, n)
			if s.dual {
				asm.StackStore(grad, y[s.size:], &at, n)
			}
		}
	}
}

func fillNaN(x []float32) {
	for i := range x {
		x[i] = float32(math.NaN())
	}
}

// classLimits are the limits of the degrees below the highest.
var classLimits = func() (l [6]float32) {
	for i, v := range limits32 {
		l[i] = float32(v)
	}
	return l
}()

// classOf returns the class of a matrix by its 1-norm.
func classOf(norm float32) uint8 {
	if norm > classLimits[5] {
		// norm/theta = fraction 2^e with a fraction in (1/2, 1]: e squarings.
		bits := math.Float32bits(norm/classLimits[5]) - 1
		return uint8(classSquared + int(bits>>23) - 126)
	}
	for i, limit := range classLimits {
		if norm <= limit {
			return uint8(i)
		}
	}
	return classBad // NaN
}

// stack is one stack of matrices of a class under way; with dual set, each value
// is followed by its derivative, see [dual].
type stack struct {
	n, size int
	dual    bool
	m       [expStacks][]float32
}

// mul computes c = d + a b, or a b where d is nil.
func (s *stack) mul(c, a, b, d []float32) {
	asm.StackMul(c, a, b, d, s.n)
	if !s.dual {
		return
	}
	// (c)' = d' + a b' + a' b; the first half goes to the spare matrix.
	var dd []float32
	if d != nil {
		dd = d[s.size:]
	}
	spare := s.m[expStacks-1][:s.size]
	asm.StackMul(spare, a, b[s.size:], dd, s.n)
	asm.StackMul(c[s.size:], a[s.size:], b, spare, s.n)
}

// linear computes linear combinations of four matrices, see asm.StackLinear.
func (s *stack) linear(rows [][5]float32, m0, m1, m2, m3 []float32, dst ...[]float32) {
	src := [4][]float32{m0, m1, m2, m3}
	asm.StackLinear(dst, &src, rows, s.n)
	if !s.dual {
		return
	}
	var dd [5][]float32
	var plain [5][5]float32
	for i, x := range dst {
		dd[i] = x[s.size:]
		plain[i] = rows[i]
		plain[i][0] = 0 // the identity has no derivative
	}
	for k := range src {
		src[k] = src[k][s.size:]
	}
	asm.StackLinear(dd[:len(dst)], &src, plain[:len(dst)], s.n)
}

// exp returns e^m[0], one of the buffers. The schemes are those of dual.exp.
func (s *stack) exp(degree, squarings int) []float32 {
	a, a2, a3, a6 := s.m[0], s.m[1], s.m[2], s.m[3]
	b1, b2, b3, b4, b5 := s.m[4], s.m[5], s.m[6], s.m[7], s.m[8]
	y, z := b1, b2
	if degree > 0 {
		s.mul(a2, a, a, nil)
	}
	switch degree {
	case 0:
		s.linear(rows1, a, a, a, a, y)
	case 1:
		s.linear(rows2, a, a2, a, a, y)
	case 2:
		s.linear(rows4, a, a2, a, a, b3, b2)
		s.mul(y, a2, b3, b2)
	case 3:
		s.linear(rows8a, a, a2, a, a, b3)
		s.mul(a3, a2, b3, nil)
		s.linear(rows8b, a, a2, a3, a, b3, b4, b5)
		s.mul(y, b3, b4, b5)
	case 4:
		s.mul(a3, a2, a, nil)
		s.linear(rows12, a, a2, a3, a, b1, b2, b3, b4)
		s.mul(a6, b4, b4, b3)
		s.linear(addTwo, b2, a6, a, a, b5)
		y, z = a, a2
		s.mul(y, b5, a6, b1)
	case 5:
		s.mul(a3, a2, a, nil)
		s.mul(a6, a3, a3, nil)
		s.linear(rows18, a, a2, a3, a6, b1, b2, b3, b4, b5)
		a9 := a2
		s.mul(a9, b1, b5, b4)
		s.linear(addTwo, b3, a9, a9, a9, a)
		y, z = a3, a6
		s.mul(y, a, a9, b2)
	}
	for range squarings {
		s.mul(z, y, y, nil)
		y, z = z, y
	}
	return y
}
