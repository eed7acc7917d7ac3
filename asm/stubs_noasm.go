//go:build (!amd64 && !arm64) || noasm

package asm

const (
	useSIMD   = false
	useAVX512 = false
	hasVNNI   = false
	hasDot    = false
	simdTier  = ""
)

// Never called: useSIMD is a false constant here and the branches vanish. The
// declarations let the wrappers compile on every platform.

func addSIMD(dst, a, b *float32, n int)                                        { panic(unreachable) }
func subSIMD(dst, a, b *float32, n int)                                        { panic(unreachable) }
func mulSIMD(dst, a, b *float32, n int)                                        { panic(unreachable) }
func mulAddSIMD(dst, a, b *float32, n int)                                     { panic(unreachable) }
func axpySIMD(y, x *float32, n int, alpha float32)                             { panic(unreachable) }
func scaleSIMD(x *float32, n int, alpha float32)                               { panic(unreachable) }
func sumSIMD(x *float32, n int) float32                                        { panic(unreachable) }
func dotSIMD(a, b *float32, n int) float32                                     { panic(unreachable) }
func expSIMD(dst, x *float32, n int)                                           { panic(unreachable) }
func tanhSIMD(dst, x *float32, n int)                                          { panic(unreachable) }
func sigmoidSIMD(dst, x *float32, n int)                                       { panic(unreachable) }
func geluSIMD(dst, x *float32, n int)                                          { panic(unreachable) }
func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)                       { panic(unreachable) }
func sinCosSIMD(sin, cos, x *float32, n int) int                               { panic(unreachable) }
func expm1OverXSIMD(dst, x *float32, n int)                                    { panic(unreachable) }
func softplusSIMD(dst, x *float32, n int)                                      { panic(unreachable) }
func tanhGradSIMD(dx, y, dy *float32, n int, acc uint32)                       { panic(unreachable) }
func sigmoidGradSIMD(dx, y, dy *float32, n int, acc uint32)                    { panic(unreachable) }
func softmaxRowsSIMD(dst, x *float32, rows, cols int) int                      { panic(unreachable) }
func softmaxGradRowsSIMD(dx, y, dy *float32, rows, cols int, acc uint32)       { panic(unreachable) }
func rmsNormRowsSIMD(dst, x, gain, rstd *float32, rows, cols int, eps float32) { panic(unreachable) }
func layerNormRowsSIMD(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32) {
	panic(unreachable)
}
func normGradRowsSIMD(dx, dgain, x, gain, mean, rstd, dy *float32, rows, cols int) {
	panic(unreachable)
}
func addColumnSumsSIMD(dst, x *float32, rows, cols int)                          { panic(unreachable) }
func gluRowsSIMD(dst, x *float32, rows, h int)                                   { panic(unreachable) }
func gluGradRowsSIMD(dx, x, dy *float32, rows, h int)                            { panic(unreachable) }
func gruRowsSIMD(hNew, gi, gh, hPrev, save *float32, rows, h int)                { panic(unreachable) }
func gruGradRowsSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, rows, h int) { panic(unreachable) }
func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)                       { panic(unreachable) }

// Without kernels a packed matrix is a plain k x n copy.

type tile struct{}

func gemmSIMD(_, _ bool, _, _, _ int, _ []float32, _ int, _ []float32, _ int, _ *Packed, _ []float32, _ int, _ bool, _ *Epilogue) {
	panic(unreachable)
}

func (p *Packed) pack(bool, []float32, int) { panic(unreachable) }

func gemmBatchSIMD(_, _ bool, _, _, _, _ int, _ []float32, _, _ int, _ []float32, _, _ int, _ []float32, _, _ int, _ bool) {
	panic(unreachable)
}

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

const simdStackLanes = 8

func stackLoadSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int, scale float32) {
	panic(unreachable)
}
func stackStoreSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int) { panic(unreachable) }
func rowsNormSIMD(norm, a *float32, n, count int)                                 { panic(unreachable) }
func stackDiagSIMD(x *float32, n, lanes int, c float32)                           { panic(unreachable) }
func stackMulSIMD(c, a, b, d *float32, n int)                                     { panic(unreachable) }
func stackLinearSIMD(a *stackLinearArgs)                                          { panic(unreachable) }

func pairsCoefSIMD(a *pairsArgs)         { panic(unreachable) }
func pairsReadoutSIMD(a *pairsArgs)      { panic(unreachable) }
func pairsReadoutFarSIMD(a *pairsArgs)   { panic(unreachable) }
func pairsRateSIMD(a *pairsArgs)         { panic(unreachable) }
func pairsStatesSIMD(a *pairsArgs)       { panic(unreachable) }
func pairsStatesFarSIMD(a *pairsArgs)    { panic(unreachable) }
func pairsSumsSIMD(a *pairsArgs)         { panic(unreachable) }
func pairsSumsFarSIMD(a *pairsArgs)      { panic(unreachable) }
func pairsStateSumsSIMD(a *pairsArgs)    { panic(unreachable) }
func pairsStateSumsFarSIMD(a *pairsArgs) { panic(unreachable) }

const int8Bytes = 1

func int8Tall() int                                               { panic(unreachable) }
func (*int8Scratch) tile(*int8Args)                               { panic(unreachable) }
func int8TopSIMD(x *float32, n int) uint32                        { panic(unreachable) }
func int8RoundSIMD(q *int8, x *float32, n int, inv float32) int32 { panic(unreachable) }
