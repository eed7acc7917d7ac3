package ode

import (
	"errors"
	"fmt"
	"math"
)

// Method chooses the integrator.
type Method int

const (
	// Auto starts with an explicit method, of order 8 for tolerances up to 1e-6
	// and of order 5 above, and continues with the implicit one once the
	// equations prove stiff.
	Auto Method = iota
	// Explicit is the Runge-Kutta pair of Dormand and Prince, order 5(4).
	Explicit
	// Implicit is the Rosenbrock method RODAS, order 4(3), L-stable, with a
	// finite-difference Jacobian.
	Implicit
	// Explicit8 is the Runge-Kutta method DOP853 of Hairer, Nørsett and Wanner,
	// order 8(5,3): fewer and longer steps than Explicit where the solution is
	// smooth and the tolerance is tight.
	Explicit8
)

// Options bounds one integration. The zero value gives the defaults.
type Options struct {
	// RTol and ATol are the relative and absolute tolerance of the local error;
	// 0 means 1e-6 and 1e-8.
	RTol, ATol float64
	// Scale multiplies ATol, one value per component; nil means 1.
	Scale []float64
	// MaxSteps limits attempted steps, accepted and rejected; 0 means 100000.
	// An implicit step counts once.
	MaxSteps int
	// MaxStep limits the step size; 0 means the whole interval. Give it when
	// the equations have short pulses that a long step could miss.
	MaxStep float64
	// Bound stops with [ErrBound] once a component exceeds it in magnitude;
	// 0 means that only non-finite values stop.
	Bound float64
	// Method chooses the integrator.
	Method Method
}

// Stats counts what an integration did.
type Stats struct {
	Steps       int  // accepted steps
	Rejected    int  // rejected steps
	Evaluations int  // calls of the right-hand side
	Jacobians   int  // Jacobians, each of Dim+1 further calls
	Implicit    bool // whether the implicit method was used at the end
}

// Reasons for an integration to stop early. They carry no detail, so that a
// generator that rejects most of its draws allocates nothing for them.
var (
	// ErrSteps: more than Options.MaxSteps steps.
	ErrSteps = errors.New("ode: step limit reached")
	// ErrStepSize: the step size fell below the resolution of time.
	ErrStepSize = errors.New("ode: step size underflow, the solution may be singular")
	// ErrBound: a component left Options.Bound or became non-finite.
	ErrBound = errors.New("ode: solution left its bound")
)

// Integrator holds the scratch memory of one integration after another. The
// zero value is ready to use. It belongs to one goroutine; after the first
// call with the largest dimension, Solve does not allocate.
type Integrator struct {
	n             int
	x, xn, xs, sc []float64 // state, new state, stage argument, error scale
	k             [12][]float64
	c             [7][]float64 // dense output coefficients
	jac, lu, ft   []float64
	piv           []int
	rhs           func(t float64, x, dx []float64)
	opt           Options
	dst, times    []float64
	next          int // first output time not yet written
	t, end, hmax  float64
	atol          []float64
	rtol          float64
	st            Stats
}

func (w *Integrator) grow(n int) {
	w.n = n
	if cap(w.x) < n {
		block := make([]float64, 25*n)
		cut := func() []float64 { s := block[:n:n]; block = block[n:]; return s }
		w.x, w.xn, w.xs, w.sc, w.ft, w.atol = cut(), cut(), cut(), cut(), cut(), cut()
		for i := range w.k {
			w.k[i] = cut()
		}
		for i := range w.c {
			w.c[i] = cut()
		}
	}
	w.x, w.xn, w.xs, w.sc, w.ft, w.atol = w.x[:n], w.xn[:n], w.xs[:n], w.sc[:n], w.ft[:n], w.atol[:n]
	for i := range w.k {
		w.k[i] = w.k[i][:n]
	}
	for i := range w.c {
		w.c[i] = w.c[i][:n]
	}
}

func (w *Integrator) growMatrix() {
	n := w.n
	if cap(w.jac) < n*n || cap(w.piv) < n {
		w.jac, w.lu, w.piv = make([]float64, n*n), make([]float64, n*n), make([]int, n)
	}
	w.jac, w.lu, w.piv = w.jac[:n*n], w.lu[:n*n], w.piv[:n]
}

// Solve integrates x' = rhs(t, x) from x(t0) = x0 and writes the states at
// times, row-major len(times) x len(x0), into dst. Times must not decrease and
// must not lie before t0. Between steps the methods' own continuous extensions
// are used, of order 4 (Explicit), 7 (Explicit8) and 3 (Implicit).
//
// On an error the rows before the failure are valid. Solve panics when dst or
// the options' Scale has the wrong length, times are out of order or the Method
// is none of the named, which are programming errors.
func (w *Integrator) Solve(dst []float64, rhs func(t float64, x, dx []float64), x0 []float64, t0 float64, times []float64, opt Options) (Stats, error) {
	n := len(x0)
	if len(dst) != len(times)*n {
		panic(fmt.Sprintf("ode: Solve: dst has %d values, want %d x %d", len(dst), len(times), n))
	}
	if opt.Scale != nil && len(opt.Scale) != n {
		panic(fmt.Sprintf("ode: Solve: Scale has %d values, want %d, one per component", len(opt.Scale), n))
	}
	if opt.Method < Auto || opt.Method > Explicit8 {
		panic(fmt.Sprintf("ode: Solve: Method is %d, want %d to %d", opt.Method, Auto, Explicit8))
	}
	for i, t := range times {
		if !(t >= t0) || i > 0 && !(t >= times[i-1]) || math.IsInf(t, 0) {
			panic(fmt.Sprintf("ode: Solve: times[%d] = %v is out of order", i, t))
		}
	}
	h, more, err := w.begin(dst, rhs, x0, t0, times, opt)
	if more {
		err = w.run(h)
	}
	w.release()
	return w.st, err
}

// begin prepares an integration and writes the rows at t0. It returns the first
// step, and whether there is something to integrate.
func (w *Integrator) begin(dst []float64, rhs func(t float64, x, dx []float64), x0 []float64, t0 float64, times []float64, opt Options) (h float64, more bool, err error) {
	n := len(x0)
	w.st = Stats{}
	if len(times) == 0 || n == 0 {
		return 0, false, nil
	}
	w.grow(n)
	w.rhs, w.opt, w.dst, w.times = rhs, opt, dst, times
	w.rtol = opt.RTol
	if w.rtol <= 0 {
		w.rtol = 1e-6
	}
	atol := opt.ATol
	if atol <= 0 {
		atol = 1e-8
	}
	for i := range w.atol {
		w.atol[i] = atol
		if opt.Scale != nil {
			w.atol[i] = atol * opt.Scale[i]
		}
	}
	if w.opt.MaxSteps <= 0 {
		w.opt.MaxSteps = 100000
	}
	copy(w.x, x0)
	w.t, w.end, w.next = t0, times[len(times)-1], 0
	for w.next < len(times) && times[w.next] == t0 {
		copy(dst[w.next*n:], x0)
		w.next++
	}
	if w.next == len(times) {
		return 0, false, nil
	}
	w.hmax = w.end - t0
	if opt.MaxStep > 0 && opt.MaxStep < w.hmax {
		w.hmax = opt.MaxStep
	}
	w.eval(w.t, w.x, w.k[0])
	if !finite(w.k[0]) || !finite(w.x) {
		return 0, false, ErrBound
	}
	return w.firstStep(), true, nil
}

// release keeps no reference to the caller's memory.
func (w *Integrator) release() {
	w.rhs, w.dst, w.times, w.opt.Scale = nil, nil, nil, nil
}

// Integrate is [Integrator.Solve] with memory of its own: it returns one row
// per time. For repeated use keep an [Integrator].
func Integrate(rhs func(t float64, x, dx []float64), x0 []float64, t0 float64, times []float64, opt Options) ([][]float64, error) {
	var w Integrator
	n := len(x0)
	flat := make([]float64, len(times)*n)
	_, err := w.Solve(flat, rhs, x0, t0, times, opt)
	if err != nil {
		return nil, err
	}
	rows := make([][]float64, len(times))
	for i := range rows {
		rows[i] = flat[i*n : (i+1)*n : (i+1)*n]
	}
	return rows, nil
}

func (w *Integrator) eval(t float64, x, dx []float64) {
	w.st.Evaluations++
	w.rhs(t, x, dx)
}

// run integrates with the method that the options ask for, from the first step h.
func (w *Integrator) run(h float64) error {
	if w.opt.Method != Implicit {
		var stiff bool
		var err error
		if w.opt.Method == Explicit8 || w.opt.Method == Auto && w.rtol <= 1e-6 {
			h, stiff, err = w.explicit8(h)
		} else {
			h, stiff, err = w.explicit(h)
		}
		if err != nil || !stiff {
			return err
		}
	}
	return w.stiffly(h)
}

// stiffly goes on with the implicit method.
func (w *Integrator) stiffly(h float64) error {
	w.st.Implicit = true
	w.growMatrix()
	return w.implicit(h)
}

// firstStep is the starting step of Hairer, Nørsett and Wanner, Solving
// Ordinary Differential Equations I, section II.4.
func (w *Integrator) firstStep() float64 {
	var d0, d1 float64
	for i, v := range w.x {
		s := w.atol[i] + w.rtol*math.Abs(v)
		d0 += (v / s) * (v / s)
		d1 += (w.k[0][i] / s) * (w.k[0][i] / s)
	}
	h := 0.01 * math.Sqrt(d0/d1)
	if d0 < 1e-10 || d1 < 1e-10 || !(h > 0) || math.IsInf(h, 0) {
		h = 1e-6 * w.hmax
	}
	h = min(h, w.hmax)
	for i, v := range w.x {
		w.xs[i] = v + h*w.k[0][i]
	}
	w.eval(w.t+h, w.xs, w.k[1])
	var d2 float64
	for i, v := range w.x {
		s := w.atol[i] + w.rtol*math.Abs(v)
		d := (w.k[1][i] - w.k[0][i]) / s
		d2 += d * d
	}
	n := float64(w.n)
	d := max(math.Sqrt(d2/n)/h, math.Sqrt(d1/n))
	h1 := 1e-3 * h
	if d > 1e-15 {
		h1 = math.Pow(0.01/d, 0.2)
	}
	if math.IsNaN(h1) {
		h1 = 1e-3 * h
	}
	return max(min(100*h, h1, w.hmax), 1e-12*w.hmax)
}

// log2 and exp2 are within 1e-7 (log2 absolute, exp2 relative), far more than
// the choice of a step needs. The powers of step control were half of the time of
// a step of a small system with math.Pow. Zero and denormals have a logarithm
// of about -1023.
func log2(x float64) float64 {
	b := math.Float64bits(x)
	m := math.Float64frombits(b&(1<<52-1)|1023<<52) / math.Sqrt2 // in [1/sqrt 2, sqrt 2)
	s := (m - 1) / (m + 1)
	q := s * s
	return float64(int(b>>52)-1023) + .5 + 2/math.Ln2*s*(1+q*(1./3+q*(1./5+q*(1./7))))
}

// exp2 needs |x| < 1000.
func exp2(x float64) float64 {
	m := x + roundMagic
	n := m - roundMagic
	y := (x - n) * math.Ln2
	p := 1 + y*(1+y*(1./2+y*(1./6+y*(1./24+y*(1./120+y*(1./720))))))
	return p * math.Float64frombits((math.Float64bits(m)+1023)<<52)
}

func finite(x []float64) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// Coefficients of Dormand and Prince (1980) and of the dense output of Hairer's
// DOPRI5.
const (
	a21 = 1.0 / 5
	a31 = 3.0 / 40
	a32 = 9.0 / 40
	a41 = 44.0 / 45
	a42 = -56.0 / 15
	a43 = 32.0 / 9
	a51 = 19372.0 / 6561
	a52 = -25360.0 / 2187
	a53 = 64448.0 / 6561
	a54 = -212.0 / 729
	a61 = 9017.0 / 3168
	a62 = -355.0 / 33
	a63 = 46732.0 / 5247
	a64 = 49.0 / 176
	a65 = -5103.0 / 18656
	a71 = 35.0 / 384
	a73 = 500.0 / 1113
	a74 = 125.0 / 192
	a75 = -2187.0 / 6784
	a76 = 11.0 / 84
	e1  = 71.0 / 57600
	e3  = -71.0 / 16695
	e4  = 71.0 / 1920
	e5  = -17253.0 / 339200
	e6  = 22.0 / 525
	e7  = -1.0 / 40
	d1c = -12715105075.0 / 11282082432
	d3c = 87487479700.0 / 32700410799
	d4c = -10690763975.0 / 1880347072
	d5c = 701980252875.0 / 199316789632
	d6c = -1453857185.0 / 822651844
	d7c = 69997945.0 / 29380423
)

// explicit advances to the end or until the equations prove stiff; k[0] holds
// f(t, x) on entry and on return. It returns the last step size.
func (w *Integrator) explicit(h float64) (float64, bool, error) {
	// Slices cut to the same length spare the bounds checks.
	f, n := w.rhs, w.n
	x := w.x[:n]
	xn, xs, atol := w.xn[:n], w.xs[:n], w.atol[:n]
	k1, k2, k3, k4 := w.k[0][:n], w.k[1][:n], w.k[2][:n], w.k[3][:n]
	k5, k6, k7 := w.k[4][:n], w.k[5][:n], w.k[6][:n]
	rtol, bound := w.rtol, w.bound()
	logOld, rejected := math.Log2(1e-4), false
	stiff, calm := 0, 0
	for {
		t := w.t
		var tn float64
		var err error
		if h, tn, err = w.nextStep(h); err != nil {
			return h, false, err
		}
		w.st.Evaluations += 6
		b21 := h * a21
		for i := range xs {
			xs[i] = x[i] + b21*k1[i]
		}
		f(t+h/5, xs, k2)
		for i := range xs {
			xs[i] = x[i] + h*(a31*k1[i]+a32*k2[i])
		}
		f(t+0.3*h, xs, k3)
		for i := range xs {
			xs[i] = x[i] + h*(a41*k1[i]+a42*k2[i]+a43*k3[i])
		}
		f(t+0.8*h, xs, k4)
		for i := range xs {
			xs[i] = x[i] + h*(a51*k1[i]+a52*k2[i]+a53*k3[i]+a54*k4[i])
		}
		f(t+h*(8.0/9), xs, k5)
		for i := range xs {
			xs[i] = x[i] + h*(a61*k1[i]+a62*k2[i]+a63*k3[i]+a64*k4[i]+a65*k5[i])
		}
		f(tn, xs, k6)
		for i := range xs {
			xn[i] = x[i] + h*(a71*k1[i]+a73*k3[i]+a74*k4[i]+a75*k5[i]+a76*k6[i])
		}
		f(tn, xn, k7)
		var sum, num, den, size float64
		for i := range xs {
			v := math.Abs(xn[i])
			size = max(size, v)
			s := atol[i] + rtol*max(math.Abs(x[i]), v)
			e := (e1*k1[i] + e3*k3[i] + e4*k4[i] + e5*k5[i] + e6*k6[i] + e7*k7[i]) / s
			sum += e * e
			dk, dx := k7[i]-k6[i], xn[i]-xs[i]
			num += dk * dk
			den += dx * dx
		}
		errNow := h * h * sum / float64(n) // the square
		if !(errNow < 1e60) {              // NaN or overflow: outside the domain
			w.st.Rejected++
			rejected = true
			h *= 0.1
			continue
		}
		// PI control with the constants of DOPRI5 (beta = 0.04).
		logNow := 0.5 * log2(errNow)
		if errNow > 1 {
			w.st.Rejected++
			rejected = true
			h /= min(5, exp2((0.2-0.04*0.75)*logNow)/0.9)
			continue
		}
		fac := max(0.1, min(5, exp2((0.2-0.04*0.75)*logNow-0.04*logOld)/0.9))
		logOld = max(logNow, -13.3) // 1e-4
		w.st.Steps++
		if w.next < len(w.times) && w.times[w.next] <= tn {
			c1, c2, c3, c4 := w.c[0][:n], w.c[1][:n], w.c[2][:n], w.c[3][:n]
			inv := 1 / h
			for i := range xs {
				diff := xn[i] - x[i]
				b := h*k1[i] - diff
				c1[i], c2[i] = diff, b
				c3[i] = diff - h*k7[i] - b
				c4[i] = h * (d1c*k1[i] + d3c*k3[i] + d4c*k4[i] + d5c*k5[i] + d6c*k6[i] + d7c*k7[i])
			}
			done := 0
			for _, at := range w.times[w.next:] {
				if at > tn {
					break
				}
				row := w.dst[(w.next+done)*n:][:n]
				if at == tn {
					copy(row, xn)
				} else {
					s := (at - t) * inv
					r := 1 - s
					for i := range row {
						row[i] = x[i] + s*(c1[i]+r*(c2[i]+s*(c3[i]+r*c4[i])))
					}
				}
				done++
			}
			w.next += done
		}
		w.t = tn
		for i := range xs { // shorter than a call of copy for a few variables
			x[i], k1[i] = xn[i], k7[i]
		}
		if !(size <= bound) {
			return h, false, ErrBound
		}
		if w.next >= len(w.times) {
			return h, false, nil
		}
		hOld := h
		grow := h / fac
		if rejected {
			grow = min(grow, h)
		}
		rejected = false
		h = grow
		// Stiffness: the step is held at the border of the stability region.
		if w.opt.Method == Auto && den > 0 {
			if hOld*hOld*num > 2.8*2.8*den {
				calm = 0
				stiff++
				if stiff >= 15 && (w.end-w.t) > 200*hOld {
					return h, true, nil
				}
			} else if calm++; calm == 6 {
				stiff = 0
			}
		}
	}
}

// nextStep cuts the proposed step h to what the options and the end allow. It returns
// the step and the time it leads to, of the last one the end exactly.
func (w *Integrator) nextStep(h float64) (step, to float64, err error) {
	if w.st.Steps+w.st.Rejected >= w.opt.MaxSteps {
		return h, w.t, ErrSteps
	}
	h = min(h, w.hmax)
	if w.t+1.01*h >= w.end {
		return w.end - w.t, w.end, nil
	}
	if h <= 1e-14*max(math.Abs(w.t), math.Abs(w.end)) {
		return h, w.t, ErrStepSize
	}
	return h, w.t + h, nil
}

// bound is the largest magnitude allowed.
func (w *Integrator) bound() float64 {
	if w.opt.Bound <= 0 {
		return math.MaxFloat64
	}
	return w.opt.Bound
}

func (w *Integrator) inside() bool {
	bound := w.bound()
	for _, v := range w.x {
		if !(math.Abs(v) <= bound) {
			return false
		}
	}
	return true
}

// Coefficients of RODAS (Hairer and Wanner, Solving Ordinary Differential
// Equations II, section IV.7), in the form that needs no product with the
// Jacobian.
const (
	roGamma = 0.25
	roA21   = 1.544
	roA31   = 0.9466785280815826
	roA32   = 0.2557011698983284
	roA41   = 3.314825187068521
	roA42   = 2.896124015972201
	roA43   = 0.9986419139977817
	roA51   = 1.221224509226641
	roA52   = 6.019134481288629
	roA53   = 12.53708332932087
	roA54   = -0.6878860361058950
	roC21   = -5.6688
	roC31   = -2.430093356833875
	roC32   = -0.2063599157091915
	roC41   = -0.1073529058151375
	roC42   = -9.594562251023355
	roC43   = -20.47028614809616
	roC51   = 7.496443313967647
	roC52   = -10.24680431464352
	roC53   = -33.99990352819905
	roC54   = 11.70890893206160
	roC61   = 8.083246795921522
	roC62   = -7.981132988064893
	roC63   = -31.52159432874371
	roC64   = 16.31930543123136
	roC65   = -6.058818238834054
	roT2    = 0.386
	roT3    = 0.21
	roT4    = 0.63
	roD1    = 0.25
	roD2    = -0.1043
	roD3    = 0.1035
	roD4    = -0.03620000000000023
	roH21   = 10.12623508344586
	roH22   = -7.487995877610167
	roH23   = -34.80091861555747
	roH24   = -7.992771707568823
	roH25   = 1.025137723295662
	roH31   = -0.6762803392801253
	roH32   = 6.087714651680015
	roH33   = 16.43084320892478
	roH34   = 24.76722511418386
	roH35   = -6.594389125716872
)

// implicit advances to the end; k[0] holds f(t, x) on entry.
func (w *Integrator) implicit(h float64) error {
	n := w.n
	x, xn, xs := w.x, w.xn, w.xs
	f := w.k[6]
	u1, u2, u3, u4, u5, u6 := w.k[1], w.k[2], w.k[3], w.k[4], w.k[5], w.c[4]
	fresh, rejected := false, false
	for {
		t := w.t
		var tn float64
		var err error
		if h, tn, err = w.nextStep(h); err != nil {
			return err
		}
		if !fresh {
			w.jacobian(h)
			fresh = true
			if !finite(w.jac) || !finite(w.ft) {
				return ErrBound
			}
		}
		if !w.factor(1 / (h * roGamma)) {
			w.st.Rejected++
			h *= 0.5
			continue
		}
		ft := w.ft
		for i := range n {
			u1[i] = w.k[0][i] + h*roD1*ft[i]
		}
		w.solve(u1)
		for i := range n {
			xs[i] = x[i] + roA21*u1[i]
		}
		w.eval(t+roT2*h, xs, f)
		for i := range n {
			u2[i] = f[i] + h*roD2*ft[i] + roC21*u1[i]/h
		}
		w.solve(u2)
		for i := range n {
			xs[i] = x[i] + roA31*u1[i] + roA32*u2[i]
		}
		w.eval(t+roT3*h, xs, f)
		for i := range n {
			u3[i] = f[i] + h*roD3*ft[i] + (roC31*u1[i]+roC32*u2[i])/h
		}
		w.solve(u3)
		for i := range n {
			xs[i] = x[i] + roA41*u1[i] + roA42*u2[i] + roA43*u3[i]
		}
		w.eval(t+roT4*h, xs, f)
		for i := range n {
			u4[i] = f[i] + h*roD4*ft[i] + (roC41*u1[i]+roC42*u2[i]+roC43*u3[i])/h
		}
		w.solve(u4)
		for i := range n {
			xs[i] = x[i] + roA51*u1[i] + roA52*u2[i] + roA53*u3[i] + roA54*u4[i]
		}
		w.eval(tn, xs, f)
		for i := range n {
			u5[i] = f[i] + (roC51*u1[i]+roC52*u2[i]+roC53*u3[i]+roC54*u4[i])/h
		}
		w.solve(u5)
		for i := range n {
			xs[i] += u5[i]
		}
		w.eval(tn, xs, f)
		for i := range n {
			u6[i] = f[i] + (roC61*u1[i]+roC62*u2[i]+roC63*u3[i]+roC64*u4[i]+roC65*u5[i])/h
		}
		w.solve(u6)
		var sum float64
		for i := range n {
			xn[i] = xs[i] + u6[i]
			s := w.atol[i] + w.rtol*max(math.Abs(x[i]), math.Abs(xn[i]))
			e := u6[i] / s
			sum += e * e
		}
		errNow := math.Sqrt(sum / float64(n))
		if !(errNow < 1e30) {
			w.st.Rejected++
			rejected = true
			h *= 0.1
			continue
		}
		fac := max(1.0/6, min(5, math.Pow(errNow, 0.25)/0.9))
		if errNow > 1 {
			w.st.Rejected++
			rejected = true
			h /= fac
			continue
		}
		w.st.Steps++
		if w.next < len(w.times) && w.times[w.next] <= tn {
			c1, c2 := w.c[0], w.c[1]
			for i := range n {
				c1[i] = roH21*u1[i] + roH22*u2[i] + roH23*u3[i] + roH24*u4[i] + roH25*u5[i]
				c2[i] = roH31*u1[i] + roH32*u2[i] + roH33*u3[i] + roH34*u4[i] + roH35*u5[i]
			}
			for w.next < len(w.times) && w.times[w.next] <= tn {
				row := w.dst[w.next*n : (w.next+1)*n]
				if w.times[w.next] == tn {
					copy(row, xn)
				} else {
					s := (w.times[w.next] - t) / h
					r := 1 - s
					for i := range row {
						row[i] = x[i]*r + s*(xn[i]+r*(c1[i]+s*c2[i]))
					}
				}
				w.next++
			}
		}
		w.t = tn
		copy(x, xn)
		if !w.inside() {
			return ErrBound
		}
		if w.next >= len(w.times) {
			return nil
		}
		w.eval(w.t, x, w.k[0])
		if !finite(w.k[0]) {
			return ErrBound
		}
		fresh = false
		if rejected {
			fac = max(fac, 1)
		}
		rejected = false
		h /= fac
	}
}

// jacobian fills jac (row i: derivatives of component i) and ft (the derivative
// by time) with forward differences at (t, x); k[0] holds f(t, x).
func (w *Integrator) jacobian(h float64) {
	n, f0, f1 := w.n, w.k[0], w.k[6]
	w.st.Jacobians++
	copy(w.xs, w.x)
	for j := range n {
		// A relative step for large components, an absolute one for small
		// ones, where a relative step would drown in rounding.
		scale := max(1, math.Abs(w.x[j]))
		if w.opt.Scale != nil {
			scale = max(w.opt.Scale[j], math.Abs(w.x[j]))
		}
		d := math.Sqrt(0x1p-52 * scale * max(math.Abs(w.x[j]), 1e-5*scale))
		v := w.x[j] + d
		d = v - w.x[j]
		w.xs[j] = v
		w.eval(w.t, w.xs, f1)
		w.xs[j] = w.x[j]
		for i := range n {
			w.jac[i*n+j] = (f1[i] - f0[i]) / d
		}
	}
	d := math.Sqrt(0x1p-52) * max(math.Abs(w.t), math.Abs(h))
	v := w.t + d
	d = v - w.t
	w.eval(v, w.x, f1)
	for i := range n {
		w.ft[i] = (f1[i] - f0[i]) / d
	}
}

// factor computes the LU factors of diag(s) - J with partial pivoting and
// reports whether they exist.
func (w *Integrator) factor(s float64) bool {
	n, a := w.n, w.lu
	for i, v := range w.jac {
		a[i] = -v
	}
	for i := range n {
		a[i*n+i] += s
	}
	for k := range n {
		p, best := k, math.Abs(a[k*n+k])
		for i := k + 1; i < n; i++ {
			if v := math.Abs(a[i*n+k]); v > best {
				p, best = i, v
			}
		}
		if !(best > 0) || math.IsInf(best, 0) {
			return false
		}
		w.piv[k] = p
		if p != k {
			rp, rk := a[p*n:(p+1)*n], a[k*n:(k+1)*n]
			for j := range rp {
				rp[j], rk[j] = rk[j], rp[j]
			}
		}
		rk := a[k*n+k+1 : (k+1)*n]
		inv := 1 / a[k*n+k]
		for i := k + 1; i < n; i++ {
			m := a[i*n+k] * inv
			a[i*n+k] = m
			if m == 0 {
				continue
			}
			ri := a[i*n+k+1 : (i+1)*n]
			for j, v := range rk {
				ri[j] -= m * v
			}
		}
	}
	return true
}

// solve overwrites b with the solution of the factored system.
func (w *Integrator) solve(b []float64) {
	n, a := w.n, w.lu
	for k := range n {
		if p := w.piv[k]; p != k {
			b[k], b[p] = b[p], b[k]
		}
	}
	for i := 1; i < n; i++ {
		s := b[i]
		for j, v := range a[i*n : i*n+i] {
			s -= v * b[j]
		}
		b[i] = s
	}
	for i := n - 1; i >= 0; i-- {
		s := b[i]
		for j := i + 1; j < n; j++ {
			s -= a[i*n+j] * b[j]
		}
		b[i] = s / a[i*n+i]
	}
}
