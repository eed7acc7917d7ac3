package classical

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// solveDense solves a x = b by Gaussian elimination with pivoting.
func solveDense(a [][]float64, b []float64) []float64 {
	n := len(b)
	x := append([]float64(nil), b...)
	m := make([][]float64, n)
	for i := range m {
		m[i] = append([]float64(nil), a[i]...)
	}
	for k := range n {
		p := k
		for i := k; i < n; i++ {
			if math.Abs(m[i][k]) > math.Abs(m[p][k]) {
				p = i
			}
		}
		m[k], m[p], x[k], x[p] = m[p], m[k], x[p], x[k]
		for i := k + 1; i < n; i++ {
			f := m[i][k] / m[k][k]
			for j := k; j < n; j++ {
				m[i][j] -= f * m[k][j]
			}
			x[i] -= f * x[k]
		}
	}
	for k := n - 1; k >= 0; k-- {
		for j := k + 1; j < n; j++ {
			x[k] -= m[k][j] * x[j]
		}
		x[k] /= m[k][k]
	}
	return x
}

// randomGrid is a smooth random series on a grid, with a gap.
func randomGrid(r *rand.Rand, n, c int) (*grid, *arena) {
	mem := new(arena)
	g := &grid{n: n, c: c, dt: .5, x: make([]float64, n*c), ok: make([]bool, n), gaps: true}
	for i := range n {
		g.ok[i] = i < 30 || i > 33
		for j := range c {
			g.x[i*c+j] = .6*math.Sin(.31*float64(i)+2*float64(j)) + .4*math.Cos(.53*float64(i)-float64(j)) + .01*r.NormFloat64()
		}
	}
	g.setScales(mem)
	return g, mem
}

// TestFlowMatchesReference compares the vector fields and their paths with a plain
// regression and a plain Runge-Kutta method.
func TestFlowMatchesReference(t *testing.T) {
	for _, c := range []int{1, 2, 3, 5} {
		for trial := range 5 { // the last ones with phases: of time, of a channel, of both
			rational := trial%2 == 1
			g, mem := randomGrid(rand.New(rand.NewPCG(1, uint64(c))), 90, c)
			f, ok := flowForm(c)
			require.True(t, ok)
			var s flow
			require.True(t, s.build(mem, g, f, rational))
			if trial >= 2 {
				some := [][]phase{{{.17, ofTime}}, {{.34, c - 1}}, {{.17, ofTime}, {.34, c - 1}}}[trial-2]
				if c == 5 {
					some = some[:1]
				}
				s.phases = s.phases[:0]
				x := phaseRows{s: &s, phi: make([]float64, 90*ceil4(s.wide+64)), y: make([]float64, 90*c), ends: g.foldEnds(), m: s.phaseTerms()}
				x.use(some)
				s.normal(x.phi, x.y)
			}
			ridge := s.ridges[3]
			s.rational = rational
			s.folds(mem, 3) // ridge
			got := s.field

			monomials := func(z []float64, time float64) []float64 {
				phi := append([]float64{1}, z...)
				for i := range c {
					for j := i; j < c; j++ {
						phi = append(phi, z[i]*z[j])
					}
				}
				for i := range c {
					for j := i; j < c; j++ {
						for k := j; k < c; k++ {
							phi = append(phi, z[i]*z[j]*z[k])
						}
					}
				}
				for _, v := range s.phases {
					u := time
					if v.source >= 0 {
						u = z[v.source]
					}
					for _, m := range phi[:s.perPhase/2] {
						phi = append(phi, m*math.Cos(v.omega*u), m*math.Sin(v.omega*u))
					}
				}
				return phi
			}
			p := s.p + s.terms
			paths := [lanes]track{}
			for k := range paths {
				paths[k] = newTrack(mem, c, 20)
			}
			ends := [lanes]int{90, 68, 46, 80}
			s.roll(mem, ends, [lanes]int{20, 20, 20, 20}, &paths)
			for k, end := range []int{90, 68, 46} {
				var fields [][]float64
				for ch := range c {
					var rows [][]float64
					var y []float64
					for i := 4; i+4 < end; i++ {
						if i+4 >= 30 && i-4 <= 33 {
							continue // reads the gap
						}
						x := func(d int) float64 { return g.x[(i+d)*c+ch] }
						slope := 4./5*(x(1)-x(-1)) - 1./5*(x(2)-x(-2)) + 4./105*(x(3)-x(-3)) - 1./280*(x(4)-x(-4))
						doubt := 0.
						for j := range c {
							x := func(d int) float64 { return g.x[(i+d)*c+j] }
							fine := 4./5*(x(1)-x(-1)) - 1./5*(x(2)-x(-2)) + 4./105*(x(3)-x(-3)) - 1./280*(x(4)-x(-4))
							rough := 3./4*(x(1)-x(-1)) - 3./20*(x(2)-x(-2)) + 1./60*(x(3)-x(-3))
							doubt += math.Pow((rough-fine)*g.s1[1][j]/g.dev[j]/slopeDoubt, 2)
						}
						row := monomials(g.x[i*c:(i+1)*c], float64(i-89))
						if rational {
							for _, z := range g.x[i*c : (i+1)*c] {
								row = append(row, -slope*z)
							}
						}
						for q := range row {
							row[q] /= math.Sqrt(1 + doubt)
						}
						rows, y = append(rows, row), append(y, slope/math.Sqrt(1+doubt))
					}
					p := len(rows[0])
					a, b := make([][]float64, p), make([]float64, p)
					for i := range p {
						a[i] = make([]float64, p)
						for q, row := range rows {
							for j := range p {
								a[i][j] += row[i] * row[j]
							}
							b[i] += row[i] * y[q]
						}
						a[i][i] += ridge
					}
					fields = append(fields, solveDense(a, b))
				}
				for ch, w := range fields {
					for i := range s.p {
						require.InDelta(t, w[i], float64(s.substeps)*got.num[(ch*ceil4(s.p)+i)*lanes+k], 1e-8*(1+math.Abs(w[i])), "channel %d of %d, weight %d, fold %d", ch, c, i, k)
					}
					for i, v := range w[s.p:p] {
						require.InDelta(t, v, float64(s.substeps)*got.modulated[(ch*s.terms+i)*lanes+k], 1e-8*(1+math.Abs(v)))
					}
					for i, v := range w[p:] {
						require.InDelta(t, v, got.den[(ch*c+i)*lanes+k], 1e-8*(1+math.Abs(v)))
					}
				}
				field := func(z []float64, time float64) []float64 {
					phi, out := monomials(z, time), make([]float64, c)
					for ch, w := range fields {
						q := 1.
						for i, v := range phi {
							out[ch] += w[i] * v
						}
						for i, v := range w[p:] {
							q += v * z[i]
						}
						if math.Abs(q) < leastDenominator {
							q = math.Copysign(leastDenominator, q)
						}
						out[ch] /= q
					}
					return out
				}
				z := append([]float64(nil), g.x[(end-1)*c:end*c]...)
				for row := range 20 {
					for step := range s.substeps {
						h := 1 / float64(s.substeps)
						time := float64(end-90+row) + float64(step)*h
						along := func(k []float64, by float64) []float64 {
							out := append([]float64(nil), z...)
							for i := range out {
								out[i] += by * k[i]
							}
							return out
						}
						k1 := field(z, time)
						k2 := field(along(k1, h/2), time+h/2)
						k3 := field(along(k2, h/2), time+h/2)
						k4 := field(along(k3, h), time+h)
						for i := range z {
							z[i] = clamp(z[i]+h/6*(k1[i]+2*k2[i]+2*k3[i]+k4[i]), -clipAt, clipAt)
						}
					}
					for i, v := range z {
						require.InDelta(t, v, paths[k].of(i, 20)[row], 1e-6, "channel %d of %d, row %d, fold %d", i, c, row, k)
					}
				}
			}
		}
	}
}

// TestKernelMatchesReference compares the regressions of all folds with plain ones,
// and paths with sums over all rows.
func TestKernelMatchesReference(t *testing.T) {
	for _, c := range []int{1, 2, 3, 5} {
		for _, order := range []int{1, 2, 3} {
			g, mem := randomGrid(rand.New(rand.NewPCG(2, uint64(c))), 70, c)
			var s kernelMap
			require.True(t, s.build(mem, g, order))
			s.multiply(mem)
			s.factored = s.factor(mem)
			const choice = 2
			s.folds(mem, choice)
			var paths [lanes]track
			for k := range paths {
				paths[k] = newTrack(mem, c, 12)
			}
			ends := [lanes]int{70, 53, 36, 60}
			s.roll(mem, ends, [lanes]int{12, 12, 12, 12}, &paths)

			state := func(x [][]float64) []float64 { // x: the latest rows, oldest first
				n := len(x)
				z := append([]float64(nil), x[n-1]...)
				for j := 0; j < c && order > 1; j++ {
					z = append(z, g.s1[1][j]*(x[n-1][j]-x[n-2][j]))
				}
				for j := 0; j < c && order > 2; j++ {
					z = append(z, g.s2[1][j]*(x[n-1][j]-2*x[n-2][j]+x[n-3][j]))
				}
				return z
			}
			rowsOf := func(to int) [][]float64 {
				var x [][]float64
				for i := to - order; i < to; i++ {
					x = append(x, g.x[i*c:(i+1)*c])
				}
				return x
			}
			kernel := func(a, b []float64) float64 {
				square, product := 0., 0.
				for i := range a {
					square += (a[i] - b[i]) * (a[i] - b[i])
					product += a[i] * b[i]
				}
				width := kernelChoices[choice].width
				return 1/(1+square/(2*width*width*float64(len(a)))) + 1 + product
			}
			for k, end := range []int{70, 53, 36} {
				var states [][]float64
				var at []int
				for i := order; i < end; i++ {
					if i >= 30 && i-order <= 33 {
						continue
					}
					states, at = append(states, state(rowsOf(i))), append(at, i)
				}
				a := make([][]float64, len(states))
				for i := range a {
					a[i] = make([]float64, len(states))
					for j := range a {
						a[i][j] = kernel(states[i], states[j])
					}
					a[i][i] += kernelChoices[choice].ridge
				}
				var weights [][]float64
				for j := range c {
					y := make([]float64, len(at))
					for q, i := range at {
						y[q] = g.x[i*c+j] - g.x[(i-1)*c+j]
					}
					weights = append(weights, solveDense(a, y))
				}
				x := rowsOf(end)
				for row := range 12 {
					z := state(x)
					next := append([]float64(nil), x[len(x)-1]...)
					for j, w := range weights {
						for q, u := range states {
							next[j] += w[q] * kernel(z, u)
						}
						next[j] = clamp(next[j], -clipAt, clipAt)
					}
					x = append(x, next)
					for j, v := range next {
						require.InDelta(t, v, paths[k].of(j, 12)[row], 1e-4*(1+math.Abs(v)), "order %d, channel %d of %d, row %d, fold %d", order, j, c, row, k)
					}
				}
			}
		}
	}
}

// TestFlowsFollowTheirSystems: a vector field of the right form is exact, that of
// another form is found by the kernels. Two thirds are seen.
func TestFlowsFollowTheirSystems(t *testing.T) {
	for _, k := range []struct {
		name string
		id   int
		c    int
		want float64
	}{
		{"Rosenzweig-MacArthur", idFlowRatio, 2, .002},
		{"FitzHugh-Nagumo", idFlow, 2, .02},
		{"ring oscillator", idKernel, 3, .02},
	} {
		found := false
		for _, s := range append(testSystems(), testSystem{"FitzHugh-Nagumo", func(_ float64, x, dx []float64) {
			dx[0] = x[0] - x[0]*x[0]*x[0]/3 - x[1] + .5
			dx[1] = .08 * (x[0] + .7 - .8*x[1])
		}, []float64{0, 0}, 120}) {
			if s.name != k.name {
				continue
			}
			found = true
			const n = 200
			times, values := rk4(s.f, s.x0, s.span, 3*n/2, k.c)
			values = scaled(values, 3*n/2, k.c, n)
			b := NewBank()
			b.Fit(times[:n], values[:n*k.c], k.c, times[len(times)-1])
			var v [NumGuides]float64
			far, auto := 0., 0.
			for i := n; i < len(times); i++ {
				for j := range k.c {
					b.Eval(v[:], nil, j, times[i])
					far = max(far, math.Abs(v[k.id]-values[i*k.c+j]))
					auto = max(auto, math.Abs(v[idARVal]-values[i*k.c+j]))
				}
			}
			t.Logf("%s: largest error %.2g, of the autoregression %.2g", s.name, far, auto)
			require.Less(t, far, k.want, s.name)
			require.Less(t, far, auto, s.name)
		}
		require.True(t, found, k.name)
	}
}

// triad is three modes that pass energy to each other, one of them driven: its terms are
// the constant, the three linear ones and the three products of two.
func triad(_ float64, x, dx []float64) {
	dx[0] = -.3*x[0] + 1.2*x[1]*x[2] + .6
	dx[1] = -.4*x[1] - 2.1*x[0]*x[2] + .2*x[2]
	dx[2] = .25*x[2] + .9*x[0]*x[1] - .1*x[2]*x[2]*x[2]
}

// onGrid is a context on a grid, every row of it with dt 1 or those at the given rows.
func onGrid(mem *arena, values []float64, n, c int, kept []int) *grid {
	g := &grid{n: n, c: c, dt: 1, end: float64(n - 1), x: values[:n*c], ok: make([]bool, n)}
	for i := range g.ok {
		g.ok[i] = true
	}
	for _, i := range kept {
		g.rows = append(g.rows, values[i*c:(i+1)*c]...)
		g.at = append(g.at, float64(i))
	}
	g.setScales(mem)
	return g
}

// keptRows are the first, the last and about half of the other rows.
func keptRows(r *rand.Rand, n int) []int {
	kept := []int{0}
	for i := 1; i < n-1; i++ {
		if r.IntN(2) == 0 {
			kept = append(kept, i)
		}
	}
	return append(kept, n-1)
}

// TestFlowIsExact: a field of the right form, fitted to increments, is that of the system
// to many digits, from even and uneven rows, of all folds; slopes alone give it to three.
func TestFlowIsExact(t *testing.T) {
	for _, k := range []struct {
		name     string
		f        func(t float64, x, dx []float64)
		x0       []float64
		span     float64
		rational bool
		even     float64 // largest relative error of the field at rows of the context
		uneven   float64
	}{
		{"triad", triad, []float64{1, .4, .7}, 60, false, 3e-5, 1e-3},
		{"Rosenzweig-MacArthur", testSystems()[2].f, testSystems()[2].x0, testSystems()[2].span, true, 3e-5, 1e-3},
	} {
		c := len(k.x0)
		const n = 240
		_, raw := rk4(k.f, k.x0, k.span, n, c)
		values := scaled(raw, n, c, n)
		dt := k.span / (n - 1)
		for _, uneven := range []bool{false, true} {
			mem := new(arena)
			var kept []int
			want := k.even
			if uneven {
				kept, want = keptRows(rand.New(rand.NewPCG(3, 4)), n), k.uneven
			}
			x := values
			if uneven {
				x = make([]float64, n*c)
				for j := range c {
					var at, y []float64
					for _, i := range kept {
						at, y = append(at, float64(i)), append(y, values[i*c+j])
					}
					var curve spline
					curve.interpolate(at, y, make([]float64, len(at)), make([]float64, 9*len(at)))
					for i := range n {
						x[i*c+j], _ = curve.at(float64(i))
					}
				}
			}
			g := onGrid(mem, x, n, c, kept)
			if uneven {
				for q, i := range kept {
					copy(g.rows[q*c:], values[i*c:(i+1)*c])
				}
			}
			var s flow
			require.True(t, s.follow(mem, g), k.name)
			require.Equal(t, k.rational, s.rational, k.name)
			s.ridges = incrementRidges
			for fold := range folds {
				field := s.even(mem, fold, k.rational, s.substeps)
				rk := s.runge(mem, field)
				dx := make([]float64, c)
				size, far := make([]float64, c), make([]float64, c)
				for i := range n - n/4*fold {
					k.f(0, raw[i*c:(i+1)*c], dx)
					for j := range c {
						for l := range lanes {
							rk.at[j*lanes+l] = values[i*c+j]
						}
					}
					slope := rk.slope(0)
					for j := range c {
						half := (raw[c+j] - raw[j]) / (values[c+j] - values[j])
						v := dx[j] * dt / half
						size[j] = max(size[j], math.Abs(v))
						far[j] = max(far[j], math.Abs(v-slope[j*lanes]*float64(s.substeps)))
					}
				}
				for j := range c {
					require.Less(t, far[j]/size[j], want, "%s, channel %d, fold %d, uneven %v", k.name, j, fold, uneven)
				}
			}
			if !uneven {
				require.Equal(t, [folds]int{n - 1, n - n/4 - 1, n - n/4*2 - 1}, s.upto)
				continue
			}
			s.fill(mem, g)
			for q := range len(kept) - 1 {
				for i := kept[q] * c; kept[q+1]-kept[q] <= flowSteps && i <= kept[q+1]*c; i++ {
					require.InDelta(t, values[i], g.x[i], 2e-5, "%s, row %d", k.name, i/c)
				}
			}
		}
	}
}

// TestSparseFindsMonomials: the monomials that are left are those of the system and their
// divisors, whatever the units and origins of the channels.
func TestSparseFindsMonomials(t *testing.T) {
	const n, c = 200, 3
	_, raw := rk4(triad, []float64{1, .4, .7}, 50, n, c)
	want := [c][]int{
		{0, 1, 2, 3, 8},        // of x1 x2: 1, x0 from its own, x1, x2
		{0, 1, 2, 3, 6},        // x0 x2
		{0, 1, 2, 3, 5, 9, 19}, // x0 x1, and x2 cubed
	}
	for _, change := range [][2]float64{{1, 0}, {.01, 5}, {40, -3}} {
		mem := new(arena)
		values := make([]float64, n*c)
		for i, v := range raw {
			values[i] = change[0]*v + change[1]
		}
		g := onGrid(mem, scaled(values, n, c, n), n, c, nil)
		var s flow
		require.True(t, s.follow(mem, g))
		var search supports
		search.init(mem, s.p)
		w := make([]float64, s.p)
		for fold := range folds {
			for j := range c {
				s.sparse(mem, &search, fold, j, s.p, w)
				var got []int
				for i, v := range w {
					if v != 0 {
						got = append(got, i)
					}
				}
				require.Equal(t, want[j], got, "channel %d, fold %d", j, fold)
			}
		}
	}
}

// TestSparseKeepsDivisors: a product of two channels stays with all that divides it, and
// what no row shows is left out.
func TestSparseKeepsDivisors(t *testing.T) {
	const n, c = 400, 3
	r := rand.New(rand.NewPCG(9, 10))
	f, _ := flowForm(c)
	s := flow{form: f, c: c, p: f.features(c), wide: ceil4(f.features(c)), upto: [folds]int{n, n, n}, rounding: sparseError, cost: sparseCost}
	for k := range folds {
		s.gram[k], s.rhs[k], s.sums[k] = make([]float64, s.wide*s.wide), make([]float64, c*s.wide), make([]float64, c)
	}
	phi, y := make([]float64, n*s.wide), make([]float64, n*c)
	for i := range n {
		x := []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
		f.lift(phi[i*s.wide:], x, 1, c, nil)
		y[i*c] = x[1]*x[2] + 1e-9*r.NormFloat64()
		y[i*c+1] = x[0]*x[0]*x[2] + 1e-9*r.NormFloat64()
	}
	s.normal(phi, y)
	var search supports
	search.init(new(arena), s.p)
	w := make([]float64, s.p)
	for j, want := range [][]int{{0, 2, 3, 8}, {0, 1, 3, 4, 6, 12}, nil} {
		s.sparse(new(arena), &search, 0, j, s.p, w)
		var got []int
		for i, v := range w {
			if v != 0 {
				got = append(got, i)
			}
		}
		require.Equal(t, want, got)
	}
}

// TestFewMonomialsGoFurther: a field of few monomials is right where the context has not
// been, even if values are rounded.
func TestFewMonomialsGoFurther(t *testing.T) {
	const n, rows, c = 40, 150, 3
	times, raw := rk4(triad, []float64{1, .4, .7}, 25, rows, c)
	values := scaled(raw, rows, c, n)
	rounded := make([]float64, n*c)
	for i := range rounded {
		rounded[i] = math.Round(values[i]*2e4) / 2e4
	}
	b := NewBank()
	b.Fit(times[:n], rounded, c, times[rows-1])
	far, worst := 0., 0.
	var v [NumGuides]float64
	for i := n; i < rows; i++ {
		for j := range c {
			b.Eval(v[:], nil, j, times[i])
			worst = max(worst, math.Abs(v[idFlow]-values[i*c+j]))
			far = max(far, math.Abs(values[i*c+j]))
		}
	}
	require.Greater(t, far, 1.2, "it leaves the range of the context, or the test is of no use")
	require.Less(t, worst, .02)
}

// TestGridBetweenRows: the grid of a context with rows left out follows the field between
// them.
func TestGridBetweenRows(t *testing.T) {
	const n, c = 240, 3
	times, raw := rk4(triad, []float64{1, .4, .7}, 50, n, c)
	values := scaled(raw, n, c, n)
	r := rand.New(rand.NewPCG(3, 4))
	var at, x []float64
	for _, i := range keptRows(r, n) {
		at, x = append(at, times[i]), append(x, values[i*c:(i+1)*c]...)
	}
	b := NewBank()
	b.Fit(at, x, c, times[n-1]*1.3)
	gr := &b.groups[0].native
	require.NotNil(t, gr.at)
	const fine = 8
	fineTimes, fineRaw := rk4(triad, []float64{1, .4, .7}, 50, fine*(n-1)+1, c)
	near := 0
	for j := range c {
		var truth spline
		m := len(fineTimes)
		lo := channel(fineRaw, m, c, j)
		for i, v := range lo { // as scaled
			lo[i] = values[j] + (v-raw[j])*(values[c+j]-values[j])/(raw[c+j]-raw[j])
		}
		truth.interpolate(fineTimes, lo, make([]float64, m), make([]float64, 9*m))
		for i := range gr.n {
			v, _ := truth.at(gr.end - float64(gr.n-1-i)*gr.dt)
			if math.Abs(b.groups[0].mid[j]+b.groups[0].half[j]*gr.x[i*c+j]-v) < 1e-4 {
				near++
			}
		}
	}
	require.Greater(t, near, gr.n*c*9/10, "of %d values", gr.n*c)

}

// TestSettle: what channels missed is found to many digits where a field leads from row to
// row, what was observed is kept, and the guide follows it ahead.
func TestSettle(t *testing.T) {
	const n, c, ahead = 240, 3, 60
	dt := 25. / (n - 1)
	times, raw := rk4(triad, []float64{1, .4, .7}, dt*(n+ahead-1), n+ahead, c)
	values := scaled(raw, n+ahead, c, n)
	for _, missing := range []float64{.1, .5} {
		r := rand.New(rand.NewPCG(3, 4))
		own := append([]float64(nil), values[:n*c]...)
		var far []float64
		for i := range own {
			if i >= c && i < (n-1)*c && r.Float64() < missing {
				own[i] = math.NaN()
			}
		}
		b := NewBank()
		b.Fit(times[:n], own, c, times[n+ahead-1])
		g := &b.groups[0]
		require.NotEmpty(t, g.native.seen)
		require.Len(t, g.native.rows, len(g.native.seen))
		lost := 0
		for i, at := range g.native.at {
			row := int(math.Round(at))
			require.InDelta(t, float64(row), at, 1e-9)
			for j := range c {
				v := g.mid[j] + g.half[j]*g.native.rows[i*c+j]
				if g.native.seen[i*c+j] {
					require.InDelta(t, own[row*c+j], v, 1e-12)
				} else {
					far = append(far, math.Abs(values[row*c+j]-v))
					lost++
				}
			}
		}
		require.Greater(t, lost, int(.6*missing*n*c))
		slices.Sort(far)
		require.Less(t, far[len(far)*9/10], 1e-5, "%g missing", missing)
		require.Less(t, b.Noise(0), 1e-4)
		worst := 0.
		var v [NumGuides]float64
		for i := n; i < n+ahead; i++ {
			for j := range c {
				b.Eval(v[:], nil, j, times[i])
				worst = max(worst, math.Abs(v[idFlow]-values[i*c+j]))
			}
		}
		require.Less(t, worst, .02, "%g missing", missing)
	}
}

// TestSettleHasLimits: noise stays noise although missing values could take it up, and
// what cannot be found leaves the rows without missing channels, if these are many.
func TestSettleHasLimits(t *testing.T) {
	const n = 300
	times, raw := rk4(triad, []float64{1, .4, .7}, 25, n, 3)
	b := NewBank()
	for _, noise := range []float64{.01, .02} {
		r := rand.New(rand.NewPCG(5, 6))
		x := scaled(raw, n, 3, n)
		for i := range x {
			x[i] += noise * r.NormFloat64()
			if r.IntN(2) == 0 {
				x[i] = math.NaN()
			}
		}
		b.Fit(times, x, 3, times[n-1]*1.3)
		require.False(t, b.groups[0].clean, "%g", noise)
		require.Greater(t, max(b.Noise(0), b.Noise(1), b.Noise(2)), .5*noise, "%g", noise)
	}
	for _, share := range []float64{.05, .5} {
		const wide = 6 // has more coefficients than are found so
		r := rand.New(rand.NewPCG(7, 8))
		x := make([]float64, n*wide)
		for i := range x {
			x[i] = math.Sin(.05 * float64(i/wide) * math.Sqrt(float64(1+i%wide)))
			if r.Float64() < share {
				x[i] = math.NaN()
			}
		}
		b.Fit(times, x, wide, times[n-1]*1.3)
		g := &b.groups[0].native
		require.Empty(t, g.seen)
		if share > .1 {
			require.Nil(t, g.at)
			continue
		}
		require.Greater(t, len(g.at), n/2)
		for i, at := range g.at {
			require.False(t, slices.ContainsFunc(x[int(math.Round(at))*wide:][:wide], math.IsNaN), "row %d", i)
		}
	}
}

// TestInvert: the product with the inverse is one, and no inverse is given of what is
// nearly singular.
func TestInvert(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for c := 1; c <= 7; c++ {
		m := make([]float64, c*c)
		for i := range m {
			m[i] = .1 * r.NormFloat64()
			if i%(c+1) == 0 {
				m[i]++
			}
		}
		inverse := slices.Clone(m)
		require.True(t, invert(inverse, c))
		for i := range c {
			for j := range c {
				sum := 0.
				for k := range c {
					sum += m[i*c+k] * inverse[k*c+j]
				}
				want := 0.
				if i == j {
					want = 1
				}
				require.InDelta(t, want, sum, 1e-12)
			}
		}
		copy(m[(c-1)*c:], make([]float64, c))
		require.False(t, invert(m, c))
	}
	require.False(t, invert([]float64{math.NaN()}, 1))
}

// TestProducts: the table of products agrees with the features.
func TestProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for c := 1; c <= 4; c++ {
		f, _ := flowForm(c)
		p := f.features(c)
		x, phi := make([]float64, c), make([]float64, p)
		for j := range x {
			x[j] = 1 + r.Float64()
		}
		f.lift(phi, x, 1, c, nil)
		for i, v := range phi {
			for j := range c {
				k := monomialTables()[c].products[i*c+j]
				if k < 0 {
					require.GreaterOrEqual(t, i, p-c*(c+1)*(c+2)/6, "only cubic monomials have none")
					continue
				}
				require.InDelta(t, v*x[j], phi[k], 1e-12)
			}
		}
	}
}

// TestFastIsNoNoise: a motion with jumps is not taken for noisy, the same with weak noise
// is, and what is noisy keeps its noise.
func TestFastIsNoNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const n, c = 400, 2
	jumps := func(_ float64, x, dx []float64) { // a relaxation oscillation
		dx[0] = 8 * (x[0] - x[0]*x[0]*x[0]/3 - x[1])
		dx[1] = .8*x[0] + .3
	}
	times, raw := rk4(jumps, []float64{1, 0}, 40, n, c)
	values := scaled(raw, n, c, n)
	b := NewBank()
	fit := func(noise float64, drop bool) float64 {
		var at, x []float64
		for i := range n {
			if drop && i > 0 && i < n-1 && i%5 == 2 {
				continue
			}
			at = append(at, times[i])
			for j := range c {
				x = append(x, values[i*c+j]+noise*r.NormFloat64())
			}
		}
		b.Fit(at, x, c, times[n-1]*1.3)
		return max(b.Noise(0), b.Noise(1))
	}
	clean := fit(0, false)
	require.Greater(t, differenceNoise(channel(values, n, c, 0), make([]float64, 9*n)), cleanNoise, "or the test is of no use")
	require.Less(t, clean, cleanNoise)
	require.Less(t, fit(0, true), cleanNoise)
	for _, noise := range []float64{.0003, .01, .02} {
		require.Greater(t, fit(noise, false), .7*noise)
	}
	// So many monomials follow the rows that they were fitted to, noise included.
	const wide, rows = 5, 57
	x := make([]float64, rows*wide)
	for i := range x {
		x[i] = math.Sin(.15*float64(i/wide)*math.Sqrt(float64(1+i%wide))) + .015*r.NormFloat64()
	}
	b.Fit(times[:rows], x, wide, times[rows])
	require.Greater(t, b.Noise(0), .5*.015)
	require.False(t, new(flow).follow(new(arena), onGrid(new(arena), x, rows-1, wide, nil)))
}

// channel returns one channel of rows.
func channel(x []float64, n, c, j int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x[i*c+j]
	}
	return out
}

// TestBordered: both sets of unknowns are those of the whole system of equations.
func TestBordered(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, k := range []struct{ n, band, m int }{{1, 2, 1}, {7, 2, 3}, {20, 6, 8}, {33, 4, 13}, {3, 8, 5}} {
		// The normal equations of a regression, each row of which has some neighbouring
		// values and all coefficients.
		size := k.n + k.m
		var a arena
		eq := newBordered(&a, k.n, k.band, k.m)
		full, right := make([][]float64, size), make([]float64, size)
		for i := range full {
			full[i] = make([]float64, size)
		}
		for i := range 3 * size {
			row := make([]float64, size)
			for q := range k.band {
				if u := i%k.n + q; u < k.n {
					row[u] = r.NormFloat64()
				}
			}
			for q := range k.m {
				row[k.n+q] = r.NormFloat64()
			}
			v := r.NormFloat64()
			for p, x := range row {
				right[p] += v * x
				for q, y := range row {
					full[p][q] += x * y
				}
			}
		}
		for i := range size {
			full[i][i] += .1
			for j := range size {
				switch {
				case j < k.n && i < k.n && j <= i && i-j < k.band:
					eq.gram[i*k.band+k.band-1-i+j] = full[i][j]
				case i < k.n && j >= k.n:
					eq.cross[i*eq.wide+j-k.n] = full[i][j]
				case j >= k.n && j <= i:
					eq.own[(i-k.n)*eq.wide+j-k.n] = full[i][j]
				}
			}
		}
		copy(eq.first, right)
		copy(eq.second, right[k.n:])
		want := solveNaive(full, right)
		eq.solve(&a)
		require.InDeltaSlice(t, want[:k.n], eq.first, 1e-9, "%+v", k)
		require.InDeltaSlice(t, want[k.n:], eq.second[:k.m], 1e-9, "%+v", k)
	}
}
