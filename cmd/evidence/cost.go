package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/ode"
)

// tokens are ODEs of the model's form: pairs of complex modes with drive, start
// and readout, in local time 0 to 1.
type tokens struct {
	n, pairs               int
	sigma, omega           []float32 // n x pairs
	z0, drive, readout     []float32 // n x 2 pairs
	tau                    []float32
	reference              []float64 // n x len(tau), in float64
	size                   float64   // root mean square of the reference
	y                      []float32
	integrator             ode.Integrator
	state, times, readBack []float64
}

// newTokens completes tokens of the given rates by random starts, drives and
// readouts, and evaluates them in float64.
func newTokens(sigma, omega []float32, pairs, queries int) *tokens {
	t := &tokens{n: len(sigma) / pairs, pairs: pairs, sigma: sigma, omega: omega}
	r := rand.New(rand.NewPCG(11, 11))
	for _, x := range []*[]float32{&t.z0, &t.drive, &t.readout} {
		*x = make([]float32, 2*len(sigma))
		for i := range *x {
			(*x)[i] = float32(r.NormFloat64())
		}
	}
	for q := range queries {
		t.tau = append(t.tau, float32(q)/float32(max(queries-1, 1)))
		t.times = append(t.times, float64(t.tau[q]))
	}
	t.reference, t.y = make([]float64, t.n*queries), make([]float32, t.n*queries)
	t.readBack, t.state = make([]float64, 2*pairs*queries), make([]float64, 2*pairs)
	for i := range t.n {
		for q, at := range t.times {
			for p := range pairs {
				j := i*pairs + p
				z, _ := linode.PairAt(float64(sigma[j]), float64(omega[j]), complex(float64(t.z0[2*j]), float64(t.z0[2*j+1])),
					complex(float64(t.drive[2*j]), float64(t.drive[2*j+1])), at)
				t.reference[i*queries+q] += float64(t.readout[2*j])*real(z) + float64(t.readout[2*j+1])*imag(z)
			}
			t.size += math.Pow(t.reference[i*queries+q], 2)
		}
	}
	t.size = math.Sqrt(t.size / float64(len(t.reference)))
	return t
}

// err is the root mean square error of t.y over the size of the reference.
func (t *tokens) err() float64 {
	sum := 0.
	for i, v := range t.y {
		d := float64(v) - t.reference[i]
		sum += d * d
	}
	return math.Sqrt(sum/float64(len(t.y))) / t.size
}

func (t *tokens) closed() {
	p, q := t.pairs, len(t.tau)
	for i := range t.n {
		linode.EvalPairs(t.y[i*q:(i+1)*q], nil, t.sigma[i*p:(i+1)*p], t.omega[i*p:(i+1)*p],
			t.z0[2*i*p:2*(i+1)*p], t.drive[2*i*p:2*(i+1)*p], t.readout[2*i*p:2*(i+1)*p], t.tau)
	}
}

// dopri5 integrates token by token with dense output and returns the mean number
// of evaluations.
func (t *tokens) dopri5(rtol float64) (float64, error) {
	p, queries, evaluations := t.pairs, len(t.tau), 0
	for i := range t.n {
		sigma, omega, drive := t.sigma[i*p:(i+1)*p], t.omega[i*p:(i+1)*p], t.drive[2*i*p:2*(i+1)*p]
		rhs := func(_ float64, z, dz []float64) {
			for j, s := range sigma {
				s, w := float64(s), float64(omega[j])
				dz[2*j] = s*z[2*j] - w*z[2*j+1] + float64(drive[2*j])
				dz[2*j+1] = w*z[2*j] + s*z[2*j+1] + float64(drive[2*j+1])
			}
		}
		for j := range t.state {
			t.state[j] = float64(t.z0[2*i*p+j])
		}
		st, err := t.integrator.Solve(t.readBack, rhs, t.state, 0, t.times, ode.Options{RTol: rtol, ATol: rtol, Method: ode.Explicit, MaxSteps: 1 << 20})
		if err != nil {
			return 0, err
		}
		evaluations += st.Evaluations
		for q := range queries {
			sum := 0.
			for j, v := range t.readBack[q*2*p : (q+1)*2*p] {
				sum += v * float64(t.readout[2*i*p+j])
			}
			t.y[i*queries+q] = float32(sum)
		}
	}
	return float64(evaluations) / float64(t.n), nil
}

// maxPairs of a token in rk4.
const maxPairs = 64

// rk4 integrates in steps equal steps, in float32, with the cubic Hermite
// polynomial of each step between.
func (t *tokens) rk4(steps int) {
	var zr, zi, ar, ai, sr, si, kr, ki, dr, di, er, ei [maxPairs]float32
	p, queries := t.pairs, len(t.tau)
	h := 1 / float32(steps)
	for i := range t.n {
		sigma, omega := t.sigma[i*p:(i+1)*p], t.omega[i*p:(i+1)*p]
		drive, c := t.drive[2*i*p:2*(i+1)*p], t.readout[2*i*p:2*(i+1)*p]
		rate := func(kr, ki, zr, zi *[maxPairs]float32) {
			for j, s := range sigma {
				w := omega[j]
				kr[j] = s*zr[j] - w*zi[j] + drive[2*j]
				ki[j] = w*zr[j] + s*zi[j] + drive[2*j+1]
			}
		}
		for j := range p {
			zr[j], zi[j] = t.z0[2*(i*p+j)], t.z0[2*(i*p+j)+1]
		}
		rate(&dr, &di, &zr, &zi)
		q := 0
		for step := range steps {
			kr, ki = dr, di
			for j := range p {
				sr[j], si[j] = kr[j], ki[j]
			}
			for stage, a := range [3]float32{h / 2, h / 2, h} {
				weight := float32(2)
				if stage == 2 {
					weight = 1
				}
				for j := range p {
					ar[j], ai[j] = zr[j]+a*kr[j], zi[j]+a*ki[j]
				}
				rate(&kr, &ki, &ar, &ai)
				for j := range p {
					sr[j] += weight * kr[j]
					si[j] += weight * ki[j]
				}
			}
			for j := range p {
				ar[j], ai[j] = zr[j]+h/6*sr[j], zi[j]+h/6*si[j]
			}
			rate(&er, &ei, &ar, &ai)
			from := float32(step) * h
			for q < queries && (t.tau[q] <= from+h || step == steps-1) {
				u := (t.tau[q] - from) / h
				// The Hermite basis.
				a, b := (1+2*u)*(1-u)*(1-u), u*u*(3-2*u)
				d, e := h*u*(1-u)*(1-u), h*u*u*(u-1)
				sum := float32(0)
				for j := range p {
					sum += c[2*j]*(a*zr[j]+b*ar[j]+d*dr[j]+e*er[j]) + c[2*j+1]*(a*zi[j]+b*ai[j]+d*di[j]+e*ei[j])
				}
				t.y[i*queries+q] = sum
				q++
			}
			zr, zi, dr, di = ar, ai, er, ei
		}
	}
}

// rk4Steps is the least power of two of steps with at most the error, or 0.
func (t *tokens) rk4Steps(wanted float64) int {
	for n := 1; n <= 1<<15; n *= 2 {
		if t.rk4(n); t.err() <= wanted {
			return n
		}
	}
	return 0
}

// learnedRates are the growth rates and angular frequencies, per window, of
// tokens of a model on the zero-shot suite, half of it seen.
func learnedRates(m *lassode.Model, per, limit int) (sigma, omega []float32, err error) {
	for _, tr := range suite("zero-shot", per) {
		fc, err := m.Forecast(half(tr.Series))
		if err != nil {
			return nil, nil, err
		}
		for k := 0; k < len(fc.Segments) && len(sigma) < limit*len(fc.Segments[0].Modes); k += 7 {
			seg := &fc.Segments[k]
			width := seg.End - seg.Start
			for _, mode := range seg.Modes {
				sigma = append(sigma, float32(mode.Growth*width))
				omega = append(omega, float32(2*math.Pi*mode.Frequency*width))
			}
		}
	}
	return sigma, omega, nil
}

// half is the first half of a series' rows, and the times of the others.
func half(s lassode.Series) (lassode.Series, []float64) {
	n := len(s.Times) / 2
	return lassode.Series{Times: s.Times[:n], Values: s.Values[:n]}, s.Times[n:]
}

// timing measures jobs in turn, in rounds, and returns the median seconds of one
// call of each.
func timing(rounds int, each time.Duration, jobs []func()) []float64 {
	calls := make([]int, len(jobs))
	all := make([][]float64, len(jobs))
	for i, job := range jobs { // the first calls warm up and calibrate
		job()
		start := time.Now()
		for calls[i] = 0; calls[i] == 0 || time.Since(start) < each; calls[i]++ {
			job()
		}
	}
	runtime.GC()
	for range rounds {
		for i, job := range jobs {
			start := time.Now()
			for range calls[i] {
				job()
			}
			all[i] = append(all[i], time.Since(start).Seconds()/float64(calls[i]))
		}
	}
	out := make([]float64, len(jobs))
	for i := range out {
		out[i] = median(all[i])
	}
	return out
}

// exponent fits y = a x^b: b, and the range of b with each point left out.
func exponent(x, y []float64) (b, lo, hi float64) {
	fit := func(skip int) float64 {
		var n, sx, sy, sxx, sxy float64
		for i := range x {
			if i == skip {
				continue
			}
			u, v := math.Log(x[i]), math.Log(y[i])
			n, sx, sy, sxx, sxy = n+1, sx+u, sy+v, sxx+u*u, sxy+u*v
		}
		return (n*sxy - sx*sy) / (n*sxx - sx*sx)
	}
	lo, hi = math.Inf(1), math.Inf(-1)
	for i := range x {
		v := fit(i)
		lo, hi = min(lo, v), max(hi, v)
	}
	return fit(-1), lo, hi
}

// runCost prints the tables of part 3 that need no training.
func runCost(w io.Writer, o options) error {
	m, err := o.model()
	if err != nil {
		return err
	}
	rounds, each, limit := 9, 10*time.Millisecond, 64
	if o.quick {
		rounds, each, limit = 3, 2*time.Millisecond, 16
	}
	if err := tokenCost(w, m, rounds, each, limit); err != nil {
		return err
	}
	return growthOfCost(w, o, m, rounds)
}

// tokenCost compares ways to solve the token ODE.
func tokenCost(w io.Writer, m *lassode.Model, rounds int, each time.Duration, limit int) error {
	pairs := m.Info().Config.Pairs
	sigma, omega, err := learnedRates(m, 2, limit)
	if err != nil {
		return err
	}
	if len(sigma) == 0 {
		return errors.New("the model gave no segments")
	}
	const queries = 32
	fmt.Fprintf(w, "Tokens of %d pairs at %d times, one core, one token at a time; rates of %d tokens of the model on zero-shot systems. The error is the root mean square over that of the values. RK4 takes the least power of two of steps that is as accurate as the line above it, with cubic Hermite output; dopri5 has its own dense output, and runs in float64.\n\n", pairs, queries, len(sigma)/pairs)
	fmt.Fprintln(w, "| rates | method | evaluations per token | error | time per token, µs | over closed form |\n|---|---|---|---|---|---|")
	for _, fast := range []float64{0, 1e2, 1e3, 1e4} {
		s := slices.Clone(sigma)
		name := "as learned"
		if fast > 0 {
			name = fmt.Sprintf("one pair decays at %.0e per window", fast)
			for i := 0; i < len(s); i += pairs {
				s[i] = float32(-fast)
			}
		}
		t := newTokens(s, omega, pairs, queries)
		type line struct {
			name        string
			evaluations float64
			err         float64
			job         func()
		}
		t.closed()
		lines := []line{{"closed form, float32", 0, t.err(), t.closed}}
		equal := func(wanted float64, to string) {
			n := t.rk4Steps(wanted)
			if n == 0 {
				lines = append(lines, line{"RK4 as " + to + ": not reached in 32,768 steps", math.NaN(), math.NaN(), nil})
				return
			}
			t.rk4(n)
			lines = append(lines, line{fmt.Sprintf("RK4, %d steps", n), float64(4*n + 1), t.err(), func() { t.rk4(n) }})
		}
		for _, rtol := range []float64{1e-3, 1e-5} {
			n, err := t.dopri5(rtol)
			if err != nil {
				return err
			}
			e := t.err()
			lines = append(lines, line{fmt.Sprintf("dopri5, rtol %.0e", rtol), n, e, func() { _, _ = t.dopri5(rtol) }})
			equal(e, fmt.Sprintf("dopri5 %.0e", rtol))
		}
		var jobs []func()
		for _, l := range lines {
			if l.job != nil {
				jobs = append(jobs, l.job)
			}
		}
		times, k := timing(max(rounds/3, 3), each, jobs), 0
		for _, l := range lines {
			if l.job == nil {
				fmt.Fprintf(w, "| %s | %s | - | - | - | - |\n", name, l.name)
				continue
			}
			fmt.Fprintf(w, "| %s | %s | %.0f | %.1e | %.2f | %.3g |\n", name, l.name, l.evaluations, l.err, 1e6*times[k]/float64(t.n), times[k]/times[0])
			k++
		}
	}
	return nil
}

// growthOfCost measures forecasts as one size grows.
func growthOfCost(w io.Writer, o options, m *lassode.Model, rounds int) error {
	type point struct {
		x       float64
		m       *lassode.Model
		chans   int
		queries int
		stands  bool // the encoding stands: evaluation alone
	}
	with := func(change func(*lassode.Config)) (*lassode.Model, error) {
		cfg := m.Info().Config
		change(&cfg)
		return lassode.Pretrain(context.Background(), cfg, ode.Zoo{Seed: 1, N: 64}, lassode.TrainOptions{Steps: 1, Batch: 64, Workers: 1})
	}
	sizes := map[string][]int{
		"windows": {16, 32, 64, 128, 256, 512}, "channels": {1, 2, 4, 8, 16}, "latent pairs": {2, 4, 8, 16, 32, 64},
		"query times": {32, 128, 512, 2048, 8192}, "hub tokens": {16, 32, 64, 128, 256, 512},
	}
	if o.quick {
		for k, v := range sizes {
			sizes[k] = v[:3]
		}
	}
	const rows, chans, queries = 256, 3, 128
	fmt.Fprintf(w, "\nA forecast in a warm session, one core: %d rows, %d channels, %d windows, %d later times unless one of them grows; guides fitted and all windows encoded anew, or, for query times, the evaluation of an encoding that stands as well. Other pairs and hub tokens than the weights' own are networks of that shape with untrained weights. The exponent is that of a power law through all points, its range with one point left out, and that between the last two points.\n\n", rows, chans, 64, queries)
	fmt.Fprintln(w, "| grows | sizes | ms | exponent | range | last two |\n|---|---|---|---|---|---|")
	fixed, err := withWindows(m, 64, 64)
	if err != nil {
		return err
	}
	c := chart{title: "forecast, 3 channels, 64 windows, 128 times", x: "size over its least", y: "ms", logX: true, logY: true}
	for k, name := range []string{"windows", "channels", "latent pairs", "query times", "query times, encoding stands", "hub tokens"} {
		var points []point
		key := name
		if name == "query times, encoding stands" {
			key = "query times"
		}
		for _, n := range sizes[key] {
			p := point{x: float64(n), m: fixed, chans: chans, queries: queries}
			var err error
			switch name {
			case "windows":
				p.m, err = withWindows(m, min(n, 512), n)
			case "channels":
				p.chans = n
			case "latent pairs":
				p.m, err = with(func(c *lassode.Config) { c.Pairs, c.MinWindows, c.MaxWindows = n, 64, 64 })
			case "query times", "query times, encoding stands":
				p.queries, p.stands = n, name != "query times"
			case "hub tokens":
				p.m, err = with(func(c *lassode.Config) { c.HubTokens, c.MinWindows, c.MaxWindows = n, 64, 64 })
			}
			if err != nil {
				return fmt.Errorf("%s %d: %w", name, n, err)
			}
			points = append(points, p)
		}
		var jobs []func()
		var x, y []float64
		for _, p := range points {
			s := p.m.NewSession()
			row := make([]float64, p.chans)
			at := func(i int) float64 { return float64(i) / rows }
			fill := func(i int) error {
				for c := range row {
					row[c] = math.Sin(20*at(i)+float64(c)) + .3*math.Sin((31+float64(c))*at(i))
				}
				return s.Observe(at(i), row)
			}
			for i := range rows {
				if err := fill(i); err != nil {
					return err
				}
			}
			var later []float64
			for i := range p.queries {
				later = append(later, at(rows)*(1+float64(i+1)/float64(p.queries)))
			}
			var f lassode.Forecast
			jobs = append(jobs, func() {
				if !p.stands {
					err = errors.Join(err, fill(rows-1)) // the same work, encoded anew
				}
				err = errors.Join(err, s.ForecastInto(&f, later))
			})
			x = append(x, p.x)
		}
		y = timing(rounds, time.Millisecond, jobs)
		if err != nil {
			return err
		}
		b, lo, hi := exponent(x, y)
		last := len(x) - 1
		slope := math.Log(y[last]/y[last-1]) / math.Log(x[last]/x[last-1])
		for i := range y {
			y[i] *= 1e3
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.2f | %.2f to %.2f | %.2f |\n", name, join(x, "%g"), join(y, "%.3g"), b, lo, hi, slope)
		for i := range x {
			x[i] /= points[0].x
		}
		c.curves = append(c.curves, curve{name: name, x: x, y: y, colour: k})
	}
	return writeSVG(o.out, "evidence-cost.svg", "Growth of the time of a forecast", 1, []chart{c})
}

// join lists numbers in a format.
func join(x []float64, format string) string {
	out := make([]string, len(x))
	for i, v := range x {
		out[i] = fmt.Sprintf(format, v)
	}
	return strings.Join(out, ", ")
}
