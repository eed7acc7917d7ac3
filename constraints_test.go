package lassode

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

var inf = math.Inf(1)

// probabilities rise.
var probabilities = []float64{1e-4, .004, .05, .1, .3, .5, .6, .9, .95, .997, 1 - 1e-4}

// TestBoundsClamp: with bounds alone mean and quantiles are those without,
// clamped, and what is inside stays as it is.
func TestBoundsClamp(t *testing.T) {
	m := smallModel(t)
	s := sine(40, 3)
	at := []float64{-2, -.5, 1.23, 3, 5, 6, 9, 1e5}
	free, err := m.Forecast(s, at)
	require.NoError(t, err)
	s.Constraints = &Constraints{Lower: []float64{0, -inf, 2}, Upper: []float64{inf, 6, 5}, Tolerance: []float64{20, 20, 20}}
	f, err := m.Forecast(s, at)
	require.NoError(t, err)
	clamp := func(c int, v float64) float64 {
		return min(max(v, s.Constraints.Lower[c]), s.Constraints.Upper[c])
	}
	held := 0
	for i := range at {
		for c := range 3 {
			v := free.Mean[i][c]
			require.Equal(t, clamp(c, v), f.Mean[i][c])
			if clamp(c, v) == v {
				require.Equal(t, free.Rate[i][c], f.Rate[i][c])
			} else {
				held++
				require.Zero(t, f.Rate[i][c])
			}
		}
	}
	for _, p := range probabilities {
		want, got := free.Quantile(p), f.Quantile(p)
		for i := range at {
			for c := range 3 {
				require.Equal(t, clamp(c, want[i][c]), got[i][c])
			}
		}
	}
	require.Positive(t, held, "no forecast met a bound")
	require.Equal(t, free.Scale, f.Scale)
	require.Equal(t, free.Segments, f.Segments)

	s.Constraints = &Constraints{}
	same, err := m.Forecast(s, at)
	require.NoError(t, err)
	requireSame(t, free, same)
	require.Equal(t, free.Rate, same.Rate)
}

// constrained draws a system that keeps random constraints.
func constrained(r *rand.Rand) (Series, []float64) {
	channels := 1 + r.IntN(6)
	k := &Constraints{}
	if r.IntN(5) > 0 {
		k.Weights = make([]float64, channels)
		for c := range k.Weights {
			if r.IntN(5) > 0 {
				k.Weights[c] = []float64{1, 1, 1, -1, 2, .01, -300}[r.IntN(7)]
			}
		}
		if k.Weights[0] == 0 {
			k.Weights[0] = 1
		}
		k.Total = 10 * r.NormFloat64()
	}
	size := math.Pow(10, float64(r.IntN(7)-3))
	var s Series
	phase, speed := 6*r.Float64(), .5+2*r.Float64()
	for i := range 20 + r.IntN(40) {
		x := .1*float64(i) + .03*r.Float64()
		row := make([]float64, channels)
		for c := channels - 1; c >= 0; c-- {
			row[c] = size * (math.Sin(speed*x+phase+float64(c)) + .3*float64(c) + .05*r.NormFloat64())
		}
		if k.Weights != nil {
			row[0] = k.Total
			for c := 1; c < channels; c++ {
				row[0] -= k.Weights[c] * row[c]
			}
			row[0] /= k.Weights[0]
		}
		s.Times, s.Values = append(s.Times, x), append(s.Values, row)
	}
	k.Lower, k.Upper = make([]float64, channels), make([]float64, channels)
	for c := range channels {
		k.Lower[c], k.Upper[c] = inf, -inf
		for _, row := range s.Values {
			k.Lower[c], k.Upper[c] = min(k.Lower[c], row[c]), max(k.Upper[c], row[c])
		}
		if r.IntN(2) == 0 {
			k.Lower[c] = -inf
		}
		if r.IntN(2) == 0 {
			k.Upper[c] = inf
		}
	}
	for i, row := range s.Values {
		for c := range row {
			if i > 0 && r.IntN(6) == 0 {
				row[c] = math.NaN()
			}
		}
	}
	if r.IntN(4) == 0 { // a channel that is never observed
		c := r.IntN(channels)
		if channels > 1 {
			for _, row := range s.Values {
				row[c] = math.NaN()
			}
		}
	}
	s.Constraints = k
	end := s.Times[len(s.Times)-1]
	at := []float64{-end, -.3, .77, end / 2, end, end + .2, end + 1, 2 * end, 3 * end, 1e4, -1e4}
	return s, at
}

// nearest solves the same problem as Forecast.conserve by bisection.
func nearest(k *Constraints, mean, scale []float64) []float64 {
	x := make([]float64, len(mean))
	at := func(l float64) float64 {
		sum := 0.
		for c, v := range mean {
			lo, hi := k.bounds(c)
			x[c] = min(max(v+l*k.Weights[c]*scale[c]*scale[c], lo), hi)
			sum += k.Weights[c] * x[c]
		}
		return sum
	}
	lo, hi := -1., 1.
	for at(lo) > k.Total && lo > -1e200 {
		lo *= 2
	}
	for at(hi) < k.Total && hi < 1e200 {
		hi *= 2
	}
	for range 400 {
		if mid := lo + (hi-lo)/2; at(mid) < k.Total {
			lo = mid
		} else {
			hi = mid
		}
	}
	at(hi)
	return x
}

// TestConstraintsHold checks all that the documentation of Constraints says on
// random systems: bounds, totals, rates, order, mirrored quantiles, and that the
// mean is the nearest allowed state.
func TestConstraintsHold(t *testing.T) {
	m := smallModel(t)
	trials := 300
	if testing.Short() || raceEnabled {
		trials = 30
	}
	held, inferred, mirrored, compared := 0, 0, 0, 0
	for seed := range trials {
		r := rand.New(rand.NewPCG(11, uint64(seed)))
		s, at := constrained(r)
		k, channels := s.Constraints, s.Channels()
		free, err := m.Forecast(Series{Times: s.Times, Values: s.Values}, at)
		require.NoError(t, err)
		f, err := m.Forecast(s, at)
		require.NoError(t, err, "seed %d", seed)
		half := f.Quantile(.5)
		var quantiles [][][]float64
		for _, p := range probabilities {
			quantiles = append(quantiles, f.Quantile(p))
		}
		for i := range at {
			whole := true // every channel has a forecast
			for c := range channels {
				where := fmt.Sprintf("seed %d, time %v, channel %d", seed, at[i], c)
				if free.Mean[i][c] != free.Mean[i][c] {
					whole = false
					if k.Weights == nil || k.Weights[c] == 0 {
						require.True(t, math.IsNaN(f.Mean[i][c]), where)
						continue
					}
					inferred++
				}
				require.Equal(t, f.Mean[i][c], half[i][c], where)
				lo, hi := k.bounds(c)
				last := lo
				for q := range probabilities {
					v := quantiles[q][i][c]
					require.False(t, math.IsNaN(v), where)
					require.GreaterOrEqual(t, v, last, where)
					require.LessOrEqual(t, v, hi, where)
					last = v
				}
				require.False(t, math.IsNaN(f.Rate[i][c]) || math.IsInf(f.Rate[i][c], 0), where)
				require.GreaterOrEqual(t, f.Scale[i][c], 0., where)
				if f.Mean[i][c] == lo || f.Mean[i][c] == hi {
					held++
				}
			}
			if k.Weights == nil {
				continue
			}
			sum, size, rate, rates := 0., math.Abs(k.Total), 0., 0.
			for c, w := range k.Weights {
				if w != 0 {
					sum += w * f.Mean[i][c]
					size += math.Abs(w * f.Mean[i][c])
					rate += w * f.Rate[i][c]
					rates += math.Abs(w*f.Rate[i][c]) + math.Abs(w*free.Rate[i][c])
				}
			}
			where := fmt.Sprintf("seed %d, time %v", seed, at[i])
			require.InDelta(t, k.Total, sum, float64(channels+4)*0x1p-52*size, where)
			if rates == rates { // a channel without observation has none
				require.InDelta(t, 0, rate, 1e-11*rates, where)
			}
			// Each quantile belongs to an allowed state.
			for q := range probabilities {
				for c, w := range k.Weights {
					if w == 0 {
						continue
					}
					least, most := k.Total, k.Total
					for j, u := range k.Weights {
						if lo, hi := k.bounds(j); j != c && u != 0 {
							least, most = least-max(u*lo, u*hi), most-min(u*lo, u*hi)
						}
					}
					v := w * quantiles[q][i][c]
					slack := 1e-12 * (size + math.Abs(v))
					require.True(t, v >= least-slack && v <= most+slack, "%s: %v outside %v..%v", where, v, least, most)
				}
			}
			on := f.kept.rule.on
			if len(on) == 2 && channels == 2 {
				for q, p := range probabilities {
					a, b := quantiles[q][i][0], f.Quantile(1 - p)[i][1]
					if k.Weights[0]*k.Weights[1] < 0 {
						b = quantiles[q][i][1]
					}
					require.InDelta(t, k.Total, k.Weights[0]*a+k.Weights[1]*b, 1e-10*(size+math.Abs(k.Weights[0]*a)), where)
					mirrored++
				}
			}
			if whole && f.kept.rest < 0 {
				want := nearest(k, free.Mean[i], free.Scale[i])
				for c, v := range want {
					if k.Weights[c] != 0 {
						require.InDelta(t, v, f.Mean[i][c], 1e-6*(math.Abs(v)+free.Scale[i][c]+size/math.Abs(k.Weights[c])*1e-6), "%s channel %d", where, c)
						compared++
					}
				}
			}
		}
	}
	require.Positive(t, held)
	require.Positive(t, inferred)
	require.Positive(t, mirrored)
	require.Positive(t, compared)
}

// TestConstrainedRate compares rates with differences of the mean.
func TestConstrainedRate(t *testing.T) {
	m := smallModel(t)
	for _, weights := range [][]float64{{1, 1, 1}, {1, -2, 0}} {
		s := sine(60, 3)
		total := 9.
		for _, row := range s.Values {
			row[0] = total
			for c := 1; c < 3; c++ {
				row[0] -= weights[c] * row[c]
			}
		}
		s.Constraints = &Constraints{Weights: weights, Total: total, Lower: []float64{-inf, -5, -5}, Tolerance: []float64{0, 3, 3}}
		const h = 1e-3
		var at []float64
		for i := range 150 {
			x := -3 + .081*float64(i)
			at = append(at, x-h, x, x+h)
		}
		f, err := m.Forecast(s, at)
		require.NoError(t, err)
		good, all, held := 0, 0, 0
		for i := 1; i < len(at); i += 3 {
			for c := range 3 {
				all++
				d := (f.Mean[i+1][c] - f.Mean[i-1][c]) / (2 * h)
				if math.Abs(d-f.Rate[i][c]) < .02*(1+math.Abs(d)) {
					good++
				}
				if f.Mean[i][c] == -5 {
					held++
				}
			}
		}
		require.Positive(t, held)
		// All but the few where a window or a bound begins between the times.
		require.Greater(t, good, all*96/100, "%d of %d", good, all)
	}
}

// TestConstrainedRateExactly does so for means and scales of which all is known.
func TestConstrainedRateExactly(t *testing.T) {
	const channels, h = 4, 1e-5
	for trial := range 40 {
		r := rand.New(rand.NewPCG(3, uint64(trial)))
		k := &Constraints{Weights: []float64{1, -2, .5, 3}, Total: r.NormFloat64(), Lower: []float64{-1, -inf, -2, 0}, Upper: []float64{2, 2, inf, 1}}
		var phase, growth [channels]float64
		for c := range channels {
			phase[c], growth[c] = 6*r.Float64(), r.NormFloat64()
		}
		at := func(x float64) *Forecast {
			f := &Forecast{half: []float64{1, 1, 1, 1}}
			f.shape([]float64{x}, channels)
			require.NoError(t, f.kept.shape(newRule(k, channels), 1, channels, []int{0, 1, 2, 3}))
			for c := range channels {
				s, cs := math.Sincos(x + phase[c])
				f.Mean[0][c], f.Rate[0][c] = 1.2*s, 1.2*cs
				f.Scale[0][c], f.kept.drift[0][c] = math.Exp(growth[c]*x), growth[c]
			}
			f.constrain()
			return f
		}
		for i := range 50 {
			x := .06 * float64(i)
			before, f, after := at(x-h), at(x), at(x+h)
			if fmt.Sprint(before.kept.held) != fmt.Sprint(after.kept.held) {
				continue // one of the sides
			}
			for c := range channels {
				d := (after.Mean[0][c] - before.Mean[0][c]) / (2 * h)
				require.InDelta(t, d, f.Rate[0][c], 1e-7*(1+math.Abs(d)), "trial %d, time %v, channel %d", trial, x, c)
			}
		}
	}
}

// TestTotalDecides: one channel with a weight is known, and an unobserved one
// is what the others leave, with the uncertainty of them all.
func TestTotalDecides(t *testing.T) {
	m := smallModel(t)
	s := sine(40, 3)
	at := []float64{-1, 2, 7}
	for _, row := range s.Values {
		row[2] = math.NaN()
	}
	pair, err := m.Forecast(s, at)
	require.NoError(t, err)
	s.Constraints = &Constraints{Weights: []float64{1, -1, 2}, Total: 30}
	f, err := m.Forecast(s, at)
	require.NoError(t, err)
	for i := range at {
		require.InDelta(t, (30-pair.Mean[i][0]+pair.Mean[i][1])/2, f.Mean[i][2], 1e-12)
		require.InDelta(t, -(pair.Rate[i][0]-pair.Rate[i][1])/2, f.Rate[i][2], 1e-12)
		require.InDelta(t, math.Hypot(pair.Scale[i][0], pair.Scale[i][1])/2, f.Scale[i][2], 1e-12)
		require.Equal(t, pair.Mean[i][:2], f.Mean[i][:2], "the others know no more than before")
		require.Equal(t, pair.Quantile(.9)[i][:2], f.Quantile(.9)[i][:2])
		require.Greater(t, f.Quantile(.9)[i][2], f.Mean[i][2])
	}
	one := Series{Times: s.Times, Constraints: &Constraints{Weights: []float64{0, 2}, Total: 14, Tolerance: []float64{0, 99}}}
	for _, row := range s.Values {
		one.Values = append(one.Values, row[:2])
	}
	f, err = m.Forecast(one, at)
	require.NoError(t, err)
	for i := range at {
		for _, p := range probabilities {
			require.Equal(t, 7., f.Quantile(p)[i][1])
		}
		require.Zero(t, f.Rate[i][1])
		require.Zero(t, f.Scale[i][1])
	}
	// Three equal channels share what is missing, and their errors shrink by 1 - 1/3.
	same := Series{Times: s.Times, Constraints: &Constraints{Weights: []float64{1, 1, 1}, Total: 0, Tolerance: []float64{99, 99, 99}}}
	for _, row := range s.Values {
		same.Values = append(same.Values, []float64{row[0], row[0], row[0]})
	}
	f, err = m.Forecast(same, at)
	require.NoError(t, err)
	for i := range at {
		for c := range 3 {
			require.InDelta(t, 0, f.Mean[i][c], 1e-12)
			require.InDelta(t, f.kept.spread[i][c]*math.Sqrt(2./3), f.Scale[i][c], 1e-12)
		}
	}
}

func TestConstraintsRefuse(t *testing.T) {
	m := smallModel(t)
	nan := math.NaN()
	s := Series{Times: []float64{0, 1, 2, 3}, Values: [][]float64{{1, 2}, {2, nan}, {-.5, 3}, {1, 2}}}
	for _, c := range []struct {
		k           Constraints
		field, text string
	}{
		{Constraints{Lower: []float64{0}}, "Constraints.Lower", "2 entries"},
		{Constraints{Upper: []float64{0, 1, 2}}, "Constraints.Upper", "2 entries"},
		{Constraints{Lower: []float64{0, nan}}, "Constraints.Lower[1]", "-Inf for no bound"},
		{Constraints{Lower: []float64{0, inf}}, "Constraints.Lower[1]", "-Inf for no bound"},
		{Constraints{Upper: []float64{-inf, 0}}, "Constraints.Upper[0]", "+Inf for no bound"},
		{Constraints{Lower: []float64{2, 0}, Upper: []float64{1, 1}}, "Constraints.Lower[0]", "at most Constraints.Upper[0] = 1"},
		{Constraints{Tolerance: []float64{-1, 0}}, "Constraints.Tolerance[0]", "0 to 1e100"},
		{Constraints{Weights: []float64{inf, 0}}, "Constraints.Weights[0]", "magnitude"},
		{Constraints{Weights: []float64{0, 0}}, "Constraints.Weights", "other than 0"},
		{Constraints{Total: 3}, "Constraints.Weights", "since Total is set"},
		{Constraints{Weights: []float64{1, 1}, Total: nan}, "Constraints.Total", "magnitude"},
		{Constraints{Weights: []float64{1, -1}, Total: 8, Upper: []float64{5, inf}, Lower: []float64{-inf, 0}}, "Constraints.Total", "-Inf to 5, what the bounds allow"},
		{Constraints{Lower: []float64{0, 0}}, "Values[2][0]", "at least Constraints.Lower[0] = 0, less a Tolerance of 0"},
		{Constraints{Upper: []float64{9, 2.5}, Tolerance: []float64{0, .4}}, "Values[2][1]", "at most Constraints.Upper[1] = 2.5, plus a Tolerance of 0.4"},
		{Constraints{Weights: []float64{1, 1}, Total: 3, Tolerance: []float64{.1, .2}}, "Values[2]", "Constraints.Total = 3 within a Tolerance of 0.3"},
	} {
		s.Constraints = &c.k
		_, err := m.Forecast(s, []float64{4})
		var bad *InputError
		require.True(t, errors.As(err, &bad), "%+v: %v", c.k, err)
		require.Equal(t, c.field, bad.Field)
		require.ErrorContains(t, err, c.text)
		require.Equal(t, err, m.ForecastBatch([]Task{{s, []float64{4}}}, 1)[0].Err)
	}
	s.Constraints = &Constraints{Lower: []float64{0, 0}, Weights: []float64{1, 1}, Total: 3, Tolerance: []float64{.5, .1}}
	_, err := m.Forecast(s, []float64{4})
	require.NoError(t, err, "within the tolerance")
	silent := Series{Times: []float64{0, 1}, Values: [][]float64{{1, nan, nan}, {2, nan, nan}}, Constraints: &Constraints{Weights: []float64{1, 1, 1}, Total: 3}}
	_, err = m.Forecast(silent, []float64{4})
	require.ErrorContains(t, err, "Constraints.Weights[2] is 1, want 0, since neither channel 1 nor 2 has an observation")
}

// TestConstrainedExtremes: odd but valid numbers give finite forecasts.
func TestConstrainedExtremes(t *testing.T) {
	m := smallModel(t)
	for name, s := range map[string]Series{
		"huge":     {Values: [][]float64{{1e100, -1e100}, {9e99, -9e99}, {1e100, -1e100}}, Constraints: &Constraints{Weights: []float64{1e100, 1e100}}},
		"tiny":     {Values: [][]float64{{1e-300, 3e-300}, {2e-300, 2e-300}, {3e-300, 1e-300}}, Constraints: &Constraints{Weights: []float64{1, 1}, Total: 4e-300}},
		"unequal":  {Values: [][]float64{{1e90, 1e-90}, {1e90, 2e-90}, {1e90, 1e-90}}, Constraints: &Constraints{Weights: []float64{1, 1e-50}, Total: 1e90}},
		"constant": {Values: [][]float64{{1, 2}, {1, 2}, {1, 2}}, Constraints: &Constraints{Weights: []float64{1, 1}, Total: 3, Lower: []float64{1, 2}, Upper: []float64{1, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Times = []float64{0, 1, 2}
			at := []float64{-1, .5, 3, 1e6}
			f, err := m.Forecast(s, at)
			require.NoError(t, err)
			for i := range at {
				sum, size := 0., math.Abs(s.Constraints.Total)
				for c, w := range s.Constraints.Weights {
					for _, x := range [][][]float64{f.Mean, f.Rate, f.Scale, f.Quantile(.01), f.Quantile(.99)} {
						require.False(t, math.IsNaN(x[i][c]) || math.IsInf(x[i][c], 0), "%v", x)
					}
					sum, size = sum+w*f.Mean[i][c], size+math.Abs(w*f.Mean[i][c])
				}
				require.InDelta(t, s.Constraints.Total, sum, 6*0x1p-52*size)
			}
		})
	}
}

// TestConstrainedDenormals: variances that vanish are no endless search.
func TestConstrainedDenormals(t *testing.T) {
	s := Series{Times: []float64{0, 1}, Values: [][]float64{{0, 0}, {1.5e-323, 1.5e-323}}}
	for _, weights := range [][]float64{{3, 0}, {1, -2}, {1e-100, 1e-100}} {
		s.Constraints = &Constraints{Weights: weights, Tolerance: []float64{.1, .1}}
		fc, err := smallModel(t).Forecast(s, []float64{.5, 1, 3})
		require.NoError(t, err)
		for _, x := range [][][]float64{fc.Mean, fc.Rate, fc.Scale, fc.Quantile(.1)} {
			for _, row := range x {
				for _, v := range row {
					require.True(t, isFinite(v), "%v", weights)
				}
			}
		}
		for _, row := range fc.Mean {
			require.Zero(t, weights[0]*row[0]+weights[1]*row[1])
		}
	}
}

func TestSessionConstrained(t *testing.T) {
	m := smallModel(t)
	s := sine(60, 3)
	for _, row := range s.Values {
		row[2] = 20 - row[0] - row[1]
	}
	s.Constraints = &Constraints{Lower: []float64{-7, -7, -inf}, Weights: []float64{1, 1, 1}, Total: 20, Tolerance: []float64{.1, .1, .1}}
	at := []float64{-1, 2.2, 7, 12}
	want, err := m.Forecast(s, at)
	require.NoError(t, err)
	sess := m.NewSession()
	require.NoError(t, sess.Constrain(s.Constraints))
	require.ErrorContains(t, sess.Observe(0, []float64{1}), "width of row 0 is 1, want 3 channels as in the constraints")
	nan := math.NaN()
	for i, x := range s.Times {
		require.NoError(t, sess.Observe(x, []float64{s.Values[i][0], s.Values[i][1], nan}))
		require.ErrorContains(t, sess.Observe(x, []float64{-7.2, nan, nan}), fmt.Sprintf("channel 0 of row %d is -7.2, want at least Constraints.Lower[0] = -7", 3*i+2))
		require.NoError(t, sess.Observe(x, []float64{nan, nan, s.Values[i][2]}))
	}
	require.ErrorContains(t, sess.Observe(s.Times[59], []float64{nan, nan, 55}), "total of row 181 is a total of", "with what was seen at the time before")
	var f Forecast
	require.NoError(t, sess.ForecastInto(&f, at))
	requireSame(t, want, &f)
	require.Equal(t, want.Rate, f.Rate)
	require.Equal(t, want.Scale, f.Scale)

	state, err := sess.MarshalBinary()
	require.NoError(t, err)
	again := m.NewSession()
	require.NoError(t, again.Constrain(s.Constraints))
	require.NoError(t, again.UnmarshalBinary(state))
	require.NoError(t, again.ForecastInto(&f, at))
	requireSame(t, want, &f)
	require.NoError(t, again.Constrain(nil))
	require.NoError(t, again.ForecastInto(&f, at))
	plain, err := m.Forecast(Series{Times: s.Times, Values: s.Values}, at)
	require.NoError(t, err)
	requireSame(t, plain, &f)
	require.ErrorContains(t, again.Constrain(&Constraints{Upper: []float64{9, inf, inf}}), "Values[")
	require.ErrorContains(t, again.Constrain(&Constraints{Upper: []float64{9}}), "3 entries")
	require.NoError(t, again.ForecastInto(&f, at), "refused constraints change nothing")
	requireSame(t, plain, &f)

	other := m.NewSession()
	require.NoError(t, other.Constrain(&Constraints{Upper: []float64{9, inf, inf}}))
	require.Error(t, other.UnmarshalBinary(state))
	require.Zero(t, other.Len())

	if raceEnabled {
		return // the race detector allocates
	}
	sess.Reset()
	i := 0
	step := func() {
		x := .1 * float64(i)
		i++
		row := [3]float64{5 * math.Sin(x), 5 * math.Cos(x)}
		row[2] = 20 - row[0] - row[1]
		if err := sess.Observe(x, row[:]); err != nil {
			panic(err)
		}
	}
	for range MaxSessionRows {
		step()
	}
	ahead := make([]float64, 8)
	beat := func() {
		step()
		for j := range ahead {
			ahead[j] = .1 * float64(i+j)
		}
		if err := sess.ForecastInto(&f, ahead); err != nil {
			panic(err)
		}
	}
	beat()
	beat()
	require.Zero(t, testing.AllocsPerRun(10, beat))
}
