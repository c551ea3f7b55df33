// Conversions. Where both types have as many bits, the bits of the result are the next source; else there and back.
#pragma once
#include "operation.cuh"

OPERATION(CVT_S32_F32, u32, "r", "{\n\t.reg .f32 t;\n\tcvt.rn.f32.s32 t, %0;\n\tmov.b32 %0, t;\n\t}")
OPERATION(CVT_F32_S32, u32, "r", "{\n\t.reg .f32 t;\n\tmov.b32 t, %0;\n\tcvt.rzi.s32.f32 %0, t;\n\t}")
OPERATION(CVT_S8_F32, u32, "r", "{\n\t.reg .f32 t;\n\tcvt.rn.f32.s8 t, %0;\n\tmov.b32 %0, t;\n\t}")
OPERATION(CVT_F32_F16X2, float, "f",
          "{\n\t.reg .b32 t;\n\tcvt.rn.f16x2.f32 t, %0, %1;\n\tmov.b32 %0, t;\n\t}")
OPERATION(CVT_F32_BF16X2, float, "f",
          "{\n\t.reg .b32 t;\n\tcvt.rn.bf16x2.f32 t, %0, %1;\n\tmov.b32 %0, t;\n\t}")
OPERATION(CVT_F16_F32, float, "f",
          "{\n\t.reg .b16 l, h;\n\tmov.b32 {l, h}, %0;\n\tcvt.f32.f16 %0, h;\n\t}")
OPERATIONS(CVT_F32_TF32, u32, "r", 1, 64, "{\n\t.reg .f32 t;\n\tmov.b32 t, %0;\n\tcvt.rna.tf32.f32 %0, t;\n\t}")
OPERATION(RINT_F32, float, "f", "cvt.rni.f32.f32 %0, %0;")
OPERATION(CVT_S64_F64, u64, "l", "{\n\t.reg .f64 t;\n\tcvt.rn.f64.s64 t, %0;\n\tmov.b64 %0, t;\n\t}")
OPERATION(CVT_F64_S64, u64, "l", "{\n\t.reg .f64 t;\n\tmov.b64 t, %0;\n\tcvt.rzi.s64.f64 %0, t;\n\t}")
OPERATIONS(CVT_F64_F32_F64, double, "d", 2, 112,
           "{\n\t.reg .f32 t;\n\tcvt.rn.f32.f64 t, %0;\n\tcvt.f64.f32 %0, t;\n\t}")
OPERATIONS(CVT_F64_S32_F64, double, "d", 2, 112,
           "{\n\t.reg .s32 t;\n\tcvt.rzi.s32.f64 t, %0;\n\tcvt.rn.f64.s32 %0, t;\n\t}")
OPERATIONS(CVT_S64_F32_S64, u64, "l", 2, 112,
           "{\n\t.reg .f32 t;\n\tcvt.rn.f32.s64 t, %0;\n\tcvt.rzi.s64.f32 %0, t;\n\t}")
OPERATION(CVT_U32_F32, u32, "r", "{\n\t.reg .f32 t;\n\tcvt.rn.f32.u32 t, %0;\n\tmov.b32 %0, t;\n\t}")
OPERATION(CVT_F32_U32, u32, "r", "{\n\t.reg .f32 t;\n\tmov.b32 t, %0;\n\tcvt.rzi.u32.f32 %0, t;\n\t}")
OPERATIONS(CVT_S32_F16_S32, u32, "r", 2, 112,
           "{\n\t.reg .b16 t;\n\tcvt.rn.f16.s32 t, %0;\n\tcvt.rzi.s32.f16 %0, t;\n\t}")
// The upper half is widened; the lower one is filled with an operand as it is narrowed again.
#if __CUDA_ARCH__ >= 900
#define WIDEN_BF16 "cvt.f32.bf16 t, l;"
#else
#define WIDEN_BF16 "mov.b16 h, 0;\n\tmov.b32 t, {h, l};"
#endif
OPERATIONS(CVT_BF16_F32_BF16, u32, "r", 2, 112,
           "{\n\t.reg .b16 l, h;\n\t.reg .f32 t, u;\n\tcvt.u16.u32 l, %0;\n\t" WIDEN_BF16 "\n\tmov.b32 u, %1;\n\tcvt.rn.bf16x2.f32 %0, u, t;\n\t}")
// Between the two formats of 16 bits there is a way of its own since sm_90, and one through float32 before.
#if __CUDA_ARCH__ >= 900
OPERATIONS(CVT_F16_BF16_F16, u32, "r", 2, 112,
           "{\n\t.reg .b16 l, h, t;\n\tmov.b32 {l, h}, %0;\n\tcvt.rn.bf16.f16 t, l;\n\tcvt.rn.f16.bf16 l, t;\n\t"
           "mov.b32 %0, {l, h};\n\t}")
OPERATIONS(CVT_S32_BF16_S32, u32, "r", 2, 112,
           "{\n\t.reg .b16 t;\n\tcvt.rn.bf16.s32 t, %0;\n\tcvt.rzi.s32.bf16 %0, t;\n\t}")
#else
OPERATIONS(CVT_F16_BF16_F16, u32, "r", 2, 56,
           "{\n\t.reg .b16 l, h, t, z;\n\t.reg .f32 w;\n\tmov.b32 {l, h}, %0;\n\tcvt.f32.f16 w, l;\n\t"
           "cvt.rn.bf16.f32 t, w;\n\tmov.b16 z, 0;\n\tmov.b32 w, {z, t};\n\tcvt.rn.f16.f32 l, w;\n\t"
           "mov.b32 %0, {l, h};\n\t}")
OPERATIONS(CVT_S32_BF16_S32, u32, "r", 2, 56,
           "{\n\t.reg .b16 t, z;\n\t.reg .f32 w;\n\tcvt.rn.f32.s32 w, %0;\n\tcvt.rn.bf16.f32 t, w;\n\t"
           "mov.b16 z, 0;\n\tmov.b32 w, {z, t};\n\tcvt.rzi.s32.f32 %0, w;\n\t}")
#endif
