//go:build (amd64 || arm64) && !noasm

package asm

// The assembly kernels: AVX2 and FMA on amd64, NEON on arm64. They trust their
// caller: n >= 1, all pointers are valid for n elements, and useSIMD is true. Each
// computes what the Go body of the same name computes.

//go:noescape
func addSIMD(dst, a, b *float32, n int)

//go:noescape
func subSIMD(dst, a, b *float32, n int)

//go:noescape
func mulSIMD(dst, a, b *float32, n int)

//go:noescape
func mulAddSIMD(dst, a, b *float32, n int)

//go:noescape
func axpySIMD(y, x *float32, n int, alpha float32)

//go:noescape
func scaleSIMD(x *float32, n int, alpha float32)

//go:noescape
func sumSIMD(x *float32, n int) float32

//go:noescape
func dotSIMD(a, b *float32, n int) float32

//go:noescape
func expSIMD(dst, x *float32, n int)

//go:noescape
func tanhSIMD(dst, x *float32, n int)

//go:noescape
func sigmoidSIMD(dst, x *float32, n int)

//go:noescape
func geluSIMD(dst, x *float32, n int)

// acc is a mask, here and below: all ones adds to dx, zero overwrites it (and keeps
// the sign of a zero).
//
//go:noescape
func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)

// Returns the number of elements done: n, or the index of a group of at most 16 that
// holds an argument beyond the kernel's reduction (it must reach 1e5) or NaN.
//
//go:noescape
func sinCosSIMD(sin, cos, x *float32, n int) int

//go:noescape
func expm1OverXSIMD(dst, x *float32, n int)

//go:noescape
func softplusSIMD(dst, x *float32, n int)

//go:noescape
func tanhGradSIMD(dx, y, dy *float32, n int, acc uint32)

//go:noescape
func sigmoidGradSIMD(dx, y, dy *float32, n int, acc uint32)

// The row kernels: rows >= 1 rows of 1 <= cols <= maxCall elements, one after the
// other. Sums run in the order of Sum.

// Returns the number of rows done: rows, or the index of the first row whose maximum
// is not finite; that row is not written.
//
//go:noescape
func softmaxRowsSIMD(dst, x *float32, rows, cols int) int

//go:noescape
func softmaxGradRowsSIMD(dx, y, dy *float32, rows, cols int, acc uint32)

// rstd may be nil.
//
//go:noescape
func rmsNormRowsSIMD(dst, x, gain, rstd *float32, rows, cols int, eps float32)

// mean and rstd may be nil.
//
//go:noescape
func layerNormRowsSIMD(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32)

// normGradRowGo per row, and dgain += dy*xhat. A nil mean says RMSNorm: the mean and
// the sum of dy*gain count as 0.
//
//go:noescape
func normGradRowsSIMD(dx, dgain, x, gain, mean, rstd, dy *float32, rows, cols int)

//go:noescape
func addColumnSumsSIMD(dst, x *float32, rows, cols int)

//go:noescape
func gluRowsSIMD(dst, x *float32, rows, h int)

//go:noescape
func gluGradRowsSIMD(dx, x, dy *float32, rows, h int)

// save may be nil.
//
//go:noescape
func gruRowsSIMD(hNew, gi, gh, hPrev, save *float32, rows, h int)

//go:noescape
func gruGradRowsSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, rows, h int)

//go:noescape
func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)

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

// The assembly bodies of the kernels on stacks of small matrices: AVX2 and FMA with
// 8 lanes on amd64, NEON with 4 on arm64. Loading, storing and the diagonal serve stacks
// of any multiple of these lanes.

//go:noescape
func stackLoadSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int, scale float32)

//go:noescape
func stackStoreSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int)

//go:noescape
func rowsNormSIMD(norm, a *float32, n, count int)

//go:noescape
func stackDiagSIMD(x *float32, n, lanes int, c float32)

// d may be nil.
//
//go:noescape
func stackMulSIMD(c, a, b, d *float32, n int)

//go:noescape
func stackLinearSIMD(a *stackLinearArgs)

// The assembly bodies of the kernels on pairs: AVX2 and FMA on amd64, NEON on arm64.
// tokens, pairs and queries are at least 1. The Far bodies serve any angle, the others
// angles up to maxFastTurns; sums are added to.

//go:noescape
func pairsReadoutSIMD(a *pairsArgs)

//go:noescape
func pairsReadoutFarSIMD(a *pairsArgs)

//go:noescape
func pairsRateSIMD(a *pairsArgs)

//go:noescape
func pairsSumsSIMD(a *pairsArgs)

//go:noescape
func pairsSumsFarSIMD(a *pairsArgs)

// The vector bodies of int8RowGo: the greatest magnitude of x, as its bits, and the rounding
// of x*inv to q, in the layout of int8TileSIMD, which returns the sum. n is a positive
// multiple of 16.

//go:noescape
func int8TopSIMD(x *float32, n int) uint32

//go:noescape
func int8RoundSIMD(q *int8, x *float32, n int, inv float32) int32
