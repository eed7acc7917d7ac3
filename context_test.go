package lassode

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// damped is a sum of two damped oscillations, of which two channels see different parts.
func damped(t float64, c int) float64 {
	return math.Exp(-.01*t)*math.Sin(.9*t+float64(c)) + .4*math.Cos(.37*t-2*float64(c))
}

// dampedSeries samples damped at the given times.
func dampedSeries(times []float64) Series {
	s := Series{Times: times}
	for _, t := range times {
		s.Values = append(s.Values, []float64{damped(t, 0), damped(t, 1)})
	}
	return s
}

// regular returns n times from start on.
func regular(start, step float64, n int) []float64 {
	times := make([]float64, n)
	for i := range times {
		times[i] = start + float64(i)*step
	}
	return times
}

// dampedError is the root mean square error of the means of f.
func dampedError(f *Forecast) float64 {
	sum, n := 0., 0.
	for i, row := range f.Mean {
		for c, v := range row {
			d := v - damped(f.Times[i], c)
			sum += d * d
			n++
		}
	}
	return math.Sqrt(sum / n)
}

// TestGap: a gap of more than a period is forecast from both sides. The mean is continuous, its
// rate is that of the mean and of the total that is conserved, and a session says the same.
func TestGap(t *testing.T) {
	m := smallModel(t)
	times := slices.Concat(regular(0, .2, 120), regular(36, .2, 120))
	s := dampedSeries(times)
	inside := regular(24.1, .1, 117)
	fc, err := m.Forecast(s, inside)
	require.NoError(t, err)
	require.Less(t, dampedError(fc), .01)

	// Without it there is but what interpolants say.
	e := m.newEngine()
	require.NoError(t, e.load(s, nil))
	require.Equal(t, []int{119}, e.gaps)
	e.gaps = nil
	var plain Forecast
	require.NoError(t, e.ask(inside, &plain, false))
	require.Less(t, 10*dampedError(fc), dampedError(&plain))

	sess := m.NewSession()
	observe(t, sess, s)
	var again Forecast
	for range 2 {
		require.NoError(t, sess.ForecastInto(&again, inside))
		requireSame(t, fc, &again)
	}
	one, err := m.Forecast(s, []float64{60, inside[40], -3, inside[7]})
	require.NoError(t, err)
	require.InDelta(t, fc.Mean[40][0], one.Mean[1][0], .01)

	edge := 1e-7
	ends, err := m.Forecast(s, []float64{times[119], times[119] + edge, times[120] - edge, times[120]})
	require.NoError(t, err)
	for c := range 2 {
		require.InDelta(t, ends.Mean[0][c], ends.Mean[1][c], 1e-5)
		require.InDelta(t, ends.Mean[2][c], ends.Mean[3][c], 1e-5)
	}

	for _, k := range []*Constraints{nil, {Weights: []float64{1, 2}, Tolerance: []float64{9, 9}}} {
		s.Constraints = k
		const h = 1e-4
		var at []float64
		for _, u := range regular(24.3, 1.3, 9) {
			at = append(at, u-h, u, u+h)
		}
		fc, err := m.Forecast(s, at)
		require.NoError(t, err)
		low, high := fc.Quantile(.1), fc.Quantile(.9)
		for i := 1; i < len(at); i += 3 {
			for c := range 2 {
				slope := (fc.Mean[i+1][c] - fc.Mean[i-1][c]) / (2 * h)
				require.InDelta(t, slope, fc.Rate[i][c], 2e-3, "time %v, constraints %v", at[i], k != nil)
				require.Greater(t, high[i][c], low[i][c])
			}
		}
	}
}

// TestGapsOfSampling: pauses between many bursts, and a channel that is read in bursts, are how
// a series is sampled, and not each worth forecasts of its own.
func TestGapsOfSampling(t *testing.T) {
	m := smallModel(t)
	e := m.newEngine()
	for _, bursts := range []int{8, 9, 10} {
		var times []float64
		for i := range bursts {
			times = append(times, regular(20*float64(i), .2, 20)...)
		}
		require.NoError(t, e.load(dampedSeries(times), nil))
		require.Len(t, e.gaps, map[int]int{8: 7, 9: 8, 10: 0}[bursts])
		s := dampedSeries(regular(0, .2, 100*bursts))
		for i, row := range s.Values {
			if i%100 >= 20 {
				row[1] = math.NaN()
			}
		}
		require.NoError(t, e.load(s, nil))
		require.Len(t, e.silences, map[int]int{8: 8, 9: 0, 10: 0}[bursts]) // the last does not end
	}
}

// TestCombine: rate and drift of a mixture are the time derivatives of its mean and of the
// logarithm of its scale.
func TestCombine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		list := make([]estimate, 3)
		for i := range list {
			list[i] = estimate{r.NormFloat64(), r.NormFloat64(), .1 + r.Float64(), r.NormFloat64(), .1 + r.Float64(), r.NormFloat64()}
		}
		at := func(h float64) (mean, scale float64) {
			moved := slices.Clone(list)
			for i := range moved {
				x := &moved[i]
				x.mean += h * x.rate
				x.scale *= math.Exp(h * x.drift)
				x.variance += h * x.growth
			}
			mean, _, scale, _ = combine(moved)
			return mean, scale
		}
		const h = 1e-5
		mean, rate, scale, drift := combine(list)
		m0, s0 := at(-h)
		m1, s1 := at(h)
		require.InDelta(t, (m1-m0)/(2*h), rate, 1e-6)
		require.InDelta(t, math.Log(s1/s0)/(2*h), drift, 1e-6)
		m0, s0 = at(0)
		require.Equal(t, []float64{mean, scale}, []float64{m0, s0})
	}
}

// TestLatestPart: rows long before the others, and a rest before the motion, change nothing
// ahead; they are still what answers their own times.
func TestLatestPart(t *testing.T) {
	m := smallModel(t)
	times := regular(0, .2, 100)
	s := dampedSeries(times)
	ahead := regular(20, .5, 20)
	want, err := m.Forecast(s, ahead)
	require.NoError(t, err)

	old := Series{Times: append([]float64{-300}, times...), Values: append([][]float64{{.3, -.2}}, s.Values...)}
	got, err := m.Forecast(old, append(slices.Clone(ahead), -300, -400))
	require.NoError(t, err)
	for i := range ahead {
		require.Equal(t, want.Mean[i], got.Mean[i])
		require.Equal(t, want.Scale[i], got.Scale[i])
	}
	require.InDelta(t, .3, got.Mean[20][0], .1)

	// Behind the series the same holds for times before it.
	back, err := m.Forecast(s, []float64{-1, -2})
	require.NoError(t, err)
	late := Series{Times: append(slices.Clone(times), 400), Values: append(slices.Clone(s.Values), []float64{.1, .2})}
	got, err = m.Forecast(late, []float64{-1, -2, 400})
	require.NoError(t, err)
	for i := range 2 {
		require.InDelta(t, back.Mean[i][0], got.Mean[i][0], 1e-6) // -t rounds in another way
	}

	rest := Series{Times: slices.Concat(regular(-20, .2, 100), times)}
	for range 100 {
		rest.Values = append(rest.Values, s.Values[0])
	}
	rest.Values = append(rest.Values, s.Values...)
	got, err = m.Forecast(rest, append(slices.Clone(ahead), -10))
	require.NoError(t, err)
	for i := range ahead {
		require.Equal(t, want.Mean[i], got.Mean[i])
	}
	require.InDelta(t, s.Values[0][0], got.Mean[20][0], .1)

	// A longer record behind a very long gap is moved near instead.
	two := dampedSeries(slices.Concat(regular(-1e4, .2, 100), times))
	e := m.newEngine()
	require.NoError(t, e.load(two, nil))
	p := e.latest()
	require.Equal(t, 100, p.old)
	require.Zero(t, p.first)
	moved, _ := e.rows(p)
	require.InDelta(t, times[99]-times[0], moved[100]-moved[99], 1e-9)
	require.Equal(t, times, moved[100:])
}

// TestHeldSession: a standing encoding is that of the latest part too, and survives the state.
func TestHeldSession(t *testing.T) {
	m := smallModel(t)
	s := dampedSeries(append([]float64{-300}, regular(0, .2, 140)...))
	sess, err := m.NewSessionWith(SessionOptions{Hold: 1. / 16})
	require.NoError(t, err)
	observe(t, sess, Series{Times: s.Times[:130], Values: s.Values[:130]})
	var a, b Forecast
	ahead := []float64{26, 29, 30}
	require.NoError(t, sess.ForecastInto(&a, ahead))
	require.NoError(t, sess.Observe(s.Times[130], s.Values[130]))
	state, err := sess.MarshalBinary()
	require.NoError(t, err)
	again := m.NewSession()
	require.NoError(t, again.UnmarshalBinary(state))
	require.NoError(t, sess.ForecastInto(&a, ahead))
	require.NoError(t, again.ForecastInto(&b, ahead))
	requireSame(t, &a, &b)
}

// TestRoundedTimes: equal steps that were rounded are forecast as what they were, with rows
// missing too; times that lie elsewhere are believed.
func TestRoundedTimes(t *testing.T) {
	m := smallModel(t)
	const step = .2137
	exact := regular(0, step, 150)
	exact = slices.Delete(exact, 40, 43)
	s := dampedSeries(exact)
	ahead := regular(33, .5, 20)
	want, err := m.Forecast(s, ahead)
	require.NoError(t, err)
	for _, decimals := range []float64{100, 1000} {
		rounded := Series{Values: s.Values}
		for _, u := range exact {
			rounded.Times = append(rounded.Times, math.Round(u*decimals)/decimals)
		}
		got, err := m.Forecast(rounded, ahead)
		require.NoError(t, err)
		for i := range ahead {
			require.InDelta(t, want.Mean[i][0], got.Mean[i][0], .02, "%v decimals", decimals)
		}
		e := m.newEngine()
		require.NoError(t, e.load(rounded, nil))
		e.latest()
		require.Len(t, e.even, len(exact))
		for i, u := range exact {
			require.InDelta(t, u, e.even[i], .2/decimals)
		}
		rounded.Times[70] += 2 / decimals // not rounding
		require.NoError(t, e.load(rounded, nil))
		e.latest()
		require.Empty(t, e.even)
	}
}

// TestHeldValues: values that a channel repeats between its measurements tell nothing.
func TestHeldValues(t *testing.T) {
	m := smallModel(t)
	times := regular(0, .2, 160)
	s := dampedSeries(times)
	for i := range s.Values {
		s.Values[i] = slices.Clone(s.Values[i-i%4])
	}
	var few []float64
	for i := 0; i < len(times); i += 4 {
		few = append(few, times[i])
	}
	ahead := regular(32, .5, 10)
	want, err := m.Forecast(dampedSeries(few), ahead)
	require.NoError(t, err)
	got, err := m.Forecast(s, ahead)
	require.NoError(t, err)
	require.Equal(t, want.Mean, got.Mean)

	// Missing values that the last one was put in the place of.
	r := rand.New(rand.NewPCG(5, 5))
	filled, missing := dampedSeries(times), dampedSeries(times)
	for i := 1; i < len(times); i++ {
		if r.Float64() < .4 {
			filled.Values[i][1], missing.Values[i][1] = filled.Values[i-1][1], math.NaN()
		}
	}
	want, err = m.Forecast(missing, ahead)
	require.NoError(t, err)
	got, err = m.Forecast(filled, ahead)
	require.NoError(t, err)
	require.Equal(t, want.Mean, got.Mean)

	// What rests at a bound from time to time is true, and so are steps of any length, and
	// values that repeat because they are rounded.
	bounded, steps, rounded := dampedSeries(times), dampedSeries(times), dampedSeries(times)
	walk := 0.
	level := 0.
	for i, at := range times {
		bounded.Values[i][0] = min(math.Sin(4*at)+.01*at, .3)
		if r.Float64() < .1 {
			level = r.NormFloat64()
		}
		steps.Values[i][0] = level
		if i%14 != 0 { // seven values in a hundred repeat
			walk += math.Ceil(3 * r.Float64())
		}
		rounded.Values[i][0] = walk
	}
	for i, s := range []Series{bounded, steps, rounded} {
		e := m.newEngine()
		require.NoError(t, e.load(s, nil))
		require.Len(t, e.times, len(times))
		require.False(t, slices.ContainsFunc(e.values, math.IsNaN), i)
	}

	// A switch has few values, and they are true.
	for i := range s.Values {
		s.Values[i] = []float64{float64(i / 4 % 2), damped(times[i], 1)}
	}
	e := m.newEngine()
	require.NoError(t, e.load(s, nil))
	require.Len(t, e.times, 160)
	require.False(t, slices.ContainsFunc(e.values, math.IsNaN))
}

// TestThin: of many rows few are encoded, under noise as means, and times between
// observations are still answered from all.
func TestThin(t *testing.T) {
	m := smallModel(t)
	times := regular(0, .01, 3001)
	s := dampedSeries(times)
	e := m.newEngine()
	require.NoError(t, e.load(s, nil))
	p := e.latest()
	require.Equal(t, 15, p.thin)
	few, values := e.rows(p)
	require.Equal(t, times[3000], few[len(few)-1])
	require.Equal(t, s.Values[3000], values[len(values)-2:])
	require.InDelta(t, .15, few[1]-few[0], 1e-9)

	r := rand.New(rand.NewPCG(3, 4))
	for i := range s.Values {
		for c := range s.Values[i] {
			s.Values[i][c] += .1 * r.NormFloat64()
		}
	}
	require.NoError(t, e.load(s, nil))
	require.Equal(t, p, e.latest())
	few, values = e.rows(p)
	require.Equal(t, times[3000], few[len(few)-1])
	square := 0.
	for i, u := range few {
		for c := range 2 {
			d := values[2*i+c] - damped(u, c)
			square += d * d / float64(2*len(few))
		}
	}
	require.Less(t, math.Sqrt(square), .04) // .1/sqrt(15), and a little from the curvature

	fc, err := m.Forecast(s, []float64{0, 15, 30, 31})
	require.NoError(t, err)
	part, err := m.Forecast(s, []float64{31})
	require.NoError(t, err)
	require.Equal(t, fc.Mean[3], part.Mean[0])
	for i, u := range fc.Times[:3] {
		require.InDelta(t, damped(u, 0), fc.Mean[i][0], .25)
	}
}

// TestLayersOfParts: layers are those of the encoding that a forecast is made from, also where
// other rows answer inside the context than ahead of it.
func TestLayersOfParts(t *testing.T) {
	m := smallModel(t)
	long := dampedSeries(regular(0, .05, 600))
	rest := dampedSeries(regular(0, .2, 80))
	for i := range 20 {
		rest.Values[i] = rest.Values[20]
	}
	for _, s := range []Series{long, rest} {
		inside, ahead := []float64{.7, 2.05}, []float64{s.Times[len(s.Times)-1] + .1}
		e := m.newEngine()
		require.NoError(t, e.load(s, nil))
		require.NotEqual(t, part{}, e.latest())
		both, err := forecastLayers(m, s.Times, s.Values, slices.Concat(ahead, inside))
		require.NoError(t, err)
		alone, err := forecastLayers(m, s.Times, s.Values, inside)
		require.NoError(t, err)
		next, err := forecastLayers(m, s.Times, s.Values, ahead)
		require.NoError(t, err)
		fc, err := m.Forecast(s, inside)
		require.NoError(t, err)
		for l := range both {
			require.Equal(t, slices.Concat(next[l], alone[l]), both[l])
			require.NotEqual(t, fc.Mean, alone[l], "layer %d is the whole model", l)
		}
	}
}

// TestSilence: a channel that falls silent, for a while or for good, while another goes on of
// which it is a function, is answered by that function; mean and rate belong together.
func TestSilence(t *testing.T) {
	m := smallModel(t)
	times := regular(0, .2, 200)
	// A pendulum of changing swing: the second channel is a function of the first and its slope.
	x := func(u float64) float64 { return (1 + .4*math.Sin(.11*u)) * math.Sin(.9*u) }
	slope := func(u float64) float64 { const h = 1e-5; return (x(u+h) - x(u-h)) / (2 * h) }
	y := func(u float64) float64 { return .5*x(u)*x(u) + slope(u) }
	for _, last := range []int{140, 200} {
		s := Series{Times: times}
		for i, u := range times {
			v := y(u)
			if i >= 80 && i < last {
				v = math.NaN()
			}
			s.Values = append(s.Values, []float64{x(u), v})
		}
		for _, k := range []*Constraints{nil, {Weights: []float64{1, 2}, Tolerance: []float64{9, 9}}} {
			s.Constraints = k
			const h = 1e-4
			var at []float64
			for u := 17.; u < .2*float64(last)-1; u += .7 {
				at = append(at, u-h, u, u+h)
			}
			fc, err := m.Forecast(s, at)
			require.NoError(t, err)
			for i := 1; i < len(at); i += 3 {
				if k == nil {
					require.InDelta(t, y(at[i]), fc.Mean[i][1], .1, "silent up to row %d, time %v", last, at[i])
				}
				require.InDelta(t, (fc.Mean[i+1][1]-fc.Mean[i-1][1])/(2*h), fc.Rate[i][1], 5e-3)
			}
		}
	}
}

// TestSilenceOfManyTimes: what a silence is answered from does not grow with the number of times
// asked, beside the answers, nor do these depend on how many are asked together.
func TestSilenceOfManyTimes(t *testing.T) {
	const channels = 8
	s := Series{Times: regular(0, .1, 440)}
	for i, u := range s.Times {
		row := make([]float64, channels)
		for c := range row {
			row[c] = math.Sin((.3 + .05*float64(c)) * u)
		}
		row[0] = .3*row[1] + row[2]*row[3]
		if i > 200 && i < 270 {
			row[0] = math.NaN()
		}
		s.Values = append(s.Values, row)
	}
	e := smallModel(t).newEngine()
	require.NoError(t, e.load(s, nil))
	require.Len(t, e.silences, 1)
	ask := func(times int) (f Forecast, bytes uint64) {
		var before, after runtime.MemStats
		at := regular(20.1, 6.8/float64(times), times)
		runtime.ReadMemStats(&before)
		require.NoError(t, e.ask(at, &f, false))
		runtime.ReadMemStats(&after)
		return f, after.TotalAlloc - before.TotalAlloc
	}
	ask(4000) // makes the encoding and what the engine keeps
	many, bytes := ask(4000)
	_, base := ask(1000)
	if !raceEnabled {
		require.Less(t, bytes-base, uint64(3000*2*3*8*channels), "twice the answers")
	}
	for i := 0; i < 4000; i += 333 {
		var one Forecast
		require.NoError(t, e.ask(many.Times[i:i+1], &one, false))
		require.Equal(t, many.Mean[i], one.Mean[0])
		require.Equal(t, many.Rate[i], one.Rate[0])
		require.Equal(t, many.Scale[i], one.Scale[0])
	}
}

// TestContextsOfAllKinds: gaps, rests, repeats, rounded times, silent channels, many rows and
// extreme scales in any combination give finite forecasts, which a session gives too.
func TestContextsOfAllKinds(t *testing.T) {
	m := smallModel(t)
	tries := 100
	if testing.Short() {
		tries = 15
	}
	for try := range tries {
		r := rand.New(rand.NewPCG(uint64(try), 17))
		n, channels := 2+r.IntN(150), 1+r.IntN(3)
		if r.IntN(8) == 0 {
			n = 520 + r.IntN(300)
		}
		scale := []float64{1, 1, 1e-300, 1e290, 1e8, 5e-324}[r.IntN(6)]
		unit := []float64{1, 1, 1e-9, 1e9, 1e150}[r.IntN(5)]
		var s Series
		u := 0.
		decimals := []float64{0, 0, 10, 100}[r.IntN(4)]
		if r.IntN(3) == 0 {
			s.Constraints = &Constraints{Weights: make([]float64, channels), Tolerance: make([]float64, channels)}
			for c := range channels {
				s.Constraints.Weights[c], s.Constraints.Tolerance[c] = float64(c)-.5, math.MaxFloat64
			}
		}
		hold, silent := 1+r.IntN(5)*r.IntN(2), r.IntN(2)
		for i := range n {
			u += .2137
			if r.IntN(40) == 0 {
				u += 30 * r.Float64() * r.Float64() * float64(1+99*r.IntN(2))
			}
			at := u
			if decimals > 0 {
				at = math.Round(u*decimals) / decimals
			}
			if len(s.Times) > 0 && at*unit <= s.Times[len(s.Times)-1] {
				continue
			}
			row := make([]float64, channels)
			for c := range row {
				row[c] = scale * damped(u-math.Mod(u, .2137*float64(hold)), c)
				if i < n/3 && try%5 == 0 {
					row[c] = scale
				}
				if c > 0 && silent == 1 && i > n/2 && (try%2 == 0 || i < 3*n/4) {
					row[c] = math.NaN()
				}
			}
			s.Times, s.Values = append(s.Times, at*unit), append(s.Values, row)
		}
		var at []float64
		first, last := s.Times[0], s.Times[len(s.Times)-1]
		for range 30 {
			at = append(at, first+(last-first)*(1.4*r.Float64()-.2))
		}
		at = append(at, first, last)
		fc, err := m.Forecast(s, at)
		if err != nil {
			var input *InputError
			require.ErrorAs(t, err, &input, "try %d", try)
			continue
		}
		low, high := fc.Quantile(.1), fc.Quantile(.9)
		for i := range at {
			for c := range channels {
				for _, v := range []float64{fc.Mean[i][c], fc.Rate[i][c], fc.Scale[i][c], low[i][c], high[i][c]} {
					require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "try %d", try)
				}
				require.LessOrEqual(t, low[i][c], high[i][c], "try %d", try)
			}
		}
		sess := m.NewSession()
		require.NoError(t, sess.Constrain(s.Constraints))
		observe(t, sess, s)
		var live Forecast
		require.NoError(t, sess.ForecastInto(&live, at))
		requireSame(t, fc, &live)
	}
}

// TestJump: what follows a jump is forecast alone where it forecasts its own last rows better, as
// forwards so backwards; where a system jumps all the time, or has but a few rows after the jump,
// nothing is left out.
func TestJump(t *testing.T) {
	m := smallModel(t)
	e := m.newEngine()
	of := func(n int, f func(k int) float64) Series {
		s := Series{Times: regular(0, 1, n)}
		for k := range n {
			s.Values = append(s.Values, []float64{f(k)})
		}
		return s
	}
	jumped := func(k int) float64 {
		x := .3 * float64(k)
		if k >= 90 {
			x += 2
		}
		return math.Sin(x)
	}
	for name, c := range map[string]struct {
		s             Series
		jump          int
		first, before int // of the parts, forwards and backwards
	}{
		"phase":    {of(150, jumped), 91, 91, 62},
		"none":     {of(150, func(k int) float64 { return math.Sin(.3 * float64(k)) }), 0, 0, 0},
		"few rows": {of(100, jumped), 0, 0, 12},
		"relay":    {of(150, func(k int) float64 { return float64(k / 5 % 2) }), 0, 0, 0},
		"three":    {of(150, func(k int) float64 { return math.Sin(.3*float64(k)) + 4*float64(k/40%2) }), 0, 0, 0},
		"two, one a channel": {func() Series {
			s := of(150, jumped)
			for k := range s.Values {
				s.Values[k] = append(s.Values[k], math.Cos(.3*float64(k))+3*float64(k/120))
			}
			return s
		}(), 121, 121, 62},
	} {
		require.NoError(t, e.load(c.s, nil), name)
		require.Equal(t, c.jump, e.jump(), name)
		require.Equal(t, part{first: c.first, old: c.first}, e.latest(), name)
		e.orient(-1)
		require.Equal(t, part{first: c.before, old: c.before}, e.latest(), name)
	}

	// Where what was before helps to forecast the last rows it stays.
	r := rand.New(rand.NewPCG(1, 2))
	slow := of(150, func(k int) float64 {
		x := math.Sin(.05*float64(k)) + .05*r.NormFloat64()
		if k == 120 || k == 121 {
			x += 1.5
		}
		return x
	})
	require.NoError(t, e.load(slow, nil))
	require.Equal(t, 123, e.jump())
	require.False(t, e.resumes(0, 123))
	require.Equal(t, part{}, e.latest())
}
