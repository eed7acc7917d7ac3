package classical

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// newSearch prepares a search among p columns for the target, both of n rows.
func newSearch(n, p int, column func(i, k int) float64, target func(i int) float64, err, cost float64) *supports {
	s := new(supports)
	s.init(new(arena), p)
	sum := 0.
	for i := range p {
		for k := range i + 1 {
			v := 0.
			for r := range n {
				v += column(r, i) * column(r, k)
			}
			s.gram[i*p+k] = v
		}
		s.rhs[i] = 0
		for r := range n {
			s.rhs[i] += column(r, i) * target(r)
		}
	}
	for r := range n {
		sum += target(r) * target(r)
	}
	s.scale()
	s.begin(n, sum, err, cost)
	return s
}

// leastSquares returns what is left by a set, and its weights, from the scaled normal equations.
func leastSquares(mem *arena, s *supports, in uint64) (rest float64, w []float64) {
	w = make([]float64, s.p)
	s.weights(mem, in, w)
	rest = s.sum
	for i, v := range w {
		rest -= v * s.size[i] * s.rhs[i]
	}
	return rest, w
}

// TestSearchFindsTheBestSet: of all sets of columns the search finds the one with the least criterion.
func TestSearchFindsTheBestSet(t *testing.T) {
	const n, p = 60, 10
	missed, several, mem := 0, 0, new(arena)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		common := make([]float64, n)
		columns := make([]float64, n*p)
		for i := range n {
			common[i] = r.NormFloat64()
			for k := range p {
				columns[i*p+k] = r.NormFloat64() + common[i] // alike, as monomials are
			}
		}
		y := make([]float64, n)
		for i := range n {
			y[i] = .8*columns[i*p+1] - 1.3*columns[i*p+4] + .5*columns[i*p+7] + .4*r.NormFloat64()
		}
		s := newSearch(n, p, func(i, k int) float64 { return columns[i*p+k] }, func(i int) float64 { return y[i] }, 1e-6, 1)
		single := make([]uint64, p)
		for k := range single {
			single[k] = 1 << k
		}
		got := s.search(single)
		least, best := math.Inf(1), uint64(0)
		for in := range uint64(1 << p) {
			rest, _ := leastSquares(mem, s, in)
			if c := s.criterion(rest, bits.OnesCount64(in)); c < least {
				least, best = c, in
			}
			if in == got.in {
				require.InDelta(t, rest, got.rest, 1e-9*s.sum)
				require.InDelta(t, s.criterion(rest, bits.OnesCount64(in)), got.score, 1e-9*s.sum)
			}
		}
		if got.in != best {
			missed++
		}
		if bits.OnesCount64(best) > 1 {
			several++
		}
	}
	require.LessOrEqual(t, missed, 1, "of 40")
	require.Greater(t, several, 35, "or there is nothing to find")
}

// TestSearchKeepsWholeSets: what is found has the columns that come with those in it, and its rest and
// weights are those of least squares.
func TestSearchKeepsWholeSets(t *testing.T) {
	const c, n = 3, 80
	f, _ := flowForm(c)
	p, table := f.features(c), monomialTables()[c]
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		phi, y := make([]float64, n*p), make([]float64, n)
		w := make([]float64, p)
		for range 3 {
			w[r.IntN(p)] = r.NormFloat64()
		}
		for i := range n {
			f.lift(phi[i*p:], []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}, 1, c, nil)
			y[i] = dot(w, phi[i*p:][:p]) + 1e-3*r.NormFloat64()
		}
		s := newSearch(n, p, func(i, k int) float64 { return phi[i*p+k] }, func(i int) float64 { return y[i] }, 1e-6, 3)
		got := s.search(table.divisors)
		for k := range p {
			if got.in>>k&1 != 0 {
				require.Equal(t, table.divisors[k], got.in&table.divisors[k])
			}
		}
		rest, found := leastSquares(new(arena), s, got.in)
		require.InDelta(t, rest, got.rest, 1e-10*s.sum)
		for k, v := range w {
			require.InDelta(t, v, found[k], .01)
		}
	}
}

// TestMovedMonomials: they are the monomials of the distance from the origins.
func TestMovedMonomials(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for c := 1; c <= 5; c++ {
		f, _ := flowForm(c)
		s := flow{form: f, c: c, p: f.features(c)}
		origins, x, from := make([]float64, c), make([]float64, c), make([]float64, c)
		for j := range x {
			origins[j], x[j] = 3*r.NormFloat64(), r.NormFloat64()
			from[j] = x[j] - origins[j]
		}
		s.move(new(arena), origins)
		require.NotNil(t, s.moved)
		phi, want := make([]float64, s.p), make([]float64, s.p)
		f.lift(phi, x, 1, c, nil)
		f.lift(want, from, 1, c, nil)
		for i, v := range want {
			require.InDelta(t, v, dot(s.moved[i*s.p:][:s.p], phi), 1e-9, "%d channels, monomial %d", c, i)
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), -2 * farthestOrigin} {
			origins[c-1] = bad
			s.move(new(arena), origins)
			require.Nil(t, s.moved)
		}
		s.move(new(arena), nil)
		require.Nil(t, s.moved)
	}
}

// TestFewMonomialsFromZero: where the channels are zero makes a field short that is not so from
// the middle of their range, and the right one; also one that has denominators.
func TestFewMonomialsFromZero(t *testing.T) {
	const n, rows = 60, 240
	for name, k := range map[string]struct {
		rhs   func(_ float64, x, dx []float64)
		x0    []float64
		span  float64
		guide int
		least float64 // ratio of the errors
	}{
		"mass action": {func(_ float64, x, dx []float64) {
			dx[0] = 1.2 - .8*x[0]*x[1]
			dx[1] = .8*x[0]*x[1] - x[1]*x[2]
			dx[2] = x[1]*x[2] - .7*x[2]
		}, []float64{1.2, .9, .4}, 30, idFlow, 3},
		"saturating uptake": {func(_ float64, x, dx []float64) {
			u, v := x[0]*x[1]/(.4+x[0]), .8*x[1]*x[2]
			dx[0] = .5 - .3*x[0] - u
			dx[1] = .9*u - .2*x[1] - v
			dx[2] = .7*v - .15*x[2]
		}, []float64{1.2, .9, .4}, 60, idFlowRatio, 2},
	} {
		c := len(k.x0)
		times, raw := rk4(k.rhs, k.x0, k.span, rows, c)
		values, origins := scaled(raw, rows, c, n), make([]float64, c)
		for j := range c {
			lo, hi := math.Inf(1), math.Inf(-1)
			for i := range n {
				lo, hi = min(lo, raw[i*c+j]), max(hi, raw[i*c+j])
			}
			origins[j] = -(hi + lo) / (hi - lo)
		}
		seen := make([]float64, n*c)
		r := rand.New(rand.NewPCG(5, 6))
		for i := range seen {
			seen[i] = values[i] + 3e-6*r.NormFloat64()
		}
		worst := func(origins []float64) float64 {
			b := NewBank()
			b.UseOrigins(origins)
			b.Fit(times[:n], seen, c, times[rows-1])
			worst := 0.
			var v [NumGuides]float64
			for i := n; i < rows; i++ {
				for j := range c {
					b.Eval(v[:], nil, j, times[i])
					worst = max(worst, math.Abs(v[k.guide]-values[i*c+j]))
				}
			}
			return worst
		}
		known, unknown := worst(origins), worst(nil)
		t.Logf("%s: largest error %.2g, without the origins %.2g", name, known, unknown)
		require.Less(t, known, .01, name)
		require.Less(t, known, unknown/k.least, name)
	}
}

// TestWeakForm: integrals against test functions are those of the field, and a field is found under
// noise that slopes do not show.
func TestWeakForm(t *testing.T) {
	const n, c = 240, 3
	_, raw := rk4(triad, []float64{1, .4, .7}, 50, n, c)
	step := 50. / (n - 1)
	mem := new(arena)
	g := onGrid(mem, append([]float64(nil), raw...), n, c, nil)
	g.xt, g.dev = mem.raw(n*c), []float64{1, 1, 1}
	f, _ := flowForm(c)
	var s flow
	h := weakHalf(g)
	require.Positive(t, h)
	s.buildWeak(mem, g, f, h)
	want := make([]float64, c*s.p) // the coefficients of triad, per row
	for at, v := range map[int]float64{0: .6, 1: -.3, 8: 1.2, s.p + 2: -.4, s.p + 6: -2.1, s.p + 3: .2, 2*s.p + 3: .25, 2*s.p + 5: .9, 2*s.p + 19: -.1} {
		want[at] = v * step
	}
	for k := range folds {
		for j := range c {
			w, rest := want[j*s.p:][:s.p], s.sums[k][j]
			for i, v := range w {
				rest -= 2 * v * s.rhs[k][j*s.wide+i]
				for q, u := range w {
					rest += v * u * s.gram[k][max(i, q)*s.wide+min(i, q)]
				}
			}
			require.Less(t, rest, 1e-6*s.sums[k][j], "fold %d, channel %d", k, j)
		}
	}

	// Rows in gaps tell nothing.
	for i := 100; i < 110; i++ {
		g.ok[i], g.gaps = false, true
		for j := range c {
			g.x[i*c+j] = 1e6
		}
	}
	before := s.upto[0]
	s.buildWeak(mem, g, f, h)
	require.Less(t, s.upto[0], before)
	require.Greater(t, s.upto[0], before/2)
	for j := range c {
		require.Less(t, s.sums[0][j], 100.)
	}
}

// underNoise returns the error of the guide that follows the weak form, ahead of n rows under noise, in half ranges.
func underNoise(t *testing.T, rhs func(t float64, x, dx []float64), x0 []float64, span float64, n, rows int, each func(s *flow)) float64 {
	c := len(x0)
	times, raw := rk4(rhs, x0, span, rows, c)
	values := scaled(raw, rows, c, n)
	r := rand.New(rand.NewPCG(7, 8))
	sum, count := 0., 0.
	for range 10 {
		seen := make([]float64, n*c)
		for i := range seen {
			seen[i] = values[i] + .01*r.NormFloat64()
		}
		b := NewBank()
		b.Fit(times[:n], seen, c, times[rows-1])
		require.False(t, b.groups[0].clean)
		each(&b.run.flow)
		var v [NumGuides]float64
		for i := n; i < rows; i++ {
			for j := range c {
				b.Eval(v[:], nil, j, times[i])
				d := v[idWeakFlow] - values[i*c+j]
				sum, count = sum+d*d, count+1
			}
		}
	}
	t.Logf("error %.3f half ranges", math.Sqrt(sum/count))
	return math.Sqrt(sum / count)
}

// TestFieldUnderNoise: the guide that follows the weak form forecasts a field from noisy rows.
func TestFieldUnderNoise(t *testing.T) {
	require.Less(t, underNoise(t, triad, []float64{1, .4, .7}, 45, 200, 300, func(*flow) {}), .15)
}
