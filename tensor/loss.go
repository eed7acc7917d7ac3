package tensor

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
)

var (
	opSmoothL1   = Register("tensor.SmoothL1", smoothL1Backward)
	opLaplaceNLL = Register("tensor.LaplaceNLL", laplaceNLLBackward)
)

// checkLoss demands three tensors of the same shape, of which the named two
// take no gradient; the last may be nil.
func checkLoss(op string, x, a, w *Tensor) {
	if x.Shape != a.Shape {
		mismatch(op, x.Shape, a.Shape, "different shapes")
	}
	if w != nil && w.Shape != x.Shape {
		mismatch(op, x.Shape, w.Shape, "the weight must have the same shape")
	}
	if a.Grad != nil || (w != nil && w.Grad != nil) {
		panic(fmt.Sprintf("tensor: %s of %v: target, error and weight take no gradient, use StopGradient", op, x.Shape))
	}
}

// SmoothL1 returns the scalar sum of weight*l(y-target) with l(d) = d²/(2 beta)
// for |d| < beta and |d| - beta/2 beyond (Huber's loss divided by beta). The
// three tensors have one shape; target and weight take no gradient, a nil
// weight is 1 everywhere. An element of weight 0 counts for nothing whatever
// its target, NaN included. The sum runs in float64.
func (t *Tape) SmoothL1(y, target, weight *Tensor, beta float32) *Tensor {
	checkLoss("SmoothL1", y, target, weight)
	if !(beta > 0) {
		panic(fmt.Sprintf("tensor: SmoothL1: beta %v must be positive", beta))
	}
	out := t.Output(Shape{}, y)
	var d []float32 // weight * derivative of l
	if out.Grad != nil {
		d = t.Scratch(len(y.Data))
	}
	sum, inv, half := 0.0, 1/beta, beta/2
	for i, v := range y.Data {
		w := float32(1)
		if weight != nil {
			w = weight.Data[i]
		}
		var l, g float32
		if w != 0 {
			e := v - target.Data[i]
			if a := abs(e); a < beta {
				g = e * inv
				l = e * g / 2
			} else {
				l = a - half
				g = float32(math.Copysign(1, float64(e)))
				if e != e {
					g = e
				}
			}
			sum += float64(w) * float64(l)
		}
		if d != nil {
			d[i] = w * g
		}
	}
	out.Data[0] = float32(sum)
	if n := t.Record(opSmoothL1, out, y); n != nil {
		n.Saved[0] = d
	}
	return out
}

func smoothL1Backward(t *Tape, n *Node) { lossBackward(n) }

// LaplaceNLL returns the scalar sum of weight*(|err|*exp(-logScale)+logScale),
// the negative log likelihood, but for a constant, of errors err under Laplace
// distributions of scale exp(logScale). The three tensors have one shape; only
// logScale takes a gradient, a nil weight is 1 everywhere. An element of
// weight 0 counts for nothing, whatever its error. The sum runs in float64.
func (t *Tape) LaplaceNLL(err, logScale, weight *Tensor) *Tensor {
	checkLoss("LaplaceNLL", logScale, err, weight)
	out := t.Output(Shape{}, logScale)
	var d []float32
	if out.Grad != nil {
		d = t.Scratch(len(err.Data))
	}
	sum := 0.0
	for lo := 0; lo < len(err.Data); lo += tmpLen {
		hi := min(lo+tmpLen, len(err.Data))
		inv := t.tmp[:hi-lo] // exp(-logScale)
		for i, ls := range logScale.Data[lo:hi] {
			inv[i] = -ls
		}
		asm.Exp(inv, inv)
		for k, e := range inv {
			i := lo + k
			w := float32(1)
			if weight != nil {
				w = weight.Data[i]
			}
			var g float32
			if w != 0 {
				r := e * abs(err.Data[i])
				sum += float64(w) * (float64(r) + float64(logScale.Data[i]))
				g = 1 - r
			}
			if d != nil {
				d[i] = w * g
			}
		}
	}
	out.Data[0] = float32(sum)
	if n := t.Record(opLaplaceNLL, out, logScale); n != nil {
		n.Saved[0] = d
	}
	return out
}

func laplaceNLLBackward(t *Tape, n *Node) { lossBackward(n) }

// lossBackward adds the saved element-wise derivative times that of the scalar
// output.
func lossBackward(n *Node) {
	asm.Axpy(n.Out.Grad[0], n.Saved[0], n.In[0].Grad)
}
