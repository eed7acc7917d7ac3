//go:build amd64 && !noasm

#include "textflag.h"

// Elementary functions with AVX-512: 16 elements at a time, masked tails. NaN rule: VMINPS
// and VMAXPS return their second source (the first operand here) when either is NaN, so
// every clamp puts x there.
//
// e^x = 2^k * T * e^r, where n = 16k+j is x*16/ln2 rounded to an integer, T = 2^(j/16)
// comes from a table in a register, and |r| <= ln2/32, so that a cubic does. Adding
// 1.5*2^19, whose last place is 1/16, rounds x/ln2 to n/16 and leaves j in the low bits;
// VSCALEFPS multiplies by 2^floor(n/16), with denormal and infinite results as IEEE has
// them. Where x is so large (or infinite) that r means nothing, VRANGEPS bounds it, and
// the scale factor makes the result 0, Inf or NaN.

#define C4(name, v) \
	DATA name<>+0(SB)/4, $v; \
	GLOBL name<>(SB), RODATA|NOPTR, $4

C4(one, 0x3f800000)
C4(two, 0x40000000)
C4(half, 0x3f000000)
C4(minusHalf, 0xbf000000)
C4(minusOne, 0xbf800000)
C4(signBit, 0x80000000)
C4(absMask, 0x7fffffff)
C4(minusInf, 0xff800000)
C4(shift19, 0x49400000) // 1.5*2^19
C4(shift23, 0x4b400000) // 1.5*2^23
C4(log2e, 0x3fb8aa3b) // 1/ln2
C4(minusLog2e, 0xbfb8aa3b)
C4(ln2hi, 0x3f317218) // ln2 = ln2hi + ln2lo
C4(ln2lo, 0xb102e308)
C4(exp2, 0x3f00010f) // e^r = 1 + r + exp2*r^2 + exp3*r^3, relative error 2e-9
C4(exp3, 0x3e2aaace)
C4(rMax, 0x3cb40000) // just above ln2/32
C4(down32, 0x2f800000) // 2^-32
C4(twoLog2e, 0x4038aa3b) // 2/ln2
C4(ln2h, 0x3eb17218) // ln2/2 = ln2h + ln2l
C4(ln2l, 0xb082e308)
C4(tanh2, 0x3f7fffff) // (e^2r - 1)/2 = r + tanh2*r^2 + ..., relative error 2e-8
C4(tanh3, 0x3f2aaa58)
C4(tanh4, 0x3eaaab3a)
C4(tanh5, 0x3e0913bb)
C4(tanh6, 0x3d35f603)
C4(tanhMax, 0x41200000) // 10, tanh(10) is 1
C4(twoTo1, 0x3f317218) // 2^f = 1 + twoTo1*f + twoTo2*f^2 + twoTo3*f^3, |f| <= 1/32
C4(twoTo2, 0x3e75fffa)
C4(twoTo3, 0x3d635635)
C4(geluLo, 0xc1a00000) // -20
C4(geluHi, 0x41a00000) // 20
C4(geluA, 0x3fcc422a) // A = 2*sqrt(2/pi)
C4(gelu3AB, 0x3e5b33b6) // 3*A*B, B = 0.044715
C4(geluAL, 0x40135761) // A/ln2
C4(geluABL, 0x3dd2d3e8) // A*B/ln2
C4(minusGeluAL, 0xc0135761)
C4(minusGeluABL, 0xbdd2d3e8)
C4(atanh1, 0x3eaaaa81) // atanh(s)/s = 1 + atanh1*s^2 + ..., s <= 1/3
C4(atanh2, 0x3e4ce904)
C4(atanh3, 0x3e0f5e87)
C4(atanh4, 0x3e0f6bdf)
C4(phiMax, 0x42c00000) // 96, e^96/96 overflows
C4(phiMin, 0xc1f00000) // -30, e^-30-1 is -1
C4(phiTiny, 0x322bcc77) // 1e-8, phi1 is 1 below
C4(tiny12, 0x39800000) // 2^-12
C4(tay2, 0x3f000000) // (e^r - 1 - r)/r^2 of Cephes expf, |r| <= ln2/2
C4(tay3, 0x3e2aaaaa)
C4(tay4, 0x3d2aa9c1)
C4(tay5, 0x3c088908)
C4(tay6, 0x3ab743ce)
C4(tay7, 0x39506967)
C4(sinMax, 0x48000000) // 131072
C4(twoOverPi, 0x3f22f983)
C4(pio2hi, 0x3fc90fdb) // pi/2 = pio2hi + pio2lo
C4(pio2lo, 0xb33bbd2e)
C4(sin1, 0xbe2aaaa3) // sin(r) = r + sin1*r^3 + ...
C4(sin2, 0x3c08839e)
C4(sin3, 0xb94ca1f9)
C4(cos1, 0x3d2aaaa5) // cos(r) = 1 - r^2/2 + cos1*r^4 + ...
C4(cos2, 0xbab6061a)
C4(cos3, 0x37ccf5ce)
C4(intOne, 1)

// 2^(j/16).
DATA roots<>+0(SB)/8, $0x3f85aac33f800000
DATA roots<>+8(SB)/8, $0x3f91c3d33f8b95c2
DATA roots<>+16(SB)/8, $0x3f9ef5323f9837f0
DATA roots<>+24(SB)/8, $0x3fad583f3fa5fed7
DATA roots<>+32(SB)/8, $0x3fbd08a43fb504f3
DATA roots<>+40(SB)/8, $0x3fce248c3fc5672a
DATA roots<>+48(SB)/8, $0x3fe0ccdf3fd744fd
DATA roots<>+56(SB)/8, $0x3ff5257d3feac0c7
GLOBL roots<>(SB), RODATA|NOPTR, $64
// 2^(j/16 - 32).
DATA roots32<>+0(SB)/8, $0x2f85aac32f800000
DATA roots32<>+8(SB)/8, $0x2f91c3d32f8b95c2
DATA roots32<>+16(SB)/8, $0x2f9ef5322f9837f0
DATA roots32<>+24(SB)/8, $0x2fad583f2fa5fed7
DATA roots32<>+32(SB)/8, $0x2fbd08a42fb504f3
DATA roots32<>+40(SB)/8, $0x2fce248c2fc5672a
DATA roots32<>+48(SB)/8, $0x2fe0ccdf2fd744fd
DATA roots32<>+56(SB)/8, $0x2ff5257d2feac0c7
GLOBL roots32<>(SB), RODATA|NOPTR, $64

// Constants of EXP16: Z31 1/ln2 (negative for e^-x), Z30 1.5*2^19, Z29 and Z28 ln2, Z27 the
// table, Z26 and Z25 the cubic, Z24 the bound of r.
#define EXPCONST(scale, table) \
	VBROADCASTSS scale<>(SB), Z31; \
	VBROADCASTSS shift19<>(SB), Z30; \
	VBROADCASTSS ln2hi<>(SB), Z29; \
	VBROADCASTSS ln2lo<>(SB), Z28; \
	VMOVUPS      table<>(SB), Z27; \
	VBROADCASTSS exp2<>(SB), Z26; \
	VBROADCASTSS exp3<>(SB), Z25; \
	VBROADCASTSS rMax<>(SB), Z24

// x = e^x, or e^-x with STEP = VFNMSUB231PS and the scale negative.
#define EXPCORE(STEP, x, t, k, q) \
	VMOVAPS      Z30, t; \
	VFMADD231PS  Z31, x, t; \
	VSUBPS       Z30, t, k; \
	STEP         Z29, k, x; \
	VFNMADD231PS Z28, k, x; \
	VRANGEPS     $2, Z24, x, x; \
	VPERMPS      Z27, t, t; \
	VMOVAPS      Z26, q; \
	VFMADD231PS  Z25, x, q; \
	VMULPS       q, x, q; \
	VFMADD213PS  x, x, q; \
	VFMADD213PS  t, t, q; \
	VSCALEFPS    k, q, x
#define EXP16(x, t, k, q) EXPCORE(VFNMADD231PS, x, t, k, q)
#define EXPNEG16(x, t, k, q) EXPCORE(VFNMSUB231PS, x, t, k, q)

// x = 1/(1+e^-x) as c/(c + c*e^-x) with c = 2^-32, so that the divisor does not overflow
// while the quotient is a number. Z23 = c, the table carries it too.
#define SIGMOIDCONST \
	EXPCONST(minusLog2e, roots32); \
	VBROADCASTSS down32<>(SB), Z23
#define SIGMOID16(x, t, k, q) \
	EXPNEG16(x, t, k, q); \
	VADDPS Z23, x, x; \
	VDIVPS x, Z23, x

// x = tanh(x) = h/(h+1), h = (e^(2|x|) - 1)/2 = S*p + (S-1)/2 with S = 2^k and
// p = (e^2r - 1)/2, r = |x| - k*ln2/2.
#define TANHCONST \
	VBROADCASTSS absMask<>(SB), Z31; \
	VBROADCASTSS tanhMax<>(SB), Z30; \
	VBROADCASTSS twoLog2e<>(SB), Z29; \
	VBROADCASTSS shift23<>(SB), Z28; \
	VBROADCASTSS ln2h<>(SB), Z27; \
	VBROADCASTSS ln2l<>(SB), Z26; \
	VBROADCASTSS tanh2<>(SB), Z25; \
	VBROADCASTSS tanh3<>(SB), Z24; \
	VBROADCASTSS tanh4<>(SB), Z23; \
	VBROADCASTSS tanh5<>(SB), Z22; \
	VBROADCASTSS tanh6<>(SB), Z21; \
	VBROADCASTSS one<>(SB), Z20; \
	VBROADCASTSS half<>(SB), Z19
#define TANH16(x, r, k, q) \
	VPANDD       Z31, x, r; \
	VMINPS       r, Z30, r; \
	VMOVAPS      Z28, k; \
	VFMADD231PS  Z29, r, k; \
	VSUBPS       Z28, k, k; \
	VFNMADD231PS Z27, k, r; \
	VFNMADD231PS Z26, k, r; \
	VSCALEFPS    k, Z20, k; \
	VMOVAPS      Z22, q; \
	VFMADD231PS  Z21, r, q; \
	VFMADD213PS  Z23, r, q; \
	VFMADD213PS  Z24, r, q; \
	VFMADD213PS  Z25, r, q; \
	VMULPS       r, q, q; \
	VFMADD213PS  r, r, q; \
	VMOVAPS      k, r; \
	VFMSUB213PS  Z19, Z19, r; \
	VFMADD213PS  r, k, q; \
	VADDPS       Z20, q, k; \
	VDIVPS       k, q, q; \
	VPTERNLOGD   $0xd8, Z31, q, x

// x = gelu(x): max(x,-20) times the sigmoid of w of the clamped argument. Works in base 2:
// u = -w/ln2, n/16 = round(u) and f = u - n/16 exactly.
#define GELUCONST \
	VBROADCASTSS geluLo<>(SB), Z31; \
	VBROADCASTSS geluHi<>(SB), Z30; \
	VBROADCASTSS minusGeluABL<>(SB), Z29; \
	VBROADCASTSS minusGeluAL<>(SB), Z28; \
	VBROADCASTSS shift19<>(SB), Z27; \
	VMOVUPS      roots32<>(SB), Z26; \
	VBROADCASTSS twoTo1<>(SB), Z25; \
	VBROADCASTSS twoTo2<>(SB), Z24; \
	VBROADCASTSS twoTo3<>(SB), Z23; \
	VBROADCASTSS down32<>(SB), Z22
#define GELU16(x, w, k, q) \
	VMAXPS      x, Z31, x; \
	VMINPS      x, Z30, w; \
	VMULPS      w, w, q; \
	VFMADD213PS Z28, Z29, q; \
	VMULPS      q, w, w; \
	VADDPS      Z27, w, q; \
	VSUBPS      Z27, q, k; \
	VSUBPS      k, w, w; \
	VPERMPS     Z26, q, q; \
	TWOTO(w, q, Z8); \
	VSCALEFPS   k, w, w; \
	VADDPS      Z22, w, w; \
	VDIVPS      w, Z22, w; \
	VMULPS      w, x, x

// f = T*2^f for |f| <= 1/32; changes T and p.
#define TWOTO(f, T, p) \
	VMOVAPS     Z24, p; \
	VFMADD231PS Z23, f, p; \
	VFMADD213PS Z25, f, p; \
	VMULPS      T, f, f; \
	VFMADD213PS T, p, f

// x = gelu'(x) = s + x*(e*d*d)*(A + 3AB*x^2), e = exp(-|w|), d = 1/(1+e), s = d or e*d; g is
// gelu(x). Changes Z4..Z8, K2.
#define GELUGRADCONST \
	VBROADCASTSS geluLo<>(SB), Z31; \
	VBROADCASTSS geluHi<>(SB), Z30; \
	VBROADCASTSS geluABL<>(SB), Z29; \
	VBROADCASTSS geluAL<>(SB), Z28; \
	VBROADCASTSS shift19<>(SB), Z27; \
	VMOVUPS      roots<>(SB), Z26; \
	VBROADCASTSS twoTo1<>(SB), Z25; \
	VBROADCASTSS twoTo2<>(SB), Z24; \
	VBROADCASTSS twoTo3<>(SB), Z23; \
	VBROADCASTSS one<>(SB), Z22; \
	VBROADCASTSS signBit<>(SB), Z21; \
	VBROADCASTSS gelu3AB<>(SB), Z20; \
	VBROADCASTSS geluA<>(SB), Z19
#define GELUGRAD16(x, g) \
	VMAXPS      x, Z31, g; \
	VMINPS      g, Z30, x; \
	VPMOVD2M    x, K2; \
	VMULPS      x, x, Z4; \
	VMOVAPS     Z28, Z5; \
	VFMADD231PS Z29, Z4, Z5; \
	VMULPS      x, Z5, Z5; \
	VPORD       Z21, Z5, Z5; \
	VADDPS      Z27, Z5, Z6; \
	VSUBPS      Z27, Z6, Z7; \
	VSUBPS      Z7, Z5, Z5; \
	VPERMPS     Z26, Z6, Z6; \
	TWOTO(Z5, Z6, Z8); \
	VSCALEFPS   Z7, Z5, Z5; \
	VADDPS      Z22, Z5, Z6; \
	VDIVPS      Z6, Z22, Z6; \
	VMULPS      Z6, Z5, Z5; \
	VMULPS      Z6, Z5, Z7; \
	VMOVAPS     Z5, K2, Z6; \
	VFMADD213PS Z19, Z20, Z4; \
	VMULPS      x, Z7, x; \
	VFMADD213PS Z6, Z4, x; \
	VMULPS      Z6, g, g

// x = max(x,0) + log(1+u), u = exp(-|x|), the logarithm as 2 atanh(s), s = u/(2+u).
#define SOFTPLUSCONST \
	EXPCONST(log2e, roots); \
	VBROADCASTSS two<>(SB), Z23; \
	VBROADCASTSS atanh1<>(SB), Z22; \
	VBROADCASTSS atanh2<>(SB), Z21; \
	VBROADCASTSS atanh3<>(SB), Z20; \
	VBROADCASTSS atanh4<>(SB), Z19; \
	VBROADCASTSS signBit<>(SB), Z18; \
	VPXORD       Z17, Z17, Z17
#define SOFTPLUS16(x, t, k, q) \
	VPORD       Z18, x, Z8; \
	VMAXPS      x, Z17, x; \
	EXP16(Z8, t, k, q); \
	VADDPS      Z23, Z8, t; \
	VDIVPS      t, Z8, t; \
	VMULPS      t, t, k; \
	VMOVAPS     Z20, q; \
	VFMADD231PS Z19, k, q; \
	VFMADD213PS Z21, k, q; \
	VFMADD213PS Z22, k, q; \
	VMULPS      k, q, q; \
	VADDPS      t, t, t; \
	VFMADD213PS t, t, q; \
	VADDPS      q, x, x

// x = (e^x - 1)/x. Numerator and divisor both carry a factor 2^-12, so that 2^k stays
// finite as long as the quotient does.
#define PHICONST \
	VBROADCASTSS phiMax<>(SB), Z31; \
	VBROADCASTSS phiMin<>(SB), Z30; \
	VBROADCASTSS log2e<>(SB), Z29; \
	VBROADCASTSS shift23<>(SB), Z28; \
	VBROADCASTSS ln2hi<>(SB), Z27; \
	VBROADCASTSS ln2lo<>(SB), Z26; \
	VBROADCASTSS tay2<>(SB), Z25; \
	VBROADCASTSS tay3<>(SB), Z24; \
	VBROADCASTSS tay4<>(SB), Z23; \
	VBROADCASTSS tay5<>(SB), Z22; \
	VBROADCASTSS tay6<>(SB), Z21; \
	VBROADCASTSS tay7<>(SB), Z20; \
	VBROADCASTSS tiny12<>(SB), Z19; \
	VBROADCASTSS absMask<>(SB), Z18; \
	VBROADCASTSS phiTiny<>(SB), Z17; \
	VBROADCASTSS one<>(SB), Z16
#define PHI16(x, r, k, q) \
	VMINPS       x, Z31, x; \
	VMAXPS       x, Z30, r; \
	VMOVAPS      Z28, k; \
	VFMADD231PS  Z29, r, k; \
	VSUBPS       Z28, k, k; \
	VFNMADD231PS Z27, k, r; \
	VFNMADD231PS Z26, k, r; \
	VSCALEFPS    k, Z19, k; \
	VMOVAPS      Z21, q; \
	VFMADD231PS  Z20, r, q; \
	VFMADD213PS  Z22, r, q; \
	VFMADD213PS  Z23, r, q; \
	VFMADD213PS  Z24, r, q; \
	VFMADD213PS  Z25, r, q; \
	VMULPS       r, q, q; \
	VFMADD213PS  r, r, q; \
	VSUBPS       Z19, k, r; \
	VFMADD213PS  r, k, q; \
	VMULPS       Z19, x, r; \
	VDIVPS       r, q, q; \
	VPANDD       Z18, x, x; \
	VCMPPS       $1, Z17, x, K2; \
	VMOVAPS      Z16, K2, q; \
	VMOVAPS      q, x

// K1 = the first CX of 16 lanes, CX < 16. Changes AX.
#define TAILMASK \
	MOVL  $1, AX; \
	SHLL  CX, AX; \
	DECL  AX; \
	KMOVW AX, K1

// dst (DI) = F(x (SI)) over CX elements.
#define MAP(F) \
	SUBQ $32, CX; \
	JLT  sixteen; \
	PCALIGN $32; \
loop: \
	VMOVUPS (SI), Z0; \
	VMOVUPS 64(SI), Z4; \
	F(Z0, Z1, Z2, Z3); \
	F(Z4, Z5, Z6, Z7); \
	VMOVUPS Z0, (DI); \
	VMOVUPS Z4, 64(DI); \
	ADDQ    $128, SI; \
	ADDQ    $128, DI; \
	SUBQ    $32, CX; \
	JGE     loop; \
sixteen: \
	ADDQ $16, CX; \
	JLT  tail; \
	VMOVUPS (SI), Z0; \
	F(Z0, Z1, Z2, Z3); \
	VMOVUPS Z0, (DI); \
	ADDQ    $64, SI; \
	ADDQ    $64, DI; \
	SUBQ    $16, CX; \
tail: \
	ADDQ $16, CX; \
	JZ   done; \
	TAILMASK; \
	VMOVUPS.Z (SI), K1, Z0; \
	F(Z0, Z1, Z2, Z3); \
	VMOVUPS Z0, K1, (DI); \
done: \
	VZEROUPPER; \
	RET

// func expAVX512(dst, x *float32, n int)
TEXT ·expAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	EXPCONST(log2e, roots)
	MAP(EXP16)

// func tanhAVX512(dst, x *float32, n int)
TEXT ·tanhAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TANHCONST
	MAP(TANH16)

// func sigmoidAVX512(dst, x *float32, n int)
TEXT ·sigmoidAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	SIGMOIDCONST
	MAP(SIGMOID16)

// func geluAVX512(dst, x *float32, n int)
TEXT ·geluAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	GELUCONST
	MAP(GELU16)

// func expm1OverXAVX512(dst, x *float32, n int)
TEXT ·expm1OverXAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	PHICONST
	MAP(PHI16)

// func softplusAVX512(dst, x *float32, n int)
TEXT ·softplusAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	SOFTPLUSCONST
	MAP(SOFTPLUS16)

// func geluGradAVX512(dx, x, dy *float32, n int, acc uint32)
TEXT ·geluGradAVX512(SB), NOSPLIT, $0-36
	MOVQ  dx+0(FP), DI
	MOVQ  x+8(FP), SI
	MOVQ  dy+16(FP), DX
	MOVQ  n+24(FP), CX
	MOVL  acc+32(FP), AX
	KMOVW AX, K3
	GELUGRADCONST
	SUBQ  $16, CX
	JLT   tail

loop:
	VMOVUPS (SI), Z0
	GELUGRAD16(Z0, Z1)
	VMULPS  (DX), Z0, Z0
	VADDPS  (DI), Z0, K3, Z0
	VMOVUPS Z0, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DX
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     loop

tail:
	ADDQ      $16, CX
	JZ        done
	TAILMASK
	KANDW     K1, K3, K3
	VMOVUPS.Z (SI), K1, Z0
	GELUGRAD16(Z0, Z1)
	VMULPS.Z  (DX), Z0, K1, Z0
	VADDPS    (DI), Z0, K3, Z0
	VMOVUPS   Z0, K1, (DI)

done:
	VZEROUPPER
	RET

// u (SI), v (SI)(R10*1), dst (DI).
// func gluRowsAVX512(dst, x *float32, rows, h int)
TEXT ·gluRowsAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ rows+16(FP), R12
	MOVQ h+24(FP), R13
	LEAQ 0(R13*4), R10
	GELUCONST
	MOVQ R13, CX
	ANDQ $15, CX
	MOVQ CX, R9
	TAILMASK

row:
	MOVQ R13, CX
	SUBQ $16, CX
	JLT  tail

loop:
	VMOVUPS (SI), Z0
	GELU16(Z0, Z1, Z2, Z3)
	VMULPS  (SI)(R10*1), Z0, Z0
	VMOVUPS Z0, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     loop

tail:
	TESTQ     R9, R9
	JZ        next
	VMOVUPS.Z (SI), K1, Z0
	GELU16(Z0, Z1, Z2, Z3)
	VMULPS.Z  (SI)(R10*1), Z0, K1, Z0
	VMOVUPS   Z0, K1, (DI)
	LEAQ      (SI)(R9*4), SI
	LEAQ      (DI)(R9*4), DI

next:
	ADDQ R10, SI
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET

// u (SI), v (SI)(R10*1), du (DI), dv (DI)(R10*1), dy (DX).
// func gluGradRowsAVX512(dx, x, dy *float32, rows, h int)
TEXT ·gluGradRowsAVX512(SB), NOSPLIT, $0-40
	MOVQ dx+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ dy+16(FP), DX
	MOVQ rows+24(FP), R12
	MOVQ h+32(FP), R13
	LEAQ 0(R13*4), R10
	GELUGRADCONST
	MOVQ R13, CX
	ANDQ $15, CX
	MOVQ CX, R9
	TAILMASK

row:
	MOVQ R13, CX
	SUBQ $16, CX
	JLT  tail

loop:
	VMOVUPS (SI), Z0
	VMOVUPS (DX), Z2
	GELUGRAD16(Z0, Z1)
	VMULPS  Z2, Z1, Z1
	VADDPS  (DI)(R10*1), Z1, Z1
	VMULPS  (SI)(R10*1), Z2, Z2
	VMULPS  Z2, Z0, Z0
	VADDPS  (DI), Z0, Z0
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, (DI)(R10*1)
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JGE     loop

tail:
	TESTQ     R9, R9
	JZ        next
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DX), K1, Z2
	GELUGRAD16(Z0, Z1)
	VMULPS    Z2, Z1, Z1
	VADDPS.Z  (DI)(R10*1), Z1, K1, Z1
	VMULPS.Z  (SI)(R10*1), Z2, K1, Z2
	VMULPS    Z2, Z0, Z0
	VADDPS.Z  (DI), Z0, K1, Z0
	VMOVUPS   Z0, K1, (DI)
	VMOVUPS   Z1, K1, (DI)(R10*1)
	LEAQ      (SI)(R9*4), SI
	LEAQ      (DI)(R9*4), DI
	LEAQ      (DX)(R9*4), DX

next:
	ADDQ R10, SI
	ADDQ R10, DI
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET

// x = sin, c = cos of x. n = round(x*2/pi), r = x - n*pi/2 with pi/2 in two parts: the
// first difference is exact. Then the polynomials of Cephes sinf and cosf on [-pi/4, pi/4],
// exchanged and negated by the two low bits of n. Changes the rest and K2.
#define SINCOSCONST \
	VBROADCASTSS twoOverPi<>(SB), Z31; \
	VBROADCASTSS shift23<>(SB), Z30; \
	VBROADCASTSS pio2hi<>(SB), Z29; \
	VBROADCASTSS pio2lo<>(SB), Z28; \
	VBROADCASTSS sin1<>(SB), Z27; \
	VBROADCASTSS sin2<>(SB), Z26; \
	VBROADCASTSS sin3<>(SB), Z25; \
	VBROADCASTSS cos1<>(SB), Z24; \
	VBROADCASTSS cos2<>(SB), Z23; \
	VBROADCASTSS cos3<>(SB), Z22; \
	VBROADCASTSS minusHalf<>(SB), Z21; \
	VBROADCASTSS one<>(SB), Z20; \
	VPBROADCASTD intOne<>(SB), Z19; \
	VBROADCASTSS signBit<>(SB), Z18; \
	VBROADCASTSS absMask<>(SB), Z17; \
	VBROADCASTSS sinMax<>(SB), Z16
#define SINCOS16(x, c, n, s, r) \
	VMOVAPS      Z30, n; \
	VFMADD231PS  Z31, x, n; \
	VSUBPS       Z30, n, c; \
	VFNMADD231PS Z29, c, x; \
	VFNMADD231PS Z28, c, x; \
	VPTESTMD     Z19, n, K2; \
	VMULPS       x, x, r; \
	VMOVAPS      Z26, s; \
	VFMADD231PS  Z25, r, s; \
	VFMADD213PS  Z27, r, s; \
	VMOVAPS      Z23, c; \
	VFMADD231PS  Z22, r, c; \
	VFMADD213PS  Z24, r, c; \
	VFMADD213PS  Z21, r, c; \
	VFMADD213PS  Z20, r, c; \
	VMULPS       x, r, r; \
	VFMADD213PS  x, r, s; \
	VPADDD       Z19, n, r; \
	VPSLLD       $30, n, n; \
	VPSLLD       $30, r, r; \
	VBLENDMPS    c, s, K2, x; \
	VMOVAPS      s, K2, c; \
	VPTERNLOGD   $0x78, Z18, n, x; \
	VPTERNLOGD   $0x78, Z18, r, c

// func sinCosAVX512(sin, cos, x *float32, n int) int
TEXT ·sinCosAVX512(SB), NOSPLIT, $0-40
	MOVQ sin+0(FP), DI
	MOVQ cos+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	MOVQ CX, DX
	SINCOSCONST
	SUBQ $32, CX
	JLT  sixteen

loop:
	VMOVUPS  (SI), Z0
	VMOVUPS  64(SI), Z5
	VPANDD   Z17, Z0, Z1
	VPANDD   Z17, Z5, Z6
	VCMPPS   $2, Z16, Z1, K3
	VCMPPS   $2, Z16, Z6, K3, K3
	KORTESTW K3, K3
	JCC      sixteen
	SINCOS16(Z0, Z1, Z2, Z3, Z4)
	SINCOS16(Z5, Z6, Z7, Z8, Z9)
	VMOVUPS  Z0, (DI)
	VMOVUPS  Z5, 64(DI)
	VMOVUPS  Z1, (R8)
	VMOVUPS  Z6, 64(R8)
	ADDQ     $128, SI
	ADDQ     $128, DI
	ADDQ     $128, R8
	SUBQ     $32, CX
	JGE      loop

sixteen:
	// CX is the number of elements left, less 32; at least 16 of them are well in one
	// register, or those of the tail.
	ADDQ     $16, CX
	JLT      tail
	VMOVUPS  (SI), Z0
	VPANDD   Z17, Z0, Z1
	VCMPPS   $2, Z16, Z1, K3
	KORTESTW K3, K3
	JCC      bad
	SINCOS16(Z0, Z1, Z2, Z3, Z4)
	VMOVUPS  Z0, (DI)
	VMOVUPS  Z1, (R8)
	ADDQ     $64, SI
	ADDQ     $64, DI
	ADDQ     $64, R8
	SUBQ     $32, CX
	JGE      loop
	JMP      sixteen

tail:
	ADDQ      $16, CX
	JZ        done
	TAILMASK
	VMOVUPS.Z (SI), K1, Z0
	VPANDD    Z17, Z0, Z1
	VCMPPS    $2, Z16, Z1, K3
	KORTESTW  K3, K3
	JCC       badTail
	SINCOS16(Z0, Z1, Z2, Z3, Z4)
	VMOVUPS   Z0, K1, (DI)
	VMOVUPS   Z1, K1, (R8)

done:
	MOVQ DX, ret+32(FP)
	VZEROUPPER
	RET

bad:
	ADDQ $16, CX

badTail:
	// CX elements are left.
	SUBQ CX, DX
	MOVQ DX, ret+32(FP)
	VZEROUPPER
	RET

// func softmaxRowsAVX512(dst, x *float32, rows, cols int) int
// R11 bytes of whole 16s and R12 elements behind them, with mask K1.
TEXT ·softmaxRowsAVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	XORL R8, R8
	MOVQ cols+24(FP), R13
	MOVQ R13, CX
	ANDQ $15, CX
	MOVQ CX, R12
	TAILMASK
	MOVQ R13, R11
	ANDQ $~15, R11
	SHLQ $2, R11
	SHLQ $2, R13
	EXPCONST(log2e, roots)
	VBROADCASTSS minusInf<>(SB), Z23

row:
	VMOVAPS Z23, Z4
	VMOVAPS Z23, Z5
	XORL    AX, AX
	LEAQ    64(AX), DX
	CMPQ    DX, R11
	JGE     oneMax

twoMax:
	VMAXPS (SI)(AX*1), Z4, Z4
	VMAXPS 64(SI)(AX*1), Z5, Z5
	ADDQ   $128, AX
	LEAQ   64(AX), DX
	CMPQ   DX, R11
	JLT    twoMax

oneMax:
	CMPQ   AX, R11
	JGE    tailMax
	VMAXPS (SI)(AX*1), Z4, Z4
	ADDQ   $64, AX

tailMax:
	TESTQ  R12, R12
	JZ     doneMax
	VMAXPS (SI)(AX*1), Z4, K1, Z4

doneMax:
	VMAXPS        Z5, Z4, Z4
	VEXTRACTF64X4 $1, Z4, Y0
	VMAXPS        Y0, Y4, Y4
	VEXTRACTF128  $1, Y4, X0
	VMAXPS        X0, X4, X4
	VMOVHLPS      X4, X4, X0
	VMAXPS        X0, X4, X4
	VMOVSHDUP     X4, X0
	VMAXSS        X0, X4, X4
	VMOVD         X4, AX
	ANDL          $0x7f800000, AX
	CMPL          AX, $0x7f800000
	JEQ           out
	VBROADCASTSS  X4, Z4

	// Z5 and Z14 sum the exponentials.
	VPXORD Z5, Z5, Z5
	VPXORD Z14, Z14, Z14
	XORL   AX, AX
	LEAQ   64(AX), DX
	CMPQ   DX, R11
	JGE    oneExp

twoExp:
	VMOVUPS (SI)(AX*1), Z0
	VMOVUPS 64(SI)(AX*1), Z6
	VSUBPS  Z4, Z0, Z0
	VSUBPS  Z4, Z6, Z6
	EXP16(Z0, Z1, Z2, Z3)
	EXP16(Z6, Z7, Z8, Z9)
	VMOVUPS Z0, (DI)(AX*1)
	VMOVUPS Z6, 64(DI)(AX*1)
	VADDPS  Z0, Z5, Z5
	VADDPS  Z6, Z14, Z14
	ADDQ    $128, AX
	LEAQ    64(AX), DX
	CMPQ    DX, R11
	JLT     twoExp

oneExp:
	CMPQ    AX, R11
	JGE     tailExp
	VMOVUPS (SI)(AX*1), Z0
	VSUBPS  Z4, Z0, Z0
	EXP16(Z0, Z1, Z2, Z3)
	VMOVUPS Z0, (DI)(AX*1)
	VADDPS  Z0, Z5, Z5
	ADDQ    $64, AX

tailExp:
	TESTQ     R12, R12
	JZ        doneExp
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VSUBPS    Z4, Z0, Z0
	EXP16(Z0, Z1, Z2, Z3)
	VMOVUPS   Z0, K1, (DI)(AX*1)
	VADDPS    Z0, Z5, K1, Z5

doneExp:
	VADDPS        Z14, Z5, Z5
	VEXTRACTF64X4 $1, Z5, Y0
	VADDPS        Y0, Y5, Y5
	VEXTRACTF128  $1, Y5, X0
	VADDPS        X0, X5, X5
	VMOVHLPS      X5, X5, X0
	VADDPS        X0, X5, X5
	VMOVSHDUP     X5, X0
	VADDSS        X0, X5, X5
	VMOVSS        one<>(SB), X0
	VDIVSS        X5, X0, X0
	VBROADCASTSS  X0, Z4
	XORL          AX, AX
	TESTQ         R11, R11
	JZ            tailScale

oneScale:
	VMULPS  (DI)(AX*1), Z4, Z0
	VMOVUPS Z0, (DI)(AX*1)
	ADDQ    $64, AX
	CMPQ    AX, R11
	JLT     oneScale

tailScale:
	TESTQ    R12, R12
	JZ       doneScale
	VMULPS.Z (DI)(AX*1), Z4, K1, Z0
	VMOVUPS  Z0, K1, (DI)(AX*1)

doneScale:
	ADDQ R13, DI
	ADDQ R13, SI
	INCQ R8
	CMPQ R8, rows+16(FP)
	JLT  row

out:
	MOVQ R8, ret+32(FP)
	VZEROUPPER
	RET

// Z0 = r, Z4 = z, Z10 = n, Z0 = hNew from Z0 = gi_r + gh_r, Z4 = gi_z + gh_z, Z10 = gi_n,
// Z11 = gh_n, Z12 = hPrev; r goes to Z8. tanh(x) = 2 sigmoid(2x) - 1: its absolute error is
// that of the sigmoids.
#define GRU16 \
	SIGMOID16(Z0, Z1, Z2, Z3); \
	SIGMOID16(Z4, Z5, Z6, Z7); \
	VMULPS      Z11, Z0, Z9; \
	VADDPS      Z10, Z9, Z10; \
	VADDPS      Z10, Z10, Z10; \
	VMOVAPS     Z0, Z8; \
	SIGMOID16(Z10, Z1, Z2, Z3); \
	VFMADD213PS Z21, Z22, Z10; \
	VSUBPS      Z10, Z12, Z0; \
	VMULPS      Z4, Z0, Z0; \
	VADDPS      Z10, Z0, Z0

// func gruRowsAVX512(hNew, gi, gh, hPrev, save *float32, rows, h int)
TEXT ·gruRowsAVX512(SB), NOSPLIT, $0-56
	MOVQ hNew+0(FP), DI
	MOVQ gi+8(FP), SI
	MOVQ gh+16(FP), DX
	MOVQ hPrev+24(FP), BX
	MOVQ save+32(FP), R8
	MOVQ rows+40(FP), R12
	MOVQ h+48(FP), R13
	LEAQ 0(R13*4), R10
	LEAQ (R10)(R10*2), R11
	SIGMOIDCONST
	VBROADCASTSS two<>(SB), Z22
	VBROADCASTSS minusOne<>(SB), Z21
	MOVQ R13, CX
	ANDQ $15, CX
	MOVQ CX, R9
	TAILMASK

row:
	MOVQ R13, CX
	SUBQ $16, CX
	JLT  tail

loop:
	VMOVUPS (SI), Z0
	VADDPS  (DX), Z0, Z0
	VMOVUPS (SI)(R10*1), Z4
	VADDPS  (DX)(R10*1), Z4, Z4
	VMOVUPS (SI)(R10*2), Z10
	VMOVUPS (DX)(R10*2), Z11
	VMOVUPS (BX), Z12
	GRU16
	VMOVUPS Z0, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DX
	ADDQ    $64, BX
	ADDQ    $64, DI
	TESTQ   R8, R8
	JZ      next
	VMOVUPS Z8, (R8)
	VMOVUPS Z4, (R8)(R10*1)
	VMOVUPS Z10, (R8)(R10*2)
	VMOVUPS Z11, (R8)(R11*1)
	ADDQ    $64, R8

next:
	SUBQ $16, CX
	JGE  loop

tail:
	TESTQ     R9, R9
	JZ        rowDone
	VMOVUPS.Z (SI), K1, Z0
	VADDPS.Z  (DX), Z0, K1, Z0
	VMOVUPS.Z (SI)(R10*1), K1, Z4
	VADDPS.Z  (DX)(R10*1), Z4, K1, Z4
	VMOVUPS.Z (SI)(R10*2), K1, Z10
	VMOVUPS.Z (DX)(R10*2), K1, Z11
	VMOVUPS.Z (BX), K1, Z12
	GRU16
	VMOVUPS   Z0, K1, (DI)
	LEAQ      (SI)(R9*4), SI
	LEAQ      (DX)(R9*4), DX
	LEAQ      (BX)(R9*4), BX
	LEAQ      (DI)(R9*4), DI
	TESTQ     R8, R8
	JZ        rowDone
	VMOVUPS   Z8, K1, (R8)
	VMOVUPS   Z4, K1, (R8)(R10*1)
	VMOVUPS   Z10, K1, (R8)(R10*2)
	VMOVUPS   Z11, K1, (R8)(R11*1)
	LEAQ      (R8)(R9*4), R8

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
