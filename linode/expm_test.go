package linode

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/internal/allocs"
	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// expError returns the largest error of a batch against float64, relative to the 1-norm of
// each result.
func expError(a, got []float32, n, batch int) float64 {
	w := NewDense(n)
	x, e := make([]float64, n*n), make([]float64, n*n)
	worst := 0.0
	for i := range batch {
		for k := range x {
			x[k] = float64(a[i*n*n+k])
		}
		w.Exp(e, x, n)
		norm, err := 0.0, 0.0
		for j := range n {
			s, d := 0.0, 0.0
			for k := range n {
				s += math.Abs(e[k*n+j])
				d += math.Abs(e[k*n+j] - float64(got[i*n*n+k*n+j]))
			}
			norm, err = max(norm, s), max(err, d)
		}
		worst = max(worst, err/norm)
	}
	return worst
}

func TestExpBatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= MaxDense; n++ {
		// Norms over all classes, mixed; odd batches.
		for _, batch := range []int{1, 7, 70} {
			a, scales := make([]float32, batch*n*n), make([]float64, batch)
			for i := range batch {
				scales[i] = math.Pow(10, -8+9*r.Float64())
				for k := range n * n {
					a[i*n*n+k] = float32(r.NormFloat64() * scales[i] / float64(n))
				}
			}
			dst := make([]float32, len(a))
			ExpBatch(dst, a, n, batch)
			// A single negative number is the worst case: every digit of e^x relative to
			// e^|x| counts.
			limit := 1.5e-5
			if n == 1 {
				limit = 1e-4
			}
			require.Less(t, expError(a, dst, n, batch), limit, "order %d, batch %d", n, batch)
			// Alone, in place: the same bits.
			for i := range batch {
				one := append([]float32(nil), a[i*n*n:(i+1)*n*n]...)
				ExpBatch(one, one, n, 1)
				require.Equal(t, dst[i*n*n:(i+1)*n*n], one, "order %d, matrix %d", n, i)
			}
		}
	}
	require.Panics(t, func() { ExpBatch(make([]float32, 4), make([]float32, 4), 2, 2) })
	require.Panics(t, func() { ExpBatch(nil, nil, 18, 0) })
}

// TestExpBatchPolynomials: each degree has its Taylor coefficients, in float32.
func TestExpBatchPolynomials(t *testing.T) {
	const n = maxStack
	w := takeExp()
	lanes := asm.StackLanes(n)
	for index, degree := range []int{1, 2, 4, 8, 12, 18} {
		s := stack{n: n, size: n * n * lanes}
		for i := range s.m {
			s.m[i] = w.stacks[i*s.size : (i+1)*s.size]
		}
		clear(s.m[0])
		for i := 0; i+1 < n; i++ {
			for l := range lanes {
				s.m[0][(i*n+i+1)*lanes+l] = 1
			}
		}
		y := s.exp(index, 0)
		coef := 1.0
		for k := range n {
			if k > 0 {
				coef /= float64(k)
			}
			want := coef
			if k > degree {
				want = 0
			}
			require.InDelta(t, want, float64(y[k*lanes]), 2e-7, "degree %d, x^%d", degree, k)
		}
	}
	giveExp(w)
}

func TestExpBatchSpecialCases(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	a := []float32{
		0, 0, 0, 0, // identity
		nan, 0, 0, 0,
		0, 1, 0, 0, // nilpotent
		-1, 1, 0, -1, // defective
		0, inf, 0, 0,
		-200, 0, 0, 3,
		1e30, 0, 0, 1e30,
	}
	ExpBatch(a, a, 2, 7)
	require.Equal(t, []float32{1, 0, 0, 1}, a[:4])
	for _, i := range []int{4, 16} {
		for _, v := range a[i : i+4] {
			require.True(t, v != v)
		}
	}
	require.Equal(t, []float32{1, 1, 0, 1}, a[8:12])
	e := math.Exp(-1)
	for k, v := range []float64{e, e, 0, e} {
		require.InDelta(t, v, float64(a[12+k]), 4e-7)
	}
	require.Equal(t, float32(0), a[20])
	require.InEpsilon(t, math.Exp(3), float64(a[23]), 2e-5)
	require.True(t, math.IsInf(float64(a[24]), 1) || a[24] != a[24])
	// The greatest numbers, whose norm overflows from order 2 on.
	for n := 1; n <= maxStack; n++ {
		big := make([]float32, n*n)
		for i := range big {
			big[i] = -math.MaxFloat32
		}
		ExpBatch(big, big, n, 1)
		for _, v := range big {
			require.True(t, n == 1 && v == 0 || n > 1 && v != v, "order %d: %v", n, v)
		}
	}
}

// TestExpBatchDerivative: the dual stacks against central differences in float64.
func TestExpBatchDerivative(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{2, 3, 5, 9, 17} {
		const batch = 20
		a, d := make([]float32, batch*n*n), make([]float32, batch*n*n)
		for i := range batch {
			scale := math.Pow(10, -5+6*r.Float64()) / float64(n)
			for k := range n * n {
				a[i*n*n+k], d[i*n*n+k] = float32(r.NormFloat64()*scale), float32(r.NormFloat64())
			}
		}
		e, g := make([]float32, len(a)), make([]float32, len(a))
		w := takeExp()
		w.exp(e, g, a, d, n, batch)
		giveExp(w)
		nn := n * n
		ref := dual{n: n, val: nn, der: true}
		buf, x := make([]float64, expmBuffers*2*nn), make([]float64, 2*nn)
		for i := range batch {
			for k := range nn {
				x[k], x[nn+k] = float64(a[i*nn+k]), float64(d[i*nn+k])
			}
			ref.exp(x, x, buf, &limits64)
			top, topD := 0.0, 0.0
			for k := range nn {
				top, topD = max(top, math.Abs(x[k])), max(topD, math.Abs(x[nn+k]))
			}
			for k := range nn {
				require.InDelta(t, x[k], float64(e[i*nn+k]), 1.5e-5*top)
				require.InDelta(t, x[nn+k], float64(g[i*nn+k]), 3e-5*topD, "order %d", n)
			}
		}
	}
}

func TestExpBatchAllocations(t *testing.T) {
	a, dst := make([]float32, 40*25), make([]float32, 40*25)
	for i := range a {
		a[i] = float32(i%7) * 0.1
	}
	ExpBatch(dst, a, 5, 40)
	allocs.RequireNone(t, 5, func() { ExpBatch(dst, a, 5, 40) })
}

func BenchmarkExpBatch(b *testing.B) {
	const batch = 4096
	for _, n := range []int{4, 8, 16} {
		b.Run(fmt.Sprintf("impl=%s/d=%d", asm.Tier(), n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			a, dst := make([]float32, batch*n*n), make([]float32, batch*n*n)
			for i := range a {
				a[i] = float32(r.NormFloat64())
			}
			for b.Loop() {
				ExpBatch(dst, a, n, batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch/1e3, "us/matrix")
			b.ReportMetric(expError(a, dst, n, batch), "max-rel-err")
		})
	}
}

// TestConcurrentUse: operations on several tapes at once give the bits of one alone.
func TestConcurrentUse(t *testing.T) {
	run := func() ([]float32, []float32) {
		r := rand.New(rand.NewPCG(3, 3))
		tape := tensor.NewTape(nil, true)
		v := func(s ...int) *tensor.Tensor {
			x := tape.Variable(s...)
			tensor.NormalInto(r, x.Data, 0.5)
			return x
		}
		a, z0, b, tau := v(60, 3, 3), v(60, 3), v(60, 3), tape.New(5)
		copy(tau.Data, []float32{0, 0.5, 1, 2, 9})
		sigma, omega, p0, pb, c := v(60, 4), v(60, 4), v(60, 8), v(60, 8), v(8)
		y := tape.Add(tape.SumAll(DenseStates(tape, a, z0, b, tau)), tape.SumAll(PairsReadout(tape, sigma, omega, p0, pb, c, tau)))
		tape.Backward(y)
		return a.Grad, sigma.Grad
	}
	wantA, wantS := run()
	var wg sync.WaitGroup
	got := make([][2][]float32, 8)
	for i := range got {
		wg.Go(func() { got[i][0], got[i][1] = run() })
	}
	wg.Wait()
	for _, g := range got {
		require.Equal(t, wantA, g[0])
		require.Equal(t, wantS, g[1])
	}
}

// FuzzExpBatch feeds arbitrary matrices: those of moderate norm must have the
// exponential of float64, and no other may disturb its neighbours.
func FuzzExpBatch(f *testing.F) {
	f.Add(uint8(2), uint64(1), 1., []byte{0, 0, 128, 63, 0, 0, 192, 127})
	f.Add(uint8(7), uint64(2), 1e-8, []byte{0, 0, 128, 127})
	f.Add(uint8(15), uint64(3), 30., []byte(nil))
	f.Fuzz(func(t *testing.T, order uint8, seed uint64, scale float64, wild []byte) {
		n := int(order)%MaxDense + 1
		if scale = math.Abs(scale); !(scale <= 4) {
			scale = 4
		}
		r := rand.New(rand.NewPCG(seed, 7))
		a := make([]float32, 3*n*n)
		for i := range a {
			a[i] = float32(r.NormFloat64() * scale / float64(n))
		}
		calm := append([]float32(nil), a...)
		for i := 0; i < n*n && 4*i+4 <= len(wild); i++ { // the matrix in the middle
			a[n*n+i] = math.Float32frombits(binary.LittleEndian.Uint32(wild[4*i:]))
		}
		got, want := make([]float32, len(a)), make([]float32, len(a))
		ExpBatch(got, a, n, 3)
		ExpBatch(want, calm, n, 3)
		for _, lo := range []int{0, 2 * n * n} {
			for i := lo; i < lo+n*n; i++ {
				if got[i] != want[i] {
					t.Fatalf("order %d: element %d is %v beside %v, else %v", n, i, got[i], a[n*n:2*n*n], want[i])
				}
			}
		}
		norm := float32(0)
		for _, v := range a[n*n : 2*n*n] {
			norm += v * 0 // NaN unless all are finite
		}
		for _, v := range got[n*n : 2*n*n] {
			if norm != norm && v == v {
				t.Fatalf("order %d: %v from %v", n, v, a[n*n:2*n*n])
			}
		}
		if e := expError(calm, want, n, 3); !(e < 1e-3) {
			t.Fatalf("order %d, scale %v: error %v", n, scale, e)
		}
	})
}
