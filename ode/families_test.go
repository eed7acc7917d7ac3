package ode

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// sampleSeed gives the draw-th system of a family.
func sampleSeed(f Family, draw uint64) System {
	return f.Sample(rand.New(rand.NewPCG(20260, draw)))
}

// outcome says how a draw behaved over [from, from+Span].
type outcome struct {
	ok     bool
	reason string
	stats  Stats
}

// try integrates a draw on a regular grid and says whether it is finite,
// bounded and visibly moving.
func try(w *Integrator, s System, from float64) outcome {
	const n = 121
	times := make([]float64, n)
	for i := range times {
		times[i] = from + s.Span*float64(i)/(n-1)
	}
	method := Auto
	if s.Stiff {
		method = Implicit
	}
	dst := make([]float64, n*s.Dim)
	st, err := w.Solve(dst, s.RHS, s.X0, 0, times, Options{
		RTol: 1e-5, ATol: 1e-7, MaxSteps: 30000, MaxStep: s.Span / 40, Bound: 1e5, Method: method})
	if err != nil {
		return outcome{reason: err.Error(), stats: st}
	}
	moving := 0
	for c := 0; c < s.Dim; c++ {
		lo, hi, size := math.Inf(1), math.Inf(-1), 0.0
		for i := 0; i < n; i++ {
			v := dst[i*s.Dim+c]
			lo, hi = math.Min(lo, v), math.Max(hi, v)
			size = math.Max(size, math.Abs(v))
		}
		if hi-lo > 1e-2*size && hi-lo > 1e-6 {
			moving++
		}
	}
	if moving*2 < s.Dim {
		return outcome{reason: "constant", stats: st}
	}
	return outcome{ok: true, stats: st}
}

func TestFamiliesTable(t *testing.T) {
	seen := map[string]bool{}
	zoo := map[int]bool{}
	last := 0
	for _, f := range Families() {
		require.False(t, seen[f.Name], f.Name)
		seen[f.Name] = true
		zoo[f.Zoo] = true
		require.GreaterOrEqual(t, f.Zoo, last, "%s out of zoo order", f.Name)
		last = f.Zoo
	}
	for i := 1; i <= 28; i++ {
		require.True(t, zoo[i], "entry %d of the zoo has no family", i)
	}
	require.Len(t, zoo, 28)
	held := HeldOut()
	require.Len(t, held, 10)
	for _, f := range held {
		require.False(t, seen[f.Name], "%s is both trained on and held out", f.Name)
		seen[f.Name] = true
		require.Zero(t, f.Zoo, f.Name)
	}
}

// TestFamiliesIntegrate draws every family twenty times and asks for at least
// 70 % good trajectories.
func TestFamiliesIntegrate(t *testing.T) {
	const draws = 20
	var w Integrator
	for _, f := range append(Families(), HeldOut()...) {
		good, evals := 0, 0
		reasons := map[string]int{}
		for d := uint64(0); d < draws; d++ {
			s := sampleSeed(f, d)
			require.Equal(t, f.Name, s.Family)
			require.Len(t, s.X0, s.Dim, f.Name)
			require.Len(t, s.Names, s.Dim, f.Name)
			require.Greater(t, s.Span, 0.0, f.Name)
			require.False(t, math.IsInf(s.Span, 0), f.Name)
			o := try(&w, s, 0)
			evals += o.stats.Evaluations
			if o.ok {
				good++
			} else {
				reasons[o.reason]++
			}
		}
		t.Logf("%2d %-26s %2d/%d good, %7d evaluations per draw, %v", f.Zoo, f.Name, good, draws, evals/draws, reasons)
		require.GreaterOrEqual(t, good, 14, "%s: %v", f.Name, reasons)
	}
}
