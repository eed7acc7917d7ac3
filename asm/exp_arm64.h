// The exponential function and its relatives for NEON, in two streams of four elements:
// the macros below work on V0..V7 and, with every instruction repeated, on the twins
// V8..V15. V16..V31 are constants, the same for both streams. FMIN and FMAX give NaN if
// either operand is NaN, so clamps keep it.

#define TWIN(r) ((r)+8-(((r)>>4)*8))
#define DO2(OP, n, d) OP(n, d); OP(TWIN(n), TWIN(d))
#define DO3(OP, m, n, d) OP(m, n, d); OP(TWIN(m), TWIN(n), TWIN(d))
#define SHIFT(OP, s, n, d) OP(s, n, d); OP(s, TWIN(n), TWIN(d))

// Eight elements at R to or from a register and its twin, and the last n < 8 elements:
// four in the register, one in the first lane and two in the high half of the twin. The
// other lanes keep their values. R moves on. Each is a fixed number of instructions, one
// and six, so that a branch can skip it.
#define LOAD8(R, FA, FB, VB) \
	FLDPQ.P 32(R), (FA, FB)
#define STORE8(R, FA, FB, VB) \
	FSTPQ.P (FA, FB), 32(R)
#define LOADTAIL(n, R, FA, FB, VB) \
	TBZ     $2, n, 2(PC); \
	FMOVQ.P 16(R), FA; \
	TBZ     $0, n, 2(PC); \
	VLD1.P  4(R), VB.S[0]; \
	TBZ     $1, n, 2(PC); \
	VLD1.P  8(R), VB.D[1]
#define STORETAIL(n, R, FA, FB, VB) \
	TBZ     $2, n, 2(PC); \
	FMOVQ.P FA, 16(R); \
	TBZ     $0, n, 2(PC); \
	FMOVS.P FB, 4(R); \
	TBZ     $1, n, 2(PC); \
	VST1.P  VB.D[1], 8(R)

// A constant in four lanes; v is the bit pattern twice.
#define QUAD(table, at, v) \
	DATA table<>+at(SB)/8, $v; \
	DATA table<>+(at+8)(SB)/8, $v

QUAD(expTable, 0, 0x3fb8aa3b3fb8aa3b)   // V20: 1/ln2
QUAD(expTable, 16, 0x3f3180003f318000)  // V21: ln2 = V21 + V22, k*V21 is exact
QUAD(expTable, 32, 0xb95e8083b95e8083)  // V22: -0.00021219444
QUAD(expTable, 48, 0x3950696739506967)  // V23: 0.000198756915
QUAD(expTable, 64, 0x3ab743ce3ab743ce)  // V24: 0.0013981999507
QUAD(expTable, 80, 0x3c0889083c088908)  // V25: 0.0083334519073
QUAD(expTable, 96, 0x3d2aa9c13d2aa9c1)  // V26: 0.041665795894
QUAD(expTable, 112, 0x3e2aaaaa3e2aaaaa) // V27: 0.16666665459
QUAD(expTable, 128, 0x3f0000003f000000) // V28: 0.5
QUAD(expTable, 144, 0x3f8000003f800000) // V29: 1.0
QUAD(expTable, 160, 0xc2d00000c2d00000) // V30: -104, e^-104 is 0
QUAD(expTable, 176, 0x42b2000042b20000) // V31: 89, e^89 overflows
GLOBL expTable<>(SB), RODATA|NOPTR, $192

// The constants of EXP and all that follows, V20..V31; changes R.
#define LOADEXP(R) \
	MOVD   $expTable<>(SB), R; \
	VLD1.P 64(R), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	VLD1.P 64(R), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VLD1   (R), [V28.S4, V29.S4, V30.S4, V31.S4]

// V0 = x, clamped: V1 = k = round(x/ln2) as integers, V0 = e^r - 1 for r = x - k*ln2.
// Changes V2, V3. The polynomial is that of Cephes expf (Moshier), relative error 2e-8.
#define REDUCE \
	DO3(VFMUL_S4, 20, 0, 1); \
	DO2(VFRINTN_S4, 1, 3); \
	DO2(VFCVTNS_S4, 1, 1); \
	DO3(VFMLS_S4, 21, 3, 0); \
	DO2(VMOV_B16, 24, 2); \
	DO3(VFMLS_S4, 22, 3, 0); \
	DO2(VMOV_B16, 25, 3); \
	DO3(VFMLA_S4, 23, 0, 2); \
	DO3(VFMLA_S4, 2, 0, 3); \
	DO2(VMOV_B16, 26, 2); \
	DO3(VFMLA_S4, 3, 0, 2); \
	DO2(VMOV_B16, 27, 3); \
	DO3(VFMLA_S4, 2, 0, 3); \
	DO2(VMOV_B16, 28, 2); \
	DO3(VFMLA_S4, 3, 0, 2); \
	DO3(VFMUL_S4, 0, 0, 3); \
	DO3(VFMLA_S4, 3, 2, 0)

// V0 = e^V0 for V0 within [-104, 89]; changes V1, V2, V3. The power of two is applied in
// two factors, so that results may be denormal or infinite: the first, of a result near
// 1, by an addition to the exponent.
#define EXP \
	REDUCE; \
	SHIFT(VSSHR_S4, 1, 1, 3); \
	DO3(VFADD_S4, 29, 0, 0); \
	DO3(VSUB_S4, 3, 1, 1); \
	SHIFT(VSHL_S4, 23, 3, 3); \
	SHIFT(VSHL_S4, 23, 1, 1); \
	DO3(VADD_S4, 3, 0, 0); \
	DO3(VADD_S4, 29, 1, 1); \
	DO3(VFMUL_S4, 1, 0, 0)

// V0 = e^V0 for any V0.
#define EXPX \
	DO3(VFMIN_S4, 31, 0, 0); \
	DO3(VFMAX_S4, 30, 0, 0); \
	EXP

// V0 = e = exp(-|V0|); keeps the argument in V5.
#define EXPNEGABS \
	DO2(VMOV_B16, 0, 5); \
	DO2(VFABS_S4, 0, 0); \
	DO2(VFNEG_S4, 0, 0); \
	DO3(VFMAX_S4, 30, 0, 0); \
	EXP

// V0 = 1/(1+e^-V0) = (1 or e)/(1+e) with e = exp(-|x|); changes V1..V5.
#define SIGMOID \
	EXPNEGABS; \
	DO2(VFCMLT0_S4, 5, 4); \
	DO3(VFADD_S4, 29, 0, 3); \
	DO3(VBSL_B16, 29, 0, 4); \
	DO3(VFDIV_S4, 3, 4, 0)

// V0 = tanh(V0) = m/(m+2) with m = e^(2|x|) - 1 = 2^k*p + (2^k - 1); changes V1, V2, V3,
// V5. V16..V18 from LOADTANH.
#define TANH \
	DO2(VMOV_B16, 0, 5); \
	DO2(VFABS_S4, 0, 0); \
	DO3(VFADD_S4, 0, 0, 0); \
	DO3(VFMIN_S4, 16, 0, 0); \
	REDUCE; \
	SHIFT(VSHL_S4, 23, 1, 1); \
	DO3(VADD_S4, 29, 1, 1); \
	DO3(VFSUB_S4, 29, 1, 3); \
	DO3(VFMLA_S4, 1, 0, 3); \
	DO3(VFADD_S4, 17, 3, 2); \
	DO3(VFDIV_S4, 2, 3, 0); \
	DO3(VBIT_B16, 18, 5, 0)

QUAD(tanhTable, 0, 0x41a0000041a00000)  // V16: 20, tanh(10) is 1
QUAD(tanhTable, 16, 0x4000000040000000) // V17: 2
QUAD(tanhTable, 32, 0x8000000080000000) // V18: the sign bit
GLOBL tanhTable<>(SB), RODATA|NOPTR, $48

#define LOADTANH(R) \
	MOVD $tanhTable<>(SB), R; \
	VLD1 (R), [V16.S4, V17.S4, V18.S4]
