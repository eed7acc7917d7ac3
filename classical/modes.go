package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// Guides of reduced rank: dynamic mode decomposition of delay vectors. The
// delays' covariance and its shift by one row are parts of the normal equations
// of a linear autoregression, from which a basis of the strongest directions is
// found by orthogonal iteration; the linear map of the coordinates in that basis
// is fitted for every rank at once, since the bases are nested.

// maxModes is the largest rank.
const maxModes = 16

// modeRanks are the ranks validated, lanes of them at a time.
var modeRanks = [2 * lanes]int{1, 2, 3, 4, 6, 8, 12, 16}

// reduced is the fit of one fold.
type reduced struct {
	u    []float64 // r x pp: the basis, strongest first
	mean []float64 // per channel
	gram []float64 // r rows, of the coordinates
	next []float64 // row k: products of the next coordinate k with all
}

// modal fits delay vectors to gr for every fold and adds two guides: with the
// rank among the first lanes of modeRanks that forecasts the last quarter best,
// and the same of the others; an id below zero is left out.
func (s *scorer) modal(mem *arena, g *group, gr *grid, low, high, delays int) {
	c, n := s.c, gr.n
	nv := n / 4
	f := form{order: max(1, min(delays, (n-2*nv)/3)), stride: 1}
	for f.order > 1 && n-f.order < f.features(c) {
		f.order--
	}
	if n-f.order < f.features(c) || n-2*nv-f.order < 4 {
		// Nothing to find a basis from.
		for i, id := range [...]int{low, high} {
			if id < 0 {
				continue
			}
			s.models(mem, g, gr, shrink(form{order: 2 - i, stride: 1}, gr), []float64{1}, []int{id})
		}
		return
	}
	steps := s.steps(gr)
	far := min(steps, 2*n)
	most := max(steps, nv+far, 2*nv)
	for _, id := range [...]int{low, high} {
		if id < 0 {
			continue
		}
		g.paths[id] = s.newPath(mem, gr, steps, most)
	}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	// Long delays touch a gap almost everywhere: its rows are learnt from as they
	// were interpolated.
	s.col = *gr
	s.col.gaps = false
	eq := &mem.work[1]
	eq.build(mem, f, &s.col, []int{n, n - nv, n - 2*nv})
	p := f.order * c
	r := min(maxModes, p)
	var fit [folds]reduced
	for k := folds - 1; k >= 0; k-- { // smallest fold first
		var start []float64
		if k < folds-1 {
			start = fit[k+1].u
		}
		fit[k].set(mem, eq, k, r, start)
	}
	var out [lanes]track
	for i := range out {
		out[i] = newTrack(mem, c, most)
	}
	for part, id := range [...]int{low, high} {
		if id < 0 {
			continue
		}
		ranks := modeRanks[part*lanes:][:lanes]
		best, rank := math.Inf(1), min(ranks[0], r)
		if ranks[0] <= r {
			var try [lanes]int
			for l := range try {
				try[l] = min(ranks[l], r)
			}
			one := &fit[1]
			e := n - nv
			s.rollModes(mem, gr, f.order, [lanes]*reduced{one, one, one, one}, try, [lanes]int{e, e, e, e}, [lanes]int{nv, nv, nv, nv}, try[lanes-1], &out)
			for l, k := range try {
				sum, cnt := gr.misfit(out[l], nv, e)
				if cnt > 0 && sum < best {
					best, rank = sum, k
				}
			}
		}
		was := out[0]
		out[0] = g.paths[id].ahead()
		clipped := s.rollModes(mem, gr, f.order, [lanes]*reduced{&fit[0], &fit[1], &fit[2], &fit[0]}, [lanes]int{rank, rank, rank, rank},
			[lanes]int{n, n - nv, n - 2*nv, n - nv}, [lanes]int{steps, nv + far, 2 * nv, nv}, rank, &out)
		s.score(g, gr, id, &result{p75: out[1], p50: out[2], replay: out[3], clipped: float64(clipped[0]+clipped[1]) / float64((steps+nv+far)*(c+rank))})
		out[0] = was
	}
}

// set fits fold k of the normal equations eq with rank r, the iteration
// starting from start (nil: from the columns of a pivoted Cholesky factor).
func (m *reduced) set(a *arena, eq *normal, k, r int, start []float64) {
	c, ep := eq.c, eq.pp
	p := eq.p - 1
	pp := ceil4(p)
	m.u, m.mean = a.zeros(r*pp), a.zeros(c)
	rr := ceil4(r)
	m.gram, m.next = a.zeros(r*rr), a.zeros(r*rr)
	blk, off := a.mark()
	defer a.release(blk, off)
	gram, rhs := eq.gram[k], eq.rhs[k]
	n := math.Max(gram[0], 1e-300)
	for i := range p {
		m.mean[i%c] += gram[(1+i)*ep]
	}
	for j := range m.mean {
		m.mean[j] /= n * float64(p/c)
	}
	cov := a.zeros((p + c) * pp) // delays with delays, then the next row with delays
	for i := range p + c {
		row := cov[i*pp:][:p]
		var from []float64
		if i < p {
			row = row[:i+1]
			from = gram[(1+i)*ep:]
		} else {
			from = rhs[(i-p)*ep:]
		}
		mi, si := m.mean[i%c], from[0]
		for q := range row {
			mq, sq := m.mean[q%c], gram[(1+q)*ep]
			row[q] = from[1+q] - mi*sq - si*mq + n*mi*mq
		}
	}
	trace := 0.0
	for i := range p {
		trace += cov[i*pp+i]
		for q := range i {
			cov[q*pp+i] = cov[i*pp+q]
		}
	}
	if start == nil {
		m.pivoted(a, cov, p, pp, r)
	} else {
		copy(m.u, start)
	}
	t := a.zeros(r * pp)
	// One pass of orthogonal iteration.
	asm.Gemm64(t, pp, m.u, pp, 1, cov, pp, r, pp, p)
	copy(m.u, t)
	orthonormal(m.u, r, p, pp)
	clear(t)
	asm.Gemm64(t, pp, m.u, pp, 1, cov, pp, r, pp, p)
	ut := a.zeros(p * rr)
	for k := range r {
		for i, v := range m.u[k*pp:][:p] {
			ut[i*rr+k] = v
		}
	}
	asm.Gemm64(m.gram, rr, t, pp, 1, ut, rr, r, rr, p)
	for i := range r {
		m.gram[i*rr+i] += 1e-12*trace + 1e-12
	}
	clear(t)
	asm.Gemm64(t, pp, m.u, pp, 1, cov[c*pp:], pp, r, pp, p)
	asm.Gemm64(m.next, rr, t, pp, 1, ut, rr, r, rr, p)
}

// pivoted fills the basis from the r largest pivots of the covariance.
func (m *reduced) pivoted(a *arena, cov []float64, p, pp, r int) {
	d := a.raw(p)
	for i := range d {
		d[i] = cov[i*pp+i]
	}
	for k := range r {
		at := 0
		for i, v := range d {
			if v > d[at] {
				at = i
			}
		}
		row := m.u[k*pp:][:p]
		copy(row, cov[at*pp:][:p])
		for q := range k {
			prev := m.u[q*pp:][:p]
			axpy(-prev[at], prev, row)
		}
		inv := 1 / math.Sqrt(math.Max(d[at], 1e-300))
		for i := range row {
			row[i] *= inv
			d[i] -= row[i] * row[i]
		}
		d[at] = math.Inf(-1)
	}
}

// orthonormal makes r rows orthonormal in order; a row that depends on those
// before it becomes zero.
func orthonormal(u []float64, r, p, pp int) {
	for k := range r {
		row := u[k*pp:][:p]
		before := dot(row, row)
		if !(before > 0) || !finite(before) {
			clear(row)
			continue
		}
		for range 2 {
			for q := range k {
				prev := u[q*pp:][:p]
				axpy(-dot(row, prev), prev, row)
			}
			if dot(row, row) > 0.5*before {
				break
			}
		}
		after := dot(row, row)
		if !(after > 1e-26*before) {
			clear(row)
			continue
		}
		inv := 1 / math.Sqrt(after)
		for i := range row {
			row[i] *= inv
		}
	}
}

// rollModes continues gr in four lanes, lane l with the first rank[l] of the r
// modes of fit[l] from the rows before end[l], by steps[l] rows, into out[l].
// The rows themselves are rolled along as further channels that nothing
// depends on.
func (s *scorer) rollModes(a *arena, gr *grid, delays int, fit [lanes]*reduced, rank, end, steps [lanes]int, r int, out *[lanes]track) (clipped [lanes]int64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c := s.c
	p := delays * c
	pp := ceil4(p)
	wide := r + c
	most := max(steps[0], steps[1], steps[2], steps[3])
	w := a.zeros(wide * (1 + wide) * lanes)
	lo, hi := a.raw(wide*lanes), a.raw(wide*lanes)
	bound := 2 * clipAt * math.Sqrt(float64(p))
	for i := range lo {
		lo[i], hi[i] = -bound, bound
		if i >= r*lanes {
			lo[i], hi[i] = -clipAt, clipAt
		}
	}
	buf := a.zeros((1 + most) * wide * lanes)
	miss := a.zeros(c * lanes)
	var l [maxModes * maxModes]float64
	var inv [maxModes]float64
	var op [maxModes]float64
	var z [maxModes]float64
	all := ceil4(min(maxModes, p))
	for q, m := range fit {
		k := rank[q]
		if q == 0 || fit[q] != fit[q-1] {
			for i := range r {
				copy(l[i*r:][:i+1], m.gram[i*all:])
			}
			cholesky(l[:], r, r, 1e-300, inv[:])
			x := gr.before(end[q], delays)[:p]
			for i := range r {
				u, v := m.u[i*pp:][:p], 0.0
				if c == 1 {
					mean := m.mean[0]
					for e, y := range x {
						v += u[e] * (y - mean)
					}
				} else {
					for e := 0; e < p; e += c {
						for j, mean := range m.mean {
							v += u[e+j] * (x[e+j] - mean)
						}
					}
				}
				z[i] = v
			}
		}
		for i := range k {
			buf[i*lanes+q] = z[i]
			copy(op[:k], m.next[i*all:])
			solveLower(l[:], k, r, inv[:], op[:k])
			row := w[(i*(1+wide)+1)*lanes+q:]
			for e, v := range op[:k] {
				row[e*lanes] = v
			}
			for j := range c { // the last block of delays is the row itself
				o := m.u[i*pp+p-c+j]
				row := w[((r+j)*(1+wide)+1)*lanes+q:]
				for e, v := range op[:k] {
					row[e*lanes] += o * v
				}
			}
		}
		for j := range c {
			w[(r+j)*(1+wide)*lanes+q] = m.mean[j]
			v := gr.before(end[q], 1)[j] - m.mean[j]
			for i := range k {
				v -= z[i] * m.u[i*pp+p-c+j]
			}
			miss[j*lanes+q] = v
		}
	}
	roll := asm.Rollout{Buf: buf, W: w, WStride: 1 + wide, Lo: lo, Hi: hi, C: wide, Order: 1, Stride: 1}
	clipped = rollSteps(&roll, 1, steps)
	for j := range c {
		asm.Deinterleave(out[0].of(j, most), out[1].of(j, most), out[2].of(j, most), out[3].of(j, most), buf[(wide+r+j)*lanes:], wide*lanes)
		// What the truncated basis misses of the last row decays instead of jumping.
		for q := range out {
			v := miss[j*lanes+q]
			x := out[q].of(j, most)
			for t := range min(most, 40) {
				v *= 0.7
				x[t] = clamp(x[t]+v, -clipAt, clipAt)
			}
		}
	}
	return clipped
}
