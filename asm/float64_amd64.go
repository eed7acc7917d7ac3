//go:build amd64 && !noasm

package asm

// simd64 tells whether the float64 kernels have vector bodies that may run.
func simd64() bool { return useSIMD }

// rows is 1 to 4, n a multiple of 4.
//
//go:noescape
func gemm64SIMD(c *float64, ldc int, a *float64, ai, ak int, b *float64, ldb, rows, n, k int)

// n is a positive multiple of 4 here and below.
//
//go:noescape
func interleaveSIMD(dst, s0, s1, s2, s3 *float64, n int)

//go:noescape
func deinterleaveSIMD(d0, d1, d2, d3, src *float64, step, n int)

// Factors rows i..i+3 of CholeskyLanes, after all rows above.
//
//go:noescape
func choleskyPanelSIMD(l *float64, n, i int, floor, inv *float64)

// Solves two right-hand sides of BackLanes.
//
//go:noescape
func backPairSIMD(z, l *float64, n, stride int, inv *float64)

//go:noescape
func rollSIMD(a *rollArgs)

//go:noescape
func squaredDistanceSIMD(a, b *float64, n int, sum *float64)

//go:noescape
func momentsSIMD(x *float64, n int, mid float64, out *float64)

//go:noescape
func slideSIMD(dst, src, x, y *float64, n int, alpha, beta float64)

//go:noescape
func pentadiagonalSIMD(a *pentaArgs)
