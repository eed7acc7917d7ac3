package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

const (
	baseFeatures = 15
	agreeNear    = 4  // common forecast times in the first third
	agreeTimes   = 12 // all of them
	strayParts   = 3  // parts of the horizon whose distance from the context counts
	strayStates  = 256
	logFloor     = 1e-5
	validated    = 7    // base features that are errors of validation
	fewRows      = 64   // Of fewer, such errors and distances to other candidates
	fewError     = 1e-4 // count as no less than this: the mixer has seen hardly any.
)

// lg is the halved logarithm of a relative error, floored.
func lg(v float64) float64 { return 0.5 / math.Ln10 * math.Log(clamp(v, 0, 1e3)+logFloor) }

// scorer rolls candidates and collects their scores.
type scorer struct {
	c       int
	span    float64   // horizon minus context end
	base    []float64 // [c][NumGuides][baseFeatures]
	samples []float64 // [c][NumGuides][agreeTimes] forecasts at common times
	slopes  []float64 // their time derivatives
	stray   [NumGuides][strayParts]float64
	std     []float64
	avg     []float64
	lo, hi  []float64 // bounds of four lanes
	done    [NumGuides]done
	known   int
	near    [NumGuides][NumGuides]float64 // squared distances of forecasts
	farD    [NumGuides][NumGuides]float64
	col     grid // one channel, for the guides of single channels
	osc     oscillations
	flow    flow
	origins []float64 // where the channels of the group are zero in their own units, in those of its grids; empty: not known
	kernel  kernelMap
	out     [lanes]track // of chosen
	coarse  bool         // thins every context to nativeRows, as the golden outputs were
}

// done is a guide that has been rolled: another with the same model is a copy.
type done struct {
	gr    *grid
	f     form
	ridge float64
	id    int
}

func (s *scorer) init(mem *arena, g *group, span float64) {
	c := g.c
	s.c, s.span, s.known = c, span, 0
	s.base = mem.zeros(c * NumGuides * baseFeatures)
	s.samples = mem.zeros(c * NumGuides * agreeTimes)
	s.slopes = mem.zeros(c * NumGuides * agreeTimes)
	s.std, s.avg = mem.raw(c), mem.raw(c)
	s.lo, s.hi = limits(mem, c)
	for j := 0; j < c; j++ {
		s.avg[j], s.std[j] = g.smooth.moments(j, g.smooth.n)
	}
}

// steps is the length of a full roll-out on gr.
func (s *scorer) steps(gr *grid) int {
	return int(clamp(math.Ceil(s.span/gr.dt)+3, 4, maxPath))
}

// result carries what one candidate predicted.
type result struct {
	p75, p50 track     // three-quarter fit: validation quarter, then on; half fit: second half of the context
	replay   track     // full fit over the last quarter; empty: none
	oneStep  []float64 // rms one-step error per channel, lane apart; nil: none
	lane     int
	clipped  float64 // share of clipped values
}

// newPath returns a path of gr with room for rows rows, its history filled in.
func (s *scorer) newPath(mem *arena, gr *grid, steps, rows int) path {
	stride := pathHistory + rows
	p := path{x: mem.raw(stride * s.c), row: 1, column: stride, dt: gr.dt, steps: steps}
	for j := range s.c {
		copy(p.x[j*stride:], gr.xt[(j+1)*gr.n-pathHistory:(j+1)*gr.n])
	}
	return p
}

// ahead is the part of a path after the context.
func (p *path) ahead() track { return track{p.x[pathHistory:], p.column} }

// copied takes over a guide that has been rolled with the same model and
// reports whether there was one; if not it notes id as such.
func (s *scorer) copied(g *group, gr *grid, f form, ridge float64, id int) bool {
	for _, d := range s.done[:s.known] {
		if d.gr == gr && d.f == f && d.ridge == ridge {
			s.repeat(g, d.id, id)
			return true
		}
	}
	s.done[s.known] = done{gr, f, ridge, id}
	s.known++
	return false
}

// repeat makes guide to the same as guide from.
func (s *scorer) repeat(g *group, from, to int) {
	g.paths[to] = g.paths[from]
	for j := range s.c {
		o := j * NumGuides
		copy(s.base[(o+to)*baseFeatures:][:baseFeatures], s.base[(o+from)*baseFeatures:])
		copy(s.samples[(o+to)*agreeTimes:][:agreeTimes], s.samples[(o+from)*agreeTimes:])
		copy(s.slopes[(o+to)*agreeTimes:][:agreeTimes], s.slopes[(o+from)*agreeTimes:])
		g.logErr[o+to] = g.logErr[o+from]
	}
}

// models fits form f and scores the guides ids, one per ridge.
func (s *scorer) models(mem *arena, g *group, gr *grid, f form, ridges []float64, ids []int) {
	var r [lanes]float64
	var todo [lanes]int // indices of ids
	n := 0
	for i, id := range ids {
		if !s.copied(g, gr, f, ridges[i], id) {
			r[n], todo[n] = ridges[i], i
			n++
		}
	}
	if n == 0 {
		return
	}
	q := gr.n / 4
	eq := &mem.work[1]
	// Paths stay, the rest is released: they must lie below the mark.
	var paths [lanes]path
	for i := range n {
		paths[i] = s.longPath(mem, gr)
		g.paths[ids[todo[i]]] = paths[i]
	}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	eq.build(mem, f, gr, []int{gr.n, gr.n - q, gr.n - 2*q})
	if !eq.dual && n < 3 {
		for i := range n {
			s.byFold(mem, g, eq, r[i], ids[todo[i]])
		}
		return
	}
	s.byRidge(mem, g, eq, r[:n], todo[:n], ids)
}

// byFold rolls the guide id with one ridge, the folds side by side. Its path
// has room for the longest roll-out.
func (s *scorer) byFold(mem *arena, g *group, eq *normal, ridge float64, id int) {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	gr, c := eq.g, s.c
	n, nv := gr.n, gr.n/4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	most := max(steps, nv+far, 2*nv)
	w := eq.foldLanes(mem, ridge)
	out := [lanes]track{g.paths[id].ahead(), newTrack(mem, c, most), newTrack(mem, c, most), newTrack(mem, c, most)}
	clipped := eq.roll(mem, w, [lanes]int{n, n - nv, n - 2*nv, n - nv}, [lanes]int{steps, nv + far, 2 * nv, nv}, s.lo, s.hi, &out)
	one := mem.raw(c * lanes)
	eq.oneStepLane(mem, w, 1, one, n-nv)
	share := float64(clipped[0]+clipped[1]) / float64((steps+nv+far)*c)
	s.score(g, gr, id, &result{out[1], out[2], out[3], one, 1, share})
}

// byRidge rolls the guides ids[todo[i]] with ridges r[i] side by side.
func (s *scorer) byRidge(mem *arena, g *group, eq *normal, r []float64, todo, ids []int) {
	gr, c := eq.g, s.c
	n, nv := gr.n, gr.n/4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	var w [folds][]float64
	eq.ridgeLanes(mem, r, &w, 0, folds-1)
	var full, p75, p50, replay [lanes]track
	for i := range full {
		if i < len(r) {
			p := &g.paths[ids[todo[i]]]
			full[i] = p.ahead()
			p75[i], p50[i], replay[i] = newTrack(mem, c, nv+far), newTrack(mem, c, 2*nv), newTrack(mem, c, nv)
		} else { // repeats the last one
			full[i], p75[i], p50[i], replay[i] = full[i-1], p75[i-1], p50[i-1], replay[i-1]
		}
	}
	same := func(v int) [lanes]int { return [lanes]int{v, v, v, v} }
	ca := eq.roll(mem, w[0], same(n), same(steps), s.lo, s.hi, &full)
	cb := eq.roll(mem, w[1], same(n-nv), same(nv+far), s.lo, s.hi, &p75)
	eq.roll(mem, w[2], same(n-2*nv), same(2*nv), s.lo, s.hi, &p50)
	eq.roll(mem, w[0], same(n-nv), same(nv), s.lo, s.hi, &replay)
	one := mem.raw(c * lanes)
	eq.oneStep(mem, w[1], one, n-nv)
	for i, t := range todo {
		share := float64(ca[i]+cb[i]) / float64((steps+nv+far)*c)
		s.score(g, gr, ids[t], &result{p75[i], p50[i], replay[i], one, i, share})
	}
}

// stepper is a regression with four choices of its parameters.
type stepper interface {
	// choices fits one choice a lane to the first three quarters. It returns the share of
	// the squared error of the first that another has to stay below.
	choices(a *arena) float64
	// folds fits one choice to all, three quarters, half, and all again.
	folds(a *arena, choice int)
	// roll continues the grid in four lanes: lane k from the last row before end[k],
	// by steps[k] rows, into out[k]. Every track must hold the largest of steps. It
	// returns how many values of each lane were clipped.
	roll(a *arena, end, steps [lanes]int, out *[lanes]track) [lanes]int
}

// longPath returns a path of gr with room for the longest roll-out.
func (s *scorer) longPath(mem *arena, gr *grid) path {
	nv, steps := gr.n/4, s.steps(gr)
	return s.newPath(mem, gr, steps, max(steps, nv+min(steps, 2*gr.n), 2*nv))
}

// chosen rolls m as guide id, whose path is longPath, with the choice that forecasts
// the last quarter best.
func (s *scorer) chosen(mem *arena, g *group, gr *grid, id int, m stepper) {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	c, n := s.c, gr.n
	nv := n / 4
	steps := g.paths[id].steps
	far := min(steps, 2*n)
	out := &s.out
	for k := range out {
		out[k] = newTrack(mem, c, max(steps, nv+far, 2*nv))
	}
	e75, e50 := n-nv, n-2*nv
	favour := m.choices(mem)
	m.roll(mem, [lanes]int{e75, e75, e75, e75}, [lanes]int{nv, nv, nv, nv}, out)
	best, least := lanes-1, math.Inf(1)
	for k := range lanes {
		if e, _ := gr.misfit(out[k], nv, e75); e < least {
			best, least = k, e
			if k == 0 {
				least *= favour
			}
		}
	}
	m.folds(mem, best)
	out[0] = g.paths[id].ahead()
	clipped := m.roll(mem, [lanes]int{n, e75, e50, e75}, [lanes]int{steps, nv + far, 2 * nv, nv}, out)
	s.score(g, gr, id, &result{p75: out[1], p50: out[2], replay: out[3], clipped: float64(clipped[0]+clipped[1]) / float64((steps+nv+far)*c)})
}

// rmse turns a sum of squared errors over cnt rows of gr into a root mean square per
// channel std, of all that happens between these too.
func (s *scorer) rmse(gr *grid, sum float64, cnt, j int) float64 {
	if cnt == 0 {
		return 1
	}
	sum /= float64(cnt)
	if gr.between != nil {
		sum += gr.between[j]
	}
	return math.Sqrt(sum) / s.std[j]
}

// score fills the base features and the common samples of guide id.
func (s *scorer) score(g *group, gr *grid, id int, r *result) {
	c, n := s.c, gr.n
	nv := n / 4
	e75, e50 := n-nv, n-2*nv
	p := &g.paths[id]
	steps := p.steps
	far := min(steps, 2*n)
	near := max(1, steps/3)
	var joint, joint50 float64
	for j := 0; j < c; j++ {
		b := s.base[(j*NumGuides+id)*baseFeatures:][:baseFeatures]
		full := p.ahead().of(j, steps)
		p75 := r.p75.of(j, nv+far)
		if nv >= 1 {
			h := max(nv/2, 1)
			p50 := r.p50.of(j, 2*nv)
			d1, n1 := gr.distance(p75[:h], j, e75)
			d2, n2 := gr.distance(p75[nv/2:nv], j, e75+nv/2)
			da, na := d1+d2, n1+n2
			if nv == 1 {
				da, na = d1, n1
			}
			d5, n5 := gr.distance(p50[:nv], j, e50)
			dl, nl := gr.distance(p50[nv:], j, e75)
			ea, e5 := s.rmse(gr, da, na, j), s.rmse(gr, d5, n5, j)
			b[0] = lg(s.rmse(gr, d1, n1, j))
			b[1] = lg(s.rmse(gr, d2, n2, j))
			b[2] = lg(ea)
			b[3] = lg(e5)
			b[4] = lg(s.rmse(gr, dl, nl, j))
			joint += ea * ea
			joint50 += e5 * e5
			b[7] = b[2]
			if r.replay.x != nil {
				dr, nr := gr.distance(r.replay.of(j, nv), j, e75)
				b[7] = lg(s.rmse(gr, dr, nr, j))
			}
			g.logErr[j*NumGuides+id] = math.Log10(ea + logFloor)
		}
		b[8] = b[0]
		if r.oneStep != nil {
			b[8] = lg(r.oneStep[j*lanes+r.lane] / s.std[j])
		}
		close := min(near, far)
		dn := asm.SquaredDistance(p75[nv:nv+close], full[:close])
		df := asm.SquaredDistance(p75[nv+close:nv+far], full[close:far])
		b[9] = lg(math.Sqrt(dn/float64(close)) / s.std[j])
		b[10] = lg(math.Sqrt(df/math.Max(float64(far-near), 1)) / s.std[j])
		third := steps - near
		m, q, top := asm.Moments(full[:third], s.avg[j])
		m3, q3, top3 := asm.Moments(full[third:], s.avg[j])
		m, q, top = m+m3, q+q3, math.Max(top, top3)
		ns, nt := float64(steps), float64(steps-third)
		b[11] = lg(top / s.std[j])
		b[12] = r.clipped
		b[13] = lg(math.Sqrt(math.Max(q3/nt-m3*m3/nt/nt, 0)) / s.std[j])
		b[14] = lg(math.Sqrt(math.Max(q/ns-m*m/ns/ns, 0)) / s.std[j])
		o := s.samples[(j*NumGuides+id)*agreeTimes:][:agreeTimes]
		slope := s.slopes[(j*NumGuides+id)*agreeTimes:][:agreeTimes]
		x := p.x[j*p.column+pathHistory-1:]
		for k := range o {
			u := s.span * float64(k+1) / agreeTimes / gr.dt
			i := min(int(u), steps-1)
			fr := clamp(u-float64(i), 0, 1)
			o[k] = (1-fr)*x[i] + fr*x[i+1]
			slope[k] = (x[i+1] - x[i]) / gr.dt
		}
	}
	joint = lg(math.Sqrt(joint / float64(c)))
	joint50 = lg(math.Sqrt(joint50 / float64(c)))
	for j := 0; j < c; j++ {
		b := s.base[(j*NumGuides+id)*baseFeatures:]
		b[5], b[6] = joint, joint50
	}
}

// unfitted rolls guide id by ahead, which writes the rows after the first end rows of gr
// to dst, and scores it.
func (s *scorer) unfitted(mem *arena, g *group, gr *grid, id int, ahead func(end int, dst track, rows int)) {
	c, n := s.c, gr.n
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	g.paths[id] = s.newPath(mem, gr, steps, steps)
	blk, off := mem.mark()
	defer mem.release(blk, off)
	p75, p50 := newTrack(mem, c, nv+far), newTrack(mem, c, 2*nv)
	ahead(n, g.paths[id].ahead(), steps)
	ahead(n-nv, p75, nv+far)
	ahead(n-2*nv, p50, 2*nv)
	s.score(g, gr, id, &result{p75: p75, p50: p50})
}

// trivial adds the candidates without fit: mean, last value, and relaxation
// to the mean at the rate of the lag-one correlation. The mean is approached
// from the last value within a few steps so that every candidate is
// continuous at the context end.
func (s *scorer) trivial(mem *arena, g *group) {
	gr := &g.smooth
	for _, id := range [...]int{idMean, idLast, idRelax} {
		s.unfitted(mem, g, gr, id, func(end int, dst track, rows int) { s.relax(gr, id, end, dst, rows) })
	}
}

// relax writes rows of an exponential approach from the last of the first end
// rows to their mean.
func (s *scorer) relax(gr *grid, id, end int, dst track, rows int) {
	for j := range s.c {
		m, _ := gr.moments(j, end)
		x := gr.xt[j*gr.n:][:end]
		rho := 1.0
		switch id {
		case idMean:
			rho = 0.5
		case idRelax:
			var a, b float64
			for i := 1; i < end; i++ {
				x0, x1 := x[i-1]-m, x[i]-m
				a += x0 * x1
				b += x0 * x0
			}
			rho = clamp(a/(b+1e-12), 0, 1)
		}
		d := gr.before(end, 1)[j] - m
		out := dst.of(j, rows)
		for t := range out {
			d *= rho
			out[t] = m + d
		}
	}
}

// validated adds the guides of one family on gr: the winner of
// the validated search, and for each order in ids the best of its ridges.
func (s *scorer) validated(mem *arena, g *group, gr *grid, fam *family, maxP int, ids []int, winner int) {
	// Paths stay, while the search releases its scratch: they are laid out first.
	var later [maxOrders]choice
	for _, id := range ids {
		if id >= 0 {
			g.paths[id] = s.longPath(mem, gr)
		}
	}
	best := mem.search(fam, gr, maxP, func(i int, ch choice, eq *normal) {
		later[i] = ch
		if eq != nil && !eq.dual && fam.poly {
			// Orders with too many features fall back to this one.
			for k, o := range fam.orders[i+1:] {
				f := form{poly: true, order: o, stride: 1}
				if id := ids[i+1+k]; id >= 0 && f.features(g.c) > maxP && f.reduce(g.c, maxP) == ch.form &&
					shrink(ch.form, gr) == ch.form && !s.copied(g, gr, ch.form, leftOutRidge, id) {
					s.byFold(mem, g, eq, leftOutRidge, id)
				}
			}
		}
		if id := ids[i]; id >= 0 && eq != nil && !eq.dual && shrink(ch.form, gr) == ch.form && !s.copied(g, gr, ch.form, ch.ridge, id) {
			s.byFold(mem, g, eq, ch.ridge, id)
		}
	})
	one, ridge := [1]int{}, [1]float64{}
	for i, id := range ids {
		if id < 0 {
			continue
		}
		f := shrink(later[i].form.reduce(g.c, maxP), gr)
		if s.has(id) {
			continue
		}
		one[0], ridge[0] = id, later[i].ridge
		s.models(mem, g, gr, f, ridge[:], one[:])
	}
	if winner < 0 {
		return
	}
	one[0], ridge[0] = winner, best.ridge
	s.models(mem, g, gr, shrink(best.form, gr), ridge[:], one[:])
}

// reduce lowers the order of a polynomial form until it has at most most
// features of c channels, and falls back to a linear one.
func (f form) reduce(c, most int) form {
	for f.poly && f.features(c) > most {
		if f.order--; f.order == 0 {
			f = form{order: 2, stride: 1}
		}
	}
	return f
}

// has reports whether guide id has been rolled.
func (s *scorer) has(id int) bool {
	for _, d := range s.done[:s.known] {
		if d.id == id {
			return true
		}
	}
	return false
}

// single adds the guide that forecasts each channel from its own past alone,
// order and ridge validated per channel: with many channels or noise the joint
// fits have too many coefficients. With one channel it would repeat the
// validated guide and is a long, strongly ridged autoregression instead.
func (s *scorer) single(mem *arena, g *group) {
	gr := &g.native
	c, n := s.c, gr.n
	if c == 1 {
		s.models(mem, g, gr, shrink(form{order: 24, stride: 1}, gr), []float64{0.3}, []int{idSolo})
		return
	}
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	most := max(steps, nv+far, 2*nv)
	p := &g.paths[idSolo]
	*p = s.longPath(mem, gr)
	blk, off := mem.mark()
	defer mem.release(blk, off)
	b75, b50, rest := newTrack(mem, c, most), newTrack(mem, c, most), newTrack(mem, 1, most)
	col := &s.col
	*col = grid{n: n, c: 1, end: gr.end, dt: gr.dt, ok: gr.ok, gaps: gr.gaps}
	clipped := int64(0)
	for j := 0; j < c; j++ {
		b, o := mem.mark()
		col.x = gr.xt[j*n : (j+1)*n]
		col.xt = col.x
		col.dev = gr.dev[j : j+1]
		for k, x := range gr.states {
			if x == nil {
				continue
			}
			col.states[k] = mem.raw(stateRows)
			for i := range col.states[k] {
				col.states[k][i] = x[i*c+j]
			}
		}
		ch := mem.search(&linearFamily, col, 64, nil)
		eq := &mem.work[1]
		eq.build(mem, shrink(ch.form, col), col, []int{n, n - nv, n - 2*nv})
		out := [lanes]track{
			{p.ahead().x[j*p.column:], 0}, {b75.x[j*most:], 0}, {b50.x[j*most:], 0}, rest,
		}
		count := eq.roll(mem, eq.foldLanes(mem, ch.ridge), [lanes]int{n, n - nv, n - 2*nv, n}, [lanes]int{steps, nv + far, 2 * nv, 0}, s.lo, s.hi, &out)
		clipped += count[0] + count[1] + count[2]
		mem.release(b, o)
	}
	s.score(g, gr, idSolo, &result{p75: b75, p50: b50, clipped: float64(clipped) / float64((steps+3*nv+far)*c)})
}

// Lengths of the patterns that the replay guides look for.
const (
	matchPoints     = 6
	longMatchPoints = 16
)

// replay adds an analogue forecast: find the past stretch closest to the
// latest one and repeat what followed it, over and over.
func (s *scorer) replay(mem *arena, g *group, gr *grid, id, points int) {
	s.unfitted(mem, g, gr, id, func(end int, dst track, rows int) {
		analogue(gr, end, points, dst.x, 1, dst.stride, rows)
	})
}

// analogue forecasts rows after the first end rows of gr by replaying what
// followed the best match of the last m rows. The offset at the start of each
// pass decays, so that the forecast is continuous. Row t of channel j goes to
// dst[t*row+j*column].
func analogue(gr *grid, end, m int, dst []float64, row, column, rows int) {
	c := gr.c
	m = max(1, min(m, end/3))
	ahead := max(1, min(2*m, end/8))
	best, at := math.Inf(1), end-1-ahead
	last := gr.before(end, m)
	for e := m - 1; e < end-ahead; e++ { // last row of the match
		sum := 0.0
		for i := 0; i < m && sum < best; i++ {
			if gr.gaps && !gr.ok[e-i] {
				sum = math.Inf(1)
				break
			}
			a, b := last[(m-1-i)*c:(m-i)*c], gr.x[(e-i)*c:(e-i+1)*c]
			for j, v := range a {
				d := v - b[j]
				sum += d * d
			}
		}
		if sum < best {
			best, at = sum, e
		}
	}
	at = max(at, 0)
	period := end - 1 - at
	for j := 0; j < c; j++ {
		off := last[(m-1)*c+j] - gr.x[at*c+j]
		decay := 1.0
		for t, k := 0, 0; t < rows; t++ {
			if k == period {
				k, decay = 0, 1
			}
			k++
			decay *= 0.85
			dst[t*row+j*column] = gr.x[(at+k)*c+j] + off*decay
		}
	}
}

// strays measures how far each forecast leads from where the context has been:
// the distance of its states, values and slopes of all channels at the common
// times, from the nearest state of the context. A forecast that a right model
// makes of a system on its attractor, or of one that returns, stays near.
func (s *scorer) strays(mem *arena, g *group) {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	gr, c := &g.smooth, s.c
	n := gr.n
	step := (n + strayStates - 1) / strayStates
	states := (n - 1) / step
	wide, dims := ceil4(states), 2*c
	b, half := mem.zeros(dims*wide+1), mem.zeros(wide)
	scale := mem.raw(dims) // one over the spread of each coordinate
	for j := range c {
		x := gr.xt[j*n:][:n]
		sum := 0.0
		for i := 1; i < n; i++ {
			d := (x[i] - x[i-1]) / gr.dt
			sum += d * d
		}
		slope := math.Sqrt(sum / math.Max(float64(n-1), 1))
		scale[2*j], scale[2*j+1] = 1/s.std[j], 1/math.Max(slope, 1e-6*s.std[j]/gr.dt)
		for k := range states {
			i := n - 1 - k*step
			b[2*j*wide+k] = x[i] * scale[2*j]
			b[(2*j+1)*wide+k] = (x[i] - x[i-1]) / gr.dt * scale[2*j+1]
		}
	}
	known := false
	for k := range wide {
		i := n - 1 - k*step
		if k >= states || gr.gaps && !(gr.ok[i] && gr.ok[i-1]) {
			half[k] = math.Inf(-1)
			continue
		}
		known = true
		for q := range dims {
			half[k] -= 0.5 * b[q*wide+k] * b[q*wide+k]
		}
	}
	// The squared distance of a from b is |a|^2 - 2 (a.b - |b|^2 / 2).
	a, product := mem.raw(agreeTimes*dims), mem.raw(agreeTimes*wide+1)
	for id := range NumGuides {
		s.stray[id] = [strayParts]float64{}
		if !known {
			continue
		}
		for t := range agreeTimes {
			for j := range c {
				o := (j*NumGuides+id)*agreeTimes + t
				a[t*dims+2*j] = s.samples[o] * scale[2*j]
				a[t*dims+2*j+1] = s.slopes[o] * scale[2*j+1]
			}
			copy(product[t*wide:], half)
		}
		asm.Gemm64(product, wide, a, dims, 1, b, wide, agreeTimes, wide, dims)
		for t := range agreeTimes {
			top := math.Inf(-1)
			for _, v := range product[t*wide:][:wide] {
				if v > top {
					top = v
				}
			}
			size := 0.0
			for _, v := range a[t*dims:][:dims] {
				size += v * v
			}
			s.stray[id][t*strayParts/agreeTimes] += math.Max(size-2*top, 0)
		}
		for k, v := range s.stray[id] {
			s.stray[id][k] = lg(math.Sqrt(v * strayParts / float64(agreeTimes*c)))
		}
	}
}

// finish derives the features that compare candidates.
func (s *scorer) finish(mem *arena, g *group) {
	s.strays(mem, g)
	var closest [strayParts]float64
	for k := range closest {
		closest[k] = math.Inf(1)
		for i := range s.stray {
			closest[k] = math.Min(closest[k], s.stray[i][k])
		}
	}
	ranks := [4]int{0, 1, 3, 6}
	floor := 0.
	if g.native.n < fewRows && !s.coarse {
		floor = fewError
	}
	low := lg(floor)
	for j := 0; j < s.c; j++ {
		base := s.base[j*NumGuides*baseFeatures:]
		samp := s.samples[j*NumGuides*agreeTimes:]
		var least [8]float64
		for k := range least {
			least[k] = math.Inf(1)
			for i := 0; i < NumGuides; i++ {
				least[k] = math.Min(least[k], base[i*baseFeatures+k])
			}
		}
		near, farD := &s.near, &s.farD
		for a := range near {
			x := (*[agreeTimes]float64)(samp[a*agreeTimes:])
			for b := range a {
				y := (*[agreeTimes]float64)(samp[b*agreeTimes:])
				var d [agreeTimes]float64
				for k := range d {
					d[k] = (x[k] - y[k]) * (x[k] - y[k])
				}
				dn := (d[0] + d[1]) + (d[2] + d[3])
				df := ((d[4] + d[5]) + (d[6] + d[7])) + ((d[8] + d[9]) + (d[10] + d[11]))
				near[a][b], near[b][a] = dn, dn
				farD[a][b], farD[b][a] = df, df
			}
			near[a][a], farD[a][a] = math.Inf(1), math.Inf(1)
		}
		noise := lg(g.noise[j] / s.std[j])
		for i := 0; i < NumGuides; i++ {
			f := g.feats[(j*NumGuides+i)*NumFeatures:][:NumFeatures]
			b := base[i*baseFeatures:][:baseFeatures]
			for k, v := range b {
				if k < validated {
					v = math.Max(v, low)
				}
				f[k] = float32(v)
			}
			for k, v := range least {
				w := b[k]
				if k < validated {
					v, w = math.Max(v, low), math.Max(w, low)
				}
				f[15+k] = float32(w - v)
			}
			for side, d := range [2]*[NumGuides]float64{&near[i], &farD[i]} {
				var top [7]float64 // least distances, ascending; its own is infinite
				for k := range top {
					top[k] = math.Inf(1)
				}
				for _, v := range d {
					if v >= top[6] {
						continue
					}
					q := 6
					for q > 0 && top[q-1] > v {
						top[q] = top[q-1]
						q--
					}
					top[q] = v
				}
				m := float64(agreeNear)
				if side == 1 {
					m = agreeTimes - agreeNear
				}
				for k, r := range ranks {
					f[23+side*4+k] = float32(lg(math.Max(math.Sqrt(top[r]/m)/s.std[j], floor)))
				}
			}
			f[31] = float32(noise)
			f[32] = float32(math.Log2(float64(g.native.n) / 64))
			f[33] = float32(0.5 * math.Log2(float64(s.c)))
			f[34] = float32(math.Min(s.span/(float64(g.smooth.n)*g.smooth.dt), 8))
			f[35] = float32(g.gapShare)
			f[36] = 0
			if g.clean {
				f[36] = 1
			}
			for k, v := range s.stray[i] {
				f[37+k], f[40+k] = float32(v), float32(v-closest[k])
			}
		}
	}
}
