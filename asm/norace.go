//go:build !race

package asm

const raceEnabled = false

func raceRead([]float32)  {}
func raceWrite([]float32) {}

func raceMatrix(func([]float32), []float32, int, int, int, bool) {}

func raceRead64([]float64)  {}
func raceWrite64([]float64) {}

func (s *AttentionShape) race(read, write [][]float32, n, stride, next int) {}
