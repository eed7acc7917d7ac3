//go:build (amd64 || arm64) && !noasm

package asm

import (
	"sync"
	"unsafe"
)

// The driver of the tile kernels, after Goto and van de Geijn (ACM TOMS 34, 2008).
//
// A block of B of gemmKC steps and at most gemmB elements meets A tile by tile; one
// call of a kernel does a run of equal tiles along one or all panels of the block. B is
// copied to panels when enough tiles share the copy, else read where it lies. A is read
// where it lies unless its rows (or columns, if transposed) share cache sets, see
// packsA and copiesA of the tier. Rows are spread over the tiles as evenly as possible,
// as a tile of few rows leaves the multipliers idle.
const (
	// gemmKC bounds a depth block: 14 rows of A, or a panel of 16 columns of B, take 21 or
	// 24 KiB of an L1 cache of 32 KiB.
	// It fixes the order of summation, so it is the same on every tier.
	gemmKC = 384
	// gemmB elements of B take 512 KiB, half of an L2 cache of 1 MiB.
	gemmB = 128 << 10
	// gemmCall bounds the multiply-adds of one call of a kernel: 1 M take about 20 us.
	gemmCall = 1 << 20
	// gemmLeast is what each side of a product counts as at least in that bound: a thin
	// one costs about as much, by idle lanes or by the memory that it reads or writes.
	gemmLeast = 16
)

// gemmPiece returns how many of run equal tiles of rows x n elements and k steps go into
// one call of a kernel, and, if it is one, how many of its columns (whole panels).
func gemmPiece(t tile, rows, run, n, k int) (tiles, cols int) {
	strip := max(rows, gemmLeast) * max(k, gemmLeast)
	work := strip * max(n, gemmLeast)
	switch {
	case run*work <= gemmCall:
		return run, n
	case work <= gemmCall:
		return gemmCall / work, n
	}
	return 1, min(n, max(gemmCall/strip, t.cols)/t.cols*t.cols)
}

// gemmArgs are the arguments of a tile kernel: tiles tiles of R rows (fixed by the
// kernel) and n >= 1 columns of C, one below the other, over k >= 1 steps. Strides are
// in bytes: as between rows, ak between steps and at between tiles of A, bs between
// steps and bp between panels of B, cs between rows and ct between tiles of C. acc is 1
// to add to C, else 0.
type gemmArgs struct {
	k, tiles, n, acc int
	a                *float32
	as, ak, at       int
	b                *float32
	bs, bp           int
	c                *float32
	cs, ct           int
	// A hint to fetch the next tile of A while this one is used: four lines ns bytes apart
	// from next on in every four steps, which then moves by na, and for the next panel
	// four rows further. ns = 0: nothing. No pointer, as it may point past the end.
	next   uintptr
	ns, na int
	// Work space of the kernels, which may also move a, c and tiles.
	bPanel, cPanel uintptr
	left, rows     int
}

// tile describes the kernels of a tier.
type tile struct {
	rows, cols int // of the largest tile of C; cols is also the width of a panel of B
	// A copy of a transposed A has slot elements per step and tile, or, if slot is 1,
	// rows of all steps.
	slot int
	run  int // tiles of A in a block
	// byPanel passes all tiles of a block of A along one panel of B, which stays in the
	// L1 cache, before the next panel. Else the rows of a tile stay there while all panels
	// of B pass, which needs tall tiles but reads A once.
	byPanel bool
}

// gemmScratch holds the packed blocks of one call.
type gemmScratch struct{ a, b []float32 }

var gemmPool = sync.Pool{New: func() any { return new(gemmScratch) }}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}

// depth returns the length of the depth blocks of k steps.
func depth(k int) int {
	blocks := (k + gemmKC - 1) / gemmKC
	return (k + blocks - 1) / blocks
}

func gemmSIMD(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, pack *Packed, c []float32, ldc int, acc bool, e *Epilogue) {
	raceMatrix(raceRead, a, m, k, lda, transA)
	if pack == nil {
		raceMatrix(raceRead, b, k, n, ldb, transB)
	}
	raceMatrix(raceWrite, c, m, n, ldc, false)
	t := gemmTile()
	if pack != nil {
		t = pack.tile
	}
	gemm(t, nil, transA, transB, m, n, k, a, lda, b, ldb, pack, c, ldc, acc, e)
}

func gemmBatchSIMD(transA, transB bool, batch, m, n, k int, a []float32, lda, strideA int, b []float32, ldb, strideB int, c []float32, ldc, strideC int, acc bool) {
	t := gemmTile()
	s := gemmPool.Get().(*gemmScratch)
	for i := range batch {
		a, b, c := a[i*strideA:], b[i*strideB:], c[i*strideC:]
		raceMatrix(raceRead, a, m, k, lda, transA)
		raceMatrix(raceRead, b, k, n, ldb, transB)
		raceMatrix(raceWrite, c, m, n, ldc, false)
		gemm(t, s, transA, transB, m, n, k, a, lda, b, ldb, nil, c, ldc, acc, nil)
	}
	gemmPool.Put(s)
}

// gemm is Gemm for m, n, k >= 1. Each element of C is summed over the steps of a depth
// block in order, whichever tile it falls into; the depth blocks depend on k alone. It
// takes scratch from the pool if it needs any and s is nil.
func gemm(t tile, s *gemmScratch, transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, pack *Packed, c []float32, ldc int, acc bool, e *Epilogue) {
	kc := k
	if k > gemmKC {
		kc = depth(k)
	}
	copyB := pack == nil && (transB || packsB(t, m, n, k, ldb))
	nc := n
	if (copyB || pack != nil) && n*kc > gemmB {
		nc = max(gemmB/kc, t.cols) / t.cols * t.cols
	}
	// The first tall tiles have short+1 rows, the others short.
	tiles, short, tall := 1, m, 0
	if m > t.rows {
		tiles = int(uint32(m+t.rows-1) / uint32(t.rows))
		short = int(uint32(m) / uint32(tiles))
		tall = m - short*tiles
	}
	how, block, step := readA, min(tiles, t.run), 0
	switch {
	case transA && packsA(t, m, n, k, lda):
		how = packA
	case !transA && copiesA(t, m, n, k, lda):
		how, block = copyA, 1
		step = (kc+15)/16*16 | 16 // an odd number of cache lines
	}
	if copyB || how != readA {
		if s == nil {
			pooled := gemmPool.Get().(*gemmScratch)
			defer gemmPool.Put(pooled)
			s = pooled
		}
		if copyB {
			s.b = grow(s.b, (nc+t.cols-1)/t.cols*t.cols*kc)
		}
		switch how {
		case packA:
			s.a = grow(s.a, block*kc*max(t.slot, t.rows))
		case copyA:
			s.a = grow(s.a, t.rows*step)
		}
	}

	var args gemmArgs
	args.cs = 4 * ldc
	args.ak, args.as = 4, 4*lda
	if transA {
		args.ak, args.as = 4*lda, 4
	}
	for p0 := 0; p0 < k; p0 += kc {
		kb := min(kc, k-p0)
		args.k = kb
		args.acc = 0
		if acc || p0 > 0 {
			args.acc = 1
		}
		for j0 := 0; j0 < n; j0 += nc {
			nb := min(nc, n-j0)
			var bp []float32
			args.bs, args.bp = 4*t.cols, 4*t.cols*kb
			switch {
			case pack != nil:
				bp = pack.data[p0*pack.cols+j0*kb:]
			case copyB:
				packPanels(t, s.b, transB, b, ldb, p0, j0, kb, nb)
				bp = s.b
			default:
				bp = b[p0*ldb+j0:]
				args.bs, args.bp = 4*ldb, 4*t.cols
			}
			// Runs of equal tiles, within a block of A and the bound on a call.
			i := 0
			for t0 := 0; t0 < tiles; t0 += block {
				t1 := min(t0+block, tiles)
				i0 := i
				if how == packA {
					x := max(0, min(t1, tall)-t0)
					packTiles(t, s.a, a[p0*lda+i:], lda, kb, x, t1-t0-x, short)
				}
				for q := t0; q < t1; {
					rows, run := short, t1-q
					if q < tall {
						rows, run = short+1, min(t1, tall)-q
					}
					w := nb
					if t.byPanel {
						w = min(w, t.cols)
					}
					run, w = gemmPiece(t, rows, run, w, kb)
					ap := a
					args.ns = 0
					switch {
					case how == packA:
						if t.slot == 1 {
							ap = s.a[(i-i0)*kb:]
							args.as, args.ak, args.at = 4*kb, 4, 4*rows*kb
							break
						}
						ap = s.a[(q-t0)*kb*t.slot:]
						args.as, args.ak, args.at = 4, 4*t.slot, 4*t.slot*kb
					case transA:
						ap = a[p0*lda+i:]
						args.at = 4 * rows
					default:
						ap = a[i*lda+p0:]
						args.at = rows * args.as
						args.next = uintptr(unsafe.Pointer(&ap[0])) + uintptr(4*rows*lda)
						args.ns, args.na = 4*lda, 16
						if lda == kb && nb <= t.cols {
							args.ns, args.na = 64, 256 // the only panel fetches all, line by line
						}
						if how == copyA {
							copyRows(s.a, step, ap, lda, rows, kb)
							ap = s.a
							args.as = 4 * step
						}
					}
					args.ct = rows * args.cs
					for j := 0; j < nb; j += w {
						args.n = min(w, nb-j)
						args.tiles = run
						args.a = &ap[0]
						args.b = &bp[0]
						if j > 0 {
							args.b = &bp[j/t.cols*args.bp/4]
						}
						args.c = &c[i*ldc+j0+j]
						gemmTiles(t, rows, &args)
					}
					if e != nil && p0+kb == k {
						e.apply(c, i, j0, rows*run, nb, ldc)
					}
					q += run
					i += rows * run
				}
			}
		}
	}
}

// How a block of A is read: where it lies, or copied by packTiles or copyRows.
const (
	readA = iota
	packA
	copyA
)

// packPanels copies steps p0..p0+k of columns j0..j0+n of op(B) to panels of t.cols
// columns, the last padded.
func packPanels(t tile, dst []float32, trans bool, b []float32, ldb, p0, j0, k, n int) {
	for j := 0; j < n; j += t.cols {
		w := min(t.cols, n-j)
		if trans {
			packTransposed(t, dst[j*k:][:t.cols*k], b[(j0+j)*ldb+p0:], ldb, k, w)
		} else {
			packRows(t, dst[j*k:][:t.cols*k], b[p0*ldb+j0+j:], ldb, k, w)
		}
	}
}

// pack fills p with op(B).
func (p *Packed) pack(transB bool, b []float32, ldb int) {
	t := gemmTile()
	p.tile = t
	p.cols = (p.n + t.cols - 1) / t.cols * t.cols
	p.data = make([]float32, p.cols*p.k)
	kc := depth(p.k)
	for p0 := 0; p0 < p.k; p0 += kc {
		kb := min(kc, p.k-p0)
		packPanels(t, p.data[p0*p.cols:], transB, b, ldb, p0, 0, kb, p.n)
	}
}
