//go:build amd64 && !noasm

#include "go_asm.h"
#include "textflag.h"

// The product with integer weights by AVX2. VPMADDUBSW would saturate, so codes become
// 16 bits wide: of the four steps of a column in a double word of codes, a mask leaves the
// first and the third, a shift by 8 the second and the fourth, and VPMADDWD multiplies
// each pair with the pair of A that int8RoundSIMD has laid out so. R = 1..6 rows, 16 columns
// at a time, two registers of sums per row.
//
// Registers:
//   R15 arguments   CX groups of steps left   AX, R12  A at rows 0, 3   R8 as
//   BX  codes   DI C   R9 row of C   R10 cs   SI scales of rows   DX biases
//   R11 scales of columns   R13 columns left
//   Y0, Y1 codes, then scales of columns   Y2 a pair of A   Y3 products
//   Y4..Y15 the sums

DATA int8Even<>+0(SB)/8, $0x00ff00ff00ff00ff
DATA int8Even<>+8(SB)/8, $0x00ff00ff00ff00ff
DATA int8Even<>+16(SB)/8, $0x00ff00ff00ff00ff
DATA int8Even<>+24(SB)/8, $0x00ff00ff00ff00ff
GLOBL int8Even<>(SB), RODATA|NOPTR, $32

// Sixteen ones and sixteen zeros: at offset 4*(16-w) the first w lanes are on.
DATA int8Mask<>+0(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+8(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+16(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+24(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+32(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+40(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+48(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+56(SB)/8, $0xffffffffffffffff
DATA int8Mask<>+64(SB)/8, $0
DATA int8Mask<>+72(SB)/8, $0
DATA int8Mask<>+80(SB)/8, $0
DATA int8Mask<>+88(SB)/8, $0
DATA int8Mask<>+96(SB)/8, $0
DATA int8Mask<>+104(SB)/8, $0
DATA int8Mask<>+112(SB)/8, $0
DATA int8Mask<>+120(SB)/8, $0
GLOBL int8Mask<>(SB), RODATA|NOPTR, $128

#define MADD(addr, lo, hi) \
	VPBROADCASTD addr, Y2; \
	VPMADDWD Y0, Y2, Y3; \
	VPMADDWD Y1, Y2, Y2; \
	VPADDD   Y3, lo, lo; \
	VPADDD   Y2, hi, hi

#define MADDS1(at) \
	MADD(at(AX), Y4, Y5)
#define MADDS2(at) MADDS1(at); \
	MADD(at(AX)(R8*1), Y6, Y7)
#define MADDS3(at) MADDS2(at); \
	MADD(at(AX)(R8*2), Y8, Y9)
#define MADDS4(at) MADDS3(at); \
	MADD(at(R12), Y10, Y11)
#define MADDS5(at) MADDS4(at); \
	MADD(at(R12)(R8*1), Y12, Y13)
#define MADDS6(at) MADDS5(at); \
	MADD(at(R12)(R8*2), Y14, Y15)

#define CLEAR(at, lo, hi) \
	VPXOR lo, lo, lo; \
	VPXOR hi, hi, hi

#define SCALE(at, lo, hi) \
	VPBROADCASTD at(DX), Y2; \
	VPSUBD    Y2, lo, lo; \
	VPSUBD    Y2, hi, hi; \
	VCVTDQ2PS lo, lo; \
	VCVTDQ2PS hi, hi; \
	VBROADCASTSS at(SI), Y2; \
	VMULPS    Y2, Y0, Y3; \
	VMULPS    Y3, lo, lo; \
	VMULPS    Y2, Y1, Y3; \
	VMULPS    Y3, hi, hi

#define OUT(at, lo, hi) \
	VMOVUPS lo, (R9); \
	VMOVUPS hi, 32(R9); \
	ADDQ    R10, R9

#define OUTMASK(at, lo, hi) \
	VMASKMOVPS lo, Y2, (R9); \
	VMASKMOVPS hi, Y3, 32(R9); \
	ADDQ       R10, R9

#define ALL1(OP) \
	OP(0, Y4, Y5)
#define ALL2(OP) ALL1(OP); \
	OP(4, Y6, Y7)
#define ALL3(OP) ALL2(OP); \
	OP(8, Y8, Y9)
#define ALL4(OP) ALL3(OP); \
	OP(12, Y10, Y11)
#define ALL5(OP) ALL4(OP); \
	OP(16, Y12, Y13)
#define ALL6(OP) ALL5(OP); \
	OP(20, Y14, Y15)

#define TILE(half, loop, mask, next, MADDS, ALL) \
half: \
	MOVQ int8Args_a(R15), AX; \
	LEAQ (R8)(R8*2), R12; \
	ADDQ AX, R12; \
	MOVQ int8Args_k(R15), CX; \
	MOVQ int8Args_b(R15), BX; \
	ALL(CLEAR); \
	PCALIGN $32; \
loop: \
	VMOVDQU (BX), Y0; \
	VMOVDQU 32(BX), Y1; \
	VPAND   int8Even<>(SB), Y0, Y0; \
	VPAND   int8Even<>(SB), Y1, Y1; \
	MADDS(0); \
	VMOVDQU (BX), Y0; \
	VMOVDQU 32(BX), Y1; \
	VPSRLW  $8, Y0, Y0; \
	VPSRLW  $8, Y1, Y1; \
	MADDS(4); \
	ADDQ $8, AX; \
	ADDQ $8, R12; \
	ADDQ $128, BX; \
	DECQ CX; \
	JNZ  loop; \
	VMOVUPS (R11), Y0; \
	VMOVUPS 32(R11), Y1; \
	ALL(SCALE); \
	MOVQ DI, R9; \
	CMPQ R13, $16; \
	JLT  mask; \
	ALL(OUT); \
	JMP  next; \
mask: \
	LEAQ    int8Mask<>+64(SB), BX; \
	MOVQ    R13, CX; \
	NEGQ    CX; \
	VMOVUPS (BX)(CX*4), Y2; \
	VMOVUPS 32(BX)(CX*4), Y3; \
	ALL(OUTMASK); \
next: \
	ADDQ $64, int8Args_b(R15); \
	ADDQ $64, R11; \
	ADDQ $64, DI; \
	SUBQ $16, R13; \
	JGT  half; \
	VZEROUPPER; \
	RET

// func int8TileSIMD(args *int8Args)
TEXT ·int8TileSIMD(SB), NOSPLIT, $0-8
	MOVQ args+0(FP), R15
	MOVQ int8Args_as(R15), R8
	MOVQ int8Args_c(R15), DI
	MOVQ int8Args_cs(R15), R10
	MOVQ int8Args_rowScale(R15), SI
	MOVQ int8Args_bias(R15), DX
	MOVQ int8Args_scale(R15), R11
	MOVQ int8Args_n(R15), R13
	MOVQ int8Args_rows(R15), AX
	CMPQ AX, $6
	JEQ  half6
	CMPQ AX, $5
	JEQ  half5
	CMPQ AX, $4
	JEQ  half4
	CMPQ AX, $3
	JEQ  half3
	CMPQ AX, $2
	JEQ  half2

	TILE(half1, loop1, mask1, next1, MADDS1, ALL1)
	TILE(half2, loop2, mask2, next2, MADDS2, ALL2)
	TILE(half3, loop3, mask3, next3, MADDS3, ALL3)
	TILE(half4, loop4, mask4, next4, MADDS4, ALL4)
	TILE(half5, loop5, mask5, next5, MADDS5, ALL5)
	TILE(half6, loop6, mask6, next6, MADDS6, ALL6)

// func int8TopSIMD(x *float32, n int) uint32
TEXT ·int8TopSIMD(SB), NOSPLIT, $0-20
	MOVQ     x+0(FP), SI
	MOVQ     n+8(FP), CX
	VPCMPEQD Y5, Y5, Y5
	VPSRLD   $1, Y5, Y5
	VPXOR    Y0, Y0, Y0
	VPXOR    Y1, Y1, Y1

top:
	VPAND   (SI), Y5, Y2
	VPAND   32(SI), Y5, Y3
	VPMAXUD Y2, Y0, Y0
	VPMAXUD Y3, Y1, Y1
	ADDQ    $64, SI
	SUBQ    $16, CX
	JGT     top
	VPMAXUD Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	VMOVD   X0, AX
	MOVL    AX, ret+16(FP)
	VZEROUPPER
	RET

// Words of 16 bits, in each group of four the steps 0, 2, 1, 3.
//
// func int8RoundSIMD(q *int8, x *float32, n int, inv float32) int32
TEXT ·int8RoundSIMD(SB), NOSPLIT, $0-36
	MOVQ  q+0(FP), DI
	MOVQ  x+8(FP), SI
	MOVQ  n+16(FP), CX
	VBROADCASTSS inv+24(FP), Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6

round:
	VMULPS    (SI), Y4, Y0
	VMULPS    32(SI), Y4, Y1
	VCVTPS2DQ Y0, Y0
	VCVTPS2DQ Y1, Y1
	VPADDD    Y0, Y5, Y5
	VPADDD    Y1, Y6, Y6
	VPACKSSDW Y1, Y0, Y0
	VPERMQ    $0xd8, Y0, Y0
	VPSHUFLW  $0xd8, Y0, Y0
	VPSHUFHW  $0xd8, Y0, Y0
	VMOVDQU   Y0, (DI)
	ADDQ      $64, SI
	ADDQ      $32, DI
	SUBQ      $16, CX
	JGT       round
	VPADDD    Y6, Y5, Y5
	VEXTRACTI128 $1, Y5, X1
	VPADDD    X1, X5, X5
	VPSHUFD   $0x4e, X5, X1
	VPADDD    X1, X5, X5
	VPSHUFD   $0xb1, X5, X1
	VPADDD    X1, X5, X5
	VMOVD     X5, AX
	MOVL      AX, ret+32(FP)
	VZEROUPPER
	RET
