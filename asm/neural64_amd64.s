//go:build amd64 && !noasm

#include "go_asm.h"
#include "textflag.h"

// Kernels of small networks in float64. Nothing is fused.

// func affineAVX512(y, b, w, x *float64, rows, cols int)
TEXT ·affineAVX512(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ b+8(FP), SI
	MOVQ w+16(FP), DX
	MOVQ x+24(FP), R8
	MOVQ rows+32(FP), CX
	MOVQ cols+40(FP), R9
	LEAQ (CX*8), R10

affineRows:
	VMOVUPD (SI), Z0
	MOVQ    DX, R11
	MOVQ    R8, R12
	MOVQ    R9, R13

affineColumn:
	VBROADCASTSD (R12), Z1
	VMULPD       (R11), Z1, Z1
	VADDPD       Z1, Z0, Z0
	ADDQ         R10, R11
	ADDQ         $8, R12
	DECQ         R13
	JNZ          affineColumn
	VMOVUPD      Z0, (DI)
	ADDQ         $64, DI
	ADDQ         $64, SI
	ADDQ         $64, DX
	SUBQ         $8, CX
	JNZ          affineRows
	VZEROUPPER
	RET

// func tanh64AVX512(x *float64, n int, t *neuralTable)
TEXT ·tanh64AVX512(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ t+16(FP), BX
	VBROADCASTSD neuralTable_magic(BX), Z8
	VBROADCASTSD neuralTable_ln2Hi(BX), Z9
	VBROADCASTSD neuralTable_ln2Lo(BX), Z10
	VBROADCASTSD neuralTable_one(BX), Z11
	VBROADCASTSD neuralTable_perLn2(BX), Z12
	VPBROADCASTQ neuralTable_low(BX), Z13
	VPBROADCASTQ neuralTable_high(BX), Z14
	VPBROADCASTQ neuralTable_bias(BX), Z15

tanhGroup:
	VMOVUPD (DI), Z0
	VADDPD Z0, Z0, Z1
	VBROADCASTSD neuralTable_most(BX), Z2
	VMINPD Z1, Z2, Z1           // NaN: the second operand stays
	VBROADCASTSD neuralTable_least(BX), Z2
	VMAXPD Z1, Z2, Z1
	VMULPD Z12, Z1, Z2
	VADDPD Z8, Z2, Z2           // m
	VSUBPD Z8, Z2, Z3           // d
	VMULPD Z9, Z3, Z4
	VSUBPD Z4, Z1, Z1
	VMULPD Z10, Z3, Z4
	VSUBPD Z4, Z1, Z1           // r
	VBROADCASTSD neuralTable_fourth(BX), Z3
	VMULPD Z3, Z1, Z3
	VBROADCASTSD neuralTable_sixth(BX), Z4
	VADDPD Z4, Z3, Z3
	VMULPD Z3, Z1, Z3
	VBROADCASTSD neuralTable_half(BX), Z4
	VADDPD Z4, Z3, Z3
	VMULPD Z3, Z1, Z3
	VADDPD Z11, Z3, Z3
	VMULPD Z3, Z1, Z3
	VADDPD Z11, Z3, Z3           // p
	VPANDQ Z13, Z2, Z4
	KXNORB K1, K1, K1
	VGATHERQPD neuralTable_exp2(BX)(Z4*8), K1, Z5
	VPADDQ Z15, Z2, Z2
	VPANDQ Z14, Z2, Z2
	VPSLLQ $46, Z2, Z2
	VMULPD Z3, Z5, Z5
	VMULPD Z2, Z5, Z5
	VADDPD Z11, Z5, Z5
	VBROADCASTSD neuralTable_two(BX), Z4
	VDIVPD Z5, Z4, Z5
	VSUBPD Z5, Z11, Z5
	VBROADCASTSD neuralTable_flat(BX), Z4
	VCMPPD $14, Z4, Z0, K1
	VMOVAPD Z11, K1, Z5
	VBROADCASTSD neuralTable_minusFlat(BX), Z4
	VBROADCASTSD neuralTable_minusOne(BX), Z6
	VCMPPD $1, Z4, Z0, K1
	VMOVAPD Z6, K1, Z5
	VMOVUPD Z5, (DI)
	ADDQ $64, DI
	SUBQ $8, CX
	JNZ tanhGroup
	VZEROUPPER
	RET

// func sin64AVX512(x *float64, n int, t *neuralTable) int
TEXT ·sin64AVX512(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ t+16(FP), BX
	XORQ DX, DX
	VBROADCASTSD neuralTable_magic(BX), Z8
	VBROADCASTSD neuralTable_perPi(BX), Z9
	VBROADCASTSD neuralTable_piHi(BX), Z10
	VBROADCASTSD neuralTable_piMid(BX), Z11
	VBROADCASTSD neuralTable_piLo(BX), Z12
	VBROADCASTSD neuralTable_reach(BX), Z13
	VPBROADCASTQ neuralTable_abs(BX), Z14

sinGroup:
	VMOVUPD (DI), Z0
	VPANDQ Z14, Z0, Z1
	VCMPPD $1, Z13, Z1, K1
	KMOVB K1, AX
	CMPB AX, $0xff
	JNE sinEnd
	VMULPD Z9, Z0, Z1
	VADDPD Z8, Z1, Z1
	VSUBPD Z8, Z1, Z2
	VPSLLQ $63, Z1, Z1
	VMULPD Z10, Z2, Z3
	VSUBPD Z3, Z0, Z0
	VMULPD Z11, Z2, Z3
	VSUBPD Z3, Z0, Z0
	VMULPD Z12, Z2, Z3
	VSUBPD Z3, Z0, Z0
	VMULPD Z0, Z0, Z2           // z
	VMULPD Z2, Z2, Z3           // its square
	VBROADCASTSD neuralTable_s15(BX), Z4
	VMULPD Z4, Z2, Z4
	VBROADCASTSD neuralTable_s13(BX), Z5
	VSUBPD Z4, Z5, Z4
	VMULPD Z4, Z2, Z4
	VBROADCASTSD neuralTable_s11(BX), Z5
	VADDPD Z5, Z4, Z4           // c
	VBROADCASTSD neuralTable_s9(BX), Z5
	VMULPD Z5, Z2, Z5
	VBROADCASTSD neuralTable_s7(BX), Z6
	VADDPD Z6, Z5, Z5           // b
	VMULPD Z4, Z3, Z4
	VADDPD Z4, Z5, Z4
	VMULPD Z4, Z3, Z4
	VBROADCASTSD neuralTable_s5(BX), Z5
	VMULPD Z5, Z2, Z5
	VBROADCASTSD neuralTable_s3(BX), Z6
	VADDPD Z6, Z5, Z5           // a
	VADDPD Z4, Z5, Z4
	VMULPD Z2, Z0, Z5
	VMULPD Z4, Z5, Z4
	VADDPD Z4, Z0, Z0
	VPXORQ Z1, Z0, Z0
	VMOVUPD Z0, (DI)
	ADDQ $64, DI
	ADDQ $8, DX
	CMPQ DX, CX
	JLT sinGroup

sinEnd:
	MOVQ DX, ret+24(FP)
	VZEROUPPER
	RET

// func affineSIMD(y, b, w, x *float64, rows, cols int)
TEXT ·affineSIMD(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ b+8(FP), SI
	MOVQ w+16(FP), DX
	MOVQ x+24(FP), R8
	MOVQ rows+32(FP), CX
	MOVQ cols+40(FP), R9
	LEAQ (CX*8), R10

affineRows:
	VMOVUPD (SI), Y0
	MOVQ    DX, R11
	MOVQ    R8, R12
	MOVQ    R9, R13

affineColumn:
	VBROADCASTSD (R12), Y1
	VMULPD       (R11), Y1, Y1
	VADDPD       Y1, Y0, Y0
	ADDQ         R10, R11
	ADDQ         $8, R12
	DECQ         R13
	JNZ          affineColumn
	VMOVUPD      Y0, (DI)
	ADDQ         $32, DI
	ADDQ         $32, SI
	ADDQ         $32, DX
	SUBQ         $4, CX
	JNZ          affineRows
	VZEROUPPER
	RET

// func tanh64SIMD(x *float64, n int, t *neuralTable)
TEXT ·tanh64SIMD(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ t+16(FP), BX
	VBROADCASTSD neuralTable_magic(BX), Y8
	VBROADCASTSD neuralTable_ln2Hi(BX), Y9
	VBROADCASTSD neuralTable_ln2Lo(BX), Y10
	VBROADCASTSD neuralTable_one(BX), Y11
	VBROADCASTSD neuralTable_perLn2(BX), Y12
	VPBROADCASTQ neuralTable_low(BX), Y13
	VPBROADCASTQ neuralTable_high(BX), Y14
	VPBROADCASTQ neuralTable_bias(BX), Y15

tanhGroup:
	VMOVUPD (DI), Y0
	VADDPD Y0, Y0, Y1
	VBROADCASTSD neuralTable_most(BX), Y2
	VMINPD Y1, Y2, Y1           // NaN: the second operand stays
	VBROADCASTSD neuralTable_least(BX), Y2
	VMAXPD Y1, Y2, Y1
	VMULPD Y12, Y1, Y2
	VADDPD Y8, Y2, Y2           // m
	VSUBPD Y8, Y2, Y3           // d
	VMULPD Y9, Y3, Y4
	VSUBPD Y4, Y1, Y1
	VMULPD Y10, Y3, Y4
	VSUBPD Y4, Y1, Y1           // r
	VBROADCASTSD neuralTable_fourth(BX), Y3
	VMULPD Y3, Y1, Y3
	VBROADCASTSD neuralTable_sixth(BX), Y4
	VADDPD Y4, Y3, Y3
	VMULPD Y3, Y1, Y3
	VBROADCASTSD neuralTable_half(BX), Y4
	VADDPD Y4, Y3, Y3
	VMULPD Y3, Y1, Y3
	VADDPD Y11, Y3, Y3
	VMULPD Y3, Y1, Y3
	VADDPD Y11, Y3, Y3           // p
	VPAND Y13, Y2, Y4
	VPCMPEQD Y6, Y6, Y6
	VGATHERQPD Y6, neuralTable_exp2(BX)(Y4*8), Y5
	VPADDQ Y15, Y2, Y2
	VPAND Y14, Y2, Y2
	VPSLLQ $46, Y2, Y2
	VMULPD Y3, Y5, Y5
	VMULPD Y2, Y5, Y5
	VADDPD Y11, Y5, Y5
	VBROADCASTSD neuralTable_two(BX), Y4
	VDIVPD Y5, Y4, Y5
	VSUBPD Y5, Y11, Y5
	VBROADCASTSD neuralTable_flat(BX), Y4
	VCMPPD $14, Y4, Y0, Y6
	VBLENDVPD Y6, Y11, Y5, Y5
	VBROADCASTSD neuralTable_minusFlat(BX), Y4
	VBROADCASTSD neuralTable_minusOne(BX), Y6
	VCMPPD $1, Y4, Y0, Y7
	VBLENDVPD Y7, Y6, Y5, Y5
	VMOVUPD Y5, (DI)
	ADDQ $32, DI
	SUBQ $4, CX
	JNZ tanhGroup
	VZEROUPPER
	RET

// func sin64SIMD(x *float64, n int, t *neuralTable) int
TEXT ·sin64SIMD(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ t+16(FP), BX
	XORQ DX, DX
	VBROADCASTSD neuralTable_magic(BX), Y8
	VBROADCASTSD neuralTable_perPi(BX), Y9
	VBROADCASTSD neuralTable_piHi(BX), Y10
	VBROADCASTSD neuralTable_piMid(BX), Y11
	VBROADCASTSD neuralTable_piLo(BX), Y12
	VBROADCASTSD neuralTable_reach(BX), Y13
	VPBROADCASTQ neuralTable_abs(BX), Y14

sinGroup:
	VMOVUPD (DI), Y0
	TESTQ $4, DX
	JNZ sinHalf
	VPAND Y14, Y0, Y1
	VCMPPD $1, Y13, Y1, Y1
	VPAND 32(DI), Y14, Y2
	VCMPPD $1, Y13, Y2, Y2
	VANDPD Y2, Y1, Y1
	VMOVMSKPD Y1, AX
	CMPL AX, $15
	JNE sinEnd

sinHalf:
	VMULPD Y9, Y0, Y1
	VADDPD Y8, Y1, Y1
	VSUBPD Y8, Y1, Y2
	VPSLLQ $63, Y1, Y1
	VMULPD Y10, Y2, Y3
	VSUBPD Y3, Y0, Y0
	VMULPD Y11, Y2, Y3
	VSUBPD Y3, Y0, Y0
	VMULPD Y12, Y2, Y3
	VSUBPD Y3, Y0, Y0
	VMULPD Y0, Y0, Y2           // z
	VMULPD Y2, Y2, Y3           // its square
	VBROADCASTSD neuralTable_s15(BX), Y4
	VMULPD Y4, Y2, Y4
	VBROADCASTSD neuralTable_s13(BX), Y5
	VSUBPD Y4, Y5, Y4
	VMULPD Y4, Y2, Y4
	VBROADCASTSD neuralTable_s11(BX), Y5
	VADDPD Y5, Y4, Y4           // c
	VBROADCASTSD neuralTable_s9(BX), Y5
	VMULPD Y5, Y2, Y5
	VBROADCASTSD neuralTable_s7(BX), Y6
	VADDPD Y6, Y5, Y5           // b
	VMULPD Y4, Y3, Y4
	VADDPD Y4, Y5, Y4
	VMULPD Y4, Y3, Y4
	VBROADCASTSD neuralTable_s5(BX), Y5
	VMULPD Y5, Y2, Y5
	VBROADCASTSD neuralTable_s3(BX), Y6
	VADDPD Y6, Y5, Y5           // a
	VADDPD Y4, Y5, Y4
	VMULPD Y2, Y0, Y5
	VMULPD Y4, Y5, Y4
	VADDPD Y4, Y0, Y0
	VPXOR Y1, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ $32, DI
	ADDQ $4, DX
	CMPQ DX, CX
	JLT sinGroup

sinEnd:
	MOVQ DX, ret+24(FP)
	VZEROUPPER
	RET
