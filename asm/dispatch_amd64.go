//go:build amd64 && !noasm

package asm

import "golang.org/x/sys/cpu"

// useAVX2 selects the assembly bodies. x/sys/cpu also asks whether the operating
// system saves the wide registers, and honours GODEBUG=cpu.avx2=off. Written only
// here and by tests.
var useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA
