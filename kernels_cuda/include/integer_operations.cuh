// Integer arithmetic, logic and bits of 32 and 64 bits. The assembler joins two sums to one of three inputs, so a step
// of additions has two of them.
#pragma once
#include "operation.cuh"

OPERATIONS(ADD_S32, u32, "r", 2, 240, "add.s32 %0, %0, %1;\n\tadd.s32 %0, %0, %2;")
OPERATION(MAD_S32, u32, "r", "mad.lo.s32 %0, %0, %1, %2;")
OPERATIONS(MAD_HI_U32, u32, "r", 1, 112, "mad.hi.u32 %0, %0, %1, %2;")
// Both halves of the product have a use, or the assembler would compute one of them only.
OPERATIONS(MUL_WIDE_U32, u64, "l", 1, 112,
          "{\n\t.reg .u32 l, h, f;\n\tmov.b64 {f, h}, %1;\n\tmov.b64 {l, h}, %0;\n\txor.b32 l, l, h;\n\t"
          "mul.wide.u32 %0, l, f;\n\t}")
OPERATIONS(ADD_S64, u64, "l", 2, 112, "add.s64 %0, %0, %1;\n\tadd.s64 %0, %0, %2;")
OPERATIONS(MAD_S64, u64, "l", 1, 48, "mad.lo.s64 %0, %0, %1, %2;")
OPERATIONS(DIV_U32, u32, "r", 1, 12, "div.u32 %0, %1, %0;")
OPERATION(DP4A, u32, "r", "dp4a.s32.s32 %0, %0, %1, %2;")
OPERATIONS(MIN_MAX_S32, u32, "r", 2, 112, "min.s32 %0, %0, %1;\n\tmax.s32 %0, %0, %2;")
OPERATION(SAD_S32, u32, "r", "sad.s32 %0, %0, %1, %2;")
OPERATION(LOP3, u32, "r", "lop3.b32 %0, %0, %1, %2, 0x6a;")
OPERATION(SHL_B32, u32, "r", "shl.b32 %0, %0, %1;")
OPERATION(SHF_L_WRAP, u32, "r", "shf.l.wrap.b32 %0, %0, %1, %2;")
OPERATION(PRMT, u32, "r", "prmt.b32 %0, %0, %1, %2;")
OPERATION(POPC, u32, "r", "popc.b32 %0, %0;")
OPERATION(BREV, u32, "r", "brev.b32 %0, %0;")
OPERATION(FLO, u32, "r", "bfind.u32 %0, %0;")
OPERATIONS(CLZ, u32, "r", 1, 112, "clz.b32 %0, %0;")
OPERATIONS(SETP_SELP_S32, u32, "r", 2, 112,
           "{\n\t.reg .pred p;\n\tsetp.gt.s32 p, %0, %1;\n\tselp.b32 %0, %2, %0, p;\n\t}")
