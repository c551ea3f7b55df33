// Floating-point arithmetic of 32, 2 x 16 and 64 bits. Multiply-adds take the operand %1 as factor, %2 as summand.
#pragma once
#include "operation.cuh"

OPERATION(ADD_F32, float, "f", "add.rn.f32 %0, %0, %1;")
OPERATION(MUL_F32, float, "f", "mul.rn.f32 %0, %0, %1;")
OPERATION(FMA_F32, float, "f", "fma.rn.f32 %0, %0, %1, %2;")
OPERATIONS(MIN_MAX_F32, float, "f", 2, 112, "min.f32 %0, %0, %1;\n\tmax.f32 %0, %0, %2;")
OPERATION(ADD_F16X2, u32, "r", "add.rn.f16x2 %0, %0, %1;")
OPERATION(MUL_F16X2, u32, "r", "mul.rn.f16x2 %0, %0, %1;")
OPERATION(FMA_F16X2, u32, "r", "fma.rn.f16x2 %0, %0, %1, %2;")
OPERATION(FMA_BF16X2, u32, "r", "fma.rn.bf16x2 %0, %0, %1, %2;")
// Sums and products of bf16 alone are sm_90's; before, a multiply-add by one and of nought does the same.
#if __CUDA_ARCH__ >= 900
OPERATION(ADD_BF16X2, u32, "r", "add.rn.bf16x2 %0, %0, %1;")
OPERATION(MUL_BF16X2, u32, "r", "mul.rn.bf16x2 %0, %0, %1;")
#else
OPERATION(ADD_BF16X2, u32, "r", "{\n\t.reg .b32 c;\n\tmov.b32 c, 0x3f803f80;\n\tfma.rn.bf16x2 %0, %0, c, %1;\n\t}")
OPERATION(MUL_BF16X2, u32, "r", "{\n\t.reg .b32 c;\n\tmov.b32 c, 0x80008000;\n\tfma.rn.bf16x2 %0, %0, %1, c;\n\t}")
#endif
OPERATIONS(MIN_MAX_BF16X2, u32, "r", 2, 112, "min.bf16x2 %0, %0, %1;\n\tmax.bf16x2 %0, %0, %2;")
OPERATIONS(MIN_MAX_F16X2, u32, "r", 2, 112, "min.f16x2 %0, %0, %1;\n\tmax.f16x2 %0, %0, %2;")
OPERATION(ADD_F64, double, "d", "add.rn.f64 %0, %0, %1;")
OPERATION(MUL_F64, double, "d", "mul.rn.f64 %0, %0, %1;")
OPERATION(FMA_F64, double, "d", "fma.rn.f64 %0, %0, %1, %2;")
OPERATIONS(SETP_SELP_F32, float, "f", 2, 112,
           "{\n\t.reg .pred p;\n\tsetp.gt.f32 p, %0, %1;\n\tselp.f32 %0, %2, %0, p;\n\t}")
OPERATIONS(SETP_SELP_F64, double, "d", 2, 64,
           "{\n\t.reg .pred p;\n\tsetp.gt.f64 p, %0, %1;\n\tselp.f64 %0, %2, %0, p;\n\t}")
// Division and roots. `rn` is IEEE's, which leaves for a subroutine where operands are close to the ends of the range.
#if __CUDA_ARCH__ >= 900
#define IEEE_BODY 16
#else
#define IEEE_BODY 8  // with the ways out a loop holds twice what it runs
#endif
OPERATIONS(DIV_APPROX_F32, float, "f", 1, 112, "div.approx.ftz.f32 %0, %1, %0;")
OPERATIONS(DIV_FULL_F32, float, "f", 1, 40, "div.full.ftz.f32 %0, %1, %0;")
OPERATIONS(DIV_RN_F32, float, "f", 1, IEEE_BODY, "div.rn.f32 %0, %1, %0;")
OPERATIONS(RCP_RN_F32, float, "f", 1, IEEE_BODY, "rcp.rn.f32 %0, %0;")
OPERATIONS(SQRT_RN_F32, float, "f", 1, IEEE_BODY, "sqrt.rn.f32 %0, %0;")
OPERATIONS(DIV_RN_F64, double, "d", 1, IEEE_BODY / 2, "div.rn.f64 %0, %1, %0;")
OPERATIONS(RCP_RN_F64, double, "d", 1, IEEE_BODY / 2, "rcp.rn.f64 %0, %0;")
OPERATIONS(SQRT_RN_F64, double, "d", 1, IEEE_BODY / 2, "sqrt.rn.f64 %0, %0;")
// The special function unit. Sign changes and absolute values are part of the operand, not instructions.
// The assembler knows that reciprocals undo each other and negate an exponent, hence a tangent in between.
OPERATIONS(RCP_TANH_F32, float, "f", 2, 112, "rcp.approx.ftz.f32 %0, %0;\n\ttanh.approx.f32 %0, %0;")
OPERATION(RSQRT_F32, float, "f", "rsqrt.approx.ftz.f32 %0, %0;")
OPERATION(SQRT_F32, float, "f", "sqrt.approx.ftz.f32 %0, %0;")
OPERATION(EX2_F32, float, "f", "{\n\t.reg .f32 t;\n\tneg.f32 t, %0;\n\tex2.approx.ftz.f32 %0, t;\n\t}")
OPERATIONS(LG2_EX2_F32, float, "f", 2, 112, "lg2.approx.ftz.f32 %0, %0;\n\tex2.approx.ftz.f32 %0, %0;")
OPERATIONS(SIN_F32, float, "f", 1, 112, "sin.approx.ftz.f32 %0, %0;")
OPERATIONS(COS_F32, float, "f", 1, 112, "cos.approx.ftz.f32 %0, %0;")
OPERATION(TANH_F32, float, "f", "tanh.approx.f32 %0, %0;")
OPERATIONS(TANH_F16X2, u32, "r", 1, 112, "tanh.approx.f16x2 %0, %0;")
OPERATIONS(EX2_F16X2, u32, "r", 1, 112, "{\n\t.reg .b32 t;\n\tneg.f16x2 t, %0;\n\tex2.approx.f16x2 %0, t;\n\t}")
