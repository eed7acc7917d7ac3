package lassode

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lassode/lassode/tensor"
)

// targetsPerWindow is the number of supervised times drawn per window.
const targetsPerWindow = 8

// sitesPerWindow adds the two edges of the window that continuity needs.
const sitesPerWindow = targetsPerWindow + 2

// taskOptions says which forecasting tasks are drawn from trajectories.
type taskOptions struct {
	lo, hi   int    // range of trajectories of the source
	whole    bool   // keep all channels, the direction of time and most rows: fine-tuning
	channels int    // most channels of a task
	fleet    *fleet // the trajectories themselves, as a library for each other; nil: none
}

// newTaskOptions describes general tasks from trajectories [lo, hi) of src.
func newTaskOptions(src Source, lo, hi int) taskOptions {
	o := taskOptions{lo: lo, hi: hi}
	for i := lo; i < min(hi, lo+4096); i++ {
		o.channels = max(o.channels, src.Channels(i))
	}
	return o
}

// tasks draws micro-batches of forecasting tasks and holds their targets. It
// belongs to one goroutine and is reused.
type tasks struct {
	in  inputs
	sys system

	tau    []float32 // sitesPerWindow per token
	guides []float32 // sitesPerWindow x guideSlots per token
	target []float32 // targetsPerWindow per token, scaled units
	weight []float32 // targetsPerWindow per token: importance of the window, 0 = no target
	unit   []float32 // per token: one over the spread of the channel's targets

	rows    []int
	times   []float64
	values  []float64
	columns []int
}

// draw fills t with as many tasks as the budget of tokens allows, all with the
// same number of channels and windows, from src and r alone.
func (t *tasks) draw(r *rand.Rand, cfg Config, src Source, opt taskOptions, budget int) error {
	channels, windows := 1, cfg.Windows
	if !opt.whole {
		switch u := r.Float64(); {
		case u < .30:
		case u < .64:
			channels = 2
		case u < .88:
			channels = 3
		default:
			channels = 4
		}
		channels = min(channels, opt.channels)
		switch r.IntN(6) {
		case 0:
			windows = cfg.Windows * 2 / 3
		case 1:
			windows = cfg.Windows * 4 / 3
		}
	} else {
		channels = src.Channels(opt.lo + r.IntN(opt.hi-opt.lo))
	}
	windows = max(windows, minSeen+1)
	t.in.reset(channels, windows)
	t.tau, t.guides, t.target, t.weight = t.tau[:0], t.guides[:0], t.target[:0], t.weight[:0]
	t.unit = t.unit[:0]
	count := max(1, budget/(channels*windows))
	for made, tries := 0, 0; made < count; tries++ {
		if tries > 200*count {
			return fmt.Errorf("lassode: no trajectory with at least %d channels gives a task of %d windows", channels, windows)
		}
		i := opt.lo + r.IntN(opt.hi-opt.lo)
		if n := src.Channels(i); n < channels || opt.whole && n != channels {
			continue
		}
		s, err := src.At(i)
		if err != nil {
			return fmt.Errorf("lassode: trajectory %d: %w", i, err)
		}
		t.sys.fleet, t.sys.own = opt.fleet, i
		if t.drawOne(r, s, channels, windows, opt.whole) {
			made++
		}
	}
	return nil
}

// drawOne makes one task of a trajectory: a crop, a part of its channels, a
// context as a user might have it, and targets everywhere. It returns false
// when the trajectory is too short or the crop gives nothing to learn.
func (t *tasks) drawOne(r *rand.Rand, s Series, channels, windows int, whole bool) bool {
	n := len(s.Times)
	if n < 12 {
		return false
	}
	// Crop.
	lo, hi := 0, n
	if !whole || r.IntN(3) == 0 {
		least := min(120, n)
		length := int(math.Round(float64(least) * math.Pow(float64(n)/float64(least), r.Float64())))
		if r.IntN(2) == 0 {
			lo = r.IntN(n - length + 1)
		}
		hi = lo + length
	}
	// Channels, in random order.
	t.columns = resize(t.columns, s.Channels())
	for i := range t.columns {
		t.columns[i] = i
	}
	if !whole {
		r.Shuffle(len(t.columns), func(i, j int) { t.columns[i], t.columns[j] = t.columns[j], t.columns[i] })
	}
	cols := t.columns[:channels]
	// Direction of time: a query before the context is a forecast of the
	// reversed series.
	reversed := r.Float64() < .1 && !whole
	row := func(i int) (float64, []float64) {
		if reversed {
			j := hi - 1 - (i - lo)
			return -s.Times[j], s.Values[j]
		}
		return s.Times[i], s.Values[i]
	}

	seen := windows
	switch u := r.Float64(); {
	case u < .45:
		seen = 3 + r.IntN(6)
	case u < .92:
		seen = 5 + r.IntN(max(windows*2/3-4, 1))
	}
	seen = min(seen, windows)
	first, _ := row(lo)
	last, _ := row(hi - 1)
	cut := first + (last-first)*float64(seen)/float64(windows)
	end := lo
	for end < hi {
		if at, _ := row(end); at > cut {
			break
		}
		end++
	}
	if seen == windows {
		end = hi
	}
	t.chooseRows(r, lo, end, seen, whole)
	if len(t.rows) < 3 {
		return false
	}
	tFirst, _ := row(t.rows[0])
	tLast, _ := row(t.rows[len(t.rows)-1])
	geo := geometry{start: tFirst, width: (tLast - tFirst) / float64(seen), seen: seen, count: windows}
	t.loseGaps(r, geo, row)

	t.times = t.times[:0]
	t.values = t.values[:0]
	missing := 0.
	if channels > 1 && r.IntN(5) == 0 {
		missing = .5 * r.Float64()
	}
	for _, i := range t.rows {
		at, x := row(i)
		t.times = append(t.times, at)
		for _, c := range cols {
			v := x[c]
			if missing > 0 && r.Float64() < missing {
				v = math.NaN()
			}
			t.values = append(t.values, v)
		}
	}
	noisy := 0.
	if r.Float64() < .35 {
		noisy = .003 * math.Pow(.1/.003, r.Float64())
	}
	multiplicative := r.IntN(5) == 0
	for c := range channels {
		low, high, count := math.Inf(1), math.Inf(-1), 0
		for i := c; i < len(t.values); i += channels {
			if v := t.values[i]; v == v {
				low, high = min(low, v), max(high, v)
				count++
			}
		}
		if count < 2 || high == low {
			return false
		}
		if noisy > 0 {
			half := (high - low) / 2
			for i := c; i < len(t.values); i += channels {
				size := half
				if multiplicative {
					size = math.Abs(t.values[i])
				}
				t.values[i] += noisy * size * r.NormFloat64()
			}
		}
	}
	sign := 1.
	if reversed {
		sign = -1
	}
	t.sys.prepare(geo, t.times, t.values, channels, sign)
	t.in.add(&t.sys)
	t.drawTargets(r, geo, cols, row, lo, hi)
	return true
}

// chooseRows picks the observed rows among [lo, hi) into t.rows: regular at
// various densities, irregular, or regular with losses.
func (t *tasks) chooseRows(r *rand.Rand, lo, hi, seen int, whole bool) {
	t.rows = t.rows[:0]
	n := hi - lo
	density := []int{5, 8, 10, 13, 16, 21}[r.IntN(6)]
	if whole {
		density = max(density, 10)
	}
	switch u := r.Float64(); {
	case u < .35: // irregular
		keep := float64((4+r.IntN(13))*seen) / float64(n)
		for i := lo; i < hi; i++ {
			if r.Float64() < keep {
				t.rows = append(t.rows, i)
			}
		}
	default:
		stride := max(1, int(math.Round(float64(n)/float64(density*seen))))
		keep := 1.
		if u < .55 {
			keep = .4 + .5*r.Float64()
		}
		for i := lo + r.IntN(stride); i < hi; i += stride {
			if keep == 1 || r.Float64() < keep {
				t.rows = append(t.rows, i)
			}
		}
	}
	if len(t.rows) < 5 {
		t.rows = t.rows[:0]
		for i := lo; i < hi; i++ {
			t.rows = append(t.rows, i)
		}
	}
}

// loseGaps removes whole windows inside the context from some tasks.
func (t *tasks) loseGaps(r *rand.Rand, geo geometry, row func(int) (float64, []float64)) {
	if r.IntN(4) != 0 || geo.seen < 3 {
		return
	}
	share := .3
	if geo.seen == geo.count {
		share = .45
	}
	var lost [512]bool
	for k := 1; k+1 < geo.seen && k < len(lost); k++ {
		lost[k] = r.Float64() < share
	}
	kept := t.rows[:0]
	for _, i := range t.rows {
		at, _ := row(i)
		if k := int(geo.at(at)); k < 0 || k >= len(lost) || !lost[k] {
			kept = append(kept, i)
		}
	}
	t.rows = kept
}

// drawTargets adds the sites of the system just prepared: the edges of each
// window and rows of the trajectory that lie in it, without noise.
func (t *tasks) drawTargets(r *rand.Rand, geo geometry, cols []int, row func(int) (float64, []float64), lo, hi int) {
	channels := len(cols)
	tokens := channels * geo.count
	tau := extend(&t.tau, tokens*sitesPerWindow)
	guides := extend(&t.guides, tokens*sitesPerWindow*guideSlots)
	target := extend(&t.target, tokens*targetsPerWindow)
	weight := extend(&t.weight, tokens*targetsPerWindow)
	unit := extend(&t.unit, tokens)
	clear(target)
	clear(weight)
	from := lo
	for k := range geo.count {
		for from < hi {
			if at, _ := row(from); geo.at(at) >= float64(k) {
				break
			}
			from++
		}
		to := from
		for to < hi {
			if at, _ := row(to); geo.at(at) >= float64(k+1) {
				break
			}
			to++
		}
		for q := range targetsPerWindow {
			u := (float64(q) + .5) / targetsPerWindow // unsupervised, where the window has no row
			var x []float64
			if to > from {
				var at float64
				at, x = row(from + r.IntN(to-from))
				u = geo.at(at) - float64(k)
			}
			for c := range channels {
				token := c*geo.count + k
				tau[token*sitesPerWindow+2+q] = float32(u)
				if x == nil {
					continue
				}
				if v := (x[cols[c]] - t.sys.mid[c]) / t.sys.half[c]; v == v {
					target[token*targetsPerWindow+q] = float32(v)
					weight[token*targetsPerWindow+q] = 1
				}
			}
		}
		from = to
	}
	for c := range channels {
		// One weight per channel, from the spread of its targets: no system
		// dominates, and an unforeseeable blow-up teaches nothing.
		var sum, square, count float64
		own := target[c*geo.count*targetsPerWindow:][:geo.count*targetsPerWindow]
		use := weight[c*geo.count*targetsPerWindow:][:geo.count*targetsPerWindow]
		for i, v := range own {
			if use[i] > 0 {
				sum += float64(v)
				square += float64(v) * float64(v)
				count++
			}
		}
		std := math.Sqrt(max(square/max(count, 1)-sum*sum/max(count*count, 1), 0))
		for k := range geo.count {
			token := c*geo.count + k
			unit[token] = float32(1 / max(std, .05))
			importance := float32(1)
			if k < geo.seen {
				importance = .25
				present := t.in.window[(len(t.in.window)/windowFeatures-tokens+token)*windowFeatures+windowFeatures-1]
				if present == 0 { // a gap
					importance = .5
				}
			}
			if !(std <= 10) {
				importance = 0
			}
			for q := range targetsPerWindow {
				i := token*targetsPerWindow + q
				weight[i] *= importance
				if weight[i] == 0 {
					target[i] = 0
				}
			}
			at := tau[token*sitesPerWindow:][:sitesPerWindow]
			at[0], at[1] = 0, 1
			for q, u := range at {
				t.sys.evalGuides(guides[(token*sitesPerWindow+q)*guideSlots:], c, float64(k)+float64(u), k < geo.seen)
			}
		}
	}
}

// Weights of the parts of the loss.
const (
	lossBeta     = .1 // where smooth L1 turns from square to absolute
	mixtureShare = .5 // of the loss of the guides' mixture alone
	scaleShare   = .1 // of the negative log likelihood of the error's scale
)

// losses are the parts of a training loss, summed over a micro-batch and
// divided by its number of targets.
type losses struct {
	total, state, mixture, scale float64
}

// learn runs the micro-batch forward and backward; gradients add up in the
// tape.
func (t *tasks) learn(n *network, tape *tensor.Tape, enc *encoded, share float32) losses {
	tape.Reset()
	n.forward(tape, &t.in, enc, false)
	state, mixture, logScale := n.decodeSites(tape, &t.in, enc, t.guides, t.tau, sitesPerWindow)
	tokens := t.in.rows * t.in.windows
	target := tape.Input(t.target, tokens, targetsPerWindow)
	weight := tape.Input(t.weight, tokens, targetsPerWindow)
	norm := 1 / float32(tokens*targetsPerWindow)

	// Errors count in units of the curve's spread.
	unit := tape.Input(t.unit, tokens, 1)
	scaled := tape.Mul(target, unit)
	fit := tape.SmoothL1(tape.Mul(state, unit), scaled, weight, lossBeta)
	mix := tape.SmoothL1(tape.Mul(mixture, unit), scaled, weight, lossBeta)
	err := tape.New(tokens, targetsPerWindow)
	mask := tape.New(tokens, targetsPerWindow)
	for i, v := range state.Data {
		err.Data[i] = min(max(v-t.target[i], -50), 50)
		if t.weight[i] > 0 {
			mask.Data[i] = 1
		}
	}
	scale := tape.LaplaceNLL(err, logScale, mask)
	loss := tape.Add(tape.Add(tape.Scale(fit, norm), tape.Scale(mix, norm*mixtureShare)), tape.Scale(scale, norm*scaleShare))
	if tape.Recording() {
		tape.Backward(tape.Scale(loss, share))
	}
	return losses{
		total: float64(loss.Data[0]), state: float64(fit.Data[0] * norm),
		mixture: float64(mix.Data[0] * norm), scale: float64(scale.Data[0] * norm),
	}
}
