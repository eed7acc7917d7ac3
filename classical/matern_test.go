package classical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMatern compares the state-space form with a dense Gaussian process.
func TestMatern(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n = 40
	var at, y []float64
	for i := range n {
		at = append(at, float64(i)+.6*r.Float64())
		y = append(y, math.Sin(.4*at[i])+.05*r.NormFloat64())
	}
	k := kernel{kind: 1, length: 6, noise: .01}
	l := math.Sqrt(5) / k.length
	chol, inv, alpha := make([]float64, n*n), make([]float64, n), make([]float64, n)
	require.InDelta(t, k.solve(chol, inv, alpha, at, y), likelihood(at, y, 0, l, k.noise), 1e-6)

	// The mean at the length that fit chooses.
	var mem arena
	var g matern
	g.fit(&mem, at, y, .05)
	mean, variance := 0., 0.
	for _, v := range y {
		mean += v / n
	}
	for _, v := range y {
		variance += (v - mean) * (v - mean) / n
	}
	k.noise = .05 * .05 / variance
	least := math.Inf(1)
	unit := (at[n-1] - at[0]) / (n - 1)
	for _, steps := range []float64{1, 1.41421356, 2, 2.8284271, 4, 5.6568542, 8, 11.313708, 16, 22.627417, 32} {
		k.length = steps * unit
		centred := make([]float64, n)
		for i, v := range y {
			centred[i] = v - mean
		}
		k.solve(chol, inv, alpha, at, centred)
		worst := 0.
		for u := at[0]; u < at[n-1]; u += .17 {
			want := mean
			for i := range at {
				want += alpha[i] * k.at(u-at[i])
			}
			v, _ := g.at(u)
			worst = max(worst, math.Abs(v-want))
		}
		least = min(least, worst)
	}
	require.Less(t, least, 2e-4)

	// The rate is the derivative.
	for u := at[0] - 1; u < at[n-1]+1; u += .31 {
		a, _ := g.at(u - 1e-5)
		b, _ := g.at(u + 1e-5)
		_, rate := g.at(u)
		require.InDelta(t, (b-a)/2e-5, rate, 1e-4)
	}
	for _, few := range []int{0, 1, 2, 3} {
		g.fit(&mem, at[:few], y[:few], .05)
		for i := range few {
			v, _ := g.at(at[i])
			require.InDelta(t, y[i], v, 1e-12)
		}
	}
}
