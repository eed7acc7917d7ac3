//go:build amd64 && !noasm

#include "go_asm.h"
#include "textflag.h"

// Strips of C by AVX-512: R = 1..14 rows, panel after panel of 32 columns, two
// registers per row. The 28 sums of the tallest tile leave two registers for a step of
// B and one for an element of A. A last panel of up to 16 columns uses one register
// per row. Masks cut off the columns that do not exist: masked lanes are not read.
//
// Registers:
//   DX  arguments            SI  columns left       CX  steps left
//   AX, R12, R13  A at rows 0, 5, 10 of the step    R8, R9  as, 3*as
//   R10 ak   BX B at the step   R11 bs   DI C at the panel   R15 scratch
//   K1, K2  columns of the panel   K3, K4  the same, or none if the old C does not count
//   Z0, Z1 a step of B   Z2 an element of A   Z4..Z31 the sums, two per row

#define ROWWIDE(addr, lo, hi) \
	VFMADD231PS.BCST addr, Z0, lo; \
	VFMADD231PS.BCST addr, Z1, hi

#define ROWNARROW(addr, lo) \
	VFMADD231PS.BCST addr, Z0, lo

#define ZERO(lo, hi) \
	VPXORD lo, lo, lo; \
	VPXORD hi, hi, hi

#define OUTWIDE(lo, hi) \
	VADDPS  (R15), lo, K3, lo; \
	VADDPS  64(R15), hi, K4, hi; \
	VMOVUPS lo, K1, (R15); \
	VMOVUPS hi, K2, 64(R15); \
	ADDQ    CX, R15

#define OUTFULL(lo, hi) \
	VMOVUPS lo, (R15); \
	VMOVUPS hi, 64(R15); \
	ADDQ    CX, R15

#define OUTNARROW(lo, hi) \
	VADDPS  (R15), lo, K3, lo; \
	VMOVUPS lo, K1, (R15); \
	ADDQ    CX, R15

#define WIDE1 \
	ROWWIDE((AX), Z4, Z5)
#define WIDE2 WIDE1; \
	ROWWIDE((AX)(R8*1), Z6, Z7)
#define WIDE3 WIDE2; \
	ROWWIDE((AX)(R8*2), Z8, Z9)
#define WIDE4 WIDE3; \
	ROWWIDE((AX)(R9*1), Z10, Z11)
#define WIDE5 WIDE4; \
	ROWWIDE((AX)(R8*4), Z12, Z13)
#define WIDE6 WIDE5; \
	ROWWIDE((R12), Z14, Z15)
#define WIDE7 WIDE6; \
	ROWWIDE((R12)(R8*1), Z16, Z17)
#define WIDE8 WIDE7; \
	ROWWIDE((R12)(R8*2), Z18, Z19)
#define WIDE9 WIDE8; \
	ROWWIDE((R12)(R9*1), Z20, Z21)
#define WIDE10 WIDE9; \
	ROWWIDE((R12)(R8*4), Z22, Z23)
#define WIDE11 WIDE10; \
	ROWWIDE((R13), Z24, Z25)
#define WIDE12 WIDE11; \
	ROWWIDE((R13)(R8*1), Z26, Z27)
#define WIDE13 WIDE12; \
	ROWWIDE((R13)(R8*2), Z28, Z29)
#define WIDE14 WIDE13; \
	ROWWIDE((R13)(R9*1), Z30, Z31)

#define NARROW1 \
	ROWNARROW((AX), Z4)
#define NARROW2 NARROW1; \
	ROWNARROW((AX)(R8*1), Z6)
#define NARROW3 NARROW2; \
	ROWNARROW((AX)(R8*2), Z8)
#define NARROW4 NARROW3; \
	ROWNARROW((AX)(R9*1), Z10)
#define NARROW5 NARROW4; \
	ROWNARROW((AX)(R8*4), Z12)
#define NARROW6 NARROW5; \
	ROWNARROW((R12), Z14)
#define NARROW7 NARROW6; \
	ROWNARROW((R12)(R8*1), Z16)
#define NARROW8 NARROW7; \
	ROWNARROW((R12)(R8*2), Z18)
#define NARROW9 NARROW8; \
	ROWNARROW((R12)(R9*1), Z20)
#define NARROW10 NARROW9; \
	ROWNARROW((R12)(R8*4), Z22)
#define NARROW11 NARROW10; \
	ROWNARROW((R13), Z24)
#define NARROW12 NARROW11; \
	ROWNARROW((R13)(R8*1), Z26)
#define NARROW13 NARROW12; \
	ROWNARROW((R13)(R8*2), Z28)
#define NARROW14 NARROW13; \
	ROWNARROW((R13)(R9*1), Z30)

#define EACH1(OP) \
	OP(Z4, Z5)
#define EACH2(OP) EACH1(OP); \
	OP(Z6, Z7)
#define EACH3(OP) EACH2(OP); \
	OP(Z8, Z9)
#define EACH4(OP) EACH3(OP); \
	OP(Z10, Z11)
#define EACH5(OP) EACH4(OP); \
	OP(Z12, Z13)
#define EACH6(OP) EACH5(OP); \
	OP(Z14, Z15)
#define EACH7(OP) EACH6(OP); \
	OP(Z16, Z17)
#define EACH8(OP) EACH7(OP); \
	OP(Z18, Z19)
#define EACH9(OP) EACH8(OP); \
	OP(Z20, Z21)
#define EACH10(OP) EACH9(OP); \
	OP(Z22, Z23)
#define EACH11(OP) EACH10(OP); \
	OP(Z24, Z25)
#define EACH12(OP) EACH11(OP); \
	OP(Z26, Z27)
#define EACH13(OP) EACH12(OP); \
	OP(Z28, Z29)
#define EACH14(OP) EACH13(OP); \
	OP(Z30, Z31)

// The step to the next k: of A for 1..5, 6..10 and 11..14 rows, and of B.
#define NEXT1 \
	ADDQ R10, AX; \
	ADDQ R11, BX

#define NEXT2 NEXT1; \
	ADDQ R10, R12

#define NEXT3 NEXT2; \
	ADDQ R10, R13

#define LOADWIDE \
	VMOVUPS.Z (BX), K1, Z0; \
	VMOVUPS.Z 64(BX), K2, Z1

// One line of C of a row to come.
#define FETCHC(lo, hi) \
	PREFETCHT0 (R15); \
	PREFETCHT0 64(R15); \
	ADDQ       CX, R15

#define KERNEL(WIDE, NARROW, EACH, NEXT) \
	MOVQ args+0(FP), DX; \
	MOVQ gemmArgs_as(DX), R8; \
	LEAQ (R8)(R8*2), R9; \
	MOVQ gemmArgs_ak(DX), R10; \
	MOVQ gemmArgs_bs(DX), R11; \
tile: \
	MOVQ gemmArgs_b(DX), BX; \
	MOVQ BX, gemmArgs_bPanel(DX); \
	MOVQ gemmArgs_c(DX), R15; \
	MOVQ R15, gemmArgs_cPanel(DX); \
	MOVQ gemmArgs_n(DX), SI; \
	MOVQ SI, gemmArgs_left(DX); \
panel: \
	MOVQ  $32, CX; \
	CMPQ  SI, CX; \
	CMOVQLT SI, CX; \
	MOVQ  $1, DI; \
	SHLQ  CX, DI; \
	DECQ  DI; \
	KMOVW DI, K1; \
	SHRQ  $16, DI; \
	KMOVW DI, K2; \
	MOVQ  gemmArgs_acc(DX), CX; \
	NEGQ  CX; \
	KMOVW CX, K3; \
	KANDW K3, K2, K4; \
	KANDW K3, K1, K3; \
	MOVQ  gemmArgs_a(DX), AX; \
	LEAQ  (R8)(R8*4), R12; \
	ADDQ  AX, R12; \
	LEAQ  (R8)(R8*4), R13; \
	ADDQ  R12, R13; \
	MOVQ  gemmArgs_cs(DX), CX; \
	EACH(FETCHC); \
	EACH(ZERO); \
	MOVQ  gemmArgs_k(DX), CX; \
	CMPQ  SI, $16; \
	JLE   narrow; \
	MOVQ  gemmArgs_next(DX), R15; \
	MOVQ  gemmArgs_ns(DX), DI; \
	LEAQ  (DI)(DI*2), SI; \
	SUBQ  $4, CX; \
	JLT   few; \
	PCALIGN $64; \
wide: \
	LOADWIDE; \
	WIDE; \
	NEXT; \
	PREFETCHT0 (R15); \
	LOADWIDE; \
	WIDE; \
	NEXT; \
	PREFETCHT0 (R15)(DI*1); \
	LOADWIDE; \
	WIDE; \
	NEXT; \
	PREFETCHT0 (R15)(DI*2); \
	LOADWIDE; \
	WIDE; \
	NEXT; \
	PREFETCHT0 (R15)(SI*1); \
	ADDQ gemmArgs_na(DX), R15; \
	SUBQ $4, CX; \
	JGE  wide; \
few: \
	ADDQ $4, CX; \
	JZ   out; \
one: \
	LOADWIDE; \
	WIDE; \
	NEXT; \
	DECQ CX; \
	JNZ  one; \
out: \
	SHLQ $2, DI; \
	ADDQ DI, gemmArgs_next(DX); \
	MOVQ gemmArgs_cs(DX), CX; \
	MOVQ gemmArgs_cPanel(DX), R15; \
	MOVQ gemmArgs_left(DX), SI; \
	SUBQ $32, SI; \
	JLT  mask; \
	CMPQ gemmArgs_acc(DX), $0; \
	JNE  mask; \
	EACH(OUTFULL); \
	JMP  stored; \
mask: \
	EACH(OUTWIDE); \
stored: \
	TESTQ SI, SI; \
	JLE  done; \
	MOVQ SI, gemmArgs_left(DX); \
	MOVQ gemmArgs_cPanel(DX), R15; \
	ADDQ $128, R15; \
	MOVQ R15, gemmArgs_cPanel(DX); \
	MOVQ gemmArgs_bPanel(DX), BX; \
	ADDQ gemmArgs_bp(DX), BX; \
	MOVQ BX, gemmArgs_bPanel(DX); \
	JMP  panel; \
narrow: \
	VMOVUPS.Z (BX), K1, Z0; \
	NARROW; \
	NEXT; \
	DECQ CX; \
	JNZ  narrow; \
	MOVQ gemmArgs_cs(DX), CX; \
	MOVQ gemmArgs_cPanel(DX), R15; \
	EACH(OUTNARROW); \
done: \
	DECQ gemmArgs_tiles(DX); \
	JZ   end; \
	MOVQ gemmArgs_at(DX), CX; \
	ADDQ CX, gemmArgs_a(DX); \
	ADDQ gemmArgs_a(DX), CX; \
	MOVQ CX, gemmArgs_next(DX); \
	MOVQ gemmArgs_ct(DX), CX; \
	ADDQ CX, gemmArgs_c(DX); \
	JMP  tile; \
end: \
	VZEROUPPER; \
	RET

// func gemmAVX512x1(args *gemmArgs)
TEXT ·gemmAVX512x1(SB), NOSPLIT, $0-8
	KERNEL(WIDE1, NARROW1, EACH1, NEXT1)

// func gemmAVX512x2(args *gemmArgs)
TEXT ·gemmAVX512x2(SB), NOSPLIT, $0-8
	KERNEL(WIDE2, NARROW2, EACH2, NEXT1)

// func gemmAVX512x3(args *gemmArgs)
TEXT ·gemmAVX512x3(SB), NOSPLIT, $0-8
	KERNEL(WIDE3, NARROW3, EACH3, NEXT1)

// func gemmAVX512x4(args *gemmArgs)
TEXT ·gemmAVX512x4(SB), NOSPLIT, $0-8
	KERNEL(WIDE4, NARROW4, EACH4, NEXT1)

// func gemmAVX512x5(args *gemmArgs)
TEXT ·gemmAVX512x5(SB), NOSPLIT, $0-8
	KERNEL(WIDE5, NARROW5, EACH5, NEXT1)

// func gemmAVX512x6(args *gemmArgs)
TEXT ·gemmAVX512x6(SB), NOSPLIT, $0-8
	KERNEL(WIDE6, NARROW6, EACH6, NEXT2)

// func gemmAVX512x7(args *gemmArgs)
TEXT ·gemmAVX512x7(SB), NOSPLIT, $0-8
	KERNEL(WIDE7, NARROW7, EACH7, NEXT2)

// func gemmAVX512x8(args *gemmArgs)
TEXT ·gemmAVX512x8(SB), NOSPLIT, $0-8
	KERNEL(WIDE8, NARROW8, EACH8, NEXT2)

// func gemmAVX512x9(args *gemmArgs)
TEXT ·gemmAVX512x9(SB), NOSPLIT, $0-8
	KERNEL(WIDE9, NARROW9, EACH9, NEXT2)

// func gemmAVX512x10(args *gemmArgs)
TEXT ·gemmAVX512x10(SB), NOSPLIT, $0-8
	KERNEL(WIDE10, NARROW10, EACH10, NEXT2)

// func gemmAVX512x11(args *gemmArgs)
TEXT ·gemmAVX512x11(SB), NOSPLIT, $0-8
	KERNEL(WIDE11, NARROW11, EACH11, NEXT3)

// func gemmAVX512x12(args *gemmArgs)
TEXT ·gemmAVX512x12(SB), NOSPLIT, $0-8
	KERNEL(WIDE12, NARROW12, EACH12, NEXT3)

// func gemmAVX512x13(args *gemmArgs)
TEXT ·gemmAVX512x13(SB), NOSPLIT, $0-8
	KERNEL(WIDE13, NARROW13, EACH13, NEXT3)

// func gemmAVX512x14(args *gemmArgs)
TEXT ·gemmAVX512x14(SB), NOSPLIT, $0-8
	KERNEL(WIDE14, NARROW14, EACH14, NEXT3)
// func packRowsAVX512(dst, src *float32, stride, rows, w int)
TEXT ·packRowsAVX512(SB), NOSPLIT, $0-40
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  stride+16(FP), R8
	MOVQ  rows+24(FP), DX
	MOVQ  w+32(FP), CX
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K1
	SHRQ  $16, AX
	KMOVW AX, K2

row:
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	VMOVUPS   Z0, (DI)
	VMOVUPS   Z1, 64(DI)
	ADDQ      R8, SI
	ADDQ      $128, DI
	DECQ      DX
	JNZ       row
	VZEROUPPER
	RET

// The next of 16 row pointers: rows that do not exist repeat the last one.
#define NEXTROW(reg) \
	DECQ    R15; \
	CMOVQLE AX, R8; \
	ADDQ    R8, SI; \
	VMOVUPS.Z (SI)(R9*1), K1, reg

// Stores one step and leaves after the last.
#define PUT(reg) \
	VMOVUPS reg, (DI); \
	ADDQ    R10, DI; \
	DECQ    CX; \
	JZ      end

// Transposes the 4 x 4 blocks within the lanes of four rows.
#define LANES4(a, b, c, d, t, u, v, w) \
	VUNPCKLPS b, a, t; \
	VUNPCKHPS b, a, u; \
	VUNPCKLPS d, c, v; \
	VUNPCKHPS d, c, w; \
	VUNPCKLPD v, t, a; \
	VUNPCKHPD v, t, b; \
	VUNPCKLPD w, u, c; \
	VUNPCKHPD w, u, d

// Transposes the 4 x 4 lanes of four registers.
#define BLOCKS4(a, b, c, d, t, u, v, w) \
	VSHUFF32X4 $0x44, b, a, t; \
	VSHUFF32X4 $0xEE, b, a, u; \
	VSHUFF32X4 $0x44, d, c, v; \
	VSHUFF32X4 $0xEE, d, c, w; \
	VSHUFF32X4 $0x88, v, t, a; \
	VSHUFF32X4 $0xDD, v, t, b; \
	VSHUFF32X4 $0x88, w, u, c; \
	VSHUFF32X4 $0xDD, w, u, d

// func transposeAVX512(dst, src *float32, stride, rows, k, step int)
TEXT ·transposeAVX512(SB), NOSPLIT, $0-48
	MOVQ  dst+0(FP), DI
	MOVQ  stride+16(FP), R8
	MOVQ  k+32(FP), CX
	MOVQ  step+40(FP), R10
	XORQ  R9, R9             // byte offset of the step in the rows
	XORQ  AX, AX
	MOVQ  $0xFFFF, DX
	KMOVW DX, K1

block:
	CMPQ  CX, $16
	JGE   load
	MOVQ  $1, DX
	SHLQ  CX, DX
	DECQ  DX
	KMOVW DX, K1

load:
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), R15
	VMOVUPS.Z (SI)(R9*1), K1, Z0
	NEXTROW(Z1)
	NEXTROW(Z2)
	NEXTROW(Z3)
	NEXTROW(Z4)
	NEXTROW(Z5)
	NEXTROW(Z6)
	NEXTROW(Z7)
	NEXTROW(Z8)
	NEXTROW(Z9)
	NEXTROW(Z10)
	NEXTROW(Z11)
	NEXTROW(Z12)
	NEXTROW(Z13)
	NEXTROW(Z14)
	NEXTROW(Z15)
	LANES4(Z0, Z1, Z2, Z3, Z16, Z17, Z18, Z19)
	LANES4(Z4, Z5, Z6, Z7, Z20, Z21, Z22, Z23)
	LANES4(Z8, Z9, Z10, Z11, Z24, Z25, Z26, Z27)
	LANES4(Z12, Z13, Z14, Z15, Z28, Z29, Z30, Z31)
	BLOCKS4(Z0, Z4, Z8, Z12, Z16, Z17, Z18, Z19)
	BLOCKS4(Z1, Z5, Z9, Z13, Z20, Z21, Z22, Z23)
	BLOCKS4(Z2, Z6, Z10, Z14, Z24, Z25, Z26, Z27)
	BLOCKS4(Z3, Z7, Z11, Z15, Z28, Z29, Z30, Z31)
	PUT(Z0)
	PUT(Z1)
	PUT(Z2)
	PUT(Z3)
	PUT(Z4)
	PUT(Z5)
	PUT(Z6)
	PUT(Z7)
	PUT(Z8)
	PUT(Z9)
	PUT(Z10)
	PUT(Z11)
	PUT(Z12)
	PUT(Z13)
	PUT(Z14)
	PUT(Z15)
	ADDQ $64, R9
	JMP  block

end:
	VZEROUPPER
	RET
