//go:build race

package asm

import (
	"runtime"
	"unsafe"
)

func raceRead64(x []float64) {
	if len(x) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&x[0]), 8*len(x))
	}
}

func raceWrite64(x []float64) {
	if len(x) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&x[0]), 8*len(x))
	}
}
