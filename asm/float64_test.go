package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// random64 returns n normal numbers at an offset inside sentinels, and a check
// that the sentinels are still there.
func random64(r *rand.Rand, n, offset int) ([]float64, func(testing.TB, string)) {
	const band, sentinel = 8, -12345.5
	all := make([]float64, 2*band+offset+n)
	lo := band + offset
	for i := range all {
		all[i] = sentinel
		if i >= lo && i < lo+n {
			all[i] = r.NormFloat64()
		}
	}
	return all[lo : lo+n : lo+n], func(t testing.TB, what string) {
		t.Helper()
		for i, v := range all {
			if (i < lo || i >= lo+n) && v != sentinel {
				require.FailNow(t, "write out of bounds", "%s: element %d of %d", what, i-lo, n)
			}
		}
	}
}

func nearLanes(t testing.TB, want, got []float64, tol float64, what string, args ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	for i, w := range want {
		if d := math.Abs(w - got[i]); !(d <= tol*(1+math.Abs(w))) && w != got[i] && !(w != w && got[i] != got[i]) {
			require.FailNow(t, "differs", "%s: element %d: %v, want %v", fmt.Sprintf(what, args...), i, got[i], w)
		}
	}
}

func TestGemm64(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 1))
		for trial := range 300 {
			m, n, k := 1+r.IntN(13), 4*(1+r.IntN(9)), 1+r.IntN(40)
			lda, ldb, ldc := 0, n+r.IntN(3), n+r.IntN(3)
			ai, ak := 1, m+r.IntN(3)
			switch trial % 3 {
			case 1:
				ai, ak = k+r.IntN(3), 1
			case 2:
				ai, ak = 1+r.IntN(3), 1 // overlapping rows
			}
			lda = (m-1)*ai + (k-1)*ak + 1
			a, ca := random64(r, lda, trial%4)
			b, cb := random64(r, (k-1)*ldb+n, trial%3)
			c, cc := random64(r, (m-1)*ldc+n, trial%2)
			want := append([]float64(nil), c...)
			for i := range m {
				for j := range n {
					s := 0.0
					for q := range k {
						s += a[i*ai+q*ak] * b[q*ldb+j]
					}
					want[i*ldc+j] += s
				}
			}
			Gemm64(c, ldc, a, ai, ak, b, ldb, m, n, k)
			nearLanes(t, want, c, 1e-13, "%s %dx%dx%d", tier, m, n, k)
			for _, f := range []func(testing.TB, string){ca, cb, cc} {
				f(t, "Gemm64")
			}
		}
	})
	require.Panics(t, func() { Gemm64(make([]float64, 9), 3, make([]float64, 9), 1, 1, make([]float64, 9), 3, 3, 3, 3) })
	require.Panics(t, func() { Gemm64(make([]float64, 15), 4, make([]float64, 16), 4, 1, make([]float64, 16), 4, 4, 4, 4) })
}

func TestInterleave(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 2))
		for n := range 40 {
			var s [4][]float64
			for i := range s {
				s[i], _ = random64(r, n, i)
			}
			dst, check := random64(r, 4*n, n%4)
			Interleave(dst, s[0], s[1], s[2], s[3], n)
			check(t, "Interleave")
			for i, v := range dst {
				require.Equal(t, s[i%4][i/4], v)
			}
			if n == 0 {
				continue
			}
			step := 4 + 4*(n%3)
			src, _ := random64(r, step*(n-1)+4, n%2)
			var d [4][]float64
			var checks [4]func(testing.TB, string)
			for i := range d {
				d[i], checks[i] = random64(r, n, i)
			}
			Deinterleave(d[0], d[1], d[2], d[3], src, step)
			for l := range d {
				checks[l](t, "Deinterleave")
				for i, v := range d[l] {
					require.Equal(t, src[step*i+l], v)
				}
			}
		}
	})
}

// TestCholeskyLanes solves random positive definite systems.
func TestCholeskyLanes(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 3))
		for n := 4; n <= 52; n += 4 {
			m := 4 * (1 + n%3)
			l, check := random64(r, (n+m)*n*Lanes, n%4)
			inv, checkInv := random64(r, n*Lanes, 1)
			g := make([][]float64, Lanes) // full matrices
			for q := range g {
				g[q] = make([]float64, n*n)
				x := make([]float64, n*2*n)
				for i := range x {
					x[i] = r.NormFloat64()
				}
				for i := range n {
					for j := range n {
						for k := range 2 * n {
							g[q][i*n+j] += x[i*2*n+k] * x[j*2*n+k]
						}
						if j <= i {
							l[(i*n+j)*Lanes+q] = g[q][i*n+j]
						} else {
							l[(i*n+j)*Lanes+q] = math.NaN() // must not be read
						}
					}
				}
			}
			b := append([]float64(nil), l[n*n*Lanes:]...)
			CholeskyLanes(l, n, n+m, &[Lanes]float64{}, inv)
			check(t, "CholeskyLanes")
			checkInv(t, "CholeskyLanes")
			z := l[n*n*Lanes:]
			lead := n - 4*(n%2) // also a leading block
			if lead == n {
				BackLanes(z, l, n, n, m, inv)
				check(t, "BackLanes")
				back := make([]float64, len(b))
				for q := range Lanes {
					for j := range m {
						for i := range n {
							for k := range n {
								back[(j*n+i)*Lanes+q] += g[q][i*n+k] * z[(j*n+k)*Lanes+q]
							}
						}
					}
				}
				nearLanes(t, b, back, 1e-10, "%s n=%d", tier, n)
			}
		}
		// A matrix of zeros, one of NaN: pivots are raised to the floor.
		l, inv := make([]float64, 4*4*Lanes), make([]float64, 4*Lanes)
		for i := range 16 {
			l[i*Lanes+1] = math.NaN()
		}
		CholeskyLanes(l, 4, 4, &[Lanes]float64{4, 4, 9, 16}, inv)
		require.Equal(t, []float64{.5, .5, 1. / 3, .25}, inv[:4])
		require.Equal(t, []float64{2, 2, 3, 4}, l[:4])
	})
}

// TestLeadingBlock solves with the leading block of a larger factor.
func TestLeadingBlock(t *testing.T) {
	eachTier(t, func(tier string) {
		const n, lead, m = 12, 8, 2
		r := rand.New(rand.NewPCG(1, 4))
		l, _ := random64(r, n*n*Lanes, 0)
		inv, _ := random64(r, n*Lanes, 0)
		z, check := random64(r, ((m-1)*n+lead)*Lanes, 0)
		want := append([]float64(nil), z...)
		backLanesGeneric(want, l, lead, n, m, inv)
		BackLanes(z, l, lead, n, m, inv)
		check(t, "BackLanes")
		nearLanes(t, want, z, 1e-9, "%s", tier)
	})
}

func TestRollout(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 5))
		for trial := range 400 {
			f := Rollout{C: 1 + r.IntN(8), Order: 1 + r.IntN(3), Stride: 1 + r.IntN(3), Poly: trial%2 == 0}
			f.Cubic = f.Poly && trial%4 == 0
			if !f.Poly {
				f.Order = 1 + r.IntN(9)
			}
			k := f.Features()
			f.WStride = 1 + k + r.IntN(4)
			var checks [4]func(testing.TB, string)
			start, steps := f.Order*f.Stride+r.IntN(2), 1+r.IntN(12)
			f.Buf, checks[0] = random64(r, (start+steps)*f.C*Lanes, trial%4)
			f.W, checks[1] = random64(r, ((f.C-1)*f.WStride+1+k)*Lanes, trial%3)
			for i := range f.W {
				f.W[i] /= math.Sqrt(float64(k + 1))
			}
			f.Phi, checks[2] = random64(r, k*Lanes, 1)
			f.S1, _ = random64(r, f.C, 0)
			f.S2, _ = random64(r, f.C, 0)
			f.Lo, checks[3] = random64(r, f.C*Lanes, 0)
			f.Hi = make([]float64, len(f.Lo))
			for i := range f.Lo {
				f.Lo[i], f.Hi[i] = -1-math.Abs(f.Lo[i]), 1+math.Abs(f.Lo[i])
			}
			if trial%7 == 0 {
				f.W[trial%len(f.W)] = math.NaN()
			}
			g := f
			g.Buf = append([]float64(nil), f.Buf...)
			g.Phi = append([]float64(nil), f.Phi...)
			var count, want [Lanes]int64
			f.Run(start, steps, &count)
			g.generic(start, steps, k, &want)
			for _, check := range checks {
				check(t, "Rollout")
			}
			nearLanes(t, g.Buf, f.Buf, 1e-6, "%s trial %d: %+v", tier, trial, f.Poly)
			require.Equal(t, want, count)
		}
	})
}

func TestReductions64(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 6))
		for n := range 70 {
			a, _ := random64(r, n, n%4)
			b, _ := random64(r, n, n%3)
			var d, s, q, top float64
			for i, v := range a {
				d += (v - b[i]) * (v - b[i])
				s += v
				q += v * v
				top = max(top, math.Abs(v-.5))
			}
			sum, square, most := Moments(a, .5)
			nearLanes(t, []float64{d, s, q, top}, []float64{SquaredDistance(a, b), sum, square, most}, 1e-13, "%s n=%d", tier, n)
			dst, check := random64(r, n, n%2)
			old := append([]float64(nil), dst...)
			Slide64(dst, a, 1.5, b, .3, old)
			check(t, "Slide64")
			for i, v := range dst {
				require.Equal(t, a[i]+float64(1.5*b[i])-float64(.3*old[i]), v)
			}
		}
		sum, square, top := Moments([]float64{1, math.NaN(), 2, 3, 4}, 0)
		require.True(t, sum != sum && square != square && top == 4)
	})
}

// TestPentadiagonal compares with Gauss elimination of the full matrix.
func TestPentadiagonal(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 8))
		for n := 1; n < 24; n++ {
			var x [6][]float64
			for i := range x {
				x[i], _ = random64(r, n, i)
			}
			for i := range n {
				x[0][i] += 9
				x[2][i] += 9
			}
			lambda := [Lanes]float64{1e-3, .1, 1, 40}
			quad, logdet := Pentadiagonal(x[0], x[1], x[2], x[3], x[4], x[5], &lambda)
			for l, lam := range lambda {
				m := make([][]float64, n)
				for i := range m {
					m[i] = make([]float64, n+1)
					m[i][n] = x[5][i]
				}
				for i := range m {
					m[i][i] = x[0][i] + lam*x[2][i]
					if i+1 < n {
						m[i][i+1] = x[1][i] + lam*x[3][i]
						m[i+1][i] = m[i][i+1]
					}
					if i+2 < n {
						m[i][i+2] = lam * x[4][i]
						m[i+2][i] = m[i][i+2]
					}
				}
				wantQuad, wantLog := 0.0, 0.0
				for i := range m {
					wantLog += math.Log(m[i][i])
					wantQuad += m[i][n] * m[i][n] / m[i][i]
					for k := i + 1; k < n; k++ {
						v := m[k][i] / m[i][i]
						for j := i; j <= n; j++ {
							m[k][j] -= v * m[i][j]
						}
					}
				}
				nearLanes(t, []float64{wantQuad, wantLog}, []float64{quad[l], logdet[l]}, 1e-9, "%s n=%d lambda %g", tier, n, lam)
			}
		}
		// Longer than one call, with huge and tiny pivots.
		n := 2500
		r0, zero := make([]float64, n), make([]float64, n)
		want := 0.0
		for i := range r0 {
			r0[i] = math.Pow(10, float64(i%40)*10-200)
			want += math.Log(r0[i])
		}
		_, logdet := Pentadiagonal(r0, zero, zero, zero, zero, zero, &[Lanes]float64{})
		nearLanes(t, []float64{want}, logdet[:1], 1e-12, "%s", tier)
	})
}

func BenchmarkFloat64(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 7))
	for _, n := range []int{28, 56, 100, 160} {
		b.Run(fmt.Sprintf("op=cholesky/n=%d", n), func(b *testing.B) {
			l, _ := random64(r, n*n*Lanes, 0)
			inv := make([]float64, n*Lanes)
			for b.Loop() {
				CholeskyLanes(l, n, n, &[Lanes]float64{1, 1, 1, 1}, inv)
			}
			b.ReportMetric(float64(n*n*n)/3*Lanes*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
		b.Run(fmt.Sprintf("op=gemm/n=%d", n), func(b *testing.B) {
			x, _ := random64(r, n*256, 0)
			c := make([]float64, n*n)
			for b.Loop() {
				Gemm64(c, n, x, 1, n, x, n, n, n, 256)
			}
			b.ReportMetric(float64(2*n*n*256)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
	for _, f := range []Rollout{{C: 3, Order: 32, Stride: 1}, {C: 3, Order: 3, Stride: 1, Poly: true}, {C: 8, Order: 2, Stride: 1, Poly: true}, {C: 1, Order: 8, Stride: 1}} {
		b.Run(fmt.Sprintf("op=roll/C=%d/order=%d/poly=%v", f.C, f.Order, f.Poly), func(b *testing.B) {
			k := f.Features()
			f.WStride = k + 1
			f.Buf, f.W, f.Phi = make([]float64, 300*f.C*4), make([]float64, f.C*(k+1)*4), make([]float64, k*4)
			f.S1, f.S2, f.Lo, f.Hi = make([]float64, f.C), make([]float64, f.C), make([]float64, f.C*4), make([]float64, f.C*4)
			var count [4]int64
			for b.Loop() {
				f.Run(40, 256, &count)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/step")
			b.ReportMetric(float64(2*k*f.C*4*256)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
