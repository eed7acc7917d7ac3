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

// setting is a condition of the evaluation. Without Own and Inside it drops
// whole rows and asks for the rows behind the context.
type setting struct {
	Key string `json:"key"`
	condition
	// Own drops entries instead of rows, those of each channel on their own.
	Own bool `json:"own_times_per_channel"`
	// Inside keeps the first and the last row and asks for all dropped ones.
	Inside bool `json:"interpolation"`
	// Gap is the share of the rows that are dropped in the middle, with Inside.
	Gap float64 `json:"gap,omitempty"`
	// Wrong is the share of the context's values that are outliers: a normal deviate
	// with the standard deviation of the range of the channel is added to them.
	Wrong float64 `json:"outliers"`
	// NoGoal says that nobody has set one.
	NoGoal bool `json:"-"`
}

// settings are those of the suites of 400 rows.
var settings = []setting{
	{Key: "first30", condition: condition{"first 30 % seen, clean", 0.3, 0, 0}},
	{Key: "first50", condition: condition{"first 50 % seen, clean", 0.5, 0, 0}},
	{Key: "noisy", condition: condition{"first 50 % seen, 5 % noise, half of the rows dropped", 0.5, 0.05, 0.5}},
	{Key: "channels", condition: condition{"first 50 % seen, each channel at its own random half of the times", 0.5, 0, 0.5}, Own: true},
	{Key: "interpolate", condition: condition{"10 % of the rows seen, at random, 5 % noise, the others asked for", 1, 0.05, 0.9}, Inside: true},
	{Key: "gap", condition: condition{"all rows seen but for a fifth in the middle, clean, which is asked for", 1, 0, 0}, Inside: true, Gap: 0.2, NoGoal: true},
	{Key: "slight", condition: condition{"first 50 % seen, 0.5 % noise", 0.5, 0.005, 0}, NoGoal: true},
	{Key: "outliers", condition: condition{"first 50 % seen, 1 % noise, 2 % of the values wrong", 0.5, 0.01, 0}, Wrong: 0.02, NoGoal: true},
}

// chaoticSetting is that of the chaotic suite.
var chaoticSetting = setting{Key: "chaotic", condition: condition{
	fmt.Sprintf("first %d rows seen, clean, %d to forecast", ode.ChaoticContext, ode.ChaoticTarget),
	float64(ode.ChaoticContext) / (ode.ChaoticContext + ode.ChaoticTarget), 0, 0}}

// signalSetting is that of the suite of signals.
var signalSetting = setting{Key: "signals", condition: condition{"first 70 % seen, 1 % noise", 0.7, 0.01, 0}, NoGoal: true}

// settingOf returns the setting of a key.
func settingOf(key string) (setting, bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.Key == key })
	if i < 0 {
		return setting{}, false
	}
	return settings[i], true
}

// problem is what a forecaster sees of a trajectory, and what it is asked.
type problem struct {
	context  lassode.Series
	rest     lassode.Series // the truth at the times asked for, without noise
	distance []int          // of each row of rest to the nearest row of the context, in rows
}

// contextOf makes the context of a trajectory, and the later rows. The noise
// and the choice of rows are a function of seed and index alone.
func contextOf(s lassode.Series, c condition, seed uint64, index int) (context, rest lassode.Series) {
	t := newProblem(s, setting{condition: c}, seed, index)
	return t.context, t.rest
}

// newProblem makes the problem of a trajectory, a function of its arguments alone.
func newProblem(s lassode.Series, c setting, seed uint64, index int) problem {
	n, channels := len(s.Times), s.Channels()
	cut := min(max(2, int(math.Floor(c.Seen*float64(n)))), n)
	keep := max(2, cut-int(math.Round(c.Drop*float64(cut))))
	r := rand.New(rand.NewPCG(seed, uint64(index)))
	// choose returns m of the rows from lo to hi.
	choose := func(lo, hi, m int) []int {
		rows := make([]int, hi-lo)
		for i := range rows {
			rows[i] = lo + i
		}
		if m < len(rows) {
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			rows = rows[:m]
		}
		return rows
	}
	seen := make([]bool, cut*channels) // entries of the context
	mark := func(rows []int, lo, hi int) {
		for _, i := range rows {
			for k := lo; k < hi; k++ {
				seen[i*channels+k] = true
			}
		}
	}
	switch {
	case c.Own:
		for k := range channels {
			mark(choose(0, cut, keep), k, k+1)
		}
	case c.Gap > 0:
		for i := range cut {
			if math.Abs(float64(i)-float64(cut-1)/2) > c.Gap*float64(cut)/2 {
				mark([]int{i}, 0, channels)
			}
		}
	case c.Inside:
		mark([]int{0, cut - 1}, 0, channels)
		mark(choose(1, cut-1, keep-2), 0, channels)
	default:
		mark(choose(0, cut, keep), 0, channels)
	}

	amplitude := make([]float64, channels)
	for k := range amplitude {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, row := range s.Values[:cut] {
			if v := row[k]; v == v {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
		amplitude[k] = math.Max(0, hi-lo) / 2
	}
	out := problem{context: lassode.Series{Names: s.Names}, rest: lassode.Series{Names: s.Names}}
	inContext := make([]bool, n)
	for i := range cut {
		entries := seen[i*channels : (i+1)*channels]
		if !slices.Contains(entries, true) {
			continue
		}
		inContext[i] = true
		row := slices.Clone(s.Values[i])
		for k := range row {
			if c.Noise > 0 {
				row[k] += c.Noise * amplitude[k] * r.NormFloat64()
			}
			if c.Wrong > 0 && r.Float64() < c.Wrong {
				row[k] += 2 * amplitude[k] * r.NormFloat64()
			}
			if !entries[k] {
				row[k] = math.NaN()
			}
		}
		out.context.Times = append(out.context.Times, s.Times[i])
		out.context.Values = append(out.context.Values, row)
	}
	far := distances(inContext)
	for i := range n {
		if c.Inside && !inContext[i] || i >= cut {
			out.rest.Times = append(out.rest.Times, s.Times[i])
			out.rest.Values = append(out.rest.Values, s.Values[i])
			out.distance = append(out.distance, far[i])
		}
	}
	return out
}

// distances returns the number of rows from each row to the nearest marked one.
func distances(marked []bool) []int {
	n := len(marked)
	out := make([]int, n)
	last := -n
	for i, m := range marked {
		if m {
			last = i
		}
		out[i] = i - last
	}
	last = 2 * n
	for i := n - 1; i >= 0; i-- {
		if marked[i] {
			last = i
		}
		out[i] = min(out[i], last-i)
	}
	return out
}

// quarters sorts rows into four parts by distance, as equal as rows of one
// distance, which stay together, allow.
func quarters(distance []int) []int {
	sorted := slices.Sorted(slices.Values(distance))
	out := make([]int, len(distance))
	for i, d := range distance {
		lo, _ := slices.BinarySearch(sorted, d)
		hi, _ := slices.BinarySearch(sorted, d+1)
		out[i] = 2 * (lo + hi) / len(distance) // by the middle of their ranks
	}
	return out
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

// numHorizons is the number of horizons of the chaotic suite.
const numHorizons = 2

// horizons of the chaotic suite, in rows.
var horizons = [numHorizons]int{ode.ChaoticTarget / 2, ode.ChaoticTarget}

// chaosError has the errors of one forecast of the first rows, per horizon.
type chaosError struct {
	// smape is the mean over rows and channels of 200 |y-f| / (|y|+|f|), in
	// the units of the trajectory; equal values count as 0.
	smape [numHorizons]float64
	// mae is the mean absolute error over the standard deviation of each
	// channel of the whole curve.
	mae [numHorizons]float64
}

// chaos measures a forecast over the horizons of the chaotic suite.
func (s *scorer) chaos(at func(i, k int) float64) chaosError {
	var out chaosError
	for h, rows := range horizons {
		var smape, mae, n, moving float64
		for i, row := range s.truth.Values[:min(rows, len(s.truth.Values))] {
			for k, y := range row {
				if y != y {
					continue
				}
				f := at(i, k)
				d := math.Abs(f - y)
				share := 1.0
				if size := math.Abs(f) + math.Abs(y); d == 0 {
					share = 0
				} else if d/size < 1 { // not where either is without bounds
					share = d / size
				}
				smape += 200 * share
				n++
				if s.variance[k] > 0 {
					if d != d {
						d = math.Inf(1)
					}
					mae += d / math.Sqrt(s.variance[k])
					moving++
				}
			}
		}
		out.smape[h] = smape / max(n, 1)
		out.mae[h] = math.Min(mae/max(moving, 1), maxError)
	}
	return out
}

// bandLevels are the probabilities of the bands that are checked, and
// pinballLevels those of the quantiles whose pinball loss is averaged.
var (
	bandLevels    = [3]float64{0.5, 0.8, 0.95}
	pinballLevels = [5]float64{0.1, 0.25, 0.5, 0.75, 0.9}
)

// bandCount counts the true values inside the bands of one forecast.
type bandCount struct {
	count    int
	inside   [len(bandLevels)]int
	quarter  [4]int  // values per quarter of the distance from the context
	inside80 [4]int  // those of them inside the 80 % band
	pinball  float64 // mean over values and pinballLevels, over the standard deviation of the channel
}

// bands checks the quantiles of a forecast.
func (s *scorer) bands(distance []int, quantile func(p float64) [][]float64) bandCount {
	var out bandCount
	var lo, hi [len(bandLevels)][][]float64
	for b, p := range bandLevels {
		lo[b], hi[b] = quantile((1-p)/2), quantile((1+p)/2)
	}
	var levels [len(pinballLevels)][][]float64
	for b, p := range pinballLevels {
		levels[b] = quantile(p)
	}
	part := quarters(distance)
	for i, row := range s.truth.Values {
		for k, v := range row {
			if s.variance[k] == 0 || v != v {
				continue
			}
			out.count++
			out.quarter[part[i]]++
			for b, p := range bandLevels {
				if v >= lo[b][i][k] && v <= hi[b][i][k] {
					out.inside[b]++
					if p == 0.8 {
						out.inside80[part[i]]++
					}
				}
			}
			loss := 0.0
			for b, p := range pinballLevels {
				loss += pinball(p, v, levels[b][i][k])
			}
			out.pinball += loss / float64(len(pinballLevels)) / math.Sqrt(s.variance[k])
		}
	}
	out.pinball = math.Min(out.pinball/max(float64(out.count), 1), maxError)
	return out
}

// pinball is the loss of the quantile q of probability p where the truth is v.
func pinball(p, v, q float64) float64 {
	if d := v - q; d >= 0 {
		return p * d
	} else if d < 0 {
		return (p - 1) * d
	}
	return math.Inf(1) // no quantile
}

// modelName and the others stand beside the names of package classical.
const (
	modelName     = "model"
	linearName    = "linear-interp"
	hindsightName = "hindsight-best"
)

// named is a forecaster with the name it has in the tables.
type named struct {
	name string
	classical.Forecaster
}

// forecastersOf returns new instances of the classical forecasters of a
// setting. Inside the context all of them but the Gaussian process answer by
// linear interpolation, so that one of these stands for the others.
func forecastersOf(c setting) []named {
	var out []named
	for _, f := range classical.All() {
		name := f.Name()
		if c.Inside && name != "gp" {
			if name != "persistence" {
				continue
			}
			name = linearName
		}
		out = append(out, named{name, f})
	}
	return out
}

// methodNames are the model, the classical forecasters of a setting, and the
// best of the latter chosen in hindsight, which nothing that sees the context
// only can be.
func methodNames(c setting) []string {
	names := []string{modelName}
	for _, f := range forecastersOf(c) {
		names = append(names, f.name)
	}
	return append(names, hindsightName)
}

// trial is the result of all methods on one trajectory.
type trial struct {
	family string
	errors []float64    // per method, in the order of methodNames; NaN = not scored
	chaos  []chaosError // the same, in the chaotic suite; best in hindsight entry by entry
	bands  bandCount
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
func runTrial(model *lassode.Model, forecasters []named, t ode.Trajectory, c setting, seed uint64, index int) (trial, error) {
	p := newProblem(t.Series, c, seed, index)
	s := newScorer(t.Series, p.rest)
	out := trial{family: t.Family}
	chaotic := c.Key == chaoticSetting.Key
	score := func(at func(i, k int) float64) {
		out.errors = append(out.errors, s.score(at))
		if chaotic {
			out.chaos = append(out.chaos, s.chaos(at))
		}
	}

	fc, err := model.Forecast(p.context, p.rest.Times)
	if err != nil {
		return out, fmt.Errorf("trajectory %d (%s): %w", index, t.Family, err)
	}
	score(func(i, k int) float64 { return fc.Mean[i][k] })
	out.bands = s.bands(p.distance, fc.Quantile)

	channels := t.Series.Channels()
	values := flatten(p.context.Values)
	dst := make([]float64, len(p.rest.Times)*channels)
	for _, f := range forecasters {
		f.Forecast(dst, p.context.Times, values, channels, p.rest.Times)
		score(func(i, k int) float64 { return dst[i*channels+k] })
	}
	out.errors = append(out.errors, slices.Min(out.errors[1:]))
	if chaotic {
		best := out.chaos[1]
		for _, e := range out.chaos[2:] {
			for h := range horizons {
				best.smape[h], best.mae[h] = min(best.smape[h], e.smape[h]), min(best.mae[h], e.mae[h])
			}
		}
		out.chaos = append(out.chaos, best)
	}
	return out, nil
}

// parallel calls the functions that start returns, one for each goroutine, with
// the numbers from 0 to n-1, each once. It stops early when ctx ends.
func parallel(ctx context.Context, n, workers int, start func() func(i int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			work := start()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				work(i)
			}
		})
	}
	group.Wait()
}

// runTrials works through all trajectories on several goroutines. The results
// do not depend on their number.
func runTrials(ctx context.Context, model *lassode.Model, set []ode.Trajectory, c setting, seed uint64, workers int, progress func(done int)) ([]trial, error) {
	trials := make([]trial, len(set))
	errs := make([]error, len(set))
	var lock sync.Mutex
	done := 0
	parallel(ctx, len(set), workers, func() func(i int) {
		forecasters := forecastersOf(c)
		return func(i int) {
			trials[i], errs[i] = runTrial(model, forecasters, set[i], c, seed, i)
			if progress != nil {
				lock.Lock()
				done++
				progress(done)
				lock.Unlock()
			}
		}
	})
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

// bootstraps is the number of resamplings behind an interval.
const bootstraps = 1000

// bootstrap returns the 95 % interval of a statistic of n trajectories. counts
// says how often each of them is drawn; the draws are those of seed and n
// alone, so that a statistic of two methods is paired.
func bootstrap(n int, seed uint64, statistic func(counts []int) float64) (low, high float64) {
	if n == 0 {
		return 0, 0
	}
	r := rand.New(rand.NewPCG(seed, 0xb007))
	counts := make([]int, n)
	found := make([]float64, bootstraps)
	for b := range found {
		clear(counts)
		for range n {
			counts[r.IntN(n)]++
		}
		found[b] = statistic(counts)
	}
	slices.Sort(found)
	return found[bootstraps*25/1000], found[bootstraps*975/1000-1]
}

// bootstrapMedian is the interval of the median of list.
func bootstrapMedian(list []float64, seed uint64) (low, high float64) {
	n := len(list)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(list[a], list[b]) })
	return bootstrap(n, seed, func(counts []int) float64 {
		left, below := math.NaN(), 0
		for _, i := range order {
			below += counts[i]
			if left != left && below > (n-1)/2 {
				left = list[i]
			}
			if below > n/2 {
				return (left + list[i]) / 2
			}
		}
		panic("counts do not add up")
	})
}

// bootstrapMean is the interval of the mean of list.
func bootstrapMean(list []float64, seed uint64) (low, high float64) {
	return bootstrap(len(list), seed, func(counts []int) float64 { return weightedMean(list, counts) })
}

func weightedMean(list []float64, counts []int) float64 {
	sum := 0.0
	for i, c := range counts {
		sum += float64(c) * list[i]
	}
	return sum / float64(len(list))
}

// mean of any numbers; 0 for none.
func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / max(float64(len(list)), 1)
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
	Good     float64 `json:"share_r2_over_0.9"`
	GoodLow  float64 `json:"share_r2_over_0.9_low"`
	GoodHigh float64 `json:"share_r2_over_0.9_high"`
	// Horizons has the errors of the chaotic suite.
	Horizons []horizonScore `json:"horizons,omitempty"`
}

// horizonScore has the errors of one method of the chaotic suite, over the
// first rows: means over trajectories with their intervals, and medians.
type horizonScore struct {
	Rows        int     `json:"rows"`
	SMAPE       float64 `json:"smape"`
	SMAPELow    float64 `json:"smape_low"`
	SMAPEHigh   float64 `json:"smape_high"`
	SMAPEMedian float64 `json:"smape_median"`
	MAE         float64 `json:"mae"`
	MAELow      float64 `json:"mae_low"`
	MAEHigh     float64 `json:"mae_high"`
	MAEMedian   float64 `json:"mae_median"`
}

// good says of each error whether R2 is over 0.9, as 1 or 0.
func good(errors []float64) []float64 {
	out := make([]float64, len(errors))
	for i, e := range errors {
		if 1-e*e > 0.9 {
			out[i] = 1
		}
	}
	return out
}

// summarise scores the errors of one method. The resampling draws whole
// trajectories, with the same draws for every method.
func summarise(method string, errors []float64, seed uint64) methodScore {
	s := methodScore{Method: method, Median: median(errors)}
	for _, e := range errors {
		s.MeanClipped += math.Min(e, 2) / float64(len(errors))
	}
	s.MedianLow, s.MedianHigh = bootstrapMedian(errors, seed)
	share := good(errors)
	s.Good = mean(share)
	s.GoodLow, s.GoodHigh = bootstrapMean(share, seed)
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

// familyScore has the results of one kind of system, per method.
type familyScore struct {
	Family       string             `json:"family"`
	Trajectories int                `json:"trajectories"`
	Medians      map[string]float64 `json:"medians"`
	Good         map[string]float64 `json:"share_r2_over_0.9"`
	Coverage     float64            `json:"model_80_band_coverage"`
}

// bandScore says how well the model's quantiles are calibrated: the shares of
// true values inside its bands, and its pinball loss.
type bandScore struct {
	Coverage50 float64 `json:"coverage_50"`
	Coverage80 float64 `json:"coverage_80"`
	Coverage95 float64 `json:"coverage_95"`
	// Quarters has the coverage of the 80 % band by distance from the
	// observations, nearest first: quarters of the horizon, or of the rows
	// sorted by distance where they lie inside.
	Quarters [4]float64 `json:"coverage_80_by_quarter_of_distance"`
	// Pinball is the mean over trajectories.
	Pinball       float64 `json:"pinball"`
	PinballLow    float64 `json:"pinball_low"`
	PinballHigh   float64 `json:"pinball_high"`
	PinballMedian float64 `json:"pinball_median"`
}

// comparison is a figure of the model with its paired 95 % interval, beside
// what is asked of it.
type comparison struct {
	Quantity string  `json:"quantity"`
	Against  string  `json:"against,omitempty"`
	Unit     string  `json:"unit"` // "points" or "%"
	Value    float64 `json:"value"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Goals    []goal  `json:"goals,omitempty"`
}

// goal is a bound for a comparison. A goal that the value reaches and one end
// of the interval misses, or the other way round, is not certain.
type goal struct {
	Name    string  `json:"goal"`
	Want    float64 `json:"want"`
	AtMost  bool    `json:"at_most"` // else at least
	Reached bool    `json:"reached"`
	Certain bool    `json:"certain"`
}

// judge adds a goal to a comparison.
func (c *comparison) judge(name string, want float64, atMost bool) {
	g := goal{Name: name, Want: want, AtMost: atMost}
	low, high := c.Low >= want, c.High >= want
	g.Reached = c.Value >= want
	if atMost {
		low, high = c.Low <= want, c.High <= want
		g.Reached = c.Value <= want
	}
	g.Certain = g.Reached == low && g.Reached == high
	c.Goals = append(c.Goals, g)
}

// verdict is a goal in words.
func (g goal) verdict() string {
	word := "missed"
	if g.Reached {
		word = "reached"
	}
	if !g.Certain {
		word += "?"
	}
	return word
}

// suiteScore is the result of one suite under one condition.
type suiteScore struct {
	Suite        string        `json:"suite"`
	Condition    setting       `json:"condition"`
	Trajectories int           `json:"trajectories"`
	Methods      []methodScore `json:"methods"`
	// Comparisons has the differences to the reference and to the best in
	// hindsight, and the goals.
	Comparisons []comparison  `json:"comparisons"`
	Bands       bandScore     `json:"model_bands"`
	Families    []familyScore `json:"families"`
}

// method returns the score of a method, nil where the suite has none.
func (s *suiteScore) method(name string) *methodScore {
	for i := range s.Methods {
		if s.Methods[i].Method == name {
			return &s.Methods[i]
		}
	}
	return nil
}

// reference is the classical forecaster that the model is measured against.
func reference(c setting) string {
	switch {
	case c.Inside:
		return "gp"
	case c.Key == chaoticSetting.Key:
		return "parroting"
	}
	return "auto"
}

// scoreSuite turns trials into a table.
func scoreSuite(suite string, c setting, trials []trial, seed uint64) suiteScore {
	out := suiteScore{Suite: suite, Condition: c, Trajectories: len(trials)}
	names := methodNames(c)
	column := func(list []trial, m int) []float64 {
		errors := make([]float64, len(list))
		for i := range list {
			errors[i] = list[i].errors[m]
		}
		return errors
	}
	for m, name := range names {
		score := summarise(name, column(trials, m), seed)
		if c.Key == chaoticSetting.Key {
			for h, rows := range horizons {
				smape, mae := chaosColumns(trials, m, h)
				e := horizonScore{Rows: rows, SMAPE: mean(smape), SMAPEMedian: median(smape), MAE: mean(mae), MAEMedian: median(mae)}
				e.SMAPELow, e.SMAPEHigh = bootstrapMean(smape, seed)
				e.MAELow, e.MAEHigh = bootstrapMean(mae, seed)
				score.Horizons = append(score.Horizons, e)
			}
		}
		out.Methods = append(out.Methods, score)
	}
	out.compare(names, trials, column, seed)

	var pinballs []float64
	groups := map[string][]trial{}
	for _, t := range trials {
		pinballs = append(pinballs, t.bands.pinball)
		groups[t.family] = append(groups[t.family], t)
	}
	out.Bands = coverage(trials)
	out.Bands.Pinball, out.Bands.PinballMedian = mean(pinballs), median(pinballs)
	out.Bands.PinballLow, out.Bands.PinballHigh = bootstrapMean(pinballs, seed)
	for family, list := range groups {
		f := familyScore{Family: family, Trajectories: len(list), Medians: map[string]float64{}, Good: map[string]float64{}, Coverage: coverage(list).Coverage80}
		for m, name := range names {
			errors := column(list, m)
			f.Medians[name], f.Good[name] = median(errors), mean(good(errors))
		}
		out.Families = append(out.Families, f)
	}
	slices.SortFunc(out.Families, func(a, b familyScore) int { return cmp.Compare(a.Family, b.Family) })
	return out
}

// chaosColumns are the errors of a method at a horizon.
func chaosColumns(trials []trial, method, horizon int) (smape, mae []float64) {
	for _, t := range trials {
		smape = append(smape, t.chaos[method].smape[horizon])
		mae = append(mae, t.chaos[method].mae[horizon])
	}
	return smape, mae
}

// coverage counts the true values inside the bands over all trials.
func coverage(trials []trial) bandScore {
	var sum bandCount
	for _, t := range trials {
		sum.count += t.bands.count
		for b, n := range t.bands.inside {
			sum.inside[b] += n
		}
		for q, n := range t.bands.quarter {
			sum.quarter[q] += n
			sum.inside80[q] += t.bands.inside80[q]
		}
	}
	share := func(part, whole int) float64 { return float64(part) / max(float64(whole), 1) }
	out := bandScore{Coverage50: share(sum.inside[0], sum.count), Coverage80: share(sum.inside[1], sum.count), Coverage95: share(sum.inside[2], sum.count)}
	for q := range out.Quarters {
		out.Quarters[q] = share(sum.inside80[q], sum.quarter[q])
	}
	return out
}

// The goals, in points of the share of R2 over 0.9 and in per cent.
const (
	markPoints      = 3   // over the reference
	markNoisyPoints = 8   // the same, with noise and dropped rows
	inDomainPoints  = 10  // the same, of forecasts in-domain
	aimPoints       = 5   // over the best in hindsight, of forecasts
	aimShare        = 95  // of interpolations
	aimChaotic      = -15 // change of the errors of the reference
	tuneLimit       = 2   // largest increase of an error by fine-tuning
)

// compare adds the comparisons of the model with the reference and with the
// best in hindsight.
func (s *suiteScore) compare(names []string, trials []trial, column func([]trial, int) []float64, seed uint64) {
	c, ref := s.Condition, reference(s.Condition)
	chaotic := c.Key == chaoticSetting.Key
	at := slices.Index(names, ref)
	own := good(column(trials, 0))
	points := func(name string, m int) comparison {
		difference := good(column(trials, m))
		for i, v := range own {
			difference[i] = 100 * (v - difference[i])
		}
		out := comparison{Quantity: "share_r2_over_0.9", Against: name, Unit: "points", Value: mean(difference)}
		out.Low, out.High = bootstrapMean(difference, seed)
		return out
	}
	mark := points(ref, at)
	aim := points(hindsightName, len(names)-1)
	switch {
	case chaotic:
		s.Comparisons = append(s.Comparisons, mark, aim)
		for h, rows := range horizons {
			own, other := [2][]float64{}, [2][]float64{}
			own[0], own[1] = chaosColumns(trials, 0, h)
			other[0], other[1] = chaosColumns(trials, at, h)
			for q, quantity := range []string{"smape", "mae"} {
				change := comparison{Quantity: fmt.Sprintf("%s_%d", quantity, rows), Against: ref, Unit: "%",
					Value: increase(mean(other[q]), mean(own[q]))}
				change.Low, change.High = bootstrap(len(trials), seed, func(counts []int) float64 {
					return increase(weightedMean(other[q], counts), weightedMean(own[q], counts))
				})
				change.judge("mark", 0, true)
				change.judge("aim", aimChaotic, true)
				s.Comparisons = append(s.Comparisons, change)
			}
		}
		return
	case c.NoGoal:
		s.Comparisons = append(s.Comparisons, mark, aim)
		return
	case c.Inside:
		mark.judge("mark", markPoints, false)
		share := comparison{Quantity: "share_r2_over_0.9", Unit: "%", Value: 100 * s.Methods[0].Good, Low: 100 * s.Methods[0].GoodLow, High: 100 * s.Methods[0].GoodHigh}
		share.judge("aim", aimShare, false)
		s.Comparisons = append(s.Comparisons, mark, aim, share)
		return
	case c.Noise > 0:
		mark.judge("mark", markNoisyPoints, false)
	default:
		mark.judge("mark", markPoints, false)
	}
	if s.Suite == "in-domain" {
		mark.judge("in-domain", inDomainPoints, false)
	}
	aim.judge("aim", aimPoints, false)
	s.Comparisons = append(s.Comparisons, mark, aim)
}

// increase is the change of an error in per cent, at most maxError.
func increase(before, after float64) float64 {
	if after == before {
		return 0
	}
	return math.Min(100*(after/before-1), maxError)
}

// tuneScore is the effect of fine-tuning on one system, measured on fresh
// runs of it of which the first half is seen, clean.
type tuneScore struct {
	Family        string  `json:"family"`
	Runs          int     `json:"runs"` // that fine-tuning saw
	Fresh         int     `json:"fresh_trajectories"`
	MedianBefore  float64 `json:"median_before"`
	MedianAfter   float64 `json:"median_after"`
	ClippedBefore float64 `json:"mean_clipped_at_2_before"`
	ClippedAfter  float64 `json:"mean_clipped_at_2_after"`
	Kept          string  `json:"kept"`
	LibraryWeight float64 `json:"library_weight"`
	Steps         int     `json:"steps"`
}

// tuneSummary is the effect of fine-tuning over all systems.
type tuneSummary struct {
	Runs int `json:"runs"`
	// The medians over systems of the share of the error that was taken away,
	// of its median and of its clipped mean.
	MedianReduction  float64 `json:"median_reduction_of_median"`
	ClippedReduction float64 `json:"median_reduction_of_clipped_mean"`
	// The largest increase over systems, in per cent; negative where the error
	// of every system fell.
	MedianWorst  float64 `json:"worst_increase_of_median"`
	ClippedWorst float64 `json:"worst_increase_of_clipped_mean"`
	MedianOf     string  `json:"worst_system_by_median"`
	ClippedOf    string  `json:"worst_system_by_clipped_mean"`
	// Reached says whether no clipped mean, and no median, rose by more than 2 %.
	MedianReached  bool `json:"median_within_2_percent"`
	ClippedReached bool `json:"clipped_mean_within_2_percent"`
}

// reduction is the share of an error that fine-tuning took away.
func reduction(before, after float64) float64 {
	if before == 0 {
		return 0
	}
	return 1 - after/before
}

// summariseTune summarises the systems that were tuned on a number of runs.
func summariseTune(list []tuneScore) tuneSummary {
	var medians, clipped []float64
	out := tuneSummary{MedianWorst: math.Inf(-1), ClippedWorst: math.Inf(-1)}
	for _, s := range list {
		out.Runs = s.Runs
		medians = append(medians, reduction(s.MedianBefore, s.MedianAfter))
		clipped = append(clipped, reduction(s.ClippedBefore, s.ClippedAfter))
		if d := increase(s.MedianBefore, s.MedianAfter); d > out.MedianWorst {
			out.MedianWorst, out.MedianOf = d, s.Family
		}
		if d := increase(s.ClippedBefore, s.ClippedAfter); d > out.ClippedWorst {
			out.ClippedWorst, out.ClippedOf = d, s.Family
		}
	}
	out.MedianReduction, out.ClippedReduction = median(medians), median(clipped)
	out.MedianReached, out.ClippedReached = out.MedianWorst <= tuneLimit, out.ClippedWorst <= tuneLimit
	return out
}

// tuneReserve is the least number of trajectories of a system before the
// fresh ones, so that the fresh ones are the same for all numbers of runs up
// to it.
const tuneReserve = 64

// tuneMeasure returns the error of a model on fresh runs of one system.
func tuneMeasure(ctx context.Context, m *lassode.Model, fresh []ode.Trajectory, seed uint64, workers int) (methodScore, int, error) {
	first50, _ := settingOf("first50")
	errors, errs := make([]float64, len(fresh)), make([]error, len(fresh))
	parallel(ctx, len(fresh), workers, func() func(i int) {
		return func(i int) {
			seen, rest := contextOf(fresh[i].Series, first50.condition, seed, i)
			fc, err := m.Forecast(seen, rest.Times)
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", fresh[i].Family, err)
				return
			}
			errors[i] = newScorer(fresh[i].Series, rest).score(func(i, k int) float64 { return fc.Mean[i][k] })
		}
	})
	if err := ctx.Err(); err != nil {
		return methodScore{}, 0, err
	}
	for _, err := range errs {
		if err != nil {
			return methodScore{}, 0, err
		}
	}
	errors = slices.DeleteFunc(errors, func(e float64) bool { return e != e })
	return summarise(modelName, errors, seed), len(errors), nil
}

// runTune fine-tunes on each number of the first trajectories of one system,
// and measures on the fresh ones.
func runTune(ctx context.Context, model *lassode.Model, set, fresh []ode.Trajectory, runs []int, opt lassode.FineTuneOptions) ([]tuneScore, error) {
	before, n, err := tuneMeasure(ctx, model, fresh, opt.Seed, opt.Workers)
	if err != nil {
		return nil, err
	}
	var series []lassode.Series
	for _, t := range set {
		series = append(series, t.Series)
	}
	var out []tuneScore
	for _, k := range runs {
		tuned, report, err := model.FineTune(ctx, series[:k], opt)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fresh[0].Family, err)
		}
		after := before
		if report.Kept != "original" {
			if after, _, err = tuneMeasure(ctx, tuned, fresh, opt.Seed, opt.Workers); err != nil {
				return nil, err
			}
		}
		out = append(out, tuneScore{Family: fresh[0].Family, Runs: k, Fresh: n, MedianBefore: before.Median, MedianAfter: after.Median,
			ClippedBefore: before.MeanClipped, ClippedAfter: after.MeanClipped, Kept: report.Kept, LibraryWeight: report.LibraryWeight, Steps: report.Steps})
	}
	return out, nil
}
