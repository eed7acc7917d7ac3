package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// A context free of noise shows the slopes of its channels almost exactly, and
// with them the right-hand side of the ODE that it solves, if the channels are
// the whole state: f(z) is regressed on the slopes, as polynomial of degree
// three (sparse identification of nonlinear dynamics without the sparsity,
// Brunton, Proctor and Kutz, PNAS 113, 2016) or as such a polynomial over a
// linear one for each channel, multiplied out (the implicit form, Mangan et al.,
// IEEE Trans. Mol. Biol. Multi-Scale Commun. 2, 2016). Unlike the
// autoregressions, which learn the map of one step, the right form is exact for
// every step, so that even chaos is followed far.

// slopeReach is the number of rows on each side that a slope is made of.
const slopeReach = 4

// slopeWeights are the central differences of eighth order, for the rows after
// the middle one.
var slopeWeights = [slopeReach]float64{4. / 5, -1. / 5, 4. / 105, -1. / 280}

// roughWeights are those of sixth order. Where both disagree the rows are too far
// apart for what happens between them, and count for less.
var roughWeights = [slopeReach - 1]float64{3. / 4, -3. / 20, 1. / 60}

// slopeDoubt is the disagreement, relative to the size of slopes, at which a row
// counts half. It is as small as the errors of slopes of smooth motion sampled at 30
// rows a period.
const slopeDoubt = 1e-4

// flowLeast is the least number of rows that the smallest fold learns from.
const flowLeast = 8

// flowSubsteps is the number of Runge-Kutta steps a row: one is too coarse for
// the harmonics of an oscillation sampled at 30 rows a period.
const flowSubsteps = 2

// flowRidges are the ridges that are validated.
var flowRidges = [lanes]float64{1e-9, 1e-6, 1e-3, 1e-1}

// Largest numbers of regressors of a polynomial and of a rational right-hand
// side. Beyond the first the cubic terms go.
const (
	maxFlow     = maxPoly
	maxRational = 96
)

// leastDenominator bounds the denominator of a rational right-hand side, which
// is one at the middle of the context.
const leastDenominator = 0.02

// flow regresses slopes on polynomials of the state. All slopes are per row.
type flow struct {
	gr   *grid
	form form
	c    int
	p    int // monomials
	wide int // columns: the monomials, then with rational each slope times each state
	gram [folds][]float64
	rhs  [folds][]float64 // c x wide

	rational bool
	field    rightHandSide
}

// flowForm returns the polynomial for c channels, and whether there is one.
func flowForm(c int) (form, bool) {
	f := form{poly: true, cubic: true, order: 1, stride: 1}
	if f.features(c) > maxFlow {
		f.cubic = false
	}
	return f, f.features(c) <= maxFlow
}

// build sets up the normal equations on gr and its library for all folds. It
// returns false when there is too little to learn from.
func (s *flow) build(a *arena, gr *grid, f form, rational bool) bool {
	c, n := gr.c, gr.n
	*s = flow{gr: gr, form: f, c: c, p: f.features(c)}
	ends := [folds]int{n, n - n/4, n - 2*(n/4)}
	if ends[folds-1]-2*slopeReach < flowLeast {
		return false
	}
	s.wide = s.p
	if rational {
		s.wide += c * c
	}
	s.wide = ceil4(s.wide)
	for k := range s.gram {
		s.gram[k], s.rhs[k] = a.raw(s.wide*s.wide), a.raw(c*s.wide)
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	fleet := 0
	for _, x := range gr.library {
		fleet += max(len(x)/c-2*slopeReach, 0)
	}
	phi, y := a.raw((fleet+n)*s.wide), a.raw((fleet+n)*c+1)
	rows := 0
	add := func(x []float64, i int, scale float64) {
		row, slope := phi[rows*s.wide:][:s.wide], y[rows*c:][:c]
		clear(slope)
		doubt := 0.
		for j := range slope {
			var rough float64
			for k, w := range slopeWeights {
				d := x[(i+k+1)*c+j] - x[(i-k-1)*c+j]
				slope[j] += w * d
				if k < len(roughWeights) {
					rough += roughWeights[k] * d
				}
			}
			d := (rough - slope[j]) * gr.s1[1][j] / gr.dev[j]
			doubt += d * d
		}
		scale /= math.Sqrt(1 + doubt/(slopeDoubt*slopeDoubt))
		f.lift(row, x, i+1, c, gr)
		o := s.p
		if rational {
			for _, v := range slope {
				for _, z := range x[i*c:][:c] {
					row[o] = -v * z
					o++
				}
			}
		}
		clear(row[o:])
		for k := range row {
			row[k] *= scale
		}
		for k := range slope {
			slope[k] *= scale
		}
		rows++
	}
	for _, x := range gr.library {
		for i := slopeReach; i < len(x)/c-slopeReach; i++ {
			add(x, i, math.Sqrt(gr.libraryWeight*float64(n)/float64(fleet)))
		}
	}
	from, next := 0, slopeReach
	for k := folds - 1; k >= 0; k-- { // smallest fold first
		for ; next < ends[k]-slopeReach; next++ {
			if !gr.gaps || wholeRows(gr.ok[next-slopeReach:next+slopeReach+1]) {
				add(gr.x, next, 1)
			}
		}
		gram, rhs := s.gram[k], s.rhs[k]
		if k == folds-1 {
			clear(gram)
			clear(rhs)
		} else {
			copy(gram, s.gram[k+1])
			copy(rhs, s.rhs[k+1])
		}
		if m := rows - from; m > 0 {
			part := phi[from*s.wide:]
			for i := 0; i < s.wide; i += 4 {
				asm.Gemm64(gram[i*s.wide:], s.wide, part[i:], 1, s.wide, part, s.wide, 4, i+4, m)
			}
			asm.Gemm64(rhs, s.wide, y[from*c:], 1, c, part, s.wide, c, s.wide, m)
		}
		from = rows
	}
	return true
}

// wholeRows reports whether no row lies in a gap.
func wholeRows(ok []bool) bool {
	for _, v := range ok {
		if !v {
			return false
		}
	}
	return true
}

// rightHandSide is f in four lanes: numerators (c x ceil4(p) weights) for one
// step of Runge-Kutta, and denominators less one (c x c weights; none for a
// polynomial).
type rightHandSide struct {
	num, den []float64
}

// solve returns the right-hand sides of four regressions.
func (s *flow) solve(a *arena, what [lanes]lane, rational bool) rightHandSide {
	c, p, pp := s.c, s.p, ceil4(s.p)
	out := rightHandSide{num: a.zeros(ceil2(c) * pp * lanes)}
	if rational {
		out.den = a.raw(c * c * lanes)
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	m, sides := p, c // unknowns of one system, and how many it has in common
	if rational {
		m, sides = p+c, 1
	}
	mm := ceil4(m)
	l, inv := a.raw((mm+ceil4(sides))*mm*lanes), a.raw(mm*lanes)
	var floor [lanes]float64
	for k, v := range what {
		floor[k] = 0.5 * v.ridge
	}
	for j := 0; j < c; j += sides {
		clear(l)
		// column returns where unknown i of this system lies among the columns.
		column := func(i int) int {
			if i < p {
				return i
			}
			return p + j*c + i - p
		}
		for i := range mm {
			row := l[i*mm*lanes:][:mm*lanes]
			for k, v := range what {
				if i >= m {
					row[i*lanes+k] = 1
					continue
				}
				g := s.gram[v.fold][column(i)*s.wide:]
				for q, u := range g[:min(i+1, p)] {
					row[q*lanes+k] = u
				}
				for q := p; q <= i; q++ {
					row[q*lanes+k] = g[column(q)]
				}
				row[i*lanes+k] += v.ridge
			}
		}
		z := l[mm*mm*lanes:]
		for r := range sides {
			for k, v := range what {
				b := s.rhs[v.fold][(j+r)*s.wide:]
				for i := range m {
					z[(r*mm+i)*lanes+k] = b[column(i)]
				}
			}
		}
		asm.CholeskyLanes(l, mm, mm+ceil4(sides), &floor, inv)
		asm.BackLanes(z, l, mm, mm, ceil2(sides), inv)
		for r := range sides {
			w := z[r*mm*lanes:]
			for i, v := range w[:p*lanes] {
				out.num[(j+r)*pp*lanes+i] = v * (1. / flowSubsteps)
			}
		}
		if rational {
			copy(out.den[j*c*lanes:(j+1)*c*lanes], z[p*lanes:])
		}
	}
	return out
}

// roll integrates the four right-hand sides by the classical Runge-Kutta method.
func (s *flow) roll(a *arena, end, steps [lanes]int, out *[lanes]track) (clipped [lanes]int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, f := s.c, &s.field
	size := c * lanes
	state, sum, buf := a.raw(size), a.raw(size), a.raw(2*size)
	lo, hi := a.raw(size), a.raw(size)
	for i := range lo {
		lo[i], hi[i] = math.Inf(-1), math.Inf(1)
	}
	r := asm.Rollout{Buf: buf, W: f.num, WStride: ceil4(s.p), Lo: lo, Hi: hi, C: c, Order: 1, Stride: 1, Poly: true, Cubic: s.form.cubic,
		S1: lo, S2: lo, Phi: a.raw(s.p * lanes)}
	var ignored [lanes]int64
	// slope turns the second row of buf into one substep times the right-hand side
	// at the first.
	slope := func() []float64 {
		at, k := buf[:size], buf[size:]
		r.Run(1, 1, &ignored)
		for i, v := range at {
			k[i] -= v
		}
		if f.den == nil {
			return k
		}
		for j := range c {
			q := [lanes]float64{1, 1, 1, 1}
			w := f.den[j*size:]
			for i := 0; i < size; i += lanes {
				z, d := (*[lanes]float64)(at[i:]), (*[lanes]float64)(w[i:])
				for l := range q {
					q[l] += z[l] * d[l]
				}
			}
			for l, v := range q {
				if math.Abs(v) < leastDenominator {
					v = math.Copysign(leastDenominator, v)
				}
				k[j*lanes+l] /= v
			}
		}
		return k
	}
	most := 0
	for k := range lanes {
		most = max(most, steps[k])
		for j := range c {
			state[j*lanes+k] = s.gr.x[(end[k]-1)*c+j]
		}
	}
	for t := range most {
		for range flowSubsteps {
			copy(buf, state)
			for i, v := range slope() {
				sum[i] = v
				buf[i] = state[i] + 0.5*v
			}
			for i, v := range slope() {
				sum[i] += 2 * v
				buf[i] = state[i] + 0.5*v
			}
			for i, v := range slope() {
				sum[i] += 2 * v
				buf[i] = state[i] + v
			}
			for i, v := range slope() {
				v = state[i] + (sum[i]+v)*(1./6)
				if !(math.Abs(v) <= clipAt) { // NaN too
					if v = clamp(v, -clipAt, clipAt); v != v {
						v = state[i]
					}
					if l := i % lanes; t < steps[l] {
						clipped[l]++
					}
				}
				state[i] = v
			}
		}
		for i, v := range state {
			o := &out[i%lanes]
			o.x[i/lanes*o.stride+t] = v
		}
	}
	for k := range clipped {
		clipped[k] /= flowSubsteps
	}
	return clipped
}

// choices fits each ridge to the first three quarters.
func (s *flow) choices(a *arena) {
	var by [lanes]lane
	for k, ridge := range flowRidges {
		by[k] = lane{1, ridge}
	}
	s.field = s.solve(a, by, s.rational)
}

// folds fits one of the ridges to all folds.
func (s *flow) folds(a *arena, choice int) {
	ridge := flowRidges[choice]
	s.field = s.solve(a, [lanes]lane{{0, ridge}, {1, ridge}, {2, ridge}, {0, ridge}}, s.rational)
}

// flows adds the guides that follow a vector field fitted to gr, polynomial and
// rational, each with the ridge that forecasts the last quarter best. It returns
// false, without guides, when the context is too short or has too many channels.
func (s *scorer) flows(mem *arena, g *group, gr *grid, polynomial, rational int) bool {
	f, ok := flowForm(s.c)
	if !ok {
		return false
	}
	ids := [...]int{polynomial, rational}
	count := len(ids)
	if f.features(s.c)+s.c > maxRational {
		count = 1
	}
	for _, id := range ids[:count] {
		g.paths[id] = s.longPath(mem, gr)
	}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	eq := &s.flow
	if !eq.build(mem, gr, f, count > 1) {
		return false
	}
	for i, id := range ids[:count] {
		eq.rational = i > 0
		s.chosen(mem, g, gr, id, eq)
	}
	if count == 1 {
		s.repeat(g, polynomial, rational)
	}
	return true
}
