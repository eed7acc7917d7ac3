package linode

import (
	"fmt"
	"math"
	"sort"
)

// Field is the right-hand side of an autonomous system x' = f(x): it writes
// f(x) to dx, which does not overlap x, and keeps neither.
type Field func(x, dx []float64)

// Driven returns the field of x' = f(t, x) with time as its last state, of rate
// 1: its linearisation then holds the drive's slope in time as well.
func Driven(f func(t float64, x, dx []float64)) Field {
	return func(x, dx []float64) {
		n := len(x) - 1
		f(x[n], x[:n], dx[:n])
		dx[n] = 1
	}
}

// Window is a local linear model of a vector field: over Span units of time
// from Time,
//
//	x' = Rate + A (x - Start),  x(Time) = Start,
//
// where Rate is the field and A, row-major n x n, its Jacobian at Start.
type Window struct {
	Time, Span float64
	Start      []float64
	Rate       []float64
	A          []float64
	// Error estimates the largest distance within the window from the solution
	// of the field through Start, in units of the scale: see [LinearPieces].
	Error float64
}

// PiecesOptions steer [LinearPieces].
type PiecesOptions struct {
	// Tolerance bounds the estimated error of each window, in units of Scale;
	// windows are as wide as it allows. 0 leaves them uniform, Windows of them.
	Tolerance float64
	// Windows is the number of uniform windows; with a Tolerance, the first
	// window tried is one of so many. 0 means 16.
	Windows int
	// Scale is the unit of the error of each state; nil means 1 for all. The
	// Jacobian is a central difference over about 6e-6 of the larger of state
	// and scale. A state of infinite scale, such as time, has no error; its
	// differences are over those of the state or of 1.
	Scale []float64
	// MaxSpan is the widest window, for fields with pulses that a window could
	// miss: the estimate looks at its quarters only. 0 means any.
	MaxSpan float64
	// MaxWindows ends with an error; 0 means 1<<16.
	MaxWindows int
}

// Pieces is a piecewise linear model of one solution of a vector field. It is
// continuous: each window starts where the one before it ends. It belongs to
// one goroutine.
type Pieces struct {
	Windows []Window
	// Evaluations counts the calls of the field, 2n+1 for each linearisation of
	// n states; Tried the windows linearised, those given up included.
	Evaluations, Tried int

	work        *Dense
	x, up, down []float64 // of a difference
}

// Controller of the width of windows: the local error is of third order.
const (
	pieceSafety = 0.9
	pieceShrink = 0.1
	pieceGrow   = 5
)

// LinearPieces follows x' = f(x), x(start) = x0 from time start to end by
// windows in each of which the field is replaced by its linearisation at the
// window's start, solved in closed form: the exponential Rosenbrock-Euler method
// (Hochbruck, Ostermann, Acta Numerica 19, 2010, section 2.4), seen as a
// continuous model. It is exact for a linear field of any stiffness.
//
// Over a window of width h the error is at most M V^2 h^3 phi3(mu h), where M
// bounds the second derivative of f, V the speed, mu the logarithmic norm of A,
// and phi3(0) = 1/6. It is estimated by the window against its two halves, the
// second of which is linearised at the middle: the halves have a quarter of the
// error, so that their distance, at three quarters and at the end of the window,
// is three quarters of it, so that 4/3 of it estimates the error. That sees the
// field at the start and in the middle only; Window.Error is the larger of it
// and tau phi1(A tau) r/3, to leading order the same, where r is what the field
// lacks to the model's rate (its defect) at the quarters tau of the window. Both
// are taken in the largest norm over the states in units of Scale. It costs one
// more linearisation and four calls of the field per window. With a tolerance, a
// window whose estimate exceeds it is tried again narrower, and the next one is
// as wide as the estimate suggests.
//
// It panics unless 1 <= len(x0) <= [MaxDense] and Scale, if given, is as long.
// It fails with an error where the span is not a finite positive one, an option
// is negative, the field is not finite at x0, the model overflows, or
// MaxWindows do not suffice; the windows until there are returned with it.
func LinearPieces(f Field, x0 []float64, start, end float64, opt PiecesOptions) (*Pieces, error) {
	n := len(x0)
	if n < 1 || n > MaxDense || opt.Scale != nil && len(opt.Scale) != n {
		panic(fmt.Sprintf("linode: LinearPieces: %d states, needs 1 to %d, with %d scales", n, MaxDense, len(opt.Scale)))
	}
	if span := end - start; !(span > 0) || math.IsInf(span, 0) {
		return nil, fmt.Errorf("linode: LinearPieces: from time %v to %v, want a finite span that is positive", start, end)
	}
	if !(opt.Tolerance >= 0) || !(opt.MaxSpan >= 0) || opt.Windows < 0 || opt.MaxWindows < 0 {
		return nil, fmt.Errorf("linode: LinearPieces: options %+v, want none negative", opt)
	}
	if opt.Windows == 0 {
		opt.Windows = 16
	}
	if opt.MaxWindows == 0 {
		opt.MaxWindows = 1 << 16
	}
	for i, s := range opt.Scale {
		if !(s > 0) {
			return nil, fmt.Errorf("linode: LinearPieces: Scale[%d] is %v, want a positive number", i, s)
		}
	}
	p := &Pieces{work: NewDense(n), x: make([]float64, n), up: make([]float64, n), down: make([]float64, n)}
	var (
		full, half = make([]float64, n), make([]float64, n)
		x          = append([]float64(nil), x0...)
		mid        Window
		uniform    = opt.Tolerance == 0
		h          = (end - start) / float64(opt.Windows)
		t          = start
		zero       [MaxDense]float64
	)
	if opt.MaxSpan > 0 && !uniform {
		h = min(h, opt.MaxSpan)
	}
	for count := 0; t < end; count++ {
		if count == opt.MaxWindows {
			return p, fmt.Errorf("linode: LinearPieces: %d windows reach time %v of %v", count, t, end)
		}
		w := Window{Time: t, Start: append([]float64(nil), x...)}
		p.linearise(f, &w, opt.Scale)
		if !allFinite(w.Rate) || !allFinite(w.A) {
			return p, fmt.Errorf("linode: LinearPieces: the field is not finite at time %v, state %v", t, x)
		}
		for {
			if uniform {
				h = start + (end-start)*float64(count+1)/float64(opt.Windows) - t
			}
			last := uniform && count+1 == opt.Windows || !uniform && t+h >= end*(1-1e-15)
			if last {
				h = end - t
			}
			p.Tried++
			w.Span, mid.Time = h, t+h/2
			mid.Start = append(mid.Start[:0], x...)
			w.at(p.work, mid.Start, nil, h/2)
			p.linearise(f, &mid, opt.Scale)
			// Against the two halves; the first of them is the window's own.
			w.Error = 0
			for _, tau := range [2]float64{h / 4, h / 2} {
				w.at(p.work, full, nil, h/2+tau)
				mid.at(p.work, half, nil, tau)
				for i := range full {
					half[i] -= full[i]
				}
				w.Error = max(w.Error, size(half, opt.Scale)*4/3)
			}
			// And by the field along the window, for what halves do not see.
			for _, tau := range [4]float64{h / 4, h / 2, 3 * h / 4, h} {
				w.at(p.work, full, half, tau)
				f(full, p.up)
				for i, v := range half {
					p.up[i] -= v
				}
				p.work.State(half, nil, w.A, zero[:n], p.up, tau)
				w.Error = max(w.Error, size(half, opt.Scale)/3)
			}
			p.Evaluations += 4
			good := uniform || w.Error <= opt.Tolerance
			factor := pieceSafety * math.Cbrt(opt.Tolerance/w.Error)
			if good {
				if !allFinite(full) {
					return p, fmt.Errorf("linode: LinearPieces: the model overflows in the window from %v to %v", t, t+h)
				}
				p.Windows = append(p.Windows, w)
				t += h
				if last {
					t = end
				}
				h *= min(max(factor, pieceShrink), pieceGrow) // an exact window gives +Inf
			} else {
				h *= min(max(factor, pieceShrink), 0.5)
			}
			if opt.MaxSpan > 0 && !uniform {
				h = min(h, opt.MaxSpan)
			}
			if good {
				break
			}
			if !(t+h > t) {
				return p, fmt.Errorf("linode: LinearPieces: windows at time %v would have no width", t)
			}
		}
		copy(x, full)
	}
	return p, nil
}

// allFinite reports whether all of x are finite.
func allFinite(x []float64) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// size is the largest of x in units of scale, infinite where one is NaN.
func size(x, scale []float64) float64 {
	top := 0.
	for i, v := range x {
		v = math.Abs(v)
		if scale != nil {
			v /= scale[i]
		}
		if v != v {
			return math.Inf(1)
		}
		top = max(top, v)
	}
	return top
}

// linearise fills rate and Jacobian of w at its start.
func (p *Pieces) linearise(f Field, w *Window, scale []float64) {
	n := len(w.Start)
	if w.A == nil {
		w.Rate, w.A = make([]float64, n), make([]float64, n*n)
	}
	x, up, down := p.x, p.up, p.down
	copy(x, w.Start)
	f(x, w.Rate)
	for j := range n {
		size := 1.
		if scale != nil && !math.IsInf(scale[j], 1) {
			size = scale[j]
		}
		d := 6e-6 * max(math.Abs(x[j]), size)
		x[j] = w.Start[j] + d
		hi := x[j]
		f(x, up)
		x[j] = w.Start[j] - d
		f(x, down)
		for i := range n {
			w.A[i*n+j] = (up[i] - down[i]) / (hi - x[j])
		}
		x[j] = w.Start[j]
	}
	p.Evaluations += 2*n + 1
}

// at writes the state, and the rate unless it is nil, t after the window's
// start: with d = x - Start, d' = A d + Rate, d(0) = 0.
func (w *Window) at(work *Dense, x, rate []float64, t float64) {
	var zero [MaxDense]float64
	work.State(x, rate, w.A, zero[:len(x)], w.Rate, t)
	for i, v := range w.Start {
		x[i] += v
	}
}

// State writes the state of the model at time t, and its rate unless rate is
// nil. Before the first and after the last window their models run on. It
// panics on slices of another length than the states, and without windows. It
// does not allocate.
func (p *Pieces) State(x, rate []float64, t float64) {
	k := sort.Search(len(p.Windows), func(i int) bool { return p.Windows[i].Time > t })
	w := &p.Windows[max(k-1, 0)]
	if len(x) != len(w.Start) || rate != nil && len(rate) != len(x) {
		panic(fmt.Sprintf("linode: Pieces.State: %d states, %d rates of a model with %d", len(x), len(rate), len(w.Start)))
	}
	w.at(p.work, x, rate, t-w.Time)
}
