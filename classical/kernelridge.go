package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// The map of one step of any smooth system is regressed without knowing its
// form: kernel ridge regression (Saunders, Gammerman and Vovk, ICML 1998) with
// the rational quadratic kernel 1/(1 + r^2/(2 l^2)) plus a linear one, from the
// state of all channels, or from that and its differences to the rows before when
// the channels are not the whole state.

// kernelRows is the largest number of rows that a regression on states of order
// one learns from, half as many those of higher orders.
const kernelRows = 256

// kernelLeast is the least number of rows of the smallest fold.
const kernelLeast = 4

// kernelChoice is a width l, in half ranges times the root of the dimension of
// the state, and a ridge.
type kernelChoice struct{ width, ridge float64 }

// kernelChoices are what is validated.
var kernelChoices = [lanes]kernelChoice{{1, 1e-9}, {2, 1e-10}, {1, 1e-6}, {2, 1e-6}}

// kernelMap learns the change of one step.
type kernelMap struct {
	gr       *grid
	c, order int
	m        int        // dimension of the state
	rows     [folds]int // rows each fold learns from
	x        []float64  // rows x m, the states
	y        []float64  // c x rows, the changes
	product  []float64  // rows x rows, of the states with each other, lower triangle

	factored  factored
	expansion expansion
}

// state writes the state before row t to dst.
func (s *kernelMap) state(dst []float64, t int) {
	c, x := s.c, s.gr.x
	now := x[(t-1)*c:][:c]
	copy(dst, now)
	if s.order > 1 {
		before := x[(t-2)*c:][:c]
		for j, v := range before {
			dst[c+j] = s.gr.s1[1][j] * (now[j] - v)
		}
		if s.order > 2 {
			for j, v := range x[(t-3)*c:][:c] {
				dst[2*c+j] = s.gr.s2[1][j] * (now[j] - 2*before[j] + v)
			}
		}
	}
}

// build collects the rows of gr. It returns false when there are too few.
func (s *kernelMap) build(a *arena, gr *grid, order int) bool {
	c, n := gr.c, gr.n
	*s = kernelMap{gr: gr, c: c, order: order, m: order * c}
	ends := [folds]int{n, n - n/4, n - 2*(n/4)}
	f := form{order: order, stride: 1}
	usable := func(t int) bool { return !gr.gaps || rowOK(gr.ok, t, f) }
	total := 0
	for t := order; t < n; t++ {
		if usable(t) {
			total++
		}
	}
	if total == 0 {
		return false
	}
	limit := kernelRows
	if order > 1 {
		limit /= 2
	}
	thin := (total + limit - 1) / limit
	most := (total + thin - 1) / thin
	s.x, s.y = a.raw(most*s.m), a.raw(c*most)
	rows := 0
	for t := order; t < n; t++ {
		if !usable(t) {
			continue
		}
		if total--; total%thin != 0 {
			continue
		}
		s.state(s.x[rows*s.m:][:s.m], t)
		for j := range c {
			s.y[j*most+rows] = gr.x[t*c+j] - gr.x[(t-1)*c+j]
		}
		rows++
		for k, e := range ends {
			if t < e {
				s.rows[k] = rows
			}
		}
	}
	return s.rows[folds-1] >= kernelLeast
}

// multiply computes the products of the states.
func (s *kernelMap) multiply(a *arena) {
	r, m := s.rows[0], s.m
	rp := ceil4(r)
	s.product = a.zeros(rp*rp + 1)
	blk, off := a.mark()
	defer a.release(blk, off)
	xt := a.zeros(m*rp + 1)
	for i := range r {
		for k, v := range s.x[i*m:][:m] {
			xt[k*rp+i] = v
		}
	}
	for i := 0; i < r; i += 4 {
		asm.Gemm64(s.product[i*rp:], rp, xt[i:], 1, rp, xt, rp, 4, i+4, m)
	}
}

// expansion is what a regression predicts in four lanes, from the kernels about
// each of the rows and from the state: c x wide weights, that of the constant first.
type expansion struct {
	rows, wide int
	scale      [lanes]float64 // 1/(2 l^2)
	weight     []float64
}

// newExpansion returns one for the rows of the whole context.
func (s *kernelMap) newExpansion(a *arena) expansion {
	rows := s.rows[0]
	order := (rows + s.m + s.c - 1) / s.c // of an autoregression with as many features
	wide := 1 + order*s.c
	return expansion{rows: rows, wide: wide, weight: a.zeros(s.c * wide * lanes)}
}

// factored is the Cholesky factor of the kernel matrix of the whole context for
// all of kernelChoices, one a lane. Its leading blocks are the factors of the
// folds.
type factored struct {
	l, inv []float64
	z      []float64 // c x n, the factor's solution for y
	n      int
}

// scaleOf returns 1/(2 l^2) for states of dimension m.
func (ch kernelChoice) scaleOf(m int) float64 { return 1 / (2 * ch.width * ch.width * float64(m)) }

// inverses returns one over each of four numbers of order one by a single division,
// the slowest of these operations.
func inverses(a, b, c, d float64) (float64, float64, float64, float64) {
	ab, cd := a*b, c*d
	all := 1 / (ab * cd)
	ab, cd = cd*all, ab*all
	return b * ab, a * ab, d * cd, c * cd
}

// factor factors the kernel matrix.
func (s *kernelMap) factor(a *arena) factored {
	r, c := s.rows[0], s.c
	n := ceil4(r)
	f := factored{l: a.zeros((n + ceil4(c)) * n * lanes), inv: a.raw(n * lanes), n: n}
	var floor, scale [lanes]float64
	for k, ch := range kernelChoices {
		floor[k], scale[k] = 0.5*ch.ridge, ch.scaleOf(s.m)
	}
	for i := range n {
		row := f.l[i*n*lanes:][:n*lanes]
		if i >= r {
			*(*[lanes]float64)(row[i*lanes:]) = [lanes]float64{1, 1, 1, 1}
			continue
		}
		p := s.product[i*n:][:i+1]
		for q, v := range p {
			distance, at := p[i]+s.product[q*n+q]-2*v, (*[lanes]float64)(row[q*lanes:])
			k0, k1, k2, k3 := inverses(1+distance*scale[0], 1+distance*scale[1], 1+distance*scale[2], 1+distance*scale[3])
			linear := 1 + v
			at[0], at[1], at[2], at[3] = k0+linear, k1+linear, k2+linear, k3+linear
		}
		for k, ch := range kernelChoices {
			row[i*lanes+k] += ch.ridge
		}
	}
	f.z = f.l[n*n*lanes:]
	for j := range c {
		for i, v := range s.y[j*r:][:r] {
			*(*[lanes]float64)(f.z[(j*n+i)*lanes:]) = [lanes]float64{v, v, v, v}
		}
	}
	asm.CholeskyLanes(f.l, n, n+ceil4(c), &floor, f.inv)
	return f
}

// solve writes the regression of fold that is lane from of f to lane to of e, or
// with from < 0 all lanes to theirs.
func (s *kernelMap) solve(a *arena, f *factored, e *expansion, fold, from, to int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, m, n, r := s.c, s.m, f.n, s.rows[fold]
	w := a.zeros(ceil2(c) * n * lanes)
	for j := range c {
		copy(w[j*n*lanes:], f.z[j*n*lanes:(j*n+r)*lanes])
	}
	asm.BackLanes(w, f.l, ceil4(r), n, ceil2(c), f.inv)
	for k := range lanes {
		source := k
		if from >= 0 {
			if source = from; k != to {
				continue
			}
		}
		e.scale[k] = kernelChoices[source].scaleOf(m)
		for j := range c {
			line := e.weight[j*e.wide*lanes:][:e.wide*lanes]
			linear := line[(1+e.rows)*lanes:]
			for i := range r {
				v := w[(j*n+i)*lanes+source]
				line[(1+i)*lanes+k] = v
				line[k] += v
				for q, u := range s.x[i*m:][:m] {
					linear[q*lanes+k] += v * u
				}
			}
		}
	}
}

// roll adds the changes that the four regressions predict.
func (s *kernelMap) roll(a *arena, end, steps [lanes]int, out *[lanes]track) (clipped [lanes]int) {
	blk, off := a.mark()
	defer a.release(blk, off)
	c, m, e := s.c, s.m, &s.expansion
	// The kernels and the state are the features of an autoregression, whose next
	// row are the changes.
	features := a.zeros((e.wide - 1 + c) * lanes)
	kernels, state := features[:e.rows*lanes], features[e.rows*lanes:][:m*lanes]
	change := features[(e.wide-1)*lanes:]
	base := a.raw(e.rows * lanes) // 1 + |x|^2/(2 l^2)
	for i := range e.rows {
		square := 0.0
		for _, v := range s.x[i*m:][:m] {
			square += v * v
		}
		for k, v := range e.scale {
			base[i*lanes+k] = 1 + square*v
		}
	}
	bound := a.raw(2 * c * lanes)
	lo, hi := bound[:c*lanes], bound[c*lanes:]
	for i := range lo {
		lo[i], hi[i] = math.Inf(-1), math.Inf(1)
	}
	order := (e.wide - 1) / c
	r := asm.Rollout{Buf: features, W: e.weight, WStride: e.wide, Lo: lo, Hi: hi, C: c, Order: order, Stride: 1}
	var ignored [lanes]int64
	one, scaled := a.raw(m), a.raw(m*lanes)
	most := 0
	for k := range lanes {
		most = max(most, steps[k])
		s.state(one, end[k])
		for q, v := range one {
			state[q*lanes+k] = v
		}
	}
	for t := range most {
		var square [lanes]float64
		for q := 0; q < len(state); q += lanes {
			z, to := (*[lanes]float64)(state[q:]), (*[lanes]float64)(scaled[q:])
			for k, v := range z {
				v *= e.scale[k]
				square[k] += v * z[k]
				to[k] = -2 * v
			}
		}
		copy(kernels, base)
		asm.Gemm64(kernels, lanes, s.x, m, 1, scaled, lanes, e.rows, lanes, m)
		for i := 0; i < len(kernels); i += lanes {
			to := (*[lanes]float64)(kernels[i:])
			to[0], to[1], to[2], to[3] = inverses(to[0]+square[0], to[1]+square[1], to[2]+square[2], to[3]+square[3])
		}
		r.Run(order, 1, &ignored)
		for i, v := range change {
			j, k := i/lanes, i%lanes
			old := state[i]
			v += old
			if !(math.Abs(v) <= clipAt) { // NaN too
				if v = clamp(v, -clipAt, clipAt); v != v {
					v = old
				}
				if t < steps[k] {
					clipped[k]++
				}
			}
			state[i] = v
			if s.order > 1 {
				last := &state[c*lanes+i]
				if s.order > 2 {
					state[2*c*lanes+i] = s.gr.s2[1][j] * (v - old - *last/s.gr.s1[1][j])
				}
				*last = s.gr.s1[1][j] * (v - old)
			}
			out[k].x[j*out[k].stride+t] = v
		}
	}
	return clipped
}

// choices fits each of kernelChoices to the first three quarters.
func (s *kernelMap) choices(a *arena) float64 {
	s.expansion = s.newExpansion(a)
	s.solve(a, &s.factored, &s.expansion, 1, -1, 0)
	return 1
}

// folds fits one of kernelChoices to all folds.
func (s *kernelMap) folds(a *arena, choice int) {
	s.expansion = s.newExpansion(a)
	for k, fold := range [lanes]int{0, 1, 2, 0} {
		s.solve(a, &s.factored, &s.expansion, fold, choice, k)
	}
}

// kernels adds the guide that rolls a kernel ridge regression of so many rows,
// with the width and the ridge that forecast the last quarter best, or repeats
// guide instead when the context is too short.
func (s *scorer) kernels(mem *arena, g *group, gr *grid, order, id, instead int) {
	g.paths[id] = s.longPath(mem, gr)
	blk, off := mem.mark()
	defer mem.release(blk, off)
	eq := &s.kernel
	if !eq.build(mem, gr, order) {
		s.repeat(g, instead, id)
		return
	}
	eq.multiply(mem)
	eq.factored = eq.factor(mem)
	s.chosen(mem, g, gr, id, eq)
}
