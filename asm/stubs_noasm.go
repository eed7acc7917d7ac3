//go:build !amd64 || noasm

package asm

// Never called: useSIMD is a false constant here and the branches vanish. The
// declarations let the wrappers compile on every platform.

const unreachable = "asm: vector kernel called without its tier"

func addSIMD(dst, a, b *float32, n int)                                          { panic(unreachable) }
func subSIMD(dst, a, b *float32, n int)                                          { panic(unreachable) }
func mulSIMD(dst, a, b *float32, n int)                                          { panic(unreachable) }
func mulAddSIMD(dst, a, b *float32, n int)                                       { panic(unreachable) }
func axpySIMD(y, x *float32, n int, alpha float32)                               { panic(unreachable) }
func scaleSIMD(x *float32, n int, alpha float32)                                 { panic(unreachable) }
func sumSIMD(x *float32, n int) float32                                          { panic(unreachable) }
func dotSIMD(a, b *float32, n int) float32                                       { panic(unreachable) }
func dot3SIMD(a, b, c *float32, n int) float32                                   { panic(unreachable) }
func sqDevSIMD(x *float32, n int, mean float32) float32                          { panic(unreachable) }
func expSIMD(dst, x *float32, n int)                                             { panic(unreachable) }
func tanhSIMD(dst, x *float32, n int)                                            { panic(unreachable) }
func sigmoidSIMD(dst, x *float32, n int)                                         { panic(unreachable) }
func geluSIMD(dst, x *float32, n int)                                            { panic(unreachable) }
func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)                         { panic(unreachable) }
func sinCosSIMD(sin, cos, x *float32, n int) int                                 { panic(unreachable) }
func expm1OverXSIMD(dst, x *float32, n int)                                      { panic(unreachable) }
func softmaxRowSIMD(dst, x *float32, n int) int                                  { panic(unreachable) }
func softmaxGradSIMD(dx, y, dy *float32, n int, s float32, acc uint32)           { panic(unreachable) }
func scaleMulSIMD(dst, x, gain *float32, n int, s float32)                       { panic(unreachable) }
func affineSIMD(dst, x, gain, bias *float32, n int, mean, s float32)             { panic(unreachable) }
func normGradSIMD(dx, dgain, x, gain, dy *float32, n int, mu, s, c1, c2 float32) { panic(unreachable) }
func gruRowSIMD(hNew, gi, gh, hPrev, save *float32, h int)                       { panic(unreachable) }
func gruGradRowSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, h int)        { panic(unreachable) }
func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)                       { panic(unreachable) }
