package lassode

import (
	"cmp"
	"math"
	"slices"
)

// Outlier is an observation that a forecast was made without, because it stands alone.
type Outlier struct {
	Time    float64 // as in the series
	Channel int     // column of the series, from 0
	Value   float64 // in the unit of the channel
}

// An observation counts as an outlier when it lies far from the cubic through its four
// neighbours, two on each side, while these, without it, lie close to the cubics through
// theirs: a spike of one value in a curve that is otherwise smooth, or under moderate
// noise. Two near each other are found together. A jump fails the test, because it spoils
// the neighbours too, and so do two wrong values next to each other. One of the last two
// observations of a channel must lie farther off than anything before it, since a jump that has
// just begun looks the same; of the first two nothing can be said. In doubt an observation is
// believed: where a channel has few values, as of a switch or a coarse sensor, all within
// some steps of them are, and all of a channel whose outliers come at regular times.
const (
	outlierRows     = 12   // least number of observations to judge by
	outlierNoise    = 6    // least residual over the typical one
	outlierLocal    = 6    // least residual over the largest of its neighbours
	outlierSize     = .05  // least residual over the range of the middle four fifths of the values
	outlierRounding = 1e-7 // least such range, in half ranges of all values
	outlierStretch  = 12   // largest span of a cubic over the median step
	outlierShare    = .1   // of more than that share of a channel none is an outlier
	outlierPasses   = 16   // after which a channel that does not settle is believed
	outlierSteps    = 3    // least residual over the step between the values of a coarse channel
	outlierPulses   = 4    // as many at regular times are pulses
	outlierPeriod   = .1   // how far their distances may be from one or two periods, in periods
	outlierReach    = 3    // neighbours on each side that must be smooth
	stuckRows       = 3    // as many equal values are a run
	stuckShare      = .25  // of more than that share of a channel no run is of a sensor that is stuck
	stuckStep       = 1.25 // least step behind the run, over the one after that, where there is no noise:
	stuckNoise      = 1e-4 // most observations lie off the cubic by as much, in half ranges, over the noise,
	stuckDigits     = 20   // and by as many times the step between values of few digits,
	stuckCrossed    = .5   // and that share of them on the other side than the one before
)

// outliers finds them. It is reused, by one goroutine.
type outliers struct {
	at         []int     // rows of the observations of a channel
	t, x       []float64 // their times and values, scaled
	raw        []float64 // the values as they are
	half       float64   // half their range
	prev, next []int32   // the observations that are left, as a ring
	work       []float64
	suspects   []suspect
	found      []int // places in at
	gone       []gone

	typical float64 // residual over what noise of unit variance does to it, the median
	size    float64 // least residual that counts
	stretch float64 // longest span of a cubic
}

// gone is an outlier of the channel that has been replaced.
type gone struct {
	row   int
	value float64
}

type suspect struct {
	i    int
	size float64 // residual over what noise does to it
}

// distance is how far an observation lies from the cubic through its neighbours.
type distance struct {
	r     float64
	noise float64 // how much noise of unit variance adds to r, a deviation
	bend  float64 // 24 times the error of the cubic for a unit fourth derivative
	span  float64 // time from the first neighbour to the last
	above bool    // the observation is
}

// residual returns the distance of observation i from the cubic through two neighbours on each
// side; next to the end, where there are not as many behind it, through more before it. ok is
// false for the first two observations.
func (o *outliers) residual(i int) (dist distance, ok bool) {
	var near [4]int32
	n, end := 0, int32(len(o.at))
	for c := o.next[i]; c != end && n < 2; c = o.next[c] {
		near[n] = c
		n++
	}
	for b := o.prev[i]; n < len(near); b = o.prev[b] {
		if b == end {
			return dist, false
		}
		near[n] = b
		n++
	}
	t := o.t[i]
	first, last, value, noise := t, t, 0., 1.
	dist.bend = 1
	for _, j := range near {
		top, bottom := 1., 1.
		for _, k := range near {
			if k != j {
				top *= t - o.t[k]
				bottom *= o.t[j] - o.t[k]
			}
		}
		weight := top / bottom
		value += weight * o.x[j]
		noise += weight * weight
		dist.bend *= t - o.t[j]
		first, last = min(first, o.t[j]), max(last, o.t[j])
	}
	dist.r, dist.above = math.Abs(o.x[i]-value), o.x[i] > value
	dist.noise, dist.bend, dist.span = math.Sqrt(noise), math.Abs(dist.bend), last-first
	return dist, !math.IsNaN(dist.r) && dist.bend > 0 && !math.IsInf(dist.noise, 0)
}

// link puts every observation on the list, a ring with a place that is none of them.
func (o *outliers) link() {
	n := len(o.at)
	o.prev, o.next = resize(o.prev, n+1), resize(o.next, n+1)
	for i := range n + 1 {
		o.prev[i], o.next[i] = int32(i-1), int32(i+1)
	}
	o.prev[0], o.next[n] = int32(n), 0
}

// unlink takes observation i off the list.
func (o *outliers) unlink(i int) {
	o.next[o.prev[i]], o.prev[o.next[i]] = o.next[i], o.prev[i]
}

// relink undoes the last unlink.
func (o *outliers) relink(i int) {
	o.next[o.prev[i]], o.prev[o.next[i]] = int32(i), int32(i)
}

// drop replaces the outliers of each of the channels of a series (values row-major) by NaN,
// and takes out the rows of which nothing is left. It returns the series, in the same memory,
// after it has called report, unless that is nil, for each outlier, by channel and time. Of what it returns it
// would drop nothing. The first and the last row stay.
func (o *outliers) drop(times, values []float64, channels int, report func(row, channel int, value float64)) ([]float64, []float64) {
	some := false
	for c := range channels {
		o.gone = o.gone[:0]
		most, alone := -1., 0
		// A value far beyond all others hides the rest: it is judged again without it.
		for o.load(times, values, channels, c) {
			// A channel of few values has neither; coarse leaves the values in order in work.
			if o.coarse() == 0 && (o.codes(values, channels, c) || o.stuck(values, channels, c)) {
				continue
			}
			if most < 0 {
				most = outlierShare * float64(len(o.at))
			}
			if !o.search() || float64(alone+len(o.found)) > most {
				break
			}
			alone += len(o.found)
			for _, i := range o.found {
				at := o.at[i]*channels + c
				o.gone = append(o.gone, gone{o.at[i], values[at]})
				values[at] = math.NaN()
			}
		}
		slices.SortFunc(o.gone, func(a, b gone) int { return cmp.Compare(a.row, b.row) })
		if o.pulses(times) {
			for _, g := range o.gone {
				values[g.row*channels+c] = g.value
			}
			continue
		}
		if report != nil {
			for _, g := range o.gone {
				report(g.row, c, g.value)
			}
		}
		some = some || len(o.gone) > 0
	}
	if !some {
		return times, values
	}
	return dropEmpty(times, values, channels)
}

// codes replaces by NaN what the channel just loaded reads instead of a value, as -999 or the end of
// a scale: one number, twice or more, as far from all others as these are from each other. It
// reports whether there was any. A channel that ends with it is believed there: it may have been
// switched off. Work holds the values in order.
func (o *outliers) codes(values []float64, channels, c int) (some bool) {
	for w, low := o.work, true; ; low = !low {
		code := w[len(w)-1]
		if low {
			code = w[0]
		}
		count := 0
		for _, v := range w {
			if v == code {
				count++
			}
		}
		rest := w[:len(w)-count]
		if low {
			rest = w[count:]
		}
		if !apart(code, rest, count) {
			if low {
				continue
			}
			return some
		}
		w = rest
		last := len(o.raw)
		for last > 0 && o.raw[last-1] == code {
			last--
		}
		for i, v := range o.raw[:last] {
			if v == code {
				o.gone = append(o.gone, gone{o.at[i], v})
				values[o.at[i]*channels+c] = math.NaN()
				some = true
			}
		}
	}
}

// apart reports whether a value that a channel has count times, beside others in ascending
// order, is a code.
func apart(code float64, others []float64, count int) bool {
	n := len(others)
	if count < 2 || n < outlierRows || float64(count) > outlierShare*float64(n+count) {
		return false
	}
	low, high := others[0], others[n-1]
	return min(math.Abs(low/2-code/2), math.Abs(high/2-code/2)) >= high/2-low/2
}

// stuck replaces by NaN the runs in which the sensor of the channel just loaded was stuck: a value
// repeated by a channel that otherwise is never without noise, or while the curve went on, as the step
// behind it tells. It reports whether there was any. Of a channel that has other runs, such as one
// that rests, is cut off at its bounds, or repeats one value at different times, all are believed.
// Work holds the values in order.
func (o *outliers) stuck(values []float64, channels, c int) bool {
	n, sorted := len(o.raw), o.work
	least := outlierSize * (sorted[9*(n-1)/10]/2 - sorted[(n-1)/10]/2)
	known, noisy := false, false
	o.found = o.found[:0]
	for from, to := 0, 0; from < n; from = to {
		v := o.raw[from]
		for to = from + 1; to < n && o.raw[to] == v; to++ {
		}
		if to-from < stuckRows {
			continue
		}
		first, _ := slices.BinarySearch(sorted, v)
		if from == 0 || first == 0 || first+to-from == n || sorted[first+to-from] == v {
			return false
		}
		if !known {
			known, noisy = true, o.noisy()
		}
		if !noisy {
			if to+1 >= n {
				return false
			}
			step := math.Abs(o.raw[to]/2 - v/2)
			if step < least || step < stuckStep*math.Abs(o.raw[to+1]/2-o.raw[to]/2) {
				return false
			}
		}
		for i := from; i < to; i++ {
			o.found = append(o.found, i)
		}
	}
	if len(o.found) == 0 || float64(len(o.found)) > stuckShare*float64(n) {
		return false
	}
	for _, i := range o.found {
		o.gone = append(o.gone, gone{o.at[i], o.raw[i]})
		values[o.at[i]*channels+c] = math.NaN()
	}
	return true
}

// noisy reports whether the channel, whose values are in order in work, has noise throughout: most
// observations lie off the cubics through their neighbours, by much more than the step between
// values that have few digits, and on the other side than the one before them. Fourth differences,
// as of engine.noisy, would take uneven times and a single jump for noise.
func (o *outliers) noisy() bool {
	least, ties := math.Inf(1), 0
	for i, v := range o.work[1:] {
		if u := o.work[i]; v > u {
			least = min(least, 2*(v/2-u/2)/o.half)
		} else {
			ties++
		}
		if o.raw[i] == o.raw[i+1] {
			ties--
		}
	}
	if ties == 0 { // no digits are missing
		least = 0
	}
	least = max(stuckNoise, stuckDigits*least)
	o.link()
	n, off, crossed, above := 0, 0, 0, false
	for i := range o.at {
		d, ok := o.residual(i)
		if !ok {
			continue
		}
		n++
		if d.r > least*d.noise {
			off++
		}
		if d.above != above {
			crossed++
		}
		above = d.above
	}
	return 2*off > n && float64(crossed) > stuckCrossed*float64(n)
}

// pulses reports whether the outliers of a channel, in the order of time, are too regular
// to be chance.
func (o *outliers) pulses(times []float64) bool {
	n := len(o.gone)
	if n < outlierPulses || o.gone[n-1].row-o.gone[0].row < n { // few, or one run of a code
		return false
	}
	o.work = o.work[:0]
	for i, g := range o.gone[1:] {
		o.work = append(o.work, times[g.row]-times[o.gone[i].row])
	}
	period := middle(o.work, .5)
	for _, d := range o.work {
		if n := math.Round(d / period); n < 1 || n > 2 || math.Abs(d/period-n) > outlierPeriod {
			return false
		}
	}
	return true
}

// What the cubic through the neighbours misses by jumpTypical times what is typical of a channel,
// and by jumpSize half ranges, is a jump, with all such within jumpReach observations.
const (
	jumpTypical = 8
	jumpSize    = .25
	jumpReach   = 4
)

// lastJump returns the row behind the last jump of channel c, 0 for none, and how many it has.
func (o *outliers) lastJump(times, values []float64, channels, c int) (row, count int) {
	if !o.load(times, values, channels, c) {
		return 0, 0
	}
	o.link()
	o.work = o.work[:0]
	inner := len(o.at) - 2 // the two behind that have neighbours on one side alone
	for i := range inner {
		if d, ok := o.residual(i); ok {
			o.work = append(o.work, d.r/d.noise)
		}
	}
	if len(o.work) == 0 {
		return 0, 0
	}
	typical, last := middle(o.work, .5), -jumpReach-1
	for i := range inner {
		if d, ok := o.residual(i); ok && d.r > jumpSize && d.r > jumpTypical*typical*d.noise {
			if i-last > jumpReach {
				count++
			}
			last = i
		}
	}
	if count == 0 {
		return 0, 0
	}
	return o.at[last+1], count
}

// coarse returns the least step between the values of a channel that has few, in half
// ranges; 0 for one where more than half of the values are distinct.
func (o *outliers) coarse() float64 {
	o.work = append(o.work[:0], o.raw...)
	slices.Sort(o.work)
	distinct, step := 1, math.Inf(1)
	for i, v := range o.work[1:] {
		if u := o.work[i]; v > u {
			distinct++
			step = min(step, 2*(v/2-u/2)/o.half)
		}
	}
	if 2*distinct > len(o.work) {
		return 0
	}
	return step
}

// load takes the observations of channel c; false says that there are too few.
func (o *outliers) load(times, values []float64, channels, c int) bool {
	o.at, o.t, o.x, o.raw = o.at[:0], o.t[:0], o.x[:0], o.raw[:0]
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range times {
		if v := values[i*channels+c]; v == v {
			o.at = append(o.at, i)
			o.t = append(o.t, times[i])
			o.x = append(o.x, v)
			o.raw = append(o.raw, v)
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	n := len(o.at)
	if n < outlierRows || !(hi > lo) {
		return false
	}
	// Halves first: differences may overflow.
	first, span := o.t[0]/2, o.t[n-1]/2-o.t[0]/2
	mid, half := lo/2+hi/2, hi/2-lo/2
	if !(half > 0) || !(span > 0) {
		return false
	}
	o.half = half
	for i := range o.t {
		o.t[i] = (o.t[i]/2 - first) / span
		o.x[i] = (o.x[i] - mid) / half
	}
	return true
}

// search fills found; false says that the channel has none, or too many to be believed.
func (o *outliers) search() bool {
	n := len(o.at)
	end := int32(n)
	o.link()
	o.found = o.found[:0]
	step := 0. // between the values of a coarse channel
	for pass := range outlierPasses {
		// Typical residual and step of what is left.
		o.work = o.work[:0]
		for i := int32(0); i != end; i = o.next[i] {
			if d, ok := o.residual(int(i)); ok {
				o.work = append(o.work, d.r/d.noise)
			}
		}
		if len(o.work) == 0 {
			return false
		}
		o.typical = middle(o.work, .5)
		o.suspects = o.suspects[:0]
		for i := int32(0); i != end; i = o.next[i] {
			if d, ok := o.residual(int(i)); ok && d.r/d.noise > outlierNoise*o.typical {
				o.suspects = append(o.suspects, suspect{int(i), d.r / d.noise})
			}
		}
		if len(o.suspects) == 0 {
			return len(o.found) > 0
		}
		o.work = o.work[:0]
		for i := o.next[0]; i != end; i = o.next[i] {
			o.work = append(o.work, o.t[i]-o.t[o.prev[i]])
		}
		o.stretch = outlierStretch * middle(o.work, .5)
		o.work = o.work[:0]
		for i := int32(0); i != end; i = o.next[i] {
			o.work = append(o.work, o.x[i])
		}
		o.size = outlierSize * max(middle(o.work, .9)-middle(o.work, .1), outlierRounding)
		if pass == 0 {
			step = o.coarse()
		}
		o.size = max(o.size, outlierSteps*step)
		slices.SortFunc(o.suspects, func(a, b suspect) int {
			return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.i, b.i))
		})
		before := len(o.found)
		for _, s := range o.suspects {
			o.take(s.i)
			if float64(len(o.found)) > outlierShare*float64(n) {
				return false
			}
		}
		if len(o.found) == before {
			return before > 0
		}
	}
	return false
}

// far returns the distance of observation i, and whether it is large enough for an outlier.
func (o *outliers) far(i int) (distance, bool) {
	d, ok := o.residual(i)
	return d, ok && d.r > outlierNoise*o.typical*d.noise && d.r > o.size && d.span <= o.stretch
}

// take moves observation i from the list to found if it is an outlier, alone or together
// with one that is not next to it but so near that each would hide the other.
func (o *outliers) take(i int) {
	d, ok := o.far(i)
	if !ok || o.next[o.prev[i]] != int32(i) { // not any more, or taken with another
		return
	}
	o.unlink(i)
	if o.smooth(i, d) {
		o.found = append(o.found, i)
		return
	}
	end := int32(len(o.at))
	for _, step := range [2][]int32{o.prev, o.next} {
		k := step[i]
		for range outlierReach + 1 {
			if k == end {
				break
			}
			if k = step[k]; k == end {
				break
			}
			other, ok := o.far(int(k))
			if !ok {
				continue
			}
			o.unlink(int(k))
			if d, ok := o.far(i); ok && o.smooth(i, d) && o.smooth(int(k), other) {
				o.found = append(o.found, i, int(k))
				return
			}
			o.relink(int(k))
		}
	}
	o.relink(i)
}

// smooth reports whether the neighbours of observation i, which is off the list and has
// distance d, are close to the cubics through theirs; of the last two, whether all observations are.
func (o *outliers) smooth(i int, d distance) bool {
	end := int32(len(o.at))
	reach, least := outlierReach, 0.
	if c := o.next[i]; c == end || o.next[c] == end {
		// What follows a jump fits nothing either, and may not be excused by having little to
		// be compared with.
		reach, least = len(o.at), .5
	}
	for _, step := range [2][]int32{o.prev, o.next} {
		k := step[i]
		for range reach {
			if k == end {
				break
			}
			near, ok := o.residual(int(k))
			if ok && d.r <= outlierLocal*near.r*max(d.noise/near.noise, d.bend/near.bend, least) {
				return false
			}
			k = step[k]
		}
	}
	return true
}

// middle returns the element of rank share (n-1) of x, which it sorts.
func middle(x []float64, share float64) float64 {
	slices.Sort(x)
	return x[int(share*float64(len(x)-1))]
}
