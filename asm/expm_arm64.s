//go:build !noasm

#include "go_asm.h"
#include "textflag.h"
#include "neon_arm64.h"

// Kernels on stacks of small matrices, NEON, 4 lanes. See expm.go and expm_amd64.s.

// V4..V7 = columns of the 4 x 4 block with rows V0..V3. Changes V16..V19.
#define TRANSPOSE4 \
	VTRN1 V1.S4, V0.S4, V16.S4; \
	VTRN2 V1.S4, V0.S4, V17.S4; \
	VTRN1 V3.S4, V2.S4, V18.S4; \
	VTRN2 V3.S4, V2.S4, V19.S4; \
	VTRN1 V18.D2, V16.D2, V4.D2; \
	VTRN1 V19.D2, V17.D2, V5.D2; \
	VTRN2 V18.D2, V16.D2, V6.D2; \
	VTRN2 V19.D2, V17.D2, V7.D2

// R = base + at[i]*bytes; R4: at, R5: bytes.
#define MATRIX(i, base, R) \
	MOVW i*4(R4), R6; \
	MADD R5, base, R6, R

// func stackLoadSIMD(dst, src *float32, at *[16]int32, size, lanes int, scale float32)
TEXT ·stackLoadSIMD(SB), NOSPLIT, $0-44
	MOVD  dst+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  at+16(FP), R4
	MOVD  size+24(FP), R7
	LSL   $2, R7, R5
	FMOVS scale+40(FP), F20
	VDUP  V20.S[0], V20.S4
	MATRIX(0, R1, R8)
	MATRIX(1, R1, R9)
	MATRIX(2, R1, R10)
	MATRIX(3, R1, R11)
	SUBS  $4, R7
	BLT   tail

four:
	VLD1.P 16(R8), [V0.S4]
	VLD1.P 16(R9), [V1.S4]
	VLD1.P 16(R10), [V2.S4]
	VLD1.P 16(R11), [V3.S4]
	TRANSPOSE4
	VFMUL_S4(20, 4, 4)
	VFMUL_S4(20, 5, 5)
	VFMUL_S4(20, 6, 6)
	VFMUL_S4(20, 7, 7)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	SUBS   $4, R7
	BGE    four

tail:
	ADDS $4, R7
	BEQ  done

one:
	FMOVS.P 4(R8), F0
	FMOVS.P 4(R9), F1
	FMOVS.P 4(R10), F2
	FMOVS.P 4(R11), F3
	FMULS   F20, F0, F0
	FMULS   F20, F1, F1
	FMULS   F20, F2, F2
	FMULS   F20, F3, F3
	FMOVS   F0, (R0)
	FMOVS   F1, 4(R0)
	FMOVS   F2, 8(R0)
	FMOVS   F3, 12(R0)
	ADD     $16, R0
	SUBS    $1, R7
	BNE     one

done:
	RET

// func stackStoreSIMD(dst, src *float32, at *[16]int32, size, lanes int)
TEXT ·stackStoreSIMD(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R1
	MOVD src+8(FP), R0
	MOVD at+16(FP), R4
	MOVD size+24(FP), R7
	LSL  $2, R7, R5
	MATRIX(0, R1, R8)
	MATRIX(1, R1, R9)
	MATRIX(2, R1, R10)
	MATRIX(3, R1, R11)
	SUBS $4, R7
	BLT  tail

four:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	TRANSPOSE4
	VST1.P [V4.S4], 16(R8)
	VST1.P [V5.S4], 16(R9)
	VST1.P [V6.S4], 16(R10)
	VST1.P [V7.S4], 16(R11)
	SUBS   $4, R7
	BGE    four

tail:
	ADDS $4, R7
	BEQ  done

one:
	MOVWU   (R0), R12
	MOVW.P  R12, 4(R8)
	MOVWU   4(R0), R12
	MOVW.P  R12, 4(R9)
	MOVWU   8(R0), R12
	MOVW.P  R12, 4(R10)
	MOVWU   12(R0), R12
	MOVW.P  R12, 4(R11)
	ADD     $16, R0
	SUBS    $1, R7
	BNE     one

done:
	RET

// func stackDiagSIMD(x *float32, n, lanes int, c float32)
TEXT ·stackDiagSIMD(SB), NOSPLIT, $0-28
	MOVD  x+0(FP), R0
	MOVD  n+8(FP), R1
	FMOVS c+24(FP), F1
	VDUP  V1.S[0], V1.S4
	ADD   $1, R1, R2
	LSL   $4, R2, R2

entry:
	VLD1 (R0), [V0.S4]
	VFADD_S4(1, 0, 0)
	VST1 [V0.S4], (R0)
	ADD  R2, R0
	SUBS $1, R1
	BNE  entry
	RET

// func rowsNormSIMD(norm, a *float32, n, count int)
//
// Columns one by one: the matrices are small and the first use brings them into the cache.
TEXT ·rowsNormSIMD(SB), NOSPLIT, $0-32
	MOVD norm+0(FP), R0
	MOVD a+8(FP), R1
	MOVD n+16(FP), R2
	MOVD count+24(FP), R3
	LSL  $2, R2, R4

matrix:
	FMOVS ZR, F0 // greatest
	FMOVS ZR, F1 // all
	MOVD  R1, R5
	MOVD  R2, R6

column:
	MOVD  R5, R7
	MOVD  R2, R8
	FMOVS ZR, F2

row:
	FMOVS (R7), F3
	FABSS F3, F3
	FADDS F3, F2, F2
	ADD   R4, R7
	SUBS  $1, R8
	BNE   row
	FMAXS F2, F0, F0
	FADDS F2, F1, F1
	ADD   $4, R5
	SUBS  $1, R6
	BNE   column
	FSUBS F1, F1, F1
	FADDS F1, F0, F0
	FMOVS.P F0, 4(R0)
	MADD  R4, R1, R2, R1
	SUBS  $1, R3
	BNE   matrix
	RET

// R1: first row of a in the tile, R2: b, R3: c, R4: d or 0, R5: n, R6: bytes of a row; R7: rows
// left; R8: column offset; R9: columns left; R10: row offset; R11..R16: inner loop.
#define ROW(P, c0, c1, c2, c3) \
	VLD1 (P), [V20.S4]; \
	ADD  $16, P; \
	VFMLA_S4(16, 20, c0); \
	VFMLA_S4(17, 20, c1); \
	VFMLA_S4(18, 20, c2); \
	VFMLA_S4(19, 20, c3)

// func stackMulSIMD(c, a, b, d *float32, n int)
TEXT ·stackMulSIMD(SB), NOSPLIT, $0-40
	MOVD c+0(FP), R3
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD d+24(FP), R4
	MOVD n+32(FP), R5
	LSL  $4, R5, R6
	MOVD R5, R7
	MOVD $0, R10
	CMP  $4, R5
	BLT  single

rows:
	MOVD $0, R8
	MOVD R5, R9

fours:
	CMP  $4, R9
	BLT  columns
	ADD  R10, R8, R17
	CBZ  R4, zero4
	ADD  R4, R17, R11
	VLD1 (R11), [V0.S4, V1.S4, V2.S4, V3.S4]
	ADD  R6, R11
	VLD1 (R11), [V4.S4, V5.S4, V6.S4, V7.S4]
	ADD  R6, R11
	VLD1 (R11), [V8.S4, V9.S4, V10.S4, V11.S4]
	ADD  R6, R11
	VLD1 (R11), [V12.S4, V13.S4, V14.S4, V15.S4]
	B    begin4

zero4:
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

begin4:
	ADD  R1, R10, R11
	ADD  R6, R11, R12
	ADD  R6, R12, R13
	ADD  R6, R13, R14
	ADD  R2, R8, R15
	MOVD R5, R16
	PCALIGN $16

inner4:
	VLD1 (R15), [V16.S4, V17.S4, V18.S4, V19.S4]
	ADD  R6, R15
	ROW(R11, 0, 1, 2, 3)
	ROW(R12, 4, 5, 6, 7)
	ROW(R13, 8, 9, 10, 11)
	ROW(R14, 12, 13, 14, 15)
	SUBS $1, R16
	BNE  inner4
	ADD  R3, R17, R11
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R11)
	ADD  R6, R11
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R11)
	ADD  R6, R11
	VST1 [V8.S4, V9.S4, V10.S4, V11.S4], (R11)
	ADD  R6, R11
	VST1 [V12.S4, V13.S4, V14.S4, V15.S4], (R11)
	ADD  $64, R8
	SUB  $4, R9
	B    fours

columns:
	CBZ  R9, nextRows
	ADD  R10, R8, R17
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V12.B16, V12.B16, V12.B16
	CBZ  R4, begin1
	ADD  R4, R17, R11
	VLD1 (R11), [V0.S4]
	ADD  R6, R11
	VLD1 (R11), [V4.S4]
	ADD  R6, R11
	VLD1 (R11), [V8.S4]
	ADD  R6, R11
	VLD1 (R11), [V12.S4]

begin1:
	ADD  R1, R10, R11
	ADD  R6, R11, R12
	ADD  R6, R12, R13
	ADD  R6, R13, R14
	ADD  R2, R8, R15
	MOVD R5, R16

inner1:
	VLD1   (R15), [V16.S4]
	ADD    R6, R15
	VLD1.P 16(R11), [V20.S4]
	VLD1.P 16(R12), [V21.S4]
	VLD1.P 16(R13), [V22.S4]
	VLD1.P 16(R14), [V23.S4]
	VFMLA_S4(16, 20, 0)
	VFMLA_S4(16, 21, 4)
	VFMLA_S4(16, 22, 8)
	VFMLA_S4(16, 23, 12)
	SUBS   $1, R16
	BNE    inner1
	ADD    R3, R17, R11
	VST1   [V0.S4], (R11)
	ADD    R6, R11
	VST1   [V4.S4], (R11)
	ADD    R6, R11
	VST1   [V8.S4], (R11)
	ADD    R6, R11
	VST1   [V12.S4], (R11)
	ADD    $16, R8
	SUB    $1, R9
	B      columns

nextRows:
	SUBS $4, R7
	BEQ  done
	ADD  R6<<2, R10
	CMP  $4, R7
	BGE  rows
	// Back to row n-4.
	SUB  $4, R5, R10
	MUL  R6, R10
	MOVD $4, R7
	B    rows

single:
	MOVD $0, R8
	MOVD R5, R9

singleColumn:
	ADD  R10, R8, R17
	VEOR V0.B16, V0.B16, V0.B16
	CBZ  R4, beginSingle
	ADD  R4, R17, R11
	VLD1 (R11), [V0.S4]

beginSingle:
	ADD  R1, R10, R11
	ADD  R2, R8, R15
	MOVD R5, R16

innerSingle:
	VLD1   (R15), [V16.S4]
	ADD    R6, R15
	VLD1.P 16(R11), [V20.S4]
	VFMLA_S4(16, 20, 0)
	SUBS   $1, R16
	BNE    innerSingle
	ADD    R3, R17, R11
	VST1   [V0.S4], (R11)
	ADD    $16, R8
	SUBS   $1, R9
	BNE    singleColumn
	ADD    R6, R10
	SUBS   $1, R7
	BNE    single

done:
	RET

// func stackLinearSIMD(a *stackLinearArgs)
//
// R1..R4: sources; R5: coefficients, R6: pointers, R7: destinations left; R8: floats left; R9:
// bytes done.
TEXT ·stackLinearSIMD(SB), NOSPLIT, $0-8
	MOVD a+0(FP), R0
	MOVD stackLinearArgs_src+0(R0), R1
	MOVD stackLinearArgs_src+8(R0), R2
	MOVD stackLinearArgs_src+16(R0), R3
	MOVD stackLinearArgs_src+24(R0), R4
	MOVD stackLinearArgs_n(R0), R8
	MOVD $0, R9

vector:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	VLD1.P 16(R3), [V2.S4]
	VLD1.P 16(R4), [V3.S4]
	MOVD   stackLinearArgs_coef(R0), R5
	ADD    $stackLinearArgs_dst, R0, R6
	MOVD   stackLinearArgs_dsts(R0), R7

dst:
	ADD    $4, R5
	VLD1.P 16(R5), [V4.S4]
	VFMUL_S4_LANE(4, 0, 0, 5)
	VFMLA_S4_LANE(4, 1, 1, 5)
	VFMLA_S4_LANE(4, 2, 2, 5)
	VFMLA_S4_LANE(4, 3, 3, 5)
	MOVD.P 8(R6), R10
	ADD    R9, R10
	VST1   [V5.S4], (R10)
	SUBS   $1, R7
	BNE    dst
	ADD    $16, R9
	SUBS   $4, R8
	BNE    vector
	RET
