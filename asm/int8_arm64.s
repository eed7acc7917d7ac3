//go:build arm64 && !noasm

#include "go_asm.h"
#include "textflag.h"
#include "neon_arm64.h"

// The product with integer weights by NEON: 4 rows (ARMv8.0) or 8 rows (with the dot
// products of ARMv8.2), 8 columns at a time. All rows are computed and args.rows of them
// stored; n is a multiple of 8. The codes become signed by flipping their highest bit, so
// that the biases of the other bodies fall away.
//
// Registers:
//   R0 arguments   R1..R8 A at the rows   R9 codes   R10 columns left   R11 groups left
//   R12 C   R13 row of C, rows left in R15   R14 cs   R16 scales of rows
//   R19 scales of columns   R20 128: between groups of codes   R21 codes of the block
//   V31 (V30) 0x80 in each byte

// Two steps of a group: products of one group, then of the next, in 16 bits. They hold two of
// them: 2 * 127 * 128 < 2^15, as |q| <= 127.
#define ROW8(a0, a1, s0, s1, s2, s3) \
	VSMULL_H8(a0, 16, 24); \
	VSMULL2_H8(a0, 16, 25); \
	VSMULL_H8(a0, 17, 26); \
	VSMULL2_H8(a0, 17, 27); \
	VSMLAL_H8(a1, 18, 24); \
	VSMLAL2_H8(a1, 18, 25); \
	VSMLAL_H8(a1, 19, 26); \
	VSMLAL2_H8(a1, 19, 27); \
	VSADALP_S4(24, s0); \
	VSADALP_S4(25, s1); \
	VSADALP_S4(26, s2); \
	VSADALP_S4(27, s3)

// The sums of 8 columns, scaled, to the next row of C.
#define SCALE(lo, hi) \
	VSCVTF_S4(lo, lo); \
	VSCVTF_S4(hi, hi); \
	VLD1R.P 4(R16), [V24.S4]; \
	VFMUL_S4(24, 28, 25); \
	VFMUL_S4(24, 29, 26); \
	VFMUL_S4(25, lo, lo); \
	VFMUL_S4(26, hi, hi)

#define OUT(lo, hi) \
	FSTPQ (lo, hi), (R13); \
	ADD   R14, R13; \
	SUBS  $1, R15, R15; \
	BEQ   next

#define START \
	MOVD args+0(FP), R0; \
	MOVD int8Args_n(R0), R10; \
	MOVD int8Args_c(R0), R12; \
	MOVD int8Args_cs(R0), R14; \
	MOVD int8Args_scale(R0), R19; \
	MOVD int8Args_b(R0), R21; \
	MOVD $128, R20

#define BLOCK \
	MOVD int8Args_a(R0), R1; \
	MOVD int8Args_as(R0), R17; \
	ADD  R17, R1, R2; \
	ADD  R17, R2, R3; \
	ADD  R17, R3, R4; \
	MOVD int8Args_k(R0), R11; \
	MOVD R21, R9

// func int8TileNEON(args *int8Args)
TEXT ·int8TileNEON(SB), NOSPLIT, $0-8
	START
	VMOVI $128, V31.B16

block:
	BLOCK
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16
	PCALIGN $32

loop:
	FLDPQ (R9), (F16, F17)
	ADD   R20, R9
	FLDPQ (R9), (F18, F19)
	ADD   R20, R9
	VLD1R.P 4(R1), [V20.S4]
	VLD1R.P 4(R1), [V21.S4]
	VEOR  V31.B16, V16.B16, V16.B16
	VEOR  V31.B16, V17.B16, V17.B16
	VEOR  V31.B16, V18.B16, V18.B16
	VEOR  V31.B16, V19.B16, V19.B16
	VLD1R.P 4(R2), [V22.S4]
	VLD1R.P 4(R2), [V23.S4]
	ROW8(20, 21, 0, 1, 2, 3)
	VLD1R.P 4(R3), [V20.S4]
	VLD1R.P 4(R3), [V21.S4]
	ROW8(22, 23, 4, 5, 6, 7)
	VLD1R.P 4(R4), [V22.S4]
	VLD1R.P 4(R4), [V23.S4]
	ROW8(20, 21, 8, 9, 10, 11)
	ROW8(22, 23, 12, 13, 14, 15)
	SUBS  $2, R11, R11
	BNE   loop

	// Pairs of partial sums per column.
	VADDP V1.S4, V0.S4, V0.S4
	VADDP V3.S4, V2.S4, V1.S4
	VADDP V5.S4, V4.S4, V2.S4
	VADDP V7.S4, V6.S4, V3.S4
	VADDP V9.S4, V8.S4, V4.S4
	VADDP V11.S4, V10.S4, V5.S4
	VADDP V13.S4, V12.S4, V6.S4
	VADDP V15.S4, V14.S4, V7.S4
	FLDPQ (R19), (F28, F29)
	MOVD  int8Args_rowScale(R0), R16
	SCALE(0, 1)
	SCALE(2, 3)
	SCALE(4, 5)
	SCALE(6, 7)
	MOVD  int8Args_rows(R0), R15
	MOVD  R12, R13
	OUT(F0, F1)
	OUT(F2, F3)
	OUT(F4, F5)
	OUT(F6, F7)

next:
	ADD  $32, R12
	ADD  $32, R19
	ADD  $32, R21
	SUBS $8, R10, R10
	BGT  block
	RET

#define DOTS(lane) \
	FLDPQ (R9), (F24, F25); \
	ADD   R20, R9; \
	VEOR  V30.B16, V24.B16, V24.B16; \
	VEOR  V30.B16, V25.B16, V25.B16; \
	VSDOT_S4_LANE(16, lane, 24, 0); \
	VSDOT_S4_LANE(16, lane, 25, 1); \
	VSDOT_S4_LANE(17, lane, 24, 2); \
	VSDOT_S4_LANE(17, lane, 25, 3); \
	VSDOT_S4_LANE(18, lane, 24, 4); \
	VSDOT_S4_LANE(18, lane, 25, 5); \
	VSDOT_S4_LANE(19, lane, 24, 6); \
	VSDOT_S4_LANE(19, lane, 25, 7); \
	VSDOT_S4_LANE(20, lane, 24, 8); \
	VSDOT_S4_LANE(20, lane, 25, 9); \
	VSDOT_S4_LANE(21, lane, 24, 10); \
	VSDOT_S4_LANE(21, lane, 25, 11); \
	VSDOT_S4_LANE(22, lane, 24, 12); \
	VSDOT_S4_LANE(22, lane, 25, 13); \
	VSDOT_S4_LANE(23, lane, 24, 14); \
	VSDOT_S4_LANE(23, lane, 25, 15)

// func int8TileDot(args *int8Args)
TEXT ·int8TileDot(SB), NOSPLIT, $0-8
	START
	VMOVI $128, V30.B16

block:
	BLOCK
	ADD  R17, R4, R5
	ADD  R17, R5, R6
	ADD  R17, R6, R7
	ADD  R17, R7, R8
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16
	PCALIGN $32

loop:
	VLD1.P 16(R1), [V16.B16]
	VLD1.P 16(R2), [V17.B16]
	VLD1.P 16(R3), [V18.B16]
	VLD1.P 16(R4), [V19.B16]
	VLD1.P 16(R5), [V20.B16]
	VLD1.P 16(R6), [V21.B16]
	VLD1.P 16(R7), [V22.B16]
	VLD1.P 16(R8), [V23.B16]
	DOTS(0)
	DOTS(1)
	DOTS(2)
	DOTS(3)
	SUBS $4, R11, R11
	BNE  loop

	FLDPQ (R19), (F28, F29)
	MOVD  int8Args_rowScale(R0), R16
	SCALE(0, 1)
	SCALE(2, 3)
	SCALE(4, 5)
	SCALE(6, 7)
	SCALE(8, 9)
	SCALE(10, 11)
	SCALE(12, 13)
	SCALE(14, 15)
	MOVD  int8Args_rows(R0), R15
	MOVD  R12, R13
	OUT(F0, F1)
	OUT(F2, F3)
	OUT(F4, F5)
	OUT(F6, F7)
	OUT(F8, F9)
	OUT(F10, F11)
	OUT(F12, F13)
	OUT(F14, F15)

next:
	ADD  $32, R12
	ADD  $32, R19
	ADD  $32, R21
	SUBS $8, R10, R10
	BGT  block
	RET

// func int8TopSIMD(x *float32, n int) uint32
TEXT ·int8TopSIMD(SB), NOSPLIT, $0-20
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16

top:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFABS_S4(0, 0)
	VFABS_S4(1, 1)
	VFABS_S4(2, 2)
	VFABS_S4(3, 3)
	VUMAX  V0.S4, V1.S4, V1.S4
	VUMAX  V2.S4, V3.S4, V3.S4
	VUMAX  V1.S4, V4.S4, V4.S4
	VUMAX  V3.S4, V5.S4, V5.S4
	SUBS   $16, R1, R1
	BGT    top
	VUMAX  V5.S4, V4.S4, V4.S4
	VUMAXV_S4(4, 0)
	FMOVS  F0, ret+16(FP)
	RET

// func int8RoundSIMD(q *int8, x *float32, n int, inv float32) int32
TEXT ·int8RoundSIMD(SB), NOSPLIT, $0-36
	MOVD q+0(FP), R2
	MOVD x+8(FP), R0
	MOVD n+16(FP), R1
	MOVWU inv+24(FP), R3
	VDUP R3, V4.S4
	VEOR V5.B16, V5.B16, V5.B16

round:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFMUL_S4(4, 0, 0)
	VFMUL_S4(4, 1, 1)
	VFMUL_S4(4, 2, 2)
	VFMUL_S4(4, 3, 3)
	VFCVTNS_S4(0, 0)
	VFCVTNS_S4(1, 1)
	VFCVTNS_S4(2, 2)
	VFCVTNS_S4(3, 3)
	VUZP1  V1.H8, V0.H8, V0.H8
	VUZP1  V3.H8, V2.H8, V2.H8
	VADD   V0.H8, V2.H8, V1.H8
	VSADALP_S4(1, 5)
	VUZP1  V2.B16, V0.B16, V0.B16
	VST1.P [V0.B16], 16(R2)
	SUBS   $16, R1, R1
	BGT    round
	VADDV  V5.S4, V5
	FMOVS  F5, ret+32(FP)
	RET
