//go:build !amd64 || noasm

package asm

func pairsReadoutAVX512(a *pairsArgs) { panic("asm: AVX-512 kernel called without its tier") }
func pairsSumsAVX512(a *pairsArgs)    { panic("asm: AVX-512 kernel called without its tier") }
