//go:build arm64 && !noasm

package asm

import "unsafe"

// A copied A keeps its rows, so slot is 1. 16 tiles
// of A take 192 KiB of L2.
func gemmTile() tile { return tile{rows: 8, cols: 8, slot: 1, run: 16} }

// packsB says whether B, not transposed, is copied. The kernels read whole panels, so a
// last panel of fewer columns needs the padding of a copy.
func packsB(t tile, m, n, k, ldb int) bool {
	return n%t.cols != 0 || m > 2*t.rows && k*n > 4<<10
}

// packsA says whether a transposed A is copied: the kernels want its steps in sequence.
func packsA(tile, int, int, int, int) bool { return true }

func copiesA(tile, int, int, int, int) bool { return false }

func copyRows([]float32, int, []float32, int, int, int) { panic("asm: unused on arm64") }

// gemmTiles runs the kernel for tiles of rows rows.
func gemmTiles(t tile, rows int, args *gemmArgs) {
	n := args.n
	args.rows = rows
	if args.n = n &^ 7; args.n > 0 {
		if rows == 1 && args.tiles == 1 && args.bp == 32 && args.n >= 32 {
			args.n &^= 31
			gemmNEONRow(args)
			if rest := n&^7 - args.n; rest > 0 {
				tail := *args
				tail.n, tail.b, tail.c = rest, shifted(args.b, 4*args.n), shifted(args.c, 4*args.n)
				gemmNEONx4(&tail)
			}
		} else if rows > 4 {
			gemmNEONx8(args)
		} else {
			gemmNEONx4(args)
		}
	}
	w := n & 7
	if w == 0 {
		return
	}
	// The last columns go through a whole tile beside C.
	var whole [64]float32
	edge := *args
	edge.n, edge.tiles, edge.acc, edge.cs, edge.c = 8, 1, 0, 32, &whole[0]
	edge.b = shifted(args.b, n>>3*args.bp)
	for q := range args.tiles {
		edge.a = shifted(args.a, q*args.at)
		if rows > 4 {
			gemmNEONx8(&edge)
		} else {
			gemmNEONx4(&edge)
		}
		for i := range rows {
			row := unsafe.Slice(shifted(args.c, q*args.ct+i*args.cs+n&^7*4), w)
			for j := range row {
				if args.acc != 0 {
					row[j] += whole[8*i+j]
				} else {
					row[j] = whole[8*i+j]
				}
			}
		}
	}
}

func shifted(p *float32, bytes int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), bytes)) }

// packRows copies k rows of w <= t.cols elements, src ld elements apart, to rows of
// t.cols padded with zeros.
func packRows(t tile, dst, src []float32, ld, k, w int) {
	for p := range k {
		row := dst[p*8:][:8]
		if w == 8 {
			*(*[8]float32)(row) = *(*[8]float32)(src[p*ld:])
			continue
		}
		clear(row[copy(row, src[p*ld:][:w]):])
	}
}

// packTransposed copies w <= t.cols rows of k elements to k rows of t.cols.
func packTransposed(t tile, dst, src []float32, ld, k, w int) {
	if w < 8 {
		clear(dst[:8*k])
	}
	transpose(dst, 8, src, ld, w, k)
}

// transpose sets dst[j*step+i] = src[i*ld+j] for i < rows, j < cols.
func transpose(dst []float32, step int, src []float32, ld, rows, cols int) {
	i := 0
	for ; i+4 <= rows; i += 4 {
		if cols >= 4 {
			transposeNEON(&dst[i], 4*step, &src[i*ld], 4*ld, cols/4)
		}
		for j := cols &^ 3; j < cols; j++ {
			for q := i; q < i+4; q++ {
				dst[j*step+q] = src[q*ld+j]
			}
		}
	}
	for ; i < rows; i++ {
		for j := range cols {
			dst[j*step+i] = src[i*ld+j]
		}
	}
}

// packTiles copies k steps of a transposed A to tiles whose rows are k consecutive
// elements: tall tiles of r+1 rows, then short ones of r.
func packTiles(t tile, dst, src []float32, ld, k, tall, short, r int) {
	transpose(dst, k, src, ld, k, tall*(r+1)+short*r)
}

// The tile kernels, see gemmArgs, on whole panels: n is a multiple of 8, and ak is 4.

// gemmNEONx8 does tiles of up to 8 rows, gemmNEONx4 of up to 4.
//
//go:noescape
func gemmNEONx8(args *gemmArgs)

//go:noescape
func gemmNEONx4(args *gemmArgs)

// gemmNEONRow does one row; n is a multiple of 32, bp is 32.
//
//go:noescape
func gemmNEONRow(args *gemmArgs)

// transposeNEON copies 4 rows of 4*blocks elements, stride bytes apart, to 4*blocks rows
// of 4 elements, step bytes apart.
//
//go:noescape
func transposeNEON(dst *float32, step int, src *float32, stride, blocks int)
