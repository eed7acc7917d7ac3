//go:build !noasm

package asm

// Writes the coefficient planes of the tokens, maxTurns and maxTau.
//
//go:noescape
func pairsCoefSIMD(a *pairsArgs)

//go:noescape
func pairsStatesSIMD(a *pairsArgs)

//go:noescape
func pairsStatesFarSIMD(a *pairsArgs)

//go:noescape
func pairsStateSumsSIMD(a *pairsArgs)

//go:noescape
func pairsStateSumsFarSIMD(a *pairsArgs)

//go:noescape
func pairsReadoutAVX512(a *pairsArgs)

//go:noescape
func pairsSumsAVX512(a *pairsArgs)
