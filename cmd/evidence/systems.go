package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/ode"
)

// kinds of systems, in the order of the tables.
const (
	smooth      = "smooth"
	oscillating = "oscillating"
	stiff       = "stiff"
	chaotic     = "chaotic"
	rough       = "rough" // right-hand sides with kinks
)

// chosen are the systems measured: families by name, or the number of a founder.
var chosen = []struct{ kind, name string }{
	{smooth, "mass-spring-chain"}, {smooth, "rigid-body"}, {smooth, "projectile-wind"}, {smooth, "building-thermal"},
	{smooth, "coupled-tanks"}, {smooth, "michaelis-menten"}, {smooth, "oral-dose"}, {smooth, "glucose-insulin"},
	{smooth, "viral-dynamics"}, {smooth, "two-group-sir"}, {smooth, "tumour-immune"}, {smooth, "toggle-switch"},
	{oscillating, "elastic-pendulum"}, {oscillating, "kepler-drag"}, {oscillating, "ship-roll"}, {oscillating, "kuramoto-second-order"},
	{oscillating, "rosenzweig-macarthur"}, {oscillating, "repressilator"}, {oscillating, "fitzhugh-nagumo"}, {oscillating, "stuart-landau"},
	{oscillating, "cart-pole"}, {oscillating, "enso-recharge"}, {oscillating, "morris-lecar"}, {oscillating, "ring-oscillator"},
	{stiff, "robertson-ladder"}, {stiff, "exothermic-cstr"}, {stiff, "oregonator"}, {stiff, "hodgkin-huxley"}, {stiff, "lcl-inverter"},
	{chaotic, "chaotic-polynomial"}, {chaotic, "chaotic-neural"}, {chaotic, "chaotic-coupled"},
	{rough, "compliant-bounce"}, {rough, "friction-block"}, {rough, "relay-hysteresis"},
}

// quickSystems is the number of systems of each kind that -quick measures.
const quickSystems = 2

// The truth is stored at cells+1 even times: substeps in each of the narrowest
// windows.
const (
	substeps = 16
	cells    = 512 * substeps
)

// subject is a system with its true trajectory, in units of time in which the
// span measured is 1. If the right-hand side depends on time, time is its last
// state.
type subject struct {
	name, kind string
	n, dim     int // states measured, and those of the field
	field      linode.Field
	rhs        func(t float64, x, dx []float64) // of the field, for integrators; t is not used
	scale      []float64                        // standard deviation of each state; infinite for time
	truth      []float64                        // (cells+1) x dim
	rates      []float64                        // field along it
	period     float64                          // 2 pi rms(x - mean) / rms(x'), over states in units of scale
	radius     float64                          // largest spectral radius of the Jacobian along the truth
	opt        ode.Options
	w          ode.Integrator
}

// subjects makes the systems chosen, each the first draw of its family that
// integrates and moves.
func subjects(quick bool) ([]*subject, error) {
	families := map[string]ode.Family{}
	for _, f := range slices.Concat(ode.Families(), ode.HeldOut()) {
		families[f.Name] = f
	}
	count := map[string]int{}
	var out []*subject
	for _, c := range chosen {
		if count[c.kind]++; quick && count[c.kind] > quickSystems {
			continue
		}
		draw := func(r *rand.Rand) (ode.System, bool) {
			f, ok := families[c.name]
			if !ok {
				return ode.System{}, false
			}
			return f.Sample(r), true
		}
		if c.kind == chaotic {
			all := slices.DeleteFunc(ode.Founders(), func(f ode.Founder) bool { return f.Family != c.name || f.Dim > 12 })
			draw = func(r *rand.Rand) (ode.System, bool) { return all[r.IntN(len(all))].System(), len(all) > 0 }
		}
		h := fnv.New64a()
		h.Write([]byte(c.name))
		var s *subject
		var last error
		for try := range uint64(50) {
			sys, ok := draw(rand.New(rand.NewPCG(h.Sum64(), try)))
			if !ok {
				return nil, fmt.Errorf("no family is called %q", c.name)
			}
			if s, last = newSubject(c.name, c.kind, sys); last == nil {
				break
			}
		}
		if last != nil {
			return nil, fmt.Errorf("%s: no draw is usable: %w", c.name, last)
		}
		out = append(out, s)
	}
	return out, nil
}

// newSubject integrates a system.
func newSubject(name, kind string, sys ode.System) (*subject, error) {
	if sys.Signal != nil {
		return nil, fmt.Errorf("a signal without an equation")
	}
	s := &subject{name: name, kind: kind, n: sys.Dim, dim: sys.Dim}
	span := sys.Span
	driven := false
	dx, dx2 := make([]float64, s.n), make([]float64, s.n)
	sys.RHS(0, sys.X0, dx)
	for i := range 64 {
		sys.RHS(span*float64(i+1)/64, sys.X0, dx2)
		driven = driven || !slices.Equal(dx, dx2)
	}
	x0 := slices.Clone(sys.X0)
	plain := func(t float64, x, dx []float64) {
		sys.RHS(t*span, x, dx)
		for i := range dx {
			dx[i] *= span
		}
	}
	s.field = func(x, dx []float64) { plain(0, x, dx) }
	if driven {
		s.dim++
		x0 = append(x0, 0)
		s.field = linode.Driven(plain)
	}
	if s.dim > linode.MaxDense {
		return nil, fmt.Errorf("%d states", s.dim)
	}
	s.rhs = func(_ float64, x, dx []float64) { s.field(x, dx) }
	s.opt = ode.Options{RTol: 1e-6, ATol: 1e-9, MaxStep: .02, Bound: 1e9}
	if sys.Stiff {
		s.opt.Method = ode.Implicit
	}
	settle := 0.
	if kind == chaotic {
		settle = .7
	}
	// A coarse run for the scales, from the end of the transient.
	const coarse = 400
	times := make([]float64, coarse+1)
	for i := range times {
		times[i] = settle + float64(i)/coarse
	}
	rows := make([]float64, len(times)*s.dim)
	if _, err := s.w.Solve(rows, s.rhs, x0, 0, times, s.opt); err != nil {
		return nil, err
	}
	copy(x0, rows[:s.dim])
	s.scale = make([]float64, s.dim)
	for i := range s.scale {
		sum, square, top := 0., 0., 0.
		for k := range times {
			v := rows[k*s.dim+i]
			sum += v
			square += v * v
			top = max(top, math.Abs(v))
		}
		mean := sum / float64(len(times))
		s.scale[i] = math.Sqrt(max(square/float64(len(times))-mean*mean, 0))
		if i == s.n {
			s.scale[i] = math.Inf(1)
		} else if !(s.scale[i] > 1e-4*top) {
			return nil, fmt.Errorf("state %d does not move", i)
		}
	}
	s.opt.RTol, s.opt.ATol, s.opt.MaxStep, s.opt.Scale = 1e-11, 1e-12, 0, make([]float64, s.dim)
	for i, v := range s.scale {
		s.opt.Scale[i] = min(v, 1)
		if i < s.n {
			s.opt.Scale[i] = v
		}
	}
	s.truth = make([]float64, (cells+1)*s.dim)
	copy(s.truth, x0)
	for k := range cells {
		if err := s.advance(s.truth[(k+1)*s.dim:(k+2)*s.dim], s.truth[k*s.dim:(k+1)*s.dim], 1./cells); err != nil {
			return nil, err
		}
	}
	s.rates = make([]float64, len(s.truth))
	var spread, speed float64
	for k := range cells + 1 {
		s.field(s.row(k), s.rates[k*s.dim:(k+1)*s.dim])
	}
	for i := range s.n {
		mean := 0.
		for k := range cells + 1 {
			mean += s.truth[k*s.dim+i] / (cells + 1)
		}
		for k := range cells + 1 {
			d, v := s.truth[k*s.dim+i]-mean, s.rates[k*s.dim+i]
			spread += d * d / (s.scale[i] * s.scale[i])
			speed += v * v / (s.scale[i] * s.scale[i])
		}
	}
	s.period = 2 * math.Pi * math.Sqrt(spread/speed)
	jac := make([]float64, s.dim*s.dim)
	for k := 0; k <= cells; k += cells / 64 {
		s.jacobian(jac, s.row(k))
		s.radius = max(s.radius, spectralRadius(jac, s.dim))
	}
	return s, nil
}

// row is the true state after k cells.
func (s *subject) row(k int) []float64 { return s.truth[k*s.dim : (k+1)*s.dim] }

// advance writes the solution through x after a time to dst.
func (s *subject) advance(dst, x []float64, time float64) error {
	_, err := s.w.Solve(dst, s.rhs, x, 0, []float64{time}, s.opt)
	return err
}

// distance is the error of a state in units of the scale: root mean square over
// the states, and the Euclidean norm that the bound is stated in.
func (s *subject) distance(x, want []float64) (rms, norm float64) {
	for i := range s.n {
		d := (x[i] - want[i]) / s.scale[i]
		norm += d * d
	}
	return math.Sqrt(norm / float64(s.n)), math.Sqrt(norm)
}

// unit is the size of state i: its scale, or 1 for time.
func (s *subject) unit(i int) float64 {
	if i == s.n {
		return 1
	}
	return s.scale[i]
}

// jacobian writes the Jacobian of the field at x, by central differences.
func (s *subject) jacobian(jac, x []float64) {
	n := s.dim
	up, down, y := make([]float64, n), make([]float64, n), slices.Clone(x)
	for j := range n {
		d := 6e-6 * max(math.Abs(x[j]), s.unit(j))
		y[j] = x[j] + d
		hi := y[j]
		s.field(y, up)
		y[j] = x[j] - d
		s.field(y, down)
		for i := range n {
			jac[i*n+j] = (up[i] - down[i]) / (hi - y[j])
		}
		y[j] = x[j]
	}
}

// spectralRadius is the largest modulus of the eigenvalues of a, by Gelfand's
// formula: the 2^k-th root of the norm of a^(2^k).
func spectralRadius(a []float64, n int) float64 {
	x, y := slices.Clone(a), make([]float64, n*n)
	logNorm, weight := 0., 1.
	for range 40 {
		norm := 0.
		for _, v := range x {
			norm += v * v
		}
		norm = math.Sqrt(norm)
		if norm == 0 {
			return 0
		}
		logNorm += weight * math.Log(norm)
		for i := range x {
			x[i] /= norm
		}
		for i := range n {
			for j := range n {
				sum := 0.
				for k := range n {
					sum += x[i*n+k] * x[k*n+j]
				}
				y[i*n+j] = sum
			}
		}
		x, y = y, x
		weight /= 2
	}
	return math.Exp(logNorm)
}

// symmetricTop is the largest eigenvalue of the symmetric matrix a, which it
// overwrites, by Jacobi's rotations.
func symmetricTop(a []float64, n int) float64 {
	for range 60 {
		off, diag := 0., 0.
		for i := range n {
			diag += a[i*n+i] * a[i*n+i]
			for j := range i {
				off += 2 * a[i*n+j] * a[i*n+j]
			}
		}
		if off <= 1e-26*(off+diag) {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				if a[p*n+q] == 0 {
					continue
				}
				theta := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
				t := 1 / (math.Abs(theta) + math.Hypot(theta, 1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Hypot(t, 1)
				s := t * c
				for k := range n {
					u, v := a[k*n+p], a[k*n+q]
					a[k*n+p], a[k*n+q] = c*u-s*v, s*u+c*v
				}
				for k := range n {
					u, v := a[p*n+k], a[q*n+k]
					a[p*n+k], a[q*n+k] = c*u-s*v, s*u+c*v
				}
			}
		}
	}
	top := math.Inf(-1)
	for i := range n {
		top = max(top, a[i*n+i])
	}
	return top
}
