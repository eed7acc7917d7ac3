//go:build amd64 && !noasm

#include "go_asm.h"
#include "textflag.h"

// Kernels of Runge-Kutta steps: a row is the eight lanes of one component, 64 bytes.
// The bodies of AVX2 do the first four lanes of each row that they are pointed at.

DATA stepOne<>+0(SB)/8, $1.0
GLOBL stepOne<>(SB), RODATA|NOPTR, $8
DATA stepAbs<>+0(SB)/8, $0x7fffffffffffffff
GLOBL stepAbs<>(SB), RODATA|NOPTR, $8

// The next monomial, an earlier one times a variable: R8 its link, R9 the first
// monomial, R11 this one, DX the variables.
#define CUBICNEXTZ \
	ADDQ $8, R8; \
	ADDQ $64, R11; \
	MOVL (R8), AX; \
	MOVL 4(R8), R10; \
	VMOVUPD (R9)(AX*1), Z0; \
	VMULPD (DX)(R10*1), Z0, Z0; \
	VMOVUPD Z0, (R11)

#define CUBICNEXTY \
	ADDQ $8, R8; \
	ADDQ $64, R11; \
	MOVL (R8), AX; \
	MOVL 4(R8), R10; \
	VMOVUPD (R9)(AX*1), Y0; \
	VMULPD (DX)(R10*1), Y0, Y0; \
	VMOVUPD Y0, (R11)

// func cubicAVX512(dx, coef, x, work *float64, links *cubicLink, count, n int)
TEXT ·cubicAVX512(SB), NOSPLIT, $0-56
	MOVQ         dx+0(FP), DI
	MOVQ         coef+8(FP), SI
	MOVQ         x+16(FP), DX
	MOVQ         work+24(FP), R9
	MOVQ         links+32(FP), R8
	MOVQ         count+40(FP), CX
	MOVQ         n+48(FP), BX
	MOVQ         R9, R11
	VBROADCASTSD stepOne<>(SB), Z0
	VMOVUPD      Z0, (R9)
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	CMPQ         BX, $5
	JEQ          vars5
	CMPQ         BX, $4
	JEQ          vars4
	CMPQ         BX, $3
	JEQ          vars3
	CMPQ         BX, $2
	JEQ          vars2

vars1:
	VMULPD  0(SI), Z0, Z6
	VADDPD  Z6, Z1, Z1
	ADDQ    $64, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTZ
	JMP     vars1

vars2:
	VMULPD  0(SI), Z0, Z6
	VADDPD  Z6, Z1, Z1
	VMULPD  64(SI), Z0, Z7
	VADDPD  Z7, Z2, Z2
	ADDQ    $128, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTZ
	JMP     vars2

vars3:
	VMULPD  0(SI), Z0, Z6
	VADDPD  Z6, Z1, Z1
	VMULPD  64(SI), Z0, Z7
	VADDPD  Z7, Z2, Z2
	VMULPD  128(SI), Z0, Z8
	VADDPD  Z8, Z3, Z3
	ADDQ    $192, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTZ
	JMP     vars3

vars4:
	VMULPD  0(SI), Z0, Z6
	VADDPD  Z6, Z1, Z1
	VMULPD  64(SI), Z0, Z7
	VADDPD  Z7, Z2, Z2
	VMULPD  128(SI), Z0, Z8
	VADDPD  Z8, Z3, Z3
	VMULPD  192(SI), Z0, Z9
	VADDPD  Z9, Z4, Z4
	ADDQ    $256, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTZ
	JMP     vars4

vars5:
	VMULPD  0(SI), Z0, Z6
	VADDPD  Z6, Z1, Z1
	VMULPD  64(SI), Z0, Z7
	VADDPD  Z7, Z2, Z2
	VMULPD  128(SI), Z0, Z8
	VADDPD  Z8, Z3, Z3
	VMULPD  192(SI), Z0, Z9
	VADDPD  Z9, Z4, Z4
	VMULPD  256(SI), Z0, Z10
	VADDPD  Z10, Z5, Z5
	ADDQ    $320, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTZ
	JMP     vars5

cubicDone:

	VMOVUPD Z1, (DI)
	CMPQ    BX, $1
	JEQ     cubicEnd
	VMOVUPD Z2, 64(DI)
	CMPQ    BX, $2
	JEQ     cubicEnd
	VMOVUPD Z3, 128(DI)
	CMPQ    BX, $3
	JEQ     cubicEnd
	VMOVUPD Z4, 192(DI)
	CMPQ    BX, $4
	JEQ     cubicEnd
	VMOVUPD Z5, 256(DI)

cubicEnd:
	VZEROUPPER
	RET

// func combineAVX512(dst, base, scale, k *float64, stride int, w *float64, count, n int)
TEXT ·combineAVX512(SB), NOSPLIT, $0-64
	MOVQ    dst+0(FP), DI
	MOVQ    base+8(FP), SI
	MOVQ    scale+16(FP), AX
	MOVQ    k+24(FP), DX
	MOVQ    stride+32(FP), R8
	MOVQ    w+40(FP), R9
	MOVQ    count+48(FP), R10
	MOVQ    n+56(FP), CX
	SHLQ    $3, R8
	VMOVUPD (AX), Z0

combineRow:
	MOVQ         DX, R11
	MOVQ         R9, R12
	MOVQ         R10, R13
	VBROADCASTSD (R12), Z1
	VMULPD       (R11), Z1, Z2
	JMP          combineNext

combineTerm:
	ADDQ         R8, R11
	ADDQ         $8, R12
	VBROADCASTSD (R12), Z1
	VMULPD       (R11), Z1, Z3
	VADDPD       Z3, Z2, Z2

combineNext:
	DECQ    R13
	JNZ     combineTerm
	VMULPD  Z0, Z2, Z2
	VADDPD  (SI), Z2, Z2
	VMOVUPD Z2, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	DECQ    CX
	JNZ     combineRow
	VZEROUPPER
	RET

// func sumLanesAVX512(a *stepSumArgs)
TEXT ·sumLanesAVX512(SB), NOSPLIT, $0-8
	MOVQ         a+0(FP), AX
	MOVQ         stepSumArgs_old(AX), SI
	MOVQ         stepSumArgs_new(AX), DX
	MOVQ         stepSumArgs_last(AX), R8
	MOVQ         stepSumArgs_err(AX), R9
	MOVQ         stepSumArgs_atol(AX), R10
	MOVQ         stepSumArgs_rtol(AX), BX
	MOVQ         stepSumArgs_slope(AX), R11
	MOVQ         stepSumArgs_newSlope(AX), R12
	MOVQ         stepSumArgs_out(AX), DI
	MOVQ         stepSumArgs_n(AX), CX
	VMOVUPD      (BX), Z8
	VBROADCASTSD stepAbs<>(SB), Z9
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	XORQ         AX, AX

sumRow:
	VMOVUPD (DX)(AX*1), Z4
	VSUBPD  (R8)(AX*1), Z4, Z5
	VMULPD  Z5, Z5, Z5
	VADDPD  Z5, Z2, Z2
	VANDPD  Z9, Z4, Z4
	VMAXPD  Z3, Z4, Z3       // NaN: the second operand stays
	VANDPD  (SI)(AX*1), Z9, Z6
	VMAXPD  Z4, Z6, Z6
	VMULPD  Z6, Z8, Z6
	VADDPD  (R10)(AX*1), Z6, Z6
	VMOVUPD (R9)(AX*1), Z7
	VDIVPD  Z6, Z7, Z7
	VMULPD  Z7, Z7, Z7
	VADDPD  Z7, Z0, Z0
	VMOVUPD (R12)(AX*1), Z5
	VSUBPD  (R11)(AX*1), Z5, Z5
	VMULPD  Z5, Z5, Z5
	VADDPD  Z5, Z1, Z1
	ADDQ    $64, AX
	DECQ    CX
	JNZ     sumRow
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	VMOVUPD Z2, 128(DI)
	VMOVUPD Z3, 192(DI)
	VZEROUPPER
	RET

// func cubicSIMD(dx, coef, x, work *float64, links *cubicLink, count, n int)
TEXT ·cubicSIMD(SB), NOSPLIT, $0-56
	MOVQ         dx+0(FP), DI
	MOVQ         coef+8(FP), SI
	MOVQ         x+16(FP), DX
	MOVQ         work+24(FP), R9
	MOVQ         links+32(FP), R8
	MOVQ         count+40(FP), CX
	MOVQ         n+48(FP), BX
	MOVQ         R9, R11
	VBROADCASTSD stepOne<>(SB), Y0
	VMOVUPD      Y0, (R9)
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	CMPQ         BX, $5
	JEQ          vars5
	CMPQ         BX, $4
	JEQ          vars4
	CMPQ         BX, $3
	JEQ          vars3
	CMPQ         BX, $2
	JEQ          vars2

vars1:
	VMULPD  0(SI), Y0, Y6
	VADDPD  Y6, Y1, Y1
	ADDQ    $64, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTY
	JMP     vars1

vars2:
	VMULPD  0(SI), Y0, Y6
	VADDPD  Y6, Y1, Y1
	VMULPD  64(SI), Y0, Y7
	VADDPD  Y7, Y2, Y2
	ADDQ    $128, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTY
	JMP     vars2

vars3:
	VMULPD  0(SI), Y0, Y6
	VADDPD  Y6, Y1, Y1
	VMULPD  64(SI), Y0, Y7
	VADDPD  Y7, Y2, Y2
	VMULPD  128(SI), Y0, Y8
	VADDPD  Y8, Y3, Y3
	ADDQ    $192, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTY
	JMP     vars3

vars4:
	VMULPD  0(SI), Y0, Y6
	VADDPD  Y6, Y1, Y1
	VMULPD  64(SI), Y0, Y7
	VADDPD  Y7, Y2, Y2
	VMULPD  128(SI), Y0, Y8
	VADDPD  Y8, Y3, Y3
	VMULPD  192(SI), Y0, Y9
	VADDPD  Y9, Y4, Y4
	ADDQ    $256, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTY
	JMP     vars4

vars5:
	VMULPD  0(SI), Y0, Y6
	VADDPD  Y6, Y1, Y1
	VMULPD  64(SI), Y0, Y7
	VADDPD  Y7, Y2, Y2
	VMULPD  128(SI), Y0, Y8
	VADDPD  Y8, Y3, Y3
	VMULPD  192(SI), Y0, Y9
	VADDPD  Y9, Y4, Y4
	VMULPD  256(SI), Y0, Y10
	VADDPD  Y10, Y5, Y5
	ADDQ    $320, SI
	DECQ    CX
	JZ      cubicDone
	CUBICNEXTY
	JMP     vars5

cubicDone:

	VMOVUPD Y1, (DI)
	CMPQ    BX, $1
	JEQ     cubicEnd
	VMOVUPD Y2, 64(DI)
	CMPQ    BX, $2
	JEQ     cubicEnd
	VMOVUPD Y3, 128(DI)
	CMPQ    BX, $3
	JEQ     cubicEnd
	VMOVUPD Y4, 192(DI)
	CMPQ    BX, $4
	JEQ     cubicEnd
	VMOVUPD Y5, 256(DI)

cubicEnd:
	VZEROUPPER
	RET

// func combineSIMD(dst, base, scale, k *float64, stride int, w *float64, count, n int)
TEXT ·combineSIMD(SB), NOSPLIT, $0-64
	MOVQ    dst+0(FP), DI
	MOVQ    base+8(FP), SI
	MOVQ    scale+16(FP), AX
	MOVQ    k+24(FP), DX
	MOVQ    stride+32(FP), R8
	MOVQ    w+40(FP), R9
	MOVQ    count+48(FP), R10
	MOVQ    n+56(FP), CX
	SHLQ    $3, R8
	VMOVUPD (AX), Y0

combineRow:
	MOVQ         DX, R11
	MOVQ         R9, R12
	MOVQ         R10, R13
	VBROADCASTSD (R12), Y1
	VMULPD       (R11), Y1, Y2
	JMP          combineNext

combineTerm:
	ADDQ         R8, R11
	ADDQ         $8, R12
	VBROADCASTSD (R12), Y1
	VMULPD       (R11), Y1, Y3
	VADDPD       Y3, Y2, Y2

combineNext:
	DECQ    R13
	JNZ     combineTerm
	VMULPD  Y0, Y2, Y2
	VADDPD  (SI), Y2, Y2
	VMOVUPD Y2, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	DECQ    CX
	JNZ     combineRow
	VZEROUPPER
	RET

// func sumLanesSIMD(a *stepSumArgs)
TEXT ·sumLanesSIMD(SB), NOSPLIT, $0-8
	MOVQ         a+0(FP), AX
	MOVQ         stepSumArgs_old(AX), SI
	MOVQ         stepSumArgs_new(AX), DX
	MOVQ         stepSumArgs_last(AX), R8
	MOVQ         stepSumArgs_err(AX), R9
	MOVQ         stepSumArgs_atol(AX), R10
	MOVQ         stepSumArgs_rtol(AX), BX
	MOVQ         stepSumArgs_slope(AX), R11
	MOVQ         stepSumArgs_newSlope(AX), R12
	MOVQ         stepSumArgs_out(AX), DI
	MOVQ         stepSumArgs_n(AX), CX
	VMOVUPD      (BX), Y8
	VBROADCASTSD stepAbs<>(SB), Y9
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	XORQ         AX, AX

sumRow:
	VMOVUPD (DX)(AX*1), Y4
	VSUBPD  (R8)(AX*1), Y4, Y5
	VMULPD  Y5, Y5, Y5
	VADDPD  Y5, Y2, Y2
	VANDPD  Y9, Y4, Y4
	VMAXPD  Y3, Y4, Y3       // NaN: the second operand stays
	VANDPD  (SI)(AX*1), Y9, Y6
	VMAXPD  Y4, Y6, Y6
	VMULPD  Y6, Y8, Y6
	VADDPD  (R10)(AX*1), Y6, Y6
	VMOVUPD (R9)(AX*1), Y7
	VDIVPD  Y6, Y7, Y7
	VMULPD  Y7, Y7, Y7
	VADDPD  Y7, Y0, Y0
	VMOVUPD (R12)(AX*1), Y5
	VSUBPD  (R11)(AX*1), Y5, Y5
	VMULPD  Y5, Y5, Y5
	VADDPD  Y5, Y1, Y1
	ADDQ    $64, AX
	DECQ    CX
	JNZ     sumRow
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 64(DI)
	VMOVUPD Y2, 128(DI)
	VMOVUPD Y3, 192(DI)
	VZEROUPPER
	RET
