//go:build amd64 && !noasm

#include "textflag.h"

// Normalisation rows with AVX-512. The 64 partial sums of an ordered sum are Z0..Z3; no
// multiplication is fused with an addition, so that the bits equal those of the Go bodies.

// A length of CX elements is split into R9 bytes of whole 64s, R10 of whole 32s, R11 of
// whole 8s and R12 = 0..7 elements behind them, whose mask is K1; K2 = eight lanes. R13
// bytes of whole 16s, and K3 the mask of the elements behind those. Changes AX.
#define SPLIT \
	MOVQ  CX, R9; \
	MOVQ  CX, R10; \
	MOVQ  CX, R11; \
	MOVQ  CX, R12; \
	MOVQ  CX, R13; \
	ANDQ  $15, CX; \
	MOVL  $1, AX; \
	SHLL  CX, AX; \
	DECL  AX; \
	KMOVW AX, K3; \
	MOVQ  R12, CX; \
	ANDQ  $7, CX; \
	MOVL  $1, AX; \
	SHLL  CX, AX; \
	DECL  AX; \
	KMOVW AX, K1; \
	MOVL  $255, AX; \
	KMOVW AX, K2; \
	MOVQ  R12, CX; \
	ANDQ  $~63, R9; \
	ANDQ  $~31, R10; \
	ANDQ  $~7, R11; \
	ANDQ  $7, R12; \
	ANDQ  $~15, R13; \
	SHLQ  $2, R9; \
	SHLQ  $2, R10; \
	SHLQ  $2, R11; \
	SHLQ  $2, R13

// X0 = the sum, in the order of Sum, of what TERM(offset, acc) adds to the accumulator for
// the 16 elements at byte offset+AX; PART(mask) adds to Z0 those under the mask. Changes
// AX, Z0..Z3 and what TERM changes.
#define ORDERED(l64, l32, l8, tail, done, TERM, PART) \
	VPXORD Z0, Z0, Z0; \
	VPXORD Z1, Z1, Z1; \
	VPXORD Z2, Z2, Z2; \
	VPXORD Z3, Z3, Z3; \
	XORL   AX, AX; \
	TESTQ  R9, R9; \
	JZ     l32; \
l64: \
	TERM(0, Z0); \
	TERM(64, Z1); \
	TERM(128, Z2); \
	TERM(192, Z3); \
	ADDQ $256, AX; \
	CMPQ AX, R9; \
	JLT  l64; \
l32: \
	CMPQ AX, R10; \
	JGE  l8; \
	TERM(0, Z0); \
	TERM(64, Z1); \
	ADDQ $128, AX; \
l8: \
	CMPQ AX, R11; \
	JGE  tail; \
	PART(K2); \
	ADDQ $32, AX; \
	JMP  l8; \
tail: \
	TESTQ R12, R12; \
	JZ    done; \
	PART(K1); \
done: \
	VADDPS        Z2, Z0, Z0; \
	VADDPS        Z3, Z1, Z1; \
	VEXTRACTF64X4 $1, Z0, Y2; \
	VEXTRACTF64X4 $1, Z1, Y3; \
	VADDPS        Y2, Y0, Y0; \
	VADDPS        Y3, Y1, Y1; \
	VADDPS        Y1, Y0, Y0; \
	VEXTRACTF128  $1, Y0, X1; \
	VADDPS        X1, X0, X0; \
	VMOVHLPS      X0, X0, X1; \
	VADDPS        X1, X0, X0; \
	VMOVSHDUP     X0, X1; \
	VADDSS        X1, X0, X0

// BODY for the 16 elements at byte AX, for all whole 16s, then TAIL for those under K3.
#define SIXTEENS(l16, tail, BODY, TAIL) \
	XORL  AX, AX; \
	TESTQ R13, R13; \
	JZ    tail; \
l16: \
	BODY; \
	ADDQ $64, AX; \
	CMPQ AX, R13; \
	JLT  l16; \
tail: \
	TAIL

DATA one64<>+0(SB)/8, $1.0
GLOBL one64<>(SB), RODATA|NOPTR, $8

// X11 = float64 of the length in CX, X12 = float64 of the float32 eps in X12.
#define STDSETUP \
	VXORPS     X11, X11, X11; \
	VCVTSI2SDQ CX, X11, X11; \
	VCVTSS2SD  X12, X12, X12

// X0 = 1/sqrt(X0/n + eps) as invStd.
#define INVSTD \
	VCVTSS2SD X0, X0, X0; \
	VDIVSD    X11, X0, X0; \
	VADDSD    X12, X0, X0; \
	VSQRTSD   X0, X0, X0; \
	VMOVSD    one64<>(SB), X1; \
	VDIVSD    X0, X1, X0; \
	VCVTSD2SS X0, X0, X0

#define SUM16(off, acc) \
	VADDPS off(SI)(AX*1), acc, acc
#define SUMPART(k) \
	VADDPS (SI)(AX*1), Z0, k, Z0

// Rows are handled in blocks of up to 8, one pass over a block after the other: the sums
// of neighbouring rows do not wait for each other, which one row after the other would.
// BX = rows of the next block; one at a time when rows are so long that this gains nothing.
#define BLOCKROWS(left) \
	MOVQ    $8, BX; \
	MOVQ    $1, DX; \
	CMPQ    CX, $1024; \
	CMOVQGT DX, BX; \
	CMPQ    BX, left; \
	CMOVQGT left, BX

// Appends BX numbers of the array from to the array at to; changes AX, R8.
#define COPYSCALARS(label, from, to) \
	XORL R8, R8; \
label: \
	MOVL from(R8*4), AX; \
	MOVL AX, (to); \
	ADDQ $4, to; \
	INCQ R8; \
	CMPQ R8, BX; \
	JLT  label

#define SQ16(off, acc) \
	VMOVUPS off(SI)(AX*1), Z8; \
	VMULPS  Z8, Z8, Z8; \
	VADDPS  Z8, acc, acc
#define SQPART(k) \
	VMOVUPS.Z (SI)(AX*1), k, Z8; \
	VMULPS    Z8, Z8, Z8; \
	VADDPS    Z8, Z0, k, Z0

#define RMS16 \
	VMULPS  (SI)(AX*1), Z14, Z0; \
	VMULPS  (DX)(AX*1), Z0, Z0; \
	VMOVUPS Z0, (DI)(AX*1)
#define RMSTAIL \
	VMULPS.Z (SI)(AX*1), Z14, K3, Z0; \
	VMULPS.Z (DX)(AX*1), Z0, K3, Z0; \
	VMOVUPS  Z0, K3, (DI)(AX*1)

// func rmsNormRowsAVX512(dst, x, gain, rstd *float32, rows, cols int, eps float32)
// R8 is the row within the block, BX its number of rows.
TEXT ·rmsNormRowsAVX512(SB), NOSPLIT, $32-52
	MOVQ   cols+40(FP), CX
	VMOVSS eps+48(FP), X12
	STDSETUP
	SPLIT
	MOVQ   x+8(FP), SI

block:
	BLOCKROWS(rows+32(FP))
	XORL R8, R8

spread:
	ORDERED(s64, s32, s8, stail, sdone, SQ16, SQPART)
	INVSTD
	VMOVSS X0, rstds-32(SP)(R8*4)
	LEAQ   (SI)(CX*4), SI
	INCQ   R8
	CMPQ   R8, BX
	JLT    spread

	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ gain+16(FP), DX
	XORL R8, R8

scale:
	VBROADCASTSS rstds-32(SP)(R8*4), Z14
	SIXTEENS(m16, mtail, RMS16, RMSTAIL)
	LEAQ  (DI)(CX*4), DI
	LEAQ  (SI)(CX*4), SI
	INCQ  R8
	CMPQ  R8, BX
	JLT   scale
	MOVQ  DI, dst+0(FP)
	MOVQ  SI, x+8(FP)
	MOVQ  rstd+24(FP), DX
	TESTQ DX, DX
	JZ    next
	COPYSCALARS(copy, rstds-32(SP), DX)
	MOVQ  DX, rstd+24(FP)

next:
	SUBQ BX, rows+32(FP)
	JNZ  block
	VZEROUPPER
	RET

// Z13 = mean.
#define SQDEV16(off, acc) \
	VMOVUPS off(SI)(AX*1), Z8; \
	VSUBPS  Z13, Z8, Z8; \
	VMULPS  Z8, Z8, Z8; \
	VADDPS  Z8, acc, acc
#define SQDEVPART(k) \
	VMOVUPS.Z (SI)(AX*1), k, Z8; \
	VSUBPS    Z13, Z8, Z8; \
	VMULPS    Z8, Z8, Z8; \
	VADDPS    Z8, Z0, k, Z0

#define AFFINE16 \
	VMOVUPS (SI)(AX*1), Z0; \
	VSUBPS  Z13, Z0, Z0; \
	VMULPS  Z14, Z0, Z0; \
	VMULPS  (DX)(AX*1), Z0, Z0; \
	VADDPS  (BX)(AX*1), Z0, Z0; \
	VMOVUPS Z0, (DI)(AX*1)
#define AFFINETAIL \
	VMOVUPS.Z (SI)(AX*1), K3, Z0; \
	VSUBPS    Z13, Z0, Z0; \
	VMULPS    Z14, Z0, Z0; \
	VMULPS.Z  (DX)(AX*1), Z0, K3, Z0; \
	VADDPS.Z  (BX)(AX*1), Z0, K3, Z0; \
	VMOVUPS   Z0, K3, (DI)(AX*1)

// func layerNormRowsAVX512(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32)
// R8 is the row within the block, BX its number of rows, in memory while BX is the bias.
TEXT ·layerNormRowsAVX512(SB), NOSPLIT, $72-68
	MOVQ       cols+56(FP), CX
	VMOVSS     eps+64(FP), X12
	STDSETUP
	VXORPS     X10, X10, X10
	VCVTSI2SSQ CX, X10, X10
	SPLIT
	MOVQ       x+8(FP), SI

block:
	BLOCKROWS(rows+48(FP))
	MOVQ BX, n-72(SP)
	XORL R8, R8

centre:
	ORDERED(c64, c32, c8, ctail, cdone, SUM16, SUMPART)
	VDIVSS X10, X0, X0
	VMOVSS X0, means-32(SP)(R8*4)
	LEAQ   (SI)(CX*4), SI
	INCQ   R8
	CMPQ   R8, BX
	JLT    centre

	MOVQ x+8(FP), SI
	XORL R8, R8

spread:
	VBROADCASTSS means-32(SP)(R8*4), Z13
	ORDERED(s64, s32, s8, stail, sdone, SQDEV16, SQDEVPART)
	INVSTD
	VMOVSS X0, rstds-64(SP)(R8*4)
	LEAQ   (SI)(CX*4), SI
	INCQ   R8
	CMPQ   R8, BX
	JLT    spread

	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ gain+16(FP), DX
	MOVQ bias+24(FP), BX
	XORL R8, R8

affine:
	VBROADCASTSS means-32(SP)(R8*4), Z13
	VBROADCASTSS rstds-64(SP)(R8*4), Z14
	SIXTEENS(m16, mtail, AFFINE16, AFFINETAIL)
	LEAQ  (DI)(CX*4), DI
	LEAQ  (SI)(CX*4), SI
	INCQ  R8
	CMPQ  R8, n-72(SP)
	JLT   affine
	MOVQ  DI, dst+0(FP)
	MOVQ  SI, x+8(FP)
	MOVQ  n-72(SP), BX
	MOVQ  mean+32(FP), DX
	TESTQ DX, DX
	JZ    rstd
	COPYSCALARS(copyMean, means-32(SP), DX)
	MOVQ  DX, mean+32(FP)

rstd:
	MOVQ  rstd+40(FP), DX
	TESTQ DX, DX
	JZ    next
	COPYSCALARS(copyRstd, rstds-64(SP), DX)
	MOVQ  DX, rstd+40(FP)

next:
	SUBQ BX, rows+48(FP)
	JNZ  block
	VZEROUPPER
	RET
