package ode

import (
	_ "embed"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"

	"github.com/lassode/lassode"
)

// This file holds the chaotic part of the zoo: random polynomials, random
// neural fields and random couplings of three to six variables (forms 29, 31
// and 32) that a search found to be chaotic. Nothing but a random draw starts
// the search; no published chaotic system is a start or a template.
//
// A find is stored as the number of its trial, from which the same system is
// drawn again, with what was measured: period, exponent and, of a coupled
// system, the sizes and rates of its halves. No draw depends on a measurement
// made anew, so machines that round differently make the same systems. The draws
// below are therefore frozen: a change of them makes chaotic.txt meaningless,
// which TestFoundersAreFrozen notices.

//go:generate go test -run ^TestSearchChaotic$ -timeout 3h -search 1 .

// The forms that are searched.
const (
	chaoticPolynomial = iota
	chaoticNeural
	chaoticCoupled
	chaoticForms
)

var chaoticNames = [chaoticForms]string{"chaotic-polynomial", "chaotic-neural", "chaotic-coupled"}

// Lengths of the trajectories of [ChaoticHeldOut]: that many samples to look
// at and that many to forecast, at ChaoticPerPeriod samples a period.
const (
	ChaoticContext   = 512
	ChaoticTarget    = 128
	ChaoticPerPeriod = 30
)

// Founder is a system that the search found to be chaotic.
type Founder struct {
	Family   string  // name of its form
	Trial    uint64  // number of the draw, of its form
	Dim      int     // state variables
	Period   float64 // mean time between upward crossings of the mean, geometric mean over the variables
	Exponent float64 // largest Lyapunov exponent, per period
	// HeldOut says that no training trajectory is made from it.
	HeldOut bool

	form   int
	halves [2]half // of a coupled system
}

// half is what the draw of a coupled field measures of each of its parts.
type half struct {
	refused    int // fields drawn before that do not move or are not bounded
	size, rate int // base-2 logarithms, doubled and rounded
}

// held is a fixed tenth of all trials.
func held(form int, trial uint64) bool {
	return unit(0x68656c64, int64(trial)*chaoticForms+int64(form)) < 0.1
}

//go:embed chaotic.txt
var chaoticTable string

// founders are the finds of chaotic.txt, those for training and those held out.
type founders struct {
	train [MaxGeneratedChannels + 1][]Founder // by least dimension
	held  []Founder
	all   []Founder
}

var chaoticFounders = sync.OnceValue(func() *founders {
	t := new(founders)
	all, err := parseFounders(chaoticTable)
	if err != nil {
		panic("ode: chaotic.txt: " + err.Error())
	}
	t.all = all
	for _, f := range all {
		if f.HeldOut {
			t.held = append(t.held, f)
			continue
		}
		for d := range min(f.Dim, MaxGeneratedChannels) + 1 {
			t.train[d] = append(t.train[d], f)
		}
	}
	return t
})

// Founders returns the systems found by the search.
func Founders() []Founder { return append([]Founder(nil), chaoticFounders().all...) }

// System returns the founder as a system: an initial state near its attractor,
// and 10 periods as span. Its right-hand side does not depend on time.
func (f Founder) System() System {
	c := f.field()
	return System{Family: f.Family, Names: plainNames(c.dim), Dim: c.dim, RHS: c.time, X0: append([]float64(nil), c.x0...), Span: 10 * f.Period, free: true}
}

func parseFounders(table string) ([]Founder, error) {
	var out []Founder
	for n, line := range strings.Split(table, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f, err := parseFounder(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// parseFounder reads the fields of a line of chaotic.txt: form, trial,
// dimension, period and exponent, then of a coupled system three numbers of
// each half.
func parseFounder(w []string) (Founder, error) {
	none := Founder{}
	if len(w) != 5 && len(w) != 11 {
		return none, fmt.Errorf("%d fields, want 5 or 11", len(w))
	}
	var whole [11]int
	var real [11]float64
	for i, v := range w {
		var err error
		if i == 3 || i == 4 {
			real[i], err = strconv.ParseFloat(v, 64)
		} else {
			whole[i], err = strconv.Atoi(v)
		}
		if err != nil {
			return none, err
		}
	}
	form, trial := whole[0], whole[1]
	if form < 0 || form >= chaoticForms || trial < 0 || !(real[3] > 0) || (form == chaoticCoupled) != (len(w) == 11) {
		return none, fmt.Errorf("form %d, trial %d, period %v, %d fields", form, trial, real[3], len(w))
	}
	f := Founder{Family: chaoticNames[form], Trial: uint64(trial), Dim: whole[2], Period: real[3], Exponent: real[4], form: form}
	f.HeldOut = held(form, f.Trial)
	for h := range f.halves {
		f.halves[h] = half{whole[5+3*h], whole[6+3*h], whole[7+3*h]}
	}
	return f, nil
}

// line is the founder's line of chaotic.txt.
func (f *Founder) line() string {
	s := fmt.Sprintf("%d %d %d %.3g %.2g", f.form, f.Trial, f.Dim, f.Period, f.Exponent)
	if f.form == chaoticCoupled {
		for _, h := range f.halves {
			s += fmt.Sprintf(" %d %d %d", h.refused, h.size, h.rate)
		}
	}
	return s
}

// field draws the founder's field again.
func (f *Founder) field() *chaosField {
	c, _ := drawChaos(f.form, f.Trial, &f.halves)
	return c
}

// chaosField is a vector field whose real parameters lie in one slice, so that
// they can be perturbed.
type chaosField struct {
	dim int
	p   []float64 // parameters
	x0  []float64
	rhs func(x, dx []float64) // reads p
	// packed says that rhs has laid out p for itself; a change of p resets it.
	packed bool
	// span is a guess of the time scale, a few periods.
	span float64
}

// drawChaos makes the field of a trial. The halves of a coupled field are
// measured and returned, unless they are known.
func drawChaos(form int, trial uint64, known *[2]half) (*chaosField, [2]half) {
	r := rand.New(rand.NewPCG(trial, 0xc4a05+uint64(form)))
	n := 3 + [...]int{0, 0, 0, 1, 1, 2, 2, 3}[r.IntN(8)]
	switch form {
	case chaoticPolynomial:
		return polynomialField(r, n), [2]half{}
	case chaoticNeural:
		return neuralField(r, n), [2]half{}
	}
	return coupledField(r, known)
}

// polynomialField: a sparse polynomial of degree 2 or 3. Damping of each
// variable by its own cube or of all by the norm confines most draws.
func polynomialField(r *rand.Rand, n int) *chaosField {
	q := polynomial{n: n}
	var p []float64
	add := func(c float64, row int, factors ...int) {
		p = append(p, c)
		q.add(row, factors...)
	}
	exchange := r.IntN(2) == 0
	if exchange {
		// Quadratic terms that pass energy around among triples of variables,
		// driven by a constant or a growing mode and damped elsewhere.
		for range 1 + r.IntN(n) {
			t := r.Perm(n)
			i, j := t[0], t[1]
			a, b := r.NormFloat64(), r.NormFloat64()
			if n < 3 || r.IntN(3) == 0 { // two alone
				add(a, i, i, j)
				add(-a, j, i, i)
				continue
			}
			k := t[2]
			add(a, i, j, k)
			add(b, j, i, k)
			add(-a-b, k, i, j)
		}
		for row := range n {
			c := -logUniform(r, 0.03, 1.5)
			if r.IntN(4) == 0 {
				c = -c
			}
			add(c, row, row)
			if j := r.IntN(n); j != row && r.IntN(2) == 0 {
				c := logUniform(r, 0.3, 4) * sign(r)
				add(c, row, j)
				add(-c*spread(r, 3), j, row)
			}
			if r.IntN(2) == 0 {
				add(logUniform(r, 0.3, 6)*sign(r), row)
			}
		}
	}
	for row := range n {
		if exchange {
			break
		}
		for range 1 + r.IntN(min(n, 3)) {
			add(1.5*r.NormFloat64(), row, r.IntN(n))
		}
		for range r.IntN(3) {
			add(r.NormFloat64(), row, r.IntN(n), r.IntN(n))
		}
		if r.IntN(4) == 0 {
			add(r.NormFloat64(), row, r.IntN(n), r.IntN(n), r.IntN(n))
		}
		if r.IntN(4) == 0 {
			add(r.NormFloat64(), row)
		}
	}
	confine := -1
	switch r.IntN(5) {
	case 0: // as drawn
	case 1, 2:
		for row := range n {
			add(-logUniform(r, 0.02, 0.5), row, row, row, row)
		}
	default:
		confine = len(p)
		p = append(p, logUniform(r, 0.005, 0.3))
	}
	q.sort()
	f := &chaosField{dim: n, p: p, x0: normals(r, n), span: 12}
	f.rhs = func(x, dx []float64) {
		q.eval(f.p, x, dx)
		if confine < 0 {
			return
		}
		var norm float64
		for _, v := range x {
			norm += v * v
		}
		norm *= f.p[confine]
		for i, v := range x {
			dx[i] -= norm * v
		}
	}
	return f
}

// neuralField: a one-layer network with tanh or sine units, a rotation and a
// cubic confining term.
func neuralField(r *rand.Rand, n int) *chaosField {
	hidden := n + 4 + r.IntN(n+4)
	gain, amp := logUniform(r, 1.3, 6), logUniform(r, 1.3, 6)
	sine := r.IntN(3) > 0
	var p []float64
	for range hidden { // bias, then weights
		p = append(p, r.NormFloat64())
		for range n {
			p = append(p, gain/math.Sqrt(float64(n))*r.NormFloat64())
		}
	}
	for range n * hidden {
		p = append(p, amp/math.Sqrt(float64(hidden))*r.NormFloat64())
	}
	rot := len(p)
	strength := logUniform(r, 0.3, 3)
	for range n * (n - 1) / 2 {
		p = append(p, strength*r.NormFloat64())
	}
	own := len(p)
	lin := uniform(r, -0.7, 1)
	for range n {
		p = append(p, lin+0.3*r.NormFloat64())
	}
	p = append(p, logUniform(r, 0.002, 0.08)) // confinement
	f := &chaosField{dim: n, p: p, x0: normals(r, n), span: 8}
	net := newSmallNetwork(n, hidden, sine)
	turn := make([]float64, n)
	pack := func() {
		w := f.p
		for i := range hidden {
			net.unit(i, w[0], w[1:n+1])
			w = w[n+1:]
		}
		for i := range n {
			// The rotation: a triangle of parameters, row by row.
			for j := range turn {
				turn[j] = 0
				if j < i {
					turn[j] = f.p[rot+i*(i-1)/2+j]
				} else if j > i {
					turn[j] = -f.p[rot+j*(j-1)/2+i]
				}
			}
			net.component(i, w[:hidden], turn)
			w = w[hidden:]
		}
	}
	f.rhs = func(x, dx []float64) {
		if !f.packed {
			pack()
			f.packed = true
		}
		n := len(x)
		var norm float64
		for _, v := range x {
			norm += v * v
		}
		norm *= f.p[own+n]
		for i, v := range x {
			dx[i] = (f.p[own+i] - norm) * v
		}
		net.add(x, dx)
	}
	return f
}

// coupledField: two random fields of two or three variables, each brought to
// about unit size and unit rate by measured factors, joined by a few linear
// terms in one or both directions.
//
// The halves are measured and returned, unless they are known. Crude measures
// do.
func coupledField(r *rand.Rand, known *[2]half) (*chaosField, [2]half) {
	n := 4 + min(2, r.IntN(4))
	na := 2
	if n == 6 || n == 5 && r.IntN(2) == 0 {
		na = 3
	}
	var part [2]*chaosField
	var measured [2]half
	var size, rate [2]float64
	for h, m := range [2]int{na, n - na} {
		k := &measured[h]
		for ; ; k.refused++ {
			f := neuralField
			if r.IntN(3) > 0 {
				f = polynomialField
			}
			c := f(r, m)
			if known == nil {
				s, w, ok := c.measure()
				if !ok {
					continue
				}
				k.size, k.rate = int(math.Round(2*math.Log2(s))), int(math.Round(2*math.Log2(w)))
			} else if k.refused < known[h].refused {
				continue
			} else {
				k.size, k.rate = known[h].size, known[h].rate
			}
			part[h] = c
			break
		}
		size[h], rate[h] = math.Exp2(float64(k.size)/2), math.Exp2(float64(k.rate)/2)
	}
	a, b := part[0], part[1]
	f := &chaosField{dim: n, span: 20}
	f.p = append(append(f.p, a.p...), b.p...)
	pa, pb := len(a.p), len(a.p)+len(b.p)
	type link struct{ to, from int }
	var links []link
	join := func(to, nTo, from, nFrom int) {
		strength := logUniform(r, 0.2, 3)
		for range 1 + r.IntN(3) {
			links = append(links, link{to + r.IntN(nTo), from + r.IntN(nFrom)})
			f.p = append(f.p, strength*r.NormFloat64())
		}
	}
	join(na, n-na, 0, na)
	if r.IntN(4) > 0 {
		join(0, na, na, n-na)
	}
	speed := len(f.p)
	f.p = append(f.p, logUniform(r, 0.4, 2.5))
	// Diffusive damping of each variable keeps the pair bounded more often.
	f.p = append(f.p, logUniform(r, 0.001, 0.03))
	for i, v := range append(append([]float64(nil), a.x0...), b.x0...) {
		k := 0
		if i >= na {
			k = 1
		}
		f.x0 = append(f.x0, v/size[k])
	}
	ya, yb := make([]float64, na), make([]float64, n-na)
	f.rhs = func(x, dx []float64) {
		if !f.packed {
			a.p, b.p = f.p[:pa], f.p[pa:pb]
			a.packed, b.packed = false, false
			f.packed = true
		}
		for i := range ya {
			ya[i] = size[0] * x[i]
		}
		for i := range yb {
			yb[i] = size[1] * x[na+i]
		}
		a.rhs(ya, dx[:na])
		b.rhs(yb, dx[na:])
		ka := 1 / (rate[0] * size[0])
		kb := f.p[speed] / (rate[1] * size[1])
		for i := range ya {
			dx[i] *= ka
		}
		for i := na; i < n; i++ {
			dx[i] *= kb
		}
		for i, l := range links {
			dx[l.to] += f.p[pb+i] * x[l.from]
		}
		var norm float64
		for _, v := range x {
			norm += v * v
		}
		norm *= f.p[speed+1]
		for i, v := range x {
			dx[i] -= norm * v
		}
	}
	return f, measured
}

// measure gives the size of a half and the rate at which it moves; it must stay
// bounded and keep moving. The steps are fixed, so that the draw does not depend
// on how an integrator controls its steps.
func (f *chaosField) measure() (size, rate float64, ok bool) {
	const steps = 320
	h := 2 * f.span / steps
	var x, y, k, sum [3]float64
	n := f.dim
	copy(x[:], f.x0)
	var x2, d2 float64
	for step := range steps {
		// The classical method of Runge and Kutta.
		for stage, c := range [4]float64{0, h / 2, h / 2, h} {
			for i := range n {
				y[i] = x[i] + c*k[i]
			}
			f.rhs(y[:n], k[:n])
			weight := h / 6
			if stage == 1 || stage == 2 {
				weight = h / 3
			}
			for i := range n {
				if stage == 0 {
					sum[i] = 0
					if step >= steps/2 {
						x2 += x[i] * x[i]
						d2 += k[i] * k[i]
					}
				}
				sum[i] += weight * k[i]
			}
		}
		for i := range n {
			x[i] += sum[i]
			if !(math.Abs(x[i]) < 50) {
				return 0, 0, false
			}
		}
	}
	size, rate = math.Sqrt(x2/float64(n*steps/2)), math.Sqrt(d2/x2)
	return size, rate, size > 1e-2 && rate > 1e-2 && rate < 30
}

// time is rhs with the signature of an integrator's.
func (f *chaosField) time(_ float64, x, dx []float64) { f.rhs(x, dx) }

// chaosRun is the scratch of chaotic runs.
type chaosRun struct {
	w      Integrator
	times  []float64
	values []float64
	state  []float64
}

// attract runs f from x for the time end, keeping rows samples of the last
// share of it, and leaves the last state in c.state.
func (c *chaosRun) attract(f *chaosField, x []float64, end, share float64, rows int, opt Options) bool {
	c.times, c.values = resize(c.times, rows), resize(c.values, rows*f.dim)
	for i := range c.times {
		c.times[i] = end * (1 - share + share*float64(i)/float64(rows-1))
	}
	if _, err := c.w.Solve(c.values, f.time, x, 0, c.times, opt); err != nil {
		return false
	}
	c.state = append(c.state[:0], c.values[(rows-1)*f.dim:]...)
	return true
}

func resize(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}

// meanPeriod estimates the characteristic period of samples that are dt apart:
// for each variable the mean time between upward crossings of its mean, with
// some hysteresis, then the geometric mean over the variables. A variable that
// crosses less than three times, or no more in the last two fifths, does not
// count; the period is 0 when none does.
func meanPeriod(values []float64, dim int, dt float64) float64 {
	rows := len(values) / dim
	var logs float64
	used := 0
	for c := range dim {
		var mean, std float64
		for i := range rows {
			mean += values[i*dim+c]
		}
		mean /= float64(rows)
		for i := range rows {
			d := values[i*dim+c] - mean
			std += d * d
		}
		std = math.Sqrt(std / float64(rows))
		if !(std > 1e-4*(math.Abs(mean)+1e-3)) {
			continue
		}
		low, count, first, last := false, 0, 0.0, 0.0
		for i := range rows {
			d := values[i*dim+c] - mean
			if d < -0.25*std {
				low = true
			} else if low && d > 0.25*std {
				low = false
				last = float64(i)
				if count == 0 {
					first = last
				}
				count++
			}
		}
		if count < 3 || last < 0.6*float64(rows) {
			continue
		}
		logs += math.Log((last - first) / float64(count-1) * dt)
		used++
	}
	if used == 0 {
		return 0
	}
	return math.Exp(logs / float64(used))
}

// repeats reports whether the highest points of the widest variable take few
// distinct values, as on a limit cycle.
func repeats(values []float64, dim int) bool {
	rows := len(values) / dim
	widest, lo, hi := 0, 0.0, 0.0
	for c := range dim {
		a, b := math.Inf(1), math.Inf(-1)
		for i := c; i < len(values); i += dim {
			a, b = min(a, values[i]), max(b, values[i])
		}
		if b-a > hi-lo {
			widest, lo, hi = c, a, b
		}
	}
	const most = 10
	var seen [most]float64
	n, tops := 0, 0
	for i := 1; i+1 < rows; i++ {
		a, b, d := values[(i-1)*dim+widest], values[i*dim+widest], values[(i+1)*dim+widest]
		if b < a || b <= d {
			continue
		}
		tops++
		top := b + 0.125*(d-a)*(d-a)/(2*b-a-d) // of the parabola
		known := false
		for _, v := range seen[:n] {
			known = known || math.Abs(v-top) < 0.01*(hi-lo)
		}
		if !known {
			if n == most {
				return false
			}
			seen[n] = top
			n++
		}
	}
	return tops > 3*n
}

// exponent estimates the largest Lyapunov exponent of f per unit of time from
// state x: the mean growth of a tangent vector over blocks of the given length,
// and the standard error of the mean from batches of blocks, as neighbouring
// blocks are correlated. The first blocks align the vector and do not count. A
// block that takes more steps than given ends the estimate, as does a state that
// runs away.
func (c *chaosRun) exponent(f *chaosField, x []float64, length float64, blocks, steps int, rtol float64) (lambda, stderr float64, ok bool) {
	const align = 3
	n := f.dim
	y, start := make([]float64, 2*n), make([]float64, 2*n)
	z := make([]float64, n)
	copy(y, x)
	var size float64
	for i := range n {
		y[n+i] = 1 / math.Sqrt(float64(n))
		size += x[i] * x[i]
	}
	// Differences along the tangent vector, which grows within a block.
	size = math.Sqrt(size) + 1e-3
	rhs := func(_ float64, y, dy []float64) {
		v, dx, dv := y[n:], dy[:n], dy[n:]
		var norm float64
		for _, u := range v {
			norm += u * u
		}
		d := 1e-7 * size / math.Sqrt(norm)
		f.rhs(y[:n], dx)
		for i, u := range v {
			z[i] = y[i] + d*u
		}
		f.rhs(z, dv)
		d = 1 / d
		for i, u := range dv {
			dv[i] = (u - dx[i]) * d
		}
	}
	times := [1]float64{length}
	// The tangent vector may grow to any size.
	opt := Options{RTol: rtol, ATol: rtol * 1e-1, MaxSteps: steps, Bound: 1e100, Method: Explicit}
	if rtol < 3e-5 {
		opt.Method = Explicit8
	}
	growth := make([]float64, 0, blocks)
	for b := range blocks + align {
		if _, err := c.w.Solve(y, rhs, append(start[:0], y...), 0, times[:], opt); err != nil {
			return 0, 0, false
		}
		var norm float64
		for i, u := range y[n:] {
			norm += u * u
			if math.Abs(y[i]) > 1e3 {
				return 0, 0, false
			}
		}
		norm = math.Sqrt(norm)
		if !(norm > 1e-100) {
			return 0, 0, false
		}
		for i := range n {
			y[n+i] /= norm
		}
		if b >= align {
			growth = append(growth, math.Log(norm)/length)
		}
	}
	const batches = 20
	var sum, sum2 float64
	for k := range batches {
		part := growth[k*blocks/batches : (k+1)*blocks/batches]
		var m float64
		for _, g := range part {
			m += g
		}
		m /= float64(len(part))
		sum += m
		sum2 += m * m
	}
	lambda = sum / batches
	stderr = math.Sqrt(max(sum2/batches-lambda*lambda, 0) / (batches - 1))
	return lambda, stderr, true
}

// leastExponent per period: weaker chaos looks periodic within a trajectory.
const leastExponent = 0.03

// examine decides whether the trial is chaotic, cheap tests first: bounded, not
// at rest, with a growing tangent vector over 20, 80, 300 and at last 1000 periods,
// the last with an exponent of more than leastExponent per period and three
// standard errors, and so once more from another initial state.
func (c *chaosRun) examine(form int, trial uint64) (Founder, bool) {
	none := Founder{}
	f, halves := drawChaos(form, trial, nil)
	opt := Options{RTol: 1e-3, ATol: 1e-4, MaxSteps: 300, Bound: 60, Method: Explicit}
	if !c.attract(f, f.x0, 3*f.span, 0.5, 240, opt) {
		return none, false
	}
	p := meanPeriod(c.values, f.dim, 1.5*f.span/239)
	if p == 0 {
		return none, false
	}
	// The attractor itself, 40 periods with 20 samples each.
	opt = Options{RTol: 3e-4, ATol: 1e-5, MaxSteps: 2400, Bound: 60, Method: Explicit}
	if !c.attract(f, append([]float64(nil), c.state...), 80*p, 0.5, 801, opt) {
		return none, false
	}
	p = meanPeriod(c.values, f.dim, 40*p/800)
	if p == 0 || repeats(c.values, f.dim) {
		return none, false
	}
	for _, test := range []struct {
		length float64
		blocks int
		rtol   float64
		errors float64
	}{{1, 20, 1e-3, 0}, {2, 40, 3e-4, 1}, {5, 60, 1e-4, 3}, {10, 100, 3e-5, 3}} {
		if !c.attract(f, append([]float64(nil), c.state...), 10*p, 0.1, 2, opt) {
			return none, false
		}
		lambda, stderr, ok := c.exponent(f, c.state, test.length*p, test.blocks, int(50*test.length)+50, test.rtol)
		if !ok || !(lambda*p > leastExponent) || !(lambda > test.errors*stderr) {
			return none, false
		}
		if test.blocks == 100 {
			// Again from elsewhere: no long transient, no narrow basin.
			for i := range f.x0 {
				f.x0[i] *= 1.01
			}
			opt := Options{RTol: 1e-4, ATol: 1e-6, MaxSteps: 6000, Bound: 60, Method: Explicit}
			if !c.attract(f, f.x0, 100*p, 0.1, 2, opt) {
				return none, false
			}
			if again, stderr, ok := c.exponent(f, c.state, 5*p, 60, 300, 1e-4); !ok || !(again*p > leastExponent) || !(again > 3*stderr) {
				return none, false
			}
			return Founder{chaoticNames[form], trial, f.dim, p, lambda * p, held(form, trial), form, halves}, true
		}
	}
	return none, false
}

// SearchChaotic searches the trials from, from+1, ... of the named form
// ("chaotic-polynomial", "chaotic-neural" or "chaotic-coupled") and yields the
// chaotic systems among them until yield returns false or count trials are
// done. The table that the training mixture draws from was made by it.
func SearchChaotic(family string, from uint64, count int, yield func(Founder) bool) error {
	form := -1
	for k, name := range chaoticNames {
		if name == family {
			form = k
		}
	}
	if form < 0 {
		return fmt.Errorf("ode: SearchChaotic: no form %q, want one of %v", family, chaoticNames)
	}
	var c chaosRun
	for i := range count {
		if f, ok := c.examine(form, from+uint64(i)); ok && !yield(f) {
			break
		}
	}
	return nil
}

// Lengths of chaotic training trajectories: 10 to 40 periods of 30 to 60
// samples, cut at maxChaoticRows.
const maxChaoticRows = 1201

// chaotic makes rows samples of a trajectory on the attractor of a founder in
// g.values, perPeriod of them a period as measured. Parameters are multiplied by
// factors near one, of standard deviation spread at most, unless spread is 0;
// the initial state is near the founder's. Bounds and an attractor that neither
// rests nor repeats are checked on the transient.
func (g *generator) chaotic(r *rand.Rand, founder *Founder, spread float64, rows int, perPeriod float64) (dim int, start, span float64, ok bool) {
	f := founder.field()
	n := f.dim
	if spread > 0 {
		spread = logUniform(r, 0.02*spread, spread)
		for i := range f.p {
			f.p[i] *= 1 + spread*r.NormFloat64()
		}
		f.packed = false
	}
	for i := range f.x0 {
		f.x0[i] += 0.1 * (math.Abs(f.x0[i]) + 0.3) * r.NormFloat64()
	}
	const settle, look, each = 7, 11, 18 // periods before and during the check, samples of each
	const count = look*each + 1
	g.reserve(count, n)
	for i := range g.times {
		g.times[i] = founder.Period * (settle + float64(i)/each)
	}
	opt := Options{RTol: 1e-3, ATol: 1e-4, MaxSteps: 1200, Bound: 100, Method: Explicit}
	if _, err := g.w.Solve(g.values, f.time, f.x0, 0, g.times, opt); err != nil {
		return n, 0, 0, false
	}
	period := meanPeriod(g.values, n, founder.Period/each)
	if !(period > 0.3*founder.Period && period < 3*founder.Period) || repeats(g.values, n) {
		return n, 0, 0, false
	}
	g.measureScale(n, count)
	g.state = append(g.state[:0], g.values[(count-1)*n:]...)
	g.reserve(rows, n)
	for i := range g.times {
		g.times[i] = period / perPeriod * float64(i)
	}
	span = g.times[rows-1]
	opt = Options{RTol: g.tolerance, ATol: 0.1 * g.tolerance}
	opt.Scale, opt.MaxSteps, opt.Bound, opt.Method = g.scale, int(60*span/period)+100, 200, Explicit
	_, err := g.w.Solve(g.values, f.time, g.state, 0, g.times, opt)
	return n, founder.Period * (settle + look), span, err == nil
}

// attemptChaotic makes a training trajectory from a founder of the other nine
// tenths; rows of 0 draws the length.
func (g *generator) attemptChaotic(r *rand.Rand, channels, rows int, p *Provenance) (lassode.Series, bool) {
	all := chaoticFounders().train[channels]
	if len(all) == 0 { // more channels than any founder has variables
		return lassode.Series{}, false
	}
	founder := &all[r.IntN(len(all))]
	each := logUniform(r, 30, 60)
	if rows == 0 {
		rows = min(int(each*uniform(r, 10, 40)), maxChaoticRows)
	}
	p.Family, p.Zoo, p.Dim = founder.Family, [...]int{29, 31, 32}[founder.form], founder.Dim
	// Three perturbations, then the founder itself.
	for _, spread := range [...]float64{0.1, 0.05, 0.02, 0} {
		p.Attempts++
		dim, start, span, ok := g.chaotic(r, founder, spread, rows, each)
		if !ok {
			continue
		}
		p.Start, p.Span = start, span
		if s, ok := g.finish(r, dim, channels, rows, true, 1); ok {
			return s, true
		}
	}
	return lassode.Series{}, false
}

// ChaoticHeldOut makes n trajectories of the founders that no training
// trajectory is made from, one founder after another in an order drawn from
// seed, each from a fresh initial state: ChaoticContext samples to look at and
// ChaoticTarget to forecast, ChaoticPerPeriod a period, on the attractor, with
// all state variables as channels, in the systems' own units.
func ChaoticHeldOut(seed uint64, n int) []Trajectory {
	r := rand.New(rand.NewPCG(seed^heldOutStream<<32, 0xc4a0))
	g := generators.Get().(*generator)
	defer generators.Put(g)
	g.tolerance = evalTolerance
	held := chaoticFounders().held
	out := make([]Trajectory, 0, max(n, 0))
	const rows = ChaoticContext + ChaoticTarget
	var order []int
	for tries := 0; len(out) < n && tries < 20*n+100 && len(held) > 0; tries++ {
		if len(order) == 0 {
			order = r.Perm(len(held))
		}
		f := &held[order[0]]
		order = order[1:]
		dim, _, _, ok := g.chaotic(r, f, 0, rows, ChaoticPerPeriod)
		if !ok {
			continue
		}
		out = append(out, Trajectory{g.series(dim, rows, plainNames(dim)), f.Family})
	}
	return out
}
