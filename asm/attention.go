package asm

import (
	"fmt"
	"math"
)

// AttentionShape describes attention of Rows queries to Keys keys with Heads heads of
// width Head, for each of Sequences independent sequences. Sizes and distances count
// elements. The heads of a token lie side by side.
//
//	query r of sequence s:             q[s*QNext + r*QStride:]
//	key and value j of sequence s:     k, v[s*KNext + j*KStride:]
//	result of query r of sequence s:   out[s*ONext + r*OStride:]
//
// Gradients lie like what they belong to.
type AttentionShape struct {
	Sequences, Rows, Keys, Heads, Head int
	QStride, KStride, OStride          int
	QNext, KNext, ONext                int
	Scale                              float32 // of the scores, > 0
}

// attnPairSteps is the longest sequence that goes through the kernels for pairs of tokens,
// which vectorise over many short sequences.
const attnPairSteps = 8

const (
	// attnRows bounds the rows of a block, whose weights then stay in the L1 cache.
	attnRows = 64
	// attnCols bounds the columns of a head that are transposed by one assembly call.
	attnCols = 256
	// attnCall bounds the multiply-adds of an assembly call (about 30 microseconds).
	attnCall = 1 << 20
)

// attnPairLanes is about how many scores per key a block of short sequences has.
const attnPairLanes = 128

// round8 rounds up to whole vectors.
func round8(n int) int { return (n + 7) &^ 7 }

// pairs tells which of the two paths a shape takes. Those kernels do a block in one call.
func (s *AttentionShape) pairs() bool {
	return s.Rows == s.Keys && s.Keys <= attnPairSteps && max(attnPairLanes, s.Rows*s.Heads)*s.Keys*s.Head <= attnCall
}

// block is the number of rows of a block, or of sequences in a block of pairs.
func (s *AttentionShape) block() int {
	if s.pairs() {
		return max(1, attnPairLanes/max(1, s.Rows*s.Heads))
	}
	return min(s.Rows, attnRows)
}

// lanes is the number of scores per key of a block of pairs.
func (s *AttentionShape) lanes() int { return round8(s.block() * s.Rows * s.Heads) }

// widened is the shape of a single sequence with heads of whole vectors, dense.
func (s *AttentionShape) widened() AttentionShape {
	w := *s
	w.Sequences, w.Head = 1, round8(s.Head)
	d := s.Heads * w.Head
	w.QStride, w.KStride, w.OStride = d, d, d
	return w
}

// SavedLen is the length of the buffer that [Attention] fills for [AttentionGrad].
func (s *AttentionShape) SavedLen() int {
	if s.Head%8 != 0 {
		w := s.widened()
		return s.Sequences * w.SavedLen()
	}
	if s.pairs() {
		b := s.block()
		return (s.Sequences + b - 1) / b * s.Keys * s.lanes()
	}
	return s.Sequences * s.Heads * s.Rows * (round8(s.Keys) + 1)
}

// WorkLen is the length of the work buffer that [Attention] and [AttentionGrad] need.
func (s *AttentionShape) WorkLen() int {
	if s.Head%8 != 0 {
		w := s.widened()
		return w.WorkLen() + s.Heads*w.Head*4*(s.Rows+s.Keys)
	}
	if s.pairs() {
		return s.lanes() * (s.Keys + 8)
	}
	kp := round8(s.Keys)
	return (s.Head+1)*kp + s.block()*(kp+s.Head+1)
}

// check panics unless the buffers hold what the shape says.
func (s *AttentionShape) check(op string, q, k, v, out, work []float32) {
	if s.Sequences < 0 || s.Rows < 0 || s.Keys < 0 || s.Heads < 1 || s.Head < 1 {
		panic(fmt.Sprintf("asm: %s: shape %+v", op, *s))
	}
	if s.Sequences == 0 || s.Rows == 0 {
		return
	}
	d := s.Heads * s.Head
	span := func(n, stride, next int) int {
		if n == 0 {
			return 0
		}
		return (s.Sequences-1)*next + (n-1)*stride + d
	}
	atLeast(op, "q", len(q), span(s.Rows, s.QStride, s.QNext))
	atLeast(op, "k", len(k), span(s.Keys, s.KStride, s.KNext))
	atLeast(op, "v", len(v), span(s.Keys, s.KStride, s.KNext))
	atLeast(op, "out", len(out), span(s.Rows, s.OStride, s.ONext))
	atLeast(op, "work", len(work), s.WorkLen())
}

// Attention computes scaled dot-product attention (Vaswani et al., arXiv 1706.03762),
// for each sequence and head
//
//	out = softmax(Scale * q k^T) v
//
// over the keys; without keys it is zero. saved is nil or takes SavedLen numbers for
// [AttentionGrad]; work is scratch of WorkLen. Weights err as in [SoftmaxRows],
// products are sums over tokens and over a head in order, with multiply-adds fused
// where the tier can. A sequence never depends on another, and a result not on saved.
// out must not overlap an input.
func Attention(s *AttentionShape, out, q, k, v, saved, work []float32) {
	s.check("Attention", q, k, v, out, work)
	if saved != nil {
		atLeast("Attention", "saved", len(saved), s.SavedLen())
	}
	if useSIMD {
		s.race([][]float32{q}, nil, s.Rows, s.QStride, s.QNext)
		s.race([][]float32{k, v}, nil, s.Keys, s.KStride, s.KNext)
		s.race(nil, [][]float32{out}, s.Rows, s.OStride, s.ONext)
	}
	d := s.Heads * s.Head
	switch {
	case s.Sequences == 0 || s.Rows == 0:
	case s.Keys == 0:
		for i := range s.Sequences {
			for r := range s.Rows {
				clear(out[i*s.ONext+r*s.OStride:][:d])
			}
		}
	case s.Head%8 != 0:
		s.forwardPadded(out, q, k, v, saved, work)
	case s.pairs():
		s.forwardPairs(out, q, k, v, saved, work)
	default:
		s.forwardTiles(out, q, k, v, saved, work)
	}
}

// AttentionGrad is the gradient of [Attention]: given the gradient dout of its result
// it adds those of q, k and v to dq, dk and dv. Each of them may be nil.
// out and saved are what Attention made; work is scratch of WorkLen.
func AttentionGrad(s *AttentionShape, dq, dk, dv, dout, out, q, k, v, saved, work []float32) {
	const op = "AttentionGrad"
	s.check(op, q, k, v, out, work)
	if s.Sequences == 0 || s.Rows == 0 || s.Keys == 0 {
		return
	}
	d := s.Heads * s.Head
	atLeast(op, "saved", len(saved), s.SavedLen())
	atLeast(op, "dout", len(dout), (s.Sequences-1)*s.ONext+(s.Rows-1)*s.OStride+d)
	if dq != nil {
		atLeast(op, "dq", len(dq), (s.Sequences-1)*s.QNext+(s.Rows-1)*s.QStride+d)
	}
	for _, x := range [2][]float32{dk, dv} {
		if x != nil {
			atLeast(op, "dk or dv", len(x), (s.Sequences-1)*s.KNext+(s.Keys-1)*s.KStride+d)
		}
	}
	if useSIMD {
		s.race([][]float32{q}, [][]float32{dq}, s.Rows, s.QStride, s.QNext)
		s.race([][]float32{k, v}, [][]float32{dk, dv}, s.Keys, s.KStride, s.KNext)
		s.race([][]float32{dout, out}, nil, s.Rows, s.OStride, s.ONext)
	}
	switch {
	case s.Head%8 != 0:
		s.backwardPadded(dq, dk, dv, dout, out, q, k, v, saved, work)
	case s.pairs():
		s.backwardPairs(dq, dk, dv, dout, q, k, v, saved, work)
	default:
		s.backwardTiles(dq, dk, dv, dout, out, q, k, v, saved, work)
	}
}

// cut returns the first n elements of *x and removes them.
func cut(x *[]float32, n int) []float32 {
	y := (*x)[:n:n]
	*x = (*x)[n:]
	return y
}

// widen copies heads of width head to heads of width wide, zeros between.
func widen(dst, x []float32, stride, rows, heads, head, wide int) {
	clear(dst)
	for r := range rows {
		for h := range heads {
			copy(dst[(r*heads+h)*wide:], x[r*stride+h*head:][:head])
		}
	}
}

// narrow is the reverse of widen; it adds to dst when acc is true.
func narrow(dst []float32, stride int, x []float32, rows, heads, head, wide int, acc bool) {
	for r := range rows {
		for h := range heads {
			y, z := dst[r*stride+h*head:][:head], x[(r*heads+h)*wide:][:head]
			if !acc {
				copy(y, z)
				continue
			}
			for i, v := range z {
				y[i] += v
			}
		}
	}
}

func (s *AttentionShape) forwardPadded(out, q, k, v, saved, work []float32) {
	w := s.widened()
	d := s.Heads * w.Head
	qw, kw, vw, ow := cut(&work, s.Rows*d), cut(&work, s.Keys*d), cut(&work, s.Keys*d), cut(&work, s.Rows*d)
	for i := range s.Sequences {
		widen(qw, q[i*s.QNext:], s.QStride, s.Rows, s.Heads, s.Head, w.Head)
		widen(kw, k[i*s.KNext:], s.KStride, s.Keys, s.Heads, s.Head, w.Head)
		widen(vw, v[i*s.KNext:], s.KStride, s.Keys, s.Heads, s.Head, w.Head)
		var kept []float32
		if saved != nil {
			kept = cut(&saved, w.SavedLen())
		}
		Attention(&w, ow, qw, kw, vw, kept, work)
		narrow(out[i*s.ONext:], s.OStride, ow, s.Rows, s.Heads, s.Head, w.Head, false)
	}
}

func (s *AttentionShape) backwardPadded(dq, dk, dv, dout, out, q, k, v, saved, work []float32) {
	w := s.widened()
	d := s.Heads * w.Head
	rows, keys := s.Rows*d, s.Keys*d
	qw, dqw, ow, dow := cut(&work, rows), cut(&work, rows), cut(&work, rows), cut(&work, rows)
	kw, dkw, vw, dvw := cut(&work, keys), cut(&work, keys), cut(&work, keys), cut(&work, keys)
	for i := range s.Sequences {
		widen(qw, q[i*s.QNext:], s.QStride, s.Rows, s.Heads, s.Head, w.Head)
		widen(kw, k[i*s.KNext:], s.KStride, s.Keys, s.Heads, s.Head, w.Head)
		widen(vw, v[i*s.KNext:], s.KStride, s.Keys, s.Heads, s.Head, w.Head)
		widen(ow, out[i*s.ONext:], s.OStride, s.Rows, s.Heads, s.Head, w.Head)
		widen(dow, dout[i*s.ONext:], s.OStride, s.Rows, s.Heads, s.Head, w.Head)
		clear(dqw)
		clear(dkw)
		clear(dvw)
		AttentionGrad(&w, dqw, dkw, dvw, dow, ow, qw, kw, vw, cut(&saved, w.SavedLen()), work)
		if dq != nil {
			narrow(dq[i*s.QNext:], s.QStride, dqw, s.Rows, s.Heads, s.Head, w.Head, true)
		}
		if dk != nil {
			narrow(dk[i*s.KNext:], s.KStride, dkw, s.Keys, s.Heads, s.Head, w.Head, true)
		}
		if dv != nil {
			narrow(dv[i*s.KNext:], s.KStride, dvw, s.Keys, s.Heads, s.Head, w.Head, true)
		}
	}
}

// attnUnit is the factor of products without one.
var attnUnit = []float32{1}

// forwardTiles handles one head of one sequence at a time, by blocks of queries: the
// scores against the transposed keys, their exponentials in place, the product with
// the values. The exponentials stay as they are; the sums divide the result.
func (s *AttentionShape) forwardTiles(out, q, k, v, saved, work []float32) {
	kp, block := round8(s.Keys), s.block()
	keysT, keep, scores, sums := cut(&work, s.Head*kp), cut(&work, kp), cut(&work, block*kp), cut(&work, block)
	clear(keep)
	for j := range s.Keys {
		keep[j] = math.Float32frombits(math.MaxUint32)
	}
	for i := range s.Sequences {
		for h := range s.Heads {
			kh, vh := k[i*s.KNext+h*s.Head:], v[i*s.KNext+h*s.Head:]
			attnTranspose(keysT, kh, s.KStride, s.Keys, s.Head, s.Scale)
			var e, inv []float32
			if saved != nil {
				e, inv = cut(&saved, s.Rows*kp), cut(&saved, s.Rows)
			}
			for r := 0; r < s.Rows; r += block {
				n := min(block, s.Rows-r)
				eb, ib := scores, sums
				if saved != nil {
					eb, ib = e[r*kp:], inv[r:]
				}
				attnMul(eb, kp, q[i*s.QNext+r*s.QStride+h*s.Head:], s.QStride, 1, keysT, kp, n, kp, s.Head, attnUnit, 0, false)
				attnExp(eb, ib, keep, n, kp)
				attnMul(out[i*s.ONext+r*s.OStride+h*s.Head:], s.OStride, eb, kp, 1, vh, s.KStride, n, s.Head, s.Keys, ib, 1, false)
			}
		}
	}
}

// backwardTiles: with the saved exponentials e of a query and the inverse c of their
// sum, g = c*dout and delta = g.out, the gradient of the scores is e*(g v^T - delta).
func (s *AttentionShape) backwardTiles(dq, dk, dv, dout, out, q, k, v, saved, work []float32) {
	kp, block := round8(s.Keys), s.block()
	valuesT, ds, g, delta := cut(&work, s.Head*kp), cut(&work, block*kp), cut(&work, block*s.Head), cut(&work, block)
	scale := [1]float32{s.Scale}
	for i := range s.Sequences {
		for h := range s.Heads {
			e, inv := cut(&saved, s.Rows*kp), cut(&saved, s.Rows)
			key := i*s.KNext + h*s.Head
			attnTranspose(valuesT, v[key:], s.KStride, s.Keys, s.Head, 1)
			for r := 0; r < s.Rows; r += block {
				n := min(block, s.Rows-r)
				row, query := i*s.ONext+r*s.OStride+h*s.Head, i*s.QNext+r*s.QStride+h*s.Head
				eb := e[r*kp:]
				attnScaleRows(g, delta, dout[row:], out[row:], s.OStride, inv[r:], n, s.Head)
				attnMul(ds, kp, g, s.Head, 1, valuesT, kp, n, kp, s.Head, attnUnit, 0, false)
				attnGradRows(ds, eb, delta, n, kp)
				if dv != nil {
					attnMul(dv[key:], s.KStride, eb, 1, kp, g, s.Head, s.Keys, s.Head, n, attnUnit, 0, true)
				}
				if dq != nil {
					attnMul(dq[query:], s.QStride, ds, kp, 1, k[key:], s.KStride, n, s.Head, s.Keys, scale[:], 0, true)
				}
				if dk != nil {
					attnMul(dk[key:], s.KStride, ds, 1, kp, q[query:], s.QStride, s.Keys, s.Head, n, scale[:], 0, true)
				}
			}
		}
	}
}

// forwardPairs handles blocks of short sequences. The weights of a block lie key by
// key; within a key by sequence, query and head, so that softmax runs across vectors.
func (s *AttentionShape) forwardPairs(out, q, k, v, saved, work []float32) {
	lanes, block := s.lanes(), s.block()
	p, part := cut(&work, s.Keys*lanes), cut(&work, 8*lanes)
	for i := 0; i < s.Sequences; i += block {
		if saved != nil {
			p = cut(&saved, s.Keys*lanes)
		}
		n := min(block, s.Sequences-i)
		attnPairDots(p, part, q[i*s.QNext:], k[i*s.KNext:], n, s.Rows, s.Heads, s.Head, lanes, s.QStride, s.QNext, s.KStride, s.KNext, s.Scale)
		attnPairSoftmax(p, s.Keys, lanes, round8(n*s.Rows*s.Heads))
		attnPairMix(out[i*s.ONext:], p, v[i*s.KNext:], n, s.Rows, s.Heads, s.Head, s.Heads, lanes, s.OStride, s.ONext, s.KStride, s.KNext, 1, false)
	}
}

func (s *AttentionShape) backwardPairs(dq, dk, dv, dout, q, k, v, saved, work []float32) {
	lanes, block := s.lanes(), s.block()
	ds, part := cut(&work, s.Keys*lanes), cut(&work, 8*lanes)
	for i := 0; i < s.Sequences; i += block {
		p := cut(&saved, s.Keys*lanes)
		n := min(block, s.Sequences-i)
		qi, ki, oi := i*s.QNext, i*s.KNext, i*s.ONext
		if dv != nil {
			attnPairMix(dv[ki:], p, dout[oi:], n, s.Rows, s.Heads, s.Head, lanes, s.Heads, s.KStride, s.KNext, s.OStride, s.ONext, 1, true)
		}
		if dq == nil && dk == nil {
			continue
		}
		attnPairDots(ds, part, dout[oi:], v[ki:], n, s.Rows, s.Heads, s.Head, lanes, s.OStride, s.ONext, s.KStride, s.KNext, 1)
		attnPairGrad(ds, p, s.Keys, lanes, round8(n*s.Rows*s.Heads))
		if dq != nil {
			attnPairMix(dq[qi:], ds, k[ki:], n, s.Rows, s.Heads, s.Head, s.Heads, lanes, s.QStride, s.QNext, s.KStride, s.KNext, s.Scale, true)
		}
		if dk != nil {
			attnPairMix(dk[ki:], ds, q[qi:], n, s.Rows, s.Heads, s.Head, lanes, s.Heads, s.KStride, s.KNext, s.QStride, s.QNext, s.Scale, true)
		}
	}
}

// The kernels. Widths n and heads are whole vectors of 8.

// attnTranspose writes scale*x^T to dst, cols rows of round8(rows) elements, for x of
// rows rows. The excess repeats the last row of x.
func attnTranspose(dst, x []float32, ldx, rows, cols int, scale float32) {
	if !useSIMD {
		attnTransposeGo(dst, x, ldx, rows, cols, scale)
		return
	}
	np := round8(rows)
	for r := 0; r < rows; r += attnRows {
		for c := 0; c < cols; c += attnCols {
			attnTransposeSIMD(&dst[c*np+r], &x[r*ldx+c], ldx, min(attnRows, rows-r), min(attnCols, cols-c), np, scale)
		}
	}
}

func attnTransposeGo(dst, x []float32, ldx, rows, cols int, scale float32) {
	np := round8(rows)
	for r := range np {
		for c, v := range x[min(r, rows-1)*ldx:][:cols] {
			dst[c*np+r] = v * scale
		}
	}
}

// attnMul computes c = f*(a b), or adds that to c, for rows rows of n columns and a
// sum over k >= 1, with a[r, l] at a[r*ar+l*al], b[l, :] at b[l*ldb], and the factor
// f[r*fr] of row r.
func attnMul(c []float32, ldc int, a []float32, ar, al int, b []float32, ldb, rows, n, k int, f []float32, fr int, acc bool) {
	if !useSIMD || k > attnCall/64 {
		attnMulGo(c, ldc, a, ar, al, b, ldb, rows, n, k, f, fr, acc)
		return
	}
	// The last elements: the kernels trust what this loop checks.
	_, _, _, _ = c[(rows-1)*ldc+n-1], a[(rows-1)*ar+(k-1)*al], b[(k-1)*ldb+n-1], f[(rows-1)*fr]
	var add uint32
	if acc {
		add = 1
	}
	step, width := attnPiece(rows, n, k)
	for j := 0; j < n; j += width {
		w := min(width, n-j)
		for r := 0; r < rows; r += step {
			m := min(step, rows-r)
			if useAVX512 {
				attnMulAVX512(&c[r*ldc+j], &a[r*ar], &b[j], &f[r*fr], ldc, ar, al, ldb, fr, m, w, k, add)
			} else {
				attnMulSIMD(&c[r*ldc+j], &a[r*ar], &b[j], &f[r*fr], ldc, ar, al, ldb, fr, m, w, k, add)
			}
		}
	}
}

// attnPiece returns how many rows and columns of attnMul go into one call, whole vectors
// of both. Fewer than 8 rows count as 8: they cost as much by the memory that they read.
func attnPiece(rows, n, k int) (step, width int) {
	step, width = rows, n
	if max(rows, 8)*n*k > attnCall {
		step = max(8, attnCall/(n*k)&^7)
		width = min(n, max(8, attnCall/(step*k)&^7))
	}
	return step, width
}

func attnMulGo(c []float32, ldc int, a []float32, ar, al int, b []float32, ldb, rows, n, k int, f []float32, fr int, acc bool) {
	for r := range rows {
		for j := 0; j < n; j += 8 {
			var sum [8]float32
			for l := range k {
				x := a[r*ar+l*al]
				for t, y := range b[l*ldb+j:][:8] {
					sum[t] += x * y
				}
			}
			y := c[r*ldc+j:][:8]
			for t := range y {
				if acc {
					y[t] += f[r*fr] * sum[t]
				} else {
					y[t] = f[r*fr] * sum[t]
				}
			}
		}
	}
}

// attnExp replaces rows of scores e by their exponentials relative to the greatest of
// the row, zero in the lanes without key behind the last, and writes the inverse of their sums to inv, 0
// for rows without any.
func attnExp(e, inv, keep []float32, rows, n int) {
	if !useSIMD || n > maxCall {
		attnExpGo(e, inv, keep, rows, n)
		return
	}
	_, _, _ = e[rows*n-1], inv[rows-1], keep[n-1]
	step := rowsPerCall(rows, n, 1)
	for r := 0; r < rows; r += step {
		if useAVX512 {
			attnExpAVX512(&e[r*n], &inv[r], &keep[0], min(step, rows-r), n)
		} else {
			attnExpSIMD(&e[r*n], &inv[r], &keep[0], min(step, rows-r), n)
		}
	}
}

func attnExpGo(e, inv, keep []float32, rows, n int) {
	inf := float32(math.Inf(-1))
	for r := range rows {
		row := e[r*n:][:n]
		top := inf
		for j, x := range row {
			if math.Float32bits(keep[j]) != 0 && x > top {
				top = x
			}
		}
		if top == inf {
			top = 0 // exponentials of -Inf are then zeros
		}
		var sum float64
		for j, x := range row {
			row[j] = 0
			if math.Float32bits(keep[j]) != 0 {
				row[j] = float32(exp64(float64(x - top)))
				sum += float64(row[j])
			}
		}
		inv[r] = 0
		if sum != 0 {
			inv[r] = float32(1 / sum)
		}
	}
}

// attnScaleRows computes g = f*dy with the factor of each row, dense, and delta = g.y.
func attnScaleRows(g, delta, dy, y []float32, ld int, f []float32, rows, n int) {
	if !useSIMD || n > maxCall {
		attnScaleRowsGo(g, delta, dy, y, ld, f, rows, n)
		return
	}
	_, _, _ = dy[(rows-1)*ld+n-1], y[(rows-1)*ld+n-1], f[rows-1]
	step := rowsPerCall(rows, n, 1)
	for r := 0; r < rows; r += step {
		attnScaleRowsSIMD(&g[r*n], &delta[r], &dy[r*ld], &y[r*ld], &f[r], ld, min(step, rows-r), n)
	}
}

func attnScaleRowsGo(g, delta, dy, y []float32, ld int, f []float32, rows, n int) {
	for r := range rows {
		var sum [8]float32
		for j, v := range dy[r*ld:][:n] {
			v *= f[r]
			g[r*n+j] = v
			sum[j&7] += float32(v * y[r*ld+j])
		}
		delta[r] = attnFold8(&sum)
	}
}

// attnFold8 adds the lanes of a vector in the order of the kernels.
func attnFold8(x *[8]float32) float32 {
	return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]))
}

// attnGradRows computes d = e*(d - delta) with delta of each row.
func attnGradRows(d, e, delta []float32, rows, n int) {
	if !useSIMD || n > maxCall {
		attnGradRowsGo(d, e, delta, rows, n)
		return
	}
	_, _, _ = d[rows*n-1], e[rows*n-1], delta[rows-1]
	step := rowsPerCall(rows, n, 1)
	for r := 0; r < rows; r += step {
		attnGradRowsSIMD(&d[r*n], &e[r*n], &delta[r], min(step, rows-r), n)
	}
}

func attnGradRowsGo(d, e, delta []float32, rows, n int) {
	for r := range rows {
		for j, x := range e[r*n:][:n] {
			d[r*n+j] = x * (d[r*n+j] - delta[r])
		}
	}
}

// attnPairDots computes for n sequences s[j, (w, i, h)] = scale * a_i . b_j over head h,
// with rows of lanes elements in s. Token i of sequence w is at w*next + i*stride. part
// is scratch of 8*lanes.
func attnPairDots(s, part, a, b []float32, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext int, scale float32) {
	if !useSIMD {
		attnPairDotsGo(s, a, b, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext, scale)
		return
	}
	_, _ = s[(steps-1)*lanes+round8(n*steps*heads)-1], part[8*round8(n*steps*heads)-1]
	attnPairDotsSIMD(&s[0], &part[0], &a[0], &b[0], n, steps, heads, head, lanes, aStride, aNext, bStride, bNext, scale)
}

func attnPairDotsGo(s, a, b []float32, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext int, scale float32) {
	for j := range steps {
		for w := range n {
			for i := range steps {
				for h := range heads {
					var sum [8]float32
					y := b[w*bNext+j*bStride+h*head:][:head]
					for c, v := range a[w*aNext+i*aStride+h*head:][:head] {
						sum[c&7] += v * y[c]
					}
					s[j*lanes+(w*steps+i)*heads+h] = scale * (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7])))
				}
			}
		}
	}
}

// attnPairSoftmax is softmax over the keys, in place, in the first n lanes.
func attnPairSoftmax(p []float32, keys, lanes, n int) {
	if !useSIMD {
		attnPairSoftmaxGo(p, keys, lanes, n)
		return
	}
	_ = p[(keys-1)*lanes+n-1]
	attnPairSoftmaxSIMD(&p[0], keys, lanes, n)
}

func attnPairSoftmaxGo(p []float32, keys, lanes, n int) {
	inf := float32(math.Inf(-1))
	for l := range n {
		top := inf
		for j := range keys {
			if v := p[j*lanes+l]; v > top {
				top = v
			}
		}
		if top == inf {
			top = 0
		}
		var sum float32
		for j := range keys {
			e := float32(exp64(float64(p[j*lanes+l] - top)))
			p[j*lanes+l] = e
			sum += e
		}
		inv := float32(0)
		if sum != 0 {
			inv = 1 / sum
		}
		for j := range keys {
			p[j*lanes+l] *= inv
		}
	}
}

// attnPairGrad computes d = p*(d - delta), delta the sum of p*d over the keys.
func attnPairGrad(d, p []float32, keys, lanes, n int) {
	if !useSIMD {
		attnPairGradGo(d, p, keys, lanes, n)
		return
	}
	_, _ = d[(keys-1)*lanes+n-1], p[(keys-1)*lanes+n-1]
	attnPairGradSIMD(&d[0], &p[0], keys, lanes, n)
}

func attnPairGradGo(d, p []float32, keys, lanes, n int) {
	for l := range n {
		var delta float32
		for j := l; j < keys*lanes; j += lanes {
			delta += float32(p[j] * d[j])
		}
		for j := l; j < keys*lanes; j += lanes {
			d[j] = p[j] * (d[j] - delta)
		}
	}
}

// attnPairMix computes for n sequences and each head y_a = alpha * sum_b w_ab x_b, or adds
// that to y; the weight of sequence t and head h is w[t*steps*heads + a*wa + b*wb + h].
func attnPairMix(y, w, x []float32, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext int, alpha float32, acc bool) {
	if !useSIMD {
		attnPairMixGo(y, w, x, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext, alpha, acc)
		return
	}
	last := heads*head - 1
	_, _ = y[(n-1)*yNext+(steps-1)*yStride+last], x[(n-1)*xNext+(steps-1)*xStride+last]
	var add uint32
	if acc {
		add = math.MaxUint32
	}
	attnPairMixSIMD(&y[0], &w[0], &x[0], n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext, alpha, add)
}

func attnPairMixGo(y, w, x []float32, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext int, alpha float32, acc bool) {
	for t := range n {
		for a := range steps {
			for h := range heads {
				for c := range head {
					var sum float32
					for b := range steps {
						sum += w[t*steps*heads+a*wa+b*wb+h] * x[t*xNext+b*xStride+h*head+c]
					}
					z := &y[t*yNext+a*yStride+h*head+c]
					if acc {
						*z += alpha * sum
					} else {
						*z = alpha * sum
					}
				}
			}
		}
	}
}
