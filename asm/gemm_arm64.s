//go:build arm64 && !noasm

#include "go_asm.h"
#include "textflag.h"
#include "neon_arm64.h"

// Tiles of C by NEON: 8 or 4 rows by panels of 8 columns, two registers per row. Rows of
// A are read four steps at a time and multiply by lane, so A needs no copy. Rows that do
// not exist repeat the last one: they compute and store the same values. The loop of
// the taller kernel is 82 instructions for four steps, 512 operations, 64 of them FMLA
// (TestNeonGemmInstructions counts them).
//
// Registers:
//   R0 arguments   R1..R8  A of the rows at the step, later C of the rows
//   R9 B at the step   R10 bs   R11 steps left   R12 C at the panel   R13 columns left
//   R15, R16, R17 scratch   R19 B at the panel   R20 A of the tile   R21 tiles left
//   R22 C of the tile
//   V0..V15 the sums, two per row   V16..V23 four steps of A, one register per row
//   V24, V25 a step of B

// The row below, as long as there is one.
#define BELOW(i, above, reg) \
	CMP  $i, R15; \
	CSEL GT, R16, ZR, R17; \
	ADD  R17, above, reg

#define ROWS4(base) \
	MOVD base, R1; \
	BELOW(1, R1, R2); \
	BELOW(2, R2, R3); \
	BELOW(3, R3, R4)

#define ROWS8(base) \
	ROWS4(base); \
	BELOW(4, R4, R5); \
	BELOW(5, R5, R6); \
	BELOW(6, R6, R7); \
	BELOW(7, R7, R8)

#define ZERO(lo, hi) \
	VEOR lo.B16, lo.B16, lo.B16; \
	VEOR hi.B16, hi.B16, hi.B16

#define ZERO4 \
	ZERO(V0, V1); \
	ZERO(V2, V3); \
	ZERO(V4, V5); \
	ZERO(V6, V7)

#define ZERO8 \
	ZERO4; \
	ZERO(V8, V9); \
	ZERO(V10, V11); \
	ZERO(V12, V13); \
	ZERO(V14, V15)

// Four steps of A.
#define FOUR4 \
	VLD1.P 16(R1), [V16.S4]; \
	VLD1.P 16(R2), [V17.S4]; \
	VLD1.P 16(R3), [V18.S4]; \
	VLD1.P 16(R4), [V19.S4]

#define FOUR8 \
	FOUR4; \
	VLD1.P 16(R5), [V20.S4]; \
	VLD1.P 16(R6), [V21.S4]; \
	VLD1.P 16(R7), [V22.S4]; \
	VLD1.P 16(R8), [V23.S4]

// One step of A, in lane 0.
#define ONE4 \
	VLD1.P 4(R1), V16.S[0]; \
	VLD1.P 4(R2), V17.S[0]; \
	VLD1.P 4(R3), V18.S[0]; \
	VLD1.P 4(R4), V19.S[0]

#define ONE8 \
	ONE4; \
	VLD1.P 4(R5), V20.S[0]; \
	VLD1.P 4(R6), V21.S[0]; \
	VLD1.P 4(R7), V22.S[0]; \
	VLD1.P 4(R8), V23.S[0]

#define MADD(row, lane, lo, hi) \
	VFMLA_S4_LANE(row, lane, 24, lo); \
	VFMLA_S4_LANE(row, lane, 25, hi)

#define STEP4(lane) \
	FLDPQ (R9), (F24, F25); \
	ADD   R10, R9; \
	MADD(16, lane, 0, 1); \
	MADD(17, lane, 2, 3); \
	MADD(18, lane, 4, 5); \
	MADD(19, lane, 6, 7)

#define STEP8(lane) \
	STEP4(lane); \
	MADD(20, lane, 8, 9); \
	MADD(21, lane, 10, 11); \
	MADD(22, lane, 12, 13); \
	MADD(23, lane, 14, 15)

// The old C is added to all rows before any is stored, as rows may coincide.
#define ADDOLD(reg, lo, hi) \
	FLDPQ (reg), (F16, F17); \
	VFADD_S4(16, lo, lo); \
	VFADD_S4(17, hi, hi)

#define ADDOLD4 \
	ADDOLD(R1, 0, 1); \
	ADDOLD(R2, 2, 3); \
	ADDOLD(R3, 4, 5); \
	ADDOLD(R4, 6, 7)

#define ADDOLD8 \
	ADDOLD4; \
	ADDOLD(R5, 8, 9); \
	ADDOLD(R6, 10, 11); \
	ADDOLD(R7, 12, 13); \
	ADDOLD(R8, 14, 15)

#define STORE4 \
	FSTPQ (F0, F1), (R1); \
	FSTPQ (F2, F3), (R2); \
	FSTPQ (F4, F5), (R3); \
	FSTPQ (F6, F7), (R4)

#define STORE8 \
	STORE4; \
	FSTPQ (F8, F9), (R5); \
	FSTPQ (F10, F11), (R6); \
	FSTPQ (F12, F13), (R7); \
	FSTPQ (F14, F15), (R8)

#define KERNEL(ROWS, ZERO, FOUR, ONE, STEP, ADDOLD, STORE) \
	MOVD args+0(FP), R0; \
	MOVD gemmArgs_bs(R0), R10; \
	MOVD gemmArgs_a(R0), R20; \
	MOVD gemmArgs_c(R0), R22; \
	MOVD gemmArgs_tiles(R0), R21; \
tile: \
	MOVD gemmArgs_b(R0), R19; \
	MOVD R22, R12; \
	MOVD gemmArgs_n(R0), R13; \
panel: \
	MOVD gemmArgs_rows(R0), R15; \
	MOVD gemmArgs_as(R0), R16; \
	ROWS(R20); \
	MOVD R19, R9; \
	MOVD gemmArgs_k(R0), R11; \
	ZERO; \
	SUBS $4, R11, R11; \
	BLT  few; \
	PCALIGN $32; \
four: \
	FOUR; \
	STEP(0); \
	STEP(1); \
	STEP(2); \
	STEP(3); \
	SUBS $4, R11, R11; \
	BGE  four; \
few: \
	ADDS $4, R11, R11; \
	BEQ  out; \
one: \
	ONE; \
	STEP(0); \
	SUBS $1, R11, R11; \
	BNE  one; \
out: \
	MOVD gemmArgs_rows(R0), R15; \
	MOVD gemmArgs_cs(R0), R16; \
	ROWS(R12); \
	MOVD gemmArgs_acc(R0), R15; \
	CBZ  R15, store; \
	ADDOLD; \
store: \
	STORE; \
	ADD  $32, R12; \
	MOVD gemmArgs_bp(R0), R15; \
	ADD  R15, R19; \
	SUBS $8, R13, R13; \
	BGT  panel; \
	MOVD gemmArgs_at(R0), R15; \
	ADD  R15, R20; \
	MOVD gemmArgs_ct(R0), R15; \
	ADD  R15, R22; \
	SUBS $1, R21, R21; \
	BNE  tile; \
	RET

// func gemmNEONx8(args *gemmArgs)
TEXT ·gemmNEONx8(SB), NOSPLIT, $0-8
	KERNEL(ROWS8, ZERO8, FOUR8, ONE8, STEP8, ADDOLD8, STORE8)

// func gemmNEONx4(args *gemmArgs)
TEXT ·gemmNEONx4(SB), NOSPLIT, $0-8
	KERNEL(ROWS4, ZERO4, FOUR4, ONE4, STEP4, ADDOLD4, STORE4)

#define MADDROW(lane) \
	VLD1 (R9), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	ADD  $64, R9, R1; \
	VLD1 (R1), [V28.S4, V29.S4, V30.S4, V31.S4]; \
	ADD  R10, R9; \
	VFMLA_S4_LANE(16, lane, 24, 0); \
	VFMLA_S4_LANE(16, lane, 25, 1); \
	VFMLA_S4_LANE(16, lane, 26, 2); \
	VFMLA_S4_LANE(16, lane, 27, 3); \
	VFMLA_S4_LANE(16, lane, 28, 4); \
	VFMLA_S4_LANE(16, lane, 29, 5); \
	VFMLA_S4_LANE(16, lane, 30, 6); \
	VFMLA_S4_LANE(16, lane, 31, 7)

// func gemmNEONRow(args *gemmArgs)
//
// One row by blocks of 32 columns, B where it lies.
TEXT ·gemmNEONRow(SB), NOSPLIT, $0-8
	MOVD args+0(FP), R0
	MOVD gemmArgs_bs(R0), R10
	MOVD gemmArgs_ak(R0), R8
	MOVD gemmArgs_c(R0), R12
	MOVD gemmArgs_n(R0), R13
	MOVD gemmArgs_b(R0), R19

block:
	MOVD gemmArgs_a(R0), R2
	MOVD gemmArgs_k(R0), R11
	MOVD R19, R9
	ZERO8

step:
	VLD1 (R2), V16.S[0]
	ADD  R8, R2
	MADDROW(0)
	SUBS $1, R11, R11
	BNE  step

	MOVD gemmArgs_acc(R0), R15
	CBZ  R15, store
	ADD  $64, R12, R1
	VLD1 (R12), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1 (R1), [V28.S4, V29.S4, V30.S4, V31.S4]
	VFADD_S4(24, 0, 0)
	VFADD_S4(25, 1, 1)
	VFADD_S4(26, 2, 2)
	VFADD_S4(27, 3, 3)
	VFADD_S4(28, 4, 4)
	VFADD_S4(29, 5, 5)
	VFADD_S4(30, 6, 6)
	VFADD_S4(31, 7, 7)

store:
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R12)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R12)
	ADD    $128, R19
	SUBS   $32, R13, R13
	BGT    block
	RET

// Transposes 4 x 4 blocks: pairs of rows interleaved, then pairs of pairs.
//
// func transposeNEON(dst *float32, step int, src *float32, stride, blocks int)
TEXT ·transposeNEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD step+8(FP), R1
	MOVD src+16(FP), R2
	MOVD stride+24(FP), R3
	MOVD blocks+32(FP), R4
	ADD  R3, R2, R5
	ADD  R3, R5, R6
	ADD  R3, R6, R7

transpose:
	VLD1.P 16(R2), [V0.S4]
	VLD1.P 16(R5), [V1.S4]
	VLD1.P 16(R6), [V2.S4]
	VLD1.P 16(R7), [V3.S4]
	VTRN1  V1.S4, V0.S4, V4.S4
	VTRN2  V1.S4, V0.S4, V5.S4
	VTRN1  V3.S4, V2.S4, V6.S4
	VTRN2  V3.S4, V2.S4, V7.S4
	VTRN1  V6.D2, V4.D2, V0.D2
	VTRN1  V7.D2, V5.D2, V1.D2
	VTRN2  V6.D2, V4.D2, V2.D2
	VTRN2  V7.D2, V5.D2, V3.D2
	FMOVQ  F0, (R0)
	ADD    R1, R0
	FMOVQ  F1, (R0)
	ADD    R1, R0
	FMOVQ  F2, (R0)
	ADD    R1, R0
	FMOVQ  F3, (R0)
	ADD    R1, R0
	SUBS   $1, R4, R4
	BNE    transpose
	RET
