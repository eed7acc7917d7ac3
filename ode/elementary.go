package ode

import "math"

// This file holds elementary functions for right-hand sides and step control.
// They are faster than those of package math, with an error near 1e-11 instead
// of half a unit in the last place: far below any tolerance of an integration.
// They are pure Go and take the same branches on every machine.

// expTable holds 2^(i/64).
var expTable = func() (t [64]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / 64)
	}
	return t
}()

const (
	roundMagic = 0x1.8p52 // adding and subtracting it rounds to an integer
	ln2Hi      = 0x1.62e42fefap-1
	ln2Lo      = 0x1.cf79abc9e3b39p-40
)

// expFast is e^x with a relative error below 1e-13. It saturates near e^±700.
func expFast(x float64) float64 {
	if !(x < 700) {
		if x != x {
			return x
		}
		x = 700
	} else if x < -700 {
		x = -700
	}
	m := x*(64/math.Ln2) + roundMagic
	k := int64(math.Float64bits(m)<<12) >> 12
	d := m - roundMagic
	r := x - d*(ln2Hi/64) - d*(ln2Lo/64)
	p := 1 + r*(1+r*(0.5+r*(1.0/6+r*(1.0/24))))
	return expTable[k&63] * p * math.Float64frombits(uint64(k>>6+1023)<<52)
}

// tanhFast is tanh(x) with an absolute error below 1e-13.
func tanhFast(x float64) float64 {
	if x > 20 {
		return 1
	}
	if x < -20 {
		return -1
	}
	return 1 - 2/(expFast(2*x)+1)
}

// sinFast is sin(x) with an absolute error below 1e-11 for |x| < 1e5.
func sinFast(x float64) float64 {
	if !(math.Abs(x) < 1e5) {
		return math.Sin(x)
	}
	m := x*(1/math.Pi) + roundMagic
	odd := math.Float64bits(m) << 63
	k := m - roundMagic
	return math.Float64frombits(math.Float64bits(sinCore(x-k*piHi-k*piMid-k*piLo)) ^ odd)
}

// cosFast is cos(x) with an absolute error below 1e-11 for |x| < 1e5.
func cosFast(x float64) float64 {
	if !(math.Abs(x) < 1e5) {
		return math.Cos(x)
	}
	// cos x = sin(x + pi/2); k counts half-integers so that nothing is lost.
	m := x*(1/math.Pi) + 0.5 + roundMagic
	odd := math.Float64bits(m) << 63
	k := m - roundMagic - 0.5
	return math.Float64frombits(math.Float64bits(sinCore(x-k*piHi-k*piMid-k*piLo)) ^ odd)
}

// sincosFast is sinFast and cosFast.
func sincosFast(x float64) (sin, cos float64) {
	if !(math.Abs(x) < 1e5) {
		return math.Sincos(x)
	}
	m := x*(2/math.Pi) + roundMagic
	u := math.Float64bits(m)
	k := m - roundMagic
	r := x - k*(piHi/2) - k*(piMid/2) - k*(piLo/2)
	z := r * r
	z2 := z * z
	s := r + r*z*(-1.0/6+z*(1.0/120)+z2*(-1.0/5040+z*(1.0/362880)-z2*(1.0/39916800)))
	c := 1 - 0.5*z + z2*(1.0/24-z*(1.0/720)+z2*(1.0/40320-z*(1.0/3628800)+z2*(1.0/479001600)))
	if u&1 != 0 {
		s, c = c, -s
	}
	flip := u << 62 & (1 << 63)
	return math.Float64frombits(math.Float64bits(s) ^ flip), math.Float64frombits(math.Float64bits(c) ^ flip)
}

// Pi in three parts; products of the first two with integers and half-integers
// below 2^16 are exact.
const (
	piHi  = 0x1.921fb544p+1
	piMid = 0x1.0b4611a6p-33
	piLo  = 0x1.3198a2e037073p-68
)

// sinCore is sin on [-pi/2, pi/2]: its Taylor series to the fifteenth power.
func sinCore(x float64) float64 {
	z := x * x
	z2 := z * z
	a := -1.0/6 + z*(1.0/120)
	b := -1.0/5040 + z*(1.0/362880)
	c := -1.0/39916800 + z*(1.0/6227020800-z*(1.0/1307674368000))
	return x + x*z*(a+z2*(b+z2*c))
}
