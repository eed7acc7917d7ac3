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

// hasDot selects the body with the dot products of ARMv8.2 (GODEBUG=cpu.asimddp=off). Written
// only here and by tests.
var hasDot = cpu.ARM64.HasASIMDDP

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

// The product with integers by NEON: tiles of up to 4 rows, or of 8 with dot products.

const int8Bytes = 1

func int8Tall() int {
	if hasDot {
		return 8
	}
	return 4
}

func int8TileSIMD(args *int8Args) {
	if hasDot {
		int8TileDot(args)
	} else {
		int8TileNEON(args)
	}
}

// tile computes a tile; the bodies take whole vectors of 8 columns.
func (s *int8Scratch) tile(args *int8Args) {
	n, cs, c := args.n, args.cs, args.c
	// Deep products are cut to 8 columns, for short calls.
	step := int8Cols
	if args.k > 128 {
		step = 8
	}
	from, scale := args.b, args.scale
	for j := 0; j < n&^7; j += step {
		args.n = min(step, n&^7-j)
		args.b = (*uint8)(unsafe.Add(unsafe.Pointer(from), 4*j))
		args.scale = (*float32)(unsafe.Add(unsafe.Pointer(scale), 4*j))
		args.c = (*float32)(unsafe.Add(unsafe.Pointer(c), 4*j))
		int8TileSIMD(args)
	}
	if j := n &^ 7; j < n {
		args.n, args.cs, args.c = 8, 4*8, &s.cut[0]
		args.b = (*uint8)(unsafe.Add(unsafe.Pointer(from), 4*j))
		args.scale = (*float32)(unsafe.Add(unsafe.Pointer(scale), 4*j))
		int8TileSIMD(args)
		for r := range args.rows {
			copy(unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), r*cs+4*j)), n-j), s.cut[8*r:])
		}
	}
}

//go:noescape
func int8TileNEON(args *int8Args)

//go:noescape
func int8TileDot(args *int8Args)
