package tensor

import (
	"fmt"

	"github.com/lassode/lassode/asm"
)

// Activation is the function that Linear applies to its result.
type Activation int

// The activations of Linear.
const (
	None    Activation = iota // identity
	Gelu                      // Gaussian error linear unit, tanh form
	Tanh                      // hyperbolic tangent
	Sigmoid                   // logistic function
)

var opLinear = Register("tensor.Linear", linearBackward)

// Linear returns act(x·w + b) on the last axis: x [..., in], w [in, out],
// b [out] or nil, result [..., out]. It is one matrix product over all leading
// rows of x.
func (t *Tape) Linear(x, w, b *Tensor, act Activation) *Tensor {
	k := x.Shape.Last()
	if w.Shape.rank != 2 || x.Shape.rank == 0 || w.Shape.dim[0] != k {
		mismatch("Linear", x.Shape, w.Shape, "the last axis of x must be the first of a rank 2 weight")
	}
	n := w.Shape.dim[1]
	if b != nil && (b.Shape.rank != 1 || b.Shape.dim[0] != n) {
		mismatch("Linear", w.Shape, b.Shape, "the bias must have the length of the last axis of the weight")
	}
	m := x.Shape.Rows()
	y := t.Output(x.Shape.With(-1, n), x, w, b)
	pre := y.Data
	if act == Gelu && y.Grad != nil {
		pre = t.Scratch(len(y.Data))
	}
	if b != nil {
		fillRows(pre, b.Data, m)
	}
	asm.Gemm(false, false, m, n, k, x.Data, k, w.Data, n, pre, n, b != nil)
	switch act {
	case None:
	case Gelu:
		asm.Gelu(y.Data, pre)
	case Tanh:
		asm.Tanh(y.Data, pre)
	case Sigmoid:
		asm.Sigmoid(y.Data, pre)
	default:
		panic(fmt.Sprintf("tensor: Linear: activation %d", act))
	}
	if node := t.Record(opLinear, y, x, w, b); node != nil {
		node.Ints[0] = int(act)
		if act == Gelu {
			node.Saved[0] = pre
		}
	}
	return y
}

func linearBackward(t *Tape, node *Node) {
	y, x, w, b := node.Out, node.In[0], node.In[1], node.In[2]
	k, n := w.Shape.dim[0], w.Shape.dim[1]
	m := x.Shape.Rows()
	dy := y.Grad
	switch Activation(node.Ints[0]) {
	case Gelu:
		d := t.Scratch(len(dy))
		asm.GeluGrad(d, node.Saved[0], dy, false)
		dy = d
	case Tanh:
		d := t.Scratch(len(dy))
		tanhGrad(d, y.Data, dy)
		dy = d
	case Sigmoid:
		d := t.Scratch(len(dy))
		sigmoidGrad(d, y.Data, dy)
		dy = d
	}
	if b != nil && b.Grad != nil {
		addColumnSums(b.Grad, dy, m)
	}
	if x.Grad != nil {
		asm.Gemm(false, true, m, k, n, dy, n, w.Data, n, x.Grad, k, true)
	}
	if w.Grad != nil {
		asm.Gemm(true, false, k, n, m, x.Data, k, dy, n, w.Grad, n, true)
	}
}

// fillRows copies row into each of the rows of dst.
func fillRows(dst, row []float32, rows int) {
	n := len(row)
	if n == 0 || rows == 0 {
		return
	}
	// Doubling copies keep the number of calls logarithmic for short rows.
	done := copy(dst, row)
	for done < rows*n {
		done += copy(dst[done:rows*n], dst[:done])
	}
}

// addColumnSums adds each of the rows of x to dst, in order.
func addColumnSums(dst, x []float32, rows int) {
	n := len(dst)
	if n < shortRow {
		for r := 0; r < rows; r++ {
			row := x[r*n : r*n+n]
			for i, v := range row {
				dst[i] += v
			}
		}
		return
	}
	for r := 0; r < rows; r++ {
		asm.AddTo(dst, x[r*n:r*n+n])
	}
}

// tanhGrad sets dst = dy*(1-y*y); dst may not overlap the others.
func tanhGrad(dst, y, dy []float32) {
	for lo := 0; lo < len(dst); lo += tmpLen {
		hi := min(lo+tmpLen, len(dst))
		d, y, dy := dst[lo:hi], y[lo:hi], dy[lo:hi]
		asm.Mul(d, y, y)
		asm.Mul(d, d, dy)
		asm.Sub(d, dy, d)
	}
}

// sigmoidGrad sets dst = dy*y*(1-y); dst may not overlap the others.
func sigmoidGrad(dst, y, dy []float32) {
	for lo := 0; lo < len(dst); lo += tmpLen {
		hi := min(lo+tmpLen, len(dst))
		d, y, dy := dst[lo:hi], y[lo:hi], dy[lo:hi]
		asm.Mul(d, y, y)
		asm.Sub(d, y, d)
		asm.Mul(d, d, dy)
	}
}

var opMatMul = Register("tensor.MatMul", matMulBackward)

// MatMul returns op(a)·op(b) on the last two axes, batched over the leading
// ones, where op transposes when the flag is set: op(a) [..., m, k],
// op(b) [..., k, n], result [..., m, n]. The leading axes of both must be
// equal, or b has rank 2 and is shared by the whole batch.
func (t *Tape) MatMul(a, b *Tensor, transA, transB bool) *Tensor {
	ra, rb := a.Shape.rank, b.Shape.rank
	if ra < 2 || rb < 2 {
		mismatch("MatMul", a.Shape, b.Shape, "both need rank 2 or more")
	}
	m, k := a.Shape.dim[ra-2], a.Shape.dim[ra-1]
	if transA {
		m, k = k, m
	}
	kb, n := b.Shape.dim[rb-2], b.Shape.dim[rb-1]
	if transB {
		kb, n = n, kb
	}
	if k != kb {
		mismatch("MatMul", a.Shape, b.Shape, fmt.Sprintf("inner %d != %d", k, kb))
	}
	shared := rb == 2
	if !shared {
		if ra != rb {
			mismatch("MatMul", a.Shape, b.Shape, "different rank")
		}
		for i := 0; i < ra-2; i++ {
			if a.Shape.dim[i] != b.Shape.dim[i] {
				mismatch("MatMul", a.Shape, b.Shape, "different batch axes")
			}
		}
	}
	y := t.Output(a.Shape.With(-2, m).With(-1, n), a, b)
	batch := 1
	for i := 0; i < ra-2; i++ {
		batch *= a.Shape.dim[i]
	}
	if shared && !transA {
		m, batch = m*batch, 1 // one product over all rows
	}
	sb := k * n
	if shared {
		sb = 0
	}
	lda, ldb := matMulStrides(m, n, k, transA, transB)
	for i := 0; i < batch; i++ {
		asm.Gemm(transA, transB, m, n, k, a.Data[i*m*k:(i+1)*m*k], lda,
			b.Data[i*sb:i*sb+k*n], ldb, y.Data[i*m*n:(i+1)*m*n], n, false)
	}
	if node := t.Record(opMatMul, y, a, b); node != nil {
		node.Ints = [10]int{m, n, k, batch, sb, boolInt(transA), boolInt(transB)}
	}
	return y
}

func matMulStrides(m, n, k int, transA, transB bool) (lda, ldb int) {
	lda, ldb = k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	return lda, ldb
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func matMulBackward(t *Tape, node *Node) {
	a, b := node.In[0], node.In[1]
	m, n, k, batch, sb := node.Ints[0], node.Ints[1], node.Ints[2], node.Ints[3], node.Ints[4]
	transA, transB := node.Ints[5] == 1, node.Ints[6] == 1
	lda, ldb := matMulStrides(m, n, k, transA, transB)
	for i := 0; i < batch; i++ {
		dy := node.Out.Grad[i*m*n : (i+1)*m*n]
		if a.Grad != nil {
			da, bd := a.Grad[i*m*k:(i+1)*m*k], b.Data[i*sb:i*sb+k*n]
			if transA {
				asm.Gemm(transB, true, k, m, n, bd, ldb, dy, n, da, lda, true)
			} else {
				asm.Gemm(false, !transB, m, k, n, dy, n, bd, ldb, da, lda, true)
			}
		}
		if b.Grad != nil {
			ad, db := a.Data[i*m*k:(i+1)*m*k], b.Grad[i*sb:i*sb+k*n]
			if transB {
				asm.Gemm(true, transA, n, k, m, dy, n, ad, lda, db, ldb, true)
			} else {
				asm.Gemm(!transA, false, k, n, m, ad, lda, dy, n, db, ldb, true)
			}
		}
	}
}
