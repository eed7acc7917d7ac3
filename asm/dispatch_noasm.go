//go:build !(amd64 || arm64) || noasm

package asm

const (
	useSIMD   = false
	useAVX512 = false
	simdTier  = ""
)

// unreachable is the panic of the declarations that stand in for missing bodies.
const unreachable = "asm: vector kernel called without its tier"
