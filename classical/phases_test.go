package classical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPhases: the frequencies of drives and of angles are found, and forecasts that know them are
// right far ahead; systems that need none have none.
func TestPhases(t *testing.T) {
	const n, rows = 128, 384
	for name, k := range map[string]struct {
		rhs    func(t float64, x, dx []float64)
		x0     []float64
		span   float64
		drives []float64 // angular frequencies
		angles int
	}{
		"drive": {func(t float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = .8*(1-x[0]*x[0])*x[1] - x[0] + .7*math.Cos(1.7*t+.4)
		}, []float64{1, 0}, 60, []float64{1.7}, 0},
		"parameter that varies": {func(t float64, x, dx []float64) {
			dx[0] = x[0] * (1 + .4*math.Sin(.9*t) - .2*x[0] - x[1])
			dx[1] = .7 * x[1] * (x[0] - 1)
		}, []float64{.8, .6}, 60, []float64{.9}, 0},
		"angle": {func(_ float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = -math.Sin(x[0]) - .02*x[1]
		}, []float64{2.4, 0}, 60, nil, 1},
		"angle that turns": {func(_ float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = 1.3 - math.Sin(x[0]) - .3*x[1]
		}, []float64{0, 2}, 60, nil, 1},
		"drive of an angle": {func(t float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = -math.Sin(x[0]) - .1*x[1] + .5*math.Cos(.7*t)
		}, []float64{1.5, 0}, 100, []float64{.7}, 1},
		"two drives": {func(t float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = -x[0] - x[0]*x[0]*x[0] - .2*x[1] + .5*math.Cos(.7*t) + .8*math.Sin(1.9*t)
		}, []float64{1, 0}, 60, []float64{1.9, .7}, 0},
		"none": {triad, []float64{1, .4, .7}, 60, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := len(k.x0)
			times, raw := rk4(k.rhs, k.x0, k.span, rows, c)
			values := scaled(raw, rows, c, n)
			b := NewBank()
			b.Fit(times[:n], values[:n*c], c, times[rows-1])
			s := &b.run.flow
			require.Len(t, s.phases, len(k.drives)+k.angles)
			for _, want := range k.drives {
				found := false
				for _, v := range s.phases {
					found = found || v.source == ofTime && math.Abs(v.omega/(want*times[1])-1) < 1e-3
				}
				require.True(t, found, "%v in %v", want*times[1], s.phases)
			}
			worst := 0.
			var v [NumGuides]float64
			for i := n; i < 2*n; i++ {
				for j := range c {
					b.Eval(v[:], nil, j, times[i])
					worst = max(worst, math.Abs(v[idFlowRatio]-values[i*c+j]))
				}
			}
			t.Logf("%d phases, largest error %.2g half ranges", len(s.phases), worst)
			require.Less(t, worst, .1)
		})
	}
}

// TestPhasesAreNotSoughtInVain: what has no drive, or is nothing but chance, gets no phases.
func TestPhasesAreNotSoughtInVain(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	count := 0
	for range 20 {
		const n, c = 200, 2
		values := make([]float64, n*c)
		for j := range c { // smooth, but of no system
			var a, p, w [24]float64
			for k := range a {
				a[k], p[k], w[k] = r.NormFloat64(), 2*math.Pi*r.Float64(), .7*r.Float64()
			}
			for i := range n {
				for k := range a {
					values[i*c+j] += a[k] * math.Sin(w[k]*float64(i)+p[k])
				}
			}
		}
		values = scaled(values, n, c, n)
		b := NewBank()
		b.Fit(ramp(n), values, c, 2*n)
		count += len(b.run.flow.phases)
	}
	t.Log(count, "phases")
	require.Less(t, count, 10)
}

// TestPhaseTermsMove: the terms of phases from the origins of the channels are those of the distance from them.
func TestPhaseTermsMove(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for c := 1; c <= 4; c++ {
		f, _ := flowForm(c)
		s := flow{form: f, c: c, p: f.features(c)}
		s.perPhase = s.phaseTerms()
		s.phases = []phase{{.7, ofTime}, {1.3, c - 1}}
		s.setTerms(2 * s.perPhase)
		require.Zero(t, s.phaseTerms())
		origins, x, from := make([]float64, c), make([]float64, c), make([]float64, c)
		for j := range x {
			origins[j], x[j] = 3*r.NormFloat64(), r.NormFloat64()
			from[j] = x[j] - origins[j]
		}
		s.move(new(arena), origins)
		p := s.p + s.terms
		phi, want := make([]float64, p), make([]float64, p)
		f.lift(phi, x, 1, c, nil)
		s.modulate(phi, 2.5)
		f.lift(want, from, 1, c, nil)
		for i, v := range s.phases {
			u := 2.5
			if v.source != ofTime {
				u = x[v.source] // sines and cosines of it and of its distance from the origin span the same
			}
			for k, m := range want[:s.perPhase/2] {
				want[s.p+i*s.perPhase+2*k], want[s.p+i*s.perPhase+2*k+1] = m*math.Cos(v.omega*u), m*math.Sin(v.omega*u)
			}
		}
		for i, v := range want {
			require.InDelta(t, v, dot(s.moved[i*p:][:p], phi), 1e-9, "%d channels, term %d", c, i)
		}
	}
}

// forced is an oscillator that a sine of frequency 1.3 drives.
func forced(t float64, x, dx []float64) {
	dx[0] = x[1]
	dx[1] = .8*(1-x[0]*x[0])*x[1] - x[0] + .9*math.Cos(1.3*t+.4)
}

// TestDriveAtUnevenTimes: its frequency is that of what happens from row to row.
func TestDriveAtUnevenTimes(t *testing.T) {
	const rows, n, c = 800, 400, 2
	all, raw := rk4(forced, []float64{1, 0}, 90, rows, c)
	r := rand.New(rand.NewPCG(13, 14))
	var times, kept []float64
	for i := range n {
		if i == 0 || i == n-1 || r.Float64() < .7 {
			times, kept = append(times, all[i]), append(kept, raw[i*c:][:c]...)
		}
	}
	m := len(times)
	values := scaled(append(kept, raw[n*c:]...), m+rows-n, c, m)
	b := NewBank()
	b.Fit(times, values[:m*c], c, all[rows-1])
	s := &b.run.flow
	require.NotEmpty(t, s.phases)
	require.Equal(t, ofTime, s.phases[0].source)
	require.InDelta(t, 1, s.phases[0].omega/(1.3*s.gr.dt), 1e-4)
	worst := 0.
	var v [NumGuides]float64
	for i := n; i < rows; i++ {
		for j := range c {
			b.Eval(v[:], nil, j, all[i])
			worst = max(worst, math.Abs(v[idFlowRatio]-values[(m+i-n)*c+j]))
		}
	}
	t.Logf("largest error %.2g half ranges", worst)
	require.Less(t, worst, 5e-4)
}

// TestDriveUnderNoise: a drive is found in the weak form too, and counts in forecasts.
func TestDriveUnderNoise(t *testing.T) {
	found := 0
	e := underNoise(t, forced, []float64{1, 0}, 70, 240, 360, func(s *flow) {
		if len(s.phases) == 1 && math.Abs(s.phases[0].omega/(1.3*s.gr.dt)-1) < .01 {
			found++
		}
	})
	require.GreaterOrEqual(t, found, 9)
	require.Less(t, e, .1)
}

// TestFlowStartsFromWhatWasKnown: forecasts from the ends of folds do not start from rows that later ones have
// smoothed.
func TestFlowStartsFromWhatWasKnown(t *testing.T) {
	const n, c = 120, 3
	_, raw := rk4(triad, []float64{1, .4, .7}, 25, n, c)
	mem := new(arena)
	g := onGrid(mem, raw, n, c, nil)
	g.xt, g.dev = mem.raw(n*c), []float64{1, 1, 1}
	f, _ := flowForm(c)
	var s flow
	s.buildWeak(mem, g, f, weakHalf(g))
	s.choices(mem)
	end := g.foldEnds()[1]
	var out [lanes]track
	for k := range out {
		out[k] = newTrack(mem, c, 1)
	}
	first := func() float64 {
		s.roll(mem, [lanes]int{end, end, end, end}, [lanes]int{1, 1, 1, 1}, &out)
		return out[0].of(0, 1)[0]
	}
	before := first()
	g.states[1] = append(make([]float64, (stateRows-1)*c), g.x[(end-1)*c:end*c]...)
	require.Equal(t, before, first())
	g.states[1][(stateRows-1)*c] += .1
	require.InDelta(t, before+.1, first(), .05)
}
