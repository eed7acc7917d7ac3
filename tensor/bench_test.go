package tensor

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchOp measures one operation forward and backward, with the bytes of its
// output as the throughput unit.
func benchOp(b *testing.B, name string, args [][]int, run func(t *Tape, x []*Tensor) *Tensor) {
	for _, grad := range []bool{false, true} {
		b.Run(fmt.Sprintf("op=%s/grad=%v", name, grad), func(b *testing.B) {
			p := NewParams()
			ids := make([]ParamID, len(args))
			for i, s := range args {
				ids[i] = p.Add(fmt.Sprint(i), s...)
			}
			NormalInto(rand.New(rand.NewPCG(1, 1)), p.Data(), 0.5)
			tape := NewTape(p, grad)
			xs := make([]*Tensor, len(args))
			for i, id := range ids {
				xs[i] = tape.Param(id)
			}
			b.ReportAllocs()
			for b.Loop() {
				tape.Reset()
				y := run(tape, xs)
				b.SetBytes(int64(4 * len(y.Data)))
				if grad {
					// Only the operation itself: its output gradient is what it is.
					for i := tape.nodes.used - 1; i >= 0; i-- {
						tape.backward(tape.nodes.at(i))
					}
				}
			}
		})
	}
}

func BenchmarkOps(b *testing.B) {
	rows, d := 2048, 256
	x := []int{rows, d}
	benchOp(b, "Linear256", [][]int{x, {d, d}, {d}}, func(t *Tape, a []*Tensor) *Tensor { return t.Linear(a[0], a[1], a[2], None) })
	benchOp(b, "LinearGelu", [][]int{x, {d, d}, {d}}, func(t *Tape, a []*Tensor) *Tensor { return t.Linear(a[0], a[1], a[2], Gelu) })
	benchOp(b, "AddSame", [][]int{x, x}, func(t *Tape, a []*Tensor) *Tensor { return t.Add(a[0], a[1]) })
	benchOp(b, "AddSuffix", [][]int{x, {d}}, func(t *Tape, a []*Tensor) *Tensor { return t.Add(a[0], a[1]) })
	benchOp(b, "MulSame", [][]int{x, x}, func(t *Tape, a []*Tensor) *Tensor { return t.Mul(a[0], a[1]) })
	benchOp(b, "MulLast1", [][]int{x, {rows, 1}}, func(t *Tape, a []*Tensor) *Tensor { return t.Mul(a[0], a[1]) })
	benchOp(b, "AddShortRows", [][]int{{rows * d / 4, 4}, {4}}, func(t *Tape, a []*Tensor) *Tensor { return t.Add(a[0], a[1]) })
	benchOp(b, "Silu", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Silu(a[0]) })
	benchOp(b, "Tanh", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Tanh(a[0]) })
	benchOp(b, "Glu", [][]int{{rows, 2 * d}}, func(t *Tape, a []*Tensor) *Tensor { return t.Glu(a[0]) })
	benchOp(b, "RMSNorm", [][]int{x, {d}}, func(t *Tape, a []*Tensor) *Tensor { return t.RMSNorm(a[0], a[1]) })
	benchOp(b, "LayerNorm", [][]int{x, {d}, {d}}, func(t *Tape, a []*Tensor) *Tensor { return t.LayerNorm(a[0], a[1], a[2]) })
	benchOp(b, "Softmax", [][]int{{rows * 8, 32}}, func(t *Tape, a []*Tensor) *Tensor { return t.Softmax(a[0]) })
	benchOp(b, "Softplus", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Softplus(a[0]) })
	benchOp(b, "Log", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Log(a[0]) })
	benchOp(b, "Clamp", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Clamp(a[0], -0.5, 0.5) })
	benchOp(b, "Transpose", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Transpose(a[0], 0, 1) })
	benchOp(b, "SwapMiddle", [][]int{{32, 8, 64, 32}}, func(t *Tape, a []*Tensor) *Tensor { return t.Transpose(a[0], 1, 2) })
	benchOp(b, "SumAxis0", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.SumAxis(a[0], 0) })
	benchOp(b, "MaxAxis1", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.MaxAxis(a[0], 1) })
	benchOp(b, "SliceLast", [][]int{x}, func(t *Tape, a []*Tensor) *Tensor { return t.Slice(a[0], 1, 64, 192) })
	benchOp(b, "ConcatLast", [][]int{x, x}, func(t *Tape, a []*Tensor) *Tensor { return t.Concat(1, a[0], a[1]) })
	seqs, in, h := 512, 6, 64
	offsets := make([]int32, seqs+1)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range seqs {
		offsets[i+1] = offsets[i] + int32(r.IntN(17))
	}
	total := int(offsets[seqs])
	benchOp(b, "GRU", [][]int{{total, in}, {in, 3 * h}, {h, 3 * h}, {3 * h}, {3 * h}}, func(t *Tape, a []*Tensor) *Tensor {
		return t.GRU(a[0], offsets, a[1], a[2], a[3], a[4])
	})
}

// BenchmarkStep measures the overhead of small operations: the whole test net.
func BenchmarkStep(b *testing.B) {
	m := newNet()
	for _, grad := range []bool{false, true} {
		b.Run(fmt.Sprintf("grad=%v", grad), func(b *testing.B) {
			tape := NewTape(m.p, grad)
			b.ReportAllocs()
			for b.Loop() {
				if grad {
					m.step(tape)
				} else {
					tape.Reset()
					m.loss(tape)
				}
			}
		})
	}
}

func BenchmarkParallel(b *testing.B) {
	f := func(int) {}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parallel(16, workers, f)
			}
		})
	}
}
