//go:build !noasm

package asm

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// useSIMD selects the assembly bodies. Every arm64 processor that Go supports has NEON
// (Advanced SIMD); the flag exists for GODEBUG=cpu.asimd=off. Written only here and by
// tests.
var useSIMD = cpu.ARM64.HasASIMD

const (
	useAVX512 = false
	hasVNNI   = false
	simdTier  = "neon"
)

// simdStackLanes is the number of lanes of stackMulSIMD.
const simdStackLanes = 4

// What NEON does not speed up enough to need assembly runs the reference bodies here:
// the coefficients, a division for each pair, and the states.

// row returns n numbers from byte offset at of p on.
func row(p *float32, at, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), at)), n)
}

func pairsCoefSIMD(a *pairsArgs) {
	w := a.pairs
	for i := range a.tokens {
		p := PairTokens{
			Tokens: 1, Pairs: w, Queries: a.queries,
			Sigma: row(a.sigma, 4*i*w, w), Omega: row(a.omega, 4*i*w, w),
			Z0: row(a.z0, 8*i*w, 2*w), B: row(a.b, 8*i*w, 2*w),
		}
		if a.c != nil {
			p.C = row(a.c, i*a.cStride, 2*w)
		}
		coef := row(a.coef, 4*i*pairPlanes*w, pairPlanes*w)
		pairCoefGo(coef, &p, 0)
		for _, v := range coef[planeTurns*w : (planeTurns+1)*w] {
			a.maxTurns = max(a.maxTurns, v, -v)
		}
		for _, v := range row(a.tau, i*a.tauStride, a.queries) {
			a.maxTau = max(a.maxTau, v, -v)
		}
	}
	if math.IsNaN(float64(a.maxTau)) {
		a.maxTau = float32(math.Inf(1))
	}
}

func pairsStatesSIMD(a *pairsArgs) {
	w := a.pairs
	for i := range a.tokens {
		pairsStatesGo(row(a.dst, i*a.dstStride, 2*w*a.queries), row(a.coef, 4*i*pairPlanes*w, pairPlanes*w),
			row(a.tau, i*a.tauStride, a.queries), w)
	}
}

func pairsStatesFarSIMD(a *pairsArgs) { pairsStatesSIMD(a) }

func pairsStateSumsSIMD(a *pairsArgs) {
	w := a.pairs
	for i := range a.tokens {
		pairsStateSumsGo(row(a.dst, i*a.dstStride, PairsStateSumWidth*w), row(a.coef, 4*i*pairPlanes*w, pairPlanes*w),
			row(a.tau, i*a.tauStride, a.queries), row(a.grad, i*a.gradStride, 2*w*a.queries), w)
	}
}

func pairsStateSumsFarSIMD(a *pairsArgs) { pairsStateSumsSIMD(a) }
