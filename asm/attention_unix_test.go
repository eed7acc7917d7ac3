//go:build unix

package asm

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// pageEnd returns a copy of x that ends where memory ends: a read beyond it faults.
func pageEnd(t *testing.T, x []float32) []float32 {
	page := syscall.Getpagesize()
	size := (4*len(x)+page-1)/page*page + page
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	require.NoError(t, syscall.Mprotect(mem[size-page:], syscall.PROT_NONE))
	y := unsafe.Slice((*float32)(unsafe.Pointer(&mem[size-page-4*len(x)])), len(x))
	copy(y, x)
	return y
}

// TestAttentionAtPageEnd: no kernel reads beyond its slices.
func TestAttentionAtPageEnd(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(2, 9))
		for _, s := range [][5]int{{5, 3, 3, 4, 24}, {2, 8, 8, 1, 8}, {2, 9, 9, 2, 24}, {1, 37, 37, 1, 40}, {1, 64, 64, 1, 32}, {1, 5, 29, 2, 16}, {1, 11, 11, 1, 5}} {
			c := newAttnCase(r, s[0], s[1], s[2], s[3], s[4], false, true, true, 0, 0)
			for _, x := range []*[]float32{&c.q, &c.k, &c.v, &c.out, &c.dout, &c.bias, &c.mask, &c.dq, &c.dk, &c.dv, &c.dbias, &c.saved, &c.work} {
				*x = pageEnd(t, *x)
			}
			c.verify(t, tier)
		}
	})
}
