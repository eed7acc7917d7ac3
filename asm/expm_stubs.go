//go:build (amd64 || arm64) && !noasm

package asm

// The assembly bodies of the kernels on stacks of small matrices: AVX2 and FMA with
// 8 lanes on amd64, NEON with 4 on arm64. Loading, storing and the diagonal serve stacks
// of any multiple of these lanes.

//go:noescape
func stackLoadSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int, scale float32)

//go:noescape
func stackStoreSIMD(dst, src *float32, at *[MaxStackLanes]int32, size, lanes int)

//go:noescape
func rowsNormSIMD(norm, a *float32, n, count int)

//go:noescape
func stackDiagSIMD(x *float32, n, lanes int, c float32)

// d may be nil.
//
//go:noescape
func stackMulSIMD(c, a, b, d *float32, n int)

//go:noescape
func stackLinearSIMD(a *stackLinearArgs)
