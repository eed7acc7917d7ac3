package ode

import (
	"math"
	"math/rand/v2"
)

// HeldOut returns the ten families kept for zero-shot validation. No model is ever trained on them. Parameters scatter
// moderately around published values. The rules of [Families] on memory and
// goroutines hold here too.
func HeldOut() []Family {
	return []Family{
		{Name: "oregonator", Sample: sampleOregonator},
		{Name: "cart-pole", Sample: sampleCartPole},
		{Name: "enso-recharge", Sample: sampleENSO},
		{Name: "lcl-inverter", Sample: sampleLCL},
		{Name: "quarter-car", Sample: sampleQuarterCar},
		{Name: "morris-lecar", Sample: sampleMorrisLecar},
		{Name: "tumour-immune", Sample: sampleTumour},
		{Name: "toggle-switch", Sample: sampleToggle},
		{Name: "daisyworld", Sample: sampleDaisyworld},
		{Name: "ring-oscillator", Sample: sampleRing},
	}
}

// sampleOregonator: Field and Noyes's model of the Belousov-Zhabotinsky
// reaction in Tyson's scaling, e x' = q y - x y + x (1-x),
// d y' = -q y - x y + f z, z' = x - z.
func sampleOregonator(r *rand.Rand) System {
	e, d, q := 0.04*spread(r, 1.6), 4e-4*spread(r, 2), 8e-4*spread(r, 2)
	f := uniform(r, 0.7, 1.6)
	return System{
		Family: "oregonator", Names: []string{"bromous acid", "bromide", "cerium"}, Dim: 3, Stiff: true,
		X0:   []float64{logUniform(r, 1e-3, 0.7), logUniform(r, 1e-3, 0.7), logUniform(r, 0.02, 0.4)},
		Span: logUniform(r, 3, 30),
		RHS: func(t float64, x, dx []float64) {
			xy := x[0] * x[1]
			dx[0] = (q*x[1] - xy + x[0]*(1-x[0])) / e
			dx[1] = (f*x[2] - q*x[1] - xy) / d
			dx[2] = x[0] - x[2]
		},
	}
}

// sampleCartPole: pendulum on a cart, angle from hanging, friction at the cart
// and the joint, a sinusoidal push in most draws (Lagrange's equations).
func sampleCartPole(r *rand.Rand) System {
	const g = 9.81
	cart, pole, l := 1*spread(r, 1.6), 0.3*spread(r, 2), 0.6*spread(r, 1.5)
	b, c := logUniform(r, 0.05, 0.8), logUniform(r, 0.005, 0.1)*l
	w := math.Sqrt(g / l)
	push := 0.0
	if chance(r, 0.7) {
		push = uniform(r, 0.5, 4)
	}
	drive, ph := w*uniform(r, 0.3, 1.6), uniform(r, 0, 2*math.Pi)
	return System{
		Family: "cart-pole", Names: []string{"position", "angle", "velocity", "angular velocity"}, Dim: 4,
		X0:   []float64{uniform(r, -0.5, 0.5), uniform(r, -2.2, 2.2), uniform(r, -0.5, 0.5), uniform(r, -2, 2)},
		Span: 2 * math.Pi / w * logUniform(r, 0.7, 7),
		RHS: func(t float64, x, dx []float64) {
			s, co := math.Sincos(x[1])
			f := push*math.Sin(drive*t+ph) - b*x[2]
			q := g*s + c*x[3]
			acc := (f + pole*l*x[3]*x[3]*s + pole*co*q) / (cart + pole*s*s)
			dx[0], dx[1] = x[2], x[3]
			dx[2] = acc
			dx[3] = -(acc*co + q) / l
		},
	}
}

// sampleENSO: Jin's 1997 recharge oscillator: T' = (g b - c) T + g h
// - e (h + b T)³ + wind, h' = -r h - a b T - a wind, b = 2.5 mu; two months as
// unit of time, T in 7.5 K and h in 150 m. Wind is weak smooth noise in part
// of the draws, mu varies with the season in part of them.
func sampleENSO(r *rand.Rand) System {
	c, g, rr, a := 1.0, 0.75*spread(r, 1.05), 0.25*spread(r, 1.1), 0.125*spread(r, 1.1)
	b := 2.5 * uniform(r, 0.6, 0.78)
	e := 3 * spread(r, 1.3)
	year := 0.0
	if chance(r, 0.5) {
		year = uniform(r, 0.03, 0.12)
	}
	wind := constantInput(0)
	if chance(r, 0.5) {
		wind = noiseInput(r, uniform(r, 0.5, 3), 0, uniform(r, 0.01, 0.04))
	}
	return System{
		Family: "enso-recharge", Names: []string{"eastern temperature", "western thermocline"}, Dim: 2,
		X0:   []float64{uniform(r, -0.3, 0.3), uniform(r, -0.2, 0.2)},
		Span: logUniform(r, 15, 150),
		RHS: func(t float64, x, dx []float64) {
			bb := b
			if year != 0 {
				bb *= 1 + year*math.Sin(2*math.Pi/6*t)
			}
			u := x[1] + bb*x[0]
			w := wind.value(t)
			dx[0] = (g*bb-c)*x[0] + g*x[1] - e*u*u*u + w
			dx[1] = -rr*x[1] - a*bb*x[0] - a*w
		},
	}
}

// sampleLCL: single-phase grid inverter with LCL filter and proportional
// resonant control of the converter current with grid voltage feed-forward
// (Teodorescu, Liserre and Rodriguez). Milliseconds, 10 A, 100 V; the current
// reference steps in amplitude.
func sampleLCL(r *rand.Rand) System {
	l1, l2, c := 3*spread(r, 1.4), 1.2*spread(r, 1.4), 8*spread(r, 1.5) // mH, mH, uF
	r1, r2 := uniform(r, 0.05, 0.3), uniform(r, 0.05, 0.3)              // ohm
	kp := l1 * uniform(r, 1.2, 4)                                       // ohm: L times bandwidth in rad/ms
	kr := kp * uniform(r, 0.05, 0.3)
	w := 2 * math.Pi * 0.05
	ph, lag := uniform(r, 0, 2*math.Pi), uniform(r, -0.5, 0.5)
	grid := 3.25 * spread(r, 1.1)
	span := logUniform(r, 5, 60)
	size := stepsInput(r, span, uniform(r, 1, 3), uniform(r, 0.6, 1), uniform(r, 0.2, 0.6))
	return System{
		Family: "lcl-inverter", Names: []string{"converter current", "capacitor voltage", "grid current", "resonator 1", "resonator 2"}, Dim: 5,
		X0:   []float64{uniform(r, -0.5, 0.5), grid * math.Sin(ph), uniform(r, -0.5, 0.5), 0, 0},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			s, co := math.Sincos(w*t + ph)
			vg := grid * s
			e := size.value(t)*(s*math.Cos(lag)+co*math.Sin(lag)) - x[0]
			// ohm times 10 A is 0.1 of 100 V
			u := vg + 0.1*kp*e + x[3]
			dx[0] = 10 / l1 * (u - x[1] - 0.1*r1*x[0])
			dx[1] = 100 / c * (x[0] - x[2])
			dx[2] = 10 / l2 * (x[1] - vg - 0.1*r2*x[2])
			dx[3] = 0.1*kr*e - w*x[4]
			dx[4] = w * x[3]
		},
	}
}

// sampleQuarterCar: sprung and unsprung mass on a sine road, progressive
// spring and a damper stiffer in rebound than in bump, as car dampers are;
// that also sets it apart from the linear chains of the training zoo.
// Centimetres, seconds.
func sampleQuarterCar(r *rand.Rand) System {
	ms, mu := 300*spread(r, 1.3), 40*spread(r, 1.3)
	ks, kt := 18000*spread(r, 1.3), 190000*spread(r, 1.2)
	cs := 1300 * spread(r, 1.5)
	asym := uniform(r, 0.2, 0.6)
	prog := logUniform(r, 0.002, 0.02) // per cm²
	amp := uniform(r, 1, 5)
	freq := logUniform(r, 0.4, 8) // speed over wavelength, Hz
	if freq > 3 {
		amp *= 3 / freq
	}
	w, ph := 2*math.Pi*freq, uniform(r, 0, 2*math.Pi)
	return System{
		Family: "quarter-car", Names: []string{"body", "wheel", "body velocity", "wheel velocity"}, Dim: 4,
		X0:   []float64{uniform(r, -4, 4), uniform(r, -1, 1), uniform(r, -20, 20), uniform(r, -20, 20)},
		Span: logUniform(r, 0.5, 5),
		RHS: func(t float64, x, dx []float64) {
			d, v := x[0]-x[1], x[2]-x[3]
			f := ks*d*(1+prog*d*d) + cs*v*(1+asym*math.Tanh(v/10))
			dx[0], dx[1] = x[2], x[3]
			dx[2] = -f / ms
			dx[3] = (f - kt*(x[1]-amp*math.Sin(w*t+ph))) / mu
		},
	}
}

// sampleMorrisLecar: Morris and Lecar 1981 with the Hopf or the SNIC set of
// Rinzel and Ermentrout; mV, ms.
func sampleMorrisLecar(r *rand.Rand) System {
	gca, v3, v4, phi, cur := 4.4, 2.0, 30.0, 0.04, uniform(r, 70, 150)
	if chance(r, 0.5) {
		gca, v3, v4, phi, cur = 4.0, 12.0, 17.4, 0.067, uniform(r, 30, 70)
	}
	gca *= spread(r, 1.03)
	phi *= spread(r, 1.3)
	gk, gl := 8*spread(r, 1.05), 2*spread(r, 1.05)
	return System{
		Family: "morris-lecar", Names: []string{"voltage", "potassium gate"}, Dim: 2,
		X0:   []float64{uniform(r, -60, 20), uniform(r, 0, 0.5)},
		Span: logUniform(r, 40, 800),
		RHS: func(t float64, x, dx []float64) {
			v, n := x[0], x[1]
			m := 0.5 * (1 + math.Tanh((v+1.2)/18))
			ninf := 0.5 * (1 + math.Tanh((v-v3)/v4))
			dx[0] = (cur - gca*m*(v-120) - gk*n*(v+84) - gl*(v+60)) / 20
			dx[1] = phi * (ninf - n) * math.Cosh((v-v3)/(2*v4))
		},
	}
}

// sampleTumour: Kuznetsov et al. 1994, scaled: effector cells
// E' = s + p E T/(g+T) - m E T - d E and tumour cells T' = a T (1 - b T) - E T.
func sampleTumour(r *rand.Rand) System {
	s, p, g := 0.1181*spread(r, 1.3), 1.131*spread(r, 1.1), 20.19*spread(r, 1.2)
	m, d := 0.00311*spread(r, 1.2), 0.3743*spread(r, 1.2)
	a, b := 1.636*spread(r, 1.1), 0.002*spread(r, 1.3)
	return System{
		Family: "tumour-immune", Names: []string{"effector cells", "tumour cells"}, Dim: 2,
		X0:   []float64{uniform(r, 0.1, 3), logUniform(r, 1, 400)},
		Span: logUniform(r, 4, 100),
		RHS: func(t float64, x, dx []float64) {
			e, u := x[0], x[1]
			dx[0] = s + p*e*u/(g+math.Abs(u)) - m*e*u - d*e
			dx[1] = a*u*(1-b*u) - e*u
		},
	}
}

// sampleToggle: Gardner, Cantor and Collins 2000: u' = a1/(1+v^b) - u + i1(t),
// v' = a2/(1+u^c) - d v + i2(t), switched by pulses of inducer.
func sampleToggle(r *rand.Rand) System {
	a1, a2 := logUniform(r, 3, 30), logUniform(r, 3, 30)
	b, c := uniform(r, 1.5, 3), uniform(r, 1.2, 3)
	d := spread(r, 1.4)
	span := logUniform(r, 3, 40)
	i1 := pulsesInput(r, math.Max(span*uniform(r, 0.4, 1.5), 2), uniform(r, 0.1, 0.4), span*uniform(r, 0.05, 0.5), 0, uniform(r, 0.5, 1)*a1)
	i2 := pulsesInput(r, math.Max(span*uniform(r, 0.4, 1.5), 2), uniform(r, 0.1, 0.4), span*uniform(r, 0.05, 0.9), 0, uniform(r, 0.5, 1)*a2)
	return System{
		Family: "toggle-switch", Names: []string{"repressor 1", "repressor 2"}, Dim: 2,
		X0: []float64{a1 * uniform(r, 0, 1), a2 * uniform(r, 0, 1)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			dx[0] = a1/(1+hillPow(x[1], b)) - x[0] + i1.value(t)
			dx[1] = a2/(1+hillPow(x[0], c)) - d*x[1] + i2.value(t)
		},
	}
}

// sampleDaisyworld: Watson and Lovelock 1983: cover of white and black daisies
// in per cent, growth parabola around 22.5 degrees (its edge rounded), local
// temperatures from the albedo contrast, luminosity varying in time.
func sampleDaisyworld(r *rand.Rand) System {
	const flux, sigma = 917.0, 5.67e-8
	death := 0.3 * spread(r, 1.2)
	white, black, ground := 0.75*spread(r, 1.04), 0.25*spread(r, 1.1), 0.5*spread(r, 1.05)
	q := 2.06e9 * spread(r, 1.1)
	span := logUniform(r, 8, 100)
	lum := anyInput(r, span, 2*math.Pi/span*2, uniform(r, 0.9, 1.15), uniform(r, 0.05, 0.25))
	return System{
		Family: "daisyworld", Names: []string{"white daisies", "black daisies"}, Dim: 2,
		X0: []float64{uniform(r, 1, 50), uniform(r, 1, 45)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			w, b := 0.01*x[0], 0.01*x[1]
			bare := 1 - w - b
			albedo := bare*ground + w*white + b*black
			t4 := flux * lum.value(t) * (1 - albedo) / sigma
			grow := func(a float64) float64 {
				local := math.Sqrt(math.Sqrt(math.Max(q*(albedo-a)+t4, 1e8))) - 295.5
				return softplus(1-0.003265*local*local, 0.005)
			}
			// 0.001 re-seeds bare ground, as in the original experiment
			dx[0] = x[0]*(bare*grow(white)-death) + 0.1*bare
			dx[1] = x[1]*(bare*grow(black)-death) + 0.1*bare
		},
	}
}

// sampleRing: ring of three CMOS inverters, each node with a load capacitance,
// a pull-up and a pull-down transistor with saturating currents (alpha-power
// law of Sakurai and Newton, rounded). Volts, nanoseconds.
func sampleRing(r *rand.Rand) System {
	vdd := uniform(r, 1.2, 3.3)
	vt := vdd * uniform(r, 0.18, 0.3)
	alpha := uniform(r, 1.2, 2)
	var up, down [3]float64
	speed := logUniform(r, 1, 5)
	for i := range up {
		s := speed * spread(r, 1.3) / math.Pow(vdd-vt, alpha) * vdd
		up[i], down[i] = s*spread(r, 1.3), s*spread(r, 1.3)
	}
	sat := vdd * uniform(r, 0.2, 0.5)
	return System{
		Family: "ring-oscillator", Names: channelNames("node ", 3), Dim: 3,
		X0:   []float64{vdd * uniform(r, 0, 1), vdd * uniform(r, 0, 1), vdd * uniform(r, 0, 1)},
		Span: 3 / speed * logUniform(r, 0.7, 9),
		RHS: func(t float64, x, dx []float64) {
			in := x[2]
			for i := 0; i < 3; i++ {
				p := math.Pow(softplus(vdd-in-vt, 0.05), alpha)
				n := math.Pow(softplus(in-vt, 0.05), alpha)
				dx[i] = up[i]*p*math.Tanh((vdd-x[i])/sat) - down[i]*n*math.Tanh(x[i]/sat)
				in = x[i]
			}
		},
	}
}
