package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/linode"
)

// Representations of the truth within one window that are measured.
const (
	byJacobian = iota // the field's linearisation at the window's start
	byAffine          // the affine ODE in all states that fits the rates of the window best
	byPair            // per state, the affine ODE in (value, rate) that fits its second derivative best: one pair and a drive
	byQuartic         // control: per state, the polynomial of degree 4 that fits best, which has as many numbers as byPair
	methods
)

var methodNames = [methods]string{"Jacobian", "best affine ODE", "one pair per channel", "quartic (control)"}

// levels are the numbers of windows over the span.
var levels = []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}

// accuracy is the error at which windows are called wide enough.
const accuracy = .01

// fidelity is what one system shows.
type fidelity struct {
	s      *subject
	rms    [methods][]float64 // per level, over windows, times inside and states
	order  [methods]float64
	widest [methods]float64 // width of windows with 1 % error, in periods; +-Inf beyond the levels

	windows      int // windows whose bound was checked
	violations   int // those whose error is over a bound
	worst        float64
	slackStated  float64 // median of bound over error, as stated
	slackSharper float64 // and with the norm of the propagator and the remainder along the solution
}

// measureFidelity represents all windows of all levels.
func measureFidelity(s *subject) *fidelity {
	out := &fidelity{s: s}
	r := newRepresenter(s)
	var stated, sharper []float64
	for _, k := range levels {
		var sum [methods]float64
		for w := range k {
			lo, hi := w*cells/k, (w+1)*cells/k
			for m := range methods {
				square, top := r.window(m, lo, hi)
				sum[m] += square
				// Differences and the truth have errors of about 1e-10.
				if m == byJacobian && s.kind != rough && top > 1e-8 {
					a, b := r.bounds(lo, hi)
					out.windows++
					if top > a || top > b {
						out.violations++
					}
					out.worst = max(out.worst, top/min(a, b))
					stated, sharper = append(stated, a/top), append(sharper, b/top)
				}
			}
		}
		for m := range methods {
			out.rms[m] = append(out.rms[m], math.Sqrt(sum[m]/float64(k)))
		}
	}
	out.slackStated, out.slackSharper = median(stated), median(sharper)
	for m := range methods {
		out.order[m] = observedOrder(out.rms[m])
		out.widest[m] = widestWindow(out.rms[m]) / s.period
	}
	return out
}

// observedOrder is the median of the last three ratios of errors, as powers of
// two, among levels whose errors lie between rounding and saturation; NaN where
// there are none.
func observedOrder(rms []float64) float64 {
	var ratios []float64
	for i := 1; i < len(rms); i++ {
		if rms[i] > 1e-8 && rms[i-1] < .03 {
			ratios = append(ratios, math.Log2(rms[i-1]/rms[i]))
		}
	}
	return median(ratios[max(len(ratios)-3, 0):])
}

// widestWindow is the largest width, as a share of the span, up to which all
// errors are within accuracy, interpolated between levels: -Inf if the narrowest
// is not, +Inf if the whole span is.
func widestWindow(rms []float64) float64 {
	i := len(rms)
	for i > 0 && rms[i-1] <= accuracy {
		i--
	}
	switch i {
	case len(rms):
		return math.Inf(-1)
	case 0:
		return math.Inf(1)
	}
	u := math.Log(accuracy/rms[i]) / math.Log(rms[i-1]/rms[i])
	return math.Exp2(u) / float64(levels[i])
}

// representer represents windows of a subject.
type representer struct {
	s     *subject
	work  *linode.Dense
	accel []float64 // second derivatives of the states along the truth
}

func newRepresenter(s *subject) *representer {
	r := &representer{s: s, work: linode.NewDense(s.dim), accel: make([]float64, len(s.truth))}
	n := s.dim
	up, down, x := make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range cells + 1 {
		at, f := s.row(k), s.rates[k*n:(k+1)*n]
		speed := 0.
		for i, v := range f {
			speed = max(speed, math.Abs(v)/s.unit(i))
		}
		if speed == 0 {
			continue
		}
		e := 1e-5 / speed
		for side, d := range [2][]float64{up, down} {
			for i := range x {
				x[i] = at[i] + e*float64(1-2*side)*f[i]
			}
			s.field(x, d)
		}
		for i := range n {
			r.accel[k*n+i] = (up[i] - down[i]) / (2 * e)
		}
	}
	return r
}

// ridges are tried in fits of windows, and the one with the least error in the
// window is taken: a trajectory need not show all directions, and a fit of rates
// need not be one of states.
var ridges = []float64{1e-9, 1e-7, 1e-5, 1e-3, 1e-1}

// window represents cells lo to hi by a method and returns its mean square error
// over times and states, and its largest error in norm.
func (r *representer) window(method, lo, hi int) (square, top float64) {
	if method == byJacobian || method == byQuartic {
		return r.represent(method, lo, hi, 0)
	}
	square = math.Inf(1)
	if method == byAffine {
		square, top = r.represent(byJacobian, lo, hi, 0)
	}
	for _, v := range ridges {
		if sq, t := r.represent(method, lo, hi, v); sq < square {
			square, top = sq, t
		}
	}
	return square, top
}

// represent is window with one ridge.
func (r *representer) represent(method, lo, hi int, ridge float64) (square, top float64) {
	s := r.s
	n := s.dim
	step := (hi - lo) / substeps
	start := s.row(lo)
	a, b, zero := make([]float64, n*n), make([]float64, n), make([]float64, n)
	x := make([]float64, n)
	var at func(i int) // writes the state at node i to x
	h := float64(hi-lo) / cells
	switch method {
	case byJacobian, byAffine:
		s.jacobian(a, start)
		copy(b, s.rates[lo*n:])
		if ridge > 0 {
			r.fitAffine(a, b, lo, step, ridge)
		}
		at = func(i int) {
			r.work.State(x, nil, a, zero, b, h*float64(i)/substeps)
			for j := range x {
				x[j] += start[j]
			}
		}
	case byPair:
		fits := make([][3]float64, s.n)
		for j := range fits {
			fits[j] = r.fitPair(j, lo, step, ridge)
		}
		at = func(i int) {
			t := h * float64(i) / substeps
			for j, c := range fits {
				var z [2]float64
				v0 := s.rates[lo*n+j]
				r.work.State(z[:], nil, []float64{0, 1, c[1], c[0]}, []float64{0, v0}, []float64{0, c[2]}, t)
				x[j] = start[j] + z[0]
			}
		}
	case byQuartic:
		fits := make([][5]float64, s.n)
		for j := range fits {
			fits[j] = r.fitQuartic(j, lo, step)
		}
		at = func(i int) {
			u := float64(i) / substeps
			for j, c := range fits {
				x[j] = start[j] + (c[0] + u*(c[1]+u*(c[2]+u*(c[3]+u*c[4]))))
			}
		}
	}
	for i := range substeps + 1 {
		at(i)
		rms, norm := s.distance(x, s.row(lo+i*step))
		if rms != rms || rms > 1e6 {
			rms, norm = 1e6, 1e6 // the fit ran away
		}
		square += rms * rms / (substeps + 1)
		top = max(top, norm)
	}
	return square, top
}

// fitAffine replaces the Jacobian a and the rate b by those that fit the rates
// in the window best, with a ridge towards the Jacobian.
func (r *representer) fitAffine(a, b []float64, lo, step int, ridge float64) {
	s := r.s
	n, m := s.dim, substeps+1
	rows := m + n
	x, y := make([]float64, rows*(n+1)), make([]float64, rows*s.n)
	top := 0.
	for i := range m {
		d := x[i*(n+1):]
		d[n] = 1
		for j := range n {
			d[j] = (s.row(lo + i*step)[j] - s.row(lo)[j]) / s.unit(j)
			top = max(top, math.Abs(d[j]))
		}
		for j := range s.n {
			v := s.rates[(lo+i*step)*n+j] / s.scale[j]
			for l := range n {
				v -= a[j*n+l] / s.scale[j] * s.unit(l) * d[l]
			}
			y[i*s.n+j] = v
		}
	}
	for j := range n {
		x[(m+j)*(n+1)+j] = ridge * top
	}
	c := leastSquares(x, y, rows, n+1, s.n)
	for j := range s.n {
		for l := range n {
			a[j*n+l] += c[l*s.n+j] * s.scale[j] / s.unit(l)
		}
		b[j] = c[n*s.n+j] * s.scale[j]
	}
}

// fitPair fits y” = c0 y' + c1 y + c2 to state j, y being its distance from the
// window's start.
func (r *representer) fitPair(j, lo, step int, ridge float64) [3]float64 {
	s := r.s
	n, m := s.dim, substeps+1
	x, y := make([]float64, (m+2)*3), make([]float64, m+2)
	var size [2]float64
	for i := range m {
		k := lo + i*step
		row := x[i*3:]
		row[0], row[1], row[2] = s.rates[k*n+j], s.row(k)[j]-s.row(lo)[j], 1
		y[i] = r.accel[k*n+j]
		size[0], size[1] = max(size[0], math.Abs(row[0])), max(size[1], math.Abs(row[1]))
	}
	for i, v := range size {
		x[(m+i)*3+i] = max(ridge*v, 1e-300)
	}
	return [3]float64(leastSquares(x, y, m+2, 3, 1))
}

// fitQuartic fits a polynomial of degree 4, in the window's own time, to state
// j's distance from the window's start. Like byPair it starts with the true value
// and rate, so that three numbers are left to fit.
func (r *representer) fitQuartic(j, lo, step int) [5]float64 {
	s := r.s
	m := substeps + 1
	rate := s.rates[lo*s.dim+j] * float64(step*substeps) / cells
	x, y := make([]float64, m*3), make([]float64, m)
	for i := range m {
		u := float64(i) / substeps
		row := x[i*3:]
		row[0], row[1], row[2] = u*u, u*u*u, u*u*u*u
		y[i] = s.row(lo + i*step)[j] - s.row(lo)[j] - rate*u
	}
	c := leastSquares(x, y, m, 3, 1)
	return [5]float64{0, rate, c[0], c[1], c[2]}
}

// leastSquares solves min |x c - y| for x rows x n and y rows x k by Householder
// reflections, which overwrite both; the result is n x k.
func leastSquares(x, y []float64, rows, n, k int) []float64 {
	for j := range n {
		norm := 0.
		for i := j; i < rows; i++ {
			norm = math.Hypot(norm, x[i*n+j])
		}
		if norm == 0 {
			continue
		}
		if x[j*n+j] > 0 {
			norm = -norm
		}
		v := make([]float64, rows)
		square := 0.
		for i := j; i < rows; i++ {
			v[i] = x[i*n+j]
			if i == j {
				v[i] -= norm
			}
			square += v[i] * v[i]
		}
		reflect := func(a []float64, width, column int) {
			dot := 0.
			for i := j; i < rows; i++ {
				dot += v[i] * a[i*width+column]
			}
			dot *= 2 / square
			for i := j; i < rows; i++ {
				a[i*width+column] -= dot * v[i]
			}
		}
		for c := j; c < n; c++ {
			reflect(x, n, c)
		}
		for c := range k {
			reflect(y, k, c)
		}
	}
	out := make([]float64, n*k)
	for c := range k {
		for j := n - 1; j >= 0; j-- {
			v := y[j*k+c]
			for l := j + 1; l < n; l++ {
				v -= x[j*n+l] * out[l*k+c]
			}
			if p := x[j*n+j]; p != 0 {
				out[j*k+c] = v / p
			}
		}
	}
	return out
}

// phi3 is the integral of e^((1-u)x) u^2/2 over u in 0..1: (e^x - 1 - x - x^2/2)/x^3.
func phi3(x float64) float64 {
	if math.Abs(x) < 1 {
		sum := 0.
		for k := 20; k >= 0; k-- {
			sum = sum*x/float64(k+4) + 1
		}
		return sum / 6
	}
	return (linode.Phi2(x) - .5) / x
}

// boundNodes is the largest number of points of a window at which suprema are
// taken.
const boundNodes = 512

// bounds returns two bounds of the error of the linearisation at cell lo up to
// cell hi, in the norm of distance. With e the error, d(s) the true way from the
// window's start, J the Jacobian there and R(s) = f(x0 + d) - f(x0) - J d,
//
//	e' = J e + R,  e(0) = 0,  |R(s)| <= max over theta of |f"(x0 + theta d)[d, d]| / 2.
//
// stated is M V^2 h^3 phi3(mu h): M the largest second derivative along d in
// directions d, V the largest speed, mu the logarithmic norm of J. sharper is
// the integral of |e^(J(h-s))| |R(s)|, each cell of it by its larger end.
// Suprema are taken over the nodes of the window and five theta.
func (r *representer) bounds(lo, hi int) (stated, sharper float64) {
	s := r.s
	n := s.dim
	nodes := min(hi-lo, boundNodes)
	step := (hi - lo) / nodes
	h := float64(hi-lo) / cells
	start := s.row(lo)
	jac, sym := make([]float64, n*n), make([]float64, n*n)
	s.jacobian(jac, start)
	for i := range n { // in units of the scale
		for j := range n {
			jac[i*n+j] *= s.unit(j) / s.unit(i)
		}
	}
	// With time as a state the error has no part in it, but the norm must be
	// that of the states: their block alone drives e.
	for i := range s.n {
		for j := range s.n {
			sym[i*s.n+j] = (jac[i*n+j] + jac[j*n+i]) / 2
		}
	}
	mu := symmetricTop(sym[:s.n*s.n], s.n)
	up, mid, down, x := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	var m, v float64
	remainder := make([]float64, nodes+1)
	for i := 1; i <= nodes; i++ {
		at := s.row(lo + i*step)
		size := 0. // of d, time included
		for j := range n {
			d := (at[j] - start[j]) / s.unit(j)
			size += d * d
		}
		size = math.Sqrt(size)
		if size == 0 {
			continue
		}
		rate := 0.
		for j := range n {
			w := s.rates[(lo+i*step)*n+j] / s.unit(j)
			rate += w * w
		}
		v = max(v, math.Sqrt(rate), size/(h*float64(i)/float64(nodes)))
		const delta = 1e-3 // step of the difference, in units of the scale
		for _, theta := range [5]float64{0, .25, .5, .75, 1} {
			for side, out := range [3][]float64{down, mid, up} {
				for j := range n {
					d := at[j] - start[j]
					x[j] = start[j] + theta*d + float64(side-1)*delta*d/size
				}
				s.field(x, out)
			}
			second := 0.
			for j := range s.n {
				w := (up[j] - 2*mid[j] + down[j]) / (delta * delta) / s.scale[j]
				second += w * w
			}
			second = math.Sqrt(second)
			m = max(m, second)
			remainder[i] = max(remainder[i], second*size*size/2)
		}
	}
	stated = m * v * v * h * h * h * phi3(mu*h)
	// The propagator of the states' block.
	block, e := make([]float64, s.n*s.n), make([]float64, s.n*s.n)
	last := 0.
	for i := range nodes + 1 {
		for j := range s.n {
			for k := range s.n {
				block[j*s.n+k] = jac[j*n+k] * h * float64(nodes-i) / float64(nodes)
			}
		}
		r.work.Exp(e, block, s.n)
		value := operatorNorm(e, s.n) * remainder[i]
		if i > 0 {
			sharper += max(value, last) * h / float64(nodes)
		}
		last = value
	}
	return stated, sharper
}

// operatorNorm is the Euclidean operator norm of a.
func operatorNorm(a []float64, n int) float64 {
	gram := make([]float64, n*n)
	for i := range n {
		for j := range n {
			for k := range n {
				gram[i*n+j] += a[k*n+i] * a[k*n+j]
			}
		}
	}
	return math.Sqrt(max(symmetricTop(gram, n), 0))
}

// rowsPerSpan+1 rows of the truth are what the model is asked about.
const rowsPerSpan = 512

// modelWindows are the numbers of windows over the span that the model is given;
// 0 is its own choice.
var modelWindows = []int{0, 5, 8, 16, 32, 64, 128}

// modelError is the error of a model on a subject, root mean square over times
// and states in units of the scale: inside, where it sees every other row of the
// span and is asked for the rest, and ahead, where it sees the first half. count
// is the number of windows over the span that it took.
type modelError struct {
	inside, ahead   float64
	countIn, countA int
	fcIn, fcA       *lassode.Forecast
}

// series cuts rows out of the truth: those for which keep says so, and the times
// of the others after the first.
func (s *subject) series(keep func(i int) bool) (seen lassode.Series, at []float64, truth [][]float64) {
	const step = cells / rowsPerSpan
	for i := range rowsPerSpan + 1 {
		t, row := float64(i)/rowsPerSpan, s.row(i * step)[:s.n]
		if keep(i) {
			seen.Times, seen.Values = append(seen.Times, t), append(seen.Values, row)
		} else {
			at, truth = append(at, t), append(truth, row)
		}
	}
	return seen, at, truth
}

func everyOther(i int) bool { return i%2 == 0 }

func firstHalf(i int) bool { return i <= rowsPerSpan/2 }

// measureModel asks a model.
func measureModel(m *lassode.Model, s *subject) (modelError, error) {
	var out modelError
	for part, keep := range []func(int) bool{everyOther, firstHalf} {
		seen, at, truth := s.series(keep)
		fc, err := m.Forecast(seen, at)
		if err != nil {
			return out, fmt.Errorf("%s: %w", s.name, err)
		}
		square := 0.
		for i, row := range truth {
			rms, _ := s.distance(fc.Mean[i], row)
			square += rms * rms / float64(len(truth))
		}
		count := 0
		for _, seg := range fc.Segments {
			if seg.Channel == 0 {
				count++
			}
		}
		if part == 0 {
			out.inside, out.countIn, out.fcIn = math.Sqrt(square), count, fc
		} else {
			out.ahead, out.countA, out.fcA = math.Sqrt(square), count, fc
		}
	}
	return out, nil
}

// runFidelity prints the tables of part 1.
func runFidelity(w io.Writer, o options) error {
	all, err := subjects(o.quick)
	if err != nil {
		return err
	}
	var results []*fidelity
	for _, s := range all {
		results = append(results, measureFidelity(s))
	}
	fmt.Fprintf(w, "%d systems, each over one span; T is its own period, 2 pi rms(x - mean)/rms(x').\n\n", len(all))
	fmt.Fprintln(w, "| system | kind | states | span/T | radius x T | order: Jacobian | best affine | one pair | quartic | 1 % window, T: Jacobian | best affine | one pair | quartic | windows bounded | over | bound/error: stated | sharper |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	checked, over := 0, 0
	for _, f := range results {
		s := f.s
		fmt.Fprintf(w, "| %s | %s | %s | %.3g | %.3g", s.name, s.kind, stateCount(s), 1/s.period, s.radius*s.period)
		for m := range methods {
			fmt.Fprintf(w, " | %s", number(f.order[m], "%.1f"))
		}
		for m := range methods {
			fmt.Fprintf(w, " | %s", widthCell(f.widest[m], s.period))
		}
		fmt.Fprintf(w, " | %d | %d | %s | %s |\n", f.windows, f.violations, number(f.slackStated, "%.3g"), number(f.slackSharper, "%.3g"))
		checked, over = checked+f.windows, over+f.violations
	}
	fmt.Fprintf(w, "\n%d windows with an error over 1e-8 were checked against both bounds: %d errors are over one.\n", checked, over)

	fmt.Fprintf(w, "\nMedians by kind:\n\n| kind | systems | order: Jacobian | best affine | one pair | quartic | 1 %% window, T: Jacobian | best affine | one pair | quartic |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, kind := range []string{smooth, oscillating, stiff, chaotic, rough} {
		var order, widest [methods][]float64
		count := 0
		for _, f := range results {
			if f.s.kind != kind {
				continue
			}
			count++
			for m := range methods {
				order[m] = append(order[m], f.order[m])
				widest[m] = append(widest[m], min(f.widest[m], 1/f.s.period))
			}
		}
		fmt.Fprintf(w, "| %s | %d", kind, count)
		for m := range methods {
			fmt.Fprintf(w, " | %s", number(median(order[m]), "%.1f"))
		}
		for m := range methods {
			fmt.Fprintf(w, " | %s", number(median(widest[m]), "%.3g"))
		}
		fmt.Fprintln(w, " |")
	}
	var charts []chart
	for m := range methods {
		c := chart{title: methodNames[m], x: "window / period", y: "error / spread", logX: true, logY: true}
		for _, f := range results {
			v := curve{faint: true, colour: slices.Index([]string{smooth, oscillating, stiff, chaotic, rough}, f.s.kind)}
			for i, k := range levels {
				if e := f.rms[m][i]; e > 1e-10 && e < 10 {
					v.x, v.y = append(v.x, 1/float64(k)/f.s.period), append(v.y, e)
				}
			}
			c.curves = append(c.curves, v)
		}
		for i, kind := range []string{smooth, oscillating, stiff, chaotic, rough} {
			c.curves = append(c.curves, curve{name: kind, colour: i})
		}
		charts = append(charts, c)
	}
	if err := writeSVG(o.out, "evidence-fidelity.svg", "Error of a window's linear ODE as the window shrinks", 2, charts); err != nil {
		return err
	}
	return modelFidelity(w, o, all)
}

// modelFidelity prints what the trained model makes of the same systems at
// several widths of windows, and whether a comparison of widths tells its error.
func modelFidelity(w io.Writer, o options, all []*subject) error {
	base, err := o.model()
	if err != nil {
		return err
	}
	byWindows := map[int][]modelError{}
	for _, k := range modelWindows {
		m := base
		if k > 0 {
			if m, err = withWindows(base, k, k); err != nil {
				return err
			}
		}
		for _, s := range all {
			e, err := measureModel(m, s)
			if err != nil {
				return err
			}
			byWindows[k] = append(byWindows[k], e)
		}
	}
	fmt.Fprintf(w, "\nThe trained model on the same systems, %d rows a span: inside (every other row seen, the others asked for) and ahead (the first half seen, the second asked for), by number of windows over the span.\n\n", rowsPerSpan+1)
	fmt.Fprint(w, "| system |")
	for _, part := range []string{"inside", "ahead"} {
		for _, k := range modelWindows {
			if k == 0 {
				fmt.Fprintf(w, " %s: own (windows) |", part)
			} else {
				fmt.Fprintf(w, " %d |", k)
			}
		}
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat("---|", 1+2*len(modelWindows)))
	for i, s := range all {
		fmt.Fprintf(w, "| %s", s.name)
		for part := range 2 {
			for _, k := range modelWindows {
				e := byWindows[k][i]
				v, n := e.inside, e.countIn
				if part == 1 {
					v, n = e.ahead, e.countA
				}
				if k == 0 {
					fmt.Fprintf(w, " | %.2g (%d)", v, n)
				} else {
					fmt.Fprintf(w, " | %.2g", v)
				}
			}
		}
		fmt.Fprintln(w, " |")
	}
	fmt.Fprint(w, "| **median**")
	charts := []chart{
		{title: "inside", x: "window / period", y: "error / spread", logX: true, logY: true},
		{title: "ahead", x: "window / period", y: "error / spread", logX: true, logY: true},
	}
	for part := range 2 {
		for _, k := range modelWindows {
			var v []float64
			for _, e := range byWindows[k] {
				v = append(v, [2]float64{e.inside, e.ahead}[part])
			}
			fmt.Fprintf(w, " | %.2g", median(v))
		}
		for i, s := range all {
			v := curve{faint: true, colour: slices.Index([]string{smooth, oscillating, stiff, chaotic, rough}, s.kind)}
			for _, k := range modelWindows[1:] {
				e := byWindows[k][i]
				v.x = append(v.x, 1/float64(k)/s.period)
				v.y = append(v.y, [2]float64{e.inside, e.ahead}[part])
			}
			charts[part].curves = append(charts[part].curves, v)
		}
		for i, kind := range []string{smooth, oscillating, stiff, chaotic, rough} {
			charts[part].curves = append(charts[part].curves, curve{name: kind, colour: i})
		}
	}
	fmt.Fprintln(w, " |")
	if err := writeSVG(o.out, "evidence-model.svg", "Error of the trained model by the width of its windows", 2, charts); err != nil {
		return err
	}

	// Windows against their halves, as an estimate of the model's error.
	fmt.Fprintf(w, "\nThe difference between the model's answers with K and with 2K windows as an estimate of its error with K, beside the scale that it predicts: rank correlation with the true error over all points of all systems, and over the systems' root mean squares.\n\n")
	fmt.Fprintln(w, "| K | part | halves, points | predicted, points | halves, systems | predicted, systems |\n|---|---|---|---|---|---|")
	for _, k := range []int{16, 32, 64} {
		for part, name := range []string{"inside", "ahead"} {
			var diff, scale, truth, diffS, scaleS, truthS []float64
			for i, s := range all {
				a, b := byWindows[k][i].fcIn, byWindows[2*k][i].fcIn
				_, _, want := s.series(everyOther)
				if part == 1 {
					a, b = byWindows[k][i].fcA, byWindows[2*k][i].fcA
					_, _, want = s.series(firstHalf)
				}
				var d2, s2, e2 float64
				for r := range a.Mean {
					for c := range s.n {
						d, p, e := math.Abs(a.Mean[r][c]-b.Mean[r][c])/s.scale[c], a.Scale[r][c]/s.scale[c], math.Abs(a.Mean[r][c]-want[r][c])/s.scale[c]
						diff, scale, truth = append(diff, d), append(scale, p), append(truth, e)
						d2, s2, e2 = d2+d*d, s2+p*p, e2+e*e
					}
				}
				diffS, scaleS, truthS = append(diffS, d2), append(scaleS, s2), append(truthS, e2)
			}
			fmt.Fprintf(w, "| %d | %s | %.2f | %.2f | %.2f | %.2f |\n", k, name,
				rankCorrelation(diff, truth), rankCorrelation(scale, truth), rankCorrelation(diffS, truthS), rankCorrelation(scaleS, truthS))
		}
	}
	return nil
}
