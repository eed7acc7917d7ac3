package tensor

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
)

// shortRow is the row length under which an inline loop beats a call into a
// row kernel.
const shortRow = 16

// broadcast is a plan for a binary operation whose second operand is repeated
// along some axes. Neighbouring axes that are all repeated, or all not, are
// merged; the innermost group is the row that kernels work on.
type broadcast struct {
	rows, n int  // rows of n elements of a
	scalar  bool // one element of b serves a whole row; otherwise n of them
	groups  int  // groups outside the row, innermost last
	dim     [MaxRank]int
	stride  [MaxRank]int // of b, 0 where it is repeated
	idx     [MaxRank]int
	off     int
}

// plan lines up b with the trailing axes of a.
func (p *broadcast) plan(op string, a, b Shape) {
	*p = broadcast{rows: 1, n: 1}
	if a == b {
		p.n = a.Size()
		return
	}
	if b.rank > a.rank {
		mismatch(op, a, b, "the second has more axes than the first")
	}
	// Groups from the innermost axis outwards.
	var dim [MaxRank]int
	var rep [MaxRank]bool
	g := 0
	for i := 1; i <= a.rank; i++ {
		d, e := a.dim[a.rank-i], 1
		if i <= b.rank {
			e = b.dim[b.rank-i]
		}
		if e != d && e != 1 {
			mismatch(op, a, b, "the second cannot be broadcast to the first")
		}
		if d == 1 {
			continue
		}
		r := e != d
		if g > 0 && rep[g-1] == r {
			dim[g-1] *= d
			continue
		}
		dim[g], rep[g] = d, r
		g++
	}
	if g == 0 {
		return
	}
	p.n, p.scalar = dim[0], rep[0]
	stride := 1
	if !rep[0] {
		stride = dim[0]
	}
	p.groups = g - 1
	for i := 1; i < g; i++ {
		j := g - 1 - i // outermost first
		p.dim[j] = dim[i]
		p.rows *= dim[i]
		if !rep[i] {
			p.stride[j] = stride
			stride *= dim[i]
		}
	}
}

// next moves off to the part of b that belongs to the next row.
func (p *broadcast) next() {
	for j := p.groups - 1; j >= 0; j-- {
		p.idx[j]++
		p.off += p.stride[j]
		if p.idx[j] < p.dim[j] {
			return
		}
		p.idx[j] = 0
		p.off -= p.stride[j] * p.dim[j]
	}
}

var (
	opAdd = registerOverwriting("tensor.Add", addBackward)
	opSub = registerOverwriting("tensor.Sub", subBackward)
	opMul = Register("tensor.Mul", mulBackward)
)

// Add returns a + b in the shape of a. The shape of b must be a suffix of that
// of a, up to axes of length 1, which are repeated; a scalar fits everything.
func (t *Tape) Add(a, b *Tensor) *Tensor {
	var p broadcast
	p.plan("Add", a.Shape, b.Shape)
	y := t.Output(a.Shape, a, b)
	for r := 0; r < p.rows; r++ {
		yr, ar := y.Data[r*p.n:(r+1)*p.n], a.Data[r*p.n:(r+1)*p.n]
		if p.scalar {
			addScalar(yr, ar, b.Data[p.off])
		} else if br := b.Data[p.off : p.off+p.n]; p.n < shortRow {
			for i, v := range br {
				yr[i] = ar[i] + v
			}
		} else {
			asm.Add(yr, ar, br)
		}
		p.next()
	}
	t.Record(opAdd, y, a, b)
	return y
}

// Sub returns a - b, broadcast like Add.
func (t *Tape) Sub(a, b *Tensor) *Tensor {
	var p broadcast
	p.plan("Sub", a.Shape, b.Shape)
	y := t.Output(a.Shape, a, b)
	for r := 0; r < p.rows; r++ {
		yr, ar := y.Data[r*p.n:(r+1)*p.n], a.Data[r*p.n:(r+1)*p.n]
		if p.scalar {
			addScalar(yr, ar, -b.Data[p.off])
		} else if br := b.Data[p.off : p.off+p.n]; p.n < shortRow {
			for i, v := range br {
				yr[i] = ar[i] - v
			}
		} else {
			asm.Sub(yr, ar, br)
		}
		p.next()
	}
	t.Record(opSub, y, a, b)
	return y
}

// Mul returns the element-wise product a * b, broadcast like Add.
func (t *Tape) Mul(a, b *Tensor) *Tensor {
	var p broadcast
	p.plan("Mul", a.Shape, b.Shape)
	y := t.Output(a.Shape, a, b)
	for r := 0; r < p.rows; r++ {
		yr, ar := y.Data[r*p.n:(r+1)*p.n], a.Data[r*p.n:(r+1)*p.n]
		if p.scalar {
			mulScalar(yr, ar, b.Data[p.off])
		} else if br := b.Data[p.off : p.off+p.n]; p.n < shortRow {
			for i, v := range br {
				yr[i] = ar[i] * v
			}
		} else {
			asm.Mul(yr, ar, br)
		}
		p.next()
	}
	t.Record(opMul, y, a, b)
	return y
}

func addScalar(dst, a []float32, s float32) {
	a = a[:len(dst)]
	for i, v := range a {
		dst[i] = v + s
	}
}

func mulScalar(dst, a []float32, s float32) {
	if len(dst) < shortRow {
		a = a[:len(dst)]
		for i, v := range a {
			dst[i] = v * s
		}
		return
	}
	copy(dst, a)
	asm.Scale(s, dst)
}

// addTo is asm.AddTo with short rows inline.
func addTo(dst, a []float32) {
	if len(dst) >= shortRow {
		asm.AddTo(dst, a)
		return
	}
	for i, v := range a {
		dst[i] += v
	}
}

func addBackward(t *Tape, n *Node) { sumBackward(n, 1) }
func subBackward(t *Tape, n *Node) { sumBackward(n, -1) }

func sumBackward(n *Node, sign float32) {
	a, b, dy := n.In[0], n.In[1], n.Out.Grad
	if a.Grad != nil {
		addGrad(a, dy)
	}
	if b.Grad == nil {
		return
	}
	if sign == 1 && a.Shape == b.Shape {
		addGrad(b, dy)
		return
	}
	b.settle()
	var p broadcast
	p.plan("Add", a.Shape, b.Shape)
	for r := 0; r < p.rows; r++ {
		dr := dy[r*p.n : (r+1)*p.n]
		if p.scalar {
			b.Grad[p.off] += sign * sum(dr)
		} else if db := b.Grad[p.off : p.off+p.n]; p.n < shortRow {
			for i, v := range dr {
				db[i] += sign * v
			}
		} else if sign == 1 {
			asm.AddTo(db, dr)
		} else {
			asm.Axpy(sign, dr, db)
		}
		p.next()
	}
}

func sum(x []float32) float32 {
	if len(x) >= shortRow {
		return asm.Sum(x)
	}
	var s float32
	for _, v := range x {
		s += v
	}
	return s
}

func mulBackward(t *Tape, n *Node) {
	a, b, dy := n.In[0], n.In[1], n.Out.Grad
	var p broadcast
	p.plan("Mul", a.Shape, b.Shape)
	for r := 0; r < p.rows; r++ {
		lo, hi := r*p.n, (r+1)*p.n
		dr, ar := dy[lo:hi], a.Data[lo:hi]
		if p.scalar {
			s := b.Data[p.off]
			if a.Grad != nil {
				asm.Axpy(s, dr, a.Grad[lo:hi])
			}
			if b.Grad != nil {
				b.Grad[p.off] += asm.Dot(dr, ar)
			}
		} else {
			if a.Grad != nil {
				mulAdd(a.Grad[lo:hi], dr, b.Data[p.off:p.off+p.n])
			}
			if b.Grad != nil {
				mulAdd(b.Grad[p.off:p.off+p.n], dr, ar)
			}
		}
		p.next()
	}
}

func mulAdd(dst, a, b []float32) {
	if len(dst) >= shortRow {
		asm.MulAdd(dst, a, b)
		return
	}
	for i, v := range a {
		dst[i] += float32(v * b[i]) // rounded as in the row kernel on every platform
	}
}

var (
	opScale     = Register("tensor.Scale", scaleBackward)
	opAddScalar = Register("tensor.AddScalar", addScalarBackward)
	opSigmoid   = registerOverwriting("tensor.Sigmoid", sigmoidBackward)
	opTanh      = registerOverwriting("tensor.Tanh", tanhBackward)
	opGelu      = registerOverwriting("tensor.Gelu", geluBackward)
	opSilu      = Register("tensor.Silu", siluBackward)
	opExp       = Register("tensor.Exp", expBackward)
	opLog       = Register("tensor.Log", logBackward)
	opSoftplus  = Register("tensor.Softplus", softplusBackward)
	opAbs       = Register("tensor.Abs", absBackward)
	opSquare    = Register("tensor.Square", squareBackward)
	opClamp     = Register("tensor.Clamp", clampBackward)
	opGlu       = Register("tensor.Glu", gluBackward)
)

// unary records a function of each element of x.
func (t *Tape) unary(op *Op, x *Tensor, f func(dst, x []float32)) *Tensor {
	y := t.Output(x.Shape, x)
	f(y.Data, x.Data)
	t.Record(op, y, x)
	return y
}

// Scale returns s*x.
func (t *Tape) Scale(x *Tensor, s float32) *Tensor {
	y := t.Output(x.Shape, x)
	mulScalar(y.Data, x.Data, s)
	if n := t.Record(opScale, y, x); n != nil {
		n.Floats[0] = s
	}
	return y
}

func scaleBackward(t *Tape, n *Node) { asm.Axpy(n.Floats[0], n.Out.Grad, n.In[0].Grad) }

// AddScalar returns x + s.
func (t *Tape) AddScalar(x *Tensor, s float32) *Tensor {
	y := t.Output(x.Shape, x)
	addScalar(y.Data, x.Data, s)
	t.Record(opAddScalar, y, x)
	return y
}

func addScalarBackward(t *Tape, n *Node) { asm.AddTo(n.In[0].Grad, n.Out.Grad) }

// Sigmoid returns 1/(1+exp(-x)), element by element.
func (t *Tape) Sigmoid(x *Tensor) *Tensor { return t.unary(opSigmoid, x, asm.Sigmoid) }

func sigmoidBackward(t *Tape, n *Node) {
	x := n.In[0]
	asm.SigmoidGrad(x.Grad, n.Out.Data, n.Out.Grad, !x.first())
}

// Tanh returns the hyperbolic tangent, element by element.
func (t *Tape) Tanh(x *Tensor) *Tensor { return t.unary(opTanh, x, asm.Tanh) }

func tanhBackward(t *Tape, n *Node) {
	x := n.In[0]
	asm.TanhGrad(x.Grad, n.Out.Data, n.Out.Grad, !x.first())
}

// Gelu returns the Gaussian error linear unit in its tanh form,
// x/2*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3))), element by element.
func (t *Tape) Gelu(x *Tensor) *Tensor { return t.unary(opGelu, x, asm.Gelu) }

func geluBackward(t *Tape, n *Node) {
	x := n.In[0]
	asm.GeluGrad(x.Grad, x.Data, n.Out.Grad, !x.first())
}

// Silu returns x*sigmoid(x), element by element.
func (t *Tape) Silu(x *Tensor) *Tensor {
	y := t.Output(x.Shape, x)
	if y.Grad == nil {
		asm.Sigmoid(y.Data, x.Data)
		asm.Mul(y.Data, y.Data, x.Data)
		return y
	}
	s := t.Scratch(len(x.Data))
	asm.Sigmoid(s, x.Data)
	asm.Mul(y.Data, s, x.Data)
	t.Record(opSilu, y, x).Saved[0] = s
	return y
}

func siluBackward(t *Tape, n *Node) {
	// d(x*s)/dx = s + x*s*(1-s) = s + y*(1-s) = s + y - y*s
	s, y, dy, dx := n.Saved[0], n.Out.Data, n.Out.Grad, n.In[0].Grad
	for lo := 0; lo < len(dy); lo += tmpLen {
		hi := min(lo+tmpLen, len(dy))
		d, s, y := t.tmp[:hi-lo], s[lo:hi], y[lo:hi]
		asm.Mul(d, y, s)
		asm.Sub(d, y, d)
		asm.AddTo(d, s)
		asm.MulAdd(dx[lo:hi], d, dy[lo:hi])
	}
}

// Exp returns e^x, element by element.
func (t *Tape) Exp(x *Tensor) *Tensor { return t.unary(opExp, x, asm.Exp) }

func expBackward(t *Tape, n *Node) { asm.MulAdd(n.In[0].Grad, n.Out.Data, n.Out.Grad) }

// Log returns the natural logarithm, element by element: -Inf at zero, NaN
// below.
func (t *Tape) Log(x *Tensor) *Tensor {
	y := t.Output(x.Shape, x)
	for i, v := range x.Data {
		y.Data[i] = float32(math.Log(float64(v)))
	}
	t.Record(opLog, y, x)
	return y
}

func logBackward(t *Tape, n *Node) {
	x, dx := n.In[0].Data, n.In[0].Grad
	for i, d := range n.Out.Grad {
		dx[i] += d / x[i]
	}
}

// Softplus returns log(1+exp(x)) without overflow, element by element, within
// a few units in the last place also where it is tiny.
func (t *Tape) Softplus(x *Tensor) *Tensor { return t.unary(opSoftplus, x, asm.Softplus) }

func softplusBackward(t *Tape, n *Node) {
	x, dy, dx := n.In[0].Data, n.Out.Grad, n.In[0].Grad
	for lo := 0; lo < len(dy); lo += tmpLen {
		hi := min(lo+tmpLen, len(dy))
		d := t.tmp[:hi-lo]
		asm.Sigmoid(d, x[lo:hi])
		asm.MulAdd(dx[lo:hi], d, dy[lo:hi])
	}
}

// Abs returns |x|, element by element; its derivative at zero is zero.
func (t *Tape) Abs(x *Tensor) *Tensor {
	y := t.Output(x.Shape, x)
	for i, v := range x.Data {
		y.Data[i] = abs(v)
	}
	t.Record(opAbs, y, x)
	return y
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

func absBackward(t *Tape, n *Node) {
	x, dx := n.In[0].Data, n.In[0].Grad
	for i, d := range n.Out.Grad {
		if x[i] > 0 {
			dx[i] += d
		} else if x[i] < 0 {
			dx[i] -= d
		}
	}
}

// Square returns x*x, element by element.
func (t *Tape) Square(x *Tensor) *Tensor {
	y := t.Output(x.Shape, x)
	asm.Mul(y.Data, x.Data, x.Data)
	t.Record(opSquare, y, x)
	return y
}

func squareBackward(t *Tape, n *Node) {
	x, dy, dx := n.In[0].Data, n.Out.Grad, n.In[0].Grad
	for lo := 0; lo < len(dy); lo += tmpLen {
		hi := min(lo+tmpLen, len(dy))
		d := t.tmp[:hi-lo]
		asm.Mul(d, x[lo:hi], dy[lo:hi])
		asm.Axpy(2, d, dx[lo:hi])
	}
}

// Clamp limits x to [lo, hi], element by element. Outside the gradient is
// zero, on the limits and inside it passes; NaN stays NaN.
func (t *Tape) Clamp(x *Tensor, lo, hi float32) *Tensor {
	if !(lo <= hi) {
		panic(fmt.Sprintf("tensor: Clamp: lo %v above hi %v", lo, hi))
	}
	y := t.Output(x.Shape, x)
	for i, v := range x.Data {
		y.Data[i] = min(max(v, lo), hi) // no branches to mispredict
	}
	t.Record(opClamp, y, x)
	return y
}

func clampBackward(t *Tape, n *Node) {
	x, dx := n.In[0].Data, n.In[0].Grad
	y := n.Out.Data
	for i, d := range n.Out.Grad {
		// Elements with equal bits passed. A mask of all ones where they differ
		// spares a branch that would often be mispredicted.
		diff := int32(math.Float32bits(x[i]) ^ math.Float32bits(y[i]))
		mask := uint32((diff | -diff) >> 31)
		dx[i] += math.Float32frombits(math.Float32bits(d) &^ mask)
	}
}

// Glu is the gated unit of feed-forward blocks: with x [..., 2h] split into
// halves (u, v) it returns gelu(u)*v, shape [..., h].
func (t *Tape) Glu(x *Tensor) *Tensor {
	w := x.Shape.Last()
	if x.Shape.rank == 0 || w%2 != 0 {
		panic(fmt.Sprintf("tensor: Glu: last axis of %v must be even", x.Shape))
	}
	h := w / 2
	y := t.Output(x.Shape.With(-1, h), x)
	asm.GluRows(y.Data, x.Data, x.Shape.Rows(), h)
	t.Record(opGlu, y, x)
	return y
}

func gluBackward(t *Tape, n *Node) {
	x := n.In[0]
	asm.GluRowsGrad(x.Grad, x.Data, n.Out.Grad, x.Shape.Rows(), x.Shape.Last()/2)
}
