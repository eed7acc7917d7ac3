// Package attn holds attention as fused tape operations, forward and backward:
// self-attention along one axis of a token grid ([MultiHead]) and attention to a
// set of tokens that all rows share ([Cross]).
//
// Both operations are scaled dot-product attention (Vaswani et al., arXiv
// 1706.03762): per head, weights = softmax(q k^T / sqrt(width of a head)) over
// the keys, result = weights v; package asm computes it by blocks that stay
// in cache. The weights are kept for the backward pass: the sequences here are
// short (tens of windows or channels), and reading them back costs less than the
// product and the exponentials that made them.
//
// Everything is deterministic and safe for concurrent use on distinct tapes.
package attn

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

var (
	opMultiHead = tensor.Register("attn.MultiHead", multiHeadBackward)
	opCross     = tensor.Register("attn.Cross", crossBackward)
)

// grid is the geometry of a MultiHead call. Attention over an inner axis of more than
// one is a call of the kernel per outer index, else one call in all.
type grid struct {
	d, calls, rows int // width of a token; calls of the kernel, token rows of each
	asm.AttentionShape
}

func newGrid(qkv *tensor.Tensor, outer, steps, inner, heads int) grid {
	rows, w := qkv.Shape.Rows(), qkv.Shape.Last()
	if qkv.Shape.Rank() < 1 || outer < 0 || steps < 0 || inner < 0 || rows != outer*steps*inner {
		panic(fmt.Sprintf("attn: MultiHead: qkv has shape %v, needs %d x %d x %d rows", qkv.Shape, outer, steps, inner))
	}
	if heads < 1 || w%3 != 0 || (w/3)%heads != 0 {
		panic(fmt.Sprintf("attn: MultiHead: qkv has shape %v, needs a width of 3 x d with d a multiple of %d heads", qkv.Shape, heads))
	}
	d := w / 3
	g := grid{d: d, calls: outer, rows: steps * inner}
	next, sequences := 1, inner
	if inner == 1 {
		g.calls, g.rows = min(1, outer), outer*steps
		next, sequences = steps, outer
	}
	g.AttentionShape = asm.AttentionShape{
		Sequences: sequences, Rows: steps, Keys: steps, Heads: heads, Head: d / heads,
		QStride: inner * w, KStride: inner * w, OStride: inner * d,
		QNext: next * w, KNext: next * w, ONext: next * d,
		Scale: headScale(d / heads),
	}
	if d == 0 || rows == 0 {
		g.calls = 0
	}
	return g
}

// headScale is what the scores of heads of a width are multiplied by.
func headScale(head int) float32 { return float32(1 / math.Sqrt(float64(max(head, 1)))) }

// MultiHead is self-attention along one axis of a grid of tokens.
//
// The rows of qkv [.., 3d] are tokens, each holding its query, key and value
// side by side (q | k | v, the heads being consecutive slices of each). Token
// row (o*steps + s)*inner + i belongs to sequence (o, i): attention runs along
// steps, separately for each of outer x inner sequences. For a batch of B
// systems with C channels and K windows in that order, attention over time is
// outer = B*C, steps = K, inner = 1; attention over channels is outer = B,
// steps = C, inner = K.
//
// The result is [rows, d], heads side by side. Panics on other shapes.
func MultiHead(t *tensor.Tape, qkv *tensor.Tensor, outer, steps, inner, heads int) *tensor.Tensor {
	g := newGrid(qkv, outer, steps, inner, heads)
	out := t.Output(tensor.MakeShape(outer*steps*inner, g.d), qkv)
	var saved []float32
	if n := t.Record(opMultiHead, out, qkv); n != nil {
		saved = t.Scratch(g.calls * g.SavedLen())
		n.Saved[0] = saved
		n.Ints = [10]int{outer, steps, inner, heads}
	}
	mark := t.Mark()
	work := t.Scratch(g.WorkLen())
	d := g.d
	for i := range g.calls {
		x, y := qkv.Data[i*g.rows*3*d:], out.Data[i*g.rows*d:]
		var kept []float32
		if saved != nil {
			kept = saved[i*g.SavedLen():][:g.SavedLen()]
		}
		asm.Attention(&g.AttentionShape, y, x, x[d:], x[2*d:], kept, work)
	}
	t.Release(mark)
	return out
}

func multiHeadBackward(t *tensor.Tape, n *tensor.Node) {
	qkv := n.In[0]
	g := newGrid(qkv, n.Ints[0], n.Ints[1], n.Ints[2], n.Ints[3])
	work := t.Scratch(g.WorkLen())
	d := g.d
	for i := range g.calls {
		at := i * g.rows * d
		x, dx := qkv.Data[3*at:], qkv.Grad[3*at:]
		asm.AttentionGrad(&g.AttentionShape, dx, dx[d:], dx[2*d:], n.Out.Grad[at:], n.Out.Data[at:], x, x[d:], x[2*d:], n.Saved[0][i*g.SavedLen():], work)
	}
}

// checkCross returns rows, keys and width.
func checkCross(q, k, v *tensor.Tensor, heads int) (n, m, d int) {
	n, m, d = q.Shape.Rows(), k.Shape.Rows(), q.Shape.Last()
	if k.Shape.Last() != d || v.Shape.Last() != d || v.Shape.Rows() != m {
		panic(fmt.Sprintf("attn: Cross: q %v, k %v, v %v: need [n d], [m d], [m d]", q.Shape, k.Shape, v.Shape))
	}
	if heads < 1 || d%heads != 0 {
		panic(fmt.Sprintf("attn: Cross: width %d of q %v is no multiple of %d heads", d, q.Shape, heads))
	}
	return n, m, d
}

// crossShape is the shape of a Cross call.
func crossShape(n, m, d, heads int) asm.AttentionShape {
	return asm.AttentionShape{
		Sequences: min(1, n*d), Rows: n, Keys: m, Heads: heads, Head: max(1, d/heads),
		QStride: d, KStride: d, OStride: d, Scale: headScale(d / heads),
	}
}

// Cross is attention from n rows q [n, d] to m tokens with keys k and values v
// [m, d] that all rows share. The result is [n, d],
// heads side by side. Leading axes are folded. Panics on other shapes.
func Cross(t *tensor.Tape, q, k, v *tensor.Tensor, heads int) *tensor.Tensor {
	n, m, d := checkCross(q, k, v, heads)
	out := t.Output(tensor.MakeShape(n, d), q, k, v)
	s := crossShape(n, m, d, heads)
	var saved []float32
	if node := t.Record(opCross, out, q, k, v); node != nil {
		saved = t.Scratch(s.SavedLen())
		node.Saved[0] = saved
		node.Ints[0] = heads
	}
	mark := t.Mark()
	asm.Attention(&s, out.Data, q.Data, k.Data, v.Data, saved, t.Scratch(s.WorkLen()))
	t.Release(mark)
	return out
}

func crossBackward(t *tensor.Tape, node *tensor.Node) {
	q, k, v := node.In[0], node.In[1], node.In[2]
	n, m, d := checkCross(q, k, v, node.Ints[0])
	s := crossShape(n, m, d, node.Ints[0])
	asm.AttentionGrad(&s, q.Grad, k.Grad, v.Grad, node.Out.Grad, node.Out.Data, q.Data, k.Data, v.Data, node.Saved[0], t.Scratch(s.WorkLen()))
}

// CrossWeights writes the attention weights of [Cross], averaged over the
// heads, to dst [n, m]: row i says how much row i of q reads of each of the m
// tokens, and sums to 1. q is n x d, k is m x d, and work is scratch as long as
// dst. Nothing is allocated. Panics on other lengths.
func CrossWeights(dst, q, k, work []float32, n, m, d, heads int) {
	if len(dst) != n*m || len(work) != n*m || len(q) != n*d || len(k) != m*d || heads < 1 || d%heads != 0 {
		panic(fmt.Sprintf("attn: CrossWeights: dst %d, work %d, q %d, k %d for n = %d, m = %d, d = %d, %d heads",
			len(dst), len(work), len(q), len(k), n, m, d, heads))
	}
	clear(dst)
	if len(dst) == 0 {
		return
	}
	head := d / heads
	for h := range heads {
		asm.Gemm(false, true, n, m, head, q[h*head:], d, k[h*head:], d, work, m, false)
		asm.Scale(headScale(head), work)
		asm.SoftmaxRows(work, work, n, m)
		asm.Axpy(1/float32(heads), work, dst)
	}
}
