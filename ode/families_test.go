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

// TestForcedFamiliesAreForced guards the list of forbidden forms: these
// families turn into one of it when their input is missing or constant. Their
// flow at a fixed state has to change within every span.
func TestForcedFamiliesAreForced(t *testing.T) {
	forced := map[string]bool{
		"forced-spring": true, "rigid-body": true, "ship-roll": true, "mems-gap": true,
		"rlc-series": true, "rlc-parallel": true, "rlc-ladder": true, "phase-locked-loop": true,
		"sirs-seasonal": true, "two-group-sir": true, "fitzhugh-nagumo": true, "linear-input": true,
		"stommel-box": true, "chemostat": true,
	}
	found := 0
	for _, f := range Families() {
		if !forced[f.Name] {
			continue
		}
		found++
		for d := uint64(0); d < 50; d++ {
			s := sampleSeed(f, d)
			a, b := make([]float64, s.Dim), make([]float64, s.Dim)
			for _, from := range []float64{0, 1, 7.3, 40} {
				var size, change float64
				s.RHS(from*s.Span, s.X0, a)
				for k := 1; k <= 64; k++ {
					s.RHS((from+float64(k)/64)*s.Span, s.X0, b)
					for i := range a {
						change = math.Max(change, math.Abs(a[i]-b[i]))
						size = math.Max(size, math.Abs(b[i]))
					}
				}
				// the last steps of a staircase may be longer than a span
				if from == 0 || change != 0 {
					require.Greater(t, change, 1e-4*size, "%s draw %d from %v", f.Name, d, from)
				}
			}
		}
	}
	require.Equal(t, len(forced), found)
}

// TestSystemSizes guards the limits on n that keep forbidden forms out.
func TestSystemSizes(t *testing.T) {
	least := map[string]int{
		"mass-spring-chain": 4, "multimachine-fault": 6, "kuramoto-second-order": 6, "droop-inverters": 6,
		"lotka-volterra-community": 3, "may-leonard": 3, "rlc-ladder": 3, "reaction-network": 3,
		"robertson-ladder": 3, "series-autocatalator": 3, "stuart-landau": 4, "sirs-seasonal": 3,
		"flux-decay-avr": 4, "phase-locked-loop": 3, "building-thermal": 3, "rlc-series": 2, "coupled-tanks": 2,
	}
	for _, f := range Families() {
		for d := uint64(0); d < 100; d++ {
			s := sampleSeed(f, d)
			require.GreaterOrEqual(t, s.Dim, least[f.Name], f.Name)
			require.LessOrEqual(t, s.Dim, 40, f.Name)
		}
	}
}

// TestFamiliesLateStart runs every family well beyond its span, as a start
// after a burn-in does.
func TestFamiliesLateStart(t *testing.T) {
	var w Integrator
	for _, f := range append(Families(), HeldOut()...) {
		failed := 0
		for d := uint64(100); d < 106; d++ {
			s := sampleSeed(f, d)
			times := []float64{s.Span, 4 * s.Span}
			method := Auto
			if s.Stiff {
				method = Implicit
			}
			_, err := w.Solve(make([]float64, 2*s.Dim), s.RHS, s.X0, 0, times, Options{
				RTol: 1e-4, ATol: 1e-6, MaxSteps: 30000, MaxStep: s.Span / 40, Bound: 1e6, Method: method})
			if err != nil {
				failed++
			}
		}
		require.LessOrEqual(t, failed, 1, f.Name)
	}
}

func TestFamiliesDeterministicAndAllocationFree(t *testing.T) {
	for _, f := range append(Families(), HeldOut()...) {
		a, b := sampleSeed(f, 3), sampleSeed(f, 3)
		require.Equal(t, a.X0, b.X0, f.Name)
		require.Equal(t, a.Names, b.Names, f.Name)
		require.Equal(t, a.Span, b.Span, f.Name)
		other := sampleSeed(f, 4)
		require.NotEqual(t, a.Span, other.Span, f.Name)
		da, db := make([]float64, a.Dim), make([]float64, a.Dim)
		// the flow is a function of (t, x) alone: another call in between, and
		// garbage in dx, change nothing
		for i := range db {
			db[i] = math.NaN()
		}
		a.RHS(0.4*a.Span, a.X0, da)
		b.RHS(0.9*b.Span, b.X0, db)
		b.RHS(0.4*b.Span, b.X0, db)
		require.Equal(t, da, db, f.Name)
		x := append([]float64(nil), a.X0...)
		tt := 0.0
		require.Zero(t, testing.AllocsPerRun(20, func() {
			a.RHS(tt, x, da)
			tt += a.Span / 10
		}), f.Name)
		require.Equal(t, a.X0, x, "%s writes to x", f.Name)
	}
}

// TestConservedQuantities checks equations by what they must conserve: the
// flow of a weighted sum of states vanishes at random states.
func TestConservedQuantities(t *testing.T) {
	laws := []struct {
		family  string
		weights []float64
		total   float64 // value at which the law holds, 0 for any
	}{
		{"michaelis-menten", []float64{1, 0, 1, 0}, 0},
		{"michaelis-menten", []float64{0, 1, 1, 1}, 0},
		{"sirs-seasonal", []float64{1, 1, 1}, 100},
		{"two-group-sir", []float64{1, 1, 1, 0, 0, 0}, 100},
		{"two-group-sir", []float64{0, 0, 0, 1, 1, 1}, 100},
	}
	table := map[string]Family{}
	for _, f := range Families() {
		table[f.Name] = f
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, law := range laws {
		for d := uint64(0); d < 10; d++ {
			s := sampleSeed(table[law.family], d)
			x, dx := make([]float64, s.Dim), make([]float64, s.Dim)
			var sum float64
			for i := range x {
				x[i] = r.Float64()
				sum += x[i] * law.weights[i]
			}
			if law.total != 0 {
				for i := range x {
					x[i] *= law.total / sum
				}
			}
			s.RHS(r.Float64()*s.Span, x, dx)
			var flow, size float64
			for i := range dx {
				flow += law.weights[i] * dx[i]
				size = math.Max(size, math.Abs(dx[i]))
			}
			require.InDelta(t, 0, flow/size, 1e-12, law.family)
		}
	}
}

// TestKeplerLosesEnergy: drag does work -c v² in total, so energy and angular
// momentum fall, the latter exactly like exp(-c t).
func TestKeplerLosesEnergy(t *testing.T) {
	for d := uint64(0); d < 5; d++ {
		s := sampleKepler(rand.New(rand.NewPCG(5, d)))
		times := []float64{0, s.Span / 2, s.Span}
		rows, err := Integrate(s.RHS, s.X0, 0, times, Options{RTol: 1e-9, ATol: 1e-10})
		require.NoError(t, err)
		var l, e [3]float64
		for i, x := range rows {
			l[i] = math.Abs(x[0]*x[3] - x[1]*x[2])
			e[i] = 0.5*(x[2]*x[2]+x[3]*x[3]) - 1/math.Hypot(x[0], x[1])
		}
		require.InDelta(t, -0.5, e[0], 1e-9)
		require.Less(t, e[2], e[1])
		require.Less(t, e[1], e[0])
		require.InDelta(t, l[1]*l[1], l[0]*l[2], 1e-6)
	}
}

func TestInputsAreSmooth(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for k := 0; k < 60; k++ {
		span := logUniform(r, 0.1, 100)
		var u *input
		switch k % 5 {
		case 0:
			u = pulsesInput(r, span*0.3, 0.3, span*0.1, 0.2, 1)
		case 1:
			u = noiseInput(r, span*0.05, 0, 1)
		case 2:
			u = chirpInput(r, span, 5/span, 20/span, 0, 1)
		default:
			u = anyInput(r, span, 10/span, 0, 1)
		}
		// steps of a tiny part of the span: no jump anywhere, within the span
		// and long after it
		for _, from := range []float64{0, 2.7, 5.5, 60} {
			prev := u.value(from * span)
			lo, hi, jump := prev, prev, 0.0
			for i := 1; i <= 10000; i++ {
				v := u.value((from + 3*float64(i)/10000) * span)
				jump = math.Max(jump, math.Abs(v-prev))
				prev = v
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
			require.Less(t, jump, 0.6, "kind %d", u.kind)
			require.Less(t, math.Max(hi, -lo), 6.0, "kind %d", u.kind)
			require.Greater(t, hi-lo, 0.1, "kind %d comes to rest", u.kind)
		}
	}
}

func TestSpectralRadius(t *testing.T) {
	// rotation by 2 and a shrinking direction, sheared: defective-free
	a := []float64{0, 2, 5, -2, 0, -3, 0, 0, 0.5}
	require.InDelta(t, 2, spectralRadius(a, 3), 0.01)
	require.InDelta(t, 3, spectralRadius([]float64{3, 1, 0, -2}, 2), 0.01)
	require.Zero(t, spectralRadius([]float64{0, 0, 0, 0}, 2))
	q := make([]float64, 25)
	randomOrthogonal(rand.New(rand.NewPCG(1, 1)), q, 5)
	for i := 0; i < 5; i++ {
		for j := 0; j < 5; j++ {
			var s float64
			for k := 0; k < 5; k++ {
				s += q[i*5+k] * q[j*5+k]
			}
			want := 0.0
			if i == j {
				want = 1
			}
			require.InDelta(t, want, s, 1e-12)
		}
	}
	require.InDelta(t, 1, spectralRadius(q, 5), 0.01)
}
