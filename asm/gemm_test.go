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

// Shapes at random, so that every tile height, panel width and tail comes up.
func TestGemmRandom(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(27, 28))
		for range 25 {
			gemmOnce(t, r, tier, r.IntN(71), r.IntN(71), r.IntN(71), r.IntN(4))
		}
		for _, s := range [][3]int{{29, 40, 383}, {15, 65, 384}, {31, 31, 385}, {5, 33, 769}} {
			gemmOnce(t, r, tier, s[0], s[1], s[2], 0)
		}
	})
}

// The wide strides of A that are copied for the sake of the cache.
func TestGemmPageStride(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(29, 30))
		const m, n, k, ld = 31, 150, 401, 1024
		a, b := floats(r, m*ld), floats(r, k*n)
		dense := make([]float32, m*k)
		for i := range m {
			copy(dense[i*k:][:k], a[i*ld:])
		}
		want, got := make([]float32, m*n), make([]float32, m*n)
		Gemm(false, false, m, n, k, dense, k, b, n, want, n, false)
		Gemm(false, false, m, n, k, a, ld, b, n, got, n, false)
		require.Equal(t, want, got, tier)
	})
}

// All tiers with fused multiply-adds sum in the same order.
func TestGemmTiersAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for _, s := range [][3]int{{1, 1, 1}, {3, 7, 5}, {14, 32, 16}, {33, 71, 100}, {65, 97, 800}, {20, 300, 40}} {
		m, n, k := s[0], s[1], s[2]
		a, b := floats(r, m*k), floats(r, k*n)
		for mode := range 4 {
			transA, transB := mode&1 != 0, mode&2 != 0
			lda, ldb := strides(m, n, k, transA, transB)
			var want []float32
			eachTier(t, func(tier string) {
				if tier == "reference" {
					return
				}
				c := make([]float32, m*n)
				Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, n, false)
				if want == nil {
					want = c
				}
				require.Equal(t, want, c, "%s %v mode %d", tier, s, mode)
			})
		}
	}
}

// strides are those of dense A and B.
func strides(m, n, k int, transA, transB bool) (lda, ldb int) {
	lda, ldb = k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	return lda, ldb
}

// An epilogue equals the kernels that it stands for, one after the other.
func TestGemmEpilogue(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(33, 34))
		for _, s := range [][3]int{{1, 1, 1}, {5, 16, 0}, {13, 33, 20}, {40, 70, 400}, {100, 96, 32}} {
			for set := range 32 {
				m, n, k := s[0], s[1], s[2]
				ldc, ldr := n+set%3, n+1
				a, b, bias, res := floats(r, m*k), floats(r, k*n), floats(r, n), floats(r, m*ldr)
				acc := set&16 != 0
				old := floats(r, m*ldc)
				want, pre := append([]float32(nil), old...), make([]float32, m*ldc)
				e := Epilogue{Act: Activation(set % 4)}
				Gemm(false, false, m, n, k, a, k, b, n, want, ldc, acc)
				for i := range m {
					row := want[i*ldc:][:n]
					if set&2 != 0 {
						e.Bias = bias
						Add(row, row, bias)
					}
					if set&4 != 0 {
						e.Pre = make([]float32, m*ldc)
						copy(pre[i*ldc:], row)
					}
					switch e.Act {
					case ActGelu:
						Gelu(row, row)
					case ActTanh:
						Tanh(row, row)
					case ActSigmoid:
						Sigmoid(row, row)
					}
					if set&8 != 0 {
						e.Residual, e.LDR = res, ldr
						Add(row, row, res[i*ldr:][:n])
					}
				}
				got, check := guarded(len(old), set%4)
				copy(got, old)
				GemmEpilogue(false, false, m, n, k, a, k, b, n, got, ldc, acc, &e)
				check(t, "c")
				require.Equal(t, want, got, "%s %v set %d", tier, s, set)
				if e.Pre != nil {
					require.Equal(t, pre, e.Pre, "%s %v set %d", tier, s, set)
				}
				copy(got, old)
				GemmPacked(m, a, k, Pack(false, n, k, b, n), got, ldc, acc, &e)
				check(t, "packed c")
				require.Equal(t, want, got, "%s %v set %d packed", tier, s, set)
			}
		}
	})
}

func TestGemmPacked(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(35, 36))
		for range 40 {
			m, n, k, pad := r.IntN(40), r.IntN(100), r.IntN(90), r.IntN(3)
			if r.IntN(8) == 0 {
				k, n = 700+r.IntN(200), 400+r.IntN(90)
			}
			for _, transB := range []bool{false, true} {
				ldb := n + pad
				rows := k
				if transB {
					ldb, rows = k+pad, n
				}
				a, b := floats(r, m*k), floats(r, rows*ldb)
				p := Pack(transB, n, k, b, ldb)
				want, got := floats(r, m*n), make([]float32, m*n)
				copy(got, want)
				Gemm(false, transB, m, n, k, a, k, b, ldb, want, n, true)
				clear(b) // the copy is independent
				GemmPacked(m, a, k, p, got, n, true, nil)
				require.Equal(t, want, got, "%s %d %d %d %v", tier, m, n, k, transB)
			}
		}
	})
}

func TestGemmBatch(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(37, 38))
		for i := range 60 {
			batch, m, n, k := r.IntN(5), r.IntN(40), r.IntN(40), r.IntN(40)
			transA, transB := i&1 != 0, i&2 != 0
			lda, ldb := strides(m, n, k, transA, transB)
			strideA, strideB, strideC := m*k+i%3, k*n+i%2, m*n+i%4
			if i%5 == 0 {
				strideB = 0
			}
			a, b, c := floats(r, batch*strideA+m*k), floats(r, batch*strideB+k*n), floats(r, batch*strideC+m*n)
			want := append([]float32{}, c...)
			for q := range batch {
				Gemm(transA, transB, m, n, k, a[q*strideA:], lda, b[q*strideB:], ldb, want[q*strideC:], n, i%3 == 0)
			}
			GemmBatch(transA, transB, batch, m, n, k, a, lda, strideA, b, ldb, strideB, c, n, strideC, i%3 == 0)
			require.Equal(t, want, c, "%s %d x %d %d %d mode %d", tier, batch, m, n, k, i&3)
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
	p := Pack(false, n, k, b, n)
	e := Epilogue{Bias: gain, Act: ActGelu}
	require.Zero(t, testing.AllocsPerRun(20, func() {
		e := e // as a caller would build it
		GemmPacked(m, a, k, p, c, n, false, &e)
		GemmBatch(false, true, 4, 8, 10, 12, a, 12, 96, b, 12, 120, c, 10, 80, false)
	}), "packed and batch")
}
