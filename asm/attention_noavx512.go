//go:build !amd64 || noasm

package asm

func attnMulAVX512(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32) {
	panic("asm: AVX-512 kernel called without its tier")
}

func attnExpAVX512(e, inv, keep *float32, rows, n int) {
	panic("asm: AVX-512 kernel called without its tier")
}
