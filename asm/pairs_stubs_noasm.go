//go:build (!amd64 && !arm64) || noasm

package asm

func pairsCoefSIMD(a *pairsArgs)         { panic(unreachable) }
func pairsReadoutSIMD(a *pairsArgs)      { panic(unreachable) }
func pairsReadoutFarSIMD(a *pairsArgs)   { panic(unreachable) }
func pairsRateSIMD(a *pairsArgs)         { panic(unreachable) }
func pairsStatesSIMD(a *pairsArgs)       { panic(unreachable) }
func pairsStatesFarSIMD(a *pairsArgs)    { panic(unreachable) }
func pairsSumsSIMD(a *pairsArgs)         { panic(unreachable) }
func pairsSumsFarSIMD(a *pairsArgs)      { panic(unreachable) }
func pairsStateSumsSIMD(a *pairsArgs)    { panic(unreachable) }
func pairsStateSumsFarSIMD(a *pairsArgs) { panic(unreachable) }
