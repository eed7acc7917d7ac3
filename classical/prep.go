package classical

import (
	"fmt"
	"math"
	"slices"
)

// cleanNoise is the noise, in half ranges, below which a context counts as
// free of noise and its samples are used as they are.
const cleanNoise = 3e-3

// panicShape reports a programming error with both sizes.
func panicShape(where, a string, va int, b string, vb int) {
	panic(fmt.Sprintf("classical: %s: %s = %d does not fit %s = %d", where, a, va, b, vb))
}

// prep is a context in half ranges, ready for gridding.
type prep struct {
	c         int
	times     []float64
	mid, half []float64
	x         []float64 // n x c, NaN = missing; absent channels are zero
	tobs      [][]float64
	yobs      [][]float64
	views     [2 * maxGroup][]float64 // backs tobs and yobs
	regular   bool                    // complete and equally spaced
	dt        float64                 // median step
	wide      []float64               // of each channel, see wideStep
	start     float64
	span      float64
	from, to  float64 // what the grids cover: the range in which the channels are observed
}

// scale extracts channels [c0,c0+c) of all, maps each to [-1,1] by its own
// observed range and lists its observations. A channel whose range vanishes
// keeps half = 1.
func (p *prep) scale(mem *arena, times, values []float64, all, c0, c int) {
	n := len(times)
	p.c, p.times = c, times
	p.mid, p.half = mem.raw(c), mem.raw(c)
	p.x = mem.raw(n*c + 1)
	p.tobs, p.yobs = p.views[:c:c], p.views[maxGroup:maxGroup+c]
	p.regular = n >= 8
	for j := 0; j < c; j++ {
		lo, hi := math.Inf(1), math.Inf(-1)
		m := 0
		for i := 0; i < n; i++ {
			v := values[i*all+c0+j]
			if !finite(v) {
				continue
			}
			m++
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
		mid, half := 0.0, 1.0
		if m > 0 {
			mid = lo/2 + hi/2
			if h := hi/2 - lo/2; h > 1e-9*math.Abs(mid) && h > 1e-300 {
				half = h
			}
		}
		p.mid[j], p.half[j] = mid, half
		t, y := mem.raw(m+1), mem.raw(m+1)
		k := 0
		for i := 0; i < n; i++ {
			v := values[i*all+c0+j]
			switch {
			case finite(v):
				v = (v - mid) / half
				t[k], y[k] = times[i], v
				k++
			case m == 0:
				v = 0
			default:
				v = math.NaN()
				p.regular = false
			}
			p.x[i*c+j] = v
		}
		p.tobs[j], p.yobs[j] = t[:k], y[:k]
	}
	p.dt, p.start, p.span, p.from, p.to = 1, 0, 0, 0, 0
	p.wide = mem.zeros(c)
	if n == 0 {
		return
	}
	p.start = times[0]
	p.span = times[n-1] - times[0]
	p.from, p.to = times[0], times[n-1]
	if n < 2 || !(p.span > 0) || !finite(p.span) {
		p.span, p.regular, p.from = 0, false, p.to
		return
	}
	p.trim()
	blk, off := mem.mark()
	d := mem.raw(n - 1)
	mean := p.span / float64(n-1)
	for i := range d {
		d[i] = times[i+1] - times[i]
		p.regular = p.regular && math.Abs(d[i]-mean) < 1e-3*mean
	}
	if p.regular {
		p.dt = mean
	} else {
		p.dt = medianStep(times, d)
		// Channels that are read shortly after one another are not sampled at the
		// step between their readings.
		own := math.Inf(1)
		for _, t := range p.tobs {
			switch {
			case len(t) == n:
				own = 0 // and no other is less
			case len(t) > 1 && own > p.dt:
				own = min(own, medianStep(t, d))
			}
		}
		if own > p.dt*(1+1e-9) && own < math.Inf(1) { // by more than rounding
			p.dt = own
		}
		for j, t := range p.tobs {
			p.wide[j] = wideStep(t, d)
		}
	}
	mem.release(blk, off)
}

// Of the span of a context the grids leave out at most frontShare at the start and
// backShare at the end for the sake of channels that are not observed there, and never
// keep less than coreShare.
const (
	frontShare = .6
	backShare  = .25
	coreShare  = .4
)

// trim sets the range of the grids. Where a channel has ended its last value is no state
// to forecast from, nor to learn from, even if it is but a fraction of a step earlier.
func (p *prep) trim() {
	from, to := p.from, p.to
	for _, t := range p.tobs {
		if len(t) < 2 {
			continue
		}
		if first := t[0]; first-p.from <= frontShare*p.span {
			from = max(from, first)
		}
		if last := t[len(t)-1]; p.to-last <= backShare*p.span {
			to = min(to, last)
		}
	}
	if to-from >= coreShare*p.span {
		p.from, p.to = from, to
	}
}

// tailHole is the number of steps that make a hole before a single last observation.
const tailHole = 4

// trimTail ends the grids of a context free of noise before a channel's last observation if
// that stands alone behind a hole: a forecast from it would start with the slopes of an
// interpolant across the hole.
func (p *prep) trimTail() {
	to := p.to
	for j, t := range p.tobs {
		if n := len(t); n > 1 && t[n-1]-t[n-2] > tailHole*max(p.dt, p.wide[j]) {
			to = min(to, t[n-2])
		}
	}
	if to-p.from >= coreShare*p.span && p.start+p.span-to <= backShare*p.span {
		p.to = to
	}
}

// wideSteps is the number of steps that are no holes.
const wideSteps = 8

// wideStep returns the step that half of the time between rising times is covered by, if some
// more are half as long: then it is how the channel is sampled, in bursts or ever finer, and no
// hole. Else it returns zero.
func wideStep(t, work []float64) float64 {
	n := len(t) - 1
	if n < wideSteps {
		return 0
	}
	d := work[:n]
	for i := range d {
		d[i] = t[i+1] - t[i]
	}
	slices.Sort(d)
	sum := 0.
	for _, h := range d {
		if sum += h; sum >= .5*(t[n]-t[0]) {
			if d[n-wideSteps] >= .5*h {
				return h
			}
			break
		}
	}
	return 0
}

// medianStep returns the median of the steps between rising times. work has one entry a
// step.
func medianStep(t, work []float64) float64 {
	d := work[:len(t)-1]
	for i := range d {
		d[i] = t[i+1] - t[i]
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// spans is the number of spans of the context per time.
func (p *prep) spans() float64 {
	if p.span > 0 {
		return 1 / p.span
	}
	return 1
}

// splines fits the interpolants of every channel and estimates the noise.
func (p *prep) splines(mem *arena, natural, smooth []spline, noise []float64) {
	for j := 0; j < p.c; j++ {
		t, y := p.tobs[j], p.yobs[j]
		n := len(t)
		m, f, m2 := mem.raw(n+1), mem.raw(n+1), mem.raw(n+1)
		blk, off := mem.mark()
		work := mem.raw(9*n + 1)
		natural[j].interpolate(t, y, m, work)
		noise[j] = smooth[j].smooth(t, y, f, m2, work)
		if p.regular && n >= 16 {
			// The likelihood of the spline takes weak noise on a fast signal for
			// signal; high differences tell them apart when steps are equal.
			noise[j] = differenceNoise(y, work)
			if noise[j] >= cleanNoise {
				// They take fast signals for noise, but those can be predicted.
				if v := predictionNoise(mem, y); v < noise[j]/2 {
					noise[j] = v
				}
			}
		}
		mem.release(blk, off)
		if width, some := nearWidth(t); some {
			mt, my := mergeNear(t, y, mem.raw(n), mem.raw(n), width)
			work = mem.raw(2 * n)
			natural[j].interpolate(mt, my, m, work)
			if natural[j].roughNear(t, y, work, width) {
				p.tobs[j], p.yobs[j] = mt, my
			} else {
				natural[j].interpolate(t, y, m, work)
			}
		}
	}
}

// Observations of a channel that are nearer together than nearStep mean steps are one where the
// slopes between them say nothing: where these are off those of the curve through the means, in the
// median, by nearRough of what such slopes are. A curve through all would follow the noise far into the
// next steps, and of two such each would foretell the other, whatever the curve does elsewhere.
const (
	nearStep  = .03
	nearRough = .1
)

// nearWidth returns the width within which observations at times t are near, and whether some are.
func nearWidth(t []float64) (width float64, some bool) {
	n := len(t)
	if n < 4 {
		return 0, false
	}
	width = nearStep * (t[n-1] - t[0]) / float64(n-1)
	for i := range n - 1 {
		some = some || t[i+1]-t[i] <= width
	}
	return width, some
}

// mergeNear returns (t,y) with means in the place of observations within width, in memory mt and my.
func mergeNear(t, y, mt, my []float64, width float64) ([]float64, []float64) {
	k := 0
	for i := 0; i < len(t); k++ {
		first, count := t[i], 0.
		var at, mean float64
		for ; i < len(t) && t[i]-first <= width; i++ {
			count++
			at += (t[i] - first - at) / count
			mean += (y[i] - mean) / count
		}
		mt[k], my[k] = first+at, mean
	}
	return mt[:k], my[:k]
}

// roughNear reports whether the slopes between those of the observations (t,y) within width, of
// which s goes through the means, are off its own.
func (s *spline) roughNear(t, y, work []float64, width float64) bool {
	off, square := work[:0], 0.
	first := t[0]
	for i, u := range t[1:] {
		if u-first > width {
			first = u
			continue
		}
		_, rate := s.at((t[i] + u) / 2)
		off = append(off, math.Abs((y[i+1]-y[i])/(u-t[i])-rate))
		square += rate * rate
	}
	slices.Sort(off)
	return off[len(off)/2] > nearRough*math.Sqrt(square/float64(len(off)))
}

// differenceNoise estimates the standard deviation of white noise on equally
// spaced samples of a smooth signal: the k-th difference of the noise has
// variance binom(2k,k) sigma^2 while that of the signal vanishes as the k-th
// power of the step. The least of k = 2..8 is taken. A signal that jumps once in a while has
// large differences there alone: where three quarters of them are such as those of no noise, and
// there are enough, that counts. work has 2 len(y) floats.
func differenceNoise(y, work []float64) float64 {
	n := len(y)
	d, sizes := work[:n], work[n:2*n]
	copy(d, y)
	best, gain := math.Inf(1), 1.0
	jumps := n >= jumpyRows
	for k := 1; k <= 8; k++ {
		gain *= float64(2*(2*k-1)) / float64(k)
		sum := 0.0
		for i := 0; i < n-k; i++ {
			d[i] = d[i+1] - d[i]
			sum += d[i] * d[i]
		}
		if k == 1 {
			held := 0
			for _, v := range d[:n-1] {
				if v == 0 {
					held++
				}
			}
			jumps = jumps && held < n/8
			continue
		}
		best = min(best, math.Sqrt(sum/float64(n-k)/gain))
		if !jumps || best < cleanNoise {
			continue
		}
		sizes = sizes[:n-k]
		for i, v := range d[:n-k] {
			sizes[i] = math.Abs(v)
		}
		slices.Sort(sizes)
		if v := sizes[3*len(sizes)/4] / (normalQuartile * math.Sqrt(gain)); v < cleanNoise {
			best = v
		}
	}
	return best
}

// jumpyRows is the least number of samples of a signal that jumps and counts as free of noise.
const jumpyRows = 80

// normalQuartile is what three quarters of the absolute values of a standard normal variable are
// less than.
const normalQuartile = 1.1503

// Sizes of predictionNoise: the largest order, and the least number of samples.
const (
	predictionOrder = 20
	predictionLeast = 32
)

// predictionNoise bounds the standard deviation of white noise on equally spaced samples
// from above, however fast the signal: by the error of a linear prediction one step
// ahead, fitted to the first three quarters, over the last one.
func predictionNoise(mem *arena, y []float64) float64 {
	n := len(y)
	if n < predictionLeast {
		return math.Inf(1)
	}
	fitted := n - n/4
	p := min(predictionOrder, (fitted-8)/2)
	w := p + 1 // and a constant
	blk, off := mem.mark()
	defer mem.release(blk, off)
	gram, rhs, inv, row := mem.zeros(w*w), mem.zeros(w), mem.raw(w), mem.raw(w)
	row[p] = 1
	trace := 0.
	for i := p; i < fitted; i++ {
		copy(row, y[i-p:i])
		for a, v := range row {
			axpy(v, row[:a+1], gram[a*w:a*w+a+1])
			rhs[a] += v * y[i]
		}
	}
	for a := range w {
		trace += gram[a*w+a]
	}
	for a := range w {
		gram[a*w+a] += 1e-14 * trace
	}
	cholesky(gram, w, w, 1e-16*trace, inv)
	solveLower(gram, w, w, inv, rhs)
	sum := 0.
	for i := fitted; i < n; i++ {
		d := y[i] - dot(rhs[:p], y[i-p:i]) - rhs[p]
		sum += d * d
	}
	return math.Sqrt(sum / float64(n-fitted))
}

// gapSteps is the distance of observations, in steps of the grid, that is a gap.
const gapSteps = 12

// gap reports whether time s of channel j lies between observations that are
// too far apart to interpolate on a grid of step dt.
func (p *prep) gap(j int, s, dt float64) bool {
	t := p.tobs[j]
	n := len(t)
	if n == 0 {
		return false
	}
	i, _ := slices.BinarySearch(t, s) // first observation at or after s
	switch {
	case i == 0:
		return t[0]-s > 0.51*dt
	case i == n:
		return s-t[n-1] > 0.51*dt
	}
	return t[i]-t[i-1] > gapSteps*max(dt, p.wide[j]) && t[i]-s > 0.51*dt && s-t[i-1] > 0.51*dt
}

// linear interpolates channel j linearly at s, holding the outer values.
func (p *prep) linear(j int, s float64) float64 {
	t, y := p.tobs[j], p.yobs[j]
	n := len(t)
	if n == 0 {
		return 0
	}
	i, _ := slices.BinarySearch(t, s)
	switch {
	case i == 0:
		return y[0]
	case i == n:
		return y[n-1]
	}
	u := (s - t[i-1]) / (t[i] - t[i-1])
	return y[i-1] + u*(y[i]-y[i-1])
}

// between interpolates channel j at s by its spline, holding the outer values.
func (p *prep) between(natural []spline, j int, s float64) float64 {
	if t := p.tobs[j]; len(t) == 0 || s < t[0] || s > t[len(t)-1] {
		return p.linear(j, s)
	}
	v, _ := natural[j].at(s)
	return clamp(v, -2, 2)
}

// alloc sizes g for n rows ending where the range of the grids does.
func (p *prep) alloc(mem *arena, g *grid, n int, dt float64) {
	g.n, g.c, g.dt = n, p.c, dt
	g.end = p.to
	g.rows, g.at = nil, nil
	g.partial, g.partialAt, g.seen = nil, nil, g.seen[:0]
	g.x = mem.zeros(n * p.c)
	if cap(g.ok) < n {
		g.ok = make([]bool, n, n+256)
	}
	g.ok = g.ok[:n]
	for i := range g.ok {
		g.ok[i] = true
	}
	g.gaps = false
	g.states = [folds][]float64{}
	g.library, g.libraryWeight = g.library[:0], 0
}

// nativeGrid fills g with the samples themselves when they are regular and
// complete (every k-th when there are more than limit), else with an
// interpolation at the median step: by cubic spline when the data are clean,
// linear when they are not.
func (p *prep) nativeGrid(mem *arena, g *grid, natural []spline, clean bool, limit int) {
	n := len(p.times)
	if p.regular {
		k := (n + limit - 1) / limit
		m := (n-1)/k + 1
		p.alloc(mem, g, m, p.dt*float64(k))
		for i := 0; i < m; i++ {
			copy(g.x[i*p.c:(i+1)*p.c], p.x[(n-1-(m-1-i)*k)*p.c:])
		}
		return
	}
	m := 8
	dt := 1.0
	if span := p.to - p.from; span > 0 {
		m = int(clamp(math.Floor(span/p.dt+1e-6)+1, 8, float64(limit)))
		dt = p.dt
		if full := span / float64(m-1); m == 8 || m == limit {
			dt = full
		}
	}
	p.resample(mem, g, natural, clean, m, dt)
	if clean && n <= 2*limit {
		p.observed(mem, g, natural)
	}
}

// rowShare is the largest number of rows of the grid for each row without missing
// channels, or each observation of a channel, that these can stand for.
const rowShare = 3

// observed lists the rows within the range of g without missing channels, and if there
// are others all of them but those in a gap.
func (p *prep) observed(mem *arena, g *grid, natural []spline) {
	n, c := len(p.times), p.c
	g.rows, g.at = mem.raw(n*c), mem.raw(n)
	g.partial, g.partialAt = mem.raw(n*c), mem.raw(n)
	g.seen = slices.Grow(g.seen[:0], n*c)[:n*c]
	count := mem.zeros(c)
	gapStep := max(g.dt, p.dt)
	whole, some, start := 0, 0, g.time(0)
	for i, t := range p.times {
		if t < start || t > g.end {
			continue
		}
		row, seen := g.partial[some*c:(some+1)*c], g.seen[some*c:(some+1)*c]
		missing, hole := 0, false
		for j, v := range p.x[i*c : (i+1)*c] {
			if seen[j] = v == v; !seen[j] {
				missing++
				hole = hole || p.gap(j, t, gapStep)
				v = p.between(natural, j, t)
			}
			row[j] = v
		}
		if missing == c || hole {
			continue
		}
		g.partialAt[some] = (t - start) / g.dt
		if missing == 0 {
			copy(g.rows[whole*c:], row)
			g.at[whole] = g.partialAt[some]
			whole++
		}
		for j, v := range seen {
			if v {
				count[j]++
			}
		}
		some++
	}
	g.rows, g.at = g.rows[:whole*c], g.at[:whole]
	if rowShare*whole < g.n {
		g.rows, g.at = nil, nil
	}
	g.partial, g.partialAt, g.seen = g.partial[:some*c], g.partialAt[:some], g.seen[:some*c]
	if whole == some || rowShare*slices.Min(count) < float64(g.n) {
		g.seen = g.seen[:0]
	}
}

// evenGrid fills g with linear interpolations at a multiple of the median step, so that
// samples on a lattice stay what they are: on about as many rows as there are observations of
// the channel that has most, limit at most.
func (p *prep) evenGrid(mem *arena, g *grid, limit int) {
	n := 2
	for _, t := range p.tobs {
		n = max(n, len(t))
	}
	rows, dt := 8, 1.
	if span := p.to - p.from; span > 0 {
		steps := span / p.dt
		dt = p.dt * max(1, math.Round(steps/float64(n-1)), math.Ceil(steps/float64(limit-1)-1e-6))
		if rows = int(span/dt+1e-6) + 1; rows < 8 {
			rows, dt = 8, span/7
		}
	}
	p.resample(mem, g, nil, false, rows, dt)
}

// part fills g with every stride-th row of src from first on.
func (p *prep) part(mem *arena, g, src *grid, first, stride int) {
	p.alloc(mem, g, (src.n-1-first)/stride+1, src.dt*float64(stride))
	for i := range g.n {
		r := first + i*stride
		copy(g.x[i*p.c:(i+1)*p.c], src.x[r*p.c:])
		g.ok[i] = src.ok[r]
		g.gaps = g.gaps || !g.ok[i]
	}
	p.keepRows(g)
}

// resample fills g by interpolation.
func (p *prep) resample(mem *arena, g *grid, natural []spline, cubic bool, m int, dt float64) {
	p.alloc(mem, g, m, dt)
	gapStep := math.Max(dt, p.dt)
	for i := 0; i < m; i++ {
		s := g.time(i)
		for j := 0; j < p.c; j++ {
			hole := p.gap(j, s, gapStep)
			if cubic && !hole {
				g.x[i*p.c+j] = p.between(natural, j, s)
			} else {
				g.x[i*p.c+j] = p.linear(j, s)
			}
			if hole {
				g.ok[i] = false
				g.gaps = true
			}
		}
	}
	p.keepRows(g)
}

// keepRows ignores the gap marks when they would leave next to nothing to
// learn from.
func (p *prep) keepRows(g *grid) {
	n := 0
	for _, ok := range g.ok {
		if ok {
			n++
		}
	}
	if n < 8 {
		for i := range g.ok {
			g.ok[i] = true
		}
		g.gaps = false
	}
}

// denseGrid fills g from clean data with 24 to 128 rows.
func (p *prep) denseGrid(mem *arena, g *grid, natural []spline) {
	n := len(p.times)
	if p.regular && n >= 24 {
		p.nativeGrid(mem, g, natural, true, 128)
		return
	}
	most := 0
	for _, t := range p.tobs {
		most = max(most, len(t))
	}
	m := int(clamp(float64(most), 24, 96))
	dt := 1.0
	if p.to > p.from {
		dt = (p.to - p.from) / float64(m-1)
	}
	p.resample(mem, g, natural, true, m, dt)
}

// Rows of smoothGrid: about one for each observation.
const smoothLeast, smoothMost = 24, 96

// smoothGrid fills g with values of the smoothing splines, on which a period is looked for
// before anything is denoised.
func (p *prep) smoothGrid(mem *arena, g *grid, smooth []spline) {
	most := 0
	for _, t := range p.tobs {
		most = max(most, len(t))
	}
	m := min(max(most, smoothLeast), smoothMost)
	dt := 1.0
	if p.to > p.from {
		dt = (p.to - p.from) / float64(m)
	}
	p.alloc(mem, g, m, dt)
	for i := range g.n {
		s := g.time(i)
		for j := range p.c {
			v := p.linear(j, s)
			if t := p.tobs[j]; len(t) > 0 && s >= t[0] && s <= t[len(t)-1] {
				v, _ = smooth[j].at(s)
			}
			g.x[i*p.c+j] = clamp(v, -2, 2)
			if p.gap(j, s, math.Max(dt, p.dt)) {
				g.ok[i], g.gaps = false, true
			}
		}
	}
	p.keepRows(g)
}
