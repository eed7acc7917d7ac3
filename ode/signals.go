package ode

import (
	"math"
	"math/rand/v2"

	"github.com/lassode/lassode"
)

// signalKind is a kind of series that no deterministic differential equation makes. Row
// returns the function that writes row after row, and names the channels.
type signalKind struct {
	name     string
	channels []string
	rows     func(r *rand.Rand) func(row []float64)
}

const signalStream = 0x7369676e

// MeasuredSignals makes perKind series of each of ten kinds, EvalSamples samples each, as they
// are measured outside of simulations: seasons with a trend, an electric load over days
// and weeks, oscillations that noise drives, sunspots, a limit cycle and predators with
// prey under random influence, a thermostat, tides with weather on top, a heartbeat of
// uneven pace, growth that saturates. What is random belongs to the series. No
// model is trained on them.
func MeasuredSignals(seed uint64, perKind int) []Trajectory {
	var out []Trajectory
	for k, kind := range signalKinds {
		r := rand.New(rand.NewPCG(seed^signalStream<<32, uint64(k)))
		for range perKind {
			s := lassode.Series{Names: kind.channels}
			next := kind.rows(r)
			for i := range EvalSamples {
				row := make([]float64, len(kind.channels))
				next(row)
				s.Times = append(s.Times, float64(i))
				s.Values = append(s.Values, row)
			}
			out = append(out, Trajectory{Series: s, Family: kind.name})
		}
	}
	return out
}

// wave returns a periodic function of an angle with so many harmonics.
func wave(r *rand.Rand, harmonics int) func(angle float64) float64 {
	a, b := normals(r, harmonics), normals(r, harmonics)
	return func(angle float64) float64 {
		v := 0.
		for k := range a {
			s, c := math.Sincos(float64(k+1) * angle)
			v += (a[k]*c + b[k]*s) / float64(k+1)
		}
		return v
	}
}

// diffusion returns a function that takes one step of an autonomous system under
// multiplicative noise (Euler and Maruyama's method), after some that are not shown.
func diffusion(r *rand.Rand, x []float64, dt, noise float64, f func(x, dx []float64)) func(row []float64) {
	const substeps = 20
	dx := make([]float64, len(x))
	step := func() {
		for range substeps {
			f(x, dx)
			for k := range x {
				x[k] += dx[k]*dt/substeps + noise*math.Abs(x[k])*math.Sqrt(dt/substeps)*r.NormFloat64()
			}
		}
	}
	for range 100 + r.IntN(100) {
		step()
	}
	return func(row []float64) {
		step()
		copy(row, x)
	}
}

var signalKinds = []signalKind{
	{"seasons", []string{"amount"}, func(r *rand.Rand) func([]float64) {
		turn := 2 * math.Pi / logUniform(r, 12, 60)
		season, phase := wave(r, intBetween(r, 1, 4)), uniform(r, 0, 2*math.Pi)
		slope := logUniform(r, .2, 5) / EvalSamples * float64(2*r.IntN(2)-1)
		i := 0.
		return func(row []float64) {
			row[0] = season(turn*i+phase) + slope*i
			i++
		}
	}},
	{"load", []string{"power"}, func(r *rand.Rand) func([]float64) {
		const day = 12 // samples
		hours := wave(r, 3)
		var days [7]float64
		for d := range days {
			days[d] = 1 + .15*r.NormFloat64()
			if d > 4 {
				days[d] -= .4
			}
		}
		rest, i := 0., 0
		return func(row []float64) {
			rest = .8*rest + .08*r.NormFloat64()
			row[0] = days[i/day%7]*(2+hours(2*math.Pi*float64(i)/day)) + rest
			i++
		}
	}},
	{"driven-by-noise", []string{"displacement"}, func(r *rand.Rand) func([]float64) {
		turn, memory := 2*math.Pi/logUniform(r, 8, 50), 1-logUniform(r, .003, .05)
		x, y := 0., 0.
		step := func() {
			x, y = 2*memory*math.Cos(turn)*x-memory*memory*y+r.NormFloat64(), x
		}
		for range 1000 {
			step()
		}
		return func(row []float64) {
			step()
			row[0] = x
		}
	}},
	{"sunspots", []string{"number"}, func(r *rand.Rand) func([]float64) {
		phase, size := uniform(r, 0, math.Pi), 1.
		return func(row []float64) {
			phase += math.Pi / 11 * (1 + .1*r.NormFloat64())
			size += .1*(1-size) + .06*r.NormFloat64()
			v := size * math.Sin(phase)
			row[0] = 100*v*v + 5*math.Abs(r.NormFloat64())
		}
	}},
	{"noisy-cycle", []string{"x", "y"}, func(r *rand.Rand) func([]float64) {
		pace, uneven := uniform(r, .5, 2), uniform(r, 0, .6)
		return diffusion(r, []float64{1, 0}, uniform(r, .1, .4), .05, func(x, dx []float64) {
			grow, turn := 1-x[0]*x[0]-x[1]*x[1], pace*(1+uneven*x[0])
			dx[0], dx[1] = grow*x[0]-turn*x[1], grow*x[1]+turn*x[0]
		})
	}},
	{"noisy-predators", []string{"prey", "predators"}, func(r *rand.Rand) func([]float64) {
		room, death := uniform(r, 1.5, 3), uniform(r, .4, .65)
		return diffusion(r, []float64{1, .5}, uniform(r, .3, 1), .04, func(x, dx []float64) {
			x[0], x[1] = max(x[0], 1e-3), max(x[1], 1e-3)
			eaten := x[0] / (.3 + x[0])
			dx[0], dx[1] = x[0]*(1-x[0]/room)-eaten*x[1], x[1]*(eaten-death)
		})
	}},
	{"thermostat", []string{"temperature"}, func(r *rand.Rand) func([]float64) {
		lag, low := logUniform(r, 10, 60), uniform(r, .3, .5)
		high := low + uniform(r, .1, .3)
		on, x := 1., 0.
		return func(row []float64) {
			if x > high {
				on = 0
			} else if x < low {
				on = 1
			}
			x += (on - x) / lag
			row[0] = x
		}
	}},
	{"tide", []string{"level"}, func(r *rand.Rand) func([]float64) {
		periods := [...]float64{12.42, 12, 12.66, 23.93, 25.82, 6.21} // hours
		sizes := [...]float64{1, .4, .2, .3, .2, .1}
		var phases [len(periods)]float64
		for k := range periods {
			sizes[k] *= logUniform(r, .5, 2)
			phases[k] = uniform(r, 0, 2*math.Pi)
		}
		weather, i := 0., 0.
		return func(row []float64) {
			weather = .95*weather + .02*r.NormFloat64()
			row[0] = weather
			for k, p := range periods {
				row[0] += sizes[k] * math.Cos(2*math.Pi*i/p+phases[k])
			}
			i++
		}
	}},
	{"heartbeat", []string{"voltage"}, func(r *rand.Rand) func([]float64) {
		rest, phase := logUniform(r, 25, 60), r.Float64()
		length := rest
		return func(row []float64) {
			if phase += 1 / length; phase > 1 {
				phase--
				length = rest * (1 + .02*r.NormFloat64())
			}
			bump := func(at, width, size float64) float64 {
				d := (phase - at) / width
				return size * math.Exp(-d*d/2)
			}
			row[0] = bump(.15, .03, .12) - bump(.27, .012, .2) + bump(.3, .02, 1) - bump(.34, .015, .25) + bump(.6, .06, .3)
		}
	}},
	{"growth", []string{"size"}, func(r *rand.Rand) func([]float64) {
		// Richards's curve, a generalised logistic.
		bend, rate, mid := logUniform(r, .3, 3), logUniform(r, 6, 20)/EvalSamples, EvalSamples*uniform(r, .4, .8)
		i := 0.
		return func(row []float64) {
			row[0] = math.Pow(1+bend*math.Exp(-rate*(i-mid)), -1/bend)
			i++
		}
	}},
}
