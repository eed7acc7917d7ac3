package classical

import (
	"math"
	"slices"

	"github.com/lassode/lassode/asm"
)

// The oscillations are the solution of one linear ODE for the whole context: a
// constant, an exponential and up to maxPairs damped oscillations that all channels
// share, with amplitudes of their own. Beside it there are two other small ODEs: a
// parabola (three poles at zero: constant acceleration) and a logistic transition (the
// quadratic ODE of one state). They are fitted to the observations
// themselves, whatever their times, by least squares of the outputs. The
// regressors of an autoregression hold the noise, which biases it towards
// decay; these hold time alone.
//
// The poles come one pair at a time, from the peak of the residual's
// periodogram, and are refined after each by Levenberg-Marquardt steps of the
// amplitudes' variable projection (Golub and Pereyra 1973, with the Jacobian of
// Kaufman 1975). Each number of poles is a stage; stages are weighed by the
// Bayesian information criterion or chosen on the last quarter of the context.
// Oscillations do not grow, and an exponential beside them hardly does: under noise a
// growing pole is more often wrong than right. One that stands alone may.

const (
	maxPairs     = 5
	stages       = maxPairs + 4 // an exponential; a transition; a parabola; a pair; that and an exponential; of every other one pair more
	firstPair    = 3            // the stage of one pair
	poleRounds   = 8            // steps of refinement
	poleRows     = 256          // observations per channel
	poleChannels = 8            // channels that poles are fitted to
	poleRidge    = 1e-3         // of the amplitudes, relative to the column's squares
	fastest      = -25.         // decay per span
	mostGrowth   = 1.           // of the exponential beside oscillations, per span
	aloneGrowth  = 4.           // of that without
	steepest     = 60.          // rate of the transition, per span
	latest       = 1.1          // its middle, in spans: of later ones nothing tells whether they end
	slowest      = .5           // angle per span
	// The information criterion is tempered: neighbouring stages are kept.
	stageTemper = 8
)

// Peaks are sought at these decays per span and at angles per span of two
// spacings.
var peakDecays = [...]float64{0, -2, -6}

const (
	slowPeaks, slowPeak, slowStep = 10, 1., 1.5
	fastPeaks, fastPeak, fastStep = 74, 16., 2.5
	peaks                         = slowPeaks + fastPeaks
)

// peakAngle is the angle per span of peak i.
func peakAngle(i int) float64 {
	if i < slowPeaks {
		return slowPeak + slowStep*float64(i)
	}
	return fastPeak + fastStep*float64(i-slowPeaks)
}

// poles are the exponents of one stage, in units of the context's span.
type poles struct {
	pairs       int
	exponential bool // beside the pairs
	parabola    bool // in the place of both
	logistic    bool // in the place of both
	growth      [maxPairs]float64
	angle       [maxPairs]float64
	rate        float64 // of the exponential or the logistic transition
	middle      float64 // time of the logistic transition
}

// columns is the number of functions of time, params that of unknowns in them.
func (p *poles) columns() int {
	switch {
	case p.parabola:
		return 3
	case p.logistic:
		return 2
	}
	return 1 + p.params()
}

func (p *poles) params() int {
	n := 2 * p.pairs
	if p.exponential {
		n++
	}
	if p.logistic {
		n += 2
	}
	return n
}

// move returns p moved by a bounded step.
func (p poles) move(step []float64) poles {
	for k := range p.pairs {
		p.growth[k] = clamp(p.growth[k]+clamp(step[k], -2, 2), fastest, 0)
		p.angle[k] = max(p.angle[k]+clamp(step[p.pairs+k], -3, 3), slowest)
	}
	if p.exponential {
		most := mostGrowth
		if p.pairs == 0 {
			most = aloneGrowth
		}
		p.rate = clamp(p.rate+clamp(step[2*p.pairs], -3, 3), 1.2*fastest, most)
	}
	if p.logistic {
		p.rate = clamp(p.rate+clamp(step[0], -3, 3), 1, steepest)
		p.middle = clamp(p.middle+clamp(step[1], -.2, .2), -.5, latest)
	}
	return p
}

// together are channels observed at the same times.
type together struct {
	t        []float64 // in spans from the start of the context
	y        []float64 // by channel
	channels []int
	rows     [folds]int // that each fold sees
	// Observations on a lattice have few different steps: gap[i] is that before
	// row i, an index of gaps. Otherwise gap is empty.
	gap  []uint8
	gaps []float64
	// For the search of peaks: cosine and sine of each angle by row, the decays by
	// row, and per fold the sums of squares of each decaying cosine, of its
	// products with the sine, and of the decay.
	table, fade   []float64
	square, total [folds][]float64
}

// mostGaps bounds the number of different steps.
const mostGaps = 12

// lattice finds the different steps between the rows of s.
func (s *together) lattice() {
	s.gap, s.gaps = s.gap[:0], s.gaps[:0]
	last := 0.0
	for _, t := range s.t {
		d := t - last
		last = t
		q := 0
		for q < len(s.gaps) && math.Abs(s.gaps[q]-d) > 1e-11 {
			q++
		}
		if q == len(s.gaps) {
			if q == mostGaps {
				s.gap = s.gap[:0]
				return
			}
			s.gaps = append(s.gaps, d)
		}
		s.gap = append(s.gap, uint8(q))
	}
}

// stage is the fit of one number of poles to one fold.
type stage struct {
	poles
	amplitude []float64 // [c][columns]
	criterion float64
}

// oscillations fits the stages of all folds.
type oscillations struct {
	fitted, all []together
	rest        []together // backs all when that has more channels
	c           int
	stage       [folds][stages]stage
	count       [folds]int
	weight      [folds][stages]float64
	first       [folds]float64 // where the forecasts begin, in spans
	step        float64        // of these

	// Of the last evaluation.
	gram   []float64
	w      int // its row length
	factor [(2*maxPairs + 2) * (2*maxPairs + 2)]float64
	inv    [2*maxPairs + 2]float64
	hess   [(2*maxPairs + 1) * (2*maxPairs + 1)]float64
	slope  [2*maxPairs + 1]float64
}

// gather sorts every stride-th channel of p by its times. ends are the times
// after which each fold sees nothing.
func gather(mem *arena, dst []together, p *prep, stride int, ends *[folds]float64) []together {
	dst = dst[:0]
	scale := p.spans()
	for j := 0; j < p.c; j += stride {
		t, y := p.tobs[j], p.yobs[j]
		step := max((len(t)+poleRows-1)/poleRows, 1)
		n := 0
		if len(t) > 0 {
			n = (len(t)-1)/step + 1
		}
		first := len(t) - 1 - (n-1)*step // the last observation is kept
		at, v := mem.raw(n), mem.raw(n)
		for i := range at {
			at[i], v[i] = (t[first+i*step]-p.start)*scale, y[first+i*step]
		}
		q := 0
		for q < len(dst) && !slices.Equal(dst[q].t, at) {
			q++
		}
		if q == len(dst) {
			if q < cap(dst) {
				dst = dst[:q+1]
			} else {
				dst = append(dst, together{})
			}
			s := &dst[q]
			*s = together{t: at, y: mem.raw(n * p.c), channels: s.channels[:0], gap: s.gap, gaps: s.gaps}
			s.lattice()
			for k, end := range ends {
				s.rows[k], _ = slices.BinarySearch(at, (end-p.start)*scale+1e-9)
			}
			s.rows[0] = n
		}
		s := &dst[q]
		copy(s.y[len(s.channels)*n:], v)
		s.channels = append(s.channels, j)
	}
	return dst
}

// tabulate prepares the search of peaks.
func (s *together) tabulate(mem *arena) {
	const nd = len(peakDecays)
	n := len(s.t)
	s.table, s.fade = mem.raw(n*2*peaks), mem.raw(n*nd)
	for i, t := range s.t {
		row := s.table[i*2*peaks:][:2*peaks]
		var z, turn [2]float64
		for k := range peaks {
			switch k {
			case 0:
				z[1], z[0] = math.Sincos(slowPeak * t)
				turn[1], turn[0] = math.Sincos(slowStep * t)
			case slowPeaks:
				z[1], z[0] = math.Sincos(fastPeak * t)
				turn[1], turn[0] = math.Sincos(fastStep * t)
			default:
				z = rotate(z, turn)
			}
			row[2*k], row[2*k+1] = z[0], z[1]
		}
		for q, a := range peakDecays {
			s.fade[i*nd+q] = math.Exp(a * t)
		}
	}
	from := 0
	for k := folds - 1; k >= 0; k-- { // smallest fold first
		s.square[k], s.total[k] = mem.zeros(nd*2*peaks), mem.zeros(nd)
		if k < folds-1 {
			copy(s.square[k], s.square[k+1])
			copy(s.total[k], s.total[k+1])
		}
		for i := from; i < s.rows[k]; i++ {
			row := s.table[i*2*peaks:][:2*peaks]
			for q, e := range s.fade[i*nd:][:nd] {
				e *= e
				s.total[k][q] += e
				sq := s.square[k][q*2*peaks:][:2*peaks]
				for x := 0; x < 2*peaks; x += 2 {
					c := e * row[x]
					sq[x] += c * row[x]
					sq[x+1] += c * row[x+1]
				}
			}
		}
		from = max(from, s.rows[k])
	}
}

// products fills o.gram with the products of all pairs among the columns, their
// derivatives when slopes, and the channels, over the first n rows of s, and
// returns them by row.
func (o *oscillations) products(mem *arena, s *together, n int, p *poles, slopes bool) []float64 {
	f, m := p.columns(), len(s.channels)
	d := 0
	if slopes {
		d = p.params()
	}
	w := ceil4(f + d + m)
	o.w = w
	o.gram = mem.zeros(w * w)
	z := mem.raw(n * w)
	// On a lattice the oscillations turn by one of few factors a row.
	var now [maxPairs + 1][2]float64
	var turn [mostGaps][maxPairs + 1][2]float64
	lattice := len(s.gap) > 0 && p.pairs > 0
	if lattice {
		for q, u := range s.gaps {
			for k := range p.pairs {
				turn[q][k] = oscillation(p.growth[k], p.angle[k], u)
			}
			turn[q][p.pairs][0] = math.Exp(p.rate * u)
		}
	}
	for k := range now {
		now[k][0] = 1
	}
	for i, t := range s.t[:n] {
		row := z[i*w:][:w]
		if lattice {
			by := &turn[s.gap[i]]
			row[0] = 1
			for k := range p.pairs {
				now[k] = rotate(now[k], by[k])
				row[1+2*k], row[2+2*k] = now[k][0], now[k][1]
			}
			if p.exponential {
				now[p.pairs][0] *= by[p.pairs][0]
				row[f-1] = now[p.pairs][0]
			}
		} else {
			p.at(row, t)
		}
		if p.logistic && slopes {
			v := row[1] * (1 - row[1])
			row[f], row[f+1] = (t-p.middle)*v, -p.rate*v
		} else {
			for k := range d {
				row[f+k] = t * row[1+k]
			}
		}
		for k := range m {
			row[f+d+k] = s.y[k*len(s.t)+i]
		}
		clear(row[f+d+m:])
	}
	for i := 0; i < w && n > 0; i += 4 {
		asm.Gemm64(o.gram[i*w:], w, z[i:], 1, w, z, w, 4, i+4, n)
	}
	return z
}

// ridgeFactor factors the products l of the columns of p, with the amplitudes' ridge. Without
// oscillations it counts what a column is beside the constant, which is free: a straight line is
// a slow exponential with a constant that takes most of it back.
func (p *poles) ridgeFactor(l, inv []float64) {
	f := p.columns()
	alone := p.pairs == 0 && l[0] > 0
	for i := f - 1; i >= 0; i-- {
		square := l[i*f+i]
		if alone {
			square = max(square-l[i*f]*l[i*f]/l[0], 0)
		}
		l[i*f+i] += poleRidge*square + 1e-10
	}
	cholesky(l, f, f, 1e-12, inv)
}

// solve writes the amplitudes of the channels of s, f each, to amp from the
// products of f columns and d derivatives, and returns the squared error. With
// derivatives it adds to hess and slope.
func (o *oscillations) solve(p *poles, s *together, amp []float64, slopes bool) float64 {
	f, d, w := p.columns(), 0, o.w
	if slopes {
		d = p.params()
	}
	l, g := o.factor[:], o.gram
	for i := range f {
		copy(l[i*f:i*f+i+1], g[i*w:])
	}
	p.ridgeFactor(l, o.inv[:])
	// What the derivatives are without what the columns explain of them.
	var x [(2*maxPairs + 1) * (2*maxPairs + 2)]float64
	for q := range d {
		copy(x[q*f:(q+1)*f], g[(f+q)*w:])
		solveLower(l, f, f, o.inv[:], x[q*f:(q+1)*f])
	}
	var own [(2*maxPairs + 1) * (2*maxPairs + 1)]float64
	for q := range d {
		for r := range q + 1 {
			v := g[(f+q)*w+f+r] - dot(x[r*f:(r+1)*f], g[(f+q)*w:])
			own[q*d+r], own[r*d+q] = v, v
		}
	}
	total := 0.0
	for j := range s.channels {
		a := amp[j*f : (j+1)*f]
		row := g[(f+d+j)*w:]
		copy(a, row)
		solveLower(l, f, f, o.inv[:], a)
		var left [2*maxPairs + 2]float64 // products of the columns with the residual
		sum := row[f+d+j]
		for i := range f {
			v := 0.0
			for k := range i + 1 {
				v += g[i*w+k] * a[k]
			}
			for k := i + 1; k < f; k++ {
				v += g[k*w+i] * a[k]
			}
			left[i] = row[i] - v
			sum += a[i] * (v - 2*row[i])
		}
		total += max(sum, 0)
		if d == 0 {
			continue
		}
		var toward [2*maxPairs + 1]float64
		for q := range d {
			toward[q] = row[f+q] - dot(a, g[(f+q)*w:]) - dot(x[q*f:(q+1)*f], left[:])
		}
		for q := range d {
			i0, a0, i1, a1 := o.mix(p, a, q)
			o.slope[q] += a0*toward[i0] + a1*toward[i1]
			for r := range q + 1 {
				k0, b0, k1, b1 := o.mix(p, a, r)
				o.hess[q*d+r] += a0*(b0*own[i0*d+k0]+b1*own[i0*d+k1]) + a1*(b0*own[i1*d+k0]+b1*own[i1*d+k1])
			}
		}
	}
	return total
}

// mix says how unknown q, growths before angles before the rate and the middle, moves a channel
// of amplitudes a: by two derivative columns and their factors.
func (*oscillations) mix(p *poles, a []float64, q int) (i0 int, a0 float64, i1 int, a1 float64) {
	n := p.pairs
	switch {
	case p.logistic:
		return q, a[1], q, 0
	case q < n:
		return 2 * q, a[1+2*q], 2*q + 1, a[2+2*q]
	case q < 2*n:
		q -= n
		return 2 * q, a[2+2*q], 2*q + 1, -a[1+2*q]
	}
	return q, a[1+q], q, 0
}

// try returns the squared error of p over fold k of the fitted channels, and
// leaves its slope and curvature.
func (o *oscillations) try(mem *arena, k int, p *poles) float64 {
	clear(o.hess[:])
	clear(o.slope[:])
	total := 0.0
	for i := range o.fitted {
		s := &o.fitted[i]
		blk, off := mem.mark()
		o.products(mem, s, s.rows[k], p, true)
		total += o.solve(p, s, mem.raw(len(s.channels)*p.columns()), true)
		mem.release(blk, off)
	}
	return total
}

// refine improves p on fold k and returns its squared error.
func (o *oscillations) refine(mem *arena, k int, p *poles) float64 {
	const most = 2*maxPairs + 1
	damping, missed := 1e-2, 0
	least := o.try(mem, k, p)
	d := p.params()
	if d == 0 {
		return least
	}
	hess, slope := o.hess, o.slope
	for range poleRounds {
		var l [most * most]float64
		var inv, step [most]float64
		for q := range d {
			copy(l[q*d:q*d+q+1], hess[q*d:])
			l[q*d+q] += damping*hess[q*d+q] + 1e-9
		}
		copy(step[:], slope[:d])
		cholesky(l[:], d, d, 1e-12, inv[:])
		solveLower(l[:], d, d, inv[:], step[:d])
		next := p.move(step[:])
		v := o.try(mem, k, &next)
		if !(v < least) {
			damping *= 5
			if missed++; missed == 3 {
				break
			}
			continue
		}
		missed = 0
		damping = max(damping/4, 1e-8)
		gain := least - v
		*p, least = next, v
		hess, slope = o.hess, o.slope
		if gain < 1e-4*least {
			break
		}
	}
	return least
}

// peak returns the decay and angle that explain most of what p leaves over of
// fold k.
func (o *oscillations) peak(mem *arena, k int, p *poles) (growth, angle float64) {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	const nd = len(peakDecays)
	score := mem.zeros(nd * peaks)
	limit := 0.0
	for i := range o.fitted {
		s := &o.fitted[i]
		n, m, f := s.rows[k], len(s.channels), p.columns()
		limit = max(limit, .9*math.Pi*float64(n))
		z := o.products(mem, s, n, p, false)
		amp := mem.raw(m * f)
		o.solve(p, s, amp, false)
		left := mem.raw(nd * m * n) // residuals under each decay
		for i := range n {
			col := z[i*o.w:][:f]
			for j := range m {
				v := s.y[j*len(s.t)+i] - dot(amp[j*f:(j+1)*f], col)
				for q, e := range s.fade[i*nd:][:nd] {
					left[(q*m+j)*n+i] = e * v
				}
			}
		}
		with := mem.zeros(nd * m * 2 * peaks)
		asm.Gemm64(with, 2*peaks, left, n, 1, s.table, 2*peaks, nd*m, 2*peaks, n)
		for q, total := range s.total[k] {
			for x := range peaks {
				cc, cs := s.square[k][(q*peaks+x)*2], s.square[k][(q*peaks+x)*2+1]
				ss := (total - cc) * (1 + poleRidge)
				cc *= 1 + poleRidge
				det := max(cc*ss-cs*cs, 1e-12)
				for j := range m {
					u, v := with[((q*m+j)*peaks+x)*2], with[((q*m+j)*peaks+x)*2+1]
					score[q*peaks+x] += (u*u*ss - 2*u*v*cs + v*v*cc) / det
				}
			}
		}
	}
	best := -1.0
	for q, a := range peakDecays {
		for x := range peaks {
			if w := peakAngle(x); score[q*peaks+x] > best && (w <= limit || x == 0) {
				best, growth, angle = score[q*peaks+x], a, w
			}
		}
	}
	return growth, angle
}

// oscillation is the cosine and the sine of a damped oscillation at time t.
func oscillation(growth, angle, t float64) [2]float64 {
	e := math.Exp(growth * t)
	sin, cos := math.Sincos(angle * t)
	return [2]float64{e * cos, e * sin}
}

// transition returns that of a few which leaves least of fold k.
func (o *oscillations) transition(mem *arena, k int) poles {
	var best poles
	least, end := math.Inf(1), o.first[k]-o.step
	for _, middle := range [...]float64{.25, .5, .75, 1} {
		for _, rate := range [...]float64{6, 14} {
			p := poles{logistic: true, rate: rate / end, middle: middle * end}
			if v := o.try(mem, k, &p); v < least {
				best, least = p, v
			}
		}
	}
	return best
}

// fit fits the stages of fold k, as many as its observations allow.
func (o *oscillations) fit(mem *arena, k int) {
	seen, channels := 0, 0
	for i := range o.fitted {
		s := &o.fitted[i]
		seen += s.rows[k] * len(s.channels)
		channels += len(s.channels)
	}
	n := float64(seen)
	o.count[k] = 0
	var p poles
	for q := range stages {
		next := p
		switch q {
		case 0:
			next = poles{exponential: true, rate: -1}
		case 1:
			next = o.transition(mem, k)
		case 2:
			next = poles{parabola: true}
		case firstPair:
			p = poles{}
			next = poles{pairs: 1}
		case firstPair + 1:
			next.exponential, next.rate = true, -3
		default:
			next.pairs++
		}
		unknown := channels*next.columns() + next.params()
		if seen < 2*unknown {
			break
		}
		if next.pairs > p.pairs {
			next.growth[p.pairs], next.angle[p.pairs] = o.peak(mem, k, &p)
		}
		p = next
		least := o.refine(mem, k, &p)
		st := &o.stage[k][q]
		st.poles = p
		st.criterion = n*math.Log(max(least, 1e-12)/n) + math.Log(n)*float64(unknown)
		o.amplitudes(mem, k, st)
		o.count[k]++
	}
	if o.count[k] == 0 {
		st := &o.stage[k][0]
		*st = stage{}
		o.amplitudes(mem, k, st)
		o.count[k] = 1
	}
	best := math.Inf(1)
	for q := range o.count[k] {
		best = min(best, o.stage[k][q].criterion)
	}
	sum := 0.0
	for q := range o.count[k] {
		v := math.Exp((best - o.stage[k][q].criterion) / stageTemper)
		o.weight[k][q] = v
		sum += v
	}
	for q := range o.count[k] {
		o.weight[k][q] /= sum
	}
}

// amplitudes fits all channels with the poles of st.
func (o *oscillations) amplitudes(mem *arena, k int, st *stage) {
	f := st.columns()
	st.amplitude = mem.raw(o.c * f)
	for i := range o.all {
		s := &o.all[i]
		blk, off := mem.mark()
		o.products(mem, s, s.rows[k], &st.poles, false)
		amp := mem.raw(len(s.channels) * f)
		o.solve(&st.poles, s, amp, false)
		for j, channel := range s.channels {
			copy(st.amplitude[channel*f:(channel+1)*f], amp[j*f:])
		}
		mem.release(blk, off)
	}
}

// add adds weight times st at rows times from t on, step apart, to dst.
func (st *stage) add(dst track, c, rows int, t, step, weight float64) {
	var z, turn [maxPairs][2]float64
	for k := range st.pairs {
		z[k], turn[k] = oscillation(st.growth[k], st.angle[k], t), oscillation(st.growth[k], st.angle[k], step)
	}
	decay, shrink := math.Exp(st.rate*t), math.Exp(st.rate*step)
	f := st.columns()
	var col [2*maxPairs + 2]float64
	for i := range rows {
		if st.pairs == 0 {
			st.at(col[:], t+float64(i)*step)
		} else {
			col[0] = 1
			for k, z := range z[:st.pairs] {
				col[1+2*k], col[2+2*k] = z[0], z[1]
			}
			if st.exponential {
				col[f-1] = decay
			}
		}
		for j := range c {
			v := 0.0
			for k, a := range st.amplitude[j*f : (j+1)*f] {
				v += a * col[k]
			}
			dst.x[j*dst.stride+i] += weight * v
		}
		for k := range st.pairs {
			z[k] = rotate(z[k], turn[k])
		}
		decay *= shrink
	}
}

// forecast writes rows of fold k's stages, weighed, to dst, the first at time t.
func (o *oscillations) forecast(dst track, k, rows int, t, step float64, weight []float64) {
	for j := range o.c {
		clear(dst.of(j, rows))
	}
	for q, w := range weight[:o.count[k]] {
		if w > 1e-6 {
			o.stage[k][q].add(dst, o.c, rows, t, step, w)
		}
	}
	for j := range o.c {
		x := dst.of(j, rows)
		for i, v := range x {
			x[i] = clamp(v, -clipAt, clipAt)
		}
	}
}

// tones are the oscillations of one channel, for times inside the context, plus a
// process through what they leave over.
type tones struct {
	start, scale float64 // of the context, and spans per time
	count        int     // stages that weigh enough; 0: none
	stage        [stages]tone
	rest         curve
}

// tone is one stage of tones.
type tone struct {
	poles
	weight    float64
	amplitude [2*maxPairs + 2]float64
}

// leastTone is the weight below which a stage is left out of tones.
const leastTone = .05

// collect takes channel j of the stages of the whole context.
func (s *tones) collect(o *oscillations, p *prep, j int) {
	s.start, s.scale, s.count = p.start, p.spans(), 0
	sum := 0.0
	for q, w := range o.weight[0][:o.count[0]] {
		if w < leastTone {
			continue
		}
		st, to := &o.stage[0][q], &s.stage[s.count]
		f := st.columns()
		to.poles, to.weight = st.poles, w
		copy(to.amplitude[:f], st.amplitude[j*f:])
		sum += w
		s.count++
	}
	for q := range s.count {
		s.stage[q].weight /= sum
	}
}

// at writes the functions of time of p at u spans to col. Those of a parabola have no means
// and no products over the span.
func (p *poles) at(col []float64, u float64) {
	col[0] = 1
	switch {
	case p.parabola:
		u -= .5
		col[1], col[2] = u, u*u-1./12
	case p.logistic:
		col[1] = 1 / (1 + math.Exp(-p.rate*(u-p.middle)))
	}
	for k := range p.pairs {
		z := oscillation(p.growth[k], p.angle[k], u)
		col[1+2*k], col[2+2*k] = z[0], z[1]
	}
	if p.exponential {
		col[1+2*p.pairs] = math.Exp(p.rate * u)
	}
}

// rates writes the derivatives of the functions col of time, by spans, to rate.
func (p *poles) rates(rate, col []float64) {
	rate[0] = 0
	switch {
	case p.parabola:
		rate[1], rate[2] = 1, 2*col[1]
	case p.logistic:
		rate[1] = p.rate * col[1] * (1 - col[1])
	}
	for k := range p.pairs {
		cos, sin := col[1+2*k], col[2+2*k]
		rate[1+2*k], rate[2+2*k] = p.growth[k]*cos-p.angle[k]*sin, p.growth[k]*sin+p.angle[k]*cos
	}
	if p.exponential {
		k := 1 + 2*p.pairs
		rate[k] = p.rate * col[k]
	}
}

// series returns value and rate of the oscillations at time t.
func (s *tones) series(t float64) (v, r float64) {
	u := (t - s.start) * s.scale
	var col, rate [2*maxPairs + 2]float64
	for q := range s.stage[:s.count] {
		to := &s.stage[q]
		to.at(col[:], u)
		to.rates(rate[:], col[:])
		for k, a := range to.amplitude[:to.columns()] {
			v += to.weight * a * col[k]
			r += to.weight * a * rate[k]
		}
	}
	return v, r * s.scale
}

// at returns value and rate at time t.
func (s *tones) at(t float64) (float64, float64) {
	v, r := s.series(t)
	dv, dr := s.rest.at(t)
	return v + dv, r + dr
}

// fit fits the process to what the oscillations leave over of (t,y), and returns
// its parameters.
func (s *tones) fit(mem *arena, t, y []float64) process25 {
	rest := mem.raw(len(t))
	for i, u := range t {
		v, _ := s.series(u)
		rest[i] = y[i] - v
	}
	k := choose(mem, t, rest, 0, restNoises[:])
	s.rest.condition(mem, t, rest, 0, k)
	return k
}

// refit is tones with amplitudes of their own for parts of observations, which
// are kept or left out together; the poles stay.
type refit struct {
	tones
	col   [stages][]float64 // by row
	value []float64         // of the last part, at all rows
}

// newRefit prepares the parts of (t,y).
func (s *tones) newRefit(mem *arena, t []float64) refit {
	r := refit{tones: *s, value: mem.raw(len(t))}
	for q := range s.stage[:s.count] {
		to := &s.stage[q]
		f := to.columns()
		r.col[q] = mem.raw(len(t) * f)
		for i, u := range t {
			to.at(r.col[q][i*f:(i+1)*f], (u-s.start)*s.scale)
		}
	}
	return r
}

// part fits the amplitudes to the observations y that are kept.
func (r *refit) part(y []float64, kept func(i int) bool) {
	clear(r.value)
	for q := range r.stage[:r.count] {
		to := &r.stage[q]
		f := to.columns()
		var l [(2*maxPairs + 2) * (2*maxPairs + 2)]float64
		var b, inv [2*maxPairs + 2]float64
		for i, v := range y {
			if !kept(i) {
				continue
			}
			col := r.col[q][i*f : (i+1)*f]
			for k, x := range col {
				axpy(x, col[:k+1], l[k*f:k*f+k+1])
				b[k] += x * v
			}
		}
		to.ridgeFactor(l[:], inv[:])
		solveLower(l[:], f, f, inv[:], b[:f])
		copy(to.amplitude[:], b[:f])
		for i := range r.value {
			r.value[i] += to.weight * dot(b[:f], r.col[q][i*f:(i+1)*f])
		}
	}
}

// oscillations fits damped oscillations to the observations, with the folds of gr, and
// collects those of each channel.
func (s *scorer) oscillations(mem *arena, g *group, pr *prep, gr *grid) {
	c, nv := g.c, gr.n/4
	o := &s.osc
	o.c = c
	var ends [folds]float64 // last time seen
	scale := pr.spans()
	o.step = gr.dt * scale
	for k := range folds {
		ends[k] = gr.end - float64(k*nv)*gr.dt
		o.first[k] = (ends[k]-pr.start)*scale + o.step
	}
	o.fitted = gather(mem, o.fitted, pr, (c+poleChannels-1)/poleChannels, &ends)
	for i := range o.fitted {
		o.fitted[i].tabulate(mem)
	}
	o.all = o.fitted
	if c > poleChannels {
		o.rest = gather(mem, o.rest, pr, 1, &ends)
		o.all = o.rest
	}
	for k := range folds {
		o.fit(mem, k)
	}
	for j := range c {
		g.curves[j].tones.collect(o, pr, j)
	}
}

// oscillate adds the guides of damped oscillations that have been fitted with the folds of
// gr: stages weighed by the information criterion, the stage that forecasts the last quarter
// of gr best, that of two oscillations and that of most.
func (s *scorer) oscillate(mem *arena, g *group, gr *grid, weighed, validated, two, all int) {
	c, n := s.c, gr.n
	nv := n / 4
	steps := s.steps(gr)
	far := min(steps, 2*n)
	ids := [...]int{weighed, validated, two, all}
	for _, id := range ids {
		g.paths[id] = s.newPath(mem, gr, steps, steps)
	}
	blk, off := mem.mark()
	defer mem.release(blk, off)
	o := &s.osc
	b75, b50, replay := newTrack(mem, c, nv+far), newTrack(mem, c, 2*nv), newTrack(mem, c, nv)
	pick, best := 0, math.Inf(1)
	for q := range min(o.count[0], o.count[1]) {
		var only [stages]float64
		only[q] = 1
		o.forecast(b75, 1, nv, o.first[1], o.step, only[:])
		if e, _ := gr.misfit(b75, nv, n-nv); e < best {
			pick, best = q, e
		}
	}
	for i, stage := range [...]int{-1, pick, firstPair + 1, stages - 1} {
		id, weight := ids[i], o.weight
		if stage >= 0 {
			for k := range weight {
				weight[k] = [stages]float64{}
				weight[k][min(stage, o.count[k]-1)] = 1
			}
		}
		o.forecast(g.paths[id].ahead(), 0, steps, o.first[0], o.step, weight[0][:])
		o.forecast(b75, 1, nv+far, o.first[1], o.step, weight[1][:])
		o.forecast(b50, 2, 2*nv, o.first[2], o.step, weight[2][:])
		o.forecast(replay, 0, nv, o.first[1], o.step, weight[0][:])
		s.score(g, gr, id, &result{p75: b75, p50: b50, replay: replay})
	}
}
