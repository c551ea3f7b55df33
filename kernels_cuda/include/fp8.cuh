// Conversions of pairs to and from FP8 (PTX ISA, cvt with e4m3x2 and e5m2x2; sm_89), chosen by FUNCTION_x_y, from x to y,
// or FUNCTION_x_y_f16: from x to FP8 and on to f16, since a chain of conversions to FP8 alone would have moves in it.
// Pairs lie in words: two FP8 in the lower half of one, two f16 or bf16 in one, two f32 in two. bf16 goes to FP8 by way
// of f32, and FP8 to f32 and bf16 by way of f16: PTX has no shorter way before sm_100.
#pragma once

struct Pair {
    unsigned low, high;  // high: of f32 alone
};

#if defined(FUNCTION_E4M3_F16) || defined(FUNCTION_E4M3_F32) || defined(FUNCTION_E4M3_BF16) || \
    defined(FUNCTION_F16_E4M3_F16) || defined(FUNCTION_F32_E4M3_F16) || defined(FUNCTION_BF16_E4M3_F16)
#define FP8 "e4m3x2"
#else
#define FP8 "e5m2x2"
#endif

__device__ __forceinline__ unsigned halves_of(unsigned short pair) {
    unsigned halves;
    asm volatile("cvt.rn.f16x2." FP8 " %0, %1;" : "=r"(halves) : "h"(pair));
    return halves;
}

__device__ __forceinline__ unsigned short narrowed(unsigned low, unsigned high) {
    unsigned short pair;
    asm volatile("cvt.rn.satfinite." FP8 ".f32 %0, %2, %1;" : "=h"(pair) : "r"(low), "r"(high));
    return pair;
}

__device__ __forceinline__ Pair widened(unsigned halves) {
    Pair wide;
    asm volatile(
        "{\n\t.reg .b16 a, b;\n\tmov.b32 {a, b}, %2;\n\tcvt.f32.f16 %0, a;\n\tcvt.f32.f16 %1, b;\n\t}"
        : "=r"(wide.low), "=r"(wide.high)
        : "r"(halves));
    return wide;
}

__device__ __forceinline__ Pair convert(Pair from) {
#if defined(FUNCTION_F32_E4M3_F16) || defined(FUNCTION_F32_E5M2_F16)
    return Pair{halves_of(narrowed(from.low, from.high)), 0};
#elif defined(FUNCTION_BF16_E4M3_F16) || defined(FUNCTION_BF16_E5M2_F16)
    return Pair{halves_of(narrowed(from.low << 16, from.low & 0xffff0000)), 0};
#elif defined(FUNCTION_F16_E4M3_F16) || defined(FUNCTION_F16_E5M2_F16)
    unsigned short pair;
    asm volatile("cvt.rn.satfinite." FP8 ".f16x2 %0, %1;" : "=h"(pair) : "r"(from.low));
    return Pair{halves_of(pair), 0};
#elif defined(FUNCTION_E4M3_F16) || defined(FUNCTION_E5M2_F16)
    return Pair{halves_of((unsigned short)from.low), 0};
#elif defined(FUNCTION_E4M3_F32) || defined(FUNCTION_E5M2_F32)
    return widened(halves_of((unsigned short)from.low));
#else
    const Pair wide = widened(halves_of((unsigned short)from.low));
    unsigned both;
    asm volatile("cvt.rn.bf16x2.f32 %0, %2, %1;" : "=r"(both) : "r"(wide.low), "r"(wide.high));
    return Pair{both, 0};
#endif
}

// What the next conversion of a chain takes: it depends on all that the last one gave.
__device__ __forceinline__ Pair following(Pair gave) {
#if defined(FUNCTION_E4M3_F32) || defined(FUNCTION_E5M2_F32)
    return Pair{gave.low ^ gave.high, 0};
#elif defined(FUNCTION_F32_E4M3_F16) || defined(FUNCTION_F32_E5M2_F16)
    return Pair{gave.low, gave.low};
#else
    return gave;
#endif
}

// One pair after the other through memory, to be compared with a table.
__device__ __forceinline__ void convert_all(const Pair* from, Pair* to, unsigned count) {
#pragma unroll 1
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
        to[i] = convert(from[i]);
}
