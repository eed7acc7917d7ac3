//go:build amd64 && !noasm

package asm

import "math"

func gemmTile() tile {
	if useAVX512 {
		return tile{rows: 14, cols: 32, run: math.MaxInt}
	}
	// A panel of 16 columns and 384 steps takes 24 KiB of the L1 cache, 20 tiles of A
	// 180 KiB of L2.
	return tile{rows: 6, cols: 16, slot: 8, run: 20, byPanel: true}
}

// packsB says whether B, not transposed, is copied.
func packsB(t tile, m, n, k, ldb int) bool {
	return m > 2*t.rows && k*n > 4<<10
}

// packsA says whether a transposed A is copied. The tall tiles of AVX-512 read a step of
// it, 56 bytes, as fast where it lies, whatever the stride.
func packsA(t tile, m, n, k, lda int) bool {
	return t.byPanel && n > 2*t.cols
}

// copiesA says whether a strip of A, not transposed, is copied: rows that lie a multiple
// of the page apart fall into the same 8 lines of the L1 cache.
func copiesA(t tile, m, n, k, lda int) bool {
	return !t.byPanel && lda%1024 == 0 && m > 4 && n > t.cols
}

// copyRows copies rows rows of k elements, lda elements apart, to rows step apart.
func copyRows(dst []float32, step int, src []float32, lda, rows, k int) {
	copyRowsAVX2(&dst[0], 4*step, &src[0], 4*lda, rows, k)
}

// gemmTiles runs the kernel for tiles of rows rows.
func gemmTiles(t tile, rows int, args *gemmArgs) {
	if t.cols == 32 {
		switch rows {
		case 1:
			gemmAVX512x1(args)
		case 2:
			gemmAVX512x2(args)
		case 3:
			gemmAVX512x3(args)
		case 4:
			gemmAVX512x4(args)
		case 5:
			gemmAVX512x5(args)
		case 6:
			gemmAVX512x6(args)
		case 7:
			gemmAVX512x7(args)
		case 8:
			gemmAVX512x8(args)
		case 9:
			gemmAVX512x9(args)
		case 10:
			gemmAVX512x10(args)
		case 11:
			gemmAVX512x11(args)
		case 12:
			gemmAVX512x12(args)
		case 13:
			gemmAVX512x13(args)
		case 14:
			gemmAVX512x14(args)
		}
		return
	}
	switch rows {
	case 1:
		gemmAVX2x1(args)
	case 2:
		gemmAVX2x2(args)
	case 3:
		gemmAVX2x3(args)
	case 4:
		gemmAVX2x4(args)
	case 5:
		gemmAVX2x5(args)
	case 6:
		gemmAVX2x6(args)
	}
}

// packRows copies k rows of w <= t.cols elements, src ld elements apart, to rows of
// t.cols padded with zeros.
func packRows(t tile, dst, src []float32, ld, k, w int) {
	if t.cols == 32 {
		packRowsAVX512(&dst[0], &src[0], 4*ld, k, w)
		return
	}
	packRowsAVX2(&dst[0], &src[0], 4*ld, k, w)
}

// packTransposed copies w <= t.cols rows of k elements to k rows of t.cols.
func packTransposed(t tile, dst, src []float32, ld, k, w int) {
	if t.cols == 32 {
		transposeAVX512(&dst[0], &src[0], 4*ld, min(w, 16), k, 128)
		if w > 16 {
			transposeAVX512(&dst[16], &src[16*ld], 4*ld, w-16, k, 128)
		}
		return
	}
	for h := 0; h < t.cols; h += 8 {
		done := 0
		if w-h >= 8 && k >= 8 {
			transposeAVX2(&dst[h], &src[h*ld], 4*ld, k/8)
			done = k &^ 7
		}
		for j := h; j < h+8; j++ {
			if j >= w {
				for p := range k {
					dst[p*t.cols+j] = 0
				}
				continue
			}
			row := src[j*ld:][:k]
			for p := done; p < k; p++ {
				dst[p*t.cols+j] = row[p]
			}
		}
	}
}

// packTiles copies k steps of a transposed A to tiles of t.slot elements per step: tall
// tiles of r+1 rows, then short ones of r.
func packTiles(t tile, dst, src []float32, ld, k, tall, short, r int) {
	i := 0
	for q := range tall + short {
		rows := r
		if q < tall {
			rows++
		}
		packRows8AVX2(&dst[q*k*t.slot], &src[i], 4*ld, k, rows)
		i += rows
	}
}

// The tile kernels, see gemmArgs. Masked columns of B are not read.

//go:noescape
func gemmAVX512x1(args *gemmArgs)

//go:noescape
func gemmAVX512x2(args *gemmArgs)

//go:noescape
func gemmAVX512x3(args *gemmArgs)

//go:noescape
func gemmAVX512x4(args *gemmArgs)

//go:noescape
func gemmAVX512x5(args *gemmArgs)

//go:noescape
func gemmAVX512x6(args *gemmArgs)

//go:noescape
func gemmAVX512x7(args *gemmArgs)

//go:noescape
func gemmAVX512x8(args *gemmArgs)

//go:noescape
func gemmAVX512x9(args *gemmArgs)

//go:noescape
func gemmAVX512x10(args *gemmArgs)

//go:noescape
func gemmAVX512x11(args *gemmArgs)

//go:noescape
func gemmAVX512x12(args *gemmArgs)

//go:noescape
func gemmAVX512x13(args *gemmArgs)

//go:noescape
func gemmAVX512x14(args *gemmArgs)

//go:noescape
func gemmAVX2x1(args *gemmArgs)

//go:noescape
func gemmAVX2x2(args *gemmArgs)

//go:noescape
func gemmAVX2x3(args *gemmArgs)

//go:noescape
func gemmAVX2x4(args *gemmArgs)

//go:noescape
func gemmAVX2x5(args *gemmArgs)

//go:noescape
func gemmAVX2x6(args *gemmArgs)

// packRowsAVX512 copies rows rows of w <= 32 elements, stride bytes apart, to rows of 32
// padded with zeros.
//
//go:noescape
func packRowsAVX512(dst, src *float32, stride, rows, w int)

// transposeAVX512 copies rows = 1..16 rows of k elements, stride bytes apart, to k rows
// of 16 elements, step bytes apart. Columns beyond rows repeat the last.
//
//go:noescape
func transposeAVX512(dst, src *float32, stride, rows, k, step int)

// packRowsAVX2 copies rows rows of w <= 16 elements, stride bytes apart, to rows of 16
// padded with zeros.
//
//go:noescape
func packRowsAVX2(dst, src *float32, stride, rows, w int)

// packRows8AVX2 copies rows rows of w <= 8 elements to rows of 8 padded with zeros.
//
//go:noescape
func packRows8AVX2(dst, src *float32, stride, rows, w int)

// transposeAVX2 copies 8 rows of 8*blocks elements, stride bytes apart, to 8*blocks rows
// of 8 elements, 64 bytes apart.
//
//go:noescape
func transposeAVX2(dst, src *float32, stride, blocks int)

// copyRowsAVX2 copies rows rows of k elements, stride bytes apart, to rows step bytes
// apart.
//
//go:noescape
func copyRowsAVX2(dst *float32, step int, src *float32, stride, rows, k int)
