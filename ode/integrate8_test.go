package ode

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExplicit8(t *testing.T) {
	for _, p := range problems() {
		times := grid(p.t0, p.end, 101)
		n := len(p.x0)
		got, want := make([]float64, n*len(times)), make([]float64, n)
		var w Integrator
		st, err := w.Solve(got, p.rhs, p.x0, p.t0, times, Options{RTol: 1e-10, ATol: 1e-12, Method: Explicit8, MaxSteps: 200000})
		require.NoError(t, err, p.name)
		worst := 0.0
		for i, at := range times {
			p.exact(at, want)
			for c := range want {
				worst = max(worst, math.Abs(got[i*n+c]-want[c])/(1+math.Abs(want[c])))
			}
		}
		t.Logf("%s: error %.1e, %+v", p.name, worst, st)
		require.Less(t, worst, 3e-8, p.name)
	}
	blowUp := func(_ float64, x, dx []float64) { dx[0] = x[0] * x[0] }
	_, err := Integrate(blowUp, []float64{1}, 0, []float64{0, 2}, Options{Method: Explicit8, Bound: 1e6})
	require.ErrorIs(t, err, ErrBound)
	_, err = Integrate(blowUp, []float64{1}, 0, []float64{0, 2}, Options{Method: Explicit8})
	require.Error(t, err)
	_, err = Integrate(func(t float64, _, dx []float64) { dx[0] = math.Sin(1000 * t) }, []float64{0}, 0, []float64{0, 1000}, Options{Method: Explicit8, MaxSteps: 100})
	require.ErrorIs(t, err, ErrSteps)
	_, err = Integrate(func(_ float64, x, dx []float64) { dx[0] = math.Sqrt(x[0] - 2) }, []float64{1}, 0, []float64{0, 1}, Options{Method: Explicit8})
	require.ErrorIs(t, err, ErrBound)
	got, err := Integrate(func(_ float64, _, dx []float64) { dx[0] = 1 }, []float64{5}, 1, []float64{1, 1, 2, 2, 3}, Options{Method: Explicit8})
	require.NoError(t, err)
	for i, want := range []float64{5, 5, 6, 6, 7} {
		require.InDelta(t, want, got[i][0], 1e-12)
	}
}

// The values between steps have order 7, those at steps order 8.
func TestOrder8(t *testing.T) {
	rhs := func(t float64, x, dx []float64) {
		dx[0], dx[1] = x[1], -math.Sin(x[0])+0.3*math.Cos(1.3*t)
	}
	x0, times := []float64{1.2, 0}, grid(0, 10, 397)
	ref, err := Integrate(rhs, x0, 0, times, Options{RTol: 1e-14, ATol: 1e-14, Method: Explicit8})
	require.NoError(t, err)
	errAt := func(h float64) float64 {
		got, err := Integrate(rhs, x0, 0, times, Options{RTol: 1, ATol: 1e3, MaxStep: h, Method: Explicit8})
		require.NoError(t, err)
		worst := 0.0
		for i := range got {
			if times[i] > 3 {
				worst = max(worst, math.Abs(got[i][0]-ref[i][0]))
			}
		}
		return worst
	}
	coarse, fine := errAt(0.8), errAt(0.4)
	t.Logf("errors %.2e %.2e, order %.2f", coarse, fine, math.Log2(coarse/fine))
	require.Greater(t, math.Log2(coarse/fine), 6.5)
}

// Auto switches from order 8, too.
func TestAutoLeavesOrder8(t *testing.T) {
	p := problems()[4]
	var w Integrator
	st, err := w.Solve(make([]float64, 101), p.rhs, p.x0, p.t0, grid(p.t0, p.end, 101), Options{RTol: 1e-7, ATol: 1e-9})
	require.NoError(t, err)
	require.True(t, st.Implicit)
}
