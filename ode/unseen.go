package ode

import (
	"math"
	"math/rand/v2"
)

// UnseenFamilies returns random systems of two kinds that the training mixture
// does not have, to measure how a model does on structures it never saw: gene
// networks of random topology with Hill functions, and port-Hamiltonian
// networks. The rules of [Families] on memory and goroutines hold here too.
func UnseenFamilies() []Family {
	return []Family{
		{Name: "hill-network", Sample: sampleHillNetwork},
		{Name: "port-hamiltonian", Sample: samplePortHamiltonian},
	}
}

// sampleHillNetwork: three to six genes, each decaying and produced at a rate
// that is the sum of one to three Hill functions of random genes, activating
// (x/k)^h/(1+(x/k)^h) or repressing 1/(1+(x/k)^h), or a product of two of them.
// In part of the draws one gene is also induced from outside.
func sampleHillNetwork(r *rand.Rand) System {
	n := intBetween(r, 3, 6)
	type arc struct {
		gene, by, and         int // and: a second regulator, or -1
		rate, k, h, k2, h2    float64
		represses, represses2 bool
	}
	var arcs []arc
	decay, base, x0 := make([]float64, n), make([]float64, n), make([]float64, n)
	ring := r.Perm(n) // a loop through most genes keeps many draws moving
	length := intBetween(r, 2, n)
	for i := range n {
		decay[i] = logUniform(r, 0.4, 2.5)
		base[i] = logUniform(r, 0.005, 0.1)
		x0[i] = logUniform(r, 0.05, 3)
	}
	add := func(gene, by int) {
		a := arc{gene: gene, by: by, and: -1, rate: decay[gene] * logUniform(r, 1.5, 12), k: logUniform(r, 0.3, 2), h: uniform(r, 2, 8), represses: chance(r, 0.6)}
		if chance(r, 0.25) {
			a.and, a.k2, a.h2, a.represses2 = r.IntN(n), logUniform(r, 0.3, 2), uniform(r, 1.5, 6), chance(r, 0.5)
		}
		arcs = append(arcs, a)
	}
	for i := range length {
		add(ring[(i+1)%length], ring[i])
	}
	for gene := range n {
		for range r.IntN(3) {
			add(gene, r.IntN(n))
		}
	}
	for i := length; i < n; i++ {
		add(ring[i], r.IntN(n))
	}
	drive, driven := constantInput(0), r.IntN(n)
	if chance(r, 0.4) {
		drive = anyInput(r, 20, 1, 1, uniform(r, 0.3, 1))
	}
	hill := func(x, k, h float64, represses bool) float64 {
		p := hillPow(x/k, h)
		if represses {
			return 1 / (1 + p)
		}
		return p / (1 + p)
	}
	return System{
		Family: "hill-network", Names: channelNames("gene ", n), Dim: n, X0: x0, Span: 20,
		RHS: func(t float64, x, dx []float64) {
			for i := range dx {
				dx[i] = base[i] - decay[i]*x[i]
			}
			for i := range arcs {
				a := &arcs[i]
				v := a.rate * hill(min(x[a.by], 1e3), a.k, a.h, a.represses)
				if a.and >= 0 {
					v *= hill(min(x[a.and], 1e3), a.k2, a.h2, a.represses2)
				}
				dx[a.gene] += v
			}
			dx[driven] += max(drive.value(t), 0)
		},
	}
}

// samplePortHamiltonian: x' = (J - R) grad H(x) + g u(t) with a random skew
// matrix J, random dissipation R >= 0 and the energy
// H = sum a x²/2 + sum c sqrt(1 + (w.x)²) + q |x|⁴/4, four to six variables.
func samplePortHamiltonian(r *rand.Rand) System {
	n := intBetween(r, 4, 6)
	j := make([]float64, n*n)
	for i := range n {
		for k := range i {
			if k == i-1 || chance(r, 0.35) { // connected
				v := sign(r) * logUniform(r, 0.3, 3)
				j[i*n+k], j[k*n+i] = v, -v
			}
		}
	}
	for i := range n {
		if chance(r, 0.6) {
			j[i*n+i] = -logUniform(r, 0.005, 0.3)
		}
	}
	a := make([]float64, n)
	for i := range a {
		a[i] = logUniform(r, 0.05, 2)
	}
	ridges := intBetween(r, 2, n)
	w, c := normals(r, ridges*n), make([]float64, ridges)
	for k := range c {
		c[k] = logUniform(r, 0.3, 4)
	}
	q := 0.0
	if chance(r, 0.5) {
		q = logUniform(r, 0.01, 0.5)
	}
	gain := make([]float64, n)
	drive := constantInput(0)
	if chance(r, 0.5) {
		gain[r.IntN(n)] = logUniform(r, 0.3, 3)
		drive = anyInput(r, 15, 1.5, 0, 1)
	}
	grad := make([]float64, n)
	x0 := normals(r, n)
	for i := range x0 {
		x0[i] *= 1.5
	}
	return System{
		Family: "port-hamiltonian", Names: channelNames("x", n), Dim: n, X0: x0, Span: 15,
		RHS: func(t float64, x, dx []float64) {
			var norm float64
			for _, v := range x {
				norm += v * v
			}
			for i, v := range x {
				grad[i] = (a[i] + q*norm) * v
			}
			for k, s := range c {
				row := w[k*n : (k+1)*n]
				var z float64
				for i, v := range row {
					z += v * x[i]
				}
				z *= s / math.Sqrt(1+z*z)
				for i, v := range row {
					grad[i] += v * z
				}
			}
			u := drive.value(t)
			for i := range dx {
				s := gain[i] * u
				for k, v := range j[i*n : (i+1)*n] {
					s += v * grad[k]
				}
				dx[i] = s
			}
		},
	}
}

const unseenStream = 0x756e7365

// UnseenKinds makes perKind trajectories of each of [UnseenFamilies],
// EvalSamples samples each, with all state variables that move as channels, in
// the systems' own units. As in training, the span is chosen from the time
// scale of each draw; one in ten may be free of turns.
func UnseenKinds(seed uint64, perKind int) []Trajectory {
	var out []Trajectory
	g := generators.Get().(*generator)
	defer generators.Put(g)
	g.tolerance = evalTolerance
	for k, f := range UnseenFamilies() {
		r := rand.New(rand.NewPCG(seed^unseenStream<<32, uint64(k)))
		for kept, tries := 0, 0; kept < perKind && tries < 200*perKind; tries++ {
			s := f.Sample(r)
			start, span, ok := g.schedule(r, &s, chance(r, 0.1))
			if !ok || !g.fine(&s, start, span, EvalSamples) {
				continue
			}
			var columns []int
			resting := true
			for c := range s.Dim {
				switch g.judge(c, s.Dim, EvalSamples, false) {
				case dull:
					continue
				case good:
					resting = false
				}
				columns = append(columns, c)
			}
			if resting || len(columns) < 2 {
				continue
			}
			all := g.series(s.Dim, EvalSamples, s.Names)
			for i, row := range all.Values {
				for to, c := range columns {
					row[to] = row[c]
				}
				all.Values[i] = row[:len(columns):len(columns)]
			}
			names := make([]string, len(columns))
			for to, c := range columns {
				names[to] = s.Names[c]
			}
			all.Names = names
			out = append(out, Trajectory{all, f.Name})
			kept++
		}
	}
	return out
}
