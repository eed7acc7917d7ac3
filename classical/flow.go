package classical

import (
	"math"
	"slices"

	"github.com/lassode/lassode/asm"
)

// A context free of noise shows the right-hand side of the ODE that it solves, if the
// channels are the whole state: a polynomial f of degree three (sparse identification of
// nonlinear dynamics, Brunton, Proctor and Kutz, PNAS 113, 2016), or such a polynomial
// over a linear one for each channel, multiplied out (the implicit form, Mangan et al.,
// IEEE Trans. Mol. Biol. Multi-Scale Commun. 2, 2016), either with sines and cosines where
// phases.go finds them. Unlike the autoregressions, which
// learn the map of one step, the right form is exact for every step, so that even chaos
// is followed far.
//
// A first f is regressed on slopes from differences. It is as good as these, which fast
// motion spoils. If it roughly leads from row to row, it is fitted anew to what happens
// between them,
//
//	z(t_i+1) - z(t_i) = integral of f(z(t)) dt from t_i to t_i+1,
//
// linear in the coefficients once z(t) is known: it is the path of the f of the pass
// before from z(t_i), bent in proportion to time so that it ends in z(t_i+1). Passes
// converge to the f that leads from each row to the next, however far apart they are and
// at whatever times.

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

// Runge-Kutta steps a row: of a field fitted to slopes, for which one is too coarse
// for the harmonics of an oscillation sampled at 30 rows a period, and of one fitted
// to increments, which is much more accurate. Rows at uneven times are farther apart.
const (
	slopeSubsteps     = 2
	incrementSubsteps = 4
	unevenSubsteps    = 8
)

// The ridges that are validated, of both. The first of the second is also that of the
// polynomial with few monomials.
var (
	slopeRidges     = [lanes]float64{1e-9, 1e-6, 1e-3, 1e-1}
	incrementRidges = [lanes]float64{1e-12, 1e-9, 1e-6, 1e-3}
	sparseRidges    = [lanes]float64{1e-12, 1e-12, 1e-8, 1e-4}
)

const (
	// sparseFavour is the share of its squared error in the last quarter that a ridge has to
	// stay below to be preferred.
	sparseFavour = .01
)

// A field fitted to slopes is fitted anew to increments if it takes half of the rows to
// the next with an error of less than flowDoubt of the root mean square of the
// increments, as long as each pass takes three tenths off that error, flowPasses times at
// most. What comes out is believed if the error falls below flowError.
const (
	flowDoubt  = .3
	flowPasses = 16
	flowError  = 1e-2
)

// boole integrates over the steps of a row: Boole's rule, once and twice.
var boole = map[int][]float64{
	incrementSubsteps: {7. / 90, 32. / 90, 12. / 90, 32. / 90, 7. / 90},
	unevenSubsteps:    {7. / 180, 32. / 180, 12. / 180, 32. / 180, 14. / 180, 32. / 180, 12. / 180, 32. / 180, 7. / 180},
}

// fillError is the error, in half ranges, up to which a path between observed rows is
// better than the interpolating spline.
const fillError = 1e-4

// flowBound bounds the paths between rows that are learnt from, in half ranges.
const flowBound = 3

// Largest numbers of regressors of a polynomial and of a rational right-hand
// side. Beyond the first the cubic terms go.
const (
	maxFlow     = maxPoly
	maxRational = 96
)

// exactFlow is the logarithm of the error, in standard deviations, below which a field that forecasts the last quarter
// counts as that of the system, if that of the other kind has one greater by exactLead.
const (
	exactFlow = -3.
	exactLead = 1.
)

// leastDenominator bounds the denominator of a rational right-hand side, which
// is one at the middle of the context.
const leastDenominator = 0.02

// flow regresses slopes, or increments, on polynomials of the state. All slopes are per row.
type flow struct {
	gr       *grid
	form     form
	c        int
	p        int // monomials
	phases   []phase
	perPhase int // terms of each
	terms    int // of all of them
	extra    int // those that are regressed on: all or none
	driven   int // the channel that phases move most
	turns    int // column of its derivatives by their frequencies, the last ones
	wide     int // columns: the monomials, the terms of phases, then with both each slope times each state
	both     bool
	upto     [folds]int // rows that the folds learn from
	gram     [folds][]float64
	rhs      [folds][]float64 // c x wide
	sums     [folds][]float64 // of the squares of what is regressed, c
	moved    []float64        // p x p, monomials from the origins of the channels in those from the middles; nil if these are not known

	ridges   [lanes]float64
	substeps int
	pairs    []pair
	parts    []pair // of fill and settle
	starts   []int  // of the stretches of the weak form
	unknown  []int  // by entry of the partial rows, of settle
	fleet    int    // pairs of the library, which come first
	fresh    bool   // fitted to the present context

	rounding float64 // see sparseError
	cost     float64 // see sparseCost
	weak     bool    // fitted to the weak form
	rational bool
	field    rightHandSide
}

// pair is two rows that follow one another.
type pair struct {
	x     []float64 // both
	step  float64   // from one to the other, in rows of the grid
	fold  int       // the smallest that has them
	scale float64
	row   int     // number of the first one, among those of the context
	at    float64 // its time, in rows of the grid from the last one
}

// flowSteps is the largest distance of rows that are learnt from, in rows of the grid.
const flowSteps = 3

// flowForm returns the polynomial for c channels, and whether there is one.
func flowForm(c int) (form, bool) {
	f := form{poly: true, cubic: true, order: 1, stride: 1}
	if f.features(c) > maxFlow {
		f.cubic = false
	}
	return f, f.features(c) <= maxFlow
}

// build sets up the normal equations on gr and its library for all folds. It
// returns false when there is too little to learn from. With both also the rational form
// can be fitted.
func (s *flow) build(a *arena, gr *grid, f form, both bool) bool {
	c, n := gr.c, gr.n
	*s = flow{gr: gr, form: f, c: c, p: f.features(c), both: both, phases: s.phases[:0], starts: s.starts, pairs: s.pairs, parts: s.parts, unknown: s.unknown, rounding: sparseError, cost: sparseCost}
	ends := gr.foldEnds()
	if ends[folds-1]-2*slopeReach < flowLeast {
		return false
	}
	most := s.reserve(a)
	blk, off := a.mark()
	defer a.release(blk, off)
	fleet := 0
	for _, x := range gr.library {
		fleet += len(x) / c
	}
	rows := fleet + max(n, len(gr.at))
	phi, y := a.raw(rows*most), a.raw(rows*c+1)
	s.slopes(phi, y, ends)
	s.normal(phi, y)
	if s.seekPhases(a, phi, y, ends) {
		s.normal(phi, y)
	}
	s.ridges, s.substeps = slopeRidges, slopeSubsteps
	s.list(ends, fleet)
	steps := incrementSubsteps
	if gr.at != nil {
		steps = unevenSubsteps
	}
	last := flowDoubt
	for pass := range flowPasses {
		if len(s.pairs)-s.fleet < s.p+s.extra {
			break // any field follows so few rows
		}
		e := s.pass(a, steps, pass == 0, phi, y)
		if e < flowError {
			s.ridges, s.substeps = incrementRidges, steps
		}
		if !(e < last) {
			break
		}
		last = .7 * e
		s.normal(phi, y)
		if len(s.phases) > 0 && s.tune(a) {
			s.pass(a, steps, false, phi, y)
			s.normal(phi, y)
		}
	}
	if s.substeps != steps && last != flowDoubt {
		s.slopes(phi, y, ends)
		s.normal(phi, y)
	}
	return true
}

// libraryScale is the weight of a row of a library of that many.
func (s *flow) libraryScale(rows int) float64 {
	return math.Sqrt(s.gr.libraryWeight * float64(s.gr.n) / float64(max(rows, 1)))
}

// slopes writes a row of phi and y for every row whose slope is known.
func (s *flow) slopes(phi, y []float64, ends [folds]int) {
	c, gr := s.c, s.gr
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
		s.form.lift(row, x, i+1, c, gr)
		s.modulate(row, float64(i+1-gr.n))
		o := s.p + s.extra
		if s.both {
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
	fleet := 0
	for _, x := range gr.library {
		fleet += max(len(x)/c-2*slopeReach, 0)
	}
	for _, x := range gr.library {
		for i := slopeReach; i < len(x)/c-slopeReach; i++ {
			add(x, i, s.libraryScale(fleet))
		}
	}
	next := slopeReach
	for k := folds - 1; k >= 0; k-- { // smallest fold first
		for ; next < ends[k]-slopeReach; next++ {
			if !gr.gaps || noGap(gr.ok[next-slopeReach:next+slopeReach+1]) {
				add(gr.x, next, 1)
			}
		}
		s.upto[k] = rows
	}
}

// normal sums the normal equations of all folds, which have the rows up to upto.
func (s *flow) normal(phi, y []float64) {
	c, from := s.c, 0
	for k := folds - 1; k >= 0; k-- {
		gram, rhs, sums := s.gram[k], s.rhs[k], s.sums[k]
		if k == folds-1 {
			clear(gram)
			clear(rhs)
			clear(sums)
		} else {
			copy(gram, s.gram[k+1])
			copy(rhs, s.rhs[k+1])
			copy(sums, s.sums[k+1])
		}
		for i, v := range y[from*c : s.upto[k]*c] {
			sums[i%c] += v * v
		}
		if m := s.upto[k] - from; m > 0 {
			part := phi[from*s.wide:]
			for i := 0; i < s.wide; i += 4 {
				asm.Gemm64(gram[i*s.wide:], s.wide, part[i:], 1, s.wide, part, s.wide, 4, i+4, m)
			}
			asm.Gemm64(rhs, s.wide, y[from*c:], 1, c, part, s.wide, c, s.wide, m)
		}
		from = s.upto[k]
	}
}

// list lists the pairs of rows of a library of that many rows and of the context, those
// of the smallest fold first.
func (s *flow) list(ends [folds]int, fleet int) {
	c, gr := s.c, s.gr
	s.pairs = s.pairs[:0]
	for _, x := range gr.library {
		for i := 0; i+1 < len(x)/c; i++ {
			s.pairs = append(s.pairs, pair{x[i*c:][:2*c], 1, folds - 1, s.libraryScale(fleet), 0, 0})
		}
	}
	s.fleet = len(s.pairs)
	next := 0
	for k := folds - 1; k >= 0; k-- {
		for ; gr.at == nil && next+1 < ends[k]; next++ {
			if !gr.gaps || gr.ok[next] && gr.ok[next+1] {
				s.pairs = append(s.pairs, pair{gr.x[next*c:][:2*c], 1, k, 1, next, float64(next + 1 - gr.n)})
			}
		}
		for ; next+1 < len(gr.at) && gr.at[next+1] <= float64(ends[k]-1)+1e-6; next++ {
			if h := gr.at[next+1] - gr.at[next]; h <= flowSteps {
				s.pairs = append(s.pairs, pair{gr.rows[next*c:][:2*c], h, k, 1, next, gr.at[next] - float64(gr.n-1)})
			}
		}
	}
}

// pass follows the field fitted so far, writes the rows of the next regression, and
// returns the median over the pairs of rows of the context of the error from one to the
// other, of the worst channel relative to the root mean square of its increments. At first
// it chooses between the polynomial and the rational field: the latter has to be twice as
// good.
func (s *flow) pass(a *arena, steps int, first bool, phi, y []float64) float64 {
	blk, off := a.mark()
	defer a.release(blk, off)
	size, errors := s.increments(a), a.raw(len(s.pairs)*s.c)
	own := len(s.pairs) - s.fleet
	median := func(rational bool) float64 {
		s.paths(a, s.even(a, 0, rational, steps), steps, s.pairs, errors, phi, y)
		errors := errors[s.fleet*s.c:]
		for i := range own {
			worst := 0.
			for j, v := range errors[i*s.c:][:s.c] {
				worst = max(worst, math.Abs(v)/size[j])
			}
			errors[i] = worst
		}
		slices.Sort(errors[:own])
		return errors[own/2]
	}
	if !first || !s.both {
		return median(s.rational)
	}
	ratio := median(true)
	if e := median(false); !(ratio < e/2) {
		return e
	}
	s.rational = true
	return median(true)
}

// increments returns the root mean square of the increments of each channel between the
// rows of the context.
func (s *flow) increments(a *arena) []float64 {
	size, own := a.zeros(s.c), s.pairs[s.fleet:]
	for _, p := range own {
		for j := range size {
			d := p.x[s.c+j] - p.x[j]
			size[j] += d * d
		}
	}
	for j, v := range size {
		size[j] = math.Sqrt(v/float64(len(own))) + 1e-12
	}
	return size
}

// even returns the field of one fold with the least ridge in all lanes.
func (s *flow) even(a *arena, fold int, rational bool, steps int) rightHandSide {
	l := lane{fold, s.ridges[0]}
	return s.solve(a, [lanes]lane{l, l, l, l}, rational, steps)
}

// paths follows field, the same in all lanes, from the first row of each pair to the
// second. Unless errors is nil it writes the errors there to it (pairs x c, infinite
// where the path left the context). Unless phi is nil it writes rows whose regression is
// that of the increments from row to row: these are what the right-hand side adds up to
// along the paths, bent by their errors so that they meet the second row. Unlike slopes
// from differences that knows no limit of frequency.
func (s *flow) paths(a *arena, field rightHandSide, steps int, pairs []pair, errors, phi, y []float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c := s.c
	m := c * lanes
	rk := s.runge(a, field)
	nodes, slopes := a.raw((steps+1)*m), a.raw((steps+1)*m)
	state := a.raw(m)
	d, z, lifted := a.raw(c), a.raw(c), a.raw(s.p+s.extra)
	s.driven = s.mostDriven(field)
	rows, rule := 0, boole[steps]
	if phi != nil {
		clear(s.upto[:])
	}
	for from := 0; from < len(pairs); from += lanes {
		part := pairs[from:min(from+lanes, len(pairs))]
		for l := range lanes {
			p := part[min(l, len(part)-1)]
			for j, v := range p.x[:c] {
				state[j*lanes+l] = v
			}
			rk.start(l, p.at, p.step/float64(steps), p.step)
		}
		for q := range steps {
			copy(nodes[q*m:], state)
			rk.step(state)
			copy(slopes[q*m:], rk.first)
		}
		copy(nodes[steps*m:], state)
		if s.both && phi != nil {
			copy(rk.at, state)
			copy(slopes[steps*m:], rk.slope(0))
		}
		for l, p := range part {
			bounded := true
			for j := range d {
				v := state[j*lanes+l]
				d[j] = p.x[c+j] - v
				bounded = bounded && math.Abs(v) < flowBound
			}
			if errors != nil {
				e := errors[(from+l)*c:][:c]
				copy(e, d)
				for j := range e {
					if !bounded {
						e[j] = math.Inf(1)
					}
				}
			}
			if phi == nil || !bounded {
				continue
			}
			row := phi[rows*s.wide:][:s.wide]
			clear(row)
			for q, w := range rule {
				w *= p.scale
				for j, v := range d {
					z[j] = nodes[q*m+j*lanes+l] + float64(q)/float64(steps)*v
				}
				s.form.lift(lifted, z, 1, c, s.gr)
				time := p.at + p.step*float64(q)/float64(steps)
				s.modulate(lifted, time)
				axpy(w*p.step, lifted, row)
				if len(s.phases) > 0 {
					s.turn(row[s.turns:], w*p.step*float64(steps), lifted, field.modulated[s.driven*s.extra*lanes:], time)
				}
				if !s.both {
					continue
				}
				o := s.p + s.extra
				for j, v := range d {
					v = w * (float64(steps)*slopes[q*m+j*lanes+l] + v)
					for k, u := range z {
						row[o+k] -= v * u
					}
					o += c
				}
			}
			for j := range c {
				y[rows*c+j] = p.scale * (p.x[c+j] - p.x[j])
			}
			rows++
			for k := range p.fold + 1 {
				s.upto[k] = rows
			}
		}
	}
}

// follow fits a field to gr, for flows too, and reports whether it follows the rows.
func (s *flow) follow(mem *arena, gr *grid) bool {
	f, ok := flowForm(gr.c)
	both := f.features(gr.c)+gr.c <= maxRational
	s.fresh = ok && s.build(mem, gr, f, both)
	if s.fresh && len(gr.seen) > 0 && !s.settle(mem) {
		gr.seen = gr.seen[:0]
		s.build(mem, gr, f, both)
	}
	return s.fresh && s.substeps != slopeSubsteps
}

// jointNoise bounds the standard deviation of white noise on the rows from above for
// every channel, however fast the signal: by the median error of the field fitted to the
// first three quarters from row to row of the last one. Noise is in two rows, so that
// this median is near its standard deviation.
func (s *flow) jointNoise(a *arena, noise []float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	from := len(s.pairs)
	for from > s.fleet && s.pairs[from-1].fold == 0 {
		from--
	}
	last := s.pairs[from:]
	if len(last) == 0 {
		return
	}
	errors, one := a.raw(len(last)*s.c), a.raw(len(last))
	s.paths(a, s.even(a, 1, s.rational, s.substeps), s.substeps, last, errors, nil, nil)
	for j := range noise {
		for i := range one {
			one[i] = math.Abs(errors[i*s.c+j])
		}
		slices.Sort(one)
		noise[j] = min(noise[j], one[len(one)/2])
	}
}

// fill puts the rows of dst between observed ones on the path of the field from the one
// to the other, where it nearly meets that.
func (s *flow) fill(a *arena, dst *grid) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, gr := s.c, s.gr
	field := s.even(a, 0, s.rational, s.substeps)
	s.parts = s.parts[:0]
	for i := range len(gr.at) - 1 {
		s.parts = append(s.parts, pair{gr.rows[i*c:][:2*c], gr.at[i+1] - gr.at[i], 0, 1, i, gr.at[i] - float64(gr.n-1)})
	}
	n := len(s.parts)
	whole := a.raw(n * c)
	s.paths(a, field, s.substeps, s.parts, whole, nil, nil)
	// between visits the rows of dst: row, number of the pair, share of its step.
	between := func(visit func(r, i int, share float64)) {
		i := 0
		for r := range dst.n {
			at := float64(gr.n-1) - float64(dst.n-1-r)*dst.dt/gr.dt
			for i+1 < n && gr.at[i+1] < at {
				i++
			}
			worst := 0.
			for _, v := range whole[i*c:][:c] {
				worst = max(worst, math.Abs(v))
			}
			u := (at - gr.at[i]) / s.parts[i].step
			if u > 0 && u < 1 && s.parts[i].step <= flowSteps && worst < fillError {
				visit(r, i, u)
			}
		}
	}
	between(func(_, i int, share float64) {
		p := s.parts[i]
		p.step *= share
		s.parts = append(s.parts, p)
	})
	parts := s.parts[n:]
	errors := a.raw(len(parts) * c)
	s.paths(a, field, s.substeps, parts, errors, nil, nil)
	k := 0
	between(func(r, _ int, _ float64) {
		for j := range c {
			dst.x[r*c+j] = parts[k].x[c+j] - errors[k*c+j]
		}
		k++
	})
}

// noGap reports whether no row lies in a gap.
func noGap(ok []bool) bool {
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
	num, den  []float64
	modulated []float64 // c x extra weights, of one step of Runge-Kutta too
}

// solve returns the right-hand sides of four regressions.
func (s *flow) solve(a *arena, what [lanes]lane, rational bool, substeps int) rightHandSide {
	c, p, pp := s.c, s.p, ceil4(s.p)
	out := rightHandSide{num: a.zeros(ceil2(c) * pp * lanes), modulated: a.raw(c * s.extra * lanes)}
	if rational {
		out.den = a.raw(c * c * lanes)
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	above := p + s.extra
	m, sides := above, c // unknowns of one system, and how many it has in common
	if rational {
		m, sides = above+c, 1
	}
	mm := ceil4(m)
	l, inv := a.raw((mm+ceil4(sides))*mm*lanes), a.raw(mm*lanes)
	var floor [lanes]float64
	for k, v := range what {
		floor[k] = 0.5 * v.ridge
	}
	for j := 0; j < c; j += sides {
		clear(l)
		for i := range mm {
			row := l[i*mm*lanes:][:mm*lanes]
			for k, v := range what {
				if i >= m {
					row[i*lanes+k] = 1
					continue
				}
				g := s.gram[v.fold][s.column(j, i)*s.wide:]
				for q, u := range g[:min(i+1, above)] {
					row[q*lanes+k] = u
				}
				for q := above; q <= i; q++ {
					row[q*lanes+k] = g[s.column(j, q)]
				}
				row[i*lanes+k] += v.ridge
			}
		}
		z := l[mm*mm*lanes:]
		for r := range sides {
			for k, v := range what {
				b := s.rhs[v.fold][(j+r)*s.wide:]
				for i := range m {
					z[(r*mm+i)*lanes+k] = b[s.column(j, i)]
				}
			}
		}
		asm.CholeskyLanes(l, mm, mm+ceil4(sides), &floor, inv)
		asm.BackLanes(z, l, mm, mm, ceil2(sides), inv)
		for r := range sides {
			w := z[r*mm*lanes:]
			for i, v := range w[:p*lanes] {
				out.num[(j+r)*pp*lanes+i] = v / float64(substeps)
			}
			for i, v := range w[p*lanes : above*lanes] {
				out.modulated[(j+r)*s.extra*lanes+i] = v / float64(substeps)
			}
		}
		if rational {
			copy(out.den[j*c*lanes:(j+1)*c*lanes], z[above*lanes:])
		}
	}
	return out
}

// runge follows four right-hand sides by the classical Runge-Kutta method.
type runge struct {
	r               asm.Rollout
	c               int
	field           rightHandSide
	phases          []phase
	perPhase        int
	angle, sin, cos [maxPhases][lanes]float64 // of the phases, as computed last
	time            [lanes]float64
	length          [lanes]float64 // of a substep
	scale           [lanes]float64 // of the right-hand side
	at, k           []float64      // a state, and one substep times the right-hand side at it
	first           []float64      // that at the start of the last step
	sum             []float64
}

// runge returns an integrator of field.
func (s *flow) runge(a *arena, field rightHandSide) runge {
	size := s.c * lanes
	buf, lo, hi, w := a.raw(2*size), a.raw(size), a.raw(size), field.num
	for i := range lo {
		lo[i], hi[i] = math.Inf(-1), math.Inf(1)
	}
	if s.gr.at != nil || s.extra > 0 { // it changes on the way
		w = append(a.raw(len(w))[:0], w...)
	}
	g := runge{
		r: asm.Rollout{Buf: buf, W: w, WStride: ceil4(s.p), Lo: lo, Hi: hi, C: s.c, Order: 1, Stride: 1, Poly: true, Cubic: s.form.cubic,
			S1: lo, S2: lo, Phi: a.raw(s.p * lanes)},
		c: s.c, field: field, perPhase: s.perPhase,
		at: buf[:size], k: buf[size:], first: a.raw(size), sum: a.raw(size),
	}
	if s.extra > 0 {
		g.phases = s.phases
		for i := range g.cos {
			g.cos[i] = [lanes]float64{1, 1, 1, 1}
		}
	}
	return g
}

// start sets the time of a lane, that of a substep, and what the right-hand side is multiplied by.
func (g *runge) start(l int, time, length, scale float64) {
	g.time[l], g.length[l], g.scale[l] = time, length, scale
	if num := g.field.num; &g.r.W[0] != &num[0] {
		for i := l; i < len(num); i += lanes {
			g.r.W[i] = scale * num[i]
		}
	}
}

// slope returns k after it has been computed from at, at a share of the substep.
func (g *runge) slope(share float64) []float64 {
	if len(g.phases) > 0 {
		g.modulate(share)
	}
	var ignored [lanes]int64
	g.r.Run(1, 1, &ignored)
	for i, v := range g.at {
		g.k[i] -= v
	}
	if g.field.den == nil {
		return g.k
	}
	size := len(g.at)
	for j := range g.c {
		q := [lanes]float64{1, 1, 1, 1}
		w := g.field.den[j*size:]
		for i := 0; i < size; i += lanes {
			z, d := (*[lanes]float64)(g.at[i:]), (*[lanes]float64)(w[i:])
			for l := range q {
				q[l] += z[l] * d[l]
			}
		}
		for l, v := range q {
			if math.Abs(v) < leastDenominator {
				v = math.Copysign(leastDenominator, v)
			}
			g.k[j*lanes+l] /= v
		}
	}
	return g.k
}

// step advances state by one substep.
func (g *runge) step(state []float64) {
	copy(g.at, state)
	for i, v := range g.slope(0) {
		g.first[i], g.sum[i] = v, v
		g.at[i] = state[i] + 0.5*v
	}
	for i, v := range g.slope(.5) {
		g.sum[i] += 2 * v
		g.at[i] = state[i] + 0.5*v
	}
	for i, v := range g.slope(.5) {
		g.sum[i] += 2 * v
		g.at[i] = state[i] + v
	}
	for i, v := range g.slope(1) {
		state[i] += (g.sum[i] + v) * (1. / 6)
	}
	for l, h := range g.length {
		g.time[l] += h
	}
}

// roll integrates the four right-hand sides.
func (s *flow) roll(a *arena, end, steps [lanes]int, out *[lanes]track) (clipped [lanes]int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c := s.c
	rk := s.runge(a, s.field)
	state, before := a.raw(c*lanes), a.raw(c*lanes)
	most := 0
	for k := range lanes {
		rk.start(k, float64(end[k]-s.gr.n), 1/float64(s.substeps), 1)
		most = max(most, steps[k])
		from := s.gr.before(end[k], 1)
		for j := range c {
			state[j*lanes+k] = from[j]
		}
	}
	for t := range most {
		for range s.substeps {
			copy(before, state)
			rk.step(state)
			for i, v := range state {
				if !(math.Abs(v) <= clipAt) { // NaN too
					if v = clamp(v, -clipAt, clipAt); v != v {
						v = before[i]
					}
					if l := i % lanes; t < steps[l] {
						clipped[l]++
					}
					state[i] = v
				}
			}
		}
		for i, v := range state {
			o := &out[i%lanes]
			o.x[i/lanes*o.stride+t] = v
		}
	}
	for k := range clipped {
		clipped[k] /= s.substeps
	}
	return clipped
}

// seeksSparse reports whether the first choice is the polynomial with few monomials.
func (s *flow) seeksSparse() bool {
	return s.substeps != slopeSubsteps && s.unknowns() <= maxSparse
}

// ridge is that of a choice.
func (s *flow) ridge(choice int) float64 {
	if s.seeksSparse() {
		return sparseRidges[choice]
	}
	return s.ridges[choice]
}

// choices fits each ridge to the first three quarters.
func (s *flow) choices(a *arena) float64 {
	var by [lanes]lane
	for k := range by {
		by[k] = lane{1, s.ridge(k)}
	}
	s.field = s.solve(a, by, s.rational, s.substeps)
	for k := range lanes {
		if terms := s.sparseTerms(k); terms > 0 {
			s.sparseLane(a, k, 1, terms)
		}
	}
	if s.seeksSparse() && !s.weak {
		return sparseFavour
	}
	return 1
}

// sparseTerms is the number of terms among which a choice seeks few, 0 if it does not.
func (s *flow) sparseTerms(choice int) int {
	switch {
	case choice == 0 && s.seeksSparse():
		return s.unknowns()
	case choice == 1 && s.seeksSparse() && s.weak && s.terms > 0:
		return s.p // there may be no drive, but noise
	}
	return 0
}

// folds fits one of the ridges to all folds.
func (s *flow) folds(a *arena, choice int) {
	ridge, tried := s.ridge(choice), s.field
	s.field = s.solve(a, [lanes]lane{{0, ridge}, {1, ridge}, {2, ridge}, {0, ridge}}, s.rational, s.substeps)
	if terms := s.sparseTerms(choice); terms > 0 {
		s.sparseLane(a, 0, 0, terms)
		s.sparseLane(a, 2, 2, terms)
		for _, w := range [][2][]float64{{s.field.num, tried.num}, {s.field.den, tried.den}, {s.field.modulated, tried.modulated}} {
			for i := 0; i < len(w[0]); i += lanes {
				w[0][i+1], w[0][i+3] = w[1][i+choice], w[0][i]
			}
		}
	}
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
	if !eq.fresh && !eq.build(mem, gr, f, count > 1) {
		return false
	}
	terms := eq.terms
	for i, id := range ids[:count] {
		eq.rational, eq.extra = i > 0, terms
		if i < count-1 {
			eq.extra = 0
		}
		eq.move(mem, s.origins)
		s.chosen(mem, g, gr, id, eq)
	}
	if count == 1 {
		s.repeat(g, polynomial, rational)
		return true
	}
	// Where the one is exact and the other is not, the latter is no news.
	lead, mean := 0., 0.
	for j := range s.c {
		e := g.logErr[j*NumGuides:]
		lead += (e[polynomial] - e[rational]) / float64(s.c)
		mean += min(e[polynomial], e[rational]) / float64(s.c)
	}
	if mean < exactFlow && lead > exactLead {
		s.repeat(g, rational, polynomial)
	} else if mean < exactFlow && lead < -exactLead {
		s.repeat(g, polynomial, rational)
	}
	return true
}
