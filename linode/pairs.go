package linode

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
)

// The closed form of one pair, as it is evaluated here. With lambda = sigma +
// i omega and
//
//	E = e^(lambda t),  M = e^(lambda t) - 1,
//
// the state is z(t) = E z0 + (M/lambda) b. M comes from expm1 and the sine of
// the half angle,
//
//	Re M = expm1(x) cos y - 2 sin^2(y/2),  Im M = Im E = e^x sin y,
//
// so it is accurate relative to |M| however small lambda t is, and M/lambda is
// t phi1(lambda t) to float32 precision without a case distinction. A lambda
// of magnitude below tinyRate is replaced by the real tinyRate: the state moves by less
// than tinyRate t^2/2, and the division stays defined.
const tinyRate = 1e-12

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

// pairBlock is the least number of (pair, time) elements sent to one call of
// the vector kernels: enough to amortise the calls, few enough for the first
// level cache.
const pairBlock = 1024

// pairTokens returns how many tokens of pairs*queries elements make a block.
func pairTokens(n, pairs, queries int) int {
	k := pairs * queries
	if k == 0 {
		return max(n, 1)
	}
	return min(max(n, 1), max(1, pairBlock/k))
}

// guardRate replaces a vanishing lambda, see tinyRate.
func guardRate(sigma, omega float32) (float32, float32) {
	if sigma < tinyRate && sigma > -tinyRate && omega < tinyRate && omega > -tinyRate {
		return tinyRate, 0
	}
	return sigma, omega
}

// exponents fills x with the clamped sigma*t and h with the half angle
// omega*t/2 of one pair. Angles beyond a turn are reduced in float64, so that
// the vector kernels never see a large argument.
func exponents(x, h, tau []float32, sigma, omega float32) {
	w := omega / 2
	x, h = x[:len(tau)], h[:len(tau)]
	for q, t := range tau {
		x[q] = min(sigma*t, MaxExponent)
		y := w * t
		if y > math.Pi || y < -math.Pi {
			y = float32(math.Remainder(float64(w)*float64(t), 2*math.Pi))
		}
		h[q] = y
	}
}

// factors turns exponents into Re E, Im E (= Im M) and Re M for a block: er and
// mr hold exp(x) and phi1(x) on entry.
func factors(er, ei, mr, x, sin, cos []float32) {
	n := len(x)
	er, ei, mr, sin, cos = er[:n], ei[:n], mr[:n], sin[:n], cos[:n]
	for k, xk := range x {
		em := xk * mr[k]
		if xk < -17 {
			em = -1 // to the last bit, and for x = -Inf, where 0*Inf is NaN
		}
		ex, s := er[k], sin[k]
		s2 := 2 * s * s
		er[k] = ex - ex*s2
		ei[k] = 2 * s * cos[k] * ex
		mr[k] = em - em*s2 - s2
	}
}

// pairArgs is the operand set of the pair operations, with the strides that
// make sharing a readout or a row of times possible.
type pairArgs struct {
	sigma, omega, z0, b []float32
	c                   []float32 // nil for states
	cStride             int       // 0 when the readout is shared by all tokens
	tau                 []float32
	tauStride           int // 0 when the times are shared by all tokens
	n, pairs, queries   int
}

// pairScratch is the number of floats that one block needs besides the factors.
func pairScratch(block, pairs, queries int) int { return 4 * block * pairs * queries }

// blockFactors computes the factors of tokens lo..hi into er, ei, mr, each
// [hi-lo, pairs, queries].
func (a *pairArgs) blockFactors(er, ei, mr, scratch []float32, lo, hi int) {
	m := (hi - lo) * a.pairs * a.queries
	x, h := scratch[:m], scratch[m:2*m]
	sin, cos := scratch[2*m:3*m], scratch[3*m:4*m]
	k := 0
	for i := lo; i < hi; i++ {
		tau := a.tau[i*a.tauStride : i*a.tauStride+a.queries]
		for p := i * a.pairs; p < (i+1)*a.pairs; p++ {
			s, w := guardRate(a.sigma[p], a.omega[p])
			exponents(x[k:k+a.queries], h[k:k+a.queries], tau, s, w)
			k += a.queries
		}
	}
	asm.Exp(er[:m], x)
	asm.Expm1OverX(mr[:m], x)
	asm.SinCos(sin, cos, h)
	factors(er, ei, mr, x, sin, cos)
}

// reciprocal returns 1/lambda, in float64 inside so that no square overflows.
func reciprocal(sigma, omega float32) (re, im float32) {
	s, w := float64(sigma), float64(omega)
	d := s*s + w*w
	return float32(s / d), float32(-w / d)
}

// readout writes y[lo:hi, queries] from the factors of these tokens.
func (a *pairArgs) readout(y, er, ei, mr []float32, lo, hi int) {
	k := 0
	for i := lo; i < hi; i++ {
		yi := y[i*a.queries : (i+1)*a.queries]
		clear(yi)
		c := a.c[i*a.cStride : i*a.cStride+2*a.pairs]
		for p := 0; p < a.pairs; p++ {
			j := i*a.pairs + p
			ir, ii := reciprocal(guardRate(a.sigma[j], a.omega[j]))
			cr, ci := c[2*p], c[2*p+1]
			zr, zi := a.z0[2*j], a.z0[2*j+1]
			br, bi := a.b[2*j], a.b[2*j+1]
			// u = conj(c) z0 and v = conj(c) b/lambda; y = Re(E u + M v).
			ur, ui := cr*zr+ci*zi, cr*zi-ci*zr
			tr, ti := cr*br+ci*bi, cr*bi-ci*br
			vr, vi := tr*ir-ti*ii, tr*ii+ti*ir
			e, f, m := er[k:k+len(yi)], ei[k:k+len(yi)], mr[k:k+len(yi)]
			for q := range yi {
				yi[q] += ur*e[q] + vr*m[q] - (ui*f[q] + vi*f[q])
			}
			k += len(yi)
		}
	}
}

// states writes z[lo:hi, queries, 2 pairs] from the factors of these tokens.
func (a *pairArgs) states(z, er, ei, mr []float32, lo, hi int) {
	k, w := 0, 2*a.pairs
	for i := lo; i < hi; i++ {
		zi := z[i*a.queries*w : (i+1)*a.queries*w]
		for p := 0; p < a.pairs; p++ {
			j := i*a.pairs + p
			ir, ii := reciprocal(guardRate(a.sigma[j], a.omega[j]))
			ur, ui := a.z0[2*j], a.z0[2*j+1]
			br, bi := a.b[2*j], a.b[2*j+1]
			vr, vi := br*ir-bi*ii, br*ii+bi*ir
			for q := 0; q < a.queries; q++ {
				e, f, m := er[k], ei[k], mr[k]
				zi[q*w+2*p] = ur*e - ui*f + (vr*m - vi*f)
				zi[q*w+2*p+1] = ui*e + ur*f + (vi*m + vr*f)
				k++
			}
		}
	}
}

// pairGrads are the destinations of the backward pass; nil where none is wanted.
type pairGrads struct{ sigma, omega, z0, b, c []float32 }

// timeScale returns max|t|.
func timeScale(tau []float32) float32 {
	var m float32
	for _, t := range tau {
		m = max(m, t, -t)
	}
	return m
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

// readoutGrad adds the gradients of tokens lo..hi for dy[n, queries].
func (a *pairArgs) readoutGrad(d *pairGrads, dy, er, ei, mr []float32, lo, hi int) {
	var mom, zero [moments]float32
	k := lo * a.pairs * a.queries
	for i := lo; i < hi; i++ {
		g := dy[i*a.queries : (i+1)*a.queries]
		tau := a.tau[i*a.tauStride : i*a.tauStride+a.queries]
		c := a.c[i*a.cStride : i*a.cStride+2*a.pairs]
		scale := timeScale(tau)
		haveMoments := false
		for p := 0; p < a.pairs; p++ {
			j := i*a.pairs + p
			sigma, omega := a.sigma[j], a.omega[j]
			e, f, m := er[k:k+len(g)], ei[k:k+len(g)], mr[k:k+len(g)]
			t := tau[:len(g)]
			k += len(g)
			var sr, si, ter, tei, smr float32
			for q, gq := range g {
				gt := gq * t[q]
				sr += gq * e[q]
				si += gq * f[q]
				smr += gq * m[q]
				ter += gt * e[q]
				tei += gt * f[q]
			}
			if !haveMoments && small(sigma, omega, scale) {
				haveMoments = true
				mom = zero
				for q, gq := range g {
					r := t[q] / max(scale, math.SmallestNonzeroFloat32)
					v := gq * r * r
					for l := range mom {
						mom[l] += v
						v *= r
					}
				}
			}
			gs, gw := guardRate(sigma, omega)
			ir, ii := reciprocal(gs, gw)
			// F = M/lambda, G as above.
			fr, fi := smr*ir-si*ii, smr*ii+si*ir
			sgr, sgi := slopeSum(sigma, omega, ir, ii, ter, tei, fr, fi, scale, &mom, &zero)
			zr, zi := a.z0[2*j], a.z0[2*j+1]
			br, bi := a.b[2*j], a.b[2*j+1]
			cr, ci := c[2*p], c[2*p+1]
			if d.sigma != nil || d.omega != nil {
				// D = conj(c) (TE z0 + G b): d/dsigma = Re D, d/domega = -Im D.
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
				dc := d.c[i*a.cStride+2*p : i*a.cStride+2*p+2]
				dc[0] += sr*zr - si*zi + (fr*br - fi*bi)
				dc[1] += sr*zi + si*zr + (fr*bi + fi*br)
			}
		}
	}
}

// statesGrad adds the gradients of tokens lo..hi for dz[n, queries, 2 pairs].
// The sums are those of readoutGrad with the complex weight conj(dz_q) in
// place of g_q conj(c).
func (a *pairArgs) statesGrad(d *pairGrads, dz, er, ei, mr []float32, lo, hi int) {
	var momR, momI [moments]float32
	k, w := lo*a.pairs*a.queries, 2*a.pairs
	for i := lo; i < hi; i++ {
		g := dz[i*a.queries*w : (i+1)*a.queries*w]
		tau := a.tau[i*a.tauStride : i*a.tauStride+a.queries]
		scale := timeScale(tau)
		for p := 0; p < a.pairs; p++ {
			j := i*a.pairs + p
			sigma, omega := a.sigma[j], a.omega[j]
			series := small(sigma, omega, scale)
			if series {
				momR, momI = [moments]float32{}, [moments]float32{}
			}
			var sr, si, ter, tei, smr, smi float32
			for q, t := range tau {
				gr, gi := g[q*w+2*p], -g[q*w+2*p+1]
				e, f, m := er[k], ei[k], mr[k]
				k++
				er, ei := gr*e-gi*f, gr*f+gi*e
				sr += er
				si += ei
				ter += t * er
				tei += t * ei
				smr += gr*m - gi*f
				smi += gr*f + gi*m
				if series {
					r := t / max(scale, math.SmallestNonzeroFloat32)
					r2 := r * r
					for l := range momR {
						momR[l] += gr * r2
						momI[l] += gi * r2
						r2 *= r
					}
				}
			}
			gs, gw := guardRate(sigma, omega)
			ir, ii := reciprocal(gs, gw)
			fr, fi := smr*ir-smi*ii, smr*ii+smi*ir
			sgr, sgi := slopeSum(sigma, omega, ir, ii, ter, tei, fr, fi, scale, &momR, &momI)
			zr, zi := a.z0[2*j], a.z0[2*j+1]
			br, bi := a.b[2*j], a.b[2*j+1]
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

// evalBlock is the number of times EvalPairs handles at once, on the stack.
const evalBlock = 64

// EvalPairs evaluates one token without a tape: y[q] = c . z(tau[q]) and, unless
// rate is nil, rate[q] = c . z'(tau[q]), the exact time derivative.
//
// sigma and omega have one entry per pair; z0, b and c two, interleaved. y, and
// rate if given, are as long as tau and must not overlap the inputs. The same
// closed form as [PairsReadout], without allocation. It panics on mismatched lengths. The rate is
// Re(conj(c) e^(lambda t) (lambda z0 + b)), which does not cancel at the fixed
// point.
func EvalPairs(y, rate []float32, sigma, omega, z0, b, c []float32, tau []float32) {
	pairs := len(sigma)
	if len(omega) != pairs || len(z0) != 2*pairs || len(b) != 2*pairs || len(c) != 2*pairs {
		panic(fmt.Sprintf("linode: EvalPairs: %d growth rates with %d frequencies, %d starts, %d drives, %d readouts",
			pairs, len(omega), len(z0), len(b), len(c)))
	}
	if len(y) != len(tau) || (rate != nil && len(rate) != len(tau)) {
		panic(fmt.Sprintf("linode: EvalPairs: %d times with %d values and %d rates", len(tau), len(y), len(rate)))
	}
	clear(y)
	clear(rate)
	var buf [7][evalBlock]float32
	for lo := 0; lo < len(tau); lo += evalBlock {
		hi := min(lo+evalBlock, len(tau))
		n := hi - lo
		x, h, sin, cos := buf[0][:n], buf[1][:n], buf[2][:n], buf[3][:n]
		er, ei, mr := buf[4][:n], buf[5][:n], buf[6][:n]
		for p := 0; p < pairs; p++ {
			s, w := guardRate(sigma[p], omega[p])
			exponents(x, h, tau[lo:hi], s, w)
			asm.Exp(er, x)
			asm.Expm1OverX(mr, x)
			asm.SinCos(sin, cos, h)
			factors(er, ei, mr, x, sin, cos)
			ir, ii := reciprocal(s, w)
			cr, ci := c[2*p], c[2*p+1]
			zr, zi := z0[2*p], z0[2*p+1]
			br, bi := b[2*p], b[2*p+1]
			ur, ui := cr*zr+ci*zi, cr*zi-ci*zr
			tr, ti := cr*br+ci*bi, cr*bi-ci*br
			vr, vi := tr*ir-ti*ii, tr*ii+ti*ir
			for q, e := range er {
				y[lo+q] += ur*e + vr*mr[q] - (ui*ei[q] + vi*ei[q])
			}
			if rate == nil {
				continue
			}
			// conj(c) (lambda z0 + b) with the true lambda, not the guarded one.
			dr := sigma[p]*ur - omega[p]*ui + tr
			di := sigma[p]*ui + omega[p]*ur + ti
			for q, e := range er {
				rate[lo+q] += dr*e - di*ei[q]
			}
		}
	}
}
