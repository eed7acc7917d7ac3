package pretrained_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
)

// fields are kinds of systems whose right-hand sides have few terms.
var fields = []struct {
	name   string
	driven bool
	sample func(r *rand.Rand) ode.System
	least  [6]float64 // shares, see TestFields
}{
	{"polynomials of two to five variables", false, func(r *rand.Rand) ode.System {
		for {
			if s := ode.RandomFamilies()[0].Sample(r); s.Dim >= 2 {
				return s
			}
		}
	}, [6]float64{.5, .45, .75, .33, .2, .74}},
	{"predator and prey, of saturating appetite", false, func(r *rand.Rand) ode.System {
		grow, half, eat, die := uniform(r, .5, 2), uniform(r, .1, .6), uniform(r, .8, 2), uniform(r, .1, .4)
		return ode.System{Dim: 2, X0: []float64{uniform(r, .2, 1), uniform(r, .1, .6)}, Span: uniform(r, 40, 100),
			RHS: func(_ float64, x, dx []float64) {
				u := eat * x[0] * x[1] / (half + x[0])
				dx[0] = grow*x[0]*(1-x[0]) - u
				dx[1] = .6*u - die*x[1]
			}}
	}, [6]float64{.84, .8, .9, .5, .46, .85}},
	{"pendulums", false, func(r *rand.Rand) ode.System {
		w, friction := uniform(r, .5, 3), uniform(r, .003, .1)
		return ode.System{Dim: 2, X0: []float64{uniform(r, -3, 3), uniform(r, -2, 2)}, Span: uniform(r, 20, 40) / w,
			RHS: func(_ float64, x, dx []float64) {
				dx[0], dx[1] = x[1], -w*w*math.Sin(x[0])-friction*w*x[1]
			}}
	}, [6]float64{.87, .87, .95, .74, .6, .89}},
	{"pendulums that a torque turns", false, func(r *rand.Rand) ode.System {
		w, friction, torque := uniform(r, .5, 3), uniform(r, .05, .4), uniform(r, 1.05, 1.6)
		return ode.System{Dim: 2, X0: []float64{uniform(r, -3, 3), uniform(r, 0, 2)}, Span: uniform(r, 20, 40) / w,
			RHS: func(_ float64, x, dx []float64) {
				dx[0], dx[1] = x[1], w*w*(torque-math.Sin(x[0]))-friction*w*x[1]
			}}
	}, [6]float64{.77, .77, .94, .8, .5, .74}},
	{"nonlinear oscillators that a sine drives", true, func(r *rand.Rand) ode.System {
		a, b, c, d := uniform(r, -1, 1), uniform(r, .3, 1), uniform(r, -.5, .2), uniform(r, 0, 1)
		force, w, phase := uniform(r, .2, 1.5), uniform(r, .4, 2.5), uniform(r, 0, 6)
		return ode.System{Dim: 2, X0: []float64{uniform(r, -1.5, 1.5), uniform(r, -1, 1)}, Span: uniform(r, 30, 70),
			RHS: func(t float64, x, dx []float64) {
				dx[0] = x[1]
				dx[1] = -a*x[0] - b*x[0]*x[0]*x[0] - (c+d*x[0]*x[0])*x[1] + force*math.Cos(w*t+phase)
			}}
	}, [6]float64{.88, .87, .94, .72, .52, .75}},
	{"predator and prey with seasons", true, func(r *rand.Rand) ode.System {
		die, season, w := uniform(r, .5, 2), uniform(r, .1, .6), uniform(r, .3, 2)
		return ode.System{Dim: 2, X0: []float64{uniform(r, .3, 2), uniform(r, .3, 2)}, Span: uniform(r, 25, 60),
			RHS: func(t float64, x, dx []float64) {
				dx[0] = x[0] * (1 + season*math.Sin(w*t) - .2*x[0] - x[1])
				dx[1] = die * x[1] * (x[0] - 1)
			}}
	}, [6]float64{.83, .83, .92, .72, .4, .86}},
}

// fieldRuns returns runs of systems all of whose variables move until the end; only if driven the time
// itself matters.
func fieldRuns(sample func(r *rand.Rand) ode.System, driven bool, n, rows int) (times []float64, runs [][][]float64) {
	r := rand.New(rand.NewPCG(41, 42))
	times = make([]float64, rows)
	for len(runs) < n {
		s := sample(r)
		for i := range times {
			times[i] = s.Span * float64(i) / float64(rows-1)
		}
		now, later := make([]float64, s.Dim), make([]float64, s.Dim)
		s.RHS(.3*s.Span, s.X0, now)
		s.RHS(.8*s.Span, s.X0, later)
		x, err := ode.Integrate(s.RHS, s.X0, 0, times, ode.Options{RTol: 1e-7, ATol: 1e-9, Bound: 100, MaxSteps: 20000})
		moves := err == nil
		for c := 0; moves && c < s.Dim; c++ {
			moves = (driven || now[c] == later[c]) && deviation(x[rows/2:], c) > .2*deviation(x, c) && deviation(x, c) > 1e-3
		}
		if moves {
			runs = append(runs, x)
		}
	}
	for i := range times {
		times[i] = float64(i)
	}
	return times, runs
}

// deviation is the standard deviation of a column.
func deviation(x [][]float64, c int) float64 {
	mean, sum := 0., 0.
	for _, row := range x {
		mean += row[c] / float64(len(x))
	}
	for _, row := range x {
		sum += (row[c] - mean) * (row[c] - mean) / float64(len(x))
	}
	return math.Sqrt(sum)
}

// TestFields: systems of which all variables are observed are forecast from part of 400 rows. It prints the
// share of R2 over 0.9 on the others, and the clipped error.
func TestFields(t *testing.T) {
	m := builtIn(t)
	if testing.Short() {
		t.Skip("some two thousand forecasts")
	}
	const rows = 400
	for _, kind := range fields {
		times, runs := fieldRuns(kind.sample, kind.driven, 100, rows)
		for q, k := range []struct {
			name         string
			seen         int
			noise, shift float64
			lost         float64
		}{
			{"30 % seen", 120, 0, 0, 0},
			{"30 % seen, other origins", 120, 0, 3, 0},
			{"50 % seen", 200, 0, 0, 0},
			{"50 % seen, 0.5 % noise", 200, .005, 0, 0},
			{"50 % seen, 5 % noise", 200, .05, 0, 0},
			{"50 % seen, two fifths of the rows missing", 200, 0, 0, .4},
		} {
			var o outcome
			for i, x := range runs {
				r := rand.New(rand.NewPCG(uint64(i), 43))
				c := len(x[0])
				gain, shift, half, variance := make([]float64, c), make([]float64, c), make([]float64, c), make([]float64, c)
				for j := range c {
					lo, hi := math.Inf(1), math.Inf(-1)
					for _, row := range x[:k.seen] {
						lo, hi = min(lo, row[j]), max(hi, row[j])
					}
					d := deviation(x, j)
					gain[j], shift[j], half[j], variance[j] = 1/d, k.shift*r.NormFloat64(), (hi-lo)/2/d, 1
				}
				values := make([][]float64, rows)
				for q, row := range x {
					values[q] = make([]float64, c)
					for j, v := range row {
						values[q][j] = gain[j]*v + shift[j]
					}
				}
				var s lassode.Series
				for i, row := range values[:k.seen] {
					if i < k.seen-1 && r.Float64() < k.lost {
						continue
					}
					s.Times = append(s.Times, times[i])
					noisy := make([]float64, c)
					for j, v := range row {
						noisy[j] = v + k.noise*half[j]*r.NormFloat64()
					}
					s.Values = append(s.Values, noisy)
				}
				o.add(t, m, s, times[k.seen:], values[k.seen:], variance)
			}
			t.Logf("%s, %s: %v", kind.name, k.name, &o)
			require.Greater(t, o.good/o.n, kind.least[q], "%s, %s", kind.name, k.name)
		}
	}
}

func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
