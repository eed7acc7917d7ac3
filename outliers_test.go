package lassode

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// swing is a series of n rows at irregular times with two channels, a decaying swing and
// its reflection, under noise of the given size.
func swing(n int, noise float64, seed uint64) Series {
	r := rand.New(rand.NewPCG(seed, 1))
	var s Series
	for i := range n {
		t := .1 * (float64(i) + .3*r.Float64())
		s.Times = append(s.Times, t)
		x := math.Exp(-.05*t) * math.Sin(2*t)
		s.Values = append(s.Values, []float64{x + noise*r.NormFloat64(), 5 - 3*x + 3*noise*r.NormFloat64()})
	}
	return s
}

// found returns the outliers of a series by row and channel.
func found(s Series) (list [][2]int, left Series) {
	var o outliers
	times := slices.Clone(s.Times)
	var flat []float64
	for _, row := range s.Values {
		flat = append(flat, row...)
	}
	c := s.Channels()
	times, flat = o.drop(times, flat, c, func(row, channel int, value float64) {
		list = append(list, [2]int{row, channel})
	})
	left.Times = times
	for i := range times {
		left.Values = append(left.Values, flat[i*c:(i+1)*c])
	}
	return list, left
}

// TestOutliers: single wrong values are found, and what is only unusual is not.
func TestOutliers(t *testing.T) {
	for _, noise := range []float64{0, 1e-4, .01} {
		s := swing(120, noise, 3)
		list, _ := found(s)
		require.Empty(t, list, "noise %v", noise)

		s.Values[20][0] += 1
		s.Values[50][1] -= 3
		s.Values[51][0] = 40
		s.Values[90][0], s.Values[90][1] = -1e6, 0
		s.Values[117][1] = 12
		list, _ = found(s)
		require.Equal(t, [][2]int{{20, 0}, {51, 0}, {90, 0}, {50, 1}, {90, 1}, {117, 1}}, list, "noise %v", noise)
	}
	for name, change := range map[string]func(row []float64, i int){
		"jump":                   func(row []float64, i int) { row[0] += float64(i / 60) },
		"pulse of two rows":      func(row []float64, i int) { row[0] += 4 * float64(i/60*(121-i)/60) },
		"two in a row":           func(row []float64, i int) { row[0] += 3 * float64(b2i(i == 40)-b2i(i == 41)) },
		"start":                  func(row []float64, i int) { row[0] += 7 * float64(b2i(i == 0)) },
		"next to the start":      func(row []float64, i int) { row[0] += 7 * float64(b2i(i == 1)) },
		"a jump at the end":      func(row []float64, i int) { row[0] += 7 * float64(b2i(i >= 118)) },
		"not the first jump":     func(row []float64, i int) { row[0] += 3*float64(i/60) + 4*float64(b2i(i == 119)) },
		"more than a tenth":      func(row []float64, i int) { row[0] += 7 * float64(b2i(i%8 == 4)) },
		"small":                  func(row []float64, i int) { row[0] += .04 * float64(b2i(i == 40)) },
		"sawtooth":               func(row []float64, i int) { row[0] = float64(i % 17) },
		"constant but for one":   func(row []float64, i int) { row[0], row[1] = 1, 1; row[0] += 1e-9 * float64(b2i(i == 0)) },
		"noise":                  func(row []float64, i int) { row[0] = rand.New(rand.NewPCG(1, uint64(i))).NormFloat64() },
		"a corner":               func(row []float64, i int) { row[0] = math.Abs(float64(i) - 60) },
		"pulses":                 func(row []float64, i int) { row[0] = float64(b2i(i%15 == 7)) },
		"pulses, one missing":    func(row []float64, i int) { row[0] += 4 * float64(b2i(i%13 == 7 && i != 46)) },
		"drops of a ramp":        func(row []float64, i int) { row[0] = float64(i) - 30*float64(b2i(i%20 == 9)) },
		"a coarse sensor":        func(row []float64, i int) { row[0] = math.Floor(20.1 + float64(b2i(i == 31 || i == 50 || i == 77))) },
		"a switch":               func(row []float64, i int) { row[0] = float64(b2i(i == 40)) },
		"relaxation oscillation": func(row []float64, i int) { row[0] = math.Atan(40 * math.Sin(float64(i)/9)) },
	} {
		s := swing(120, 0, 3)
		for i, row := range s.Values {
			change(row, i)
		}
		list, _ := found(s)
		require.Empty(t, list, name)
	}
	var o outliers
	last := swing(120, 0, 3)
	last.Values[119][0], last.Values[118][1] = 7, 7
	for c := range 2 {
		row, _ := o.lastJump(last.Times, slices.Concat(last.Values...), 2, c)
		require.Less(t, row, 119, "one observation behind a jump cannot tell of it")
	}
	for _, at := range [][]int{{119}, {118}, {117, 119}, {116, 118}} {
		for _, noise := range []float64{0, 1e-4, .01} {
			s := swing(120, noise, 3)
			var want [][2]int
			for _, i := range at {
				s.Values[i][0] += 7
				want = append(want, [2]int{i, 0})
			}
			list, left := found(s)
			require.Equal(t, want, list, "noise %v", noise)
			again, _ := found(left)
			require.Empty(t, again)
		}
	}
	s := swing(11, 0, 3)
	s.Values[5][0] = 100
	list, _ := found(s)
	require.Empty(t, list, "few rows")

	s = swing(120, 0, 3)
	for _, row := range s.Values {
		row[0] = math.Round(20 * row[0]) // coarse
	}
	s.Values[41][0], s.Values[77][0] = 60, -999
	list, _ = found(s)
	require.Equal(t, [][2]int{{41, 0}, {77, 0}}, list, "failures of a coarse sensor")

	s = swing(120, 0, 3)
	s.Values[30][0], s.Values[60][0], s.Values[90][0] = 1e300, -1e20, 8
	list, _ = found(s)
	require.Equal(t, [][2]int{{30, 0}, {60, 0}, {90, 0}}, list, "one hides the next")
}

// TestCodes: numbers that stand for no value are found wherever they are, in runs and next to
// the start, and a channel that is switched off, also for good, is none of them.
func TestCodes(t *testing.T) {
	for _, noise := range []float64{0, .01, .3} {
		s := swing(120, noise, 3)
		var want [][2]int
		for _, i := range []int{0, 1, 30, 31, 32, 33, 90, 118} {
			s.Values[i][0] = -999
			want = append(want, [2]int{i, 0})
		}
		for _, i := range []int{40, 70, 71} {
			s.Values[i][1] = 65535
			want = append(want, [2]int{i, 1})
		}
		s.Values[72][1], s.Values[73][1] = -1e300, -1e300
		want = append(want, [2]int{72, 1}, [2]int{73, 1})
		list, left := found(s)
		require.Equal(t, want, list, "noise %v", noise)
		again, _ := found(left)
		require.Empty(t, again)

		for name, change := range map[string]func(row []float64, i int){
			"near":            func(row []float64, i int) { row[0] += 2; row[0] *= float64(1 - b2i(i/3 == 20)) },
			"off at the end":  func(row []float64, i int) { row[0] += 20; row[0] *= float64(b2i(i < 115)) },
			"more than tenth": func(row []float64, i int) { row[0] += 20; row[0] *= float64(1 - b2i(i/14 == 5)) },
			"a switch":        func(row []float64, i int) { row[0] = float64(b2i(i/3 == 20)) },
			"pulses":          func(row []float64, i int) { row[0] += 20 * float64(b2i(i/3 == 20)) },
		} {
			s := swing(120, noise, 3)
			for i, row := range s.Values {
				change(row, i)
			}
			list, _ := found(s)
			require.Empty(t, list, "%s, noise %v", name, noise)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestCodeRuns: a run of codes at equal steps is no row of pulses.
func TestCodeRuns(t *testing.T) {
	s := swing(120, .01, 3)
	var want [][2]int
	for i := range s.Times {
		s.Times[i] = .1 * float64(i)
		if i/10 == 5 {
			s.Values[i][0] = -999
			want = append(want, [2]int{i, 0})
		}
	}
	list, _ := found(s)
	require.Equal(t, want, list)
}

// TestStuckSensor: a value that is repeated while the curve goes on is left out, and one that rests,
// is held, is cut off or ends is not.
func TestStuckSensor(t *testing.T) {
	for _, noise := range []float64{0, 1e-4, .01} {
		for _, runs := range [][][2]int{{{40, 43}}, {{40, 60}}, {{30, 36}, {70, 80}}} {
			s := swing(120, noise, 3)
			var want [][2]int
			for _, run := range runs {
				for i := run[0]; i < run[1]; i++ {
					s.Values[i][0] = s.Values[run[0]][0]
					want = append(want, [2]int{i, 0})
				}
			}
			list, left := found(s)
			require.Equal(t, want, list, "noise %v", noise)
			again, _ := found(left)
			require.Empty(t, again)
		}
	}
	for _, noise := range []float64{0, 1e-5} { // less than counts as noise
		for name, change := range map[string]func(s Series, i int){
			"two":              func(s Series, i int) { s.Values[i][0] = s.Values[i-b2i(i == 41)][0] },
			"at the end":       func(s Series, i int) { s.Values[i][0] = s.Values[min(i, 112)][0] },
			"one value behind": func(s Series, i int) { s.Values[i][0] = s.Values[i-max(i-110, 0)*b2i(i < 119)][0] },
			"at the start": func(s Series, i int) {
				if i < 8 {
					s.Values[i][0] = s.Values[8][0] - .8
				}
			},
			"cut off":           func(s Series, i int) { s.Values[i][0] = min(s.Values[i][0], .5) },
			"at the upper edge": func(s Series, i int) { s.Values[i][0] += float64(b2i(i/6 == 8)) * (1.2 - s.Values[i][0]) },
			"at the lower edge": func(s Series, i int) { s.Values[i][0] -= float64(b2i(i/6 == 8)) * (1.2 + s.Values[i][0]) },
			"goes on from there": func(s Series, i int) {
				s.Values[i][0] = math.Sin(2 * (min(s.Times[i], s.Times[47]) + max(s.Times[i], s.Times[54]) - s.Times[54]))
			},
			"at the end of a fast swing": func(s Series, i int) { s.Values[i][0] = math.Sin(12 * min(s.Times[i], s.Times[112])) },
			"at the end of a parabola":   func(s Series, i int) { s.Values[i][0] = math.Pow(min(s.Times[i], s.Times[112])-7, 2) },
			"the same twice": func(s Series, i int) {
				s.Values[i][0] = s.Values[i-max(i-40, 0)*b2i(i < 46)][0]
				if i/6 == 12 {
					s.Values[i][0] = s.Values[40][0]
				}
			},
			"too many": func(s Series, i int) { s.Values[i][0] = s.Values[i-(i-40)*b2i(i > 40 && i < 75)][0] },
		} {
			s := swing(120, noise, 3)
			for i := range s.Values {
				change(s, i)
			}
			list, _ := found(s)
			require.Empty(t, list, "%s, noise %v", name, noise)
		}
	}
}

// TestStuckUnderNoise: where nothing else repeats itself for noise, no run of equal values is true,
// wherever it is and however the curve goes on, but for those at the bounds and those of few digits.
func TestStuckUnderNoise(t *testing.T) {
	for _, noise := range []float64{.003, .03, .1} {
		for _, run := range [][2]int{{40, 43}, {60, 89}, {110, 120}, {117, 120}} {
			freeze := func(s Series) {
				for i := run[0]; i < run[1]; i++ {
					s.Values[i][0] = s.Values[run[0]][0]
				}
			}
			for seed := range uint64(5) {
				s := swing(120, noise, seed)
				s.Values[run[0]][0] = .1 + .01*noise
				freeze(s)
				list, left := found(s)
				require.Len(t, list, run[1]-run[0], "noise %v, run %v", noise, run)
				require.Equal(t, [2]int{run[0], 0}, list[0])
				again, _ := found(left)
				require.Empty(t, again)

				for name, change := range map[string]func(x float64) float64{
					"bound":  func(x float64) float64 { return min(x, .1) },
					"digits": func(x float64) float64 { return math.Round(x/noise) * noise },
				} {
					if name == "digits" && run[1] < 120 { // the curve went on
						continue
					}
					s := swing(120, noise, seed)
					s.Values[run[0]][0] = .7 * noise
					freeze(s)
					for _, row := range s.Values {
						row[0] = change(row[0])
					}
					list, _ := found(s)
					for _, at := range list { // others may stand alone beside the bound
						require.NotEqual(t, s.Values[run[0]][0], s.Values[at[0]][0], "%s, noise %v, run %v", name, noise, run)
					}
				}
			}
		}
	}
}

// TestStuckAmongFewRows: the rows of a run do not count against the noise of the others.
func TestStuckAmongFewRows(t *testing.T) {
	missed := 0
	for seed := range uint64(40) {
		s := swing(40, .03, seed)
		for i := 31; i < 40; i++ {
			s.Values[i][0] = .1
		}
		list, _ := found(s)
		missed += b2i(len(list) != 9)
	}
	require.LessOrEqual(t, missed, 2, "of 40")
}

// TestOutliersSettle: whatever the values, the first row stays, at most a tenth of a channel goes,
// and nothing more goes from what is left.
func TestOutliersSettle(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	went := 0
	for range 600 {
		s := swing(3+r.IntN(150), math.Pow(10, -4*r.Float64()), r.Uint64())
		size, spread := math.Pow(10, -2+5*r.Float64()), 0.
		switch r.IntN(20) {
		case 0:
			size = math.MaxFloat64 / 8
		case 1:
			spread = 40 // decades
		}
		share := .15 * r.Float64()
		for _, row := range s.Values {
			for c := range row {
				switch u := r.Float64(); {
				case u < share:
					row[c] += size * r.NormFloat64() * math.Pow(10, -spread*r.Float64())
				case u < 2*share:
					row[c] = math.NaN()
				}
			}
		}
		before := [2]int{}
		for _, row := range s.Values {
			if row[0] != row[0] && row[1] != row[1] {
				row[0] = 0 // no row is empty
			}
			for c, v := range row {
				before[c] += b2i(v == v)
			}
		}
		list, left := found(s)
		gone := [2]int{}
		for _, at := range list {
			gone[at[1]]++
		}
		for c := range gone {
			require.LessOrEqual(t, float64(gone[c]), .1*float64(before[c]))
		}
		again, _ := found(left)
		require.Empty(t, again)
		require.Equal(t, s.Times[0], left.Times[0])
		went += len(list)
	}
	require.Greater(t, went, 1000)
}

// TestForecastWithoutOutliers: a forecast is that of the series without them, says which
// they were, forwards and backwards, and so is that of a session, also one that was saved.
func TestForecastWithoutOutliers(t *testing.T) {
	m := smallModel(t)
	s := swing(120, .01, 4)
	clean := swing(120, .01, 4)
	s.Values[30][0] = 9
	clean.Values[30][0] = math.NaN()
	s.Values[70] = []float64{-8, 80}
	clean.Times = slices.Delete(clean.Times, 70, 71)
	clean.Values = slices.Delete(clean.Values, 70, 71)
	want := []Outlier{{s.Times[30], 0, 9}, {s.Times[70], 0, -8}, {s.Times[70], 1, 80}}

	at := []float64{-1, 4.02, s.Times[70], 13}
	a, err := m.Forecast(s, at)
	require.NoError(t, err)
	b, err := m.Forecast(clean, at)
	require.NoError(t, err)
	require.Equal(t, want, a.Outliers)
	require.Empty(t, b.Outliers)
	require.Equal(t, b.Mean, a.Mean)
	require.Equal(t, b.Scale, a.Scale)

	live, err := m.NewSessionWith(SessionOptions{Hold: .1})
	require.NoError(t, err)
	for i, x := range s.Times[:118] {
		require.NoError(t, live.Observe(x, s.Values[i]))
	}
	var f Forecast
	ahead := []float64{12.5, 13}
	require.NoError(t, live.ForecastInto(&f, ahead))
	require.Equal(t, want, f.Outliers)
	state, err := live.MarshalBinary()
	require.NoError(t, err)
	other := m.NewSession()
	require.NoError(t, other.UnmarshalBinary(state))
	for i, x := range s.Times[118:] {
		require.NoError(t, live.Observe(x, s.Values[118+i]))
		require.NoError(t, other.Observe(x, s.Values[118+i]))
	}
	var g Forecast
	require.NoError(t, live.ForecastInto(&f, ahead))
	require.NoError(t, other.ForecastInto(&g, ahead))
	require.Equal(t, f.Mean, g.Mean)
	require.Equal(t, want, f.Outliers)
	require.Equal(t, want, g.Outliers)
}

// TestSpikeInTheLatestRow: a session does not follow it, and follows a jump from its second row on.
func TestSpikeInTheLatestRow(t *testing.T) {
	m := smallModel(t)
	s := swing(121, .01, 4)
	live := m.NewSession()
	for i, x := range s.Times[:119] {
		require.NoError(t, live.Observe(x, s.Values[i]))
	}
	var f Forecast
	ahead := []float64{12.5, 13}
	require.NoError(t, live.ForecastInto(&f, ahead))
	before := slices.Concat(f.Mean...)
	require.NoError(t, live.Observe(s.Times[119], []float64{9, -30}))
	require.NoError(t, live.ForecastInto(&f, ahead))
	require.Equal(t, before, slices.Concat(f.Mean...))
	require.Equal(t, []Outlier{{s.Times[119], 0, 9}, {s.Times[119], 1, -30}}, f.Outliers)
	require.NoError(t, live.Observe(s.Times[120], []float64{9, -30}))
	require.NoError(t, live.ForecastInto(&f, ahead))
	require.Empty(t, f.Outliers)
	require.NotEqual(t, before, slices.Concat(f.Mean...))
}

// TestKeepOutliers: whoever says that all values are true is believed, in a session that
// was saved too.
func TestKeepOutliers(t *testing.T) {
	m := smallModel(t)
	s := swing(120, .01, 4)
	s.Values[30][0] = 9
	at := []float64{12.5, 13}
	dropped, err := m.Forecast(s, at)
	require.NoError(t, err)
	require.Len(t, dropped.Outliers, 1)
	s.KeepOutliers = true
	kept, err := m.Forecast(s, at)
	require.NoError(t, err)
	require.Empty(t, kept.Outliers)
	require.NotEqual(t, dropped.Mean, kept.Mean)

	for _, hold := range []float64{0, .1} {
		live, err := m.NewSessionWith(SessionOptions{Hold: hold, KeepOutliers: true})
		require.NoError(t, err)
		for i, x := range s.Times {
			require.NoError(t, live.Observe(x, s.Values[i]))
		}
		var f, g Forecast
		require.NoError(t, live.ForecastInto(&f, at))
		require.Empty(t, f.Outliers)
		if hold == 0 {
			require.Equal(t, kept.Mean, f.Mean)
		}
		state, err := live.MarshalBinary()
		require.NoError(t, err)
		other := m.NewSession()
		require.NoError(t, other.UnmarshalBinary(state))
		require.NoError(t, other.ForecastInto(&g, at))
		require.Equal(t, f.Mean, g.Mean)
	}

	// The same in what a fine-tuned model keeps, also of a file.
	lost, all := newFleet([]Series{{Times: s.Times, Values: s.Values}}), newFleet([]Series{s})
	require.True(t, math.IsNaN(lost.series[0].Values[30][0]))
	require.InDelta(t, 9, all.series[0].Values[30][0], 1e-6)
	m.fleet = all.weighted(1)
	var file bytes.Buffer
	require.NoError(t, m.Save(&file, Float32))
	back, err := Load(&file)
	require.NoError(t, err)
	require.Equal(t, all.series, back.fleet.series)
}

// TestSplitSeriesKeepsOutliers: the two parts of a single series are believed as the whole is.
func TestSplitSeriesKeepsOutliers(t *testing.T) {
	s := sine(100, 1)
	s.KeepOutliers = true
	train, held := splitSeries([]Series{s}, FineTuneOptions{})
	require.Len(t, train, 1)
	require.Len(t, held, 1)
	require.True(t, train[0].KeepOutliers && held[0].KeepOutliers)
	require.Equal(t, s.Times, slices.Concat(train[0].Times, held[0].Times))
}
