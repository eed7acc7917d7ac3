//go:build amd64 && !noasm

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
func dot3SIMD(a, b, c *float32, n int) float32

//go:noescape
func sqDevSIMD(x *float32, n int, mean float32) float32

//go:noescape
func expSIMD(dst, x *float32, n int)

//go:noescape
func tanhSIMD(dst, x *float32, n int)

//go:noescape
func sigmoidSIMD(dst, x *float32, n int)

//go:noescape
func geluSIMD(dst, x *float32, n int)

// acc is a mask: all ones adds to dx, zero overwrites it.
//
//go:noescape
func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)

// Returns the number of elements done: n, or the index of a group of 8 that holds an
// argument beyond 1e9 in magnitude or NaN.
//
//go:noescape
func sinCosSIMD(sin, cos, x *float32, n int) int

//go:noescape
func expm1OverXSIMD(dst, x *float32, n int)

// Returns 0, with nothing written, if the maximum found is not finite; else 1.
//
//go:noescape
func softmaxRowSIMD(dst, x *float32, n int) int

//go:noescape
func softmaxGradSIMD(dx, y, dy *float32, n int, s float32, acc uint32)

//go:noescape
func scaleMulSIMD(dst, x, gain *float32, n int, s float32)

//go:noescape
func affineSIMD(dst, x, gain, bias *float32, n int, mean, s float32)

//go:noescape
func normGradSIMD(dx, dgain, x, gain, dy *float32, n int, mu, s, c1, c2 float32)

// save may be nil.
//
//go:noescape
func gruRowSIMD(hNew, gi, gh, hPrev, save *float32, h int)

//go:noescape
func gruGradRowSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, h int)

//go:noescape
func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)
