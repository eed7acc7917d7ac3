//go:build amd64 && !noasm

#include "go_asm.h"
#include "textflag.h"

// The product with integer weights by AVX-512 VNNI, as the tile kernels of
// gemm_avx512_amd64.s: R = 1..12 rows, one panel of 32 columns, two registers of sums
// per row. VPDPBUSD adds the products of four unsigned bytes of codes with four signed
// bytes of A, which are broadcast.
//
// Registers:
//   CX  groups of steps left   AX, R12, R13  A at rows 0, 4, 8   R8, R9  as, 3*as
//   BX  codes   DI C   R10 cs   SI scales of rows   DX biases
//   K1, K2  columns of the panel   Z0, Z1 codes, then scales of columns
//   Z2, Z3  scales of a row   Z8..Z31 the sums

#define DOT(addr, lo, hi) \
	VPDPBUSD.BCST addr, Z0, lo; \
	VPDPBUSD.BCST addr, Z1, hi

#define DOTS1 \
	DOT((AX), Z8, Z9)
#define DOTS2 DOTS1; \
	DOT((AX)(R8*1), Z10, Z11)
#define DOTS3 DOTS2; \
	DOT((AX)(R8*2), Z12, Z13)
#define DOTS4 DOTS3; \
	DOT((AX)(R9*1), Z14, Z15)
#define DOTS5 DOTS4; \
	DOT((R12), Z16, Z17)
#define DOTS6 DOTS5; \
	DOT((R12)(R8*1), Z18, Z19)
#define DOTS7 DOTS6; \
	DOT((R12)(R8*2), Z20, Z21)
#define DOTS8 DOTS7; \
	DOT((R12)(R9*1), Z22, Z23)
#define DOTS9 DOTS8; \
	DOT((R13), Z24, Z25)
#define DOTS10 DOTS9; \
	DOT((R13)(R8*1), Z26, Z27)
#define DOTS11 DOTS10; \
	DOT((R13)(R8*2), Z28, Z29)
#define DOTS12 DOTS11; \
	DOT((R13)(R9*1), Z30, Z31)

#define CLEAR(at, lo, hi) \
	VPXORD lo, lo, lo; \
	VPXORD hi, hi, hi

#define STORE(at, lo, hi) \
	VMULPS.BCST at(SI), Z0, Z2; \
	VMULPS.BCST at(SI), Z1, Z3; \
	VPSUBD.BCST at(DX), lo, lo; \
	VPSUBD.BCST at(DX), hi, hi; \
	VCVTDQ2PS lo, lo; \
	VCVTDQ2PS hi, hi; \
	VMULPS  Z2, lo, lo; \
	VMULPS  Z3, hi, hi; \
	VMOVUPS lo, K1, (DI); \
	VMOVUPS hi, K2, 64(DI); \
	ADDQ    R10, DI

#define ALL1(OP) \
	OP(0, Z8, Z9)
#define ALL2(OP) ALL1(OP); \
	OP(4, Z10, Z11)
#define ALL3(OP) ALL2(OP); \
	OP(8, Z12, Z13)
#define ALL4(OP) ALL3(OP); \
	OP(12, Z14, Z15)
#define ALL5(OP) ALL4(OP); \
	OP(16, Z16, Z17)
#define ALL6(OP) ALL5(OP); \
	OP(20, Z18, Z19)
#define ALL7(OP) ALL6(OP); \
	OP(24, Z20, Z21)
#define ALL8(OP) ALL7(OP); \
	OP(28, Z22, Z23)
#define ALL9(OP) ALL8(OP); \
	OP(32, Z24, Z25)
#define ALL10(OP) ALL9(OP); \
	OP(36, Z26, Z27)
#define ALL11(OP) ALL10(OP); \
	OP(40, Z28, Z29)
#define ALL12(OP) ALL11(OP); \
	OP(44, Z30, Z31)

#define TILE(label, loop, DOTS, ALL) \
label: \
	ALL(CLEAR); \
	PCALIGN $64; \
loop: \
	VMOVDQU32 (BX), Z0; \
	VMOVDQU32 64(BX), Z1; \
	DOTS; \
	ADDQ $4, AX; \
	ADDQ $4, R12; \
	ADDQ $4, R13; \
	ADDQ $128, BX; \
	DECQ CX; \
	JNZ  loop; \
	VMOVUPS (R11), Z0; \
	VMOVUPS 64(R11), Z1; \
	ALL(STORE); \
	VZEROUPPER; \
	RET

// func int8TileVNNI(args *int8Args)
TEXT ·int8TileVNNI(SB), NOSPLIT, $0-8
	MOVQ  args+0(FP), R15
	MOVQ  int8Args_n(R15), CX
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K1
	SHRQ  $16, AX
	KMOVW AX, K2
	MOVQ  int8Args_k(R15), CX
	MOVQ  int8Args_a(R15), AX
	MOVQ  int8Args_as(R15), R8
	MOVQ  int8Args_b(R15), BX
	MOVQ  int8Args_c(R15), DI
	MOVQ  int8Args_cs(R15), R10
	MOVQ  int8Args_rowScale(R15), SI
	MOVQ  int8Args_bias(R15), DX
	MOVQ  int8Args_scale(R15), R11
	LEAQ  (R8)(R8*2), R9
	LEAQ  (AX)(R8*4), R12
	LEAQ  (R12)(R8*4), R13
	MOVQ  int8Args_rows(R15), R15
	CMPQ  R15, $12
	JEQ   r12
	CMPQ  R15, $11
	JEQ   r11
	CMPQ  R15, $10
	JEQ   r10
	CMPQ  R15, $9
	JEQ   r9
	CMPQ  R15, $8
	JEQ   r8
	CMPQ  R15, $7
	JEQ   r7
	CMPQ  R15, $6
	JEQ   r6
	CMPQ  R15, $5
	JEQ   r5
	CMPQ  R15, $4
	JEQ   r4
	CMPQ  R15, $3
	JEQ   r3
	CMPQ  R15, $2
	JEQ   r2

	TILE(r1, l1, DOTS1, ALL1)
	TILE(r2, l2, DOTS2, ALL2)
	TILE(r3, l3, DOTS3, ALL3)
	TILE(r4, l4, DOTS4, ALL4)
	TILE(r5, l5, DOTS5, ALL5)
	TILE(r6, l6, DOTS6, ALL6)
	TILE(r7, l7, DOTS7, ALL7)
	TILE(r8, l8, DOTS8, ALL8)
	TILE(r9, l9, DOTS9, ALL9)
	TILE(r10, l10, DOTS10, ALL10)
	TILE(r11, l11, DOTS11, ALL11)
	TILE(r12, l12, DOTS12, ALL12)

// func int8RowVNNI(q *int8, x *float32, n int, scale *float32, bias *int32)
TEXT ·int8RowVNNI(SB), NOSPLIT, $0-40
	MOVQ  q+0(FP), DI
	MOVQ  x+8(FP), SI
	MOVQ  n+16(FP), CX
	MOVQ  scale+24(FP), R8
	MOVQ  bias+32(FP), R9
	MOVL  $0x7fffffff, AX
	VPBROADCASTD AX, Z5
	VPXORD Z0, Z0, Z0
	MOVQ  $0xffff, AX
	KMOVW AX, K1
	MOVQ  SI, BX
	MOVQ  CX, DX

	// The largest magnitude, on the bits.
top:
	CMPQ  DX, $16
	JGE   topfull
	MOVQ  CX, R10
	MOVQ  DX, CX
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K1
	MOVQ  R10, CX

topfull:
	VMOVDQU32.Z (BX), K1, Z1
	VPANDD Z1, Z5, Z1
	VPMAXUD Z1, Z0, Z0
	ADDQ  $64, BX
	SUBQ  $16, DX
	JGT   top
	VEXTRACTI64X4 $1, Z0, Y1
	VPMAXUD Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	MOVL  $0x42fe0000, AX // 127
	VMOVD AX, X2
	VDIVSS X2, X0, X3
	VMOVSS X3, (R8)
	MOVL  $0x0d800000, AX // 2^-100
	VMOVD AX, X3
	VMAXSS X3, X0, X0
	VDIVSS X0, X2, X4
	VBROADCASTSS X4, Z4
	VPXORD Z6, Z6, Z6
	MOVQ  $0xffff, AX
	KMOVW AX, K1

round:
	CMPQ  CX, $16
	JGE   full
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K1

full:
	VMOVUPS.Z (SI), K1, Z1
	VMULPS Z4, Z1, Z1
	VCVTPS2DQ Z1, Z1
	VPADDD Z1, Z6, Z6
	VPMOVSDB Z1, X1
	VMOVDQU X1, (DI)
	ADDQ  $64, SI
	ADDQ  $16, DI
	SUBQ  $16, CX
	JGT   round
	VEXTRACTI64X4 $1, Z6, Y1
	VPADDD Y1, Y6, Y6
	VEXTRACTI128 $1, Y6, X1
	VPADDD X1, X6, X6
	VPSHUFD $0x4e, X6, X1
	VPADDD X1, X6, X6
	VPSHUFD $0xb1, X6, X1
	VPADDD X1, X6, X6
	VPSLLD $7, X6, X6
	VMOVD X6, (R9)
	VZEROUPPER
	RET
