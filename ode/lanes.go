package ode

import (
	"iter"
	"math"
	"math/bits"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/asm"
)

// This file integrates many random polynomials (Zoo number 29) side by side, one in each
// lane of the vector registers, in steps that they take together. Every lane has
// its own time, step, error control, tolerance and end, and does what
// [Integrator.explicit] does with its system alone, operation by operation: a
// trajectory does not depend on its neighbours, nor on whether it has any. A lane
// that ends takes up the next integration that waits.
//
// The integrations come from trajectories in the making, each in a coroutine that
// stops where it needs an integration of such a system: as most draws are refused,
// a trajectory needs many, one after another.

// cubicField is a field of polynomials of degree three at most in the order of
// asm.Cubic, with an input added to one component.
type cubicField struct {
	n     int
	list  *asm.Cubic
	terms []cubicTerm // by component, then in the order of the list
	ends  [asm.MaxCubic]uint8
	input func(t float64) float64 // nil, or what is added to component row
	row   int
	gain  float64
}

// cubicTerm is a coefficient, the number of its monomial and its factors, where n
// stands for 1.
type cubicTerm struct {
	c          float64
	m, i, j, k uint8
}

// cubicLists has the monomials of up to five variables.
var cubicLists = func() (l [asm.MaxCubic + 1]*asm.Cubic) {
	for n := 1; n < len(l); n++ {
		l[n] = asm.NewCubic(n)
	}
	return l
}()

// newCubicField takes the terms of a polynomial before they are sorted, at most 64.
// Equal monomials of a component are added.
func newCubicField(p *polynomial, coef []float64) *cubicField {
	f := &cubicField{n: p.n, list: cubicLists[p.n]}
	var terms [64]cubicTerm
	n := 0
	for row := range p.n {
		from := n
		for i, t := range p.terms {
			if p.rows[i] != uint8(row) {
				continue
			}
			a, b, c := min(t.i, t.j), max(t.i, t.j), t.k
			a, b, c = min(a, c), max(a, min(b, c)), max(b, c)
			m := uint8(f.list.Index(int(a), int(b), int(c)))
			at := n
			for at > from && terms[at-1].m >= m {
				at--
			}
			if at < n && terms[at].m == m {
				terms[at].c += coef[t.coef]
				continue
			}
			for k := n; k > at; k-- {
				terms[k] = terms[k-1]
			}
			terms[at] = cubicTerm{coef[t.coef], m, a, b, c}
			n++
		}
		f.ends[row] = uint8(n)
	}
	f.terms = append([]cubicTerm(nil), terms[:n]...)
	return f
}

// eval writes the field without the input. It does what asm.Cubic.Lanes does, but
// leaves out the monomials whose coefficient is zero.
func (f *cubicField) eval(_ float64, x, dx []float64) {
	var y [8]float64
	for i, v := range x {
		y[i&7] = v
	}
	y[f.n&7] = 1
	from := 0
	for row := range dx {
		to := int(f.ends[row])
		terms := f.terms[from:to]
		var s float64
		for i := range terms {
			t := &terms[i]
			s += t.c * (y[t.i&7] * y[t.j&7] * y[t.k&7])
		}
		dx[row], from = s, to
	}
}

// laneJob is an integration that waits for a lane or has one.
type laneJob struct {
	w     *Integrator // begun
	field *cubicField
	err   error
	stiff bool // it ended because it is to go on with the implicit method

	// What explicit keeps in variables.
	h, tn, logOld       float64
	rejected            bool
	stiffSteps, notMany int

	push float64 // of the input, at the last stage

	flight *flight
}

// prepare chooses the end of the next step; false says that the job ends.
func (j *laneJob) prepare() bool {
	j.h, j.tn, j.err = j.w.nextStep(j.h)
	return j.err == nil
}

// laneGroup has the lanes of systems of n variables.
type laneGroup struct {
	n       int
	list    *asm.Cubic
	jobs    [asm.StepLanes]*laneJob
	used    uint8 // a bit for each lane with a job
	inputs  uint8 // and for those whose field has an input
	waiting []*laneJob

	// Rows of lanes; k has the stages 1 to 7, one after another.
	coef, work, x, xn, xs, atol, err, zero, c4, k []float64
	rtol, h, ones                                 [asm.StepLanes]float64
	sums                                          [4][asm.StepLanes]float64
}

func newLaneGroup(n int) *laneGroup {
	g := &laneGroup{n: n, list: cubicLists[n]}
	for i := range g.ones {
		g.ones[i] = 1
	}
	rows := func(n int) []float64 { return make([]float64, n*asm.StepLanes) }
	g.coef, g.work, g.k = rows(n*g.list.Len()), rows(g.list.Len()), rows(7*n)
	for _, x := range []*[]float64{&g.x, &g.xn, &g.xs, &g.atol, &g.err, &g.zero, &g.c4} {
		*x = rows(n)
	}
	return g
}

// load gives lane l to a job.
func (g *laneGroup) load(l int, j *laneJob) {
	for i := l; i < len(g.coef); i += asm.StepLanes {
		g.coef[i] = 0
	}
	from := 0
	for row, end := range j.field.ends[:g.n] {
		for _, t := range j.field.terms[from:end] {
			g.coef[(int(t.m)*g.n+row)*asm.StepLanes+l] = t.c
		}
		from = int(end)
	}
	w := j.w
	for i := range g.n {
		at := i*asm.StepLanes + l
		g.x[at], g.k[at], g.atol[at] = w.x[i], w.k[0][i], w.atol[i]
	}
	g.rtol[l], g.h[l] = w.rtol, 0
	j.logOld = math.Log2(1e-4)
	g.jobs[l] = j
	g.used |= 1 << l
	if j.field.input != nil {
		g.inputs |= 1 << l
	}
}

// unload takes the job of lane l out, with the state that it has reached.
func (g *laneGroup) unload(l int) *laneJob {
	j := g.jobs[l]
	for i := range g.n {
		at := i*asm.StepLanes + l
		j.w.x[i], j.w.k[0][i] = g.x[at], g.k[at]
	}
	g.jobs[l] = nil
	g.h[l] = 0
	g.used &^= 1 << l
	g.inputs &^= 1 << l
	return j
}

// field evaluates stage s (2 to 7) at x.
func (g *laneGroup) field(s int, x []float64) {
	k := g.k[(s-1)*g.n*asm.StepLanes:][:g.n*asm.StepLanes]
	g.list.Lanes(k, g.coef, x, g.work)
	for rest := g.inputs; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros8(rest)
		j := g.jobs[l]
		t := j.tn
		switch s {
		case 2:
			t = j.w.t + j.h/5
		case 3:
			t = j.w.t + 0.3*j.h
		case 4:
			t = j.w.t + 0.8*j.h
		case 5:
			t = j.w.t + j.h*(8.0/9)
		}
		if s < 7 { // which is at the time of stage 6
			j.push = j.field.gain * j.field.input(t)
		}
		k[j.field.row*asm.StepLanes+l] += j.push
	}
}

// Weights of the stages, without the second where that is zero.
var (
	laneStages = [...][]float64{{1}, {a31, a32}, {a41, a42, a43}, {a51, a52, a53, a54}, {a61, a62, a63, a64, a65}}
	laneNew    = []float64{a71, a73, a74, a75, a76}
	laneError  = []float64{e1, e3, e4, e5, e6, e7}
	laneDense  = []float64{d1c, d3c, d4c, d5c, d6c, d7c}
)

// step makes one step in all lanes and appends the jobs that end to done.
func (g *laneGroup) step(done []*laneJob) []*laneJob {
	n := g.n
	stride := n * asm.StepLanes
	for rest := g.used; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros8(rest)
		if !g.jobs[l].prepare() {
			done = append(done, g.unload(l))
			continue
		}
		g.h[l] = g.jobs[l].h
	}
	if g.used == 0 {
		return done
	}
	first := g.h
	for l := range first {
		first[l] *= a21
	}
	asm.CombineLanes(g.xs, g.x, first[:], g.k, stride, laneStages[0], n)
	g.field(2, g.xs)
	for s, w := range laneStages[1:] {
		asm.CombineLanes(g.xs, g.x, g.h[:], g.k, stride, w, n)
		g.field(3+s, g.xs)
	}
	// The second stage is of no more use: with the first in its place, those that
	// are lie side by side.
	k1, k := g.k[:stride], g.k[stride:]
	copy(k, k1)
	k6, k7 := g.k[5*stride:6*stride], g.k[6*stride:]
	asm.CombineLanes(g.xn, g.x, g.h[:], k, stride, laneNew, n)
	g.field(7, g.xn)
	asm.CombineLanes(g.err, g.zero, g.ones[:], k, stride, laneError, n)
	asm.SumLanes(&g.sums, &asm.StepSums{Old: g.x, New: g.xn, Last: g.xs, Error: g.err, ATol: g.atol, RTol: g.rtol[:], Slope: k6, NewSlope: k7}, n)
	dense := false
	for rest := g.used; rest != 0; rest &= rest - 1 {
		l := bits.TrailingZeros8(rest)
		j := g.jobs[l]
		w, h := j.w, j.h
		w.st.Evaluations += 6
		errNow := h * h * g.sums[0][l] / float64(n)
		if !(errNow < 1e60) {
			w.st.Rejected++
			j.rejected = true
			j.h *= 0.1
			continue
		}
		logNow := 0.5 * log2(errNow)
		if errNow > 1 {
			w.st.Rejected++
			j.rejected = true
			j.h /= min(5, exp2((0.2-0.04*0.75)*logNow)/0.9)
			continue
		}
		fac := max(0.1, min(5, exp2((0.2-0.04*0.75)*logNow-0.04*j.logOld)/0.9))
		j.logOld = max(logNow, -13.3)
		w.st.Steps++
		if w.next < len(w.times) && w.times[w.next] <= j.tn {
			if !dense {
				asm.CombineLanes(g.c4, g.zero, g.h[:], k, stride, laneDense, n)
				dense = true
			}
			g.write(l, j)
		}
		w.t = j.tn
		for at := l; at < stride; at += asm.StepLanes {
			g.x[at], k1[at] = g.xn[at], k7[at]
		}
		if !(g.sums[3][l] <= w.bound()) {
			j.err = ErrBound
			done = append(done, g.unload(l))
			continue
		}
		if w.next >= len(w.times) {
			done = append(done, g.unload(l))
			continue
		}
		grow := h / fac
		if j.rejected {
			grow = min(grow, h)
		}
		j.rejected = false
		j.h = grow
		if num, den := g.sums[1][l], g.sums[2][l]; den > 0 {
			if h*h*num > 2.8*2.8*den {
				j.notMany = 0
				j.stiffSteps++
				if j.stiffSteps >= 15 && (w.end-w.t) > 200*h {
					j.stiff = true
					done = append(done, g.unload(l))
				}
			} else if j.notMany++; j.notMany == 6 {
				j.stiffSteps = 0
			}
		}
	}
	return done
}

// write gives the rows of job j that lie in the step of lane l.
func (g *laneGroup) write(l int, j *laneJob) {
	n, w := g.n, j.w
	to := w.next
	for to < len(w.times) && w.times[to] <= j.tn {
		to++
	}
	times, dst := w.times[w.next:to], w.dst[w.next*n:to*n]
	w.next = to
	k1, k7 := g.k, g.k[6*n*asm.StepLanes:]
	inv := 1 / j.h
	for i := range n {
		at := i*asm.StepLanes + l
		x, xn, c4 := g.x[at], g.xn[at], g.c4[at]
		c1 := xn - x
		c2 := j.h*k1[at] - c1
		c3 := c1 - j.h*k7[at] - c2
		for k, t := range times {
			v := xn
			if t != j.tn {
				s := (t - w.t) * inv
				r := 1 - s
				v = x + s*(c1+r*(c2+s*(c3+r*c4)))
			}
			dst[k*n+i] = v
		}
	}
}

// laneFlights bounds the trajectories that one worker has in the making: enough
// that one of the groups nearly always fills its lanes.
const laneFlights = 48

// laneRunner makes trajectories of random polynomials, many at a time. It belongs
// to one goroutine.
type laneRunner struct {
	groups [asm.MaxCubic + 1]*laneGroup
	flying int
	done   []*laneJob
}

// flight is a trajectory in the making.
type flight struct {
	next func() (*laneJob, bool)
}

// launch starts trajectory index of the training mixture; emit gets it later, in
// this call or another.
func (r *laneRunner) launch(seed uint64, index int, emit func(lassode.Series, Provenance)) {
	for r.flying >= laneFlights {
		r.advance()
	}
	f := new(flight)
	f.next, _ = iter.Pull(func(yield func(*laneJob) bool) {
		g := generators.Get().(*generator)
		g.yield = yield
		s, p := g.generate(seed, index, trainStream, Samples, -1)
		g.yield = nil
		generators.Put(g)
		emit(s, p)
	})
	r.flying++
	r.resume(f)
}

// resume lets a trajectory go on to its next integration or its end.
func (r *laneRunner) resume(f *flight) {
	j, more := f.next()
	if !more {
		r.flying--
		return
	}
	j.flight = f
	g := r.groups[j.field.n]
	if g == nil {
		g = newLaneGroup(j.field.n)
		r.groups[j.field.n] = g
	}
	g.waiting = append(g.waiting, j)
}

// advance steps the group with most to do until one of its jobs ends.
func (r *laneRunner) advance() {
	var g *laneGroup
	most := 0
	for _, c := range r.groups {
		if c == nil {
			continue
		}
		if todo := min(bits.OnesCount8(c.used)+len(c.waiting), asm.StepLanes); todo > most {
			g, most = c, todo
		}
	}
	for len(r.done) == 0 {
		for free := ^g.used; free != 0 && len(g.waiting) > 0; free &= free - 1 {
			last := len(g.waiting) - 1
			g.load(bits.TrailingZeros8(free), g.waiting[last])
			g.waiting = g.waiting[:last]
		}
		r.done = g.step(r.done)
	}
	ended := r.done
	r.done = nil
	for _, j := range ended {
		r.resume(j.flight)
	}
	r.done = ended[:0]
}

// drain ends all that was launched.
func (r *laneRunner) drain() {
	for r.flying > 0 {
		r.advance()
	}
}

// generateAll makes trajectories of the training mixture in one goroutine, each
// that of [Generate] with its index, and emits them in any order. Random polynomials
// go through lanes where there are some.
func generateAll(seed uint64, next func() (index int, ok bool), emit func(lassode.Series, Provenance)) {
	var lanes laneRunner
	for {
		i, ok := next()
		if !ok {
			break
		}
		r, _ := drawChannels(seed, i, trainStream)
		if asm.HasStepLanes() && mixture[drawPart(r)].name == "random-polynomial" {
			lanes.launch(seed, i, emit)
			continue
		}
		emit(Generate(seed, i))
	}
	lanes.drain()
}

// solve integrates s to the times of the generator, in a lane where it can.
func (g *generator) solve(s *System, opt Options) error {
	if g.yield == nil || s.cubic == nil || opt.Method != Auto || opt.RTol <= 1e-6 {
		_, err := g.w.Solve(g.values, s.RHS, s.X0, 0, g.times, opt)
		return err
	}
	h, more, err := g.w.begin(g.values, s.RHS, s.X0, 0, g.times, opt)
	if more {
		g.job = laneJob{w: &g.w, field: s.cubic, h: h}
		g.yield(&g.job)
		if err = g.job.err; g.job.stiff {
			err = g.w.stiffly(g.job.h)
		}
	}
	g.w.release()
	return err
}
