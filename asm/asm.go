package asm

import (
	"fmt"
	"math"
)

// Assembly cannot be preempted, so that a call must not hold up the scheduler or the
// garbage collector: all work is cut into calls of some tens of microseconds at most. See
// TestWorkPerCall for the bounds of every kernel.
const (
	// maxCall bounds the elements handed to one assembly call.
	maxCall = 1 << 14
	// leastRow is the number of elements that a row of fewer costs about as much as.
	leastRow = 64
)

// Tier names the best bodies in use: "avx512", "avx2", "neon" or "reference". A
// kernel without a body of that tier uses the next one down.
func Tier() string {
	switch {
	case useAVX512:
		return "avx512"
	case useSIMD:
		return simdTier
	}
	return "reference"
}

func same(op, na string, a int, nb string, b int) {
	if a != b {
		panic(fmt.Sprintf("asm: %s: len(%s) = %d, len(%s) = %d, want equal lengths", op, na, a, nb, b))
	}
}

func atLeast(op, name string, have, want int) {
	if have < want {
		panic(fmt.Sprintf("asm: %s: len(%s) = %d, want at least %d", op, name, have, want))
	}
}

func dims(op string, rows, cols int) {
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("asm: %s: negative size %d x %d", op, rows, cols))
	}
}

// Add computes dst = a + b.
func Add(dst, a, b []float32) {
	same("Add", "dst", len(dst), "a", len(a))
	same("Add", "dst", len(dst), "b", len(b))
	if !useSIMD {
		addGo(dst, a, b)
		return
	}
	raceRead(a)
	raceRead(b)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		addSIMD(&dst[0], &a[0], &b[0], n)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
}

// Sub computes dst = a - b.
func Sub(dst, a, b []float32) {
	same("Sub", "dst", len(dst), "a", len(a))
	same("Sub", "dst", len(dst), "b", len(b))
	if !useSIMD {
		subGo(dst, a, b)
		return
	}
	raceRead(a)
	raceRead(b)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		subSIMD(&dst[0], &a[0], &b[0], n)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
}

// Mul computes dst = a * b, element by element.
func Mul(dst, a, b []float32) {
	same("Mul", "dst", len(dst), "a", len(a))
	same("Mul", "dst", len(dst), "b", len(b))
	if !useSIMD {
		mulGo(dst, a, b)
		return
	}
	raceRead(a)
	raceRead(b)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		mulSIMD(&dst[0], &a[0], &b[0], n)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
}

// AddTo computes dst += a.
func AddTo(dst, a []float32) {
	same("AddTo", "dst", len(dst), "a", len(a))
	Add(dst, dst, a)
}

// MulAdd computes dst += a * b, element by element; the product is rounded before
// the addition.
func MulAdd(dst, a, b []float32) {
	same("MulAdd", "dst", len(dst), "a", len(a))
	same("MulAdd", "dst", len(dst), "b", len(b))
	if !useSIMD {
		mulAddGo(dst, a, b)
		return
	}
	raceRead(a)
	raceRead(b)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		mulAddSIMD(&dst[0], &a[0], &b[0], n)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
}

// Axpy computes y += alpha * x; the product is rounded before the addition.
func Axpy(alpha float32, x, y []float32) {
	same("Axpy", "x", len(x), "y", len(y))
	if !useSIMD {
		axpyGo(alpha, x, y)
		return
	}
	raceRead(x)
	raceWrite(y)
	for len(y) > 0 {
		n := min(len(y), maxCall)
		axpySIMD(&y[0], &x[0], n, alpha)
		x, y = x[n:], y[n:]
	}
}

// Scale computes x *= alpha in place.
func Scale(alpha float32, x []float32) {
	if !useSIMD {
		scaleGo(alpha, x)
		return
	}
	raceWrite(x)
	for len(x) > 0 {
		n := min(len(x), maxCall)
		scaleSIMD(&x[0], n, alpha)
		x = x[n:]
	}
}

// sumBlock is the length of the blocks of ordered sums. Blocks are added in
// increasing order. A multiple of 64, and small enough for one assembly call.
const sumBlock = maxCall

// Sum returns the sum of x. The order is the same on every tier, so are the bits:
// within a block of 16384 elements, element i goes to partial sum i modulo 64 (after
// the last whole 64: modulo 32, and after the last whole 32 modulo 8), and the 64
// partial sums are added pairwise.
// The sum of an empty slice is 0.
func Sum(x []float32) float32 {
	if useSIMD {
		raceRead(x)
	}
	var s float32
	for len(x) > 0 {
		n := min(len(x), sumBlock)
		if useSIMD {
			s += sumSIMD(&x[0], n)
		} else {
			s += sumGo(x[:n])
		}
		x = x[n:]
	}
	return s
}

// Dot returns the sum of a[i]*b[i] in the order of [Sum], each product rounded to
// float32 first: the same bits on every tier.
func Dot(a, b []float32) float32 {
	same("Dot", "a", len(a), "b", len(b))
	if useSIMD {
		raceRead(a)
		raceRead(b)
	}
	var s float32
	for len(a) > 0 {
		n := min(len(a), sumBlock)
		if useSIMD {
			s += dotSIMD(&a[0], &b[0], n)
		} else {
			s += dotGo(a[:n], b[:n])
		}
		a, b = a[n:], b[n:]
	}
	return s
}

// Exp computes dst = e^x within 1.5 ulp (1.13 is the worst known; denormal results:
// within 1.5 of their steps). Overflow gives +Inf, underflow 0.
func Exp(dst, x []float32) {
	same("Exp", "dst", len(dst), "x", len(x))
	if !useSIMD {
		expGo(dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		if useAVX512 {
			expAVX512(&dst[0], &x[0], n)
		} else {
			expSIMD(&dst[0], &x[0], n)
		}
		dst, x = dst[n:], x[n:]
	}
}

// Tanh computes dst = tanh(x) within 3 ulp (2.41 is the worst known); odd, and
// relatively accurate at 0.
func Tanh(dst, x []float32) {
	same("Tanh", "dst", len(dst), "x", len(x))
	if !useSIMD {
		tanhGo(dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		if useAVX512 {
			tanhAVX512(&dst[0], &x[0], n)
		} else {
			tanhSIMD(&dst[0], &x[0], n)
		}
		dst, x = dst[n:], x[n:]
	}
}

// Sigmoid computes dst = 1/(1+e^-x) within 4 ulp (3.06 is the worst known), also
// on the lower tail.
func Sigmoid(dst, x []float32) {
	same("Sigmoid", "dst", len(dst), "x", len(x))
	if !useSIMD {
		sigmoidGo(dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		if useAVX512 {
			sigmoidAVX512(&dst[0], &x[0], n)
		} else {
			sigmoidSIMD(&dst[0], &x[0], n)
		}
		dst, x = dst[n:], x[n:]
	}
}

// Gelu computes dst = x*(1 + tanh(sqrt(2/pi)*(x + 0.044715 x^3)))/2, the tanh form
// of Hendrycks and Gimpel (arXiv 1606.08415). Evaluated as x times a sigmoid, so
// without cancellation: within 4 ulp for x >= -1; below, the relative error grows
// with the exponent (within 256 ulp; 148 is the worst known, at -9.8).
func Gelu(dst, x []float32) {
	same("Gelu", "dst", len(dst), "x", len(x))
	if !useSIMD {
		geluGo(dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		if useAVX512 {
			geluAVX512(&dst[0], &x[0], n)
		} else {
			geluSIMD(&dst[0], &x[0], n)
		}
		dst, x = dst[n:], x[n:]
	}
}

// GeluGrad computes dx = dy * gelu'(x), or dx += dy * gelu'(x) when acc is true. The
// derivative has an absolute error of at most 1e-6: it crosses 0, so none in ulp.
func GeluGrad(dx, x, dy []float32, acc bool) {
	same("GeluGrad", "dx", len(dx), "x", len(x))
	same("GeluGrad", "dx", len(dx), "dy", len(dy))
	if !useSIMD {
		geluGradGo(dx, x, dy, acc)
		return
	}
	raceRead(x)
	raceRead(dy)
	raceWrite(dx)
	for len(dx) > 0 {
		n := min(len(dx), maxCall)
		if useAVX512 {
			geluGradAVX512(&dx[0], &x[0], &dy[0], n, accMask(acc))
		} else {
			geluGradSIMD(&dx[0], &x[0], &dy[0], n, accMask(acc))
		}
		dx, x, dy = dx[n:], x[n:], dy[n:]
	}
}

// accMask is the bit mask with which kernels keep or drop the old output.
func accMask(acc bool) uint32 {
	if acc {
		return math.MaxUint32
	}
	return 0
}

// SinCos computes sin = sin(x) and cos = cos(x), x in radians, with an error of at
// most 2 ulp (1.53 is the worst known) or 1e-7 absolute, whichever is greater, for every
// finite x. Arguments beyond about 1e5 take a slow path. sin or cos may be x itself but not each other.
func SinCos(sin, cos, x []float32) {
	same("SinCos", "sin", len(sin), "x", len(x))
	same("SinCos", "cos", len(cos), "x", len(x))
	if !useSIMD {
		sinCosGo(sin, cos, x)
		return
	}
	raceRead(x)
	raceWrite(sin)
	raceWrite(cos)
	for len(x) > 0 {
		n := min(len(x), maxCall)
		if done := sinCosKernel(&sin[0], &cos[0], &x[0], n); done < n {
			// The kernel stops in front of a group of at most 16 with an argument beyond
			// its reduction (or Inf, NaN). One by one, so that the others keep their values.
			n = min(done+16, n)
			for i := done; i < n; i++ {
				if sinCosKernel(&sin[i], &cos[i], &x[i], 1) == 0 {
					sinCosGo(sin[i:i+1], cos[i:i+1], x[i:i+1])
				}
			}
		}
		sin, cos, x = sin[n:], cos[n:], x[n:]
	}
}

func sinCosKernel(sin, cos, x *float32, n int) int {
	if useAVX512 {
		return sinCosAVX512(sin, cos, x, n)
	}
	return sinCosSIMD(sin, cos, x, n)
}

// Expm1OverX computes dst = phi1(x) = (e^x - 1)/x, 1 at x = 0, within 2.5 ulp for every
// x (1.84 is the worst known): the numerator is never formed by subtraction of nearly equal numbers.
func Expm1OverX(dst, x []float32) {
	same("Expm1OverX", "dst", len(dst), "x", len(x))
	if !useSIMD {
		expm1OverXGo(dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		if useAVX512 {
			expm1OverXAVX512(&dst[0], &x[0], n)
		} else {
			expm1OverXSIMD(&dst[0], &x[0], n)
		}
		dst, x = dst[n:], x[n:]
	}
}

// Softplus computes dst = log(1+e^x) without overflow, within 4 ulp (3.10 is the worst
// known), also on the lower tail.
func Softplus(dst, x []float32) {
	same("Softplus", "dst", len(dst), "x", len(x))
	if !useSIMD {
		softplusGo(dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxCall)
		if useAVX512 {
			softplusAVX512(&dst[0], &x[0], n)
		} else {
			softplusSIMD(&dst[0], &x[0], n)
		}
		dst, x = dst[n:], x[n:]
	}
}

// TanhGrad computes dx = dy*(1-y*y), the gradient of Tanh from its output y, or adds
// it to dx when acc is true.
func TanhGrad(dx, y, dy []float32, acc bool) {
	same("TanhGrad", "dx", len(dx), "y", len(y))
	same("TanhGrad", "dx", len(dx), "dy", len(dy))
	if !useSIMD {
		tanhGradGo(dx, y, dy, acc)
		return
	}
	raceRead(y)
	raceRead(dy)
	raceWrite(dx)
	for len(dx) > 0 {
		n := min(len(dx), maxCall)
		tanhGradSIMD(&dx[0], &y[0], &dy[0], n, accMask(acc))
		dx, y, dy = dx[n:], y[n:], dy[n:]
	}
}

// SigmoidGrad computes dx = dy*(y*(1-y)), the gradient of Sigmoid from its output y,
// or adds it to dx when acc is true.
func SigmoidGrad(dx, y, dy []float32, acc bool) {
	same("SigmoidGrad", "dx", len(dx), "y", len(y))
	same("SigmoidGrad", "dx", len(dx), "dy", len(dy))
	if !useSIMD {
		sigmoidGradGo(dx, y, dy, acc)
		return
	}
	raceRead(y)
	raceRead(dy)
	raceWrite(dx)
	for len(dx) > 0 {
		n := min(len(dx), maxCall)
		sigmoidGradSIMD(&dx[0], &y[0], &dy[0], n, accMask(acc))
		dx, y, dy = dx[n:], y[n:], dy[n:]
	}
}

// rowsPerCall is how many rows of cols elements go into one assembly call when an
// element costs about as much as weight plain ones; cols is at most maxCall.
func rowsPerCall(rows, cols, weight int) int {
	return min(rows, max(1, maxCall/(max(cols, leastRow)*weight)))
}

// SoftmaxRows computes dst[i] = exp(x[i]-max) / sum for each of rows rows of cols
// elements, within 8 ulp plus the relative error of the sum. A row of -Inf only
// (all masked) gives zeros; a row that contains NaN or +Inf gives NaN throughout.
func SoftmaxRows(dst, x []float32, rows, cols int) {
	dims("SoftmaxRows", rows, cols)
	atLeast("SoftmaxRows", "dst", len(dst), rows*cols)
	atLeast("SoftmaxRows", "x", len(x), rows*cols)
	if rows == 0 || cols == 0 {
		return
	}
	if !useSIMD || cols > maxCall {
		for i := range rows {
			softmaxRowGo(dst[i*cols:][:cols], x[i*cols:][:cols])
		}
		return
	}
	raceRead(x[:rows*cols])
	raceWrite(dst[:rows*cols])
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, cols, 1)
		var done int
		if useAVX512 {
			done = softmaxRowsAVX512(&dst[i*cols], &x[i*cols], n, cols)
		} else {
			done = softmaxRowsSIMD(&dst[i*cols], &x[i*cols], n, cols)
		}
		i += done
		if done < n {
			// The kernel stops in front of a row whose maximum is not finite.
			softmaxRowGo(dst[i*cols:][:cols], x[i*cols:][:cols])
			i++
		}
	}
}

// SoftmaxRowsGrad computes dx = y*(dy - y.dy) per row, where y is the output of
// SoftmaxRows, or adds it to dx when acc is true.
func SoftmaxRowsGrad(dx, y, dy []float32, rows, cols int, acc bool) {
	const op = "SoftmaxRowsGrad"
	dims(op, rows, cols)
	atLeast(op, "dx", len(dx), rows*cols)
	atLeast(op, "y", len(y), rows*cols)
	atLeast(op, "dy", len(dy), rows*cols)
	if rows == 0 || cols == 0 {
		return
	}
	if !useSIMD || cols > maxCall {
		for i := range rows {
			softmaxGradRowGo(dx[i*cols:][:cols], y[i*cols:][:cols], dy[i*cols:][:cols], acc)
		}
		return
	}
	raceRead(y[:rows*cols])
	raceRead(dy[:rows*cols])
	raceWrite(dx[:rows*cols])
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, cols, 1)
		softmaxGradRowsSIMD(&dx[i*cols], &y[i*cols], &dy[i*cols], n, cols, accMask(acc))
		i += n
	}
}

// RMSNormRows computes, per row of cols elements,
//
//	rstd = 1/sqrt(mean(x^2) + eps),  dst = x*rstd*gain
//
// (Zhang and Sennrich, arXiv 1910.07467). gain has cols elements. rstd receives one
// number per row for the gradient; nil if it is not wanted.
func RMSNormRows(dst, x, gain []float32, rstd []float32, rows, cols int, eps float32) {
	const op = "RMSNormRows"
	dims(op, rows, cols)
	atLeast(op, "dst", len(dst), rows*cols)
	atLeast(op, "x", len(x), rows*cols)
	atLeast(op, "gain", len(gain), cols)
	if rstd != nil {
		atLeast(op, "rstd", len(rstd), rows)
	}
	if rows == 0 || cols == 0 {
		return
	}
	if !useSIMD || cols > maxCall {
		for i := range rows {
			s := rmsNormRowGo(dst[i*cols:][:cols], x[i*cols:][:cols], gain, eps)
			if rstd != nil {
				rstd[i] = s
			}
		}
		return
	}
	raceRead(x[:rows*cols])
	raceRead(gain[:cols])
	raceWrite(dst[:rows*cols])
	if rstd != nil {
		raceWrite(rstd[:rows])
	}
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, cols, 1)
		if useAVX512 {
			rmsNormRowsAVX512(&dst[i*cols], &x[i*cols], &gain[0], at(rstd, i), n, cols, eps)
		} else {
			rmsNormRowsSIMD(&dst[i*cols], &x[i*cols], &gain[0], at(rstd, i), n, cols, eps)
		}
		i += n
	}
}

// at is the address of x[i], or nil if x is.
func at(x []float32, i int) *float32 {
	if x == nil {
		return nil
	}
	return &x[i]
}

// RMSNormRowsGrad adds the gradients of RMSNormRows to dx (rows x cols) and dgain
// (cols), given its input x, its rstd and the gradient dy of its output. dx or dgain
// may be nil if it is not wanted.
func RMSNormRowsGrad(dx, dgain, x, gain, rstd, dy []float32, rows, cols int) {
	normGrad("RMSNormRowsGrad", dx, dgain, nil, x, gain, nil, rstd, dy, rows, cols, false)
}

// LayerNormRows computes, per row of cols elements,
//
//	mean = mean(x),  rstd = 1/sqrt(mean((x-mean)^2) + eps),  dst = (x-mean)*rstd*gain + bias
//
// (Ba et al., arXiv 1607.06450), the variance in a second pass. gain and bias have
// cols elements; mean and rstd receive one number per row, nil if not wanted.
func LayerNormRows(dst, x, gain, bias, mean, rstd []float32, rows, cols int, eps float32) {
	const op = "LayerNormRows"
	dims(op, rows, cols)
	atLeast(op, "dst", len(dst), rows*cols)
	atLeast(op, "x", len(x), rows*cols)
	atLeast(op, "gain", len(gain), cols)
	atLeast(op, "bias", len(bias), cols)
	if mean != nil {
		atLeast(op, "mean", len(mean), rows)
	}
	if rstd != nil {
		atLeast(op, "rstd", len(rstd), rows)
	}
	if rows == 0 || cols == 0 {
		return
	}
	if !useSIMD || cols > maxCall {
		for i := range rows {
			mu, s := layerNormRowGo(dst[i*cols:][:cols], x[i*cols:][:cols], gain, bias, eps)
			if mean != nil {
				mean[i] = mu
			}
			if rstd != nil {
				rstd[i] = s
			}
		}
		return
	}
	raceRead(x[:rows*cols])
	raceRead(gain[:cols])
	raceRead(bias[:cols])
	raceWrite(dst[:rows*cols])
	if mean != nil {
		raceWrite(mean[:rows])
	}
	if rstd != nil {
		raceWrite(rstd[:rows])
	}
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, cols, 1)
		if useAVX512 {
			layerNormRowsAVX512(&dst[i*cols], &x[i*cols], &gain[0], &bias[0], at(mean, i), at(rstd, i), n, cols, eps)
		} else {
			layerNormRowsSIMD(&dst[i*cols], &x[i*cols], &gain[0], &bias[0], at(mean, i), at(rstd, i), n, cols, eps)
		}
		i += n
	}
}

// LayerNormRowsGrad adds the gradients of LayerNormRows to dx (rows x cols), dgain
// and dbias (cols), given its input x, its mean and rstd and the gradient dy of its
// output. dx, dgain or dbias may be nil if it is not wanted.
func LayerNormRowsGrad(dx, dgain, dbias, x, gain, mean, rstd, dy []float32, rows, cols int) {
	normGrad("LayerNormRowsGrad", dx, dgain, dbias, x, gain, mean, rstd, dy, rows, cols, true)
}

// normGrad serves both normalisations; RMSNorm is the case of zero mean and no
// centring term.
func normGrad(op string, dx, dgain, dbias, x, gain, mean, rstd, dy []float32, rows, cols int, centred bool) {
	dims(op, rows, cols)
	if dx != nil {
		atLeast(op, "dx", len(dx), rows*cols)
	}
	if dgain != nil {
		atLeast(op, "dgain", len(dgain), cols)
	}
	if dbias != nil {
		atLeast(op, "dbias", len(dbias), cols)
	}
	if centred {
		atLeast(op, "mean", len(mean), rows)
	}
	atLeast(op, "x", len(x), rows*cols)
	atLeast(op, "gain", len(gain), cols)
	atLeast(op, "rstd", len(rstd), rows)
	atLeast(op, "dy", len(dy), rows*cols)
	if rows == 0 || cols == 0 {
		return
	}
	if !useSIMD || cols > maxCall || dx == nil || dgain == nil {
		for i := range rows {
			var mu float32
			if centred {
				mu = mean[i]
			}
			xi, di := x[i*cols:][:cols], dy[i*cols:][:cols]
			if dx != nil {
				normGradRowGo(dx[i*cols:][:cols], xi, gain, di, mu, rstd[i], centred)
			}
			if dgain != nil {
				for j := range xi {
					dgain[j] += float32(di[j] * float32((xi[j]-mu)*rstd[i]))
				}
			}
		}
	} else {
		raceRead(x[:rows*cols])
		raceRead(gain[:cols])
		raceRead(rstd[:rows])
		raceRead(dy[:rows*cols])
		raceWrite(dx[:rows*cols])
		raceWrite(dgain[:cols])
		if centred {
			raceRead(mean[:rows])
		}
		for i := 0; i < rows; {
			n := rowsPerCall(rows-i, cols, 2)
			var mp *float32
			if centred {
				mp = &mean[i]
			}
			normGradRowsSIMD(&dx[i*cols], &dgain[0], &x[i*cols], &gain[0], mp, &rstd[i], &dy[i*cols], n, cols)
			i += n
		}
	}
	if dbias != nil {
		AddColumnSums(dbias[:cols], dy, rows, cols)
	}
}

// AddColumnSums adds to dst (cols) each of the rows rows of x, in increasing order:
// the gradient of a bias.
func AddColumnSums(dst, x []float32, rows, cols int) {
	const op = "AddColumnSums"
	dims(op, rows, cols)
	atLeast(op, "dst", len(dst), cols)
	atLeast(op, "x", len(x), rows*cols)
	if rows == 0 || cols == 0 {
		return
	}
	if !useSIMD || cols > maxCall {
		for i := range rows {
			AddTo(dst[:cols], x[i*cols:][:cols])
		}
		return
	}
	raceRead(x[:rows*cols])
	raceWrite(dst[:cols])
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, cols, 1)
		addColumnSumsSIMD(&dst[0], &x[i*cols], n, cols)
		i += n
	}
}

// GluRows computes the gated unit dst = gelu(u)*v, where the rows of x are (u, v):
// x is rows x 2h, dst rows x h (Shazeer, arXiv 2002.05202). gelu and its error are those
// of [Gelu]; the product is rounded once more.
func GluRows(dst, x []float32, rows, h int) {
	const op = "GluRows"
	dims(op, rows, h)
	atLeast(op, "dst", len(dst), rows*h)
	atLeast(op, "x", len(x), rows*2*h)
	if rows == 0 || h == 0 {
		return
	}
	if !useSIMD || h > maxCall {
		for i := range rows {
			gluRowGo(dst[i*h:][:h], x[i*2*h:][:2*h])
		}
		return
	}
	raceRead(x[:rows*2*h])
	raceWrite(dst[:rows*h])
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, h, 1)
		if useAVX512 {
			gluRowsAVX512(&dst[i*h], &x[i*2*h], n, h)
		} else {
			gluRowsSIMD(&dst[i*h], &x[i*2*h], n, h)
		}
		i += n
	}
}

// GluRowsGrad adds the gradient of GluRows to dx (rows x 2h): with (u, v) the row of
// its input x and dy that of the gradient of its output (rows x h),
//
//	du += dy*v*gelu'(u),  dv += dy*gelu(u)
//
// The errors are those of [GeluGrad] and [Gelu].
func GluRowsGrad(dx, x, dy []float32, rows, h int) {
	const op = "GluRowsGrad"
	dims(op, rows, h)
	atLeast(op, "dx", len(dx), rows*2*h)
	atLeast(op, "x", len(x), rows*2*h)
	atLeast(op, "dy", len(dy), rows*h)
	if rows == 0 || h == 0 {
		return
	}
	if !useSIMD || h > maxCall {
		for i := range rows {
			gluGradRowGo(dx[i*2*h:][:2*h], x[i*2*h:][:2*h], dy[i*h:][:h])
		}
		return
	}
	raceRead(x[:rows*2*h])
	raceRead(dy[:rows*h])
	raceWrite(dx[:rows*2*h])
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, h, 1)
		if useAVX512 {
			gluGradRowsAVX512(&dx[i*2*h], &x[i*2*h], &dy[i*h], n, h)
		} else {
			gluGradRowsSIMD(&dx[i*2*h], &x[i*2*h], &dy[i*h], n, h)
		}
		i += n
	}
}

// GRUGates fuses the gates of a GRU cell (Cho et al., arXiv 1406.1078, in PyTorch's
// convention), for rows rows of hidden size h. gi = x*Wi + bi and gh = hPrev*Wh + bh
// are rows x 3h, gates in the order r, z, n:
//
//	r = sigmoid(gi_r + gh_r),  z = sigmoid(gi_z + gh_z),  n = tanh(gi_n + r*gh_n)
//	hNew = (1-z)*n + z*hPrev
//
// save (rows x 4h, or nil) receives r, z, n, gh_n for GRUGatesGrad. hNew may be
// hPrev. Absolute error of each gate at most 1e-6.
func GRUGates(hNew, gi, gh, hPrev []float32, save []float32, rows, h int) {
	const op = "GRUGates"
	dims(op, rows, h)
	atLeast(op, "hNew", len(hNew), rows*h)
	atLeast(op, "gi", len(gi), rows*3*h)
	atLeast(op, "gh", len(gh), rows*3*h)
	atLeast(op, "hPrev", len(hPrev), rows*h)
	if save != nil {
		atLeast(op, "save", len(save), rows*4*h)
	}
	if h == 0 || rows == 0 {
		return
	}
	if !useSIMD || h > maxCall {
		for i := range rows {
			var si []float32
			if save != nil {
				si = save[i*4*h:][:4*h]
			}
			gruRowGo(hNew[i*h:][:h], gi[i*3*h:][:3*h], gh[i*3*h:][:3*h], hPrev[i*h:][:h], si)
		}
		return
	}
	raceRead(gi[:rows*3*h])
	raceRead(gh[:rows*3*h])
	raceRead(hPrev[:rows*h])
	raceWrite(hNew[:rows*h])
	if save != nil {
		raceWrite(save[:rows*4*h])
	}
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, h, 2)
		if useAVX512 {
			gruRowsAVX512(&hNew[i*h], &gi[i*3*h], &gh[i*3*h], &hPrev[i*h], at(save, i*4*h), n, h)
		} else {
			gruRowsSIMD(&hNew[i*h], &gi[i*3*h], &gh[i*3*h], &hPrev[i*h], at(save, i*4*h), n, h)
		}
		i += n
	}
}

// GRUGatesGrad is the gradient of GRUGates: it overwrites dgi and dgh (rows x 3h) and
// adds the direct part dhNew*z to dhPrev. save is what GRUGates stored, hPrev its
// input.
func GRUGatesGrad(dgi, dgh, dhPrev, dhNew, save, hPrev []float32, rows, h int) {
	const op = "GRUGatesGrad"
	dims(op, rows, h)
	atLeast(op, "dgi", len(dgi), rows*3*h)
	atLeast(op, "dgh", len(dgh), rows*3*h)
	atLeast(op, "dhPrev", len(dhPrev), rows*h)
	atLeast(op, "dhNew", len(dhNew), rows*h)
	atLeast(op, "save", len(save), rows*4*h)
	atLeast(op, "hPrev", len(hPrev), rows*h)
	if h == 0 || rows == 0 {
		return
	}
	if !useSIMD || h > maxCall {
		for i := range rows {
			gruGradRowGo(dgi[i*3*h:][:3*h], dgh[i*3*h:][:3*h], dhPrev[i*h:][:h], dhNew[i*h:][:h], save[i*4*h:][:4*h], hPrev[i*h:][:h])
		}
		return
	}
	raceRead(save[:rows*4*h])
	raceRead(dhNew[:rows*h])
	raceRead(hPrev[:rows*h])
	raceWrite(dgi[:rows*3*h])
	raceWrite(dgh[:rows*3*h])
	raceWrite(dhPrev[:rows*h])
	for i := 0; i < rows; {
		n := rowsPerCall(rows-i, h, 2)
		gruGradRowsSIMD(&dgi[i*3*h], &dgh[i*3*h], &dhPrev[i*h], &dhNew[i*h], &save[i*4*h], &hPrev[i*h], n, h)
		i += n
	}
}

// AdamW makes one step of Adam with decoupled weight decay (Loshchilov and Hutter,
// arXiv 1711.05101) on w, m and v, given the gradient g:
//
//	m = beta1*m + (1-beta1)*g,  v = beta2*v + (1-beta2)*g^2
//	w = (1-lr*decay)*w - lr*(m/corr1) / (sqrt(v/corr2) + eps)
//
// corr1 = 1-beta1^t and corr2 = 1-beta2^t are the bias corrections of step t, counted
// from 1. The same bits on every tier.
func AdamW(w, g, m, v []float32, lr, beta1, beta2, eps, decay, corr1, corr2 float32) {
	same("AdamW", "w", len(w), "g", len(g))
	same("AdamW", "w", len(w), "m", len(m))
	same("AdamW", "w", len(w), "v", len(v))
	c := adamCoef{
		beta1: beta1, beta1c: 1 - beta1, beta2: beta2, beta2c: 1 - beta2,
		rate: lr / corr1, icorr2: 1 / corr2, eps: eps, keep: 1 - float32(lr*decay),
	}
	if !useSIMD {
		adamWGo(w, g, m, v, &c)
		return
	}
	raceRead(g)
	raceWrite(w)
	raceWrite(m)
	raceWrite(v)
	for len(w) > 0 {
		n := min(len(w), maxCall)
		adamWSIMD(&w[0], &g[0], &m[0], &v[0], n, &c)
		w, g, m, v = w[n:], g[n:], m[n:], v[n:]
	}
}
