package tensor

import (
	"fmt"

	"github.com/lassode/lassode/asm"
)

// NormEps is added to the mean square (RMSNorm) or variance (LayerNorm) before
// the root.
const NormEps = 1e-5

var (
	opSoftmax   = registerOverwriting("tensor.Softmax", softmaxBackward)
	opRMSNorm   = Register("tensor.RMSNorm", rmsNormBackward)
	opLayerNorm = Register("tensor.LayerNorm", layerNormBackward)
	opSumAxis   = Register("tensor.SumAxis", sumAxisBackward)
	opMaxAxis   = Register("tensor.MaxAxis", maxAxisBackward)
	opExpand    = Register("tensor.Expand", expandBackward)
)

// Softmax returns exp(x)/sum(exp(x)) over the last axis.
func (t *Tape) Softmax(x *Tensor) *Tensor {
	y := t.Output(x.Shape, x)
	asm.SoftmaxRows(y.Data, x.Data, x.Shape.Rows(), x.Shape.Last())
	t.Record(opSoftmax, y, x)
	return y
}

func softmaxBackward(t *Tape, n *Node) {
	s := n.Out.Shape
	asm.SoftmaxRowsGrad(n.In[0].Grad, n.Out.Data, n.Out.Grad, s.Rows(), s.Last(), !n.In[0].first())
}

// checkNorm demands vectors of the length of the last axis of x.
func checkNorm(op string, x, v *Tensor) {
	if x.Shape.rank == 0 || v.Shape.rank != 1 || v.Shape.dim[0] != x.Shape.Last() {
		mismatch(op, x.Shape, v.Shape, "gain and bias must have the length of the last axis")
	}
}

// RMSNorm returns gain*x/sqrt(mean(x^2)+NormEps) over the last axis; gain has
// its length.
func (t *Tape) RMSNorm(x, gain *Tensor) *Tensor {
	checkNorm("RMSNorm", x, gain)
	rows, cols := x.Shape.Rows(), x.Shape.Last()
	y := t.Output(x.Shape, x, gain)
	var rstd []float32
	if y.Grad != nil {
		rstd = t.Scratch(rows)
	}
	asm.RMSNormRows(y.Data, x.Data, gain.Data, rstd, rows, cols, NormEps)
	if n := t.Record(opRMSNorm, y, x, gain); n != nil {
		n.Saved[0] = rstd
	}
	return y
}

func rmsNormBackward(t *Tape, n *Node) {
	x, gain := n.In[0], n.In[1]
	asm.RMSNormRowsGrad(x.Grad, gain.Grad, x.Data, gain.Data, n.Saved[0], n.Out.Grad,
		x.Shape.Rows(), x.Shape.Last())
}

// LayerNorm returns gain*(x-mean)/sqrt(variance+NormEps)+bias over the last
// axis; gain and bias have its length.
func (t *Tape) LayerNorm(x, gain, bias *Tensor) *Tensor {
	checkNorm("LayerNorm", x, gain)
	checkNorm("LayerNorm", x, bias)
	rows, cols := x.Shape.Rows(), x.Shape.Last()
	y := t.Output(x.Shape, x, gain, bias)
	var mean, rstd []float32
	if y.Grad != nil {
		mean, rstd = t.Scratch(rows), t.Scratch(rows)
	}
	asm.LayerNormRows(y.Data, x.Data, gain.Data, bias.Data, mean, rstd, rows, cols, NormEps)
	if n := t.Record(opLayerNorm, y, x, gain, bias); n != nil {
		n.Saved[0], n.Saved[1] = mean, rstd
	}
	return y
}

func layerNormBackward(t *Tape, n *Node) {
	x, gain, bias := n.In[0], n.In[1], n.In[2]
	asm.LayerNormRowsGrad(x.Grad, gain.Grad, bias.Grad, x.Data, gain.Data, n.Saved[0], n.Saved[1],
		n.Out.Grad, x.Shape.Rows(), x.Shape.Last())
}

// SumAll returns the sum of all elements, a scalar.
func (t *Tape) SumAll(x *Tensor) *Tensor { return t.sumAxis(x, Shape{}, 1, x.Size(), 1, 1) }

// MeanAll returns the mean of all elements, a scalar.
func (t *Tape) MeanAll(x *Tensor) *Tensor {
	n := nonEmpty("MeanAll", x.Shape, x.Size())
	return t.sumAxis(x, Shape{}, 1, n, 1, 1/float32(n))
}

// SumAxis returns the sums along an axis (negative from the end), which is
// removed.
func (t *Tape) SumAxis(x *Tensor, axis int) *Tensor {
	axis = x.Shape.Axis(axis)
	outer, n, inner := x.Shape.around(axis)
	return t.sumAxis(x, x.Shape.Without(axis), outer, n, inner, 1)
}

// MeanAxis returns the means along an axis (negative from the end), which is
// removed.
func (t *Tape) MeanAxis(x *Tensor, axis int) *Tensor {
	axis = x.Shape.Axis(axis)
	outer, n, inner := x.Shape.around(axis)
	nonEmpty("MeanAxis", x.Shape, n)
	return t.sumAxis(x, x.Shape.Without(axis), outer, n, inner, 1/float32(n))
}

func nonEmpty(op string, s Shape, n int) int {
	if n == 0 {
		panic(fmt.Sprintf("tensor: %s: nothing to reduce in shape %v", op, s))
	}
	return n
}

// sumAxis sums x, seen as [outer, n, inner], over the middle and scales.
func (t *Tape) sumAxis(x *Tensor, shape Shape, outer, n, inner int, scale float32) *Tensor {
	y := t.Output(shape, x)
	if inner == 1 {
		for o := 0; o < outer; o++ {
			y.Data[o] = scale * sum(x.Data[o*n:(o+1)*n])
		}
	} else {
		for o := 0; o < outer; o++ {
			yr := y.Data[o*inner : (o+1)*inner]
			clear(yr)
			for i := 0; i < n; i++ {
				addTo(yr, x.Data[(o*n+i)*inner:(o*n+i+1)*inner])
			}
			if scale != 1 {
				asm.Scale(scale, yr)
			}
		}
	}
	if node := t.Record(opSumAxis, y, x); node != nil {
		node.Ints = [10]int{outer, n, inner}
		node.Floats[0] = scale
	}
	return y
}

func sumAxisBackward(t *Tape, node *Node) {
	dx, dy, scale := node.In[0].Grad, node.Out.Grad, node.Floats[0]
	outer, n, inner := node.Ints[0], node.Ints[1], node.Ints[2]
	if inner == 1 {
		for o := 0; o < outer; o++ {
			d := dx[o*n : (o+1)*n]
			addScalar(d, d, scale*dy[o])
		}
		return
	}
	for o := 0; o < outer; o++ {
		dr := dy[o*inner : (o+1)*inner]
		for i := 0; i < n; i++ {
			asm.Axpy(scale, dr, dx[(o*n+i)*inner:(o*n+i+1)*inner])
		}
	}
}

// MaxAxis returns the largest elements along an axis (negative from the end),
// which is removed. The gradient goes to the first of equal ones; a NaN counts
// as largest.
func (t *Tape) MaxAxis(x *Tensor, axis int) *Tensor {
	axis = x.Shape.Axis(axis)
	outer, n, inner := x.Shape.around(axis)
	nonEmpty("MaxAxis", x.Shape, n)
	y := t.Output(x.Shape.Without(axis), x)
	var arg []int32
	if y.Grad != nil {
		arg = t.Ints(len(y.Data))
	}
	for o := 0; o < outer; o++ {
		for k := 0; k < inner; k++ {
			at := o*n*inner + k
			best, bestAt := x.Data[at], at
			for i := 1; i < n; i++ {
				at += inner
				if v := x.Data[at]; v > best || (v != v && best == best) {
					best, bestAt = v, at
				}
			}
			y.Data[o*inner+k] = best
			if arg != nil {
				arg[o*inner+k] = int32(bestAt)
			}
		}
	}
	if node := t.Record(opMaxAxis, y, x); node != nil {
		node.Index[0] = arg
	}
	return y
}

func maxAxisBackward(t *Tape, n *Node) {
	dx, dy := n.In[0].Grad, n.Out.Grad
	for i, at := range n.Index[0] {
		dx[at] += dy[i]
	}
}

// Expand inserts a new axis of length n before the given one (-1: at the end)
// and repeats x along it.
func (t *Tape) Expand(x *Tensor, axis, n int) *Tensor {
	shape := x.Shape.Insert(axis, n)
	if axis < 0 {
		axis += shape.rank
	}
	outer, _, inner := shape.around(axis)
	y := t.Output(shape, x)
	for o := 0; o < outer; o++ {
		fillRows(y.Data[o*n*inner:(o+1)*n*inner], x.Data[o*inner:(o+1)*inner], n)
	}
	if node := t.Record(opExpand, y, x); node != nil {
		node.Ints = [10]int{outer, n, inner}
	}
	return y
}

func expandBackward(t *Tape, node *Node) {
	dx, dy := node.In[0].Grad, node.Out.Grad
	outer, n, inner := node.Ints[0], node.Ints[1], node.Ints[2]
	if inner == 1 {
		for o := 0; o < outer; o++ {
			dx[o] += sum(dy[o*n : (o+1)*n])
		}
		return
	}
	for o := 0; o < outer; o++ {
		addColumnSums(dx[o*inner:(o+1)*inner], dy[o*n*inner:(o+1)*n*inner], n)
	}
}
