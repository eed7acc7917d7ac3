//go:build race

package asm

import (
	"runtime"
	"unsafe"
)

// The race detector does not see the memory accesses of assembly, so wrappers
// report them before the call.

func raceRead(x []float32) {
	if len(x) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&x[0]), 4*len(x))
	}
}

func raceWrite(x []float32) {
	if len(x) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&x[0]), 4*len(x))
	}
}

// raceMatrix reports the elements of a matrix of rows x cols, stored transposed if trans,
// with row stride ld.
func raceMatrix(report func([]float32), x []float32, rows, cols, ld int, trans bool) {
	if trans {
		rows, cols = cols, rows
	}
	for i := range rows {
		report(x[i*ld:][:cols])
	}
}
