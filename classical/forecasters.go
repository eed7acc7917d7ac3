// Package classical holds forecasters that are fitted to the observed context of
// one series alone: persistence and mean, linear and quadratic autoregressions
// with their order validated on the last part of the context, dynamic mode
// decomposition, parroting, and Gaussian processes. [Bank] fits the cheap ones
// together, as guides of the network; [ByName] gives the baselines of the
// command's eval. Times rise; values are row-major, a row per time, NaN where
// not observed. A Bank belongs to one goroutine.
package classical

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Forecaster predicts one system from one context, without any training.
//
// Forecast writes the state at each time of at (any order) to dst, row-major
// len(at) x channels. times must increase strictly, values is row-major
// len(times) x channels with NaN or infinite entries for missing ones. Results are
// always finite; a channel without observations is forecast as zero. It panics
// when the lengths do not fit. A Forecaster keeps scratch: one goroutine at a
// time; nothing is retained of the arguments and results do not depend on
// earlier calls.
type Forecaster interface {
	Name() string
	Forecast(dst []float64, times, values []float64, channels int, at []float64)
}

// All returns a new instance of every forecaster, simplest first:
// persistence and mean; linear-ar4, a linear autoregression of order 4;
// linear-ar, of order 2, 4, 8, 16 or 32 with one of four ridges, both
// validated on the last quarter of the context; nvar, its quadratic
// counterpart of order 1, 2 or 3; dmd, dynamic mode decomposition in delay
// coordinates with validated delays and rank; parroting, replay of what
// followed the best match of the context's tail, its length validated; gp, a
// Gaussian process per channel (squared exponential, Matern or locally periodic); auto, the one of all candidates of linear-ar
// and nvar with the least validation error.
//
// Contexts that are irregular or have gaps are resampled to a regular grid at
// the median step; queries inside the context are answered by linear
// interpolation (gp: by its posterior mean).
func All() []Forecaster {
	return []Forecaster{
		&basic{name: "persistence"}, &basic{name: "mean"},
		&gridded{name: "linear-ar4", run: rollAR4},
		&gridded{name: "linear-ar", run: rollAR},
		&gridded{name: "nvar", run: rollNVAR},
		&gridded{name: "dmd", run: rollDMD},
		&gridded{name: "parroting", run: rollParrot},
		&process{},
		&gridded{name: "auto", run: rollAuto},
	}
}

// ByName returns a new instance of the named forecaster.
func ByName(name string) (Forecaster, error) {
	var names []string
	for _, f := range All() {
		if f.Name() == name {
			return f, nil
		}
		names = append(names, f.Name())
	}
	return nil, fmt.Errorf("classical: forecaster %q is unknown, want one of %s", name, strings.Join(names, ", "))
}

// Hindsight returns the index of the forecast with the least squared error
// against truth, the mark that no forecaster choosing from the context alone
// can pass. Entries where truth is NaN do not count; ties go to the first. It
// panics when lengths differ and returns -1 without forecasts.
func Hindsight(truth []float64, forecasts ...[]float64) int {
	best, arg := math.Inf(1), -1
	for i, f := range forecasts {
		if len(f) != len(truth) {
			panicShape("Hindsight", "len(forecast)", len(f), "len(truth)", len(truth))
		}
		sum := 0.0
		for k, v := range truth {
			if v == v {
				sum += (f[k] - v) * (f[k] - v)
			}
		}
		if sum < best || arg < 0 {
			best, arg = sum, i
		}
	}
	return arg
}

// checkForecast panics on lengths that do not fit.
func checkForecast(name string, dst, times, values []float64, channels int, at []float64) {
	if len(values) != len(times)*channels {
		panicShape(name, "len(values)", len(values), "len(times)*channels", len(times)*channels)
	}
	if len(dst) != len(at)*channels {
		panicShape(name, "len(dst)", len(dst), "len(at)*channels", len(at)*channels)
	}
}

// basic is persistence or the mean.
type basic struct {
	name string
	w    work
}

// Name implements Forecaster.
func (b *basic) Name() string { return b.name }

// Forecast implements Forecaster.
func (b *basic) Forecast(dst []float64, times, values []float64, channels int, at []float64) {
	checkForecast(b.name, dst, times, values, channels, at)
	w := &b.w
	for c0 := 0; c0 < channels; c0 += maxGroup {
		c := min(maxGroup, channels-c0)
		w.mem.reset()
		w.pr.scale(&w.mem, times, values, channels, c0, c)
		for j := 0; j < c; j++ {
			y := w.pr.yobs[j]
			v := 0.0
			if n := len(y); n > 0 {
				v = y[n-1]
				if b.name == "mean" {
					v = 0
					for _, u := range y {
						v += u
					}
					v /= float64(n)
				}
			}
			for i, t := range at {
				u := v
				if len(times) > 0 && t < times[len(times)-1] {
					u = w.pr.linear(j, t)
				}
				dst[i*channels+c0+j] = bounded(w.pr.mid[j] + w.pr.half[j]*u)
			}
		}
	}
}

// work is the scratch of one forecaster.
type work struct {
	mem     arena
	pr      prep
	g       grid
	natural []spline
	smooth  []spline
}

// gridLimit is the largest number of rows the forecasters fit; longer contexts
// are thinned evenly.
const gridLimit = 512

// gridded is a forecaster that continues a regular grid: run writes steps rows
// after the context to path, whose first pathHistory rows are the context's
// last.
type gridded struct {
	name string
	run  func(a *arena, g *grid, path []float64, steps int)
	w    work
}

// Name implements Forecaster.
func (f *gridded) Name() string { return f.name }

// Forecast implements Forecaster.
func (f *gridded) Forecast(dst []float64, times, values []float64, channels int, at []float64) {
	checkForecast(f.name, dst, times, values, channels, at)
	w := &f.w
	end := 0.0
	if n := len(times); n > 0 {
		end = times[n-1]
	}
	far := end
	for _, t := range at {
		if finite(t) {
			far = math.Max(far, t)
		}
	}
	for c0 := 0; c0 < channels; c0 += maxGroup {
		c := min(maxGroup, channels-c0)
		w.mem.reset()
		w.pr.scale(&w.mem, times, values, channels, c0, c)
		for len(w.natural) < c {
			w.natural = append(w.natural, spline{})
			w.smooth = append(w.smooth, spline{})
		}
		noise := w.mem.zeros(c)
		clean := true
		if !w.pr.regular {
			w.pr.splines(&w.mem, w.natural[:c], w.smooth[:c], noise)
			clean = slices.Max(noise) < cleanNoise
		}
		w.pr.nativeGrid(&w.mem, &w.g, w.natural[:c], clean, gridLimit)
		w.g.setScales(&w.mem)
		p := path{row: c, column: 1, dt: w.g.dt, steps: int(clamp(math.Ceil((far-w.g.end)/w.g.dt)+3, 4, 8*maxPath))}
		p.x = w.mem.raw((pathHistory + p.steps) * c)
		copy(p.x, w.g.x[(w.g.n-pathHistory)*c:])
		f.run(&w.mem, &w.g, p.x, p.steps)
		for j := 0; j < c; j++ {
			for i, t := range at {
				var v float64
				if t < end {
					v = w.pr.linear(j, t)
				} else {
					var st stencil
					st.set(&p, t-w.g.end)
					v, _ = st.at(&p, j)
				}
				dst[i*channels+c0+j] = bounded(w.pr.mid[j] + w.pr.half[j]*v)
			}
		}
	}
}

// rollForm fits f to all of g and rolls it.
func rollForm(a *arena, g *grid, f form, ridge float64, path []float64, steps int) {
	c := g.c
	for f.lags() > g.n-1 && f.order > 1 {
		f.order--
	}
	s := &a.work[0]
	s.build(a, f, g, []int{g.n})
	var w [folds][]float64
	s.ridgeLanes(a, []float64{ridge}, &w, 0, 0)
	lo, hi := limits(a, c)
	out := newTrack(a, c, steps)
	n := g.n
	s.roll(a, w[0], [lanes]int{n, n, n, n}, [lanes]int{steps, steps, steps, steps}, lo, hi, &[lanes]track{out, out, out, out})
	for j := range c {
		for t, v := range out.of(j, steps) {
			path[(pathHistory+t)*c+j] = v
		}
	}
}

// Features of validated fits are limited so that cost stays bounded with many
// channels.
const (
	maxLinear    = 513
	maxQuadratic = 400
)

func rollAR4(a *arena, g *grid, path []float64, steps int) {
	rollForm(a, g, form{order: 4, stride: 1}, 1e-5, path, steps)
}

func rollAR(a *arena, g *grid, path []float64, steps int) {
	ch := a.search(&linearFamily, g, maxLinear, nil)
	rollForm(a, g, ch.form, ch.ridge, path, steps)
}

func rollNVAR(a *arena, g *grid, path []float64, steps int) {
	ch := a.search(&quadraticFamily, g, maxQuadratic, nil)
	rollForm(a, g, ch.form, ch.ridge, path, steps)
}

func rollAuto(a *arena, g *grid, path []float64, steps int) {
	ch := a.search(&linearFamily, g, maxLinear, nil)
	if q := a.search(&quadraticFamily, g, maxQuadratic, nil); q.err < ch.err {
		ch = q
	}
	rollForm(a, g, ch.form, ch.ridge, path, steps)
}

func rollParrot(a *arena, g *grid, path []float64, steps int) {
	nv := g.n / 4
	end := g.n - nv
	buf := a.raw(nv*g.c + 1)
	best, m := math.Inf(1), parrotPoints[0]
	for _, k := range parrotPoints {
		analogue(g, end, k, buf, g.c, 1, nv)
		if e := validationError(g, buf, end, nv); e < best {
			best, m = e, k
		}
	}
	analogue(g, g.n, m, path[pathHistory*g.c:], g.c, 1, steps)
}

// validationError is the joint relative rmse of nv rows of p after row end.
func validationError(g *grid, p []float64, end, nv int) float64 {
	sum := 0.0
	for j := 0; j < g.c; j++ {
		_, s := g.moments(j, g.n)
		for t := 0; t < nv; t++ {
			d := (p[t*g.c+j] - g.x[(end+t)*g.c+j]) / s
			sum += d * d
		}
	}
	return math.Sqrt(sum / math.Max(float64(nv*g.c), 1))
}

// rollDMD is dynamic mode decomposition of the delay matrix: the delay vectors
// are projected on their r leading left singular vectors, the reduced linear
// map is fitted by least squares, iterated, and read out through the newest
// block. Delays and r are validated on the last quarter.
func rollDMD(a *arena, g *grid, path []float64, steps int) {
	nv := g.n / 4
	end := g.n - nv
	c := g.c
	buf := a.raw(nv*c + 1)
	best, delays, rank := math.Inf(1), 1, 1
	for _, d := range []int{1, 4, 8, 16, 32} {
		if d > 1 && (d*c > 64 || end-d < max(4, d/2)) {
			continue
		}
		blk, off := a.mark()
		var m modes
		m.decompose(a, g, end, d)
		for _, r := range []int{1, 2, 3, 4, 6, 8, 12, 16, 24} {
			if r > m.p || r > end-d-1 {
				break
			}
			m.roll(a, g, end, r, buf, nv)
			if e := validationError(g, buf, end, nv); e < best {
				best, delays, rank = e, d, r
			}
		}
		a.release(blk, off)
	}
	var m modes
	m.decompose(a, g, g.n, delays)
	m.roll(a, g, g.n, rank, path[pathHistory*c:], steps)
}

// modes is the singular basis of a delay matrix.
type modes struct {
	d, p, rows int
	mean       []float64
	phi        []float64 // rows x p centred delay vectors, oldest block first
	u          []float64 // p x p, row k = k-th direction, strongest first
}

// decompose builds the delay matrix of the first end rows with d delays.
func (m *modes) decompose(a *arena, g *grid, end, d int) {
	c := g.c
	m.d, m.p = d, d*c
	m.rows = max(end-d+1, 0)
	m.mean = a.raw(c)
	for j := range m.mean {
		m.mean[j], _ = g.moments(j, end)
	}
	m.phi = a.raw(m.rows*m.p + 1)
	for r := 0; r < m.rows; r++ {
		for i := 0; i < m.p; i++ {
			m.phi[r*m.p+i] = g.x[r*c+i] - m.mean[i%c]
		}
	}
	cov := a.zeros(m.p * m.p)
	for r := 0; r < m.rows; r++ {
		row := m.phi[r*m.p : (r+1)*m.p]
		for i, v := range row {
			axpy(v, row, cov[i*m.p:(i+1)*m.p])
		}
	}
	vec := a.zeros(m.p * m.p)
	jacobi(cov, vec, m.p)
	order := make([]int, m.p)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		switch dx, dy := cov[x*m.p+x], cov[y*m.p+y]; {
		case dx > dy:
			return -1
		case dx < dy:
			return 1
		}
		return 0
	})
	m.u = a.raw(m.p * m.p)
	for k, o := range order {
		copy(m.u[k*m.p:(k+1)*m.p], vec[o*m.p:(o+1)*m.p])
	}
}

// roll fits the reduced map of rank r and iterates it from the last delay
// vector.
func (m *modes) roll(a *arena, g *grid, end, r int, dst []float64, steps int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, p := g.c, m.p
	zt := a.raw(r*m.rows + 1) // mode-major
	for k := 0; k < r; k++ {
		for i := 0; i < m.rows; i++ {
			zt[k*m.rows+i] = dot(m.phi[i*p:(i+1)*p], m.u[k*p:(k+1)*p])
		}
	}
	gram := a.zeros(r * r)
	pairs := max(m.rows-1, 0)
	if pairs > 0 {
		gramLower(gram, zt, r, m.rows, 0, pairs)
	}
	trace := 0.0
	for k := 0; k < r; k++ {
		trace += gram[k*r+k]
	}
	for k := 0; k < r; k++ {
		gram[k*r+k] += 1e-12*trace + 1e-12
	}
	inv := a.raw(r)
	cholesky(gram, r, r, 1e-14*trace+1e-14, inv)
	op := a.raw(r * r) // row k: coefficients of next z_k
	for k := 0; k < r; k++ {
		for l := 0; l < r; l++ {
			op[k*r+l] = 0
			if pairs > 0 {
				op[k*r+l] = dot(zt[l*m.rows:l*m.rows+pairs], zt[k*m.rows+1:k*m.rows+1+pairs])
			}
		}
		solveLower(gram, r, r, inv, op[k*r:(k+1)*r])
	}
	z, y := a.zeros(r), a.raw(r)
	if m.rows > 0 {
		for k := range z {
			z[k] = zt[k*m.rows+m.rows-1]
		}
	}
	// What the truncated basis misses of the last row decays instead of jumping.
	miss := a.raw(c)
	for j := range miss {
		v := m.mean[j]
		for k := 0; k < r; k++ {
			v += z[k] * m.u[k*p+p-c+j]
		}
		miss[j] = g.x[(end-1)*c+j] - v
	}
	for t := 0; t < steps; t++ {
		for k := range y {
			y[k] = clamp(dot(z, op[k*r:(k+1)*r]), -1e6, 1e6)
		}
		z, y = y, z
		for j := 0; j < c; j++ {
			miss[j] *= 0.7
			v := m.mean[j] + miss[j]
			for k := 0; k < r; k++ {
				v += z[k] * m.u[k*p+p-c+j]
			}
			dst[t*c+j] = clamp(v, -clipAt, clipAt)
		}
	}
}

// jacobi diagonalises the symmetric matrix s (n x n) in place by cyclic
// rotations; the rows of v become the eigenvectors.
func jacobi(s, v []float64, n int) {
	for i := 0; i < n; i++ {
		v[i*n+i] = 1
	}
	for sweep := 0; sweep < 30; sweep++ {
		var off, diag float64
		for i := 0; i < n; i++ {
			diag += s[i*n+i] * s[i*n+i]
			for j := 0; j < i; j++ {
				off += s[i*n+j] * s[i*n+j]
			}
		}
		if off <= 1e-26*diag {
			return
		}
		for p := 0; p < n; p++ {
			for q := p + 1; q < n; q++ {
				apq := s[p*n+q]
				if math.Abs(apq) <= 1e-300 {
					continue
				}
				th := (s[q*n+q] - s[p*n+p]) / (2 * apq)
				t := 1 / (math.Abs(th) + math.Sqrt(th*th+1))
				if th < 0 {
					t = -t
				}
				cs := 1 / math.Sqrt(t*t+1)
				sn := t * cs
				rp, rq := s[p*n:(p+1)*n], s[q*n:(q+1)*n]
				for k := range rp {
					x, y := rp[k], rq[k]
					rp[k], rq[k] = cs*x-sn*y, sn*x+cs*y
				}
				for k := 0; k < n; k++ {
					x, y := s[k*n+p], s[k*n+q]
					s[k*n+p], s[k*n+q] = cs*x-sn*y, sn*x+cs*y
				}
				vp, vq := v[p*n:(p+1)*n], v[q*n:(q+1)*n]
				for k := range vp {
					x, y := vp[k], vq[k]
					vp[k], vq[k] = cs*x-sn*y, sn*x+cs*y
				}
			}
		}
	}
}

// process is Gaussian process regression per channel: squared exponential,
// Matern 5/2 and locally periodic kernels, the parameters of each by marginal
// likelihood over a grid with the amplitude in closed form, the kind by its
// error on the last quarter.
type process struct{ w work }

// Name implements Forecaster.
func (*process) Name() string { return "gp" }

const (
	gpSearch = 96  // observations the hyperparameters are chosen on
	gpFit    = 384 // observations of the final posterior
)

// kernel is a correlation function of time in units of the span.
type kernel struct {
	kind   int // 0 squared exponential, 1 Matern 5/2, 2 locally periodic
	length float64
	period float64
	noise  float64 // variance relative to the amplitude
}

func (k *kernel) at(d float64) float64 {
	d = math.Abs(d)
	switch k.kind {
	case 1:
		r := math.Sqrt(5) * d / k.length
		return (1 + r + r*r/3) * math.Exp(-r)
	case 2:
		s := math.Sin(math.Pi * d / k.period)
		return math.Exp(-2*s*s - 0.5*d*d/(k.length*k.length))
	}
	r := d / k.length
	return math.Exp(-0.5 * r * r)
}

// thin returns at most limit of the observations: the densest that reach the
// end, taken at a regular stride.
func thin(a *arena, t, y []float64, limit int) ([]float64, []float64) {
	n := len(t)
	k := (n + limit - 1) / limit
	if k <= 1 {
		return t, y
	}
	m := (n-1)/k + 1
	tt, yy := a.raw(m), a.raw(m)
	for i := range tt {
		o := n - 1 - (m-1-i)*k
		tt[i], yy[i] = t[o], y[o]
	}
	return tt, yy
}

// solve factors the kernel matrix of (t,y), writes K^-1 y to alpha and returns
// the profiled log marginal likelihood.
func (k *kernel) solve(l, inv, alpha, t, y []float64) float64 {
	n := len(t)
	for i := 0; i < n; i++ {
		for j := 0; j < i; j++ {
			l[i*n+j] = k.at(t[i] - t[j])
		}
		l[i*n+i] = 1 + k.noise
	}
	cholesky(l, n, n, 1e-12, inv)
	copy(alpha, y)
	solveLower(l, n, n, inv, alpha[:n])
	logdet := 0.0
	for i := 0; i < n; i++ {
		logdet -= math.Log(inv[i])
	}
	q := math.Max(dot(y, alpha[:n]), 1e-12)
	return -0.5*float64(n)*math.Log(q/float64(n)) - logdet
}

// Forecast implements Forecaster.
func (f *process) Forecast(dst []float64, times, values []float64, channels int, at []float64) {
	checkForecast("gp", dst, times, values, channels, at)
	w := &f.w
	for c0 := 0; c0 < channels; c0 += maxGroup {
		c := min(maxGroup, channels-c0)
		w.mem.reset()
		w.pr.scale(&w.mem, times, values, channels, c0, c)
		for j := 0; j < c; j++ {
			blk, off := w.mem.mark()
			f.channel(dst[c0+j:], channels, j, at)
			w.mem.release(blk, off)
		}
	}
}

// channel forecasts one channel.
func (f *process) channel(dst []float64, stride, j int, at []float64) {
	a, p := &f.w.mem, &f.w.pr
	mid, half := p.mid[j], p.half[j]
	n := len(p.tobs[j])
	if n < 3 || !(p.span > 0) {
		for i, t := range at {
			dst[i*stride] = bounded(mid + half*p.linear(j, t))
		}
		return
	}
	t, y := a.raw(n), a.raw(n)
	mean := 0.0
	for i, v := range p.tobs[j] {
		t[i] = (v - p.start) / p.span
		y[i] = p.yobs[j][i]
		mean += y[i]
	}
	mean /= float64(n)
	for i := range y {
		y[i] -= mean
	}
	st, sy := thin(a, t, y, gpSearch)
	m := len(st)
	l, inv, alpha := a.raw(m*m), a.raw(m), a.raw(m)
	var best [3]float64 // per kind
	var picks [3]kernel
	for i := range best {
		best[i] = math.Inf(-1)
	}
	consider := func(k kernel) {
		if v := k.solve(l, inv, alpha, st, sy); v > best[k.kind] {
			best[k.kind], picks[k.kind] = v, k
		}
	}
	try := func(k kernel) {
		for _, noise := range [...]float64{1e-8, 1e-5, 1e-3, 1e-1} {
			k.noise = noise
			consider(k)
		}
	}
	for _, length := range [...]float64{0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1} {
		try(kernel{kind: 0, length: length})
		try(kernel{kind: 1, length: 2 * length})
	}
	for _, period := range [...]float64{0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.75} {
		try(kernel{kind: 2, length: 1, period: period})
	}
	for _, s := range [...]float64{0.1, 0.03, 0.01, 0.003} { // the phase far ahead depends on the period
		centre := picks[2]
		for _, o := range [...]float64{-1.5, -1, -0.5, 0.5, 1, 1.5} {
			k := centre
			k.period *= 1 + s*o
			consider(k)
		}
	}
	for _, length := range [...]float64{0.3, 0.6, 2, 5} {
		k := picks[2]
		k.length = length
		consider(k)
	}
	// The likelihood sets the parameters of each kind; it says little about
	// extrapolation, so the kind is the one that forecasts the last quarter best.
	pick, least := picks[0], math.Inf(1)
	if cut := m - m/4; cut >= 3 {
		for _, k := range picks {
			k.solve(l, inv, alpha, st[:cut], sy[:cut])
			e := 0.0
			for i := cut; i < m; i++ {
				d := -sy[i]
				for q, v := range alpha[:cut] {
					d += k.at(st[i]-st[q]) * v
				}
				e += d * d
			}
			if e < least {
				pick, least = k, e
			}
		}
	}
	ft, fy := thin(a, t, y, gpFit)
	if len(ft) != m {
		m = len(ft)
		l, inv, alpha = a.raw(m*m), a.raw(m), a.raw(m)
	}
	pick.solve(l, inv, alpha, ft, fy)
	for i, q := range at {
		u := (q - p.start) / p.span
		v := mean
		for k := range ft {
			v += pick.at(u-ft[k]) * alpha[k]
		}
		if q != q {
			v = mean
		}
		dst[i*stride] = bounded(mid + half*clamp(v, -clipAt, clipAt))
	}
}
