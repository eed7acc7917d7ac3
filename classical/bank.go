package classical

import (
	"math"
	"slices"
)

// NumGuides is the number of candidates of a Bank; GuideNames lists them.
const NumGuides = 38

// NumFeatures is the number of features per candidate and channel that
// Features writes:
//
//	 0..4   log10 relative rmse: validation first half, second half, all;
//	        half-context fit over the third and over the last quarter
//	 5, 6   the same jointly over channels: validation, half-context fit
//	 7      log10 rmse of the full fit replayed over the last quarter
//	 8      log10 rmse of one-step predictions over the last quarter
//	 9, 10  log10 rms difference of the full and three-quarter fits' forecasts,
//	        first third of the horizon and the rest
//	11      log10 of the largest distance of the forecast from the mean
//	12      share of clipped values
//	13, 14  log10 standard deviation of the last third of the forecast, of all
//	15..22  entries 0..7 minus the least of all candidates
//	23..30  log10 distance to the 1st, 2nd, 4th, 7th nearest other candidate's
//	        forecast, first third of the horizon, then the rest
//	31..36  the same for all candidates: noise, number of rows, channels,
//	        horizon over context, share of gap rows, whether the context
//	        counts as free of noise
//	37..39  log10 rms distance of the forecast, as a state of all channels and
//	        their slopes, from the nearest state of the context: first, second,
//	        last third of the horizon
//	40..42  the same minus the least of all candidates
//
// Logarithms are halved, so that all entries are of order one.
const NumFeatures = 43

// NumInside is the number of interpolants inside the context: the cubic
// spline through the observed points, the cubic smoothing spline, the posterior
// mean of a Gaussian process with Matern 5/2 covariance, and a Fourier series of
// unknown period and a sum of damped oscillations, each with such a process through
// what it leaves over. When the context is regular and free of noise, the last three
// are the first again; with few observations the last two are the third, and without
// noise the last is the one before.
const NumInside = 5

const (
	insideSpline = iota
	insideSmooth
	insideProcess
	insideCycle
	insideTones
)

// maxGroup is the largest number of channels fitted jointly.
const maxGroup = 64

// Largest number of rows of the native grid: longer contexts are thinned. Clean
// contexts of few channels, which chaos can be learnt from, keep more.
const (
	nativeRows   = 256
	fineRows     = 512
	fineChannels = 8
)

// Days within weeks, hour by hour, need more.
const seasonRows = 1024

// fineStep is the step, relative to that of a finer grid, from which on this tells what
// happens between the rows.
const fineStep = 1.5

// The thin grid has every thinStride-th row of the native grid: under noise a
// wider step tells more about the motion. The tail is the last tailShare of it:
// what the context began with may be a transient.
const (
	thinStride = 3
	tailShare  = 0.6
)

// jointlyNoisy is the noise up to which all channels together are asked whether they are
// a fast motion without noise.
const jointlyNoisy = .03

// maxPath is the largest number of steps a guide is rolled.
const maxPath = 2048

// pathHistory is the number of context rows kept before a roll-out, which the
// slopes of the interpolation at the context end need.
const pathHistory = 3

// set is a form fitted with several ridges, each serving one or more guides.
type set struct {
	form   form
	ridges []float64
	ids    []int
}

const (
	idMean = iota
	idLast
	idRelax
	idAR8
	idAR4
	idAR4s3
	idAR8v
	idAR16v
	idAR32v
	idARVal
	idSolo
	idCubic2s3
	idOscillationsVal
	idAR8s2High
	idQuad2s3
	idCubic2
	idCubic2High
	idAR6s3High
	idAR4s5
	idCubic1
	idOscillations
	idAR8s2
	idAR6s3
	idNVAR1v
	idNVAR2v
	idSeasonal
	idThinARVal
	idReplay
	idReplayLong
	idModesLow
	idModesHigh
	idParrot
	idPeriodic
	idThinAR32
	idTailARVal
	idTailModes
	idKernel
	idKernelSlope
)

// Guides that learn from the state, or from the slopes, alone do so without noise
// only; with it their places are those of the oscillations, and that of the cubic map of a row to the next is
// of the field fitted to the weak form.
const (
	idWeakFlow         = idCubic1
	idFlow             = idOscillations
	idFlowRatio        = idOscillationsVal
	idOscillations2    = idKernel
	idOscillationsMost = idKernelSlope
)

var guideNames = [NumGuides]string{
	idMean: "mean", idLast: "last", idRelax: "relax",
	idAR8: "ar8-1e-6", idAR4: "ar4-1e-2", idAR4s3: "ar4s3",
	idAR8v: "ar8-native", idAR16v: "ar16-native", idAR32v: "ar32-native",
	idARVal: "ar-validated", idSolo: "ar-single-channel",
	idAR8s2: "ar8s2", idAR8s2High: "ar8s2-high", idAR6s3: "ar6s3", idAR6s3High: "ar6s3-high", idAR4s5: "ar4s5",
	idQuad2s3: "quad2s3", idCubic2s3: "cubic2s3", idCubic2: "cubic2", idCubic2High: "cubic2-high", idCubic1: "cubic1",
	idNVAR1v: "nvar1-native", idNVAR2v: "nvar2-native", idSeasonal: "seasonal",
	idReplay: "replay", idReplayLong: "replay-long",
	idModesLow: "modes-low", idModesHigh: "modes-high",
	idParrot: "parroting", idPeriodic: "periodic",
	idOscillations: "oscillations", idOscillationsVal: "oscillations-validated",
	idThinARVal: "thin-ar-validated", idThinAR32: "thin-ar32",
	idKernel: "kernel-ridge", idKernelSlope: "kernel-ridge-slope",
	idTailARVal: "tail-ar-validated", idTailModes: "tail-modes-high",
}

// sets are the guides with fixed form and ridge, on the smooth grid, named by degree, order
// and stride. Under noise the ridges of strides above one are noisyRidge times as high.
var sets = []set{
	{form{order: 8, stride: 1}, []float64{1e-6}, []int{idAR8}},
	{form{order: 4, stride: 1}, []float64{1e-2}, []int{idAR4}},
	{form{order: 4, stride: 3}, []float64{3e-4}, []int{idAR4s3}},
	{form{order: 8, stride: 2}, []float64{3e-4, 3e-3}, []int{idAR8s2, idAR8s2High}},
	{form{order: 6, stride: 3}, []float64{3e-4, 3e-3}, []int{idAR6s3, idAR6s3High}},
	{form{order: 4, stride: 5}, []float64{3e-4}, []int{idAR4s5}},
	{form{poly: true, order: 2, stride: 3}, []float64{3e-4}, []int{idQuad2s3}},
	{form{poly: true, cubic: true, order: 2, stride: 3}, []float64{1e-4}, []int{idCubic2s3}},
	{form{poly: true, cubic: true, order: 2, stride: 1}, []float64{1e-5, 1e-3}, []int{idCubic2, idCubic2High}},
	{form{poly: true, cubic: true, order: 1, stride: 1}, []float64{1e-6}, []int{idCubic1}},
}

const noisyRidge = 30

// Guides that take the validated ridge of one order of their family.
var (
	linearIDs    = [...]int{-1, -1, idAR8v, idAR16v, idAR32v}
	thinIDs      = [...]int{-1, -1, -1, -1, idThinAR32}
	tailIDs      = [...]int{-1, -1, -1, -1, -1}
	quadraticIDs = [...]int{idNVAR1v, idNVAR2v, -1}
)

// GuideNames returns the names of the candidates in the order of Eval's
// results. The slice is the caller's.
func GuideNames() []string { return slices.Clone(guideNames[:]) }

// Bank fits a set of small dynamical models to one observed context and rolls
// them forward: linear, quadratic and cubic autoregressions, dynamic mode
// decompositions of delays, replay of the nearest past, means of past cycles, a Fourier
// series of unknown period, mean and last value. It owns all scratch; one goroutine at a
// time may use it, and after the first fits of a size it allocates nothing.
// The zero value is ready for use.
type Bank struct {
	mem     arena
	pr      prep
	groups  []group
	slots   []slot // of the channels
	horizon float64
	c       int
	library libraryUse
	origins []float64 // see UseOrigins
	run     scorer
}

// slot is where a channel is fitted.
type slot struct{ group, index int }

// NewBank returns an empty Bank.
func NewBank() *Bank { return &Bank{} }

// group is the joint fit of up to maxGroup channels.
type group struct {
	c              int
	mid, half      []float64
	inside         [2][]spline
	curves         []interpolants
	part           interpolants // of some observations
	partSplines    [2]spline
	noise          []float64 // in half ranges
	clean          bool
	native, smooth grid
	thin, tail     grid // every third row of native, its last rows
	full, raw      grid // of up to seasonRows, raw as observed under noise
	gapShare       float64
	trust          float64 // see trustOf
	paths          [NumGuides]path
	feats          []float32 // [c][NumGuides][NumFeatures]
	logErr         []float64 // [c][NumGuides]
}

// path is one rolled-out forecast: pathHistory rows up to and including the
// context end, then steps rows; row i of channel j lies at x[i*row+j*column].
type path struct {
	x           []float64
	row, column int
	dt          float64
	steps       int
}

// Fit fits all candidates to a context of len(times) rows of the given number
// of channels (values row-major, NaN or infinite = missing, times strictly
// increasing) and rolls them to horizon, the last time Eval will be asked for.
// Values should be scaled to about [-1,1]; each channel is rescaled by its own
// observed range again, so that this is not critical. Channels without any
// observation count as constant zero. Nothing is retained of the arguments.
// It panics when len(values) is not len(times)*channels.
func (b *Bank) Fit(times, values []float64, channels int, horizon float64) {
	if len(values) != len(times)*channels {
		panicShape("Bank.Fit", "values", len(values), "times*channels", len(times)*channels)
	}
	b.mem.reset()
	b.c = channels
	end := 0.
	if n := len(times); n > 0 {
		end = times[n-1]
	}
	b.horizon = horizon
	if !(horizon > end) || !finite(horizon) {
		b.horizon = end
	}
	b.slots = b.slots[:0]
	for c0, i := 0, 0; c0 < channels; c0, i = c0+maxGroup, i+1 {
		c := min(maxGroup, channels-c0)
		var origins []float64
		if len(b.origins) == channels {
			origins = b.origins[c0 : c0+c]
		}
		b.group(i).fit(&b.mem, &b.pr, times, values, channels, c0, c, b.horizon, origins, &b.library, &b.run)
		for j := range c {
			b.slots = append(b.slots, slot{i, j})
		}
	}
	if channels == 1 {
		b.addSlopes(times, values)
	}
	b.split(times, values, channels)
}

// UseOrigins tells the following calls of Fit where, in the units of their values, each channel
// is zero in units of its own: equations tend to be simplest there. The slice is retained and may be changed
// between calls; one that has not as many elements as there are channels, as nil, means that it is not known.
func (b *Bank) UseOrigins(origins []float64) { b.origins = origins }

// group returns group i, made on its first use.
func (b *Bank) group(i int) *group {
	for len(b.groups) <= i {
		b.groups = append(b.groups, group{})
	}
	return &b.groups[i]
}

// splitNoise is the noise of a channel, in half ranges, from which on it is kept from the
// channels that are free of noise.
const splitNoise = .01

// clockRest is the share of its variance by which a channel that only tells the time
// differs from a straight line.
const clockRest = 1e-10

// split fits some channels once more, without those that tell them nothing: as one group all
// would be fitted as noisy where one is, and learn from a clock, or from a last value that is
// held. Channels that go on when others have ended leave these behind; if there are none, those
// free of noise leave noisy ones and clocks behind, and noisy ones the clocks. Where none has ended
// and none is a clock it has to validate better; those left behind keep the fit to all.
func (b *Bank) split(times, values []float64, channels int) {
	if channels < 2 || channels > maxGroup || len(times) == 0 || b.library.Library != nil {
		return
	}
	noise := b.group(0).noise
	quiet, moving, lasting := make([]int, 0, maxGroup), make([]int, 0, maxGroup), make([]int, 0, maxGroup)
	spoilt, sure := false, false
	end, span := times[len(times)-1], times[len(times)-1]-times[0]
	for c := range channels {
		s := shapeOf(times, values, channels, c)
		if end-s.last <= backShare*span {
			lasting = append(lasting, c)
		}
		clean := noise[c] < cleanNoise
		if s.line {
			spoilt, sure = true, true
			continue
		}
		moving = append(moving, c)
		switch {
		case clean:
			quiet = append(quiet, c)
		case noise[c] >= splitNoise:
			spoilt = true
		}
	}
	good := quiet
	switch {
	case 0 < len(lasting) && len(lasting) < channels:
		good, sure = lasting, true
	case !spoilt:
		return
	case len(good) == 0:
		good = moving
	}
	if len(good) == 0 || len(good) == channels {
		return
	}
	k, n := len(good), 0
	at, part := b.mem.raw(len(times)), b.mem.raw(len(times)*k)
	for i, t := range times {
		seen := false
		for j, c := range good {
			v := values[i*channels+c]
			part[n*k+j] = v
			seen = seen || finite(v)
		}
		if seen {
			at[n] = t
			n++
		}
	}
	var origins []float64
	if len(b.origins) == channels {
		origins = b.mem.raw(k)
		for j, c := range good {
			origins[j] = b.origins[c]
		}
	}
	b.group(1).fit(&b.mem, &b.pr, at[:n], part[:n*k], k, 0, k, b.horizon, origins, &b.library, &b.run)
	all, alone := b.group(0), b.group(1) // the first may have moved
	gain := 0.
	for j, c := range good {
		gain += all.logErr[c*NumGuides+all.best(c)] - alone.logErr[j*NumGuides+alone.best(j)]
	}
	if !sure && !(gain > 0) {
		return
	}
	for j, c := range good {
		b.slots[c] = slot{1, j}
	}
}

// slopeRows is the number of rows that the slope of a single channel is made of.
const slopeRows = 9

// slopesGain is log10 of the factor by which the slopes of a single channel have to lower the
// validation error: where it is a state of its own they are one unknown more.
const slopesGain = .15

// addSlopes fits a single channel that is free of noise once more, with its slopes as a second
// channel: both are more of the state of the system than the one is (derivative coordinates,
// Packard, Crutchfield, Farmer and Shaw, Phys. Rev. Lett. 45, 1980). That fit counts if it
// validates better.
func (b *Bank) addSlopes(times, values []float64) {
	alone := b.group(0)
	before := alone.logErr[alone.best(0)]
	if !alone.clean || b.run.coarse || b.library.Library != nil || before-slopesGain < math.Log10(logFloor) {
		return
	}
	at, rows, n := b.mem.raw(len(times)), b.mem.raw(2*len(times)), 0
	for i, v := range values {
		if finite(v) {
			at[n], rows[2*n] = times[i], v
			n++
		}
	}
	if n < 2*slopeRows {
		return
	}
	for i := range n {
		first := min(max(i-slopeRows/2, 0), n-slopeRows)
		rows[2*i+1] = slopeOf(at[first:first+slopeRows], rows[2*first:], i-first)
		if !finite(rows[2*i+1]) {
			return
		}
	}
	var origins []float64
	if len(b.origins) == 1 {
		origins = b.mem.zeros(2)
		origins[0] = b.origins[0]
	}
	b.group(1).fit(&b.mem, &b.pr, at[:n], rows[:2*n], 2, 0, 2, b.horizon, origins, &b.library, &b.run)
	if both := b.group(1); both.logErr[both.best(0)] < before-slopesGain {
		b.slots[0] = slot{1, 0}
	}
}

// slopeOf returns the slope at t[i] of the polynomial through the points (t[k], x[2k]).
func slopeOf(t, x []float64, i int) float64 {
	slope := 0.
	for k, at := range t {
		if k == i {
			continue
		}
		w := 1 / (at - t[i])
		slope -= w * x[2*i]
		for m, other := range t {
			if m != k && m != i {
				w *= (t[i] - other) / (at - other)
			}
		}
		slope += w * x[2*k]
	}
	return slope
}

// shape is what split asks of a channel.
type shape struct {
	last float64 // time of its last observation
	line bool    // it moves along a straight line
}

// shapeOf returns the shape of channel c.
func shapeOf(times, values []float64, channels, c int) shape {
	s := shape{last: times[0]}
	var n, meanT, meanV, tt, tv, vv float64
	for i, t := range times {
		v := values[i*channels+c]
		if !finite(v) {
			continue
		}
		n++
		dt, dv := t-meanT, v-meanV
		meanT += dt / n
		meanV += dv / n
		tt += dt * (t - meanT)
		tv += dt * (v - meanV)
		vv += dv * (v - meanV)
		s.last = t
	}
	s.line = n > 2 && vv > 0 && vv-tv*tv/tt <= clockRest*vv
	return s
}

// at returns the group and the index inside it of channel c.
func (b *Bank) at(c int) (*group, int) {
	if c < 0 || c >= b.c {
		panicShape("Bank", "channel", c, "channels", b.c)
	}
	s := b.slots[c]
	return &b.groups[s.group], s.index
}

// Eval writes the forecast of every candidate for channel c at time t, at or
// after the last context time, to value, and its time derivative to rate when
// rate is not nil (each NumGuides long). Roll-outs are joined by cubic Hermite
// pieces: continuous with a continuous rate, equal to the last (smoothed)
// value at the context end, constant beyond the horizon of Fit. From contexts of two to eight
// rows they go a part of the way from that value only, 1 - 2^(2-rows), unless a library is used.
func (b *Bank) Eval(value, rate []float64, c int, t float64) {
	g, j := b.at(c)
	value = value[:NumGuides]
	mid, half := g.mid[j], g.half[j]
	var st stencil
	for i := range g.paths {
		p := &g.paths[i]
		if st.dt != p.dt || st.steps != p.steps {
			st.set(p, t-g.native.end)
		}
		v, r := st.at(p, j)
		if g.trust < 1 {
			last := p.x[j*p.column+(pathHistory-1)*p.row]
			v, r = last+g.trust*(v-last), g.trust*r
		}
		value[i] = bounded(mid + half*v)
		if rate != nil {
			rate[i] = bounded(half * r)
		}
	}
}

// trustOf returns the share of the way from the last value to their forecast that guides
// fitted to so many rows go: none for two rows, half for three, three quarters for four, and
// so on: nothing tells a random walk of so few points from a smooth system, and of these too
// forecasts from two rows err more than the last value does (TestFewRows of pretrained).
func trustOf(rows int) float64 {
	if rows > 8 {
		return 1
	}
	return max(0, 1-math.Pow(2, float64(2-rows)))
}

// stencil is the cubic Hermite interpolation of paths with the same step at
// one time. Slopes are five-point central differences, so that the
// interpolation error is of fourth order in the step.
type stencil struct {
	dt              float64
	steps, rows     int
	first           int // the first of six rows, those past the end repeating the last
	done            bool
	v0, v1, vd      float64 // value: weights of both slopes and of the difference
	r0, r1, rd, inv float64 // the same for the rate, and 1/dt
}

// set prepares s for time t after the context end on the step of p.
func (s *stencil) set(p *path, t float64) {
	*s = stencil{dt: p.dt, steps: p.steps, rows: pathHistory + p.steps, inv: 1 / p.dt}
	u := t / p.dt
	if !(u > 0) {
		u = 0
	}
	if s.done = u >= float64(p.steps); s.done {
		return
	}
	k := int(u)
	u -= float64(k)
	s.first = pathHistory - 3 + k
	s.v0, s.v1, s.vd = u*(1+u*(u-2)), u*u*(u-1), u*u*(3-2*u)
	s.r0, s.r1, s.rd = 1+u*(3*u-4), u*(3*u-2), 6*u*(1-u)
}

// at interpolates channel j of p.
func (s *stencil) at(p *path, j int) (float64, float64) {
	x := p.x[j*p.column:]
	if s.done {
		return x[(s.rows-1)*p.row], 0
	}
	var w *[6]float64
	if p.row == 1 && s.first+6 <= s.rows {
		w = (*[6]float64)(x[s.first:])
	} else {
		w = new([6]float64)
		for i := range w {
			w[i] = x[min(s.first+i, s.rows-1)*p.row]
		}
	}
	d := w[3] - w[2]
	m0 := (8*(w[3]-w[1]) - (w[4] - w[0])) * (1. / 12)
	m1 := (8*(w[4]-w[2]) - (w[5] - w[1])) * (1. / 12)
	return w[2] + (s.v0*m0 + s.v1*m1 + s.vd*d), (s.r0*m0 + s.r1*m1 + s.rd*d) * s.inv
}

// Inside writes the NumInside interpolants of channel c at time t inside the
// context to value, and their time derivatives to rate when it is not nil.
// Outside the observed range they continue linearly, bounded to two ranges; after the last
// observation of a channel that ended before the others all are the forecast of the guide
// with the least validation error.
func (b *Bank) Inside(value, rate []float64, c int, t float64) {
	g, j := b.at(c)
	if own := g.inside[insideSpline][j].t; t > g.native.end && len(own) > 1 && t > own[len(own)-1] {
		var st stencil
		best := &g.paths[g.best(j)]
		st.set(best, t-g.native.end)
		v, r := st.at(best, j)
		for i := range NumInside {
			value[i] = bounded(g.mid[j] + g.half[j]*v)
			if rate != nil {
				rate[i] = bounded(g.half[j] * r)
			}
		}
		return
	}
	for i := range NumInside {
		v, r := g.curves[j].at(i, t)
		value[i] = bounded(g.mid[j] + g.half[j]*v)
		if rate != nil {
			rate[i] = bounded(g.half[j] * r)
		}
	}
}

// best returns the candidate with the least validation error in channel j.
func (g *group) best(j int) int {
	best := 0
	for i, e := range g.logErr[j*NumGuides:][:NumGuides] {
		if e < g.logErr[j*NumGuides+best] {
			best = i
		}
	}
	return best
}

// InsideError writes log10 of the error of each interpolant on observations of
// channel c that were left out, relative to the channel's standard deviation,
// NumInside values, to dst. Contexts that are regular and free of noise, or of
// less than four observations, are not judged and have -5.
func (b *Bank) InsideError(c int, dst []float32) {
	g, j := b.at(c)
	for i, v := range g.curves[j].err {
		dst[i] = float32(v)
	}
}

// Features writes the features of channel c, NumGuides x NumFeatures values, to dst.
// All are finite and of order one.
func (b *Bank) Features(dst []float32, c int) {
	g, j := b.at(c)
	const n = NumGuides * NumFeatures
	copy(dst[:n], g.feats[j*n:(j+1)*n])
}

// LogError writes log10 of each candidate's validation rmse (fitted to the
// first three quarters of the context, rolled over the last) relative to the
// standard deviation of channel c, NumGuides values, to dst.
func (b *Bank) LogError(c int, dst []float32) {
	g, j := b.at(c)
	for i := range guideNames {
		dst[i] = float32(g.logErr[j*NumGuides+i])
	}
}

// Noise returns the estimated standard deviation of the observation noise of
// channel c, in the units of the values given to Fit.
func (b *Bank) Noise(c int) float64 {
	g, j := b.at(c)
	return bounded(g.noise[j] * g.half[j])
}

// fit fits one group of channels [c0,c0+c) of all.
func (g *group) fit(mem *arena, pr *prep, times, values []float64, all, c0, c int, horizon float64, origins []float64, library *libraryUse, run *scorer) {
	pr.scale(mem, times, values, all, c0, c)
	g.c, g.mid, g.half = c, pr.mid, pr.half
	run.origins = run.origins[:0]
	for j, o := range origins {
		run.origins = append(run.origins, (o-g.mid[j])/g.half[j])
	}
	for i := range g.inside {
		for len(g.inside[i]) < c {
			g.inside[i] = append(g.inside[i], spline{})
		}
	}
	for len(g.curves) < c {
		g.curves = append(g.curves, interpolants{})
	}
	for j := range c {
		s := &g.curves[j]
		s.spline, s.smooth, s.tones.count = &g.inside[insideSpline][j], &g.inside[insideSmooth][j], 0
	}
	g.part.spline, g.part.smooth = &g.partSplines[0], &g.partSplines[1]
	g.noise = mem.zeros(c)
	run.flow.fresh = false
	pr.splines(mem, g.inside[0][:c], g.inside[1][:c], g.noise)
	g.clean = slices.Max(g.noise) < cleanNoise
	if !g.clean {
		pr.smoothGrid(mem, &g.smooth, g.inside[1][:c])
	}
	joint := c <= fineChannels && !run.coarse
	if joint && !g.clean && slices.Max(g.noise) < jointlyNoisy {
		pr.nativeGrid(mem, &g.native, g.inside[0][:c], true, fineRows)
		g.native.setScales(mem)
		if run.flow.follow(mem, &g.native) {
			run.flow.jointNoise(mem, g.noise)
		}
		g.clean = slices.Max(g.noise) < cleanNoise
	}
	limit := nativeRows
	if g.clean && joint {
		limit = fineRows
	}
	long := len(pr.times) > limit && !run.coarse
	if g.clean {
		pr.trimTail()
		pr.nativeGrid(mem, &g.native, g.inside[0][:c], true, limit)
		library.blocks(mem, &g.native, g.mid, g.half, all == c)
		pr.denseGrid(mem, &g.smooth, g.inside[0][:c])
		if joint {
			g.native.setScales(mem)
			if run.flow.follow(mem, &g.native) {
				run.flow.jointNoise(mem, g.noise)
				if g.native.at != nil {
					run.flow.fill(mem, &g.native)
					run.flow.fill(mem, &g.smooth)
				}
			}
		}
		if long {
			pr.nativeGrid(mem, &g.full, g.inside[0][:c], true, seasonRows)
		}
	} else {
		pr.evenGrid(mem, &g.native, limit)
		library.blocks(mem, &g.native, g.mid, g.half, all == c)
		g.smooth.setScales(mem)
		run.oscillations(mem, g, pr, &g.smooth)
		g.interpolants(mem, pr, run.period(mem, &g.smooth)/g.smooth.dt)
		g.denoise(&g.native)
		g.denoise(&g.smooth)
		if long {
			limit = seasonRows
			pr.evenGrid(mem, &g.full, limit)
			g.denoise(&g.full)
		}
		pr.evenGrid(mem, &g.raw, limit)
		g.raw.setScales(mem)
	}
	season, grids := &g.native, append(make([]*grid, 0, 5), &g.native, &g.thin, &g.tail, &g.smooth)
	if long {
		season = &g.full
		grids = append(grids[:0], season, &g.native, &g.thin, &g.tail, &g.smooth)
	}
	raw := &g.raw
	if g.clean {
		raw = season
	}
	n := g.native.n
	stride := min(thinStride, max((n-1)/7, 1)) // leaves eight rows
	pr.part(mem, &g.thin, &g.native, (n-1)%stride, stride)
	pr.part(mem, &g.tail, &g.native, n-max(int(tailShare*float64(n)), min(n, 8)), 1)
	for _, gr := range grids {
		if !g.clean {
			g.startStates(mem, pr, gr)
		}
		gr.setScales(mem)
		if gr.between = nil; gr.dt > fineStep*season.dt && !run.coarse {
			gr.judgeBetween(mem, season)
		}
	}
	// The thin grid and the tail stay without the library, so that there are guides
	// that know the context alone, should it be of another system.
	library.blocks(mem, &g.smooth, g.mid, g.half, all == c)
	bad := 0
	for _, ok := range g.smooth.ok {
		if !ok {
			bad++
		}
	}
	g.gapShare = float64(bad) / float64(g.smooth.n)
	g.trust = 1 // what runs of the same system teach needs no more rows
	if len(g.native.library) == 0 && !run.coarse {
		g.trust = trustOf(len(pr.times))
	}
	g.feats = slices.Grow(g.feats[:0], c*NumGuides*NumFeatures)[:c*NumGuides*NumFeatures]
	g.logErr = mem.zeros(c * NumGuides)

	run.init(mem, g, horizon-g.native.end)
	run.trivial(mem, g)
	for i := range sets {
		s := &sets[i]
		f := s.form
		gr := &g.smooth
		for f.poly && f.features(c) > maxPoly {
			// Too many monomials: drop the cubic ones or a lag, then go linear.
			switch {
			case f.cubic:
				f.cubic = false
			case f.order > 1:
				f.order--
			default:
				f = form{order: 2, stride: f.stride}
			}
		}
		var ridges [lanes]float64
		for i, r := range s.ridges {
			if ridges[i] = r; !g.clean && s.form.stride > 1 {
				ridges[i] *= noisyRidge
			}
		}
		run.models(mem, g, gr, shrink(f, gr), ridges[:len(s.ridges)], s.ids)
	}
	most := 1 + max(256, 2*c)
	run.validated(mem, g, &g.native, &linearFamily, most, linearIDs[:], idARVal)
	run.validated(mem, g, &g.thin, &linearFamily, most, thinIDs[:], idThinARVal)
	run.validated(mem, g, &g.tail, &linearFamily, most, tailIDs[:], idTailARVal)
	run.validated(mem, g, &g.native, &quadraticFamily, maxPoly, quadraticIDs[:], -1)
	run.single(mem, g)
	run.replay(mem, g, &g.smooth, idReplay, matchPoints)
	run.replay(mem, g, &g.native, idReplayLong, longMatchPoints)
	delays := max(1, min(16, 64/c))
	run.modal(mem, g, &g.native, idModesLow, idModesHigh, delays)
	run.modal(mem, g, &g.tail, -1, idTailModes, delays)
	if g.clean {
		order := 1
		if c == 1 {
			order = 2
		}
		run.kernels(mem, g, &g.native, order, idKernel, idLast)
		run.kernels(mem, g, &g.native, order+1, idKernelSlope, idLast)
		if !run.flows(mem, g, &g.native, idFlow, idFlowRatio) {
			run.repeat(g, idModesHigh, idFlow)
			run.repeat(g, idModesLow, idFlowRatio)
		}
	} else {
		run.weakFlow(mem, g, &g.native, idWeakFlow)
		run.oscillate(mem, g, &g.smooth, idOscillations, idOscillationsVal, idOscillations2, idOscillationsMost)
	}
	run.parrot(mem, g, &g.native, idParrot)
	run.seasonal(mem, g, season, raw, idSeasonal)
	theta := run.periodic(mem, g, &g.smooth, idPeriodic) / g.smooth.dt
	run.finish(mem, g)
	if g.clean {
		g.interpolants(mem, pr, theta)
	}
}

// interpolants fits those interpolants that the guides do not need, the cycle
// about the angle per time of the periodic guide, and judges all.
func (g *group) interpolants(mem *arena, pr *prep, theta float64) {
	for j := range g.c {
		g.curves[j].fit(mem, &g.part, pr.tobs[j], pr.yobs[j], theta, g.clean && pr.regular)
	}
}

// denoise replaces the rows of gr by weighed means of the interpolants.
func (g *group) denoise(gr *grid) {
	for j := range g.c {
		s := &g.curves[j]
		for i := range gr.n {
			gr.x[i*g.c+j] = s.mean(gr.time(i))
		}
	}
}

// leastSeen is the number of observations that the interpolants of a fold need.
const leastSeen = 4

// startStates sets the rows that the forecasts of the folds of gr start from: those of
// interpolants that know nothing of what follows, as does the last one of the context. What
// is validated would start from better states otherwise than what is forecast.
func (g *group) startStates(mem *arena, pr *prep, gr *grid) {
	for k := 1; k < folds; k++ {
		gr.states[k] = mem.zeros(stateRows * g.c)
	}
	part, ends := &g.part, gr.foldEnds()
	for j := range g.c {
		all, t, y := &g.curves[j], pr.tobs[j], pr.yobs[j]
		for k := 1; k < folds; k++ {
			first := ends[k] - stateRows
			n, _ := slices.BinarySearch(t, gr.time(first+stateRows)-.5*gr.dt)
			blk, off := mem.mark()
			from := all
			if n >= leastSeen && n < len(t) {
				var tones refit
				if all.weight[insideTones] > 0 {
					tones = all.tones.newRefit(mem, t[:n])
				}
				part.refit(mem, all, &tones, t[:n], y[:n], func(int) bool { return true })
				from = part
			}
			for i := max(0, -first); i < stateRows; i++ {
				gr.states[k][i*g.c+j] = from.mean(gr.time(first + i))
			}
			mem.release(blk, off)
		}
	}
}

// shrink reduces order and stride of a linear or polynomial form until the
// half-context fold of gr has rows to learn from and the regressors stay
// bounded for many channels.
func shrink(f form, gr *grid) form {
	for f.order > 1 && !f.poly && f.features(gr.c) > 1+max(256, 2*gr.c) {
		f.order /= 2
	}
	half := gr.n - 2*(gr.n/4)
	for f.lags() > half-2 {
		switch {
		case f.stride > 1:
			f.stride--
		case f.order > 1:
			f.order--
		default:
			return f
		}
	}
	return f
}
