package attn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

// peak measures what one core multiplies and adds when nothing waits for memory, in
// float operations per nanosecond, the best of a few short runs.
func peak() float64 {
	const m, n, k, runs = 96, 16, 256, 100
	a, x, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	best := 0.0
	for range 20 {
		start := time.Now()
		for range runs {
			asm.Gemm(false, false, m, n, k, a, k, x, n, c, n, false)
		}
		best = max(best, 2*m*n*k*runs/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// attention is the job of a benchmark.
type attention struct {
	asm.AttentionShape
	q, k, v, out, dq, dk, dv, dout, saved, work []float32
}

// composed is attention by batched products and softmax rows with stored scores: what
// the fused kernels are measured against.
func (a *attention) composed() {
	s := &a.AttentionShape
	square := s.Rows * s.Keys
	for i := range s.Sequences {
		w := a.saved[i*s.Heads*square:][:s.Heads*square]
		q, k, v, out := a.q[i*s.QNext:], a.k[i*s.KNext:], a.v[i*s.KNext:], a.out[i*s.ONext:]
		asm.GemmBatch(false, true, s.Heads, s.Rows, s.Keys, s.Head, q, s.QStride, s.Head, k, s.KStride, s.Head, w, s.Keys, square, false)
		asm.Scale(s.Scale, w)
		asm.SoftmaxRows(w, w, s.Heads*s.Rows, s.Keys)
		asm.GemmBatch(false, false, s.Heads, s.Rows, s.Head, s.Keys, w, s.Keys, square, v, s.KStride, s.Head, out, s.OStride, s.Head, false)
	}
}

func (a *attention) composedGrad() {
	s := &a.AttentionShape
	square := s.Rows * s.Keys
	ds := a.work[:s.Heads*square]
	for i := range s.Sequences {
		w := a.saved[i*s.Heads*square:][:s.Heads*square]
		q, k, v, dout := a.q[i*s.QNext:], a.k[i*s.KNext:], a.v[i*s.KNext:], a.dout[i*s.ONext:]
		dq, dk, dv := a.dq[i*s.QNext:], a.dk[i*s.KNext:], a.dv[i*s.KNext:]
		asm.GemmBatch(false, true, s.Heads, s.Rows, s.Keys, s.Head, dout, s.OStride, s.Head, v, s.KStride, s.Head, ds, s.Keys, square, false)
		asm.SoftmaxRowsGrad(ds, w, ds, s.Heads*s.Rows, s.Keys, false)
		asm.Scale(s.Scale, ds)
		asm.GemmBatch(false, false, s.Heads, s.Rows, s.Head, s.Keys, ds, s.Keys, square, k, s.KStride, s.Head, dq, s.QStride, s.Head, true)
		asm.GemmBatch(true, false, s.Heads, s.Keys, s.Head, s.Rows, ds, s.Keys, square, q, s.QStride, s.Head, dk, s.KStride, s.Head, true)
		asm.GemmBatch(true, false, s.Heads, s.Keys, s.Head, s.Rows, w, s.Keys, square, dout, s.OStride, s.Head, dv, s.KStride, s.Head, true)
	}
}

func (a *attention) fused() {
	asm.Attention(&a.AttentionShape, a.out, a.q, a.k, a.v, a.saved, a.work)
}

func (a *attention) fusedGrad() {
	asm.AttentionGrad(&a.AttentionShape, a.dq, a.dk, a.dv, a.dout, a.out, a.q, a.k, a.v, a.saved, a.work)
}

func benchmark(b *testing.B, op, shape string, a *attention, top float64) {
	s := &a.AttentionShape
	a.saved = make([]float32, max(s.SavedLen(), s.Sequences*s.Heads*s.Rows*s.Keys))
	a.work = make([]float32, max(s.WorkLen(), s.Heads*s.Rows*s.Keys))
	r := rand.New(rand.NewPCG(1, 1))
	for _, x := range [][]float32{a.q, a.k, a.v, a.dout} {
		tensor.NormalInto(r, x, 1)
	}
	for _, pass := range []string{"forward", "backward"} {
		for _, impl := range []string{"fused", "composed"} {
			forward, run := a.fused, a.fused
			if impl == "composed" {
				forward, run = a.composed, a.composed
			}
			flops := 4.0
			if pass == "backward" {
				flops = 8
				run = a.fusedGrad
				if impl == "composed" {
					run = a.composedGrad
				}
			}
			b.Run(fmt.Sprintf("op=%s/pass=%s/impl=%s/%s", op, pass, impl, shape), func(b *testing.B) {
				forward()
				run() // touches all memory
				for b.Loop() {
					run()
				}
				rate := flops * float64(s.Sequences) * float64(s.Rows) * float64(s.Keys) * float64(s.Heads*s.Head) * float64(b.N) / float64(b.Elapsed().Nanoseconds())
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(100*rate/top, "%peak")
			})
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	top := peak()
	for _, c := range []struct {
		outer, steps, inner, heads, head int
	}{
		{32, 64, 1, 4, 32}, {4, 64, 1, 4, 32}, {1, 64, 1, 4, 32}, {64, 60, 1, 4, 24}, {16, 128, 1, 8, 32}, {8, 24, 1, 4, 24}, {8, 33, 1, 4, 24}, {8, 40, 1, 4, 24}, {8, 60, 1, 4, 24}, {8, 12, 1, 4, 24},
		{1, 2, 40, 4, 24}, {1, 3, 40, 4, 24}, {1, 4, 24, 4, 24}, {1, 8, 60, 4, 24}, {1, 9, 60, 4, 24},
	} {
		rows, d := c.outer*c.steps*c.inner, c.heads*c.head
		qkv, dqkv := make([]float32, rows*3*d), make([]float32, rows*3*d)
		sequences, next := c.outer, c.steps
		if c.inner > 1 {
			sequences, next = c.inner, 1
		}
		a := &attention{AttentionShape: asm.AttentionShape{
			Sequences: sequences, Rows: c.steps, Keys: c.steps, Heads: c.heads, Head: c.head,
			QStride: c.inner * 3 * d, KStride: c.inner * 3 * d, OStride: c.inner * d,
			QNext: next * 3 * d, KNext: next * 3 * d, ONext: next * d, Scale: headScale(c.head),
		}, q: qkv, k: qkv[d:], v: qkv[2*d:], out: make([]float32, rows*d), dq: dqkv, dk: dqkv[d:], dv: dqkv[2*d:], dout: make([]float32, rows*d)}
		benchmark(b, "MultiHead", fmt.Sprintf("shape=%dx%dx%dx%dx%d", c.outer, c.steps, c.inner, c.heads, c.head), a, top)
	}
	for _, c := range []struct{ n, m, heads, head int }{{1280, 32, 4, 24}, {1280, 32, 4, 16}} {
		d := c.heads * c.head
		f := func(n int) []float32 { return make([]float32, n*d) }
		a := &attention{AttentionShape: crossShape(c.n, c.m, d, c.heads), q: f(c.n), k: f(c.m), v: f(c.m), out: f(c.n), dq: f(c.n), dk: f(c.m), dv: f(c.m), dout: f(c.n)}
		benchmark(b, "Cross", fmt.Sprintf("shape=%dx%dx%dx%d", c.n, c.m, c.heads, c.head), a, top)
	}
}
