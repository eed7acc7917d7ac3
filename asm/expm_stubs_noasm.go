//go:build (!amd64 && !arm64) || noasm

package asm

const simdStackLanes = 8

func stackLoadSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int, scale float32) {
	panic(unreachable)
}
func stackStoreSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int) { panic(unreachable) }
func rowsNormSIMD(norm, a *float32, n, count int)                                 { panic(unreachable) }
func stackDiagSIMD(x *float32, n, lanes int, c float32)                           { panic(unreachable) }
func stackMulSIMD(c, a, b, d *float32, n int)                                     { panic(unreachable) }
func stackLinearSIMD(a *stackLinearArgs)                                          { panic(unreachable) }
