// Measures: packing of strided blocks into contiguous bytes, or unpacking, in words of WORD bytes and 1 to 4 dimensions.
// Could fool it: index arithmetic that costs more than the memory; words narrower than the alignment allows.
// SASS: UNROLL loads and stores of WORD bytes per iteration; divisions are multiplications by what the host computed.
#ifndef WORD
#define WORD 16
#endif
#ifndef DIMS
#define DIMS 2
#endif
#ifndef UNROLL
#define UNROLL 1
#endif

typedef unsigned long long u64;

#if WORD == 16
typedef uint4 Word;
#define LOAD(v, p) asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p))
#define STORE(v, p) asm volatile("st.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(p), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory")
#elif WORD == 8
typedef uint2 Word;
#define LOAD(v, p) asm volatile("ld.global.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p))
#define STORE(v, p) asm volatile("st.global.v2.u32 [%0], {%1,%2};" ::"l"(p), "r"(v.x), "r"(v.y) : "memory")
#else
typedef unsigned Word;
#if WORD == 4
#define SUFFIX "u32"
#elif WORD == 2
#define SUFFIX "u16"
#else
#define SUFFIX "u8"
#endif
#define LOAD(v, p) asm volatile("ld.global." SUFFIX " %0, [%1];" : "=r"(v) : "l"(p))
#define STORE(v, p) asm volatile("st.global." SUFFIX " [%0], %1;" ::"l"(p), "r"(v) : "memory")
#endif

// n / d for n below 2^31, from magic = floor(2^32 (2^shift - d) / d) + 1 and shift = ceil(log2 d).
__device__ __forceinline__ unsigned quotient(unsigned n, unsigned magic, unsigned shift) {
    return (__umulhi(n, magic) + n) >> shift;
}

// memory: the first block. words: of all blocks. per_block: words of a block; inner, middle: steps of the innermost
// stream and the one around it, each with its magic and shift. Strides in bytes, innermost first. A block of threads
// takes UNROLL times as many words in a row as it has threads: the front stays narrow in memory.
extern "C" __global__ void probe(char* memory, char* packed, unsigned words,
                                 unsigned per_block, unsigned per_block_magic, unsigned per_block_shift,
                                 unsigned inner, unsigned inner_magic, unsigned inner_shift,
                                 unsigned middle, unsigned middle_magic, unsigned middle_shift,
                                 long long stride_inner, long long stride_middle, long long stride_outer) {
    const unsigned tile = UNROLL * blockDim.x;
#pragma unroll 1
    for (unsigned base = blockIdx.x * tile + threadIdx.x; base < words; base += gridDim.x * tile) {
        char* strided[UNROLL];
        char* dense[UNROLL];
        Word value[UNROLL];
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) {
            // Past the end the thread's own first word once more: one word for all would make their stores wait in line.
            const unsigned p = j == 0 || base + j * blockDim.x < words ? base + j * blockDim.x : base;
            dense[j] = packed + (u64)p * WORD;
#if DIMS == 1
            strided[j] = memory + (u64)p * WORD;
#else
            const unsigned b = quotient(p, per_block_magic, per_block_shift);
            strided[j] = memory + (u64)(p - b * per_block) * WORD;
#if DIMS >= 3
            const unsigned row = quotient(b, inner_magic, inner_shift);
            strided[j] += (b - row * inner) * stride_inner;
#if DIMS >= 4
            const unsigned plane = quotient(row, middle_magic, middle_shift);
            strided[j] += (row - plane * middle) * stride_middle + plane * stride_outer;
#else
            strided[j] += row * stride_middle;
#endif
#else
            strided[j] += b * stride_inner;
#endif
#endif
        }
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) {
#ifdef DIRECTION_UNPACK
            LOAD(value[j], dense[j]);
#else
            LOAD(value[j], strided[j]);
#endif
        }
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) {
#ifdef DIRECTION_UNPACK
            STORE(value[j], strided[j]);
#else
            STORE(value[j], dense[j]);
#endif
        }
    }
}
