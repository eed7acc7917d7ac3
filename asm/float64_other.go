//go:build !amd64 || noasm

package asm

// simd64 tells whether the float64 kernels have vector bodies: not here.
func simd64() bool { return false }

func gemm64SIMD(c *float64, ldc int, a *float64, ai, ak int, b *float64, ldb, rows, n, k int) {
	panic(unreachable)
}
func interleaveSIMD(dst, s0, s1, s2, s3 *float64, n int)            { panic(unreachable) }
func deinterleaveSIMD(d0, d1, d2, d3, src *float64, step, n int)    { panic(unreachable) }
func choleskyPanelSIMD(l *float64, n, i int, floor, inv *float64)   { panic(unreachable) }
func backPairSIMD(z, l *float64, n, stride int, inv *float64)       { panic(unreachable) }
func rollSIMD(a *rollArgs)                                          { panic(unreachable) }
func squaredDistanceSIMD(a, b *float64, n int, sum *float64)        { panic(unreachable) }
func momentsSIMD(x *float64, n int, mid float64, out *float64)      { panic(unreachable) }
func slideSIMD(dst, src, x, y *float64, n int, alpha, beta float64) { panic(unreachable) }
func pentadiagonalSIMD(a *pentaArgs)                                { panic(unreachable) }
