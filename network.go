package lassode

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lassode/lassode/attn"
	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/hub"
	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/tensor"
)

// headParts counts the outputs of a token's head per latent pair: growth,
// frequency, start (2), drive (2).
const headParts = 6

// headExtra counts the outputs beside the pairs: the gate of the token's own
// ODE and the log scale of the error at both edges of the window.
const headExtra = 3

// maxGrowth bounds the growth and decay rate of a latent pair, per window.
const maxGrowth = 3

// network holds the parameters and the places where each of them is used.
type network struct {
	cfg    Config
	params *tensor.Params

	gruIn, gruHidden, gruInBias, gruHiddenBias tensor.ParamID
	encode, window, tokenBias                  tensor.ParamID
	channel, guide, guides, refine             tensor.ParamID
	phaseNorm, phaseHead, phaseOut             tensor.ParamID
	headNorm, head, headBias                   tensor.ParamID
	growth, frequency, phaseFrequency, readout tensor.ParamID

	mixCandidate, mixIn, mixInBias  tensor.ParamID
	mixLayer, mixLayerBias          [2]tensor.ParamID
	mixJoint, mixJointBias          tensor.ParamID
	mixOut, mixOutBias, insideOut   tensor.ParamID
	insideBias, insideError, mixRow tensor.ParamID

	blocks []block
	hub    *hub.Hub // nil without hub tokens
}

// block holds the parameters of one attention block.
type block struct {
	timeNorm, timeQKV, timeOut          tensor.ParamID
	channelNorm, channelQKV, channelOut tensor.ParamID
	hubNorm                             tensor.ParamID
	hubRead                             hub.Layer
	feedNorm, feedIn, feedOut           tensor.ParamID
}

// newNetwork lays out the parameters of cfg, all zero.
func newNetwork(cfg Config) *network {
	n := &network{cfg: cfg, params: tensor.NewParams()}
	p, d := n.params, cfg.Width
	n.gruIn = p.Add("encoder.input", pointFeatures, 3*cfg.Encoder)
	n.gruHidden = p.Add("encoder.hidden", cfg.Encoder, 3*cfg.Encoder)
	n.gruInBias = p.Add("encoder.input_bias", 3*cfg.Encoder)
	n.gruHiddenBias = p.Add("encoder.hidden_bias", 3*cfg.Encoder)
	n.encode = p.Add("token.encoder", cfg.Encoder, d)
	n.window = p.Add("token.window", windowFeatures, d)
	n.tokenBias = p.Add("token.bias", d)
	n.channel = p.Add("token.channel", channelFeatures, d)
	n.guide = p.Add("token.guide", guideFeatures, d)
	n.guides = p.Add("token.guides", guideSamples*guideSlots, d)
	if cfg.HubTokens > 0 {
		n.hub = hub.New(p, "hub", cfg.HubTokens, d)
	}
	for i := range cfg.Blocks {
		name := fmt.Sprintf("block.%d.", i)
		b := block{
			timeNorm:    p.Add(name+"time.norm", d),
			timeQKV:     p.Add(name+"time.qkv", d, 3*d),
			timeOut:     p.Add(name+"time.out", d, d),
			channelNorm: p.Add(name+"channel.norm", d),
			channelQKV:  p.Add(name+"channel.qkv", d, 3*d),
			channelOut:  p.Add(name+"channel.out", d, d),
		}
		if cfg.HubTokens > 0 {
			b.hubNorm = p.Add(name+"hub.norm", d)
			b.hubRead = n.hub.NewLayer(p, name+"hub", cfg.Heads)
		}
		b.feedNorm = p.Add(name+"feed.norm", d)
		b.feedIn = p.Add(name+"feed.in", d, 2*cfg.Feed)
		b.feedOut = p.Add(name+"feed.out", cfg.Feed, d)
		n.blocks = append(n.blocks, b)
	}
	n.phaseNorm = p.Add("phase.norm", d)
	n.phaseHead = p.Add("phase.head", d, 4*cfg.PhaseModes)
	n.phaseFrequency = p.Add("phase.frequency", cfg.PhaseModes)
	n.phaseOut = p.Add("phase.out", 2*cfg.PhaseModes, d)
	n.headNorm = p.Add("head.norm", d)
	n.head = p.Add("head.weight", d, headParts*cfg.Pairs+headExtra)
	n.headBias = p.Add("head.bias", headParts*cfg.Pairs+headExtra)
	n.growth = p.Add("head.growth", cfg.Pairs)
	n.frequency = p.Add("head.frequency", cfg.Pairs)
	n.readout = p.Add("head.readout", 2*cfg.Pairs)

	m := cfg.Mixer
	n.mixCandidate = p.Add("mixer.candidate", classical.NumGuides, m)
	n.mixIn = p.Add("mixer.in", classical.NumFeatures, m)
	n.mixInBias = p.Add("mixer.in_bias", m)
	for i := range n.mixLayer {
		n.mixLayer[i] = p.Add(fmt.Sprintf("mixer.layer.%d", i), 2*m, m)
		n.mixLayerBias[i] = p.Add(fmt.Sprintf("mixer.layer_bias.%d", i), m)
	}
	n.mixJoint = p.Add("mixer.joint", 2*m, m)
	n.mixJointBias = p.Add("mixer.joint_bias", m)
	n.mixOut = p.Add("mixer.out", m, 3)
	n.mixOutBias = p.Add("mixer.out_bias", 3)
	n.mixRow = p.Add("mixer.row", m, d)
	n.refine = p.Add("mixer.refine", d, 2*guideSlots)
	n.insideOut = p.Add("mixer.inside", channelFeatures, classical.NumInside)
	n.insideBias = p.Add("mixer.inside_bias", classical.NumInside)
	n.insideError = p.Add("mixer.inside_error", classical.NumInside, classical.NumInside)
	return n
}

// initialise draws the starting values of all parameters.
func (n *network) initialise(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x6c617373))
	p := n.params
	normal := func(id tensor.ParamID, std float64) { tensor.NormalInto(r, p.Slice(id), std) }
	fanIn := func(id tensor.ParamID) { normal(id, 1/math.Sqrt(float64(p.Shape(id).Dim(0)))) }
	fill := func(id tensor.ParamID, v float32) {
		s := p.Slice(id)
		for i := range s {
			s[i] = v
		}
	}
	space := func(id tensor.ParamID, lo, hi float64) { // logarithms, evenly spaced
		s := p.Slice(id)
		for i := range s {
			s[i] = float32(math.Log(lo) + (math.Log(hi)-math.Log(lo))*float64(i)/float64(max(len(s)-1, 1)))
		}
	}
	for _, id := range []tensor.ParamID{n.gruIn, n.gruHidden, n.encode, n.window, n.channel, n.guide, n.mixIn} {
		fanIn(id)
	}
	out := .02 / math.Sqrt(float64(2*n.cfg.Blocks))
	for i := range n.blocks {
		b := &n.blocks[i]
		fill(b.timeNorm, 1)
		fill(b.channelNorm, 1)
		fill(b.feedNorm, 1)
		fanIn(b.timeQKV)
		fanIn(b.channelQKV)
		fanIn(b.feedIn)
		normal(b.timeOut, out)
		normal(b.channelOut, out)
		normal(b.feedOut, out)
		if n.hub != nil {
			fill(b.hubNorm, 1)
			fanIn(b.hubRead.Q)
			fanIn(b.hubRead.K)
			fanIn(b.hubRead.V)
			normal(b.hubRead.Out, out)
		}
	}
	if n.hub != nil {
		normal(n.hub.Token, .5)
		fill(n.hub.Gate, .1)
	}
	fill(n.phaseNorm, 1)
	fanIn(n.phaseHead)
	space(n.phaseFrequency, .1, 4)
	normal(n.phaseOut, .02)
	fill(n.headNorm, 1)
	normal(n.head, .005)
	p.Slice(n.headBias)[headParts*n.cfg.Pairs+1] = -2
	p.Slice(n.headBias)[headParts*n.cfg.Pairs+2] = -2
	fill(n.growth, -.2)
	space(n.frequency, .25, 9)
	fill(n.readout, float32(2/math.Sqrt(float64(2*n.cfg.Pairs))))
	normal(n.mixCandidate, .1)
	normal(n.guides, .05)
	normal(n.mixRow, .05)
	for _, id := range []tensor.ParamID{n.mixLayer[0], n.mixLayer[1], n.mixJoint} {
		fanIn(id)
	}
	for i := range classical.NumInside {
		p.Slice(n.insideError)[i*classical.NumInside+i] = -6
	}
}

// inputs is a micro-batch of systems with the same numbers of channels and
// windows. Rows are (system, channel), tokens (system, channel, window). It
// belongs to one goroutine and is reused.
type inputs struct {
	channels, windows int
	rows              int

	seen     []int32   // per row
	points   []float32 // pointFeatures per observation, in token order
	offsets  []int32   // first point of each token, and the end
	window   []float32 // windowFeatures per token
	channel  []float32 // channelFeatures per row
	features []float32 // NumGuides x NumFeatures per row
	prior    []float32 // NumGuides per row: log10 validation error
	inside   []float32 // NumInside per row: log10 error on observations left out
	nodes    []float32 // guideNodes x guideSlots per token
	nodeTau  []float32 // guideNodes per token
	trust    []float32 // per token: log10 of the error expected of the guides
}

// reset empties the micro-batch.
func (in *inputs) reset(channels, windows int) {
	in.channels, in.windows, in.rows = channels, windows, 0
	in.seen = in.seen[:0]
	in.points = in.points[:0]
	in.offsets = append(in.offsets[:0], 0)
	in.window = in.window[:0]
	in.channel = in.channel[:0]
	in.features = in.features[:0]
	in.prior = in.prior[:0]
	in.inside = in.inside[:0]
	in.nodes = in.nodes[:0]
	in.nodeTau = in.nodeTau[:0]
	in.trust = in.trust[:0]
}

// extend grows a slice by n entries of arbitrary contents and returns them.
func extend[T any](s *[]T, n int) []T {
	at := len(*s)
	for cap(*s) < at+n {
		*s = append((*s)[:cap(*s)], *new(T))
	}
	*s = (*s)[:at+n]
	return (*s)[at:]
}

// add appends a prepared system.
func (in *inputs) add(s *system) {
	if s.channels != in.channels || s.geo.count != in.windows {
		panic(fmt.Sprintf("lassode: add: system of %d channels, %d windows to a batch of %d, %d", s.channels, s.geo.count, in.channels, in.windows))
	}
	for c := range s.channels {
		in.rows++
		in.seen = append(in.seen, int32(s.geo.seen))
		s.channelInputs(extend(&in.channel, channelFeatures), c)
		features, prior := extend(&in.features, classical.NumGuides*classical.NumFeatures), extend(&in.prior, classical.NumGuides)
		inside := extend(&in.inside, classical.NumInside)
		if s.bare {
			clear(features)
			clear(prior)
			clear(inside)
		} else {
			s.bank.Features(features, c)
			s.bank.LogError(c, prior)
			s.bank.InsideError(c, inside)
		}
		lo := 0
		last := 0.0 // time of the previous observation
		for k := range s.geo.count {
			seen := k < s.geo.seen
			hi := lo
			if seen {
				for hi < len(s.times) && (s.times[hi] < float64(k+1) || k+1 == s.geo.seen) {
					hi++
				}
			}
			for r := lo; r < hi; r++ {
				x := s.values[r*s.channels+c]
				if x != x {
					continue
				}
				u := s.times[r]
				in.points = append(in.points, float32(x), float32(2*(u-float64(k))-1), float32(min(4*(u-last), 8)), 1)
				last = u
			}
			in.offsets = append(in.offsets, int32(len(in.points)/pointFeatures))
			s.fitWindow(extend(&in.window, windowFeatures), c, k, lo, hi)
			lo = hi
			for i := range guideNodes {
				tau := (float64(i) + .5) / guideNodes
				in.nodeTau = append(in.nodeTau, float32(tau))
				s.evalGuides(extend(&in.nodes, guideSlots), c, float64(k)+tau, seen)
			}
			if seen {
				in.trust = append(in.trust, float32(s.noise[c]))
			} else {
				in.trust = append(in.trust, float32(s.best[c]))
			}
		}
	}
}

// guidesApart writes what tokens see of the single guides: at some of the
// nodes, how far each is from the mixture, mixed [tokens, guideNodes].
func (in *inputs) guidesApart(dst, mixed []float32) {
	for token := range in.rows * in.windows {
		lo, hi := 0, classical.NumGuides
		if token%in.windows < int(in.seen[token/in.windows]) {
			lo, hi = hi, guideSlots
		}
		for i := range guideSamples {
			node := token*guideNodes + i*(guideNodes-1)/(guideSamples-1)
			out := dst[(token*guideSamples+i)*guideSlots:][:guideSlots]
			g := in.nodes[node*guideSlots:][:guideSlots]
			m := mixed[node]
			for j := lo; j < hi; j++ {
				out[j] = min(max(g[j]-m, -3), 3)
			}
		}
	}
}

// encoded is what the network makes of a micro-batch: per token the mixing
// weights of the guides [rows, windows, 2, guideSlots] and the head output,
// and the tokens that entered each hub read and the final ones.
type encoded struct {
	first   *tensor.Tensor   // [tokens, 2, guideSlots], weights of the mixer alone
	weights *tensor.Tensor   // the same, refined by the tokens
	growth  *tensor.Tensor   // [tokens, pairs], per window
	freq    *tensor.Tensor   // [tokens, pairs], radians per window
	start   *tensor.Tensor   // [tokens, 2 pairs]
	drive   *tensor.Tensor   // [tokens, 2 pairs]
	gate    *tensor.Tensor   // [tokens, 1], share of the token's own ODE
	scale   *tensor.Tensor   // [tokens, 2], log scale of the error at both edges
	tokens  *tensor.Tensor   // [tokens, width] before the head
	reads   []*tensor.Tensor // normalised tokens that read the hub, per block
}

// forward runs the network over a micro-batch. reads is appended to enc.reads
// only when wantReads.
func (n *network) forward(t *tensor.Tape, in *inputs, enc *encoded, wantReads bool) {
	cfg, d := n.cfg, n.cfg.Width
	rows, windows := in.rows, in.windows
	tokens := rows * windows
	enc.reads = enc.reads[:0]

	first, candidates := n.mix(t, in)
	enc.first = t.Reshape(first, tokens, 2, guideSlots)
	nodes := mixGuides(t, enc.first, in.nodes, in.nodeTau, guideNodes)
	apart := t.New(tokens, guideSamples*guideSlots)
	in.guidesApart(apart.Data, nodes.Data)
	side := t.New(tokens, guideFeatures-guideNodes)
	for i := range tokens {
		f := side.Data[i*(guideFeatures-guideNodes):]
		mid := i*guideNodes + guideNodes/2
		spread := guideSpread(enc.first.Data[i*2*guideSlots:], in.nodes[mid*guideSlots:], nodes.Data[mid], in.nodeTau[mid])
		f[0] = float32(math.Log10(spread+1e-6)) / 2
		f[1] = in.trust[i]
		f[2] = 1
	}

	x := t.Linear(t.Input(in.window, tokens, windowFeatures), t.Param(n.window), t.Param(n.tokenBias), tensor.None)
	if len(in.points) > 0 {
		hidden := t.GRU(t.Input(in.points, len(in.points)/pointFeatures, pointFeatures), in.offsets,
			t.Param(n.gruIn), t.Param(n.gruHidden), t.Param(n.gruInBias), t.Param(n.gruHiddenBias))
		x = t.LinearAdd(x, hidden, t.Param(n.encode), nil)
	}
	x = t.LinearAdd(x, t.Concat(1, t.Scale(t.Clamp(nodes, -guideBound, guideBound), .5), side), t.Param(n.guide), nil)
	x = t.LinearAdd(x, apart, t.Param(n.guides), nil)
	perRow := t.Linear(t.Input(in.channel, rows, channelFeatures), t.Param(n.channel), nil, tensor.None)
	perRow = t.LinearAdd(perRow, t.MeanAxis(candidates, 1), t.Param(n.mixRow), nil)
	x = t.Reshape(t.Add(t.Reshape(x, rows, windows, d), t.Reshape(perRow, rows, 1, d)), tokens, d)

	var hubTokens *tensor.Tensor
	if n.hub != nil {
		hubTokens = n.hub.Tokens(t)
	}
	for i := range n.blocks {
		b := &n.blocks[i]
		if i == len(n.blocks)/2 {
			x = n.carryPhase(t, x, in)
		}
		h := t.RMSNorm(x, t.Param(b.timeNorm))
		a := attn.MultiHead(t, t.Linear(h, t.Param(b.timeQKV), nil, tensor.None), rows, windows, 1, cfg.Heads)
		x = t.LinearAdd(x, a, t.Param(b.timeOut), nil)
		if in.channels > 1 {
			h = t.RMSNorm(x, t.Param(b.channelNorm))
			a = attn.MultiHead(t, t.Linear(h, t.Param(b.channelQKV), nil, tensor.None), rows/in.channels, in.channels, windows, cfg.Heads)
			x = t.LinearAdd(x, a, t.Param(b.channelOut), nil)
		}
		if n.hub != nil {
			h = t.RMSNorm(x, t.Param(b.hubNorm))
			if wantReads {
				enc.reads = append(enc.reads, h)
			}
			x = n.hub.Read(t, x, hubTokens, h, b.hubRead)
		}
		h = t.Linear(t.RMSNorm(x, t.Param(b.feedNorm)), t.Param(b.feedIn), nil, tensor.None)
		x = t.LinearAdd(x, t.Glu(h), t.Param(b.feedOut), nil)
	}
	enc.tokens = x

	x = t.RMSNorm(x, t.Param(n.headNorm))
	enc.weights = refineWeights(t, enc.first, t.Linear(x, t.Param(n.refine), nil, tensor.None), in.seen, windows)
	head := t.Linear(x, t.Param(n.head), t.Param(n.headBias), tensor.None)
	p := cfg.Pairs
	enc.growth = boundedGrowth(t, t.Add(t.Slice(head, 1, 0, p), t.Param(n.growth)))
	enc.freq = t.Exp(t.Add(t.Tanh(t.Slice(head, 1, p, 2*p)), t.Param(n.frequency)))
	enc.start = t.Slice(head, 1, 2*p, 4*p)
	enc.drive = t.Slice(head, 1, 4*p, 6*p)
	trust := t.New(tokens, 1)
	for i, e := range in.trust {
		trust.Data[i] = 2 * (e + 1.7)
	}
	enc.gate = t.Sigmoid(t.Add(t.Slice(head, 1, 6*p, 6*p+1), trust))
	enc.scale = boundedScale(t, t.Slice(head, 1, 6*p+1, 6*p+3))
}

// Bounds of the logarithm of the predicted scale of errors. The lower is about what
// single precision can tell.
const leastScale, mostScale = -13, 4

// boundedScale maps any number to the logarithm of a scale between leastScale and mostScale.
// It bends softly to the lower bound: a scale that is far too small must have a slope to rise by.
func boundedScale(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return t.Clamp(t.AddScalar(t.Softplus(t.AddScalar(x, -leastScale)), leastScale), leastScale, mostScale)
}

// boundedGrowth maps any number to a growth rate per window within
// (-maxGrowth, maxGrowth).
func boundedGrowth(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return t.Scale(t.Tanh(t.Scale(x, 1./maxGrowth)), maxGrowth)
}

// carryPhase propagates modes of the last seen token of every row in closed
// form into the row's unseen tokens: it gives phase to the far future.
func (n *network) carryPhase(t *tensor.Tape, x *tensor.Tensor, in *inputs) *tensor.Tensor {
	m, windows := n.cfg.PhaseModes, in.windows
	last := t.Ints(in.rows)
	tau := t.New(in.rows, windows)
	ahead := t.New(in.rows, windows, 1)
	any := false
	for r, seen := range in.seen {
		last[r] = int32(r*windows) + seen - 1
		for k := int(seen); k < windows; k++ {
			tau.Data[r*windows+k] = float32(k - int(seen) + 1)
			ahead.Data[r*windows+k] = 1
			any = true
		}
	}
	if !any {
		return x
	}
	h := t.Linear(t.RMSNorm(t.GatherRows(x, last), t.Param(n.phaseNorm)), t.Param(n.phaseHead), nil, tensor.None)
	decay := t.Scale(t.Softplus(t.AddScalar(t.Slice(h, 1, 0, m), -3)), -1)
	freq := t.Exp(t.Add(t.Tanh(t.Slice(h, 1, m, 2*m)), t.Param(n.phaseFrequency)))
	states := linode.PairsStates(t, decay, freq, t.Slice(h, 1, 2*m, 4*m), t.New(in.rows, 2*m), tau)
	add := t.Mul(t.Linear(states, t.Param(n.phaseOut), nil, tensor.None), ahead)
	return t.Add(x, t.Reshape(add, in.rows*windows, n.cfg.Width))
}

// mix runs the mixer: a small network over the candidates of a row, each with
// its features, that sees the mean and the maximum over all candidates, and the
// mean of the same candidate over the channels of a system: a model of it is
// right for all of them or for none. Its output starts as the softmax of minus
// three times the log validation error,
// that of the interpolants as minus six times the log error on observations left
// out.
//
// It returns the weights, as guideWeights does, and the candidates' last
// features [rows, NumGuides, mixer].
func (n *network) mix(t *tensor.Tape, in *inputs) (weights, candidates *tensor.Tensor) {
	const g = classical.NumGuides
	x := t.Linear(t.Input(in.features, in.rows, g, classical.NumFeatures), t.Param(n.mixIn), t.Param(n.mixInBias), tensor.None)
	x = t.Gelu(t.Add(x, t.Param(n.mixCandidate)))
	for i := range n.mixLayer {
		var all *tensor.Tensor
		if i == 0 {
			all = t.MeanAxis(x, 1)
		} else {
			all = t.MaxAxis(x, 1)
		}
		y := t.Linear(t.Concat(2, x, t.Expand(all, 1, g)), t.Param(n.mixLayer[i]), t.Param(n.mixLayerBias[i]), tensor.Gelu)
		x = t.Add(x, y)
		if i == 0 {
			systems, m := in.rows/in.channels, n.cfg.Mixer
			all = t.MeanAxis(t.Reshape(x, systems, in.channels, g*m), 1)
			all = t.Reshape(t.Expand(all, 1, in.channels), in.rows, g, m)
			x = t.Add(x, t.Linear(t.Concat(2, x, all), t.Param(n.mixJoint), t.Param(n.mixJointBias), tensor.Gelu))
		}
	}
	logits := t.Linear(x, t.Param(n.mixOut), t.Param(n.mixOutBias), tensor.None)
	prior := t.New(in.rows, g, 1)
	for i, e := range in.prior {
		prior.Data[i] = -3 * e
	}
	logits = t.Add(logits, prior)
	inside := t.Linear(t.Input(in.channel, in.rows, channelFeatures), t.Param(n.insideOut), t.Param(n.insideBias), tensor.None)
	inside = t.Add(inside, t.Linear(t.Input(in.inside, in.rows, classical.NumInside), t.Param(n.insideError), nil, tensor.None))
	return guideWeights(t, logits, inside, in.seen, in.windows), x
}

// decodeSites evaluates the model at s sites per token, the first two of which
// are the edges tau = 0 and 1: guides [tokens, s, guideSlots] and tau [tokens,
// s]. It returns, per token and site after the edges, the state, the mixture
// of guides alone and the log scale of the error, each [tokens, s-2].
func (n *network) decodeSites(t *tensor.Tape, in *inputs, enc *encoded, guides, tau []float32, s int) (state, mixture, logScale *tensor.Tensor) {
	own := linode.PairsReadout(t, enc.growth, enc.freq, enc.start, enc.drive, t.Param(n.readout), t.Input(tau, in.rows*in.windows, s))
	return combineSites(t, in, enc, own, guides, tau, s)
}

// combineSites is decodeSites for tokens whose own values at the sites are own
// [tokens, s].
func combineSites(t *tensor.Tape, in *inputs, enc *encoded, own *tensor.Tensor, guides, tau []float32, s int) (state, mixture, logScale *tensor.Tensor) {
	tokens := in.rows * in.windows
	first := mixGuides(t, enc.first, guides, tau, s)
	mixed := mixGuides(t, enc.weights, guides, tau, s)
	y := t.Add(mixed, t.Mul(own, enc.gate))
	q := s - 2
	state = t.Reshape(join(t, t.Reshape(y, in.rows, in.windows, s), tau), tokens, q)
	mixture = t.Reshape(join(t, t.Reshape(first, in.rows, in.windows, s), tau), tokens, q)
	left, right := t.New(tokens, s), t.New(tokens, s)
	for i, u := range tau {
		left.Data[i], right.Data[i] = 1-u, u
	}
	logScale = t.Add(t.Mul(left, t.Slice(enc.scale, 1, 0, 1)), t.Mul(right, t.Slice(enc.scale, 1, 1, 2)))
	logScale = t.Reshape(join(t, t.Reshape(logScale, in.rows, in.windows, s), tau), tokens, q)
	return state, mixture, logScale
}
