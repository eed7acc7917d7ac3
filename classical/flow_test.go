package classical

import (
	"math"
	"math/rand/v2"
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
		for _, rational := range []bool{false, true} {
			g, mem := randomGrid(rand.New(rand.NewPCG(1, uint64(c))), 90, c)
			f, ok := flowForm(c)
			require.True(t, ok)
			var s flow
			require.True(t, s.build(mem, g, f, rational))
			ridge := s.ridges[3]
			s.rational = rational
			s.folds(mem, 3) // ridge
			got := s.field

			monomials := func(z []float64) []float64 {
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
				return phi
			}
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
						row := monomials(g.x[i*c : (i+1)*c])
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
					for i := range w[s.p:] {
						require.InDelta(t, w[s.p+i], got.den[(ch*c+i)*lanes+k], 1e-8*(1+math.Abs(w[s.p+i])))
					}
				}
				field := func(z []float64) []float64 {
					phi, out := monomials(z), make([]float64, c)
					for ch, w := range fields {
						q := 1.
						for i, v := range phi {
							out[ch] += w[i] * v
						}
						for i, v := range w[s.p:] {
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
					for range s.substeps {
						h := 1 / float64(s.substeps)
						along := func(k []float64, by float64) []float64 {
							out := append([]float64(nil), z...)
							for i := range out {
								out[i] += by * k[i]
							}
							return out
						}
						k1 := field(z)
						k2 := field(along(k1, h/2))
						k3 := field(along(k2, h/2))
						k4 := field(along(k3, h))
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
