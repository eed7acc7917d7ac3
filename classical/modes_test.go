package classical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// dense is the textbook form of process25: likelihood and posterior mean.
func (k process25) dense(t, y, at []float64) (float64, []float64) {
	n := len(t)
	cov := kernel{kind: 1, length: math.Sqrt(5) / k.rate, noise: k.noise}
	l, inv, alpha := make([]float64, n*n), make([]float64, n), make([]float64, n)
	v := cov.solve(l, inv, alpha, t, y)
	out := make([]float64, len(at))
	for i, u := range at {
		for q := range t {
			out[i] += cov.at(u-t[q]) * alpha[q]
		}
	}
	return v, out
}

func TestProcessAgainstDense(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const n = 40
	for name, step := range map[string]func(i int) float64{
		"at any times":        func(int) float64 { return 0.01 + r.ExpFloat64() },
		"equal steps":         func(int) float64 { return 0.1 },
		"equal steps by runs": func(i int) float64 { return 0.1 * float64(1+i/13+i%20/19) },
		"with a gap":          func(i int) float64 { return 0.1 + float64(i/20*(20/max(i, 1))*30) },
	} {
		t.Run(name, func(t *testing.T) { processAgainstDense(t, r, n, step) })
	}
}

func processAgainstDense(t *testing.T, r *rand.Rand, n int, step func(i int) float64) {
	times, y, d, repeat := make([]float64, n), make([]float64, n), make([]float64, n), make([]bool, n)
	x := 1000.0 // where rounding makes equal steps differ
	for i := range times {
		x += step(i)
		times[i] = x
		if i > 0 {
			d[i] = times[i] - times[i-1]
		}
		y[i] = math.Sin(0.7*x) + 0.1*r.NormFloat64()
	}
	repeats(repeat, d)
	for _, k := range []process25{{0.3, 1e-4}, {1, 1e-2}, {4, 0.3}, {30, 30}} {
		steps := make([]transition, n)
		for i := 1; i < n; i++ {
			if steps[i] = steps[i-1]; !repeat[i] {
				steps[i].over(d[i] * k.rate)
			}
		}
		want, _ := k.dense(times, y, nil)
		// The dense form profiles the variance without its constant.
		require.InDelta(t, want, likelihood(steps, repeat, y, k.noise), 1e-6*(1+math.Abs(want)))
	}
	var mem arena
	var s curve
	s.process(&mem, times, y)
	mean := 0.0
	for _, v := range y {
		mean += v / float64(n)
	}
	z := make([]float64, n)
	for i := range z {
		z[i] = y[i] - mean
	}
	k := choose(&mem, times, y, mean, processNoises[:])
	_, want := k.dense(times, z, s.t)
	for i, v := range want {
		require.InDelta(t, v+mean, s.x[3*i], 1e-7)
	}
	// Between the knots the quintic is close to the posterior mean, and its rate
	// is its derivative.
	var at []float64
	for u := times[0]; u < times[n-1]; u += 0.05 {
		at = append(at, u)
	}
	_, want = k.dense(times, z, at)
	for i, u := range at {
		v, rate := s.at(u)
		require.InDelta(t, want[i]+mean, v, 2e-3)
		a, _ := s.at(u - 1e-5)
		b, _ := s.at(u + 1e-5)
		require.InDelta(t, (b-a)/2e-5, rate, 1e-3*(1+math.Abs(rate)))
	}
}

// The largest error of the guide over the horizon.
func worst(b *Bank, id int, f func(t float64, c int) float64, c int, from, to float64) float64 {
	var v [NumGuides]float64
	w := 0.0
	for t := from; t < to; t += 0.7 {
		for j := range c {
			b.Eval(v[:], nil, j, t)
			w = max(w, math.Abs(v[id]-f(t, j)))
		}
	}
	return w
}

func TestModesContinueOscillations(t *testing.T) {
	f := func(t float64, c int) float64 {
		return math.Sin(0.31*t+float64(c)) + 0.5*math.Exp(-0.002*t)*math.Cos(0.83*t)
	}
	for _, c := range []int{1, 2, 9} {
		var times, values []float64
		for i := range 150 {
			times = append(times, float64(i))
			for j := range c {
				values = append(values, f(float64(i), j))
			}
		}
		b := NewBank()
		b.Fit(times, values, c, 250)
		require.Less(t, worst(b, idModesLow, f, c, 149, 250), 0.05, "%d channels", c)
		require.Less(t, worst(b, idModesHigh, f, c, 149, 250), 0.02, "%d channels", c)
	}
}

func TestPeriodicFindsPeriod(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	f := func(t float64, c int) float64 {
		u := 2 * math.Pi * t / 37.3
		return math.Sin(u+float64(c)) + 0.4*math.Cos(2*u) + 0.2*math.Sin(3*u)
	}
	var times, values []float64
	for i := range 150 {
		if r.Float64() < 0.3 && i < 149 {
			continue
		}
		times = append(times, float64(i))
		for j := range 2 {
			values = append(values, f(float64(i), j)+0.05*r.NormFloat64())
		}
	}
	b := NewBank()
	b.Fit(times, values, 2, 300)
	require.Less(t, worst(b, idPeriodic, f, 2, 155, 300), 0.35)
}

func TestOrthonormal(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	const n, p, pp = 5, 7, 8
	u := make([]float64, n*pp)
	for i := range n {
		for j := range p {
			u[i*pp+j] = r.NormFloat64() * math.Pow(10, -3*float64(i))
			if i > 0 {
				u[i*pp+j] += u[j] // nearly dependent
			}
		}
	}
	copy(u[4*pp:], u[3*pp:4*pp])
	orthonormal(u, n, p, pp)
	for i := range n {
		for j := range i + 1 {
			want := 0.0
			if i == j && i < 4 {
				want = 1
			}
			if i == 4 && j == 4 {
				continue // zero, or what rounding leaves, made a direction of its own
			}
			require.InDelta(t, want, dot(u[i*pp:][:p], u[j*pp:][:p]), 1e-10, "%d %d", i, j)
		}
	}
}
