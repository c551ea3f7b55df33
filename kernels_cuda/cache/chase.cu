// Measures: load-to-use latency of one thread per block following addresses, through L1 or around it.
// Could fool it: lines that another launch left in a cache (the ring is walked before the clock starts); two blocks on one
// SM (each says where it ran).
// SASS: 16 dependent LDG.E.64 (past L1: .STRONG.GPU) per iteration between two clock reads.
#include "clock.cuh"

#if defined(TIER_L1)
#define LOAD "ld.global.ca.u64 %0, [%0];"
#else
#define LOAD "ld.global.cg.u64 %0, [%0];"
#endif

// Block b walks a ring that lies b * pitch behind the first one, and writes out[b]. After `warm` hops a stretch of `brief` is
// timed and then one of `hops`, both positive multiples of 16.
extern "C" __global__ void probe(u64 start, u64 pitch, unsigned warm, unsigned brief, unsigned hops, Stamp* out) {
    if (threadIdx.x) return;
    u64 p = start + blockIdx.x * pitch;
#pragma unroll 1
    for (unsigned i = 0; i < warm; ++i) asm volatile(LOAD : "+l"(p)::"memory");
    Stamp stretch{};
#pragma unroll 1
    for (unsigned part = 0; part < 2; ++part) {
        stretch.brief = (unsigned)(stretch.c1 - stretch.c0);
        const unsigned length = part ? hops : brief;
        stretch.g0 = globaltimer_now();
        stretch.c0 = clock_after(p);
#pragma unroll 1
        for (unsigned i = 0; i < length; i += 16) {
#pragma unroll
            for (int j = 0; j < 16; ++j) asm volatile(LOAD : "+l"(p)::"memory");
        }
        stretch.c1 = clock_after(p);
        stretch.g1 = globaltimer_now();
    }
    stretch.result = p;
    stretch.smid = smid();
    out[blockIdx.x] = stretch;
}
