package classical

import (
	"math"
	"slices"

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

// Runge-Kutta steps a row: of a field fitted to slopes, for which one is too coarse
// for the harmonics of an oscillation sampled at 30 rows a period, and of one fitted
// to increments, which is much more accurate.
const (
	slopeSubsteps     = 2
	incrementSubsteps = 4
)

// The ridges that are validated, of both.
var (
	slopeRidges     = [lanes]float64{1e-9, 1e-6, 1e-3, 1e-1}
	incrementRidges = [lanes]float64{1e-12, 1e-9, 1e-6, 1e-3}
)

// A field fitted to slopes is fitted anew to increments when it takes half of the
// rows to the next with an error of less than flowDoubt of the root mean square of
// the increments, flowPasses times.
const (
	flowDoubt  = 1e-2
	flowPasses = 2
)

// boole integrates over a row of incrementSubsteps steps (Boole's rule).
var boole = [incrementSubsteps + 1]float64{7. / 90, 32. / 90, 12. / 90, 32. / 90, 7. / 90}

// flowBound bounds the paths between rows that are learnt from, in half ranges.
const flowBound = 3

// Largest numbers of regressors of a polynomial and of a rational right-hand
// side. Beyond the first the cubic terms go.
const (
	maxFlow     = maxPoly
	maxRational = 96
)

// leastDenominator bounds the denominator of a rational right-hand side, which
// is one at the middle of the context.
const leastDenominator = 0.02

// flow regresses slopes, or increments, on polynomials of the state. All slopes are per row.
type flow struct {
	gr   *grid
	form form
	c    int
	p    int // monomials
	wide int // columns: the monomials, then with rational each slope times each state
	upto [folds]int
	gram [folds][]float64
	rhs  [folds][]float64 // c x wide

	ridges   [lanes]float64
	substeps int
	pairs    []pair
	fleet    int // pairs of the library, which come first

	rational bool
	field    rightHandSide
}

// pair is two rows that follow one another.
type pair struct {
	x     []float64 // both
	fold  int       // the smallest that has them
	scale float64
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
	*s = flow{gr: gr, form: f, c: c, p: f.features(c), pairs: s.pairs[:0]}
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
		fleet += len(x) / c
	}
	phi, y := a.raw((fleet+n)*s.wide), a.raw((fleet+n)*c+1)
	s.slopes(phi, y, ends, rational)
	s.normal(phi, y)
	s.ridges, s.substeps = slopeRidges, slopeSubsteps
	s.list(ends, fleet)
	for pass := range flowPasses {
		if !s.increments(a, phi, y, pass == 0) {
			break
		}
		s.normal(phi, y)
		s.ridges, s.substeps = incrementRidges, incrementSubsteps
	}
	return true
}

// libraryScale is the weight of a row of a library of that many.
func (s *flow) libraryScale(rows int) float64 {
	return math.Sqrt(s.gr.libraryWeight * float64(s.gr.n) / float64(max(rows, 1)))
}

// slopes writes a row of phi and y for every row whose slope is known.
func (s *flow) slopes(phi, y []float64, ends [folds]int, rational bool) {
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
			if !gr.gaps || wholeRows(gr.ok[next-slopeReach:next+slopeReach+1]) {
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
		gram, rhs := s.gram[k], s.rhs[k]
		if k == folds-1 {
			clear(gram)
			clear(rhs)
		} else {
			copy(gram, s.gram[k+1])
			copy(rhs, s.rhs[k+1])
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
	for _, x := range gr.library {
		for i := 0; i+1 < len(x)/c; i++ {
			s.pairs = append(s.pairs, pair{x[i*c:][:2*c], folds - 1, s.libraryScale(fleet)})
		}
	}
	s.fleet = len(s.pairs)
	next := 0
	for k := folds - 1; k >= 0; k-- {
		for ; next+1 < ends[k]; next++ {
			if !gr.gaps || gr.ok[next] && gr.ok[next+1] {
				s.pairs = append(s.pairs, pair{gr.x[next*c:][:2*c], k, 1})
			}
		}
	}
}

// increments writes rows of phi and y whose fit is that of the increments from row to
// row: these are what the right-hand side adds up to along the paths between the rows,
// which are those of the field fitted so far, bent by its error so that they meet the
// next row. Unlike slopes from differences that knows no limit of frequency. It returns
// false, and nothing is to be fitted, when the field does not follow the rows.
func (s *flow) increments(a *arena, phi, y []float64, first bool) bool {
	blk, off := a.mark()
	defer a.release(blk, off)
	size := a.raw(s.c)
	clear(size)
	own := s.pairs[s.fleet:]
	if len(own) == 0 {
		return false
	}
	for _, p := range own {
		for j := range size {
			d := p.x[s.c+j] - p.x[j]
			size[j] += d * d
		}
	}
	for j, v := range size {
		size[j] = math.Sqrt(v/float64(len(own))) + 1e-12
	}
	if first {
		least, errors := math.Inf(1), a.raw(len(own)*s.c)
		for _, rational := range [...]bool{false, true} {
			if rational && s.wide < s.p+s.c*s.c {
				continue
			}
			field := s.even(a, 0, rational)
			s.paths(a, field, own, errors, nil, nil)
			for i := range own {
				worst := 0.
				for j, v := range errors[i*s.c:][:s.c] {
					worst = max(worst, math.Abs(v)/size[j])
				}
				errors[i] = worst
			}
			slices.Sort(errors[:len(own)])
			if e := errors[len(own)/2]; e < least {
				least, s.rational, s.field = e, rational, field
			}
		}
		if !(least < flowDoubt) {
			return false
		}
	} else {
		s.field = s.even(a, 0, s.rational)
	}
	s.paths(a, s.field, s.pairs, nil, phi, y)
	return true
}

// even returns the field of one fold with the least ridge in all lanes.
func (s *flow) even(a *arena, fold int, rational bool) rightHandSide {
	l := lane{fold, s.ridges[0]}
	return s.solve(a, [lanes]lane{l, l, l, l}, rational, incrementSubsteps)
}

// paths follows field, the same in all lanes, from the first row of each pair to the
// second. Unless errors is nil it writes the errors there to it (pairs x c, infinite
// where the path left the context), unless phi is nil the rows of the regression of the
// increments.
func (s *flow) paths(a *arena, field rightHandSide, pairs []pair, errors, phi, y []float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c := s.c
	m := c * lanes
	rk := s.runge(a, field)
	nodes, slopes := a.raw((incrementSubsteps+1)*m), a.raw((incrementSubsteps+1)*m)
	state := a.raw(m)
	d, z, lifted := a.raw(c), a.raw(c), a.raw(s.p)
	rows := 0
	if phi != nil {
		clear(s.upto[:])
	}
	for from := 0; from < len(pairs); from += lanes {
		part := pairs[from:min(from+lanes, len(pairs))]
		for l := range lanes {
			for j, v := range part[min(l, len(part)-1)].x[:c] {
				state[j*lanes+l] = v
			}
		}
		for q := range incrementSubsteps {
			copy(nodes[q*m:], state)
			rk.step(state)
			copy(slopes[q*m:], rk.first)
		}
		copy(nodes[incrementSubsteps*m:], state)
		if field.den != nil && phi != nil {
			copy(rk.at, state)
			copy(slopes[incrementSubsteps*m:], rk.slope())
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
			for q, w := range boole {
				w *= p.scale
				for j, v := range d {
					z[j] = nodes[q*m+j*lanes+l] + float64(q)/incrementSubsteps*v
				}
				s.form.lift(lifted, z, 1, c, s.gr)
				axpy(w, lifted, row[:s.p])
				if s.wide < s.p+c*c {
					continue
				}
				o := s.p
				for j, v := range d {
					v = w * (incrementSubsteps*slopes[q*m+j*lanes+l] + v)
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

// jointNoise bounds the standard deviation of white noise on the rows of gr from above
// for every channel, however fast the signal: by the median error of the field fitted
// to the first three quarters from row to row of the last one. Noise is in two rows, so
// that this median is near its standard deviation. It returns false, and leaves noise as
// it is, when no field follows the rows.
func (s *flow) jointNoise(mem *arena, gr *grid, noise []float64) bool {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	f, ok := flowForm(gr.c)
	if !ok || !s.build(mem, gr, f, f.features(gr.c)+gr.c <= maxRational) || s.substeps != incrementSubsteps {
		return false
	}
	from := len(s.pairs)
	for from > s.fleet && s.pairs[from-1].fold == 0 {
		from--
	}
	last := s.pairs[from:]
	if len(last) == 0 {
		return false
	}
	errors, one := mem.raw(len(last)*gr.c), mem.raw(len(last))
	s.paths(mem, s.even(mem, 1, s.rational), last, errors, nil, nil)
	for j := range noise {
		for i := range one {
			one[i] = math.Abs(errors[i*gr.c+j])
		}
		slices.Sort(one)
		noise[j] = min(noise[j], one[len(one)/2])
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
func (s *flow) solve(a *arena, what [lanes]lane, rational bool, substeps int) rightHandSide {
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
				out.num[(j+r)*pp*lanes+i] = v / float64(substeps)
			}
		}
		if rational {
			copy(out.den[j*c*lanes:(j+1)*c*lanes], z[p*lanes:])
		}
	}
	return out
}

// runge follows four right-hand sides by the classical Runge-Kutta method.
type runge struct {
	r     asm.Rollout
	c     int
	den   []float64
	at, k []float64 // a state, and one substep times the right-hand side at it
	first []float64 // that at the start of the last step
	sum   []float64
}

// runge returns an integrator of field.
func (s *flow) runge(a *arena, field rightHandSide) runge {
	size := s.c * lanes
	buf, lo, hi := a.raw(2*size), a.raw(size), a.raw(size)
	for i := range lo {
		lo[i], hi[i] = math.Inf(-1), math.Inf(1)
	}
	return runge{
		r: asm.Rollout{Buf: buf, W: field.num, WStride: ceil4(s.p), Lo: lo, Hi: hi, C: s.c, Order: 1, Stride: 1, Poly: true, Cubic: s.form.cubic,
			S1: lo, S2: lo, Phi: a.raw(s.p * lanes)},
		c: s.c, den: field.den, at: buf[:size], k: buf[size:], first: a.raw(size), sum: a.raw(size),
	}
}

// slope returns k after it has been computed from at.
func (g *runge) slope() []float64 {
	var ignored [lanes]int64
	g.r.Run(1, 1, &ignored)
	for i, v := range g.at {
		g.k[i] -= v
	}
	if g.den == nil {
		return g.k
	}
	size := len(g.at)
	for j := range g.c {
		q := [lanes]float64{1, 1, 1, 1}
		w := g.den[j*size:]
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
	for i, v := range g.slope() {
		g.first[i], g.sum[i] = v, v
		g.at[i] = state[i] + 0.5*v
	}
	for i, v := range g.slope() {
		g.sum[i] += 2 * v
		g.at[i] = state[i] + 0.5*v
	}
	for i, v := range g.slope() {
		g.sum[i] += 2 * v
		g.at[i] = state[i] + v
	}
	for i, v := range g.slope() {
		state[i] += (g.sum[i] + v) * (1. / 6)
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
		most = max(most, steps[k])
		for j := range c {
			state[j*lanes+k] = s.gr.x[(end[k]-1)*c+j]
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

// choices fits each ridge to the first three quarters.
func (s *flow) choices(a *arena) {
	var by [lanes]lane
	for k, ridge := range s.ridges {
		by[k] = lane{1, ridge}
	}
	s.field = s.solve(a, by, s.rational, s.substeps)
}

// folds fits one of the ridges to all folds.
func (s *flow) folds(a *arena, choice int) {
	ridge := s.ridges[choice]
	s.field = s.solve(a, [lanes]lane{{0, ridge}, {1, ridge}, {2, ridge}, {0, ridge}}, s.rational, s.substeps)
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
