package lassode

import "math"

// Within a gap that is longer than interpolants can bridge, times are forecast from what lies
// before it, and backwards from what lies after; the mean is that of both and of the
// interpolant, each weighted by the inverse of its variance. That of the forecasts grows with
// the square of the time from their side; at the other end, where the truth is known, it is
// measured. That of the interpolant grows towards the middle.
const (
	gapRows   = 8     // least length, in median steps; it is a window's width at least, too
	gapMost   = 8     // more gaps than these are how the series is sampled
	gapLeast  = 16    // observations of each channel that a side needs
	gapChecks = 12    // rows of the other side that a forecast is compared with, at most
	gapFew    = 3     // and at least
	gapReach  = .125  // how far they lie from the gap, in its lengths
	gapFloor  = 1e-10 // least variance, in half ranges
	gapOwn    = 2     // the variance of the interpolant, over what it claims
)

// findGaps lists the gaps of the series just loaded that are long for its steps and have enough
// observations of every channel on both sides.
func (e *engine) findGaps() {
	e.gaps = e.gaps[:0]
	w, n := len(e.live), len(e.times)
	first, last := 0, n-1 // rows from and up to which the sides are long enough
	for c := range w {
		before, after := 0, 0
		i, j := -1, n
		for ; before < gapLeast && i+1 < n; before += e.seen(i, c) {
			i++
		}
		for ; after < gapLeast && j > 0; after += e.seen(j, c) {
			j--
		}
		if min(before, after) < gapLeast {
			return
		}
		first, last = max(first, i), min(last, j)
	}
	least := gapRows * e.medianStep(e.times)
	for g := first; g < last; g++ {
		if e.times[g+1]-e.times[g] >= least {
			e.gaps = append(e.gaps, g)
		}
	}
	if len(e.gaps) > gapMost {
		e.gaps = e.gaps[:0]
	}
}

// seen returns 1 where live channel c is observed in row i, else 0.
func (e *engine) seen(i, c int) int {
	if v := e.values[i*len(e.live)+c]; v == v {
		return 1
	}
	return 0
}

// medianStep returns the median of the steps between rising times, and leaves them in e.work.
func (e *engine) medianStep(times []float64) float64 {
	e.work = e.work[:0]
	for i := 1; i < len(times); i++ {
		e.work = append(e.work, times[i]-times[i-1])
	}
	return middle(e.work, .5)
}

// bridge fills those of the rows order of f, whose times rise, that lie in gaps once more. The
// present encoding, of which f has the answers, runs forwards.
func (e *engine) bridge(f *Forecast, at []float64, order []int) {
	for _, g := range e.gaps {
		from, to := e.times[g], e.times[g+1]
		if to-from < e.width {
			continue
		}
		if rows := between(at, order, from, to, false); len(rows) > 0 {
			e.across(f, at, rows, g)
		}
	}
}

// flank is a forecast into a gap from one of its sides.
type flank struct {
	at       []float64 // the times asked for, the end of its own rows, then the checks
	f        Forecast
	variance float64 // at the other end, in squared half ranges
}

// across fills rows of f, which lie in the gap behind row g.
func (e *engine) across(f *Forecast, at []float64, rows []int, g int) {
	side := e.aside()
	from, to := e.times[g], e.times[g+1]
	long := to - from
	n := len(rows)
	drift := make([][2][]float64, len(e.live)) // of the logarithms of the scales
	var flanks [2]flank
	for s := range flanks {
		l := &flanks[s]
		for _, r := range rows {
			l.at = append(l.at, at[r])
		}
		end, first, step := from, g+1, 1 // of the checks
		if s == 1 {
			end, first, step = math.Nextafter(to, math.Inf(-1)), g, -1 // where it runs backwards
		}
		l.at = append(l.at, end)
		checks := 0
		for i := first; i >= 0 && i < len(e.times) && checks < gapChecks; i += step {
			if checks >= gapFew && math.Abs(e.times[i]-e.times[first]) > gapReach*long {
				break
			}
			l.at = append(l.at, e.times[i])
			checks++
		}
		if s == 0 {
			side.take(e, 0, g+1)
		} else {
			side.take(e, g+1, len(e.times))
		}
		if err := side.reply(l.at, &l.f, false); err != nil {
			panic(err) // without constraints there is no cause
		}
		var missed, claimed, count float64
		for q := range checks {
			for c, column := range e.live {
				v := e.values[(first+q*step)*len(e.live)+c]
				if v != v {
					continue
				}
				x := (l.f.Mean[n+1+q][column] - v) / e.sys.half[c]
				y := l.f.Scale[n+1+q][column] / e.sys.half[c]
				missed, claimed, count = missed+x*x, claimed+y*y, count+1
			}
		}
		l.variance = math.Sqrt(missed*claimed)/max(count, 1) + gapFloor
		for c := range e.live {
			for _, t := range l.at[:n] {
				drift[c][s] = append(drift[c][s], side.drift(c, t))
			}
		}
	}
	var own Forecast // of the interpolants, at the ends and in the middle
	own.shape([]float64{from, from/2 + to/2, to}, e.channels)
	own.half = f.half
	e.answer(&own, own.Times, []int{0, 1, 2})
	for c, column := range e.live {
		mid, half := e.sys.mid[c], e.sys.half[c]
		scaled := func(f *Forecast, row int) float64 { return (f.Mean[row][column] - mid) / half }
		middle := own.Scale[1][column] / half
		A, B, C := flanks[0].variance, flanks[1].variance, 16*gapOwn*middle*middle
		left, right := scaled(&own, 0)-scaled(&flanks[0].f, n), scaled(&own, 2)-scaled(&flanks[1].f, n)
		for q, row := range rows {
			u := (at[row] - from) / long
			v := 1 - u
			const tiny = gapFloor * gapFloor
			mix := [3]estimate{
				{scaled(&flanks[0].f, q) + v*left, flanks[0].f.Rate[q][column]/half - left/long,
					flanks[0].f.Scale[q][column] / half, drift[c][0][q], A*u*u + tiny, 2 * A * u / long},
				{scaled(&flanks[1].f, q) + u*right, flanks[1].f.Rate[q][column]/half + right/long,
					flanks[1].f.Scale[q][column] / half, drift[c][1][q], B*v*v + tiny, -2 * B * v / long},
				{scaled(f, row), f.Rate[row][column] / half,
					f.Scale[row][column] / half, e.drift(c, at[row]), C*u*u*v*v + tiny, 2 * C * u * v * (v - u) / long},
			}
			e.mix(f, row, c, mix[:])
			f.unseen[row] = true
		}
	}
}

// mix sets channel c of a row of f to what estimates of it, in half ranges, come to.
func (e *engine) mix(f *Forecast, row, c int, list []estimate) {
	column, mid, half := e.live[c], e.sys.mid[c], e.sys.half[c]
	mean, rate, scale, drift := combine(list)
	f.Mean[row][column], f.Rate[row][column], f.Scale[row][column] = finite(mid+half*mean), finite(half*rate), finite(half*scale)
	if e.rule != nil {
		f.kept.drift[row][column] = drift
	}
}

// aside returns the engine for a part of the series of e.
func (e *engine) aside() *engine {
	if e.side == nil {
		e.side = e.m.newEngine()
		e.side.inner = true
	}
	return e.side
}

// take makes e an engine for rows [lo, hi) of a series.
func (e *engine) take(series *engine, lo, hi int) {
	w := len(series.live)
	e.encoded, e.known, e.rule, e.channels, e.sys.own = false, false, nil, series.channels, series.sys.own
	e.sys.fleet = series.sys.fleet
	e.live = append(e.live[:0], series.live...)
	e.times, e.values = append(e.times[:0], series.times[lo:hi]...), append(e.values[:0], series.values[lo*w:hi*w]...)
	e.sign, e.width = 1, -1
}

// estimate is one of the answers that are mixed: mean, its rate, scale, the rate of its logarithm,
// variance and its rate.
type estimate struct{ mean, rate, scale, drift, variance, growth float64 }

// times returns x with so many times its variance.
func (x estimate) times(factor float64) estimate {
	x.variance, x.growth = factor*x.variance, factor*x.growth
	return x
}

// combine returns the mean of the estimates by the inverse of their variances, its rate, its
// scale, that of the estimates and of their disagreement, and the rate of its logarithm.
func combine(list []estimate) (mean, rate, scale, drift float64) {
	var sum, slope, own, ownSlope float64
	for _, x := range list {
		w := 1 / x.variance
		dw := -w * w * x.growth
		sum, slope = sum+w, slope+dw
		mean, rate = mean+w*x.mean, rate+w*x.rate+dw*x.mean
		own, ownSlope = own+w*x.scale, ownSlope+(dw+w*x.drift)*x.scale
	}
	mean, own = mean/sum, own/sum
	rate, ownSlope = (rate-mean*slope)/sum, (ownSlope-own*slope)/sum
	var spread, spreadSlope float64
	for _, x := range list {
		w := 1 / x.variance
		d := x.mean - mean
		spread += w * d * d
		spreadSlope += w * d * (2*x.rate - w*x.growth*d)
	}
	spread /= sum
	spreadSlope = (spreadSlope - spread*slope) / sum
	scale = math.Sqrt(own*own + spread)
	if scale > 0 {
		drift = (own*ownSlope + spreadSlope/2) / (scale * scale)
	}
	return mean, rate, scale, drift
}
