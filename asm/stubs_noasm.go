//go:build !amd64 || noasm

package asm

// Never called: useAVX2 is a false constant here and the branches vanish. The
// declarations let the wrappers compile on every platform.

const unreachable = "asm: vector kernel called without its tier"

func addAVX2(dst, a, b *float32, n int)                                          { panic(unreachable) }
func subAVX2(dst, a, b *float32, n int)                                          { panic(unreachable) }
func mulAVX2(dst, a, b *float32, n int)                                          { panic(unreachable) }
func mulAddAVX2(dst, a, b *float32, n int)                                       { panic(unreachable) }
func axpyAVX2(y, x *float32, n int, alpha float32)                               { panic(unreachable) }
func scaleAVX2(x *float32, n int, alpha float32)                                 { panic(unreachable) }
func sumAVX2(x *float32, n int) float32                                          { panic(unreachable) }
func dotAVX2(a, b *float32, n int) float32                                       { panic(unreachable) }
func dot3AVX2(a, b, c *float32, n int) float32                                   { panic(unreachable) }
func sqDevAVX2(x *float32, n int, mean float32) float32                          { panic(unreachable) }
func expAVX2(dst, x *float32, n int)                                             { panic(unreachable) }
func tanhAVX2(dst, x *float32, n int)                                            { panic(unreachable) }
func sigmoidAVX2(dst, x *float32, n int)                                         { panic(unreachable) }
func geluAVX2(dst, x *float32, n int)                                            { panic(unreachable) }
func geluGradAVX2(dx, x, dy *float32, n int, acc uint32)                         { panic(unreachable) }
func sinCosAVX2(sin, cos, x *float32, n int) int                                 { panic(unreachable) }
func expm1OverXAVX2(dst, x *float32, n int)                                      { panic(unreachable) }
func softmaxRowAVX2(dst, x *float32, n int) int                                  { panic(unreachable) }
func softmaxGradAVX2(dx, y, dy *float32, n int, s float32, acc uint32)           { panic(unreachable) }
func scaleMulAVX2(dst, x, gain *float32, n int, s float32)                       { panic(unreachable) }
func affineAVX2(dst, x, gain, bias *float32, n int, mean, s float32)             { panic(unreachable) }
func normGradAVX2(dx, dgain, x, gain, dy *float32, n int, mu, s, c1, c2 float32) { panic(unreachable) }
func gruRowAVX2(hNew, gi, gh, hPrev, save *float32, h int)                       { panic(unreachable) }
func gruGradRowAVX2(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, h int)        { panic(unreachable) }
func adamWAVX2(w, grad, m, v *float32, n int, c *adamCoef)                       { panic(unreachable) }

func gemmAVX2(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	panic(unreachable)
}
