//go:build !noasm

#include "go_asm.h"
#include "textflag.h"
#include "avx_amd64.h"

// Kernels on stacks of small matrices, AVX2 with FMA and AVX-512. See expm.go.

V8(absLanes, 0x7fffffff7fffffff) // all but the sign bit

// Y8..Y15 = columns of the 8 x 8 block with rows Y0..Y7. Changes Y0..Y7.
#define TRANSPOSE8 \
	VUNPCKLPS  Y1, Y0, Y8; \
	VUNPCKHPS  Y1, Y0, Y9; \
	VUNPCKLPS  Y3, Y2, Y10; \
	VUNPCKHPS  Y3, Y2, Y11; \
	VUNPCKLPS  Y5, Y4, Y12; \
	VUNPCKHPS  Y5, Y4, Y13; \
	VUNPCKLPS  Y7, Y6, Y14; \
	VUNPCKHPS  Y7, Y6, Y15; \
	VUNPCKLPD  Y10, Y8, Y0; \
	VUNPCKHPD  Y10, Y8, Y1; \
	VUNPCKLPD  Y11, Y9, Y2; \
	VUNPCKHPD  Y11, Y9, Y3; \
	VUNPCKLPD  Y14, Y12, Y4; \
	VUNPCKHPD  Y14, Y12, Y5; \
	VUNPCKLPD  Y15, Y13, Y6; \
	VUNPCKHPD  Y15, Y13, Y7; \
	VPERM2F128 $0x20, Y4, Y0, Y8; \
	VPERM2F128 $0x20, Y5, Y1, Y9; \
	VPERM2F128 $0x20, Y6, Y2, Y10; \
	VPERM2F128 $0x20, Y7, Y3, Y11; \
	VPERM2F128 $0x31, Y4, Y0, Y12; \
	VPERM2F128 $0x31, Y5, Y1, Y13; \
	VPERM2F128 $0x31, Y6, Y2, Y14; \
	VPERM2F128 $0x31, Y7, Y3, Y15

// Linear combinations. SI, R8, R9, R10: sources; R11: coefficients of a destination; BX:
// address of its pointer; DX: destinations left; CX: floats left; R12: floats done times 4.
#define LINEAR(a0, a1, a2, a3) \
	MOVQ a+0(FP), AX; \
	MOVQ stackLinearArgs_src+0(AX), SI; \
	MOVQ stackLinearArgs_src+8(AX), R8; \
	MOVQ stackLinearArgs_src+16(AX), R9; \
	MOVQ stackLinearArgs_src+24(AX), R10; \
	MOVQ stackLinearArgs_n(AX), CX; \
	XORQ R12, R12; \
vector: \
	VMOVUPS (SI)(R12*1), a0; \
	VMOVUPS (R8)(R12*1), a1; \
	VMOVUPS (R9)(R12*1), a2; \
	VMOVUPS (R10)(R12*1), a3; \
	MOVQ stackLinearArgs_coef(AX), R11; \
	LEAQ stackLinearArgs_dst(AX), BX; \
	MOVQ stackLinearArgs_dsts(AX), DX

// R = base + at[i]*size*4, with size*4 in CX.
#define MATRIX(i, R, base) \
	MOVLQSX i*4(BX), R; \
	IMULQ   CX, R; \
	ADDQ    base, R

// func stackLoadSIMD(dst, src *float32, at *[16]int32, size, lanes int, scale float32)
//
// Eight lanes at a time: SI, R8..R13, DX point to their matrices, DI to the stack, AX: bytes
// of a vector of the stack, CX: entries left.
TEXT ·stackLoadSIMD(SB), NOSPLIT, $16-44
	MOVQ dst+0(FP), DI
	MOVQ DI, first-8(SP)
	MOVQ at+16(FP), BX
	MOVQ lanes+32(FP), AX
	MOVQ AX, left-16(SP)
	SHLQ $2, AX

lanes8:
	MOVQ size+24(FP), CX
	SHLQ $2, CX
	MATRIX(0, SI, src+8(FP))
	MATRIX(1, R8, src+8(FP))
	MATRIX(2, R9, src+8(FP))
	MATRIX(3, R10, src+8(FP))
	MATRIX(4, R11, src+8(FP))
	MATRIX(5, R12, src+8(FP))
	MATRIX(6, R13, src+8(FP))
	MATRIX(7, DX, src+8(FP))
	MOVQ first-8(SP), DI
	MOVQ size+24(FP), CX
	XORQ BX, BX // entries done times 4
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS      (SI)(BX*1), Y0
	VMOVUPS      (R8)(BX*1), Y1
	VMOVUPS      (R9)(BX*1), Y2
	VMOVUPS      (R10)(BX*1), Y3
	VMOVUPS      (R11)(BX*1), Y4
	VMOVUPS      (R12)(BX*1), Y5
	VMOVUPS      (R13)(BX*1), Y6
	VMOVUPS      (DX)(BX*1), Y7
	TRANSPOSE8
	VBROADCASTSS scale+40(FP), Y0
	VMULPS       Y0, Y8, Y8
	VMULPS       Y0, Y9, Y9
	VMULPS       Y0, Y10, Y10
	VMULPS       Y0, Y11, Y11
	VMULPS       Y0, Y12, Y12
	VMULPS       Y0, Y13, Y13
	VMULPS       Y0, Y14, Y14
	VMULPS       Y0, Y15, Y15
	VMOVUPS      Y8, (DI)
	VMOVUPS      Y9, (DI)(AX*1)
	VMOVUPS      Y10, (DI)(AX*2)
	LEAQ         (DI)(AX*2), DI
	VMOVUPS      Y11, (DI)(AX*1)
	VMOVUPS      Y12, (DI)(AX*2)
	LEAQ         (DI)(AX*2), DI
	VMOVUPS      Y13, (DI)(AX*1)
	VMOVUPS      Y14, (DI)(AX*2)
	LEAQ         (DI)(AX*2), DI
	VMOVUPS      Y15, (DI)(AX*1)
	LEAQ         (DI)(AX*2), DI
	ADDQ         $32, BX
	SUBQ         $8, CX
	JGE          eight

tail:
	ADDQ   $8, CX
	JZ     next
	VMOVSS scale+40(FP), X1

one:
	VMULSS (SI)(BX*1), X1, X0
	VMOVSS X0, (DI)
	VMULSS (R8)(BX*1), X1, X0
	VMOVSS X0, 4(DI)
	VMULSS (R9)(BX*1), X1, X0
	VMOVSS X0, 8(DI)
	VMULSS (R10)(BX*1), X1, X0
	VMOVSS X0, 12(DI)
	VMULSS (R11)(BX*1), X1, X0
	VMOVSS X0, 16(DI)
	VMULSS (R12)(BX*1), X1, X0
	VMOVSS X0, 20(DI)
	VMULSS (R13)(BX*1), X1, X0
	VMOVSS X0, 24(DI)
	VMULSS (DX)(BX*1), X1, X0
	VMOVSS X0, 28(DI)
	ADDQ   AX, DI
	ADDQ   $4, BX
	DECQ   CX
	JNZ    one

next:
	ADDQ $32, first-8(SP)
	MOVQ at+16(FP), BX
	ADDQ $32, BX
	SUBQ $8, left-16(SP)
	JG   lanes8
	VZEROUPPER
	RET

// func stackStoreSIMD(dst, src *float32, at *[16]int32, size, lanes int)
//
// Registers as in stackLoadSIMD, with DI the stack, which is read.
TEXT ·stackStoreSIMD(SB), NOSPLIT, $16-40
	MOVQ src+8(FP), DI
	MOVQ DI, first-8(SP)
	MOVQ at+16(FP), BX
	MOVQ lanes+32(FP), AX
	MOVQ AX, left-16(SP)
	SHLQ $2, AX

lanes8:
	MOVQ size+24(FP), CX
	SHLQ $2, CX
	MATRIX(0, SI, dst+0(FP))
	MATRIX(1, R8, dst+0(FP))
	MATRIX(2, R9, dst+0(FP))
	MATRIX(3, R10, dst+0(FP))
	MATRIX(4, R11, dst+0(FP))
	MATRIX(5, R12, dst+0(FP))
	MATRIX(6, R13, dst+0(FP))
	MATRIX(7, DX, dst+0(FP))
	MOVQ first-8(SP), DI
	MOVQ size+24(FP), CX
	XORQ BX, BX
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS (DI), Y0
	VMOVUPS (DI)(AX*1), Y1
	VMOVUPS (DI)(AX*2), Y2
	LEAQ    (DI)(AX*2), DI
	VMOVUPS (DI)(AX*1), Y3
	VMOVUPS (DI)(AX*2), Y4
	LEAQ    (DI)(AX*2), DI
	VMOVUPS (DI)(AX*1), Y5
	VMOVUPS (DI)(AX*2), Y6
	LEAQ    (DI)(AX*2), DI
	VMOVUPS (DI)(AX*1), Y7
	LEAQ    (DI)(AX*2), DI
	TRANSPOSE8
	VMOVUPS Y8, (SI)(BX*1)
	VMOVUPS Y9, (R8)(BX*1)
	VMOVUPS Y10, (R9)(BX*1)
	VMOVUPS Y11, (R10)(BX*1)
	VMOVUPS Y12, (R11)(BX*1)
	VMOVUPS Y13, (R12)(BX*1)
	VMOVUPS Y14, (R13)(BX*1)
	VMOVUPS Y15, (DX)(BX*1)
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ $8, CX
	JZ   next

one:
	VMOVUPS      (DI), Y0
	VEXTRACTF128 $1, Y0, X1
	VMOVSS       X0, (SI)(BX*1)
	VEXTRACTPS   $1, X0, (R8)(BX*1)
	VEXTRACTPS   $2, X0, (R9)(BX*1)
	VEXTRACTPS   $3, X0, (R10)(BX*1)
	VMOVSS       X1, (R11)(BX*1)
	VEXTRACTPS   $1, X1, (R12)(BX*1)
	VEXTRACTPS   $2, X1, (R13)(BX*1)
	VEXTRACTPS   $3, X1, (DX)(BX*1)
	ADDQ         AX, DI
	ADDQ         $4, BX
	DECQ         CX
	JNZ          one

next:
	ADDQ $32, first-8(SP)
	MOVQ at+16(FP), BX
	ADDQ $32, BX
	SUBQ $8, left-16(SP)
	JG   lanes8
	VZEROUPPER
	RET

// Products. SI: rows of a, DX: b, R8: columns of b, DI: c, R9: d or 0; AX: bytes of a row,
// R10: 3 rows; BX: first row of the tile, R11: rows left, CX: columns left; R12, R13, R8:
// inner loop.
//
// Tiles have 4 rows. Where n is no multiple of 4 the last tile begins at row n-4 and repeats
// rows already done, with the same result; n < 4 has tiles of one row.

#define FMAROW(a, b0, b1, c0, c1) \
	VFMADD231PS b0, a, c0; \
	VFMADD231PS b1, a, c1

// func stackMulSIMD(c, a, b, d *float32, n int)
TEXT ·stackMulSIMD(SB), NOSPLIT, $16-40
	MOVQ a+8(FP), SI
	MOVQ n+32(FP), AX
	SHLQ $5, AX
	LEAQ (AX)(AX*2), R10
	MOVQ n+32(FP), R11
	XORQ BX, BX // bytes to the first row of the tile
	CMPQ R11, $4
	JLT  single

rows:
	// BX also leads to the tile in c and d: column offset in DX.
	XORQ DX, DX
	MOVQ n+32(FP), CX

pairs:
	CMPQ CX, $2
	JLT  column
	MOVQ d+24(FP), R9
	TESTQ R9, R9
	JZ   zero2
	ADDQ BX, R9
	ADDQ DX, R9
	VMOVUPS (R9), Y0
	VMOVUPS 32(R9), Y1
	VMOVUPS (R9)(AX*1), Y2
	VMOVUPS 32(R9)(AX*1), Y3
	VMOVUPS (R9)(AX*2), Y4
	VMOVUPS 32(R9)(AX*2), Y5
	VMOVUPS (R9)(R10*1), Y6
	VMOVUPS 32(R9)(R10*1), Y7
	JMP  begin2

zero2:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

begin2:
	LEAQ (SI)(BX*1), R12
	MOVQ b+16(FP), R8
	ADDQ DX, R8
	MOVQ n+32(FP), R13
	PCALIGN $32

inner2:
	VMOVUPS (R8), Y8
	VMOVUPS 32(R8), Y9
	VMOVUPS (R12), Y10
	VMOVUPS (R12)(AX*1), Y11
	VMOVUPS (R12)(AX*2), Y12
	VMOVUPS (R12)(R10*1), Y13
	FMAROW(Y10, Y8, Y9, Y0, Y1)
	FMAROW(Y11, Y8, Y9, Y2, Y3)
	FMAROW(Y12, Y8, Y9, Y4, Y5)
	FMAROW(Y13, Y8, Y9, Y6, Y7)
	ADDQ AX, R8
	ADDQ $32, R12
	DECQ R13
	JNZ  inner2
	MOVQ c+0(FP), DI
	ADDQ BX, DI
	ADDQ DX, DI
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, (DI)(AX*1)
	VMOVUPS Y3, 32(DI)(AX*1)
	VMOVUPS Y4, (DI)(AX*2)
	VMOVUPS Y5, 32(DI)(AX*2)
	VMOVUPS Y6, (DI)(R10*1)
	VMOVUPS Y7, 32(DI)(R10*1)
	ADDQ $64, DX
	SUBQ $2, CX
	JMP  pairs

column:
	TESTQ CX, CX
	JZ   nextRows
	VXORPS Y0, Y0, Y0
	VXORPS Y2, Y2, Y2
	VXORPS Y4, Y4, Y4
	VXORPS Y6, Y6, Y6
	MOVQ d+24(FP), R9
	TESTQ R9, R9
	JZ   begin1
	ADDQ BX, R9
	ADDQ DX, R9
	VMOVUPS (R9), Y0
	VMOVUPS (R9)(AX*1), Y2
	VMOVUPS (R9)(AX*2), Y4
	VMOVUPS (R9)(R10*1), Y6

begin1:
	LEAQ (SI)(BX*1), R12
	MOVQ b+16(FP), R8
	ADDQ DX, R8
	MOVQ n+32(FP), R13

inner1:
	VMOVUPS (R8), Y8
	VFMADD231PS (R12), Y8, Y0
	VFMADD231PS (R12)(AX*1), Y8, Y2
	VFMADD231PS (R12)(AX*2), Y8, Y4
	VFMADD231PS (R12)(R10*1), Y8, Y6
	ADDQ AX, R8
	ADDQ $32, R12
	DECQ R13
	JNZ  inner1
	MOVQ c+0(FP), DI
	ADDQ BX, DI
	ADDQ DX, DI
	VMOVUPS Y0, (DI)
	VMOVUPS Y2, (DI)(AX*1)
	VMOVUPS Y4, (DI)(AX*2)
	VMOVUPS Y6, (DI)(R10*1)

nextRows:
	SUBQ $4, R11
	JZ   done
	LEAQ (BX)(AX*4), BX
	CMPQ R11, $4
	JGE  rows
	// Back to row n-4.
	MOVQ n+32(FP), BX
	SUBQ $4, BX
	IMULQ AX, BX
	MOVQ $4, R11
	JMP  rows

single:
	// R11 rows of n columns, one entry at a time.
	XORQ DX, DX
	MOVQ n+32(FP), CX

singleColumn:
	VXORPS Y0, Y0, Y0
	MOVQ d+24(FP), R9
	TESTQ R9, R9
	JZ   beginSingle
	ADDQ BX, R9
	VMOVUPS (R9)(DX*1), Y0

beginSingle:
	LEAQ (SI)(BX*1), R12
	MOVQ b+16(FP), R8
	ADDQ DX, R8
	MOVQ n+32(FP), R13

innerSingle:
	VMOVUPS (R8), Y8
	VFMADD231PS (R12), Y8, Y0
	ADDQ AX, R8
	ADDQ $32, R12
	DECQ R13
	JNZ  innerSingle
	MOVQ c+0(FP), DI
	ADDQ BX, DI
	VMOVUPS Y0, (DI)(DX*1)
	ADDQ $32, DX
	DECQ CX
	JNZ  singleColumn
	ADDQ AX, BX
	DECQ R11
	JNZ  single

done:
	VZEROUPPER
	RET

// c (DI) = a (SI) b (R8), plus d (R9) if there is one, in vectors of 1<<shift = step bytes:
// by tiles of 4 x 4 in the registers c0 to c15, columns and single rows behind them.
#define STACKMUL(shift, step, r0, r1, r2, r3, r4, r5, r6, r7, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15) \
	MOVQ a+8(FP), SI; \
	MOVQ n+32(FP), AX; \
	SHLQ $shift, AX; \
	LEAQ (AX)(AX*2), R10; \
	MOVQ n+32(FP), R11; \
	XORQ BX, BX; \
	CMPQ R11, $4; \
	JLT  single; \
rows: \
	XORQ DX, DX; \
	MOVQ n+32(FP), CX; \
fours: \
	CMPQ CX, $4; \
	JLT  columns; \
	MOVQ d+24(FP), R9; \
	TESTQ R9, R9; \
	JZ   zero4; \
	ADDQ BX, R9; \
	ADDQ DX, R9; \
	VMOVUPS (R9), c0; \
	VMOVUPS step(R9), c1; \
	VMOVUPS (2*step)(R9), c2; \
	VMOVUPS (3*step)(R9), c3; \
	VMOVUPS (R9)(AX*1), c4; \
	VMOVUPS step(R9)(AX*1), c5; \
	VMOVUPS (2*step)(R9)(AX*1), c6; \
	VMOVUPS (3*step)(R9)(AX*1), c7; \
	VMOVUPS (R9)(AX*2), c8; \
	VMOVUPS step(R9)(AX*2), c9; \
	VMOVUPS (2*step)(R9)(AX*2), c10; \
	VMOVUPS (3*step)(R9)(AX*2), c11; \
	VMOVUPS (R9)(R10*1), c12; \
	VMOVUPS step(R9)(R10*1), c13; \
	VMOVUPS (2*step)(R9)(R10*1), c14; \
	VMOVUPS (3*step)(R9)(R10*1), c15; \
	JMP  begin4; \
zero4: \
	VPXORD c0, c0, c0; \
	VPXORD c1, c1, c1; \
	VPXORD c2, c2, c2; \
	VPXORD c3, c3, c3; \
	VPXORD c4, c4, c4; \
	VPXORD c5, c5, c5; \
	VPXORD c6, c6, c6; \
	VPXORD c7, c7, c7; \
	VPXORD c8, c8, c8; \
	VPXORD c9, c9, c9; \
	VPXORD c10, c10, c10; \
	VPXORD c11, c11, c11; \
	VPXORD c12, c12, c12; \
	VPXORD c13, c13, c13; \
	VPXORD c14, c14, c14; \
	VPXORD c15, c15, c15; \
begin4: \
	LEAQ (SI)(BX*1), R12; \
	MOVQ b+16(FP), R8; \
	ADDQ DX, R8; \
	MOVQ n+32(FP), R13; \
	PCALIGN $32; \
inner4: \
	VMOVUPS (R8), r0; \
	VMOVUPS step(R8), r1; \
	VMOVUPS (2*step)(R8), r2; \
	VMOVUPS (3*step)(R8), r3; \
	VMOVUPS (R12), r4; \
	VMOVUPS (R12)(AX*1), r5; \
	VMOVUPS (R12)(AX*2), r6; \
	VMOVUPS (R12)(R10*1), r7; \
	VFMADD231PS r0, r4, c0; \
	VFMADD231PS r1, r4, c1; \
	VFMADD231PS r2, r4, c2; \
	VFMADD231PS r3, r4, c3; \
	VFMADD231PS r0, r5, c4; \
	VFMADD231PS r1, r5, c5; \
	VFMADD231PS r2, r5, c6; \
	VFMADD231PS r3, r5, c7; \
	VFMADD231PS r0, r6, c8; \
	VFMADD231PS r1, r6, c9; \
	VFMADD231PS r2, r6, c10; \
	VFMADD231PS r3, r6, c11; \
	VFMADD231PS r0, r7, c12; \
	VFMADD231PS r1, r7, c13; \
	VFMADD231PS r2, r7, c14; \
	VFMADD231PS r3, r7, c15; \
	ADDQ AX, R8; \
	ADDQ $step, R12; \
	DECQ R13; \
	JNZ  inner4; \
	MOVQ c+0(FP), DI; \
	ADDQ BX, DI; \
	ADDQ DX, DI; \
	VMOVUPS c0, (DI); \
	VMOVUPS c1, step(DI); \
	VMOVUPS c2, (2*step)(DI); \
	VMOVUPS c3, (3*step)(DI); \
	VMOVUPS c4, (DI)(AX*1); \
	VMOVUPS c5, step(DI)(AX*1); \
	VMOVUPS c6, (2*step)(DI)(AX*1); \
	VMOVUPS c7, (3*step)(DI)(AX*1); \
	VMOVUPS c8, (DI)(AX*2); \
	VMOVUPS c9, step(DI)(AX*2); \
	VMOVUPS c10, (2*step)(DI)(AX*2); \
	VMOVUPS c11, (3*step)(DI)(AX*2); \
	VMOVUPS c12, (DI)(R10*1); \
	VMOVUPS c13, step(DI)(R10*1); \
	VMOVUPS c14, (2*step)(DI)(R10*1); \
	VMOVUPS c15, (3*step)(DI)(R10*1); \
	ADDQ $(4*step), DX; \
	SUBQ $4, CX; \
	JMP  fours; \
columns: \
	TESTQ CX, CX; \
	JZ   nextRows; \
	VPXORD c0, c0, c0; \
	VPXORD c4, c4, c4; \
	VPXORD c8, c8, c8; \
	VPXORD c12, c12, c12; \
	MOVQ d+24(FP), R9; \
	TESTQ R9, R9; \
	JZ   begin1; \
	ADDQ BX, R9; \
	ADDQ DX, R9; \
	VMOVUPS (R9), c0; \
	VMOVUPS (R9)(AX*1), c4; \
	VMOVUPS (R9)(AX*2), c8; \
	VMOVUPS (R9)(R10*1), c12; \
begin1: \
	LEAQ (SI)(BX*1), R12; \
	MOVQ b+16(FP), R8; \
	ADDQ DX, R8; \
	MOVQ n+32(FP), R13; \
inner1: \
	VMOVUPS (R8), r0; \
	VFMADD231PS (R12), r0, c0; \
	VFMADD231PS (R12)(AX*1), r0, c4; \
	VFMADD231PS (R12)(AX*2), r0, c8; \
	VFMADD231PS (R12)(R10*1), r0, c12; \
	ADDQ AX, R8; \
	ADDQ $step, R12; \
	DECQ R13; \
	JNZ  inner1; \
	MOVQ c+0(FP), DI; \
	ADDQ BX, DI; \
	ADDQ DX, DI; \
	VMOVUPS c0, (DI); \
	VMOVUPS c4, (DI)(AX*1); \
	VMOVUPS c8, (DI)(AX*2); \
	VMOVUPS c12, (DI)(R10*1); \
	ADDQ $step, DX; \
	DECQ CX; \
	JMP  columns; \
nextRows: \
	SUBQ $4, R11; \
	JZ   done; \
	LEAQ (BX)(AX*4), BX; \
	CMPQ R11, $4; \
	JGE  rows; \
	MOVQ n+32(FP), BX; \
	SUBQ $4, BX; \
	IMULQ AX, BX; \
	MOVQ $4, R11; \
	JMP  rows; \
single: \
	XORQ DX, DX; \
	MOVQ n+32(FP), CX; \
singleColumn: \
	VPXORD c0, c0, c0; \
	MOVQ d+24(FP), R9; \
	TESTQ R9, R9; \
	JZ   beginSingle; \
	ADDQ BX, R9; \
	VMOVUPS (R9)(DX*1), c0; \
beginSingle: \
	LEAQ (SI)(BX*1), R12; \
	MOVQ b+16(FP), R8; \
	ADDQ DX, R8; \
	MOVQ n+32(FP), R13; \
innerSingle: \
	VMOVUPS (R8), r0; \
	VFMADD231PS (R12), r0, c0; \
	ADDQ AX, R8; \
	ADDQ $step, R12; \
	DECQ R13; \
	JNZ  innerSingle; \
	MOVQ c+0(FP), DI; \
	ADDQ BX, DI; \
	VMOVUPS c0, (DI)(DX*1); \
	ADDQ $step, DX; \
	DECQ CX; \
	JNZ  singleColumn; \
	ADDQ AX, BX; \
	DECQ R11; \
	JNZ  single; \
done: \
	VZEROUPPER; \
	RET

// func stackMulAVX512(c, a, b, d *float32, n int)
TEXT ·stackMulAVX512(SB), NOSPLIT, $0-40
	STACKMUL(6, 64, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31)

// func stackMul8AVX512(c, a, b, d *float32, n int)
TEXT ·stackMul8AVX512(SB), NOSPLIT, $0-40
	STACKMUL(5, 32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y16, Y17, Y18, Y19, Y20, Y21, Y22, Y23, Y24, Y25, Y26, Y27, Y28, Y29, Y30, Y31)

// func stackLinearSIMD(a *stackLinearArgs)
TEXT ·stackLinearSIMD(SB), NOSPLIT, $0-8
	LINEAR(Y0, Y1, Y2, Y3)

dst:
	VBROADCASTSS 4(R11), Y4
	VBROADCASTSS 8(R11), Y5
	VBROADCASTSS 12(R11), Y6
	VBROADCASTSS 16(R11), Y7
	VMULPS       Y0, Y4, Y4
	VFMADD231PS  Y1, Y5, Y4
	VFMADD231PS  Y2, Y6, Y4
	VFMADD231PS  Y3, Y7, Y4
	MOVQ         (BX), DI
	VMOVUPS      Y4, (DI)(R12*1)
	ADDQ         $8, BX
	ADDQ         $20, R11
	DECQ         DX
	JNZ          dst
	ADDQ         $32, R12
	SUBQ         $8, CX
	JNZ          vector
	VZEROUPPER
	RET

#define FIVE(c1, c2, c3, c4, t) \
	VMULPS      Z0, c1, t; \
	VFMADD231PS Z1, c2, t; \
	VFMADD231PS Z2, c3, t; \
	VFMADD231PS Z3, c4, t

#define COEFS(k, c1, c2, c3, c4) \
	VBROADCASTSS k*20+4(R11), c1; \
	VBROADCASTSS k*20+8(R11), c2; \
	VBROADCASTSS k*20+12(R11), c3; \
	VBROADCASTSS k*20+16(R11), c4

// func stackLinear5AVX512(a *stackLinearArgs)
//
// Five destinations with their coefficients in Z12..Z31. SI, R8, R9, R10: sources; DI, BX,
// DX, R11, R13: destinations.
TEXT ·stackLinear5AVX512(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	MOVQ stackLinearArgs_coef(AX), R11
	COEFS(0, Z12, Z13, Z14, Z15)
	COEFS(1, Z16, Z17, Z18, Z19)
	COEFS(2, Z20, Z21, Z22, Z23)
	COEFS(3, Z24, Z25, Z26, Z27)
	COEFS(4, Z28, Z29, Z30, Z31)
	MOVQ stackLinearArgs_src+0(AX), SI
	MOVQ stackLinearArgs_src+8(AX), R8
	MOVQ stackLinearArgs_src+16(AX), R9
	MOVQ stackLinearArgs_src+24(AX), R10
	MOVQ stackLinearArgs_dst+0(AX), DI
	MOVQ stackLinearArgs_dst+8(AX), BX
	MOVQ stackLinearArgs_dst+16(AX), DX
	MOVQ stackLinearArgs_dst+24(AX), R11
	MOVQ stackLinearArgs_dst+32(AX), R13
	MOVQ stackLinearArgs_n(AX), CX
	XORQ R12, R12
	PCALIGN $32

vector:
	VMOVUPS (SI)(R12*1), Z0
	VMOVUPS (R8)(R12*1), Z1
	VMOVUPS (R9)(R12*1), Z2
	VMOVUPS (R10)(R12*1), Z3
	FIVE(Z12, Z13, Z14, Z15, Z4)
	FIVE(Z16, Z17, Z18, Z19, Z5)
	FIVE(Z20, Z21, Z22, Z23, Z6)
	FIVE(Z24, Z25, Z26, Z27, Z7)
	FIVE(Z28, Z29, Z30, Z31, Z8)
	VMOVUPS Z4, (DI)(R12*1)
	VMOVUPS Z5, (BX)(R12*1)
	VMOVUPS Z6, (DX)(R12*1)
	VMOVUPS Z7, (R11)(R12*1)
	VMOVUPS Z8, (R13)(R12*1)
	ADDQ $64, R12
	SUBQ $16, CX
	JNZ  vector
	VZEROUPPER
	RET

// func stackDiagSIMD(x *float32, n, lanes int, c float32)
TEXT ·stackDiagSIMD(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), DI
	MOVQ         n+8(FP), CX
	MOVQ         lanes+16(FP), AX
	VBROADCASTSS c+24(FP), Y0
	MOVQ         AX, R8
	SHLQ         $2, R8
	LEAQ         1(CX), R9
	IMULQ        R8, R9 // bytes from one diagonal entry to the next

entry:
	MOVQ DI, SI
	MOVQ AX, DX

lanes8:
	VADDPS  (SI), Y0, Y1
	VMOVUPS Y1, (SI)
	ADDQ    $32, SI
	SUBQ    $8, DX
	JG      lanes8
	ADDQ    R9, DI
	DECQ    CX
	JNZ     entry
	VZEROUPPER
	RET

// func rowsNormSIMD(norm, a *float32, n, count int)
//
// 1-norms of row-major matrices, 8 columns at a time. Y0: greatest sum, Y1: sum of all, Y2: sum
// of a column, Y14: lanes of the chunk.
TEXT ·rowsNormSIMD(SB), NOSPLIT, $0-32
	MOVQ    norm+0(FP), DI
	MOVQ    a+8(FP), SI
	MOVQ    n+16(FP), R8
	MOVQ    count+24(FP), R9
	LEAQ    0(R8*4), R10
	VMOVUPS absLanes<>(SB), Y15

matrix:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	MOVQ   R8, CX
	MOVQ   SI, DX

chunk:
	MOVQ    $8, R11
	CMPQ    CX, R11
	CMOVQLT CX, R11
	NEGQ    R11
	LEAQ    laneMask<>+32(SB), R12
	VMOVUPS (R12)(R11*4), Y14
	MOVQ    DX, R11
	MOVQ    R8, R12
	VXORPS  Y2, Y2, Y2

row:
	VMASKMOVPS (R11), Y14, Y3
	VANDPS     Y3, Y15, Y3
	VADDPS     Y3, Y2, Y2
	ADDQ       R10, R11
	DECQ       R12
	JNZ        row
	VMAXPS     Y2, Y0, Y0
	VADDPS     Y2, Y1, Y1
	ADDQ       $32, DX
	SUBQ       $8, CX
	JG         chunk

	VSUBPS       Y1, Y1, Y1
	VADDPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X2
	VCMPPS       $3, X1, X0, X3
	VORPS        X3, X2, X0
	VMOVHLPS     X0, X0, X1
	VMAXPS       X1, X0, X2
	VCMPPS       $3, X1, X0, X3
	VORPS        X3, X2, X0
	VMOVSHDUP    X0, X1
	VMAXPS       X1, X0, X2
	VCMPPS       $3, X1, X0, X3
	VORPS        X3, X2, X0
	VMOVSS       X0, (DI)
	ADDQ         $4, DI
	MOVQ         R8, AX
	IMULQ        R10, AX
	ADDQ         AX, SI
	DECQ         R9
	JNZ          matrix
	VZEROUPPER
	RET

// func stackLinearAVX512(a *stackLinearArgs)
TEXT ·stackLinearAVX512(SB), NOSPLIT, $0-8
	LINEAR(Z0, Z1, Z2, Z3)

dst:
	VMULPS.BCST      4(R11), Z0, Z4
	VFMADD231PS.BCST 8(R11), Z1, Z4
	VFMADD231PS.BCST 12(R11), Z2, Z4
	VFMADD231PS.BCST 16(R11), Z3, Z4
	MOVQ             (BX), DI
	VMOVUPS          Z4, (DI)(R12*1)
	ADDQ             $8, BX
	ADDQ             $20, R11
	DECQ             DX
	JNZ              dst
	ADDQ             $64, R12
	SUBQ             $16, CX
	JNZ              vector
	VZEROUPPER
	RET
