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

var opLinear = registerOverwriting("tensor.Linear", linearBackward)

// Linear returns act(x·w + b) on the last axis: x [..., in], w [in, out],
// b [out] or nil, result [..., out]. It is one matrix product over all leading
// rows of x, with bias and activation applied while the result is in cache.
func (t *Tape) Linear(x, w, b *Tensor, act Activation) *Tensor {
	return t.linear("Linear", x, w, b, nil, act)
}

// LinearAdd returns residual + x·w + b: the linear map of a residual branch and
// the sum with the stream that it belongs to, in one pass. Shapes are those of
// Linear; residual has the shape of the result.
func (t *Tape) LinearAdd(residual, x, w, b *Tensor) *Tensor {
	return t.linear("LinearAdd", x, w, b, residual, None)
}

func (t *Tape) linear(op string, x, w, b, residual *Tensor, act Activation) *Tensor {
	k := x.Shape.Last()
	if w.Shape.rank != 2 || x.Shape.rank == 0 || w.Shape.dim[0] != k {
		mismatch(op, x.Shape, w.Shape, "the last axis of x must be the first of a rank 2 weight")
	}
	n := w.Shape.dim[1]
	if b != nil && (b.Shape.rank != 1 || b.Shape.dim[0] != n) {
		mismatch(op, w.Shape, b.Shape, "the bias must have the length of the last axis of the weight")
	}
	if act < None || act > Sigmoid {
		panic(fmt.Sprintf("tensor: %s: activation %d", op, act))
	}
	shape := x.Shape.With(-1, n)
	if residual != nil && residual.Shape != shape {
		mismatch(op, residual.Shape, shape, "the residual must have the shape of the result")
	}
	m := x.Shape.Rows()
	y := t.Output(shape, x, w, b, residual)
	e := &t.epilogue
	*e = asm.Epilogue{Act: asm.Activation(act)}
	if b != nil {
		e.Bias = b.Data
	}
	if residual != nil {
		e.Residual, e.LDR = residual.Data, n
	}
	if act == Gelu && y.Grad != nil {
		e.Pre = t.Scratch(len(y.Data))
	}
	if w.frozen != nil && w.frozen.integers != nil {
		asm.GemmInt8(m, x.Data, k, w.frozen.integers, y.Data, n, e)
	} else {
		t.multiply(y.Data, x.Data, m, w)
	}
	if node := t.Record(opLinear, y, x, w, b, residual); node != nil {
		node.Ints[0] = int(act)
		node.Saved[0] = e.Pre
	}
	return y
}

// multiply sets y = x·w with the tape's epilogue, for m rows, from the packed
// form of w if it has one.
func (t *Tape) multiply(y, x []float32, m int, w *Tensor) {
	k, n := w.Shape.dim[0], w.Shape.dim[1]
	if w.frozen != nil {
		asm.GemmPacked(m, x, k, w.frozen.get(w), y, n, false, &t.epilogue)
	} else {
		asm.GemmEpilogue(false, false, m, n, k, x, k, w.Data, n, y, n, false, &t.epilogue)
	}
}

// product sets y = x·w + b for m rows.
func (t *Tape) product(y, x []float32, m int, w, b *Tensor) {
	t.epilogue = asm.Epilogue{Bias: b.Data}
	t.multiply(y, x, m, w)
}

func linearBackward(t *Tape, node *Node) {
	y, x, w, b, residual := node.Out, node.In[0], node.In[1], node.In[2], node.In[3]
	k, n := w.Shape.dim[0], w.Shape.dim[1]
	m := x.Shape.Rows()
	dy := y.Grad
	if residual != nil && residual.Grad != nil {
		addGrad(residual, dy)
	}
	switch Activation(node.Ints[0]) {
	case Gelu:
		d := node.Saved[0] // not needed again
		asm.GeluGrad(d, d, dy, false)
		dy = d
	case Tanh:
		d := t.Scratch(len(dy))
		asm.TanhGrad(d, y.Data, dy, false)
		dy = d
	case Sigmoid:
		d := t.Scratch(len(dy))
		asm.SigmoidGrad(d, y.Data, dy, false)
		dy = d
	}
	if b != nil && b.Grad != nil {
		b.settle()
		addColumnSums(b.Grad, dy, m)
	}
	if x.Grad != nil {
		asm.Gemm(false, true, m, k, n, dy, n, w.Data, n, x.Grad, k, !x.first())
	}
	if w.Grad != nil {
		asm.Gemm(true, false, k, n, m, x.Data, k, dy, n, w.Grad, n, !w.first())
	}
}

// addGrad adds dy to the gradient of x, of the same length.
func addGrad(x *Tensor, dy []float32) {
	if x.first() {
		copy(x.Grad, dy)
	} else {
		asm.AddTo(x.Grad, dy)
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
func addColumnSums(dst, x []float32, rows int) { asm.AddColumnSums(dst, x, rows, len(dst)) }

var opMatMul = registerOverwriting("tensor.MatMul", matMulBackward)

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
	asm.GemmBatch(transA, transB, batch, m, n, k, a.Data, lda, m*k, b.Data, ldb, sb, y.Data, n, m*n, false)
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
	dy := node.Out.Grad
	if a.Grad != nil {
		acc := !a.first()
		if transA {
			asm.GemmBatch(transB, true, batch, k, m, n, b.Data, ldb, sb, dy, n, m*n, a.Grad, lda, m*k, acc)
		} else {
			asm.GemmBatch(false, !transB, batch, m, k, n, dy, n, m*n, b.Data, ldb, sb, a.Grad, lda, m*k, acc)
		}
	}
	if b.Grad == nil {
		return
	}
	acc := !b.first()
	if sb == 0 { // all products add to the same gradient, one after the other
		for i := range batch {
			ad, dy := a.Data[i*m*k:(i+1)*m*k], dy[i*m*n:(i+1)*m*n]
			if transB {
				asm.Gemm(true, transA, n, k, m, dy, n, ad, lda, b.Grad, ldb, acc)
			} else {
				asm.Gemm(!transA, false, k, n, m, ad, lda, dy, n, b.Grad, ldb, acc)
			}
			acc = true
		}
		return
	}
	if transB {
		asm.GemmBatch(true, transA, batch, n, k, m, dy, n, m*n, a.Data, lda, m*k, b.Grad, ldb, sb, acc)
	} else {
		asm.GemmBatch(!transA, false, batch, k, n, m, a.Data, lda, m*k, dy, n, m*n, b.Grad, ldb, sb, acc)
	}
}
