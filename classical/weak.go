package classical

import "math"

// Slopes and increments of noisy rows are mostly noise. What is left of it in sums over many rows is
// little: for smooth functions psi that are zero at both ends of a stretch of time and beyond,
//
//	integral of psi f(z) dt = -integral of psi' z dt
//
// over that stretch, which is linear in the coefficients of f (the weak form of sparse identification,
// Messenger and Bortz, Multiscale Model. Simul. 19, 2021). Here psi is (1-u^2)^4, u from -1 to 1 over the
// stretch, z the smoothed rows, and f the polynomial of few monomials that sparse.go finds.
const (
	// weakShare is half of a stretch, over all rows, and weakLeast the least number of rows of that half.
	weakShare = .04
	weakLeast = 4
	// weakFold is how many of these halves the smallest fold has at least.
	weakFold = 4
	// weakStep is the distance of stretches, over half of one.
	weakStep = .25
	// What sparseError and sparseCost are for increments: stretches overlap, and noise is left.
	weakError = 3e-3
	weakCost  = 12
)

// weakRidges are those that are validated. The first is that of the polynomial of few monomials.
var weakRidges = [lanes]float64{1e-4, 1e-4, 1e-2, 1}

// weakHalf is half of the length of a stretch, in rows; 0: there are too few.
func weakHalf(gr *grid) int {
	h := max(weakLeast, int(math.Round(weakShare*float64(gr.n))))
	if gr.foldEnds()[folds-1] < weakFold*h {
		return 0
	}
	return h
}

// buildWeak sets up the normal equations of the weak form on gr, of stretches of 2h rows, for all folds.
func (s *flow) buildWeak(a *arena, gr *grid, f form, h int) {
	c, n := gr.c, gr.n
	*s = flow{gr: gr, form: f, c: c, p: f.features(c), phases: s.phases[:0], starts: s.starts, pairs: s.pairs, parts: s.parts, unknown: s.unknown,
		rounding: weakError, cost: weakCost, weak: true, ridges: weakRidges, substeps: incrementSubsteps}
	most := s.reserve(a)
	blk, off := a.mark()
	defer a.release(blk, off)
	rows := n/max(1, int(weakStep*float64(h))) + 1
	x := phaseRows{s: s, phi: a.raw(rows * most), y: a.raw(rows * c), when: a.raw(n), ends: gr.foldEnds(), m: s.phaseTerms(),
		lifted: a.raw(n * most), stretch: a.raw(2*h - 1)}
	for i := range n {
		x.when[i] = float64(i + 1 - n)
	}
	for i := range x.stretch {
		u := float64(i+1-h) / float64(h)
		w := 1 - u*u
		x.stretch[i] = w * w * w * w
	}
	x.starts = s.starts[:0]
	x.use(nil)
	s.starts = x.starts
	if x.m > 0 {
		x.seek(a, ofTime, 0)
	}
	s.normal(x.phi, x.y)
}

// integrate writes the integrals of stretches.
func (x *phaseRows) integrate() {
	s, gr := x.s, x.s.gr
	c, h := s.c, (len(x.stretch)+1)/2
	for i, t := range x.when {
		row := x.lifted[i*s.wide:][:s.wide]
		s.form.lift(row, gr.x, i+1, c, gr)
		s.modulate(row, t)
		clear(row[s.p+s.terms:])
	}
	clear(x.phi)
	clear(x.y)
	x.starts = x.starts[:0]
	step, middle := max(1, int(weakStep*float64(h))), h
	for k := folds - 1; k >= 0; k-- { // smallest fold first
		for ; middle+h < x.ends[k]; middle += step {
			if gr.gaps && !noGap(gr.ok[middle-h:middle+h+1]) {
				continue
			}
			rows := len(x.starts)
			for i, w := range x.stretch {
				u := float64(i+1-h) / float64(h)
				at := middle + i + 1 - h
				axpy(w, x.lifted[at*s.wide:][:s.wide], x.phi[rows*s.wide:])
				axpy(8*u*w/((1-u*u)*float64(h)), gr.x[at*c:][:c], x.y[rows*c:])
			}
			x.starts = append(x.starts, middle+1-h)
		}
		s.upto[k] = len(x.starts)
	}
}

// weakFlow makes guide id, which has been rolled, one that follows a polynomial of few monomials
// fitted to the weak form on gr. It leaves it as it is where there are too few rows or too many channels.
func (s *scorer) weakFlow(mem *arena, g *group, gr *grid, id int) {
	f, ok := flowForm(s.c)
	h := weakHalf(gr)
	if !ok || f.features(s.c) > maxSparse || h == 0 || s.coarse {
		return
	}
	g.paths[id] = s.longPath(mem, gr)
	blk, off := mem.mark()
	defer mem.release(blk, off)
	s.flow.buildWeak(mem, gr, f, h)
	s.flow.move(mem, s.origins)
	s.chosen(mem, g, gr, id, &s.flow)
}
