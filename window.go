package lassode

import (
	"math"

	"github.com/lassode/lassode/classical"
)

// Sizes of the inputs of a token. They are part of the file format: weights
// trained with other sizes do not load.
const (
	legendreTerms   = 7
	windowFeatures  = legendreTerms + 1 + 5 // Legendre fit, its residual, last, first, count, whether it lies ahead, presence
	pointFeatures   = 4                     // value, local time, step, one
	channelFeatures = 8
	guideNodes      = 8 // times per window at which a token sees the guides
	guideFeatures   = guideNodes + 3
	guideSamples    = 4 // of the nodes, at which it sees each guide for itself
	guideSlots      = classical.NumGuides + classical.NumInside
)

// legendreRidge keeps the window fit defined for any number of points: high
// orders need more evidence.
var legendreRidge = [legendreTerms]float64{1e-4, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2}

// geometry places the windows of one system: window k spans width units of
// time from start + k width. The first seen windows are the context.
type geometry struct {
	start, width float64
	seen, count  int
}

// at maps a time to window units: window k holds k <= u < k+1.
func (g geometry) at(t float64) float64 { return (t - g.start) / g.width }

// placeWindows cuts the span from the first observation to the last query, end,
// into windows of about the given width. All have equal width, and the context
// ends at a window's edge, so that a token is either seen or unseen.
func placeWindows(cfg Config, first, last, end, width float64) geometry {
	seenSpan := last - first
	if seenSpan <= 0 { // a single observation: one window before it
		width := max(end-last, 0) / float64(cfg.MinWindows-1)
		if !(width > minSpan) {
			width = 1
		}
		return geometry{start: last - width, width: width, seen: 1, count: cfg.MinWindows}
	}
	least, most := float64(cfg.MinWindows), float64(cfg.MaxWindows)
	if end <= last {
		seen := int(math.Round(min(max(seenSpan/width, least), most)))
		return geometry{start: first, width: seenSpan / float64(seen), seen: seen, count: seen}
	}
	share := seenSpan / (end - first)
	total := min(max((end-first)/width, least, minSeen/share), most)
	return cutContext(first, last, end, total, cfg.MaxWindows)
}

// cutContext places about total windows between first and end, at most most. They reach end
// unless minSeen windows over the context are too many for that.
func cutContext(first, last, end, total float64, most int) geometry {
	seenSpan := last - first
	seen := min(max(int(math.Round(total*seenSpan/(end-first))), minSeen), most-1)
	for {
		width := seenSpan / float64(seen)
		ahead := (end - last) / width
		if seen > minSeen && ahead > float64(most-seen)+edgeSlack {
			seen--
			continue
		}
		unseen := most - seen
		if ahead < float64(unseen) {
			unseen = max(int(math.Ceil(ahead)), 1)
		}
		return geometry{start: first, width: width, seen: seen, count: seen + unseen}
	}
}

// edgeSlack is the part of a window that rounding may leave beyond the last one.
const edgeSlack = 1e-9

// minSeen is the least number of windows over a context.
const minSeen = 4

// eighth is the share of its variance by which a sinusoid's value changes in an
// eighth of its period: the mean of (x(t+h) - x(t))^2 / 2 is 1 - cos(2 pi/8).
const eighth = 0.2929

// maxBins bounds the resolution at which the width of windows is measured.
const maxBins = 256

// signalWidth is the width of window that suits the fastest channel: the lag at
// which the structure function, cleared of noise, reaches what that of a
// sinusoid reaches in an eighth of its period. times rise; values are
// row-major, NaN where missing. A channel that is noise or that does not move
// asks for nothing; without one that does, it is a quarter of the span.
func signalWidth(times, values []float64, channels int) float64 {
	rows := len(times)
	span := times[rows-1] - times[0]
	bins := min(max(rows, 8), maxBins)
	var sum, count [maxBins]float64
	least := span / 4
	for c := range channels {
		clear(sum[:])
		clear(count[:])
		for i, t := range times {
			if v := values[i*channels+c]; v == v {
				b := min(int((t-times[0])/span*float64(bins)), bins-1)
				sum[b] += v
				count[b]++
			}
		}
		var mean, n float64
		for b := range bins {
			if count[b] > 0 {
				sum[b] /= count[b]
				n++
				mean += (sum[b] - mean) / n
			}
		}
		if n < 4 {
			continue
		}
		variance := 0.
		for b := range bins {
			if count[b] > 0 {
				d := sum[b] - mean
				variance += d * d / n
			}
		}
		// White noise of variance s has second differences of variance 6 s.
		noise, m := 0., 0.
		for b := 1; b+1 < bins; b++ {
			if count[b-1] > 0 && count[b] > 0 && count[b+1] > 0 {
				d := sum[b-1] - 2*sum[b] + sum[b+1]
				noise += d * d / 6
				m++
			}
		}
		noise /= max(m, 1)
		variance -= noise
		if !(variance > .25*noise) || !(variance > 0) {
			continue
		}
		last, at := 0., 0.
		for lag := 1; lag <= bins/2; lag++ {
			d2, m := 0., 0.
			for b := 0; b+lag < bins; b++ {
				if count[b] > 0 && count[b+lag] > 0 {
					d := sum[b+lag] - sum[b]
					d2 += d * d
					m++
				}
			}
			if m < 3 {
				continue
			}
			s := max((d2/m/2-noise)/variance, 0)
			if s >= eighth {
				// The structure function starts as a square.
				u := math.Sqrt((eighth - last) / max(s-last, 1e-12))
				if last > 0 {
					u *= u
				}
				least = min(least, (at+u*(float64(lag)-at))*span/float64(bins))
				break
			}
			last, at = s, float64(lag)
		}
	}
	return least
}

// system is one series prepared for the network: scaled, cut into windows,
// with its guides fitted. It belongs to one goroutine and is reused.
type system struct {
	geo       geometry
	channels  int
	mid, half []float64 // per channel: value = mid + half * scaled
	origins   []float64 // per channel: the scaled value of zero

	times  []float64 // of the rows, in window units
	values []float64 // rows x channels, scaled; NaN = not observed
	counts []int     // observations per channel

	fleet *fleet // runs of like systems, nil for the general model
	own   int    // run of the fleet that this system is, or -1

	bare bool // no guides: they are zero everywhere

	bank  *classical.Bank
	noise []float64 // per channel: log10 of the noise estimate
	best  []float64 // per channel: least log10 validation error of the guides

	guide [classical.NumGuides]float64
	fit   [(legendreTerms + 1) * legendreTerms]float64
	errs  [classical.NumGuides]float32
}

// A channel that never changes has a half range of constantRange of its value, or of one; of a
// single observation that is not known, and it is the value itself, or one.
// A channel that changes by less than roundingRange of its values is not told from rounding.
const (
	constantRange = 1e-6
	roundingRange = 1e-13
)

// prepare scales and cuts a series of n = len(times) rows (values row-major)
// and fits its guides. Every channel must have at least one observation. sign
// is -1 when time has been reversed.
func (s *system) prepare(geo geometry, times, values []float64, channels int, sign float64) {
	if s.bank == nil {
		s.bank = classical.NewBank()
	}
	s.geo, s.channels = geo, channels
	s.mid = resize(s.mid, channels)
	s.half = resize(s.half, channels)
	s.noise = resize(s.noise, channels)
	s.best = resize(s.best, channels)
	s.counts = resize(s.counts, channels)
	s.times = resize(s.times, len(times))
	s.values = resize(s.values, len(values))
	for i, t := range times {
		s.times[i] = geo.at(t)
	}
	for c := range channels {
		lo, hi := math.Inf(1), math.Inf(-1)
		n := 0
		for i := c; i < len(values); i += channels {
			if v := values[i]; v == v {
				lo, hi = min(lo, v), max(hi, v)
				n++
			}
		}
		s.counts[c] = n
		// Halves first: hi - lo may overflow.
		mid := lo/2 + hi/2
		half, size := hi/2-lo/2, max(math.Abs(lo), math.Abs(hi))
		if half > 0 {
			half = max(half, roundingRange*size)
		} else {
			share := constantRange
			if n == 1 {
				share = 1
			}
			if half = share * size; half == 0 { // all zero, or so small that the product vanishes
				half = share
			}
		}
		s.mid[c], s.half[c] = mid, half
		for i := c; i < len(values); i += channels {
			s.values[i] = (values[i] - mid) / half // NaN stays NaN
		}
	}
	if s.bare {
		for c := range channels {
			s.noise[c], s.best[c] = -4, 0 // no estimate of the noise: none
		}
		return
	}
	if s.fleet != nil {
		s.bank.UseLibrary(s.fleet.library, s.fleet.weight, s.mid, s.half, sign*geo.width, s.own)
	} else {
		s.bank.UseLibrary(nil, 0, nil, nil, 0, -1)
	}
	s.origins = resize(s.origins, channels)
	for c := range channels {
		s.origins[c] = -s.mid[c] / s.half[c]
	}
	s.bank.UseOrigins(s.origins)
	s.bank.Fit(s.times, s.values, channels, float64(geo.count))
	for c := range channels {
		s.noise[c] = math.Log10(s.bank.Noise(c) + 1e-4)
		s.bank.LogError(c, s.errs[:])
		s.best[c] = float64(s.errs[0])
		for _, e := range s.errs[1:] {
			s.best[c] = min(s.best[c], float64(e))
		}
	}
}

// evalGuides writes the guides of channel c at time u into the guideSlots
// entries of dst: the forecasters for an unseen window, the interpolants for a
// seen one, zeros in the other part.
func (s *system) evalGuides(dst []float32, c int, u float64, seen bool) {
	clear(dst[:guideSlots])
	if s.bare {
		return
	}
	if seen {
		in := s.guide[:classical.NumInside]
		s.bank.Inside(in, nil, c, u)
		for i, v := range in {
			dst[classical.NumGuides+i] = bounded(v)
		}
		return
	}
	s.bank.Eval(s.guide[:], nil, c, u)
	for i, v := range s.guide {
		dst[i] = bounded(v)
	}
}

// bounded keeps guides in the range that the network was trained on.
func bounded(v float64) float32 { return float32(min(max(v, -guideBound), guideBound)) }

const guideBound = 8

// fitWindow writes the windowFeatures of channel c over rows [lo, hi) that lie
// in window k: the coefficients of a ridge fit by Legendre polynomials in
// local time, its residual, and the ends. A window without observations of the
// channel gives zeros, but for whether it lies ahead of the context.
func (s *system) fitWindow(dst []float32, c, k, lo, hi int) {
	const m = legendreTerms
	a := s.fit[:] // the normal equations: a matrix, then the right side
	clear(a)
	for i, ridge := range legendreRidge {
		a[i*m+i] = ridge
	}
	var p [m]float64
	n := 0
	var first, last float64
	for r := lo; r < hi; r++ {
		x := s.values[r*s.channels+c]
		if x != x {
			continue
		}
		if n == 0 {
			first = x
		}
		last = x
		n++
		legendre(&p, 2*(s.times[r]-float64(k))-1)
		for i := range p {
			for j := 0; j <= i; j++ {
				a[i*m+j] += p[i] * p[j]
			}
			a[m*m+i] += p[i] * x
		}
	}
	clear(dst[:windowFeatures])
	if k >= s.geo.seen {
		dst[m+4] = 1
	}
	if n == 0 {
		return
	}
	coef := solveRidge(a, m, 0)
	residual := 0.0
	for r := lo; r < hi; r++ {
		x := s.values[r*s.channels+c]
		if x != x {
			continue
		}
		legendre(&p, 2*(s.times[r]-float64(k))-1)
		for i := range p {
			x -= coef[i] * p[i]
		}
		residual += x * x
	}
	for i, v := range coef {
		dst[i] = float32(2 * v)
	}
	dst[m] = float32(min(10*math.Sqrt(residual/float64(n)), 10))
	dst[m+1] = float32(last)
	dst[m+2] = float32(first)
	dst[m+3] = float32(math.Log1p(float64(n)) / 3)
	dst[m+5] = 1
}

// legendre fills p with the Legendre polynomials at x.
func legendre(p *[legendreTerms]float64, x float64) {
	p[0], p[1] = 1, x
	for n := 1; n+1 < legendreTerms; n++ {
		p[n+1] = (float64(2*n+1)*x*p[n] - float64(n)*p[n-1]) / float64(n+1)
	}
}

// channelInputs writes the channelFeatures of channel c.
func (s *system) channelInputs(dst []float32, c int) {
	rows := len(s.times)
	seen, all := float64(s.geo.seen), float64(s.geo.count)
	dst[0] = float32(s.noise[c] / 2)
	dst[1] = float32(math.Log(float64(s.counts[c])+1) / 5)
	dst[2] = float32(seen / all)
	dst[3] = float32(math.Log1p((all - seen) / seen))
	dst[4] = float32(min(s.best[c], 2))
	dst[5] = float32(s.counts[c]) / float32(rows)
	dst[6] = float32(min(s.channels, 8)) / 4
	dst[7] = float32(all / 64)
}

// resize returns a slice of length n, reusing s where it is long enough. The
// contents are arbitrary.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
