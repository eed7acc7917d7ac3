//go:build arm64 && !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Kernels of attention, as in attention_amd64.s: a vector of 8 elements is two registers.

// Products. R0, R1, R2, R3: c, a, b and the factors of a tile; R4, R5, R6, R7, R8: bytes
// between rows of c, of a, columns of a, rows of b, factors; R9, R10, R11: rows, vectors
// of columns and k; R12: all ones to add to c. Within a tile R13..R16 run along a, R17
// along b, R19 counts k; R20 is the row of c, R21 the factor, R22 vectors left, R23 and
// R24 the columns of c and b.

#define MUL1(n, f, off) \
	VFMUL_S4(30, n, n); \
	FMOVQ f, off(R20)
#define ADD1(n, f, off) \
	FMOVQ off(R20), F24; \
	VFMLA_S4(30, n, 24); \
	FMOVQ F24, off(R20)
#define FACTOR \
	VLD1R (R21), [V30.S4]; \
	ADD   R8, R21
#define NEXTROW ADD R4, R20

#define ROW1(p, x, y) \
	VLD1R (p), [V30.S4]; \
	ADD   R6, p; \
	VFMLA_S4(30, 24, x); \
	VFMLA_S4(30, 25, y)
#define ROW2(p, x, y, z, u) \
	ROW1(p, x, y); \
	VFMLA_S4(30, 26, z); \
	VFMLA_S4(30, 27, u)
#define ROW3(p, x, y, z, u, v, w) \
	ROW2(p, x, y, z, u); \
	VFMLA_S4(30, 28, v); \
	VFMLA_S4(30, 29, w)

#define LOAD1 \
	FMOVQ (R17), F24; \
	FMOVQ 16(R17), F25
#define LOAD2 \
	LOAD1; \
	FMOVQ 32(R17), F26; \
	FMOVQ 48(R17), F27
#define LOAD3 \
	LOAD2; \
	FMOVQ 64(R17), F28; \
	FMOVQ 80(R17), F29

#define TILESTART \
	MOVD R1, R13; \
	ADD  R5, R13, R14; \
	ADD  R5, R14, R15; \
	ADD  R5, R15, R16; \
	MOVD R24, R17; \
	MOVD R11, R19; \
	MOVD R23, R20; \
	MOVD R3, R21

#define TILEDONE(m) \
	ADD $(32*m), R23; \
	ADD $(32*m), R24; \
	SUB $m, R22

#define CHOOSE(end, t3, t2, t1) \
	CBZ R22, end; \
	CMP $1, R22; \
	BEQ t1; \
	CMP $2, R22; \
	BEQ t2; \
	CMP $4, R22; \
	BEQ t2; \
	B   t3

// func attnMulSIMD(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32)
TEXT ·attnMulSIMD(SB), NOSPLIT, $0-100
	MOVD  c+0(FP), R0
	MOVD  a+8(FP), R1
	MOVD  b+16(FP), R2
	MOVD  f+24(FP), R3
	MOVD  ldc+32(FP), R4
	LSL   $2, R4
	MOVD  ar+40(FP), R5
	LSL   $2, R5
	MOVD  al+48(FP), R6
	LSL   $2, R6
	MOVD  ldb+56(FP), R7
	LSL   $2, R7
	MOVD  fr+64(FP), R8
	LSL   $2, R8
	MOVD  rows+72(FP), R9
	MOVD  n+80(FP), R10
	LSR   $3, R10
	MOVD  k+88(FP), R11
	MOVWU acc+96(FP), R12

rows:
	MOVD R0, R23
	MOVD R2, R24
	MOVD R10, R22
	CMP  $4, R9
	BGE  four
	CBNZ R9, one
	RET

four:
	CHOOSE(end4, tile43, tile42, tile41)

tile43:
	TILESTART
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
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16
	VEOR V23.B16, V23.B16, V23.B16

loop43:
	LOAD3
	ROW3(R13, 0, 1, 2, 3, 4, 5)
	ROW3(R14, 6, 7, 8, 9, 10, 11)
	ROW3(R15, 12, 13, 14, 15, 16, 17)
	ROW3(R16, 18, 19, 20, 21, 22, 23)
	ADD  R7, R17
	SUB  $1, R19
	CBNZ R19, loop43
	CBNZ R12, add43
	FACTOR
	MUL1(0, F0, 0)
	MUL1(1, F1, 16)
	MUL1(2, F2, 32)
	MUL1(3, F3, 48)
	MUL1(4, F4, 64)
	MUL1(5, F5, 80)
	NEXTROW
	FACTOR
	MUL1(6, F6, 0)
	MUL1(7, F7, 16)
	MUL1(8, F8, 32)
	MUL1(9, F9, 48)
	MUL1(10, F10, 64)
	MUL1(11, F11, 80)
	NEXTROW
	FACTOR
	MUL1(12, F12, 0)
	MUL1(13, F13, 16)
	MUL1(14, F14, 32)
	MUL1(15, F15, 48)
	MUL1(16, F16, 64)
	MUL1(17, F17, 80)
	NEXTROW
	FACTOR
	MUL1(18, F18, 0)
	MUL1(19, F19, 16)
	MUL1(20, F20, 32)
	MUL1(21, F21, 48)
	MUL1(22, F22, 64)
	MUL1(23, F23, 80)
	NEXTROW
	TILEDONE(3)
	B    four

add43:
	FACTOR
	ADD1(0, F0, 0)
	ADD1(1, F1, 16)
	ADD1(2, F2, 32)
	ADD1(3, F3, 48)
	ADD1(4, F4, 64)
	ADD1(5, F5, 80)
	NEXTROW
	FACTOR
	ADD1(6, F6, 0)
	ADD1(7, F7, 16)
	ADD1(8, F8, 32)
	ADD1(9, F9, 48)
	ADD1(10, F10, 64)
	ADD1(11, F11, 80)
	NEXTROW
	FACTOR
	ADD1(12, F12, 0)
	ADD1(13, F13, 16)
	ADD1(14, F14, 32)
	ADD1(15, F15, 48)
	ADD1(16, F16, 64)
	ADD1(17, F17, 80)
	NEXTROW
	FACTOR
	ADD1(18, F18, 0)
	ADD1(19, F19, 16)
	ADD1(20, F20, 32)
	ADD1(21, F21, 48)
	ADD1(22, F22, 64)
	ADD1(23, F23, 80)
	NEXTROW
	TILEDONE(3)
	B    four

tile42:
	TILESTART
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

loop42:
	LOAD2
	ROW2(R13, 0, 1, 2, 3)
	ROW2(R14, 4, 5, 6, 7)
	ROW2(R15, 8, 9, 10, 11)
	ROW2(R16, 12, 13, 14, 15)
	ADD  R7, R17
	SUB  $1, R19
	CBNZ R19, loop42
	CBNZ R12, add42
	FACTOR
	MUL1(0, F0, 0)
	MUL1(1, F1, 16)
	MUL1(2, F2, 32)
	MUL1(3, F3, 48)
	NEXTROW
	FACTOR
	MUL1(4, F4, 0)
	MUL1(5, F5, 16)
	MUL1(6, F6, 32)
	MUL1(7, F7, 48)
	NEXTROW
	FACTOR
	MUL1(8, F8, 0)
	MUL1(9, F9, 16)
	MUL1(10, F10, 32)
	MUL1(11, F11, 48)
	NEXTROW
	FACTOR
	MUL1(12, F12, 0)
	MUL1(13, F13, 16)
	MUL1(14, F14, 32)
	MUL1(15, F15, 48)
	NEXTROW
	TILEDONE(2)
	B    four

add42:
	FACTOR
	ADD1(0, F0, 0)
	ADD1(1, F1, 16)
	ADD1(2, F2, 32)
	ADD1(3, F3, 48)
	NEXTROW
	FACTOR
	ADD1(4, F4, 0)
	ADD1(5, F5, 16)
	ADD1(6, F6, 32)
	ADD1(7, F7, 48)
	NEXTROW
	FACTOR
	ADD1(8, F8, 0)
	ADD1(9, F9, 16)
	ADD1(10, F10, 32)
	ADD1(11, F11, 48)
	NEXTROW
	FACTOR
	ADD1(12, F12, 0)
	ADD1(13, F13, 16)
	ADD1(14, F14, 32)
	ADD1(15, F15, 48)
	NEXTROW
	TILEDONE(2)
	B    four

tile41:
	TILESTART
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16

loop41:
	LOAD1
	ROW1(R13, 0, 1)
	ROW1(R14, 2, 3)
	ROW1(R15, 4, 5)
	ROW1(R16, 6, 7)
	ADD  R7, R17
	SUB  $1, R19
	CBNZ R19, loop41
	CBNZ R12, add41
	FACTOR
	MUL1(0, F0, 0)
	MUL1(1, F1, 16)
	NEXTROW
	FACTOR
	MUL1(2, F2, 0)
	MUL1(3, F3, 16)
	NEXTROW
	FACTOR
	MUL1(4, F4, 0)
	MUL1(5, F5, 16)
	NEXTROW
	FACTOR
	MUL1(6, F6, 0)
	MUL1(7, F7, 16)
	NEXTROW
	TILEDONE(1)
	B    four

add41:
	FACTOR
	ADD1(0, F0, 0)
	ADD1(1, F1, 16)
	NEXTROW
	FACTOR
	ADD1(2, F2, 0)
	ADD1(3, F3, 16)
	NEXTROW
	FACTOR
	ADD1(4, F4, 0)
	ADD1(5, F5, 16)
	NEXTROW
	FACTOR
	ADD1(6, F6, 0)
	ADD1(7, F7, 16)
	NEXTROW
	TILEDONE(1)
	B    four

end4:
	ADD R4<<2, R0
	ADD R5<<2, R1
	ADD R8<<2, R3
	SUB $4, R9
	B   rows

one:
	CHOOSE(end1, tile13, tile12, tile11)

tile13:
	TILESTART
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16

loop13:
	LOAD3
	ROW3(R13, 0, 1, 2, 3, 4, 5)
	ADD  R7, R17
	SUB  $1, R19
	CBNZ R19, loop13
	CBNZ R12, add13
	FACTOR
	MUL1(0, F0, 0)
	MUL1(1, F1, 16)
	MUL1(2, F2, 32)
	MUL1(3, F3, 48)
	MUL1(4, F4, 64)
	MUL1(5, F5, 80)
	NEXTROW
	TILEDONE(3)
	B    one

add13:
	FACTOR
	ADD1(0, F0, 0)
	ADD1(1, F1, 16)
	ADD1(2, F2, 32)
	ADD1(3, F3, 48)
	ADD1(4, F4, 64)
	ADD1(5, F5, 80)
	NEXTROW
	TILEDONE(3)
	B    one

tile12:
	TILESTART
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16

loop12:
	LOAD2
	ROW2(R13, 0, 1, 2, 3)
	ADD  R7, R17
	SUB  $1, R19
	CBNZ R19, loop12
	CBNZ R12, add12
	FACTOR
	MUL1(0, F0, 0)
	MUL1(1, F1, 16)
	MUL1(2, F2, 32)
	MUL1(3, F3, 48)
	NEXTROW
	TILEDONE(2)
	B    one

add12:
	FACTOR
	ADD1(0, F0, 0)
	ADD1(1, F1, 16)
	ADD1(2, F2, 32)
	ADD1(3, F3, 48)
	NEXTROW
	TILEDONE(2)
	B    one

tile11:
	TILESTART
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16

loop11:
	LOAD1
	ROW1(R13, 0, 1)
	ADD  R7, R17
	SUB  $1, R19
	CBNZ R19, loop11
	CBNZ R12, add11
	FACTOR
	MUL1(0, F0, 0)
	MUL1(1, F1, 16)
	NEXTROW
	TILEDONE(1)
	B    one

add11:
	FACTOR
	ADD1(0, F0, 0)
	ADD1(1, F1, 16)
	NEXTROW
	TILEDONE(1)
	B    one

end1:
	ADD R4, R0
	ADD R5, R1
	ADD R8, R3
	SUB $1, R9
	B   rows

// The exponential as in attention_amd64.s. Needs EXPCONST.
#define CONST(v, name) \
	MOVD $v, R19; \
	VDUP  R19, name
#define EXPCONST \
	CONST(0xff800000, V16.S4); \
	CONST(0xc2d00000, V17.S4); \
	CONST(0x3fb8aa3b, V18.S4); \
	CONST(0x3f318000, V19.S4); \
	CONST(0xb95e8083, V20.S4); \
	CONST(0x39506967, V21.S4); \
	CONST(0x3ab743ce, V22.S4); \
	CONST(0x3c088908, V23.S4); \
	CONST(0x3d2aa9c1, V24.S4); \
	CONST(0x3e2aaaaa, V25.S4); \
	CONST(0x3f000000, V26.S4); \
	CONST(0x3f800000, V27.S4); \
	CONST(0x5f800000, V28.S4); \
	CONST(0x1f800000, V29.S4)

// V0 = e^V0 for V0 <= 0, changes V1, V2, V3.
#define EXPNEG \
	VFMAX_S4(17, 0, 0); \
	VFMUL_S4(18, 0, 1); \
	VFRINTN_S4(1, 1); \
	VFMLS_S4(19, 1, 0); \
	VFMLS_S4(20, 1, 0); \
	VFCVTNS_S4(1, 1); \
	VMOV_B16(22, 2); \
	VFMLA_S4(21, 0, 2); \
	VMOV_B16(23, 3); \
	VFMLA_S4(2, 0, 3); \
	VMOV_B16(24, 2); \
	VFMLA_S4(3, 0, 2); \
	VMOV_B16(25, 3); \
	VFMLA_S4(2, 0, 3); \
	VMOV_B16(26, 2); \
	VFMLA_S4(3, 0, 2); \
	VFMUL_S4(0, 0, 3); \
	VFMLA_S4(2, 3, 0); \
	VFADD_S4(27, 0, 0); \
	VSHL_S4(23, 1, 1); \
	VADD_S4(28, 1, 1); \
	VFMUL_S4(1, 0, 0); \
	VFMUL_S4(29, 0, 0)

// V4 = 1/V5, 0 where V5 is 0; changes V6.
#define INVERSE \
	VFCMEQ0_S4(5, 6); \
	VFDIV_S4(5, 27, 4); \
	VBIC_B16(6, 4, 4)

// func attnExpSIMD(e, inv, keep *float32, rows, n int)
TEXT ·attnExpSIMD(SB), NOSPLIT, $0-40
	MOVD e+0(FP), R0
	MOVD inv+8(FP), R1
	MOVD keep+16(FP), R2
	MOVD rows+24(FP), R3
	MOVD n+32(FP), R4
	EXPCONST

row:
	VMOV V16.B16, V4.B16
	MOVD R0, R5
	MOVD R2, R6
	MOVD R4, R7

max:
	FMOVQ.P 16(R5), F0
	FMOVQ.P 16(R6), F1
	VBSL_B16(16, 0, 1)
	VFMAX_S4(1, 4, 4)
	SUB   $4, R7
	CBNZ  R7, max
	VFMAXV_S4(4, 4)
	VDUP  V4.S[0], V4.S4
	VFCMEQ_S4(16, 4, 5)
	VBIC_B16(5, 4, 4)
	VEOR  V5.B16, V5.B16, V5.B16
	MOVD  R0, R5
	MOVD  R2, R6
	MOVD  R4, R7

exp:
	FMOVQ (R5), F0
	VFSUB_S4(4, 0, 0)
	EXPNEG
	FMOVQ.P 16(R6), F1
	VAND  V1.B16, V0.B16, V0.B16
	FMOVQ.P F0, 16(R5)
	VFADD_S4(0, 5, 5)
	SUB   $4, R7
	CBNZ  R7, exp
	VFADDP_S4(5, 5, 5)
	VFADDP_S4(5, 5, 5)
	INVERSE
	FMOVS.P F4, 4(R1)
	MOVD  R5, R0
	SUB   $1, R3
	CBNZ  R3, row
	RET

// func attnTransposeSIMD(dst, x *float32, ldx, rows, cols, np int, scale float32)
// R6..R9: four rows of x, the last one repeated beyond the end.
TEXT ·attnTransposeSIMD(SB), NOSPLIT, $0-52
	MOVD  dst+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  ldx+16(FP), R2
	LSL   $2, R2
	MOVD  rows+24(FP), R3
	MOVD  np+40(FP), R5
	LSL   $2, R5
	MOVWU scale+48(FP), R6
	VDUP  R6, V16.S4
	MOVD  R1, R6
	ADD   $7, R3, R10
	AND   $~7, R10

block:
	CMP   $2, R3
	CSEL  LT, ZR, R2, R11
	ADD   R11, R6, R7
	CMP   $3, R3
	CSEL  LT, ZR, R2, R11
	ADD   R11, R7, R8
	CMP   $4, R3
	CSEL  LT, ZR, R2, R11
	ADD   R11, R8, R9
	CMP   $5, R3
	CSEL  LT, ZR, R2, R11
	ADD   R11, R9, R12
	MOVD  R0, R13
	MOVD  cols+32(FP), R4

four:
	FMOVQ.P 16(R6), F0
	FMOVQ.P 16(R7), F1
	FMOVQ.P 16(R8), F2
	FMOVQ.P 16(R9), F3
	VZIP1 V2.S4, V0.S4, V4.S4
	VZIP2 V2.S4, V0.S4, V5.S4
	VZIP1 V3.S4, V1.S4, V6.S4
	VZIP2 V3.S4, V1.S4, V7.S4
	VZIP1 V6.S4, V4.S4, V0.S4
	VZIP2 V6.S4, V4.S4, V1.S4
	VZIP1 V7.S4, V5.S4, V2.S4
	VZIP2 V7.S4, V5.S4, V3.S4
	VFMUL_S4(16, 0, 0)
	VFMUL_S4(16, 1, 1)
	VFMUL_S4(16, 2, 2)
	VFMUL_S4(16, 3, 3)
	FMOVQ F0, (R13)
	ADD   R5, R13
	FMOVQ F1, (R13)
	ADD   R5, R13
	FMOVQ F2, (R13)
	ADD   R5, R13
	FMOVQ F3, (R13)
	ADD   R5, R13
	SUB   $4, R4
	CBNZ  R4, four
	MOVD  R12, R6
	ADD   $16, R0
	SUB   $4, R3
	SUB   $4, R10
	CBNZ  R10, block
	RET

// func attnScaleRowsSIMD(dst, delta, dy, y, f *float32, ld, rows, n int)
TEXT ·attnScaleRowsSIMD(SB), NOSPLIT, $0-64
	MOVD dst+0(FP), R0
	MOVD delta+8(FP), R1
	MOVD dy+16(FP), R2
	MOVD y+24(FP), R3
	MOVD f+32(FP), R4
	MOVD ld+40(FP), R5
	LSL  $2, R5
	MOVD rows+48(FP), R6
	MOVD n+56(FP), R7

row:
	VLD1R.P 4(R4), [V4.S4]
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	MOVD R2, R8
	MOVD R3, R9
	MOVD R7, R10

eight:
	FMOVQ.P 16(R8), F0
	FMOVQ.P 16(R8), F1
	FMOVQ.P 16(R9), F2
	FMOVQ.P 16(R9), F3
	VFMUL_S4(4, 0, 0)
	VFMUL_S4(4, 1, 1)
	FMOVQ.P F0, 16(R0)
	FMOVQ.P F1, 16(R0)
	VFMUL_S4(2, 0, 0)
	VFMUL_S4(3, 1, 1)
	VFADD_S4(0, 5, 5)
	VFADD_S4(1, 6, 6)
	SUB  $8, R10
	CBNZ R10, eight
	VFADD_S4(6, 5, 5)
	VEXT $8, V5.B16, V5.B16, V6.B16
	VFADD_S4(6, 5, 5)
	VFADDP_S4(5, 5, 5)
	FMOVS.P F5, 4(R1)
	ADD  R5, R2
	ADD  R5, R3
	SUB  $1, R6
	CBNZ R6, row
	RET

// func attnGradRowsSIMD(d, e, delta *float32, rows, n int)
TEXT ·attnGradRowsSIMD(SB), NOSPLIT, $0-40
	MOVD d+0(FP), R0
	MOVD e+8(FP), R1
	MOVD delta+16(FP), R2
	MOVD rows+24(FP), R3
	MOVD n+32(FP), R4

row:
	VLD1R.P 4(R2), [V4.S4]
	MOVD R4, R5

eight:
	FMOVQ (R0), F0
	FMOVQ 16(R0), F1
	FMOVQ.P 16(R1), F2
	FMOVQ.P 16(R1), F3
	VFSUB_S4(4, 0, 0)
	VFSUB_S4(4, 1, 1)
	VFMUL_S4(2, 0, 0)
	VFMUL_S4(3, 1, 1)
	FMOVQ.P F0, 16(R0)
	FMOVQ.P F1, 16(R0)
	SUB  $8, R5
	CBNZ R5, eight
	SUB  $1, R3
	CBNZ R3, row
	RET

// func attnPairDotsSIMD(s, part, a, b *float32, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext int, scale float32)
// For each key R5: the products of every query and head summed to four numbers, R1;
// then four of those at a time to a vector of scores.
TEXT ·attnPairDotsSIMD(SB), NOSPLIT, $0-108
	MOVD  s+0(FP), R0
	MOVD  a+16(FP), R2
	MOVD  b+24(FP), R3
	MOVD  steps+40(FP), R5
	MOVD  heads+48(FP), R6
	MOVD  head+56(FP), R7
	MOVD  lanes+64(FP), R8
	LSL   $2, R8
	MOVD  aStride+72(FP), R9
	LSL   $2, R9
	MOVD  aNext+80(FP), R10
	LSL   $2, R10
	MOVD  bStride+88(FP), R11
	LSL   $2, R11
	MOVD  bNext+96(FP), R12
	LSL   $2, R12
	MOVWU scale+104(FP), R13
	VDUP  R13, V16.S4

key:
	MOVD part+8(FP), R1
	MOVD R2, R13
	MOVD R3, R14
	MOVD n+32(FP), R4

sequence:
	MOVD R13, R15
	MOVD steps+40(FP), R16

query:
	MOVD R15, R17
	MOVD R14, R19
	MOVD R6, R20

head:
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	MOVD R7, R21

eight:
	FMOVQ.P 16(R17), F0
	FMOVQ.P 16(R17), F1
	FMOVQ.P 16(R19), F2
	FMOVQ.P 16(R19), F3
	VFMLA_S4(2, 0, 4)
	VFMLA_S4(3, 1, 5)
	SUB  $8, R21
	CBNZ R21, eight
	VFADDP_S4(5, 4, 4)
	FMOVQ.P F4, 16(R1)
	SUB  $1, R20
	CBNZ R20, head
	ADD  R9, R15
	SUB  $1, R16
	CBNZ R16, query
	ADD  R10, R13
	ADD  R12, R14
	SUB  $1, R4
	CBNZ R4, sequence

	MOVD part+8(FP), R13
	MOVD R0, R14

reduce:
	FMOVQ.P 16(R13), F0
	FMOVQ.P 16(R13), F1
	FMOVQ.P 16(R13), F2
	FMOVQ.P 16(R13), F3
	VFADDP_S4(1, 0, 0)
	VFADDP_S4(3, 2, 2)
	VFADDP_S4(2, 0, 0)
	VFMUL_S4(16, 0, 0)
	FMOVQ.P F0, 16(R14)
	CMP  R1, R13
	BLT  reduce
	ADD  R11, R3
	ADD  R8, R0
	SUB  $1, R5
	CBNZ R5, key
	RET

// func attnPairSoftmaxSIMD(p *float32, keys, lanes, n int)
TEXT ·attnPairSoftmaxSIMD(SB), NOSPLIT, $0-32
	MOVD p+0(FP), R0
	MOVD keys+8(FP), R1
	MOVD lanes+16(FP), R2
	LSL  $2, R2
	MOVD n+24(FP), R3
	EXPCONST

four:
	VMOV V16.B16, V4.B16
	MOVD R0, R5
	MOVD R1, R6

max:
	FMOVQ (R5), F0
	VFMAX_S4(0, 4, 4)
	ADD  R2, R5
	SUB  $1, R6
	CBNZ R6, max
	VFCMEQ_S4(16, 4, 5)
	VBIC_B16(5, 4, 4)
	VEOR V5.B16, V5.B16, V5.B16
	MOVD R0, R5
	MOVD R1, R6

exp:
	FMOVQ (R5), F0
	VFSUB_S4(4, 0, 0)
	EXPNEG
	FMOVQ F0, (R5)
	VFADD_S4(0, 5, 5)
	ADD  R2, R5
	SUB  $1, R6
	CBNZ R6, exp
	INVERSE
	MOVD R0, R5
	MOVD R1, R6

scale:
	FMOVQ (R5), F0
	VFMUL_S4(4, 0, 0)
	FMOVQ F0, (R5)
	ADD  R2, R5
	SUB  $1, R6
	CBNZ R6, scale
	ADD  $16, R0
	SUB  $4, R3
	CBNZ R3, four
	RET

// func attnPairGradSIMD(d, p *float32, keys, lanes, n int)
TEXT ·attnPairGradSIMD(SB), NOSPLIT, $0-40
	MOVD d+0(FP), R0
	MOVD p+8(FP), R1
	MOVD keys+16(FP), R2
	MOVD lanes+24(FP), R3
	LSL  $2, R3
	MOVD n+32(FP), R4

four:
	VEOR V4.B16, V4.B16, V4.B16
	MOVD R0, R5
	MOVD R1, R6
	MOVD R2, R7

delta:
	FMOVQ (R5), F0
	FMOVQ (R6), F1
	VFMUL_S4(1, 0, 0)
	VFADD_S4(0, 4, 4)
	ADD  R3, R5
	ADD  R3, R6
	SUB  $1, R7
	CBNZ R7, delta
	MOVD R0, R5
	MOVD R1, R6
	MOVD R2, R7

grad:
	FMOVQ (R5), F0
	FMOVQ (R6), F1
	VFSUB_S4(4, 0, 0)
	VFMUL_S4(1, 0, 0)
	FMOVQ F0, (R5)
	ADD  R3, R5
	ADD  R3, R6
	SUB  $1, R7
	CBNZ R7, grad
	ADD  $16, R0
	ADD  $16, R1
	SUB  $4, R4
	CBNZ R4, four
	RET

// func attnPairMixSIMD(y, w, x *float32, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext int, alpha float32, acc uint32)
// R13: y of a token; R14: its weight; R15: vectors left of a head; R16, R17: columns of
// y and x; R19, R20, R21 run over the tokens of a sum.
TEXT ·attnPairMixSIMD(SB), NOSPLIT, $0-112
	MOVD  y+0(FP), R0
	MOVD  w+8(FP), R1
	MOVD  x+16(FP), R2
	MOVD  n+24(FP), R3
	MOVD  steps+32(FP), R4
	MOVD  head+48(FP), R6
	MOVD  wa+56(FP), R7
	LSL   $2, R7
	MOVD  wb+64(FP), R8
	LSL   $2, R8
	MOVD  yStride+72(FP), R9
	LSL   $2, R9
	MOVD  xStride+88(FP), R11
	LSL   $2, R11
	MOVWU alpha+104(FP), R13
	VDUP  R13, V16.S4
	MOVWU acc+108(FP), R13
	VDUP  R13, V17.S4

sequence:
	MOVD R0, R13
	MOVD R1, R22
	MOVD R4, R23

token:
	MOVD R13, R16
	MOVD R2, R17
	MOVD R22, R14
	MOVD heads+40(FP), R24

head:
	MOVD R6, R15

eight:
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	MOVD R14, R19
	MOVD R17, R20
	MOVD R4, R21

sum:
	VLD1R (R19), [V2.S4]
	FMOVQ (R20), F0
	FMOVQ 16(R20), F1
	VFMLA_S4(2, 0, 4)
	VFMLA_S4(2, 1, 5)
	ADD  R8, R19
	ADD  R11, R20
	SUB  $1, R21
	CBNZ R21, sum
	FMOVQ (R16), F0
	FMOVQ 16(R16), F1
	VAND V17.B16, V0.B16, V0.B16
	VAND V17.B16, V1.B16, V1.B16
	VFMLA_S4(16, 4, 0)
	VFMLA_S4(16, 5, 1)
	FMOVQ.P F0, 16(R16)
	FMOVQ.P F1, 16(R16)
	ADD  $32, R17
	SUB  $8, R15
	CBNZ R15, eight
	ADD  $4, R14
	SUB  $1, R24
	CBNZ R24, head
	ADD  R9, R13
	ADD  R7, R22
	SUB  $1, R23
	CBNZ R23, token
	MOVD yNext+80(FP), R19
	ADD  R19<<2, R0
	MOVD xNext+96(FP), R19
	ADD  R19<<2, R2
	MOVD heads+40(FP), R19
	MUL  R4, R19
	ADD  R19<<2, R1
	SUB  $1, R3
	CBNZ R3, sequence
	RET
