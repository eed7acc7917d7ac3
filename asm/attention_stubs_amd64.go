//go:build amd64 && !noasm

package asm

// The bodies of attention for AVX-512 (F and VL); useAVX512 is true.

//go:noescape
func attnMulAVX512(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32)

//go:noescape
func attnExpAVX512(e, inv, keep *float32, rows, n int)
