//go:build (amd64 || arm64) && !noasm

package asm

// The kernels of attention. They trust their caller: sizes are at least 1, n and heads
// whole vectors of 8, pointers valid, useSIMD true. Strides count elements.

//go:noescape
func attnTransposeSIMD(dst, x *float32, ldx, rows, cols, np int, scale float32)

//go:noescape
func attnMulSIMD(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32)

//go:noescape
func attnExpSIMD(e, inv, keep *float32, rows, n int)

//go:noescape
func attnScaleRowsSIMD(dst, delta, dy, y, f *float32, ld, rows, n int)

//go:noescape
func attnGradRowsSIMD(d, e, delta *float32, rows, n int)

//go:noescape
func attnPairDotsSIMD(s, part, a, b *float32, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext int, scale float32)

//go:noescape
func attnPairSoftmaxSIMD(p *float32, keys, lanes, n int)

//go:noescape
func attnPairGradSIMD(d, p *float32, keys, lanes, n int)

// acc is a mask: all ones adds to y, zero overwrites it.
//
//go:noescape
func attnPairMixSIMD(y, w, x *float32, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext int, alpha float32, acc uint32)
