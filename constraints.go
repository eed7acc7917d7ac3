package lassode

import (
	"fmt"
	"math"
	"slices"
)

// Constraints are facts about a system that its forecasts must keep: bounds of
// its channels, such as levels that cannot be negative or valves that saturate,
// and one linear invariant, such as a conserved total. They are set in
// [Series.Constraints], or by [Session.Constrain], and bind [Forecast.Mean],
// [Forecast.Rate] and [Forecast.Quantile]; the segments stay those of the model
// without them. The zero value constrains nothing. Training ignores them.
//
// # What is kept
//
// Write m, s for the mean and scale of the unconstrained forecast at one time, w
// for Weights, and x for a state. The constrained mean is the allowed state
// nearest to m, where each channel is measured in units of its scale,
//
//	minimise  sum_c (x_c - m_c)^2 / s_c^2   with  w.x = Total,  Lower <= x <= Upper,
//
// so that what is uncertain moves, and what is certain stays. With bounds alone
// that is m, clamped: a forecast inside its bounds is not changed. Rate is the
// exact time derivative of the constrained mean, of which a channel held by a
// bound has none, so that w.Rate = 0; at the instant at which a bound begins or
// ceases to hold it is that of one side.
//
// Of quantiles:
//   - They rise with p, that of 0.5 is the mean, and all are within the bounds.
//   - With bounds alone they are those of the clamped state, exactly: clamping is
//     monotone. A bound thus holds all the probability beyond it.
//   - With a total they are those given the total: errors that were independent
//     from channel to channel no longer are, and each channel's error shrinks as
//     that of normal errors of the same scales does, s_c^2 becoming
//     s_c^2 (1 - w_c^2 s_c^2 / sum_j w_j^2 s_j^2), which is [Forecast.Scale].
//   - Every quantile is a value that its channel has in some allowed state. The
//     quantiles of all channels at one p are not one such state: where a summand
//     of the total is above its mean, others must be below theirs.
//   - With a total of two channels one is what the other leaves:
//     w_0 Quantile(p)[i][0] + w_1 Quantile(1-p)[i][1] = Total where both weights
//     have the same sign, and with p for both where not. With one channel the
//     quantiles are Total / w.
//
// Bounds are kept exactly. Totals are kept to rounding, that is to (C+4) 2^-52
// times the sum of |w_c x_c| and |Total| for C channels.
//
// A channel without any observation has no forecast, but if it is the only one
// with a weight, it is what the others leave of the total, with the
// uncertainty of them all.
//
// # What is refused
//
// Constraints that no state satisfies, weights of two channels that were never
// observed, and observations that break a constraint by more than Tolerance are
// an [InputError], which names the channel, and the row of the observation.
type Constraints struct {
	// Lower and Upper are bounds, one per channel, infinite where there is none;
	// nil means none at all.
	Lower, Upper []float64
	// Weights, one per channel, make the invariant sum_c Weights[c] x_c = Total;
	// nil means that there is none. A channel of weight 0 takes no part.
	Weights []float64
	// Total is the conserved value.
	Total float64
	// Tolerance is, per channel and in its units, by how much its observations
	// may miss the state because of noise; nil means 0. An observation may be
	// outside its bounds by that much, and the observations of one time may miss
	// the total by the sum of |Weights[c]| Tolerance[c]. They are used as they
	// are. A relative 1e-9 is always allowed for rounding.
	Tolerance []float64
}

// constraintLimit is the largest magnitude of a number in constraints, and of
// the observations of channels in a total, so that sums of products of them are
// finite. The least weight is its inverse.
const constraintLimit = 1e100

// roundingShare is the relative error of observations that is always allowed.
const roundingShare = 1e-9

// check returns an [InputError] for constraints that contradict themselves or do
// not fit the number of channels; 0 channels means that it is not known yet.
func (k *Constraints) check(channels int) error {
	field := func(name string, c int) string { return fmt.Sprintf("Constraints.%s[%d]", name, c) }
	as := "as in the series"
	for _, l := range []struct {
		name   string
		values []float64
		valid  func(v float64) bool
		want   string
	}{
		{"Lower", k.Lower, func(v float64) bool { return v <= constraintLimit }, "a number up to 1e100, or -Inf for no bound"},
		{"Upper", k.Upper, func(v float64) bool { return v >= -constraintLimit }, "a number from -1e100, or +Inf for no bound"},
		{"Weights", k.Weights, func(v float64) bool {
			return v == 0 || math.Abs(v) >= 1/constraintLimit && math.Abs(v) <= constraintLimit
		}, "0, or a number of magnitude 1e-100 to 1e100"},
		{"Tolerance", k.Tolerance, func(v float64) bool { return v >= 0 && v <= constraintLimit }, "0 to 1e100"},
	} {
		if l.values == nil {
			continue
		}
		if channels == 0 {
			channels, as = len(l.values), "as in Constraints."+l.name
		}
		if len(l.values) != channels {
			return inputError("Constraints."+l.name, fmt.Sprintf("%d entries, one for each channel, %s", channels, as), "%d long", len(l.values))
		}
		for c, v := range l.values {
			if !l.valid(v) || math.Abs(v) > constraintLimit && !math.IsInf(v, 0) {
				return inputError(field(l.name, c), l.want, "%v", v)
			}
		}
	}
	for c := range channels {
		if k.Lower != nil && k.Upper != nil && k.Lower[c] > k.Upper[c] {
			return inputError(field("Lower", c), fmt.Sprintf("at most %s = %v", field("Upper", c), k.Upper[c]), "%v", k.Lower[c])
		}
	}
	switch {
	case k.Weights == nil && k.Total != 0:
		return inputError("Constraints.Weights", "a weight for each channel, since Total is set", "nil")
	case k.Weights == nil:
		return nil
	case !(math.Abs(k.Total) <= constraintLimit):
		return inputError("Constraints.Total", "a number of magnitude at most 1e100", "%v", k.Total)
	case !slices.ContainsFunc(k.Weights, func(w float64) bool { return w != 0 }):
		return inputError("Constraints.Weights", "a channel with a weight other than 0", "0 everywhere")
	}
	least, most, size := 0., 0., math.Abs(k.Total)
	for c, w := range k.Weights {
		if w == 0 {
			continue
		}
		lo, hi := k.bounds(c)
		if w < 0 {
			lo, hi = hi, lo
		}
		least, most = least+w*lo, most+w*hi
		for _, v := range []float64{w * lo, w * hi} {
			if !math.IsInf(v, 0) {
				size += math.Abs(v)
			}
		}
	}
	if slack := 1e-12 * size; k.Total < least-slack || k.Total > most+slack {
		return inputError("Constraints.Total", fmt.Sprintf("%v to %v, what the bounds allow", least, most), "%v", k.Total)
	}
	return nil
}

// channels returns the number of channels of valid constraints, 0 if open.
func (k *Constraints) channels() int {
	return max(len(k.Lower), len(k.Upper), len(k.Weights), len(k.Tolerance))
}

// bounds returns those of channel c.
func (k *Constraints) bounds(c int) (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	if k.Lower != nil {
		lo = k.Lower[c]
	}
	if k.Upper != nil {
		hi = k.Upper[c]
	}
	return lo, hi
}

func (k *Constraints) tolerance(c int) float64 {
	if k.Tolerance == nil {
		return 0
	}
	return k.Tolerance[c]
}

// checkRow reports an observation that breaks a constraint. name makes the name
// of a channel of the row, or of all for -1.
func (k *Constraints) checkRow(row []float64, name func(c int) string) error {
	for c, v := range row {
		lo, hi := k.bounds(c)
		slack := k.tolerance(c) + roundingShare*math.Abs(v)
		if v < lo-slack {
			return inputError(name(c), fmt.Sprintf("at least Constraints.Lower[%d] = %v, less a Tolerance of %v", c, lo, k.tolerance(c)), "%v", v)
		}
		if v > hi+slack {
			return inputError(name(c), fmt.Sprintf("at most Constraints.Upper[%d] = %v, plus a Tolerance of %v", c, hi, k.tolerance(c)), "%v", v)
		}
	}
	if k.Weights == nil {
		return nil
	}
	sum, slack, size := 0., 0., math.Abs(k.Total)
	for c, w := range k.Weights {
		if w == 0 {
			continue
		}
		v := row[c]
		if math.Abs(v) > constraintLimit {
			return inputError(name(c), "a magnitude of at most 1e100 where a total is set", "%v", v)
		}
		sum += w * v // NaN where one is not observed
		slack += math.Abs(w) * k.tolerance(c)
		size += math.Abs(w * v)
	}
	if math.Abs(sum-k.Total) > slack+roundingShare*size {
		return inputError(name(-1), fmt.Sprintf("Constraints.Total = %v within a Tolerance of %v", k.Total, slack), "a total of %v", sum)
	}
	return nil
}

// checkRows reports the first row of s that breaks a constraint.
func (k *Constraints) checkRows(s Series) error {
	for i, row := range s.Values {
		if err := k.checkRow(row, func(c int) string {
			if c < 0 {
				return fmt.Sprintf("Values[%d]", i)
			}
			return fmt.Sprintf("Values[%d][%d]", i, c)
		}); err != nil {
			return err
		}
	}
	return nil
}

// rule is a valid [Constraints] made ready for use. It does not change, and is
// shared by the forecasts that keep it.
//
// A channel with a weight is worked on as its summand y = w x, of which all
// weights are 1.
type rule struct {
	Constraints
	lower, upper []float64 // per channel
	on           []int     // the channels with a weight
	sign         []float64 // for each of them: that of the weight
	least, most  []float64 // for each of them: what y can be in an allowed state
}

// newRule copies valid constraints, nil for none.
func newRule(k *Constraints, channels int) *rule {
	if k == nil {
		return nil
	}
	r := &rule{Constraints: Constraints{Lower: slices.Clone(k.Lower), Upper: slices.Clone(k.Upper),
		Weights: slices.Clone(k.Weights), Total: k.Total, Tolerance: slices.Clone(k.Tolerance)}}
	for c := range channels {
		lo, hi := r.bounds(c)
		r.lower, r.upper = append(r.lower, lo), append(r.upper, hi)
		if r.Weights == nil || r.Weights[c] == 0 {
			continue
		}
		r.on, r.sign = append(r.on, c), append(r.sign, math.Copysign(1, r.Weights[c]))
		lo, hi = lo*r.Weights[c], hi*r.Weights[c]
		r.least, r.most = append(r.least, min(lo, hi)), append(r.most, max(lo, hi))
	}
	// The others bound a summand too: by the total less what they can be.
	n := len(r.on)
	least, most := make([]float64, n), make([]float64, n)
	for i := range n {
		var lo, hi float64
		for j := range n {
			if j != i {
				lo, hi = lo+r.least[j], hi+r.most[j]
			}
		}
		least[i], most[i] = max(r.least[i], k.Total-hi), min(r.most[i], k.Total-lo)
		if least[i] > most[i] { // by rounding
			most[i] = least[i]
		}
	}
	r.least, r.most = least, most
	return r
}

// kept is what a constrained [Forecast] knows beyond what it shows.
type kept struct {
	rule *rule
	rest int // the channel that is what the others leave, or -1
	// base is the mean before it is clamped, spread the scale without the
	// constraints, and drift the time derivative of its logarithm.
	base, spread, drift [][]float64
	// Scratch, of the channels with a weight at one time: the summand, its
	// variance and that of the others, and which end of its range it is held at.
	y, variance, others []float64
	held                []int8
}

// shape makes room for a forecast with rule r, nil for none, of which the
// channels live have observations.
func (k *kept) shape(r *rule, rows, channels int, live []int) (err error) {
	if k.rule = r; r == nil {
		return nil
	}
	if k.rest, err = r.silent(live); err != nil {
		return err
	}
	for _, x := range []*[][]float64{&k.base, &k.spread, &k.drift} {
		*x = reshape(*x, rows, channels)
	}
	n := len(r.on)
	k.y, k.variance, k.others, k.held = resize(k.y, n), resize(k.variance, n), resize(k.others, n), resize(k.held, n)
	return nil
}

// silent returns the one channel with a weight that has no observation, or -1,
// and an error where there are two, which the total leaves open.
func (r *rule) silent(live []int) (int, error) {
	rest := -1
	for _, c := range r.on {
		if slices.Contains(live, c) {
			continue
		}
		if rest >= 0 {
			return -1, inputError(fmt.Sprintf("Constraints.Weights[%d]", c),
				fmt.Sprintf("0, since neither channel %d nor %d has an observation and the total cannot tell them apart", rest, c), "%v", r.Weights[c])
		}
		rest = c
	}
	return rest, nil
}

// fillDrift notes, for the rows order of f, how fast the logarithm of each scale
// changes in the present encoding.
func (e *engine) fillDrift(f *Forecast, at []float64, order []int) {
	if e.rule == nil {
		return
	}
	for c, column := range e.live {
		for _, i := range order {
			f.kept.drift[i][column] = e.drift(c, at[i])
		}
	}
}

// drift returns how fast the logarithm of the scale of live channel c changes at time t in the
// present encoding.
func (e *engine) drift(c int, t float64) float64 {
	geo := e.sys.geo
	u := geo.at(e.sign * t)
	if u >= float64(geo.count)*(1+1e-9) {
		return 0 // the spread of the observations
	}
	k := min(max(int(u), 0), geo.count-1)
	if e.sign*t <= e.times[len(e.times)-1] {
		k = min(k, geo.seen-1)
	}
	scale := e.enc.scale.Data[(c*geo.count+k)*2:][:2]
	left, right := jump(e.scales, c, k, geo.count)
	return e.sign * (float64(scale[1]) - float64(scale[0]) + right - left) / geo.width
}

// leastSpread is the least scale of a channel, in units of half its range, and
// leastVariance the least variance of a summand, in units of the largest, that
// share in a change: something must, if all that is uncertain is held.
const (
	leastSpread   = 1e-9
	leastVariance = 1e-24
)

// clip keeps products of forecasts and weights finite.
func clip(v float64) float64 { return min(max(v, -1e250), 1e250) }

// constrain moves every row of f to the nearest allowed state.
func (f *Forecast) constrain() {
	k := &f.kept
	r := k.rule
	for i, mean := range f.Mean {
		copy(k.base[i], mean)
		copy(k.spread[i], f.Scale[i])
		for c, v := range mean {
			if r.Weights != nil && r.Weights[c] != 0 {
				continue
			}
			mean[c] = min(max(v, r.lower[c]), r.upper[c]) // NaN stays NaN
			if v < r.lower[c] || v > r.upper[c] {
				f.Rate[i][c] = 0
			}
		}
		if len(r.on) > 0 {
			multiplier := f.conserve(i)
			f.conserveRate(i, multiplier)
			f.conserveScale(i)
		}
	}
}

// variances sets, for row i, the variances of the summands in units of the
// largest, 0 for the channel without observations. Scales of denormal channels may
// vanish: if all do, they are equal.
func (f *Forecast) variances(dst []float64, i int) {
	k := &f.kept
	top := 0.
	for j, c := range k.rule.on {
		dst[j] = 0
		if c != k.rest {
			dst[j] = clip(math.Abs(k.rule.Weights[c]) * max(k.spread[i][c], leastSpread*f.half[c]))
			top = max(top, dst[j])
		}
	}
	for j, c := range k.rule.on {
		if c != k.rest {
			s := 1.
			if top > 0 {
				s = dst[j] / top
			}
			dst[j] = max(s*s, leastVariance)
		}
	}
}

// sumOfOthers sets dst[i] to the sum of all x but x[i], without cancellation.
func sumOfOthers(dst, x []float64) {
	before, after := 0., 0.
	for i, v := range x {
		dst[i] = before
		before += v
	}
	for i := len(x) - 1; i >= 0; i-- {
		dst[i] += after
		after += x[i]
	}
}

// conserve moves row i to the nearest state of the total within the bounds.
//
// The summands solve y = n + l v, clamped, for the one multiplier l that gives
// the total. As long as some leave their range, those on the side on which more
// is missing are at that end of it in the solution too, and are held there
// (Bitran and Hax 1981).
func (f *Forecast) conserve(i int) (multiplier float64) {
	k := &f.kept
	r := k.rule
	f.variances(k.variance, i)
	free, size := len(r.on), math.Abs(r.Total)
	for j, c := range r.on {
		k.y[j], k.held[j] = 0, 0
		if c != k.rest {
			k.y[j] = clip(r.Weights[c] * f.Mean[i][c])
		}
		size += math.Abs(k.y[j])
	}
	for free > 0 {
		sum, variance, rest := r.Total, 0., -1
		for j, c := range r.on {
			switch {
			case k.held[j] < 0:
				sum -= r.least[j]
			case k.held[j] > 0:
				sum -= r.most[j]
			case c == k.rest:
				rest = j
			default:
				sum -= k.y[j]
				variance += k.variance[j]
			}
		}
		if rest >= 0 { // nothing is known of it: all of the change is its own
			k.y[rest] = sum
		} else {
			multiplier = sum / variance
		}
		under, over := 0., 0.
		for j := range r.on {
			if k.held[j] == 0 {
				y := k.y[j] + multiplier*k.variance[j]
				under, over = under+max(r.least[j]-y, 0), over+max(y-r.most[j], 0)
			}
		}
		if !(under > 0 || over > 0) {
			break
		}
		same := math.Abs(under-over) <= 64*float64(len(r.on))*0x1p-52*(size+under+over)
		for j := range r.on {
			y := k.y[j] + multiplier*k.variance[j]
			if k.held[j] == 0 && y < r.least[j] && (same || under > over) {
				k.held[j] = -1
				free--
			} else if k.held[j] == 0 && y > r.most[j] && (same || over > under) {
				k.held[j] = 1
				free--
			}
		}
	}

	missing, widest := r.Total, -1
	for j, c := range r.on {
		y := k.y[j] + multiplier*k.variance[j]
		k.base[i][c] = finite(y / r.Weights[c])
		f.Mean[i][c] = r.state(j, y)
		missing -= r.Weights[c] * f.Mean[i][c]
		if k.held[j] == 0 && (widest < 0 || c == k.rest || r.on[widest] != k.rest && k.variance[j] > k.variance[widest]) {
			widest = j
		}
	}
	if widest >= 0 { // takes what rounding has left
		c := r.on[widest]
		f.Mean[i][c] = min(max(f.Mean[i][c]+missing/r.Weights[c], r.lower[c]), r.upper[c])
	}
	for j, c := range r.on {
		if k.held[j] == 0 {
			k.base[i][c] = f.Mean[i][c]
		}
	}
	return multiplier
}

// state returns the value of the channel of summand j where that is y, or as
// near to y as can be.
func (r *rule) state(j int, y float64) float64 {
	c := r.on[j]
	x := min(max(y, r.least[j]), r.most[j]) / r.Weights[c]
	return min(max(x, r.lower[c]), r.upper[c])
}

// conserveRate differentiates conserve: dy = n' + l v' + l' v for the summands
// that are not held, and their sum is zero.
func (f *Forecast) conserveRate(i int, multiplier float64) {
	k := &f.kept
	r := k.rule
	sum, variance, rest := 0., 0., -1
	for j, c := range r.on {
		switch {
		case k.held[j] != 0:
			f.Rate[i][c] = 0
			continue
		case c == k.rest:
			rest = c
			continue
		}
		drift := k.drift[i][c]
		if k.variance[j] == leastVariance || k.spread[i][c] <= leastSpread*f.half[c] {
			drift = 0
		}
		f.Rate[i][c] = clip(r.Weights[c]*f.Rate[i][c]) + 2*drift*multiplier*k.variance[j]
		sum += f.Rate[i][c]
		variance += k.variance[j]
	}
	if rest >= 0 {
		f.Rate[i][rest] = -sum / r.Weights[rest]
		sum = 0
	}
	for j, c := range r.on {
		if k.held[j] == 0 && c != rest {
			f.Rate[i][c] = finite((f.Rate[i][c] - sum/variance*k.variance[j]) / r.Weights[c])
		}
	}
}

// conserveScale gives the scales given the total.
func (f *Forecast) conserveScale(i int) {
	k := &f.kept
	r := k.rule
	if k.rest < 0 {
		sumOfOthers(k.others, k.variance)
		for j, c := range r.on {
			f.Scale[i][c] = k.spread[i][c] * math.Sqrt(k.others[j]/(k.others[j]+k.variance[j]))
		}
		return
	}
	sum := 0.
	for _, c := range r.on {
		if c != k.rest {
			sum = math.Hypot(sum, clip(r.Weights[c]*k.spread[i][c]))
		}
	}
	f.Scale[i][k.rest] = finite(sum / math.Abs(r.Weights[k.rest]))
}

// quantile fills out with the quantiles p of f.
//
// Given the total, the error of summand c is (1-a) e_c - a sum_j e_j over the
// others, with its share a = v_c / sum v of the variance. Its quantile adds those
// of the parts as their standard deviations add, squared, so that normal errors
// give the normal quantile; where c goes up, the others count as they go down.
func (k *kept) quantile(f *Forecast, out [][]float64, p float64) {
	r := k.rule
	errors, mirrored := f.errorsAt(p), f.errorsAt(1-p)
	side := 1.
	if p < .5 {
		side = -1
	}
	n := len(r.on)
	scratch := make([]float64, 6*n) // calls may overlap
	buffer := func(i int) []float64 { return scratch[i*n : (i+1)*n] }
	variance, others, own, opposite, square, rest := buffer(0), buffer(1), buffer(2), buffer(3), buffer(4), buffer(5)
	for i, base := range k.base {
		for c, v := range base {
			if v == v && (r.Weights == nil || r.Weights[c] == 0) {
				v = finite(v + errors.at(f, i, c, k.spread[i][c]))
			}
			out[i][c] = min(max(v, r.lower[c]), r.upper[c])
		}
		if n == 0 {
			continue
		}
		f.variances(variance, i)
		sumOfOthers(others, variance)
		top := 0.
		for j, c := range r.on {
			own[j], opposite[j] = 0, 0
			if c != k.rest {
				w := math.Abs(r.Weights[c])
				own[j] = clip(w * max(side*errors.at(f, i, c, k.spread[i][c]), 0))
				opposite[j] = clip(w * max(-side*mirrored.at(f, i, c, k.spread[i][c]), 0))
				top = max(top, own[j], opposite[j])
			}
		}
		if top == 0 {
			top = 1
		}
		for _, sign := range []float64{1, -1} {
			for j := range r.on {
				square[j] = opposite[j] / top
				if r.sign[j] != sign {
					square[j] = own[j] / top
				}
				square[j] *= square[j]
			}
			sumOfOthers(rest, square)
			for j, c := range r.on {
				if r.sign[j] != sign {
					continue
				}
				share, left := variance[j]/(variance[j]+others[j]), others[j]/(variance[j]+others[j])
				if k.rest >= 0 {
					share, left = 0, 1
					if c == k.rest {
						share, left = 1, 0
					}
				}
				d := math.Hypot(left*own[j], share*math.Sqrt(rest[j])*top)
				x := finite(base[c] + side*d/math.Abs(r.Weights[c]))
				lo, hi := r.state(j, math.Inf(-1)), r.state(j, math.Inf(1))
				if sign < 0 {
					lo, hi = hi, lo
				}
				out[i][c] = min(max(x, min(lo, f.Mean[i][c])), max(hi, f.Mean[i][c]))
			}
		}
	}
}
