package asm

import (
	"fmt"
	"testing"
	"time"
)

// peak measures what one core multiplies and adds when nothing waits for memory: a tile
// kernel on data in the L1 cache, within 2 % of a loop of independent FMAs. Results are
// also given as a share of it. In float operations per nanosecond, the best of some short
// runs.
func peak() float64 {
	const m, n, k, runs = 2 * 14, 32, 256, 20 // whole tiles on amd64
	a, x, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	p := Pack(false, n, k, x, n)
	best := 0.0
	for range 40 {
		start := time.Now()
		for range runs {
			GemmPacked(m, a, k, p, c, n, false, nil)
		}
		best = max(best, 2*m*n*k*runs/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// BenchmarkGemm runs the shapes of the engine (rows of a batch by the weights of a layer,
// in the three modes of a forward and a backward pass), squares, single rows and small
// products.
func BenchmarkGemm(b *testing.B) {
	type shape struct {
		mode    string
		m, n, k int
	}
	var shapes []shape
	for _, mode := range []string{"NN", "NT", "TN"} {
		for _, kn := range [][2]int{{128, 128}, {128, 512}, {512, 128}, {256, 256}, {256, 1024}, {1024, 256}} {
			for _, m := range []int{64, 256, 1024, 4096} {
				shapes = append(shapes, shape{mode, m, kn[1], kn[0]})
			}
		}
		for _, s := range []int{512, 1024, 2048} {
			shapes = append(shapes, shape{mode, s, s, s})
		}
		for _, s := range [][3]int{{1, 8, 8}, {1, 96, 32}, {1, 256, 256}, {4, 24, 24}, {8, 256, 256}, {16, 16, 16}, {24, 96, 32}, {24, 8, 24}} {
			shapes = append(shapes, shape{mode, s[0], s[1], s[2]})
		}
	}
	shapes = append(shapes, shape{"packed", 64, 256, 256}, shape{"packed", 1024, 256, 256}, shape{"packed", 1, 256, 256})
	top := map[string]float64{}
	for _, s := range shapes {
		eachTier(b, func(tier string) {
			if tier == "reference" && s.m*s.n*s.k > 1<<24 {
				return
			}
			b.Run(fmt.Sprintf("mode=%s/impl=%s/m=%d/k=%d/n=%d", s.mode, tier, s.m, s.k, s.n), func(b *testing.B) {
				transA, transB := s.mode[0] == 'T', s.mode[1] == 'T'
				lda, ldb := strides(s.m, s.n, s.k, transA, transB)
				x, y, c := ramp(s.m*s.k), ramp(s.k*s.n), make([]float32, s.m*s.n)
				run := func() { Gemm(transA, transB, s.m, s.n, s.k, x, lda, y, ldb, c, s.n, false) }
				if s.mode == "packed" {
					p := Pack(false, s.n, s.k, y, s.n)
					run = func() { GemmPacked(s.m, x, s.k, p, c, s.n, false, nil) }
				}
				reportRate(b, top, tier, 2*float64(s.m)*float64(s.n)*float64(s.k), run)
			})
		})
	}
}

// BenchmarkGemmBatch runs the products of attention heads.
func BenchmarkGemmBatch(b *testing.B) {
	top := map[string]float64{}
	for _, mode := range []string{"NN", "NT"} {
		for _, s := range [][4]int{{64, 32, 32, 32}, {256, 32, 32, 32}, {256, 64, 32, 64}, {256, 64, 64, 32}, {256, 128, 32, 128}} {
			batch, m, k, n := s[0], s[1], s[2], s[3]
			eachTier(b, func(tier string) {
				if tier == "reference" {
					return
				}
				b.Run(fmt.Sprintf("mode=%s/impl=%s/batch=%d/m=%d/k=%d/n=%d", mode, tier, batch, m, k, n), func(b *testing.B) {
					_, ldb := strides(m, n, k, false, mode == "NT")
					x, y, c := ramp(batch*m*k), ramp(batch*k*n), make([]float32, batch*m*n)
					reportRate(b, top, tier, 2*float64(batch)*float64(m)*float64(n)*float64(k), func() {
						GemmBatch(false, mode == "NT", batch, m, n, k, x, k, m*k, y, ldb, k*n, c, n, m*n, false)
					})
				})
			})
		}
	}
}

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	return x
}

// reportRate runs f, which does flops float operations, and reports their rate, also as a
// share of the peak of the tier, kept in top.
func reportRate(b *testing.B, top map[string]float64, tier string, flops float64, f func()) {
	if top[tier] == 0 {
		top[tier] = 1
		if tier != "reference" {
			top[tier] = peak()
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	rate := flops * float64(b.N) / float64(b.Elapsed().Nanoseconds())
	b.ReportMetric(rate, "GFLOP/s")
	if tier != "reference" {
		b.ReportMetric(100*rate/top[tier], "%peak")
	}
}
