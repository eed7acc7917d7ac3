package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// cubicAlone is the field of one lane, each monomial from its variables.
func cubicAlone(c *Cubic, n, l int, coef, x []float64) []float64 {
	v := make([]float64, n+1)
	for i := range n {
		v[i] = x[i*StepLanes+l]
	}
	v[n] = 1
	dx := make([]float64, n)
	for row := range n {
		values := make([]float64, c.Len())
		for i := range n + 1 {
			for j := i; j <= n; j++ {
				for k := j; k <= n; k++ {
					values[c.Index(i, j, k)] = float64(v[i]*v[j]) * v[k]
				}
			}
		}
		for m, p := range values {
			dx[row] += float64(coef[(m*n+row)*StepLanes+l] * p)
		}
	}
	return dx
}

// requireBits compares finite values bit by bit and takes one NaN for another.
func requireBits(t testing.TB, want, got float64, what string, args ...any) {
	t.Helper()
	if math.Float64bits(want) != math.Float64bits(got) && !(want != want && got != got) {
		require.FailNow(t, "differs", append([]any{what + ": %v, want %v"}, append(args, got, want)...)...)
	}
}

// TestCubicLanes: every lane has the bits of its system alone, also beside lanes of
// infinities and NaN.
func TestCubicLanes(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 41))
		for n := 1; n <= MaxCubic; n++ {
			c := NewCubic(n)
			require.Equal(t, (n+1)*(n+2)*(n+3)/6, c.Len())
			for trial := range 6 {
				coef, _ := random64(r, c.Len()*n*StepLanes, trial)
				x, _ := random64(r, n*StepLanes, 1+trial)
				dx, checkOut := random64(r, n*StepLanes, trial%3)
				work, checkWork := random64(r, c.Len()*StepLanes, trial%5)
				if trial > 2 {
					for l, v := range []float64{math.NaN(), math.Inf(1), 1e-310, -1e200, 0} {
						x[r.IntN(n)*StepLanes+l] = v
					}
				}
				c.Lanes(dx, coef, x, work)
				checkOut(t, "dx")
				checkWork(t, "work")
				for l := range StepLanes {
					for i, want := range cubicAlone(c, n, l, coef, x) {
						requireBits(t, want, dx[i*StepLanes+l], "%s: n = %d, lane %d, component %d", tier, n, l, i)
					}
				}
			}
		}
	})
	require.Panics(t, func() { NewCubic(0) })
	require.Panics(t, func() { NewCubic(MaxCubic + 1) })
	require.Panics(t, func() {
		NewCubic(1).Lanes(make([]float64, 7), make([]float64, 32), make([]float64, 8), make([]float64, 32))
	})
}

func TestCombineLanes(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 42))
		for n := 1; n <= 7; n++ {
			for terms := 1; terms <= 6; terms++ {
				stride := n*StepLanes + 8*(terms%2)
				k, _ := random64(r, terms*stride, n)
				w, _ := random64(r, terms, terms)
				base, _ := random64(r, n*StepLanes, 1)
				scale, _ := random64(r, StepLanes, 2)
				dst, check := random64(r, n*StepLanes, n%4)
				k[0], scale[3] = math.NaN(), math.Inf(1)
				CombineLanes(dst, base, scale, k, stride, w, n)
				check(t, "dst")
				for at, v := range dst {
					sum := 0.0
					for s, f := range w {
						sum += float64(f * k[s*stride+at])
					}
					requireBits(t, base[at]+float64(scale[at%StepLanes]*sum), v, "%s: n = %d, %d terms, element %d", tier, n, terms, at)
				}
				over := append([]float64(nil), base...)
				CombineLanes(over, over, scale, k, stride, w, n)
				for at := range dst {
					requireBits(t, dst[at], over[at], "%s: in place", tier)
				}
			}
		}
	})
	require.Panics(t, func() {
		CombineLanes(make([]float64, 8), make([]float64, 8), make([]float64, 8), make([]float64, 8), 8, nil, 1)
	})
}

func TestSumLanes(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 43))
		for n := 1; n <= 7; n++ {
			var x [7][]float64
			for i := range x {
				x[i], _ = random64(r, n*StepLanes, i%4)
			}
			rtol, _ := random64(r, StepLanes, 1)
			for i, v := range x[4] {
				x[4][i] = math.Abs(v)
			}
			for l, v := range rtol {
				rtol[l] = math.Abs(v)
			}
			x[3][0], x[5][1], x[3][2] = math.NaN(), math.Inf(1), 1e300
			s := StepSums{Old: x[0], New: x[1], Last: x[2], Error: x[3], ATol: x[4], RTol: rtol, Slope: x[5], NewSlope: x[6]}
			out := [4][StepLanes]float64{{7}}
			SumLanes(&out, &s, n)
			for l := range StepLanes {
				var want [4]float64
				for i := range n {
					at := i*StepLanes + l
					v := math.Abs(s.New[at])
					e := s.Error[at] / (s.ATol[at] + float64(rtol[l]*max(math.Abs(s.Old[at]), v)))
					dk, dx := s.NewSlope[at]-s.Slope[at], s.New[at]-s.Last[at]
					want = [4]float64{want[0] + float64(e*e), want[1] + float64(dk*dk), want[2] + float64(dx*dx), max(want[3], v)}
				}
				for k := range want {
					requireBits(t, want[k], out[k][l], "%s: n = %d, lane %d, sum %d", tier, n, l, k)
				}
			}
		}
	})
	require.Panics(t, func() { SumLanes(new([4][StepLanes]float64), new(StepSums), 1) })
}
