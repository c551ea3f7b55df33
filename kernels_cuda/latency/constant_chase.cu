// Measures: load-to-use latency of one thread following byte offsets through constant memory.
// Could fool it: an index that the compiler knows (it is loaded); an end clock that does not wait.
// SASS: 16 dependent LDC per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"

__constant__ unsigned ring[16384];

__device__ __forceinline__ unsigned follow(unsigned p) { return *(const unsigned*)((const char*)ring + p); }

extern "C" __global__ void probe(unsigned start, unsigned warm, unsigned hops, Stamp* out) {
    unsigned p = start;
#pragma unroll 1
    for (unsigned i = 0; i < warm; ++i) p = follow(p);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after((u64)hops << 32 | p);  // the bound lies in constant memory too: fetch it before
#pragma unroll 1
    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) p = follow(p);
    }
    const u64 c1 = clock_after(p);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, p, smid(), 0};
}
