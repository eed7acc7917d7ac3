// Package hub is the common structure hub: a small set of learned tokens that
// the tokens of every system may consult, and that collects what the systems
// of a training have in common.
//
// It has two operations. Read: every token attends to the hub, an ordinary
// differentiable attention layer ([Hub.Read]). Write: the hub attends to the
// tokens of a step and moves a slow memory towards what it finds, without
// gradients ([Hub.Write]). In inference the memory is fixed, so that a forecast
// never depends on which other systems share a call.
//
// The token that is read is
//
//	effective_m = token_m + gate_m * memory_m / rms(memory_m),
//
// with token and gate learned by gradient and memory by writing. All three are
// parameters, so that they are saved with the weights; the memory never
// receives a gradient and must be left out of every optimiser group.
//
// A network has these tokens if its configuration asks for them. The default does
// not: reading them changed nothing that could be measured
// (docs/evidence-ablations.md), and what a fleet of systems teaches enters where
// models are fitted to a context (lassode.Model.Adapt).
package hub

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/attn"
	"github.com/lassode/lassode/tensor"
)

var opTokens = tensor.Register("hub.Tokens", tokensBackward)

// eps is added to the mean square in normalisations. A memory of zeros, the
// initial one, stays zeros.
const eps = 1e-6

// Hub describes the hub of one model: its size and its parameters. It holds no
// values and is immutable; methods are safe for concurrent use as far as their
// arguments are.
type Hub struct {
	// Size is the number of hub tokens, Width the length of each.
	Size, Width int
	// Token [Size, Width] and Gate [Size] are learned by gradient.
	Token, Gate tensor.ParamID
	// Memory [Size, Width] changes by Write only. Keep it out of optimisers.
	Memory tensor.ParamID
}

// New adds the parameters of a hub to p, named prefix + ".token", ".gate" and
// ".memory" (the model's prefix is "hub"), all zero: the values are the caller's to set.
// It panics unless size and width are positive.
func New(p *tensor.Params, prefix string, size, width int) *Hub {
	if size < 1 || width < 1 {
		panic(fmt.Sprintf("hub: New: %d tokens of width %d, needs at least 1 of 1", size, width))
	}
	return &Hub{
		Size: size, Width: width,
		Token:  p.Add(prefix+".token", size, width),
		Gate:   p.Add(prefix+".gate", size),
		Memory: p.Add(prefix+".memory", size, width),
	}
}

// Layer is one place of a network where the hub is read: the projections of
// queries, keys, values and output, each [Width, Width], and the number of heads.
type Layer struct {
	Q, K, V, Out tensor.ParamID
	Heads        int
}

// NewLayer adds the projections of a reading layer to p, named name + ".q",
// ".k", ".v" and ".out", all zero. It panics when the heads do not divide the width.
func (h *Hub) NewLayer(p *tensor.Params, name string, heads int) Layer {
	d := h.Width
	if heads < 1 || d%heads != 0 {
		panic(fmt.Sprintf("hub: NewLayer: width %d is no multiple of %d heads", d, heads))
	}
	return Layer{
		Q: p.Add(name+".q", d, d), K: p.Add(name+".k", d, d),
		V: p.Add(name+".v", d, d), Out: p.Add(name+".out", d, d),
		Heads: heads,
	}
}

// inverseRMS returns 1/sqrt(mean(x^2) + eps) of a row.
func inverseRMS(x []float32) float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return float32(1 / math.Sqrt(sum/float64(len(x))+eps))
}

// effective writes token + gate * normalised memory to dst.
func (h *Hub) effective(dst, token, gate, memory []float32) {
	d := h.Width
	for m, g := range gate {
		mem := memory[m*d : (m+1)*d]
		s := g * inverseRMS(mem)
		out, tok := dst[m*d:(m+1)*d], token[m*d:(m+1)*d]
		for i, v := range mem {
			out[i] = tok[i] + float32(s*v)
		}
	}
}

// Tokens returns the effective hub tokens [Size, Width], with gradients to the
// tokens and gates but none to the memory. One call a tape serves all reads.
func (h *Hub) Tokens(t *tensor.Tape) *tensor.Tensor {
	token, gate := t.Param(h.Token), t.Param(h.Gate)
	memory := t.Param(h.Memory).Data
	out := t.Output(tensor.MakeShape(h.Size, h.Width), token, gate)
	h.effective(out.Data, token.Data, gate.Data, memory)
	if n := t.Record(opTokens, out, token, gate); n != nil {
		n.Saved[0] = memory
	}
	return out
}

func tokensBackward(t *tensor.Tape, n *tensor.Node) {
	token, gate, dy := n.In[0], n.In[1], n.Out.Grad
	if token.Grad != nil {
		asm.AddTo(token.Grad, dy)
	}
	if gate.Grad == nil {
		return
	}
	d := len(dy) / len(gate.Data)
	for m := range gate.Grad {
		mem := n.Saved[0][m*d : (m+1)*d]
		gate.Grad[m] += inverseRMS(mem) * asm.Dot(mem, dy[m*d:(m+1)*d])
	}
}

// Effective writes the effective tokens of the parameters p to dst, Size x
// Width, without a tape.
func (h *Hub) Effective(dst []float32, p *tensor.Params) {
	memory := p.Slice(h.Memory)
	h.check("Effective", dst, memory)
	h.effective(dst, p.Slice(h.Token), p.Slice(h.Gate), memory)
}

// check panics unless a and b are Size x Width.
func (h *Hub) check(name string, a, b []float32) {
	if n := h.Size * h.Width; len(a) != n || len(b) != n {
		panic(fmt.Sprintf("hub: %s: slices of %d and %d values, needs %d tokens of width %d", name, len(a), len(b), h.Size, h.Width))
	}
}

// Read lets the rows of x [n, Width] attend to the hub and returns what they
// read, [n, Width], added to residual unless that is nil:
//
//	residual + softmax((x Q)(hub K)^T / sqrt(width of a head)) (hub V) Out, per head.
//
// tokens is the result of Tokens on the same tape. Normalise x before, as
// every pre-norm block does. Leading axes of x are folded.
func (h *Hub) Read(t *tensor.Tape, residual, tokens, x *tensor.Tensor, l Layer) *tensor.Tensor {
	q := t.Linear(x, t.Param(l.Q), nil, tensor.None)
	k := t.Linear(tokens, t.Param(l.K), nil, tensor.None)
	v := t.Linear(tokens, t.Param(l.V), nil, tensor.None)
	return t.LinearAdd(residual, attn.Cross(t, q, k, v, l.Heads), t.Param(l.Out), nil)
}

// Scratch is the reusable memory of Write; the zero value is ready. One
// goroutine at a time.
type Scratch struct{ rows, hub, weights, content []float32 }

func grow(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	return (*s)[:n]
}

// Write moves memory (Size x Width) towards what the hub finds in tokens
// (n x Width, any number of rows). Every hub token attends to all rows by
// similarity,
//
//	cos[m,j] = hub_m . x_j / Width, both scaled to unit root mean square
//	w[m,j]   = softmax over j of sqrt(Width) cos[m,j]
//	g[m]     = max(0, sum_j w[m,j] cos[m,j])
//	memory_m <- (1 - rate g[m]) memory_m + rate g[m] sum_j w[m,j] x_j
//
// so that a hub token takes up rows that resemble it and ignores a batch that
// holds none. hubTokens are the effective tokens (Tokens or Effective). rate in
// [0, 1] is small in training (0.01) as every step writes. Rows with a value
// that is not finite are left out; without rows nothing changes. The result is
// deterministic and depends on the order of rows by rounding only. There is no
// gradient. scratch may be nil.
func (h *Hub) Write(memory, hubTokens, tokens []float32, rate float32, scratch *Scratch) {
	h.check("Write", memory, hubTokens)
	d := h.Width
	if len(tokens)%d != 0 {
		panic(fmt.Sprintf("hub: Write: %d values are no rows of width %d", len(tokens), d))
	}
	if !(rate >= 0 && rate <= 1) {
		panic(fmt.Sprintf("hub: Write: rate %g, needs 0 <= rate <= 1", rate))
	}
	if scratch == nil {
		scratch = new(Scratch)
	}
	rows := grow(&scratch.rows, len(tokens))
	n := 0
	for j := 0; j < len(tokens); j += d {
		if unitRow(rows[n*d:(n+1)*d], tokens[j:j+d]) {
			n++
		}
	}
	if n == 0 {
		return
	}
	rows = rows[:n*d]
	query := grow(&scratch.hub, h.Size*d)
	for m := 0; m < h.Size; m++ {
		if !unitRow(query[m*d:(m+1)*d], hubTokens[m*d:(m+1)*d]) {
			clear(query[m*d : (m+1)*d])
		}
	}
	w := grow(&scratch.weights, h.Size*n)
	asm.Gemm(false, true, h.Size, n, d, query, d, rows, d, w, n, false)
	asm.Scale(float32(1/math.Sqrt(float64(d))), w)
	asm.SoftmaxRows(w, w, h.Size, n)
	content := grow(&scratch.content, h.Size*d)
	asm.Gemm(false, false, h.Size, d, n, w, n, rows, d, content, d, false)
	for m := 0; m < h.Size; m++ {
		c, mem := content[m*d:(m+1)*d], memory[m*d:(m+1)*d]
		// sum_j w cos is the similarity of the hub token and the content.
		g := asm.Dot(query[m*d:(m+1)*d], c) / float32(d)
		if !(g > 0) {
			continue
		}
		a := rate * min(g, 1)
		for i, v := range c {
			mem[i] += float32(a * (v - mem[i]))
		}
	}
}

// unitRow writes x, scaled to a root mean square of 1, to dst and reports
// whether all of it was finite.
func unitRow(dst, x []float32) bool {
	s := inverseRMS(x)
	// The sum of squares is infinite or NaN exactly when a value is.
	if !(s > 0) {
		return false
	}
	for i, v := range x {
		dst[i] = v * s
	}
	return true
}

// Usage returns how much each row of x (n x Width, normalised as for Read)
// reads of each hub token in a layer, [n, Size] with rows that sum to 1,
// averaged over the heads, in new memory.
func (h *Hub) Usage(p *tensor.Params, x []float32, l Layer) []float32 {
	d := h.Width
	if len(x)%d != 0 {
		panic(fmt.Sprintf("hub: Usage: %d values are no rows of width %d", len(x), d))
	}
	n := len(x) / d
	eff := make([]float32, h.Size*d)
	h.Effective(eff, p)
	q, k := make([]float32, n*d), make([]float32, h.Size*d)
	asm.Gemm(false, false, n, d, d, x, d, p.Slice(l.Q), d, q, d, false)
	asm.Gemm(false, false, h.Size, d, d, eff, d, p.Slice(l.K), d, k, d, false)
	dst, work := make([]float32, n*h.Size), make([]float32, n*h.Size)
	attn.CrossWeights(dst, q, k, work, n, h.Size, d, l.Heads)
	return dst
}
