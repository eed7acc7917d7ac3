package ode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/lassode/lassode/asm"
)

// This file holds the random systems, Zoo numbers 29 to 33. A random form may coincide
// with a well-known one by chance; what would coincide by construction is left
// out: every one-dimensional polynomial or tree has a time-dependent input, and
// no field of two variables is linear.

// RandomFamilies returns the families of random systems and signals: numbers 29
// to 33 of [Family.Zoo]. Their draws are often unbounded or
// trivial; [Generate] rejects those.
func RandomFamilies() []Family {
	return []Family{
		{Name: "random-polynomial", Zoo: 29, Sample: func(r *rand.Rand) System { return randomPolynomial(r, 1+r.IntN(5)) }},
		{Name: "random-tree", Zoo: 30, Sample: func(r *rand.Rand) System { return randomTree(r, 1+r.IntN(5)) }},
		{Name: "random-neural", Zoo: 31, Sample: func(r *rand.Rand) System { return randomNeural(r, 2+r.IntN(5)) }},
		{Name: "skew-product", Zoo: 32, Sample: func(r *rand.Rand) System { return coupling(r, 1, false) }},
		{Name: "feedback-coupling", Zoo: 32, Sample: func(r *rand.Rand) System { return coupling(r, 1, true) }},
		{Name: "signal", Zoo: 33, Sample: func(r *rand.Rand) System { return randomSignal(r, 1+r.IntN(4)) }},
	}
}

func normals(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// unit maps a key and an integer to a number in [0, 1), as a random sequence
// that needs no memory and can be read at any place (SplitMix64).
func unit(key uint64, i int64) float64 {
	z := key + uint64(i)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) * 0x1p-53
}

// randomInput draws an external input u(t) of about unit size whose time scale
// is about period: sine, chirp, smooth telegraph, smooth steps, pulse train,
// sum of sines (a smooth Gaussian process), decaying pulse. It is smooth enough
// for an adaptive integrator.
func randomInput(r *rand.Rand, period float64) func(t float64) float64 {
	omega, phase := 2*math.Pi/period, uniform(r, 0, 2*math.Pi)
	key := r.Uint64()
	edge := uniform(r, 0.03, 0.3)
	switch r.IntN(7) {
	case 0:
		return func(t float64) float64 { return sinFast(omega*t + phase) }
	case 1:
		depth, slow := uniform(r, 0.2, 0.8), logUniform(r, 0.05, 0.4)*omega
		return func(t float64) float64 {
			return sinFast(omega*(t-depth/slow*cosFast(slow*t)) + phase)
		}
	case 2: // telegraph between -1 and 1
		return func(t float64) float64 {
			s := t / period
			k := math.Floor(s)
			a, b := -1.0, -1.0
			if unit(key, int64(k)-1) < 0.5 {
				a = 1
			}
			if unit(key, int64(k)) < 0.5 {
				b = 1
			}
			return a + (b-a)*smoothstep((s-k)/edge)
		}
	case 3: // steps to random levels
		return func(t float64) float64 {
			s := t / period
			k := math.Floor(s)
			a, b := 2*unit(key, int64(k)-1)-1, 2*unit(key, int64(k))-1
			return a + (b-a)*smoothstep((s-k)/edge)
		}
	case 4: // smooth pulse train
		sharp := uniform(r, 2, 12)
		return func(t float64) float64 { return 2 * expFast(sharp*(cosFast(omega*t+phase)-1)) }
	case 5:
		const n = 6
		var freq, amp, ph [n]float64
		for i := range n {
			freq[i], amp[i], ph[i] = omega*logUniform(r, 0.2, 1.5), r.NormFloat64()*0.6, uniform(r, 0, 2*math.Pi)
		}
		return func(t float64) float64 {
			var s float64
			for i := range n {
				s += amp[i] * sinFast(freq[i]*t+ph[i])
			}
			return s
		}
	default: // pulse that rises and dies
		at := uniform(r, 0, 2) * period
		return func(t float64) float64 {
			s := (t - at) / period
			if s <= 0 {
				return 0
			}
			return s * expFast(1-s) * 1.5
		}
	}
}

// withInput adds gain*u(t) to one component of a system.
func withInput(r *rand.Rand, s System, period float64) System {
	u, c := randomInput(r, period), r.IntN(s.Dim)
	gain := logUniform(r, 0.2, 3) * sign(r)
	rhs := s.RHS
	// The last two stages of a step are at the same time.
	at, push := math.NaN(), 0.0
	s.RHS = func(t float64, x, dx []float64) {
		rhs(t, x, dx)
		if t != at {
			at, push = t, gain*u(t)
		}
		dx[c] += push
	}
	if s.cubic != nil {
		s.cubic.input, s.cubic.row, s.cubic.gain = u, c, gain
	}
	s.free = false
	return s
}

// polynomial is a sparse vector field of degree three at most, in at most seven
// variables. The coefficients are kept apart, in the order of their addition,
// so that they can be perturbed.
type polynomial struct {
	n     int
	terms []monomial // by component, once sorted
	rows  []uint8    // the component of each term until then
	ends  [8]uint8   // of the components' terms
}

// monomial is a product of three variables, where n stands for 1, and the place
// of its coefficient.
type monomial struct{ i, j, k, coef uint8 }

// add adds a term with the next coefficient.
func (p *polynomial) add(row int, factors ...int) {
	f := [3]uint8{uint8(p.n), uint8(p.n), uint8(p.n)}
	for d, i := range factors {
		f[d] = uint8(i)
	}
	p.terms = append(p.terms, monomial{f[0], f[1], f[2], uint8(len(p.terms))})
	p.rows = append(p.rows, uint8(row))
}

// sort ends the addition of terms. The order within a component stays.
func (p *polynomial) sort() {
	if p.n > 7 || len(p.terms) > 255 {
		panic(fmt.Sprintf("ode: a polynomial of %d variables with %d terms", p.n, len(p.terms)))
	}
	sorted := make([]monomial, 0, len(p.terms))
	for row := range p.n {
		for i, t := range p.terms {
			if p.rows[i] == uint8(row) {
				sorted = append(sorted, t)
			}
		}
		p.ends[row] = uint8(len(sorted))
	}
	p.terms, p.rows = sorted, nil
}

// eval writes the field at x into dx.
func (p *polynomial) eval(coef, x, dx []float64) {
	var y [8]float64
	for i, v := range x {
		y[i&7] = v
	}
	y[p.n&7] = 1
	from := 0
	for row := range dx {
		to := int(p.ends[row&7])
		terms := p.terms[from:to]
		var s float64
		for i := range terms {
			t := &terms[i]
			s += coef[t.coef] * y[t.i&7] * y[t.j&7] * y[t.k&7]
		}
		dx[row], from = s, to
	}
}

// randomPolynomial draws a sparse polynomial vector field of degree 2 or 3 (Zoo number
// 29): per component a random set of degrees and random monomials of those,
// coefficients N(0,1) times U(0,2). Most such fields blow up, so half of the
// draws get damping of each component by its own first or third power.
func randomPolynomial(r *rand.Rand, n int) System {
	var terms [64]monomial // a component has at most ten terms and its damping
	var rows [64]uint8
	var factors [64]float64
	p, coef := polynomial{n: n, terms: terms[:0], rows: rows[:0]}, factors[:0]
	scale := uniform(r, 0.05, 2)
	for linear := true; linear; {
		p.terms, p.rows, coef = p.terms[:0], p.rows[:0], coef[:0]
		for row := range n {
			mask := 1 + r.IntN(15) // a set of degrees 0..3, not empty
			for degree := range 4 {
				if mask>>degree&1 == 0 {
					continue
				}
				count := 1
				if degree > 0 {
					count += r.IntN(min(2+n/2, 3))
				}
				for range count {
					var f [3]int
					for d := range degree {
						f[d] = r.IntN(n)
					}
					coef = append(coef, r.NormFloat64()*scale)
					p.add(row, f[:degree]...)
					if degree > 1 {
						linear = false
					}
				}
			}
		}
		linear = linear && n < 3
	}
	if kind := r.IntN(4); kind < 2 {
		for row := range n {
			coef = append(coef, -math.Abs(r.NormFloat64())*scale)
			if kind == 0 {
				p.add(row, row)
			} else {
				p.add(row, row, row, row)
			}
		}
	}
	f := newCubicField(&p, coef)
	s := System{Family: "random-polynomial", Names: plainNames(n), Dim: n, RHS: f.eval, X0: normals(r, n), Span: 10 / math.Sqrt(scale), free: true, cubic: f}
	if n == 1 || r.IntN(5) == 0 {
		s = withInput(r, s, logUniform(r, 0.5, 12))
	}
	return s
}

type treeOp uint8

const (
	opLeaf treeOp = iota // a*x[l]
	opConst
	opAdd
	opMul
	opSin
	opSquare
	opReciprocal
	opTanh
)

type treeNode struct {
	op   treeOp
	a, b float64
	l, r int // operands: earlier nodes, or the variable of a leaf
}

// compileTree turns nodes into a program without leaves and without factors of
// results: instruction i writes slot n+1+i; slots below n are the variables and
// slot n is 1. Every operand is a slot times a gain. Component i is gains[i]
// times slots[i].
func compileTree(nodes []treeNode, roots []int, n int) (program []treeNode, slots []int, gains []float64) {
	slot, gain := make([]int, len(nodes)), make([]float64, len(nodes))
	program = make([]treeNode, 0, len(nodes))
	for i, t := range nodes {
		gain[i] = t.a
		switch t.op {
		case opLeaf:
			slot[i] = t.l
			continue
		case opConst:
			slot[i] = n
			continue
		case opAdd:
			gain[i] = 1
			program = append(program, treeNode{op: opAdd, a: gain[t.l], l: slot[t.l], b: gain[t.r], r: slot[t.r]})
		case opMul:
			gain[i] = 1
			program = append(program, treeNode{op: opMul, a: gain[t.l] * gain[t.r], l: slot[t.l], r: slot[t.r]})
		default:
			if t.op == opSquare {
				gain[i] *= 0.3
			}
			program = append(program, treeNode{op: t.op, a: gain[t.l], l: slot[t.l]})
		}
		slot[i] = n + len(program)
	}
	slots, gains = make([]int, len(roots)), make([]float64, len(roots))
	for i, root := range roots {
		slots[i], gains[i] = slot[root], gain[root]
	}
	return program, slots, gains
}

// randomTree draws an expression tree per component (Zoo number 30): up to five sums
// and products, up to three unary functions, constants with sign and magnitude
// L[.05,20] (mostly near 1).
func randomTree(r *rand.Rand, n int) System {
	constant := func() float64 {
		if r.IntN(3) == 0 {
			return sign(r) * logUniform(r, 0.05, 20)
		}
		return sign(r) * logUniform(r, 0.2, 4)
	}
	nodes := make([]treeNode, 0, 64)
	roots := make([]int, n)
	decay := make([]float64, n)
	push := func(t treeNode) int {
		nodes = append(nodes, t)
		return len(nodes) - 1
	}
	var grow func(binary, unary int) int
	grow = func(binary, unary int) int {
		if unary > 0 && (binary == 0 || r.IntN(2) == 0) {
			ops := [...]treeOp{opSin, opSin, opSin, opSquare, opReciprocal, opTanh}
			in := grow(binary, unary-1)
			return push(treeNode{op: ops[r.IntN(len(ops))], a: constant(), b: 0, l: in})
		}
		if binary > 0 {
			left, leftUnary := r.IntN(binary), r.IntN(unary+1)
			op := opAdd
			if r.IntN(4) == 0 {
				op = opMul
			}
			l := grow(left, leftUnary)
			return push(treeNode{op: op, l: l, r: grow(binary-1-left, unary-leftUnary)})
		}
		if r.IntN(8) == 0 {
			return push(treeNode{op: opConst, a: constant()})
		}
		v := r.IntN(n)
		return push(treeNode{op: opLeaf, a: constant(), l: v})
	}
	damped := r.IntN(2) == 0
	for linear := true; linear; {
		nodes = nodes[:0]
		for i := range roots {
			roots[i] = grow(r.IntN(5)+1, r.IntN(4))
		}
		for _, t := range nodes {
			linear = linear && (t.op == opLeaf || t.op == opConst || t.op == opAdd)
		}
		linear = linear && n < 3
	}
	if damped {
		for i := range decay {
			decay[i] = logUniform(r, 0.05, 2)
		}
	}
	program, slots, gains := compileTree(nodes, roots, n)
	v := make([]float64, n+1+len(program))
	s := System{Family: "random-tree", Names: plainNames(n), Dim: n, X0: normals(r, n), Span: 8, free: true}
	s.RHS = func(_ float64, x, dx []float64) {
		copy(v, x)
		v[n] = 1
		w := v[n+1:][:len(program)]
		for i := range program {
			t := &program[i]
			a := t.a * v[t.l]
			switch t.op {
			case opAdd:
				a += t.b * v[t.r]
			case opMul:
				a *= v[t.r]
			case opSin:
				a = sinFast(a)
			case opSquare:
				a *= a
			case opReciprocal:
				a = 1 / a
			case opTanh:
				a = tanhFast(a)
			}
			w[i] = a
		}
		for i, slot := range slots {
			dx[i] = gains[i]*v[slot] - decay[i]*x[i]
		}
	}
	if n == 1 || r.IntN(5) == 0 {
		s = withInput(r, s, logUniform(r, 0.5, 8))
	}
	return s
}

// randomNeural draws a smooth random vector field (Zoo number 31): a one-layer network
// with tanh or sine units, a rotation that keeps it moving, and a cubic
// confining term.
func randomNeural(r *rand.Rand, n int) System {
	hidden := n + 2 + r.IntN(2*n+4)
	gain := logUniform(r, 0.5, 3)
	w1, b1, w2 := normals(r, hidden*n), normals(r, hidden), normals(r, n*hidden)
	for i := range w1 {
		w1[i] *= gain / math.Sqrt(float64(n))
	}
	amp := logUniform(r, 0.5, 4)
	for i := range w2 {
		w2[i] *= amp / math.Sqrt(float64(hidden))
	}
	sine := r.IntN(3) == 0
	skew, lin := make([]float64, n*n), uniform(r, -0.5, 1)
	strength := logUniform(r, 0.1, 4)
	for i := range n {
		for j := range i {
			v := strength * r.NormFloat64()
			skew[i*n+j], skew[j*n+i] = v, -v
		}
	}
	rate := make([]float64, n)
	for i := range rate {
		rate[i] = logUniform(r, 0.3, 3)
	}
	confine := logUniform(r, 0.03, 0.6)
	f := newSmallNetwork(n, hidden, sine)
	for i := range hidden {
		f.unit(i, b1[i], w1[i*n:][:n])
	}
	for i := range n {
		f.component(i, w2[i*hidden:][:hidden], skew[i*n:][:n])
	}
	s := System{Family: "random-neural", Names: plainNames(n), Dim: n, X0: normals(r, n), Span: 10, free: true}
	for i := range s.X0 {
		s.X0[i] *= 1.5
	}
	s.RHS = func(_ float64, x, dx []float64) {
		var norm float64
		for _, v := range x {
			norm += v * v
		}
		for i, v := range x {
			dx[i] = (lin - confine*norm) * v
		}
		f.add(x, dx)
		for i, v := range rate {
			dx[i] *= v
		}
	}
	if r.IntN(4) == 0 {
		s = withInput(r, s, logUniform(r, 0.5, 8))
	}
	return s
}

// smallNetwork is the field of a layer of tanh or sine units and a linear map, for
// up to eight variables, laid out for the kernels.
type smallNetwork struct {
	n, hidden int
	sine      bool
	// bias and first make the units, padded to whole groups; columns of second
	// belong to the units and then to the variables.
	bias, first, second []float64
	h, y                []float64
}

func newSmallNetwork(n, hidden int, sine bool) *smallNetwork {
	if n > asm.StepLanes {
		panic(fmt.Sprintf("ode: a network of %d variables, at most %d", n, asm.StepLanes))
	}
	rows := (hidden + asm.StepLanes - 1) / asm.StepLanes * asm.StepLanes
	f := &smallNetwork{n: n, hidden: hidden, sine: sine}
	block := make([]float64, rows*(n+2)+asm.StepLanes*(hidden+n+1)+n)
	cut := func(n int) []float64 { s := block[:n:n]; block = block[n:]; return s }
	f.bias, f.first, f.second = cut(rows), cut(rows*n), cut(asm.StepLanes*(hidden+n))
	f.y, f.h = cut(asm.StepLanes), cut(rows + n)[:rows]
	return f
}

// unit sets the bias and the weights of unit i.
func (f *smallNetwork) unit(i int, bias float64, weights []float64) {
	f.bias[i] = bias
	for j, v := range weights {
		f.first[j*len(f.bias)+i] = v
	}
}

// component sets what component i of the field takes of the units and, after them,
// of the variables.
func (f *smallNetwork) component(i int, units, variables []float64) {
	for j, v := range units {
		f.second[j*asm.StepLanes+i] = v
	}
	for j, v := range variables {
		f.second[(f.hidden+j)*asm.StepLanes+i] = v
	}
}

// add adds the field at x to dx.
func (f *smallNetwork) add(x, dx []float64) {
	asm.Affine64(f.h, f.bias, f.first, x)
	if f.sine {
		asm.Sin64(f.h)
	} else {
		asm.Tanh64(f.h)
	}
	u := append(f.h[:f.hidden], x...) // the padding is no more needed
	copy(f.y, dx)
	asm.Affine64(f.y, f.y, f.second, u)
	copy(dx, f.y)
}

// unitFlow is a system rescaled so that along its own trajectory every state
// variable has mean 0 and standard deviation 1, and the flow has RMS 1.
type unitFlow struct {
	System
	mean, std []float64
	speed     float64
	rate      []float64 // speed / std
	x, dx     []float64
}

func (u *unitFlow) rhs(t float64, z, dz []float64) {
	for i, v := range z {
		u.x[i] = u.mean[i] + u.std[i]*v
	}
	u.System.RHS(u.speed*t, u.x, u.dx)
	for i, v := range u.dx {
		dz[i] = u.rate[i] * v
	}
}

// maxCoupled bounds the dimension of each half of a coupled pair: larger ones
// cost much time and say little more.
const maxCoupled = 8

// normalise measures s on a coarse run; it reports false when the run fails or
// a variable does not move.
func normalise(s System) (*unitFlow, bool) {
	if s.Dim > maxCoupled || s.Signal != nil {
		return nil, false
	}
	n := s.Dim
	const rows = 120
	buf := make([]float64, rows*n)
	times := make([]float64, rows)
	for i := range times {
		times[i] = s.Span * float64(i) / (rows - 1)
	}
	w := integrators.Get().(*Integrator)
	defer integrators.Put(w)
	opt := Options{RTol: 1e-3, ATol: 1e-6, MaxSteps: 1500, Bound: 1e9}
	if s.Stiff {
		opt.Method = Implicit
	}
	if _, err := w.Solve(buf, s.RHS, s.X0, 0, times, opt); err != nil {
		return nil, false
	}
	u := &unitFlow{System: s, mean: make([]float64, n), std: make([]float64, n), x: make([]float64, n), dx: make([]float64, n)}
	for i := range n {
		var m, v, size float64
		for k := range rows {
			m += buf[k*n+i]
			size = max(size, math.Abs(buf[k*n+i]))
		}
		m /= rows
		for k := range rows {
			d := buf[k*n+i] - m
			v += d * d
		}
		u.mean[i], u.std[i] = m, math.Sqrt(v/rows)
		if !(u.std[i] > 1e-3*size) || size == 0 {
			return nil, false
		}
	}
	var flow float64
	count := 0
	for k := 0; k < rows; k += 3 {
		s.RHS(times[k], buf[k*n:(k+1)*n], u.dx)
		for i, v := range u.dx {
			flow += (v / u.std[i]) * (v / u.std[i])
			count++
		}
	}
	flow = math.Sqrt(flow / float64(count))
	if !(flow > 1e-9/s.Span) || math.IsInf(flow, 0) {
		return nil, false
	}
	u.speed = 1 / flow
	u.rate = make([]float64, n)
	for i, v := range u.std {
		u.rate[i] = u.speed / v
	}
	return u, true
}

var integrators = sync.Pool{New: func() any { return new(Integrator) }}

// namedFamilies is the table of Families, built once.
var namedFamilies = sync.OnceValue(Families)

// coupling draws two systems and joins them (Zoo number 32): the driver a, or a random
// input, pushes the response b; with feedback b pushes a as well. Both halves
// are brought to unit state and unit flow before. minDim bounds the dimension
// of the pair from below.
func coupling(r *rand.Rand, minDim int, feedback bool) System {
	draw := func() *unitFlow {
		for {
			var s System
			switch k := r.IntN(10); {
			case k < 6:
				f := namedFamilies()
				s = f[r.IntN(len(f))].Sample(r)
			case k < 8:
				s = randomPolynomial(r, 1+r.IntN(3))
			case k < 9:
				s = randomTree(r, 1+r.IntN(3))
			default:
				s = randomNeural(r, 2+r.IntN(3))
			}
			if u, ok := normalise(s); ok {
				return u
			}
		}
	}
	b := draw()
	for b.Dim < minDim-1 {
		b = draw()
	}
	var a *unitFlow
	var input func(t float64) float64
	na, nb := 0, b.Dim
	if feedback || nb < minDim || r.IntN(5) > 0 {
		a = draw()
		for nb+a.Dim < minDim {
			a = draw()
		}
		na = a.Dim
	} else {
		input = randomInput(r, logUniform(r, 2, 15))
	}
	n := na + nb
	s := System{Family: "skew-product", Names: plainNames(n), Dim: n, X0: make([]float64, n), Span: 30,
		Stiff: b.Stiff || a != nil && a.Stiff}
	if feedback {
		s.Family = "feedback-coupling"
	}
	// Each variable of the response listens to one of the driver, or to none.
	listen := func(n, m int) (from []int, gain []float64) {
		from, gain = make([]int, n), make([]float64, n)
		strength := logUniform(r, 0.2, 2)
		perm := r.Perm(n)
		for k := range 1 + r.IntN(min(n, 3)) {
			from[perm[k]], gain[perm[k]] = r.IntN(max(m, 1)), sign(r)*strength*uniform(r, 0.5, 1.5)
		}
		return from, gain
	}
	fromA, gainA := listen(nb, na)
	var fromB []int
	var gainB []float64
	if feedback {
		fromB, gainB = listen(na, nb)
	}
	byFlow := a != nil && !feedback && r.IntN(3) == 0
	kb := logUniform(r, 0.3, 3)
	if a != nil {
		for i, v := range a.X0 {
			s.X0[i] = (v - a.mean[i]) / a.std[i]
		}
	}
	for i, v := range b.X0 {
		s.X0[na+i] = (v - b.mean[i]) / b.std[i]
	}
	s.RHS = func(t float64, x, dx []float64) {
		if a != nil {
			a.rhs(t, x[:na], dx[:na])
		}
		b.rhs(kb*t, x[na:], dx[na:])
		for i := range nb {
			var push float64
			switch {
			case gainA[i] == 0:
			case input != nil:
				push = gainA[i] * input(t)
			case byFlow:
				push = gainA[i] * dx[fromA[i]]
			default:
				push = gainA[i] * x[fromA[i]]
			}
			dx[na+i] = kb*dx[na+i] + push
		}
		for i := range fromB {
			if gainB[i] != 0 {
				dx[i] += gainB[i] * x[na+fromB[i]]
			}
		}
	}
	return s
}

// randomSignal draws n channels that solve no differential equation (Zoo number 33):
// piecewise steps, sawteeth, regime switches, draws of Gaussian processes and
// of Ornstein-Uhlenbeck processes. Time runs over [0, 1].
func randomSignal(r *rand.Rand, n int) System {
	channels := make([]func(dst []float64, stride int, times []float64), n)
	kind := r.IntN(6)
	for c := range channels {
		if r.IntN(3) == 0 {
			kind = r.IntN(6)
		}
		channels[c] = signalChannel(r, kind)
	}
	return System{Family: "signal", Names: plainNames(n), Dim: n, Span: 1,
		Signal: func(dst, times []float64) {
			for c, f := range channels {
				f(dst[c:], n, times)
			}
		}}
}

func signalChannel(r *rand.Rand, kind int) func(dst []float64, stride int, times []float64) {
	key := r.Uint64()
	pointwise := func(f func(t float64) float64) func([]float64, int, []float64) {
		return func(dst []float64, stride int, times []float64) {
			for i, t := range times {
				dst[i*stride] = f(t)
			}
		}
	}
	switch kind {
	case 0: // steps to random levels at random times
		count := 3 + r.IntN(20)
		at, level := make([]float64, count), normals(r, count+1)
		for i := range at {
			at[i] = r.Float64()
		}
		return pointwise(func(t float64) float64 {
			k := 0
			for _, a := range at {
				if t > a {
					k++
				}
			}
			return level[k]
		})
	case 1: // sawtooth or triangle, with drifting period
		period, phase, rise := logUniform(r, 0.08, 0.7), r.Float64(), uniform(r, 0.02, 0.98)
		drift := uniform(r, -0.3, 0.3)
		return pointwise(func(t float64) float64 {
			s := t*(1+drift*t)/period + phase
			s -= math.Floor(s)
			if s < rise {
				return s / rise
			}
			return (1 - s) / (1 - rise)
		})
	case 2: // regimes: each has its own level, slope, oscillation
		cells := float64(2 + r.IntN(8))
		period := logUniform(r, 0.03, 0.3)
		return pointwise(func(t float64) float64 {
			k := int64(math.Floor(t*cells + 0.6*sinFast(3*t)))
			freq := 2 * math.Pi / (period * (0.5 + 2*unit(key, 4*k)))
			amp := 1.5 * unit(key, 4*k+1)
			return 3*(unit(key, 4*k+2)-0.5) + 4*(unit(key, 4*k+3)-0.5)*t + amp*sinFast(freq*t)
		})
	case 3, 4: // Gaussian process by random Fourier features
		const m = 48
		length := logUniform(r, 0.03, 0.5)
		freq, amp, phase := make([]float64, m), make([]float64, m), make([]float64, m)
		rough := r.IntN(2) == 0
		for i := range m {
			f := r.NormFloat64() / length
			if rough { // Student t with 5 degrees of freedom: Matérn 5/2
				var chi float64
				for range 5 {
					z := r.NormFloat64()
					chi += z * z
				}
				f /= math.Sqrt(chi / 5)
			}
			freq[i] = max(-150, min(150, f))
			amp[i], phase[i] = math.Sqrt(2.0/m), uniform(r, 0, 2*math.Pi)
		}
		return func(dst []float64, stride int, times []float64) {
			for i := range times {
				dst[i*stride] = 0
			}
			if len(times) < 2 {
				return
			}
			// Regular times: rotate by the angle of a step, anew every 64 samples.
			dt := (times[len(times)-1] - times[0]) / float64(len(times)-1)
			for k, f := range freq {
				rs, rc := sincosFast(f * dt)
				var s, c float64
				for i := range times {
					if i&63 == 0 || math.Abs(times[i]-times[i-1]-dt) > 1e-9*dt {
						s, c = sincosFast(f*times[i] + phase[k])
						s, c = amp[k]*s, amp[k]*c
					} else {
						s, c = s*rc+c*rs, c*rc-s*rs
					}
					dst[i*stride] += c
				}
			}
		}
	default: // Ornstein-Uhlenbeck, or its integral-like smoothing
		tau, smooth := logUniform(r, 0.03, 0.6), logUniform(r, 0.002, 0.05)
		return func(dst []float64, stride int, times []float64) {
			noise := rand.New(rand.NewPCG(key, 1))
			x, y := noise.NormFloat64(), 0.0
			y = x
			for i, t := range times {
				if i > 0 {
					dt := t - times[i-1]
					a, b := expFast(-dt/tau), expFast(-dt/smooth)
					x = a*x + math.Sqrt(1-a*a)*noise.NormFloat64()
					y = b*y + (1-b)*x
				}
				dst[i*stride] = y
			}
		}
	}
}
