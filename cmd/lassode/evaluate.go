package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/ode"
)

// condition says how much of a trajectory a forecaster gets to see.
type condition struct {
	Name string `json:"name"`
	// Seen is the share of the rows, from the first, that make the context;
	// all later rows are to be forecast.
	Seen float64 `json:"seen"`
	// Noise is the standard deviation of Gaussian noise on the context, as a
	// share of half the range of each channel over the seen part.
	Noise float64 `json:"noise"`
	// Drop is the share of the context's rows that are removed at random.
	Drop float64 `json:"drop"`
}

var conditions = []condition{
	{"50 % seen, clean", 0.5, 0, 0},
	{"30 % seen, clean", 0.3, 0, 0},
	{"50 % seen, 5 % noise, half of the rows dropped", 0.5, 0.05, 0.5},
}

// contextOf makes the context of a trajectory, and the later rows. The noise
// and the choice of rows are a function of seed and index alone.
func contextOf(s lassode.Series, c condition, seed uint64, index int) (context, rest lassode.Series) {
	cut := max(2, int(math.Floor(c.Seen*float64(len(s.Times)))))
	r := rand.New(rand.NewPCG(seed, uint64(index)))
	rows := make([]int, cut)
	for i := range rows {
		rows[i] = i
	}
	if c.Drop > 0 {
		r.Shuffle(cut, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		rows = rows[:max(2, cut-int(math.Round(c.Drop*float64(cut))))]
		slices.Sort(rows)
	}
	amplitude := make([]float64, s.Channels())
	for k := range amplitude {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, row := range s.Values[:cut] {
			if v := row[k]; v == v {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
		amplitude[k] = c.Noise * math.Max(0, hi-lo) / 2
	}
	context.Names = s.Names
	for _, i := range rows {
		row := slices.Clone(s.Values[i])
		if c.Noise > 0 {
			for k := range row {
				row[k] += amplitude[k] * r.NormFloat64()
			}
		}
		context.Times = append(context.Times, s.Times[i])
		context.Values = append(context.Values, row)
	}
	return context, lassode.Series{Times: s.Times[cut:], Values: s.Values[cut:], Names: s.Names}
}

// maxError caps one error, so that a forecast without bounds is one number
// among others. Medians and the clipped mean do not feel it.
const maxError = 1e6

// scorer measures forecasts of the later part of one trajectory.
type scorer struct {
	truth    lassode.Series
	variance []float64 // of the whole clean curve, per channel; 0 = left out
}

func newScorer(whole, rest lassode.Series) *scorer {
	s := &scorer{truth: rest, variance: make([]float64, whole.Channels())}
	for k := range s.variance {
		var n, mean, m2, size float64 // Welford's sums
		for _, row := range whole.Values {
			if v := row[k]; v == v {
				n++
				d := v - mean
				mean += d / n
				m2 += d * (v - mean)
				size = math.Max(size, math.Abs(v))
			}
		}
		// What moves by less than single precision shows does not move.
		if n > 1 && m2/n > 1e-14*size*size {
			s.variance[k] = m2 / n
		}
	}
	return s
}

// score is the normalised root mean square error: per channel the mean square
// error on the later part over the variance of the whole clean curve, then
// the root of the mean over channels. NaN without a channel that moves. at
// returns the forecast of row i and channel k.
func (s *scorer) score(at func(i, k int) float64) float64 {
	total, channels := 0.0, 0
	for k, variance := range s.variance {
		if variance == 0 {
			continue
		}
		sum, n := 0.0, 0
		for i, row := range s.truth.Values {
			if row[k] != row[k] {
				continue
			}
			d := at(i, k) - row[k]
			if d != d {
				d = math.Inf(1)
			}
			sum += d * d
			n++
		}
		if n == 0 {
			continue
		}
		total += sum / float64(n) / variance
		channels++
	}
	if channels == 0 {
		return math.NaN()
	}
	return math.Min(math.Sqrt(total/float64(channels)), maxError)
}

// modelName and hindsightName stand beside the names of package classical.
const (
	modelName     = "model"
	hindsightName = "hindsight-best"
)

// methodNames are the model, the classical forecasters, and the best of the
// latter chosen in hindsight, which nothing that sees the context only can be.
func methodNames() []string {
	names := []string{modelName}
	for _, f := range classical.All() {
		names = append(names, f.Name())
	}
	return append(names, hindsightName)
}

// trial is the result of all methods on one trajectory.
type trial struct {
	family string
	errors []float64 // per method, in the order of methodNames; NaN = not scored
	inside int       // truths inside the model's 80 % band
	count  int
}

// flatten is the row-major form of values.
func flatten(rows [][]float64) []float64 {
	var flat []float64
	for _, row := range rows {
		flat = append(flat, row...)
	}
	return flat
}

// runTrial forecasts one trajectory with every method. forecasters belong to
// the calling goroutine.
func runTrial(model *lassode.Model, forecasters []classical.Forecaster, t ode.Trajectory, c condition, seed uint64, index int) (trial, error) {
	context, rest := contextOf(t.Series, c, seed, index)
	s := newScorer(t.Series, rest)
	out := trial{family: t.Family, errors: make([]float64, 0, len(forecasters)+2)}

	fc, err := model.Forecast(context, rest.Times)
	if err != nil {
		return out, fmt.Errorf("trajectory %d (%s): %w", index, t.Family, err)
	}
	out.errors = append(out.errors, s.score(func(i, k int) float64 { return fc.Mean[i][k] }))
	lo, hi := fc.Quantile(0.1), fc.Quantile(0.9)
	for i, row := range rest.Values {
		for k, v := range row {
			if s.variance[k] == 0 || v != v {
				continue
			}
			out.count++
			if v >= lo[i][k] && v <= hi[i][k] {
				out.inside++
			}
		}
	}

	channels := t.Series.Channels()
	values := flatten(context.Values)
	dst := make([]float64, len(rest.Times)*channels)
	best := math.Inf(1)
	for _, f := range forecasters {
		f.Forecast(dst, context.Times, values, channels, rest.Times)
		e := s.score(func(i, k int) float64 { return dst[i*channels+k] })
		out.errors = append(out.errors, e)
		best = math.Min(best, e)
	}
	out.errors = append(out.errors, best)
	return out, nil
}

// runTrials works through all trajectories on several goroutines. The results
// do not depend on their number.
func runTrials(ctx context.Context, model *lassode.Model, set []ode.Trajectory, c condition, seed uint64, workers int, progress func(done int)) ([]trial, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	trials := make([]trial, len(set))
	errs := make([]error, len(set))
	var next, done atomic.Int64
	var lock sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			forecasters := classical.All()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(set) {
					return
				}
				trials[i], errs[i] = runTrial(model, forecasters, set[i], c, seed, i)
				n := int(done.Add(1))
				if progress != nil {
					lock.Lock()
					progress(n)
					lock.Unlock()
				}
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(trials, func(t trial) bool { return math.IsNaN(t.errors[0]) }), nil
}

// methodScore summarises one method over many trajectories.
type methodScore struct {
	Method string `json:"method"`
	// Median normalised error, with its 95 % bootstrap interval.
	Median     float64 `json:"median"`
	MedianLow  float64 `json:"median_low"`
	MedianHigh float64 `json:"median_high"`
	// MeanClipped is the mean of the errors clipped at 2.
	MeanClipped float64 `json:"mean_clipped_at_2"`
	// Good is the share of trajectories with R2 = 1 - error squared over 0.9.
	Good float64 `json:"share_r2_over_0.9"`
}

// bootstraps is the number of resamplings behind an interval.
const bootstraps = 1000

// summarise scores the errors of one method. The resampling draws whole
// trajectories, with the same draws for every method.
func summarise(method string, errors []float64, seed uint64) methodScore {
	s := methodScore{Method: method, Median: median(errors)}
	n := len(errors)
	if n == 0 {
		return s
	}
	for _, e := range errors {
		s.MeanClipped += math.Min(e, 2) / float64(n)
		if 1-e*e > 0.9 {
			s.Good += 1 / float64(n)
		}
	}
	r := rand.New(rand.NewPCG(seed, 0xb007))
	medians := make([]float64, bootstraps)
	sample := make([]float64, n)
	for b := range medians {
		for i := range sample {
			sample[i] = errors[r.IntN(n)]
		}
		medians[b] = median(sample)
	}
	slices.Sort(medians)
	s.MedianLow, s.MedianHigh = medians[bootstraps*25/1000], medians[bootstraps*975/1000-1]
	return s
}

// median of any numbers; 0 for none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// familyScore has the medians of one family, per method.
type familyScore struct {
	Family       string             `json:"family"`
	Trajectories int                `json:"trajectories"`
	Medians      map[string]float64 `json:"medians"`
}

// suiteScore is the result of one suite under one condition.
type suiteScore struct {
	Suite        string        `json:"suite"`
	Condition    condition     `json:"condition"`
	Trajectories int           `json:"trajectories"`
	Methods      []methodScore `json:"methods"`
	Families     []familyScore `json:"families"`
	// Coverage is the share of true values inside the model's 80 % band.
	Coverage float64 `json:"model_80_band_coverage"`
}

// scoreSuite turns trials into a table.
func scoreSuite(suite string, c condition, trials []trial, seed uint64) suiteScore {
	out := suiteScore{Suite: suite, Condition: c, Trajectories: len(trials)}
	names := methodNames()
	column := func(list []trial, m int) []float64 {
		errors := make([]float64, len(list))
		for i := range list {
			errors[i] = list[i].errors[m]
		}
		return errors
	}
	for m, name := range names {
		out.Methods = append(out.Methods, summarise(name, column(trials, m), seed))
	}
	inside, count := 0, 0
	groups := map[string][]trial{}
	for _, t := range trials {
		inside, count = inside+t.inside, count+t.count
		groups[t.family] = append(groups[t.family], t)
	}
	if count > 0 {
		out.Coverage = float64(inside) / float64(count)
	}
	for family, list := range groups {
		f := familyScore{Family: family, Trajectories: len(list), Medians: map[string]float64{}}
		for m, name := range names {
			f.Medians[name] = median(column(list, m))
		}
		out.Families = append(out.Families, f)
	}
	slices.SortFunc(out.Families, func(a, b familyScore) int { return cmp.Compare(a.Family, b.Family) })
	return out
}

// tuneScore is the effect of fine-tuning on one system, measured on fresh
// runs of it of which the first half is seen, clean.
type tuneScore struct {
	Family        string  `json:"family"`
	Fresh         int     `json:"fresh_trajectories"`
	MedianBefore  float64 `json:"median_before"`
	MedianAfter   float64 `json:"median_after"`
	ClippedBefore float64 `json:"mean_clipped_at_2_before"`
	ClippedAfter  float64 `json:"mean_clipped_at_2_after"`
	Kept          string  `json:"kept"`
}

// reduction is the share of an error that fine-tuning took away.
func reduction(before, after float64) float64 {
	if before == 0 {
		return 0
	}
	return 1 - after/before
}

// tuneTrajectories is the number of trajectories that fine-tuning sees.
const tuneTrajectories = 16

// runTune fine-tunes on the first runs of one system and measures on the rest.
func runTune(ctx context.Context, model *lassode.Model, set []ode.Trajectory, steps int, seed uint64, workers int) (tuneScore, error) {
	out := tuneScore{Family: set[0].Family}
	var series []lassode.Series
	for _, t := range set[:tuneTrajectories] {
		series = append(series, t.Series)
	}
	tuned, report, err := model.FineTune(ctx, series, lassode.FineTuneOptions{Steps: steps, Seed: seed, Workers: workers})
	if err != nil {
		return out, fmt.Errorf("%s: %w", out.Family, err)
	}
	out.Kept = report.Kept
	measure := func(m *lassode.Model) (mid, clipped float64, n int, err error) {
		var errors []float64
		for i, t := range set[tuneTrajectories:] {
			context, rest := contextOf(t.Series, conditions[0], seed, i)
			fc, err := m.Forecast(context, rest.Times)
			if err != nil {
				return 0, 0, 0, fmt.Errorf("%s: %w", out.Family, err)
			}
			if e := newScorer(t.Series, rest).score(func(i, k int) float64 { return fc.Mean[i][k] }); e == e {
				errors = append(errors, e)
			}
		}
		s := summarise(modelName, errors, seed)
		return s.Median, s.MeanClipped, len(errors), nil
	}
	if out.MedianBefore, out.ClippedBefore, out.Fresh, err = measure(model); err != nil {
		return out, err
	}
	out.MedianAfter, out.ClippedAfter, _, err = measure(tuned)
	return out, err
}
