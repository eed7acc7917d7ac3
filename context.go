package lassode

import (
	"math"
	"slices"
)

// leastNoise is the noise, in half ranges, below which a channel counts as free of noise.
const leastNoise = 3e-3

// part says which rows of a series an encoding is made from: those from the first on. Those
// before row old, if there are any, lie before a long gap; they are moved by shift, which makes
// it shorter. With thin over 1 every so many rows become one.
type part struct {
	first, old int
	shift      float64
	thin       int
}

// answers reports whether the encoding of part p is made for time t at or after the first
// observation: one of all rows is better between them.
func (e *engine) answers(p part, t float64) bool {
	if p.thin > 1 {
		return t > e.times[len(e.times)-1]
	}
	return t >= e.times[p.old]
}

// Of a series, the latest part is what forecasts are made from. What lies before a gap longer
// than all that comes after it would ask for windows and steps of the grids that are too wide
// for the latter; and a rest at the start, such as a recording that began long before the event,
// tells nothing of how the system moves, while it counts in every fit. A jump that is no part of
// how it moves, such as a new set-point, a shift of phase or level or a failing sensor, spoils every fit
// across it: what follows it is better alone, if it forecasts its own last rows better. Of many
// more rows than the signal needs, few are a better measure of how it moves, under noise as means
// of stretches.
const (
	oldLeast  = 24   // rows that have to come after a gap
	oldShare  = .25  // less than so many of their rows before it are left out; more are moved near,
	oldGap    = 4    // but only behind a gap of so many times what is observed: it spoils their phase
	restRows  = 8    // least number of rows at rest
	restLeast = 12   // rows that have to come after them
	restRange = 1e-9 // of the range of a channel: what is no motion
	partLeast = 4    // observations of each channel that a part has
	jumpRows  = 12   // rows that have to come after a jump
	jumpMost  = 2    // more jumps of a channel than these are how it moves
	jumpShare = .125 // of all rows, or
	jumpPart  = .333 // of those after it if these are fewer, are forecast,
	jumpLeast = 3    // but not fewer than these,
	jumpGain  = .5   // with less than so many times the square error that all rows before them lead to
	thinRows  = 512  // more rows than these are thinned,
	thinTo    = 200  // but to no less than these,
	thinWidth = 3    // nor to less in a width of window that suits the signal; from leastNoise on to means
)

// Times of equal steps that were rounded to a few decimals make a smooth curve rough: rounding to
// a tenth of a step is as bad as noise of half a percent at 30 rows a period. Where all lie within
// the rounding of equal steps, these are taken for the times.
const (
	evenRows  = 20   // least number of rows
	evenShare = .4   // largest unit of the rounding, in steps
	evenLeast = 1e-3 // and the least that matters
)

// equalise sets e.even to the times before they were rounded, or to none.
func (e *engine) equalise() {
	e.even = e.even[:0]
	n := len(e.times)
	if n < evenRows {
		return
	}
	step := e.medianStep(e.times)
	unit := math.Pow(10, math.Floor(math.Log10(evenShare*step)))
	for {
		if unit < evenLeast*step {
			return // any decimals
		}
		if e.multiples(unit) {
			break
		}
		unit /= 10
	}
	// The mean of the steps that are single ones, of those in e.work; then the straight line through all.
	var sum, count float64
	for _, d := range e.work {
		if math.Abs(d-step) <= 1.1*unit {
			sum += d
			count++
		}
	}
	step = sum / count
	var at, meanK, meanT, kk, kt float64
	for i, t := range e.times {
		if i > 0 {
			d := math.Round((t - e.times[i-1]) / step)
			if d < 1 {
				e.even = e.even[:0]
				return
			}
			at += d
		}
		e.even = append(e.even, at)
		dk, dt := at-meanK, t-meanT
		meanK += dk / float64(i+1)
		meanT += dt / float64(i+1)
		kk += dk * (at - meanK)
		kt += dk * (t - meanT)
	}
	step = kt / kk
	most := 0.
	for i, k := range e.even {
		e.even[i] = meanT + step*(k-meanK)
		if !(math.Abs(e.even[i]-e.times[i]) <= .6*unit) || i > 0 && !(e.even[i] > e.even[i-1]) {
			e.even = e.even[:0]
			return
		}
		most = max(most, math.Abs(e.even[i]-e.times[i]))
	}
	if most < .01*unit { // steps of whole units
		e.even = e.even[:0]
	}
}

// multiples reports whether all times are multiples of a unit, up to the precision of float64.
func (e *engine) multiples(unit float64) bool {
	for _, t := range e.times {
		x := t / unit
		if !(math.Abs(x-math.Round(x)) <= 1e-6+math.Abs(x)*0x1p-51) || !(math.Abs(x) < 1<<50) {
			return false
		}
	}
	return true
}

// latest returns the part that forecasts are made from, in the present direction of the series.
func (e *engine) latest() part {
	if e.known {
		return e.recent
	}
	e.known, e.recent = true, part{}
	e.equalise()
	n, p := len(e.times), part{}
	for i := n - oldLeast; i > 0; i-- {
		gap, before, after := e.times[i]-e.times[i-1], e.times[i-1]-e.times[0], e.times[n-1]-e.times[i]
		few := float64(i) < oldShare*float64(n-i)
		if !(gap > after) || !few && !(gap > oldGap*(before+after)) || !e.observed(i) {
			continue
		}
		p.old = i
		if few {
			p.first = i
		} else {
			p.shift = gap - after
		}
		break
	}
	if p.shift > 0 && !(e.times[p.old-1]+p.shift < e.times[p.old]) {
		p = part{} // rounding
	}
	if rest := e.rest(p.old); rest-p.old >= restRows && n-rest >= restLeast && e.observed(rest) {
		p = part{first: rest, old: rest}
	}
	if p.shift == 0 && !e.inner && len(e.silences) == 0 {
		if row := e.jump(); row > p.first && e.resumes(p.first, row) {
			p = part{first: row, old: row}
		}
	}
	if times, values := e.rows(p); len(times) > thinRows {
		f := min(float64(len(times))/thinTo, signalWidth(times, values, len(e.live))/(thinWidth*e.medianStep(times)))
		if f >= 2 {
			p.thin = int(f)
		}
	}
	e.recent = p
	return p
}

// jump returns the row behind the last jump of any channel, 0 if none has a few.
func (e *engine) jump() int {
	row := 0
	for c := range e.live {
		i, count := e.outliers.lastJump(e.times, e.values, len(e.live), c)
		if count > jumpMost {
			return 0
		}
		row = max(row, i)
	}
	if len(e.times)-row < jumpRows || !e.observed(row) {
		return 0
	}
	return row
}

// resumes reports whether the rows from row on forecast the last ones better alone than together
// with those before, from first on.
func (e *engine) resumes(first, row int) bool {
	w, n := len(e.live), len(e.times)
	hidden := max(jumpLeast, int(min(jumpShare*float64(n), jumpPart*float64(n-row))))
	if !e.observed(n - hidden) {
		return false
	}
	side := e.aside()
	var f Forecast
	var misses [2]float64
	for k, from := range [...]int{first, row} {
		side.take(e, from, n-hidden)
		if err := side.reply(e.times[n-hidden:], &f, false); err != nil {
			panic(err) // without constraints there is no cause
		}
		if k == 0 {
			e.work = append(e.work[:0], side.sys.half...)
		}
		for i, mean := range f.Mean {
			for c, column := range e.live {
				if v := e.values[(n-hidden+i)*w+c]; v == v {
					d := (mean[column] - v) / e.work[c]
					misses[k] += d * d
				}
			}
		}
	}
	return misses[1] < jumpGain*misses[0]
}

// observed reports whether every channel has enough observations from row from on.
func (e *engine) observed(from int) bool {
	w := len(e.live)
	for c := range w {
		count := 0
		for i := from*w + c; i < len(e.values) && count < partLeast; i += w {
			if e.values[i] == e.values[i] {
				count++
			}
		}
		if count < partLeast {
			return false
		}
	}
	return true
}

// rest returns the last row of those from row from on in which no channel has moved, or from
// where none ever does.
func (e *engine) rest(from int) int {
	w, n := len(e.live), len(e.times)
	rest := n
	for c := range w {
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := from; i < n; i++ {
			if v := e.values[i*w+c]; v == v {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		if !(hi > lo) {
			continue
		}
		tolerance := 2 * restRange * (hi/2 - lo/2)
		start := math.NaN()
		last := from
		for i := from; i < n; i++ {
			v := e.values[i*w+c]
			if v != v {
				continue
			}
			if start != start {
				start = v
			}
			if math.Abs(v-start) > tolerance {
				break
			}
			last = i
		}
		rest = min(rest, last)
	}
	if rest == n {
		return from
	}
	return rest
}

// rows returns times and values of a part, in memory of the engine.
func (e *engine) rows(p part) (times, values []float64) {
	w := len(e.live)
	times, values = e.times[p.first:], e.values[p.first*w:]
	if len(e.even) > 0 {
		times = e.even[p.first:]
	}
	if p.shift > 0 {
		e.moved = append(e.moved[:0], times...)
		for i := range p.old - p.first {
			e.moved[i] += p.shift
		}
		times = e.moved
	}
	if p.thin > 1 {
		times, values = e.thin(times, values, p.thin)
	}
	return times, values
}

// thin makes one row of every f, and keeps the time of the last: that row itself where the
// channels are free of noise, else the means, and at the end what a straight line says.
func (e *engine) thin(times, values []float64, f int) ([]float64, []float64) {
	n, w := len(times), len(e.live)
	noisy := false
	for c := range w {
		noisy = noisy || e.noisy(values, c)
	}
	e.few, e.fewValues = e.few[:0], e.fewValues[:0]
	for hi := (n-1)%f + 1; hi <= n; hi += f {
		lo := max(hi-f, 0)
		t := times[hi-1]
		if !noisy {
			e.few = append(e.few, t)
			e.fewValues = append(e.fewValues, values[(hi-1)*w:hi*w]...)
			continue
		}
		if hi < n {
			t = 0
			for _, u := range times[lo:hi] {
				t += u / float64(hi-lo)
			}
		}
		e.few = append(e.few, t)
		for c := range w {
			e.fewValues = append(e.fewValues, stretch(times[lo:hi], values[lo*w+c:], w, t, hi == n))
		}
	}
	return e.few, e.fewValues
}

// stretch returns the mean of the values, of one channel of w, or with line what the straight
// line through them says at time t.
func stretch(times, values []float64, w int, t float64, line bool) float64 {
	var n, meanT, meanV, tt, tv, last float64
	for i, u := range times {
		if v := values[i*w]; v == v {
			n, last = n+1, v
			dt, dv := u-meanT, v-meanV
			meanT += dt / n
			meanV += dv / n
			tt += dt * (u - meanT)
			tv += dt * (v - meanV)
		}
	}
	y := meanV
	if line && n > 3 && tt > 0 {
		y += tv / tt * (t - meanT)
	}
	switch {
	case n == 0:
		return math.NaN()
	case !(math.Abs(y) <= math.MaxFloat64): // sums of huge values
		return last
	}
	return y
}

// noisy reports whether live channel c has noise, by its fourth differences.
func (e *engine) noisy(values []float64, c int) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	e.work = e.work[:0]
	for i := c; i < len(values); i += len(e.live) {
		if v := values[i]; v == v {
			e.work = append(e.work, v)
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	sum, half, x := 0., hi/2-lo/2, e.work
	for i := range max(len(x)-4, 0) {
		d := (x[i] - 4*x[i+1] + 6*x[i+2] - 4*x[i+3] + x[i+4]) / half
		sum += d * d / 70
	}
	return sum > leastNoise*leastNoise*float64(len(x))
}

// A channel that is read more often than it is measured repeats each value the same number of
// times, give or take one; one whose missing values were filled in by the last one repeats some
// of its values, any number of times. What counts is the first of each: all others would be taken
// for steps or for noise. Of the second kind, many values stand alone, and where one was
// repeated the next is as far away as elsewhere: what rests of its own leaves slowly.
const (
	heldRuns   = 8   // least number of runs
	heldMost   = .9  // of them that have the usual length, or one row more or less
	heldValue  = .5  // distinct values per run: fewer are those of a switch
	filledLone = .3  // least share of the runs that are of one row,
	filledLong = .1  // and of those that are longer: fewer are chance, of rounded values,
	filledOnly = .75 // least number of distinct values per longer run: a bound is always the same,
	filledStep = .8  // and of the median step behind a repeated value, in those between others
)

// release replaces the repeats of channels that are held between their measurements by NaN, and
// takes out the rows of which nothing is left. Where a channel has ended before others the values
// of these may be a plan, which repeats itself on purpose.
func (e *engine) release() {
	w, n := len(e.live), len(e.times)
	for c := range w {
		row := n - 1
		for row >= 0 && e.seen(row, c) == 0 {
			row--
		}
		if n-1-row >= drivenPlan {
			return
		}
	}
	some := false
	for c := range w {
		if !e.held(c) {
			continue
		}
		some = true
		for i := n - 1; i > 0; i-- {
			if v := &e.values[i*w+c]; *v == e.values[(i-1)*w+c] {
				*v = math.NaN()
			}
		}
	}
	if some {
		e.times, e.values = dropEmpty(e.times, e.values, w)
	}
}

// held reports whether live channel c, observed in all rows, repeats its values as release says.
func (e *engine) held(c int) bool {
	w, n := len(e.live), len(e.times)
	e.runs, e.work = e.runs[:0], e.work[:0]
	last := math.NaN()
	for i := range n {
		v := e.values[i*w+c]
		if v != v {
			return false
		}
		if v != last {
			e.runs = append(e.runs, 0)
			e.work = append(e.work, v)
		}
		e.runs[len(e.runs)-1]++
		last = v
	}
	if len(e.runs) < heldRuns {
		return false
	}
	if float64(distinct(e.work)) < heldValue*float64(len(e.runs)) {
		return false
	}
	if e.filled(c) {
		return true
	}
	inner := e.runs[1 : len(e.runs)-1] // the first and the last may be cut
	slices.Sort(inner)
	usual, count := inner[len(inner)/2], 0
	for _, r := range inner {
		if r >= usual-1 && r <= usual+1 {
			count++
		}
	}
	return usual > 1 && float64(count) >= heldMost*float64(len(inner))
}

// filled reports whether live channel c, whose runs of equal values are in e.runs, repeats some
// of its values in place of missing ones.
func (e *engine) filled(c int) bool {
	w, at := len(e.live), e.runs[0]
	inner := e.runs[1 : len(e.runs)-1]
	// The steps behind values that stand alone come first, those behind repeated ones last.
	e.work = resize(e.work, len(inner))
	lone, long := 0, len(inner)
	for _, r := range inner {
		at += r
		step := math.Abs(e.values[at*w+c]/2 - e.values[(at-1)*w+c]/2)
		if r == 1 {
			e.work[lone] = step
			lone++
		} else {
			long--
			e.work[long] = step
		}
	}
	share := float64(lone) / float64(len(inner))
	if len(inner)-lone < heldRuns || share < filledLone || share > 1-filledLong {
		return false
	}
	if middle(e.work[lone:], .5) < filledStep*middle(e.work[:lone], .5) {
		return false
	}
	e.work, at = e.work[:0], e.runs[0]
	for _, r := range inner {
		if r > 1 {
			e.work = append(e.work, e.values[at*w+c])
		}
		at += r
	}
	return float64(distinct(e.work)) >= filledOnly*float64(len(e.work))
}

// distinct returns the number of distinct values of x, which it sorts.
func distinct(x []float64) int {
	slices.Sort(x)
	n := 0
	for i, v := range x {
		if i == 0 || v != x[i-1] {
			n++
		}
	}
	return n
}

// dropEmpty takes out the rows in which no channel is observed. It returns the series in the
// same memory.
func dropEmpty(times, values []float64, channels int) ([]float64, []float64) {
	n := 0
	for i, t := range times {
		row := values[i*channels : (i+1)*channels]
		if !slices.ContainsFunc(row, func(v float64) bool { return v == v }) {
			continue
		}
		times[n] = t
		copy(values[n*channels:], row)
		n++
	}
	return times[:n], values[:n*channels]
}
