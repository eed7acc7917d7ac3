//go:build amd64 && !noasm

#include "go_asm.h"
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

// Strips of C by AVX2 and FMA: R = 1..6 rows, panel after panel of 16 columns, two
// registers per row. The 12 sums of the tallest tile leave two registers for a step of
// B and one for an element of A. A last panel of up to 8 columns uses one register per
// row. Masks cut off the columns that do not exist: masked lanes are not read.
//
// Registers:
//   DX arguments   SI columns left   CX steps left
//   AX, R12  A at rows 0, 3 of the step   R8 as   R10 ak
//   BX B at the step   R11 bs   DI C at the panel   R13, R15 scratch
//   Y0, Y1 a step of B   Y2 an element of A   Y3 the column mask in the masked loops
//   Y4..Y15 the sums, two per row

#define ROWWIDE(addr, lo, hi) \
	VBROADCASTSS addr, Y2; \
	VFMADD231PS  Y0, Y2, lo; \
	VFMADD231PS  Y1, Y2, hi

#define ROWNARROW(addr, lo) \
	VBROADCASTSS addr, Y2; \
	VFMADD231PS  Y0, Y2, lo

#define ZERO(lo, hi) \
	VXORPS lo, lo, lo; \
	VXORPS hi, hi, hi

// One row of C from the sums: whole, added, and the same with column masks.
#define OUT(lo, hi) \
	VMOVUPS lo, (R15); \
	VMOVUPS hi, 32(R15); \
	ADDQ    CX, R15

#define OUTADD(lo, hi) \
	VADDPS  (R15), lo, lo; \
	VADDPS  32(R15), hi, hi; \
	VMOVUPS lo, (R15); \
	VMOVUPS hi, 32(R15); \
	ADDQ    CX, R15

#define OUTMASK(lo, hi) \
	VMASKMOVPS lo, Y2, (R15); \
	VMASKMOVPS hi, Y3, 32(R15); \
	ADDQ       CX, R15

#define OUTMASKADD(lo, hi) \
	VMASKMOVPS (R15), Y2, Y0; \
	VMASKMOVPS 32(R15), Y3, Y1; \
	VADDPS     Y0, lo, lo; \
	VADDPS     Y1, hi, hi; \
	VMASKMOVPS lo, Y2, (R15); \
	VMASKMOVPS hi, Y3, 32(R15); \
	ADDQ       CX, R15

#define WIDE1 \
	ROWWIDE((AX), Y4, Y5)
#define WIDE2 WIDE1; \
	ROWWIDE((AX)(R8*1), Y6, Y7)
#define WIDE3 WIDE2; \
	ROWWIDE((AX)(R8*2), Y8, Y9)
#define WIDE4 WIDE3; \
	ROWWIDE((R12), Y10, Y11)
#define WIDE5 WIDE4; \
	ROWWIDE((R12)(R8*1), Y12, Y13)
#define WIDE6 WIDE5; \
	ROWWIDE((R12)(R8*2), Y14, Y15)

#define NARROW1 \
	ROWNARROW((AX), Y4)
#define NARROW2 NARROW1; \
	ROWNARROW((AX)(R8*1), Y6)
#define NARROW3 NARROW2; \
	ROWNARROW((AX)(R8*2), Y8)
#define NARROW4 NARROW3; \
	ROWNARROW((R12), Y10)
#define NARROW5 NARROW4; \
	ROWNARROW((R12)(R8*1), Y12)
#define NARROW6 NARROW5; \
	ROWNARROW((R12)(R8*2), Y14)

#define EACH1(OP) \
	OP(Y4, Y5)
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

// The step to the next k: of A for 1..3 and 4..6 rows, and of B.
#define NEXT1 \
	ADDQ R10, AX; \
	ADDQ R11, BX

#define NEXT2 NEXT1; \
	ADDQ R10, R12

#define KERNEL(WIDE, NARROW, EACH, NEXT) \
	MOVQ args+0(FP), DX; \
	MOVQ gemmArgs_as(DX), R8; \
	MOVQ gemmArgs_ak(DX), R10; \
	MOVQ gemmArgs_bs(DX), R11; \
tile: \
	MOVQ gemmArgs_c(DX), DI; \
	MOVQ gemmArgs_n(DX), SI; \
	MOVQ gemmArgs_b(DX), BX; \
	MOVQ BX, gemmArgs_bPanel(DX); \
panel: \
	MOVQ gemmArgs_a(DX), AX; \
	LEAQ (R8)(R8*2), R12; \
	ADDQ AX, R12; \
	MOVQ gemmArgs_k(DX), CX; \
	EACH(ZERO); \
	CMPQ SI, $16; \
	JLT  tail; \
	SUBQ $2, CX; \
	JLT  one; \
	PCALIGN $32; \
wide: \
	VMOVUPS (BX), Y0; \
	VMOVUPS 32(BX), Y1; \
	WIDE; \
	NEXT; \
	VMOVUPS (BX), Y0; \
	VMOVUPS 32(BX), Y1; \
	WIDE; \
	NEXT; \
	SUBQ $2, CX; \
	JGE  wide; \
one: \
	ADDQ $2, CX; \
	JZ   whole; \
	VMOVUPS (BX), Y0; \
	VMOVUPS 32(BX), Y1; \
	WIDE; \
whole: \
	MOVQ gemmArgs_cs(DX), CX; \
	MOVQ DI, R15; \
	CMPQ gemmArgs_acc(DX), $0; \
	JNE  add; \
	EACH(OUT); \
	JMP  next; \
add: \
	EACH(OUTADD); \
next: \
	SUBQ $16, SI; \
	JLE  done; \
	ADDQ $64, DI; \
	MOVQ gemmArgs_bPanel(DX), BX; \
	ADDQ gemmArgs_bp(DX), BX; \
	MOVQ BX, gemmArgs_bPanel(DX); \
	JMP  panel; \
tail: \
	LEAQ colMask<>+64(SB), R13; \
	MOVQ SI, R15; \
	NEGQ R15; \
	LEAQ (R13)(R15*4), R13; \
	CMPQ SI, $8; \
	JLE  narrow; \
	VMOVUPS 32(R13), Y3; \
masked: \
	VMOVUPS    (BX), Y0; \
	VMASKMOVPS 32(BX), Y3, Y1; \
	WIDE; \
	NEXT; \
	DECQ CX; \
	JNZ  masked; \
	JMP  out; \
narrow: \
	VMOVUPS (R13), Y3; \
narrowStep: \
	VMASKMOVPS (BX), Y3, Y0; \
	NARROW; \
	NEXT; \
	DECQ CX; \
	JNZ  narrowStep; \
out: \
	VMOVUPS (R13), Y2; \
	VMOVUPS 32(R13), Y3; \
	MOVQ gemmArgs_cs(DX), CX; \
	MOVQ DI, R15; \
	CMPQ gemmArgs_acc(DX), $0; \
	JNE  maskAdd; \
	EACH(OUTMASK); \
	JMP  done; \
maskAdd: \
	EACH(OUTMASKADD); \
done: \
	DECQ gemmArgs_tiles(DX); \
	JZ   end; \
	MOVQ gemmArgs_at(DX), CX; \
	ADDQ CX, gemmArgs_a(DX); \
	MOVQ gemmArgs_ct(DX), CX; \
	ADDQ CX, gemmArgs_c(DX); \
	JMP  tile; \
end: \
	VZEROUPPER; \
	RET

// func gemmAVX2x1(args *gemmArgs)
TEXT ·gemmAVX2x1(SB), NOSPLIT, $0-8
	KERNEL(WIDE1, NARROW1, EACH1, NEXT1)

// func gemmAVX2x2(args *gemmArgs)
TEXT ·gemmAVX2x2(SB), NOSPLIT, $0-8
	KERNEL(WIDE2, NARROW2, EACH2, NEXT1)

// func gemmAVX2x3(args *gemmArgs)
TEXT ·gemmAVX2x3(SB), NOSPLIT, $0-8
	KERNEL(WIDE3, NARROW3, EACH3, NEXT1)

// func gemmAVX2x4(args *gemmArgs)
TEXT ·gemmAVX2x4(SB), NOSPLIT, $0-8
	KERNEL(WIDE4, NARROW4, EACH4, NEXT2)

// func gemmAVX2x5(args *gemmArgs)
TEXT ·gemmAVX2x5(SB), NOSPLIT, $0-8
	KERNEL(WIDE5, NARROW5, EACH5, NEXT2)

// func gemmAVX2x6(args *gemmArgs)
TEXT ·gemmAVX2x6(SB), NOSPLIT, $0-8
	KERNEL(WIDE6, NARROW6, EACH6, NEXT2)

// func packRowsAVX2(dst, src *float32, stride, rows, w int)
TEXT ·packRowsAVX2(SB), NOSPLIT, $0-40
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

// func packRows8AVX2(dst, src *float32, stride, rows, w int)
TEXT ·packRows8AVX2(SB), NOSPLIT, $0-40
	MOVQ    dst+0(FP), DI
	MOVQ    src+8(FP), SI
	MOVQ    stride+16(FP), R8
	MOVQ    rows+24(FP), DX
	MOVQ    w+32(FP), CX
	NEGQ    CX
	LEAQ    colMask<>+64(SB), AX
	VMOVUPS (AX)(CX*4), Y2

row8:
	VMASKMOVPS (SI), Y2, Y0
	VMOVUPS    Y0, (DI)
	ADDQ       R8, SI
	ADDQ       $32, DI
	DECQ       DX
	JNZ        row8
	VZEROUPPER
	RET

// func transposeAVX2(dst, src *float32, stride, blocks int)
TEXT ·transposeAVX2(SB), NOSPLIT, $0-32
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

// func copyRowsAVX2(dst *float32, step int, src *float32, stride, rows, k int)
TEXT ·copyRowsAVX2(SB), NOSPLIT, $0-48
	MOVQ    dst+0(FP), DI
	MOVQ    step+8(FP), R9
	MOVQ    src+16(FP), SI
	MOVQ    stride+24(FP), R8
	MOVQ    rows+32(FP), DX
	MOVQ    k+40(FP), R10
	MOVQ    R10, CX
	ANDQ    $7, CX
	NEGQ    CX
	LEAQ    colMask<>+64(SB), AX
	VMOVUPS (AX)(CX*4), Y4

copyRow:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R10, CX
	SUBQ $32, CX
	JLT  copyRest

copy32:
	VMOVUPS (AX), Y0
	VMOVUPS 32(AX), Y1
	VMOVUPS 64(AX), Y2
	VMOVUPS 96(AX), Y3
	VMOVUPS Y0, (BX)
	VMOVUPS Y1, 32(BX)
	VMOVUPS Y2, 64(BX)
	VMOVUPS Y3, 96(BX)
	ADDQ    $128, AX
	ADDQ    $128, BX
	SUBQ    $32, CX
	JGE     copy32

copyRest:
	ADDQ $24, CX
	JLT  copyTail

copy8:
	VMOVUPS (AX), Y0
	VMOVUPS Y0, (BX)
	ADDQ    $32, AX
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     copy8

copyTail:
	VMASKMOVPS (AX), Y4, Y0
	VMASKMOVPS Y0, Y4, (BX)
	ADDQ       R8, SI
	ADDQ       R9, DI
	DECQ       DX
	JNZ        copyRow
	VZEROUPPER
	RET
