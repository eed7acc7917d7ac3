package tensor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/internal/allocs"
)

// The parallel product has the bits of one call for every number of workers.
func TestGemmParallel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []float32 {
		x := make([]float32, n)
		NormalInto(r, x, 1)
		return x
	}
	for i, s := range [][3]int{{300, 70, 120}, {70, 301, 130}, {129, 129, 129}, {1024, 33, 64}, {9, 1000, 400}, {5, 4, 3}, {200, 200, 0}} {
		m, n, k := s[0], s[1], s[2]
		for mode := range 4 {
			transA, transB := mode&1 != 0, mode&2 != 0
			lda, ldb := matMulStrides(m, n, k, transA, transB)
			ldc, ldr := n+mode, n+1
			a, b, old := random(m*k), random(k*n), random((m-1)*ldc+n)
			e := &asm.Epilogue{Bias: random(n), Act: asm.ActGelu, Residual: random(m * ldr), LDR: ldr}
			if i%2 == 1 {
				e = nil
			}
			acc := mode == 3
			want, wantPre := append([]float32{}, old...), make([]float32, len(old))
			if e != nil {
				e.Pre = wantPre
			}
			asm.GemmEpilogue(transA, transB, m, n, k, a, lda, b, ldb, want, ldc, acc, e)
			for _, workers := range []int{0, 1, 2, 3, 7} {
				got, pre := append([]float32{}, old...), make([]float32, len(old))
				if e != nil {
					e.Pre = pre
				}
				Gemm(workers, transA, transB, m, n, k, a, lda, b, ldb, got, ldc, acc, e)
				require.Equal(t, want, got, "%v mode %d workers %d", s, mode, workers)
				if e != nil {
					require.Equal(t, wantPre, pre, "%v mode %d workers %d", s, mode, workers)
				}
			}
		}
	}
}

func TestGemmParallelAllocations(t *testing.T) {
	const m, n, k = 256, 128, 128
	a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	bias := make([]float32, n)
	for _, workers := range []int{1, 2} {
		allocs.RequireNone(t, 20, func() {
			Gemm(workers, false, false, m, n, k, a, k, b, n, c, n, false, &asm.Epilogue{Bias: bias, Act: asm.ActTanh})
		})
	}
}
