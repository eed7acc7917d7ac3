// Macros of the products of attention. The file that includes this names the registers
// of a row of b, B0 to B2, and of an element of a, BC.
//
// SI, DX, DI: a, b and c of a tile; R8, R9, R10: bytes between rows of a,
// three times that, and between its columns; R11, R12: between rows of b and c; AX:
// vectors of columns left. Within a tile R13, BX and CX run along a and b and count k;
// afterwards they are the factors of the rows, their distance, and a row of c.

#define MULARGS \
	MOVQ b+16(FP), DX; \
	MOVQ a+8(FP), SI; \
	MOVQ ar+40(FP), R8; \
	SHLQ $2, R8; \
	LEAQ (R8)(R8*2), R9; \
	MOVQ al+48(FP), R10; \
	SHLQ $2, R10; \
	MOVQ ldb+56(FP), R11; \
	SHLQ $2, R11; \
	SHLQ $2, ldc+32(FP); \
	SHLQ $2, fr+64(FP); \
	SHRQ $3, n+80(FP)

#define ROWSTART \
	MOVQ c+0(FP), DI; \
	MOVQ b+16(FP), DX; \
	MOVQ n+80(FP), AX

// ROWEND(m) goes on to the next m rows.
#define ROWEND(m) \
	MOVQ  fr+64(FP), CX; \
	IMULQ $m, CX; \
	ADDQ  CX, f+24(FP); \
	MOVQ  ldc+32(FP), CX; \
	IMULQ $m, CX; \
	ADDQ  CX, c+0(FP); \
	MOVQ  R8, CX; \
	IMULQ $m, CX; \
	ADDQ  CX, SI; \
	SUBQ  $m, rows+72(FP)

// AHEAD fetches the rows of c that the tile ends in; changes BX and CX.
#define AHEADROW \
	PREFETCHT0 (BX); \
	PREFETCHT0 60(BX); \
	ADDQ       CX, BX
#define AHEAD4 \
	MOVQ DI, BX; \
	MOVQ ldc+32(FP), CX; \
	AHEADROW; \
	AHEADROW; \
	AHEADROW; \
	AHEADROW
#define AHEAD8 \
	AHEAD4; \
	AHEADROW; \
	AHEADROW; \
	AHEADROW; \
	AHEADROW

#define TILESTART \
	MOVQ SI, R13; \
	MOVQ DX, BX; \
	MOVQ k+88(FP), CX

#define TILENEXT \
	ADDQ R10, R13; \
	ADDQ R11, BX; \
	DECQ CX

#define TILEOUT \
	MOVQ f+24(FP), R13; \
	MOVQ fr+64(FP), BX; \
	MOVQ ldc+32(FP), R12; \
	MOVQ DI, CX; \
	CMPL acc+96(FP), $0

#define TILEDONE(m) \
	ADDQ $(32*m), DI; \
	ADDQ $(32*m), DX; \
	SUBQ $m, AX

#define ZERO1(a) VXORPS a, a, a
#define ZERO2(a, b) ZERO1(a); ZERO1(b)
#define ZERO3(a, b, c) ZERO1(a); ZERO1(b); ZERO1(c)

#define LOAD1 VMOVUPS (BX), B0
#define LOAD2 LOAD1; VMOVUPS 32(BX), B1
#define LOAD3 LOAD2; VMOVUPS 64(BX), B2

#define ROW1(addr, x) \
	VBROADCASTSS addr, BC; \
	VFMADD231PS  B0, BC, x
#define ROW2(addr, x, y) \
	ROW1(addr, x); \
	VFMADD231PS B1, BC, y
#define ROW3(addr, x, y, z) \
	ROW2(addr, x, y); \
	VFMADD231PS B2, BC, z

#define FACTOR \
	VBROADCASTSS (R13), BC; \
	ADDQ         BX, R13

#define OUT1(x) \
	FACTOR; \
	VMULPS  x, BC, x; \
	VMOVUPS x, (CX); \
	ADDQ    R12, CX
#define OUT2(x, y) \
	FACTOR; \
	VMULPS  x, BC, x; \
	VMULPS  y, BC, y; \
	VMOVUPS x, (CX); \
	VMOVUPS y, 32(CX); \
	ADDQ    R12, CX
#define OUT3(x, y, z) \
	FACTOR; \
	VMULPS  x, BC, x; \
	VMULPS  y, BC, y; \
	VMULPS  z, BC, z; \
	VMOVUPS x, (CX); \
	VMOVUPS y, 32(CX); \
	VMOVUPS z, 64(CX); \
	ADDQ    R12, CX
#define ADD1(x) \
	FACTOR; \
	VFMADD213PS (CX), BC, x; \
	VMOVUPS     x, (CX); \
	ADDQ        R12, CX
#define ADD2(x, y) \
	FACTOR; \
	VFMADD213PS (CX), BC, x; \
	VFMADD213PS 32(CX), BC, y; \
	VMOVUPS     x, (CX); \
	VMOVUPS     y, 32(CX); \
	ADDQ        R12, CX
#define ADD3(x, y, z) \
	FACTOR; \
	VFMADD213PS (CX), BC, x; \
	VFMADD213PS 32(CX), BC, y; \
	VFMADD213PS 64(CX), BC, z; \
	VMOVUPS     x, (CX); \
	VMOVUPS     y, 32(CX); \
	VMOVUPS     z, 64(CX); \
	ADDQ        R12, CX
