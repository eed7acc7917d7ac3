//go:build amd64 && !noasm

#include "textflag.h"
#include "avx_amd64.h"

#define B0 Y12
#define B1 Y13
#define B2 Y14
#define BC Y15
#include "attention_amd64.h"

// Kernels of attention. All widths are whole vectors of 8 elements; strides come in
// elements and are turned into bytes.

V8(attnOne, 0x3f8000003f800000)    // 1.0
V8(attnHalf, 0x3f0000003f000000)   // 0.5
V8(attnNegInf, 0xff800000ff800000) // -Inf
V8(attnMin, 0xc2d00000c2d00000)    // -104, e^-104 is 0
V8(attnLog2e, 0x3fb8aa3b3fb8aa3b)  // 1/ln2
V8(attnLn2hi, 0x3f3180003f318000)  // ln2 = ln2hi + ln2lo, k*ln2hi is exact
V8(attnLn2lo, 0xb95e8083b95e8083)  // -0.00021219444
V8(attnExp1, 0x3e2aaaaa3e2aaaaa)   // 0.16666665459
V8(attnExp2, 0x3d2aa9c13d2aa9c1)   // 0.041665795894
V8(attnExp3, 0x3c0889083c088908)   // 0.0083334519073
V8(attnExp4, 0x3ab743ce3ab743ce)   // 0.0013981999507
V8(attnExp5, 0x3950696739506967)   // 0.000198756915
V8(attnMagic, 0x4b4000004b400000)  // 1.5*2^23: adding it rounds to an integer, kept in the low bits
V8(attnBias, 0x5f8000005f800000)   // 127+64 as an exponent
V8(attnTiny, 0x1f8000001f800000)   // 2^-64

// The exponential of Cephes expf (Moshier), relative error 2e-8, for arguments that are
// at most 0. The power of two is applied as 2^(k+64) and 2^-64, so that results may be
// denormal. VMAXPS returns its second source (the first operand here) when either is
// NaN, so NaN passes.
#define EXPCONST \
	VMOVUPS attnMin<>(SB), Y8; \
	VMOVUPS attnLog2e<>(SB), Y9; \
	VMOVUPS attnMagic<>(SB), Y10; \
	VMOVUPS attnLn2hi<>(SB), Y11; \
	VMOVUPS attnLn2lo<>(SB), Y12; \
	VMOVUPS attnExp4<>(SB), Y13; \
	VMOVUPS attnExp3<>(SB), Y14; \
	VMOVUPS attnExp2<>(SB), Y15

// Y0 = e^Y0, changes Y1, Y2, Y3; needs EXPCONST.
#define EXPNEG \
	VMAXPS       Y0, Y8, Y0; \
	VMOVAPS      Y10, Y1; \
	VFMADD231PS  Y9, Y0, Y1; \
	VSUBPS       Y10, Y1, Y3; \
	VFNMADD231PS Y11, Y3, Y0; \
	VFNMADD231PS Y12, Y3, Y0; \
	VMOVUPS      attnExp5<>(SB), Y2; \
	VFMADD213PS  Y13, Y0, Y2; \
	VMULPS       Y0, Y0, Y3; \
	VFMADD213PS  Y14, Y0, Y2; \
	VPSLLD       $23, Y1, Y1; \
	VFMADD213PS  Y15, Y0, Y2; \
	VPADDD       attnBias<>(SB), Y1, Y1; \
	VFMADD213PS  attnExp1<>(SB), Y0, Y2; \
	VFMADD213PS  attnHalf<>(SB), Y0, Y2; \
	VFMADD213PS  Y0, Y3, Y2; \
	VADDPS       attnOne<>(SB), Y2, Y2; \
	VMULPS       Y1, Y2, Y2; \
	VMULPS       attnTiny<>(SB), Y2, Y0

// func attnTransposeSIMD(dst, x *float32, ldx, rows, cols, np int, scale float32)
// Blocks of 8 rows and 4 columns. SI, R8..R13, BX are the rows of a block, the last one
// repeated; AX is the column, DI the output.
TEXT ·attnTransposeSIMD(SB), NOSPLIT, $0-52
	VBROADCASTSS scale+48(FP), Y15
	MOVQ         x+8(FP), SI

block:
	MOVQ    rows+24(FP), CX
	MOVQ    ldx+16(FP), AX
	SHLQ    $2, AX
	XORL    DX, DX
	CMPQ    CX, $2
	CMOVQLT DX, AX
	LEAQ    (SI)(AX*1), R8
	CMPQ    CX, $3
	CMOVQLT DX, AX
	LEAQ    (R8)(AX*1), R9
	CMPQ    CX, $4
	CMOVQLT DX, AX
	LEAQ    (R9)(AX*1), R10
	CMPQ    CX, $5
	CMOVQLT DX, AX
	LEAQ    (R10)(AX*1), R11
	CMPQ    CX, $6
	CMOVQLT DX, AX
	LEAQ    (R11)(AX*1), R12
	CMPQ    CX, $7
	CMOVQLT DX, AX
	LEAQ    (R12)(AX*1), R13
	CMPQ    CX, $8
	CMOVQLT DX, AX
	LEAQ    (R13)(AX*1), BX

	// The next 8 rows.
	MOVQ       ldx+16(FP), AX
	SHLQ       $2, AX
	LEAQ       (BX)(AX*1), DI
	MOVL       $8, CX
ahead:
	PREFETCHT0 (DI)
	PREFETCHT0 64(DI)
	ADDQ       AX, DI
	DECQ       CX
	JNZ        ahead
	MOVQ    dst+0(FP), DI
	MOVQ    np+40(FP), DX
	SHLQ    $2, DX
	MOVQ    cols+32(FP), CX
	SHLQ    $2, CX
	XORL    AX, AX

four:
	VMOVUPS     (SI)(AX*1), X0
	VINSERTF128 $1, (R11)(AX*1), Y0, Y0
	VMOVUPS     (R8)(AX*1), X1
	VINSERTF128 $1, (R12)(AX*1), Y1, Y1
	VMOVUPS     (R9)(AX*1), X2
	VINSERTF128 $1, (R13)(AX*1), Y2, Y2
	VMOVUPS     (R10)(AX*1), X3
	VINSERTF128 $1, (BX)(AX*1), Y3, Y3
	VUNPCKLPS   Y1, Y0, Y4
	VUNPCKHPS   Y1, Y0, Y5
	VUNPCKLPS   Y3, Y2, Y6
	VUNPCKHPS   Y3, Y2, Y7
	VUNPCKLPD   Y6, Y4, Y0
	VUNPCKHPD   Y6, Y4, Y1
	VUNPCKLPD   Y7, Y5, Y2
	VUNPCKHPD   Y7, Y5, Y3
	VMULPS      Y15, Y0, Y0
	VMULPS      Y15, Y1, Y1
	VMULPS      Y15, Y2, Y2
	VMULPS      Y15, Y3, Y3
	VMOVUPS     Y0, (DI)
	VMOVUPS     Y1, (DI)(DX*1)
	LEAQ        (DI)(DX*2), DI
	VMOVUPS     Y2, (DI)
	VMOVUPS     Y3, (DI)(DX*1)
	LEAQ        (DI)(DX*2), DI
	ADDQ        $16, AX
	CMPQ        AX, CX
	JLT         four

	MOVQ ldx+16(FP), AX
	SHLQ $5, AX
	ADDQ AX, SI
	ADDQ $32, dst+0(FP)
	SUBQ $8, rows+24(FP)
	JGT  block
	VZEROUPPER
	RET

// CHOOSE jumps by the vectors left: 3 if that leaves none or at least two, else 2 or 1.
#define CHOOSE(end, t3, t2, t1) \
	CMPQ AX, $0; \
	JEQ  end; \
	CMPQ AX, $1; \
	JEQ  t1; \
	CMPQ AX, $2; \
	JEQ  t2; \
	CMPQ AX, $4; \
	JEQ  t2; \
	JMP  t3

// func attnMulSIMD(c, a, b, f *float32, ldc, ar, al, ldb, fr, rows, n, k int, acc uint32)
TEXT ·attnMulSIMD(SB), NOSPLIT, $0-100
	MULARGS

rows:
	MOVQ rows+72(FP), CX
	ROWSTART
	CMPQ CX, $4
	JGE  four
	CMPQ CX, $2
	JGE  two
	CMPQ CX, $1
	JEQ  one
	VZEROUPPER
	RET

four:
	CHOOSE(end4, tile43, tile42, tile41)

tile43:
	ZERO3(Y0, Y1, Y2)
	ZERO3(Y3, Y4, Y5)
	ZERO3(Y6, Y7, Y8)
	ZERO3(Y9, Y10, Y11)
	AHEAD4
	TILESTART
	PCALIGN $32

loop43:
	LOAD3
	ROW3((R13), Y0, Y1, Y2)
	ROW3((R13)(R8*1), Y3, Y4, Y5)
	ROW3((R13)(R8*2), Y6, Y7, Y8)
	ROW3((R13)(R9*1), Y9, Y10, Y11)
	TILENEXT
	JNZ  loop43
	TILEOUT
	JNE  add43
	OUT3(Y0, Y1, Y2)
	OUT3(Y3, Y4, Y5)
	OUT3(Y6, Y7, Y8)
	OUT3(Y9, Y10, Y11)
	TILEDONE(3)
	JMP  four

add43:
	ADD3(Y0, Y1, Y2)
	ADD3(Y3, Y4, Y5)
	ADD3(Y6, Y7, Y8)
	ADD3(Y9, Y10, Y11)
	TILEDONE(3)
	JMP  four

tile42:
	ZERO3(Y0, Y1, Y2)
	ZERO3(Y3, Y4, Y5)
	ZERO2(Y6, Y7)
	AHEAD4
	TILESTART
	PCALIGN $32

loop42:
	LOAD2
	ROW2((R13), Y0, Y1)
	ROW2((R13)(R8*1), Y2, Y3)
	ROW2((R13)(R8*2), Y4, Y5)
	ROW2((R13)(R9*1), Y6, Y7)
	TILENEXT
	JNZ  loop42
	TILEOUT
	JNE  add42
	OUT2(Y0, Y1)
	OUT2(Y2, Y3)
	OUT2(Y4, Y5)
	OUT2(Y6, Y7)
	TILEDONE(2)
	JMP  four

add42:
	ADD2(Y0, Y1)
	ADD2(Y2, Y3)
	ADD2(Y4, Y5)
	ADD2(Y6, Y7)
	TILEDONE(2)
	JMP  four

tile41:
	ZERO2(Y0, Y1)
	ZERO2(Y2, Y3)
	TILESTART

loop41:
	LOAD1
	ROW1((R13), Y0)
	ROW1((R13)(R8*1), Y1)
	ROW1((R13)(R8*2), Y2)
	ROW1((R13)(R9*1), Y3)
	TILENEXT
	JNZ  loop41
	TILEOUT
	JNE  add41
	OUT1(Y0)
	OUT1(Y1)
	OUT1(Y2)
	OUT1(Y3)
	TILEDONE(1)
	JMP  four

add41:
	ADD1(Y0)
	ADD1(Y1)
	ADD1(Y2)
	ADD1(Y3)
	TILEDONE(1)
	JMP  four

end4:
	ROWEND(4)
	JMP rows

two:
	CHOOSE(end2, tile23, tile22, tile21)

tile23:
	ZERO3(Y0, Y1, Y2)
	ZERO3(Y3, Y4, Y5)
	TILESTART

loop23:
	LOAD3
	ROW3((R13), Y0, Y1, Y2)
	ROW3((R13)(R8*1), Y3, Y4, Y5)
	TILENEXT
	JNZ  loop23
	TILEOUT
	JNE  add23
	OUT3(Y0, Y1, Y2)
	OUT3(Y3, Y4, Y5)
	TILEDONE(3)
	JMP  two

add23:
	ADD3(Y0, Y1, Y2)
	ADD3(Y3, Y4, Y5)
	TILEDONE(3)
	JMP  two

tile22:
	ZERO2(Y0, Y1)
	ZERO2(Y2, Y3)
	TILESTART

loop22:
	LOAD2
	ROW2((R13), Y0, Y1)
	ROW2((R13)(R8*1), Y2, Y3)
	TILENEXT
	JNZ  loop22
	TILEOUT
	JNE  add22
	OUT2(Y0, Y1)
	OUT2(Y2, Y3)
	TILEDONE(2)
	JMP  two

add22:
	ADD2(Y0, Y1)
	ADD2(Y2, Y3)
	TILEDONE(2)
	JMP  two

tile21:
	ZERO2(Y0, Y1)
	TILESTART

loop21:
	LOAD1
	ROW1((R13), Y0)
	ROW1((R13)(R8*1), Y1)
	TILENEXT
	JNZ  loop21
	TILEOUT
	JNE  add21
	OUT1(Y0)
	OUT1(Y1)
	TILEDONE(1)
	JMP  two

add21:
	ADD1(Y0)
	ADD1(Y1)
	TILEDONE(1)
	JMP  two

end2:
	ROWEND(2)
	JMP rows

one:
	CHOOSE(end1, tile13, tile12, tile11)

tile13:
	ZERO3(Y0, Y1, Y2)
	TILESTART

loop13:
	LOAD3
	ROW3((R13), Y0, Y1, Y2)
	TILENEXT
	JNZ  loop13
	TILEOUT
	JNE  add13
	OUT3(Y0, Y1, Y2)
	TILEDONE(3)
	JMP  one

add13:
	ADD3(Y0, Y1, Y2)
	TILEDONE(3)
	JMP  one

tile12:
	ZERO2(Y0, Y1)
	TILESTART

loop12:
	LOAD2
	ROW2((R13), Y0, Y1)
	TILENEXT
	JNZ  loop12
	TILEOUT
	JNE  add12
	OUT2(Y0, Y1)
	TILEDONE(2)
	JMP  one

add12:
	ADD2(Y0, Y1)
	TILEDONE(2)
	JMP  one

tile11:
	ZERO1(Y0)
	TILESTART

loop11:
	LOAD1
	ROW1((R13), Y0)
	TILENEXT
	JNZ  loop11
	TILEOUT
	JNE  add11
	OUT1(Y0)
	TILEDONE(1)
	JMP  one

add11:
	ADD1(Y0)
	TILEDONE(1)
	JMP  one

end1:
	ROWEND(1)
	JMP rows

// func attnExpSIMD(e, inv, keep *float32, rows, n int)
// First the greatest of each row, to inv, 0 if there is none; then the exponentials. DI:
// a row; SI: the lanes that are keys; AX: the column. Rows are only loosely dependent in
// each of the two loops, which hides the latency of the reductions.
TEXT ·attnExpSIMD(SB), NOSPLIT, $0-40
	MOVQ e+0(FP), DI
	MOVQ inv+8(FP), BX
	MOVQ keep+16(FP), SI
	MOVQ rows+24(FP), R8
	MOVQ n+32(FP), R9
	SHLQ $2, R9
	VMOVUPS attnNegInf<>(SB), Y7

maxRow:
	VMOVAPS Y7, Y4
	XORL    AX, AX

max:
	VMOVUPS   (SI)(AX*1), Y1
	VBLENDVPS Y1, (DI)(AX*1), Y7, Y0
	VMAXPS    Y0, Y4, Y4
	ADDQ      $32, AX
	CMPQ      AX, R9
	JLT       max

	VEXTRACTF128 $1, Y4, X0
	VMAXPS       X0, X4, X4
	VMOVHLPS     X4, X4, X0
	VMAXPS       X0, X4, X4
	VMOVSHDUP    X4, X0
	VMAXSS       X0, X4, X4
	VCMPSS       $0, X7, X4, X0
	VANDNPS      X4, X0, X4
	VMOVSS       X4, (BX)
	ADDQ         $4, BX
	ADDQ         R9, DI
	DECQ         R8
	JNZ          maxRow

	MOVQ e+0(FP), DI
	MOVQ inv+8(FP), BX
	MOVQ rows+24(FP), R8
	EXPCONST

expRow:
	VBROADCASTSS (BX), Y4
	VXORPS       Y5, Y5, Y5
	XORL         AX, AX

exp:
	VMOVUPS (DI)(AX*1), Y0
	VSUBPS  Y4, Y0, Y0
	EXPNEG
	VANDPS  (SI)(AX*1), Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	VADDPS  Y0, Y5, Y5
	ADDQ    $32, AX
	CMPQ    AX, R9
	JLT     exp

	VEXTRACTF128 $1, Y5, X0
	VADDPS       X0, X5, X5
	VMOVHLPS     X5, X5, X0
	VADDPS       X0, X5, X5
	VMOVSHDUP    X5, X0
	VADDSS       X0, X5, X5
	VMOVSS       attnOne<>(SB), X0
	VDIVSS       X5, X0, X0
	VXORPS       X1, X1, X1
	VCMPSS       $0, X1, X5, X1
	VANDNPS      X0, X1, X0
	VMOVSS       X0, (BX)
	ADDQ         $4, BX
	ADDQ         R9, DI
	DECQ         R8
	JNZ          expRow
	VZEROUPPER
	RET

// func attnScaleRowsSIMD(dst, delta, dy, y, f *float32, ld, rows, n int)
TEXT ·attnScaleRowsSIMD(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DI
	MOVQ delta+8(FP), BX
	MOVQ dy+16(FP), SI
	MOVQ y+24(FP), DX
	MOVQ f+32(FP), R8
	MOVQ ld+40(FP), R9
	SHLQ $2, R9
	MOVQ rows+48(FP), R10
	MOVQ n+56(FP), R11
	SHLQ $2, R11

row:
	LEAQ         (SI)(R9*8), R12
	PREFETCHT0   (R12)
	PREFETCHT0   64(R12)
	LEAQ         (DX)(R9*8), R12
	PREFETCHT0   (R12)
	PREFETCHT0   64(R12)
	VBROADCASTSS (R8), Y1
	VXORPS       Y2, Y2, Y2
	XORL         AX, AX

eight:
	VMULPS  (SI)(AX*1), Y1, Y0
	VMOVUPS Y0, (DI)(AX*1)
	VMULPS  (DX)(AX*1), Y0, Y0
	VADDPS  Y0, Y2, Y2
	ADDQ    $32, AX
	CMPQ    AX, R11
	JLT     eight

	VEXTRACTF128 $1, Y2, X0
	VADDPS       X0, X2, X2
	VMOVHLPS     X2, X2, X0
	VADDPS       X0, X2, X2
	VMOVSHDUP    X2, X0
	VADDSS       X0, X2, X2
	VMOVSS       X2, (BX)
	ADDQ         $4, BX
	ADDQ         $4, R8
	ADDQ         R11, DI
	ADDQ         R9, SI
	ADDQ         R9, DX
	DECQ         R10
	JNZ          row
	VZEROUPPER
	RET

// func attnGradRowsSIMD(d, e, delta *float32, rows, n int)
TEXT ·attnGradRowsSIMD(SB), NOSPLIT, $0-40
	MOVQ d+0(FP), DI
	MOVQ e+8(FP), SI
	MOVQ delta+16(FP), BX
	MOVQ rows+24(FP), R10
	MOVQ n+32(FP), R11
	SHLQ $2, R11

row:
	VBROADCASTSS (BX), Y1
	XORL         AX, AX

eight:
	VMOVUPS (DI)(AX*1), Y0
	VSUBPS  Y1, Y0, Y0
	VMULPS  (SI)(AX*1), Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ    $32, AX
	CMPQ    AX, R11
	JLT     eight
	ADDQ    $4, BX
	ADDQ    R11, DI
	ADDQ    R11, SI
	DECQ    R10
	JNZ     row
	VZEROUPPER
	RET

// func attnPairDotsSIMD(s, part, a, b *float32, n, steps, heads, head, lanes, aStride, aNext, bStride, bNext int, scale float32)
// For each key: the products of every query and head summed to one vector, DI; then
// 8 such vectors at a time to one vector of scores. R8, R9, R10, R11: bytes between
// tokens of a, sequences of a and of b, and in a row of scores.
TEXT ·attnPairDotsSIMD(SB), NOSPLIT, $16-108
	VBROADCASTSS scale+104(FP), Y15
	MOVQ aStride+72(FP), R8
	SHLQ $2, R8
	MOVQ aNext+80(FP), R9
	SHLQ $2, R9
	MOVQ bNext+96(FP), R10
	SHLQ $2, R10
	SHLQ $2, bStride+88(FP)
	SHRQ $3, head+56(FP)
	MOVQ steps+40(FP), AX
	MOVQ AX, keys-8(SP)

key:
	MOVQ part+8(FP), DI
	MOVQ a+16(FP), R11
	MOVQ b+24(FP), R12
	MOVQ n+32(FP), AX
	MOVQ AX, left-16(SP)

sequence:
	MOVQ R11, DX
	MOVQ steps+40(FP), R13

query:
	MOVQ DX, SI
	MOVQ R12, BX
	MOVQ heads+48(FP), AX
	MOVQ head+56(FP), CX
	CMPQ CX, $3
	JEQ  head3
	CMPQ CX, $4
	JEQ  head4

head:
	VMOVUPS (SI), Y0
	VMULPS  (BX), Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, BX
	MOVQ    head+56(FP), CX
	DECQ    CX
	JZ      summed

more:
	VMOVUPS     (SI), Y1
	VFMADD231PS (BX), Y1, Y0
	ADDQ        $32, SI
	ADDQ        $32, BX
	DECQ        CX
	JNZ         more

summed:
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	DECQ    AX
	JNZ     head
	JMP     queried

head3:
	VMOVUPS     (SI), Y0
	VMOVUPS     32(SI), Y1
	VMOVUPS     64(SI), Y2
	VMULPS      (BX), Y0, Y0
	VFMADD231PS 32(BX), Y1, Y0
	VFMADD231PS 64(BX), Y2, Y0
	VMOVUPS     Y0, (DI)
	ADDQ        $96, SI
	ADDQ        $96, BX
	ADDQ        $32, DI
	DECQ        AX
	JNZ         head3
	JMP         queried

head4:
	VMOVUPS     (SI), Y0
	VMOVUPS     32(SI), Y1
	VMOVUPS     64(SI), Y2
	VMOVUPS     96(SI), Y3
	VMULPS      (BX), Y0, Y0
	VFMADD231PS 32(BX), Y1, Y0
	VFMADD231PS 64(BX), Y2, Y0
	VFMADD231PS 96(BX), Y3, Y0
	VMOVUPS     Y0, (DI)
	ADDQ        $128, SI
	ADDQ        $128, BX
	ADDQ        $32, DI
	DECQ        AX
	JNZ         head4

queried:
	ADDQ    R8, DX
	DECQ    R13
	JNZ     query
	ADDQ    R9, R11
	ADDQ    R10, R12
	DECQ    left-16(SP)
	JNZ     sequence

	MOVQ DI, CX
	MOVQ part+8(FP), SI
	MOVQ s+0(FP), DI

reduce:
	VMOVUPS    (SI), Y0
	VHADDPS    32(SI), Y0, Y0
	VMOVUPS    64(SI), Y1
	VHADDPS    96(SI), Y1, Y1
	VMOVUPS    128(SI), Y2
	VHADDPS    160(SI), Y2, Y2
	VMOVUPS    192(SI), Y3
	VHADDPS    224(SI), Y3, Y3
	VHADDPS    Y1, Y0, Y0
	VHADDPS    Y3, Y2, Y2
	VPERM2F128 $0x20, Y2, Y0, Y1
	VPERM2F128 $0x31, Y2, Y0, Y3
	VADDPS     Y3, Y1, Y0
	VMULPS     Y15, Y0, Y0
	VMOVUPS    Y0, (DI)
	ADDQ       $256, SI
	ADDQ       $32, DI
	CMPQ       SI, CX
	JLT        reduce

	MOVQ bStride+88(FP), AX
	ADDQ AX, b+24(FP)
	MOVQ lanes+64(FP), AX
	SHLQ $2, AX
	ADDQ AX, s+0(FP)
	DECQ keys-8(SP)
	JNZ  key
	VZEROUPPER
	RET

// func attnPairSoftmaxSIMD(p *float32, keys, lanes, n int)
TEXT ·attnPairSoftmaxSIMD(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), DI
	MOVQ lanes+16(FP), R9
	SHLQ $2, R9
	MOVQ n+24(FP), R8
	EXPCONST
	VMOVUPS attnNegInf<>(SB), Y7

eight:
	VMOVAPS Y7, Y4
	MOVQ    DI, SI
	MOVQ    keys+8(FP), CX

max:
	VMAXPS (SI), Y4, Y4
	ADDQ   R9, SI
	DECQ   CX
	JNZ    max
	VCMPPS  $0, Y7, Y4, Y0
	VANDNPS Y4, Y0, Y4
	VXORPS  Y5, Y5, Y5
	MOVQ    DI, SI
	MOVQ    keys+8(FP), CX

exp:
	VMOVUPS (SI), Y0
	VSUBPS  Y4, Y0, Y0
	EXPNEG
	VMOVUPS Y0, (SI)
	VADDPS  Y0, Y5, Y5
	ADDQ    R9, SI
	DECQ    CX
	JNZ     exp
	VMOVUPS attnOne<>(SB), Y0
	VDIVPS  Y5, Y0, Y0
	VXORPS  Y1, Y1, Y1
	VCMPPS  $0, Y1, Y5, Y1
	VANDNPS Y0, Y1, Y4
	MOVQ    DI, SI
	MOVQ    keys+8(FP), CX

scale:
	VMULPS  (SI), Y4, Y0
	VMOVUPS Y0, (SI)
	ADDQ    R9, SI
	DECQ    CX
	JNZ     scale
	ADDQ    $32, DI
	SUBQ    $8, R8
	JNZ     eight
	VZEROUPPER
	RET

// func attnPairGradSIMD(d, p *float32, keys, lanes, n int)
TEXT ·attnPairGradSIMD(SB), NOSPLIT, $0-40
	MOVQ d+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ lanes+24(FP), R9
	SHLQ $2, R9
	MOVQ n+32(FP), R8

eight:
	VXORPS Y1, Y1, Y1
	XORL   AX, AX
	MOVQ   keys+16(FP), CX

delta:
	VMOVUPS (DI)(AX*1), Y0
	VMULPS  (SI)(AX*1), Y0, Y0
	VADDPS  Y0, Y1, Y1
	ADDQ    R9, AX
	DECQ    CX
	JNZ     delta
	XORL    AX, AX
	MOVQ    keys+16(FP), CX

grad:
	VMOVUPS (DI)(AX*1), Y0
	VSUBPS  Y1, Y0, Y0
	VMULPS  (SI)(AX*1), Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ    R9, AX
	DECQ    CX
	JNZ     grad
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $8, R8
	JNZ     eight
	VZEROUPPER
	RET

// One column of a token: MIXIN adds the products, MIXOUT writes.
#define MIXIN(off, y) VFMADD231PS off(BX), Y15, y
#define MIXOUT(off, y) \
	VANDPS      off(DI), Y13, Y12; \
	VFMADD213PS Y12, Y14, y; \
	VMOVUPS     y, off(DI)

#define MIXSTART \
	MOVQ DX, AX; \
	MOVQ SI, BX; \
	MOVQ R10, CX
#define MIXNEXT \
	ADDQ R8, AX; \
	ADDQ R9, BX; \
	DECQ CX
#define MIXDONE(m) \
	ADDQ $(32*m), DI; \
	ADDQ $(32*m), SI; \
	SUBQ $m, R11

// func attnPairMixSIMD(y, w, x *float32, n, steps, heads, head, wa, wb, yStride, yNext, xStride, xNext int, alpha float32, acc uint32)
// DI: y; SI: x of the first token; DX: its weight; R8, R9: bytes between weights and
// between tokens of x; R10: steps; R11: vectors left of a head; R12: heads left;
// R13: tokens left.
TEXT ·attnPairMixSIMD(SB), NOSPLIT, $16-112
	VBROADCASTSS alpha+104(FP), Y14
	VBROADCASTSS acc+108(FP), Y13
	MOVQ wb+64(FP), R8
	SHLQ $2, R8
	MOVQ xStride+88(FP), R9
	SHLQ $2, R9
	MOVQ steps+32(FP), R10
	SHRQ $3, head+48(FP)
	SHLQ $2, wa+56(FP)
	SHLQ $2, yStride+72(FP)

sequence:
	MOVQ y+0(FP), AX
	MOVQ AX, yRow-8(SP)
	MOVQ w+8(FP), AX
	MOVQ AX, wRow-16(SP)
	MOVQ R10, R13

token:
	MOVQ yRow-8(SP), DI
	MOVQ wRow-16(SP), DX
	MOVQ x+16(FP), SI
	MOVQ heads+40(FP), R12

head:
	MOVQ head+48(FP), R11

columns:
	CMPQ R11, $4
	JGE  four
	CMPQ R11, $3
	JEQ  three
	CMPQ R11, $2
	JEQ  two
	CMPQ R11, $1
	JEQ  one
	ADDQ $4, DX
	DECQ R12
	JNZ  head
	MOVQ yStride+72(FP), AX
	ADDQ AX, yRow-8(SP)
	MOVQ wa+56(FP), AX
	ADDQ AX, wRow-16(SP)
	DECQ R13
	JNZ  token
	MOVQ  yNext+80(FP), AX
	SHLQ  $2, AX
	ADDQ  AX, y+0(FP)
	MOVQ  xNext+96(FP), AX
	SHLQ  $2, AX
	ADDQ  AX, x+16(FP)
	MOVQ  heads+40(FP), AX
	IMULQ R10, AX
	SHLQ  $2, AX
	ADDQ  AX, w+8(FP)
	DECQ  n+24(FP)
	JNZ   sequence
	VZEROUPPER
	RET

four:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	MIXSTART

loop4:
	VBROADCASTSS (AX), Y15
	MIXIN(0, Y0)
	MIXIN(32, Y1)
	MIXIN(64, Y2)
	MIXIN(96, Y3)
	MIXNEXT
	JNZ loop4
	MIXOUT(0, Y0)
	MIXOUT(32, Y1)
	MIXOUT(64, Y2)
	MIXOUT(96, Y3)
	MIXDONE(4)
	JMP columns

three:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	MIXSTART

loop3:
	VBROADCASTSS (AX), Y15
	MIXIN(0, Y0)
	MIXIN(32, Y1)
	MIXIN(64, Y2)
	MIXNEXT
	JNZ loop3
	MIXOUT(0, Y0)
	MIXOUT(32, Y1)
	MIXOUT(64, Y2)
	MIXDONE(3)
	JMP columns

two:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	MIXSTART

loop2:
	VBROADCASTSS (AX), Y15
	MIXIN(0, Y0)
	MIXIN(32, Y1)
	MIXNEXT
	JNZ loop2
	MIXOUT(0, Y0)
	MIXOUT(32, Y1)
	MIXDONE(2)
	JMP columns

one:
	VXORPS Y0, Y0, Y0
	MIXSTART

loop1:
	VBROADCASTSS (AX), Y15
	MIXIN(0, Y0)
	MIXNEXT
	JNZ loop1
	MIXOUT(0, Y0)
	MIXDONE(1)
	JMP columns
