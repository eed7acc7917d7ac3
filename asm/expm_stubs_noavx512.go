//go:build !amd64 || noasm

package asm

func stackLinear5AVX512(a *stackLinearArgs)     { panic("asm: AVX-512 kernel called without its tier") }
func stackMulAVX512(c, a, b, d *float32, n int) { panic("asm: AVX-512 kernel called without its tier") }
func stackMul8AVX512(c, a, b, d *float32, n int) {
	panic("asm: AVX-512 kernel called without its tier")
}
func stackLinearAVX512(a *stackLinearArgs) { panic("asm: AVX-512 kernel called without its tier") }
