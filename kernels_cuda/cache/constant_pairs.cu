// Measures: what one load of constant memory brings into its first cache: whether a load `offset` bytes on hits.
// Could fool it: lines that are in the first cache already (the blocks are far more than it holds, each met once).
// SASS: one LDC per iteration between clock reads that wait for it.
#include "clock.cuh"

__constant__ unsigned ring[16384];

__device__ __forceinline__ unsigned timed(unsigned& p, unsigned hops) {
    const u64 c0 = clock_after((u64)hops << 32 | p);  // the bound lies in constant memory too: fetch it before
#pragma unroll 1
    for (unsigned i = 0; i < hops; ++i) p = *(const unsigned*)((const char*)ring + p);
    return (unsigned)(clock_after(p) - c0);
}

// Block k lies at byte first_at + k * step; its first word is the byte offset of a second one, which holds its own.
extern "C" __global__ void probe(unsigned first_at, unsigned step, unsigned offset, unsigned blocks, unsigned hops, unsigned* cycles) {
#pragma unroll 1
    for (unsigned k = 0; k < blocks; ++k) {
        const unsigned place = first_at + k * step;
        unsigned p = place;
        const unsigned first = timed(p, hops), second = timed(p, hops), third = timed(p, hops);
        cycles[4 * k] = first;
        cycles[4 * k + 1] = second;
        cycles[4 * k + 2] = third;
        cycles[4 * k + 3] = p == place + offset;
    }
}
