package classical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// ringing is a damped and an undamped oscillation about a decay.
func ringing(t float64, c int) float64 {
	return 1 + math.Exp(-.02*t) + math.Exp(-.008*t)*math.Sin(.31*t+float64(c)) + .5*math.Cos(.11*t-2*float64(c))
}

// noisyRinging observes it at random times, channels together or each at its own.
func noisyRinging(r *rand.Rand, c int, noise float64, own bool) (times, values []float64) {
	for i := range 150 {
		if !own && i < 149 && r.Float64() < .5 {
			continue
		}
		times = append(times, float64(i))
		for j := range c {
			v := ringing(float64(i), j) + noise*r.NormFloat64()
			if own && i < 149 && r.Float64() < .5 {
				v = math.NaN()
			}
			values = append(values, v)
		}
	}
	return times, values
}

func TestOscillationsSeeThroughNoise(t *testing.T) {
	ours, theirs := 0., 0.
	for _, c := range []int{1, 2, 5, 11} {
		for _, own := range []bool{false, true} {
			r := rand.New(rand.NewPCG(3, uint64(c)))
			times, values := noisyRinging(r, c, .08, own)
			b := NewBank()
			b.Fit(times, values, c, 250)
			here := worst(b, idOscillations, ringing, c, 150, 250)
			require.Less(t, here, .25, "%d channels, own times %v", c, own)
			require.Less(t, worst(b, idOscillationsVal, ringing, c, 150, 250), .4, "%d channels, own times %v", c, own)
			ours += here
			theirs += worst(b, idARVal, ringing, c, 150, 250)
		}
	}
	require.Less(t, ours, theirs)
	require.Less(t, theirs, .8, "autoregressions")
}

// TestDrifts: a line, a parabola, a growth and a logistic transition under noise are continued,
// at times of any kind, and the interpolant has the rate of its value.
func TestDrifts(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	drifts := []struct {
		name  string
		f     func(u, a float64) float64
		close float64 // mean error half a span ahead, in deviations of what is seen
	}{
		{"line", func(u, a float64) float64 { return a * u }, .09},
		{"parabola", func(u, a float64) float64 { return u + a*u*u }, .15},
		{"growth", func(u, a float64) float64 { return math.Exp((2 + a) * u) }, .3},
		{"transition", func(u, a float64) float64 { return a / (1 + math.Exp(4+6*math.Abs(a)*(.2-u))) }, .25},
	}
	const n = 64
	for _, d := range drifts {
		for _, own := range []bool{false, true} {
			sum, count := 0., 0.
			for range 20 {
				a := 1 + r.Float64()
				if r.IntN(2) == 0 && d.name != "growth" {
					a = -a
				}
				var times, values []float64
				var mean, square float64
				for i := range n {
					u := float64(i)
					if own && i > 0 && i < n-1 {
						u += r.Float64() - .5
					}
					v := d.f(u/(n-1), a)
					times, values = append(times, u), append(values, v)
					mean += v / n
					square += v * v / n
				}
				size := math.Sqrt(square - mean*mean)
				for i := range values {
					values[i] += .05 * size * r.NormFloat64()
				}
				b := NewBank()
				b.Fit(times, values, 1, 1.5*n)
				for u := 1.; u <= 1.5; u += .05 {
					var v [NumGuides]float64
					b.Eval(v[:], nil, 0, u*(n-1))
					sum += math.Abs(v[idOscillations]-d.f(u, a)) / size
					count++
				}
				var up, down, rate [NumInside]float64
				b.Inside(up[:], nil, 0, n/3+1e-4)
				b.Inside(down[:], rate[:], 0, n/3-1e-4)
				require.InDelta(t, (up[insideTones]-down[insideTones])/2e-4, rate[insideTones], 1e-3*size)
			}
			require.Less(t, sum/count, d.close, "%s, own times %v", d.name, own)
			t.Logf("%s, own times %v: %.3f", d.name, own, sum/count)
		}
	}
}

// TestTonesBetweenObservations: sparse and noisy oscillations are known from all of
// their channels; the rate is that of the value, and the error on observations left
// out tells which interpolant is right.
func TestTonesBetweenObservations(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	f := func(t float64, c int) float64 {
		return math.Sin(.61*t+float64(c)) + math.Exp(-.01*t)*math.Cos(.37*t-float64(c))
	}
	var times, values []float64
	for i := range 150 {
		if i > 0 && i < 149 && r.Float64() < .75 {
			continue
		}
		times = append(times, float64(i))
		for c := range 3 {
			values = append(values, f(float64(i), c)+.1*r.NormFloat64())
		}
	}
	b := NewBank()
	b.Fit(times, values, 3, 150)
	var square [NumInside]float64
	for c := range 3 {
		for u := .5; u < 149; u += .7 {
			var v, rate, up, down [NumInside]float64
			b.Inside(v[:], rate[:], c, u)
			const h = 1e-4
			b.Inside(up[:], nil, c, u+h)
			b.Inside(down[:], nil, c, u-h)
			require.InDelta(t, (up[insideTones]-down[insideTones])/(2*h), rate[insideTones], 2e-4)
			for q, x := range v {
				square[q] += (x - f(u, c)) * (x - f(u, c))
			}
		}
		var e [NumInside]float32
		b.InsideError(c, e[:])
		for _, q := range []int{insideSpline, insideSmooth, insideProcess} {
			require.Less(t, e[insideTones], e[q]-.1)
		}
	}
	for _, q := range []int{insideSpline, insideSmooth, insideProcess} {
		require.Less(t, square[insideTones], .3*square[q])
	}
}

// TestOscillationsSlope compares slope and curvature of the squared error with
// differences, but for the amplitudes' ridge, which they leave out.
func TestOscillationsSlope(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, own := range []bool{false, true} {
		times, values := noisyRinging(r, 3, 1e-6, own)
		var mem arena
		var pr prep
		pr.scale(&mem, times, values, 3, 0, 3)
		var o oscillations
		ends := [folds]float64{149, 112, 75}
		o.fitted = gather(&mem, nil, &pr, 1, &ends)
		require.Len(t, o.fitted, map[bool]int{false: 1, true: 3}[own])
		p := poles{pairs: 2, exponential: true, rate: -2.5}
		p.growth = [maxPairs]float64{-1.1, -.1}
		p.angle = [maxPairs]float64{.31 * 149, .11 * 149}
		for k := range folds {
			o.try(&mem, k, &p)
			slope, hess := o.slope, o.hess
			d := p.params()
			// errors at unknown q of p moved by h and by -h
			beside := func(p poles, q int, h float64) (up, down float64) {
				var step [2*maxPairs + 1]float64
				step[q] = h
				a := p.move(step[:])
				step[q] = -h
				b := p.move(step[:])
				return o.try(&mem, k, &a), o.try(&mem, k, &b)
			}
			for q := range 2 * p.pairs { // the decay hardly tells from the constant in the later folds
				const h = 1e-3
				a, b := beside(p, q, h)
				here := o.try(&mem, k, &p)
				// The error is at its least here, so its curvature tells: half of it
				// is the Gauss-Newton matrix.
				require.InEpsilon(t, (a-2*here+b)/(h*h)/2, hess[q*d+q], .06, "unknown %d, fold %d", q, k)
			}
			// Away from the minimum, minus half the slope.
			off := p
			off.angle[0] += .05
			off.growth[1] -= .05
			off.rate += .1
			o.try(&mem, k, &off)
			slope = o.slope
			for q := range 2 * p.pairs {
				const h = 1e-4
				up, down := beside(off, q, h)
				want := -(up - down) / (4 * h)
				require.InDelta(t, want, slope[q], .05*math.Abs(want)+2e-4, "unknown %d, fold %d", q, k)
			}
		}
	}
}

// TestTransitionSlope compares the slope of the squared error of a logistic transition with
// differences.
func TestTransitionSlope(t *testing.T) {
	var times, values []float64
	for i := range 80 {
		u := float64(i) / 79
		times = append(times, u)
		values = append(values, 1/(1+math.Exp(-9*(u-.6))), -2/(1+math.Exp(-9*(u-.6))))
	}
	var mem arena
	var pr prep
	pr.scale(&mem, times, values, 2, 0, 2)
	var o oscillations
	o.fitted = gather(&mem, nil, &pr, 1, &[folds]float64{1, .75, .5})
	p := poles{logistic: true, rate: 12, middle: .5}
	for k := range folds {
		o.try(&mem, k, &p)
		slope := o.slope
		for q, h := range []float64{1e-2, 1e-3} {
			var step [2]float64
			step[q] = h
			up := p.move(step[:])
			step[q] = -h
			down := p.move(step[:])
			want := -(o.try(&mem, k, &up) - o.try(&mem, k, &down)) / (4 * h)
			require.InEpsilon(t, want, slope[q], .05, "unknown %d, fold %d", q, k)
		}
	}
}

// TestOscillationsOfLittle gives the fit almost nothing.
func TestOscillationsOfLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 2, 3, 5, 9, 14, 60} {
		for _, c := range []int{1, 3} {
			var times, values []float64
			for i := range n {
				times = append(times, float64(i)+.3*r.Float64())
				for range c {
					v := r.NormFloat64()
					if r.IntN(4) == 0 {
						v = math.NaN()
					}
					values = append(values, v)
				}
			}
			b := NewBank()
			if c > 1 { // a channel that only the end shows
				for i := range n - 1 {
					values[i*c+1] = math.NaN()
				}
			}
			b.Fit(times, values, c, 3*float64(n))
			var v [NumGuides]float64
			for j := range c {
				b.Eval(v[:], nil, j, 2*float64(n))
				low, high := math.Inf(1), math.Inf(-1)
				for i := range n {
					if v := values[i*c+j]; v == v {
						low, high = min(low, v), max(high, v)
					}
				}
				for _, id := range []int{idOscillations, idOscillationsVal} {
					require.False(t, math.IsNaN(v[id]))
					if low < high {
						require.LessOrEqual(t, math.Abs(v[id]-(low+high)/2), 1.01*clipAt*(high-low)/2, "%d rows", n)
					}
				}
			}
		}
	}
}
