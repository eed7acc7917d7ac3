package asm

import (
	"fmt"
	"math"
	"unsafe"
)

// The closed form of one pair. With lambda = sigma + i omega and
//
//	E = e^(lambda t),  M = e^(lambda t) - 1,
//
// the solution of z' = lambda z + b, z(0) = z0 is z(t) = E z0 + (M/lambda) b. M
// comes from expm1 and the sine of the half angle,
//
//	Re M = expm1(x) cos y - 2 sin^2(y/2),  Im M = Im E = e^x sin y,
//
// with x = sigma t, y = omega t, so it is accurate relative to |M| however small
// lambda t is, and M/lambda is t phi1(lambda t) without a case distinction. A
// lambda with both parts below PairsTinyRate is replaced by the real
// PairsTinyRate: the state moves by less than PairsTinyRate t^2/2, and the
// division stays defined.
const (
	// PairsMaxExponent is the largest real exponent that is evaluated as given;
	// larger ones are clamped to it.
	PairsMaxExponent = 80
	// PairsTinyRate is the least rate of a pair.
	PairsTinyRate = 1e-12
)

// Planes of the coefficients of a token: pairPlanes rows of one number per pair.
const (
	planeSigma = iota // growth rate
	planeHalf         // omega/2
	planeTurns        // omega/(2 pi)
	planeUR           // Re u, u = conj(c) z0
	planeVR           // Re v, v = conj(c) b/lambda
	planeW            // Im(u + v)
	planeUI           // Im u; for rates Re d, d = conj(c) (lambda z0 + b)
	planeVI           // Im v; for rates Im d
	planeInvR         // Re 1/lambda
	planeInvI         // Im 1/lambda
	pairPlanes
)

// PairsSumWidth is the number of floats for each pair that PairsSums writes: the
// real and imaginary part of sum g E, the real part of sum g M (the imaginary
// part is that of sum g E), both parts of sum g t E, both parts of 1/lambda, and
// one without meaning.
const PairsSumWidth = 8

// PairsStateSumWidth is the number of rows, each of one number per pair, that
// PairsStateSums writes for a token: both parts of sum w E, of sum w t E, of sum
// w M and of 1/lambda, with complex weights w.
const PairsStateSumWidth = 8

// PairTokens describes tokens of independent complex pairs z' = lambda z + b.
// Complex numbers are stored re, im interleaved.
type PairTokens struct {
	Tokens, Pairs, Queries int

	Sigma, Omega []float32 // lambda = Sigma + i Omega, [Tokens, Pairs]
	Z0, B        []float32 // start and drive, [Tokens, Pairs, 2]
	C            []float32 // readout, [Tokens, Pairs, 2] or for all tokens [Pairs, 2]; nil for states
	Tau          []float32 // times, [Tokens, Queries] or for all tokens [Queries]
}

// PairsWork is the least length of the work slice of the kernels on pairs; up to
// tokens times as much makes fewer, longer calls.
func PairsWork(pairs int) int { return pairPlanes * pairs }

// pairsArgs is what the assembly bodies read. Strides are in bytes.
type pairsArgs struct {
	dst, rate, grad                *float32
	coef                           *float32
	sigma, omega, z0, b, c         *float32
	tau                            *float32
	tauStride, cStride, dstStride  int
	gradStride                     int
	tokens, pairs, queries, planes int
	maxTurns, maxTau               float32
}

// maxFastTurns is the largest |omega t|/(2 pi) that the reduction in float32
// serves; beyond, the lanes concerned are reduced in float64.
const maxFastTurns = 1024

func (p *PairTokens) check(op string, dst, perQuery, perPair int, work []float32) {
	n, w, q := p.Tokens, p.Pairs, p.Queries
	if n < 0 || w < 0 || q < 0 {
		panic(fmt.Sprintf("asm: %s: negative size %d tokens x %d pairs x %d queries", op, n, w, q))
	}
	want := func(name string, have, need int) {
		if have != need {
			panic(fmt.Sprintf("asm: %s: len(%s) = %d, want %d for %d tokens x %d pairs x %d queries", op, name, have, need, n, w, q))
		}
	}
	want("Sigma", len(p.Sigma), n*w)
	want("Omega", len(p.Omega), n*w)
	want("Z0", len(p.Z0), 2*n*w)
	want("B", len(p.B), 2*n*w)
	if p.C != nil && len(p.C) != 2*w {
		want("C", len(p.C), 2*n*w)
	}
	if len(p.Tau) != q {
		want("Tau", len(p.Tau), n*q)
	}
	want("dst", dst, n*(perQuery*q+perPair*w))
	if len(work) < pairPlanes*w {
		panic(fmt.Sprintf("asm: %s: len(work) = %d, want at least %d", op, len(work), pairPlanes*w))
	}
}

func (p *PairTokens) cAt(token int) []float32 {
	if len(p.C) == 2*p.Pairs {
		return p.C
	}
	return p.C[2*p.Pairs*token : 2*p.Pairs*(token+1)]
}

func (p *PairTokens) tauAt(token int) []float32 {
	if len(p.Tau) == p.Queries {
		return p.Tau
	}
	return p.Tau[p.Queries*token : p.Queries*(token+1)]
}

// maxPairs is the greatest number of pairs that goes through the assembly: it does all
// pairs of a token in one call, for at least 16 times.
const maxPairs = maxCall / 16

// simd reports whether the assembly bodies serve p.
func (p *PairTokens) simd() bool { return useSIMD && p.Pairs <= maxPairs }

// block returns how many tokens one round handles: what work has room for and
// what an assembly call may take. A vector of pairs, or of times, costs the same if it is
// not full.
func (p *PairTokens) block(work []float32) int {
	n := min(p.Tokens, len(work)/(pairPlanes*p.Pairs), maxCall/(round8(p.Pairs)*max(round8(p.Queries), 16)))
	return max(n, 1)
}

// readoutStep and stateStep are how many times go into one call, where vectors hold times
// or pairs.
func (p *PairTokens) readoutStep() int { return maxCall / p.Pairs &^ 15 }
func (p *PairTokens) stateStep() int   { return maxCall / round8(p.Pairs) }

// coefficients writes the coefficient planes of the tokens, maxTurns and maxTau.
func (a *pairsArgs) coefficients() {
	queries := a.queries
	a.queries = min(queries, maxCall)
	pairsCoefSIMD(a)
	if queries > maxCall { // of a single token
		for _, t := range unsafe.Slice(a.tau, queries)[maxCall:] {
			a.maxTau = max(a.maxTau, t, -t)
		}
	}
	a.queries = queries
}

// args fills the part that all assembly bodies share, for tokens lo..hi.
func (p *PairTokens) args(work []float32, lo, hi int) pairsArgs {
	a := pairsArgs{
		coef: &work[0], sigma: &p.Sigma[lo*p.Pairs], omega: &p.Omega[lo*p.Pairs],
		z0: &p.Z0[2*lo*p.Pairs], b: &p.B[2*lo*p.Pairs],
		tokens: hi - lo, pairs: p.Pairs, queries: p.Queries, planes: p.Pairs,
	}
	if p.C != nil {
		a.c = &p.cAt(lo)[0]
		if len(p.C) != 2*p.Pairs {
			a.cStride = 8 * p.Pairs
		}
	}
	a.tau = &p.tauAt(lo)[0]
	if len(p.Tau) != p.Queries {
		a.tauStride = 4 * p.Queries
	}
	return a
}

// far reports whether some angle may need the reduction in float64. NaN counts
// as far.
func (a *pairsArgs) far() bool { return !(a.maxTurns*a.maxTau <= maxFastTurns) }

func (p *PairTokens) race(dst []float32, write bool) {
	for _, x := range [...][]float32{p.Sigma, p.Omega, p.Z0, p.B, p.C, p.Tau} {
		raceRead(x)
	}
	if write {
		raceWrite(dst)
	} else {
		raceRead(dst)
	}
}

// PairsReadout computes y[i,q] = sum over p of Re(conj(c_p) z_p(t_q)) for every
// token i: y holds Tokens x Queries numbers. Against float64, the error is a few
// float32 roundings of the magnitudes |c| |E z0| and |c| |M/lambda| |b| summed
// over the pairs, plus the rounding of sigma t and omega t themselves. work is
// scratch, see PairsWork; nothing may overlap.
func PairsReadout(y []float32, p *PairTokens, work []float32) {
	p.check("PairsReadout", len(y), 1, 0, work)
	if p.C == nil {
		panic("asm: PairsReadout: C is nil")
	}
	if len(y) == 0 {
		return
	}
	if p.Pairs == 0 {
		clear(y)
		return
	}
	if !p.simd() {
		for i := range p.Tokens {
			pairCoefGo(work, p, i)
			pairsReadoutGo(y[i*p.Queries:(i+1)*p.Queries], nil, work, p.tauAt(i), p.Pairs)
		}
		return
	}
	p.race(y, true)
	n := p.block(work)
	for lo := 0; lo < p.Tokens; lo += n {
		a := p.args(work, lo, min(lo+n, p.Tokens))
		a.coefficients()
		a.dst, a.dstStride = &y[lo*p.Queries], 4*p.Queries
		pairsReadoutCall(a, p.readoutStep())
	}
}

// pairsReadoutCall runs one round, step times at a time.
func pairsReadoutCall(a pairsArgs, step int) {
	far, wide := a.far(), useAVX512
	for queries := a.queries; ; {
		a.queries = min(queries, step)
		switch {
		case a.rate != nil:
			pairsRateSIMD(&a)
		case far:
			pairsReadoutFarSIMD(&a)
		case wide:
			pairsReadoutAVX512(&a)
		default:
			pairsReadoutSIMD(&a)
		}
		if queries -= step; queries <= 0 {
			return
		}
		a.dst, a.tau = skip(a.dst, step), skip(a.tau, step)
		if a.rate != nil {
			a.rate = skip(a.rate, step)
		}
	}
}

// PairsEval computes y as PairsReadout and, unless rate is nil, the exact time
// derivative of y: Re(conj(c) E (lambda z0 + b)), which does not cancel near the
// fixed point.
func PairsEval(y, rate []float32, p *PairTokens, work []float32) {
	if rate == nil {
		PairsReadout(y, p, work)
		return
	}
	p.check("PairsEval", len(y), 1, 0, work)
	same("PairsEval", "y", len(y), "rate", len(rate))
	if p.C == nil {
		panic("asm: PairsEval: C is nil")
	}
	if len(y) == 0 {
		return
	}
	if p.Pairs == 0 {
		clear(y)
		clear(rate)
		return
	}
	p.race(y, true)
	raceWrite(rate)
	for i := range p.Tokens {
		yi, ri := y[i*p.Queries:(i+1)*p.Queries], rate[i*p.Queries:(i+1)*p.Queries]
		if !p.simd() {
			pairCoefGo(work, p, i)
			pairRateCoef(work, p, i)
			pairsReadoutGo(yi, ri, work, p.tauAt(i), p.Pairs)
			continue
		}
		a := p.args(work, i, i+1)
		a.coefficients()
		pairRateCoef(work, p, i)
		a.dst, a.rate = &yi[0], &ri[0]
		pairsReadoutCall(a, p.readoutStep())
	}
}

// pairRateCoef puts d = conj(c) (lambda z0 + b), with the true lambda, in place
// of Im u and Im v.
func pairRateCoef(coef []float32, p *PairTokens, token int) {
	w := p.Pairs
	c := p.cAt(token)
	for k := range w {
		j := token*w + k
		s, o := p.Sigma[j], p.Omega[j]
		zr, zi := p.Z0[2*j], p.Z0[2*j+1]
		dr, di := s*zr-o*zi+p.B[2*j], s*zi+o*zr+p.B[2*j+1]
		cr, ci := c[2*k], c[2*k+1]
		coef[planeUI*w+k] = cr*dr + ci*di
		coef[planeVI*w+k] = cr*di - ci*dr
	}
}

// PairsStates computes the states themselves, z [Tokens, Queries, Pairs, 2].
func PairsStates(z []float32, p *PairTokens, work []float32) {
	p.check("PairsStates", len(z), 2*p.Pairs, 0, work)
	if len(z) == 0 {
		return
	}
	q := *p
	q.C = nil
	width := 2 * p.Pairs * p.Queries
	if !p.simd() {
		for i := range p.Tokens {
			pairCoefGo(work, &q, i)
			pairsStatesGo(z[i*width:(i+1)*width], work, p.tauAt(i), p.Pairs)
		}
		return
	}
	p.race(z, true)
	n := p.block(work)
	step := p.stateStep()
	for lo := 0; lo < p.Tokens; lo += n {
		a := q.args(work, lo, min(lo+n, p.Tokens))
		a.coefficients()
		a.dst, a.dstStride = &z[lo*width], 4*width
		far := a.far()
		for queries := a.queries; ; {
			a.queries = min(queries, step)
			if far {
				pairsStatesFarSIMD(&a)
			} else {
				pairsStatesSIMD(&a)
			}
			if queries -= step; queries <= 0 {
				break
			}
			a.dst, a.tau = skip(a.dst, step*2*p.Pairs), skip(a.tau, step)
		}
	}
}

// PairsSums computes, for the gradient of PairsReadout, the sums over the times
// of each pair with weights g = dy [Tokens, Queries]: sums [Tokens, Pairs,
// PairsSumWidth], see there.
func PairsSums(sums []float32, p *PairTokens, dy, work []float32) {
	p.check("PairsSums", len(sums), 0, PairsSumWidth, work)
	same("PairsSums", "dy", len(dy), "y", p.Tokens*p.Queries)
	if len(sums) == 0 {
		return
	}
	clear(sums)
	width := p.Pairs * PairsSumWidth
	if !p.simd() || len(dy) == 0 {
		for i := range p.Tokens {
			pairCoefGo(work, p, i)
			pairsSumsGo(sums[i*width:(i+1)*width], work, p.tauAt(i), dy[i*p.Queries:(i+1)*p.Queries], p.Pairs)
		}
		return
	}
	p.race(sums, true)
	raceRead(dy)
	n := p.block(work)
	step := p.readoutStep()
	for lo := 0; lo < p.Tokens; lo += n {
		a := p.args(work, lo, min(lo+n, p.Tokens))
		a.coefficients()
		a.dst, a.dstStride = &sums[lo*width], 4*width
		a.grad, a.gradStride = &dy[lo*p.Queries], 4*p.Queries
		far := a.far()
		for queries := a.queries; ; {
			a.queries = min(queries, step)
			switch {
			case far:
				pairsSumsFarSIMD(&a)
			case useAVX512:
				pairsSumsAVX512(&a)
			default:
				pairsSumsSIMD(&a)
			}
			if queries -= step; queries <= 0 {
				break
			}
			a.grad, a.tau = skip(a.grad, step), skip(a.tau, step)
		}
	}
}

// PairsStateSums is PairsSums for PairsStates: dz [Tokens, Queries, Pairs, 2],
// weights w = conj(dz), sums [Tokens, PairsStateSumWidth, Pairs].
func PairsStateSums(sums []float32, p *PairTokens, dz, work []float32) {
	p.check("PairsStateSums", len(sums), 0, PairsStateSumWidth, work)
	same("PairsStateSums", "dz", len(dz), "z", p.Tokens*p.Queries*p.Pairs*2)
	if len(sums) == 0 {
		return
	}
	clear(sums)
	q := *p
	q.C = nil
	width, dw := p.Pairs*PairsStateSumWidth, 2*p.Pairs*p.Queries
	if !p.simd() || len(dz) == 0 {
		for i := range p.Tokens {
			pairCoefGo(work, &q, i)
			pairsStateSumsGo(sums[i*width:(i+1)*width], work, p.tauAt(i), dz[i*dw:(i+1)*dw], p.Pairs)
		}
		return
	}
	p.race(sums, true)
	raceRead(dz)
	n := p.block(work)
	step := p.stateStep()
	for lo := 0; lo < p.Tokens; lo += n {
		a := q.args(work, lo, min(lo+n, p.Tokens))
		a.coefficients()
		a.dst, a.dstStride = &sums[lo*width], 4*width
		a.grad, a.gradStride = &dz[lo*dw], 4*dw
		far := a.far()
		for queries := a.queries; ; {
			a.queries = min(queries, step)
			if far {
				pairsStateSumsFarSIMD(&a)
			} else {
				pairsStateSumsSIMD(&a)
			}
			if queries -= step; queries <= 0 {
				break
			}
			a.grad, a.tau = skip(a.grad, step*2*p.Pairs), skip(a.tau, step)
		}
	}
}

// The reference bodies.

// pairCoefGo writes the coefficient planes of one token.
func pairCoefGo(coef []float32, p *PairTokens, token int) {
	w := p.Pairs
	for k := range w {
		j := token*w + k
		cr, ci := float32(1), float32(0)
		if p.C != nil {
			c := p.cAt(token)
			cr, ci = c[2*k], c[2*k+1]
		}
		s, o := p.Sigma[j], p.Omega[j]
		if s < PairsTinyRate && s > -PairsTinyRate && o < PairsTinyRate && o > -PairsTinyRate {
			s, o = PairsTinyRate, 0
		}
		// In float64, so that no square overflows.
		d := 1 / (float64(s)*float64(s) + float64(o)*float64(o))
		ir, ii := float32(float64(s)*d), float32(-float64(o)*d)
		zr, zi := p.Z0[2*j], p.Z0[2*j+1]
		br, bi := p.B[2*j], p.B[2*j+1]
		ur, ui := cr*zr+ci*zi, cr*zi-ci*zr
		tr, ti := cr*br+ci*bi, cr*bi-ci*br
		vr, vi := tr*ir-ti*ii, tr*ii+ti*ir
		for plane, v := range [pairPlanes]float32{s, o / 2, o * (0.5 / math.Pi), ur, vr, ui + vi, ui, vi, ir, ii} {
			coef[plane*w+k] = v
		}
	}
}

// pairFactors returns Re E, Im E and Re M at time t; half is omega/2.
func pairFactors(sigma, half, t float32) (er, ei, mr float32) {
	x := min(float64(sigma*t), PairsMaxExponent)
	sin, cos := math.Sincos(float64(half) * float64(t))
	e, m := exp64(x), expm164(x)
	s2 := 2 * sin * sin
	return float32(e - e*s2), float32(e * 2 * sin * cos), float32(m - m*s2 - s2)
}

func pairsReadoutGo(y, rate, coef, tau []float32, pairs int) {
	plane := func(k int) []float32 { return coef[k*pairs : (k+1)*pairs] }
	sigma, half := plane(planeSigma), plane(planeHalf)
	ur, vr, w, dr, di := plane(planeUR), plane(planeVR), plane(planeW), plane(planeUI), plane(planeVI)
	for q, t := range tau {
		var s, d float32
		for p := range pairs {
			er, ei, mr := pairFactors(sigma[p], half[p], t)
			s += ur[p]*er + vr[p]*mr - w[p]*ei
			d += dr[p]*er - di[p]*ei
		}
		y[q] = s
		if rate != nil {
			rate[q] = d
		}
	}
}

func pairsStatesGo(z, coef, tau []float32, pairs int) {
	plane := func(k int) []float32 { return coef[k*pairs : (k+1)*pairs] }
	sigma, half := plane(planeSigma), plane(planeHalf)
	ur, vr, w, ui, vi := plane(planeUR), plane(planeVR), plane(planeW), plane(planeUI), plane(planeVI)
	for q, t := range tau {
		row := z[q*2*pairs : (q+1)*2*pairs]
		for p := range pairs {
			er, ei, mr := pairFactors(sigma[p], half[p], t)
			row[2*p] = ur[p]*er + vr[p]*mr - w[p]*ei
			row[2*p+1] = ui[p]*er + vi[p]*mr + (ur[p]+vr[p])*ei
		}
	}
}

func pairsSumsGo(sums, coef, tau, g []float32, pairs int) {
	for p := range pairs {
		var sr, si, mr, tr, ti float32
		for q, t := range tau {
			e, f, m := pairFactors(coef[planeSigma*pairs+p], coef[planeHalf*pairs+p], t)
			gt := g[q] * t
			sr += g[q] * e
			si += g[q] * f
			mr += g[q] * m
			tr += gt * e
			ti += gt * f
		}
		s := sums[p*PairsSumWidth : (p+1)*PairsSumWidth]
		s[0] += sr
		s[1] += si
		s[2] += mr
		s[3] += tr
		s[4] += ti
		s[5], s[6] = coef[planeInvR*pairs+p], coef[planeInvI*pairs+p]
	}
}

func pairsStateSumsGo(sums, coef, tau, dz []float32, pairs int) {
	for p := range pairs {
		var s [6]float32
		for q, t := range tau {
			gr, gi := dz[(q*pairs+p)*2], -dz[(q*pairs+p)*2+1]
			e, f, m := pairFactors(coef[planeSigma*pairs+p], coef[planeHalf*pairs+p], t)
			er, ei := gr*e-gi*f, gr*f+gi*e
			s[0] += er
			s[1] += ei
			s[2] += t * er
			s[3] += t * ei
			s[4] += gr*m - gi*f
			s[5] += gr*f + gi*m
		}
		for k, v := range s {
			sums[k*pairs+p] += v
		}
		sums[6*pairs+p], sums[7*pairs+p] = coef[planeInvR*pairs+p], coef[planeInvI*pairs+p]
	}
}

// skip returns the address of the element n after *p, which must exist.
func skip(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
