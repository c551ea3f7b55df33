// Measures: load-to-use latency of single loads from L2 at random places of an array, to tell hits from misses.
// Could fool it: an end clock that does not wait; a place met before (few places of many are met).
// SASS: one LDG.E.64.STRONG.GPU per iteration between clock reads that wait for it.
#include "clock.cuh"
#include "permutation.cuh"

// Every place holds its own address. Places `first` to `first + count` of a random order are loaded; `hops` is 1.
extern "C" __global__ void probe(u64 memory, u64 stride, unsigned places, unsigned half_bits, unsigned first,
                                 unsigned count, unsigned hops, unsigned* cycles, unsigned* wrong) {
    unsigned bad = 0;
#pragma unroll 1
    for (unsigned k = 0; k < count; ++k) {
        const u64 place = memory + stride * permuted((first + k) % places, places, half_bits);
        u64 p = place;
        const u64 c0 = clock_after(p);
#pragma unroll 1
        for (unsigned i = 0; i < hops; ++i) asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
        cycles[k] = (unsigned)(clock_after(p) - c0);
        bad += p != place;
    }
    *wrong += bad;
}
