// The DPX intrinsics of the CUDA math API. The compiler makes one instruction of each where the target has one.
//
// A chain of maxima of two inputs alternates with minima: two maxima in a row become one instruction of three inputs,
// which is what *_FUSED shows. An intrinsic that gives predicates has one of them choose the next value.
#pragma once
#include "operation.cuh"

#if __CUDA_ARCH__ >= 900
#define DPX_BODY 224
#define DPX_PREDICATE_BODY 112  // of up to seven instructions each
#else
#define DPX_BODY 16  // of up to 14 instructions each
#define DPX_PREDICATE_BODY DPX_BODY
#endif

// The compiler may not know the value that it has just computed.
__device__ __forceinline__ u32 opaque(u32 x) {
    asm volatile("" : "+r"(x));
    return x;
}

#define DPX(NAME, expression)                                                           \
    struct NAME : Step<u32, 1, DPX_BODY> {                                              \
        static __device__ __forceinline__ void step(u32& x, u32 a, u32 b, int j) {      \
            x = opaque((u32)(expression));                                              \
        }                                                                               \
    };                                                                                  \
    OFFER(NAME)

// %0 of the larger or smaller, and whether the first was it (in both halves): the choice takes an instruction more.
#define DPX_PREDICATE(NAME, call)                                                       \
    struct NAME : Step<u32, 1, DPX_PREDICATE_BODY> {                                    \
        static __device__ __forceinline__ void step(u32& x, u32 a, u32 b, int) {        \
            bool p, q;                                                                  \
            const u32 r = opaque((u32)(call));                                          \
            x = opaque(p ? r : b);                                                      \
        }                                                                               \
    };                                                                                  \
    OFFER(NAME)

DPX(VIADDMAX_S32, __viaddmax_s32(x, a, b))
DPX(VIADDMAX_S32_RELU, __viaddmax_s32_relu(x, a, b))
DPX(VIADDMAX_U32, __viaddmax_u32(x, a, b))
DPX(VIADDMAX_S16X2, __viaddmax_s16x2(x, a, b))
DPX(VIADDMAX_S16X2_RELU, __viaddmax_s16x2_relu(x, a, b))
DPX(VIADDMAX_U16X2, __viaddmax_u16x2(x, a, b))
DPX(VIADDMIN_S32, __viaddmin_s32(x, a, b))
DPX(VIADDMIN_S32_RELU, __viaddmin_s32_relu(x, a, b))
DPX(VIADDMIN_U32, __viaddmin_u32(x, a, b))
DPX(VIADDMIN_S16X2, __viaddmin_s16x2(x, a, b))
DPX(VIADDMIN_S16X2_RELU, __viaddmin_s16x2_relu(x, a, b))
DPX(VIADDMIN_U16X2, __viaddmin_u16x2(x, a, b))
DPX(VIMAX3_S32, __vimax3_s32(x, a, b))
DPX(VIMAX3_S32_RELU, __vimax3_s32_relu(x, a, b))
DPX(VIMAX3_U32, __vimax3_u32(x, a, b))
DPX(VIMAX3_S16X2, __vimax3_s16x2(x, a, b))
DPX(VIMAX3_S16X2_RELU, __vimax3_s16x2_relu(x, a, b))
DPX(VIMAX3_U16X2, __vimax3_u16x2(x, a, b))
DPX(VIMIN3_S32, __vimin3_s32(x, a, b))
DPX(VIMIN3_S32_RELU, __vimin3_s32_relu(x, a, b))
DPX(VIMIN3_U32, __vimin3_u32(x, a, b))
DPX(VIMIN3_S16X2, __vimin3_s16x2(x, a, b))
DPX(VIMIN3_S16X2_RELU, __vimin3_s16x2_relu(x, a, b))
DPX(VIMIN3_U16X2, __vimin3_u16x2(x, a, b))
DPX(VIMAX_S32_RELU, j % 2 ? __vimin_s32_relu(x, a) : __vimax_s32_relu(x, a))
DPX(VIMIN_S32_RELU, j % 2 ? __vimax_s32_relu(x, a) : __vimin_s32_relu(x, a))
DPX(VIMAX_S16X2_RELU, j % 2 ? __vimin_s16x2_relu(x, a) : __vimax_s16x2_relu(x, a))
DPX(VIMIN_S16X2_RELU, j % 2 ? __vimax_s16x2_relu(x, a) : __vimin_s16x2_relu(x, a))
DPX(VIMAX_S32_RELU_FUSED, __vimax_s32_relu(x, a))
DPX(VIMAX_S16X2_RELU_FUSED, __vimax_s16x2_relu(x, a))
DPX_PREDICATE(VIBMAX_S32, __vibmax_s32(x, a, &p))
DPX_PREDICATE(VIBMAX_U32, __vibmax_u32(x, a, &p))
DPX_PREDICATE(VIBMAX_S16X2, __vibmax_s16x2(x, a, &p, &q))
DPX_PREDICATE(VIBMAX_U16X2, __vibmax_u16x2(x, a, &p, &q))
DPX_PREDICATE(VIBMIN_S32, __vibmin_s32(x, a, &p))
DPX_PREDICATE(VIBMIN_U32, __vibmin_u32(x, a, &p))
DPX_PREDICATE(VIBMIN_S16X2, __vibmin_s16x2(x, a, &p, &q))
DPX_PREDICATE(VIBMIN_U16X2, __vibmin_u16x2(x, a, &p, &q))
