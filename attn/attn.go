// Package attn holds attention as fused tape operations, forward and backward:
// self-attention along one axis of a token grid ([MultiHead]), attention to a
// set of tokens that all rows share ([Cross]), and continuous encodings of
// real-valued times ([TimeEncoding]).
//
// Both operations are scaled dot-product attention (Vaswani et al., arXiv
// 1706.03762): per head, weights = softmax(q k^T / sqrt(width of a head) + bias)
// over the keys, result = weights v. The weights are kept for the backward
// pass; the sequences here are short (tens of windows or channels), so that
// they are smaller than the tokens themselves.
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

// grid is the geometry of a MultiHead call.
type grid struct {
	outer, steps, inner, heads int
	d, head                    int     // widths of a token and of a head
	scale                      float32 // 1/sqrt(head)
}

// stride is the distance of consecutive tokens of a sequence, in tokens.
func (g *grid) stride() int { return g.inner }

// first is the row of the first token of sequence s.
func (g *grid) first(s int) int { return s/g.inner*g.steps*g.inner + s%g.inner }

func newGrid(qkv *tensor.Tensor, outer, steps, inner, heads int) grid {
	rows, w := qkv.Shape.Rows(), qkv.Shape.Last()
	if qkv.Shape.Rank() < 1 || outer < 0 || steps < 0 || inner < 0 || rows != outer*steps*inner {
		panic(fmt.Sprintf("attn: MultiHead: qkv has shape %v, needs %d x %d x %d rows", qkv.Shape, outer, steps, inner))
	}
	if heads < 1 || w%3 != 0 || (w/3)%heads != 0 {
		panic(fmt.Sprintf("attn: MultiHead: qkv has shape %v, needs a width of 3 x d with d a multiple of %d heads", qkv.Shape, heads))
	}
	d := w / 3
	return grid{outer, steps, inner, heads, d, d / heads, float32(1 / math.Sqrt(float64(max(d/heads, 1))))}
}

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
// bias is nil or a [heads, steps, steps] tensor added to the scaled scores
// (query by key) of every sequence; it takes a gradient. keyMask is nil or has
// one number per token row, where 0 means that the token is no key; it must
// stay unchanged only during the call. A query whose sequence has no key at
// all gets zeros.
//
// The result is [rows, d], heads side by side. Panics on other shapes.
func MultiHead(t *tensor.Tape, qkv *tensor.Tensor, outer, steps, inner, heads int, bias *tensor.Tensor, keyMask []float32) *tensor.Tensor {
	g := newGrid(qkv, outer, steps, inner, heads)
	rows := outer * steps * inner
	if keyMask != nil && len(keyMask) != rows {
		panic(fmt.Sprintf("attn: MultiHead: key mask of length %d for %d token rows", len(keyMask), rows))
	}
	if bias != nil && len(bias.Data) != heads*steps*steps {
		panic(fmt.Sprintf("attn: MultiHead: bias has shape %v, needs [%d %d %d]", bias.Shape, heads, steps, steps))
	}
	out := t.Output(tensor.MakeShape(rows, g.d), qkv, bias)
	n := t.Record(opMultiHead, out, qkv, bias)
	sequences, square := outer*inner, steps*steps
	weights := heads * square
	var p []float32
	if n != nil {
		p = t.Scratch(sequences * weights)
		n.Saved[0] = p
		n.Ints = [10]int{outer, steps, inner, heads}
	}
	mark := t.Mark()
	if n == nil {
		p = t.Scratch(weights)
	}
	ld, lo := g.stride()*3*g.d, g.stride()*g.d
	for s := 0; s < sequences; s++ {
		w := p[:weights]
		if n != nil {
			w = p[s*weights : (s+1)*weights]
		}
		row := g.first(s)
		x := qkv.Data[row*3*g.d:]
		for h := 0; h < heads; h++ {
			dots(w[h*square:(h+1)*square], x[h*g.head:], ld, x[g.d+h*g.head:], ld, steps, steps, g.head)
		}
		finishScores(&g, w, bias, keyMask, row)
		y := out.Data[row*g.d:]
		for h := 0; h < heads; h++ {
			mix(y[h*g.head:], lo, w[h*square:(h+1)*square], x[2*g.d+h*g.head:], ld, steps, steps, g.head)
		}
	}
	t.Release(mark)
	return out
}

// finishScores scales, biases, masks and normalises the scores of a sequence.
func finishScores(g *grid, w []float32, bias *tensor.Tensor, keyMask []float32, row int) {
	asm.Scale(g.scale, w)
	if bias != nil {
		asm.AddTo(w, bias.Data)
	}
	if keyMask != nil {
		inf := float32(math.Inf(-1))
		for k := 0; k < g.steps; k++ {
			if keyMask[row+k*g.stride()] != 0 {
				continue
			}
			for j := k; j < len(w); j += g.steps {
				w[j] = inf
			}
		}
	}
	// Rows of -Inf only become zeros: a query without keys reads nothing.
	asm.SoftmaxRows(w, w, g.heads*g.steps, g.steps)
}

func multiHeadBackward(t *tensor.Tape, n *tensor.Node) {
	qkv, bias := n.In[0], n.In[1]
	g := newGrid(qkv, n.Ints[0], n.Ints[1], n.Ints[2], n.Ints[3])
	steps, head, d := g.steps, g.head, g.d
	square := steps * steps
	weights := g.heads * square
	ds := t.Scratch(weights)
	ld, lo := g.stride()*3*d, g.stride()*d
	for s := 0; s < g.outer*g.inner; s++ {
		w := n.Saved[0][s*weights : (s+1)*weights]
		row := g.first(s)
		x := qkv.Data[row*3*d:]
		dy := n.Out.Grad[row*d:]
		for h := 0; h < g.heads; h++ {
			dots(ds[h*square:(h+1)*square], dy[h*head:], lo, x[2*d+h*head:], ld, steps, steps, head)
		}
		asm.SoftmaxRowsGrad(ds, w, ds, g.heads*steps, steps, false)
		if bias != nil && bias.Grad != nil {
			asm.AddTo(bias.Grad, ds)
		}
		if qkv.Grad == nil {
			continue
		}
		asm.Scale(g.scale, ds)
		dx := qkv.Grad[row*3*d:]
		for h := 0; h < g.heads; h++ {
			e := ds[h*square : (h+1)*square]
			mixAdd(dx[h*head:], ld, e, x[d+h*head:], ld, steps, steps, head)
			spreadAdd(dx[d+h*head:], ld, e, x[h*head:], ld, steps, steps, head)
			spreadAdd(dx[2*d+h*head:], ld, w[h*square:(h+1)*square], dy[h*head:], lo, steps, steps, head)
		}
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

// crossRows is how many rows of q are handled at once: the weights of such a
// block stay in cache between the two products.
const crossRows = 256

// Cross is attention from n rows q [n, d] to m tokens with keys k and values v
// [m, d] that all rows share, without masks or biases. The result is [n, d],
// heads side by side. Leading axes are folded. Panics on other shapes.
func Cross(t *tensor.Tape, q, k, v *tensor.Tensor, heads int) *tensor.Tensor {
	n, m, d := checkCross(q, k, v, heads)
	out := t.Output(tensor.MakeShape(n, d), q, k, v)
	node := t.Record(opCross, out, q, k, v)
	head := d / heads
	scale := float32(1 / math.Sqrt(float64(max(head, 1))))
	var p []float32
	if node != nil {
		p = t.Scratch(n * heads * m)
		node.Saved[0] = p
		node.Ints[0] = heads
	}
	mark := t.Mark()
	if node == nil {
		p = t.Scratch(min(n, crossRows) * heads * m)
	}
	for lo := 0; lo < n; lo += crossRows {
		rows := min(crossRows, n-lo)
		w := p[:rows*heads*m]
		if node != nil {
			w = p[lo*heads*m : (lo+rows)*heads*m]
		}
		x, y := q.Data[lo*d:], out.Data[lo*d:]
		for h := 0; h < heads; h++ {
			asm.Gemm(false, true, rows, m, head, x[h*head:], d, k.Data[h*head:], d, w[h*rows*m:], m, false)
		}
		asm.Scale(scale, w)
		asm.SoftmaxRows(w, w, heads*rows, m)
		for h := 0; h < heads; h++ {
			asm.Gemm(false, false, rows, head, m, w[h*rows*m:], m, v.Data[h*head:], d, y[h*head:], d, false)
		}
	}
	t.Release(mark)
	return out
}

func crossBackward(t *tensor.Tape, node *tensor.Node) {
	q, k, v := node.In[0], node.In[1], node.In[2]
	heads := node.Ints[0]
	n, m, d := checkCross(q, k, v, heads)
	head := d / heads
	scale := float32(1 / math.Sqrt(float64(max(head, 1))))
	ds := t.Scratch(min(n, crossRows) * heads * m)
	for lo := 0; lo < n; lo += crossRows {
		rows := min(crossRows, n-lo)
		w, e := node.Saved[0][lo*heads*m:(lo+rows)*heads*m], ds[:rows*heads*m]
		x, dy := q.Data[lo*d:], node.Out.Grad[lo*d:]
		if v.Grad != nil {
			for h := 0; h < heads; h++ {
				asm.Gemm(true, false, m, head, rows, w[h*rows*m:], m, dy[h*head:], d, v.Grad[h*head:], d, true)
			}
		}
		if q.Grad == nil && k.Grad == nil {
			continue
		}
		for h := 0; h < heads; h++ {
			asm.Gemm(false, true, rows, m, head, dy[h*head:], d, v.Data[h*head:], d, e[h*rows*m:], m, false)
		}
		asm.SoftmaxRowsGrad(e, w, e, heads*rows, m, false)
		asm.Scale(scale, e)
		for h := 0; h < heads; h++ {
			eh := e[h*rows*m : (h+1)*rows*m]
			if q.Grad != nil {
				asm.Gemm(false, false, rows, head, m, eh, m, k.Data[h*head:], d, q.Grad[lo*d+h*head:], d, true)
			}
			if k.Grad != nil {
				asm.Gemm(true, false, m, head, rows, eh, m, x[h*head:], d, k.Grad[h*head:], d, true)
			}
		}
	}
}

// CrossWeights writes the attention weights of [Cross], averaged over the
// heads, to dst [n, m]: row i says how much row i of q reads of each of the m
// tokens, and sums to 1. q is n x d, k is m x d. Nothing is allocated. Panics
// on other lengths.
func CrossWeights(dst []float32, q, k []float32, n, m, d, heads int) {
	if len(dst) != n*m || len(q) != n*d || len(k) != m*d || heads < 1 || d%heads != 0 {
		panic(fmt.Sprintf("attn: CrossWeights: dst %d, q %d, k %d for n = %d, m = %d, d = %d, %d heads",
			len(dst), len(q), len(k), n, m, d, heads))
	}
	head := d / heads
	scale := 1 / math.Sqrt(float64(max(head, 1)))
	share := 1 / float64(heads)
	clear(dst)
	for i := 0; i < n; i++ {
		row := dst[i*m : (i+1)*m]
		for h := 0; h < heads; h++ {
			qi := q[i*d+h*head : i*d+(h+1)*head]
			score := func(j int) float64 {
				return scale * float64(asm.Dot(qi, k[j*d+h*head:j*d+(h+1)*head]))
			}
			// Scores are computed twice rather than stored: this is a diagnosis.
			top, sum := math.Inf(-1), 0.0
			for j := range row {
				s := score(j)
				if s > top {
					sum *= math.Exp(top - s)
					top = s
				}
				sum += math.Exp(s - top)
			}
			for j := range row {
				row[j] += float32(share * math.Exp(score(j)-top) / sum)
			}
		}
	}
}

// TimeEncoding writes the continuous encoding of time t to dst: sin(f t), cos(f t)
// interleaved, for each angular frequency f (radians per unit of t). len(dst)
// must be 2 len(freqs).
func TimeEncoding(dst []float32, t float64, freqs []float64) {
	if len(dst) != 2*len(freqs) {
		panic(fmt.Sprintf("attn: TimeEncoding: dst of length %d for %d frequencies", len(dst), len(freqs)))
	}
	for i, f := range freqs {
		s, c := math.Sincos(f * t)
		dst[2*i], dst[2*i+1] = float32(s), float32(c)
	}
}

// LogFrequencies returns n frequencies from lo to hi, evenly spaced in their
// logarithm; for n = 1 their geometric mean. Panics unless 0 < lo <= hi.
func LogFrequencies(lo, hi float64, n int) []float64 {
	if !(lo > 0 && hi >= lo) || math.IsInf(hi, 1) {
		panic(fmt.Sprintf("attn: LogFrequencies: range %g to %g, needs 0 < lo <= hi", lo, hi))
	}
	f := make([]float64, n)
	if n == 1 {
		f[0] = math.Sqrt(lo) * math.Sqrt(hi)
		return f
	}
	for i := range f {
		f[i] = lo * math.Pow(hi/lo, float64(i)/float64(n-1))
	}
	return f
}
