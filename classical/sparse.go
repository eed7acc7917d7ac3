package classical

import (
	"math"
	"math/bits"
	"slices"
	"sync"
)

// Most right-hand sides have few monomials. Which ones is sought by a beam search: from sets of
// monomials that fit best go those that are larger by one. The best of all sizes is taken by the
// Bayesian information criterion, of two searches for each channel:
//
//   - for sets that have all divisors of what they have. What they find depends neither on the units
//     nor on the origins of the channels: x in other units is still x, x^2 from another origin is x^2, x and 1.
//   - for any monomials of the channels from where they are zero, if it is known where that is and not
//     too far away: in units of their own most systems have fewer monomials.
//
// A field regressed on all monomials is that of the system only where the rows show all of them;
// one of the right monomials is so everywhere.
const (
	// maxSparse is the largest number of terms: cubic monomials of five channels over linear ones, with a drive, or
	// quadratic ones of nine. Sets of them are bits of a number.
	maxSparse = 63
	// sparseCost is what a monomial costs, times what the criterion asks for (one is half of the logarithm
	// of the number of rows).
	sparseCost = 5
	// sparseError is the relative error of increments below which there is rounding, or that of an
	// integrator, alone.
	sparseError = 1e-5
	// sparsePivot is the least square of what a monomial has of its own, next to the others, over its own.
	sparsePivot = 1e-10
	// sparseBeam is the number of sets of a size that are followed.
	sparseBeam = 20
	// sparsePatience is how often sets may become larger without becoming better.
	sparsePatience = 2
	// mostDivisors is that of a product of three channels.
	mostDivisors = 8
	// farthestOrigin is how far from the middle of a channel its zero may be, in half ranges.
	farthestOrigin = 10
)

// supports is a search for the monomials of one channel.
type supports struct {
	p          int
	gram       []float64              // p x p, of unit diagonal
	rhs        []float64              // p
	size       []float64              // by which gram and rhs were divided, p
	sum        float64                // of the squares of what is regressed
	floor      float64                // least sum of squares of the errors that counts
	cost       [maxSparse + 1]float64 // by number of monomials
	beam, next [sparseBeam]support
	choices    [sparseBeam]larger // for next, the best first
	count      int
}

// support is a set of monomials.
type support struct {
	in        uint64
	m         int
	rest      float64   // sum of the squares of the errors
	v         []float64 // m x p, all monomials in the basis that Gram and Schmidt make of those in it
	own, gain []float64 // what is left of the diagonal of gram, and of rhs, without these
}

// larger is a set of monomials before its basis is made.
type larger struct {
	in          uint64
	from        int
	rest, score float64
}

// init takes memory for a search among p monomials.
func (s *supports) init(a *arena, p int) {
	s.p, s.gram, s.rhs, s.size = p, a.raw(p*p), a.raw(p), a.raw(p)
	for i := range s.beam {
		for _, t := range [2]*support{&s.beam[i], &s.next[i]} {
			t.v, t.own, t.gain = a.raw(p*p), a.raw(p), a.raw(p)
		}
	}
}

// begin prepares a regression of that many rows, of what has that sum of squares; relative errors below err
// count as rounding.
func (s *supports) begin(rows int, sum, err, cost float64) {
	s.sum, s.floor = sum, err*err*sum
	n := float64(rows)
	for m := range s.cost {
		s.cost[m] = math.Exp(.5 * cost * float64(m) * math.Log(n) / n)
	}
}

// criterion compares sets of m monomials that leave that rest: it is the exponential of the Bayesian one per row.
// Less is better.
func (s *supports) criterion(rest float64, m int) float64 {
	return (max(rest, 0) + s.floor) * s.cost[m]
}

// with returns what is left when the monomials of add join those of from; ok is false when they are
// hardly different from these.
func (s *supports) with(from *support, add uint64) (rest float64, ok bool) {
	if i := bits.TrailingZeros64(add); add == 1<<i {
		own, gain := from.own[i], from.gain[i]
		return from.rest - gain*gain/own, own > sparsePivot
	}
	var at [mostDivisors]int
	var l [mostDivisors][mostDivisors]float64
	var w [mostDivisors]float64
	k, p := 0, s.p
	for rest = from.rest; add != 0; add &= add - 1 {
		i := bits.TrailingZeros64(add)
		at[k] = i
		w[k], l[k][k] = from.gain[i], from.own[i]
		for r, j := range at[:k] {
			g := s.gram[i*p+j]
			for q := 0; q < from.m*p; q += p {
				g -= from.v[q+i] * from.v[q+j]
			}
			for q := range r {
				g -= l[k][q] * l[r][q]
			}
			g *= l[r][r] // the diagonal is inverse
			l[k][r] = g
			l[k][k] -= g * g
			w[k] -= g * w[r]
		}
		if !(l[k][k] > sparsePivot) {
			return 0, false
		}
		l[k][k] = 1 / math.Sqrt(l[k][k])
		w[k] *= l[k][k]
		rest -= w[k] * w[k]
		k++
	}
	return rest, true
}

// extend makes the basis of what joins the monomials of from.
func (s *supports) extend(to, from *support, in uint64) {
	p, m := s.p, from.m
	to.in, to.rest = in, from.rest
	copy(to.v, from.v[:m*p])
	copy(to.own, from.own)
	copy(to.gain, from.gain)
	for add := in &^ from.in; add != 0; add &= add - 1 {
		i := bits.TrailingZeros64(add)
		row := to.v[m*p:][:p]
		copy(row, s.gram[i*p:][:p])
		for q := 0; q < m*p; q += p {
			axpy(-to.v[q+i], to.v[q:][:p], row)
		}
		inv := 1 / math.Sqrt(to.own[i])
		w := to.gain[i] * inv
		for j, v := range row {
			v *= inv
			row[j] = v
			to.own[j] -= v * v
			to.gain[j] -= v * w
		}
		to.rest -= w * w
		m++
	}
	to.m = m
}

// search returns the best set; whole has, for each monomial, those that come with it.
func (s *supports) search(whole []uint64) (best larger) {
	none := &s.beam[0]
	none.in, none.m, none.rest = 0, 0, s.sum
	for i := range none.own {
		none.own[i] = s.gram[i*s.p+i]
	}
	copy(none.gain, s.rhs)
	best = larger{rest: s.sum, score: s.criterion(s.sum, 0)}
	for count, worse := 1, 0; count > 0 && worse < sparsePatience; worse++ {
		least := maxSparse
		for b := range count {
			least = min(least, s.beam[b].m+1)
		}
		if s.criterion(0, least) >= best.score {
			break // no larger set is better
		}
		s.count = 0
		for b := range count {
			from := &s.beam[b]
			for _, w := range whole {
				if add := w &^ from.in; add != 0 {
					if rest, ok := s.with(from, add); ok {
						in := from.in | add
						s.offer(larger{in, b, rest, s.criterion(rest, bits.OnesCount64(in))})
					}
				}
			}
		}
		for k, c := range s.choices[:s.count] {
			s.extend(&s.next[k], &s.beam[c.from], c.in)
		}
		count = s.count
		s.beam, s.next = s.next, s.beam
		if count > 0 && s.choices[0].score < best.score {
			best, worse = s.choices[0], -1
		}
	}
	return best
}

// offer puts c among the choices, the best first, if it is one of the best and new.
func (s *supports) offer(c larger) {
	at := s.count
	if at == sparseBeam && !(c.score < s.choices[at-1].score) {
		return
	}
	for at > 0 && c.score < s.choices[at-1].score {
		at--
	}
	for _, other := range s.choices[:s.count] {
		if other.in == c.in {
			return
		}
	}
	s.count = min(s.count+1, sparseBeam)
	copy(s.choices[at+1:s.count], s.choices[at:])
	s.choices[at] = c
}

// weights writes those of the best fit of the monomials in, zero for all others.
func (s *supports) weights(a *arena, in uint64, w []float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	clear(w)
	var kept [maxSparse]int
	m := 0
	for ; in != 0; in &= in - 1 {
		kept[m] = bits.TrailingZeros64(in)
		m++
	}
	l, inv, b := a.raw(m*m), a.raw(m), a.raw(m)
	for r, i := range kept[:m] {
		for q, k := range kept[:r+1] {
			l[r*m+q] = s.gram[i*s.p+k]
		}
		b[r] = s.rhs[i]
	}
	cholesky(l, m, m, .5*sparsePivot, inv)
	solveLower(l, m, m, inv, b)
	for r, i := range kept[:m] {
		w[i] = b[r] / s.size[i]
	}
}

// scale makes the diagonal of gram one, and its upper half as the lower one.
func (s *supports) scale() {
	for i := range s.p {
		s.size[i] = math.Sqrt(s.gram[i*s.p+i]) + 1e-300
	}
	for i := range s.p {
		for k := range i + 1 {
			v := s.gram[i*s.p+k] / (s.size[i] * s.size[k])
			s.gram[i*s.p+k], s.gram[k*s.p+i] = v, v
		}
		s.rhs[i] /= s.size[i]
	}
}

// sparse writes the weights of the right-hand side of channel j fitted to a fold: of the monomials, of the terms of
// phases and, if it is rational, of the channels in its denominator. Only the first of these, terms of them, may differ from zero.
func (s *flow) sparse(a *arena, search *supports, fold, j, terms int, w []float64) {
	p, m := s.p+s.extra, search.p
	clear(w)
	if !(s.sums[fold][j] > 0) {
		return
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	search.begin(s.upto[fold], s.sums[fold][j], s.rounding, s.cost)
	table := &monomialTables()[s.c]
	gram, rhs := a.raw(m*m), a.raw(m)
	for i := range m {
		row := s.gram[fold][s.column(j, i)*s.wide:]
		for k := range i + 1 {
			gram[i*m+k] = row[s.column(j, k)]
			gram[k*m+i] = gram[i*m+k]
		}
		rhs[i] = s.rhs[fold][j*s.wide+s.column(j, i)]
	}
	copy(search.gram, gram)
	copy(search.rhs, rhs)
	search.scale()
	var whole [maxSparse]uint64
	for i := range whole {
		whole[i] = 1 << i
	}
	copy(whole[:], table.divisors)
	for i := range s.extra {
		from := s.p + i/s.perPhase*s.perPhase
		whole[s.p+i] = 3<<from | 3<<(s.p+i&^1)
	}
	best := search.search(whole[:terms])
	search.weights(a, best.in, w)
	if s.moved == nil {
		return
	}
	// The monomials from the origins are moved times those from the middles.
	move := func(to, from []float64, stride int) {
		for i := range p {
			row := to[i*stride:][:stride]
			clear(row)
			for k, v := range s.moved[i*p:][:p] {
				if v != 0 {
					axpy(v, from[k*stride:][:stride], row)
				}
			}
		}
	}
	half := a.raw(p * m)
	move(half, gram, m)
	for i := range p {
		for k := range i + 1 {
			search.gram[i*m+k] = dot(half[i*m:][:p], s.moved[k*p:][:p])
		}
	}
	for i := p; i < m; i++ {
		for k := range p {
			search.gram[i*m+k] = half[k*m+i]
		}
		copy(search.gram[i*m+p:][:i-p+1], gram[i*m+p:])
	}
	copy(search.rhs, rhs)
	move(search.rhs, rhs, 1)
	search.scale()
	for i := range s.p {
		whole[i] = 1 << i
	}
	for i := range s.extra {
		whole[s.p+i] = 3 << (s.p + i&^1)
	}
	if free := search.search(whole[:terms]); free.score < best.score {
		other := a.raw(m)
		search.weights(a, free.in, other)
		copy(w, other)
		clear(w[:p])
		for i, v := range other[:p] {
			axpy(v, s.moved[i*p:][:p], w)
		}
	}
}

// column is that of unknown i of a regression of channel j: the monomials, the terms of phases, then the channels
// times the slope.
func (s *flow) column(j, i int) int {
	if i < s.p+s.extra {
		return i
	}
	return i - s.extra + s.terms + j*s.c
}

// move prepares the monomials of the channels from their origins, in the units of the grid; NaN
// stands for an origin that is not known.
func (s *flow) move(a *arena, origins []float64) {
	s.moved = nil
	if len(origins) != s.c || s.p+s.extra > maxSparse {
		return
	}
	for _, o := range origins {
		if !(math.Abs(o) <= farthestOrigin) {
			return
		}
	}
	p, table := s.p+s.extra, &monomialTables()[s.c]
	s.moved = a.zeros(p * p)
	s.moved[0] = 1
	done := uint64(1)
	for i := range s.p {
		for k, o := range origins {
			up := table.products[i*s.c+k]
			if up < 0 || done>>up&1 != 0 {
				continue
			}
			done |= 1 << up
			to := s.moved[up*p:][:p]
			for q, v := range s.moved[i*p:][:p] {
				if v != 0 {
					to[q] -= o * v
					to[table.products[q*s.c+k]] += v
				}
			}
		}
	}
	for i := range s.extra { // of each phase cosines and sines by turns, of the constant and of the channels
		s.moved[(s.p+i)*p+s.p+i] = 1
		if k := i % s.perPhase; k >= 2 {
			s.moved[(s.p+i)*p+s.p+i-k+k%2] = -origins[k/2-1]
		}
	}
}

// monomials are those of a number of channels, of degree three at most, in the order of lift.
type monomials struct {
	products []int    // of each with each channel, -1 beyond that degree
	divisors []uint64 // the set of those of each, and itself
}

// newMonomials makes the tables of the p monomials of c channels.
func newMonomials(c, p int) (t monomials) {
	var list [][]int
	list = append(list, nil)
	for i := range c {
		list = append(list, []int{i})
	}
	for i := range c {
		for j := i; j < c; j++ {
			list = append(list, []int{i, j})
		}
	}
	for i := range c {
		for j := i; j < c; j++ {
			for k := j; k < c; k++ {
				list = append(list, []int{i, j, k})
			}
		}
	}
	t.products = make([]int, p*c)
	for i, m := range list[:p] {
		for k := range c {
			next := append(slices.Clone(m), k)
			slices.Sort(next)
			t.products[i*c+k] = slices.IndexFunc(list[:p], func(v []int) bool { return slices.Equal(v, next) })
		}
	}
	t.divisors = make([]uint64, p)
	for i := range p {
		t.divisors[i] |= 1 << i
		for _, up := range t.products[i*c : (i+1)*c] {
			if up >= 0 {
				t.divisors[up] |= t.divisors[i] // a divisor has a smaller number
			}
		}
	}
	return t
}

// monomialTables are those by number of channels, made once.
var monomialTables = sync.OnceValue(func() []monomials {
	all := make([]monomials, 1)
	for c := 1; ; c++ {
		f, _ := flowForm(c)
		p := f.features(c)
		if !f.cubic && p > maxSparse {
			return all
		}
		all = append(all, monomials{})
		if p <= maxSparse {
			all[c] = newMonomials(c, p)
		}
	}
})

// sparseLane replaces a lane of the field by right-hand sides with few of the first terms, fitted to a fold.
func (s *flow) sparseLane(a *arena, lane, fold, terms int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	m := s.unknowns()
	var search supports
	search.init(a, m)
	w := a.raw(m)
	for j := range s.c {
		s.sparse(a, &search, fold, j, terms, w)
		for i, v := range w[:s.p] {
			s.field.num[(j*ceil4(s.p)+i)*lanes+lane] = v / float64(s.substeps)
		}
		for i, v := range w[s.p : s.p+s.extra] {
			s.field.modulated[(j*s.extra+i)*lanes+lane] = v / float64(s.substeps)
		}
		for i, v := range w[s.p+s.extra:] {
			s.field.den[(j*s.c+i)*lanes+lane] = v
		}
	}
}

// unknowns is the number of those of a channel.
func (s *flow) unknowns() int {
	if s.rational {
		return s.p + s.extra + s.c
	}
	return s.p + s.extra
}
