// One atomic operation of shared or global memory, chosen by macros: FUNCTION_ADD, _MIN, _EXCH or _CAS, on a DTYPE,
// in a SOURCE. `Value` holds its bits; PTX ISA, "atom" and "red".
#pragma once

#if defined(DTYPE_U64) || defined(DTYPE_F64)
typedef unsigned long long Value;
#define BITS "b64"
#define IN(v) "l"(v)
#define OUT(v) "=l"(v)
#else
typedef unsigned Value;
#define BITS "b32"
#define IN(v) "r"(v)
#define OUT(v) "=r"(v)
#endif

#if defined(DTYPE_U64)
#define NUMBER "u64"
#elif defined(DTYPE_F64)
#define NUMBER "f64"
#elif defined(DTYPE_F32)
#define NUMBER "f32"
#elif defined(DTYPE_F16X2)
#define NUMBER "noftz.f16x2"
#elif defined(DTYPE_BF16X2)
#define NUMBER "noftz.bf16x2"
#else
#define NUMBER "u32"
#endif

#if defined(SOURCE_SHARED)
#define SPACE "shared"
typedef unsigned Where;
#define AT(p) "r"(p)
#else
#define SPACE "global"
typedef unsigned long long Where;
#define AT(p) "l"(p)
#endif

#if defined(FUNCTION_ADD)
#define OPERATION "add." NUMBER
#elif defined(FUNCTION_MIN)
#define OPERATION "min." NUMBER
#elif defined(FUNCTION_EXCH)
#define OPERATION "exch." BITS
#else
#define OPERATION "cas." BITS
#endif

// What stood at p before. CAS compares with x and stores `swap`, which no other operation looks at.
__device__ __forceinline__ Value atom(Where p, Value x, Value swap) {
    Value before;
#if defined(DTYPE_F32) || defined(DTYPE_F64)
#if defined(DTYPE_F32)
    asm volatile("{\n\t.reg .f32 a, b;\n\tmov.b32 a, %2;\n\tatom." SPACE "." OPERATION
                 " b, [%1], a;\n\tmov.b32 %0, b;\n\t}"
                 : OUT(before)
                 : AT(p), IN(x)
                 : "memory");
#else
    asm volatile("{\n\t.reg .f64 a, b;\n\tmov.b64 a, %2;\n\tatom." SPACE "." OPERATION
                 " b, [%1], a;\n\tmov.b64 %0, b;\n\t}"
                 : OUT(before)
                 : AT(p), IN(x)
                 : "memory");
#endif
#elif defined(FUNCTION_CAS)
    asm volatile("atom." SPACE "." OPERATION " %0, [%1], %2, %3;"
                 : OUT(before)
                 : AT(p), IN(x), IN(swap)
                 : "memory");
#else
    asm volatile("atom." SPACE "." OPERATION " %0, [%1], %2;" : OUT(before) : AT(p), IN(x) : "memory");
#endif
    return before;
}

#if defined(FUNCTION_ADD) || defined(FUNCTION_MIN)
__device__ __forceinline__ void reduce(Where p, Value x) {
#if defined(DTYPE_F32)
    asm volatile("{\n\t.reg .f32 a;\n\tmov.b32 a, %1;\n\tred." SPACE "." OPERATION " [%0], a;\n\t}" ::AT(p), IN(x)
                 : "memory");
#elif defined(DTYPE_F64)
    asm volatile("{\n\t.reg .f64 a;\n\tmov.b64 a, %1;\n\tred." SPACE "." OPERATION " [%0], a;\n\t}" ::AT(p), IN(x)
                 : "memory");
#else
    asm volatile("red." SPACE "." OPERATION " [%0], %1;" ::AT(p), IN(x) : "memory");
#endif
}
#endif
