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
