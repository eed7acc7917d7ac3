package lassode_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/attn"
	"github.com/lassode/lassode/optim"
	"github.com/lassode/lassode/tensor"
)

// The networks of bench/peers/train_torch.py on the engine's packages: what a
// training step and an inference cost beside PyTorch. The one difference in
// the arithmetic is the tanh form of Gelu, where PyTorch has the exact one.

// network is a model with one input [batch, rows, width] and its training data.
type network interface {
	params() *tensor.Params
	// forward runs the model over sequences lo to hi of the data.
	forward(t *tensor.Tape, lo, hi int) *tensor.Tensor
	sequences() int
}

// encoder is a pre-norm transformer encoder without mask: attention and a
// feed-forward part of four times the width per block, a last norm and a
// linear output.
type encoder struct {
	p                     *tensor.Params
	d, heads, batch, rows int
	blocks                []encoderBlock
	norm, normBias        tensor.ParamID
	out, outBias          tensor.ParamID
	x                     []float32
}

type encoderBlock struct {
	norm1, bias1, qkv, qkvBias, out, outBias tensor.ParamID
	norm2, bias2, in, inBias, down, downBias tensor.ParamID
}

// layer draws weights like PyTorch's Linear.
func layer(p *tensor.Params, r *rand.Rand, name string, in, out int) (w, b tensor.ParamID) {
	w, b = p.Add(name+".weight", in, out), p.Add(name+".bias", out)
	bound := 1 / math.Sqrt(float64(in))
	tensor.UniformInto(r, p.Slice(w), -bound, bound)
	tensor.UniformInto(r, p.Slice(b), -bound, bound)
	return w, b
}

func norm(p *tensor.Params, name string, d int) (gain, bias tensor.ParamID) {
	gain, bias = p.Add(name+".gain", d), p.Add(name+".bias", d)
	for i := range p.Slice(gain) {
		p.Slice(gain)[i] = 1
	}
	return gain, bias
}

func newEncoder(d, heads, layers, batch, rows int) *encoder {
	e := &encoder{p: tensor.NewParams(), d: d, heads: heads, batch: batch, rows: rows, x: make([]float32, batch*rows*d)}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range layers {
		var b encoderBlock
		name := fmt.Sprintf("block.%d.", i)
		b.norm1, b.bias1 = norm(e.p, name+"norm1", d)
		b.qkv, b.qkvBias = layer(e.p, r, name+"qkv", d, 3*d)
		b.out, b.outBias = layer(e.p, r, name+"out", d, d)
		b.norm2, b.bias2 = norm(e.p, name+"norm2", d)
		b.in, b.inBias = layer(e.p, r, name+"in", d, 4*d)
		b.down, b.downBias = layer(e.p, r, name+"down", 4*d, d)
		e.blocks = append(e.blocks, b)
	}
	e.norm, e.normBias = norm(e.p, "norm", d)
	e.out, e.outBias = layer(e.p, r, "out", d, d)
	tensor.NormalInto(r, e.x, 1)
	return e
}

func (e *encoder) params() *tensor.Params { return e.p }
func (e *encoder) sequences() int         { return e.batch }

func (e *encoder) forward(t *tensor.Tape, lo, hi int) *tensor.Tensor {
	token := e.rows * e.d
	x := t.Input(e.x[lo*token:hi*token], (hi-lo)*e.rows, e.d)
	for i := range e.blocks {
		b := &e.blocks[i]
		h := t.LayerNorm(x, t.Param(b.norm1), t.Param(b.bias1))
		qkv := t.Linear(h, t.Param(b.qkv), t.Param(b.qkvBias), tensor.None)
		a := attn.MultiHead(t, qkv, hi-lo, e.rows, 1, e.heads)
		x = t.LinearAdd(x, a, t.Param(b.out), t.Param(b.outBias))
		h = t.LayerNorm(x, t.Param(b.norm2), t.Param(b.bias2))
		h = t.Linear(h, t.Param(b.in), t.Param(b.inBias), tensor.Gelu)
		x = t.LinearAdd(x, h, t.Param(b.down), t.Param(b.downBias))
	}
	x = t.LayerNorm(x, t.Param(e.norm), t.Param(e.normBias))
	return t.Linear(x, t.Param(e.out), t.Param(e.outBias), tensor.None)
}

// recurrent is a gated recurrent unit of which the last state is the output.
type recurrent struct {
	p                   *tensor.Params
	in, hidden, seqs, n int
	wi, wh, bi, bh      tensor.ParamID
	x                   []float32
	offsets             []int32 // of one sequence after the other, from 0
}

func newRecurrent(in, hidden, seqs, n int) *recurrent {
	g := &recurrent{p: tensor.NewParams(), in: in, hidden: hidden, seqs: seqs, n: n, x: make([]float32, seqs*n*in)}
	r := rand.New(rand.NewPCG(1, 1))
	g.wi, g.bi = layer(g.p, r, "input", in, 3*hidden)
	g.wh, g.bh = layer(g.p, r, "hidden", hidden, 3*hidden)
	tensor.NormalInto(r, g.x, 1)
	for s := range seqs + 1 {
		g.offsets = append(g.offsets, int32(s*n))
	}
	return g
}

func (g *recurrent) params() *tensor.Params { return g.p }
func (g *recurrent) sequences() int         { return g.seqs }

func (g *recurrent) forward(t *tensor.Tape, lo, hi int) *tensor.Tensor {
	x := t.Input(g.x[lo*g.n*g.in:hi*g.n*g.in], (hi-lo)*g.n, g.in)
	return t.GRU(x, g.offsets[:hi-lo+1], t.Param(g.wi), t.Param(g.wh), t.Param(g.bi), t.Param(g.bh))
}

// learner makes training steps: a batch in fixed parts, each with its own tape,
// whose gradients are added in order, then AdamW.
type learner struct {
	net     network
	workers int
	tapes   []*tensor.Tape
	losses  []float32
	opt     *optim.Optimizer
	part    func(i int) // forward and backward of a part
	add     func(i int) // sum of a range of the gradients
}

// gradChunk is the range of one task of adding gradients.
const gradChunk = 1 << 14

func newLearner(net network, parts, workers int) *learner {
	p := net.params()
	l := &learner{net: net, workers: workers, losses: make([]float32, parts)}
	all := make([]tensor.ParamID, p.Count())
	for i := range all {
		all[i] = tensor.ParamID(i)
	}
	l.opt = optim.New(p, []optim.Group{{Name: "all", Params: all, LR: 1e-4, Beta1: .9, Beta2: .999, WeightDecay: .01}})
	l.opt.Workers = workers
	for range parts {
		l.tapes = append(l.tapes, tensor.NewTape(p, true))
	}
	l.part = func(i int) {
		t, n := l.tapes[i], net.sequences()
		t.Reset()
		t.ZeroGrads()
		y := net.forward(t, i*n/parts, (i+1)*n/parts)
		loss := t.Scale(t.MeanAll(t.Square(t.AddScalar(y, -.1))), 1/float32(parts))
		t.Backward(loss)
		l.losses[i] = loss.Data[0]
	}
	l.add = func(i int) {
		sum := l.tapes[0].Grads()
		lo, hi := i*gradChunk, min((i+1)*gradChunk, len(sum))
		for _, t := range l.tapes[1:] {
			asm.AddTo(sum[lo:hi], t.Grads()[lo:hi])
		}
	}
	return l
}

func (l *learner) step() float32 {
	tensor.Parallel(len(l.tapes), l.workers, l.part)
	if len(l.tapes) > 1 {
		tensor.Parallel((l.net.params().Len()+gradChunk-1)/gradChunk, l.workers, l.add)
	}
	l.opt.Step(l.tapes[0].Grads(), 1)
	sum := float32(0)
	for _, v := range l.losses {
		sum += v
	}
	return sum
}

// TestNetworks: a training step gives the same bits for any number of workers,
// learns, and does not allocate once the first is done.
func TestNetworks(t *testing.T) {
	for name, make := range map[string]func() network{
		"encoder":   func() network { return newEncoder(32, 4, 2, 6, 16) },
		"recurrent": func() network { return newRecurrent(4, 24, 12, 8) },
	} {
		t.Run(name, func(t *testing.T) {
			var want []float32
			for _, workers := range []int{1, 2, 3} {
				net := make()
				l := newLearner(net, 4, workers)
				first := l.step()
				last := first
				for range 5 {
					last = l.step()
				}
				require.Less(t, last, first)
				if want == nil {
					want = append(want, net.params().Data()...)
				}
				require.Equal(t, want, net.params().Data(), "%d workers", workers)
				if !lassode.RaceEnabled {
					// Now and then the runtime allocates for a goroutine that it starts.
					least := math.Inf(1)
					for range 3 {
						least = min(least, testing.AllocsPerRun(5, func() { l.step() }))
					}
					require.Zero(t, least, "%d workers", workers)
				}
			}
		})
	}
}

var networks = []struct {
	name  string
	parts int
	make  func() network
}{
	{"tfm_d128_h4_L4_32x64", 4, func() network { return newEncoder(128, 4, 4, 32, 64) }},
	{"tfm_d256_h8_L6_16x128", 2, func() network { return newEncoder(256, 8, 6, 16, 128) }},
	{"gru_in4_h128_2048x16", 8, func() network { return newRecurrent(4, 128, 2048, 16) }},
}

// BenchmarkNetworkStep is a whole training step: gradients to zero, forward,
// backward, AdamW. -cpu is the number of workers.
func BenchmarkNetworkStep(b *testing.B) {
	for _, n := range networks {
		b.Run("net="+n.name, func(b *testing.B) {
			l := newLearner(n.make(), n.parts, 0)
			l.step()
			b.ReportAllocs()
			for b.Loop() {
				l.step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e6/float64(b.N), "ms/step")
		})
	}
}

// BenchmarkNetworkInference is the latency of one sequence.
func BenchmarkNetworkInference(b *testing.B) {
	for _, n := range networks {
		b.Run("net="+n.name, func(b *testing.B) {
			net := n.make()
			tape := net.params().Freeze().NewTape()
			net.forward(tape, 0, 1)
			b.ReportAllocs()
			for b.Loop() {
				tape.Reset()
				net.forward(tape, 0, 1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e6/float64(b.N), "ms/sample")
		})
	}
}
