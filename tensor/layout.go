package tensor

import (
	"fmt"
)

var (
	opConcat    = Register("tensor.Concat", concatBackward)
	opSlice     = Register("tensor.Slice", sliceBackward)
	opTranspose = Register("tensor.Transpose", transposeBackward)
	opGather    = Register("tensor.GatherRows", gatherBackward)
)

// view returns a tensor that shares a range of x.
func (t *Tape) view(x *Tensor, shape Shape, lo, hi int) *Tensor {
	y := t.tensors.next()
	y.Shape = shape
	y.Data = x.Data[lo:hi:hi]
	if x.Grad != nil {
		y.Grad = x.Grad[lo:hi:hi]
	}
	y.base = x
	if x.base != nil {
		y.base = x.base
	}
	return y
}

// Reshape returns x with another shape of the same size, sharing Data and
// Grad. One length may be -1: it is computed from the others.
func (t *Tape) Reshape(x *Tensor, shape ...int) *Tensor {
	var dims [MaxRank]int
	n := copy(dims[:], shape)
	if n < len(shape) {
		panic("tensor: Reshape: too many axes")
	}
	at, known := -1, 1
	for i, d := range dims[:n] {
		if d == -1 && at < 0 {
			at = i
		} else {
			known *= d
		}
	}
	if at >= 0 {
		if known <= 0 || x.Size()%known != 0 {
			panic(fmt.Sprintf("tensor: Reshape: %v has no whole number of parts of %d", x.Shape, known))
		}
		dims[at] = x.Size() / known
	}
	s := MakeShape(dims[:n]...)
	if s.Size() != x.Size() {
		mismatch("Reshape", x.Shape, s, "different sizes")
	}
	return t.view(x, s, 0, x.Size())
}

// StopGradient returns a view of x without gradient: what is computed from it
// does not reach x on the way back.
func (t *Tape) StopGradient(x *Tensor) *Tensor {
	y := t.view(x, x.Shape, 0, x.Size())
	y.Grad = nil
	return y
}

// Concat joins tensors along an axis (negative from the end); all other axes
// must be equal. A single tensor is returned as it is.
func (t *Tape) Concat(axis int, xs ...*Tensor) *Tensor {
	if len(xs) == 0 {
		panic("tensor: Concat: no tensors")
	}
	if len(xs) == 1 {
		return xs[0]
	}
	first := xs[0].Shape
	axis = first.Axis(axis)
	total := 0
	for _, x := range xs {
		if x.Shape.rank != first.rank || x.Shape.With(axis, first.dim[axis]) != first {
			mismatch("Concat", first, x.Shape, fmt.Sprintf("axes other than %d must be equal", axis))
		}
		total += x.Shape.dim[axis]
	}
	y := t.Output(first.With(axis, total), xs...)
	outer, _, inner := first.around(axis)
	stride, off := total*inner, 0
	for _, x := range xs {
		w := x.Shape.dim[axis] * inner
		copyBlocks(y.Data[off:], stride, x.Data, w, w, outer)
		off += w
	}
	if n := t.Record(opConcat, y, xs...); n != nil {
		n.Ints = [10]int{axis, len(xs)}
	}
	return y
}

func concatBackward(t *Tape, n *Node) {
	axis, count := n.Ints[0], n.Ints[1]
	outer, total, inner := n.Out.Shape.around(axis)
	stride, off := total*inner, 0
	for i := 0; i < count; i++ {
		var x *Tensor
		if i < len(n.In) {
			x = n.In[i]
		} else {
			x = n.More[i-len(n.In)]
		}
		w := x.Shape.dim[axis] * inner
		if x.Grad != nil {
			addBlocks(x.Grad, w, n.Out.Grad[off:], stride, w, outer)
		}
		off += w
	}
}

// copyBlocks copies rows blocks of n elements between strided arrays.
func copyBlocks(dst []float32, dstStride int, src []float32, srcStride, n, rows int) {
	if n == 1 {
		for r := 0; r < rows; r++ {
			dst[r*dstStride] = src[r*srcStride]
		}
		return
	}
	for r := 0; r < rows; r++ {
		copy(dst[r*dstStride:r*dstStride+n], src[r*srcStride:r*srcStride+n])
	}
}

// addBlocks adds rows blocks of n elements between strided arrays.
func addBlocks(dst []float32, dstStride int, src []float32, srcStride, n, rows int) {
	for r := 0; r < rows; r++ {
		addTo(dst[r*dstStride:r*dstStride+n], src[r*srcStride:r*srcStride+n])
	}
}

// Slice returns the part lo <= i < hi of an axis (negative from the end). When
// all axes before it have length 1 the result shares Data and Grad with x,
// otherwise it is a copy.
func (t *Tape) Slice(x *Tensor, axis, lo, hi int) *Tensor {
	axis = x.Shape.Axis(axis)
	outer, n, inner := x.Shape.around(axis)
	if lo < 0 || hi < lo || hi > n {
		panic(fmt.Sprintf("tensor: Slice: [%d:%d] of axis %d of %v", lo, hi, axis, x.Shape))
	}
	shape := x.Shape.With(axis, hi-lo)
	if outer == 1 {
		return t.view(x, shape, lo*inner, hi*inner)
	}
	y := t.Output(shape, x)
	if w := (hi - lo) * inner; w > 0 {
		copyBlocks(y.Data, w, x.Data[lo*inner:], n*inner, w, outer)
	}
	if node := t.Record(opSlice, y, x); node != nil {
		node.Ints = [10]int{outer, n * inner, lo * inner, (hi - lo) * inner}
	}
	return y
}

func sliceBackward(t *Tape, node *Node) {
	outer, stride, off, w := node.Ints[0], node.Ints[1], node.Ints[2], node.Ints[3]
	if w > 0 {
		addBlocks(node.In[0].Grad[off:], stride, node.Out.Grad, w, w, outer)
	}
}

// Transpose returns a copy of x with axes i and j (negative from the end)
// exchanged.
func (t *Tape) Transpose(x *Tensor, i, j int) *Tensor {
	i, j = x.Shape.Axis(i), x.Shape.Axis(j)
	if i > j {
		i, j = j, i
	}
	if i == j {
		return x
	}
	s := x.Shape
	y := t.Output(s.With(i, s.dim[j]).With(j, s.dim[i]), x)
	// x is seen as [a, ni, b, nj, c].
	a, b, c := 1, 1, 1
	for k := 0; k < i; k++ {
		a *= s.dim[k]
	}
	for k := i + 1; k < j; k++ {
		b *= s.dim[k]
	}
	for k := j + 1; k < s.rank; k++ {
		c *= s.dim[k]
	}
	permute(y.Data, x.Data, a, s.dim[i], b, s.dim[j], c, false)
	if n := t.Record(opTranspose, y, x); n != nil {
		n.Ints = [10]int{a, s.dim[i], b, s.dim[j], c}
	}
	return y
}

func transposeBackward(t *Tape, n *Node) {
	permute(n.In[0].Grad, n.Out.Grad, n.Ints[0], n.Ints[3], n.Ints[2], n.Ints[1], n.Ints[4], true)
}

// permute writes src [a, p, b, q, c] to dst [a, q, b, p, c], adding when acc.
func permute(dst, src []float32, a, p, b, q, c int, acc bool) {
	if c == 0 {
		return
	}
	for ia := 0; ia < a; ia++ {
		base := ia * p * b * q * c
		for ib := 0; ib < b; ib++ {
			if c == 1 {
				permutePlane(dst[base:], src[base:], p, b, q, ib, acc)
				continue
			}
			for ip := 0; ip < p; ip++ {
				for iq := 0; iq < q; iq++ {
					s := base + ((ip*b+ib)*q+iq)*c
					d := base + ((iq*b+ib)*p+ip)*c
					if acc {
						addTo(dst[d:d+c], src[s:s+c])
					} else {
						copy(dst[d:d+c], src[s:s+c])
					}
				}
			}
		}
	}
}

// permutePlane is permute of one (a, b) plane of single elements. Tiles go
// through a small buffer, so that both sides are read and written in whole
// cache lines: with rows a power of two apart, the lines of a strided walk
// would evict each other.
func permutePlane(dst, src []float32, p, b, q, ib int, acc bool) {
	const tile = 16
	var buf [tile * tile]float32
	for p0 := 0; p0 < p; p0 += tile {
		pn := min(tile, p-p0)
		for q0 := 0; q0 < q; q0 += tile {
			qn := min(tile, q-q0)
			for ip := 0; ip < pn; ip++ {
				at := ((p0+ip)*b+ib)*q + q0
				col := buf[ip:]
				for k, v := range src[at : at+qn] {
					col[k*tile] = v
				}
			}
			for iq := 0; iq < qn; iq++ {
				at := ((q0+iq)*b+ib)*p + p0
				d, row := dst[at:at+pn], buf[iq*tile:iq*tile+pn]
				if acc {
					for k, v := range row {
						d[k] += v
					}
				} else {
					copy(d, row)
				}
			}
		}
	}
}

// GatherRows returns the rows idx[0], idx[1], ... of x [rows, ...], where a row
// is everything behind the first axis; a negative index gives a row of zeros.
// Result [len(idx), ...]. idx is copied when the tape records.
func (t *Tape) GatherRows(x *Tensor, idx []int32) *Tensor {
	if x.Shape.rank == 0 {
		panic("tensor: GatherRows of a scalar")
	}
	_, rows, d := x.Shape.around(0)
	y := t.Output(x.Shape.With(0, len(idx)), x)
	for i, r := range idx {
		if int(r) >= rows {
			panic(fmt.Sprintf("tensor: GatherRows: index %d at %d, rows of %v", r, i, x.Shape))
		}
		if r < 0 {
			clear(y.Data[i*d : (i+1)*d])
		} else {
			copy(y.Data[i*d:(i+1)*d], x.Data[int(r)*d:(int(r)+1)*d])
		}
	}
	if n := t.Record(opGather, y, x); n != nil {
		n.Index[0] = t.ints.take(len(idx))
		copy(n.Index[0], idx)
		n.Ints[0] = d
	}
	return y
}

func gatherBackward(t *Tape, n *Node) {
	dx, dy, d := n.In[0].Grad, n.Out.Grad, n.Ints[0]
	for i, r := range n.Index[0] {
		if r >= 0 {
			addTo(dx[int(r)*d:(int(r)+1)*d], dy[i*d:(i+1)*d])
		}
	}
}
