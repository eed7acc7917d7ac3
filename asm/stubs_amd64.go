//go:build amd64 && !noasm

package asm

// The assembly kernels. They trust their caller: n >= 1, all pointers are valid for
// n elements, and useAVX2 is true. Each needs AVX2 and FMA, and computes what the
// Go body of the same name computes.

//go:noescape
func addAVX2(dst, a, b *float32, n int)

//go:noescape
func subAVX2(dst, a, b *float32, n int)

//go:noescape
func mulAVX2(dst, a, b *float32, n int)

//go:noescape
func mulAddAVX2(dst, a, b *float32, n int)

//go:noescape
func axpyAVX2(y, x *float32, n int, alpha float32)

//go:noescape
func scaleAVX2(x *float32, n int, alpha float32)

//go:noescape
func sumAVX2(x *float32, n int) float32

//go:noescape
func dotAVX2(a, b *float32, n int) float32

//go:noescape
func dot3AVX2(a, b, c *float32, n int) float32

//go:noescape
func sqDevAVX2(x *float32, n int, mean float32) float32

//go:noescape
func expAVX2(dst, x *float32, n int)

//go:noescape
func tanhAVX2(dst, x *float32, n int)

//go:noescape
func sigmoidAVX2(dst, x *float32, n int)

//go:noescape
func geluAVX2(dst, x *float32, n int)

// acc is a mask: all ones adds to dx, zero overwrites it.
//
//go:noescape
func geluGradAVX2(dx, x, dy *float32, n int, acc uint32)

// Returns the number of elements done: n, or the index of a group of 8 that holds an
// argument beyond 1e9 in magnitude or NaN.
//
//go:noescape
func sinCosAVX2(sin, cos, x *float32, n int) int

//go:noescape
func expm1OverXAVX2(dst, x *float32, n int)

// Returns 0, with nothing written, if the maximum found is not finite; else 1.
//
//go:noescape
func softmaxRowAVX2(dst, x *float32, n int) int

//go:noescape
func softmaxGradAVX2(dx, y, dy *float32, n int, s float32, acc uint32)

//go:noescape
func scaleMulAVX2(dst, x, gain *float32, n int, s float32)

//go:noescape
func affineAVX2(dst, x, gain, bias *float32, n int, mean, s float32)

//go:noescape
func normGradAVX2(dx, dgain, x, gain, dy *float32, n int, mu, s, c1, c2 float32)

// save may be nil.
//
//go:noescape
func gruRowAVX2(hNew, gi, gh, hPrev, save *float32, h int)

//go:noescape
func gruGradRowAVX2(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, h int)

//go:noescape
func adamWAVX2(w, grad, m, v *float32, n int, c *adamCoef)

// The tile kernels: tiles tiles of 1..6 rows and w <= 16 columns of C, one below the
// other, over k >= 1 steps. Strides are in bytes: as between rows of A, ak between
// steps of A, at between tiles of A, bs between steps of B, cs between rows of C. B
// must be readable for 16 columns at each step. acc is 1 to add to C, else 0.

//go:noescape
func gemmTile6(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile5(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile4(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile3(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile2(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile1(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

// gemmRow64 computes one row of 64 columns of C.
//
//go:noescape
func gemmRow64(k int, a *float32, ak int, b *float32, bs int, c *float32, acc int)

// packRows16 copies rows rows of w <= 16 elements, src bytes apart, to rows of 16
// padded with zeros.
//
//go:noescape
func packRows16(dst *float32, src *float32, stride, rows, w int)

// packRows8 copies rows rows of w <= 8 elements to consecutive rows of w; it writes
// up to 8-w zeros behind the last.
//
//go:noescape
func packRows8(dst *float32, src *float32, stride, rows, w int)

// transpose8 copies 8 rows of 8*blocks elements, stride bytes apart, to 8*blocks rows
// of 8 elements, 64 bytes apart.
//
//go:noescape
func transpose8(dst *float32, src *float32, stride, blocks int)
