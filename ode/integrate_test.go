package ode

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func grid(lo, hi float64, n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return t
}

// problem has a known solution.
type problem struct {
	name  string
	rhs   func(t float64, x, dx []float64)
	x0    []float64
	t0    float64
	end   float64
	exact func(t float64, x []float64)
}

func problems() []problem {
	return []problem{
		{"oscillator", func(_ float64, x, dx []float64) { dx[0], dx[1] = x[1], -x[0] }, []float64{1, 0}, 0, 20,
			func(t float64, x []float64) { x[0], x[1] = math.Cos(t), -math.Sin(t) }},
		{"time dependent", func(t float64, x, dx []float64) { dx[0] = -2*t*x[0] + math.Cos(t) - 0*x[0] + 2*t*math.Sin(t) }, []float64{1}, 0, 5,
			func(t float64, x []float64) { x[0] = math.Sin(t) + math.Exp(-t*t) }},
		{"nonlinear", func(t float64, x, dx []float64) { dx[0] = -x[0] * x[0] * (1 + t) }, []float64{1}, 0, 10,
			func(t float64, x []float64) { x[0] = 1 / (1 + t + t*t/2) }},
		{"late start", func(t float64, x, dx []float64) { dx[0] = x[0] / t }, []float64{3}, 3, 8,
			func(t float64, x []float64) { x[0] = t }},
		// Prothero and Robinson: stiff, with time dependence.
		{"stiff", func(t float64, x, dx []float64) { dx[0] = -1e4*(x[0]-math.Sin(t)) + math.Cos(t) }, []float64{2}, 0, 10,
			func(t float64, x []float64) { x[0] = math.Sin(t) + 2*math.Exp(-1e4*t) }},
		{"stiff pair", func(_ float64, x, dx []float64) {
			dx[0] = 998*x[0] + 1998*x[1]
			dx[1] = -999*x[0] - 1999*x[1]
		}, []float64{1, 0}, 0, 5,
			func(t float64, x []float64) {
				a, b := math.Exp(-t), math.Exp(-1000*t)
				x[0], x[1] = 2*a-b, -a+b
			}},
	}
}

func TestIntegratorsAgainstExactSolutions(t *testing.T) {
	for _, p := range problems() {
		for _, m := range []Method{Auto, Explicit, Implicit} {
			times := grid(p.t0, p.end, 101)
			var w Integrator
			n := len(p.x0)
			got := make([]float64, n*len(times))
			st, err := w.Solve(got, p.rhs, p.x0, p.t0, times, Options{RTol: 1e-8, ATol: 1e-10, Method: m, MaxSteps: 200000})
			require.NoError(t, err, p.name)
			want := make([]float64, n)
			worst := 0.0
			for i, at := range times {
				p.exact(at, want)
				for c := range want {
					worst = max(worst, math.Abs(got[i*n+c]-want[c])/(1+math.Abs(want[c])))
				}
			}
			require.Less(t, worst, 2e-6, "%s with method %d, %+v", p.name, m, st)
			if p.name == "stiff" && m == Auto {
				require.True(t, st.Implicit, "stiffness is detected")
				require.Less(t, st.Evaluations, 100000, "the explicit method needs over 200000")
			}
		}
	}
}

// The error of the values between steps, too, must fall as the tolerance does,
// with the order of the method: error ~ steps^-order.
func TestOrders(t *testing.T) {
	rhs := func(t float64, x, dx []float64) {
		dx[0], dx[1] = x[1], -math.Sin(x[0])+0.3*math.Cos(1.3*t)
	}
	x0, times := []float64{1.2, 0}, grid(0, 10, 397)
	ref, err := Integrate(rhs, x0, 0, times, Options{RTol: 1e-13, ATol: 1e-14, Method: Explicit})
	require.NoError(t, err)
	for _, c := range []struct {
		m    Method
		h    float64
		want float64
	}{{Explicit, 0.2, 3.7}, {Implicit, 0.1, 2.7}} {
		errAt := func(h float64) float64 {
			// A tolerance without effect: all steps have size MaxStep.
			got, err := Integrate(rhs, x0, 0, times, Options{RTol: 1, ATol: 1e3, MaxStep: h, Method: c.m})
			require.NoError(t, err)
			worst := 0.0
			for i := range got {
				if times[i] > 1 { // past the short first steps
					worst = max(worst, math.Abs(got[i][0]-ref[i][0]))
				}
			}
			return worst
		}
		coarse, fine := errAt(c.h), errAt(c.h/4)
		order := math.Log(coarse/fine) / math.Log(4)
		t.Logf("method %d: errors %.2e %.2e, order %.2f", c.m, coarse, fine, order)
		require.Greater(t, order, c.want)
		require.Less(t, order, 6.0)
		require.Less(t, fine, 1e-5)
	}
}

func TestRobertson(t *testing.T) {
	rhs := func(_ float64, x, dx []float64) {
		a, b, c := 0.04*x[0], 1e4*x[1]*x[2], 3e7*x[1]*x[1]
		dx[0], dx[1], dx[2] = b-a, a-b-c, c
	}
	times := []float64{0.4, 4, 40, 400, 4000, 40000}
	// Reference: Hairer and Wanner / LSODE demonstration values.
	want := [][3]float64{
		{9.851721e-01, 3.386395e-05, 1.479402e-02},
		{9.055186e-01, 2.240475e-05, 9.445891e-02},
		{7.158270e-01, 9.185535e-06, 2.841638e-01},
		{4.505186e-01, 3.222901e-06, 5.494782e-01},
		{1.831975e-01, 8.942369e-07, 8.168016e-01},
		{3.898730e-02, 1.621940e-07, 9.610125e-01},
	}
	for _, m := range []Method{Implicit, Auto} {
		var w Integrator
		got := make([]float64, 18)
		st, err := w.Solve(got, rhs, []float64{1, 0, 0}, 0, times, Options{RTol: 1e-6, ATol: 1e-10, Scale: []float64{1, 1e-4, 1}, Method: m})
		require.NoError(t, err)
		require.True(t, st.Implicit)
		for i := range want {
			for c := range 3 {
				require.InEpsilon(t, want[i][c], got[i*3+c], 3e-4, "method %d, t=%v, component %d", m, times[i], c)
			}
		}
		require.Less(t, st.Steps, 1500)
	}
}

func TestIntegrationLimits(t *testing.T) {
	blowUp := func(_ float64, x, dx []float64) { dx[0] = x[0] * x[0] }
	for _, m := range []Method{Auto, Explicit, Implicit} {
		_, err := Integrate(blowUp, []float64{1}, 0, []float64{0, 2}, Options{Method: m, Bound: 1e6})
		require.ErrorIs(t, err, ErrBound)
		_, err = Integrate(blowUp, []float64{1}, 0, []float64{0, 2}, Options{Method: m})
		require.Error(t, err)
		_, err = Integrate(func(t float64, _, dx []float64) { dx[0] = math.Sin(1000 * t) }, []float64{0}, 0, []float64{0, 1000}, Options{Method: m, MaxSteps: 100})
		require.ErrorIs(t, err, ErrSteps)
		_, err = Integrate(func(_ float64, x, dx []float64) { dx[0] = math.Sqrt(x[0] - 2) }, []float64{1}, 0, []float64{0, 1}, Options{Method: m})
		require.ErrorIs(t, err, ErrBound)
	}
	require.Panics(t, func() { _, _ = Integrate(blowUp, []float64{1}, 0, []float64{1, 0}, Options{}) })
	for _, opt := range []Options{{Scale: []float64{}}, {Scale: []float64{1, 1}}, {Method: 99}, {Method: -1}} {
		require.Panics(t, func() { _, _ = Integrate(blowUp, []float64{1}, 0, []float64{0, .1}, opt) })
	}
	require.Panics(t, func() {
		var w Integrator
		_, _ = w.Solve(make([]float64, 3), blowUp, []float64{1}, 0, []float64{0, 1}, Options{})
	})
	// Times that repeat, and the start itself.
	got, err := Integrate(func(_ float64, _, dx []float64) { dx[0] = 1 }, []float64{5}, 1, []float64{1, 1, 2, 2, 3}, Options{})
	require.NoError(t, err)
	for i, want := range []float64{5, 5, 6, 6, 7} {
		require.InDelta(t, want, got[i][0], 1e-12)
	}
}

// Neither the methods alone nor the change from an explicit one to the implicit
// one allocate, with the equations that are stiff and with those that are not.
func TestSolveDoesNotAllocate(t *testing.T) {
	for _, p := range []problem{problems()[0], problems()[4]} {
		times := grid(0, 1, 50)
		dst := make([]float64, 50*len(p.x0))
		var w Integrator
		for _, m := range []Method{Auto, Explicit, Explicit8, Implicit} {
			for _, tolerance := range []float64{1e-5, 1e-7} { // Auto begins with order 5 and with order 8
				opt := Options{Method: m, MaxSteps: 20000, RTol: tolerance}
				require.Zero(t, testing.AllocsPerRun(3, func() {
					if _, err := w.Solve(dst, p.rhs, p.x0, 0, times, opt); err != nil {
						t.Error(err)
					}
				}), "%s, method %d, tolerance %v", p.name, m, tolerance)
			}
		}
	}
}

func BenchmarkSolve(b *testing.B) {
	rhs := func(t float64, x, dx []float64) { dx[0], dx[1] = x[1], -math.Sin(x[0])-0.1*x[1] }
	times, x0 := grid(0, 60, 601), []float64{2, 0}
	dst := make([]float64, 1202)
	var w Integrator
	for _, c := range []struct {
		name string
		m    Method
	}{{"explicit", Explicit}, {"implicit", Implicit}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Solve(dst, rhs, x0, 0, times, Options{Method: c.m}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestStepPowers(t *testing.T) {
	for _, x := range []float64{1e-300, 1e-12, 1e-4, .3, .5, .70710678, .7071068, 1, 1.4142135, 1.4142136, 2, 3, 1e30} {
		require.InDelta(t, math.Log2(x), log2(x), 1e-7, "log2(%g)", x)
	}
	require.Less(t, log2(0), -1000.)
	for x := -200.; x <= 200; x += .0937 {
		require.InEpsilon(t, math.Exp2(x), exp2(x), 2e-7, "exp2(%g)", x)
	}
}
