//go:build !amd64 || noasm

package asm

// unreachable is the panic of the declarations that stand in for missing bodies. They
// let the wrappers compile on every platform and are never called: the flags that guard
// them are false constants here.
const unreachable = "asm: vector kernel called without its tier"

func expAVX512(dst, x *float32, n int)                                           { panic(unreachable) }
func tanhAVX512(dst, x *float32, n int)                                          { panic(unreachable) }
func sigmoidAVX512(dst, x *float32, n int)                                       { panic(unreachable) }
func geluAVX512(dst, x *float32, n int)                                          { panic(unreachable) }
func geluGradAVX512(dx, x, dy *float32, n int, acc uint32)                       { panic(unreachable) }
func sinCosAVX512(sin, cos, x *float32, n int) int                               { panic(unreachable) }
func expm1OverXAVX512(dst, x *float32, n int)                                    { panic(unreachable) }
func softplusAVX512(dst, x *float32, n int)                                      { panic(unreachable) }
func softmaxRowsAVX512(dst, x *float32, rows, cols int) int                      { panic(unreachable) }
func rmsNormRowsAVX512(dst, x, gain, rstd *float32, rows, cols int, eps float32) { panic(unreachable) }
func layerNormRowsAVX512(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32) {
	panic(unreachable)
}
func gluRowsAVX512(dst, x *float32, rows, h int)                    { panic(unreachable) }
func gluGradRowsAVX512(dx, x, dy *float32, rows, h int)             { panic(unreachable) }
func gruRowsAVX512(hNew, gi, gh, hPrev, save *float32, rows, h int) { panic(unreachable) }

func attnMulAVX512(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32) {
	panic(unreachable)
}

func attnExpAVX512(e, inv, keep *float32, rows, n int) { panic(unreachable) }

func stackLinear5AVX512(a *stackLinearArgs)      { panic(unreachable) }
func stackMulAVX512(c, a, b, d *float32, n int)  { panic(unreachable) }
func stackMul8AVX512(c, a, b, d *float32, n int) { panic(unreachable) }
func stackLinearAVX512(a *stackLinearArgs)       { panic(unreachable) }

func pairsReadoutAVX512(a *pairsArgs) { panic(unreachable) }
func pairsSumsAVX512(a *pairsArgs)    { panic(unreachable) }

// simd64 tells whether the float64 kernels have vector bodies: not here.
func simd64() bool { return false }

func gemm64SIMD(c *float64, ldc int, a *float64, ai, ak int, b *float64, ldb, rows, n, k int) {
	panic(unreachable)
}
func interleaveSIMD(dst, s0, s1, s2, s3 *float64, n int)                    { panic(unreachable) }
func deinterleaveSIMD(d0, d1, d2, d3, src *float64, step, n int)            { panic(unreachable) }
func choleskyPanelSIMD(l *float64, n, i, from, to int, floor, inv *float64) { panic(unreachable) }
func backPairSIMD(z, l *float64, n, low, stride int, inv *float64)          { panic(unreachable) }
func rollSIMD(a *rollArgs)                                                  { panic(unreachable) }
func squaredDistanceSIMD(a, b *float64, n int, sum *float64)                { panic(unreachable) }
func momentsSIMD(x *float64, n int, mid float64, out *float64)              { panic(unreachable) }
func slideSIMD(dst, src, x, y *float64, n int, alpha, beta float64)         { panic(unreachable) }
func pentadiagonalSIMD(a *pentaArgs)                                        { panic(unreachable) }

func int8TileVNNI(args *int8Args) { panic(unreachable) }
func int8RowVNNI(q *int8, x *float32, n int, scale *float32, bias *int32) {
	panic(unreachable)
}

const hasStepLanes = false

func cubicSIMD(dx, coef, x, work *float64, links *cubicLink, count, n int)   { panic(unreachable) }
func cubicAVX512(dx, coef, x, work *float64, links *cubicLink, count, n int) { panic(unreachable) }
func combineSIMD(dst, base, scale, k *float64, stride int, w *float64, count, n int) {
	panic(unreachable)
}
func combineAVX512(dst, base, scale, k *float64, stride int, w *float64, count, n int) {
	panic(unreachable)
}
func sumLanesSIMD(a *stepSumArgs)   { panic(unreachable) }
func sumLanesAVX512(a *stepSumArgs) { panic(unreachable) }

func affineSIMD(y, b, w, x *float64, rows, cols int)    { panic(unreachable) }
func tanh64SIMD(x *float64, n int, t *neuralTable)      { panic(unreachable) }
func sin64SIMD(x *float64, n int, t *neuralTable) int   { panic(unreachable) }
func affineAVX512(y, b, w, x *float64, rows, cols int)  { panic(unreachable) }
func tanh64AVX512(x *float64, n int, t *neuralTable)    { panic(unreachable) }
func sin64AVX512(x *float64, n int, t *neuralTable) int { panic(unreachable) }
