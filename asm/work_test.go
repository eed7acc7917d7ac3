//go:build (amd64 || arm64) && !noasm

package asm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWorkPerCall: no assembly call holds up the scheduler for 100 microseconds. For each
// class of kernels the greatest work that its wrappers put into one call, over the sizes
// that matter, times what a unit of it takes at worst: about twice the greatest measured
// on a Zen 4 core of 3.2 GHz, narrow rows, cold caches and far angles included.
func TestWorkPerCall(t *testing.T) {
	const mostNs = 50e3
	check := func(name string, units int, ns float64) {
		t.Helper()
		if units <= 0 || float64(units)*ns > mostNs {
			require.FailNow(t, "work per call", "%s: %d units of %g ns", name, units, ns)
		}
	}
	sizes := []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 200, 255, 257, 384, 400, 511, 1000, 1024, 1025,
		2047, 4095, 4097, 8191, 10000, 16383, 16384, 16385, 40000, 65537, 131072, 1 << 20}

	// Maps and ordered sums: elements.
	check("maps", maxCall, 3)
	check("sums", sumBlock, 3)
	// Rows: elements, narrow rows counted as leastRow, a heavy element as two.
	for _, cols := range sizes {
		for weight := 1; weight <= 2 && cols <= maxCall; weight++ {
			// A single row is not cut; the time of an element is that of the heavy ones.
			check("rows", rowsPerCall(1<<30, cols, weight)*max(cols, leastRow), 3)
		}
	}
	// Products: multiply-adds, each side counted as gemmLeast at least.
	eachTier(t, func(tier string) {
		if tier == "reference" {
			return
		}
		g := gemmTile()
		for _, n := range sizes {
			if g.byPanel {
				n = min(n, g.cols)
			}
			for _, k := range sizes {
				k = depth(k)
				for rows := 1; rows <= g.rows; rows++ {
					tiles, cols := gemmPiece(g, rows, 1<<30, n, k)
					check("Gemm", tiles*max(rows, gemmLeast)*max(cols, gemmLeast)*max(k, gemmLeast), 0.04)
					if cols != n && (cols%g.cols != 0 || tiles != 1) {
						require.FailNow(t, "pieces", "%s: %d tiles, %d columns", tier, tiles, cols)
					}
				}
			}
		}
	})
	// The product with integers: multiply-adds of a tile, elements of a row.
	check("Int8", int8Rows*int8Cols*maxInt8Depth, 0.01)
	check("Int8 by AVX2", 6*int8Cols*maxInt8Depth, 0.03)
	check("Int8 by NEON, cut", 4*8*maxInt8Depth, 0.15)
	check("Int8 by NEON", 4*int8Cols*4*128, 0.15)
	check("Int8 by dot products, cut", 8*8*maxInt8Depth, 0.05)
	check("Int8", maxInt8Depth, 1)
	// Copies of a panel or a tile: elements.
	check("Pack", 32*gemmKC, 3)
	// Attention: multiply-adds; elements of rows; elements transposed.
	for _, n := range sizes {
		for _, k := range sizes {
			for _, rows := range []int{1, 5, 8, 63, attnRows, 4096} {
				if k <= attnCall/64 {
					step, width := attnPiece(rows, round8(n), k)
					check("Attention", max(step, 8)*width*k, 0.04)
					if width%8 != 0 {
						require.FailNow(t, "pieces", "Attention: %d columns", width)
					}
				}
			}
			for keys := 1; keys <= attnPairSteps && n*k <= 1<<20; keys++ {
				s := AttentionShape{Rows: keys, Keys: keys, Heads: n, Head: round8(k)}
				if s.pairs() {
					check("Attention of short sequences", s.lanes()*s.Keys*s.Head, 0.04)
				}
			}
		}
	}
	check("attnTranspose", attnRows*attnCols, 3)
	// Stacks: multiply-adds; elements read and written by linear combinations.
	check("StackMul", stackOrder*stackOrder*stackOrder*MaxStackLanes, 0.08)
	check("StackLoad", stackOrder*stackOrder*MaxStackLanes, 3)
	check("StackLinear", stackCall*9, 0.5)
	// Pairs: elements in whole vectors, for each time as for each plane of coefficients.
	work := make([]float32, 1<<18)
	for _, pairs := range sizes {
		for _, queries := range sizes {
			p := PairTokens{Tokens: 1 << 20, Pairs: pairs, Queries: queries}
			if !p.simd() {
				continue
			}
			n := p.block(work)
			check("coefficients of pairs", n*round8(pairs)*pairPlanes, 2)
			check("PairsReadout", n*pairs*max(16, min(round8(queries), p.readoutStep())), 3)
			check("PairsStates", n*round8(pairs)*min(queries, p.stateStep()), 3)
		}
	}
	// The float64 kernels: multiply-adds; elements of a factor; features times channels of
	// a rollout; equations; elements.
	for _, k := range sizes {
		width := gemm64Width(min(k, gemm64Steps))
		check("Gemm64", 4*width*max(16, min(k, gemm64Steps)), 0.2)
		require.Zero(t, width%8)
		if n := (k + 3) &^ 3; n <= factorCall/4 {
			check("CholeskyLanes", n*min(n, factorPiece(n)), 1.5)
			require.Zero(t, factorPiece(n)%4)
		}
		for _, channels := range []int{1, 2, 8, 30, 200} {
			if r := (Rollout{C: channels}); r.cost(k) <= rollCall {
				check("Rollout", rollCall/r.cost(k)*r.cost(k), 1)
			}
		}
	}
	check("Pentadiagonal", pentaCall, 30)
	check("float64 maps and sums", call64, 10)
}

// TestPiecesKeepBits: work that is cut gives the bits of a single call.
func TestPiecesKeepBits(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	eachTier(t, func(tier string) {
		if tier == "reference" {
			return
		}
		// Attention: more columns and steps than one call takes.
		const rows, n, k = 13, 1000, 400
		a, b, f := floats(r, rows*k), floats(r, k*n), floats(r, rows)
		cut, whole := make([]float32, rows*n), make([]float32, rows*n)
		step, width := attnPiece(rows, n, k)
		require.True(t, step < rows && width < n)
		attnMul(cut, n, a, k, 1, b, n, rows, n, k, f, 1, false)
		if useAVX512 {
			attnMulAVX512(&whole[0], &a[0], &b[0], &f[0], n, k, 1, n, 1, rows, n, k, 0)
		} else {
			attnMulSIMD(&whole[0], &a[0], &b[0], &f[0], n, k, 1, n, 1, rows, n, k, 0)
		}
		require.Equal(t, whole, cut, tier)
		const tokens, head = 70, attnCols + 24
		x := floats(r, tokens*head)
		got, want := make([]float32, head*round8(tokens)), make([]float32, head*round8(tokens))
		attnTranspose(got, x, head, tokens, head, 0.5)
		attnTransposeGo(want, x, head, tokens, head, 0.5)
		require.Equal(t, want, got, tier)
	})
	if !simd64() {
		return
	}
	// A factor of more columns than one call takes, against calls for whole panels.
	const n, rows = 200, 204
	require.Less(t, factorPiece(n), n)
	l, _ := random64(r, rows*n*Lanes, 0)
	for i := range n {
		for q := range Lanes {
			l[(i*n+i)*Lanes+q] = 400
		}
	}
	whole := append([]float64(nil), l...)
	inv, wholeInv := make([]float64, n*Lanes), make([]float64, n*Lanes)
	floor := [Lanes]float64{1, 1, 1, 1}
	CholeskyLanes(l, n, rows, &floor, inv)
	for i := 0; i < rows; i += 4 {
		choleskyPanelSIMD(&whole[0], n, i, 0, n, &floor[0], &wholeInv[0])
	}
	require.Equal(t, whole, l)
	require.Equal(t, wholeInv, inv)
	z, _ := random64(r, 2*n*Lanes, 0)
	wholeZ := append([]float64(nil), z...)
	BackLanes(z, l, n, n, 2, inv)
	backPairSIMD(&wholeZ[0], &l[0], n, 0, n, &inv[0])
	require.Equal(t, wholeZ, z)
	// Sums of more than one call, against the reference.
	x, _ := random64(r, 3*call64+5, 0)
	y, _ := random64(r, 3*call64+5, 0)
	d := SquaredDistance(x, y)
	s, q, top := Moments(x, 0.25)
	lanesOf, _ := random64(r, 4*len(x), 0)
	Interleave(lanesOf, x, y, x, y, len(x))
	back, _ := random64(r, len(x), 0)
	Deinterleave(back, make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x)), lanesOf, 4)
	slid := make([]float64, len(x))
	Slide64(slid, x, 1.5, y, 0.5, back)
	simd := useSIMD
	useSIMD = false
	defer func() { useSIMD = simd }()
	require.Equal(t, SquaredDistance(x, y), d)
	s2, q2, top2 := Moments(x, 0.25)
	require.Equal(t, [3]float64{s2, q2, top2}, [3]float64{s, q, top})
	lanes2, slid2 := make([]float64, len(lanesOf)), make([]float64, len(x))
	Interleave(lanes2, x, y, x, y, len(x))
	require.Equal(t, lanes2, lanesOf)
	require.Equal(t, x, back)
	Slide64(slid2, x, 1.5, y, 0.5, back)
	require.Equal(t, slid2, slid)
}
