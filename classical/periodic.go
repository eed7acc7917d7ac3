package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// The periodic guide is a Gaussian process with a smooth periodic covariance of
// unknown period, common to all channels: a Fourier series with a ridge that
// grows with the harmonic. On equal steps about their centre the sines and the
// cosines decouple and their products have closed forms, so that the likelihood
// of a period costs one pass over the rows.

const (
	harmonics    = 6
	periodTrys   = 3 // lags of least difference whose periods are tried
	periodRounds = 3 // of refinement of the best
)

// harmonicPrior is the prior variance of the coefficients of each harmonic, the
// constant first, relative to that of the channel.
var harmonicPrior = [harmonics + 1]float64{0.5, 0.4, 0.15, 0.06, 0.024, 0.01, 0.004}

// fourier is a fit of one period to the first end rows of a grid.
type fourier struct {
	gr    *grid
	end   int
	theta float64 // angle per row
	noise float64 // variance relative to the channel's
	mean  []float64
	scale []float64 // sum of squares about the mean
}

// fit writes the coefficients of all channels, 2 harmonics+1 each (cosines from
// the constant on, then sines), to coef and returns the log likelihood.
func (p *fourier) fit(coef []float64) float64 {
	const k0 = harmonics + 1
	n := float64(p.end)
	// Multiples of half the angle, and of that of half the rows, by rotation.
	var turn, half [2*harmonics + 1][2]float64
	turn[0][0], half[0][0] = 1, 1
	turn[1][1], turn[1][0] = math.Sincos(0.5 * p.theta)
	half[1][1], half[1][0] = math.Sincos(0.5 * p.theta * n)
	for m := 2; m < len(turn); m++ {
		turn[m] = rotate(turn[m-1], turn[1])
		half[m] = rotate(half[m-1], half[1])
	}
	var s [2*harmonics + 1]float64 // sums of cosines about the centre
	s[0] = n
	for m := 1; m < len(s); m++ {
		if d := turn[m][1]; math.Abs(d) > 1e-9 {
			s[m] = half[m][1] / d
		} else {
			s[m] = math.Copysign(n, half[m][0]*turn[m][0])
		}
	}
	var gc, gs factor
	r := p.noise
	for i := range k0 {
		for j := range i + 1 {
			gc.l[i][j] = 0.5 * (s[i-j] + s[i+j])
			if j > 0 {
				gs.l[i-1][j-1] = 0.5 * (s[i-j] - s[i+j])
			}
		}
		gc.l[i][i] += r / harmonicPrior[i]
		if i > 0 {
			gs.l[i-1][i-1] += r / harmonicPrior[i]
		}
	}
	// log det of the rows' covariance, but for a constant
	logdet := (n-2*harmonics-1)*math.Log(p.noise) - 2*math.Log(gc.decompose(k0)*gs.decompose(harmonics))
	total := 0.0
	for j := range p.mean {
		x := p.gr.xt[j*p.gr.n:][:p.end]
		out := coef[j*(k0+harmonics):][:k0+harmonics]
		mean := p.mean[j]
		c1, c2, c3 := 2*turn[2][0], 2*turn[4][0], 2*turn[6][0]
		c4, c5, c6 := 2*turn[8][0], 2*turn[10][0], 2*turn[12][0]
		var a1, a2, a3, a4, a5, a6, b1, b2, b3, b4, b5, b6 float64
		for _, v := range x { // Goertzel
			v -= mean
			a1, b1 = v+c1*a1-b1, a1
			a2, b2 = v+c2*a2-b2, a2
			a3, b3 = v+c3*a3-b3, a3
			a4, b4 = v+c4*a4-b4, a4
			a5, b5 = v+c5*a5-b5, a5
			a6, b6 = v+c6*a6-b6, a6
		}
		a := [k0]float64{0, a1, a2, a3, a4, a5, a6}
		b := [k0]float64{0, b1, b2, b3, b4, b5, b6}
		out[0] = 0
		for k := 1; k < k0; k++ {
			w := turn[2*k]
			re, im := a[k]-w[0]*b[k], w[1]*b[k]
			h := rotate(half[k], [2]float64{turn[k][0], -turn[k][1]}) // of rows less one
			out[k] = re*h[0] + im*h[1]
			out[k0+k-1] = re*h[1] - im*h[0]
		}
		var rhs [k0 + harmonics]float64
		copy(rhs[:], out)
		gc.solve(out[:k0])
		gs.solve(out[k0:])
		quad := (p.scale[j] - dot(rhs[:], out)) / p.noise
		total -= 0.5 * (n*math.Log(math.Max(quad/n, 1e-12*p.scale[j]/n+1e-12)) + logdet)
	}
	if total != total {
		return math.Inf(-1)
	}
	return total
}

// rotate is the product of two complex numbers.
func rotate(a, b [2]float64) [2]float64 {
	return [2]float64{a[0]*b[0] - a[1]*b[1], a[0]*b[1] + a[1]*b[0]}
}

// factor is a Cholesky factor of a matrix of the size of the harmonics.
type factor struct {
	l   [harmonics + 1][harmonics + 1]float64
	inv [harmonics + 1]float64
}

// decompose factors the leading m x m block in place and returns the product of
// the reciprocal pivots.
func (f *factor) decompose(m int) float64 {
	prod := 1.0
	for i := range m {
		r := &f.l[i]
		for j := range i + 1 {
			q := &f.l[j]
			v := r[j]
			for k := range j {
				v -= r[k] * q[k]
			}
			if j < i {
				r[j] = v * f.inv[j]
			} else {
				f.inv[i] = 1 / math.Sqrt(math.Max(v, 1e-12))
				prod *= f.inv[i]
			}
		}
	}
	return prod
}

// solve solves the factored system in place.
func (f *factor) solve(b []float64) {
	for i := range b {
		v := b[i]
		for k, u := range b[:i] {
			v -= f.l[i][k] * u
		}
		b[i] = v * f.inv[i]
	}
	for i := len(b) - 1; i >= 0; i-- {
		v := b[i] * f.inv[i]
		b[i] = v
		for k := range i {
			b[k] -= f.l[i][k] * v
		}
	}
}

// search finds period and noise of the first end rows of gr and leaves the
// coefficients in coef.
func (p *fourier) search(a *arena, gr *grid, end int, coef []float64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c := gr.c
	p.gr, p.end = gr, end
	for j := range c {
		m, s := gr.moments(j, end)
		p.mean[j], p.scale[j] = m, s*s*float64(end)
	}
	work := a.raw(len(coef))
	clear(coef)
	most := max(end*3/4, 4)
	d := a.zeros(most + 1)
	for lag := 2; lag <= most && lag < end; lag++ {
		for j := range c {
			x := gr.xt[j*gr.n:][:end]
			d[lag] += asm.SquaredDistance(x[lag:], x[:end-lag]) / (p.scale[j] * float64(end-lag))
		}
	}
	best, theta, noise := math.Inf(-1), 2*math.Pi/float64(end), 0.03
	try := func(t, v float64) bool {
		p.theta, p.noise = t, v
		if l := p.fit(work); l > best {
			best, theta, noise = l, t, v
			copy(coef, work)
			return true
		}
		return false
	}
	try(theta, noise)
	var lags [periodTrys]int
	for _, lag := range lags[:minima(d[:most+1], 3, lags[:])] {
		try(2*math.Pi/vertex(d, lag), noise)
	}
	step := 0.25 * 2 * math.Pi / float64(end)
	for range periodRounds {
		if !try(theta+step, noise) {
			try(theta-step, noise)
		}
		step /= 3
	}
	for _, v := range [...]float64{1e-4, 1e-2, 0.2} {
		try(theta, v)
	}
	p.theta, p.noise = theta, noise
}

// minima writes the lags of the least local minima of d from lag from on, the least first, to
// dst, and returns their number.
func minima(d []float64, from int, dst []int) int {
	found := 0
	for lag := from; lag+1 < len(d); lag++ {
		v := d[lag]
		if !(v < d[lag-1] && v <= d[lag+1]) {
			continue
		}
		q := found
		if found < len(dst) {
			found++
		} else if q = len(dst) - 1; v >= d[dst[q]] {
			continue
		}
		for ; q > 0 && d[dst[q-1]] > v; q-- {
			dst[q] = dst[q-1]
		}
		dst[q] = lag
	}
	return found
}

// vertex is where the parabola through d around its local minimum at lag has its own.
func vertex(d []float64, lag int) float64 {
	if c := d[lag-1] - 2*d[lag] + d[lag+1]; c > 0 {
		return float64(lag) + clamp(.5*(d[lag-1]-d[lag+1])/c, -.5, .5)
	}
	return float64(lag)
}

// ahead writes rows after the fitted ones to dst. The gap to the last row
// decays.
func (p *fourier) ahead(coef []float64, dst track, rows int) {
	const k0 = harmonics + 1
	for j, mean := range p.mean {
		w := coef[j*(k0+harmonics):][:k0+harmonics]
		var y, z, turn [harmonics]float64 // this row's and the last one's
		base := mean + w[0]
		u := 0.5 * float64(p.end-1)
		last := base
		for k := range y {
			q := float64(k+1) * p.theta
			s, c := math.Sincos(q * u)
			y[k] = w[k+1]*c + w[k0+k]*s
			s, c = math.Sincos(q * (u - 1))
			z[k] = w[k+1]*c + w[k0+k]*s
			turn[k] = 2 * math.Cos(q)
			last += y[k]
		}
		miss := p.gr.before(p.end, 1)[j] - last
		for t := range dst.of(j, rows) {
			v := base
			for k := range y {
				y[k], z[k] = turn[k]*y[k]-z[k], y[k]
				v += y[k]
			}
			miss *= 0.8
			dst.x[j*dst.stride+t] = clamp(v+miss, -clipAt, clipAt)
		}
	}
}

// period returns the angle per row of the most likely period of gr.
func (s *scorer) period(mem *arena, gr *grid) float64 {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	p := fourier{mean: mem.raw(gr.c), scale: mem.raw(gr.c)}
	p.search(mem, gr, gr.n, mem.raw(gr.c*(2*harmonics+1)))
	return p.theta
}

// periodic adds the periodic guide and returns its angle per row.
func (s *scorer) periodic(mem *arena, g *group, gr *grid, id int) float64 {
	theta := 0.0
	s.unfitted(mem, g, gr, id, func(end int, dst track, rows int) {
		blk, off := mem.mark()
		defer mem.release(blk, off)
		p := fourier{mean: mem.raw(s.c), scale: mem.raw(s.c)}
		coef := mem.raw(s.c * (2*harmonics + 1))
		p.search(mem, gr, end, coef)
		p.ahead(coef, dst, rows)
		if end == gr.n {
			theta = p.theta
		}
	})
	return theta
}
