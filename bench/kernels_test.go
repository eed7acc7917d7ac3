// Package bench compares the kernels of the engine with other Go libraries:
// gonum (blas32), vek and the pure-Go backend of gomlx. It is a module of its
// own, so that none of them is a dependency of the engine's users.
//
//	go test -bench . -cpu 1 | tee new.txt
//	benchstat -col /impl new.txt
//
// The comparison with programs in C and Python is cmd/compare.
package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/viterin/vek/vek32"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

func normal(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// product is one matrix product, or a batch of equal ones.
type product struct {
	mode           string // NN, NT or TN
	batch, m, k, n int
}

func (p product) String() string {
	if p.batch > 1 {
		return fmt.Sprintf("%dx%dx%dx%d", p.batch, p.m, p.k, p.n)
	}
	return fmt.Sprintf("%dx%dx%d", p.m, p.k, p.n)
}

// products are those of peers/gemm.c: the 24 rectangles of small transformers
// in three modes, three squares, and batches of the size of attention heads.
func products() (all []product) {
	for _, kn := range [][2]int{{128, 128}, {128, 512}, {512, 128}, {256, 256}, {256, 1024}, {1024, 256}} {
		for _, m := range []int{64, 256, 1024, 4096} {
			for _, mode := range []string{"NN", "NT", "TN"} {
				all = append(all, product{mode, 1, m, kn[0], kn[1]})
			}
		}
	}
	for _, s := range []int{512, 1024, 2048} {
		for _, mode := range []string{"NN", "NT", "TN"} {
			all = append(all, product{mode, 1, s, s, s})
		}
	}
	for _, b := range [][4]int{{64, 32, 32, 32}, {256, 32, 32, 32}, {256, 64, 32, 64}, {256, 64, 64, 32}, {256, 128, 32, 128}} {
		for _, mode := range []string{"NN", "NT"} {
			all = append(all, product{mode, b[0], b[1], b[2], b[3]})
		}
	}
	return all
}

// gemmFunc makes a function that computes the product once.
type gemmFunc func(p product, a, b, c []float32) (run func(), close func())

// ld returns the row strides of a and b.
func (p product) ld() (lda, ldb int) {
	lda, ldb = p.k, p.n
	if p.mode == "TN" {
		lda = p.m
	}
	if p.mode == "NT" {
		ldb = p.k
	}
	return lda, ldb
}

func lassodeGemm(p product, a, b, c []float32) (run, close func()) {
	lda, ldb := p.ld()
	ta, tb := p.mode == "TN", p.mode == "NT"
	if p.batch > 1 {
		return func() {
			asm.GemmBatch(ta, tb, p.batch, p.m, p.n, p.k, a, lda, p.m*p.k, b, ldb, p.k*p.n, c, p.n, p.m*p.n, false)
		}, func() {}
	}
	return func() { tensor.Gemm(0, ta, tb, p.m, p.n, p.k, a, lda, b, ldb, c, p.n, false, nil) }, func() {}
}

func gonumGemm(p product, a, b, c []float32) (run, close func()) {
	ta, tb := blas.NoTrans, blas.NoTrans
	ma, mb := blas32.General{Rows: p.m, Cols: p.k}, blas32.General{Rows: p.k, Cols: p.n}
	if p.mode == "TN" {
		ta, ma.Rows, ma.Cols = blas.Trans, p.k, p.m
	}
	if p.mode == "NT" {
		tb, mb.Rows, mb.Cols = blas.Trans, p.n, p.k
	}
	ma.Stride, mb.Stride = ma.Cols, mb.Cols
	mc := blas32.General{Rows: p.m, Cols: p.n, Stride: p.n}
	return func() {
		for i := range p.batch {
			ma.Data, mb.Data, mc.Data = a[i*p.m*p.k:], b[i*p.k*p.n:], c[i*p.m*p.n:]
			blas32.Gemm(ta, tb, 1, ma, mb, 0, mc)
		}
	}, func() {}
}

// vekGemm knows plain products of whole matrices only.
func vekGemm(p product, a, b, c []float32) (run, close func()) {
	if p.mode != "NN" {
		return nil, nil
	}
	return func() {
		for i := range p.batch {
			vek32.MatMul_Into(c[i*p.m*p.n:(i+1)*p.m*p.n], a[i*p.m*p.k:(i+1)*p.m*p.k], b[i*p.k*p.n:(i+1)*p.k*p.n], p.k)
		}
	}, func() {}
}

var gemms = []struct {
	name string
	make gemmFunc
}{
	{"lassode", lassodeGemm},
	{"gonum", gonumGemm},
	{"vek", vekGemm},
	{"gomlx", gomlxGemm},
}

// BenchmarkGemm reports GFLOP/s. With -cpu 1 all run on one thread, with more
// those that can use them do.
func BenchmarkGemm(b *testing.B) {
	for _, p := range products() {
		for _, g := range gemms {
			b.Run(fmt.Sprintf("op=%s/impl=%s/shape=%v", p.mode, g.name, p), func(b *testing.B) {
				x, y, c := normal(p.batch*p.m*p.k), normal(p.batch*p.k*p.n), make([]float32, p.batch*p.m*p.n)
				run, done := g.make(p, x, y, c)
				if run == nil {
					b.Skip("not offered")
				}
				defer done()
				run()
				for b.Loop() {
					run()
				}
				flop := 2 * float64(p.batch*p.m*p.k*p.n)
				b.ReportMetric(flop*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}

// TestGemm: all compute the same product.
func TestGemm(t *testing.T) {
	for _, p := range []product{{"NN", 1, 9, 33, 17}, {"NT", 1, 9, 33, 17}, {"TN", 1, 9, 33, 17}, {"NN", 3, 8, 16, 8}, {"NT", 3, 8, 16, 8}} {
		x, y := normal(p.batch*p.m*p.k), normal(p.batch*p.k*p.n)
		want := make([]float32, p.batch*p.m*p.n)
		run, _ := gonumGemm(p, x, y, want)
		run()
		for _, g := range gemms {
			got := make([]float32, len(want))
			run, done := g.make(p, x, y, got)
			if run == nil {
				continue
			}
			run()
			for i, v := range want {
				if math.Abs(float64(v-got[i])) > 1e-4 {
					t.Fatalf("%s %s %v: element %d is %v, gonum %v", g.name, p.mode, p, i, got[i], v)
				}
			}
			done()
		}
	}
}

// vectorCase is an operation on n elements in rows of cols.
type vectorCase struct {
	op    string
	cols  int // 0: no rows
	impls map[string]func(x, y, dst, dst2 []float32, cols int) func()
}

func vectorCases() []vectorCase {
	type f = func(x, y, dst, dst2 []float32, cols int) func()
	var sink float32
	unary := func(g func(dst, x []float32)) f {
		return func(x, _, dst, _ []float32, _ int) func() { return func() { g(dst, x) } }
	}
	into := func(g func(dst, x []float32) []float32) f {
		return func(x, _, dst, _ []float32, _ int) func() { return func() { g(dst, x) } }
	}
	softmax := f(func(x, _, dst, _ []float32, cols int) func() {
		return func() { asm.SoftmaxRows(dst, x, len(x)/cols, cols) }
	})
	layerNorm := f(func(x, _, dst, _ []float32, cols int) func() {
		gain, bias := normal(cols), normal(cols)
		return func() { asm.LayerNormRows(dst, x, gain, bias, nil, nil, len(x)/cols, cols, 1e-5) }
	})
	cases := []vectorCase{
		{"exp", 0, map[string]f{"lassode": unary(asm.Exp), "vek": into(vek32.Exp_Into), "gomlx": gomlxUnary("exp")}},
		{"tanh", 0, map[string]f{"lassode": unary(asm.Tanh), "gomlx": gomlxUnary("tanh")}},
		{"sigmoid", 0, map[string]f{"lassode": unary(asm.Sigmoid), "gomlx": gomlxUnary("sigmoid")}},
		{"gelu(tanh)", 0, map[string]f{"lassode": unary(asm.Gelu)}},
		{"sincos", 0, map[string]f{
			"lassode": func(x, _, dst, dst2 []float32, _ int) func() { return func() { asm.SinCos(dst, dst2, x) } },
			"vek": func(x, _, dst, dst2 []float32, _ int) func() {
				return func() { vek32.Sin_Into(dst, x); vek32.Cos_Into(dst2, x) }
			},
		}},
		{"sum", 0, map[string]f{
			"lassode": func(x, _, _, _ []float32, _ int) func() { return func() { sink += asm.Sum(x) } },
			"vek":     func(x, _, _, _ []float32, _ int) func() { return func() { sink += vek32.Sum(x) } },
		}},
		{"dot", 0, map[string]f{
			"lassode": func(x, y, _, _ []float32, _ int) func() { return func() { sink += asm.Dot(x, y) } },
			"vek":     func(x, y, _, _ []float32, _ int) func() { return func() { sink += vek32.Dot(x, y) } },
			"gonum": func(x, y, _, _ []float32, _ int) func() {
				v, w := blas32.Vector{N: len(x), Inc: 1, Data: x}, blas32.Vector{N: len(x), Inc: 1, Data: y}
				return func() { sink += blas32.Dot(v, w) }
			},
		}},
		{"axpy", 0, map[string]f{
			"lassode": func(x, y, _, _ []float32, _ int) func() { return func() { asm.Axpy(1e-9, x, y) } },
			"gonum": func(x, y, _, _ []float32, _ int) func() {
				v, w := blas32.Vector{N: len(x), Inc: 1, Data: x}, blas32.Vector{N: len(x), Inc: 1, Data: y}
				return func() { blas32.Axpy(1e-9, v, w) }
			},
		}},
	}
	for _, cols := range []int{64, 512} {
		cases = append(cases, vectorCase{fmt.Sprintf("softmax%d", cols), cols, map[string]f{"lassode": softmax, "gomlx": gomlxSoftmax}})
	}
	for _, cols := range []int{128, 256} {
		cases = append(cases, vectorCase{fmt.Sprintf("layernorm%d", cols), cols, map[string]f{"lassode": layerNorm}})
	}
	return cases
}

// BenchmarkVector reports nanoseconds per element, and GB/s of what is read
// where the operation is bound by that.
func BenchmarkVector(b *testing.B) {
	for _, c := range vectorCases() {
		for _, n := range []int{1024, 2048, 65536, 1 << 22} {
			for _, impl := range []string{"lassode", "vek", "gonum", "gomlx"} {
				f, ok := c.impls[impl]
				if !ok {
					continue
				}
				b.Run(fmt.Sprintf("op=%s/impl=%s/shape=%d", c.op, impl, n), func(b *testing.B) {
					run := f(normal(n), normal(n), make([]float32, n), make([]float32, n), c.cols)
					run()
					for b.Loop() {
						run()
					}
					ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
					b.ReportMetric(ns/float64(n), "ns/elem")
					switch c.op {
					case "sum":
						b.ReportMetric(4*float64(n)/ns, "GB/s")
					case "dot":
						b.ReportMetric(8*float64(n)/ns, "GB/s")
					}
				})
			}
		}
	}
}

// BenchmarkAdamW is one step on a million parameters.
func BenchmarkAdamW(b *testing.B) {
	const n = 1 << 20
	w, g, m, v := normal(n), normal(n), make([]float32, n), make([]float32, n)
	asm.AdamW(w, g, m, v, 1e-4, .9, .999, 1e-8, .01, .1, .001) // first touch of the moments
	b.Run(fmt.Sprintf("op=adamw/impl=lassode/shape=%d", n), func(b *testing.B) {
		for b.Loop() {
			asm.AdamW(w, g, m, v, 1e-4, .9, .999, 1e-8, .01, .1, .001)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
	})
}
