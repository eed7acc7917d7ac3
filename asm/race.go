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
