package classical

import (
	"math"
	"slices"
)

// The interpolants inside the context, and how well each foretells
// observations that are left out.

const (
	insideFolds = 4   // every fourth observation is left out at a time
	insideRows  = 128 // latest observations that are judged
	cycleRows   = 128 // observations that the period and its noise are chosen on
	cycleLeast  = 10  // observations below which no period is looked for
	cycleRounds = 3   // of refinement of the period
	cyclePeaks  = 3   // of the periodogram whose periods are tried, and twice them
	cycleMost   = 40  // periods within the observations
)

// interpolants are the curves through the observations of one channel, and the parameters
// that they were fitted with.
type interpolants struct {
	spline, smooth *spline
	process        curve
	cycle          cycle
	tones          tones
	noise          float64            // of the series of the cycle, its ratio
	matern         process25          // of process
	drift, quiet   process25          // of what cycle and tones leave over
	err            [NumInside]float64 // on observations left out, log10
	weight         [NumInside]float64 // in the mean, by these
}

// at returns value and rate of interpolant i at time t, bounded.
func (s *interpolants) at(i int, t float64) (v, r float64) {
	switch {
	case i == insideSpline:
		v, r = s.spline.at(t)
	case i == insideSmooth:
		v, r = s.smooth.at(t)
	case i == insideProcess:
		v, r = s.process.at(t)
	case i == insideTones && s.tones.count > 0:
		v, r = s.tones.at(t)
	default:
		v, r = s.cycle.at(t)
	}
	if v > 4 || v < -4 {
		v, r = clamp(v, -4, 4), 0
	}
	return v, r
}

// fit fits those interpolants to the observations (t,y) that the guides do not need, the
// cycle about the angle per time theta, and judges all. Those that are exact, of a context
// regular and free of noise, are the spline. part is scratch.
func (s *interpolants) fit(mem *arena, part *interpolants, t, y []float64, theta float64, exact bool) {
	s.cycle = cycle{}
	if len(t) < 4 || exact {
		s.process = curve{cubic: s.spline}
		s.cycle.rest = s.process
		s.tones.count = 0
		for i := range s.err {
			s.err[i] = math.Log10(logFloor)
		}
		s.weigh()
		return
	}
	s.matern = s.process.process(mem, t, y)
	if len(t) < cycleLeast || !(theta > 0) {
		s.cycle.rest = s.process
		s.tones.count = 0
	} else {
		s.noise, s.drift = s.cycle.fit(mem, t, y, theta)
	}
	if s.tones.count > 0 {
		s.quiet = s.tones.fit(mem, t, y)
	}
	s.judge(mem, part, t, y)
	s.weigh()
}

// Interpolants are weighed by their errors on observations left out to the power of
// minus errorPower; those that weigh less than leastWeight of the best are left out.
const (
	errorPower  = 6
	leastWeight = .02
)

// weigh sets the weights, which add up to one.
func (s *interpolants) weigh() {
	sum, least := 0., slices.Min(s.err[:])
	for i, e := range s.err {
		w := math.Pow(10, errorPower*(least-e))
		if w < leastWeight {
			w = 0
		}
		s.weight[i] = w
		sum += w
	}
	for i := range s.weight {
		s.weight[i] /= sum
	}
}

// mean is the weighed mean of the interpolants at time t; outside of the observations it is
// that at the nearest.
func (s *interpolants) mean(t float64) float64 {
	sum, known := 0., s.spline.t
	if len(known) == 0 {
		return 0
	}
	t = clamp(t, known[0], known[len(known)-1])
	for i, w := range s.weight {
		if w > 0 {
			v, _ := s.at(i, t)
			sum += w * v
		}
	}
	return clamp(sum, -2, 2)
}

// refit makes s the interpolants of those observations (t,y) that are kept, a part of those
// that all were fitted to, with the parameters and weights of these; tones are the
// oscillations of all at times t. The smoothing spline and the oscillations are left out if
// they have no weight.
func (s *interpolants) refit(mem *arena, all *interpolants, tones *refit, t, y []float64, kept func(i int) bool) {
	s.weight = all.weight
	st, sy := mem.raw(len(t))[:0], mem.raw(len(t))[:0]
	mean := 0.
	for i, v := range y {
		if kept(i) {
			st, sy = append(st, t[i]), append(sy, v)
			mean += v
		}
	}
	n := len(st)
	mean /= float64(n)
	m, f, m2, work := mem.raw(n+1), mem.raw(n+1), mem.raw(n+1), mem.raw(9*n+1)
	s.spline.interpolate(st, sy, m, work)
	if s.weight[insideSmooth] > 0 {
		s.smooth.smooth(st, sy, f, m2, work)
	}
	s.process.condition(mem, st, sy, mean, all.matern)
	s.cycle = cycle{theta: all.cycle.theta, centre: all.cycle.centre, rest: s.process}
	if s.cycle.theta != 0 {
		s.cycle.posterior(mem, st, sy, mean, all.noise, &all.drift)
	}
	s.tones.count = 0
	if tones.count > 0 && s.weight[insideTones] > 0 {
		tones.part(y, kept)
		s.tones = tones.tones
		rest := work[:0]
		for i, v := range tones.value {
			if kept(i) {
				rest = append(rest, y[i]-v)
			}
		}
		s.tones.rest.condition(mem, st, rest, 0, all.quiet)
	}
}

// cycle is a Fourier series about the middle of the observations, plus a
// process through what it leaves over, which lets amplitude and form drift.
type cycle struct {
	theta  float64 // angle per time; 0: no series
	centre float64
	coef   [2*harmonics + 1]float64 // the constant, cosines, sines
	rest   curve
}

// series returns value and rate of the Fourier series at time t.
func (s *cycle) series(t float64) (v, r float64) {
	v = s.coef[0]
	if s.theta == 0 {
		return v, 0
	}
	var x, z [harmonics + 1]float64
	z[1], x[1] = math.Sincos(s.theta * (t - s.centre))
	multiples(&x, &z)
	for k := 1; k <= harmonics; k++ {
		a, b := s.coef[k], s.coef[harmonics+k]
		v += a*x[k] + b*z[k]
		r += float64(k) * (b*x[k] - a*z[k])
	}
	return v, r * s.theta
}

// multiples fills cosines x and sines z of the multiples 2 to 6 of an angle, from those of the
// angle itself in x[1], z[1]. Each is a product of two of about half its order, so that they
// do not wait for one another.
func multiples(x, z *[harmonics + 1]float64) {
	x1, z1 := x[1], z[1]
	x2, z2 := x1*x1-z1*z1, 2*x1*z1
	x3, z3 := x2*x1-z2*z1, x2*z1+z2*x1
	x[2], z[2] = x2, z2
	x[3], z[3] = x3, z3
	x[4], z[4] = x2*x2-z2*z2, 2*x2*z2
	x[5], z[5] = x3*x2-z3*z2, x3*z2+z3*x2
	x[6], z[6] = x3*x3-z3*z3, 2*x3*z3
}

// at returns value and rate at time t.
func (s *cycle) at(t float64) (float64, float64) {
	v, r := s.series(t)
	dv, dr := s.rest.at(t)
	return v + dv, r + dr
}

// products adds up the normal equations of the series over (t, y-mean) and
// returns the sum of squares. Products of two functions are sums of cosines and
// sines of sums and differences of their angles. step is that of equally spaced times, else 0.
func (s *cycle) products(t, y []float64, step, mean float64, gram *seriesFactor, rhs *[2*harmonics + 1]float64) float64 {
	var c, d [2*harmonics + 1]float64 // sums of cosines and sines of the multiples of the angle
	*rhs = [2*harmonics + 1]float64{}
	sum := 0.0
	if step > 0 {
		sum = s.regularSums(t, y, step, mean, &c, &d, rhs)
	} else {
		sum = s.sums(t, y, mean, &c, &d, rhs)
	}
	c[0] = float64(len(t))
	for i := range harmonics + 1 {
		for j := range i + 1 {
			gram.l[i][j] = 0.5 * (c[i-j] + c[i+j])
			if j > 0 {
				gram.l[harmonics+i][harmonics+j] = 0.5 * (c[i-j] - c[i+j])
			}
		}
		if i > 0 {
			for j := range harmonics + 1 { // sine i, cosine j
				diff := d[max(i-j, j-i)]
				if i < j {
					diff = -diff
				}
				gram.l[harmonics+i][j] = 0.5 * (d[i+j] + diff)
			}
		}
	}
	return sum
}

// sums adds up cosines and sines of the multiples of the angle, to c and d from the first on, and
// their products with y-mean, to rhs. It returns the sum of squares of y-mean.
func (s *cycle) sums(t, y []float64, mean float64, c, d, rhs *[2*harmonics + 1]float64) float64 {
	sum := 0.0
	var x, z [harmonics + 1]float64
	for i, u := range t {
		z[1], x[1] = math.Sincos(s.theta * (u - s.centre))
		multiples(&x, &z)
		v := y[i] - mean
		sum += v * v
		rhs[0] += v
		x6, z6 := x[harmonics], z[harmonics]
		for k := 1; k <= harmonics; k++ {
			xk, zk := x[k], z[k]
			c[k] += xk
			d[k] += zk
			c[harmonics+k] += x6*xk - z6*zk
			d[harmonics+k] += x6*zk + z6*xk
			rhs[k] += xk * v
			rhs[harmonics+k] += zk * v
		}
	}
	return sum
}

// regularSums is sums for equal steps: the sums of the angles are geometric, the products follow
// a recurrence (Goertzel 1958).
func (s *cycle) regularSums(t, y []float64, step, mean float64, c, d, rhs *[2*harmonics + 1]float64) float64 {
	n := len(t)
	first, last := s.theta*(t[0]-s.centre), s.theta*(t[n-1]-s.centre)
	// Multiples of half a step, of half the rows and of the middle, and of the last angle.
	var turn, half, mid [2*harmonics + 1][2]float64
	unit := func(angle float64) [2]float64 {
		sin, cos := math.Sincos(angle)
		return [2]float64{cos, sin}
	}
	turn[1], half[1], mid[1] = unit(0.5*s.theta*step), unit(0.5*s.theta*step*float64(n)), unit(0.5*(first+last))
	for k := 2; k < len(turn); k++ {
		turn[k], half[k], mid[k] = rotate(turn[k-1], turn[1]), rotate(half[k-1], half[1]), rotate(mid[k-1], mid[1])
	}
	for k := 1; k < len(turn); k++ {
		v := math.Copysign(float64(n), half[k][0]*turn[k][0])
		if math.Abs(turn[k][1]) > 1e-6 {
			v = half[k][1] / turn[k][1]
		}
		c[k], d[k] = v*mid[k][0], v*mid[k][1]
	}
	c1, c2, c3, c4, c5, c6 := 2*turn[2][0], 2*turn[4][0], 2*turn[6][0], 2*turn[8][0], 2*turn[10][0], 2*turn[12][0]
	var a1, a2, a3, a4, a5, a6, b1, b2, b3, b4, b5, b6 float64
	sum, total := 0.0, 0.0
	for _, v := range y {
		v -= mean
		sum += v * v
		total += v
		a1, b1 = v+c1*a1-b1, a1
		a2, b2 = v+c2*a2-b2, a2
		a3, b3 = v+c3*a3-b3, a3
		a4, b4 = v+c4*a4-b4, a4
		a5, b5 = v+c5*a5-b5, a5
		a6, b6 = v+c6*a6-b6, a6
	}
	rhs[0] = total
	a, b := [...]float64{0, a1, a2, a3, a4, a5, a6}, [...]float64{0, b1, b2, b3, b4, b5, b6}
	one := unit(last)
	at := one
	for k := 1; k <= harmonics; k++ {
		w := turn[2*k]
		re, im := a[k]-w[0]*b[k], w[1]*b[k]
		rhs[k], rhs[harmonics+k] = re*at[0]+im*at[1], re*at[1]-im*at[0]
		at = rotate(at, one)
	}
	return sum
}

// equalStep returns the step of times t, or 0 where they are not equally spaced but for
// rounding.
func equalStep(t []float64) float64 {
	n := len(t)
	if n < 3 {
		return 0
	}
	span := t[n-1] - t[0]
	step := span / float64(n-1)
	for i, u := range t {
		if !(math.Abs(u-t[0]-float64(i)*step) <= equalSteps*step) {
			return 0
		}
	}
	return step
}

// peaks writes the angles per time of the highest peaks of the periodogram of
// (t, y-mean), at steps of half a period, to dst and returns their number.
func (s *cycle) peaks(mem *arena, dst *[cyclePeaks]float64, t, y []float64, mean float64) int {
	n := len(t)
	most := 2 * int(math.Min(cycleMost, 0.6*float64(n)))
	blk, off := mem.mark()
	defer mem.release(blk, off)
	at, turn := mem.raw(2*n), mem.raw(2*n)
	step := math.Pi / (t[n-1] - t[0])
	for i, u := range t {
		turn[2*i+1], turn[2*i] = math.Sincos(step * (u - s.centre))
		at[2*i], at[2*i+1] = turn[2*i], turn[2*i+1]
	}
	power := mem.raw(most + 1)
	power[0] = 0
	for q := 1; q <= most; q++ {
		var re, im float64
		for i, v := range y {
			a, b := at[2*i], at[2*i+1]
			re += a * (v - mean)
			im += b * (v - mean)
			at[2*i], at[2*i+1] = a*turn[2*i]-b*turn[2*i+1], a*turn[2*i+1]+b*turn[2*i]
		}
		power[q] = re*re + im*im
	}
	found := 0
	var height [cyclePeaks]float64
	for q := 2; q < most; q++ {
		h := power[q]
		if h < power[q-1] || h <= power[q+1] {
			continue
		}
		k := found
		if found < cyclePeaks {
			found++
		} else if k = cyclePeaks - 1; h <= height[k] {
			continue
		}
		for ; k > 0 && height[k-1] < h; k-- {
			height[k], dst[k] = height[k-1], dst[k-1]
		}
		height[k] = h
		curve := power[q-1] - 2*h + power[q+1]
		dst[k] = step * (float64(q) + clamp(0.5*(power[q-1]-power[q+1])/math.Min(curve, -1e-300), -0.5, 0.5))
	}
	return found
}

// seriesFactor is the normal matrix of the series, or its Cholesky factor.
type seriesFactor struct {
	l   [2*harmonics + 1][2*harmonics + 1]float64
	inv [2*harmonics + 1]float64
}

// solve factors the matrix with the prior of noise ratio r in place, replaces
// rhs by the posterior mean and returns the log determinant of the factored
// matrix.
func (f *seriesFactor) solve(r float64, rhs *[2*harmonics + 1]float64) float64 {
	prod, logs := 1.0, 0.0
	for i := range rhs {
		row := &f.l[i]
		h := i
		if i > harmonics {
			h -= harmonics
		}
		row[i] += r / harmonicPrior[h]
		v := rhs[i]
		for j := range i + 1 {
			q := &f.l[j]
			x := row[j]
			for k := range j {
				x -= row[k] * q[k]
			}
			if j < i {
				row[j] = x * f.inv[j]
				v -= row[j] * rhs[j]
			} else {
				x = math.Max(x, 1e-12)
				f.inv[i] = 1 / math.Sqrt(x)
				if prod *= x; i&3 == 3 {
					logs += math.Log(prod)
					prod = 1
				}
			}
		}
		rhs[i] = v * f.inv[i]
	}
	for i := len(rhs) - 1; i >= 0; i-- {
		v := rhs[i] * f.inv[i]
		rhs[i] = v
		for k := range i {
			rhs[k] -= f.l[i][k] * v
		}
	}
	return logs + math.Log(prod)
}

// seriesNoises are the ratios of the variance of what the series leaves over to
// that of the channel.
var seriesNoises = [...]float64{1e-3, 3e-2, 0.3}

// fit fits the cycle to the observations (t,y), whose period is about that of
// theta, and returns the noise ratio of the series and the parameters of the
// process.
func (s *cycle) fit(mem *arena, t, y []float64, theta float64) (float64, process25) {
	n := len(t)
	s.centre = 0.5 * (t[0] + t[n-1])
	blk, off := mem.mark()
	st, sy := t, y
	if k := (n + cycleRows - 1) / cycleRows; k > 1 {
		m := (n-1)/k + 1
		st, sy = mem.raw(m), mem.raw(m)
		for i := range st {
			st[i], sy[i] = t[n-1-(m-1-i)*k], y[n-1-(m-1-i)*k]
		}
	}
	mean := 0.0
	for _, v := range sy {
		mean += v
	}
	mean /= float64(len(sy))
	even := equalStep(st)
	best, pick, noise := math.Inf(-1), theta, seriesNoises[1]
	var gram, work seriesFactor
	var rhs, coef [2*harmonics + 1]float64
	try := func(theta float64) bool {
		s.theta = theta
		square := s.products(st, sy, even, mean, &gram, &rhs)
		found := false
		for _, r := range seriesNoises {
			work, coef = gram, rhs
			logdet := work.solve(r, &coef)
			quad := (square - dot(rhs[:], coef[:])) / r
			m := float64(len(sy))
			// det(Phi S Phi' + r) = r^(n-p) det(Phi'Phi + r/S) det S
			l := -0.5 * (m*math.Log(math.Max(quad/m, 1e-12*square/m+1e-12)) + (m-float64(len(rhs)))*math.Log(r) + logdet)
			if l > best {
				best, pick, noise, found = l, theta, r, true
			}
		}
		return found
	}
	try(theta)
	var peak [cyclePeaks]float64
	for _, p := range peak[:s.peaks(mem, &peak, st, sy, mean)] {
		try(p)
		try(0.5 * p)
	}
	step := math.Pi / (2 * math.Max(t[n-1]-t[0], 1e-300))
	for range cycleRounds {
		if !try(pick + step) {
			try(math.Max(pick-step, 0.25*pick))
		}
		step /= 3
	}
	mem.release(blk, off)
	s.theta = pick
	return noise, s.posterior(mem, t, y, mean, noise, nil)
}

// posterior fits the series of the present period and of the given noise ratio
// to (t,y), and the process to the rest: with parameters k, or the most likely
// ones where k is nil. It returns those.
func (s *cycle) posterior(mem *arena, t, y []float64, mean, noise float64, k *process25) process25 {
	var gram seriesFactor
	s.products(t, y, equalStep(t), mean, &gram, &s.coef)
	gram.solve(noise, &s.coef)
	s.coef[0] += mean
	rest := mem.raw(len(t))
	for i, u := range t {
		v, _ := s.series(u)
		rest[i] = y[i] - v
	}
	if k == nil {
		p := choose(mem, t, rest, 0, restNoises[:])
		k = &p
	}
	s.rest.condition(mem, t, rest, 0, *k)
	return *k
}

// judge sets the errors: log10 of the root mean square error, relative to the standard
// deviation, of each interpolant of (t,y) on observations that it was not given, with the
// parameters of the fits to all, the poles of the oscillations too. The first and the last
// observation are never left out. part is scratch.
func (s *interpolants) judge(mem *arena, part *interpolants, t, y []float64) {
	if n := len(t); n > insideRows {
		t, y = t[n-insideRows:], y[n-insideRows:]
	}
	n := len(t)
	blk, off := mem.mark()
	defer mem.release(blk, off)
	mean, square := 0.0, 0.0
	for _, v := range y {
		mean += v / float64(n)
	}
	for _, v := range y {
		square += (v - mean) * (v - mean)
	}
	for i := range s.weight {
		s.weight[i] = 1 // so that none is left out
	}
	var sum [NumInside]float64
	count := 0.0
	tones := s.tones.newRefit(mem, t)
	for fold := range insideFolds {
		b, o := mem.mark()
		part.refit(mem, s, &tones, t, y, func(i int) bool { return i == 0 || i == n-1 || i%insideFolds != fold })
		for i := 1; i < n-1; i++ {
			if i%insideFolds != fold {
				continue
			}
			for q := range sum {
				v, _ := part.at(q, t[i])
				sum[q] += (v - y[i]) * (v - y[i])
			}
			count++
		}
		mem.release(b, o)
	}
	scale := math.Max(square/float64(n), 1e-12)
	for q, v := range sum {
		s.err[q] = 0.5 * math.Log10(v/math.Max(count, 1)/scale+logFloor*logFloor)
	}
}
