// Package asm holds the kernels of the engine: matrix product with epilogues and
// prepacked factors, in float32 and with integer weights ([GemmInt8]), element-wise maps, reductions, normalisation and softmax
// rows, the gate arithmetic of a GRU cell, attention, the closed form of linear
// ODEs ([PairsReadout]), batched small matrices for the matrix exponential
// ([StackMul]) and the AdamW update, all in float32, and the float64 arithmetic
// of regressions fitted to one context ([CholeskyLanes], [Rollout]).
//
// Every kernel has a readable Go body (the reference, compiled everywhere) and
// assembly bodies: AVX2 with FMA on amd64, NEON on arm64, and AVX-512 where it
// pays; the float64 kernels have AVX2 only, NEON leaves the states of the closed
// form to Go, and the product with integers has bodies for AVX-512 VNNI, AVX2, NEON and the
// dot products of ARMv8.2 ([HasInt8] says where it pays). The exported function checks the lengths once and picks the body. The
// build tag noasm removes the assembly; GODEBUG=cpu.avx2=off (or cpu.fma=off)
// switches it off at start, cpu.avx512f=off its widest bodies, cpu.avx512vnni=off those for integers, cpu.asimddp=off dot products of NEON, cpu.asimd=off NEON (where
// Go's runtime warns that it does not know the name). [Tier] tells which one runs. The
// package is exported for the engine's own use and carries no promise of stability.
//
// # Preemption
//
// Assembly cannot be preempted. The wrappers cut work into calls of at most about 50
// microseconds on a core of 3 GHz, for any sizes; what cannot be cut so (an attention over more than 16384
// keys, matrices of the exponential beyond order 32, more than 1024 pairs) runs in Go.
//
// # Lengths
//
// Slices of element-wise kernels must have equal lengths. Matrices are
// row-major; a buffer described by rows and columns must hold at least that many
// elements and the excess is neither read nor written. A mismatch is a
// programming error and panics with both numbers.
//
// # Aliasing
//
// Element-wise kernels (Add ... AdamW) and the row kernels SoftmaxRows,
// RMSNormRows and LayerNormRows may be called in place: an output may be exactly
// the same slice as an input. A partial, shifted overlap is never allowed. The
// output of Gemm and of the *Grad row kernels must not overlap any input, except
// that SoftmaxRowsGrad, TanhGrad and SigmoidGrad allow dx to be y or dy, and GeluGrad
// allows dx to be x or dy. GluRows and AddColumnSums take no operand twice. The
// outputs and the scratch of attention, of the closed form, of the stacked matrices and
// of the float64 kernels must not overlap anything, except that Slide64 allows dst to be
// src, CombineLanes dst to be base and Affine64 y to be b (CholeskyLanes, BackLanes,
// Tanh64 and Sin64 replace what they are given). Only SinCos has two
// outputs of which one may be x. Inputs may always coincide.
//
// # Rounding
//
// Kernels fall in five classes:
//
//   - exact: Add, Sub, Mul, AddTo, Axpy, Scale, MulAdd, AddColumnSums,
//     TanhGrad, SigmoidGrad, AdamW, GRUGatesGrad.
//     Each multiplication and addition is rounded to float32, none is fused: the
//     same bits on every tier and platform.
//   - ordered sums: Sum, Dot, and through them RMSNormRows, LayerNormRows and
//     their gradients and SoftmaxRowsGrad. The order of summation is fixed (see
//     [Sum]) and nothing is fused: the same bits on every tier and platform.
//   - elementary functions: Exp, Tanh, Sigmoid, Gelu, GeluGrad, Softplus, SinCos,
//     Expm1OverX, SoftmaxRows, GluRows, GluRowsGrad, GRUGates. Errors are stated at
//     each function; tiers differ in the last bits. The value at one element never
//     depends on its position or on the length of the slice.
//   - Gemm: each element of C is one sum over k in increasing order (in blocks of
//     at most 384), so it depends only on its row of A, its column of B, its own
//     old value, k and the tier: not on m, n, the strides or the modes.
//     Multiply-adds may be fused. GemmInt8 has exact sums and the same bits everywhere.
//   - composed: Attention and its gradient, the Pairs kernels, the Stack kernels
//     and the float64 kernels. Fused multiply-adds (but in SquaredDistance, Moments,
//     Slide64 and the kernels of Runge-Kutta steps, which have the same bits everywhere,
//     and in those of small networks on amd64), sums in an order that is
//     fixed on each tier; tiers differ in the last bits. One sequence, token, matrix
//     or lane never depends on the others of a call, nor on their number.
//
// # Special values
//
// NaN in gives NaN out, in all kernels: maps at that element, sums and rows as a
// whole. Infinities follow IEEE arithmetic, and elementary functions return their
// limits (Exp(-Inf) = 0, Tanh(+Inf) = 1, Gelu(-Inf) = 0, SinCos(Inf) = NaN).
// Denormals are neither flushed nor trapped, with one exception: in the closed form
// the factor exp(sigma t) counts as zero in the assembly bodies where it is below
// 8.4e-39 (sigma t < -87.68), which moves a state by less than 8.4e-39 of its start.
// SoftmaxRows says what it does with rows of -Inf, Attention with sequences without a
// key, Rollout and CholeskyLanes what replaces a NaN.
//
// # Concurrency
//
// All functions may be called concurrently on buffers that no other goroutine
// writes. The result never depends on GOMAXPROCS. Under the race detector the
// wrappers report the ranges that assembly touches.
package asm
