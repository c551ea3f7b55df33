// Measures: load-to-use latency of a warp whose lanes load VECTOR bytes each, `stride` bytes apart.
// Could fool it: an end clock that waits for one lane only (a warp's load is one instruction: all lanes arrive).
// SASS: 16 dependent LDS or LDG of VECTOR bytes per iteration between two clock reads.
#include "clock.cuh"
#include "strided.cuh"

// What a place holds beside the address of its like in the next row.
struct Others {
    Place y = 0, z = 0, w = 0;
    unsigned sum = 0;
};

// The first word, or the first two, of what a place holds: the address of its like in the next row. The others are
// folded into a sum, beside the chain: of words that nothing uses the compiler makes a narrower load. They are folded once
// the next load is under way, so that nothing but the chain waits for a load, at the end of an iteration either.
__device__ __forceinline__ Place follow(Place p, Others& last) {
#if defined(SOURCE_GLOBAL) && VECTOR == 16
    Place other;
    asm volatile(STRIDED_SPACE ".v2.u64 {%0,%1}, [%0];" : "+l"(p), "=l"(other)::"memory");
    last.sum ^= (unsigned)last.y ^ (unsigned)(last.y >> 32);
    last.y = other;
#elif defined(SOURCE_GLOBAL)
    asm volatile(STRIDED_SPACE ".u64 %0, [%0];" : "+l"(p)::"memory");
#elif VECTOR == 16
    Place y, z, w;
    asm volatile(STRIDED_SPACE ".v4.u32 {%0,%1,%2,%3}, [%0];" : "+r"(p), "=r"(y), "=r"(z), "=r"(w)::"memory");
    last.sum ^= last.y ^ last.z ^ last.w;
    last.y = y, last.z = z, last.w = w;
#elif VECTOR == 8
    Place other;
    asm volatile(STRIDED_SPACE ".v2.u32 {%0,%1}, [%0];" : "+r"(p), "=r"(other)::"memory");
    last.sum ^= last.y;
    last.y = other;
#else
    asm volatile(STRIDED_SPACE ".u32 %0, [%0];" : "+r"(p)::"memory");
#endif
    return p;
}

__device__ __forceinline__ void set(Place p, Place next) {
#if defined(SOURCE_GLOBAL)
    asm volatile(STRIDED_STORE("64") " [%0], %1;" ::STRIDED_ADDRESS(p), "l"(next) : "memory");
#else
    asm volatile(STRIDED_STORE("32") " [%0], %1;" ::STRIDED_ADDRESS(p), "r"(next) : "memory");
#endif
}

// A warp per block, with three rows of places; those of global memory lie `pitch` bytes behind those of the block before. A
// stretch of `brief` steps is timed, then one of `steps`, both positive multiples of 16. `result` is the sum of the rows where
// the 32 lanes end.
extern "C" __global__ void probe(char* memory, u64 pitch, unsigned stride, unsigned brief, unsigned steps, Stamp* out) {
    const Place base = place_of(memory + blockIdx.x * pitch, threadIdx.x * stride);
    for (unsigned row = 0; row < 3; ++row) set(base + row * ROW, base + (row + 1) % 3 * ROW);
    __threadfence_block();
    __syncwarp();
    Place p = base;
    Others others;
#pragma unroll 1
    for (unsigned i = 0; i < 3; ++i) p = follow(p, others);
    Stamp stretch{};
#pragma unroll 1
    for (unsigned part = 0; part < 2; ++part) {
        stretch.brief = (unsigned)(stretch.c1 - stretch.c0);
        const unsigned length = part ? steps : brief;
        stretch.g0 = globaltimer_now();
        stretch.c0 = clock_after(p);
#pragma unroll 1
        for (unsigned i = 0; i < length; i += 16) {
#pragma unroll
            for (int j = 0; j < 16; ++j) p = follow(p, others);
        }
        stretch.c1 = clock_after(p);
        stretch.g1 = globaltimer_now();
    }
    unsigned rows = (unsigned)(p - base) / ROW;
    for (unsigned lanes = 16; lanes; lanes /= 2) rows += __shfl_xor_sync(0xffffffffu, rows, lanes);
    const unsigned rest = others.sum ^ (unsigned)(others.y ^ others.z ^ others.w);
    stretch.result = rest == 0x9e3779b9u ? ~0ull : rows;  // all that was loaded is of use
    stretch.smid = smid();
    if (threadIdx.x == 0) out[blockIdx.x] = stretch;
}
