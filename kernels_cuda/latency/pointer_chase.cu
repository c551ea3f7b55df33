// Measures: load-to-use latency of one thread following addresses through global memory.
// Could fool it: an end clock that does not wait for the last load; lines left in a cache by an earlier pass.
// SASS: 16 dependent LDG.E.64 per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"

#if defined(FUNCTION_READONLY)
#define LOAD "ld.global.nc.u64 %0, [%0];"
#else
#define LOAD "ld.global.u64 %0, [%0];"
#endif

__device__ __forceinline__ u64 chase(u64 p, unsigned hops) {
#pragma unroll 1
    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) asm volatile(LOAD : "+l"(p)::"memory");
    }
    return p;
}

// `hops` is a positive multiple of 16; `warm` hops are walked before the clock starts.
extern "C" __global__ void probe(u64 start, unsigned warm, unsigned hops, Stamp* out) {
    u64 p = start;
#pragma unroll 1
    for (unsigned i = 0; i < warm; ++i) asm volatile(LOAD : "+l"(p)::"memory");
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(p);
    p = chase(p, hops);
    const u64 c1 = clock_after(p);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, p, smid(), 0};
}
