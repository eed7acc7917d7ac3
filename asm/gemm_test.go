package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// gemmOnce checks one product in all four modes, with and without accumulation,
// with strides wider than the rows, against float64 sums.
func gemmOnce(t testing.TB, r *rand.Rand, tier string, m, n, k, pad int) {
	for mode := range 4 {
		transA, transB := mode&1 != 0, mode&2 != 0
		ar, ac, br, bc := m, k, k, n
		if transA {
			ar, ac = k, m
		}
		if transB {
			br, bc = n, k
		}
		lda, ldb, ldc := ac+pad, bc+pad, n+pad
		size := func(rows, cols, ld int) int {
			if rows == 0 {
				return 0
			}
			return (rows-1)*ld + cols
		}
		a, checkA := guarded(size(ar, ac, lda), pad%4)
		b, checkB := guarded(size(br, bc, ldb), (pad+1)%4)
		fill(r, a)
		fill(r, b)
		old := floats(r, size(m, n, ldc))
		for _, acc := range []bool{false, true} {
			c, checkC := guarded(len(old), (pad+2)%4)
			copy(c, old)
			Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, acc)
			checkA(t, "a")
			checkB(t, "b")
			checkC(t, "c")
			for i := range m {
				for j := range ldc {
					if i*ldc+j >= len(c) {
						break
					}
					if j >= n {
						if c[i*ldc+j] != old[i*ldc+j] {
							require.FailNow(t, "gap between rows changed", "%s %d %d %d mode %d", tier, m, n, k, mode)
						}
						continue
					}
					var want, mag float64
					if acc {
						want = float64(old[i*ldc+j])
						mag = math.Abs(want)
					}
					for p := range k {
						ai, bi := i*lda+p, p*ldb+j
						if transA {
							ai = p*lda + i
						}
						if transB {
							bi = j*ldb + p
						}
						v := float64(a[ai]) * float64(b[bi])
						want += v
						mag += math.Abs(v)
					}
					if got := float64(c[i*ldc+j]); math.Abs(got-want) > 0x1p-24*float64(k+2)*mag {
						require.FailNow(t, "wrong value", "%s m=%d n=%d k=%d mode=%d acc=%v at %d,%d: got %g, want %g", tier, m, n, k, mode, acc, i, j, got, want)
					}
				}
			}
		}
	}
}

func TestGemm(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(21, 22))
		for m := 1; m <= 14; m++ { // every split of the rows, every mask of the columns
			for n := 1; n <= 18; n++ {
				gemmOnce(t, r, tier, m, n, 1+(m*n)%11, (m+n)%4)
			}
		}
		for _, s := range [][3]int{
			{0, 3, 3}, {3, 0, 3}, {3, 3, 0}, {1, 64, 40}, {1, 150, 33}, {2, 130, 17}, {5, 65, 70}, {13, 40, 129},
			{25, 33, 31}, {23, 100, 64}, {37, 48, 50}, {125, 20, 16}, {6, 16, 385}, {14, 34, 400}, {3, 17, 769},
		} {
			gemmOnce(t, r, tier, s[0], s[1], s[2], 3)
		}
	})
}

// Large enough for several blocks of rows and columns. Only where it is quick.
func TestGemmBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	eachTier(t, func(tier string) {
		if tier == "reference" {
			return
		}
		m, n, k := 130, 360, 390
		a, b := floats(r, m*k), floats(r, k*n)
		for mode := range 4 {
			want, got := make([]float32, m*n), make([]float32, m*n)
			transA, transB := mode&1 != 0, mode&2 != 0
			lda, ldb := k, n
			if transA {
				lda = m
			}
			if transB {
				ldb = k
			}
			gemmGo(transA, transB, m, n, k, a, lda, b, ldb, want, n, false)
			Gemm(transA, transB, m, n, k, a, lda, b, ldb, got, n, false)
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 2e-4 {
					require.FailNow(t, "blocks", "mode %d at %d: %g, want %g", mode, i, got[i], want[i])
				}
			}
		}
	})
}

// An element of C depends on its row of A and its column of B only: neither on the
// other rows and columns nor on the modes.
func TestGemmIndependent(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(25, 26))
		for _, s := range [][3]int{{29, 83, 47}, {14, 70, 400}} {
			m, n, k := s[0], s[1], s[2]
			a, b := floats(r, m*k), floats(r, k*n)
			at, bt := make([]float32, m*k), make([]float32, k*n)
			for i := range m {
				for p := range k {
					at[p*m+i] = a[i*k+p]
				}
			}
			for p := range k {
				for j := range n {
					bt[j*k+p] = b[p*n+j]
				}
			}
			c := make([]float32, m*n)
			Gemm(false, false, m, n, k, a, k, b, n, c, n, false)
			other := make([]float32, m*n)
			Gemm(true, false, m, n, k, at, m, b, n, other, n, false)
			require.Equal(t, c, other, tier)
			Gemm(false, true, m, n, k, a, k, bt, k, other, n, false)
			require.Equal(t, c, other, tier)
			Gemm(true, true, m, n, k, at, m, bt, k, other, n, false)
			require.Equal(t, c, other, tier)
			for _, rows := range []int{1, 2, 3, 5, 7} {
				clear(other)
				for i := 0; i < m; i += rows {
					q := min(rows, m-i)
					Gemm(false, false, q, n, k, a[i*k:], k, b, n, other[i*n:], n, false)
				}
				require.Equal(t, c, other, "%s by %d rows", tier, rows)
				for j := 0; j < n; j += 9 {
					q := min(9, n-j)
					Gemm(false, false, m, q, k, a, k, b[j:], n, other[j:], n, false)
				}
				require.Equal(t, c, other, "%s by columns", tier)
			}
		}
	})
}

func TestGemmSpecialValues(t *testing.T) {
	eachTier(t, func(tier string) {
		for mode := range 4 {
			const m, n, k = 9, 21, 10
			a, b := make([]float32, m*k), make([]float32, k*n)
			for i := range b {
				b[i] = 1
			}
			lda, ldb := k, n
			at := 3*k + 4 // row 3 of A
			if mode&1 != 0 {
				lda, at = m, 4*m+3
			}
			if mode&2 != 0 {
				ldb = k
			}
			for _, v := range []float32{nan32, inf32, -inf32, 1e-42} {
				a[at] = v
				c := make([]float32, m*n)
				for i := range c {
					c[i] = nan32 // old values must not matter without acc
				}
				Gemm(mode&1 != 0, mode&2 != 0, m, n, k, a, lda, b, ldb, c, n, false)
				for i := range c {
					want := float32(0)
					if i/n == 3 {
						want = v
					}
					require.True(t, sameBits(want, c[i]), "%s mode %d: %g at %d", tier, mode, c[i], i)
				}
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	const m, n, k = 40, 50, 60
	a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	gain, s := make([]float32, n), make([]float32, m)
	for name, f := range map[string]func(){
		"maps":    func() { Add(c, c, c); Exp(c, c); Gelu(c, c); GeluGrad(c, c, c, true); Axpy(0.5, c, c) },
		"sums":    func() { gain[0] = Sum(c) + Dot(c, c) },
		"rows":    func() { SoftmaxRows(c, c, m, n); RMSNormRows(c, c, gain, s, m, n, 1e-5) },
		"rows nt": func() { RMSNormRowsGrad(c, gain, c, gain, s, c, m, n) },
	} {
		require.Zero(t, testing.AllocsPerRun(20, f), name)
	}
	if raceEnabled {
		return // sync.Pool drops values at random under the race detector
	}
	for mode := range 4 {
		lda, ldb := k, n
		if mode&1 != 0 {
			lda = m
		}
		if mode&2 != 0 {
			ldb = k
		}
		require.Zero(t, testing.AllocsPerRun(20, func() {
			Gemm(mode&1 != 0, mode&2 != 0, m, n, k, a, lda, b, ldb, c, n, true)
		}), "Gemm mode %d", mode)
	}
}
