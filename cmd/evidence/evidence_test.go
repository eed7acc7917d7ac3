package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
)

// pendulum is a subject whose properties are known.
func pendulum(t *testing.T) *subject {
	s, err := newSubject("pendulum", oscillating, ode.System{
		Dim: 2, X0: []float64{1.5, 0}, Span: 10,
		RHS: func(_ float64, x, dx []float64) { dx[0], dx[1] = x[1], -math.Sin(x[0]) },
	})
	require.NoError(t, err)
	return s
}

// The orders are those of theory, no error is over its bound, and the bounds are
// not vacuous.
func TestFidelityOfPendulum(t *testing.T) {
	s := pendulum(t)
	require.Equal(t, 2, s.dim)
	// Its period at an amplitude of 1.5 is 1.16 times 2 pi; the span is 10.
	require.InDelta(t, .73, s.period, .04)
	require.InDelta(t, 10, s.radius, .2)
	f := measureFidelity(s)
	require.InDelta(t, 3, f.order[byJacobian], .1)
	require.InDelta(t, 4, f.order[byAffine], .4) // value, rate and two derivatives more
	require.InDelta(t, 5, f.order[byPair], .4)
	require.InDelta(t, 5, f.order[byQuartic], .4)
	require.Greater(t, f.windows, 500)
	require.Zero(t, f.violations)
	require.Less(t, f.worst, 1.)
	require.Less(t, f.slackStated, 3.)
	require.Less(t, f.slackSharper, 3.)
	for m := range methods {
		require.Greater(t, f.widest[m], .01)
		require.Less(t, f.widest[m], 2.)
	}
}

// A system that depends on time has time as a state, and one that is linear is
// represented exactly.
func TestSubjectDriven(t *testing.T) {
	s, err := newSubject("driven", smooth, ode.System{
		Dim: 1, X0: []float64{0}, Span: 5,
		RHS: func(t float64, x, dx []float64) { dx[0] = t - x[0] },
	})
	require.NoError(t, err)
	require.Equal(t, 2, s.dim)
	require.Equal(t, 1, s.n)
	require.InDelta(t, 5-1+math.Exp(-5), s.row(cells)[0], 1e-8)
	f := measureFidelity(s)
	require.Less(t, f.rms[byJacobian][0], 1e-8)
	require.True(t, math.IsInf(f.widest[byJacobian], 1))
	_, err = newSubject("still", smooth, ode.System{Dim: 1, X0: []float64{1}, Span: 5, RHS: func(_ float64, x, dx []float64) { dx[0] = 0 }})
	require.ErrorContains(t, err, "does not move")
}

func TestAdaptiveAgainstUniform(t *testing.T) {
	s, err := newSubject("relaxation", oscillating, ode.System{
		Dim: 2, X0: []float64{2, 0}, Span: 20,
		RHS: func(_ float64, x, dx []float64) { dx[0], dx[1] = x[1], 8*(1-x[0]*x[0])*x[1]-x[0] },
	})
	require.NoError(t, err)
	p, err := s.pieces(linode.PiecesOptions{Tolerance: 1e-2})
	require.NoError(t, err)
	truth, estimate, err := s.trueErrors(p)
	require.NoError(t, err)
	for i, e := range truth {
		require.Less(t, e, 1.1e-2)
		require.Less(t, e, 1.2*estimate[i]+1e-3)
	}
	n, err := s.uniformCount(1e-2, 1e-2, 1)
	require.NoError(t, err)
	require.Greater(t, n, 3*len(p.Windows))
	enough, err := s.pieces(linode.PiecesOptions{Windows: n})
	require.NoError(t, err)
	require.LessOrEqual(t, largest(enough), 1e-2)
	few, err := s.pieces(linode.PiecesOptions{Windows: n * 9 / 10})
	require.NoError(t, err)
	require.Greater(t, largest(few), 1e-2)
}

// All ways to solve the token ODE agree, and fewer steps are less accurate.
func TestTokenSolvers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var sigma, omega []float32
	for range 40 {
		sigma, omega = append(sigma, -3*r.Float32()), append(omega, 10*r.Float32())
	}
	k := newTokens(sigma, omega, 4, 17)
	k.closed()
	require.Less(t, k.err(), 1e-6)
	for i := range k.y {
		k.y[i] = 0
	}
	n, err := k.dopri5(1e-8)
	require.NoError(t, err)
	require.Less(t, k.err(), 1e-6)
	require.Greater(t, n, 100.)
	k.rk4(256)
	require.Less(t, k.err(), 2e-6)
	steps := k.rk4Steps(1e-4)
	require.Greater(t, steps, 4)
	k.rk4(steps / 2)
	require.Greater(t, k.err(), 1e-4)
	require.Zero(t, k.rk4Steps(0))
}

func TestNumerics(t *testing.T) {
	for _, x := range []float64{-40, -3, -1, -.3, 0, 1e-9, .7, 1, 5} {
		const n = 20000 // Simpson on its defining integral
		sum := 0.
		for i := range n + 1 {
			u := float64(i) / n
			weight := 2.
			switch {
			case i == 0 || i == n:
				weight = 1
			case i%2 == 1:
				weight = 4
			}
			sum += weight * math.Exp((1-u)*x) * u * u / 2
		}
		require.InEpsilon(t, sum/(3*n), phi3(x), 1e-9, "%v", x)
	}
	a := []float64{2, 1, 0, 1, 2, 1, 0, 1, 2}
	require.InDelta(t, 2+math.Sqrt2, spectralRadius(a, 3), 1e-6)
	require.InDelta(t, 2+math.Sqrt2, symmetricTop(append([]float64(nil), a...), 3), 1e-12)
	require.InDelta(t, 2+math.Sqrt2, operatorNorm(a, 3), 1e-12)
	require.InDelta(t, 5, spectralRadius([]float64{3, -4, 4, 3}, 2), 1e-6) // 3 +- 4i
	require.InDelta(t, -1, symmetricTop([]float64{-1, 0, 0, -7}, 2), 1e-12)
	require.Zero(t, spectralRadius(make([]float64, 4), 2))

	// A cubic through more points than it needs, and a rank that is short.
	var x, y []float64
	for i := range 9 {
		u := float64(i) / 8
		x = append(x, 1, u, u*u, u*u*u)
		y = append(y, 3-u+2*u*u*u)
	}
	c := leastSquares(x, y, 9, 4, 1)
	for i, want := range []float64{3, -1, 0, 2} {
		require.InDelta(t, want, c[i], 1e-12)
	}
	b, lo, hi := exponent([]float64{1, 2, 4, 8}, []float64{3, 12, 48, 192})
	require.InDelta(t, 2, b, 1e-12)
	require.InDelta(t, 2, lo, 1e-12)
	require.InDelta(t, 2, hi, 1e-12)
	require.InDelta(t, 1, rankCorrelation([]float64{1, 5, 9}, []float64{2, 3, 100}), 1e-12)
	require.InDelta(t, -1, rankCorrelation([]float64{1, 5, 9}, []float64{7, 3, 1}), 1e-12)
	require.InDelta(t, 2.5, quantile([]float64{4, 1, math.NaN(), 2, 3}, .5), 1e-12)
	require.InDelta(t, 2, observedOrder([]float64{1, .02, .005, .00125, 1e-12}), 1e-12)
	require.InDelta(t, 1./4/math.Sqrt2, widestWindow([]float64{1, 1, .02, .005, .005, .005, .005, .005, .005, .005}), 1e-12)
}

// The windows of a model's file can be set, and everything else stays.
func TestWithWindows(t *testing.T) {
	m, err := pretrained.Model()
	require.NoError(t, err)
	cfg := m.Info().Config
	same, err := withWindows(m, cfg.MinWindows, cfg.MaxWindows)
	require.NoError(t, err)
	s := pendulum(t)
	seen, at, _ := s.series(firstHalf)
	a, err := m.Forecast(seen, at)
	require.NoError(t, err)
	b, err := same.Forecast(seen, at)
	require.NoError(t, err)
	require.Equal(t, a.Mean, b.Mean)
	other, err := withWindows(m, 40, 40)
	require.NoError(t, err)
	c, err := other.Forecast(seen, at)
	require.NoError(t, err)
	require.Len(t, c.Segments, 2*40)
	freq, err := parameter(m, "head.frequency")
	require.NoError(t, err)
	require.Len(t, freq, cfg.Pairs)
	_, err = parameter(m, "head.nothing")
	require.Error(t, err)
	_, err = withWindows(m, 4, 4)
	require.Error(t, err)
}

func TestSVG(t *testing.T) {
	dir := t.TempDir()
	c := chart{title: "a < b & c", x: "x", y: "y", logX: true, logY: true, curves: []curve{
		{name: "line", x: []float64{1, 10, 100}, y: []float64{1e-3, 0, 5}},
		{name: "dots", dots: true, x: []float64{2, math.NaN()}, y: []float64{3, 4}},
	}}
	require.NoError(t, writeSVG(dir, "a.svg", "t", 2, []chart{c, {title: "empty"}}))
	file, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	require.NoError(t, err)
	require.NotContains(t, string(file), "NaN")
	require.NotContains(t, string(file), "Inf")
	d := xml.NewDecoder(bytes.NewReader(file))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
	}
}

// Every subcommand runs; one without timings gives the same bytes twice.
func TestCommands(t *testing.T) {
	all := chosen
	defer func() { chosen = all }()
	chosen = chosen[:0:0]
	for _, c := range all {
		switch c.name {
		case "ring-oscillator", "lcl-inverter":
			chosen = append(chosen, c)
		}
	}
	for name, want := range map[string]struct {
		text, figure string
		twice        bool
	}{
		"fidelity":  {"0 errors are over one", "evidence-model.svg", false}, // fixed as well, but takes longer
		"windows":   {"uniform / adaptive", "evidence-windows.svg", true},
		"cost":      {"closed form, float32", "evidence-cost.svg", false},
		"stability": {"| lcl-inverter |", "evidence-spectra.svg", false},
	} {
		if testing.Short() && name != "windows" {
			continue
		}
		dir := t.TempDir()
		var out, again bytes.Buffer
		require.NoError(t, run([]string{name, "-quick", "-out", dir}, &out, io.Discard), name)
		require.Contains(t, out.String(), want.text, name)
		require.NotContains(t, out.String(), "NaN", name)
		require.FileExists(t, filepath.Join(dir, want.figure))
		if want.twice {
			require.NoError(t, run([]string{name, "-quick", "-out", dir}, &again, io.Discard), name)
			require.Equal(t, out.String(), again.String(), name)
		}
		for _, line := range strings.Split(out.String(), "\n") { // tables are rectangular
			if strings.HasPrefix(line, "|") {
				require.True(t, strings.HasSuffix(line, "|"), "%s: %q", name, line)
			}
		}
	}
	for _, args := range [][]string{nil, {"nothing"}, {"windows", "more"}, {"windows", "-model", "nowhere"}} {
		if args != nil && len(args) == 3 {
			args[0] = "stability" // reads the weights first
		}
		require.Error(t, run(args, io.Discard, io.Discard), "%v", args)
	}
}
