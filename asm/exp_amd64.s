//go:build amd64 && !noasm

#include "textflag.h"

// Elementary functions. NaN rule: VMINPS and VMAXPS return their second source (the
// first operand here) when either is NaN, so every clamp puts x there.

// A constant in eight lanes; v is the bit pattern twice.
#define V8(name, v) \
	DATA name<>+0(SB)/8, $v; \
	DATA name<>+8(SB)/8, $v; \
	DATA name<>+16(SB)/8, $v; \
	DATA name<>+24(SB)/8, $v; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

V8(one, 0x3f8000003f800000) // 1.0
V8(two, 0x4000000040000000) // 2.0
V8(half, 0x3f0000003f000000) // 0.5
V8(minusHalf, 0xbf000000bf000000) // -0.5
V8(signBit, 0x8000000080000000) // sign bit
V8(absMask, 0x7fffffff7fffffff) // all but the sign bit
V8(minusInf, 0xff800000ff800000) // -Inf
V8(intOne, 0x0000000100000001) // integer 1
V8(bias, 0x0000007f0000007f) // integer 127, the exponent bias
V8(bias12, 0x0000007300000073) // integer 127-12
V8(tiny12, 0x3980000039800000) // 2^-12
V8(log2e, 0x3fb8aa3b3fb8aa3b) // 1/ln2
V8(ln2hi, 0x3f3180003f318000) // ln2 = ln2hi + ln2lo, k*ln2hi is exact
V8(ln2lo, 0xb95e8083b95e8083) // -0.00021219444
V8(exp1, 0x3e2aaaaa3e2aaaaa) // 0.16666665459
V8(exp2, 0x3d2aa9c13d2aa9c1) // 0.041665795894
V8(exp3, 0x3c0889083c088908) // 0.0083334519073
V8(exp4, 0x3ab743ce3ab743ce) // 0.0013981999507
V8(exp5, 0x3950696739506967) // 0.000198756915
V8(expMax, 0x42b2000042b20000) // 89, e^89 overflows
V8(expMin, 0xc2d00000c2d00000) // -104, e^-104 is 0
V8(tanhMax, 0x41a0000041a00000) // 20, tanh(10) is 1
V8(geluLo, 0xc1a00000c1a00000) // -20.0
V8(geluHi, 0x41a0000041a00000) // 20.0
V8(geluA, 0x3fcc422a3fcc422a) // A = 2*sqrt(2/pi)
V8(geluAB, 0x3d9222793d922279) // A*B, B = 0.044715
V8(gelu3AB, 0x3e5b33b63e5b33b6) // 3*A*B
V8(phiMax, 0x42c0000042c00000) // 96, e^96/96 overflows
V8(phiMin, 0xc1f00000c1f00000) // -30, e^-30-1 is -1
V8(phiTiny, 0x322bcc77322bcc77) // 1e-8, phi1 is 1 below
V8(sinMax, 0x4e6e6b284e6e6b28) // 1000000000.0
V8(sin1, 0xbe2aaaa3be2aaaa3) // -0.16666654611
V8(sin2, 0x3c08839e3c08839e) // 0.0083321608736
V8(sin3, 0xb94ca1f9b94ca1f9) // -0.00019515295891
V8(cos1, 0x3d2aaaa53d2aaaa5) // 0.04166664568298827
V8(cos2, 0xbab6061abab6061a) // -0.001388731625493765
V8(cos3, 0x37ccf5ce37ccf5ce) // 2.443315711809948e-05
V8(twoOverPi, 0x3fe45f306dc9c883) // float64 2/pi
V8(pio2hi, 0x3ff921fb54442d18) // float64 pi/2
V8(pio2lo, 0x3c91a62633145c07) // float64 pi/2 - pio2hi

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

// Y0 = x, clamped. Y1 = k = round(x/ln2) as integers, Y2 = e^r - 1 for r = x - k*ln2.
// Changes Y3. The polynomial is that of Cephes expf (Moshier), relative error 2e-8.
#define REDUCE \
	VMULPS       log2e<>(SB), Y0, Y1; \
	VROUNDPS     $8, Y1, Y1; \
	VFNMADD231PS ln2hi<>(SB), Y1, Y0; \
	VFNMADD231PS ln2lo<>(SB), Y1, Y0; \
	VCVTPS2DQ    Y1, Y1; \
	VMOVUPS      exp5<>(SB), Y2; \
	VFMADD213PS  exp4<>(SB), Y0, Y2; \
	VFMADD213PS  exp3<>(SB), Y0, Y2; \
	VFMADD213PS  exp2<>(SB), Y0, Y2; \
	VFMADD213PS  exp1<>(SB), Y0, Y2; \
	VFMADD213PS  half<>(SB), Y0, Y2; \
	VMULPS       Y0, Y0, Y3; \
	VFMADD213PS  Y0, Y3, Y2

// Y0 = e^Y0 for Y0 within [-104, 89]; changes Y1, Y2, Y3. The power of two is applied
// in two factors, so that results may be denormal or infinite.
#define EXP \
	REDUCE; \
	VADDPS one<>(SB), Y2, Y2; \
	VPSRAD $1, Y1, Y3; \
	VPSUBD Y3, Y1, Y1; \
	VPADDD bias<>(SB), Y3, Y3; \
	VPADDD bias<>(SB), Y1, Y1; \
	VPSLLD $23, Y3, Y3; \
	VPSLLD $23, Y1, Y1; \
	VMULPS Y3, Y2, Y2; \
	VMULPS Y1, Y2, Y0

// Y0 = max(Y0, limit), Y0 = min(Y0, limit), NaN kept; changes Y1.
#define ATLEAST(limit) \
	VMOVUPS limit<>(SB), Y1; \
	VMAXPS  Y0, Y1, Y0
#define ATMOST(limit) \
	VMOVUPS limit<>(SB), Y1; \
	VMINPS  Y0, Y1, Y0

#define EXPX \
	ATMOST(expMax); \
	ATLEAST(expMin); \
	EXP

// Y0 = e = exp(-|Y0|); keeps the argument in Y5.
#define EXPNEGABS \
	VMOVAPS Y0, Y5; \
	VORPS   signBit<>(SB), Y0, Y0; \
	ATLEAST(expMin); \
	EXP

// Y0 = 1/(1+e^-Y0) = (1 or e)/(1+e) with e = exp(-|x|); changes Y1..Y5.
#define SIGMOID \
	EXPNEGABS; \
	VMOVUPS   one<>(SB), Y4; \
	VADDPS    Y4, Y0, Y3; \
	VBLENDVPS Y5, Y0, Y4, Y4; \
	VDIVPS    Y3, Y4, Y0

// Y0 = tanh(Y0) = m/(m+2) with m = e^(2|x|) - 1 = 2^k*p + (2^k - 1); changes Y1..Y5.
#define TANH \
	VANDPS      signBit<>(SB), Y0, Y5; \
	VXORPS      Y5, Y0, Y0; \
	VADDPS      Y0, Y0, Y0; \
	ATMOST(tanhMax); \
	REDUCE; \
	VPADDD      bias<>(SB), Y1, Y1; \
	VPSLLD      $23, Y1, Y1; \
	VSUBPS      one<>(SB), Y1, Y3; \
	VFMADD213PS Y3, Y1, Y2; \
	VADDPS      two<>(SB), Y2, Y3; \
	VDIVPS      Y3, Y2, Y0; \
	VORPS       Y5, Y0, Y0

// Y0 = gelu(Y0): max(x,-20) times the sigmoid of w = x*(A + A*B*x^2) of the clamped
// argument; changes Y1..Y7.
#define GELU \
	VMOVUPS     geluLo<>(SB), Y1; \
	VMAXPS      Y0, Y1, Y7; \
	VMOVUPS     geluHi<>(SB), Y1; \
	VMINPS      Y7, Y1, Y0; \
	VMULPS      Y0, Y0, Y2; \
	VMOVUPS     geluAB<>(SB), Y3; \
	VFMADD213PS geluA<>(SB), Y2, Y3; \
	VMULPS      Y3, Y0, Y0; \
	SIGMOID; \
	VMULPS      Y7, Y0, Y0

// Y0 = gelu'(Y0) = s + x*(e*d*d)*(A + 3AB*x^2), e = exp(-|w|), d = 1/(1+e), s = d or
// e*d; changes Y1..Y7.
#define GELUGRAD \
	ATMOST(geluHi); \
	ATLEAST(geluLo); \
	VMOVAPS     Y0, Y6; \
	VMULPS      Y0, Y0, Y7; \
	VMOVUPS     geluAB<>(SB), Y3; \
	VFMADD213PS geluA<>(SB), Y7, Y3; \
	VMULPS      Y3, Y0, Y0; \
	EXPNEGABS; \
	VMOVUPS     one<>(SB), Y4; \
	VADDPS      Y4, Y0, Y3; \
	VDIVPS      Y3, Y4, Y3; \
	VMULPS      Y3, Y0, Y2; \
	VBLENDVPS   Y5, Y2, Y3, Y4; \
	VMULPS      Y3, Y2, Y2; \
	VMULPS      Y6, Y2, Y2; \
	VMOVUPS     gelu3AB<>(SB), Y1; \
	VFMADD213PS geluA<>(SB), Y7, Y1; \
	VFMADD213PS Y4, Y1, Y2; \
	VMOVAPS     Y2, Y0

// Y0 = phi1(Y0) = (e^x - 1)/x. Numerator and divisor both carry a factor 2^-12, so that
// 2^k stays finite as long as the quotient does. Changes Y1..Y5.
#define PHI1 \
	ATMOST(phiMax); \
	VMOVAPS     Y0, Y5; \
	ATLEAST(phiMin); \
	REDUCE; \
	VPADDD      bias12<>(SB), Y1, Y1; \
	VPSLLD      $23, Y1, Y1; \
	VSUBPS      tiny12<>(SB), Y1, Y3; \
	VFMADD213PS Y3, Y1, Y2; \
	VMULPS      tiny12<>(SB), Y5, Y4; \
	VDIVPS      Y4, Y2, Y0; \
	VANDPS      absMask<>(SB), Y5, Y5; \
	VCMPPS      $1, phiTiny<>(SB), Y5, Y5; \
	VBLENDVPS   Y5, one<>(SB), Y0, Y0

// dst (DI) = F(x (SI)) over CX elements.
#define MAP(F) \
	SUBQ $8, CX; \
	JLT  tail; \
	PCALIGN $32; \
eight: \
	VMOVUPS (SI), Y0; \
	F; \
	VMOVUPS Y0, (DI); \
	ADDQ    $32, SI; \
	ADDQ    $32, DI; \
	SUBQ    $8, CX; \
	JGE     eight; \
tail: \
	ADDQ $8, CX; \
	JZ   done; \
	TAILMASK; \
	VMASKMOVPS (SI), Y15, Y0; \
	F; \
	VMASKMOVPS Y0, Y15, (DI); \
done: \
	VZEROUPPER; \
	RET

// func expSIMD(dst, x *float32, n int)
TEXT ·expSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MAP(EXPX)

// func tanhSIMD(dst, x *float32, n int)
TEXT ·tanhSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MAP(TANH)

// func sigmoidSIMD(dst, x *float32, n int)
TEXT ·sigmoidSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MAP(SIGMOID)

// func geluSIMD(dst, x *float32, n int)
TEXT ·geluSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MAP(GELU)

// func expm1OverXSIMD(dst, x *float32, n int)
TEXT ·expm1OverXSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MAP(PHI1)

// func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)
TEXT ·geluGradSIMD(SB), NOSPLIT, $0-36
	MOVQ         dx+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         dy+16(FP), DX
	MOVQ         n+24(FP), CX
	VBROADCASTSS acc+32(FP), Y13
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (SI), Y0
	GELUGRAD
	VMULPS  (DX), Y0, Y0
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
	VMASKMOVPS (SI), Y15, Y0
	GELUGRAD
	VMASKMOVPS (DX), Y15, Y1
	VMASKMOVPS (DI), Y15, Y2
	VMULPS     Y1, Y0, Y0
	VANDPS     Y2, Y13, Y2
	VADDPS     Y2, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// Y0 = x: Y0 = sin, Y1 = cos. x - k*pi/2 is formed in float64 in two halves with pi/2 in
// two parts; then the polynomials of Cephes sinf and cosf on [-pi/4, pi/4], exchanged
// and negated by the two low bits of k. Changes Y2..Y9.
#define SINCOS \
	VEXTRACTF128 $1, Y0, X1; \
	VCVTPS2PD    X0, Y2; \
	VCVTPS2PD    X1, Y3; \
	VMULPD       twoOverPi<>(SB), Y2, Y4; \
	VMULPD       twoOverPi<>(SB), Y3, Y5; \
	VROUNDPD     $8, Y4, Y4; \
	VROUNDPD     $8, Y5, Y5; \
	VFNMADD231PD pio2hi<>(SB), Y4, Y2; \
	VFNMADD231PD pio2hi<>(SB), Y5, Y3; \
	VFNMADD231PD pio2lo<>(SB), Y4, Y2; \
	VFNMADD231PD pio2lo<>(SB), Y5, Y3; \
	VCVTPD2PSY   Y2, X2; \
	VCVTPD2PSY   Y3, X3; \
	VCVTPD2DQY   Y4, X4; \
	VCVTPD2DQY   Y5, X5; \
	VINSERTF128  $1, X3, Y2, Y2; \
	VINSERTF128  $1, X5, Y4, Y4; \
	VMULPS       Y2, Y2, Y3; \
	VMOVUPS      sin3<>(SB), Y6; \
	VFMADD213PS  sin2<>(SB), Y3, Y6; \
	VFMADD213PS  sin1<>(SB), Y3, Y6; \
	VMULPS       Y2, Y3, Y7; \
	VFMADD213PS  Y2, Y7, Y6; \
	VMOVUPS      cos3<>(SB), Y8; \
	VFMADD213PS  cos2<>(SB), Y3, Y8; \
	VFMADD213PS  cos1<>(SB), Y3, Y8; \
	VFMADD213PS  minusHalf<>(SB), Y3, Y8; \
	VFMADD213PS  one<>(SB), Y3, Y8; \
	VPSLLD       $31, Y4, Y5; \
	VBLENDVPS    Y5, Y8, Y6, Y0; \
	VBLENDVPS    Y5, Y6, Y8, Y1; \
	VPADDD       intOne<>(SB), Y4, Y5; \
	VPSRLD       $1, Y4, Y4; \
	VPSRLD       $1, Y5, Y5; \
	VPSLLD       $31, Y4, Y4; \
	VPSLLD       $31, Y5, Y5; \
	VXORPS       Y4, Y0, Y0; \
	VXORPS       Y5, Y1, Y1

// Leaves for bad unless all lanes of Y0 are at most 1e9 in magnitude.
#define INRANGE \
	VANDPS    absMask<>(SB), Y0, Y1; \
	VCMPPS    $2, sinMax<>(SB), Y1, Y1; \
	VMOVMSKPS Y1, AX; \
	CMPL      AX, $255; \
	JNE       bad

// func sinCosSIMD(sin, cos, x *float32, n int) int
TEXT ·sinCosSIMD(SB), NOSPLIT, $0-40
	MOVQ sin+0(FP), DI
	MOVQ cos+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	MOVQ CX, DX
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y0
	INRANGE
	SINCOS
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (R8)
	ADDQ    $32, SI
	ADDQ    $32, DI
	ADDQ    $32, R8
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         done
	MOVQ       CX, BX
	TAILMASK
	MOVQ       BX, CX
	SUBQ       $8, CX
	VMASKMOVPS (SI), Y15, Y0
	INRANGE
	SINCOS
	VMASKMOVPS Y0, Y15, (DI)
	VMASKMOVPS Y1, Y15, (R8)

done:
	MOVQ DX, ret+32(FP)
	VZEROUPPER
	RET

bad:
	// CX is the number of elements left, this group included, less 8.
	SUBQ CX, DX
	SUBQ $8, DX
	MOVQ DX, ret+32(FP)
	VZEROUPPER
	RET

// func softmaxRowSIMD(dst, x *float32, n int) int
TEXT ·softmaxRowSIMD(SB), NOSPLIT, $0-32
	MOVQ    x+8(FP), SI
	MOVQ    n+16(FP), CX
	VMOVUPS minusInf<>(SB), Y4
	SUBQ    $8, CX
	JLT     tailMax

eightMax:
	VMAXPS (SI), Y4, Y4
	ADDQ   $32, SI
	SUBQ   $8, CX
	JGE    eightMax

tailMax:
	ADDQ       $8, CX
	JZ         doneMax
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VBLENDVPS  Y15, Y0, Y4, Y0
	VMAXPS     Y0, Y4, Y4

doneMax:
	VEXTRACTF128 $1, Y4, X0
	VMAXPS       X0, X4, X4
	VMOVHLPS     X4, X4, X0
	VMAXPS       X0, X4, X4
	VMOVSHDUP    X4, X0
	VMAXSS       X0, X4, X4
	VMOVD        X4, AX
	ANDL         $0x7f800000, AX
	CMPL         AX, $0x7f800000
	JEQ          declined
	VBROADCASTSS X4, Y4

	// Y5 sums the exponentials.
	MOVQ   dst+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   n+16(FP), CX
	VXORPS Y5, Y5, Y5
	SUBQ   $8, CX
	JLT    tailExp

eightExp:
	VMOVUPS (SI), Y0
	VSUBPS  Y4, Y0, Y0
	ATLEAST(expMin)
	EXP
	VMOVUPS Y0, (DI)
	VADDPS  Y0, Y5, Y5
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eightExp

tailExp:
	ADDQ       $8, CX
	JZ         doneExp
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VSUBPS     Y4, Y0, Y0
	ATLEAST(expMin)
	EXP
	VANDPS     Y15, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)
	VADDPS     Y0, Y5, Y5

doneExp:
	VEXTRACTF128 $1, Y5, X0
	VADDPS       X0, X5, X5
	VMOVHLPS     X5, X5, X0
	VADDPS       X0, X5, X5
	VMOVSHDUP    X5, X0
	VADDSS       X0, X5, X5
	VMOVSS       one<>(SB), X0
	VDIVSS       X5, X0, X0
	VBROADCASTSS X0, Y4

	MOVQ dst+0(FP), DI
	MOVQ n+16(FP), CX
	SUBQ $8, CX
	JLT  tailScale

eightScale:
	VMULPS  (DI), Y4, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eightScale

tailScale:
	ADDQ       $8, CX
	JZ         doneScale
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	VMULPS     Y0, Y4, Y0
	VMASKMOVPS Y0, Y15, (DI)

doneScale:
	MOVQ $1, ret+24(FP)
	VZEROUPPER
	RET

declined:
	MOVQ $0, ret+24(FP)
	VZEROUPPER
	RET

// Y8 = r, Y9 = z, Y10 = n, Y11 = gh_n, Y0 = hNew from Y0 = gi_r + gh_r, Y9 = gi_z + gh_z,
// Y10 = gi_n, Y11 = gh_n, Y12 = hPrev.
#define GRU \
	SIGMOID; \
	VMOVAPS Y0, Y8; \
	VMOVAPS Y9, Y0; \
	SIGMOID; \
	VMOVAPS Y0, Y9; \
	VMULPS  Y11, Y8, Y0; \
	VADDPS  Y10, Y0, Y0; \
	TANH; \
	VMOVAPS Y0, Y10; \
	VSUBPS  Y10, Y12, Y0; \
	VMULPS  Y9, Y0, Y0; \
	VADDPS  Y10, Y0, Y0

// func gruRowSIMD(hNew, gi, gh, hPrev, save *float32, h int)
TEXT ·gruRowSIMD(SB), NOSPLIT, $0-48
	MOVQ hNew+0(FP), DI
	MOVQ gi+8(FP), SI
	MOVQ gh+16(FP), DX
	MOVQ hPrev+24(FP), BX
	MOVQ save+32(FP), R8
	MOVQ h+40(FP), CX
	LEAQ 0(CX*4), R10
	LEAQ (R10)(R10*2), R11
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y0
	VADDPS  (DX), Y0, Y0
	VMOVUPS (SI)(R10*1), Y9
	VADDPS  (DX)(R10*1), Y9, Y9
	VMOVUPS (SI)(R10*2), Y10
	VMOVUPS (DX)(R10*2), Y11
	VMOVUPS (BX), Y12
	GRU
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	TESTQ   R8, R8
	JZ      next
	VMOVUPS Y8, (R8)
	VMOVUPS Y9, (R8)(R10*1)
	VMOVUPS Y10, (R8)(R10*2)
	VMOVUPS Y11, (R8)(R11*1)
	ADDQ    $32, R8

next:
	SUBQ $8, CX
	JGE  eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	VMASKMOVPS (DX), Y15, Y1
	VADDPS     Y1, Y0, Y0
	VMASKMOVPS (SI)(R10*1), Y15, Y9
	VMASKMOVPS (DX)(R10*1), Y15, Y1
	VADDPS     Y1, Y9, Y9
	VMASKMOVPS (SI)(R10*2), Y15, Y10
	VMASKMOVPS (DX)(R10*2), Y15, Y11
	VMASKMOVPS (BX), Y15, Y12
	GRU
	VMASKMOVPS Y0, Y15, (DI)
	TESTQ      R8, R8
	JZ         done
	VMASKMOVPS Y8, Y15, (R8)
	VMASKMOVPS Y9, Y15, (R8)(R10*1)
	VMASKMOVPS Y10, Y15, (R8)(R10*2)
	VMASKMOVPS Y11, Y15, (R8)(R11*1)

done:
	VZEROUPPER
	RET
