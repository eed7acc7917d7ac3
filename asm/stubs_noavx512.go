//go:build !amd64 || noasm

package asm

// Never called, see stubs_noasm.go.

func expAVX512(dst, x *float32, n int)     { panic(unreachable) }
func tanhAVX512(dst, x *float32, n int)    { panic(unreachable) }
func sigmoidAVX512(dst, x *float32, n int) { panic(unreachable) }
func geluAVX512(dst, x *float32, n int)    { panic(unreachable) }
func geluGradAVX512(dx, x, dy *float32, n int, acc uint32) {
	panic(unreachable)
}
func sinCosAVX512(sin, cos, x *float32, n int) int {
	panic(unreachable)
}
func expm1OverXAVX512(dst, x *float32, n int) { panic(unreachable) }
func softplusAVX512(dst, x *float32, n int)   { panic(unreachable) }
func softmaxRowsAVX512(dst, x *float32, rows, cols int) int {
	panic(unreachable)
}
func rmsNormRowsAVX512(dst, x, gain, rstd *float32, rows, cols int, eps float32) {
	panic(unreachable)
}
func layerNormRowsAVX512(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32) {
	panic(unreachable)
}
func gluRowsAVX512(dst, x *float32, rows, h int) {
	panic(unreachable)
}
func gluGradRowsAVX512(dx, x, dy *float32, rows, h int) {
	panic(unreachable)
}
func gruRowsAVX512(hNew, gi, gh, hPrev, save *float32, rows, h int) {
	panic(unreachable)
}
