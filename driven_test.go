package lassode

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// planned is an oscillator of which position and speed are observed in the first rows, and the
// force that drives it, in steps, in all of them.
func planned(seed uint64, rows, seen int, noise float64) (s Series, truth [][]float64) {
	r := rand.New(rand.NewPCG(seed, 3))
	const step, parts = .15, 20
	x, v, force := 1., 0., 0.
	for i := range rows {
		if i%12 == 0 {
			force = r.NormFloat64()
		}
		truth = append(truth, []float64{x, v, force})
		row := []float64{x + noise*r.NormFloat64(), v + noise*r.NormFloat64(), force}
		if i >= seen {
			row[0], row[1] = math.NaN(), math.NaN()
		}
		s.Times, s.Values = append(s.Times, step*float64(i)), append(s.Values, row)
		for range parts {
			const h = step / parts
			v += h * (force - x - .2*v)
			x += h * v
		}
	}
	return s, truth
}

// plannedError is the root mean square error of channel c of f, over that of zero.
func plannedError(f *Forecast, truth [][]float64, c int) float64 {
	sum, all := 0., 0.
	for i, row := range truth {
		d := f.Mean[i][c] - row[c]
		sum, all = sum+d*d, all+row[c]*row[c]
	}
	return math.Sqrt(sum / all)
}

func TestPlannedInput(t *testing.T) {
	m := smallModel(t)
	for _, k := range []struct{ noise, limit float64 }{{0, .03}, {.03, .15}} {
		for seed := range uint64(4) {
			s, truth := planned(seed, 320, 200, k.noise)
			f, err := m.Forecast(s, s.Times[200:])
			require.NoError(t, err)
			inside, low, high := 0, f.Quantile(.1), f.Quantile(.9)
			for c := range 2 {
				require.Less(t, plannedError(f, truth[200:], c), k.limit, "seed %d, channel %d", seed, c)
				for i, row := range truth[200:] {
					if low[i][c] <= row[c] && row[c] <= high[i][c] {
						inside++
					}
				}
			}
			require.Greater(t, inside, 2*120/2)
			// Another plan gives another answer.
			other := s
			other.Values = append([][]float64(nil), s.Values...)
			for i := 240; i < 320; i++ {
				other.Values[i] = []float64{math.NaN(), math.NaN(), -2}
			}
			g, err := m.Forecast(other, s.Times[200:])
			require.NoError(t, err)
			require.InDelta(t, -2, g.Mean[119][0], .8)
		}
	}
}

// The force is a plan, not a sensor that was read more often than it measures; without rows that
// it alone has it would be taken for one.
func TestPlanIsNotHeld(t *testing.T) {
	e := smallModel(t).newEngine()
	s, _ := planned(1, 320, 200, 0)
	require.NoError(t, e.load(s, nil))
	require.Len(t, e.times, 320)
	require.Len(t, e.silences, 2)
	s, _ = planned(1, 320, 320, 0)
	require.NoError(t, e.load(s, nil))
	require.Empty(t, e.silences)
	require.Zero(t, e.seen(5, 2))
}

// Channels that fall silent about the same time are one system; one that has long been so, or that
// is silent at the end as well without being long enough observed, has no part in it.
func TestDrivenChannels(t *testing.T) {
	m := smallModel(t)
	s, truth := planned(2, 320, 200, 0)
	for i, row := range s.Values {
		if i >= 196 {
			row[1] = math.NaN() // some rows earlier
		}
		dead, rare := math.NaN(), math.NaN()
		if i < 80 {
			dead = math.Sin(float64(i))
		}
		if i < 200 && i%10 == 0 {
			rare = math.Cos(float64(i))
		}
		s.Values[i] = append(row, dead, rare)
	}
	e := m.newEngine()
	require.NoError(t, e.load(s, nil))
	var f Forecast
	require.NoError(t, e.ask(s.Times[200:], &f, false))
	require.Less(t, plannedError(&f, truth[200:], 0), .03)
	require.Less(t, plannedError(&f, truth[200:], 1), .05)
	for i := range e.silences {
		q := &e.silences[i]
		if q.c == 2 || len(q.continued) == 0 {
			continue
		}
		for _, d := range q.continued {
			if q.c < 2 {
				require.ElementsMatch(t, []int{0, 1}, d.silent)
			}
			require.NotContains(t, d.inputs, 3)
			require.NotContains(t, d.inputs, 4)
			require.Contains(t, d.inputs, 2)
		}
	}
	// The fit is kept while the encoding stands.
	kept := e.silences[0].continued
	require.NotEmpty(t, kept)
	var again Forecast
	require.NoError(t, e.ask(s.Times[200:], &again, false))
	requireSame(t, &f, &again)
	require.Same(t, kept[0], e.silences[0].continued[0])
}

// What a channel that fell silent is answered by depends neither on what was asked before nor on
// the order of the channels, however many others fell silent about the same time.
func TestDrivenGroups(t *testing.T) {
	m := smallModel(t)
	s, _ := planned(2, 320, 320, 0)
	ends := []int{200, 190, 212} // the first is near both others, which are not near each other
	for i, row := range s.Values {
		x := []float64{row[0], row[1], row[0] + .1*row[1], row[2]}
		for c, end := range ends {
			if i >= end {
				x[c] = math.NaN()
			}
		}
		s.Values[i] = x
	}
	at := s.Times[240:]
	first, err := m.Forecast(s, at)
	require.NoError(t, err)
	e := m.newEngine()
	require.NoError(t, e.load(s, nil))
	var f Forecast
	require.NoError(t, e.ask(s.Times[192:196], &f, false))
	for range 2 {
		require.NoError(t, e.ask(at, &f, false))
		requireSame(t, first, &f)
	}
	order := []int{2, 3, 1, 0}
	for i, row := range s.Values {
		x := make([]float64, len(row))
		for c, from := range order {
			x[c] = row[from]
		}
		s.Values[i] = x
	}
	other, err := m.Forecast(s, at)
	require.NoError(t, err)
	for i := range at {
		for c, from := range order {
			require.InDelta(t, first.Mean[i][from], other.Mean[i][c], .02)
		}
	}
}

// A plan of a few rows, of a system whose sensors did not report together.
func TestShortPlan(t *testing.T) {
	m := smallModel(t)
	for _, plan := range []int{3, 6} {
		s, truth := planned(4, 240+plan, 240, 0)
		s.Values[239][1], s.Values[240+plan-1][2] = math.NaN(), math.NaN() // one step earlier each
		e := m.newEngine()
		require.NoError(t, e.load(s, nil))
		var f Forecast
		require.NoError(t, e.ask(s.Times[240:240+plan-1], &f, false))
		require.NotEmpty(t, e.silences)
		for i := range e.silences {
			require.NotEmpty(t, e.silences[i].continued)
			require.ElementsMatch(t, []int{0, 1}, e.silences[i].continued[0].silent)
		}
		for c := range 2 {
			require.Less(t, plannedError(&f, truth[240:240+plan-1], c), .02)
		}
	}
}

// A plan may be given by the ends of its steps alone.
func TestSparsePlan(t *testing.T) {
	m := smallModel(t)
	for seed := range uint64(4) {
		s, truth := planned(seed, 320, 200, 0)
		at, few := s.Times[200:], Series{}
		for i, u := range s.Times {
			if i < 200 || i%12 == 0 || i%12 == 11 || i == 319 {
				few.Times, few.Values = append(few.Times, u), append(few.Values, s.Values[i])
			}
		}
		f, err := m.Forecast(few, at)
		require.NoError(t, err)
		for c := range 2 {
			require.Less(t, plannedError(f, truth[200:], c), .1, "seed %d, channel %d", seed, c)
		}
	}
}

// A plan leads a system with many sensors too.
func TestPlanOfManyChannels(t *testing.T) {
	m := smallModel(t)
	s, truth := planned(3, 240, 200, 0)
	for i, row := range s.Values {
		for c := range 18 {
			v := math.NaN()
			if i < 200 {
				v = math.Cos(float64(c))*row[0] + math.Sin(float64(c))*row[1]
			}
			row = append(row, v)
		}
		s.Values[i] = row
	}
	f, err := m.Forecast(s, s.Times[200:])
	require.NoError(t, err)
	for c := range 2 {
		require.Less(t, plannedError(f, truth[200:], c), .05)
	}
}

// Rates are derivatives, the curve is continuous where observations end, and no input breaks it.
func TestDrivenRates(t *testing.T) {
	m := smallModel(t)
	s, _ := planned(3, 320, 200, 0)
	for _, k := range []*Constraints{nil, {Weights: []float64{1, 2, 0}, Tolerance: []float64{99, 99, 99}}} {
		s.Constraints = k
		const h = 1e-4
		var at []float64
		for i := range 40 {
			u := s.Times[199] + .31 + .377*float64(i)
			at = append(at, u-h, u, u+h)
		}
		f, err := m.Forecast(s, at)
		require.NoError(t, err)
		for i := 1; i < len(at); i += 3 {
			for c := range 2 {
				require.InDelta(t, (f.Mean[i+1][c]-f.Mean[i-1][c])/(2*h), f.Rate[i][c], 2e-2, "time %v", at[i])
			}
		}
	}
	s.Constraints = nil
	last := s.Times[199]
	f, err := m.Forecast(s, []float64{last, last + 1e-7})
	require.NoError(t, err)
	for c := range 2 {
		require.InDelta(t, f.Mean[0][c], f.Mean[1][c], 1e-4)
	}

	r := rand.New(rand.NewPCG(8, 8))
	for try := range 60 {
		rows := 60 + r.IntN(200)
		s, _ := planned(uint64(try), rows, rows/2+r.IntN(rows/3), 0)
		for i, row := range s.Values {
			switch try % 6 {
			case 0:
				row[2] = 7
			case 1:
				row[2] = 1e300 * (r.Float64() - .5)
			case 2:
				if i < rows/3 || i%7 > 0 {
					row[2] = math.NaN()
				}
			case 3:
				row[0], row[2] = row[0]*1e-300, 1e-300*r.Float64()
			case 4:
				s.Times[i] += .14 * r.Float64()
			case 5:
				if r.IntN(3) == 0 {
					row[r.IntN(2)] = math.NaN()
				}
			}
		}
		f, err := m.Forecast(s, s.Times)
		require.NoError(t, err)
		for i, row := range f.Mean {
			for c, v := range row {
				require.False(t, math.IsInf(v, 0) || v != v && try%6 != 2, "try %d", try)
				require.False(t, f.Scale[i][c] < 0)
			}
		}
	}
}

// In a session a plan is observed ahead of time, what is observed later joins its rows, and a new
// plan replaces it.
func TestPlannedSession(t *testing.T) {
	m := smallModel(t)
	s, truth := planned(5, 320, 200, 0)
	nan := math.NaN()
	sess := m.NewSession()
	observe(t, sess, s)
	same := func() {
		expected, err := m.Forecast(s, s.Times[210:])
		require.NoError(t, err)
		var f Forecast
		for range 2 { // from the fit, and from the one that is kept
			require.NoError(t, sess.ForecastInto(&f, s.Times[210:]))
			requireSame(t, expected, &f)
		}
		require.Less(t, plannedError(&f, truth[210:250], 0), .03)
	}
	same()
	for i := 200; i < 208; i++ {
		require.NoError(t, sess.Observe(s.Times[i], []float64{truth[i][0], truth[i][1], nan}))
		s.Values[i] = truth[i]
	}
	same()
	for i := 250; i < 320; i++ {
		require.NoError(t, sess.Observe(s.Times[i], []float64{nan, nan, 1}))
		s.Values[i] = []float64{nan, nan, 1}
	}
	same()
	require.Equal(t, 320, sess.Len())
}

// What has nothing to do with the channels that go on is forecast as if these were not there, and
// where too little was seen of one of them it is left out.
func TestUnaided(t *testing.T) {
	m := smallModel(t)
	r := rand.New(rand.NewPCG(6, 6))
	for _, late := range []bool{false, true} {
		var s Series
		level := 0.
		for i := range 300 {
			if i%9 == 0 {
				level = r.NormFloat64()
			}
			row := []float64{math.Sin(.3*float64(i)) + .1*r.NormFloat64(), level}
			if i >= 200 {
				row[0] = math.NaN()
			}
			if late && i < 140 {
				row[1] = math.NaN()
			}
			s.Times, s.Values = append(s.Times, float64(i)), append(s.Values, row)
		}
		e := m.newEngine()
		require.NoError(t, e.load(s, nil))
		var f, again Forecast
		require.NoError(t, e.ask(s.Times[200:], &f, false))
		if late {
			require.Nil(t, e.withoutInputs(&e.silences[0], s.Times[200:], []int{0, 1}))
			continue
		}
		require.Equal(t, 200, e.alone.rows)
		require.Less(t, e.alone.square[0], .1)
		require.Greater(t, e.alone.square[1], .1)
		for i := range 100 {
			require.InDelta(t, math.Sin(.3*float64(200+i)), f.Mean[i][0], .4)
		}
		require.NoError(t, e.ask(s.Times[200:], &again, false))
		requireSame(t, &f, &again)
		const h = 1e-3
		other := m.newEngine()
		require.NoError(t, other.load(s, nil))
		var fresh Forecast
		at := []float64{200.3 - h, 200.3, 200.3 + h, 299}
		require.NoError(t, e.ask(at, &again, false))
		require.NoError(t, other.ask(at, &fresh, false))
		requireSame(t, &fresh, &again)
		require.InDelta(t, (again.Mean[2][0]-again.Mean[0][0])/(2*h), again.Rate[1][0], 1e-3)
		var list [3]estimate
		for k := range list {
			list[k] = e.alone.at(e, 0, k, &e.silences[0], .1)
		}
		x := list[1]
		require.InEpsilon(t, (list[2].mean-list[0].mean)/(2*h), x.rate, 1e-3)
		require.InEpsilon(t, (list[2].variance-list[0].variance)/(2*h), x.growth, 1e-2)
		require.InEpsilon(t, math.Log(list[2].scale/list[0].scale)/(2*h), x.drift, 1e-2)
		require.NoError(t, e.load(s, nil))
		require.Zero(t, e.alone.rows)
	}
}

// An input that never changed before its plan says nothing of what it does.
func TestPlanOfAnIdleInput(t *testing.T) {
	m := smallModel(t)
	for _, start := range []int{200, 220} {
		const value = 3
		s, truth := planned(7, 320, 200, 0)
		for i, row := range s.Values {
			row[2] = value
			if i >= start {
				row[2] = value + 1
			}
			if x := math.Exp(-.01 * s.Times[i]); i < 200 {
				row[0], row[1] = x*math.Sin(s.Times[i]), x*math.Cos(s.Times[i])
			}
			x := math.Exp(-.01 * s.Times[i])
			truth[i][0], truth[i][1] = x*math.Sin(s.Times[i]), x*math.Cos(s.Times[i])
		}
		for silent := range 2 { // of both, then of the second alone, a function of the first
			f, err := m.Forecast(s, s.Times[200:])
			require.NoError(t, err)
			for c := silent; c < 2; c++ {
				require.Less(t, plannedError(f, truth[200:], c), .1)
			}
			for i := 200; i < 320; i++ {
				s.Values[i][0] = truth[i][0]
			}
		}
	}
}
