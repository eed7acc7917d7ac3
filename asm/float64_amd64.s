//go:build amd64 && !noasm

#include "go_asm.h"
#include "textflag.h"

// Kernels in float64. A vector register holds either four columns or the four
// lanes of one element.

DATA absMask64<>+0(SB)/8, $0x7fffffffffffffff
GLOBL absMask64<>(SB), RODATA|NOPTR, $8

// Gemm64: DI c, R8 row stride of c, SI a, R9 ai, R10 ak, DX b, R11 row stride of
// b, CX columns left, AX BX R12 walking a, its row 3 and b, R13 steps left.
#define G64ROW(addr, lo, hi) \
	VBROADCASTSD addr, Y2; \
	VFMADD231PD  Y0, Y2, lo; \
	VFMADD231PD  Y1, Y2, hi

#define G64ROW4(addr, lo) \
	VBROADCASTSD addr, Y2; \
	VFMADD231PD  Y0, Y2, lo

#define G64LOAD8 VMOVUPD (R12), Y0; VMOVUPD 32(R12), Y1; ADDQ R11, R12
#define G64LOAD4 VMOVUPD (R12), Y0; ADDQ R11, R12
#define G64NEXT ADDQ R10, AX; ADDQ R10, BX; DECQ R13
#define G64ZERO(lo, hi) VXORPD lo, lo, lo; VXORPD hi, hi, hi
#define G64START MOVQ SI, AX; LEAQ (SI)(R9*2), BX; ADDQ R9, BX; MOVQ DX, R12; MOVQ k+72(FP), R13
#define G64ADD(addr, acc) VADDPD addr, acc, acc; VMOVUPD acc, addr
#define G64AHEAD(bytes) ADDQ $bytes, DI; ADDQ $bytes, DX

#define G64TILES(STEP8, STEP4, DONE8, DONE4) \
wide: \
	CMPQ CX, $8; \
	JLT  narrow; \
	G64START; \
	G64ZERO(Y4, Y5); \
	G64ZERO(Y6, Y7); \
	G64ZERO(Y8, Y9); \
	G64ZERO(Y10, Y11); \
	PCALIGN $32; \
loop8: \
	G64LOAD8; \
	STEP8; \
	G64NEXT; \
	JNZ  loop8; \
	LEAQ (DI)(R8*2), R13; \
	ADDQ R8, R13; \
	DONE8; \
	G64AHEAD(64); \
	SUBQ $8, CX; \
	JMP  wide; \
narrow: \
	TESTQ CX, CX; \
	JLE   done; \
	G64START; \
	G64ZERO(Y4, Y6); \
	G64ZERO(Y8, Y10); \
loop4: \
	G64LOAD4; \
	STEP4; \
	G64NEXT; \
	JNZ  loop4; \
	LEAQ (DI)(R8*2), R13; \
	ADDQ R8, R13; \
	DONE4; \
done: \
	VZEROUPPER; \
	RET

#define S81 G64ROW((AX), Y4, Y5)
#define S82 S81; G64ROW((AX)(R9*1), Y6, Y7)
#define S83 S82; G64ROW((AX)(R9*2), Y8, Y9)
#define S84 S83; G64ROW((BX), Y10, Y11)
#define S41 G64ROW4((AX), Y4)
#define S42 S41; G64ROW4((AX)(R9*1), Y6)
#define S43 S42; G64ROW4((AX)(R9*2), Y8)
#define S44 S43; G64ROW4((BX), Y10)
#define D81 G64ADD((DI), Y4); G64ADD(32(DI), Y5)
#define D82 D81; G64ADD((DI)(R8*1), Y6); G64ADD(32(DI)(R8*1), Y7)
#define D83 D82; G64ADD((DI)(R8*2), Y8); G64ADD(32(DI)(R8*2), Y9)
#define D84 D83; G64ADD((R13), Y10); G64ADD(32(R13), Y11)
#define D41 G64ADD((DI), Y4)
#define D42 D41; G64ADD((DI)(R8*1), Y6)
#define D43 D42; G64ADD((DI)(R8*2), Y8)
#define D44 D43; G64ADD((R13), Y10)

// func gemm64SIMD(c *float64, ldc int, a *float64, ai, ak int, b *float64, ldb, rows, n, k int)
TEXT ·gemm64SIMD(SB), NOSPLIT, $0-80
	MOVQ rows+56(FP), AX
	CMPQ AX, $4
	JEQ  four
	CMPQ AX, $3
	JEQ  three
	CMPQ AX, $2
	JEQ  two
	JMP  gemm64Rows1<>(SB)

four:
	JMP gemm64Rows4<>(SB)

three:
	JMP gemm64Rows3<>(SB)

two:
	JMP gemm64Rows2<>(SB)

#define G64ARGS \
	MOVQ c+0(FP), DI; \
	MOVQ ldc+8(FP), R8; \
	MOVQ a+16(FP), SI; \
	MOVQ ai+24(FP), R9; \
	MOVQ ak+32(FP), R10; \
	MOVQ b+40(FP), DX; \
	MOVQ ldb+48(FP), R11; \
	MOVQ n+64(FP), CX; \
	SHLQ $3, R8; \
	SHLQ $3, R9; \
	SHLQ $3, R10; \
	SHLQ $3, R11

TEXT gemm64Rows1<>(SB), NOSPLIT, $0-80
	G64ARGS
	G64TILES(S81, S41, D81, D41)

TEXT gemm64Rows2<>(SB), NOSPLIT, $0-80
	G64ARGS
	G64TILES(S82, S42, D82, D42)

TEXT gemm64Rows3<>(SB), NOSPLIT, $0-80
	G64ARGS
	G64TILES(S83, S43, D83, D43)

TEXT gemm64Rows4<>(SB), NOSPLIT, $0-80
	G64ARGS
	G64TILES(S84, S44, D84, D44)

// Y0..Y3 rows of a 4 x 4 matrix -> Y8..Y11 its columns. Changes Y4..Y7.
#define TRANSPOSE64 \
	VUNPCKLPD  Y1, Y0, Y4; \
	VUNPCKHPD  Y1, Y0, Y5; \
	VUNPCKLPD  Y3, Y2, Y6; \
	VUNPCKHPD  Y3, Y2, Y7; \
	VPERM2F128 $0x20, Y6, Y4, Y8; \
	VPERM2F128 $0x20, Y7, Y5, Y9; \
	VPERM2F128 $0x31, Y6, Y4, Y10; \
	VPERM2F128 $0x31, Y7, Y5, Y11

// func interleaveSIMD(dst, s0, s1, s2, s3 *float64, n int)
TEXT ·interleaveSIMD(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ s0+8(FP), R8
	MOVQ s1+16(FP), R9
	MOVQ s2+24(FP), R10
	MOVQ s3+32(FP), R11
	MOVQ n+40(FP), CX

interleave:
	VMOVUPD (R8), Y0
	VMOVUPD (R9), Y1
	VMOVUPD (R10), Y2
	VMOVUPD (R11), Y3
	TRANSPOSE64
	VMOVUPD Y8, (DI)
	VMOVUPD Y9, 32(DI)
	VMOVUPD Y10, 64(DI)
	VMOVUPD Y11, 96(DI)
	ADDQ    $32, R8
	ADDQ    $32, R9
	ADDQ    $32, R10
	ADDQ    $32, R11
	ADDQ    $128, DI
	SUBQ    $4, CX
	JNZ     interleave
	VZEROUPPER
	RET

// func deinterleaveSIMD(d0, d1, d2, d3, src *float64, step, n int)
TEXT ·deinterleaveSIMD(SB), NOSPLIT, $0-56
	MOVQ d0+0(FP), R8
	MOVQ d1+8(FP), R9
	MOVQ d2+16(FP), R10
	MOVQ d3+24(FP), R11
	MOVQ src+32(FP), SI
	MOVQ step+40(FP), DX
	MOVQ n+48(FP), CX
	SHLQ $3, DX
	LEAQ (DX)(DX*2), BX

deinterleave:
	VMOVUPD (SI), Y0
	VMOVUPD (SI)(DX*1), Y1
	VMOVUPD (SI)(DX*2), Y2
	VMOVUPD (SI)(BX*1), Y3
	TRANSPOSE64
	VMOVUPD Y8, (R8)
	VMOVUPD Y9, (R9)
	VMOVUPD Y10, (R10)
	VMOVUPD Y11, (R11)
	LEAQ    (SI)(DX*4), SI
	ADDQ    $32, R8
	ADDQ    $32, R9
	ADDQ    $32, R10
	ADDQ    $32, R11
	SUBQ    $4, CX
	JNZ     deinterleave
	VZEROUPPER
	RET

// Cholesky panel. R8 row 0 of the panel, R9 row stride, R10 row 3, SI and DX
// rows j and j+1, R11 = 32 j, CX walking offset, BX inv, AX panel column.
// Y0..Y7: element (row r, column j+s) in Y(2r+s).
#define CHLOAD \
	VMOVUPD (R8)(R11*1), Y0; \
	VMOVUPD 32(R8)(R11*1), Y1; \
	VMOVUPD (R12)(R11*1), Y2; \
	VMOVUPD 32(R12)(R11*1), Y3; \
	VMOVUPD (R13)(R11*1), Y4; \
	VMOVUPD 32(R13)(R11*1), Y5; \
	VMOVUPD (R10)(R11*1), Y6; \
	VMOVUPD 32(R10)(R11*1), Y7

#define CHSUB(loop, end) \
	XORQ  CX, CX; \
	TESTQ R11, R11; \
	JZ    end; \
	PCALIGN $32; \
loop: \
	VMOVUPD      (SI)(CX*1), Y8; \
	VMOVUPD      (DX)(CX*1), Y9; \
	VMOVUPD      (R8)(CX*1), Y10; \
	VMOVUPD      (R12)(CX*1), Y11; \
	VMOVUPD      (R13)(CX*1), Y12; \
	VMOVUPD      (R10)(CX*1), Y13; \
	VFNMADD231PD Y10, Y8, Y0; \
	VFNMADD231PD Y10, Y9, Y1; \
	VFNMADD231PD Y11, Y8, Y2; \
	VFNMADD231PD Y11, Y9, Y3; \
	VFNMADD231PD Y12, Y8, Y4; \
	VFNMADD231PD Y12, Y9, Y5; \
	VFNMADD231PD Y13, Y8, Y6; \
	VFNMADD231PD Y13, Y9, Y7; \
	ADDQ $32, CX; \
	CMPQ CX, R11; \
	JLT  loop; \
end:

// Pivot in acc -> its root; 1/root to Y15 and memory.
#define CHPIVOT(acc, addr) \
	VMAXPD  Y14, acc, acc; \
	VSQRTPD acc, acc; \
	VMOVUPD ones64<>(SB), Y15; \
	VDIVPD  acc, Y15, Y15; \
	VMOVUPD Y15, addr

DATA ones64<>+0(SB)/8, $1.0
DATA ones64<>+8(SB)/8, $1.0
DATA ones64<>+16(SB)/8, $1.0
DATA ones64<>+24(SB)/8, $1.0
GLOBL ones64<>(SB), RODATA|NOPTR, $32

// func choleskyPanelSIMD(l *float64, n, i, from, to int, floor, inv *float64)
TEXT ·choleskyPanelSIMD(SB), NOSPLIT, $0-56
	MOVQ l+0(FP), SI
	MOVQ n+8(FP), R9
	MOVQ i+16(FP), AX
	MOVQ inv+48(FP), BX
	SHLQ $5, R9
	MOVQ R9, R8
	IMULQ AX, R8
	ADDQ SI, R8             // row i
	LEAQ (R8)(R9*1), R12
	LEAQ (R8)(R9*2), R13
	LEAQ (R12)(R9*2), R10
	SHLQ $5, AX
	CMPQ AX, R9
	JLE  bounded
	MOVQ R9, AX             // a panel of right-hand sides: all n columns

bounded:
	MOVQ    to+32(FP), CX
	SHLQ    $5, CX
	CMPQ    CX, AX
	CMOVQLT CX, AX
	MOVQ    from+24(FP), R11
	MOVQ    R9, DX
	IMULQ   R11, DX
	ADDQ    DX, SI
	SHLQ    $5, R11
	LEAQ    (SI)(R9*1), DX

columns:
	CMPQ R11, AX
	JGE  diagonal
	CHLOAD
	CHSUB(sub1, sub1end)
	VMOVUPD      (BX)(R11*1), Y8
	VMOVUPD      32(BX)(R11*1), Y9
	VMOVUPD      (DX)(R11*1), Y10
	VMULPD       Y8, Y0, Y0
	VMULPD       Y8, Y2, Y2
	VMULPD       Y8, Y4, Y4
	VMULPD       Y8, Y6, Y6
	VFNMADD231PD Y0, Y10, Y1
	VFNMADD231PD Y2, Y10, Y3
	VFNMADD231PD Y4, Y10, Y5
	VFNMADD231PD Y6, Y10, Y7
	VMULPD       Y9, Y1, Y1
	VMULPD       Y9, Y3, Y3
	VMULPD       Y9, Y5, Y5
	VMULPD       Y9, Y7, Y7
	VMOVUPD      Y0, (R8)(R11*1)
	VMOVUPD      Y1, 32(R8)(R11*1)
	VMOVUPD      Y2, (R12)(R11*1)
	VMOVUPD      Y3, 32(R12)(R11*1)
	VMOVUPD      Y4, (R13)(R11*1)
	VMOVUPD      Y5, 32(R13)(R11*1)
	VMOVUPD      Y6, (R10)(R11*1)
	VMOVUPD      Y7, 32(R10)(R11*1)
	ADDQ         $64, R11
	LEAQ         (SI)(R9*2), SI
	LEAQ         (DX)(R9*2), DX
	JMP          columns

diagonal:
	CMPQ R11, R9
	JGE  done
	MOVQ to+32(FP), CX
	SHLQ $5, CX
	CMPQ R11, CX
	JGE  done
	MOVQ floor+40(FP), CX
	VMOVUPD (CX), Y14

	// Columns i, i+1. SI and DX are rows i and i+1 now.
	CHLOAD
	CHSUB(sub2, sub2end)
	CHPIVOT(Y0, (BX)(R11*1))
	VMULPD       Y15, Y2, Y2
	VMULPD       Y15, Y4, Y4
	VMULPD       Y15, Y6, Y6
	VFNMADD231PD Y2, Y2, Y3
	VFNMADD231PD Y2, Y4, Y5
	VFNMADD231PD Y2, Y6, Y7
	CHPIVOT(Y3, 32(BX)(R11*1))
	VMULPD       Y15, Y5, Y5
	VMULPD       Y15, Y7, Y7
	VMOVUPD      Y0, (R8)(R11*1)
	VMOVUPD      Y2, (R12)(R11*1)
	VMOVUPD      Y3, 32(R12)(R11*1)
	VMOVUPD      Y4, (R13)(R11*1)
	VMOVUPD      Y5, 32(R13)(R11*1)
	VMOVUPD      Y6, (R10)(R11*1)
	VMOVUPD      Y7, 32(R10)(R11*1)

	// Columns i+2, i+3.
	ADDQ         $64, R11
	VMOVUPD      (R13)(R11*1), Y4
	VMOVUPD      (R10)(R11*1), Y6
	VMOVUPD      32(R10)(R11*1), Y7
	XORQ         CX, CX

sub3:
	VMOVUPD      (R13)(CX*1), Y8
	VMOVUPD      (R10)(CX*1), Y9
	VFNMADD231PD Y8, Y8, Y4
	VFNMADD231PD Y9, Y8, Y6
	VFNMADD231PD Y9, Y9, Y7
	ADDQ         $32, CX
	CMPQ         CX, R11
	JLT          sub3
	CHPIVOT(Y4, (BX)(R11*1))
	VMULPD       Y15, Y6, Y6
	VFNMADD231PD Y6, Y6, Y7
	CHPIVOT(Y7, 32(BX)(R11*1))
	VMOVUPD      Y4, (R13)(R11*1)
	VMOVUPD      Y6, (R10)(R11*1)
	VMOVUPD      Y7, 32(R10)(R11*1)

done:
	VZEROUPPER
	RET

// One column of a block of four: x = z inv, then the columns before it.
// func backPairSIMD(z, l *float64, n, low, stride int, inv *float64)
// DI, SI: right-hand sides; R8 row i of l, R9 its stride, R12 R13 R10 rows
// i+1..i+3; R11 = 32 i; BX inv. Y0..Y3 x of the first side, Y4..Y7 of the second.
TEXT ·backPairSIMD(SB), NOSPLIT, $0-48
	MOVQ z+0(FP), DI
	MOVQ l+8(FP), R8
	MOVQ n+16(FP), R11
	MOVQ low+24(FP), DX
	SHLQ $5, DX
	MOVQ stride+32(FP), R9
	MOVQ inv+40(FP), BX
	SHLQ $5, R9
	LEAQ (DI)(R9*1), SI
	SUBQ $4, R11
	MOVQ R11, AX
	IMULQ R9, AX
	ADDQ AX, R8
	SHLQ $5, R11

blocks:
	LEAQ    (R8)(R9*1), R12
	LEAQ    (R8)(R9*2), R13
	LEAQ    (R12)(R9*2), R10
	VMOVUPD (DI)(R11*1), Y0
	VMOVUPD 32(DI)(R11*1), Y1
	VMOVUPD 64(DI)(R11*1), Y2
	VMOVUPD 96(DI)(R11*1), Y3
	VMOVUPD (SI)(R11*1), Y4
	VMOVUPD 32(SI)(R11*1), Y5
	VMOVUPD 64(SI)(R11*1), Y6
	VMOVUPD 96(SI)(R11*1), Y7

	VMOVUPD      96(BX)(R11*1), Y8
	VMULPD       Y8, Y3, Y3
	VMULPD       Y8, Y7, Y7
	VMOVUPD      64(R10)(R11*1), Y9
	VFNMADD231PD Y3, Y9, Y2
	VFNMADD231PD Y7, Y9, Y6
	VMOVUPD      32(R10)(R11*1), Y9
	VFNMADD231PD Y3, Y9, Y1
	VFNMADD231PD Y7, Y9, Y5
	VMOVUPD      (R10)(R11*1), Y9
	VFNMADD231PD Y3, Y9, Y0
	VFNMADD231PD Y7, Y9, Y4

	VMOVUPD      64(BX)(R11*1), Y8
	VMULPD       Y8, Y2, Y2
	VMULPD       Y8, Y6, Y6
	VMOVUPD      32(R13)(R11*1), Y9
	VFNMADD231PD Y2, Y9, Y1
	VFNMADD231PD Y6, Y9, Y5
	VMOVUPD      (R13)(R11*1), Y9
	VFNMADD231PD Y2, Y9, Y0
	VFNMADD231PD Y6, Y9, Y4

	VMOVUPD      32(BX)(R11*1), Y8
	VMULPD       Y8, Y1, Y1
	VMULPD       Y8, Y5, Y5
	VMOVUPD      (R12)(R11*1), Y9
	VFNMADD231PD Y1, Y9, Y0
	VFNMADD231PD Y5, Y9, Y4

	VMOVUPD (BX)(R11*1), Y8
	VMULPD  Y8, Y0, Y0
	VMULPD  Y8, Y4, Y4

	VMOVUPD Y0, (DI)(R11*1)
	VMOVUPD Y1, 32(DI)(R11*1)
	VMOVUPD Y2, 64(DI)(R11*1)
	VMOVUPD Y3, 96(DI)(R11*1)
	VMOVUPD Y4, (SI)(R11*1)
	VMOVUPD Y5, 32(SI)(R11*1)
	VMOVUPD Y6, 64(SI)(R11*1)
	VMOVUPD Y7, 96(SI)(R11*1)

	XORQ  CX, CX
	TESTQ R11, R11
	JZ    done
	PCALIGN $32

update:
	VMOVUPD      (DI)(CX*1), Y8
	VMOVUPD      (SI)(CX*1), Y9
	VMOVUPD      (R10)(CX*1), Y10
	VMOVUPD      (R13)(CX*1), Y11
	VMOVUPD      (R12)(CX*1), Y12
	VMOVUPD      (R8)(CX*1), Y13
	VFNMADD231PD Y3, Y10, Y8
	VFNMADD231PD Y7, Y10, Y9
	VFNMADD231PD Y2, Y11, Y8
	VFNMADD231PD Y6, Y11, Y9
	VFNMADD231PD Y1, Y12, Y8
	VFNMADD231PD Y5, Y12, Y9
	VFNMADD231PD Y0, Y13, Y8
	VFNMADD231PD Y4, Y13, Y9
	VMOVUPD      Y8, (DI)(CX*1)
	VMOVUPD      Y9, (SI)(CX*1)
	ADDQ         $32, CX
	CMPQ         CX, R11
	JLT          update
	SHLQ         $2, R9
	SUBQ         R9, R8
	SHRQ         $2, R9
	SUBQ         $128, R11
	CMPQ         R11, DX
	JGE          blocks

done:
	VZEROUPPER
	RET

// Roll-out. DI arguments, R8 row to write, R9 offset of the channel in it, R10
// weights of the channel, R11 their stride, R12 channels left, R13 steps left,
// DX features, SI BX CX walking, AX scratch. Y15 counts clipped values.

// A result in acc: the change is added to the row before, bounds are applied.
// Changes Y12..Y14, Y4, AX.
#define ROLLEND(acc, off) \
	MOVQ         rollArgs_back(DI), AX; \
	ADDQ         R8, AX; \
	VMOVUPD      off(AX)(R9*1), Y14; \
	VBROADCASTSD rollArgs_poly(DI), Y4; \
	VANDPD       Y14, Y4, Y4; \
	VADDPD       Y4, acc, acc; \
	MOVQ         rollArgs_lo(DI), AX; \
	VMOVUPD      off(AX)(R9*1), Y12; \
	MOVQ         rollArgs_hi(DI), AX; \
	VMOVUPD      off(AX)(R9*1), Y13; \
	VCMPPD       $0x11, Y12, acc, Y4; \
	VBLENDVPD    Y4, Y12, acc, Y12; \
	VPSUBQ       Y4, Y15, Y15; \
	VCMPPD       $0x1e, Y13, acc, Y4; \
	VBLENDVPD    Y4, Y13, Y12, Y12; \
	VPSUBQ       Y4, Y15, Y15; \
	VCMPPD       $3, acc, acc, Y4; \
	VBLENDVPD    Y4, Y14, Y12, Y12; \
	VPSUBQ       Y4, Y15, Y15; \
	VMOVUPD      Y12, off(R8)(R9*1)

#define DOT3(off, a, b, c) \
	VMOVUPD     off(SI), Y12; \
	VFMADD231PD off(BX), Y12, a; \
	VFMADD231PD off(BX)(R11*1), Y12, b; \
	VFMADD231PD off(BX)(R11*2), Y12, c

#define DOT2(off, a, b) \
	VMOVUPD     off(SI), Y12; \
	VFMADD231PD off(BX), Y12, a; \
	VFMADD231PD off(BX)(R11*1), Y12, b

#define DOT1(off, a) \
	VMOVUPD     off(SI), Y12; \
	VFMADD231PD off(BX), Y12, a

#define ROLLSTART MOVQ DX, SI; LEAQ 32(R10), BX; MOVQ rollArgs_features(DI), CX
#define ROLLNEXT(bytes) ADDQ $bytes, SI; ADDQ $bytes, BX

// func rollSIMD(a *rollArgs)
TEXT ·rollSIMD(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DI
	MOVQ rollArgs_row(DI), R8
	MOVQ rollArgs_wstride(DI), R11
	MOVQ rollArgs_steps(DI), R13
	MOVQ rollArgs_count(DI), AX
	VMOVDQU (AX), Y15

step:
	MOVQ rollArgs_phi(DI), DX
	CMPQ rollArgs_mode(DI), $const_rollGather
	JEQ  gather
	JGT  lift
	MOVQ rollArgs_window(DI), DX
	ADDQ R8, DX
	JMP  channels

gather:
	// Order rows, oldest first.
	MOVQ DX, SI
	MOVQ rollArgs_order(DI), R9

gatherRow:
	MOVQ  rollArgs_back(DI), BX
	IMULQ R9, BX
	ADDQ  R8, BX
	MOVQ  rollArgs_c(DI), CX

gatherOne:
	VMOVUPD (BX), Y0
	VMOVUPD Y0, (SI)
	ADDQ    $32, BX
	ADDQ    $32, SI
	DECQ    CX
	JNZ     gatherOne
	DECQ    R9
	JNZ     gatherRow
	JMP     channels

lift:
	MOVQ DX, SI
	MOVQ rollArgs_back(DI), AX
	LEAQ (R8)(AX*1), BX     // row t-s
	LEAQ (BX)(AX*1), R9     // row t-2s
	LEAQ (R9)(AX*1), R12    // row t-3s
	MOVQ rollArgs_c(DI), CX

liftRow:
	VMOVUPD (BX), Y0
	VMOVUPD Y0, (SI)
	ADDQ    $32, BX
	ADDQ    $32, SI
	DECQ    CX
	JNZ     liftRow
	CMPQ    rollArgs_order(DI), $2
	JLT     pairs
	LEAQ    (R8)(AX*1), BX
	MOVQ    rollArgs_s1(DI), AX
	MOVQ    rollArgs_c(DI), CX

liftFirst:
	VMOVUPD      (BX), Y0
	VSUBPD       (R9), Y0, Y0
	VBROADCASTSD (AX), Y1
	VMULPD       Y1, Y0, Y0
	VMOVUPD      Y0, (SI)
	ADDQ         $32, BX
	ADDQ         $32, R9
	ADDQ         $32, SI
	ADDQ         $8, AX
	DECQ         CX
	JNZ          liftFirst
	CMPQ         rollArgs_order(DI), $3
	JLT          pairs
	MOVQ         rollArgs_back(DI), AX
	LEAQ         (R8)(AX*1), BX
	LEAQ         (BX)(AX*1), R9
	MOVQ         rollArgs_s2(DI), AX
	MOVQ         rollArgs_c(DI), CX

liftSecond:
	VMOVUPD      (BX), Y0
	VMOVUPD      (R9), Y1
	VADDPD       Y1, Y1, Y1
	VSUBPD       Y1, Y0, Y0
	VADDPD       (R12), Y0, Y0
	VBROADCASTSD (AX), Y1
	VMULPD       Y1, Y0, Y0
	VMOVUPD      Y0, (SI)
	ADDQ         $32, BX
	ADDQ         $32, R9
	ADDQ         $32, R12
	ADDQ         $32, SI
	ADDQ         $8, AX
	DECQ         CX
	JNZ          liftSecond

pairs:
	MOVQ rollArgs_lifted(DI), R9
	MOVQ DX, R12

pairRow:
	VMOVUPD (R12), Y0
	MOVQ    R12, BX
	MOVQ    R9, CX

pairOne:
	VMULPD  (BX), Y0, Y1
	VMOVUPD Y1, (SI)
	ADDQ    $32, BX
	ADDQ    $32, SI
	DECQ    CX
	JNZ     pairOne
	ADDQ    $32, R12
	DECQ    R9
	JNZ     pairRow
	CMPQ    rollArgs_mode(DI), $const_rollCubic
	JNE     channels

	// Triples: R9 and R12 count and walk i, AX and R10 count and walk j.
	MOVQ rollArgs_c(DI), R9
	MOVQ DX, R12

tripleRow:
	MOVQ R9, AX
	MOVQ R12, R10

triplePair:
	VMOVUPD (R12), Y0
	VMULPD  (R10), Y0, Y0
	MOVQ    R10, BX
	MOVQ    AX, CX

tripleOne:
	VMULPD  (BX), Y0, Y1
	VMOVUPD Y1, (SI)
	ADDQ    $32, BX
	ADDQ    $32, SI
	DECQ    CX
	JNZ     tripleOne
	ADDQ    $32, R10
	DECQ    AX
	JNZ     triplePair
	ADDQ    $32, R12
	DECQ    R9
	JNZ     tripleRow

channels:
	XORQ R9, R9
	MOVQ rollArgs_w(DI), R10
	MOVQ rollArgs_c(DI), R12

tile:
	CMPQ    R12, $3
	JLT     tile2
	ROLLSTART
	VMOVUPD (R10), Y0
	VMOVUPD (R10)(R11*1), Y1
	VMOVUPD (R10)(R11*2), Y2
	VXORPD  Y3, Y3, Y3
	VXORPD  Y4, Y4, Y4
	VXORPD  Y5, Y5, Y5
	VXORPD  Y6, Y6, Y6
	VXORPD  Y7, Y7, Y7
	VXORPD  Y8, Y8, Y8
	VXORPD  Y9, Y9, Y9
	VXORPD  Y10, Y10, Y10
	VXORPD  Y11, Y11, Y11
	SUBQ    $4, CX
	JLT     rest3
	PCALIGN $32

dot3:
	DOT3(0, Y0, Y1, Y2)
	DOT3(32, Y3, Y4, Y5)
	DOT3(64, Y6, Y7, Y8)
	DOT3(96, Y9, Y10, Y11)
	ROLLNEXT(128)
	SUBQ $4, CX
	JGE  dot3

rest3:
	ADDQ $4, CX
	JZ   sum3

one3:
	DOT3(0, Y0, Y1, Y2)
	ROLLNEXT(32)
	DECQ CX
	JNZ  one3

sum3:
	VADDPD Y3, Y0, Y0
	VADDPD Y9, Y6, Y6
	VADDPD Y6, Y0, Y0
	VADDPD Y4, Y1, Y1
	VADDPD Y10, Y7, Y7
	VADDPD Y7, Y1, Y1
	VADDPD Y5, Y2, Y2
	VADDPD Y11, Y8, Y8
	VADDPD Y8, Y2, Y2
	ROLLEND(Y0, 0)
	ROLLEND(Y1, 32)
	ROLLEND(Y2, 64)
	ADDQ   $96, R9
	LEAQ   (R10)(R11*2), R10
	ADDQ   R11, R10
	SUBQ   $3, R12
	JMP    tile

tile2:
	CMPQ    R12, $2
	JLT     tile1
	ROLLSTART
	VMOVUPD (R10), Y0
	VMOVUPD (R10)(R11*1), Y1
	VXORPD  Y3, Y3, Y3
	VXORPD  Y4, Y4, Y4
	VXORPD  Y6, Y6, Y6
	VXORPD  Y7, Y7, Y7
	VXORPD  Y9, Y9, Y9
	VXORPD  Y10, Y10, Y10
	SUBQ    $4, CX
	JLT     rest2

dot2:
	DOT2(0, Y0, Y1)
	DOT2(32, Y3, Y4)
	DOT2(64, Y6, Y7)
	DOT2(96, Y9, Y10)
	ROLLNEXT(128)
	SUBQ $4, CX
	JGE  dot2

rest2:
	ADDQ $4, CX
	JZ   sum2

one2:
	DOT2(0, Y0, Y1)
	ROLLNEXT(32)
	DECQ CX
	JNZ  one2

sum2:
	VADDPD Y3, Y0, Y0
	VADDPD Y9, Y6, Y6
	VADDPD Y6, Y0, Y0
	VADDPD Y4, Y1, Y1
	VADDPD Y10, Y7, Y7
	VADDPD Y7, Y1, Y1
	ROLLEND(Y0, 0)
	ROLLEND(Y1, 32)
	JMP    next

tile1:
	TESTQ   R12, R12
	JZ      next
	ROLLSTART
	VMOVUPD (R10), Y0
	VXORPD  Y3, Y3, Y3
	VXORPD  Y6, Y6, Y6
	VXORPD  Y9, Y9, Y9
	SUBQ    $4, CX
	JLT     rest1

dot1:
	DOT1(0, Y0)
	DOT1(32, Y3)
	DOT1(64, Y6)
	DOT1(96, Y9)
	ROLLNEXT(128)
	SUBQ $4, CX
	JGE  dot1

rest1:
	ADDQ $4, CX
	JZ   sum1

one1:
	DOT1(0, Y0)
	ROLLNEXT(32)
	DECQ CX
	JNZ  one1

sum1:
	VADDPD Y3, Y0, Y0
	VADDPD Y9, Y6, Y6
	VADDPD Y6, Y0, Y0
	ROLLEND(Y0, 0)

next:
	MOVQ rollArgs_c(DI), AX
	SHLQ $5, AX
	ADDQ AX, R8
	DECQ R13
	JNZ  step
	MOVQ rollArgs_count(DI), AX
	VMOVDQU Y15, (AX)
	VZEROUPPER
	RET

// func squaredDistanceSIMD(a, b *float64, n int, sum *float64)
TEXT ·squaredDistanceSIMD(SB), NOSPLIT, $0-32
	MOVQ   a+0(FP), SI
	MOVQ   b+8(FP), DX
	MOVQ   n+16(FP), CX
	MOVQ    sum+24(FP), DI
	VMOVUPD (DI), Y0

distance:
	VMOVUPD (SI), Y1
	VSUBPD  (DX), Y1, Y1
	VMULPD  Y1, Y1, Y1
	VADDPD  Y1, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $4, CX
	JNZ     distance
	VMOVUPD Y0, (DI)
	VZEROUPPER
	RET

// func momentsSIMD(x *float64, n int, mid float64, out *float64)
TEXT ·momentsSIMD(SB), NOSPLIT, $0-32
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSD mid+16(FP), Y3
	MOVQ         out+24(FP), DI
	VBROADCASTSD absMask64<>(SB), Y4
	VMOVUPD      (DI), Y0
	VMOVUPD      32(DI), Y1
	VMOVUPD      64(DI), Y2

moments:
	VMOVUPD (SI), Y5
	VADDPD  Y5, Y0, Y0
	VMULPD  Y5, Y5, Y6
	VADDPD  Y6, Y1, Y1
	VSUBPD  Y3, Y5, Y5
	VANDPD  Y4, Y5, Y5
	VMAXPD  Y2, Y5, Y2          // NaN in Y5: the second operand stays
	ADDQ    $32, SI
	SUBQ    $4, CX
	JNZ     moments
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VZEROUPPER
	RET

// func slideSIMD(dst, src, x, y *float64, n int, alpha, beta float64)
TEXT ·slideSIMD(SB), NOSPLIT, $0-56
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         x+16(FP), DX
	MOVQ         y+24(FP), BX
	MOVQ         n+32(FP), CX
	VBROADCASTSD alpha+40(FP), Y0
	VBROADCASTSD beta+48(FP), Y3

slide:
	VMULPD  (DX), Y0, Y1
	VADDPD  (SI), Y1, Y1
	VMULPD  (BX), Y3, Y2
	VSUBPD  Y2, Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX
	JNZ     slide
	VZEROUPPER
	RET

DATA tiny64<>+0(SB)/8, $1e-300
GLOBL tiny64<>(SB), RODATA|NOPTR, $8
DATA fraction64<>+0(SB)/8, $0x000fffffffffffff
GLOBL fraction64<>(SB), RODATA|NOPTR, $8

// func pentadiagonalSIMD(a *pentaArgs)
// Y0 lambda, Y1 quad, Y2 product, Y3 exponents, Y4 l1, Y5 e1, Y6 l2, Y7 f,
// Y8 l2 f two rows back, Y9 l2 two rows back, Y10 g1, Y11 g2.
TEXT ·pentadiagonalSIMD(SB), NOSPLIT, $0-8
	MOVQ    a+0(FP), DI
	MOVQ    pentaArgs_r0(DI), R8
	MOVQ    pentaArgs_r1(DI), R9
	MOVQ    pentaArgs_q0(DI), R10
	MOVQ    pentaArgs_q1(DI), R11
	MOVQ    pentaArgs_q2(DI), R12
	MOVQ    pentaArgs_b(DI), R13
	MOVQ    pentaArgs_n(DI), CX
	VMOVUPD pentaArgs_lambda(DI), Y0
	VMOVUPD pentaArgs_quad(DI), Y1
	VMOVUPD pentaArgs_prod(DI), Y2
	VMOVUPD pentaArgs_exponent(DI), Y3
	VMOVUPD pentaArgs_l1(DI), Y4
	VMOVUPD pentaArgs_e1(DI), Y5
	VMOVUPD pentaArgs_l2(DI), Y6
	VMOVUPD pentaArgs_f(DI), Y7
	VMOVUPD pentaArgs_m(DI), Y8
	VMOVUPD pentaArgs_l2old(DI), Y9
	VMOVUPD pentaArgs_g1(DI), Y10
	VMOVUPD pentaArgs_g2(DI), Y11
	XORQ    AX, AX

row:
	// d = r0 + lambda q0 - l1 e1 - (l2 f two rows back)
	VBROADCASTSD (R8)(AX*8), Y12
	VBROADCASTSD (R10)(AX*8), Y13
	VFMADD231PD  Y13, Y0, Y12
	VSUBPD       Y8, Y12, Y12
	VFNMADD231PD Y4, Y5, Y12
	VBROADCASTSD tiny64<>(SB), Y13
	VMAXPD       Y13, Y12, Y12

	// g = b - l1 g1 - l2old g2
	VBROADCASTSD (R13)(AX*8), Y14
	VFNMADD231PD Y4, Y10, Y14
	VFNMADD231PD Y9, Y11, Y14
	VMOVAPD      Y10, Y11
	VMOVAPD      Y14, Y10

	// e = r1 + lambda q1 - l1 f, then f = lambda q2; l2old and l2 f move on.
	VBROADCASTSD (R9)(AX*8), Y5
	VBROADCASTSD (R11)(AX*8), Y13
	VFMADD231PD  Y13, Y0, Y5
	VFNMADD231PD Y4, Y7, Y5
	VMULPD       Y6, Y7, Y8
	VMOVAPD      Y6, Y9
	VBROADCASTSD (R12)(AX*8), Y13
	VMULPD       Y13, Y0, Y7
	VMOVUPD      ones64<>(SB), Y15
	VDIVPD       Y12, Y15, Y13
	VMULPD       Y13, Y5, Y4
	VMULPD       Y13, Y7, Y6
	VMULPD       Y14, Y14, Y14
	VFMADD231PD  Y13, Y14, Y1

	// The product keeps its fraction; exponents add up.
	VMULPD       Y12, Y2, Y2
	VPSRLQ       $52, Y2, Y12
	VPADDQ       Y12, Y3, Y3
	VBROADCASTSD fraction64<>(SB), Y13
	VANDPD       Y13, Y2, Y2
	VORPD        Y15, Y2, Y2
	INCQ         AX
	CMPQ         AX, CX
	JLT          row
	VMOVUPD Y1, pentaArgs_quad(DI)
	VMOVUPD Y2, pentaArgs_prod(DI)
	VMOVUPD Y3, pentaArgs_exponent(DI)
	VMOVUPD Y4, pentaArgs_l1(DI)
	VMOVUPD Y5, pentaArgs_e1(DI)
	VMOVUPD Y6, pentaArgs_l2(DI)
	VMOVUPD Y7, pentaArgs_f(DI)
	VMOVUPD Y8, pentaArgs_m(DI)
	VMOVUPD Y9, pentaArgs_l2old(DI)
	VMOVUPD Y10, pentaArgs_g1(DI)
	VMOVUPD Y11, pentaArgs_g2(DI)
	VZEROUPPER
	RET
