package asm

import (
	"fmt"
	"math"
)

// A stack holds StackLanes(n) square matrices of one order n, interleaved: entry e
// (row-major, 0 <= e < n*n) of matrix l is at e*StackLanes(n) + l. Arithmetic on a
// stack runs along the lanes, so that matrices far smaller than a vector register
// fill it, and no matrix has any influence on its neighbours.

// MaxStackLanes is the largest number of matrices in a stack on any tier.
const MaxStackLanes = 16

// StackLanes returns the number of matrices of order n in a stack on the present
// tier.
func StackLanes(n int) int {
	switch {
	case useAVX512 && n <= wideStack:
		return 16
	case useSIMD:
		return simdStackLanes
	}
	return 8
}

// stackOrder is the greatest order that goes through the assembly: the work of a call
// grows with its third power.
const stackOrder = 32

// wideStack is the greatest order for which a stack has 16 lanes: beyond, three
// matrices of 8 lanes still fit the first level cache, of 16 lanes not.
const wideStack = 10

// StackLoad gathers matrices from an array of them: entry e of lane l becomes
// src[at[l]*n*n+e] * scale. at holds one index for each lane; indices may repeat.
func StackLoad(dst, src []float32, at *[MaxStackLanes]int32, n int, scale float32) {
	lanes, size := StackLanes(n), n*n
	atLeast("StackLoad", "dst", len(dst), size*lanes)
	for _, i := range at[:lanes] {
		if i < 0 || (int(i)+1)*size > len(src) {
			panic(fmt.Sprintf("asm: StackLoad: matrix %d of size %d in %d numbers", i, size, len(src)))
		}
	}
	if size == 0 {
		return
	}
	if !useSIMD || n > stackOrder {
		for l, i := range at[:lanes] {
			for e, v := range src[int(i)*size : (int(i)+1)*size] {
				dst[e*lanes+l] = v * scale
			}
		}
		return
	}
	raceRead(src)
	raceWrite(dst[:size*lanes])
	stackLoadSIMD(&dst[0], &src[0], at, size, lanes, scale)
}

// StackStore is the inverse of StackLoad without a scale: dst[at[l]*n*n+e] is set
// to entry e of lane l. Where indices repeat, the lanes must hold the same numbers.
func StackStore(dst, src []float32, at *[MaxStackLanes]int32, n int) {
	lanes, size := StackLanes(n), n*n
	atLeast("StackStore", "src", len(src), size*lanes)
	for _, i := range at[:lanes] {
		if i < 0 || (int(i)+1)*size > len(dst) {
			panic(fmt.Sprintf("asm: StackStore: matrix %d of size %d in %d numbers", i, size, len(dst)))
		}
	}
	if size == 0 {
		return
	}
	if !useSIMD || n > stackOrder {
		for l, i := range at[:lanes] {
			row := dst[int(i)*size : (int(i)+1)*size]
			for e := range row {
				row[e] = src[e*lanes+l]
			}
		}
		return
	}
	raceRead(src[:size*lanes])
	raceWrite(dst)
	stackStoreSIMD(&dst[0], &src[0], at, size, lanes)
}

// StackMul computes c = d + a b for each lane, or c = a b where d is nil. c must
// not overlap the others. The sums run over the inner index in order, starting
// from d; multiply-adds may be fused.
func StackMul(c, a, b, d []float32, n int) {
	lanes := StackLanes(n)
	size := n * n * lanes
	atLeast("StackMul", "c", len(c), size)
	atLeast("StackMul", "a", len(a), size)
	atLeast("StackMul", "b", len(b), size)
	if d != nil {
		atLeast("StackMul", "d", len(d), size)
	}
	if size == 0 {
		return
	}
	if !useSIMD || n > stackOrder {
		stackMulGo(c, a, b, d, n, lanes)
		return
	}
	raceRead(a[:size])
	raceRead(b[:size])
	raceWrite(c[:size])
	var from *float32
	if d != nil {
		raceRead(d[:size])
		from = &d[0]
	}
	switch {
	case lanes == 16:
		stackMulAVX512(&c[0], &a[0], &b[0], from, n)
	case useAVX512:
		stackMul8AVX512(&c[0], &a[0], &b[0], from, n)
	default:
		stackMulSIMD(&c[0], &a[0], &b[0], from, n)
	}
}

// stackCall bounds the elements of one call of the assembly of StackLinear, which reads
// four stacks and writes up to five.
const stackCall = 8192

// StackLinear computes dst_i = coef_i[0] I + sum over k of coef_i[k+1] src_k for
// each lane and each i < len(dst), at most 5. A dst must not overlap a src or
// another dst. All four sources are read.
func StackLinear(dst [][]float32, src *[4][]float32, coef [][5]float32, n int) {
	lanes := StackLanes(n)
	size := n * n * lanes
	if len(dst) > 5 || len(coef) != len(dst) {
		panic(fmt.Sprintf("asm: StackLinear: %d destinations, %d rows of coefficients", len(dst), len(coef)))
	}
	for _, x := range src {
		atLeast("StackLinear", "src", len(x), size)
	}
	for _, x := range dst {
		atLeast("StackLinear", "dst", len(x), size)
	}
	if size == 0 {
		return
	}
	simd := useSIMD && n <= stackOrder
	if !simd {
		for i, d := range dst {
			c := &coef[i]
			for e := range d[:size] {
				d[e] = c[1]*src[0][e] + c[2]*src[1][e] + c[3]*src[2][e] + c[4]*src[3][e]
			}
		}
	} else {
		for lo := 0; lo < size; lo += stackCall {
			var a stackLinearArgs
			a.n = min(size-lo, stackCall)
			a.dsts = len(dst)
			for k, x := range src {
				raceRead(x[:size])
				a.src[k] = &x[lo]
			}
			for i, d := range dst {
				raceWrite(d[:size])
				a.dst[i] = &d[lo]
			}
			a.coef = &coef[0]
			switch {
			case useAVX512 && a.n%16 == 0 && a.dsts == 5:
				stackLinear5AVX512(&a)
			case useAVX512 && a.n%16 == 0:
				stackLinearAVX512(&a)
			default:
				stackLinearSIMD(&a)
			}
		}
	}
	for i, d := range dst {
		if c := coef[i][0]; c != 0 {
			if simd {
				stackDiagSIMD(&d[0], n, lanes, c)
				continue
			}
			for e := 0; e < size; e += (n + 1) * lanes {
				for l := range d[e : e+lanes] {
					d[e+l] += c
				}
			}
		}
	}
}

// stackLinearArgs is what the assembly of StackLinear reads; n counts floats, a
// multiple of the lanes.
type stackLinearArgs struct {
	dst     [5]*float32
	src     [4]*float32
	coef    *[5]float32
	n, dsts int
}

// RowsNorm writes the 1-norms of len(norm) matrices, n x n row-major: the greatest
// sum of magnitudes of a column; NaN if an entry is NaN or infinite.
func RowsNorm(norm, a []float32, n int) {
	same("RowsNorm", "a", len(a), "norm times n*n", len(norm)*n*n)
	if len(norm) == 0 || n == 0 {
		clear(norm)
		return
	}
	if useSIMD && n <= stackOrder {
		raceRead(a)
		raceWrite(norm)
		step := rowsPerCall(len(norm), n*n, 1)
		for lo := 0; lo < len(norm); lo += step {
			rowsNormSIMD(&norm[lo], &a[lo*n*n], n, min(step, len(norm)-lo))
		}
		return
	}
	for m := range norm {
		x := a[m*n*n : (m+1)*n*n]
		var top, all float32
		for j := range n {
			var s float32
			for i := range n {
				s += float32(math.Abs(float64(x[i*n+j])))
			}
			top = max(top, s)
			all += s
		}
		norm[m] = top + (all - all) // NaN where the sum is not finite
	}
}

func stackMulGo(c, a, b, d []float32, n, lanes int) {
	for i := range n {
		for j := range n {
			row := c[(i*n+j)*lanes:][:lanes]
			if d == nil {
				clear(row)
			} else {
				copy(row, d[(i*n+j)*lanes:])
			}
			for k := range n {
				x, y := a[(i*n+k)*lanes:][:lanes], b[(k*n+j)*lanes:][:lanes]
				for l := range row {
					row[l] += x[l] * y[l]
				}
			}
		}
	}
}
