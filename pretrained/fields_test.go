package pretrained_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
)

// polynomialRuns returns runs of random polynomial systems of two to five variables without inputs, all of
// which move until the end.
func polynomialRuns(n, rows int) (times []float64, runs [][][]float64) {
	r := rand.New(rand.NewPCG(41, 42))
	times = make([]float64, rows)
	for len(runs) < n {
		s := ode.RandomFamilies()[0].Sample(r)
		if s.Dim < 2 {
			continue
		}
		for i := range times {
			times[i] = s.Span * float64(i) / float64(rows-1)
		}
		now, later := make([]float64, s.Dim), make([]float64, s.Dim)
		s.RHS(.3*s.Span, s.X0, now)
		s.RHS(.8*s.Span, s.X0, later)
		x, err := ode.Integrate(s.RHS, s.X0, 0, times, ode.Options{RTol: 1e-7, ATol: 1e-9, Bound: 100, MaxSteps: 20000})
		moves := err == nil
		for c := 0; moves && c < s.Dim; c++ {
			moves = now[c] == later[c] && deviation(x[rows/2:], c) > .2*deviation(x, c) && deviation(x, c) > 1e-3
		}
		if moves {
			for i := range times {
				times[i] = float64(i)
			}
			runs = append(runs, x)
		}
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

// TestPolynomialFields: random polynomial systems of which all variables are observed are forecast from part of 400 rows.
// Prints the share of R2 over 0.9 on the others, and the clipped error.
func TestPolynomialFields(t *testing.T) {
	m := builtIn(t)
	if testing.Short() {
		t.Skip("some hundred forecasts")
	}
	const rows = 400
	times, runs := polynomialRuns(100, rows)
	for _, k := range []struct {
		name         string
		seen         int
		noise, shift float64
		least        float64
	}{
		{"30 % seen", 120, 0, 0, .49},
		{"30 % seen, other origins", 120, 0, 3, .45},
		{"50 % seen", 200, 0, 0, .75},
		{"50 % seen, 0.5 % noise", 200, .005, 0, .36},
		{"50 % seen, 5 % noise", 200, .05, 0, .2},
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
			s := lassode.Series{Times: times[:k.seen]}
			for _, row := range values[:k.seen] {
				noisy := make([]float64, c)
				for j, v := range row {
					noisy[j] = v + k.noise*half[j]*r.NormFloat64()
				}
				s.Values = append(s.Values, noisy)
			}
			o.add(t, m, s, times[k.seen:], values[k.seen:], variance)
		}
		t.Logf("%s: %v", k.name, &o)
		require.Greater(t, o.good/o.n, k.least, k.name)
	}
}
