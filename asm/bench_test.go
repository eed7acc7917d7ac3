package asm

import (
	"fmt"
	"testing"
	"time"
)

// Results of reductions go here, so that the compiler keeps the calls.
var sink float32

// peak measures what one core multiplies and adds when nothing waits for memory: a
// product whose panels stay in the L1 cache. Results are also given as a share of it.
// In float operations per nanosecond, the best of a few short runs.
func peak() float64 {
	const m, n, k, runs = 6 * 16, 16, 256, 100
	a, x, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	best := 0.0
	for range 20 {
		start := time.Now()
		for range runs {
			Gemm(false, false, m, n, k, a, k, x, n, c, n, false)
		}
		best = max(best, 2*m*n*k*runs/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

func BenchmarkGemm(b *testing.B) {
	top := map[string]float64{}
	for _, s := range []struct {
		mode    string
		m, n, k int
	}{
		{"NN", 1024, 256, 256}, {"NT", 1024, 256, 256}, {"TN", 256, 256, 1024}, {"NN", 1024, 1024, 256}, {"NN", 512, 512, 512}, {"NN", 1024, 128, 128},
		{"NN", 1, 256, 256}, {"NT", 1, 256, 256}, {"NN", 8, 256, 256}, {"NN", 64, 96, 32}, {"NN", 256, 48, 16},
		{"NT", 16, 16, 16}, {"NN", 16, 16, 16}, {"NT", 64, 64, 32}, {"NN", 64, 32, 64}, {"TN", 32, 64, 64}, {"NN", 4, 4, 4},
	} {
		eachTier(b, func(tier string) {
			if tier == "reference" && s.m*s.n*s.k > 1<<24 {
				return
			}
			b.Run(fmt.Sprintf("impl=%s/%s_%dx%dx%d", tier, s.mode, s.m, s.n, s.k), func(b *testing.B) {
				if top[tier] == 0 && tier != "reference" {
					top[tier] = peak()
				}
				transA, transB := s.mode[0] == 'T', s.mode[1] == 'T'
				lda, ldb := s.k, s.n
				if transA {
					lda = s.m
				}
				if transB {
					ldb = s.k
				}
				x, y, c := make([]float32, s.m*s.k), make([]float32, s.k*s.n), make([]float32, s.m*s.n)
				for i := range x {
					x[i] = float32(i%7) - 3
				}
				for i := range y {
					y[i] = float32(i%5) - 2
				}
				b.ReportAllocs()
				for b.Loop() {
					Gemm(transA, transB, s.m, s.n, s.k, x, lda, y, ldb, c, s.n, false)
				}
				rate := 2 * float64(s.m) * float64(s.n) * float64(s.k) * float64(b.N) / float64(b.Elapsed().Nanoseconds())
				b.ReportMetric(rate, "GFLOP/s")
				if top[tier] > 0 {
					b.ReportMetric(100*rate/top[tier], "%peak")
				}
			})
		})
	}
}

func BenchmarkMap(b *testing.B) {
	for _, n := range []int{64, 1024} {
		x, y, z, w := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = 8*float32(i)/float32(n) - 4
			w[i] = 1
		}
		vek := vekBaseline(x, y, z, w)
		for _, c := range []struct {
			name string
			run  func()
		}{
			{"Add", func() { Add(z, x, y) }},
			{"AddTo", func() { AddTo(y, x) }},
			{"Axpy", func() { Axpy(0.5, x, y) }},
			{"Dot", func() { sink = Dot(x, w) }},
			{"Sum", func() { sink = Sum(x) }},
			{"Exp", func() { Exp(z, x) }},
			{"Tanh", func() { Tanh(z, x) }},
			{"Sigmoid", func() { Sigmoid(z, x) }},
			{"Gelu", func() { Gelu(z, x) }},
			{"GeluGrad", func() { GeluGrad(z, x, w, false) }},
			{"SinCos", func() { SinCos(z, y, x) }},
			{"Expm1OverX", func() { Expm1OverX(z, x) }},
			{"AdamW", func() { AdamW(z, x, y, w, 1e-3, 0.9, 0.95, 1e-8, 0, 0.5, 0.5) }},
		} {
			clear(y)
			clear(z)
			perElement := func(b *testing.B, f func()) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
			}
			eachTier(b, func(tier string) {
				b.Run(fmt.Sprintf("%s/impl=%s/n=%d", c.name, tier, n), func(b *testing.B) { perElement(b, c.run) })
			})
			if f := vek[c.name]; f != nil {
				b.Run(fmt.Sprintf("%s/impl=vek/n=%d", c.name, n), func(b *testing.B) { perElement(b, f) })
			}
		}
	}
}

func BenchmarkRows(b *testing.B) {
	const rows = 64
	for _, cols := range []int{32, 128} {
		n := rows * cols
		x, y, dy, dx := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		gain, bias, mean, rstd := make([]float32, cols), make([]float32, cols), make([]float32, rows), make([]float32, rows)
		gi, gh, save := make([]float32, 3*n), make([]float32, 3*n), make([]float32, 4*n)
		for i := range x {
			x[i] = float32(i%17) / 4
		}
		for _, c := range []struct {
			name string
			run  func()
		}{
			{"Softmax", func() { SoftmaxRows(y, x, rows, cols) }},
			{"SoftmaxGrad", func() { SoftmaxRowsGrad(dx, y, dy, rows, cols, false) }},
			{"RMSNorm", func() { RMSNormRows(y, x, gain, rstd, rows, cols, 1e-5) }},
			{"RMSNormGrad", func() { RMSNormRowsGrad(dx, gain, x, gain, rstd, dy, rows, cols) }},
			{"LayerNorm", func() { LayerNormRows(y, x, gain, bias, mean, rstd, rows, cols, 1e-5) }},
			{"LayerNormGrad", func() { LayerNormRowsGrad(dx, gain, bias, x, gain, mean, rstd, dy, rows, cols) }},
			{"GRU", func() { GRUGates(y, gi, gh, x, save, rows, cols) }},
			{"GRUGrad", func() { GRUGatesGrad(gi, gh, dx, dy, save, x, rows, cols) }},
		} {
			eachTier(b, func(tier string) {
				b.Run(fmt.Sprintf("%s/impl=%s/cols=%d", c.name, tier, cols), func(b *testing.B) {
					for b.Loop() {
						c.run()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
				})
			})
		}
	}
}
