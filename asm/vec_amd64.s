//go:build amd64 && !noasm

#include "textflag.h"

// Exact maps and ordered sums. No multiplication is fused with an addition, so that
// the bits equal those of the Go bodies.

// Eight ones and eight zeros: loaded at offset 4*(8-r), the first r lanes are on.
DATA laneMask<>+0(SB)/8, $0xffffffffffffffff
DATA laneMask<>+8(SB)/8, $0xffffffffffffffff
DATA laneMask<>+16(SB)/8, $0xffffffffffffffff
DATA laneMask<>+24(SB)/8, $0xffffffffffffffff
DATA laneMask<>+32(SB)/8, $0
DATA laneMask<>+40(SB)/8, $0
DATA laneMask<>+48(SB)/8, $0
DATA laneMask<>+56(SB)/8, $0
GLOBL laneMask<>(SB), RODATA|NOPTR, $64

// Y15 = mask of the first CX lanes, 0 < CX < 8. Changes CX, AX.
#define TAILMASK \
	NEGQ    CX; \
	LEAQ    laneMask<>+32(SB), AX; \
	VMOVUPS (AX)(CX*4), Y15

// dst (DI) = OP(a (SI), b (DX)) over CX elements.
#define BINARY(OP) \
	SUBQ $32, CX; \
	JLT  eights; \
	PCALIGN $32; \
blocks: \
	VMOVUPS (SI), Y0; \
	VMOVUPS 32(SI), Y1; \
	VMOVUPS 64(SI), Y2; \
	VMOVUPS 96(SI), Y3; \
	OP      (DX), Y0, Y0; \
	OP      32(DX), Y1, Y1; \
	OP      64(DX), Y2, Y2; \
	OP      96(DX), Y3, Y3; \
	VMOVUPS Y0, (DI); \
	VMOVUPS Y1, 32(DI); \
	VMOVUPS Y2, 64(DI); \
	VMOVUPS Y3, 96(DI); \
	ADDQ    $128, SI; \
	ADDQ    $128, DX; \
	ADDQ    $128, DI; \
	SUBQ    $32, CX; \
	JGE     blocks; \
eights: \
	ADDQ $24, CX; \
	JLT  tail; \
eight: \
	VMOVUPS (SI), Y0; \
	OP      (DX), Y0, Y0; \
	VMOVUPS Y0, (DI); \
	ADDQ    $32, SI; \
	ADDQ    $32, DX; \
	ADDQ    $32, DI; \
	SUBQ    $8, CX; \
	JGE     eight; \
tail: \
	ADDQ $8, CX; \
	JZ   done; \
	TAILMASK; \
	VMASKMOVPS (SI), Y15, Y0; \
	VMASKMOVPS (DX), Y15, Y1; \
	OP         Y1, Y0, Y0; \
	VMASKMOVPS Y0, Y15, (DI); \
done: \
	VZEROUPPER; \
	RET

// func addSIMD(dst, a, b *float32, n int)
TEXT ·addSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	BINARY(VADDPS)

// func subSIMD(dst, a, b *float32, n int)
TEXT ·subSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	BINARY(VSUBPS)

// func mulSIMD(dst, a, b *float32, n int)
TEXT ·mulSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	BINARY(VMULPS)

// func mulAddSIMD(dst, a, b *float32, n int)
TEXT ·mulAddSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	SUBQ $16, CX
	JLT  eights

blocks:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMULPS  (DX), Y0, Y0
	VMULPS  32(DX), Y1, Y1
	VADDPS  (DI), Y0, Y0
	VADDPS  32(DI), Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    $64, SI
	ADDQ    $64, DX
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     blocks

eights:
	ADDQ    $8, CX
	JLT     tail
	VMOVUPS (SI), Y0
	VMULPS  (DX), Y0, Y0
	VADDPS  (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DX), Y15, Y1
	VMASKMOVPS (DI), Y15, Y2
	VMULPS     Y1, Y0, Y0
	VADDPS     Y2, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// func axpySIMD(y, x *float32, n int, alpha float32)
TEXT ·axpySIMD(SB), NOSPLIT, $0-28
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS alpha+24(FP), Y14
	SUBQ         $32, CX
	JLT          eights

blocks:
	VMULPS  (SI), Y14, Y0
	VMULPS  32(SI), Y14, Y1
	VMULPS  64(SI), Y14, Y2
	VMULPS  96(SI), Y14, Y3
	VADDPS  (DI), Y0, Y0
	VADDPS  32(DI), Y1, Y1
	VADDPS  64(DI), Y2, Y2
	VADDPS  96(DI), Y3, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMULPS  (SI), Y14, Y0
	VADDPS  (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DI), Y15, Y1
	VMULPS     Y0, Y14, Y0
	VADDPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// func scaleSIMD(x *float32, n int, alpha float32)
TEXT ·scaleSIMD(SB), NOSPLIT, $0-20
	MOVQ         x+0(FP), DI
	MOVQ         n+8(FP), CX
	VBROADCASTSS alpha+16(FP), Y14
	SUBQ         $32, CX
	JLT          eights

blocks:
	VMULPS  (DI), Y14, Y0
	VMULPS  32(DI), Y14, Y1
	VMULPS  64(DI), Y14, Y2
	VMULPS  96(DI), Y14, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, DI
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMULPS  (DI), Y14, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	VMULPS     Y0, Y14, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// The four sums Y0..Y3 to one number in X0, in the order of lanes.total.
#define TOTAL \
	VADDPS       Y1, Y0, Y0; \
	VADDPS       Y3, Y2, Y2; \
	VADDPS       Y2, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1; \
	VADDPS       X1, X0, X0; \
	VMOVHLPS     X0, X0, X1; \
	VADDPS       X1, X0, X0; \
	VMOVSHDUP    X0, X1; \
	VADDSS       X1, X0, X0

#define ZERO4 \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3

// func sumSIMD(x *float32, n int) float32
TEXT ·sumSIMD(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	ZERO4
	SUBQ $32, CX
	JLT  eights

blocks:
	VADDPS (SI), Y0, Y0
	VADDPS 32(SI), Y1, Y1
	VADDPS 64(SI), Y2, Y2
	VADDPS 96(SI), Y3, Y3
	ADDQ   $128, SI
	SUBQ   $32, CX
	JGE    blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VADDPS (SI), Y0, Y0
	ADDQ   $32, SI
	SUBQ   $8, CX
	JGE    eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y4
	VADDPS     Y4, Y0, Y0

done:
	TOTAL
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

// func dotSIMD(a, b *float32, n int) float32
TEXT ·dotSIMD(SB), NOSPLIT, $0-28
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DX
	MOVQ n+16(FP), CX
	ZERO4
	SUBQ $32, CX
	JLT  eights

blocks:
	VMOVUPS (SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	VMULPS  (DX), Y4, Y4
	VMULPS  32(DX), Y5, Y5
	VMULPS  64(DX), Y6, Y6
	VMULPS  96(DX), Y7, Y7
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VADDPS  Y7, Y3, Y3
	ADDQ    $128, SI
	ADDQ    $128, DX
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y4
	VMULPS  (DX), Y4, Y4
	VADDPS  Y4, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y4
	VMASKMOVPS (DX), Y15, Y5
	VMULPS     Y5, Y4, Y4
	VADDPS     Y4, Y0, Y0

done:
	TOTAL
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func dot3SIMD(a, b, c *float32, n int) float32
TEXT ·dot3SIMD(SB), NOSPLIT, $0-36
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DX
	MOVQ c+16(FP), BX
	MOVQ n+24(FP), CX
	ZERO4
	SUBQ $32, CX
	JLT  eights

blocks:
	VMOVUPS (SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	VMULPS  (DX), Y4, Y4
	VMULPS  32(DX), Y5, Y5
	VMULPS  64(DX), Y6, Y6
	VMULPS  96(DX), Y7, Y7
	VMULPS  (BX), Y4, Y4
	VMULPS  32(BX), Y5, Y5
	VMULPS  64(BX), Y6, Y6
	VMULPS  96(BX), Y7, Y7
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VADDPS  Y7, Y3, Y3
	ADDQ    $128, SI
	ADDQ    $128, DX
	ADDQ    $128, BX
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y4
	VMULPS  (DX), Y4, Y4
	VMULPS  (BX), Y4, Y4
	VADDPS  Y4, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y4
	VMASKMOVPS (DX), Y15, Y5
	VMASKMOVPS (BX), Y15, Y6
	VMULPS     Y5, Y4, Y4
	VMULPS     Y6, Y4, Y4
	VADDPS     Y4, Y0, Y0

done:
	TOTAL
	VMOVSS X0, ret+32(FP)
	VZEROUPPER
	RET

// func sqDevSIMD(x *float32, n int, mean float32) float32
TEXT ·sqDevSIMD(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS mean+16(FP), Y14
	ZERO4
	SUBQ         $32, CX
	JLT          eights

blocks:
	VMOVUPS (SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	VSUBPS  Y14, Y4, Y4
	VSUBPS  Y14, Y5, Y5
	VSUBPS  Y14, Y6, Y6
	VSUBPS  Y14, Y7, Y7
	VMULPS  Y4, Y4, Y4
	VMULPS  Y5, Y5, Y5
	VMULPS  Y6, Y6, Y6
	VMULPS  Y7, Y7, Y7
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VADDPS  Y7, Y3, Y3
	ADDQ    $128, SI
	SUBQ    $32, CX
	JGE     blocks

eights:
	ADDQ $24, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y4
	VSUBPS  Y14, Y4, Y4
	VMULPS  Y4, Y4, Y4
	VADDPS  Y4, Y0, Y0
	ADDQ    $32, SI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y4
	VSUBPS     Y14, Y4, Y4
	VANDPS     Y15, Y4, Y4
	VMULPS     Y4, Y4, Y4
	VADDPS     Y4, Y0, Y0

done:
	TOTAL
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func softmaxGradSIMD(dx, y, dy *float32, n int, s float32, acc uint32)
TEXT ·softmaxGradSIMD(SB), NOSPLIT, $0-40
	MOVQ         dx+0(FP), DI
	MOVQ         y+8(FP), SI
	MOVQ         dy+16(FP), DX
	MOVQ         n+24(FP), CX
	VBROADCASTSS s+32(FP), Y14
	VBROADCASTSS acc+36(FP), Y13
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (DX), Y0
	VSUBPS  Y14, Y0, Y0
	VMULPS  (SI), Y0, Y0
	VANDPS  (DI), Y13, Y1
	VADDPS  Y1, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (DX), Y15, Y0
	VMASKMOVPS (SI), Y15, Y2
	VMASKMOVPS (DI), Y15, Y1
	VSUBPS     Y14, Y0, Y0
	VMULPS     Y2, Y0, Y0
	VANDPS     Y1, Y13, Y1
	VADDPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// func scaleMulSIMD(dst, x, gain *float32, n int, s float32)
TEXT ·scaleMulSIMD(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         gain+16(FP), DX
	MOVQ         n+24(FP), CX
	VBROADCASTSS s+32(FP), Y14
	SUBQ         $8, CX
	JLT          tail

eight:
	VMULPS  (SI), Y14, Y0
	VMULPS  (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DX), Y15, Y1
	VMULPS     Y0, Y14, Y0
	VMULPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// func affineSIMD(dst, x, gain, bias *float32, n int, mean, s float32)
TEXT ·affineSIMD(SB), NOSPLIT, $0-48
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         gain+16(FP), DX
	MOVQ         bias+24(FP), BX
	MOVQ         n+32(FP), CX
	VBROADCASTSS mean+40(FP), Y13
	VBROADCASTSS s+44(FP), Y14
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (SI), Y0
	VSUBPS  Y13, Y0, Y0
	VMULPS  Y14, Y0, Y0
	VMULPS  (DX), Y0, Y0
	VADDPS  (BX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DX), Y15, Y1
	VMASKMOVPS (BX), Y15, Y2
	VSUBPS     Y13, Y0, Y0
	VMULPS     Y14, Y0, Y0
	VMULPS     Y1, Y0, Y0
	VADDPS     Y2, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// Y0 = x, Y1 = dy, Y2 = gain, Y3 = old dx, Y4 = old dgain; gives the new Y3, Y4.
#define NORMGRAD \
	VSUBPS Y11, Y0, Y0; \
	VMULPS Y12, Y0, Y0; \
	VMULPS Y2, Y1, Y2; \
	VSUBPS Y13, Y2, Y2; \
	VMULPS Y14, Y0, Y5; \
	VSUBPS Y5, Y2, Y2; \
	VMULPS Y12, Y2, Y2; \
	VADDPS Y2, Y3, Y3; \
	VMULPS Y0, Y1, Y1; \
	VADDPS Y1, Y4, Y4

// func normGradSIMD(dx, dgain, x, gain, dy *float32, n int, mu, s, c1, c2 float32)
TEXT ·normGradSIMD(SB), NOSPLIT, $0-64
	MOVQ         dx+0(FP), DI
	MOVQ         dgain+8(FP), R8
	MOVQ         x+16(FP), SI
	MOVQ         gain+24(FP), DX
	MOVQ         dy+32(FP), BX
	MOVQ         n+40(FP), CX
	VBROADCASTSS mu+48(FP), Y11
	VBROADCASTSS s+52(FP), Y12
	VBROADCASTSS c1+56(FP), Y13
	VBROADCASTSS c2+60(FP), Y14
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (SI), Y0
	VMOVUPS (BX), Y1
	VMOVUPS (DX), Y2
	VMOVUPS (DI), Y3
	VMOVUPS (R8), Y4
	NORMGRAD
	VMOVUPS Y3, (DI)
	VMOVUPS Y4, (R8)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	ADDQ    $32, R8
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (BX), Y15, Y1
	VMASKMOVPS (DX), Y15, Y2
	VMASKMOVPS (DI), Y15, Y3
	VMASKMOVPS (R8), Y15, Y4
	NORMGRAD
	VMASKMOVPS Y3, Y15, (DI)
	VMASKMOVPS Y4, Y15, (R8)

done:
	VZEROUPPER
	RET

// Y0 = w, Y1 = g, Y2 = m, Y3 = v; gives the new Y0, Y2, Y3.
// Y6 beta1, Y7 1-beta1, Y8 beta2, Y9 1-beta2, Y10 rate, Y11 1/corr2, Y12 eps, Y13 keep.
#define ADAM \
	VMULPS  Y6, Y2, Y2; \
	VMULPS  Y7, Y1, Y4; \
	VADDPS  Y4, Y2, Y2; \
	VMULPS  Y8, Y3, Y3; \
	VMULPS  Y9, Y1, Y4; \
	VMULPS  Y1, Y4, Y4; \
	VADDPS  Y4, Y3, Y3; \
	VMULPS  Y11, Y3, Y4; \
	VSQRTPS Y4, Y4; \
	VADDPS  Y12, Y4, Y4; \
	VMULPS  Y10, Y2, Y5; \
	VDIVPS  Y4, Y5, Y5; \
	VMULPS  Y13, Y0, Y0; \
	VSUBPS  Y5, Y0, Y0

// func adamWSIMD(w, grad, m, v *float32, n int, c *adamCoef)
TEXT ·adamWSIMD(SB), NOSPLIT, $0-48
	MOVQ         w+0(FP), DI
	MOVQ         grad+8(FP), SI
	MOVQ         m+16(FP), DX
	MOVQ         v+24(FP), BX
	MOVQ         n+32(FP), CX
	MOVQ         c+40(FP), AX
	VBROADCASTSS 0(AX), Y6
	VBROADCASTSS 4(AX), Y7
	VBROADCASTSS 8(AX), Y8
	VBROADCASTSS 12(AX), Y9
	VBROADCASTSS 16(AX), Y10
	VBROADCASTSS 20(AX), Y11
	VBROADCASTSS 24(AX), Y12
	VBROADCASTSS 28(AX), Y13
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (DI), Y0
	VMOVUPS (SI), Y1
	VMOVUPS (DX), Y2
	VMOVUPS (BX), Y3
	ADAM
	VMOVUPS Y0, (DI)
	VMOVUPS Y2, (DX)
	VMOVUPS Y3, (BX)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (SI), Y15, Y1
	VMASKMOVPS (DX), Y15, Y2
	VMASKMOVPS (BX), Y15, Y3
	ADAM
	VMASKMOVPS Y0, Y15, (DI)
	VMASKMOVPS Y2, Y15, (DX)
	VMASKMOVPS Y3, Y15, (BX)

done:
	VZEROUPPER
	RET

// Y0 = r, Y1 = z, Y2 = n, Y3 = gh_n, Y4 = dhNew, Y5 = hPrev, Y6 = old dhPrev, Y14 = 1.
// Gives Y8 = dr, Y9 = dz, Y10 = dn, Y11 = dn*r, Y6 = new dhPrev.
#define GRUGRAD \
	VSUBPS Y2, Y5, Y9; \
	VMULPS Y4, Y9, Y9; \
	VSUBPS Y1, Y14, Y7; \
	VMULPS Y1, Y7, Y12; \
	VMULPS Y12, Y9, Y9; \
	VMULPS Y4, Y7, Y10; \
	VMULPS Y2, Y2, Y12; \
	VSUBPS Y12, Y14, Y12; \
	VMULPS Y12, Y10, Y10; \
	VMULPS Y3, Y10, Y8; \
	VSUBPS Y0, Y14, Y12; \
	VMULPS Y0, Y12, Y12; \
	VMULPS Y12, Y8, Y8; \
	VMULPS Y0, Y10, Y11; \
	VMULPS Y1, Y4, Y7; \
	VADDPS Y7, Y6, Y6

// func gruGradRowSIMD(dgi, dgh, dhPrev, dhNew, save, hPrev *float32, h int)
TEXT ·gruGradRowSIMD(SB), NOSPLIT, $0-56
	MOVQ         dgi+0(FP), DI
	MOVQ         dgh+8(FP), SI
	MOVQ         dhPrev+16(FP), DX
	MOVQ         dhNew+24(FP), BX
	MOVQ         save+32(FP), R8
	MOVQ         hPrev+40(FP), R9
	MOVQ         h+48(FP), CX
	LEAQ         0(CX*4), R10
	LEAQ         (R10)(R10*2), R11
	MOVL         $0x3f800000, AX
	MOVQ         AX, X14
	VBROADCASTSS X14, Y14
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (R8), Y0
	VMOVUPS (R8)(R10*1), Y1
	VMOVUPS (R8)(R10*2), Y2
	VMOVUPS (R8)(R11*1), Y3
	VMOVUPS (BX), Y4
	VMOVUPS (R9), Y5
	VMOVUPS (DX), Y6
	GRUGRAD
	VMOVUPS Y8, (DI)
	VMOVUPS Y9, (DI)(R10*1)
	VMOVUPS Y10, (DI)(R10*2)
	VMOVUPS Y8, (SI)
	VMOVUPS Y9, (SI)(R10*1)
	VMOVUPS Y11, (SI)(R10*2)
	VMOVUPS Y6, (DX)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, R8
	ADDQ    $32, R9
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (R8), Y15, Y0
	VMASKMOVPS (R8)(R10*1), Y15, Y1
	VMASKMOVPS (R8)(R10*2), Y15, Y2
	VMASKMOVPS (R8)(R11*1), Y15, Y3
	VMASKMOVPS (BX), Y15, Y4
	VMASKMOVPS (R9), Y15, Y5
	VMASKMOVPS (DX), Y15, Y6
	GRUGRAD
	VMASKMOVPS Y8, Y15, (DI)
	VMASKMOVPS Y9, Y15, (DI)(R10*1)
	VMASKMOVPS Y10, Y15, (DI)(R10*2)
	VMASKMOVPS Y8, Y15, (SI)
	VMASKMOVPS Y9, Y15, (SI)(R10*1)
	VMASKMOVPS Y11, Y15, (SI)(R10*2)
	VMASKMOVPS Y6, Y15, (DX)

done:
	VZEROUPPER
	RET
