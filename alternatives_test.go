package lassode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/attn"
	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/tensor"
)

// Other forms of a token's own dynamics, with as many numbers from the head, and
// other architectures in place of the attention blocks.

// pairsForm is that of the network.
type pairsForm struct{}

func (pairsForm) params(*network)     {}
func (pairsForm) initialise(*network) {}

func (pairsForm) values(t *tensor.Tape, n *network, head, tau *tensor.Tensor, _ int) *tensor.Tensor {
	p := n.cfg.Pairs
	growth := boundedGrowth(t, t.Add(t.Slice(head, 1, 0, p), t.Param(n.growth)))
	freq := t.Exp(t.Add(t.Tanh(t.Slice(head, 1, p, 2*p)), t.Param(n.frequency)))
	return linode.PairsReadout(t, growth, freq, t.Slice(head, 1, 2*p, 4*p), t.Slice(head, 1, 4*p, 6*p), t.Param(n.readout), tau)
}

// spaced fills s evenly from lo to hi.
func spaced(s []float32, lo, hi float64) {
	for i := range s {
		s[i] = float32(lo + (hi-lo)*float64(i)/float64(max(len(s)-1, 1)))
	}
}

// diagonalForm is a generator with 2 Pairs real decays.
type diagonalForm struct{ growth tensor.ParamID }

func (f *diagonalForm) params(n *network) {
	f.growth = n.params.Add("diagonal.growth", 2*n.cfg.Pairs)
}
func (f *diagonalForm) initialise(n *network) { spaced(n.params.Slice(f.growth), -4, 1) }

func (f *diagonalForm) values(t *tensor.Tape, n *network, head, tau *tensor.Tensor, s int) *tensor.Tensor {
	m := 2 * n.cfg.Pairs
	lambda := boundedGrowth(t, t.Add(t.Slice(head, 1, 0, m), t.Param(f.growth)))
	states := linode.DiagonalStates(t, lambda, t.Slice(head, 1, m, 2*m), t.Slice(head, 1, 2*m, 3*m), tau)
	return readStates(t, n, states, tau.Dim(0), s, m)
}

// readStates applies the network's readout, or its first m entries.
func readStates(t *tensor.Tape, n *network, states *tensor.Tensor, tokens, s, m int) *tensor.Tensor {
	readout := t.Reshape(t.Slice(t.Reshape(t.Param(n.readout), 2*n.cfg.Pairs), 0, 0, m), m, 1)
	return t.Reshape(t.Linear(t.Reshape(states, tokens*s, m), readout, nil, tensor.None), tokens, s)
}

// denseForm is a full generator of the order that the head's numbers allow.
type denseForm struct{ generator tensor.ParamID }

func (f *denseForm) order(n *network) int {
	m := 1
	for (m+1)*(m+3) <= headParts*n.cfg.Pairs {
		m++
	}
	return m
}

func (f *denseForm) params(n *network) {
	m := f.order(n)
	f.generator = n.params.Add("dense.generator", m*m)
}

// initialise starts with the decay of the pairs and some of their lower
// frequencies: up to a norm of 4 the exponential runs in float32.
func (f *denseForm) initialise(n *network) {
	m, a := f.order(n), n.params.Slice(f.generator)
	freq := make([]float32, m/2)
	spaced(freq, math.Log(.25), math.Log(3))
	for i := range m {
		a[i*m+i] = -.2
	}
	for j, w := range freq {
		w = float32(math.Exp(float64(w)))
		a[2*j*m+2*j+1], a[(2*j+1)*m+2*j] = -w, w
	}
}

// maxEntry bounds the entries of a dense generator.
const maxEntry = 12

func (f *denseForm) values(t *tensor.Tape, n *network, head, tau *tensor.Tensor, s int) *tensor.Tensor {
	m, tokens := f.order(n), tau.Dim(0)
	a := t.Add(t.Slice(head, 1, 0, m*m), t.Param(f.generator))
	a = t.Reshape(t.Scale(t.Tanh(t.Scale(a, 1./maxEntry)), maxEntry), tokens, m, m)
	states := linode.DenseStates(t, a, t.Slice(head, 1, m*m, m*m+m), t.Slice(head, 1, m*m+m, m*m+2*m), tau)
	return readStates(t, n, states, tokens, s, m)
}

// plainForm is a network of one hidden layer of 2 Pairs units in local time,
// whose slopes, shifts and outputs come from the head.
type plainForm struct{ slope, shift tensor.ParamID }

func (f *plainForm) params(n *network) {
	f.slope = n.params.Add("plain.slope", 2*n.cfg.Pairs)
	f.shift = n.params.Add("plain.shift", 2*n.cfg.Pairs)
}

func (f *plainForm) initialise(n *network) {
	slope, shift := n.params.Slice(f.slope), n.params.Slice(f.shift)
	spaced(slope, 1, 6)
	for i := range slope { // the steps of the units lie all over the window
		if i%2 == 1 {
			slope[i] *= -1
		}
		shift[i] = -slope[i] * float32((5*i)%len(slope)) / float32(len(slope))
	}
}

func (f *plainForm) values(t *tensor.Tape, n *network, head, tau *tensor.Tensor, s int) *tensor.Tensor {
	m, tokens := 2*n.cfg.Pairs, tau.Dim(0)
	slope := t.Add(t.Slice(head, 1, 0, m), t.Param(f.slope))
	shift := t.Reshape(t.Add(t.Slice(head, 1, m, 2*m), t.Param(f.shift)), tokens, 1, m)
	out := t.Reshape(t.Slice(head, 1, 2*m, 3*m), tokens, 1, m)
	x := t.Mul(t.Expand(slope, 1, s), t.Reshape(tau, tokens, s, 1))
	return readStates(t, n, t.Mul(t.Tanh(t.Add(x, shift)), out), tokens, s, m)
}

// patchForm has the first coefficients of the head weigh Legendre polynomials in
// local time: the linear head of a patch transformer for rows at any times.
type patchForm struct{}

// patchTerms is the number of polynomials.
const patchTerms = 8

func (patchForm) params(*network)     {}
func (patchForm) initialise(*network) {}

func (patchForm) values(t *tensor.Tape, n *network, head, tau *tensor.Tensor, s int) *tensor.Tensor {
	m, tokens := min(patchTerms, headParts*n.cfg.Pairs), tau.Dim(0)
	basis := t.New(tokens, s, m)
	for i, u := range tau.Data {
		p := basis.Data[i*m : (i+1)*m]
		x := 2*u - 1
		p[0], p[1] = 1, x
		for k := 1; k+1 < m; k++ {
			p[k+1] = (float32(2*k+1)*x*p[k] - float32(k)*p[k-1]) / float32(k+1)
		}
	}
	return t.SumAxis(t.Mul(basis, t.Reshape(t.Slice(head, 1, 0, m), tokens, 1, m)), 2)
}

// registerBody are the blocks of the network with learned tokens before the
// windows of every channel: plain extra tokens of self-attention, which pass
// through everything that the windows pass through. There are as many as cost
// what reading the hub would.
type registerBody struct {
	count    int // 0: by cost, negative: none
	register tensor.ParamID
}

// registerShare is about the cost of reading a hub of 32 tokens over that of the
// rest of a block, at width 64 and feed-forward 128, times the windows of a task.
const registerShare = 8

func (b *registerBody) params(n *network) {
	if b.count == 0 {
		b.count = registerShare
	}
	if b.count > 0 {
		b.register = n.params.Add("register", b.count, n.cfg.Width)
	}
}

func (b *registerBody) initialise(n *network, r *rand.Rand) {
	if b.count > 0 {
		tensor.NormalInto(r, n.params.Slice(b.register), .5)
	}
}

func (b *registerBody) muon() map[tensor.ParamID]int { return nil }

func (b *registerBody) tokens(t *tensor.Tape, n *network, x *tensor.Tensor, in *inputs, _ []float32, _ int) (y, own *tensor.Tensor) {
	cfg, d, rows, windows := n.cfg, n.cfg.Width, in.rows, in.windows
	count := max(b.count, 0)
	all := count + windows
	var hubTokens *tensor.Tensor
	if n.hub != nil {
		hubTokens = n.hub.Tokens(t)
	}
	var registers *tensor.Tensor // [rows, count, d]
	if count > 0 {
		registers = t.Expand(t.Param(b.register), 0, rows)
	}
	joined := func() *tensor.Tensor {
		if count == 0 {
			return x
		}
		return t.Reshape(t.Concat(1, registers, t.Reshape(x, rows, windows, d)), rows*all, d)
	}
	split := func(y *tensor.Tensor) {
		if count == 0 {
			x = y
			return
		}
		y = t.Reshape(y, rows, all, d)
		registers = t.Slice(y, 1, 0, count)
		x = t.Reshape(t.Slice(y, 1, count, all), rows*windows, d)
	}
	for i := range n.blocks {
		block := &n.blocks[i]
		if i == len(n.blocks)/2 {
			x = n.carryPhase(t, x, in)
		}
		y := joined()
		a := attn.MultiHead(t, t.Linear(t.RMSNorm(y, t.Param(block.timeNorm)), t.Param(block.timeQKV), nil, tensor.None), rows, all, 1, cfg.Heads)
		y = t.LinearAdd(y, a, t.Param(block.timeOut), nil)
		if in.channels > 1 {
			a = attn.MultiHead(t, t.Linear(t.RMSNorm(y, t.Param(block.channelNorm)), t.Param(block.channelQKV), nil, tensor.None), rows/in.channels, in.channels, all, cfg.Heads)
			y = t.LinearAdd(y, a, t.Param(block.channelOut), nil)
		}
		if n.hub != nil {
			y = n.hub.Read(t, y, hubTokens, t.RMSNorm(y, t.Param(block.hubNorm)), block.hubRead)
		}
		h := t.Linear(t.RMSNorm(y, t.Param(block.feedNorm)), t.Param(block.feedIn), nil, tensor.None)
		split(t.LinearAdd(y, t.Glu(h), t.Param(block.feedOut), nil))
	}
	return x, nil
}

// byColumn draws weights of standard deviation 1/sqrt(rows).
func byColumn(n *network, r *rand.Rand, ids ...tensor.ParamID) {
	for _, id := range ids {
		tensor.NormalInto(r, n.params.Slice(id), 1/math.Sqrt(float64(n.params.Shape(id).Dim(0))))
	}
}

// acrossChannels returns for each row of x [rows, d] the mean over the channels
// of its system.
func acrossChannels(t *tensor.Tape, x *tensor.Tensor, channels int) *tensor.Tensor {
	rows, d := x.Dim(0), x.Dim(1)
	if channels == 1 {
		return x
	}
	mean := t.MeanAxis(t.Reshape(x, rows/channels, channels, d), 1)
	return t.Reshape(t.Expand(mean, 1, channels), rows, d)
}

// gruBody runs a GRU through all windows of each channel, seen and unseen; its
// gates also see the mean of the last states over the channels of the system.
type gruBody struct {
	hidden                     int
	in, bias, state, mean, out tensor.ParamID
}

func (b *gruBody) params(n *network) {
	d := n.cfg.Width
	b.hidden = 2 * d
	p := n.params
	b.in, b.bias = p.Add("gru.in", d, 3*b.hidden), p.Add("gru.bias", 6*b.hidden)
	b.state, b.mean = p.Add("gru.state", b.hidden, 3*b.hidden), p.Add("gru.mean", b.hidden, 3*b.hidden)
	b.out = p.Add("gru.out", b.hidden, d)
}

func (b *gruBody) initialise(n *network, r *rand.Rand) {
	byColumn(n, r, b.in, b.state, b.out)
	tensor.NormalInto(r, n.params.Slice(b.mean), .02)
}

func (b *gruBody) muon() map[tensor.ParamID]int {
	return map[tensor.ParamID]int{b.in: 3, b.state: 3, b.mean: 3, b.out: 1}
}

func (b *gruBody) tokens(t *tensor.Tape, n *network, x *tensor.Tensor, in *inputs, _ []float32, _ int) (y, own *tensor.Tensor) {
	rows, windows, h, d := in.rows, in.windows, b.hidden, n.cfg.Width
	byTime := t.Reshape(t.Transpose(t.Reshape(x, rows, windows, d), 0, 1), windows*rows, d)
	biases := t.Param(b.bias)
	gates := t.Linear(byTime, t.Param(b.in), t.Slice(biases, 0, 0, 3*h), tensor.None)
	last := t.New(rows, h)
	states := make([]*tensor.Tensor, windows)
	for k := range windows {
		g := t.Slice(gates, 0, k*rows, (k+1)*rows)
		if in.channels > 1 && k > 0 {
			g = t.Add(g, t.Linear(acrossChannels(t, last, in.channels), t.Param(b.mean), nil, tensor.None))
		}
		s := t.Linear(last, t.Param(b.state), t.Slice(biases, 0, 3*h, 6*h), tensor.None)
		both := t.Sigmoid(t.Add(t.Slice(g, 1, 0, 2*h), t.Slice(s, 1, 0, 2*h)))
		reset, keep := t.Slice(both, 1, 0, h), t.Slice(both, 1, h, 2*h)
		fresh := t.Tanh(t.Add(t.Slice(g, 1, 2*h, 3*h), t.Mul(reset, t.Slice(s, 1, 2*h, 3*h))))
		last = t.Add(fresh, t.Mul(keep, t.Sub(last, fresh)))
		states[k] = last
	}
	y = t.Linear(t.Concat(0, states...), t.Param(b.out), nil, tensor.None)
	y = t.Reshape(t.Transpose(t.Reshape(y, windows, rows, d), 0, 1), rows*windows, d)
	return t.Add(x, y), nil
}

// latentBody is a Latent ODE (Rubanova, Chen and Duvenaud 2019) without its
// variational part: a GRU reads the windows of the context backwards in time and
// gives the latent state at the start of the span, a network of two hidden layers
// is the vector field, dopri5 integrates it over the whole span and a linear map
// reads the values. State and field of a channel also see the mean over the
// channels of its system, and a constant part that the encoder gives.
type latentBody struct {
	latent, constant, hidden        int
	wi, wh, bi, bh, start, toToken  tensor.ParamID
	field                           [3]tensor.ParamID
	fieldBias                       [3]tensor.ParamID
	readout, readoutBias            tensor.ParamID
	evaluations, steps, forced, all int // of the vector field, in all
}

func (b *latentBody) params(n *network) {
	d, p := n.cfg.Width, n.params
	b.latent, b.constant, b.hidden = d/4, d/4, d
	b.wi, b.wh = p.Add("latent.encoder.in", d, 3*d), p.Add("latent.encoder.state", d, 3*d)
	b.bi, b.bh = p.Add("latent.encoder.in_bias", 3*d), p.Add("latent.encoder.state_bias", 3*d)
	b.start = p.Add("latent.start", 3*d, b.latent+b.constant)
	b.toToken = p.Add("latent.token", 3*d, d)
	sizes := []int{2*b.latent + b.constant, b.hidden, b.hidden, b.latent}
	for i := range b.field {
		b.field[i] = p.Add(fmt.Sprintf("latent.field.%d", i), sizes[i], sizes[i+1])
		b.fieldBias[i] = p.Add(fmt.Sprintf("latent.field_bias.%d", i), sizes[i+1])
	}
	b.readout, b.readoutBias = p.Add("latent.readout", b.latent, 1), p.Add("latent.readout_bias", 1)
}

func (b *latentBody) initialise(n *network, r *rand.Rand) {
	byColumn(n, r, b.wi, b.wh, b.start, b.field[0], b.field[1], b.readout)
	tensor.NormalInto(r, n.params.Slice(b.field[2]), .1/math.Sqrt(float64(b.hidden)))
	tensor.NormalInto(r, n.params.Slice(b.toToken), .02)
}

func (b *latentBody) muon() map[tensor.ParamID]int {
	return map[tensor.ParamID]int{b.wi: 3, b.wh: 3}
}

func (b *latentBody) tokens(t *tensor.Tape, n *network, x *tensor.Tensor, in *inputs, tau []float32, s int) (y, own *tensor.Tensor) {
	rows, windows, d := in.rows, in.windows, n.cfg.Width
	var back []int32
	offsets := []int32{0}
	for r, seen := range in.seen {
		for k := seen - 1; k >= 0; k-- {
			back = append(back, int32(r*windows)+k)
		}
		offsets = append(offsets, int32(len(back)))
	}
	code := t.GRU(t.GatherRows(x, back), offsets, t.Param(b.wi), t.Param(b.wh), t.Param(b.bi), t.Param(b.bh))
	code = t.Concat(1, code, acrossChannels(t, code, in.channels), t.MeanAxis(t.Reshape(x, rows, windows, d), 1))
	begin := t.Linear(code, t.Param(b.start), nil, tensor.None)
	z, constant := t.Slice(begin, 1, 0, b.latent), t.Slice(begin, 1, b.latent, b.latent+b.constant)

	path := b.integrate(t, z, constant, in.channels, float64(windows))
	// The readout is linear: values and rates at the steps are read first, and
	// the cubic Hermite interpolant between two steps runs on them.
	read := func(xs []*tensor.Tensor, bias *tensor.Tensor) *tensor.Tensor {
		return t.Linear(t.Concat(0, xs...), t.Param(b.readout), bias, tensor.None)
	}
	value, rate := read(path.z, t.Param(b.readoutBias)), read(path.rate, nil)
	sites := rows * windows * s
	left, right := make([]int32, sites), make([]int32, sites)
	var w [4]*tensor.Tensor
	for i := range w {
		w[i] = t.New(sites, 1)
	}
	for r := range rows {
		step := 0
		for k := range windows {
			for q := range s {
				i := (r*windows+k)*s + q
				u := float64(k) + float64(tau[i])
				for step+2 < len(path.at) && path.at[step+1] < u {
					step++
				}
				for step > 0 && path.at[step] > u {
					step--
				}
				left[i], right[i] = int32(step*rows+r), int32((step+1)*rows+r)
				h := path.at[step+1] - path.at[step]
				v := (u - path.at[step]) / h
				w[0].Data[i] = float32((1 + 2*v) * (1 - v) * (1 - v))
				w[1].Data[i] = float32(h * v * (1 - v) * (1 - v))
				w[2].Data[i] = float32(v * v * (3 - 2*v))
				w[3].Data[i] = float32(h * v * v * (v - 1))
			}
		}
	}
	own = t.Add(
		t.Add(t.Mul(t.GatherRows(value, left), w[0]), t.Mul(t.GatherRows(rate, left), w[1])),
		t.Add(t.Mul(t.GatherRows(value, right), w[2]), t.Mul(t.GatherRows(rate, right), w[3])))
	perRow := t.Reshape(t.Linear(code, t.Param(b.toToken), nil, tensor.None), rows, 1, d)
	y = t.Reshape(t.Add(t.Reshape(x, rows, windows, d), perRow), rows*windows, d)
	return y, t.Reshape(own, rows*windows, s)
}

// latentPath is a solution: states and rates at the ends of the steps.
type latentPath struct {
	at      []float64
	z, rate []*tensor.Tensor
}

// Dormand and Prince's pair of orders 5 and 4.
var dopri5 = [6][]float64{
	{1. / 5},
	{3. / 40, 9. / 40},
	{44. / 45, -56. / 15, 32. / 9},
	{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
	{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
	{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
}

var dopri5Error = [7]float64{71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40}

// The solver's tolerance, relative and absolute, and the shortest step, in
// windows; a step of that length is taken whatever its error, and counted.
const (
	latentTolerance = 1e-3
	latentLeastStep = .25
)

// integrate solves over [0, end] windows, one step size for the micro-batch.
// The choice of steps has no gradient; rejected steps stay on the tape and
// cost, but nothing reads them.
func (b *latentBody) integrate(t *tensor.Tape, z, constant *tensor.Tensor, channels int, end float64) latentPath {
	field := func(z *tensor.Tensor) *tensor.Tensor {
		b.evaluations++
		x := t.Concat(1, z, acrossChannels(t, z, channels), constant)
		for i := range b.field {
			x = t.Linear(x, t.Param(b.field[i]), t.Param(b.fieldBias[i]), tensor.None)
			if i+1 < len(b.field) {
				x = t.Tanh(x)
			}
		}
		return x
	}
	path := latentPath{at: []float64{0}, z: []*tensor.Tensor{z}, rate: []*tensor.Tensor{field(z)}}
	at, h := 0., 1.
	for at < end {
		h = min(h, end-at)
		var k [7]*tensor.Tensor
		k[0] = path.rate[len(path.rate)-1]
		var y *tensor.Tensor
		for i, row := range dopri5 {
			y = z
			for j, a := range row {
				if a != 0 {
					y = t.Add(y, t.Scale(k[j], float32(h*a)))
				}
			}
			k[i+1] = field(y)
		}
		sum := 0.
		for i := range y.Data {
			e := 0.
			for j, c := range dopri5Error {
				e += h * c * float64(k[j].Data[i])
			}
			e /= latentTolerance * (1 + max(math.Abs(float64(z.Data[i])), math.Abs(float64(y.Data[i]))))
			sum += e * e
		}
		err := math.Sqrt(sum / float64(len(y.Data)))
		b.all++
		factor := 5.
		if err > 0 {
			factor = min(max(.9*math.Pow(err, -.2), .2), 5)
		}
		if err <= 1 || h <= latentLeastStep || err != err {
			if !(err <= 1) {
				b.forced++
			}
			at += h
			if end-at < 1e-9 {
				at = end
			}
			z = y
			path.at, path.z, path.rate = append(path.at, at), append(path.z, z), append(path.rate, k[6])
			b.steps++
		}
		if err != err {
			factor = 1
		}
		h = max(h*factor, latentLeastStep)
	}
	return path
}

// TestLatentIntegration: the solver of the Latent ODE meets its tolerance on a
// linear field with a known solution.
func TestLatentIntegration(t *testing.T) {
	n := newNetwork(smallConfig())
	b := &latentBody{}
	b.params(n)
	// tanh is linear for small arguments: z' = -0.3 z through a tiny gain.
	const gain = 1e-3
	for i := range b.latent {
		n.params.Slice(b.field[0])[i*b.hidden+i] = gain
		n.params.Slice(b.field[1])[i*b.hidden+i] = 1
		n.params.Slice(b.field[2])[i*b.latent+i] = -.3 / gain
	}
	tape := tensor.NewTape(n.params, false)
	z := tape.New(2, b.latent)
	for i := range z.Data {
		z.Data[i] = float32(i+1) / 4
	}
	path := b.integrate(tape, z, tape.New(2, b.constant), 1, 12)
	require.Equal(t, 12., path.at[len(path.at)-1])
	require.Less(t, len(path.at), 13) // longer steps than the first
	for i, at := range path.at {
		for j, v := range path.z[i].Data {
			require.InDelta(t, math.Exp(-.3*at)*float64(z.Data[j]), v, 3e-3)
		}
	}
}
