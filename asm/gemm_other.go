//go:build !(amd64 || arm64) || noasm

package asm

// Without kernels a packed matrix is a plain k x n copy.

type tile struct{}

func gemmSIMD(_, _ bool, _, _, _ int, _ []float32, _ int, _ []float32, _ int, _ *Packed, _ []float32, _ int, _ bool, _ *Epilogue) {
	panic(unreachable)
}

func (p *Packed) pack(bool, []float32, int) { panic(unreachable) }

func gemmBatchSIMD(_, _ bool, _, _, _, _ int, _ []float32, _, _ int, _ []float32, _, _ int, _ []float32, _, _ int, _ bool) {
	panic(unreachable)
}
