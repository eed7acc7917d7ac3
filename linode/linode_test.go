package linode

import (
	"math"
	"math/big"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/lassode/lassode/internal/allocs"
	"github.com/stretchr/testify/require"
)

// series sums the Taylor series of phi_k (k = 0: exp) in 200-bit arithmetic.
func series(x float64, k int) float64 {
	const prec = 400
	sum, term := new(big.Float).SetPrec(prec), new(big.Float).SetPrec(prec).SetInt64(1)
	for i := 1; i <= k; i++ {
		term.Quo(term, new(big.Float).SetPrec(prec).SetInt64(int64(i)))
	}
	bx := new(big.Float).SetPrec(prec).SetFloat64(x)
	for i := 1; i < 400; i++ {
		sum.Add(sum, term)
		term.Mul(term, bx)
		term.Quo(term, new(big.Float).SetPrec(prec).SetInt64(int64(i+k)))
	}
	f, _ := sum.Float64()
	return f
}

func TestPhi(t *testing.T) {
	for _, x := range []float64{0, 1e-300, -1e-12, 1e-8, -1e-8, 1e-6, 1e-3, -0.49, 0.5, -0.51, 1, -3, 10, -20, 40} {
		require.InEpsilon(t, series(x, 1), Phi1(x), 1e-14, "phi1(%g)", x)
		require.InEpsilon(t, series(x, 2), Phi2(x), 1e-14, "phi2(%g)", x)
	}
	require.Equal(t, 1e-4, Phi1(-1e4))
	require.Equal(t, 0.0, Phi1(math.Inf(-1)))
	require.True(t, math.IsInf(Phi1(math.Inf(1)), 1))
	require.InEpsilon(t, (1-1e-4)*1e-4, Phi2(-1e4), 1e-14)

	// Complex: on the real axis as above; elsewhere phi1(2z) = (e^z+1) phi1(z)/2.
	for _, x := range []float64{0, 1e-9, -0.3, 0.7, -1.2} {
		require.InDelta(t, Phi1(x), real(ComplexPhi1(complex(x, 0))), 1e-14)
	}
	for _, z := range []complex128{1e-9i, 1e-5 + 2e-5i, 0.1 - 0.2i, 1 + 2i, -3 + 40i, 0.999i, 1.001i, -1e4 + 3i} {
		a, b := ComplexPhi1(2*z), (ComplexExp(z)+1)*ComplexPhi1(z)/2
		require.Less(t, cmplx.Abs(a-b), 1e-14*(1+cmplx.Abs(a)), "%v", z)
		require.Less(t, cmplx.Abs(cmplx.Exp(z)-ComplexExp(z)), 1e-14)
	}
}

// integrate is an independent reference: Dormand-Prince 5(4) with step control
// in float64, from 0 to t, at relative and absolute tolerance tol.
func integrate(f func(x, dx []float64), x0 []float64, t, tol float64) []float64 {
	a := [7][6]float64{
		{}, {1.0 / 5}, {3.0 / 40, 9.0 / 40}, {44.0 / 45, -56.0 / 15, 32.0 / 9},
		{19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
		{9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
		{35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
	}
	e := [7]float64{71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40}
	n := len(x0)
	x := append([]float64(nil), x0...)
	var k [7][]float64
	for i := range k {
		k[i] = make([]float64, n)
	}
	y := make([]float64, n)
	dir := 1.0
	if t < 0 {
		dir = -1
	}
	h := 1e-6
	for done := 0.0; done < math.Abs(t); {
		h = min(h, math.Abs(t)-done)
		for s := range k {
			for i := range y {
				y[i] = x[i]
				for j := 0; j < s; j++ {
					y[i] += dir * h * a[s][j] * k[j][i]
				}
			}
			f(y, k[s])
		}
		err := 0.0
		for i := range y {
			d := 0.0
			for s := range k {
				d += h * e[s] * k[s][i]
			}
			err = max(err, math.Abs(d)/(tol*(1e-3+max(math.Abs(x[i]), math.Abs(y[i])))))
		}
		if err <= 1 {
			done += h
			copy(x, y) // the seventh stage is the fifth-order solution
		}
		h *= min(5, max(0.2, 0.9*math.Pow(max(err, 1e-10), -0.2)))
	}
	return x
}

func affine(a, b []float64) func(x, dx []float64) {
	n := len(b)
	return func(x, dx []float64) {
		for i := range dx {
			dx[i] = b[i]
			for j := range x {
				dx[i] += a[i*n+j] * x[j]
			}
		}
	}
}

func requireClose(t *testing.T, want, got []float64, rel float64, msg string) {
	t.Helper()
	scale := 0.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i := range want {
		require.InDelta(t, want[i], got[i], rel*scale, "%s: entry %d", msg, i)
	}
}

var pairCases = []struct {
	name         string
	sigma, omega float64
	times        []float64
}{
	{"decaying oscillation", -0.7, 5, []float64{0, 1e-3, 0.3, 1, 4, -1}},
	{"growing oscillation", 0.8, 3, []float64{0.5, 3, -2}},
	{"fast oscillation", -0.01, 60, []float64{0.1, 1, 2.5}},
	{"stiff", -1e4, 0, []float64{1e-5, 1e-4, 1e-2, 0.1}},
	{"stiff oscillation", -1e4, 3e3, []float64{1e-5, 2e-4, 0.05}},
	{"near zero", 1e-7, -1e-7, []float64{1e-3, 1, 5, -3}},
	{"tiny", 1e-20, 1e-30, []float64{1, 7}},
	{"zero", 0, 0, []float64{0, 1, 7, -2}},
	{"real", -2, 0, []float64{0.01, 1, 6}},
	{"slow", 1e-3, 2e-3, []float64{1e-4, 1, 3}},
	{"turn of 2 pi", 0, 2 * math.Pi, []float64{1, 2}},
}

// TestPairsAgainstIntegrator compares the float64 reference and the float32
// evaluation, value and rate, with a Runge-Kutta integration.
func TestPairsAgainstIntegrator(t *testing.T) {
	for _, c := range pairCases {
		// Round the rates to float32: the same system for both.
		s, w := float64(float32(c.sigma)), float64(float32(c.omega))
		a := []float64{s, -w, w, s}
		z0, b := []float64{0.75, -1.25}, []float64{0.5, 2}
		if c.sigma < -100 {
			b[0], b[1] = 4000, -7000 // keep the fixed point visible
		}
		for _, tt := range c.times {
			tt = float64(float32(tt))
			want := integrate(affine(a, b), z0, tt, 1e-11)
			rate := make([]float64, 2)
			affine(a, b)(want, rate)
			z, dz := PairAt(s, w, complex(z0[0], z0[1]), complex(b[0], b[1]), tt)
			requireClose(t, want, []float64{real(z), imag(z)}, 1e-8, c.name)
			var y, dy [2][1]float32
			for i := range y {
				r := []float32{0, 0}
				r[i] = 1
				EvalPairs(y[i][:], dy[i][:], []float32{float32(s)}, []float32{float32(w)},
					[]float32{float32(z0[0]), float32(z0[1])}, []float32{float32(b[0]), float32(b[1])}, r, []float32{float32(tt)})
			}
			requireClose(t, want, []float64{float64(y[0][0]), float64(y[1][0])}, 1e-5, c.name)
			// A rate that has decayed is compared on the scale it started from.
			scale := max(cmplx.Abs(dz), 1e-6*cmplx.Abs(complex(s, w)*complex(z0[0], z0[1])+complex(b[0], b[1])))
			require.InDelta(t, real(dz), float64(dy[0][0]), 1e-5*scale, c.name)
			require.InDelta(t, imag(dz), float64(dy[1][0]), 1e-5*scale, c.name)
			require.InDelta(t, rate[0], real(dz), 1e-6*(1+math.Abs(s)+math.Abs(w))*(1+math.Abs(want[0])+math.Abs(want[1])), c.name)
			require.InDelta(t, rate[1], imag(dz), 1e-6*(1+math.Abs(s)+math.Abs(w))*(1+math.Abs(want[0])+math.Abs(want[1])), c.name)
		}
	}
}

// TestStiffFixedPoint: with sigma*t = -1e4 the state is -b/lambda exactly.
func TestStiffFixedPoint(t *testing.T) {
	var y, rate [3]float32
	EvalPairs(y[:], rate[:], []float32{-1e4}, []float32{0}, []float32{3, 4}, []float32{1e4, 2e4}, []float32{1, 1}, []float32{1, 50, 1e30})
	require.Equal(t, [3]float32{3, 3, 3}, y)
	require.Equal(t, [3]float32{0, 0, 0}, rate)
}

// TestGrowthIsClamped: far beyond the limit the values are those at the limit.
func TestGrowthIsClamped(t *testing.T) {
	var y, rate [2]float32
	EvalPairs(y[:], rate[:], []float32{1}, []float32{0}, []float32{1, 0}, []float32{0, 0}, []float32{1, 0}, []float32{80, 1e6})
	require.InEpsilon(t, math.Exp(80), float64(y[0]), 1e-5)
	require.Equal(t, y[0], y[1])
	require.Equal(t, rate[0], rate[1])
}

func TestEvalPairsBlocksAndAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const pairs, n = 5, 3*64 + 7
	v := func(k int) []float32 {
		x := make([]float32, k)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	sigma, omega, z0, b, c, tau := v(pairs), v(pairs), v(2*pairs), v(2*pairs), v(2*pairs), v(n)
	y, rate := make([]float32, n), make([]float32, n)
	allocs.RequireNone(t, 10, func() { EvalPairs(y, rate, sigma, omega, z0, b, c, tau) })
	for q, tt := range tau {
		var want, dwant complex128
		for p := range sigma {
			z, dz := PairAt(float64(sigma[p]), float64(omega[p]), complex(float64(z0[2*p]), float64(z0[2*p+1])),
				complex(float64(b[2*p]), float64(b[2*p+1])), float64(tt))
			cc := complex(float64(c[2*p]), -float64(c[2*p+1]))
			want += cc * z
			dwant += cc * dz
		}
		require.InDelta(t, real(want), float64(y[q]), 1e-5*(1+math.Abs(real(want))*3))
		require.InDelta(t, real(dwant), float64(rate[q]), 1e-5*(1+math.Abs(real(dwant))*3))
		// One at a time gives the same bits as in a block.
		var one, done [1]float32
		EvalPairs(one[:], done[:], sigma, omega, z0, b, c, tau[q:q+1])
		require.Equal(t, y[q], one[0])
		require.Equal(t, rate[q], done[0])
	}
	require.Panics(t, func() { EvalPairs(y[:1], nil, sigma, omega, z0, b, c, tau) })
	require.Panics(t, func() { EvalPairs(y, nil, sigma, omega, z0[:3], b, c, tau) })
}

// taylor applies a scheme of exp to a scalar by way of its matrix code, with
// the limits set so that one degree serves.
func TestPolynomialCoefficients(t *testing.T) {
	// A nilpotent shift of order 20 shows every Taylor coefficient separately:
	// entry (0,k) of p(N) is the coefficient of x^k.
	const n = 20
	for want, degree := range []int{1, 2, 4, 8, 12, 18} {
		x := make([]float64, n*n)
		for i := 0; i+1 < n; i++ {
			x[i*n+i+1] = 1
		}
		limits := [6]float64{}
		for i := want; i < 6; i++ {
			limits[i] = 2
		}
		e := dual{n: n, val: n * n}
		e.exp(x, x, make([]float64, expmBuffers*n*n), &limits)
		coef := 1.0
		for k := 0; k < n; k++ {
			if k > 0 {
				coef /= float64(k)
			}
			if k <= degree {
				require.InDelta(t, coef, x[k], 1e-14, "degree %d, x^%d", degree, k)
			} else {
				// The scheme of degree 12 or 18 has higher terms, small by design.
				require.InDelta(t, 0, x[k], 1e-10, "degree %d, x^%d", degree, k)
			}
		}
		if degree == 18 {
			require.InEpsilon(t, 1/math.Gamma(19), x[18], 1e-6)
		}
	}
}

var denseCases = []struct {
	name string
	a, b []float64
	n    int
	t    []float64
}{
	{"defective", []float64{-1, 1, 0, 0, -1, 1, 0, 0, -1}, []float64{1, 0, 2}, 3, []float64{0.1, 1, 5, -1}},
	{"nilpotent", []float64{0, 1, 0, 0}, []float64{0, 1}, 2, []float64{1, 10, -4}},
	{"stiff", []float64{-1e4, 3, 0, 2, -1, 1, 0, -1, -0.5}, []float64{1e4, 0, 1}, 3, []float64{1e-4, 0.02, 0.2}},
	{"oscillatory", []float64{0, 1, -900, -0.1}, []float64{1, 0}, 2, []float64{0.01, 0.5, 2, -0.3}},
	{"near zero", []float64{1e-9, 2e-9, 0, -1e-9}, []float64{1, -1}, 2, []float64{1e-3, 1, 3}},
	{"zero", make([]float64, 4), []float64{1, -1}, 2, []float64{0, 2}},
	{"large drive", []float64{-1, 0.2, 0.1, -2}, []float64{3e4, -1e5}, 2, []float64{0.1, 1, 3}},
}

func TestDenseAgainstIntegrator(t *testing.T) {
	w := NewDense(3)
	for _, c := range denseCases {
		z0 := []float64{1, -0.5, 0.25}[:c.n]
		for _, tt := range c.t {
			want := integrate(affine(c.a, c.b), z0, tt, 1e-11)
			z, rate := make([]float64, c.n), make([]float64, c.n)
			w.State(z, rate, c.a, z0, c.b, tt)
			requireClose(t, want, z, 1e-8, c.name)
			dwant := make([]float64, c.n)
			affine(c.a, c.b)(z, dwant)
			scale := 0.0
			for i, v := range c.a {
				scale = max(scale, math.Abs(v*z[i%c.n]), math.Abs(c.b[i%c.n]))
			}
			for i := range rate {
				require.InDelta(t, dwant[i], rate[i], 1e-9*scale, c.name)
			}
		}
	}
	allocs.RequireNone(t, 5, func() {
		var z, dz [3]float64
		w.State(z[:], dz[:], denseCases[0].a, []float64{1, 2, 3}, denseCases[0].b, 0.7)
	})
}
