package asm

import (
	"fmt"
	"math"
)

// The kernels of this file serve vector fields that are small networks in float64.
// They work on groups of StepLanes numbers, nothing is fused on amd64, and sums have
// one order, so that all tiers of amd64 give the same bits.

// Affine64 writes y = b + W x: w[j*len(y)+i] is the weight of x[j] in y[i], and
// each sum goes on from b[i] in the order of x. len(y) must be a multiple of
// StepLanes. y may be b; it must not overlap w or x. It panics on other lengths, and
// when W has more than 131072 elements, the most for one assembly call.
func Affine64(y, b, w, x []float64) {
	rows := len(y)
	if rows%StepLanes != 0 || len(b) != rows || len(w) < rows*len(x) || rows*len(x) > gemm64Call {
		panic(fmt.Sprintf("asm: Affine64: %d rows, len(b) = %d, len(w) = %d for %d columns", rows, len(b), len(w), len(x)))
	}
	if rows == 0 {
		return
	}
	if HasStepLanes() && len(x) > 0 {
		raceWrite64(y)
		raceRead64(b)
		raceRead64(w[:rows*len(x)])
		raceRead64(x)
		if useAVX512 {
			affineAVX512(&y[0], &b[0], &w[0], &x[0], rows, len(x))
		} else {
			affineSIMD(&y[0], &b[0], &w[0], &x[0], rows, len(x))
		}
		return
	}
	for i := range y {
		sum := b[i]
		for j, v := range x {
			sum += w[j*rows+i] * v
		}
		y[i] = sum
	}
}

// Tanh64 replaces each element of x by its hyperbolic tangent, with an absolute
// error below 1e-13. The length must be a multiple of StepLanes.
func Tanh64(x []float64) {
	n := groups64("Tanh64", x)
	if n > 0 && HasStepLanes() {
		raceWrite64(x)
		if useAVX512 {
			tanh64AVX512(&x[0], n, &neural64)
		} else {
			tanh64SIMD(&x[0], n, &neural64)
		}
		return
	}
	for i, v := range x {
		x[i] = tanhNeural(v)
	}
}

// Sin64 replaces each element of x by its sine, with an absolute error below 1e-11
// where |x| < 1e5, else that of package math. The length must be a multiple of
// StepLanes.
func Sin64(x []float64) {
	n := groups64("Sin64", x)
	if n > 0 && HasStepLanes() {
		raceWrite64(x)
		for done := 0; done < n; {
			if useAVX512 {
				done += sin64AVX512(&x[done], n-done, &neural64)
			} else {
				done += sin64SIMD(&x[done], n-done, &neural64)
			}
			if done < n { // an argument beyond the reduction
				for i := done; i < done+StepLanes; i++ {
					x[i] = sinNeural(x[i])
				}
				done += StepLanes
			}
		}
		return
	}
	for i, v := range x {
		x[i] = sinNeural(v)
	}
}

// groups64 bounds a call: the networks have some dozens of units.
func groups64(kernel string, x []float64) int {
	if len(x)%StepLanes != 0 || len(x) > call64 {
		panic(fmt.Sprintf("asm: %s: len(x) = %d, want a multiple of %d up to %d", kernel, len(x), StepLanes, call64))
	}
	return len(x)
}

// Pi in three parts: products of the first two with integers below 2^16 are exact.
const (
	neuralMagic = 0x1.8p52 // adding and subtracting it rounds to an integer
	neuralLn2Hi = 0x1.62e42fefap-1
	neuralLn2Lo = 0x1.cf79abc9e3b39p-40
	neuralPiHi  = 0x1.921fb544p+1
	neuralPiMid = 0x1.0b4611a6p-33
	neuralPiLo  = 0x1.3198a2e037073p-68
	neuralReach = 1e5
)

// neuralTable has what assembly reads.
type neuralTable struct {
	exp2                                   [64]float64 // 2^(i/64)
	perLn2, magic, ln2Hi, ln2Lo            float64
	one, two, half, sixth, fourth          float64
	most, least, flat, minusFlat, minusOne float64
	perPi, piHi, piMid, piLo, reach        float64
	s3, s5, s7, s9, s11, s13, s15          float64
	low, high, bias, abs                   uint64
}

var neural64 = func() neuralTable {
	t := neuralTable{
		perLn2: 64 / math.Ln2, magic: neuralMagic, ln2Hi: neuralLn2Hi / 64, ln2Lo: neuralLn2Lo / 64,
		one: 1, two: 2, half: 0.5, sixth: 1.0 / 6, fourth: 1.0 / 24,
		most: 700, least: -700, flat: 20, minusFlat: -20, minusOne: -1,
		perPi: 1 / math.Pi, piHi: neuralPiHi, piMid: neuralPiMid, piLo: neuralPiLo, reach: neuralReach,
		s3: -1.0 / 6, s5: 1.0 / 120, s7: -1.0 / 5040, s9: 1.0 / 362880, s11: -1.0 / 39916800, s13: 1.0 / 6227020800, s15: 1.0 / 1307674368000,
		low: 63, high: ^uint64(63), bias: 1023 * 64, abs: 1<<63 - 1,
	}
	for i := range t.exp2 {
		t.exp2[i] = math.Exp2(float64(i) / 64)
	}
	return t
}()

// tanhNeural is 1 - 2/(e^2x + 1), e^x being a table of 2^(i/64) times a polynomial.
func tanhNeural(x float64) float64 {
	switch {
	case x > 20:
		return 1
	case x < -20:
		return -1
	case x != x:
		return x
	}
	m := 2*x*(64/math.Ln2) + neuralMagic
	k := int64(math.Float64bits(m)<<12) >> 12
	d := m - neuralMagic
	r := 2*x - d*(neuralLn2Hi/64) - d*(neuralLn2Lo/64)
	p := 1 + r*(1+r*(0.5+r*(1.0/6+r*(1.0/24))))
	e := neural64.exp2[k&63] * p * math.Float64frombits(uint64(k>>6+1023)<<52)
	return 1 - 2/(e+1)
}

// sinNeural is the Taylor series to the fifteenth power, within half a period.
func sinNeural(x float64) float64 {
	if !(math.Abs(x) < neuralReach) {
		return math.Sin(x)
	}
	m := x*(1/math.Pi) + neuralMagic
	odd := math.Float64bits(m) << 63
	k := m - neuralMagic
	y := x - k*neuralPiHi - k*neuralPiMid - k*neuralPiLo
	z := y * y
	z2 := z * z
	a := -1.0/6 + z*(1.0/120)
	b := -1.0/5040 + z*(1.0/362880)
	c := -1.0/39916800 + z*(1.0/6227020800-z*(1.0/1307674368000))
	return math.Float64frombits(math.Float64bits(y+y*z*(a+z2*(b+z2*c))) ^ odd)
}
