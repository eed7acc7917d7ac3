package asm

import (
	"fmt"
	"testing"
)

// Results of reductions go here, so that the compiler keeps the calls.
var sink float32

// perElement times f, which handles n elements and moves bytes of memory for each.
func perElement(b *testing.B, n int, bytes int, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(n)
	b.ReportMetric(ns, "ns/elem")
	if bytes > 0 {
		b.ReportMetric(float64(bytes)/ns, "GB/s")
	}
}

// BenchmarkMap times the element-wise kernels and plain sums: in the L1 cache, in the L2
// cache and, for AdamW, beyond. GB/s counts the bytes read and written.
func BenchmarkMap(b *testing.B) {
	for _, n := range []int{64, 2048, 65536} {
		x, y, z, w := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = 8*float32(i*7919%n)/float32(n) - 4
			w[i] = 1
		}
		vek := vekBaseline(x, y, z, w)
		for _, c := range []struct {
			name  string
			bytes int // per element, for kernels that memory may bound
			run   func()
		}{
			{"Add", 12, func() { Add(z, x, y) }},
			{"AddTo", 12, func() { AddTo(y, x) }},
			{"Axpy", 12, func() { Axpy(0.5, x, y) }},
			{"Dot", 8, func() { sink = Dot(x, w) }},
			{"Sum", 4, func() { sink = Sum(x) }},
			{"Exp", 0, func() { Exp(z, x) }},
			{"Tanh", 0, func() { Tanh(z, x) }},
			{"Sigmoid", 0, func() { Sigmoid(z, x) }},
			{"Gelu", 0, func() { Gelu(z, x) }},
			{"Softplus", 0, func() { Softplus(z, x) }},
			{"GeluGrad", 0, func() { GeluGrad(z, x, w, false) }},
			{"TanhGrad", 12, func() { TanhGrad(z, x, w, false) }},
			{"SinCos", 0, func() { SinCos(z, y, x) }},
			{"Expm1OverX", 0, func() { Expm1OverX(z, x) }},
		} {
			clear(y)
			clear(z)
			eachTier(b, func(tier string) {
				b.Run(fmt.Sprintf("op=%s/impl=%s/n=%d", c.name, tier, n), func(b *testing.B) { perElement(b, n, c.bytes, c.run) })
			})
			if f := vek[c.name]; f != nil {
				b.Run(fmt.Sprintf("op=%s/impl=vek/n=%d", c.name, n), func(b *testing.B) { perElement(b, n, c.bytes, f) })
			}
		}
	}
}

func BenchmarkAdamW(b *testing.B) {
	for _, n := range []int{4096, 1 << 20} {
		x, y, z, w := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = 8*float32(i)/float32(n) - 4
			w[i] = 1
		}
		eachTier(b, func(tier string) {
			b.Run(fmt.Sprintf("op=AdamW/impl=%s/n=%d", tier, n), func(b *testing.B) {
				perElement(b, n, 28, func() { AdamW(z, x, y, w, 1e-3, 0.9, 0.95, 1e-8, 0.01, 0.5, 0.5) })
			})
		})
	}
}

// BenchmarkRows times the row kernels on 65536 elements of the output.
func BenchmarkRows(b *testing.B) {
	const n = 1 << 16
	x, y, dy, dx := make([]float32, 2*n), make([]float32, n), make([]float32, n), make([]float32, 2*n)
	gi, gh, save := make([]float32, 3*n), make([]float32, 3*n), make([]float32, 4*n)
	for i := range x {
		x[i] = float32(i%17)/4 - 2
		gi[i], gh[i] = x[i], x[i]
	}
	for _, cols := range []int{16, 64, 128, 256, 512} {
		rows := n / cols
		gain, bias, mean, rstd := make([]float32, cols), make([]float32, cols), make([]float32, rows), make([]float32, rows)
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
			{"ColumnSums", func() { AddColumnSums(gain, dy, rows, cols) }},
			{"Glu", func() { GluRows(y, x, rows, cols) }},
			{"GluGrad", func() { GluRowsGrad(dx, x, dy, rows, cols) }},
			{"GRU", func() { GRUGates(y, gi, gh, x, save, rows, cols) }},
			{"GRUGrad", func() { GRUGatesGrad(gi, gh, dx, dy, save, x, rows, cols) }},
		} {
			eachTier(b, func(tier string) {
				b.Run(fmt.Sprintf("op=%s/impl=%s/cols=%d", c.name, tier, cols), func(b *testing.B) { perElement(b, n, 0, c.run) })
			})
		}
	}
}
