package lassode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/optim"
	"github.com/lassode/lassode/tensor"
)

// FineTuneOptions control [Model.FineTune]. The zero value is sensible.
type FineTuneOptions struct {
	// Steps is the number of optimiser steps; 0 means 100.
	Steps int
	// Scope is what may change: "all" weights (also the meaning of ""), the
	// "head" with the mixer of the guides, or the "hub" alone: the runs that the
	// guides learn from, and the learned tokens of a network that has any.
	Scope string
	// ValidationShare is the part of the series kept apart to judge the
	// result; 0 means a quarter, at least one series.
	ValidationShare float64
	// LearningRate multiplies the built-in rate; 0 means 1.
	LearningRate float64
	// Seed fixes everything random.
	Seed uint64
	// Workers bounds the goroutines; 0 means what it means in [TrainOptions]. It does
	// not change the result.
	Workers int
	// Progress is called after every step by the calling goroutine; never where no
	// weight is trained (Scope "hub" of a network without hub tokens).
	Progress func(Progress)
}

// Validate returns an [InputError] that names the first bad field, or nil.
func (o FineTuneOptions) Validate() error {
	switch {
	case o.Steps < 0:
		return inputError("FineTuneOptions.Steps", "0 or more", "%d", o.Steps)
	case !slices.Contains([]string{"", "all", "head", "hub"}, o.Scope):
		return inputError("FineTuneOptions.Scope", `"all", "head" or "hub"`, "%q", o.Scope)
	case !(o.ValidationShare >= 0 && o.ValidationShare < 1):
		return inputError("FineTuneOptions.ValidationShare", "0 to below 1", "%v", o.ValidationShare)
	case !(o.LearningRate >= 0) || o.LearningRate > 100:
		return inputError("FineTuneOptions.LearningRate", "0 to 100", "%v", o.LearningRate)
	case o.Workers < 0:
		return inputError("FineTuneOptions.Workers", "0 or more", "%d", o.Workers)
	}
	return nil
}

// FineTuneReport says what fine-tuning did.
type FineTuneReport struct {
	// Before and After are the errors of the forecasts that decided: the root
	// mean square error over the standard deviation of each channel, clipped at 2,
	// averaged over channels, series and several contexts. After is that of the
	// returned model, never more than Before. Tuned weights are judged on the part
	// kept apart, a library alone on all series, each without itself.
	Before, After float64
	// Kept is "tuned" or "original"; "tuned" also where only the library was kept, with
	// Steps 0.
	Kept string
	// LibraryWeight is the weight that the guides give to the series, relative
	// to the context they are fitted to; 0 = none.
	LibraryWeight float64
	// Steps is the number of steps after which the returned weights were best.
	Steps int
	// SkippedSteps counts steps left out because the loss or the gradient was not
	// finite; twenty in a row end the training.
	SkippedSteps int
	// ValidationTrajectories is the number of series kept apart; 0 when there
	// was only one, whose last part was kept apart instead.
	ValidationTrajectories int
}

// heldShare is the default of FineTuneOptions.ValidationShare.
const heldShare = .25

// libraryWeights are the weights of the library that are tried.
var libraryWeights = []float64{.01, .1, 1, 10}

// fleet is what a fine-tuned model keeps of its training series: they inform
// the guides that are fitted to each context.
type fleet struct {
	library *classical.Library
	weight  float64
	levels  []float64 // of the channels
	names   []string  // of the channels, or nil
	series  []Series  // as stored with the weights: float32 beside the levels, times from 0
}

// newFleet makes a library of series as aligned returns them, nil when their channels differ
// or too little is left.
func newFleet(series []Series) *fleet {
	channels := series[0].Channels()
	var rows [][]float64
	for _, s := range series {
		if s.Channels() != channels {
			return nil
		}
		rows = append(rows, s.Values...)
	}
	levels := make([]float64, channels)
	for c := range levels {
		mid, half := middleOf(rows, c)
		if half > 0 && half < leastHalf {
			return nil
		}
		levels[c] = mid
	}
	var o outliers
	rounded := make([]Series, len(series))
	for k, s := range series {
		kept := Series{}
		var flat []float64
		for i, t := range s.Times {
			at := float64(float32(t - s.Times[0]))
			if n := len(kept.Times); n > 0 && at <= kept.Times[n-1] {
				continue // closer than float32 can tell
			}
			for c, v := range s.Values[i] {
				v = levels[c] + float64(float32(v-levels[c]))
				if math.IsInf(v, 0) {
					return nil // beyond the range of the file format
				}
				flat = append(flat, v)
			}
			kept.Times = append(kept.Times, at)
		}
		if !s.KeepOutliers {
			kept.Times, flat = o.drop(kept.Times, flat, channels, nil)
		}
		for i := range kept.Times {
			kept.Values = append(kept.Values, flat[i*channels:(i+1)*channels])
		}
		rounded[k] = kept
	}
	f := fleetOf(rounded, levels)
	if f != nil {
		f.names = series[0].Names
	}
	return f
}

// leastHalf is the least half range of a channel of a library: float32 beside the middle has its
// full precision for all values but those next to it.
const leastHalf = 1e-30

// middleOf returns the middle of the values of column c of rows and half their range; 0 and 0
// where there are none.
func middleOf(rows [][]float64, c int) (mid, half float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, row := range rows {
		if v := row[c]; v == v {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo/2 + hi/2, hi/2 - lo/2
}

// fleetOf makes a library of series as they are stored, nil when too little is left of one
// or when they are too long.
func fleetOf(series []Series, levels []float64) *fleet {
	f := &fleet{library: classical.NewLibrary(len(levels)), levels: levels, series: series}
	rows := 0
	for _, s := range series {
		if !f.library.Add(s.Times, slices.Concat(s.Values...)) {
			return nil // every series keeps its index
		}
		if rows += len(s.Times); rows > MaxRows {
			return nil // more than a file of weights may hold
		}
	}
	return f
}

// weighted returns f with another weight.
func (f *fleet) weighted(weight float64) *fleet {
	out := *f
	out.weight = weight
	return &out
}

// arranged returns f with its channels in the order of the observed ones of a series, the
// columns live of names; f itself where one of them has no names, and nil where the names are
// others, of another system.
func (f *fleet) arranged(names []string, live []int) *fleet {
	if f == nil || f.names == nil || names == nil {
		return f
	}
	if len(live) != len(f.names) {
		return nil
	}
	same := true
	for i, c := range live {
		same = same && names[c] == f.names[i]
	}
	if same {
		return f
	}
	observed := make([]string, len(live))
	for i, c := range live {
		observed[i] = names[c]
	}
	columns := columnsOf(observed, f.names)
	if columns == nil {
		return nil
	}
	out := *f
	out.library = f.library.Arranged(columns)
	return &out
}

// columnsOf returns the column of have that each name of want is in, nil where have is not a
// permutation of want. Equal names are taken in their order.
func columnsOf(want, have []string) []int {
	if len(want) != len(have) {
		return nil
	}
	at := map[string][]int{}
	for c, name := range have {
		at[name] = append(at[name], c)
	}
	columns := make([]int, len(want))
	for i, name := range want {
		if len(at[name]) == 0 {
			return nil
		}
		columns[i], at[name] = at[name][0], at[name][1:]
	}
	return columns
}

// aligned returns valid series without their constraints and, where all have names, with the
// channels in the order of the first; without names where some have none. Names that are not
// those of the first are an [InputError].
func aligned(series []Series) ([]Series, error) {
	out := slices.Clone(series)
	named := true
	for i := range out {
		out[i].Constraints = nil
		named = named && out[i].Names != nil
	}
	for i := range out {
		s := &out[i]
		switch {
		case !named:
			s.Names = nil
			continue
		case slices.Equal(s.Names, out[0].Names):
			continue
		}
		columns := columnsOf(out[0].Names, s.Names)
		if columns == nil {
			return nil, inputError(fmt.Sprintf("series[%d].Names", i), fmt.Sprintf("%q in any order, those of series[0]", out[0].Names), "%q", s.Names)
		}
		s.Names = out[0].Names
		flat := make([]float64, len(s.Values)*len(columns))
		values := make([][]float64, len(s.Values))
		for k, row := range s.Values {
			values[k], flat = flat[:len(columns):len(columns)], flat[len(columns):]
			for j, c := range columns {
				values[k][j] = row[c]
			}
		}
		s.Values = values
	}
	return out, nil
}

// tunedNote is what the provenance of a fine-tuned model says.
const tunedNote = "fine-tuned"

// fineTuneBatch is about the number of systems of a step.
const fineTuneBatch = 24

// fineTuneChecks is the number of times the validation part is looked at.
const fineTuneChecks = 8

// FineTune trains a copy of the model on series of one kind of system and
// returns it, or the original weights where the copy is not clearly better on the
// part of the series kept apart: where the gain may be chance, which of a few
// series even a large one may be, the original counts. m itself is unchanged.
// Series should be as dense and clean as they are to be had; contexts with losses
// are drawn from them. Each needs 24 rows; a bad series or option is an
// [InputError]. A channel that never changes is nothing to learn, but one of some series has
// to, of a single one in its first two thirds.
//
// Where that helps, the returned model keeps the series themselves, as float32, and
// [Model.Save] writes them; not if they differ in channels, if a channel of one has fewer than
// four values, if values vary by less than 1e-30 or more than 1e38, or if they have more than
// [MaxRows] rows together. Where nothing helps the
// returned model is m. When ctx ends, the error is that of the context and there is no model.
//
// Where all series have names, their channels are matched by name, in any order, and other
// names than those of the first are an [InputError]; where one has none, all are matched by
// position. The names are kept with the series: forecasts of a series with the same names for
// the channels that are observed use the ones kept, in any order, those of a series with other
// names, which is of another system, do without, and a series without names is matched by
// position.
func (m *Model) FineTune(ctx context.Context, series []Series, opt FineTuneOptions) (*Model, FineTuneReport, error) {
	var report FineTuneReport
	if err := opt.Validate(); err != nil {
		return nil, report, err
	}
	if len(series) == 0 {
		return nil, report, inputError("series", "at least one", "none")
	}
	for i, s := range series {
		if err := s.Validate(); err != nil {
			return nil, report, within(fmt.Sprintf("series[%d]", i), err)
		}
		if len(s.Times) < 24 {
			return nil, report, inputError(fmt.Sprintf("series[%d]", i), "at least 24 rows to learn from", "%d rows long", len(s.Times))
		}
	}
	series, err := aligned(series)
	if err != nil {
		return nil, report, err
	}
	if opt.Steps == 0 {
		opt.Steps = 100
	}
	if opt.ValidationShare == 0 {
		opt.ValidationShare = heldShare
	}
	if opt.LearningRate == 0 {
		opt.LearningRate = 1
	}
	train, held := splitSeries(series, opt)
	trains := opt.Scope != "hub" || m.net.hub != nil
	teaching := 0 // how many of train, which come first
	for teaching < len(train) && train[teaching].teaches() {
		teaching++
	}
	if trains && teaching == 0 {
		want := "one at least with two values of each channel, of which one changes"
		if len(series) == 1 {
			want += ", in its first two thirds"
		}
		return nil, report, inputError("series", want, "none of %d such", len(series))
	}
	if len(series) > 1 {
		report.ValidationTrajectories = len(held)
	}

	// First the runs as a library for the guides: no weight changes, and often
	// the larger gain. Each run can judge the library of all others.
	all := newChecks(series, train, held, true)
	before, err := m.validationErrors(ctx, all, opt.Workers)
	if err != nil {
		return nil, report, err
	}
	report.Before = mean(before)
	report.After, report.Kept = report.Before, "original"
	best, least, weight, err := m.adopt(ctx, newFleet(slices.Concat(train, held)), all, before, opt.Workers)
	if err != nil {
		return nil, report, err
	}
	report.LibraryWeight = weight
	if best != m {
		report.After, report.Kept = mean(least), "tuned"
	}
	if !trains {
		return best, report, nil
	}

	// Then the weights.
	fleet := best.fleet
	apart := newChecks(series, train, held, false)
	original, err := m.validationErrors(ctx, apart, opt.Workers)
	if err != nil {
		return nil, report, err
	}
	if before, err = best.validationErrors(ctx, apart, opt.Workers); err != nil {
		return nil, report, err
	}
	least = nil
	tuned := m.copy()
	groups := tuned.net.fineTuneGroups(opt.Scope, opt.LearningRate)
	tr := newTrainer(tuned.net, sliceSource(train), taskOptions{hi: teaching, whole: true, fleet: fleet, done: ctx.Done()},
		TrainOptions{Seed: opt.Seed, Workers: opt.Workers, Batch: fineTuneBatch * train[0].Channels() * 2 * m.net.cfg.MinWindows}, groups,
		optim.Schedule{WarmUp: min(20, opt.Steps), Total: opt.Steps, Floor: .02})
	for tr.step < opt.Steps {
		loss, norm, _, err := tr.runStep()
		if errors.Is(err, errStopped) {
			err = ctx.Err()
		}
		if err != nil {
			return nil, report, err
		}
		report.SkippedSteps = tr.skipped
		if tr.streak >= maxStreak {
			break // the original, or the best so far
		}
		if opt.Progress != nil {
			opt.Progress(Progress{Step: tr.step, Steps: opt.Steps, Loss: loss.total, GradientNorm: norm,
				LearningRate: tr.rates.At(tr.step - 1), SkippedSteps: tr.skipped})
		}
		if tr.step*fineTuneChecks/opt.Steps == (tr.step-1)*fineTuneChecks/opt.Steps {
			continue
		}
		candidate := m.copy()
		candidate.provenance.Note = tunedNote
		copy(candidate.net.params.Data(), tr.average.Data())
		candidate.fleet = fleet
		e, err := candidate.validationErrors(ctx, apart, opt.Workers)
		if err != nil {
			return nil, report, err
		}
		if apart.better(original, e) && apart.better(before, e) && (least == nil || mean(e) < mean(least)) {
			report.Before, report.After, report.Kept, report.Steps = mean(original), mean(e), "tuned", tr.step
			best, least = candidate, e
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, report, err
	}
	return best, report, nil
}

// teaches reports whether a step of training can learn from s: it has two observations of
// each channel, and one of them changes.
func (s Series) teaches() bool {
	moves := false
	for c := range s.Channels() {
		first, count := math.NaN(), 0
		for _, row := range s.Values {
			if v := row[c]; v == v {
				if count++; count == 1 {
					first = v
				}
				moves = moves || v != first
			}
		}
		if count < 2 {
			return false
		}
	}
	return moves
}

// adopt returns m with library for its guides, at that of libraryWeights which
// forecasts its own runs best, each without itself, and the errors of list; or m
// itself where none is clearly better than before. When ctx ends, the error is that of ctx.
func (m *Model) adopt(ctx context.Context, library *fleet, list checks, before []float64, workers int) (best *Model, least []float64, weight float64, err error) {
	best = m
	if library == nil {
		return best, nil, 0, ctx.Err()
	}
	for _, w := range libraryWeights {
		candidate := &Model{net: m.net, calibration: m.calibration, provenance: m.provenance, integers: m.integers, fleet: library.weighted(w)}
		candidate.provenance.Note = tunedNote
		e, err := candidate.validationErrors(ctx, list, workers)
		if err != nil {
			return nil, nil, 0, err
		}
		if list.better(before, e) && (least == nil || mean(e) < mean(least)) {
			best, least, weight = candidate, e, w
		}
	}
	return best, least, weight, nil
}

// singleShare is the part of a single series that is trained on.
const singleShare = 2. / 3

// splitSeries divides series into a part to train on, with those that teach first, and one
// to validate on. A single series is cut in time. Where one of several teaches, one of the
// part to train on does.
func splitSeries(series []Series, opt FineTuneOptions) (train, held []Series) {
	if len(series) == 1 {
		first, rest := series[0], series[0]
		n := int(singleShare * float64(len(first.Times)))
		first.Times, first.Values = first.Times[:n], first.Values[:n]
		rest.Times, rest.Values = rest.Times[n:], rest.Values[n:]
		return []Series{first}, []Series{rest}
	}
	order := rand.New(rand.NewPCG(opt.Seed, 1)).Perm(len(series))
	n := min(max(int(math.Round(opt.ValidationShare*float64(len(series)))), 1), len(series)-1)
	var idle []Series // of those to train on
	for i, j := range order {
		switch {
		case i < n:
			held = append(held, series[j])
		case series[j].teaches():
			train = append(train, series[j])
		default:
			idle = append(idle, series[j])
		}
	}
	if len(train) == 0 {
		if i := slices.IndexFunc(held, Series.teaches); i >= 0 {
			train = append(train, held[i])
			held[i], idle = idle[0], idle[1:]
		}
	}
	return append(train, idle...), held
}

// check is a forecast whose truth is known: rows [lo, cut) of a series are seen,
// all later ones asked for.
type check struct {
	series  Series
	own     int // its run in the library, which must not help
	lo, cut int
}

// checks judge a candidate. Those of one series follow one another.
type checks []check

// Limits of the checks: with fewer series than severalSeries each is asked more
// often, and of more than judgedSeries some are left out.
const (
	severalSeries = 4
	judgedSeries  = 8
)

// newChecks makes forecasts within the series kept apart, and if all is set within
// those trained on as well, which a library without the series itself does not
// know either. The library has train first, then held.
func newChecks(series, train, held []Series, all bool) checks {
	var out checks
	add := func(s Series, own int, lo, cut float64) {
		n := float64(len(s.Times))
		c := check{s, own, int(lo * n), int(cut * n)}
		if c.cut-c.lo >= 4 && c.cut < len(s.Times) {
			out = append(out, c)
		}
	}
	if len(series) == 1 {
		// The parts as if they were runs of their own: each is a library for the
		// other. A context that reaches from one into the other would know what is
		// in the library itself; it judges weights alone.
		for _, cut := range []float64{.3, .4, .5, .6, .7} {
			add(held[0], 1, 0, cut)
			if all {
				add(train[0], 0, 0, cut)
			} else {
				add(series[0], 1, 0, singleShare+(cut-.3)/2)
			}
		}
		slices.SortStableFunc(out, func(a, b check) int { return a.own - b.own })
		return out
	}
	judged, first := held, len(train)
	if all {
		judged, first = slices.Concat(train, held), 0
	}
	count := min(len(judged), judgedSeries)
	for k := range count {
		i := k * len(judged) / count
		for _, cut := range []float64{.3, .5, .7} {
			add(judged[i], first+i, 0, cut)
		}
		if len(judged) < severalSeries {
			add(judged[i], first+i, .2, .6)
			add(judged[i], first+i, .35, .75)
		}
	}
	return out
}

// better reports whether errors are less than before by more than chance makes of
// so few checks: their mean by 2 % and by its standard error, and the ratios, which
// a few large errors do not rule, by more than theirs times a margin. Checks of one
// series have much in common, so that the series count as soon as there are several;
// before that the margin is wider, and the gain must be 15 % and a twentieth of the
// standard deviation: a run that is forecast well already tells nothing of others.
func (list checks) better(before, errors []float64) bool {
	const small = .02 // below, ratios say little
	n := len(list)
	gains, ratios := make([]float64, n), make([]float64, n)
	for i, e := range errors {
		gains[i] = before[i] - e
		ratios[i] = math.Log((before[i] + small) / (e + small))
	}
	least, margin := max(.15*mean(before), .05), 2.5
	if perSeries := list.perSeries(ratios); len(perSeries) >= severalSeries {
		gains, ratios, least, margin = list.perSeries(gains), perSeries, .02*mean(before), 1.5
	}
	if len(gains) < 2 {
		return false
	}
	gain, doubt := meanError(gains)
	ratio, ratioDoubt := meanError(ratios)
	return gain > least && gain > doubt && ratio > margin*ratioDoubt
}

// perSeries are the means of values over the checks of each series.
func (list checks) perSeries(values []float64) []float64 {
	var out []float64
	for i := 0; i < len(list); {
		from := i
		for i < len(list) && list[i].own == list[from].own {
			i++
		}
		out = append(out, mean(values[from:i]))
	}
	return out
}

// meanError is the mean of two or more numbers and its standard error.
func meanError(list []float64) (m, doubt float64) {
	m = mean(list)
	square := 0.
	for _, v := range list {
		square += (v - m) * (v - m)
	}
	n := float64(len(list))
	return m, math.Sqrt(square / (n - 1) / n)
}

// mean of any numbers; 0 for none.
func mean(list []float64) float64 {
	sum := 0.
	for _, v := range list {
		sum += v
	}
	return sum / float64(max(len(list), 1))
}

// validationErrors makes the forecasts of list: of each the root mean square error
// over the standard deviation of the series, clipped at 2, mean over channels. When ctx ends,
// no other forecast begins and the error is that of ctx.
func (m *Model) validationErrors(ctx context.Context, list checks, workers int) ([]float64, error) {
	errs := make([]float64, len(list))
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	tensor.Parallel(len(errs), workers, func(i int) {
		if ctx.Err() != nil {
			return
		}
		c := list[i]
		s := c.series
		errs[i] = 2
		seen := s
		seen.Times, seen.Values, seen.Constraints = s.Times[c.lo:c.cut], s.Values[c.lo:c.cut], nil
		var f Forecast
		e := m.takeEngine()
		defer m.engines.Put(e)
		e.sys.own = c.own
		if err := e.forecast(seen, s.Times[c.cut:], &f, false); err != nil {
			return // a context without observations
		}
		sum, channels := 0., 0
		for column := range s.Channels() {
			mid, half := middleOf(s.Values, column)
			var average, square, n, miss, count float64
			for j, row := range s.Values {
				if row[column] != row[column] {
					continue
				}
				v := (row[column] - mid) / half // squares of the values may leave the range of float64
				n++
				d := v - average
				average += d / n
				square += d * (v - average)
				if j >= c.cut {
					if e := (f.Mean[j-c.cut][column] - row[column]) / half; e == e {
						miss += e * e
						count++
					}
				}
			}
			std := math.Sqrt(square / n)
			if count == 0 || !(std > 0) {
				continue
			}
			sum += min(math.Sqrt(miss/count)/std, 2)
			channels++
		}
		if channels > 0 {
			errs[i] = sum / float64(channels)
		}
	})
	return errs, ctx.Err()
}

// copy returns a model with its own weights, to be changed: those are no integers.
func (m *Model) copy() *Model {
	net := newNetwork(m.net.cfg)
	copy(net.params.Data(), m.net.params.Data())
	return &Model{net: net, calibration: m.calibration, provenance: m.provenance, fleet: m.fleet}
}

// fineTuneGroups are the optimiser's groups for a scope: gentler rates than in
// pretraining, and no decay towards zero.
func (n *network) fineTuneGroups(scope string, rate float64) []optim.Group {
	switch scope {
	case "hub":
		return []optim.Group{{Name: "hub", Params: []tensor.ParamID{n.hub.Token, n.hub.Gate}, LR: 3e-3 * rate}}
	case "head":
		return []optim.Group{{Name: "head", LR: 1e-3 * rate, Params: []tensor.ParamID{
			n.headNorm, n.head, n.headBias, n.growth, n.frequency, n.readout,
			n.mixCandidate, n.mixIn, n.mixInBias, n.mixLayer[0], n.mixLayer[1], n.mixLayerBias[0], n.mixLayerBias[1], n.mixJoint, n.mixJointBias,
			n.mixOut, n.mixOutBias, n.insideOut, n.insideBias}}}
	}
	groups := n.groups(.25 * rate)
	for i := range groups {
		groups[i].WeightDecay = 0
	}
	return groups
}

// Adapt returns a model whose hub holds series, a fleet of like systems, with all
// weights as they were: what they have in common becomes readable for each of them.
// Most models that are fitted to a context take from the fleet what the context
// leaves open, as from the prior of a ridge regression, if all series have the same
// channels and it helps them. How far that goes is chosen by forecasting each run
// without itself, which says nothing of other systems: those are forecast worse by a
// model adapted to a fleet that is not theirs. m is unchanged, and returned where the
// fleet does not help, with a library that it had; whether it did, [Model.FineTune] with Scope
// "hub" reports. Channels are matched as by [Model.FineTune]. A bad series is an
// [InputError].
func (m *Model) Adapt(series []Series) (*Model, error) {
	if len(series) == 0 {
		return nil, inputError("series", "at least one", "none")
	}
	for i, s := range series {
		if err := s.Validate(); err != nil {
			return nil, within(fmt.Sprintf("series[%d]", i), err)
		}
	}
	series, err := aligned(series)
	if err != nil {
		return nil, err
	}
	train, held := splitSeries(series, FineTuneOptions{ValidationShare: heldShare})
	list := newChecks(series, train, held, true)
	ctx := context.Background()
	before, err := m.validationErrors(ctx, list, 0)
	if err != nil {
		return nil, err
	}
	out, _, _, err := m.adopt(ctx, newFleet(slices.Concat(train, held)), list, before, 0)
	if err != nil {
		return nil, err
	}
	if out != m {
		out.provenance.Note = "adapted hub"
	}
	return out, nil
}
