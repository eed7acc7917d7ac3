package asm

import "math"

// The reference bodies. They are the meaning of the kernels, the body on
// platforms without assembly, and what the tests compare every tier with. A
// conversion float32(a*b) forbids the compiler to fuse the product with a
// following addition, which it otherwise does on arm64.

func addGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func subGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mulGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func mulAddGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] += float32(a[i] * b[i])
	}
}

func axpyGo(alpha float32, x, y []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float32(alpha * x[i])
	}
}

func scaleGo(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

// lanes are the partial sums of an ordered reduction, see Sum.
type lanes [64]float32

// total adds the partial sums pairwise in the order of the vector unit: the second
// half to the first, the four registers that remain, then their halves.
func (l *lanes) total() float32 {
	for j := range 32 {
		l[j] += l[32+j]
	}
	var s [8]float32
	for j := range s {
		s[j] = (l[j] + l[8+j]) + (l[16+j] + l[24+j])
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

// lane maps an index to its partial sum: i modulo 64 in the leading blocks of 64
// elements, i modulo 32 in a block of 32 behind them, i modulo 8 in what remains. A
// lane is never -0, so lanes that got nothing change nothing.
func lane(i, n int) int {
	switch {
	case i < n&^63:
		return i & 63
	case i < n&^31:
		return i & 31
	}
	return i & 7
}

func sumGo(x []float32) float32 {
	var l lanes
	n := len(x)
	for i, v := range x {
		l[lane(i, n)] += v
	}
	return l.total()
}

func dotGo(a, b []float32) float32 {
	var l lanes
	n := len(a)
	b = b[:n]
	for i, v := range a {
		l[lane(i, n)] += float32(v * b[i])
	}
	return l.total()
}

// dot3Go is the ordered sum of (a*b)*c.
func dot3Go(a, b, c []float32) float32 {
	var l lanes
	n := len(a)
	b, c = b[:n], c[:n]
	for i, v := range a {
		l[lane(i, n)] += float32(float32(v*b[i]) * c[i])
	}
	return l.total()
}

// sqDevGo is the ordered sum of (x-mean)^2.
func sqDevGo(x []float32, mean float32) float32 {
	var l lanes
	n := len(x)
	for i, v := range x {
		d := v - mean
		l[lane(i, n)] += float32(d * d)
	}
	return l.total()
}

// expm1Reduced returns k and p with e^x - 1 = 2^k*(p+1) - 1, where p = e^r - 1 for
// |r| <= ln2/2. Taylor coefficients to order 8 leave a relative error below 1e-9, far
// below a float32 rounding, so the reference bodies err by barely more than half an
// ulp. Pairs of terms are formed side by side (Estrin), which shortens the chain of
// dependent operations. x must be within +-1000.
func expm1Reduced(x float64) (k int, p float64) {
	const ln2Hi, ln2Lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	// Adding 1.5*2^52 rounds to the nearest integer and leaves it in the low bits.
	const shift = 0x1.8p52
	t := x*math.Log2E + shift
	kf := t - shift
	r := (x - kf*ln2Hi) - kf*ln2Lo
	r2 := r * r
	lo := (0.5 + r*(1.0/6)) + r2*(1.0/24+r*(1.0/120))
	hi := (1.0/720 + r*(1.0/5040)) + r2*(1.0/40320)
	return int(int32(uint32(math.Float64bits(t)))), r + r2*(lo+(r2*r2)*hi)
}

func pow2(k int) float64 { return math.Float64frombits(uint64(1023+k) << 52) }

// exp64 is e^x for results that are rounded to float32; limits beyond +-200.
func exp64(x float64) float64 {
	switch {
	case x > 200:
		return math.Inf(1)
	case x < -200:
		return 0
	case x != x:
		return x
	}
	k, p := expm1Reduced(x)
	return (p + 1) * pow2(k)
}

// expm164 is e^x - 1 without cancellation.
func expm164(x float64) float64 {
	switch {
	case x > 200:
		return math.Inf(1)
	case x < -200:
		return -1
	case x != x:
		return x
	}
	k, p := expm1Reduced(x)
	s := pow2(k)
	return s*p + (s - 1)
}

func tanh64(x float64) float64 {
	if x > 20 {
		return 1
	}
	if x < -20 {
		return -1
	}
	if x == 0 {
		return x // keeps the sign of zero
	}
	e := expm164(2 * x)
	return e / (e + 2)
}

// sigmoid64 divides two positive numbers, so its relative error is small on both
// tails.
func sigmoid64(x float64) float64 {
	e := exp64(-math.Abs(x))
	if x >= 0 {
		return 1 / (1 + e)
	}
	return e / (1 + e)
}

// Gelu, tanh form: x*(1+tanh(u))/2 = x*sigmoid(2u) with 2u = geluA*(x + geluB*x^3).
const (
	geluA   = 1.5957691216057308 // 2*sqrt(2/pi)
	geluB   = 0.044715
	geluMax = 20 // beyond, the sigmoid is 0 or 1 in float32
)

func gelu64(x float64) float64 {
	if x < -geluMax {
		return math.Copysign(0, -1)
	}
	if x > geluMax {
		return x
	}
	return x * sigmoid64(geluA*(x+geluB*x*x*x))
}

func geluGrad64(x float64) float64 {
	if x < -geluMax {
		return 0
	}
	if x > geluMax {
		return 1
	}
	w := geluA * (x + geluB*x*x*x)
	e := exp64(-math.Abs(w))
	d := 1 / (1 + e)
	s := d
	if w < 0 {
		s = e * d
	}
	return s + x*e*d*d*geluA*(1+3*geluB*x*x)
}

func expGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(exp64(float64(v)))
	}
}

func tanhGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(tanh64(float64(v)))
	}
}

func sigmoidGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(sigmoid64(float64(v)))
	}
}

func geluGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(gelu64(float64(v)))
	}
}

func geluGradGo(dx, x, dy []float32, acc bool) {
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		d := float32(float32(geluGrad64(float64(x[i]))) * dy[i])
		if acc {
			d += dx[i]
		}
		dx[i] = d
	}
}

// softplus64 is max(x,0) + log(1+e^-|x|).
func softplus64(x float64) float64 {
	if x != x {
		return x
	}
	return max(x, 0) + math.Log1p(exp64(-math.Abs(x)))
}

func softplusGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(softplus64(float64(v)))
	}
}

func tanhGradGo(dx, y, dy []float32, acc bool) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i, v := range y {
		d := float32(dy[i] * (1 - float32(v*v)))
		if acc {
			d += dx[i]
		}
		dx[i] = d
	}
}

func sigmoidGradGo(dx, y, dy []float32, acc bool) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i, v := range y {
		d := float32(dy[i] * float32(v*(1-v)))
		if acc {
			d += dx[i]
		}
		dx[i] = d
	}
}

func sinCosGo(sin, cos, x []float32) {
	sin, cos = sin[:len(x)], cos[:len(x)]
	for i, v := range x {
		s, c := math.Sincos(float64(v))
		sin[i], cos[i] = float32(s), float32(c)
	}
}

func expm1OverXGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		y := float64(v)
		if math.Abs(y) < 1e-9 {
			dst[i] = 1
			continue
		}
		if y > 200 {
			dst[i] = float32(math.Inf(1)) // also at +Inf, where the quotient would be NaN
			continue
		}
		dst[i] = float32(expm164(y) / y)
	}
}

func softmaxRowGo(dst, x []float32) {
	dst = dst[:len(x)]
	inf := float32(math.Inf(-1))
	top := inf
	for _, v := range x {
		if v > top || v != v {
			top = v
		}
		if v != v {
			break
		}
	}
	if top == inf {
		clear(dst)
		return
	}
	var sum float64
	for i, v := range x {
		e := float32(exp64(float64(v - top)))
		dst[i] = e
		sum += float64(e)
	}
	inv := float32(1 / sum)
	for i := range dst {
		dst[i] *= inv
	}
}

// softmaxGradRowGo: dx (+)= y*(dy - y.dy). dx may be y or dy.
func softmaxGradRowGo(dx, y, dy []float32, acc bool) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	s := Dot(y, dy)
	for i := range dx {
		d := float32(y[i] * (dy[i] - s))
		if acc {
			d += dx[i]
		}
		dx[i] = d
	}
}

// invStd is 1/sqrt(ss/n + eps), in float64 so that all tiers and platforms agree.
func invStd(ss float32, n int, eps float32) float32 {
	return float32(1 / math.Sqrt(float64(ss)/float64(n)+float64(eps)))
}

// rmsNormRowGo: dst = (x*s)*gain; returns s.
func rmsNormRowGo(dst, x, gain []float32, eps float32) (s float32) {
	x, gain = x[:len(dst)], gain[:len(dst)]
	s = invStd(Dot(x, x), len(x), eps)
	for i := range dst {
		dst[i] = float32(x[i]*s) * gain[i]
	}
	return s
}

// layerNormRowGo: dst = ((x-mean)*s)*gain + bias; returns mean and s.
func layerNormRowGo(dst, x, gain, bias []float32, eps float32) (mean, s float32) {
	x, gain, bias = x[:len(dst)], gain[:len(dst)], bias[:len(dst)]
	mean = Sum(x) / float32(len(x))
	var ss float32
	for lo := 0; lo < len(x); lo += sumBlock {
		ss += sqDevGo(x[lo:min(lo+sumBlock, len(x))], mean)
	}
	s = invStd(ss, len(x), eps)
	for i := range dst {
		dst[i] = float32(float32((x[i]-mean)*s)*gain[i]) + bias[i]
	}
	return mean, s
}

// normGradRowGo is one row of the gradient of both normalisations, with
// xhat = (x-mean)*s (for RMSNorm mean = 0 and c1 = 0):
//
//	c1 = mean(dy*gain),  c2 = mean(dy*gain*xhat)
//	dx += s*((dy*gain - c1) - xhat*c2)
func normGradRowGo(dx, x, gain, dy []float32, mean, s float32, centred bool) {
	n := len(dx)
	x, gain, dy = x[:n], gain[:n], dy[:n]
	var g, c1, gx float32
	if centred {
		g = Dot(dy, gain)
		c1 = g / float32(n)
	}
	for lo := 0; lo < n; lo += sumBlock {
		hi := min(lo+sumBlock, n)
		gx += dot3Go(dy[lo:hi], gain[lo:hi], x[lo:hi])
	}
	// From the sums of dy*gain*x and dy*gain; in float64, since the two terms cancel
	// when |mean| is large. (The product is exact, so fusing it changes nothing.)
	c2 := float32((float64(gx) - float64(mean)*float64(g)) * float64(s) / float64(n))
	for i := range dx {
		xhat := float32((x[i] - mean) * s)
		t := float32(dy[i]*gain[i]) - c1
		t -= float32(xhat * c2)
		dx[i] += float32(s * t)
	}
}

func gluRowGo(dst, x []float32) {
	h := len(dst)
	u, v := x[:h], x[h:2*h]
	for i := range dst {
		dst[i] = float32(gelu64(float64(u[i]))) * v[i]
	}
}

func gluGradRowGo(dx, x, dy []float32) {
	h := len(dy)
	u, v, du, dv := x[:h], x[h:2*h], dx[:h], dx[h:2*h]
	for i, d := range dy {
		w := float64(u[i])
		du[i] += float32(float32(d*v[i]) * float32(geluGrad64(w)))
		dv[i] += float32(d * float32(gelu64(w)))
	}
}

// gruRowGo is one row of GRUGates; gi and gh hold 3h numbers, save 4h or none.
func gruRowGo(hNew, gi, gh, hPrev, save []float32) {
	h := len(hNew)
	for j := range h {
		r := float32(sigmoid64(float64(gi[j] + gh[j])))
		z := float32(sigmoid64(float64(gi[h+j] + gh[h+j])))
		ghn := gh[2*h+j]
		n := float32(tanh64(float64(gi[2*h+j] + float32(r*ghn))))
		hp := hPrev[j]
		if len(save) != 0 {
			save[j], save[h+j], save[2*h+j], save[3*h+j] = r, z, n, ghn
		}
		// (1-z)*n + z*h as n + z*(h-n): one rounding less, and exactly n at z = 0.
		hNew[j] = n + float32(z*(hp-n))
	}
}

// gruGradRowGo is one row of GRUGatesGrad.
func gruGradRowGo(dgi, dgh, dhPrev, dhNew, save, hPrev []float32) {
	h := len(dhNew)
	for j := range h {
		r, z, n, ghn := save[j], save[h+j], save[2*h+j], save[3*h+j]
		d := dhNew[j]
		dz := float32(d * (hPrev[j] - n))
		dz = float32(dz * float32(z*(1-z)))
		dn := float32(d * (1 - z))
		dn = float32(dn * (1 - float32(n*n)))
		dr := float32(dn * ghn)
		dr = float32(dr * float32(r*(1-r)))
		dgi[j], dgi[h+j], dgi[2*h+j] = dr, dz, dn
		dgh[j], dgh[h+j], dgh[2*h+j] = dr, dz, float32(dn*r)
		dhPrev[j] += float32(d * z)
	}
}

// adamCoef are the scalars of one AdamW step, computed once for all tiers.
type adamCoef struct {
	beta1, beta1c, beta2, beta2c float32 // beta and 1-beta
	rate, icorr2, eps, keep      float32 // lr/corr1, 1/corr2, eps, 1-lr*decay
}

func adamWGo(w, g, m, v []float32, c *adamCoef) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := range w {
		gi := g[i]
		mi := float32(c.beta1*m[i]) + float32(c.beta1c*gi)
		vi := float32(c.beta2*v[i]) + float32(float32(c.beta2c*gi)*gi)
		den := float32(math.Sqrt(float64(float32(vi*c.icorr2)))) + c.eps
		m[i], v[i] = mi, vi
		w[i] = float32(c.keep*w[i]) - float32(c.rate*mi)/den
	}
}

// gemmGo is the reference of Gemm.
func gemmGo(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	for i := range m {
		row := c[i*ldc:][:n]
		if !acc {
			clear(row)
		}
		if transB {
			for j := range row {
				col := b[j*ldb:][:k]
				s := row[j]
				if transA {
					for p, v := range col {
						s += a[p*lda+i] * v
					}
				} else {
					ai := a[i*lda:][:k]
					for p, v := range col {
						s += ai[p] * v
					}
				}
				row[j] = s
			}
			continue
		}
		// Four products at a time, added one after the other: the bits are those
		// of a plain loop, with a quarter of the loads and stores of C.
		p := 0
		for ; p+4 <= k; p += 4 {
			at, step := i*lda+p, 1
			if transA {
				at, step = p*lda+i, lda
			}
			f0, f1, f2, f3 := a[at], a[at+step], a[at+2*step], a[at+3*step]
			b0, b1 := b[p*ldb:][:len(row)], b[(p+1)*ldb:][:len(row)]
			b2, b3 := b[(p+2)*ldb:][:len(row)], b[(p+3)*ldb:][:len(row)]
			for j := range row {
				s := row[j]
				s += f0 * b0[j]
				s += f1 * b1[j]
				s += f2 * b2[j]
				s += f3 * b3[j]
				row[j] = s
			}
		}
		for ; p < k; p++ {
			var f float32
			if transA {
				f = a[p*lda+i]
			} else {
				f = a[i*lda+p]
			}
			bp := b[p*ldb:][:len(row)]
			for j, v := range bp {
				row[j] += f * v
			}
		}
	}
}
