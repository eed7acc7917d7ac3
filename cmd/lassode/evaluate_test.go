package main

import (
	"context"
	"math"
	"testing"

	"github.com/lassode/lassode"
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

func TestScore(t *testing.T) {
	s := sine(400, 5, 100)
	_, rest := contextOf(s, conditions[0], 1, 0)
	score := newScorer(s, rest)
	require.Zero(t, score.variance[1], "a constant channel does not count")
	require.Zero(t, score.score(func(i, k int) float64 { return rest.Values[i][k] }))
	std := math.Sqrt(score.variance[0])
	require.InDelta(t, 5/math.Sqrt2, std, 0.1)
	require.InDelta(t, 0.5, score.score(func(i, k int) float64 { return rest.Values[i][k] + 0.5*std }), 1e-12)
	require.Equal(t, maxError, score.score(func(i, k int) float64 { return math.NaN() }))
	require.Equal(t, maxError, score.score(func(i, k int) float64 { return math.Inf(1) }))
}

func TestSummarise(t *testing.T) {
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	s := summarise("m", []float64{0.1, 0.2, 0.31, 0.4, 5}, 1)
	require.Equal(t, 0.31, s.Median)
	require.InDelta(t, (0.1+0.2+0.31+0.4+2)/5, s.MeanClipped, 1e-12)
	require.InDelta(t, 0.6, s.Good, 1e-12)
	require.LessOrEqual(t, s.MedianLow, s.Median)
	require.GreaterOrEqual(t, s.MedianHigh, s.Median)
	require.Equal(t, s, summarise("m", []float64{0.1, 0.2, 0.31, 0.4, 5}, 1))
}

// TestEvaluation runs a tiny suite: the results do not depend on the number of
// goroutines, and the hindsight pick is the best of the classical ones.
func TestEvaluation(t *testing.T) {
	model, err := pretrained.Model()
	require.NoError(t, err)
	set := ode.InDomain(3, 6)
	one, err := runTrials(context.Background(), model, set, conditions[2], 3, 1, nil)
	require.NoError(t, err)
	three, err := runTrials(context.Background(), model, set, conditions[2], 3, 3, nil)
	require.NoError(t, err)
	require.Equal(t, one, three)
	names := methodNames()
	for _, trial := range one {
		require.Len(t, trial.errors, len(names))
		last := len(names) - 1
		for _, e := range trial.errors[1:last] {
			require.GreaterOrEqual(t, e, trial.errors[last])
		}
		require.LessOrEqual(t, trial.inside, trial.count)
	}
	score := scoreSuite("in-domain", conditions[2], one, 3)
	require.Equal(t, len(names), len(score.Methods))
	require.Equal(t, score, scoreSuite("in-domain", conditions[2], three, 3))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = runTrials(ctx, model, set, conditions[0], 3, 2, nil)
	require.ErrorIs(t, err, context.Canceled)
}
