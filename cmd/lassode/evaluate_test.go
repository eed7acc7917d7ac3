package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
	"github.com/stretchr/testify/require"
)

func sine(n int, amplitude, offset float64) lassode.Series {
	var s lassode.Series
	for i := range n {
		t := 0.1 * float64(i)
		s.Times = append(s.Times, t)
		s.Values = append(s.Values, []float64{offset + amplitude*math.Sin(t), 3})
	}
	return s
}

func mustSetting(t *testing.T, key string) setting {
	c, ok := settingOf(key)
	require.True(t, ok, key)
	return c
}

func TestContextOf(t *testing.T) {
	s := sine(400, 5, 100)
	clean, rest := contextOf(s, condition{Seen: 0.3}, 1, 0)
	require.Len(t, clean.Times, 120)
	require.Len(t, rest.Times, 280)
	require.Equal(t, s.Values[:120], clean.Values)

	c := condition{Seen: 0.5, Noise: 0.05, Drop: 0.5}
	a, rest := contextOf(s, c, 1, 7)
	require.Len(t, a.Times, 100)
	require.Equal(t, s.Values[200:], rest.Values, "the truth has no noise")
	require.NoError(t, a.Validate())
	sum := 0.0
	for i, time := range a.Times {
		d := a.Values[i][0] - (100 + 5*math.Sin(time))
		sum += d * d
		require.Equal(t, 3.0, a.Values[i][1], "a constant channel has no range and no noise")
	}
	require.InDelta(t, 0.05*5, math.Sqrt(sum/100), 0.06)
	b, _ := contextOf(s, c, 1, 7)
	require.Equal(t, a, b)
	b, _ = contextOf(s, c, 1, 8)
	require.NotEqual(t, a, b)
	require.Equal(t, 100+5*math.Sin(s.Times[3]), s.Values[3][0], "the trajectory is not written to")
}

func TestOwnTimesOfChannels(t *testing.T) {
	s := sine(400, 5, 100)
	p := newProblem(s, mustSetting(t, "channels"), 1, 3)
	require.NoError(t, p.context.Validate())
	require.Equal(t, s.Values[200:], p.rest.Values)
	var seen [2]int
	both, none := 0, 200-len(p.context.Times)
	for i, row := range p.context.Values {
		require.Less(t, p.context.Times[i], s.Times[200])
		n := 0
		for k, v := range row {
			if v == v {
				seen[k]++
				n++
				require.Equal(t, s.Values[slices.Index(s.Times, p.context.Times[i])][k], v, "no noise")
			}
		}
		require.Positive(t, n, "no row is empty")
		both += n - 1
	}
	require.Equal(t, [2]int{100, 100}, seen, "each channel has its own half")
	require.InDelta(t, 50, both, 20, "and the halves are independent")
	require.Equal(t, both, none)
}

func TestInterpolationKeepsTheEnds(t *testing.T) {
	s := sine(400, 5, 100)
	p := newProblem(s, mustSetting(t, "interpolate"), 1, 3)
	require.NoError(t, p.context.Validate())
	require.Len(t, p.context.Times, 40)
	require.Len(t, p.rest.Times, 360)
	require.Equal(t, s.Times[0], p.context.Times[0])
	require.Equal(t, s.Times[399], p.context.Times[39])
	all := append(slices.Clone(p.context.Times), p.rest.Times...)
	slices.Sort(all)
	require.Equal(t, s.Times, all, "what is not seen is asked for")
	sum, steps := 0.0, map[int]bool{}
	for i, time := range p.context.Times {
		d := p.context.Values[i][0] - (100 + 5*math.Sin(time))
		sum += d * d
		if i > 0 {
			steps[int(math.Round(10*(time-p.context.Times[i-1])))] = true
		}
	}
	require.InDelta(t, 0.05*5, math.Sqrt(sum/40), 0.1)
	require.Greater(t, len(steps), 5, "the times are irregular")
	for i, time := range p.rest.Times {
		require.Equal(t, 100+5*math.Sin(time), p.rest.Values[i][0], "the truth has no noise")
		nearest := math.Inf(1)
		for _, u := range p.context.Times {
			nearest = math.Min(nearest, math.Abs(time-u))
		}
		require.InDelta(t, 10*nearest, p.distance[i], 1e-6)
	}
}

func TestGapInTheMiddle(t *testing.T) {
	s := sine(400, 5, 100)
	p := newProblem(s, mustSetting(t, "gap"), 1, 3)
	require.Equal(t, slices.Concat(s.Times[:160], s.Times[240:]), p.context.Times)
	require.Equal(t, s.Times[160:240], p.rest.Times)
	require.Equal(t, s.Values[160:240], p.rest.Values)
	require.Equal(t, s.Values[:160], p.context.Values[:160])
}

func TestWrongValues(t *testing.T) {
	s := sine(4000, 5, 100)
	clean, p := newProblem(s, mustSetting(t, "slight"), 1, 3), newProblem(s, mustSetting(t, "outliers"), 1, 3)
	require.Len(t, p.context.Times, 2000)
	far, sum := 0, 0.0
	for i, time := range p.context.Times {
		require.InDelta(t, 100+5*math.Sin(time), clean.context.Values[i][0], 5*.025)
		if d := p.context.Values[i][0] - (100 + 5*math.Sin(time)); math.Abs(d) > 5*.05 {
			far++
			sum += d * d
		}
	}
	require.InDelta(t, 40, far, 20, "2 in 100")
	require.InDelta(t, 10, math.Sqrt(sum/float64(far)), 3, "of the size of the range")
	for i, time := range p.rest.Times {
		require.Equal(t, 100+5*math.Sin(time), p.rest.Values[i][0], "the truth is right")
	}
}

func TestChaoticSetting(t *testing.T) {
	set := ode.ChaoticHeldOut(1, 1)
	p := newProblem(set[0].Series, chaoticSetting, 1, 0)
	require.Len(t, p.context.Times, ode.ChaoticContext)
	require.Len(t, p.rest.Times, ode.ChaoticTarget)
	require.Equal(t, 1, p.distance[0])
	require.Equal(t, ode.ChaoticTarget, p.distance[ode.ChaoticTarget-1])
}

func TestQuarters(t *testing.T) {
	require.Equal(t, []int{1, 0, 0, 1, 2}, distances([]bool{false, true, true, false, false}))
	require.Equal(t, []int{2, 1, 0, 1, 1, 0}, distances([]bool{false, false, true, false, false, true}))
	require.Equal(t, []int{0, 0, 1, 1, 2, 2, 3, 3}, quarters([]int{1, 2, 3, 4, 5, 6, 7, 8}))
	require.Equal(t, []int{3, 0, 2, 1}, quarters([]int{9, 1, 5, 2}))
	require.Equal(t, []int{0, 0, 2, 2, 2, 2}, quarters([]int{1, 1, 2, 2, 2, 2}), "one distance stays together")
	require.Empty(t, quarters(nil))
}

func TestScore(t *testing.T) {
	s := sine(400, 5, 100)
	_, rest := contextOf(s, condition{Seen: 0.5}, 1, 0)
	score := newScorer(s, rest)
	require.Zero(t, score.variance[1], "a constant channel does not count")
	require.Zero(t, score.score(func(i, k int) float64 { return rest.Values[i][k] }))
	std := math.Sqrt(score.variance[0])
	require.InDelta(t, 5/math.Sqrt2, std, 0.1)
	require.InDelta(t, 0.5, score.score(func(i, k int) float64 { return rest.Values[i][k] + 0.5*std }), 1e-12)
	require.Equal(t, maxError, score.score(func(i, k int) float64 { return math.NaN() }))
	require.Equal(t, maxError, score.score(func(i, k int) float64 { return math.Inf(1) }))
	// R2 = 1 - error^2 is over 0.9 where the error is below the root of 0.1.
	require.Equal(t, []float64{1, 1, 0, 0, 0}, good([]float64{0, 0.3162, 0.3163, 1, maxError}))
}

// pair is a curve of two rows and one channel with a standard deviation of 2,
// and its scorer.
func pair(truth ...float64) *scorer {
	var rest lassode.Series
	for i, v := range truth {
		rest.Times = append(rest.Times, float64(i))
		rest.Values = append(rest.Values, []float64{v})
	}
	return &scorer{truth: rest, variance: []float64{4}}
}

func TestChaosErrors(t *testing.T) {
	s := pair(1, 3, 0, -2)
	forecast := []float64{3, 3, 0, 2}
	e := s.chaos(func(i, k int) float64 { return forecast[i] })
	// 200 (2/4 + 0 + 0 + 4/4) / 4, and (2 + 0 + 0 + 4) / 2 / 4
	require.InDelta(t, 75, e.smape[1], 1e-12)
	require.InDelta(t, 0.75, e.mae[1], 1e-12)

	truth := make([]float64, ode.ChaoticTarget)
	for i := range truth {
		truth[i] = 1
	}
	e = pair(truth...).chaos(func(i, k int) float64 {
		if i < ode.ChaoticTarget/2 {
			return 1
		}
		return 3
	})
	require.Equal(t, chaosError{smape: [2]float64{0, 50}, mae: [2]float64{0, 0.5}}, e, "the first horizon is half of the rows")
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		e = pair(1, 2).chaos(func(i, k int) float64 { return v })
		require.Equal(t, 200.0, e.smape[1])
		require.Equal(t, maxError, e.mae[1])
	}
}

func TestBands(t *testing.T) {
	require.InDelta(t, 0.2, pinball(0.1, 3, 1), 1e-15)
	require.InDelta(t, 1.8, pinball(0.1, 1, 3), 1e-15)
	require.InDelta(t, 1, pinball(0.5, 3, 1), 1e-15)
	require.InDelta(t, 1, pinball(0.5, 1, 3), 1e-15)
	require.Zero(t, pinball(0.9, 2, 2))

	// A uniform distribution on [0, 1] at every time.
	s := pair(0.5, 0.2, 0.05, 3)
	uniform := func(p float64) [][]float64 { return [][]float64{{p}, {p}, {p}, {p}} }
	b := s.bands([]int{1, 2, 3, 4}, uniform)
	require.Equal(t, 4, b.count)
	require.Equal(t, [3]int{1, 2, 3}, b.inside)
	require.Equal(t, [4]int{1, 1, 1, 1}, b.quarter)
	require.Equal(t, [4]int{1, 1, 0, 0}, b.inside80)
	sum := 0.0
	for _, v := range []float64{0.5, 0.2, 0.05, 3} {
		for _, p := range pinballLevels {
			sum += math.Max(p*(v-p), (p-1)*(v-p))
		}
	}
	require.InDelta(t, sum/4/5/2, b.pinball, 1e-12, "over the standard deviation")

	b = pair(1, 2).bands([]int{1, 2}, func(p float64) [][]float64 { return [][]float64{{1}, {2}} })
	require.Equal(t, [3]int{2, 2, 2}, b.inside)
	require.Zero(t, b.pinball)
	b = pair(1, 2).bands([]int{1, 2}, func(p float64) [][]float64 { return [][]float64{{math.NaN()}, {math.NaN()}} })
	require.Zero(t, b.inside)
	require.Equal(t, maxError, b.pinball)

	trials := []trial{{bands: bandCount{count: 3, inside: [3]int{1, 2, 3}, quarter: [4]int{2, 1}, inside80: [4]int{1, 1}}},
		{bands: bandCount{count: 1, inside: [3]int{1, 1, 1}, quarter: [4]int{0, 0, 0, 1}, inside80: [4]int{0, 0, 0, 1}}}}
	require.Equal(t, bandScore{Coverage50: 0.5, Coverage80: 0.75, Coverage95: 1, Quarters: [4]float64{0.5, 1, 0, 1}}, coverage(trials))
}

func TestSummarise(t *testing.T) {
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	s := summarise("m", []float64{0.1, 0.2, 0.31, 0.4, 5}, 1)
	require.Equal(t, 0.31, s.Median)
	require.InDelta(t, (0.1+0.2+0.31+0.4+2)/5, s.MeanClipped, 1e-12)
	require.InDelta(t, 0.6, s.Good, 1e-12)
	require.LessOrEqual(t, s.MedianLow, s.Median)
	require.GreaterOrEqual(t, s.MedianHigh, s.Median)
	require.Less(t, s.GoodLow, s.Good)
	require.Greater(t, s.GoodHigh, s.Good)
	require.Equal(t, s, summarise("m", []float64{0.1, 0.2, 0.31, 0.4, 5}, 1))
	require.Equal(t, methodScore{Method: "m"}, summarise("m", nil, 1))
}

func TestBootstrap(t *testing.T) {
	// The mean of n values of variance 1/4: its standard deviation is known.
	list := make([]float64, 400)
	for i := range 200 {
		list[i] = 1
	}
	lo, hi := bootstrapMean(list, 1)
	require.InDelta(t, 0.5-1.96*0.025, lo, 0.006)
	require.InDelta(t, 0.5+1.96*0.025, hi, 0.006)

	// The medians of the draws are those of the drawn lists.
	values := []float64{5, 1, 4, 2}
	lo, hi = bootstrapMedian(values, 1)
	slow, shigh := bootstrap(4, 1, func(counts []int) float64 {
		var drawn []float64
		for i, c := range counts {
			drawn = append(drawn, slices.Repeat([]float64{values[i]}, c)...)
		}
		return median(drawn)
	})
	require.Equal(t, [2]float64{slow, shigh}, [2]float64{lo, hi})
}

// TestPairedComparison has two methods that differ little on trajectories that
// differ much: the paired interval is narrow, and goals are judged by it.
func TestPairedComparison(t *testing.T) {
	c := mustSetting(t, "first50")
	names := methodNames(c)
	var trials []trial
	for i := range 200 {
		errors := slices.Repeat([]float64{1}, len(names))
		if i%2 == 0 {
			errors = slices.Repeat([]float64{0.1}, len(names))
		}
		if i%20 == 1 { // 5 % of all: the model alone is good
			errors[0] = 0.1
		}
		trials = append(trials, trial{family: "a", errors: errors})
	}
	s := scoreSuite("zero-shot", c, trials, 1)
	require.Equal(t, 200, s.Trajectories)
	require.InDelta(t, 0.55, s.Methods[0].Good, 1e-12)
	require.InDelta(t, 0.14, s.Methods[0].GoodHigh-s.Methods[0].GoodLow, 0.02)
	require.Len(t, s.Comparisons, 2)
	for i, against := range []string{"auto", hindsightName} {
		diff := s.Comparisons[i]
		require.Equal(t, against, diff.Against)
		require.InDelta(t, 5, diff.Value, 1e-9)
		require.InDelta(t, 5-3, diff.Low, 1)
		require.InDelta(t, 5+3, diff.High, 1)
	}
	require.Equal(t, []goal{{Name: "mark", Want: 3, Reached: true}}, s.Comparisons[0].Goals)
	require.Equal(t, "aim >= 5: reached?", s.Comparisons[1].goalText())
	s = scoreSuite("in-domain", c, trials, 1)
	require.Equal(t, "mark >= 3: reached?, in-domain >= 10: missed", s.Comparisons[0].goalText())
	s = scoreSuite("zero-shot", mustSetting(t, "noisy"), trials, 1)
	require.Equal(t, 8.0, s.Comparisons[0].Goals[0].Want)

	c = mustSetting(t, "interpolate")
	require.Equal(t, []string{modelName, linearName, "gp", hindsightName}, methodNames(c))
	for i := range trials {
		trials[i].errors = []float64{0.1, 1, 1, 1}
	}
	s = scoreSuite("zero-shot", c, trials, 1)
	require.Equal(t, "gp", s.Comparisons[0].Against)
	require.Equal(t, "mark >= 3: reached", s.Comparisons[0].goalText())
	require.Equal(t, "aim >= 95: reached", s.Comparisons[2].goalText())
}

func TestChaoticComparison(t *testing.T) {
	names := methodNames(chaoticSetting)
	var trials []trial
	for i := range 20 {
		out := trial{errors: slices.Repeat([]float64{1}, len(names)), chaos: make([]chaosError, len(names))}
		for m := range names {
			scale := float64(1 + i%5)
			out.chaos[m] = chaosError{smape: [2]float64{scale, scale}, mae: [2]float64{scale, scale}}
		}
		out.chaos[0].smape[0] *= 0.8
		out.chaos[0].mae[1] *= 1.1
		trials = append(trials, out)
	}
	s := scoreSuite("chaotic", chaoticSetting, trials, 1)
	var texts []string
	for _, c := range s.Comparisons[2:] {
		require.Equal(t, "parroting", c.Against)
		texts = append(texts, c.Quantity+" "+c.valueText()+" "+c.goalText())
	}
	require.Equal(t, []string{
		"smape_64 -20.0 [-20.0, -20.0] mark <= 0: reached, aim <= -15: reached",
		"mae_64 +0.0 [+0.0, +0.0] mark <= 0: reached, aim <= -15: missed",
		"smape_128 +0.0 [+0.0, +0.0] mark <= 0: reached, aim <= -15: missed",
		"mae_128 +10.0 [+10.0, +10.0] mark <= 0: missed, aim <= -15: missed",
	}, texts)
	require.InDelta(t, 0.8*3, s.Methods[0].Horizons[0].SMAPE, 1e-12)
	require.Equal(t, 3.0, s.Methods[1].Horizons[0].MAEMedian)
	var text, table bytes.Buffer
	printSuite(&text, []suiteScore{s}, false)
	require.Contains(t, text.String(), "MAE of 128 rows over parroting   +10.0 [+10.0, +10.0]     mark <= 0: missed")
	writeMarkdown(&table, &evalReport{Suites: []suiteScore{s}}, "lassode eval")
	require.Contains(t, table.String(), "| parroting | 3.0 (3.0) | 3.0 (3.0) | 3.000 (3.000) | 3.000 (3.000) |")
}

func TestTuneSummary(t *testing.T) {
	s := summariseTune([]tuneScore{
		{Family: "a", Runs: 4, MedianBefore: 1, MedianAfter: 0.5, ClippedBefore: 1, ClippedAfter: 1.01},
		{Family: "b", Runs: 4, MedianBefore: 1, MedianAfter: 1.1, ClippedBefore: 1, ClippedAfter: 0.9},
		{Family: "c", Runs: 4, MedianBefore: 0, MedianAfter: 0, ClippedBefore: 1, ClippedAfter: 0.8},
	})
	require.Equal(t, 4, s.Runs)
	require.Zero(t, s.MedianReduction)
	require.InDelta(t, 0.1, s.ClippedReduction, 1e-12)
	require.InDelta(t, 10, s.MedianWorst, 1e-9)
	require.Equal(t, "b", s.MedianOf)
	require.False(t, s.MedianReached)
	require.InDelta(t, 1, s.ClippedWorst, 1e-9)
	require.Equal(t, "a", s.ClippedOf)
	require.True(t, s.ClippedReached)
	require.Equal(t, maxError, increase(0, 1))
}

// TestInsideAnswers checks what forecastersOf relies on: inside the context
// every classical forecaster but the Gaussian process interpolates linearly.
func TestInsideAnswers(t *testing.T) {
	c := mustSetting(t, "interpolate")
	series := ode.HeldOutTrajectories(1, 1)[1].Series
	p := newProblem(series, c, 1, 0)
	answer := func(f classical.Forecaster) []float64 {
		dst := make([]float64, len(p.rest.Times)*series.Channels())
		f.Forecast(dst, p.context.Times, flatten(p.context.Values), series.Channels(), p.rest.Times)
		return dst
	}
	want := answer(forecastersOf(c)[0])
	for _, f := range classical.All() {
		if f.Name() == "gp" {
			require.NotEqual(t, want, answer(f))
		} else {
			require.Equal(t, want, answer(f), f.Name())
		}
	}
}

// TestEvaluation runs tiny suites: the results do not depend on the number of
// goroutines, and the hindsight pick is the best of the classical ones.
func TestEvaluation(t *testing.T) {
	model, err := pretrained.Model()
	require.NoError(t, err)
	for _, run := range []struct {
		set []ode.Trajectory
		c   setting
	}{
		{ode.InDomain(3, 3), mustSetting(t, "noisy")},
		{ode.UnseenKinds(3, 1)[:1], mustSetting(t, "channels")},
		{ode.HeldOutTrajectories(3, 1)[:3], mustSetting(t, "interpolate")},
		{ode.ChaoticHeldOut(3, 1), chaoticSetting},
	} {
		one, err := runTrials(context.Background(), model, run.set, run.c, 3, 1, nil)
		require.NoError(t, err)
		three, err := runTrials(context.Background(), model, run.set, run.c, 3, 3, nil)
		require.NoError(t, err)
		require.Equal(t, one, three)
		names := methodNames(run.c)
		last := len(names) - 1
		for _, trial := range one {
			require.Len(t, trial.errors, len(names))
			for m, e := range trial.errors[1:last] {
				require.GreaterOrEqual(t, e, trial.errors[last])
				if run.c.Key == chaoticSetting.Key {
					require.GreaterOrEqual(t, trial.chaos[m+1].mae[1], trial.chaos[last].mae[1])
				}
			}
			require.LessOrEqual(t, trial.bands.inside[0], trial.bands.inside[1])
			require.LessOrEqual(t, trial.bands.inside[1], trial.bands.inside[2])
			require.LessOrEqual(t, trial.bands.inside[2], trial.bands.count)
		}
		score := scoreSuite("a", run.c, one, 3)
		require.Len(t, score.Methods, len(names))
		require.Equal(t, score, scoreSuite("a", run.c, three, 3))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = runTrials(ctx, model, ode.InDomain(3, 1), settings[0], 3, 2, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestEvalCommand(t *testing.T) {
	dir := t.TempDir()
	table, figures := filepath.Join(dir, "a.md"), filepath.Join(dir, "a.json")
	args := []string{"eval", "-suite", "unseen", "-conditions", "interpolate,first30", "-n", "1", "-families"}
	code, out, errs := lassodeRun(t, "", append(args, "-markdown", table, "-json", figures)...)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "unseen: 10 trajectories of 2 kinds")

	data, err := os.ReadFile(figures)
	require.NoError(t, err)
	var report evalReport
	require.NoError(t, json.Unmarshal(data, &report))
	require.Len(t, report.Suites, 2)
	require.Equal(t, "interpolate", report.Suites[0].Condition.Key)
	require.Equal(t, "first 30 % seen, clean", report.Suites[1].Condition.Name)
	var again bytes.Buffer
	printSuite(&again, report.Suites, true)
	require.Equal(t, out, again.String(), "the figures of the file are those of the tables")

	text, err := os.ReadFile(table)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(text, []byte("Measured by `lassode eval -conditions interpolate,first30 -n 1 -suite unseen`\n")))
	require.Contains(t, string(text), "| linear-interp |")
	require.Contains(t, string(text), "| parroting |")
	require.NotContains(t, string(text), "NaN")

	code, out, errs = lassodeRun(t, "", "eval", "-suite", "signals", "-n", "1")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "signals: 10 trajectories of 10 kinds")
	require.Contains(t, out, signalSetting.Name)
	require.NotContains(t, out, "NaN")

	for _, c := range []struct{ flag, value, want string }{
		{"-conditions", "dark", `"dark" is not a condition`},
		{"-runs", "4,x", `"x" is not a number`},
		{"-runs", "0", `"0" is not a number`},
	} {
		code, _, errs := lassodeRun(t, "", "eval", c.flag, c.value)
		require.Equal(t, exitUsage, code)
		require.Contains(t, errs, c.want)
	}
	code, _, errs = lassodeRun(t, "", "eval", "-json", "-", "-markdown", "-")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "cannot both")
}

// TestRunTune tunes for a step on one run and on two: both are measured on
// the same fresh runs.
func TestRunTune(t *testing.T) {
	model, err := pretrained.Model()
	require.NoError(t, err)
	set := ode.HeldOutRuns(1, 5)[:5]
	list, err := runTune(context.Background(), model, set[:2], set[2:5], []int{1, 2}, lassode.FineTuneOptions{Steps: 1, Scope: "head", Seed: 1, Workers: 2})
	require.NoError(t, err)
	require.Len(t, list, 2)
	for i, s := range list {
		require.Equal(t, i+1, s.Runs)
		require.Equal(t, 3, s.Fresh)
		require.Equal(t, list[0].MedianBefore, s.MedianBefore)
		require.Equal(t, set[0].Family, s.Family)
	}
}

// The layers end with the model, and each is compared with the one below on the
// same trajectories.
func TestLayers(t *testing.T) {
	model, err := pretrained.Model()
	require.NoError(t, err)
	set := ode.HeldOutTrajectories(1, 1)
	for _, key := range []string{"noisy", "interpolate"} {
		c, _ := settingOf(key)
		errors, err := runLayers(context.Background(), model, set, c, 1, 2)
		require.NoError(t, err)
		require.Len(t, errors, 4)
		trials, err := runTrials(context.Background(), model, set, c, 1, 2, nil)
		require.NoError(t, err)
		for i, trial := range trials {
			require.Equal(t, trial.errors[0], errors[3][i])
		}
		s := scoreLayers("zero-shot", c, errors, 1)
		for l := 1; l < len(errors); l++ {
			require.NotEqual(t, errors[l-1], errors[l])
			require.InDelta(t, 100*(s.Layers[l].Good-s.Layers[l-1].Good), s.Layers[l].Gain.Value, 1e-9)
			require.LessOrEqual(t, s.Layers[l].Change.Low, s.Layers[l].Change.High)
		}
		if key == "interpolate" {
			// The first layer is the Gaussian process of the guides, which is near
			// that of the classical forecasters.
			gp := slices.Index(methodNames(c), "gp")
			var classic []float64
			for _, trial := range trials {
				classic = append(classic, trial.errors[gp])
			}
			require.InEpsilon(t, median(classic), s.Layers[0].Median, .3)
		}
	}
}
