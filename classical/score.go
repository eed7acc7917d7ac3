package classical

import "math"

const (
	baseFeatures = 15
	agreeNear    = 4  // common forecast times in the first third
	agreeTimes   = 12 // all of them
	logFloor     = 1e-5
)

// lg is the halved logarithm of a relative error, floored.
func lg(v float64) float64 { return 0.5 * math.Log10(clamp(v, 0, 1e3)+logFloor) }

// scorer rolls candidates and collects their scores.
type scorer struct {
	c       int
	span    float64   // horizon minus context end
	base    []float64 // [c][NumGuides][baseFeatures]
	samples []float64 // [c][NumGuides][agreeTimes] forecasts at common times
	std     []float64
	avg     []float64
	lo, hi  []float64
	blo     [folds][]float64 // boxes per fold
	bhi     [folds][]float64
	ridge   [1]float64 // arguments of single-guide calls, kept off the heap
	id      [1]int
}

func (s *scorer) init(mem *arena, g *group, span float64) {
	c := g.c
	s.c, s.span = c, span
	s.base = mem.zeros(c * NumGuides * baseFeatures)
	s.samples = mem.zeros(c * NumGuides * agreeTimes)
	s.std, s.avg = mem.raw(c), mem.raw(c)
	s.lo, s.hi = mem.raw(c), mem.raw(c)
	n := g.smooth.n
	ends := [folds]int{n, n - n/4, n - 2*(n/4)}
	for k, e := range ends {
		s.blo[k], s.bhi[k] = mem.raw(c), mem.raw(c)
		for j := 0; j < c; j++ {
			lo, hi := g.smooth.x[j], g.smooth.x[j]
			for i := 1; i < e; i++ {
				v := g.smooth.x[i*c+j]
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
			d := math.Max(0.25*(hi-lo), 0.02)
			s.blo[k][j], s.bhi[k][j] = lo-d, hi+d
		}
	}
	for j := 0; j < c; j++ {
		s.lo[j], s.hi[j] = -clipAt, clipAt
		s.avg[j], s.std[j] = g.smooth.moments(j, n)
	}
}

// steps is the length of a full roll-out on gr.
func (s *scorer) steps(gr *grid) int {
	return int(clamp(math.Ceil(s.span/gr.dt)+3, 4, maxPath))
}

// result carries what one candidate predicted; all row-major on its grid.
type result struct {
	p75     []float64 // three-quarter fit: validation quarter, then on
	p50     []float64 // half fit: second half of the context
	replay  []float64 // full fit over the last quarter; nil: none
	oneStep []float64 // rms one-step error per channel; nil: none
	clipped float64   // share of clipped values
}

// models fits form f and scores the guides ids, one per ridge.
func (s *scorer) models(mem *arena, g *group, gr *grid, f form, ridges []float64, ids []int, box []bool) {
	c, n := s.c, gr.n
	nv := n / 4
	ends := [folds]int{n, n - nv, n - 2*nv}
	steps := s.steps(gr)
	far := min(steps, 2*n)
	h := f.lags()
	keep := max(h, pathHistory)
	for _, id := range ids {
		g.paths[id] = path{x: mem.raw((keep + steps) * c), dt: gr.dt, steps: steps}
	}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	var uniq [maxRidges]float64
	var which [maxRidges]int
	nu := 0
	for i, r := range ridges {
		k := 0
		for k < nu && uniq[k] != r {
			k++
		}
		if k == nu {
			uniq[nu] = r
			nu++
		}
		which[i] = k
	}
	var w [maxRidges][folds]weights
	mem.fit(f, gr, ends[:], uniq[:nu], &w)
	phi := mem.raw(f.features(c))
	b75 := mem.raw((h + nv + far) * c)
	b50 := mem.raw((h + 2*nv) * c)
	brp := mem.raw((h + nv) * c)
	one := mem.raw(c)
	for i, id := range ids {
		ww := &w[which[i]]
		lo, hi := [folds][]float64{s.lo, s.lo, s.lo}, [folds][]float64{s.hi, s.hi, s.hi}
		if box != nil && box[i] {
			lo = [folds][]float64{s.blo[0], s.blo[1], s.blo[2]}
			hi = [folds][]float64{s.bhi[0], s.bhi[1], s.bhi[2]}
		}
		p := &g.paths[id]
		copy(p.x, gr.x[(n-keep)*c:n*c])
		clipped := f.roll(p.x, keep, steps, ww[0], gr, lo[0], hi[0], phi)
		p.x = p.x[(keep-pathHistory)*c:]
		copy(b75, gr.x[(ends[1]-h)*c:ends[1]*c])
		clipped += f.roll(b75, h, nv+far, ww[1], gr, lo[1], hi[1], phi)
		copy(b50, gr.x[(ends[2]-h)*c:ends[2]*c])
		f.roll(b50, h, 2*nv, ww[2], gr, lo[2], hi[2], phi)
		copy(brp, gr.x[(ends[1]-h)*c:ends[1]*c])
		f.roll(brp, h, nv, ww[0], gr, lo[0], hi[0], phi)
		clear(one)
		pw := len(ww[1]) / c
		for t := ends[1]; t < n; t++ {
			f.lift(phi, gr.x, t, c, gr)
			for j := 0; j < c; j++ {
				v := dot(phi, ww[1][j*pw:(j+1)*pw]) - gr.x[t*c+j]
				if f.poly {
					v += gr.x[(t-f.stride)*c+j]
				}
				v = clamp(v, -clipAt, clipAt)
				one[j] += v * v
			}
		}
		for j := range one {
			one[j] = math.Sqrt(one[j] / math.Max(float64(nv), 1))
		}
		s.score(g, gr, id, &result{b75[h*c:], b50[h*c:], brp[h*c:], one, float64(clipped) / float64((steps+nv+far)*c)})
	}
}

// rmse is the root mean squared error per channel std of rows [a,b) of p
// against gr's rows from start on, gap rows left out.
func (s *scorer) rmse(gr *grid, p []float64, start, a, b, j int, bias float64) float64 {
	c := s.c
	sum, cnt := 0.0, 0
	for t := a; t < b; t++ {
		if gr.gaps && !gr.ok[start+t] {
			continue
		}
		d := p[t*c+j] - gr.x[(start+t)*c+j]
		sum += d * d
		cnt++
	}
	if cnt == 0 {
		return 1
	}
	v := sum / float64(cnt)
	v = math.Max(v-bias, 0.2*v)
	return math.Sqrt(v) / s.std[j]
}

// score fills the base features and the common samples of guide id.
func (s *scorer) score(g *group, gr *grid, id int, r *result) {
	c, n := s.c, gr.n
	nv := n / 4
	e75, e50 := n-nv, n-2*nv
	p := &g.paths[id]
	steps := p.steps
	full := p.x[pathHistory*c:]
	far := len(r.p75)/c - nv
	near := max(1, steps/3)
	var joint, joint50 float64
	for j := 0; j < c; j++ {
		b := s.base[(j*NumGuides+id)*baseFeatures:][:baseFeatures]
		bias := 0.0
		if !g.clean && gr == &g.native {
			bias = 0.8 * g.noise[j] * g.noise[j] // raw samples: what noise alone contributes
		}
		h := nv / 2
		if nv >= 1 {
			ea := s.rmse(gr, r.p75, e75, 0, nv, j, bias)
			e5 := s.rmse(gr, r.p50, e50, 0, nv, j, bias)
			b[0] = lg(s.rmse(gr, r.p75, e75, 0, max(h, 1), j, bias))
			b[1] = lg(s.rmse(gr, r.p75, e75, h, nv, j, bias))
			b[2] = lg(ea)
			b[3] = lg(e5)
			b[4] = lg(s.rmse(gr, r.p50, e50, nv, 2*nv, j, bias))
			joint += ea * ea
			joint50 += e5 * e5
			b[7] = b[2]
			if r.replay != nil {
				b[7] = lg(s.rmse(gr, r.replay, e75, 0, nv, j, bias))
			}
			g.logErr[j*NumGuides+id] = math.Log10(ea + logFloor)
		}
		b[8] = b[0]
		if r.oneStep != nil {
			b[8] = lg(r.oneStep[j] / s.std[j])
		}
		var dn, df, top float64
		for t := 0; t < far; t++ {
			d := r.p75[(nv+t)*c+j] - full[t*c+j]
			if t < near {
				dn += d * d
			} else {
				df += d * d
			}
		}
		b[9] = lg(math.Sqrt(dn/float64(min(near, far))) / s.std[j])
		b[10] = lg(math.Sqrt(df/math.Max(float64(far-near), 1)) / s.std[j])
		var m, q, m3, q3 float64
		third := steps - near
		for t := 0; t < steps; t++ {
			v := full[t*c+j]
			top = math.Max(top, math.Abs(v-s.avg[j]))
			m += v
			q += v * v
			if t >= third {
				m3 += v
				q3 += v * v
			}
		}
		ns, nt := float64(steps), float64(steps-third)
		b[11] = lg(top / s.std[j])
		b[12] = r.clipped
		b[13] = lg(math.Sqrt(math.Max(q3/nt-m3*m3/nt/nt, 0)) / s.std[j])
		b[14] = lg(math.Sqrt(math.Max(q/ns-m*m/ns/ns, 0)) / s.std[j])
		o := s.samples[(j*NumGuides+id)*agreeTimes:][:agreeTimes]
		for k := range o {
			u := s.span * float64(k+1) / agreeTimes / gr.dt
			i := min(int(u), steps-1)
			fr := clamp(u-float64(i), 0, 1)
			x := p.x[(pathHistory-1)*c+j:]
			o[k] = (1-fr)*x[i*c] + fr*x[(i+1)*c]
		}
	}
	joint = lg(math.Sqrt(joint / float64(c)))
	joint50 = lg(math.Sqrt(joint50 / float64(c)))
	for j := 0; j < c; j++ {
		b := s.base[(j*NumGuides+id)*baseFeatures:]
		b[5], b[6] = joint, joint50
	}
}

// trivial adds the candidates without fit: mean, last value, and relaxation
// to the mean at the rate of the lag-one correlation. The mean is approached
// from the last value within a few steps so that every candidate is
// continuous at the context end.
func (s *scorer) trivial(mem *arena, g *group) {
	gr := &g.smooth
	c, n := s.c, gr.n
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	ids := [...]int{idMean, idLast, idRelax}
	for _, id := range ids {
		g.paths[id] = path{x: mem.raw((pathHistory + steps) * c), dt: gr.dt, steps: steps}
	}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	b75, b50 := mem.raw((nv+far)*c), mem.raw(2*nv*c+1)
	for _, id := range ids {
		p := &g.paths[id]
		copy(p.x, gr.x[(n-pathHistory)*c:])
		s.relax(gr, id, n, p.x[pathHistory*c:], steps)
		s.relax(gr, id, n-nv, b75, nv+far)
		s.relax(gr, id, n-2*nv, b50, 2*nv)
		s.score(g, gr, id, &result{p75: b75, p50: b50})
	}
}

// relax writes rows of an exponential approach from the last of the first end
// rows to their mean.
func (s *scorer) relax(gr *grid, id, end int, dst []float64, rows int) {
	c := s.c
	for j := 0; j < c; j++ {
		m, _ := gr.moments(j, end)
		rho := 1.0
		switch id {
		case idMean:
			rho = 0.5
		case idRelax:
			var a, b float64
			for i := 1; i < end; i++ {
				x0, x1 := gr.x[(i-1)*c+j]-m, gr.x[i*c+j]-m
				a += x0 * x1
				b += x0 * x0
			}
			rho = clamp(a/(b+1e-12), 0, 1)
		}
		d := gr.x[(end-1)*c+j] - m
		for t := 0; t < rows; t++ {
			d *= rho
			dst[t*c+j] = m + d
		}
	}
}

// validated adds the guides of one family on the native grid: the winner of
// the validated search, and for each order in ids the best of its ridges.
func (s *scorer) validated(mem *arena, g *group, fam *family, maxP int, ids []int, winner int) {
	var per [maxOrders]choice
	best := mem.search(fam, &g.native, maxP, &per)
	for i, id := range ids {
		if id >= 0 {
			f := per[i].form
			for f.poly && f.features(g.c) > maxP {
				if f.order--; f.order == 0 {
					f = form{order: 2, stride: 1}
				}
			}
			s.ridge[0], s.id[0] = per[i].ridge, id
			s.models(mem, g, &g.native, shrink(f, &g.native), s.ridge[:], s.id[:], nil)
		}
	}
	s.ridge[0], s.id[0] = best.ridge, winner
	s.models(mem, g, &g.native, shrink(best.form, &g.native), s.ridge[:], s.id[:], nil)
}

// single adds the guide that forecasts each channel from its own past alone,
// order and ridge validated per channel: with many channels or noise the joint
// fits have too many coefficients. With one channel it would repeat the
// validated guide and is a long, strongly ridged autoregression instead.
func (s *scorer) single(mem *arena, g *group) {
	gr := &g.native
	c, n := s.c, gr.n
	if c == 1 {
		s.ridge[0], s.id[0] = 0.3, idSolo
		s.models(mem, g, gr, shrink(form{order: 24, stride: 1}, gr), s.ridge[:], s.id[:], nil)
		return
	}
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	p := &g.paths[idSolo]
	*p = path{x: mem.raw((pathHistory + steps) * c), dt: gr.dt, steps: steps}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	copy(p.x, gr.x[(n-pathHistory)*c:])
	b75, b50 := mem.raw((nv+far)*c), mem.raw(2*nv*c+1)
	col := grid{n: n, c: 1, end: gr.end, dt: gr.dt, x: mem.raw(n), ok: gr.ok, gaps: gr.gaps}
	ends := [folds]int{n, n - nv, n - 2*nv}
	outs := [folds][]float64{p.x[pathHistory*c:], b75, b50}
	counts := [folds]int{steps, nv + far, 2 * nv}
	clipped := 0
	for j := 0; j < c; j++ {
		b, o := mem.mark()
		for i := range col.x {
			col.x[i] = gr.x[i*c+j]
		}
		ch := mem.search(&linearFamily, &col, 64, nil)
		f := shrink(ch.form, &col)
		s.ridge[0] = ch.ridge
		var w [maxRidges][folds]weights
		mem.fit(f, &col, ends[:], s.ridge[:], &w)
		h := f.lags()
		phi := mem.raw(f.features(1))
		for k, e := range ends {
			buf := mem.raw(h + counts[k])
			copy(buf, col.x[e-h:e])
			clipped += f.roll(buf, h, counts[k], w[0][k], &col, s.lo[:1], s.hi[:1], phi)
			for t, v := range buf[h:] {
				outs[k][t*c+j] = v
			}
		}
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
	c, n := s.c, gr.n
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	g.paths[id] = path{x: mem.raw((pathHistory + steps) * c), dt: gr.dt, steps: steps}
	p := &g.paths[id]
	blk, off := mem.mark()
	defer mem.release(blk, off)
	b75, b50 := mem.raw((nv+far)*c), mem.raw(2*nv*c+1)
	copy(p.x, gr.x[(n-pathHistory)*c:])
	analogue(gr, n, points, p.x[pathHistory*c:], steps)
	analogue(gr, n-nv, points, b75, nv+far)
	analogue(gr, n-2*nv, points, b50, 2*nv)
	s.score(g, gr, id, &result{p75: b75, p50: b50})
}

// analogue forecasts rows after the first end rows of gr by replaying what
// followed the best match of the last m rows. The offset at the start of each
// pass decays, so that the forecast is continuous. It returns the rms distance
// of the match.
func analogue(gr *grid, end, m int, dst []float64, rows int) float64 {
	c := gr.c
	m = max(1, min(m, end/3))
	ahead := max(1, min(2*m, end/8))
	best, at := math.Inf(1), end-1-ahead
	for e := m - 1; e < end-ahead; e++ { // last row of the match
		sum := 0.0
		for i := 0; i < m && sum < best; i++ {
			if gr.gaps && !gr.ok[e-i] {
				sum = math.Inf(1)
				break
			}
			a, b := gr.x[(end-1-i)*c:(end-i)*c], gr.x[(e-i)*c:(e-i+1)*c]
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
		off := gr.x[(end-1)*c+j] - gr.x[at*c+j]
		decay := 1.0
		for t, k := 0, 0; t < rows; t++ {
			if k == period {
				k, decay = 0, 1
			}
			k++
			decay *= 0.85
			dst[t*c+j] = gr.x[(at+k)*c+j] + off*decay
		}
	}
	return math.Sqrt(best / float64(m*c))
}

// finish derives the features that compare candidates.
func (s *scorer) finish(mem *arena, g *group) {
	ranks := [4]int{0, 1, 3, 6}
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
		var near, farD [NumGuides][NumGuides]float64
		for a := 0; a < NumGuides; a++ {
			x := samp[a*agreeTimes:][:agreeTimes]
			for b := 0; b < a; b++ {
				y := samp[b*agreeTimes:][:agreeTimes]
				var dn, df float64
				for k := 0; k < agreeNear; k++ {
					d := x[k] - y[k]
					dn += d * d
				}
				for k := agreeNear; k < agreeTimes; k++ {
					d := x[k] - y[k]
					df += d * d
				}
				near[a][b], near[b][a] = dn, dn
				farD[a][b], farD[b][a] = df, df
			}
		}
		noise := lg(g.noise[j] / s.std[j])
		for i := 0; i < NumGuides; i++ {
			f := g.feats[(j*NumGuides+i)*NumFeatures:][:NumFeatures]
			b := base[i*baseFeatures:][:baseFeatures]
			for k, v := range b {
				f[k] = float32(v)
			}
			for k, v := range least {
				f[15+k] = float32(b[k] - v)
			}
			for side, d := range [2]*[NumGuides]float64{&near[i], &farD[i]} {
				var top [7]float64 // least distances, ascending
				cnt := 0
				for o, v := range d {
					if o == i {
						continue
					}
					if cnt == len(top) {
						if v >= top[cnt-1] {
							continue
						}
						cnt--
					}
					q := cnt
					for q > 0 && top[q-1] > v {
						top[q] = top[q-1]
						q--
					}
					top[q] = v
					cnt++
				}
				m := float64(agreeNear)
				if side == 1 {
					m = agreeTimes - agreeNear
				}
				for k, r := range ranks {
					f[23+side*4+k] = float32(lg(math.Sqrt(top[r]/m) / s.std[j]))
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
		}
	}
}
