package lassode

import (
	"cmp"
	"math"
	"slices"

	"github.com/lassode/lassode/classical"
)

// A channel that is not observed for a while, or not any more, while the others are, may be a
// function of them: of their values and slopes at the same time. A quadratic one is regressed on
// them at the times at which the channel is observed, and where it forecasts blocks of these that
// it has not seen it takes part in the answer. Values and slopes are those of the interpolants; a slope is
// a central difference, so that the rate of change of the answer is exact.
const (
	crossLeast    = 40  // observations of the channel to learn from, at least
	crossMost     = 400 // at most: of more every n-th
	crossSide     = 16  // of them before it falls silent, and after
	crossSteps    = 8   // least length of a silence that ends, in median steps of the channel; it is a window's width too
	crossRows     = .5  // rows in it, at least, for each of those steps, if it ends
	crossChannels = 16  // most channels of silences that end; others cost less, and may have drivenMost
	crossFolds    = 4   // blocks that validate
	crossLimit    = .3  // largest error on them, in standard deviations of the channel
	crossDelay    = .25 // of the differences, in widths of window
	crossGrowth   = 8   // of the variance up to the end of a silence that does not
	crossChunk    = 256 // times asked of which the regressors are made together: they may be many
)

// crossRidges are the ridges that are validated, in units of the number of observations.
var crossRidges = [...]float64{1e-8, 1e-6, 1e-4, 1e-2, 1}

// silence is a time in which live channel c is not observed and the others are.
type silence struct {
	c        int
	from, to float64 // its last observation before and the first after, or the last row
	ends     bool    // there is none after

	first, near float64 // of those that do not end: where the group that is one system begins, and how far it reaches

	fitted    bool // continued is that of the present encoding
	continued []*driven
}

// findSilences lists those of the series just loaded.
func (e *engine) findSilences() {
	e.silences = e.silences[:0]
	w := len(e.live)
	if w < 2 || w > drivenMost {
		return
	}
	n := len(e.times)
	for c := range w {
		e.runs = e.runs[:0] // the rows with observations
		for i := range n {
			if v := e.values[i*w+c]; v == v {
				e.runs = append(e.runs, i)
			}
		}
		m := len(e.runs)
		if m < crossLeast {
			continue
		}
		e.work = e.work[:0]
		for k, i := range e.runs[1:] {
			e.work = append(e.work, e.times[i]-e.times[e.runs[k]])
		}
		step, known := middle(e.work, .5), len(e.silences)
		for k := crossSide; k <= m; k++ {
			s := silence{c: c, from: e.times[e.runs[k-1]], to: e.times[n-1], ends: k == m}
			next := n
			if !s.ends {
				if m-k < crossSide {
					continue
				}
				next = e.runs[k]
				s.to = e.times[next]
			}
			steps := (s.to - s.from) / step
			rows := float64(next - e.runs[k-1] - 1)
			if s.ends && steps >= drivenSteps || w <= crossChannels && steps >= crossSteps && rows >= crossRows*steps {
				e.silences = append(e.silences, s)
			}
		}
		if len(e.silences)-known > gapMost {
			e.silences = e.silences[:known]
		}
	}
	if len(e.silences) == 0 {
		return
	}
	// In the order of time, so that the groups do not depend on that of the channels.
	slices.SortStableFunc(e.silences, func(a, b silence) int { return cmp.Compare(a.from, b.from) })
	step, first, near := e.medianStep(e.times), math.Inf(-1), 0.
	for i := range e.silences {
		if s := &e.silences[i]; s.ends {
			if s.from-first > near {
				first, near = s.from, max(drivenAlike*(s.to-s.from), drivenNear*step)
			}
			s.first, s.near = first, near
		}
	}
}

// fillSilences answers those of the rows order of f, whose times rise, that lie in silences
// once more. The present encoding, of which f has the answers, runs forwards.
func (e *engine) fillSilences(f *Forecast, at []float64, order []int) {
	if e.sys.bare {
		return // no interpolants
	}
	for i := range e.silences {
		s := &e.silences[i]
		if !e.encodes(s.from) || !s.ends && s.to-s.from < e.width {
			continue
		}
		if rows := between(at, order, s.from, s.to, s.ends); len(rows) > 0 {
			e.cross(f, at, rows, s)
		}
	}
}

// encodes reports whether the present encoding answers for time t.
func (e *engine) encodes(t float64) bool { return e.part == part{} || e.answers(e.part, t) }

// between returns the part of order whose times lie between from and to, or at to with last.
func between(at []float64, order []int, from, to float64, last bool) []int {
	side := func(row int, t float64) int { // the first time after t
		if at[row] > t {
			return 1
		}
		return -1
	}
	lo, _ := slices.BinarySearchFunc(order, from, side)
	if !last {
		to = math.Nextafter(to, math.Inf(-1))
	}
	hi, _ := slices.BinarySearchFunc(order, to, side)
	return order[lo:hi]
}

// silentWith returns the channels that are silent at some time of s.
func (e *engine) silentWith(s *silence) (list []int) {
	for _, o := range e.silences {
		if o.from < s.to && o.to > s.from {
			list = append(list, o.c)
		}
	}
	return list
}

// cross fills channel s.c of rows of f, which lie in silence s.
func (e *engine) cross(f *Forecast, at []float64, rows []int, s *silence) {
	w, c, column := len(e.live), s.c, e.live[s.c]
	half, mid := e.sys.half[c], e.sys.mid[c]
	var times, y []float64
	for i, t := range e.times {
		if v := e.values[i*w+c]; v == v && e.encodes(t) {
			times, y = append(times, t), append(y, (v-mid)/half)
		}
	}
	if stride := (len(times)-1)/crossMost + 1; stride > 1 {
		n := 0
		for i := 0; i < len(times); i += stride {
			times[n], y[n] = times[i], y[i]
			n++
		}
		times, y = times[:n], y[:n]
	}
	if len(times) < crossLeast {
		return
	}
	q := e.newRegression(times, e.silentWith(s))
	weights, square := q.fit(y)
	var continued []*driven
	if s.ends {
		continued = e.drive(s)
	}
	var own Forecast // of the encoding, at the ends and in the middle
	own.shape([]float64{s.from, s.to, s.from/2 + s.to/2}, e.channels)
	own.half = f.half
	e.answer(&own, own.Times, []int{0, 2, 1})
	e.move(q, own.Times[:2])
	value, _ := q.at(weights, 0)
	left := (own.Mean[0][column]-mid)/half - value
	value, _ = q.at(weights, 1)
	right := (own.Mean[1][column]-mid)/half - value
	claimed := own.Scale[2][column] / half
	if s.ends {
		right, claimed = left, own.Scale[1][column]/half
	}
	claimed *= claimed * gapOwn
	long := s.to - s.from
	var list []estimate
	// Each of the continuations counts for less by what others did better on the context.
	least := math.Inf(1)
	for _, d := range continued {
		least = min(least, d.square[c]+gapFloor)
	}
	var alone *unaided
	if s.ends && !(least < drivenExact) {
		if alone = e.withoutInputs(s, at, rows); alone != nil {
			least = min(least, alone.square[c]+gapFloor)
		}
	}
	if weights == nil && continued == nil && alone == nil {
		return
	}
	for _, d := range continued {
		d.jump[c] = 0 // of an earlier call
		d.jump[c] = (own.Mean[0][column]-mid)/half - d.at(c, s.from, s).mean
	}
	for k, row := range rows {
		u := (at[row] - s.from) / long
		v := 1 - u
		const tiny = gapFloor * gapFloor
		model := estimate{(f.Mean[row][column] - mid) / half, f.Rate[row][column] / half, f.Scale[row][column] / half,
			e.drift(c, at[row]), claimed*u*u + tiny, 2 * claimed * u / long}
		if !s.ends {
			model.variance, model.growth = 16*claimed*u*u*v*v+tiny, 32*claimed*u*v*(v-u)/long
		}
		list = list[:0]
		for _, d := range continued {
			list = append(list, d.at(c, at[row], s).times((d.square[c]+gapFloor)/least))
		}
		switch {
		case alone != nil:
			list = append(list, alone.at(e, c, k, s, (own.Mean[0][column]-mid)/half).times((alone.square[c]+gapFloor)/least))
		case len(list) == 0:
			list = append(list, model)
		}
		if weights == nil {
			e.mix(f, row, c, list)
			continue
		}
		if k%crossChunk == 0 {
			times = times[:0]
			for _, row := range rows[k:min(k+crossChunk, len(rows))] {
				times = append(times, at[row])
			}
			e.move(q, times)
		}
		value, rate := q.at(weights, k%crossChunk)
		function := estimate{value + v*left + u*right, rate + (right-left)/long, math.Sqrt(square), 0, square + gapFloor, 0}
		if s.ends { // and who knows how far it holds
			grown := 1 + crossGrowth*u*u
			function.drift = crossGrowth * u / (long * grown)
			function.scale *= math.Sqrt(grown)
			function.variance, function.growth = square*grown+gapFloor, 2*crossGrowth*u*square/long
		}
		e.mix(f, row, c, append(list, function))
	}
}

// regression is that of one channel on the others.
type regression struct {
	channels    []regressor
	products    bool      // whether all products of two are regressors too
	p           int       // number of regressors
	value, rate []float64 // times x p: the regressors and their time derivatives at some times
}

// regressor is a channel that others are regressed on: its value by an interpolant and its difference,
// standardised with the mean and unit of each.
type regressor struct {
	channel, interpolant int
	idle                 bool // as good as constant: zeros
	mean, unit           [2]float64
}

// newRegression makes the regressors at times to learn from of the live channels but some, standardised
// over these: one, their values and differences, and all products of two of these, unless there are too
// many of them for so many times.
func (e *engine) newRegression(times []float64, without []int) *regression {
	n := len(times)
	m := 2 * (len(e.live) - len(without))
	q := &regression{p: 1 + m + m*(m+1)/2, products: true}
	if 3*q.p > n {
		q.p, q.products = 1+m, false
	}
	var errs [classical.NumInside]float32
	for j := range e.live {
		if !slices.Contains(without, j) {
			e.sys.bank.InsideError(j, errs[:])
			q.channels = append(q.channels, regressor{channel: j, interpolant: slices.Index(errs[:], slices.Min(errs[:]))})
		}
	}
	e.sample(q, times)
	seen := make([]float64, n)
	for c := range q.channels {
		g, k := &q.channels[c], 1+2*c
		for i := range n {
			seen[i] = q.value[i*q.p+k]
		}
		g.idle = idle(seen)
		for side := range g.mean {
			var mean, square float64
			for i := range n {
				mean += q.value[i*q.p+k+side] / float64(n)
			}
			for i := range n {
				d := q.value[i*q.p+k+side] - mean
				square += d * d / float64(n)
			}
			g.mean[side], g.unit[side] = mean, 1/max(math.Sqrt(square), 1e-12)
		}
	}
	q.standardise()
	return q
}

// move replaces the times of q, whose standards stay those of the times to learn from.
func (e *engine) move(q *regression, times []float64) {
	e.sample(q, times)
	q.standardise()
}

// sample writes one and the values and differences at times, as they are, to q.
func (e *engine) sample(q *regression, times []float64) {
	q.value, q.rate = resize(q.value, len(times)*q.p), resize(q.rate, len(times)*q.p)
	h := crossDelay * e.width
	var v, before, after, r, rateBefore, rateAfter [classical.NumInside]float64
	for i, t := range times {
		x, d := q.value[i*q.p:][:q.p], q.rate[i*q.p:][:q.p]
		x[0], d[0] = 1, 0
		for c, g := range q.channels {
			k, best := 1+2*c, g.interpolant
			e.sys.bank.Inside(before[:], rateBefore[:], g.channel, e.sys.geo.at(t-h))
			e.sys.bank.Inside(v[:], r[:], g.channel, e.sys.geo.at(t))
			e.sys.bank.Inside(after[:], rateAfter[:], g.channel, e.sys.geo.at(t+h))
			x[k], d[k] = v[best], r[best]/e.sys.geo.width
			x[k+1], d[k+1] = after[best]-before[best], (rateAfter[best]-rateBefore[best])/e.sys.geo.width
		}
	}
}

// standardise makes the regressors of what sample has written.
func (q *regression) standardise() {
	m := 2 * len(q.channels)
	for i := 0; i < len(q.value); i += q.p {
		x, d := q.value[i:][:q.p], q.rate[i:][:q.p]
		for c, g := range q.channels {
			for side, unit := range g.unit {
				k := 1 + 2*c + side
				if g.idle {
					x[k], d[k] = 0, 0
					continue
				}
				x[k] = unit * (x[k] - g.mean[side])
				d[k] *= unit
			}
		}
		if !q.products {
			continue
		}
		k := 1 + m
		for a := 1; a <= m; a++ {
			for b := a; b <= m; b++ {
				x[k], d[k] = x[a]*x[b], x[a]*d[b]+d[a]*x[b]
				k++
			}
		}
	}
}

// at returns the regression at time i and its time derivative.
func (q *regression) at(weights []float64, i int) (value, rate float64) {
	for k, w := range weights {
		value += w * q.value[i*q.p+k]
		rate += w * q.rate[i*q.p+k]
	}
	return value, rate
}

// fit returns the weights for y at the first times, and the mean square error on blocks that
// were left out; nil where that is too large.
func (q *regression) fit(y []float64) (weights []float64, square float64) {
	n, p := len(y), q.p
	size := p*p + p
	var sums [crossFolds + 1][]float64 // normal equations of each block, then of all
	for k := range sums {
		sums[k] = make([]float64, size)
	}
	all := sums[crossFolds]
	var mean, variance float64
	for i, v := range y {
		x, s := q.value[i*p:][:p], sums[i*crossFolds/n]
		for a, u := range x {
			for b, z := range x[:a+1] {
				s[a*p+b] += u * z
			}
			s[p*p+a] += u * v
		}
		mean += v / float64(n)
	}
	for i := range all {
		for _, s := range sums[:crossFolds] {
			all[i] += s[i]
		}
	}
	for _, v := range y {
		variance += (v - mean) * (v - mean) / float64(n)
	}
	square = math.Inf(1)
	ridge := 0.
	left := make([]float64, size)
	for _, r := range crossRidges {
		sum := 0.
		for k, s := range sums[:crossFolds] {
			for i := range left {
				left[i] = all[i] - s[i]
			}
			w := solveRidge(left, p, r*float64(n))
			for i, v := range y {
				if i*crossFolds/n == k {
					value, _ := q.at(w, i)
					sum += (value - v) * (value - v) / float64(n)
				}
			}
		}
		if sum < square {
			square, ridge = sum, r
		}
	}
	if !(square < crossLimit*crossLimit*variance) {
		return nil, 0
	}
	return solveRidge(slices.Clone(all), p, ridge*float64(n)), square
}

// solveRidge solves the normal equations in a, the lower half of a p x p matrix with any number of
// right sides behind it, with a ridge on all but the first unknown, and returns the solutions, one
// after another. By Cholesky's decomposition, in a.
func solveRidge(a []float64, p int, ridge float64) []float64 {
	for i := range p {
		row := a[i*p:][:p]
		if i > 0 {
			row[i] += ridge
		}
		for j := 0; j <= i; j++ {
			sum := row[j]
			for k, v := range row[:j] {
				sum -= v * a[j*p+k]
			}
			if i == j {
				row[i] = math.Sqrt(max(sum, 1e-12))
			} else {
				row[j] = sum / a[j*p+j]
			}
		}
	}
	for x := a[p*p:]; len(x) > 0; x = x[p:] {
		for i := range p {
			row := a[i*p:][:p]
			for k, v := range row[:i] {
				x[i] -= v * x[k]
			}
			x[i] /= row[i]
		}
		for i := p - 1; i >= 0; i-- {
			for k := i + 1; k < p; k++ {
				x[i] -= a[k*p+i] * x[k]
			}
			x[i] /= a[i*p+i]
		}
	}
	return a[p*p:]
}
