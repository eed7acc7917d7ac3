package linode

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
)

// seriesRadius separates, in the backward pass, the two evaluations of
// sum_q g_q t_q^2 phi1'(lambda t_q): by the recurrence t^2 phi1' = (t E - M/lambda)/lambda
// where |lambda| max|t| is at least this, by powers of lambda and moments of
// (g, t) below. The series' first dropped term is 0.5^8/(8! 10) < 1e-8.
const (
	seriesRadius = 0.5
	moments      = 8
)

// phi1Slope holds 1/(k!(k+2)), the Taylor coefficients of phi1'.
var phi1Slope = [moments]float32{1.0 / 2, 1.0 / 3, 1.0 / 8, 1.0 / 30, 1.0 / 144, 1.0 / 840, 1.0 / 5760, 1.0 / 45360}

// pairBlock bounds the (pair, time) elements of one block of tokens: its
// coefficients and sums stay in the first level cache.
const pairBlock = 8192

// pairTokens returns how many of n tokens of pairs*queries elements make a block.
func pairTokens(n, pairs, queries int) int {
	return min(max(n, 1), max(1, pairBlock/max(1, pairs*queries)))
}

// pairGrads are the destinations of the backward pass; nil where none is wanted.
type pairGrads struct{ sigma, omega, z0, b, c []float32 }

// timeScale returns max|t|, NaN if a time is. On the bits, where the maximum is an
// integer instruction: magnitudes are ordered as their bits are.
func timeScale(tau []float32) float32 {
	var m uint32
	for _, t := range tau {
		m = max(m, math.Float32bits(t)&^(1<<31))
	}
	return math.Float32frombits(m)
}

// slopeSeries returns sum_k (lambda T)^k/(k!(k+2)) m_k, for the complex moments
// m_k = mr[k] + i mi[k].
func slopeSeries(lr, li float32, mr, mi *[moments]float32) (re, im float32) {
	pr, pi := float32(1), float32(0)
	for k, c := range phi1Slope {
		xr, xi := c*mr[k], c*mi[k]
		re += pr*xr - pi*xi
		im += pr*xi + pi*xr
		pr, pi = pr*lr-pi*li, pr*li+pi*lr
	}
	return re, im
}

// slopeSum returns G = sum_q g_q t_q^2 phi1'(lambda t_q) from TE = sum g t E and
// F = sum g t phi1, or from the moments when lambda is small on the scale T.
func slopeSum(sigma, omega, ir, ii, ter, tei, fr, fi, scale float32, mr, mi *[moments]float32) (re, im float32) {
	if small(sigma, omega, scale) {
		re, im = slopeSeries(sigma*scale, omega*scale, mr, mi)
		return re * scale * scale, im * scale * scale
	}
	dr, di := ter-fr, tei-fi
	return dr*ir - di*ii, dr*ii + di*ir
}

// small reports whether |lambda| scale lies inside the radius of the series.
func small(sigma, omega, scale float32) bool {
	s, w := sigma*scale, omega*scale
	return s*s+w*w < seriesRadius*seriesRadius
}

// pairsSlice returns tokens lo..hi of a.
func pairsSlice(a *asm.PairTokens, lo, hi int) asm.PairTokens {
	w := a.Pairs
	p := asm.PairTokens{
		Tokens: hi - lo, Pairs: w, Queries: a.Queries,
		Sigma: a.Sigma[lo*w : hi*w], Omega: a.Omega[lo*w : hi*w],
		Z0: a.Z0[2*lo*w : 2*hi*w], B: a.B[2*lo*w : 2*hi*w], C: a.C, Tau: a.Tau,
	}
	if a.C != nil && len(a.C) != 2*w {
		p.C = a.C[2*lo*w : 2*hi*w]
	}
	if len(a.Tau) != a.Queries {
		p.Tau = a.Tau[lo*a.Queries : hi*a.Queries]
	}
	return p
}

// timesOf returns the times of token i.
func timesOf(a *asm.PairTokens, i int) []float32 {
	if len(a.Tau) == a.Queries {
		return a.Tau
	}
	return a.Tau[i*a.Queries : (i+1)*a.Queries]
}

// readoutGrad adds the gradients of tokens lo..hi for dy[n, queries], from their
// sums (asm.PairsSums).
func readoutGrad(a *asm.PairTokens, d *pairGrads, dy, sums []float32, lo, hi int) {
	var mom, zero [moments]float32
	w := a.Pairs
	cStride := 2 * w
	if len(a.C) == 2*w {
		cStride = 0
	}
	for i := lo; i < hi; i++ {
		tau := timesOf(a, i)
		scale := timeScale(tau)
		haveMoments := false
		for p := range w {
			j := i*w + p
			sigma, omega := a.Sigma[j], a.Omega[j]
			s := (*[asm.PairsSumWidth]float32)(sums[(j-lo*w)*asm.PairsSumWidth:])
			sr, si, smr, ter, tei, ir, ii := s[0], s[1], s[2], s[3], s[4], s[5], s[6]
			if !haveMoments && small(sigma, omega, scale) {
				haveMoments = true
				mom = zero
				inv := 1 / max(scale, 0x1p-126) // all times may be zero
				for q, gq := range dy[i*a.Queries : (i+1)*a.Queries] {
					r := tau[q] * inv
					v := gq * r * r
					for l := range mom {
						mom[l] += v
						v *= r
					}
				}
			}
			// F = sum g M/lambda, G = sum g t^2 phi1'.
			fr, fi := smr*ir-si*ii, smr*ii+si*ir
			zr, zi := a.Z0[2*j], a.Z0[2*j+1]
			br, bi := a.B[2*j], a.B[2*j+1]
			cr, ci := a.C[(i*cStride)+2*p], a.C[(i*cStride)+2*p+1]
			if d.sigma != nil || d.omega != nil {
				// D = conj(c) (TE z0 + G b): d/dsigma = Re D, d/domega = -Im D.
				sgr, sgi := slopeSum(sigma, omega, ir, ii, ter, tei, fr, fi, scale, &mom, &zero)
				xr := ter*zr - tei*zi + (sgr*br - sgi*bi)
				xi := ter*zi + tei*zr + (sgr*bi + sgi*br)
				if d.sigma != nil {
					d.sigma[j] += cr*xr + ci*xi
				}
				if d.omega != nil {
					d.omega[j] += ci*xr - cr*xi
				}
			}
			if d.z0 != nil {
				d.z0[2*j] += cr*sr + ci*si
				d.z0[2*j+1] += ci*sr - cr*si
			}
			if d.b != nil {
				d.b[2*j] += cr*fr + ci*fi
				d.b[2*j+1] += ci*fr - cr*fi
			}
			if d.c != nil {
				dc := d.c[i*cStride+2*p : i*cStride+2*p+2]
				dc[0] += sr*zr - si*zi + (fr*br - fi*bi)
				dc[1] += sr*zi + si*zr + (fr*bi + fi*br)
			}
		}
	}
}

// statesGrad adds the gradients of tokens lo..hi for dz[n, queries, 2 pairs], from
// their sums (asm.PairsStateSums). The sums are those of readoutGrad with the
// complex weight conj(dz_q) in place of g_q conj(c).
func statesGrad(a *asm.PairTokens, d *pairGrads, dz, sums []float32, lo, hi int) {
	w := a.Pairs
	for i := lo; i < hi; i++ {
		tau := timesOf(a, i)
		scale := timeScale(tau)
		row := sums[(i-lo)*asm.PairsStateSumWidth*w:]
		for p := range w {
			j := i*w + p
			sigma, omega := a.Sigma[j], a.Omega[j]
			var momR, momI [moments]float32
			if small(sigma, omega, scale) {
				inv := 1 / max(scale, 0x1p-126) // all times may be zero
				for q, t := range tau {
					at := ((i*a.Queries+q)*w + p) * 2
					gr, gi := dz[at], -dz[at+1]
					r := t * inv
					r2 := r * r
					for l := range momR {
						momR[l] += gr * r2
						momI[l] += gi * r2
						r2 *= r
					}
				}
			}
			sr, si, ter, tei := row[p], row[w+p], row[2*w+p], row[3*w+p]
			smr, smi, ir, ii := row[4*w+p], row[5*w+p], row[6*w+p], row[7*w+p]
			fr, fi := smr*ir-smi*ii, smr*ii+smi*ir
			sgr, sgi := slopeSum(sigma, omega, ir, ii, ter, tei, fr, fi, scale, &momR, &momI)
			zr, zi := a.Z0[2*j], a.Z0[2*j+1]
			br, bi := a.B[2*j], a.B[2*j+1]
			if d.sigma != nil {
				d.sigma[j] += ter*zr - tei*zi + (sgr*br - sgi*bi)
			}
			if d.omega != nil {
				d.omega[j] -= ter*zi + tei*zr + (sgr*bi + sgi*br)
			}
			if d.z0 != nil {
				d.z0[2*j] += sr
				d.z0[2*j+1] -= si
			}
			if d.b != nil {
				d.b[2*j] += fr
				d.b[2*j+1] -= fi
			}
		}
	}
}

// evalPairs is the number of pairs for which EvalPairs has room on the stack.
const evalPairs = 16

// EvalPairs evaluates one token without a tape: y[q] = c . z(tau[q]) and, unless
// rate is nil, rate[q] = c . z'(tau[q]), the exact time derivative.
//
// sigma and omega have one entry per pair; z0, b and c two, interleaved. y, and
// rate if given, are as long as tau and must not overlap the inputs. The same
// closed form as [PairsReadout], without allocation up to 16 pairs. It panics on
// mismatched lengths. The rate is Re(conj(c) e^(lambda t) (lambda z0 + b)), which
// does not cancel at the fixed point.
func EvalPairs(y, rate []float32, sigma, omega, z0, b, c []float32, tau []float32) {
	pairs := len(sigma)
	if len(omega) != pairs || len(z0) != 2*pairs || len(b) != 2*pairs || len(c) != 2*pairs {
		panic(fmt.Sprintf("linode: EvalPairs: %d growth rates with %d frequencies, %d starts, %d drives, %d readouts",
			pairs, len(omega), len(z0), len(b), len(c)))
	}
	if len(y) != len(tau) || (rate != nil && len(rate) != len(tau)) {
		panic(fmt.Sprintf("linode: EvalPairs: %d times with %d values and %d rates", len(tau), len(y), len(rate)))
	}
	p := asm.PairTokens{Tokens: 1, Pairs: pairs, Queries: len(tau), Sigma: sigma, Omega: omega, Z0: z0, B: b, C: c, Tau: tau}
	var room [10 * evalPairs]float32
	work := room[:]
	if need := asm.PairsWork(pairs); need > len(work) {
		work = make([]float32, need)
	}
	asm.PairsEval(y, rate, &p, work)
}
