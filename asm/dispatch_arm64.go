//go:build arm64 && !noasm

package asm

import "golang.org/x/sys/cpu"

// useSIMD selects the assembly bodies. Every arm64 processor that Go supports has NEON
// (Advanced SIMD); the flag exists for GODEBUG=cpu.asimd=off. Written only here and by
// tests.
var useSIMD = cpu.ARM64.HasASIMD

const (
	useAVX512 = false
	simdTier  = "neon"
)

// unreachable is the panic of the declarations that stand in for AVX-512 bodies.
const unreachable = "asm: vector kernel called without its tier"
