//go:build amd64 && !noasm

#include "textflag.h"
#include "avx_amd64.h"

// Exact maps and ordered sums. No multiplication is fused with an addition, so that
// the bits equal those of the Go bodies.

// dst (DI) = OP(a (SI), b (DX)) over CX elements.
#define BINARY(OP) \
	SUBQ $32, CX; \
	JLT  eights; \
	PCALIGN $32; \
blocks: \
	VMOVUPS (SI), Y0; \
	VMOVUPS 32(SI), Y1; \
	VMOVUPS 64(SI), Y2; \
	VMOVUPS 96(SI), Y3; \
	OP      (DX), Y0, Y0; \
	OP      32(DX), Y1, Y1; \
	OP      64(DX), Y2, Y2; \
	OP      96(DX), Y3, Y3; \
	VMOVUPS Y0, (DI); \
	VMOVUPS Y1, 32(DI); \
	VMOVUPS Y2, 64(DI); \
	VMOVUPS Y3, 96(DI); \
	ADDQ    $128, SI; \
	ADDQ    $128, DX; \
	ADDQ    $128, DI; \
	SUBQ    $32, CX; \
	JGE     blocks; \
eights: \
	ADDQ $24, CX; \
	JLT  tail; \
eight: \
	VMOVUPS (SI), Y0; \
	OP      (DX), Y0, Y0; \
	VMOVUPS Y0, (DI); \
	ADDQ    $32, SI; \
	ADDQ    $32, DX; \
	ADDQ    $32, DI; \
	SUBQ    $8, CX; \
	JGE     eight; \
tail: \
	ADDQ $8, CX; \
	JZ   done; \
	TAILMASK; \
	VMASKMOVPS (SI), Y15, Y0; \
	VMASKMOVPS (DX), Y15, Y1; \
	OP         Y1, Y0, Y0; \
	VMASKMOVPS Y0, Y15, (DI); \
done: \
	VZEROUPPER; \
	RET

// func addSIMD(dst, a, b *float32, n int)
TEXT ·addSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	BINARY(VADDPS)

// func subSIMD(dst, a, b *float32, n int)
TEXT ·subSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	BINARY(VSUBPS)

// func mulSIMD(dst, a, b *float32, n int)
TEXT ·mulSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	BINARY(VMULPS)

// func mulAddSIMD(dst, a, b *float32, n int)
TEXT ·mulAddSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	SUBQ $16, CX
	JLT  eights

blocks:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMULPS  (DX), Y0, Y0
	VMULPS  32(DX), Y1, Y1
	VADDPS  (DI), Y0, Y0
	VADDPS  32(DI), Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    $64, SI
	ADDQ    $64, DX
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     blocks

eights:
	ADDQ    $8, CX
	JLT     tail
	VMOVUPS (SI), Y0
	VMULPS  (DX), Y0, Y0
	VADDPS  (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DX), Y15, Y1
	VMASKMOVPS (DI), Y15, Y2
	VMULPS     Y1, Y0, Y0
	VADDPS     Y2, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// func axpySIMD(y, x *float32, n int, alpha float32)
TEXT ·axpySIMD(SB), NOSPLIT, $0-28
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS alpha+24(FP), Y14
	SUBQ         $32, CX
	JLT          eights

blocks:
	VMULPS  (SI), Y14, Y0
	VMULPS  32(SI), Y14, Y1
	VMULPS  64(SI), Y14, Y2
	VMULPS  96(SI), Y14, Y3
	VADDPS  (DI), Y0, Y0
	VADDPS  32(DI), Y1, Y1
	VADDPS  64(DI), Y2, Y2
	VADDPS  96(DI), Y3, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMULPS  (SI), Y14, Y0
	VADDPS  (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DI), Y15, Y1
	VMULPS     Y0, Y14, Y0
	VADDPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// func scaleSIMD(x *float32, n int, alpha float32)
TEXT ·scaleSIMD(SB), NOSPLIT, $0-20
	MOVQ         x+0(FP), DI
	MOVQ         n+8(FP), CX
	VBROADCASTSS alpha+16(FP), Y14
	SUBQ         $32, CX
	JLT          eights

blocks:
	VMULPS  (DI), Y14, Y0
	VMULPS  32(DI), Y14, Y1
	VMULPS  64(DI), Y14, Y2
	VMULPS  96(DI), Y14, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, DI
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMULPS  (DI), Y14, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	VMULPS     Y0, Y14, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// Ordered sums and rows. A length of CX elements is split into R9 bytes of whole 64s,
// R10 of whole 32s, R11 of whole 8s, and R12 = 0..7 elements behind them, whose mask is
// Y15. Changes AX.
#define SPLIT \
	MOVQ    CX, R12; \
	ANDQ    $7, R12; \
	NEGQ    R12; \
	LEAQ    laneMask<>+32(SB), AX; \
	VMOVUPS (AX)(R12*4), Y15; \
	NEGQ    R12; \
	MOVQ    CX, R9; \
	MOVQ    CX, R10; \
	MOVQ    CX, R11; \
	ANDQ    $~63, R9; \
	ANDQ    $~31, R10; \
	ANDQ    $~7, R11; \
	SHLQ    $2, R9; \
	SHLQ    $2, R10; \
	SHLQ    $2, R11

// X0 = the sum, in the order of Sum, of what TERM(offset, acc) adds to the accumulator
// for the eight elements at byte offset+AX; TAIL does so for the elements under Y15.
// Changes AX, Y0..Y7 and what TERM changes.
#define ORDERED(l64, l32, l8, tail, done, TERM, TAIL) \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
	XORL   AX, AX; \
	TESTQ  R9, R9; \
	JZ     l32; \
l64: \
	TERM(0, Y0); \
	TERM(32, Y1); \
	TERM(64, Y2); \
	TERM(96, Y3); \
	TERM(128, Y4); \
	TERM(160, Y5); \
	TERM(192, Y6); \
	TERM(224, Y7); \
	ADDQ $256, AX; \
	CMPQ AX, R9; \
	JLT  l64; \
l32: \
	CMPQ AX, R10; \
	JGE  l8; \
	TERM(0, Y0); \
	TERM(32, Y1); \
	TERM(64, Y2); \
	TERM(96, Y3); \
	ADDQ $128, AX; \
l8: \
	CMPQ AX, R11; \
	JGE  tail; \
	TERM(0, Y0); \
	ADDQ $32, AX; \
	JMP  l8; \
tail: \
	TESTQ R12, R12; \
	JZ    done; \
	TAIL; \
done: \
	VADDPS       Y4, Y0, Y0; \
	VADDPS       Y5, Y1, Y1; \
	VADDPS       Y6, Y2, Y2; \
	VADDPS       Y7, Y3, Y3; \
	VADDPS       Y1, Y0, Y0; \
	VADDPS       Y3, Y2, Y2; \
	VADDPS       Y2, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1; \
	VADDPS       X1, X0, X0; \
	VMOVHLPS     X0, X0, X1; \
	VADDPS       X1, X0, X0; \
	VMOVSHDUP    X0, X1; \
	VADDSS       X1, X0, X0

// BODY for the eight elements at byte AX, for all whole eights, then TAIL for those
// under Y15.
#define EIGHTS(l8, tail, done, BODY, TAIL) \
	XORL  AX, AX; \
	TESTQ R11, R11; \
	JZ    tail; \
l8: \
	BODY; \
	ADDQ  $32, AX; \
	CMPQ  AX, R11; \
	JLT   l8; \
tail: \
	TESTQ R12, R12; \
	JZ    done; \
	TAIL; \
done:

// x (SI).
#define SUM8(off, acc) \
	VADDPS off(SI)(AX*1), acc, acc
#define SUMTAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y8; \
	VADDPS     Y8, Y0, Y0

// func sumSIMD(x *float32, n int) float32
TEXT ·sumSIMD(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	SPLIT
	ORDERED(l64, l32, l8, tail, done, SUM8, SUMTAIL)
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

// a (SI), b (DX).
#define DOT8(off, acc) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VMULPS  off(DX)(AX*1), Y8, Y8; \
	VADDPS  Y8, acc, acc
#define DOTTAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y8; \
	VMASKMOVPS (DX)(AX*1), Y15, Y9; \
	VMULPS     Y9, Y8, Y8; \
	VADDPS     Y8, Y0, Y0

// func dotSIMD(a, b *float32, n int) float32
TEXT ·dotSIMD(SB), NOSPLIT, $0-28
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DX
	MOVQ n+16(FP), CX
	SPLIT
	ORDERED(l64, l32, l8, tail, done, DOT8, DOTTAIL)
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// y (SI), dy (DX), dx (DI); Y14 = y.dy, Y13 = mask of the old dx, Y12 = -0 where it is off.
#define SOFTGRAD8 \
	VMOVUPS (DX)(AX*1), Y0; \
	VSUBPS  Y14, Y0, Y0; \
	VMULPS  (SI)(AX*1), Y0, Y0; \
	VANDPS  (DI)(AX*1), Y13, Y1; \
	VORPS   Y12, Y1, Y1; \
	VADDPS  Y1, Y0, Y0; \
	VMOVUPS Y0, (DI)(AX*1)
#define SOFTGRADTAIL \
	VMASKMOVPS (DX)(AX*1), Y15, Y0; \
	VMASKMOVPS (SI)(AX*1), Y15, Y2; \
	VMASKMOVPS (DI)(AX*1), Y15, Y1; \
	VSUBPS     Y14, Y0, Y0; \
	VMULPS     Y2, Y0, Y0; \
	VANDPS     Y1, Y13, Y1; \
	VORPS      Y12, Y1, Y1; \
	VADDPS     Y1, Y0, Y0; \
	VMASKMOVPS Y0, Y15, (DI)(AX*1)

// Y13 = the mask acc in AX, Y12 = -0 where it is off.
#define ACCMASK \
	VMOVD        AX, X13; \
	VPBROADCASTD X13, Y13; \
	VPCMPEQD     Y12, Y12, Y12; \
	VPSLLD       $31, Y12, Y12; \
	VANDNPS      Y12, Y13, Y12

// func softmaxGradRowsSIMD(dx, y, dy *float32, rows, cols int, acc uint32)
TEXT ·softmaxGradRowsSIMD(SB), NOSPLIT, $0-44
	MOVQ dx+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ dy+16(FP), DX
	MOVQ rows+24(FP), R8
	MOVQ cols+32(FP), CX
	MOVL acc+40(FP), AX
	ACCMASK
	SPLIT
	SHLQ $2, CX

row:
	ORDERED(l64, l32, l8, tail, done, DOT8, DOTTAIL)
	VBROADCASTSS X0, Y14
	EIGHTS(m8, mtail, mdone, SOFTGRAD8, SOFTGRADTAIL)
	ADDQ CX, DI
	ADDQ CX, SI
	ADDQ CX, DX
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

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

#define SQ8(off, acc) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VMULPS  Y8, Y8, Y8; \
	VADDPS  Y8, acc, acc
#define SQTAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y8; \
	VMULPS     Y8, Y8, Y8; \
	VADDPS     Y8, Y0, Y0

#define RMS8 \
	VMULPS  (SI)(AX*1), Y14, Y0; \
	VMULPS  (DX)(AX*1), Y0, Y0; \
	VMOVUPS Y0, (DI)(AX*1)
#define RMSTAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y0; \
	VMASKMOVPS (DX)(AX*1), Y15, Y1; \
	VMULPS     Y0, Y14, Y0; \
	VMULPS     Y1, Y0, Y0; \
	VMASKMOVPS Y0, Y15, (DI)(AX*1)

// func rmsNormRowsSIMD(dst, x, gain, rstd *float32, rows, cols int, eps float32)
// R8 is the row within the block, BX its number of rows.
TEXT ·rmsNormRowsSIMD(SB), NOSPLIT, $32-52
	MOVQ   cols+40(FP), CX
	VMOVSS eps+48(FP), X12
	STDSETUP
	SPLIT
	MOVQ   x+8(FP), SI

block:
	BLOCKROWS(rows+32(FP))
	XORL R8, R8

spread:
	ORDERED(s64, s32, s8, stail, sdone, SQ8, SQTAIL)
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
	VBROADCASTSS rstds-32(SP)(R8*4), Y14
	EIGHTS(m8, mtail, mdone, RMS8, RMSTAIL)
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

// Y13 = mean.
#define SQDEV8(off, acc) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VSUBPS  Y13, Y8, Y8; \
	VMULPS  Y8, Y8, Y8; \
	VADDPS  Y8, acc, acc
#define SQDEVTAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y8; \
	VSUBPS     Y13, Y8, Y8; \
	VANDPS     Y15, Y8, Y8; \
	VMULPS     Y8, Y8, Y8; \
	VADDPS     Y8, Y0, Y0

#define AFFINE8 \
	VMOVUPS (SI)(AX*1), Y0; \
	VSUBPS  Y13, Y0, Y0; \
	VMULPS  Y14, Y0, Y0; \
	VMULPS  (DX)(AX*1), Y0, Y0; \
	VADDPS  (BX)(AX*1), Y0, Y0; \
	VMOVUPS Y0, (DI)(AX*1)
#define AFFINETAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y0; \
	VMASKMOVPS (DX)(AX*1), Y15, Y1; \
	VMASKMOVPS (BX)(AX*1), Y15, Y2; \
	VSUBPS     Y13, Y0, Y0; \
	VMULPS     Y14, Y0, Y0; \
	VMULPS     Y1, Y0, Y0; \
	VADDPS     Y2, Y0, Y0; \
	VMASKMOVPS Y0, Y15, (DI)(AX*1)

// func layerNormRowsSIMD(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32)
// R8 is the row within the block, BX its number of rows, in memory while BX is the bias.
TEXT ·layerNormRowsSIMD(SB), NOSPLIT, $72-68
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
	ORDERED(c64, c32, c8, ctail, cdone, SUM8, SUMTAIL)
	VDIVSS X10, X0, X0
	VMOVSS X0, means-32(SP)(R8*4)
	LEAQ   (SI)(CX*4), SI
	INCQ   R8
	CMPQ   R8, BX
	JLT    centre

	MOVQ x+8(FP), SI
	XORL R8, R8

spread:
	VBROADCASTSS means-32(SP)(R8*4), Y13
	ORDERED(s64, s32, s8, stail, sdone, SQDEV8, SQDEVTAIL)
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
	VBROADCASTSS means-32(SP)(R8*4), Y13
	VBROADCASTSS rstds-64(SP)(R8*4), Y14
	EIGHTS(m8, mtail, mdone, AFFINE8, AFFINETAIL)
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

// dy (BX), gain (DX), x (SI).
#define DYGAIN8(off, acc) \
	VMOVUPS off(BX)(AX*1), Y8; \
	VMULPS  off(DX)(AX*1), Y8, Y8; \
	VADDPS  Y8, acc, acc
#define DYGAINTAIL \
	VMASKMOVPS (BX)(AX*1), Y15, Y8; \
	VMASKMOVPS (DX)(AX*1), Y15, Y9; \
	VMULPS     Y9, Y8, Y8; \
	VADDPS     Y8, Y0, Y0
#define DYGAINX8(off, acc) \
	VMOVUPS off(BX)(AX*1), Y8; \
	VMULPS  off(DX)(AX*1), Y8, Y8; \
	VMULPS  off(SI)(AX*1), Y8, Y8; \
	VADDPS  Y8, acc, acc
#define DYGAINXTAIL \
	VMASKMOVPS (BX)(AX*1), Y15, Y8; \
	VMASKMOVPS (DX)(AX*1), Y15, Y9; \
	VMASKMOVPS (SI)(AX*1), Y15, Y10; \
	VMULPS     Y9, Y8, Y8; \
	VMULPS     Y10, Y8, Y8; \
	VADDPS     Y8, Y0, Y0

// Y0 = x, Y1 = dy, Y2 = gain, Y3 = old dx, Y4 = old dgain; gives the new Y3, Y4.
// Y11 mean, Y12 rstd, Y13 c1, Y14 c2.
#define NORMGRAD \
	VSUBPS Y11, Y0, Y0; \
	VMULPS Y12, Y0, Y0; \
	VMULPS Y2, Y1, Y2; \
	VSUBPS Y13, Y2, Y2; \
	VMULPS Y14, Y0, Y5; \
	VSUBPS Y5, Y2, Y2; \
	VMULPS Y12, Y2, Y2; \
	VADDPS Y2, Y3, Y3; \
	VMULPS Y0, Y1, Y1; \
	VADDPS Y1, Y4, Y4

// dx (DI), dgain (R8).
#define NORMGRAD8 \
	VMOVUPS (SI)(AX*1), Y0; \
	VMOVUPS (BX)(AX*1), Y1; \
	VMOVUPS (DX)(AX*1), Y2; \
	VMOVUPS (DI)(AX*1), Y3; \
	VMOVUPS (R8)(AX*1), Y4; \
	NORMGRAD; \
	VMOVUPS Y3, (DI)(AX*1); \
	VMOVUPS Y4, (R8)(AX*1)
#define NORMGRADTAIL \
	VMASKMOVPS (SI)(AX*1), Y15, Y0; \
	VMASKMOVPS (BX)(AX*1), Y15, Y1; \
	VMASKMOVPS (DX)(AX*1), Y15, Y2; \
	VMASKMOVPS (DI)(AX*1), Y15, Y3; \
	VMASKMOVPS (R8)(AX*1), Y15, Y4; \
	NORMGRAD; \
	VMASKMOVPS Y3, Y15, (DI)(AX*1); \
	VMASKMOVPS Y4, Y15, (R8)(AX*1)

// func normGradRowsSIMD(dx, dgain, x, gain, mean, rstd, dy *float32, rows, cols int)
// R13 is the row within the block.
TEXT ·normGradRowsSIMD(SB), NOSPLIT, $72-72
	MOVQ cols+64(FP), CX
	SPLIT
	MOVQ dx+0(FP), DI
	MOVQ dgain+8(FP), R8

block:
	BLOCKROWS(rows+56(FP))
	MOVQ   BX, n-72(SP)
	MOVQ   x+16(FP), SI
	MOVQ   gain+24(FP), DX
	MOVQ   dy+48(FP), BX
	XORL   R13, R13

coef:
	// X11 = mean, X13 = the sum of dy*gain; both are 0 for RMSNorm.
	VXORPS  X11, X11, X11
	VXORPS  X13, X13, X13
	MOVQ    mean+32(FP), AX
	TESTQ   AX, AX
	JZ      third
	VMOVSS  (AX)(R13*4), X11
	ORDERED(l64, l32, l8, tail, done, DYGAIN8, DYGAINTAIL)
	VMOVAPS X0, X13

third:
	ORDERED(t64, t32, t8, ttail, tdone, DYGAINX8, DYGAINXTAIL)
	MOVQ       rstd+40(FP), AX
	VMOVSS     (AX)(R13*4), X12
	VCVTSS2SD  X0, X0, X0
	VCVTSS2SD  X11, X1, X1
	VCVTSS2SD  X13, X2, X2
	VMULSD     X2, X1, X1
	VSUBSD     X1, X0, X0
	VCVTSS2SD  X12, X1, X1
	VMULSD     X1, X0, X0
	VCVTSI2SDQ CX, X1, X1
	VDIVSD     X1, X0, X0
	VCVTSD2SS  X0, X0, X0
	VMOVSS     X0, c2s-64(SP)(R13*4)
	VCVTSI2SSQ CX, X1, X1
	VDIVSS     X1, X13, X13
	VMOVSS     X13, c1s-32(SP)(R13*4)
	LEAQ       (SI)(CX*4), SI
	LEAQ       (BX)(CX*4), BX
	INCQ       R13
	CMPQ       R13, n-72(SP)
	JLT        coef

	MOVQ   x+16(FP), SI
	MOVQ   dy+48(FP), BX
	XORL   R13, R13
	VXORPS Y11, Y11, Y11

grad:
	MOVQ         mean+32(FP), AX
	TESTQ        AX, AX
	JZ           centred
	VBROADCASTSS (AX)(R13*4), Y11

centred:
	MOVQ         rstd+40(FP), AX
	VBROADCASTSS (AX)(R13*4), Y12
	VBROADCASTSS c1s-32(SP)(R13*4), Y13
	VBROADCASTSS c2s-64(SP)(R13*4), Y14
	EIGHTS(m8, mtail, mdone, NORMGRAD8, NORMGRADTAIL)
	LEAQ         (DI)(CX*4), DI
	LEAQ         (SI)(CX*4), SI
	LEAQ         (BX)(CX*4), BX
	INCQ         R13
	CMPQ         R13, n-72(SP)
	JLT          grad

	MOVQ  SI, x+16(FP)
	MOVQ  BX, dy+48(FP)
	LEAQ  (R13*4), AX
	ADDQ  AX, rstd+40(FP)
	CMPQ  mean+32(FP), $0
	JEQ   next
	ADDQ  AX, mean+32(FP)

next:
	SUBQ R13, rows+56(FP)
	JNZ  block
	VZEROUPPER
	RET

// func addColumnSumsSIMD(dst, x *float32, rows, cols int)
// Columns in strips of 32, then of 8, so that their sums stay in registers.
TEXT ·addColumnSumsSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ cols+24(FP), CX
	LEAQ (CX*4), R13
	SUBQ $32, CX
	JLT  eights

strip:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	MOVQ    SI, DX
	MOVQ    rows+16(FP), R8

stripRow:
	VADDPS  (DX), Y0, Y0
	VADDPS  32(DX), Y1, Y1
	VADDPS  64(DX), Y2, Y2
	VADDPS  96(DX), Y3, Y3
	ADDQ    R13, DX
	DECQ    R8
	JNZ     stripRow
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	SUBQ    $32, CX
	JGE     strip

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMOVUPS (DI), Y0
	MOVQ    SI, DX
	MOVQ    rows+16(FP), R8

eightRow:
	VADDPS  (DX), Y0, Y0
	ADDQ    R13, DX
	DECQ    R8
	JNZ     eightRow
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	MOVQ       rows+16(FP), R8

tailRow:
	VMASKMOVPS (SI), Y15, Y1
	VADDPS     Y1, Y0, Y0
	ADDQ       R13, SI
	DECQ       R8
	JNZ        tailRow
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// y (SI), dy (DX), dx (DI); Y14 = 1, Y13 and Y12 as in SOFTGRAD8.
// Y0 = y: Y0 = 1-y*y, Y0 = y*(1-y).
#define TANHGRAD \
	VMULPS Y0, Y0, Y0; \
	VSUBPS Y0, Y14, Y0
#define SIGMOIDGRAD \
	VSUBPS Y0, Y14, Y1; \
	VMULPS Y1, Y0, Y0

#define GRADFROMY(F) \
	ACCMASK; \
	VBROADCASTSS one<>(SB), Y14; \
	SUBQ $8, CX; \
	JLT  tail; \
eight: \
	VMOVUPS (SI), Y0; \
	F; \
	VMULPS  (DX), Y0, Y0; \
	VANDPS  (DI), Y13, Y1; \
	VORPS   Y12, Y1, Y1; \
	VADDPS  Y1, Y0, Y0; \
	VMOVUPS Y0, (DI); \
	ADDQ    $32, SI; \
	ADDQ    $32, DX; \
	ADDQ    $32, DI; \
	SUBQ    $8, CX; \
	JGE     eight; \
tail: \
	ADDQ $8, CX; \
	JZ   done; \
	TAILMASK; \
	VMASKMOVPS (SI), Y15, Y0; \
	F; \
	VMASKMOVPS (DX), Y15, Y1; \
	VMULPS     Y1, Y0, Y0; \
	VMASKMOVPS (DI), Y15, Y1; \
	VANDPS     Y1, Y13, Y1; \
	VORPS      Y12, Y1, Y1; \
	VADDPS     Y1, Y0, Y0; \
	VMASKMOVPS Y0, Y15, (DI); \
done: \
	VZEROUPPER; \
	RET

DATA one<>+0(SB)/4, $1.0
GLOBL one<>(SB), RODATA|NOPTR, $4

// func tanhGradSIMD(dx, y, dy *float32, n int, acc uint32)
TEXT ·tanhGradSIMD(SB), NOSPLIT, $0-36
	MOVQ dx+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ dy+16(FP), DX
	MOVQ n+24(FP), CX
	MOVL acc+32(FP), AX
	GRADFROMY(TANHGRAD)

// func sigmoidGradSIMD(dx, y, dy *float32, n int, acc uint32)
TEXT ·sigmoidGradSIMD(SB), NOSPLIT, $0-36
	MOVQ dx+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ dy+16(FP), DX
	MOVQ n+24(FP), CX
	MOVL acc+32(FP), AX
	GRADFROMY(SIGMOIDGRAD)

// Y0 = w, Y1 = g, Y2 = m, Y3 = v; gives the new Y0, Y2, Y3.
// Y6 beta1, Y7 1-beta1, Y8 beta2, Y9 1-beta2, Y10 rate, Y11 1/corr2, Y12 eps, Y13 keep.
#define ADAM \
	VMULPS  Y6, Y2, Y2; \
	VMULPS  Y7, Y1, Y4; \
	VADDPS  Y4, Y2, Y2; \
	VMULPS  Y8, Y3, Y3; \
	VMULPS  Y9, Y1, Y4; \
	VMULPS  Y1, Y4, Y4; \
	VADDPS  Y4, Y3, Y3; \
	VMULPS  Y11, Y3, Y4; \
	VSQRTPS Y4, Y4; \
	VADDPS  Y12, Y4, Y4; \
	VMULPS  Y10, Y2, Y5; \
	VDIVPS  Y4, Y5, Y5; \
	VMULPS  Y13, Y0, Y0; \
	VSUBPS  Y5, Y0, Y0

// func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)
TEXT ·adamWSIMD(SB), NOSPLIT, $0-48
	MOVQ         w+0(FP), DI
	MOVQ         grad+8(FP), SI
	MOVQ         m+16(FP), DX
	MOVQ         v+24(FP), BX
	MOVQ         n+32(FP), CX
	MOVQ         c+40(FP), AX
	VBROADCASTSS 0(AX), Y6
	VBROADCASTSS 4(AX), Y7
	VBROADCASTSS 8(AX), Y8
	VBROADCASTSS 12(AX), Y9
	VBROADCASTSS 16(AX), Y10
	VBROADCASTSS 20(AX), Y11
	VBROADCASTSS 24(AX), Y12
	VBROADCASTSS 28(AX), Y13
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (DI), Y0
	VMOVUPS (SI), Y1
	VMOVUPS (DX), Y2
	VMOVUPS (BX), Y3
	ADAM
	VMOVUPS Y0, (DI)
	VMOVUPS Y2, (DX)
	VMOVUPS Y3, (BX)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (SI), Y15, Y1
	VMASKMOVPS (DX), Y15, Y2
	VMASKMOVPS (BX), Y15, Y3
	ADAM
	VMASKMOVPS Y0, Y15, (DI)
	VMASKMOVPS Y2, Y15, (DX)
	VMASKMOVPS Y3, Y15, (BX)

done:
	VZEROUPPER
	RET

// Y0 = r, Y1 = z, Y2 = n, Y3 = gh_n, Y4 = dhNew, Y5 = hPrev, Y6 = old dhPrev, Y14 = 1.
// Gives Y8 = dr, Y9 = dz, Y10 = dn, Y11 = dn*r, Y6 = new dhPrev.
#define GRUGRAD \
	VSUBPS Y2, Y5, Y9; \
	VMULPS Y4, Y9, Y9; \
	VSUBPS Y1, Y14, Y7; \
	VMULPS Y1, Y7, Y12; \
	VMULPS Y12, Y9, Y9; \
	VMULPS Y4, Y7, Y10; \
	VMULPS Y2, Y2, Y12; \
	VSUBPS Y12, Y14, Y12; \
	VMULPS Y12, Y10, Y10; \
	VMULPS Y3, Y10, Y8; \
	VSUBPS Y0, Y14, Y12; \
	VMULPS Y0, Y12, Y12; \
	VMULPS Y12, Y8, Y8; \
	VMULPS Y0, Y10, Y11; \
	VMULPS Y1, Y4, Y7; \
	VADDPS Y7, Y6, Y6

// func gruGradRowsSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, rows, h int)
TEXT ·gruGradRowsSIMD(SB), NOSPLIT, $0-64
	MOVQ         dgi+0(FP), DI
	MOVQ         dgh+8(FP), SI
	MOVQ         dhPrev+16(FP), DX
	MOVQ         dhNew+24(FP), BX
	MOVQ         save+32(FP), R8
	MOVQ         hPrev+40(FP), R9
	MOVQ         rows+48(FP), R12
	MOVQ         h+56(FP), CX
	LEAQ         0(CX*4), R10
	LEAQ         (R10)(R10*2), R11
	VBROADCASTSS one<>(SB), Y14

row:
	MOVQ h+56(FP), CX
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS (R8), Y0
	VMOVUPS (R8)(R10*1), Y1
	VMOVUPS (R8)(R10*2), Y2
	VMOVUPS (R8)(R11*1), Y3
	VMOVUPS (BX), Y4
	VMOVUPS (R9), Y5
	VMOVUPS (DX), Y6
	GRUGRAD
	VMOVUPS Y8, (DI)
	VMOVUPS Y9, (DI)(R10*1)
	VMOVUPS Y10, (DI)(R10*2)
	VMOVUPS Y8, (SI)
	VMOVUPS Y9, (SI)(R10*1)
	VMOVUPS Y11, (SI)(R10*2)
	VMOVUPS Y6, (DX)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, R8
	ADDQ    $32, R9
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         next
	MOVQ       CX, R13
	TAILMASK
	VMASKMOVPS (R8), Y15, Y0
	VMASKMOVPS (R8)(R10*1), Y15, Y1
	VMASKMOVPS (R8)(R10*2), Y15, Y2
	VMASKMOVPS (R8)(R11*1), Y15, Y3
	VMASKMOVPS (BX), Y15, Y4
	VMASKMOVPS (R9), Y15, Y5
	VMASKMOVPS (DX), Y15, Y6
	GRUGRAD
	VMASKMOVPS Y8, Y15, (DI)
	VMASKMOVPS Y9, Y15, (DI)(R10*1)
	VMASKMOVPS Y10, Y15, (DI)(R10*2)
	VMASKMOVPS Y8, Y15, (SI)
	VMASKMOVPS Y9, Y15, (SI)(R10*1)
	VMASKMOVPS Y11, Y15, (SI)(R10*2)
	VMASKMOVPS Y6, Y15, (DX)
	LEAQ       (DI)(R13*4), DI
	LEAQ       (SI)(R13*4), SI
	LEAQ       (DX)(R13*4), DX
	LEAQ       (BX)(R13*4), BX
	LEAQ       (R8)(R13*4), R8
	LEAQ       (R9)(R13*4), R9

next:
	// The pointers stand at the end of the first gate; go to the next row.
	LEAQ (DI)(R10*2), DI
	LEAQ (SI)(R10*2), SI
	ADDQ R11, R8
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET
