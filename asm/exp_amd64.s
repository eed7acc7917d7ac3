//go:build amd64 && !noasm

#include "textflag.h"
#include "avx_amd64.h"

// Elementary functions. NaN rule: VMINPS and VMAXPS return their second source (the
// first operand here) when either is NaN, so every clamp puts x there.

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
V8(minusLog2e, 0xbfb8aa3bbfb8aa3b) // -1/ln2
V8(shift20, 0x49c0000049c00000) // 1.5*2^20
V8(ln2, 0x3f3172183f317218) // ln2 = ln2 + ln2rest
V8(ln2rest, 0xb102e308b102e308)
V8(cube2, 0x3f00043a3f00043a) // e^r = 1 + r + cube2*r^2 + cube3*r^3, |r| <= ln2/16
V8(cube3, 0x3e2aab2b3e2aab2b)
V8(twoTo1, 0x3f3172193f317219) // 2^f = 1 + twoTo1*f + twoTo2*f^2 + twoTo3*f^3, |f| <= 1/16
V8(twoTo2, 0x3e7606193e760619)
V8(twoTo3, 0x3d6350023d635002)
V8(down32, 0x2f8000002f800000) // 2^-32
V8(safe, 0x42ae000042ae0000) // 87, e^+-87 is a normal number
V8(minus104, 0xc2d00000c2d00000) // -104
V8(plus60, 0x4270000042700000) // 60
V8(minus60, 0xc2700000c2700000) // -60
V8(plus150, 0x4316000043160000) // 150
V8(minus125, 0xc2fa0000c2fa0000) // -125
V8(geluAL, 0x4013576140135761) // A/ln2
V8(geluABL, 0x3dd2d3e83dd2d3e8) // A*B/ln2
V8(minusGeluAL, 0xc0135761c0135761)
V8(minusGeluABL, 0xbdd2d3e8bdd2d3e8)
V8(shift23, 0x4b4000004b400000) // 1.5*2^23
V8(pio2a, 0x3fc90fdb3fc90fdb) // pi/2 = pio2a + pio2b
V8(pio2b, 0xb33bbd2eb33bbd2e)
V8(invPio2, 0x3f22f9833f22f983) // 2/pi
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
V8(sinMax, 0x4800000048000000) // 131072
V8(sin1, 0xbe2aaaa3be2aaaa3) // -0.16666654611
V8(sin2, 0x3c08839e3c08839e) // 0.0083321608736
V8(sin3, 0xb94ca1f9b94ca1f9) // -0.00019515295891
V8(cos1, 0x3d2aaaa53d2aaaa5) // 0.04166664568298827
V8(cos2, 0xbab6061abab6061a) // -0.001388731625493765
V8(cos3, 0x37ccf5ce37ccf5ce) // 2.443315711809948e-05
V8(atanh1, 0x3eaaaa813eaaaa81) // 0.33333208
V8(atanh2, 0x3e4ce9043e4ce904) // 0.20010764
V8(atanh3, 0x3e0f5e873e0f5e87) // 0.14000903
V8(atanh4, 0x3e0f6bdf3e0f6bdf) // 0.14005993

// 2^(j/8), and the same times 2^-32, less j<<20: adding 8k+j shifted left by 20 gives
// 2^k * 2^(j/8).
DATA roots<>+0(SB)/8, $0x3f7b95c23f800000
DATA roots<>+8(SB)/8, $0x3f75fed73f7837f0
DATA roots<>+16(SB)/8, $0x3f75672a3f7504f3
DATA roots<>+24(SB)/8, $0x3f7ac0c73f7744fd
GLOBL roots<>(SB), RODATA|NOPTR, $32
DATA roots32<>+0(SB)/8, $0x2f7b95c22f800000
DATA roots32<>+8(SB)/8, $0x2f75fed72f7837f0
DATA roots32<>+16(SB)/8, $0x2f75672a2f7504f3
DATA roots32<>+24(SB)/8, $0x2f7ac0c72f7744fd
GLOBL roots32<>(SB), RODATA|NOPTR, $32

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

// Y0 = e = exp(-|Y0|); keeps the argument in Y5.
#define EXPNEGABS \
	VMOVAPS Y0, Y5; \
	VORPS   signBit<>(SB), Y0, Y0; \
	ATLEAST(expMin); \
	EXP

// The faster exponential of kernels with bounded arguments: n = 8k+j is x*8/ln2 rounded
// to an integer. Adding 1.5*2^20, whose last place is 1/8, rounds x/ln2 to n/8 and leaves
// n in the low bits. e^x = 2^k * 2^(j/8) * e^r, |r| <= ln2/16, so that a cubic does; the
// power of two must be a normal number.
//
// Y2 = e^Y0 (or e^-Y0 with STEP = VFNMSUB231PS and the scale negative) times the factor of
// the table. Changes Y0, Y1.
#define EXPTABLE(STEP, scale, table) \
	VMOVUPS      scale<>(SB), Y1; \
	VFMADD213PS  shift20<>(SB), Y0, Y1; \
	VSUBPS       shift20<>(SB), Y1, Y2; \
	STEP         ln2<>(SB), Y2, Y0; \
	VFNMADD231PS ln2rest<>(SB), Y2, Y0; \
	VMOVUPS      cube3<>(SB), Y2; \
	VFMADD213PS  cube2<>(SB), Y0, Y2; \
	VMULPS       Y0, Y2, Y2; \
	VFMADD213PS  Y0, Y0, Y2; \
	TABLEFACTOR(Y1, Y0, table); \
	VFMADD213PS  Y0, Y0, Y2

// s = 2^(n/8) from the n in the low bits of t; changes t.
#define TABLEFACTOR(t, s, table) \
	VPERMPS table<>(SB), t, s; \
	VPSLLD  $20, t, t; \
	VPADDD  t, s, s

// Y0 = 1/(1+e^-Y0) as c/(c + c*e^-x) with c = 2^-32, so that the divisor does not overflow
// while the quotient is a number; changes Y1, Y2.
#define SIGMOID \
	ATLEAST(minus104); \
	ATMOST(plus60); \
	EXPTABLE(VFNMSUB231PS, minusLog2e, roots32); \
	VMOVUPS down32<>(SB), Y1; \
	VADDPS  Y1, Y2, Y2; \
	VDIVPS  Y2, Y1, Y0

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

// Y2 = 2^Y0 times the factor of the table; changes Y0, Y1, Y3.
#define TWOTO(table) \
	VADDPS      shift20<>(SB), Y0, Y1; \
	VSUBPS      shift20<>(SB), Y1, Y2; \
	VSUBPS      Y2, Y0, Y0; \
	VMOVUPS     twoTo3<>(SB), Y2; \
	VFMADD213PS twoTo2<>(SB), Y0, Y2; \
	VFMADD213PS twoTo1<>(SB), Y0, Y2; \
	TABLEFACTOR(Y1, Y3, table); \
	VMULPS      Y3, Y0, Y0; \
	VFMADD213PS Y3, Y0, Y2

// Y0 = gelu(Y0): max(x,-20) times the sigmoid of w = x*(A + A*B*x^2), with e^-w as
// 2^(-w/ln2); changes Y1, Y2, Y3, Y7.
#define GELU \
	VMOVUPS     geluLo<>(SB), Y1; \
	VMAXPS      Y0, Y1, Y7; \
	VMULPS      Y7, Y7, Y0; \
	VMOVUPS     minusGeluABL<>(SB), Y1; \
	VFMADD213PS minusGeluAL<>(SB), Y1, Y0; \
	VMULPS      Y7, Y0, Y0; \
	ATLEAST(minus60); \
	ATMOST(plus150); \
	TWOTO(roots32); \
	VMOVUPS     down32<>(SB), Y1; \
	VADDPS      Y1, Y2, Y2; \
	VDIVPS      Y2, Y1, Y0; \
	VMULPS      Y7, Y0, Y0

// Y0 = gelu'(Y0) = s + x*(e*d*d)*(A + 3AB*x^2), e = exp(-|w|), d = 1/(1+e), s = d or
// e*d, and Y4 = gelu(Y0) = max(x,-20)*s; changes Y1..Y7.
#define GELUGRAD \
	ATLEAST(geluLo); \
	VMOVAPS     Y0, Y4; \
	ATMOST(geluHi); \
	VMOVAPS     Y0, Y6; \
	VMULPS      Y0, Y0, Y7; \
	VMOVUPS     geluABL<>(SB), Y3; \
	VFMADD213PS geluAL<>(SB), Y7, Y3; \
	VMULPS      Y3, Y0, Y0; \
	VORPS       signBit<>(SB), Y0, Y0; \
	ATLEAST(minus125); \
	TWOTO(roots); \
	VMOVUPS     one<>(SB), Y1; \
	VADDPS      Y1, Y2, Y0; \
	VDIVPS      Y0, Y1, Y0; \
	VMULPS      Y0, Y2, Y2; \
	VBLENDVPS   Y6, Y2, Y0, Y1; \
	VMULPS      Y0, Y2, Y2; \
	VMULPS      Y6, Y2, Y2; \
	VMULPS      Y1, Y4, Y4; \
	VMOVUPS     gelu3AB<>(SB), Y0; \
	VFMADD213PS geluA<>(SB), Y7, Y0; \
	VFMADD213PS Y1, Y2, Y0

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

// Y0 = max(Y0,0) + log(1+u), u = exp(-|Y0|), the logarithm as 2 atanh(s) with
// s = u/(2+u) <= 1/3: four terms beyond the first leave a relative error of 1e-8.
// Changes Y1..Y5.
#define SOFTPLUS \
	EXPNEGABS; \
	VADDPS      two<>(SB), Y0, Y3; \
	VDIVPS      Y3, Y0, Y0; \
	VMULPS      Y0, Y0, Y2; \
	VMOVUPS     atanh4<>(SB), Y1; \
	VFMADD213PS atanh3<>(SB), Y2, Y1; \
	VFMADD213PS atanh2<>(SB), Y2, Y1; \
	VFMADD213PS atanh1<>(SB), Y2, Y1; \
	VMULPS      Y2, Y1, Y1; \
	VADDPS      Y0, Y0, Y0; \
	VFMADD213PS Y0, Y0, Y1; \
	VXORPS      Y4, Y4, Y4; \
	VMAXPS      Y5, Y4, Y0; \
	VADDPS      Y1, Y0, Y0

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

// Y0 = e^Y0 as EXPTABLE, for Y0 within [-104, 89], with the power of two in two factors,
// so that results may be denormal or infinite. Where they are not, the bits are the same.
#define EXPWIDE \
	ATMOST(expMax); \
	ATLEAST(expMin); \
	VMOVUPS      log2e<>(SB), Y1; \
	VFMADD213PS  shift20<>(SB), Y0, Y1; \
	VSUBPS       shift20<>(SB), Y1, Y2; \
	VFNMADD231PS ln2<>(SB), Y2, Y0; \
	VFNMADD231PS ln2rest<>(SB), Y2, Y0; \
	VMOVUPS      cube3<>(SB), Y2; \
	VFMADD213PS  cube2<>(SB), Y0, Y2; \
	VMULPS       Y0, Y2, Y2; \
	VFMADD213PS  Y0, Y0, Y2; \
	VPERMPS      roots<>(SB), Y1, Y0; \
	VPSLLD       $29, Y1, Y3; \
	VPSRLD       $9, Y3, Y3; \
	VPADDD       Y3, Y0, Y0; \
	VFMADD213PS  Y0, Y0, Y2; \
	VPSUBD       shift20<>(SB), Y1, Y1; \
	VPSRAD       $3, Y1, Y1; \
	VPSRAD       $1, Y1, Y3; \
	VPSUBD       Y3, Y1, Y1; \
	VPADDD       bias<>(SB), Y3, Y3; \
	VPADDD       bias<>(SB), Y1, Y1; \
	VPSLLD       $23, Y3, Y3; \
	VPSLLD       $23, Y1, Y1; \
	VMULPS       Y3, Y2, Y2; \
	VMULPS       Y1, Y2, Y0

// Leaves for label if a lane of Y0 exceeds 87 in magnitude; changes Y1, AX.
#define UNSAFE(label) \
	VANDPS    absMask<>(SB), Y0, Y1; \
	VCMPPS    $30, safe<>(SB), Y1, Y1; \
	VMOVMSKPS Y1, AX; \
	TESTL     AX, AX; \
	JNZ       label

// func expSIMD(dst, x *float32, n int)
TEXT ·expSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	SUBQ $8, CX
	JLT  tail
	PCALIGN $32

eight:
	VMOVUPS (SI), Y0
	UNSAFE(wide)
	EXPTABLE(VFNMADD231PS, log2e, roots)
	VMOVUPS Y2, (DI)

next:
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JGE  eight

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	EXPWIDE
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

wide:
	EXPWIDE
	VMOVUPS Y0, (DI)
	JMP     next

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

// func softplusSIMD(dst, x *float32, n int)
TEXT ·softplusSIMD(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MAP(SOFTPLUS)

// func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)
TEXT ·geluGradSIMD(SB), NOSPLIT, $0-36
	MOVQ         dx+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         dy+16(FP), DX
	MOVQ         n+24(FP), CX
	VBROADCASTSS acc+32(FP), Y13
	VMOVUPS      signBit<>(SB), Y12
	VANDNPS      Y12, Y13, Y12
	SUBQ         $8, CX
	JLT          tail

eight:
	VMOVUPS (SI), Y0
	GELUGRAD
	VMULPS  (DX), Y0, Y0
	VANDPS  (DI), Y13, Y1
	VORPS   Y12, Y1, Y1
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
	VORPS      Y12, Y2, Y2
	VADDPS     Y2, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)

done:
	VZEROUPPER
	RET

// Y0 = x: Y0 = sin, Y1 = cos. n = round(x*2/pi), r = x - n*pi/2 with pi/2 in two parts:
// the first difference is exact. Then the polynomials of Cephes sinf and cosf on
// [-pi/4, pi/4], exchanged and negated by the two low bits of n. Changes Y2..Y6.
#define SINCOS \
	VMOVUPS      invPio2<>(SB), Y4; \
	VFMADD213PS  shift23<>(SB), Y0, Y4; \
	VSUBPS       shift23<>(SB), Y4, Y2; \
	VFNMADD231PS pio2a<>(SB), Y2, Y0; \
	VFNMADD231PS pio2b<>(SB), Y2, Y0; \
	VMULPS       Y0, Y0, Y3; \
	VMOVUPS      sin3<>(SB), Y6; \
	VFMADD213PS  sin2<>(SB), Y3, Y6; \
	VFMADD213PS  sin1<>(SB), Y3, Y6; \
	VMOVUPS      cos3<>(SB), Y2; \
	VFMADD213PS  cos2<>(SB), Y3, Y2; \
	VFMADD213PS  cos1<>(SB), Y3, Y2; \
	VFMADD213PS  minusHalf<>(SB), Y3, Y2; \
	VFMADD213PS  one<>(SB), Y3, Y2; \
	VMULPS       Y0, Y3, Y3; \
	VFMADD213PS  Y0, Y3, Y6; \
	VPSLLD       $31, Y4, Y5; \
	VBLENDVPS    Y5, Y2, Y6, Y0; \
	VBLENDVPS    Y5, Y6, Y2, Y1; \
	VPADDD       intOne<>(SB), Y4, Y5; \
	VPSLLD       $30, Y4, Y4; \
	VPSLLD       $30, Y5, Y5; \
	VANDPS       signBit<>(SB), Y4, Y4; \
	VANDPS       signBit<>(SB), Y5, Y5; \
	VXORPS       Y4, Y0, Y0; \
	VXORPS       Y5, Y1, Y1

// Leaves for bad unless all lanes of Y0 are at most 131072 in magnitude.
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

// func softmaxRowsSIMD(dst, x *float32, rows, cols int) int
// R11 bytes of whole 8s and R12 elements behind them, with mask Y15.
TEXT ·softmaxRowsSIMD(SB), NOSPLIT, $0-40
	MOVQ    dst+0(FP), DI
	MOVQ    x+8(FP), SI
	XORL    R8, R8
	MOVQ    cols+24(FP), CX
	MOVQ    CX, R12
	ANDQ    $7, R12
	NEGQ    R12
	LEAQ    laneMask<>+32(SB), AX
	VMOVUPS (AX)(R12*4), Y15
	MOVQ    CX, R11
	ANDQ    $~7, R11
	SHLQ    $2, R11
	SHLQ    $2, CX

row:
	VMOVUPS minusInf<>(SB), Y4
	VMOVAPS Y4, Y6
	XORL    AX, AX
	CMPQ    R11, $64
	JLT     eightMax

sixteenMax:
	VMAXPS (SI)(AX*1), Y4, Y4
	VMAXPS 32(SI)(AX*1), Y6, Y6
	ADDQ   $64, AX
	LEAQ   64(AX), DX
	CMPQ   DX, R11
	JLE    sixteenMax

eightMax:
	CMPQ   AX, R11
	JGE    tailMax
	VMAXPS (SI)(AX*1), Y4, Y4
	ADDQ   $32, AX

tailMax:
	TESTQ      R12, R12
	JZ         doneMax
	VMASKMOVPS (SI)(AX*1), Y15, Y0
	VBLENDVPS  Y15, Y0, Y4, Y0
	VMAXPS     Y0, Y4, Y4

doneMax:
	VMAXPS       Y6, Y4, Y4
	VEXTRACTF128 $1, Y4, X0
	VMAXPS       X0, X4, X4
	VMOVHLPS     X4, X4, X0
	VMAXPS       X0, X4, X4
	VMOVSHDUP    X4, X0
	VMAXSS       X0, X4, X4
	VMOVD        X4, AX
	ANDL         $0x7f800000, AX
	CMPL         AX, $0x7f800000
	JEQ          out
	VBROADCASTSS X4, Y4

	// Y5 sums the exponentials.
	VXORPS Y5, Y5, Y5
	XORL   AX, AX
	TESTQ  R11, R11
	JZ     tailExp

eightExp:
	VMOVUPS (SI)(AX*1), Y0
	VSUBPS  Y4, Y0, Y0
	ATLEAST(expMin)
	EXP
	VMOVUPS Y0, (DI)(AX*1)
	VADDPS  Y0, Y5, Y5
	ADDQ    $32, AX
	CMPQ    AX, R11
	JLT     eightExp

tailExp:
	TESTQ      R12, R12
	JZ         doneExp
	VMASKMOVPS (SI)(AX*1), Y15, Y0
	VSUBPS     Y4, Y0, Y0
	ATLEAST(expMin)
	EXP
	VANDPS     Y15, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)(AX*1)
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
	XORL         AX, AX
	TESTQ        R11, R11
	JZ           tailScale

eightScale:
	VMULPS  (DI)(AX*1), Y4, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ    $32, AX
	CMPQ    AX, R11
	JLT     eightScale

tailScale:
	TESTQ      R12, R12
	JZ         doneScale
	VMASKMOVPS (DI)(AX*1), Y15, Y0
	VMULPS     Y0, Y4, Y0
	VMASKMOVPS Y0, Y15, (DI)(AX*1)

doneScale:
	ADDQ CX, DI
	ADDQ CX, SI
	INCQ R8
	CMPQ R8, rows+16(FP)
	JLT  row

out:
	MOVQ R8, ret+32(FP)
	VZEROUPPER
	RET

// Y8 = r, Y9 = z, Y10 = n, Y11 = gh_n, Y0 = hNew from Y0 = gi_r + gh_r, Y9 = gi_z + gh_z,
// Y10 = gi_n, Y11 = gh_n, Y12 = hPrev. tanh(x) = 2 sigmoid(2x) - 1: its absolute error is
// that of the sigmoids.
#define GRU \
	SIGMOID; \
	VMOVAPS Y0, Y8; \
	VMOVAPS Y9, Y0; \
	SIGMOID; \
	VMOVAPS Y0, Y9; \
	VMULPS  Y11, Y8, Y0; \
	VADDPS  Y10, Y0, Y0; \
	VADDPS  Y0, Y0, Y0; \
	SIGMOID; \
	VADDPS  Y0, Y0, Y0; \
	VSUBPS  one<>(SB), Y0, Y10; \
	VSUBPS  Y10, Y12, Y0; \
	VMULPS  Y9, Y0, Y0; \
	VADDPS  Y10, Y0, Y0

// func gruRowsSIMD(hNew, gi, gh, hPrev, save *float32, rows, h int)
TEXT ·gruRowsSIMD(SB), NOSPLIT, $0-56
	MOVQ hNew+0(FP), DI
	MOVQ gi+8(FP), SI
	MOVQ gh+16(FP), DX
	MOVQ hPrev+24(FP), BX
	MOVQ save+32(FP), R8
	MOVQ rows+40(FP), R12
	MOVQ h+48(FP), R13
	LEAQ 0(R13*4), R10
	LEAQ (R10)(R10*2), R11

row:
	MOVQ R13, CX
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
	JZ         rowDone
	MOVQ       CX, R9
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
	LEAQ       (SI)(R9*4), SI
	LEAQ       (DX)(R9*4), DX
	LEAQ       (BX)(R9*4), BX
	LEAQ       (DI)(R9*4), DI
	TESTQ      R8, R8
	JZ         rowDone
	VMASKMOVPS Y8, Y15, (R8)
	VMASKMOVPS Y9, Y15, (R8)(R10*1)
	VMASKMOVPS Y10, Y15, (R8)(R10*2)
	VMASKMOVPS Y11, Y15, (R8)(R11*1)
	LEAQ       (R8)(R9*4), R8

rowDone:
	// The pointers stand at the end of the first gate; go to the next row.
	LEAQ  (SI)(R10*2), SI
	LEAQ  (DX)(R10*2), DX
	TESTQ R8, R8
	JZ    unsaved
	ADDQ  R11, R8

unsaved:
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET

// u (SI), v (SI)(R10*1), dst (DI).
// func gluRowsSIMD(dst, x *float32, rows, h int)
TEXT ·gluRowsSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ rows+16(FP), R12
	MOVQ h+24(FP), R13
	LEAQ 0(R13*4), R10

row:
	MOVQ R13, CX
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y0
	GELU
	VMULPS  (SI)(R10*1), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         next
	MOVQ       CX, R9
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	GELU
	VMASKMOVPS (SI)(R10*1), Y15, Y1
	VMULPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)
	LEAQ       (SI)(R9*4), SI
	LEAQ       (DI)(R9*4), DI

next:
	ADDQ R10, SI
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET

// u (SI), v (SI)(R10*1), du (DI), dv (DI)(R10*1), dy (DX).
// func gluGradRowsSIMD(dx, x, dy *float32, rows, h int)
TEXT ·gluGradRowsSIMD(SB), NOSPLIT, $0-40
	MOVQ dx+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ dy+16(FP), DX
	MOVQ rows+24(FP), R12
	MOVQ h+32(FP), R13
	LEAQ 0(R13*4), R10

row:
	MOVQ R13, CX
	SUBQ $8, CX
	JLT  tail

eight:
	VMOVUPS (SI), Y0
	GELUGRAD
	VMOVUPS (DX), Y1
	VMULPS  Y1, Y4, Y4
	VADDPS  (DI)(R10*1), Y4, Y4
	VMULPS  (SI)(R10*1), Y1, Y1
	VMULPS  Y1, Y0, Y0
	VADDPS  (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	VMOVUPS Y4, (DI)(R10*1)
	ADDQ    $32, SI
	ADDQ    $32, DI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JGE     eight

tail:
	ADDQ       $8, CX
	JZ         next
	MOVQ       CX, R9
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	GELUGRAD
	VMASKMOVPS (DX), Y15, Y2
	VMULPS     Y2, Y4, Y4
	VMASKMOVPS (DI)(R10*1), Y15, Y1
	VADDPS     Y1, Y4, Y4
	VMASKMOVPS (SI)(R10*1), Y15, Y1
	VMULPS     Y1, Y2, Y1
	VMULPS     Y1, Y0, Y0
	VMASKMOVPS (DI), Y15, Y1
	VADDPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)
	VMASKMOVPS Y4, Y15, (DI)(R10*1)
	LEAQ       (SI)(R9*4), SI
	LEAQ       (DI)(R9*4), DI
	LEAQ       (DX)(R9*4), DX

next:
	ADDQ R10, SI
	ADDQ R10, DI
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET
