package lassode

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/tensor"
)

// smallConfig is a network small enough for tests.
func smallConfig() Config {
	return Config{Width: 16, Blocks: 2, Heads: 2, Feed: 16, Pairs: 3, HubTokens: 4, PhaseModes: 4, Encoder: 8, Mixer: 8, MinWindows: 8, MaxWindows: 24}
}

// oscillators is a source of damped oscillations of one to three channels.
func oscillators(n int) Source {
	var out []Series
	for i := range n {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		channels := 1 + i%3
		freq, decay, phase := 1+4*r.Float64(), .3*r.Float64(), 6*r.Float64()
		var s Series
		for j := range 160 {
			t := float64(j) / 20
			row := make([]float64, channels)
			for c := range row {
				row[c] = math.Exp(-decay*t)*math.Sin(freq*t+phase+float64(c)) + float64(c)
			}
			s.Times = append(s.Times, t)
			s.Values = append(s.Values, row)
		}
		out = append(out, s)
	}
	return SliceSource(out)
}

// smallModel is an untrained network whose every parameter is active.
func smallModel(t testing.TB) *Model {
	net := newNetwork(smallConfig())
	net.initialise(3)
	r := rand.New(rand.NewPCG(5, 5))
	for i, v := range net.params.Data() {
		net.params.Data()[i] = v + .05*float32(r.NormFloat64())
	}
	return &Model{net: net, calibration: defaultCalibration(), provenance: Provenance{FormatVersion: formatVersion}}
}

func sine(n, channels int) Series {
	var s Series
	for i := range n {
		t := .1*float64(i) + .02*math.Sin(float64(i)) // irregular
		row := make([]float64, channels)
		for c := range row {
			row[c] = 10*math.Sin(t+float64(c)) + 3
		}
		s.Times = append(s.Times, t)
		s.Values = append(s.Values, row)
	}
	return s
}

// TestGradients checks the package's own operations against central
// differences of float64 references, and that none is left out.
func TestGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows, windows, q = 2, 4, 3
	seen := []int32{1, 3}
	random := func(n int) []float32 {
		x := make([]float32, n)
		tensor.NormalInto(r, x, 1)
		return x
	}
	unit := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = r.Float32()
		}
		return x
	}
	taking := func(x []float32) []float32 {
		for at := 0; at < len(x); at += guideSlots {
			lo, hi := slotRange(at/(2*guideSlots), seen, windows)
			for i := range guideSlots {
				if i < lo || i >= hi {
					x[at+i] = 0
				} else {
					x[at+i] += .1
				}
			}
		}
		return x
	}
	guides, tau := random(rows*windows*q*guideSlots), unit(rows*windows*q)
	joinTau := unit(rows * windows * (q + 2))
	// Three systems of two channels: the channels of the second have seen all, one
	// channel of the third has no target.
	task := tasks{in: inputs{channels: 2, windows: windows, rows: 6, seen: []int32{1, 1, 4, 4, 2, 2}}, hopeless: []bool{false, true, false}}
	task.target, task.weight, task.unit = random(6*windows*targetsPerWindow), unit(6*windows*targetsPerWindow), unit(6*windows)
	for i := range task.weight {
		if i%3 == 0 || i >= 5*windows*targetsPerWindow {
			task.weight[i] = 0
		}
	}
	cases := map[string]struct {
		inputs    [][]float32
		shapes    [][]int
		run       func(tp *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor
		reference func(x [][]float64) []float64
	}{
		"lassode.GuideWeights": {
			inputs: [][]float32{random(rows * classical.NumGuides * 3), random(rows * classical.NumInside)},
			shapes: [][]int{{rows, classical.NumGuides, 3}, {rows, classical.NumInside}},
			run: func(tp *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
				return guideWeights(tp, x[0], x[1], seen, windows)
			},
			reference: func(x [][]float64) []float64 {
				var out []float64
				for r := range rows {
					for k := range windows {
						for e := range 2 {
							w := make([]float64, guideSlots)
							if k < int(seen[r]) {
								copy(w[classical.NumGuides:], softmax64(x[1][r*classical.NumInside:(r+1)*classical.NumInside]))
							} else {
								h := float64(k+e-int(seen[r])) / float64(windows-int(seen[r]))
								l := make([]float64, classical.NumGuides)
								for i := range l {
									v := x[0][(r*classical.NumGuides+i)*3:]
									if h < .5 {
										l[i] = v[0] + (v[1]-v[0])*h/.5
									} else {
										l[i] = v[1] + (v[2]-v[1])*(h-.5)/.5
									}
								}
								copy(w, softmax64(l))
							}
							out = append(out, w...)
						}
					}
				}
				return out
			},
		},
		"lassode.RefineWeights": {
			// Weights above the floor, and zero where a slot takes no part.
			inputs: [][]float32{taking(unit(rows * windows * 2 * guideSlots)), random(rows * windows * 2 * guideSlots)},
			shapes: [][]int{{rows * windows, 2, guideSlots}, {rows * windows, 2 * guideSlots}},
			run: func(tp *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
				return refineWeights(tp, x[0], x[1], seen, windows)
			},
			reference: func(x [][]float64) []float64 {
				out := make([]float64, len(x[0]))
				for at := 0; at < len(out); at += guideSlots {
					lo, hi := slotRange(at/(2*guideSlots), seen, windows)
					sum := 0.
					for i := at + lo; i < at+hi; i++ {
						out[i] = x[0][i] * math.Exp(x[1][i])
						sum += out[i]
					}
					for i := at + lo; i < at+hi; i++ {
						out[i] /= sum
					}
				}
				return out
			},
		},
		"lassode.MixGuides": {
			inputs: [][]float32{unit(rows * windows * 2 * guideSlots)},
			shapes: [][]int{{rows * windows, 2, guideSlots}},
			run: func(tp *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
				return mixGuides(tp, x[0], guides, tau, q)
			},
			reference: func(x [][]float64) []float64 {
				out := make([]float64, len(tau))
				for i, u := range tau {
					for j := range guideSlots {
						left := x[0][i/q*2*guideSlots+j]
						right := x[0][(i/q*2+1)*guideSlots+j]
						out[i] += (left*(1-float64(u)) + right*float64(u)) * float64(guides[i*guideSlots+j])
					}
				}
				return out
			},
		},
		"lassode.Unsolved": {
			inputs: [][]float32{random(6 * windows * targetsPerWindow)},
			shapes: [][]int{{6 * windows, targetsPerWindow}},
			run: func(tp *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
				return tp.Reshape(unsolved(tp, x[0], &task), 1)
			},
			reference: func(x [][]float64) []float64 {
				share := func(chance bool, errors ...float64) float64 {
					sum := 0.
					for _, e := range errors {
						sum += e
					}
					sum /= float64(len(errors))
					if chance {
						return chanceSlope * sum
					}
					return sum/(sum+solvedError) + exactShare*math.Log1p(sum/exactError)
				}
				var e [5]float64
				for r, from := range []int{1, 1, 0, 0, 2} {
					n := 0.
					for i := (r*windows + from) * targetsPerWindow; i < (r+1)*windows*targetsPerWindow; i++ {
						if task.weight[i] > 0 {
							e[r] += math.Pow((x[0][i]-float64(task.target[i]))*float64(task.unit[i/targetsPerWindow]), 2)
							n++
						}
					}
					e[r] /= n
				}
				whole := share(false, e[0], e[1]) + share(true, e[2], e[3]) + share(false, e[4])
				single := share(false, e[0]) + share(false, e[1]) + share(true, e[2]) + share(true, e[3]) + share(false, e[4])
				return []float64{whole/3 + channelShare*single/5}
			},
		},
		"lassode.Join": {
			inputs: [][]float32{random(rows * windows * (q + 2))},
			shapes: [][]int{{rows, windows, q + 2}},
			run: func(tp *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
				return join(tp, x[0], joinTau)
			},
			reference: func(x [][]float64) []float64 {
				at := func(r, k, i int) float64 { return x[0][(r*windows+k)*(q+2)+i] }
				var out []float64
				for r := range rows {
					for k := range windows {
						start, end := at(r, k, 0), at(r, k, 1)
						if k > 0 {
							start = (start + at(r, k-1, 1)) / 2
						}
						if k+1 < windows {
							end = (end + at(r, k+1, 0)) / 2
						}
						for i := range q {
							u := float64(joinTau[(r*windows+k)*(q+2)+2+i])
							out = append(out, at(r, k, 2+i)+(1-u)*(start-at(r, k, 0))+u*(end-at(r, k, 1)))
						}
					}
				}
				return out
			},
		},
	}
	for _, name := range tensor.Ops() {
		if strings.HasPrefix(name, "lassode.") {
			require.Contains(t, cases, name, "operation without a gradient check")
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tp := tensor.NewTape(nil, true)
			var vars []*tensor.Tensor
			var wide [][]float64
			for i, in := range c.inputs {
				v := tp.Variable(c.shapes[i]...)
				copy(v.Data, in)
				vars = append(vars, v)
				w := make([]float64, len(in))
				for j, x := range in {
					w[j] = float64(x)
				}
				wide = append(wide, w)
			}
			out := c.run(tp, vars)
			want := c.reference(wide)
			require.Len(t, out.Data, len(want))
			for i, v := range want {
				require.InDelta(t, v, out.Data[i], 2e-5, "forward at %d", i)
			}
			dirs := random(len(want))
			tp.Backward(tp.SumAll(tp.Mul(tp.Reshape(out, len(dirs)), tp.Input(dirs, len(dirs)))))
			loss := func() float64 {
				sum := 0.
				for i, v := range c.reference(wide) {
					sum += v * float64(dirs[i])
				}
				return sum
			}
			for i := range wide {
				for j := range wide[i] {
					const h = 1e-5
					x := wide[i][j]
					wide[i][j] = x + h
					up := loss()
					wide[i][j] = x - h
					down := loss()
					wide[i][j] = x
					require.InDelta(t, (up-down)/(2*h), vars[i].Grad[j], 2e-4, "input %d, element %d", i, j)
				}
			}
		})
	}
}

// TestScaleLearns: a predicted scale stays within its bounds, is as said between them, and can
// rise from the lower one; no single error counts more than mostError.
func TestScaleLearns(t *testing.T) {
	tp := tensor.NewTape(nil, true)
	x := tp.Variable(5)
	copy(x.Data, []float32{-1e30, leastScale - 3, leastScale + 8, 0, 1e30})
	y := boundedScale(tp, x)
	tp.Backward(tp.SumAll(y))
	require.EqualValues(t, leastScale, y.Data[0])
	require.InDelta(t, leastScale, y.Data[1], .05)
	require.InDelta(t, leastScale+8, y.Data[2], 1e-3)
	require.InDelta(t, 0, y.Data[3], 1e-5)
	require.EqualValues(t, mostScale, y.Data[4])
	require.InDelta(t, math.Exp(-3)/(1+math.Exp(-3)), x.Grad[1], 1e-3, "a slope below the bound")
	require.InDelta(t, 1, x.Grad[3], 1e-4)

	gradient := func(miss float32) []float32 {
		tp := tensor.NewTape(nil, true)
		task := tasks{
			in:     inputs{channels: 1, windows: 1, rows: 1, seen: []int32{1}},
			target: make([]float32, targetsPerWindow), weight: make([]float32, targetsPerWindow), unit: []float32{1}, hopeless: []bool{false},
		}
		for i := range task.weight {
			task.weight[i] = 1
		}
		state, mixture, scale := tp.Variable(1, targetsPerWindow), tp.Variable(1, targetsPerWindow), tp.Variable(1, targetsPerWindow)
		for i := range scale.Data {
			scale.Data[i] = -4
		}
		state.Data[0] = miss
		task.score(tp, state, mixture, scale, 1)
		return scale.Grad
	}
	s := float32(math.Exp(-4))
	one, far, farther := gradient(2*s), gradient(mostError*s), gradient(1e4*s)
	require.InDelta(t, scaleShare/targetsPerWindow*(1-2), one[0], 1e-6)
	require.InDelta(t, scaleShare/targetsPerWindow, one[1], 1e-6)
	require.InDelta(t, scaleShare/targetsPerWindow*(1-mostError), far[0], 1e-4)
	require.InDelta(t, far[0], farther[0], 1e-4)
}

func softmax64(x []float64) []float64 {
	out := make([]float64, len(x))
	sum := 0.
	for i, v := range x {
		out[i] = math.Exp(v)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// TestForecastEndToEnd asks a model for times before, inside and after an
// irregular series with missing values.
func TestForecastEndToEnd(t *testing.T) {
	m := smallModel(t)
	s := sine(60, 3)
	s.Values[3][1] = math.NaN()
	s.Values[59][2] = math.NaN()
	at := []float64{7.5, -1, 2.05, 0, 5.9, 9}
	f, err := m.Forecast(s, at)
	require.NoError(t, err)
	require.Equal(t, at, f.Times)
	low, high := f.Quantile(.1), f.Quantile(.9)
	for i := range at {
		for c := range 3 {
			require.Less(t, low[i][c], f.Mean[i][c])
			require.Less(t, f.Mean[i][c], high[i][c])
			require.False(t, math.IsNaN(f.Rate[i][c]))
			require.Less(t, math.Abs(f.Mean[i][c]), 200.)
		}
	}
	require.NotEmpty(t, f.Segments)
	for i, seg := range f.Segments {
		require.Less(t, seg.Start, seg.End)
		require.Len(t, seg.Modes, 3)
		sum := float32(0)
		for _, u := range seg.Hub {
			sum += u
		}
		require.InDelta(t, 1, sum, 1e-4)
		if i > 0 && f.Segments[i-1].Channel == seg.Channel {
			require.InDelta(t, f.Segments[i-1].End, seg.Start, 1e-9, "windows follow one another")
		}
	}
	// The order of queries does not matter, nor does company.
	for i, q := range at {
		one, err := m.Forecast(s, []float64{q, 9, -1})
		require.NoError(t, err)
		require.Equal(t, f.Mean[i], one.Mean[0])
	}
}

// TestRateAndContinuity compares the rate with differences of the mean, over
// edges of windows as well, which also shows that the mean is continuous.
func TestRateAndContinuity(t *testing.T) {
	m := smallModel(t)
	s := sine(60, 2)
	var at []float64
	const h = 1e-4
	for u := -2.; u < 9; u += .0137 {
		at = append(at, u-h, u, u+h)
	}
	at = append(at, 9, -2) // fixes the span
	f, err := m.Forecast(s, at)
	require.NoError(t, err)
	bad := 0
	for i := 0; i+2 < len(at)-2; i += 3 {
		for c := range 2 {
			require.InDelta(t, f.Mean[i][c], f.Mean[i+2][c], .05, "jump at %v", at[i+1])
			diff := (f.Mean[i+2][c] - f.Mean[i][c]) / (2 * h)
			if math.Abs(diff-f.Rate[i+1][c]) > .02*math.Abs(diff)+.1 {
				bad++ // a kink between two windows or guide steps is allowed, rarely
			}
		}
	}
	require.Less(t, bad, len(at)/50)
}

// TestTrainingAndInferenceAgree evaluates the same sites by the graph that is
// trained and by the code that answers queries.
func TestTrainingAndInferenceAgree(t *testing.T) {
	testTrainingAndInference(t, smallModel(t))
}

// Without guides, too; the tokens' own equations are then all there is, and no
// guide reaches the tokens.
func TestWithoutGuides(t *testing.T) {
	cfg := smallConfig()
	cfg.WithoutGuides = true
	m := smallModel(t)
	m.net.cfg = cfg
	testTrainingAndInference(t, m)
	e := m.newEngine()
	var f Forecast
	require.NoError(t, e.forecast(sine(60, 2), []float64{1.03, 7}, &f, false))
	for _, list := range [][]float32{e.in.features, e.in.prior, e.in.inside, e.in.nodes} {
		for _, v := range list {
			require.Zero(t, v)
		}
	}
	e.evalGuides(0, 1, 1.5, nil)
	v, _ := e.mixture(1, .5, nil)
	require.Zero(t, v)

	// It trains, and the file of the weights says so.
	trained, err := Pretrain(context.Background(), cfg, oscillators(12), TrainOptions{Steps: 2, Batch: 256})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, trained.Save(&b, Float32))
	loaded, err := Load(&b)
	require.NoError(t, err)
	require.True(t, loaded.Info().Config.WithoutGuides)
}

func testTrainingAndInference(t *testing.T, m *Model) {
	src := oscillators(30)
	var tk tasks
	r := rand.New(rand.NewPCG(2, 3))
	require.NoError(t, tk.draw(r, m.net.cfg, src, taskOptions{hi: 30, channels: 3}, 1))
	tape := tensor.NewTape(m.net.params, true)
	var enc encoded
	tape.Reset()
	m.net.forward(tape, &tk.in, &enc, false)
	state, _, logScale := m.net.decodeSites(tape, &tk.in, &enc, tk.guides, tk.tau, sitesPerWindow)

	e := m.newEngine()
	e.sys = tk.sys
	e.in.reset(tk.sys.channels, tk.sys.geo.count)
	e.in.add(&e.sys)
	m.net.forward(e.tape, &e.in, &e.enc, true)
	geo := e.sys.geo
	e.fillEdges()
	e.sign = 1
	rows := make([]int, targetsPerWindow)
	for q := range rows {
		rows[q] = q
	}
	for c := range e.sys.channels {
		e.live = append(e.live, c)
	}
	var f Forecast
	f.shape(make([]float64, targetsPerWindow), e.sys.channels)
	for c := range e.sys.channels {
		for k := range geo.count {
			token := c*geo.count + k
			for q := range targetsPerWindow {
				e.tau[q] = tk.tau[token*sitesPerWindow+2+q]
				e.local[q] = float64(e.tau[q])
			}
			e.evaluate(&f, c, k, rows)
			for q := range targetsPerWindow {
				require.InDelta(t, state.Data[token*targetsPerWindow+q], (f.Mean[q][c]-e.sys.mid[c])/e.sys.half[c], 1e-3)
				require.InDelta(t, logScale.Data[token*targetsPerWindow+q], math.Log(f.Scale[q][c]/e.sys.half[c]), 1e-4)
			}
		}
	}
}

func TestSingularInputs(t *testing.T) {
	m := smallModel(t)
	nan := math.NaN()
	row := func(v ...float64) []float64 { return v }
	for name, c := range map[string]struct {
		s    Series
		at   []float64
		want func(f *Forecast)
	}{
		"one observation": {Series{Times: []float64{5}, Values: [][]float64{row(2)}}, []float64{4, 5, 6, 100}, func(f *Forecast) {
			for i := range 4 {
				require.InDelta(t, 2, f.Mean[i][0], .1)
			}
		}},
		"constant": {Series{Times: []float64{1, 2, 3, 4}, Values: [][]float64{row(7), row(7), row(7), row(7)}}, []float64{0, 2.5, 6}, func(f *Forecast) {
			for i := range 3 {
				require.InDelta(t, 7, f.Mean[i][0], .01)
			}
		}},
		"zero":       {Series{Times: []float64{1, 2, 3}, Values: [][]float64{row(0), row(0), row(0)}}, []float64{0, 5}, nil},
		"tiny":       {Series{Times: []float64{1, 2, 3}, Values: [][]float64{row(1e-300), row(2e-300), row(3e-300)}}, []float64{4}, nil},
		"huge":       {Series{Times: []float64{1, 2, 3}, Values: [][]float64{row(1e308), row(-1e308), row(1e308)}}, []float64{4}, nil},
		"far ahead":  {sine(40, 1), []float64{4e3, 4e9}, nil},
		"far before": {sine(40, 1), []float64{-4e3}, nil},
		"fine times": {Series{Times: []float64{1, 1 + 1e-15, 1 + 1e-14}, Values: [][]float64{row(1), row(2), row(3)}}, []float64{2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := m.Forecast(c.s, c.at)
			require.NoError(t, err)
			for i := range c.at {
				for _, x := range [][][]float64{f.Mean, f.Rate, f.Scale, f.Quantile(.01), f.Quantile(.999)} {
					require.False(t, math.IsNaN(x[i][0]) || math.IsInf(x[i][0], 0), "%v", x)
				}
			}
			if c.want != nil {
				c.want(f)
			}
		})
	}
	t.Run("silent channel", func(t *testing.T) {
		f, err := m.Forecast(Series{Times: []float64{1, 2, 3}, Values: [][]float64{row(1, nan), row(2, nan), row(3, nan)}}, []float64{4})
		require.NoError(t, err)
		require.True(t, math.IsNaN(f.Mean[0][1]))
		require.True(t, math.IsNaN(f.Quantile(.9)[0][1]))
		require.False(t, math.IsNaN(f.Mean[0][0]))
	})
}

func TestBadInput(t *testing.T) {
	m := smallModel(t)
	ok := sine(5, 1)
	for field, c := range map[string]struct {
		s  Series
		at []float64
	}{
		"Times":        {Series{}, []float64{1}},
		"Values":       {Series{Times: []float64{1}}, []float64{1}},
		"Values[0]":    {Series{Times: []float64{1}, Values: [][]float64{{}}}, []float64{1}},
		"Values[1]":    {Series{Times: []float64{1, 2}, Values: [][]float64{{1}, {1, 2}}}, []float64{1}},
		"Times[1]":     {Series{Times: []float64{1, 1}, Values: [][]float64{{1}, {1}}}, []float64{1}},
		"Times[0]":     {Series{Times: []float64{math.NaN()}, Values: [][]float64{{1}}}, []float64{1}},
		"Values[0][0]": {Series{Times: []float64{1}, Values: [][]float64{{math.Inf(1)}}}, []float64{1}},
		"at":           {ok, nil},
		"at[1]":        {ok, []float64{1, math.Inf(-1)}},
		"Names":        {Series{Times: []float64{1}, Values: [][]float64{{1}}, Names: []string{"a", "b"}}, []float64{1}},
	} {
		_, err := m.Forecast(c.s, c.at)
		var bad *InputError
		require.True(t, errors.As(err, &bad), "%s: %v", field, err)
		require.Equal(t, field, bad.Field)
	}
	_, err := m.Forecast(Series{Times: []float64{1}, Values: [][]float64{{math.NaN()}}}, []float64{1})
	require.ErrorContains(t, err, "NaN everywhere")
	_, err = m.Forecast(Series{Times: []float64{-1e308, 1e308}, Values: [][]float64{{1}, {2}}}, []float64{1})
	require.ErrorContains(t, err, "at most 1e300")
	_, err = m.Forecast(Series{Times: []float64{0, 5e-324}, Values: [][]float64{{1}, {2}}}, []float64{1})
	require.ErrorContains(t, err, "a span of at least")
}

func TestForecastBatchIsForecast(t *testing.T) {
	m := smallModel(t)
	var tasks []Task
	for i := range 12 {
		tasks = append(tasks, Task{Series: sine(5+7*i, 1+i%3), At: []float64{-1, 1, 20}})
	}
	tasks[4].At = nil
	for _, workers := range []int{1, 3} {
		for i, r := range m.ForecastBatch(tasks, workers) {
			if i == 4 {
				require.Error(t, r.Err)
				continue
			}
			want, err := m.Forecast(tasks[i].Series, tasks[i].At)
			require.NoError(t, err)
			require.NoError(t, r.Err)
			require.Equal(t, want.Mean, r.Forecast.Mean)
		}
	}
}

func TestQuantilesRise(t *testing.T) {
	f, err := smallModel(t).Forecast(sine(20, 1), []float64{1, 5})
	require.NoError(t, err)
	last := math.Inf(-1)
	for _, p := range []float64{1e-6, .001, .005, .02, .1, .3, .5, .51, .9, .995, .999, .999999} {
		q := f.Quantile(p)[1][0]
		require.Greater(t, q, last)
		last = q
	}
	require.Equal(t, f.Mean, f.Quantile(.5))
	require.Panics(t, func() { f.Quantile(0) })
	require.Panics(t, func() { f.Quantile(math.NaN()) })
}

func TestSaveLoad(t *testing.T) {
	m := smallModel(t)
	s, at := sine(30, 2), []float64{2, 5}
	want, err := m.Forecast(s, at)
	require.NoError(t, err)
	for _, p := range []Precision{Float32, BFloat16, Int8} {
		var buf bytes.Buffer
		require.NoError(t, m.save(&buf, p, 64))
		got, err := Load(bytes.NewReader(buf.Bytes()))
		require.NoError(t, err)
		require.Equal(t, m.Info().Config, got.Info().Config)
		f, err := got.Forecast(s, at)
		require.NoError(t, err)
		if p == Float32 {
			require.Equal(t, want.Mean, f.Mean)
		} else {
			require.InDelta(t, want.Mean[1][0], f.Mean[1][0], .5)
		}
		for cut := 0; cut < buf.Len(); cut += 1 + buf.Len()/97 {
			_, err := Load(bytes.NewReader(buf.Bytes()[:cut]))
			require.Error(t, err, "cut at %d", cut)
		}
	}
	require.Error(t, m.Save(&bytes.Buffer{}, Precision(7)))
	_, err = Load(nil)
	require.EqualError(t, err, "lassode: reader is nil, want one of a weights file")
}

func FuzzLoad(f *testing.F) {
	var buf bytes.Buffer
	require.NoError(f, smallModel(f).Save(&buf, BFloat16))
	f.Add(buf.Bytes())
	var integers bytes.Buffer
	require.NoError(f, smallModel(f).save(&integers, Int8, 64))
	f.Add(integers.Bytes())
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Load(bytes.NewReader(data))
		if err == nil && m == nil {
			t.Fatal("no model and no error")
		}
	})
}

func FuzzForecast(f *testing.F) {
	m := smallModel(f)
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, uint8(1), 3.)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 239, 127, 0, 0, 0, 0, 0, 0, 240, 63}, uint8(2), -1e9)
	f.Fuzz(func(t *testing.T, data []byte, channels uint8, at float64) {
		c := int(channels)%4 + 1
		var s Series
		for len(data) >= 8*(c+1) && len(s.Times) < 100 {
			row := make([]float64, c)
			for i := range row {
				row[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*(i+1):]))
			}
			s.Times = append(s.Times, math.Float64frombits(binary.LittleEndian.Uint64(data)))
			s.Values = append(s.Values, row)
			data = data[8*(c+1):]
		}
		fc, err := m.Forecast(s, []float64{at})
		if err != nil {
			return
		}
		for i, v := range fc.Mean[0] {
			silent := true
			for _, row := range s.Values {
				silent = silent && row[i] != row[i]
			}
			if silent != (v != v) || math.IsInf(v, 0) {
				t.Fatalf("mean %v of channel %d", v, i)
			}
		}
	})
}

// TestPretrain shows that training lowers the loss, that the number of workers
// does not change a bit, and that a run which is cut off and resumed ends in
// the same bits.
func TestPretrain(t *testing.T) {
	src := oscillators(40)
	steps, batch := 12, 512
	if testing.Short() {
		batch = 256
	}
	dir := t.TempDir()
	run := func(workers int, path string, stop int) (*Model, []float64, error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var loss []float64
		m, err := Pretrain(ctx, smallConfig(), src, TrainOptions{Steps: steps, Batch: batch, Seed: 4, Workers: workers, Checkpoint: path, SaveEvery: steps / 3, Resume: path != "",
			Progress: func(p Progress) {
				loss = append(loss, p.Loss)
				if p.Step == stop {
					cancel()
				}
			}})
		return m, loss, err
	}
	one, loss, err := run(1, "", 0)
	require.NoError(t, err)
	require.Len(t, loss, steps)
	// Losses of steps are of different tasks: the same ones tell.
	held := func(net *network) float64 {
		var tk tasks
		var enc encoded
		require.NoError(t, tk.draw(rand.New(rand.NewPCG(8, 8)), smallConfig(), src, newTaskOptions(src, 0, 40), 2048))
		return tk.learn(net, tensor.NewTape(net.params, false), &enc, 1).total
	}
	before := newNetwork(smallConfig())
	before.initialise(4)
	after, start := held(one.net), held(before)
	t.Log(start, after)
	require.Less(t, after, start)
	for _, workers := range []int{2, 0} {
		other, _, err := run(workers, "", 0)
		require.NoError(t, err)
		require.Equal(t, one.net.params.Data(), other.net.params.Data())
		require.Equal(t, one.calibration, other.calibration)
	}

	path := filepath.Join(dir, "w.safetensors")
	_, _, err = run(2, path, steps/2)
	require.ErrorIs(t, err, context.Canceled)
	resumed, rest, err := run(1, path, 0)
	require.NoError(t, err)
	require.Len(t, rest, steps/2)
	require.Equal(t, one.net.params.Data(), resumed.net.params.Data())
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	stored, err := Load(f)
	require.NoError(t, err)
	require.Equal(t, one.net.params.Data(), stored.net.params.Data())
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 2, "temporary files are left")
	// Another plan, other data or other first weights are refused.
	other := slices.Clone(src.(sliceSource))
	other[7].Values = slices.Clone(other[7].Values)
	other[7].Values[3] = []float64{1, 2}
	state, err := os.ReadFile(path + ".state")
	require.NoError(t, err)
	opt := TrainOptions{Steps: steps, Batch: batch, Seed: 4, Checkpoint: path, Resume: true}
	for want, change := range map[string]func() (Source, TrainOptions){
		"TrainOptions.Steps is 13, want 12, that of the run to resume": func() (Source, TrainOptions) { o := opt; o.Steps++; return src, o },
		"TrainOptions.Seed is 5, want 4":                               func() (Source, TrainOptions) { o := opt; o.Seed++; return src, o },
		"number of trajectories is 39, want 40":                        func() (Source, TrainOptions) { return other[:39], opt },
		"digest of the trajectories is ":                               func() (Source, TrainOptions) { return other, opt },
		"TrainOptions.From is weights of digest ":                      func() (Source, TrainOptions) { o := opt; o.From = smallModel(t); return src, o },
		"TrainOptions.Calibration is 40 trajectories ":                 func() (Source, TrainOptions) { o := opt; o.Calibration = src; return src, o },
	} {
		given, o := change()
		_, err = Pretrain(context.Background(), smallConfig(), given, o)
		require.ErrorContains(t, err, want)
		require.True(t, isInputProblem(err))
	}
	// A state of before knows less, and is resumed.
	from, to := bytes.Index(state, []byte(`,\"source\"`)), bytes.Index(state, []byte(`},\"step\"`))
	require.Less(t, from, to)
	require.Positive(t, from)
	copy(state[from:], `}`+strings.Repeat(" ", to-from))
	require.NoError(t, os.WriteFile(path+".state", state, 0o644))
	_, err = Pretrain(context.Background(), smallConfig(), other, opt)
	require.NoError(t, err)
}

// With trajectories of its own to calibrate on, a run trains on the whole source,
// and their errors are those that its quantiles come from.
func TestPretrainCalibration(t *testing.T) {
	all := oscillators(60).(sliceSource)
	src, other := all[:40], all[40:]
	run := func(ctx context.Context, opt TrainOptions) (*Model, error) {
		opt.Steps, opt.Batch, opt.Seed = 8, 64, 4
		return Pretrain(ctx, smallConfig(), src, opt)
	}
	m, err := run(context.Background(), TrainOptions{Calibration: other})
	require.NoError(t, err)
	want := m.copy()
	require.NoError(t, want.calibrate(other, newTaskOptions(other, 0, 20), TrainOptions{Batch: 64, Seed: 4}))
	require.Equal(t, want.calibration, m.calibration)
	require.NoError(t, want.calibrate(src, newTaskOptions(src, 0, 40), TrainOptions{Batch: 64, Seed: 4}))
	require.NotEqual(t, want.calibration, m.calibration)

	// Weights do not depend on it, but for the tail that nil keeps apart.
	again, err := run(context.Background(), TrainOptions{Calibration: src[:5]})
	require.NoError(t, err)
	require.Equal(t, m.net.params.Data(), again.net.params.Data())
	without, err := run(context.Background(), TrainOptions{})
	require.NoError(t, err)
	require.NotEqual(t, m.net.params.Data(), without.net.params.Data())

	// Interrupted and resumed, the same bits.
	path := filepath.Join(t.TempDir(), "w.safetensors")
	ctx, cancel := context.WithCancel(context.Background())
	_, err = run(ctx, TrainOptions{Checkpoint: t.TempDir()})
	require.ErrorContains(t, err, "TrainOptions.Checkpoint is")
	_, err = run(ctx, TrainOptions{Calibration: other, Checkpoint: path, Progress: func(p Progress) {
		if p.Step == 5 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	resumed, err := run(context.Background(), TrainOptions{Calibration: other, Checkpoint: path, Resume: true})
	require.NoError(t, err)
	require.Equal(t, m.net.params.Data(), resumed.net.params.Data())
	require.Equal(t, m.calibration, resumed.calibration)

	_, err = run(context.Background(), TrainOptions{Calibration: sliceSource{}})
	require.ErrorContains(t, err, "TrainOptions.Calibration")
}

// wrongSource says that its trajectories have three channels, noSource that it has -2.
type wrongSource struct{ sliceSource }

func (wrongSource) Channels(int) int { return 3 }

type noSource struct{ sliceSource }

func (noSource) Len() int { return -2 }

// TestPretrainOnBadTrajectories: what a source gives may be wrong.
func TestPretrainOnBadTrajectories(t *testing.T) {
	ragged, short, infinite, again := sine(60, 2), sine(60, 2), sine(60, 2), sine(60, 2)
	ragged.Values[40] = []float64{1}
	short.Values = short.Values[:20]
	infinite.Values[30][1] = math.Inf(1)
	again.Times[9] = again.Times[8]
	unseen, still := sine(60, 1), sine(60, 1)
	for i := range 60 {
		unseen.Values[i][0], still.Values[i][0] = math.NaN(), 3
	}
	for want, src := range map[string]Source{
		"lassode: source[0].Values[40] is 1 values wide": SliceSource([]Series{ragged}),
		"Values is 20 rows long":                         SliceSource([]Series{short}),
		"Values[30][1] is +Inf":                          SliceSource([]Series{infinite}),
		"want more than Times[8]":                        SliceSource([]Series{again}),
		"is 2 channels wide, want 3":                     wrongSource{sliceSource{sine(60, 2)}},
		"source is empty":                                noSource{},
		"source is none of 59 such":                      SliceSource(slices.Repeat([]Series{unseen}, 60)),
		"source is none of 1 such":                       SliceSource([]Series{still}),
	} {
		_, err := Pretrain(context.Background(), smallConfig(), src, TrainOptions{Steps: 1, Batch: 64})
		require.ErrorContains(t, err, want)
		var input *InputError
		require.ErrorAs(t, err, &input)
	}
	_, err := Pretrain(context.Background(), smallConfig(), oscillators(12), TrainOptions{Steps: 1, Batch: 64, Calibration: SliceSource([]Series{unseen})})
	require.ErrorContains(t, err, "TrainOptions.Calibration is none of 1 such")
}

// barren is a source that, but for its first trajectory, gives no task, slowly.
type barren struct{ asked *atomic.Int64 }

func (b barren) Len() int         { return 1000 }
func (b barren) Channels(int) int { return 1 }
func (b barren) At(i int) (Series, error) {
	if i == 0 {
		return sine(60, 1), nil
	}
	b.asked.Add(1)
	time.Sleep(time.Millisecond)
	return Series{Times: []float64{0, 1}, Values: [][]float64{{1}, {1}}}, nil
}

func TestPretrainStopsWhileItDraws(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	src := barren{new(atomic.Int64)}
	_, err := Pretrain(ctx, smallConfig(), src, TrainOptions{Steps: 4, Batch: 400, Workers: 2})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, errStopped)
	require.Positive(t, src.asked.Load())
	require.Less(t, src.asked.Load(), int64(20000)) // of the hundred thousand that it takes to give up
}

// TestFineTuneSetPoint has a channel that never changes, as a set point in a log, and runs
// that stand still.
func TestFineTuneSetPoint(t *testing.T) {
	m := smallModel(t)
	src := oscillators(24)
	var series []Series
	for i := range src.Len() {
		if s, _ := src.At(i); s.Channels() == 2 {
			for k := range s.Values {
				s.Values[k] = append(slices.Clone(s.Values[k]), 700)
			}
			series = append(series, s)
		}
	}
	require.Greater(t, len(series), 5)
	for _, row := range series[0].Values {
		row[0], row[1] = 3, 5
	}
	// A set point is no target.
	for k := range uint64(20) {
		var ts tasks
		require.NoError(t, ts.draw(rand.New(rand.NewPCG(9, k)), m.net.cfg, sliceSource(series), taskOptions{hi: len(series), whole: true}, 800))
		require.Zero(t, ts.in.channels-3)
		perRow, targets := ts.in.windows*targetsPerWindow, 0
		for r := range ts.in.rows {
			for _, w := range ts.weight[r*perRow : (r+1)*perRow] {
				if r%3 == 2 {
					require.Zero(t, w)
				} else if w > 0 {
					targets++
				}
			}
		}
		require.Positive(t, targets)
	}
	for _, scope := range []string{"all", "hub"} {
		losses := 0
		tuned, report, err := m.FineTune(context.Background(), series, FineTuneOptions{Steps: 16, Scope: scope,
			Progress: func(p Progress) {
				losses++
				require.Less(t, p.Loss, 10.)
			}})
		require.NoError(t, err, scope)
		require.LessOrEqual(t, report.After, report.Before)
		if scope == "all" {
			require.Equal(t, 16, losses)
			require.Zero(t, report.SkippedSteps)
		}
		f, err := tuned.Forecast(series[1], []float64{series[1].Times[len(series[1].Times)-1] + 1})
		require.NoError(t, err)
		require.InDelta(t, 700, f.Mean[0][2], .1)
	}
}

func TestFineTuneNeverHurts(t *testing.T) {
	m := smallModel(t)
	src := oscillators(8)
	var series []Series
	for i := range src.Len() {
		s, _ := src.At(i)
		if s.Channels() == 2 || i == 0 {
			series = append(series, s)
		}
	}
	for _, scope := range []string{"all", "head", "hub"} {
		tuned, report, err := m.FineTune(context.Background(), series[1:], FineTuneOptions{Steps: 8, Scope: scope})
		require.NoError(t, err)
		require.LessOrEqual(t, report.After, report.Before)
		if report.Kept == "original" {
			require.Same(t, m, tuned)
		} else {
			require.Less(t, report.After, report.Before)
		}
	}
	still := sine(60, 2)
	for _, row := range still.Values {
		row[0], row[1] = 3, 5
	}
	_, _, err := m.FineTune(context.Background(), []Series{still, still}, FineTuneOptions{Steps: 8})
	require.ErrorContains(t, err, "series is none of 2 such, want one at least")
	_, report, err := m.FineTune(context.Background(), series[:1], FineTuneOptions{Steps: 8})
	require.NoError(t, err)
	require.Zero(t, report.ValidationTrajectories)
	_, _, err = m.FineTune(context.Background(), nil, FineTuneOptions{})
	require.Error(t, err)
	_, _, err = m.FineTune(context.Background(), series, FineTuneOptions{Scope: "tail"})
	require.ErrorContains(t, err, "tail")
}

// errorsOf are the errors of m at the checks of list.
func errorsOf(t *testing.T, m *Model, list checks) []float64 {
	t.Helper()
	errs, err := m.validationErrors(context.Background(), list, 1)
	require.NoError(t, err)
	return errs
}

// waning is a context that ends when it has been asked so many times whether it has.
type waning struct {
	context.Context
	left int
}

func (w *waning) Err() error {
	if w.left--; w.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestFineTuneStops: whenever its context ends, there is an error and no model, and no
// further forecast.
func TestFineTuneStops(t *testing.T) {
	m := smallModel(t)
	series := []Series{sine(60, 1), sine(50, 1)}
	for _, scope := range []string{"hub", "all"} {
		asked := &waning{context.Background(), 1 << 20}
		_, report, err := m.FineTune(asked, series, FineTuneOptions{Steps: 1, Scope: scope, Workers: 1})
		require.NoError(t, err)
		calls := 1<<20 - asked.left
		require.Greater(t, calls, 5*len(newChecks(series, series[:1], series[1:], true)), "each forecast: %+v", report)
		for left := 0; left < calls; left += 1 + calls/7 {
			ctx := &waning{context.Background(), left}
			tuned, _, err := m.FineTune(ctx, series, FineTuneOptions{Steps: 1, Scope: scope, Workers: 1})
			require.ErrorIs(t, err, context.Canceled, "%s: %d of %d", scope, left, calls)
			require.Nil(t, tuned)
		}
	}
}

// TestFineTuneBesideStandstill: runs that stand still beside one that moves teach nothing, but
// fail for no seed, whatever their channels.
func TestFineTuneBesideStandstill(t *testing.T) {
	m := smallModel(t)
	still, pair := sine(60, 1), sine(60, 2)
	for i := range still.Values {
		still.Values[i][0] = 4
		pair.Values[i][0], pair.Values[i][1] = 1, 2
	}
	for _, series := range [][]Series{{still, sine(60, 1)}, {still, sine(60, 1), pair, pair}} {
		for seed := range uint64(8) {
			train, held := splitSeries(series, FineTuneOptions{Seed: seed, ValidationShare: heldShare})
			require.ElementsMatch(t, series, slices.Concat(train, held))
			require.True(t, train[0].teaches(), "seed %d", seed)
			_, _, err := m.FineTune(context.Background(), series, FineTuneOptions{Steps: 1, Seed: seed})
			require.NoError(t, err, "seed %d", seed)
		}
	}
	// What gives no task is the fault of the series.
	late, sparse := sine(60, 1), sine(60, 1)
	for i := range 60 {
		if i < 50 {
			late.Values[i][0] = 4
		}
		if i%20 != 10 {
			sparse.Values[i][0] = math.NaN()
		}
	}
	for _, s := range []Series{late, sparse} {
		_, _, err := m.FineTune(context.Background(), []Series{s}, FineTuneOptions{Steps: 1})
		var input *InputError
		require.ErrorAs(t, err, &input)
		require.Equal(t, "series", input.Field)
	}
}

// A bad entry is named once, with the series that it is in.
func TestFineTuneNamesTheSeries(t *testing.T) {
	bad := sine(60, 1)
	bad.Times[1] = bad.Times[0]
	for _, learn := range []func([]Series) error{
		func(s []Series) error {
			_, _, err := smallModel(t).FineTune(context.Background(), s, FineTuneOptions{})
			return err
		},
		func(s []Series) error { _, err := smallModel(t).Adapt(s); return err },
	} {
		err := learn([]Series{sine(60, 1), bad})
		require.EqualError(t, err, "lassode: series[1].Times[1] is 0, want more than Times[0] = 0")
		var input *InputError
		require.ErrorAs(t, err, &input)
		require.Equal(t, "series[1].Times[1]", input.Field)
	}
}

// TestFineTuneInAnyUnit: errors are relative, also where squares of values overflow or vanish.
func TestFineTuneInAnyUnit(t *testing.T) {
	m := smallModel(t)
	of := func(unit float64) []Series {
		series := []Series{sine(60, 1), sine(50, 1)}
		for _, s := range series {
			for _, row := range s.Values {
				row[0] *= unit
			}
		}
		return series
	}
	plain := of(1)
	want := errorsOf(t, m, newChecks(plain, plain[:1], plain[1:], true))
	for _, power := range []float64{-990, 990} {
		series := of(math.Exp2(power))
		got := errorsOf(t, m, newChecks(series, series[:1], series[1:], true))
		require.InDeltaSlice(t, want, got, .01)
		require.Less(t, mean(got), 1.9)
		_, report, err := m.FineTune(context.Background(), series, FineTuneOptions{Steps: 1})
		require.NoError(t, err)
		require.Positive(t, report.Before)
	}
	for _, unit := range []float64{1e-32, 1e38} {
		require.True(t, newFleet(of(unit)) == nil, "float32 cannot hold them")
	}
	require.False(t, newFleet(of(1e-29)) == nil)
}

// A gain counts when it is more than chance: of a few checks a large one, of
// several series a steady one.
func TestChecksBetter(t *testing.T) {
	of := func(series, each int) checks {
		var list checks
		for i := range series {
			for range each {
				list = append(list, check{own: i})
			}
		}
		return list
	}
	times := func(factor float64, errors []float64) []float64 {
		out := append([]float64(nil), errors...)
		for i := range out {
			out[i] *= factor
		}
		return out
	}
	before := []float64{.9, .7, .5, .4, .8, .6, .9, .7, .5, .4, .8, .6}
	for _, shape := range []checks{of(1, 12), of(2, 6), of(4, 3), of(12, 1)} {
		require.True(t, shape.better(before, times(.7, before)))
		require.False(t, shape.better(before, before))
		require.False(t, shape.better(before, times(.985, before)), "less than 2 %%")
		require.False(t, shape.better(before, times(1.3, before)))
		// Half of it from a single check.
		lucky := append([]float64(nil), before...)
		lucky[0] = .1
		require.False(t, shape.better(before, lucky))
	}
	require.False(t, of(1, 1).better([]float64{1}, []float64{.1}), "one check proves nothing")
	require.False(t, checks(nil).better(nil, nil))
	// Of twelve series one that gains much and one that loses much leave the mean to
	// chance; and large errors that fall do not outweigh small ones that rise.
	uneven := func(n int, was, is float64, rest ...[2]float64) (before, after []float64) {
		for range n {
			before, after = append(before, was), append(after, is)
		}
		for _, e := range rest {
			before, after = append(before, e[0]), append(after, e[1])
		}
		return before, after
	}
	was, is := uneven(10, .1, .04, [2]float64{1.5, .5}, [2]float64{.8, 1.5})
	require.False(t, of(12, 1).better(was, is))
	was, is = uneven(10, .1, .04, [2]float64{1.5, .5}, [2]float64{.8, .7})
	require.True(t, of(12, 1).better(was, is))
	was, is = uneven(7, .01, .06, [2]float64{1, .7}, [2]float64{1, .7}, [2]float64{1, .7}, [2]float64{1, .7}, [2]float64{1, .7})
	require.False(t, of(12, 1).better(was, is))
}

// Every check has a context and something to forecast, and does not reach into the
// library by its own run.
func TestNewChecks(t *testing.T) {
	for _, n := range []int{1, 2, 4, 9, 64} {
		var series []Series
		for i := range n {
			series = append(series, sine(40+i, 1))
		}
		train, held := splitSeries(series, FineTuneOptions{ValidationShare: .25})
		pool := slices.Concat(train, held)
		for _, all := range []bool{false, true} {
			list := newChecks(series, train, held, all)
			require.Greater(t, len(list), 3)
			judged := map[int]bool{}
			for _, c := range list {
				judged[c.own] = true
				require.GreaterOrEqual(t, c.lo, 0)
				require.Greater(t, c.cut, c.lo+3)
				require.Less(t, c.cut, len(c.series.Times))
				if n > 1 {
					require.Equal(t, pool[c.own], c.series)
				}
				if !all {
					require.GreaterOrEqual(t, c.own, len(train), "only what is kept apart")
				}
			}
			switch {
			case all:
				require.Len(t, judged, min(max(n, 2), judgedSeries))
			default:
				require.Len(t, judged, min(len(held), judgedSeries))
			}
		}
	}
}

// TestLibraryOfRuns fine-tunes on runs of one nonlinear system and demands that
// the runs themselves help on a fresh one, and that a saved model remembers
// them.
func TestLibraryOfRuns(t *testing.T) {
	net := newNetwork(smallConfig())
	net.initialise(3) // as before training: the guides' mixture decides
	m := &Model{net: net, calibration: defaultCalibration(), provenance: Provenance{FormatVersion: formatVersion}}
	var runs []Series
	r := rand.New(rand.NewPCG(1, 9))
	for range 14 {
		x, v := r.NormFloat64(), r.NormFloat64()
		var s Series
		y := r.NormFloat64()
		for i := range 60 {
			s.Times = append(s.Times, 1000+.2*float64(i))
			s.Values = append(s.Values, []float64{x, v, y})
			for range 100 { // a hardening spring with a lagging load, symplectic Euler
				v += .002 * (-.1*v - x - x*x*x + y)
				x += .002 * v
				y += .002 * (.5*x - .3*y + .5*x*v)
			}
		}
		runs = append(runs, s)
	}
	tuned, report, err := m.FineTune(context.Background(), runs[6:], FineTuneOptions{Steps: 1, ValidationShare: .5})
	require.NoError(t, err)
	require.Equal(t, "tuned", report.Kept)
	require.Positive(t, report.LibraryWeight, "%+v", report)
	require.Less(t, report.After, .7*report.Before)
	var fresh checks
	for _, s := range runs[:6] {
		fresh = append(fresh, check{s, -1, 0, 18}, check{s, -1, 0, 30})
	}
	old, now := mean(errorsOf(t, m, fresh)), mean(errorsOf(t, tuned, fresh))
	t.Logf("%+v, fresh %.3f before, %.3f after", report, old, now)
	require.Less(t, now, .8*old)
	var helped, apart checks
	for k, s := range tuned.fleet.series {
		helped, apart = append(helped, check{s, -1, 0, 18}), append(apart, check{s, k, 0, 18})
	}
	require.Less(t, mean(errorsOf(t, tuned, helped)), .9*mean(errorsOf(t, tuned, apart)), "a run does not judge itself")
	train, held := splitSeries(runs[6:], FineTuneOptions{ValidationShare: .5})
	list := newChecks(runs[6:], train, held, true)
	_, least, weight, err := m.adopt(context.Background(), tuned.fleet, list, errorsOf(t, m, list), 1)
	require.NoError(t, err)
	for _, w := range libraryWeights {
		other := &Model{net: m.net, calibration: m.calibration, fleet: tuned.fleet.weighted(w)}
		require.GreaterOrEqual(t, mean(errorsOf(t, other, list)), mean(least), "weight %v, chosen %v", w, weight)
	}

	var buf bytes.Buffer
	require.NoError(t, tuned.Save(&buf, Float32))
	loaded, err := Load(bytes.NewReader(buf.Bytes()))
	require.NoError(t, err)
	seen := Series{Times: runs[0].Times[:30], Values: runs[0].Values[:30]}
	at := []float64{999, 1006, 1002.01}
	want, err := tuned.Forecast(seen, at)
	require.NoError(t, err)
	got, err := loaded.Forecast(seen, at)
	require.NoError(t, err)
	require.Equal(t, want.Mean, got.Mean)
	for cut := 0; cut < buf.Len(); cut += 1 + buf.Len()/53 {
		_, err := Load(bytes.NewReader(buf.Bytes()[:cut]))
		require.Error(t, err)
	}
	var half bytes.Buffer
	require.NoError(t, tuned.Save(&half, BFloat16))
	require.Less(t, half.Len(), buf.Len())
	rounded, err := Load(&half)
	require.NoError(t, err)
	require.Equal(t, loaded.fleet.series, rounded.fleet.series)
	// Another number of channels is answered as by the plain model.
	_, err = tuned.Forecast(sine(20, 1), at[:1])
	require.NoError(t, err)
}

// TestNewFleet: a library holds what its file can: times that float32 tells apart, and no
// more rows than a series may have; single wrong values only where they are said to be true.
func TestNewFleet(t *testing.T) {
	s := sine(60, 1)
	s.Values[30][0] += 50
	s.Times[20] = math.Nextafter(s.Times[19], 9)
	f := newFleet([]Series{s})
	require.Len(t, f.series[0].Times, 58, "one row too close, one wrong")
	s.KeepOutliers = true
	f = newFleet([]Series{s})
	require.Len(t, f.series[0].Times, 59)
	require.InDelta(t, s.Values[30][0], f.series[0].Values[29][0], 1e-5)

	long := Series{Times: make([]float64, MaxRows/2), Values: make([][]float64, MaxRows/2)}
	for i := range long.Times {
		long.Times[i], long.Values[i] = float64(i), s.Values[i%7]
	}
	require.True(t, fleetOf([]Series{long, long}, []float64{0}) != nil, "%d rows", MaxRows)
	require.True(t, fleetOf([]Series{long, long, s}, []float64{0}) == nil, "%d rows", MaxRows+60)
}

func TestAdaptChangesNoWeight(t *testing.T) {
	m := smallModel(t)
	before := append([]float32(nil), m.net.params.Data()...)
	out, err := m.Adapt([]Series{sine(50, 2), sine(40, 1)})
	require.NoError(t, err)
	require.Equal(t, before, m.net.params.Data())
	require.Same(t, m, out, "the series differ in their channels")
	require.Empty(t, out.Info().Provenance.Note)
	_, err = m.Adapt(nil)
	require.Error(t, err)
	_, err = m.Adapt([]Series{{}})
	require.Error(t, err)
}

// TestAdaptTeachesFromTheFleet: what a short context leaves open, the runs of the
// fleet tell; a fleet of something else must not.
func TestAdaptTeachesFromTheFleet(t *testing.T) {
	net := newNetwork(smallConfig())
	net.initialise(6) // as before training: the guides' mixture decides
	m := &Model{net: net, calibration: defaultCalibration(), provenance: Provenance{FormatVersion: formatVersion}}
	// A hardening spring with friction, by small steps, about two periods: half of a run is
	// too short to tell its equation.
	run := func(x, v float64) Series {
		var s Series
		for i := range 56 {
			s.Times = append(s.Times, .12*float64(i))
			s.Values = append(s.Values, []float64{x, v})
			for range 60 {
				v += .002 * (-x*x*x - .3*v)
				x += .002 * v
			}
		}
		return s
	}
	var fleet, others []Series
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 6 {
		fleet = append(fleet, run(1+.4*float64(i), 1-.3*float64(i)))
		// Two tones whose pitches no other run has.
		other, a, b := run(1, 2), .5+2*r.Float64(), 4+9*r.Float64()
		for j, row := range other.Values {
			row[0], row[1] = math.Sin(a*other.Times[j]), math.Cos(b*other.Times[j])
		}
		others = append(others, other)
	}
	whole := run(1.9, .3)
	context := Series{Times: whole.Times[:20], Values: whole.Values[:20]}
	missed := func(m *Model) float64 {
		f, err := m.Forecast(context, whole.Times[20:])
		require.NoError(t, err)
		sum := 0.
		for i, row := range f.Mean {
			sum += math.Abs(row[0] - whole.Values[20+i][0])
		}
		return sum / float64(len(f.Mean))
	}
	adapted, err := m.Adapt(fleet)
	require.NoError(t, err)
	require.NotNil(t, adapted.fleet)
	require.Equal(t, "adapted hub", adapted.Info().Provenance.Note)
	require.Less(t, missed(adapted), .5*missed(m))
	stranger, err := m.Adapt(others)
	require.NoError(t, err)
	require.Same(t, m, stranger, "runs that do not help each other")

	// Weights that are integers stay so, also those of a model that has forecast before.
	coded := m.copy()
	coded.integers = []namedTensor{{name: "none of the network"}}
	_, err = coded.Forecast(context, whole.Times[20:])
	require.NoError(t, err)
	again, err := coded.Adapt(fleet)
	require.NoError(t, err)
	require.NotSame(t, coded, again)
	require.Len(t, again.integers, 1)
}

// TestChannelsByName: runs and contexts with names are matched by them.
func TestChannelsByName(t *testing.T) {
	net := newNetwork(smallConfig())
	net.initialise(6) // as before training: the guides' mixture decides
	m := &Model{net: net, calibration: defaultCalibration(), provenance: Provenance{FormatVersion: formatVersion}}
	run := func(x, v float64) Series { // as in TestAdaptTeachesFromTheFleet, with a channel of another size
		s := Series{Names: []string{"angle", "speed"}}
		for i := range 56 {
			s.Times = append(s.Times, .12*float64(i))
			s.Values = append(s.Values, []float64{x, 40 + 10*v})
			for range 60 {
				v += .002 * (-x*x*x - .3*v)
				x += .002 * v
			}
		}
		return s
	}
	turned := func(s Series) Series {
		out := Series{Times: s.Times, Names: []string{s.Names[1], s.Names[0]}}
		for _, row := range s.Values {
			out.Values = append(out.Values, []float64{row[1], row[0]})
		}
		return out
	}
	renamed := func(s Series, names ...string) Series { s.Names = names; return s }
	var fleet, mixed []Series
	for i := range 6 {
		s := run(1+.4*float64(i), 1-.3*float64(i))
		fleet, mixed = append(fleet, s), append(mixed, s)
		if i%2 == 1 {
			mixed[i] = turned(s)
		}
	}
	opt := FineTuneOptions{Steps: 1, Scope: "head"}
	want, before, err := m.FineTune(context.Background(), fleet, opt)
	require.NoError(t, err)
	got, report, err := m.FineTune(context.Background(), mixed, opt)
	require.NoError(t, err)
	require.Equal(t, before, report)
	require.Positive(t, report.LibraryWeight)
	require.Equal(t, want.fleet.series, got.fleet.series)
	require.Equal(t, []string{"angle", "speed"}, got.fleet.names)
	require.Equal(t, "speed", mixed[1].Names[0], "the caller's series are as they were")
	adapted, err := m.Adapt(mixed)
	require.NoError(t, err)
	require.Equal(t, got.fleet.names, adapted.fleet.names)
	require.Len(t, adapted.fleet.series, len(fleet))

	// A file keeps the names, and one without them is read.
	var buf bytes.Buffer
	require.NoError(t, got.Save(&buf, Float32))
	loaded, err := Load(bytes.NewReader(buf.Bytes()))
	require.NoError(t, err)
	require.Equal(t, got.fleet.names, loaded.fleet.names)
	edited := func(was, is string) []byte { // of the same length, so that the header keeps its own
		require.Contains(t, buf.String(), was)
		return bytes.Replace(buf.Bytes(), []byte(was), []byte(is+strings.Repeat(" ", len(was)-len(is))), 1)
	}
	old := edited(`,\"names\":[\"angle\",\"speed\"]`, "")
	unnamed, err := Load(bytes.NewReader(old))
	require.NoError(t, err)
	require.Nil(t, unnamed.fleet.names)
	_, err = Load(bytes.NewReader(edited(`,\"speed\"]`, "]")))
	require.ErrorContains(t, err, "1 names of 2 channels")

	whole := run(1.9, .3)
	seen := Series{Times: whole.Times[:20], Values: whole.Values[:20], Names: whole.Names}
	answer := func(m *Model, s Series) [][]float64 {
		f, err := m.Forecast(s, whole.Times[20:])
		require.NoError(t, err)
		if len(s.Names) > 0 && s.Names[0] == "speed" {
			for _, row := range f.Mean {
				row[0], row[1] = row[1], row[0]
			}
		}
		return f.Mean
	}
	mean, plain := answer(loaded, seen), answer(m, seen)
	require.NotEqual(t, plain, mean)
	swapped := answer(loaded, turned(seen))
	for i, row := range mean {
		require.InDelta(t, row[0], swapped[i][0], .02)
		require.InDelta(t, row[1], swapped[i][1], .2)
	}
	require.Equal(t, mean, answer(loaded, renamed(seen)), "by position")
	require.Equal(t, mean, answer(unnamed, seen), "by position")
	require.NotEqual(t, mean, answer(unnamed, renamed(turned(seen), "speed", "angle")))
	require.Equal(t, plain, answer(adapted, renamed(seen, "angle", "force")), "another system")
	require.Equal(t, plain, answer(adapted, renamed(seen, "angle", "angle")), "another system")
	// A channel that was never observed is none.
	dead := Series{Times: seen.Times, Names: []string{"speed", "torque", "angle"}}
	for _, row := range seen.Values {
		dead.Values = append(dead.Values, []float64{row[1], math.NaN(), row[0]})
	}
	f, err := loaded.Forecast(dead, whole.Times[20:])
	require.NoError(t, err)
	for i, row := range f.Mean {
		require.Equal(t, swapped[i], []float64{row[2], row[0]})
	}
	// The two sides of a gap too.
	gap := renamed(Series{Times: append(slices.Clone(whole.Times[:18]), whole.Times[38:]...), Values: append(slices.Clone(whole.Values[:18]), whole.Values[38:]...)}, "angle", "force")
	one, err := m.Forecast(gap, whole.Times[18:38])
	require.NoError(t, err)
	two, err := loaded.Forecast(gap, whole.Times[18:38])
	require.NoError(t, err)
	require.Equal(t, one.Mean, two.Mean)

	for name, other := range map[string]Series{
		`series[1].Names is ["angle" "force"], want ["angle" "speed"] in any order`: renamed(fleet[1], "angle", "force"),
		`series[1].Names is ["speed" "speed"], want ["angle" "speed"]`:              renamed(fleet[1], "speed", "speed"),
	} {
		_, _, err = m.FineTune(context.Background(), []Series{fleet[0], other}, opt)
		require.ErrorContains(t, err, name)
		_, err = m.Adapt([]Series{fleet[0], other})
		require.ErrorContains(t, err, name)
		require.True(t, isInputProblem(err))
	}
	_, _, err = m.FineTune(context.Background(), []Series{fleet[0], renamed(fleet[1])}, opt)
	require.NoError(t, err)
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	bad := DefaultConfig()
	bad.Heads = 5
	require.ErrorContains(t, bad.Validate(), "divisor of width")
	bad = DefaultConfig()
	bad.Width, bad.Feed, bad.Blocks, bad.Heads = 1024, 8192, 32, 4
	require.ErrorContains(t, bad.Validate(), "parameters")
	require.Error(t, Config{}.Validate())
	n := newNetwork(DefaultConfig()).params.Len()
	require.LessOrEqual(t, n, DefaultConfig().parameterBound())
	require.Greater(t, 4*n, DefaultConfig().parameterBound())
}

// Chance has nothing to forecast but its last value or its mean.
func TestUnforeseeableTasks(t *testing.T) {
	src := oscillators(3)
	s, err := src.At(2)
	require.NoError(t, err)
	var tk tasks
	walks, noises, stands, turns := 0, 0, 0, 0
	for i := range 300 {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		x := tk.unforeseeable(r, s)
		require.NoError(t, x.Validate())
		require.Equal(t, s.Times, x.Times)
		require.Equal(t, s.Channels(), x.Channels())
		again := new(tasks).unforeseeable(rand.New(rand.NewPCG(1, uint64(i))), s)
		require.Equal(t, again.Values, x.Values)
		var step, size, bend float64
		still := 0
		for j, row := range x.Values {
			size += row[0] * row[0] / float64(len(x.Values))
			if j > 0 {
				d := row[0] - x.Values[j-1][0]
				step += d * d / float64(len(x.Values)-1)
				if d == 0 {
					still++
				}
				if j > 1 {
					bend += d * (x.Values[j-1][0] - x.Values[j-2][0])
				}
			}
		}
		switch {
		case still > len(x.Values)/2:
			stands++
		case step > 1.5*size:
			noises++
		case bend > .3*step*float64(len(x.Values)):
			turns++ // steps follow each other: neither noise nor a walk
		case step < .3*size:
			walks++
		}
	}
	require.Greater(t, walks, 80)
	require.Greater(t, noises, 25)
	require.Greater(t, stands, 35)
	require.Greater(t, turns, 15)
	require.Less(t, walks+noises+stands+turns, 290)
}

// What disturbs a trajectory is part of the truth, leaves its source alone, and is a
// function of the generator's seed.
func TestDisturbedTasks(t *testing.T) {
	whole := Series{Names: []string{"a", "constant"}}
	for i := range 601 {
		at := float64(i) / 30
		whole.Times = append(whole.Times, at)
		whole.Values = append(whole.Values, []float64{math.Sin(at), 3})
	}
	whole.Values[300][0] = math.NaN()
	var tk tasks
	trends, warped, still, rough, alike := 0, 0, 0, 0, 0
	for i := range 400 {
		x := tk.disturbed(rand.New(rand.NewPCG(3, uint64(i))), whole)
		require.NoError(t, x.Validate())
		again := new(tasks).disturbed(rand.New(rand.NewPCG(3, uint64(i))), whole)
		turns, same, step := 0, true, 0.
		low, high := math.Inf(1), math.Inf(-1)
		constant := true
		for j, row := range x.Values {
			for c, v := range row {
				require.Equal(t, math.Float64bits(again.Values[j][c]), math.Float64bits(v))
			}
			constant = constant && row[1] == 3
			if v := row[0]; v == v {
				low, high = min(low, v), max(high, v)
				same = same && v == whole.Values[j][0]
			}
			if j > 1 && j < 299 {
				d, e := row[0]-x.Values[j-1][0], x.Values[j-1][0]-x.Values[j-2][0]
				if d*e < 0 {
					turns++
				}
				step += (d - e) * (d - e)
			}
		}
		require.False(t, math.IsInf(high-low, 0))
		if constant {
			still++
		}
		if same {
			alike++ // what there is may fall on the constant channel alone
		}
		switch {
		case math.Sqrt(step/300) > .1*(high-low)/2:
			rough++
		case high-low > 4:
			trends++
		case turns != 3 && turns < 10:
			warped++
		}
	}
	require.True(t, math.IsNaN(whole.Values[300][0]))
	for i, row := range whole.Values {
		require.Equal(t, 3., row[1])
		if i != 300 {
			require.Equal(t, math.Sin(whole.Times[i]), row[0])
		}
	}
	require.Greater(t, still, 160) // nothing moves what stands but a signal in its place,
	require.Less(t, still, 320)    // which more than half have
	require.Greater(t, trends, 25)
	require.Greater(t, warped, 8)
	require.Greater(t, rough, 12) // noise that drives
	require.Less(t, alike, 60)
	whole.KeepOutliers = true
	require.True(t, tk.disturbed(rand.New(rand.NewPCG(3, 1)), whole).KeepOutliers)
	short := Series{Times: []float64{0, 1}, Values: [][]float64{{1}, {2}}}
	require.Equal(t, short, tk.disturbed(rand.New(rand.NewPCG(1, 1)), short))
}

// TestWidenNear: scales that are half of what they should be next to the context are widened.
func TestWidenNear(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	draw := func(n int, near bool) (all []scaledError) {
		for range n {
			e := scaledError{logScale: 6*r.Float64() - 6, err: math.Abs(r.NormFloat64())}
			if near {
				e.near = r.Float64()
				e.err *= 1 + e.near
			}
			all = append(all, e)
		}
		return all
	}
	all := append(draw(40000, false), draw(8000, true)...)
	before := slices.Clone(all)
	near := widenNear(all)
	require.InDelta(t, 1, near, .15)
	for i, e := range all {
		by := 1 + near*e.near
		require.InDelta(t, before[i].logScale+math.Log(by), e.logScale, 1e-9)
		require.InDelta(t, before[i].err, e.err*by, 1e-9)
	}
	table, ok := errorTable(all)
	require.True(t, ok)
	c := Calibration{Levels: levels, Near: near, Inside: table, Ahead: table}
	high := c.atLevel(&table, .9)
	in := 0.
	for _, e := range all[40000:] {
		if e.err < high.at(math.Exp(e.logScale)) {
			in++
		}
	}
	require.InDelta(t, .8, in/8000, .02)
	require.InDelta(t, 0, widenNear(draw(20000, false)), 1e-3, "nothing is near")
	require.Zero(t, widenNear(nil))
	fine := append(draw(20000, false), draw(8000, true)...)
	for i := range fine {
		fine[i].err /= 1 + fine[i].near
	}
	require.InDelta(t, 0, widenNear(fine), .1)
	require.NoError(t, c.validate())
	for _, bad := range []float64{-1, 11, math.NaN()} {
		c.Near = bad
		require.ErrorContains(t, c.validate(), "calibration.near")
	}
}

// TestNearScale: a calibration widens the scale next to the context, and only there.
func TestNearScale(t *testing.T) {
	s := sine(40, 2)
	end, span := s.Times[39], s.Times[39]-s.Times[0]
	at := []float64{s.Times[0] - .02*span, s.Times[0] + .4*span, end, end + 1e-9*span, end + .05*span, end + .1*span, end + .5*span}
	m := smallModel(t)
	plain, err := m.Forecast(s, at)
	require.NoError(t, err)
	wide := smallModel(t)
	wide.calibration.Near = 2
	got, err := wide.Forecast(s, at)
	require.NoError(t, err)
	require.Equal(t, plain.Mean, got.Mean)
	for i, by := range []float64{2.6, 1, 1, 3, 2, 1, 1} {
		for c := range 2 {
			require.InDelta(t, by, got.Scale[i][c]/plain.Scale[i][c], 1e-6, "time %d", i)
		}
	}
}

// TestSimulatedTasks: some contexts have equal steps, 64 rows or more where there are so many, and
// all values as they are, if all channels are wanted; fewer do otherwise.
func TestSimulatedTasks(t *testing.T) {
	var whole Series
	for i := range 601 {
		at := float64(i) / 30
		whole.Times = append(whole.Times, at)
		whole.Values = append(whole.Values, []float64{math.Sin(at), math.Sin(2 * at), math.Cos(at)})
	}
	simulated := func(channels int) int {
		var tk tasks
		count := 0
		for i := range 600 {
			if !tk.drawContext(rand.New(rand.NewPCG(4, uint64(i))), whole, channels, false) || len(tk.times) < 2 {
				continue
			}
			exact := len(tk.times) >= 64 || tk.times[1]-tk.times[0] < .04
			for j, at := range tk.times {
				row := whole.Values[int(math.Round(math.Abs(at)*30))]
				for k, c := range tk.crop.columns {
					exact = exact && tk.values[j*channels+k] == row[c]
				}
				exact = exact && (j == 0 || math.Abs(at-tk.times[j-1]-tk.times[1]+tk.times[0]) < 1e-9)
			}
			if exact {
				count++
			}
		}
		return count
	}
	some, all := simulated(2), simulated(3)
	require.Greater(t, all, some+50)
	require.Greater(t, some, 10)
	require.Less(t, all, 300)
}

// TestTones: they are sums of sines, other ones in each channel.
func TestTones(t *testing.T) {
	tk := tasks{madeRows: make([][]float64, 300)}
	clock := make([]float64, len(tk.madeRows))
	for i := range clock {
		clock[i], tk.madeRows[i] = float64(i), []float64{9, 9}
	}
	for seed := range uint64(20) {
		tk.tones(rand.New(rand.NewPCG(seed, 2)), clock)
		var square [2]float64
		equal := 0
		for _, row := range tk.madeRows {
			for c, v := range row {
				require.LessOrEqual(t, math.Abs(v), 7.)
				square[c] += v * v / float64(len(clock))
			}
			if row[0] == row[1] {
				equal++
			}
		}
		require.Greater(t, min(square[0], square[1]), 2*.05*.05/3)
		require.Less(t, equal, 3)
	}
}

// TestTrainingAllocatesNothing holds from the second step on, for the part of
// a step that runs on the tape.
func TestTrainingAllocatesNothing(t *testing.T) {
	if raceEnabled || runtime.GOARCH != "amd64" {
		t.Skip("measured on amd64, without the race detector")
	}
	m := smallModel(t)
	var tk tasks
	require.NoError(t, tk.draw(rand.New(rand.NewPCG(2, 3)), m.net.cfg, oscillators(30), taskOptions{hi: 30, channels: 3}, 64))
	tape := tensor.NewTape(m.net.params, true)
	var enc encoded
	tk.learn(m.net, tape, &enc, 1)
	require.Zero(t, testing.AllocsPerRun(5, func() { tk.learn(m.net, tape, &enc, 1) }))
}

// Errors of small predicted scale may be spread otherwise than those of large:
// the bands must hold at both.
func TestErrorTable(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	draw := func() scaledError {
		l := 6*r.Float64() - 6
		width := 1.
		if l < -3 {
			width = .1
		}
		return scaledError{logScale: l, err: math.Abs(width * r.NormFloat64())}
	}
	var all []scaledError
	for range 40000 {
		all = append(all, draw())
	}
	table, ok := errorTable(all)
	require.True(t, ok)
	require.Len(t, table.LogScale, calibrationBins)
	c := Calibration{Levels: levels, Inside: table, Ahead: table}
	require.NoError(t, c.validate())
	low, high := c.atLevel(&table, .1), c.atLevel(&table, .9)
	for _, small := range []bool{true, false} {
		in, n := 0., 0.
		for range 20000 {
			e := draw()
			if small != (e.logScale < -4) || e.logScale >= -4 && e.logScale < -2 {
				continue // the step between them is smoothed
			}
			require.Equal(t, -low.at(math.Exp(e.logScale)), high.at(math.Exp(e.logScale)))
			n++
			if e.err < high.at(math.Exp(e.logScale)) {
				in++
			}
		}
		require.InDelta(t, .8, in/n, .02)
	}
	_, ok = errorTable(all[:10])
	require.False(t, ok)
	_, ok = errorTable(nil)
	require.False(t, ok)
	same := make([]scaledError, 3000)
	table, ok = errorTable(same)
	require.True(t, ok)
	require.Len(t, table.LogScale, 1)
}

// TestInfoIsACopy: what a caller does to the calibration does not reach the model.
func TestInfoIsACopy(t *testing.T) {
	m := smallModel(t)
	want := m.Info().Calibration
	got := m.Info().Calibration
	got.Levels[0], got.Ahead.LogScale[0] = 7, 7
	got.Inside.Quantiles[0][0], got.Ahead.Quantiles[0][0] = 7, 7
	require.Equal(t, want, m.Info().Calibration)
}

// TestCloseRows: rows that are far closer than the others leave no channel without a
// forecast, constant ones included.
func TestCloseRows(t *testing.T) {
	m := smallModel(t)
	for k := 2.; k < 10; k += .5 {
		var s Series
		for i := range 40 {
			at := float64(i)
			s.Times = append(s.Times, at)
			s.Values = append(s.Values, []float64{math.Sin(at / 3), 21, float64(i / 25)})
			if i%13 == 5 {
				s.Times = append(s.Times, at+40*math.Pow(10, -k), at+60*math.Pow(10, -k))
				s.Values = append(s.Values, []float64{math.NaN(), 21, float64(i / 25)}, []float64{math.NaN(), 21, math.NaN()})
			}
		}
		f, err := m.Forecast(s, []float64{-3, 12.5, 50})
		require.NoError(t, err)
		for i, row := range f.Mean {
			for c := range row {
				require.False(t, math.IsNaN(row[c]) || math.IsNaN(f.Scale[i][c]), "1e-%v: %v", k, f.Mean)
			}
			require.InDelta(t, 21, row[1], 1e-6)
		}
	}
}

func TestTooManyAnswers(t *testing.T) {
	m := smallModel(t)
	s := Series{Times: []float64{0}, Values: [][]float64{make([]float64, MaxChannels)}}
	_, err := m.Forecast(s, make([]float64, MaxAnswers/MaxChannels+1))
	require.ErrorContains(t, err, "want at most 16384 query times for 1024 channels")
}

// TestFarFromZero: what is added to all values of a channel changes neither bands nor what
// a fleet teaches, as far as float64 tells the values apart.
func TestFarFromZero(t *testing.T) {
	m := smallModel(t)
	runs := func(offset float64) (list []Series) {
		for k := range 4 {
			s := swing(60, .01, uint64(k))
			for _, row := range s.Values {
				for c := range row {
					row[c] += offset
				}
			}
			list = append(list, s)
		}
		return list
	}
	at := []float64{1, 6.5, 8}
	var near *Forecast
	for _, offset := range []float64{0, 1e7, -1e9} {
		list := runs(offset)
		f := newFleet(list)
		for k, s := range f.series {
			for i, row := range s.Values {
				for c, v := range row {
					require.InDelta(t, list[k].Values[i][c], v, 1e-6, "offset %v", offset)
				}
			}
		}
		tuned := m.copy()
		tuned.fleet = f.weighted(.1)
		var file bytes.Buffer
		require.NoError(t, tuned.Save(&file, Float32))
		tuned, err := Load(&file)
		require.NoError(t, err)
		require.Equal(t, f.series, tuned.fleet.series)
		got, err := tuned.Forecast(list[0], at)
		require.NoError(t, err)
		if near == nil {
			near = got
		}
		for i, row := range got.Mean {
			for c := range row {
				require.InDelta(t, near.Mean[i][c], row[c]-offset, .01, "offset %v", offset)
				require.InEpsilon(t, near.Scale[i][c], got.Scale[i][c], .1, "offset %v", offset)
			}
		}
		if offset == 0 {
			continue
		}
		list, far := runs(0), list
		check := checks{{series: list[0], cut: 40, own: -1}}
		want := errorsOf(t, m, check)
		check[0].series = far[0]
		require.InDelta(t, want[0], errorsOf(t, m, check)[0], .02)
	}
}

// TestWindows: the context ends at the edge of a window, the last of which holds the end
// of what is asked for, within the limits of the configuration.
func TestWindows(t *testing.T) {
	cfg := DefaultConfig()
	for _, first := range []float64{0, -7} {
		for _, ahead := range []float64{0, 1e-3, .13, .2, .43, 1, 1.03, 7.03, 31, 101.3} {
			for _, width := range []float64{1e-4, .05, .2, 1} {
				last := first + 1
				g := placeWindows(cfg, first, last, last+ahead, width)
				require.Equal(t, first, g.start)
				require.InDelta(t, g.seen, g.at(last), 1e-9, "%v", g)
				require.GreaterOrEqual(t, g.seen, minSeen)
				require.LessOrEqual(t, g.count, cfg.MaxWindows)
				if ahead == 0 {
					require.Equal(t, g.seen, g.count)
					require.InDelta(t, min(max(1/width, float64(cfg.MinWindows)), float64(cfg.MaxWindows)), g.count, .5)
					continue
				}
				end := int(math.Ceil(g.at(last + ahead)))
				if g.seen == minSeen {
					end = min(end, cfg.MaxWindows)
				}
				require.Equal(t, end, g.count, "%v ahead, %v wide: %v", ahead, width, g)
			}
		}
	}
	one := placeWindows(cfg, 3, 3, 18, 1)
	require.Equal(t, geometry{start: 2, width: 1, seen: 1, count: cfg.MinWindows}, one)
}

// TestSignalWidth: windows suit an eighth of the period of the fastest channel that moves.
func TestSignalWidth(t *testing.T) {
	const rows, span = 1000, 50.
	r := rand.New(rand.NewPCG(3, 5))
	wave := func(period, noise float64) func(t float64) float64 {
		return func(t float64) float64 { return 3 + math.Sin(2*math.Pi*t/period) + noise*r.NormFloat64() }
	}
	for _, c := range []struct {
		name     string
		want     float64
		channels []func(t float64) float64
	}{
		{"clean", 10. / 8, []func(float64) float64{wave(10, 0)}},
		{"noisy", 10. / 8, []func(float64) float64{wave(10, .4)}},
		{"fastest", 4. / 8, []func(float64) float64{wave(10, 0), wave(4, 0)}},
		{"noise tells nothing", 10. / 8, []func(float64) float64{wave(10, 0), func(float64) float64 { return r.NormFloat64() }}},
		{"still", span / 4, []func(float64) float64{func(float64) float64 { return 2 }}},
	} {
		var times, values []float64
		for i := range rows {
			at := span * float64(i) / (rows - 1)
			times = append(times, at)
			for _, f := range c.channels {
				values = append(values, f(at))
			}
		}
		require.InEpsilon(t, c.want, signalWidth(times, values, len(c.channels)), .05, c.name)
	}
}
