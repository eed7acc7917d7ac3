package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNeural64: all tiers have the bits of the Go bodies, which are near those of
// package math.
func TestNeural64(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 20, -20, 20.000001, -20.000001, 700, 1e-310, -1e-310, 1e300,
		99999, -99999, 1e5, -1e5, 1e5 + 1, math.Pi / 2, -math.Pi, 0x1p-52, 350, -350.5}
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 51))
		for trial := range 200 {
			n := StepLanes * (1 + trial%6)
			old := make([]float64, n)
			for i := range old {
				switch trial % 4 {
				case 0:
					old[i] = special[r.IntN(len(special))]
				case 1:
					old[i] = 3 * r.NormFloat64()
				case 2:
					old[i] = 40 * (r.Float64() - .5)
				default:
					old[i] = 2e5 * (r.Float64() - .5)
				}
			}
			x, check := random64(r, n, trial%5)
			copy(x, old)
			Tanh64(x)
			check(t, "Tanh64")
			for i, v := range old {
				requireBits(t, tanhNeural(v), x[i], "%s: tanh %v", tier, v)
				if v == v {
					require.InDelta(t, math.Tanh(v), x[i], 1e-13)
				}
			}
			copy(x, old)
			Sin64(x)
			check(t, "Sin64")
			for i, v := range old {
				requireBits(t, sinNeural(v), x[i], "%s: sin %v", tier, v)
				if math.Abs(v) < 1e5 {
					require.InDelta(t, math.Sin(v), x[i], 1e-11)
				}
			}
		}
		for cols := range 30 {
			rows := StepLanes * (1 + cols%4)
			w, _ := random64(r, rows*cols, cols%3)
			x, _ := random64(r, cols, 1)
			b, _ := random64(r, rows, 2)
			y, check := random64(r, rows, cols%4)
			b[1] = math.Inf(1)
			Affine64(y, b, w, x)
			check(t, "Affine64")
			for i := range y {
				want := b[i]
				for j, v := range x {
					want += w[j*rows+i] * v
				}
				requireBits(t, want, y[i], "%s: %d columns, row %d", tier, cols, i)
			}
		}
	})
	require.Panics(t, func() { Tanh64(make([]float64, 9)) })
	require.Panics(t, func() { Sin64(make([]float64, 7)) })
	require.Panics(t, func() { Affine64(make([]float64, 8), make([]float64, 8), make([]float64, 15), make([]float64, 2)) })
}
