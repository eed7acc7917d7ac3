package classical

import "math"

// parrotPoints are the lengths of match that parroting validates.
var parrotPoints = [...]int{8, 4, 16, 32}

// parrot adds replay of the nearest past with the length of the match that
// forecasts the last quarter best.
func (s *scorer) parrot(mem *arena, g *group, gr *grid, id int) {
	n := gr.n
	nv := n / 4
	best, points := math.Inf(1), parrotPoints[0]
	blk, off := mem.mark()
	last := newTrack(mem, s.c, nv)
	for _, m := range parrotPoints {
		analogue(gr, n-nv, m, last.x, 1, last.stride, nv)
		if e, _ := gr.misfit(last, nv, n-nv); e < best {
			best, points = e, m
		}
	}
	mem.release(blk, off)
	s.replay(mem, g, gr, id, points)
}
