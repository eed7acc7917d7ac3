//go:build (amd64 || arm64) && !noasm

package asm

// The assembly bodies of the kernels on pairs: AVX2 and FMA on amd64, NEON on arm64.
// tokens, pairs and queries are at least 1. The Far bodies serve any angle, the others
// angles up to maxFastTurns; sums are added to.

//go:noescape
func pairsReadoutSIMD(a *pairsArgs)

//go:noescape
func pairsReadoutFarSIMD(a *pairsArgs)

//go:noescape
func pairsRateSIMD(a *pairsArgs)

//go:noescape
func pairsSumsSIMD(a *pairsArgs)

//go:noescape
func pairsSumsFarSIMD(a *pairsArgs)
