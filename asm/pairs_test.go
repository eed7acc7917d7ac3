package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// pairInput is a random set of tokens with guarded copies of every operand.
func pairInput(r *rand.Rand, n, pairs, queries, offset int, sharedC, sharedTau bool) *PairTokens {
	alloc := func(k int) []float32 {
		x, _ := guarded(k, offset)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	p := &PairTokens{Tokens: n, Pairs: pairs, Queries: queries}
	p.Sigma, p.Omega = alloc(n*pairs), alloc(n*pairs)
	p.Z0, p.B = alloc(2*n*pairs), alloc(2*n*pairs)
	cn, tn := n, n
	if sharedC {
		cn = 1
	}
	if sharedTau {
		tn = 1
	}
	p.C, p.Tau = alloc(2*cn*pairs), alloc(tn*queries)
	for i := range p.Sigma {
		switch r.IntN(8) {
		case 0:
			p.Sigma[i], p.Omega[i] = p.Sigma[i]*1e-6, p.Omega[i]*1e-6
		case 1:
			p.Sigma[i], p.Omega[i] = 0, 0
		case 2:
			p.Omega[i] *= 30
		case 3:
			p.Sigma[i] *= -50
		}
	}
	return p
}

// pairExact evaluates E and M of a pair in float64.
func pairExact(sigma, omega, t float64) (e, m complex128) {
	x, y := min(sigma*t, PairsMaxExponent), omega*t
	s, c := math.Sincos(y / 2)
	em, ex := math.Expm1(x), math.Exp(x)
	return complex(ex*(1-2*s*s), ex*2*s*c), complex(em*(1-2*s*s)-2*s*s, ex*2*s*c)
}

// pairWant is the state of a pair and the scale of its rounding errors: the sizes of the two
// terms, times one and what the rounding of the exponent and the angle do to them.
func pairWant(p *PairTokens, token, k, q int) (z, rate complex128, scale, rateScale float64) {
	j := token*p.Pairs + k
	s, w := float64(p.Sigma[j]), float64(p.Omega[j])
	if math.Abs(s) < PairsTinyRate && math.Abs(w) < PairsTinyRate {
		s, w = float64(float32(PairsTinyRate)), 0
	}
	t := float64(p.tauAt(token)[q])
	e, m := pairExact(s, w, t)
	lambda := complex(s, w)
	z0, b := complex(float64(p.Z0[2*j]), float64(p.Z0[2*j+1])), complex(float64(p.B[2*j]), float64(p.B[2*j+1]))
	abs := func(z complex128) float64 { return math.Hypot(real(z), imag(z)) }
	z = e*z0 + m/lambda*b
	d := complex(float64(p.Sigma[j]), float64(p.Omega[j]))*z0 + b
	grow := 3 + min(math.Abs(s*t), 100) + min(math.Abs(w*t), 4)
	scale = grow * (abs(e)*abs(z0) + (abs(m)+min(abs(lambda*complex(t, 0)), 1)*abs(e))/abs(lambda)*abs(b))
	return z, e * d, scale, grow * abs(e) * (abs(lambda)*abs(z0) + abs(b))
}

func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	eachTier(t, func(tier string) {
		for trial := range 120 {
			n, pairs, queries := 1+r.IntN(4), 1+r.IntN(20), 1+r.IntN(40)
			if trial%40 == 0 {
				n, pairs, queries = 40, 3, 70 // several rounds
			}
			p := pairInput(r, n, pairs, queries, r.IntN(4), r.IntN(2) == 0, r.IntN(2) == 0)
			switch trial % 10 {
			case 7: // far angles
				for i := range p.Omega {
					if r.IntN(2) == 0 {
						p.Omega[i] *= 1e4
					}
				}
			case 8: // extreme growth and decay
				for i := range p.Tau {
					p.Tau[i] *= 100
				}
				for i := range p.Z0 {
					p.Z0[i] *= 1e-3 // room for e^80
					p.B[i] *= 1e-3
				}
			}
			what := fmt.Sprintf("%s: trial %d, %d tokens, %d pairs, %d queries", tier, trial, n, pairs, queries)
			work := make([]float32, PairsWork(pairs)*(1+r.IntN(4)))
			y, checkY := guarded(n*queries, r.IntN(4))
			rate, checkRate := guarded(n*queries, r.IntN(4))
			z, checkZ := guarded(2*n*queries*pairs, r.IntN(4))
			eval, checkEval := guarded(n*queries, r.IntN(4))
			PairsReadout(y, p, work)
			PairsEval(eval, rate, p, work)
			PairsStates(z, p, work)
			checkY(t, what)
			checkRate(t, what)
			checkZ(t, what)
			checkEval(t, what)
			const eps = 1.2e-7
			for i := range n {
				c := p.cAt(i)
				for q := range queries {
					var want, scale, wantRate, rateScale float64
					for k := range pairs {
						s, d, a, b := pairWant(p, i, k, q)
						if math.Hypot(real(s), imag(s)) > 1e36 || math.Hypot(real(d), imag(d)) > 1e36 {
							scale, rateScale = math.Inf(1), math.Inf(1) // may overflow
							continue
						}
						cr, ci := float64(c[2*k]), float64(c[2*k+1])
						size := math.Hypot(cr, ci)
						want += cr*real(s) + ci*imag(s)
						wantRate += cr*real(d) + ci*imag(d)
						scale += size * a
						rateScale += size * b
						at := ((i*queries+q)*pairs + k) * 2
						require.InDelta(t, real(s), float64(z[at]), eps*a+1e-36, what)
						require.InDelta(t, imag(s), float64(z[at+1]), eps*a+1e-36, what)
					}
					if scale > 1e40 {
						continue
					}
					at := i*queries + q
					require.InDelta(t, want, float64(y[at]), eps*scale+1e-36, what)
					require.InDelta(t, wantRate, float64(rate[at]), eps*rateScale+1e-36, what)
					if tier == "avx512" {
						require.InDelta(t, want, float64(eval[at]), eps*scale+1e-36, what)
					} else {
						require.Equal(t, math.Float32bits(y[at]), math.Float32bits(eval[at]), what)
					}
				}
			}
		}
	})
}

func TestPairsSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	eachTier(t, func(tier string) {
		for trial := range 80 {
			n, pairs, queries := 1+r.IntN(4), 1+r.IntN(20), 1+r.IntN(40)
			if trial%40 == 0 {
				n, pairs, queries = 40, 3, 70
			}
			p := pairInput(r, n, pairs, queries, r.IntN(4), r.IntN(2) == 0, r.IntN(2) == 0)
			if trial%10 == 7 {
				for i := range p.Omega {
					p.Omega[i] *= 1e4
				}
			}
			what := fmt.Sprintf("%s: trial %d, %d tokens, %d pairs, %d queries", tier, trial, n, pairs, queries)
			work := make([]float32, PairsWork(pairs)*(1+r.IntN(4)))
			dy, _ := guarded(n*queries, r.IntN(4))
			dz, _ := guarded(2*n*queries*pairs, r.IntN(4))
			for i := range dy {
				dy[i] = float32(r.NormFloat64())
			}
			for i := range dz {
				dz[i] = float32(r.NormFloat64())
			}
			sums, check := guarded(n*pairs*PairsSumWidth, r.IntN(4))
			stateSums, checkStates := guarded(n*pairs*PairsStateSumWidth, r.IntN(4))
			PairsSums(sums, p, dy, work)
			PairsStateSums(stateSums, p, dz, work)
			check(t, what)
			checkStates(t, what)
			for i := range n {
				for k := range pairs {
					j := i*pairs + k
					s, w := float64(p.Sigma[j]), float64(p.Omega[j])
					if math.Abs(s) < PairsTinyRate && math.Abs(w) < PairsTinyRate {
						s, w = float64(float32(PairsTinyRate)), 0
					}
					inv := 1 / complex(s, w)
					var want [2][8]float64
					var scale [2][8]float64
					for q := range queries {
						tq := float64(p.tauAt(i)[q])
						e, m := pairExact(s, w, tq)
						for form := range 2 {
							g := complex(float64(dy[i*queries+q]), 0)
							if form == 1 {
								at := ((i*queries+q)*pairs + k) * 2
								g = complex(float64(dz[at]), -float64(dz[at+1]))
							}
							ge, gte, gm := g*e, g*e*complex(tq, 0), g*m
							row := [6]float64{real(ge), imag(ge), real(gte), imag(gte), real(gm), imag(gm)}
							abs := func(z complex128) float64 { return math.Hypot(real(z), imag(z)) }
							grow := (6 + min(math.Abs(s*tq), 100) + min(math.Abs(w*tq), 4)) * abs(g)
							ea, ma := abs(e), abs(m)+min(abs(complex(s*tq, w*tq)), 1)*abs(e)
							for v, x := range row {
								want[form][v] += x
								scale[form][v] += grow * [6]float64{ea, ea, ea * math.Abs(tq), ea * math.Abs(tq), ma, ma}[v]
							}
						}
					}
					const eps = 1.2e-7
					for v, from := range [5]int{0, 1, 4, 2, 3} {
						require.InDelta(t, want[0][from], float64(sums[j*PairsSumWidth+v]), eps*scale[0][from]+1e-36, "%s: sum %d", what, v)
					}
					require.InEpsilon(t, 1, 1+math.Abs(real(inv)-float64(sums[j*PairsSumWidth+5]))/(math.Abs(real(inv))+1e-30), 1e-6)
					require.InEpsilon(t, 1, 1+math.Abs(imag(inv)-float64(sums[j*PairsSumWidth+6]))/(math.Abs(imag(inv))+1e-30), 1e-6)
					for v := range 6 {
						require.InDelta(t, want[1][v], float64(stateSums[(i*PairsStateSumWidth+v)*pairs+k]), eps*scale[1][v]+1e-36, "%s: state sum %d", what, v)
					}
				}
			}
		}
	})
}

// TestPairsRelative: M keeps its relative accuracy for small lambda t, E where it is small.
func TestPairsRelative(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	eachTier(t, func(tier string) {
		worstE, worstM := 0.0, 0.0
		for range 600 {
			p := &PairTokens{Tokens: 1, Pairs: 1, Queries: 9, B: []float32{0, 0}, Z0: []float32{1, 0}}
			size := math.Pow(10, -9*r.Float64())
			p.Sigma = []float32{float32(r.NormFloat64() * size)}
			p.Omega = []float32{float32(r.NormFloat64() * size)}
			p.Tau = make([]float32, 9)
			for i := range p.Tau {
				p.Tau[i] = float32(r.NormFloat64())
			}
			work := make([]float32, PairsWork(1))
			e, m := make([]float32, 18), make([]float32, 18)
			PairsStates(e, p, work)
			p.B = []float32{p.Sigma[0], p.Omega[0]} // z = E z0 + M
			p.Z0 = []float32{0, 0}
			PairsStates(m, p, work)
			for q, tq := range p.Tau {
				we, wm := pairExact(float64(p.Sigma[0]), float64(p.Omega[0]), float64(tq))
				errE := math.Hypot(real(we)-float64(e[2*q]), imag(we)-float64(e[2*q+1])) / math.Hypot(real(we), imag(we))
				errM := math.Hypot(real(wm)-float64(m[2*q]), imag(wm)-float64(m[2*q+1])) / math.Hypot(real(wm), imag(wm))
				worstE, worstM = max(worstE, errE), max(worstM, errM)
			}
		}
		t.Logf("%s: worst relative error of E %.2g, of M %.2g", tier, worstE, worstM)
		require.Less(t, worstE, 6e-7)
		require.Less(t, worstM, 8e-7)
	})
}

func TestPairsSpecialValues(t *testing.T) {
	eachTier(t, func(tier string) {
		nan, inf := nan32, inf32
		one := func(sigma, omega, tau float32) (y, rate float32, z [2]float32) {
			p := &PairTokens{Tokens: 1, Pairs: 1, Queries: 1, Sigma: []float32{sigma}, Omega: []float32{omega},
				Z0: []float32{1, 2}, B: []float32{1, -1}, C: []float32{1, 1}, Tau: []float32{tau}}
			var a, b [1]float32
			work := make([]float32, PairsWork(1))
			PairsEval(a[:], b[:], p, work)
			PairsStates(z[:], p, work)
			return a[0], b[0], z
		}
		isNaN := func(x float32) bool { return x != x }
		for _, c := range [][3]float32{{nan, 1, 1}, {1, nan, 1}, {1, 1, nan}, {-1, 2, inf}, {nan, 1e9, 1}, {nan, 0, 0}} {
			y, rate, z := one(c[0], c[1], c[2])
			require.True(t, isNaN(y) && isNaN(rate) && isNaN(z[0]), "%s: %v gives %v %v %v", tier, c, y, rate, z)
		}
		// Decayed: the fixed point -b/lambda, to the last digit, whatever the angle.
		y, rate, z := one(-1e4, 0, 1e30)
		require.Equal(t, [4]float32{1e-4 - 1e-4, 0, 1e-4, -1e-4}, [4]float32{y, rate, z[0], z[1]}, tier)
		y, _, _ = one(-1, 1e20, 1e15)
		require.False(t, isNaN(y), tier)
		// Grown: clamped.
		a, _, _ := one(1, 0, 80)
		b, _, _ := one(1, 0, 1e7)
		require.Equal(t, a, b)
		require.InEpsilon(t, 3*math.Exp(80), float64(a), 1e-5)
	})
}

// TestPairsDenormals: the factor e^(sigma t) counts as zero below 8.4e-39 at most, on the
// assembly tiers, and is accurate to a step of a denormal on the reference; other operands
// and results may be denormal.
func TestPairsDenormals(t *testing.T) {
	eachTier(t, func(tier string) {
		flushed, step := 8.4e-39, 0x1p-149
		if tier == "reference" {
			flushed = step
		}
		for _, far := range []float32{0, 1e6} {
			const queries = 61
			p := &PairTokens{Tokens: 1, Pairs: 2, Queries: queries, Sigma: []float32{-1, -1}, Omega: []float32{0, far},
				Z0: []float32{1, 0, 0, 0}, B: make([]float32, 4), C: []float32{1, 0, 1, 0}, Tau: make([]float32, queries)}
			for i := range p.Tau {
				p.Tau[i] = 80 + float32(i)/2
			}
			work, y, rate, z := make([]float32, PairsWork(2)), make([]float32, queries), make([]float32, queries), make([]float32, 4*queries)
			for _, z0 := range []float32{1, 1e30} {
				p.Z0[0] = z0
				PairsStates(z, p, work)
				check := func(what string) {
					for q, tq := range p.Tau {
						e := math.Exp(-float64(tq))
						tol := float64(z0) * (1e-5*e + step)
						if e < flushed {
							tol = float64(z0) * flushed
						}
						require.InDelta(t, e*float64(z0), float64(y[q]), tol, "%s: %s at %g", tier, what, tq)
						require.InDelta(t, e*float64(z0), float64(z[4*q]), tol, "%s: state at %g", tier, tq)
					}
				}
				PairsReadout(y, p, work)
				check("readout")
				PairsEval(y, rate, p, work)
				check("value")
			}
		}
		// Denormal rates count as none, denormal states and drives as they are.
		p := &PairTokens{Tokens: 1, Pairs: 1, Queries: 3, Sigma: []float32{1e-40}, Omega: []float32{-1e-41},
			Z0: []float32{3e-40, -1e-45}, B: []float32{1e-39, 2}, C: []float32{1, 0}, Tau: []float32{0, 1, 1e-6}}
		work, y, z := make([]float32, PairsWork(1)), make([]float32, 3), make([]float32, 6)
		PairsReadout(y, p, work)
		PairsStates(z, p, work)
		require.InDeltaSlice(t, []float32{3e-40, 1.3e-39, 3e-40}, y, 4*step, tier)
		require.InDeltaSlice(t, []float32{3e-40, 1.3e-39, 3e-40}, []float32{z[0], z[2], z[4]}, 4*step, tier)
		require.InDeltaSlice(t, []float32{-1e-45, 2, 2e-6}, []float32{z[1], z[3], z[5]}, 1e-12, tier)
	})
}

func TestPairsAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := rand.New(rand.NewPCG(7, 8))
	p := pairInput(r, 20, 8, 32, 0, true, false)
	work, y, sums := make([]float32, 5*PairsWork(8)), make([]float32, 20*32), make([]float32, 20*8*PairsSumWidth)
	rate := make([]float32, len(y))
	require.Zero(t, testing.AllocsPerRun(5, func() {
		PairsReadout(y, p, work)
		PairsEval(y, rate, p, work)
		PairsSums(sums, p, y, work)
	}))
}

func FuzzPairs(f *testing.F) {
	f.Add(float32(-1), float32(3), float32(0.5), uint8(3))
	f.Add(float32(1e-20), float32(0), float32(7), uint8(17))
	f.Add(float32(-1e4), float32(1e6), float32(1), uint8(9))
	f.Fuzz(func(t *testing.T, sigma, omega, tau float32, n uint8) {
		queries := int(n%40) + 1
		p := &PairTokens{Tokens: 1, Pairs: 1, Queries: queries, Sigma: []float32{sigma}, Omega: []float32{omega},
			Z0: []float32{1, -0.5}, B: []float32{0.25, 2}, C: []float32{1, 1}, Tau: make([]float32, queries)}
		for i := range p.Tau {
			p.Tau[i] = tau * float32(i+1) / float32(queries)
		}
		work, y := make([]float32, PairsWork(1)), make([]float32, queries)
		eachTier(t, func(tier string) {
			PairsReadout(y, p, work)
			for q := range y {
				z, _, scale, _ := pairWant(p, 0, 0, q)
				want := real(z) + imag(z)
				if math.IsNaN(want) || math.IsInf(want, 0) || scale > 1e36 || math.Abs(float64(omega)*float64(tau)) > 1e9 || math.Abs(float64(sigma)) > 1e18 {
					continue
				}
				require.InDelta(t, want, float64(y[q]), 3e-7*scale+1e-36, "%s: sigma %g omega %g t %g", tier, sigma, omega, p.Tau[q])
			}
		})
	})
}

func BenchmarkPairs(b *testing.B) {
	const n, pairs, queries = 64, 8, 32
	r := rand.New(rand.NewPCG(1, 1))
	p := pairInput(r, n, pairs, queries, 0, true, false)
	for i := range p.Sigma {
		p.Sigma[i], p.Omega[i] = -float32(r.Float64())*5, float32(r.NormFloat64())*3
	}
	for i := range p.Tau {
		p.Tau[i] = float32(r.Float64())
	}
	work, y, sums := make([]float32, 16*PairsWork(pairs)), make([]float32, n*queries), make([]float32, n*pairs*PairsSumWidth)
	z := make([]float32, n*queries*pairs*2)
	eachTier(b, func(tier string) {
		run := func(op string, f func()) {
			b.Run(fmt.Sprintf("op=%s/impl=%s/pairs=%d/queries=%d", op, tier, pairs, queries), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				per := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / n
				b.ReportMetric(per/1e3, "us/token")
				b.ReportMetric(per/(pairs*queries), "ns/elem")
			})
		}
		run("readout", func() { PairsReadout(y, p, work) })
		run("sums", func() { PairsSums(sums, p, y, work) })
		run("states", func() { PairsStates(z, p, work) })
		run("statesums", func() { PairsStateSums(sums, p, z, work) })
	})
}
