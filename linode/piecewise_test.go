package linode

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// vanDerPol is a relaxation oscillator: long slow stretches, then fast jumps.
func vanDerPol(mu float64) Field {
	return func(x, dx []float64) {
		dx[0] = x[1]
		dx[1] = mu*(1-x[0]*x[0])*x[1] - x[0]
	}
}

// runge integrates by the classical method of Runge and Kutta in small steps.
func runge(f Field, x []float64, span float64, steps int) []float64 {
	n := len(x)
	x = append([]float64(nil), x...)
	h := span / float64(steps)
	var k [4][]float64
	for i := range k {
		k[i] = make([]float64, n)
	}
	y := make([]float64, n)
	for range steps {
		for s, c := range [4]float64{0, h / 2, h / 2, h} {
			for i := range y {
				y[i] = x[i]
				if s > 0 {
					y[i] += c * k[s-1][i]
				}
			}
			f(y, k[s])
		}
		for i := range x {
			x[i] += h / 6 * (k[0][i] + 2*k[1][i] + 2*k[2][i] + k[3][i])
		}
	}
	return x
}

// windowErrors returns, per window, the distance of its end from the solution
// through its start.
func windowErrors(f Field, p *Pieces, steps int) []float64 {
	var out []float64
	for i := range p.Windows {
		w := &p.Windows[i]
		want := runge(f, w.Start, w.Span, steps)
		got := make([]float64, len(want))
		w.at(p.work, got, nil, w.Span)
		worst := 0.
		for j := range got {
			worst = max(worst, math.Abs(got[j]-want[j]))
		}
		out = append(out, worst)
	}
	return out
}

// A linear field is represented exactly, by one window, however stiff.
func TestLinearPiecesExact(t *testing.T) {
	f := func(x, dx []float64) {
		dx[0] = -1e4*x[0] + 3*x[1] + 2
		dx[1] = -x[1] + .5*x[2]
		dx[2] = -.5 * x[1]
	}
	p, err := LinearPieces(f, []float64{1, 2, -1}, 0, 4, PiecesOptions{Tolerance: 1e-6, Windows: 1})
	require.NoError(t, err)
	require.Len(t, p.Windows, 1)
	require.Less(t, p.Windows[0].Error, 1e-6)
	x, rate, dx := make([]float64, 3), make([]float64, 3), make([]float64, 3)
	for _, at := range []float64{0, 1e-5, .1, 1, 3.7} {
		p.State(x, rate, at)
		want := runge(f, []float64{1, 2, -1}, at, 40000)
		f(x, dx)
		for i := range x {
			require.InDelta(t, want[i], x[i], 2e-7)
			require.InDelta(t, dx[i], rate[i], 1e-5*(1+math.Abs(dx[i])))
		}
	}
}

// The local error is of third order, the global one of second, and the estimate
// is near the local error.
func TestLinearPiecesOrder(t *testing.T) {
	pendulum := func(x, dx []float64) { dx[0], dx[1] = x[1], -math.Sin(x[0]) }
	x0 := []float64{2.5, 0}
	var local, global []float64
	x := make([]float64, 2)
	for _, n := range []int{256, 512, 1024} {
		p, err := LinearPieces(pendulum, x0, 0, 8, PiecesOptions{Windows: n})
		require.NoError(t, err)
		require.Len(t, p.Windows, n)
		require.Equal(t, n, p.Tried)
		require.Equal(t, n*(2*5+4), p.Evaluations)
		far := 0.
		for at := .25; at <= 8; at += .25 {
			p.State(x, nil, at)
			want := runge(pendulum, x0, at, 2000)
			far = max(far, math.Hypot(x[0]-want[0], x[1]-want[1]))
		}
		global = append(global, far)
		worst, largest := 0., 0.
		errs := windowErrors(pendulum, p, 20)
		for i, e := range errs {
			worst, largest = max(worst, e), max(largest, p.Windows[i].Error)
		}
		for i, e := range errs {
			require.Greater(t, p.Windows[i].Error+1e-2*largest, .75*e, "window %d of %d", i, n)
		}
		// Where the leading term vanishes at the end of a window the estimate is
		// that of its inside; the largest is sharp.
		require.InDelta(t, 1, largest/worst, .1)
		local = append(local, worst)
	}
	for i := 1; i < 3; i++ {
		require.InDelta(t, 3, math.Log2(local[i-1]/local[i]), .15)
		require.InDelta(t, 2, math.Log2(global[i-1]/global[i]), .15)
	}
}

// With a tolerance, windows keep to it and are fewer than uniform ones that do.
func TestLinearPiecesAdaptive(t *testing.T) {
	f := vanDerPol(8)
	x0 := []float64{2, 0}
	const tol = 1e-4
	p, err := LinearPieces(f, x0, 0, 20, PiecesOptions{Tolerance: tol})
	require.NoError(t, err)
	worst := 0.
	for _, e := range windowErrors(f, p, 200) {
		worst = max(worst, e)
	}
	require.Less(t, worst, 1.2*tol)
	for i := range p.Windows {
		w := p.Windows[i]
		require.LessOrEqual(t, w.Error, tol)
		if i > 0 { // continuous
			before := p.Windows[i-1]
			require.Equal(t, before.Time+before.Span, w.Time)
			x := make([]float64, 2)
			before.at(p.work, x, nil, before.Span)
			require.Equal(t, w.Start, x)
		}
	}
	last := p.Windows[len(p.Windows)-1]
	require.InDelta(t, 20, last.Time+last.Span, 1e-12)
	// Three times as many uniform windows do not reach it.
	u, err := LinearPieces(f, x0, 0, 20, PiecesOptions{Windows: 3 * len(p.Windows)})
	require.NoError(t, err)
	uniform := 0.
	for _, e := range windowErrors(f, u, 200) {
		uniform = max(uniform, e)
	}
	require.Greater(t, uniform, tol)

	limited, err := LinearPieces(f, x0, 0, 20, PiecesOptions{Tolerance: tol, MaxSpan: .05})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(limited.Windows), 400)
}

// Time as a state carries a drive's slope; its error does not count.
func TestLinearPiecesDriven(t *testing.T) {
	f := Driven(func(t float64, x, dx []float64) { dx[0] = -2*x[0] + 3*t })
	p, err := LinearPieces(f, []float64{1, 5}, 5, 9, PiecesOptions{Tolerance: 1e-6, Windows: 1, Scale: []float64{1, math.Inf(1)}})
	require.NoError(t, err)
	require.Len(t, p.Windows, 1) // linear in state and time
	x := make([]float64, 2)
	p.State(x, nil, 6)
	// x = 1.5 t - 0.75 + c e^(-2 t)
	c := 1 - (1.5*5 - .75)
	require.InDelta(t, 1.5*6-.75+c*math.Exp(-2), x[0], 1e-8)
	require.InDelta(t, 6, x[1], 1e-12)
	require.Zero(t, testing.AllocsPerRun(10, func() { p.State(x, nil, 7) }))
}

func TestLinearPiecesErrors(t *testing.T) {
	f := vanDerPol(8)
	x0 := []float64{2, 0}
	for name, c := range map[string]struct {
		end float64
		opt PiecesOptions
	}{
		"finite span":      {end: -1},
		"none negative":    {end: 1, opt: PiecesOptions{Tolerance: -1}},
		"Scale[1] is 0":    {end: 1, opt: PiecesOptions{Scale: []float64{1, 0}}},
		"3 windows reach":  {end: 20, opt: PiecesOptions{Tolerance: 1e-6, MaxWindows: 3}},
		"2 windows reach":  {end: 20, opt: PiecesOptions{Windows: 5, MaxWindows: 2}},
		"options {Toleran": {end: 1, opt: PiecesOptions{Windows: -1}},
	} {
		_, err := LinearPieces(f, x0, 0, c.end, c.opt)
		require.ErrorContains(t, err, name)
	}
	_, err := LinearPieces(func(x, dx []float64) { dx[0] = math.Sqrt(x[0]) }, []float64{-1}, 0, 1, PiecesOptions{})
	require.ErrorContains(t, err, "not finite")
	// A solution that ends before the span does.
	_, err = LinearPieces(func(x, dx []float64) { dx[0] = x[0] * x[0] }, []float64{1}, 0, 2, PiecesOptions{Tolerance: 1e-4, MaxWindows: 5000})
	require.Error(t, err)
	_, err = LinearPieces(func(x, dx []float64) { dx[0] = 1e4 * x[0] * x[0] }, []float64{1}, 0, 2, PiecesOptions{Windows: 1})
	require.ErrorContains(t, err, "overflows")
	require.Panics(t, func() { _, _ = LinearPieces(f, make([]float64, 17), 0, 1, PiecesOptions{}) })
	require.Panics(t, func() { _, _ = LinearPieces(f, x0, 0, 1, PiecesOptions{Scale: []float64{1}}) })
	p, err := LinearPieces(f, x0, 0, 1, PiecesOptions{})
	require.NoError(t, err)
	require.Panics(t, func() { p.State(make([]float64, 1), nil, 0) })
}
