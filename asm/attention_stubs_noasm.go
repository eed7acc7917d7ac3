//go:build (!amd64 && !arm64) || noasm

package asm

// Never called, see stubs_noasm.go.

func attnTransposeSIMD(dst, x *float32, ldx, rows, cols, np int, scale float32) { panic(unreachable) }

func attnMulSIMD(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32) {
	panic(unreachable)
}

func attnExpSIMD(e, inv, keep *float32, rows, n int) { panic(unreachable) }

func attnScaleRowsSIMD(dst, delta, dy, y, f *float32, ld, rows, n int) { panic(unreachable) }

func attnGradRowsSIMD(d, e, delta *float32, rows, n int) { panic(unreachable) }

func attnPairDotsSIMD(s, part, a, b *float32, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext int, scale float32) {
	panic(unreachable)
}

func attnPairSoftmaxSIMD(p *float32, keys, lanes, n int) { panic(unreachable) }

func attnPairGradSIMD(d, p *float32, keys, lanes, n int) { panic(unreachable) }

func attnPairMixSIMD(y, w, x *float32, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext int, alpha float32, acc uint32) {
	panic(unreachable)
}
