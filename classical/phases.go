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
	// phaseGain is what all of them have to divide the sum of the squares of the errors by, phaseHope what each
	// has to.
	phaseGain = 100
	phaseHope = 4
	// phaseDensity is the number of frequencies that are tried for each that is independent of the others.
	phaseDensity = 4
	// slowestDrive is the least number of periods in the rows, fastestDrive the largest number of radians a row.
	slowestDrive = .75
	fastestDrive = math.Pi / 4
	// slowestAngle and fastestAngle bound the radians that half the range of a channel is.
	slowestAngle = .7
	fastestAngle = 25.
	// phaseSteps is how often the interval around the best frequency is divided.
	phaseSteps = 30
	// phaseRows is the number of rows above which every second one is enough for the first look.
	phaseRows = 160
	// phaseLeast is the least number of rows for each term.
	phaseLeast = 2
)

// golden is the ratio of the golden section.
const golden = .6180339887498949

// phaseTerms is the number of terms of one more phase, 0 if there would be too many.
func (s *flow) phaseTerms() int {
	if len(s.phases) == maxPhases {
		return 0
	}
	for _, m := range [...]int{2 + 2*s.c, 2} {
		if (len(s.phases) == 0 || m == s.perPhase) && s.p+s.terms+m+s.c <= maxSparse {
			return m
		}
	}
	return 0
}

// addPhase makes room for m terms.
func (s *flow) addPhase(of phase, m int) {
	s.phases = append(s.phases, of)
	s.perPhase = m
	s.setTerms(len(s.phases) * m)
}

// setTerms makes room for that many terms of phases.
func (s *flow) setTerms(n int) {
	s.terms, s.extra = n, n
	s.wide = s.p + n
	if s.both {
		s.wide += s.c * s.c
	}
	s.wide = ceil4(s.wide)
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
	var cos, sin [maxPhases][lanes]float64
	for i, v := range g.phases {
		for l, u := range g.time {
			u += share * g.length[l]
			if v.source != ofTime {
				u = g.at[v.source*lanes+l]
			}
			sin[i][l], cos[i][l] = math.Sincos(v.omega * u)
		}
	}
	for j := range g.c {
		w, num, d := g.r.W[j*stride:], g.field.num[j*stride:], g.field.modulated[j*per*len(g.phases):]
		for i := 0; i < per/2; i += lanes {
			for l := range lanes {
				v := num[i+l]
				for k := range g.phases {
					v += cos[k][l]*d[k*per+2*i+l] + sin[k][l]*d[k*per+2*i+lanes+l]
				}
				w[i+l] = g.scale[l] * v
			}
		}
	}
}

// phaseSearch is a regression of slopes on the terms that a field has and on those of a phase of any frequency.
type phaseSearch struct {
	c, m, rows int
	wide       int       // of base
	row        int       // of joint
	angle      []float64 // rows: what the frequency is multiplied by
	first      []float64 // rows x m/2: the constant and the channels, weighted as the row is
	base       []float64 // rows x wide, orthonormal: the span of the terms that the field has
	rest       []float64 // rows x c: what they leave of the slopes
	sums       []float64 // c: of the squares of the slopes
	before     float64   // of the squares of rest over these, summed over the channels
	joint      []float64 // rows x row: terms of the phase, then rest
	shadow     []float64 // wide x row
	gram       []float64 // row x row
	inv        []float64
	now, turn  []float64 // rows x 2: cosine and sine of the frequency, and of a step of it, times angle
}

// newPhaseSearch uses every stride-th row of phi and y, and m terms of a phase.
func (s *flow) newPhaseSearch(a *arena, phi, y []float64, m, stride int) phaseSearch {
	c, p := s.c, s.p+s.terms
	rows := (s.upto[0] + stride - 1) / stride
	d := phaseSearch{c: c, m: m, rows: rows, wide: ceil4(p), row: ceil4(m + c)}
	d.angle, d.first, d.rest, d.sums, d.inv = a.raw(rows), a.raw(rows*m/2), a.raw(rows*c), a.zeros(c), a.raw(max(p, m))
	d.base, d.joint, d.shadow, d.gram = a.zeros(rows*d.wide), a.zeros(rows*d.row), a.raw(d.wide*d.row), a.raw(d.row*d.row)
	d.now, d.turn = a.raw(2*rows), a.raw(2*rows)
	for r := range rows {
		from := phi[r*stride*s.wide:]
		copy(d.base[r*d.wide:], from[:p])
		copy(d.first[r*m/2:][:m/2], from)
		copy(d.rest[r*c:], y[r*stride*c:][:c])
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

// forward solves L x = b in place, with the factor and the inverses that cholesky makes.
func forward(l []float64, ld int, inv, b []float64) {
	for i := range b {
		b[i] = (b[i] - dot(l[i*ld:][:i], b)) * inv[i]
	}
}

// of takes the argument of the phase from a channel of every stride-th row of phi, wide long, or from the times of these.
func (d *phaseSearch) of(source int, phi, when []float64, wide, stride int) {
	for r := range d.angle {
		if source == ofTime {
			d.angle[r] = when[r*stride]
		} else {
			row := phi[r*stride*wide:]
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
	for r := range d.rows {
		cos, sin := d.now[2*r], d.now[2*r+1]
		to := d.joint[r*row:]
		for k, v := range d.first[r*m/2:][:m/2] {
			to[2*k], to[2*k+1] = cos*v, sin*v
		}
		copy(to[m:], d.rest[r*c:][:c])
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

// ratioLeft returns the squares of the errors of a regression of the rational field on all rows, over those of what is
// regressed, summed over the channels; of the polynomial, if that is the only one.
func (s *flow) ratioLeft(a *arena) (sum float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	m := s.p
	if s.both {
		m += s.c
	}
	l, inv, b := a.raw(m*m), a.raw(m), a.raw(m)
	for j := range s.c {
		for i := range m {
			row := s.gram[0][s.column(j, i)*s.wide:]
			for k := range i + 1 {
				l[i*m+k] = row[s.column(j, k)]
			}
			b[i] = s.rhs[0][j*s.wide+s.column(j, i)]
		}
		definite(l, m, m, inv)
		forward(l, m, inv, b)
		sum += max(1-dot(b, b)/(s.sums[0][j]+1e-300), 0)
	}
	return sum
}

// try is left of a frequency.
func (d *phaseSearch) try(omega float64) float64 {
	d.at(d.now, omega)
	return d.left()
}

// seekPhases seeks the phases that slopes show. If there are any, phi and y have the regression on their terms too.
func (s *flow) seekPhases(a *arena, phi, y []float64, ends [folds]int) bool {
	before, left := 0., 0.
	for {
		from, to, ok := s.seekPhase(a, phi, y, ends)
		if !ok {
			break
		}
		if len(s.phases) == 1 {
			before = from
		}
		left = to
		s.slopes(phi, y, ends)
	}
	if len(s.phases) > 0 && !(phaseGain*left < before) {
		s.phases = s.phases[:0]
		s.setTerms(0)
		s.slopes(phi, y, ends)
		return false
	}
	return len(s.phases) > 0
}

// seekPhase adds a phase, if there is a good one, and returns the errors of slopes without it and with it.
func (s *flow) seekPhase(a *arena, phi, y []float64, ends [folds]int) (before, left float64, ok bool) {
	rows, m := s.upto[0], s.phaseTerms()
	if m == 0 || rows < phaseLeast*(s.p+s.terms+m) {
		return 0, 0, false
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	stride := 1
	if rows > phaseRows {
		stride = 2
	}
	d := s.newPhaseSearch(a, phi, y, m, stride)
	if !(d.before > phaseError*phaseError) {
		return 0, 0, false
	}
	when := a.raw(rows)[:0]
	for i := slopeReach; i < ends[0]-slopeReach; i++ {
		if !s.gr.gaps || noGap(s.gr.ok[i-slopeReach:i+slopeReach+1]) {
			when = append(when, float64(i+1-s.gr.n))
		}
	}
	var best phase
	least, width := math.Inf(1), 0.
	for source := ofTime; source < s.c; source++ {
		slowest, fastest, span := slowestAngle, fastestAngle, 2.
		if source == ofTime {
			if len(s.gr.library) > 0 {
				continue // which is of no time
			}
			span = when[rows-1] - when[0] + 1
			slowest, fastest = 2*math.Pi/span*slowestDrive, fastestDrive
		}
		step := 2 * math.Pi / span / phaseDensity
		d.of(source, phi, when, s.wide, stride)
		d.at(d.now, slowest)
		d.at(d.turn, step)
		for omega := slowest; omega < fastest; omega += step {
			if e := d.left(); e < least {
				best, least, width = phase{omega, source}, e, step
			}
			for i := 0; i < len(d.now); i += 2 {
				cos, sin, c, s := d.now[i], d.now[i+1], d.turn[i], d.turn[i+1]
				d.now[i], d.now[i+1] = cos*c-sin*s, sin*c+cos*s
			}
		}
	}
	if !(phaseHope*least < d.before) {
		return 0, 0, false
	}
	if stride > 1 {
		d = s.newPhaseSearch(a, phi, y, m, 1)
	}
	d.of(best.source, phi, when, s.wide, 1)
	lo, hi := best.omega-width, best.omega+width
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
	best.omega = x1
	s.addPhase(best, m)
	return d.before, f1, true
}
