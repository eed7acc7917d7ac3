//go:build amd64 && !noasm

#include "textflag.h"

// Sixteen ones and sixteen zeros: loaded at offset 4*(16-w), the first w lanes of two
// registers are on.
DATA colMask<>+0(SB)/8, $0xffffffffffffffff
DATA colMask<>+8(SB)/8, $0xffffffffffffffff
DATA colMask<>+16(SB)/8, $0xffffffffffffffff
DATA colMask<>+24(SB)/8, $0xffffffffffffffff
DATA colMask<>+32(SB)/8, $0xffffffffffffffff
DATA colMask<>+40(SB)/8, $0xffffffffffffffff
DATA colMask<>+48(SB)/8, $0xffffffffffffffff
DATA colMask<>+56(SB)/8, $0xffffffffffffffff
DATA colMask<>+64(SB)/8, $0
DATA colMask<>+72(SB)/8, $0
DATA colMask<>+80(SB)/8, $0
DATA colMask<>+88(SB)/8, $0
DATA colMask<>+96(SB)/8, $0
DATA colMask<>+104(SB)/8, $0
DATA colMask<>+112(SB)/8, $0
DATA colMask<>+120(SB)/8, $0
GLOBL colMask<>(SB), RODATA|NOPTR, $128

// Registers of the tile kernels:
//   AX  a at row 0, step p      R9  a at row 3, step p     R13 a of the tile
//   R8  as   R10 ak   BX b at step p   R11 bs
//   DI  c    R12 cs   CX steps left   DX tiles left   SI scratch
//   Y0 Y1 a row of B, Y2 an element of A, Y4..Y15 the sums, two per row of C

#define ROW(addr, lo, hi) \
	VBROADCASTSS addr, Y2; \
	VFMADD231PS  Y0, Y2, lo; \
	VFMADD231PS  Y1, Y2, hi

#define STEP1 \
	VMOVUPS (BX), Y0; \
	VMOVUPS 32(BX), Y1; \
	ADDQ    R11, BX; \
	ROW((AX), Y4, Y5)

#define STEP2 STEP1; \
	ROW((AX)(R8*1), Y6, Y7)

#define STEP3 STEP2; \
	ROW((AX)(R8*2), Y8, Y9)

#define STEP4 STEP3; \
	ROW((R9), Y10, Y11)

#define STEP5 STEP4; \
	ROW((R9)(R8*1), Y12, Y13)

#define STEP6 STEP5; \
	ROW((R9)(R8*2), Y14, Y15)

#define ADVANCE \
	ADDQ R10, AX; \
	ADDQ R10, R9

#define ZERO2(lo, hi) \
	VXORPS lo, lo, lo; \
	VXORPS hi, hi, hi

#define LOADARGS \
	MOVQ tiles+8(FP), DX; \
	MOVQ a+16(FP), R13; \
	MOVQ as+24(FP), R8; \
	MOVQ ak+32(FP), R10; \
	MOVQ bs+56(FP), R11; \
	MOVQ c+64(FP), DI; \
	MOVQ cs+72(FP), R12

#define TILESTART \
	MOVQ R13, AX; \
	LEAQ (AX)(R8*2), R9; \
	ADDQ R8, R9; \
	MOVQ b+48(FP), BX; \
	MOVQ k+0(FP), CX

// Stores of one row of C and the step to the next.
#define STORE(lo, hi) \
	VMOVUPS lo, (DI); \
	VMOVUPS hi, 32(DI); \
	ADDQ    R12, DI

#define STOREACC(lo, hi) \
	VADDPS  (DI), lo, lo; \
	VADDPS  32(DI), hi, hi; \
	VMOVUPS lo, (DI); \
	VMOVUPS hi, 32(DI); \
	ADDQ    R12, DI

// Y2, Y3 are the column masks, Y1 is zero or all ones: whether the old C counts.
#define STOREMASK(lo, hi) \
	VMASKMOVPS (DI), Y2, Y0; \
	VANDPS     Y1, Y0, Y0; \
	VADDPS     Y0, lo, lo; \
	VMASKMOVPS lo, Y2, (DI); \
	VMASKMOVPS 32(DI), Y3, Y0; \
	VANDPS     Y1, Y0, Y0; \
	VADDPS     Y0, hi, hi; \
	VMASKMOVPS hi, Y3, 32(DI); \
	ADDQ       R12, DI

#define MASKS \
	MOVQ         w+80(FP), CX; \
	NEGQ         CX; \
	LEAQ         colMask<>+64(SB), SI; \
	VMOVUPS      (SI)(CX*4), Y2; \
	VMOVUPS      32(SI)(CX*4), Y3; \
	MOVQ         acc+88(FP), CX; \
	NEGQ         CX; \
	MOVQ         CX, X1; \
	VPBROADCASTD X1, Y1

// The frame of all tile kernels: zero, loop over k in twos, store, next tile.
#define KERNEL(CLEAR, STEP, OUT, OUTACC, OUTMASK) \
	LOADARGS; \
tile: \
	TILESTART; \
	CLEAR; \
	SUBQ $2, CX; \
	JLT  one; \
	PCALIGN $32; \
two: \
	STEP; \
	ADVANCE; \
	STEP; \
	ADVANCE; \
	SUBQ $2, CX; \
	JGE  two; \
one: \
	ADDQ $2, CX; \
	JZ   out; \
	STEP; \
out: \
	MOVQ w+80(FP), CX; \
	CMPQ CX, $16; \
	JNE  masked; \
	MOVQ acc+88(FP), CX; \
	TESTQ CX, CX; \
	JNZ  add; \
	OUT; \
	JMP  next; \
add: \
	OUTACC; \
	JMP  next; \
masked: \
	MASKS; \
	OUTMASK; \
next: \
	ADDQ at+40(FP), R13; \
	DECQ DX; \
	JNZ  tile; \
	VZEROUPPER; \
	RET

#define EACH1(OP) OP(Y4, Y5)
#define EACH2(OP) EACH1(OP); \
	OP(Y6, Y7)
#define EACH3(OP) EACH2(OP); \
	OP(Y8, Y9)
#define EACH4(OP) EACH3(OP); \
	OP(Y10, Y11)
#define EACH5(OP) EACH4(OP); \
	OP(Y12, Y13)
#define EACH6(OP) EACH5(OP); \
	OP(Y14, Y15)

// func gemmTile6(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)
TEXT ·gemmTile6(SB), NOSPLIT, $0-96
	KERNEL(EACH6(ZERO2), STEP6, EACH6(STORE), EACH6(STOREACC), EACH6(STOREMASK))

// func gemmTile5(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)
TEXT ·gemmTile5(SB), NOSPLIT, $0-96
	KERNEL(EACH5(ZERO2), STEP5, EACH5(STORE), EACH5(STOREACC), EACH5(STOREMASK))

// func gemmTile4(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)
TEXT ·gemmTile4(SB), NOSPLIT, $0-96
	KERNEL(EACH4(ZERO2), STEP4, EACH4(STORE), EACH4(STOREACC), EACH4(STOREMASK))

// func gemmTile3(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)
TEXT ·gemmTile3(SB), NOSPLIT, $0-96
	KERNEL(EACH3(ZERO2), STEP3, EACH3(STORE), EACH3(STOREACC), EACH3(STOREMASK))

// func gemmTile2(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)
TEXT ·gemmTile2(SB), NOSPLIT, $0-96
	KERNEL(EACH2(ZERO2), STEP2, EACH2(STORE), EACH2(STOREACC), EACH2(STOREMASK))

// func gemmTile1(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)
TEXT ·gemmTile1(SB), NOSPLIT, $0-96
	KERNEL(EACH1(ZERO2), STEP1, EACH1(STORE), EACH1(STOREACC), EACH1(STOREMASK))

// func gemmRow64(k int, a *float32, ak int, b *float32, bs int, c *float32, acc int)
TEXT ·gemmRow64(SB), NOSPLIT, $0-56
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), AX
	MOVQ ak+16(FP), R10
	MOVQ b+24(FP), BX
	MOVQ bs+32(FP), R11
	MOVQ c+40(FP), DI
	MOVQ acc+48(FP), DX
	ZERO2(Y4, Y5)
	ZERO2(Y6, Y7)
	ZERO2(Y8, Y9)
	ZERO2(Y10, Y11)

	PCALIGN $32
step:
	VBROADCASTSS (AX), Y2
	VFMADD231PS  (BX), Y2, Y4
	VFMADD231PS  32(BX), Y2, Y5
	VFMADD231PS  64(BX), Y2, Y6
	VFMADD231PS  96(BX), Y2, Y7
	VFMADD231PS  128(BX), Y2, Y8
	VFMADD231PS  160(BX), Y2, Y9
	VFMADD231PS  192(BX), Y2, Y10
	VFMADD231PS  224(BX), Y2, Y11
	ADDQ         R10, AX
	ADDQ         R11, BX
	DECQ         CX
	JNZ          step

	TESTQ DX, DX
	JZ    store
	VADDPS (DI), Y4, Y4
	VADDPS 32(DI), Y5, Y5
	VADDPS 64(DI), Y6, Y6
	VADDPS 96(DI), Y7, Y7
	VADDPS 128(DI), Y8, Y8
	VADDPS 160(DI), Y9, Y9
	VADDPS 192(DI), Y10, Y10
	VADDPS 224(DI), Y11, Y11

store:
	VMOVUPS Y4, (DI)
	VMOVUPS Y5, 32(DI)
	VMOVUPS Y6, 64(DI)
	VMOVUPS Y7, 96(DI)
	VMOVUPS Y8, 128(DI)
	VMOVUPS Y9, 160(DI)
	VMOVUPS Y10, 192(DI)
	VMOVUPS Y11, 224(DI)
	VZEROUPPER
	RET

// func packRows16(dst *float32, src *float32, stride, rows, w int)
TEXT ·packRows16(SB), NOSPLIT, $0-40
	MOVQ    dst+0(FP), DI
	MOVQ    src+8(FP), SI
	MOVQ    stride+16(FP), R8
	MOVQ    rows+24(FP), DX
	MOVQ    w+32(FP), CX
	NEGQ    CX
	LEAQ    colMask<>+64(SB), AX
	VMOVUPS (AX)(CX*4), Y2
	VMOVUPS 32(AX)(CX*4), Y3

row16:
	VMASKMOVPS (SI), Y2, Y0
	VMASKMOVPS 32(SI), Y3, Y1
	VMOVUPS    Y0, (DI)
	VMOVUPS    Y1, 32(DI)
	ADDQ       R8, SI
	ADDQ       $64, DI
	DECQ       DX
	JNZ        row16
	VZEROUPPER
	RET

// func packRows8(dst *float32, src *float32, stride, rows, w int)
TEXT ·packRows8(SB), NOSPLIT, $0-40
	MOVQ    dst+0(FP), DI
	MOVQ    src+8(FP), SI
	MOVQ    stride+16(FP), R8
	MOVQ    rows+24(FP), DX
	MOVQ    w+32(FP), CX
	LEAQ    0(CX*4), R9
	NEGQ    CX
	LEAQ    colMask<>+64(SB), AX
	VMOVUPS (AX)(CX*4), Y2

row8:
	VMASKMOVPS (SI), Y2, Y0
	VMOVUPS    Y0, (DI)
	ADDQ       R8, SI
	ADDQ       R9, DI
	DECQ       DX
	JNZ        row8
	VZEROUPPER
	RET

// func transpose8(dst *float32, src *float32, stride, blocks int)
TEXT ·transpose8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ blocks+24(FP), DX
	LEAQ (R8)(R8*2), R9      // 3 rows
	LEAQ (SI)(R8*4), R10     // row 4

block:
	VMOVUPS (SI), Y0
	VMOVUPS (SI)(R8*1), Y1
	VMOVUPS (SI)(R8*2), Y2
	VMOVUPS (SI)(R9*1), Y3
	VMOVUPS (R10), Y4
	VMOVUPS (R10)(R8*1), Y5
	VMOVUPS (R10)(R8*2), Y6
	VMOVUPS (R10)(R9*1), Y7

	// Pairs of rows interleaved, then fours, then the 128-bit halves exchanged.
	VUNPCKLPS Y1, Y0, Y8
	VUNPCKHPS Y1, Y0, Y9
	VUNPCKLPS Y3, Y2, Y10
	VUNPCKHPS Y3, Y2, Y11
	VUNPCKLPS Y5, Y4, Y12
	VUNPCKHPS Y5, Y4, Y13
	VUNPCKLPS Y7, Y6, Y14
	VUNPCKHPS Y7, Y6, Y15

	VSHUFPS $0x44, Y10, Y8, Y0
	VSHUFPS $0xEE, Y10, Y8, Y1
	VSHUFPS $0x44, Y11, Y9, Y2
	VSHUFPS $0xEE, Y11, Y9, Y3
	VSHUFPS $0x44, Y14, Y12, Y4
	VSHUFPS $0xEE, Y14, Y12, Y5
	VSHUFPS $0x44, Y15, Y13, Y6
	VSHUFPS $0xEE, Y15, Y13, Y7

	VPERM2F128 $0x20, Y4, Y0, Y8
	VPERM2F128 $0x20, Y5, Y1, Y9
	VPERM2F128 $0x20, Y6, Y2, Y10
	VPERM2F128 $0x20, Y7, Y3, Y11
	VPERM2F128 $0x31, Y4, Y0, Y12
	VPERM2F128 $0x31, Y5, Y1, Y13
	VPERM2F128 $0x31, Y6, Y2, Y14
	VPERM2F128 $0x31, Y7, Y3, Y15

	VMOVUPS Y8, (DI)
	VMOVUPS Y9, 64(DI)
	VMOVUPS Y10, 128(DI)
	VMOVUPS Y11, 192(DI)
	VMOVUPS Y12, 256(DI)
	VMOVUPS Y13, 320(DI)
	VMOVUPS Y14, 384(DI)
	VMOVUPS Y15, 448(DI)

	ADDQ $32, SI
	ADDQ $32, R10
	ADDQ $512, DI
	DECQ DX
	JNZ  block
	VZEROUPPER
	RET
