// Measures: load-to-use latency of one thread following indices through constant memory.
// Could fool it: an index that the compiler knows (it is loaded); an end clock that does not wait.
// SASS: 16 dependent LDC per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"

__constant__ unsigned ring[16384];

extern "C" __global__ void probe(unsigned start, unsigned warm, unsigned hops, Stamp* out) {
    u64 base;
    asm volatile("{.reg .u64 g; mov.u64 %0, ring;}" : "=l"(base));
    unsigned p = (unsigned)base + 4 * start;
#pragma unroll 1
    for (unsigned i = 0; i < warm; ++i) asm volatile("ld.const.u32 %0, [%0];" : "+r"(p)::"memory");
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(p);
#pragma unroll 1
    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) asm volatile("ld.const.u32 %0, [%0];" : "+r"(p)::"memory");
    }
    const u64 c1 = clock_after(p);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, (p - (unsigned)base) / 4, smid(), 0};
}
