//go:build !noasm

package asm

import "golang.org/x/sys/cpu"

// useSIMD selects the assembly bodies. x/sys/cpu also asks whether the operating
// system saves the wide registers, and honours GODEBUG=cpu.avx2=off. Written only
// here and by tests.
var useSIMD = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// useAVX512 selects the bodies that exist for AVX-512 (F, DQ, BW, VL); it implies
// useSIMD. Written only here and by tests.
var useAVX512 = useSIMD && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL

// hasVNNI says that the bodies of the product with integers may run where useAVX512 is
// true.
var hasVNNI = cpu.X86.HasAVX512VNNI

// simdTier names the bodies that useSIMD selects.
const simdTier = "avx2"

// The AVX-512 bodies of the kernels where the wide registers, masks and scaling
// instructions pay. Same rules as the stubs for useSIMD; useAVX512 is true.

//go:noescape
func expAVX512(dst, x *float32, n int)

//go:noescape
func tanhAVX512(dst, x *float32, n int)

//go:noescape
func sigmoidAVX512(dst, x *float32, n int)

//go:noescape
func geluAVX512(dst, x *float32, n int)

//go:noescape
func geluGradAVX512(dx, x, dy *float32, n int, acc uint32)

//go:noescape
func sinCosAVX512(sin, cos, x *float32, n int) int

//go:noescape
func expm1OverXAVX512(dst, x *float32, n int)

//go:noescape
func softplusAVX512(dst, x *float32, n int)

//go:noescape
func softmaxRowsAVX512(dst, x *float32, rows, cols int) int

//go:noescape
func rmsNormRowsAVX512(dst, x, gain, rstd *float32, rows, cols int, eps float32)

//go:noescape
func layerNormRowsAVX512(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32)

//go:noescape
func gluRowsAVX512(dst, x *float32, rows, h int)

//go:noescape
func gluGradRowsAVX512(dx, x, dy *float32, rows, h int)

//go:noescape
func gruRowsAVX512(hNew, gi, gh, hPrev, save *float32, rows, h int)

//go:noescape
func attnMulAVX512(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32)

//go:noescape
func attnExpAVX512(e, inv, keep *float32, rows, n int)

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

// The AVX2 bodies on pairs that NEON leaves to Go.

// Writes the coefficient planes of the tokens, maxTurns and maxTau.
//
//go:noescape
func pairsCoefSIMD(a *pairsArgs)

//go:noescape
func pairsStatesSIMD(a *pairsArgs)

//go:noescape
func pairsStatesFarSIMD(a *pairsArgs)

//go:noescape
func pairsStateSumsSIMD(a *pairsArgs)

//go:noescape
func pairsStateSumsFarSIMD(a *pairsArgs)

//go:noescape
func pairsReadoutAVX512(a *pairsArgs)

//go:noescape
func pairsSumsAVX512(a *pairsArgs)

// The float64 kernels, AVX2 and FMA.

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

// Factors columns from..to (multiples of 4) of rows i..i+3 of CholeskyLanes, after all
// rows above and all columns before.
//
//go:noescape
func choleskyPanelSIMD(l *float64, n, i, from, to int, floor, inv *float64)

// Solves rows n-1 down to low (a multiple of 4) of two right-hand sides of BackLanes, after
// the rows below them.
//
//go:noescape
func backPairSIMD(z, l *float64, n, low, stride int, inv *float64)

//go:noescape
func rollSIMD(a *rollArgs)

// Adds to sum; momentsSIMD to out, where the maximum goes on.
//
//go:noescape
func squaredDistanceSIMD(a, b *float64, n int, sum *float64)

//go:noescape
func momentsSIMD(x *float64, n int, mid float64, out *float64)

//go:noescape
func slideSIMD(dst, src, x, y *float64, n int, alpha, beta float64)

//go:noescape
func pentadiagonalSIMD(a *pentaArgs)

//go:noescape
func int8TileVNNI(args *int8Args)

//go:noescape
func int8RowVNNI(q *int8, x *float32, n int, scale *float32, bias *int32)

// hasStepLanes says that the kernels of steps have bodies, which useSIMD or useAVX512
// select. Those of AVX2 do four lanes of eight: the caller points them at either half.
const hasStepLanes = true

//go:noescape
func cubicSIMD(dx, coef, x, work *float64, links *cubicLink, count, n int)

//go:noescape
func combineSIMD(dst, base, scale, k *float64, stride int, w *float64, count, n int)

//go:noescape
func sumLanesSIMD(a *stepSumArgs)

//go:noescape
func cubicAVX512(dx, coef, x, work *float64, links *cubicLink, count, n int)

//go:noescape
func combineAVX512(dst, base, scale, k *float64, stride int, w *float64, count, n int)

//go:noescape
func sumLanesAVX512(a *stepSumArgs)

//go:noescape
func affineSIMD(y, b, w, x *float64, rows, cols int)

//go:noescape
func tanh64SIMD(x *float64, n int, t *neuralTable)

// Returns the number of elements done: n, or the index of a group of eight that holds
// an argument beyond the reduction or NaN.
//
//go:noescape
func sin64SIMD(x *float64, n int, t *neuralTable) int

//go:noescape
func affineAVX512(y, b, w, x *float64, rows, cols int)

//go:noescape
func tanh64AVX512(x *float64, n int, t *neuralTable)

// Returns the number of elements done: n, or the index of a group of eight that holds
// an argument beyond the reduction or NaN.
//
//go:noescape
func sin64AVX512(x *float64, n int, t *neuralTable) int

// The product with integers by AVX2: tiles of up to 6 rows, elements of A in 16 bits.

const (
	int8Bytes = 2
	hasDot    = false
)

func int8Tall() int { return 6 }

func (*int8Scratch) tile(args *int8Args) { int8TileSIMD(args) }

//go:noescape
func int8TileSIMD(args *int8Args)
