// Package optim turns gradients into parameter updates: AdamW for vectors,
// embeddings and read-outs, Muon for weight matrices, a learning-rate
// [Schedule], gradient clipping ([ClipGlobalNorm]) and an exponential moving
// average of the weights ([EMA]).
//
// All of them work on the flat slices of [tensor.Params]. A step gives the
// same bits for any number of workers and allocates nothing once the first one
// is done. Everything an interrupted training needs is in [Optimizer.State],
// [Optimizer.StepCount], [EMA.Data] and [EMA.Count]; restored into fresh
// objects they continue bit for bit.
package optim

import (
	"fmt"
	"math"
	"sync"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

// Rule is an update rule.
type Rule uint8

const (
	// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter, arXiv
	// 1711.05101), element by element.
	AdamW Rule = iota
	// Muon is momentum, orthogonalised by Newton-Schulz iterations (Jordan et
	// al., "Muon", 2024), for parameters of two axes.
	Muon
)

// String returns "adamw" or "muon", which also begins the names of the state.
func (r Rule) String() string {
	switch r {
	case AdamW:
		return "adamw"
	case Muon:
		return "muon"
	}
	return fmt.Sprintf("Rule(%d)", uint8(r))
}

// Group is a set of parameters with one rule and one set of constants. A field
// left at zero takes the default named here, WeightDecay excepted.
type Group struct {
	// Name appears in error messages only.
	Name string
	// Rule is the update rule.
	Rule Rule
	// Params are the parameters. One in no group at all is never changed:
	// buffers such as the memory of a hub stay out.
	Params []tensor.ParamID
	// LR is the learning rate before the schedule; default 2e-3 for AdamW,
	// 0.02 for Muon.
	LR float64
	// WeightDecay is the decoupled decay: a step first multiplies the weights
	// by 1 - LR*WeightDecay. 0 is none.
	WeightDecay float64
	// Beta1 and Beta2 are AdamW's decay rates of the first and second moment;
	// defaults 0.9 and 0.98.
	Beta1, Beta2 float64
	// Eps is AdamW's; default 1e-8.
	Eps float64
	// Momentum is Muon's, in Nesterov form; default 0.95.
	Momentum float64
	// Blocks is the number of equal column blocks that Muon orthogonalises one
	// by one; default 1. A fused projection [d, 3d] of query, key and value is
	// three matrices: Blocks 3.
	Blocks int
}

func orDefault(v, d float64) float64 {
	if v == 0 {
		return d
	}
	return v
}

// NamedState is one tensor of an optimiser's state. Data is the storage
// itself: copy from it to save, into it to restore.
type NamedState struct {
	Name  string
	Shape tensor.Shape
	Data  []float32
}

// adamChunk is the number of weights of one AdamW task.
const adamChunk = 1 << 16

// task is one independent piece of a step.
type task struct {
	group     int
	lo, hi    int       // AdamW: range of the flat slices
	m, v      []float32 // moments of the range; Muon: m is the momentum of the parameter
	offset    int       // Muon: where the parameter begins
	rows, ld  int
	col, cols int // the column block
}

// Optimizer updates the parameters of its groups. One goroutine at a time.
type Optimizer struct {
	// Workers bounds the goroutines of a step; 0 is GOMAXPROCS. It does not
	// change the result.
	Workers int

	params *tensor.Params
	groups []Group
	tasks  []task
	state  []NamedState
	step   int64

	// Arguments of the step in progress, read by the tasks.
	data, grads []float32
	scale       float64
	run         func(i int)

	mu   sync.Mutex
	free []*muonScratch
	size [2]int // scratch floats of the largest Muon block: matrix, square
}

// New returns an optimiser of the given groups of p, its state zero. All
// parameters must have been added to p before. It panics when a parameter is
// in two groups, and when a Muon parameter does not have two axes or its
// columns do not divide into the blocks.
func New(p *tensor.Params, groups []Group) *Optimizer {
	o := &Optimizer{params: p, groups: append([]Group(nil), groups...)}
	owner := make(map[tensor.ParamID]string)
	for gi := range o.groups {
		g := &o.groups[gi]
		g.Params = append([]tensor.ParamID(nil), g.Params...)
		g.Beta1, g.Beta2 = orDefault(g.Beta1, 0.9), orDefault(g.Beta2, 0.98)
		g.Eps, g.Momentum = orDefault(g.Eps, 1e-8), orDefault(g.Momentum, 0.95)
		if g.Rule == Muon {
			g.LR = orDefault(g.LR, 0.02)
		} else {
			g.LR = orDefault(g.LR, 2e-3)
		}
		g.Blocks = max(g.Blocks, 1)
		for _, id := range g.Params {
			name, shape := p.Name(id), p.Shape(id)
			if other, ok := owner[id]; ok {
				panic(fmt.Sprintf("optim: New: parameter %q is in groups %q and %q", name, other, g.Name))
			}
			owner[id] = g.Name
			switch g.Rule {
			case AdamW:
				o.addAdamW(gi, p.Offset(id), name, shape)
			case Muon:
				o.addMuon(gi, p.Offset(id), name, shape)
			default:
				panic(fmt.Sprintf("optim: New: group %q has %v", g.Name, g.Rule))
			}
		}
	}
	o.run = o.runTask
	return o
}

func (o *Optimizer) addState(rule Rule, part, name string, shape tensor.Shape) []float32 {
	data := make([]float32, shape.Size())
	o.state = append(o.state, NamedState{rule.String() + "." + part + "." + name, shape, data})
	return data
}

func (o *Optimizer) addAdamW(group, offset int, name string, shape tensor.Shape) {
	m := o.addState(AdamW, "m", name, shape)
	v := o.addState(AdamW, "v", name, shape)
	for lo := 0; lo < len(m); lo += adamChunk {
		hi := min(lo+adamChunk, len(m))
		o.tasks = append(o.tasks, task{group: group, lo: offset + lo, hi: offset + hi, m: m[lo:hi], v: v[lo:hi]})
	}
}

func (o *Optimizer) addMuon(group, offset int, name string, shape tensor.Shape) {
	blocks := o.groups[group].Blocks
	if shape.Rank() != 2 || shape.Dim(1)%blocks != 0 {
		panic(fmt.Sprintf("optim: New: Muon parameter %q has shape %v, needs two axes and columns divisible by %d blocks", name, shape, blocks))
	}
	m := o.addState(Muon, "m", name, shape)
	rows, ld := shape.Dim(0), shape.Dim(1)
	cols := ld / blocks
	for b := 0; b < blocks; b++ {
		o.tasks = append(o.tasks, task{group: group, offset: offset, m: m, rows: rows, ld: ld, col: b * cols, cols: cols})
	}
	square := min(rows, cols) * min(rows, cols)
	o.size[0], o.size[1] = max(o.size[0], rows*cols), max(o.size[1], square)
}

// Step makes one update with the gradients grads, laid out as Params.Data, and
// all learning rates multiplied by lrScale. It panics when the lengths differ.
func (o *Optimizer) Step(grads []float32, lrScale float64) {
	if len(grads) != o.params.Len() {
		panic(fmt.Sprintf("optim: Step: %d gradients for %d parameter values", len(grads), o.params.Len()))
	}
	o.step++
	o.data, o.grads, o.scale = o.params.Data(), grads, lrScale
	tensor.Parallel(len(o.tasks), o.Workers, o.run)
	o.data, o.grads = nil, nil
}

// StepCount returns the number of steps made.
func (o *Optimizer) StepCount() int64 { return o.step }

// SetStepCount restores the number of steps, on which AdamW's bias correction
// depends.
func (o *Optimizer) SetStepCount(n int64) { o.step = n }

// State returns all tensors of the state in a fixed order, as views: write
// into Data to restore. Names are rule, part and parameter name, such as
// "adamw.m.head.bias".
func (o *Optimizer) State() []NamedState { return o.state }

func (o *Optimizer) runTask(i int) {
	k := &o.tasks[i]
	g := &o.groups[k.group]
	if g.Rule == Muon {
		o.muonStep(k, g)
		return
	}
	corr1 := 1 - math.Pow(g.Beta1, float64(o.step))
	corr2 := 1 - math.Pow(g.Beta2, float64(o.step))
	asm.AdamW(o.data[k.lo:k.hi], o.grads[k.lo:k.hi], k.m, k.v, float32(g.LR*o.scale),
		float32(g.Beta1), float32(g.Beta2), float32(g.Eps), float32(g.WeightDecay), float32(corr1), float32(corr2))
}

// ClipGlobalNorm scales grads in place so that their Euclidean norm is at most
// limit, and returns the norm they had. limit <= 0 only measures. When the
// norm is not finite, the gradients are worthless: they are all set to zero,
// and the caller, who sees the returned norm, should skip the step. The sum of
// squares is taken in float64 in a fixed order.
func ClipGlobalNorm(grads []float32, limit float64) float64 {
	norm := math.Sqrt(sumSquares(grads))
	switch {
	case math.IsNaN(norm) || math.IsInf(norm, 0):
		clear(grads)
	case limit > 0 && norm > limit:
		asm.Scale(float32(limit/norm), grads)
	}
	return norm
}

// sumSquares adds x^2 in four interleaved float64 sums.
func sumSquares(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		x = x[4:]
	}
	for _, v := range x {
		s0 += float64(v) * float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

// Schedule is the learning rate over a training, as a factor of the base rate:
// a linear warm-up, a flat part, then half a cosine down to a floor.
type Schedule struct {
	// WarmUp is the number of steps over which the factor rises linearly to 1.
	WarmUp int
	// Flat is the step, counted from the beginning, at which the decay starts;
	// not before the warm-up is over.
	Flat int
	// Total is the step at which the floor is reached; 0 never decays.
	Total int
	// Floor is the factor at and after Total, in [0, 1].
	Floor float64
}

// At returns the factor for a step, counted from 0. The first warm-up step has
// 1/WarmUp, not 0.
func (s Schedule) At(step int) float64 {
	if step < s.WarmUp {
		return float64(step+1) / float64(s.WarmUp)
	}
	flat := max(s.Flat, s.WarmUp)
	if s.Total <= 0 || step < flat {
		return 1
	}
	if step >= s.Total {
		return s.Floor
	}
	x := float64(step-flat) / float64(s.Total-flat)
	return s.Floor + (1-s.Floor)*(1+math.Cos(math.Pi*x))/2
}

// EMA is an exponential moving average of all parameters: weights that are
// less noisy than the last step's. One goroutine at a time.
type EMA struct {
	decay float64
	count int64
	data  []float32
}

// NewEMA returns an average that begins as the present values of p. decay is
// the share of the old average that a step keeps, in [0, 1).
func NewEMA(p *tensor.Params, decay float64) *EMA {
	if !(decay >= 0 && decay < 1) {
		panic(fmt.Sprintf("optim: NewEMA: decay %g, needs 0 <= decay < 1", decay))
	}
	return &EMA{decay: decay, data: append([]float32(nil), p.Data()...)}
}

// Update moves the average towards values, which are laid out as those it was
// made from: average = d*average + (1-d)*values. In the first updates d is
// (1+n)/(10+n) where that is less than the decay, n being the number of
// updates before, so that the initial values are soon forgotten.
func (e *EMA) Update(values []float32) {
	if len(values) != len(e.data) {
		panic(fmt.Sprintf("optim: EMA.Update: %d values for an average of %d", len(values), len(e.data)))
	}
	n := float64(e.count)
	keep := min(e.decay, (1+n)/(10+n))
	e.count++
	w := float32(1 - keep)
	avg := e.data[:len(values)]
	for i, v := range values {
		avg[i] += float32(w * (v - avg[i]))
	}
}

// Data returns the averaged values in the layout of Params.Data, as the
// storage itself: copy into it to restore.
func (e *EMA) Data() []float32 { return e.data }

// Count returns the number of updates made.
func (e *EMA) Count() int64 { return e.count }

// SetCount restores the number of updates.
func (e *EMA) SetCount(n int64) { e.count = n }
