//go:build linux

package asm

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// pages returns n elements that end (or, with head, begin) at a page that faults.
func pages(t testing.TB, n int, head bool) []float32 {
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	raw, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Munmap(raw) })
	require.NoError(t, syscall.Mprotect(raw[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(raw[page+size:], syscall.PROT_NONE))
	from := page + size - 4*n
	if head {
		from = page
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&raw[from])), n)
}

// Kernels read and write nothing beyond their matrices: here that would crash.
func TestGemmPages(t *testing.T) {
	const most = 80 * 80
	for _, head := range []bool{false, true} {
		bufA, bufB, bufC := pages(t, most, head), pages(t, most, head), pages(t, most, head)
		cut := func(buf []float32, n int) []float32 {
			if head {
				return buf[:n]
			}
			return buf[most-n:]
		}
		eachTier(t, func(tier string) {
			r := rand.New(rand.NewPCG(41, 42))
			for i := range 150 {
				m, n, k := 1+r.IntN(40), 1+r.IntN(80), 1+r.IntN(40)
				transA, transB := i&1 != 0, i&2 != 0
				lda, ldb := strides(m, n, k, transA, transB)
				a, b, c := fill(r, cut(bufA, m*k)), fill(r, cut(bufB, k*n)), cut(bufC, m*n)
				want := make([]float32, m*n)
				Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, n, false)
				Gemm(transA, transB, m, n, k, append([]float32(nil), a...), lda, append([]float32(nil), b...), ldb, want, n, false)
				require.Equal(t, want, append([]float32(nil), c...), fmt.Sprint(tier, m, n, k, i&3))
				GemmPacked(m, append([]float32(nil), a...)[:m*k], k, Pack(transB, n, k, b, ldb), c, n, true, nil)
			}
			// A stride whose rows are copied.
			a := fill(r, pages(t, 9*1024+17, head))
			Gemm(false, false, 10, 70, 17, a, 1024, bufB, 70, cut(bufC, 700), 70, false)
		})
	}
}
