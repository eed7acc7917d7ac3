//go:build !noasm

#include "go_asm.h"
#include "textflag.h"
#include "neon_arm64.h"

// Kernels on complex pairs, NEON. See pairs.go for the formulas and pairs_amd64.s for the
// constants.

// A constant in four lanes of the table at R26; v is the bit pattern twice.
#define P4(at, v) \
	DATA pairTable<>+(at*16)(SB)/8, $v; \
	DATA pairTable<>+(at*16+8)(SB)/8, $v

P4(0, 0x4b4000004b400000) // magic
P4(1, 0x4b40007f4b40007f) // magicExp
P4(2, 0x42a0000042a00000) // expMax
P4(3, 0xc2b00f34c2b00f34) // expMin
P4(4, 0x3fb8aa3b3fb8aa3b) // log2e
P4(5, 0xc0491000c0491000) // -pihi
P4(6, 0x3715777a3715777a) // -pilo
P4(7, 0xbf318000bf318000) // -ln2hi
P4(8, 0x395e8083395e8083) // -ln2lo
P4(9, 0x3f8000003f800000) // one
P4(10, 0x3fb504f33fb504f3) // sin0, cos0
P4(11, 0xbe715bd7be715bd7) // sin1
P4(12, 0x3c4112ac3c4112ac)
P4(13, 0xb992b65db992b65d)
P4(14, 0x3673019136730191) // sin4
P4(15, 0xbf3504ebbf3504eb) // cos1
P4(16, 0x3d715a453d715a45)
P4(17, 0xbb009b2ebb009b2e)
P4(18, 0x380f86d9380f86d9)
P4(19, 0xb4812403b4812403) // cos5
P4(20, 0x3effffff3effffff) // exp0
P4(21, 0x3e2aaa593e2aaa59)
P4(22, 0x3d2aab7c3d2aab7c)
P4(23, 0x3c0913683c091368)
P4(24, 0x3ab5cbcd3ab5cbcd) // exp4
P4(25, 0x4480000044800000) // maxTurns
P4(26, 0x3fd45f306dc9c883) // float64 1/pi
P4(27, 0x400921fb54442d18) // float64 pi
P4(28, 0x3ca1a62633145c07) // float64 pi, the rest
P4(29, 0x3ff921fb54442d18) // float64 pi/2
P4(30, 0xbff921fb54442d18) // float64 -pi/2
GLOBL pairTable<>(SB), RODATA|NOPTR, $496

#define CONST(k, F) FMOVQ (k*16)(R26), F

// V0 = t, V1 = sigma, V2 = omega/2, V3 = omega/(2 pi). V4 = the reduced exponent, V6 = 2^k,
// V8 = the half angle less a multiple of pi. Changes V5, V7, V9.
#define REDUCE \
	VFMUL_S4(1, 0, 4); \
	CONST(0, F5); \
	CONST(2, F6); \
	CONST(3, F7); \
	VFMLA_S4(3, 0, 5); \
	VFMIN_S4(6, 4, 4); \
	CONST(0, F9); \
	VFMAX_S4(7, 4, 4); \
	CONST(1, F6); \
	CONST(4, F7); \
	VFSUB_S4(9, 5, 5); \
	VFMLA_S4(7, 4, 6); \
	CONST(5, F7); \
	VFMUL_S4(7, 5, 8); \
	CONST(1, F7); \
	VFMLA_S4(2, 0, 8); \
	CONST(6, F9); \
	VFSUB_S4(7, 6, 7); \
	VFMLA_S4(9, 5, 8); \
	CONST(7, F9); \
	VSHL $23, V6.S4, V6.S4; \
	VFMLA_S4(9, 7, 4); \
	CONST(8, F9); \
	VFMLA_S4(9, 7, 4)

// From there: V4 = Re E, V7 = Im E = Im M, V9 = Re M. Keeps V0, changes V1..V3, V5, V6, V8.
#define FACTORS \
	VFMUL_S4(8, 8, 3); \
	CONST(14, F1); \
	CONST(13, F2); \
	CONST(24, F5); \
	CONST(23, F7); \
	VFMLA_S4(1, 3, 2); \
	VFMLA_S4(5, 4, 7); \
	CONST(12, F1); \
	CONST(22, F5); \
	VFMLA_S4(2, 3, 1); \
	VFMLA_S4(7, 4, 5); \
	CONST(11, F2); \
	CONST(21, F7); \
	VFMLA_S4(1, 3, 2); \
	VFMLA_S4(5, 4, 7); \
	CONST(10, F1); \
	CONST(20, F5); \
	VFMLA_S4(2, 3, 1); \
	VFMLA_S4(7, 4, 5); \
	VFMUL_S4(4, 4, 7); \
	VFMUL_S4(8, 1, 8); \
	CONST(19, F1); \
	CONST(18, F2); \
	VFMLA_S4(5, 7, 4); \
	VFMLA_S4(1, 3, 2); \
	CONST(17, F1); \
	CONST(9, F9); \
	VFMLA_S4(2, 3, 1); \
	CONST(16, F2); \
	VFSUB_S4(9, 6, 5); \
	VFMLA_S4(1, 3, 2); \
	CONST(15, F1); \
	VFMLA_S4(4, 6, 5); \
	VFMLA_S4(2, 3, 1); \
	CONST(10, F2); \
	VFMLA_S4(4, 6, 6); \
	VFMLA_S4(1, 3, 2); \
	VFMLS_S4(8, 8, 9); \
	VFMUL_S4(8, 2, 7); \
	VFMUL_S4(6, 9, 4); \
	VFMUL_S4(6, 7, 7); \
	VFMUL_S4(5, 9, 9); \
	VFMLS_S4(8, 8, 9)

// Before REDUCE: V30 = mask of the lanes beyond maxTurns, V31 = their half angle modulo pi.
// Changes V4..V9.
#define FAR \
	VFMUL_S4(3, 0, 4); \
	CONST(25, F5); \
	VFACGT_S4(5, 4, 30); \
	VFCVTL_D2(0, 4); \
	VFCVTL_D2(2, 6); \
	VFMUL_D2(6, 4, 4); \
	VFCVTL2_D2(0, 5); \
	VFCVTL2_D2(2, 7); \
	VFMUL_D2(7, 5, 5); \
	CONST(26, F8); \
	VFMUL_D2(8, 4, 6); \
	VFMUL_D2(8, 5, 7); \
	VFRINTN_D2(6, 6); \
	VFRINTN_D2(7, 7); \
	CONST(27, F8); \
	CONST(28, F9); \
	VFMLS_D2(8, 6, 4); \
	VFMLS_D2(8, 7, 5); \
	VFMLS_D2(9, 6, 4); \
	VFMLS_D2(9, 7, 5); \
	CONST(29, F8); \
	CONST(30, F9); \
	VFMIN_D2(8, 4, 4); \
	VFMIN_D2(8, 5, 5); \
	VFMAX_D2(9, 4, 4); \
	VFMAX_D2(9, 5, 5); \
	VFCVTN_S2(4, 31); \
	VFCVTN2_S4(5, 31)

// After REDUCE.
#define FARBLEND VBIT V30.B16, V31.B16, V8.B16

#define NONE

// V = up to four numbers at P, n > 0 of them left, zeros beyond. Two labels of its own.
#define LOAD4(P, n, V, PART, DONE) \
	CMP  $4, n; \
	BLT  PART; \
	VLD1 (P), [V.S4]; \
	B    DONE; \
PART: \
	VEOR V.B16, V.B16, V.B16; \
	MOVWU (P), R25; \
	VMOV R25, V.S[0]; \
	CMP  $2, n; \
	BLT  DONE; \
	MOVWU 4(P), R25; \
	VMOV R25, V.S[1]; \
	BEQ  DONE; \
	MOVWU 8(P), R25; \
	VMOV R25, V.S[2]; \
DONE:

// The inverse.
#define STORE4(P, n, V, PART, DONE) \
	CMP  $4, n; \
	BLT  PART; \
	VST1 [V.S4], (P); \
	B    DONE; \
PART: \
	VMOV V.S[0], R25; \
	MOVW R25, (P); \
	CMP  $2, n; \
	BLT  DONE; \
	VMOV V.S[1], R25; \
	MOVW R25, 4(P); \
	BEQ  DONE; \
	VMOV V.S[2], R25; \
	MOVW R25, 8(P); \
DONE:

// R0: args; R1: planes of the token, R2: bytes of a plane; R3: tau; R4: dst; R5: tokens left;
// R6: queries left; R7: bytes of queries done; R8: planes of the pair; R9: pairs left.
#define BEGIN \
	MOVD a+0(FP), R0; \
	MOVD $pairTable<>(SB), R26; \
	MOVD pairsArgs_coef(R0), R1; \
	MOVD pairsArgs_planes(R0), R2; \
	LSL  $2, R2, R2; \
	MOVD pairsArgs_tau(R0), R3; \
	MOVD pairsArgs_dst(R0), R4; \
	MOVD pairsArgs_tokens(R0), R5

// V1, V2, V3 = the first planes of the pair at P.
#define RATES(P) \
	VLD1R (P), [V1.S4]; \
	ADD   R2, P, R19; \
	VLD1R (R19), [V2.S4]; \
	ADD   R2, R19, R19; \
	VLD1R (R19), [V3.S4]

// V10 += Re(u E + v M), the planes after R19.
#define ACCUMULATE \
	ADD   R2, R19, R19; \
	VLD1R (R19), [V1.S4]; \
	ADD   R2, R19, R19; \
	VLD1R (R19), [V2.S4]; \
	ADD   R2, R19, R19; \
	VLD1R (R19), [V3.S4]; \
	VFMUL_S4(1, 4, 1); \
	VFMLA_S4(2, 9, 1); \
	VFMLS_S4(3, 7, 1); \
	VFADD_S4(1, 10, 10)

#define READOUT(BEFORE, BETWEEN) \
	BEGIN; \
token: \
	MOVD pairsArgs_queries(R0), R6; \
	MOVD $0, R7; \
query: \
	ADD  R7, R3, R20; \
	LOAD4(R20, R6, V0, part, loaded); \
	VEOR V10.B16, V10.B16, V10.B16; \
	MOVD R1, R8; \
	MOVD pairsArgs_pairs(R0), R9; \
pair: \
	RATES(R8); \
	BEFORE; \
	REDUCE; \
	BETWEEN; \
	FACTORS; \
	ACCUMULATE; \
	ADD  $4, R8; \
	SUBS $1, R9; \
	BNE  pair; \
	ADD  R7, R4, R20; \
	STORE4(R20, R6, V10, partY, stored); \
	ADD  $16, R7; \
	SUBS $4, R6; \
	BGT  query; \
	ADD  R2<<3, R1; \
	ADD  R2<<1, R1; \
	MOVD pairsArgs_tauStride(R0), R10; \
	ADD  R10, R3; \
	MOVD pairsArgs_dstStride(R0), R10; \
	ADD  R10, R4; \
	SUBS $1, R5; \
	BNE  token; \
	RET

// func pairsReadoutSIMD(a *pairsArgs)
TEXT ·pairsReadoutSIMD(SB), NOSPLIT, $0-8
	READOUT(NONE, NONE)

// func pairsReadoutFarSIMD(a *pairsArgs)
TEXT ·pairsReadoutFarSIMD(SB), NOSPLIT, $0-8
	READOUT(FAR, FARBLEND)

// func pairsRateSIMD(a *pairsArgs)
//
// One token; V10 = y, V11 = rate, R12: rate.
TEXT ·pairsRateSIMD(SB), NOSPLIT, $0-8
	BEGIN
	MOVD pairsArgs_rate(R0), R12
	MOVD pairsArgs_queries(R0), R6

query:
	LOAD4(R3, R6, V0, part, loaded)
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	MOVD R1, R8
	MOVD pairsArgs_pairs(R0), R9

pair:
	RATES(R8)
	FAR
	REDUCE
	FARBLEND
	FACTORS
	ACCUMULATE
	ADD   R2, R19, R19
	VLD1R (R19), [V1.S4]
	ADD   R2, R19, R19
	VLD1R (R19), [V2.S4]
	VFMUL_S4(1, 4, 1)
	VFMLS_S4(2, 7, 1)
	VFADD_S4(1, 11, 11)
	ADD   $4, R8
	SUBS  $1, R9
	BNE   pair
	STORE4(R4, R6, V10, partY, storedY)
	STORE4(R12, R6, V11, partRate, storedRate)
	ADD   $16, R3
	ADD   $16, R4
	ADD   $16, R12
	SUBS  $4, R6
	BGT   query
	RET

// Sums. R4: sums of the pair; R12: dy of the token; V10..V14 as in pairs_amd64.s.
#define SUMS(BEFORE, BETWEEN) \
	BEGIN; \
	MOVD pairsArgs_grad(R0), R12; \
token: \
	MOVD R1, R8; \
	MOVD pairsArgs_pairs(R0), R9; \
pair: \
	MOVD pairsArgs_queries(R0), R6; \
	MOVD R3, R20; \
	MOVD R12, R21; \
	VEOR V10.B16, V10.B16, V10.B16; \
	VEOR V11.B16, V11.B16, V11.B16; \
	VEOR V12.B16, V12.B16, V12.B16; \
	VEOR V13.B16, V13.B16, V13.B16; \
	VEOR V14.B16, V14.B16, V14.B16; \
query: \
	LOAD4(R20, R6, V0, part, loaded); \
	LOAD4(R21, R6, V15, partG, loadedG); \
	RATES(R8); \
	BEFORE; \
	REDUCE; \
	BETWEEN; \
	FACTORS; \
	VFMUL_S4(0, 15, 1); \
	VFMLA_S4(4, 15, 10); \
	VFMLA_S4(7, 15, 11); \
	VFMLA_S4(9, 15, 12); \
	VFMLA_S4(4, 1, 13); \
	VFMLA_S4(7, 1, 14); \
	ADD  $16, R20; \
	ADD  $16, R21; \
	SUBS $4, R6; \
	BGT  query; \
	VFADDP_S4(11, 10, 10); \
	VFADDP_S4(13, 12, 12); \
	VFADDP_S4(12, 10, 10); \
	VFADDP_S4(14, 14, 14); \
	VFADDP_S4(14, 14, 14); \
	VLD1 (R4), [V1.S4]; \
	VFADD_S4(1, 10, 10); \
	FMOVS 16(R4), F1; \
	FADDS F1, F14, F14; \
	VST1 [V10.S4], (R4); \
	FMOVS F14, 16(R4); \
	ADD  R2<<3, R8, R19; \
	MOVWU (R19), R25; \
	MOVW R25, 20(R4); \
	ADD  R2, R19; \
	MOVWU (R19), R25; \
	MOVW R25, 24(R4); \
	ADD  $32, R4; \
	ADD  $4, R8; \
	SUBS $1, R9; \
	BNE  pair; \
	ADD  R2<<3, R1; \
	ADD  R2<<1, R1; \
	MOVD pairsArgs_tauStride(R0), R10; \
	ADD  R10, R3; \
	MOVD pairsArgs_gradStride(R0), R10; \
	ADD  R10, R12; \
	SUBS $1, R5; \
	BNE  token; \
	RET

// func pairsSumsSIMD(a *pairsArgs)
TEXT ·pairsSumsSIMD(SB), NOSPLIT, $0-8
	SUMS(NONE, NONE)

// func pairsSumsFarSIMD(a *pairsArgs)
TEXT ·pairsSumsFarSIMD(SB), NOSPLIT, $0-8
	SUMS(FAR, FARBLEND)
