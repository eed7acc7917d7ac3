package classical

import "math"

// parrotPoints are the lengths of match that parroting validates.
var parrotPoints = [...]int{8, 4, 16, 32}

// parrot adds replay of the nearest past with the length of the match that
// forecasts the last quarter best.
func (s *scorer) parrot(mem *arena, g *group, gr *grid, id int) {
	c, n := s.c, gr.n
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	g.paths[id] = s.newPath(mem, gr, steps, steps)
	blk, off := mem.mark()
	defer mem.release(blk, off)
	b75, b50 := newTrack(mem, c, nv+far), newTrack(mem, c, max(2*nv, nv+1))
	ahead := g.paths[id].ahead()
	best, points := math.Inf(1), parrotPoints[0]
	for _, m := range parrotPoints {
		analogue(gr, n-nv, m, b50.x, 1, b50.stride, nv)
		if e, _ := gr.misfit(b50, nv, n-nv); e < best {
			best, points = e, m
		}
	}
	analogue(gr, n, points, ahead.x, 1, ahead.stride, steps)
	analogue(gr, n-nv, points, b75.x, 1, b75.stride, nv+far)
	analogue(gr, n-2*nv, points, b50.x, 1, b50.stride, 2*nv)
	s.score(g, gr, id, &result{p75: b75, p50: b50})
}
