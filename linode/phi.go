// Package linode propagates linear ordinary differential equations
//
//	z'(t) = A z(t) + b,  z(0) = z0,
//
// in closed form, forward and backward. With phi1(x) = (e^x - 1)/x the solution is
//
//	z(t) = e^(At) z0 + t phi1(At) b,
//
// which is exact for every t, negative times included, and costs the same for a
// stiff system as for a slow one. Three forms of the generator A share this:
//
//   - pairs: 2x2 blocks [[sigma, -omega], [omega, sigma]], a complex number
//     lambda = sigma + i omega acting on z = re + i im ([PairsReadout],
//     [PairsStates], [EvalPairs]);
//   - diagonal: real rates ([DiagonalStates]);
//   - dense: any real matrix up to 16 x 16, by a degree-optimised Taylor
//     polynomial with scaling and squaring ([DenseStates], [Dense], and for
//     many matrices in float32 [ExpBatch]).
//
// The tokens of the network are pairs. Diagonal and dense ones are what they were
// compared with (docs/evidence-ablations.md), [Dense] measures how far the dynamics
// of known systems are locally linear (docs/evidence.md), and all are open to other
// programs.
//
// phi1 is nowhere computed by the subtraction (e^x - 1)/x, which loses all
// digits near x = 0; e^x - 1 always comes from an expm1.
//
// # Range
//
// Decay never overflows: for sigma*t = -1e4 the state is the fixed point -b/lambda
// to the last digit. Growth is clamped: the real exponent sigma*t is replaced by
// [MaxExponent] where it is larger, so that values and gradients stay finite; the
// gradient is then the one of the clamped exponential used as if it were exact.
//
// # Layout
//
// Pair states and everything of their kind (z0, b, c) hold re, im interleaved:
// re0, im0, re1, im1, ... A pair's state is therefore the plain 2-vector on which
// its 2x2 block acts.
//
// # Concurrency and determinism
//
// Functions of this package are safe for concurrent use on distinct tapes and
// destinations; a [Dense] workspace belongs to one goroutine. The order of
// every summation is fixed.
package linode

import "math"

// MaxExponent is the largest real exponent sigma*t which is evaluated as given;
// larger ones are clamped to it. e^80 is about 5.5e34, which leaves float32
// three decades and a half of room for amplitudes.
const MaxExponent = 80

// Phi1 returns (e^x - 1)/x, and 1 for x = 0, to full float64 precision.
func Phi1(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.IsInf(x, 1) {
		return x
	}
	return math.Expm1(x) / x
}

// Phi2 returns (phi1(x) - 1)/x = (e^x - 1 - x)/x^2, and 1/2 for x = 0, to full
// float64 precision: by its Taylor series for |x| < 1/2, where the quotient
// would cancel, and by the quotient elsewhere.
func Phi2(x float64) float64 {
	if math.Abs(x) < 0.5 {
		// sum x^k/(k+2)!, from the smallest term; x^16/18! < 3e-21.
		sum := 0.0
		for k := 15; k >= 0; k-- {
			sum = sum*x/float64(k+3) + 1
		}
		return sum / 2
	}
	if math.IsInf(x, 1) {
		return x
	}
	return (Phi1(x) - 1) / x
}

// ComplexExpm1 returns e^z - 1 without cancellation near z = 0:
// expm1(x) cos y - 2 sin^2(y/2) + i e^x sin y.
func ComplexExpm1(z complex128) complex128 {
	x, y := real(z), imag(z)
	s, c := math.Sincos(y / 2)
	em := math.Expm1(x)
	return complex(em*(1-2*s*s)-2*s*s, (1+em)*2*s*c)
}

// ComplexExp returns e^z. It keeps its relative precision for any finite z and
// gives 0 where the real part is far below zero.
func ComplexExp(z complex128) complex128 {
	s, c := math.Sincos(imag(z))
	e := math.Exp(real(z))
	return complex(e*c, e*s)
}

// ComplexPhi1 returns (e^z - 1)/z, and 1 for z = 0, to full float64 precision.
func ComplexPhi1(z complex128) complex128 {
	if z == 0 {
		return 1
	}
	return ComplexExpm1(z) / z
}

// PairAt returns the state z(t) and the rate z'(t) of one pair in float64: the
// solution of z' = (sigma + i omega) z + b with z(0) = z0, every vector written
// as re + i im. It is the reference for the float32 operations and does not
// clamp. The rate is e^(lambda t) (lambda z0 + b), which unlike lambda z + b
// does not cancel near the fixed point.
func PairAt(sigma, omega float64, z0, b complex128, t float64) (z, rate complex128) {
	lambda := complex(sigma, omega)
	lt := lambda * complex(t, 0)
	e := ComplexExp(lt)
	return e*z0 + complex(t, 0)*ComplexPhi1(lt)*b, e * (lambda*z0 + b)
}
