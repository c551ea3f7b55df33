// Measures: load-to-use latency of one thread following addresses through shared memory.
// Could fool it: an end clock that does not wait for the last load.
// SASS: 16 dependent LDS per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"

extern __shared__ unsigned ring[];

// `offsets`: a ring of element offsets, `words` long; it is copied to shared memory as addresses.
extern "C" __global__ void probe(const unsigned* offsets, unsigned words, unsigned start, unsigned hops, Stamp* out) {
    const unsigned base = (unsigned)__cvta_generic_to_shared(ring);
#pragma unroll 1
    for (unsigned i = 0; i < words; ++i) ring[i] = base + 4 * offsets[i];
    unsigned p = base + 4 * start;
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(p);
#pragma unroll 1
    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) asm volatile("ld.shared.u32 %0, [%0];" : "+r"(p)::"memory");
    }
    const u64 c1 = clock_after(p);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, (p - base) / 4, smid(), 0};
}
