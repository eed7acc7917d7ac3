package asm

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// atPageEnd returns n random floats that end where the next page may not be read.
func atPageEnd(t *testing.T, r *rand.Rand, n int) []float32 {
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(mem)) })
	require.NoError(t, syscall.Mprotect(mem[size:], syscall.PROT_NONE))
	if n == 0 {
		return nil
	}
	x := unsafe.Slice((*float32)(unsafe.Pointer(&mem[size-4*n])), n)
	return fill(r, x)
}

// No kernel reads or writes behind its operands, not even lanes that it drops: the
// memory there may not exist.
func TestPageEnd(t *testing.T) {
	const rows = 3
	lengths := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 79, 95, 96, 97, 127, 130}
	if testing.Short() {
		lengths = lengths[:16]
	}
	r := rand.New(rand.NewPCG(21, 22))
	for _, n := range lengths {
		var a, b, c, d [4][]float32 // rows of 1, 2, 3 and 4 times n
		for k := range a {
			a[k], b[k] = atPageEnd(t, r, rows*(k+1)*n), atPageEnd(t, r, rows*(k+1)*n)
			c[k], d[k] = atPageEnd(t, r, rows*(k+1)*n), atPageEnd(t, r, rows*(k+1)*n)
		}
		w, x, y, z := a[0], b[0], c[0], d[0]
		one, two, three := atPageEnd(t, r, n), atPageEnd(t, r, n), atPageEnd(t, r, n)
		mean, rstd := atPageEnd(t, r, rows), atPageEnd(t, r, rows)
		eachTier(t, func(tier string) {
			what := "before"
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				if e := recover(); e != nil {
					require.FailNow(t, "fault", "%s %s n=%d: %v", tier, what, n, e)
				}
			}()
			run := func(name string, f func()) { what = name; f() }
			run("Add", func() { Add(w, x, y) })
			run("Sub", func() { Sub(w, x, y) })
			run("Mul", func() { Mul(w, x, y) })
			run("MulAdd", func() { MulAdd(w, x, y) })
			run("Axpy", func() { Axpy(0.5, x, w) })
			run("Scale", func() { Scale(0.5, w) })
			run("Sum", func() { Sum(w) })
			run("Dot", func() { Dot(w, x) })
			run("Exp", func() { Exp(w, x) })
			run("Tanh", func() { Tanh(w, x) })
			run("Sigmoid", func() { Sigmoid(w, x) })
			run("Softplus", func() { Softplus(w, x) })
			run("Gelu", func() { Gelu(w, x) })
			run("Expm1OverX", func() { Expm1OverX(w, x) })
			run("SinCos", func() { SinCos(w, z, x) })
			for _, acc := range []bool{false, true} {
				run("GeluGrad", func() { GeluGrad(w, x, y, acc) })
				run("TanhGrad", func() { TanhGrad(w, x, y, acc) })
				run("SigmoidGrad", func() { SigmoidGrad(w, x, y, acc) })
				run("SoftmaxRowsGrad", func() { SoftmaxRowsGrad(w, x, y, rows, n, acc) })
			}
			run("SoftmaxRows", func() { SoftmaxRows(w, x, rows, n) })
			run("RMSNormRows", func() { RMSNormRows(w, x, one, rstd, rows, n, 1e-5) })
			run("LayerNormRows", func() { LayerNormRows(w, x, one, two, mean, rstd, rows, n, 1e-5) })
			run("RMSNormRowsGrad", func() { RMSNormRowsGrad(w, two, x, one, rstd, y, rows, n) })
			run("LayerNormRowsGrad", func() { LayerNormRowsGrad(w, two, three, x, one, mean, rstd, y, rows, n) })
			run("AddColumnSums", func() { AddColumnSums(two, x, rows, n) })
			run("GluRows", func() { GluRows(w, a[1], rows, n) })
			run("GluRowsGrad", func() { GluRowsGrad(a[1], b[1], x, rows, n) })
			run("GRUGates", func() { GRUGates(w, a[2], b[2], x, d[3], rows, n) })
			run("GRUGates", func() { GRUGates(w, a[2], b[2], x, nil, rows, n) })
			run("GRUGatesGrad", func() { GRUGatesGrad(a[2], b[2], w, x, d[3], y, rows, n) })
			run("AdamW", func() { AdamW(w, x, y, z, 1e-3, 0.9, 0.99, 1e-8, 0.1, 0.5, 0.5) })
		})
	}
}
