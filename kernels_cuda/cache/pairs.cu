// Measures: what one load brings into a cache: whether a second load, `offset` bytes from it, hits.
// Could fool it: an end clock that does not wait; the clock's own cost (a third load of the same place cancels it).
// SASS: one LDG.E.64 per iteration (past L1: .STRONG.GPU) between clock reads that wait for it.
#include "clock.cuh"

#if defined(TIER_L1)
#define LOAD "ld.global.ca.u64 %0, [%0];"
#else
#define LOAD "ld.global.cg.u64 %0, [%0];"
#endif

// `hops` is 1: a loop, so that the timed load is the only one between its clocks wherever the compiler puts it.
__device__ __forceinline__ unsigned timed(u64& p, unsigned hops) {
    const u64 c0 = clock_after(p);
#pragma unroll 1
    for (unsigned i = 0; i < hops; ++i) asm volatile(LOAD : "+l"(p)::"memory");
    return (unsigned)(clock_after(p) - c0);
}

// Stretch k of memory lies at k * step; its first word points at a second one, which points at itself. Each block of threads
// has `count` stretches. Per stretch: the cycles of the load of the first word, of the second, of the second again, and
// whether the loads went there.
extern "C" __global__ void probe(u64 memory, u64 step, u64 offset, unsigned count, unsigned hops, unsigned* cycles) {
    memory += blockIdx.x * count * step;
    cycles += 4 * blockIdx.x * count;
#pragma unroll 1
    for (unsigned k = 0; k < count; ++k) {
        const u64 place = memory + k * step;
        u64 p = place;
        const unsigned first = timed(p, hops), second = timed(p, hops), third = timed(p, hops);
        cycles[4 * k] = first;
        cycles[4 * k + 1] = second;
        cycles[4 * k + 2] = third;
        cycles[4 * k + 3] = p == place + offset;
    }
}
