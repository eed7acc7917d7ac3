package classical

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// rk4 integrates f and returns n samples of the first c states on [0,span].
func rk4(f func(t float64, x, dx []float64), x0 []float64, span float64, n, c int) (times, values []float64) {
	d := len(x0)
	x := append([]float64(nil), x0...)
	k := make([][]float64, 4)
	for i := range k {
		k[i] = make([]float64, d)
	}
	y := make([]float64, d)
	const sub = 10
	dt := span / float64(n-1)
	h := dt / sub
	for i := 0; i < n; i++ {
		t := float64(i) * dt
		times = append(times, t)
		values = append(values, x[:c]...)
		for s := 0; s < sub; s++ {
			f(t, x, k[0])
			for q, w := range []float64{h / 2, h / 2, h} {
				for j := range y {
					y[j] = x[j] + w*k[q][j]
				}
				f(t+w, y, k[q+1])
			}
			for j := range x {
				x[j] += h / 6 * (k[0][j] + 2*k[1][j] + 2*k[2][j] + k[3][j])
			}
			t += h
		}
	}
	return
}

// Systems of the training zoo and of ode.HeldOut only.
type testSystem struct {
	name string
	f    func(t float64, x, dx []float64)
	x0   []float64
	span float64
}

func testSystems() []testSystem {
	return []testSystem{
		{"driven spring", func(t float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = -0.1*x[1] - 4*x[0] + 1.3*math.Cos(1.1*t)
		}, []float64{1, 0}, 30},
		{"FitzHugh-Nagumo pulsed", func(t float64, x, dx []float64) {
			dx[0] = x[0] - x[0]*x[0]*x[0]/3 - x[1] + 0.5 + 0.1*math.Sin(0.3*t)
			dx[1] = 0.08 * (x[0] + 0.7 - 0.8*x[1])
		}, []float64{0, 0}, 250},
		{"Rosenzweig-MacArthur", func(t float64, x, dx []float64) {
			g := x[0] / (1 + 0.9*x[0])
			dx[0] = x[0]*(1-x[0]/4) - g*x[1]
			dx[1] = 0.9*g*x[1] - 0.4*x[1]
		}, []float64{1, 0.7}, 90},
		{"May-Leonard", func(t float64, x, dx []float64) {
			for i := range x {
				dx[i] = x[i] * (1 - x[i] - 0.9*x[(i+1)%3] - 1.05*x[(i+2)%3])
			}
		}, []float64{0.5, 0.3, 0.2}, 150},
		{"Oregonator", func(t float64, x, dx []float64) {
			e := 0.2
			dx[0] = (x[0]*(1-x[0]) - 0.9*x[1]*(x[0]-0.01)/(x[0]+0.01)) / e
			dx[1] = x[0] - x[1]
		}, []float64{0.3, 0.1}, 20},
		{"Morris-Lecar", func(t float64, x, dx []float64) {
			v, w := x[0], x[1]
			m := 0.5 * (1 + math.Tanh((v+1.2)/18))
			wi := 0.5 * (1 + math.Tanh((v-2)/30))
			l := math.Cosh((v - 2) / 60)
			dx[0] = (95 - 4.4*m*(v-120) - 8*w*(v+84) - 2*(v+60)) / 20
			dx[1] = 0.04 * l * (wi - w)
		}, []float64{-20, 0.1}, 500},
		{"tumour-immune", func(t float64, x, dx []float64) {
			e, u := x[0], x[1]
			dx[0] = 0.118 + 1.131*e*u/(20.19+u) - 0.00311*e*u - 0.3743*e
			dx[1] = 1.636*u*(1-0.002*u) - e*u
		}, []float64{0.3, 20}, 120},
		{"ENSO recharge", func(t float64, x, dx []float64) {
			dx[0] = -0.1*x[0] + 0.6*x[1] - 0.3*x[0]*x[0]*x[0] + 0.2*math.Cos(0.5*t)
			dx[1] = -0.6*x[0] - 0.05*x[1]
		}, []float64{0.6, 0.1}, 60},
		{"toggle switch", func(t float64, x, dx []float64) {
			dx[0] = 4/(1+x[1]*x[1]) - x[0]
			dx[1] = 4/(1+x[0]*x[0]) - x[1]
		}, []float64{1.1, 0.9}, 12},
		{"tanks", func(t float64, x, dx []float64) {
			dx[0] = 0.4 - 0.5*math.Sqrt(math.Abs(x[0]))
			dx[1] = 0.5*math.Sqrt(math.Abs(x[0])) - 0.4*math.Sqrt(math.Abs(x[1]))
			dx[2] = 0.4*math.Sqrt(math.Abs(x[1])) - 0.35*math.Sqrt(math.Abs(x[2]))
		}, []float64{0.1, 1.5, 0.3}, 40},
		{"Goodwin", func(t float64, x, dx []float64) {
			dx[0] = 1/(1+math.Pow(x[2], 12)) - 0.2*x[0]
			dx[1] = x[0] - 0.2*x[1]
			dx[2] = x[1]*0.15 - 0.2*x[2]
		}, []float64{0.3, 0.5, 0.6}, 120},
		{"ring oscillator", func(t float64, x, dx []float64) {
			for i := range x {
				dx[i] = -x[i] - math.Tanh(3*x[(i+2)%3])
			}
		}, []float64{0.3, -0.1, 0.05}, 15},
	}
}

func scaled(values []float64, n, c, ctx int) []float64 {
	out := make([]float64, len(values))
	for j := 0; j < c; j++ {
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := 0; i < ctx; i++ {
			lo, hi = math.Min(lo, values[i*c+j]), math.Max(hi, values[i*c+j])
		}
		for i := 0; i < n; i++ {
			out[i*c+j] = (values[i*c+j] - (hi+lo)/2) / ((hi - lo) / 2)
		}
	}
	return out
}

func TestBankFiniteOnDegenerateInput(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	nan := math.NaN()
	cases := map[string]func(n, c int) ([]float64, []float64){
		"zero": func(n, c int) ([]float64, []float64) { return ramp(n), make([]float64, n*c) },
		"missing": func(n, c int) ([]float64, []float64) {
			v := make([]float64, n*c)
			for i := range v {
				v[i] = nan
			}
			return ramp(n), v
		},
		"huge": func(n, c int) ([]float64, []float64) {
			v := make([]float64, n*c)
			for i := range v {
				v[i] = 1e308 * (2*r.Float64() - 1)
			}
			return ramp(n), v
		},
		"explosive": func(n, c int) ([]float64, []float64) {
			v := make([]float64, n*c)
			for i := range v {
				v[i] = math.Exp(float64(i) * 3)
			}
			return ramp(n), v
		},
		"sparse": func(n, c int) ([]float64, []float64) {
			v := make([]float64, n*c)
			for i := range v {
				v[i] = r.NormFloat64()
				if r.Float64() < 0.8 {
					v[i] = nan
				}
			}
			return ramp(n), v
		},
		"clustered": func(n, c int) ([]float64, []float64) {
			tt := make([]float64, n)
			v := make([]float64, n*c)
			x := 0.0
			for i := range tt {
				x += math.Exp(-20 * r.Float64())
				tt[i] = x
			}
			for i := range v {
				v[i] = r.NormFloat64()
			}
			return tt, v
		},
	}
	b := NewBank()
	var val, rate [NumGuides]float64
	feats := make([]float32, NumGuides*NumFeatures)
	le := make([]float32, NumGuides)
	for _, name := range []string{"zero", "missing", "huge", "explosive", "sparse", "clustered"} {
		make := cases[name]
		for _, n := range []int{0, 1, 2, 3, 9, 33, 300} {
			for _, c := range []int{1, 2, 9} {
				if n == 300 && c > 1 || n != 9 && c == 2 {
					continue // the smaller ones reach the same code
				}
				times, values := make(n, c)
				end := 0.0
				if n > 0 {
					end = times[n-1]
				}
				for _, horizon := range []float64{end - 1, end + 40} {
					b.Fit(times, values, c, horizon)
					for j := 0; j < c; j++ {
						for _, q := range []float64{end - 2, end, end + 0.3, end + 17, end + 1e9} {
							b.Eval(val[:], rate[:], j, q)
							for i := range val {
								if !finite(val[i]) || !finite(rate[i]) {
									t.Fatalf("%s n=%d c=%d %s at %g: %g %g", name, n, c, guideNames[i], q, val[i], rate[i])
								}
							}
							b.Inside(val[:NumInside], rate[:NumInside], j, q)
							for i := 0; i < NumInside; i++ {
								require.True(t, finite(val[i]) && finite(rate[i]), "%s n=%d c=%d inside %d at %g", name, n, c, i, q)
							}
						}
						b.Features(feats, j)
						for k, f := range feats {
							if !(math.Abs(float64(f)) < 12) {
								t.Fatalf("%s n=%d c=%d %s feature %d = %g", name, n, c, guideNames[k/NumFeatures], k%NumFeatures, f)
							}
						}
						b.LogError(j, le)
						for k, f := range le {
							require.True(t, finite(float64(f)), "%s n=%d c=%d %s log error %g", name, n, c, guideNames[k], f)
						}
						require.True(t, finite(b.Noise(j)))
					}
				}
			}
		}
	}
}

func ramp(n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = float64(i)
	}
	return t
}

func benchData(n, c int) ([]float64, []float64) {
	v := make([]float64, n*c)
	for i := 0; i < n; i++ {
		for j := 0; j < c; j++ {
			v[i*c+j] = math.Sin(0.2*float64(i)+float64(j)) + 0.3*math.Sin(float64(j+2)*0.13*float64(i))
		}
	}
	return ramp(n), scaled(v, n, c, n)
}

func TestBankAllocatesNothing(t *testing.T) {
	b := NewBank()
	times, values := benchData(80, 3)
	noisy := append([]float64(nil), values...)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range noisy {
		noisy[i] += 0.05 * r.NormFloat64()
	}
	noisy[7] = math.NaN()
	run := func() {
		b.Fit(times, values, 3, 160)
		b.Fit(times, noisy, 3, 160)
	}
	run()
	require.Zero(t, testing.AllocsPerRun(5, run))
}

// beating is a signal that every channel sees with another phase.
func beating(t float64, c int) float64 {
	return math.Sin(.31*t+float64(c)) + .5*math.Cos(.23*t-2*float64(c))
}

// TestBankOwnTimes: what channels show at their own times, one after the other, with some
// missing, or not up to the end, is forecast nearly as well as rows of all.
func TestBankOwnTimes(t *testing.T) {
	const rows = 160
	fit := func(at func(i, c int) (float64, bool)) float64 {
		var times, values []float64
		for i := range rows {
			for c := range 2 {
				s, seen := at(i, c)
				if !seen {
					continue
				}
				row := []float64{math.NaN(), math.NaN()}
				row[c] = beating(s, c)
				if n := len(times); n > 0 && times[n-1] == s {
					values[2*(n-1)+c] = row[c]
					continue
				}
				times = append(times, s)
				values = append(values, row...)
			}
		}
		b := NewBank()
		b.Fit(times, values, 2, 220)
		return worst(b, idModesHigh, beating, 2, rows+1, 220)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, k := range []struct {
		name string
		at   func(i, c int) (float64, bool)
	}{
		{"rows", func(i, c int) (float64, bool) { return float64(i), true }},
		{"skewed", func(i, c int) (float64, bool) { return float64(i) + .1*float64(c), true }},
		{"a moment later", func(i, c int) (float64, bool) { return float64(i) + 1e-6*float64(c), true }},
		{"in turn", func(i, c int) (float64, bool) { return float64(i), i%2 == c }},
		{"half of each", func(i, c int) (float64, bool) { return float64(i), r.IntN(2) == 0 }},
		{"one ends early", func(i, c int) (float64, bool) { return float64(i), c == 0 || i < 130 }},
		{"one comes late", func(i, c int) (float64, bool) { return float64(i), c == 0 || i > 70 }},
	} {
		require.Less(t, fit(k.at), .1, k.name)
	}
}

// TestBankSplit: a channel that is noise, a step, or the time does not spoil the others,
// which are forecast as without it; one that is but a little noisy stays with them.
func TestBankSplit(t *testing.T) {
	sys := testSystems()[2]
	times, x := rk4(sys.f, sys.x0, sys.span, 200, 2)
	alone := NewBank()
	alone.Fit(times[:120], x[:240], 2, times[199])
	r := rand.New(rand.NewPCG(7, 8))
	for _, k := range []struct {
		name  string
		apart bool
		other func(i int) float64
	}{
		{"noise", true, func(int) float64 { return r.NormFloat64() }},
		{"steps", true, func(i int) float64 { return float64(i / 25 % 3) }},
		{"clock", true, func(i int) float64 { return 100 + 3*times[i] }},
		{"slight noise", false, func(i int) float64 { return x[2*i] + .004*r.NormFloat64() }},
		{"ended", true, func(i int) float64 {
			if i > 60 {
				return math.NaN()
			}
			return x[2*i] + x[2*i+1]
		}},
	} {
		var values []float64
		for i := range 120 {
			values = append(values, x[2*i], k.other(i), x[2*i+1])
		}
		b := NewBank()
		b.Fit(times[:120], values, 3, times[199])
		var got, want [NumGuides]float64
		same := true
		for _, at := range times[120:] {
			for c := range 2 {
				b.Eval(got[:], nil, 2*c, at)
				alone.Eval(want[:], nil, c, at)
				same = same && got == want
			}
			b.Eval(got[:], nil, 1, at)
			for _, v := range got {
				require.False(t, math.IsNaN(v), k.name)
			}
		}
		require.Equal(t, k.apart, same, k.name)
	}
}

// TestBankClockUnderNoise: noisy channels are kept from one that only tells the time too.
func TestBankClockUnderNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var times, values, alone []float64
	for i := range 120 {
		times = append(times, float64(i))
		v := beating(float64(i), 0) + .1*r.NormFloat64()
		alone = append(alone, v)
		values = append(values, v, 7-2*float64(i))
	}
	a, b := NewBank(), NewBank()
	a.Fit(times, alone, 1, 150)
	b.Fit(times, values, 2, 150)
	var want, got [NumGuides]float64
	for s := 121.; s < 150; s += 3 {
		a.Eval(want[:], nil, 0, s)
		b.Eval(got[:], nil, 0, s)
		require.Equal(t, want, got)
	}
}

// TestBankWideSteps: the pauses between bursts are steps, not holes, and a single observation
// behind a hole is no start of a forecast.
func TestBankWideSteps(t *testing.T) {
	var got [NumGuides]float64
	forecastError := func(times []float64) float64 {
		var values []float64
		for _, s := range times {
			values = append(values, beating(s, 0))
		}
		b := NewBank()
		b.Fit(times, values, 1, 260)
		sum := 0.
		for s := 202.; s < 260; s++ {
			b.Eval(got[:], nil, 0, s)
			d := got[idAR32v] - beating(s, 0)
			sum += d * d / 58
		}
		return math.Sqrt(sum)
	}
	var bursts []float64
	for i := range 37 {
		for j := range 5 {
			bursts = append(bursts, 5.5*float64(i)+.03*float64(j))
		}
	}
	require.Less(t, forecastError(bursts), .15)
	var lone []float64
	for i := range 170 {
		lone = append(lone, float64(i))
	}
	require.Less(t, forecastError(append(lone, 200)), .05)
}

// TestBankAfterTheLastObservation: times after a sensor died, while others were still
// read, are forecast, not extrapolated.
func TestBankAfterTheLastObservation(t *testing.T) {
	var times, values []float64
	for i := range 160 {
		times = append(times, float64(i))
		v := math.NaN()
		if i < 140 {
			v = beating(float64(i), 1)
		}
		values = append(values, beating(float64(i), 0), v)
	}
	b := NewBank()
	b.Fit(times, values, 2, 200)
	var v, rate, lo, hi [NumInside]float64
	for s := 140.; s < 159; s += .7 {
		b.Inside(v[:], rate[:], 1, s)
		const h = 1e-4
		b.Inside(lo[:], nil, 1, s-h)
		b.Inside(hi[:], nil, 1, s+h)
		for i := range v {
			require.InDelta(t, beating(s, 1), v[i], .05, "time %v", s)
			require.InDelta(t, (hi[i]-lo[i])/(2*h), rate[i], 1e-4, "time %v", s)
		}
	}
}

// TestBankGrid: long contexts are thinned, clean ones of few channels less; channels that
// begin late or end early shorten the grid, unless too little of the context were left.
func TestBankGrid(t *testing.T) {
	b := NewBank()
	var features [NumGuides * NumFeatures]float32
	r := rand.New(rand.NewPCG(9, 10))
	for _, k := range []struct {
		channels, rows int
		noise          float64
	}{{1, 500, 0}, {fineChannels, 500, 0}, {fineChannels + 1, 250, 0}, {1, 250, .1}} {
		var times, values []float64
		for i := range 1000 {
			times = append(times, float64(i))
			for c := range k.channels {
				values = append(values, beating(float64(i)/4, c)+k.noise*r.NormFloat64())
			}
		}
		b.Fit(times, values, k.channels, 1100)
		b.Features(features[:], 0)
		require.InDelta(t, math.Log2(float64(k.rows)/64), features[32], 1e-6, "%+v", k)
	}
	for _, k := range []struct{ from, to, end int }{{60, 180, 180}, {110, 160, 199}} {
		var times, values []float64
		for i := range 200 {
			v := math.NaN()
			if i >= k.from && i <= k.to {
				v = beating(float64(i), 1)
			}
			times, values = append(times, float64(i)), append(values, beating(float64(i), 0), v)
		}
		b.Fit(times, values, 2, 220)
		require.Equal(t, float64(k.end), b.groups[0].native.end, "%+v", k)
	}
}

// TestBankDenoises: the guides learn from rows that are nearer to the truth than what was
// observed, and than the interpolant that fits worst.
func TestBankDenoises(t *testing.T) {
	const noise = .1
	for _, own := range []bool{false, true} {
		times, values := noisyRinging(rand.New(rand.NewPCG(3, 5)), 3, noise, own)
		b := NewBank()
		b.Fit(times, values, 3, 200)
		g := b.group(0)
		require.False(t, g.clean)
		for _, gr := range []*grid{&g.native, &g.thin, &g.tail, &g.smooth} {
			var all, worst float64
			for j := range 3 {
				var e [NumInside]float64
				mixed := 0.
				for i := range gr.n {
					at := gr.time(i)
					truth := (ringing(at, j) - g.mid[j]) / g.half[j]
					for q := range e {
						v, _ := g.curves[j].at(q, at)
						e[q] += (v - truth) * (v - truth)
					}
					mixed += (gr.x[i*3+j] - truth) * (gr.x[i*3+j] - truth)
				}
				require.Less(t, math.Sqrt(mixed/float64(gr.n)), .6*noise/g.half[j], "channel %d, own times %v", j, own)
				all += mixed
				worst += slices.Max(e[insideSmooth:])
			}
			require.Less(t, all, .8*worst, "own times %v", own)
		}
	}
}

// TestInterpolantWeights: errors decide, those far from the least do not count, and the mean
// ends where the observations do.
func TestInterpolantWeights(t *testing.T) {
	s := interpolants{err: [NumInside]float64{-1, -1, -1 + math.Log10(2)/6, -.5, 0}}
	s.weigh()
	require.InDeltaSlice(t, []float64{.4, .4, .2, 0, 0}, s.weight[:], 1e-12)
	times, values := noisyRinging(rand.New(rand.NewPCG(3, 8)), 1, .1, false)
	b := NewBank()
	b.Fit(times, values, 1, 200)
	c := &b.group(0).curves[0]
	for _, i := range []int{0, len(times) - 1} {
		sum := 0.
		for q, u := range c.weight {
			v, _ := c.at(q, times[i])
			sum += u * v
		}
		require.InDelta(t, sum, c.mean(times[i]), 1e-12)
		require.Equal(t, c.mean(times[i]), c.mean(times[i]+7*float64(min(2*i-1, 1))))
	}
}

// TestSoloOfMirroredChannels: the guide that forecasts each channel from its own past does
// the same for a channel and its mirror image.
func TestSoloOfMirroredChannels(t *testing.T) {
	times, one := noisyRinging(rand.New(rand.NewPCG(3, 9)), 1, .1, false)
	var values []float64
	for _, v := range one {
		values = append(values, v, -v)
	}
	b := NewBank()
	b.Fit(times, values, 2, 200)
	require.NotNil(t, b.group(0).native.states[1])
	var e, mirrored [NumGuides]float32
	b.LogError(0, e[:])
	b.LogError(1, mirrored[:])
	require.InDelta(t, e[idSolo], mirrored[idSolo], 1e-4)
}

// TestStridedUnderNoise: lags far apart and a ridge that follows the noise forecast noisy
// oscillations better than neighbouring rows.
func TestStridedUnderNoise(t *testing.T) {
	var near, far, farther float64
	for seed := range uint64(8) {
		times, values := noisyRinging(rand.New(rand.NewPCG(seed, 4)), 2, .15, false)
		b := NewBank()
		b.Fit(times, values, 2, 250)
		near += worst(b, idAR8, ringing, 2, 150, 250) / 8
		far += worst(b, idAR8s2, ringing, 2, 150, 250) / 8
		farther += worst(b, idAR6s3, ringing, 2, 150, 250) / 8
	}
	require.Less(t, far, near)
	require.Less(t, farther, near)
}

// TestStartStates: what the forecast of a fold starts from knows nothing of later
// observations, but their parameters, and is no better than what a forecast from there
// would start from.
func TestStartStates(t *testing.T) {
	times, values := noisyRinging(rand.New(rand.NewPCG(3, 7)), 2, .1, false)
	b := NewBank()
	b.Fit(times, values, 2, 200)
	g := b.group(0)
	for _, gr := range []*grid{&g.native, &g.thin, &g.tail, &g.smooth} {
		require.Nil(t, gr.states[0])
		for k := 1; k < folds; k++ {
			end := gr.foldEnds()[k]
			require.NotEqual(t, gr.x[(end-1)*2:end*2], gr.before(end, 1), "they are not those of the rows")
			require.Equal(t, gr.states[k][(stateRows-3)*2:], gr.before(end, 3))
			require.Len(t, gr.before(end, stateRows), 2*stateRows)
			// All that comes after it changes, then the last that comes before.
			last := gr.time(end - 1)
			move := func(after bool, by float64) {
				for j := range 2 {
					for i, u := range b.pr.tobs[j] {
						if u > last+.5*gr.dt == after {
							b.pr.yobs[j][i] += by
						}
					}
				}
			}
			g.startStates(&b.mem, &b.pr, gr)
			before := gr.states[k]
			move(true, .3)
			g.startStates(&b.mem, &b.pr, gr)
			require.Equal(t, before, gr.states[k])
			move(false, .3)
			g.startStates(&b.mem, &b.pr, gr)
			for i := max(0, stateRows-end) * 2; i < len(before); i++ {
				require.InDelta(t, before[i]+.3, gr.states[k][i], .05, "fold %d", k)
			}
			move(true, -.3)
			move(false, -.3)
		}
		require.Equal(t, gr.x[(gr.n-2)*2:], gr.before(gr.n, 2))
	}
}

// A signal too fast for differences is not taken for noise where it can be predicted,
// and noise stays noise.
func TestFastSignalIsNoNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, size := range []float64{0, .05} {
		var times, values []float64
		for i := range 96 {
			at := float64(i)
			times = append(times, at)
			v := math.Sin(1.31*at) + .5*math.Cos(2.62*at) + .01*at + size*r.NormFloat64()
			values = append(values, v)
		}
		b := NewBank()
		b.Fit(times, values, 1, 120)
		got := b.Noise(0)
		if size == 0 {
			require.Less(t, got, 1e-6)
			require.True(t, b.group(0).clean)
			work := make([]float64, 2*len(values))
			require.Greater(t, differenceNoise(values, work), .1)
		} else {
			require.Greater(t, got, size)
			require.False(t, b.group(0).clean)
		}
	}
	require.True(t, math.IsInf(predictionNoise(new(arena), make([]float64, predictionLeast-1)), 1))
}

// TestEvenGrid: rows lie on samples of a lattice, whatever is missing, as many as there are
// observations, up to the limit.
func TestEvenGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, k := range []struct {
		rows, limit int
		missing     float64
		step, n     int
	}{{100, 256, 0, 1, 100}, {100, 256, .05, 1, 100}, {200, 256, .5, 2, 100}, {600, 256, .05, 3, 200}, {600, 256, .6, 4, 150}, {7, 256, 0, 0, 8}} {
		var times, values []float64
		truth := map[float64]float64{}
		for i := range k.rows {
			if i > 0 && i+1 < k.rows && r.Float64() < k.missing {
				continue
			}
			at := 3 + .25*float64(i)
			times, values = append(times, at), append(values, r.NormFloat64())
			truth[at] = values[len(values)-1]
		}
		var a arena
		var p prep
		p.scale(&a, times, values, 1, 0, 1)
		var g grid
		p.evenGrid(&a, &g, k.limit)
		require.Equal(t, k.n, g.n, "%+v", k)
		require.Equal(t, times[len(times)-1], g.end)
		if k.step == 0 {
			require.InDelta(t, times[0], g.time(0), 1e-12)
			continue
		}
		require.InDelta(t, .25*float64(k.step), g.dt, 1e-12, "%+v", k)
		met := 0
		for i := range g.n {
			if v, ok := truth[g.time(i)]; ok {
				met++
				require.InDelta(t, v, p.mid[0]+p.half[0]*g.x[i], 1e-12)
			}
		}
		require.Greater(t, float64(met), .9*(1-k.missing)*float64(g.n)-8)
	}
}

// TestTrust: from few rows guides go a part of the way from the last value, from a library all
// of it.
func TestTrust(t *testing.T) {
	lib := NewLibrary(1)
	var at, ramp []float64
	for i := range 40 {
		at, ramp = append(at, float64(i)), append(ramp, math.Sin(.3*float64(i)))
	}
	require.True(t, lib.Add(at, ramp))
	for rows, want := range map[int]float64{2: 0, 3: .5, 4: .75, 8: 1 - 1./64, 9: 1, 30: 1} {
		b := NewBank()
		times, values := at[:rows], ramp[:rows]
		b.Fit(times, values, 1, 40)
		g := &b.groups[0]
		require.Equal(t, want, g.trust)
		last, near, far, rate, whole := make([]float64, NumGuides), make([]float64, NumGuides), make([]float64, NumGuides), make([]float64, NumGuides), make([]float64, NumGuides)
		end := times[rows-1]
		b.Eval(last, nil, 0, end)
		b.Eval(near, nil, 0, end+1e-9)
		b.Eval(far, rate, 0, end+.7)
		g.trust = 1
		b.Eval(whole, last, 0, end+.7)
		slopes := slices.Clone(last)
		b.Eval(last, nil, 0, end)
		for i := range whole {
			require.InDelta(t, last[i], near[i], 1e-7)
			require.InDelta(t, last[i]+want*(whole[i]-last[i]), far[i], 1e-12)
			require.InDelta(t, want*slopes[i], rate[i], 1e-12)
		}
		b.UseLibrary(lib, 1, []float64{0}, []float64{1}, 1, -1)
		b.Fit(times, values, 1, 40)
		require.Equal(t, 1., g.trust)
	}
}

// One channel of these systems tells less than its slope beside it.
func TestSlopesOfASingleChannel(t *testing.T) {
	const n, seen = 400, 160
	for _, s := range testSystems() {
		if s.name != "ENSO recharge" && s.name != "May-Leonard" {
			continue
		}
		times, x := rk4(s.f, s.x0, s.span, n, 1)
		values := scaled(x, n, 1, seen)
		// rmse is that of the guide that validates best, fitted to the channel alone or with slopes.
		b := NewBank()
		rmse := func(group int) float64 {
			b.slots[0] = slot{group, 0}
			at, sum := make([]float64, NumGuides), 0.
			for i := seen; i < n; i++ {
				b.Eval(at, nil, 0, times[i])
				d := at[b.groups[group].best(0)] - values[i]
				sum += d * d
			}
			return math.Sqrt(sum / (n - seen))
		}
		b.Fit(times[:seen], values[:seen], 1, times[n-1])
		require.Equal(t, slot{1, 0}, b.slots[0], s.name)
		require.Less(t, rmse(1), .5*rmse(0), s.name)

		// Rows in which nothing was observed are no rows.
		at, holes := times[:seen], values[:seen]
		at, holes = slices.Insert(slices.Clone(at), 50, .5*(at[49]+at[50])), slices.Insert(slices.Clone(holes), 50, math.NaN())
		b.Fit(at, holes, 1, times[n-1])
		require.Equal(t, slot{1, 0}, b.slots[0], s.name)
	}
}

func TestSlopeOf(t *testing.T) {
	at := []float64{0, .1, .15, .4, .5, .7, .8, 1, 1.1}
	x := make([]float64, 2*len(at))
	for degree := range len(at) {
		for i, u := range at {
			x[2*i] = math.Pow(u-.3, float64(degree))
		}
		for i, u := range at {
			want := 0.
			if degree > 0 {
				want = float64(degree) * math.Pow(u-.3, float64(degree-1))
			}
			require.InDelta(t, want, slopeOf(at, x, i), 1e-10, "degree %d at %v", degree, u)
		}
	}
}

// A signal that jumps is free of noise where three quarters of its differences say so; few
// samples, held values and noise on top are judged by all of them.
func TestNoiseOfJumps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	of := func(n int, f func(k float64) float64) float64 {
		y := make([]float64, n)
		for k := range y {
			y[k] = f(float64(k))
		}
		return differenceNoise(y, make([]float64, 2*n))
	}
	saw := func(k float64) float64 { return 2*math.Mod(k/31, 1) - 1 }
	require.Less(t, of(128, saw), cleanNoise)
	require.Greater(t, of(79, saw), .1)
	require.InDelta(t, .1, of(400, func(k float64) float64 { return math.Floor(k/4)/50 + .1*r.NormFloat64() }), .02)
	require.Greater(t, of(128, func(k float64) float64 { return math.Floor(5 * saw(k)) }), .1)
	noisy := of(400, func(k float64) float64 { return saw(k) + .01*r.NormFloat64() })
	require.Greater(t, noisy, .1)
	require.InDelta(t, .005, of(400, func(k float64) float64 { return math.Sin(.1*k) + .005*r.NormFloat64() }), .001)
}

// TestNearRows: of observations in pairs the slopes count where they say something, and where they
// are noise no curve follows them between the pairs.
func TestNearRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, noise := range []float64{0, 1e-3, .02} {
		for _, apart := range []float64{1e-5, 1e-3} { // of a step
			var times, values []float64
			for i := range 40 {
				for _, u := range []float64{.5 * float64(i), .5 * (float64(i) + apart)} {
					times = append(times, u)
					values = append(values, math.Cos(u)+noise*rng.NormFloat64())
				}
			}
			b := NewBank()
			b.Fit(times, values, 1, 30)
			var in [NumInside]float64
			for u := 1.; u < 18.5; u += .1 {
				b.Inside(in[:], nil, 0, u)
				require.InDelta(t, math.Cos(u), in[insideSpline], 3*noise+1e-3, "time %v, noise %v, %v of a step apart", u, noise, apart)
			}
			kept := len(times) / 2
			if noise == 0 {
				kept = len(times)
			}
			require.Len(t, b.pr.tobs[0], kept, "noise %v, %v of a step apart", noise, apart)
		}
	}
}

// TestBankScratch: nothing is read from scratch that nobody has written.
func TestBankScratch(t *testing.T) {
	clean, stale := NewBank(), NewBank()
	stale.mem.stale = 7e3
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, n := 1+r.IntN(4), []int{5, 9, 16, 40, 64, 150, 300}[r.IntN(7)]
		noise, missing, uneven := []float64{0, 0, 1e-3, .02}[r.IntN(4)], []float64{0, 0, .3}[r.IntN(3)], r.IntN(2) == 0
		kind := r.IntN(3)
		_, chaos := rk4(func(_ float64, x, dx []float64) {
			dx[0], dx[1], dx[2] = 10*(x[1]-x[0]), x[0]*(28-x[2])-x[1], x[0]*x[1]-8./3*x[2]
		}, []float64{1, 2, 20}, 3, n, 3)
		var times, values []float64
		for i := range n {
			u := float64(i)
			if uneven {
				u += .6 * (r.Float64() - .5)
			}
			times = append(times, .1*u)
			for j := range c {
				v := chaos[i*3+j%3] + float64(j/3)*chaos[i*3]
				switch kind {
				case 1:
					v = math.Exp(-.02*u)*math.Sin(.3*u+float64(j)) + .3*math.Cos(.11*u*float64(j+1))
				case 2:
					v = math.Floor(u/20) + .1*u*float64(j)
				}
				v += noise * r.NormFloat64()
				if r.Float64() < missing && i > 1 && i < n-1 {
					v = math.NaN()
				}
				values = append(values, v)
			}
		}
		end := 1.4 * times[n-1]
		clean.Fit(times, values, c, end)
		stale.Fit(times, values, c, end)
		for j := range c {
			var want, got [NumGuides * NumFeatures]float32
			clean.Features(want[:], j)
			stale.Features(got[:], j)
			require.True(t, want == got, "features, seed %d, channel %d", seed, j)
			for k := range 20 {
				u := times[0] + (end-times[0])*float64(k)/19
				var a, b [NumGuides]float64
				clean.Eval(a[:], nil, j, u)
				stale.Eval(b[:], nil, j, u)
				require.True(t, a == b, "seed %d, channel %d, time %v", seed, j, u)
				var in, other [NumInside]float64
				clean.Inside(in[:], nil, j, u)
				stale.Inside(other[:], nil, j, u)
				require.True(t, in == other, "seed %d, channel %d, time %v inside", seed, j, u)
			}
		}
	}
}
