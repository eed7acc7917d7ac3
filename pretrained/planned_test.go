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

// run makes a run of a plant, with its truth and the variance of that: of 400 rows the first ones
// are known, and the input in all.
func (p plant) run(r *rand.Rand, f func(u float64, x, dx []float64), span float64, seen int, noise float64) (s lassode.Series, truth [][]float64, variance []float64, err error) {
	const rows = 400
	u := input(r, span, p.pace)
	for i := range rows {
		s.Times = append(s.Times, span*float64(i)/(rows-1))
	}
	start := make([]float64, len(p.start))
	for c, v := range p.start {
		start[c] = v * (.5 + r.Float64())
	}
	truth, err = ode.Integrate(func(t float64, x, dx []float64) { f(u(t), x, dx) }, start, 0, s.Times,
		ode.Options{RTol: 1e-7, ATol: 1e-9, MaxStep: span / 800, MaxSteps: 100000})
	if err != nil {
		return s, nil, nil, err
	}
	half := make([]float64, p.channels)
	for c := range p.channels {
		mean, square, low, high := 0., 0., math.Inf(1), math.Inf(-1)
		for _, x := range truth {
			mean += x[c] / rows
			low, high = min(low, x[c]), max(high, x[c])
		}
		for _, x := range truth {
			square += (x[c] - mean) * (x[c] - mean) / rows
		}
		variance, half[c] = append(variance, square), (high-low)/2
	}
	for i, x := range truth {
		row := make([]float64, p.channels+1)
		for c := range p.channels {
			if row[c] = x[c] + noise*half[c]*r.NormFloat64(); i >= seen {
				row[c] = math.NaN()
			}
		}
		row[p.channels] = u(s.Times[i])
		s.Values = append(s.Values, row)
	}
	return s, truth, variance, nil
}

// outcome sums what forecasts of the rows after the known ones are worth.
type outcome struct{ n, good, sum, inside, count float64 }

func (o *outcome) add(t *testing.T, m *lassode.Model, s lassode.Series, times []float64, truth [][]float64, variance []float64) {
	t.Helper()
	f, err := m.Forecast(s, times)
	require.NoError(t, err)
	low, high, e := f.Quantile(.1), f.Quantile(.9), 0.
	for i, x := range truth {
		for c, v := range variance {
			d := f.Mean[i][c] - x[c]
			e += d * d / v / float64(len(truth)*len(variance))
			o.count++
			if low[i][c] <= x[c] && x[c] <= high[i][c] {
				o.inside++
			}
		}
	}
	o.n++
	if o.sum += min(math.Sqrt(e), 2); e < .1 {
		o.good++
	}
}

func (o *outcome) String() string {
	return fmt.Sprintf("%.0f %%, %.2f, band %.0f %%", 100*o.good/o.n, o.sum/o.n, 100*o.inside/o.count)
}

// TestPlannedInputs: systems that an input drives, of which 240 rows are known, and of the
// input the 160 rows after that. Prints the share of R2 over 0.9 on these, and the clipped error,
// with the plan and without.
func TestPlannedInputs(t *testing.T) {
	m := builtIn(t)
	if testing.Short() {
		t.Skip("some hundred trajectories")
	}
	const each, seen = 16, 240
	var all [2]outcome
	for _, noise := range []float64{0, .05} {
		for k, p := range plants {
			var with, without outcome
			for i := range each {
				r := rand.New(rand.NewPCG(uint64(k), uint64(i)))
				f := p.draw(r)
				s, truth, variance, err := p.run(r, f, p.span*between(r, 1, 3), seen, noise)
				require.NoError(t, err)
				at := s.Times[seen:]
				with.add(t, m, s, at, truth[seen:], variance)
				without.add(t, m, lassode.Series{Times: s.Times[:seen], Values: s.Values[:seen]}, at, truth[seen:], variance)
			}
			t.Logf("%s, %.0f %% noise: with the plan %v; without %v", p.name, 100*noise, &with, &without)
			for q, o := range []outcome{with, without} {
				all[q].n, all[q].good = all[q].n+o.n, all[q].good+o.good
			}
		}
	}
	t.Logf("all: with the plan %.0f %%, without %.0f %%", 100*all[0].good/all[0].n, 100*all[1].good/all[1].n)
	require.Greater(t, all[0].good, .5*all[0].n)
	require.Less(t, all[1].good, .2*all[1].n)
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
