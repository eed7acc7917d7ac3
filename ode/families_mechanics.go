package ode

import (
	"math"
	"math/rand/v2"
)

// mechanicsFamilies are entries 1 to 9 of the zoo.
func mechanicsFamilies() []Family {
	return []Family{
		{Name: "forced-spring", Zoo: 1, Sample: sampleForcedSpring},
		{Name: "mass-spring-chain", Zoo: 2, Sample: sampleMassChain},
		{Name: "elastic-pendulum", Zoo: 3, Sample: sampleElasticPendulum},
		{Name: "rigid-body", Zoo: 4, Sample: sampleRigidBody},
		{Name: "kepler-drag", Zoo: 5, Sample: sampleKepler},
		{Name: "restricted-three-body", Zoo: 5, Sample: sampleThreeBody},
		{Name: "compliant-bounce", Zoo: 6, Sample: sampleBounce},
		{Name: "friction-block", Zoo: 6, Sample: sampleFrictionBlock},
		{Name: "projectile-wind", Zoo: 7, Sample: sampleProjectile},
		{Name: "ship-roll", Zoo: 8, Sample: sampleShipRoll},
		{Name: "mems-gap", Zoo: 8, Sample: sampleMEMS},
		{Name: "planar-quadrotor", Zoo: 9, Sample: sampleQuadrotor},
	}
}

// sampleForcedSpring: driven linear oscillator, standard form
// x” = -2 z w x' - w² x + F cos(W t). F is never zero: the unforced oscillator
// is not part of the zoo.
func sampleForcedSpring(r *rand.Rand) System {
	w := uniform(r, 0.5, 6)
	z := logUniform(r, 0.005, 1.5)
	f := uniform(r, 0.2, 3)
	drive := w * uniform(r, 0.2, 2.5)
	damp, stiff := 2*z*w, w*w
	amp := f / stiff
	return System{
		Family: "forced-spring", Names: []string{"position", "velocity"}, Dim: 2,
		X0:   []float64{amp * uniform(r, -1.5, 1.5), amp * w * uniform(r, -1.5, 1.5)},
		Span: 2 * math.Pi / math.Min(w, drive) * logUniform(r, 0.4, 8),
		RHS: func(t float64, x, dx []float64) {
			dx[0] = x[1]
			dx[1] = f*cosFast(drive*t) - damp*x[1] - stiff*x[0]
		},
	}
}

// sampleMassChain: n masses in a row joined by springs and dampers, first one
// tied to a wall (or to a driven base), last one free or tied to a wall.
// Newton's law for each mass; n >= 2. Two masses on a driven base with a free
// end are left out: that is the held-out quarter car but for its nonlinearity.
func sampleMassChain(r *rand.Rand) System {
	n := intBetween(r, 2, 6)
	var k, c [7]float64 // k[i] between mass i-1 and i; ends are walls
	var im [6]float64
	var kSum, mSum float64
	zeta := logUniform(r, 0.005, 0.3)
	for i := 0; i <= n; i++ {
		k[i] = logUniform(r, 0.5, 4)
		kSum += k[i] / float64(n+1)
	}
	for i := 0; i < n; i++ {
		m := logUniform(r, 0.5, 2)
		im[i] = 1 / m
		mSum += m / float64(n)
	}
	if chance(r, 0.5) {
		k[n] = 0 // free end
	}
	for i := 0; i <= n; i++ {
		c[i] = 2 * zeta * math.Sqrt(k[i]*mSum)
	}
	wave := math.Sqrt(kSum / mSum)
	slow := 2 * wave * math.Sin(math.Pi/2/float64(n+1))
	span := 2 * math.Pi / slow * logUniform(r, 0.3, 4)
	base := constantInput(0)
	x0 := make([]float64, 2*n)
	driven := chance(r, 0.6)
	if driven {
		if n == 2 {
			k[2], c[2] = math.Max(k[2], 0.5), math.Max(c[2], 2*zeta*math.Sqrt(0.5*mSum))
		}
		base = anyInput(r, span, slow*uniform(r, 0.7, 3), 0, uniform(r, 0.3, 1.5))
	}
	if !driven || chance(r, 0.5) {
		for i := range x0 {
			x0[i] = r.NormFloat64()
			if i >= n {
				x0[i] *= wave
			}
		}
	}
	return System{
		Family: "mass-spring-chain", Names: append(channelNames("position", n), channelNames("velocity", n)...), Dim: 2 * n,
		X0: x0, Span: span,
		RHS: func(t float64, x, dx []float64) {
			v := x[n : 2*n]
			f := k[0]*(base.value(t)-x[0]) - c[0]*v[0] // pull on mass i from the left
			for i := 0; i < n; i++ {
				var g float64
				if i+1 < n {
					g = k[i+1]*(x[i+1]-x[i]) + c[i+1]*(v[i+1]-v[i])
				} else {
					g = -k[n]*x[i] - c[n]*v[i]
				}
				dx[i] = v[i]
				dx[n+i] = (f + g) * im[i]
				f = -g
			}
		},
	}
}

// sampleElasticPendulum: mass on a spring that may also swing, Cartesian form
// with weak linear damping: r” = -k/m (1 - l/|r|) r + g - c r'. Unit rest
// length and unit g; the ratio of spring to swing frequency spans the 2:1
// resonance.
func sampleElasticPendulum(r *rand.Rand) System {
	ratio := logUniform(r, 1.3, 5)
	k := ratio * ratio
	c := logUniform(r, 0.001, 0.08)
	angle := uniform(r, -1.6, 1.6)
	length := 1 + 1/k + uniform(r, -0.35, 0.35)
	return System{
		Family: "elastic-pendulum", Names: []string{"x", "y", "x rate", "y rate"}, Dim: 4,
		X0: []float64{length * math.Sin(angle), -length * math.Cos(angle),
			uniform(r, -0.4, 0.4), uniform(r, -0.4, 0.4)},
		Span: 2 * math.Pi * logUniform(r, 0.4, 6),
		RHS: func(t float64, x, dx []float64) {
			l := math.Sqrt(x[0]*x[0] + x[1]*x[1] + 1e-6)
			p := k * (1/l - 1)
			dx[0], dx[1] = x[2], x[3]
			dx[2] = p*x[0] - c*x[2]
			dx[3] = p*x[1] - c*x[3] - 1
		},
	}
}

// sampleRigidBody: Euler's equations I w' = (I w) x w - d w + T(t) in body
// axes. All three damping rates are positive and the torque is never zero and
// varies in time: without torque, linear feedback on the Euler equations is
// the form of a forbidden chaotic system.
func sampleRigidBody(r *rand.Rand) System {
	// I_i = sums of two positive numbers obey the triangle inequality
	a, b, c := logUniform(r, 0.2, 2), logUniform(r, 0.2, 2), logUniform(r, 0.2, 2)
	i1, i2, i3 := b+c, a+c, a+b
	e1, e2, e3 := (i2-i3)/i1, (i3-i1)/i2, (i1-i2)/i3
	rate := uniform(r, 1, 4)
	var d, t0, t1, ph [3]float64
	for i := range d {
		d[i] = logUniform(r, 0.005, 0.3)
		t0[i] = r.NormFloat64() * 0.4
		t1[i] = sign(r) * uniform(r, 0.2, 1.5)
		ph[i] = uniform(r, 0, 2*math.Pi)
	}
	w := uniform(r, 0.3, 3)
	return System{
		Family: "rigid-body", Names: []string{"rate x", "rate y", "rate z"}, Dim: 3,
		X0:   []float64{rate * r.NormFloat64(), rate * r.NormFloat64(), rate * r.NormFloat64()},
		Span: logUniform(r, 2, 30),
		RHS: func(t float64, x, dx []float64) {
			dx[0] = e1*x[1]*x[2] - d[0]*x[0] + t0[0] + t1[0]*sinFast(w*t+ph[0])
			dx[1] = e2*x[2]*x[0] - d[1]*x[1] + t0[1] + t1[1]*sinFast(w*t+ph[1])
			dx[2] = e3*x[0]*x[1] - d[2]*x[2] + t0[2] + t1[2]*sinFast(w*t+ph[2])
		},
	}
}

// sampleKepler: two-body problem with linear drag, r” = -r/|r|³ - c r', unit
// gravitational parameter and semi-major axis, eccentricity U[0,.6], random
// true anomaly and orientation.
func sampleKepler(r *rand.Rand) System {
	e := uniform(r, 0, 0.6)
	c := logUniform(r, 1e-4, 1e-2)
	nu, turn := uniform(r, 0, 2*math.Pi), uniform(r, 0, 2*math.Pi)
	way := sign(r)
	p := 1 - e*e
	rad := p / (1 + e*math.Cos(nu))
	px, py := rad*math.Cos(nu), rad*math.Sin(nu)
	vx, vy := -math.Sin(nu)/math.Sqrt(p), (e+math.Cos(nu))/math.Sqrt(p)
	py, vy = way*py, way*vy
	s, q := sincosFast(turn)
	return System{
		Family: "kepler-drag", Names: []string{"x", "y", "x rate", "y rate"}, Dim: 4,
		X0:   []float64{q*px - s*py, s*px + q*py, q*vx - s*vy, s*vx + q*vy},
		Span: 2 * math.Pi * logUniform(r, 0.2, 5),
		RHS: func(t float64, x, dx []float64) {
			r2 := x[0]*x[0] + x[1]*x[1] + 1e-8
			g := -1 / (r2 * math.Sqrt(r2))
			dx[0], dx[1] = x[2], x[3]
			dx[2] = g*x[0] - c*x[2]
			dx[3] = g*x[1] - c*x[3]
		},
	}
}

// sampleThreeBody: planar circular restricted three-body problem in the
// rotating frame, mu U[.001,.3], short arcs. Starts near an orbit of the large
// or the small primary, near a triangular point, or on a co-orbital arc. The
// primaries have a softening radius of 0.02, so a close passage stays
// integrable.
func sampleThreeBody(r *rand.Rand) System {
	mu := uniform(r, 0.001, 0.3)
	var x, y, vx, vy float64
	// circular inertial motion of radius d about (cx,0) with mass m, turned to
	// the rotating frame
	orbit := func(cx, m, d float64) {
		th := uniform(r, 0, 2*math.Pi)
		s, c := sincosFast(th)
		v := sign(r)*math.Sqrt(m/d)*uniform(r, 0.85, 1.15) - d
		x, y = cx+d*c, d*s
		vx, vy = -v*s, v*c
	}
	span := logUniform(r, 0.8, 10)
	switch r.IntN(4) {
	case 0:
		d := uniform(r, 0.15, 0.5)
		orbit(-mu, 1-mu, d)
		span = math.Min(span, 8*2*math.Pi*math.Pow(d, 1.5))
	case 1:
		hill := math.Cbrt(mu / 3)
		d := hill * uniform(r, 0.3, 0.55)
		orbit(1-mu, mu, d)
		span = math.Min(span, 6*2*math.Pi*math.Sqrt(d*d*d/mu))
	case 2:
		x = 0.5 - mu + uniform(r, -0.08, 0.08)
		y = sign(r) * (math.Sqrt(0.75) + uniform(r, -0.08, 0.08))
		vx, vy = uniform(r, -0.05, 0.05), uniform(r, -0.05, 0.05)
		span = logUniform(r, 3, 15)
	default:
		th := sign(r) * uniform(r, 0.7, math.Pi)
		d := uniform(r, 0.9, 1.15)
		s, c := sincosFast(th)
		v := 1/math.Sqrt(d) - d
		x, y, vx, vy = d*c-mu, d*s, -v*s, v*c
		span = logUniform(r, 3, 15)
	}
	return System{
		Family: "restricted-three-body", Names: []string{"x", "y", "x rate", "y rate"}, Dim: 4,
		X0: []float64{x, y, vx, vy}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			const soft = 0.02 * 0.02
			a, b := x[0]+mu, x[0]+mu-1
			y2 := x[1]*x[1] + soft
			r1, r2 := a*a+y2, b*b+y2
			g1, g2 := (1-mu)/(r1*math.Sqrt(r1)), mu/(r2*math.Sqrt(r2))
			dx[0], dx[1] = x[2], x[3]
			dx[2] = 2*x[3] + x[0] - g1*a - g2*b
			dx[3] = -2*x[2] + x[1] - (g1+g2)*x[1]
		},
	}
}

// sampleBounce: a ball falling on a compliant floor: Hunt-Crossley contact
// force k d^1.5 (1 + a d') with penetration d = softplus(floor - y), so that
// contact is smooth; the floor rests or shakes.
func sampleBounce(r *rand.Rand) System {
	const g = 9.81
	h := logUniform(r, 0.2, 2)
	k := logUniform(r, 200, 5000)
	alpha := logUniform(r, 0.02, 0.3)
	drag := logUniform(r, 0.002, 0.05)
	hop := 2 * math.Sqrt(2*h/g)
	span := hop * logUniform(r, 0.6, 9)
	shake, w := 0.0, 0.0
	if chance(r, 0.4) {
		w = 2 * math.Pi / hop * uniform(r, 0.5, 3)
		shake = g / (w * w) * uniform(r, 0.2, 1.5)
	}
	return System{
		Family: "compliant-bounce", Names: []string{"height", "velocity"}, Dim: 2,
		X0: []float64{h, uniform(r, -2, 2)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			var fy, fv float64
			if shake != 0 {
				s, c := sincosFast(w * t)
				fy, fv = shake*s, shake*w*c
			}
			d := softplus(fy-x[0], 0.004)
			// 1 + a d' kept above zero: a floor does not pull
			q := 1 + alpha*(fv-x[1])
			q = 0.5 * (q + math.Sqrt(q*q+0.01))
			dx[0] = x[1]
			dx[1] = k*d*math.Sqrt(d)*q - g - drag*x[1]
		},
	}
}

// sampleFrictionBlock: block on a linear spring with smooth Coulomb friction
// with a Stribeck rise, on a floor at rest; the far end of the spring is fixed
// or moved. x” = w²(b(t)-x) - 2zw x' - f tanh(v/vs)(1 + s exp(-(v/v1)²)).
func sampleFrictionBlock(r *rand.Rand) System {
	w := uniform(r, 0.5, 4)
	damp := 2 * w * logUniform(r, 0.003, 0.1)
	a := uniform(r, 0.5, 2) // travel
	mu := w * w * a * logUniform(r, 0.02, 0.3)
	vs := w * a * logUniform(r, 0.01, 0.05)
	rise, v1 := uniform(r, 0, 0.6), w*a*uniform(r, 0.1, 0.3)
	span := 2 * math.Pi / w * logUniform(r, 0.4, 8)
	base := constantInput(0)
	if chance(r, 0.7) {
		base = anyInput(r, span, w, 0, a)
	}
	k := w * w
	return System{
		Family: "friction-block", Names: []string{"position", "velocity"}, Dim: 2,
		X0: []float64{a * sign(r) * uniform(r, 0.5, 2), a * w * uniform(r, -1, 1)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			v := x[1]
			q := v / v1
			dx[0] = v
			dx[1] = k*(base.value(t)-x[0]) - damp*v - mu*tanhFast(v/vs)*(1+rise*expFast(-q*q))
		},
	}
}

// sampleProjectile: point mass under gravity and quadratic drag relative to
// the air, m r” = m g - k |u| u, u = r' - wind; wind grows with height and
// gusts in time.
func sampleProjectile(r *rand.Rand) System {
	const g = 9.81
	v := uniform(r, 8, 60)
	elev := uniform(r, 0.3, 1.45)
	k := logUniform(r, 0.004, 0.12)
	flight := 2 * v * math.Sin(elev) / g
	span := flight * uniform(r, 0.35, 1.4)
	gust := noiseInput(r, span*uniform(r, 0.03, 0.2), uniform(r, -5, 5), uniform(r, 0.5, 5))
	shear, height := uniform(r, -10, 10), uniform(r, 5, 40)
	s, c := sincosFast(elev)
	return System{
		Family: "projectile-wind", Names: []string{"distance", "height", "distance rate", "height rate"}, Dim: 4,
		X0: []float64{0, uniform(r, 0, 20), sign(r) * v * c, v * s}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			ux := x[2] - gust.value(t) - shear*tanhFast(x[1]/height)
			uy := x[3]
			q := k * math.Sqrt(ux*ux+uy*uy)
			dx[0], dx[1] = x[2], x[3]
			dx[2] = -q * ux
			dx[3] = -q*uy - g
		},
	}
}

// sampleShipRoll: single-degree nonlinear roll (Nayfeh, Thompson):
// p” + 2zw p' + b p'|p'| + w²(p - a p³ + c p⁵) = M(t), one or two regular
// waves and a wind heel. Quadratic damping and the quintic restoring term are
// always present, so the cubic oscillators of the benchmarks are not covered.
func sampleShipRoll(r *rand.Rand) System {
	w := uniform(r, 0.3, 1.3)
	damp := 2 * w * logUniform(r, 0.005, 0.08)
	quad := uniform(r, 0.05, 0.4)
	cubic := uniform(r, 0.3, 1.4)
	quintic := uniform(r, 0.12, 0.6)
	k := w * w
	drive := w * uniform(r, 0.4, 1.8)
	f := k * uniform(r, 0.03, 0.4)
	var moment *input
	if chance(r, 0.6) {
		moment = sineInput(r, drive, k*uniform(r, -0.1, 0.1), f)
	} else {
		moment = twoSinesInput(r, drive, k*uniform(r, -0.1, 0.1), f*1.3)
	}
	return System{
		Family: "ship-roll", Names: []string{"roll", "roll rate"}, Dim: 2,
		X0:   []float64{uniform(r, -0.6, 0.6), w * uniform(r, -0.5, 0.5)},
		Span: 2 * math.Pi / w * logUniform(r, 0.4, 10),
		RHS: func(t float64, x, dx []float64) {
			p, v := x[0], x[1]
			q := p * p
			dx[0] = v
			dx[1] = moment.value(t) - damp*v - quad*v*smoothAbs(v, 1e-3) - k*p*(1+q*(quintic*q-cubic))
		},
	}
}

// sampleMEMS: electrostatic parallel-plate actuator, gap and spring scaled to
// one: x” = -x'/Q(1 + s/(1-x)³) - x + u(t)²/(1-x)², with squeeze-film damping
// and a stop before the plates touch. Voltage u is a bias plus a drive below
// static pull-in (u² = 4/27).
func sampleMEMS(r *rand.Rand) System {
	damp := 1 / logUniform(r, 2, 60)
	squeeze := uniform(r, 0, 0.5)
	peak := math.Sqrt(4.0 / 27 * uniform(r, 0.15, 0.95))
	share := uniform(r, 0.1, 0.8)
	span := 2 * math.Pi * logUniform(r, 0.5, 10)
	u := anyInput(r, span, 1, peak*(1-share/2), peak*share/2)
	return System{
		Family: "mems-gap", Names: []string{"gap travel", "velocity"}, Dim: 2,
		X0: []float64{uniform(r, -0.1, 0.15), uniform(r, -0.1, 0.1)}, Span: span,
		RHS: func(t float64, x, dx []float64) {
			gap := softplus(1-x[0], 0.02) + 0.02
			g2 := gap * gap
			v := u.value(t)
			dx[0] = x[1]
			dx[1] = v*v/g2 - x[0] - damp*x[1]*(1+squeeze/(g2*gap)) - 60*softplus(x[0]-0.8, 0.02)
		},
	}
}

// sampleQuadrotor: planar quadrotor m x” = -u1 sin a, m z” = u1 cos a - m g,
// I a” = u2 under cascaded PD control of position and attitude, following a
// moving or stepping reference.
func sampleQuadrotor(r *rand.Rand) System {
	const g = 9.81
	wp := uniform(r, 0.6, 1.8)
	wz := uniform(r, 0.8, 3)
	wa := wp * uniform(r, 3.5, 8)
	zp, zz, za := uniform(r, 0.3, 1), uniform(r, 0.2, 1), uniform(r, 0.3, 1)
	span := 2 * math.Pi / wp * logUniform(r, 0.4, 6)
	size := uniform(r, 0.5, 3)
	xr := anyInput(r, span, wp*0.6, 0, size)
	zr := anyInput(r, span, wz*0.4, 0, size*uniform(r, 0.2, 1))
	drag := logUniform(r, 0.01, 0.3)
	return System{
		Family: "planar-quadrotor", Names: []string{"x", "z", "pitch", "x rate", "z rate", "pitch rate"}, Dim: 6,
		X0: []float64{uniform(r, -2, 2), uniform(r, -1, 1), uniform(r, -0.4, 0.4),
			uniform(r, -1, 1), uniform(r, -1, 1), uniform(r, -1, 1)},
		Span: span,
		RHS: func(t float64, x, dx []float64) {
			ax := wp*wp*(xr.value(t)-x[0]) - 2*zp*wp*x[3]
			az := wz*wz*(zr.value(t)-x[1]) - 2*zz*wz*x[4]
			want := -0.7 * tanhFast(ax/(g*0.7))
			thrust := softplus(g+az, 1)
			s, c := sincosFast(x[2])
			dx[0], dx[1], dx[2] = x[3], x[4], x[5]
			dx[3] = -thrust*s - drag*x[3]
			dx[4] = thrust*c - g - drag*x[4]
			dx[5] = wa*wa*(want-x[2]) - 2*za*wa*x[5]
		},
	}
}
