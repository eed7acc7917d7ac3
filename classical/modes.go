package classical

import "math"

// maxModeDelays bounds the length of the delay vectors of the reduced-rank
// guides: the decomposition costs its cube.
const maxModeDelays = 12

// modeRanks are the ranks that are tried.
var modeRanks = [...]int{2, 3, 4, 6, 8, 12}

// reduced adds a forecast by dynamic mode decomposition of the delay matrix, as
// the forecaster of that name makes it: the delay vectors are projected on
// their leading directions, which drops much of the noise, and the reduced linear
// map is iterated. The directions are those of the first three quarters of gr,
// for all folds; the rank is the one that rolls best over the last quarter.
func (s *scorer) reduced(mem *arena, g *group, gr *grid, id int) {
	c, n := s.c, gr.n
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	g.paths[id] = s.newPath(mem, gr, steps, steps)
	ahead := g.paths[id].ahead()
	blk, off := mem.mark()
	defer mem.release(blk, off)
	b75, b50 := newTrack(mem, c, nv+far), newTrack(mem, c, 2*nv)
	delays := max(1, min(maxModeDelays/c, (n-2*nv)/3))
	if c > maxModeDelays || n-2*nv-delays < 4 {
		// Too many channels, or too little to learn from.
		s.relax(gr, idRelax, n, ahead, steps)
		s.relax(gr, idRelax, n-nv, b75, nv+far)
		s.relax(gr, idRelax, n-2*nv, b50, 2*nv)
		s.score(g, gr, id, &result{p75: b75, p50: b50})
		return
	}
	var m modes
	m.decompose(mem, gr, n-nv, delays)
	m.extend(mem, gr)
	most := min(m.p, modeRanks[len(modeRanks)-1], n-2*nv-delays-1)
	m.project(mem, most)
	m.learn(most, n-nv)
	flat := mem.raw(max(nv+far, steps, 2*nv)*c + 1)
	best, rank := math.Inf(1), 1
	for _, r := range modeRanks {
		if r > most {
			break
		}
		m.roll(mem, gr, n-nv, r, flat, nv)
		if e := validationError(gr, flat, n-nv, nv); e < best {
			best, rank = e, r
		}
	}
	for _, f := range []struct {
		end, rows int
		to        track
	}{{n - nv, nv + far, b75}, {n - 2*nv, 2 * nv, b50}, {n, steps, ahead}} {
		m.learn(most, f.end)
		m.roll(mem, gr, f.end, rank, flat, f.rows)
		for j := range c {
			out := f.to.of(j, f.rows)
			for t := range out {
				out[t] = flat[t*c+j]
			}
		}
	}
	s.score(g, gr, id, &result{p75: b75, p50: b50})
}

// extend adds the delay vectors of the rest of the rows of g, centred and
// projected as those that were decomposed.
func (m *modes) extend(a *arena, g *grid) {
	c := g.c
	m.rows = g.n - m.d + 1
	m.phi = a.raw(m.rows*m.p + 1)
	for r := range m.rows {
		for i := range m.p {
			m.phi[r*m.p+i] = g.x[r*c+i] - m.mean[i%c]
		}
	}
}

// parrot adds the analogue forecast as the forecaster of that name makes it: the
// length of the pattern is the one that does best over the last quarter.
func (s *scorer) parrot(mem *arena, g *group, gr *grid, id int) {
	c, n := s.c, gr.n
	nv := n / 4
	blk, off := mem.mark()
	buf := mem.raw(nv*c + 1)
	best, points := math.Inf(1), 8
	for _, k := range [...]int{8, 4, 32} {
		analogue(gr, n-nv, k, buf, c, 1, nv)
		if e := validationError(gr, buf, n-nv, nv); e < best {
			best, points = e, k
		}
	}
	mem.release(blk, off)
	s.replay(mem, g, gr, id, points)
}
