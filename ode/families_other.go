package ode

import (
	"math"
	"math/rand/v2"
)

// otherFamilies are entries 24 to 28 of the zoo: ecology, climate, heat,
// process control and generic systems.
func otherFamilies() []Family {
	return []Family{
		{Name: "rosenzweig-macarthur", Zoo: 24, Sample: sampleRosenzweig},
		{Name: "holling-tanner", Zoo: 24, Sample: sampleHollingTanner},
		{Name: "lotka-volterra-community", Zoo: 24, Sample: sampleCommunity},
		{Name: "may-leonard", Zoo: 24, Sample: sampleMayLeonard},
		{Name: "stommel-box", Zoo: 25, Sample: sampleStommel},
		{Name: "ice-albedo", Zoo: 25, Sample: sampleIceAlbedo},
		{Name: "carbon-boxes", Zoo: 25, Sample: sampleCarbon},
		{Name: "coupled-tanks", Zoo: 26, Sample: sampleTanks},
		{Name: "building-thermal", Zoo: 26, Sample: sampleBuilding},
		{Name: "dead-time-pid", Zoo: 26, Sample: sampleDeadTime},
		{Name: "linear-input", Zoo: 27, Sample: sampleLTI},
		{Name: "stuart-landau", Zoo: 28, Sample: sampleStuartLandau},
		{Name: "relay-hysteresis", Zoo: 28, Sample: sampleRelay},
		{Name: "bicycle-lateral", Zoo: 28, Sample: sampleBicycle},
	}
}

// sampleRosenzweig: Rosenzweig-MacArthur predator and prey with saturating
// (Holling II) response, scaled: x' = x(1-x/K) - x y/(1+x),
// y' = c y (x/(1+x) - m). Both sides of the Hopf threshold K = (1+m)/(1-m).
func sampleRosenzweig(r *rand.Rand) System {
	m := uniform(r, 0.2, 0.6)
	c := logUniform(r, 0.15, 1.5)
	hopf := (1 + m) / (1 - m)
	ik := 1 / (hopf * logUniform(r, 0.65, 1.7))
	xs := m / (1 - m)
	ys := math.Max(0.1, (1-xs*ik)*(1+xs))
	rate := math.Sqrt(c * m * math.Max(0.05, 1-xs*ik) * (1 - m))
	speed := spread(r, 2)
	return System{
		Family: "rosenzweig-macarthur", Names: []string{"prey", "predator"}, Dim: 2,
		X0:   []float64{xs * logUniform(r, 0.3, 3), ys * logUniform(r, 0.3, 2.5)},
		Span: 2 * math.Pi / rate / speed * logUniform(r, 0.4, 7),
		RHS: func(t float64, x, dx []float64) {
			f := 1 / (1 + math.Abs(x[0]))
			dx[0] = speed * x[0] * (1 - x[0]*ik - x[1]*f)
			dx[1] = speed * c * x[1] * (x[0]*f - m)
		},
	}
}

// sampleHollingTanner: May's Holling-Tanner model: x' = x(1-x) - a x y/(d+x),
// y' = s y (1 - y/x), prey scaled by its capacity.
func sampleHollingTanner(r *rand.Rand) System {
	a, d, s := uniform(r, 0.7, 2.5), logUniform(r, 0.04, 0.4), logUniform(r, 0.05, 0.5)
	// balance: (1-x)(d+x) = a x
	q := 1 - d - a
	xs := 0.5 * (q + math.Sqrt(q*q+4*d))
	rate := math.Sqrt(s * (1 - xs) * (d/(d+xs) + 0.3))
	speed := spread(r, 2)
	return System{
		Family: "holling-tanner", Names: []string{"prey", "predator"}, Dim: 2,
		X0:   []float64{math.Min(1, xs*logUniform(r, 0.4, 3)), xs * logUniform(r, 0.3, 2)},
		Span: 2 * math.Pi / rate / speed * logUniform(r, 0.4, 7),
		RHS: func(t float64, x, dx []float64) {
			p := math.Max(x[0], 1e-9)
			dx[0] = speed * x[0] * (1 - x[0] - a*x[1]/(d+p))
			dx[1] = speed * s * x[1] * (1 - x[1]/p)
		},
	}
}

// sampleCommunity: generalised Lotka-Volterra, n = 3..8 (never two species):
// x_i' = x_i (g_i + sum_j A_ij x_j), A_ii = -1, random interactions with an
// interior balance. Positive parts of the symmetrised A are limited so that
// -A is copositive by Gershgorin's theorem: the community stays bounded.
func sampleCommunity(r *rand.Rand) System {
	n := intBetween(r, 3, 8)
	var a [64]float64
	strength := uniform(r, 0.4, 1.6) / math.Sqrt(float64(n)/3)
	style := r.IntN(3)
	for i := 0; i < n; i++ {
		for j := 0; j < i; j++ {
			if n > 4 && chance(r, 0.4) {
				continue
			}
			u, v := strength*r.NormFloat64(), strength*r.NormFloat64()
			switch style {
			case 0: // predation
				v = -math.Copysign(v, u)
			case 1: // competition
				u, v = -math.Abs(u), -math.Abs(v)
			}
			a[i*8+j], a[j*8+i] = u, v
		}
		a[i*8+i] = -1
	}
	worst := 0.0
	for i := 0; i < n; i++ {
		var s float64
		for j := 0; j < n; j++ {
			if j != i {
				s += math.Max(0, (a[i*8+j]+a[j*8+i])/2)
			}
		}
		worst = math.Max(worst, s)
	}
	if worst > 0.8 {
		for i := 0; i < n; i++ {
			for j := 0; j < n; j++ {
				if i != j {
					a[i*8+j] *= 0.8 / worst
				}
			}
		}
	}
	var g [8]float64
	x0 := make([]float64, n)
	speed := spread(r, 2)
	var level [8]float64
	for i := range level[:n] {
		level[i] = uniform(r, 0.2, 1.5)
	}
	for i := 0; i < n; i++ {
		for j := 0; j < n; j++ {
			g[i] -= a[i*8+j] * level[j]
		}
		x0[i] = level[i] * logUniform(r, 0.15, 3)
	}
	return System{
		Family: "lotka-volterra-community", Names: channelNames("species ", n), Dim: n, X0: x0,
		Span: logUniform(r, 2, 60) / speed,
		RHS: func(t float64, x, dx []float64) {
			for i := 0; i < n; i++ {
				s := g[i]
				for j, v := range x[:n] {
					s += a[i*8+j] * v
				}
				dx[i] = speed * x[i] * s
			}
		},
	}
}

// sampleMayLeonard: cyclic competition of three (May and Leonard 1975),
// x_i' = g_i x_i (1 - x_i - a x_{i+1} - b x_{i+2}), both sides of a + b = 2,
// growth rates slightly unequal.
func sampleMayLeonard(r *rand.Rand) System {
	a, b := uniform(r, 0.3, 0.95), uniform(r, 1.05, 1.9)
	var g [3]float64
	for i := range g {
		g[i] = spread(r, 1.3)
	}
	return System{
		Family: "may-leonard", Names: channelNames("species ", 3), Dim: 3,
		X0:   []float64{logUniform(r, 0.05, 1), logUniform(r, 0.05, 1), logUniform(r, 0.05, 1)},
		Span: logUniform(r, 6, 150),
		RHS: func(t float64, x, dx []float64) {
			dx[0] = g[0] * x[0] * (1 - x[0] - a*x[1] - b*x[2])
			dx[1] = g[1] * x[1] * (1 - x[1] - a*x[2] - b*x[0])
			dx[2] = g[2] * x[2] * (1 - x[2] - a*x[0] - b*x[1])
		},
	}
}

// sampleStommel: Stommel 1961 two-box overturning, differences of temperature
// T and salinity S scaled: T' = n1(t) - T(1+|q|), S' = n2(t) - S(n3+|q|),
// q = T - S, |q| rounded; heating and fresh water vary slowly.
func sampleStommel(r *rand.Rand) System {
	n1, n3 := uniform(r, 2.2, 3.8), uniform(r, 0.1, 0.5)
	n2 := uniform(r, 0.6, 1.6)
	span := logUniform(r, 2, 40)
	heat := constantInput(n1)
	if chance(r, 0.4) {
		heat = anyInput(r, span, 1, n1, n1*uniform(r, 0.05, 0.4))
	}
	fresh := anyInput(r, span, 0.6, n2, n2*uniform(r, 0.1, 0.8))
	return System{
		Family: "stommel-box", Names: []string{"temperature difference", "salinity difference"}, Dim: 2,
		X0: []float64{uniform(r, 0.5, 3.5), uniform(r, 0, 3.5)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			q := smoothAbs(x[0]-x[1], 0.02)
			dx[0] = heat.value(t) - x[0]*(1+q)
			dx[1] = fresh.value(t) - x[1]*(n3+q)
		},
	}
}

// sampleIceAlbedo: zero-dimensional energy balance with ice-albedo feedback
// (Budyko; Sellers), mixed layer and deep ocean (Gregory): C T' = Q(t)(1-a(T))
// - (A + B T) - k (T-D), Cd D' = k (T-D). Degrees Celsius, years; insolation
// varies with the season or slowly, or steps.
func sampleIceAlbedo(r *rand.Rand) System {
	c, cd := logUniform(r, 2, 15), logUniform(r, 15, 100)
	b := uniform(r, 1.5, 2.2)
	a := 203 + uniform(r, -6, 6)
	k := uniform(r, 0.3, 1.5)
	warm, jump := uniform(r, 0.27, 0.32), uniform(r, 0.15, 0.33)
	mid, width := uniform(r, -8, 4), uniform(r, 3, 10)
	span := logUniform(r, 6, 200)
	var q *input
	switch r.IntN(3) {
	case 0:
		q = sineInput(r, 2*math.Pi, 342, uniform(r, 15, 80))
		span = logUniform(r, 1.5, 12)
	case 1:
		q = noiseInput(r, span*uniform(r, 0.02, 0.1), 342, uniform(r, 3, 15))
	default:
		q = anyInput(r, span, 2*math.Pi/span*3, 342+uniform(r, -10, 10), uniform(r, 5, 30))
	}
	t0 := uniform(r, -25, 25)
	return System{
		Family: "ice-albedo", Names: []string{"surface temperature", "deep temperature"}, Dim: 2,
		X0: []float64{t0, t0 + uniform(r, -10, 4)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			albedo := warm + jump*0.5*(1-tanhFast((x[0]-mid)/width))
			up := k * (x[0] - x[1])
			dx[0] = (q.value(t)*(1-albedo) - a - b*x[0] - up) / c
			dx[1] = up / cd
		},
	}
}

// sampleCarbon: atmosphere, surface ocean, deep ocean and land biosphere, the
// carbon of each as excess over balance in 100 PgC; years. Ocean uptake with
// Revelle's buffer factor, land uptake logarithmic in the atmosphere
// (fertilisation), emissions rise and fall.
func sampleCarbon(r *rand.Rand) System {
	const pre, surf, land = 6.0, 9.0, 20.0
	exch := 0.7 * spread(r, 1.4) // gross ocean flux, 100 PgC per year
	rev := uniform(r, 8, 13)
	mix := 1 / uniform(r, 6, 25)
	back := mix * surf / 370
	npp, fert := 0.55*spread(r, 1.2), uniform(r, 0.2, 0.8)
	decay := npp / land * spread(r, 1.3)
	span := logUniform(r, 30, 600)
	emit := pulsesInput(r, span*uniform(r, 0.6, 3.5), uniform(r, 0.2, 0.6), span*uniform(r, -0.3, 0.3), 0, uniform(r, 0.02, 0.15))
	season := npp * uniform(r, 0, 0.3)
	if span > 60 || chance(r, 0.5) {
		season = 0
	}
	return System{
		Family: "carbon-boxes", Names: []string{"atmosphere", "surface ocean", "deep ocean", "land"}, Dim: 4,
		X0: []float64{uniform(r, 0, 4), uniform(r, -0.2, 0.6), uniform(r, -1, 1), uniform(r, -1, 1)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			air := softplus(1+x[0]/pre, 0.01)
			sea := hillPow(1+x[1]/surf, rev)
			f1 := exch * (air - sea)
			f2 := mix*x[1] - back*x[2]
			f3 := npp*fert*math.Log(air+1e-3) - decay*x[3]
			if season != 0 {
				f3 += season * cosFast(2*math.Pi*t)
			}
			dx[0] = emit.value(t) - f1 - f3
			dx[1] = f1 - f2
			dx[2] = f2
			dx[3] = f3
		},
	}
}

// sampleTanks: two to five tanks in a row with Torricelli's outflow,
// interacting through orifices or spilling one into the next; pumped inflow
// varies. A_i h_i' = q_in - q_out.
func sampleTanks(r *rand.Rand) System {
	n := intBetween(r, 2, 5)
	interacting := chance(r, 0.5)
	var ia, k, leak [5]float64
	for i := 0; i < n; i++ {
		ia[i] = 1 / logUniform(r, 0.6, 2.5)
		k[i] = logUniform(r, 0.3, 1.2)
		if chance(r, 0.4) {
			leak[i] = logUniform(r, 0.05, 0.4)
		}
	}
	span := float64(n) * logUniform(r, 1, 14)
	q := uniform(r, 0.3, 1)
	in := anyInput(r, span, 0.6, q, q*uniform(r, 0.3, 0.9))
	x0 := make([]float64, n)
	for i := range x0 {
		x0[i] = uniform(r, 0.1, 2)
	}
	return System{
		Family: "coupled-tanks", Names: channelNames("level ", n), Dim: n, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			const eps = 0.01
			f := in.value(t)
			for i := 0; i < n; i++ {
				h := x[i]
				if interacting && i+1 < n {
					h -= x[i+1]
				}
				out := k[i] * smoothRoot(h, eps)
				dx[i] = ia[i] * (f - out - leak[i]*smoothRoot(x[i], eps))
				f = out
			}
		},
	}
}

// sampleBuilding: resistance-capacitance network of a building, 3 to 6 nodes
// (rooms and walls), outdoor temperature and sun with a daily rhythm, heating
// proportional below the set point with night set-back; hours, degrees Celsius.
func sampleBuilding(r *rand.Rand) System {
	n := intBetween(r, 3, 6)
	a := make([]float64, n*n)
	randomGraph(r, a, n, 0.25, 0.15, 1.2)
	pairs, weights := edgeList(a, n)
	var ic, out, sun, heat [6]float64
	for i := 0; i < n; i++ {
		ic[i] = 1 / logUniform(r, 0.5, 15)
		if chance(r, 0.6) {
			out[i] = logUniform(r, 0.03, 0.4)
		}
		if chance(r, 0.4) {
			sun[i] = uniform(r, 0.5, 5)
		}
		if chance(r, 0.5) {
			heat[i] = logUniform(r, 0.2, 2)
		}
	}
	out[0] += 0.1
	mean, swing := uniform(r, -5, 22), uniform(r, 2, 9)
	const day = 2 * math.Pi / 24
	ph := uniform(r, 0, 2*math.Pi)
	set, night := uniform(r, 18, 23), uniform(r, 0, 5)
	weather := noiseInput(r, uniform(r, 3, 15), 0, uniform(r, 0, 2))
	x0 := make([]float64, n)
	base := uniform(r, mean-3, mean+14)
	for i := range x0 {
		x0[i] = base + 3*r.NormFloat64()
	}
	return System{
		Family: "building-thermal", Names: channelNames("temperature ", n), Dim: n, X0: x0,
		Span: logUniform(r, 6, 144),
		RHS: func(t float64, x, dx []float64) {
			c := cosFast(day*t + ph)
			air := mean + swing*c + weather.value(t)
			shine := softplus(c, 0.1)
			want := set - night*logistic(-4*c)
			for i := 0; i < n; i++ {
				dx[i] = out[i]*(air-x[i]) + sun[i]*shine
				if heat[i] != 0 {
					dx[i] += heat[i] * softplus(want-x[i], 0.3)
				}
			}
			for e, p := range pairs {
				i, j := p[0], p[1]
				q := weights[e] * (x[j] - x[i])
				dx[i] += q
				dx[j] -= q
			}
			for i := 0; i < n; i++ {
				dx[i] *= ic[i]
			}
		},
	}
}

// sampleDeadTime: first-order plant with dead time as a second-order Padé
// approximant under PID control with filtered derivative, set points step and
// loads vary. Gains lie around the Skogestad rules.
func sampleDeadTime(r *rand.Rand) System {
	lag := 1.0
	dead := logUniform(r, 0.08, 1.2)
	gain := spread(r, 2)
	kc := lag / (gain * dead) * uniform(r, 0.25, 0.95)
	ti := math.Min(lag, 8*dead) * uniform(r, 0.6, 2)
	td := dead * uniform(r, 0, 0.35)
	tf := dead * uniform(r, 0.1, 0.3)
	span := (dead + 0.3) * logUniform(r, 2.5, 40)
	ref := anyInput(r, span, 0.5/dead, 0, 1)
	load := constantInput(0)
	if chance(r, 0.5) {
		load = anyInput(r, span, 0.5/dead, 0, uniform(r, 0.1, 0.8))
	}
	y0 := 0.0
	if chance(r, 0.5) {
		y0 = uniform(r, -1, 1)
	}
	return System{
		Family: "dead-time-pid", Names: []string{"output", "delay 1", "delay 2", "integrator", "filtered output"}, Dim: 5,
		X0: []float64{y0, y0 / gain, 0, y0 / gain, y0}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			e := ref.value(t) - x[0]
			df := (x[0] - x[4]) / tf
			u := kc*(e-td*df) + x[3]
			// (1 - s/2 + s²/12)/(1 + s/2 + s²/12), s in units of the dead time
			late := u - x[2]
			dx[0] = (gain*late + load.value(t) - x[0]) / lag
			dx[1] = x[2] / dead
			dx[2] = (12*(u-x[1]) - 6*x[2]) / dead
			dx[3] = kc / ti * e
			dx[4] = df
		},
	}
}

// sampleLTI: random stable linear system, n = 1..8, x' = A x + B u(t), with
// steps, random telegraph or chirp input. A has real and complex modes with
// real part -L[.05,5] and imaginary part U[0,8] in a rotated and stretched
// basis, so channels mix.
func sampleLTI(r *rand.Rand) System {
	n := intBetween(r, 1, 8)
	modal := make([]float64, n*n)
	slow, fast := math.Inf(1), 0.0
	for i := 0; i < n; {
		re := -logUniform(r, 0.05, 5)
		slow = math.Min(slow, -re)
		if i+1 < n && chance(r, 0.65) {
			im := uniform(r, 0, 8)
			modal[i*n+i], modal[(i+1)*n+i+1] = re, re
			modal[i*n+i+1], modal[(i+1)*n+i] = im, -im
			fast = math.Max(fast, im)
			i += 2
			continue
		}
		modal[i*n+i] = re
		i++
	}
	q := make([]float64, n*n)
	randomOrthogonal(r, q, n)
	var scale [8]float64
	for i := range scale {
		scale[i] = spread(r, 2)
	}
	a := make([]float64, n*n)
	for i := 0; i < n; i++ {
		for j := 0; j < n; j++ {
			var s float64
			for k := 0; k < n; k++ {
				for l := 0; l < n; l++ {
					if m := modal[k*n+l]; m != 0 {
						s += q[k*n+i] * scale[k] * m / scale[l] * q[l*n+j]
					}
				}
			}
			a[i*n+j] = s
		}
	}
	rate := math.Max(slow, fast/4)
	span := logUniform(r, 1.5, 25) / rate
	var u *input
	switch r.IntN(3) {
	case 0:
		u = stepsInput(r, span, uniform(r, 1, 6), 0, 1)
	case 1:
		u = telegraphInput(r, span, uniform(r, 2, 9), uniform(r, -0.3, 0.3), 1)
	default:
		u = chirpInput(r, span, rate*uniform(r, 0.1, 0.8), rate*uniform(r, 1, 3), 0, 1)
	}
	x0 := make([]float64, n)
	rest := chance(r, 0.4)
	var b [8]float64
	for i := 0; i < n; i++ {
		b[i] = r.NormFloat64() * rate * 1.5
		if !rest {
			x0[i] = r.NormFloat64()
		}
	}
	b[0] += math.Copysign(0.3*rate, b[0])
	return System{
		Family: "linear-input", Names: channelNames("state ", n), Dim: n, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			v := u.value(t)
			for i := 0; i < n; i++ {
				s := b[i] * v
				for j, w := range a[i*n : i*n+n] {
					s += w * x[j]
				}
				dx[i] = s
			}
		},
	}
}

// sampleStuartLandau: two to six coupled Stuart-Landau oscillators,
// z_j' = (m_j + i w_j - (1 + i c)|z_j|²) z_j + sum_k K_jk (z_k - z_j), on a
// connected graph; coupling may turn the phase (complex K).
func sampleStuartLandau(r *rand.Rand) System {
	n := intBetween(r, 2, 6)
	adj := make([]float64, n*n)
	k := logUniform(r, 0.05, 1.2)
	randomGraph(r, adj, n, 0.5, 0.6*k, 1.5*k)
	pairs, weights := edgeList(adj, n)
	ks, kc := sincosFast(uniform(r, -1, 1))
	c := uniform(r, -1.5, 1.5)
	w0 := logUniform(r, 0.8, 4)
	var mu, w [6]float64
	x0 := make([]float64, 2*n)
	for j := 0; j < n; j++ {
		mu[j] = uniform(r, 0.1, 1.2)
		w[j] = w0 * (1 + 0.3*r.NormFloat64())
		x0[j], x0[n+j] = r.NormFloat64(), r.NormFloat64()
	}
	return System{
		Family: "stuart-landau", Names: append(channelNames("real ", n), channelNames("imaginary ", n)...), Dim: 2 * n,
		X0: x0, Span: 2 * math.Pi / w0 * logUniform(r, 0.4, 9),
		RHS: func(t float64, x, dx []float64) {
			p, q := x[:n], x[n:2*n]
			dp, dq := dx[:n], dx[n:2*n]
			for j := range p {
				a, b := p[j], q[j]
				s := a*a + b*b
				g, f := mu[j]-s, w[j]-c*s
				dp[j] = g*a - f*b
				dq[j] = g*b + f*a
			}
			for e, pr := range pairs {
				i, j := pr[0], pr[1]
				u, v := weights[e]*(p[j]-p[i]), weights[e]*(q[j]-q[i])
				du, dv := kc*u-ks*v, ks*u+kc*v
				dp[i] += du
				dq[i] += dv
				dp[j] -= du
				dq[j] -= dv
			}
		},
	}
}

// sampleRelay: relay feedback with smooth hysteresis (thermostat): relay state
// s with ts s' = tanh(g (ref(t) - y + h s)) - s, g h > 1, and a plant of one to
// three lags in a row driven by s and a disturbance; y is the last lag.
func sampleRelay(r *rand.Rand) System {
	lags := intBetween(r, 1, 3)
	var it [3]float64
	total := 0.0
	for i := 0; i < lags; i++ {
		t := logUniform(r, 0.4, 2)
		it[i] = 1 / t
		total += t
	}
	gain := uniform(r, 1, 3)
	h := uniform(r, 0.05, 0.4)
	g := uniform(r, 1.5, 6) / h
	ts := total * logUniform(r, 0.01, 0.06)
	// period of the relay oscillation, roughly
	period := 2 * total * math.Max(0.3, 2*h/gain+0.5*float64(lags-1))
	span := period * logUniform(r, 0.5, 9)
	ref := constantInput(uniform(r, -0.4, 0.4) * gain)
	if chance(r, 0.6) {
		ref = anyInput(r, span, 1/period, ref.mean, 0.4*gain)
	}
	load := constantInput(0)
	if chance(r, 0.4) {
		load = anyInput(r, span, 2/period, 0, 0.3*gain)
	}
	n := lags + 1
	names := append([]string{"relay"}, channelNames("lag ", lags)...)
	x0 := make([]float64, n)
	x0[0] = sign(r) * uniform(r, 0.7, 1)
	for i := 1; i < n; i++ {
		x0[i] = gain * uniform(r, -0.8, 0.8)
	}
	return System{
		Family: "relay-hysteresis", Names: names, Dim: n, X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			dx[0] = (tanhFast(g*(ref.value(t)-x[n-1]+h*x[0])) - x[0]) / ts
			in := gain*x[0] + load.value(t)
			for i := 1; i < n; i++ {
				dx[i] = (in - x[i]) * it[i-1]
				in = x[i]
			}
		},
	}
}

// sampleBicycle: lateral single-track (bicycle) model of a car at constant
// speed (Riekert and Schunck) with tyre forces that saturate smoothly: lateral
// velocity, yaw rate, heading, lateral position; steering is a sine, a chirp,
// steps or a lane change.
func sampleBicycle(r *rand.Rand) System {
	u := uniform(r, 8, 35)
	m := uniform(r, 1000, 2000)
	a, b := uniform(r, 1, 1.4), uniform(r, 1.2, 1.7)
	iz := m * a * b * spread(r, 1.2)
	cf, cr := uniform(r, 4e4, 8e4), uniform(r, 6e4, 1.1e5)
	grip := uniform(r, 0.5, 1.0) * 9.81
	limF, limR := grip*m*b/(a+b), grip*m*a/(a+b)
	span := logUniform(r, 1, 12)
	size := uniform(r, 0.3, 1) * 0.6 * grip * (a + b) / (u * u)
	size = math.Min(size, 0.12)
	var steer *input
	if chance(r, 0.3) { // lane change: one sine turn out and back, repeated
		steer = sineInput(r, 2*math.Pi/uniform(r, 1.5, 5), 0, size)
		steer.phase = 0
	} else {
		steer = anyInput(r, span, 2*math.Pi*uniform(r, 0.1, 0.7), 0, size)
	}
	return System{
		Family: "bicycle-lateral", Names: []string{"lateral velocity", "yaw rate", "heading", "lateral position"}, Dim: 4,
		X0:   []float64{uniform(r, -0.5, 0.5), uniform(r, -0.1, 0.1), uniform(r, -0.1, 0.1), uniform(r, -2, 2)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			ff := limF * tanhFast(cf*(steer.value(t)-(x[0]+a*x[1])/u)/limF)
			fr := limR * tanhFast(-cr*(x[0]-b*x[1])/u/limR)
			s, c := sincosFast(x[2])
			dx[0] = (ff+fr)/m - u*x[1]
			dx[1] = (a*ff - b*fr) / iz
			dx[2] = x[1]
			dx[3] = u*s + x[0]*c
		},
	}
}
