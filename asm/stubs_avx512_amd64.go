//go:build amd64 && !noasm

package asm

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
