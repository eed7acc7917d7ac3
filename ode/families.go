package ode

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// Families returns the named families of the training zoo by rising Zoo number.
// Several families of one kind may share a number.
//
// A System drawn from a Family owns everything its RHS closes over. RHS never
// allocates, but it may use memory of the closure, so one System belongs to one
// goroutine at a time; draw twice to integrate twice in parallel. Sample is a
// pure function of the generator it is given: the same generator state gives
// the same System.
//
// Forced systems take their input from t. Inputs never come to rest: staircases
// repeat after about three spans, so that a start time later than zero still
// meets a driven system. Pulses may be short beside Span; give the integrator a
// MaxStep of about Span/50.
func Families() []Family {
	var out []Family
	out = append(out, mechanicsFamilies()...) // 1 to 9
	out = append(out, powerFamilies()...)     // 10 to 15
	out = append(out, lifeFamilies()...)      // 16 to 23
	out = append(out, otherFamilies()...)     // 24 to 28
	return out
}

// intBetween draws an integer from lo to hi, both included.
func intBetween(r *rand.Rand, lo, hi int) int { return lo + r.IntN(hi-lo+1) }

// spread draws a factor around one: L[1/f, f].
func spread(r *rand.Rand, f float64) float64 { return logUniform(r, 1/f, f) }

// chance is true with probability p.
func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// channelNames returns prefix1 .. prefixN.
func channelNames(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i+1)
	}
	return out
}

// plainNames is channelNames("x", n). Random systems, most of which are refused,
// share the names; nobody may change them.
func plainNames(n int) []string { return xNames[:n:n] }

var xNames = channelNames("x", 2*maxCoupled)

// smoothstep rises from 0 to 1 on [0,1] with two continuous derivatives
// (quintic), so that explicit integrators pass a switch without losing order.
func smoothstep(x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	return x * x * x * (10 + x*(6*x-15))
}

// softplus is width*log(1+exp(x/width)), a smooth max(x,0).
func softplus(x, width float64) float64 {
	u := x / width
	if u > 30 {
		return x
	}
	if u < -30 {
		return width * expFast(u)
	}
	return width * math.Log(1+expFast(u))
}

// smoothAbs is sqrt(x²+eps²), a smooth |x|.
func smoothAbs(x, eps float64) float64 { return math.Sqrt(x*x + eps*eps) }

// smoothRoot is sign(x)*sqrt(|x|) with the corner at zero rounded over eps:
// Torricelli's law that stays differentiable when a level difference changes
// sign.
func smoothRoot(x, eps float64) float64 {
	return x / math.Sqrt(math.Sqrt(x*x+eps*eps))
}

// logistic is 1/(1+exp(-x)).
func logistic(x float64) float64 { return 0.5 * (1 + tanhFast(0.5*x)) }

// hillPow is max(x,0)^n: an integrator's trial stage may step slightly below
// zero, where a real power is undefined.
func hillPow(x, n float64) float64 {
	if x <= 0 {
		return 0
	}
	return expFast(n * math.Log(x))
}

type inputKind uint8

const (
	inputConstant inputKind = iota
	inputSteps
	inputSine
	inputTwoSines
	inputChirp
	inputSweep
	inputPulses
	inputNoise
)

const maxSwitches = 28

// input is a scalar forcing signal mean + amp*shape(t), shape roughly within
// [-1,1] (pulses: [0,1]). Every shape has two continuous derivatives, but for
// noise (at its knots) and the linear chirp (at its turns), which have one.
type input struct {
	kind      inputKind
	mean, amp float64

	w, phase   float64 // sine; chirp: initial frequency
	w2, phase2 float64 // second sine; chirp: frequency slope or depth
	horizon    float64 // chirp, sweep: half period of the frequency modulation

	// period also is the time after which steps repeat and the distance of
	// noise knots; edge is the rise time of pulses and steps
	period, on, delay, edge float64

	switches int
	at       [maxSwitches]float64
	jump     [maxSwitches]float64
	base     float64

	knots []float64 // noise, periodic
}

// value evaluates the input at time t without allocating.
func (u *input) value(t float64) float64 {
	switch u.kind {
	case inputSteps:
		if t >= u.period {
			t -= math.Floor(t/u.period) * u.period
		}
		s := u.base
		for k := 0; k < u.switches; k++ {
			d := t - u.at[k]
			if d <= 0 {
				break // times are sorted
			}
			if d >= u.edge {
				s += u.jump[k]
			} else {
				s += u.jump[k] * smoothstep(d/u.edge)
			}
		}
		return u.mean + u.amp*s
	case inputSine:
		return u.mean + u.amp*sinFast(u.w*t+u.phase)
	case inputTwoSines:
		return u.mean + u.amp*(0.6*sinFast(u.w*t+u.phase)+0.4*sinFast(u.w2*t+u.phase2))
	case inputChirp:
		// the frequency rises from w by slope w2 for one horizon and falls back
		// in the next
		n := math.Floor(t / u.horizon)
		turn := (u.w + 0.5*u.w2*u.horizon) * u.horizon
		s := t - n*u.horizon
		if int64(n)&1 != 0 {
			s -= u.horizon // counts up to the next start of a rise
			n++
			return u.mean + u.amp*sinFast(n*turn+(u.w-0.5*u.w2*s)*s+u.phase)
		}
		return u.mean + u.amp*sinFast(n*turn+(u.w+0.5*u.w2*s)*s+u.phase)
	case inputSweep:
		// instantaneous frequency w - w2*cos(pi t/horizon)
		return u.mean + u.amp*sinFast(u.w*t-u.w2*u.horizon/math.Pi*sinFast(math.Pi*t/u.horizon)+u.phase)
	case inputPulses:
		d := (t - u.delay) / u.period
		if d < 0 {
			return u.mean
		}
		d = (d - math.Floor(d)) * u.period
		return u.mean + u.amp*(smoothstep(d/u.edge)-smoothstep((d-u.on)/u.edge))
	case inputNoise:
		d := t / u.period
		f := math.Floor(d)
		x := d - f
		n := len(u.knots)
		k := int(f) % n
		if k < 0 {
			k += n
		}
		p0, p1, p2, p3 := u.knots[(k+n-1)%n], u.knots[k], u.knots[(k+1)%n], u.knots[(k+2)%n]
		// Catmull-Rom
		return u.mean + u.amp*(p1+0.5*x*(p2-p0+x*(2*p0-5*p1+4*p2-p3+x*(3*(p1-p2)+p3-p0))))
	}
	return u.mean
}

// repeat closes a staircase that ends at time t: one more switch leads back to
// the base level, from where it starts again.
func (u *input) repeat(t float64) {
	var level float64
	for _, j := range u.jump[:u.switches] {
		level += j
	}
	u.at[u.switches], u.jump[u.switches] = t, -level
	u.switches++
	u.period = t + 1.5*u.edge
}

// stepsInput is a staircase of random levels in [-1,1] that switches about
// count times per span, the first time soon after the start.
func stepsInput(r *rand.Rand, span float64, count float64, mean, amp float64) *input {
	u := &input{kind: inputSteps, mean: mean, amp: amp, edge: span * logUniform(r, 0.004, 0.03)}
	u.base = 0
	if chance(r, 0.5) {
		u.base = uniform(r, -1, 1)
	}
	level := u.base
	t := span * uniform(r, 0, 0.35)
	for u.switches < maxSwitches-1 && t < 3*span {
		next := uniform(r, -1, 1)
		if math.Abs(next-level) < 0.3 { // a step worth the name
			next = level - math.Copysign(0.6, level)
		}
		u.at[u.switches] = t
		u.jump[u.switches] = next - level
		u.switches++
		level = next
		t += u.edge + span/count*(0.25+0.75*math.Min(2, r.ExpFloat64()))
	}
	u.repeat(t)
	return u
}

// telegraphInput switches between -1 and +1 at random times, about count times
// per span (random-telegraph signal with rounded edges).
func telegraphInput(r *rand.Rand, span float64, count float64, mean, amp float64) *input {
	u := &input{kind: inputSteps, mean: mean, amp: amp, edge: span * logUniform(r, 0.002, 0.02)}
	u.base = sign(r)
	level := u.base
	t := span * uniform(r, 0, 0.35)
	for u.switches < maxSwitches-1 && t < 3*span {
		u.at[u.switches] = t
		u.jump[u.switches] = -2 * level
		u.switches++
		level = -level
		t += u.edge + span/count*(0.1+0.9*math.Min(2, r.ExpFloat64()))
	}
	u.repeat(t)
	return u
}

// sineInput is a sine of angular frequency w and random phase.
func sineInput(r *rand.Rand, w, mean, amp float64) *input {
	return &input{kind: inputSine, mean: mean, amp: amp, w: w, phase: uniform(r, 0, 2*math.Pi)}
}

// twoSinesInput adds a second, incommensurate sine.
func twoSinesInput(r *rand.Rand, w, mean, amp float64) *input {
	return &input{kind: inputTwoSines, mean: mean, amp: amp, w: w, phase: uniform(r, 0, 2*math.Pi),
		w2: w * uniform(r, 0.3, 2.7), phase2: uniform(r, 0, 2*math.Pi)}
}

// chirpInput runs from w0 to w1 over the span and back in the next: a linear
// chirp, or a sweep whose frequency follows a cosine.
func chirpInput(r *rand.Rand, span, w0, w1, mean, amp float64) *input {
	u := &input{mean: mean, amp: amp, phase: uniform(r, 0, 2*math.Pi)}
	if chance(r, 0.5) && w1 > w0 {
		u.kind = inputChirp
		u.w, u.w2, u.horizon = w0, (w1-w0)/span, span
		return u
	}
	u.kind = inputSweep
	u.w, u.w2, u.horizon = (w0+w1)/2, (w1-w0)/2, span
	return u
}

// pulsesInput is a periodic train of rounded pulses from 0 to 1 that are on
// for a part duty of the period.
func pulsesInput(r *rand.Rand, period, duty, delay, mean, amp float64) *input {
	on := duty * period
	return &input{kind: inputPulses, mean: mean, amp: amp, period: period, on: on,
		delay: delay, edge: math.Min(on, period-on) * uniform(r, 0.1, 0.5)}
}

// noiseInput is a smooth random signal of unit variance: normal values spaced
// by dt joined by Catmull-Rom cubics, repeating after 256 of them.
func noiseInput(r *rand.Rand, dt, mean, amp float64) *input {
	u := &input{kind: inputNoise, mean: mean, amp: amp, period: dt, knots: make([]float64, 256)}
	for i := range u.knots {
		u.knots[i] = math.Max(-2.5, math.Min(2.5, r.NormFloat64()))
	}
	return u
}

// constantInput is mean for ever.
func constantInput(mean float64) *input { return &input{mean: mean} }

// anyInput draws one of steps, telegraph, sine, two sines and chirp; w is a
// characteristic angular frequency of the driven system.
func anyInput(r *rand.Rand, span, w, mean, amp float64) *input {
	switch r.IntN(6) {
	case 0:
		return stepsInput(r, span, uniform(r, 1, 6), mean, amp)
	case 1:
		return telegraphInput(r, span, uniform(r, 1.5, 8), mean, amp)
	case 2, 3:
		return sineInput(r, w*logUniform(r, 0.2, 2.5), mean, amp)
	case 4:
		return twoSinesInput(r, w*logUniform(r, 0.2, 2), mean, amp)
	}
	return chirpInput(r, span, w*uniform(r, 0.1, 0.8), w*uniform(r, 1, 3), mean, amp)
}

// spectralRadius estimates max|eigenvalue| of the row-major n x n matrix a by
// repeated squaring: ||A^(2^k)||^(1/2^k). Twelve squarings leave an error far
// below the spread of the draws it scales.
func spectralRadius(a []float64, n int) float64 {
	b := append([]float64(nil), a...)
	c := make([]float64, n*n)
	var logNorm float64 // log of the factor taken out of b
	const squarings = 12
	for k := 0; k <= squarings; k++ {
		var s float64
		for _, v := range b {
			s += v * v
		}
		s = math.Sqrt(s)
		if s == 0 {
			return 0
		}
		for i := range b {
			b[i] /= s
		}
		logNorm += math.Log(s)
		if k == squarings {
			break
		}
		for i := 0; i < n; i++ {
			for j := 0; j < n; j++ {
				var v float64
				for l := 0; l < n; l++ {
					v += b[i*n+l] * b[l*n+j]
				}
				c[i*n+j] = v
			}
		}
		b, c = c, b
		logNorm *= 2
	}
	return math.Exp(logNorm / float64(int(1)<<squarings))
}

// randomOrthogonal fills q (row-major n x n) with a random rotation by
// Gram-Schmidt on normal draws.
func randomOrthogonal(r *rand.Rand, q []float64, n int) {
	for i := 0; i < n; i++ {
		row := q[i*n : i*n+n]
		for {
			for j := range row {
				row[j] = r.NormFloat64()
			}
			for k := 0; k < i; k++ {
				other := q[k*n : k*n+n]
				var d float64
				for j := range row {
					d += row[j] * other[j]
				}
				for j := range row {
					row[j] -= d * other[j]
				}
			}
			var s float64
			for j := range row {
				s += row[j] * row[j]
			}
			if s > 1e-6 {
				s = 1 / math.Sqrt(s)
				for j := range row {
					row[j] *= s
				}
				break
			}
		}
	}
}
