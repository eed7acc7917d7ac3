//go:build amd64 && !noasm

package asm

import "golang.org/x/sys/cpu"

// useSIMD selects the assembly bodies. x/sys/cpu also asks whether the operating
// system saves the wide registers, and honours GODEBUG=cpu.avx2=off. Written only
// here and by tests.
var useSIMD = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// useAVX512 selects the bodies that exist for AVX-512 (F, DQ, BW, VL); it implies
// useSIMD. Written only here and by tests.
var useAVX512 = useSIMD && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL

// simdTier names the bodies that useSIMD selects.
const simdTier = "avx2"
