package ode

import (
	"math"
	"math/rand/v2"
)

// lifeFamilies are entries 16 to 23 of the zoo: chemistry, biology, medicine
// and neuroscience.
func lifeFamilies() []Family {
	return []Family{
		{Name: "reaction-network", Zoo: 16, Sample: sampleReactions},
		{Name: "michaelis-menten", Zoo: 16, Sample: sampleMichaelisMenten},
		{Name: "robertson-ladder", Zoo: 17, Sample: sampleRobertson},
		{Name: "exothermic-cstr", Zoo: 17, Sample: sampleCSTR},
		{Name: "series-autocatalator", Zoo: 17, Sample: sampleAutocatalator},
		{Name: "sirs-seasonal", Zoo: 18, Sample: sampleSIRS},
		{Name: "two-group-sir", Zoo: 18, Sample: sampleTwoGroupSIR},
		{Name: "ross-macdonald", Zoo: 19, Sample: sampleMalaria},
		{Name: "viral-dynamics", Zoo: 19, Sample: sampleViral},
		{Name: "oral-dose", Zoo: 20, Sample: sampleOralDose},
		{Name: "glucose-insulin", Zoo: 20, Sample: sampleBergman},
		{Name: "repressilator", Zoo: 21, Sample: sampleRepressilator},
		{Name: "goodwin", Zoo: 21, Sample: sampleGoodwin},
		{Name: "chemostat", Zoo: 21, Sample: sampleChemostat},
		{Name: "fitzhugh-nagumo", Zoo: 22, Sample: sampleFitzHughNagumo},
		{Name: "hodgkin-huxley", Zoo: 22, Sample: sampleHodgkinHuxley},
		{Name: "wilson-cowan", Zoo: 22, Sample: sampleWilsonCowan},
		{Name: "jansen-rit", Zoo: 22, Sample: sampleJansenRit},
		{Name: "recurrent-network", Zoo: 23, Sample: sampleCTRNN},
	}
}

// sampleReactions: network of first-order reactions i -> j with rates
// L[.05,3], n = 3..6, closed: x' = K x with zero column sums. A directed ring
// keeps it connected; further reactions are random. Part of the draws is fed
// and drained.
func sampleReactions(r *rand.Rand) System {
	n := intBetween(r, 3, 6)
	var k [36]float64
	add := func(from, to int) {
		rate := logUniform(r, 0.05, 3)
		k[to*6+from] += rate
		k[from*6+from] -= rate
	}
	for i := 0; i < n; i++ {
		add(i, (i+1)%n)
		for j := 0; j < n; j++ {
			if i != j && chance(r, 0.3) {
				add(i, j)
			}
		}
	}
	span := logUniform(r, 0.8, 12)
	feed := constantInput(0)
	var drain float64
	if chance(r, 0.4) {
		drain = logUniform(r, 0.05, 0.5)
		p := span * uniform(r, 0.3, 1.2)
		feed = pulsesInput(r, p, uniform(r, 0.2, 0.6), span*uniform(r, 0, 0.3), 0, uniform(r, 0.3, 2))
	}
	x0 := make([]float64, n)
	for i := range x0 {
		if chance(r, 0.4) {
			x0[i] = uniform(r, 0, 1)
		}
	}
	x0[r.IntN(n)] = uniform(r, 0.8, 2)
	return System{
		Family: "reaction-network", Names: channelNames("species ", n), Dim: n, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			for i := 0; i < n; i++ {
				var s float64
				for j, v := range x[:n] {
					s += k[i*6+j] * v
				}
				dx[i] = s - drain*x[i]
			}
			dx[0] += feed.value(t)
		},
	}
}

// sampleMichaelisMenten: E + S <-> ES -> E + P by mass action, four species.
func sampleMichaelisMenten(r *rand.Rand) System {
	e0, s0 := logUniform(r, 0.1, 1), logUniform(r, 0.3, 4)
	k1, k2 := logUniform(r, 0.5, 20), logUniform(r, 0.2, 4)
	km := logUniform(r, 0.05, 5)
	ds := s0 / (k2 * e0) * (1 + (km+k2)/k1/s0) // time to use up the substrate
	return System{
		Family: "michaelis-menten", Names: []string{"enzyme", "substrate", "complex", "product"}, Dim: 4,
		X0:   []float64{e0, s0, e0 * uniform(r, 0, 0.3), s0 * uniform(r, 0, 0.3)},
		Span: ds * logUniform(r, 0.3, 4),
		RHS: func(t float64, x, dx []float64) {
			bind := k1*x[0]*x[1] - km*x[2]
			cat := k2 * x[2]
			dx[0] = cat - bind
			dx[1] = -bind
			dx[2] = bind - cat
			dx[3] = cat
		},
	}
}

// sampleRobertson: Robertson's stiff kinetics, rates scaled, one to three
// rungs in a row: A -> B (slow), 2B -> B + C (very fast), B + C -> A + C
// (fast), and C is the A of the next rung. The B species are scaled to order
// one.
func sampleRobertson(r *rand.Rand) System {
	rungs := intBetween(r, 1, 3)
	var k1, k2, k3, scale [3]float64
	n := 2*rungs + 1
	x0 := make([]float64, n)
	x0[0] = 1
	for j := 0; j < rungs; j++ {
		k1[j] = logUniform(r, 0.02, 0.6)
		k2[j] = k1[j] * logUniform(r, 1e4, 1e9)
		// product inhibition k3 such that conversion goes on at a rate of about
		// k1 k1 k2/k3² (0.01 k1 with Robertson's numbers)
		k3[j] = math.Sqrt(k1[j] * k2[j] / logUniform(r, 0.003, 3))
		scale[j] = math.Sqrt(k1[j] / k2[j])
		if chance(r, 0.3) {
			x0[2*j+2] = uniform(r, 0, 0.5)
		}
	}
	names := make([]string, 0, n)
	for j := 0; j < rungs; j++ {
		s := channelNames("", j+1)[j]
		names = append(names, "A"+s, "B"+s)
	}
	names = append(names, "C")
	return System{
		Family: "robertson-ladder", Names: names, Dim: n, X0: x0, Stiff: true,
		Span: logUniform(r, 2, 2000),
		RHS: func(t float64, x, dx []float64) {
			dx[0] = 0
			for j := 0; j < rungs; j++ {
				a, c := x[2*j], x[2*j+2]
				b := x[2*j+1] * scale[j]
				u1, u2, u3 := k1[j]*a, k2[j]*b*b, k3[j]*b*c
				dx[2*j] += u3 - u1
				dx[2*j+1] = (u1 - u2 - u3) / scale[j]
				dx[2*j+2] = u2
			}
		},
	}
}

// sampleCSTR: exothermic first-order reaction in a cooled stirred tank, in the
// form of Uppal, Ray and Poore: conversion c and temperature h,
// c' = -c + D(1-c) e, h' = -h + B D (1-c) e - b (h - hc(t)), e = exp(h/(1+h/g)).
func sampleCSTR(r *rand.Rand) System {
	da, b, beta := uniform(r, 0.04, 0.2), uniform(r, 5, 13), uniform(r, 0.4, 3)
	ig := 1 / uniform(r, 15, 40)
	span := logUniform(r, 1.5, 30)
	cool := constantInput(0)
	if chance(r, 0.6) {
		cool = anyInput(r, span, 1.5, uniform(r, -0.4, 0.3), uniform(r, 0.2, 1))
	}
	return System{
		Family: "exothermic-cstr", Names: []string{"conversion", "temperature"}, Dim: 2,
		X0: []float64{uniform(r, 0, 0.9), uniform(r, 0, 4)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			h := x[1]
			rate := da * (1 - x[0]) * expFast(h/(1+math.Abs(h)*ig))
			dx[0] = rate - x[0]
			dx[1] = b*rate - h - beta*(h-cool.value(t))
		},
	}
}

// sampleAutocatalator: A -> B -> C in a stirred tank, both steps with a plain
// and a cubic autocatalytic path (A + 2B -> 3B, B + 2C -> 3C), all three fed:
// a' = f(a0-a) - (k0 + k1 b²)a, b' = f(b0-b) + (k0 + k1 b²)a - (k2 + k3 c²)b,
// c' = f(c0-c) + (k2 + k3 c²)b. All rates are positive: with only the first
// step autocatalytic the equations become the forbidden Gray-Scott, Selkov or
// Schnakenberg forms.
func sampleAutocatalator(r *rand.Rand) System {
	k0, k1 := logUniform(r, 0.003, 0.05), logUniform(r, 2, 30)
	k2, k3 := logUniform(r, 0.02, 0.3), logUniform(r, 1, 30)
	f := logUniform(r, 0.04, 0.6)
	a0, b0, c0 := uniform(r, 0.7, 1.5), uniform(r, 0.02, 0.3), uniform(r, 0.01, 0.15)
	span := 1 / f * logUniform(r, 0.5, 15)
	flow := constantInput(f)
	if chance(r, 0.5) {
		flow = anyInput(r, span, f*3, f, f*uniform(r, 0.2, 0.7))
	}
	return System{
		Family: "series-autocatalator", Names: []string{"A", "B", "C"}, Dim: 3,
		X0: []float64{uniform(r, 0, a0), uniform(r, 0, 0.8), uniform(r, 0, 0.8)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			q := flow.value(t)
			u := (k0 + k1*x[1]*x[1]) * x[0]
			v := (k2 + k3*x[2]*x[2]) * x[1]
			dx[0] = q*(a0-x[0]) - u
			dx[1] = q*(b0-x[1]) + u - v
			dx[2] = q*(c0-x[2]) + v
		},
	}
}

// sampleSIRS: SIRS with waning immunity and seasonal transmission (Keeling
// and Rohani), shares of the population in per cent, days:
// s' = m(1-s) - B(t) s i + x r, i' = B(t) s i - (g+m) i, r' = g i - (x+m) r.
// Waning and season are always present: plain SIR is not part of the zoo.
func sampleSIRS(r *rand.Rand) System {
	g := 1 / logUniform(r, 4, 25)
	wane := 1 / logUniform(r, 20, 400)
	m := 1 / uniform(r, 15000, 30000)
	beta := g * uniform(r, 1.4, 6)
	season := uniform(r, 0.05, 0.45)
	year := 365.0
	if chance(r, 0.3) {
		year = uniform(r, 40, 250) // other rhythms: school terms, weather
	}
	w, ph := 2*math.Pi/year, uniform(r, 0, 2*math.Pi)
	i0 := logUniform(r, 0.01, 5)
	r0 := uniform(r, 0, 70)
	inflow := 1e-3 * g // infections from outside, per cent per day
	return System{
		Family: "sirs-seasonal", Names: []string{"susceptible", "infected", "recovered"}, Dim: 3,
		X0: []float64{100 - i0 - r0, i0, r0}, Span: logUniform(r, 40, 1500),
		RHS: func(t float64, x, dx []float64) {
			inf := beta*(1+season*sinFast(w*t+ph))*0.01*x[0]*x[1] + inflow
			dx[0] = m*(100-x[0]) - inf + wane*x[2]
			dx[1] = inf - (g+m)*x[1]
			dx[2] = g*x[1] - (wane+m)*x[2]
		},
	}
}

// sampleTwoGroupSIR: two mixing groups with vaccination and seasonal
// transmission (Anderson and May), per cent of each group, days:
// s_i' = m(100-s_i) - B(t) s_i sum_j C_ij i_j - v_i(t) s_i, and so on.
func sampleTwoGroupSIR(r *rand.Rand) System {
	g := 1 / logUniform(r, 4, 20)
	m := 1 / logUniform(r, 300, 20000) // turnover of the groups
	r0 := uniform(r, 1.5, 8)
	mix := uniform(r, 0.05, 0.5)
	act := uniform(r, 0.3, 1)
	c11, c22 := g*r0*0.01, g*r0*0.01*act
	c12, c21 := mix*math.Sqrt(c11*c22), mix*math.Sqrt(c11*c22)*spread(r, 1.5)
	season := uniform(r, 0.05, 0.4)
	w, ph := 2*math.Pi/365, uniform(r, 0, 2*math.Pi)
	span := logUniform(r, 30, 900)
	v1 := pulsesInput(r, span*uniform(r, 0.5, 3.5), uniform(r, 0.1, 0.6), span*uniform(r, 0, 0.5), logUniform(r, 1e-4, 2e-3), logUniform(r, 1e-3, 2e-2))
	v2 := pulsesInput(r, span*uniform(r, 0.5, 3.5), uniform(r, 0.1, 0.6), span*uniform(r, 0, 0.5), logUniform(r, 1e-4, 2e-3), logUniform(r, 1e-3, 2e-2))
	group := func() (s, i, rec float64) {
		i = logUniform(r, 0.01, 4)
		rec = uniform(r, 0, 60)
		return 100 - i - rec, i, rec
	}
	s1, i1, q1 := group()
	s2, i2, q2 := group()
	return System{
		Family: "two-group-sir", Names: []string{"susceptible 1", "infected 1", "immune 1", "susceptible 2", "infected 2", "immune 2"}, Dim: 6,
		X0: []float64{s1, i1, q1, s2, i2, q2}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			b := 1 + season*sinFast(w*t+ph)
			f1 := b * x[0] * (c11*x[1] + c12*x[4])
			f2 := b * x[3] * (c21*x[1] + c22*x[4])
			u1, u2 := v1.value(t)*x[0], v2.value(t)*x[3]
			dx[0] = m*(100-x[0]) - f1 - u1
			dx[1] = f1 - (g+m)*x[1]
			dx[2] = g*x[1] + u1 - m*x[2]
			dx[3] = m*(100-x[3]) - f2 - u2
			dx[4] = f2 - (g+m)*x[4]
			dx[5] = g*x[4] + u2 - m*x[5]
		},
	}
}

// sampleMalaria: Ross-Macdonald: infected people h and mosquitoes v, per cent,
// h' = m a b v (1-h) - r h, v' = a c h (1-v) - u v; mosquitoes per person may
// vary with the season or be cut by a campaign. Days.
func sampleMalaria(r *rand.Rand) System {
	bite := uniform(r, 0.1, 0.5)
	b, c := uniform(r, 0.2, 0.6), uniform(r, 0.2, 0.7)
	rec, die := 1/logUniform(r, 20, 150), 1/logUniform(r, 7, 25)
	r0 := uniform(r, 1.5, 10)
	m := r0 * rec * die / (bite * bite * b * c)
	span := logUniform(r, 40, 1200)
	density := constantInput(1)
	switch r.IntN(3) {
	case 0:
		density = sineInput(r, 2*math.Pi/365, 1, uniform(r, 0.3, 0.95))
	case 1:
		density = pulsesInput(r, span*uniform(r, 0.4, 3.3), uniform(r, 0.2, 0.6), span*uniform(r, 0, 0.5), 1, -uniform(r, 0.4, 0.95))
	}
	return System{
		Family: "ross-macdonald", Names: []string{"infected people", "infected mosquitoes"}, Dim: 2,
		X0: []float64{logUniform(r, 0.5, 80), logUniform(r, 0.1, 30)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			dx[0] = m*density.value(t)*bite*b*x[1]*0.01*(100-x[0]) - rec*x[0]
			dx[1] = bite*c*0.01*x[0]*(100-x[1]) - die*x[1]
		},
	}
}

// sampleViral: target-cell model of infection (Perelson; Nowak and May):
// T' = l - d T - b T V, I' = b T V - e I, V' = p I - c V, with a treatment
// that blocks part of production from some day on. Cells scaled to the
// uninfected level, virus to its set point.
func sampleViral(r *rand.Rand) System {
	d := logUniform(r, 0.01, 0.3)
	e := uniform(r, 0.3, 1.2)
	c := logUniform(r, 2, 20)
	r0 := uniform(r, 1.8, 15)
	// V scaled so that V = I in balance: V' = c (I - V), b = r0 e
	b := r0 * e
	span := logUniform(r, 4, 160)
	drug := pulsesInput(r, span*uniform(r, 0.8, 3.5), uniform(r, 0.2, 0.6), span*uniform(r, 0.1, 0.7), 0, uniform(r, 0.5, 0.99))
	if chance(r, 0.35) {
		drug = constantInput(0)
	}
	v0 := logUniform(r, 1e-3, 0.3)
	return System{
		Family: "viral-dynamics", Names: []string{"target cells", "infected cells", "virus"}, Dim: 3,
		X0: []float64{uniform(r, 0.3, 1.1), v0 * uniform(r, 0.2, 1.5), v0}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			inf := b * x[0] * x[2]
			dx[0] = d*(1-x[0]) - inf
			dx[1] = inf - e*x[1]
			dx[2] = c * ((1-drug.value(t))*x[1] - x[2])
		},
	}
}

// sampleOralDose: two-compartment pharmacokinetics with first-order
// absorption from the gut, repeated oral doses; hours. g' = dose(t) - ka g,
// c' = ka g - (k10+k12) c + k21 p, p' = k12 c - k21 p.
func sampleOralDose(r *rand.Rand) System {
	ka, k10 := logUniform(r, 0.3, 3), logUniform(r, 0.05, 0.6)
	k12, k21 := logUniform(r, 0.05, 1), logUniform(r, 0.03, 0.6)
	every := []float64{6, 8, 12, 24}[r.IntN(4)]
	take := uniform(r, 0.2, 0.8) // hours over which a dose dissolves
	dose := pulsesInput(r, every, take/every, every*uniform(r, 0.1, 1), 0, 1)
	total := dose.on // area of one pulse with equal edges
	dose.amp = logUniform(r, 0.5, 5) / total
	x0 := []float64{dose.amp * total * uniform(r, 0.3, 1), 0, 0}
	if chance(r, 0.4) {
		x0[1], x0[2] = uniform(r, 0, 2), uniform(r, 0, 2)
	}
	return System{
		Family: "oral-dose", Names: []string{"gut", "central", "peripheral"}, Dim: 3,
		X0: x0, Span: logUniform(r, 4, 72),
		RHS: func(t float64, x, dx []float64) {
			abs := ka * x[0]
			dx[0] = dose.value(t) - abs
			dx[1] = abs - (k10+k12)*x[1] + k21*x[2]
			dx[2] = k12*x[1] - k21*x[2]
		},
	}
}

// sampleBergman: Bergman minimal model with meals: glucose G (mmol/l), remote
// insulin action X (1/h) and plasma insulin I (10 mU/l); hours.
// G' = -p1 (G-Gb) - X G + meal(t), X' = -p2 X + p3 (I-Ib),
// I' = -n (I-Ib) + s max(G-h,0), the maximum rounded.
func sampleBergman(r *rand.Rand) System {
	p1, p2 := uniform(r, 0.3, 1.8), uniform(r, 0.8, 3)
	p3 := logUniform(r, 0.15, 1.5)
	n, s := uniform(r, 4, 16), logUniform(r, 0.5, 6)
	gb, ib := uniform(r, 4.2, 6.5), uniform(r, 0.4, 1.5)
	h := gb + uniform(r, 0, 1)
	every := uniform(r, 2.5, 7)
	meal := pulsesInput(r, every, uniform(r, 0.5, 1.5)/every, every*uniform(r, 0.05, 0.8), 0, logUniform(r, 2, 14))
	return System{
		Family: "glucose-insulin", Names: []string{"glucose", "insulin action", "insulin"}, Dim: 3,
		X0:   []float64{gb + uniform(r, -0.5, 9), uniform(r, 0, 0.4), ib * uniform(r, 0.8, 6)},
		Span: logUniform(r, 1, 20),
		RHS: func(t float64, x, dx []float64) {
			dx[0] = -p1*(x[0]-gb) - x[1]*x[0] + meal.value(t)
			dx[1] = -p2*x[1] + p3*(x[2]-ib)
			dx[2] = -n*(x[2]-ib) + s*softplus(x[0]-h, 0.1)
		},
	}
}

// sampleRepressilator: Elowitz and Leibler, three genes, mRNA and protein of
// each: m_i' = -m_i + a/(1+p_{i-1}^n) + a0, p_i' = -b (p_i - m_i).
func sampleRepressilator(r *rand.Rand) System {
	n := uniform(r, 1.8, 3.2)
	a := logUniform(r, 10, 300)
	leak := a * logUniform(r, 1e-4, 5e-3)
	var gain, b [3]float64
	speed := logUniform(r, 0.2, 3)
	for i := range gain {
		gain[i] = a * spread(r, 1.3)
		b[i] = speed * spread(r, 1.3)
	}
	x0 := make([]float64, 6)
	top := math.Pow(a, 1/(1+n)) * 2
	for i := range x0 {
		x0[i] = top * logUniform(r, 0.05, 3)
	}
	return System{
		Family: "repressilator", Names: []string{"mRNA 1", "mRNA 2", "mRNA 3", "protein 1", "protein 2", "protein 3"}, Dim: 6,
		X0: x0, Span: (1 + 1/speed) * logUniform(r, 3, 40),
		RHS: func(t float64, x, dx []float64) {
			prev := x[5]
			for i := 0; i < 3; i++ {
				dx[i] = gain[i]/(1+hillPow(prev, n)) + leak - x[i]
				dx[3+i] = b[i] * (x[i] - x[3+i])
				prev = x[3+i]
			}
		},
	}
}

// sampleGoodwin: Goodwin's negative feedback loop of three, end product
// repressing the first step: x' = k/(1+z^p) - d1 x, y' = x - d2 y,
// z' = y - d3 z; Hill exponent on both sides of the oscillation threshold 8.
func sampleGoodwin(r *rand.Rand) System {
	p := uniform(r, 5, 14)
	speed := logUniform(r, 0.2, 2)
	var d [3]float64
	for i := range d {
		d[i] = speed * spread(r, 1.25)
	}
	// with z of order one at balance: k/2 = d1 d2 d3
	k := 2 * d[0] * d[1] * d[2] * spread(r, 2)
	return System{
		Family: "goodwin", Names: []string{"mRNA", "enzyme", "product"}, Dim: 3,
		X0: []float64{d[1] * d[2] * logUniform(r, 0.2, 3), d[2] * logUniform(r, 0.2, 3), logUniform(r, 0.3, 2.5)},
		// period near 2 pi/(sqrt 3 d) at onset
		Span: 3.6 / speed * logUniform(r, 0.4, 8),
		RHS: func(t float64, x, dx []float64) {
			dx[0] = k/(1+hillPow(x[2], p)) - d[0]*x[0]
			dx[1] = x[0] - d[1]*x[1]
			dx[2] = x[1] - d[2]*x[2]
		},
	}
}

// sampleChemostat: Monod growth in a continuous culture, one or two species on
// one substrate, dilution varying in time (operator's program):
// S' = D(t)(S0-S) - sum mu_i(S) X_i/Y_i, X_i' = (mu_i(S) - D(t)) X_i.
func sampleChemostat(r *rand.Rand) System {
	two := chance(r, 0.4)
	s0 := uniform(r, 2, 15)
	var mu, ks, iy [2]float64
	for i := range mu {
		mu[i], ks[i] = uniform(r, 0.3, 1.2), logUniform(r, 0.05, 3)
		iy[i] = 1 / uniform(r, 0.3, 0.7)
	}
	d := mu[0] * s0 / (ks[0] + s0) * uniform(r, 0.2, 0.8)
	span := 1 / d * logUniform(r, 0.4, 10)
	flow := anyInput(r, span, d*2, d, d*uniform(r, 0.2, 0.8))
	n := 2
	names := []string{"substrate", "biomass 1"}
	x0 := []float64{s0 * uniform(r, 0, 1), logUniform(r, 0.05, 5)}
	if two {
		n = 3
		names = append(names, "biomass 2")
		x0 = append(x0, logUniform(r, 0.05, 5))
	}
	return System{
		Family: "chemostat", Names: names, Dim: n, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			q := flow.value(t)
			s := softplus(x[0], 1e-3)
			ds := q * (s0 - x[0])
			for i := 0; i+1 < n; i++ {
				m := mu[i] * s / (ks[i] + s)
				ds -= m * x[1+i] * iy[i]
				dx[1+i] = (m - q) * x[1+i]
			}
			dx[0] = ds
		},
	}
}

// sampleFitzHughNagumo: v' = v - v³/3 - w + I(t), w' = e (v + a - b w), with
// pulsed or noisy current. Never a constant or a sinusoidal current: those are
// forbidden forms.
func sampleFitzHughNagumo(r *rand.Rand) System {
	e := logUniform(r, 0.03, 0.3)
	a, b := uniform(r, 0.5, 0.9), uniform(r, 0.3, 0.9)
	slow := 1 / e
	span := (slow*1.5 + 8) * logUniform(r, 0.4, 8)
	var u *input
	switch r.IntN(3) {
	case 0:
		p := (slow + 8) * uniform(r, 0.5, 3)
		u = pulsesInput(r, p, uniform(r, 0.05, 0.6), math.Min(p, span)*uniform(r, 0, 0.6), uniform(r, -0.1, 0.4), uniform(r, 0.3, 1))
	case 1:
		u = telegraphInput(r, span, uniform(r, 2, 9), uniform(r, 0, 0.5), uniform(r, 0.2, 0.6))
	default:
		u = noiseInput(r, logUniform(r, 0.5, 8), uniform(r, 0, 0.6), uniform(r, 0.1, 0.4))
	}
	return System{
		Family: "fitzhugh-nagumo", Names: []string{"voltage", "recovery"}, Dim: 2,
		X0: []float64{uniform(r, -2, 2), uniform(r, -0.8, 1.3)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			v := x[0]
			dx[0] = v - v*v*v/3 - x[1] + u.value(t)
			dx[1] = e * (v + a - b*x[1])
		},
	}
}

// linoid is x/(1-exp(-x)) with its removable singularity at zero filled in.
func linoid(x float64) float64 {
	if math.Abs(x) < 1e-5 {
		return 1 + x/2
	}
	return -x / math.Expm1(-x)
}

// sampleHodgkinHuxley: Hodgkin and Huxley 1952, squid axon in the modern sign
// convention (rest near -65 mV): C v' = I(t) - gNa m³h (v-ENa) - gK n⁴ (v-EK)
// - gL (v-EL) and the gates m, h, n; milliseconds. Conductances and
// temperature vary moderately; current pulses, steps or noise.
func sampleHodgkinHuxley(r *rand.Rand) System {
	gna, gk, gl := 120*spread(r, 1.15), 36*spread(r, 1.15), 0.3*spread(r, 1.3)
	phi := spread(r, 1.6) // temperature factor of the rates
	span := logUniform(r, 8, 90)
	var u *input
	switch r.IntN(4) {
	case 0:
		p := uniform(r, 8, 30)
		u = pulsesInput(r, p, uniform(r, 0.5, 4)/p, uniform(r, 1, 6), uniform(r, 0, 3), uniform(r, 6, 30))
	case 1:
		u = stepsInput(r, span, uniform(r, 1, 4), uniform(r, 4, 10), uniform(r, 3, 10))
	case 2:
		u = noiseInput(r, logUniform(r, 0.5, 4), uniform(r, 3, 9), uniform(r, 2, 8))
	default:
		u = constantInput(uniform(r, 7, 25))
	}
	v0 := uniform(r, -75, -50)
	return System{
		Family: "hodgkin-huxley", Names: []string{"voltage", "m", "h", "n"}, Dim: 4,
		X0:   []float64{v0, uniform(r, 0.02, 0.15), uniform(r, 0.3, 0.7), uniform(r, 0.25, 0.5)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			v, m, h, n := x[0], x[1], x[2], x[3]
			n2 := n * n
			dx[0] = u.value(t) - gna*m*m*m*h*(v-50) - gk*n2*n2*(v+77) - gl*(v+54.4)
			am := linoid((v + 40) / 10)
			bm := 4 * expFast(-(v+65)/18)
			ah := 0.07 * expFast(-(v+65)/20)
			bh := 1 / (1 + expFast(-(v+35)/10))
			an := 0.1 * linoid((v+55)/10)
			bn := 0.125 * expFast(-(v+65)/80)
			dx[1] = phi * (am*(1-m) - bm*m)
			dx[2] = phi * (ah*(1-h) - bh*h)
			dx[3] = phi * (an*(1-n) - bn*n)
		},
	}
}

// sampleWilsonCowan: excitatory and inhibitory populations (Wilson and Cowan
// 1972): te E' = -E + (1-E) Se(c1 E - c2 I + P(t)), ti I' = -I +
// (1-I) Si(c3 E - c4 I + Q), S logistic and zero at rest.
func sampleWilsonCowan(r *rand.Rand) System {
	c1, c2, c3, c4 := 16*spread(r, 1.25), 12*spread(r, 1.25), 15*spread(r, 1.25), 3*spread(r, 1.6)
	ae, te := 1.3*spread(r, 1.15), 4*spread(r, 1.1)
	ai, ti := 2*spread(r, 1.15), 3.7*spread(r, 1.1)
	ie, ii := 1/logUniform(r, 4, 12), 1/logUniform(r, 4, 15)
	se0, si0 := logistic(-ae*te), logistic(-ai*ti)
	span := logUniform(r, 12, 250)
	p := anyInput(r, span, 0.15, uniform(r, 0.5, 1.8), uniform(r, 0.2, 1.2))
	return System{
		Family: "wilson-cowan", Names: []string{"excitatory", "inhibitory"}, Dim: 2,
		X0: []float64{uniform(r, 0, 0.5), uniform(r, 0, 0.5)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			e, i := x[0], x[1]
			s1 := logistic(ae*(c1*e-c2*i+p.value(t)-te)) - se0
			s2 := logistic(ai*(c3*e-c4*i-ti)) - si0
			dx[0] = ie * (-e + (1-e)*s1)
			dx[1] = ii * (-i + (1-i)*s2)
		},
	}
}

// sampleJansenRit: cortical column of Jansen and Rit 1995: three second-order
// synaptic filters, sigmoid firing rate, input p(t) pulses per second; the
// derivatives are in units of 100 mV/s.
func sampleJansenRit(r *rand.Rand) System {
	ga, gb := 3.25*spread(r, 1.2), 22*spread(r, 1.2)
	a, b := 100*spread(r, 1.15), 50*spread(r, 1.15)
	c := 135 * spread(r, 1.15)
	c1, c2, c3, c4 := c, 0.8*c, 0.25*c, 0.25*c
	const e0, v0, rr = 2.5, 6.0, 0.56
	span := logUniform(r, 0.15, 2)
	var p *input
	if chance(r, 0.6) {
		p = noiseInput(r, logUniform(r, 0.005, 0.05), uniform(r, 100, 240), uniform(r, 20, 70))
	} else {
		p = anyInput(r, span, 40, uniform(r, 110, 240), uniform(r, 20, 110))
	}
	x0 := []float64{uniform(r, 0, 0.15), uniform(r, 4, 25), uniform(r, 2, 18), 0, r.NormFloat64(), r.NormFloat64()}
	return System{
		Family: "jansen-rit", Names: []string{"pyramidal", "excitatory", "inhibitory",
			"pyramidal rate", "excitatory rate", "inhibitory rate"}, Dim: 6,
		X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			fire := func(v float64) float64 { return 2 * e0 * logistic(rr*(v-v0)) }
			const k = 0.01
			dx[0], dx[1], dx[2] = x[3]/k, x[4]/k, x[5]/k
			dx[3] = k*(ga*a*fire(x[1]-x[2])-a*a*x[0]) - 2*a*x[3]
			dx[4] = k*(ga*a*(p.value(t)+c2*fire(c1*x[0]))-a*a*x[1]) - 2*a*x[4]
			dx[5] = k*(gb*b*c4*fire(c3*x[0])-b*b*x[2]) - 2*b*x[5]
		},
	}
}

// sampleCTRNN: continuous-time recurrent network tau_i x_i' = -x_i +
// sum_j W_ij tanh x_j + b_i, n = 2..8, W normal with spectral radius U[.8,2].
func sampleCTRNN(r *rand.Rand) System {
	n := intBetween(r, 2, 8)
	flat := make([]float64, n*n)
	for i := range flat {
		flat[i] = r.NormFloat64()
	}
	rho := uniform(r, 0.8, 2) / math.Max(spectralRadius(flat, n), 1e-3)
	for i := range flat {
		flat[i] *= rho
	}
	var it, b [8]float64
	x0 := make([]float64, n)
	for i := 0; i < n; i++ {
		it[i] = 1 / logUniform(r, 0.5, 2)
		b[i] = 0.3 * r.NormFloat64()
		x0[i] = 1.2 * r.NormFloat64()
	}
	return System{
		Family: "recurrent-network", Names: channelNames("unit ", n), Dim: n, X0: x0,
		Span: logUniform(r, 3, 60),
		RHS: func(t float64, x, dx []float64) {
			var y [8]float64
			for i := 0; i < n; i++ {
				y[i] = tanhFast(x[i])
			}
			for i := 0; i < n; i++ {
				s := b[i] - x[i]
				for j, w := range flat[i*n : i*n+n] {
					s += w * y[j]
				}
				dx[i] = it[i] * s
			}
		},
	}
}
