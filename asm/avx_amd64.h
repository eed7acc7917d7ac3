// A constant in eight lanes; v is the bit pattern twice.
#define V8(name, v) \
	DATA name<>+0(SB)/8, $v; \
	DATA name<>+8(SB)/8, $v; \
	DATA name<>+16(SB)/8, $v; \
	DATA name<>+24(SB)/8, $v; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

// Eight lanes that are on and eight that are off: loaded at offset 4*(8-r), the first r are on.
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
