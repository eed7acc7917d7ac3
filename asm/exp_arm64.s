//go:build arm64 && !noasm

#include "textflag.h"
#include "neon_arm64.h"
#include "exp_arm64.h"

// Elementary functions and the rows made of them. For the conventions of the macros see
// exp_arm64.h.

// V0 = gelu(V0): max(x,-20) times the sigmoid of w = x*(A + A*B*x^2) of the clamped
// argument; changes V1..V7. V16..V19 from LOADGELU.
#define GELU \
	DO3(VFMAX_S4, 16, 0, 7); \
	DO2(VMOV_B16, 18, 3); \
	DO3(VFMIN_S4, 17, 7, 0); \
	DO3(VFMUL_S4, 0, 0, 2); \
	DO3(VFMLA_S4, 19, 2, 3); \
	DO3(VFMUL_S4, 3, 0, 0); \
	SIGMOID; \
	DO3(VFMUL_S4, 7, 0, 0)

// For x = V0, w as in GELU with x clamped on both sides, e = exp(-|w|), d = 1/(1+e): V4 =
// s = sigmoid(w) = d or e*d, V2 = x*e*d*d, V1 = w' = A + 3AB*x^2. So gelu(x) = x*s and
// gelu'(x) = V4 + V1*V2. Changes V0..V7. V16..V19 as in GELU, V31 = 3AB.
#define GELUPARTS \
	DO3(VFMIN_S4, 17, 0, 0); \
	DO2(VMOV_B16, 18, 3); \
	DO3(VFMAX_S4, 16, 0, 6); \
	DO3(VFMUL_S4, 6, 6, 7); \
	DO3(VFMLA_S4, 19, 7, 3); \
	DO3(VFMUL_S4, 3, 6, 0); \
	EXPNEGABS; \
	DO2(VMOV_B16, 18, 1); \
	DO3(VFADD_S4, 29, 0, 3); \
	DO2(VFCMLT0_S4, 5, 4); \
	DO3(VFDIV_S4, 3, 29, 3); \
	DO3(VFMLA_S4, 31, 7, 1); \
	DO3(VFMUL_S4, 3, 0, 2); \
	DO3(VBSL_B16, 3, 2, 4); \
	DO3(VFMUL_S4, 3, 2, 2); \
	DO3(VFMUL_S4, 6, 2, 2)

QUAD(geluTable, 0, 0xc1a00000c1a00000)  // V16: -20
QUAD(geluTable, 16, 0x41a0000041a00000) // V17: 20
QUAD(geluTable, 32, 0x3fcc422a3fcc422a) // V18: A = 2*sqrt(2/pi)
QUAD(geluTable, 48, 0x3d9222793d922279) // V19: A*B, B = 0.044715
QUAD(geluTable, 64, 0x3e5b33b63e5b33b6) // V31: 3*A*B
GLOBL geluTable<>(SB), RODATA|NOPTR, $80

#define LOADGELU(R) \
	MOVD   $geluTable<>(SB), R; \
	VLD1.P 64(R), [V16.S4, V17.S4, V18.S4, V19.S4]

// LOADGELU and the constant V31, instead of LOADEXP's.
#define LOADGELUGRAD(R) \
	LOADGELU(R); \
	VLD1 (R), [V31.S4]

// V0 = phi1(V0) = (e^x - 1)/x. Numerator and divisor both carry a factor 2^-12, so that
// 2^k stays finite as long as the quotient does. Changes V1..V5.
#define PHI1 \
	DO3(VFMIN_S4, 16, 0, 5); \
	DO3(VFMAX_S4, 17, 5, 0); \
	REDUCE; \
	SHIFT(VSHL_S4, 23, 1, 1); \
	DO3(VADD_S4, 18, 1, 1); \
	DO3(VFMUL_S4, 18, 5, 4); \
	DO3(VFSUB_S4, 18, 1, 3); \
	DO3(VFACGT_S4, 5, 19, 2); \
	DO3(VFMLA_S4, 1, 0, 3); \
	DO3(VFDIV_S4, 4, 3, 0); \
	DO3(VBIT_B16, 2, 29, 0)

QUAD(phiTable, 0, 0x42c0000042c00000)  // V16: 96, e^96/96 overflows
QUAD(phiTable, 16, 0xc1f00000c1f00000) // V17: -30, e^-30 - 1 is -1
QUAD(phiTable, 32, 0x3980000039800000) // V18: 2^-12
QUAD(phiTable, 48, 0x322bcc77322bcc77) // V19: 1e-8, phi1 is 1 below
GLOBL phiTable<>(SB), RODATA|NOPTR, $64

// V0 = log(1+e^V0) = max(x,0) + log1p(e) with e = exp(-|x|). With w = e/(1+e/2), log1p(e)
// = 2*atanh(w/2) = w + w^3*P(w^2); P is minimax on [0, 4/9], relative error 5e-9. Changes
// V1..V5. V31 = 0.
#define SOFTPLUS \
	EXPNEGABS; \
	DO2(VMOV_B16, 29, 1); \
	DO3(VFMLA_S4, 28, 0, 1); \
	DO2(VMOV_B16, 18, 3); \
	DO3(VFDIV_S4, 1, 0, 0); \
	DO2(VMOV_B16, 17, 4); \
	DO3(VFMUL_S4, 0, 0, 2); \
	DO3(VFMLA_S4, 19, 2, 3); \
	DO3(VFMLA_S4, 3, 2, 4); \
	DO2(VMOV_B16, 16, 3); \
	DO3(VFMAX_S4, 31, 5, 5); \
	DO3(VFMLA_S4, 4, 2, 3); \
	DO3(VFMUL_S4, 0, 2, 2); \
	DO3(VFMLA_S4, 3, 2, 0); \
	DO3(VFADD_S4, 5, 0, 0)

QUAD(logTable, 0, 0x3daaaa813daaaa81)  // V16: 0.08333302289
QUAD(logTable, 16, 0x3c4ce9043c4ce904) // V17: 0.01250672713
QUAD(logTable, 32, 0x3b0f5e863b0f5e86) // V18: 0.002187640872
QUAD(logTable, 48, 0x3a0f6be03a0f6be0) // V19: 0.0005471091717
GLOBL logTable<>(SB), RODATA|NOPTR, $64

// dst (R0) = F(x (R1)) over R4 elements.
#define MAP(F) \
	SUBS $8, R4, R4; \
	BLT  tail; \
	PCALIGN $16; \
eight: \
	LOAD8(R1, F0, F8, V8); \
	F; \
	STORE8(R0, F0, F8, V8); \
	SUBS $8, R4, R4; \
	BGE  eight; \
tail: \
	ANDS $7, R4, R4; \
	BEQ  done; \
	LOADTAIL(R4, R1, F0, F8, V8); \
	F; \
	STORETAIL(R4, R0, F0, F8, V8); \
done: \
	RET

// func expSIMD(dst, x *float32, n int)
TEXT ·expSIMD(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R4
	LOADEXP(R5)
	MAP(EXPX)

// func tanhSIMD(dst, x *float32, n int)
TEXT ·tanhSIMD(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R4
	LOADEXP(R5)
	LOADTANH(R5)
	MAP(TANH)

// func sigmoidSIMD(dst, x *float32, n int)
TEXT ·sigmoidSIMD(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R4
	LOADEXP(R5)
	MAP(SIGMOID)

// func geluSIMD(dst, x *float32, n int)
TEXT ·geluSIMD(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R4
	LOADEXP(R5)
	LOADGELU(R5)
	MAP(GELU)

// func expm1OverXSIMD(dst, x *float32, n int)
TEXT ·expm1OverXSIMD(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R4
	LOADEXP(R5)
	MOVD $phiTable<>(SB), R5
	VLD1 (R5), [V16.S4, V17.S4, V18.S4, V19.S4]
	MAP(PHI1)

// func softplusSIMD(dst, x *float32, n int)
TEXT ·softplusSIMD(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R4
	LOADEXP(R5)
	MOVD $logTable<>(SB), R5
	VLD1 (R5), [V16.S4, V17.S4, V18.S4, V19.S4]
	VEOR V31.B16, V31.B16, V31.B16
	MAP(SOFTPLUS)

// V4 = gelu', from GELUPARTS.
#define GELUPRIME \
	DO3(VFMLA_S4, 1, 2, 4)

// V0 = dy*V4 + old, dy = V0, old = V2 where R6 is all ones, else R7 = -0. Changes V1, V3.
#define ADDOLD \
	VDUP R6, V1.S4; \
	VDUP R7, V3.S4; \
	DO3(VFMUL_S4, 0, 4, 0); \
	VAND V1.B16, V2.B16, V2.B16; \
	VAND V1.B16, V10.B16, V10.B16; \
	VORR V3.B16, V2.B16, V2.B16; \
	VORR V3.B16, V10.B16, V10.B16; \
	DO3(VFADD_S4, 2, 0, 0)

// func geluGradSIMD(dx, x, dy *float32, n int, acc uint32)
TEXT ·geluGradSIMD(SB), NOSPLIT, $0-36
	MOVD  dx+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  dy+16(FP), R2
	MOVD  n+24(FP), R4
	MOVWU acc+32(FP), R6
	MVNW  R6, R7
	ANDW  $0x80000000, R7, R7
	LOADEXP(R5)
	LOADGELUGRAD(R5)
	SUBS  $8, R4, R4
	BLT   tail
	PCALIGN $16

eight:
	LOAD8(R1, F0, F8, V8)
	GELUPARTS
	GELUPRIME
	LOAD8(R2, F0, F8, V8)
	FLDPQ (R0), (F2, F10)
	ADDOLD
	STORE8(R0, F0, F8, V8)
	SUBS  $8, R4, R4
	BGE   eight

tail:
	ANDS $7, R4, R4
	BEQ  done
	LOADTAIL(R4, R1, F0, F8, V8)
	GELUPARTS
	GELUPRIME
	LOADTAIL(R4, R2, F0, F8, V8)
	MOVD R0, R1
	LOADTAIL(R4, R1, F2, F10, V10)
	ADDOLD
	STORETAIL(R4, R0, F0, F8, V8)

done:
	RET

// Constants of SINCOS, V16..V31.
QUAD(sinTable, 0, 0x3fe45f306dc9c883)   // V16: float64 2/pi
QUAD(sinTable, 16, 0x3ff921fb54442d18)  // V17: float64 pi/2
QUAD(sinTable, 32, 0x3c91a62633145c07)  // V18: float64 pi/2 - V17
QUAD(sinTable, 48, 0xb94ca1f9b94ca1f9)  // V19: -0.00019515295891
QUAD(sinTable, 64, 0x3c08839e3c08839e)  // V20: 0.0083321608736
QUAD(sinTable, 80, 0xbe2aaaa3be2aaaa3)  // V21: -0.16666654611
QUAD(sinTable, 96, 0x37ccf5ce37ccf5ce)  // V22: 2.443315711809948e-05
QUAD(sinTable, 112, 0xbab6061abab6061a) // V23: -0.001388731625493765
QUAD(sinTable, 128, 0x3d2aaaa53d2aaaa5) // V24: 0.04166664568298827
QUAD(sinTable, 144, 0xbf000000bf000000) // V25: -0.5
QUAD(sinTable, 160, 0x3f8000003f800000) // V26: 1.0
QUAD(sinTable, 176, 0x0000000100000001) // V27: integer 1
GLOBL sinTable<>(SB), RODATA|NOPTR, $192

// V0 = x: V0 = sin, V4 = cos. x - k*pi/2 is formed in float64 in two halves with pi/2 in
// two parts; then the polynomials of Cephes sinf and cosf on [-pi/4, pi/4], exchanged
// and negated by the two low bits of k. Changes V1..V6.
#define SINCOS \
	DO2(VFCVTL_D2, 0, 1); \
	DO2(VFCVTL2_D2, 0, 2); \
	DO3(VFMUL_D2, 16, 1, 3); \
	DO3(VFMUL_D2, 16, 2, 4); \
	DO2(VFRINTN_D2, 3, 3); \
	DO2(VFRINTN_D2, 4, 4); \
	DO3(VFMLS_D2, 17, 3, 1); \
	DO3(VFMLS_D2, 17, 4, 2); \
	DO3(VFMLS_D2, 18, 3, 1); \
	DO3(VFMLS_D2, 18, 4, 2); \
	DO2(VFCVTZS_D2, 3, 3); \
	DO2(VFCVTZS_D2, 4, 4); \
	DO2(VFCVTN_S2, 1, 1); \
	DO2(VFCVTN2_S4, 2, 1); \
	DO2(VXTN_S2, 3, 3); \
	DO2(VXTN2_S4, 4, 3); \
	DO3(VFMUL_S4, 1, 1, 2); \
	DO2(VMOV_B16, 20, 4); \
	DO2(VMOV_B16, 23, 6); \
	DO3(VFMLA_S4, 19, 2, 4); \
	DO3(VFMLA_S4, 22, 2, 6); \
	DO2(VMOV_B16, 21, 5); \
	DO2(VMOV_B16, 24, 0); \
	DO3(VFMLA_S4, 4, 2, 5); \
	DO3(VFMLA_S4, 6, 2, 0); \
	DO3(VFMUL_S4, 1, 2, 4); \
	DO2(VMOV_B16, 25, 6); \
	DO3(VFMLA_S4, 5, 4, 1); \
	DO3(VFMLA_S4, 0, 2, 6); \
	DO2(VMOV_B16, 26, 5); \
	SHIFT(VSHL_S4, 31, 3, 0); \
	DO3(VFMLA_S4, 6, 2, 5); \
	SHIFT(VSSHR_S4, 31, 0, 0); \
	DO3(VADD_S4, 27, 3, 2); \
	SHIFT(VUSHR_S4, 1, 3, 3); \
	SHIFT(VUSHR_S4, 1, 2, 2); \
	DO2(VMOV_B16, 0, 4); \
	DO3(VBSL_B16, 1, 5, 0); \
	DO3(VBSL_B16, 5, 1, 4); \
	SHIFT(VSHL_S4, 31, 3, 3); \
	SHIFT(VSHL_S4, 31, 2, 2); \
	DO3(VEOR_B16, 3, 0, 0); \
	DO3(VEOR_B16, 2, 4, 4)

// Leaves for bad unless V0 and V8 are at most R6 = 1e9 in magnitude: bit patterns of
// positive numbers order as the numbers, those of NaN come last.
#define INRANGE \
	DO2(VFABS_S4, 0, 1); \
	VUMAX V9.S4, V1.S4, V1.S4; \
	VUMAXV_S4(1, 1); \
	FMOVS F1, R5; \
	CMPW  R6, R5; \
	BHI   bad

// func sinCosSIMD(sin, cos, x *float32, n int) int
TEXT ·sinCosSIMD(SB), NOSPLIT, $0-40
	MOVD   sin+0(FP), R0
	MOVD   cos+8(FP), R2
	MOVD   x+16(FP), R1
	MOVD   n+24(FP), R4
	MOVD   R4, R3
	MOVD   $0x4e6e6b28, R6
	MOVD   $sinTable<>(SB), R5
	VLD1.P 64(R5), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R5), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1   (R5), [V24.S4, V25.S4, V26.S4, V27.S4]
	SUBS   $8, R4, R4
	BLT    tail
	PCALIGN $16

eight:
	LOAD8(R1, F0, F8, V8)
	INRANGE
	SINCOS
	STORE8(R0, F0, F8, V8)
	STORE8(R2, F4, F12, V12)
	SUBS $8, R4, R4
	BGE  eight

tail:
	ANDS $7, R4, R7
	BEQ  done
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V8.B16, V8.B16, V8.B16
	LOADTAIL(R7, R1, F0, F8, V8)
	INRANGE
	SINCOS
	STORETAIL(R7, R0, F0, F8, V8)
	STORETAIL(R7, R2, F4, F12, V12)

done:
	MOVD R3, ret+32(FP)
	RET

bad:
	// R4 is the number of elements left, this group included, less 8.
	ADD  $8, R4, R4
	SUB  R4, R3, R3
	MOVD R3, ret+32(FP)
	RET

// func softmaxRowsSIMD(dst, x *float32, rows, cols int) int
TEXT ·softmaxRowsSIMD(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD cols+24(FP), R3
	LOADEXP(R5)
	MOVD $0xff800000, R5
	VDUP R5, V16.S4
	MOVD $0x7f800000, R8

row:
	// The maximum, NaN if there is one: V4..V7.
	MOVD R1, R6
	VMOV V16.B16, V4.B16
	VMOV V16.B16, V5.B16
	VMOV V16.B16, V6.B16
	VMOV V16.B16, V7.B16
	SUBS $16, R3, R4
	BLT  foursMax
	PCALIGN $16

blocksMax:
	VLD1.P 64(R6), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFMAX_S4(0, 4, 4)
	VFMAX_S4(1, 5, 5)
	VFMAX_S4(2, 6, 6)
	VFMAX_S4(3, 7, 7)
	SUBS   $16, R4, R4
	BGE    blocksMax

foursMax:
	ADDS $12, R4, R4
	BLT  tailMax

fourMax:
	FMOVQ.P 16(R6), F0
	VFMAX_S4(0, 4, 4)
	SUBS    $4, R4, R4
	BGE     fourMax

tailMax:
	TBZ     $1, R4, 3(PC)
	VLD1R.P 8(R6), [V0.D2]
	VFMAX_S4(0, 5, 5)
	TBZ     $0, R4, 3(PC)
	VLD1R   (R6), [V1.S4]
	VFMAX_S4(1, 6, 6)
	VFMAX_S4(5, 4, 4)
	VFMAX_S4(7, 6, 6)
	VFMAX_S4(6, 4, 4)
	VFMAXV_S4(4, 4)
	FMOVS   F4, R5
	ANDW    R8, R5, R5
	CMPW    R8, R5
	BEQ     stop
	VDUP    V4.S[0], V4.S4
	VDUP    V4.S[0], V12.S4

	// The exponentials; V6 and V14 sum them.
	MOVD R0, R6
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V14.B16, V14.B16, V14.B16
	SUBS $8, R3, R4
	BLT  tailExp
	PCALIGN $16

eightExp:
	LOAD8(R1, F0, F8, V8)
	DO3(VFSUB_S4, 4, 0, 0)
	DO3(VFMAX_S4, 30, 0, 0)
	EXP
	STORE8(R0, F0, F8, V8)
	DO3(VFADD_S4, 0, 6, 6)
	SUBS $8, R4, R4
	BGE  eightExp

tailExp:
	// The lanes without an element hold -Inf and add nothing.
	ANDS $7, R4, R4
	BEQ  sum
	VMOV V16.B16, V0.B16
	VMOV V16.B16, V8.B16
	LOADTAIL(R4, R1, F0, F8, V8)
	DO3(VFSUB_S4, 4, 0, 0)
	DO3(VFMAX_S4, 30, 0, 0)
	EXP
	STORETAIL(R4, R0, F0, F8, V8)
	DO3(VFADD_S4, 0, 6, 6)

sum:
	VFADD_S4(14, 6, 6)
	VFADDP_S4(6, 6, 6)
	VFADDP_S(6, 6)
	FMOVS $1.0, F5
	FDIVS F6, F5, F5
	VDUP  V5.S[0], V5.S4
	SUBS  $16, R3, R4
	BLT   foursScale
	PCALIGN $16

blocksScale:
	VLD1   (R6), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFMUL_S4(5, 0, 0)
	VFMUL_S4(5, 1, 1)
	VFMUL_S4(5, 2, 2)
	VFMUL_S4(5, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R6)
	SUBS   $16, R4, R4
	BGE    blocksScale

foursScale:
	ADDS $12, R4, R4
	BLT  tailScale

fourScale:
	FMOVQ   (R6), F0
	VFMUL_S4(5, 0, 0)
	FMOVQ.P F0, 16(R6)
	SUBS    $4, R4, R4
	BGE     fourScale

tailScale:
	TBZ     $1, R4, 4(PC)
	FMOVD   (R6), F0
	VFMUL_S4(5, 0, 0)
	FMOVD.P F0, 8(R6)
	TBZ     $0, R4, 4(PC)
	FMOVS   (R6), F0
	VFMUL_S4(5, 0, 0)
	FMOVS   F0, (R6)
	SUBS    $1, R2, R2
	BNE     row

stop:
	MOVD rows+16(FP), R3
	SUB  R2, R3, R3
	MOVD R3, ret+32(FP)
	RET

// func gluRowsSIMD(dst, x *float32, rows, h int)
TEXT ·gluRowsSIMD(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD rows+16(FP), R6
	MOVD h+24(FP), R7
	LOADEXP(R5)
	LOADGELU(R5)

row:
	ADD  R7<<2, R1, R2
	SUBS $8, R7, R4
	BLT  tail
	PCALIGN $16

eight:
	LOAD8(R1, F0, F8, V8)
	GELU
	LOAD8(R2, F1, F9, V9)
	DO3(VFMUL_S4, 1, 0, 0)
	STORE8(R0, F0, F8, V8)
	SUBS $8, R4, R4
	BGE  eight

tail:
	ANDS $7, R4, R4
	BEQ  next
	LOADTAIL(R4, R1, F0, F8, V8)
	GELU
	LOADTAIL(R4, R2, F1, F9, V9)
	DO3(VFMUL_S4, 1, 0, 0)
	STORETAIL(R4, R0, F0, F8, V8)

next:
	MOVD R2, R1
	SUBS $1, R6, R6
	BNE  row
	RET

// V5 = gelu = s*max(u,-20) and V4 = gelu', from GELUPARTS and u = V5.
#define GELUBOTH \
	DO3(VFMAX_S4, 16, 5, 5); \
	DO3(VFMUL_S4, 4, 5, 5); \
	GELUPRIME

// V2 = du + (dy*v)*gelu', V3 = dv + dy*gelu from dy = V0, v = V1, du = V2, dv = V3.
#define GLUGRAD \
	DO3(VFMUL_S4, 1, 0, 1); \
	DO3(VFMUL_S4, 5, 0, 0); \
	DO3(VFMUL_S4, 4, 1, 1); \
	DO3(VFADD_S4, 0, 3, 3); \
	DO3(VFADD_S4, 1, 2, 2)

// func gluGradRowsSIMD(dx, x, dy *float32, rows, h int)
TEXT ·gluGradRowsSIMD(SB), NOSPLIT, $0-40
	MOVD dx+0(FP), R0
	MOVD x+8(FP), R1
	MOVD dy+16(FP), R2
	MOVD rows+24(FP), R6
	MOVD h+32(FP), R7
	LOADEXP(R5)
	LOADGELUGRAD(R5)

row:
	ADD  R7<<2, R0, R3
	ADD  R7<<2, R1, R8
	SUBS $8, R7, R4
	BLT  tail
	PCALIGN $16

eight:
	FLDPQ (R1), (F0, F8)
	GELUPARTS
	LOAD8(R1, F5, F13, V13)
	GELUBOTH
	LOAD8(R2, F0, F8, V8)
	LOAD8(R8, F1, F9, V9)
	FLDPQ (R0), (F2, F10)
	FLDPQ (R3), (F3, F11)
	GLUGRAD
	STORE8(R0, F2, F10, V10)
	STORE8(R3, F3, F11, V11)
	SUBS  $8, R4, R4
	BGE   eight

tail:
	ANDS $7, R4, R4
	BEQ  next
	MOVD R1, R5
	LOADTAIL(R4, R5, F0, F8, V8)
	GELUPARTS
	LOADTAIL(R4, R1, F5, F13, V13)
	GELUBOTH
	LOADTAIL(R4, R2, F0, F8, V8)
	LOADTAIL(R4, R8, F1, F9, V9)
	MOVD R0, R5
	LOADTAIL(R4, R5, F2, F10, V10)
	MOVD R3, R5
	LOADTAIL(R4, R5, F3, F11, V11)
	GLUGRAD
	STORETAIL(R4, R0, F2, F10, V10)
	STORETAIL(R4, R3, F3, F11, V11)

next:
	MOVD R3, R0
	MOVD R8, R1
	SUBS $1, R6, R6
	BNE  row
	RET

// Eight elements of a row of GRUGates, in pieces between the loads. Gate arguments come
// from gi (R1, R2, R3) and gh (R5, R6, R7), hPrev from R8; hNew goes to R0 and r, z, n,
// gh_n to R9..R12 unless R9 is 0. LOAD and STORE are LOAD8 and STORE8, or handle a tail;
// SKIP jumps over one STORE. V6 holds gi_n + r*gh_n, V7 holds z.
#define GRU(LOAD, STORE, SKIP) \
	LOAD(R1, F0, F8, V8); \
	LOAD(R5, F1, F9, V9); \
	DO3(VFADD_S4, 1, 0, 0); \
	SIGMOID; \
	LOAD(R7, F1, F9, V9); \
	LOAD(R3, F6, F14, V14); \
	CBZ  R9, SKIP; \
	STORE(R9, F0, F8, V8); \
	CBZ  R9, SKIP; \
	STORE(R12, F1, F9, V9); \
	DO3(VFMUL_S4, 1, 0, 1); \
	DO3(VFADD_S4, 1, 6, 6); \
	LOAD(R2, F0, F8, V8); \
	LOAD(R6, F1, F9, V9); \
	DO3(VFADD_S4, 1, 0, 0); \
	SIGMOID; \
	CBZ  R9, SKIP; \
	STORE(R10, F0, F8, V8); \
	DO2(VMOV_B16, 0, 7); \
	DO2(VMOV_B16, 6, 0); \
	TANH; \
	CBZ  R9, SKIP; \
	STORE(R11, F0, F8, V8); \
	LOAD(R8, F1, F9, V9); \
	DO3(VFSUB_S4, 0, 1, 1); \
	DO3(VFMUL_S4, 7, 1, 1); \
	DO3(VFADD_S4, 1, 0, 0); \
	STORE(R0, F0, F8, V8)
#define LOADR4(R, FA, FB, VB) LOADTAIL(R4, R, FA, FB, VB)
#define STORER4(R, FA, FB, VB) STORETAIL(R4, R, FA, FB, VB)

// func gruRowsSIMD(hNew, gi, gh, hPrev, save *float32, rows, h int)
TEXT ·gruRowsSIMD(SB), NOSPLIT, $0-56
	LOADEXP(R5)
	LOADTANH(R5)
	MOVD hNew+0(FP), R0
	MOVD gi+8(FP), R1
	MOVD gh+16(FP), R5
	MOVD hPrev+24(FP), R8
	MOVD save+32(FP), R9
	MOVD rows+40(FP), R13
	MOVD h+48(FP), R14

row:
	ADD  R14<<2, R1, R2
	ADD  R14<<2, R2, R3
	ADD  R14<<2, R5, R6
	ADD  R14<<2, R6, R7
	ADD  R14<<2, R9, R10
	ADD  R14<<2, R10, R11
	ADD  R14<<2, R11, R12
	SUBS $8, R14, R4
	BLT  tail
	PCALIGN $16

eight:
	GRU(LOAD8, STORE8, 2(PC))
	SUBS $8, R4, R4
	BGE  eight

tail:
	ANDS $7, R4, R4
	BEQ  next
	GRU(LOADR4, STORER4, 7(PC))

next:
	MOVD R3, R1
	MOVD R7, R5
	CBZ  R9, 2(PC)
	MOVD R12, R9
	SUBS $1, R13, R13
	BNE  row
	RET
