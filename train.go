package lassode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/lassode/lassode/hub"
	"github.com/lassode/lassode/internal/atomicfile"
	"github.com/lassode/lassode/optim"
	"github.com/lassode/lassode/tensor"
)

// TrainOptions control [Pretrain]. The zero value of each field has the
// meaning given with it.
type TrainOptions struct {
	// Steps is the number of optimiser steps; 0 means 10000.
	Steps int
	// Batch is the number of tokens (channels times windows, summed over the
	// systems of a step); 0 means 4096.
	Batch int
	// Seed fixes everything random. Two runs with the same seed, source and
	// options give the same bits.
	Seed uint64
	// Workers bounds the goroutines; 0 means eight for the parts of a step, so that some
	// compute while others wait for a disk, and GOMAXPROCS elsewhere. It does not change
	// the result.
	Workers int
	// Checkpoint is the path of the weights to write while training; the
	// training state is kept beside it, in Checkpoint + ".state". Empty keeps
	// none.
	Checkpoint string
	// SaveEvery is the number of steps between checkpoints; 0 means 250.
	SaveEvery int
	// Resume continues from the state beside Checkpoint, if there is one. Options that change
	// the result must be those that it was written with, and the trajectories too, which the
	// digest of a [Source] tells; others are an [InputError].
	Resume bool
	// LearningRate multiplies the built-in rates; 0 means 1.
	LearningRate float64
	// From is a model of the same [Config] whose weights the run starts with;
	// nil means random ones.
	From *Model
	// Calibration has the trajectories that the quantiles are calibrated on,
	// best of kinds that the source of the training does not have; nil means the
	// last 2 % of that source, 4096 at most, which are then not trained on.
	Calibration Source
	// Note is kept in the provenance of the weights.
	Note string
	// ZooHash names the collection in the provenance of the weights.
	ZooHash string
	// Log receives messages; nil means none.
	Log *slog.Logger
	// Progress is called after every step by the calling goroutine.
	Progress func(Progress)
}

// Validate returns an [InputError] that names the first bad field, or nil.
func (o TrainOptions) Validate() error {
	switch {
	case o.Steps < 0:
		return inputError("TrainOptions.Steps", "0 or more", "%d", o.Steps)
	case o.Batch < 0 || o.Batch > 1<<20:
		return inputError("TrainOptions.Batch", "0 to 1048576 tokens", "%d", o.Batch)
	case o.Workers < 0:
		return inputError("TrainOptions.Workers", "0 or more", "%d", o.Workers)
	case o.SaveEvery < 0:
		return inputError("TrainOptions.SaveEvery", "0 or more", "%d", o.SaveEvery)
	case !(o.LearningRate >= 0) || o.LearningRate > 100:
		return inputError("TrainOptions.LearningRate", "0 to 100", "%v", o.LearningRate)
	case o.Calibration != nil && o.Calibration.Len() < 1:
		return inputError("TrainOptions.Calibration", "at least one trajectory", "empty")
	case o.Resume && o.Checkpoint == "":
		return inputError("TrainOptions.Checkpoint", "a path to resume from", "empty")
	}
	return nil
}

// Progress describes a training step that has just ended. [Model.FineTune] sets Step,
// Steps, Loss, GradientNorm, LearningRate and SkippedSteps only.
type Progress struct {
	Step, Steps           int
	Loss                  float64 // of this step
	RunLoss               float64 // moving average over about 100 steps
	MixtureLoss           float64 // of the guides' mixture alone, moving average
	ScaleLoss             float64 // negative log likelihood of the error's scale, moving average
	GradientNorm          float64
	LearningRate          float64 // factor of the schedule
	SkippedSteps          int     // steps left out because the loss or the gradient was not finite
	TrajectoriesPerSecond float64
	Elapsed               time.Duration
}

// shards is the fixed number of parts that a step is cut into. Each part has
// its own random numbers and gradient buffer, and the buffers are added in
// order, so that the number of threads does not change a bit.
const shards = 8

// validationShare is the part at the end of a source that is never trained on
// and that calibrates the quantiles, where no other trajectories do.
const validationShare = .02

// trainer runs optimiser steps.
type trainer struct {
	net     *network
	opt     taskOptions
	train   TrainOptions
	plan    trainingPlan // what a run that resumes this one must share; empty without checkpoints
	src     Source
	workers []*shard
	grads   []float32
	optim   *optim.Optimizer
	average *optim.EMA
	rates   optim.Schedule
	step    int
	skipped int // steps left out, in all
	streak  int // and without a break until now

	hubTokens  []float32
	hubScratch hub.Scratch
}

// shard is the working memory of one part of a step.
type shard struct {
	tasks
	tape *tensor.Tape
	enc  encoded
	loss losses
	err  error
}

func newTrainer(net *network, src Source, task taskOptions, opt TrainOptions, groups []optim.Group, rates optim.Schedule) *trainer {
	tr := &trainer{net: net, opt: task, train: opt, src: src, rates: rates}
	for range shards {
		tr.workers = append(tr.workers, &shard{tape: tensor.NewTape(net.params, true)})
	}
	tr.grads = make([]float32, net.params.Len())
	tr.optim = optim.New(net.params, groups)
	tr.optim.Workers = opt.Workers
	tr.average = optim.NewEMA(net.params, .999)
	return tr
}

// runStep makes one step and returns its losses and gradient norm. After an error all is as
// it was before the step.
func (tr *trainer) runStep() (losses, float64, int, error) {
	tensor.Parallel(shards, cmp.Or(tr.train.Workers, shards), func(i int) {
		w := tr.workers[i]
		r := rand.New(rand.NewPCG(tr.train.Seed, uint64(tr.step)*shards+uint64(i)))
		w.tape.ZeroGrads()
		if w.err = w.draw(r, tr.net.cfg, tr.src, tr.opt, tr.train.Batch/shards); w.err != nil {
			return
		}
		w.loss = w.learn(tr.net, w.tape, &w.enc, 1./shards)
	})
	var sum losses
	count := 0
	for _, w := range tr.workers {
		if w.err != nil {
			return sum, 0, 0, w.err
		}
		sum.total += w.loss.total / shards
		sum.state += w.loss.state / shards
		sum.mixture += w.loss.mixture / shards
		sum.scale += w.loss.scale / shards
		count += w.in.rows / w.in.channels
	}
	const part = 1 << 15
	tensor.Parallel((len(tr.grads)+part-1)/part, tr.train.Workers, func(i int) {
		lo, hi := i*part, min((i+1)*part, len(tr.grads))
		copy(tr.grads[lo:hi], tr.workers[0].tape.Grads()[lo:hi])
		for _, w := range tr.workers[1:] {
			g := w.tape.Grads()[lo:hi]
			for j, v := range g {
				tr.grads[lo+j] += v
			}
		}
	})
	norm := optim.ClipGlobalNorm(tr.grads, 1)
	// An infinite loss may have a finite gradient: both count.
	if !isFinite(norm) || !isFinite(sum.total) {
		tr.skipped++
		tr.streak++
	} else {
		tr.streak = 0
		tr.optim.Step(tr.grads, tr.rates.At(tr.step))
		tr.average.Update(tr.net.params.Data())
		tr.writeHub()
	}
	tr.step++
	return sum, norm, count, nil
}

// maxStreak ends a run in which so many steps without a break had no finite loss
// and gradient: a step left out changes no weight, so the weights themselves are
// sick.
const maxStreak = 20

// spike is how many times its moving average a loss must be to be reported.
const spike = 4

// errSick is the error of weights that overflowed.
var errSick = errors.New("lassode: training diverged: weights are not finite; the last checkpoint is from before")

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// healthy reports whether all weights are finite.
func (tr *trainer) healthy() bool {
	for _, block := range [][]float32{tr.net.params.Data(), tr.average.Data()} {
		for _, v := range block {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}

// writeHub lets the hub aggregate what the systems of this step teach it: the
// tokens of one shard, in turn, which are a random sample.
func (tr *trainer) writeHub() {
	if tr.net.hub == nil || tr.opt.whole {
		return
	}
	w := tr.workers[tr.step%shards]
	h, p := tr.net.hub, tr.net.params
	tr.hubTokens = resize(tr.hubTokens, h.Size*h.Width)
	h.Effective(tr.hubTokens, p)
	h.Write(p.Slice(h.Memory), tr.hubTokens, w.enc.tokens.Data, hubRate, &tr.hubScratch)
}

// hubRate is the share of the hub's memory that one training step may replace.
const hubRate = .01

// groups returns the optimiser's groups: Muon for the matrices of the blocks,
// AdamW for the rest. Decay applies to matrices only.
func (n *network) groups(rate float64) []optim.Group {
	var square, qkv, matrices, vectors []tensor.ParamID
	inBlocks := map[tensor.ParamID]bool{}
	for i := range n.blocks {
		b := &n.blocks[i]
		qkv = append(qkv, b.timeQKV, b.channelQKV)
		square = append(square, b.timeOut, b.channelOut, b.feedIn, b.feedOut)
		if n.hub != nil {
			square = append(square, b.hubRead.Q, b.hubRead.K, b.hubRead.V, b.hubRead.Out)
		}
	}
	for _, id := range slices.Concat(square, qkv) {
		inBlocks[id] = true
	}
	for i := range n.params.Count() {
		id := tensor.ParamID(i)
		switch {
		case inBlocks[id], n.hub != nil && id == n.hub.Memory:
		case n.params.Shape(id).Rank() >= 2 && (n.hub == nil || id != n.hub.Token):
			matrices = append(matrices, id)
		default:
			vectors = append(vectors, id)
		}
	}
	return []optim.Group{
		{Name: "blocks", Rule: optim.Muon, Params: square, LR: .02 * rate, WeightDecay: .02},
		{Name: "attention", Rule: optim.Muon, Params: qkv, LR: .02 * rate, WeightDecay: .02, Blocks: 3},
		{Name: "matrices", Rule: optim.AdamW, Params: matrices, LR: 2e-3 * rate, WeightDecay: .02},
		{Name: "vectors", Rule: optim.AdamW, Params: vectors, LR: 2e-3 * rate},
	}
}

// Pretrain trains a new network of shape cfg on the trajectories of src and
// returns it with its quantiles calibrated on opt.Calibration, or on the last part
// of src, which is then not trained on. Trajectories should be clean and densely sampled: contexts
// with noise, gaps and losses are drawn from them, and the targets are their
// own values.
//
// When ctx ends, a last checkpoint is written (if the options name one) and
// the error is that of the context. A resumed run gives the same weights, bit
// for bit, as one that was never interrupted.
//
// A step whose loss or gradient is not finite changes nothing but the counters.
// Twenty of them in a row are an error, and the last checkpoint is from before
// them.
func Pretrain(ctx context.Context, cfg Config, src Source, opt TrainOptions) (*Model, error) {
	tr, held, err := newPretrainer(cfg, src, opt)
	if err != nil {
		return nil, err
	}
	return tr.pretrain(ctx, held)
}

// newPretrainer makes the trainer of [Pretrain], resumed if the options say so,
// and returns the number of trajectories that are not trained on.
func newPretrainer(cfg Config, src Source, opt TrainOptions) (*trainer, int, error) {
	if err := cfg.Validate(); err != nil {
		return nil, 0, err
	}
	if err := opt.Validate(); err != nil {
		return nil, 0, err
	}
	if opt.Steps == 0 {
		opt.Steps = 10000
	}
	if opt.Batch == 0 {
		opt.Batch = 4096
	}
	if opt.SaveEvery == 0 {
		opt.SaveEvery = 250
	}
	if opt.LearningRate == 0 {
		opt.LearningRate = 1
	}
	if src == nil || src.Len() < 1 {
		return nil, 0, inputError("source", "at least one trajectory", "empty")
	}
	if info, err := os.Stat(opt.Checkpoint); err == nil && !info.Mode().IsRegular() {
		return nil, 0, inputError("TrainOptions.Checkpoint", "the name of a file", "%q, which is %v", opt.Checkpoint, info.Mode().Type())
	}
	held := int(validationShare * float64(src.Len()))
	held = min(max(held, 1), 4096)
	if src.Len() < 2 || opt.Calibration != nil {
		held = 0
	}
	task := newTaskOptions(src, 0, src.Len()-held)
	net := newNetwork(cfg)
	net.initialise(opt.Seed)
	if opt.From != nil {
		if got := opt.From.net.cfg; got != cfg {
			return nil, 0, inputError("TrainOptions.From", fmt.Sprintf("a model of configuration %+v", cfg), "one of %+v", got)
		}
		copy(net.params.Data(), opt.From.net.params.Data())
	}
	tr := newTrainer(net, src, task, opt, net.groups(opt.LearningRate),
		optim.Schedule{WarmUp: min(200, opt.Steps/10+1), Flat: opt.Steps * 3 / 10, Total: opt.Steps, Floor: .02})
	if opt.Checkpoint != "" {
		tr.plan = newTrainingPlan(src, opt)
	}
	if opt.Resume {
		if err := tr.resume(); err != nil {
			return nil, 0, err
		}
	}
	return tr, held, nil
}

// pretrain runs the steps that are left and calibrates the result on the
// trajectories of the options, or on the last held ones of the source.
func (tr *trainer) pretrain(ctx context.Context, held int) (*Model, error) {
	opt, src := tr.train, tr.src
	log := opt.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := checkSource(ctx, "source", src, tr.opt.hi); err != nil {
		return nil, err
	}
	if opt.Calibration != nil {
		if err := checkSource(ctx, "TrainOptions.Calibration", opt.Calibration, opt.Calibration.Len()); err != nil {
			return nil, err
		}
	}
	log.Info("pretraining", "parameters", tr.net.params.Len(), "trajectories", tr.opt.hi, "from_step", tr.step, "steps", opt.Steps)
	start := time.Now()
	run := losses{total: math.NaN(), mixture: math.NaN(), scale: math.NaN()}
	trajectories, good, due := 0, 0, false
	tr.opt.done = ctx.Done()
	for tr.step < opt.Steps {
		loss, norm, count, err := tr.runStep()
		if errors.Is(err, errStopped) {
			err = ctx.Err()
			if opt.Checkpoint != "" && tr.streak == 0 {
				err = errors.Join(err, tr.save())
			}
		}
		if err != nil {
			return nil, err
		}
		trajectories += count
		switch {
		case tr.streak > 0:
			log.Warn("step left out: its loss or gradient is not finite", "step", tr.step, "loss", loss.total, "gradient_norm", norm, "left_out", tr.skipped)
		case good == 0:
			run, good = loss, 1
		default:
			if good >= 100 && loss.total > spike*run.total {
				log.Warn("the loss has a spike", "step", tr.step, "loss", loss.total, "moving_average", run.total, "gradient_norm", norm)
			}
			good++
			mix := max(.01, 1/float64(good))
			run.total += mix * (loss.total - run.total)
			run.mixture += mix * (loss.mixture - run.mixture)
			run.scale += mix * (loss.scale - run.scale)
		}
		if opt.Progress != nil {
			elapsed := time.Since(start)
			opt.Progress(Progress{
				Step: tr.step, Steps: opt.Steps, Loss: loss.total, RunLoss: run.total, MixtureLoss: run.mixture, ScaleLoss: run.scale,
				GradientNorm: norm, LearningRate: tr.rates.At(tr.step - 1), SkippedSteps: tr.skipped,
				TrajectoriesPerSecond: float64(trajectories) / elapsed.Seconds(), Elapsed: elapsed,
			})
		}
		if tr.streak >= maxStreak {
			return nil, fmt.Errorf("lassode: training diverged: %d steps in a row, up to step %d, had no finite loss and gradient; the last checkpoint is from before them", tr.streak, tr.step)
		}
		// Weights that give no finite loss are not saved over those that did.
		due = due || tr.step%opt.SaveEvery == 0
		if opt.Checkpoint != "" && (due && tr.streak == 0 || tr.step == opt.Steps) {
			due = false
			if err := tr.save(); err != nil {
				return nil, err
			}
		}
	}
	if !tr.healthy() {
		return nil, errSick
	}
	m := tr.model()
	from, cal := src, tr.opt
	switch {
	case opt.Calibration != nil:
		from, cal = opt.Calibration, newTaskOptions(opt.Calibration, 0, opt.Calibration.Len())
	case held > 0:
		cal = newTaskOptions(src, src.Len()-held, src.Len())
	}
	cal.done = ctx.Done()
	if err := m.calibrate(from, cal, opt); err != nil {
		if errors.Is(err, errStopped) {
			err = ctx.Err()
		}
		return nil, err
	}
	if opt.Checkpoint != "" {
		if err := atomicfile.Write(opt.Checkpoint, func(w io.Writer) error { return m.Save(w, Float32) }); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// model returns the averaged weights as a model, sharing nothing with the
// trainer.
func (tr *trainer) model() *Model {
	net := newNetwork(tr.net.cfg)
	copy(net.params.Data(), tr.average.Data())
	if net.hub != nil { // the memory is no weight: the last state counts
		copy(net.params.Slice(net.hub.Memory), tr.net.params.Slice(net.hub.Memory))
	}
	return &Model{net: net, calibration: defaultCalibration(), provenance: Provenance{
		FormatVersion: formatVersion, Seed: tr.train.Seed, Step: tr.step, ZooHash: tr.train.ZooHash, Note: tr.train.Note,
	}}
}

// levels are the probabilities at which the error distribution is measured.
var levels = []float64{.005, .01, .025, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95, .975, .99, .995}

// defaultCalibration is that of a Laplace distribution, which the loss of the
// scale assumes.
func defaultCalibration() Calibration {
	var row []float64
	for _, p := range levels {
		q := math.Log(2 * p)
		if p > .5 {
			q = -math.Log(2 * (1 - p))
		}
		row = append(row, q)
	}
	t := ErrorTable{LogScale: []float64{0}, Quantiles: [][]float64{row}}
	return Calibration{Levels: levels, Inside: t, Ahead: t}
}

// calibrationTasks is the number of micro-batches that measure the quantiles, each
// as large as a training step: errors of one system are alike, so that it is the
// number of systems that counts.
const calibrationTasks = 64

// calibrationBins is the number of predicted scales at which they are measured,
// and calibrationLeast the least number of errors behind each.
const (
	calibrationBins  = 40
	calibrationLeast = 1000
)

// scaledError is an error over its predicted scale, the logarithm of that, and how near to the
// context it is.
type scaledError struct{ logScale, err, near float64 }

// widened is e where scales are widened by near.
func (e scaledError) widened(near float64) scaledError {
	by := 1 + near*e.near
	return scaledError{e.logScale + math.Log(by), e.err / by, e.near}
}

// widenNear returns the Near of a calibration that lets the bands of 80 %, as the errors that
// are not near have them, hold as much of those that are, and widens the scales of these.
func widenNear(all []scaledError) float64 {
	table, ok := errorTable(slices.DeleteFunc(slices.Clone(all), func(e scaledError) bool { return e.near > 0 }))
	if !ok {
		return 0
	}
	c := Calibration{Levels: levels}
	high := c.atLevel(&table, .9)
	holds := func(near float64) bool {
		in, count := 0., 0.
		for _, e := range all {
			if e.near > 0 {
				if e = e.widened(near); e.err <= high.at(math.Exp(e.logScale)) {
					in++
				}
				count++
			}
		}
		return in >= .8*count
	}
	low, up := 0., float64(mostNear)
	for range 20 {
		if mid := (low + up) / 2; holds(mid) {
			up = mid
		} else {
			low = mid
		}
	}
	for i, e := range all {
		all[i] = e.widened(low)
	}
	return low
}

// errorTable sorts errors by predicted scale into parts of equal number and
// measures the quantiles of each. The distribution is made symmetric: the sign of
// a channel is arbitrary. It returns false when there are too few errors.
func errorTable(all []scaledError) (ErrorTable, bool) {
	var t ErrorTable
	bins := min(calibrationBins, len(all)/calibrationLeast)
	slices.SortFunc(all, func(a, b scaledError) int { return cmp.Compare(a.logScale, b.logScale) })
	for k := range bins {
		part := all[k*len(all)/bins : (k+1)*len(all)/bins]
		mean := 0.
		for _, e := range part {
			mean += e.logScale / float64(len(part))
		}
		if n := len(t.LogScale); n > 0 && !(mean > t.LogScale[n-1]) {
			continue // all of one scale
		}
		slices.SortFunc(part, func(a, b scaledError) int { return cmp.Compare(a.err, b.err) })
		var row []float64
		for _, p := range levels {
			q := part[int(math.Abs(2*p-1)*float64(len(part)-1))].err
			switch {
			case p < .5:
				q = -q
			case p == .5:
				q = 0
			}
			row = append(row, q)
		}
		t.LogScale, t.Quantiles = append(t.LogScale, mean), append(t.Quantiles, row)
	}
	return t, bins > 0
}

// calibrate measures the quantiles of the error over the predicted scale.
func (m *Model) calibrate(src Source, task taskOptions, opt TrainOptions) error {
	var inside, ahead [calibrationTasks][]scaledError
	var errs [calibrationTasks]error
	tensor.Parallel(calibrationTasks, opt.Workers, func(i int) {
		var t tasks
		var enc encoded
		r := rand.New(rand.NewPCG(opt.Seed^0xca11b8a7e, uint64(i)))
		if errs[i] = t.draw(r, m.net.cfg, src, task, opt.Batch); errs[i] != nil {
			return
		}
		tape := tensor.NewTape(m.net.params, false)
		m.net.forward(tape, &t.in, &enc, false)
		state, _, logScale := m.net.decodeSites(tape, &t.in, &enc, t.guides, t.tau, sitesPerWindow)
		for j, y := range state.Data {
			token := j / targetsPerWindow
			if t.weight[j] == 0 {
				continue
			}
			l := float64(logScale.Data[j])
			e := scaledError{logScale: l, err: math.Abs(float64(y-t.target[j])) / math.Exp(l)}
			seen := int(t.in.seen[token/t.in.windows])
			if k := token%t.in.windows - seen; k < 0 {
				inside[i] = append(inside[i], e)
			} else {
				tau := float64(t.tau[token*sitesPerWindow+sitesPerWindow-targetsPerWindow+j%targetsPerWindow])
				e.near = nearness((float64(k) + tau) / float64(seen))
				ahead[i] = append(ahead[i], e)
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	m.calibration = defaultCalibration()
	if table, ok := errorTable(slices.Concat(inside[:]...)); ok {
		m.calibration.Inside = table
	}
	future := slices.Concat(ahead[:]...)
	m.calibration.Near = widenNear(future)
	if table, ok := errorTable(future); ok {
		m.calibration.Ahead = table
	}
	return nil
}
