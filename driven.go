package lassode

import (
	"math"
	"slices"

	"github.com/lassode/lassode/classical"
)

// Channels that are not observed any more while others are may be driven by these: the inputs of
// a system, as a plan gives them, or the other sensors of one that lost some. They are continued by
// autoregressions with those inputs (ARX, Ljung, System Identification, 1999, section 4.2; with
// products of the regressors, Billings, Nonlinear System Identification, 2013, section 2.4), of
// several forms, on a grid that ends at their last observation. Each form forecasts parts of the
// context that it has not seen from the inputs there; the answer is the mean of all, weighted by
// what that shows.
const (
	drivenSteps = 1.5   // least length of the silence, in median steps of the channel
	drivenPlan  = 3     // rows in which some channels are observed no more, from which on repeats are a plan
	drivenRows  = 400   // most rows of the grid to learn from
	drivenLeast = 32    // and least
	drivenAhead = 2048  // most rows to continue
	drivenMost  = 64    // most channels
	drivenParts = 8     // inputs are seen at so many times of a step
	drivenFree  = 24    // regressors that need no number of rows; for more than these two each
	drivenBound = 4     // bound of what is continued, in half ranges,
	drivenBent  = 2     // and by products, which nothing keeps
	drivenPower = 3     // of the inverse of the square errors, in weights
	drivenApart = 3     // steps between observations of an input, over which interpolants may overshoot
	drivenIdle  = 1e-3  // range of an input that is as good as constant, in half ranges
	drivenTie   = 1e-12 // square error below which they are all the same
	drivenSlope = 8     // brings differences to the size of values
	drivenClean = -2.4  // largest logarithm of the noise at which the fine grid is used
	drivenAlike = .125  // channels that fall silent within so much of the length of each other are one system,
	drivenNear  = 3     // or within so many median steps,
	drivenGrown = 8     // of the variance to the end of the silence
	drivenOwn   = 4     // the variance of a forecast without the inputs, over what is known of it
	drivenExact = 1e-4  // mean square error in half ranges, below which no forecast without inputs is made
	drivenJoin  = .25   // widths of window in which the difference to what comes before goes
)

// drivenPaces are the steps of the coarse and the fine grid, in widths of window. Noise is no
// friend of small steps.
var drivenPaces = [...]float64{.25, .06}

// drivenForm says what the next row is regressed on: so many lags of all channels, or powers of
// the last values and differences.
type drivenForm struct {
	lags        int
	degree      int  // of the polynomial in the values
	differences bool // whether products with and of differences are in it
}

var drivenForms = [...]drivenForm{{1, 1, false}, {2, 1, false}, {4, 1, false}, {8, 1, false}, {16, 1, false},
	{2, 2, false}, {2, 2, true}, {2, 3, false}, {2, 3, true}}

// drivenRidges are the ridges that are validated, in units of the number of rows.
var drivenRidges = [...]float64{1e-9, 1e-7, 1e-5, 1e-3, 1e-1}

// driven holds channels that are continued and their inputs on a grid.
type driven struct {
	start, step    float64     // time of the first row, and between rows
	known, total   int         // rows up to the last observation, and all
	silent, inputs []int       // live channels
	x              [][]float64 // by live channel; of inputs one of the following
	means, points  [][]float64 // inputs as observed, as means over the step before a row; interpolated
	square         []float64   // by live channel: mean square error on parts that were not seen
	spread         [][]float64 // by live channel, from row known on: mean square distance of the forms
	jump           []float64   // by live channel: to what the encoding says of the last observation
	join           float64     // time in which that goes
}

// drive returns the continuation of the channels that fall silent together with s, one for each
// grid; none where there is too little to learn from.
func (e *engine) drive(s *silence) []*driven {
	if s.fitted {
		return s.continued
	}
	var silent, inputs []int
	var alike []*silence
	from, noise := s.first, math.Inf(-1)
	for i := range e.silences {
		if o := &e.silences[i]; o.ends && o.first == s.first {
			silent, alike = append(silent, o.c), append(alike, o)
		}
	}
	others := e.silentWith(s)
	for c := range e.live {
		last := len(e.times) - 1
		for e.seen(last, c) == 0 {
			last--
		}
		if !slices.Contains(others, c) && s.to-e.times[last] <= s.near {
			inputs = append(inputs, c)
		}
		noise = max(noise, e.sys.noise[c])
	}
	var list []*driven
	for i, pace := range drivenPaces {
		if len(inputs) == 0 || !e.encodes(from) || i > 0 && noise > drivenClean {
			break
		}
		if d := e.newDriven(silent, inputs, from, s.to, pace); d != nil && d.fit() {
			list = append(list, d)
		}
	}
	for _, o := range alike {
		o.fitted, o.continued = true, list
	}
	return list
}

// newDriven lays a grid over the part of the series that is encoded and has all channels, up to
// from, and on to to; nil where it has too few rows or too many.
func (e *engine) newDriven(silent, inputs []int, from, to, pace float64) *driven {
	first := math.Inf(-1)
	for _, c := range slices.Concat(silent, inputs) {
		i := 0
		for e.seen(i, c) == 0 || !e.encodes(e.times[i]) {
			i++
		}
		first = max(first, e.times[i])
	}
	w := len(e.live)
	d := &driven{silent: silent, inputs: inputs, x: make([][]float64, w), means: make([][]float64, w),
		points: make([][]float64, w), square: make([]float64, w), spread: make([][]float64, w),
		jump: make([]float64, w), join: drivenJoin * e.width}
	d.step = max(e.medianStep(e.times), pace*e.width, (from-first)/drivenRows)
	ahead := math.Ceil((to-from)/d.step) + 2
	if !(from-first >= (drivenLeast-1)*d.step) || !(ahead <= drivenAhead) {
		return nil
	}
	d.known = int((from-first)/d.step) + 1
	d.total = d.known + int(ahead)
	d.start = from - float64(d.known-1)*d.step
	for _, c := range silent {
		x, smooth := make([]float64, d.total), e.interpolant(c)
		for k := range d.known {
			x[k] = smooth(d.start + float64(k)*d.step)
		}
		d.x[c] = x
	}
	d.inputs = nil
	for _, c := range inputs {
		raw, smooth := e.straight(c), e.interpolant(c)
		mean, point := make([]float64, d.total), make([]float64, d.total)
		var seen []float64
		for i, t := range e.times {
			if e.seen(i, c) > 0 {
				seen = append(seen, t)
			}
		}
		most := drivenApart * max(d.step, e.medianStep(seen))
		for k := range d.total {
			at := d.start + float64(k)*d.step
			for q := range drivenParts {
				t := at + ((float64(q)+.5)/drivenParts-1)*d.step
				v, _ := raw(min(max(t, first), to))
				mean[k] += v / drivenParts
			}
			v, apart := raw(min(max(at, first), to))
			if !(apart > most) {
				v = smooth(min(at, to))
			}
			point[k] = v
		}
		d.means[c], d.points[c] = mean, point
		if !idle(mean[:d.known]) {
			d.inputs = append(d.inputs, c)
		}
	}
	if len(d.inputs) == 0 {
		return nil
	}
	return d
}

// idle reports whether a channel of these values, in half ranges, hardly moves in the first three
// quarters of them: nothing tells then what it does, should it move later.
func idle(x []float64) bool {
	x = x[:max(len(x)*3/4, 1)]
	return slices.Max(x)-slices.Min(x) < drivenIdle
}

// straight returns the values of live channel c by straight lines between its observations, which
// do not round the steps of a plan, and how far apart these are; times must not fall.
func (e *engine) straight(c int) func(t float64) (value, apart float64) {
	w, n := len(e.live), len(e.times)
	half, mid := e.sys.half[c], e.sys.mid[c]
	next := func(i int) int {
		for i++; i < n && e.seen(i, c) == 0; i++ {
		}
		return i
	}
	i := next(-1)
	j := next(i)
	return func(t float64) (value, apart float64) {
		for j < n && e.times[j] <= t {
			i, j = j, next(j)
		}
		p := (e.values[i*w+c] - mid) / half
		if j == n || t <= e.times[i] {
			return p, 0
		}
		q := (e.values[j*w+c] - mid) / half
		apart = e.times[j] - e.times[i]
		return p + (t-e.times[i])/apart*(q-p), apart
	}
}

// interpolant returns the values of live channel c by the interpolant with the least error.
func (e *engine) interpolant(c int) func(t float64) float64 {
	var errs [classical.NumInside]float32
	e.sys.bank.InsideError(c, errs[:])
	best := slices.Index(errs[:], slices.Min(errs[:]))
	return func(t float64) float64 {
		var v [classical.NumInside]float64
		e.sys.bank.Inside(v[:], nil, c, e.sys.geo.at(t))
		return v[best]
	}
}

// regressors appends those of row k+1 to dst, one first.
func (d *driven) regressors(dst []float64, f drivenForm, k int) []float64 {
	from := len(dst)
	dst = append(dst, 1)
	if f.degree == 1 {
		for _, c := range d.silent {
			for i := range f.lags {
				dst = append(dst, d.x[c][k-i])
			}
		}
		for _, c := range d.inputs {
			for i := range f.lags + 1 {
				dst = append(dst, d.x[c][k+1-i])
			}
		}
		return dst
	}
	for _, c := range d.silent {
		dst = append(dst, d.x[c][k])
	}
	for _, c := range d.inputs {
		dst = append(dst, d.x[c][k+1])
	}
	values := len(dst)
	for _, c := range d.silent {
		dst = append(dst, drivenSlope*(d.x[c][k]-d.x[c][k-1]))
	}
	for _, c := range d.inputs {
		dst = append(dst, drivenSlope*(d.x[c][k+1]-d.x[c][k]))
	}
	most := values
	if f.differences {
		most = len(dst)
	}
	for a := from + 1; a < most; a++ {
		for b := a; b < most; b++ {
			dst = append(dst, dst[a]*dst[b])
		}
	}
	if f.degree == 3 {
		for a := from + 1; a < values; a++ {
			for b := a; b < values; b++ {
				for c := b; c < values; c++ {
					dst = append(dst, dst[a]*dst[b]*dst[c])
				}
			}
		}
	}
	return dst
}

// arx is a regression of the next differences of the silent channels.
type arx struct {
	form       drivenForm
	mean, unit []float64   // of the regressors
	weights    [][]float64 // by silent channel
	scratch    []float64
}

// roll continues the silent channels over rows [from, to).
func (d *driven) roll(m *arx, from, to int) {
	bound := float64(drivenBound)
	if m.form.degree > 1 {
		bound = drivenBent
	}
	for k := from; k < to; k++ {
		m.scratch = d.regressors(m.scratch[:0], m.form, k-1)
		for i, v := range m.scratch {
			m.scratch[i] = (v - m.mean[i]) * m.unit[i]
		}
		for s, c := range d.silent {
			v := d.x[c][k-1]
			for i, u := range m.scratch {
				v += u * m.weights[s][i]
			}
			d.x[c][k] = finite(min(max(v, -bound), bound))
		}
	}
}

// continuation is what one form makes of the silent channels: rows of which it had seen none
// that come later, then those ahead.
type continuation struct {
	square float64
	paths  [][]float64 // by silent channel
}

// cuts returns the first row that is forecast from those before it, the first of the second such
// part, and the end of that.
func (d *driven) cuts() [3]int { return [3]int{d.known / 2, d.known - d.known/4, d.known} }

// try makes the continuation of form f; it has none where there are too few rows.
func (d *driven) try(f drivenForm, truth [][]float64) (best continuation) {
	cuts := d.cuts()
	first, ns := f.lags, len(d.silent) // the first row has index first+1
	p := len(d.regressors(nil, f, first))
	if p > drivenFree && 2*p > cuts[0]-first {
		return best
	}
	var rows []float64
	for k := first; k+1 < d.known; k++ {
		rows = d.regressors(rows, f, k)
	}
	n := len(rows) / p
	m := arx{form: f, mean: make([]float64, p), unit: make([]float64, p), weights: make([][]float64, ns)}
	m.unit[0] = 1
	for i := 1; i < p; i++ {
		mean, square := 0., 0.
		for r := range n {
			mean += rows[r*p+i] / float64(n)
		}
		for r := range n {
			v := rows[r*p+i] - mean
			square += v * v / float64(n)
		}
		m.mean[i], m.unit[i] = mean, 1/max(math.Sqrt(square), 1e-9)
		for r := range n {
			rows[r*p+i] = (rows[r*p+i] - mean) * m.unit[i]
		}
	}
	// The normal equations of the rows before each cut: a matrix, then a side a channel.
	sums := make([]float64, (p+ns)*p)
	var equations [len(cuts)][]float64
	r := 0
	for q, cut := range cuts {
		for ; first+1+r < cut; r++ {
			x := rows[r*p:][:p]
			for a, u := range x {
				line := sums[a*p:][:a+1]
				for b, v := range x[:a+1] {
					line[b] += u * v
				}
			}
			for s := range d.silent {
				y := truth[s][first+1+r] - truth[s][first+r]
				side := sums[(p+s)*p:][:p]
				for a, u := range x {
					side[a] += u * y
				}
			}
		}
		equations[q] = slices.Clone(sums)
	}
	solve := func(q int, ridge float64) {
		all := solveRidge(slices.Clone(equations[q]), p, ridge*float64(cuts[q]))
		for s := range d.silent {
			m.weights[s] = all[s*p:][:p]
		}
	}
	for _, ridge := range drivenRidges {
		now := continuation{paths: make([][]float64, ns)}
		for q := range len(cuts) - 1 {
			solve(q, ridge)
			d.roll(&m, cuts[q], cuts[q+1])
			for s, c := range d.silent {
				part := d.x[c][cuts[q]:cuts[q+1]]
				now.paths[s] = append(now.paths[s], part...)
				for i, v := range part {
					v -= truth[s][cuts[q]+i]
					now.square += v * v
				}
				copy(part, truth[s][cuts[q]:])
			}
		}
		if best.paths != nil && !(now.square < best.square) {
			continue
		}
		solve(len(cuts)-1, ridge)
		d.roll(&m, d.known, d.total)
		for s, c := range d.silent {
			now.paths[s] = append(now.paths[s], d.x[c][d.known:]...)
		}
		best = now
	}
	return best
}

// fit continues the silent channels, and says how well that can be expected to do. It returns
// false where no form has rows enough.
func (d *driven) fit() bool {
	cuts, truth := d.cuts(), [][]float64(nil)
	for _, c := range d.silent {
		truth = append(truth, slices.Clone(d.x[c][:d.known]))
	}
	var list []continuation
	for _, inputs := range [...][][]float64{d.means, d.points} {
		for _, c := range d.inputs {
			d.x[c] = inputs[c]
		}
		for _, f := range drivenForms {
			if q := d.try(f, truth); q.paths != nil {
				list = append(list, q)
			}
		}
	}
	if len(list) == 0 {
		return false
	}
	least := math.Inf(1)
	for _, q := range list {
		least = min(least, q.square)
	}
	sum, wide := 0., 0.
	var weights, doubts []float64
	for _, q := range list {
		v := (least + drivenTie) / (q.square + drivenTie)
		weights, doubts = append(weights, math.Pow(v, drivenPower)), append(doubts, v)
		sum, wide = sum+weights[len(weights)-1], wide+v
	}
	seen := cuts[len(cuts)-1] - cuts[0]
	for s, c := range d.silent {
		d.spread[c] = make([]float64, d.total-d.known)
		for k := range list[0].paths[s] {
			mean := 0.
			for i, q := range list {
				mean += weights[i] / sum * q.paths[s][k]
			}
			if k < seen {
				mean -= truth[s][cuts[0]+k]
				d.square[c] += mean * mean / float64(seen)
				continue
			}
			d.x[c][d.known+k-seen] = mean
			for i, q := range list {
				v := q.paths[s][k] - mean
				d.spread[c][k-seen] += doubts[i] / wide * v * v
			}
		}
	}
	return true
}

// at returns the continuation of live channel c at time t of silence s, by cubics through the rows.
func (d *driven) at(c int, t float64, s *silence) estimate {
	x := d.x[c]
	at := (t - d.start) / d.step
	i := min(max(int(at), 1), len(x)-3)
	v := at - float64(i)
	p, q := x[i], x[i+1]
	left, right := (q-x[i-1])/2, (x[i+2]-p)/2
	jump := d.jump[c] * math.Exp((s.from-t)/d.join)
	out := estimate{
		mean: p + v*(left+v*(3*(q-p)-2*left-right+v*(2*(p-q)+left+right))) + jump,
		rate: (left+v*(2*(3*(q-p)-2*left-right)+v*3*(2*(p-q)+left+right)))/d.step - jump/d.join,
	}
	long := s.to - s.from
	u := (t - s.from) / long
	square := d.square[c] + d.jump[c]*d.jump[c]
	out.variance, out.growth = square*(1+drivenGrown*u*u)+gapFloor, 2*square*drivenGrown*u/long
	if k := i - d.known; k >= 0 {
		a, b := d.spread[c][k], d.spread[c][k+1]
		out.variance += a + v*(b-a)
		out.growth += (b - a) / d.step
	}
	out.scale = math.Sqrt(out.variance)
	out.drift = out.growth / (2 * out.variance)
	return out
}

// unaided is a forecast of all channels from what lies before a silence.
type unaided struct {
	rows   int // those before the silence
	f      Forecast
	drift  [][]float64 // by live channel and time: of the logarithm of the scale
	square []float64   // by live channel: mean square error over the last quarter of these rows, forecast from the others
}

// withoutInputs forecasts rows of the times at from what lies before silence s; nil where that is
// too little. The last answer is kept, for the other channels of the silence.
func (e *engine) withoutInputs(s *silence, at []float64, rows []int) *unaided {
	u, w := &e.alone, len(e.live)
	asked := []float64{s.from}
	for _, row := range rows {
		asked = append(asked, at[row])
	}
	after := func(t float64) int { // the first row after t
		i, found := slices.BinarySearch(e.times, t)
		if found {
			i++
		}
		return i
	}
	last, first := after(s.from), 0
	if u.rows == last && slices.Equal(u.f.Times, asked) {
		return u
	}
	u.rows = 0
	for !e.encodes(e.times[first]) {
		first++
	}
	cut := after(e.times[first] + .75*(s.from-e.times[first]))
	for c := range w {
		n := 0
		for i := first; i < cut; i++ {
			n += e.seen(i, c)
		}
		if n < gapLeast {
			return nil
		}
	}
	side := e.aside()
	ask := func(hi int, times []float64, f *Forecast) {
		side.take(e, first, hi)
		if err := side.reply(times, f, false); err != nil {
			panic(err) // without constraints there is no cause
		}
	}
	var check Forecast
	ask(cut, e.times[cut:last], &check)
	u.square = make([]float64, w)
	for c, column := range e.live {
		count := 0.
		for i := cut; i < last; i++ {
			if e.seen(i, c) > 0 {
				d := (check.Mean[i-cut][column] - e.values[i*w+c]) / e.sys.half[c]
				u.square[c] += d * d
				count++
			}
		}
		u.square[c] /= max(count, 1)
	}
	ask(last, asked, &u.f)
	u.drift = u.drift[:0]
	for c := range w {
		var d []float64
		for _, t := range asked {
			d = append(d, side.drift(c, t))
		}
		u.drift = append(u.drift, d)
	}
	u.rows = last
	return u
}

// at returns the forecast of live channel c of e at the k-th time behind the start of s, where the
// encoding says start. Its variance is the geometric mean of what it claims and of what was found,
// which grows as that of driven.
func (u *unaided) at(e *engine, c, k int, s *silence, start float64) estimate {
	column, mid, half := e.live[c], e.sys.mid[c], e.sys.half[c]
	jump := start - (u.f.Mean[0][column]-mid)/half
	join, long := drivenJoin*e.width, s.to-s.from
	since := u.f.Times[1+k] - s.from
	jump *= math.Exp(-since / join)
	out := estimate{mean: (u.f.Mean[1+k][column]-mid)/half + jump, rate: u.f.Rate[1+k][column]/half - jump/join,
		scale: u.f.Scale[1+k][column] / half, drift: u.drift[c][1+k]}
	share := since / long
	grown := 1 + drivenGrown*share*share
	claimed := drivenOwn * math.Sqrt(u.square[c]*grown) * out.scale
	out.variance, out.growth = claimed+gapFloor, claimed*(out.drift+drivenGrown*share/(long*grown))
	return out
}
