package classical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// sampled draws n irregular observations of f on [0, span] with noise, the ends
// among them.
func sampled(r *rand.Rand, n int, span, noise float64, f func(t float64) float64) (t, y []float64) {
	t = make([]float64, n)
	for i := range t {
		t[i] = span * (float64(i) + .8*(r.Float64()-.5)) / float64(n-1)
	}
	t[0], t[n-1] = 0, span
	for _, u := range t {
		y = append(y, f(u)+noise*r.NormFloat64())
	}
	return t, y
}

// Equal steps have closed forms of the same sums, angles that repeat after few rows included.
func TestSeriesSumsOfEqualSteps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{3, 10, 128, 255} {
		at, y := make([]float64, n), make([]float64, n)
		for i := range at {
			at[i] = 900 + .1*float64(i)
			y[i] = r.NormFloat64()
		}
		step := equalStep(at)
		require.InDelta(t, .1, step, 1e-12)
		for _, turns := range []float64{.003, .1, 1. / 6, .25, .5, .5 + 1e-5, .77, 1} {
			s := cycle{theta: 2 * math.Pi * turns / .1, centre: 905}
			var c, d, rhs, wantC, wantD, want [2*harmonics + 1]float64
			sum := s.regularSums(at, y, step, .2, &c, &d, &rhs)
			require.InDelta(t, s.sums(at, y, .2, &wantC, &wantD, &want), sum, 1e-9)
			for k := range c {
				require.InDelta(t, wantC[k], c[k], 1e-8*float64(n), "cosines %d of %d rows, %v turns a step", k, n, turns)
				require.InDelta(t, wantD[k], d[k], 1e-8*float64(n), "sines %d of %d rows, %v turns a step", k, n, turns)
				require.InDelta(t, want[k], rhs[k], 1e-8*float64(n), "product %d of %d rows, %v turns a step", k, n, turns)
			}
		}
	}
	require.Zero(t, equalStep([]float64{0, 1, 2.001, 3}))
	require.Zero(t, equalStep([]float64{0, 1}))
}

// TestSeriesSolve compares coefficients and determinant of a Fourier series with
// those of a dense solution that evaluates every function at every time.
func TestSeriesSolve(t *testing.T) {
	const p = 2*harmonics + 1
	r := rand.New(rand.NewPCG(1, 2))
	at, y := sampled(r, 40, 7, .1, math.Sin)
	s := cycle{theta: 1.3, centre: 3.5}
	var gram seriesFactor
	var rhs [p]float64
	square := s.products(at, y, equalStep(at), .2, &gram, &rhs)

	basis := func(t float64) (q [p]float64) {
		q[0] = 1
		for k := 1; k <= harmonics; k++ {
			q[harmonics+k], q[k] = math.Sincos(float64(k) * s.theta * (t - s.centre))
		}
		return q
	}
	a := make([][]float64, p)
	b := make([]float64, p)
	sum := 0.
	for i := range a {
		a[i] = make([]float64, p)
		h := i
		if h > harmonics {
			h -= harmonics
		}
		a[i][i] = .03 / harmonicPrior[h]
	}
	for i, u := range at {
		q := basis(u)
		v := y[i] - .2
		sum += v * v
		for k := range q {
			b[k] += q[k] * v
			for l := range q {
				a[k][l] += q[k] * q[l]
			}
		}
	}
	require.InDelta(t, sum, square, 1e-9)
	logdet := gram.solve(.03, &rhs)
	want := 0.
	for i := range a { // elimination
		want += math.Log(a[i][i])
		for k := i + 1; k < p; k++ {
			f := a[k][i] / a[i][i]
			for l := i; l < p; l++ {
				a[k][l] -= f * a[i][l]
			}
			b[k] -= f * b[i]
		}
	}
	for i := p - 1; i >= 0; i-- {
		for l := i + 1; l < p; l++ {
			b[i] -= a[i][l] * b[l]
		}
		b[i] /= a[i][i]
	}
	require.InDelta(t, want, logdet, 1e-8)
	for i := range b {
		require.InDelta(t, b[i], rhs[i], 1e-9)
	}
	s.coef = rhs
	v, rate := s.series(2.2)
	up, _ := s.series(2.2 + 1e-6)
	down, _ := s.series(2.2 - 1e-6)
	require.InDelta(t, (up-down)/2e-6, rate, 1e-5)
	direct := 0.
	for k, f := range basis(2.2) {
		direct += f * rhs[k]
	}
	require.InDelta(t, direct, v, 1e-10)
}

// A sparse periodic signal is known from other periods: the interpolant with a
// period must find it, from a wrong first guess, and its error on observations
// left out must say so.
func TestCycleFindsThePeriod(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	f := func(t float64) float64 { return math.Sin(t) + .5*math.Sin(2*t+1) }
	const span = 60. // nearly ten periods, four observations in each
	times, y := sampled(r, 40, span, .03, f)
	b := NewBank()
	b.Fit(times, y, 1, span)
	var square [NumInside]float64
	const n = 500
	for i := range n {
		var v, rate [NumInside]float64
		u := span * (float64(i) + .5) / n
		b.Inside(v[:], rate[:], 0, u)
		for q, x := range v {
			square[q] += (x - f(u)) * (x - f(u)) / n
		}
	}
	require.Less(t, square[insideCycle], .1*square[insideProcess])
	require.Less(t, square[insideCycle], .01)
	var e [NumInside]float32
	b.InsideError(0, e[:])
	for q := range e {
		if q != insideCycle && q != insideTones {
			require.Less(t, e[insideCycle], e[q]-.3)
		}
	}
}

// Errors on observations left out must come near those on the truth in between,
// for signals with and without a period and for noise.
func TestInsideErrorForetells(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for name, f := range map[string]func(float64) float64{
		"growth": func(t float64) float64 { return math.Exp(.1*t) / 5 },
		"waves":  func(t float64) float64 { return math.Sin(t) * math.Cos(.31*t*t/10) },
		"steps":  func(t float64) float64 { return math.Floor(t / 3) },
	} {
		times, y := sampled(r, 90, 20, .05, f)
		b := NewBank()
		b.Fit(times, y, 1, 20)
		var e [NumInside]float32
		b.InsideError(0, e[:])
		mean, std := 0., 0.
		for _, v := range y {
			mean += v / float64(len(y))
		}
		for _, v := range y {
			std += (v - mean) * (v - mean) / float64(len(y))
		}
		std = math.Sqrt(std)
		var square [NumInside]float64
		const n = 800
		for i := range n {
			var v [NumInside]float64
			u := .2 + 19.6*float64(i)/n
			b.Inside(v[:], nil, 0, u)
			for q, x := range v {
				// A left-out observation has its noise.
				d := f(u) - x
				square[q] += (d*d + .05*.05) / n
			}
		}
		for q, v := range square {
			got, want := math.Pow(10, float64(e[q]))*std, math.Sqrt(v)
			require.InDelta(t, 1, got/want, .8, "%s, interpolant %d: error %v, foretold %v", name, q, want, got)
		}
	}
}

// Regular clean contexts and such of a few rows are not judged, and their last
// interpolants are others again.
func TestInsideNotJudged(t *testing.T) {
	b := NewBank()
	for _, n := range []int{1, 2, 3, 5, 8, 200} {
		times, y := make([]float64, n), make([]float64, n)
		for i := range times {
			times[i] = float64(i)
			y[i] = math.Sin(.1 * float64(i))
		}
		b.Fit(times, y, 1, times[n-1])
		var e [NumInside]float32
		b.InsideError(0, e[:])
		var v [NumInside]float64
		b.Inside(v[:], nil, 0, .5*times[n-1])
		require.Equal(t, v[insideProcess], v[insideCycle])
		require.Equal(t, v[insideProcess], v[insideTones])
		if n < 4 || n == 200 {
			for _, x := range e {
				require.Equal(t, float32(-5), x)
			}
		}
	}
}
