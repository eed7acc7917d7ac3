package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// lanes is the number of systems solved and rolled side by side.
const lanes = asm.Lanes

// ceil4 and ceil2 round up to what the kernels need.
func ceil4(n int) int { return (n + 3) &^ 3 }
func ceil2(n int) int { return (n + 1) &^ 1 }

// normal holds the normal equations of one form on one grid, of which
// regressions with several ridges and on several folds are solved. Whichever
// is smaller is kept: the Gram matrix of the features, of which the folds are
// partial sums, or the kernel matrix of the rows, of which the folds are
// leading blocks.
type normal struct {
	f     form
	g     *grid
	p, pp int // features, and these rounded up: the columns of phi
	c     int
	fold  int        // number of folds
	end   [folds]int // first row that the fold does not learn from
	rows  [folds]int // rows the fold learns from, those of the library included
	fleet int        // rows of the library, which come first
	dual  bool
	// Row i of the features without the constant: phi[i*step+k], the constant
	// first when constant. For lags of one step phi is the series itself.
	phi      []float64
	step     int
	constant bool
	gram     [folds][]float64 // pp x pp, lower triangles
	rhs      [folds][]float64 // c x pp
	kern     []float64        // rp x rp, lower triangle
	y        []float64        // dual: c x rp
	rp       int
}

// lane is one of the regressions solved side by side.
type lane struct {
	fold  int
	ridge float64
}

// build sets up the normal equations of form f on the rows of g before
// ends[k], for every fold k; ends must not increase.
func (s *normal) build(a *arena, f form, g *grid, ends []int) {
	c := g.c
	*s = normal{f: f, g: g, p: f.features(c), c: c, fold: len(ends)}
	copy(s.end[:], ends)
	p, lag := s.p, f.lags()
	pp := ceil4(p)
	s.pp = pp
	total := ends[0]
	s.fleet = g.libraryRows(f)
	if !f.poly && f.stride == 1 && !g.gaps && s.fleet == 0 && total > lag {
		s.buildWindow(a)
		return
	}
	most := s.fleet + max(total-lag, 0)
	s.step, s.constant = pp, true
	s.phi = a.raw(most*pp + 1)
	y := a.raw(most*c + 1) // rows x c
	r := 0
	if s.fleet > 0 {
		// Library rows come first and so belong to every fold.
		scale := math.Sqrt(g.libraryWeight * float64(g.n) / float64(s.fleet))
		for _, x := range g.library {
			for t := lag; t < len(x)/c; t++ {
				phi := s.phi[r*pp : (r+1)*pp]
				f.lift(phi, x, t, c, g)
				for i := range p {
					phi[i] *= scale
				}
				clear(phi[p:])
				f.target(y[r*c:(r+1)*c], x, t, c)
				for i := r * c; i < (r+1)*c; i++ {
					y[i] *= scale
				}
				r++
			}
		}
		for k := range s.rows {
			s.rows[k] = r
		}
	}
	if !g.gaps {
		for k, e := range ends {
			s.rows[k] = r + max(e-lag, 0)
		}
	}
	for t := lag; t < total; t++ {
		if g.gaps && !rowOK(g.ok, t, f) {
			continue
		}
		phi := s.phi[r*pp : (r+1)*pp]
		f.lift(phi, g.x, t, c, g)
		clear(phi[p:])
		f.target(y[r*c:(r+1)*c], g.x, t, c)
		r++
		if !g.gaps {
			continue
		}
		for k, e := range ends {
			if t < e {
				s.rows[k] = r
			}
		}
	}
	if s.dual = p > r; s.dual {
		s.kernel(a, y, r)
		return
	}
	from := 0
	for k := s.fold - 1; k >= 0; k-- { // smallest fold first
		gram, rhs := a.raw(pp*pp), a.raw(c*pp)
		s.gram[k], s.rhs[k] = gram, rhs
		if k == s.fold-1 {
			clear(gram)
			clear(rhs)
		} else {
			copy(gram, s.gram[k+1])
			copy(rhs, s.rhs[k+1])
		}
		if n := s.rows[k] - from; n > 0 {
			part := s.phi[from*pp:]
			for i := 0; i < pp; i += 4 {
				asm.Gemm64(gram[i*pp:], pp, part[i:], 1, pp, part, pp, 4, i+4, n)
			}
			asm.Gemm64(rhs, pp, y[from*c:], 1, c, part, pp, c, pp, n)
		}
		from = s.rows[k]
	}
}

// buildWindow is build for a linear form on a grid without gaps, where the
// feature rows are overlapping stretches of the series. Products of lags that
// differ by one row are then sums over one row more and one less, so that only
// those with the oldest lags are summed in full.
func (s *normal) buildWindow(a *arena) {
	g, c, p, pp, lag := s.g, s.c, s.p, s.pp, s.f.order
	m := p - 1
	s.step = c
	for k, e := range s.end[:s.fold] {
		s.rows[k] = max(e-lag, 0)
	}
	r := s.rows[0]
	s.phi = g.x
	if s.dual = p > r; s.dual {
		s.windowKernel(a, r)
		return
	}
	wide := m + c // features and targets
	cols := ceil4(wide)
	for k := range s.fold {
		s.gram[k] = a.zeros((p + c) * pp)
		s.rhs[k] = s.gram[k][p*pp:]
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	x := a.raw(len(g.x) + 4) // with slack for reading whole vectors
	clear(x[copy(x, g.x):])
	first := a.zeros(c * cols) // products of the oldest row with all
	bias := a.zeros(wide)
	from := 0
	for k := s.fold - 1; k >= 0; k-- {
		n := s.rows[k]
		if n > from {
			asm.Gemm64(first, cols, x[from*c:], 1, c, x[from*c:], c, c, cols, n-from)
		}
		for u := from; u < n; u++ {
			for l := range c {
				bias[l] += x[u*c+l]
			}
		}
		from = max(from, n)
		e := s.gram[k]
		e[0] = float64(n)
		leave, enter := x[:m], x[n*c:][:m]
		for q := range wide {
			row := e[(q+1)*pp:]
			if q >= c {
				bias[q] = bias[q-c] + enter[q-c] - leave[q-c]
			}
			row[0] = bias[q]
			for l := 0; l < c && l <= q && l < m; l++ {
				row[1+l] = first[l*cols+q]
			}
			if q >= c {
				n := min(q+1, m) - c
				if n > 0 {
					asm.Slide64(row[1+c:][:n], e[(q-c+1)*pp+1:][:n], enter[q-c], enter[:n], leave[q-c], leave[:n])
				}
			}
		}
	}
}

// windowKernel sets up the kernel matrix of r overlapping rows: the products of
// the series with itself, summed over the lags by doubling their number.
func (s *normal) windowKernel(a *arena, r int) {
	g, c, lag := s.g, s.c, s.f.order
	rp := ceil4(r)
	s.rp = rp
	s.kern, s.y = a.zeros(rp*rp+1), a.zeros(c*rp+1)
	for j := range c {
		copy(s.y[j*rp:j*rp+r], g.xt[j*g.n+lag:])
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	n := lag + r
	np := ceil4(n)
	xt := a.zeros(c * np)
	for j := range c {
		copy(xt[j*np:j*np+n], g.xt[j*g.n:])
	}
	d := a.zeros(np * np)
	for i := 0; i < n; i += 4 {
		asm.Gemm64(d[i*np:], np, g.x[i*c:], c, 1, xt, np, min(4, n-i), i+4, c)
	}
	sum := a.raw(np * np) // over the lags so far, if there is an odd rest
	done := 0             // lags summed in kern
	for bit := 1; bit <= lag; bit *= 2 {
		// d[i][j] holds the sum over bit rows from i and j on.
		if lag&bit != 0 {
			for i := range r {
				row := s.kern[i*rp:][:i+1]
				asm.Slide64(row, row, 1, d[(i+done)*np+done:][:i+1], 0, row)
			}
			done += bit
		}
		if 2*bit > lag {
			break
		}
		last := n - 2*bit
		for i := 0; i <= last; i++ {
			row := d[i*np:][:i+1]
			asm.Slide64(sum[i*np:][:i+1], row, 1, d[(i+bit)*np+bit:][:i+1], 0, row)
		}
		d, sum = sum, d
	}
	for i := range r {
		for j := range s.kern[i*rp:][:i+1] {
			s.kern[i*rp+j]++
		}
	}
}

// kernel sets up the kernel matrix of r rows.
func (s *normal) kernel(a *arena, y []float64, r int) {
	pp, rp := s.pp, ceil4(r)
	s.rp = rp
	s.kern, s.y = a.zeros(rp*rp+1), a.zeros(s.c*rp+1)
	for j := range s.c {
		for i := range r {
			s.y[j*rp+i] = y[i*s.c+j]
		}
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	ft := a.zeros(s.p*rp + 1) // features as rows
	for i := range r {
		for k, v := range s.phi[i*pp : i*pp+s.p] {
			ft[k*rp+i] = v
		}
	}
	for i := 0; i < r; i += 4 {
		asm.Gemm64(s.kern[i*rp:], rp, ft[i:], 1, rp, ft, rp, 4, i+4, s.p)
	}
}

// target writes what the features of row t predict: the row itself (linear) or
// its change over one stride (polynomial).
func (f form) target(y, x []float64, t, c int) {
	row := x[t*c : t*c+c]
	if !f.poly {
		copy(y, row)
		return
	}
	prev := x[(t-f.stride)*c:][:c]
	for i, v := range row {
		y[i] = v - prev[i]
	}
}

// solve solves four regressions of the Gram matrix side by side and returns
// their weights, c x pp elements of four lanes. Ridges are added unscaled to
// the diagonal, the bias included.
func (s *normal) solve(a *arena, what [lanes]lane) []float64 {
	p, pp, c := s.p, s.pp, s.c
	w := a.raw(ceil2(c) * pp * lanes)
	blk, off := a.mark()
	defer a.release(blk, off)
	l := a.raw((pp + ceil4(c)) * pp * lanes)
	inv := a.raw(pp * lanes)
	var floor [lanes]float64
	var g, b [lanes][]float64
	for k, v := range what {
		floor[k] = 0.5 * v.ridge
		g[k], b[k] = s.gram[v.fold], s.rhs[v.fold]
	}
	for i := range pp {
		row := l[i*pp*lanes : (i+1)*pp*lanes]
		o := i * pp
		if i >= p { // padding
			clear(row)
			for k := range lanes {
				row[i*lanes+k] = 1
			}
			continue
		}
		asm.Interleave(row, g[0][o:], g[1][o:], g[2][o:], g[3][o:], ceil4(i+1))
		for k, v := range what {
			row[i*lanes+k] += v.ridge
		}
	}
	z := l[pp*pp*lanes:]
	for j := range c {
		o := j * pp
		asm.Interleave(z[o*lanes:], b[0][o:], b[1][o:], b[2][o:], b[3][o:], pp)
	}
	clear(z[c*pp*lanes:])
	asm.CholeskyLanes(l, pp, pp+ceil4(c), &floor, inv)
	asm.BackLanes(z, l, pp, pp, ceil2(c), inv)
	copy(w, z)
	for k, v := range what {
		s.idle(w, k, v.fold)
	}
	return w
}

// idle makes lane k repeat the last row when its fold has nothing to learn
// from.
func (s *normal) idle(w []float64, k, fold int) {
	if s.rows[fold] > 0 || s.f.poly {
		return
	}
	for j := range s.c {
		w[(j*s.pp+s.p-s.c+j)*lanes+k] = 1
	}
}

// solveKernel solves four ridges through the kernel matrix, w = Phi'(Phi Phi' +
// ridge)^-1 y, for the folds asked for: one factor serves all.
func (s *normal) solveKernel(a *arena, ridges [lanes]float64, out *[folds][]float64, first, last int) {
	p, pp, c, rp := s.p, s.pp, s.c, s.rp
	for k := first; k <= last; k++ {
		out[k] = a.zeros(c * pp * lanes)
	}
	blk, off := a.mark()
	defer a.release(blk, off)
	n := ceil4(s.rows[first])
	l := a.raw((n+ceil4(c))*n*lanes + 1)
	inv := a.raw(n*lanes + 1)
	var floor [lanes]float64
	for k, v := range ridges {
		floor[k] = 0.5 * v
	}
	for i := range n {
		row := l[i*n*lanes : (i+1)*n*lanes]
		g := s.kern[i*rp:]
		asm.Interleave(row, g, g, g, g, min(ceil4(i+1), n))
		for k, v := range ridges {
			if i >= s.rows[0] {
				row[i*lanes+k] = 1
			} else {
				row[i*lanes+k] += v
			}
		}
	}
	z := l[n*n*lanes:]
	for j := range c {
		y := s.y[j*rp:]
		asm.Interleave(z[j*n*lanes:], y, y, y, y, n)
	}
	clear(z[c*n*lanes:])
	asm.CholeskyLanes(l, n, n+ceil4(c), &floor, inv)
	part := a.raw(ceil2(c)*n*lanes + 1)
	side := a.raw(n*c*lanes + 1)
	w := a.raw(p * c * lanes)
	for k := first; k <= last; k++ {
		r := s.rows[k]
		if r == 0 {
			for q := range lanes {
				s.idle(out[k], q, k)
			}
			continue
		}
		copy(part, z)
		for j := range ceil2(c) {
			clear(part[(j*n+r)*lanes : (j+1)*n*lanes])
		}
		asm.BackLanes(part, l, ceil4(r), n, ceil2(c), inv)
		for j := range c { // the sides together, so that the product is wide
			for q := range r {
				*(*[lanes]float64)(side[(q*c+j)*lanes:]) = [lanes]float64(part[(j*n+q)*lanes:])
			}
		}
		clear(w)
		at := w
		if !s.constant {
			for i := 0; i < len(side[:r*c*lanes]); i += c * lanes {
				axpy(1, side[i:i+c*lanes], w[:c*lanes])
			}
			at = w[c*lanes:]
		}
		asm.Gemm64(at, c*lanes, s.phi, 1, s.step, side, c*lanes, len(at)/(c*lanes), c*lanes, r)
		for j := range c {
			for q := range p {
				*(*[lanes]float64)(out[k][(j*pp+q)*lanes:]) = [lanes]float64(w[(q*c+j)*lanes:])
			}
		}
	}
}

// ridgeLanes returns the weights of up to four ridges for fold k, whichever
// way the equations are kept.
func (s *normal) ridgeLanes(a *arena, ridges []float64, out *[folds][]float64, first, last int) {
	var r [lanes]float64
	for k := range r {
		r[k] = ridges[min(k, len(ridges)-1)]
	}
	if s.dual {
		s.solveKernel(a, r, out, first, last)
		return
	}
	for k := first; k <= last; k++ {
		out[k] = s.solve(a, [lanes]lane{{k, r[0]}, {k, r[1]}, {k, r[2]}, {k, r[3]}})
	}
}

// foldLanes returns the weights of one ridge, the lanes being the folds and
// the first fold again.
func (s *normal) foldLanes(a *arena, ridge float64) []float64 {
	if !s.dual {
		return s.solve(a, [lanes]lane{{0, ridge}, {min(1, s.fold-1), ridge}, {min(2, s.fold-1), ridge}, {0, ridge}})
	}
	w := a.raw(s.c * s.pp * lanes)
	blk, off := a.mark()
	defer a.release(blk, off)
	var by [folds][]float64
	s.ridgeLanes(a, []float64{ridge}, &by, 0, s.fold-1)
	for i := 0; i < len(w); i += lanes {
		w[i], w[i+1], w[i+2], w[i+3] = by[0][i], by[min(1, s.fold-1)][i], by[min(2, s.fold-1)][i], by[0][i]
	}
	return w
}

// track is a forecast by channel: row t of channel j lies at x[j*stride+t].
type track struct {
	x      []float64
	stride int
}

// of returns the first n rows of channel j.
func (k track) of(j, n int) []float64 { return k.x[j*k.stride:][:n:n] }

// newTrack returns a track of rows rows.
func newTrack(a *arena, c, rows int) track { return track{a.raw(c*rows + 1), rows} }

// roll continues g in four lanes with the weights w: lane k from the rows
// before end[k], by steps[k] rows, into out[k], where values are bounded by lo
// and hi (c elements of four lanes). Every track must hold the largest of steps.
// It returns how many values of each lane were clipped.
func (s *normal) roll(a *arena, w []float64, end, steps [lanes]int, lo, hi []float64, out *[lanes]track) (clipped [lanes]int64) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, h, f, g := s.c, s.f.lags(), s.f, s.g
	most := max(steps[0], steps[1], steps[2], steps[3])
	buf := a.raw((h + most) * c * lanes)
	asm.Interleave(buf, g.before(end[0], h), g.before(end[1], h), g.before(end[2], h), g.before(end[3], h), h*c)
	r := asm.Rollout{Buf: buf, W: w, WStride: s.pp, Lo: lo, Hi: hi, C: c, Order: f.order, Stride: f.stride, Poly: f.poly, Cubic: f.cubic}
	if f.poly || f.stride > 1 {
		r.Phi = a.raw(s.p * lanes)
	}
	if f.poly {
		r.S1, r.S2 = g.s1[f.stride], g.s2[f.stride]
	}
	clipped = rollSteps(&r, h, steps)
	for j := range c {
		asm.Deinterleave(out[0].of(j, most), out[1].of(j, most), out[2].of(j, most), out[3].of(j, most), buf[(h*c+j)*lanes:], c*lanes)
	}
	return clipped
}

// rollSteps rolls lane k on by steps[k] rows after the first, and past them as far as
// the longest goes, and returns how many values of the steps[k] were clipped.
func rollSteps(r *asm.Rollout, first int, steps [lanes]int) (clipped [lanes]int64) {
	most := max(steps[0], steps[1], steps[2], steps[3])
	for done := 0; done < most; {
		next := most
		for _, n := range steps {
			if n > done {
				next = min(next, n)
			}
		}
		var count [lanes]int64
		r.Run(first+done, next-done, &count)
		for k, n := range steps {
			if n >= next {
				clipped[k] += count[k]
			}
		}
		done = next
	}
	return clipped
}

// lastRows returns the features of the rows from from on: the constant first
// when constant, row i at step*i.
func (s *normal) lastRows(a *arena, from int) (phi []float64, step int, constant bool) {
	g := s.g
	if !g.gaps {
		return s.phi[(s.fleet+from-s.f.lags())*s.step:], s.step, s.constant
	}
	n := g.n - from
	phi = a.raw(n * s.pp)
	for i := range n {
		s.f.lift(phi[i*s.pp:(i+1)*s.pp], g.x, from+i, s.c, g)
	}
	return phi, s.pp, true
}

// oneStep writes the rms error of predicting rows [from,n) of the grid one step
// ahead with weights w to dst, c elements of four lanes.
func (s *normal) oneStep(a *arena, w, dst []float64, from int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, n := s.c, s.g.n-from
	clear(dst[:c*lanes])
	if n <= 0 {
		return
	}
	phi, step, constant := s.lastRows(a, from)
	v := a.raw(n * lanes)
	for j := range c {
		wj := w[j*s.pp*lanes:][:s.p*lanes]
		clear(v)
		if !constant {
			for i := 0; i < len(v); i += lanes {
				copy(v[i:i+lanes], wj)
			}
			wj = wj[lanes:]
		}
		asm.Gemm64(v, lanes, phi, step, 1, wj, lanes, n, lanes, len(wj)/lanes)
		sum := (*[lanes]float64)(dst[j*lanes:])
		for i := range n {
			base := s.change(from+i, j)
			for k, u := range (*[lanes]float64)(v[i*lanes:]) {
				u = clamp(u-base, -clipAt, clipAt)
				sum[k] += u * u
			}
		}
		for k, u := range sum {
			sum[k] = math.Sqrt(u / float64(n))
		}
	}
}

// oneStepLane is oneStep for one lane, all channels in one product.
func (s *normal) oneStepLane(a *arena, w []float64, l int, dst []float64, from int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, n, wide := s.c, s.g.n-from, ceil4(s.c)
	clear(dst[:c*lanes])
	if n <= 0 {
		return
	}
	phi, step, constant := s.lastRows(a, from)
	b := a.zeros(s.p * wide)
	for j := range c {
		wj := w[j*s.pp*lanes+l:]
		for k := range s.p {
			b[k*wide+j] = wj[k*lanes]
		}
	}
	v := a.zeros(n * wide)
	if !constant {
		for i := 0; i < len(v); i += wide {
			copy(v[i:i+wide], b)
		}
		b = b[wide:]
	}
	asm.Gemm64(v, wide, phi, step, 1, b, wide, n, wide, len(b)/wide)
	for j := range c {
		sum := 0.0
		for i := range n {
			u := clamp(v[i*wide+j]-s.change(from+i, j), -clipAt, clipAt)
			sum += u * u
		}
		dst[j*lanes+l] = math.Sqrt(sum / float64(n))
	}
}

// change is what the weights predict for row t of channel j.
func (s *normal) change(t, j int) float64 {
	x := s.g.xt[j*s.g.n:]
	if s.f.poly {
		return x[t] - x[t-s.f.stride]
	}
	return x[t]
}
