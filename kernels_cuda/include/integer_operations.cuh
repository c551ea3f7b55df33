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
// The value divides, or the assembler would take reciprocals of the operands once and for all; mixed with an operand, it
// does not run out.
OPERATIONS(DIV_S32, u32, "r", 1, 8, "{\n\t.reg .s32 t;\n\tdiv.s32 t, %1, %0;\n\txor.b32 %0, t, %2;\n\t}")
OPERATIONS(REM_U32, u32, "r", 1, 8, "{\n\t.reg .u32 t;\n\trem.u32 t, %1, %0;\n\txor.b32 %0, t, %2;\n\t}")
OPERATIONS(REM_S32, u32, "r", 1, 8, "{\n\t.reg .s32 t;\n\trem.s32 t, %1, %0;\n\txor.b32 %0, t, %2;\n\t}")
OPERATIONS(DIV_U64, u64, "l", 1, 8, "{\n\t.reg .u64 t;\n\tdiv.u64 t, %1, %0;\n\txor.b64 %0, t, %2;\n\t}")
OPERATION(DP4A, u32, "r", "dp4a.s32.s32 %0, %0, %1, %2;")
OPERATIONS(MIN_MAX_S32, u32, "r", 2, 112, "min.s32 %0, %0, %1;\n\tmax.s32 %0, %0, %2;")
OPERATION(SAD_S32, u32, "r", "sad.s32 %0, %0, %1, %2;")
OPERATION(LOP3, u32, "r", "lop3.b32 %0, %0, %1, %2, 0x6a;")
OPERATION(SHL_B32, u32, "r", "shl.b32 %0, %0, %1;")
OPERATION(SHF_L_WRAP, u32, "r", "shf.l.wrap.b32 %0, %0, %1, %2;")
OPERATION(SHR_S32, u32, "r", "shr.s32 %0, %0, %1;")
OPERATION(SHF_R_CLAMP, u32, "r", "shf.r.clamp.b32 %0, %0, %1, %2;")
OPERATIONS(SHL_B64, u64, "l", 1, 112, "{\n\t.reg .u32 l, h;\n\tmov.b64 {l, h}, %1;\n\tshl.b64 %0, %0, l;\n\t}")
OPERATION(PRMT, u32, "r", "prmt.b32 %0, %0, %1, %2;")
OPERATION(POPC, u32, "r", "popc.b32 %0, %0;")
OPERATION(BREV, u32, "r", "brev.b32 %0, %0;")
OPERATION(FLO, u32, "r", "bfind.u32 %0, %0;")
OPERATIONS(CLZ, u32, "r", 1, 112, "clz.b32 %0, %0;")
OPERATIONS(SETP_SELP_S32, u32, "r", 2, 112,
           "{\n\t.reg .pred p;\n\tsetp.gt.s32 p, %0, %1;\n\tselp.b32 %0, %2, %0, p;\n\t}")

// Logic of predicates: 28 instructions, each of three predicates, that wait for each other. Votes over the operands make two of
// the predicates of a step (the assembler would repeat a comparison rather than keep its result), a comparison the third, and
// a choice the value.
#define TWICE(text) text text
OPERATIONS(PLOP3, u32, "r", 28, 4,
           "{\n\t.reg .pred p, q, r;\n\tsetp.gt.u32 q, %1, %2;\n\tvote.sync.any.pred q, q, 0xffffffff;\n\t"
           "setp.gt.u32 r, %2, %1;\n\tvote.sync.all.pred r, r, 0xffffffff;\n\tsetp.gt.u32 p, %0, %1;\n\t"
           TWICE(TWICE(TWICE("and.pred p, p, q;\n\txor.pred p, p, r;\n\tor.pred q, q, p;\n\txor.pred q, q, r;\n\t"
                             "and.pred r, r, q;\n\txor.pred r, r, p;\n\t")))
           "selp.b32 %0, %1, %2, p;\n\t}")
