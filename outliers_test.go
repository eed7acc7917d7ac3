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
		"ends":                   func(row []float64, i int) { row[0] += 7 * float64(b2i(i < 1 || i == 119)) },
		"next to the ends":       func(row []float64, i int) { row[0] += 7 * float64(b2i(i == 1 || i == 118)) },
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

// TestOutliersSettle: whatever the values, the ends stay, at most a tenth of a channel goes,
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
		require.Equal(t, s.Times[len(s.Times)-1], left.Times[len(left.Times)-1])
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
