// One warp-wide mma.sync or mma.sp of the PTX ISA, D = A x B + D, from knobs: M, K, SPARSE, A_TYPE_*, B_TYPE_*,
// ACC_TYPE_* and FUNCTION_MUL, FUNCTION_XOR or FUNCTION_AND.
//
// A fragment is counted in registers of a lane: rows x columns x bits / 32 lanes / bits of a register. PTX names types,
// but takes any register of the right width, so that all 32-bit fragments are words here. The lists of operands have
// to be spelled out: inline assembly numbers them through D, A and B.
#pragma once

#define MMA_N 8

#if defined(A_TYPE_F16)
#define MMA_A "f16"
#define MMA_BITS 16
#elif defined(A_TYPE_BF16)
#define MMA_A "bf16"
#define MMA_BITS 16
#elif defined(A_TYPE_TF32)
#define MMA_A "tf32"
#define MMA_BITS 32
#elif defined(A_TYPE_F64)
#define MMA_A "f64"
#define MMA_BITS 64
#elif defined(A_TYPE_E4M3)
#define MMA_A "e4m3"
#define MMA_BITS 8
#define MMA_FLOAT8 1
#elif defined(A_TYPE_E5M2)
#define MMA_A "e5m2"
#define MMA_BITS 8
#define MMA_FLOAT8 1
#elif defined(A_TYPE_S8)
#define MMA_A "s8"
#define MMA_BITS 8
#elif defined(A_TYPE_U8)
#define MMA_A "u8"
#define MMA_BITS 8
#elif defined(A_TYPE_S4)
#define MMA_A "s4"
#define MMA_BITS 4
#elif defined(A_TYPE_U4)
#define MMA_A "u4"
#define MMA_BITS 4
#elif defined(A_TYPE_B1)
#define MMA_A "b1"
#define MMA_BITS 1
#endif

#if defined(B_TYPE_F16)
#define MMA_B "f16"
#elif defined(B_TYPE_BF16)
#define MMA_B "bf16"
#elif defined(B_TYPE_TF32)
#define MMA_B "tf32"
#elif defined(B_TYPE_F64)
#define MMA_B "f64"
#elif defined(B_TYPE_E4M3)
#define MMA_B "e4m3"
#elif defined(B_TYPE_E5M2)
#define MMA_B "e5m2"
#elif defined(B_TYPE_S8)
#define MMA_B "s8"
#elif defined(B_TYPE_U8)
#define MMA_B "u8"
#elif defined(B_TYPE_S4)
#define MMA_B "s4"
#elif defined(B_TYPE_U4)
#define MMA_B "u4"
#elif defined(B_TYPE_B1)
#define MMA_B "b1"
#endif

#if defined(ACC_TYPE_F16)
#define MMA_D "f16"
#define MMA_D_BITS 16
#elif defined(ACC_TYPE_F32)
#define MMA_D "f32"
#define MMA_D_BITS 32
#elif defined(ACC_TYPE_F64)
#define MMA_D "f64"
#define MMA_D_BITS 64
#elif defined(ACC_TYPE_S32)
#define MMA_D "s32"
#define MMA_D_BITS 32
#endif

#if MMA_BITS == 64
typedef double Word;
#define MMA_IN "d"
#define MMA_IO "+d"
#define MMA_WORD 64
#else
typedef unsigned Word;
#define MMA_IN "r"
#define MMA_IO "+r"
#define MMA_WORD 32
#endif

// m8n8k4 of f16 is four products at once, one for each quarter of the warp.
#if M == 8 && MMA_BITS == 16
#define MMA_TILES 4
#else
#define MMA_TILES 1
#endif

#define MMA_A_WORDS (MMA_TILES * M * K / (1 + SPARSE) * MMA_BITS / 32 / MMA_WORD)
#define MMA_B_WORDS (MMA_TILES * K * MMA_N * MMA_BITS / 32 / MMA_WORD)
#define MMA_D_WORDS (MMA_TILES * M * MMA_N * MMA_D_BITS / 32 / MMA_WORD)

#define MMA_TEXT_OF(number) #number
#define MMA_TEXT(number) MMA_TEXT_OF(number)
#define MMA_SHAPE "m" MMA_TEXT(M) "n" MMA_TEXT(MMA_N) "k" MMA_TEXT(K)

#if defined(FUNCTION_XOR)
#define MMA_BITWISE ".xor.popc"
#elif defined(FUNCTION_AND)
#define MMA_BITWISE ".and.popc"
#else
#define MMA_BITWISE ""
#endif

#if SPARSE
#define MMA_NAME "mma.sp::ordered_metadata.sync.aligned."
#else
#define MMA_NAME "mma.sync.aligned."
#endif
#define MMA_NAMED MMA_NAME MMA_SHAPE ".row.col." MMA_D "." MMA_A "." MMA_B "." MMA_D MMA_BITWISE " "

#if MMA_D_WORDS == 2
#define MMA_D_LIST "{%0,%1}"
#define MMA_D_OPERANDS(d) MMA_IO(d[0]), MMA_IO(d[1])
#elif MMA_D_WORDS == 4
#define MMA_D_LIST "{%0,%1,%2,%3}"
#define MMA_D_OPERANDS(d) MMA_IO(d[0]), MMA_IO(d[1]), MMA_IO(d[2]), MMA_IO(d[3])
#else
#define MMA_D_LIST "{%0,%1,%2,%3,%4,%5,%6,%7}"
#define MMA_D_OPERANDS(d) \
    MMA_IO(d[0]), MMA_IO(d[1]), MMA_IO(d[2]), MMA_IO(d[3]), MMA_IO(d[4]), MMA_IO(d[5]), MMA_IO(d[6]), MMA_IO(d[7])
#endif

#if MMA_A_WORDS == 1
#define MMA_A_OPERANDS(a) MMA_IN(a[0])
#elif MMA_A_WORDS == 2
#define MMA_A_OPERANDS(a) MMA_IN(a[0]), MMA_IN(a[1])
#elif MMA_A_WORDS == 4
#define MMA_A_OPERANDS(a) MMA_IN(a[0]), MMA_IN(a[1]), MMA_IN(a[2]), MMA_IN(a[3])
#else
#define MMA_A_OPERANDS(a) \
    MMA_IN(a[0]), MMA_IN(a[1]), MMA_IN(a[2]), MMA_IN(a[3]), MMA_IN(a[4]), MMA_IN(a[5]), MMA_IN(a[6]), MMA_IN(a[7])
#endif

#if MMA_B_WORDS == 1
#define MMA_B_OPERANDS(b) MMA_IN(b[0])
#elif MMA_B_WORDS == 2
#define MMA_B_OPERANDS(b) MMA_IN(b[0]), MMA_IN(b[1])
#else
#define MMA_B_OPERANDS(b) MMA_IN(b[0]), MMA_IN(b[1]), MMA_IN(b[2]), MMA_IN(b[3])
#endif

// Lists by (number of the first operand, operands).
#define MMA_LIST_2_1 "{%2}"
#define MMA_LIST_2_2 "{%2,%3}"
#define MMA_LIST_2_4 "{%2,%3,%4,%5}"
#define MMA_LIST_3_1 "{%3}"
#define MMA_LIST_4_1 "{%4}"
#define MMA_LIST_4_2 "{%4,%5}"
#define MMA_LIST_4_4 "{%4,%5,%6,%7}"
#define MMA_LIST_4_8 "{%4,%5,%6,%7,%8,%9,%10,%11}"
#define MMA_LIST_5_1 "{%5}"
#define MMA_LIST_6_1 "{%6}"
#define MMA_LIST_6_2 "{%6,%7}"
#define MMA_LIST_6_4 "{%6,%7,%8,%9}"
#define MMA_LIST_8_1 "{%8}"
#define MMA_LIST_8_2 "{%8,%9}"
#define MMA_LIST_8_4 "{%8,%9,%10,%11}"
#define MMA_LIST_10_2 "{%10,%11}"
#define MMA_LIST_12_4 "{%12,%13,%14,%15}"
#define MMA_LIST_OF(first, count) MMA_LIST_##first##_##count
#define MMA_LIST(first, count) MMA_LIST_OF(first, count)

#if MMA_A_WORDS == 1
#define MMA_A_COUNT 1
#elif MMA_A_WORDS == 2
#define MMA_A_COUNT 2
#elif MMA_A_WORDS == 4
#define MMA_A_COUNT 4
#else
#define MMA_A_COUNT 8
#endif
#if MMA_B_WORDS == 1
#define MMA_B_COUNT 1
#elif MMA_B_WORDS == 2
#define MMA_B_COUNT 2
#else
#define MMA_B_COUNT 4
#endif
#if MMA_D_WORDS == 2
#define MMA_A_FIRST 2
#elif MMA_D_WORDS == 4
#define MMA_A_FIRST 4
#else
#define MMA_A_FIRST 8
#endif
#if MMA_D_WORDS + MMA_A_WORDS == 3
#define MMA_B_FIRST 3
#elif MMA_D_WORDS + MMA_A_WORDS == 4
#define MMA_B_FIRST 4
#elif MMA_D_WORDS + MMA_A_WORDS == 5
#define MMA_B_FIRST 5
#elif MMA_D_WORDS + MMA_A_WORDS == 6
#define MMA_B_FIRST 6
#elif MMA_D_WORDS + MMA_A_WORDS == 8
#define MMA_B_FIRST 8
#elif MMA_D_WORDS + MMA_A_WORDS == 10
#define MMA_B_FIRST 10
#else
#define MMA_B_FIRST 12
#endif

// The metadata stands behind B; its selector is 0, the lowest lanes of each four.
#if MMA_B_FIRST + MMA_B_COUNT == 8
#define MMA_METADATA ",%8,0"
#elif MMA_B_FIRST + MMA_B_COUNT == 10
#define MMA_METADATA ",%10,0"
#elif MMA_B_FIRST + MMA_B_COUNT == 6
#define MMA_METADATA ",%6,0"
#else
#define MMA_METADATA ",%12,0"
#endif

__device__ __forceinline__ void mma(
    Word (&d)[MMA_D_WORDS], const Word (&a)[MMA_A_WORDS], const Word (&b)[MMA_B_WORDS], unsigned metadata) {
#if SPARSE
    asm volatile(MMA_NAMED MMA_D_LIST "," MMA_LIST(MMA_A_FIRST, MMA_A_COUNT) "," MMA_LIST(MMA_B_FIRST, MMA_B_COUNT) ","
                     MMA_D_LIST MMA_METADATA ";"
                 : MMA_D_OPERANDS(d)
                 : MMA_A_OPERANDS(a), MMA_B_OPERANDS(b), "r"(metadata));
#else
    asm volatile(MMA_NAMED MMA_D_LIST "," MMA_LIST(MMA_A_FIRST, MMA_A_COUNT) "," MMA_LIST(MMA_B_FIRST, MMA_B_COUNT) ","
                     MMA_D_LIST ";"
                 : MMA_D_OPERANDS(d)
                 : MMA_A_OPERANDS(a), MMA_B_OPERANDS(b));
#endif
}
