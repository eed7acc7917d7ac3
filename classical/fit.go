package classical

import "math"

// clipAt bounds every roll-out, in half ranges of the context. A forecast
// further out than this is worthless and must not feed back into the cubic
// features.
const clipAt = 6

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
	ok   []bool    // false: row lies in a gap, not to be learnt from
	ref  []float64 // values that forecasts are scored against (x itself when clean)
	gaps bool      // any !ok
	// Feature scales of the first and second differences per stride 1..3:
	// they bring differences to the size of the values, which makes one ridge
	// fit all sampling rates.
	s1, s2 [4][]float64
	// Stretches of a library on the same step and in the same units, and the
	// weight of all of them relative to the n rows.
	library       [][]float64
	libraryWeight float64
}

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

// weights are the coefficients of one fitted regression: c rows of p.
type weights []float64

// maxRidges bounds the ridges solved from one set of features.
const maxRidges = 4

// folds is the number of parts of the context every guide is fitted to: all
// of it, the first three quarters, the first half.
const folds = 3

// fit solves ridge regressions of form f on the rows of g before ends[k], for
// every fold k and every ridge (added unscaled to the diagonal, bias
// included). ends must not increase. The coefficients predict the row itself
// (linear) or its change over one stride (polynomial). Whichever is smaller
// is factored: the p x p Gram matrix, of which the folds are partial sums, or
// the kernel matrix of the rows, of which the folds are leading blocks so that
// one factorisation serves all.
func (a *arena) fit(f form, g *grid, ends []int, ridges []float64, out *[maxRidges][folds]weights) {
	c, p, lag := g.c, f.features(g.c), f.lags()
	for i := range ridges {
		for k := range ends {
			out[i][k] = a.zeros(c * p)
		}
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	total := ends[0]
	rmax := total - lag
	if rmax < 0 {
		rmax = 0
	}
	var rows [folds]int // rows of each fold, those of the library included
	fleet := g.libraryRows(f)
	phi := a.raw((fleet+rmax)*p + 1)
	y := a.raw((fleet+rmax)*c + 1)
	r := 0
	if fleet > 0 {
		// Library rows come first and so belong to every fold.
		scale := math.Sqrt(g.libraryWeight * float64(g.n) / float64(fleet))
		for _, x := range g.library {
			for t := lag; t < len(x)/c; t++ {
				f.lift(phi[r*p:r*p+p], x, t, c, g)
				for i := range p {
					phi[r*p+i] *= scale
				}
				for i := 0; i < c; i++ {
					v := x[t*c+i]
					if f.poly {
						v -= x[(t-f.stride)*c+i]
					}
					y[r*c+i] = scale * v
				}
				r++
			}
		}
		for k := range rows {
			rows[k] = r
		}
	}
	for t := lag; t < total; t++ {
		if g.gaps && !rowOK(g.ok, t, f) {
			continue
		}
		f.lift(phi[r*p:r*p+p], g.x, t, c, g)
		if f.poly {
			for i := 0; i < c; i++ {
				y[r*c+i] = g.x[t*c+i] - g.x[(t-f.stride)*c+i]
			}
		} else {
			copy(y[r*c:r*c+c], g.x[t*c:t*c+c])
		}
		r++
		for k, e := range ends {
			if t < e {
				rows[k] = r
			}
		}
	}
	if p > r {
		a.fitDual(phi, y, p, c, r, rows[:len(ends)], ridges, out)
	} else {
		a.fitPrimal(phi, y, p, c, r, rows[:len(ends)], ridges, out)
	}
	for k := range ends {
		if rows[k] > 0 || f.poly {
			continue
		}
		for i := range ridges { // nothing to learn from: repeat the last row
			for j := 0; j < c; j++ {
				out[i][k][j*p+p-c+j] = 1
			}
		}
	}
}

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

// fitPrimal solves the normal equations of fit.
func (a *arena) fitPrimal(phi, y []float64, p, c, r int, rows []int, ridges []float64, out *[maxRidges][folds]weights) {
	ft := a.raw(p * r) // feature-major copy: Gram entries become contiguous dots
	for i := 0; i < r; i++ {
		row := phi[i*p : i*p+p]
		for j, v := range row {
			ft[j*r+i] = v
		}
	}
	yt := a.raw(c * r)
	for i := 0; i < r; i++ {
		for j := 0; j < c; j++ {
			yt[j*r+i] = y[i*c+j]
		}
	}
	gram := a.zeros(p * p)
	rhs := a.zeros(c * p)
	l := a.raw(p * p)
	inv := a.raw(p)
	from := 0
	for k := len(rows) - 1; k >= 0; k-- { // smallest fold first
		gramLower(gram, ft, p, r, from, rows[k])
		for j := 0; j < c; j++ {
			v := yt[j*r+from : j*r+rows[k]]
			for i := 0; i < p; i++ {
				rhs[j*p+i] += dot(v, ft[i*r+from:i*r+rows[k]])
			}
		}
		from = rows[k]
		for i, ridge := range ridges {
			for q := 0; q < p; q++ {
				copy(l[q*p:q*p+q+1], gram[q*p:q*p+q+1])
				l[q*p+q] += ridge
			}
			cholesky(l, p, p, 0.5*ridge, inv)
			for j := 0; j < c; j++ {
				w := out[i][k][j*p : j*p+p]
				copy(w, rhs[j*p:j*p+p])
				solveLower(l, p, p, inv, w)
			}
		}
	}
}

// fitDual solves fit through the kernel matrix: w = Phi'(Phi Phi' + ridge)^-1 y.
func (a *arena) fitDual(phi, y []float64, p, c, r int, rows []int, ridges []float64, out *[maxRidges][folds]weights) {
	kern := a.zeros(r*r + 1)
	gramLower(kern, phi, r, p, 0, p)
	l := a.raw(r*r + 1)
	inv := a.raw(r + 1)
	al := a.raw(r + 1)
	for i, ridge := range ridges {
		for q := 0; q < r; q++ {
			copy(l[q*r:q*r+q+1], kern[q*r:q*r+q+1])
			l[q*r+q] += ridge
		}
		cholesky(l, r, r, 0.5*ridge, inv)
		for k, rk := range rows {
			for j := 0; j < c; j++ {
				for q := 0; q < rk; q++ {
					al[q] = y[q*c+j]
				}
				solveLower(l, rk, r, inv, al[:rk])
				w := out[i][k][j*p : j*p+p]
				q := 0
				for ; q < rk; q++ {
					axpy(al[q], phi[q*p:q*p+p], w)
				}
			}
		}
	}
}

// roll continues buf, whose first start rows are history (at least f.lags()),
// by steps rows and returns how many values were clipped. lo and hi (per
// channel) bound the values. phi is scratch of f.features(c) floats.
func (f form) roll(buf []float64, start, steps int, w weights, g *grid, lo, hi, phi []float64) int {
	c := g.c
	p := len(w) / c
	phi = phi[:p]
	clipped := 0
	for t := start; t < start+steps; t++ {
		f.lift(phi, buf, t, c, g)
		row := buf[t*c : t*c+c]
		prev := buf[(t-f.stride)*c : (t-f.stride)*c+c]
		for j := range row {
			v := dot(phi, w[j*p:j*p+p])
			if f.poly {
				v += prev[j]
			}
			if v < lo[j] {
				v = lo[j]
				clipped++
			} else if v > hi[j] {
				v = hi[j]
				clipped++
			} else if v != v {
				v = prev[j]
				clipped++
			}
			row[j] = v
		}
	}
	return clipped
}

// setScales computes the difference scales of g.
func (g *grid) setScales(a *arena) {
	for k := 1; k <= 3; k++ {
		g.s1[k] = a.raw(g.c)
		g.s2[k] = a.raw(g.c)
		for j := 0; j < g.c; j++ {
			var sx, sxx, d1, d2 float64
			var n1, n2 int
			for i := 0; i < g.n; i++ {
				v := g.x[i*g.c+j]
				sx += v
				sxx += v * v
				if i >= k {
					d := v - g.x[(i-k)*g.c+j]
					d1 += d * d
					n1++
					if i >= 2*k {
						d -= g.x[(i-k)*g.c+j] - g.x[(i-2*k)*g.c+j]
						d2 += d * d
						n2++
					}
				}
			}
			n := float64(g.n)
			v := math.Sqrt(math.Max(sxx/n-sx*sx/n/n, 1e-6))
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

// choice is the outcome of a validated search.
type choice struct {
	form  form
	ridge float64
	err   float64 // validation rmse over channel standard deviation
}

// validate fits form f with every ridge on the first three quarters of g,
// rolls each over the last quarter and keeps the best in ch.
func (a *arena) validate(f form, g *grid, ridges []float64, ch *choice) {
	nv := g.n / 4
	end := g.n - nv
	if nv < 1 || end <= f.lags() {
		return
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	var w [maxRidges][folds]weights
	ends := [1]int{end}
	a.fit(f, g, ends[:], ridges, &w)
	c := g.c
	h := f.lags()
	buf := a.raw((h + nv) * c)
	phi := a.raw(f.features(c))
	lo, hi := a.raw(c), a.raw(c)
	vari := a.raw(c)
	for j := 0; j < c; j++ {
		lo[j], hi[j] = -clipAt, clipAt
		_, s := g.moments(j, g.n)
		vari[j] = s * s
	}
	for i, ridge := range ridges {
		copy(buf, g.x[(end-h)*c:end*c])
		f.roll(buf, h, nv, w[i][0], g, lo, hi, phi)
		sum := 0.0
		cnt := 0
		for t := 0; t < nv; t++ {
			if g.gaps && !g.ok[end+t] {
				continue
			}
			cnt++
			for j := 0; j < c; j++ {
				d := buf[(h+t)*c+j] - g.x[(end+t)*c+j]
				sum += d * d / vari[j]
			}
		}
		e := math.Inf(1)
		if cnt > 0 {
			e = math.Sqrt(sum / float64(cnt*c))
		}
		if e < ch.err {
			*ch = choice{f, ridge, e}
		}
	}
}

// moments returns mean and standard deviation (floored) of channel j over the
// first n rows.
func (g *grid) moments(j, n int) (float64, float64) {
	m, q := 0.0, 0.0
	for i := 0; i < n; i++ {
		m += g.x[i*g.c+j]
	}
	m /= math.Max(float64(n), 1)
	for i := 0; i < n; i++ {
		d := g.x[i*g.c+j] - m
		q += d * d
	}
	return m, math.Max(math.Sqrt(q/math.Max(float64(n), 1)), 0.02)
}

// search returns the candidate of fam with the least validation error on g.
// Orders whose regressors exceed maxP or that leave nothing to learn from are
// left out. The best of each order goes to per when it is not nil; an order
// left out keeps an infinite error there.
func (a *arena) search(fam *family, g *grid, maxP int, per *[maxOrders]choice) choice {
	best := choice{form{order: 1, stride: 1, poly: fam.poly}, 1e-3, math.Inf(1)}
	if best.form.features(g.c) > maxP {
		best.form.poly = false
	}
	for i, o := range fam.orders {
		f := form{poly: fam.poly, order: o, stride: 1}
		ch := choice{f, 1e-3, math.Inf(1)}
		if f.features(g.c) <= maxP && g.n-g.n/4-f.lags() >= 3 {
			a.validate(f, g, fam.ridges, &ch)
		}
		if per != nil {
			per[i] = ch
		}
		if ch.err < best.err {
			best = ch
		}
	}
	return best
}
