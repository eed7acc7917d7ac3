package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// clipAt bounds every roll-out, in half ranges of the context. A forecast
// further out than this is worthless and must not feed back into the cubic
// features. It is a variable for the test that compares with outputs of the time
// when it was 6.
var clipAt = 30.

// maxPoly is the largest number of polynomial features fitted; beyond it a
// candidate falls back to a linear one.
const maxPoly = 170

// grid is a multichannel series on regular times, row-major n x c, scaled to
// half ranges.
type grid struct {
	n, c int
	end  float64 // time of the last row
	dt   float64
	x    []float64
	xt   []float64 // x by channel, c x n
	dev  []float64 // standard deviation per channel, floored
	ok   []bool    // false: row lies in a gap, not to be learnt from
	gaps bool      // any !ok
	// Rows in which all channels were observed, and where in the grid they are, in rows
	// of it; nil when the rows of the grid are these, or they are few.
	rows, at []float64
	// All observed rows, where they are, and which entries were observed, the others being
	// interpolated; empty when these are the former.
	partial, partialAt []float64
	seen               []bool
	// Mean square error of the interpolation between the rows, where there are more of
	// them: what is validated at the rows alone is as wrong in between. Nil: none.
	between []float64
	// The last stateRows rows before the end of each fold but the first as they were known
	// then, under noise.
	states [folds][]float64
	// Feature scales of the first and second differences per stride 1..3:
	// they bring differences to the size of the values, which makes one ridge
	// fit all sampling rates.
	s1, s2 [4][]float64
	// Stretches of a library on the same step and in the same units, and the
	// weight of all of them relative to the n rows.
	library       [][]float64
	libraryWeight float64
}

// stateRows is the largest number of rows that a forecast starts from.
const stateRows = 32

// before returns the last rows before the end of a fold, for forecasts to start from.
func (g *grid) before(end, rows int) []float64 {
	for k, n := range g.foldEnds() {
		if x := g.states[k]; x != nil && end == n {
			return x[(stateRows-rows)*g.c:]
		}
	}
	return g.x[(end-rows)*g.c : end*g.c]
}

// time is that of row i.
func (g *grid) time(i int) float64 { return g.end - float64(g.n-1-i)*g.dt }

// foldEnds are the numbers of rows that the folds learn from, the first ones.
func (g *grid) foldEnds() [folds]int { return [folds]int{g.n, g.n - g.n/4, g.n - 2*(g.n/4)} }

// form is the shape of one regression: which features predict the next row.
type form struct {
	poly   bool // false: linear autoregression on raw lags
	cubic  bool // poly: plus all cubic monomials of the current row
	order  int  // rows that enter
	stride int  // spacing of these rows; the prediction is one stride ahead
}

// features is the number of regressors for c channels.
func (f form) features(c int) int {
	m := f.order * c
	if !f.poly {
		return 1 + m
	}
	p := 1 + m + m*(m+1)/2
	if f.cubic {
		p += c * (c + 1) * (c + 2) / 6
	}
	return p
}

// lags is the number of rows before the predicted one that are read.
func (f form) lags() int { return f.order * f.stride }

// lift writes the features that predict row t of x (row-major, c channels).
// Linear: the bias and the lagged rows, oldest first. Polynomial: bias,
// u = (row, scaled first difference, scaled second difference), products of
// pairs of u, then products of triples of the row.
func (f form) lift(phi, x []float64, t, c int, g *grid) {
	phi[0] = 1
	k := f.stride
	if !f.poly {
		if k == 1 {
			copy(phi[1:], x[(t-f.order)*c:t*c])
			return
		}
		o := 1
		for i := f.order; i >= 1; i-- {
			o += copy(phi[o:], x[(t-i*k)*c:(t-i*k)*c+c])
		}
		return
	}
	a := x[(t-k)*c : (t-k)*c+c]
	u := phi[1 : 1+f.order*c]
	copy(u, a)
	if f.order >= 2 {
		b := x[(t-2*k)*c : (t-2*k)*c+c]
		s := g.s1[k]
		for i, v := range a {
			u[c+i] = s[i] * (v - b[i])
		}
		if f.order >= 3 {
			d := x[(t-3*k)*c : (t-3*k)*c+c]
			s := g.s2[k]
			for i, v := range a {
				u[2*c+i] = s[i] * (v - 2*b[i] + d[i])
			}
		}
	}
	o := 1 + len(u)
	for i, v := range u {
		row := u[i:]
		q := phi[o : o+len(row)]
		for j, w := range row {
			q[j] = v * w
		}
		o += len(row)
	}
	if f.cubic {
		for i := 0; i < c; i++ {
			for j := i; j < c; j++ {
				v := u[i] * u[j]
				for l := j; l < c; l++ {
					phi[o] = v * u[l]
					o++
				}
			}
		}
	}
}

// folds is the number of parts of the context every guide is fitted to: all
// of it, the first three quarters, the first half.
const folds = 3

// rowOK reports whether row t and all rows that form f reads for it are
// outside gaps.
func rowOK(ok []bool, t int, f form) bool {
	for i := 0; i <= f.order; i++ {
		if !ok[t-i*f.stride] {
			return false
		}
	}
	return true
}

// setScales computes the copy of g by channel and its difference scales.
func (g *grid) setScales(a *arena) {
	n, c := g.n, g.c
	g.xt, g.dev = a.raw(n*c), a.raw(c)
	for j := 0; j < c; j++ {
		x := g.xt[j*n : (j+1)*n]
		for i := range x {
			x[i] = g.x[i*c+j]
		}
		_, g.dev[j] = g.moments(j, n)
	}
	for k := 1; k <= 3; k++ {
		g.s1[k] = a.raw(c)
		g.s2[k] = a.raw(c)
	}
	for j := 0; j < c; j++ {
		x := g.xt[j*n : (j+1)*n]
		sx, sxx, _ := asm.Moments(x, 0)
		v := math.Sqrt(math.Max(sxx/float64(n)-sx*sx/float64(n)/float64(n), 1e-6))
		for k := 1; k <= 3; k++ {
			d1, d2 := 0.0, 0.0
			n1, n2 := max(n-k, 0), max(n-2*k, 0)
			if n1 > 0 {
				d1 = asm.SquaredDistance(x[k:], x[:n1])
			}
			for i := 2 * k; i < n; i++ {
				d := (x[i] - x[i-k]) - (x[i-k] - x[i-2*k])
				d2 += d * d
			}
			g.s1[k][j] = clamp(v/math.Sqrt(d1/math.Max(float64(n1), 1)+1e-12), 1, 64)
			g.s2[k][j] = clamp(v/math.Sqrt(d2/math.Max(float64(n2), 1)+1e-12), 1, 1024)
		}
	}
}

// family is a set of candidates of one validated fit, shared by the
// forecasters and the bank.
type family struct {
	poly   bool
	orders []int
	ridges []float64
}

var (
	linearFamily    = family{false, []int{2, 4, 8, 16, 32}, []float64{1e-9, 1e-6, 1e-3, 1e-1}}
	quadraticFamily = family{true, []int{1, 2, 3}, []float64{1e-7, 1e-4, 1e-2, 1}}
)

// maxOrders bounds the orders of a family.
const maxOrders = 5

// leftOutRidge is the ridge of an order that was left out of a search.
const leftOutRidge = 1e-3

// choice is the outcome of a validated search.
type choice struct {
	form  form
	ridge float64
	err   float64 // validation rmse over channel standard deviation
}

// validate rolls each ridge's regression of fold k over the last quarter of the
// grid and keeps the best in ch.
func (s *normal) validate(a *arena, k int, ridges []float64, ch *choice) {
	blk, off := a.mark()
	defer a.release(blk, off)
	g, c, end := s.g, s.c, s.end[k]
	nv := g.n - end
	var w [folds][]float64
	s.ridgeLanes(a, ridges, &w, k, k)
	lo, hi := limits(a, c)
	var out [lanes]track
	for i := range out {
		out[i] = newTrack(a, c, nv)
	}
	s.roll(a, w[k], [lanes]int{end, end, end, end}, [lanes]int{nv, nv, nv, nv}, lo, hi, &out)
	for i, ridge := range ridges {
		sum, cnt := g.misfit(out[i], nv, end)
		e := math.Inf(1)
		if cnt > 0 {
			e = math.Sqrt(sum / float64(cnt*c))
		}
		if e < ch.err {
			*ch = choice{s.f, ridge, e}
		}
	}
}

// limits returns the bounds of every roll-out.
func limits(a *arena, c int) (lo, hi []float64) {
	lo, hi = a.raw(c*lanes), a.raw(c*lanes)
	for i := range lo {
		lo[i], hi[i] = -clipAt, clipAt
	}
	return lo, hi
}

// distance is the sum of squared differences between x and the rows of
// channel j from start on, gap rows left out, and how many rows counted.
func (g *grid) distance(x []float64, j, start int) (float64, int) {
	y := g.xt[j*g.n+start:][:len(x)]
	if !g.gaps {
		return asm.SquaredDistance(x, y), len(x)
	}
	sum, cnt := 0.0, 0
	for t, v := range x {
		if g.ok[start+t] {
			d := v - y[t]
			sum += d * d
			cnt++
		}
	}
	return sum, cnt
}

// misfit is the sum over channels of the squared differences between the first
// rows of x and those of g from start on, relative to the channel's variance, and
// how many rows counted.
func (g *grid) misfit(x track, rows, start int) (sum float64, cnt int) {
	for j := range g.c {
		var d float64
		d, cnt = g.distance(x.of(j, rows), j, start)
		sum += d / (g.dev[j] * g.dev[j])
	}
	return sum, cnt
}

// value interpolates channel j at row u, 0 <= u <= end-1, between the first end rows: Catmull
// and Rom's cubic, a line at both ends.
func (g *grid) value(j, end int, u float64) float64 {
	x := g.xt[j*g.n:][:end]
	k := min(int(u), end-2)
	u -= float64(k)
	v := x[k] + u*(x[k+1]-x[k])
	if u > 0 && k > 0 && k+2 < end {
		v += .5 * u * (1 - u) * ((1-u)*(2*x[k]-x[k-1]-x[k+1]) + u*(2*x[k+1]-x[k]-x[k+2]))
	}
	return v
}

// judgeBetween sets g.between by the rows of a finer grid.
func (g *grid) judgeBetween(a *arena, fine *grid) {
	g.between = a.zeros(g.c)
	start, count := g.time(0), 0
	for i := range fine.n {
		u := (fine.time(i) - start) / g.dt
		if u < 0 {
			continue
		}
		count++
		for j := range g.c {
			d := g.value(j, g.n, min(u, float64(g.n-1))) - fine.xt[j*fine.n+i]
			g.between[j] += d * d
		}
	}
	for j := range g.between {
		g.between[j] /= float64(count)
	}
}

// moments returns mean and standard deviation (floored) of channel j over the
// first n rows.
func (g *grid) moments(j, n int) (float64, float64) {
	x := g.xt[j*g.n:][:n]
	m, _, _ := asm.Moments(x, 0)
	m /= math.Max(float64(n), 1)
	q := 0.0
	for _, v := range x {
		q += (v - m) * (v - m)
	}
	return m, math.Max(math.Sqrt(q/math.Max(float64(n), 1)), 0.02)
}

// search returns the candidate of fam with the least validation error on g.
// Orders whose regressors exceed maxP or that leave nothing to learn from are
// left out. Each order's best, with an infinite error when it was left out,
// is given to visit, unless that is nil, with its normal equations (nil when it
// was left out).
func (a *arena) search(fam *family, g *grid, maxP int, visit func(order int, ch choice, s *normal)) choice {
	best := choice{form{order: 1, stride: 1, poly: fam.poly}, 1e-3, math.Inf(1)}
	if best.form.features(g.c) > maxP {
		best.form.poly = false
	}
	nv := g.n / 4
	ends := g.foldEnds()
	for i, o := range fam.orders {
		f := form{poly: fam.poly, order: o, stride: 1}
		ch := choice{f, leftOutRidge, math.Inf(1)}
		blk, off := a.mark()
		var s *normal
		if f.features(g.c) <= maxP && g.n-nv-f.lags() >= 3 && nv >= 1 {
			s = &a.work[0]
			s.build(a, f, g, ends[:])
			s.validate(a, 1, fam.ridges, &ch)
		}
		if visit != nil {
			visit(i, ch, s)
		}
		a.release(blk, off)
		if ch.err < best.err {
			best = ch
		}
	}
	return best
}
