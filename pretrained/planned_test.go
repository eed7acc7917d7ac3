package pretrained_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
)

// plant is a driven system of which the first channels are observed; u is its input.
type plant struct {
	name     string
	channels int
	span     float64 // shortest and a third of the longest
	pace     float64 // of the input
	start    []float64
	draw     func(r *rand.Rand) func(u float64, x, dx []float64)
}

// between draws from [lo, hi], evenly in the logarithm.
func between(r *rand.Rand, lo, hi float64) float64 { return lo * math.Pow(hi/lo, r.Float64()) }

var plants = []plant{
	{"oscillator, position alone", 1, 30, 6, []float64{1, 0}, func(r *rand.Rand) func(u float64, x, dx []float64) {
		damping := between(r, .03, .6)
		return func(u float64, x, dx []float64) { dx[0], dx[1] = x[1], u-x[0]-2*damping*x[1] }
	}},
	{"two thermal masses", 2, 20, 8, []float64{0, 1}, func(r *rand.Rand) func(u float64, x, dx []float64) {
		a, b, c := between(r, .3, 1), between(r, .1, .5), between(r, .02, .2)
		return func(u float64, x, dx []float64) {
			dx[0], dx[1] = a*(x[1]-x[0])+c*(u-x[0]), b*(x[0]-x[1])+.5*max(u, -1)-.3*x[1]
		}
	}},
	{"two tanks", 2, 20, 6, []float64{1, 1}, func(r *rand.Rand) func(u float64, x, dx []float64) {
		k := between(r, .3, 1)
		return func(u float64, x, dx []float64) {
			q := k * math.Sqrt(max(x[0], 0))
			dx[0], dx[1] = max(.5+.3*u, 0)-q, q-.8*k*math.Sqrt(max(x[1], 0))
		}
	}},
	{"motor with friction", 2, 10, 4, []float64{0, 0}, func(r *rand.Rand) func(u float64, x, dx []float64) {
		l, j, b := between(r, .1, .5), between(r, .3, 2), between(r, .05, .5)
		return func(u float64, x, dx []float64) {
			dx[0], dx[1] = (u-x[0]-x[1])/l, (x[0]-b*x[1]-.1*math.Tanh(10*x[1]))/j
		}
	}},
	{"van der Pol", 2, 30, 6, []float64{1, 0}, func(r *rand.Rand) func(u float64, x, dx []float64) {
		mu, gain := between(r, .3, 2), between(r, .3, 1)
		return func(u float64, x, dx []float64) { dx[0], dx[1] = x[1], mu*(1-x[0]*x[0])*x[1]-x[0]+gain*u }
	}},
	{"pendulum", 2, 30, 6, []float64{.5, 0}, func(r *rand.Rand) func(u float64, x, dx []float64) {
		damping, gain := between(r, .05, .4), between(r, .3, 1)
		return func(u float64, x, dx []float64) { dx[0], dx[1] = x[1], gain*u-math.Sin(x[0])-damping*x[1] }
	}},
}

// input draws steps, ramps, a smooth curve or a sum of sines.
func input(r *rand.Rand, span, pace float64) func(t float64) float64 {
	kind, n := r.IntN(4), int(span/pace*(.5+2*r.Float64()))+4
	level := make([]float64, n+2)
	for i := range level {
		level[i] = r.NormFloat64()
	}
	return func(t float64) float64 {
		at := min(t/span, 1) * float64(n)
		i := int(at)
		u := at - float64(i)
		switch kind {
		case 0:
			u = 0
		case 1:
			u = u * u * (3 - 2*u)
		case 2:
			sum := 0.
			for k, a := range level[:3] {
				sum += a * math.Sin(2*math.Pi/pace*math.Exp(float64(k)/2-.7)*t+6*level[k+1])
			}
			return sum
		}
		return level[i] + u*(level[i+1]-level[i])
	}
}

// TestPlannedInputs: systems that an input drives, of which 240 rows are known, and of the
// input the 160 rows after that. Prints the share of R2 over 0.9 on these, and the clipped error,
// with the plan and without.
func TestPlannedInputs(t *testing.T) {
	m, err := pretrained.Model()
	require.NoError(t, err)
	if testing.Short() {
		t.Skip("some hundred trajectories")
	}
	const each, rows, seen = 16, 400, 240
	var all, solved [2]float64
	for _, noise := range []float64{0, .05} {
		for k, p := range plants {
			var good, sum, inside, count [2]float64
			for i := range each {
				r := rand.New(rand.NewPCG(uint64(k), uint64(i)))
				f, span := p.draw(r), p.span*between(r, 1, 3)
				u := input(r, span, p.pace)
				times := make([]float64, rows)
				for i := range times {
					times[i] = span * float64(i) / (rows - 1)
				}
				truth, err := ode.Integrate(func(t float64, x, dx []float64) { f(u(t), x, dx) }, p.start, 0, times,
					ode.Options{RTol: 1e-7, ATol: 1e-9, MaxStep: span / 800, MaxSteps: 100000})
				require.NoError(t, err)
				var planned lassode.Series
				var mean, variance, half [2]float64
				for c := range p.channels {
					low, high := math.Inf(1), math.Inf(-1)
					for _, x := range truth {
						mean[c] += x[c] / rows
						low, high = min(low, x[c]), max(high, x[c])
					}
					for _, x := range truth {
						variance[c] += (x[c] - mean[c]) * (x[c] - mean[c]) / rows
					}
					half[c] = (high - low) / 2
				}
				for i, x := range truth {
					row := make([]float64, p.channels+1)
					for c := range p.channels {
						if row[c] = x[c] + noise*half[c]*r.NormFloat64(); i >= seen {
							row[c] = math.NaN()
						}
					}
					row[p.channels] = u(times[i])
					planned.Times, planned.Values = append(planned.Times, times[i]), append(planned.Values, row)
				}
				for q, s := range []lassode.Series{planned, {Times: times[:seen], Values: planned.Values[:seen]}} {
					fc, err := m.Forecast(s, times[seen:])
					require.NoError(t, err)
					low, high := fc.Quantile(.1), fc.Quantile(.9)
					e := 0.
					for i, x := range truth[seen:] {
						for c := range p.channels {
							d := fc.Mean[i][c] - x[c]
							e += d * d / variance[c] / float64((rows-seen)*p.channels)
							count[q]++
							if low[i][c] <= x[c] && x[c] <= high[i][c] {
								inside[q]++
							}
						}
					}
					if sum[q] += min(math.Sqrt(e), 2); e < .1 {
						good[q]++
					}
				}
			}
			t.Logf("%s, %.0f %% noise: with the plan %.0f %%, %.2f, band %.0f %%; without %.0f %%, %.2f, band %.0f %%", p.name, 100*noise,
				100*good[0]/each, sum[0]/each, 100*inside[0]/count[0], 100*good[1]/each, sum[1]/each, 100*inside[1]/count[1])
			for q := range all {
				all[q] += each
				solved[q] += good[q]
			}
		}
	}
	t.Logf("all: with the plan %.0f %%, without %.0f %%", 100*solved[0]/all[0], 100*solved[1]/all[1])
	require.Greater(t, solved[0], .5*all[0])
	require.Less(t, solved[1], .2*all[1])
}

// The temperature of a vessel follows its heater, whose next settings are known.
func Example_plan() {
	m, err := pretrained.Model()
	if err != nil {
		panic(err)
	}
	settings := []float64{0, 2, 1, 3, 0, 1, 2, 0, 3, 1, 2, 3, 1}
	var s lassode.Series
	temperature := 20.
	for minute := range 195 {
		heat := settings[minute/15]
		row := []float64{temperature, heat}
		if minute >= 150 {
			row[0] = math.NaN() // not yet measured
		}
		s.Times, s.Values = append(s.Times, float64(minute)), append(s.Values, row)
		rest := 20 + 10*heat
		temperature = rest + (temperature-rest)*math.Exp(-1./12)
	}
	f, err := m.Forecast(s, []float64{160, 175, 190})
	if err != nil {
		panic(err)
	}
	for i, at := range f.Times {
		fmt.Printf("minute %.0f: %.0f degrees\n", at, f.Mean[i][0])
	}
	// Output:
	// minute 160: 37 degrees
	// minute 175: 45 degrees
	// minute 190: 37 degrees
}
