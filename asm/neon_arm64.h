// Vector instructions that the Go 1.26 assembler lacks (golang/go#41092). Arguments are
// register numbers (and lanes or shift counts) in the order of Go's assembler: sources,
// then destination, so VFSUB_S4(m, n, d) is d = n - m and VFCMGT_S4(m, n, d) is n > m. The
// comment is the instruction as the Arm manual writes it. TestNeonMacros assembles and
// disassembles each macro and compares it with its name and its comment. Only this file
// may hold a WORD.

// Floating point, three registers: d = n op m.
#define VFADD_S4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))          // fadd vd.4s, vn.4s, vm.4s
#define VFADD_D2(m, n, d) WORD $(0x4E60D400 | (m)<<16 | (n)<<5 | (d))          // fadd vd.2d, vn.2d, vm.2d
#define VFSUB_S4(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))          // fsub vd.4s, vn.4s, vm.4s
#define VFSUB_D2(m, n, d) WORD $(0x4EE0D400 | (m)<<16 | (n)<<5 | (d))          // fsub vd.2d, vn.2d, vm.2d
#define VFMUL_S4(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))          // fmul vd.4s, vn.4s, vm.4s
#define VFMUL_D2(m, n, d) WORD $(0x6E60DC00 | (m)<<16 | (n)<<5 | (d))          // fmul vd.2d, vn.2d, vm.2d
#define VFDIV_S4(m, n, d) WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d))          // fdiv vd.4s, vn.4s, vm.4s
#define VFDIV_D2(m, n, d) WORD $(0x6E60FC00 | (m)<<16 | (n)<<5 | (d))          // fdiv vd.2d, vn.2d, vm.2d
#define VFMAX_S4(m, n, d) WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d))          // fmax vd.4s, vn.4s, vm.4s
#define VFMAX_D2(m, n, d) WORD $(0x4E60F400 | (m)<<16 | (n)<<5 | (d))          // fmax vd.2d, vn.2d, vm.2d
#define VFMIN_S4(m, n, d) WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d))          // fmin vd.4s, vn.4s, vm.4s
#define VFMIN_D2(m, n, d) WORD $(0x4EE0F400 | (m)<<16 | (n)<<5 | (d))          // fmin vd.2d, vn.2d, vm.2d
#define VFMAXNM_S4(m, n, d) WORD $(0x4E20C400 | (m)<<16 | (n)<<5 | (d))        // fmaxnm vd.4s, vn.4s, vm.4s
#define VFMAXNM_D2(m, n, d) WORD $(0x4E60C400 | (m)<<16 | (n)<<5 | (d))        // fmaxnm vd.2d, vn.2d, vm.2d
#define VFMINNM_S4(m, n, d) WORD $(0x4EA0C400 | (m)<<16 | (n)<<5 | (d))        // fminnm vd.4s, vn.4s, vm.4s
#define VFMINNM_D2(m, n, d) WORD $(0x4EE0C400 | (m)<<16 | (n)<<5 | (d))        // fminnm vd.2d, vn.2d, vm.2d
#define VFABD_S4(m, n, d) WORD $(0x6EA0D400 | (m)<<16 | (n)<<5 | (d))          // fabd vd.4s, vn.4s, vm.4s
#define VFABD_D2(m, n, d) WORD $(0x6EE0D400 | (m)<<16 | (n)<<5 | (d))          // fabd vd.2d, vn.2d, vm.2d

// d += n*m, d -= n*m, fused.
#define VFMLA_S4(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d))          // fmla vd.4s, vn.4s, vm.4s
#define VFMLA_D2(m, n, d) WORD $(0x4E60CC00 | (m)<<16 | (n)<<5 | (d))          // fmla vd.2d, vn.2d, vm.2d
#define VFMLS_S4(m, n, d) WORD $(0x4EA0CC00 | (m)<<16 | (n)<<5 | (d))          // fmls vd.4s, vn.4s, vm.4s
#define VFMLS_D2(m, n, d) WORD $(0x4EE0CC00 | (m)<<16 | (n)<<5 | (d))          // fmls vd.2d, vn.2d, vm.2d

// Sums and extrema of neighbours: the pairs of n, then those of m.
#define VFADDP_S4(m, n, d) WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d))         // faddp vd.4s, vn.4s, vm.4s
#define VFADDP_D2(m, n, d) WORD $(0x6E60D400 | (m)<<16 | (n)<<5 | (d))         // faddp vd.2d, vn.2d, vm.2d
#define VFMAXP_S4(m, n, d) WORD $(0x6E20F400 | (m)<<16 | (n)<<5 | (d))         // fmaxp vd.4s, vn.4s, vm.4s
#define VFMAXP_D2(m, n, d) WORD $(0x6E60F400 | (m)<<16 | (n)<<5 | (d))         // fmaxp vd.2d, vn.2d, vm.2d
#define VFMINP_S4(m, n, d) WORD $(0x6EA0F400 | (m)<<16 | (n)<<5 | (d))         // fminp vd.4s, vn.4s, vm.4s
#define VFMINP_D2(m, n, d) WORD $(0x6EE0F400 | (m)<<16 | (n)<<5 | (d))         // fminp vd.2d, vn.2d, vm.2d

// Masks: all ones where n op m holds; FAC compares magnitudes.
#define VFCMEQ_S4(m, n, d) WORD $(0x4E20E400 | (m)<<16 | (n)<<5 | (d))         // fcmeq vd.4s, vn.4s, vm.4s
#define VFCMEQ_D2(m, n, d) WORD $(0x4E60E400 | (m)<<16 | (n)<<5 | (d))         // fcmeq vd.2d, vn.2d, vm.2d
#define VFCMGE_S4(m, n, d) WORD $(0x6E20E400 | (m)<<16 | (n)<<5 | (d))         // fcmge vd.4s, vn.4s, vm.4s
#define VFCMGE_D2(m, n, d) WORD $(0x6E60E400 | (m)<<16 | (n)<<5 | (d))         // fcmge vd.2d, vn.2d, vm.2d
#define VFCMGT_S4(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))         // fcmgt vd.4s, vn.4s, vm.4s
#define VFCMGT_D2(m, n, d) WORD $(0x6EE0E400 | (m)<<16 | (n)<<5 | (d))         // fcmgt vd.2d, vn.2d, vm.2d
#define VFACGE_S4(m, n, d) WORD $(0x6E20EC00 | (m)<<16 | (n)<<5 | (d))         // facge vd.4s, vn.4s, vm.4s
#define VFACGE_D2(m, n, d) WORD $(0x6E60EC00 | (m)<<16 | (n)<<5 | (d))         // facge vd.2d, vn.2d, vm.2d
#define VFACGT_S4(m, n, d) WORD $(0x6EA0EC00 | (m)<<16 | (n)<<5 | (d))         // facgt vd.4s, vn.4s, vm.4s
#define VFACGT_D2(m, n, d) WORD $(0x6EE0EC00 | (m)<<16 | (n)<<5 | (d))         // facgt vd.2d, vn.2d, vm.2d

// Newton steps of the reciprocal and of its square root.
#define VFRECPS_S4(m, n, d) WORD $(0x4E20FC00 | (m)<<16 | (n)<<5 | (d))        // frecps vd.4s, vn.4s, vm.4s
#define VFRECPS_D2(m, n, d) WORD $(0x4E60FC00 | (m)<<16 | (n)<<5 | (d))        // frecps vd.2d, vn.2d, vm.2d
#define VFRSQRTS_S4(m, n, d) WORD $(0x4EA0FC00 | (m)<<16 | (n)<<5 | (d))       // frsqrts vd.4s, vn.4s, vm.4s
#define VFRSQRTS_D2(m, n, d) WORD $(0x4EE0FC00 | (m)<<16 | (n)<<5 | (d))       // frsqrts vd.2d, vn.2d, vm.2d

// By element: d op= n * m[i], i a constant.
#define VFMUL_S4_LANE(m, i, n, d) WORD $(0x4F809000 | (m)<<16 | ((i)&1)<<21 | ((i)>>1)<<11 | (n)<<5 | (d)) // fmul vd.4s, vn.4s, vm.s[i]
#define VFMUL_D2_LANE(m, i, n, d) WORD $(0x4FC09000 | (m)<<16 | (i)<<11 | (n)<<5 | (d)) // fmul vd.2d, vn.2d, vm.d[i]
#define VFMLA_S4_LANE(m, i, n, d) WORD $(0x4F801000 | (m)<<16 | ((i)&1)<<21 | ((i)>>1)<<11 | (n)<<5 | (d)) // fmla vd.4s, vn.4s, vm.s[i]
#define VFMLA_D2_LANE(m, i, n, d) WORD $(0x4FC01000 | (m)<<16 | (i)<<11 | (n)<<5 | (d)) // fmla vd.2d, vn.2d, vm.d[i]
#define VFMLS_S4_LANE(m, i, n, d) WORD $(0x4F805000 | (m)<<16 | ((i)&1)<<21 | ((i)>>1)<<11 | (n)<<5 | (d)) // fmls vd.4s, vn.4s, vm.s[i]
#define VFMLS_D2_LANE(m, i, n, d) WORD $(0x4FC05000 | (m)<<16 | (i)<<11 | (n)<<5 | (d)) // fmls vd.2d, vn.2d, vm.d[i]

// Floating point, one operand.
#define VFABS_S4(n, d) WORD $(0x4EA0F800 | (n)<<5 | (d))                       // fabs vd.4s, vn.4s
#define VFABS_D2(n, d) WORD $(0x4EE0F800 | (n)<<5 | (d))                       // fabs vd.2d, vn.2d
#define VFNEG_S4(n, d) WORD $(0x6EA0F800 | (n)<<5 | (d))                       // fneg vd.4s, vn.4s
#define VFNEG_D2(n, d) WORD $(0x6EE0F800 | (n)<<5 | (d))                       // fneg vd.2d, vn.2d
#define VFSQRT_S4(n, d) WORD $(0x6EA1F800 | (n)<<5 | (d))                      // fsqrt vd.4s, vn.4s
#define VFSQRT_D2(n, d) WORD $(0x6EE1F800 | (n)<<5 | (d))                      // fsqrt vd.2d, vn.2d
#define VFRECPE_S4(n, d) WORD $(0x4EA1D800 | (n)<<5 | (d))                     // frecpe vd.4s, vn.4s
#define VFRECPE_D2(n, d) WORD $(0x4EE1D800 | (n)<<5 | (d))                     // frecpe vd.2d, vn.2d
#define VFRSQRTE_S4(n, d) WORD $(0x6EA1D800 | (n)<<5 | (d))                    // frsqrte vd.4s, vn.4s
#define VFRSQRTE_D2(n, d) WORD $(0x6EE1D800 | (n)<<5 | (d))                    // frsqrte vd.2d, vn.2d

// Rounding to an integral value: N nearest even, M down, P up, Z to zero, A nearest, away from zero.
#define VFRINTN_S4(n, d) WORD $(0x4E218800 | (n)<<5 | (d))                     // frintn vd.4s, vn.4s
#define VFRINTN_D2(n, d) WORD $(0x4E618800 | (n)<<5 | (d))                     // frintn vd.2d, vn.2d
#define VFRINTM_S4(n, d) WORD $(0x4E219800 | (n)<<5 | (d))                     // frintm vd.4s, vn.4s
#define VFRINTM_D2(n, d) WORD $(0x4E619800 | (n)<<5 | (d))                     // frintm vd.2d, vn.2d
#define VFRINTP_S4(n, d) WORD $(0x4EA18800 | (n)<<5 | (d))                     // frintp vd.4s, vn.4s
#define VFRINTP_D2(n, d) WORD $(0x4EE18800 | (n)<<5 | (d))                     // frintp vd.2d, vn.2d
#define VFRINTZ_S4(n, d) WORD $(0x4EA19800 | (n)<<5 | (d))                     // frintz vd.4s, vn.4s
#define VFRINTZ_D2(n, d) WORD $(0x4EE19800 | (n)<<5 | (d))                     // frintz vd.2d, vn.2d
#define VFRINTA_S4(n, d) WORD $(0x6E218800 | (n)<<5 | (d))                     // frinta vd.4s, vn.4s
#define VFRINTA_D2(n, d) WORD $(0x6E618800 | (n)<<5 | (d))                     // frinta vd.2d, vn.2d

// Masks against zero.
#define VFCMEQ0_S4(n, d) WORD $(0x4EA0D800 | (n)<<5 | (d))                     // fcmeq vd.4s, vn.4s, #0
#define VFCMEQ0_D2(n, d) WORD $(0x4EE0D800 | (n)<<5 | (d))                     // fcmeq vd.2d, vn.2d, #0
#define VFCMGE0_S4(n, d) WORD $(0x6EA0C800 | (n)<<5 | (d))                     // fcmge vd.4s, vn.4s, #0
#define VFCMGE0_D2(n, d) WORD $(0x6EE0C800 | (n)<<5 | (d))                     // fcmge vd.2d, vn.2d, #0
#define VFCMGT0_S4(n, d) WORD $(0x4EA0C800 | (n)<<5 | (d))                     // fcmgt vd.4s, vn.4s, #0
#define VFCMGT0_D2(n, d) WORD $(0x4EE0C800 | (n)<<5 | (d))                     // fcmgt vd.2d, vn.2d, #0
#define VFCMLE0_S4(n, d) WORD $(0x6EA0D800 | (n)<<5 | (d))                     // fcmle vd.4s, vn.4s, #0
#define VFCMLE0_D2(n, d) WORD $(0x6EE0D800 | (n)<<5 | (d))                     // fcmle vd.2d, vn.2d, #0
#define VFCMLT0_S4(n, d) WORD $(0x4EA0E800 | (n)<<5 | (d))                     // fcmlt vd.4s, vn.4s, #0
#define VFCMLT0_D2(n, d) WORD $(0x4EE0E800 | (n)<<5 | (d))                     // fcmlt vd.2d, vn.2d, #0

// Conversions: to signed integers (N nearest even, M down, Z to zero; saturating, NaN gives 0) and back.
#define VFCVTNS_S4(n, d) WORD $(0x4E21A800 | (n)<<5 | (d))                     // fcvtns vd.4s, vn.4s
#define VFCVTNS_D2(n, d) WORD $(0x4E61A800 | (n)<<5 | (d))                     // fcvtns vd.2d, vn.2d
#define VFCVTMS_S4(n, d) WORD $(0x4E21B800 | (n)<<5 | (d))                     // fcvtms vd.4s, vn.4s
#define VFCVTMS_D2(n, d) WORD $(0x4E61B800 | (n)<<5 | (d))                     // fcvtms vd.2d, vn.2d
#define VFCVTZS_S4(n, d) WORD $(0x4EA1B800 | (n)<<5 | (d))                     // fcvtzs vd.4s, vn.4s
#define VFCVTZS_D2(n, d) WORD $(0x4EE1B800 | (n)<<5 | (d))                     // fcvtzs vd.2d, vn.2d
#define VSCVTF_S4(n, d) WORD $(0x4E21D800 | (n)<<5 | (d))                      // scvtf vd.4s, vn.4s
#define VSCVTF_D2(n, d) WORD $(0x4E61D800 | (n)<<5 | (d))                      // scvtf vd.2d, vn.2d
#define VUCVTF_S4(n, d) WORD $(0x6E21D800 | (n)<<5 | (d))                      // ucvtf vd.4s, vn.4s
#define VUCVTF_D2(n, d) WORD $(0x6E61D800 | (n)<<5 | (d))                      // ucvtf vd.2d, vn.2d

// Conversions between widths: FCVTL and FCVTN use the low half of the narrow register, FCVTL2 and FCVTN2 the high half.
#define VFCVTL_D2(n, d) WORD $(0x0E617800 | (n)<<5 | (d))                      // fcvtl vd.2d, vn.2s
#define VFCVTL2_D2(n, d) WORD $(0x4E617800 | (n)<<5 | (d))                     // fcvtl2 vd.2d, vn.4s
#define VFCVTN_S2(n, d) WORD $(0x0E616800 | (n)<<5 | (d))                      // fcvtn vd.2s, vn.2d
#define VFCVTN2_S4(n, d) WORD $(0x4E616800 | (n)<<5 | (d))                     // fcvtn2 vd.4s, vn.2d
#define VFCVTL_S4(n, d) WORD $(0x0E217800 | (n)<<5 | (d))                      // fcvtl vd.4s, vn.4h
#define VFCVTL2_S4(n, d) WORD $(0x4E217800 | (n)<<5 | (d))                     // fcvtl2 vd.4s, vn.8h
#define VFCVTN_H4(n, d) WORD $(0x0E216800 | (n)<<5 | (d))                      // fcvtn vd.4h, vn.4s
#define VFCVTN2_H8(n, d) WORD $(0x4E216800 | (n)<<5 | (d))                     // fcvtn2 vd.8h, vn.4s

// Across lanes, to the first lane; FMAX and FMIN give NaN if there is one, FMAXNM and FMINNM skip it.
#define VFMAXV_S4(n, d) WORD $(0x6E30F800 | (n)<<5 | (d))                      // fmaxv sd, vn.4s
#define VFMINV_S4(n, d) WORD $(0x6EB0F800 | (n)<<5 | (d))                      // fminv sd, vn.4s
#define VFMAXNMV_S4(n, d) WORD $(0x6E30C800 | (n)<<5 | (d))                    // fmaxnmv sd, vn.4s
#define VFMINNMV_S4(n, d) WORD $(0x6EB0C800 | (n)<<5 | (d))                    // fminnmv sd, vn.4s
#define VSMAXV_S4(n, d) WORD $(0x4EB0A800 | (n)<<5 | (d))                      // smaxv sd, vn.4s
#define VSMINV_S4(n, d) WORD $(0x4EB1A800 | (n)<<5 | (d))                      // sminv sd, vn.4s
#define VUMAXV_S4(n, d) WORD $(0x6EB0A800 | (n)<<5 | (d))                      // umaxv sd, vn.4s
#define VUMINV_S4(n, d) WORD $(0x6EB1A800 | (n)<<5 | (d))                      // uminv sd, vn.4s

// The sum or the greater of the two lowest lanes.
#define VFADDP_S(n, d) WORD $(0x7E30D800 | (n)<<5 | (d))                       // faddp sd, vn.2s
#define VFADDP_D(n, d) WORD $(0x7E70D800 | (n)<<5 | (d))                       // faddp dd, vn.2d
#define VFMAXP_S(n, d) WORD $(0x7E30F800 | (n)<<5 | (d))                       // fmaxp sd, vn.2s
#define VFMAXP_D(n, d) WORD $(0x7E70F800 | (n)<<5 | (d))                       // fmaxp dd, vn.2d
#define VFMINP_S(n, d) WORD $(0x7EB0F800 | (n)<<5 | (d))                       // fminp sd, vn.2s
#define VFMINP_D(n, d) WORD $(0x7EF0F800 | (n)<<5 | (d))                       // fminp dd, vn.2d

// Integers.
#define VSMAX_S4(m, n, d) WORD $(0x4EA06400 | (m)<<16 | (n)<<5 | (d))          // smax vd.4s, vn.4s, vm.4s
#define VSMIN_S4(m, n, d) WORD $(0x4EA06C00 | (m)<<16 | (n)<<5 | (d))          // smin vd.4s, vn.4s, vm.4s
#define VSMULL_H8(m, n, d) WORD $(0x0E20C000 | (m)<<16 | (n)<<5 | (d))         // smull vd.8h, vn.8b, vm.8b
#define VSMULL2_H8(m, n, d) WORD $(0x4E20C000 | (m)<<16 | (n)<<5 | (d))        // smull2 vd.8h, vn.16b, vm.16b
#define VSMLAL_H8(m, n, d) WORD $(0x0E208000 | (m)<<16 | (n)<<5 | (d))         // smlal vd.8h, vn.8b, vm.8b
#define VSMLAL2_H8(m, n, d) WORD $(0x4E208000 | (m)<<16 | (n)<<5 | (d))        // smlal2 vd.8h, vn.16b, vm.16b
#define VSADALP_S4(n, d) WORD $(0x4E606800 | (n)<<5 | (d))                     // sadalp vd.4s, vn.8h
#define VSDOT_S4_LANE(m, i, n, d) WORD $(0x4F80E000 | (m)<<16 | ((i)&1)<<21 | ((i)>>1)<<11 | (n)<<5 | (d)) // sdot vd.4s, vn.16b, vm.4b[i]
#define VMUL_S4(m, n, d) WORD $(0x4EA09C00 | (m)<<16 | (n)<<5 | (d))           // mul vd.4s, vn.4s, vm.4s
#define VMLA_S4(m, n, d) WORD $(0x4EA09400 | (m)<<16 | (n)<<5 | (d))           // mla vd.4s, vn.4s, vm.4s
#define VMLS_S4(m, n, d) WORD $(0x6EA09400 | (m)<<16 | (n)<<5 | (d))           // mls vd.4s, vn.4s, vm.4s
#define VCMGT_S4(m, n, d) WORD $(0x4EA03400 | (m)<<16 | (n)<<5 | (d))          // cmgt vd.4s, vn.4s, vm.4s
#define VCMGT_D2(m, n, d) WORD $(0x4EE03400 | (m)<<16 | (n)<<5 | (d))          // cmgt vd.2d, vn.2d, vm.2d
#define VCMGE_S4(m, n, d) WORD $(0x4EA03C00 | (m)<<16 | (n)<<5 | (d))          // cmge vd.4s, vn.4s, vm.4s
#define VCMGE_D2(m, n, d) WORD $(0x4EE03C00 | (m)<<16 | (n)<<5 | (d))          // cmge vd.2d, vn.2d, vm.2d
#define VCMHI_S4(m, n, d) WORD $(0x6EA03400 | (m)<<16 | (n)<<5 | (d))          // cmhi vd.4s, vn.4s, vm.4s
#define VCMHI_D2(m, n, d) WORD $(0x6EE03400 | (m)<<16 | (n)<<5 | (d))          // cmhi vd.2d, vn.2d, vm.2d
#define VCMHS_S4(m, n, d) WORD $(0x6EA03C00 | (m)<<16 | (n)<<5 | (d))          // cmhs vd.4s, vn.4s, vm.4s
#define VCMHS_D2(m, n, d) WORD $(0x6EE03C00 | (m)<<16 | (n)<<5 | (d))          // cmhs vd.2d, vn.2d, vm.2d
#define VSSHL_S4(m, n, d) WORD $(0x4EA04400 | (m)<<16 | (n)<<5 | (d))          // sshl vd.4s, vn.4s, vm.4s
#define VSSHL_D2(m, n, d) WORD $(0x4EE04400 | (m)<<16 | (n)<<5 | (d))          // sshl vd.2d, vn.2d, vm.2d
#define VUSHL_S4(m, n, d) WORD $(0x6EA04400 | (m)<<16 | (n)<<5 | (d))          // ushl vd.4s, vn.4s, vm.4s
#define VUSHL_D2(m, n, d) WORD $(0x6EE04400 | (m)<<16 | (n)<<5 | (d))          // ushl vd.2d, vn.2d, vm.2d
#define VABS_S4(n, d) WORD $(0x4EA0B800 | (n)<<5 | (d))                        // abs vd.4s, vn.4s
#define VABS_D2(n, d) WORD $(0x4EE0B800 | (n)<<5 | (d))                        // abs vd.2d, vn.2d
#define VNEG_S4(n, d) WORD $(0x6EA0B800 | (n)<<5 | (d))                        // neg vd.4s, vn.4s
#define VNEG_D2(n, d) WORD $(0x6EE0B800 | (n)<<5 | (d))                        // neg vd.2d, vn.2d
#define VCMLT0_S4(n, d) WORD $(0x4EA0A800 | (n)<<5 | (d))                      // cmlt vd.4s, vn.4s, #0
#define VCMLT0_D2(n, d) WORD $(0x4EE0A800 | (n)<<5 | (d))                      // cmlt vd.2d, vn.2d, #0
#define VSSHR_S4(s, n, d) WORD $(0x4F000400 | (64-(s))<<16 | (n)<<5 | (d))     // sshr vd.4s, vn.4s, #s
#define VSSHR_D2(s, n, d) WORD $(0x4F000400 | (128-(s))<<16 | (n)<<5 | (d))    // sshr vd.2d, vn.2d, #s
#define VSSRA_S4(s, n, d) WORD $(0x4F001400 | (64-(s))<<16 | (n)<<5 | (d))     // ssra vd.4s, vn.4s, #s
#define VSSRA_D2(s, n, d) WORD $(0x4F001400 | (128-(s))<<16 | (n)<<5 | (d))    // ssra vd.2d, vn.2d, #s
#define VSXTL_D2(n, d) WORD $(0x0F20A400 | (n)<<5 | (d))                       // sxtl vd.2d, vn.2s
#define VSXTL2_D2(n, d) WORD $(0x4F20A400 | (n)<<5 | (d))                      // sxtl2 vd.2d, vn.4s
#define VXTN_S2(n, d) WORD $(0x0EA12800 | (n)<<5 | (d))                        // xtn vd.2s, vn.2d
#define VXTN2_S4(n, d) WORD $(0x4EA12800 | (n)<<5 | (d))                       // xtn2 vd.4s, vn.2d

// Bits: BIC is n &^ m, ORN is n | ^m.
#define VBIC_B16(m, n, d) WORD $(0x4E601C00 | (m)<<16 | (n)<<5 | (d))          // bic vd.16b, vn.16b, vm.16b
#define VORN_B16(m, n, d) WORD $(0x4EE01C00 | (m)<<16 | (n)<<5 | (d))          // orn vd.16b, vn.16b, vm.16b
#define VMVN_B16(n, d) WORD $(0x6E205800 | (n)<<5 | (d))                       // mvn vd.16b, vn.16b

// Instructions that the assembler has, again by register number, for macros that take
// their registers as arguments.
#define VADD_S4(m, n, d) WORD $(0x4EA08400 | (m)<<16 | (n)<<5 | (d))           // add vd.4s, vn.4s, vm.4s
#define VADD_D2(m, n, d) WORD $(0x4EE08400 | (m)<<16 | (n)<<5 | (d))           // add vd.2d, vn.2d, vm.2d
#define VSUB_S4(m, n, d) WORD $(0x6EA08400 | (m)<<16 | (n)<<5 | (d))           // sub vd.4s, vn.4s, vm.4s
#define VSUB_D2(m, n, d) WORD $(0x6EE08400 | (m)<<16 | (n)<<5 | (d))           // sub vd.2d, vn.2d, vm.2d
#define VAND_B16(m, n, d) WORD $(0x4E201C00 | (m)<<16 | (n)<<5 | (d))          // and vd.16b, vn.16b, vm.16b
#define VORR_B16(m, n, d) WORD $(0x4EA01C00 | (m)<<16 | (n)<<5 | (d))          // orr vd.16b, vn.16b, vm.16b
#define VEOR_B16(m, n, d) WORD $(0x6E201C00 | (m)<<16 | (n)<<5 | (d))          // eor vd.16b, vn.16b, vm.16b
#define VBSL_B16(m, n, d) WORD $(0x6E601C00 | (m)<<16 | (n)<<5 | (d))          // bsl vd.16b, vn.16b, vm.16b
#define VBIT_B16(m, n, d) WORD $(0x6EA01C00 | (m)<<16 | (n)<<5 | (d))          // bit vd.16b, vn.16b, vm.16b
#define VBIF_B16(m, n, d) WORD $(0x6EE01C00 | (m)<<16 | (n)<<5 | (d))          // bif vd.16b, vn.16b, vm.16b
#define VMOV_B16(n, d) WORD $(0x4EA01C00 | (n)<<16 | (n)<<5 | (d))             // mov vd.16b, vn.16b
#define VSHL_S4(s, n, d) WORD $(0x4F005400 | (32+(s))<<16 | (n)<<5 | (d))      // shl vd.4s, vn.4s, #s
#define VSHL_D2(s, n, d) WORD $(0x4F005400 | (64+(s))<<16 | (n)<<5 | (d))      // shl vd.2d, vn.2d, #s
#define VUSHR_S4(s, n, d) WORD $(0x6F000400 | (64-(s))<<16 | (n)<<5 | (d))     // ushr vd.4s, vn.4s, #s
#define VUSHR_D2(s, n, d) WORD $(0x6F000400 | (128-(s))<<16 | (n)<<5 | (d))    // ushr vd.2d, vn.2d, #s
#define VEXT_B16(s, m, n, d) WORD $(0x6E000000 | (m)<<16 | (s)<<11 | (n)<<5 | (d)) // ext vd.16b, vn.16b, vm.16b, #s
