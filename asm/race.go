//go:build race

package asm

import (
	"runtime"
	"unsafe"
)

const raceEnabled = true

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

// race tells the race detector about n tokens per sequence that assembly reads and
// writes; the tokens lie apart, and another goroutine may use what is between them.
func (s *AttentionShape) race(read, write [][]float32, n, stride, next int) {
	for i := range s.Sequences {
		for j := range n {
			at := i*next + j*stride
			for _, x := range read {
				if x != nil {
					raceRead(x[at:][:s.Heads*s.Head])
				}
			}
			for _, x := range write {
				if x != nil {
					raceWrite(x[at:][:s.Heads*s.Head])
				}
			}
		}
	}
}
