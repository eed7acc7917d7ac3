package lassode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/hub"
	"github.com/lassode/lassode/optim"
	"github.com/lassode/lassode/tensor"
)

// The ablations: variants of the network, and other architectures on the same
// inputs, trained side by side. Tasks are drawn and their guides fitted once a
// step, and every contender learns from the same micro-batches; nothing in the
// network knows of it. A contender differs from the shipped design by its
// configuration, by what it sees of the inputs, by parameters that stay at zero,
// by how the head's numbers become values (its form), or by what stands in place
// of the attention blocks (its body).

// contender is one network in a comparison.
type contender struct {
	name, part, about string // part: the question that it belongs to
	cfg               Config // of a network without blocks if body is set
	view              view
	form              form // nil: the pairs of the network
	body              body // nil: the blocks of the network
	readOnly          bool // the hub is never written to
	idle              func(n *network) []tensor.ParamID
	salt              uint64 // of the starting weights

	net     *network
	tape    *tensor.Tape
	enc     encoded
	seen    viewed
	grads   []float32
	optim   *optim.Optimizer
	average *optim.EMA
	rates   optim.Schedule

	hubTokens  []float32
	hubScratch hub.Scratch

	step, skipped int
	times         []float64 // seconds of each step
	bytes         uint64    // allocated while learning
	curve         []float64 // state loss, averaged over curveSteps
	run           float64
}

// form turns the numbers of a token's head into its own values at the sites.
type form interface {
	// params adds what the form needs beside the head.
	params(n *network)
	initialise(n *network)
	// values returns [tokens, s] for head [tokens, headParts*Pairs+headExtra] and
	// tau [tokens, s].
	values(t *tensor.Tape, n *network, head, tau *tensor.Tensor, s int) *tensor.Tensor
}

// body stands in place of the blocks.
type body interface {
	params(n *network)
	initialise(n *network, r *rand.Rand)
	// tokens returns what the head reads, [tokens, width], from the embedded
	// tokens. own, if not nil, is used in place of the form's values.
	tokens(t *tensor.Tape, n *network, x *tensor.Tensor, in *inputs, tau []float32, s int) (y, own *tensor.Tensor)
	// muon are the matrices that Muon trains, with their number of column blocks;
	// AdamW trains the others.
	muon() map[tensor.ParamID]int
}

// view is what a contender sees of a micro-batch.
type view struct {
	noGuides, noPoints, noChannels bool
	windows                        int // so many windows whatever the signal; 0: as it asks
}

// viewed is the memory of a view.
type viewed struct {
	in                                                         inputs
	channel, features, prior, inside, nodes, trust, siteGuides []float32
}

// neutralTrust is the value of inputs.trust at which the gate of the token's own
// ODE depends on the head alone.
const neutralTrust = -1.7

// see returns the inputs and the guides at the sites as v shows them. They hold
// until the next call.
func (w *viewed) see(v view, in *inputs, guides []float32) (*inputs, []float32) {
	w.in = *in
	out := &w.in
	if v.noPoints {
		out.points = nil // the network leaves the recurrent encoder out
	}
	if v.noChannels {
		out.channels = 1 // every row is a system of its own
	}
	if !v.noGuides {
		return out, guides
	}
	zeros := func(s *[]float32, n int) []float32 {
		*s = resize(*s, n)
		clear(*s)
		return *s
	}
	out.features = zeros(&w.features, len(in.features))
	out.prior = zeros(&w.prior, len(in.prior))
	out.inside = zeros(&w.inside, len(in.inside))
	out.nodes = zeros(&w.nodes, len(in.nodes))
	out.trust = zeros(&w.trust, len(in.trust))
	for i := range out.trust {
		out.trust[i] = neutralTrust
	}
	w.channel = append(w.channel[:0], in.channel...)
	for i := 0; i < len(w.channel); i += channelFeatures {
		w.channel[i], w.channel[i+4] = 0, 0 // noise and least error of the guides
	}
	out.channel = w.channel
	return out, zeros(&w.siteGuides, len(guides))
}

// start makes the network and its optimiser for a run of so many steps.
func (c *contender) start(seed uint64, steps int) {
	n := newNetwork(c.cfg)
	if c.form != nil {
		c.form.params(n)
	}
	if c.body != nil {
		c.body.params(n)
	}
	n.initialise(seed + c.salt)
	if c.form != nil {
		c.form.initialise(n)
	}
	groups := n.groups(1)
	if c.body != nil {
		c.body.initialise(n, rand.New(rand.NewPCG(seed, 0xb0d7)))
		for id, blocks := range c.body.muon() {
			groups = without(groups, id)
			g := optim.Group{Name: n.params.Name(id), Rule: optim.Muon, Params: []tensor.ParamID{id}, LR: .02, WeightDecay: .02, Blocks: blocks}
			groups = append(groups, g)
		}
	}
	if c.idle != nil {
		for _, id := range c.idle(n) {
			clear(n.params.Slice(id))
			groups = without(groups, id)
		}
	}
	c.net = n
	c.tape = tensor.NewTape(n.params, true)
	c.optim = optim.New(n.params, groups)
	c.optim.Workers = 1
	c.average = optim.NewEMA(n.params, .999)
	c.rates = optim.Schedule{WarmUp: min(200, steps/10+1), Flat: steps * 3 / 10, Total: steps, Floor: .02}
	c.grads = make([]float32, n.params.Len())
}

// without returns groups in which id is not trained.
func without(groups []optim.Group, id tensor.ParamID) []optim.Group {
	out := slices.Clone(groups)
	for i := range out {
		out[i].Params = slices.DeleteFunc(slices.Clone(out[i].Params), func(p tensor.ParamID) bool { return p == id })
	}
	return out
}

// evaluate runs the contender over a micro-batch that it sees in full, at s
// sites per token.
func (c *contender) evaluate(t *tensor.Tape, all *inputs, guides, tau []float32, s int) (state, mixture, logScale *tensor.Tensor) {
	in, guides := c.seen.see(c.view, all, guides)
	n, enc := c.net, &c.enc
	if c.body != nil {
		blocks := n.blocks
		n.blocks = nil
		n.forward(t, in, enc, false) // the embedding and the mixture of the guides
		n.blocks = blocks
	} else {
		n.forward(t, in, enc, false)
	}
	if c.body == nil && c.form == nil {
		return n.decodeSites(t, in, enc, guides, tau, s)
	}
	x := enc.tokens
	var own *tensor.Tensor
	if c.body != nil {
		x, own = c.body.tokens(t, n, x, in, tau, s)
	}
	p := n.cfg.Pairs
	x = t.RMSNorm(x, t.Param(n.headNorm))
	head := t.Linear(x, t.Param(n.head), t.Param(n.headBias), tensor.None)
	if c.body != nil {
		// As at the end of forward, which has seen the embedding only.
		enc.weights = refineWeights(t, enc.first, t.Linear(x, t.Param(n.refine), nil, tensor.None), in.seen, in.windows)
		trust := t.New(in.rows*in.windows, 1)
		for i, e := range in.trust {
			trust.Data[i] = 2 * (e - neutralTrust)
		}
		enc.gate = t.Sigmoid(t.Add(t.Slice(head, 1, headParts*p, headParts*p+1), trust))
		enc.scale = boundedScale(t, t.Slice(head, 1, headParts*p+1, headParts*p+3))
	}
	if own == nil {
		f := c.form
		if f == nil {
			f = pairsForm{}
		}
		own = f.values(t, n, head, t.Input(tau, in.rows*in.windows, s), s)
	}
	return combineSites(t, in, enc, own, guides, tau, s)
}

// learn runs a micro-batch forward and backward.
func (c *contender) learn(ts *tasks, share float32) losses {
	c.tape.Reset()
	state, mixture, logScale := c.evaluate(c.tape, &ts.in, ts.guides, ts.tau, sitesPerWindow)
	return ts.score(c.tape, state, mixture, logScale, share)
}

// update ends a step.
func (c *contender) update(total float64) {
	copy(c.grads, c.tape.Grads())
	c.tape.ZeroGrads()
	norm := optim.ClipGlobalNorm(c.grads, 1)
	if !isFinite(norm) || !isFinite(total) {
		c.skipped++
	} else {
		c.optim.Step(c.grads, c.rates.At(c.step))
		c.average.Update(c.net.params.Data())
		if h, p := c.net.hub, c.net.params; h != nil && !c.readOnly {
			c.hubTokens = resize(c.hubTokens, h.Size*h.Width)
			h.Effective(c.hubTokens, p)
			h.Write(p.Slice(h.Memory), c.hubTokens, c.enc.tokens.Data, hubRate, &c.hubScratch)
		}
	}
	c.step++
}

// averaged runs f with the averaged weights in place of the last step's.
func (c *contender) averaged(f func()) {
	data := c.net.params.Data()
	last := slices.Clone(data)
	copy(data, c.average.Data())
	if h := c.net.hub; h != nil { // the memory is no weight
		at := c.net.params.Offset(h.Memory)
		copy(c.net.params.Slice(h.Memory), last[at:])
	}
	f()
	copy(data, last)
}

// curveSteps is the number of steps behind each point of a loss curve.
const curveSteps = 25

// memorySteps is the number of steps in which the memory of tapes is counted: it
// grows to that of the largest micro-batch, and the count costs time.
const memorySteps = 50

// allocatedBytes counts what was allocated so far, by the whole process.
func allocatedBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// lockstep trains contenders side by side: micro micro-batches of so many tokens
// a step, from [lo, hi) of src. report is called after each step; an error ends
// the run.
func lockstep(all []*contender, base Config, src Source, lo, hi int, seed uint64, steps, micro, tokens int, report func(step int) error) error {
	opt := newTaskOptions(src, lo, hi)
	draws := map[int]*tasks{} // by the windows of the view
	for _, c := range all {
		c.start(seed, steps)
		draws[c.view.windows] = &tasks{}
	}
	seconds, sums := make([]float64, len(all)), make([]losses, len(all))
	for step := range steps {
		clear(seconds)
		clear(sums)
		for m := range micro {
			for windows, ts := range draws {
				cfg := base
				if windows > 0 {
					cfg.MinWindows, cfg.MaxWindows = windows, windows
				}
				r := rand.New(rand.NewPCG(seed, uint64(step*micro+m)))
				if err := ts.draw(r, cfg, src, opt, tokens); err != nil {
					return err
				}
			}
			for i, c := range all {
				var before uint64
				if step < memorySteps {
					before = allocatedBytes()
				}
				begin := time.Now()
				l := c.learn(draws[c.view.windows], 1/float32(micro))
				seconds[i] += time.Since(begin).Seconds()
				if step < memorySteps {
					c.bytes += allocatedBytes() - before
				}
				sums[i].total += l.total / float64(micro)
				sums[i].state += l.state / float64(micro)
			}
		}
		for i, c := range all {
			begin := time.Now()
			c.update(sums[i].total)
			c.times = append(c.times, seconds[i]+time.Since(begin).Seconds())
			c.run += sums[i].state / curveSteps
			if c.step%curveSteps == 0 {
				c.curve = append(c.curve, c.run)
				c.run = 0
			}
		}
		if err := report(step + 1); err != nil {
			return err
		}
	}
	return nil
}

// probe is a batch of evaluation tasks with equal numbers of channels and
// windows, prepared once for all contenders.
type probe struct {
	tasks // targets and weights are those of probeSites rows a window; unit as below
	rows  []probeRow
}

// probeRow is what a row of a probe measures.
type probeRow struct {
	task int     // index in the suite
	unit float64 // of scaled values in standard deviations of the clean curve; 0: left out
}

// probeTokens is about the size of a probe.
const probeTokens = 512

// AblationTask is one forecast of an evaluation: the clean curve and what is
// seen of it. All rows behind the last one seen are asked for.
type AblationTask struct {
	Family         string
	Whole, Context Series
}

// newProbes prepares tasks, with the runs that a model knows of them and with so many windows or, for 0, as a forecast would
// choose.
func newProbes(cfg Config, windows int, suite []AblationTask, known *fleet) []*probe {
	if windows > 0 {
		cfg.MinWindows, cfg.MaxWindows = windows, windows
	}
	open := map[[2]int]*probe{}
	var out []*probe
	sys := &system{own: -1, fleet: known}
	for i := range suite {
		task := &suite[i]
		channels := task.Context.Channels()
		var values []float64
		for _, row := range task.Context.Values {
			values = append(values, row...)
		}
		times := task.Context.Times
		first, last, end := times[0], times[len(times)-1], task.Whole.Times[len(task.Whole.Times)-1]
		geo := placeWindows(cfg, first, last, end, signalWidth(times, values, channels))
		key := [2]int{channels, geo.count}
		p := open[key]
		if p == nil {
			p = &probe{}
			p.in.reset(channels, geo.count)
			open[key] = p
			out = append(out, p)
		}
		sys.prepare(geo, times, values, channels, 1)
		p.in.add(sys)
		p.ask(sys, task, i, last)
		if p.in.rows*p.in.windows >= probeTokens {
			delete(open, key)
		}
	}
	return out
}

// ask adds the rows of a task that are not seen: up to targetsPerWindow of each
// window, evenly chosen, each standing for its share of the window's rows.
func (p *probe) ask(sys *system, task *AblationTask, index int, last float64) {
	channels, geo := sys.channels, sys.geo
	tokens := channels * geo.count
	tau := extend(&p.tau, tokens*sitesPerWindow)
	guides := extend(&p.guides, tokens*sitesPerWindow*guideSlots)
	target := extend(&p.target, tokens*targetsPerWindow)
	weight := extend(&p.weight, tokens*targetsPerWindow)
	clear(target)
	clear(weight)
	inWindow := make([][]int, geo.count)
	for i, at := range task.Whole.Times {
		if at > last {
			k := min(max(int(geo.at(at)), geo.seen), geo.count-1)
			inWindow[k] = append(inWindow[k], i)
		}
	}
	for c := range channels {
		var sum, square float64
		for _, row := range task.Whole.Values {
			sum += row[c]
			square += row[c] * row[c]
		}
		n := float64(len(task.Whole.Values))
		mean := sum / n
		variance := 0.
		for _, row := range task.Whole.Values {
			variance += (row[c] - mean) * (row[c] - mean) / n
		}
		r := probeRow{task: index}
		if variance > 1e-14*square/n {
			r.unit = sys.half[c] / math.Sqrt(variance)
		}
		p.rows = append(p.rows, r)
		for k, rows := range inWindow {
			token := c*geo.count + k
			at := tau[token*sitesPerWindow:][:sitesPerWindow]
			at[0], at[1] = 0, 1
			use := min(len(rows), targetsPerWindow)
			for q := range targetsPerWindow {
				at[2+q] = .5
				if q >= use {
					continue
				}
				row := rows[(2*q+1)*len(rows)/(2*use)]
				at[2+q] = float32(geo.at(task.Whole.Times[row]) - float64(k))
				target[token*targetsPerWindow+q] = float32((task.Whole.Values[row][c] - sys.mid[c]) / sys.half[c])
				weight[token*targetsPerWindow+q] = float32(len(rows)) / float32(use)
			}
			for q, u := range at {
				sys.evalGuides(guides[(token*sitesPerWindow+q)*guideSlots:], c, float64(k)+float64(u), k < geo.seen)
			}
		}
	}
}

// measure writes the error of every task of a suite to errs: the root mean
// square error over the standard deviation of the clean curve, over rows and
// then channels, clipped at 2. state has the forecast of each probe.
func measure(probes []*probe, errs []float64, state func(p *probe) []float32) {
	square, channels := make([]float64, len(errs)), make([]float64, len(errs))
	for _, p := range probes {
		y := state(p)
		n := p.in.windows * targetsPerWindow
		for i, row := range p.rows {
			if row.unit == 0 {
				continue
			}
			var sum, count float64
			for j := i * n; j < (i+1)*n; j++ {
				if w := float64(p.weight[j]); w > 0 {
					d := row.unit * float64(y[j]-p.target[j])
					sum += w * min(d*d, 1e12)
					count += w
				}
			}
			square[row.task] += sum / count
			channels[row.task]++
		}
	}
	for i := range errs {
		errs[i] = min(math.Sqrt(square[i]/max(channels[i], 1)), 2)
	}
}

// contenders returns the comparisons about base.
func contenders(base Config) []*contender {
	var all []*contender
	add := func(c contender, change func(cfg *Config)) {
		c.cfg = base
		if change != nil {
			change(&c.cfg)
		}
		all = append(all, &c)
	}
	const usual = 32 // hub tokens
	hubOf := func(m int) func(cfg *Config) { return func(cfg *Config) { cfg.HubTokens = m } }
	phaseOff := func(n *network) []tensor.ParamID { return []tensor.ParamID{n.phaseOut} }

	channelOff := func(n *network) (ids []tensor.ParamID) {
		for _, b := range n.blocks {
			ids = append(ids, b.channelQKV, b.channelOut)
		}
		return ids
	}

	add(contender{name: "default", part: "default", about: "the shipped design, without hub tokens"}, nil)
	add(contender{name: "default again", part: "default", about: "the same from other starting weights: the size of chance", salt: 1000}, nil)

	for _, m := range []int{usual / 2, usual, 2 * usual, 4 * usual} {
		add(contender{name: fmt.Sprintf("hub of %d", m), part: "hub", about: "so many hub tokens, read and written"}, hubOf(m))
	}
	add(contender{name: "read only", part: "hub", about: "a hub of 32, read, never written", readOnly: true}, hubOf(usual))
	// Reading M tokens costs 2 d (d + M) products a token, a gated feed-forward
	// of width f costs 3 d f.
	add(contender{name: "wider feed-forward", part: "hub", about: "the cost of reading a hub of 32 in a wider feed-forward"}, func(cfg *Config) {
		cfg.Feed += 2 * (cfg.Width + usual) / 3
	})
	add(contender{name: "registers", part: "hub", about: "that cost in learned tokens that join each channel's windows", body: &registerBody{}}, nil)

	add(contender{name: "diagonal", part: "generator", about: "real decays, twice as many; as many numbers a token", form: &diagonalForm{}}, nil)
	add(contender{name: "dense", part: "generator", about: "one full matrix; as many numbers a token", form: &denseForm{}}, nil)
	add(contender{name: "plain decoder", part: "generator", about: "no ODE: a small network in local time, its weights from the token; as many numbers a token", form: &plainForm{}}, nil)

	add(contender{name: "no recurrent encoder", part: "encoder", about: "window features only (Legendre fit, ends, count)", view: view{noPoints: true}}, nil)
	add(contender{name: "no channel attention", part: "encoder", about: "every channel on its own", view: view{noChannels: true}, idle: channelOff}, nil)
	add(contender{name: "32 windows", part: "encoder", about: "always 32 windows", view: view{windows: min(32, base.MaxWindows)}}, nil)

	add(contender{name: "no guides", part: "parts", about: "tokens alone: neither inputs nor outputs of the guides", view: view{noGuides: true},
		idle: func(n *network) []tensor.ParamID { return []tensor.ParamID{n.refine} }}, nil)
	add(contender{name: "no refinement", part: "parts", about: "tokens do not change the mixture's weights",
		idle: func(n *network) []tensor.ParamID { return []tensor.ParamID{n.refine} }}, nil)
	add(contender{name: "no phase", part: "parts", about: "no modes carried from the last seen window", idle: phaseOff}, nil)

	// The guides may hide what the rest is worth: the main questions without them.
	alone := func(c contender, change func(cfg *Config)) {
		c.part, c.about, c.view.noGuides = "tokens alone", "as without the first words, beside no guides", true
		idle := c.idle
		c.idle = func(n *network) []tensor.ParamID {
			ids := []tensor.ParamID{n.refine}
			if idle != nil {
				ids = append(ids, idle(n)...)
			}
			return ids
		}
		add(c, change)
	}
	alone(contender{name: "no guides, again", salt: 1000}, nil)
	alone(contender{name: "no guides, hub of 32"}, hubOf(usual))
	alone(contender{name: "no guides, diagonal", form: &diagonalForm{}}, nil)
	alone(contender{name: "no guides, plain decoder", form: &plainForm{}}, nil)
	alone(contender{name: "no guides, no channel attention", view: view{noChannels: true}, idle: channelOff}, nil)
	alone(contender{name: "no guides, no phase", idle: phaseOff}, nil)

	for _, guides := range []bool{false, true} {
		v, suffix := view{noGuides: !guides}, ""
		if guides {
			suffix = " + guides"
		}
		w := v
		w.noPoints = true
		add(contender{name: "patch transformer" + suffix, part: "alternatives", about: "window features, attention over windows and channels, a linear head of 8 coefficients a window",
			view: w, form: &patchForm{}, idle: phaseOff}, nil)
		add(contender{name: "GRU forecaster" + suffix, part: "alternatives", about: "a GRU through all windows, coupled by the mean over channels; the same head", view: v, form: &patchForm{}, body: &gruBody{}}, nil)
		add(contender{name: "latent ODE" + suffix, part: "alternatives", about: "a GRU back over the context, a neural ODE integrated by dopri5 over the span, a linear readout", view: v, body: &latentBody{}}, nil)
	}
	return all
}

// TestContendersLearn trains every contender for some steps on oscillations.
func TestContendersLearn(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes a quarter of a minute, in one goroutine")
	}
	all := contenders(smallConfig())
	const steps = 80
	src := oscillators(24)
	first, last := make([]float64, len(all)), make([]float64, len(all))
	var ts tasks
	opt := newTaskOptions(src, 0, src.Len())
	require.NoError(t, ts.draw(rand.New(rand.NewPCG(1, 1)), smallConfig(), src, opt, 1600))
	fixed := map[int]*tasks{0: &ts}
	for _, c := range all {
		if w := c.view.windows; fixed[w] == nil {
			cfg := smallConfig()
			cfg.MinWindows, cfg.MaxWindows = w, w
			fixed[w] = &tasks{}
			require.NoError(t, fixed[w].draw(rand.New(rand.NewPCG(1, 1)), cfg, src, opt, 1600))
		}
	}
	loss := func(c *contender) float64 {
		tape := tensor.NewTape(c.net.params, false)
		data := fixed[c.view.windows]
		state, mixture, logScale := c.evaluate(tape, &data.in, data.guides, data.tau, sitesPerWindow)
		return data.score(tape, state, mixture, logScale, 1).total
	}
	err := lockstep(all, smallConfig(), src, 0, src.Len(), 3, steps, 2, 96, func(step int) error {
		for i, c := range all {
			switch step {
			case 1:
				first[i] = loss(c)
			case steps:
				last[i] = loss(c)
			}
		}
		return nil
	})
	require.NoError(t, err)
	for i, c := range all {
		t.Logf("%-28s %8d parameters, loss %.3f -> %.3f", c.name, c.net.params.Len(), first[i], last[i])
		require.Less(t, last[i], .96*first[i], c.name)
		require.Zero(t, c.skipped, c.name)
	}
}

// TestContendersGradients compares the derivative of every contender's loss
// along its own gradient, one parameter at a time, with a central difference.
func TestContendersGradients(t *testing.T) {
	if raceEnabled {
		t.Skip("takes minutes, in one goroutine")
	}
	src := oscillators(24)
	for _, c := range contenders(smallConfig()) {
		t.Run(c.name, func(t *testing.T) {
			c.start(5, 10)
			cfg := smallConfig()
			if w := c.view.windows; w > 0 {
				cfg.MinWindows, cfg.MaxWindows = w, w
			}
			var ts tasks
			for i := uint64(0); i == 0 || ts.in.channels < 2; i++ {
				require.NoError(t, ts.draw(rand.New(rand.NewPCG(8, i)), cfg, src, newTaskOptions(src, 0, src.Len()), 200))
			}
			// Away from the start, where much is zero.
			r := rand.New(rand.NewPCG(6, 6))
			p := c.net.params
			for i := range p.Data() {
				p.Data()[i] += float32(.03 * r.NormFloat64())
			}
			loss := func() float64 {
				tape := tensor.NewTape(p, false)
				state, mixture, logScale := c.evaluate(tape, &ts.in, ts.guides, ts.tau, sitesPerWindow)
				return ts.score(tape, state, mixture, logScale, 1).state
			}
			stateGrads := func() []float32 {
				c.tape.ZeroGrads()
				c.tape.Reset()
				state, _, _ := c.evaluate(c.tape, &ts.in, ts.guides, ts.tau, sitesPerWindow)
				n := ts.in.rows * ts.in.windows
				unit := c.tape.Input(ts.unit, n, 1)
				fit := c.tape.SmoothL1(c.tape.Mul(state, unit), c.tape.Mul(c.tape.Input(ts.target, n, targetsPerWindow), unit), c.tape.Input(ts.weight, n, targetsPerWindow), lossBeta)
				c.tape.Backward(c.tape.Scale(fit, 1/float32(n*targetsPerWindow)))
				return slices.Clone(c.tape.Grads())
			}()
			checked := 0
			for i := range p.Count() {
				id := tensor.ParamID(i)
				at, w := p.Offset(id), p.Slice(id)
				g := stateGrads[at : at+len(w)]
				norm := 0.
				for _, v := range g {
					norm += float64(v) * float64(v)
				}
				norm = math.Sqrt(norm)
				// By design no gradient reaches the mixer through what tokens see
				// of it; small gradients drown in the rounding of the loss.
				if strings.HasPrefix(p.Name(id), "mixer.") || norm < 4e-3 {
					continue
				}
				old := slices.Clone(w)
				h := .0005
				shifted := func(s float64) float64 {
					for j := range w {
						w[j] = old[j] + float32(s*float64(g[j])/norm)
					}
					defer copy(w, old)
					return loss()
				}
				got := (shifted(h) - shifted(-h)) / (2 * h)
				require.InDelta(t, norm, got, .05*norm+5e-4, p.Name(id))
				checked++
			}
			require.Greater(t, checked, 5)
		})
	}
}

// TestDefaultContenderIsTheNetwork: the harness adds nothing to the shipped
// design, with and without its own forms.
func TestDefaultContenderIsTheNetwork(t *testing.T) {
	src := oscillators(24)
	var ts tasks
	require.NoError(t, ts.draw(rand.New(rand.NewPCG(1, 1)), smallConfig(), src, newTaskOptions(src, 0, src.Len()), 200))
	c := contenders(smallConfig())[0]
	c.start(9, 10)
	var enc encoded
	tape := tensor.NewTape(c.net.params, true)
	want := ts.learn(c.net, tape, &enc, 1)
	require.Equal(t, want, c.learn(&ts, 1))
	require.Equal(t, tape.Grads(), c.tape.Grads())
	c.form = pairsForm{}
	c.tape.ZeroGrads()
	require.InDelta(t, want.total, c.learn(&ts, 1).total, 1e-6)
	// The registers' own run through the blocks is that of the network.
	blocks := &registerBody{count: -1}
	c.form, c.body = nil, blocks
	blocks.params(c.net)
	c.tape.ZeroGrads()
	require.InDelta(t, want.total, c.learn(&ts, 1).total, 1e-5)
}

// AblationSuite is a named set of tasks.
type AblationSuite struct {
	Name  string
	Tasks []AblationTask
}

// AblationOptions describe a run of the comparisons.
type AblationOptions struct {
	Config        Config
	Seeds         []uint64
	Steps         int
	Micro, Tokens int    // micro-batches of a step, and their tokens
	Held          int    // trajectories at the end of the source that are not trained on
	Only          string // comparisons whose name or part contains it; "": all
	Log           func(format string, args ...any)
	// Write receives each result as soon as it is known.
	Write func(AblationResult) error
}

// AblationResult is what a contender was after some steps.
type AblationResult struct {
	Name, Part, About string
	Seed              uint64
	Step, Steps       int
	Batch             int // tokens of a step
	Parameters        int
	Skipped           int
	Milliseconds      float64 // median of the steps
	Relative          float64 // median over the steps of the time over that of the default in the same step
	Megabytes         float64 // of activations and gradients
	Note              string
	Curve             []float64
	// Errors has an entry per task of each suite, Families names their kinds.
	Errors   map[string][]float64
	Families map[string][]string `json:",omitempty"` // in the records of the default only
}

// RunAblation trains all contenders from every seed and measures them
// at the end. The first result of each evaluation is the default; the guides'
// mixture alone, which is trained with it, is measured as a contender of its own.
func RunAblation(src Source, suites []AblationSuite, opt AblationOptions) error {
	probes := map[int]map[string][]*probe{} // by windows of the view, by suite
	for _, seed := range opt.Seeds {
		var all []*contender
		for i, c := range contenders(opt.Config) {
			if i == 0 || strings.Contains(c.name, opt.Only) || strings.Contains(c.part, opt.Only) {
				all = append(all, c)
			}
			if w := c.view.windows; probes[w] == nil {
				probes[w] = map[string][]*probe{}
				for _, suite := range suites {
					probes[w][suite.Name] = newProbes(opt.Config, w, suite.Tasks, nil)
				}
			}
		}
		begin := time.Now()
		err := lockstep(all, opt.Config, src, 0, src.Len()-opt.Held, seed, opt.Steps, opt.Micro, opt.Tokens, func(step int) error {
			if step%curveSteps == 0 {
				opt.Log("seed %d, step %d of %d after %.0f s: state loss of the default %.4f", seed, step, opt.Steps, time.Since(begin).Seconds(), all[0].curve[len(all[0].curve)-1])
			}
			if step != opt.Steps {
				return nil
			}
			for i, c := range all {
				r := AblationResult{Name: c.name, Part: c.part, About: c.about, Seed: seed, Step: step, Steps: opt.Steps, Batch: opt.Micro * opt.Tokens,
					Parameters: c.net.params.Len(), Skipped: c.skipped, Milliseconds: 1e3 * median(c.times), Megabytes: float64(c.bytes) / (1 << 20),
					Curve: c.curve, Errors: map[string][]float64{}}
				ratios := make([]float64, len(c.times))
				for j, s := range c.times {
					ratios[j] = s / all[0].times[j]
				}
				r.Relative = median(ratios)
				if b, ok := c.body.(*latentBody); ok {
					calls := float64(step * opt.Micro)
					r.Note = fmt.Sprintf("a forward pass takes %.0f steps and %.0f evaluations of the field; %.1f %% of the steps are at the shortest length", float64(b.steps)/calls, float64(b.evaluations)/calls, 100*float64(b.forced)/float64(b.steps))
				}
				var mixer AblationResult
				if i == 0 {
					r.Families = map[string][]string{}
					mixer = r
					mixer.Name, mixer.Part, mixer.About = "mixer alone", "parts", "the mixture of the guides that is trained with the default"
					mixer.Errors, mixer.Curve, mixer.Families = map[string][]float64{}, nil, nil
				}
				c.averaged(func() {
					for _, suite := range suites {
						errs := make([]float64, len(suite.Tasks))
						mixed := make([]float64, len(errs))
						tape := tensor.NewTape(c.net.params, false)
						run := func(first bool) func(p *probe) []float32 {
							return func(p *probe) []float32 {
								tape.Reset()
								state, mixture, _ := c.evaluate(tape, &p.in, p.guides, p.tau, sitesPerWindow)
								if first {
									return mixture.Data
								}
								return state.Data
							}
						}
						measure(probes[c.view.windows][suite.Name], errs, run(false))
						r.Errors[suite.Name] = errs
						if i == 0 {
							measure(probes[0][suite.Name], mixed, run(true))
							mixer.Errors[suite.Name] = mixed
							for _, task := range suite.Tasks {
								r.Families[suite.Name] = append(r.Families[suite.Name], task.Family)
							}
						}
					}
				})
				if err := opt.Write(r); err != nil {
					return err
				}
				if i == 0 {
					if err := opt.Write(mixer); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return s[len(s)/2]
}

// HubStudy is what the hub of a trained model does for a suite of tasks.
type HubStudy struct {
	Tokens int
	// Usage has, for each task, how much its windows read of each hub token, over
	// the blocks, one after the other, each summing to one.
	Usage [][]float64
	// Mean has, for each task, the mean over its windows of what enters the head.
	Mean [][]float64
	// Errors has the error of each task with the whole hub, with none of it read,
	// and with each of its tokens removed.
	Errors, Without []float64
	Removed         [][]float64
	// Gate is the mean size of the gates of the memory, Cosine the mean cosine
	// between two memories, Share the root mean square of what each block adds to
	// the tokens by reading, over that of the tokens that enter the head.
	Gate, Cosine float64
	Share        []float64
}

// Probed are tasks prepared for forecasts by one model.
type Probed struct {
	tasks  int
	probes []*probe
}

// Probe prepares tasks for a model.
func Probe(m *Model, tasks []AblationTask) Probed {
	return Probed{len(tasks), newProbes(m.net.cfg, 0, tasks, m.fleet)}
}

// Errors returns the error of each task, as measure does.
func (p Probed) Errors(m *Model) []float64 {
	errs := make([]float64, p.tasks)
	tape := tensor.NewTape(m.net.params, false)
	var enc encoded
	measure(p.probes, errs, func(p *probe) []float32 {
		tape.Reset()
		m.net.forward(tape, &p.in, &enc, false)
		state, _, _ := m.net.decodeSites(tape, &p.in, &enc, p.guides, p.tau, sitesPerWindow)
		return state.Data
	})
	return errs
}

// WithoutHubReads returns a model that reads nothing of its hub.
func WithoutHubReads(m *Model) *Model {
	out := m.copy()
	for i := range out.net.blocks {
		clear(out.net.params.Slice(out.net.blocks[i].hubRead.Out))
	}
	return out
}

// Silenced returns a model in which the parameters of whose names one of parts is
// part are zero.
func Silenced(m *Model, parts []string) *Model {
	out := m.copy()
	p := out.net.params
	found := false
	for i := range p.Count() {
		id := tensor.ParamID(i)
		for _, part := range parts {
			if strings.Contains(p.Name(id), part) {
				clear(p.Slice(id))
				found = true
			}
		}
	}
	if !found {
		panic(fmt.Sprintf("no parameter is named like %q", parts))
	}
	return out
}

// WithoutHubToken returns a model with one token less in its hub.
func WithoutHubToken(m *Model, token int) *Model {
	cfg := m.net.cfg
	cfg.HubTokens--
	net := newNetwork(cfg)
	for i := range net.params.Count() {
		id := tensor.ParamID(i)
		from, ok := m.net.params.Lookup(net.params.Name(id))
		if !ok {
			panic("no parameter " + net.params.Name(id))
		}
		src, dst := m.net.params.Slice(from), net.params.Slice(id)
		if len(src) == len(dst) {
			copy(dst, src)
			continue
		}
		width := len(src) - len(dst)
		copy(dst, src[:token*width])
		copy(dst[token*width:], src[(token+1)*width:])
	}
	return &Model{net: net, calibration: m.calibration}
}

// Untrained returns a model of the same shape with starting weights.
func Untrained(m *Model, seed uint64) *Model {
	net := newNetwork(m.net.cfg)
	net.initialise(seed)
	return &Model{net: net, calibration: m.calibration}
}

// Study looks at the hub of a model; with remove, at single tokens as well.
func (p Probed) Study(m *Model, remove bool) HubStudy {
	n := m.net
	size, d := n.hub.Size, n.cfg.Width
	out := HubStudy{Tokens: size}
	tape := tensor.NewTape(n.params, false)
	var enc encoded
	count := make([]float64, p.tasks)
	added, square := make([]float64, len(n.blocks)), 0.
	for range p.tasks {
		out.Usage = append(out.Usage, make([]float64, size*len(n.blocks)))
		out.Mean = append(out.Mean, make([]float64, d))
	}
	for _, probe := range p.probes {
		tape.Reset()
		n.forward(tape, &probe.in, &enc, true)
		var usage [][]float32
		for i, x := range enc.reads {
			usage = append(usage, n.hub.Usage(n.params, x.Data, n.blocks[i].hubRead))
			for _, v := range n.hub.Read(tape, nil, n.hub.Tokens(tape), x, n.blocks[i].hubRead).Data {
				added[i] += float64(v) * float64(v)
			}
		}
		for _, v := range enc.tokens.Data {
			square += float64(v) * float64(v)
		}
		for r, row := range probe.rows {
			for token := r * probe.in.windows; token < (r+1)*probe.in.windows; token++ {
				count[row.task]++
				for i, u := range usage {
					for j, v := range u[token*size : (token+1)*size] {
						out.Usage[row.task][i*size+j] += float64(v)
					}
				}
				for j, v := range enc.tokens.Data[token*d : (token+1)*d] {
					out.Mean[row.task][j] += float64(v)
				}
			}
		}
	}
	for i, c := range count {
		for _, v := range [][]float64{out.Usage[i], out.Mean[i]} {
			for j := range v {
				v[j] /= c
			}
		}
	}
	for _, a := range added {
		out.Share = append(out.Share, math.Sqrt(a/square))
	}
	memory := n.params.Slice(n.hub.Memory)
	for i, g := range n.params.Slice(n.hub.Gate) {
		out.Gate += math.Abs(float64(g)) / float64(size)
		for j := range i {
			var ab, aa, bb float64
			for k := range d {
				a, b := float64(memory[i*d+k]), float64(memory[j*d+k])
				ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
			}
			if aa > 0 && bb > 0 {
				out.Cosine += ab / math.Sqrt(aa*bb) / float64(size*(size-1)/2)
			}
		}
	}
	out.Errors = p.Errors(m)
	out.Without = p.Errors(WithoutHubReads(m))
	if remove {
		for token := range size {
			out.Removed = append(out.Removed, p.Errors(WithoutHubToken(m, token)))
		}
	}
	return out
}

// TestHubTokenRemoved: the hub without a token answers as one in which nobody
// attends to it, and a hub that nobody reads is no hub.
func TestHubTokenRemoved(t *testing.T) {
	m := smallModel(t)
	s := sine(60, 2)
	tasks := []AblationTask{{Whole: s, Context: Series{Times: s.Times[:30], Values: s.Values[:30]}}}
	p := Probe(m, tasks)
	study := p.Study(m, true)
	for i := range m.net.blocks {
		sum := 0.
		for _, v := range study.Usage[0][i*study.Tokens : (i+1)*study.Tokens] {
			sum += v
		}
		require.InDelta(t, 1, sum, 1e-4)
	}
	// The order of tokens does not matter: removing the first is removing the
	// second after the two are exchanged.
	swapped := m.copy()
	h := swapped.net.hub
	for _, id := range []tensor.ParamID{h.Token, h.Memory, h.Gate} {
		x := swapped.net.params.Slice(id)
		w := len(x) / h.Size
		for j := range w {
			x[j], x[w+j] = x[w+j], x[j]
		}
	}
	want, got := p.Errors(WithoutHubToken(m, 0)), p.Errors(WithoutHubToken(swapped, 1))
	require.InDeltaSlice(t, want, got, 1e-6)
	none := m.copy()
	for i := range none.net.blocks {
		clear(none.net.params.Slice(none.net.blocks[i].hubRead.V))
	}
	require.InDeltaSlice(t, p.Errors(none), p.Errors(WithoutHubReads(m)), 1e-6)
}
