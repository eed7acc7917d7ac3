//go:build !(amd64 || arm64) || noasm

package asm

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
