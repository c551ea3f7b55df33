// Measures: load-to-use latency of one thread following indices through a linear texture.
// Could fool it: an end clock that does not wait for the last fetch.
// SASS: 16 dependent texture fetches (TLD) per iteration between two clock reads, the second waiting for the last.
#include "clock.cuh"

__device__ __forceinline__ unsigned fetch(u64 texture, unsigned p) {
    unsigned x, y, z, w;
    asm volatile("tex.1d.v4.u32.s32 {%0,%1,%2,%3}, [%4, {%5}];"
                 : "=r"(x), "=r"(y), "=r"(z), "=r"(w)
                 : "l"(texture), "r"(p)
                 : "memory");
    return x;
}

extern "C" __global__ void probe(u64 texture, unsigned start, unsigned warm, unsigned hops, Stamp* out) {
    unsigned p = start;
#pragma unroll 1
    for (unsigned i = 0; i < warm; ++i) p = fetch(texture, p);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(p);
#pragma unroll 1
    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) p = fetch(texture, p);
    }
    const u64 c1 = clock_after(p);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, p, smid(), 0};
}
