package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStacks compares the kernels on stacks with products and sums of single matrices in
// float64, for each order, with guard bands and offsets.
func TestStacks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	eachTier(t, func(tier string) {
		for n := 1; n <= 17; n++ {
			lanes, nn := StackLanes(n), n*n
			what := fmt.Sprintf("%s, order %d", tier, n)
			const count = 21
			mat, checkMat := guarded(count*nn, n%4)
			for i := range mat {
				mat[i] = float32(r.NormFloat64())
			}
			var at [MaxStackLanes]int32
			for l := range at {
				at[l] = int32(r.IntN(count))
			}
			perm := r.Perm(count)
			for l := range lanes {
				at[l] = int32(perm[l]) // distinct
			}
			stack := func() ([]float32, func(testing.TB, string)) { return guarded(nn*lanes, r.IntN(4)) }
			entry := func(x []float32, e, l int) float64 { return float64(x[e*lanes+l]) }

			a, checkA := stack()
			StackLoad(a, mat, &at, n, 0.5)
			for e := range nn {
				for l := range lanes {
					require.Equal(t, 0.5*mat[int(at[l])*nn+e], a[e*lanes+l], what)
				}
			}
			out, checkOut := guarded(count*nn, (n+1)%4)
			for i := range out {
				out[i] = 7
			}
			StackStore(out, a, &at, n)
			touched := map[int]bool{}
			for l := range lanes {
				touched[int(at[l])] = true
				for e := range nn {
					require.Equal(t, a[e*lanes+l], out[int(at[l])*nn+e], what)
				}
			}
			for i := range count {
				if !touched[i] {
					require.Equal(t, float32(7), out[i*nn], what)
				}
			}

			b, checkB := stack()
			d, checkD := stack()
			for i := range b {
				b[i], d[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
			}
			for _, from := range [][]float32{nil, d} {
				c, checkC := stack()
				StackMul(c, a, b, from, n)
				checkC(t, what)
				for l := range lanes {
					for i := range n {
						for j := range n {
							want, scale := 0.0, 1.0
							if from != nil {
								want = entry(d, i*n+j, l)
							}
							for k := range n {
								x := entry(a, i*n+k, l) * entry(b, k*n+j, l)
								want += x
								scale += math.Abs(x)
							}
							require.InDelta(t, want, entry(c, i*n+j, l), 3e-7*scale, what)
						}
					}
				}
			}

			for dsts := 1; dsts <= 5; dsts++ {
				var dst [][]float32
				var checks []func(testing.TB, string)
				coef := make([][5]float32, dsts)
				for i := range dsts {
					x, check := stack()
					dst, checks = append(dst, x), append(checks, check)
					for k := range coef[i] {
						coef[i][k] = float32(r.NormFloat64())
					}
				}
				coef[0][0] = 0
				StackLinear(dst, &[4][]float32{a, b, d, b}, coef, n)
				for i := range dst {
					checks[i](t, what)
					for l := range lanes {
						for e := range nn {
							want := float64(coef[i][1])*entry(a, e, l) + float64(coef[i][2])*entry(b, e, l) +
								float64(coef[i][3])*entry(d, e, l) + float64(coef[i][4])*entry(b, e, l)
							if e%(n+1) == 0 {
								want += float64(coef[i][0])
							}
							require.InDelta(t, want, entry(dst[i], e, l), 3e-6, what)
						}
					}
				}
			}

			norm, checkNorm := guarded(count, n%4)
			RowsNorm(norm, mat, n)
			for i := range count {
				want := 0.0
				for j := range n {
					s := 0.0
					for k := range n {
						s += math.Abs(float64(mat[i*nn+k*n+j]))
					}
					want = max(want, s)
				}
				require.InEpsilon(t, want, float64(norm[i]), 1e-6, what)
			}
			for _, bad := range []float32{nan32, inf32, -inf32} {
				one := append([]float32(nil), mat[:nn]...)
				one[r.IntN(nn)] = bad
				RowsNorm(norm[:1], one, n)
				require.True(t, norm[0] != norm[0], what)
			}
			for _, check := range []func(testing.TB, string){checkMat, checkA, checkOut, checkB, checkD, checkNorm} {
				check(t, what)
			}
		}
	})
	require.Panics(t, func() {
		var at [MaxStackLanes]int32
		at[3] = 2
		StackLoad(make([]float32, 1024), make([]float32, 8), &at, 2, 1)
	})
	require.Panics(t, func() { StackMul(make([]float32, 3), nil, nil, nil, 2) })
	require.Panics(t, func() { RowsNorm(make([]float32, 3), make([]float32, 3), 2) })
}
