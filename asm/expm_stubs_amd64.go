//go:build !noasm

package asm

// simdStackLanes is the number of lanes of stackMulSIMD.
const simdStackLanes = 8

//go:noescape
func stackMulAVX512(c, a, b, d *float32, n int)

//go:noescape
func stackMul8AVX512(c, a, b, d *float32, n int)

//go:noescape
func stackLinearAVX512(a *stackLinearArgs)

//go:noescape
func stackLinear5AVX512(a *stackLinearArgs)
