package asm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// pages returns n elements that end (or, with head, begin) at a page that faults.
func pages[T float32 | float64](t testing.TB, n int, head bool) []T {
	var zero T
	page, width := os.Getpagesize(), int(unsafe.Sizeof(zero))
	size := (width*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(mem)) })
	require.NoError(t, syscall.Mprotect(mem[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(mem[page+size:], syscall.PROT_NONE))
	if n == 0 {
		return nil
	}
	from := page + size - width*n
	if head {
		from = page
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[from])), n)
}

// atPageEnd returns n random floats that end where the next page may not be read.
func atPageEnd(t testing.TB, r *rand.Rand, n int) []float32 {
	return fill(r, pages[float32](t, n, false))
}

// onFault turns a fault into a failure that names what was running. Use: defer onFault(t, &what)().
func onFault(t testing.TB, what *string) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if e := recover(); e != nil {
			require.FailNow(t, "fault", "%s: %v", *what, e)
		}
	}
}

// No kernel reads or writes behind its operands, not even lanes that it drops: the
// memory there may not exist.
func TestPageEnd(t *testing.T) {
	const rows = 3
	lengths := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 79, 95, 96, 97, 127, 130}
	if testing.Short() {
		lengths = lengths[:16]
	}
	r := rand.New(rand.NewPCG(21, 22))
	for _, n := range lengths {
		var a, b, c, d [4][]float32 // rows of 1, 2, 3 and 4 times n
		for k := range a {
			a[k], b[k] = atPageEnd(t, r, rows*(k+1)*n), atPageEnd(t, r, rows*(k+1)*n)
			c[k], d[k] = atPageEnd(t, r, rows*(k+1)*n), atPageEnd(t, r, rows*(k+1)*n)
		}
		w, x, y, z := a[0], b[0], c[0], d[0]
		one, two, three := atPageEnd(t, r, n), atPageEnd(t, r, n), atPageEnd(t, r, n)
		mean, rstd := atPageEnd(t, r, rows), atPageEnd(t, r, rows)
		eachTier(t, func(tier string) {
			what := "before"
			defer onFault(t, &what)()
			run := func(name string, f func()) { what = fmt.Sprintf("%s %s n=%d", tier, name, n); f() }
			run("Add", func() { Add(w, x, y) })
			run("Sub", func() { Sub(w, x, y) })
			run("Mul", func() { Mul(w, x, y) })
			run("MulAdd", func() { MulAdd(w, x, y) })
			run("Axpy", func() { Axpy(0.5, x, w) })
			run("Scale", func() { Scale(0.5, w) })
			run("Sum", func() { Sum(w) })
			run("Dot", func() { Dot(w, x) })
			run("Exp", func() { Exp(w, x) })
			run("Tanh", func() { Tanh(w, x) })
			run("Sigmoid", func() { Sigmoid(w, x) })
			run("Softplus", func() { Softplus(w, x) })
			run("Gelu", func() { Gelu(w, x) })
			run("Expm1OverX", func() { Expm1OverX(w, x) })
			run("SinCos", func() { SinCos(w, z, x) })
			for _, acc := range []bool{false, true} {
				run("GeluGrad", func() { GeluGrad(w, x, y, acc) })
				run("TanhGrad", func() { TanhGrad(w, x, y, acc) })
				run("SigmoidGrad", func() { SigmoidGrad(w, x, y, acc) })
				run("SoftmaxRowsGrad", func() { SoftmaxRowsGrad(w, x, y, rows, n, acc) })
			}
			run("SoftmaxRows", func() { SoftmaxRows(w, x, rows, n) })
			run("RMSNormRows", func() { RMSNormRows(w, x, one, rstd, rows, n, 1e-5) })
			run("LayerNormRows", func() { LayerNormRows(w, x, one, two, mean, rstd, rows, n, 1e-5) })
			run("RMSNormRowsGrad", func() { RMSNormRowsGrad(w, two, x, one, rstd, y, rows, n) })
			run("LayerNormRowsGrad", func() { LayerNormRowsGrad(w, two, three, x, one, mean, rstd, y, rows, n) })
			run("AddColumnSums", func() { AddColumnSums(two, x, rows, n) })
			run("GluRows", func() { GluRows(w, a[1], rows, n) })
			run("GluRowsGrad", func() { GluRowsGrad(a[1], b[1], x, rows, n) })
			run("GRUGates", func() { GRUGates(w, a[2], b[2], x, d[3], rows, n) })
			run("GRUGates", func() { GRUGates(w, a[2], b[2], x, nil, rows, n) })
			run("GRUGatesGrad", func() { GRUGatesGrad(a[2], b[2], w, x, d[3], y, rows, n) })
			run("AdamW", func() { AdamW(w, x, y, z, 1e-3, 0.9, 0.99, 1e-8, 0.1, 0.5, 0.5) })
		})
	}
}

// The product with integers reads nothing beyond A and writes nothing beyond C.
func TestInt8PageEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	for _, d := range [][3]int{{1, 1, 1}, {3, 17, 15}, {13, 33, 31}, {12, 64, 16}, {25, 40, 65}} {
		m, n, k := d[0], d[1], d[2]
		codes, scale := randomInt8(r, n, k)
		p := PackInt8(n, k, codes, scale)
		a, c := atPageEnd(t, r, m*k), atPageEnd(t, r, m*n)
		eachInt8(t, func(tier string) {
			what := fmt.Sprintf("%s %v", tier, d)
			defer onFault(t, &what)()
			GemmInt8(m, a, k, p, c, n, nil)
		})
	}
}

// Kernels read and write nothing beyond their matrices: here that would crash.
func TestGemmPages(t *testing.T) {
	const most = 80 * 80
	for _, head := range []bool{false, true} {
		bufA, bufB, bufC := pages[float32](t, most, head), pages[float32](t, most, head), pages[float32](t, most, head)
		cut := func(buf []float32, n int) []float32 {
			if head {
				return buf[:n]
			}
			return buf[most-n:]
		}
		eachTier(t, func(tier string) {
			r := rand.New(rand.NewPCG(41, 42))
			for i := range 150 {
				m, n, k := 1+r.IntN(40), 1+r.IntN(80), 1+r.IntN(40)
				transA, transB := i&1 != 0, i&2 != 0
				lda, ldb := strides(m, n, k, transA, transB)
				a, b, c := fill(r, cut(bufA, m*k)), fill(r, cut(bufB, k*n)), cut(bufC, m*n)
				want := make([]float32, m*n)
				Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, n, false)
				Gemm(transA, transB, m, n, k, append([]float32(nil), a...), lda, append([]float32(nil), b...), ldb, want, n, false)
				require.Equal(t, want, append([]float32(nil), c...), fmt.Sprint(tier, m, n, k, i&3))
				GemmPacked(m, append([]float32(nil), a...)[:m*k], k, Pack(transB, n, k, b, ldb), c, n, true, nil)
			}
			// A stride whose rows are copied.
			a := fill(r, pages[float32](t, 9*1024+17, head))
			Gemm(false, false, 10, 70, 17, a, 1024, bufB, 70, cut(bufC, 700), 70, false)
		})
	}
}

// TestPairsPageEnd: as TestPageEnd, for the kernels on pairs and on stacks.
func TestPairsPageEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	what := ""
	defer onFault(t, &what)()
	for trial := range 24 {
		n, pairs, queries := 1+trial%3, 1+r.IntN(18), 1+r.IntN(35)
		at := func(k int) []float32 { return atPageEnd(t, r, k) }
		p := &PairTokens{Tokens: n, Pairs: pairs, Queries: queries, Sigma: at(n * pairs), Omega: at(n * pairs),
			Z0: at(2 * n * pairs), B: at(2 * n * pairs), C: at(2 * pairs), Tau: at(n * queries)}
		if trial%4 == 3 {
			for i := range p.Omega {
				p.Omega[i] *= 1e5
			}
		}
		y, rate, z := at(n*queries), at(n*queries), at(2*n*queries*pairs)
		sums, states, work := at(n*pairs*PairsSumWidth), at(n*pairs*PairsStateSumWidth), at(PairsWork(pairs))
		order := 1 + trial%17
		var index [MaxStackLanes]int32
		eachTier(t, func(tier string) {
			what = fmt.Sprintf("%s, %d tokens, %d pairs, %d queries", tier, n, pairs, queries)
			PairsReadout(y, p, work)
			PairsEval(y, rate, p, work)
			PairsStates(z, p, work)
			PairsSums(sums, p, y, work)
			PairsStateSums(states, p, z, work)
			what = fmt.Sprintf("%s, order %d", tier, order)
			size := order * order * StackLanes(order)
			one, a, b, c, d := at(order*order), at(size), at(size), at(size), at(size)
			StackLoad(a, one, &index, order, 1)
			StackStore(one, a, &index, order)
			StackMul(c, a, b, d, order)
			StackLinear([][]float32{d}, &[4][]float32{a, b, c, a}, [][5]float32{{1, 2, 3, 4, 5}}, order)
			RowsNorm(at(1), one, order)
		})
	}
}

// TestAttentionAtPageEnd: no kernel reads beyond its slices.
func TestAttentionAtPageEnd(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(2, 9))
		for _, s := range [][5]int{{5, 3, 3, 4, 24}, {2, 8, 8, 1, 8}, {2, 9, 9, 2, 24}, {1, 37, 37, 1, 40}, {1, 64, 64, 1, 32}, {1, 5, 29, 2, 16}, {1, 11, 11, 1, 5}} {
			c := newAttnCase(r, s[0], s[1], s[2], s[3], s[4], false, 0, 0)
			for _, x := range []*[]float32{&c.q, &c.k, &c.v, &c.out, &c.dout, &c.dq, &c.dk, &c.dv, &c.saved, &c.work} {
				y := pages[float32](t, len(*x), false)
				copy(y, *x)
				*x = y
			}
			c.verify(t, tier)
		}
	})
}

// TestFloat64PageEnd: as TestPageEnd, for the float64 kernels.
func TestFloat64PageEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	what := ""
	defer onFault(t, &what)()
	at := func(n int) []float64 {
		x := pages[float64](t, n, false)
		for i := range x {
			x[i] = r.Float64() + 0.5
		}
		return x
	}
	for n := 1; n < 27; n++ {
		var x [6][]float64
		for i := range x {
			x[i] = at(n)
		}
		four, wide, deep, c := at(4*n), at(7*(n-1)+4), at(n*n), n&^3+4
		gemm, right, rows := at(n*c), at(n*c), at(c*c*Lanes)
		inv, z := at(c*Lanes), at(2*c*Lanes)
		f := Rollout{C: 1 + n%3, Order: 1 + n%3, Stride: 1 + n%2, Poly: n%4 == 0, Cubic: n%8 == 0}
		k := f.Features()
		f.WStride = 1 + k
		f.Buf, f.W, f.Phi = at((f.Order*f.Stride+n)*f.C*Lanes), at(f.C*(1+k)*Lanes), at(k*Lanes)
		f.S1, f.S2, f.Lo, f.Hi = at(f.C), at(f.C), at(f.C*Lanes), at(f.C*Lanes)
		vars := 1 + n%MaxCubic
		cubic := NewCubic(vars)
		var step [7][]float64
		for i := range step {
			step[i] = at(vars * StepLanes)
		}
		eachTier(t, func(tier string) {
			run := func(name string, f func()) { what = fmt.Sprintf("%s %s n=%d", tier, name, n); f() }
			run("Gemm64", func() { Gemm64(gemm, c, deep, n, 1, right, c, n, c, n) })
			run("Gemm64 transposed", func() { Gemm64(gemm, c, deep, 1, n, right, c, n, c, n) })
			run("Interleave", func() { Interleave(four, x[0], x[1], x[2], x[3], n) })
			run("Deinterleave", func() { Deinterleave(x[0], x[1], x[2], x[3], wide, 7) })
			run("CholeskyLanes", func() { CholeskyLanes(rows, c, c, &[Lanes]float64{1, 1, 1, 1}, inv) })
			run("BackLanes", func() { BackLanes(z, rows, c, c, 2, inv) })
			run("Rollout", func() { f.Run(f.Order*f.Stride, n, &[Lanes]int64{}) })
			run("SquaredDistance", func() { SquaredDistance(x[0], x[1]) })
			run("Moments", func() { Moments(x[0], 1) })
			run("Slide64", func() { Slide64(x[0], x[1], 1, x[2], 2, x[3]) })
			run("Affine64", func() { Affine64(at(8*vars), at(8*vars), at(8*vars*n), x[0]) })
			run("Tanh64", func() { Tanh64(at(8 * vars)) })
			run("Sin64", func() { Sin64(at(8 * vars)) })
			rows8, lane := cubic.Len()*vars*StepLanes, vars*StepLanes
			run("Cubic.Lanes", func() { cubic.Lanes(step[0][:lane:lane], at(rows8), step[1], at(cubic.Len()*StepLanes)) })
			run("CombineLanes", func() { CombineLanes(step[0], step[1], at(StepLanes), at(3*lane), lane, at(3), vars) })
			run("SumLanes", func() {
				SumLanes(new([4][StepLanes]float64), &StepSums{step[0], step[1], step[2], step[3], step[4], at(StepLanes), step[5], step[6]}, vars)
			})
			run("Pentadiagonal", func() { Pentadiagonal(x[0], x[1], x[2], x[3], x[4], x[5], &[Lanes]float64{1, 2, 3, 4}) })
		})
	}
}
