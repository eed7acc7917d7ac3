package ode

import (
	"math"
	"math/rand/v2"
)

// powerFamilies are entries 10 to 15 of the zoo.
func powerFamilies() []Family {
	return []Family{
		{Name: "rlc-series", Zoo: 10, Sample: sampleRLCSeries},
		{Name: "rlc-parallel", Zoo: 10, Sample: sampleRLCParallel},
		{Name: "rlc-ladder", Zoo: 10, Sample: sampleRLCLadder},
		{Name: "multimachine-fault", Zoo: 11, Sample: sampleMultimachine},
		{Name: "kuramoto-second-order", Zoo: 11, Sample: sampleKuramoto},
		{Name: "droop-inverters", Zoo: 11, Sample: sampleDroop},
		{Name: "flux-decay-avr", Zoo: 12, Sample: sampleFluxDecay},
		{Name: "load-frequency", Zoo: 12, Sample: sampleLoadFrequency},
		{Name: "buck-pi", Zoo: 13, Sample: sampleBuck},
		{Name: "boost-pi", Zoo: 13, Sample: sampleBoost},
		{Name: "buck-boost-pi", Zoo: 13, Sample: sampleBuckBoost},
		{Name: "dc-motor-pi", Zoo: 14, Sample: sampleDCMotor},
		{Name: "induction-motor", Zoo: 14, Sample: sampleInductionMotor},
		{Name: "phase-locked-loop", Zoo: 15, Sample: samplePLL},
		{Name: "battery-two-rc", Zoo: 15, Sample: sampleBattery},
	}
}

// sampleRLCSeries: L i' = u - R i - v, C v' = i, time in 1/sqrt(LC) units
// times a random factor. The source u always varies within the span (steps,
// sine, chirp): without it the circuit would be the forbidden oscillator.
func sampleRLCSeries(r *rand.Rand) System {
	w, z := logUniform(r, 0.3, 6), logUniform(r, 0.02, 1.5)
	span := 2 * math.Pi / w * logUniform(r, 0.6, 10)
	amp := uniform(r, 0.5, 5)
	u := anyInput(r, span, w, amp*uniform(r, -0.5, 0.5), amp)
	imp := spread(r, 4) // characteristic impedance sqrt(L/C)
	x0 := []float64{0, 0}
	if chance(r, 0.5) {
		x0[0], x0[1] = amp/imp*uniform(r, -1, 1), amp*uniform(r, -1, 1)
	}
	return System{
		Family: "rlc-series", Names: []string{"current", "capacitor voltage"}, Dim: 2, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			dx[0] = w/imp*(u.value(t)-x[1]) - 2*z*w*x[0]
			dx[1] = w * imp * x[0]
		},
	}
}

// sampleRLCParallel: C v' = i - v/R - j, L j' = v, driven by a varying current
// source i.
func sampleRLCParallel(r *rand.Rand) System {
	w, z := logUniform(r, 0.3, 6), logUniform(r, 0.02, 1.5)
	span := 2 * math.Pi / w * logUniform(r, 0.6, 10)
	amp := uniform(r, 0.3, 3)
	i := anyInput(r, span, w, amp*uniform(r, -0.5, 0.5), amp)
	imp := spread(r, 4)
	x0 := []float64{0, 0}
	if chance(r, 0.5) {
		x0[0], x0[1] = amp*imp*uniform(r, -1, 1), amp*uniform(r, -1, 1)
	}
	return System{
		Family: "rlc-parallel", Names: []string{"voltage", "inductor current"}, Dim: 2, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			dx[0] = w*imp*(i.value(t)-x[1]) - 2*z*w*x[0]
			dx[1] = w / imp * x[0]
		},
	}
}

// sampleRLCLadder: ladder of series inductors and shunt capacitors, 3 to 8
// states, source and load resistors; Kirchhoff's laws.
func sampleRLCLadder(r *rand.Rand) System {
	n := intBetween(r, 3, 8)
	var inv, loss [8]float64 // 1/L or 1/C, and series R or shunt G
	w := logUniform(r, 0.5, 4)
	for i := 0; i < n; i++ {
		inv[i] = w * spread(r, 1.8)
		loss[i] = logUniform(r, 0.002, 0.1)
	}
	loss[0] += logUniform(r, 0.1, 1.5)   // source resistance
	loss[n-1] += logUniform(r, 0.05, 1.) // load
	slow := 2 * w * math.Sin(math.Pi/2/float64(n+1))
	span := 2 * math.Pi / slow * logUniform(r, 0.5, 6)
	amp := uniform(r, 0.5, 4)
	u := anyInput(r, span, slow*1.5, amp*uniform(r, -0.5, 0.5), amp)
	names := make([]string, n)
	for i := range names {
		if i%2 == 0 {
			names[i] = channelNames("current ", i/2+1)[i/2]
		} else {
			names[i] = channelNames("voltage ", i/2+1)[i/2]
		}
	}
	x0 := make([]float64, n)
	if chance(r, 0.4) {
		for i := range x0 {
			x0[i] = amp * 0.5 * r.NormFloat64()
		}
	}
	return System{
		Family: "rlc-ladder", Names: names, Dim: n, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			left := u.value(t)
			for i := 0; i < n; i++ {
				var right float64
				if i+1 < n {
					right = x[i+1]
				}
				dx[i] = inv[i] * (left - right - loss[i]*x[i])
				left = x[i]
			}
		},
	}
}

// sampleMultimachine: classical machine model of a power system after Kron
// reduction (Anderson and Fouad; Sauer and Pai), 3 to 12 machines:
// M_i w_i' = P_i - D_i w_i - sum_j E_iE_j (B_ij sin d_ij + G_ij cos d_ij).
// A fault lowers all admittances of one machine; clearing it also takes out
// one line. Angles and speeds are relative to the center of inertia (Pai), so
// that a common drift of frequency does not hide the swings. Never a single
// machine on an infinite bus.
func sampleMultimachine(r *rand.Rand) System {
	n := intBetween(r, 3, 12)
	type grid struct{ b, g [12 * 12]float64 }
	pre, fault, post := new(grid), new(grid), new(grid)
	var im, d, p, delta [12]float64
	var inertia float64
	const ws = 2 * math.Pi * 50
	coupling := 6.0 / float64(n) * spread(r, 1.6)
	for i := 0; i < n; i++ {
		im[i] = ws / (2 * uniform(r, 2, 8))
		d[i] = uniform(r, 0.3, 2.5) / im[i] // damping rate per second
		delta[i] = uniform(r, -0.45, 0.45)
		for j := 0; j < i; j++ {
			b := coupling * spread(r, 3)
			g := b * uniform(r, 0.02, 0.2)
			pre.b[i*12+j], pre.b[j*12+i] = b, b
			pre.g[i*12+j], pre.g[j*12+i] = g, g
		}
		pre.g[i*12+i] = uniform(r, 0.1, 0.8)
		inertia += 1 / im[i]
	}
	for i := 0; i < n; i++ { // balance at delta
		for j := 0; j < n; j++ {
			s, c := sincosFast(delta[i] - delta[j])
			p[i] += pre.b[i*12+j]*s + pre.g[i*12+j]*c
		}
	}
	*fault, *post = *pre, *pre
	at := r.IntN(n)
	depth := uniform(r, 0.02, 0.4)
	for j := 0; j < n; j++ {
		for _, k := range [2]int{at*12 + j, j*12 + at} {
			fault.b[k] *= depth
			fault.g[k] *= depth
		}
	}
	other := (at + 1 + r.IntN(n-1)) % n
	left := uniform(r, 0, 0.7)
	for _, k := range [2]int{at*12 + other, other*12 + at} {
		post.b[k] *= left
		post.g[k] *= left
	}
	span := logUniform(r, 0.8, 8)
	t1 := span * uniform(r, 0, 0.35)
	t2 := t1 + uniform(r, 0.05, 0.18)
	const edge = 0.01
	x0 := make([]float64, 2*n)
	copy(x0, delta[:n])
	for i := 0; i < n; i++ {
		x0[n+i] = uniform(r, -0.3, 0.3)
	}
	for b := 0; b < 2; b++ { // to the center of inertia
		var mean float64
		for i := 0; i < n; i++ {
			mean += x0[b*n+i] / im[i] / inertia
		}
		for i := 0; i < n; i++ {
			x0[b*n+i] -= mean
		}
	}
	return System{
		Family: "multimachine-fault", Names: append(channelNames("angle ", n), channelNames("speed ", n)...), Dim: 2 * n,
		X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			a, b, mix := pre, pre, 0.0
			switch {
			case t <= t1:
			case t < t2:
				b, mix = fault, smoothstep((t-t1)/edge)
			default:
				a, b, mix = fault, post, smoothstep((t-t2)/edge)
			}
			if mix == 1 {
				a, mix = b, 0
			}
			var s, c [12]float64
			var total float64
			for i := 0; i < n; i++ {
				s[i], c[i] = sincosFast(x[i])
			}
			for i := 0; i < n; i++ {
				var pe float64
				row := i * 12
				si, ci := s[i], c[i]
				if mix == 0 {
					for j := 0; j < n; j++ {
						pe += a.b[row+j]*(si*c[j]-ci*s[j]) + a.g[row+j]*(ci*c[j]+si*s[j])
					}
				} else {
					for j := 0; j < n; j++ {
						bb := a.b[row+j] + mix*(b.b[row+j]-a.b[row+j])
						gg := a.g[row+j] + mix*(b.g[row+j]-a.g[row+j])
						pe += bb*(si*c[j]-ci*s[j]) + gg*(ci*c[j]+si*s[j])
					}
				}
				f := p[i] - pe - d[i]*x[n+i]
				dx[i] = x[n+i]
				dx[n+i] = im[i] * f
				total += f
			}
			total /= inertia // acceleration of the center
			for i := n; i < 2*n; i++ {
				dx[i] -= total
			}
		},
	}
}

// randomGraph fills the symmetric row-major n x n matrix a with the weights of
// a connected random graph: a random tree plus extra edges.
func randomGraph(r *rand.Rand, a []float64, n int, extra, lo, hi float64) {
	put := func(i, j int) {
		w := logUniform(r, lo, hi)
		a[i*n+j], a[j*n+i] = w, w
	}
	for i := 1; i < n; i++ {
		put(i, r.IntN(i))
	}
	for i := 0; i < n; i++ {
		for j := 0; j < i; j++ {
			if a[i*n+j] == 0 && r.Float64() < extra {
				put(i, j)
			}
		}
	}
}

// edgeList turns a weighted adjacency matrix into index pairs and weights, so
// that sparse networks cost what they have edges.
func edgeList(a []float64, n int) (pairs [][2]int32, weights []float64) {
	for i := 0; i < n; i++ {
		for j := 0; j < i; j++ {
			if a[i*n+j] != 0 {
				pairs = append(pairs, [2]int32{int32(i), int32(j)})
				weights = append(weights, a[i*n+j])
			}
		}
	}
	return pairs, weights
}

// sampleKuramoto: second-order Kuramoto model of a power grid (Filatrella,
// Nielsen, Pedersen): m q_i” = P_i - d q_i' + sum_j K_ij sin(q_j - q_i),
// n = 3..20 on a connected graph; part of the draws has power that varies at
// one node.
func sampleKuramoto(r *rand.Rand) System {
	n := intBetween(r, 3, 20)
	a := make([]float64, n*n)
	k := logUniform(r, 1, 8)
	randomGraph(r, a, n, math.Min(0.6, 2.5/float64(n)), k*0.6, k*1.6)
	pairs, weights := edgeList(a, n)
	p, im := make([]float64, n), make([]float64, n)
	var mean float64
	size := k * uniform(r, 0.05, 0.35)
	for i := range p {
		p[i] = size * sign(r) * uniform(r, 0.5, 1.5)
		mean += p[i] / float64(n)
		im[i] = 1 / logUniform(r, 0.6, 1.6)
	}
	for i := range p {
		p[i] -= mean
	}
	d := logUniform(r, 0.05, 1)
	span := 2 * math.Pi / math.Sqrt(k) * logUniform(r, 0.6, 10)
	u := constantInput(0)
	node := r.IntN(n)
	if chance(r, 0.5) {
		u = anyInput(r, span, math.Sqrt(k), 0, k*uniform(r, 0.1, 0.6))
	}
	x0 := make([]float64, 2*n)
	wide := uniform(r, 0.2, 1.2)
	for i := 0; i < n; i++ {
		x0[i] = wide * uniform(r, -1, 1)
		x0[n+i] = math.Sqrt(k) * 0.3 * r.NormFloat64()
	}
	return System{
		Family: "kuramoto-second-order", Names: append(channelNames("phase ", n), channelNames("speed ", n)...), Dim: 2 * n,
		X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			var s, c [20]float64
			f := dx[n : 2*n]
			for i := 0; i < n; i++ {
				s[i], c[i] = sincosFast(x[i])
				dx[i] = x[n+i]
				f[i] = p[i] - d*x[n+i]
			}
			f[node] += u.value(t)
			for e, pr := range pairs {
				i, j := pr[0], pr[1]
				q := weights[e] * (s[j]*c[i] - c[j]*s[i])
				f[i] += q
				f[j] -= q
			}
			for i := range f {
				f[i] *= im[i]
			}
		},
	}
}

// sampleDroop: droop-controlled inverters of a microgrid (Schiffer et al.),
// n = 3..20: q_i' = -kp (Pm_i - P*_i), Pm_i' = wc (P_i(q,V) - Pm_i), and for
// n <= 8 also the voltage loop V_i' = wc (V*_i - V_i - kq (Q_i - Q*_i)). Loads
// at the nodes vary in time at one of them.
func sampleDroop(r *rand.Rand) System {
	n := intBetween(r, 3, 20)
	volt := n <= 8
	a := make([]float64, n*n)
	b := logUniform(r, 1, 5)
	randomGraph(r, a, n, math.Min(0.5, 2/float64(n)), b*0.6, b*1.6)
	pairs, weights := edgeList(a, n)
	ratio := uniform(r, 0, 0.3) // conductance over susceptance
	load, kp, kq := make([]float64, n), make([]float64, n), make([]float64, n)
	wc := logUniform(r, 3, 40)
	gain := logUniform(r, 0.5, 8)
	for i := range load {
		load[i] = uniform(r, -0.8, 0.8) // load minus set point
		kp[i] = gain * spread(r, 1.5)
		kq[i] = uniform(r, 0.02, 0.1)
	}
	slow := math.Min(math.Sqrt(gain*b*wc), gain*b) * 0.6
	span := 2 * math.Pi / slow * logUniform(r, 0.3, 6)
	node := r.IntN(n)
	u := anyInput(r, span, slow, 0, uniform(r, 0.3, 1.5))
	names := append(channelNames("angle ", n), channelNames("power ", n)...)
	dim := 2 * n
	if volt {
		names = append(names, channelNames("voltage ", n)...)
		dim = 3 * n
	}
	x0 := make([]float64, dim)
	for i := 0; i < n; i++ {
		x0[i] = uniform(r, -0.5, 0.5)
		x0[n+i] = uniform(r, -0.6, 0.6)
		if volt {
			x0[2*n+i] = uniform(r, 0.92, 1.08)
		}
	}
	return System{
		Family: "droop-inverters", Names: names, Dim: dim, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			var s, c, p, q, v [20]float64
			for i := 0; i < n; i++ {
				s[i], c[i] = sincosFast(x[i])
				p[i] = load[i]
				v[i] = 1
				if volt {
					v[i] = x[2*n+i]
				}
			}
			p[node] += u.value(t)
			for e, pr := range pairs {
				i, j := pr[0], pr[1]
				w := weights[e]
				g := w * ratio
				vv := v[i] * v[j]
				sn, cs := s[i]*c[j]-c[i]*s[j], c[i]*c[j]+s[i]*s[j]
				p[i] += g*(v[i]*v[i]-vv*cs) + w*vv*sn
				p[j] += g*(v[j]*v[j]-vv*cs) - w*vv*sn
				q[i] += w*(v[i]*v[i]-vv*cs) - g*vv*sn
				q[j] += w*(v[j]*v[j]-vv*cs) + g*vv*sn
			}
			var mean float64 // angles relative to the mean frequency of the grid
			for i := 0; i < n; i++ {
				dx[i] = -kp[i] * x[n+i]
				mean += dx[i]
				dx[n+i] = wc * (p[i] - x[n+i])
				if volt {
					dx[2*n+i] = wc * (1 - v[i] - kq[i]*q[i])
				}
			}
			mean /= float64(n)
			for i := 0; i < n; i++ {
				dx[i] -= mean
			}
		},
	}
}

// sampleFluxDecay: one-axis (flux-decay) generator with a static exciter and
// AVR behind a line (Sauer and Pai; Heffron-Phillips before linearisation):
// angle, speed, E'q and field voltage. Disturbed by steps of torque, steps of
// the voltage reference, or a dip of the grid voltage.
func sampleFluxDecay(r *rand.Rand) System {
	const ws = 2 * math.Pi * 50
	xd, xq, xp := uniform(r, 1, 2.2), uniform(r, 0.6, 1.8), uniform(r, 0.15, 0.4)
	xe := uniform(r, 0.15, 0.7)
	h, d := uniform(r, 2, 7), uniform(r, 0.3, 2.5)
	td, ta, ka := uniform(r, 4, 9), uniform(r, 0.02, 0.2), logUniform(r, 5, 120)
	delta, eq := uniform(r, 0.4, 1.1), uniform(r, 0.9, 1.2)
	// electrical quantities at angle a, transient voltage e, grid voltage v
	circuit := func(a, e, v float64) (pe, id, vt float64) {
		s, c := sincosFast(a)
		id = (e - v*c) / (xp + xe)
		iq := v * s / (xq + xe)
		vd, vq := xq*iq, e-xp*id
		return e*iq + (xq-xp)*id*iq, id, math.Sqrt(vd*vd + vq*vq)
	}
	pm, id0, vt0 := circuit(delta, eq, 1)
	efd := eq + (xd-xp)*id0
	span := logUniform(r, 0.8, 12)
	torque, ref, grid := constantInput(0), constantInput(0), constantInput(1)
	kick := 0.0
	switch r.IntN(4) {
	case 0:
		torque = stepsInput(r, span, uniform(r, 1, 3), 0, uniform(r, 0.05, 0.25)*pm)
	case 1:
		ref = stepsInput(r, span, uniform(r, 1, 3), 0, uniform(r, 0.02, 0.1))
	case 2:
		grid = pulsesInput(r, 3.2*span, math.Min(0.4, uniform(r, 0.06, 0.25)/(3.2*span)), span*uniform(r, 0, 0.3), 1, -uniform(r, 0.3, 0.9))
	default:
		kick = 1
	}
	return System{
		Family: "flux-decay-avr", Names: []string{"angle", "speed deviation", "transient voltage", "field voltage"}, Dim: 4,
		X0: []float64{delta + uniform(r, -0.3, 0.3)*kick, uniform(r, -0.3, 0.3) + kick*uniform(r, -2, 2),
			eq * uniform(r, 0.97, 1.03), efd * uniform(r, 0.9, 1.1)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			pe, id, vt := circuit(x[0], x[2], grid.value(t))
			dx[0] = x[1]
			dx[1] = ws/(2*h)*(pm+torque.value(t)-pe) - d*x[1]
			dx[2] = (x[3] - x[2] - (xd-xp)*id) / td
			// exciter ceiling of 4.5 per unit around the operating point
			dx[3] = (efd + 4.5*tanhFast(ka*(vt0+ref.value(t)-vt)/4.5) - x[3]) / ta
		},
	}
}

// sampleLoadFrequency: two-area load-frequency control (Elgerd; Kundur):
// frequency, turbine and governor of each area, tie-line power and integral
// action on the area control error; nine states, loads vary.
func sampleLoadFrequency(r *rand.Rand) System {
	var kp, tp, tt, tg, ir, ki, bias [2]float64
	for i := range kp {
		kp[i], tp[i] = 120*spread(r, 1.5), 20*spread(r, 1.4)
		tt[i], tg[i] = uniform(r, 0.2, 0.6), uniform(r, 0.05, 0.2)
		ir[i] = 1 / uniform(r, 2, 4)
		bias[i] = ir[i] + 1/kp[i]
		ki[i] = logUniform(r, 0.05, 0.7)
	}
	tie := 2 * math.Pi * uniform(r, 0.04, 0.12)
	span := logUniform(r, 2, 40)
	const w = 1.5
	l1 := anyInput(r, span, w, 0, uniform(r, 0.01, 0.1))
	l2 := constantInput(0)
	if chance(r, 0.5) {
		l2 = anyInput(r, span, w, 0, uniform(r, 0.01, 0.1))
	}
	x0 := make([]float64, 9)
	if chance(r, 0.5) {
		for i := range x0 {
			x0[i] = 0.03 * r.NormFloat64()
		}
	}
	return System{
		Family: "load-frequency",
		Names: []string{"frequency 1", "turbine 1", "governor 1", "control 1",
			"frequency 2", "turbine 2", "governor 2", "control 2", "tie-line power"},
		Dim: 9, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			load := [2]float64{l1.value(t), l2.value(t)}
			flow := x[8]
			for i := 0; i < 2; i++ {
				y, dy := x[4*i:4*i+4], dx[4*i:4*i+4]
				dy[0] = (kp[i]*(y[1]-load[i]-flow) - y[0]) / tp[i]
				dy[1] = (y[2] - y[1]) / tt[i]
				dy[2] = (y[3] - ir[i]*y[0] - y[2]) / tg[i]
				dy[3] = -ki[i] * (bias[i]*y[0] + flow)
				flow = -flow
			}
			dx[8] = tie * (x[0] - x[4])
		},
	}
}

// converter draws what the three averaged converters share: loss, load
// conductance that may vary, varying supply and reference. Currents and
// voltages are scaled by the supply, time by sqrt(LC).
func converter(r *rand.Rand, span, vref, swing float64) (loss float64, load, supply, ref *input) {
	loss = logUniform(r, 0.005, 0.1)
	q := logUniform(r, 1, 8)
	load, supply, ref = constantInput(1/q), constantInput(1), constantInput(vref)
	if chance(r, 0.6) {
		load = anyInput(r, span, 0.4, 1/q, 0.5/q)
	}
	if chance(r, 0.4) {
		supply = anyInput(r, span, 0.4, 1, uniform(r, 0.03, 0.2))
	}
	if load.kind == inputConstant && supply.kind == inputConstant || chance(r, 0.6) {
		ref = stepsInput(r, span, uniform(r, 1, 5), vref, swing)
	}
	return loss, load, supply, ref
}

// duty saturates a control signal smoothly between 0 and 1; it is the identity
// to first order at one half.
func duty(u float64) float64 { return 0.5 * (1 + tanhFast(2*u-1)) }

// dutyInverse is the control signal that gives the duty ratio d.
func dutyInverse(d float64) float64 { return 0.5 + 0.5*math.Atanh(2*d-1) }

// sampleBuck: averaged buck converter (Middlebrook and Cuk; Erickson) with PI
// voltage control: L i' = d Vin - v - r i, C v' = i - G v.
func sampleBuck(r *rand.Rand) System {
	vref := uniform(r, 0.25, 0.75)
	span := logUniform(r, 4, 70)
	loss, load, supply, ref := converter(r, span, vref, uniform(r, 0.05, 0.2))
	kp, ki := logUniform(r, 0.02, 0.8), logUniform(r, 0.02, 0.25)
	d0 := dutyInverse(vref)
	return System{
		Family: "buck-pi", Names: []string{"inductor current", "output voltage", "integrator"}, Dim: 3,
		X0:   []float64{vref * uniform(r, 0, 1), vref * uniform(r, 0, 1.4), uniform(r, -0.3, 0.3)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			e := ref.value(t) - x[1]
			d := duty(d0 + kp*e + x[2])
			dx[0] = d*supply.value(t) - x[1] - loss*x[0]
			dx[1] = x[0] - load.value(t)*x[1]
			dx[2] = ki * e
		},
	}
}

// sampleBoost: averaged boost converter with slow PI voltage control (its
// right half-plane zero forbids a fast one): L i' = Vin - (1-d) v - r i,
// C v' = (1-d) i - G v.
func sampleBoost(r *rand.Rand) System {
	vref := uniform(r, 1.25, 2.4)
	span := logUniform(r, 5, 90)
	loss, load, supply, ref := converter(r, span, vref, uniform(r, 0.05, 0.3))
	kp, ki := logUniform(r, 0.003, 0.08), logUniform(r, 0.003, 0.04)
	d0 := dutyInverse(1 - 1/vref)
	return System{
		Family: "boost-pi", Names: []string{"inductor current", "output voltage", "integrator"}, Dim: 3,
		X0:   []float64{uniform(r, 0, 2), vref * uniform(r, 0.5, 1.2), uniform(r, -0.05, 0.05)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			e := ref.value(t) - x[1]
			off := 1 - duty(d0+kp*e+x[2])
			dx[0] = supply.value(t) - off*x[1] - loss*x[0]
			dx[1] = off*x[0] - load.value(t)*x[1]
			dx[2] = ki * e
		},
	}
}

// sampleBuckBoost: averaged inverting buck-boost converter with PI control,
// output voltage counted positive: L i' = d Vin - (1-d) v - r i,
// C v' = (1-d) i - G v.
func sampleBuckBoost(r *rand.Rand) System {
	vref := uniform(r, 0.4, 1.8)
	span := logUniform(r, 5, 90)
	loss, load, supply, ref := converter(r, span, vref, vref*uniform(r, 0.05, 0.25))
	kp, ki := logUniform(r, 0.003, 0.1), logUniform(r, 0.003, 0.05)
	d0 := dutyInverse(vref / (1 + vref))
	return System{
		Family: "buck-boost-pi", Names: []string{"inductor current", "output voltage", "integrator"}, Dim: 3,
		X0:   []float64{uniform(r, 0, 1.5), vref * uniform(r, 0.3, 1.3), uniform(r, -0.05, 0.05)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			e := ref.value(t) - x[1]
			d := duty(d0 + kp*e + x[2])
			dx[0] = d*supply.value(t) - (1-d)*x[1] - loss*x[0]
			dx[1] = (1-d)*x[0] - load.value(t)*x[1]
			dx[2] = ki * e
		},
	}
}

// sampleDCMotor: separately excited DC motor with PI speed control and smooth
// voltage limit: L i' = V - R i - K w, J w' = K i - b w - T(t). Per-unit; the
// electrical time constant is a fraction of the mechanical one.
func sampleDCMotor(r *rand.Rand) System {
	te := logUniform(r, 0.01, 0.3)
	tm := 1.0
	res := uniform(r, 0.1, 0.6)
	fric := uniform(r, 0.01, 0.2)
	kp, ki := logUniform(r, 0.5, 6), logUniform(r, 0.3, 8)
	limit := uniform(r, 1.3, 3)
	span := logUniform(r, 0.5, 12)
	ref := anyInput(r, span, 1.2, uniform(r, -0.3, 0.6), uniform(r, 0.3, 0.8))
	load := constantInput(0)
	if chance(r, 0.6) {
		load = anyInput(r, span, 2, 0, uniform(r, 0.1, 0.8))
	}
	x0 := []float64{0, 0, 0}
	if chance(r, 0.5) {
		x0 = []float64{uniform(r, -1, 1), uniform(r, -1, 1), uniform(r, -0.3, 0.3)}
	}
	return System{
		Family: "dc-motor-pi", Names: []string{"armature current", "speed", "integrator"}, Dim: 3,
		X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			e := ref.value(t) - x[1]
			v := limit * tanhFast((kp*e+x[2])/limit)
			dx[0] = ((v-x[1])/res - x[0]) / te
			dx[1] = (x[0] - fric*x[1] - load.value(t)) / tm
			dx[2] = ki * e
		},
	}
}

// sampleInductionMotor: third-order induction motor, stator transients
// neglected (Brereton, Lewis and Young; Kundur): voltage behind transient
// reactance in synchronous axes and slip. Run-up from rest, torque steps or
// supply dips.
func sampleInductionMotor(r *rand.Rand) System {
	const ws = 2 * math.Pi * 50
	rs, rr := uniform(r, 0.01, 0.05), uniform(r, 0.01, 0.05)
	xs, xr, xm := uniform(r, 0.06, 0.15), uniform(r, 0.06, 0.15), uniform(r, 2, 4)
	x1 := xs + xm
	xp := xs + xm*xr/(xm+xr)
	t0 := (xr + xm) / (ws * rr)
	h := logUniform(r, 0.15, 1.5)
	tm := uniform(r, 0.2, 0.8)
	den := 1 / (rs*rs + xp*xp)
	supply, torque := constantInput(1), constantInput(0)
	span := logUniform(r, 0.15, 2.5)
	ed, eq, s0 := 0.0, 0.0, 0.0
	switch r.IntN(4) {
	case 0: // run-up
		s0 = uniform(r, 0.6, 1)
		span = h * logUniform(r, 0.3, 3)
	case 1:
		supply = pulsesInput(r, 3.2*span, uniform(r, 0.03, 0.15), span*uniform(r, 0, 0.3), 1, -uniform(r, 0.2, 0.8))
	default:
		torque = anyInput(r, span, 2*math.Pi*uniform(r, 1, 8), 0, tm*uniform(r, 0.3, 0.9))
	}
	if s0 == 0 { // near the running state
		s0 = tm * rr * uniform(r, 0.7, 1.6)
		ed, eq = uniform(r, 0.75, 0.95), uniform(r, -0.3, 0.0)
	}
	return System{
		Family: "induction-motor", Names: []string{"transient voltage d", "transient voltage q", "slip"}, Dim: 3,
		X0: []float64{ed, eq, s0}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			vd := supply.value(t) - x[0]
			vq := -x[1]
			id := (rs*vd + xp*vq) * den
			iq := (rs*vq - xp*vd) * den
			dx[0] = -(x[0]+(x1-xp)*iq)/t0 + x[2]*ws*x[1]
			dx[1] = -(x[1]-(x1-xp)*id)/t0 - x[2]*ws*x[0]
			w := 1 - x[2]
			dx[2] = (tm*w*w + torque.value(t) - x[0]*id - x[1]*iq) / (2 * h)
		},
	}
}

// samplePLL: type-2 phase-locked loop with sinusoidal detector, PI loop filter
// and one smoothing pole (Gardner): phase error p' = W(t) - y,
// s' = wn² sin p, tf y' = s + 2 z wn sin p - y. The input frequency W steps or
// is modulated.
func samplePLL(r *rand.Rand) System {
	wn := logUniform(r, 0.5, 4)
	z := uniform(r, 0.35, 1.3)
	tf := uniform(r, 0.03, 0.25) / wn
	span := 2 * math.Pi / wn * logUniform(r, 0.4, 8)
	freq := anyInput(r, span, wn*0.8, wn*uniform(r, -0.5, 0.5), wn*uniform(r, 0.2, 1))
	return System{
		Family: "phase-locked-loop", Names: []string{"phase error", "integrator", "oscillator frequency"}, Dim: 3,
		X0:   []float64{uniform(r, -2.5, 2.5), wn * uniform(r, -1, 1), wn * uniform(r, -1, 1)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			s := sinFast(x[0])
			dx[0] = freq.value(t) - x[2]
			dx[1] = wn * wn * s
			dx[2] = (x[1] + 2*z*wn*s - x[2]) / tf
		},
	}
}

// sampleBattery: equivalent circuit of a lithium cell with two RC pairs
// (Plett): state of charge, two polarisation voltages, and the terminal
// voltage as a voltmeter with a first-order filter shows it. Current profile
// of pulses, steps or sines, which the battery management cuts off smoothly
// when the cell is nearly empty or full; minutes as unit of time.
func sampleBattery(r *rand.Rand) System {
	capacity := uniform(r, 40, 90) // minutes at unit current
	r0, r1, r2 := uniform(r, 0.02, 0.08), uniform(r, 0.01, 0.06), uniform(r, 0.01, 0.08)
	t1, t2 := logUniform(r, 0.2, 1.5), logUniform(r, 4, 30)
	filter := logUniform(r, 0.02, 0.3)
	span := logUniform(r, 2, 50)
	mean := uniform(r, -0.3, 0.5)
	var load *input
	if chance(r, 0.4) {
		p := span * uniform(r, 0.1, 0.6)
		load = pulsesInput(r, p, uniform(r, 0.2, 0.7), p*uniform(r, 0, 0.5), 0, sign(r)*uniform(r, 0.5, 2))
	} else {
		load = anyInput(r, span, 2*math.Pi/span*uniform(r, 1, 6), mean, uniform(r, 0.5, 2))
	}
	soc := uniform(r, 0.3, 0.9)
	a, b := uniform(r, 0.4, 0.8), uniform(r, 0.05, 0.15)
	ocv := func(z float64) float64 { // rising, with the knee of a low charge
		return 3.3 + a*z - b*math.Exp(-12*z) + 0.08*tanhFast(8*(z-0.85))
	}
	return System{
		Family: "battery-two-rc", Names: []string{"state of charge", "fast polarisation", "slow polarisation", "terminal voltage"}, Dim: 4,
		X0:   []float64{soc, 0, uniform(r, -0.02, 0.02), ocv(soc)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			i := load.value(t)
			if i > 0 {
				i *= smoothstep(x[0] / 0.06)
			} else {
				i *= smoothstep((1 - x[0]) / 0.06)
			}
			dx[0] = -i / capacity
			dx[1] = (r1*i - x[1]) / t1
			dx[2] = (r2*i - x[2]) / t2
			dx[3] = (ocv(x[0]) - x[1] - x[2] - r0*i - x[3]) / filter
		},
	}
}
