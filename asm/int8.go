package asm

import (
	"fmt"
	"math"
	"sync"
)

// The product with integer weights. Rows of A are rounded to integers as they come,
// each by its own scale:
//
//	top_i = max_k |a_ik|,  q_ik = round(a_ik 127/top_i),
//	c_ij  = (sum_k q_ik code_kj) (top_i/127 scale_j).
//
// The sum is exact, so that all bodies give the same bits. The kernel multiplies
// unsigned by signed bytes: codes are stored with 128 added, and 128 sum_k q_ik is
// taken from the sum.
const (
	int8Rows = 12 // of the largest tile of all bodies
	int8Cols = 32 // of a panel of codes
	// leastTop keeps 127/top finite: a smaller row counts as zero.
	leastTop = 0x1p-100
	// maxInt8Depth bounds k, for sums within 32 bits and short calls.
	maxInt8Depth = 1 << 13
)

// PackedInt8 is a matrix [k, n] of integers with a scale for each column, in the
// layout of the kernel. It is immutable and safe for concurrent use.
type PackedInt8 struct {
	n, k, depth int       // depth is k rounded up to 16
	codes       []uint8   // panels of int8Cols columns; four steps of a column side by side
	scale       []float32 // one per column, padded to whole panels
}

// HasInt8 reports whether [GemmInt8] is so much faster than a product in float32 that it
// is worth the rounding of A: with AVX-512 VNNI, where it takes 0.3 to 0.5 of the time of the
// AVX-512 product in float32, and with the dot products of ARMv8.2, by count: the inner loop
// does 1024 multiply-adds in 90 instructions, that of float32 256 in 82.
//
// AVX2 and the baseline of NEON have bodies and the answer false. With AVX2 products of the
// network's sizes take 0.88 to 1.01 of the time in float32 (medians, Sapphire Rapids with AVX-512
// off). Baseline NEON does 256 multiply-adds in 66 instructions, a fifth fewer than float32; what
// that is worth on a processor has not been measured.
func HasInt8() bool { return useAVX512 && hasVNNI || useSIMD && hasDot }

// PackInt8 copies codes [k, n], at most 8192 rows, and scales [n].
func PackInt8(n, k int, codes []int8, scale []float32) *PackedInt8 {
	dims("PackInt8", k, n)
	if k > maxInt8Depth {
		panic(fmt.Sprintf("asm: PackInt8: k = %d, want at most %d", k, maxInt8Depth))
	}
	same("PackInt8", "codes", len(codes), "k*n", k*n)
	same("PackInt8", "scale", len(scale), "n", n)
	cols := (n + int8Cols - 1) / int8Cols * int8Cols
	p := &PackedInt8{n: n, k: k, depth: (k + 15) / 16 * 16}
	p.scale = make([]float32, cols)
	copy(p.scale, scale)
	p.codes = make([]uint8, cols*p.depth)
	for i := range p.codes {
		p.codes[i] = 128
	}
	for i := range k {
		for j := range n {
			*p.at(i, j) = uint8(int(codes[i*n+j]) + 128)
		}
	}
	return p
}

// at returns the place of the code at row i and column j.
func (p *PackedInt8) at(i, j int) *uint8 {
	return &p.codes[j/int8Cols*int8Cols*p.depth+i/4*4*int8Cols+j%int8Cols*4+i%4]
}

// Size returns the rows k and the columns n of the matrix.
func (p *PackedInt8) Size() (k, n int) { return p.k, p.n }

// int8Scratch holds rounded rows of A.
type int8Scratch struct {
	q     []int8
	scale []float32 // top/127 per row, NaN for a row that is not finite
	bias  []int32   // 128 times the sum of the row
	tail  [16]float32
	cut   [int8Rows * 8]float32 // columns of C that do not fill a vector
}

var int8Pool = sync.Pool{New: func() any { return new(int8Scratch) }}

// GemmInt8 computes C [m, n] = A [m, k] times the codes and scales of b, with A
// rounded row by row to integers of at most 127, followed by e, which may be nil. The
// error of a row that comes from its rounding is at most top/254 times the sum of the
// magnitudes of the column. A row of A that holds NaN or an infinity gives NaN
// throughout; one whose magnitudes are all below 2^-100 counts as zero. The same bits on
// every tier. C must not overlap A.
func GemmInt8(m int, a []float32, lda int, b *PackedInt8, c []float32, ldc int, e *Epilogue) {
	if !checkGemm("GemmPacked", false, false, m, b.n, b.k, a, lda, nil, 0, c, ldc) {
		return
	}
	e.check(m, b.n, ldc)
	s := int8Pool.Get().(*int8Scratch)
	defer int8Pool.Put(s)
	// For the rows of a whole tile of any body: some read rows that they do not store.
	if cap(s.q) < int8Rows*b.depth {
		s.q = make([]int8, int8Rows*b.depth)
	}
	if s.scale == nil {
		s.scale, s.bias = make([]float32, int8Rows), make([]int32, int8Rows)
	}
	vnni := useAVX512 && hasVNNI && b.k > 0
	simd := useSIMD && !vnni && b.k > 0
	tall, stride := int8Rows, b.depth
	if simd {
		tall, stride = int8Tall(), int8Bytes*b.depth
	}
	q := s.q[:int8Rows*b.depth]
	if vnni || simd {
		raceMatrix(raceRead, a, m, b.k, lda, false)
		raceMatrix(raceWrite, c, m, b.n, ldc, false)
	}
	tiles := (m + tall - 1) / tall
	for i, t := 0, 0; t < tiles; t++ {
		rows := (m - i + tiles - t - 1) / (tiles - t)
		for r := range rows {
			row, x := q[r*stride:][:stride], a[(i+r)*lda:][:b.k]
			switch {
			case vnni:
				int8RowVNNI(&row[0], &x[0], b.k, &s.scale[r], &s.bias[r])
			case simd:
				s.scale[r], s.bias[r] = s.row(row, x)
			default:
				s.scale[r], s.bias[r] = int8RowGo(row, x)
			}
			if !(s.scale[r] <= math.MaxFloat32) {
				s.scale[r] = float32(math.NaN())
			}
		}
		for j := 0; j < b.n; j += int8Cols {
			n := min(int8Cols, b.n-j)
			if !vnni && !simd {
				int8TileGo(rows, n, q, b, j, c[i*ldc+j:], ldc, s)
				continue
			}
			args := int8Args{k: b.depth / 4, rows: rows, n: n,
				a: &q[0], as: stride, b: &b.codes[j*b.depth], c: &c[i*ldc+j], cs: 4 * ldc,
				rowScale: &s.scale[0], bias: &s.bias[0], scale: &b.scale[j]}
			if vnni {
				int8TileVNNI(&args)
			} else {
				s.tile(&args)
			}
		}
		e.apply(c, i, 0, rows, b.n, ldc)
		i += rows
	}
}

// row is int8RowGo by the vector bodies, which want whole groups of 16 elements; q is in
// the layout of the tier.
func (s *int8Scratch) row(q []int8, x []float32) (scale float32, bias int32) {
	whole := len(x) &^ 15
	tail := len(x) > whole
	var bits uint32
	if whole > 0 {
		bits = int8TopSIMD(&x[0], whole)
	}
	if tail {
		clear(s.tail[copy(s.tail[:], x[whole:]):])
		bits = max(bits, int8TopSIMD(&s.tail[0], len(s.tail)))
	}
	top := math.Float32frombits(bits)
	inv := 127 / max(top, leastTop)
	if whole > 0 {
		bias = int8RoundSIMD(&q[0], &x[0], whole, inv)
	}
	if tail {
		bias += int8RoundSIMD(&q[whole*int8Bytes], &s.tail[0], len(s.tail), inv)
	}
	return top / 127, 128 * bias
}

// int8Args are the arguments of the tile bodies: rows rows, at least one and at most those of
// the body, and n = 1..32 columns of C over k groups of four steps. Strides are in bytes.
// A body may move b.
type int8Args struct {
	k, rows, n int
	a          *int8
	as         int
	b          *uint8
	c          *float32
	cs         int
	rowScale   *float32
	bias       *int32
	scale      *float32
}

// int8RowGo rounds a row to q, padded with zeros, and returns its scale and bias.
func int8RowGo(q []int8, x []float32) (scale float32, bias int32) {
	var bits uint32 // magnitudes are ordered as their bits, NaN above all
	for _, v := range x {
		bits = max(bits, math.Float32bits(v)&^(1<<31))
	}
	top := math.Float32frombits(bits)
	clear(q)
	if !(top <= math.MaxFloat32) {
		return top, 0
	}
	inv := 127 / max(top, leastTop)
	for i, v := range x {
		q[i] = int8(math.RoundToEven(float64(v * inv)))
		bias += int32(q[i])
	}
	return top / 127, 128 * bias
}

// int8TileGo is the product of rows rows of q with n columns of b from j on.
func int8TileGo(rows, n int, q []int8, b *PackedInt8, j int, c []float32, ldc int, s *int8Scratch) {
	for r := range rows {
		row := q[r*b.depth:][:b.depth]
		for l := range n {
			var sum int32
			for i, v := range row {
				sum += int32(v) * int32(*b.at(i, j+l))
			}
			c[r*ldc+l] = float32(sum-s.bias[r]) * float32(s.scale[r]*b.scale[j+l])
		}
	}
}
