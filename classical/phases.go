package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// Many systems are driven by what oscillates at a frequency of its own, whatever they do: by a motor, the
// seasons, the mains. In many others channels are angles. Where polynomials leave much of the slopes, sines and cosines
// of the time or of a channel are sought, which stand by themselves and times each of the channels. Their frequency
// is the one with which regressions on all terms leave the least (variable projection, Golub and Pereyra, SIAM
// J. Numer. Anal. 10, 1973).

// phase is the argument of a sine and a cosine.
type phase struct {
	omega  float64
	source int // the channel that omega is multiplied by, or ofTime
}

const ofTime = -1

const (
	// maxPhases is the largest number of phases of a field.
	maxPhases = 2
	// Phases are sought where polynomials miss the slopes by phaseError of these, or ratios of polynomials by
	// ratioError.
	phaseError = 1e-3
	ratioError = 1e-4
	// phaseHope is what the first one has to divide the sum of the squares of the errors by, phaseGain what all of
	// them have to; phaseExact is enough.
	phaseHope  = 4.
	phaseGain  = 1000.
	phaseExact = 1e5
	// unevenRatioError and unevenPhaseGain are those of rows at uneven times, whose slopes are those of interpolants.
	unevenRatioError = 3e-3
	unevenPhaseGain  = 50.
	// What these are for the weak form.
	weakPhaseError = .03
	weakPhaseHope  = 3.
	weakPhaseGain  = 8.
	// phaseDensity is the number of frequencies that are tried for each that is independent of the others, mostPhases
	// the largest number of them.
	phaseDensity = 4
	mostPhases   = 256
	// fewestPeriods is the least number of periods of a drive in the rows, slowestAngle the least number of radians
	// that half the range of a channel is, and fastestPhase the largest from row to row, in the mean.
	fewestPeriods = .75
	slowestAngle  = .7
	fastestPhase  = math.Pi / 4
	// phaseSteps is how often the interval around the best frequency is divided, phaseRounds how often those of two are
	// sought by turns.
	phaseSteps  = 30
	phaseRounds = 8
	// tuneMost is the largest change of a phase at the ends of the rows in one pass, tuneLeast the least that matters.
	tuneMost  = .5
	tuneLeast = 1e-6
	// phaseRowsAtFirst is the number of rows above which every second one is enough for the first look.
	phaseRowsAtFirst = 160
	// phaseLeast is the least number of rows for each term.
	phaseLeast = 2
)

// golden is the ratio of the golden section.
const golden = .6180339887498949

// phaseTerms is the number of terms of one more phase, 0 if there would be too many.
func (s *flow) phaseTerms() int {
	if len(s.phases) == maxPhases || s.c == 1 {
		return 0
	}
	for _, m := range [...]int{2 + 2*s.c, 2} {
		if (len(s.phases) == 0 || m == s.perPhase) && s.p+s.terms+m+s.c <= maxSparse {
			return m
		}
	}
	return 0
}

// reserve takes memory for the normal equations of a field without phases, to which some may be added. It returns the
// largest number of their columns.
func (s *flow) reserve(a *arena) (most int) {
	s.setTerms(0)
	most = ceil4(s.wide + maxPhases*(s.phaseTerms()+1))
	for k := range s.gram {
		s.gram[k], s.rhs[k], s.sums[k] = a.raw(most*most), a.raw(s.c*most), a.raw(s.c)
	}
	return most
}

// setTerms lays out the columns for that many terms of phases.
func (s *flow) setTerms(n int) {
	s.terms, s.extra = n, n
	s.turns = s.p + n
	if s.both {
		s.turns += s.c * s.c
	}
	s.wide = ceil4(s.turns + len(s.phases))
}

// modulate writes the terms of the phases at a time behind the monomials of row.
func (s *flow) modulate(row []float64, time float64) {
	o := s.p
	for _, v := range s.phases {
		u := time
		if v.source != ofTime {
			u = row[1+v.source]
		}
		sin, cos := math.Sincos(v.omega * u)
		for _, v := range row[:s.perPhase/2] {
			row[o], row[o+1] = cos*v, sin*v
			o += 2
		}
	}
}

// modulate sets the weights of the right-hand side at a share of the substep.
func (g *runge) modulate(share float64) {
	stride, per := g.r.WStride*lanes, g.perPhase*lanes
	for i, v := range g.phases {
		for l, u := range g.time {
			u += share * g.length[l]
			if v.source != ofTime {
				u = g.at[v.source*lanes+l]
			}
			if u != g.angle[i][l] { // the middle comes twice, and the end is the next start
				g.angle[i][l] = u
				g.sin[i][l], g.cos[i][l] = math.Sincos(v.omega * u)
			}
		}
	}
	for j := range g.c {
		w, num, d := g.r.W[j*stride:], g.field.num[j*stride:], g.field.modulated[j*per*len(g.phases):]
		for i := 0; i < per/2; i += lanes {
			for l := range lanes {
				v := num[i+l]
				for k := range g.phases {
					v += g.cos[k][l]*d[k*per+2*i+l] + g.sin[k][l]*d[k*per+2*i+lanes+l]
				}
				w[i+l] = g.scale[l] * v
			}
		}
	}
}

// phaseSearch is a regression of slopes on the terms that a field has and on those of a phase of any frequency.
type phaseSearch struct {
	c, m, rows int
	stride     int       // of the rows that are used
	wide       int       // of base
	row        int       // of joint
	stretch    []float64 // weights of the points that a row of the weak form sums; nil: a row is a point
	starts     []int     // the first of them
	angle      []float64 // of each point: what the frequency is multiplied by
	first      []float64 // points x m/2: the constant and the channels, weighted as the row is
	base       []float64 // rows x wide, orthonormal: the span of the terms that the field has
	rest       []float64 // rows x c: what they leave of the slopes
	sums       []float64 // c: of the squares of the slopes
	before     float64   // of the squares of rest over these, summed over the channels
	joint      []float64 // rows x row: terms of the phase, then rest
	shadow     []float64 // wide x row
	gram       []float64 // row x row
	inv        []float64
	now, turn  []float64 // points x 2: cosine and sine of the frequency, and of a step of it, times angle
	modulated  []float64 // points x m, of the weak form
}

// newPhaseSearch uses every stride-th row.
func (x *phaseRows) newPhaseSearch(a *arena, stride int) phaseSearch {
	s := x.s
	c, m, p := s.c, x.m, s.p+s.terms
	rows := (s.upto[0] + stride - 1) / stride
	d := phaseSearch{c: c, m: m, rows: rows, stride: stride, wide: ceil4(p), row: ceil4(m + c), stretch: x.stretch, starts: x.starts}
	points := rows
	if d.stretch != nil {
		points = len(x.when)
		d.modulated = a.raw(points * m)
	}
	d.angle, d.first, d.rest, d.sums, d.inv = a.raw(points), a.raw(points*m/2), a.raw(rows*c), a.zeros(c), a.raw(max(p, m))
	d.base, d.joint, d.shadow, d.gram = a.zeros(rows*d.wide), a.zeros(rows*d.row), a.raw(d.wide*d.row), a.raw(d.row*d.row)
	d.now, d.turn = a.raw(2*points), a.raw(2*points)
	for r := range points {
		copy(d.first[r*m/2:][:m/2], x.point(r*stride))
	}
	for r := range rows {
		copy(d.base[r*d.wide:], x.phi[r*stride*s.wide:][:p])
		copy(d.rest[r*c:], x.y[r*stride*c:][:c])
		for j, v := range d.rest[r*c:][:c] {
			d.sums[j] += v * v
		}
	}
	l, w := a.zeros(d.wide*d.wide), a.zeros(d.wide*c)
	asm.Gemm64(l, d.wide, d.base, 1, d.wide, d.base, d.wide, d.wide, d.wide, rows)
	definite(l, p, d.wide, d.inv)
	for r := range rows {
		q := d.base[r*d.wide:][:p]
		forward(l, d.wide, d.inv, q)
		for j, v := range d.rest[r*c:][:c] {
			axpy(v, q, w[j*d.wide:])
		}
	}
	for i := range d.rest {
		j := i % c
		d.rest[i] -= dot(w[j*d.wide:][:p], d.base[i/c*d.wide:])
		d.before += d.rest[i] * d.rest[i] / (d.sums[j] + 1e-300)
	}
	return d
}

// definite is cholesky of a matrix that rounding may have made singular.
func definite(g []float64, m, ld int, inv []float64) {
	for i := range m {
		g[i*(ld+1)] *= 1 + 1e-12
	}
	cholesky(g, m, ld, 1e-300, inv)
}

// of takes the argument of the phase from a channel, or from the time.
func (d *phaseSearch) of(source int, x *phaseRows) {
	for r := range d.angle {
		if source == ofTime {
			d.angle[r] = x.when[r*d.stride]
		} else {
			row := x.point(r * d.stride)
			d.angle[r] = row[1+source] / row[0]
		}
	}
}

// at writes cosine and sine of omega.
func (d *phaseSearch) at(to []float64, omega float64) {
	for r, u := range d.angle {
		to[2*r+1], to[2*r] = math.Sincos(omega * u)
	}
}

// left is before, with the phase that now has.
func (d *phaseSearch) left() float64 {
	m, c, row := d.m, d.c, d.row
	to, wide := d.joint, row
	if d.stretch != nil {
		to, wide = d.modulated, m
	}
	for r := range d.angle {
		cos, sin := d.now[2*r], d.now[2*r+1]
		to := to[r*wide:]
		for k, v := range d.first[r*m/2:][:m/2] {
			to[2*k], to[2*k+1] = cos*v, sin*v
		}
	}
	for r := range d.rows {
		to := d.joint[r*row:]
		copy(to[m:], d.rest[r*c:][:c])
		if d.stretch != nil {
			clear(to[:m])
			for i, w := range d.stretch {
				axpy(w, d.modulated[(d.starts[r]+i)*m:][:m], to)
			}
		}
	}
	clear(d.gram)
	asm.Gemm64(d.gram, row, d.joint, 1, row, d.joint, row, row, row, d.rows)
	clear(d.shadow)
	asm.Gemm64(d.shadow, row, d.base, 1, d.wide, d.joint, row, d.wide, row, d.rows)
	for q := range d.wide {
		s := d.shadow[q*row:]
		for i, v := range s[:m] {
			axpy(-v, s[:i+1], d.gram[i*row:])
		}
	}
	definite(d.gram, m, row, d.inv)
	sum := d.before
	for j := range c {
		b := d.gram[(m+j)*row:][:m]
		forward(d.gram, row, d.inv, b)
		sum -= dot(b, b) / (d.sums[j] + 1e-300)
	}
	return sum
}

// equations copies the normal equations of channel j on all rows: of its terms, of its denominator if there is one, and
// of the derivatives by that many frequencies. They have m unknowns.
func (s *flow) equations(a *arena, j int, rational bool, turns int) (l, b []float64, m int) {
	var at [maxSparse + maxRational]int
	for i := range s.p + s.terms {
		at[m] = i
		m++
	}
	for i := 0; rational && i < s.c; i++ {
		at[m] = s.p + s.terms + j*s.c + i
		m++
	}
	for i := range turns {
		at[m] = s.turns + i
		m++
	}
	l, b = a.raw(m*m), a.raw(m)
	for i, row := range at[:m] {
		for k, column := range at[:i+1] {
			l[i*m+k] = s.gram[0][row*s.wide+column]
		}
		b[i] = s.rhs[0][j*s.wide+row]
	}
	return l, b, m
}

// ratioLeft returns the squares of the errors of a regression of the rational field on all rows, over those of what is
// regressed, summed over the channels; of the polynomial, if that is the only one.
func (s *flow) ratioLeft(a *arena) (sum float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	for j := range s.c {
		l, b, m := s.equations(a, j, s.both, 0)
		inv := a.raw(m)
		definite(l, m, m, inv)
		forward(l, m, inv, b)
		sum += max(1-dot(b, b)/(s.sums[0][j]+1e-300), 0)
	}
	return sum
}

// mostDriven returns the channel that the phases of a field move most, relative to its own motion.
func (s *flow) mostDriven(field rightHandSide) (channel int) {
	most := 0.
	for j := range s.c {
		w := field.modulated[j*s.extra*lanes:][:s.extra*lanes]
		if moved := dot(w, w) / (s.sums[0][j] + 1e-300); moved > most {
			most, channel = moved, j
		}
	}
	return channel
}

// turn adds scale times the derivatives of the right-hand side of a channel by the frequencies, with its weights in
// a field, at the terms of lifted.
func (s *flow) turn(to []float64, scale float64, lifted, weights []float64, time float64) {
	for i, v := range s.phases {
		u, sum := time, 0.
		if v.source != ofTime {
			u = lifted[1+v.source]
		}
		for k := i * s.perPhase; k < (i+1)*s.perPhase; k += 2 {
			sum += weights[(k+1)*lanes]*lifted[s.p+k] - weights[k*lanes]*lifted[s.p+k+1]
		}
		to[i] += scale * u * sum
	}
}

// tune moves the frequencies by a step of Gauss and Newton on the errors from row to row of the channel that they move most. It
// reports whether they changed by what matters.
func (s *flow) tune(a *arena) (changed bool) {
	blk, off := a.mark()
	defer a.release(blk, off)
	l, b, m := s.equations(a, s.driven, s.rational, len(s.phases))
	inv := a.raw(m)
	definite(l, m, m, inv)
	solveLower(l, m, m, inv, b)
	for i := range s.phases {
		v := &s.phases[i]
		if v.source != ofTime {
			continue // channels times its terms do as well
		}
		reach := float64(s.gr.n)
		step := clamp(b[m-len(s.phases)+i], -tuneMost/reach, tuneMost/reach)
		v.omega += step
		changed = changed || math.Abs(step)*reach > tuneLeast
	}
	return changed
}

// try is left of a frequency.
func (d *phaseSearch) try(omega float64) float64 {
	d.at(d.now, omega)
	return d.left()
}

// seek returns the best of many frequencies, from channel to channel or of the time, what it leaves, and how far the
// best of all may be from it.
func (d *phaseSearch) seek(x *phaseRows, source, to int) (best phase, left, width float64) {
	left = math.Inf(1)
	for ; source < to; source++ {
		d.of(source, x)
		change := 0. // from row to row
		for r, u := range d.angle[1:] {
			change += math.Abs(u-d.angle[r]) / float64((d.rows-1)*d.stride)
		}
		slowest, span := slowestAngle, 2.
		if source == ofTime {
			span = d.angle[d.rows-1] - d.angle[0]
			slowest = 2 * math.Pi / span * fewestPeriods
		}
		step := 2 * math.Pi / span / phaseDensity
		fastest := min(fastestPhase/(change+1e-300), slowest+mostPhases*step)
		d.at(d.now, slowest)
		d.at(d.turn, step)
		for omega := slowest; omega < fastest; omega += step {
			if e := d.left(); e < left {
				best, left, width = phase{omega, source}, e, step
			}
			for i := 0; i < len(d.now); i += 2 {
				cos, sin, c, s := d.now[i], d.now[i+1], d.turn[i], d.turn[i+1]
				d.now[i], d.now[i+1] = cos*c-sin*s, sin*c+cos*s
			}
		}
	}
	return best, left, width
}

// phaseRows are the regression that phases are sought in: of slopes, or of the weak form.
type phaseRows struct {
	s       *flow
	phi, y  []float64
	when    []float64 // the time of each point
	ends    [folds]int
	m       int       // terms of a phase
	lifted  []float64 // of the weak form: points x wide of the field
	stretch []float64 // see phaseSearch
	starts  []int
}

// point has the constant and the channels of point i.
func (x *phaseRows) point(i int) []float64 {
	if x.stretch != nil {
		return x.lifted[i*x.s.wide:]
	}
	return x.phi[i*x.s.wide:]
}

// use sets the phases of the field, and the regression on their terms.
func (x *phaseRows) use(phases []phase) {
	s := x.s
	s.phases = append(s.phases[:0], phases...)
	s.perPhase = x.m
	s.setTerms(len(phases) * x.m)
	if x.stretch != nil {
		x.integrate()
	} else {
		s.slopes(x.phi, x.y, x.ends)
	}
}

// refine moves the frequency of phase i to the best within width, the others being as they are, and returns what
// is left.
func (x *phaseRows) refine(a *arena, phases []phase, i int, width float64) float64 {
	blk, off := a.mark()
	defer a.release(blk, off)
	var others [maxPhases]phase
	copy(others[:], phases[:i])
	copy(others[i:], phases[i+1:])
	x.use(others[:len(phases)-1])
	d := x.newPhaseSearch(a, 1)
	d.of(phases[i].source, x)
	lo, hi := phases[i].omega-width, phases[i].omega+width
	x1, x2 := hi-golden*(hi-lo), lo+golden*(hi-lo)
	f1, f2 := d.try(x1), d.try(x2)
	for range phaseSteps {
		if f1 > f2 {
			lo, x1, f1 = x1, x2, f2
			x2 = lo + golden*(hi-lo)
			f2 = d.try(x2)
		} else {
			hi, x2, f2 = x2, x1, f1
			x1 = hi - golden*(hi-lo)
			f1 = d.try(x1)
		}
	}
	phases[i].omega = x1
	return f1
}

// seekPhases seeks the phases that slopes show. If there are any, phi and y have the regression on their terms too.
func (s *flow) seekPhases(a *arena, phi, y []float64, ends [folds]int) bool {
	rows := s.upto[0]
	x := phaseRows{s: s, phi: phi, y: y, ends: ends, m: s.phaseTerms()}
	worst := ratioError
	if s.gr.at != nil {
		worst = unevenRatioError
	}
	if x.m == 0 || !(s.ratioLeft(a) > worst*worst) {
		return false
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	x.when = a.raw(rows)[:0]
	for i := slopeReach; i < ends[0]-slopeReach; i++ {
		if !s.gr.gaps || noGap(s.gr.ok[i-slopeReach:i+slopeReach+1]) {
			x.when = append(x.when, float64(i+1-s.gr.n))
		}
	}
	lowest := ofTime
	if len(s.gr.library) > 0 {
		lowest = 0 // its rows are of no time
	}
	return x.seek(a, lowest, s.c)
}

// seek seeks phases of the sources from lowest to before beyond, and leaves them in the field and in phi and y.
func (x *phaseRows) seek(a *arena, lowest, beyond int) bool {
	s := x.s
	rows := s.upto[0]
	if rows < phaseLeast*(s.p+x.m) {
		return false
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	stride := 1
	if rows > phaseRowsAtFirst && x.stretch == nil {
		stride = 2
	}
	worst, hope, gain := phaseError, phaseHope, phaseGain
	if s.weak {
		worst, hope, gain = weakPhaseError, weakPhaseHope, weakPhaseGain
	}
	if s.gr.at != nil {
		gain = unevenPhaseGain
	}
	d := x.newPhaseSearch(a, stride)
	if !(d.before > worst*worst) {
		return false
	}
	var first [2]phase
	var width, after [2]float64
	first[0], after[0], width[0] = d.seek(x, lowest, 0)
	first[1], after[1], width[1] = d.seek(x, 0, beyond)
	// What is best alone need not be the right one of two.
	var best [maxPhases]phase
	count, left := 0, d.before/gain
	for k := range first {
		if after[1] < after[0] {
			k = 1 - k
		}
		if !(hope*after[k] < d.before) || left < d.before/phaseExact {
			break
		}
		try := [maxPhases]phase{first[k]}
		n := 1
		e := x.refine(a, try[:n], 0, width[k])
		if !s.weak && e > worst*worst {
			x.use(try[:n])
			if m := s.phaseTerms(); m > 0 && rows >= phaseLeast*(s.p+s.terms+m) {
				blk, off := a.mark()
				d := x.newPhaseSearch(a, stride)
				var wide float64
				try[n], _, wide = d.seek(x, lowest, beyond)
				a.release(blk, off)
				n++
				for range phaseRounds {
					last := e
					x.refine(a, try[:n], 1, wide)
					if e = x.refine(a, try[:n], 0, width[k]); !(e < .5*last) {
						break
					}
				}
			}
		}
		if e < left {
			best, count, left = try, n, e
		}
	}
	x.use(best[:count])
	return count > 0
}
