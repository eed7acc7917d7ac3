//go:build !noasm

#include "go_asm.h"
#include "textflag.h"

// Kernels on complex pairs, AVX2 and FMA. See pairs.go for the formulas.

#define P8(name, v) \
	DATA name<>+0(SB)/8, $v; \
	DATA name<>+8(SB)/8, $v; \
	DATA name<>+16(SB)/8, $v; \
	DATA name<>+24(SB)/8, $v; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

P8(one, 0x3f8000003f800000) // 1.0
P8(half, 0x3f0000003f000000) // 0.5
P8(absMask, 0x7fffffff7fffffff) // all but the sign bit
P8(tiny, 0x2b8cbccc2b8cbccc) // 1e-12, PairsTinyRate
P8(turns, 0x3e22f9833e22f983) // 1/(2 pi)
P8(maxTurns, 0x4480000044800000) // 1024, maxFastTurns
P8(expMax, 0x42a0000042a00000) // 80, PairsMaxExponent
P8(expMin, 0xc2b00f34c2b00f34) // -127 ln 2: e^x is 0 with k = -127
P8(log2e, 0x3fb8aa3b3fb8aa3b) // 1/ln 2
P8(magic, 0x4b4000004b400000) // 1.5 2^23: adding it rounds to an integer
P8(magicExp, 0x4b40007f4b40007f) // the same with the exponent bias 127 in the low bits
P8(ln2hi, 0x3f3180003f318000) // ln 2 = ln2hi + ln2lo
P8(ln2lo, 0xb95e8083b95e8083)
P8(pihi, 0x4049100040491000) // pi = pihi + pilo, pihi of 12 bits
P8(pilo, 0xb715777ab715777a)
P8(sin0, 0x3fb504f33fb504f3) // sqrt(2) sin(r)/r in r^2, |r| <= pi/2: relative error 1.7e-8
P8(sin1, 0xbe715bd7be715bd7)
P8(sin2, 0x3c4112ac3c4112ac)
P8(sin3, 0xb992b65db992b65d)
P8(sin4, 0x3673019136730191)
P8(cos0, 0x3fb504f33fb504f3) // sqrt(2) cos(r) in r^2, |r| <= pi/2: absolute error 2.4e-8
P8(cos1, 0xbf3504ebbf3504eb)
P8(cos2, 0x3d715a453d715a45)
P8(cos3, 0xbb009b2ebb009b2e)
P8(cos4, 0x380f86d9380f86d9)
P8(cos5, 0xb4812403b4812403)
P8(exp0, 0x3effffff3effffff) // (e^r - 1 - r)/r^2, |r| <= ln(2)/2: relative error 1.4e-8 in e^r - 1
P8(exp1, 0x3e2aaa593e2aaa59)
P8(exp2, 0x3d2aab7c3d2aab7c)
P8(exp3, 0x3c0913683c091368)
P8(exp4, 0x3ab5cbcd3ab5cbcd)
P8(invpi64, 0x3fd45f306dc9c883) // float64 1/pi
P8(pihi64, 0x400921fb54442d18) // float64 pi
P8(pilo64, 0x3ca1a62633145c07) // float64 pi - pihi64
P8(halfpi64, 0x3ff921fb54442d18) // float64 pi/2
P8(minusHalfpi64, 0xbff921fb54442d18) // float64 -pi/2
P8(one64, 0x3ff0000000000000) // float64 1

DATA lanes<>+0(SB)/8, $0xffffffffffffffff
DATA lanes<>+8(SB)/8, $0xffffffffffffffff
DATA lanes<>+16(SB)/8, $0xffffffffffffffff
DATA lanes<>+24(SB)/8, $0xffffffffffffffff
DATA lanes<>+32(SB)/8, $0
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $0
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// m = mask of the first n lanes of 8, all if n >= 8 (n > 0). Changes R, a register.
#define MASK8(n, R, T, m) \
	MOVQ    $8, R; \
	CMPQ    n, R; \
	CMOVQLT n, R; \
	NEGQ    R; \
	LEAQ    lanes<>+32(SB), T; \
	VMOVUPS (T)(R*4), m

// Y0 = t, Y1 = sigma, Y2 = omega/2, Y3 = omega/(2 pi). Leaves Y4 = the reduced exponent,
// Y5 = 2^k, Y2 = the half angle less a multiple of pi. Changes Y1, Y3, Y6.
//
// omega/2 t - k pi is one fused operation on the exact product, then pilo. The sum with
// magicExp holds k + 127 in its low bits, which a shift makes 2^k; k = -127 gives 0.
#define REDUCE \
	VMULPS       Y1, Y0, Y4; \
	VFMADD213PS  magic<>(SB), Y0, Y3; \
	VMINPS       expMax<>(SB), Y4, Y4; \
	VMAXPS       expMin<>(SB), Y4, Y4; \
	VMOVUPS      log2e<>(SB), Y5; \
	VSUBPS       magic<>(SB), Y3, Y3; \
	VFMADD213PS  magicExp<>(SB), Y4, Y5; \
	VMULPS       pihi<>(SB), Y3, Y6; \
	VSUBPS       magicExp<>(SB), Y5, Y1; \
	VFMSUB213PS  Y6, Y0, Y2; \
	VFNMADD231PS ln2hi<>(SB), Y1, Y4; \
	VFNMADD231PS pilo<>(SB), Y3, Y2; \
	VPSLLD       $23, Y5, Y5; \
	VFNMADD231PS ln2lo<>(SB), Y1, Y4

// From there: Y4 = Re E, Y7 = Im E = Im M, Y9 = Re M. Keeps Y0, changes Y1..Y3, Y5, Y6, Y8.
//
// The polynomials carry a factor sqrt(2), so that S S = 2 sin^2 and S C = sin of the full
// angle. p = e^r - 1; e = 2^k p + 2^k; expm1 = 2^k p + (2^k - 1).
#define FACTORS \
	VMULPS      Y2, Y2, Y3; \
	VMOVUPS     exp4<>(SB), Y8; \
	VMOVUPS     sin4<>(SB), Y6; \
	VMOVUPS     cos5<>(SB), Y7; \
	VFMADD213PS exp3<>(SB), Y4, Y8; \
	VFMADD213PS sin3<>(SB), Y3, Y6; \
	VFMADD213PS cos4<>(SB), Y3, Y7; \
	VFMADD213PS exp2<>(SB), Y4, Y8; \
	VFMADD213PS sin2<>(SB), Y3, Y6; \
	VFMADD213PS cos3<>(SB), Y3, Y7; \
	VFMADD213PS exp1<>(SB), Y4, Y8; \
	VMULPS      Y4, Y4, Y9; \
	VFMADD213PS sin1<>(SB), Y3, Y6; \
	VFMADD213PS cos2<>(SB), Y3, Y7; \
	VFMADD213PS exp0<>(SB), Y4, Y8; \
	VFMADD213PS sin0<>(SB), Y3, Y6; \
	VFMADD213PS cos1<>(SB), Y3, Y7; \
	VFMADD213PS Y4, Y9, Y8; \
	VSUBPS      one<>(SB), Y5, Y9; \
	VMOVAPS     Y5, Y4; \
	VMULPS      Y2, Y6, Y6; \
	VFMADD213PS cos0<>(SB), Y3, Y7; \
	VFMADD231PS Y5, Y8, Y4; \
	VFMADD213PS Y9, Y5, Y8; \
	VMULPS      Y6, Y7, Y7; \
	VMOVUPS     one<>(SB), Y9; \
	VFNMADD231PS Y6, Y6, Y9; \
	VMULPS      Y6, Y6, Y6; \
	VMULPS      Y4, Y7, Y7; \
	VMULPS      Y9, Y4, Y4; \
	VFMSUB213PS Y6, Y8, Y9

// Before REDUCE: Y15 = mask of the lanes beyond maxTurns, spill = their half angle modulo
// pi, by float64. Changes Y4..Y9. Angles that float64 cannot reduce are clamped, NaN kept.
#define FAR(spill) \
	VMULPS       Y3, Y0, Y15; \
	VANDPS       absMask<>(SB), Y15, Y15; \
	VCMPPS       $30, maxTurns<>(SB), Y15, Y15; \
	VEXTRACTF128 $1, Y0, X5; \
	VEXTRACTF128 $1, Y2, X7; \
	VCVTPS2PD    X0, Y4; \
	VCVTPS2PD    X2, Y6; \
	VMULPD       Y6, Y4, Y4; \
	VCVTPS2PD    X5, Y5; \
	VCVTPS2PD    X7, Y7; \
	VMULPD       Y7, Y5, Y5; \
	VMULPD       invpi64<>(SB), Y4, Y6; \
	VMULPD       invpi64<>(SB), Y5, Y7; \
	VROUNDPD     $8, Y6, Y6; \
	VROUNDPD     $8, Y7, Y7; \
	VFNMADD231PD pihi64<>(SB), Y6, Y4; \
	VFNMADD231PD pihi64<>(SB), Y7, Y5; \
	VFNMADD231PD pilo64<>(SB), Y6, Y4; \
	VFNMADD231PD pilo64<>(SB), Y7, Y5; \
	VMOVUPD      halfpi64<>(SB), Y8; \
	VMOVUPD      minusHalfpi64<>(SB), Y9; \
	VMINPD       Y4, Y8, Y4; \
	VMINPD       Y5, Y8, Y5; \
	VMAXPD       Y4, Y9, Y4; \
	VMAXPD       Y5, Y9, Y5; \
	VCVTPD2PSY   Y4, X4; \
	VCVTPD2PSY   Y5, X5; \
	VINSERTF128  $1, X5, Y4, Y4; \
	VMOVUPS      Y4, spill

// After REDUCE.
#define FARBLEND(spill) VBLENDVPS Y15, spill, Y2, Y2

// even = a0 a2 .. a14, odd = a1 a3 .. a15 of lo = a0..a7, hi = a8..a15. odd may be lo.
#define DEINTERLEAVE(lo, hi, even, odd) \
	VSHUFPS $0x88, hi, lo, even; \
	VSHUFPS $0xdd, hi, lo, odd; \
	VPERMPD $0xd8, even, even; \
	VPERMPD $0xd8, odd, odd

// The inverse, in place; T is changed.
#define INTERLEAVE(even, odd, T) \
	VUNPCKLPS  odd, even, T; \
	VUNPCKHPS  odd, even, odd; \
	VPERM2F128 $0x20, odd, T, even; \
	VPERM2F128 $0x31, odd, T, odd

// The pairs of a token start at BX with R10 = 4 planes; the k-th plane by name.
#define STRIDES \
	MOVQ pairsArgs_planes(AX), R10; \
	SHLQ $2, R10; \
	LEAQ (R10)(R10*2), R11; \
	LEAQ (R10)(R10*4), R12
#define SIGMA(p) (p)
#define HALFW(p) (p)(R10*1)
#define TURNS(p) (p)(R10*2)
#define UR(p) (p)(R11*1)
#define VR(p) (p)(R10*4)
#define VW(p) (p)(R12*1)
#define UI(p) (p)(R11*2)

// func pairsCoefSIMD(a *pairsArgs)
//
// SI, DI, R8, R9: sigma, omega, z0 and b of the token; DX: c; BX: planes; CX: pairs left;
// R13: pairs done times 4. Y14 = greatest |turns|, Y15 = greatest |tau|.
TEXT ·pairsCoefSIMD(SB), NOSPLIT, $144-8
	MOVQ   a+0(FP), AX
	MOVQ   pairsArgs_sigma(AX), SI
	MOVQ   pairsArgs_omega(AX), DI
	MOVQ   pairsArgs_z0(AX), R8
	MOVQ   pairsArgs_b(AX), R9
	MOVQ   pairsArgs_c(AX), DX
	MOVQ   pairsArgs_coef(AX), BX
	STRIDES
	MOVQ   pairsArgs_tokens(AX), CX
	MOVQ   CX, tokens-8(SP)
	VXORPS Y14, Y14, Y14
	MOVQ   pairsArgs_tau(AX), CX
	MOVQ   CX, tau-16(SP)

token:
	MOVQ pairsArgs_pairs(AX), CX
	XORQ R13, R13

chunk:
	MOVQ CX, left-24(SP)
	CMPQ CX, $8
	JLT  part

	VMOVUPS (SI)(R13*1), Y0
	VMOVUPS (DI)(R13*1), Y1
	VMOVUPS (R8)(R13*2), Y2
	VMOVUPS 32(R8)(R13*2), Y3
	VMOVUPS (R9)(R13*2), Y4
	VMOVUPS 32(R9)(R13*2), Y5
	TESTQ   DX, DX
	JZ      states
	VMOVUPS (DX)(R13*2), Y6
	VMOVUPS 32(DX)(R13*2), Y7
	JMP     loaded

part:
	// Y13: lanes of pairs; Y11, Y12: of the two halves of interleaved numbers.
	NEGQ       CX
	LEAQ       lanes<>+32(SB), R10
	VMOVUPS    (R10)(CX*4), Y13
	VUNPCKLPS  Y13, Y13, Y11
	VUNPCKHPS  Y13, Y13, Y12
	VPERM2F128 $0x20, Y12, Y11, Y10
	VPERM2F128 $0x31, Y12, Y11, Y12
	VMASKMOVPS (SI)(R13*1), Y13, Y0
	VMASKMOVPS (DI)(R13*1), Y13, Y1
	VMASKMOVPS (R8)(R13*2), Y10, Y2
	VMASKMOVPS 32(R8)(R13*2), Y12, Y3
	VMASKMOVPS (R9)(R13*2), Y10, Y4
	VMASKMOVPS 32(R9)(R13*2), Y12, Y5
	MOVQ       pairsArgs_planes(AX), R10
	SHLQ       $2, R10
	TESTQ      DX, DX
	JZ         states
	VMASKMOVPS (DX)(R13*2), Y10, Y6
	VMASKMOVPS 32(DX)(R13*2), Y12, Y7

loaded:
	DEINTERLEAVE(Y2, Y3, Y8, Y2)  // zr, zi
	DEINTERLEAVE(Y4, Y5, Y9, Y4)  // br, bi
	DEINTERLEAVE(Y6, Y7, Y10, Y6) // cr, ci
	JMP rates

states:
	DEINTERLEAVE(Y2, Y3, Y8, Y2)
	DEINTERLEAVE(Y4, Y5, Y9, Y4)
	VMOVUPS one<>(SB), Y10
	VXORPS  Y6, Y6, Y6

rates:
	// Y0 = sigma, Y1 = omega, guarded; a NaN in sigma goes to omega as well, so that the
	// clamp of the exponent may lose it.
	VANDPS    absMask<>(SB), Y0, Y3
	VANDPS    absMask<>(SB), Y1, Y5
	VCMPPS    $17, tiny<>(SB), Y3, Y3
	VCMPPS    $17, tiny<>(SB), Y5, Y5
	VANDPS    Y3, Y5, Y3
	VBLENDVPS Y3, tiny<>(SB), Y0, Y0
	VANDNPS   Y1, Y3, Y1
	VCMPPS    $3, Y0, Y0, Y3
	VORPS     Y3, Y1, Y1
	VMULPS    half<>(SB), Y1, Y3
	VMULPS    turns<>(SB), Y1, Y5
	VANDPS    absMask<>(SB), Y5, Y7
	VMAXPS    Y14, Y7, Y14

	LEAQ (BX)(R13*1), CX
	CMPQ left-24(SP), $8
	JLT  storePart1
	VMOVUPS Y0, SIGMA(CX)
	VMOVUPS Y3, HALFW(CX)
	VMOVUPS Y5, TURNS(CX)
	JMP  inverse

storePart1:
	VMASKMOVPS Y0, Y13, SIGMA(CX)
	VMASKMOVPS Y3, Y13, HALFW(CX)
	VMASKMOVPS Y5, Y13, TURNS(CX)

inverse:
	// 1/lambda = conj(lambda)/|lambda|^2 in float64: Y3 = re, Y5 = im.
	VCVTPS2PD    X0, Y3
	VCVTPS2PD    X1, Y5
	VMULPD       Y3, Y3, Y7
	VFMADD231PD  Y5, Y5, Y7
	VMOVUPD      one64<>(SB), Y11
	VDIVPD       Y7, Y11, Y7
	VMULPD       Y7, Y3, Y3
	VMULPD       Y7, Y5, Y5
	VCVTPD2PSY   Y3, X3
	VCVTPD2PSY   Y5, X5
	VEXTRACTF128 $1, Y0, X0
	VEXTRACTF128 $1, Y1, X1
	VCVTPS2PD    X0, Y0
	VCVTPS2PD    X1, Y1
	VMULPD       Y0, Y0, Y7
	VFMADD231PD  Y1, Y1, Y7
	VDIVPD       Y7, Y11, Y7
	VMULPD       Y7, Y0, Y0
	VMULPD       Y7, Y1, Y1
	VCVTPD2PSY   Y0, X0
	VCVTPD2PSY   Y1, X1
	VINSERTF128  $1, X0, Y3, Y3
	VINSERTF128  $1, X1, Y5, Y5
	VXORPS       Y0, Y0, Y0
	VSUBPS       Y5, Y0, Y5

	// u = conj(c) z0: Y0, Y1; conj(c) b: Y7, Y8.
	VMULPS       Y8, Y10, Y0
	VFMADD231PS  Y2, Y6, Y0
	VMULPS       Y2, Y10, Y1
	VFNMADD231PS Y8, Y6, Y1
	VMULPS       Y9, Y10, Y7
	VFMADD231PS  Y4, Y6, Y7
	VMULPS       Y4, Y10, Y8
	VFNMADD231PS Y9, Y6, Y8

	// v = conj(c) b/lambda: Y9, Y10; Y2 = Im(u + v).
	VMULPS       Y3, Y7, Y9
	VFNMADD231PS Y5, Y8, Y9
	VMULPS       Y5, Y7, Y10
	VFMADD231PS  Y3, Y8, Y10
	VADDPS       Y10, Y1, Y2

	LEAQ (CX)(R11*2), R12 // the sixth plane
	CMPQ left-24(SP), $8
	JLT  storePart2
	VMOVUPS Y0, UR(CX)
	VMOVUPS Y9, VR(CX)
	VMOVUPS Y1, (R12)
	VMOVUPS Y10, (R12)(R10*1)
	VMOVUPS Y3, (R12)(R10*2)
	VMOVUPS Y5, (R12)(R11*1)
	LEAQ    (R10)(R10*4), R12
	VMOVUPS Y2, VW(CX)
	ADDQ    $32, R13
	MOVQ    left-24(SP), CX
	SUBQ    $8, CX
	JG      chunk
	JMP     next

storePart2:
	VMASKMOVPS Y0, Y13, UR(CX)
	VMASKMOVPS Y9, Y13, VR(CX)
	VMASKMOVPS Y1, Y13, (R12)
	VMASKMOVPS Y10, Y13, (R12)(R10*1)
	VMASKMOVPS Y3, Y13, (R12)(R10*2)
	VMASKMOVPS Y5, Y13, (R12)(R11*1)
	LEAQ       (R10)(R10*4), R12
	VMASKMOVPS Y2, Y13, VW(CX)

next:
	MOVQ  pairsArgs_pairs(AX), CX
	LEAQ  (SI)(CX*4), SI
	LEAQ  (DI)(CX*4), DI
	LEAQ  (R8)(CX*8), R8
	LEAQ  (R9)(CX*8), R9
	LEAQ  (BX)(R12*2), BX
	ADDQ  pairsArgs_cStride(AX), DX
	DECQ  tokens-8(SP)
	JNZ   token

	// The greatest |tau|.
	VXORPS  Y15, Y15, Y15
	MOVQ    pairsArgs_tokens(AX), R8
	MOVQ    pairsArgs_tauStride(AX), R9
	TESTQ   R9, R9
	JNZ     tauToken
	MOVQ    $1, R8

tauToken:
	MOVQ tau-16(SP), SI
	MOVQ pairsArgs_queries(AX), CX
	SUBQ $8, CX
	JLT  tauTail

tauEight:
	VMOVUPS (SI), Y0
	VANDPS  absMask<>(SB), Y0, Y0
	VMAXPS  Y15, Y0, Y15
	ADDQ    $32, SI
	SUBQ    $8, CX
	JGE     tauEight

tauTail:
	ADDQ       $8, CX
	JZ         tauNext
	MASK8(CX, DI, DX, Y1)
	VMASKMOVPS (SI), Y1, Y0
	VANDPS     absMask<>(SB), Y0, Y0
	VMAXPS     Y15, Y0, Y15

tauNext:
	ADDQ R9, tau-16(SP)
	DECQ R8
	JNZ  tauToken

	VEXTRACTF128 $1, Y14, X0
	VEXTRACTF128 $1, Y15, X1
	VMAXPS       X0, X14, X0
	VMAXPS       X1, X15, X1
	VMOVHLPS     X0, X0, X2
	VMOVHLPS     X1, X1, X3
	VMAXPS       X2, X0, X0
	VMAXPS       X3, X1, X1
	VMOVSHDUP    X0, X2
	VMOVSHDUP    X1, X3
	VMAXSS       X2, X0, X0
	VMAXSS       X3, X1, X1
	VMOVSS       X0, pairsArgs_maxTurns(AX)
	VMOVSS       X1, pairsArgs_maxTau(AX)
	VZEROUPPER
	RET

// One readout. AX: args; BX: planes of the token; SI: tau; DI: y; DX: query times 4; CX:
// queries left; R8: tokens left; R9: planes of the pair; R13: pairs left.
#define READOUT(BEFORE, BETWEEN) \
	MOVQ a+0(FP), AX; \
	MOVQ pairsArgs_coef(AX), BX; \
	MOVQ pairsArgs_tau(AX), SI; \
	MOVQ pairsArgs_dst(AX), DI; \
	MOVQ pairsArgs_tokens(AX), R8; \
	STRIDES; \
token: \
	MOVQ pairsArgs_queries(AX), CX; \
	XORQ DX, DX; \
query: \
	MASK8(CX, R9, R13, Y1); \
	VMASKMOVPS (SI)(DX*1), Y1, Y0; \
	VXORPS Y10, Y10, Y10; \
	MOVQ BX, R9; \
	MOVQ pairsArgs_pairs(AX), R13; \
	PCALIGN $32; \
pair: \
	VBROADCASTSS SIGMA(R9), Y1; \
	VBROADCASTSS HALFW(R9), Y2; \
	VBROADCASTSS TURNS(R9), Y3; \
	BEFORE; \
	REDUCE; \
	BETWEEN; \
	FACTORS; \
	VBROADCASTSS UR(R9), Y1; \
	VBROADCASTSS VR(R9), Y2; \
	VBROADCASTSS VW(R9), Y3; \
	VMULPS       Y1, Y4, Y1; \
	VFMADD231PS  Y2, Y9, Y1; \
	VFNMADD231PS Y3, Y7, Y1; \
	VADDPS       Y1, Y10, Y10; \
	ADDQ         $4, R9; \
	DECQ         R13; \
	JNZ          pair; \
	CMPQ         CX, $8; \
	JLT          part; \
	VMOVUPS      Y10, (DI)(DX*1); \
	ADDQ         $32, DX; \
	SUBQ         $8, CX; \
	JG           query; \
	JMP          next; \
part: \
	MASK8(CX, R9, R13, Y1); \
	VMASKMOVPS Y10, Y1, (DI)(DX*1); \
next: \
	LEAQ (BX)(R12*2), BX; \
	ADDQ pairsArgs_tauStride(AX), SI; \
	ADDQ pairsArgs_dstStride(AX), DI; \
	DECQ R8; \
	JNZ  token; \
	VZEROUPPER; \
	RET

#define NONE

// func pairsReadoutSIMD(a *pairsArgs)
TEXT ·pairsReadoutSIMD(SB), NOSPLIT, $0-8
	READOUT(NONE, NONE)

// func pairsReadoutFarSIMD(a *pairsArgs)
TEXT ·pairsReadoutFarSIMD(SB), NOSPLIT, $32-8
	READOUT(FAR(angle-32(SP)), FARBLEND(angle-32(SP)))

// func pairsRateSIMD(a *pairsArgs)
//
// One token; Y10 = y, Y11 = rate.
TEXT ·pairsRateSIMD(SB), NOSPLIT, $32-8
	MOVQ a+0(FP), AX
	MOVQ pairsArgs_coef(AX), BX
	MOVQ pairsArgs_tau(AX), SI
	MOVQ pairsArgs_dst(AX), DI
	STRIDES
	MOVQ pairsArgs_queries(AX), CX
	XORQ DX, DX

query:
	MASK8(CX, R9, R13, Y1)
	VMASKMOVPS (SI)(DX*1), Y1, Y0
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	MOVQ   BX, R9
	LEAQ   (BX)(R11*2), R8 // the sixth plane
	MOVQ   pairsArgs_pairs(AX), R13

pair:
	VBROADCASTSS SIGMA(R9), Y1
	VBROADCASTSS HALFW(R9), Y2
	VBROADCASTSS TURNS(R9), Y3
	FAR(angle-32(SP))
	REDUCE
	FARBLEND(angle-32(SP))
	FACTORS
	VBROADCASTSS UR(R9), Y1
	VBROADCASTSS VR(R9), Y2
	VBROADCASTSS VW(R9), Y3
	VMULPS       Y1, Y4, Y1
	VFMADD231PS  Y2, Y9, Y1
	VFNMADD231PS Y3, Y7, Y1
	VADDPS       Y1, Y10, Y10
	VBROADCASTSS (R8), Y1
	VBROADCASTSS (R8)(R10*1), Y2
	VMULPS       Y1, Y4, Y1
	VFNMADD231PS Y2, Y7, Y1
	VADDPS       Y1, Y11, Y11
	ADDQ         $4, R9
	ADDQ         $4, R8
	DECQ         R13
	JNZ          pair
	MOVQ         pairsArgs_rate(AX), R8
	CMPQ         CX, $8
	JLT          part
	VMOVUPS      Y10, (DI)(DX*1)
	VMOVUPS      Y11, (R8)(DX*1)
	ADDQ         $32, DX
	SUBQ         $8, CX
	JG           query
	VZEROUPPER
	RET

part:
	MASK8(CX, R9, R13, Y1)
	VMASKMOVPS Y10, Y1, (DI)(DX*1)
	VMASKMOVPS Y11, Y1, (R8)(DX*1)
	VZEROUPPER
	RET

// The sums of PairsSums. Registers as in READOUT, DI: sums of the pair; SI: tau, R8: dy of
// the token. Y10 = sum g Re E, Y11 = sum g Im E, Y12 = sum g Re M, Y13 = sum g t Re E,
// Y14 = sum g t Im E.
#define SUMS(BEFORE, BETWEEN) \
	MOVQ a+0(FP), AX; \
	MOVQ pairsArgs_coef(AX), BX; \
	MOVQ pairsArgs_tau(AX), SI; \
	MOVQ pairsArgs_dst(AX), DI; \
	MOVQ pairsArgs_grad(AX), R8; \
	MOVQ pairsArgs_tokens(AX), CX; \
	MOVQ CX, tokens-8(SP); \
	STRIDES; \
token: \
	MOVQ pairsArgs_pairs(AX), R13; \
pair: \
	MOVQ pairsArgs_queries(AX), CX; \
	XORQ DX, DX; \
	VXORPS Y10, Y10, Y10; \
	VXORPS Y11, Y11, Y11; \
	VXORPS Y12, Y12, Y12; \
	VXORPS Y13, Y13, Y13; \
	VXORPS Y14, Y14, Y14; \
	PCALIGN $32; \
query: \
	MASK8(CX, R9, R12, Y4); \
	VMASKMOVPS (SI)(DX*1), Y4, Y0; \
	VBROADCASTSS SIGMA(BX), Y1; \
	VBROADCASTSS HALFW(BX), Y2; \
	VBROADCASTSS TURNS(BX), Y3; \
	BEFORE; \
	REDUCE; \
	BETWEEN; \
	FACTORS; \
	MASK8(CX, R9, R12, Y1); \
	VMASKMOVPS  (R8)(DX*1), Y1, Y1; \
	VMULPS      Y0, Y1, Y0; \
	VFMADD231PS Y4, Y1, Y10; \
	VFMADD231PS Y7, Y1, Y11; \
	VFMADD231PS Y9, Y1, Y12; \
	VFMADD231PS Y4, Y0, Y13; \
	VFMADD231PS Y7, Y0, Y14; \
	ADDQ        $32, DX; \
	SUBQ        $8, CX; \
	JG          query; \
	VHADDPS      Y11, Y10, Y10; \
	VHADDPS      Y13, Y12, Y12; \
	VEXTRACTF128 $1, Y14, X0; \
	VHADDPS      Y12, Y10, Y10; \
	VADDPS       X0, X14, X14; \
	VEXTRACTF128 $1, Y10, X1; \
	VMOVHLPS     X14, X14, X0; \
	VADDPS       X1, X10, X10; \
	VADDPS       X0, X14, X14; \
	VADDPS       (DI), X10, X10; \
	VMOVSHDUP    X14, X0; \
	VADDSS       X0, X14, X14; \
	VADDSS       16(DI), X14, X14; \
	LEAQ         (BX)(R10*8), R12; \
	VMOVSS       (R12), X0; \
	VMOVSS       (R12)(R10*1), X1; \
	VMOVUPS      X10, (DI); \
	VMOVSS       X14, 16(DI); \
	VMOVSS       X0, 20(DI); \
	VMOVSS       X1, 24(DI); \
	ADDQ         $32, DI; \
	ADDQ         $4, BX; \
	DECQ         R13; \
	JNZ          pair; \
	LEAQ         (R11)(R11*2), R12; \
	ADDQ         R12, BX; \
	ADDQ         pairsArgs_tauStride(AX), SI; \
	ADDQ         pairsArgs_gradStride(AX), R8; \
	DECQ         tokens-8(SP); \
	JNZ          token; \
	VZEROUPPER; \
	RET

// func pairsSumsSIMD(a *pairsArgs)
TEXT ·pairsSumsSIMD(SB), NOSPLIT, $8-8
	SUMS(NONE, NONE)

// func pairsSumsFarSIMD(a *pairsArgs)
TEXT ·pairsSumsFarSIMD(SB), NOSPLIT, $48-8
	SUMS(FAR(angle-48(SP)), FARBLEND(angle-48(SP)))

// States: lanes over pairs, so that each time gives a contiguous row. BX: planes; SI: tau;
// DI: row of z; R9: plane 6; R13: pairs left; CX: queries left; R8: 8 pairs, bytes of a row.
#define STATES(BEFORE, BETWEEN) \
	MOVQ a+0(FP), AX; \
	MOVQ pairsArgs_coef(AX), BX; \
	MOVQ pairsArgs_tau(AX), SI; \
	MOVQ pairsArgs_dst(AX), DI; \
	MOVQ pairsArgs_tokens(AX), CX; \
	MOVQ CX, tokens-8(SP); \
	STRIDES; \
	MOVQ pairsArgs_pairs(AX), R8; \
	SHLQ $3, R8; \
token: \
	MOVQ pairsArgs_pairs(AX), R13; \
	MOVQ BX, planes-16(SP); \
	MOVQ DI, row-24(SP); \
chunk: \
	MASK8(R13, R9, CX, Y10); \
	LEAQ (BX)(R11*2), R9; \
	MOVQ pairsArgs_queries(AX), CX; \
	XORQ DX, DX; \
	MOVQ row-24(SP), DI; \
	PCALIGN $32; \
query: \
	VBROADCASTSS (SI)(DX*4), Y0; \
	VMASKMOVPS SIGMA(BX), Y10, Y1; \
	VMASKMOVPS HALFW(BX), Y10, Y2; \
	VMASKMOVPS TURNS(BX), Y10, Y3; \
	BEFORE; \
	REDUCE; \
	BETWEEN; \
	FACTORS; \
	VMASKMOVPS UR(BX), Y10, Y1; \
	VMASKMOVPS VR(BX), Y10, Y2; \
	VMASKMOVPS VW(BX), Y10, Y3; \
	VMASKMOVPS (R9), Y10, Y5; \
	VMASKMOVPS (R9)(R10*1), Y10, Y6; \
	VADDPS     Y2, Y1, Y8; \
	VMULPS     Y1, Y4, Y1; \
	VMULPS     Y5, Y4, Y5; \
	VFMADD231PS Y2, Y9, Y1; \
	VFMADD231PS Y6, Y9, Y5; \
	VFNMADD231PS Y3, Y7, Y1; \
	VFMADD231PS Y8, Y7, Y5; \
	INTERLEAVE(Y1, Y5, Y3); \
	CMPQ       R13, $8; \
	JLT        part; \
	VMOVUPS    Y1, (DI); \
	VMOVUPS    Y5, 32(DI); \
stored: \
	ADDQ R8, DI; \
	INCQ DX; \
	DECQ CX; \
	JNZ  query; \
	ADDQ $64, row-24(SP); \
	ADDQ $32, BX; \
	SUBQ $8, R13; \
	JG   chunk; \
	MOVQ planes-16(SP), BX; \
	LEAQ (BX)(R12*2), BX; \
	ADDQ pairsArgs_tauStride(AX), SI; \
	MOVQ pairsArgs_dst(AX), DI; \
	MOVQ pairsArgs_tokens(AX), CX; \
	SUBQ tokens-8(SP), CX; \
	INCQ CX; \
	IMULQ pairsArgs_dstStride(AX), CX; \
	ADDQ CX, DI; \
	DECQ tokens-8(SP); \
	JNZ  token; \
	VZEROUPPER; \
	RET; \
part: \
	VUNPCKLPS  Y10, Y10, Y2; \
	VUNPCKHPS  Y10, Y10, Y3; \
	VPERM2F128 $0x20, Y3, Y2, Y4; \
	VPERM2F128 $0x31, Y3, Y2, Y2; \
	VMASKMOVPS Y1, Y4, (DI); \
	VMASKMOVPS Y5, Y2, 32(DI); \
	JMP stored

// func pairsStatesSIMD(a *pairsArgs)
TEXT ·pairsStatesSIMD(SB), NOSPLIT, $24-8
	STATES(NONE, NONE)

// func pairsStatesFarSIMD(a *pairsArgs)
TEXT ·pairsStatesFarSIMD(SB), NOSPLIT, $56-8
	STATES(FAR(angle-56(SP)), FARBLEND(angle-56(SP)))

// The sums of PairsStateSums, lanes over pairs. Y10..Y15 = both parts of sum w E, sum w t E
// and sum w M; the spill of FAR keeps its mask too. R9: row of dz, DI: sums.
#define STATESUMS(BEFORE, BETWEEN) \
	MOVQ a+0(FP), AX; \
	MOVQ pairsArgs_coef(AX), BX; \
	MOVQ pairsArgs_tau(AX), SI; \
	MOVQ pairsArgs_dst(AX), DI; \
	MOVQ pairsArgs_grad(AX), R9; \
	MOVQ R9, row-24(SP); \
	MOVQ pairsArgs_tokens(AX), CX; \
	MOVQ CX, tokens-8(SP); \
	STRIDES; \
	MOVQ pairsArgs_pairs(AX), R8; \
	SHLQ $3, R8; \
token: \
	MOVQ pairsArgs_pairs(AX), R13; \
	MOVQ row-24(SP), R9; \
	MOVQ R9, first-16(SP); \
chunk: \
	MASK8(R13, CX, DX, Y0); \
	VMOVUPS Y0, mask-56(SP); \
	MOVQ first-16(SP), R9; \
	MOVQ pairsArgs_queries(AX), CX; \
	XORQ DX, DX; \
	VXORPS Y10, Y10, Y10; \
	VXORPS Y11, Y11, Y11; \
	VXORPS Y12, Y12, Y12; \
	VXORPS Y13, Y13, Y13; \
	VXORPS Y14, Y14, Y14; \
	VXORPS Y15, Y15, Y15; \
	PCALIGN $32; \
query: \
	VMOVUPS mask-56(SP), Y4; \
	VBROADCASTSS (SI)(DX*4), Y0; \
	VMASKMOVPS SIGMA(BX), Y4, Y1; \
	VMASKMOVPS HALFW(BX), Y4, Y2; \
	VMASKMOVPS TURNS(BX), Y4, Y3; \
	BEFORE; \
	REDUCE; \
	BETWEEN; \
	FACTORS; \
	VMOVUPS     mask-56(SP), Y1; \
	VUNPCKLPS   Y1, Y1, Y2; \
	VUNPCKHPS   Y1, Y1, Y1; \
	VPERM2F128  $0x20, Y1, Y2, Y3; \
	VPERM2F128  $0x31, Y1, Y2, Y1; \
	VMASKMOVPS  (R9), Y3, Y2; \
	VMASKMOVPS  32(R9), Y1, Y3; \
	DEINTERLEAVE(Y2, Y3, Y1, Y2); \
	VMULPS      Y4, Y1, Y5; \
	VMULPS      Y7, Y1, Y6; \
	VFMADD231PS Y7, Y2, Y5; \
	VFNMADD231PS Y4, Y2, Y6; \
	VADDPS      Y5, Y10, Y10; \
	VADDPS      Y6, Y11, Y11; \
	VFMADD231PS Y5, Y0, Y12; \
	VFMADD231PS Y6, Y0, Y13; \
	VFMADD231PS Y9, Y1, Y14; \
	VFMADD231PS Y7, Y2, Y14; \
	VFMADD231PS Y7, Y1, Y15; \
	VFNMADD231PS Y9, Y2, Y15; \
	ADDQ        R8, R9; \
	INCQ        DX; \
	DECQ        CX; \
	JNZ         query; \
	VMOVUPS     mask-56(SP), Y4; \
	VMASKMOVPS  (DI), Y4, Y0; \
	VMASKMOVPS  (DI)(R10*1), Y4, Y1; \
	VMASKMOVPS  (DI)(R10*2), Y4, Y2; \
	VMASKMOVPS  (DI)(R11*1), Y4, Y3; \
	VADDPS      Y0, Y10, Y10; \
	VADDPS      Y1, Y11, Y11; \
	VADDPS      Y2, Y12, Y12; \
	VADDPS      Y3, Y13, Y13; \
	VMASKMOVPS  (DI)(R10*4), Y4, Y0; \
	VMASKMOVPS  (DI)(R12*1), Y4, Y1; \
	VADDPS      Y0, Y14, Y14; \
	VADDPS      Y1, Y15, Y15; \
	LEAQ        (BX)(R10*8), DX; \
	VMASKMOVPS  (DX), Y4, Y0; \
	VMASKMOVPS  (DX)(R10*1), Y4, Y1; \
	LEAQ        (DI)(R11*2), DX; \
	VMASKMOVPS  Y10, Y4, (DI); \
	VMASKMOVPS  Y11, Y4, (DI)(R10*1); \
	VMASKMOVPS  Y12, Y4, (DI)(R10*2); \
	VMASKMOVPS  Y13, Y4, (DI)(R11*1); \
	VMASKMOVPS  Y14, Y4, (DI)(R10*4); \
	VMASKMOVPS  Y15, Y4, (DI)(R12*1); \
	VMASKMOVPS  Y0, Y4, (DX); \
	VMASKMOVPS  Y1, Y4, (DX)(R10*1); \
	ADDQ        $64, first-16(SP); \
	ADDQ        $32, BX; \
	ADDQ        $32, DI; \
	SUBQ        $8, R13; \
	JG          chunk; \
	MOVQ        pairsArgs_tokens(AX), CX; \
	SUBQ        tokens-8(SP), CX; \
	INCQ        CX; \
	MOVQ        CX, BX; \
	MOVQ        CX, DI; \
	LEAQ        (R12)(R12*1), DX; \
	IMULQ       DX, BX; \
	IMULQ       pairsArgs_dstStride(AX), DI; \
	IMULQ       pairsArgs_gradStride(AX), CX; \
	ADDQ        pairsArgs_coef(AX), BX; \
	ADDQ        pairsArgs_dst(AX), DI; \
	ADDQ        pairsArgs_grad(AX), CX; \
	MOVQ        CX, row-24(SP); \
	ADDQ        pairsArgs_tauStride(AX), SI; \
	DECQ        tokens-8(SP); \
	JNZ         token; \
	VZEROUPPER; \
	RET

// func pairsStateSumsSIMD(a *pairsArgs)
TEXT ·pairsStateSumsSIMD(SB), NOSPLIT, $56-8
	STATESUMS(NONE, NONE)

// FAR uses Y15 for its mask, which here is a sum: both are kept in the frame.
#define FARSAVE \
	VMOVUPS Y15, sum-120(SP); \
	FAR(angle-88(SP)); \
	VMOVUPS Y15, far-152(SP)
#define FARRESTORE \
	VMOVUPS far-152(SP), Y15; \
	FARBLEND(angle-88(SP)); \
	VMOVUPS sum-120(SP), Y15

// func pairsStateSumsFarSIMD(a *pairsArgs)
TEXT ·pairsStateSumsFarSIMD(SB), NOSPLIT, $152-8
	STATESUMS(FARSAVE, FARRESTORE)

// AVX-512: 16 lanes, most constants in Z15..Z31, the rest broadcast from memory.

#define CONSTANTS \
	VBROADCASTSS magic<>(SB), Z15; \
	VBROADCASTSS magicExp<>(SB), Z16; \
	VBROADCASTSS pilo<>(SB), Z17; \
	VBROADCASTSS ln2hi<>(SB), Z18; \
	VBROADCASTSS ln2lo<>(SB), Z19; \
	VBROADCASTSS sin0<>(SB), Z20; \
	VBROADCASTSS sin1<>(SB), Z21; \
	VBROADCASTSS sin2<>(SB), Z22; \
	VBROADCASTSS sin3<>(SB), Z23; \
	VBROADCASTSS cos1<>(SB), Z24; \
	VBROADCASTSS cos2<>(SB), Z25; \
	VBROADCASTSS cos3<>(SB), Z26; \
	VBROADCASTSS cos4<>(SB), Z27; \
	VBROADCASTSS exp0<>(SB), Z28; \
	VBROADCASTSS exp1<>(SB), Z29; \
	VBROADCASTSS exp2<>(SB), Z30; \
	VBROADCASTSS exp3<>(SB), Z31

// REDUCE and FACTORS of 16 lanes, for the pair at p: Z0 = t. Z4 = Re E, Z7 = Im E, Z9 = Re M.
// Keeps Z0, changes Z1..Z9.
#define FACTORS16(p) \
	VMULPS.BCST       SIGMA(p), Z0, Z4; \
	VBROADCASTSS      HALFW(p), Z2; \
	VBROADCASTSS      TURNS(p), Z3; \
	VBROADCASTSS      log2e<>(SB), Z5; \
	VMINPS.BCST       expMax<>(SB), Z4, Z4; \
	VFMADD213PS       Z15, Z0, Z3; \
	VMAXPS.BCST       expMin<>(SB), Z4, Z4; \
	VSUBPS            Z15, Z3, Z3; \
	VFMADD213PS       Z16, Z4, Z5; \
	VMULPS.BCST       pihi<>(SB), Z3, Z6; \
	VSUBPS            Z16, Z5, Z1; \
	VFMSUB213PS       Z6, Z0, Z2; \
	VFNMADD231PS      Z18, Z1, Z4; \
	VFNMADD231PS      Z17, Z3, Z2; \
	VBROADCASTSS      exp4<>(SB), Z8; \
	VPSLLD            $23, Z5, Z5; \
	VFNMADD231PS      Z19, Z1, Z4; \
	VBROADCASTSS      sin4<>(SB), Z6; \
	VMULPS            Z2, Z2, Z3; \
	VBROADCASTSS      cos5<>(SB), Z7; \
	VFMADD213PS       Z31, Z4, Z8; \
	VFMADD213PS       Z23, Z3, Z6; \
	VFMADD213PS       Z27, Z3, Z7; \
	VFMADD213PS       Z30, Z4, Z8; \
	VFMADD213PS       Z22, Z3, Z6; \
	VFMADD213PS       Z26, Z3, Z7; \
	VFMADD213PS       Z29, Z4, Z8; \
	VMULPS            Z4, Z4, Z9; \
	VFMADD213PS       Z21, Z3, Z6; \
	VFMADD213PS       Z25, Z3, Z7; \
	VFMADD213PS       Z28, Z4, Z8; \
	VFMADD213PS       Z20, Z3, Z6; \
	VFMADD213PS       Z24, Z3, Z7; \
	VFMADD213PS       Z4, Z9, Z8; \
	VBROADCASTSS      one<>(SB), Z1; \
	VSUBPS            Z1, Z5, Z9; \
	VMOVAPS           Z5, Z4; \
	VMULPS            Z2, Z6, Z6; \
	VFMADD213PS       Z20, Z3, Z7; \
	VFMADD231PS       Z5, Z8, Z4; \
	VFMADD213PS       Z9, Z5, Z8; \
	VMULPS            Z6, Z7, Z7; \
	VFNMADD231PS      Z6, Z6, Z1; \
	VMULPS            Z6, Z6, Z6; \
	VMULPS            Z4, Z7, Z7; \
	VMOVAPS           Z1, Z9; \
	VMULPS            Z1, Z4, Z4; \
	VFMSUB213PS       Z6, Z8, Z9

// K1 = the first n lanes of 16, all if n >= 16.
#define MASK16(n, R, T) \
	MOVQ    $16, R; \
	CMPQ    n, R; \
	CMOVQLT n, R; \
	MOVL    $1, T; \
	SHLXL   R, T, T; \
	DECL    T; \
	KMOVW   T, K1

// func pairsReadoutAVX512(a *pairsArgs)
//
// Registers as in READOUT.
TEXT ·pairsReadoutAVX512(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	MOVQ pairsArgs_coef(AX), BX
	MOVQ pairsArgs_tau(AX), SI
	MOVQ pairsArgs_dst(AX), DI
	MOVQ pairsArgs_tokens(AX), R8
	STRIDES
	CONSTANTS

token:
	MOVQ pairsArgs_queries(AX), CX
	XORQ DX, DX

query:
	MASK16(CX, R9, R13)
	VMOVUPS.Z (SI)(DX*1), K1, Z0
	VXORPS    X10, X10, X10
	MOVQ      BX, R9
	MOVQ      pairsArgs_pairs(AX), R13
	PCALIGN   $32

pair:
	FACTORS16(R9)
	VMULPS.BCST       UR(R9), Z4, Z1
	VFMADD231PS.BCST  VR(R9), Z9, Z1
	VFNMADD231PS.BCST VW(R9), Z7, Z1
	VADDPS            Z1, Z10, Z10
	ADDQ              $4, R9
	DECQ              R13
	JNZ               pair
	VMOVUPS           Z10, K1, (DI)(DX*1)
	ADDQ              $64, DX
	SUBQ              $16, CX
	JG                query
	LEAQ              (BX)(R12*2), BX
	ADDQ              pairsArgs_tauStride(AX), SI
	ADDQ              pairsArgs_dstStride(AX), DI
	DECQ              R8
	JNZ               token
	VZEROUPPER
	RET

// func pairsSumsAVX512(a *pairsArgs)
//
// Registers as in SUMS.
TEXT ·pairsSumsAVX512(SB), NOSPLIT, $8-8
	MOVQ a+0(FP), AX
	MOVQ pairsArgs_coef(AX), BX
	MOVQ pairsArgs_tau(AX), SI
	MOVQ pairsArgs_dst(AX), DI
	MOVQ pairsArgs_grad(AX), R8
	MOVQ pairsArgs_tokens(AX), CX
	MOVQ CX, tokens-8(SP)
	STRIDES
	CONSTANTS

token:
	MOVQ pairsArgs_pairs(AX), R13

pair:
	MOVQ    pairsArgs_queries(AX), CX
	XORQ    DX, DX
	VXORPS  X10, X10, X10
	VXORPS  X11, X11, X11
	VXORPS  X12, X12, X12
	VXORPS  X13, X13, X13
	VXORPS  X14, X14, X14
	PCALIGN $32

query:
	MASK16(CX, R9, R12)
	VMOVUPS.Z   (SI)(DX*1), K1, Z0
	FACTORS16(BX)
	VMOVUPS.Z   (R8)(DX*1), K1, Z1
	VMULPS      Z0, Z1, Z0
	VFMADD231PS Z4, Z1, Z10
	VFMADD231PS Z7, Z1, Z11
	VFMADD231PS Z9, Z1, Z12
	VFMADD231PS Z4, Z0, Z13
	VFMADD231PS Z7, Z0, Z14
	ADDQ        $64, DX
	SUBQ        $16, CX
	JG          query

	VEXTRACTF64X4 $1, Z10, Y0
	VEXTRACTF64X4 $1, Z11, Y1
	VEXTRACTF64X4 $1, Z12, Y2
	VEXTRACTF64X4 $1, Z13, Y3
	VEXTRACTF64X4 $1, Z14, Y4
	VADDPS        Y0, Y10, Y10
	VADDPS        Y1, Y11, Y11
	VADDPS        Y2, Y12, Y12
	VADDPS        Y3, Y13, Y13
	VADDPS        Y4, Y14, Y14
	VHADDPS       Y11, Y10, Y10
	VHADDPS       Y13, Y12, Y12
	VEXTRACTF128  $1, Y14, X0
	VHADDPS       Y12, Y10, Y10
	VADDPS        X0, X14, X14
	VEXTRACTF128  $1, Y10, X1
	VMOVHLPS      X14, X14, X0
	VADDPS        X1, X10, X10
	VADDPS        X0, X14, X14
	VADDPS        (DI), X10, X10
	VMOVSHDUP     X14, X0
	VADDSS        X0, X14, X14
	VADDSS        16(DI), X14, X14
	LEAQ          (BX)(R10*8), R12
	VMOVSS        (R12), X0
	VMOVSS        (R12)(R10*1), X1
	VMOVUPS       X10, (DI)
	VMOVSS        X14, 16(DI)
	VMOVSS        X0, 20(DI)
	VMOVSS        X1, 24(DI)
	ADDQ          $32, DI
	ADDQ          $4, BX
	DECQ          R13
	JNZ           pair
	LEAQ          (R11)(R11*2), R12
	ADDQ          R12, BX
	ADDQ          pairsArgs_tauStride(AX), SI
	ADDQ          pairsArgs_gradStride(AX), R8
	DECQ          tokens-8(SP)
	JNZ           token
	VZEROUPPER
	RET
