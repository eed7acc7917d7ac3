//go:build arm64 && !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Exact maps, ordered sums and the row kernels made of them. No multiplication is fused
// with an addition, so that the bits equal those of the Go bodies.
//
// A STEP(MOVE, size) macro handles the next elements of all operands: four with FMOVQ,
// two with FMOVD, one with FMOVS. The two narrow loads clear the other lanes, which
// are computed and not stored.

// R4 elements: BLOCK takes 16 at a time, STEP the rest.
#define MAP(BLOCK, STEP) \
	SUBS $16, R4, R4; \
	BLT  fours; \
	PCALIGN $16; \
blocks: \
	BLOCK; \
	SUBS $16, R4, R4; \
	BGE  blocks; \
fours: \
	ADDS $12, R4, R4; \
	BLT  tail; \
four: \
	STEP(FMOVQ, 16); \
	SUBS $4, R4, R4; \
	BGE  four; \
tail: \
	TBZ  $1, R4, last; \
	STEP(FMOVD, 8); \
last: \
	TBZ  $0, R4, done; \
	STEP(FMOVS, 4); \
done:

// The operation on V0..V3 and V16..V19, to V0..V3.
#define FOUR(OP) \
	OP(16, 0, 0); \
	OP(17, 1, 1); \
	OP(18, 2, 2); \
	OP(19, 3, 3)

// dst (R0) = a (R1) OP b (R2).
#define BINARYBLOCK(OP) \
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1.P 64(R2), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	FOUR(OP); \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
#define BINARYSTEP(OP, MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R2), F16; \
	OP(16, 0, 0); \
	MOVE.P F0, size(R0)

#define ADDBLOCK BINARYBLOCK(VFADD_S4)
#define ADDSTEP(MOVE, size) BINARYSTEP(VFADD_S4, MOVE, size)

// func addSIMD(dst, a, b *float32, n int)
TEXT ·addSIMD(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD n+24(FP), R4
	MAP(ADDBLOCK, ADDSTEP)
	RET

#define SUBBLOCK BINARYBLOCK(VFSUB_S4)
#define SUBSTEP(MOVE, size) BINARYSTEP(VFSUB_S4, MOVE, size)

// func subSIMD(dst, a, b *float32, n int)
TEXT ·subSIMD(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD n+24(FP), R4
	MAP(SUBBLOCK, SUBSTEP)
	RET

#define MULBLOCK BINARYBLOCK(VFMUL_S4)
#define MULSTEP(MOVE, size) BINARYSTEP(VFMUL_S4, MOVE, size)

// func mulSIMD(dst, a, b *float32, n int)
TEXT ·mulSIMD(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD n+24(FP), R4
	MAP(MULBLOCK, MULSTEP)
	RET

// dst (R0) += a (R1) * b (R2).
#define MULADDBLOCK \
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1.P 64(R2), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	FOUR(VFMUL_S4); \
	VLD1   (R0), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	FOUR(VFADD_S4); \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
#define MULADDSTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R2), F16; \
	VFMUL_S4(16, 0, 0); \
	MOVE   (R0), F16; \
	VFADD_S4(16, 0, 0); \
	MOVE.P F0, size(R0)

// func mulAddSIMD(dst, a, b *float32, n int)
TEXT ·mulAddSIMD(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD n+24(FP), R4
	MAP(MULADDBLOCK, MULADDSTEP)
	RET

// V0..V3 times alpha, in all lanes of V31.
#define SCALE4 \
	VFMUL_S4(31, 0, 0); \
	VFMUL_S4(31, 1, 1); \
	VFMUL_S4(31, 2, 2); \
	VFMUL_S4(31, 3, 3)

// y (R0) += alpha * x (R1).
#define AXPYBLOCK \
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1   (R0), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	SCALE4; \
	FOUR(VFADD_S4); \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
#define AXPYSTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE   (R0), F16; \
	VFMUL_S4(31, 0, 0); \
	VFADD_S4(16, 0, 0); \
	MOVE.P F0, size(R0)

// func axpySIMD(y, x *float32, n int, alpha float32)
TEXT ·axpySIMD(SB), NOSPLIT, $0-28
	MOVD  y+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  n+16(FP), R4
	FMOVS alpha+24(FP), F31
	VDUP  V31.S[0], V31.S4
	MAP(AXPYBLOCK, AXPYSTEP)
	RET

// x (R0) *= alpha.
#define SCALEBLOCK \
	VLD1   (R0), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	SCALE4; \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
#define SCALESTEP(MOVE, size) \
	MOVE   (R0), F0; \
	VFMUL_S4(31, 0, 0); \
	MOVE.P F0, size(R0)

// func scaleSIMD(x *float32, n int, alpha float32)
TEXT ·scaleSIMD(SB), NOSPLIT, $0-20
	MOVD  x+0(FP), R0
	MOVD  n+8(FP), R4
	FMOVS alpha+16(FP), F31
	VDUP  V31.S[0], V31.S4
	MAP(SCALEBLOCK, SCALESTEP)
	RET

// w (R0), g (R1), m (R2), v (R3). V20 beta1, V21 1-beta1, V22 beta2, V23 1-beta2, V24
// rate, V25 1/corr2, V26 eps, V27 keep.
#define ADAMSTEP(MOVE, size) \
	MOVE   (R2), F2; \
	MOVE.P size(R1), F1; \
	MOVE   (R3), F3; \
	MOVE   (R0), F0; \
	VFMUL_S4(20, 2, 2); \
	VFMUL_S4(21, 1, 4); \
	VFMUL_S4(22, 3, 3); \
	VFMUL_S4(23, 1, 5); \
	VFADD_S4(4, 2, 2); \
	VFMUL_S4(1, 5, 5); \
	VFADD_S4(5, 3, 3); \
	MOVE.P F2, size(R2); \
	VFMUL_S4(25, 3, 4); \
	MOVE.P F3, size(R3); \
	VFSQRT_S4(4, 4); \
	VFMUL_S4(24, 2, 2); \
	VFMUL_S4(27, 0, 0); \
	VFADD_S4(26, 4, 4); \
	VFDIV_S4(4, 2, 2); \
	VFSUB_S4(2, 0, 0); \
	MOVE.P F0, size(R0)
#define ADAMBLOCK \
	ADAMSTEP(FMOVQ, 16); \
	ADAMSTEP(FMOVQ, 16); \
	ADAMSTEP(FMOVQ, 16); \
	ADAMSTEP(FMOVQ, 16)

// func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)
TEXT ·adamWSIMD(SB), NOSPLIT, $0-48
	MOVD    w+0(FP), R0
	MOVD    grad+8(FP), R1
	MOVD    m+16(FP), R2
	MOVD    v+24(FP), R3
	MOVD    n+32(FP), R4
	MOVD    c+40(FP), R5
	VLD1R.P 4(R5), [V20.S4]
	VLD1R.P 4(R5), [V21.S4]
	VLD1R.P 4(R5), [V22.S4]
	VLD1R.P 4(R5), [V23.S4]
	VLD1R.P 4(R5), [V24.S4]
	VLD1R.P 4(R5), [V25.S4]
	VLD1R.P 4(R5), [V26.S4]
	VLD1R   (R5), [V27.S4]
	MAP(ADAMBLOCK, ADAMSTEP)
	RET

// dx (R0), y (R1), dy (R2). V26 = 1, V27 = acc, V28 = -0, which is added in place of dx
// without acc and changes nothing.
#define ACCUMULATE(MOVE, size) \
	MOVE   (R0), F2; \
	VBIF   V27.B16, V28.B16, V2.B16; \
	VFADD_S4(2, 0, 0); \
	MOVE.P F0, size(R0)
#define TANHGRADSTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R2), F1; \
	VFMUL_S4(0, 0, 0); \
	VFSUB_S4(0, 26, 0); \
	VFMUL_S4(0, 1, 0); \
	ACCUMULATE(MOVE, size)
#define TANHGRADBLOCK \
	TANHGRADSTEP(FMOVQ, 16); \
	TANHGRADSTEP(FMOVQ, 16); \
	TANHGRADSTEP(FMOVQ, 16); \
	TANHGRADSTEP(FMOVQ, 16)

// V27 = acc, V28 = -0; changes R5.
#define LOADACC(acc) \
	MOVWU acc, R5; \
	VDUP  R5, V27.S4; \
	MOVD  $0x80000000, R5; \
	VDUP  R5, V28.S4

// func tanhGradSIMD(dx, y, dy *float32, n int, acc uint32)
TEXT ·tanhGradSIMD(SB), NOSPLIT, $0-36
	MOVD  dx+0(FP), R0
	MOVD  y+8(FP), R1
	MOVD  dy+16(FP), R2
	MOVD  n+24(FP), R4
	LOADACC(acc+32(FP))
	FMOVS $1.0, F26
	VDUP  V26.S[0], V26.S4
	MAP(TANHGRADBLOCK, TANHGRADSTEP)
	RET

#define SIGMOIDGRADSTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R2), F1; \
	VFSUB_S4(0, 26, 3); \
	VFMUL_S4(3, 0, 0); \
	VFMUL_S4(0, 1, 0); \
	ACCUMULATE(MOVE, size)
#define SIGMOIDGRADBLOCK \
	SIGMOIDGRADSTEP(FMOVQ, 16); \
	SIGMOIDGRADSTEP(FMOVQ, 16); \
	SIGMOIDGRADSTEP(FMOVQ, 16); \
	SIGMOIDGRADSTEP(FMOVQ, 16)

// func sigmoidGradSIMD(dx, y, dy *float32, n int, acc uint32)
TEXT ·sigmoidGradSIMD(SB), NOSPLIT, $0-36
	MOVD  dx+0(FP), R0
	MOVD  y+8(FP), R1
	MOVD  dy+16(FP), R2
	MOVD  n+24(FP), R4
	LOADACC(acc+32(FP))
	FMOVS $1.0, F26
	VDUP  V26.S[0], V26.S4
	MAP(SIGMOIDGRADBLOCK, SIGMOIDGRADSTEP)
	RET

// V0 = the sum of the 64 partial sums V0..V15 in the order of lanes.total.
#define TOTAL \
	VFADD_S4(8, 0, 0); \
	VFADD_S4(10, 2, 2); \
	VFADD_S4(12, 4, 4); \
	VFADD_S4(14, 6, 6); \
	VFADD_S4(9, 1, 1); \
	VFADD_S4(11, 3, 3); \
	VFADD_S4(13, 5, 5); \
	VFADD_S4(15, 7, 7); \
	VFADD_S4(2, 0, 0); \
	VFADD_S4(6, 4, 4); \
	VFADD_S4(3, 1, 1); \
	VFADD_S4(7, 5, 5); \
	VFADD_S4(4, 0, 0); \
	VFADD_S4(5, 1, 1); \
	VFADD_S4(1, 0, 0); \
	VEXT $8, V0.B16, V0.B16, V1.B16; \
	VFADD_S4(1, 0, 0); \
	VFADDP_S(0, 0)

// Vb..V(b+7) = 0.
#define ZERO8(b) \
	VEOR_B16(b, b, b); \
	VEOR_B16((b)+1, (b)+1, (b)+1); \
	VEOR_B16((b)+2, (b)+2, (b)+2); \
	VEOR_B16((b)+3, (b)+3, (b)+3); \
	VEOR_B16((b)+4, (b)+4, (b)+4); \
	VEOR_B16((b)+5, (b)+5, (b)+5); \
	VEOR_B16((b)+6, (b)+6, (b)+6); \
	VEOR_B16((b)+7, (b)+7, (b)+7)

// An ordered sum over R4 elements, to F0. The 64 partial sums are V0..V15: BLOCK(b) adds
// the next 32 terms to Vb..V(b+7), TERM(MOVE, size) leaves the next few in V16. After the
// groups of 8 a group of four goes to V0; the last three gather in V30, two in the low
// half and one behind them, and go to V1, or to V0 without a group of four. The last
// arguments are labels. Changes V30, V31 and what BLOCK and TERM change.
#define ORDERED(BLOCK, TERM, blocks, half, eights, eight, tail, two, last, place) \
	ZERO8(0); \
	ZERO8(8); \
	VEOR  V30.B16, V30.B16, V30.B16; \
	VEOR  V31.B16, V31.B16, V31.B16; \
	SUBS  $64, R4, R4; \
	BLT   half; \
	PCALIGN $16; \
blocks: \
	BLOCK(0); \
	BLOCK(8); \
	SUBS  $64, R4, R4; \
	BGE   blocks; \
half: \
	TBZ   $5, R4, eights; \
	BLOCK(0); \
eights: \
	AND   $31, R4, R4; \
	SUBS  $8, R4, R4; \
	BLT   tail; \
eight: \
	TERM(FMOVQ, 16); \
	VFADD_S4(16, 0, 0); \
	TERM(FMOVQ, 16); \
	VFADD_S4(16, 1, 1); \
	SUBS  $8, R4, R4; \
	BGE   eight; \
tail: \
	TBZ   $2, R4, two; \
	TERM(FMOVQ, 16); \
	VFADD_S4(16, 0, 0); \
two: \
	TBZ   $1, R4, last; \
	TERM(FMOVD, 8); \
	FMOVD F16, F30; \
last: \
	TBZ   $0, R4, place; \
	TERM(FMOVS, 4); \
	FMOVS F16, F16; \
	TBZ   $1, R4, 2(PC); \
	VEXT  $8, V16.B16, V31.B16, V16.B16; \
	VORR  V16.B16, V30.B16, V30.B16; \
place: \
	TBZ   $2, R4, 3(PC); \
	VFADD_S4(30, 1, 1); \
	B     2(PC); \
	VFADD_S4(30, 0, 0); \
	TOTAL

// The next 32 elements of an operand to V16..V23; Vb..V(b+7) += V16..V23.
#define LOAD8(R) \
	VLD1.P 64(R), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VLD1.P 64(R), [V20.S4, V21.S4, V22.S4, V23.S4]
#define GATHER8(b) \
	VFADD_S4(16, (b)+0, (b)+0); \
	VFADD_S4(17, (b)+1, (b)+1); \
	VFADD_S4(18, (b)+2, (b)+2); \
	VFADD_S4(19, (b)+3, (b)+3); \
	VFADD_S4(20, (b)+4, (b)+4); \
	VFADD_S4(21, (b)+5, (b)+5); \
	VFADD_S4(22, (b)+6, (b)+6); \
	VFADD_S4(23, (b)+7, (b)+7)

// x (R10).
#define SUMBLOCK(b) \
	LOAD8(R10); \
	GATHER8(b)
#define SUMTERM(MOVE, size) \
	MOVE.P size(R10), F16

// func sumSIMD(x *float32, n int) float32
TEXT ·sumSIMD(SB), NOSPLIT, $0-20
	MOVD  x+0(FP), R10
	MOVD  n+8(FP), R4
	ORDERED(SUMBLOCK, SUMTERM, blocks, half, eights, eight, tail, two, last, place)
	FMOVS F0, ret+16(FP)
	RET

// V16..V23 *= the next 32 elements of an operand.
#define TIMES8(R) \
	VLD1.P 64(R), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VFMUL_S4(24, 16, 16); \
	VFMUL_S4(25, 17, 17); \
	VFMUL_S4(26, 18, 18); \
	VFMUL_S4(27, 19, 19); \
	VLD1.P 64(R), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VFMUL_S4(24, 20, 20); \
	VFMUL_S4(25, 21, 21); \
	VFMUL_S4(26, 22, 22); \
	VFMUL_S4(27, 23, 23)

// a (R10) times b (R11).
#define DOTBLOCK(b) \
	LOAD8(R10); \
	TIMES8(R11); \
	GATHER8(b)
#define DOTTERM(MOVE, size) \
	MOVE.P size(R10), F16; \
	MOVE.P size(R11), F24; \
	VFMUL_S4(24, 16, 16)

// func dotSIMD(a, b *float32, n int) float32
TEXT ·dotSIMD(SB), NOSPLIT, $0-28
	MOVD  a+0(FP), R10
	MOVD  b+8(FP), R11
	MOVD  n+16(FP), R4
	ORDERED(DOTBLOCK, DOTTERM, blocks, half, eights, eight, tail, two, last, place)
	FMOVS F0, ret+24(FP)
	RET

// The squares of x (R10) less the mean V24.
#define SQDEVBLOCK(b) \
	LOAD8(R10); \
	VFSUB_S4(24, 16, 16); \
	VFSUB_S4(24, 17, 17); \
	VFSUB_S4(24, 18, 18); \
	VFSUB_S4(24, 19, 19); \
	VFSUB_S4(24, 20, 20); \
	VFSUB_S4(24, 21, 21); \
	VFSUB_S4(24, 22, 22); \
	VFSUB_S4(24, 23, 23); \
	VFMUL_S4(16, 16, 16); \
	VFMUL_S4(17, 17, 17); \
	VFMUL_S4(18, 18, 18); \
	VFMUL_S4(19, 19, 19); \
	VFMUL_S4(20, 20, 20); \
	VFMUL_S4(21, 21, 21); \
	VFMUL_S4(22, 22, 22); \
	VFMUL_S4(23, 23, 23); \
	GATHER8(b)
#define SQDEVTERM(MOVE, size) \
	MOVE.P size(R10), F16; \
	VFSUB_S4(24, 16, 16); \
	VFMUL_S4(16, 16, 16)

// The row kernels below go through ORDERED and MAP, once or twice per row. R6 is the
// number of columns; R10..R12 restart with each sum or row, the other pointers run on.

// dx (R0) = y (R1) * (dy (R2) - s), s in V26.
#define SOFTMAXGRADSTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R2), F1; \
	VFSUB_S4(26, 1, 1); \
	VFMUL_S4(1, 0, 0); \
	ACCUMULATE(MOVE, size)
#define SOFTMAXGRADBLOCK \
	SOFTMAXGRADSTEP(FMOVQ, 16); \
	SOFTMAXGRADSTEP(FMOVQ, 16); \
	SOFTMAXGRADSTEP(FMOVQ, 16); \
	SOFTMAXGRADSTEP(FMOVQ, 16)

// func softmaxGradRowsSIMD(dx, y, dy *float32, rows, cols int, acc uint32)
TEXT ·softmaxGradRowsSIMD(SB), NOSPLIT, $0-44
	MOVD dx+0(FP), R0
	MOVD y+8(FP), R1
	MOVD dy+16(FP), R2
	MOVD rows+24(FP), R7
	MOVD cols+32(FP), R6

row:
	MOVD R1, R10
	MOVD R2, R11
	MOVD R6, R4
	ORDERED(DOTBLOCK, DOTTERM, sumBlocks, sumHalf, sumEights, sumEight, sumTail, sumTwo, sumLast, sumPlace)
	VDUP V0.S[0], V26.S4
	LOADACC(acc+40(FP))
	MOVD R6, R4
	MAP(SOFTMAXGRADBLOCK, SOFTMAXGRADSTEP)
	SUBS $1, R7, R7
	BNE  row
	RET

// F0 = 1/sqrt(F0/n + eps) through float64, with n in F28 and eps in F29.
#define INVSTD \
	FCVTSD F0, F0; \
	FDIVD  F28, F0, F0; \
	FMOVD  $1.0, F1; \
	FADDD  F29, F0, F0; \
	FSQRTD F0, F0; \
	FDIVD  F0, F1, F0; \
	FCVTDS F0, F0

#define SQUAREBLOCK(b) \
	LOAD8(R10); \
	VFMUL_S4(16, 16, 16); \
	VFMUL_S4(17, 17, 17); \
	VFMUL_S4(18, 18, 18); \
	VFMUL_S4(19, 19, 19); \
	VFMUL_S4(20, 20, 20); \
	VFMUL_S4(21, 21, 21); \
	VFMUL_S4(22, 22, 22); \
	VFMUL_S4(23, 23, 23); \
	GATHER8(b)
#define SQUARETERM(MOVE, size) \
	MOVE.P size(R10), F16; \
	VFMUL_S4(16, 16, 16)

// dst (R0) = (x (R1) * V25) * gain (R11).
#define RMSSTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R11), F1; \
	VFMUL_S4(25, 0, 0); \
	VFMUL_S4(1, 0, 0); \
	MOVE.P F0, size(R0)
#define RMSBLOCK \
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1.P 64(R11), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VFMUL_S4(25, 0, 0); \
	VFMUL_S4(25, 1, 1); \
	VFMUL_S4(25, 2, 2); \
	VFMUL_S4(25, 3, 3); \
	FOUR(VFMUL_S4); \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)

// func rmsNormRowsSIMD(dst, x, gain, rstd *float32, rows, cols int, eps float32)
TEXT ·rmsNormRowsSIMD(SB), NOSPLIT, $0-52
	MOVD   dst+0(FP), R0
	MOVD   x+8(FP), R1
	MOVD   gain+16(FP), R2
	MOVD   rstd+24(FP), R3
	MOVD   rows+32(FP), R5
	MOVD   cols+40(FP), R6
	FMOVS  eps+48(FP), F29
	FCVTSD F29, F29
	SCVTFD R6, F28

row:
	MOVD    R1, R10
	MOVD    R6, R4
	ORDERED(SQUAREBLOCK, SQUARETERM, sumBlocks, sumHalf, sumEights, sumEight, sumTail, sumTwo, sumLast, sumPlace)
	INVSTD
	CBZ     R3, 2(PC)
	FMOVS.P F0, 4(R3)
	VDUP    V0.S[0], V25.S4
	MOVD    R2, R11
	MOVD    R6, R4
	MAP(RMSBLOCK, RMSSTEP)
	SUBS    $1, R5, R5
	BNE     row
	RET

// dst (R0) = ((x (R1) - V24) * V25) * gain (R11) + bias (R12).
#define AFFINESTEP(MOVE, size) \
	MOVE.P size(R1), F0; \
	MOVE.P size(R11), F1; \
	MOVE.P size(R12), F2; \
	VFSUB_S4(24, 0, 0); \
	VFMUL_S4(25, 0, 0); \
	VFMUL_S4(1, 0, 0); \
	VFADD_S4(2, 0, 0); \
	MOVE.P F0, size(R0)
#define AFFINEBLOCK \
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1.P 64(R11), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VFSUB_S4(24, 0, 0); \
	VFSUB_S4(24, 1, 1); \
	VFSUB_S4(24, 2, 2); \
	VFSUB_S4(24, 3, 3); \
	VFMUL_S4(25, 0, 0); \
	VFMUL_S4(25, 1, 1); \
	VFMUL_S4(25, 2, 2); \
	VFMUL_S4(25, 3, 3); \
	FOUR(VFMUL_S4); \
	VLD1.P 64(R12), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	FOUR(VFADD_S4); \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)

// func layerNormRowsSIMD(dst, x, gain, bias, mean, rstd *float32, rows, cols int, eps float32)
TEXT ·layerNormRowsSIMD(SB), NOSPLIT, $0-68
	MOVD   dst+0(FP), R0
	MOVD   x+8(FP), R1
	MOVD   gain+16(FP), R2
	MOVD   bias+24(FP), R3
	MOVD   mean+32(FP), R7
	MOVD   rstd+40(FP), R8
	MOVD   rows+48(FP), R5
	MOVD   cols+56(FP), R6
	FMOVS  eps+64(FP), F29
	FCVTSD F29, F29
	SCVTFD R6, F28
	SCVTFS R6, F27

row:
	MOVD    R1, R10
	MOVD    R6, R4
	ORDERED(SUMBLOCK, SUMTERM, sumBlocks, sumHalf, sumEights, sumEight, sumTail, sumTwo, sumLast, sumPlace)
	FDIVS   F27, F0, F0
	CBZ     R7, 2(PC)
	FMOVS.P F0, 4(R7)
	VDUP    V0.S[0], V24.S4
	MOVD    R1, R10
	MOVD    R6, R4
	ORDERED(SQDEVBLOCK, SQDEVTERM, devBlocks, devHalf, devEights, devEight, devTail, devTwo, devLast, devPlace)
	INVSTD
	CBZ     R8, 2(PC)
	FMOVS.P F0, 4(R8)
	VDUP    V0.S[0], V25.S4
	MOVD    R2, R11
	MOVD    R3, R12
	MOVD    R6, R4
	MAP(AFFINEBLOCK, AFFINESTEP)
	SUBS    $1, R5, R5
	BNE     row
	RET

// a (R10) times b (R11) times c (R12).
#define DOT3BLOCK(b) \
	LOAD8(R10); \
	TIMES8(R11); \
	TIMES8(R12); \
	GATHER8(b)
#define DOT3TERM(MOVE, size) \
	DOTTERM(MOVE, size); \
	MOVE.P size(R12), F24; \
	VFMUL_S4(24, 16, 16)

// dx (R0) += s*((dy*gain - c1) - xhat*c2) and dgain (R10) += dy*xhat with xhat = (x-mean)*s,
// from x (R2), gain (R11) and dy (R9). V24 = mean, V25 = s, V26 = c1, V27 = c2.
#define NORMSTEP(MOVE, size) \
	MOVE.P size(R2), F0; \
	MOVE.P size(R9), F1; \
	MOVE.P size(R11), F2; \
	MOVE   (R0), F3; \
	MOVE   (R10), F4; \
	VFSUB_S4(24, 0, 0); \
	VFMUL_S4(2, 1, 2); \
	VFMUL_S4(25, 0, 0); \
	VFSUB_S4(26, 2, 2); \
	VFMUL_S4(27, 0, 5); \
	VFMUL_S4(0, 1, 1); \
	VFSUB_S4(5, 2, 2); \
	VFADD_S4(1, 4, 4); \
	VFMUL_S4(25, 2, 2); \
	MOVE.P F4, size(R10); \
	VFADD_S4(2, 3, 3); \
	MOVE.P F3, size(R0)
#define NORMBLOCK \
	NORMSTEP(FMOVQ, 16); \
	NORMSTEP(FMOVQ, 16); \
	NORMSTEP(FMOVQ, 16); \
	NORMSTEP(FMOVQ, 16)

// func normGradRowsSIMD(dx, dgain, x, gain, mean, rstd, dy *float32, rows, cols int)
TEXT ·normGradRowsSIMD(SB), NOSPLIT, $0-72
	MOVD dx+0(FP), R0
	MOVD dgain+8(FP), R1
	MOVD x+16(FP), R2
	MOVD gain+24(FP), R3
	MOVD mean+32(FP), R7
	MOVD rstd+40(FP), R8
	MOVD dy+48(FP), R9
	MOVD rows+56(FP), R5
	MOVD cols+64(FP), R6

row:
	FMOVS ZR, F28
	CBZ   R7, moment
	MOVD  R9, R10
	MOVD  R3, R11
	MOVD  R6, R4
	ORDERED(DOTBLOCK, DOTTERM, sumBlocks, sumHalf, sumEights, sumEight, sumTail, sumTwo, sumLast, sumPlace)
	FMOVS F0, F28

moment:
	MOVD R9, R10
	MOVD R3, R11
	MOVD R2, R12
	MOVD R6, R4
	ORDERED(DOT3BLOCK, DOT3TERM, dotBlocks, dotHalf, dotEights, dotEight, dotTail, dotTwo, dotLast, dotPlace)

	// c1 = g/n, c2 = (gx - mean*g)*s/n in float64, from gx = F0 and g = F28; without
	// means g and the mean are 0.
	FMOVS   ZR, F24
	CBZ     R7, 2(PC)
	FMOVS.P 4(R7), F24
	FMOVS.P 4(R8), F25
	SCVTFS  R6, F2
	FDIVS   F2, F28, F26
	FCVTSD  F0, F0
	FCVTSD  F28, F1
	FCVTSD  F24, F3
	FCVTSD  F25, F4
	SCVTFD  R6, F2
	FMULD   F1, F3, F3
	FSUBD   F3, F0, F0
	FMULD   F4, F0, F0
	FDIVD   F2, F0, F0
	FCVTDS  F0, F27
	VDUP    V24.S[0], V24.S4
	VDUP    V25.S[0], V25.S4
	VDUP    V26.S[0], V26.S4
	VDUP    V27.S[0], V27.S4
	MOVD    R1, R10
	MOVD    R3, R11
	MOVD    R6, R4
	MAP(NORMBLOCK, NORMSTEP)
	SUBS    $1, R5, R5
	BNE     row
	RET

// func addColumnSumsSIMD(dst, x *float32, rows, cols int)
TEXT ·addColumnSumsSIMD(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD rows+16(FP), R5
	MOVD cols+24(FP), R4
	LSL  $2, R4, R6
	SUBS $16, R4, R4
	BLT  fours

	// Sixteen columns, then four, two and one, down all rows.
block:
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	MOVD R1, R2
	MOVD R5, R3
	PCALIGN $16

blockRow:
	VLD1   (R2), [V16.S4, V17.S4, V18.S4, V19.S4]
	ADD    R6, R2, R2
	FOUR(VFADD_S4)
	SUBS   $1, R3, R3
	BNE    blockRow
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	ADD    $64, R1, R1
	SUBS   $16, R4, R4
	BGE    block

fours:
	ADDS $12, R4, R4
	BLT  two

four:
	FMOVQ (R0), F0
	MOVD  R1, R2
	MOVD  R5, R3

fourRow:
	FMOVQ   (R2), F16
	ADD     R6, R2, R2
	VFADD_S4(16, 0, 0)
	SUBS    $1, R3, R3
	BNE     fourRow
	FMOVQ.P F0, 16(R0)
	ADD     $16, R1, R1
	SUBS    $4, R4, R4
	BGE     four

two:
	TBZ   $1, R4, last
	FMOVD (R0), F0
	MOVD  R1, R2
	MOVD  R5, R3

twoRow:
	FMOVD   (R2), F16
	ADD     R6, R2, R2
	VFADD_S4(16, 0, 0)
	SUBS    $1, R3, R3
	BNE     twoRow
	FMOVD.P F0, 8(R0)
	ADD     $8, R1, R1

last:
	TBZ   $0, R4, done
	FMOVS (R0), F0

lastRow:
	FMOVS (R1), F16
	ADD   R6, R1, R1
	FADDS F16, F0, F0
	SUBS  $1, R5, R5
	BNE   lastRow
	FMOVS F0, (R0)

done:
	RET

// dgi (R0, R1, R2) and dgh (R3, R5, R6) for the gates r, z, n, dhPrev (R7) from dhNew (R8),
// r, z, n, gh_n (R9..R12) and hPrev (R13). V31 = 1.
#define GRUSTEP(MOVE, size) \
	MOVE.P size(R10), F1; \
	MOVE.P size(R11), F2; \
	MOVE.P size(R8), F4; \
	MOVE.P size(R13), F5; \
	MOVE.P size(R9), F0; \
	MOVE.P size(R12), F3; \
	VFSUB_S4(1, 31, 7); \
	VFMUL_S4(2, 2, 16); \
	VFSUB_S4(2, 5, 5); \
	MOVE   (R7), F6; \
	VFMUL_S4(7, 4, 17); \
	VFSUB_S4(16, 31, 16); \
	VFMUL_S4(5, 4, 5); \
	VFMUL_S4(7, 1, 7); \
	VFMUL_S4(16, 17, 17); \
	VFMUL_S4(1, 4, 4); \
	VFMUL_S4(7, 5, 5); \
	VFSUB_S4(0, 31, 18); \
	MOVE.P F17, size(R2); \
	VFMUL_S4(3, 17, 3); \
	VFADD_S4(4, 6, 6); \
	VFMUL_S4(18, 0, 18); \
	MOVE.P F5, size(R1); \
	MOVE.P F5, size(R5); \
	VFMUL_S4(0, 17, 17); \
	MOVE.P F6, size(R7); \
	VFMUL_S4(18, 3, 3); \
	MOVE.P F17, size(R6); \
	MOVE.P F3, size(R0); \
	MOVE.P F3, size(R3)
#define GRUBLOCK \
	GRUSTEP(FMOVQ, 16); \
	GRUSTEP(FMOVQ, 16); \
	GRUSTEP(FMOVQ, 16); \
	GRUSTEP(FMOVQ, 16)

// func gruGradRowsSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, rows, h int)
TEXT ·gruGradRowsSIMD(SB), NOSPLIT, $0-64
	MOVD  dgi+0(FP), R0
	MOVD  dgh+8(FP), R3
	MOVD  dhPrev+16(FP), R7
	MOVD  dhNew+24(FP), R8
	MOVD  save+32(FP), R9
	MOVD  hPrev+40(FP), R13
	MOVD  rows+48(FP), R14
	MOVD  h+56(FP), R15
	FMOVS $1.0, F31
	VDUP  V31.S[0], V31.S4

row:
	ADD  R15<<2, R0, R1
	ADD  R15<<2, R1, R2
	ADD  R15<<2, R3, R5
	ADD  R15<<2, R5, R6
	ADD  R15<<2, R9, R10
	ADD  R15<<2, R10, R11
	ADD  R15<<2, R11, R12
	MOVD R15, R4
	MAP(GRUBLOCK, GRUSTEP)
	MOVD R2, R0
	MOVD R6, R3
	MOVD R12, R9
	SUBS $1, R14, R14
	BNE  row
	RET
