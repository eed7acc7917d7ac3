package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// Rows in which some channels were not observed do not show the field, but a field says
// what was missing: where it leads best from row to row, all that was observed being kept.
// Both are found together, by Gauss-Newton steps on
//
//	z(t_i+1) - F(z(t_i)),
//
// F being the path of the field, weighted by the increments of each channel. Its
// derivatives by z(t_i), called A, are differences of paths; those by the coefficients are
// the integral of the monomials along the path, carried on to t_i+1 by the flow. These
// errors are taken back to the middle of the way instead, by the inverse of (1 + A) / 2:
// what the flow does to the first half of the integral and to the second then nearly
// cancels, and the integral alone is enough. The values are moved, and the coefficients
// fitted anew to the increments.

// There are settlePasses at most, until the field leads from row to row with an error of
// settledError, or more than settlePatience passes have not halved the least error. There
// are settleLeast at least: the error is a median, which says little of few missing values.
// Values are those of the least error.
const (
	settlePasses   = 12
	settledError   = 2e-6
	settlePatience = 3
	settleLeast    = 3
)

// These keep values and coefficients near where they are, relative to the increments: the
// values by settleRidge at least, and by settleDoubt times the square of the error before.
const (
	settleRidge = 1e-8
	settleDoubt = 1e-2
	fieldRidge  = 1e-10
)

// settleStep is the step, in half ranges, of differences of paths by where they start;
// settleMost is the farthest that a value moves in one pass.
const (
	settleStep = 1e-6
	settleMost = .5
)

// leastPivot is the least pivot of the inverse of (1 + A) / 2.
const leastPivot = .05

// maxSettled is the largest number of coefficients of a field that is found so.
const maxSettled = 300

// settle fits the polynomial to the rows with missing channels, and these to it, if it
// leads roughly from row to row from the start. It reports whether what comes out is
// believed; then these rows are the rows of the grid, and else s has to be built anew.
func (s *flow) settle(a *arena) bool {
	gr := s.gr
	if s.rational || s.c*(s.p+s.terms) > maxSettled || len(gr.partialAt) <= s.p+s.terms {
		return false
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	rows, at := gr.rows, gr.at
	gr.rows, gr.at = gr.partial, gr.partialAt
	s.list(gr.foldEnds(), 0)
	phi, y := a.raw(len(s.pairs)*s.wide), a.raw(len(s.pairs)*s.c+1)
	kept := a.raw(len(gr.rows))
	least, idle := math.Inf(1), 0
	for pass := range settlePasses {
		e := s.pass(a, unevenSubsteps, false, phi, y)
		if pass == 0 && !(e < flowDoubt) {
			break
		}
		if pass == 1 {
			least = math.Inf(1) // most errors of the pass before are those of interpolants
		}
		if idle++; e < .5*least {
			idle = 0
		}
		if e < least {
			least = e
			copy(kept, gr.rows)
		}
		if pass >= settleLeast && e < settledError || idle > settlePatience {
			break
		}
		s.normal(phi, y)
		s.complete(a, e)
	}
	if !(least < flowError) {
		gr.rows, gr.at = rows, at
		return false
	}
	copy(gr.rows, kept)
	s.pass(a, unevenSubsteps, false, phi, y)
	s.normal(phi, y)
	s.ridges, s.substeps = incrementRidges, unevenSubsteps
	return true
}

// complete moves what was not observed by one step. e is the error before.
func (s *flow) complete(a *arena, e float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, p, rows, seen := s.c, s.p+s.terms, s.gr.rows, s.gr.seen
	s.unknown = s.unknown[:0]
	n := 0
	for _, known := range seen {
		s.unknown = append(s.unknown, n)
		if !known {
			n++
		}
	}
	field := s.even(a, 0, false, unevenSubsteps)
	errors := a.raw(len(s.pairs) * c)
	phi, y := a.raw(len(s.pairs)*s.wide), a.raw(len(s.pairs)*c)
	s.paths(a, field, unevenSubsteps, s.pairs, errors, phi, y)

	// Paths from starts that differ in one value.
	starts := a.raw(len(s.pairs) * c * 2 * c)
	s.parts = s.parts[:0]
	for i, q := range s.pairs {
		for j := range c {
			moved := q
			moved.x = starts[(i*c+j)*2*c:][:2*c]
			copy(moved.x, q.x)
			moved.x[j] += settleStep
			s.parts = append(s.parts, moved)
		}
	}
	moved := a.raw(len(s.parts) * c)
	s.paths(a, field, unevenSubsteps, s.parts, moved, nil, nil)

	eq := newBordered(a, n, 2*c, c*p)
	size := s.increments(a)
	middle := a.raw(c * c)
	var places [2 * fineChannels]int
	var v [2 * fineChannels]float64
	bounded, used := 0, 0
	for i, q := range s.pairs {
		d := errors[i*c : (i+1)*c]
		if math.IsInf(d[0], 0) {
			continue
		}
		monomials := phi[bounded*s.wide:][:s.wide]
		bounded++
		for j := range c {
			for k, u := range moved[(i*c+j)*c:][:c] {
				middle[k*c+j] = .5 * (d[k] - u) / settleStep
			}
			middle[j*c+j] += .5
		}
		if !invert(middle, c) {
			continue
		}
		copy(phi[used*s.wide:], monomials)
		monomials = phi[used*s.wide:][:p]
		used++
		for k := range c {
			weight := 1 / (size[k] * size[k])
			e := dot(d, middle[k*c:])
			axpy(weight*e, monomials, eq.second[k*p:])
			m := 0
			for j := range c {
				if u := q.row*c + j; !seen[u] {
					v[m], places[m] = middle[k*c+j], s.unknown[u]
					if j == k {
						v[m] -= 2
					}
					m++
				}
			}
			for j := range c {
				if u := (q.row+1)*c + j; !seen[u] {
					v[m], places[m] = middle[k*c+j], s.unknown[u]
					m++
				}
			}
			for r, u := range places[:m] {
				w := weight * v[r]
				eq.first[u] -= w * e
				axpy(-w, monomials, eq.cross[u*eq.wide+k*p:])
				for t, other := range places[:r+1] {
					eq.gram[u*eq.band+eq.band-1-u+other] += w * v[t]
				}
			}
		}
	}
	ridge := max(settleRidge, settleDoubt*e*e)
	for i, u := range s.unknown {
		if !seen[i] {
			eq.gram[u*eq.band+eq.band-1] += ridge / (size[i%c] * size[i%c])
		}
	}
	pp := ceil4(p)
	common := a.zeros(pp * s.wide)
	asm.Gemm64(common, s.wide, phi, 1, s.wide, phi, s.wide, pp, s.wide, used)
	for k := range c {
		weight := 1 / (size[k] * size[k])
		for i := range p {
			for j := range i + 1 {
				eq.own[(k*p+i)*eq.wide+k*p+j] = weight * common[i*s.wide+j]
			}
			eq.own[(k*p+i)*eq.wide+k*p+i] += fieldRidge * weight
		}
	}

	eq.solve(a)
	for i, u := range s.unknown {
		if !seen[i] {
			rows[i] += clamp(eq.first[u], -settleMost, settleMost)
		}
	}
}

// bordered are normal equations of two sets of unknowns: n that follow one another, in a
// band, and m that all of them depend on.
type bordered struct {
	n, band, m, wide int
	gram             []float64 // of the first, each row up to its diagonal: n x band
	cross            []float64 // of the first with the second: n x wide
	own              []float64 // of the second, up to the diagonal: wide x wide
	first, second    []float64 // right-hand sides, then the solution
}

// newBordered returns equations of zeros. A row of the band has band entries.
func newBordered(a *arena, n, band, m int) bordered {
	wide := ceil4(m)
	return bordered{
		n: n, band: band, m: m, wide: wide, gram: a.zeros(n * band), cross: a.zeros(n * wide), own: a.zeros(wide * wide),
		first: a.zeros(n), second: a.zeros(wide),
	}
}

// solve replaces both right-hand sides by the solution: Cholesky, of the first unknowns, of
// what they leave of the second, and back. It overwrites the equations.
func (e *bordered) solve(a *arena) {
	n, band, wide, gram, cross, own, step, change := e.n, e.band, e.wide, e.gram, e.cross, e.own, e.first, e.second
	for i := range n {
		row, first := gram[i*band:(i+1)*band], max(0, i-band+1)
		for j := first; j < i; j++ {
			other, lo := gram[j*band:(j+1)*band], max(first, j-band+1)
			u := (row[j-i+band-1] - dot(row[lo-i+band-1:j-i+band-1], other[lo-j+band-1:])) / other[band-1]
			row[j-i+band-1] = u
			step[i] -= u * step[j]
			if u != 0 {
				axpy(-u, cross[j*wide:(j+1)*wide], cross[i*wide:])
			}
		}
		u := row[first-i+band-1 : band-1]
		u0 := math.Sqrt(max(row[band-1]-dot(u, u), 1e-300))
		row[band-1] = u0
		step[i] /= u0
		for k := range wide {
			cross[i*wide+k] /= u0
		}
		axpy(-step[i], cross[i*wide:(i+1)*wide], change)
	}
	taken := a.zeros(wide * wide)
	for i := 0; i < wide; i += 4 {
		asm.Gemm64(taken[i*wide:], wide, cross[i:], 1, wide, cross, wide, 4, i+4, n)
	}
	for i, u := range taken {
		own[i] -= u
	}
	inverse := a.raw(e.m)
	cholesky(own, e.m, wide, 1e-300, inverse)
	solveLower(own, e.m, wide, inverse, change)
	for i := n - 1; i >= 0; i-- {
		row, first := gram[i*band:(i+1)*band], max(0, i-band+1)
		step[i] = (step[i] - dot(change, cross[i*wide:])) / row[band-1]
		axpy(-step[i], row[first-i+band-1:band-1], step[first:])
	}
}

// invert inverts a small matrix (c x c) in place by elimination without pivoting. It
// reports whether no pivot was too small for that.
func invert(m []float64, c int) bool {
	for k := range c {
		row := m[k*c : (k+1)*c]
		pivot := row[k]
		if !(math.Abs(pivot) > leastPivot) {
			return false
		}
		row[k] = 1
		for j := range row {
			row[j] /= pivot
		}
		for i := range c {
			if other := m[i*c : (i+1)*c]; i != k {
				u := other[k]
				other[k] = 0
				axpy(-u, row, other)
			}
		}
	}
	return true
}
