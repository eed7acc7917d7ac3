package lassode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/optim"
	"github.com/lassode/lassode/tensor"
)

// What docs/evidence.md measures inside the engine: the token's ODE integrated
// numerically in training, and what the token's own ODE does in given weights.
// The runs themselves, gated, are in evidence_run_test.go.

// rungeReadout is linode.PairsReadout with the ODE integrated by the classical
// method of Runge and Kutta on the tape, in steps equal steps over the window, and
// the readout between them by the cubic Hermite polynomial of values and rates:
// what an integrator of fixed step with dense output does. tau [tokens, s] lies in
// 0 to 1.
func rungeReadout(t *tensor.Tape, growth, freq, start, drive, readout *tensor.Tensor, tau []float32, s, steps int) *tensor.Tensor {
	tokens, pairs := growth.Dim(0), growth.Dim(1)
	part := func(x *tensor.Tensor, side int) *tensor.Tensor {
		return t.Reshape(t.Slice(t.Reshape(x, tokens, pairs, 2), 2, side, side+1), tokens, pairs)
	}
	re, im := part(start, 0), part(start, 1)
	driveRe, driveIm := part(drive, 0), part(drive, 1)
	weight := t.Reshape(readout, pairs, 2)
	readRe, readIm := t.Slice(weight, 1, 0, 1), t.Slice(weight, 1, 1, 2)
	rate := func(re, im *tensor.Tensor) (a, b *tensor.Tensor) {
		a = t.Add(t.Sub(t.Mul(growth, re), t.Mul(freq, im)), driveRe)
		b = t.Add(t.Add(t.Mul(freq, re), t.Mul(growth, im)), driveIm)
		return a, b
	}
	read := func(re, im *tensor.Tensor) *tensor.Tensor {
		return t.Add(t.Linear(re, readRe, nil, tensor.None), t.Linear(im, readIm, nil, tensor.None))
	}
	h := 1 / float32(steps)
	a1, b1 := rate(re, im)
	values, rates := []*tensor.Tensor{read(re, im)}, []*tensor.Tensor{read(a1, b1)}
	for range steps {
		a2, b2 := rate(t.Add(re, t.Scale(a1, h/2)), t.Add(im, t.Scale(b1, h/2)))
		a3, b3 := rate(t.Add(re, t.Scale(a2, h/2)), t.Add(im, t.Scale(b2, h/2)))
		a4, b4 := rate(t.Add(re, t.Scale(a3, h)), t.Add(im, t.Scale(b3, h)))
		sum := func(k1, k2, k3, k4 *tensor.Tensor) *tensor.Tensor {
			return t.Scale(t.Add(t.Add(k1, k4), t.Scale(t.Add(k2, k3), 2)), h/6)
		}
		re, im = t.Add(re, sum(a1, a2, a3, a4)), t.Add(im, sum(b1, b2, b3, b4))
		a1, b1 = rate(re, im)
		values, rates = append(values, read(re, im)), append(rates, read(a1, b1))
	}
	nodes := steps + 1
	left, right := t.Ints(tokens*s), t.Ints(tokens*s)
	var basis [4]*tensor.Tensor
	for k := range basis {
		basis[k] = t.New(tokens*s, 1)
	}
	for i, at := range tau {
		k := min(int(at*float32(steps)), steps-1)
		u := at*float32(steps) - float32(k)
		left[i], right[i] = int32(i/s*nodes+k), int32(i/s*nodes+k+1)
		basis[0].Data[i], basis[1].Data[i] = (1+2*u)*(1-u)*(1-u), u*u*(3-2*u)
		basis[2].Data[i], basis[3].Data[i] = h*u*(1-u)*(1-u), h*u*u*(u-1)
	}
	y := t.Reshape(t.Concat(1, values...), tokens*nodes, 1)
	dy := t.Reshape(t.Concat(1, rates...), tokens*nodes, 1)
	out := t.Add(t.Mul(t.GatherRows(y, left), basis[0]), t.Mul(t.GatherRows(y, right), basis[1]))
	out = t.Add(out, t.Add(t.Mul(t.GatherRows(dy, left), basis[2]), t.Mul(t.GatherRows(dy, right), basis[3])))
	return t.Reshape(out, tokens, s)
}

// The integrated token is the closed form to the order of the method, gradients
// included: halving the steps divides the error by 16.
func TestRungeReadout(t *testing.T) {
	const tokens, pairs, s = 40, 3, 10
	r := rand.New(rand.NewPCG(3, 3))
	shapes := [][]int{{tokens, pairs}, {tokens, pairs}, {tokens, 2 * pairs}, {tokens, 2 * pairs}, {2 * pairs}}
	var data [5][]float32
	for i, sh := range shapes {
		size := 1
		for _, n := range sh {
			size *= n
		}
		data[i] = make([]float32, size)
		tensor.NormalInto(r, data[i], 1)
	}
	for i := range data[1] {
		data[1][i] *= 2 // frequencies
	}
	tau, weight := make([]float32, tokens*s), make([]float32, tokens*s)
	for i := range tokens {
		tau[i*s+1] = 1
		for q := 2; q < s; q++ {
			tau[i*s+q] = r.Float32()
		}
	}
	tensor.NormalInto(r, weight, 1)
	run := func(steps int) (y []float32, grads [][]float32) {
		tape := tensor.NewTape(nil, true)
		var x [5]*tensor.Tensor
		for i, sh := range shapes {
			x[i] = tape.Variable(sh...)
			copy(x[i].Data, data[i])
		}
		var out *tensor.Tensor
		if steps == 0 {
			out = linode.PairsReadout(tape, x[0], x[1], x[2], x[3], x[4], tape.Input(tau, tokens, s))
		} else {
			out = rungeReadout(tape, x[0], x[1], x[2], x[3], x[4], tau, s, steps)
		}
		tape.Backward(tape.SumAll(tape.Mul(out, tape.Input(weight, tokens, s))))
		for i := range x {
			grads = append(grads, slices.Clone(x[i].Grad))
		}
		return slices.Clone(out.Data), grads
	}
	want, wantGrads := run(0)
	distance := func(a, b []float32) float64 {
		sum := 0.
		for i := range a {
			sum += float64(a[i]-b[i]) * float64(a[i]-b[i])
		}
		return math.Sqrt(sum / float64(len(a)))
	}
	coarse, _ := run(8)
	fine, grads := run(16)
	require.Greater(t, distance(coarse, want)/distance(fine, want), 10.)
	best, bestGrads := run(64)
	require.Less(t, distance(best, want), 2e-5)
	for i := range grads {
		size := distance(wantGrads[i], make([]float32, len(wantGrads[i])))
		require.Less(t, distance(bestGrads[i], wantGrads[i]), 1e-4*size, "gradient %d", i)
		require.Greater(t, distance(grads[i], wantGrads[i]), 3*distance(bestGrads[i], wantGrads[i]), "gradient %d", i)
	}
}

// learnRunge is tasks.learn with the token ODE integrated.
func (t *tasks) learnRunge(n *network, tape *tensor.Tape, enc *encoded, share float32, steps int) losses {
	const s = sitesPerWindow
	tape.Reset()
	n.forward(tape, &t.in, enc, false)
	own := rungeReadout(tape, enc.growth, enc.freq, enc.start, enc.drive, tape.Param(n.readout), t.tau, s, steps)
	state, mixture, logScale := combineSites(tape, &t.in, enc, own, t.guides, t.tau, s)
	return t.score(tape, state, mixture, logScale, share)
}

// OdeTraining is what RunOdeTraining measures of one way to solve the token ODE.
type OdeTraining struct {
	Steps  int       // of Runge and Kutta per window; 0 = closed form
	Losses []float64 // of each training step
	State  []float64 // its part for the decoded states
	Learn  []float64 // seconds of forward and backward, per step
	Whole  []float64 // seconds of a whole step, tasks and optimiser included
	Memory float64   // bytes held by the trainer afterwards
}

// RunOdeTraining trains the same network from the same seed on the same tasks on
// one goroutine, solving the token ODE as steps says.
func RunOdeTraining(src Source, cfg Config, batch, trainingSteps, steps int) (OdeTraining, error) {
	out := OdeTraining{Steps: steps}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	net := newNetwork(cfg)
	net.initialise(1)
	tr := newTrainer(net, src, newTaskOptions(src, 0, src.Len()), TrainOptions{Batch: batch, Seed: 1, Workers: 1}, net.groups(1),
		optim.Schedule{WarmUp: trainingSteps/10 + 1, Flat: trainingSteps * 3 / 10, Total: trainingSteps, Floor: .02})
	for range trainingSteps {
		start := time.Now()
		learn := 0.
		var sum losses
		clear(tr.grads)
		for i, w := range tr.workers { // as trainer.runStep
			r := rand.New(rand.NewPCG(tr.train.Seed, uint64(tr.step)*shards+uint64(i)))
			w.tape.ZeroGrads()
			if err := w.draw(r, tr.net.cfg, tr.src, tr.opt, tr.train.Batch/shards); err != nil {
				return out, err
			}
			at := time.Now()
			if steps == 0 {
				w.loss = w.learn(tr.net, w.tape, &w.enc, 1./shards)
			} else {
				w.loss = w.learnRunge(tr.net, w.tape, &w.enc, 1./shards, steps)
			}
			learn += time.Since(at).Seconds()
			sum.total += w.loss.total / shards
			sum.state += w.loss.state / shards
			for j, v := range w.tape.Grads() {
				tr.grads[j] += v
			}
		}
		if norm := optim.ClipGlobalNorm(tr.grads, 1); !isFinite(norm) || !isFinite(sum.total) {
			return out, fmt.Errorf("step %d: loss %v, gradient %v", tr.step, sum.total, norm)
		}
		tr.optim.Step(tr.grads, tr.rates.At(tr.step))
		tr.average.Update(tr.net.params.Data())
		tr.writeHub()
		tr.step++
		out.Losses, out.State = append(out.Losses, sum.total), append(out.State, sum.state)
		out.Learn, out.Whole = append(out.Learn, learn), append(out.Whole, time.Since(start).Seconds())
	}
	out.Memory = heap() - before
	runtime.KeepAlive(tr)
	return out, nil
}

// TokenErrors are errors of supervised points in units of the curve's spread.
type TokenErrors struct {
	Full  []float64 // of the model
	NoOde []float64 // without the tokens' own ODE
	Mixer []float64 // of the mixer's mixture of guides, which the tokens have not refined
	Share []float64 // root mean square of the gated own ODE, in the same units
	Gate  []float64 // per token
}

// RunTokenErrors draws micro-batches of general tasks from src and measures what
// the parts of the model do, inside the observed span and ahead of it.
func RunTokenErrors(m *Model, src Source, batches int) (inside, ahead TokenErrors, err error) {
	opt := newTaskOptions(src, 0, src.Len())
	var t tasks
	var enc encoded
	tape := tensor.NewTape(m.net.params, false)
	for b := range batches {
		if err := t.draw(rand.New(rand.NewPCG(0xe71de7ce, uint64(b))), m.net.cfg, src, opt, 2048); err != nil {
			return inside, ahead, err
		}
		tape.Reset()
		m.net.forward(tape, &t.in, &enc, false)
		state, mixture, _ := m.net.decodeSites(tape, &t.in, &enc, t.guides, t.tau, sitesPerWindow)
		gates := slices.Clone(enc.gate.Data)
		clear(enc.gate.Data)
		without, _, _ := m.net.decodeSites(tape, &t.in, &enc, t.guides, t.tau, sitesPerWindow)
		for token := range gates {
			part := &ahead
			if token%t.in.windows < int(t.in.seen[token/t.in.windows]) {
				part = &inside
			}
			any := false
			for q := range targetsPerWindow {
				i := token*targetsPerWindow + q
				if t.weight[i] == 0 {
					continue
				}
				any = true
				u := float64(t.unit[token])
				of := func(x *tensor.Tensor) float64 { return math.Abs(float64(x.Data[i]-t.target[i])) * u }
				part.Full = append(part.Full, of(state))
				part.NoOde = append(part.NoOde, of(without))
				part.Mixer = append(part.Mixer, of(mixture))
				part.Share = append(part.Share, math.Abs(float64(state.Data[i]-without.Data[i]))*u)
			}
			if any {
				part.Gate = append(part.Gate, float64(gates[token]))
			}
		}
	}
	return inside, ahead, nil
}

// RungeErrors are the root mean square and the largest distance of integrated
// readouts of a model's tokens from the closed form in float64, in units of the
// root mean square of the readouts, and those of the float32 closed form, for
// each number of steps in steps (0 = closed form).
func RungeErrors(m *Model, src Source, steps []int) (rms, top []float64, err error) {
	opt := newTaskOptions(src, 0, src.Len())
	var t tasks
	var enc encoded
	if err := t.draw(rand.New(rand.NewPCG(5, 5)), m.net.cfg, src, opt, 4096); err != nil {
		return nil, nil, err
	}
	const s = sitesPerWindow
	tape := tensor.NewTape(m.net.params, false)
	m.net.forward(tape, &t.in, &enc, false)
	tokens, pairs := enc.growth.Dim(0), enc.growth.Dim(1)
	readout := m.net.params.Slice(m.net.readout)
	want := make([]float64, tokens*s)
	size := 0.
	for i := range tokens {
		for q := range s {
			for p := range pairs {
				j := i*pairs + p
				z, _ := linode.PairAt(float64(enc.growth.Data[j]), float64(enc.freq.Data[j]),
					complex(float64(enc.start.Data[2*j]), float64(enc.start.Data[2*j+1])),
					complex(float64(enc.drive.Data[2*j]), float64(enc.drive.Data[2*j+1])), float64(t.tau[i*s+q]))
				want[i*s+q] += float64(readout[2*p])*real(z) + float64(readout[2*p+1])*imag(z)
			}
			size += want[i*s+q] * want[i*s+q]
		}
	}
	size = math.Sqrt(size / float64(len(want)))
	for _, n := range steps {
		var y *tensor.Tensor
		if n == 0 {
			y = linode.PairsReadout(tape, enc.growth, enc.freq, enc.start, enc.drive, tape.Param(m.net.readout), tape.Input(t.tau, tokens, s))
		} else {
			y = rungeReadout(tape, enc.growth, enc.freq, enc.start, enc.drive, tape.Param(m.net.readout), t.tau, s, n)
		}
		square, worst := 0., 0.
		for i, v := range y.Data {
			d := math.Abs(float64(v)-want[i]) / size
			square += d * d
			worst = max(worst, d)
		}
		rms, top = append(rms, math.Sqrt(square/float64(len(want)))), append(top, worst)
	}
	return rms, top, nil
}
