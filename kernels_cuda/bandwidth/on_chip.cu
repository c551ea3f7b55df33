// Measures: bytes per clock that an SM reads from its own L1 or shared memory, all warps at work.
// Could fool it: loads that nothing uses, or that the compiler lifts out of the loop (they are volatile).
// SASS: UNROLL vector loads (LDG or LDS) of VECTOR bytes per iteration.
#ifndef VECTOR
#define VECTOR 16
#endif
#ifndef UNROLL
#define UNROLL 8
#endif

typedef unsigned long long u64;

#if defined(SOURCE_SHARED)
#define SPACE "ld.shared"
#define ADDRESS(p) "r"((unsigned)__cvta_generic_to_shared(p))
extern __shared__ float4 staged[];
#else
#define SPACE "ld.global"
#define ADDRESS(p) "l"(p)
#endif

// Reads VECTOR bytes and folds their bits into one word.
__device__ __forceinline__ unsigned read(const char* p) {
#if VECTOR == 16
    unsigned a, b, c, d;
    asm volatile(SPACE ".v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : ADDRESS(p));
    return a ^ b ^ c ^ d;
#elif VECTOR == 8
    unsigned a, b;
    asm volatile(SPACE ".v2.u32 {%0,%1}, [%2];" : "=r"(a), "=r"(b) : ADDRESS(p));
    return a ^ b;
#else
    unsigned a;
    asm volatile(SPACE ".u32 %0, [%1];" : "=r"(a) : ADDRESS(p));
    return a;
#endif
}

// Each block reads its `footprint` bytes of `memory` again and again; `rounds` counts iterations of the loop.
extern "C" __global__ void probe(const char* memory, unsigned footprint, unsigned rounds, unsigned* folded) {
    const char* mine = memory + (u64)blockIdx.x * footprint;
#if defined(SOURCE_SHARED)
    for (unsigned i = threadIdx.x; i < footprint / 16; i += blockDim.x) staged[i] = ((const float4*)mine)[i];
    __syncthreads();
    mine = (const char*)staged;
#endif
    const unsigned step = VECTOR * blockDim.x;
    unsigned offset = VECTOR * threadIdx.x, fold = 0;
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) fold ^= read(mine + offset + j * step);
        offset += UNROLL * step;
        if (offset >= footprint) offset -= footprint;
    }
    folded[blockIdx.x * blockDim.x + threadIdx.x] = fold;
}
